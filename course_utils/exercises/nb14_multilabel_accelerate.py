"""Exercises of notebook 14: the loss, average precision, thresholds, two processes."""

import warnings

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

# --- 14.1 The loss, without overflow ----------------------------------------------


def bce(logits, targets):
    rest = torch.log1p(torch.exp(-logits.abs()))  # exp of numbers up to 0
    return (logits.clamp(min=0) - logits * targets + rest).mean()


class _PlainFunctions(TorchFunctionMode):
    """Refuses the losses that PyTorch has ready, and the pieces of them."""

    READY = ("cross_entropy", "softplus", "logsigmoid", "log_sigmoid", "margin_loss")

    def __torch_function__(self, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if any(word in name for word in self.READY):
            raise NotAnAnswer(
                f"`{name}` is a ready-made loss or a piece of one. Write it with plain "
                "functions such as `exp`, `log1p`, `abs` and `clamp`."
            )
        return func(*args, **(kwargs or {}))


def _probe_bce(answer, logits, targets):
    """Return the loss and its gradient, in words where they are of no use."""
    x = logits.clone().requires_grad_()
    with _PlainFunctions():
        loss = answer(x, targets)
    if not isinstance(loss, torch.Tensor):
        return {"loss": loss, "gradient": "none"}
    if loss.numel() > 1:
        return {"loss": loss.detach()}
    loss = loss.reshape(())
    if not loss.isfinite():
        return {"loss": "inf or nan"}
    if logits.abs().max() > 100:
        with _PlainFunctions():
            doubled = answer(2 * logits, targets)
        if torch.allclose(doubled.detach().reshape(()), loss.detach(), rtol=1e-4):
            return {"loss": "the same when all logits double"}
    gradient = "none"
    if loss.requires_grad:
        try:
            (found,) = torch.autograd.grad(loss, x, allow_unused=True)
        except RuntimeError as problem:
            raise NotAnAnswer(f"`backward` fails: {problem}") from None
        if found is not None:
            gradient = found if found.isfinite().all() else "inf or nan"
    return {"loss": loss.detach(), "gradient": gradient}


def _by_label(loss, mean=torch.mean):
    """Reduce a loss of each label, which gets logits, targets and the stable rest."""

    def bce(logits, targets):
        rest = torch.log1p(torch.exp(-logits.abs()))
        return mean(loss(logits, targets, rest))

    return bce


def _stable(x, t, rest):
    return x.clamp(min=0) - x * t + rest


def _probabilities(cut=lambda p: p):
    def bce(logits, targets):
        p = cut(torch.sigmoid(logits))
        return -(targets * p.log() + (1 - targets) * (1 - p).log()).mean()

    return bce


def _softmax_loss(mean):
    def bce(logits, targets):
        return mean(-targets * torch.log_softmax(logits, dim=1))

    return bce


def _two_branches(logits, targets):
    softplus = torch.where(
        logits > 0,
        logits + torch.log1p(torch.exp(-logits)),
        torch.log1p(torch.exp(logits)),
    )
    return (softplus - logits * targets).mean()


def _two_losses(logits, targets):
    yes = torch.logaddexp(torch.zeros_like(logits), -logits)
    no = torch.logaddexp(torch.zeros_like(logits), logits)
    return torch.where(targets == 1, yes, no).mean()


def _mean_over_pictures(loss):
    return loss.sum(dim=1).mean()


_SOFTMAX = (
    "You take a softmax over the labels. Then they compete: two that are both there "
    "can never both be sure. Here each label has a sigmoid of its own."
)
_ONLY_THERE = (
    "Only labels that are there count. A model that says yes to everything would "
    "have no loss: what is *not* there needs its term, too."
)
_MEAN_OVER_PICTURES = (
    "You add up the labels and take the mean over the pictures alone, so the loss is "
    "K times too large."
)
_EACH = "That is a table of losses. Asked is one number, their mean."

LOSS = Exercise(
    id="14.1",
    title="The loss, without overflow",
    solution=bce,
    kinds=("torch",),
    cases=(
        (
            np.array([[2.0, -1.0, 0.5], [-3.0, 0.25, 1.5]]),
            np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]),
        ),
        (
            np.array([[1000.0, -1000.0], [-300.0, 150.0], [1000.0, -200.0]]),
            np.array([[1.0, 1.0], [0.0, 0.0], [0.0, 1.0]]),
        ),
        (
            np.array([[-1000.0, 400.0, -200.0, 150.0]]),
            np.array([[1.0, 0.0, 0.0, 1.0]]),
        ),
    ),
    probe=_probe_bce,
    mistakes=(
        Mistake(
            _probabilities(),
            "It overflows. Far from zero, `exp` becomes infinite or a sigmoid exactly "
            "0 or 1, and its logarithm infinite. Bring the formula into a form in "
            "which `exp` only meets numbers up to 0.",
        ),
        Mistake(
            _probabilities(lambda p: p.clamp(1e-7, 1 - 1e-7)),
            "The loss is finite, but it no longer grows with the logit. A clamp, an "
            "epsilon or `nan_to_num` cuts it off just where the model is most wrong, "
            "and there the gradient is 0. Rewrite the formula instead.",
        ),
        Mistake(
            _two_branches,
            "The loss is right, its gradient is not a number. `torch.where` chooses "
            "between values, but `backward` goes through both branches, and 0 times "
            "the infinite slope of the other one is `nan`. Give `exp` an argument "
            "that is never large.",
        ),
        Mistake(
            lambda x, t: bce(x.detach(), t),
            "Your loss has no gradient: with `detach`, `no_grad`, `item` or NumPy the "
            "way back to the logits is lost. Return a tensor that `backward` can use.",
        ),
        Mistake(
            lambda x, t: bce(torch.sigmoid(x), t),
            "The sigmoid is applied twice: your formula takes *logits*, and you hand "
            "it probabilities. Its loss never falls below 0.31 for a label that is "
            "there.",
        ),
        Mistake(
            lambda x, t: ((torch.sigmoid(x) - t) ** 2).mean(),
            "That is the squared error of the probabilities. Cross-entropy takes their "
            "logarithm.",
        ),
        Mistake(
            lambda x, t: bce(x, t) * t.numel() / t.sum(),
            "You divide by the number of positives. Asked is the mean over all "
            "pictures and labels.",
        ),
        Mistake(
            lambda x, t: bce(x, t) / np.log(2),
            "Your logarithm has base 2. The loss takes the natural one, `torch.log`.",
        ),
        Mistake(
            _by_label(_stable, torch.sum),
            "You add up all pictures and labels. Asked is their mean.",
        ),
        Mistake(_by_label(_stable, _mean_over_pictures), _MEAN_OVER_PICTURES),
        Mistake(_by_label(_stable, lambda loss: loss), _EACH),
        Mistake(_by_label(_stable, lambda loss: loss.mean(dim=1)), _EACH),
        Mistake(_by_label(_stable, lambda loss: loss.mean(dim=0)), _EACH),
        Mistake(_by_label(_stable, lambda loss: loss.sum(dim=1)), _EACH),
        Mistake(_softmax_loss(torch.mean), _SOFTMAX),
        Mistake(_softmax_loss(_mean_over_pictures), _SOFTMAX),
        Mistake(_softmax_loss(torch.sum), _SOFTMAX),
        Mistake(
            _by_label(lambda x, t, rest: t * ((-x).clamp(min=0) + rest)), _ONLY_THERE
        ),
        Mistake(
            _by_label(
                lambda x, t, rest: t * ((-x).clamp(min=0) + rest), _mean_over_pictures
            ),
            _ONLY_THERE,
        ),
        Mistake(
            _by_label(lambda x, t, rest: (1 - t) * (x.clamp(min=0) + rest)),
            "Only labels that are *not* there count. The others need their term, too.",
        ),
        Mistake(
            lambda x, t: (x.clamp(min=0) - x * t + torch.log1p(torch.exp(-x))).mean(),
            "You use the term `log1p(exp(-x))` without `abs`. Together with "
            "max(x, 0) it takes -|x|, whatever the sign of the logit.",
        ),
        Mistake(
            lambda x, t: bce(x, 1 - t),
            "The targets are the wrong way round: your loss is small when the model "
            "says the opposite. Look at the signs.",
        ),
        Mistake(lambda x, t: -bce(x, t), "The sign is wrong: the better, the higher."),
        Mistake(
            _by_label(lambda x, t, rest: x.clamp(min=0) + rest),
            "The targets do not count: your loss treats all labels as absent.",
        ),
        Mistake(
            _by_label(lambda x, t, rest: x.clamp(min=0) - x * t),
            "The logarithm is missing: only the part that is large far from zero is "
            "there.",
        ),
        Mistake(
            _by_label(lambda x, t, rest: rest - x * t),
            "The part max(x, 0) is missing.",
        ),
        Mistake(
            _by_label(lambda x, t, rest: x.abs() - x * t + rest),
            "You add |x| where max(x, 0) belongs.",
        ),
    ),
    hints=(
        "For a target of 1 the loss is log(1 + exp(-x)), for a target of 0 it is "
        "log(1 + exp(x)). The two differ by x. Which term holds for both?",
        "log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)). On the right, `exp` never "
        "meets a positive number.",
        "For each label: max(x, 0) - x t + log(1 + exp(-|x|)). max(x, 0) is "
        "`logits.clamp(min=0)`, and the last term takes `torch.log1p`.",
    ),
    because="`exp` only meets numbers up to 0, so nothing overflows, and far from zero "
    "the loss grows like |x|: a label that is surely wrong still pulls. "
    "`torch.nn.BCEWithLogitsLoss` computes it in this form.",
    alternatives=(_two_losses,),
)

