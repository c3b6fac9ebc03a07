"""Answers to the exercises of notebook 14 as learners give them, written blind."""

import itertools
import math

import numpy as np
import torch
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    f1_score,
    precision_recall_curve,
    roc_auc_score,
)
from tests_answers import right, wrong
from torch.nn import functional as F

# --- 14.1: the loss, without overflow ---


@right("14.1")
def textbook_bce(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))
    return (logits.clamp(min=0) - logits * targets + rest).mean()


@right("14.1")
def bce_by_logaddexp(logits, targets):
    zero = torch.zeros_like(logits)
    yes = torch.logaddexp(zero, -logits)
    no = torch.logaddexp(zero, logits)
    return torch.mean(targets * yes + (1 - targets) * no)


@right("14.1")
def bce_by_sign(logits, targets):
    """The loss of each label is softplus of the logit with the sign turned."""
    turned = torch.where(targets == 1, -logits, logits)
    positive = torch.maximum(turned, torch.zeros_like(turned))
    return (positive + torch.log(1 + torch.exp(-torch.abs(turned)))).mean()


@right("14.1")
def bce_by_loops(logits, targets):
    total = 0
    B, K = logits.shape
    for b in range(B):
        for k in range(K):
            x, t = logits[b, k], targets[b, k]
            largest = x if x > 0 else x * 0
            total = total + largest - x * t + torch.log1p(torch.exp(-torch.abs(x)))
    return total / (B * K)


@right("14.1")
def bce_by_where_twice(logits, targets):
    high = torch.where(logits > 0, logits, torch.zeros_like(logits))
    low = torch.where(logits > 0, torch.zeros_like(logits), logits)
    above = torch.log1p(torch.exp(-high)) + high * (1 - targets)
    below = torch.log1p(torch.exp(low)) - low * targets
    return torch.where(logits > 0, above, below).mean()


@right("14.1")
def bce_by_two_class_softmax(logits, targets):
    pair = torch.stack([torch.zeros_like(logits), logits], dim=-1)
    log_p = torch.log_softmax(pair, dim=-1)
    chosen = log_p[..., 1] * targets + log_p[..., 0] * (1 - targets)
    return -chosen.sum() / chosen.numel()


@right("14.1")
def bce_by_logsumexp_in_double(logits, targets):
    x = logits.double()
    both = torch.stack([x, torch.zeros_like(x)])
    return (torch.logsumexp(both, dim=0) - x * targets).mean().float()


@wrong("14.1", "sigmoid, then log", says="It overflows")
def naive_bce(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()


@wrong("14.1", "sigmoid written out, then log", says="It overflows")
def naive_bce_written_out(logits, targets):
    p = 1 / (1 + torch.exp(-logits))
    return torch.mean(-targets * torch.log(p) - (1 - targets) * torch.log(1 - p))


@wrong("14.1", "log(1 + exp(x)) - x t", says="It overflows")
def softplus_that_overflows(logits, targets):
    return (torch.log(1 + torch.exp(logits)) - logits * targets).mean()


@wrong("14.1", "where over log p and log (1 - p)", says="It overflows")
def naive_where(logits, targets):
    p = torch.sigmoid(logits)
    return -torch.where(targets == 1, torch.log(p), torch.log(1 - p)).mean()


@wrong("14.1", "probabilities clamped", says="no longer grows")
def clamped_probabilities(logits, targets):
    p = torch.sigmoid(logits).clamp(1e-7, 1 - 1e-7)
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()


@wrong("14.1", "an epsilon in the log", says="no longer grows")
def epsilon_in_the_log(logits, targets):
    eps = 1e-8
    p = torch.sigmoid(logits)
    loss = targets * torch.log(p + eps) + (1 - targets) * torch.log(1 - p + eps)
    return -loss.mean()


@wrong("14.1", "logits clamped to 15", says="no longer grows")
def clamped_logits(logits, targets):
    p = torch.sigmoid(logits.clamp(-15, 15))
    return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()


@wrong("14.1", "nan_to_num over the naive loss", says="no longer grows")
def nan_to_zero(logits, targets):
    p = torch.sigmoid(logits)
    loss = targets * p.log() + (1 - targets) * (1 - p).log()
    return -torch.nan_to_num(loss, nan=0.0, neginf=-100.0).mean()


@wrong("14.1", "where with an exp that overflows behind it", says="both branches")
def where_with_nan_gradient(logits, targets):
    softplus = torch.where(
        logits > 0,
        logits + torch.log1p(torch.exp(-logits)),
        torch.log1p(torch.exp(logits)),
    )
    return (softplus - logits * targets).mean()


@wrong("14.1", "detached", says="no gradient")
def detached_bce(logits, targets):
    return textbook_bce(logits.detach(), targets)


@wrong("14.1", "a Python number", says="no gradient")
def item_of_bce(logits, targets):
    return textbook_bce(logits, targets).item()


@wrong("14.1", "the sum", says="You add up")
def summed_bce(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))
    return (logits.clamp(min=0) - logits * targets + rest).sum()


@wrong("14.1", "sum over labels, mean over pictures", says="mean over the pictures")
def summed_over_labels(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))
    loss = logits.clamp(min=0) - logits * targets + rest
    return loss.sum(dim=1).mean()


@wrong("14.1", "no mean at all", says="one number")
def bce_of_each(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))
    return logits.clamp(min=0) - logits * targets + rest


@wrong("14.1", "softmax over the labels", says="softmax over the labels")
def softmax_loss(logits, targets):
    return -(targets * torch.log_softmax(logits, dim=1)).mean()


@wrong("14.1", "only what is there counts", says="Only labels that are there")
def positives_only(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))
    return (targets * ((-logits).clamp(min=0) + rest)).mean()


@wrong("14.1", "the ready-made loss", says="ready-made")
def bce_of_torch(logits, targets):
    return F.binary_cross_entropy_with_logits(logits, targets)


@wrong("14.1", "softplus of torch", says="ready-made")
def bce_by_softplus(logits, targets):
    return (F.softplus(logits) - logits * targets).mean()


@wrong("14.1", "log1p(exp(-x)) without abs", says="without `abs`")
def without_abs(logits, targets):
    rest = torch.log1p(torch.exp(-logits))
    return (logits.clamp(min=0) - logits * targets + rest).mean()


@wrong("14.1", "targets the wrong way round", says="wrong way round")
def turned_targets(logits, targets):
    return textbook_bce(logits, 1 - targets)


# --- 14.2: average precision ---


@right("14.2")
def ap_by_thresholds(scores, truth):
    positives = truth.sum()
    if positives == 0:
        return float("nan")
    total, recall_before = 0.0, 0.0
    for t in sorted(set(scores.tolist()), reverse=True):
        taken = scores >= t
        hits = truth[taken].sum()
        recall = hits / positives
        total += hits / taken.sum() * (recall - recall_before)
        recall_before = recall
    return total


@right("14.2")
def ap_by_cumsum(scores, truth):
    if truth.sum() == 0:
        return np.nan
    order = np.argsort(-scores)
    s, t = scores[order], truth[order]
    hits = np.cumsum(t)
    last = np.append(s[1:] != s[:-1], True)
    precision = (hits / np.arange(1, len(s) + 1))[last]
    recall = (hits / hits[-1])[last]
    return float(np.sum(precision * np.diff(recall, prepend=0)))


@right("14.2")
def ap_by_mean_over_positives(scores, truth):
    """Each positive contributes the precision at its own score."""
    if not truth.any():
        return math.nan
    at = [truth[scores >= s].mean() for s in scores[truth == 1]]
    return np.mean(at)


@right("14.2")
def ap_in_plain_python(scores, truth):
    pairs = sorted(zip(scores.tolist(), truth.tolist(), strict=True), reverse=True)
    positives = sum(t for _, t in pairs)
    if not positives:
        return math.nan
    total = hits = seen = 0
    for _, group in itertools.groupby(pairs, key=lambda pair: pair[0]):
        group = list(group)
        gained = sum(t for _, t in group)
        hits, seen = hits + gained, seen + len(group)
        total += hits / seen * gained / positives
    return total


