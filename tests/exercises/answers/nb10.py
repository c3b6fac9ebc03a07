"""Answers to the exercises of notebook 10, written from the statements alone."""

import copy
import random

import numpy as np
import torch
from sklearn.metrics import f1_score, precision_score, recall_score, roc_curve
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


# 10.2 freeze_backbone(model)


@right("10.2")
def on_the_module(model):
    model.vit.requires_grad_(False)
    return model


@right("10.2")
def on_each_parameter(model):
    for p in model.vit.parameters():
        p.requires_grad = False
    return model


@right("10.2")
def by_name(model):
    for name, p in model.named_parameters():
        if name.startswith("vit."):
            p.requires_grad_(False)
    return model


@right("10.2")
def all_but_the_head(model):
    for name, p in model.named_parameters():
        p.requires_grad = name.startswith("classifier")
    return model


@right("10.2")
def base_model(model):
    for module in model.base_model.modules():
        for p in module.parameters(recurse=False):
            p.requires_grad = False
    return model


@right("10.2")
def freeze_then_thaw_the_head(model):
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    return model


@right("10.2")
def also_with_the_attribute(model):
    model.vit.requires_grad = False
    for p in model.vit.parameters():
        p.requires_grad = False
    return model


@wrong("10.2", "an attribute of the module", says="Nothing is frozen")
def attribute_of_the_module(model):
    model.vit.requires_grad = False
    return model


@wrong("10.2", "an attribute of each part of the backbone", says="Nothing is frozen")
def attribute_of_the_parts(model):
    for child in model.vit.children():
        child.requires_grad = False
    return model


@wrong("10.2", "an attribute of every module", says="Nothing is frozen")
def attribute_of_all_modules(model):
    for module in model.vit.modules():
        module.requires_grad = False
    return model


@wrong("10.2", "returns nothing", says="End with `return model`")
def returns_nothing(model):
    model.vit.requires_grad_(False)


@wrong("10.2", "the head as well", says="Everything is frozen, the new head too")
def head_as_well(model):
    for p in model.parameters():
        p.requires_grad = False
    return model


@wrong("10.2", "the head instead of the backbone", says="The other way round")
def head_instead(model):
    model.classifier.requires_grad_(False)
    return model


@wrong("10.2", "the blocks without the embeddings", says="The blocks are frozen")
def blocks_only(model):
    model.vit.layers.requires_grad_(False)
    return model


@wrong(
    "10.2",
    "embeddings and blocks without the last norm",
    says="The last layer norm still learns",
)
def without_the_norm(model):
    model.vit.embeddings.requires_grad_(False)
    for layer in model.vit.layers:
        layer.requires_grad_(False)
    return model


@wrong("10.2", "the embeddings alone", says="Only the embeddings are frozen")
def embeddings_only(model):
    model.vit.embeddings.requires_grad_(False)
    return model


@wrong("10.2", "all but the last block", says="The last block still learns")
def all_but_the_last_block(model):
    model.vit.requires_grad_(False)
    model.vit.layers[-1].requires_grad_(True)
    return model


@wrong(
    "10.2", "returns the backbone", says="The right parts are frozen, but you return"
)
def returns_the_backbone(model):
    return model.vit.requires_grad_(False)


@wrong("10.2", "evaluation mode instead of freezing", says="Nothing is frozen")
def evaluation_mode(model):
    model.vit.eval()
    return model


@wrong("10.2", "no_grad, over when the function returns", says="Nothing is frozen")
def under_no_grad(model):
    with torch.no_grad():
        model.vit.parameters()
    return model


@wrong("10.2", "weights without biases", says="Only what is called `weight` is frozen")
def weights_only(model):
    for name, p in model.vit.named_parameters():
        if "weight" in name:
            p.requires_grad = False
    return model


@wrong("10.2", "linear layers only", says="Only the linear layers are frozen")
def linear_layers_only(model):
    for module in model.vit.modules():
        if isinstance(module, nn.Linear):
            module.requires_grad_(False)
    return model


@wrong("10.2", "detaches copies of the parameters", says="Nothing is frozen")
def detaches(model):
    for p in model.vit.parameters():
        p = p.detach()
    return model


@wrong("10.2", "freezes a copy and returns it", says="You freeze a copy")
def freezes_a_copy(model):
    frozen = copy.deepcopy(model)
    frozen.vit.requires_grad_(False)
    return frozen