# --- 14.2 Average precision -------------------------------------------------------


def average_precision(scores, truth):
    positives = truth.sum()
    if positives == 0:
        return float("nan")
    total, recall_before = 0.0, 0.0
    for threshold in np.unique(scores)[::-1]:  # each distinct score once
        taken = scores >= threshold
        recall = truth[taken].sum() / positives
        total += truth[taken].mean() * (recall - recall_before)
        recall_before = recall
    return total


def _curve(scores, truth, candidates=None, above=np.greater_equal):
    """Return precision and recall at each threshold, from the highest down."""
    candidates = np.unique(scores)[::-1] if candidates is None else candidates
    taken = above(scores, candidates[:, None])  # (thresholds, n)
    hits, count = (taken * truth).sum(axis=1), taken.sum(axis=1)
    return hits / np.maximum(count, 1), hits / truth.sum()


def _ap(
    value=lambda precision, recall: precision @ np.diff(recall, prepend=0),
    empty=np.nan,
    above=np.greater_equal,
):
    """Make something else of the curve, or of a label without positives."""

    def average_precision(scores, truth):
        if truth.sum() == 0:
            return empty
        return float(value(*_curve(scores, truth, above=above)))

    return average_precision


def _ranked_ap(order, value=lambda t, at: (t * at).sum() / t.sum(), first=1):
    """Go through the pictures one by one, equal scores in an order of chance."""

    def average_precision(scores, truth):
        if truth.sum() == 0:
            return float("nan")
        t = truth[order(scores)]
        return value(t, np.cumsum(t) / np.maximum(np.arange(len(t)) + first, 1e-9))

    return average_precision


def _highest_first(scores):
    return np.argsort(-scores, kind="stable")


def _lowest_last(scores):
    return np.argsort(scores, kind="stable")[::-1]


def _ties_in_favor(sign):
    """Let the positives among equal scores come first (-1), or last (1)."""

    def average_precision(scores, truth):
        order = np.lexsort((sign * truth, -scores))
        return _ranked_ap(lambda scores: order)(scores, truth)

    return average_precision


def _roc_area(scores, truth):
    if truth.sum() == 0:
        return float("nan")
    yes, no = scores[truth == 1], scores[truth == 0]
    if not no.size:
        return 1.0
    return np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no))


def _trapezoids(start):
    def value(precision, recall):
        p = np.append(start(precision), precision)
        return (p[1:] + p[:-1]) / 2 @ np.diff(recall, prepend=0)

    return value


def _interpolated(precision, recall):
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return best @ np.diff(recall, prepend=0)


def _before_each(scores, truth):
    t = truth[np.argsort(-scores, kind="stable")]
    at = [t[:i].sum() / max(i, 1) for i in np.flatnonzero(t)]
    return np.mean(at) if at else np.nan


def _precision(label, said):
    return label[said].mean() if said.any() else 0.0


def _by_positives(scores, truth):
    at = [truth[scores >= score].mean() for score in scores[truth == 1]]
    return np.mean(at) if at else np.nan


_TIES = (
    "Equal scores must come in together. You take them one by one, so the result "
    "depends on the order in which the pictures happen to stand."
)
_EMPTY = (
    "Without any positive there is no recall, so no average precision either: return "
    "`nan`. A number, even 0, would enter the mean over labels."
)
_OVER_ALL = (
    "You divide by the number of pictures. The gains in recall sum to 1: divide by the "
    "number of positives."
)
_UPWARD = "You begin with the lowest score. A threshold goes down from the highest."
_BEFORE = (
    "You multiply the gain by the precision *before* the step (ranks counted from 0 do "
    "that, too). It is the one after it, with the pictures of this score taken in."
)
_EVERY = (
    "You take the mean of the precision at every picture. Only where a positive comes "
    "in, recall rises, and only there precision counts."
)
_LINES = (
    "You join the points by straight lines (trapezoids). That is too kind: between "
    "two points, precision does not move along a line. Each gain in recall counts "
    "with the precision reached at its end."
)

