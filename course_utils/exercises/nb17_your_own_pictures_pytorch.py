"""Exercises of notebook 17: a split, a loss, an interval, a threshold, an export."""

import io
import itertools
import math

import numpy as np
import torch
from PIL import Image, ImageOps
from scipy.stats import binomtest
from sklearn.model_selection import StratifiedGroupKFold
from torch.nn import functional as F
from transformers import ViTConfig, ViTForImageClassification

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

# --- 17.1 The copy on the other side ----------------------------------------------


def split_by_group(labels, groups, seed):
    rng = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        own = rng.permutation(np.unique(groups[labels == c]))
        test |= np.isin(groups, own[: round(len(own) / 5)])
    return np.flatnonzero(~test), np.flatnonzero(test)


def _two_sides(found, n):
    """Return two arrays of row numbers, or say why there are none."""
    if not isinstance(found, list | tuple | np.ndarray) or len(found) != 2:
        raise NotAnAnswer("Return two arrays: the training rows, and the test rows.")
    sides = [np.asarray(side) for side in found]
    for side in sides:
        if side.size and (
            side.ndim != 1
            or side.dtype.kind not in "iu"
            or not 0 <= side.min() <= side.max() < n
        ):
            raise NotAnAnswer(
                "Return two arrays of row numbers, whole numbers from 0 to n - 1, "
                "each number a row of `labels`. You return something else, such as a "
                "mask of True and False, or the numbers of groups."
            )
    return [side.astype(int) for side in sides]


def _in_words(shares):
    """Say which share of the rows of a class is for the test, in all the splits."""
    low, high = min(shares), max(shares)
    if low >= 0.1 - 1e-9 and high <= 1 / 3 + 1e-9:
        return "a tenth to a third"
    if low >= 0.6:
        return "most of them"
    if low > 1 / 3:
        return "more than a third"
    return "less than a tenth" if high < 0.1 else "not always a tenth to a third"


def _probe_split(answer, labels, groups, seed):
    """Split with several seeds, and describe the splits; which one it is is free."""
    n, splits, shares = len(labels), [], []
    twice = missing = shared = False
    for s in (*range(seed, seed + 6), seed):
        found = answer(labels, groups, s)
        if found is None:
            return None
        train, test = _two_sides(found, n)
        times = np.bincount(np.concatenate([train, test]), minlength=n)
        twice, missing = twice or times.max() > 1, missing or times.min() < 1
        shared = shared or np.intersect1d(groups[train], groups[test]).size > 0
        shares += [
            np.isin(test, np.flatnonzero(labels == c)).sum() / (labels == c).sum()
            for c in np.unique(labels)
        ]
        splits.append(tuple(np.sort(test)))
    rows = [w for w, so in (("some twice", twice), ("some missing", missing)) if so]
    others = len(set(splits[:6]))
    return {
        "rows": ", ".join(rows) or "each on one side",
        "groups on both sides": "some" if shared else "none",
        "rows of a class in the test": "not counted" if rows else _in_words(shares),
        "the same seed": "same split" if splits[6] == splits[0] else "another split",
        "another seed": "another split" if others > 2 else "same split",
    }


def _by_group(take=lambda own: round(len(own) / 5), seeded=np.random.default_rng):
    """Draw whole groups of each class."""

    def split_by_group(labels, groups, seed):
        rng, test = seeded(seed), np.zeros(len(labels), dtype=bool)
        for c in np.unique(labels):
            own = rng.permutation(np.unique(groups[labels == c]))
            test |= np.isin(groups, own[: take(own)])
        return np.flatnonzero(~test), np.flatnonzero(test)

    return split_by_group


def _by_row(stratified, share=0.2):
    def split_by_group(labels, groups, seed):
        rng, test = np.random.default_rng(seed), []
        of = labels if stratified else np.zeros_like(labels)
        for c in np.unique(of):
            rows = rng.permutation(np.flatnonzero(of == c))
            test.extend(rows[: round(share * len(rows))])
        return np.setdiff1d(np.arange(len(labels)), test), np.array(test)

    return split_by_group


def _one_row_of_each_group(labels, groups, seed):
    rng = np.random.default_rng(seed)
    test = [rng.choice(np.flatnonzero(groups == g)) for g in np.unique(groups)]
    return np.setdiff1d(np.arange(len(labels)), test), np.array(test)


