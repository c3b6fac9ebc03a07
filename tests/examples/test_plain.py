"""The two scripts that lessons 08 and 09 open with: they stand alone, and are exact."""

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import datasets
import h5py
import numpy as np
import pytest
from hub_stand_in import serve
from PIL import Image
from plain_scripts import BOTH, EXAMPLES, SCRIPTS, blocks
from safetensors.numpy import load_file
from tinted import tinted
from vit_checkpoints import vit, write_checkpoint

from course_utils.session import ROOT

LIBRARIES = {
    "transformers": {"torch", "transformers", "datasets", "sklearn"},
    "keras": {"tensorflow", "keras", "keras_hub", "datasets", "huggingface_hub"}
    | {"numpy", "PIL"},
}
MODES = "RGB", "L", "RGBA", "P", "LA", "CMYK"


# --- Running them -----------------------------------------------------------------


def run(kind, output, data, model, *more, before="", **environment):
    """Run a script as a learner does; ``before`` is code that spoils its world."""
    script = EXAMPLES / SCRIPTS[kind]
    command = [sys.executable, str(script)]
    if before:
        start = f"import runpy\n{before}\nrunpy.run_path({str(script)!r})"
        command = [sys.executable, "-c", start]
    command += ["--data", str(data), "--model", str(model), "--output", str(output)]
    rates = {"transformers": ["--lr", "0.003"], "keras": ["--lr", "0.003"]}
    home = {"HF_HOME": str(output.parent / "home"), "HF_HUB_OFFLINE": "1"}
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"}
    return subprocess.run(
        [*command, "--batch-size", "8", *rates[kind], *more],
        env=os.environ | home | threads | {"TF_CPP_MIN_LOG_LEVEL": "3"} | environment,
        cwd=output.parent,
        capture_output=True,
        text=True,
    )


def accuracy(done):
    assert done.returncode == 0, done.stderr[-3000:]
    return float(re.search(r"^test accuracy (\S+)%$", done.stdout, re.M)[1])


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """Return a random ViT for 16 pixels, without dropout, as Google's."""
    folder = tmp_path_factory.mktemp("checkpoint")
    write_checkpoint(folder)
    vit(initializer_range=0.1, num_labels=5).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Return a folder of pictures for each class, in every mode, some of them turned.

    A class is called train and files are called test: datasets takes such words for
    the names of splits, and would leave all other pictures out.
    """
    folder = tmp_path_factory.mktemp("pictures")
    for i, row in enumerate(tinted(90, 0)):
        mode = MODES[i % len(MODES)]
        picture = row["image"].resize((20, 16 + i % 5)).convert(mode)
        place = folder / ["train", "tram", "bus"][row["label"]]
        place.mkdir(exist_ok=True)
        if mode in ("RGB", "L", "CMYK"):
            exif = Image.Exif()
            exif[0x0112] = 6  # lies on its side
            picture.save(place / f"test-{i}.jpg", exif=exif, quality=95)
        else:
            picture.save(place / f"{i}.png")
    (folder / "notes.txt").write_text("where these are from")
    return folder


@pytest.fixture(scope="module")
def whole(pictures, checkpoint, tmp_path_factory):
    """Return the results of undisturbed runs, each made when it is asked for."""
    made = {}

    def result(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind) / "whole"
            done = run(kind, made[kind], pictures, checkpoint)
            assert "57 pictures to learn from, 15 to choose" in done.stdout, done.stderr
            assert ": bus train tram\n" in done.stdout
            accuracy(done)
        return made[kind]

    return result


def arrays(file):
    """Return all arrays of a file of weights by their names."""
    if file.suffix == ".safetensors":
        return load_file(file)
    found = {}
    with h5py.File(file) as weights:
        weights.visititems(
            lambda name, x: (
                found.update({name: x[()]}) if isinstance(x, h5py.Dataset) else None
            )
        )
    return found


def largest_difference(first, second):
    first, second = arrays(first), arrays(second)
    assert first.keys() == second.keys() and first
    return max(float(np.abs(first[k] - second[k]).max(initial=0)) for k in first)


# --- What they do -----------------------------------------------------------------


@BOTH
def test_script_needs_only_its_libraries(kind):
    tree = ast.parse((EXAMPLES / SCRIPTS[kind]).read_text("utf-8"))
    nodes = list(ast.walk(tree))
    found = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    found |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    found = {name.partition(".")[0] for name in found} - sys.stdlib_module_names
    assert found == LIBRARIES[kind]


@BOTH
def test_bundled_pictures_and_checkpoint(kind, tmp_path):
    """One epoch (after one of the head in Keras); measured after four: 85 to 89 %."""
    data, model = ROOT / "data/drawn-cifar10", ROOT / "data/tiny-vit"
    rates = ["--lr", "0.001", *(["--head-lr", "0.01"] if kind == "keras" else [])]
    out = tmp_path / "out"
    done = run(kind, out, data, model, "--epochs", "1", "--batch-size", "16", *rates)
    assert accuracy(done) > 60
    assert "800 pictures to learn from, 200 to choose by, 500 to report" in done.stdout


@BOTH
def test_ids_on_the_hub(kind, checkpoint, tmp_path):
    hub = tmp_path / "hub"
    shutil.copytree(checkpoint, hub / "google/vit-base-patch16-224")
    recipe = {"size": 16, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    recipe |= {"do_normalize": True, "do_resize": True}  # as Google's: no type
    file = hub / "google/vit-base-patch16-224/preprocessor_config.json"
    file.write_text(json.dumps(recipe))
    folder = hub / "uoft-cs/cifar10/plain_text"
    folder.mkdir(parents=True)
    for split, rows in (("train", tinted(60, 0)), ("test", tinted(12, 1))):
        rows.rename_column("image", "img").to_parquet(
            str(folder / f"{split}-00000-of-00001.parquet")
        )
    names = "uoft-cs/cifar10", "google/vit-base-patch16-224"
    with serve(hub) as server:
        address = {"HF_ENDPOINT": server.url, "HF_HUB_OFFLINE": "0"}
        address["NO_PROXY"] = "127.0.0.1"
        done = run(kind, tmp_path / "out", *names, "--epochs", "1", **address)
    accuracy(done)
    assert "48 pictures to learn from, 12 to choose by, 12 to report" in done.stdout


DIES = {  # in the middle of an epoch after the second
    "transformers": """
