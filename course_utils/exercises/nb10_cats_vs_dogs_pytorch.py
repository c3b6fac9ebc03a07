"""Exercises of notebook 10: subsets, freezing, precision, ROC, costs, calibration."""

import copy

import numpy as np
import torch
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


# --- 10.2 Frozen, or not ----------------------------------------------------------


def freeze_backbone(model):
    for parameter in model.vit.parameters():
        parameter.requires_grad = False
    return model


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


def _weights_only(model):
    for name, parameter in model.vit.named_parameters():
        parameter.requires_grad = "weight" not in name
    return model


def _linear_only(model):
    for module in model.vit.modules():
        if isinstance(module, nn.Linear):
            module.requires_grad_(False)
    return model


def _new_head(model):
    model.requires_grad_(False)
    model.classifier = nn.Linear(8, 2)
    return model


def _probe_frozen(answer, blocks):
    """Say which parts of the given model still learn, and what came back."""
    model = _classifier(blocks=blocks)
    head = model.classifier
    given = answer(model)
    if not isinstance(given, nn.Module):
        raise NotAnAnswer("End with `return model`: the check looks at its parameters.")
    back = {id(model): "the model", id(model.vit): "its backbone"}
    learning = [name for name, p in model.named_parameters() if p.requires_grad]
    found = {
        "returned": back.get(id(given), "another model"),
        "learning": ", ".join(learning) or "nothing",
        "head": "the old one" if model.classifier is head else "a new one",
    }
    hung = any("requires_grad" in vars(module) for module in model.modules())
    if hung and any(name.startswith("vit") for name in learning):
        found["new attribute of a module"] = "requires_grad"
    return found


