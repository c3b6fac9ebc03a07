"""Answers to the exercises of notebook 10, written from the statements alone."""

import copy
import random

import numpy as np
import torch
from PIL import Image
from sklearn.metrics import roc_curve
from tests_answers import right, wrong
from torch import nn
from torch.nn import functional as F

# 10.1 balanced_rows(labels, n, rng)


@right("10.1")
def choice_in_each_class(labels, n, rng):
    classes = np.unique(labels)
    share = n // len(classes)
    return np.concatenate(
        [rng.choice(np.flatnonzero(labels == c), share, replace=False) for c in classes]
    )


@right("10.1")
def permutation_in_each_class(labels, n, rng):
    labels = np.asarray(labels)
    found = []
    for c in sorted(set(labels.tolist())):
        rows = np.where(labels == c)[0]
        found.extend(rng.permutation(rows)[: n // len(set(labels.tolist()))])
    return np.array(found)


@right("10.1")
def one_order_for_all(labels, n, rng):
    order = rng.permutation(len(labels))
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate([order[labels[order] == c][:each] for c in classes])


@right("10.1")
def counting_down(labels, n, rng):
    left = {c: n // len(set(labels)) for c in set(labels)}
    rows = []
    for i in rng.permutation(len(labels)):
        if left[labels[i]] > 0:
            rows.append(int(i))
            left[labels[i]] -= 1
    return rows


@right("10.1")
def shuffled_in_place(labels, n, rng):
    by_class = {}
    for i, label in enumerate(labels):
        by_class.setdefault(int(label), []).append(i)
    rows = []
    for members in by_class.values():
        rng.shuffle(members)
        rows += members[: n // len(by_class)]
    rng.shuffle(rows)
    return rows


@right("10.1")
def random_keys(labels, n, rng):
    keys = rng.random(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    starts = np.cumsum(counts) - counts
    order = np.lexsort((keys, labels))
    each = n // len(classes)
    return np.concatenate([order[s : s + each] for s in starts])


@wrong("10.1", "draws with replacement", says="Some rows come twice")
def with_replacement(labels, n, rng):
    classes = np.unique(labels)
    return np.concatenate(
        [rng.choice(np.flatnonzero(labels == c), n // len(classes)) for c in classes]
    )


@wrong(
    "10.1",
    "the first rows of each class, rng ignored",
    says="Balanced, but the same rows whatever `rng` is given",
)
def first_of_each(labels, n, rng):
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate([np.flatnonzero(labels == c)[:each] for c in classes])


@wrong(
    "10.1",
    "the last rows of each class, rng ignored",
    says="Balanced, but the same rows whatever `rng` is given",
)
def last_of_each(labels, n, rng):
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate([np.flatnonzero(labels == c)[-each:] for c in classes])


@wrong(
    "10.1",
    "NumPy's global generator instead of rng",
    says="You draw with another generator than `rng`, so",
)
def global_generator(labels, n, rng):
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate(
        [
            np.random.choice(np.flatnonzero(labels == c), each, replace=False)
            for c in classes
        ]
    )


@wrong(
    "10.1",
    "a generator of its own with a fixed seed",
    says="Balanced, but the same rows whatever `rng` is given",
)
def own_generator(labels, n, rng):
    rng = np.random.default_rng(0)
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(labels == c))[:each] for c in classes]
    )


@wrong(
    "10.1",
    "Python's random instead of rng",
    says="You draw with another generator than `rng`, so",
)
def python_random(labels, n, rng):
    rows = []
    classes = set(int(c) for c in labels)
    for c in classes:
        members = [i for i, label in enumerate(labels) if label == c]
        rows += random.sample(members, n // len(classes))
    return rows


@wrong("10.1", "two classes always", says="Your function knows two classes only")
def two_classes(labels, n, rng):
    return np.concatenate(
        [rng.choice(np.flatnonzero(labels == c), n // 2, replace=False) for c in (0, 1)]
    )


@wrong("10.1", "n rows of each class", says="Those are `n` rows of *each* class")
def n_of_each(labels, n, rng):
    return np.concatenate(
        [
            rng.choice(np.flatnonzero(labels == c), n, replace=False)
            for c in np.unique(labels)
        ]
    )


@wrong("10.1", "labels instead of row numbers", says="Those are the labels of the rows")
def labels_for_rows(labels, n, rng):
    return labels[choice_in_each_class(labels, n, rng)]


@wrong("10.1", "numbers within the class", says="Your numbers count within a class")
def numbers_within_the_class(labels, n, rng):
    classes, counts = np.unique(labels, return_counts=True)
    return np.concatenate(
        [rng.choice(k, n // len(classes), replace=False) for k in counts]
    )


@wrong("10.1", "draws from all rows alike", says="Drawn at random, but not balanced")
def from_all_rows(labels, n, rng):
    return rng.choice(len(labels), n, replace=False)


@wrong("10.1", "the first n of a shuffled order", says="Shuffled, but not balanced")
def first_of_shuffled(labels, n, rng):
    return rng.permutation(len(labels))[:n]


@wrong(
    "10.1",
    "shuffles the first rows of each class only",
    says="Balanced, but the same rows whatever `rng` is given",
)
def shuffles_the_first(labels, n, rng):
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate(
        [rng.permutation(np.flatnonzero(labels == c)[:each]) for c in classes]
    )


@wrong(
    "10.1",
    "cuts the rows into equal parts as if they were sorted",
    says="You cut the rows into equal parts, as",
)
def as_if_sorted(labels, n, rng):
    parts = np.array_split(np.arange(len(labels)), len(np.unique(labels)))
    return np.concatenate(
        [rng.choice(part, n // len(parts), replace=False) for part in parts]
    )


@wrong("10.1", "shuffles the caller's labels", says="changes what it is given")
def shuffles_labels(labels, n, rng):
    rng.shuffle(labels)
    classes = np.unique(labels)
    each = n // len(classes)
    return np.concatenate([np.flatnonzero(labels == c)[:each] for c in classes])


@wrong("10.1", "a mask instead of row numbers", says="Return row numbers")
def mask(labels, n, rng):
    chosen = np.zeros(len(labels), dtype=bool)
    chosen[choice_in_each_class(labels, n, rng)] = True
    return chosen


@wrong(
    "10.1",
    "shares as in the labels",
    says="You keep the shares that the classes have in the set",
)
def shares_as_they_are(labels, n, rng):
    rows = []
    for c in np.unique(labels):
        members = np.flatnonzero(labels == c)
        k = round(n * len(members) / len(labels))
        rows.extend(rng.choice(members, k, replace=False))
    return np.array(rows)


@wrong(
    "10.1",
    "one row too few of each class",
    says="You draw one row too few of each class",
)
def one_too_few(labels, n, rng):
    classes = np.unique(labels)
    each = n // len(classes) - 1
    return np.concatenate(
        [rng.permutation(np.flatnonzero(labels == c))[:each] for c in classes]
    )


@wrong("10.1", "nothing returned", says="Is the `return` missing?")
def rows_without_return(labels, n, rng):
    rows = []
    for c in np.unique(labels):
        found = np.flatnonzero(labels == c)
        rows.extend(rng.choice(found, n // len(np.unique(labels)), replace=False))


# 10.2 load_pictures(rows)


@right("10.2")
def loop_with_get(rows):
    pictures = []
    for i, row in enumerate(rows):
        picture = row.get("image")
        if picture is None:
            raise ValueError(f"no picture in row {i}")
        pictures.append(picture.convert("RGB"))
    return pictures


@right("10.2")
def looks_for_the_key(rows):
    for i in range(len(rows)):
        if "image" not in rows[i] or rows[i]["image"] is None:
            raise ValueError("row " + str(i) + " has no picture: " + ", ".join(rows[i]))
    return [row["image"].convert("RGB") for row in rows]


@right("10.2")
def lists_all_broken_rows(rows):
    broken = [i for i, row in enumerate(rows) if row.get("image") is None]
    if broken:
        raise ValueError(f"rows without a picture: {broken}")
    return [row["image"].convert("RGB") for row in rows]


@right("10.2")
def turns_errors_into_value_errors(rows):
    pictures = []
    for i, row in enumerate(rows):
        try:
            pictures.append(row["image"].convert("RGB"))
        except (KeyError, AttributeError) as error:
            raise ValueError(f"row {i}: {error!r}") from error
    return pictures


@right("10.2")
def walrus(rows):
    def picture(i, row):
        if (image := row.get("image")) is not None:
            return image.convert("RGB")
        raise ValueError(f"row {i}")

    return [picture(i, row) for i, row in enumerate(rows)]


def _gray():
    return Image.new("RGB", (48, 48), "gray")


@wrong("10.2", "the colleague's loader", says="All your pictures are the same gray one")
def as_copied(rows):
    pictures = []
    for row in rows:
        try:
            pictures.append(Image.open(row["image_url"]))
        except Exception:
            pictures.append(_gray())
    return pictures


@wrong("10.2", "skips rows that fail, still image_url", says="Your list is empty")
def skips_all(rows):
    pictures = []
    for row in rows:
        try:
            pictures.append(Image.open(row["image_url"]))
        except Exception:
            continue
    return pictures


@wrong("10.2", "still gray where one is missing", says="still becomes a gray picture")
def still_gray(rows):
    pictures = []
    for row in rows:
        try:
            pictures.append(row["image"].convert("RGB"))
        except Exception:
            pictures.append(_gray())
    return pictures


@wrong("10.2", "leaves rows out", says="You leave out rows without a picture")
def leaves_out(rows):
    return [row["image"].convert("RGB") for row in rows if row.get("image") is not None]


@wrong("10.2", "does not look", says="with an error that does not say which row")
def does_not_look(rows):
    pictures = []
    for row in rows:
        pictures.append(row["image"].convert("RGB"))
    return pictures


@wrong("10.2", "no number in the message", says="Your error does not say which row")
def no_number(rows):
    for row in rows:
        if row.get("image") is None:
            raise ValueError("a row has no image")
    return [row["image"].convert("RGB") for row in rows]


@wrong("10.2", "counts from 1", says="one too large")
def counts_from_one(rows):
    for i, row in enumerate(rows, start=1):
        if row.get("image") is None:
            raise ValueError(f"row {i} has no image")
    return [row["image"].convert("RGB") for row in rows]


@wrong("10.2", "forgets the missing key", says="still raises `KeyError`")
def forgets_the_key(rows):
    pictures = []
    for i, row in enumerate(rows):
        if row["image"] is None:
            raise ValueError(f"row {i} has no image")
        pictures.append(row["image"].convert("RGB"))
    return pictures


@wrong("10.2", "modes as they are", says="have a palette or a fourth channel")
def modes_as_they_are(rows):
    for i, row in enumerate(rows):
        if row.get("image") is None:
            raise ValueError(f"row {i} has no image")
    return [row["image"] for row in rows]


@wrong("10.2", "arrays", says="Return a list of PIL images")
def arrays(rows):
    return [np.asarray(row["image"].convert("RGB")) for row in rows]


@wrong("10.2", "return inside the loop", says="You return the first picture alone")
def return_inside(rows):
    pictures = []
    for i, row in enumerate(rows):
        if row.get("image") is None:
            raise ValueError(f"row {i}")
        pictures.append(row["image"].convert("RGB"))
        return pictures


@wrong("10.2", "an assert")
def with_assert(rows):
    for i, row in enumerate(rows):
        assert row.get("image") is not None, f"row {i}"
    return [row["image"].convert("RGB") for row in rows]


# 10.3 choose(train, rates, budget)


@right("10.3")
def equally_many_steps(train, rates, budget):
    best, best_rate = -1, None
    for rate in rates:
        score = train(rate, budget // len(rates))
        if score > best:
            best, best_rate = score, rate
    return best_rate


@right("10.3")
def by_numpy(train, rates, budget):
    scores = [train(rate, int(budget / len(rates))) for rate in rates]
    return rates[int(np.argmax(scores))]


@right("10.3")
def three_survive(train, rates, budget):
    first = {rate: train(rate, 20) for rate in rates}
    best = sorted(first, key=first.get)[-3:]
    left = budget - 20 * len(rates)
    second = {rate: train(rate, left // 3) for rate in best}
    return max(second, key=second.get)


@right("10.3")
def two_survive(train, rates, budget):
    first = sorted(rates, key=lambda rate: train(rate, 24))
    left = (budget - 24 * len(rates)) // 2
    return max(first[-2:], key=lambda rate: train(rate, left))


@right("10.3")
def until_the_budget_is_spent(train, rates, budget):
    scores = {}
    try:
        for rate in rates:
            scores[rate] = train(rate, 41)
    except RuntimeError:
        pass
    return max(scores, key=scores.get)


@wrong("10.3", "full runs for all", says="more steps than the budget")
def full_runs(train, rates, budget):
    scores = {rate: train(rate, 100) for rate in rates}
    return max(scores, key=scores.get)


@wrong("10.3", "the whole budget for each", says="more steps than the budget")
def budget_for_each(train, rates, budget):
    return max(rates, key=lambda rate: train(rate, budget))


@wrong("10.3", "a rate by heart", says="That is no rate of the list")
def by_heart(train, rates, budget):
    return 2e-5


@wrong("10.3", "the middle one, untried", says="You never call `train`")
def the_middle(train, rates, budget):
    return sorted(rates)[len(rates) // 2]


@wrong("10.3", "the first, untried", says="You never call `train`")
def the_first(train, rates, budget):
    return rates[0]


@wrong("10.3", "five steps each", says="Your runs are too short")
def five_steps(train, rates, budget):
    scores = {rate: train(rate, 5) for rate in rates}
    return max(scores, key=scores.get)


@wrong("10.3", "ten steps, three times", says="Your runs are too short")
def ten_steps_three_times(train, rates, budget):
    scores = {r: sum(train(r, 10) for _ in range(3)) for r in rates}
    return max(scores, key=scores.get)


@wrong("10.3", "two full runs", says="Full runs for two rates")
def two_full_runs(train, rates, budget):
    return max(rates[:2], key=lambda rate: train(rate, 100))


@wrong("10.3", "the lowest of good runs", says="with the *lowest* accuracy")
def the_lowest(train, rates, budget):
    return min(rates, key=lambda rate: train(rate, budget // len(rates)))


@wrong("10.3", "the accuracy", says="That is no rate of the list")
def the_accuracy(train, rates, budget):
    return max(train(rate, 40) for rate in rates)


@wrong("10.3", "the place in the list", says="That is no rate of the list")
def the_place(train, rates, budget):
    return int(np.argmax([train(rate, 40) for rate in rates]))


@wrong("10.3", "rate and accuracy", says="Return one number")
def both_of_them(train, rates, budget):
    return max((train(rate, 40), rate) for rate in rates)


@wrong("10.3", "no return", says="Is the `return` missing?")
def no_return(train, rates, budget):
    scores = {rate: train(rate, 40) for rate in rates}
    max(scores, key=scores.get)


@wrong("10.3", "stops when it gets worse, in the order of the list")
def stops_early(train, rates, budget):
    best, chosen = 0, rates[0]
    for rate in rates:
        score = train(rate, 40)
        if score < best:
            return chosen
        best, chosen = score, rate
    return chosen


# 10.4 roc_points(scores, labels)


@right("10.4")
def loop_over_thresholds(scores, labels):
    points = [(0.0, 0.0)]
    for t in sorted(set(scores), reverse=True):
        called = scores >= t
        points.append((called[labels == 0].mean(), called[labels == 1].mean()))
    return np.array(points)


@right("10.4")
def broadcast(scores, labels):
    thresholds = np.r_[np.inf, np.unique(scores)[::-1]]
    called = scores[None, :] >= thresholds[:, None]
    positive = labels == 1
    return np.stack(
        [called[:, ~positive].mean(axis=1), called[:, positive].mean(axis=1)], axis=1
    )


@right("10.4")
def cumulative_counts(scores, labels):
    order = np.argsort(-scores, kind="stable")
    scores, labels = scores[order], labels[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    hits, alarms = np.cumsum(labels)[last], np.cumsum(1 - labels)[last]
    fpr = np.concatenate([[0], alarms / alarms[-1]])
    return np.column_stack([fpr, np.concatenate([[0], hits / hits[-1]])])


@right("10.4")
def scikit_learn_all_points(scores, labels):
    fpr, tpr, _ = roc_curve(labels, scores, drop_intermediate=False)
    return np.stack([fpr, tpr], axis=-1)


@right("10.4")
def counting_one_by_one(scores, labels):
    pairs = list(zip(scores, labels, strict=True))
    cats = sum(1 for _, label in pairs if label == 1)
    dogs = len(pairs) - cats
    points = [[0, 0]]
    for t in sorted({score for score, _ in pairs})[::-1]:
        tp = len([1 for s, label in pairs if s >= t and label == 1])
        fp = len([1 for s, label in pairs if s >= t and label == 0])
        points.append([fp / dogs, tp / cats])
    return np.array(points)


@right("10.4")
def roc_by_matrix_product(scores, labels):
    thresholds = np.append(np.unique(scores), np.inf)[::-1]
    called = (scores >= thresholds[:, None]).astype(float)
    kinds = np.stack([1 - labels, labels], axis=1)
    return called @ kinds / kinds.sum(axis=0)


def _roc(scores, labels, thresholds, above=np.greater_equal):
    """False and true positive rates at given thresholds."""
    called = above(scores, np.asarray(thresholds)[:, None])
    return np.stack(
        [called[:, labels == 0].mean(1), called[:, labels == 1].mean(1)], axis=1
    )


@wrong(
    "10.4",
    "scikit-learn's roc_curve as it is, which drops points",
    says="Points on a straight line between their neighbors",
)
def drop_intermediate(scores, labels):
    fpr, tpr, _ = roc_curve(labels, scores)
    return np.stack([fpr, tpr], axis=1)


@wrong(
    "10.4",
    "a score equal to the threshold counts as negative",
    says="A picture whose score *equals* the threshold counts",
)
def strictly_above(scores, labels):
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    return _roc(scores, labels, thresholds, np.greater)


@wrong(
    "10.4",
    "strictly above, with a last point for all",
    says="The last point, (1, 1), comes twice",
)
def strictly_above_to_the_end(scores, labels):
    thresholds = np.append(np.unique(scores)[::-1], -np.inf)
    return np.concatenate([_roc(scores, labels, thresholds, np.greater), [[1.0, 1.0]]])


@wrong("10.4", "without the point (0, 0)", says="The first point is missing")
def without_the_start(scores, labels):
    return _roc(scores, labels, np.unique(scores)[::-1])


@wrong("10.4", "without the point (1, 1)", says="The last point, (1, 1), is missing")
def without_the_end(scores, labels):
    return _roc(scores, labels, np.append(np.inf, np.unique(scores)[:0:-1]))


@wrong(
    "10.4",
    "from the lowest threshold to the highest",
    says="Begin with the highest threshold, so that the",
)
def upward(scores, labels):
    return _roc(scores, labels, np.append(np.unique(scores), np.inf))


@wrong("10.4", "true positive rate first", says="The two rates have changed places")
def true_rate_first(scores, labels):
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    return _roc(scores, labels, thresholds)[:, ::-1]


@wrong(
    "10.4",
    "a point for each score, equal or not",
    says="Equal scores are one threshold",
)
def point_for_each_score(scores, labels):
    return _roc(scores, labels, np.append(np.inf, np.sort(scores)[::-1]))


@wrong(
    "10.4",
    "walks through equal scores one by one",
    says="Equal scores cannot be told apart by a threshold",
)
def one_by_one(scores, labels):
    labels = labels[np.argsort(-scores, kind="stable")]
    hits, alarms = np.cumsum(labels == 1), np.cumsum(labels == 0)
    points = np.stack([alarms / alarms[-1], hits / hits[-1]], axis=1)
    return np.concatenate([[[0.0, 0.0]], points])


@wrong("10.4", "shares of all pictures", says="Rates are shares of a class")
def shares_of_all(scores, labels):
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    called = scores >= thresholds[:, None]
    return np.stack(
        [(called & (labels == 0)).mean(1), (called & (labels == 1)).mean(1)], axis=1
    )


@wrong("10.4", "counts instead of rates", says="Those are counts")
def counts_not_rates(scores, labels):
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    called = scores >= thresholds[:, None]
    return np.stack(
        [(called & (labels == 0)).sum(1), (called & (labels == 1)).sum(1)], axis=1
    )


@wrong(
    "10.4",
    "precision's other half for the false positive rate",
    says="Your first number is a share of what was *called* positive",
)
def false_discovery(scores, labels):
    points = [(0.0, 0.0)]
    for t in np.unique(scores)[::-1]:
        called = scores >= t
        points.append(
            ((called & (labels == 0)).sum() / called.sum(), called[labels == 1].mean())
        )
    return np.array(points)


@wrong(
    "10.4",
    "eleven thresholds from 1 to 0",
    says="You take even steps from 1 to 0 as thresholds",
)
def even_thresholds(scores, labels):
    return _roc(scores, labels, np.linspace(1, 0, 11))


@wrong("10.4", "points in columns", says="The rates stand in rows")
def points_in_columns(scores, labels):
    return _roc(scores, labels, np.append(np.inf, np.unique(scores)[::-1])).T


@wrong("10.4", "the point (1, 1) twice", says="The last point, (1, 1), comes twice")
def end_twice(scores, labels):
    points = _roc(scores, labels, np.append(np.inf, np.unique(scores)[::-1]))
    return np.concatenate([points, [[1.0, 1.0]]])


@wrong(
    "10.4",
    "begins at the threshold 1",
    says="You begin at the threshold 1, but a score can be 1 or more",
)
def begins_at_one(scores, labels):
    return _roc(scores, labels, np.append(1.0, np.unique(scores)[::-1]))


@wrong("10.4", "labels exchanged", says="The two rates have changed places")
def labels_exchanged(scores, labels):
    return _roc(scores, 1 - labels, np.append(np.inf, np.unique(scores)[::-1]))


@wrong(
    "10.4",
    "low scores count as positive",
    says="You call positive what lies *below* the threshold",
)
def low_is_positive(scores, labels):
    thresholds = np.append(-np.inf, np.unique(scores))
    return _roc(scores, labels, thresholds, np.less_equal)


@wrong("10.4", "sorts the caller's scores", says="changes what it is given")
def sorts_in_place(scores, labels):
    scores.sort()
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    return _roc(scores, labels, thresholds)


@wrong("10.4", "precision as rate", says="the precision. The true positive rate")
def roc_with_precision(scores, labels):
    points = [(0.0, 0.0)]
    for threshold in sorted(set(scores), reverse=True):
        called = scores >= threshold
        points.append((called[labels == 0].mean(), labels[called].mean()))
    return np.array(points)


# 10.5 best_threshold(scores, labels, cost_fp, cost_fn)


@right("10.5")
def downward_loop(scores, labels, cost_fp, cost_fn):
    best, lowest = np.inf, cost_fn * np.sum(labels == 1)
    for t in np.unique(scores)[::-1]:
        answer = scores >= t
        fp = np.sum(answer & (labels == 0))
        fn = np.sum(~answer & (labels == 1))
        total = cost_fp * fp + cost_fn * fn
        if total < lowest:
            best, lowest = t, total
    return best


@right("10.5")
def least_of_pairs(scores, labels, cost_fp, cost_fn):
    def total(t):
        cost = 0
        for score, label in zip(scores, labels, strict=True):
            if score >= t and label == 0:
                cost += cost_fp
            if score < t and label == 1:
                cost += cost_fn
        return cost

    return min([*scores, np.inf], key=lambda t: (total(t), -t))


@right("10.5")
def all_at_once(scores, labels, cost_fp, cost_fn):
    candidates = np.sort(np.append(scores, np.inf))[::-1]
    called = scores >= candidates[:, None]
    costs = cost_fp * (called & (labels == 0)).sum(1)
    costs = costs + cost_fn * (~called & (labels == 1)).sum(1)
    return candidates[costs.argmin()]


@right("10.5")
def upward_with_equal(scores, labels, cost_fp, cost_fn):
    best_t, best_cost = None, float("inf")
    for t in sorted(scores) + [float("inf")]:
        guess = (scores >= t).astype(int)
        fp = ((guess == 1) & (labels == 0)).sum()
        fn = ((guess == 0) & (labels == 1)).sum()
        if fp * cost_fp + fn * cost_fn <= best_cost:
            best_t, best_cost = t, fp * cost_fp + fn * cost_fn
    return best_t


@right("10.5")
def highest_of_the_cheapest(scores, labels, cost_fp, cost_fn):
    costs = {}
    for t in [*scores.tolist(), float("inf")]:
        wrong_one = np.sum((scores >= t) & (labels == 0)) * cost_fp
        costs[t] = wrong_one + np.sum((scores < t) & (labels == 1)) * cost_fn
    cheapest = min(costs.values())
    return max(t for t, cost in costs.items() if cost == cheapest)


@right("10.5")
def cumulative_costs(scores, labels, cost_fp, cost_fn):
    order = np.argsort(-scores, kind="stable")
    change = np.where(labels[order] == 1, -cost_fn, cost_fp)
    costs = np.cumsum(change)
    last = np.append(scores[order][1:] != scores[order][:-1], True)
    values = np.append(np.inf, scores[order][last])
    return values[np.argmin(np.append(0, costs[last]))]


def _best(candidates, cost, scores, labels, cost_fp, cost_fn, last=False):
    """The candidate of the lowest cost, the first or the last of equals."""
    costs = []
    for t in candidates:
        called = np.asarray(scores) >= t
        fp = np.sum(called & (labels == 0))
        fn = np.sum(~called & (labels == 1))
        costs.append(cost(fp, fn, cost_fp, cost_fn))
    costs = np.array(costs)
    if last:
        return candidates[len(costs) - 1 - costs[::-1].argmin()]
    return candidates[costs.argmin()]


def _total(fp, fn, cost_fp, cost_fn):
    return cost_fp * fp + cost_fn * fn


def _down(scores):
    return np.append(np.inf, np.unique(scores)[::-1])


@wrong(
    "10.5",
    "the lowest of equally good ones",
    says="Among thresholds of equal cost the highest was asked for",
)
def lowest_of_equals(scores, labels, cost_fp, cost_fn):
    ascending = np.append(np.unique(scores), np.inf)
    return _best(ascending, _total, scores, labels, cost_fp, cost_fn)


@wrong("10.5", "never infinity", says="Never answering 1 can be cheapest of all")
def never_infinity(scores, labels, cost_fp, cost_fn):
    down = np.unique(scores)[::-1]
    return _best(down, _total, scores, labels, cost_fp, cost_fn)


@wrong(
    "10.5",
    "a score rather than infinity if both cost the same",
    says="If never answering 1 costs as much as",
)
def score_before_infinity(scores, labels, cost_fp, cost_fn):
    candidates = np.append(np.unique(scores)[::-1], np.inf)
    return _best(candidates, _total, scores, labels, cost_fp, cost_fn)


@wrong(
    "10.5",
    "the scores in the order in which they came",
    says="Of thresholds with equal cost you take the",
)
def order_as_given(scores, labels, cost_fp, cost_fn):
    candidates = np.append(scores, np.inf)
    return _best(candidates, _total, scores, labels, cost_fp, cost_fn)


@wrong("10.5", "the two costs exchanged", says="The two costs have changed places")
def costs_exchanged(scores, labels, cost_fp, cost_fn):
    return _best(_down(scores), _total, scores, labels, cost_fn, cost_fp)


@wrong("10.5", "ignores the costs", says="You count mistakes as if all cost the same")
def ignores_costs(scores, labels, cost_fp, cost_fn):
    return _best(_down(scores), _total, scores, labels, 1, 1)


@wrong(
    "10.5",
    "only the false alarms count",
    says="Only the false positives cost something with you",
)
def only_false_alarms(scores, labels, cost_fp, cost_fn):
    return _best(_down(scores), _total, scores, labels, cost_fp, 0)


@wrong("10.5", "only the misses count", says="Only the misses cost something with you")
def only_misses(scores, labels, cost_fp, cost_fn):
    return _best(_down(scores), _total, scores, labels, 0, cost_fn)


@wrong(
    "10.5",
    "a score equal to the threshold is answered 0",
    says="The answer is 1 from the threshold on, `scores >= t`",
)
def strictly_greater(scores, labels, cost_fp, cost_fn):
    best, lowest = np.inf, cost_fn * np.sum(labels == 1)
    for t in np.unique(scores)[::-1]:
        answer = scores > t
        total = cost_fp * np.sum(answer & (labels == 0))
        total += cost_fn * np.sum(~answer & (labels == 1))
        if total < lowest:
            best, lowest = t, total
    return best


@wrong("10.5", "a grid instead of the scores", says="You search a grid between 0 and 1")
def grid_of_thresholds(scores, labels, cost_fp, cost_fn):
    grid = np.linspace(0.99, 0.01, 99)
    return _best(grid, _total, scores, labels, cost_fp, cost_fn)


@wrong(
    "10.5",
    "the middle between two scores",
    says="You try the middle between two scores",
)
def between_scores(scores, labels, cost_fp, cost_fn):
    s = np.unique(scores)[::-1]
    candidates = np.append(np.inf, np.append((s[1:] + s[:-1]) / 2, s[-1] - 1))
    return _best(candidates, _total, scores, labels, cost_fp, cost_fn)


@wrong("10.5", "the cost instead of the threshold", says="That is the lowest cost")
def cost_for_threshold(scores, labels, cost_fp, cost_fn):
    t = downward_loop(scores, labels, cost_fp, cost_fn)
    fp = np.sum((scores >= t) & (labels == 0))
    return cost_fp * fp + cost_fn * np.sum((scores < t) & (labels == 1))


@wrong(
    "10.5",
    "its place instead of the threshold",
    says="That is the place of the threshold in your list",
)
def place_for_threshold(scores, labels, cost_fp, cost_fn):
    t = downward_loop(scores, labels, cost_fp, cost_fn)
    return int(np.flatnonzero(_down(scores) == t)[0])


@wrong(
    "10.5",
    "the formula for true probabilities",
    says="That would be best if the scores were true probabilities",
)
def formula(scores, labels, cost_fp, cost_fn):
    return cost_fp / (cost_fp + cost_fn)


@wrong("10.5", "rates instead of counts", says="You add up rates")
def rates_for_counts(scores, labels, cost_fp, cost_fn):
    cats, dogs = np.sum(labels == 1), np.sum(labels == 0)
    return _best(_down(scores), _total, scores, labels, cost_fp / dogs, cost_fn / cats)


@wrong("10.5", "1 in the place of infinity", says="You try 1 in the place of infinity")
def one_for_infinity(scores, labels, cost_fp, cost_fn):
    candidates = np.append(1.0, np.unique(scores)[::-1])
    return _best(candidates, _total, scores, labels, cost_fp, cost_fn)


@wrong("10.5", "the highest cost", says="That is the *dearest* threshold")
def highest_cost(scores, labels, cost_fp, cost_fn):
    return _best(
        _down(scores), lambda *a: -_total(*a), scores, labels, cost_fp, cost_fn
    )


@wrong("10.5", "credit for right answers", says="You charge for right answers")
def costs_of_right_answers(scores, labels, cost_fp, cost_fn):
    return _best(_down(scores), _total, scores, 1 - labels, cost_fp, cost_fn)


# 10.6 calibration_error(confidence, right, bins)


@right("10.6")
def by_multiplying(confidence, right, bins):
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = bin_of == b
        if inside.any():
            gap = abs(confidence[inside].mean() - right[inside].mean())
            error += inside.mean() * gap
    return error


@right("10.6")
def by_edges(confidence, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    error = 0
    for i in range(bins):
        low, high = edges[i], edges[i + 1]
        inside = (confidence >= low) & (confidence < high)
        if i == bins - 1:
            inside = confidence >= low
        if inside.sum() > 0:
            gap = abs(np.mean(right[inside]) - np.mean(confidence[inside]))
            error += gap * inside.sum() / len(confidence)
    return float(error)


@right("10.6")
def by_digitize(confidence, right, bins):
    which = np.digitize(confidence, np.linspace(0, 1, bins + 1)[1:-1])
    said = np.bincount(which, weights=confidence, minlength=bins)
    was = np.bincount(which, weights=right, minlength=bins)
    return np.abs(said - was).sum() / len(confidence)


@right("10.6")
def by_histogram(confidence, right, bins):
    said, _ = np.histogram(confidence, bins, range=(0, 1), weights=confidence)
    was, _ = np.histogram(confidence, bins, range=(0, 1), weights=right)
    return np.sum(np.abs(said - was)) / len(right)


@right("10.6")
def by_bucketize(confidence, right, bins):
    c, r = torch.as_tensor(confidence), torch.as_tensor(right).double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.double)
    which = torch.bucketize(c.double(), edges[1:-1], right=True)
    gaps = torch.zeros(bins, dtype=torch.double)
    gaps.index_add_(0, which, c.double() - r)
    return (gaps.abs().sum() / len(c)).item()


@right("10.6")
def answer_by_answer(confidence, right, bins):
    members = [[] for _ in range(bins)]
    for c, r in zip(confidence, right, strict=True):
        members[min(int(c * bins), bins - 1)].append((c, r))
    total = 0
    for group in members:
        if group:
            mean_c = sum(c for c, _ in group) / len(group)
            mean_r = sum(r for _, r in group) / len(group)
            total += len(group) / len(confidence) * abs(mean_c - mean_r)
    return total


def _gaps(confidence, right, bins, bin_of=None):
    """Gap and share of each bin that holds answers."""
    if bin_of is None:
        bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps, shares = [], []
    for b in range(bins):
        inside = bin_of == b
        if inside.any():
            gaps.append(confidence[inside].mean() - right[inside].mean())
            shares.append(inside.mean())
    return np.array(gaps), np.array(shares)


@wrong("10.6", "every bin counts alike", says="Each bin counts the same in your mean")
def unweighted(confidence, right, bins):
    return np.abs(_gaps(confidence, right, bins)[0]).mean()


@wrong(
    "10.6",
    "divides by the number of bins",
    says="You average over all bins, the empty ones too",
)
def by_number_of_bins(confidence, right, bins):
    return np.abs(_gaps(confidence, right, bins)[0]).sum() / bins


@wrong(
    "10.6",
    "each bin with its upper edge",
    says="Your bins hold their upper edge and not their lower one",
)
def upper_edges(confidence, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    error = 0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            gap = confidence[inside].mean() - right[inside].mean()
            error += inside.mean() * abs(gap)
    return error


@wrong("10.6", "searchsorted as it is", says="falls into the bin below")
def searchsorted_as_it_is(confidence, right, bins):
    which = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)
    gaps, shares = _gaps(confidence, right, bins, which)
    return (np.abs(gaps) * shares).sum()


@wrong("10.6", "rounds to the nearest edge", says="You round to the nearest edge")
def nearest_edge(confidence, right, bins):
    which = np.minimum(np.round(confidence * bins), bins - 1)
    gaps, shares = _gaps(confidence, right, bins, which)
    return (np.abs(gaps) * shares).sum()


@wrong(
    "10.6",
    "both edges belong to the bin",
    says="A confidence on an edge counts in two of your bins",
)
def both_edges(confidence, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    error = 0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence >= low) & (confidence <= high)
        if inside.any():
            gap = confidence[inside].mean() - right[inside].mean()
            error += inside.mean() * abs(gap)
    return error


@wrong(
    "10.6",
    "loses the answers with confidence 1",
    says="A confidence of exactly 1 falls out of your last bin",
)
def loses_one(confidence, right, bins):
    edges = np.linspace(0, 1, bins + 1)
    error = 0
    for low, high in zip(edges[:-1], edges[1:], strict=True):
        inside = (confidence >= low) & (confidence < high)
        if inside.any():
            gap = confidence[inside].mean() - right[inside].mean()
            error += inside.mean() * abs(gap)
    return error


@wrong(
    "10.6",
    "a bin of its own for confidence 1",
    says="A confidence of exactly 1 gets a bin",
)
def own_bin_for_one(confidence, right, bins):
    bin_of = (confidence * bins).astype(int)
    gaps, shares = _gaps(confidence, right, bins + 1, bin_of)
    return (np.abs(gaps) * shares).sum()


@wrong("10.6", "bins from 0.5 to 1, as in the lesson", says="Your bins begin at 0.5")
def bins_from_half(confidence, right, bins):
    bin_of = np.minimum((confidence - 0.5) * 2 * bins, bins - 1).astype(int)
    gaps, shares = _gaps(confidence, right, bins, np.maximum(bin_of, 0))
    return (np.abs(gaps) * shares).sum()


@wrong(
    "10.6",
    "gaps with their signs",
    says="Too sure in one bin and too modest in another cancel out",
)
def signed(confidence, right, bins):
    gaps, shares = _gaps(confidence, right, bins)
    return (gaps * shares).sum()


@wrong("10.6", "the gap of each answer", says="Without bins a sure and right answer at")
def gap_of_each_answer(confidence, right, bins):
    return np.abs(confidence - right).mean()


@wrong("10.6", "one bin for all", says="You compare two means over all answers, so")
def one_bin(confidence, right, bins):
    return abs(confidence.mean() - np.mean(right))


@wrong(
    "10.6",
    "the largest gap",
    says="That is the *largest* gap (maximum calibration error)",
)
def largest_gap(confidence, right, bins):
    return np.abs(_gaps(confidence, right, bins)[0]).max()


@wrong("10.6", "squares the gaps", says="Do not square the gaps")
def squares(confidence, right, bins):
    gaps, shares = _gaps(confidence, right, bins)
    return (gaps**2 * shares).sum()


@wrong(
    "10.6", "root of the mean square", says="That is the root of the mean *square* gap"
)
def root_mean_square(confidence, right, bins):
    gaps, shares = _gaps(confidence, right, bins)
    return (gaps**2 * shares).sum() ** 0.5


@wrong(
    "10.6", "bins with equally many answers", says="Your bins hold equally many answers"
)
def equally_many(confidence, right, bins):
    error = 0
    for rows in np.array_split(np.argsort(confidence), bins):
        if len(rows):
            gap = confidence[rows].mean() - right[rows].mean()
            error += len(rows) / len(confidence) * abs(gap)
    return error


@wrong("10.6", "one bin too few", says="You have one bin too few")
def one_bin_too_few(confidence, right, bins):
    edges = np.linspace(0, 1, bins)
    which = np.digitize(confidence, edges[1:-1])
    gaps, shares = _gaps(confidence, right, bins, which)
    return (np.abs(gaps) * shares).sum()


@wrong("10.6", "not a number for an empty bin", says="An empty bin gives 0/0")
def not_a_number_if_empty(confidence, right, bins):
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(bin_of, minlength=bins)
    with np.errstate(all="ignore"):
        said = np.bincount(bin_of, confidence, bins) / count
        was = np.bincount(bin_of, right, bins) / count
        return (np.abs(said - was) * count / count.sum()).sum()


@wrong("10.6", "five bins always", says="You have five bins always")
def five_bins(confidence, right, bins):
    gaps, shares = _gaps(confidence, right, 5)
    return (np.abs(gaps) * shares).sum()


@wrong(
    "10.6",
    "a sum over answers, not a mean",
    says="You weigh each gap by the *number* of answers in the bin",
)
def sum_over_answers(confidence, right, bins):
    gaps, shares = _gaps(confidence, right, bins)
    return (np.abs(gaps) * shares).sum() * len(confidence)


@wrong(
    "10.6",
    "the middle of the bin for its confidence",
    says="Compare with the *mean confidence* in the bin",
)
def middle_of_the_bin(confidence, right, bins):
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps, shares = _gaps((bin_of + 0.5) / bins, right, bins, bin_of)
    return (np.abs(gaps) * shares).sum()


@wrong(
    "10.6",
    "bins from the lowest confidence to the highest",
    says="Your bins run from the lowest confidence to the highest",
)
def bins_of_the_data(confidence, right, bins):
    said, _ = np.histogram(confidence, bins, weights=confidence)
    was, _ = np.histogram(confidence, bins, weights=right)
    return np.abs(said - was).sum() / len(right)


@wrong("10.6", "percent", says="That is in percent")
def percent(confidence, right, bins):
    return 100 * by_multiplying(confidence, right, bins)


def _calibration_of(gap):
    def calibration_error(confidence, right, bins):
        bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
        return sum(
            gap(confidence[bin_of == b], right[bin_of == b], b / bins)
            for b in set(bin_of)
        ) / len(confidence)

    return calibration_error


wrong(
    "10.6",
    "lower edges",
    _calibration_of(lambda c, r, edge: abs(edge * len(r) - r.sum())),
    says="not with its lower edge",
)


@wrong("10.6", "gaps summed up", says="You sum up the gaps as they are")
def calibration_unweighted(confidence, right, bins):
    bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
    error = 0.0
    for b in set(bin_of):
        error += abs(confidence[bin_of == b].mean() - right[bin_of == b].mean())
    return error


# 10.7 probabilities(model, pixel_values)


@right("10.7")
def eval_and_no_grad(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.softmax(dim=-1)


@right("10.7")
@torch.inference_mode()
def first_of_the_output(model, pixel_values):
    return F.softmax(model.eval()(pixel_values)[0], dim=1)


@right("10.7")
@torch.no_grad()
def by_key_on_the_device(model, pixel_values):
    model.eval()
    outputs = model(pixel_values.to(model.device))
    return torch.nn.functional.softmax(outputs["logits"], dim=-1)


@right("10.7")
def mode_restored(model, pixel_values):
    was_training = model.training
    model.eval()
    device = next(model.parameters()).device
    try:
        with torch.no_grad():
            logits = model(pixel_values=pixel_values.to(device)).logits
    finally:
        model.train(was_training)
    return torch.softmax(logits, dim=1)


@right("10.7")
def without_a_dictionary(model, pixel_values):
    model.train(False)
    (logits,) = model(pixel_values, return_dict=False)
    return logits.log_softmax(-1).exp().detach()


@right("10.7")
def with_batch_unpacked(model, pixel_values):
    model.eval()
    batch = {"pixel_values": pixel_values}
    with torch.no_grad():
        output = model(**batch)
    z = output.logits - output.logits.max(dim=1, keepdim=True).values
    return z.exp() / z.exp().sum(dim=1, keepdim=True)


@right("10.7")
@torch.no_grad()
def with_grad_off_and_a_head_at_hand(model, pixel_values):
    model.eval()
    logits = model(pixel_values=pixel_values, interpolate_pos_encoding=False).logits
    return nn.Softmax(dim=-1)(logits)


@wrong("10.7", "softmax twice", says="Softmax twice")
def softmax_twice(model, pixel_values):
    model.eval()
    with torch.no_grad():
        p = model(pixel_values=pixel_values).logits.softmax(dim=-1)
    return p.softmax(dim=-1)


@wrong(
    "10.7", "stays in training mode", says="The model is in training mode during the"
)
def stays_in_training(model, pixel_values):
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.softmax(dim=-1)


@wrong(
    "10.7", "switches training mode on", says="The model is in training mode during the"
)
def switches_training_on(model, pixel_values):
    model.train()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.softmax(dim=-1)


@wrong("10.7", "keeps gradients", says="drags the graph")
def keeps_gradients(model, pixel_values):
    model.eval()
    return model(pixel_values=pixel_values).logits.softmax(dim=-1)


@wrong(
    "10.7", "softmax over the pictures", says="Your softmax runs over the *pictures*"
)
def over_the_pictures(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.softmax(dim=0)


@wrong("10.7", "sigmoid instead of softmax", says="A sigmoid judges each class alone")
def sigmoid(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return torch.sigmoid(model(pixel_values=pixel_values).logits)


@wrong("10.7", "returns logits", says="Those are logits, not probabilities")
def returns_logits(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits


@wrong("10.7", "returns logarithms", says="Those are logarithms of probabilities")
def returns_logarithms(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.log_softmax(dim=-1)


@wrong(
    "10.7",
    "the surest probability alone",
    says="That is the surest probability of each picture alone",
)
def surest_alone(model, pixel_values):
    model.eval()
    with torch.no_grad():
        p = model(pixel_values=pixel_values).logits.softmax(dim=-1)
    return p.max(dim=-1).values


@wrong("10.7", "the answers", says="Those are the answers, one class for each picture")
def answers(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.argmax(dim=-1)


@wrong("10.7", "the first picture alone", says="Only the first picture is left")
def first_picture(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits[0].softmax(dim=-1)


@wrong(
    "10.7",
    "eval without its parentheses",
    says="The model is in training mode during the",
)
def eval_not_called(model, pixel_values):
    model.eval  # noqa: B018
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.softmax(dim=-1)


@wrong(
    "10.7",
    "evaluation mode after the pass",
    says="The model is in training mode during the",
)
def eval_too_late(model, pixel_values):
    with torch.no_grad():
        p = model(pixel_values=pixel_values).logits.softmax(dim=-1)
    model.eval()
    return p


@wrong("10.7", "exponentials that overflow", says="Large logits overflow")
def overflows(model, pixel_values):
    model.eval()
    with torch.no_grad():
        e = model(pixel_values=pixel_values).logits.exp()
    return e / e.sum(dim=-1, keepdim=True)


@wrong(
    "10.7",
    "divides by the sum over all pictures",
    says="All your numbers together sum to 1",
)
def sum_over_all(model, pixel_values):
    model.eval()
    with torch.no_grad():
        z = model(pixel_values=pixel_values).logits
    e = (z - z.max()).exp()
    return e / e.sum()


@wrong(
    "10.7",
    "logits divided by their sum",
    says="Logits can be negative, so their shares of",
)
def divided_by_sum(model, pixel_values):
    model.eval()
    with torch.no_grad():
        z = model(pixel_values=pixel_values).logits
    return z / z.sum(dim=-1, keepdim=True)


@wrong("10.7", "gradients switched off for good", says="switches gradients off")
def off_for_good(model, pixel_values):
    model.eval()
    torch.set_grad_enabled(False)
    return model(pixel_values=pixel_values).logits.softmax(dim=-1)


@wrong("10.7", "two classes always")
def two_classes_always(model, pixel_values):
    model.eval()
    with torch.no_grad():
        z = model(pixel_values=pixel_values).logits
    p = torch.sigmoid(z[:, 1] - z[:, 0])
    return torch.stack([1 - p, p], dim=1)


@wrong("10.7", "rounds to two places", says="You round")
def rounds(model, pixel_values):
    model.eval()
    with torch.no_grad():
        p = model(pixel_values=pixel_values).logits.softmax(dim=-1)
    return p.round(decimals=2)


@wrong("10.7", "exponentials", says="Those are exponentials of logits")
@torch.no_grad()
def probabilities_exp(model, pixel_values):
    return model.eval()(pixel_values=pixel_values).logits.exp()


@wrong("10.7", "class 1 alone", says="the probability of class 1 alone")
@torch.no_grad()
def probabilities_of_one_class(model, pixel_values):
    return model.eval()(pixel_values=pixel_values).logits.softmax(dim=-1)[:, 1]


# 10.8 rewind(model, before, block)


def _names(before, block):
    return [name for name in before if name.startswith(f"vit.layers.{block}.")]


@right("10.8")
def deep_copy_and_load(model, before, block):
    new = copy.deepcopy(model)
    new.load_state_dict({n: before[n] for n in _names(before, block)}, strict=False)
    return new


@right("10.8")
def mixes_dictionaries(model, before, block):
    weights = model.state_dict() | {n: before[n] for n in _names(before, block)}
    new = model.__class__(model.config)
    new.load_state_dict(weights)
    return new


@right("10.8")
def copies_tensor_by_tensor(model, before, block):
    new = copy.deepcopy(model)
    with torch.no_grad():
        for name, parameter in new.named_parameters():
            if name in _names(before, block):
                parameter.copy_(before[name])
    return new


@right("10.8")
def loads_the_block_alone(model, before, block):
    new = copy.deepcopy(model)
    start = f"vit.layers.{block}."
    part = {n.removeprefix(start): w for n, w in before.items() if n.startswith(start)}
    new.vit.layers[block].load_state_dict(part)
    return new.eval()


@right("10.8")
def by_splitting_the_name(model, before, block):
    weights = dict(model.state_dict())
    for name in weights:
        words = name.split(".")
        if words[1] == "layers" and int(words[2]) == block:
            weights[name] = before[name].clone()
    new = copy.deepcopy(model)
    new.load_state_dict(weights)
    return new


@wrong("10.8", "into the model itself", says="into the model that you were given")
def into_the_model(model, before, block):
    model.load_state_dict({n: before[n] for n in _names(before, block)}, strict=False)
    return model


@wrong("10.8", "parameter by parameter, in place", says="that you were given")
def parameters_in_place(model, before, block):
    for name, parameter in model.named_parameters():
        if name in _names(before, block):
            parameter.data = before[name].clone()
    return model


@wrong("10.8", "a shallow copy", says="shares its layers with the old one")
def shallow(model, before, block):
    new = copy.copy(model)
    new.load_state_dict({n: before[n] for n in _names(before, block)}, strict=False)
    return new


@wrong("10.8", "all but the block", says="The other way round")
def all_but_the_block(model, before, block):
    new = copy.deepcopy(model)
    keep = _names(before, block)
    old = {n: w for n, w in before.items() if n not in keep}
    new.load_state_dict(old, strict=False)
    return new


@wrong("10.8", "counts from 1", says="You set another block back")
def from_one(model, before, block):
    return deep_copy_and_load(model, before, block - 1)


@wrong("10.8", "block 1 and 10 and 11", says="With ten blocks or more")
def no_dot_at_the_end(model, before, block):
    new = copy.deepcopy(model)
    old = {n: w for n, w in before.items() if f"layers.{block}" in n}
    new.load_state_dict(old, strict=False)
    return new


@wrong("10.8", "everything", says="nothing is left of the fine-tuning")
def everything(model, before, block):
    new = copy.deepcopy(model)
    new.load_state_dict(before)
    return new


@wrong("10.8", "names of the file", says="Nothing was set back")
def names_of_the_file(model, before, block):
    new = copy.deepcopy(model)
    start = f"vit.encoder.layer.{block}."
    old = {n: w for n, w in before.items() if n.startswith(start)}
    new.load_state_dict(old, strict=False)
    return new


@wrong("10.8", "weights without biases", says="The biases of the block")
def without_biases(model, before, block):
    new = copy.deepcopy(model)
    old = {n: before[n] for n in _names(before, block) if n.endswith(".weight")}
    new.load_state_dict(old, strict=False)
    return new


@wrong("10.8", "the weights", says="Return a model, not its weights alone")
def the_weights(model, before, block):
    return model.state_dict() | {n: before[n] for n in _names(before, block)}


@wrong("10.8", "writes into before", says="You write into `before`")
def writes_into_before(model, before, block):
    keep = _names(before, block)
    for name, weight in model.state_dict().items():
        if name not in keep:
            before[name] = weight
    new = copy.deepcopy(model)
    new.load_state_dict(before)
    return new


@wrong("10.8", "returns what load_state_dict returns", says="Return a model")
def returns_the_report(model, before, block):
    new = copy.deepcopy(model)
    old = {n: before[n] for n in _names(before, block)}
    return new.load_state_dict(old, strict=False)


@wrong("10.8", "adds the two")
def adds(model, before, block):
    new = copy.deepcopy(model)
    weights = new.state_dict()
    for name in _names(before, block):
        weights[name] += before[name]
    return new
