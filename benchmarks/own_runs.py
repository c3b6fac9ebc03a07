"""The runs behind the tables of notebooks 17 and 18, each stored at once."""

import argparse
import contextlib
import datetime
import json
import os
import platform
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from benchmarks import own_pictures as own


class Bench:
    """The runs of one framework, stored as soon as they are made."""

    def __init__(self, file, script, command, version, adapted, place, settings):
        self.file, self.script, self.command = file, script, command
        self.version, self.adapted, self.place = version, adapted, Path(place)
        self.settings = settings
        self.pictures, self.planted = own.folder_of(place)
        text = file.read_text(encoding="utf-8") if file.exists() else "{}"
        self.found = json.loads(text)
        self.runs = self.found.setdefault("runs", {})
        self.tokens = None  # features of all pictures, once they are made
        self.kept = {}  # the lesson's names for a seed and a model

    def store(self):
        self.found |= own.summary(self.runs, self.settings) | {
            "settings": self.settings,
            "command": self.command,
            "date": datetime.date.today().isoformat(),
            "machine": f"one thread of 2 shared processor cores, {platform.machine()}, "
            + self.version,
        }
        new = self.file.with_suffix(".part")
        text = json.dumps(self.found, indent=1, ensure_ascii=False)
        new.write_text(text + "\n", encoding="utf-8")
        os.replace(new, self.file)

    def once(self, key, work, *given):
        """Return a stored run, or make it and store it."""
        if key not in self.runs:
            began = time.process_time()
            self.runs[key] = own.rounded(work(*given))
            self.runs[key]["seconds"] = round(time.process_time() - began, 1)
            self.store()
            now = f"{datetime.datetime.now():%H:%M:%S}"
            print(now, key, self.runs[key], flush=True)
        return self.runs[key]

    def names(self, seed, model="tiny-vit"):
        """Return the lesson's names for a seed, and as it left them."""
        if (seed, model) not in self.kept:
            self.kept = {k: v for k, v in self.kept.items() if k[0] == seed}
            place, source = self.place / f"{model}, seed {seed}", None
            shutil.rmtree(place, ignore_errors=True)
            if model == "random twin":
                source = own.random_twin(self.place)
            names = own.lesson(self.script, self.pictures, place, seed, source)
            self.kept[seed, model] = names, names["table"].copy()
        names, table = self.kept[seed, model]
        names["table"] = table.copy()
        self.share_out(names)
        return names

    def share_out(self, names):
        """Give the lesson's names the splits as they stand in the table."""
        table = names["table"]
        for split in ("train", "validation", "test"):
            names[split] = table[table["split"] == split]
        names["counts"] = np.bincount(names["train"]["label"])

    def split_by_file(self, names, seed):
        """Write into the table the split that ignores what belongs together."""
        rows, labels = own.rows_of(names)
        split = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        alone = np.arange(len(rows))
        parts = [test for _, test in split.split(alone, labels, alone)]
        names["table"].loc[rows.index, "split"] = "train"
        for part, name in zip(parts, ("test", "validation"), strict=False):
            names["table"].loc[rows.index[part], "split"] = name
        self.share_out(names)

    # One run of each kind

    def judged(self, names, answers_of):
        """Return the measures of both splits; `answers_of` gives shares of rows."""
        counts = np.bincount(own.rows_of(names, "train")[1])
        pairs = {}
        for split in ("validation", "test"):
            rows, truth = own.rows_of(names, split)
            pairs[split] = truth, answers_of(rows)
        return pairs, {
            split: own.measured(truth, shares.argmax(1), counts)
            for split, (truth, shares) in pairs.items()
        }

    def largest(self, seed):
        names = self.names(seed)
        most = np.bincount(own.rows_of(names, "train")[1])
        return self.judged(names, lambda rows: np.tile(most, (len(rows), 1)))[1]

    def probe(self, way, strength, seed):
        names = self.names(seed, "random twin" if "twin" in way else "tiny-vit")
        model = probe_like(names, strength, None if "plain" in way else "balanced")
        rows, labels = own.rows_of(names, "train")
        model.fit(names["features"](rows), labels)
        ask = lambda rows: model.predict_proba(names["features"](rows))  # noqa: E731
        return self.judged(names, ask)[1]

    def tuned(self, way, rate, seed, leak=False):
        names = self.names(seed, "random twin" if "twin" in way else "tiny-vit")
        if leak:
            self.split_by_file(names, seed)
        kind = way.removeprefix("fine-tune, ")
        kind = kind if kind in ("weights", "draws") else "plain"
        with self.adapted(names) if "LoRA" in way else contextlib.nullcontext():
            model, history = names["fine_tuned"](rate, names["EPOCHS"], kind, seed)
        ask = lambda rows: names["shares"](model, rows)  # noqa: E731
        pairs, found = self.judged(names, ask)
        sure = own.confidence(pairs["validation"], pairs["test"])
        return {**found, "epochs": len(history), "confidence": sure}

    def everything(self):
        """Return all rows, their classes, features (n, D), and the lesson's names."""
        names = self.names(0)
        rows, labels = own.rows_of(names)
        if self.tokens is None:
            self.tokens = names["features"](rows)
        return rows, labels, self.tokens, names

    def leak_of_probe(self, seed):
        """Return macro F1 of all pictures, each judged by a probe of other folds."""
        rows, labels, x, names = self.everything()
        found = {}
        for by, groups in {
            "file": np.arange(len(rows)),
            "group": rows["group"],
        }.items():
            shares = self.out_of_fold(names, x, labels, groups, seed)
            counts = np.bincount(labels)
            found[by] = own.measured(labels, shares.argmax(1), counts)["macro F1"]
        return found

    def out_of_fold(self, names, x, labels, groups, seed):
        """Return shares (n, K) of probes that have seen no picture of the group."""
        strength = own.best(self.runs, "probe, balanced", self.settings)
        probe = probe_like(names, strength, "balanced")
        folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        how = {"groups": groups, "cv": folds, "method": "predict_proba"}
        return cross_val_predict(probe, x, labels, **how)

    def wrong_label(self, seed, anywhere=False):
        """Return the place of a wrong label among all, the smallest share first.

        It is the planted one, or a random one: any other picture under another class.
        """
        rows, labels, x, names = self.everything()
        files = [f"{Path(file).parent.name}/{Path(file).name}" for file in rows["file"]]
        row = files.index(self.planted["wrong class"][0])
        if anywhere:
            random = np.random.default_rng(seed)
            row = random.choice(np.delete(np.arange(len(rows)), row))
            labels[row] = random.choice(np.delete(np.unique(labels), labels[row]))
        shares = self.out_of_fold(names, x, labels, rows["group"], seed)
        given = shares[np.arange(len(rows)), labels]
        return {"place": int((given < given[row]).sum()) + 1, "of": len(rows)}

    # All of them

    def all(self, ways):
        """Make all runs that are not there yet."""
        for seed in own.SEEDS:
            self.once(f"{own.LARGEST}, seed {seed}", self.largest, seed)
        self.compare(own.PROBES, self.probe)
        for seed in own.FOLD_SEEDS:
            self.once(f"leak, probe, seed {seed}", self.leak_of_probe, seed)
            self.once(f"wrong label, planted, seed {seed}", self.wrong_label, seed)
        for seed in own.DRAWS:
            key = f"wrong label, anywhere, seed {seed}"
            self.once(key, self.wrong_label, seed, True)
        self.compare(ways, self.tuned)
        rate = own.best(self.runs, own.PLAIN, self.settings)
        for seed in own.SEEDS:
            key = f"leak, {own.key_of(own.PLAIN, rate, seed)}"
            self.once(key, self.tuned, own.PLAIN, rate, seed, True)
        self.store()

    def compare(self, ways, work):
        """Try all settings of each way with seed 0, and the best with the others."""
        for way in ways:
            for setting in self.settings[way]:
                self.once(own.key_of(way, setting, 0), work, way, setting, 0)
        for seed in own.SEEDS[1:]:
            for way in ways:
                setting = own.best(self.runs, way, self.settings)
                self.once(own.key_of(way, setting, seed), work, way, setting, seed)


def probe_like(names, strength, weight):
    """Return the lesson's probe, not fitted, with another C and other weights."""
    x, y = np.random.default_rng(0).normal(size=(4, 2)), np.array([0, 1, 0, 1])
    return clone(names["probe"](x, y)).set_params(
        logisticregression__C=strength, logisticregression__class_weight=weight
    )


def main(doc, **given):
    """Make the runs of one framework in a temporary folder, and print the table."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--ways", nargs="*", choices=own.TUNED, default=own.TUNED)
    ways = (*own.PROBES, *parser.parse_args().ways)
    os.environ |= {"COURSE_PROFILE": "reduced", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(place=place, **given)
        bench.all(ways)
    for part in ("table", "minus plain", "leak", "wrong label", "confidence"):
        print(part)
        for name, row in bench.found[part].items():
            print(f"    {name:28} {row}")
