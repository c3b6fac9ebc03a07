"""The tables behind notebook 15: a CNN against a ViT, measured.

    python -m benchmarks.nb15 [--only curve looks ...]    run what is missing
    python -m benchmarks.nb15 --table                     print what is there

Models and training are those of notebook 15 itself: its cells with the tag `bench` are
read here, so that the lesson and this table cannot differ. A seed draws the pictures to
learn from, the batches, the augmentation and the first weights; what is random is the
same for all families. Each family tries the same four learning rates with seed 0, once
on 300 digits and once on 3,000; the one with the most right validation digits is taken
for all seeds (the former for 100 digits, too, the latter for 1,000 and 9,001), and only
test pictures are reported. The stages, in this order:

*curve*: 100 to 9,001 digits, and of the models of 3,000: shifted digits and CKA.
*permuted*: one order of the patches for all pictures. *conflict*: shape against
texture. *stem*: a convolutional stem. *drawn*: drawn-cifar10 from tiny-vit and from
scratch, whole, shuffled and covered. *no_stride*: shifted digits, for the CNN's own
weights with dilation in place of all strides. *moved*: the curve with augmentation.
*grid*: batch size, digits seen and optimizer. *longer*: four times the steps.
*nearest*: the nearest digit, as a baseline.

One thread. Each run is written to nb15.json at once, and a second call goes on where
the first one stopped; delete a run to have it anew. Takes an hour of a processor core.
"""

import argparse
import datetime
import itertools
import json
import os
import platform
from pathlib import Path

import numpy as np
import torch

from benchmarks import nb15_parts as parts
from benchmarks.nb13 import lesson
from course_utils.session import ROOT
from course_utils.training import adamw, sgd

FILE = Path(__file__).with_suffix(".json")
LESSON = ROOT / "notebooks" / "15_cnn_vs_vit.ipynb"
PAIR = ("ViT", "CNN")
RECIPE = ("STEPS", "BATCH", "DECAY", "P", "RATES")  # names of the lesson
FEW, MIDDLE = TRIED = 300, 3_000  # numbers of digits on which all rates are tried
LOOKED_AT = 1_000  # test digits that are shifted
COMPARED = 500  # test digits for CKA
BATCHES, SEEN, SGD_RATES = (32, 128, 512), (16_000, 4_000), (0.01, 0.03, 0.1, 0.3)


# Runs, and the table that they give


def same(images):
    """Leave the pictures as they are."""
    return images


def gentle_sgd(parameters, rate, decay):
    """SGD with its usual decay: AdamW's, multiplied by the momentum, lets it shrink."""
    return sgd(parameters, rate, decay / 100)


def key_of(group, rate, seed):
    return f"{group}, lr {rate:g}, seed {seed}"


def best(runs, group, rates):
    """Return the rate with the most right validation pictures; None if runs miss."""
    keys = {rate: key_of(group, rate, 0) for rate in rates}
    if not all(key in runs for key in keys.values()):
        return None
    return max(rates, key=lambda rate: runs[keys[rate]]["validation"])


def table_of(runs, groups, seeds=(0, 1, 2)):
    """Return group -> rate, right validation and test pictures of each seed.

    ``groups`` maps a group to the rates that it tried. A group appears as soon as it
    has all its runs.
    """
    table = {}
    for group, rates in groups.items():
        rate = best(runs, group, rates)
        keys = [] if rate is None else [key_of(group, rate, seed) for seed in seeds]
        if not keys or not all(key in runs for key in keys):
            continue
        table[group] = {
            "rate": rate,
            "at the edge": len(rates) > 2 and rate in (rates[0], rates[-1]),
            **{name: [runs[key][name] for key in keys] for name in runs[keys[0]]},
        }
    return table


def mean_and_error(values):
    """Return the mean over seeds, and its standard error."""
    values = np.asarray(values, dtype=float)
    return values.mean(axis=0), values.std(axis=0, ddof=1) / len(values) ** 0.5


