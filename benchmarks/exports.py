"""One table of what an exported model costs: size, agreement and time.

    python -m benchmarks.exports

The scripts of notebooks 17 and 18, `examples/your_pictures_*.py`, are run on the
practice folder from beginning to end. Then every file that they leave answers the same
pictures: all originals of the folder, upright and shrunk by Pillow.
The table tells megabytes, the largest difference of a probability from the trained
model's, how many answers are the same, how many test pictures are answered rightly, and
the processor time for 1 and for 16 pictures as a share of the trained model's in the
same run (Keras: as a graph), the least of alternating rounds.

One process for each framework, one thread, three minutes of a processor core. Rows are
stored in exports.json; `--show` prints what is stored.
"""

import argparse
import contextlib
import datetime
import io
import json
import os
import platform
import runpy
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.special import softmax

from benchmarks import own_pictures as own
from course_utils.data import locate
from course_utils.session import ROOT

FILE = Path(__file__).with_name("exports.json")
FRAMEWORKS = ("pytorch", "tensorflow")
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)
RATES = ("3e-4", "1e-3", "3e-3")
ROUNDS, CALLS = 8, {1: 20, 16: 3}  # calls of a batch of 1 and of 16 in a round


# Forms of a model: name -> (function from bytes (B, side, side, 3) to shares, path)


def pytorch_forms(names, out):
    """Return the model in memory and the files of the script, as functions."""
    import onnxruntime
    import torch

    model = names["model"].cpu().eval()
    again = torch.export.load(out / "model.pt2").module()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1

    def pixels(pictures):  # the recipe of tiny-vit: from -1 to 1
        values = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2), "float32")
        return values / np.float32(127.5) - 1

    def by_torch(module):
        @torch.inference_mode()
        def ask(pictures):
            return module(torch.from_numpy(pixels(pictures))).logits.softmax(1).numpy()

        return ask

    def by_onnx(path):
        session = onnxruntime.InferenceSession(path, options)
        return lambda x: softmax(
            session.run(None, {"pixel_values": pixels(x)})[0], axis=1
        )

    return {
        "PyTorch": (by_torch(model), out / "model" / "model.safetensors"),
        "torch.export": (by_torch(again), out / "model.pt2"),
        "ONNX": (by_onnx(out / "model.onnx"), out / "model.onnx"),
        "ONNX, int8": (by_onnx(out / "model-int8.onnx"), out / "model-int8.onnx"),
    }


def tensorflow_forms(names, out):
    """Return the model in memory and the files of the script, as functions."""
    import keras
    import tensorflow as tf

    def by_graph(model):
        graph = tf.function(lambda x: model(x, training=False))
        return lambda x: graph(tf.constant(x)).numpy()

    def by_litert(path):
        interpreter, shape = tf.lite.Interpreter(str(path), num_threads=1), None
        into = interpreter.get_input_details()[0]["index"]
        back = interpreter.get_output_details()[0]["index"]

        def ask(pictures):
            nonlocal shape
            if shape != pictures.shape:
                shape = pictures.shape
                interpreter.resize_tensor_input(into, shape)
                interpreter.allocate_tensors()
            interpreter.set_tensor(into, pictures)
            interpreter.invoke()
            return interpreter.get_tensor(back)

        return ask, path

    served = tf.saved_model.load(str(out / "saved_model"))
    int8 = keras.saving.load_model(out / "model.keras", compile=False)
    int8.quantize("int8")
    int8.compile("sgd", jit_compile=False)
    int8.save(out / "model-int8.keras")
    int8 = keras.saving.load_model(out / "model-int8.keras", compile=False)
    return {
        "Keras": (by_graph(names["whole"]), out / "model.keras"),
        "SavedModel": (
            lambda x: served.serve(tf.constant(x)).numpy(),
            out / "saved_model",
        ),
        "LiteRT": by_litert(out / "model.tflite"),
        "LiteRT, int8": by_litert(out / "model-int8.tflite"),
        'quantize("int8")': (by_graph(int8), out / "model-int8.keras"),
    }


# What is measured


