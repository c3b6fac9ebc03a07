"""Keras's half of the tables behind notebooks 12 and 13.

    python -m benchmarks.nb13 [--ways "all blocks" LoRA ...]

tiny-vit learns cats and dogs from 100 drawn pets in nine ways. The functions are those
of notebook 13 itself: its cells with the tag `bench` are read here, so that the lesson
and this table cannot differ. In one seed all ways see the same pictures and the same
augmented batches, and begin with the same probe as their head. Each tries four learning
rates, as in nb12.py; the one with the most right held-out pictures over three seeds is
taken, and only its test pictures are reported. Times of a step are of the processor.

One thread. Each run is written to nb12.json at once, under `keras`, and a second call
goes on where the first one stopped; delete a run to have it anew. nb12.py comes first.
Takes 40 minutes of a processor core.
"""

import argparse
import ast
import datetime
import json
import os
import platform
import tempfile
import time
from pathlib import Path

from course_utils.session import ROOT

FILE = Path(__file__).with_name("nb12.json")
LESSON = ROOT / "notebooks" / "13_modify_a_vit_tensorflow.ipynb"
SEEDS, RATES = (0, 1, 2), (1e-4, 3e-4, 1e-3, 3e-3)
HIGHER = (3e-4, 1e-3, 3e-3, 1e-2)  # of what learns few numbers, or anew
LEARN_FAST = ("last two blocks", "LoRA", "linear attention")
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of the probe
WAYS = (
    "last two blocks",
    "all blocks",
    "LoRA",
    "one more block",
    "relative bias",
    "window attention",
    "linear attention",
    "a third fewer blocks",
)


def rates_of(way):
    return HIGHER if way in LEARN_FAST else RATES


# The lesson's own functions


def definitions(path=LESSON):
    """Return what the cells tagged `bench` import, define and assign, as a tree."""
    kept = ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign
    found = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if "bench" in cell["metadata"].get("tags", ()):
            tree = ast.parse("".join(cell["source"]))
            found += [part for part in tree.body if isinstance(part, kept)]
    return ast.Module(found, type_ignores=[])


def lesson(path=LESSON):
    """Run these; return the lesson's names."""
    names = {}
    exec(compile(definitions(path), str(path), "exec"), names)
    return names


# Runs, and the table that they give


def best(runs, way, settings, word="lr"):
    """Return the setting with the most right held-out pictures over the seeds."""
    right = {
        s: sum(runs[f"{way}, {word} {s:g}, seed {seed}"]["held_out"] for seed in SEEDS)
        for s in settings
    }
    return max(right, key=right.get)


def table_of(runs):
    """Return way -> what the table says of it, for all ways that have their runs."""
    c = best(runs, "probe", STRENGTHS, "C")
    right = [runs[f"probe, C {c:g}, seed {seed}"]["test"] for seed in SEEDS]
    table = {"probe": {"C": c, "after": right}}
    for way in WAYS:
        if f"{way}, cost" not in runs:
            continue
        rate = best(runs, way, rates_of(way))
        chosen = [runs[f"{way}, lr {rate:g}, seed {seed}"] for seed in SEEDS]
        table[way] = {
            **runs[f"{way}, cost"],
            "rate": rate,
            "at the edge": rate in (rates_of(way)[0], rates_of(way)[-1]),
            "before": [run["before"] for run in chosen],
            "after": [run["test"] for run in chosen],
        }
    return table