@right("14.2")
def ap_by_unique_and_table(scores, truth):
    thresholds = np.unique(scores)[::-1]
    taken = scores[None, :] >= thresholds[:, None]
    hits = (taken & (truth == 1)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        recall = hits / truth.sum()
    gain = recall - np.concatenate([[0], recall[:-1]])
    return (hits / taken.sum(axis=1) * gain).sum()


@right("14.2")
def ap_of_scikit_learn(scores, truth):
    if not (truth == 1).any():
        return float("nan")
    return average_precision_score(truth, scores)


@right("14.2")
def ap_from_a_curve(scores, truth):
    if truth.sum() < 1:
        return np.float32("nan")
    precision, recall, _ = precision_recall_curve(truth, scores)
    return -np.sum(np.diff(recall) * precision[:-1])


def _ranked(value, order=lambda scores: np.argsort(-scores, kind="stable")):
    """Let ``value`` work on the truth from the highest score down, one by one."""

    def answer(scores, truth):
        if truth.sum() == 0:
            return np.nan
        return value(truth[order(scores)].astype(float))

    return answer


def _precision_at_ranks(t):
    return np.cumsum(t) / np.arange(1, len(t) + 1)


wrong(
    "14.2",
    "equal scores one by one, as they stand",
    _ranked(lambda t: (_precision_at_ranks(t) * t).sum() / t.sum()),
    says="Equal scores",
)
wrong(
    "14.2",
    "equal scores one by one, reversed order",
    _ranked(
        lambda t: (_precision_at_ranks(t) * t).sum() / t.sum(),
        lambda scores: np.argsort(scores, kind="stable")[::-1],
    ),
    says="Equal scores",
)
wrong(
    "14.2",
    "lowest score first",
    _ranked(lambda t: (_precision_at_ranks(t) * t).sum() / t.sum(), np.argsort),
    says="lowest score",
)
wrong(
    "14.2",
    "mean over all pictures",
    _ranked(lambda t: _precision_at_ranks(t).mean()),
    says="at every picture",
)
wrong(
    "14.2",
    "divides by all pictures",
    _ranked(lambda t: (_precision_at_ranks(t) * t).mean()),
    says="number of pictures",
)


@wrong("14.2", "no nan without positives: zero", says="Without any positive")
def ap_zero_without_positives(scores, truth):
    if truth.sum() == 0:
        return 0.0
    return ap_by_thresholds(scores, truth)


@wrong("14.2", "scikit-learn without a thought", says="Without any positive")
def ap_of_scikit_learn_alone(scores, truth):
    return average_precision_score(truth, scores)


@wrong("14.2", "the area under the curve by trapezoids", says="straight lines")
def ap_by_trapezoids(scores, truth):
    if truth.sum() == 0:
        return np.nan
    precision, recall, _ = precision_recall_curve(truth, scores)
    return np.trapezoid(precision[::-1], recall[::-1])


@wrong("14.2", "the area under the ROC curve", says="ROC")
def roc_instead(scores, truth):
    if truth.sum() == 0:
        return np.nan
    if truth.all():
        return 1.0
    return roc_auc_score(truth, scores)


@wrong("14.2", "strictly above the threshold", says="`>=`")
def ap_strictly_above(scores, truth):
    positives = truth.sum()
    if positives == 0:
        return np.nan
    total, before = 0.0, 0.0
    for t in np.unique(scores)[::-1]:
        taken = scores > t
        if taken.any():
            recall = truth[taken].sum() / positives
            total += truth[taken].mean() * (recall - before)
            before = recall
    return total


@wrong("14.2", "the best precision from there on", says="interpolated")
def ap_interpolated(scores, truth):
    if truth.sum() == 0:
        return np.nan
    precision, recall, _ = precision_recall_curve(truth, scores)
    precision = np.maximum.accumulate(precision)
    return -np.sum(np.diff(recall) * precision[:-1])


@wrong("14.2", "the recall itself instead of its gain", says="gain")
def ap_with_whole_recall(scores, truth):
    if truth.sum() == 0:
        return np.nan
    total = 0.0
    for t in np.unique(scores)[::-1]:
        taken = scores >= t
        hits = truth[taken].sum()
        total += hits / taken.sum() * hits / truth.sum()
    return total


@wrong("14.2", "the gain goes backwards", says="The sign is wrong")
def ap_with_negative_gain(scores, truth):
    return -ap_by_thresholds(scores, truth)


@wrong("14.2", "changes the order of the caller's scores", says="changes what it is")
def ap_in_place(scores, truth):
    value = ap_by_thresholds(scores, truth)
    scores.sort()
    return value


@wrong("14.2", "mean of the precision over distinct thresholds", says="gain")
def ap_mean_of_precision(scores, truth):
    if truth.sum() == 0:
        return np.nan
    return np.mean([truth[scores >= t].mean() for t in np.unique(scores)])


# --- 14.3: the mean over labels, and what it leaves out ---


@right("14.3")
def macro_by_loop(scores, truth):
    found, left_out = [], 0
    for k in range(truth.shape[1]):
        if truth[:, k].sum() == 0:
            left_out += 1
        else:
            found.append(average_precision_score(truth[:, k], scores[:, k]))
    return (np.mean(found) if found else np.nan), left_out


@right("14.3")
def macro_by_mask(scores, truth):
    kept = truth.any(axis=0)
    if not kept.any():
        return math.nan, truth.shape[1]
    value = average_precision_score(truth[:, kept], scores[:, kept], average="macro")
    return value, int((~kept).sum())


@right("14.3")
def macro_by_nanmean(scores, truth):
    each = np.array([ap_by_cumsum(s, t) for s, t in zip(scores.T, truth.T)])  # noqa: B905
    left_out = np.isnan(each).sum()
    if left_out == len(each):
        return float("nan"), left_out
    return np.nanmean(each), left_out


@right("14.3")
def macro_in_plain_python(scores, truth):
    total, count = 0.0, 0
    columns = list(zip(*truth.tolist(), strict=True))
    for k, column in enumerate(columns):
        if 1 in column:
            total += ap_in_plain_python(scores[:, k], truth[:, k])
            count += 1
    return total / count if count else float("nan"), len(columns) - count


@right("14.3")
def macro_as_a_list(scores, truth):
    labels = np.flatnonzero(truth.sum(axis=0))
    each = [average_precision_score(truth.T[k], scores.T[k]) for k in labels]
    mean = sum(each) / len(each) if each else np.nan
    return [mean, truth.shape[1] - len(labels)]


@right("14.3")
def macro_by_weights(scores, truth):
    has = (truth.sum(axis=0) > 0).astype(float)
    each = [
        ap_by_thresholds(scores[:, k], truth[:, k]) if has[k] else 0.0
        for k in range(len(has))
    ]
    with np.errstate(invalid="ignore"):
        return np.dot(each, has) / has.sum(), int(len(has) - has.sum())


@wrong("14.3", "a label without positives counts as 0", says="counts as 0")
def macro_of_scikit_learn(scores, truth):
    each = [
        average_precision_score(truth[:, k], scores[:, k])
        for k in range(truth.shape[1])
    ]
    return np.mean(each), int((truth.sum(axis=0) == 0).sum())


@wrong("14.3", "divides by all labels", says="counts as 0")
def macro_over_all_labels(scores, truth):
    kept = truth.any(axis=0)
    total = sum(
        average_precision_score(truth[:, k], scores[:, k]) for k in np.flatnonzero(kept)
    )
    return total / len(kept), (~kept).sum()


@wrong("14.3", "counts those that stay", says="labels that *stay*")
def macro_with_kept(scores, truth):
    value, left_out = macro_by_loop(scores, truth)
    return value, truth.shape[1] - left_out


@wrong("14.3", "the mean alone", says="two numbers")
def macro_alone(scores, truth):
    return macro_by_loop(scores, truth)[0]


@wrong("14.3", "count first", says="other order")
def macro_swapped(scores, truth):
    return macro_by_loop(scores, truth)[::-1]


@wrong("14.3", "zero if all are left out", says="all labels are left out")
def macro_zero_for_nothing(scores, truth):
    value, left_out = macro_by_loop(scores, truth)
    return (0.0 if left_out == truth.shape[1] else value), left_out


@wrong("14.3", "all pictures and labels in one list", says="one long list")
def micro_ap(scores, truth):
    value = average_precision_score(truth.ravel(), scores.ravel())
    return (value if truth.any() else np.nan), (truth.sum(axis=0) == 0).sum()


@wrong("14.3", "weighted by the number of positives", says="as often as")
def weighted_ap(scores, truth):
    kept = truth.any(axis=0)
    if not kept.any():
        return np.nan, len(kept)
    value = average_precision_score(truth[:, kept], scores[:, kept], average="weighted")
    return value, (~kept).sum()


@wrong("14.3", "rows are taken for labels", says="for each *picture*")
def macro_over_rows(scores, truth):
    return macro_by_loop(scores.T, truth.T)


@wrong("14.3", "leaves out what is always there, too", says="all pictures")
def without_constant_labels(scores, truth):
    kept = [k for k in range(truth.shape[1]) if 0 < truth[:, k].mean() < 1]
    each = [average_precision_score(truth[:, k], scores[:, k]) for k in kept]
    return np.mean(each) if each else np.nan, truth.shape[1] - len(kept)


@wrong("14.3", "scores and truth exchanged")
def exchanged(scores, truth):
    found = [
        average_precision_score(scores[:, k], truth[:, k])
        for k in range(truth.shape[1])
    ]
    return np.mean(found), 0


@wrong("14.3", "the ROC curve", says="ROC")
def macro_roc(scores, truth):
    kept = np.flatnonzero(truth.any(axis=0))
    each = [
        1.0 if truth[:, k].all() else roc_auc_score(truth[:, k], scores[:, k])
        for k in kept
    ]
    return np.mean(each) if len(each) else np.nan, truth.shape[1] - len(kept)


@wrong("14.3", "the median", says="median")
def median_ap(scores, truth):
    each = [ap_by_cumsum(scores[:, k], truth[:, k]) for k in range(truth.shape[1])]
    return np.nanmedian(each), np.isnan(each).sum()


@wrong("14.3", "never counts", says="how many were left out")
def macro_without_count(scores, truth):
    return macro_by_loop(scores, truth)[0], 0


# --- 14.4: a threshold for each label ---


@right("14.4")
def thresholds_by_loops(scores, truth):
    n, K = scores.shape
    result = np.full(K, np.inf)
    for k in range(K):
        best = -1.0
        if truth[:, k].sum() == 0:
            continue
        for t in sorted(scores[:, k], reverse=True):
            said = scores[:, k] >= t
            tp = np.sum(said & (truth[:, k] == 1))
            fp = np.sum(said & (truth[:, k] == 0))
            fn = np.sum(~said & (truth[:, k] == 1))
            f1 = 2 * tp / (2 * tp + fp + fn)
            if f1 > best:
                best, result[k] = f1, t
    return result


@right("14.4")
def thresholds_at_once(scores, truth):
    said = scores[None] >= scores[:, None]  # (candidate, picture, label)
    tp = (said * truth).sum(axis=1)
    f1 = 2 * tp / (said.sum(axis=1) + truth.sum(axis=0))
    best = np.where(f1 == f1.max(axis=0), scores, -np.inf).max(axis=0)
    return np.where(truth.any(axis=0), best, np.inf)


@right("14.4")
def thresholds_by_scikit_learn(scores, truth):
    found = []
    for s, t in zip(scores.T, truth.T, strict=True):
        if not t.any():
            found.append(np.inf)
            continue
        options = sorted(set(s.tolist()))
        values = [f1_score(t, s >= option) for option in options]
        best = max(zip(values, options, strict=True))
        found.append(best[1])
    return found


@right("14.4")
def thresholds_by_max_with_key(scores, truth):
    def f1(k, t):
        said = scores[:, k] >= t
        return 2 * (said & (truth[:, k] > 0)).sum() / (said.sum() + truth[:, k].sum())

    return np.array(
        [
            max(scores[:, k], key=lambda t, k=k: (f1(k, t), t))
            if truth[:, k].any()
            else float("inf")
            for k in range(scores.shape[1])
        ]
    )


@right("14.4")
def thresholds_by_sorting(scores, truth):
    out = np.empty(scores.shape[1])
    for k in range(scores.shape[1]):
        order = np.argsort(-scores[:, k])
        s, t = scores[order, k], truth[order, k]
        if t.sum() == 0:
            out[k] = np.inf
            continue
        f1 = 2 * np.cumsum(t) / (np.arange(len(s)) + 1 + t.sum())
        f1[:-1][s[1:] == s[:-1]] = 0  # a group of equal scores ends with its last
        out[k] = s[np.argmax(f1)]
    return out


@right("14.4")
def thresholds_by_a_curve(scores, truth):
    out = []
    for k in range(scores.shape[1]):
        if not truth[:, k].any():
            out.append(math.inf)
            continue
        precision, recall, t = precision_recall_curve(truth[:, k], scores[:, k])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        f1 = f1[:-1].round(12)
        out.append(t[np.flatnonzero(f1 == f1.max())[-1]])
    return np.array(out)


@right("14.4")
def scores_of_positives_are_enough(scores, truth):
    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        best, where = 0, np.inf
        for option in sorted(s[t == 1]):
            f1 = f1_score(t, s >= option)
            if f1 >= best:
                best, where = f1, option
        out.append(where)
    return out


def _thresholds(value, candidates=np.unique, empty=np.inf, above=np.greater_equal):
    """Return for each label the last of the candidates with the largest value."""

    def answer(scores, truth):
        out = []
        for s, t in zip(scores.T, truth.T, strict=True):
            options = np.asarray(candidates(s))
            values = np.array([value(t, above(s, option)) for option in options])
            best = options[np.flatnonzero(values == values.max())[-1]]
            out.append(best if t.any() else empty)
        return np.array(out)

    return answer


def _f1(truth, said):
    return f1_score(truth, said, zero_division=0)


wrong(
    "14.4",
    "the smallest of equal ones",
    _thresholds(_f1, lambda s: np.unique(s)[::-1]),
    says="the smallest",
)
wrong(
    "14.4",
    "strictly above",
    _thresholds(_f1, above=np.greater),
    says="`>=`",
)
wrong("14.4", "label accuracy", _thresholds(accuracy_score), says="accuracy")
wrong(
    "14.4", "nothing to say: 0", _thresholds(_f1, empty=0.0), says="Without positives"
)
wrong(
    "14.4",
    "nothing to say: nan",
    _thresholds(_f1, empty=np.nan),
    says="Without positives",
)
wrong(
    "14.4",
    "nothing to say: 0.5",
    _thresholds(_f1, empty=0.5),
    says="Without positives",
)
wrong(
    "14.4",
    "a grid from 0 to 1",
    _thresholds(_f1, lambda s: np.linspace(0, 1, 101)),
    says="grid",
)
wrong(
    "14.4",
    "a coarse grid",
    _thresholds(_f1, lambda s: np.arange(0.1, 1, 0.1)),
    says="grid",
)
wrong(
    "14.4",
    "halfway between scores",
    _thresholds(_f1, lambda s: (np.unique(s)[1:] + np.unique(s)[:-1]) / 2),
    says="between",
)


@wrong("14.4", "one threshold for all labels", says="one threshold for all")
def one_threshold(scores, truth):
    options = np.unique(scores)
    values = [f1_score(truth.ravel(), (scores >= t).ravel()) for t in options]
    best = options[np.flatnonzero(np.equal(values, max(values)))[-1]]
    return np.where(truth.any(axis=0), best, np.inf)


@wrong("14.4", "no inf: the first score wins", says="Without positives")
def largest_without_positives(scores, truth):
    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        options = np.unique(s)[::-1]
        out.append(options[np.argmax([_f1(t, s >= option) for option in options])])
    return np.array(out)


@wrong("14.4", "the F1 itself", says="F1 itself")
def values_of_f1(scores, truth):
    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        out.append(max(_f1(t, s >= option) for option in s))
    return np.array(out)


@wrong("14.4", "sees precision only", says="precision")
def best_precision(scores, truth):
    def precision(t, said):
        return t[said].mean()

    return _thresholds(precision)(scores, truth)


@wrong("14.4", "pictures are taken for labels", says="for each *picture*")
def over_rows(scores, truth):
    return thresholds_by_loops(scores.T, truth.T)


@wrong("14.4", "begins with a threshold of 0.5", says="Without positives")
def lazy_start(scores, truth):
    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        best, where = f1_score(t, s >= 0.5), 0.5
        for option in sorted(s):
            if f1_score(t, s >= option) >= best and t.any():
                best, where = f1_score(t, s >= option), option
        out.append(where)
    return np.array(out)


@right("14.4")
def candidates_of_all_labels(scores, truth):
    options = np.unique(scores)
    return _thresholds(_f1, lambda s: options)(scores, truth)


# --- 14.5: evaluated by two ---


@right("14.5")
def interleaved(parts, n):
    ranks = [np.concatenate(batches) for batches in parts]
    return np.stack(ranks, axis=1).ravel()[:n].mean()


@right("14.5")
def row_by_row(parts, n):
    W = len(parts)
    ranks = [[c for batch in batches for c in batch] for batches in parts]
    return sum(ranks[i % W][i // W] for i in range(n)) / n


@right("14.5")
def by_row_numbers(parts, n):
    correct = {}
    for r, batches in enumerate(parts):
        row = r
        for batch in batches:
            for c in batch:
                correct[row % n] = float(c)
                row += len(parts)
    return sum(correct.values()) / len(correct)


@right("14.5")
def without_padding(parts, n):
    total, W = 0, len(parts)
    for r, batches in enumerate(parts):
        own = np.concatenate(batches)
        real = len(range(r, n, W))
        total += own[:real].sum()
    return float(total) / n


@right("14.5")
def scattered(parts, n):
    correct = np.full(n, np.nan)
    for r, batches in enumerate(parts):
        own = np.hstack(batches)
        rows = r + len(parts) * np.arange(len(own))
        keep = rows < n
        correct[rows[keep]] = own[keep]
    return correct.mean()


@right("14.5")
def chained(parts, n):
    streams = [itertools.chain.from_iterable(batches) for batches in parts]
    dealt = itertools.chain.from_iterable(zip(*streams, strict=True))
    return np.mean(list(itertools.islice(dealt, n)))


@wrong("14.5", "the loop as it was", says="counted twice")
def mean_of_ranks(parts, n):
    return np.mean([np.concatenate(batches).mean() for batches in parts])


@wrong("14.5", "all that came back, padding too", says="counted twice")
def mean_of_everything(parts, n):
    return np.concatenate([c for batches in parts for c in batches]).mean()


@wrong("14.5", "the mean of the batches' means", says="batches")
def mean_of_batches(parts, n):
    return np.mean([batch.mean() for batches in parts for batch in batches])


@wrong("14.5", "one process after the other, cut at n", says="one after the other")
def cut_the_wrong_end(parts, n):
    return np.concatenate([c for batches in parts for c in batches])[:n].mean()


@wrong("14.5", "all right ones divided by n", says="divide by n")
def too_many_over_n(parts, n):
    return sum(batch.sum() for batches in parts for batch in batches) / n


@wrong("14.5", "the first process alone", says="one process")
def first_process(parts, n):
    return np.concatenate(parts[0]).mean()


@wrong("14.5", "how many, not which share", says="how many")
def count_of_right(parts, n):
    return interleaved(parts, n) * n


@wrong("14.5", "the last item of every process goes", says="last row of every")
def without_the_last(parts, n):
    return np.concatenate([np.concatenate(batches)[:-1] for batches in parts]).mean()


@wrong("14.5", "interleaves batches instead of rows", says="batch by batch")
def batches_in_turn(parts, n):
    turns = [batch for turn in zip(*parts, strict=True) for batch in turn]
    return np.concatenate(turns)[:n].mean()


@right("14.5")
def the_last_n(parts, n):
    """The padding repeats the first rows, so these may go as well."""
    ranks = [np.concatenate(batches) for batches in parts]
    return np.stack(ranks, axis=1).ravel()[-n:].mean()


@wrong("14.5", "n // W of each process", says="as many of each")
def equally_many_of_each(parts, n):
    each = n // len(parts)
    ranks = [np.concatenate(batches)[:each] for batches in parts]
    return np.mean(ranks)


@wrong("14.5", "weights processes by their real rows", says="You weigh")
def weighted_ranks(parts, n):
    W = len(parts)
    real = np.array([len(range(r, n, W)) for r in range(W)])
    means = np.array([np.concatenate(batches).mean() for batches in parts])
    return (means * real).sum() / n


@wrong("14.5", "stacks processes in rows", says="one after the other")
def stacked_in_rows(parts, n):
    return np.stack([np.concatenate(b) for b in parts]).ravel()[:n].mean()


# --- 14.6: the loop that accumulates ---


def _loss(model, x, y):
    return F.binary_cross_entropy_with_logits(model(x), y)


@right("14.6")
def by_groups(model, batches, accumulation, optimizer, scheduler):
    for start in range(0, len(batches), accumulation):
        group = batches[start : start + accumulation]
        optimizer.zero_grad()
        for x, y in group:
            (_loss(model, x, y) / len(group)).backward()
        optimizer.step()
        scheduler.step()


@right("14.6")
def by_counting(model, batches, accumulation, optimizer, scheduler):
    n = len(batches)
    rest = n % accumulation
    for i, (x, y) in enumerate(batches, start=1):
        size = rest if i > n - rest else accumulation
        loss = _loss(model, x, y) / size
        loss.backward()
        if i % accumulation == 0 or i == n:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()


@right("14.6")
def one_backward_for_a_group(model, batches, accumulation, optimizer, scheduler):
    losses = []
    for i, (x, y) in enumerate(batches):
        losses.append(torch.nn.functional.binary_cross_entropy_with_logits(model(x), y))
        if len(losses) == accumulation or i == len(batches) - 1:
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            optimizer.step()
            scheduler.step()
            losses = []


@right("14.6")
def scales_gradients_afterwards(model, batches, accumulation, optimizer, scheduler):
    waiting = 0

    def step():
        for p in model.parameters():
            p.grad /= waiting
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        scheduler.step()

    for x, y in batches:
        _loss(model, x, y).backward()
        waiting += 1
        if waiting == accumulation:
            step()
            waiting = 0
    if waiting:
        step()


@right("14.6")
def with_islice(model, batches, accumulation, optimizer, scheduler):
    stream = iter(batches)
    while group := list(itertools.islice(stream, accumulation)):
        for x, y in group:
            loss = torch.nn.BCEWithLogitsLoss()(model(x), y)
            (loss * (1 / len(group))).backward()
        optimizer.step()
        model.zero_grad()
        scheduler.step()
    return model


@right("14.6")
def as_one_large_batch(model, batches, accumulation, optimizer, scheduler):
    model.train()
    for start in range(0, len(batches), accumulation):
        xs, ys = zip(*batches[start : start + accumulation], strict=True)
        optimizer.zero_grad()
        _loss(model, torch.cat(xs), torch.cat(ys)).backward()
        optimizer.step()
        scheduler.step()


def _loop(
    size=lambda i, n, a: min(a, n - i // a * a),
    steps=lambda i, n, a: (i + 1) % a == 0 or i == n - 1,
    turns=None,
    clears=None,
    before=False,
):
    """A loop that divides, steps, turns the rate and clears as it is told."""
    turns, clears = turns or steps, clears or steps

    def train(model, batches, accumulation, optimizer, scheduler):
        for i, (x, y) in enumerate(batches):
            state = i, len(batches), accumulation
            (_loss(model, x, y) / size(*state)).backward()
            if before and turns(*state):
                scheduler.step()
            if steps(*state):
                optimizer.step()
            if not before and turns(*state):
                scheduler.step()
            if clears(*state):
                optimizer.zero_grad()

    return train


def _always(i, n, a):
    return True


def _never(i, n, a):
    return False


def _full(i, n, a):
    return (i + 1) % a == 0


wrong(
    "14.6",
    "the loop as it was",
    _loop(lambda i, n, a: 1, lambda i, n, a: i % a == 0, _always),
    says="the loop as it was",
)
wrong(
    "14.6",
    "the losses are summed",
    _loop(lambda i, n, a: 1),
    says="add up",
)
wrong(
    "14.6",
    "the small group is divided by accumulation",
    _loop(lambda i, n, a: a),
    says="smaller group",
)
wrong("14.6", "what is left is lost", _loop(steps=_full), says="left at the end")
wrong(
    "14.6",
    "what is left is lost, divided by accumulation",
    _loop(lambda i, n, a: a, _full),
    says="left at the end",
)
wrong("14.6", "the rate falls with every batch", _loop(turns=_always), says="scheduler")
wrong("14.6", "gradients stay for ever", _loop(clears=_never), says="never cleared")
wrong(
    "14.6",
    "cleared after every batch",
    _loop(clears=_always),
    says="after every batch",
)
wrong(
    "14.6",
    "steps after the first of a group",
    _loop(steps=lambda i, n, a: i % a == 0 or i == n - 1),
    says="first batch of a group",
)
wrong(
    "14.6",
    "a step with every batch",
    _loop(steps=_always),
    says="step with every batch",
)
wrong("14.6", "the scheduler before the optimizer", _loop(before=True), says="before")
wrong("14.6", "never turns the rate", _loop(turns=_never), says="scheduler never")
wrong(
    "14.6",
    "divides by all batches",
    _loop(lambda i, n, a: n),
    says="all batches",
)
wrong(
    "14.6",
    "the last step without the scheduler",
    _loop(turns=_full),
    says="scheduler misses",
)


@wrong("14.6", "one step more than there are groups", says="one step too many")
def extra_step(model, batches, accumulation, optimizer, scheduler):
    by_groups(model, batches, accumulation, optimizer, scheduler)
    optimizer.zero_grad()
    optimizer.step()
    scheduler.step()


@wrong("14.6", "clears before backward", says="after every batch")
def clears_in_between(model, batches, accumulation, optimizer, scheduler):
    for i, (x, y) in enumerate(batches):
        loss = _loss(model, x, y) / accumulation
        optimizer.zero_grad()
        loss.backward()
        if (i + 1) % accumulation == 0:
            optimizer.step()
            scheduler.step()


# --- 14.7: learned or seen? ---


@right("14.7")
def share_of_means(shown, covered, neither):
    base = neither.mean()
    both = shown.mean() - base
    return (covered.mean() - base) / both if both > 0 else np.nan


@right("14.7")
def share_of_sums(shown, covered, neither):
    rise = np.sum(shown - neither)
    if rise <= 0:
        return float("nan")
    return np.sum(covered - neither) / rise


@right("14.7")
def share_in_plain_python(shown, covered, neither):
    n = len(shown)
    a, b, c = (sum(map(float, x)) / n for x in (shown, covered, neither))
    if not a > c:
        return math.nan
    return (b - c) / (a - c)


@right("14.7")
def one_minus_the_rest(shown, covered, neither):
    shown, covered, neither = map(np.mean, (shown, covered, neither))
    if shown - neither <= 0:
        return math.nan
    return 1 - (shown - covered) / (shown - neither)


@right("14.7")
def share_by_torch(shown, covered, neither):
    means = torch.tensor(np.stack([shown, covered, neither])).mean(dim=1)
    rise = means[0] - means[2]
    return torch.where(rise > 0, (means[1] - means[2]) / rise, torch.nan)


@right("14.7")
def share_by_where(shown, covered, neither):
    rise = (shown - neither).mean()
    with np.errstate(all="ignore"):
        return np.where(rise > 0, (covered - neither).mean() / rise, np.nan)


@wrong("14.7", "the mean of the shares", says="picture by picture")
def mean_of_shares(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return np.mean((covered - neither) / (shown - neither))


@wrong("14.7", "what is seen instead of what is learned", says="rest")
def share_of_the_banana(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return (shown.mean() - covered.mean()) / (shown.mean() - neither.mean())


@wrong("14.7", "no base line", says="*neither*")
def without_base(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return covered.mean() / shown.mean()


@wrong("14.7", "upside down", says="upside down")
def share_upside_down(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return (shown.mean() - neither.mean()) / (covered.mean() - neither.mean())


@wrong("14.7", "clipped to 0 and 1", says="clip")
def clipped_share(shown, covered, neither):
    return np.clip(share_of_means(shown, covered, neither), 0, 1)


@wrong("14.7", "nan for a rise of exactly 0 only", says="falls")
def nan_for_zero_only(shown, covered, neither):
    rise = shown.mean() - neither.mean()
    return (covered.mean() - neither.mean()) / rise if rise != 0 else np.nan


@wrong("14.7", "never nan", says="nothing to share out")
def never_nan(shown, covered, neither):
    with np.errstate(all="ignore"):
        return (covered.mean() - neither.mean()) / (shown.mean() - neither.mean())


@wrong("14.7", "0 instead of nan", says="nothing to share out")
def zero_for_nothing(shown, covered, neither):
    value = share_of_means(shown, covered, neither)
    return 0.0 if np.isnan(value) else value


@wrong("14.7", "probabilities", says="sigmoid")
def share_of_probabilities(shown, covered, neither):
    return share_of_means(*(1 / (1 + np.exp(-x)) for x in (shown, covered, neither)))


@wrong("14.7", "the median", says="median")
def share_of_medians(shown, covered, neither):
    a, b, c = map(np.median, (shown, covered, neither))
    return (b - c) / (a - c) if a > c else np.nan


@wrong("14.7", "the difference alone", says="not divided")
def rise_alone(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return covered.mean() - neither.mean()


@wrong("14.7", "percent", says="percent")
def share_in_percent(shown, covered, neither):
    return 100 * share_of_means(shown, covered, neither)


@wrong("14.7", "a share for each picture", says="one number")
def share_of_each(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return (covered - neither) / (shown - neither)


@wrong("14.7", "positive differences only", says="absolute")
def absolute_share(shown, covered, neither):
    rise = shown.mean() - neither.mean()
    if rise <= 0:
        return np.nan
    return abs(covered.mean() - neither.mean()) / rise


# --- a second round, in other styles ---


@right("14.1")
def bce_by_signed_margin(logits, targets):
    z = (2 * targets - 1) * logits
    return (-torch.minimum(z, torch.zeros(1)) + (-z.abs()).exp().log1p()).mean()


@right("14.1")
def bce_half_of_sum_and_abs(logits, targets):
    positive = (logits + logits.abs()) / 2
    return torch.mean(
        positive - logits * targets + torch.log1p(torch.exp(-logits.abs()))
    )


@right("14.1")
def bce_clamped_in_place(logits, targets):
    loss = logits.clamp(min=0)
    loss -= logits * targets
    loss += torch.log(torch.exp(-torch.abs(logits)) + 1)
    return loss.sum() / loss.numel()


@wrong("14.1", "in place over a relu, so backward fails", says="`backward` fails")
def bce_by_relu_in_place(logits, targets):
    loss = torch.relu(logits)
    loss -= logits * targets
    loss += torch.log(torch.exp(-torch.abs(logits)) + 1)
    return loss.sum() / loss.numel()


@right("14.1")
def bce_label_by_label(logits, targets):
    columns = []
    for x, t in zip(logits.T, targets.T, strict=True):
        high = torch.maximum(x, torch.tensor(0.0))
        columns.append(torch.log(torch.exp(-high) + torch.exp(x - high)) + high - x * t)
    return torch.stack(columns).mean()


@right("14.1")
def bce_one_sided_logaddexp(logits, targets):
    zero = torch.tensor(0.0)
    return (torch.logaddexp(-logits, zero) + (1 - targets) * logits).mean(dim=(0, 1))


@right("14.1")
def bce_masks(logits, targets):
    yes, no = logits[targets == 1], logits[targets == 0]
    margins = torch.cat([yes, -no])
    return (torch.log1p(torch.exp(-margins.abs())) + (-margins).clamp(min=0)).mean()


@right("14.1")
def bce_flat_mean_of_means(logits, targets):
    x, t = logits.flatten(), targets.flatten()
    large = torch.clamp(x, min=0)
    return torch.dot(large - x * t + torch.log1p((-x.abs()).exp()), 1 / len(x) + 0 * t)


@wrong("14.1", "a sigmoid before the loss that has one", says="twice")
def sigmoid_twice(logits, targets):
    return textbook_bce(torch.sigmoid(logits), targets)


@wrong("14.1", "squared error of the probabilities", says="squared")
def squared_error(logits, targets):
    return ((torch.sigmoid(logits) - targets) ** 2).mean()


@wrong("14.1", "divides by the number of positives", says="number of positives")
def over_positives(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))
    return (logits.clamp(min=0) - logits * targets + rest).sum() / targets.sum()


@wrong("14.1", "epsilon of 1e-12", says="It overflows")
def tiny_epsilon_one_side(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * (p + 1e-12).log() + (1 - targets) * (1 - p).log()).mean()


@wrong("14.1", "epsilon of 1e-12 on both sides", says="no longer grows")
def tiny_epsilon(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * (p + 1e-12).log() + (1 - targets) * (1 - p + 1e-12).log()).mean()


@wrong("14.1", "logits clamped to 80", says="no longer grows")
def clamped_to_80(logits, targets):
    x = logits.clamp(-80, 80)
    return (torch.log(1 + torch.exp(x)) - x * targets).mean()


@wrong("14.1", "PyTorch's clamp of the logs at -100", says="no longer grows")
def logs_clamped(logits, targets):
    p = torch.sigmoid(logits)
    yes, no = p.log().clamp(min=-100), (1 - p).log().clamp(min=-100)
    return -(targets * yes + (1 - targets) * no).mean()


@wrong("14.1", "no_grad", says="no gradient")
def bce_in_no_grad(logits, targets):
    with torch.no_grad():
        return textbook_bce(logits, targets)


@wrong("14.1", "NumPy", says="no gradient")
def bce_in_numpy(logits, targets):
    x, t = logits.detach().numpy(), targets.numpy()
    return np.mean(np.logaddexp(0, x) - x * t)


@wrong("14.1", "nn.BCEWithLogitsLoss", says="ready-made")
def bce_module(logits, targets):
    return torch.nn.BCEWithLogitsLoss()(logits, targets)


@wrong("14.1", "logsigmoid", says="ready-made")
def bce_by_logsigmoid(logits, targets):
    yes, no = F.logsigmoid(logits), F.logsigmoid(-logits)
    return -(targets * yes + (1 - targets) * no).mean()


@wrong("14.1", "multi-label soft margin", says="ready-made")
def soft_margin(logits, targets):
    return torch.nn.MultiLabelSoftMarginLoss()(logits, targets)


@wrong("14.1", "log in base 2", says="base 2")
def bits(logits, targets):
    return textbook_bce(logits, targets) / math.log(2)


@right("14.2")
def ap_by_bincount(scores, truth):
    _, group = np.unique(-scores, return_inverse=True)
    size, hits = np.bincount(group), np.bincount(group, weights=truth)
    if hits.sum() == 0:
        return np.nan
    return np.sum(hits.cumsum() / size.cumsum() * hits) / hits.sum()


@right("14.2")
def ap_by_dictionary(scores, truth):
    groups = {}
    for s, t in zip(scores, truth, strict=True):
        groups.setdefault(float(s), []).append(int(t))
    seen = hits = 0
    parts = []
    for s in sorted(groups)[::-1]:
        seen += len(groups[s])
        hits += sum(groups[s])
        parts.append((hits / seen, sum(groups[s])))
    if hits == 0:
        return float("nan")
    return sum(p * gained for p, gained in parts) / hits


@right("14.2")
def ap_by_torch(scores, truth):
    s, t = torch.tensor(scores), torch.tensor(truth)
    taken = (s[None, :] >= s[t == 1][:, None]).double()
    return (taken @ t.double() / taken.sum(dim=1)).mean()


@right("14.2")
def ap_recursive(scores, truth):
    total = int(truth.sum())

    def from_here(thresholds, before):
        if not thresholds:
            return 0.0
        taken = scores >= thresholds[0]
        hits = int(truth[taken].sum())
        rest = from_here(thresholds[1:], hits)
        return hits / int(taken.sum()) * (hits - before) / total + rest

    return from_here(sorted(set(scores), reverse=True), 0) if total else math.nan


@right("14.2")
def ap_by_searchsorted(scores, truth):
    ordered, hits = np.sort(scores), np.sort(scores[truth == 1])
    if len(hits) == 0:
        return float("nan")
    above = len(ordered) - np.searchsorted(ordered, hits)
    hits_above = len(hits) - np.searchsorted(hits, hits)
    return (hits_above / above).mean()


@wrong("14.2", "thresholds upward with a recall of 0 before", says="lowest score")
def ap_upward(scores, truth):
    if truth.sum() == 0:
        return np.nan
    total = before = 0.0
    for t in np.unique(scores):
        taken = scores >= t
        recall = truth[taken].sum() / truth.sum()
        total += truth[taken].mean() * (recall - before)
        before = recall
    return total


@wrong("14.2", "never keeps the recall before", says="gain")
def ap_forgets_before(scores, truth):
    if not truth.any():
        return np.nan
    total, before = 0, 0
    for t in sorted(set(scores), reverse=True):
        recall = truth[scores >= t].sum() / truth.sum()
        total += truth[scores >= t].mean() * (recall - before)
    return total


@wrong("14.2", "takes in what lies below", says="lowest score")
def ap_from_below(scores, truth):
    if not truth.any():
        return np.nan
    return np.mean([truth[scores <= s].mean() for s in scores[truth == 1]])


@wrong("14.2", "None without positives", says="returns nothing")
def ap_none(scores, truth):
    if truth.any():
        return ap_by_cumsum(scores, truth)


@wrong("14.2", "the best F1 instead", says="one threshold")
def best_f1(scores, truth):
    if not truth.any():
        return np.nan
    return max(f1_score(truth, scores >= s) for s in scores)


@wrong("14.2", "eleven points, with the end of the curve")
def eleven_points(scores, truth):
    if not truth.any():
        return np.nan
    precision, recall, _ = precision_recall_curve(truth, scores)
    return np.mean([precision[recall >= r].max() for r in np.linspace(0, 1, 11)])


@wrong("14.2", "one if there is no positive", says="Without any positive")
def ap_one_without(scores, truth):
    return ap_by_thresholds(scores, truth) if truth.any() else 1.0


@wrong("14.2", "ranks from 0", says="*before* the step")
def ap_ranks_from_zero(scores, truth):
    if not truth.any():
        return np.nan
    t = truth[np.argsort(-scores, kind="stable")]
    return np.mean([t[:i].sum() / max(i, 1) for i in np.flatnonzero(t)])


@wrong("14.2", "a threshold of 0.5", says="one threshold")
def precision_at_half(scores, truth):
    if not truth.any():
        return np.nan
    said = scores >= 0.5
    return truth[said].mean() if said.any() else 0.0


@wrong("14.2", "the share of positives", says="chance")
def base_rate(scores, truth):
    return truth.mean() if truth.any() else np.nan


@right("14.3")
def macro_of_all_at_once(scores, truth):
    has = truth.sum(0) > 0
    if has.sum() == 0:
        return np.array([np.nan, len(has)])
    each = average_precision_score(truth[:, has], scores[:, has], average=None)
    return np.array([np.mean(each), np.sum(~has)])


@right("14.3")
def macro_by_masked_array(scores, truth):
    each = np.array([ap_by_bincount(*pair) for pair in zip(scores.T, truth.T)])  # noqa: B905
    masked = np.ma.masked_invalid(each)
    count = int(np.isnan(each).sum())
    return (float(masked.mean()) if count < len(each) else math.nan), count


@right("14.3")
def macro_by_torch(scores, truth):
    each = torch.tensor(
        [
            float(ap_by_dictionary(scores[:, k], truth[:, k]))
            for k in range(len(truth[0]))
        ]
    )
    return torch.nanmean(each), torch.isnan(each).sum()


@right("14.3")
def macro_by_reduce(scores, truth):
    left_out, total, K = 0, 0.0, scores.shape[1]
    for k in range(K):
        value = ap_by_searchsorted(scores[:, k], truth[:, k])
        if math.isnan(value):
            left_out += 1
            continue
        total += value
    if left_out == K:
        return math.nan, K
    return total / (K - left_out), left_out


@right("14.3")
def macro_by_running_mean(scores, truth):
    mean, seen = float("nan"), 0
    for k in range(scores.shape[1]):
        if sum(truth[:, k]) > 0:
            value = ap_in_plain_python(scores[:, k], truth[:, k])
            mean = value if seen == 0 else mean + (value - mean) / (seen + 1)
            seen += 1
    return mean, scores.shape[1] - seen


@wrong("14.3", "macro of scikit-learn and no count", says="two numbers")
def macro_in_one_call(scores, truth):
    return average_precision_score(truth, scores, average="macro")


@wrong("14.3", "nanmean over scikit-learn's zeros", says="counts as 0")
def nanmean_of_zeros(scores, truth):
    each = [
        average_precision_score(truth[:, k], scores[:, k])
        for k in range(scores.shape[1])
    ]
    return np.nanmean(each), np.isnan(each).sum()


@wrong("14.3", "leaves out values that are 0 and counts pictures", says="pictures")
def counts_pictures(scores, truth):
    value, _ = macro_by_loop(scores, truth)
    return value, int((truth.sum(axis=1) == 0).sum())


@wrong("14.3", "counts labels that have a positive", says="labels that *stay*")
def counts_kept(scores, truth):
    value, _ = macro_by_loop(scores, truth)
    return value, int(truth.any(axis=0).sum())


@wrong("14.3", "names the labels instead of counting them", says="how many")
def names_the_labels(scores, truth):
    value, _ = macro_by_loop(scores, truth)
    return value, np.flatnonzero(~truth.any(axis=0))


@wrong("14.3", "positives counted per row", says="pictures")
def mask_of_rows(scores, truth):
    kept = truth.any(axis=1)
    value = macro_by_loop(scores[kept], truth[kept])[0]
    return value, int((~kept).sum())


@wrong("14.3", "0, 0 if all are left out", says="all labels are left out")
def zero_zero(scores, truth):
    return macro_by_loop(scores, truth) if truth.any() else (0.0, 0)


@wrong("14.3", "one label with nan spoils the mean", says="makes the whole mean")
def nan_spoils(scores, truth):
    each = [ap_by_cumsum(*pair) for pair in zip(scores.T, truth.T, strict=True)]
    return np.mean(each), np.isnan(each).sum()


@wrong("14.3", "the sum", says="add up")
def sum_of_labels(scores, truth):
    value, out = macro_by_loop(scores, truth)
    return value * (truth.shape[1] - out), out


@wrong("14.3", "F1 at 0.5")
def macro_f1(scores, truth):
    kept = np.flatnonzero(truth.any(axis=0))
    each = [f1_score(truth[:, k], scores[:, k] >= 0.5) for k in kept]
    return np.mean(each) if len(each) else np.nan, truth.shape[1] - len(kept)


@right("14.4")
def thresholds_by_precision_and_recall(scores, truth):
    out = []
    for k in range(scores.shape[1]):
        best, where = 0.0, np.inf
        for t in np.unique(scores[:, k]):
            said = scores[:, k] >= t
            hits = truth[said, k].sum()
            if hits == 0:
                continue
            p, r = hits / said.sum(), hits / truth[:, k].sum()
            if 2 * p * r / (p + r) >= best:
                best, where = 2 * p * r / (p + r), t
        out.append(where)
    return np.array(out)


@right("14.4")
def thresholds_by_torch(scores, truth):
    s, t = torch.tensor(scores), torch.tensor(truth)
    order = s.argsort(dim=0, descending=True)
    s, t = s.gather(0, order), t.gather(0, order)
    count = torch.arange(1, len(s) + 1)[:, None]
    f1 = 2 * t.cumsum(0) / (count + t.sum(0))
    same = torch.cat([s[1:] == s[:-1], torch.zeros(1, s.shape[1], dtype=torch.bool)])
    f1 = f1.masked_fill(same, -1)
    best = s.gather(0, f1.argmax(0)[None])[0]
    return torch.where(t.sum(0) > 0, best, torch.inf)


@right("14.4")
def thresholds_by_fewest_errors(scores, truth):
    """The largest F1 has the smallest (FP + FN) / TP."""

    def ratio(s, t, option):
        said = s >= option
        return (said != t).sum() / (said & (t == 1)).sum()

    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        options = sorted(set(s[t == 1].tolist()), reverse=True)
        out.append(min(options, key=lambda o: ratio(s, t, o)) if options else np.inf)  # noqa: B023
    return np.array(out)


@right("14.4")
def thresholds_by_apply(scores, truth):
    def of(k):
        s, t = scores[:, k], truth[:, k]
        table = {v: f1_score(t, s >= v, zero_division=0) for v in s}
        top = max(table.values())
        return max(v for v, f in table.items() if f == top) if top > 0 else math.inf

    return np.array(list(map(of, range(scores.shape[1]))), dtype=float)


@right("14.4")
def thresholds_from_infinity(scores, truth):
    K = scores.shape[1]
    best, where = np.zeros(K), np.full(K, np.inf)
    for row in range(len(scores)):
        said = scores >= scores[row]
        tp = (said & (truth == 1)).sum(axis=0)
        wrongs = (said != (truth == 1)).sum(axis=0)
        f1 = np.divide(2 * tp, 2 * tp + wrongs, out=np.zeros(K), where=tp > 0)
        better = (f1 > best) | ((f1 == best) & (f1 > 0) & (scores[row] > where))
        best, where = np.where(better, f1, best), np.where(better, scores[row], where)
    return where


def _first_best(value, reverse=False):
    """Take the first best candidate in the order of the rows."""

    def answer(scores, truth):
        out = []
        for s, t in zip(scores.T, truth.T, strict=True):
            options = s[::-1] if reverse else s
            values = [value(t, s >= option) for option in options]
            out.append(options[np.argmax(values)] if t.any() else np.inf)
        return np.array(out)

    return answer


wrong(
    "14.4",
    "the first of equal ones, as the rows stand",
    _first_best(_f1),
    says="order of the pictures",
)
wrong(
    "14.4",
    "the last of equal ones, as the rows stand",
    _first_best(_f1, reverse=True),
    says="order of the pictures",
)


@wrong("14.4", "Youden's J", says="true positive rate")
def youden(scores, truth):
    def j(t, said):
        no = max((1 - t).sum(), 1)
        return (t * said).sum() / max(t.sum(), 1) - ((1 - t) * said).sum() / no

    return _thresholds(j)(scores, truth)


@wrong("14.4", "as many yes as positives", says="as many")
def as_many_as_positives(scores, truth):
    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        out.append(np.sort(s)[::-1][t.sum() - 1] if t.any() else np.inf)
    return np.array(out)


@wrong("14.4", "always one half", says="0.5")
def half(scores, truth):
    return np.full(scores.shape[1], 0.5)


@wrong("14.4", "F2 instead of F1", says="recall")
def f_two(scores, truth):
    def f2(t, said):
        tp = (t * said).sum()
        return 5 * tp / max(4 * t.sum() + said.sum(), 1)

    return _thresholds(f2)(scores, truth)


@wrong("14.4", "inf for all labels", says="infinite")
def always_inf(scores, truth):
    return np.full(scores.shape[1], np.inf)


@wrong("14.4", "the smallest score of a positive", says="recall")
def smallest_positive(scores, truth):
    return np.where(truth == 1, scores, np.inf).min(axis=0)


@wrong("14.4", "the smallest on a tie and no inf")
def two_slips(scores, truth):
    return np.array(
        [
            max(sorted(s), key=lambda o, s=s, t=t: _f1(t, s >= o))
            for s, t in zip(scores.T, truth.T, strict=True)
        ]
    )


@wrong("14.4", "thresholds of each picture's scores", says="for each *picture*")
def rows_again(scores, truth):
    return np.array(
        [
            max(sorted(s, reverse=True), key=lambda o, s=s, t=t: _f1(t, s >= o))
            if t.any()
            else np.inf
            for s, t in zip(scores, truth, strict=True)
        ]
    )


@right("14.5")
def by_transposed_lists(parts, n):
    streams = [np.hstack(batches).tolist() for batches in parts]
    rounds = list(map(list, zip(*streams, strict=True)))
    return np.mean(sum(rounds, [])[:n])


@right("14.5")
def by_torch(parts, n):
    ranks = torch.stack([torch.cat([torch.tensor(b) for b in p]) for p in parts])
    return ranks.T.flatten()[:n].double().mean()


@right("14.5")
def by_weights(parts, n):
    """A row that was evaluated twice counts half each time."""
    W = len(parts)
    ranks = [np.concatenate(p) for p in parts]
    rows = np.concatenate(
        [(r + W * np.arange(len(c))) % n for r, c in enumerate(ranks)]
    )
    weight = 1 / np.bincount(rows)[rows]
    return np.average(np.concatenate(ranks), weights=weight)


@right("14.5")
def by_iterators(parts, n):
    hands = [iter([c for b in p for c in b]) for p in parts]
    right_ones = 0
    for row in range(n):
        right_ones += int(next(hands[row % len(hands)]))
    return right_ones / n


@right("14.5")
def by_slices(parts, n):
    W = len(parts)
    correct = np.zeros(W * sum(len(b) for b in parts[0]))
    for r in range(W):
        correct[r::W] = np.concatenate(parts[r])
    return float(correct[:n].sum() / n)


@wrong("14.5", "the last process loses all of the padding", says="last process")
def off_the_last_process(parts, n):
    ranks = [np.concatenate(b) for b in parts]
    extra = sum(map(len, ranks)) - n
    ranks[-1] = ranks[-1][: len(ranks[-1]) - extra]
    return np.concatenate(ranks).mean()


@wrong("14.5", "the front of the list goes", says="one after")
def off_the_front(parts, n):
    return np.concatenate([c for b in parts for c in b])[-n:].mean()


@wrong("14.5", "the last process alone", says="one process")
def last_process(parts, n):
    return np.concatenate(parts[-1]).mean()


@wrong("14.5", "the last batch of each goes", says="last batch")
def without_last_batch(parts, n):
    kept = [b for p in parts for b in p[:-1]]
    return np.concatenate(kept).mean()


@wrong("14.5", "the best of the processes", says="one process")
def best_process(parts, n):
    return max(np.concatenate(p).mean() for p in parts)


@wrong("14.5", "weights processes by their rows, padding too", says="counted twice")
def weighted_with_padding(parts, n):
    ranks = [np.concatenate(p) for p in parts]
    return np.average([c.mean() for c in ranks], weights=[len(c) for c in ranks])


@wrong("14.5", "sums over W times n", says="Add them up")
def sums_over_all(parts, n):
    return sum(b.sum() for p in parts for b in p) / (n * len(parts))


@wrong("14.5", "a list of processes", says="one number")
def each_process(parts, n):
    return [np.concatenate(p).mean() for p in parts]


@wrong("14.5", "errors instead of right ones", says="wrong ones")
def error_rate(parts, n):
    return 1 - row_by_row(parts, n)


@wrong("14.5", "the right number, not divided", says="how many")
def not_divided(parts, n):
    return int(by_slices(parts, n) * n + 0.5)


@right("14.6")
def with_while(model, batches, accumulation, optimizer, scheduler):
    done = 0
    while done < len(batches):
        size = min(accumulation, len(batches) - done)
        optimizer.zero_grad()
        total = sum(_loss(model, *batches[done + j]) for j in range(size))
        (total / size).backward()
        optimizer.step()
        scheduler.step()
        done += size


@right("14.6")
def with_chunks_of_tensors(model, batches, accumulation, optimizer, scheduler):
    groups = [
        batches[i : i + accumulation] for i in range(0, len(batches), accumulation)
    ]
    for group in groups:
        for x, y in group:
            _loss(model, x, y).backward(torch.tensor(1 / len(group)))
        optimizer.step()
        scheduler.step()
        for p in model.parameters():
            p.grad = None


@right("14.6")
def with_autograd_by_hand(model, batches, accumulation, optimizer, scheduler):
    parameters = list(model.parameters())
    sums, count = [torch.zeros_like(p) for p in parameters], 0
    for i, (x, y) in enumerate(batches):
        gradients = torch.autograd.grad(_loss(model, x, y), parameters)
        sums = [s + g for s, g in zip(sums, gradients, strict=True)]
        count += 1
        if count == accumulation or i + 1 == len(batches):
            for p, s in zip(parameters, sums, strict=True):
                p.grad = s / count
            optimizer.step()
            scheduler.step()
            sums, count = [torch.zeros_like(p) for p in parameters], 0


@right("14.6")
def with_pending_list(model, batches, accumulation, optimizer, scheduler):
    pending = []
    for batch in [*batches, None]:
        if len(pending) == accumulation or (batch is None and pending):
            optimizer.zero_grad()
            for x, y in pending:
                (_loss(model, x, y) / len(pending)).backward()
            optimizer.step()
            scheduler.step()
            pending = []
        pending.append(batch)


@right("14.6")
def loss_written_out(model, batches, accumulation, optimizer, scheduler):
    n = len(batches)
    for i in range(n):
        x, y = batches[i]
        z = model(x)
        loss = (z.clamp(min=0) - z * y + torch.log1p(torch.exp(-z.abs()))).mean()
        first = i - i % accumulation
        loss = loss / len(batches[first : first + accumulation])
        loss.backward()
        if i == n - 1 or not (i + 1) % accumulation:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()


wrong(
    "14.6",
    "the losses are summed, and the rest is lost",
    _loop(lambda i, n, a: 1, _full),
    says="add up",
)
wrong(
    "14.6",
    "divides in the last group by what would be left even if it is full",
    _loop(lambda i, n, a: n % a or a),
    says="of the last group",
)
wrong(
    "14.6",
    "the rate turns at the end of the epoch only",
    _loop(turns=lambda i, n, a: i == n - 1),
    says="only once",
)
wrong(
    "14.6",
    "one step at the end of all",
    _loop(lambda i, n, a: n, lambda i, n, a: i == n - 1),
    says="one step at the end",
)
wrong(
    "14.6",
    "no division and the rate with each batch",
    _loop(lambda i, n, a: 1, turns=_always),
    says="add up",
)


@wrong("14.6", "another step behind the loop, always", says="one step too many")
def step_behind_the_loop(model, batches, accumulation, optimizer, scheduler):
    for i, (x, y) in enumerate(batches):
        (_loss(model, x, y) / accumulation).backward()
        if (i + 1) % accumulation == 0:
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
    optimizer.step()
    scheduler.step()


@wrong("14.6", "steps first and goes backward afterwards", says="before `backward`")
def steps_first(model, batches, accumulation, optimizer, scheduler):
    for start in range(0, len(batches), accumulation):
        group = batches[start : start + accumulation]
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        for x, y in group:
            (_loss(model, x, y) / len(group)).backward()


@wrong("14.6", "clears before the step", says="before the step")
def clears_before_the_step(model, batches, accumulation, optimizer, scheduler):
    for start in range(0, len(batches), accumulation):
        group = batches[start : start + accumulation]
        for x, y in group:
            (_loss(model, x, y) / len(group)).backward()
        optimizer.zero_grad()
        optimizer.step()
        scheduler.step()


@wrong("14.6", "the last batch of each group only", says="last batch of its group")
def last_loss_of_group(model, batches, accumulation, optimizer, scheduler):
    for start in range(0, len(batches), accumulation):
        for x, y in batches[start : start + accumulation]:
            loss = _loss(model, x, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()


@wrong("14.6", "starts the groups anew with every batch", says="overlap")
def overlapping_groups(model, batches, accumulation, optimizer, scheduler):
    for i in range(len(batches)):
        group = batches[i : i + accumulation]
        optimizer.zero_grad()
        for x, y in group:
            (_loss(model, x, y) / len(group)).backward()
        optimizer.step()
        scheduler.step()


@wrong("14.6", "a sum over pictures and labels", says="sum")
def summed_loss(model, batches, accumulation, optimizer, scheduler):
    for start in range(0, len(batches), accumulation):
        group = batches[start : start + accumulation]
        optimizer.zero_grad()
        for x, y in group:
            loss = F.binary_cross_entropy_with_logits(model(x), y, reduction="sum")
            (loss / len(group)).backward()
        optimizer.step()
        scheduler.step()


@wrong("14.6", "softmax", says="softmax")
def softmax_instead(model, batches, accumulation, optimizer, scheduler):
    for start in range(0, len(batches), accumulation):
        group = batches[start : start + accumulation]
        optimizer.zero_grad()
        for x, y in group:
            (F.cross_entropy(model(x), y) / len(group)).backward()
        optimizer.step()
        scheduler.step()


@right("14.7")
def share_by_average_of_rows(shown, covered, neither):
    table = np.stack([shown, covered, neither]).mean(axis=1) @ np.array(
        [[0, 1], [1, 0], [-1, -1]]
    )
    return table[0] / table[1] if table[1] > 0 else math.nan


@right("14.7")
def share_by_loop(shown, covered, neither):
    company = both = 0.0
    for a, b, c in zip(shown, covered, neither, strict=True):
        company += b - c
        both += a - c
    return company / both if both > 0 else float("nan")


@right("14.7")
def share_by_interpolation(shown, covered, neither):
    low, high = float(neither.mean()), float(shown.mean())
    if low >= high:
        return np.nan
    slope = 1 / (high - low)
    return slope * covered.mean() - slope * low


@right("14.7")
def share_by_try(shown, covered, neither):
    a, b, c = (math.fsum(x.tolist()) / x.size for x in (shown, covered, neither))
    try:
        share = (b - c) / (a - c)
    except ZeroDivisionError:
        return math.nan
    return share if a > c else math.nan


@right("14.7")
def share_by_least_squares(shown, covered, neither):
    rise = np.array([[np.mean(shown - neither)]])
    if rise.item() <= 0:
        return np.nan
    answer, *_ = np.linalg.lstsq(rise, [np.mean(covered - neither)], rcond=None)
    return float(answer[0])


@wrong("14.7", "only pictures that rise", says="only pictures")
def rising_pictures(shown, covered, neither):
    up = shown > neither
    if shown.mean() <= neither.mean():
        return np.nan
    return (covered[up] - neither[up]).sum() / (shown[up] - neither[up]).sum()


@wrong("14.7", "no base below", says="*neither*")
def base_above_only(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return (covered.mean() - neither.mean()) / shown.mean()


@wrong("14.7", "divides by what the banana adds", says="what *both* bring")
def odds_of_company(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return (covered.mean() - neither.mean()) / (shown.mean() - covered.mean())


@wrong("14.7", "only negative shares are clipped", says="clip")
def clipped_below(shown, covered, neither):
    return max(share_of_means(shown, covered, neither), 0.0)


@wrong("14.7", "only shares above 1 are clipped", says="clip")
def clipped_above(shown, covered, neither):
    return np.minimum(1.0, share_of_means(shown, covered, neither))


@wrong("14.7", "nan for every negative share", says="negative share")
def nan_for_negative(shown, covered, neither):
    share = share_of_means(shown, covered, neither)
    return share if share >= 0 else np.nan


@wrong("14.7", "covered and neither exchanged", says="exchanged")
def exchanged_arguments(shown, covered, neither):
    a, b, c = shown.mean(), covered.mean(), neither.mean()
    return (c - b) / (a - b) if a > b else np.nan


@wrong("14.7", "the share of pictures with a rise", says="how many pictures")
def counted_pictures(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return np.mean(covered > neither)


@wrong("14.7", "the correlation")
def correlation(shown, covered, neither):
    if shown.mean() <= neither.mean():
        return np.nan
    return np.corrcoef(covered - neither, shown - neither)[0, 1]


@wrong("14.7", "rounded to whole percent")
def rounded_share(shown, covered, neither):
    return round(float(share_of_means(shown, covered, neither)), 2)


@wrong("14.7", "no nan but a message", says="nothing to share out")
def text_for_nothing(shown, covered, neither):
    share = share_of_means(shown, covered, neither)
    return 0 if math.isnan(share) else float(share)


# --- a third round ---


@wrong("14.6", "the loop as the lesson shows it", says="the loop as it was")
def careless_loop(model, batches, accumulation, optimizer, scheduler):
    for i, (x, y) in enumerate(batches):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x), y)
        loss.backward()
        if i % accumulation == 0:
            optimizer.step()
        scheduler.step()


@wrong("14.6", "mends all but the clearing", says="after every batch")
def still_clears(model, batches, accumulation, optimizer, scheduler):
    for i, (x, y) in enumerate(batches):
        optimizer.zero_grad()
        size = min(accumulation, len(batches) - i // accumulation * accumulation)
        (_loss(model, x, y) / size).backward()
        if (i + 1) % accumulation == 0 or i + 1 == len(batches):
            optimizer.step()
            scheduler.step()


@wrong("14.6", "mends all but the scheduler", says="scheduler")
def still_turns(model, batches, accumulation, optimizer, scheduler):
    optimizer.zero_grad()
    for i, (x, y) in enumerate(batches):
        size = min(accumulation, len(batches) - i // accumulation * accumulation)
        (_loss(model, x, y) / size).backward()
        if (i + 1) % accumulation == 0 or i + 1 == len(batches):
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()


@wrong("14.6", "mends all but the first step", says="first batch of a group")
def still_early(model, batches, accumulation, optimizer, scheduler):
    for i, (x, y) in enumerate(batches):
        (_loss(model, x, y) / accumulation).backward()
        if i % accumulation == 0:
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()


@wrong("14.6", "counts groups with zip, and loses the rest", says="left at the end")
def zipped_groups(model, batches, accumulation, optimizer, scheduler):
    for group in zip(*[iter(batches)] * accumulation, strict=False):
        for x, y in group:
            (_loss(model, x, y) / accumulation).backward()
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()


@right("14.6")
def with_hooks_of_counting(model, batches, accumulation, optimizer, scheduler):
    from collections import deque

    queue = deque(batches)
    while queue:
        group = [queue.popleft() for _ in range(min(accumulation, len(queue)))]
        mean = torch.stack([_loss(model, x, y) for x, y in group]).mean()
        optimizer.zero_grad(set_to_none=False)
        mean.backward()
        optimizer.step()
        scheduler.step()


@right("14.6")
def with_last_flag(model, batches, accumulation, optimizer, scheduler):
    model.zero_grad()
    full = len(batches) // accumulation * accumulation
    left = len(batches) - full
    for i, batch in enumerate(batches):
        weight = 1 / accumulation if i < full else 1 / left
        (weight * _loss(model, *batch)).backward()
        ends = (i + 1) % accumulation == 0 if i < full else i == len(batches) - 1
        if not ends:
            continue
        optimizer.step()
        scheduler.step()
        model.zero_grad()


@right("14.1")
def bce_times_comparison(logits, targets):
    x = logits
    return (x * (x > 0) - x * targets + torch.log1p(torch.exp(-torch.abs(x)))).mean()


@right("14.1")
def bce_by_torch_max(logits, targets):
    high = torch.max(logits, torch.zeros_like(logits))
    rest = torch.exp(-high) + torch.exp(logits - high)
    return torch.mean(torch.log(rest) + high - targets * logits)


@right("14.1")
def bce_of_right_and_wrong(logits, targets):
    z = torch.where(targets.bool(), logits, -logits)
    loss = torch.log1p(torch.exp(-z.abs())) + torch.where(z < 0, -z, 0.0)
    return loss.mean(dim=1).mean(dim=0)


@right("14.1")
def bce_by_vmap(logits, targets):
    def one(x, t):
        return torch.logaddexp(x * 0, x) - x * t

    return torch.vmap(one)(logits, targets).mean()


@right("14.1")
def bce_by_softmax_of_two(logits, targets):
    two = torch.stack([logits, torch.zeros_like(logits)], dim=-1)
    log_z = two.logsumexp(dim=-1)
    return (targets * (log_z - logits) + (1 - targets) * log_z).mean()


@wrong("14.1", "returns zero where it is nan", says="no longer grows")
def zero_if_nan(logits, targets):
    p = torch.sigmoid(logits)
    loss = -(targets * p.log() + (1 - targets) * (1 - p).log())
    return torch.where(loss.isfinite(), loss, torch.zeros_like(loss)).mean()


@wrong("14.1", "the mean for each label, summed", says="K times too large")
def mean_then_sum(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))
    return (logits.clamp(min=0) - logits * targets + rest).mean(dim=0).sum()


@wrong("14.1", "cross_entropy of PyTorch", says="ready-made")
def cross_entropy_of_torch(logits, targets):
    return F.cross_entropy(logits, targets)


@wrong("14.1", "log of p, and 1 - p left away", says="It overflows")
def naive_by_log1p(logits, targets):
    p = torch.sigmoid(logits)
    return -(targets * p.log() + (1 - targets) * torch.log1p(-p)).mean()


@wrong("14.1", "the hinge")
def hinge(logits, targets):
    return (1 - (2 * targets - 1) * logits).clamp(min=0).mean()


@right("14.2")
def ap_by_value_counts(scores, truth):
    total = truth.sum()
    if total == 0:
        return float("nan")
    values = set(scores.tolist())
    gains = {v: truth[scores == v].sum() / total for v in values}
    return sum(truth[scores >= v].mean() * gain for v, gain in gains.items())


@right("14.2")
def ap_while(scores, truth):
    left = set(scores.tolist())
    recall = result = 0.0
    n = int(truth.sum())
    while left and n:
        t = max(left)
        left.remove(t)
        yes = [bool(s >= t) for s in scores]
        hits = sum(int(y and c) for y, c in zip(yes, truth, strict=True))
        result += hits / sum(yes) * (hits / n - recall)
        recall = hits / n
    return result if n else np.nan


@right("14.2")
def ap_as_matrix(scores, truth):
    above = scores[:, None] <= scores  # (picture, those that stand above it)
    precision = above @ truth / above.sum(axis=1)
    return precision[truth > 0].mean() if truth.max() else float("nan")


@right("14.2")
def ap_by_integral(scores, truth):
    if not any(truth):
        return math.nan
    recall, precision = [0.0], []
    for t in np.flip(np.unique(scores)):
        said = np.where(scores >= t, 1, 0)
        precision.append((said @ truth) / said.sum())
        recall.append((said @ truth) / truth.sum())
    return np.dot(precision, np.diff(recall))


@wrong("14.2", "the lesson's, for scores that all differ", says="Equal scores")
def ap_of_the_lesson(scores, truth):
    if not truth.any():
        return np.nan
    truth = truth[np.argsort(-scores)]
    precision = truth.cumsum() / np.arange(1, len(truth) + 1)
    return precision[truth > 0].mean()


@wrong("14.2", "best case among equal scores", says="Equal scores")
def ap_kind(scores, truth):
    if not truth.any():
        return np.nan
    truth = truth[np.lexsort((-truth, -scores))]
    precision = truth.cumsum() / np.arange(1, len(truth) + 1)
    return precision[truth > 0].mean()


@wrong("14.2", "worst case among equal scores", says="Equal scores")
def ap_unkind(scores, truth):
    if not truth.any():
        return np.nan
    truth = truth[np.lexsort((truth, -scores))]
    precision = truth.cumsum() / np.arange(1, len(truth) + 1)
    return precision[truth > 0].mean()


@wrong("14.2", "recall as the weight of all pictures", says="number of pictures")
def ap_over_n(scores, truth):
    if not truth.any():
        return np.nan
    total = before = 0.0
    for t in np.unique(scores)[::-1]:
        taken = scores >= t
        recall = truth[taken].sum() / len(truth)
        total += truth[taken].mean() * (recall - before)
        before = recall
    return total


@wrong("14.3", "the lesson's mean without its count", says="two numbers")
def mean_without_count(scores, truth):
    some = truth.any(axis=0)
    if not some.any():
        return np.nan
    return float(average_precision_score(truth[:, some], scores[:, some]))


@wrong("14.3", "scikit-learn's samples")
def samples_average(scores, truth):
    value = average_precision_score(truth, scores, average="samples")
    return value, int((~truth.any(axis=0)).sum())


@right("14.3")
def macro_by_recursion(scores, truth):
    if truth.shape[1] == 0:
        return float("nan"), 0
    mean, out = macro_by_recursion(scores[:, 1:], truth[:, 1:])
    kept = truth.shape[1] - 1 - out
    if not truth[:, 0].any():
        return mean, out + 1
    first = average_precision_score(truth[:, 0], scores[:, 0])
    return (first + kept * mean) / (kept + 1) if kept else first, out


@wrong("14.4", "the lesson's cut_for", says="the smallest")
def cuts_of_the_lesson(scores, truth):
    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        if not t.any():
            out.append(np.inf)
            continue
        precision, recall, cuts = precision_recall_curve(t, s)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
        out.append(cuts[f1[:-1].argmax()])
    return np.array(out)


@right("14.4")
def cuts_from_above(scores, truth):
    out = []
    for s, t in zip(scores.T, truth.T, strict=True):
        precision, recall, cuts = precision_recall_curve(t, s)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
        f1 = f1[:-1][::-1]
        out.append(cuts[::-1][f1.argmax()] if t.any() else np.inf)
    return np.array(out)


@right("14.4")
def cuts_with_fractions(scores, truth):
    from fractions import Fraction

    result = []
    for k in range(scores.shape[1]):
        pairs = sorted(zip(scores[:, k], truth[:, k], strict=True), reverse=True)
        positives = int(sum(truth[:, k]))
        best, where = Fraction(0), math.inf
        for t, _ in pairs:
            said = [int(c) for s, c in pairs if s >= t]
            f1 = Fraction(2 * sum(said), len(said) + positives)
            if f1 > best:
                best, where = f1, float(t)
        result.append(where)
    return result


@wrong("14.4", "starts upward with > and skips equal ones", says="the smallest")
def upward_strict(scores, truth):
    out = np.full(scores.shape[1], np.inf)
    for k in range(scores.shape[1]):
        best = 0
        for t in np.sort(scores[:, k]):
            f1 = f1_score(truth[:, k], scores[:, k] >= t, zero_division=0)
            if f1 > best:
                best, out[k] = f1, t
    return out


@wrong("14.4", "looks at scores above 0 only")
def above_zero(scores, truth):
    def positive(s):
        return np.unique(np.maximum(s, 0))

    return _thresholds(_f1, positive)(scores, truth)


@right("14.5")
def by_modulo(parts, n):
    W = len(parts)
    correct = {}
    for r, rank in enumerate(parts):
        for j, c in enumerate(np.concatenate(rank)):
            correct.setdefault((r + j * W) % n, c)
    return np.mean([correct[i] for i in range(n)])


@right("14.5")
def by_fortran_order(parts, n):
    table = np.array([np.concatenate(rank) for rank in parts])
    return float(table.ravel(order="F")[:n].sum()) / n


@right("14.5")
def by_subtracting(parts, n):
    """All that is right, less what the padding counted again."""
    ranks = [np.concatenate(rank) for rank in parts]
    dealt = np.array(ranks).T.reshape(-1)
    return (dealt.sum() - dealt[n:].sum()) / n


@wrong("14.5", "drops one row of the last process, always")
def one_row_less(parts, n):
    ranks = [np.concatenate(rank) for rank in parts]
    if sum(map(len, ranks)) > n:
        ranks[-1] = ranks[-1][:-1]
    return np.concatenate(ranks).mean()


@wrong("14.5", "stacks along the wrong axis", says="one after the other")
def wrong_axis(parts, n):
    table = np.stack([np.concatenate(rank) for rank in parts])
    return table.flatten()[:n].mean()


@right("14.7")
def share_with_nan_first(shown, covered, neither):
    whole = np.mean(shown) - np.mean(neither)
    if whole > 0:
        return (np.mean(covered) - np.mean(neither)) / whole
    return float("nan")


@right("14.7")
def share_by_weights_of_one(shown, covered, neither):
    n = shown.size
    w = np.full(n, 1 / n)
    a, b, c = w @ shown, w @ covered, w @ neither
    return (b - c) / (a - c) if a - c > 1e-12 else np.nan


@wrong("14.7", "the sign turned")
def sign_turned(shown, covered, neither):
    return -share_of_means(shown, covered, neither)


@wrong("14.7", "what covering takes away", says="rest")
def what_covering_takes(shown, covered, neither):
    return 1 - share_of_means(shown, covered, neither)
