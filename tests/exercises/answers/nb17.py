"""Answers to the exercises of notebook 17 as learners give them, written blind."""

import io
import math
import random

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from scipy.optimize import brentq
from scipy.stats import beta, binomtest, norm
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    train_test_split,
)
from tests_answers import right, wrong
from torch import nn
from torch.nn import functional as F

# --- 17.1: the copy on the other side ---


@right("17.1")
def first_of_five_folds(labels, groups, seed):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    return next(folds.split(labels, labels, groups))


@right("17.1")
def last_of_five_folds(labels, groups, seed):
    folds = StratifiedGroupKFold(n_splits=5, shuffle=True, random_state=seed)
    *_, (train, test) = folds.split(np.zeros(len(labels)), labels, groups)
    return train.tolist(), test.tolist()


@right("17.1")
def groups_of_each_class(labels, groups, seed):
    rng = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        own = rng.permutation(np.unique(groups[labels == c]))
        test |= np.isin(groups, own[: max(1, round(len(own) / 5))])
    return np.flatnonzero(~test), np.flatnonzero(test)


@right("17.1")
def filled_up_to_a_fifth(labels, groups, seed):
    random.seed(seed)
    train, test = [], []
    for c in sorted(set(labels.tolist())):
        rows_of = {}
        for i in np.flatnonzero(labels == c).tolist():
            rows_of.setdefault(int(groups[i]), []).append(i)
        n, taken = sum(labels == c), 0
        names = list(rows_of)
        random.shuffle(names)
        for g in names:
            side = test if taken < n / 5 else train
            side += rows_of[g]
            if side is test:
                taken += len(rows_of[g])
    return train, test


@right("17.1")
def one_row_for_each_group(labels, groups, seed):
    """Split the groups, stratified, and come back to the rows."""
    names, first = np.unique(groups, return_index=True)
    train, test = train_test_split(
        names, test_size=0.2, stratify=labels[first], random_state=seed
    )
    return np.where(np.isin(groups, train))[0], np.where(np.isin(groups, test))[0]


@right("17.1")
def by_class_with_group_shuffle(labels, groups, seed):
    train, test = [], []
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        cut = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
        a, b = next(cut.split(rows, groups=groups[rows]))
        train.append(rows[a])
        test.append(rows[b])
    return np.concatenate(train), np.concatenate(test)


@right("17.1")
def by_pandas(labels, groups, seed):
    table = pd.DataFrame({"label": labels, "group": groups})
    each = table.drop_duplicates("group")
    chosen = each.groupby("label").group.sample(frac=0.2, random_state=seed)
    test = table.group.isin(chosen)
    return table.index[~test].to_numpy(), table.index[test].to_numpy()