def _whatever_class(labels, groups, seed):
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    test = np.isin(groups, names[: len(names) // 5])
    return np.flatnonzero(~test), np.flatnonzero(test)


def _then(change, split=None):
    def split_by_group(labels, groups, seed):
        train, test = (split or _by_group())(labels, groups, seed)
        return change(train, test, groups)

    return split_by_group


def _firsts_alone(labels, groups, seed):
    train, test = _by_group()(labels, groups, seed)
    first = np.unique(groups, return_index=True)[1]
    return np.intersect1d(train, first), np.intersect1d(test, first)


def _stratified_group_folds(labels, groups, seed):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    return next(folds.split(labels, labels, groups))


def _album(seed, *sizes):
    """Return labels and groups: for each class the sizes of its groups, mixed."""
    rng = np.random.default_rng(seed)
    names = iter(rng.permutation(9000)[: sum(map(len, sizes))] + 100)
    rows = [
        (c, g)
        for c, own in enumerate(sizes)
        for k in own
        for g in [next(names)]
        for _ in range(k)
    ]
    return tuple(rng.permutation(np.array(rows)).T.copy())


_BY_ROW = (
    "You split the rows one by one, so shots of one animal land on both sides, and the "
    "test asks about animals that the model has learned. Split the *groups*."
)
_MISSING = (
    "Some rows are missing: they are on neither side. You need not throw any picture "
    "away, if whole groups go to one side."
)
_EACH_CLASS = (
    "Whole groups go to one side, as they should. But some class has less than a tenth "
    "or more than a third of its rows in the test; a rare one may have none there. "
    "Draw among the groups of each class."
)
_SEED = "The split is the same whatever the seed. Let `seed` decide what is drawn."
_UNSEEDED = (
    "Two calls with the same seed give two splits, so nobody can repeat your test. "
    "Draw with a generator that is made from `seed`."
)
_EXCHANGED = (
    "Most rows of each class are in the test. Are the two sides exchanged? The "
    "training rows come first."
)
_SMALL, _MIDDLE = [1, 2] * 5, [1, 2, 3] * 5

SPLIT = Exercise(
    id="17.1",
    title="Spot the bug: the copy on the other side",
    solution=split_by_group,
    probe=_probe_split,
    cases=(
        (np.repeat([0, 1, 2], [45, 30, 60]), np.repeat(np.arange(45), 3), 3),
        (*_album(1, _SMALL, _MIDDLE, _MIDDLE * 2), 11),
        (*_album(2, _MIDDLE * 3, _SMALL), 0),
    ),
    mistakes=(
        Mistake(_by_row(True), _BY_ROW),
        Mistake(_by_row(False), _BY_ROW),
        Mistake(_one_row_of_each_group, _BY_ROW),
        Mistake(_whatever_class, _EACH_CLASS),
        Mistake(_by_group(lambda own: 1), _EACH_CLASS),
        Mistake(_by_group(seeded=lambda seed: np.random.default_rng(0)), _SEED),
        Mistake(_by_group(seeded=lambda seed: np.random.default_rng()), _UNSEEDED),
        Mistake(
            _then(
                lambda train, test, groups: (
                    train,
                    test[~np.isin(groups[test], groups[train])],
                ),
                _by_row(True),
            ),
            _MISSING,
        ),
        Mistake(
            _then(
                lambda train, test, groups: (
                    train[~np.isin(groups[train], groups[test])],
                    test,
                ),
                _by_row(True),
            ),
            _MISSING,
        ),
        Mistake(_firsts_alone, _MISSING),
        Mistake(_then(lambda train, test, groups: (test, train)), _EXCHANGED),
        Mistake(
            _by_group(lambda own: len(own) // 2),
            "You put more than a third of each class into the test. About a fifth is "
            "enough, and leaves more to learn from.",
        ),
        Mistake(
            _then(lambda train, test, groups: (np.append(train, test), test)),
            "The test rows are among the training rows, too. Each row is on one side.",
        ),
    ),
    hints=(
        "Which things may be torn apart, and which not? Draw among those that may not.",
        "Go through the classes. `np.unique(groups[labels == c])` are the groups of "
        "class c; shuffle them, and take a fifth of them for the test.",
        "`np.isin(groups, chosen)` says which rows belong to the chosen groups. Or let "
        "scikit-learn do it all: the first of the five folds of "
        "`StratifiedGroupKFold`, with `shuffle=True` and `random_state=seed`.",
    ),
    because="What belongs together stays together, so the test asks about animals that "
    "the model has never seen, and it asks about each class.",
    alternatives=(_stratified_group_folds,),
)

# --- 17.2 Weights for rare classes ------------------------------------------------


def weighted_loss(logits, labels, counts, items, power):
    weight = counts**-power
    weight = weight * counts.sum() / (weight * counts).sum()
    cross_entropy = torch.nn.functional.cross_entropy
    loss = cross_entropy(logits, labels, weight=weight, reduction="sum")
    return loss / items


def _probe_loss(answer, logits, labels, counts, batches, power):
    """Hand over batch by batch, as accumulation does; the items are those of all."""
    x, losses = logits.clone().requires_grad_(), []
    rows = torch.arange(len(labels)).split(list(batches))
    for own in rows:
        loss = answer(x[own], labels[own], counts, len(labels), power)
        if x.grad is not None:
            raise NotAnAnswer(
                "You call `backward` yourself. Return the loss, and leave that to the "
                "training step."
            )
        if isinstance(loss, float | int) or (
            isinstance(loss, torch.Tensor) and not loss.requires_grad
        ):
            raise NotAnAnswer(
                "Your loss has no gradient: with `detach`, `item` or NumPy the way "
                "back to the logits is lost. Return a tensor that `backward` can use."
            )
        if not isinstance(loss, torch.Tensor):
            return None
        if loss.numel() > 1:
            raise NotAnAnswer(
                f"Your loss has the shape {tuple(loss.shape)}. Return one number, a "
                "tensor without axes."
            )
        losses.append(loss.reshape(()))
    total = torch.stack(losses).sum()
    (slope,) = torch.autograd.grad(total, x)
    return {
        "loss of each batch": torch.stack(losses).detach(),
        "gradient of their sum": slope,
    }


def _asked(counts, labels, power):
    weight = counts**-power
    return weight * counts.sum() / (weight * counts).sum()


def _lesson(counts, labels=None, power=1):
    return counts.sum() / (len(counts) * counts)


def _weighing(
    weight=_asked,
    reduction="sum",
    divisor=lambda items, n: items,
    turn=lambda logits, weight: logits,
):
    """Take other weights, or divide by something else."""

    def weighted_loss(logits, labels, counts, items, power):
        w = weight(counts.float(), labels, power)
        loss = F.cross_entropy(turn(logits, w), labels, w, reduction=reduction)
        return loss / divisor(items, len(labels))

    return weighted_loss


def _weighing_each(of=lambda logits, labels: labels):
    """Multiply the loss of each picture by the weight of some class."""

    def weighted_loss(logits, labels, counts, items, power):
        each = F.cross_entropy(logits, labels, reduction="none")
        weight = _asked(counts.float(), labels, power)
        return (each * weight[of(logits, labels)]).sum() / items

    return weighted_loss


def _weighted_logits(logits, labels, counts, items, power):
    weight = _asked(counts.float(), labels, power)
    return F.cross_entropy(logits * weight, labels, reduction="sum") / items


def _batch_counts(counts, labels, power):
    found = torch.bincount(labels, minlength=len(counts)).clamp(min=1).float()
    return _asked(found, labels, power)


_NORMALIZED = (
    "With weights, the mean of `cross_entropy` divides by the sum of the weights in "
    "the batch, not by the number of its pictures. A batch of rare pictures would "
    "count no more than any other. Take the sum, and divide it yourself."
)
_THIS_BATCH = (
    "You divide by the number of pictures of this batch. When the gradients of several "
    "batches are gathered, their sum is too large; `items` counts all of them."
)
_UNSCALED = (
    "Your weights are not scaled: their mean over all training pictures is not 1, so "
    "the loss and its steps change their size with `power`. Divide by the mean."
)
_UPSIDE = "Your weights are upside down: the larger the class, the more it counts."
_IN_BATCH = (
    "You look at the classes in this batch. A picture would count more or less "
    "according to its neighbors. `counts` are those of all training pictures."
)
_WHATEVER = "Your weights are the same whatever `power` says."

WEIGHTS = Exercise(
    id="17.2",
    title="Weights for rare classes",
    solution=weighted_loss,
    probe=_probe_loss,
    kinds=("torch",),
    cases=(
        (
            np.random.default_rng(1).normal(size=(7, 3)).round(1) * 2,
            np.array([0, 2, 2, 1, 2, 0, 1]),
            np.array([5, 16, 48]),
            (5, 2),
            0.6,
        ),
        (
            np.random.default_rng(2).normal(size=(6, 4)).round(1) * 2,
            np.array([3, 0, 3, 2, 3, 3]),
            np.array([8, 30, 4, 90]),
            (1, 3, 2),
            1.0,
        ),
        (
            np.random.default_rng(3).normal(size=(5, 3)).round(1) * 2,
            np.array([1, 0, 2, 1, 1]),
            np.array([25, 9, 12]),
            (3, 2),
            0.0,
        ),
        (
            np.random.default_rng(4).normal(size=(6, 4)).round(1) * 2,
            np.array([3, 1, 0, 2, 0, 0]),
            np.array([70, 8, 21, 30]),
            (6,),
            0.25,
        ),
    ),
    mistakes=(
        Mistake(_weighing(reduction="mean", divisor=lambda items, n: 1), _NORMALIZED),
        Mistake(_weighing(reduction="mean"), _NORMALIZED),
        Mistake(
            _weighing(reduction="mean", divisor=lambda items, n: items / n), _NORMALIZED
        ),
        Mistake(_weighing(divisor=lambda items, n: n), _THIS_BATCH),
        Mistake(_weighing(divisor=lambda items, n: n * items), _THIS_BATCH),
        Mistake(
            _weighing(divisor=lambda items, n: 1),
            "That is the sum, not divided by anything. Divide by `items`.",
        ),
        Mistake(_weighing(lambda c, y, p: c**-p), _UNSCALED),
        Mistake(_weighing(lambda c, y, p: (c / c.sum()) ** -p), _UNSCALED),
        Mistake(_weighing(lambda c, y, p: _lesson(c) ** p), _UNSCALED),
        Mistake(_weighing(_lesson), f"{_WHATEVER} They are those of the lesson."),
        Mistake(_weighing(lambda c, y, p: _asked(c, y, 0.5)), _WHATEVER),
        Mistake(
            _weighing(lambda c, y, p: torch.ones_like(c)),
            "There are no weights in your loss: each picture counts the same.",
        ),
        Mistake(
            _weighing(lambda c, y, p: c**-p / (c**-p).mean()),
            "The mean of your weights is 1 over the classes. Asked is the mean over "
            "all training pictures, of which a large class has more.",
        ),
        Mistake(
            _weighing(lambda c, y, p: c**-p / (c**-p).sum()),
            "Your weights sum to 1. Asked is that their mean over all training "
            "pictures is 1.",
        ),
        Mistake(
            _weighing(lambda c, y, p: c**-p / (c * c**-p).sum()),
            "The sum of all training pictures' weights is 1. Asked is their mean.",
        ),
        Mistake(_weighing(_batch_counts), _IN_BATCH),
        Mistake(_weighing(lambda c, y, p: _asked(c, y, -p)), _UPSIDE),
        Mistake(_weighing(lambda c, y, p: c**p), _UPSIDE),
        Mistake(
            _weighing(lambda c, y, p: 1 - p + p * _lesson(c)),
            "That is a mixture of no weights and those of the lesson. It also lies "
            "between them, but asked is a power of the counts.",
        ),
        Mistake(
            _weighing(lambda c, y, p: _asked(c, y, 1 - p)),
            "You take 1 - power in place of `power`.",
        ),
        Mistake(
            lambda x, y, c, items, power: weighted_loss(
                x.softmax(1), y, c, items, power
            ),
            "You take the softmax twice: `cross_entropy` wants logits.",
        ),
        Mistake(
            _weighted_logits,
            "You multiply the logits by the weights. That changes what the model says; "
            "the weights belong to the *losses*.",
        ),
        Mistake(
            _weighing_each(lambda logits, labels: logits.argmax(1)),
            "You take the weight of the class which the model names. Take the one of "
            "the label, so that what the model says cannot make a picture cheap.",
        ),
        Mistake(
            lambda x, y, c, items, power: -weighted_loss(x, y, c, items, power),
            "The sign is wrong: the better the model, the higher your loss.",
        ),
    ),
    hints=(
        "There are `counts[c]` pictures of each class. What is the mean of "
        "`counts**-power` over all pictures, as a sum over the classes?",
        "It is `(weight * counts).sum() / counts.sum()`; divide by it. And what does "
        "PyTorch divide by, if you let it take the mean of a weighted loss?",
        "`cross_entropy` takes the weights as `weight=`. Its mean divides by the sum "
        'of the weights in the batch; take `reduction="sum"`, and divide by `items`.',
    ),
    because="Since the mean weight is 1, the learning rate that suits one power suits "
    "the others, too; and since you divide by `items`, the step is the same however "
    "the pictures are dealt to batches.",
    alternatives=(_weighing_each(), _weighing()),
)

# --- 17.3 Recall, and how sure ----------------------------------------------------


def recall_interval(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    p, q = hits / total, 1.96**2 / total
    middle = (p + q / 2) / (1 + q)
    half = (q * p * (1 - p) + (q / 2) ** 2) ** 0.5 / (1 + q)
    return p, middle - half, middle + half


def _wilson(hits, total, z=1.96):
    p, q = hits / total, z**2 / total
    half = math.sqrt(q * p * (1 - p) + (q / 2) ** 2) / (1 + q)
    return (p + q / 2) / (1 + q) - half, (p + q / 2) / (1 + q) + half


def _recall(ends, nothing=(math.nan, 0.0, 1.0), first=lambda h, n: h / n):
    def recall_interval(hits, total):
        if total == 0:
            return nothing
        return (first(hits, total), *ends(hits, total))

    return recall_interval


def _wald(hits, total, clip=False):
    p = hits / total
    half = 1.96 * math.sqrt(p * (1 - p) / total)
    return (max(p - half, 0), min(p + half, 1)) if clip else (p - half, p + half)


def _added(more, clip=False):
    """Add half of ``more`` to the hits and to the misses (Agresti and Coull)."""

    def ends(hits, total):
        low, high = _wald(hits + more / 2, total + more)
        return (max(low, 0), min(high, 1)) if clip else (low, high)

    return ends


def _of_scipy(method):
    def ends(hits, total):
        found = binomtest(hits, total).proportion_ci(0.95, method)
        return found.low, found.high

    return ends


def _around(hits, total):
    low, high = _wilson(hits, total)
    p = hits / total
    return p - (high - low) / 2, p + (high - low) / 2


def _undivided(hits, total):
    q = 1.96**2 / total
    return tuple(end * (1 + q) for end in _wilson(hits, total))


def _short_root(hits, total):
    p, q = hits / total, 1.96**2 / total
    half = math.sqrt(q * p * (1 - p)) / (1 + q)
    return (p + q / 2) / (1 + q) - half, (p + q / 2) / (1 + q) + half


def _halves(hits, total):
    low, high = _wilson(hits, total)
    return ((high - low) / 2,) * 2


def _in_order(order):
    def recall_interval_in_order(hits, total):
        found = recall_interval(hits, total)
        return [found[i] for i in order]

    return recall_interval_in_order


def _dividing(hits, total):
    return (hits / total, *_wilson(hits, total))


_WALD = (
    "You use the standard error of p, the recall that was seen. With no miss at all it "
    "is 0, and you would be quite sure after a single picture. Wilson's takes the one "
    "of the true recall r."
)
_Z = (
    "The form is right, but z is another one. For 95 % it is 1.96, so that 2.5 % lie "
    "beyond either end."
)
_PLUS = (
    "That is the interval of Agresti and Coull (or its rule of thumb, *plus two hits "
    "and two misses*). Its middle is Wilson's, but it is wider."
)
_ZERO = (
    "If `total` is 0, no picture says anything: the recall is `nan`, not a number that "
    "would enter a mean, and the true one may lie anywhere from 0 to 1."
)
_ORDER = (
    "These are the right numbers in another order. First the recall, then the lower "
    "and the upper end."
)
_ENDS = (
    "Your answer holds half the width of the interval in place of its ends. Return the "
    "recall, the lower end and the upper end."
)

RECALL = Exercise(
    id="17.3",
    title="Recall, and how sure",
    solution=recall_interval,
    cases=((9, 13), (0, 7), (11, 11), (0, 0), (171, 900), (1, 2)),
    mistakes=(
        Mistake(_recall(_wald), _WALD),
        Mistake(_recall(lambda h, n: _wald(h, n, clip=True)), _WALD),
        Mistake(_recall(lambda h, n: _wilson(h, n, 1)), _Z),
        Mistake(_recall(lambda h, n: _wilson(h, n, 1.645)), _Z),
        Mistake(_recall(lambda h, n: _wilson(h, n, 2)), _Z),
        Mistake(_recall(lambda h, n: _wilson(h, n, 2.576)), _Z),
        Mistake(_recall(_added(1.96**2)), _PLUS),
        Mistake(_recall(_added(1.96**2, clip=True)), _PLUS),
        Mistake(_recall(_added(4)), _PLUS),
        Mistake(_recall(_added(4, clip=True)), _PLUS),
        Mistake(
            _recall(_of_scipy("exact")),
            "That is the interval of Clopper and Pearson, called exact: it is at least "
            "95 % sure whatever the recall, and wider than Wilson's for that.",
        ),
        Mistake(
            _recall(_of_scipy("wilsoncc")),
            "That is Wilson's interval with a correction for continuity, which makes "
            "it wider. Asked is the plain one.",
        ),
        Mistake(_recall(_wilson, (0.0, 0.0, 1.0)), _ZERO),
        Mistake(_recall(_wilson, (0.0, 0.0, 0.0)), _ZERO),
        Mistake(_recall(_wilson, (1.0, 0.0, 1.0)), _ZERO),
        Mistake(_recall(_wilson, (0.5, 0.0, 1.0)), _ZERO),
        Mistake(_recall(_wilson, (math.nan, 0.0, 0.0)), _ZERO),
        Mistake(_recall(_wilson, (math.nan,) * 3), _ZERO),
        Mistake(_dividing, _ZERO),
        Mistake(
            lambda hits, total: recall_interval(hits, total)[1:],
            "These are the two ends. Return three numbers, the recall before them.",
        ),
        Mistake(
            _recall(_wilson, first=lambda h, n: sum(_wilson(h, n)) / 2),
            "Your first number is the middle of the interval. It is drawn toward one "
            "half; the recall itself is `hits / total`.",
        ),
        Mistake(_in_order((1, 0, 2)), _ORDER),
        Mistake(_in_order((0, 2, 1)), _ORDER),
        Mistake(_in_order((1, 2, 0)), _ORDER),
        Mistake(_recall(_halves), _ENDS),
        Mistake(
            _recall(_around),
            "You put Wilson's width around the recall. Its middle is not the recall: "
            "it lies nearer to one half, so that no end lies beyond 0 or 1.",
        ),
        Mistake(
            _recall(_undivided),
            "The division by 1 + z²/n is missing, from the middle and from the width.",
        ),
        Mistake(
            _recall(_short_root),
            "Under the root, the second term is missing: z²/(4 n²). Without it the "
            "interval has no width when nothing, or everything, was hit.",
        ),
        Mistake(
            _recall(
                lambda h, n: _wilson(n - h, n),
                first=lambda h, n: 1 - h / n,
            ),
            "That is the share of the misses. The recall is the one of the hits.",
        ),
        Mistake(
            lambda hits, total: [100 * x for x in recall_interval(hits, total)],
            "Your numbers are in percent. Return them from 0 to 1.",
        ),
    ),
    hints=(
        "Square both sides where they are equal: (p - r)² = q r (1 - r), with "
        "q = 1.96² / total. That is a quadratic equation in r.",
        "Sorted by powers of r: (1 + q) r² - (2 p + q) r + p² = 0.",
        "The middle is (p + q/2) / (1 + q), and half the width is the root of "
        "q p (1 - p) + q²/4, divided by 1 + q. Look at `total` before you divide.",
    ),
    because="The ends never leave 0 to 1, and seven hits of seven are no proof of a "
    "perfect recall. On a rare class the interval is so wide that two models can "
    "seldom be told apart.",
    alternatives=(_recall(_of_scipy("wilson")),),
)

# --- 17.4 I do not know -----------------------------------------------------------


def answer_above(sure, right, budget):
    for t in np.unique(sure):  # from the lowest up
        errors = ~right[sure >= t]
        p, q = errors.mean(), 1.96**2 / len(errors)
        half = (q * p * (1 - p) + (q / 2) ** 2) ** 0.5
        if (p + q / 2 + half) / (1 + q) <= budget:
            return t
    return np.inf


def _upper(sure, right, t):
    answered = sure >= t
    return _wilson((~right[answered]).sum(), answered.sum())[1]


def _first_good(bound=_upper, choose=min, none=np.inf):
    def answer_above(sure, right, budget):
        found = [t for t in np.unique(sure) if bound(sure, right, t) <= budget]
        return choose(found) if found else none

    return answer_above


def _among(some, right):
    """Return the upper end among some of the pictures; of none it is 1."""
    return _wilson((~right[some]).sum(), some.sum())[1] if some.any() else 1.0


def _stopping(early):
    """Go down until a threshold is too bad: the first one, or one after a good one."""

    def answer_above(sure, right, budget):
        best = np.inf
        for t in np.unique(sure)[::-1]:
            if _upper(sure, right, t) <= budget:
                best = t
            elif early or best < np.inf:
                break
        return best

    return answer_above


def _one_by_one(order):
    def answer_above(sure, right, budget):
        best, errors = np.inf, 0
        for n, i in enumerate(order(sure), start=1):
            errors += not right[i]
            if _wilson(errors, n)[1] <= budget:
                best = sure[i]
        return best

    return answer_above


def _down(sure):
    return np.argsort(-sure, kind="stable")


def _down_turned(sure):
    return np.argsort(sure, kind="stable")[::-1]


def _after(change):
    def answer_above_then(sure, right, budget):
        return change(sure, answer_above(sure, right, budget))

    return answer_above_then


def _half_a_step(sure, t):
    below = sure[sure < t]
    return (t + below.max()) / 2 if np.isfinite(t) and below.size else t


def _a_step_up(sure, t):
    return min(sure[sure > t], default=np.inf)


def _above_all_errors(sure, right, budget):
    highest = max(sure[~right], default=-np.inf)
    return min(sure[sure > highest], default=np.inf)


def _row(values):
    """Return values of `sure` and of `right` from text: a minus marks an error."""
    words = values.split()
    sure = np.array([abs(float(word)) for word in words])
    return sure, np.array([not word.startswith("-") for word in words])


_STOPS = (
    "You stop at a threshold that is too bad. On the way down the upper end falls, "
    "since more pictures are answered, and rises with each error: look at all "
    "thresholds, and take the smallest that is good enough."
)
_TIES = (
    "You let pictures in one by one. Equal values come in together: a threshold cannot "
    "answer one of them and not the other."
)
_NOTHING = (
    "If nothing is good enough, return `np.inf`: then no picture is answered. Any "
    "other value would answer some, or is no threshold."
)
_ALL_PICTURES = (
    "You take the number of all pictures. The interval is that of the share of errors "
    "among the *answered* ones, and of nothing else."
)

ABSTAIN = Exercise(
    id="17.4",
    title="I do not know",
    solution=answer_above,
    cases=(
        (
            *_row(
                "0.61 0.88 0.55 0.87 -0.65 -0.54 0.43 -0.5 0.83 0.93 0.8 -0.68 0.58 "
                "0.79 0.73 -0.77"
            ),
            0.5,
        ),
        (*_row("0.9 0.8 0.99 0.7 0.6"), 0.45),
        (*_row("-0.62 0.86 -0.71 0.93 -0.55"), 0.6),
        (
            *_row(
                "0.52 0.63 0.54 0.48 0.4 0.72 0.43 0.95 -0.89 -0.73 0.77 0.68 0.82 "
                "0.67 0.41 0.97 0.74"
            ),
            0.3,
        ),
        (  # all are answered, and the upper end is 0.6124
            *_row(
                "0.52 0.63 -0.54 0.94 -0.48 0.72 -0.43 0.95 -0.79 0.87 0.68 0.82 -0.57 "
                "0.74"
            ),
            0.613,
        ),
        (  # equal values, with errors among them
            *_row(
                "0.95 -0.8 0.8 0.85 0.8 -0.85 0.95 -0.8 -0.75 -0.6 0.95 0.85 0.6 -0.7 "
                "0.95 -0.7"
            ),
            0.5,
        ),
        (
            *_row(
                "-0.91 -0.5 -0.42 0.93 -0.73 -0.6 -0.57 -0.76 0.94 -0.44 -0.68 0.92 "
                "-0.74"
            ),
            0.5,
        ),
    ),
    mistakes=(
        Mistake(
            _first_good(lambda s, r, t: (~r[s >= t]).mean()),
            "You compare the share of errors itself, as the lesson does. Here its "
            "upper end has to stay within the budget.",
        ),
        Mistake(
            _first_good(lambda s, r, t: _wilson((~r[s >= t]).sum(), (s >= t).sum())[0]),
            "You take the lower end of the interval. It asks for less than the share "
            "itself; the careful one is the upper end.",
        ),
        Mistake(
            _first_good(lambda s, r, t: _among(s >= t, ~r)),
            "You take the interval of the share of right answers. The budget is for "
            "the wrong ones.",
        ),
        Mistake(
            _first_good(lambda s, r, t: _wald((~r[s >= t]).sum(), (s >= t).sum())[1]),
            "You use the standard error of p. After a single right answer it is 0, and "
            "you would be sure of yourself. Take Wilson's interval.",
        ),
        Mistake(
            _first_good(
                lambda s, r, t: _of_scipy("exact")(
                    int((~r[s >= t]).sum()), int((s >= t).sum())
                )[1]
            ),
            "That is the interval of Clopper and Pearson, which SciPy takes if you do "
            'not say `method="wilson"`.',
        ),
        Mistake(
            _first_good(lambda s, r, t: _wilson((~r[s >= t]).sum(), len(s))[1]),
            _ALL_PICTURES,
        ),
        Mistake(
            _first_good(
                lambda s, r, t: _wilson((~r[s >= t]).mean() * len(s), len(s))[1]
            ),
            _ALL_PICTURES,
        ),
        Mistake(
            _first_good(choose=max),
            "You take the largest good threshold, and answer as few pictures as you "
            "can. The smallest answers most.",
        ),
        Mistake(
            _first_good(lambda s, r, t: _among(s > t, r)),
            "You answer where `sure > t`. A picture whose value *is* the threshold is "
            "answered, too: `sure >= t`.",
        ),
        Mistake(_first_good(none=0.0), _NOTHING),
        Mistake(_first_good(none=1.0), _NOTHING),
        Mistake(_first_good(none=np.nan), _NOTHING),
        Mistake(_first_good(none=None), _NOTHING),
        Mistake(_first_good(none=-np.inf), _NOTHING),
        Mistake(_after(lambda s, t: min(t, s.max())), _NOTHING),
        Mistake(
            _first_good(lambda s, r, t: _among(s < t, r)),
            "You look at the pictures that are not answered. The budget is for those "
            "that are.",
        ),
        Mistake(_stopping(early=True), _STOPS),
        Mistake(_stopping(early=False), _STOPS),
        Mistake(_one_by_one(_down), _TIES),
        Mistake(_one_by_one(_down_turned), _TIES),
        Mistake(
            _first_good(lambda s, r, t: 1 - s[s >= t].mean()),
            "You believe the probabilities themselves, and never look at `right`. A "
            "model that is too sure of itself would deceive you.",
        ),
        Mistake(
            lambda sure, right, budget: 1 - budget,
            "You return 1 - budget. That would be a bound if the probabilities were "
            "calibrated; ask the validation pictures.",
        ),
        Mistake(
            lambda sure, right, budget: np.quantile(sure, budget),
            "You leave out a share of pictures, whether they are right or wrong. The "
            "budget is a share of errors.",
        ),
        Mistake(
            _above_all_errors,
            "You allow no error at all: your threshold lies above the surest one.",
        ),
        Mistake(
            lambda s, r, budget: (s >= answer_above(s, r, budget)).sum(),
            "That is the number of pictures that are answered. Return the threshold.",
        ),
        Mistake(
            _after(lambda s, t: np.flatnonzero(s == t)[0] if t < np.inf else np.inf),
            "That is a row number. Return the value in `sure` itself.",
        ),
        Mistake(
            _after(_half_a_step),
            "Your threshold lies halfway to the next value. Asked is one of the values "
            "in `sure`.",
        ),
        Mistake(
            _after(_a_step_up),
            "Your threshold is one value too high: the next lower one is good enough, "
            "too.",
        ),
    ),
    hints=(
        "Only the values in `sure` are candidates. For one of them, `sure >= t` says "
        "which pictures are answered.",
        "`errors = ~right[sure >= t]` are their errors. The upper end is the third "
        "number of `recall_interval(errors.sum(), len(errors))`.",
        "`np.unique(sure)` goes through the candidates from the lowest up. The first "
        "that is good enough is the answer, whatever lies above it.",
    ),
    because="Few answered pictures have a wide interval, so luck with a handful no "
    "longer passes for a promise. What it promises still holds only for pictures like "
    "those of the validation, so the test has the last word.",
    alternatives=(_first_good(),),
)

# --- 17.5 Another resize than in training -----------------------------------------


def prepare(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(picture))  # (side, side, 3)
    return (pixels.permute(2, 0, 1) / 255 - 0.5) / 0.5


def _photograph(width, height, mode, orientation):
    """Draw a bright picture with fine stripes, and read it from a file."""
    y, x = np.mgrid[:height, :width]
    fine = 40 * np.sin(2.1 * x + 0.4 * y) + 30 * np.sin(1.7 * y)
    wide = [90 * x / width, 90 * y / height, 60 * x / width - 50 * y / height]
    pixels = np.stack([175 + fine / (1 + c) + w - 40 for c, w in enumerate(wide)], -1)
    picture = Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.fromarray((255 - 2 * x % 200).astype(np.uint8)))
    exif, file = Image.Exif(), io.BytesIO()
    exif[0x0112] = orientation
    kind = {"format": "JPEG", "quality": 95} if mode == "CMYK" else {"format": "PNG"}
    picture.save(file, exif=exif, **kind)
    return Image.open(file)


def _probe_prepared(answer, width, height, mode, orientation, side):
    """Compare with training, and let rounding pass."""
    x = answer(_photograph(width, height, mode, orientation), side)
    if x is None:
        return None
    if not isinstance(x, torch.Tensor):
        raise NotAnAnswer("Return a PyTorch tensor; `torch.from_numpy` makes one.")
    if x.dtype != torch.float32:
        raise NotAnAnswer(f"Return a float32 tensor. Yours is {x.dtype}.")
    if x.shape != (3, side, side):
        return {"shape": np.array(x.shape)}
    wanted = prepare(_photograph(width, height, mode, orientation), side)
    largest = (x - wanted).abs().max().item()
    return {
        "shape": np.array(x.shape),
        "mean of each channel": x.mean(dim=(1, 2)),
        "largest difference": 0.0 if largest < 0.02 else largest,  # steps of 0.008
    }


def _to_minus_one(x):
    return (x / 255 - 0.5) / 0.5


def _shrunk(picture, side):
    return picture.resize((side, side), Image.Resampling.BILINEAR)


def _filtered(kind):
    return lambda picture, side: picture.resize((side, side), kind)


def _middle(picture):
    w, h = picture.size
    left, top = (w - min(w, h)) // 2, (h - min(w, h)) // 2
    return picture.crop((left, top, left + min(w, h), top + min(w, h)))


def _preparing(
    turn=ImageOps.exif_transpose,
    mode="RGB",
    resize=_shrunk,
    scale=_to_minus_one,
    order=lambda x: x.permute(2, 0, 1),
):
    def prepare(picture, side):
        picture = turn(picture)
        picture = resize(picture.convert(mode) if mode else picture, side)
        return order(scale(torch.from_numpy(np.array(picture)).float()))

    return prepare


def _interpolating(crop=False, upright=True, rgb=True, scaled=True, **options):
    """Resize a tensor, with bugs of the colleague's."""

    def prepare(picture, side):
        picture = ImageOps.exif_transpose(picture) if upright else picture
        picture = picture.convert("RGB") if rgb else picture
        x = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
        if crop:
            _, H, W = x.shape
            top, left = (H - min(H, W)) // 2, (W - min(H, W)) // 2
            x = x[:, top : top + min(H, W), left : left + min(H, W)]
        x = F.interpolate(x[None], size=(side, side), **options)[0]
        return (x - 0.5) / 0.5 if scaled else x

    return prepare


def _thumbnail(picture, side):
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    return picture


def _own_mean(x):
    return (x - x.mean()) / x.std()


def _imagenet(x):
    mean, std = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    return (x / 255 - torch.tensor(mean)) / torch.tensor(std)


_BUGS = {
    "crop": "Only the square in the middle is left. In training the model saw the "
    "whole picture, squeezed.",
    "antialias": "When it shrinks, `interpolate` looks at four pixels around a place "
    "and skips all that lie between, so that fine detail turns into noise. Pillow's "
    "filter takes the mean over all of them, and so does `antialias=True`.",
    "scaled": "The values go from 0 to 1, where the model has learned from -1 to 1: "
    "the mean and the standard deviation are missing.",
    "upright": "Pictures that their EXIF entry turns stay as they lie.",
    "rgb": "Pictures that are not RGB are not converted.",
}


def _with_bugs(bugs):
    there = {bug: bug not in bugs for bug in ("scaled", "upright", "rgb")}
    return _interpolating(
        crop="crop" in bugs,
        mode="bilinear",
        antialias="antialias" not in bugs,
        **there,
    )


def _some_bugs():
    """Yield the colleague's function with every choice of its bugs left in."""
    for count in range(len(_BUGS), 0, -1):
        for bugs in itertools.combinations(_BUGS, count):
            yield Mistake(_with_bugs(bugs), " ".join(_BUGS[bug] for bug in bugs))


_NEAREST = (
    "You take the nearest pixel and skip all others. Fine detail turns into noise; "
    "the bilinear filter takes the mean of them."
)
_CUBIC = (
    "That is the bicubic filter (Pillow's default when none is given). In training it "
    "was the bilinear one."
)
_SKIPS = "You skip the pixels between. " + _BUGS["antialias"]

PREPARE = Exercise(
    id="17.5",
    title="Spot the bug: another resize than in training",
    solution=prepare,
    probe=_probe_prepared,
    kinds=("torch",),
    tolerance=2e-3,
    cases=(
        (130, 90, "RGB", 1, 24),
        (80, 130, "RGB", 6, 20),
        (90, 70, "L", 1, 20),
        (60, 100, "RGBA", 1, 20),
        (70, 60, "CMYK", 1, 16),
        (50, 64, "P", 3, 16),
        (15, 11, "RGB", 1, 24),
    ),
    mistakes=(
        *_some_bugs(),
        Mistake(
            _interpolating(mode="bilinear", align_corners=True),
            f"{_SKIPS} Your corners are aligned, too, which moves all pixels a bit.",
        ),
        Mistake(_interpolating(), _NEAREST),
        Mistake(_preparing(resize=_filtered(Image.Resampling.NEAREST)), _NEAREST),
        Mistake(_preparing(resize=_filtered(None)), _CUBIC),
        Mistake(_interpolating(mode="bicubic", antialias=True), _CUBIC),
        Mistake(
            _preparing(resize=_filtered(Image.Resampling.LANCZOS)),
            "That is Lanczos' filter. In training it was the bilinear one.",
        ),
        Mistake(
            _preparing(resize=lambda p, side: _shrunk(_middle(p), side)), _BUGS["crop"]
        ),
        Mistake(
            _preparing(
                resize=lambda p, side: ImageOps.fit(
                    p, (side, side), Image.Resampling.BILINEAR
                )
            ),
            _BUGS["crop"],
        ),
        Mistake(
            _preparing(
                resize=lambda p, side: ImageOps.pad(
                    p, (side, side), Image.Resampling.BILINEAR
                )
            ),
            "You keep the proportions and fill the borders with black. In training the "
            "whole square was picture.",
        ),
        Mistake(
            _preparing(resize=_thumbnail),
            "`thumbnail` keeps the proportions, so your picture is no square.",
        ),
        Mistake(_preparing(scale=lambda x: x / 255), _BUGS["scaled"]),
        Mistake(
            _preparing(scale=lambda x: x),
            "Your values go from 0 to 255. Divide by 255, subtract 0.5 and divide by "
            "0.5.",
        ),
        Mistake(
            _preparing(scale=lambda x: x / 255 - 0.5),
            "Your values go from -0.5 to 0.5: the division by 0.5 is missing.",
        ),
        Mistake(
            _preparing(scale=lambda x: (x - 0.5) / 0.5),
            "Your values go up to 509, from 0 to 255 before: divide by 255 first.",
        ),
        Mistake(
            _preparing(scale=_imagenet),
            "These are ImageNet's mean and deviation. Many models use them; this one "
            "was trained with 0.5 and 0.5.",
        ),
        Mistake(
            _preparing(scale=lambda x: (x / 255 / 255 - 0.5) / 0.5),
            "You divide by 255 twice, and all is nearly black.",
        ),
        Mistake(
            _preparing(scale=_own_mean),
            "You use the picture's own mean and deviation. Then a dark picture looks "
            "like a bright one; in training both numbers were fixed.",
        ),
        Mistake(_preparing(turn=lambda p: p), _BUGS["upright"]),
        Mistake(
            _preparing(turn=lambda p: p.convert("RGB"), mode=None),
            _BUGS["upright"],
        ),
        Mistake(
            _preparing(mode=None),
            _BUGS["rgb"],
        ),
        Mistake(
            _preparing(order=lambda x: x),
            "Your channels come last. PyTorch's models want them first: "
            "(3, side, side).",
        ),
        Mistake(
            _preparing(order=lambda x: x.permute(2, 1, 0)),
            "Your pictures are transposed: width and height have changed places.",
        ),
        Mistake(
            _preparing(order=lambda x: x.flip(-1).permute(2, 0, 1)),
            "Your blue comes first and red last, as in OpenCV. Here it is RGB.",
        ),
        Mistake(
            _preparing(order=lambda x: x.reshape(3, *x.shape[:2])),
            "A `reshape` does not move the channels to the front, it only reads the "
            "numbers in other rows. `permute` moves axes.",
        ),
        Mistake(
            _preparing(order=lambda x: x.permute(2, 0, 1)[None]),
            "There is an axis too many, one for the batch. Return one picture.",
        ),
        Mistake(
            lambda picture, side: prepare(picture, 48),
            "Your pictures have 48 pixels a side, whatever is asked for. Use `side`.",
        ),
    ),
    hints=(
        "There are five bugs; three of them do harm to any photograph. What happens to "
        "the left and right parts of a wide picture? And between which values do the "
        "numbers lie?",
        "`F.interpolate` has an argument `antialias`. Pillow's `resize` needs none: "
        "it always looks at all pixels.",
        '`ImageOps.exif_transpose(picture).convert("RGB")`, then `resize` with '
        "`Image.Resampling.BILINEAR`, then the bytes as a tensor, channels first.",
    ),
    because="A model knows pictures only as its training showed them. A preparation "
    "that differs costs accuracy without any error message, so compare the two on a "
    "few pictures before you ship anything.",
    alternatives=(
        _preparing(),
        _interpolating(mode="bilinear", antialias=True),
    ),
)

# --- 17.6 Labels that are probably wrong ------------------------------------------


def suspects(shares, labels, n):
    own = shares[np.arange(len(labels)), labels]
    doubt = shares.max(axis=1) - own
    order = np.argsort(-doubt, kind="stable")  # equal ones stay in order
    return order[doubt[order] > 0][:n]


def _probe_suspects(answer, shares, labels, n):
    found = answer(shares, labels, n)
    if found is None:
        return None
    rows = np.asarray(found)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise NotAnAnswer(
            "Return an array of row numbers, whole numbers, also if there are fewer "
            "than `n`, or none: no mask, no probabilities, no text."
        )
    return {"rows": rows.astype(int) if rows.size else "none"}


def _many_rows(count):
    """Return rows with many equal differences: all numbers are eighths."""
    random = np.random.default_rng(count)
    shares = random.multinomial(8, [0.4, 0.3, 0.3], size=count) / 8
    return shares, random.integers(3, size=count), 13


def _own(shares, labels):
    return shares[np.arange(len(labels)), labels]


def _doubt(shares, own):
    return shares.max(axis=1) - own


def _suspicious(shares, own):
    return shares.max(axis=1) > own


def _strongest_first(doubt):
    return np.argsort(-doubt, kind="stable")


def _suspecting(
    doubt=_doubt,
    keep=_suspicious,
    order=_strongest_first,
    cut=lambda rows, n: rows[:n],
):
    """Measure, choose, sort or cut in another way."""

    def suspects(shares, labels, n):
        own = _own(shares, labels)
        rows = order(doubt(shares, own))
        return cut(rows[keep(shares, own)[rows]], n)

    return suspects


def _everyone(shares, own):
    return np.ones(len(own), dtype=bool)


def _not_the_answer(shares, labels, n):
    rows = _strongest_first(_doubt(shares, _own(shares, labels)))
    return rows[(shares.argmax(axis=1) != labels)[rows]][:n]


def _among_suspects(shares, labels, n):
    doubt = _doubt(shares, _own(shares, labels))
    return _strongest_first(doubt[doubt > 0])[:n]


def _found(change):
    def suspects_then(shares, labels, n):
        return change(suspects(shares, labels, n), shares, n)

    return suspects_then


def _filled(value):
    def change(rows, shares, n):
        return np.append(rows, np.full(n - len(rows), value))

    return _found(change)


_OWN = (
    "You sort by the probability of the label alone. Asked is the difference: how much "
    "surer the probe is of *another* class. A row where several classes share the rest "
    "says less than one where a single class has it all."
)
_SURE = (
    "You sort by how sure the probe is of its answer, and not by how far the label "
    "lies below it."
)
_EQUAL = (
    "Where the label's probability is equal to the largest one, the row is no suspect: "
    "another class must have a *larger* one."
)
_ALL = (
    "You return rows, too, that are no suspect: the probe agrees with their label. "
    "If there are fewer than `n` suspects, return fewer."
)
_FIRST = "These are the right rows, but not with the strongest first."
_FEWER = (
    "If there are fewer than `n` suspects, return only those there are. Do not fill "
    "the array up."
)

SUSPECTS = Exercise(
    id="17.6",
    title="Labels that are probably wrong",
    solution=suspects,
    probe=_probe_suspects,
    cases=(
        (
            np.array(
                [
                    [0.70, 0.20, 0.10],  # right
                    [0.10, 0.38, 0.52],  # 0.42
                    [0.30, 0.62, 0.08],  # 0.32
                    [0.01, 0.43, 0.56],  # 0.13
                    [0.03, 0.45, 0.52],  # 0.49
                    [0.05, 0.05, 0.90],  # right
                    [0.40, 0.09, 0.51],  # 0.11
                    [0.85, 0.05, 0.10],  # 0.75
                ]
            ),
            np.array([0, 0, 0, 1, 0, 2, 0, 2]),
            3,
        ),
        (
            np.array(
                [
                    [0.25, 0.50, 0.125, 0.125],  # 0.25
                    [0.125, 0.125, 0.25, 0.50],  # 0.375
                    [0.625, 0.25, 0.125, 0.0],  # 0.375
                    [0.0, 0.125, 0.375, 0.50],  # 0.5
                    [0.50, 0.125, 0.25, 0.125],  # 0.375
                    [0.25, 0.25, 0.25, 0.25],  # equal
                ]
            ),
            np.array([0, 0, 1, 0, 3, 2]),
            3,
        ),
        (
            np.array(
                [
                    [0.375, 0.375, 0.25],  # equal, and the label is the second
                    [0.5, 0.25, 0.25],  # 0.25
                    [0.125, 0.75, 0.125],  # right
                    [0.25, 0.375, 0.375],  # equal
                    [0.25, 0.25, 0.5],  # right
                    [0.375, 0.5, 0.125],  # 0.125
                    [0.45, 0.3, 0.25],  # right, below one half
                ]
            ),
            np.array([1, 2, 1, 2, 2, 0, 0]),
            4,
        ),
        (
            np.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]]),
            np.array([0, 1, 1]),
            2,
        ),
        _many_rows(40),  # an unstable sort leaves so many in another order
    ),
    mistakes=(
        Mistake(_suspecting(lambda s, own: -own), _OWN),
        Mistake(_suspecting(lambda s, own: -own, _everyone), _OWN),
        Mistake(_suspecting(lambda s, own: s.max(axis=1)), _SURE),
        Mistake(_suspecting(lambda s, own: s.max(axis=1), _everyone), _SURE),
        Mistake(_suspecting(keep=_everyone), _ALL),
        Mistake(
            _suspecting(keep=lambda s, own: ~_suspicious(s, own)),
            "You return rows where probe and label agree. Suspects are the others.",
        ),
        Mistake(_not_the_answer, _EQUAL),
        Mistake(
            _suspecting(order=lambda doubt: np.argsort(doubt, kind="stable")),
            "You return the weakest suspects. `argsort` goes up; the strongest come "
            "first.",
        ),
        Mistake(
            _suspecting(cut=lambda rows, n: rows[:n][::-1]),
            f"{_FIRST} They come the other way round.",
        ),
        Mistake(
            _suspecting(cut=lambda rows, n: np.sort(rows[:n])),
            f"{_FIRST} They are sorted by their numbers.",
        ),
        Mistake(
            _suspecting(order=lambda doubt: np.arange(len(doubt))),
            "You return the first suspects as they stand in the table. Sort them by "
            "how strong they are before you cut.",
        ),
        Mistake(
            _suspecting(order=lambda doubt: np.argsort(doubt, kind="stable")[::-1]),
            "Among equally strong suspects, the smaller row number comes first. A "
            "sorted array that is turned around turns them, too; sort the negative "
            'values, with `kind="stable"`.',
        ),
        Mistake(
            _suspecting(cut=lambda rows, n: rows),
            "You return all suspects. Return `n` of them at most.",
        ),
        Mistake(
            _suspecting(cut=lambda rows, n: rows[: n - 1]),
            "You return one too few.",
        ),
        Mistake(
            _suspecting(cut=lambda rows, n: rows[-n:]),
            "You return the last of the sorted suspects, which are the weakest.",
        ),
        Mistake(
            _suspecting(lambda s, own: np.diff(np.sort(s, axis=1)[:, -2:])[:, 0]),
            "You take the difference from the second largest probability. Take the one "
            "from the probability of the label.",
        ),
        Mistake(
            _suspecting(lambda s, own: s.max(axis=1) / own),
            "You take the ratio to the label's probability. It is huge where both are "
            "tiny; asked is the difference.",
        ),
        Mistake(
            _suspecting(lambda s, own: -(s * np.log(s + 1e-12)).sum(axis=1)),
            "You sort by entropy, which says how unsure the probe is. A suspect is a "
            "row where it is sure of something else.",
        ),
        Mistake(
            _suspecting(keep=lambda s, own: own < 0.5),
            "A probability below one half makes no suspect: with several classes the "
            "largest one may be smaller than that.",
        ),
        Mistake(
            _found(lambda rows, shares, n: shares[rows].argmax(axis=1)),
            "These are the classes that the probe would name. Return row numbers.",
        ),
        Mistake(
            _among_suspects,
            "Your numbers count among the suspects alone. Return the row numbers in "
            "the whole table.",
        ),
        Mistake(_filled(-1), _FEWER),
        Mistake(_filled(0), _FEWER),
    ),
    hints=(
        "`shares[np.arange(len(labels)), labels]` is the probability of each row's own "
        "label.",
        "The row's largest probability minus that one is 0 where the probe agrees with "
        "the label, and larger where it does not.",
        'Sort the negative differences by `np.argsort(..., kind="stable")`, keep the '
        "rows whose difference is above 0, and cut after `n`.",
    ),
    because="A label that a probe denies, which has never seen it, is worth a look. It "
    "is no proof: look at the picture before you move it, and never let the model "
    "correct its own test.",
    alternatives=(_suspecting(),),
)

