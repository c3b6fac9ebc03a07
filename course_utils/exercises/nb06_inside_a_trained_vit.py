"""Exercises of notebook 06: distances, maps and their scores, surgery, CKA."""

import itertools
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises import show
from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.vit.torch import EncoderBlock, ViT


def _random(*shape, seed=0):
    """Return an array with fixed, different numbers."""
    return np.random.default_rng(seed).normal(size=shape)


def _attention(*shape, seed=0, to_class=None):
    """Return attention weights of a shape (..., T, T), on the class token as told."""
    weights = np.exp(_random(*shape, seed=seed))
    if to_class is not None:  # share of the look at the class token, for each query
        shares = np.random.default_rng(seed + 1).uniform(*to_class, size=shape[:-1])
        others = weights[..., 1:].sum(axis=-1)
        weights[..., 0] = shares / (1 - shares) * others
    return weights / weights.sum(axis=-1, keepdims=True)


# --- 06.1 Rank five maps before you see them --------------------------------------

_NAMES = ["last row", "blob", "rollout", "relevance", "random"]
_ONE_TEXT = "That is one text. Give a list of five names, each in quotes of its own."
_NO_ORDER = "A set has no order. Give a list, the best map first."
_A_DICT = "That is a dict. Give the names alone, as a list, the best map first."
_TIE = "Two maps share a place in your ranking. Decide which of them is better."
_NUMBERS = "Your ranking holds numbers. Give the names of the maps, the best first."
_LETTERS = (
    "Your ranking holds letters. Rank the names: which letter is which map will be "
    "told with the scores."
)
_UNKNOWN = "Something in your ranking is not one of the five names."
_TWICE = "A map stands twice in your ranking."
_MISSING = "A map is missing in your ranking."


def my_ranking():
    return ["rollout", "relevance", "last row", "blob", "random"]


def _problem(ranking):
    """Say what keeps a ranking from being complete; empty if nothing does."""
    for kind, words in ((str, _ONE_TEXT), ((set, frozenset), _NO_ORDER)):
        if isinstance(ranking, kind):
            return words
    if isinstance(ranking, dict):
        return _A_DICT
    if not hasattr(ranking, "__iter__"):
        return _NUMBERS if isinstance(ranking, int | float) else _UNKNOWN
    ranking = list(ranking)
    for item in ranking:
        if isinstance(item, list | tuple | set):
            return _TIE
        if isinstance(item, int | float | np.number):
            return _NUMBERS
        if isinstance(item, str) and item.upper() in tuple("ABCDE"):
            return _LETTERS
        if item not in _NAMES:
            return f"{_UNKNOWN} It is `{item}`."
    if twice := [name for name in _NAMES if ranking.count(name) > 1]:
        return f"{_TWICE} It is `{twice[0]}`."
    if missing := [name for name in _NAMES if name not in ranking]:
        return f"{_MISSING} It is `{missing[0]}`."
    return ""


def _probe_ranking(answer, names):
    ranking = answer()
    if ranking is None or ranking is ...:
        return ranking
    if problem := _problem(ranking):
        shown = show.example([("names = ", names), ("yours:  ", ranking)])
        wanted = f"wanted: each of the {len(names)} names once"
        raise NotAnAnswer(f"{problem}\n\n{shown[:-3]}{wanted}\n```")
    return "each of the names once"


RANKING = Exercise(
    id="06.1",
    title="Rank five maps before you see them",
    solution=my_ranking,
    probe=_probe_ranking,
    cases=((_NAMES,),),
    mistakes=(
        Mistake(lambda: _NAMES[:4], _MISSING),
        Mistake(lambda: [*_NAMES, "blob"], _TWICE),
        Mistake(lambda: [name.title() for name in _NAMES], _UNKNOWN),
        Mistake(lambda: abs, _UNKNOWN),
        Mistake(lambda: [3, 4, 1, 2, 5], _NUMBERS),
        Mistake(lambda: 5, _NUMBERS),
        Mistake(lambda: list("CDABE"), _LETTERS),
        Mistake(lambda: {name: 1 for name in _NAMES}, _A_DICT),
        Mistake(lambda: ", ".join(_NAMES), _ONE_TEXT),
        Mistake(lambda: set(_NAMES), _NO_ORDER),
        Mistake(lambda: [("rollout", "relevance"), *_NAMES], _TIE),
    ),
    hints=(
        "There is no right order to be found here, only yours. Which of the five know "
        "the picture, which know the model, which know the class?",
        "Return a list of five texts, for instance the names as they stand in the "
        "statement, moved to where you want them.",
    ),
    because="It is complete, that is to say: whether the maps rank as you think, their "
    "scores will tell. Whoever ranks first cannot simply nod afterward.",
    alternatives=(lambda: tuple(_NAMES), lambda: np.array(_NAMES)),
)


# --- 06.2 Heads that look only nearby ---------------------------------------------


