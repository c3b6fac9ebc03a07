"""The tables behind notebooks 10 and 11: what to do with 20 to 200 pictures of pets.

    COURSE_HUB=../shared/datasets python -m benchmarks.nb10 [--only drawings ...]

For each number of pictures and each of three seeds, all ways see the same pictures, and
all that take steps see the same augmented batches, in the same order. A seed draws the
pictures, the batches, and what is random in the model. Each way may try four settings
(a learning rate, or the strength of a probe); the one with the most right held-out
pictures over the three seeds is taken, and only its test pictures are reported.

Everything runs on one thread. Each run is written to nb10.json, beside this file, as
soon as it is done, and a second call goes on where the first one stopped; delete the
file to begin anew. Takes 45 minutes of a processor core. Photographs are measured where
COURSE_HUB names a folder that has them; only numbers are kept of them.
"""

import argparse
import datetime
import itertools
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.nb10_parts import (
    ALPHA,
    BATCH,
    LARGEST,
    RANK,
    Pictures,
    calibration,
    logits_of,
    scores,
    start_of,
    thaw,
    tokens,
    train,
    with_head,
    with_lora,
)
from course_utils import explain
from course_utils.finetune.torch import layerwise_adamw

FILE = Path(__file__).with_suffix(".json")
SEEDS, SIZES, STEPS, COPIES = (0, 1, 2), (20, 50, 100, LARGEST), 60, 8
SOME_SIZES = (20, LARGEST)  # of photographs
RATES = (1e-4, 3e-4, 1e-3, 3e-3)  # of what trains all weights
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of logistic regression
PROBES = ("probe", "probe, 8 augmented copies")
FROM_RANDOM, FROM_PROBE = "fine-tuning, random head", "fine-tuning from the probe"
WAYS = {  # the settings that each way may try
    **dict.fromkeys(PROBES, STRENGTHS),
    FROM_RANDOM: RATES,
    FROM_PROBE: RATES,
    "LoRA from the probe": (1e-3, 3e-3, 1e-2, 3e-2),
    "from scratch": RATES,
}
THAWED = ("last 2 blocks", "last 4 blocks")  # none is the probe, 6 is fine-tuning
LONG = {"from scratch": (600,), FROM_PROBE: (20, 180)}  # steps, with 200 pictures
OVERFIT = {"size": 100, "lr": 1e-3, "epochs": 40}  # without augmentation


class Bench:
    """Runs what is not yet stored, and stores what it ran."""

    def __init__(self):
        self.found = {"runs": {}}
        if FILE.exists():
            self.found = json.loads(FILE.read_text(encoding="utf-8"))

    def right(self, pictures, way, size, setting, seed, steps=STEPS) -> dict:
        """Return how many held-out and test pictures are right after one run."""
        key = name(pictures, way, size, steps)
        key += f", {'C' if way in PROBES else 'lr'} {setting:g}, seed {seed}"
        if key not in self.found["runs"]:
            began = time.process_time()
            if way in PROBES:
                probe = self.probe(pictures, way, size, setting, seed)
                seconds = time.process_time() - began
                said = {
                    part: probe.predict(features) == labels
                    for part, (features, labels) in pictures.judges().items()
                }
            else:
                model = self.start(pictures, way, size, seed)
                batches = pictures.batches(size, seed, steps)
                seconds = train(model, batches, setting)
                said = {
                    part: logits_of(model, images).argmax(dim=1) == labels
                    for part, (images, labels) in pictures.parts().items()
                }
            counts = {part: int(right.sum()) for part, right in said.items()}
            self.store("runs", key, counts | {"seconds": round(seconds, 1)})
        return self.found["runs"][key]

    def probe(self, pictures, way, size, strength, seed):
        """Fit a linear model to frozen features, of the pictures or of copies."""
        copies, labels = pictures.features(seed, COPIES if way == PROBES[1] else 0)
        linear = LogisticRegression(C=strength, max_iter=5000)
        return make_pipeline(StandardScaler(), linear).fit(
            np.concatenate([features[:size] for features in copies]),
            np.tile(labels[:size], len(copies)),
        )

    def start(self, pictures, way, size, seed):
        """Return a model that is ready to learn in this way."""
        model = start_of(way, seed)
        if way in ("from scratch", FROM_RANDOM):
            return model
        strength = self.choose(pictures, PROBES[1], size)
        probe = self.probe(pictures, PROBES[1], size, strength, seed)
        model = with_head(model, probe)
        if way.startswith("LoRA"):
            return with_lora(model, seed)
        return thaw(model, way) if way.endswith("blocks") else model

    def choose(self, pictures, way, size, steps=STEPS) -> float:
        """Return the setting with the most right held-out pictures over all seeds."""
        right = dict.fromkeys(WAYS.get(way, RATES), 0)
        for seed, setting in itertools.product(SEEDS, right):
            found = self.right(pictures, way, size, setting, seed, steps)
            right[setting] += found["held_out"]
        return max(right, key=right.get)

    def row(self, pictures, way, size, steps=STEPS) -> None:
        """Store the chosen setting and the right test pictures of its runs."""
        best = self.choose(pictures, way, size, steps)
        runs = [self.right(pictures, way, size, best, s, steps) for s in SEEDS]
        settings = WAYS.get(way, RATES)
        row = {
            "chosen": best,
            "at the edge": best in (settings[0], settings[-1]),
            "right": [run["test"] for run in runs],
            "of": len(pictures.test[1]),
        }
        key = name(pictures, way, size, steps)
        if self.found.get("table", {}).get(key) != row:
            self.store("table", key, row)

    def store(self, part: str, key: str, value) -> None:
        """Keep a result, and write the file anew."""
        self.found.setdefault(part, {})[key] = value
        self.found |= {
            "command": "COURSE_HUB=../shared/datasets python -m benchmarks.nb10",
            "machine": "one thread of 2 shared processor cores, "
            f"{platform.machine()}, torch {torch.__version__}",
            "date": datetime.date.today().isoformat(),
            "seeds": SEEDS,
            "recipe": {"steps": STEPS, "batch": BATCH, "copies of a probe": COPIES},
            "LoRA": {"rank": RANK, "alpha": ALPHA, "in": "q_proj, v_proj"},
        }
        text = json.dumps(self.found, indent=1, ensure_ascii=False)
        whole = FILE.with_suffix(".part")
        whole.write_text(text + "\n", encoding="utf-8")
        os.replace(whole, FILE)
        shown = value if part in ("runs", "table") else ""
        print(f"{datetime.datetime.now():%H:%M:%S}", key, shown, flush=True)