AP = Exercise(
    id="14.2",
    title="Average precision",
    solution=average_precision,
    cases=(
        (np.array([0.2, 0.9, 0.4, 0.7, 0.6]), np.array([0, 1, 1, 0, 1])),
        (np.array([0.5, 0.8, 0.5, 0.3, 0.8, 0.1]), np.array([1, 0, 0, 1, 1, 0])),
        (np.array([-1.0, 2.0, -1.0, 0.5, -3.0, 2.0]), np.array([0, 1, 1, 0, 1, 0])),
        (np.array([0.7, 0.2, 0.6, 0.4]), np.array([0, 0, 0, 1])),
        (np.array([0.3, 0.2, 0.6]), np.array([0, 0, 0])),
        (np.array([0.3, 0.1, 0.2, 0.2]), np.array([1, 1, 1, 1])),
        (np.array([0.4, 0.4, 0.4, 0.4, 0.4]), np.array([0, 1, 0, 1, 1])),
    ),
    mistakes=(
        Mistake(_ranked_ap(_highest_first), _TIES),
        Mistake(_ranked_ap(_lowest_last), _TIES),
        Mistake(_ranked_ap(lambda scores: np.argsort(-scores)), _TIES),
        Mistake(_ranked_ap(lambda scores: np.argsort(scores)[::-1]), _TIES),
        Mistake(_ties_in_favor(-1), _TIES),
        Mistake(_ties_in_favor(1), _TIES),
        Mistake(_ranked_ap(np.argsort), _UPWARD),
        Mistake(
            lambda scores, truth: average_precision(-scores, truth),
            _UPWARD,
        ),
        Mistake(
            lambda scores, truth: _by_positives(-scores, truth) if any(truth) else 0.0,
            _UPWARD,
        ),
        Mistake(_ranked_ap(_highest_first, lambda t, at: at.mean()), _EVERY),
        Mistake(_ranked_ap(_lowest_last, lambda t, at: at.mean()), _EVERY),
        Mistake(_ranked_ap(_highest_first, lambda t, at: (t * at).mean()), _OVER_ALL),
        Mistake(
            lambda scores, truth: (
                average_precision(scores, truth) * truth.sum() / len(truth)
            ),
            _OVER_ALL,
        ),
        Mistake(
            _ranked_ap(_highest_first, lambda t, at: (t * at).sum()),
            "You add up the precisions, but never weigh them with the gain in recall, "
            "which is 1 / positives for each.",
        ),
        Mistake(
            lambda scores, truth: np.nan_to_num(average_precision(scores, truth)),
            _EMPTY,
        ),
        Mistake(_ap(empty=1.0), _EMPTY),
        Mistake(_ap(_trapezoids(lambda precision: 1.0)), _LINES),
        Mistake(_ap(_trapezoids(lambda precision: precision[0])), _LINES),
        Mistake(_ap(_trapezoids(lambda precision: 0.0)), _LINES),
        Mistake(
            lambda scores, truth: (
                np.diff(_curve(scores, truth)[1])
                @ (_curve(scores, truth)[0][1:] + _curve(scores, truth)[0][:-1])
                / 2
                if truth.any()
                else np.nan
            ),
            _LINES,
        ),
        Mistake(
            _roc_area,
            "That is the area under the ROC curve. It looks at true and false "
            "positive rate; here it is precision against recall.",
        ),
        Mistake(
            _ap(above=np.greater),
            "A score equal to the threshold counts as yes: `>=`, not `>`. The lowest "
            "score is a threshold like the others.",
        ),
        Mistake(
            _ap(_interpolated),
            "You let each recall have the best precision from there on. That is the "
            "*interpolated* average precision of older benchmarks, which is higher.",
        ),
        Mistake(
            _ap(lambda precision, recall: precision @ recall),
            "You multiply by the whole recall. Only its *gain* over the threshold "
            "before counts.",
        ),
        Mistake(
            _ap(lambda precision, recall: precision.mean()),
            "You take the plain mean of the precision over the distinct scores. Each "
            "one counts with its gain in recall, which may be zero.",
        ),
        Mistake(
            _ap(lambda precision, recall: precision[1:] @ np.diff(recall)),
            "The first gain is lost. Before the highest score, recall is 0.",
        ),
        Mistake(
            _ap(lambda precision, recall: precision[:-1] @ np.diff(recall)),
            _BEFORE,
        ),
        Mistake(
            _ap(lambda precision, recall: recall @ np.diff(precision, prepend=0)),
            "You go through the thresholds upward, from the lowest score, or precision "
            "and recall have changed places (both give this number). Go down from the "
            "highest score, and take precision times the gain in recall.",
        ),
        Mistake(
            _ap(lambda p, r: np.max(2 * p * r / np.maximum(p + r, 1e-9))),
            "That is the best F1, so a value at one threshold. Average precision goes "
            "through all of them.",
        ),
        Mistake(
            lambda scores, truth: (
                _precision(truth, scores >= 0.5) if truth.any() else np.nan
            ),
            "That is the precision at one threshold, 0.5. Average precision goes "
            "through all scores.",
        ),
        Mistake(
            _ap(
                lambda p, r: np.mean(
                    [p[r >= level].max() for level in np.linspace(0, 1, 11)]
                )
            ),
            "That is the *interpolated* average precision of older benchmarks, at "
            "eleven recalls. Asked is the sum over all distinct scores.",
        ),
        Mistake(
            lambda scores, truth: truth.mean() if truth.any() else np.nan,
            "That is the share of positives, which is about what scores by chance "
            "would reach. The order of the scores does not count in it.",
        ),
        Mistake(_before_each, _BEFORE),
        Mistake(
            _ap(lambda precision, recall: -precision @ np.diff(recall, prepend=0)),
            "The sign is wrong: recall grows as the threshold goes down.",
        ),
    ),
    hints=(
        "Sort the distinct scores, highest first (`np.unique` sorts them upward), and "
        "go through them with a loop.",
        "At a threshold, `taken = scores >= threshold`. Precision is the mean of "
        "`truth[taken]`; recall is its sum over the sum of `truth`.",
        "Keep the recall of the threshold before, add precision times the difference, "
        "and begin with a recall of 0. Look for a label without positives first.",
    ),
    because="Each distinct score is one cut that a threshold can make, and equal "
    "scores cannot be told apart by any. The result is scikit-learn's "
    "`average_precision_score`, but for a label without positives, to which "
    "scikit-learn gives 0.",
    alternatives=(_by_positives, _ap()),
)

# --- 14.3 The mean over labels, and what it leaves out ----------------------------


def macro_ap(scores, truth):
    found = []
    for k in range(truth.shape[1]):
        if truth[:, k].any():
            value = average_precision_score(truth[:, k], scores[:, k])
            found.append(value)
    mean = np.mean(found) if found else np.nan
    return mean, truth.shape[1] - len(found)


def _macro(
    value=_by_positives,
    keep=lambda label: label.any(),
    mean=lambda values, weights: values.mean(),
    empty=np.nan,
    left_out=lambda K, kept: K - kept,
):
    """Judge each label that is kept by ``value``; take some mean of the values."""

    def macro_ap(scores, truth):
        kept = [k for k in range(truth.shape[1]) if keep(truth[:, k])]
        values = np.array([value(scores[:, k], truth[:, k]) for k in kept])
        weights = truth[:, kept].sum(axis=0)
        found = float(mean(values, weights)) if kept else empty
        return found, left_out(truth.shape[1], len(kept))

    return macro_ap


def _without_loop(scores, truth):
    kept = truth.any(axis=0)
    if not kept.any():
        return float("nan"), len(kept)
    mean = average_precision_score(truth[:, kept], scores[:, kept])
    return mean, np.sum(~kept)


def _over_rows(scores, truth):
    return macro_ap(scores.T, truth.T)


def _of_all_in_one(scores, truth):
    value = _by_positives(scores.ravel(), truth.ravel())
    return value, truth.shape[1] - truth.any(axis=0).sum()


def _as_zero(left_out):
    def macro_ap(scores, truth):
        values = [_by_positives(*pair) for pair in zip(scores.T, truth.T, strict=True)]
        return float(np.mean(np.nan_to_num(values))), left_out(truth)

    return macro_ap


def _nan_in_the_mean(scores, truth):
    values = [_by_positives(*pair) for pair in zip(scores.T, truth.T, strict=True)]
    return float(np.mean(values)), int(np.isnan(values).sum())


_ZERO = (
    "A label without positives counts as 0 and pulls the mean down, although nobody "
    "could have found anything. Leave it out of the mean, of its divisor, too."
)
_ALL_OUT = (
    "If all labels are left out, there is no mean: return `nan`, and the number of "
    "labels beside it."
)

