"""Exercises of notebook 15: cost, permutation, rates, shape, removal, shifts."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises.judge import Exercise, Mistake

# --- 15.1 Equal in parameters, equal in work? -------------------------------------


def conv_cost(c_in, c_out, k, height, width, stride):
    weights = c_in * c_out * k * k
    rows = (height - 1) // stride + 1
    columns = (width - 1) // stride + 1
    return weights + c_out, weights * rows * columns


def _parameters(a, b, k):
    return a * b * k * k + b


def _work(a, b, k, places):
    return a * b * k * k * places


def _rounded_up(n, k, s):
    return -(-n // s)


def _cost(parameters=_parameters, work=_work, side=_rounded_up):
    def conv_cost(c_in, c_out, k, height, width, stride):
        places = side(height, k, stride) * side(width, k, stride)
        return parameters(c_in, c_out, k), work(c_in, c_out, k, places)

    return conv_cost


def _places(count):
    """Vary how often the kernel is put down, given height, width and stride."""

    def conv_cost(c_in, c_out, k, height, width, stride):
        weights = c_in * c_out * k * k
        return weights + c_out, weights * count(height, width, stride)

    return conv_cost


def _of_both(change):
    """Change the right parameters and work, given the channels, too."""

    def conv_cost_changed(*sizes):
        return change(*conv_cost(*sizes), *sizes[:2])

    return conv_cost_changed


def _inside_alone(c_in, c_out, k, height, width, stride):
    ones = torch.ones(1, 1, height, width)
    met = F.conv2d(ones, torch.ones(1, 1, k, k), stride=stride, padding=k // 2)
    return _parameters(c_in, c_out, k), c_in * c_out * int(met.sum())


def _by_layer(c_in, c_out, k, height, width, stride):
    layer = torch.nn.Conv2d(c_in, c_out, k, stride, padding=k // 2)
    out = layer(torch.zeros(1, c_in, height, width))
    parameters = sum(p.numel() for p in layer.parameters())
    return parameters, out.numel() * layer.weight[0].numel()


_ROUNDING = (
    "The number of places in a row or a column is off by one where `stride` does not "
    "divide the side. The kernel starts at the first pixel and then goes on in steps "
    "of `stride`; count its places for a side of 5 and a stride of 2."
)

_MILLIONS = "Return the numbers themselves, not thousands or millions of them."
_ONCE = "You round once, at the end. Rows and columns are whole numbers each."

COST = Exercise(
    id="15.1",
    title="Equal in parameters, equal in work?",
    solution=conv_cost,
    cases=(
        (2, 5, 3, 9, 7, 2),
        (3, 4, 5, 8, 13, 3),
        (4, 2, 1, 6, 5, 1),
        (3, 2, 7, 10, 9, 2),
        (2, 6, 3, 8, 12, 4),
    ),
    mistakes=(
        Mistake(
            _cost(parameters=lambda a, b, k: a * b * k * k),
            "The biases are missing from the parameters.",
        ),
        Mistake(
            _cost(parameters=lambda a, b, k: a * b * k * k + 1),
            "One bias is not enough: each channel that comes out has its own.",
        ),
        Mistake(
            _cost(parameters=lambda a, b, k: a * b * k * k + a),
            "There are as many biases as channels that come *out*, not in.",
        ),
        Mistake(
            _cost(parameters=lambda a, b, k: a * b * (k * k + 1)),
            "You count a bias for each pair of channels. Each channel that comes out "
            "has one bias, whatever comes in.",
        ),
        Mistake(
            _cost(parameters=lambda a, b, k: a * b * k + b),
            "In the parameters `k` stands once, but a kernel has `k` rows *and* `k` "
            "columns.",
        ),
        Mistake(
            _cost(lambda a, b, k: a * b * k + b, lambda a, b, k, n: a * b * k * n),
            "A kernel has `k` rows *and* `k` columns, so `k` alone is too little, in "
            "both numbers.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: a * b * k * n),
            "In the multiply-adds `k` stands once, but a kernel has `k` rows *and* "
            "`k` columns.",
        ),
        Mistake(
            _cost(lambda a, b, k: b * k * k + b, lambda a, b, k, n: b * k * k * n),
            "You count one kernel for each channel that comes out. In this layer each "
            "of them reads *all* channels that come in.",
        ),
        Mistake(
            _cost(parameters=lambda a, b, k: b * k * k + b),
            "In the parameters the channels that come in are missing: each channel "
            "that comes out has a kernel for each of them.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: b * k * k * n),
            "In the multiply-adds the channels that come in are missing: each number "
            "that comes out reads all of them.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: a * k * k * n),
            "In the multiply-adds the channels that come out are missing: each of them "
            "is computed at every place.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: 2 * a * b * k * k * n),
            "Your multiply-adds are twice too many. A multiplication and the addition "
            "that follows it count as *one* here, though they are two FLOPs.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: (2 * a * k * k - 1) * b * n),
            "You count multiplications and additions one by one. A multiplication and "
            "its addition are *one* multiply-add.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: (a * k * k + 1) * b * n),
            "You count the bias as work, too. Adding it does not count here.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: a * b * k * k),
            "Your second number is that of the weights. Each weight is used again at "
            "every place where the kernel is put down.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: a * b * n),
            "In the multiply-adds the size of the kernel is missing.",
        ),
        Mistake(
            _cost(work=lambda a, b, k, n: b * n),
            "Your second number says how many numbers come out, not what each of them "
            "costs.",
        ),
        Mistake(
            _places(lambda h, w, s: h * w),
            "The stride is forgotten: you count the work of a layer that computes a "
            "number for every pixel.",
        ),
        Mistake(_places(lambda h, w, s: (h // s) * (w // s)), _ROUNDING),
        Mistake(_cost(side=lambda n, k, s: (n + 2 * (k // 2) - k) // s), _ROUNDING),
        Mistake(_places(lambda h, w, s: round(h / s) * round(w / s)), _ROUNDING),
        Mistake(_places(lambda h, w, s: (h // s + 1) * (w // s + 1)), _ROUNDING),
        Mistake(
            _places(lambda h, w, s: h * w / s**2),
            "You divide by the stride without rounding each side, but a kernel is put "
            "down a whole number of times in a row and in a column.",
        ),
        Mistake(_places(lambda h, w, s: h * w // s**2), _ONCE),
        Mistake(
            lambda a, b, k, h, w, s: (
                _parameters(a, b, k),
                _work(a, b, k, h * w) // s**2,
            ),
            _ONCE,
        ),
        Mistake(
            _cost(side=lambda n, k, s: (n - 1) / s + 1),
            "You do not round, but a kernel is put down a whole number of times in a "
            "row and in a column.",
        ),
        Mistake(
            _places(lambda h, w, s: h * w // s),
            "You divide the area by the stride once. A stride is taken in both "
            "directions.",
        ),
        Mistake(
            _places(lambda h, w, s: h * w / s),
            "You divide the area by the stride once. A stride is taken in both "
            "directions.",
        ),
        Mistake(
            _places(lambda h, w, s: -(-h // s) * w),
            "The stride thins out your rows only, not your columns.",
        ),
        Mistake(
            _places(lambda h, w, s: h * -(-w // s)),
            "The stride thins out your columns only, not your rows.",
        ),
        Mistake(
            _places(lambda h, w, s: (-(-h // s)) ** 2),
            "You take the picture for a square: the width is never used.",
        ),
        Mistake(
            _places(lambda h, w, s: (-(-w // s)) ** 2),
            "You take the picture for a square: the height is never used.",
        ),
        Mistake(
            _cost(side=lambda n, k, s: (n - k) // s + 1),
            "You count the places without padding. This layer pads every side of the "
            "picture with `k // 2` zeros.",
        ),
        Mistake(
            _cost(side=lambda n, k, s: (n + k // 2 - k) // s + 1),
            "You pad on one side only, but the picture gets `k // 2` zeros on both.",
        ),
        Mistake(
            _cost(side=lambda n, k, s: (n + 2 * (k // 2 + 1) - k) // s + 1),
            "You pad with more zeros than the layer does: `k // 2` rounds *down*.",
        ),
        Mistake(
            _cost(side=lambda n, k, s: (n + 2 * k - k) // s + 1),
            "You pad with `k` zeros on each side. The layer pads with `k // 2`.",
        ),
        Mistake(
            _inside_alone,
            "You leave out the products with padding. They count: the layer computes "
            "them, although they are zero.",
        ),
        Mistake(
            _of_both(lambda p, w, c_in, c_out: (p, w + c_out)),
            "You count the bias as work, too. Adding it does not count here.",
        ),
        Mistake(
            _of_both(lambda p, w, c_in, c_out: (p, w + p)),
            "Your second number holds the parameters once more. It is the work alone.",
        ),
        Mistake(
            _of_both(lambda p, w, c_in, c_out: (p + c_in, w)),
            "You count biases for the channels that come in, too. Only those that come "
            "out have one.",
        ),
        Mistake(_of_both(lambda p, w, c_in, c_out: (p, w / 1e6)), _MILLIONS),
        Mistake(_of_both(lambda p, w, c_in, c_out: (p, w / 1e3)), _MILLIONS),
        Mistake(_of_both(lambda p, w, c_in, c_out: (p / 1e6, w / 1e6)), _MILLIONS),
        Mistake(
            _of_both(lambda p, w, c_in, c_out: (p - c_out, c_out, w)),
            "You give three numbers. Weights and biases together are the parameters: "
            "return two.",
        ),
        Mistake(
            _cost(side=lambda n, k, s: (n - 1) // s),
            _ROUNDING,
        ),
        Mistake(
            lambda *sizes: conv_cost(*sizes)[::-1],
            "The two numbers have changed places: parameters first, then the work.",
        ),
        Mistake(
            lambda *sizes: conv_cost(*sizes)[1],
            "That is the work alone. Return two numbers: parameters and multiply-adds.",
        ),
        Mistake(
            lambda *sizes: conv_cost(*sizes)[0],
            "Those are the parameters alone. Return the multiply-adds, too.",
        ),
    ),
    hints=(
        "How many weights does it take to compute *one* number that comes out? And in "
        "how many places, for how many channels, is such a number computed?",
        "With `padding=k // 2` and stride 1, as many rows come out as go in. With "
        "stride `s`, every `s`-th of them stays, beginning with the first.",
        "A side of `n` pixels keeps `(n - 1) // stride + 1` of them. Parameters: "
        "weights plus `c_out`. Work: weights times places.",
    ),
    because="A stride of 2 leaves the parameters as they are and takes three quarters "
    "of the work away, so a table that compares models needs both numbers.",
    alternatives=(_by_layer,),
)

# --- 15.2 One permutation for all -------------------------------------------------


def rewired(weight, positions, inner, outer):
    kernels = weight.flatten(2)  # (D, C, P * P)
    patches = positions[1:]  # (N, D), without the class token's row
    moved = torch.cat([positions[:1], patches[outer]])
    return kernels[:, :, inner].reshape(weight.shape), moved


def _probe_rewired(answer, weight, positions, inner, outer):
    """Name the two results, so that the check can say which of them is wrong."""
    found = answer(weight, positions, inner, outer)
    if isinstance(found, tuple | list) and len(found) == 2:
        return dict(zip(("weight", "positions"), found, strict=True))
    return found


def _pixels(weight, inner):
    return weight.flatten(2)[:, :, inner]


def _patches(positions, outer):
    return torch.cat([positions[:1], positions[1:][outer]])


def _rewiring(pixels=_pixels, patches=_patches):
    """Vary what happens to the weight, and what to the positions."""

    def rewired(weight, positions, inner, outer):
        weights = pixels(weight, inner).reshape(weight.shape)
        return weights, patches(positions, outer)

    return rewired


def _giving_of(change):
    """Change the right weight and positions, given the old weight, too."""

    def rewired_wrongly(weight, positions, inner, outer):
        return change(*rewired(weight, positions, inner, outer), weight)

    return rewired_wrongly


def _square(weight, flat):
    return flat.reshape(weight.shape)


def _overwritten(rows, order):
    rows = rows.clone()
    for place, old in enumerate(order.tolist()):
        rows[place] = rows[old]
    return rows


def _first_rows(weight, inner):
    changed = weight.clone()
    changed[: len(inner)] = weight[inner]
    return changed


def _across_channels(weight, inner):
    flat = weight.flatten(1).clone()
    flat[:, : len(inner)] = flat[:, inner]
    return flat


def _first_channel(weight, inner):
    flat = weight.flatten(2).clone()
    flat[:, 0] = flat[:, 0][:, inner]
    return flat


def _channels_mixed(weight, inner):
    D, C, P, _ = weight.shape
    return weight.reshape(D, P * P, C)[:, inner]


def _by_row_and_column(weight, positions, inner, outer):
    P = weight.shape[-1]
    moved = positions.clone()
    moved[1:] = positions[outer + 1]
    return weight[..., inner // P, inner % P].reshape(weight.shape), moved


_WAY_ROUND = (
    "Place `j` of the new picture shows what was `order[j]`, so place `j` of the new "
    "numbers has to hold what was made for the old `order[j]`."
)
_inner, _outer = np.array([3, 2, 0, 1]), np.array([2, 4, 5, 1, 0, 3])


def _numbered(D, C, P, N):
    """Return a weight and positions whose numbers say where they stood."""
    d, c, pixel = np.ogrid[1 : D + 1, :C, : P * P]
    weight = (100.0 * d + 10 * c + pixel).reshape(D, C, P, P)
    return weight, np.arange(N + 1.0)[:, None] + np.arange(1, D + 1) / 10


PERMUTATION = Exercise(
    id="15.2",
    title="One permutation for all",
    solution=rewired,
    probe=_probe_rewired,
    kinds=("torch",),
    cases=tuple(
        (*_numbered(D, C, P, len(outer)), inner, outer)
        for D, C, P, inner, outer in (
            (3, 2, 2, _inner, _outer),
            (4, 2, 3, np.array([8, 3, 6, 0, 2, 7, 1, 5, 4]), np.arange(10) * 3 % 10),
            (7, 1, 2, np.array([1, 3, 0, 2]), _outer[::-1].copy()),
        )
    ),
    mistakes=(
        Mistake(
            _rewiring(lambda w, inner: w.flatten(2)[:, :, inner.argsort()]),
            "Inside the patches it is the inverse. " + _WAY_ROUND,
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: _patches(p, outer.argsort())),
            "With the positions it is the inverse. " + _WAY_ROUND,
        ),
        Mistake(
            lambda w, p, inner, outer: rewired(w, p, inner.argsort(), outer.argsort()),
            "Both are the inverse. " + _WAY_ROUND,
        ),
        Mistake(
            _rewiring(pixels=lambda w, inner: w),
            "The weight of the projection is as it was, but each of its numbers now "
            "meets another pixel of the patch.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: p),
            "The positions are as they were, but each place now shows another patch.",
        ),
        Mistake(
            lambda w, p, inner, outer: (w, p),
            "Weight and positions are as they were. Each number of the weight now "
            "meets another pixel, and each position another patch.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: p[outer]),
            "Patch 0 has row 1 of `positions`: the first row is the class token's. It "
            "stays where it is, and `outer` speaks of the others.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: torch.cat([p[:1], p[outer]])),
            "The first row stays, but after it you take the rows as if patch 0 had row "
            "0. It has row 1.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: p[1:][outer]),
            "The row of the class token is lost. It stays in front, as it was.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: torch.cat([p[1:][outer], p[:1]])),
            "The row of the class token is last now. It belongs in front.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: torch.cat([p[:-1][outer], p[-1:]])),
            "You take the *last* row for the class token's. It is the first one.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: torch.cat([0 * p[:1], p[1:][outer]])),
            "The row of the class token is zero now. It stays as it was.",
        ),
        Mistake(
            _rewiring(
                patches=lambda p, outer: torch.cat([p[:1], _overwritten(p[1:], outer)])
            ),
            "You read from what you are writing to, so some rows are overwritten "
            "before they are moved. Read from the old positions.",
        ),
        Mistake(
            _rewiring(lambda w, inner: _square(w, _pixels(w.mT, inner)).mT),
            "You number the pixels of a patch column by column. They are numbered row "
            "by row.",
        ),
        Mistake(
            _rewiring(lambda w, inner: _square(w, _pixels(w, inner)).mT),
            "Rows and columns inside a patch have changed places.",
        ),
        Mistake(
            _rewiring(_first_rows),
            "`inner` has moved whole kernels, along the axis D. It speaks of the "
            "pixels inside a patch: the last two axes, as one.",
        ),
        Mistake(
            lambda w, p, inner, outer: (w[inner], _patches(p, outer)),
            "`inner` has moved whole kernels, along the axis D. It speaks of the "
            "pixels inside a patch: the last two axes, as one.",
        ),
        Mistake(
            _rewiring(_across_channels),
            "`inner` has moved numbers of the first channel only. Every channel is "
            "rearranged.",
        ),
        Mistake(
            _rewiring(_first_channel),
            "`inner` has moved numbers of the first channel only. Every channel is "
            "rearranged.",
        ),
        Mistake(
            _rewiring(_channels_mixed),
            "You mix the channels: `weight` has its channels before its pixels, so "
            "flatten only the last two axes.",
        ),
        Mistake(
            _rewiring(lambda w, inner: w.flatten(2)[:, :, inner][:, :, inner]),
            "`inner` is applied twice.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: _patches(_patches(p, outer), outer)),
            "`outer` is applied twice.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: torch.zeros_like(p)),
            "The positions are zero now. Then the ViT knows of no place, but it did.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: torch.cat([p[:1], p[1:] * 0])),
            "The positions are zero now. Then the ViT knows of no place, but it did.",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: _patches(p, outer)[None]),
            "The positions have an axis more than before. Their shape is (N + 1, D).",
        ),
        Mistake(
            _rewiring(patches=lambda p, outer: p[F.pad(outer, (1, 0))]),
            "The first row stays, but after it you take the rows as if patch 0 had row "
            "0. It has row 1.",
        ),
        Mistake(
            lambda w, p, inner, outer: (w[..., inner], _patches(p, outer)),
            "`inner` runs over the P · P pixels of a patch, but the last axis alone "
            "has only P of them. Make one axis of the last two.",
        ),
        Mistake(
            _giving_of(lambda w, p, old: (p, w)),
            "The two have changed places: the weight comes first.",
        ),
        Mistake(
            _giving_of(lambda w, p, old: w),
            "That is the weight alone. Return the positions, too.",
        ),
        Mistake(
            _giving_of(lambda w, p, old: p),
            "Those are the positions alone. Return the weight, too.",
        ),
        Mistake(
            _giving_of(lambda w, p, old: (w.flatten(2), p)),
            "The weight has lost its shape. The projection expects (D, C, P, P).",
        ),
        Mistake(
            _giving_of(lambda w, p, old: (w.flatten(1), p)),
            "The weight has lost its shape. The projection expects (D, C, P, P).",
        ),
        Mistake(
            lambda w, p, inner, outer: rewired(w, p, outer, inner),
            "`inner` and `outer` have changed places: `inner` has a number for each "
            "pixel of a patch, `outer` one for each patch.",
        ),
    ),
    hints=(
        "The projection multiplies each pixel of a patch by a number of its own and "
        "adds up. What must happen to these numbers if the pixels change places?",
        "`weight.flatten(2)` has the shape (D, C, P·P): its last axis counts the "
        "pixels of a patch row by row, as `inner` does.",
        "Place `j` of the new weight holds what was in place `inner[j]` of the old "
        "one. With the positions it is the same, behind the class token's row.",
    ),
    because="A ViT learns from rearranged pictures as well as from real ones: for each "
    "set of weights for the one there is a set for the other. For a CNN there is not.",
    alternatives=(_by_row_and_column,),
)

# --- 15.3 Spot the bug: the unfair race -------------------------------------------


def chosen(results):
    common = set.intersection(*(set(runs) for runs in results.values()))

    def validation(runs, rate):
        return np.mean([score for score, _ in runs[rate]])

    best = {}
    for family, runs in results.items():
        rate = max(sorted(common), key=lambda r: validation(runs, r))
        best[family] = (rate, [test for _, test in runs[rate]])
    return best


def _mean(scores):
    return sum(scores) / len(scores)


def _validations(pairs):
    return [validation for validation, _ in pairs]


def _tests(pairs):
    return [test for _, test in pairs]


def _common(runs, tables):
    return set.intersection(*map(set, tables))


def _choosing(
    score=lambda pairs: _mean(_validations(pairs)),
    report=_tests,
    rates=_common,
    tie=min,
):
    """Vary what chooses a rate, which rates it may be, and what is reported."""

    def chosen(results):
        best = {}
        for family, runs in results.items():
            allowed = rates(runs, list(results.values()))
            scores = {rate: score(runs[rate]) for rate in runs if rate in allowed}
            top = max(scores.values())
            rate = tie(rate for rate in scores if scores[rate] == top)
            best[family] = (rate, report(runs[rate]))
        return best

    return chosen


def _own(runs, tables):
    return runs


def _best_test_of_all(results):
    best = {}
    for family, runs in results.items():
        rate = max(runs, key=lambda r: max(test for _, test in runs[r]))
        best[family] = (rate, max(test for _, test in runs[rate]))
    return best


def _one_rate(results):
    common = sorted(_common(None, results.values()))
    tables = results.values()
    means = [
        _mean([_mean(_validations(runs[rate])) for runs in tables]) for rate in common
    ]
    rate = common[int(np.argmax(means))]
    return {family: (rate, _tests(runs[rate])) for family, runs in results.items()}


def _one_rate_of_all_runs(results):
    common = sorted(_common(None, results.values()))
    means = [
        _mean([v for runs in results.values() for v in _validations(runs[rate])])
        for rate in common
    ]
    rate = common[int(np.argmax(means))]
    return {family: (rate, _tests(runs[rate])) for family, runs in results.items()}


def _largest_tests(results):
    return {family: (rate, max(t)) for family, (rate, t) in chosen(results).items()}


def _seed_as_pair(results):
    found = chosen(results)
    return {f: (rate, list(results[f][rate][1])) for f, (rate, _) in found.items()}


def _winner(results):
    found = chosen(results)
    family = max(found, key=lambda f: _mean(found[f][1]))
    return {family: found[family]}


_LEAK = (
    "The *test* pictures choose the rate. Then the reported test accuracy is the best "
    "of several tries and flatters. Only the validation pictures may choose."
)
_ONE_RATE = (
    "You choose one rate for all families together. Each family gets the rate that is "
    "best for *it*, among those that all of them tried."
)
_TIE = (
    "Where two rates are equally good you do not take the smaller one. Which of them "
    "comes first in the dict says nothing."
)

RACE = Exercise(
    id="15.3",
    title="Spot the bug: the unfair race",
    solution=chosen,
    cases=(
        (
            {
                "ViT": {
                    0.001: [(0.90, 0.90), (0.92, 0.91), (0.94, 0.88)],
                    0.003: [(0.96, 0.94), (0.88, 0.87), (0.86, 0.95)],
                    0.0003: [(0.80, 0.86), (0.81, 0.82), (0.79, 0.81)],
                },
                "CNN": {
                    0.001: [(0.94, 0.93), (0.93, 0.92), (0.92, 0.97)],
                    0.003: [(0.98, 0.92), (0.90, 0.95), (0.93, 0.94)],
                    0.01: [(0.99, 0.96), (0.97, 0.98), (0.96, 0.97)],
                },
            },
        ),
        (  # a family has fewer seeds at some rates, and the first two share more
            {
                "CNN": {
                    0.0003: [(0.97, 0.94), (0.98, 0.97)],
                    0.01: [(0.95, 0.96), (0.97, 0.95)],
                    0.003: [(0.88, 0.88), (0.94, 0.92)],
                    0.001: [(0.94, 0.90), (0.91, 0.89), (0.93, 0.91)],
                },
                "ViT": {
                    0.003: [(0.93, 0.90), (0.92, 0.88), (0.80, 0.86)],
                    0.001: [(0.86, 0.92), (0.87, 0.91), (0.85, 0.89), (0.86, 0.87)],
                    0.01: [(0.96, 0.94)],
                },
                "MLP": {
                    0.001: [(0.80, 0.83), (0.80, 0.78), (0.92, 0.81)],
                    0.003: [(0.83, 0.79), (0.82, 0.82), (0.81, 0.84)],
                    0.03: [(0.90, 0.88), (0.92, 0.89)],
                },
            },
        ),
        (  # equal means; the smaller rate comes second, and then first
            {
                "ViT": {
                    0.01: [(0.75, 0.71), (0.5, 0.52)],
                    0.001: [(0.5, 0.61), (0.75, 0.57)],
                },
                "CNN": {
                    0.001: [(0.625, 0.55), (0.625, 0.6)],
                    0.01: [(0.75, 0.66), (0.5, 0.7)],
                },
            },
        ),
        (  # one seed; together the families do best with the larger rate
            {
                "ViT": {0.01: [(0.82, 0.84)], 0.001: [(0.84, 0.81)]},
                "CNN": {0.001: [(0.71, 0.74)], 0.01: [(0.93, 0.9)]},
                "MLP": {0.001: [(0.846, 0.83)], 0.01: [(0.854, 0.82)]},
            },
        ),
    ),
    mistakes=(
        Mistake(
            _best_test_of_all,
            "Nothing is repaired yet. The test pictures still choose the rate, the "
            "luckiest seed is reported alone, and one family had more rates to try.",
        ),
        Mistake(_choosing(lambda pairs: _mean(_tests(pairs))), _LEAK),
        Mistake(_choosing(lambda pairs: max(_tests(pairs))), _LEAK),
        Mistake(_choosing(lambda pairs: _mean(_tests(pairs)), rates=_own), _LEAK),
        Mistake(_choosing(lambda pairs: max(_tests(pairs)), rates=_own), _LEAK),
        Mistake(
            _choosing(lambda pairs: _mean([v + t for v, t in pairs])),
            "The test pictures help to choose the rate. Only the validation pictures "
            "may.",
        ),
        Mistake(
            _choosing(lambda pairs: max(_validations(pairs))),
            "The luckiest seed chooses the rate. Compare the *mean* over the seeds of "
            "a rate.",
        ),
        Mistake(
            _choosing(lambda pairs: max(_validations(pairs)), rates=_own),
            "The luckiest seed chooses the rate, among rates that not all families "
            "tried.",
        ),
        Mistake(
            _choosing(lambda pairs: min(_validations(pairs))),
            "The worst seed chooses the rate. Compare the *mean* over the seeds of a "
            "rate.",
        ),
        Mistake(
            _choosing(lambda pairs: np.median(_validations(pairs))),
            "You compare the median over the seeds; the statement says the mean.",
        ),
        Mistake(
            _choosing(lambda pairs: pairs[0][0]),
            "One seed alone chooses the rate. Compare the *mean* over the seeds of a "
            "rate.",
        ),
        Mistake(
            _choosing(lambda pairs: pairs[-1][0]),
            "One seed alone chooses the rate. Compare the *mean* over the seeds of a "
            "rate.",
        ),
        Mistake(
            _choosing(max),
            "You compare the best *pair*, so the luckiest seed chooses the rate. "
            "Compare the mean validation accuracy.",
        ),
        Mistake(
            _choosing(lambda pairs: sum(_validations(pairs))),
            "You add the validation accuracies up, so a rate with more seeds wins. "
            "Compare the mean.",
        ),
        Mistake(
            _choosing(lambda pairs: round(_mean(_validations(pairs)), 1)),
            "You round the means before you compare them. Small differences count.",
        ),
        Mistake(
            _choosing(lambda pairs: round(_mean(_validations(pairs)), 2)),
            "You round the means before you compare them. Small differences count.",
        ),
        Mistake(
            _choosing(lambda pairs: -_mean(_validations(pairs))),
            "You take the rate with the *smallest* validation accuracy. These numbers "
            "are accuracies, not losses.",
        ),
        Mistake(
            _choosing(rates=_own),
            "A family may win with a rate that the others never tried. Choose among "
            "the rates that *all* families tried.",
        ),
        Mistake(
            _choosing(rates=lambda runs, tables: _common(runs, tables[:2])),
            "You compare the rates of the first two families only. There may be more "
            "families.",
        ),
        Mistake(
            _choosing(rates=lambda runs, tables: tables[0]),
            "You allow the rates of the first family, whether the others tried them or "
            "not.",
        ),
        Mistake(_choosing(tie=max), _TIE),
        Mistake(_choosing(tie=next), _TIE),
        Mistake(
            _choosing(tie=lambda rates: list(rates)[-1]),
            _TIE,
        ),
        Mistake(_one_rate, _ONE_RATE),
        Mistake(_one_rate_of_all_runs, _ONE_RATE),
        Mistake(
            _largest_tests,
            "You report the luckiest seed alone. Report the test accuracies of all "
            "seeds, so that a reader sees how far they lie apart.",
        ),
        Mistake(
            _choosing(report=lambda pairs: [max(_tests(pairs))]),
            "You report the luckiest seed alone. Report the test accuracies of all "
            "seeds, so that a reader sees how far they lie apart.",
        ),
        Mistake(
            _choosing(report=lambda pairs: _mean(_tests(pairs))),
            "The rate is right, but you report the mean. Report a list with the test "
            "accuracy of each seed.",
        ),
        Mistake(
            _choosing(report=_validations),
            "You report the validation accuracies. They chose the rate, so they "
            "flatter; report those of the test pictures.",
        ),
        Mistake(
            _choosing(report=list),
            "You report whole pairs. Only the test accuracies are wanted.",
        ),
        Mistake(
            _choosing(report=lambda pairs: sorted(_tests(pairs))),
            "You sort the test accuracies. Leave the seeds in their order.",
        ),
        Mistake(
            _choosing(report=lambda pairs: sorted(_tests(pairs), reverse=True)),
            "You sort the test accuracies. Leave the seeds in their order.",
        ),
        Mistake(
            _choosing(report=lambda pairs: [pairs[0][1]]),
            "You report one seed alone. Report the test accuracy of each.",
        ),
        Mistake(
            _choosing(report=lambda pairs: pairs[0][1]),
            "You report one seed alone. Report the test accuracy of each.",
        ),
        Mistake(
            _choosing(report=lambda pairs: _mean(_tests(pairs)), rates=_own, tie=next),
            "You report a mean where the test of each seed is wanted, and a family may "
            "win with a rate that the others never tried.",
        ),
        Mistake(
            _choosing(report=lambda pairs: max(_tests(pairs)), rates=_own, tie=next),
            "The luckiest seed is still reported alone, and a family may win with a "
            "rate that the others never tried.",
        ),
        Mistake(
            _choosing(rates=_own, tie=next),
            "A family may win with a rate that the others never tried, and of equally "
            "good rates you take the first in the dict, not the smaller one.",
        ),
        Mistake(
            _choosing(
                lambda pairs: max(_validations(pairs)),
                report=lambda pairs: max(_tests(pairs)),
                rates=_own,
                tie=next,
            ),
            "The luckiest seed still chooses the rate and is reported alone, and a "
            "family may win with a rate that the others never tried.",
        ),
        Mistake(
            _choosing(
                lambda pairs: _mean(_tests(pairs)),
                report=lambda pairs: _mean(_tests(pairs)),
                rates=_own,
            ),
            _LEAK,
        ),
        Mistake(
            _choosing(
                lambda pairs: _mean(_tests(pairs)),
                report=lambda pairs: _mean(_tests(pairs)),
            ),
            _LEAK,
        ),
        Mistake(
            _choosing(report=lambda pairs: [max(pairs)[1]]),
            "You report one seed alone, the one with the best validation accuracy. "
            "Report the test accuracy of each.",
        ),
        Mistake(
            _choosing(report=lambda pairs: max(pairs)[1]),
            "You report one seed alone, the one with the best validation accuracy. "
            "Report the test accuracy of each.",
        ),
        Mistake(
            lambda results: {
                f: (r, *tests) for f, (r, tests) in chosen(results).items()
            },
            "The numbers are right, but for each family two things are wanted: the "
            "rate, and a *list* of test accuracies.",
        ),
        Mistake(
            lambda results: [(f, *found) for f, found in chosen(results).items()],
            "You return a list. A dict is wanted, with the families as keys.",
        ),
        Mistake(
            lambda results: list(chosen(results).values()),
            "You return a list. A dict is wanted, with the families as keys.",
        ),
        Mistake(
            lambda results: {f: rate for f, (rate, _) in chosen(results).items()},
            "Those are the rates alone. For each family return the rate *and* the list "
            "of test accuracies.",
        ),
        Mistake(
            lambda results: {f: tests for f, (_, tests) in chosen(results).items()},
            "Those are the test accuracies alone. For each family return the rate, "
            "too.",
        ),
        Mistake(
            lambda results: {f: (t, rate) for f, (rate, t) in chosen(results).items()},
            "Rate and test accuracies have changed places: the rate comes first.",
        ),
        Mistake(
            _seed_as_pair,
            "You return the pair of one seed where a list of test accuracies is "
            "wanted. The pairs of a rate lie in a list, one for each seed.",
        ),
        Mistake(
            _winner,
            "Only one family is left. Return a rate and the test accuracies for "
            "*each* family; who wins, the reader can see.",
        ),
    ),
    hints=(
        "Look for three things: which pictures choose, how many seeds are reported, "
        "and how many rates each family was allowed.",
        "`set.intersection(*(set(runs) for runs in results.values()))` holds the rates "
        "that all families tried. Only the first number of each pair may choose.",
        "`max` takes the first of several equally good items, so hand it the common "
        "rates from small to large, with the mean validation accuracy as `key`.",
    ),
    because="A test accuracy that has chosen nothing, over all seeds and with equal "
    "effort for both families, is the only one that a comparison can use.",
    alternatives=(_choosing(),),
)

# --- 15.4 Shape or texture? -------------------------------------------------------


def shape_share(predicted, shape, texture):
    one_of_both = (predicted == shape) | (predicted == texture)
    decided = one_of_both & (shape != texture)
    n = decided.sum()
    if n == 0:
        return np.nan, 0
    return (predicted[decided] == shape[decided]).mean(), n


def _deciding(p, s, t):
    return (s != t) & ((p == s) | (p == t))


def _sharing(counts=_deciding, vote=lambda p, s, t: p == s):
    """Vary which pictures count, and what is a vote for the shape."""

    def shape_share(predicted, shape, texture):
        mask = counts(predicted, shape, texture)
        n = mask.sum()
        votes = vote(predicted, shape, texture)[mask]
        return (votes.mean() if n else math.nan), n

    return shape_share


def _giving(change):
    """Change the right share and number, given the three arrays, too."""

    def wrong_share(predicted, shape, texture):
        share, n = shape_share(predicted, shape, texture)
        return change(share, n, predicted, shape, texture)

    return wrong_share


def _divides(predicted, shape, texture):
    kept = _deciding(predicted, shape, texture)
    n = len(predicted[kept])
    return sum((predicted == shape)[kept].tolist()) / n, n


def _and(predicted, shape, texture):
    decided = shape != texture and (predicted == shape or predicted == texture)
    return (predicted[decided] == shape[decided]).mean(), decided.sum()


def _over(divisor):
    """Divide the votes for the shape by something else."""

    def share_over(share, n, p, s, t):
        return (((p == s) & (s != t)).sum() / divisor(p, s, t) if n else math.nan), n

    return _giving(share_over)


def _per_class(predicted, shape, texture):
    kept = _deciding(predicted, shape, texture)
    votes, classes = (predicted == shape)[kept], shape[kept]
    shares = [votes[classes == each].mean() for each in np.unique(classes)]
    return (np.mean(shares) if shares else math.nan), kept.sum()


def _by_identity(predicted, shape, texture):
    triples = zip(predicted, shape, texture, strict=True)
    votes = [answer is outline for answer, outline, t in triples if outline != t]
    return np.mean(votes), len(votes)


def _by_loop(predicted, shape, texture):
    votes = []
    for answer, outline, filling in zip(predicted, shape, texture, strict=True):
        if outline != filling and answer in (outline, filling):
            votes.append(answer == outline)
    return (sum(votes) / len(votes) if votes else math.nan), len(votes)


_NONE = (
    "Where no picture counts, the share is unknown. Return `nan` for it, not a number, "
    "and 0 for how many."
)
_EQUAL = (
    "Pictures whose outline and texture are of the *same* class are counted. They "
    "cannot tell which of the two the model followed. (If you did ask for that, look "
    "at the brackets: `&` binds before `|`.)"
)

SHARE = Exercise(
    id="15.4",
    title="Shape or texture?",
    solution=shape_share,
    cases=(
        (
            np.array([2, 0, 1, 3, 2, 0, 1, 3, 0, 2, 4]),
            np.array([2, 0, 3, 3, 1, 0, 2, 1, 3, 2, 3]),
            np.array([1, 3, 1, 3, 2, 2, 0, 0, 3, 0, 5]),
        ),
        (
            np.array([5, 7, 0, 7, 5, 0, 4]),
            np.array([5, 0, 0, 7, 7, 7, 0]),
            np.array([7, 7, 5, 7, 5, 0, 5]),
        ),
        (np.array([1, 0, 2]), np.array([0, 2, 2]), np.array([2, 1, 2])),
        (np.array([3, 1]), np.array([0, 1]), np.array([1, 2])),
    ),
    mistakes=(
        Mistake(_sharing(lambda p, s, t: (p == s) | (p == t)), _EQUAL),
        Mistake(
            _sharing(lambda p, s, t: s != t),
            "Answers that are neither the class of the outline nor that of the texture "
            "are counted. They decide for neither.",
        ),
        Mistake(
            _sharing(lambda p, s, t: p == p),
            "All pictures are counted. Only those count whose outline and texture are "
            "of different classes, and whose answer is one of the two.",
        ),
        Mistake(
            _sharing(vote=lambda p, s, t: p == t),
            "That is the share of the *texture*.",
        ),
        Mistake(
            _sharing(lambda p, s, t: (s != t) & (p == s) & (p == t)),
            "No answer can be the class of the outline *and* that of the texture if "
            "these differ. It has to be one of the two.",
        ),
        Mistake(
            _sharing(lambda p, s, t: (s != t) & (p == s)),
            "You count only the pictures whose answer is the outline, so the share is "
            "always 1. Those whose answer is the texture belong to the counting ones.",
        ),
        Mistake(
            _sharing(lambda p, s, t: (s != t) & (p == t)),
            "You count only the pictures whose answer is the texture, so the share is "
            "always 0. Those whose answer is the outline belong to the counting ones.",
        ),
        Mistake(
            _sharing(lambda p, s, t: (s == t) & ((p == s) | (p == t))),
            "You count the pictures whose outline and texture are of the *same* class. "
            "Only the others can tell.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: share),
            "That is the share alone. Return how many pictures count, too: a share of "
            "three pictures says little.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: n),
            "That is how many pictures count. Return the share first.",
        ),
        Mistake(_giving(lambda share, n, p, s, t: (share if n else 0.0, n)), _NONE),
        Mistake(_giving(lambda share, n, p, s, t: (share if n else 0.5, n)), _NONE),
        Mistake(_giving(lambda share, n, p, s, t: (share if n else 1.0, n)), _NONE),
        Mistake(
            _giving(
                lambda share, n, p, s, t: (share if n else math.nan, n or math.nan)
            ),
            "Where no picture counts, only the share is `nan`. How many count is "
            "known: 0.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (share, n) if n else math.nan),
            "Where no picture counts you return one number. Return two: `nan` and 0.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (share, n) if n else None),
            "Where no picture counts you return nothing. Return `nan` and 0.",
        ),
        Mistake(
            _divides,
            "Where no picture counts you divide by zero. Return `nan` and 0 then.",
        ),
        Mistake(
            _and,
            "`and` and `or` ask for one truth value, and an array has many. Between "
            "arrays write `&` and `|`, with brackets around each comparison.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (share, round(share * n) if n else 0)),
            "Your second number is how many answers are the outline's class. It should "
            "be how many pictures count, those with the texture's class as well.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (share, (s != t).sum())),
            "Your second number is how many pictures have two classes. Those with a "
            "third class as answer do not count.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (share, len(p))),
            "Your second number is how many pictures there are, not how many count.",
        ),
        Mistake(
            _giving(
                lambda share, n, p, s, t: (share, ((p == s) | (p == t)).sum()),
            ),
            "Your second number counts pictures whose outline and texture are of the "
            "same class, too.",
        ),
        Mistake(
            _over(lambda p, s, t: (s != t).sum()),
            "You divide by all pictures with two classes, those with a third class as "
            "answer as well. Divide by how many count.",
        ),
        Mistake(
            _over(lambda p, s, t: len(p)),
            "You divide by the number of all pictures. Divide by how many count.",
        ),
        Mistake(
            _over(lambda p, s, t: ((p == t) & (s != t)).sum()),
            "You divide by the answers that follow the texture. A share divides by "
            "both together.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (100 * share, n)),
            "Your share is in percent. A share lies between 0 and 1.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (2 * share - 1, n)),
            "That is the share of the outline *minus* that of the texture.",
        ),
        Mistake(
            _giving(
                lambda share, n, p, s, t: ((p == s).sum() / n if n else math.nan, n),
            ),
            "Above the line you count right answers to pictures whose outline and "
            "texture are of the same class. They are to be left out there as well.",
        ),
        Mistake(
            _sharing(lambda p, s, t: (s != t) | (p == s) | (p == t)),
            "`|` joins all your conditions, so one of them is enough. The classes must "
            "differ *and* the answer must be one of the two.",
        ),
        Mistake(
            _sharing(lambda p, s, t: (s != t) & np.isin(p, s)),
            "You ask whether an answer is the class of *any* outline. Compare it with "
            "the classes of the same picture.",
        ),
        Mistake(
            _sharing(lambda p, s, t: (s != t) & (np.isin(p, s) | np.isin(p, t))),
            "You ask whether an answer is a class of *any* picture. Compare it with "
            "the classes of the same picture.",
        ),
        Mistake(_giving(lambda share, n, p, s, t: (share if n else None, n)), _NONE),
        Mistake(_giving(lambda share, n, p, s, t: (share if n else "nan", n)), _NONE),
        Mistake(
            _giving(lambda share, n, p, s, t: (share, 1 - share, n)),
            "You give three numbers. Two are wanted: the share of the outline, and how "
            "many pictures count.",
        ),
        Mistake(
            _per_class,
            "You average the shares of the classes. Each picture that counts has the "
            "same weight.",
        ),
        Mistake(
            _by_identity,
            "`is` asks whether two numbers are the same *object*. Compare with `==`.",
        ),
        Mistake(
            _giving(lambda share, n, p, s, t: (n, share)),
            "The two numbers have changed places: the share comes first.",
        ),
    ),
    hints=(
        "Make one array of True and False that says which pictures count.",
        "`(predicted == shape) | (predicted == texture)` is one of the two "
        "conditions. Join it with the other by `&`.",
        "`predicted[decided] == shape[decided]` is True for each decision for the "
        "outline; its mean is the share. Ask first whether any picture counts.",
    ),
    because="Answers with a third class are left out of the share, so always say how "
    "many pictures it stands on: a model that sees nothing in them has a share, too.",
    alternatives=(_by_loop,),
)

# --- 15.5 Leave patches out -------------------------------------------------------


def keep_tokens(tokens, positions, stay):
    placed = tokens + positions[1:]  # (B, N, D)
    counts = stay.sum(dim=1, keepdim=True)  # (B, 1)
    mask = torch.arange(counts.max()) < counts  # (B, k)
    kept = torch.zeros(*mask.shape, tokens.shape[-1])
    kept[mask] = placed[stay]
    return kept, mask


def _probe_kept(answer, tokens, positions, stay):
    """Name the two results, so that the check can say which of them is wrong."""
    found = answer(tokens, positions, stay)
    if isinstance(found, tuple | list) and len(found) == 2:
        return dict(zip(("tokens", "mask"), found, strict=True))
    return found


def _padded(rows):
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)


def _filled(kept, stay):
    return torch.arange(kept.shape[1]) < stay.sum(dim=1, keepdim=True)


def _keeping(
    place=lambda tokens, positions: tokens + positions[1:],
    take=lambda own, stays: own[stays],
    mask=_filled,
):
    """Vary what is added, what of each picture is taken, and what the mask says."""

    def keep_tokens(tokens, positions, stay):
        pairs = zip(place(tokens, positions), stay, strict=True)
        kept = _padded([take(own, stays) for own, stays in pairs])
        return kept, mask(kept, stay)

    return keep_tokens


def _afterwards(change):
    """Change the right tokens and mask, given the positions and ``stay``, too."""

    def keep_tokens(tokens, positions, stay):
        kept, mask = _right_tokens(tokens, positions, stay)
        return change(kept, mask, positions, stay)

    return keep_tokens


_right_tokens = _keeping()


def _counted_anew(first, padding=False):
    """Give the kept tokens of a picture the positions from ``first`` on."""

    def keep_tokens(tokens, positions, stay):
        kept, mask = _right_tokens(tokens, 0 * positions, stay)
        own = positions[first : first + kept.shape[1]]
        return kept + own * (mask | padding)[..., None], mask

    return keep_tokens


def _moved_to_front(tokens, positions, stay):
    order = stay.int().argsort(dim=1, descending=True, stable=True)
    order = order[:, : stay.sum(dim=1).max()]
    pictures = torch.arange(len(tokens))[:, None]
    return (tokens + positions[1:])[pictures, order], stay[pictures, order]


def _taken(tokens, rows):
    return tokens[torch.arange(len(tokens))[:, None], rows]


def _padding_of(value):
    def padded(kept, mask, positions, stay):
        return kept.masked_fill(~mask[..., None], value), mask

    return _afterwards(padded)


def _first_picture(tokens, positions, stay):
    kept = (tokens + positions[1:])[:, stay[0]]
    return kept, torch.ones(kept.shape[:2], dtype=torch.bool)


def _by_stack(tokens, positions, stay):
    pairs = zip(tokens + positions[1:], stay, strict=True)
    kept = torch.stack([own[stays] for own, stays in pairs])
    return kept, torch.ones(kept.shape[:2], dtype=torch.bool)


def _last_repeated(kept, mask, positions, stay):
    last = kept[torch.arange(len(kept)), mask.sum(dim=1) - 1]
    return torch.where(mask[..., None], kept, last[:, None]), mask


def _padded_to_all(kept, mask, positions, stay):
    more = stay.shape[1] - kept.shape[1]
    return F.pad(kept, (0, 0, 0, more)), F.pad(mask, (0, more))


def _class_row(kept, mask, positions, stay):
    first = positions[:1].expand(len(kept), 1, -1)
    return torch.cat([first, kept], dim=1), F.pad(mask, (1, 0), value=True)


def _padding_first(kept, mask, positions, stay):
    rows = [
        torch.cat([own[~real], own[real]]) for own, real in zip(kept, mask, strict=True)
    ]
    return torch.stack(rows), mask.flip(1)


def _shortest(kept, mask, positions, stay):
    k = stay.sum(dim=1).min()
    return kept[:, :k], mask[:, :k]


def _by_sort(tokens, positions, stay):
    placed = (tokens + positions[1:]) * stay[..., None]
    order = stay.int().argsort(dim=1, descending=True, stable=True)
    order = order[:, : stay.sum(dim=1).max()]
    pictures = torch.arange(len(tokens))[:, None]
    return placed[pictures, order], stay[pictures, order]


_OTHER_PLACE = (
    "The positions are numbered anew, as if the kept patches were all there are. A "
    "patch keeps the position that it had in the whole picture."
)
_MASK = (
    "The tokens are right, the mask is not: it has to say for each of the k rows that "
    "you return whether it holds a kept token. `stay` speaks of the N old rows."
)
_ZEROS = "The rows behind the kept tokens are not zeros."
_TOO_LONG = (
    "The patches that go are still there, as rows of zeros among the others. Leaving "
    "out moves the kept ones up, so that k rows are enough."
)


def _holes():
    """Return tokens, positions and what stays; the last holds a kept row of zeros."""
    numbers = np.random.default_rng(155)
    for stay in (
        [[1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 1, 0]],
        [[0, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 1], [1, 0, 0, 1, 0]],
        [[0, 1, 0, 1], [1, 1, 0, 1], [0, 0, 0, 1]],
        [[0, 1, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]],
    ):
        (B, N), D = np.shape(stay), 2 if len(stay) == 4 else 5 - len(stay)
        tokens = numbers.normal(size=(B, N, D)).round(1)
        positions = numbers.normal(size=(N + 1, D)).round(1)
        tokens[-1, 3] = -positions[4] if N == 4 else tokens[-1, 3]
        yield tokens, positions, np.array(stay, bool)


KEEP = Exercise(
    id="15.5",
    title="Leave patches out",
    solution=keep_tokens,
    probe=_probe_kept,
    kinds=("torch",),
    cases=tuple(_holes()),
    mistakes=(
        Mistake(
            _keeping(lambda tokens, positions: tokens + positions[:-1]),
            "Each token gets the position of the patch before it: the *first* row of "
            "`positions` belongs to the class token, so patch 0 has row 1.",
        ),
        Mistake(_counted_anew(1), _OTHER_PLACE),
        Mistake(_counted_anew(0), _OTHER_PLACE),
        Mistake(_counted_anew(1, padding=True), _OTHER_PLACE),
        Mistake(_counted_anew(0, padding=True), _OTHER_PLACE),
        Mistake(
            _keeping(lambda tokens, positions: tokens),
            "No position is added to the tokens.",
        ),
        Mistake(
            _keeping(lambda tokens, positions: tokens + 2 * positions[1:]),
            "The positions are added twice.",
        ),
        Mistake(
            _keeping(lambda tokens, positions: tokens - positions[1:]),
            "The positions are subtracted.",
        ),
        Mistake(
            _keeping(lambda tokens, positions: tokens * positions[1:]),
            "The positions are multiplied. They are *added* to the tokens.",
        ),
        Mistake(
            _keeping(lambda tokens, positions: tokens + positions[0]),
            "Every token gets the position of the class token.",
        ),
        Mistake(
            _keeping(lambda tokens, positions: tokens + positions[:1] + positions[1:]),
            "The position of the class token is added as well. It belongs to the class "
            "token alone.",
        ),
        Mistake(
            _keeping(lambda tokens, positions: tokens + positions),
            "Tokens and positions differ in length: `positions` has one row more, the "
            "first one, which is the class token's.",
        ),
        Mistake(
            _keeping(
                take=lambda own, stays: own[~stays],
                mask=lambda kept, stay: _filled(kept, ~stay),
            ),
            "You keep the patches that are to go. `stay` is True for those that stay.",
        ),
        Mistake(
            _keeping(take=lambda own, stays: own[~stays]),
            "You keep the patches that are to go. `stay` is True for those that stay.",
        ),
        Mistake(
            _keeping(take=lambda own, stays: own[stays].flip(0)),
            "The kept tokens come in reverse order.",
        ),
        Mistake(
            _keeping(take=lambda own, stays: own[: stays.sum()]),
            "You keep the *first* patches of each picture. Which ones stay, `stay` "
            "says.",
        ),
        Mistake(
            _keeping(take=lambda own, stays: own[stays].sort(dim=0).values),
            "The numbers of the kept tokens are sorted, so tokens are mixed. They keep "
            "their order.",
        ),
        Mistake(
            _afterwards(
                lambda kept, mask, positions, stay: (
                    kept.sort(dim=1, descending=True).values,
                    mask,
                )
            ),
            "The numbers of the kept tokens are sorted, so tokens are mixed. They keep "
            "their order.",
        ),
        Mistake(
            _moved_to_front,
            "Behind the kept tokens stand others that were to go. Padding is zeros.",
        ),
        Mistake(
            _afterwards(
                lambda kept, mask, positions, stay: (
                    kept + positions[0] * ~mask[..., None],
                    mask,
                )
            ),
            "Your padding holds the position of the class token. Padding is zeros.",
        ),
        Mistake(_padding_of(-math.inf), _ZEROS),
        Mistake(_padding_of(math.nan), _ZEROS),
        Mistake(_padding_of(1.0), _ZEROS),
        Mistake(_padding_of(-1.0), _ZEROS),
        Mistake(
            _afterwards(_last_repeated),
            "You pad with the last kept token again. Padding is zeros.",
        ),
        Mistake(
            _afterwards(_padded_to_all),
            "There is more padding than needed: the largest number of patches that "
            "stay in a picture is k, and it may be smaller than N.",
        ),
        Mistake(
            _afterwards(_padding_first),
            "The padding stands in front. It comes behind the kept tokens.",
        ),
        Mistake(
            _afterwards(_shortest),
            "You cut all pictures to the smallest number of patches, so tokens that "
            "are to stay get lost. Pad to the largest.",
        ),
        Mistake(
            _afterwards(_class_row),
            "There is a row for the class token in front. The result holds the kept "
            "patches only.",
        ),
        Mistake(
            lambda tokens, positions, stay: (
                (tokens + positions[1:]) * stay[..., None],
                stay,
            ),
            _TOO_LONG,
        ),
        Mistake(
            lambda tokens, positions, stay: (tokens + positions[1:], stay),
            "All patches are still there. Is `stay` used?",
        ),
        Mistake(
            lambda tokens, positions, stay: (
                tokens * stay[..., None] + positions[1:],
                stay,
            ),
            "The patches that go are still there, as tokens that hold only their "
            "position. That grays them; leaving out gives k rows for each picture.",
        ),
        Mistake(
            lambda tokens, positions, stay: ((tokens + positions[1:])[stay], stay),
            "The tokens of all pictures lie in one row. Each picture has its own, of "
            "k tokens.",
        ),
        Mistake(
            _afterwards(
                lambda kept, mask, positions, stay: (
                    [own[real] for own, real in zip(kept, mask, strict=True)],
                    stay,
                )
            ),
            "That is a list of rows of different lengths. Pad them with zeros to one "
            "tensor.",
        ),
        Mistake(
            _afterwards(
                lambda kept, mask, positions, stay: (
                    [own[real] for own, real in zip(kept, mask, strict=True)],
                    mask,
                )
            ),
            "That is a list of rows of different lengths. Pad them with zeros to one "
            "tensor.",
        ),
        Mistake(
            _first_picture,
            "All pictures lose the patches of the first one. Each picture has its own "
            "row of `stay`.",
        ),
        Mistake(
            lambda tokens, positions, stay: (
                (tokens + positions[1:])[:, stay.all(dim=0)],
                torch.ones(len(stay), int(stay.all(dim=0).sum()), dtype=torch.bool),
            ),
            "You keep the patches that stay in *every* picture. Each picture has its "
            "own row of `stay`.",
        ),
        Mistake(
            lambda tokens, positions, stay: (
                ((tokens + positions[1:]) * stay[..., None])[:, stay.any(dim=0)],
                stay[:, stay.any(dim=0)],
            ),
            "You keep the places where *any* picture keeps its patch, so there are "
            "rows of zeros among the kept ones. Each picture has its own row of "
            "`stay`.",
        ),
        Mistake(
            lambda tokens, positions, stay: (
                _taken(tokens + positions[1:], stay.long()),
                stay,
            ),
            "`stay.long()` is 0 and 1, and as an index it takes patch 0 and patch 1. "
            "Index with `stay` itself, or with where it is True.",
        ),
        Mistake(
            lambda tokens, positions, stay: (
                (tokens + positions[1:])[stay].reshape(
                    len(tokens), -1, tokens.shape[2]
                ),
                stay,
            ),
            "You deal the kept tokens to the pictures in equal shares, so some land in "
            "another picture. Each picture keeps its own, and is padded.",
        ),
        Mistake(
            _by_stack,
            "The pictures keep different numbers of patches, so their rows cannot be "
            "stacked. Pad the shorter ones first.",
        ),
        Mistake(
            _keeping(mask=lambda kept, stay: ~_filled(kept, stay)),
            "The mask is the wrong way round: it is True where a kept token lies.",
        ),
        Mistake(
            _keeping(
                mask=lambda kept, stay: (
                    torch.arange(kept.shape[1]) <= stay.sum(dim=1, keepdim=True)
                )
            ),
            "The mask has one True too many where there is padding. Rows are counted "
            "from 0.",
        ),
        Mistake(_keeping(mask=lambda kept, stay: stay), _MASK),
        Mistake(_keeping(mask=lambda kept, stay: stay[:, : kept.shape[1]]), _MASK),
        Mistake(
            _keeping(mask=lambda kept, stay: torch.ones(kept.shape[:2], dtype=bool)),
            "The mask is True everywhere. It is False where there is padding.",
        ),
        Mistake(
            _keeping(mask=lambda kept, stay: (kept != 0).any(dim=-1)),
            "You take every row of zeros for padding, but a token and its position may "
            "cancel. Ask `stay`, not the numbers.",
        ),
        Mistake(
            _keeping(mask=lambda kept, stay: kept != 0),
            "The mask has one entry for each number. It is to have one for each row.",
        ),
        Mistake(
            _keeping(mask=lambda kept, stay: _filled(kept, stay)[..., None]),
            "The mask has an axis too many. Its shape is (B, k).",
        ),
        Mistake(
            _keeping(
                mask=lambda kept, stay: (
                    _filled(kept, stay)[:, None] & _filled(kept, stay)[..., None]
                )
            ),
            "You made a mask of pairs, who sees whom. The mask that is wanted has one "
            "entry for each row, of shape (B, k).",
        ),
        Mistake(
            _keeping(
                mask=lambda kept, stay: torch.where(_filled(kept, stay), 0.0, -math.inf)
            ),
            "You made a mask that is added to scores, 0 and -inf. True and False are "
            "wanted.",
        ),
        Mistake(
            _keeping(mask=lambda kept, stay: stay.sum(dim=1)),
            "You return how many patches stay. A mask is wanted, of shape (B, k).",
        ),
        Mistake(
            _afterwards(lambda kept, mask, positions, stay: kept),
            "Those are the tokens alone. Without the mask nobody knows which of them "
            "are padding.",
        ),
        Mistake(
            _afterwards(lambda kept, mask, positions, stay: (mask, kept)),
            "The two have changed places: the tokens come first.",
        ),
    ),
    hints=(
        "Add the positions while every patch is still in its place. Which row of "
        "`positions` belongs to no patch?",
        "The number of patches that stay is `stay.sum(dim=1)`. From it alone follows "
        "the mask: row `i` holds a token if `i` is smaller than that number.",
        "`x[stay]` lists the kept tokens of all pictures, one picture after the "
        "other, and `kept[mask] = ...` fills rows in the same order. Or take "
        "`x[b][stay[b]]` for each picture and pad it.",
    ),
    because="Attention takes any number of tokens, so a ViT needs no gray for what is "
    "gone. Its attention must ignore the padding, though: hand the mask on.",
    alternatives=(_right_tokens, _by_sort),
)

# --- 15.6 How far may it slide? ---------------------------------------------------


def consistency(logits):
    answers = logits.argmax(dim=-1)  # (S, B)
    same = answers == answers[0]
    return same.float().mean(dim=1)


def _comparing(other, combine=lambda same: same.mean(dim=1)):
    """Vary what the answers (S, B) are compared with, and how that is summed up."""

    def consistency(logits):
        answers = logits.argmax(dim=-1)
        return combine((answers == other(answers)).float())

    return consistency


def _first(answers):
    return answers[0]


def _before(answers):
    return torch.cat([answers[:1], answers[:-1]])


def _other_axis(axis):
    def consistency(logits):
        answers = logits.argmax(dim=axis)
        return (answers == answers[0]).float().mean(dim=1)

    return consistency


def _argmin(logits):
    return consistency(-logits)


def _same_height(logits):
    best = logits.amax(dim=-1)
    return torch.isclose(best, best[0]).float().mean(dim=1)


def _old_probability(logits):
    old = logits[0].argmax(dim=-1).expand(len(logits), -1)[..., None]
    return logits.softmax(dim=-1).gather(2, old)[..., 0].mean(dim=1)


def _mean_of_bools(logits):
    answers = logits.argmax(dim=-1)
    return (answers == answers[0]).mean(dim=1)


def _top_two(logits):
    old = logits[0].argmax(dim=-1)[:, None]
    best = logits.topk(2).indices
    return (best == old).any(dim=-1).float().mean(dim=1)


def _sorted_answers(logits):
    answers = logits.argmax(dim=-1).sort(dim=1).values
    return (answers == answers[0]).float().mean(dim=1)


def _answer_of_mean(logits):
    answers = logits.mean(dim=1).argmax(dim=-1)
    return (answers == answers[0]).float()


def _by_shift(logits):
    old = logits[0].argmax(dim=1)
    return torch.tensor([(x.argmax(dim=1) == old).sum() / len(old) for x in logits])


_EQUAL_LOGITS = (
    "You compare the logits themselves. They may change as long as the same class has "
    "the largest one: compare the answers."
)
_STEP_BY_STEP = (
    "You compare each shift with the one before. Compare all of them with the first, "
    "which is no shift."
)
_shifts = np.random.default_rng(84)  # no two largest logits of a picture are equal


def _logits(shifts, pictures, classes):
    """Return logits that drift away from the first ones, shift by shift."""
    drift = _shifts.normal(size=(shifts, pictures, classes))
    drift[1:] *= 0.8
    return drift.cumsum(axis=0).round(1)


SLIDE = Exercise(
    id="15.6",
    title="How far may it slide?",
    solution=consistency,
    kinds=("torch",),
    cases=(
        (_logits(3, 5, 4),),
        (_logits(5, 7, 3),),
        (_logits(4, 3, 6),),
    ),
    mistakes=(
        Mistake(
            _comparing(_first, lambda same: same.mean(dim=0)),
            "You average over the shifts, so you have a number for each *picture*. "
            "Average over the pictures.",
        ),
        Mistake(
            _comparing(_first, lambda same: same.mean()),
            "You average over shifts and pictures, but each shift has its own share.",
        ),
        Mistake(
            _comparing(_first, lambda same: same.sum(dim=1)),
            "Those are counts. Divide by the number of pictures.",
        ),
        Mistake(
            _comparing(_first, lambda same: same),
            "That says for each picture whether its answer stays. Take the share of "
            "the pictures, for each shift.",
        ),
        Mistake(
            _comparing(_first, lambda same: 1 - same.mean(dim=1)),
            "That is the share of the answers that *change*.",
        ),
        Mistake(
            _comparing(_first, lambda same: same.mean(dim=1)[1:]),
            "The first shift is missing. It is no shift at all, and its share is 1.",
        ),
        Mistake(
            _comparing(_first, lambda same: 100 * same.mean(dim=1)),
            "Your shares are in percent. A share lies between 0 and 1.",
        ),
        Mistake(
            _comparing(_first, lambda same: same.cumprod(dim=0).mean(dim=1)),
            "You count the pictures whose answer has *never* changed so far. An answer "
            "that comes back counts again: look at each shift alone.",
        ),
        Mistake(
            _comparing(_first, lambda same: same.amin(dim=1)),
            "You ask whether *all* pictures keep their answer. The share of those that "
            "do is wanted.",
        ),
        Mistake(_comparing(_before), _STEP_BY_STEP),
        Mistake(
            _comparing(_before, lambda same: same.mean(dim=1)[1:]),
            _STEP_BY_STEP,
        ),
        Mistake(
            _comparing(lambda answers: answers[-1]),
            "You compare with the *last* shift. The first one is no shift.",
        ),
        Mistake(
            _comparing(lambda answers: answers[:, :1]),
            "You compare each picture with the first *picture*. Compare it with itself "
            "under no shift; the shifts are the first axis.",
        ),
        Mistake(
            _comparing(lambda answers: answers.mode(dim=0).values),
            "You compare with the most frequent answer of all shifts. Compare with the "
            "first, which is no shift.",
        ),
        Mistake(
            _other_axis(1),
            "Your `argmax` goes over the pictures. The classes are the last axis.",
        ),
        Mistake(
            _other_axis(0),
            "Your `argmax` goes over the shifts. The classes are the last axis.",
        ),
        Mistake(
            _argmin,
            "You compare the classes with the *smallest* logit. The answer is the "
            "class with the largest.",
        ),
        Mistake(
            lambda logits: (logits == logits[0]).float().mean(dim=(1, 2)),
            _EQUAL_LOGITS,
        ),
        Mistake(
            lambda logits: (logits == logits[0]).all(dim=-1).float().mean(dim=1),
            _EQUAL_LOGITS,
        ),
        Mistake(
            lambda logits: (logits == logits[0]).float().mean(dim=-1),
            _EQUAL_LOGITS,
        ),
        Mistake(
            _same_height,
            "You compare how *large* the largest logit is. Compare for which class it "
            "is the largest.",
        ),
        Mistake(
            _old_probability,
            "That is how probable the old answer still is. Count how often it is still "
            "the answer.",
        ),
        Mistake(
            lambda logits: F.cosine_similarity(logits, logits[:1], dim=-1).mean(dim=1),
            "You measure how similar the logits are. Count how often the answer is the "
            "same.",
        ),
        Mistake(
            _answer_of_mean,
            "You average the logits of all pictures before you ask for the answer. "
            "Each picture has its own.",
        ),
        Mistake(
            lambda logits: (
                _comparing(_first, lambda same: same.sum(dim=1))(logits)
                / logits.shape[2]
            ),
            "You divide by the number of classes. Divide by that of the pictures.",
        ),
        Mistake(
            lambda logits: (
                _comparing(_first, lambda same: same.sum(dim=1))(logits)
                / logits.shape[0]
            ),
            "You divide by the number of shifts. Divide by that of the pictures.",
        ),
        Mistake(
            lambda logits: (
                (logits.argsort() == logits[0].argsort())
                .all(dim=-1)
                .float()
                .mean(dim=1)
            ),
            "You ask whether the classes keep their whole *order*. Only the first of "
            "them is the answer.",
        ),
        Mistake(
            lambda logits: (
                (logits.argsort() == logits[0].argsort()).float().mean(dim=(1, 2))
            ),
            "You compare the whole *order* of the classes. Only the first of them is "
            "the answer.",
        ),
        Mistake(
            _top_two,
            "You count an old answer that is still among the two best. It must be the "
            "best.",
        ),
        Mistake(
            _comparing(_first, lambda same: same.mean(dim=1).cummin(dim=0).values),
            "You give the smallest share so far. Each shift has its own, and it may "
            "rise again.",
        ),
        Mistake(
            _comparing(
                _first,
                lambda same: (
                    same.mean(dim=1).cumsum(dim=0) / torch.arange(1, len(same) + 1)
                ),
            ),
            "You give the mean of all shares so far. Each shift has its own.",
        ),
        Mistake(
            _sorted_answers,
            "You sort the answers before you compare, so a picture is compared with "
            "another one.",
        ),
        Mistake(
            _comparing(_first, lambda same: dict(enumerate(same.mean(dim=1)))),
            "You return a dict. A tensor of S numbers is wanted, one for each shift.",
        ),
        Mistake(
            _mean_of_bools,
            "PyTorch takes no mean of True and False. Turn them into floats first.",
        ),
        Mistake(
            lambda logits: logits.argmax(dim=-1),
            "Those are the answers. Compare each with that of the same picture without "
            "a shift, and take the share that agrees.",
        ),
    ),
    hints=(
        "First turn the logits into answers, of shape (S, B).",
        "`answers[0]` holds the answers without a shift. Compared with all of "
        "`answers`, it goes along for every shift.",
        "Over which axis do the pictures run? `.float()` makes numbers of True and "
        "False, and their mean is a share.",
    ),
    because="A share of 1 does not mean that the answers are right: a model that "
    "always gives the same class is perfectly consistent. Read it beside the accuracy.",
    alternatives=(_by_shift,),
)

EXERCISES = (COST, PERMUTATION, RACE, SHARE, KEEP, SLIDE)