FREEZE = Exercise(
    id="10.2",
    title="Spot the bug: frozen, or not",
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
            lambda model: model,
            "Nothing is frozen. What `eval()`, `no_grad` or `detach` do leaves the "
            "parameters of the model as they are: each has a switch of its own.",
        ),
        Mistake(
            lambda model: _by_name(copy.deepcopy(model)),
            "You freeze a copy. The model that your function is given learns on as "
            "before.",
        ),
        Mistake(
            lambda model: _by_name(model).vit,
            "The right parts are frozen, but you return the backbone alone. Return the "
            "whole model.",
        ),
        Mistake(
            _new_head,
            "You put a new head on the model. Leave the one it has, with what it has "
            "learned.",
        ),
        Mistake(
            _freeze(""),
            "Everything is frozen, the new head too: `backward` would stop with an "
            "error, for nothing is left to learn.",
        ),
        Mistake(_freeze("classifier"), "The other way round: you froze the head."),
        Mistake(
            _freeze("vit.layers"),
            "The blocks are frozen; the embeddings and the last norm still learn.",
        ),
        Mistake(
            _freeze("vit.embeddings"),
            "Only the embeddings are frozen; every block still learns.",
        ),
        Mistake(
            _freeze("vit.embeddings", "vit.layers"),
            "The last layer norm still learns. It belongs to the backbone too.",
        ),
        Mistake(
            lambda model: (
                _freeze("vit")(model)
                and model.vit.layers[-1].requires_grad_(True)
                and model
            ),
            "The last block still learns. All of the backbone is to be frozen.",
        ),
        Mistake(
            _weights_only,
            "Only what is called `weight` is frozen. The biases, the class token and "
            "the positions are parameters as well, and still learn.",
        ),
        Mistake(
            _linear_only,
            "Only the linear layers are frozen. The backbone holds other parameters "
            "as well: embeddings and norms.",
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


def _three(
    positive=1,
    turned=False,
    f1=lambda p, r: 2 * p * r / max(p + r, 1e-12),
    share=lambda hits, all_of_them: hits / max(all_of_them, 1),
):
    """The three numbers; shares, or what is made of them, may be computed otherwise."""

    def scores(confusion):
        table = confusion.T if turned else confusion
        hits = table[positive, positive]
        precision = share(hits, table[:, positive].sum())
        recall = share(hits, table[positive].sum())
        return precision, recall, f1(precision, recall)

    return scores


def _unguarded_f1(precision, recall):
    return np.float64(2 * precision * recall) / (precision + recall)


def _python_division(confusion):
    (_, false), (missed, hits) = confusion.tolist()
    precision, recall = hits / (hits + false), hits / (hits + missed)
    return precision, recall, 2 * precision * recall / (precision + recall)


def _one_guard(confusion):
    precision, recall = _three()(confusion)[0], confusion[1, 1] / confusion[1].sum()
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


def _other_hits(confusion):
    hits, false, missed = confusion[0, 0], confusion[0, 1], confusion[1, 0]
    return _three()(np.array([[0, false], [missed, hits]]))


def _specificity(confusion):
    precision = _three()(confusion)[0]
    recall = confusion[0, 0] / max(confusion[0].sum(), 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-12)


def _second_share(share):
    """The three numbers, of which recall alone is something else."""
    return lambda confusion: [
        number if place != 1 else share(confusion)
        for place, number in enumerate(_three()(confusion))
    ]


def _of_both_classes(confusion):
    return np.mean([_three(0)(confusion), _three(1)(confusion)], axis=0)


def _hits_and_right_rejections(confusion):
    _, recall, f1 = _three()(confusion)
    hits, right = confusion[1, 1], np.trace(confusion)
    return hits / right if right else 0.0, recall, f1


def _accuracy_for(*places):
    def scores(confusion):
        share = np.trace(confusion) / confusion.sum()
        found = _three()(confusion)
        return [share if i in places else x for i, x in enumerate(found)]

    return scores


def _of_all_answers(confusion):
    share = confusion[1, 1] / confusion.sum()
    return share, share, share


PRECISION = Exercise(
    id="10.3",
    title="Precision, recall and F1",
    solution=precision_recall_f1,
    cases=(
        (np.array([[5, 3], [1, 4]]),),
        (np.array([[90, 2], [6, 2]]),),
        (np.array([[7, 0], [3, 0]]),),
        (np.array([[4, 3], [0, 0]]),),
        (np.array([[6, 2], [3, 0]]),),
    ),
    mistakes=(
        Mistake(
            _three(turned=True),
            "Precision and recall have changed places. Precision divides by what was "
            "*answered* 1, a column; recall by what *is* 1, a row.",
        ),
        Mistake(
            _three(positive=0),
            "Those are the numbers of class 0. The positive class is 1.",
        ),
        Mistake(
            _other_hits,
            "The cell `[0, 0]` counts pictures of class 0 that were answered 0. They "
            "are no hits of class 1.",
        ),
        Mistake(
            _specificity,
            "Your second number is a share of class 0, its specificity. Recall is a "
            "share of class 1.",
        ),
        Mistake(
            _three(f1=lambda precision, recall: (precision + recall) / 2),
            "Precision and recall are right. F1 is their *harmonic* mean, "
            "$2PR/(P+R)$: near the smaller of the two.",
        ),
        Mistake(
            _three(f1=lambda p, r: p * r / max(p + r, 1e-12)),
            "F1 is half of what it should be: the harmonic mean has a factor 2.",
        ),
        Mistake(
            _three(f1=lambda precision, recall: (precision * recall) ** 0.5),
            "Precision and recall are right. You take their geometric mean; F1 is the "
            "*harmonic* one, $2PR/(P+R)$.",
        ),
        Mistake(
            _of_both_classes,
            "You take the mean over both classes, the *macro* average. Asked are the "
            "numbers of class 1.",
        ),
        Mistake(
            _second_share(lambda table: table[0, 0] / max(table[0].sum(), 1)),
            "Your second number is a share of class 0, its specificity. Recall is a "
            "share of class 1.",
        ),
        Mistake(
            _second_share(lambda table: table[0, 1] / max(table[0].sum(), 1)),
            "Your second number is the false positive rate, a share of class 0. Recall "
            "is a share of class 1.",
        ),
        Mistake(
            _hits_and_right_rejections,
            "Your precision divides by hits plus pictures of class 0 answered 0. It is "
            "a share of what was *answered* 1, a column.",
        ),
        Mistake(
            _accuracy_for(0, 1, 2),
            "That is the accuracy: it counts right answers of *both* classes.",
        ),
        Mistake(
            _accuracy_for(0),
            "Your first number is the accuracy, the share of *all* answers that are "
            "right. Precision looks at the answers 1 only.",
        ),
        Mistake(
            _of_all_answers,
            "You divide by all pictures. Precision is a share of the answers 1, recall "
            "a share of class 1.",
        ),
        Mistake(
            _three(f1=_unguarded_f1, share=lambda hits, n: hits / n),
            "If the model never answers 1, your precision is 0/0. Return 0 there, as "
            "scikit-learn does, and wherever else a divisor is 0.",
        ),
        Mistake(
            _python_division,
            "One of your divisors can be 0: nothing was answered 1, or nothing is. "
            "Return 0 there.",
        ),
        Mistake(
            _one_guard,
            "Where no picture is of class 1, your recall is 0/0. Return 0 there, too.",
        ),
        Mistake(
            _three(f1=_unguarded_f1),
            "If precision and recall are both 0, your F1 is 0/0. Return 0 there, too.",
        ),
        Mistake(
            _three(share=lambda hits, n: hits / n if n else 1.0),
            "Where a divisor is 0 you return 1, as if all were right. Return 0 there.",
        ),
        Mistake(
            lambda confusion: [100 * share for share in _three()(confusion)],
            "Those are percents. Give numbers from 0 to 1.",
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

EXERCISES = (BALANCED, FREEZE, PRECISION, ROC, THRESHOLD, CALIBRATION, TWICE)
