"""What the benchmarks of notebooks 17 and 18 share: the lesson's code, ways, tables.

The code is that of `examples/your_pictures_pytorch.py` and `..._tensorflow.py`, which
are, word for word, the cells that the lessons tag as `script`. A benchmark runs a
script on the practice folder up to the definition of `fine_tuned`, once for each seed.
The seed moves the split and the training, so that the spread over seeds holds both.
"""

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from scipy.special import softmax
from sklearn.metrics import f1_score

from course_utils.data import load, locate, practice_folder

GROUPS = r"(.+)-shot\d+"  # files of one animal, as in the lessons
SEEDS = (0, 1, 2)
FOLD_SEEDS = range(10)  # of five folds of the probe, which cost nearly nothing
DRAWS = range(40)  # random wrong labels
STRENGTHS = (0.01, 0.1, 1.0)  # C of the probes
RATES = (3e-4, 1e-3, 3e-3)
RATES_OF = {  # few numbers learn in LoRA, and all of them in the twin
    "fine-tune, LoRA": (3e-3, 1e-2, 3e-2),
    "random twin, from scratch": (1e-4, 3e-4, 1e-3),
}
BUDGETS = (0.05, 0.1)  # shares of errors among the answered pictures
PROBES = ("probe, plain", "probe, balanced", "random twin, probe")
PLAIN = "fine-tune, plain"
TUNED = (
    PLAIN,
    "fine-tune, weights",
    "fine-tune, draws",
    "fine-tune, LoRA",
    "random twin, from scratch",
)
LARGEST = "always the largest class"
WAYS = (LARGEST, *PROBES, *TUNED)


SETTINGS = {  # what a way may choose from: three strengths, or three rates
    way: STRENGTHS if "probe" in way else RATES_OF.get(way, RATES) for way in WAYS[1:]
}


# The lesson's code, and the folder that it is run on


def folder_of(place):
    """Write the practice folder of the lessons; return it, and what was planted."""
    folder = Path(place, "practice")
    return folder, practice_folder(folder, load("pets"), largest=70, smallest=8)


def random_twin(place):
    """Write tiny-vit with random weights in place of those that it has learned."""
    from safetensors.numpy import load_file, save_file

    source, folder = Path(locate("finetune")), Path(place, "random-twin")
    shutil.copytree(source, folder, dirs_exist_ok=True)
    random, weights = np.random.default_rng(0), load_file(source / "model.safetensors")
    spread = json.loads((source / "config.json").read_text())["initializer_range"]
    for name, weight in weights.items():
        if "layernorm" in name:
            weights[name] = np.full_like(weight, name.endswith("weight"))
        elif name.endswith("bias"):
            weights[name] = np.zeros_like(weight)
        else:
            weights[name] = random.normal(0, spread, weight.shape).astype("float32")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def cells_of(script):
    """Return a script up to the cell that defines `fine_tuned`."""
    head, *cells = script.read_text(encoding="utf-8").split("# %% ")
    last = next(i for i, cell in enumerate(cells) if "def fine_tuned(" in cell)
    return "# %% ".join([head, *cells[: last + 1]])


def lesson(script, folder, place, seed, model=None, **more):
    """Run the cells of a script without their output; return its names."""
    given = {"pictures": folder, "output": place, "seed": seed, **more}
    given |= {"model": model or locate("finetune"), "groups": GROUPS}
    names = {"__name__": "lesson", "__file__": str(script)}
    before = sys.argv
    sys.argv = [str(script), *(f"--{key}={value}" for key, value in given.items())]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(cells_of(script), str(script), "exec"), names)
    finally:
        sys.argv = before
    return names


def rows_of(names, split=None):
    """Return the rows of a split, or all rows, and the numbers of their classes."""
    table = names["table"]
    rows = table[table["split"] == split] if split else table
    return rows, rows["label"].to_numpy().copy()


# Measures


def measured(truth, answers, counts):
    """Return macro F1, accuracy, and the right answers in the three rarest classes."""
    there = np.unique(truth)
    rare = np.isin(truth, np.argsort(counts, kind="stable")[:3])
    f1 = f1_score(truth, answers, labels=there, average="macro", zero_division=0)
    return {
        "macro F1": f1,
        "accuracy": np.mean(truth == answers),
        "rare": [int((truth == answers)[rare].sum()), int(rare.sum())],
        "pictures": len(truth),
    }


def tempered(shares, temperature):
    """Return probabilities whose logits are divided by a temperature."""
    return softmax(np.log(np.clip(shares, 1e-12, None)) / temperature, axis=1)


def confidence(validation, test):
    """Choose a temperature and thresholds on validation; tell what they do on test.

    Both are pairs of truth (n,) and shares (n, K).
    """

    def loss(pair, temperature):
        truth, shares = pair
        shares = tempered(shares, temperature)
        return -np.log(shares[np.arange(len(truth)), truth]).mean()

    tried = np.geomspace(0.25, 8, 101)
    chosen = tried[np.argmin([loss(validation, t) for t in tried])]
    found = {
        "temperature": chosen,
        "test loss": [loss(test, 1.0), loss(test, chosen)],
    }
    for budget in BUDGETS:
        threshold = threshold_of(*validation, budget)
        truth, shares = test
        answered = shares.max(1) >= threshold
        wrong = answered & (shares.argmax(1) != truth)
        counts = int(answered.sum()), int(wrong.sum()), len(truth)
        found[f"budget {budget:g}"] = {
            "threshold": threshold if np.isfinite(threshold) else None,
            "answered, wrong, of": counts,
        }
    return found


