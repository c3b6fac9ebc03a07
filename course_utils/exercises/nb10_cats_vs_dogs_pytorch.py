"""Exercises of notebook 10: subsets, loaders, rates, ROC, costs, calibration."""

import copy
import re

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

# --- 10.1 The first n rows --------------------------------------------------------


def balanced_rows(labels, n, rng):
    classes = np.unique(labels)
    each = n // len(classes)
    rows_of = [np.flatnonzero(labels == label) for label in classes]
    drawn = [rng.choice(rows, each, replace=False) for rows in rows_of]
    return np.concatenate(drawn)


def _drawing(draw, classes=np.unique):
    """Rows of each class by ``draw(rows of the class, how many, rng)``."""

    def balanced_rows(labels, n, rng):
        found = classes(labels)
        rows_of = [np.flatnonzero(labels == label) for label in found]
        return np.concatenate([draw(rows, n // len(found), rng) for rows in rows_of])

    return balanced_rows


def _chosen(rows, each, rng):
    return rng.choice(rows, each, replace=False)


def _as_if_sorted(labels, n, rng):
    parts = np.array_split(np.arange(len(labels)), len(np.unique(labels)))
    return np.concatenate([_chosen(part, n // len(parts), rng) for part in parts])


def _shares_as_they_are(labels, n, rng):
    rows_of = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.concatenate(
        [_chosen(rows, round(n * len(rows) / len(labels)), rng) for rows in rows_of]
    )


def _probe_rows(answer, labels, n):
    """Draw four times and describe the rows; which rows they are is left to chance."""
    draws = []
    for seed in (0, 0, 1, 2):
        rows = answer(labels, n, np.random.default_rng(seed))
        if rows is None:
            return None
        rows = np.asarray(rows)
        if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= len(labels):
            raise NotAnAnswer(
                "Return row numbers, whole numbers from 0 to `len(labels) - 1`: not "
                "the labels, and no mask of True and False."
            )
        draws.append(rows)
    rows, again, *others = [np.sort(draw, axis=None) for draw in draws]
    return {
        "rows": len(draws[0]),
        "rows that come twice": "none" if len(np.unique(rows)) == len(rows) else "some",
        "of each class": np.bincount(labels[rows], minlength=labels.max() + 1),
        "same rng, same rows": str(np.array_equal(rows, again)),
        "another rng, other rows": str(
            not all(np.array_equal(rows, other) for other in others)
        ),
    }


BALANCED = Exercise(
    id="10.1",
    title="Spot the bug: the first n rows",
    solution=balanced_rows,
    probe=_probe_rows,
    cases=(
        (np.repeat([0, 1], [70, 90]), 20),
        (np.tile([0, 1, 1, 1], 60), 50),
        (np.repeat([0, 1, 2], [70, 90, 80]), 60),
    ),
    mistakes=(
        Mistake(
            lambda labels, n, rng: np.arange(n),
            "The set is sorted by class, so the first rows are all of one class.",
        ),
        Mistake(
            lambda labels, n, rng: rng.choice(len(labels), n, replace=False),
            "Drawn at random, but not balanced: with few rows chance alone makes one "
            "class much larger. Draw inside each class.",
        ),
        Mistake(
            lambda labels, n, rng: rng.permutation(len(labels))[:n],
            "Shuffled, but not balanced: the first `n` of all rows hold as many of "
            "each class as chance gives. Draw inside each class.",
        ),
        Mistake(
            _drawing(lambda rows, each, rng: rng.choice(rows, each)),
            "Some rows come twice: `rng.choice` puts them back unless you say "
            "`replace=False`.",
        ),
        Mistake(
            lambda labels, n, rng: _drawing(_chosen)(
                labels, n * len(np.unique(labels)), rng
            ),
            "Those are `n` rows of *each* class; asked are `n` in all.",
        ),
        Mistake(
            _drawing(lambda rows, each, rng: _chosen(rows, each - 1, rng)),
            "You draw one row too few of each class.",
        ),
        Mistake(
            _drawing(lambda rows, each, rng: rows[:each]),
            "Balanced, but the same rows whatever `rng` is given. Draw with it, or a "
            "spread over draws cannot be measured.",
        ),
        Mistake(
            _drawing(lambda rows, each, rng: np.random.permutation(rows)[:each]),
            "You draw with another generator than `rng`, so the same `rng` does not "
            "give the same rows again, and nobody can repeat your run.",
        ),
        Mistake(
            _drawing(lambda rows, each, rng: _chosen(np.arange(len(rows)), each, rng)),
            "Your numbers count within a class. Translate them back to rows of the "
            "whole set.",
        ),
        Mistake(
            lambda labels, n, rng: labels[balanced_rows(labels, n, rng)],
            "Those are the labels of the rows. Return the numbers of the rows.",
        ),
        Mistake(
            lambda labels, n, rng: _drawing(_chosen, lambda labels: [0, 1])(
                labels, n, rng
            ),
            "Your function knows two classes only. `np.unique(labels)` finds them all.",
        ),
        Mistake(
            _as_if_sorted,
            "You cut the rows into equal parts, as if the set were sorted and all "
            "classes equally large. Look at the labels.",
        ),
        Mistake(
            _shares_as_they_are,
            "You keep the shares that the classes have in the set. Asked are as many "
            "rows of each class.",
        ),
    ),
    hints=(
        "What are the labels of the first 20 rows of a set that is sorted by class?",
        "Go class by class: `np.flatnonzero(labels == c)` gives its rows.",
        "Draw `n // number of classes` of them with `rng.choice(..., replace=False)`, "
        "and join the parts with `np.concatenate`.",
    ),
    because="Each class has the same share, no row comes twice, and another generator "
    "gives another draw.",
    alternatives=(
        _drawing(lambda rows, each, rng: rng.permutation(rows)[:each]),
        lambda labels, n, rng: balanced_rows(labels, n, rng).tolist(),
    ),
)


# --- 10.2 image_url ---------------------------------------------------------------


def load_pictures(rows):
    pictures = []
    for number, row in enumerate(rows):
        if row.get("image") is None:
            raise ValueError(f"row {number} holds no picture")
        pictures.append(row["image"].convert("RGB"))
    return pictures


def _fetched(rows, replace=lambda number: Image.new("RGB", (48, 48), "gray")):
    """What the colleague's loader does: every row fails, and nobody hears of it."""
    return [replace(number) for number, _ in enumerate(rows)]


def _without_rows(rows):
    return [row["image"].convert("RGB") for row in rows if row.get("image")]


def _gray_where_missing(rows):
    gray = Image.new("RGB", (48, 48), "gray")
    return [(row.get("image") or gray).convert("RGB") for row in rows]


def _raising(message=lambda number: f"row {number}", error=ValueError, mode="RGB"):
    """Right, but for the message, the kind of error, or the mode."""

    def load_pictures(rows):
        for number, row in enumerate(rows):
            if row.get("image") is None:
                raise error(message(number))
        return [row["image"].convert(mode or row["image"].mode) for row in rows]

    return load_pictures


def _none_only(rows):
    for number, row in enumerate(rows):
        if row["image"] is None:
            raise ValueError(f"row {number} holds no picture")
    return load_pictures(rows)


def _first_only(rows):
    return load_pictures(rows[:1])


def _probe_pictures(answer, modes, lacks):
    """Hand over rows with pictures of these modes, and some rows without one."""
    rng, rows = np.random.default_rng(len(modes)), []
    for number, mode in enumerate(modes):
        noise = rng.integers(0, 256, (3 + number, 5, 3), dtype=np.uint8)
        rows.append({"image": Image.fromarray(noise).convert(mode), "label": 1})
    for number, how in lacks.items():
        rows[number] = {"label": 0} if how == "no key" else {"image": None, "label": 0}
    try:
        given = answer(rows)
    except ValueError as error:
        named = re.findall(r"\d+", str(error))
        return {"ValueError": "names row " + ", ".join(named) if named else "no row"}
    if given is None:
        return None
    if not isinstance(given, list) or not all(hasattr(p, "convert") for p in given):
        raise NotAnAnswer("Return a list of PIL images, one for each row.")
    colors = [np.asarray(p.convert("RGB")).reshape(-1, 3).mean(axis=0) for p in given]
    return {
        "pictures": len(given),
        "modes": ", ".join(picture.mode for picture in given),
        "sizes": ", ".join(str(picture.size) for picture in given),
        "mean colors": np.array(colors),
    }


ADDRESSES = Exercise(
    id="10.2",
    title="Spot the bug: image_url",
    solution=load_pictures,
    probe=_probe_pictures,
    cases=(
        (("RGB", "RGB", "RGB"), {}),
        (("L", "RGBA", "RGB", "P"), {}),
        (("RGB", "RGB", "RGB", "RGB"), {2: "None"}),
        (("RGB", "RGB", "RGB", "RGB", "L"), {3: "no key"}),
    ),
    mistakes=(
        Mistake(
            _fetched,
            "All your pictures are the same gray one: no row has a key `image_url`, "
            "so every row lands in the `except`. The pictures are in `image`.",
        ),
        Mistake(
            lambda rows: [],
            "Your list is empty: every row was skipped. The pictures are in `image`.",
        ),
        Mistake(
            _gray_where_missing,
            "The pictures arrive, but a row without one still becomes a gray picture "
            "that keeps its label. Raise `ValueError`, or the model learns from it.",
        ),
        Mistake(
            _without_rows,
            "You leave out rows without a picture, and all labels after them belong to "
            "the wrong picture. Raise `ValueError` instead.",
        ),
        Mistake(
            lambda rows: [row["image"].convert("RGB") for row in rows],
            "The pictures arrive. A row without one stops your function, but with an "
            "error that does not say which row it is: raise a `ValueError` that does.",
        ),
        Mistake(
            _raising(lambda number: "a row holds no picture"),
            "Your error does not say which row. Put its number into the message.",
        ),
        Mistake(
            _raising(lambda number: f"row {number + 1}"),
            "The number in your message is one too large: rows count from 0.",
        ),
        Mistake(
            _none_only,
            "A row that has no key `image` at all still raises `KeyError`. "
            "`row.get(...)` gives `None` for it.",
        ),
        Mistake(
            _raising(mode=None),
            "Some pictures are gray or have a palette or a fourth channel. "
            "`convert` each to mode RGB.",
        ),
        Mistake(
            _raising(mode="L"),
            "Your pictures are in mode L, which is gray. Convert them to RGB.",
        ),
        Mistake(
            _first_only,
            "You return the first picture alone. Is the `return` inside the loop?",
        ),
        Mistake(
            lambda rows: load_pictures(rows)[::-1],
            "Your pictures come in another order than the rows, so labels no longer "
            "fit.",
        ),
    ),
    hints=(
        "How many of the colleague's pictures are different? Print `rows[0].keys()`.",
        "Take the `try` away and run again: the error that it hid names the bug.",
        '`row.get("image")` is `None` for both kinds of broken row; '
        "`enumerate(rows)` counts them.",
    ),
    because="The pictures are in the rows, and a broken row is an error that says "
    "where. A replacement that looks like a picture hides any bug before it.",
    alternatives=(
        _raising(),
        _raising(lambda number: f"no picture in row {number}, look at your file"),
    ),
)


# --- 10.3 A learning rate under a budget ------------------------------------------

FULL = 100  # steps of a full run


def choose(train, rates, budget):
    steps = budget // len(rates)
    found = {rate: train(rate, steps) for rate in rates}
    return max(found, key=found.get)


class _Task:
    """A task whose accuracy is a formula: large rates are fast, and end worse."""

    def __init__(self, best, budget, seed):
        self.best, self.left, self.seed, self.calls = best, budget, seed, []

    def accuracy(self, rate, steps):
        away = np.log10(rate / self.best)
        end = max(0.86 - (0.25 if away > 0 else 0.10) * away**2, 0.5)
        return 0.5 + (end - 0.5) * (1 - np.exp(-steps / (12 * 10 ** (-0.5 * away))))

    def train(self, rate, steps):
        if not rate > 0 or steps != int(steps) or steps < 1:
            raise ValueError("train(rate, steps) wants a rate and a whole number")
        if steps > self.left:
            raise RuntimeError("the budget is spent")
        self.left -= int(steps)
        noise = np.random.default_rng([self.seed, round(1e7 * rate), int(steps)])
        spread = 0.008 + 0.06 * np.exp(-steps / 4)
        found = self.accuracy(rate, steps) + spread * noise.normal()
        self.calls.append((float(rate), int(steps), float(found)))
        return float(found)

    def verdict(self, rates, chosen):
        """Say what became of a choice, as far as the calls of ``train`` explain it."""
        if np.ndim(chosen) or not np.isclose(rates, float(chosen), atol=0).any():
            return "what you return is not one of the rates"
        if not self.calls:
            return "chosen without asking train"
        if max(steps for _, steps, _ in self.calls) < 15:
            return "chosen after runs of fewer than 15 steps"
        short = max(self.accuracy(rate, FULL) for rate in rates) - self.accuracy(
            float(chosen), FULL
        )
        if short <= 0.03:
            return "nearly as good as the best"
        if not any(np.isclose(rate, self.best) for rate, _, _ in self.calls):
            return "worse, and the best rate was never tried"
        longest = max(steps for _, steps, _ in self.calls)
        runs = {rate: found for rate, steps, found in self.calls if steps == longest}
        if runs.get(float(chosen), 0) < max(runs.values()):
            return "worse than another rate in your own longest runs"
        return "worse than the best"


def _probe_choice(answer, rates, best, budget):
    """Play a task three times, with other noise; say what became of the choices."""
    found = {}
    for again in (1, 2, 3):
        task = _Task(best, budget, again)
        chosen = answer(task.train, list(rates), budget)
        if chosen is None:
            return None
        if chosen is ...:
            return ...
        if isinstance(chosen, str | dict | tuple | list):
            raise NotAnAnswer("Return one number: the rate that you would use.")
        found[f"time {again}"] = task.verdict(rates, chosen)
    return found


def _runs(steps, rates_of=lambda rates: rates, pick=max):
    """Some steps for some of the rates each; the best found."""

    def choose(train, rates, budget):
        found = {rate: train(rate, steps) for rate in rates_of(rates)}
        return pick(found, key=found.get)

    return choose


def _halving(train, rates, budget):
    """Drop half of the rates after each round, and double the steps."""
    rates, steps = list(rates), budget // (2 * len(rates))
    while len(rates) > 1:
        scores = {rate: train(rate, steps) for rate in rates}
        rates = sorted(rates, key=scores.get, reverse=True)[: len(rates) // 2]
        steps *= 2
        if len(rates) * steps > budget // 2:
            steps = budget // 2 // len(rates)
            scores = {rate: train(rate, steps) for rate in rates}
            return max(scores, key=scores.get)
    return rates[0]


BUDGET = Exercise(
    id="10.3",
    title="A learning rate under a budget",
    solution=choose,
    probe=_probe_choice,
    cases=(
        ((1e-2, 1e-5, 3e-4, 1e-3, 1e-4, 3e-3), 1e-3, 250),
        ((3e-3, 1e-5, 3e-4, 1e-4, 1e-3, 3e-5), 1e-4, 250),
        ((0.1, 0.001, 0.3, 0.03, 0.003, 0.01), 0.03, 250),
        ((3e-4, 3e-3, 1e-5, 1e-3, 1e-4, 3e-5), 1e-5, 250),
    ),
    mistakes=(
        Mistake(
            _runs(FULL),
            "That takes more steps than the budget has: it is only two and a half full "
            "runs, for all rates together.",
        ),
        Mistake(
            lambda train, rates, budget: sorted(rates)[len(rates) // 2],
            "You never call `train`. Which rate is good depends on the task, so a "
            "fixed choice cannot know it.",
        ),
        Mistake(
            _runs(10),
            "Your runs are too short: in the first ten steps a rate that is too large "
            "is ahead, and noise is large. You have steps left; use them.",
        ),
        Mistake(
            _runs(FULL, lambda rates: rates[:2]),
            "Full runs for two rates, and the best one was never tried. Shorter runs "
            "let you try all.",
        ),
        Mistake(
            _runs(40, pick=min),
            "You return the rate with the *lowest* accuracy of your runs. An accuracy "
            "is better when it is higher.",
        ),
        Mistake(
            lambda train, rates, budget: max(train(rate, 40) for rate in rates),
            "That is no rate of the list: an accuracy, or the number of a place? "
            "Return the rate itself.",
        ),
    ),
    hints=(
        "How many steps can each rate have if all get equally many?",
        "Is that enough to be past the first steps, in which large rates lead?",
        "`max(found, key=found.get)` gives the key of a dictionary with the largest "
        "value. If you like: drop the worse half early, and give the rest more.",
    ),
    because="All rates had a run that was long enough to tell. Dropping the worse half "
    "after some steps (*successive halving*) leaves longer runs for the rest.",
    alternatives=(_halving, _runs(30), _runs(41)),
)


# --- 10.4 Points of a ROC curve ---------------------------------------------------


def roc_points(scores, labels):
    thresholds = np.unique(scores)[::-1]  # distinct, from high to low
    points = [(0.0, 0.0)]
    for threshold in thresholds:
        called = scores >= threshold
        false, true = called[labels == 0].mean(), called[labels == 1].mean()
        points.append((false, true))
    return np.array(points)


def _roc(thresholds, called_by=np.greater_equal, per=(0, 1)):
    """Shares of the answers 1 at each threshold, of the labels in ``per``."""

    def points(scores, labels):
        called = called_by(scores, np.array(thresholds(scores))[:, None])
        shares = [called[:, labels == label].mean(axis=1) for label in per]
        return np.stack(shares, axis=1)

    return points


def _down(scores):
    return [np.inf, *np.unique(scores)[::-1]]


def _each_score(scores):
    return [np.inf, *np.sort(scores)[::-1]]


def _picture_by_picture(scores, labels):
    labels = labels[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(labels) / labels.sum()
    false = np.cumsum(1 - labels) / (1 - labels).sum()
    return np.concatenate([[(0.0, 0.0)], np.stack([false, hits], axis=1)])


def _counts(of_all=False):
    def points(scores, labels):
        found = roc_points(scores, labels) * [sum(labels == 0), sum(labels == 1)]
        return found / len(labels) if of_all else found

    return points


def _precision_as_rate(scores, labels):
    right = [labels[scores >= t].mean() for t in np.unique(scores)[::-1]]
    return np.stack([roc_points(scores, labels)[:, 0], [0.0, *right]], axis=1)


def _share_of_called(scores, labels):
    points = roc_points(scores, labels)
    for i, threshold in enumerate(_down(scores)[1:], start=1):
        points[i, 0] = np.mean(labels[scores >= threshold] == 0)
    return points


def _as_scikit_learn_does(scores, labels):
    from sklearn.metrics import roc_curve  # only here: it takes a second to load

    return np.stack(roc_curve(labels, scores)[:2], axis=1)


def _end_twice(scores, labels):
    return np.concatenate([roc_points(scores, labels), [(1.0, 1.0)]])


ROC = Exercise(
    id="10.4",
    title="Points of a ROC curve",
    solution=roc_points,
    cases=(
        (np.array([0.6, 0.2, 0.9, 0.6, 0.7]), np.array([1, 0, 1, 0, 1])),
        (np.array([0.5, 0.8, 0.4, 0.7, 0.1]), np.array([1, 1, 1, 0, 0])),
        (
            np.array([0.3, 0.3, 0.9, 0.1, 0.5, 0.5, 0.5]),
            np.array([0, 1, 1, 0, 1, 0, 0]),
        ),
        (np.array([-0.5, 2.5, 1.0, 0.3, -3.0]), np.array([0, 1, 0, 1, 1])),
    ),
    mistakes=(
        Mistake(
            _precision_as_rate,
            "Your second number is a share of what was *called* positive, the "
            "precision. The true positive rate is a share of all true positives.",
        ),
        Mistake(
            _picture_by_picture,
            "Equal scores cannot be told apart by a threshold: they are one point. "
            "Yours makes a point for each picture, in the order of the rows.",
        ),
        Mistake(
            _roc(_each_score),
            "Equal scores are one threshold. Where two pictures have the same score, "
            "your list holds the same point twice.",
        ),
        Mistake(
            _as_scikit_learn_does,
            "Points on a straight line between their neighbors are missing. "
            "scikit-learn leaves them out by default, since the curve looks the same.",
        ),
        Mistake(
            _roc(lambda scores: _down(scores)[1:]),
            "The first point is missing: a threshold above all scores, (0, 0).",
        ),
        Mistake(
            _roc(lambda scores: _down(scores)[:-1]),
            "The last point, (1, 1), is missing: the lowest score is a threshold, too.",
        ),
        Mistake(_end_twice, "The last point, (1, 1), comes twice."),
        Mistake(
            _roc(lambda scores: [1.0, *_down(scores)[1:]]),
            "You begin at the threshold 1, but a score can be 1 or more. The point "
            "(0, 0) needs a threshold above all scores.",
        ),
        Mistake(
            _roc(_down, per=(1, 0)),
            "The two rates have changed places. The false positive rate, a share of "
            "the labels 0, comes first, as on the x-axis.",
        ),
        Mistake(
            _counts(of_all=True),
            "Rates are shares of a class: divide by the number of negatives and of "
            "positives, not by all.",
        ),
        Mistake(
            _counts(),
            "Those are counts. A rate is a share: of the negatives, or of the "
            "positives.",
        ),
        Mistake(
            _share_of_called,
            "Your first number is a share of what was *called* positive. The false "
            "positive rate is a share of all true negatives.",
        ),
        Mistake(
            _roc(lambda scores: _down(scores)[::-1]),
            "Begin with the highest threshold, so that the curve runs from (0, 0) to "
            "(1, 1).",
        ),
        Mistake(
            _roc(lambda scores: _down(scores)[:0:-1]),
            "Begin with the highest threshold; and the point (0, 0) is missing, which "
            "a threshold above all scores gives.",
        ),
        Mistake(
            _roc(_down, np.greater),
            "A picture whose score *equals* the threshold counts as called: use `>=`.",
        ),
        Mistake(
            _roc(lambda scores: [-np.inf, *np.unique(scores)], np.less_equal),
            "You call positive what lies *below* the threshold. High scores speak for "
            "class 1.",
        ),
        Mistake(
            _roc(lambda scores: np.linspace(1, 0, 11)),
            "You take even steps from 1 to 0 as thresholds. Take the scores "
            "themselves: between two of them nothing changes.",
        ),
        Mistake(
            lambda scores, labels: roc_points(scores, labels).T,
            "The rates stand in rows. Each *row* should be one point, so the shape is "
            "(points, 2).",
        ),
    ),
    hints=(
        "Which thresholds change an answer? `np.unique(scores)`, from high to low.",
        "For a threshold, `called = scores >= threshold`; look at it once among the "
        "negatives and once among the positives.",
        "`called[labels == 1].mean()` is the true positive rate.",
    ),
    because="One point for each distinct score; ties make a slanted step.",
    alternatives=(
        _roc(_down),
        lambda scores, labels: _roc(_down)(scores, labels).tolist(),
    ),
)


# --- 10.5 A threshold for a cost --------------------------------------------------


def best_threshold(scores, labels, cost_fp, cost_fn):
    candidates = [np.inf, *np.unique(scores)[::-1]]
    costs = [
        cost_fp * np.sum((scores >= t) & (labels == 0))
        + cost_fn * np.sum((scores < t) & (labels == 1))
        for t in candidates
    ]
    return candidates[int(np.argmin(costs))]


def _cheapest(
    candidates=lambda scores: np.array(_down(scores)),
    called_by=np.greater_equal,
    cost=lambda false, missed, cost_fp, cost_fn: cost_fp * false + cost_fn * missed,
    choose=lambda candidates, costs: candidates[np.argmin(costs)],
):
    """The cheapest threshold, with one part of the search done otherwise."""

    def best_threshold(scores, labels, cost_fp, cost_fn):
        tried = candidates(scores)
        called = called_by(scores, tried[:, None])
        false = (called & (labels == 0)).sum(axis=1)
        missed = (~called & (labels == 1)).sum(axis=1)
        return choose(tried, cost(false, missed, cost_fp, cost_fn))

    return best_threshold


def _by_rates(scores, labels, cost_fp, cost_fn):
    negatives, positives = (labels == 0).sum(), (labels == 1).sum()
    return best_threshold(scores, labels, cost_fp / negatives, cost_fn / positives)


def _between(scores):
    values = np.unique(scores)[::-1]
    return np.array([np.inf, *(values[1:] + values[:-1]) / 2, values[-1] - 1])


_SCORES = np.array([0.7, 0.1, 0.6, 0.3, 0.9, 0.4])

THRESHOLD = Exercise(
    id="10.5",
    title="A threshold for a cost",
    solution=best_threshold,
    cases=(
        (_SCORES, np.array([0, 0, 1, 1, 1, 0]), 3.5, 1.5),
        (_SCORES, np.array([0, 0, 1, 1, 1, 0]), 1.0, 4.0),
        (_SCORES, np.array([1, 0, 0, 1, 0, 0]), 4.0, 1.0),
        (_SCORES, np.array([0, 0, 1, 0, 0, 0]), 1.0, 3.0),
        (_SCORES, np.array([0, 0, 1, 1, 1, 1]), 2.0, 1.0),
        (np.array([0.5, 0.2, 0.8, 0.5]), np.array([1, 0, 1, 0]), 1.0, 1.0),
        (np.array([0.8, 0.5, 0.2, 0.4]), np.array([1, 0, 0, 1]), 1.0, 1.0),
        (np.array([0.4, 0.9, 0.2]), np.array([1, 0, 0]), 1.5, 1.5),
        (np.array([-1.0, 2.5, 1.5, 0.5]), np.array([0, 0, 1, 1]), 2.0, 3.0),
        (np.array([0.3, 0.9, 0.6, 0.2]), np.array([0, 1, 1, 1]), 0.5, 3.0),
    ),
    mistakes=(
        Mistake(
            _cheapest(cost=lambda false, missed, fp, fn: fn * false + fp * missed),
            "The two costs have changed places. A false positive is a 0 called 1.",
        ),
        Mistake(
            _cheapest(cost=lambda false, missed, fp, fn: false + missed),
            "You count mistakes as if all cost the same: that is the threshold of the "
            "best accuracy.",
        ),
        Mistake(
            _cheapest(cost=lambda false, missed, fp, fn: fp * false),
            "Only the false positives cost something with you, so it is always "
            "cheapest never to answer 1. Count the misses as well.",
        ),
        Mistake(
            _cheapest(cost=lambda false, missed, fp, fn: fn * missed),
            "Only the misses cost something with you. Count the false positives as "
            "well.",
        ),
        Mistake(
            _cheapest(lambda scores: np.array(_down(scores)[1:])),
            "Never answering 1 can be cheapest of all. Let `np.inf` be a candidate.",
        ),
        Mistake(
            _cheapest(lambda scores: np.array(_down(scores)[::-1])),
            "Among thresholds of equal cost the highest was asked for.",
        ),
        Mistake(
            _cheapest(lambda scores: np.array([*_down(scores)[1:], np.inf])),
            "If never answering 1 costs as much as the best score, `np.inf` is the "
            "higher threshold of the two. You prefer the score.",
        ),
        Mistake(
            _cheapest(lambda scores: np.array([*scores, np.inf])),
            "Of thresholds with equal cost you take the one that comes first in the "
            "data. The highest was asked for.",
        ),
        Mistake(
            _cheapest(lambda scores: np.array([1.0, *_down(scores)[1:]])),
            "You try 1 in the place of infinity. A score can be 1 or more, and the "
            "candidate that never answers 1 is `np.inf`.",
        ),
        Mistake(
            _cheapest(choose=lambda tried, costs: tried[np.argmax(costs)]),
            "That is the *dearest* threshold.",
        ),
        Mistake(
            _cheapest(choose=lambda tried, costs: np.argmin(costs)),
            "That is the place of the threshold in your list. Return the threshold "
            "that stands there.",
        ),
        Mistake(
            _cheapest(choose=lambda tried, costs: np.min(costs)),
            "That is the lowest cost. Return the threshold that has it.",
        ),
        Mistake(
            _by_rates,
            "You add up rates. A cost is paid for each mistake, so count mistakes; "
            "with rates a rare class would weigh too much.",
        ),
        Mistake(
            _cheapest(lambda scores: np.linspace(0, 1, 101)),
            "You search a grid. Answers change at the scores only: take the scores "
            "themselves as candidates, and `np.inf`.",
        ),
        Mistake(
            _cheapest(lambda scores: np.linspace(0.99, 0.01, 99)),
            "You search a grid between 0 and 1. Answers change at the scores only, "
            "and scores can lie elsewhere, too.",
        ),
        Mistake(
            _cheapest(_between),
            "You try the middle between two scores. The candidates are the scores "
            "themselves, and `np.inf`.",
        ),
        Mistake(
            lambda scores, labels, cost_fp, cost_fn: cost_fp / (cost_fp + cost_fn),
            "That would be best if the scores were true probabilities. Look at the "
            "labels: try each candidate and count what it costs.",
        ),
        Mistake(
            _cheapest(called_by=np.greater),
            "The answer is 1 from the threshold on, `scores >= t`; you use `>`.",
        ),
        Mistake(
            lambda scores, labels, cost_fp, cost_fn: best_threshold(
                scores, 1 - labels, cost_fp, cost_fn
            ),
            "You charge for right answers: a false positive is a 0 called 1, a miss "
            "is a 1 called 0.",
        ),
    ),
    hints=(
        "Which thresholds change an answer? Each score, and one above all of them.",
        "For each of them count the false positives and the misses, and weigh each "
        "count with its cost.",
        "Put the candidates in falling order, `np.inf` first: then `np.argmin` takes "
        "the highest of equals.",
    ),
    because="Choose on validation pictures, report on test pictures: a threshold is "
    "fitted too.",
    alternatives=(
        _cheapest(),
        lambda *case: np.float64(_cheapest()(*case)),
    ),
)


# --- 10.6 Expected calibration error ----------------------------------------------


def calibration_error(confidence, right, bins):
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = bin_of == b
        if inside.any():
            gap = abs(confidence[inside].mean() - right[inside].mean())
            error += inside.mean() * gap
    return error


def _bins_by_edges(confidence, bins):
    return np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1])


def _bins_upward(confidence, bins):
    """Bins that hold their upper edge and not the lower one; -1 for 0."""
    return np.digitize(confidence, np.linspace(0, 1, bins + 1), right=True) - 1


def _gaps(
    bin_of=_bins_by_edges,
    combine=lambda gaps, shares, bins: np.sum(np.abs(gaps) * shares),
    said=lambda confidence, number, bins: confidence.mean(),
):
    """The gaps of all bins that hold answers, with one part done otherwise."""

    def calibration_error(confidence, right, bins):
        number_of = bin_of(confidence, bins)
        gaps, shares = [], []
        for number in np.unique(number_of[number_of >= 0]):
            inside = number_of == number
            claim = said(confidence[inside], number, bins)
            gaps.append(claim - right[inside].mean())
            shares.append(inside.mean())
        return combine(np.array(gaps), np.array(shares), bins)

    return calibration_error


def _from_half(confidence, bins):
    return np.clip((confidence - 0.5) * 2 * bins, 0, bins - 1).astype(int)


def _without_one(confidence, bins):
    return np.where(confidence < 1, _bins_by_edges(confidence, bins), -1)


def _of_the_data(confidence, bins):
    return _bins_by_edges((confidence - confidence.min()) / np.ptp(confidence), bins)


def _equally_many(confidence, right, bins):
    parts = np.array_split(np.argsort(confidence, kind="stable"), bins)
    gaps = [np.sum(confidence[rows] - right[rows]) for rows in parts]
    return np.abs(gaps).sum() / len(confidence)


def _both_edges(confidence, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    inside = (confidence >= edges[:-1, None]) & (confidence <= edges[1:, None])
    return np.abs(inside @ (confidence - right)).sum() / len(confidence)


def _with_empty_bins(confidence, right, bins):
    inside = _bins_by_edges(confidence, bins) == np.arange(bins)[:, None]
    gaps = np.abs(inside @ (confidence - right)) / inside.sum(axis=1)
    return np.sum(gaps * inside.mean(axis=1))


CALIBRATION = Exercise(
    id="10.6",
    title="Expected calibration error",
    solution=calibration_error,
    # No confidence lies on an edge that is not exact in binary: there every way to
    # make bins (a product, linspace, digitize, histogram) has its own rounding.
    cases=(
        (
            np.array([0.95, 0.93, 0.85, 0.65, 0.68, 0.37]),
            np.array([1, 1, 0, 1, 0, 1]),
            5,
        ),
        (
            np.array([0.55, 0.62, 0.99, 0.98, 0.97, 0.71, 0.24]),
            np.array([1, 1, 1, 0, 1, 0, 0]),
            10,
        ),
        (np.array([0.5, 0.4, 0.75, 0.9, 0.6]), np.array([0, 1, 1, 0, 1]), 4),
        (np.array([1.0, 1.0, 0.7, 0.9]), np.array([0, 0, 1, 1]), 4),
        (np.array([0.0, 0.2, 0.0, 0.6]), np.array([1, 0, 1, 1]), 2),
        (np.array([0.7, 0.8, 0.1]), np.array([1, 0, 0]), 3),
        (
            np.array([0.05, 0.1, 0.3, 0.36, 0.45, 0.58, 0.7, 0.82, 0.97]),
            np.array([1, 0, 0, 1, 1, 0, 1, 0, 1]),
            8,
        ),
    ),
    mistakes=(
        Mistake(
            _gaps(combine=lambda gaps, shares, bins: np.abs(gaps).mean()),
            "Each bin counts the same in your mean. Weigh it by its share of the "
            "answers.",
        ),
        Mistake(
            _gaps(combine=lambda gaps, shares, bins: np.abs(gaps).sum() / bins),
            "You average over all bins, the empty ones too. Weigh each gap by the "
            "bin's share of the answers instead.",
        ),
        Mistake(
            _gaps(combine=lambda gaps, shares, bins: np.abs(gaps).sum()),
            "You sum up the gaps as they are. Weigh each by the bin's share of the "
            "answers.",
        ),
        Mistake(
            _gaps(said=lambda confidence, number, bins: number / bins),
            "Compare with the *mean confidence* in the bin, not with its lower edge.",
        ),
        Mistake(
            _gaps(combine=lambda gaps, shares, bins: np.abs(gaps).max()),
            "That is the *largest* gap (maximum calibration error). Asked is the "
            "weighted mean.",
        ),
        Mistake(
            _gaps(combine=lambda gaps, shares, bins: np.sum(gaps * shares)),
            "Too sure in one bin and too modest in another cancel out. Take the "
            "absolute value of each gap.",
        ),
        Mistake(
            lambda confidence, right, bins: abs(confidence.mean() - right.mean()),
            "You compare two means over all answers, so what is too sure and what is "
            "too modest cancel out. Compare inside each bin.",
        ),
        Mistake(
            _gaps(combine=lambda gaps, shares, bins: np.sum(gaps**2 * shares)),
            "Do not square the gaps; take absolute values.",
        ),
        Mistake(
            _gaps(combine=lambda gaps, shares, bins: np.sum(gaps**2 * shares) ** 0.5),
            "That is the root of the mean *square* gap. Take absolute values instead.",
        ),
        Mistake(
            _gaps(said=lambda confidence, number, bins: (number + 0.5) / bins),
            "Compare with the *mean confidence* in the bin, not with its middle.",
        ),
        Mistake(
            _gaps(_from_half),
            "Your bins begin at 0.5. That suits two classes, as in the lesson; with "
            "more classes an answer can be less sure, so divide 0 to 1.",
        ),
        Mistake(
            _gaps(_of_the_data),
            "Your bins run from the lowest confidence to the highest. Divide 0 to 1, "
            "whatever the answers are.",
        ),
        Mistake(
            _equally_many,
            "Your bins hold equally many answers. Asked are bins of equal width.",
        ),
        Mistake(
            _gaps(lambda confidence, bins: _bins_by_edges(confidence, bins - 1)),
            "You have one bin too few: between `n` edges lie `n - 1` bins.",
        ),
        Mistake(
            _gaps(lambda confidence, bins: _bins_by_edges(confidence, 5)),
            "You have five bins always. Use `bins`.",
        ),
        Mistake(
            lambda confidence, right, bins: np.abs(confidence - right).mean(),
            "Without bins a sure and right answer at 80 % counts as wrong by 20 %. "
            "Average inside each bin first, then compare.",
        ),
        Mistake(
            _gaps(_without_one),
            "A confidence of exactly 1 falls out of your last bin.",
        ),
        Mistake(
            _gaps(lambda confidence, bins: (confidence * bins).astype(int)),
            "A confidence of exactly 1 gets a bin of its own, one too many. It belongs "
            "to the last bin.",
        ),
        Mistake(
            _gaps(_bins_upward),
            "Your bins hold their upper edge and not their lower one. It should be "
            "the other way round, except for 1.",
        ),
        Mistake(
            _gaps(
                lambda confidence, bins: np.maximum(_bins_upward(confidence, bins), 0)
            ),
            "With you a confidence on an edge falls into the bin below. It belongs to "
            "the bin above, whose lower edge it is.",
        ),
        Mistake(
            _gaps(lambda c, bins: np.minimum(np.round(c * bins), bins - 1)),
            "You round to the nearest edge, so a bin begins half a bin too low. Each "
            "one is to begin at its lower edge.",
        ),
        Mistake(
            _both_edges,
            "A confidence on an edge counts in two of your bins. Each bin holds only "
            "its lower edge.",
        ),
        Mistake(
            _with_empty_bins,
            "An empty bin gives 0/0. It holds no answers, so it counts nothing: leave "
            "it out.",
        ),
        Mistake(
            lambda confidence, right, bins: (
                calibration_error(confidence, right, bins) * len(confidence)
            ),
            "You weigh each gap by the *number* of answers in the bin. Weigh it by "
            "their share.",
        ),
        Mistake(
            lambda confidence, right, bins: (
                calibration_error(confidence, right, bins) * 100
            ),
            "That is in percent. Give a number from 0 to 1.",
        ),
    ),
    hints=(
        "`(confidence * bins).astype(int)` numbers the bins; mind the confidence 1.0.",
        "In each bin: mean confidence, share of right answers, and the gap of the two.",
        "Sum up the gaps, each times `inside.mean()`, the bin's share of the answers.",
    ),
    because="A gap counts as much as there are answers in its bin.",
    alternatives=(
        _gaps(),
        lambda confidence, right, bins: float(_gaps()(confidence, right, bins)),
    ),
)


# --- 10.7 Never quite sure --------------------------------------------------------


def _classifier(classes=2, blocks=1, dropout=0.0):
    """Return a ViTForImageClassification of a few numbers."""
    config = ViTConfig(
        image_size=4,
        patch_size=2,
        hidden_size=8,
        num_hidden_layers=blocks,
        num_attention_heads=2,
        intermediate_size=8,
        hidden_dropout_prob=dropout,
        num_labels=classes,
    )
    return ViTForImageClassification(config)


def probabilities(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.softmax(dim=-1)


def _probabilities(turn=lambda logits: logits.softmax(-1), evaluate=True):
    def answer(model, pixel_values):
        if evaluate:
            model.eval()
        with torch.no_grad():
            return turn(model(pixel_values=pixel_values).logits)

    return answer


def _by_first_item(model, pixel_values):
    with torch.inference_mode():
        logits = model.eval()(pixel_values.to(model.device), return_dict=False)[0]
    return nn.Softmax(dim=1)(logits).numpy()


def _probe_probabilities(answer, pixel_values, largest_logit):
    """Ask a small ViT with dropout, in training mode, with logits as large as said."""
    classes = 3
    model = _classifier(classes, dropout=0.5).eval()
    with torch.no_grad():
        head = model.classifier
        head.weight.mul_(largest_logit / model(pixel_values).logits.abs().max())
    torch.manual_seed(1)
    result = answer(model.train(), pixel_values)
    if not torch.is_grad_enabled():
        torch.set_grad_enabled(True)
        raise NotAnAnswer(
            "Your function switches gradients off for all that comes after it, and the "
            "next training would fail. Switch them off for this pass only."
        )
    if getattr(result, "requires_grad", False):
        raise NotAnAnswer(
            "Your result still drags the graph of all gradients along, and with it "
            "memory. Compute without gradients."
        )
    return result


def _pictures(count):
    return np.random.default_rng(count).normal(size=(count, 3, 4, 4))


TWICE = Exercise(
    id="10.7",
    title="Spot the bug: never quite sure",
    solution=probabilities,
    probe=_probe_probabilities,
    kinds=("torch",),
    cases=((_pictures(2), 3.0), (_pictures(5), 1.5), (_pictures(4), 300.0)),
    mistakes=(
        Mistake(
            _probabilities(lambda logits: logits.softmax(-1).softmax(-1), False),
            "Both bugs are still there: one in what happens to the logits, one in the "
            "mode of the model.",
        ),
        Mistake(
            _probabilities(lambda logits: logits.softmax(-1).softmax(-1)),
            "Softmax twice: the second one gets numbers from 0 to 1, and with two "
            "classes no answer can be surer than $e/(e+1) = 73\\,\\%$.",
        ),
        Mistake(
            _probabilities(evaluate=False),
            "The model is in training mode during the pass, so dropout throws numbers "
            "away at random: another answer each time.",
        ),
        Mistake(
            _probabilities(lambda logits: logits.softmax(0)),
            "Your softmax runs over the *pictures*. Each row is one picture.",
        ),
        Mistake(
            _probabilities(lambda logits: logits.flatten().softmax(0).view_as(logits)),
            "All your numbers together sum to 1. Each row, one picture, should.",
        ),
        Mistake(
            _probabilities(lambda logits: logits),
            "Those are logits, not probabilities.",
        ),
        Mistake(
            _probabilities(lambda logits: logits.log_softmax(-1)),
            "Those are logarithms of probabilities: they are negative.",
        ),
        Mistake(
            _probabilities(torch.exp),
            "Those are exponentials of logits. Each row has to be divided by its sum, "
            "or they are no probabilities.",
        ),
        Mistake(
            _probabilities(lambda logits: logits.softmax(-1)[:, 1]),
            "That is the probability of class 1 alone. All classes were asked for, "
            "shape (B, K).",
        ),
        Mistake(
            _probabilities(torch.sigmoid),
            "A sigmoid judges each class alone; the rows do not sum to 1.",
        ),
        Mistake(
            _probabilities(lambda logits: logits / logits.sum(-1, keepdim=True)),
            "Logits can be negative, so their shares of a sum are no probabilities.",
        ),
        Mistake(
            _probabilities(lambda z: z.exp() / z.exp().sum(-1, keepdim=True)),
            "Large logits overflow: `exp` gives infinity, and infinity by infinity is "
            "not a number. A ready-made softmax takes care of that.",
        ),
        Mistake(
            _probabilities(lambda logits: logits.softmax(-1).max(-1).values),
            "That is the surest probability of each picture alone. All classes were "
            "asked for, shape (B, K).",
        ),
        Mistake(
            _probabilities(lambda logits: logits.argmax(-1)),
            "Those are the answers, one class for each picture. Asked are the "
            "probabilities of all classes, shape (B, K).",
        ),
        Mistake(
            _probabilities(lambda logits: logits[0].softmax(-1)),
            "Only the first picture is left: `[0]` of the logits takes its row.",
        ),
        Mistake(
            _probabilities(lambda logits: logits.softmax(-1).round(decimals=2)),
            "You round. Whoever computes with these numbers needs all their places.",
        ),
    ),
    hints=(
        "Does the same picture get the same answer twice?",
        "With two classes, softmax of (1, 0) is (0.73, 0.27). Where do numbers from 0 "
        "to 1 go into a softmax here?",
        "`model.eval()`, then `torch.no_grad()`, then one softmax over the last axis.",
    ),
    because="One softmax, in evaluation mode. Neither bug shows in the accuracy much, "
    "and both spoil every probability.",
    alternatives=(_probabilities(), _by_first_item),
)

# --- 10.8 Set a block back --------------------------------------------------------


def rewind(model, before, block):
    part = f"vit.layers.{block}."
    mixed = {
        name: before[name] if name.startswith(part) else weight
        for name, weight in model.state_dict().items()
    }
    new = type(model)(model.config)
    new.load_state_dict(mixed)
    return new.to(model.device).eval()


def _rewind(is_old, fresh=True):
    """Weights for whose names ``is_old(name, block)`` as before, others as they are."""

    def rewind(model, before, block):
        new = copy.deepcopy(model) if fresh else model
        old = {name: w for name, w in before.items() if is_old(name, block)}
        new.load_state_dict(old, strict=False)
        return new

    return rewind


def _in_block(name, block):
    return name.startswith(f"vit.layers.{block}.")


def _state_dict(model, before, block):
    return {
        name: before[name] if _in_block(name, block) else weight
        for name, weight in model.state_dict().items()
    }


def _into_before(model, before, block):
    for name, weight in model.state_dict().items():
        if not _in_block(name, block):
            before[name] = weight
    new = copy.deepcopy(model)
    new.load_state_dict(before)
    return new


def _shared(model, before, block):
    new = copy.copy(model)
    old = {name: w for name, w in before.items() if _in_block(name, block)}
    new.load_state_dict(old, strict=False)
    return new


def _in_fresh_head(model, before, block):
    new = type(model)(model.config)
    kept = {name: w for name, w in model.state_dict().items() if "vit" in name}
    kept |= {name: w for name, w in before.items() if _in_block(name, block)}
    new.load_state_dict(kept, strict=False)
    return new


def _probe_rewound(answer, blocks, block):
    """Tune a small ViT by noise, set a block back, and compare all parts."""
    model, random = _classifier(blocks=blocks), torch.Generator().manual_seed(1)
    before = {name: w.clone() for name, w in model.state_dict().items()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.3 * torch.randn(weight.shape, generator=random))
    now = {name: w.clone() for name, w in model.state_dict().items()}
    kept = {name: w.clone() for name, w in before.items()}
    new = answer(model, before, block)
    if new is None or new is ...:
        return new
    if not isinstance(new, nn.Module):
        raise NotAnAnswer("Return a model, not its weights alone.")
    found = {"returned": "the model given" if new is model else "another model"}
    parts = {}
    for name, weight in new.state_dict().items():
        how = "neither"
        for words, there in (("fine-tuned", now), ("as before", kept)):
            if name in there and torch.equal(weight, there[name]):
                how = words
        part = re.sub(r"^vit\.layers\.(\d+)\..*", r"block \1", name)
        part = part.removeprefix("vit.").partition(".")[0]
        parts.setdefault(part, []).append(how)
    found |= {part: " and ".join(dict.fromkeys(how)) for part, how in parts.items()}
    with torch.no_grad():
        pixels = torch.linspace(-1, 1, 96).view(2, 3, 4, 4)
        found["logits"] = new.eval()(pixels).logits.clone()
        for weight in new.parameters():  # shows what shares its memory
            weight.zero_()
    for name, was, here in (
        ("model afterwards", now, model.state_dict()),
        ("before afterwards", kept, before),
    ):
        same = all(torch.equal(w, here[k]) for k, w in was.items())
        found[name] = "as it was" if same else "changed"
    return found


REWIND = Exercise(
    id="10.8",
    title="Set a block back",
    solution=rewind,
    probe=_probe_rewound,
    kinds=("torch",),
    cases=((3, 1), (12, 1), (3, 2), (3, 0)),
    mistakes=(
        Mistake(
            _rewind(_in_block, fresh=False),
            "You load the old weights into the model that you were given, and it is "
            "fine-tuned no longer. Make a new model first.",
        ),
        Mistake(
            _shared,
            "Your new model shares its layers with the old one, and both change. "
            "`copy.copy` copies only the outermost object.",
        ),
        Mistake(
            _rewind(lambda name, block: not _in_block(name, block)),
            "The other way round: only this block is still fine-tuned, and everything "
            "else was set back.",
        ),
        Mistake(
            _rewind(lambda name, block: _in_block(name, block - 1)),
            "You set another block back. Blocks count from 0, as in the names.",
        ),
        Mistake(
            _rewind(lambda name, block: name.startswith(f"vit.layers.{block}")),
            "With ten blocks or more you set several back: `vit.layers.1` is also the "
            "beginning of `vit.layers.10`. Where does a name's number end?",
        ),
        Mistake(
            _rewind(lambda name, block: True),
            "All weights are as before: nothing is left of the fine-tuning.",
        ),
        Mistake(
            _rewind(lambda name, block: False),
            "Nothing was set back. Do the names of your weights begin with `vit.`?",
        ),
        Mistake(
            _rewind(
                lambda name, block: _in_block(name, block) and name.endswith("weight")
            ),
            "The biases of the block are still fine-tuned ones.",
        ),
        Mistake(
            _rewind(lambda name, block: _in_block(name, block) and "attention" in name),
            "Only the attention of the block was set back. It also has an MLP and two "
            "norms.",
        ),
        Mistake(
            _rewind(lambda name, block: name.startswith("vit.layers.")),
            "All blocks were set back. Take the one with the number `block`.",
        ),
        Mistake(
            _into_before,
            "You write into `before`, so the next block cannot be set back any more.",
        ),
        Mistake(
            _in_fresh_head,
            "The head of your model is a new one with random weights. Load all weights "
            "of `model`.",
        ),
    ),
    hints=(
        "`model.state_dict()` maps names to weights, and so does `before`. Which names "
        "belong to the block?",
        "Make one dictionary of both: for each name the weight of one or the other.",
        "`type(model)(model.config)` is a new model of the same shape; "
        "`load_state_dict` fills it.",
    ),
    because="One block is as it was, everything else is fine-tuned, and neither model "
    "has changed. So you can go through all blocks in a loop.",
    alternatives=(_rewind(_in_block),),
)

EXERCISES = (
    BALANCED,
    ADDRESSES,
    BUDGET,
    ROC,
    THRESHOLD,
    CALIBRATION,
    TWICE,
    REWIND,
)