def head_distances(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    steps = torch.arange(A.shape[-1] ** 0.5)
    places = torch.cartesian_prod(steps, steps)
    apart = P * torch.cdist(places, places)
    return (A * apart).sum(dim=-1).mean(dim=-1)


def _distances(A, P, *, share=None, apart=np.hypot, reduce=None, heads=False):
    A = np.asarray(A, float)
    A = A.mean(axis=1) if heads else A
    to_class, A = A[..., 1:, 0], A[..., 1:, 1:]
    N = A.shape[-1]
    row, column = np.divmod(np.arange(N), round(N**0.5))
    table = P * apart(row[:, None] - row, column[:, None] - column)
    if share is None:
        A = A / A.sum(axis=-1, keepdims=True)
    else:
        A = share(A, to_class)
    if reduce is not None:
        return reduce(A * table)
    return (A * table).sum(axis=-1).mean(axis=-1)


def _distance_of_class_row(A, P):
    A = np.asarray(A, float)
    return _distances(A / (1 - A[:, :, :1, :1]), P, share=lambda A, _: A)


def _distance_over_tokens(A, P):
    # the class token's own row counts with a distance of 0
    T = A.shape[-1]
    return _distances(A, P, share=lambda A, _: A) * (T - 1) / T


def _softmax(A, _=None):
    exp = np.exp(A)
    return exp / exp.sum(axis=-1, keepdims=True)


def _to_others(A, _):
    A = A * (1 - np.eye(A.shape[-1]))
    return A / A.sum(axis=-1, keepdims=True)


def _distances_in_numpy(A, P):
    A = np.asarray(A)[:, :, 1:, 1:]
    side = round(A.shape[-1] ** 0.5)
    places = np.indices((side, side)).reshape(2, -1)
    apart = np.linalg.norm(places[:, :, None] - places[:, None], axis=0)
    return P * ((A * apart).sum(-1) / A.sum(-1)).mean(-1)


def _distances_masked(A, P):
    scores = A.log()
    scores[..., 0] = -torch.inf
    return head_distances(scores.softmax(dim=-1), P)


_STILL_COUNTS = (
    "What a patch gives to the class token still counts as a look over a distance of "
    "0: the weights that are left do not sum to 1."
)
_ALL_PAIRS = (
    "You divide by one sum over all pairs of patches. So a patch that looks much at "
    "the class token counts less than the others. Each patch has its own mean."
)

DISTANCES = Exercise(
    id="06.2",
    title="Spot the bug: heads that look only nearby",
    solution=head_distances,
    cases=(
        (_attention(2, 4, 10, 10, to_class=(0.1, 0.6)), 7),
        (_attention(3, 2, 17, 17, seed=2, to_class=(0.0, 0.9)), 16),
        (_attention(2, 3, 5, 5, seed=4), 4),
    ),
    mistakes=(
        Mistake(partial(_distances, share=lambda A, _: A), _STILL_COUNTS),
        Mistake(_distance_over_tokens, _STILL_COUNTS),
        Mistake(
            partial(_distances, share=lambda A, _: A / A.sum(-2, keepdims=True)),
            "You renormalize over the queries, from which a patch is looked at. The "
            "weights with which *one* patch looks at the others lie along another "
            "axis.",
        ),
        *(
            Mistake(partial(_distances, share=share, reduce=reduce), _ALL_PAIRS)
            for share, reduce in (
                (lambda A, _: A / A.sum((-2, -1), keepdims=True), None),
                (
                    lambda A, _: A / A.sum((-2, -1), keepdims=True),
                    lambda x: x.sum((-2, -1)),
                ),
            )
        ),
        Mistake(
            partial(
                _distances, share=lambda A, c: A / (1 - c.mean(-1))[..., None, None]
            ),
            _ALL_PAIRS,
        ),
        Mistake(
            partial(_distances, share=_softmax),
            "These weights have been through a softmax already. A second one makes "
            "them nearly even; they are only to sum to 1 again.",
        ),
        Mistake(
            _distance_of_class_row,
            "You divide by what is left of the row of the class token itself. Each "
            "patch has a row of its own, and gives another share away.",
        ),
        Mistake(
            partial(_distances, share=lambda A, c: A + c[..., None] / A.shape[-1]),
            "You let all patches share evenly what the class token got, so that every "
            "head looks more evenly than it does.",
        ),
        Mistake(
            partial(_distances, share=_to_others),
            "You leave out how much a patch looks at itself. That is a look, too, over "
            "a distance of 0.",
        ),
        Mistake(
            lambda A, P: _distances(A, 1),
            "Your distances are in patches. Asked are pixels.",
        ),
        Mistake(
            lambda A, P: _distances(A, P * P),
            "You multiply by the side of a patch twice.",
        ),
        Mistake(
            lambda A, P: _distances(A, 16),
            "Your patches are always 16 pixels wide. Here `P` says how wide they are.",
        ),
        Mistake(
            partial(_distances, apart=lambda y, x: abs(y) + abs(x)),
            "You go along rows and columns. The given table holds the straight line "
            "between two patches, and that was right.",
        ),
        Mistake(
            lambda A, P: _distances(A, P, apart=lambda y, x: P * (y * y + x * x)),
            "Your distances are squared.",
        ),
        Mistake(
            partial(_distances, heads=True),
            "You take the mean over the heads, too. Each head has a distance of its "
            "own.",
        ),
        Mistake(
            lambda A, P: _distances(A, P).mean(axis=0),
            "You take the mean over the images, too. Asked is `(B, h)`.",
        ),
        Mistake(
            partial(_distances, reduce=lambda x: x.sum(-1)),
            "That is the distance of each patch. The mean over the patches is still "
            "to come.",
        ),
        Mistake(
            partial(_distances, reduce=lambda x: x.sum((-1, -2))),
            "You take the sum over the patches. Asked is their mean.",
        ),
        Mistake(
            partial(_distances, reduce=lambda x: x.mean((-1, -2))),
            "You take the mean over the keys, too. Weights that sum to 1 make a sum a "
            "weighted mean already.",
        ),
    ),
    hints=(
        "Add up one row of what the function multiplies by the distances. What does "
        "the comment promise?",
        "The row of a head that looks at the class token with 0.9 sums to 0.1 once "
        "the class token is cut off. A weighted mean needs weights that sum to 1.",
        "After the cut, divide by the sum of each row: over the last axis, with the "
        "axis kept.",
    ),
    because="A weighted mean needs weights that sum to 1, and after the cut each row "
    "sums to what the class token did not get. In large models whose class column is "
    'strong, the bug alone makes "local" heads.',
    alternatives=(_distances_in_numpy, _distances, _distances_masked),
    kinds=("torch", "numpy"),
)


# --- 06.3 How object-like is a map? -----------------------------------------------


def auc(values, inside):
    one, other = values[inside][:, None], values[~inside]
    wins = (one > other) + 0.5 * (one == other)
    return wins.mean()


def _area(values, inside, *, score=None, tie=0.5, against=None, total=None):
    values, inside = np.asarray(values, float), np.asarray(inside)
    one = values[inside][:, None]
    other = values if against == "all" else values[~inside]
    wins = (one > other) + tie * (one == other)
    n, m = len(one), len(values) - len(one)
    if score is not None:
        return score(values, inside, wins)
    return wins.sum() / {None: wins.size, "inside": n, "outside": m}.get(total, total)


def _numpy(function):
    """Let a mistake work on arrays, whatever comes in."""
    return lambda values, inside: function(
        np.asarray(values, float), np.asarray(inside)
    )


def _from_ranks(ranks):
    """Return the area by the sum of the ranks of what is inside."""

    def area(values, inside):
        n, m = inside.sum(), (~inside).sum()
        return (ranks(values)[inside].sum() - n * (n + 1) / 2) / (n * m)

    return _numpy(area)


def _order_ranks(values):
    return np.argsort(np.argsort(values, kind="stable"), kind="stable") + 1


def _mean_ranks(values):
    return np.array(
        [(values < v).sum() + ((values == v).sum() + 1) / 2 for v in values]
    )


def _without_ties(empty):
    def area(values, inside):
        difference = values[inside][:, None] - values[~inside]
        left = difference[difference != 0]
        return (left > 0).mean() if left.size else empty

    return _numpy(area)


def _stops_without_pairs(values, inside):
    difference = values[inside][:, None] - values[~inside]
    return int((difference > 0).sum()) / int((difference != 0).sum())


def _roc(values, inside, *, first=True, reverse=True):
    hits, alarms = ([0.0], [0.0]) if first else ([], [])
    thresholds = sorted(set(values.tolist()), reverse=reverse)
    for threshold in thresholds:
        chosen = values >= threshold
        hits.append(chosen[inside].mean())
        alarms.append(chosen[~inside].mean())
    hits, alarms = np.array(hits), np.array(alarms)
    return (np.diff(alarms) * (hits[1:] + hits[:-1]) / 2).sum()


def _brightest_share(values, inside):
    return inside[np.argsort(-values, kind="stable")[: inside.sum()]].mean()


def _matched(values, inside):
    pairs = list(zip(values[inside], values[~inside], strict=False))
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


def _accuracy_at(level):
    return _numpy(lambda v, inside: ((v > level(v)) == inside).mean())


def _area_by_loops(values, inside):
    score = pairs = 0
    for one, is_inside in zip(values, inside, strict=True):
        for other, other_inside in zip(values, inside, strict=True):
            if is_inside and not other_inside:
                pairs += 1
                score += 1 if one > other else 0.5 if one == other else 0
    return score / pairs


_BY_ORDER = (
    "You rank equal values by the order in which they stand. A pair of equal values "
    "counts half, wherever its patches are."
)
_MEANS = (
    "You compare means. A single very bright patch moves a mean; pairs ask only which "
    "of two values is higher."
)
_THRESHOLD = (
    "You cut the map at a threshold and count right patches. Pairs need no threshold."
)
_LEFT_OUT = "Pairs of equal values are left out. They are pairs, too, and count half."
_COUNT = "Divide by the number of pairs: a patch inside and a patch outside make one."


def _map_case(values, inside):
    return np.array(values, float), np.array([i == "#" for i in inside])


AUC = Exercise(
    id="06.3",
    title="How object-like is a map?",
    solution=auc,
    cases=(
        _map_case([0.3, 0.9, 0.1, 0.6, 0.2, 0.8, 0.5], "#.##..#"),
        _map_case([0.4, 0.1, 0.4, 0.4, 0.2, 0.2, 0.7, 0.1], "#.##..#."),
        _map_case([0.2, 0.7, 0.2, 0.5, 0.5, 0.2, 0.2], ".#...##"),
        _map_case([0.25] * 6, ".##..#"),
        _map_case([-3, -1, -2, 0.5, -5], "..##."),
        _map_case(_random(36, seed=5).round(1), "......" + "..###." * 3 + "......" * 2),
        _map_case([0.1, 0.2, 0.3, 0.4], "#..."),
        _map_case([0.1, 0.2, 0.3, 0.4], ".###"),
    ),
    mistakes=(
        Mistake(
            partial(_area, tie=1),
            "With you, equal values count as right. A map of one color would get full "
            "marks.",
        ),
        Mistake(
            partial(_area, tie=0),
            "With you, equal values count as wrong. They count half.",
        ),
        *(
            Mistake(answer, _LEFT_OUT)
            for answer in (
                _without_ties(0.5),
                _without_ties(0.0),
                _without_ties(np.nan),
                _stops_without_pairs,
            )
        ),
        Mistake(
            lambda values, inside: 1 - _area(values, inside),
            "That is the other way round: the share of pairs in which the patch "
            "*outside* is higher.",
        ),
        Mistake(
            lambda values, inside: 2 * _area(values, inside) - 1,
            "You subtract the pairs that are wrong, so that the result goes from -1 "
            "to 1. Asked is the share of right ones, from 0 to 1.",
        ),
        Mistake(
            lambda values, inside: max(
                _area(values, inside), 1 - _area(values, inside)
            ),
            "You let no map fall below 0.5. One that is brighter beside the object "
            "than on it does.",
        ),
        Mistake(
            _numpy(lambda v, i: np.corrcoef(v, i)[0, 1] if np.ptp(v) else np.nan),
            "That is a correlation. It asks how far values are apart; pairs ask only "
            "which of two is higher.",
        ),
        Mistake(
            partial(_area, against="all"),
            "You compare against all patches, those inside included. A pair is a patch "
            "inside and a patch outside.",
        ),
        Mistake(
            _numpy(lambda v, i: v[i].sum() / v.sum()),
            "That is the share of the map's sum that lies on the object. It grows "
            "with the object, and pairs do not.",
        ),
        Mistake(_from_ranks(_order_ranks), _BY_ORDER),
        Mistake(
            _from_ranks(lambda v: len(v) - _order_ranks(-v[::-1])[::-1] + 1), _BY_ORDER
        ),
        Mistake(
            _from_ranks(lambda v: np.argsort(v) + 1),
            "`argsort` tells which patch comes at each rank, not which rank each "
            "patch has.",
        ),
        Mistake(
            _from_ranks(lambda v: _mean_ranks(v) - 1),
            "Your ranks begin with 0, while the term that you subtract counts them "
            "from 1.",
        ),
        Mistake(partial(_area, total=1), _COUNT),
        Mistake(partial(_area, total="inside"), _COUNT),
        Mistake(partial(_area, total="outside"), _COUNT),
        *(
            Mistake(
                partial(_area, score=score),
                "You divide by more than there are pairs of a patch inside and a patch "
                "outside.",
            )
            for score in (
                lambda v, i, wins: wins.sum() / len(v) ** 2,
                lambda v, i, wins: wins.sum() / (len(v) * (len(v) - 1) / 2),
                lambda v, i, wins: wins.sum() / (len(v) * (len(v) - 1)),
            )
        ),
        Mistake(
            _numpy(_brightest_share),
            "You count how many of the brightest patches are inside. Pairs ask for "
            "the whole order, not for the top of it.",
        ),
        Mistake(
            _numpy(lambda v, i: float(i[v.argmax()])),
            "You ask whether the brightest patch is inside, and forget all others.",
        ),
        Mistake(
            partial(_area, score=lambda v, i, wins: wins.mean(axis=1)),
            "That is a share for each patch inside. Asked is one number for the map.",
        ),
        Mistake(
            partial(_area, score=lambda v, i, wins: wins.mean(axis=0)),
            "That is a share for each patch outside. Asked is one number for the map.",
        ),
        Mistake(_numpy(lambda v, i: v[i].mean() - v[~i].mean()), _MEANS),
        Mistake(_accuracy_at(np.mean), _THRESHOLD),
        Mistake(_accuracy_at(np.median), _THRESHOLD),
        Mistake(_accuracy_at(lambda v: 0.5), _THRESHOLD),
        Mistake(
            _numpy(_matched),
            "You pair the first inside with the first outside, the second with the "
            "second. Pairs are each with every.",
        ),
        Mistake(
            _numpy(partial(_roc, first=False)),
            "Your curve does not begin at the corner (0, 0), so that a piece of the "
            "area is missing.",
        ),
        Mistake(
            _numpy(partial(_roc, first=False, reverse=False)),
            "You go through the curve backward, from low thresholds to high ones, so "
            "that the area comes out below 0.",
        ),
    ),
    hints=(
        "How many pairs are there, with 4 patches inside and 3 outside? For each of "
        "them, one comparison.",
        "`values[inside]` and `values[~inside]` are the two sides. A new axis, "
        "`[:, None]`, makes a table of all pairs of them.",
        "Add the table of `>` and half the table of `==`, and take the mean.",
    ),
    because="This share is the area under the ROC curve. With half a point for equal "
    "values, a map of one color gets exactly 0.5, and no threshold is needed.",
    alternatives=(
        _area,
        _area_by_loops,
        _from_ranks(_mean_ranks),
        _numpy(_roc),
    ),
    kinds=("numpy", "torch"),
)


# --- 06.4 A rollout that blames the wrong patch -----------------------------------


def class_rollout(A):
    eye = torch.eye(A.shape[-1])
    total = eye
    for weights in A:
        mixed = (weights.mean(dim=1) + eye) / 2
        total = mixed @ total
    return total[:, 0, 1:]


def _rolled(
    A,
    *,
    axis=-1,
    left=True,
    row=True,
    heads=np.mean,
    mix=lambda A, eye: A + eye,
    unit=True,
    end=lambda total: total[:, 0, 1:],
    blocks=slice(None),
):
    A = np.asarray(A, float)
    eye = np.eye(A.shape[-1])
    total = np.broadcast_to(eye, (A.shape[1], *eye.shape))
    for weights in A[blocks]:
        mixed = mix(heads(weights, axis=1), eye)
        mixed = mixed / mixed.sum(axis=axis, keepdims=True) if unit else mixed
        total = mixed @ total if left else total @ mixed
    return end(total) if row else total[:, 1:, 0]


def _rescaled(scale):
    return partial(_rolled, end=lambda total: scale(total[:, 0, 1:]))


def _stretched(x):
    low, high = x.min(axis=1, keepdims=True), x.max(axis=1, keepdims=True)
    return (x - low) / (high - low)


def _head_by_head(A):
    A = (np.asarray(A, float) + np.eye(A.shape[-1])) / 2
    total = A[0]
    for step in A[1:]:
        total = step @ total
    return total.mean(axis=1)[:, 0, 1:]


def _identity_at_the_end(A):
    return _rolled(A, mix=lambda A, eye: A) / 2  # of the patches' part, I holds nothing


def _first_without_identity(A):
    total = np.asarray(A[0], float).mean(axis=1)
    for step in (np.asarray(A[1:], float).mean(axis=2) + np.eye(A.shape[-1])) / 2:
        total = step @ total
    return total[:, 0, 1:]


def _starred(A):
    A = (np.asarray(A, float).mean(axis=2) + np.eye(A.shape[-1])) / 2
    return A.prod(axis=0)[:, 0, 1:]


def _row_by_row(A):
    steps = (A.mean(dim=2) + torch.eye(A.shape[-1])) / 2
    row = steps[-1][:, :1]
    for step in steps[:-1].flip(0):
        row = row @ step
    return row[:, 0, 1:]


def _keys_first(A):
    A = np.asarray(A, float).swapaxes(-1, -2)
    return _rolled(A, axis=-2, left=False, row=False)


_ROLLOUT_SLIPS = {
    "the axis of the sum": {"axis": -2},
    "the order of the product": {"left": False},
    "what is returned": {"row": False},
}
_ROLLOUT_LEFT = {
    "the axis of the sum": "One bug is left, in the axis of the sum: with you, what "
    "all tokens take from one token sums to 1. Each token shares its 1 among those "
    "that it looks at.",
    "the order of the product": "One bug is left, in the order of the product: with "
    "you, the first block looks at what the last one has written.",
    "what is returned": "One bug is left, in what is returned: with you, it is how "
    "much each patch holds of the class token. Asked is how much the class token "
    "holds of each patch.",
}


def _rollout_slips():
    """Return the answers that mend none, one or two of the three bugs."""
    found = []
    for count in (3, 2, 1):
        for names in itertools.combinations(_ROLLOUT_SLIPS, count):
            slips = {k: v for name in names for k, v in _ROLLOUT_SLIPS[name].items()}
            message = {
                3: "All three bugs are still there. Go through the example by hand, "
                "block by block, and write down which token then holds what.",
                2: f"Two bugs are left: one in {names[0]}, one in {names[-1]}.",
                1: _ROLLOUT_LEFT[names[0]],
            }[count]
            found.append(Mistake(partial(_rolled, **slips), message))
    return tuple(found)


_LOOKS = np.array([[0, 1, 0, 1], [3, 1, 2, 3]])
_RESCALED = "You rescale the map at the end. What the class token keeps is no patch's."
_ONE_BLOCK = "You use the last block only. What the blocks before it mixed is lost."
_NOT_HALF = (
    "Attention and the residual connection are to count half each; with you, the rows "
    "do not sum to 1."
)

ROLLOUT = Exercise(
    id="06.4",
    title="Spot the bug: a rollout that blames the wrong patch",
    solution=class_rollout,
    cases=(
        (_attention(3, 2, 4, 10, 10, seed=1),),
        (np.eye(4)[_LOOKS][:, None, None],),  # the example of the notebook
        (_attention(2, 3, 2, 5, 5, seed=2, to_class=(0.1, 0.8)),),
        (_attention(1, 2, 3, 5, 5, seed=3),),
    ),
    mistakes=(
        *_rollout_slips(),
        Mistake(
            partial(_rolled, mix=lambda A, eye: A),
            "The residual connection is missing: a token also keeps what it had.",
        ),
        Mistake(
            _identity_at_the_end,
            "The residual connection counts once, at the end. Each block has one.",
        ),
        Mistake(
            _first_without_identity,
            "The first block has no residual connection with you.",
        ),
        Mistake(partial(_rolled, unit=False), _NOT_HALF),
        Mistake(
            partial(_rolled, mix=lambda A, eye: A + eye / 2, unit=False), _NOT_HALF
        ),
        Mistake(
            partial(_rolled, mix=lambda A, eye: 0.9 * A + 0.1 * eye),
            "Attention and the residual connection are to count half each; with you, "
            "one counts more.",
        ),
        Mistake(
            partial(_rolled, heads=np.max),
            "You take the largest of the heads. Asked is their mean.",
        ),
        Mistake(
            partial(
                _rolled, heads=np.max, mix=lambda A, eye: (A + eye) / 2, unit=False
            ),
            "You take the largest of the heads. Asked is their mean.",
        ),
        Mistake(
            _head_by_head,
            "You multiply each head by itself through the blocks and average at the "
            "end. But each block has all heads of the block before as its input.",
        ),
        Mistake(
            partial(_rolled, heads=np.min),
            "You take the smallest of the heads. Asked is their mean.",
        ),
        Mistake(
            partial(_rolled, heads=np.sum),
            "You take the sum of the heads, so that attention counts more than the "
            "residual connection. Asked is their mean.",
        ),
        Mistake(_rescaled(lambda x: x / x.max(axis=1, keepdims=True)), _RESCALED),
        Mistake(_rescaled(lambda x: x / x.max()), _RESCALED),
        Mistake(_rescaled(lambda x: x / x.sum(axis=1, keepdims=True)), _RESCALED),
        Mistake(_rescaled(_stretched), _RESCALED),
        Mistake(
            partial(_rolled, end=lambda total: total[:, 0]),
            "Your map begins with the class token itself. Asked are the patches.",
        ),
        Mistake(
            partial(_rolled, end=lambda total: total),
            "That is the whole matrix. Asked is one of its rows, without the class "
            "token itself.",
        ),
        Mistake(
            partial(_rolled, end=lambda total: total.mean(axis=1)[:, 1:]),
            "You take the mean over all tokens. Asked is what the class token holds.",
        ),
        Mistake(partial(_rolled, blocks=slice(-1, None)), _ONE_BLOCK),
        Mistake(
            partial(_rolled, blocks=slice(-1, None), mix=lambda A, eye: A, unit=False),
            _ONE_BLOCK,
        ),
        Mistake(
            partial(_rolled, blocks=slice(1, None)),
            "The first block is missing from your product.",
        ),
        Mistake(
            partial(_rolled, blocks=slice(None, -1)),
            "The last block is missing from your product.",
        ),
        Mistake(
            lambda A: np.asarray(A).mean(axis=(0, 2))[:, 0, 1:],
            "You take the mean over the blocks. A block mixes what the block before "
            "has mixed, which is a product.",
        ),
        Mistake(
            partial(_rolled, mix=lambda A, eye: np.exp(A + eye)),
            "You put the sum through a softmax, which makes it nearly even. Half of "
            "each is enough.",
        ),
        Mistake(
            _starred,
            "You multiply number by number, `*`. A block mixes tokens: that is a "
            "product of matrices.",
        ),
    ),
    hints=(
        "Do the example by hand. After block 0, what does token 3 hold? After block "
        "1, what does the class token hold?",
        "Row $t$ of a step says what token $t$ takes from each token, so each *row* "
        "sums to 1. A later block reads what the earlier ones wrote. And whose row is "
        "asked for?",
        "Each step is half the mean of the heads and half the identity; a new step "
        "stands on the left of the product; return row 0, without its first number.",
    ),
    because="Rows are what tokens take, so rows sum to 1, later blocks stand on the "
    "left, and the class token's row is the answer. The code given is right, line by "
    "line, for weights with the keys on the axis before the last. Ours have them on "
    "the last, and no shape tells.",
    alternatives=(_rolled, _row_by_row, _keys_first),
    kinds=("torch", "numpy"),
)


# --- 06.5 Another picture's class token -------------------------------------------


def exchange(model, images, partner, block):
    first = model.class_token.expand(len(images), -1, -1)
    x = torch.cat([first, model.embed(images)], dim=1) + model.positions
    for layer in model.blocks[:block]:
        x, _ = layer(x)
    x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    for layer in model.blocks[block:]:
        x, _ = layer(x)
    return model.head(model.norm(x)[:, 0])


def _taken_up(model, images, positions=1):
    first = model.class_token.expand(len(images), -1, -1)
    return torch.cat([first, model.embed(images)], 1) + positions * model.positions


def _swapped(x, partner, model=None, last=None):
    return torch.cat([x[partner, :1], x[:, 1:]], dim=1)


def _one_by_one(x, partner, **_):
    x = x.clone()
    for place, other in enumerate(partner):
        x[place, 0] = x[other, 0]
    return x


def _to_the_partner(x, partner, **_):
    new = x.clone()
    new[partner, 0] = x[:, 0]
    return new


def _read(model, x):
    return model.head(model.norm(x)[:, 0])


def _exchanged(
    model,
    images,
    partner,
    block,
    *,
    swap=_swapped,
    at=lambda number, block, depth: number == block,
    positions=1,
    read=_read,
):
    def last():
        x = _taken_up(model, images)
        for layer in model.blocks:
            x, _ = layer(x)
        return x

    x = _taken_up(model, images, positions)
    for number in range(len(model.blocks) + 1):
        if at(number, block, len(model.blocks)):
            x = swap(x, partner, model=model, last=last)
        if number < len(model.blocks):
            x, _ = model.blocks[number](x)
    return read(model, x)


def _never_at_the_end(model, images, partner, block):
    if block == len(model.blocks):
        return model(images)
    return exchange(model, images, partner, block)


def _learned_token(x, partner, model, **_):
    first = model.class_token + model.positions[:, :1]
    return torch.cat([first.expand(len(x), -1, -1), x[:, 1:]], dim=1)


def _last_token(x, partner, last, **_):
    return torch.cat([last()[partner, :1], x[:, 1:]], dim=1)


def _hooked_exchange(model, images, partner, block, remove=True):
    def swap(_, inputs):
        return (_swapped(inputs[0], partner),)

    place = [*model.blocks, model.norm][block]
    hook = place.register_forward_pre_hook(swap)
    logits = model(images)
    if remove:
        hook.remove()
    return logits


def _hooked_at_a_block(model, images, partner, block):
    model.blocks[block]  # an error if there is none
    return exchange(model, images, partner, block)


def _exchange_on_clone(model, images, partner, block):
    x = _taken_up(model, images)
    for number, layer in enumerate([*model.blocks, None]):
        if number == block:
            x[:, 0] = x[partner, 0]
        x = x if layer is None else layer(x)[0]
    return model.head(model.norm(x[:, 0]))


def _with_numbers(module):
    """Give a module fixed weights with which every part of it counts."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=0.5, generator=generator)
        for part in module.modules():
            if isinstance(part, nn.LayerNorm):
                part.weight += 1
    return module.eval()


_OTHERWISE = "the model answers differently afterward"


def _probe_exchange(answer, images, partner, block, depth):
    """Ask a small model with ``depth`` blocks, and ask it again afterward."""
    model = _with_numbers(ViT(8, 4, 2, 6, 8, depth, 2, 12, dropout=0.1))
    before = model(images)
    logits = answer(model, images, partner, block)
    if isinstance(logits, torch.Tensor) and not torch.equal(model(images), before):
        return _OTHERWISE
    return logits


_PICTURES = _random(3, 2, 8, 8)
_FOUR = _random(4, 2, 8, 8, seed=1)
_AT_THE_END = (
    "If `block` is the number of blocks, there is no block of that number, but there "
    "is still something to exchange: what the last block has made."
)
_POSITIONS = "The position embeddings are to be added once, before the first block."

EXCHANGE = Exercise(
    id="06.5",
    title="Another picture's class token",
    solution=exchange,
    probe=_probe_exchange,
    cases=(
        (_PICTURES, np.array([2, 0, 1]), 1, 4),
        (_FOUR, np.array([2, 0, 3, 1]), 2, 4),
        (_FOUR, np.array([1, 2, 1, 3]), 3, 5),
        (_PICTURES, np.array([1, 2, 0]), 0, 3),
        (_FOUR, np.array([1, 2, 3, 0]), 3, 3),
    ),
    mistakes=(
        Mistake(
            partial(_exchanged, at=lambda number, block, depth: number == block + 1),
            "You exchange after block number `block`. It should happen before it.",
        ),
        Mistake(
            partial(
                _exchanged, at=lambda number, block, depth: number == max(block - 1, 0)
            ),
            "You exchange one block too early: `block` counts from 0.",
        ),
        *(
            Mistake(
                partial(_exchanged, at=at),
                "You exchange before every block from there on, which moves the tokens "
                "on and on. Once is enough.",
            )
            for at in (
                lambda number, block, depth: number >= block,
                lambda number, block, depth: block <= number < max(depth, block + 1),
                lambda number, block, depth: block <= number < depth,
            )
        ),
        Mistake(
            partial(_exchanged, at=lambda number, block, depth: number <= block),
            "You exchange before every block up to there. Once is enough.",
        ),
        Mistake(_never_at_the_end, _AT_THE_END),
        Mistake(_hooked_at_a_block, _AT_THE_END),
        Mistake(
            partial(_exchanged, swap=_one_by_one),
            "You write into the tokens one by one, so that a later picture may get a "
            "class token that has already been replaced.",
        ),
        Mistake(
            partial(_exchanged, swap=_to_the_partner),
            "You give each class token *to its partner*. Picture i should get the one "
            "*of* its partner.",
        ),
        Mistake(
            partial(
                _exchanged, swap=lambda x, p, **_: torch.cat([x[:, :1], x[p, 1:]], 1)
            ),
            "You exchange the patches and leave the class tokens where they are.",
        ),
        Mistake(
            partial(_exchanged, swap=lambda x, p, **_: x[p]),
            "You exchange all tokens, so these are the partner's logits. Only the "
            "class token moves.",
        ),
        Mistake(
            partial(_exchanged, swap=lambda x, p, **_: x),
            "Nothing is exchanged: these are the usual logits. Do you write into a "
            "copy, or does a hook of yours return nothing?",
        ),
        Mistake(
            partial(_exchanged, swap=_learned_token),
            "You put back the learned class token, as it is before the first block. "
            "Asked is what the partner's has become by then.",
        ),
        Mistake(
            partial(_exchanged, swap=_last_token),
            "You take the partner's class token from after the last block. It should "
            "be of the same depth.",
        ),
        Mistake(
            partial(
                _exchanged,
                swap=lambda x, p, **_: (
                    torch.cat([x[p, :1] + x[:, :1], 2 * x[:, 1:]], 1) / 2
                ),
            ),
            "You take the mean of both class tokens. The partner's should replace it.",
        ),
        Mistake(
            partial(_exchanged, read=lambda model, x: model.head(x[:, 0])),
            "The last norm is missing before the head.",
        ),
        Mistake(
            partial(_exchanged, read=lambda model, x: _read(model, x).softmax(dim=1)),
            "Those are probabilities. Asked are the logits.",
        ),
        Mistake(
            partial(_exchanged, read=lambda model, x: _read(model, x).argmax(dim=1)),
            "Those are answers, one for each picture. Asked are the logits.",
        ),
        Mistake(
            partial(_exchanged, read=lambda model, x: model.head(model.norm(x))),
            "You read every token. The logits of a picture come from its class token.",
        ),
        *(
            Mistake(
                partial(_exchanged, read=read),
                "Those are tokens. Asked are the logits, which the head makes.",
            )
            for read in (lambda model, x: x, lambda model, x: model.norm(x))
        ),
        Mistake(
            partial(
                _exchanged,
                read=lambda model, x: model.head(model.norm(x)[:, 1:].mean(dim=1)),
            ),
            "You read the mean of the patches. This model answers by its class token.",
        ),
        Mistake(partial(_exchanged, positions=0), _POSITIONS),
        Mistake(partial(_exchanged, positions=2), _POSITIONS),
        Mistake(
            partial(
                _exchanged,
                swap=lambda x, p, model, **_: _swapped(x + model.positions, p),
            ),
            _POSITIONS,
        ),
        Mistake(
            partial(_hooked_exchange, remove=False),
            "The model answers differently after your function: something of yours "
            "stays in it, a hook perhaps.",
        ),
    ),
    hints=(
        "Do what the model's `forward` does, step by step; its parts are `embed`, "
        "`class_token`, `positions`, `blocks`, `norm` and `head`. A block returns "
        "tokens and weights.",
        "`model.blocks[:block]` are the blocks before the exchange, "
        "`model.blocks[block:]` those after it. Both may be empty.",
        "Between the two: `x[partner, :1]` are the class tokens of the partners, and "
        "`x[:, 1:]` the own patches. Put them together with `torch.cat`.",
    ),
    because="Whatever the first blocks have brought into the class token now comes "
    "from the partner, and what later blocks add comes from the own patches. The depth "
    "at which the answer changes sides tells when the class token has taken it over.",
    alternatives=(_hooked_exchange, _exchange_on_clone, _exchanged),
    kinds=("torch",),
)


# --- 06.6 Knock out a head --------------------------------------------------------


def without_head(block, x, head, value):
    d = value.shape[-1]

    def replace(module, inputs):
        context = inputs[0].clone()
        context[..., head * d : (head + 1) * d] = value
        return (context,)

    hook = block.attention.out.register_forward_pre_hook(replace)
    y, _ = block(x)
    hook.remove()
    return y


def _place(head, value):
    d = value.shape[-1]
    return slice(head * d, (head + 1) * d)


def _put(context, head, value, heads):
    context[..., _place(head, value)] = value
    return context


def _interleaved(context, head, value, heads):
    context[..., head::heads] = value
    return context


def _add(context, head, value, heads):
    context[..., _place(head, value)] += value
    return context


def _only(context, head, value, heads):
    alone = torch.zeros_like(context)
    alone[..., _place(head, value)] = context[..., _place(head, value)]
    return alone


def _operated(
    block,
    x,
    head,
    value,
    *,
    change=_put,
    values=None,
    norm=True,
    bias=True,
    attended=lambda out: out,
    end=None,
    scale=None,
):
    """Go through a block by hand, with one thing done otherwise."""
    attention, (B, T, D) = block.attention, x.shape
    heads = attention.heads
    qkv = attention.qkv(block.norm_1(x) if norm else x)
    q, k, v = qkv.view(B, T, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
    v = v.clone()
    if values is not None:
        v[:, head] = value
    scores = q @ k.transpose(-2, -1) / (scale or q.shape[-1]) ** 0.5
    context = (scores.softmax(dim=-1) @ v).transpose(1, 2).reshape(B, T, D)
    if values is None:
        context = change(context.clone(), head, value, heads)
    out = F.linear(context, attention.out.weight, attention.out.bias if bias else None)
    out = attended(out)
    if end is not None:
        return end(block, x, out, scores.softmax(dim=-1))
    x = x + out
    return x + block.mlp(block.norm_2(x))


def _cut_after(block, x, head, value):
    def attended(out):
        return _put(out.clone(), head, value, None)

    return _operated(
        block, x, head, value, change=lambda context, *_: context, attended=attended
    )


def _residual_lost(block, x, out, weights):
    return out + block.mlp(block.norm_2(out))


def _second_residual_lost(block, x, out, weights):
    return block.mlp(block.norm_2(x + out))


def _second_norm_lost(block, x, out, weights):
    return x + out + block.mlp(x + out)


def _both(block, x, out, weights):
    x = x + out
    return x + block.mlp(block.norm_2(x)), weights


def _hook_stays(block, x, head, value):
    def replace(_, inputs):
        return (_put(inputs[0].clone(), head, value, None),)

    block.attention.out.register_forward_pre_hook(replace)
    return block(x)[0]


def _replaced_by(make):
    """Return an answer that puts in what ``make(context of the head, value)`` says."""

    def change(context, head, value, heads):
        own = context[..., _place(head, value)]
        context[..., _place(head, value)] = make(own.clone(), value)
        return context

    return partial(_operated, change=change)


def _from(which):
    """Return an answer that takes another head than the one that is meant."""

    def change(context, head, value, heads):
        return _put(context, which(head, heads) % heads, value, heads)

    return partial(_operated, change=change)


def _before_the_place(context, head, value, heads):
    d = value.shape[-1]
    context[..., (head - 1) * d : head * d] = value  # an error for head 0
    return context


def _class_token_only(own, value):
    own[:, 0] = value[0]
    return own


def _by_the_change(block, x, head, value):
    kept = []
    hook = block.attention.out.register_forward_pre_hook(
        lambda _, inputs: kept.append(inputs[0])
    )
    attended, _ = block.attention(block.norm_1(x))
    hook.remove()
    place = _place(head, value)
    change = value - kept[0][..., place]
    x = x + attended + F.linear(change, block.attention.out.weight[:, place])
    return x + block.mlp(block.norm_2(x))


def _probe_head(answer, x, heads, head, value):
    """Ask a block with some ``heads``, and ask it again afterward."""
    block = _with_numbers(EncoderBlock(x.shape[-1], heads, 10, dropout=0.1))
    tokens = x.clone()
    before, _ = block(tokens)
    after = answer(block, x, head, value)
    if isinstance(after, torch.Tensor) and not torch.equal(block(tokens)[0], before):
        return "the block answers differently afterward"
    return after


_ONLY_THIS = "You knock out all other heads, and only this one is left."
_VALUE = "You put zeros in its place, whatever `value` says."

WITHOUT_HEAD = Exercise(
    id="06.6",
    title="Knock out a head",
    solution=without_head,
    probe=_probe_head,
    cases=(
        (_random(2, 5, 12), 4, 1, _random(5, 3, seed=1)),
        (_random(3, 4, 12, seed=2), 2, 0, _random(4, 6, seed=3)),
        (_random(2, 5, 12, seed=4), 3, 2, _random(5, 4, seed=5)),
        (_random(2, 5, 6, seed=6), 3, 2, np.zeros((5, 2))),
    ),
    mistakes=(
        Mistake(
            partial(_operated, change=_interleaved),
            "You take every h-th number of the context, or split it into (d, h). The "
            "d numbers of a head stand side by side.",
        ),
        Mistake(
            _cut_after,
            "You write into what comes after the layer `out`, where the heads have "
            "been mixed. They are side by side only before it.",
        ),
        Mistake(partial(_operated, change=_only), _ONLY_THIS),
        Mistake(
            partial(
                _operated,
                change=lambda c, *rest: _put(torch.zeros_like(c), *rest),
            ),
            _ONLY_THIS,
        ),
        Mistake(_replaced_by(lambda own, value: 0 * own), _VALUE),
        Mistake(
            _replaced_by(lambda own, value: own + value),
            "`value` is added to what the head brings. It should replace it.",
        ),
        Mistake(
            _replaced_by(lambda own, value: own * value),
            "What the head brings is multiplied by `value`. It should be replaced.",
        ),
        Mistake(
            _replaced_by(lambda own, value: value.mean(dim=0)),
            "You take the mean of `value` over the tokens. Each token has its own row.",
        ),
        Mistake(
            _replaced_by(_class_token_only),
            "You replace the context of the class token only. All T tokens are meant.",
        ),
        Mistake(
            _replaced_by(lambda own, value: torch.cat([value[None], own[1:]])),
            "You replace the context of the first picture only.",
        ),
        Mistake(
            _replaced_by(lambda own, value: own),
            "The block returns what it always does, as it is. Does your hook return "
            "what it has changed, or do you change a copy?",
        ),
        *(
            Mistake(answer, "Heads count from 0, not from 1.")
            for answer in (
                _from(lambda head, heads: head - 1),
                partial(_operated, change=_before_the_place),
            )
        ),
        Mistake(_from(lambda head, heads: head + 1), "You take the next head."),
        Mistake(
            _from(lambda head, heads: 0),
            "You always take the first head. `head` says which one is meant.",
        ),
        Mistake(
            partial(_operated, values=True),
            "You replace the *values* of the head, which attention then mixes. "
            "`value` comes after that, in place of what it has mixed.",
        ),
        Mistake(
            partial(_operated, norm=False),
            "The norm before the attention is missing.",
        ),
        Mistake(
            partial(_operated, bias=False),
            "The bias of the layer `out` is lost. It belongs to no head.",
        ),
        Mistake(
            lambda block, x, head, value: _operated(
                block, x, head, value, scale=x.shape[-1]
            ),
            "You divide the scores by the root of the width of the model. It is that "
            "of a head.",
        ),
        Mistake(
            partial(_operated, end=_residual_lost),
            "The residual connection around the attention is lost.",
        ),
        Mistake(
            partial(_operated, end=_second_residual_lost),
            "The residual connection around the MLP is lost.",
        ),
        Mistake(
            partial(_operated, end=_second_norm_lost),
            "The norm before the MLP is missing.",
        ),
        Mistake(
            partial(_operated, end=lambda block, x, out, weights: x + out),
            "You stop after the attention. The MLP of the block is missing.",
        ),
        Mistake(
            partial(_operated, end=lambda block, x, out, weights: out),
            "That is what the attention adds. Asked are the tokens after the whole "
            "block, its MLP included.",
        ),
        Mistake(
            partial(_operated, end=_both),
            "You return tokens and weights, as a block does. Asked are the tokens "
            "alone.",
        ),
        Mistake(
            _hook_stays,
            "The block answers differently after your function: a hook stays in it, "
            "or its weights are changed.",
        ),
    ),
    hints=(
        "Where in `MultiHeadAttention` do the heads still stand side by side, and "
        "which numbers are those of head number 1?",
        "The layer `block.attention.out` gets them all, `(B, T, D)`. A hook that runs "
        "before it may return another input.",
        "`register_forward_pre_hook(replace)`, where `replace(module, inputs)` clones "
        "`inputs[0]`, writes `value` into numbers `head * d` up to `(head + 1) * d` "
        "and returns it in a tuple. Remove the hook at the end.",
    ),
    because="A head is a slice of what goes into `out`; after `out` the heads are "
    "added up and cannot be told apart. Zeros take away a constant, too, while a mean "
    "over pictures takes away only what the head says of this one.",
    alternatives=(_operated, _by_the_change),
    kinds=("torch",),
)


# --- 06.7 Alike, or just few pictures? --------------------------------------------


def cka(X, Y):
    def centered(X):
        B = len(X)
        off_diagonal = 1 - torch.eye(B)
        K = X @ X.T * off_diagonal
        r = K.sum(dim=0)
        K = K - (r[:, None] + r) / (B - 2) + r.sum() / ((B - 1) * (B - 2))
        return K * off_diagonal

    K, L = centered(X), centered(Y)
    return (K * L).sum() / (K.norm() * L.norm())


def _cosine(K, L):
    return (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())


def _alike(
    X,
    Y,
    *,
    minus=2,
    before=True,
    after=True,
    columns=True,
    sign=1,
    last=1,
    sums=np.sum,
    features=lambda X: X,
    center=True,
    end=_cosine,
):
    def centered(X):
        X = features(np.asarray(X, float))
        B = len(X)
        off, K = 1 - np.eye(B), X @ X.T
        K = K * off if before else K
        r = sums(K, axis=0)
        if center:
            s = r.mean() if sums is np.mean else r.sum()
            both = r[:, None] + (sign * r if columns else 0)
            K = K - both / (B - minus) + last * s / ((B - 1) * (B - minus))
        return K * off if after else K

    return end(centered(X), centered(Y))


def _biased(X, Y, *, means=True):
    grams = []
    for Z in (X, Y):
        Z = np.asarray(Z, float)
        Z = Z - Z.mean(axis=0) if means else Z
        grams.append(Z @ Z.T)
    return _cosine(*grams)


def _double_centered(X, Y):
    """Center as for the biased one, but on a Gram matrix without its diagonal."""

    def centered(X):
        X = np.asarray(X, float)
        K = X @ X.T * (1 - np.eye(len(X)))
        return K - K.mean(0) - K.mean(1)[:, None] + K.mean()

    return _cosine(centered(X), centered(Y))


def _correlation(X, Y):
    off = ~np.eye(len(X), dtype=bool)
    grams = [(Z @ Z.T)[off] for Z in (np.asarray(X, float), np.asarray(Y, float))]
    return np.corrcoef(grams)[0, 1]


def _clipped(X, Y):
    return max(_alike(X, Y), 0.0)


def _by_traces(X, Y):
    def hsic(K, L):
        n = len(K)
        last = K.sum(0) @ L.sum(0) * 2 / (n - 2)
        return (K * L).sum() + K.sum() * L.sum() / ((n - 1) * (n - 2)) - last

    K, L = (Z @ Z.T * (1 - torch.eye(len(Z))) for Z in (X, Y))
    return hsic(K, L) / (hsic(K, K) * hsic(L, L)) ** 0.5


_BIASED = (
    "That is the biased CKA: the diagonal, which says that each picture is like "
    "itself, is still in it."
)
_NOT_CENTERED = (
    "The Gram matrices are not centered: the sums of their rows and columns are to be "
    "taken off."
)
_BELOW = "You let nothing fall below 0. A debiased number below 0 is right."
_ONE_OF_TWO = "One of the two norms is missing below the fraction."


def _alike_pictures(count, p, q, shared, seed):
    """Return features that share some part, each with a mean that is not 0."""
    X = _random(count, p, seed=seed)
    Y = _random(count, q, seed=seed + 1)
    return X + 0.4, Y + shared * X @ _random(p, q, seed=seed + 2) - 0.3


CKA = Exercise(
    id="06.7",
    title="Alike, or just few pictures?",
    solution=cka,
    cases=(
        _alike_pictures(7, 4, 5, 0.5, seed=0),
        _alike_pictures(6, 20, 30, 0.0, seed=3),
        _alike_pictures(6, 40, 30, 0.0, seed=10),
        _alike_pictures(12, 3, 8, 0.3, seed=20),
        _alike_pictures(4, 6, 3, 0.5, seed=30),
    ),
    mistakes=(
        Mistake(_biased, _BIASED),
        Mistake(
            partial(_biased, means=False),
            f"{_BIASED} And the features are not centered.",
        ),
        Mistake(
            partial(_alike, before=False, after=False),
            "The diagonal is still in, before and after you take off the sums.",
        ),
        Mistake(partial(_alike, center=False), _NOT_CENTERED),
        Mistake(
            partial(_alike, center=False, features=lambda X: X - X.mean(axis=0)),
            f"{_NOT_CENTERED} To center the features does not do it.",
        ),
        Mistake(
            _double_centered,
            "You take off means, as one does with the diagonal in. Without it, other "
            "divisors are right: B - 2, and (B - 1)(B - 2).",
        ),
        Mistake(
            partial(_alike, minus=1),
            "You divide by B - 1 where the statement has B - 2.",
        ),
        Mistake(
            partial(_alike, minus=0),
            "You divide by B where the statement has B - 2.",
        ),
        Mistake(
            partial(_alike, after=False),
            "The diagonal is not 0 at the end: what you take off has filled it again.",
        ),
        Mistake(
            partial(_alike, before=False),
            "The diagonal is out at the end, but it was still in when you formed the "
            "sums of the rows.",
        ),
        Mistake(
            lambda X, Y: cka(X.T, Y.T),
            "You form the Gram matrix of the *features*, which has as many rows as "
            "there are features. That of the pictures has B.",
        ),
        Mistake(
            partial(_alike, columns=False),
            "You take off the sum of the row. That of the column, $r_j$, is missing.",
        ),
        Mistake(
            partial(_alike, last=0),
            "The last term, with the sum $s$ of all numbers, is missing.",
        ),
        Mistake(
            partial(_alike, last=-1),
            "The last term, with the sum $s$ of all numbers, is added, not subtracted.",
        ),
        Mistake(
            partial(_alike, sums=np.mean),
            "Your $r$ and $s$ are means. In the statement they are sums.",
        ),
        Mistake(
            partial(_alike, features=lambda X: X / np.linalg.norm(X, axis=1)[:, None]),
            "You give all rows of features the same length first. The statement takes "
            "them as they are.",
        ),
        Mistake(
            partial(_alike, features=lambda X: X - X.mean(axis=1, keepdims=True)),
            "You subtract the mean of each picture's features. The statement takes "
            "the features as they are.",
        ),
        Mistake(
            _correlation,
            "You take off the mean of the whole matrix. The sums of the rows and of "
            "the columns are to go, too.",
        ),
        Mistake(
            partial(_alike, sign=-1),
            "A sign is wrong: the sum of the row and the sum of the column, both are "
            "subtracted.",
        ),
        *(
            Mistake(
                partial(_alike, end=end),
                "A norm is the *root* of the sum of the squares.",
            )
            for end in (
                lambda K, L: (K * L).sum() / ((K * K).sum() * (L * L).sum()),
                lambda K, L: (K * L).sum() / ((K * K).sum() * (L * L).sum()) ** 2,
            )
        ),
        Mistake(
            partial(_alike, end=lambda K, L: _cosine(K, L) ** 2),
            "Your result is squared, so that it cannot fall below 0.",
        ),
        Mistake(
            partial(_alike, end=lambda K, L: np.sqrt(_cosine(K, L))),
            "You take the root of the whole fraction. Only the norms have a root.",
        ),
        Mistake(_clipped, _BELOW),
        Mistake(lambda X, Y: abs(_alike(X, Y)), _BELOW),
        Mistake(
            partial(_alike, end=lambda K, L: (K * L).sum()),
            "The product is not divided by the two norms.",
        ),
        Mistake(
            partial(_alike, end=lambda K, L: (K * L).mean()),
            "The product is not divided by the two norms.",
        ),
        *(
            Mistake(partial(_alike, end=end), _ONE_OF_TWO)
            for end in (
                lambda K, L: (K * L).sum() / np.linalg.norm(K),
                lambda K, L: (K * L).sum() / np.linalg.norm(L),
            )
        ),
        Mistake(
            partial(
                _alike,
                end=lambda K, L: (K @ L).sum() / np.sqrt((K**2).sum() * (L**2).sum()),
            ),
            "You sum the product of the matrices, `@`. Asked is number by number, "
            "$\\tilde K_{ij} \\tilde L_{ij}$.",
        ),
    ),
    hints=(
        "Write a function that makes the centered matrix of one set of features, and "
        "call it twice.",
        "`1 - torch.eye(B)` is a mask of what is off the diagonal: multiply by it "
        "before the sums are formed, and once more at the end.",
        "The sums of the rows are `r = K.sum(dim=0)`; `r[:, None] + r` is the table of "
        "$r_i + r_j$, and `r.sum()` is $s$.",
    ),
    because="With the diagonal in, each picture is like itself in both sets, and with "
    "few pictures that is most of what there is. Without it, noise comes out near 0, "
    "on either side.",
    alternatives=(_alike, _by_traces),
    kinds=("torch", "numpy"),
    tolerance=1e-4,  # in single precision, sums over the Gram matrix lose some digits
)

EXERCISES = (RANKING, DISTANCES, AUC, ROLLOUT, EXCHANGE, WITHOUT_HEAD, CKA)
