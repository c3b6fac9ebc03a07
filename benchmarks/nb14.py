"""The tables of notebook 14: several labels, five ways, three seeds.

    python -m benchmarks.nb14 [--ways BCE ASL ...]

tiny-vit learns to name all things in the drawn scenes. The functions are those of
notebook 14 itself: its cells with the tag `bench` are read here, so that the lesson and
this table cannot differ. In one seed all ways see the same pictures in the same order.
Each way tries three learning rates with seed 0 (the probe, which needs no seed, three
strengths); the one with the best macro AP on validation pictures is taken and repeated
with the other seeds, and only its test pictures are reported.

One thread. Each run is written to nb14.json at once, and a second call goes on where
the first one stopped; delete a run to have it anew. Takes
15 minutes of a processor core.
"""

import argparse
import datetime
import json
import os
import platform
from pathlib import Path

import numpy as np

from benchmarks.nb13 import definitions
from course_utils.session import ROOT

FILE = Path(__file__).with_name("nb14.json")
LESSON = ROOT / "notebooks" / "14_multilabel_accelerate.ipynb"
SEEDS, RATES, STRENGTHS = (0, 1, 2), (3e-4, 1e-3, 3e-3), (0.01, 0.1, 1.0)
WAYS = ("BCE", "ASL", "softmax by mistake", "BCE from scratch")


def lesson(path=LESSON, **given):
    """Run the cells tagged `bench`, after what is given; return the lesson's names."""
    names = dict(given)
    exec(compile(definitions(path), str(path), "exec"), names)
    return names


# Runs, and the table that they give


def best(runs, way, settings, word="lr"):
    """Return the setting with the best validation AP in seed 0, None if one lacks."""
    keys = {s: f"{way}, {word} {s:g}, seed 0" for s in settings}
    if runs.keys() >= set(keys.values()):
        return max(keys, key=lambda s: runs[keys[s]]["validation"])
    return None


def table_of(runs):
    """Return way -> its measures on test pictures, one for each seed."""
    table = {}
    for way in (*WAYS, "probe"):
        probe = way == "probe"
        word, settings = ("C", STRENGTHS) if probe else ("lr", RATES)
        rate = best(runs, way, settings, word)
        if rate is None:
            continue
        keys = [f"{way}, {word} {rate:g}, seed {seed}" for seed in SEEDS]
        chosen = [runs[key] for key in keys if key in runs]
        table[way] = {
            "rate": rate,
            "at the edge": rate in (settings[0], settings[-1]),
            **{k: [run["test"][k] for run in chosen] for k in chosen[0]["test"]},
            "bins": np.sum([run["bins"] for run in chosen], axis=0).round(3).tolist(),
        }
        if "company" in chosen[0]:
            names = chosen[0]["company"]
            table[way]["company"] = {
                name: [run["company"][name] for run in chosen] for name in names
            }
    return table


def rounded(value):
    """Return numbers with five decimals, whatever holds them."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if np.ndim(value):
        return np.round(value, 5).tolist()
    return round(float(value), 5)


class Bench:
    def __init__(self, names):
        self.names = names
        text = FILE.read_text(encoding="utf-8") if FILE.exists() else "{}"
        self.found = json.loads(text)
        self.runs = self.found.setdefault("runs", {})
        self.views = None  # the scenes that are drawn again, once they are

    def store(self):
        import torch

        self.found |= {
            "command": "python -m benchmarks.nb14",
            "date": datetime.date.today().isoformat(),
            "machine": f"one thread of 2 shared processor cores, {platform.machine()}, "
            f"torch {torch.__version__}",
            "table": table_of(self.runs),
        }
        new = FILE.with_suffix(".part")
        text = json.dumps(self.found, indent=1, ensure_ascii=False)
        new.write_text(text + "\n", encoding="utf-8")
        os.replace(new, FILE)

    def once(self, key, work, *given):
        """Return a stored run, or make it and store it."""
        if key not in self.runs:
            self.runs[key] = rounded(work(*given))
            self.store()
            now = f"{datetime.datetime.now():%H:%M:%S}"
            run = self.runs[key]
            print(now, key, run["validation"], run["test"], flush=True)
        return self.runs[key]

    def measured(self, seen, new):
        """Return what is stored of the scores and the truth of both splits."""
        return {
            "validation": self.names["mean_ap"](*seen)[0],
            "test": self.names["report"](seen, new),
            "bins": self.names["in_bins"](*new),
        }

    def train(self, way, rate, seed):
        names = self.names
        parts = names["fit"](rate, seed, *names["WAYS"][way])
        seen, new = (
            (names["scores_of"](way, logits), truth)
            for logits, truth in (
                names["answers"](parts, names["rows"][split])
                for split in ("validation", "test")
            )
        )
        self.views = self.views or names["redrawn"]()
        company = names["company"](parts, self.views)
        return {**self.measured(seen, new), "company": company}

    def probe(self, strength):
        """Fit a logistic regression for each label on frozen class tokens."""
        import torch
        from sklearn.linear_model import LogisticRegression

        model = self.names["ready"](0, 1e-3)[1].eval()
        known = {}
        for split, rows in self.names["rows"].items():
            with torch.inference_mode():
                batch = rows[:]
                tokens = model.vit(batch["pixel_values"]).last_hidden_state[:, 0]
            known[split] = tokens.numpy(), batch["labels"].numpy()
        x, y = known["train"]
        probes = [LogisticRegression(C=strength, max_iter=5000).fit(x, t) for t in y.T]
        scores = {
            split: np.stack([probe.predict_proba(x)[:, 1] for probe in probes], axis=1)
            for split, (x, _) in known.items()
        }
        pair = ((scores[split], known[split][1]) for split in ("validation", "test"))
        return self.measured(*pair)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=WAYS)
    ways = parser.parse_args().ways
    os.environ |= {"COURSE_PROFILE": "reduced", "OMP_NUM_THREADS": "1"}
    from course_utils.data import load

    bench = Bench(lesson(data=load("scenes")))
    for strength in STRENGTHS:
        bench.once(f"probe, C {strength:g}, seed 0", bench.probe, strength)
    for way in ways:
        for rate in RATES:
            bench.once(f"{way}, lr {rate:g}, seed 0", bench.train, way, rate, 0)
    for seed in SEEDS[1:]:
        for way in ways:
            rate = best(bench.runs, way, RATES)
            key = f"{way}, lr {rate:g}, seed {seed}"
            bench.once(key, bench.train, way, rate, seed)
    bench.store()
    for way, row in bench.found["table"].items():
        print(f"{way:20} {row}")


if __name__ == "__main__":
    main()