MACRO = Exercise(
    id="14.3",
    title="The mean over labels, and what it leaves out",
    solution=macro_ap,
    cases=(
        (
            np.array(
                [
                    [0.9, 0.3, 0.2, 0.8],
                    [0.4, 0.6, 0.7, 0.1],
                    [0.7, 0.5, 0.1, 0.6],
                    [0.2, 0.8, 0.4, 0.7],
                    [0.6, 0.1, 0.9, 0.3],
                ]
            ),
            np.array(
                [[1, 1, 0, 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
            ),
        ),
        (
            np.array([[2.0, -1.0], [-0.5, 0.5], [1.0, -2.0]]),
            np.array([[1, 0], [1, 1], [0, 1]]),
        ),
        (
            np.array([[0.2, 0.1, 0.7], [0.6, 0.4, 0.3], [0.5, 0.9, 0.8]]),
            np.array([[1, 0, 1], [1, 0, 0], [1, 0, 0]]),
        ),
        (np.array([[0.2], [0.6], [0.4]]), np.array([[1], [1], [0]])),
        (
            np.array([[0.2, 0.7], [0.6, 0.3], [0.4, 0.5]]),
            np.zeros((3, 2), dtype=int),
        ),
    ),
    mistakes=(
        Mistake(_as_zero(lambda truth: (~truth.any(axis=0)).sum()), _ZERO),
        Mistake(_as_zero(lambda truth: 0), _ZERO),
        Mistake(
            lambda scores, truth: (
                np.nansum(
                    [
                        _by_positives(*pair)
                        for pair in zip(scores.T, truth.T, strict=True)
                    ]
                )
                / (truth.shape[1] if truth.any() else np.nan),
                (~truth.any(axis=0)).sum(),
            ),
            _ZERO,
        ),
        Mistake(
            lambda scores, truth: _as_zero(lambda truth: 0)(scores, truth)[0],
            "Return two numbers, the mean and how many labels were left out. And in "
            "the mean, a label without positives counts as 0: leave it out.",
        ),
        Mistake(
            lambda scores, truth: (
                macro_ap(scores, truth)[0],
                np.flatnonzero(~truth.any(axis=0)),
            ),
            "You name the labels that are left out. Asked is how many there are.",
        ),
        Mistake(
            lambda scores, truth: (
                macro_ap(scores, truth)[0],
                (~truth.any(axis=1)).sum(),
            ),
            "Your second number counts pictures that show nothing. Count labels that "
            "no picture shows: columns.",
        ),
        Mistake(
            lambda scores, truth: (
                macro_ap(scores[truth.any(axis=1)], truth[truth.any(axis=1)])[0],
                (~truth.any(axis=1)).sum(),
            ),
            "You leave out pictures that show nothing. They belong to the test: a "
            "label must not be found there. Leave out *labels* that no picture shows.",
        ),
        Mistake(
            _nan_in_the_mean,
            "One label without positives makes the whole mean `nan`. Leave it out "
            "before you take the mean.",
        ),
        Mistake(
            _macro(left_out=lambda K, kept: kept),
            "The second number counts the labels that *stay*. Asked is how many are "
            "left out.",
        ),
        Mistake(
            lambda scores, truth: macro_ap(scores, truth)[0],
            "That is the mean alone. Return two numbers: the mean, and how many "
            "labels were left out.",
        ),
        Mistake(
            _macro(left_out=lambda K, kept: 0),
            "You leave labels out, but do not say so: the second number is how many "
            "were left out. Without it, nobody knows what the mean is a mean of.",
        ),
        Mistake(
            lambda scores, truth: macro_ap(scores, truth)[::-1],
            "The two numbers stand in the other order: first the mean, then the "
            "number of labels.",
        ),
        Mistake(_macro(empty=0.0), _ALL_OUT),
        *(
            Mistake(
                lambda scores, truth, nothing=nothing: (
                    macro_ap(scores, truth) if truth.any() else nothing
                ),
                _ALL_OUT,
            )
            for nothing in ((np.nan, 0), (0.0, 0), (1.0, 0), 0.0)
        ),
        Mistake(
            lambda scores, truth: macro_ap(scores, truth) if truth.any() else np.nan,
            _ALL_OUT,
        ),
        Mistake(
            _of_all_in_one,
            "You make one long list of all pictures and labels (a *micro* average), in "
            "which frequent labels count most. Here each label has its own average "
            "precision, and all count alike.",
        ),
        Mistake(
            _macro(mean=lambda values, weights: np.average(values, weights=weights)),
            "A label counts as often as it has positives, so the rare ones hardly "
            "count. In a macro mean all labels count alike.",
        ),
        Mistake(
            _over_rows,
            "You compute a value for each *picture*. A label is a column: "
            "`scores[:, k]`.",
        ),
        Mistake(
            _macro(keep=lambda label: 0 < label.mean() < 1),
            "You also leave out labels that all pictures have. Their average "
            "precision is 1, and they count: only a label without positives is left "
            "out.",
        ),
        Mistake(
            _macro(value=_roc_area),
            "That is the mean of the areas under the ROC curves. Asked is average "
            "precision.",
        ),
        Mistake(
            _macro(mean=lambda values, weights: np.median(values)),
            "That is the median of the labels. Asked is their mean.",
        ),
        Mistake(
            _macro(mean=lambda values, weights: values.sum()),
            "You add up the values. Divide by the number of labels that have one.",
        ),
        Mistake(
            _macro(keep=lambda label: label.sum() > 1),
            "One positive is enough. You leave out labels that have a single one.",
        ),
    ),
    hints=(
        "Go through the columns: `zip(scores.T, truth.T)` gives the scores and the "
        "truth of one label after the other.",
        "`label.any()` says whether a label has a positive. Collect the average "
        "precision of those that have one.",
        "How many are left out: all labels less those collected. An empty list has no "
        "mean; return `nan` for it.",
    ),
    because="A mean over labels is only as good as the list of labels in it. "
    "scikit-learn gives 0 to a label without positives, which turns a gap in the test "
    "pictures into a fault of the model; so leave it out, and say how many.",
    alternatives=(_without_loop,),
)

# --- 14.4 A threshold for each label ----------------------------------------------


def label_thresholds(scores, truth):
    found = np.full(scores.shape[1], np.inf)
    for k in range(scores.shape[1]):
        best = 0.0
        for threshold in np.unique(scores[:, k]):  # upward
            said = scores[:, k] >= threshold
            f1 = 2 * truth[said, k].sum() / (said.sum() + truth[:, k].sum())
            if f1 >= best and f1 > 0:
                best, found[k] = f1, threshold
    return found


def _f1(label, said):
    return 2 * (label * said).sum() / max(said.sum() + label.sum(), 1)


def _best(
    value=_f1,
    candidates=np.unique,
    empty=np.inf,
    above=np.greater_equal,
    last=True,
    gives=lambda threshold, value: threshold,
):
    """Choose for each label the candidate with the largest value."""

    def label_thresholds(scores, truth):
        found = []
        for score, label in zip(scores.T, truth.T, strict=True):
            options = np.sort(candidates(score))
            values = np.array([value(label, above(score, t)) for t in options])
            best = np.flatnonzero(values == values.max())[-1 if last else 0]
            keep = label.any() or empty is None
            found.append(gives(options[best], values[best]) if keep else empty)
        return np.array(found)

    return label_thresholds


def _for_all(average):
    def label_thresholds(scores, truth):
        options = np.unique(scores)
        values = [average(truth, scores >= t) for t in options]
        best = options[np.flatnonzero(values == np.max(values))[-1]]
        return np.where(truth.any(axis=0), best, np.inf)

    return label_thresholds


def _macro_f1(truth, said):
    return np.mean([_f1(*pair) for pair in zip(truth.T, said.T, strict=True)])


def _between(score):
    values = np.unique(score)
    return (values[1:] + values[:-1]) / 2


def _with_ends(score):
    return np.append(_between(score), [score.min() - 1, score.max() + 1])


def _one_by_one(scores, truth):
    """Sort and sum up, but take equal scores one by one."""
    found = []
    for score, label in zip(scores.T, truth.T, strict=True):
        order = np.argsort(-score, kind="stable")
        hits = np.cumsum(label[order])
        f1 = 2 * hits / (np.arange(len(score)) + 1 + label.sum())
        found.append(score[order][np.argmax(f1)] if label.any() else np.inf)
    return np.array(found)


def _as_rows_stand(step):
    def label_thresholds(scores, truth):
        found = []
        for score, label in zip(scores.T, truth.T, strict=True):
            options = score[::step]
            values = [_f1(label, score >= t) for t in options]
            found.append(options[np.argmax(values)] if label.any() else np.inf)
        return np.array(found)

    return label_thresholds


def _youden(label, said):
    yes, no = max(label.sum(), 1), max((1 - label).sum(), 1)
    return (label * said).sum() / yes - ((1 - label) * said).sum() / no


def _as_many(scores, truth):
    found = []
    for score, label in zip(scores.T, truth.T, strict=True):
        ranked = np.sort(score)[::-1]
        found.append(ranked[label.sum() - 1] if label.any() else np.inf)
    return np.array(found)


def _at_once(scores, truth):
    said = scores[None] >= scores[:, None]  # (candidates, n, K)
    f1 = 2 * (said * truth).sum(axis=1) / (said.sum(axis=1) + truth.sum(axis=0))
    best = np.where(f1 == f1.max(axis=0), scores, -np.inf).max(axis=0)
    return np.where(truth.any(axis=0), best, np.inf)


_SMALLEST = (
    "On a tie you take the smallest threshold. Asked is the largest: it says yes less "
    "often for the same F1. (`np.argmax` gives the first of equal ones.)"
)
_ROWS = (
    "On a tie, your result depends on the order of the pictures: `np.argmax` gives the "
    "first of equal ones. Asked is the largest threshold of them."
)
_NEVER = (
    "Without positives, no answer *yes* can be right: the threshold of such a label "
    "is `np.inf`, which no score reaches."
)
_GRID = (
    "You try the thresholds of a grid. Scores may be any numbers, logits too, and the "
    "best cut may lie between two of the grid: the label's own scores are the "
    "candidates."
)
_STRICT = "A score equal to the threshold is a yes: `>=`, not `>`."
_ACCURACY = (
    "You look for the best accuracy. For a rare label that mostly means never saying "
    "yes. Asked is the best F1."
)
_HALF = (
    "You answer 0.5 whatever the scores say. Which cut is best differs from label to "
    "label; that is why we look."
)
_ALL = (
    "You choose one threshold for all labels. Each label gets its own: go through the "
    "columns."
)
_MIDDLE = (
    "Your thresholds lie between the scores. They say the same, but asked are the "
    "label's own scores, so that the result is one number and not any of a gap."
)

THRESHOLDS = Exercise(
    id="14.4",
    title="A threshold for each label",
    solution=label_thresholds,
    cases=(
        (
            np.array(
                [
                    [0.7, 0.85, 0.15],
                    [0.9, 0.35, 0.65],
                    [0.5, 0.65, 0.45],
                    [0.8, 0.75, 0.05],
                    [0.6, 0.45, 0.95],
                ]
            ),
            np.array([[0, 1, 0], [0, 1, 1], [1, 0, 0], [1, 1, 0], [0, 0, 0]]),
        ),
        (
            # two cuts with the same F1, 2/3, in the first two labels
            np.array(
                [
                    [0.3, 0.8, 0.1],
                    [0.7, 0.6, 0.5],
                    [0.5, 0.5, 0.6],
                    [0.9, 0.4, 0.3],
                    [0.1, 0.2, 0.2],
                    [0.2, 0.3, 0.4],
                ]
            ),
            np.array(
                [[1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 1]]
            ),
        ),
        (
            # logits, equal scores, every picture positive
            np.array(
                [[2.0, -1.5], [-0.5, -4.0], [-0.5, -3.0], [-0.5, -2.5], [-0.5, 1.0]]
            ),
            np.array([[1, 1], [1, 1], [0, 1], [0, 1], [0, 1]]),
        ),
        (
            np.array([[0.9, 0.3, 0.2], [0.1, 0.6, 0.7], [0.4, 0.8, 0.1]]),
            np.array([[0, 1, 0], [0, 0, 0], [0, 1, 0]]),
        ),
    ),
    mistakes=(
        Mistake(_best(last=False), _SMALLEST),
        Mistake(_as_rows_stand(1), _ROWS),
        Mistake(_as_rows_stand(-1), _ROWS),
        Mistake(_best(above=np.greater), _STRICT),
        Mistake(_best(above=np.greater, last=False), _STRICT),
        Mistake(_best(lambda label, said: np.mean(label == said)), _ACCURACY),
        Mistake(
            _best(lambda label, said: np.mean(label == said), last=False), _ACCURACY
        ),
        Mistake(_best(empty=0.0), _NEVER),
        Mistake(_best(empty=np.nan), _NEVER),
        Mistake(_best(empty=0.5), _NEVER),
        Mistake(_best(empty=1.0), _NEVER),
        Mistake(_best(empty=-np.inf), _NEVER),
        Mistake(_best(empty=None), _NEVER),
        Mistake(
            lambda scores, truth: np.where(
                truth.any(axis=0), label_thresholds(scores, truth), scores.min(axis=0)
            ),
            _NEVER,
        ),
        *(
            Mistake(_best(candidates=lambda s, grid=grid: grid, last=last), _GRID)
            for grid in (
                np.linspace(0, 1, 101),
                np.arange(0, 1, 0.01),
                np.arange(0.01, 1, 0.01),
                np.linspace(0.01, 0.99, 99),
                np.linspace(0.05, 0.95, 19),
                np.arange(0.05, 1, 0.05),
                np.linspace(0, 1, 21),
                np.linspace(0, 1, 11),
                np.arange(0.1, 1, 0.1),
                np.linspace(0.1, 0.9, 9),
            )
            for last in (True, False)
        ),
        Mistake(lambda scores, truth: np.where(truth.any(axis=0), 0.5, np.inf), _HALF),
        Mistake(lambda scores, truth: np.full(scores.shape[1], 0.5), _HALF),
        Mistake(
            lambda scores, truth: np.full(scores.shape[1], np.inf),
            "All your thresholds are infinite, so no label is ever said. Only a label "
            "without positives gets that.",
        ),
        Mistake(
            _best(_youden),
            "You look for the largest difference between true positive rate and false "
            "positive rate (Youden's J). Asked is the largest F1.",
        ),
        Mistake(
            _as_many,
            "You say yes as many times as there are positives. That makes precision "
            "and recall equal, but F1 may be larger elsewhere: try all scores.",
        ),
        Mistake(_for_all(lambda truth, said: _f1(truth.ravel(), said.ravel())), _ALL),
        Mistake(_for_all(_macro_f1), _ALL),
        Mistake(_best(candidates=_between), _MIDDLE),
        Mistake(_best(candidates=_with_ends), _MIDDLE),
        Mistake(_best(candidates=_with_ends, last=False), _MIDDLE),
        Mistake(
            _best(gives=lambda threshold, value: value, empty=0.0),
            "That is the F1 itself. Asked is the threshold that reaches it.",
        ),
        Mistake(
            _best(gives=lambda threshold, value: value),
            "That is the F1 itself. Asked is the threshold that reaches it.",
        ),
        Mistake(
            _best(_precision),
            "You look for the best precision. That mostly says yes once, where it is "
            "surest; F1 asks for recall as well.",
        ),
        Mistake(
            _best(lambda label, said: (label * said).sum()),
            "You look for the best recall alone. F1 asks for precision as well.",
        ),
        Mistake(
            _best(lambda label, said: (label * said).sum(), last=False),
            "You look for the best recall alone. F1 asks for precision as well.",
        ),
        Mistake(
            lambda scores, truth: label_thresholds(scores.T, truth.T),
            "You choose a threshold for each *picture*. A label is a column: "
            "`scores[:, k]`.",
        ),
        Mistake(
            _one_by_one,
            "Equal scores say yes together. You take them one by one, so part of "
            "them counts as yes and part as no, which no threshold can do.",
        ),
    ),
    hints=(
        "Two loops: over the labels, and for each over its own scores. "
        "`np.unique(scores[:, k])` gives these sorted upward, each once.",
        "`said = scores[:, k] >= threshold`. TP is the sum of `truth[said, k]`, and "
        "2 TP + FP + FN is `said.sum() + truth[:, k].sum()`.",
        "Go upward and keep a threshold if its F1 is at least the best so far: the "
        "last of equal ones stays. Begin with `np.full(K, np.inf)`, and skip labels "
        "without positives.",
    ),
    because="F1 changes only where the threshold passes a score, so the scores are all "
    "that must be tried. The result is chosen *on* these pictures: judge it on others.",
    alternatives=(_at_once, _best()),
)

# --- 14.5 Evaluated by two --------------------------------------------------------


def gathered_accuracy(parts, n):
    ranks = [np.concatenate(batches) for batches in parts]
    dealt = np.stack(ranks, axis=1).ravel()  # rows in their order
    return dealt[:n].mean()


def _dealt(correct, world_size, batch_size):
    """Deal rows to processes as a padding sampler does, in batches."""
    each = -(-len(correct) // world_size)
    rows = np.arange(each * world_size) % len(correct)
    ranks = [np.array(correct)[rows[r::world_size]] for r in range(world_size)]
    starts = range(0, each, batch_size)
    parts = [[own[i : i + batch_size] for i in starts] for own in ranks]
    return parts, len(correct)


def _ranks(parts):
    return [np.concatenate(batches) for batches in parts]


def _in_order(parts):
    return np.stack(_ranks(parts), axis=1).ravel()


def _by_number(parts, n):
    ranks = _ranks(parts)
    return sum(ranks[i % len(parts)][i // len(parts)] for i in range(n)) / n


def _batch_by_batch(parts, n):
    turns = [batch for turn in zip(*parts, strict=True) for batch in turn]
    return np.concatenate(turns)[:n].mean()


def _as_many_of_each(parts, n):
    each = n // len(parts)
    return np.mean(np.array(_ranks(parts))[:, :each]) if each else np.nan


def _weighted(parts, n):
    W = len(parts)
    real = np.array([len(range(r, n, W)) for r in range(W)])
    return np.dot([own.mean() for own in _ranks(parts)], real) / n


def _without_last(parts, n):
    kept = np.array(_ranks(parts))[:, :-1]
    return kept.mean() if kept.size else np.nan


def _off_the_last(parts, n):
    *ranks, last = _ranks(parts)
    extra = len(last) * len(parts) - n
    return np.concatenate([*ranks, last[: len(last) - extra]]).mean()


def _without_last_batch(parts, n):
    kept = [batch for rank in parts for batch in rank[:-1]]
    return np.concatenate(kept).mean()


_TWICE = (
    "The padding is still in: some pictures were counted twice. The sampler began "
    "again with row 0 so that all processes get equally many rows."
)
_ONE_AFTER = (
    "You put the processes one after the other and cut at `n`. The padding does not "
    "stand at the end of that list: each of the last processes holds a row of it. "
    "Bring the rows into the order in which they were dealt first."
)
_ONE_PROCESS = "That is the accuracy of one process. It has seen only part of the rows."
_HOW_MANY = "That is how many are right. Asked is which share of the `n` pictures."

GATHER = Exercise(
    id="14.5",
    title="Spot the bug: evaluated by two",
    solution=gathered_accuracy,
    cases=(
        _dealt([1, 1, 0, 1, 0], 2, 2),
        _dealt([1, 1, 0, 0, 1, 0, 0], 3, 2),
        _dealt([1, 0, 0, 1, 1, 1], 2, 2),
        _dealt([1, 0, 1, 1, 0, 0, 1], 3, 3),
        _dealt([0, 1, 1, 1, 0, 0, 1, 1, 0], 2, 3),
        _dealt([1, 0], 4, 2),
        _dealt([1, 0, 1], 5, 1),
        _dealt([0, 1, 1], 1, 2),
    ),
    mistakes=(
        Mistake(
            lambda parts, n: np.mean([own.mean() for own in _ranks(parts)]), _TWICE
        ),
        Mistake(
            lambda parts, n: np.mean([b.mean() for rank in parts for b in rank]),
            "You average over batches, and a small batch counts as much as a large "
            "one. And the padding is still in.",
        ),
        Mistake(lambda parts, n: np.concatenate(_ranks(parts))[:n].mean(), _ONE_AFTER),
        Mistake(lambda parts, n: np.concatenate(_ranks(parts))[-n:].mean(), _ONE_AFTER),
        Mistake(
            _off_the_last,
            "You take all of the padding from the last process. If more than one row "
            "is dealt twice, other processes hold some of it, too.",
        ),
        Mistake(
            _without_last_batch,
            "You drop the last batch of every process. Only the padding goes: at most "
            "one row of each.",
        ),
        Mistake(
            lambda parts, n: 1 - _in_order(parts)[:n].mean(),
            "That is the share of wrong ones. Asked is that of the right ones.",
        ),
        Mistake(
            lambda parts, n: [own.mean() for own in _ranks(parts)],
            "You give a list. Asked is one number, over all `n` pictures.",
        ),
        Mistake(lambda parts, n: np.concatenate(parts[-1]).mean(), _ONE_PROCESS),
        Mistake(
            lambda parts, n: max(own.mean() for own in _ranks(parts)), _ONE_PROCESS
        ),
        Mistake(
            lambda parts, n: sum(own.sum() for own in _ranks(parts)) / n,
            "You divide by n, but you count the right ones of the padding, too: the "
            "result may even be above 1.",
        ),
        Mistake(lambda parts, n: np.concatenate(parts[0]).mean(), _ONE_PROCESS),
        Mistake(lambda parts, n: _in_order(parts)[:n].sum(), _HOW_MANY),
        Mistake(
            _without_last,
            "You drop the last row of every process. Only the padding goes, and not "
            "every process holds some.",
        ),
        Mistake(
            _batch_by_batch,
            "You bring the parts together batch by batch. The rows were dealt one by "
            "one: the second row went to the second process.",
        ),
        Mistake(
            _as_many_of_each,
            "You keep as many of each process, `n // W` rows. If `n` is no multiple "
            "of W, real rows are lost.",
        ),
        Mistake(
            _weighted,
            "You weigh the processes with their real rows, but the padding is still "
            "in the mean of a process. It must go before the mean is taken.",
        ),
        Mistake(
            lambda parts, n: np.mean([own.sum() for own in _ranks(parts)]) / n,
            "You take the mean over processes of how many are right. Add them up, "
            "each row once.",
        ),
    ),
    hints=(
        "Join the batches of each process. Then row 0 is the first of process 0, row 1 "
        "the first of process 1, and so on.",
        "`np.stack(ranks, axis=1)` has a row for each round of dealing; `ravel` gives "
        "the order in which the rows were dealt.",
        "What is behind the first `n` is padding: cut it off, then take the mean.",
    ),
    because="A mean over processes hides what was counted twice, so gather one number "
    "for each *picture* and cut off the padding before you average. "
    "`gather_for_metrics` of Accelerate does that.",
    alternatives=(_by_number,),
)

# --- 14.6 The loop that accumulates -----------------------------------------------


def train_accumulated(model, batches, accumulation, optimizer, scheduler):
    loss_of = torch.nn.functional.binary_cross_entropy_with_logits
    for start in range(0, len(batches), accumulation):
        group = batches[start : start + accumulation]
        for x, y in group:
            loss = loss_of(model(x), y) / len(group)
            loss.backward()  # adds to the gradients
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()


class _CountingSGD(torch.optim.SGD):
    count = 0

    def step(self, closure=None):
        self.count += 1
        return super().step(closure)


def _probe_training(answer, count, accumulation):
    """Train a small linear model and see what has become of it and of the rate."""
    model = nn.Linear(2, 3)
    with torch.no_grad():
        model.weight.copy_(torch.linspace(-1, 1, 6).reshape(3, 2))
        model.bias.copy_(torch.tensor([0.5, -0.5, 0.25]))
    x = torch.linspace(-3, 3, count * 8).mul(2).sin().mul(2).reshape(count, 4, 2)
    y = (torch.linspace(0, 9, count * 12).cos() > 0).float().reshape(count, 4, 3)
    optimizer = _CountingSGD(model.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.5)
    batches = list(zip(x, y, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a scheduler that comes too early
        answer(model, batches, accumulation, optimizer, scheduler)
    return {
        "steps of the optimizer": optimizer.count,
        "learning rate": optimizer.param_groups[0]["lr"],
        "weights": model.weight.detach().clone(),
    }


def _ends_group(i, n, a):
    return (i + 1) % a == 0 or i == n - 1


def _full_group(i, n, a):
    return (i + 1) % a == 0


def _group_size(i, n, a):
    return min(a, n - i // a * a)


def _always(i, n, a):
    return True


def _never(i, n, a):
    return False


def _loop(size=_group_size, step=_ends_group, turn=None, clear=None, early=False):
    """Divide by ``size``, and step, turn the rate and clear where these say so."""
    turn, clear = turn or step, clear or step

    def train_accumulated(model, batches, accumulation, optimizer, scheduler):
        for i, (x, y) in enumerate(batches):
            place = i, len(batches), accumulation
            loss = F.binary_cross_entropy_with_logits(model(x), y)
            (loss / size(*place)).backward()
            if early and turn(*place):
                scheduler.step()
            if step(*place):
                optimizer.step()
            if not early and turn(*place):
                scheduler.step()
            if clear(*place):
                optimizer.zero_grad()

    return train_accumulated


def _and_then(loop, when=_always, turn=True):
    """Take one more step behind a loop."""

    def train_accumulated(model, batches, accumulation, optimizer, scheduler):
        loop(model, batches, accumulation, optimizer, scheduler)
        if when(0, len(batches), accumulation):
            optimizer.step()
            if turn:
                scheduler.step()

    return train_accumulated


def _careless(model, batches, accumulation, optimizer, scheduler):
    for i, (x, y) in enumerate(batches):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x), y).backward()
        if i % accumulation == 0:
            optimizer.step()
        scheduler.step()


def _last_alone(size, step=None):
    """Clear the gradients before each backward, so the last batch alone counts."""

    def train_accumulated(model, batches, accumulation, optimizer, scheduler):
        for i, (x, y) in enumerate(batches):
            place = i, len(batches), accumulation
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(x), y)
            (loss / size(*place)).backward()
            if (step or _ends_group)(*place):
                optimizer.step()
                scheduler.step()

    return train_accumulated


def _in_groups(
    loss_of=F.binary_cross_entropy_with_logits,
    starts=lambda n, a: range(0, n, a),
    step_first=False,
    clear_first=False,
):
    """Go through groups, with a loss and an order of things that may be wrong."""

    def train_accumulated(model, batches, accumulation, optimizer, scheduler):
        for start in starts(len(batches), accumulation):
            group = batches[start : start + accumulation]
            if step_first:
                optimizer.step()
                scheduler.step()
            optimizer.zero_grad()
            for x, y in group:
                (loss_of(model(x), y) / len(group)).backward()
            if clear_first:
                optimizer.zero_grad()
            if not step_first:
                optimizer.step()
                scheduler.step()

    return train_accumulated


def _in_one(model, batches, accumulation, optimizer, scheduler):
    for start in range(0, len(batches), accumulation):
        x, y = map(torch.cat, zip(*batches[start : start + accumulation], strict=True))
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x), y).backward()
        optimizer.step()
        scheduler.step()


def _one(i, n, a):
    return 1


def _by_accumulation(i, n, a):
    return a


_AS_IT_WAS = (
    "That is the loop as it was. Ask of it: does a step see *all* batches of its "
    "group, and their *mean*? When is a group full, what happens to the rest, and how "
    "often does the rate fall?"
)
_SUMMED = (
    "The gradients of a group add up: `backward` never divides. So the step is as "
    "many times too large as the group has batches. Divide each loss."
)
_LOST = (
    "What is left at the end never makes a step: the batches of the last, smaller "
    "group are lost."
)
_CLEARED = (
    "You clear the gradients after every batch (or before every `backward`), so a "
    "step sees the last batch of its group alone."
)
_PER_BATCH = (
    "The scheduler steps with every batch. It counts steps of the *optimizer*, so the "
    "rate falls too fast."
)
_FIRST = (
    "You step after the first batch of a group: at `i = 0`, `i % accumulation` is 0. "
    "A group is full when `(i + 1) % accumulation` is 0."
)

ACCUMULATE = Exercise(
    id="14.6",
    title="Spot the bug: the loop that accumulates",
    solution=train_accumulated,
    cases=((5, 2), (4, 2), (3, 1), (2, 4), (7, 3), (6, 3)),
    probe=_probe_training,
    mistakes=(
        Mistake(
            _loop(_one, lambda i, n, a: i % a == 0, _always),
            _AS_IT_WAS,
        ),
        Mistake(_careless, _AS_IT_WAS),
        Mistake(_loop(_one), _SUMMED),
        Mistake(_loop(_one, _full_group), f"{_SUMMED} And the last group is lost."),
        Mistake(
            _loop(_by_accumulation),
            "The smaller group at the end is divided by `accumulation`, as if it were "
            "full, so its step is too small. Divide by the number of batches that it "
            "has.",
        ),
        Mistake(_loop(step=_full_group), _LOST),
        Mistake(_loop(_by_accumulation, _full_group), _LOST),
        Mistake(_loop(turn=_always), _PER_BATCH),
        Mistake(_loop(turn=_always, early=True), _PER_BATCH),
        Mistake(_loop(_by_accumulation, turn=_always), _PER_BATCH),
        Mistake(
            _loop(clear=_never),
            "The gradients are never cleared, so those of all groups before are still "
            "in. `zero_grad` comes after each step.",
        ),
        Mistake(_loop(clear=_always), _CLEARED),
        Mistake(_loop(_by_accumulation, clear=_always), _CLEARED),
        Mistake(_loop(_one, clear=_always), _CLEARED),
        Mistake(_last_alone(_one), _CLEARED),
        Mistake(_last_alone(_one, _full_group), _CLEARED),
        Mistake(_last_alone(_by_accumulation, _full_group), _CLEARED),
        Mistake(_loop(step=lambda i, n, a: i % a == 0 or i == n - 1), _FIRST),
        Mistake(_loop(step=lambda i, n, a: i % a == 0), _FIRST),
        Mistake(
            _loop(_by_accumulation, lambda i, n, a: i % a == 0 or i == n - 1), _FIRST
        ),
        Mistake(_loop(_by_accumulation, lambda i, n, a: i % a == 0), _FIRST),
        Mistake(
            _loop(step=_always),
            "You step with every batch. A step comes once for each group.",
        ),
        Mistake(
            _loop(step=_always, turn=_ends_group, clear=_ends_group),
            "The optimizer steps with every batch, on gradients that are not complete. "
            "A step comes once for each group.",
        ),
        Mistake(
            _loop(early=True),
            "The scheduler steps before the optimizer, so the first step is made with "
            "the second rate.",
        ),
        Mistake(
            _loop(turn=_never),
            "The scheduler never steps, so the rate stays as it is.",
        ),
        Mistake(
            _loop(turn=lambda i, n, a: i == n - 1),
            "The scheduler steps only once, at the end. It steps after each step of "
            "the optimizer.",
        ),
        Mistake(
            _loop(lambda i, n, a: n),
            "You divide by the number of all batches. A step is the mean over its "
            "own group.",
        ),
        Mistake(
            _loop(lambda i, n, a: n % a or a),
            "You divide every group by the size of the last group. Only the last one "
            "may be smaller.",
        ),
        Mistake(
            _loop(lambda i, n, a: n, lambda i, n, a: i == n - 1),
            "You take one step at the end, over all batches. A step comes whenever "
            "`accumulation` batches have been seen.",
        ),
        Mistake(
            _in_groups(step_first=True),
            "The optimizer steps before `backward` has brought the gradients of the "
            "group, so each step uses those of the group before.",
        ),
        Mistake(
            _in_groups(clear_first=True),
            "You clear the gradients before the step, so no step does anything. Clear "
            "them after it, or before the group begins.",
        ),
        Mistake(
            _in_groups(F.cross_entropy),
            "Your loss is a softmax over the labels. Take the one of the loop above: "
            "binary cross-entropy with logits.",
        ),
        Mistake(
            _in_groups(
                lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction="sum")
            ),
            "The loss of a batch is the mean over its pictures and labels, as in the "
            "loop above. Yours is their sum.",
        ),
        Mistake(
            _in_groups(starts=lambda n, a: range(n)),
            "Your groups overlap: a new one begins with every batch. The next group "
            "begins where the last one ended.",
        ),
        Mistake(
            _loop(_one, turn=_always),
            f"{_SUMMED} And the scheduler steps with every batch, not with every step.",
        ),
        Mistake(
            _loop(turn=_full_group),
            "The scheduler misses the step of the smaller group at the end.",
        ),
        Mistake(
            _loop(clear=_full_group, step=_ends_group, size=_by_accumulation),
            "The smaller group at the end is divided by `accumulation`, as if it were "
            "full, so its step is too small. Divide by the number of batches that it "
            "has.",
        ),
        Mistake(
            _and_then(_loop()),
            "You make one step too many: behind the loop, one follows even if no "
            "batch is left over. It finds no gradients, but the rate falls.",
        ),
        Mistake(
            _and_then(_loop(_by_accumulation, _full_group)),
            "Behind the loop you always make one more step. If no batch is left over, "
            "that is one step too many. If some are, divide by their number, not by "
            "`accumulation`.",
        ),
        Mistake(
            _and_then(_loop(step=_full_group)),
            "Behind the loop you always make one more step. If no batch is left over, "
            "that is one step too many.",
        ),
        Mistake(
            _and_then(_loop(step=_full_group), lambda i, n, a: n % a, turn=False),
            "The scheduler misses the step of the smaller group at the end.",
        ),
    ),
    hints=(
        "Print `i`, and where the optimizer and the scheduler step. With five batches "
        "in groups of two, the groups are 0 1, 2 3, and 4.",
        "`backward` adds to the gradients that are there. Which number makes a sum of "
        "two a mean, and which one fits the group of one at the end?",
        "`for start in range(0, len(batches), accumulation)` and "
        "`group = batches[start : start + accumulation]` give the groups. Divide each "
        "loss by `len(group)`; step, turn the rate and clear once for each.",
    ),
    because="Gradients add up, so the mean of a group is the sum of its losses divided "
    "by how many they are, and everything that counts *steps* happens once for each "
    "group. Then a group equals one large batch, with the memory of a small one.",
    alternatives=(_in_one, _loop()),
)

# --- 14.7 Learned or seen? --------------------------------------------------------


def learned_share(shown, covered, neither):
    company = covered.mean() - neither.mean()
    both = shown.mean() - neither.mean()
    return company / both if both > 0 else float("nan")


def _share(top, bottom, mean=np.mean, nan=True, turn=lambda scores: scores):
    """Divide two combinations of three means."""

    def learned_share(shown, covered, neither):
        means = [mean(turn(scores)) for scores in (shown, covered, neither)]
        if nan and means[0] <= means[2]:
            return float("nan")
        return top(*means) / bottom(*means)

    return learned_share


def _company(shown, covered, neither):
    return covered - neither


def _both(shown, covered, neither):
    return shown - neither


def _shares(reduce):
    def learned_share(shown, covered, neither):
        if shown.mean() <= neither.mean():
            return float("nan")
        return reduce((covered - neither) / (shown - neither))

    return learned_share


def _then(change):
    def learned_share_then(shown, covered, neither):
        return change(learned_share(shown, covered, neither))

    return learned_share_then


def _rising_only(shown, covered, neither):
    up = shown > neither
    if shown.mean() <= neither.mean():
        return np.nan
    return (covered - neither)[up].sum() / (shown - neither)[up].sum()


def _sigmoid(scores):
    return 1 / (1 + np.exp(-scores))


def _one_minus(shown, covered, neither):
    a, b, c = (sum(scores) / len(scores) for scores in (shown, covered, neither))
    return 1 - (a - b) / (a - c) if a > c else float("nan")


_NOTHING = (
    "If both together bring no rise, there is nothing to share out: return `nan` "
    "instead of a number that means nothing."
)
_BASE = (
    "You compare the scores themselves. A score of 0 has no meaning here: what counts "
    "is the rise above the pictures with *neither*."
)
_PER_PICTURE = (
    "You divide picture by picture. Where one picture rises by almost nothing, its "
    "share is huge and drowns the others: take the means first, then divide."
)
_CLIPPED = (
    "You clip the share to 0 and 1. Below 0, the apple alone speaks *against* a "
    "banana; above 1, the banana itself brings nothing. Both are findings."
)
_LIKELY = (
    "You put a sigmoid over the scores. Where it is flat, a rise hardly shows, so "
    "the share says more about the sigmoid than about apples. Stay with the logits."
)

SHARE = Exercise(
    id="14.7",
    title="Learned or seen?",
    solution=learned_share,
    cases=(
        (
            np.array([3.0, 1.0, 2.5]),
            np.array([1.0, -0.5, 2.0]),
            np.array([-1.0, -2.0, 0.5]),
        ),
        (
            np.array([2.0, 0.5, -2.5, 4.0]),  # one picture falls
            np.array([-2.0, -2.5, -1.0, -0.5]),
            np.array([-1.0, -1.5, -2.0, 0.5]),
        ),
        (
            np.array([1.0, -0.5, 2.0]),
            np.array([2.5, 1.0, 2.0]),
            np.array([-1.0, -2.0, 0.5]),
        ),
        (np.array([0.5, 0.25]), np.array([0.25, 0.0]), np.array([0.0, -0.25])),
        (np.array([1.0, 3.0]), np.array([2.0, 2.5]), np.array([3.5, 0.5])),
        (
            np.array([-2.0, -1.0, 0.5]),
            np.array([-1.0, 0.5, 1.5]),
            np.array([-0.5, 1.0, 2.0]),
        ),
    ),
    mistakes=(
        Mistake(_shares(np.mean), _PER_PICTURE),
        Mistake(_shares(np.median), _PER_PICTURE),
        Mistake(
            lambda shown, covered, neither: np.mean(
                (covered - neither) / (shown - neither)
            ),
            f"{_PER_PICTURE} And if the means do not rise, return `nan`.",
        ),
        Mistake(
            _shares(lambda shares: shares),
            "That is a share for each picture. Asked is one number, from the means.",
        ),
        Mistake(
            _share(lambda a, b, c: a - b, _both),
            "That is the rest: the share that needs the banana itself. Asked is what "
            "the apple alone brings.",
        ),
        Mistake(_share(lambda a, b, c: b, lambda a, b, c: a), _BASE),
        Mistake(_share(lambda a, b, c: b, lambda a, b, c: a, nan=False), _BASE),
        Mistake(_share(lambda a, b, c: b - c, lambda a, b, c: a), _BASE),
        Mistake(_share(lambda a, b, c: b, _both), _BASE),
        Mistake(
            _share(_both, _company),
            "Your fraction is upside down: what both bring is what the share is *of*.",
        ),
        Mistake(
            _share(_both, _company, nan=False),
            "Your fraction is upside down: what both bring is what the share is *of*.",
        ),
        Mistake(
            _rising_only,
            "You use only pictures whose score rises. The others belong to the means, "
            "too; without them the share is a choice of yours.",
        ),
        Mistake(
            _then(lambda share: share if share >= 0 else np.nan),
            "You return `nan` for a negative share. It is a finding: the apple alone "
            "speaks *against* a banana. Only without a rise of both there is no share.",
        ),
        Mistake(
            lambda shown, covered, neither: learned_share(shown, neither, covered),
            "You have exchanged `covered` and `neither`.",
        ),
        Mistake(
            lambda shown, covered, neither: (
                np.mean(covered > neither) if shown.mean() > neither.mean() else np.nan
            ),
            "You count how many pictures rise. Asked is by how much, on average.",
        ),
        Mistake(
            _share(_company, lambda a, b, c: a - b),
            "You divide by what the banana adds. Divide by what *both* bring.",
        ),
        Mistake(_then(lambda share: np.clip(share, 0, 1)), _CLIPPED),
        Mistake(_then(lambda share: np.maximum(share, 0)), _CLIPPED),
        Mistake(_then(lambda share: np.minimum(share, 1)), _CLIPPED),
        Mistake(
            lambda shown, covered, neither: (
                np.nan
                if shown.mean() == neither.mean()
                else (covered.mean() - neither.mean()) / (shown.mean() - neither.mean())
            ),
            "You return `nan` only if the rise is exactly zero. If the score *falls* "
            "when both are shown, there is no rise to share out either.",
        ),
        Mistake(_share(_company, _both, nan=False), _NOTHING),
        Mistake(_then(np.nan_to_num), _NOTHING),
        Mistake(_then(lambda share: 1.0 if np.isnan(share) else share), _NOTHING),
        Mistake(_share(_company, _both, turn=_sigmoid), _LIKELY),
        Mistake(_share(_company, _both, turn=_sigmoid, nan=False), _LIKELY),
        Mistake(
            _share(_company, _both, mean=np.median),
            "That is the median of the scores. Asked is their mean.",
        ),
        Mistake(
            _share(_company, lambda a, b, c: 1),
            "That is the rise which the apple brings, in logits, not divided by the "
            "one which both bring.",
        ),
        Mistake(
            _then(abs),
            "You take the absolute value. A negative share says that the apple alone "
            "speaks against a banana.",
        ),
        Mistake(
            _then(lambda share: 100 * share),
            "That is in percent. A share is a number such as 0.4.",
        ),
    ),
    hints=(
        "Three means are all you need. What is the rise from *neither* to *covered*, "
        "and what from *neither* to *shown*?",
        "The share is the first rise divided by the second.",
        "Look at the second rise before you divide: at zero or below, return `nan`.",
    ),
    because="The banana is covered, so whatever its score rises by comes from the "
    "company it keeps: it was learned, not seen. Pictures without either say where a "
    "score begins.",
    alternatives=(_one_minus,),
)

EXERCISES = (LOSS, AP, MACRO, THRESHOLDS, GATHER, ACCUMULATE, SHARE)
