"""Exercises of notebook 10: subsets, freezing, precision, ROC, costs, calibration."""

from types import SimpleNamespace

import numpy as np
import torch
from torch import nn

from course_utils.exercises.engine import Exercise, Mistake, NotAnAnswer

# --- 10.1 The first n rows --------------------------------------------------------


def balanced_rows(labels, n, rng):
    classes = np.unique(labels)
    each = n // len(classes)
    rows_of = [np.flatnonzero(labels == label) for label in classes]
    drawn = [rng.choice(rows, each, replace=False) for rows in rows_of]
    return np.concatenate(drawn)


def _first_rows(labels, n, rng):
    return np.arange(n)


def _any_rows(labels, n, rng):
    return rng.choice(len(labels), n, replace=False)


def _with_replacement(labels, n, rng):
    classes = np.unique(labels)
    rows = [
        rng.choice(np.flatnonzero(labels == label), n // len(classes))
        for label in classes
    ]
    return np.concatenate(rows)


def _n_of_each(labels, n, rng):
    rows = [rng.permutation(np.flatnonzero(labels == c))[:n] for c in np.unique(labels)]
    return np.concatenate(rows)


def _first_of_each(labels, n, rng):
    classes = np.unique(labels)
    rows = [np.flatnonzero(labels == c)[: n // len(classes)] for c in classes]
    return np.concatenate(rows)


def _places_in_class(labels, n, rng):
    classes = np.unique(labels)
    rows = [rng.permutation(int((labels == c).sum()))[: n // len(classes)]
            for c in classes]  # fmt: skip
    return np.concatenate(rows)


def _two_classes_only(labels, n, rng):
    rows = [rng.permutation(np.flatnonzero(labels == c))[: n // 2] for c in (0, 1)]
    return np.concatenate(rows)


def _probe_rows(answer, labels, n):
    """Draw twice and describe the rows; which rows they are is left to chance."""
    draws = []
    for seed in (0, 1):
        rows = answer(labels, n, np.random.default_rng(seed))
        if rows is ... or rows is None:
            return rows
        draws.append(np.sort(np.asarray(rows).ravel()))
    rows = draws[0]
    if rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= len(labels):
        raise NotAnAnswer(
            "Return row numbers, whole numbers from 0 to `len(labels) - 1`: not the "
            "labels, and no mask of True and False."
        )
    return {
        "rows": len(rows),
        "different rows": len(np.unique(rows)),
        "of each class": np.bincount(labels[rows], minlength=labels.max() + 1),
        "another draw with another rng": float(not np.array_equal(*draws)),
    }


BALANCED = Exercise(
    id="10.1",
    solution=balanced_rows,
    probe=_probe_rows,
    cases=(
        (np.repeat([0, 1], 60), 20),
        (np.tile([0, 1, 1, 1], 40), 50),
        (np.repeat([0, 1, 2], [40, 90, 60]), 60),
    ),
    mistakes=(
        Mistake(
            _first_rows,
            "The set is sorted by class, so the first rows are all of one class.",
        ),
        Mistake(
            _any_rows,
            "Drawn at random, but not balanced: with few rows chance alone makes one "
            "class much larger. Draw inside each class.",
        ),
        Mistake(
            _with_replacement,
            "Some rows come twice: `rng.choice` puts them back unless you say "
            "`replace=False`.",
        ),
        Mistake(
            _n_of_each, "Those are `n` rows of *each* class; asked are `n` in all."
        ),
        Mistake(
            _first_of_each,
            "Balanced, but the same rows whatever `rng` is given. Draw with it, or a "
            "spread over draws cannot be measured.",
        ),
        Mistake(
            _places_in_class,
            "Your numbers count within a class. Translate them back to rows of the "
            "whole set, for example with `np.flatnonzero(labels == c)`.",
        ),
        Mistake(
            _two_classes_only,
            "Your function knows two classes only. `np.unique(labels)` finds them all.",
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
        lambda labels, n, rng: np.concatenate(
            [
                rng.permutation(np.flatnonzero(labels == c))[: n // len(set(labels))]
                for c in sorted(set(labels))
            ]
        ).tolist(),
    ),
)


# --- 10.2 Frozen, or not ----------------------------------------------------------


def freeze_backbone(model):
    for parameter in model.vit.parameters():
        parameter.requires_grad = False
    return model


class _Classifier(nn.Module):
    """The parts of a ViTForImageClassification, with their names."""

    def __init__(self, blocks):
        super().__init__()
        self.vit = nn.Module()
        self.vit.embeddings = nn.Linear(3, 4)
        self.vit.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(blocks))
        self.vit.layernorm = nn.LayerNorm(4)
        self.classifier = nn.Linear(4, 2)


def _attribute_only(model):
    model.vit.requires_grad = False
    return model


def _freeze(*parts):
    def freeze(model):
        for part in parts:
            model.get_submodule(part).requires_grad_(False)
        return model

    return freeze


def _by_name(model):
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("classifier")
    return model


def _probe_frozen(answer, blocks):
    """Names of the parts that still learn."""
    torch.manual_seed(0)
    model = _Classifier(blocks)
    given = answer(model)
    if given is ... or given is None:
        return given
    if not isinstance(given, nn.Module):
        raise NotAnAnswer("End with `return model`: the check looks at its parameters.")
    learning = [name for name, p in given.named_parameters() if p.requires_grad]
    parts = [name.rsplit(".", 1)[0] for name in learning]
    return {"parts that learn": ", ".join(dict.fromkeys(parts)) or "none"}


FREEZE = Exercise(
    id="10.2",
    solution=freeze_backbone,
    probe=_probe_frozen,
    cases=((1,), (3,)),
    mistakes=(
        Mistake(
            _attribute_only,
            "Nothing is frozen: a module has no switch `requires_grad`, so Python just "
            "hangs a new attribute on it. Set it on each *parameter*, or call "
            "`requires_grad_(False)`.",
        ),
        Mistake(
            _freeze(""),
            "Everything is frozen, the new head too: `backward` would stop with an "
            "error, for nothing is left to learn.",
        ),
        Mistake(_freeze("classifier"), "The other way round: you froze the head."),
        Mistake(
            _freeze("vit.layers"),
            "The blocks are frozen; patch embedding and last norm still learn.",
        ),
        Mistake(
            _freeze("vit.embeddings"),
            "Only the embeddings are frozen; every block still learns.",
        ),
        Mistake(
            _freeze("vit.embeddings", "vit.layers"),
            "The last layer norm still learns. It belongs to the backbone too.",
        ),
    ),
    hints=(
        "Count the parameters that learn, before and after the colleague's line.",
        "`requires_grad` belongs to a parameter. What does Python do when you set an "
        "attribute that a module does not have?",
        "`for parameter in model.vit.parameters():` is the first line.",
    ),
    because="Only the head learns. Asking `p.requires_grad` of all parameters is a "
    "test of one line; make it a habit.",
    alternatives=(_freeze("vit"), _by_name),
)


# --- 10.3 Precision, recall, F1 ---------------------------------------------------


def precision_recall_f1(confusion):
    true_positive = confusion[1, 1]
    answered, existing = confusion[:, 1].sum(), confusion[1].sum()
    precision = true_positive / answered if answered else 0.0
    recall = true_positive / existing if existing else 0.0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def _three(positive=1, turned=False, mean="harmonic", guard=True):
    def scores(confusion):
        table = confusion.T if turned else confusion
        hits = table[positive, positive]
        answered, existing = table[:, positive].sum(), table[positive].sum()
        if guard:
            answered, existing = max(answered, 1), max(existing, 1)
        precision, recall = np.float64(hits) / answered, np.float64(hits) / existing
        if mean == "harmonic":
            f1 = 2 * precision * recall / (max(precision + recall, 1e-9))
        elif mean == "no factor":
            f1 = precision * recall / (max(precision + recall, 1e-9))
        else:
            f1 = (precision + recall) / 2
        if not guard and answered == 0:
            precision = f1 = np.float64("nan")
        return precision, recall, f1

    return scores


def _accuracy_thrice(confusion):
    share = np.trace(confusion) / confusion.sum()
    return share, share, share


PRECISION = Exercise(
    id="10.3",
    solution=precision_recall_f1,
    cases=(
        (np.array([[5, 3], [1, 4]]),),
        (np.array([[90, 2], [6, 2]]),),
        (np.array([[7, 0], [3, 0]]),),
    ),
    mistakes=(
        Mistake(
            _three(turned=True),
            "Precision and recall have changed places: rows are the *true* class. "
            "Precision divides by a column (what was answered), recall by a row.",
        ),
        Mistake(
            _three(positive=0),
            "Those are the numbers of class 0. The positive class is 1.",
        ),
        Mistake(
            _three(mean="arithmetic"),
            "Precision and recall are right. F1 is their *harmonic* mean, "
            "$2PR/(P+R)$: near the smaller of the two.",
        ),
        Mistake(
            _three(mean="no factor"),
            "F1 is half of what it should be: the harmonic mean has a factor 2.",
        ),
        Mistake(
            _accuracy_thrice,
            "That is the accuracy: it counts right answers of *both* classes.",
        ),
        Mistake(
            _three(guard=False),
            "If the model never answers 1, your precision is 0/0. Return 0 there, as "
            "scikit-learn does.",
        ),
    ),
    hints=(
        "Of those called positive, how many are? Of those that are, how many are "
        "called so? The first is precision, the second recall.",
        "`confusion[:, 1].sum()` were called positive, `confusion[1].sum()` are.",
        "F1 is $2PR/(P+R)$; give 0 wherever a divisor is 0.",
    ),
    because="Columns hold answers, rows hold truth; the third case shows why the "
    "division needs a guard.",
    alternatives=(
        _three(),
        lambda c: np.array(_three()(np.asarray(c))),
        lambda c: [float(v) for v in _three()(c)],
    ),
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


def _roc(ties=True, start=True, swapped=False, divide="class", down=True, strict=False):
    def points(scores, labels):
        scores, labels = np.asarray(scores), np.asarray(labels)
        steps = np.unique(scores) if ties else np.sort(scores)
        found = [(0.0, 0.0)] if start else []
        if not ties:
            order = np.argsort(-scores, kind="stable")
            hit = np.cumsum(labels[order]) / labels.sum()
            false = np.cumsum(1 - labels[order]) / (1 - labels).sum()
            return np.concatenate([found, np.stack([false, hit], axis=1)])
        for t in steps[::-1] if down else steps:
            called = scores > t if strict else scores >= t
            false, hit = (called & (labels == 0)).sum(), (called & (labels == 1)).sum()
            if divide == "class":
                false, hit = false / (labels == 0).sum(), hit / (labels == 1).sum()
            elif divide == "all":
                false, hit = false / len(labels), hit / len(labels)
            else:
                false, hit = false / max(called.sum(), 1), hit / (labels == 1).sum()
            found.append((hit, false) if swapped else (false, hit))
        return np.array(found)

    return points


ROC = Exercise(
    id="10.4",
    solution=roc_points,
    cases=(
        (np.array([0.9, 0.6, 0.6, 0.2]), np.array([1, 1, 0, 0])),
        (np.array([0.8, 0.7, 0.5, 0.4, 0.1]), np.array([1, 0, 1, 1, 0])),
        (
            np.array([0.3, 0.3, 0.9, 0.1, 0.5, 0.5, 0.5]),
            np.array([0, 1, 1, 0, 1, 0, 0]),
        ),
    ),
    mistakes=(
        Mistake(
            _roc(ties=False),
            "Equal scores cannot be told apart by a threshold: they are one point. "
            "Yours makes a point for each picture, in the order of the rows.",
        ),
        Mistake(
            _roc(start=False),
            "The first point is missing: a threshold above all scores, (0, 0).",
        ),
        Mistake(_roc(swapped=True), "False positive rate first, as on the x-axis."),
        Mistake(
            _roc(divide="all"),
            "Rates are shares of a class: divide by the number of negatives and of "
            "positives, not by all.",
        ),
        Mistake(
            _roc(divide="called"),
            "Your first number is a share of what was *called* positive. The false "
            "positive rate is a share of all true negatives.",
        ),
        Mistake(
            _roc(down=False),
            "Begin with the highest threshold, so that the curve runs from (0, 0) to "
            "(1, 1).",
        ),
        Mistake(
            _roc(strict=True),
            "A picture whose score *equals* the threshold counts as called: use `>=`.",
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
        _roc(),
        lambda scores, labels: _roc()(scores, labels).tolist(),
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
    swap=False,
    equal=False,
    never=True,
    last=False,
    most=False,
    rates=False,
    above=False,
):
    def choose(scores, labels, cost_fp, cost_fn):
        if swap:
            cost_fp, cost_fn = cost_fn, cost_fp
        if equal:
            cost_fp = cost_fn = 1
        candidates = np.unique(np.asarray(scores))[::-1].tolist()
        candidates = [np.inf, *candidates] if never else candidates
        costs = []
        for t in candidates:
            called = scores > t if above else scores >= t
            false = float((called & (labels == 0)).sum())
            missed = float((~called & (labels == 1)).sum())
            if rates:
                false /= max(float((labels == 0).sum()), 1)
                missed /= max(float((labels == 1).sum()), 1)
            costs.append(cost_fp * false + cost_fn * missed)
        costs = np.array(costs)
        wanted = costs.max() if most else costs.min()
        return candidates[np.flatnonzero(costs == wanted)[-1 if last else 0]]

    return choose


def _on_a_grid(scores, labels, cost_fp, cost_fn):
    grid = np.linspace(0, 1, 101)
    false = ((scores >= grid[:, None]) & (labels == 0)).sum(axis=1)
    missed = ((scores < grid[:, None]) & (labels == 1)).sum(axis=1)
    return grid[np.argmin(cost_fp * false + cost_fn * missed)]


def _by_formula(scores, labels, cost_fp, cost_fn):
    return cost_fp / (cost_fp + cost_fn)


_SCORES = np.array([0.1, 0.3, 0.4, 0.6, 0.7, 0.9])

THRESHOLD = Exercise(
    id="10.5",
    solution=best_threshold,
    cases=(
        (_SCORES, np.array([0, 1, 0, 1, 0, 1]), 5.0, 1.0),
        (_SCORES, np.array([0, 1, 0, 1, 0, 1]), 1.0, 5.0),
        (_SCORES, np.array([0, 1, 0, 0, 1, 0]), 4.0, 1.0),
        (_SCORES, np.array([0, 0, 0, 1, 0, 0]), 1.0, 3.0),
        (_SCORES, np.array([0, 1, 1, 1, 0, 1]), 2.0, 1.0),
        (np.array([0.2, 0.5, 0.5, 0.8]), np.array([0, 1, 0, 1]), 1.0, 1.0),
    ),
    mistakes=(
        Mistake(
            _cheapest(swap=True),
            "The two costs have changed places. A false positive is a 0 called 1.",
        ),
        Mistake(
            _cheapest(equal=True),
            "You count mistakes as if all cost the same: that is the threshold of the "
            "best accuracy.",
        ),
        Mistake(
            _cheapest(never=False),
            "Never answering 1 can be cheapest of all. Let `np.inf` be a candidate.",
        ),
        Mistake(
            _cheapest(last=True),
            "Among thresholds of equal cost the highest was asked for.",
        ),
        Mistake(_cheapest(most=True), "That is the *dearest* threshold."),
        Mistake(
            _cheapest(rates=True),
            "You add up rates. A cost is paid for each mistake, so count mistakes; "
            "with rates a rare class would weigh too much.",
        ),
        Mistake(
            _on_a_grid,
            "You search a grid. Answers change at the scores only: take the scores "
            "themselves as candidates, and `np.inf`.",
        ),
        Mistake(
            _by_formula,
            "That would be best if the scores were true probabilities. Look at the "
            "labels: try each candidate and count what it costs.",
        ),
        Mistake(
            _cheapest(above=True),
            "The answer is 1 from the threshold on, `scores >= t`; you use `>`.",
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


def _gaps(kind="weighted", center=False, signed=False):
    def error(confidence, right, bins):
        confidence, right = np.asarray(confidence), np.asarray(right)
        bin_of = np.minimum((confidence * bins).astype(int), bins - 1)
        gaps, weights = [], []
        for b in range(bins):
            inside = bin_of == b
            if inside.any():
                said = (b + 0.5) / bins if center else confidence[inside].mean()
                gap = said - right[inside].mean()
                gaps.append(gap if signed else abs(gap))
                weights.append(inside.mean())
            elif kind == "all bins":
                gaps.append(0.0)
        if kind in ("mean", "all bins"):
            return np.mean(gaps)
        if kind == "max":
            return np.max(gaps)
        if kind == "squared":
            return np.sum(np.square(gaps) * weights)
        return np.sum(np.array(gaps) * weights)

    return error


def _from_half(confidence, right, bins):
    edges = np.linspace(0.5, 1, bins + 1)
    bin_of = np.clip(np.digitize(confidence, edges) - 1, 0, bins - 1)
    error = 0.0
    for b in np.unique(bin_of):
        inside = bin_of == b
        gap = abs(confidence[inside].mean() - right[inside].mean())
        error += inside.mean() * gap
    return error


def _no_bins(confidence, right, bins):
    return np.abs(confidence - right).mean()


def _one_bin_too_many(confidence, right, bins):
    bin_of = (confidence * bins).astype(int)
    found = 0.0
    for b in range(bins):
        inside = bin_of == b
        if inside.any():
            gap = abs(confidence[inside].mean() - right[inside].mean())
            found += inside.mean() * gap
    return found


CALIBRATION = Exercise(
    id="10.6",
    solution=calibration_error,
    cases=(
        (np.array([0.95, 0.9, 0.85, 0.65, 0.6]), np.array([1, 1, 0, 1, 0]), 5),
        (
            np.array([0.55, 0.62, 0.99, 0.98, 0.97, 0.71]),
            np.array([1, 1, 1, 0, 1, 0]),
            10,
        ),
        (np.array([1.0, 1.0, 0.75, 0.9]), np.array([1, 0, 1, 1]), 4),
    ),
    mistakes=(
        Mistake(
            _gaps("mean"),
            "Each bin counts the same in your mean. Weigh it by its share of the "
            "pictures.",
        ),
        Mistake(
            _gaps("all bins"),
            "You average over all bins, the empty ones too. Weigh each gap by the "
            "bin's share of the pictures instead.",
        ),
        Mistake(
            _gaps("max"),
            "That is the *largest* gap (maximum calibration error). Asked is the "
            "weighted mean.",
        ),
        Mistake(
            _gaps(signed=True),
            "Too sure in one bin and too modest in another cancel out. Take the "
            "absolute value of each gap.",
        ),
        Mistake(_gaps("squared"), "Do not square the gaps; take absolute values."),
        Mistake(
            _gaps(center=True),
            "Compare with the *mean confidence* in the bin, not with its middle.",
        ),
        Mistake(
            _from_half,
            "Your bins begin at 0.5. That suits two classes, as in the lesson; with "
            "more classes an answer can be less sure, so divide 0 to 1.",
        ),
        Mistake(
            _no_bins,
            "Without bins a sure and right answer at 80 % counts as wrong by 20 %. "
            "Average inside each bin first, then compare.",
        ),
        Mistake(
            _one_bin_too_many,
            "A confidence of exactly 1 falls out of your last bin.",
        ),
    ),
    hints=(
        "`(confidence * bins).astype(int)` numbers the bins; mind the confidence 1.0.",
        "In each bin: mean confidence, share of right answers, and the gap of the two.",
        "Sum up the gaps, each times `inside.mean()`, the bin's share of the pictures.",
    ),
    because="A gap counts as much as there are pictures in its bin.",
    alternatives=(
        _gaps(),
        lambda confidence, right, bins: float(_gaps()(confidence, right, bins)),
    ),
)


# --- 10.7 Never quite sure --------------------------------------------------------


def probabilities(model, pixel_values):
    model.eval()
    with torch.no_grad():
        return model(pixel_values=pixel_values).logits.softmax(dim=-1)


class _Dropping(nn.Module):
    """Stands in for a classifier with dropout: its logits are its pixels' sums."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))
        self.dropout = nn.Dropout(0.5)

    def forward(self, pixel_values):
        logits = self.scale * pixel_values.mean(dim=(2, 3))  # (B, 3)
        return SimpleNamespace(logits=self.dropout(logits))


def _probabilities(softmaxes=1, dim=-1, evaluate=True, sigmoid=False):
    def answer(model, pixel_values):
        model.train(not evaluate)
        with torch.no_grad():
            result = model(pixel_values=pixel_values).logits
        if sigmoid:
            return result.sigmoid()
        for _ in range(softmaxes):
            result = result.softmax(dim=dim)
        return result

    return answer


def _with_gradient(model, pixel_values):
    return model.eval()(pixel_values=pixel_values).logits.softmax(-1)


def _by_exp(model, pixel_values):
    with torch.inference_mode():
        exp = model.eval()(pixel_values=pixel_values).logits.exp()
    return (exp / exp.sum(1, keepdim=True)).numpy()


def _probe_probabilities(answer, pixels):
    torch.manual_seed(0)
    model = _Dropping().train()
    result = answer(model, torch.as_tensor(pixels))
    if result is ... or result is None:
        return result
    if getattr(result, "requires_grad", False):
        raise NotAnAnswer(
            "Your result still drags the graph of all gradients along, and with it "
            "memory. Compute under `torch.no_grad()`."
        )
    return result


def _pixels(rows):
    values = np.array(rows, dtype=np.float32)
    return np.ascontiguousarray(
        np.broadcast_to(values[:, :, None, None], (*values.shape, 2, 2))
    )


TWICE = Exercise(
    id="10.7",
    solution=probabilities,
    probe=_probe_probabilities,
    cases=(
        (_pixels([[1.0, -1.0, 0.5], [0.2, 0.1, 1.5]]),),
        (_pixels([[0.5, 0.5, 0.5], [2.0, -2.0, 1.0], [0.0, 1.0, -1.0]]),),
    ),
    mistakes=(
        Mistake(
            _probabilities(softmaxes=2, evaluate=False),
            "Both bugs are still there: one in what happens to the logits, one in the "
            "mode of the model.",
        ),
        Mistake(
            _probabilities(softmaxes=2),
            "Softmax twice: the second one gets numbers from 0 to 1, and with two "
            "classes no answer can be surer than $e/(e+1) = 73\\,\\%$.",
        ),
        Mistake(
            _probabilities(evaluate=False),
            "The model is in training mode, so dropout throws numbers away at random: "
            "another answer each time. Call `model.eval()` first.",
        ),
        Mistake(
            _probabilities(dim=0),
            "Your softmax runs over the *pictures*. Each row is one picture.",
        ),
        Mistake(_probabilities(softmaxes=0), "Those are logits, not probabilities."),
        Mistake(
            _probabilities(sigmoid=True),
            "A sigmoid judges each class alone; the rows do not sum to 1.",
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
    alternatives=(_probabilities(), _by_exp),
)

EXERCISES = (BALANCED, FREEZE, PRECISION, ROC, THRESHOLD, CALIBRATION, TWICE)