@wrong("10.2", "a new head", says="You put a new head on the model")
def new_head(model):
    model.requires_grad_(False)
    head = model.classifier
    model.classifier = nn.Linear(head.in_features, head.out_features)
    return model


@wrong("10.2", "the first parameter alone")
def first_parameter(model):
    next(model.vit.parameters()).requires_grad = False
    return model


@wrong("10.2", "deletes the gradients", says="Nothing is frozen")
def deletes_gradients(model):
    for p in model.vit.parameters():
        p.grad = None
    return model


# 10.3 precision_recall_f1(confusion)


@right("10.3")
def from_ravel(confusion):
    _, fp, fn, tp = confusion.ravel()
    precision = tp / (tp + fp) if tp + fp else 0
    recall = tp / (tp + fn) if tp + fn else 0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0


@right("10.3")
def with_maximum(confusion):
    hits = confusion[1, 1]
    precision = hits / max(confusion[:, 1].sum(), 1)
    recall = hits / max(confusion[1].sum(), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-12)
    return precision, recall, f1


@right("10.3")
def f1_from_counts(confusion):
    tp, fp, fn = confusion[1][1], confusion[0][1], confusion[1][0]

    def share(a, b):
        return a / b if b > 0 else 0.0

    return [share(tp, tp + fp), share(tp, tp + fn), share(2 * tp, 2 * tp + fp + fn)]


@right("10.3")
def by_list_and_try(confusion):
    (_, fp), (fn, tp) = confusion.tolist()
    found = []
    for divisor in (tp + fp, tp + fn):
        try:
            found.append(tp / divisor)
        except ZeroDivisionError:
            found.append(0)
    p, r = found
    return np.array([p, r, 2 * p * r / (p + r) if p + r else 0])


@right("10.3")
def with_scikit_learn(confusion):
    truth = np.repeat([0, 0, 1, 1], confusion.ravel())
    answers = np.repeat([0, 1, 0, 1], confusion.ravel())
    return tuple(
        score(truth, answers, zero_division=0)
        for score in (precision_score, recall_score, f1_score)
    )


@right("10.3")
def nan_to_num(confusion):
    with np.errstate(all="ignore"):
        p = np.nan_to_num(confusion[1, 1] / confusion.sum(axis=0)[1])
        r = np.nan_to_num(confusion[1, 1] / confusion.sum(axis=1)[1])
        return p, r, np.nan_to_num(2 * p * r / (p + r))


@right("10.3")
def all_zero_without_hits(confusion):
    tp = float(confusion[1, 1])
    if tp == 0:  # every divisor that is 0 has no hits
        return 0.0, 0.0, 0.0
    precision, recall = tp / confusion[:, 1].sum(), tp / confusion[1, :].sum()
    return precision, recall, 2 / (1 / precision + 1 / recall)


def _share(a, b):
    return a / b if b else 0.0


def _scores(tp, fp, fn):
    """The three scores from counts."""
    p, r = _share(tp, tp + fp), _share(tp, tp + fn)
    return p, r, _share(2 * p * r, p + r)


@wrong(
    "10.3",
    "rows and columns exchanged",
    says="Precision and recall have changed places",
)
def transposed(confusion):
    return _scores(confusion[1, 1], confusion[1, 0], confusion[0, 1])


@wrong("10.3", "class 0 positive", says="Those are the numbers of class 0")
def class_zero(confusion):
    return _scores(confusion[0, 0], confusion[1, 0], confusion[0, 1])


@wrong(
    "10.3", "counts class 0 as hits", says="The cell `[0, 0]` counts pictures of class"
)
def wrong_hits(confusion):
    return _scores(confusion[0, 0], confusion[0, 1], confusion[1, 0])


@wrong(
    "10.3",
    "not a number where a divisor is 0",
    says="If the model never answers 1, your precision is 0/0",
)
def not_a_number(confusion):
    with np.errstate(all="ignore"):
        p = confusion[1, 1] / confusion[:, 1].sum()
        r = confusion[1, 1] / confusion[1, :].sum()
        return p, r, 2 * p * r / (p + r)


@wrong("10.3", "Python's division by 0", says="One of your divisors can be 0")
def division_by_zero(confusion):
    (_, fp), (fn, tp) = confusion.tolist()
    p, r = tp / (tp + fp), tp / (tp + fn)
    return p, r, 2 * p * r / (p + r)