@right("17.1")
def by_torch_generator(labels, groups, seed):
    generator = torch.Generator().manual_seed(seed)
    labels, groups = torch.as_tensor(labels), torch.as_tensor(groups)
    test = torch.zeros(len(labels), dtype=torch.bool)
    for c in labels.unique():
        own = groups[labels == c].unique()
        order = torch.randperm(len(own), generator=generator)
        for g in own[order[: -(-len(own) // 5)]]:
            test |= groups == g
    return (~test).nonzero().flatten(), test.nonzero().flatten()


@right("17.1")
def tries_until_it_fits(labels, groups, seed):
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    while True:
        chosen = rng.choice(names, len(names) // 5, replace=False)
        test = np.isin(groups, chosen)
        share = np.array([test[labels == c].mean() for c in np.unique(labels)])
        if (share >= 0.1).all() and (share <= 1 / 3).all():
            return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "the colleague's", says="You split the rows")
def the_colleagues(labels, groups, seed):
    rows = np.arange(len(labels))
    return train_test_split(rows, test_size=0.2, stratify=labels, random_state=seed)


@wrong("17.1", "rows at random, not even stratified", says="You split the rows")
def rows_at_random(labels, groups, seed):
    rows = np.random.default_rng(seed).permutation(len(labels))
    cut = len(rows) // 5
    return rows[cut:], rows[:cut]


@wrong("17.1", "stratified folds by row", says="You split the rows")
def folds_of_rows(labels, groups, seed):
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    return next(folds.split(labels, labels))


@wrong("17.1", "stratified by the group", says="You split the rows")
def stratified_by_group(labels, groups, seed):
    test = np.zeros(len(labels), dtype=bool)
    rng = np.random.default_rng(seed)
    for g in np.unique(groups):
        rows = np.flatnonzero(groups == g)
        test[rng.choice(rows)] = True
    return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "whole groups, whatever their class", says="some class has")
def whole_groups_of_all(labels, groups, seed):
    cut = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    return next(cut.split(labels, labels, groups))


@wrong("17.1", "groups shuffled over all classes", says="some class has")
def groups_shuffled_over_all(labels, groups, seed):
    names = np.random.default_rng(seed).permutation(np.unique(groups))
    test = np.isin(groups, names[: len(names) // 5])
    return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "GroupKFold, shuffled", says="some class has")
def group_folds(labels, groups, seed):
    folds = GroupKFold(5, shuffle=True, random_state=seed)
    return next(folds.split(labels, labels, groups))


@wrong("17.1", "no shuffle", says="whatever the seed")
def folds_without_shuffle(labels, groups, seed):
    return next(StratifiedGroupKFold(5).split(labels, labels, groups))


@wrong("17.1", "a fixed seed", says="whatever the seed")
def folds_with_a_fixed_seed(labels, groups, seed):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=42)
    return next(folds.split(labels, labels, groups))


@wrong("17.1", "the first fifth of the groups of each class", says="whatever the seed")
def first_groups(labels, groups, seed):
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        own = np.unique(groups[labels == c])
        test |= np.isin(groups, own[: len(own) // 5])
    return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "the seed is not used", says="the same seed")
def groups_without_seed(labels, groups, seed):
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        own = np.unique(groups[labels == c])
        test |= np.isin(groups, np.random.permutation(own)[: len(own) // 5])
    return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "shuffle without random_state", says="the same seed")
def folds_without_state(labels, groups, seed):
    folds = StratifiedGroupKFold(5, shuffle=True)
    return next(folds.split(labels, labels, groups))


@wrong("17.1", "one picture of each group, the rest thrown away", says="missing")
def one_of_each_group(labels, groups, seed):
    _, first = np.unique(groups, return_index=True)
    train, test = train_test_split(
        first, test_size=0.2, stratify=labels[first], random_state=seed
    )
    return train, test


@wrong("17.1", "the shared groups leave the test", says="missing")
def shared_leave_the_test(labels, groups, seed):
    train, test = the_colleagues(labels, groups, seed)
    return train, test[~np.isin(groups[test], groups[train])]


@wrong("17.1", "the shared groups leave the training", says="missing")
def shared_leave_the_training(labels, groups, seed):
    train, test = the_colleagues(labels, groups, seed)
    return train[~np.isin(groups[train], groups[test])], test


@wrong("17.1", "the two sides exchanged", says="exchanged")
def sides_exchanged(labels, groups, seed):
    train, test = first_of_five_folds(labels, groups, seed)
    return test, train


@wrong("17.1", "four fifths of the groups in the test", says="exchanged")
def four_fifths_in_the_test(labels, groups, seed):
    rng = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        own = rng.permutation(np.unique(groups[labels == c]))
        test |= np.isin(groups, own[: int(0.8 * len(own))])
    return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "half of everything", says="more than a third")
def half_of_everything(labels, groups, seed):
    folds = StratifiedGroupKFold(2, shuffle=True, random_state=seed)
    return next(folds.split(labels, labels, groups))


@wrong("17.1", "one group of each class", says="some class has")
def one_group_of_each_class(labels, groups, seed):
    rng = np.random.default_rng(seed)
    chosen = [rng.choice(groups[labels == c]) for c in np.unique(labels)]
    test = np.isin(groups, chosen)
    return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "masks", says="row numbers")
def masks(labels, groups, seed):
    train, test = groups_of_each_class(labels, groups, seed)
    mask = np.isin(np.arange(len(labels)), train)
    return mask, ~mask


@wrong("17.1", "group numbers in place of rows")
def group_numbers(labels, groups, seed):
    train, test = groups_of_each_class(labels, groups, seed)
    return np.unique(groups[train]), np.unique(groups[test])


@wrong("17.1", "labels in place of rows")
def labels_in_place_of_rows(labels, groups, seed):
    train, test = groups_of_each_class(labels, groups, seed)
    return labels[train], labels[test]


@wrong("17.1", "three sides", says="two arrays")
def three_sides(labels, groups, seed):
    train, test = first_of_five_folds(labels, groups, seed)
    return train[20:], train[:20], test


@wrong("17.1", "the splitter's generator", says="two arrays")
def the_generator(labels, groups, seed):
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
    return folds.split(labels, labels, groups)


@wrong("17.1", "the last class falls out of the test", says="some class has")
def without_the_last_class(labels, groups, seed):
    rng = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for c in range(labels.max()):
        own = rng.permutation(np.unique(groups[labels == c]))
        test |= np.isin(groups, own[: len(own) // 5])
    return np.flatnonzero(~test), np.flatnonzero(test)


@wrong("17.1", "neighbors stay together, groups do not", says="You split the rows")
def blocks_of_neighbors(labels, groups, seed):
    rng = np.random.default_rng(seed)
    test = np.zeros(len(labels), dtype=bool)
    for c in np.unique(labels):
        rows = np.flatnonzero(labels == c)
        k = len(rows) // 5
        start = rng.integers(len(rows) - k)
        test[rows[start : start + k]] = True
    return np.flatnonzero(~test), np.flatnonzero(test)


# --- 17.2: weights for rare classes ---


@right("17.2")
def weighted_by_weight_and_sum(logits, labels, counts, items, power):
    weight = counts**-power
    weight = weight / ((weight * counts).sum() / counts.sum())
    return F.cross_entropy(logits, labels, weight=weight, reduction="sum") / items


@right("17.2")
def weighted_each_picture(logits, labels, counts, items, power):
    n = counts.float()
    a = n.sum() / (n ** (1 - power)).sum()
    each = F.cross_entropy(logits, labels, reduction="none")
    return (a * n[labels] ** -power * each).sum() / items


@right("17.2")
def weighted_by_log_softmax(logits, labels, counts, items, power):
    log_p = logits.log_softmax(dim=-1)
    own = log_p.gather(1, labels[:, None]).squeeze(1)
    share = counts / counts.sum()
    w = (1 / share) ** power
    w = w / (w @ share)
    return -(own * w[labels]).sum() / items


@right("17.2")
def weighted_by_all_pictures(logits, labels, counts, items, power):
    """Write down the weight of every training picture, and take their mean."""
    w = 1 / counts.double().pow(power)
    pictures = torch.repeat_interleave(w, counts)
    weights = (w / pictures.mean()).float()
    log_p = F.log_softmax(logits, dim=1)
    return F.nll_loss(log_p, labels, weights, reduction="sum") / items


@right("17.2")
def weighted_by_loop(logits, labels, counts, items, power):
    numbers = counts.tolist()
    a = sum(numbers) / sum(n * n**-power for n in numbers)
    total = 0.0
    for x, c in zip(logits, labels.tolist(), strict=True):
        total = total + a * numbers[c] ** -power * (x.logsumexp(0) - x[c])
    return total / items


@right("17.2")
def weighted_by_one_hot(logits, labels, counts, items, power):
    w = torch.exp(-power * torch.log(counts))
    w *= counts.sum() / torch.dot(w, counts.float())
    target = F.one_hot(labels, len(counts)) * w
    return -(target * torch.log_softmax(logits, -1)).sum() / items


@right("17.2")
def weighted_from_the_lessons_weights(logits, labels, counts, items, power):
    lesson = counts.sum() / (len(counts) * counts)
    w = lesson**power
    w = w * counts.sum() / (w * counts).sum()
    return nn.CrossEntropyLoss(w, reduction="sum")(logits, labels).div(items)


@right("17.2")
def weighted_by_class(logits, labels, counts, items, power):
    """Sum up class by class; each class has one weight."""
    a = counts.sum() / (counts ** (1.0 - power)).sum()
    loss = logits.sum() * 0
    for k, n in enumerate(counts):
        rows = labels == k
        one = F.cross_entropy(logits[rows], labels[rows], reduction="sum")
        loss = loss + one * a / n**power
    return loss / items


@right("17.2")
def weighted_mean_undone(logits, labels, counts, items, power):
    w = np.power(counts.numpy().astype(float), -power)
    w = torch.tensor(w / np.average(w, weights=counts.numpy()), dtype=logits.dtype)
    mean = F.cross_entropy(logits, labels, weight=w)  # divided by the weights
    return mean * w[labels].sum() / items


def _asked(counts, labels, power):
    w = counts**-power
    return w * counts.sum() / (w * counts).sum()


def _weighted(weight=_asked, loss="sum", divide=lambda items, n: items):
    def weighted_loss(logits, labels, counts, items, power):
        w = weight(counts.float(), labels, power)
        value = F.cross_entropy(logits, labels, weight=w, reduction=loss)
        return value / divide(items, len(labels))

    return weighted_loss


wrong(
    "17.2",
    "the mean of cross_entropy, which divides by the weights",
    _weighted(loss="mean", divide=lambda items, n: 1),
    says="divides by the sum of the weights",
)
wrong(
    "17.2",
    "the mean, divided by items as well",
    _weighted(loss="mean"),
    says="divides by the sum of the weights",
)
wrong(
    "17.2",
    "the mean times the share of the batch",
    _weighted(loss="mean", divide=lambda items, n: items / n),
    says="sum of the weights",
)
wrong(
    "17.2",
    "divided by the pictures of this batch",
    _weighted(divide=lambda items, n: n),
    says="of this batch",
)


@wrong("17.2", "mean over the batch of weighted losses", says="of this batch")
def mean_of_weighted(logits, labels, counts, items, power):
    w = _asked(counts.float(), labels, power)
    each = F.cross_entropy(logits, labels, reduction="none")
    return (each * w[labels]).mean()


@wrong("17.2", "mean over the batch, then items", says="of this batch")
def mean_of_weighted_over_items(logits, labels, counts, items, power):
    return mean_of_weighted(logits, labels, counts, items, power) / items


wrong(
    "17.2",
    "a plain sum",
    _weighted(divide=lambda items, n: 1),
    says="not divided",
)
wrong(
    "17.2",
    "not scaled",
    _weighted(lambda c, y, p: c**-p),
    says="not scaled",
)
wrong(
    "17.2",
    "shares to the power, not scaled",
    _weighted(lambda c, y, p: (c / c.sum()) ** -p),
    says="not scaled",
)
wrong(
    "17.2",
    "the lesson's weights to the power, not scaled",
    _weighted(lambda c, y, p: (c.sum() / (len(c) * c)) ** p),
    says="not scaled",
)
wrong(
    "17.2",
    "the lesson's weights, whatever the power",
    _weighted(lambda c, y, p: c.sum() / (len(c) * c)),
    says="whatever `power`",
)
wrong(
    "17.2",
    "the mean over the classes is 1",
    _weighted(lambda c, y, p: c**-p / (c**-p).mean()),
    says="over the classes",
)
wrong(
    "17.2",
    "weights that sum to 1",
    _weighted(lambda c, y, p: c**-p / (c**-p).sum()),
    says="sum to 1",
)
wrong(
    "17.2",
    "weights that sum to 1 over the pictures",
    _weighted(lambda c, y, p: c**-p / (c * c**-p).sum()),
    says="sum of all",
)
wrong(
    "17.2",
    "the mean over the batch is 1",
    _weighted(lambda c, y, p: c**-p / (c**-p)[y].mean()),
    says="sum of the weights",
)
wrong(
    "17.2",
    "counts of the batch",
    _weighted(
        lambda c, y, p: _asked(torch.bincount(y, minlength=len(c)).clamp(min=1.0), y, p)
    ),
    says="in this batch",
)
wrong(
    "17.2",
    "the power without its minus",
    _weighted(lambda c, y, p: c**p * c.sum() / (c**p * c).sum()),
    says="upside down",
)
wrong(
    "17.2",
    "the power without its minus, not scaled",
    _weighted(lambda c, y, p: c**p),
    says="upside down",
)
wrong(
    "17.2",
    "no weights",
    _weighted(lambda c, y, p: torch.ones_like(c)),
    says="no weights",
)
wrong(
    "17.2",
    "a mixture of none and all",
    _weighted(lambda c, y, p: 1 - p + p * c.sum() / (len(c) * c)),
    says="mixture",
)
wrong(
    "17.2",
    "a factor in place of a power",
    _weighted(lambda c, y, p: p * c.sum() / (len(c) * c)),
)
wrong(
    "17.2",
    "one minus the power",
    _weighted(lambda c, y, p: _asked(c, y, 1 - p)),
    says="1 - power",
)
wrong(
    "17.2",
    "always the root",
    _weighted(lambda c, y, p: _asked(c, y, 0.5)),
    says="whatever `power`",
)


@wrong("17.2", "softmax first", says="softmax")
def softmax_first(logits, labels, counts, items, power):
    return weighted_by_weight_and_sum(logits.softmax(1), labels, counts, items, power)


@wrong("17.2", "a Python number", says="no gradient")
def item_of_loss(logits, labels, counts, items, power):
    return weighted_by_weight_and_sum(logits, labels, counts, items, power).item()


@wrong("17.2", "detached", says="no gradient")
def detached(logits, labels, counts, items, power):
    return weighted_by_weight_and_sum(logits.detach(), labels, counts, items, power)


wrong(
    "17.2",
    "a loss for each picture",
    _weighted(loss="none"),
    says="one number",
)


@wrong("17.2", "the weights multiply the logits", says="logits")
def weighted_logits(logits, labels, counts, items, power):
    w = _asked(counts.float(), labels, power)
    return F.cross_entropy(logits * w, labels, reduction="sum") / items


@wrong("17.2", "the power of the loss")
def power_of_the_loss(logits, labels, counts, items, power):
    each = F.cross_entropy(logits, labels, reduction="none")
    w = counts.sum() / (len(counts) * counts)
    return ((w[labels] * each) ** power).sum() / items


@wrong("17.2", "the weight of the answer, not of the label", says="what the model")
def weight_of_the_answer(logits, labels, counts, items, power):
    w = _asked(counts.float(), labels, power)
    each = F.cross_entropy(logits, labels, reduction="none")
    return (each * w[logits.argmax(1)]).sum() / items


@wrong("17.2", "the sign", says="sign")
def wrong_sign(logits, labels, counts, items, power):
    return -weighted_by_weight_and_sum(logits, labels, counts, items, power)


@wrong("17.2", "backward inside", says="backward")
def backward_inside(logits, labels, counts, items, power):
    loss = weighted_by_weight_and_sum(logits, labels, counts, items, power)
    loss.backward(retain_graph=True)
    return loss


# --- 17.3: recall, and how sure ---


@right("17.3")
def wilson_by_formula(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    z, p = 1.96, hits / total
    center = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total)
    half *= math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return p, center - half, center + half


@right("17.3")
def wilson_of_scipy(hits, total):
    if not total:
        return np.nan, 0, 1
    found = binomtest(int(hits), int(total)).proportion_ci(0.95, method="wilson")
    return hits / total, found.low, found.high


@right("17.3")
def wilson_by_counts(hits, total):
    if total < 1:
        return [math.nan, 0.0, 1.0]
    z2 = 1.96**2
    misses = total - hits
    root = 1.96 * (hits * misses / total + z2 / 4) ** 0.5
    middle = hits + z2 / 2
    return [
        hits / total,
        (middle - root) / (total + z2),
        (middle + root) / (total + z2),
    ]


@right("17.3")
def wilson_by_roots(hits, total):
    if total == 0:
        return np.array([np.nan, 0.0, 1.0])
    p, q = hits / total, 1.96**2 / total
    low, high = sorted(np.roots([1 + q, -(2 * p + q), p**2]).real)
    return np.array([p, low, high])


@right("17.3")
def wilson_by_bisection(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    p = hits / total

    def far(r):
        return (p - r) ** 2 > 1.96**2 * r * (1 - r) / total

    def edge(inside, outside):
        for _ in range(60):
            middle = (inside + outside) / 2
            if far(middle):
                outside = middle
            else:
                inside = middle
        return inside

    return p, edge(p, 0.0), edge(p, 1.0)


@right("17.3")
def wilson_by_grid(hits, total):
    if total == 0:
        return np.nan, 0.0, 1.0
    r = np.linspace(0, 1, 1_000_001)
    p = hits / total
    inside = r[abs(p - r) <= 1.96 * np.sqrt(r * (1 - r) / total) + 1e-12]
    return p, inside.min(), inside.max()


@right("17.3")
def wilson_by_brentq(hits, total):
    if total == 0:
        return math.nan, 0.0, 1.0
    p = hits / total

    def f(r):
        return (r - p) ** 2 - 1.96**2 * r * (1 - r) / total

    middle = (hits + 1.96**2 / 2) / (total + 1.96**2)
    low = 0.0 if hits == 0 else brentq(f, 0, middle)
    high = 1.0 if hits == total else brentq(f, middle, 1)
    return p, low, high


@right("17.3")
def wilson_with_exact_z(hits, total):
    if total == 0:
        return torch.tensor([float("nan"), 0.0, 1.0])
    z = norm.ppf(0.975)
    p = hits / total
    d = 1 + z * z / total
    root = z * np.sqrt(p * (1 - p) / total + (z / (2 * total)) ** 2) / d
    c = (p + z * z / (2 * total)) / d
    return torch.tensor([p, max(c - root, 0), min(c + root, 1)])


@right("17.3")
def wilson_by_shrinking(hits, total):
    """The middle is a mean of p and one half; so is the square of the error."""
    try:
        p = hits / total
    except ZeroDivisionError:
        return float("nan"), 0.0, 1.0
    z2 = 1.96**2
    a = total / (total + z2)
    middle = a * p + (1 - a) / 2
    spread = 1.96 * math.sqrt((a * p * (1 - p) + (1 - a) / 4) / (total + z2))
    return p, middle - spread, middle + spread


def _interval(ends, nothing=(float("nan"), 0.0, 1.0)):
    def recall_interval(hits, total):
        if total == 0:
            return nothing
        return (hits / total, *ends(hits, total))

    return recall_interval


def _wald(hits, total, z=1.96):
    p = hits / total
    half = z * math.sqrt(p * (1 - p) / total)
    return p - half, p + half


def _ends(hits, total, z=1.96):
    p, q = hits / total, z**2 / total
    half = z / (1 + q) * math.sqrt(p * (1 - p) / total + q / (4 * total))
    return (p + q / 2) / (1 + q) - half, (p + q / 2) / (1 + q) + half


wrong("17.3", "the standard error of p", _interval(_wald), says="error of p")


@wrong("17.3", "the standard error of p, clipped", says="error of p")
def wald_clipped(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    low, high = _wald(hits, total)
    return hits / total, max(low, 0.0), min(high, 1.0)


wrong("17.3", "one standard error", _interval(lambda h, n: _ends(h, n, 1)), says="z is")
wrong("17.3", "90 %", _interval(lambda h, n: _ends(h, n, 1.645)), says="z is")
wrong("17.3", "99 %", _interval(lambda h, n: _ends(h, n, 2.576)), says="z is")
wrong("17.3", "z = 2", _interval(lambda h, n: _ends(h, n, 2)), says="z is")
wrong("17.3", "z² forgotten: z = 1.4", _interval(lambda h, n: _ends(h, n, 1.4)))


@wrong("17.3", "the interval of Agresti and Coull", says="Agresti")
def agresti_coull(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    n = total + 1.96**2
    p = (hits + 1.96**2 / 2) / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return hits / total, p - half, p + half


@wrong("17.3", "plus two hits and two misses", says="Agresti")
def plus_four(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    n = total + 4
    p = (hits + 2) / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return hits / total, max(0, p - half), min(1, p + half)


def _exact(hits, total):
    found = binomtest(int(hits), int(total)).proportion_ci(0.95)
    return found.low, found.high


wrong("17.3", "the exact interval", _interval(_exact), says="Clopper")
wrong(
    "17.3",
    "Wilson with a correction for continuity",
    _interval(
        lambda h, n: tuple(
            binomtest(int(h), int(n)).proportion_ci(0.95, method="wilsoncc")
        )
    ),
    says="continuity",
)
wrong(
    "17.3",
    "a Bayesian interval",
    _interval(lambda h, n: beta.ppf([0.025, 0.975], h + 0.5, n - h + 0.5)),
)


@wrong("17.3", "divides by zero", says="is 0")
def without_zero(hits, total):
    return (hits / total, *_ends(hits, total))


wrong("17.3", "0 for nothing", _interval(_ends, (0.0, 0.0, 1.0)), says="is 0")
wrong("17.3", "0, 0, 0", _interval(_ends, (0.0, 0.0, 0.0)), says="is 0")
wrong("17.3", "nan for all three", _interval(_ends, (np.nan,) * 3), says="is 0")
wrong("17.3", "all of it is 1", _interval(_ends, (1.0, 0.0, 1.0)), says="is 0")
wrong("17.3", "nan and 0 and 0", _interval(_ends, (np.nan, 0.0, 0.0)), says="is 0")


@wrong("17.3", "the ends alone", says="three numbers")
def ends_alone(hits, total):
    return _ends(hits, total) if total else (0.0, 1.0)


@wrong("17.3", "the middle of the interval as the recall", says="middle")
def middle_as_recall(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    low, high = _ends(hits, total)
    return (low + high) / 2, low, high


@wrong("17.3", "the recall between its ends", says="order")
def recall_between(hits, total):
    if total == 0:
        return 0.0, float("nan"), 1.0
    low, high = _ends(hits, total)
    return low, hits / total, high


@wrong("17.3", "the upper end first", says="order")
def upper_end_first(hits, total):
    if total == 0:
        return float("nan"), 1.0, 0.0
    low, high = _ends(hits, total)
    return hits / total, high, low


@wrong("17.3", "half the width", says="half the width")
def half_the_width(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    low, high = _ends(hits, total)
    return hits / total, (high - low) / 2, (high - low) / 2


@wrong("17.3", "Wilson's width around the recall", says="around")
def around_the_recall(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    low, high = _ends(hits, total)
    p, half = hits / total, (high - low) / 2
    return p, p - half, p + half


@wrong("17.3", "not divided by 1 + z²/n", says="1 + z²")
def not_divided(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    z, p = 1.96, hits / total
    center = p + z**2 / (2 * total)
    half = z * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return p, center - half, center + half


@wrong("17.3", "only the middle divided")
def only_the_middle_divided(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    z, p = 1.96, hits / total
    center = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z * math.sqrt(p * (1 - p) / total + z**2 / (4 * total**2))
    return p, center - half, center + half


@wrong("17.3", "the root lacks its second term", says="root")
def root_without_second_term(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    z, p = 1.96, hits / total
    center = (p + z**2 / (2 * total)) / (1 + z**2 / total)
    half = z / (1 + z**2 / total) * math.sqrt(p * (1 - p) / total)
    return p, center - half, center + half


@wrong("17.3", "per cent", says="percent")
def per_cent(hits, total):
    if total == 0:
        return float("nan"), 0.0, 100.0
    low, high = _ends(hits, total)
    return 100 * hits / total, 100 * low, 100 * high


@wrong("17.3", "rounded to two digits")
def rounded(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    low, high = _ends(hits, total)
    return round(hits / total, 2), round(low, 2), round(high, 2)


@wrong("17.3", "hits and misses exchanged", says="misses")
def misses_first(hits, total):
    if total == 0:
        return float("nan"), 0.0, 1.0
    return (1 - hits / total, *_ends(total - hits, total))


# --- 17.4: I do not know ---


def _upper(errors, n):
    p, q = errors / n, 1.96**2 / n
    return (p + q / 2 + math.sqrt(q * p * (1 - p) + q * q / 4)) / (1 + q)


@right("17.4")
def threshold_by_loop(sure, right, budget):
    for t in np.unique(sure):
        answered = sure >= t
        _, _, high = wilson_by_formula((~right[answered]).sum(), answered.sum())
        if high <= budget:
            return t
    return np.inf


@right("17.4")
def threshold_of_scipy(sure, right, budget):
    good = []
    for t in sure:
        errors, n = int((~right & (sure >= t)).sum()), int((sure >= t).sum())
        if binomtest(errors, n).proportion_ci(method="wilson").high <= budget:
            good.append(t)
    return min(good, default=np.inf)


@right("17.4")
def threshold_by_cumsum(sure, right, budget):
    order = np.argsort(-sure)
    s, errors = sure[order], np.cumsum(~right[order])
    n = np.arange(1, len(s) + 1)
    p, q = errors / n, 1.96**2 / n
    high = (p + q / 2 + np.sqrt(q * p * (1 - p) + q**2 / 4)) / (1 + q)
    last = np.append(s[1:] != s[:-1], True)
    good = s[last & (high <= budget)]
    return good.min() if good.size else np.inf


@right("17.4")
def threshold_in_plain_python(sure, right, budget):
    pairs = list(zip(sure.tolist(), right.tolist(), strict=True))
    good = []
    for t, _ in pairs:
        answered = [ok for s, ok in pairs if s >= t]
        if _upper(answered.count(False), len(answered)) <= budget:
            good.append(t)
    return min(good, default=math.inf)


@right("17.4")
def threshold_by_the_lower_end_of_the_right_ones(sure, right, budget):
    """The upper end for the errors is 1 less the lower end for the right answers."""
    best = np.inf
    for t in sorted(set(sure), reverse=True):
        low = wilson_by_bisection(right[sure >= t].sum(), (sure >= t).sum())[1]
        if 1 - low <= budget:
            best = t
    return best


@right("17.4")
def threshold_by_matrix(sure, right, budget):
    answered = sure[None] >= sure[:, None]
    n = answered.sum(axis=1)
    errors = (answered & ~right).sum(axis=1)
    middle = (errors + 1.96**2 / 2) / (n + 1.96**2)
    half = 1.96 * np.sqrt(errors * (n - errors) / n + 1.96**2 / 4) / (n + 1.96**2)
    return np.where(middle + half <= budget, sure, np.inf).min()


@right("17.4")
def threshold_by_the_inequality(sure, right, budget):
    """The upper end is below the budget where the budget itself is a surprise."""

    def good(t):
        p, n = 1 - right[sure >= t].mean(), (sure >= t).sum()
        return p <= budget and budget - p >= 1.96 * (budget * (1 - budget) / n) ** 0.5

    return next((t for t in sorted(sure) if good(t)), np.inf)


@right("17.4")
def threshold_by_pandas(sure, right, budget):
    table = pd.DataFrame({"t": sure, "wrong": ~right}).groupby("t").wrong
    table = table.agg(["sum", "count"]).sort_index(ascending=False).cumsum()
    high = [_upper(e, n) for e, n in zip(table["sum"], table["count"], strict=True)]
    good = table.index[np.array(high) <= budget]
    return good.min() if len(good) else np.inf


@right("17.4")
def threshold_in_torch(sure, right, budget):
    s, ok = torch.as_tensor(sure), torch.as_tensor(right)
    for t in s.unique():
        n = (s >= t).sum().item()
        if _upper((~ok[s >= t]).sum().item(), n) <= budget:
            return t.item()
    return float("inf")


def _threshold(bound, better=np.less_equal, choose=np.min, none=np.inf, over=np.unique):
    def answer_above(sure, right, budget):
        values = over(sure)
        good = [t for t in values if better(bound(sure, right, t), budget)]
        return choose(good) if good else none

    return answer_above


def _high(sure, right, t):
    return _upper((~right[sure >= t]).sum(), (sure >= t).sum())


def _low(sure, right, t):
    return wilson_by_formula((~right[sure >= t]).sum(), (sure >= t).sum())[1]


wrong(
    "17.4",
    "the lesson's: the share itself",
    _threshold(lambda s, r, t: (~r[s >= t]).mean()),
    says="the share of errors itself",
)


@wrong("17.4", "the lesson's line", says="the share of errors itself")
def the_lessons_line(sure, right, budget):
    return min(
        (cut for cut in sure if (~right[sure >= cut]).mean() <= budget),
        default=np.inf,
    )


wrong("17.4", "the lower end", _threshold(_low), says="lower end")
wrong(
    "17.4",
    "the interval of the right answers",
    _threshold(lambda s, r, t: _upper(r[s >= t].sum(), (s >= t).sum())),
    says="right answers",
)
wrong(
    "17.4",
    "the standard error of p",
    _threshold(
        lambda s, r, t: (
            (~r[s >= t]).mean() + 1.96 * (~r[s >= t]).std() / np.sqrt((s >= t).sum())
        )
    ),
    says="error of p",
)
wrong(
    "17.4",
    "one standard error of p more",
    _threshold(
        lambda s, r, t: (
            (~r[s >= t]).mean() + (~r[s >= t]).std() / np.sqrt((s >= t).sum())
        )
    ),
)
wrong(
    "17.4",
    "the exact interval",
    _threshold(
        lambda s, r, t: (
            binomtest(int((~r[s >= t]).sum()), int((s >= t).sum())).proportion_ci().high
        )
    ),
    says="Clopper",
)
wrong(
    "17.4",
    "n is the number of all pictures",
    _threshold(lambda s, r, t: _upper((~r[s >= t]).sum(), len(s))),
    says="all pictures",
)
wrong(
    "17.4",
    "the width of all pictures around the share of the answered",
    _threshold(lambda s, r, t: _upper((~r[s >= t]).mean() * len(s), len(s))),
    says="all pictures",
)
wrong("17.4", "the largest threshold", _threshold(_high, choose=np.max), says="largest")
wrong(
    "17.4",
    "strictly above the threshold",
    _threshold(
        lambda s, r, t: _upper((~r[s > t]).sum(), (s > t).sum()) if (s > t).any() else 1
    ),
    says="sure > t",
)
wrong("17.4", "0 if there is none", _threshold(_high, none=0.0), says="good enough")
wrong("17.4", "1 if there is none", _threshold(_high, none=1.0), says="good enough")
wrong("17.4", "nan if there is none", _threshold(_high, none=np.nan), says="enough")
wrong("17.4", "None if there is none", _threshold(_high, none=None), says="enough")
wrong(
    "17.4",
    "the largest value if there is none",
    lambda sure, right, budget: min(
        threshold_by_loop(sure, right, budget), float(sure.max())
    ),
    says="good enough",
)
wrong(
    "17.4",
    "errors among those left out",
    _threshold(
        lambda s, r, t: _upper((~r[s < t]).sum(), (s < t).sum()) if (s < t).any() else 1
    ),
    says="not answered",
)
wrong(
    "17.4",
    "a grid of thresholds",
    _threshold(
        lambda s, r, t: _high(s, r, t) if (s >= t).any() else 1,
        over=lambda s: np.linspace(0, 1, 101),
    ),
)


@wrong("17.4", "stops at the first that is too bad", says="You stop")
def stops_at_the_first(sure, right, budget):
    best = np.inf
    for t in np.unique(sure)[::-1]:
        if _high(sure, right, t) > budget:
            break
        best = t
    return best


@wrong("17.4", "stops when it gets worse again", says="You stop")
def stops_when_worse(sure, right, budget):
    best = np.inf
    for t in np.unique(sure)[::-1]:
        if _high(sure, right, t) <= budget:
            best = t
        elif best < np.inf:
            break
    return best


@wrong("17.4", "one by one among equal values", says="come in together")
def one_by_one(sure, right, budget):
    order = np.argsort(-sure, kind="stable")
    errors = np.cumsum(~right[order])
    high = np.array([_upper(e, n) for n, e in enumerate(errors, start=1)])
    good = sure[order][high <= budget]
    return good.min() if good.size else np.inf


@wrong("17.4", "the last index, one by one", says="come in together")
def last_index(sure, right, budget):
    order = sure.argsort(kind="stable")[::-1]
    errors = np.cumsum(1 - right[order].astype(int))
    high = [_upper(e, n) for n, e in enumerate(errors, start=1)]
    fine = np.flatnonzero(np.array(high) <= budget)
    return sure[order][fine[-1]] if len(fine) else np.inf


@wrong("17.4", "believes the probabilities", says="probabilities themselves")
def believes_them(sure, right, budget):
    good = [t for t in sure if 1 - sure[sure >= t].mean() <= budget]
    return min(good, default=np.inf)


@wrong("17.4", "one minus the budget", says="1 - budget")
def one_minus_budget(sure, right, budget):
    return 1 - budget


@wrong("17.4", "a quantile", says="share of pictures")
def quantile(sure, right, budget):
    return np.quantile(sure, budget)


@wrong("17.4", "just above the surest error", says="no error at all")
def above_the_surest_error(sure, right, budget):
    errors = sure[~right]
    good = sure[sure > errors.max()] if errors.size else sure
    return good.min() if good.size else np.inf


@wrong("17.4", "how many are answered", says="number of pictures")
def how_many(sure, right, budget):
    t = threshold_by_loop(sure, right, budget)
    return (sure >= t).sum()


@wrong("17.4", "a row number", says="row number")
def a_row_number(sure, right, budget):
    t = threshold_by_loop(sure, right, budget)
    return int(np.flatnonzero(sure == t)[0]) if np.isfinite(t) else np.inf


@wrong("17.4", "the mask of the answered pictures")
def the_mask(sure, right, budget):
    return sure >= threshold_by_loop(sure, right, budget)


@wrong("17.4", "threshold and upper end")
def threshold_and_end(sure, right, budget):
    t = threshold_by_loop(sure, right, budget)
    return t, _high(sure, right, t) if t < np.inf else np.nan


@wrong("17.4", "halfway to the next value", says="halfway")
def halfway(sure, right, budget):
    t = threshold_by_loop(sure, right, budget)
    below = sure[sure < t]
    if not np.isfinite(t):
        return t
    return (t + below.max()) / 2 if below.size else t


@wrong("17.4", "the next value above", says="one value too high")
def next_above(sure, right, budget):
    t = threshold_by_loop(sure, right, budget)
    above = sure[sure > t]
    return above.min() if above.size else np.inf


@wrong("17.4", "sorts the caller's arrays", says="changes what it is")
def sorts_in_place(sure, right, budget):
    t = threshold_by_loop(sure, right, budget)
    sure.sort()
    return t


# --- 17.5: another resize than in training ---


@right("17.5")
def prepare_by_pillow(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    x = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
    return x / 255 * 2 - 1


@right("17.5")
def prepare_in_numpy(picture, side):
    upright = ImageOps.exif_transpose(picture)
    small = upright.convert(mode="RGB").resize((side, side), Image.BILINEAR)
    x = (np.asarray(small, dtype=np.float32) / 255 - 0.5) / 0.5
    return torch.tensor(x.transpose(2, 0, 1))


@right("17.5")
def prepare_by_interpolate(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    x = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
    x = F.interpolate(x, size=(side, side), mode="bilinear", antialias=True)[0]
    return (x / 255 - 0.5) / 0.5


@right("17.5")
def prepare_by_interpolate_rounded(picture, side):
    rgb = ImageOps.exif_transpose(picture).convert("RGB")
    x = torch.tensor(np.array(rgb)).movedim(-1, 0).unsqueeze(0).float()
    small = F.interpolate(
        x, (side, side), mode="bilinear", align_corners=False, antialias=True
    )
    return small.round().clamp(0, 255).squeeze(0).div(127.5).sub(1)


@right("17.5")
def prepare_by_turning_by_hand(picture, side):
    turns = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_270],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }
    for turn in turns.get(picture.getexif().get(0x0112, 1), []):
        picture = picture.transpose(turn)
    picture = picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    x = pixels.view(side, side, 3).permute(2, 0, 1).float()
    return (x - 127.5) / 127.5


@right("17.5")
def prepare_by_processor(picture, side):
    from transformers import ViTImageProcessor

    processor = ViTImageProcessor(size={"height": side, "width": side})
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    return processor(images=picture, return_tensors="pt").pixel_values[0]


@right("17.5")
def prepare_pixel_by_pixel(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    picture = picture.resize((side, side), resample=Image.Resampling.BILINEAR)
    out = torch.empty(3, side, side)
    for row in range(side):
        for column in range(side):
            for channel, byte in enumerate(picture.getpixel((column, row))):
                out[channel, row, column] = 2 * byte / 255 - 1
    return out


@right("17.5")
def prepare_through_a_file(picture, side):
    ImageOps.exif_transpose(picture).convert("RGB").save(file := io.BytesIO(), "PNG")
    with Image.open(file) as again:
        small = again.resize((side, side), Image.Resampling.BILINEAR)
    bands = [torch.tensor(list(b.tobytes())).view(side, side) for b in small.split()]
    return torch.stack(bands) / 127.5 - 1


@right("17.5")
def prepare_turning_at_the_end(picture, side):
    square = picture.convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
    square = ImageOps.exif_transpose(square)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1).float() / 127.5 - 1


def _prepared(
    turn=ImageOps.exif_transpose,
    mode="RGB",
    crop=lambda p: p,
    filter=Image.Resampling.BILINEAR,
    scale=lambda x: (x / 255 - 0.5) / 0.5,
    size=lambda side: (side, side),
    order=lambda x: x.permute(2, 0, 1),
):
    def prepare(picture, side):
        picture = turn(picture)
        if mode:
            picture = picture.convert(mode)
        picture = crop(picture).resize(size(side), filter)
        return order(scale(torch.from_numpy(np.array(picture)).float()))

    return prepare


def _center(picture):
    w, h = picture.size
    s = min(w, h)
    left, top = (w - s) // 2, (h - s) // 2
    return picture.crop((left, top, left + s, top + s))


def _interpolated(**options):
    def prepare(picture, side):
        picture = ImageOps.exif_transpose(picture).convert("RGB")
        x = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 255
        x = F.interpolate(x, size=(side, side), **options)[0]
        return (x - 0.5) / 0.5

    return prepare


@wrong("17.5", "the colleague's", says="square in the middle")
def hasty(picture, side):
    x = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    _, H, W = x.shape
    s = min(H, W)
    top, left = (H - s) // 2, (W - s) // 2
    x = x[:, top : top + s, left : left + s]
    return F.interpolate(x[None], size=(side, side), mode="bilinear")[0]


wrong(
    "17.5",
    "interpolate without antialias",
    _interpolated(mode="bilinear"),
    says="between",
)
wrong(
    "17.5",
    "interpolate, corners aligned",
    _interpolated(mode="bilinear", align_corners=True),
    says="between",
)
wrong(
    "17.5",
    "interpolate's default, nearest",
    _interpolated(),
    says="nearest",
)
wrong("17.5", "area", _interpolated(mode="area"))
wrong(
    "17.5",
    "bicubic, antialiased",
    _interpolated(mode="bicubic", antialias=True),
    says="bicubic",
)
wrong(
    "17.5",
    "Pillow's default filter",
    _prepared(filter=None),
    says="bicubic",
)
wrong(
    "17.5",
    "Lanczos",
    _prepared(filter=Image.Resampling.LANCZOS),
    says="Lanczos",
)
wrong(
    "17.5",
    "nearest pixel",
    _prepared(filter=Image.Resampling.NEAREST),
    says="nearest",
)
wrong("17.5", "box", _prepared(filter=Image.Resampling.BOX))
wrong("17.5", "the square in the middle", _prepared(crop=_center), says="square")


@wrong("17.5", "proportions kept, then the middle", says="square")
def resized_then_cropped(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    picture = ImageOps.fit(picture, (side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 127.5 - 1


@wrong("17.5", "proportions kept, black borders", says="borders")
def padded(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    picture = ImageOps.pad(picture, (side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 127.5 - 1


@wrong("17.5", "a thumbnail", says="`thumbnail`")
def thumbnail(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    picture.thumbnail((side, side), Image.Resampling.BILINEAR)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 127.5 - 1


wrong("17.5", "only divided by 255", _prepared(scale=lambda x: x / 255), says="0 to 1")
wrong("17.5", "bytes", _prepared(scale=lambda x: x), says="0 to 255")
wrong(
    "17.5",
    "0.5 subtracted, not divided",
    _prepared(scale=lambda x: x / 255 - 0.5),
    says="-0.5 to 0.5",
)
wrong(
    "17.5",
    "ImageNet's mean and deviation",
    _prepared(
        scale=lambda x: (
            (x / 255 - torch.tensor([0.485, 0.456, 0.406]))
            / torch.tensor([0.229, 0.224, 0.225])
        )
    ),
    says="ImageNet",
)
wrong(
    "17.5",
    "divided twice by 255",
    _prepared(scale=lambda x: (x / 255 / 255 - 0.5) / 0.5),
    says="twice",
)
wrong(
    "17.5",
    "standardized by the picture's own mean",
    _prepared(scale=lambda x: (x - x.mean()) / x.std()),
    says="own mean",
)
wrong("17.5", "not upright", _prepared(turn=lambda p: p), says="EXIF")
wrong(
    "17.5",
    "turned the other way",
    _prepared(
        turn=lambda p: (
            p.transpose(Image.Transpose.ROTATE_90) if p.getexif().get(274) == 6 else p
        )
    ),
)
wrong("17.5", "modes left as they are", _prepared(mode=None), says="not RGB")
wrong(
    "17.5",
    "channels last",
    _prepared(order=lambda x: x),
    says="channels",
)
wrong(
    "17.5",
    "width and height exchanged",
    _prepared(order=lambda x: x.permute(2, 1, 0)),
    says="transposed",
)
wrong(
    "17.5",
    "blue first",
    _prepared(order=lambda x: x.flip(-1).permute(2, 0, 1)),
    says="blue",
)
wrong(
    "17.5",
    "a reshape in place of a permute",
    _prepared(order=lambda x: x.reshape(3, *x.shape[:2])),
    says="reshape",
)
wrong(
    "17.5",
    "an axis for the batch",
    _prepared(order=lambda x: x.permute(2, 0, 1)[None]),
    says="batch",
)
wrong(
    "17.5",
    "double precision",
    _prepared(scale=lambda x: (x.double() / 255 - 0.5) / 0.5),
    says="float32",
)
wrong(
    "17.5",
    "a NumPy array",
    lambda picture, side: prepare_by_pillow(picture, side).numpy(),
    says="tensor",
)
wrong(
    "17.5",
    "48, whatever side",
    lambda picture, side: prepare_by_pillow(picture, 48),
    says="`side`",
)


# --- 17.6: labels that are probably wrong ---


@right("17.6")
def suspects_by_mask(shares, labels, n):
    own = shares[np.arange(len(labels)), labels]
    gap = shares.max(axis=1) - own
    order = np.argsort(-gap, kind="stable")
    return order[gap[order] > 0][:n]


@right("17.6")
def suspects_by_sorted(shares, labels, n):
    gaps = {}
    for i, (row, label) in enumerate(
        zip(shares.tolist(), labels.tolist(), strict=True)
    ):
        if max(row) > row[label]:
            gaps[i] = max(row) - row[label]
    return np.array(sorted(gaps, key=lambda i: (-gaps[i], i))[:n], dtype=int)


@right("17.6")
def suspects_by_lexsort(shares, labels, n):
    rows = np.flatnonzero(
        shares.max(1) > np.take_along_axis(shares, labels[:, None], 1)[:, 0]
    )
    gap = shares[rows].max(axis=-1) - shares[rows, labels[rows]]
    return rows[np.lexsort((rows, -gap))][:n]


@right("17.6")
def suspects_as_a_list(shares, labels, n):
    found = []
    for i in range(len(labels)):
        gap = shares[i].max() - shares[i][labels[i]]
        if gap > 0:
            found.append((-gap, i))
    return [i for _, i in sorted(found)][:n]


@right("17.6")
def suspects_by_pandas(shares, labels, n):
    gap = pd.Series(shares.max(axis=1) - shares[range(len(labels)), labels])
    gap = gap[gap > 0].sort_values(ascending=False, kind="stable")
    return gap.index[:n].to_numpy()


@right("17.6")
def suspects_in_torch(shares, labels, n):
    shares, labels = torch.as_tensor(shares), torch.as_tensor(labels)
    own = shares.gather(1, labels[:, None].long())[:, 0]
    gap = shares.amax(dim=1) - own
    order = torch.sort(gap, descending=True, stable=True).indices
    return order[: min(n, int((gap > 0).sum()))]


@right("17.6")
def suspects_by_one_hot(shares, labels, n):
    there = np.eye(shares.shape[1], dtype=bool)[labels]
    others = np.where(there, -np.inf, shares).max(axis=1)
    gap = others - shares[there]
    rows = [i for i in np.argsort(-gap, kind="mergesort") if gap[i] > 0]
    return np.asarray(rows[:n], dtype=np.int64)


@right("17.6")
def suspects_one_after_the_other(shares, labels, n):
    gap = np.array([row.max() - row[c] for row, c in zip(shares, labels, strict=True)])
    found = []
    while len(found) < n and gap.max() > 0:
        found.append(gap.argmax())
        gap[found[-1]] = 0
    return found


@right("17.6")
def suspects_by_answer(shares, labels, n):
    answer = shares.argmax(axis=1)
    i = np.arange(len(labels))
    gap = shares[i, answer] - shares[i, labels]
    k = min(n, np.count_nonzero(gap))
    return (-gap).argsort(kind="stable")[:k]


def _suspects(
    score=lambda s, own: s.max(axis=1) - own,
    keep=lambda s, own: s.max(axis=1) > own,
    order=lambda x: np.argsort(-x, kind="stable"),
    cut=lambda rows, n: rows[:n],
):
    def suspects(shares, labels, n):
        own = shares[np.arange(len(labels)), labels]
        chosen = order(score(shares, own))
        return cut(chosen[keep(shares, own)[chosen]], n)

    return suspects


def _all(s, own):
    return np.ones(len(s), dtype=bool)


wrong(
    "17.6",
    "the smallest shares of the label",
    _suspects(lambda s, own: -own),
    says="difference",
)
wrong(
    "17.6",
    "the smallest shares of the label, all rows",
    _suspects(lambda s, own: -own, _all),
    says="difference",
)
wrong(
    "17.6",
    "the largest shares",
    _suspects(lambda s, own: s.max(axis=1)),
    says="how sure",
)
wrong(
    "17.6",
    "the largest shares, all rows",
    _suspects(lambda s, own: s.max(axis=1), _all),
    says="how sure",
)
wrong("17.6", "all rows count", _suspects(keep=_all), says="no suspect")
wrong(
    "17.6",
    "rows that agree",
    _suspects(keep=lambda s, own: s.max(axis=1) <= own),
    says="agree",
)
wrong(
    "17.6",
    "equal shares are suspects, too",
    _suspects(
        keep=lambda s, own: (np.sort(s, axis=1)[:, -2] == own) | (s.max(1) > own)
    ),
    says="equal",
)


@wrong("17.6", "the answer is not the label, though equal", says="equal")
def answer_is_not_the_label(shares, labels, n):
    gap = shares.max(axis=1) - shares[np.arange(len(labels)), labels]
    rows = np.argsort(-gap, kind="stable")
    return [i for i in rows if shares[i].argmax() != labels[i]][:n]


wrong(
    "17.6",
    "the weakest first",
    _suspects(order=lambda x: np.argsort(x, kind="stable")),
    says="weakest",
)
wrong(
    "17.6",
    "the strongest last",
    _suspects(cut=lambda rows, n: rows[:n][::-1]),
    says="strongest first",
)
wrong(
    "17.6",
    "in the order of the rows",
    _suspects(cut=lambda rows, n: np.sort(rows[:n])),
    says="strongest first",
)
wrong(
    "17.6",
    "the first n suspects",
    _suspects(order=lambda x: np.arange(len(x))),
    says="as they stand",
)
wrong(
    "17.6",
    "equal ones the wrong way round",
    _suspects(order=lambda x: np.argsort(x, kind="stable")[::-1]),
    says="smaller row number",
)
wrong("17.6", "all suspects", _suspects(cut=lambda rows, n: rows), says="`n`")
wrong(
    "17.6",
    "one too few",
    _suspects(cut=lambda rows, n: rows[: n - 1]),
    says="one too few",
)
wrong(
    "17.6",
    "the last n",
    _suspects(cut=lambda rows, n: rows[-n:]),
    says="last",
)
wrong(
    "17.6",
    "the margin between the two largest",
    _suspects(lambda s, own: np.sort(s, axis=1)[:, -1] - np.sort(s, axis=1)[:, -2]),
    says="second largest",
)
wrong(
    "17.6",
    "the ratio",
    _suspects(lambda s, own: s.max(axis=1) / own),
    says="ratio",
)
wrong(
    "17.6",
    "the entropy",
    _suspects(lambda s, own: -(s * np.log(s + 1e-12)).sum(axis=1)),
    says="entropy",
)
wrong(
    "17.6",
    "own share below one half",
    _suspects(keep=lambda s, own: own < 0.5),
    says="one half",
)


@wrong("17.6", "a mask", says="row numbers")
def a_mask(shares, labels, n):
    mask = np.zeros(len(labels), dtype=bool)
    mask[suspects_by_mask(shares, labels, n)] = True
    return mask


@wrong("17.6", "the classes that the rows should have", says="row numbers")
def classes_instead(shares, labels, n):
    return shares.argmax(axis=1)[suspects_by_mask(shares, labels, n)]


@wrong("17.6", "the differences", says="row numbers")
def the_differences(shares, labels, n):
    rows = suspects_by_mask(shares, labels, n)
    return shares[rows].max(axis=1) - shares[rows, labels[rows]]


@wrong("17.6", "places among the suspects", says="among the suspects")
def places_among_suspects(shares, labels, n):
    own = shares[np.arange(len(labels)), labels]
    gap = (shares.max(axis=1) - own)[shares.max(axis=1) > own]
    return np.argsort(-gap, kind="stable")[:n]


@wrong("17.6", "filled up with -1", says="fewer than")
def filled_up(shares, labels, n):
    rows = suspects_by_mask(shares, labels, n)
    return np.append(rows, np.full(n - len(rows), -1))


@wrong("17.6", "columns and rows confused")
def columns_for_rows(shares, labels, n):
    gap = shares.max(axis=0) - shares.mean(axis=0)
    return np.argsort(-gap)[:n]


@wrong("17.6", "None if there is none", says="fewer than")
def none_if_none(shares, labels, n):
    rows = suspects_by_mask(shares, labels, n)
    return rows if len(rows) else "no suspects"


@wrong("17.6", "sets the own share to zero in the caller's array", says="changes what")
def writes_into_shares(shares, labels, n):
    i = np.arange(len(labels))
    own = shares[i, labels].copy()
    shares[i, labels] = 0
    gap = shares.max(axis=1) - own
    order = np.argsort(-gap, kind="stable")
    return order[gap[order] > 0][:n]


# --- 17.7: one program from bytes to shares ---


class _Whole(nn.Module):
    def __init__(self, model, mean, std):
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, pictures):
        x = pictures.permute(0, 3, 1, 2) / 255
        return self.model((x - self.mean) / self.std).logits.softmax(dim=-1)


def _zeros(side, n=2):
    return torch.zeros(n, side, side, 3, dtype=torch.uint8)


_ANY = ({0: torch.export.Dim("batch")},)


@right("17.7")
def exported_with_dim(model, mean, std, side):
    whole = _Whole(model, mean, std).eval()
    return torch.export.export(whole, (_zeros(side),), dynamic_shapes=_ANY)


@right("17.7")
def exported_with_auto(model, mean, std, side):
    whole = _Whole(model.eval(), mean, std)
    auto = {0: torch.export.Dim.AUTO}
    return torch.export.export(whole, (_zeros(side, 3),), dynamic_shapes=(auto,))


@right("17.7")
def exported_by_name(model, mean, std, side):
    class Deployed(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            x = x.to(torch.float32).div(255.0)
            x = (x - torch.tensor(mean)) / torch.tensor(std)
            logits = self.model(pixel_values=x.movedim(-1, 1)).logits
            return F.softmax(logits, dim=1)

    batch = torch.export.Dim("B", min=1)
    example = torch.randint(0, 256, (4, side, side, 3), dtype=torch.uint8)
    return torch.export.export(
        Deployed().eval(), (example,), dynamic_shapes={"x": {0: batch}}
    )


@right("17.7")
def exported_with_scale_and_shift(model, mean, std, side):
    m, s = torch.tensor(mean), torch.tensor(std)

    class Program(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = model
            self.scale = nn.Parameter(1 / (255 * s), requires_grad=False)
            self.shift = nn.Parameter(-m / s, requires_grad=False)

        def forward(self, pictures):
            x = pictures.float() * self.scale + self.shift
            x = torch.einsum("bhwc->bchw", x)
            logits = self.net(x)["logits"]
            return logits.exp() / logits.exp().sum(-1, keepdim=True)

    program = Program()
    program.train(False)
    with torch.no_grad():
        return torch.export.export(program, (_zeros(side, 5),), dynamic_shapes=_ANY)


@right("17.7")
def exported_strictly(model, mean, std, side):
    model.eval()
    whole = _Whole(model, mean, std)
    dynamic = {0: torch.export.Dim.DYNAMIC}
    return torch.export.export(
        whole, (_zeros(side),), dynamic_shapes=(dynamic,), strict=True
    )


@right("17.7")
def exported_by_channel(model, mean, std, side):
    class Each(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model.eval()

        def forward(self, x):
            x = x.float() / 255
            bands = [(x[..., c] - mean[c]) / std[c] for c in range(3)]
            return self.model(torch.stack(bands, dim=1), return_dict=False)[0].softmax(
                1
            )

    with torch.inference_mode(False):
        return torch.export.export(Each(), (_zeros(side),), dynamic_shapes=_ANY)


@right("17.7")
def exported_as_sequence(model, mean, std, side):
    class ToFloat(nn.Module):
        def forward(self, x):
            return x.permute(0, 3, 1, 2).contiguous().float() / 255

    class Normalize(nn.Module):
        def forward(self, x):
            m, s = (torch.tensor(v)[:, None, None] for v in (mean, std))
            return (x - m) / s

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            return self.model(x).logits

    steps = nn.Sequential(ToFloat(), Normalize(), Logits(), nn.Softmax(dim=-1)).eval()
    return torch.export.export(steps, (_zeros(side),), dynamic_shapes=_ANY)


@right("17.7")
def exported_with_an_argument_by_name(model, mean, std, side):
    whole = _Whole(model, mean, std)
    whole.eval()
    return torch.export.export(
        whole,
        (),
        {"pictures": _zeros(side)},
        dynamic_shapes={"pictures": {0: torch.export.Dim("n", min=1, max=64)}},
    )


@right("17.7")
def exported_from_a_copy(model, mean, std, side):
    import copy

    whole = _Whole(copy.deepcopy(model).eval(), mean, std)
    for p in whole.parameters():
        p.requires_grad_(False)
    program = torch.export.export(whole, (_zeros(side),), dynamic_shapes=_ANY)
    return program.run_decompositions({})


def _exporting(
    forward,
    example=_zeros,
    shapes=_ANY,
    finish=lambda program: program,
    evaluate=True,
):
    """Export a module with another forward, or in another way."""

    class Program(nn.Module):
        def __init__(self, model, mean, std):
            super().__init__()
            self.model = model
            self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1))
            self.register_buffer("std", torch.tensor(std).view(3, 1, 1))

        def forward(self, x):
            return forward(self, x)

    def deployed(model, mean, std, side):
        program = Program(model, mean, std).train(not evaluate)
        made = torch.export.export(program, (example(side),), dynamic_shapes=shapes)
        return finish(made)

    return deployed


def _first(x):
    return x.permute(0, 3, 1, 2).float()


def _plainly(self, x):
    x = (_first(x) / 255 - self.mean) / self.std
    return self.model(x).logits.softmax(-1)


wrong(
    "17.7",
    "one picture as an example, AUTO",
    _exporting(_plainly, lambda s: _zeros(s, 1), ({0: torch.export.Dim.AUTO},)),
    says="fixed",
)
wrong("17.7", "no dynamic shapes", _exporting(_plainly, shapes=None), says="fixed")
wrong(
    "17.7",
    "no dynamic shapes, example of one",
    _exporting(_plainly, lambda s: _zeros(s, 1), None),
    says="fixed",
)
wrong(
    "17.7",
    "one picture as an example, Dim",
    _exporting(_plainly, lambda s: _zeros(s, 1)),
)
wrong(
    "17.7",
    "floats as an example",
    _exporting(_plainly, lambda s: torch.zeros(2, s, s, 3)),
    says="bytes",
)
wrong(
    "17.7",
    "channels first as an example",
    _exporting(
        lambda self, x: self.model((x / 255 - self.mean) / self.std).logits.softmax(-1),
        lambda s: torch.zeros(2, 3, s, s, dtype=torch.uint8),
    ),
    says="shape (B, side, side, 3)",
)
wrong(
    "17.7",
    "still in training mode",
    _exporting(_plainly, evaluate=False),
    says="training mode",
)
wrong(
    "17.7",
    "no softmax",
    _exporting(
        lambda self, x: self.model((_first(x) / 255 - self.mean) / self.std).logits
    ),
    says="logits",
)
wrong(
    "17.7",
    "sigmoid",
    _exporting(
        lambda self, x: self.model(
            (_first(x) / 255 - self.mean) / self.std
        ).logits.sigmoid()
    ),
    says="sigmoid",
)
wrong(
    "17.7",
    "softmax over the pictures",
    _exporting(
        lambda self, x: self.model(
            (_first(x) / 255 - self.mean) / self.std
        ).logits.softmax(0)
    ),
    says="over the pictures",
)
wrong(
    "17.7",
    "log_softmax",
    _exporting(
        lambda self, x: self.model(
            (_first(x) / 255 - self.mean) / self.std
        ).logits.log_softmax(1)
    ),
    says="logarithm",
)
wrong(
    "17.7",
    "the class numbers",
    _exporting(
        lambda self, x: self.model(
            (_first(x) / 255 - self.mean) / self.std
        ).logits.argmax(-1)
    ),
    says="number of a class",
)
wrong(
    "17.7",
    "not divided by 255",
    _exporting(
        lambda self, x: self.model((_first(x) - self.mean) / self.std).logits.softmax(
            -1
        )
    ),
    says="255",
)
wrong(
    "17.7",
    "not normalized",
    _exporting(lambda self, x: self.model(_first(x) / 255).logits.softmax(-1)),
    says="mean",
)
wrong(
    "17.7",
    "only the mean",
    _exporting(
        lambda self, x: self.model(_first(x) / 255 - self.mean).logits.softmax(-1)
    ),
    says="deviation",
)
wrong(
    "17.7",
    "0.5 in place of mean and std",
    _exporting(lambda self, x: self.model(_first(x) / 127.5 - 1).logits.softmax(-1)),
    says="0.5",
)
wrong(
    "17.7",
    "mean and std exchanged",
    _exporting(
        lambda self, x: self.model(
            (_first(x) / 255 - self.std) / self.mean
        ).logits.softmax(-1)
    ),
    says="exchanged",
)
wrong(
    "17.7",
    "a reshape for a permute",
    _exporting(
        lambda self, x: self.model(
            (x.reshape(x.shape[0], 3, x.shape[1], x.shape[2]) / 255 - self.mean)
            / self.std
        ).logits.softmax(-1)
    ),
    says="reshape",
)
wrong(
    "17.7",
    "rows and columns exchanged",
    _exporting(
        lambda self, x: self.model(
            (x.permute(0, 3, 2, 1) / 255 - self.mean) / self.std
        ).logits.softmax(-1)
    ),
    says="rows and columns",
)
wrong(
    "17.7",
    "channels in the other order",
    _exporting(
        lambda self, x: self.model(
            (x.flip(-1).permute(0, 3, 1, 2) / 255 - self.mean) / self.std
        ).logits.softmax(-1)
    ),
    says="blue",
)
wrong(
    "17.7",
    "one mean for all channels",
    _exporting(
        lambda self, x: self.model(
            (_first(x) / 255 - self.mean.mean()) / self.std.mean()
        ).logits.softmax(-1)
    ),
    says="channel by channel",
)
wrong(
    "17.7",
    "rounded to whole numbers after the division",
    _exporting(
        lambda self, x: self.model(
            (_first(x // 255) - self.mean) / self.std
        ).logits.softmax(-1)
    ),
    says="makes 0",
)
wrong(
    "17.7",
    "the module in the program",
    _exporting(_plainly, finish=lambda program: program.module()),
    says="torch.export.export",
)


@wrong("17.7", "a module, not exported", says="torch.export.export")
def not_exported(model, mean, std, side):
    return _Whole(model, mean, std).eval()


@wrong("17.7", "the model alone", says="shape (B, side, side, 3)")
def the_model_alone(model, mean, std, side):
    example = torch.zeros(2, 3, side, side)
    return torch.export.export(model.eval(), (example,), dynamic_shapes=_ANY)


@wrong("17.7", "the model's whole output", says="one tensor")
def whole_output(model, mean, std, side):
    def forward(self, x):
        return self.model((_first(x) / 255 - self.mean) / self.std)

    return _exporting(forward)(model, mean, std, side)


@wrong("17.7", "a file", says="torch.export.export")
def a_file(model, mean, std, side):
    torch.export.save(exported_with_dim(model, mean, std, side), f := io.BytesIO())
    return f