def name(pictures, way, size, steps=STEPS) -> str:
    long = "" if steps == STEPS else f", {steps} steps"
    return f"{pictures.title}, {way}{long}, {size} pictures"


# Tables


def fair(bench: Bench, pictures: Pictures) -> None:
    """The fair table: every way with every number of pictures."""
    drawn = pictures.title == "drawn-pets"
    for size in SIZES[::-1] if drawn else SOME_SIZES[::-1]:
        for way, seed in [
            *itertools.product(PROBES, SEEDS),
            *((way, seed) for seed in SEEDS for way in WAYS),  # the same batches
        ]:
            for setting in WAYS[way]:
                bench.right(pictures, way, size, setting, seed)
        for way in WAYS:
            bench.row(pictures, way, size)


def thawing(bench: Bench, pictures: Pictures) -> None:
    """How many blocks to thaw, by the number of pictures; the first two, too."""
    plans = [(size, way) for size in SIZES[::-1] for way in THAWED]
    for size, way in [*plans, (LARGEST, "first 2 blocks")]:
        bench.row(pictures, way, size)


def longer(bench: Bench, pictures: Pictures) -> None:
    """Is the best rate smaller in a longer run? Has scratch caught up by then?"""
    for way, numbers in LONG.items():
        for steps in numbers:
            bench.row(pictures, way, LARGEST, steps)


# How far each block moves


def moving(bench: Bench, pictures: Pictures) -> None:
    """How far each part moved in fine-tuning, and what the change is worth."""
    lr = bench.choose(pictures, FROM_PROBE, LARGEST)
    plans = [
        (FROM_PROBE, lr, None),
        (FROM_RANDOM, bench.choose(pictures, FROM_RANDOM, LARGEST), None),
        ("from scratch", lr, None),
        (FROM_PROBE, 1e-2, "SGD"),  # a rate that was not tuned
    ]
    for (way, rate, kind), seed in itertools.product(plans, SEEDS):
        key = f"{way}{', by SGD' if kind else ''}, lr {rate:g}, seed {seed}"
        if key in bench.found.get("moved", {}):
            continue
        model = bench.start(pictures, way, LARGEST, seed)
        before = {k: w.clone() for k, w in model.state_dict().items()}
        was = tokens(model, pictures.test[0])
        batches = pictures.batches(LARGEST, seed, STEPS)
        slopes = gradients(model, batches[:8])
        optimizer = layerwise_adamw(model, rate, 1.0, weight_decay=0.01)
        if kind:
            optimizer = torch.optim.SGD(model.parameters(), rate, momentum=0.9)
        train(model, batches, rate, optimizer)
        now = tokens(model, pictures.test[0])
        found = {"right": right_of(model, pictures)}
        found |= distances(model, before, slopes)
        found["set back"] = set_back(model, before, pictures, only=False)
        found["kept alone"] = set_back(model, before, pictures, only=True)
        pairs = list(zip(was, now, strict=True))[1:]
        found["cka"] = [round(explain.cka(a, b), 4) for a, b in pairs]
        bench.store("moved", key, found)