# --- 17.7 One program from bytes to shares ----------------------------------------


def deployed(model, mean, std, side):
    class FromBytes(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model
            self.register_buffer("mean", torch.tensor(mean))
            self.register_buffer("std", torch.tensor(std))

        def forward(self, pictures):
            x = (pictures / 255 - self.mean) / self.std
            x = x.permute(0, 3, 1, 2)  # (B, 3, side, side)
            return self.model(x).logits.softmax(dim=-1)

    example = torch.zeros(2, side, side, 3, dtype=torch.uint8)
    batch = torch.export.Dim("batch")
    return torch.export.export(
        FromBytes().eval(), (example,), dynamic_shapes=({0: batch},)
    )


class _Quick:
    """Stands for an exported program of the catalog, since each export takes time."""

    def __init__(self, forward):
        self.forward = forward


def _classifier(side):
    """Build a small ViT that is in training mode, and sure of itself."""
    torch.manual_seed(side)
    config = ViTConfig(
        image_size=side,
        patch_size=3,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=12,
        num_labels=4,
        hidden_dropout_prob=0.4,
    )
    model = ViTForImageClassification(config)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim > 1:
                weight.mul_(12)
    return model.train()


def _loaded(program, side):
    """Look at a program's input, save it, load it, and return what runs."""
    if isinstance(program, _Quick):
        return program.forward
    if not isinstance(program, torch.export.ExportedProgram):
        raise NotAnAnswer(
            "Return what `torch.export.export` returns, an `ExportedProgram`. Yours is "
            f"a {type(program).__name__}."
        )
    names = program.graph_signature.user_inputs
    inputs = [n.meta["val"] for n in program.graph.nodes if n.name in names]
    x = inputs[0] if len(inputs) == 1 else None
    if not isinstance(x, torch.Tensor) or tuple(x.shape[1:]) != (side, side, 3):
        raise NotAnAnswer(
            "Your program does not take one tensor of shape (B, side, side, 3). The "
            "example that you export it with decides that."
        )
    if x.dtype != torch.uint8:
        raise NotAnAnswer(
            f"Your program was exported with an example of {x.dtype}. It is to take "
            "bytes: `dtype=torch.uint8`."
        )
    if isinstance(x.shape[0], int):
        raise NotAnAnswer(
            f"The number of pictures is fixed at {x.shape[0]}. `dynamic_shapes` says "
            "which axes may change; and an example of *one* picture fixes it all the "
            "same, so take two or more."
        )
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    module = torch.export.load(file).module()
    name = next(iter(program.example_inputs[1]), None)  # if it is given by name
    return (lambda x: module(**{name: x})) if name else module


def _probe_deployed(answer, mean, std, side):
    """Export a classifier, and ask the loaded program about one picture and five."""
    model = _classifier(side)
    program = answer(model, mean, std, side)
    if program is None:
        return None
    run, answers = _loaded(program, side), {}
    if isinstance(program, _Quick):
        run = lambda x: program.forward(model.eval(), mean, std, x)  # noqa: E731
    random = torch.Generator().manual_seed(1)
    for n in (1, 5):
        shape = (n, side, side, 3)
        pictures = torch.randint(256, shape, generator=random, dtype=torch.uint8)
        try:
            found = [run(pictures) for _ in range(2)]  # dropout would differ
        except Exception as problem:
            raise NotAnAnswer(
                f"Your program fails with {n} picture{'s' * (n > 1)}. It is to take "
                f"any number. PyTorch says: {str(problem).splitlines()[0]}"
            ) from None
        if not all(isinstance(each, torch.Tensor) for each in found):
            raise NotAnAnswer(
                "Your program is to return one tensor of probabilities, not the "
                "model's whole output. Its logits are in `.logits`."
            )
        if not torch.equal(*found):
            raise NotAnAnswer(
                "Your program gives two answers to the same picture: the model was in "
                "training mode when you exported it, so dropout is inside for ever."
            )
        answers[f"probabilities of {n}"] = found[0].detach()
    return answers


def _as_floats(mean, std, x):
    return (x / 255 - torch.tensor(mean)) / torch.tensor(std)


def _first(x):
    return x.permute(0, 3, 1, 2)


def _over_classes(logits):
    return logits.softmax(-1)


def _running(scale=_as_floats, order=_first, shares=_over_classes):
    """Make a program's stand-in with one step done in another way."""

    def forward(model, mean, std, x):
        return shares(model(order(scale(mean, std, x)).float()).logits)

    return lambda model, mean, std, side: _Quick(forward)


def _mean_std(mean, std):
    return torch.tensor(mean), torch.tensor(std)


_MEAN_AND_STD = (
    "The mean and the standard deviation are missing: the model gets values from 0 to "
    "1, and it was trained with others."
)
_PROBABILITIES = (
    "Your program returns {}. Asked are probabilities: a softmax over the classes."
)

DEPLOYED = Exercise(
    id="17.7",
    title="One program from bytes to shares",
    solution=deployed,
    probe=_probe_deployed,
    kinds=("torch",),
    tolerance=1e-4,
    seconds=40.0,
    cases=(([0.4, 0.55, 0.3], [0.2, 0.35, 0.5], 6),),  # one, since exporting is slow
    mistakes=(
        Mistake(
            _running(shares=lambda logits: logits),
            _PROBABILITIES.format("the logits"),
        ),
        Mistake(
            _running(shares=torch.sigmoid),
            _PROBABILITIES.format("a sigmoid of each logit")
            + " They sum to 1 for each picture.",
        ),
        Mistake(
            _running(shares=lambda logits: logits.log_softmax(-1)),
            _PROBABILITIES.format("the logarithm of the probabilities"),
        ),
        Mistake(
            _running(shares=lambda logits: logits.argmax(-1)),
            _PROBABILITIES.format("the number of a class"),
        ),
        Mistake(
            _running(shares=lambda logits: logits.softmax(0)),
            "The softmax runs over the pictures, so an answer depends on who else is "
            "in the batch. The last axis holds the classes.",
        ),
        Mistake(
            _running(shares=lambda logits: logits.softmax(-1).softmax(-1)),
            "There are two softmaxes, one after the other, so nothing is ever sure.",
        ),
        Mistake(
            _running(lambda mean, std, x: _as_floats(mean, std, 255.0 * x)),
            "The bytes are not divided by 255 before the mean is subtracted.",
        ),
        Mistake(
            _running(lambda mean, std, x: _as_floats(mean, std, x / 255)),
            "The bytes are divided by 255 twice.",
        ),
        Mistake(_running(lambda mean, std, x: x / 255), _MEAN_AND_STD),
        Mistake(
            _running(lambda mean, std, x: x.float()),
            "The model gets the bytes as they are. Divide by 255, subtract the mean, "
            "and divide by the standard deviation.",
        ),
        Mistake(
            _running(lambda mean, std, x: x / 255 - torch.tensor(mean)),
            "The division by the standard deviation is missing.",
        ),
        Mistake(
            _running(lambda mean, std, x: x / 255 / torch.tensor(std)),
            "The mean is not subtracted.",
        ),
        Mistake(
            _running(lambda mean, std, x: x / 127.5 - 1),
            "You subtract 0.5 and divide by 0.5, whatever `mean` and `std` say.",
        ),
        Mistake(
            _running(lambda mean, std, x: _as_floats(std, mean, x)),
            "The mean and the standard deviation are exchanged.",
        ),
        Mistake(
            _running(
                lambda mean, std, x: (
                    (x / 255 - _mean_std(mean, std)[0].mean())
                    / _mean_std(mean, std)[1].mean()
                )
            ),
            "You use one mean and one deviation for all. It goes channel by channel.",
        ),
        Mistake(
            _running(lambda mean, std, x: _as_floats(mean[::-1], std[::-1], x)),
            "The means and deviations go to the channels in the wrong order.",
        ),
        Mistake(
            _running(lambda mean, std, x: _as_floats(mean, std, 255 * (x // 255))),
            "`//` makes 0 of every byte but 255. Divide by `/`.",
        ),
        Mistake(
            _running(
                lambda mean, std, x: x / 255,
                lambda x: x.reshape(len(x), 3, *x.shape[1:3]),
            ),
            f"{_MEAN_AND_STD} And `reshape` moves no axis: use `permute`.",
        ),
        Mistake(
            lambda model, mean, std, side: _Quick(
                lambda model, mean, std, x: model(
                    (
                        x.reshape(len(x), 3, *x.shape[1:3]) / 255
                        - torch.tensor(mean).view(3, 1, 1)
                    )
                    / torch.tensor(std).view(3, 1, 1)
                ).logits.softmax(-1)
            ),
            "A `reshape` does not move the channels to the front, it only reads the "
            "numbers in other rows. `permute` moves axes.",
        ),
        Mistake(
            _running(order=lambda x: x.reshape(len(x), 3, *x.shape[1:3])),
            "A `reshape` does not move the channels to the front, it only reads the "
            "numbers in other rows. `permute` moves axes.",
        ),
        Mistake(
            _running(order=lambda x: x.permute(0, 3, 2, 1)),
            "Your pictures are turned over: rows and columns have changed places.",
        ),
        Mistake(
            _running(
                lambda mean, std, x: _as_floats(mean, std, x.flip(-1)),
            ),
            "Your blue comes first and red last. The bytes are RGB, and so is the "
            "model.",
        ),
        Mistake(
            _running(order=lambda x: x.flip(-1).permute(0, 3, 1, 2)),
            "Your blue comes first and red last. The bytes are RGB, and so is the "
            "model.",
        ),
    ),
    hints=(
        "Write a `torch.nn.Module` that holds the model and two tensors, mean and std, "
        "as buffers. Its `forward` does all the steps; `eval()` comes before the "
        "export.",
        "`torch.export.export(module, (example,), dynamic_shapes=({0: batch},))`, in "
        'which `batch` is `torch.export.Dim("batch")`, and the example is two '
        "pictures of zeros with `dtype=torch.uint8`.",
        "With the channels last, `(pictures / 255 - mean) / std` is right for each "
        "channel. Then `permute(0, 3, 1, 2)`, the model, and `softmax(dim=-1)` of its "
        "logits.",
    ),
    because="Whoever gets this file needs neither a processor nor your code, so there "
    "is no second preparation that could differ from the first.",
    alternatives=(),
)

EXERCISES = (SPLIT, WEIGHTS, RECALL, ABSTAIN, PREPARE, SUSPECTS, DEPLOYED)