import os, signal, transformers
step = transformers.Trainer.training_step
def step_or_die(self, *arguments, **options):
    if self.state.global_step == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *arguments, **options)
transformers.Trainer.training_step = step_or_die
""",
    "keras": """
import os, signal
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
def die(self, batch, logs=None):
    if self.model.optimizer.iterations.numpy() == 20:
        os.kill(os.getpid(), signal.SIGKILL)
keras.callbacks.BackupAndRestore.on_train_batch_begin = die
""",
}


@BOTH
def test_resumed_run_equals_uninterrupted_run(
    kind, whole, pictures, checkpoint, tmp_path
):
    cut = tmp_path / "cut"
    done = run(kind, cut, pictures, checkpoint, before=DIES[kind])
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (cut / "model").exists() and not (cut / "model.keras").exists()
    accuracy(run(kind, cut, pictures, checkpoint, "--resume"))
    pattern = {
        "transformers": "checkpoint-32/model.safetensors",  # after the last step
        "keras": "*-epoch-003.weights.h5",  # with the state of the optimizer
    }[kind]
    (last,), (expected,) = cut.glob(pattern), whole(kind).glob(pattern)
    assert largest_difference(last, expected) == 0.0
    assert {p.name for p in cut.iterdir()} == {p.name for p in whole(kind).iterdir()}


BEST = {  # three epochs, the second of which looks best
    "transformers": """
import sklearn.metrics
scores = iter([0.5, 0.9, 0.1, 0.0])
sklearn.metrics.accuracy_score = lambda *_: next(scores)
""",
    "keras": """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
scores, end = [0.5, 0.9, 0.1], keras.callbacks.ModelCheckpoint.on_epoch_end
keras.callbacks.ModelCheckpoint.on_epoch_end = lambda self, epoch, logs: end(
    self, epoch, logs | {"val_accuracy": scores[epoch]})