def part_of(weight: str) -> str:
    """Return the part of the model that a weight belongs to."""
    if weight.startswith("vit.layers."):
        return f"block {int(weight.split('.')[2]) + 1}"
    return weight.removeprefix("vit.").split(".")[0]


def right_of(model, pictures) -> int:
    images, labels = pictures.test
    return int((logits_of(model, images).argmax(dim=1) == labels).sum())


def gradients(model, batches) -> dict:
    """Return the mean gradient of each weight before the first step."""
    model.zero_grad()
    for batch in batches:
        (model(**batch).loss / len(batches)).backward()
    found = {k: p.grad.clone() for k, p in model.named_parameters()}
    model.zero_grad()
    return found


def distances(model, before, slopes) -> dict:
    """Return lengths of each part's matrices: change, weights, first gradient."""
    sums = {}
    for key, weight in model.state_dict().items():
        if weight.ndim > 1:
            here = sums.setdefault(part_of(key), np.zeros(4))
            lengths = weight - before[key], before[key], slopes[key]
            here += [*(float(x.square().sum()) for x in lengths), weight.numel()]
    found = {"moved": {}, "size": {}, "gradient": {}}
    for part, (moved, size, slope, count) in sums.items():
        found["moved"][part] = round((moved / size) ** 0.5, 5)
        found["size"][part] = round((size / count) ** 0.5, 5)  # root mean square
        found["gradient"][part] = round((slope / size) ** 0.5, 5)
    return found


def set_back(model, before, pictures, only) -> dict:
    """Return right test pictures with each part, or all others, as they had been."""
    now, found = {k: w.clone() for k, w in model.state_dict().items()}, {}
    for part in dict.fromkeys(map(part_of, now)):
        mixed = {
            k: before[k] if (part_of(k) == part) != only else w for k, w in now.items()
        }
        model.load_state_dict(mixed)
        found[part] = right_of(model, pictures)
    model.load_state_dict(now)
    return found


# Calibration


def overfitting(bench: Bench, pictures: Pictures) -> None:
    """A run that overfits, its losses, and how sure it is before and after cooling."""
    size, lr, epochs = OVERFIT.values()
    for seed in SEEDS:
        key = f"{FROM_RANDOM}, {size} pictures, no augmentation, lr {lr:g}, seed {seed}"
        if key in bench.found.get("overfit", {}):
            continue
        model = start_of(FROM_RANDOM, seed)
        train_set = pictures.tensors(pictures.rows(size, seed))
        sets = {"train": train_set, **pictures.parts()}
        outputs, each = [], size // BATCH

        def look(step, model=model, sets=sets, outputs=outputs, each=each):
            if step % each == 0:
                model.eval()
                outputs.append({k: logits_of(model, x) for k, (x, _) in sets.items()})
                model.train()

        batches = pictures.batches(size, seed, each * epochs, augmented=False)
        train(model, batches, lr, after=look)
        curves = [
            {k: scores(logits, sets[k][1]) for k, logits in out.items()}
            for out in outputs
        ]
        first = min(range(epochs), key=lambda i: curves[i]["held_out"]["loss"])
        found = {"of": {k: len(y) for k, (_, y) in sets.items()}, "epochs": curves}
        for moment, epoch in (("last", epochs - 1), ("best", first)):
            found[moment] = {"epoch": epoch + 1, **calibration(outputs[epoch], sets)}
        bench.store("overfit", key, found)


STAGES = {
    "drawings": ("drawn-pets", fair),
    "moving": ("drawn-pets", moving),
    "overfitting": ("drawn-pets", overfitting),
    "thawing": ("drawn-pets", thawing),
    "longer": ("drawn-pets", longer),
    "photographs": ("photographs", fair),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=STAGES, default=list(STAGES))
    only = parser.parse_args().only
    torch.set_num_threads(1)
    bench, data = Bench(), {}
    for stage in only:
        title, run = STAGES[stage]
        if title == "photographs" and not os.environ.get("COURSE_HUB"):
            print("photographs are left out: COURSE_HUB names no folder that has them")
            continue
        if title not in data:
            profile = "reduced" if title == "drawn-pets" else "full"
            data[title] = Pictures(title, profile)
            bench.found.setdefault("pictures", {})[title] = data[title].count
        run(bench, data[title])
    print("| Way | Setting | Right test pictures | Mean |\n|---|---|---|---|")
    for key, row in bench.found["table"].items():
        counts = ", ".join(map(str, row["right"]))
        mean = np.mean(row["right"]) / row["of"]
        print(f"| {key} | {row['chosen']:g} | {counts} of {row['of']} | {mean:.1%} |")


if __name__ == "__main__":
    main()