def threshold_of(truth, shares, budget):
    """Return the smallest share of the answer with errors within a budget above it."""
    sure, right = shares.max(1), shares.argmax(1) == truth
    for threshold in np.unique(sure):
        if np.mean(~right[sure >= threshold]) <= budget:
            return float(threshold)
    return float("inf")


# Runs, and the tables that they give


def key_of(way, setting, seed):
    return f"{way}, {'C' if 'probe' in way else 'rate'} {setting:g}, seed {seed}"


def best(runs, way, settings):
    """Return the setting with the best macro F1 on validation pictures of seed 0.

    Of equal ones the first; None if one has not been run.
    """
    keys = {setting: key_of(way, setting, 0) for setting in settings[way]}
    if runs.keys() >= set(keys.values()):
        return max(keys, key=lambda s: runs[keys[s]]["validation"]["macro F1"])
    return None


def mean_and_error(values):
    """Return the mean and its standard error."""
    error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return [round(float(np.mean(values)), 4), round(float(error), 4)]


def table_of(runs, settings):
    """Return way -> its measures on test pictures, for all ways that have all runs."""
    table = {}
    for way in WAYS:
        setting = None if way == LARGEST else best(runs, way, settings)
        keys = [f"{way}, seed {seed}" for seed in SEEDS]
        if setting is not None:
            keys = [key_of(way, setting, seed) for seed in SEEDS]
        if not runs.keys() >= set(keys):
            continue
        tests = [runs[key]["test"] for key in keys]
        table[way] = {
            **({} if setting is None else {"setting": setting}),
            **{
                name: mean_and_error([test[name] for test in tests])
                for name in ("macro F1", "accuracy")
            },
            "rare": np.sum([test["rare"] for test in tests], axis=0).tolist(),
            "macro F1 of the seeds": [round(test["macro F1"], 3) for test in tests],
        }
    return table


def against(runs, way, other, settings):
    """Return the difference of macro F1, paired by seed, with its standard error."""
    found = [
        [
            runs[key_of(name, best(runs, name, settings), seed)]["test"]["macro F1"]
            for seed in SEEDS
        ]
        for name in (way, other)
    ]
    return mean_and_error(np.subtract(*found))


def leaks(runs):
    """Return macro F1 by file and by group, and their paired difference."""
    pairs = {}
    if keys := [key for key in runs if key.startswith("leak, probe")]:
        pairs["probe"] = [(runs[key]["file"], runs[key]["group"]) for key in keys]
    keys = [key for key in runs if key.startswith(f"leak, {PLAIN}")]
    if keys:
        pairs[PLAIN] = [
            [runs[k]["test"]["macro F1"] for k in (key, key.removeprefix("leak, "))]
            for key in keys
        ]
    return {
        kind: {
            "by file": mean_and_error([by_file for by_file, _ in both]),
            "by group": mean_and_error([by_group for _, by_group in both]),
            "difference": mean_and_error([a - b for a, b in both]),
            "seeds": len(both),
        }
        for kind, both in pairs.items()
    }


def places(runs, kind):
    """Return how often a wrong label of this kind is among the first suspects."""
    found = [run["place"] for key, run in runs.items() if key.startswith(kind)]
    tops = {f"among the first {n}": sum(p <= n for p in found) for n in (1, 5, 10, 20)}
    return {**tops, "of": len(found), "median place": float(np.median(found))}


def confidences(runs, settings):
    """Return the temperatures, and what the thresholds do on all test pictures."""
    rate = best(runs, PLAIN, settings)
    keys = [key_of(PLAIN, rate, seed) for seed in SEEDS]
    sure = [runs[key]["confidence"] for key in keys]
    losses = np.array([one["test loss"] for one in sure])
    found = {
        "temperatures": [round(one["temperature"], 2) for one in sure],
        "test loss": losses.mean(0).round(3).tolist(),
    }
    for budget in map("budget {:g}".format, BUDGETS):
        counts = [one[budget]["answered, wrong, of"] for one in sure]
        found[f"{budget}: answered, wrong, of"] = np.sum(counts, axis=0).tolist()
    return found


def summary(runs, settings):
    """Return all tables that the runs give."""
    table = table_of(runs, settings)
    found = {"table": table, "leak": leaks(runs)}
    kinds = ("wrong label, planted", "wrong label, anywhere")
    found["wrong label"] = {
        kind.removeprefix("wrong label, "): places(runs, kind)
        for kind in kinds
        if any(key.startswith(kind) for key in runs)
    }
    if PLAIN in table:
        ways = [way for way in table if way not in (PLAIN, LARGEST)]
        found["minus plain"] = {
            way: against(runs, way, PLAIN, settings) for way in ways
        }
        found["confidence"] = confidences(runs, settings)
    return found


def rounded(value):
    """Return numbers with five decimals, whatever holds them."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(part) for part in value]
    if value is None or isinstance(value, int | str):
        return value
    return round(float(value), 5)