""",
}


@BOTH
def test_the_model_kept_is_that_of_the_best_epoch(kind, pictures, checkpoint, tmp_path):
    out, three = tmp_path / "out", ["--epochs", "3"]
    accuracy(run(kind, out, pictures, checkpoint, *three, before=BEST[kind]))
    if kind == "transformers":
        best, kept = out / "checkpoint-16/model.safetensors", out / "model"
        assert largest_difference(best, kept / "model.safetensors") == 0.0
        last = out / "checkpoint-24/model.safetensors"
        assert largest_difference(last, kept / "model.safetensors") > 0
        return
    with zipfile.ZipFile(out / "model.keras") as kept:
        kept.extract("model.weights.h5", tmp_path)
    best, last = (
        out / f"{x}00-epoch-00{i}.weights.h5" for x, i in (("0.90", 2), ("0.10", 3))
    )
    assert largest_difference(best, tmp_path / "model.weights.h5") == 0.0
    assert largest_difference(last, tmp_path / "model.weights.h5") > 0


@BOTH
def test_results_are_not_written_over(kind, whole, pictures, checkpoint):
    done = run(kind, whole(kind), pictures, checkpoint)
    assert done.returncode == 1 and "add --resume, or choose" in done.stderr


# --- What they keep, used elsewhere -----------------------------------------------


def test_a_checkpoint_that_lacks_blocks_is_refused(checkpoint, pictures, tmp_path):
    from safetensors.numpy import save_file

    shutil.copytree(checkpoint, tmp_path / "broken")
    file = tmp_path / "broken/model.safetensors"
    weights = {k: v for k, v in load_file(file).items() if ".layer.1." not in k}
    save_file(weights, file, {"format": "pt"})
    done = run("transformers", tmp_path / "out", pictures, tmp_path / "broken")
    assert done.returncode == 1 and "which would stay random" in done.stderr


def test_pipeline_reads_pictures_as_the_training_does(pictures, checkpoint):
    from transformers import AutoImageProcessor
    from transformers.image_utils import load_image

    processor = AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    known = {"processor": processor, "image": "image", "label": "label"}
    exec(blocks("transformers")[2], known)
    files = sorted(pictures.glob("*/*"))
    rows = datasets.Dataset.from_dict(
        {"image": [str(file) for file in files], "label": [0] * len(files)}
    ).cast_column("image", datasets.Image())
    trained = known["pixels"](rows[:])["pixel_values"].numpy()
    used = processor([load_image(str(file)) for file in files], return_tensors="np")
    np.testing.assert_array_equal(trained, used["pixel_values"])


@pytest.fixture(scope="module")
def keras_model(whole):
    import keras

    return keras.models.load_model(whole("keras") / "model.keras")


def test_keras_file_reads_pictures_as_the_training_does(pictures, keras_model):
    """The layer resizes as Pillow does, to one level of gray."""
    import tensorflow as tf
    from PIL import ImageOps

    side, way = 16, 2
    known = {"np": np, "tf": tf, "side": side, "way": way, "BATCH": 1, "SEED": 0}
    known |= {"image": "image", "label": "label"}
    known["model"] = types.SimpleNamespace(
        optimizer=types.SimpleNamespace(iterations=np.array(0).view(_Iterations))
    )
    source = ast.parse(blocks("keras")[2])
    made = [node for node in source.body if isinstance(node, ast.FunctionDef)]
    exec(compile(ast.Module(made, []), "cell", "exec"), known)
    files = sorted(pictures.glob("*/*"))
    rows = datasets.Dataset.from_dict(
        {"image": [str(file) for file in files], "label": [0] * len(files)}
    ).cast_column("image", datasets.Image())
    for file, (trained, _) in zip(files, known["batches"](rows), strict=True):
        picture = ImageOps.exif_transpose(Image.open(file)).convert("RGB")
        used = np.array([picture])
        for layer in keras_model.layers[:2]:
            used, trained = layer(used), layer(trained)
        assert np.abs(used - trained).max() <= 1 / 127.5 + 1e-6


class _Iterations(np.ndarray):
    def numpy(self):
        return int(self)


def test_keras_batches_come_in_another_order_in_each_epoch(keras_model):
    """And in the same one if the step is the same: so a resumed run is exact."""
    import tensorflow as tf

    at = {"step": 0}
    known = {"np": np, "tf": tf, "side": 16, "way": 2, "BATCH": 30, "SEED": 0}
    known |= {"image": "image", "label": "label"}
    counter = types.SimpleNamespace(numpy=lambda: at["step"])
    known["model"] = types.SimpleNamespace(
        optimizer=types.SimpleNamespace(iterations=counter)
    )
    source = ast.parse(blocks("keras")[2])
    made = [node for node in source.body if isinstance(node, ast.FunctionDef)]
    exec(compile(ast.Module(made, []), "cell", "exec"), known)
    rows = tinted(30, 0).remove_columns("label").add_column("label", list(range(30)))
    learning = known["batches"](rows, shuffle=True)

    def order(step):
        at["step"] = step
        ((_, numbers),) = learning
        return numbers.numpy().tolist()

    assert order(0) == order(0) != order(8)
    assert sorted(order(8)) == list(range(30))
    ((_, numbers),) = known["batches"](rows)
    assert numbers.numpy().tolist() == list(range(30))


def test_exported_model_gives_the_logits_of_the_keras_file(keras_model, whole):
    import keras

    layer = keras.layers.TFSMLayer(
        whole("keras") / "saved_model", call_endpoint="serve"
    )
    random = np.random.default_rng(0)
    for shape in ((2, 16, 16, 3), (1, 37, 22, 3)):
        picture = random.integers(0, 256, shape).astype("uint8")
        np.testing.assert_allclose(layer(picture), keras_model(picture), atol=1e-5)
    assert keras_model.jit_compile is False  # XLA has no antialiased resize


def test_keras_checkpoint_is_that_of_transformers(checkpoint):
    """The epsilon of the norms too, which from_preset alone leaves at 1e-6."""
    import keras
    import tensorflow as tf
    import torch
    from keras_hub.models import ViTBackbone
    from transformers import ViTModel

    known = {"MODEL": str(checkpoint), "GPU": False, "Path": Path, "json": json}
    known |= {"np": np, "keras": keras, "tf": tf, "ViTBackbone": ViTBackbone}
    exec(blocks("keras")[1], known)
    theirs = ViTModel.from_pretrained(checkpoint, add_pooling_layer=False).eval()
    x = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype("float32")
    with torch.no_grad():
        wanted = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2))).last_hidden_state
    np.testing.assert_allclose(known["backbone"](x), wanted, rtol=0, atol=2e-6)