class Bench:
    def __init__(self, names):
        self.names = names
        self.found = json.loads(FILE.read_text(encoding="utf-8")).get("keras", {})
        self.runs = self.found.setdefault("runs", {})
        self.judges = {
            "held_out": names["arrays"](names["held_out"]),
            "test": (names["images"], names["truth"]),
        }
        self.batches = {seed: names["batches_of"](seed) for seed in SEEDS}
        self.starts, self.compiled = {}, {}

    def store(self):
        """Write the file anew, with the part of nb12.py as it stands there."""
        whole = json.loads(FILE.read_text(encoding="utf-8"))
        whole["keras"] = self.found = {
            **self.found,
            "command": "python -m benchmarks.nb13",
            "date": datetime.date.today().isoformat(),
            "machine": f"one thread of 2 shared processor cores, {platform.machine()}, "
            f"keras {self.names['keras'].__version__}",
        }
        new = FILE.with_suffix(".part")
        text = json.dumps(whole, indent=1, ensure_ascii=False)
        new.write_text(text + "\n", encoding="utf-8")
        os.replace(new, FILE)

    def once(self, key, work, *given):
        """Return a stored run, or make it and store it."""
        if key not in self.runs:
            self.runs[key] = work(*given)
            self.store()
            now = f"{datetime.datetime.now():%H:%M:%S}"
            print(now, key, self.runs[key], flush=True)
        return self.runs[key]

    def right(self, model):
        """Return how many pictures of each part get the right answer."""
        logits_of = self.names["logits_of"]
        return {
            part: int((logits_of(model, x).argmax(1) == y).sum())
            for part, (x, y) in self.judges.items()
        }

    def ready(self, way, seed, c):
        return self.names["ready"](way, seed, c, *self.batches[seed][2:])

    def probe(self, seed, c):
        return self.right(self.ready("probe", seed, c))

    def step(self, way, model):
        """Compile a model of this way, if it is the first; keep it and its rate.

        One graph does all seeds and rates of a way: the schedule is that of the lesson
        for a rate of one, times a variable.
        """
        keras = self.names["keras"]

        class Scaled(keras.optimizers.schedules.LearningRateSchedule):
            def __init__(self, schedule):
                self.schedule, self.scale = schedule, keras.Variable(1.0)

            def __call__(self, step):
                return self.schedule(step) * self.scale

            def get_config(self):
                return {}

        if way not in self.compiled:
            self.compiled.clear()
            optimizer = self.names["adamw"](model, 1.0, self.names["budget"])
            rate = optimizer._learning_rate = Scaled(optimizer._learning_rate)
            model.compile(optimizer, self.names["LOSS"], jit_compile=False)
            self.compiled[way] = model, rate

    def start(self, way, seed, c):
        """Return the weights of a model before training, and its right test pictures.

        Its graph of a step is built here as well, with the first model of a way.
        """
        if (way, seed) not in self.starts:
            self.starts.clear()  # the rates of a way and seed follow each other
            model = self.ready(way, seed, c)
            self.starts[way, seed] = model.get_weights(), self.right(model)["test"]
            self.step(way, model)
        return self.starts[way, seed]

    def train(self, way, seed, rate, c):
        start, before = self.start(way, seed, c)
        model, scaled = self.compiled[way]
        for variable in model.optimizer.variables:
            variable.assign(0 * variable)
        model.set_weights(start)
        scaled.scale.assign(rate)
        x, y = self.batches[seed][:2]
        model.fit(x, y, batch_size=self.names["batch_size"], shuffle=False, verbose=0)
        return {"before": before, **self.right(model)}

    def cost(self, way, c):
        """Count the numbers that learn, and the megabytes that a task must keep."""
        model = self.ready(way, 0, c)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "small.lora.h5"
            if way == "LoRA":
                model.backbone.save_lora_weights(str(path))
            else:
                model.save(path := path.with_name("model.keras"))
            size = path.stat().st_size / 1e6
        return {"learn": int(self.names["learning"](model)), "file": round(size, 2)}

    def times(self, c):
        """Return the least processor time of a step in milliseconds, in turns."""
        (x, y), models = self.batches[0][:2], {}
        x, y = x[: self.names["batch_size"]], y[: self.names["batch_size"]]
        for way in WAYS:
            models[way] = model = self.ready(way, 0, c)
            optimizer = self.names["adamw"](model, 1e-4, self.names["budget"])
            model.compile(optimizer, self.names["LOSS"], jit_compile=False)
            model.train_on_batch(x, y)  # builds the graph
        least = dict.fromkeys(WAYS, float("inf"))
        for _ in range(12):
            for way, model in models.items():
                began = time.process_time()
                model.train_on_batch(x, y)
                least[way] = min(least[way], 1000 * (time.process_time() - began))
        return least


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ways", nargs="*", choices=WAYS, default=WAYS)
    ways = parser.parse_args().ways
    os.environ |= {"COURSE_PROFILE": "reduced", "OMP_NUM_THREADS": "1"}
    from course_utils.session import use_tensorflow

    use_tensorflow()
    bench = Bench(lesson())
    for seed in SEEDS:
        for c in STRENGTHS:
            bench.once(f"probe, C {c:g}, seed {seed}", bench.probe, seed, c)
    c = best(bench.runs, "probe", STRENGTHS, "C")
    for way in ways:
        for seed in SEEDS:
            for rate in rates_of(way):
                key = f"{way}, lr {rate:g}, seed {seed}"
                bench.once(key, bench.train, way, seed, rate, c)
        bench.once(f"{way}, cost", bench.cost, way, c)
    if "times" not in bench.found:
        bench.found["times"] = {"a step of 16, milliseconds": bench.times(c)}
    bench.found["table"] = table_of(bench.runs)
    bench.store()
    for way, row in bench.found["table"].items():
        print(f"{way:22} {row}")


if __name__ == "__main__":
    main()