class Bench:
    """Runs what is not yet stored, and stores what it ran."""

    def __init__(self, names):
        self.names = names
        self.found = {}
        if FILE.exists():
            self.found = json.loads(FILE.read_text(encoding="utf-8"))
        self.runs = self.found.setdefault("runs", {})
        self.groups = self.found.setdefault("groups", {})
        self.models = {}

    def store(self):
        """Write the file anew; whoever reads it finds it whole."""
        self.found |= {
            "command": "python -m benchmarks.nb15",
            "date": datetime.date.today().isoformat(),
            "machine": "one thread of 2 shared processor cores, "
            f"{platform.machine()}, torch {torch.__version__}",
            "data": "MNIST of the course: 9,001 digits to learn from, 999 validation, "
            "2,000 test; drawn-cifar10: 900, 100, 500; conflict: see nb15_parts.py",
            "recipe": {k: v for k, v in self.names.items() if k in RECIPE},
            "table": table_of(self.runs, self.groups),
        }
        whole = FILE.with_suffix(".part")
        text = json.dumps(self.found, indent=1, ensure_ascii=False)
        whole.write_text(text + "\n", encoding="utf-8")
        os.replace(whole, FILE)

    def once(self, key, work, *given):
        """Return a stored run, or make it and store it."""
        if key not in self.runs:
            self.runs[key] = work(*given)
            self.store()
            now = f"{datetime.datetime.now():%H:%M:%S}"
            print(now, key, str(self.runs[key])[:150], flush=True)
        return self.runs[key]

    def group(self, group, rates, work):
        """Run ``work(rate, seed)``: all rates with seed 0, the best with the others."""
        self.groups[group] = list(rates)
        for rate in rates:
            self.once(key_of(group, rate, 0), work, rate, 0)
        rate = best(self.runs, group, rates)
        for seed in self.names["SEEDS"][1:]:
            self.once(key_of(group, rate, seed), work, rate, seed)
        return rate

    # Digits

    def counts(self, model, change=same):
        """Return how many validation and test digits get the right answer."""
        return {
            part: self.names["right"](model, change(images), labels)
            for part, (images, labels) in (
                ("validation", self.names["validation"]),
                ("test", self.names["test"]),
            )
        }

    def trained(self, family, n, rate, seed, change=same, **how):
        """Train a model; those of ``looks`` are kept in memory."""
        key = None if how or n != MIDDLE else (family, rate, seed, change.__name__)
        if key is None or key not in self.models:
            images, labels = self.names["few"](n, seed)
            model = self.names["build"](family, seed)
            self.names["learn"](model, change(images), labels, rate, seed, **how)
            self.models |= {key: model}
        return self.models[key]

    def digits(self, family, n, word="", rates=None, change=same, **how):
        """Make the runs of one family, one number of digits, one way."""

        def work(rate, seed):
            model = self.trained(family, n, rate, seed, change, **how)
            return self.counts(model, change)

        group = f"{family}, {n} digits{word}"
        return self.group(group, rates or self.names["RATES"], work)

    def rate(self, family, n=MIDDLE):
        """Return the best rate of a family, from the nearest number that tried all."""
        return self.digits(family, FEW if n < 1_000 else MIDDLE)

    def curve(self):
        for n in (MIDDLE, FEW, 100, 1_000, 9_001):
            for family in PAIR:
                tries = None if n in TRIED else [self.rate(family, n)]
                self.digits(family, n, rates=tries)
            if n == MIDDLE:
                self.looks()

    def moved(self):
        """The curve with augmentation, which chooses its rates anew."""
        augment = self.names["small_moves"]
        for n in (MIDDLE, FEW, 100, 1_000, 9_001):
            for family in PAIR:
                near = f"{family}, {FEW if n < 1_000 else MIDDLE} digits, moved"
                tried = n in TRIED
                rates = None if tried else [best(self.runs, near, self.names["RATES"])]
                self.digits(family, n, ", moved", rates, augment=augment)

    def longer(self):
        """Four times as many steps: has the ViT caught up?"""
        for family in PAIR:
            rates, steps = self.names["RATES"][1:3], 4 * self.names["STEPS"]
            self.digits(family, MIDDLE, ", longer", rates, steps=steps)

    def permuted(self):
        """One order of the patches for all pictures, which chooses its rates anew."""

        def change(images):
            return self.names["rearranged"](
                images, self.names["P"], self.names["FIXED"]
            )

        for family in PAIR:
            self.digits(family, MIDDLE, ", permuted", change=change)

    def stem(self):
        for n in TRIED:
            self.digits("ViT, conv stem", n)

    # Looks into trained models

    def looks(self):
        """Shift digits and compare what blocks hold, in both families."""
        rates = {family: self.rate(family) for family in PAIR}
        for seed in self.names["SEEDS"]:
            if f"CKA, seed {seed}" not in self.runs:
                self.look(seed, rates)

    def look(self, seed, rates):
        models = {f: self.trained(f, MIDDLE, rates[f], seed, same) for f in PAIR}
        for family, model in models.items():
            self.once(f"{family}, shifts, seed {seed}", self.shifts, model)
        images = self.names["test"][0][:COMPARED]
        held = {f: self.names["features"](m, images) for f, m in models.items()}
        fresh = {
            f: self.names["features"](self.names["build"](f, seed).eval(), images)
            for f in PAIR
        }
        pairs = {
            "ViT with itself": (held["ViT"], held["ViT"]),
            "CNN with itself": (held["CNN"], held["CNN"]),
            "ViT with CNN": (held["ViT"], held["CNN"]),
            "untrained ViT with untrained CNN": (fresh["ViT"], fresh["CNN"]),
            "ViT with untrained ViT": (held["ViT"], fresh["ViT"]),
            "CNN with untrained CNN": (held["CNN"], fresh["CNN"]),
        }
        likeness = self.names["likeness"]
        self.once(
            f"CKA, seed {seed}",
            lambda: {k: np.round(likeness(*v), 4).tolist() for k, v in pairs.items()},
        )

    def no_stride(self):
        """Shift digits in a CNN without strides: the weights of the CNN."""
        rate = self.rate("CNN")
        for seed in self.names["SEEDS"]:
            key = f"CNN, no stride, shifts, seed {seed}"
            if key not in self.runs:
                model = self.trained("CNN", MIDDLE, rate, seed)
                self.once(key, self.shifts, self.names["without_stride"](model))

    def shifts(self, model):
        """Count right and unchanged answers for shifts of 0 to 8 pixels."""
        images, labels = (part[:LOOKED_AT] for part in self.names["test"])
        found = {"right": [], "same": [], "ink": []}
        first = self.names["predict"](model, images).argmax(dim=1)
        ink = (images + 1).sum()
        for pixels in range(9):
            moved = self.names["shifted"](images, pixels)
            answers = self.names["predict"](model, moved, 100).argmax(dim=1)
            found["right"].append(int((answers == labels).sum()))
            found["same"].append(int((answers == first).sum()))
            found["ink"].append(round(float((moved + 1).sum() / ink), 4))
        return found

    # Drawn pictures

    def conflict(self):
        """Shape against texture; from scratch with four times the steps, too."""
        kinds = parts.conflict_pictures()

        def learn(family, word, rates, steps):
            def work(rate, seed):
                given = self.names, family, kinds["train"], rate, seed, steps
                return parts.decisions(parts.learned(*given), kinds)

            return self.group(f"{family}, conflict{word}", rates, work)

        rates = [
            learn(family, "", parts.RATES[1:3], parts.STEPS)
            for family in parts.FAMILIES
        ]
        for family, rate in list(zip(parts.FAMILIES, rates, strict=True))[1:]:
            learn(family, ", longer", [rate], 4 * parts.STEPS)

    def drawn(self):
        kinds = parts.cifar10_pictures()
        for family in parts.FAMILIES:

            def work(rate, seed, family=family):
                model = parts.learned(self.names, family, kinds["train"], rate, seed)
                return parts.broken(self.names, model, kinds)

            self.group(f"{family}, drawn-cifar10", parts.RATES, work)

    # Recipes, and a baseline

    def grid(self, families=PAIR[:1]):
        """Batch size, digits seen and optimizer; rates are tried on 16,000 seen."""
        for family, seen, batch in itertools.product(families, SEEN, BATCHES):
            for name, (optimizer, rates) in {
                "AdamW": (adamw, self.names["RATES"]),
                "SGD": (gentle_sgd, SGD_RATES),
            }.items():
                word = ", {}, batch {}, {} seen"
                if seen != SEEN[0]:
                    first = word.format(name, batch, SEEN[0])
                    group = f"{family}, {MIDDLE} digits{first}"
                    rates = [best(self.runs, group, rates)]
                how = dict(steps=seen // batch, batch=batch, optimizer=optimizer)
                word = word.format(name, batch, seen)
                self.digits(family, MIDDLE, word, rates, **how)

    def nearest(self):
        images, labels = self.names["test"]
        for n in self.names["SIZES"]:
            for seed in self.names["SEEDS"]:
                known, answers = self.names["few"](n, seed)

                def work(known=known, answers=answers):
                    far = torch.cdist(images.flatten(1), known.flatten(1))
                    return int((answers[far.argmin(dim=1)] == labels).sum())

                self.once(f"nearest of {n} digits, seed {seed}", work)

    def sizes(self):
        """Parameters, and multiply-adds of one picture in millions."""
        names = self.names
        models = {f: names["build"](f, 0) for f in names["FAMILIES"]}
        models = {f: (m, names["test"][0]) for f, m in models.items()}
        for family in parts.FAMILIES:
            model = parts.build(names, family, 10, 0)
            models[family] = model, torch.zeros(1, 3, parts.SIDE, parts.SIDE)
        for family, (model, images) in models.items():
            measured = names["size_and_work"](model, images)
            found = {"parameters": measured[0], "million multiply-adds": measured[1]}
            self.once(f"size of {family}", lambda found=found: found)


STAGES = (
    *("sizes", "nearest", "curve", "permuted", "conflict", "stem", "drawn"),
    *("no_stride", "moved", "grid", "longer"),
)


def report(found):
    """Print the table: right test pictures, mean and standard error over seeds."""
    for group, row in found["table"].items():
        (mean, error), seeds = mean_and_error(row["test"]), row["test"]
        edge = " (edge)" if row["at the edge"] else ""
        print(f"{group:48} {mean:7.1f} ± {error:4.1f} right, {seeds}", end=" ")
        print(f"lr {row['rate']:g}{edge}")
    for key, run in found["runs"].items():
        if "lr" not in key:
            print(key, run)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=STAGES, default=STAGES)
    parser.add_argument("--table", action="store_true", help="print what is there")
    options = parser.parse_args()
    if options.table:
        return report(json.loads(FILE.read_text(encoding="utf-8")))
    os.environ["COURSE_PROFILE"] = "reduced"
    torch.set_num_threads(1)
    bench = Bench(lesson(LESSON))
    for stage in options.only:
        getattr(bench, stage)()
    report(bench.found)


if __name__ == "__main__":
    main()
