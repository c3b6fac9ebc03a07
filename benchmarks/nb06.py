"""The measurements behind notebook 06: maps against masks, and surgery on a ViT.

    python -m benchmarks.nb06 [--pictures 249] [--sets 3] [--only maps deletion ...]

Each set holds new pictures that no training has seen: for tiny-vit drawn here, with
exact masks of what is seen of the subject, for digit-vit test digits, whose mask is
their ink. One checkpoint of each is measured, so the errors are of the choice of
pictures, not of the training. What is done with a set is written to nb06.json at once,
beside this file, and a second call goes on where the first one stopped; delete the
file to begin anew. Takes some two minutes of a processor core for each set.
"""

import argparse
import datetime
import hashlib
import json
import platform
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import torch
from transformers import ViTForImageClassification

from benchmarks.nb06_stages import GONE, STAGES, Sample
from course_utils import explain
from course_utils.convert.torch import from_hf
from course_utils.data import load
from course_utils.data.checkpoints import bundled
from course_utils.training import to_tensors
from drawing import scene
from drawing.pretrain_tiny_vit import LOOK, NAMES, SIDE
from drawing.world import SUBJECTS

FILE = Path(__file__).with_suffix(".json")
FRESH = 6  # a part of each picture's seed that no training and no test has
REFERENCE = 9  # the set of which means are taken, and from which a probe learns


def drawn(number: int, count: int) -> Sample:
    """Draw set ``number``: the classes in turn, so that all come equally often."""
    pictures, masks = [], []
    for place in range(count):
        name = NAMES[place % len(NAMES)]
        draw, places = SUBJECTS[name]
        row = 1000 * number + place // len(NAMES)
        seed = [FRESH, zlib.crc32(name.encode()), row]
        made = scene.painting(draw, seed, SIDE, places=places, **LOOK)
        pictures.append(np.asarray(made.picture))
        masks.append(np.asarray(made.mask) / 255)
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) / 127.5 - 1
    labels = torch.arange(count) % len(NAMES)
    return Sample(images, labels, explain.cover(np.stack(masks), 8))


def digits(number: int, count: int) -> Sample:
    """Take test digits, other ones for each set; training digits for the reference."""
    split, first = ("train", 0) if number == REFERENCE else ("test", number * count)
    rows = load("mnist")[split].select(range(first, first + count))
    images, labels = to_tensors(rows)
    masks = (images[:, 0] > 0).double().numpy()
    return Sample(images, labels, explain.cover(masks, 4))


SETS = {"tiny-vit": drawn, "digit-vit": digits}


# Running


def over_sets(found: list):
    """Return mean and standard error over sets of every number in nested results."""
    if isinstance(found[0], dict):
        return {key: over_sets([one[key] for one in found]) for key in found[0]}
    values = np.array(found, dtype=float)
    error = values.std(axis=0, ddof=1) / len(values) ** 0.5 if len(values) > 1 else None
    return {
        "mean": values.mean(axis=0).round(5).tolist(),
        "error": None if error is None else error.round(5).tolist(),
    }


def write(found: dict) -> None:
    """Write what was found, with means and errors, command, machine and date."""
    stored = {}
    for key, result in found["runs"].items():
        checkpoint, _, stage = key.split(", ")
        stored.setdefault(checkpoint, {}).setdefault(stage, []).append(result)
    found["summary"] = {
        checkpoint: {stage: over_sets(results) for stage, results in stages.items()}
        for checkpoint, stages in stored.items()
    }
    found |= {
        "command": " ".join(["python -m benchmarks.nb06", *sys.argv[1:]]),
        "machine": "one thread of 2 shared processor cores, "
        f"{platform.machine()}, torch {torch.__version__}",
        "date": datetime.date.today().isoformat(),
    }
    text = json.dumps(found, ensure_ascii=False)
    part = FILE.with_suffix(".part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(FILE)  # whole or not at all


def report(found: dict) -> None:
    """Print the scores of the maps, mean and standard error over the sets."""
    for checkpoint, stages in found["summary"].items():
        if not {"maps", "deletion"} <= set(stages):
            continue
        print(
            f"\n| {checkpoint} | AUC | minus blob | same answer, 9 gray | 9 removed |"
        )
        print("|---|---|---|---|---|")
        for name, scores in stages["maps"]["maps"].items():
            cells = [scores["auc"], scores["auc minus blob"]]
            for way in ("gray", "removed"):
                curve = stages["deletion"][way][name]["same answer"]
                pick = {k: v and v[GONE.index(9)] for k, v in curve.items()}
                cells.append(pick)
            shown = [f"{c['mean']:.3f} ± {c['error'] or 0:.3f}" for c in cells]
            print(f"| {name} | {' | '.join(shown)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=249, help="of each set")
    parser.add_argument("--sets", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=STAGES, default=list(STAGES))
    parser.add_argument("--checkpoints", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    files = {name: bundled(name) / "model.safetensors" for name in SETS}
    about = {
        "pictures": options.pictures,
        "deleted": list(GONE),
        "sha256": {
            name: hashlib.sha256(file.read_bytes()).hexdigest()
            for name, file in files.items()
        },
    }
    found = {"about": about, "runs": {}}
    if FILE.exists():
        found = json.loads(FILE.read_text(encoding="utf-8"))
        if found["about"] != about:
            raise SystemExit(
                f"{FILE.name} is of other weights or sets; delete it first"
            )
    for checkpoint in options.checkpoints:
        hf_model = ViTForImageClassification.from_pretrained(files[checkpoint].parent)
        model = from_hf(hf_model).eval()
        reference = SETS[checkpoint](REFERENCE, options.pictures)
        for number in range(options.sets):
            sample = SETS[checkpoint](number, options.pictures)
            for name in options.only:
                key = f"{checkpoint}, set {number}, {name}"
                if key not in found["runs"]:
                    started = time.process_time()
                    result = STAGES[name](model, sample, reference, number)
                    found["runs"][key] = result
                    write(found)
                    print(f"{key}: {time.process_time() - started:.0f} s", flush=True)
    report(found)


if __name__ == "__main__":
    main()