def megabytes(path):
    """Return the size of a file, or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


def agreement(forms, pictures, truth, test):
    """Return size, agreement and right answers of each form; the first is the model.

    `pictures` are bytes (n, side, side, 3), `truth` their classes (n,), and `test` says
    of each whether it was neither learned nor chosen by (n,).
    """
    rows, exact = {}, None
    for name, (ask, path) in forms.items():
        parts = [ask(pictures[i : i + 50]) for i in range(0, len(pictures), 50)]
        shares = np.concatenate(parts)
        exact = shares if exact is None else exact
        answers = shares.argmax(1)
        rows[name] = {
            "MB": round(megabytes(path), 2),
            "largest difference": float(f"{np.abs(shares - exact).max():.1e}"),
            "same answers": int((answers == exact.argmax(1)).sum()),
            "right": int((answers == truth)[test].sum()),
        }
    return rows


def times(forms, pictures, calls):
    """Return the least processor time of a picture in milliseconds, in turns."""
    for ask, _ in forms.values():
        ask(pictures)  # builds what has to be built
    least = dict.fromkeys(forms, float("inf"))
    for _ in range(ROUNDS):
        for name, (ask, _) in forms.items():
            began = time.process_time()
            for _ in range(calls):
                ask(pictures)
            spent = (time.process_time() - began) / calls / len(pictures)
            least[name] = min(least[name], 1000 * spent)
    return least


def originals(names):
    """Return all files of the table as the model sees them: (n, side, side, 3)."""
    seen = []
    for file in names["table"]["file"]:
        with Image.open(file) as picture:
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        seen.append(np.asarray(names["view"](upright)))
    return np.stack(seen)


def measure(framework):
    """Run the script of a framework here, and measure what it leaves."""
    os.environ |= {"COURSE_PROFILE": "reduced"} | ONE_THREAD
    with tempfile.TemporaryDirectory() as place:
        folder, _ = own.folder_of(place)
        out, script = (
            Path(place, "out"),
            ROOT / f"examples/your_pictures_{framework}.py",
        )
        given = {"pictures": folder, "output": out, "model": locate("finetune")}
        options = [f"--{key}={value}" for key, value in given.items()]
        sys.argv = [str(script), *options, f"--groups={own.GROUPS}", "--rates", *RATES]
        with contextlib.redirect_stdout(io.StringIO()):
            names = runpy.run_path(str(script), run_name="__main__")
        forms = {"pytorch": pytorch_forms, "tensorflow": tensorflow_forms}[framework](
            names, out
        )
        truth, test = names["table"]["label"], names["table"]["split"] == "test"
        pictures = originals(names)
        rows = agreement(forms, pictures, truth.to_numpy(), test.to_numpy())
        for batch, calls in CALLS.items():
            least = times(forms, pictures[:batch], calls)
            first = least[next(iter(forms))]
            for name, row in rows.items():
                row[f"milliseconds, {batch}"] = round(least[name], 2)
                row[f"time, {batch}"] = round(least[name] / first, 2)
    return {"pictures": len(truth), "test pictures": int(test.sum()), "rows": rows}


# What is stored


def stored():
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def store(framework, part):
    """Write the rows of a framework beside those of the other."""
    found = stored() | {
        "command": "python -m benchmarks.exports",
        "date": datetime.date.today().isoformat(),
        "machine": f"one thread of 2 shared processor cores, {platform.machine()}",
    }
    found[framework] = part
    text = json.dumps(found, indent=1, ensure_ascii=False)
    FILE.write_text(text + "\n", encoding="utf-8")


def markdown(found):
    """Return the stored rows of both frameworks as one table."""
    parts = [found[framework] for framework in FRAMEWORKS if framework in found]
    words = [w for w in next(iter(parts[0]["rows"].values())) if "milli" not in w]
    n, tests = parts[0]["pictures"], parts[0]["test pictures"]
    heads = {"same answers": f"same answers of {n}", "right": f"right of {tests}"}
    lines = ["| | " + " | ".join(heads.get(w, w) for w in words) + " |"]
    lines.append("|---" * (1 + len(words)) + "|")
    for part in parts:
        for name, row in part["rows"].items():
            lines.append(f"| {name} | " + " | ".join(str(row[w]) for w in words) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--framework", choices=FRAMEWORKS, help="this one, here")
    parser.add_argument("--show", action="store_true", help="print what is stored")
    options = parser.parse_args()
    if options.framework:
        return store(options.framework, measure(options.framework))
    for framework in () if options.show else FRAMEWORKS:
        command = [sys.executable, "-m", "benchmarks.exports", "--framework", framework]
        subprocess.run(command, check=True, timeout=3600, cwd=ROOT)
    print(markdown(stored()))


if __name__ == "__main__":
    main()