@wrong(
    "10.3",
    "only the first divisor is guarded",
    says="Where no picture is of class 1, your recall is 0/0",
)
def one_guard(confusion):
    with np.errstate(all="ignore"):
        tp, fp, fn = confusion[1, 1], confusion[0, 1], confusion[1, 0]
        p, r = _share(tp, tp + fp), tp / (tp + fn)
        return p, r, _share(2 * p * r, p + r)


@wrong(
    "10.3",
    "the divisor of F1 is not guarded",
    says="If precision and recall are both 0, your F1 is 0/0",
)
def f1_not_guarded(confusion):
    with np.errstate(all="ignore"):
        p, r, _ = _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])
        return p, r, np.divide(2 * p * r, p + r)


@wrong(
    "10.3",
    "1 where a divisor is 0",
    says="Where a divisor is 0 you return 1, as if all were right",
)
def one_for_zero(confusion):
    tp, fp, fn = confusion[1, 1], confusion[0, 1], confusion[1, 0]
    p = tp / (tp + fp) if tp + fp else 1.0
    r = tp / (tp + fn) if tp + fn else 1.0
    return p, r, _share(2 * p * r, p + r)


@wrong("10.3", "recall first", says="Precision and recall have changed places")
def recall_first(confusion):
    p, r, f = _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])
    return r, p, f


@wrong("10.3", "half the sum for F1", says="Precision and recall are right")
def arithmetic_mean(confusion):
    p, r, _ = _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])
    return p, r, (p + r) / 2


@wrong("10.3", "forgets the factor 2 of F1", says="F1 is half of what it should be")
def without_two(confusion):
    p, r, f = _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])
    return p, r, f / 2


@wrong(
    "10.3",
    "accuracy in place of precision",
    says="Your first number is the accuracy, the share",
)
def accuracy_first(confusion):
    _, r, f = _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])
    return np.trace(confusion) / max(confusion.sum(), 1), r, f


@wrong("10.3", "divides by all answers", says="You divide by all pictures")
def by_all(confusion):
    p = r = confusion[1, 1] / max(confusion.sum(), 1)
    return p, r, _share(2 * p * r, p + r)


@wrong("10.3", "percent", says="Those are percents")
def in_percent(confusion):
    found = _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])
    return tuple(100 * x for x in found)


@wrong("10.3", "rounds to two places", says="Half precision, rounding")
def rounded(confusion):
    found = _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])
    return tuple(round(float(x), 2) for x in found)


@wrong(
    "10.3",
    "specificity for recall",
    says="Your second number is a share of class 0, its specificity",
)
def specificity(confusion):
    p = _share(confusion[1, 1], confusion[:, 1].sum())
    r = _share(confusion[0, 0], confusion[0].sum())
    return p, r, _share(2 * p * r, p + r)


@wrong("10.3", "F1 alone")
def f1_alone(confusion):
    return _scores(confusion[1, 1], confusion[0, 1], confusion[1, 0])[2]


def _share(hits, of):
    return hits / of if of else 0.0


@wrong("10.3", "geometric mean", says="You take their geometric mean")
def three_with_geometric_mean(confusion):
    (_, false), (missed, hits) = confusion
    precision, recall = _share(hits, hits + false), _share(hits, hits + missed)
    return precision, recall, (precision * recall) ** 0.5


@wrong("10.3", "both classes", says="the *macro* average")
def three_of_both_classes(confusion):
    found = []
    for c in (0, 1):
        hits = confusion[c, c]
        precision = _share(hits, confusion[:, c].sum())
        recall = _share(hits, confusion[c].sum())
        f1 = _share(2 * precision * recall, precision + recall)
        found.append((precision, recall, f1))
    return np.mean(found, axis=0)


@wrong("10.3", "false positive rate", says="the false positive rate")
def three_with_false_positive_rate(confusion):
    (right, false), (missed, hits) = confusion
    precision, recall = _share(hits, hits + false), _share(hits, hits + missed)
    f1 = _share(2 * precision * recall, precision + recall)
    return precision, _share(false, false + right), f1


@wrong("10.3", "hits and right rejections", says="divides by hits plus")
def three_over_the_diagonal(confusion):
    (right, false), (missed, hits) = confusion
    precision, recall = _share(hits, hits + false), _share(hits, hits + missed)
    f1 = _share(2 * precision * recall, precision + recall)
    return _share(hits, hits + right), recall, f1


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
