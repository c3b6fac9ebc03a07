"""Answers to the exercises of notebook 15 as learners give them, written blind."""

import copy
import math
import statistics
import warnings

import numpy as np
import torch
from tests_answers import right, wrong
from torch.nn import functional as F

# --- 15.1: equal in parameters, equal in work? ---


@right("15.1")
def by_formula(c_in, c_out, k, height, width, stride):
    p = k // 2
    out_h = (height + 2 * p - k) // stride + 1
    out_w = (width + 2 * p - k) // stride + 1
    params = c_out * (c_in * k**2 + 1)
    return params, c_out * out_h * out_w * c_in * k**2


@right("15.1")
def by_ceil(c_in, c_out, k, height, width, stride):
    places = math.ceil(height / stride) * math.ceil(width / stride)
    kernel = c_in * k * k
    return [kernel * c_out + c_out, kernel * c_out * places]


@right("15.1")
def by_asking_torch(c_in, c_out, k, height, width, stride):
    layer = torch.nn.Conv2d(c_in, c_out, k, stride, padding=k // 2)
    out = layer(torch.zeros(1, c_in, height, width))
    params = sum(p.numel() for p in layer.parameters())
    return params, out.numel() * layer.weight[0].numel()


@right("15.1")
def by_counting(c_in, c_out, k, height, width, stride):
    work = 0
    for _ in range(0, height, stride):
        for _ in range(0, width, stride):
            work += c_in * c_out * k * k
    return c_in * c_out * k * k + c_out, work


@right("15.1")
def an_array(c_in, c_out, k, height, width, stride):
    weight = np.prod([c_out, c_in, k, k])
    out = [-(-side // stride) for side in (height, width)]
    return np.array([weight + c_out, weight * np.prod(out)])


@right("15.1")
def with_a_helper(c_in, c_out, k, height, width, stride):
    def size(n):
        return int((n + 2 * (k // 2) - (k - 1) - 1) / stride + 1)

    parameters = torch.nn.Conv2d(c_in, c_out, k).weight.numel()
    return parameters + c_out, parameters * size(height) * size(width)


@right("15.1")
def on_the_meta_device(c_in, c_out, k, height, width, stride):
    with torch.device("meta"):
        conv = torch.nn.Conv2d(c_in, c_out, k, stride=stride, padding=k // 2)
        _, _, h, w = conv(torch.empty(1, c_in, height, width)).shape
    n = conv.weight.numel()
    return n + conv.bias.numel(), n * h * w


def _cost(parameters=None, work=None, side=None):
    """Vary the formulas for parameters, work and sides."""
    side = side or (lambda n, k, s: (n + 2 * (k // 2) - k) // s + 1)
    parameters = parameters or (lambda a, b, k: a * b * k * k + b)
    work = work or (lambda a, b, k, h, w: a * b * k * k * h * w)

    def conv_cost(c_in, c_out, k, height, width, stride):
        h, w = side(height, k, stride), side(width, k, stride)
        return parameters(c_in, c_out, k), work(c_in, c_out, k, h, w)

    return conv_cost


wrong(
    "15.1",
    "no bias",
    _cost(lambda a, b, k: a * b * k * k),
    says="The biases are missing from",
)
wrong(
    "15.1",
    "one bias",
    _cost(lambda a, b, k: a * b * k * k + 1),
    says="One bias is not enough: each",
)
wrong(
    "15.1",
    "a bias per input",
    _cost(lambda a, b, k: a * b * k * k + a),
    says="There are as many biases",
)
wrong(
    "15.1",
    "a bias per channel pair",
    _cost(lambda a, b, k: a * b * (k * k + 1)),
    says="You count a bias for each",
)
wrong(
    "15.1",
    "k not squared in the weights",
    _cost(lambda a, b, k: a * b * k + b),
    says="In the parameters `k` stands",
)
wrong(
    "15.1",
    "k not squared anywhere",
    _cost(lambda a, b, k: a * b * k + b, lambda a, b, k, h, w: a * b * k * h * w),
    says="A kernel has `k` rows *and*",
)
wrong(
    "15.1",
    "depthwise",
    _cost(lambda a, b, k: b * k * k + b, lambda a, b, k, h, w: b * k * k * h * w),
    says="You count one kernel for",
)
wrong(
    "15.1",
    "work without the input channels",
    _cost(work=lambda a, b, k, h, w: b * k * k * h * w),
    says="In the multiply-adds the channels that come in",
)
wrong(
    "15.1",
    "work without the output channels",
    _cost(work=lambda a, b, k, h, w: a * k * k * h * w),
    says="In the multiply-adds the channels that come out",
)
wrong(
    "15.1",
    "two FLOPs for each multiply-add",
    _cost(work=lambda a, b, k, h, w: 2 * a * b * k * k * h * w),
    says="Your multiply-adds are twice",
)
wrong(
    "15.1",
    "the bias costs work",
    _cost(work=lambda a, b, k, h, w: (a * k * k + 1) * b * h * w),
    says="You count the bias as work,",
)
wrong(
    "15.1",
    "products minus one addition",
    _cost(work=lambda a, b, k, h, w: (2 * a * k * k - 1) * b * h * w),
    says="You count multiplications and",
)
wrong(
    "15.1",
    "the stride is forgotten",
    _cost(side=lambda n, k, s: n),
    says="The stride is forgotten:",
)
wrong(
    "15.1",
    "rounded down",
    _cost(side=lambda n, k, s: n // s),
    says="The number of places in a",
)
wrong(
    "15.1",
    "not rounded",
    _cost(side=lambda n, k, s: n / s),
    says="You divide by the stride",
)
wrong(
    "15.1",
    "no padding",
    _cost(side=lambda n, k, s: (n - k) // s + 1),
    says="You count the places without",
)
wrong(
    "15.1",
    "padding once",
    _cost(side=lambda n, k, s: (n + k // 2 - k) // s + 1),
    says="You pad on one side only,",
)
wrong(
    "15.1",
    "padding k",
    _cost(side=lambda n, k, s: (n + 2 * k - k) // s + 1),
    says="You pad with `k` zeros on",
)
wrong(
    "15.1",
    "without the + 1",
    _cost(side=lambda n, k, s: (n + 2 * (k // 2) - k) // s),
    says="The number of places in a",
)
wrong(
    "15.1",
    "true division in the formula",
    _cost(side=lambda n, k, s: (n + 2 * (k // 2) - k) / s + 1),
    says="You do not round, but a kernel",
)
wrong(
    "15.1",
    "stride for one side only",
    lambda c_in, c_out, k, height, width, stride: (
        c_in * c_out * k * k + c_out,
        c_in * c_out * k * k * math.ceil(height / stride) * width,
    ),
    says="The stride thins out your rows",
)
wrong(
    "15.1",
    "the area divided by the stride",
    lambda c_in, c_out, k, height, width, stride: (
        c_in * c_out * k * k + c_out,
        c_in * c_out * k * k * (height * width // stride),
    ),
    says="You divide the area by the",
)
wrong(
    "15.1",
    "the area divided by the square of the stride",
    lambda c_in, c_out, k, height, width, stride: (
        c_in * c_out * k * k + c_out,
        c_in * c_out * k * k * height * width // stride**2,
    ),
    says="You round once, at the end.",
)
wrong(
    "15.1",
    "a square picture",
    lambda c_in, c_out, k, height, width, stride: (
        c_in * c_out * k * k + c_out,
        c_in * c_out * k * k * math.ceil(height / stride) ** 2,
    ),
    says="You take the picture for a square: the width",
)
wrong(
    "15.1",
    "work first",
    lambda *sizes: by_formula(*sizes)[::-1],
    says="The two numbers have changed",
)
wrong(
    "15.1",
    "work alone",
    lambda *sizes: by_formula(*sizes)[1],
    says="That is the work alone. Return",
)
wrong(
    "15.1",
    "like a linear layer: one multiply-add per weight",
    _cost(work=lambda a, b, k, h, w: a * b * k * k),
    says="Your second number is that",
)
wrong(
    "15.1",
    "weights for each place",
    _cost(lambda a, b, k: a * b * k * k + b, lambda a, b, k, h, w: a * b * h * w),
    says="In the multiply-adds the size",
)


@wrong("15.1", "skips the padding", says="You leave out the products")
def inside_alone(c_in, c_out, k, height, width, stride):
    ones = torch.ones(1, 1, height, width)
    kernel = torch.ones(1, 1, k, k)
    met = F.conv2d(ones, kernel, stride=stride, padding=k // 2).sum()
    return c_in * c_out * k * k + c_out, int(met) * c_in * c_out


@wrong("15.1", "prints, returns nothing")
def prints(c_in, c_out, k, height, width, stride):
    by_formula(c_in, c_out, k, height, width, stride)


# --- 15.2: one permutation for all ---


@right("15.2")
def by_flatten(weight, positions, inner, outer):
    new_weight = weight.flatten(2)[:, :, inner].view(weight.shape)
    new_positions = torch.cat([positions[:1], positions[1:][outer]])
    return new_weight, new_positions


@right("15.2")
def by_loops(weight, positions, inner, outer):
    P = weight.shape[-1]
    w, p = weight.clone(), positions.clone()
    for j, old in enumerate(inner.tolist()):
        w[:, :, j // P, j % P] = weight[:, :, old // P, old % P]
    for i, old in enumerate(outer.tolist()):
        p[1 + i] = positions[1 + old]
    return w, p


@right("15.2")
def outer_plus_one(weight, positions, inner, outer):
    rows = torch.cat([torch.zeros(1, dtype=torch.long), outer + 1])
    D, C, P, _ = weight.shape
    columns = weight.reshape(D * C, P * P)
    return columns[:, inner].reshape(D, C, P, P), positions[rows]


@right("15.2")
def by_row_and_column(weight, positions, inner, outer):
    P = weight.shape[-1]
    grid = inner.view(P, P)
    moved = positions.clone()
    moved[1:] = positions[outer + 1]
    return weight[:, :, grid // P, grid % P], moved


@right("15.2")
def by_permutation_matrices(weight, positions, inner, outer):
    inside = F.one_hot(inner).float()  # row j picks inner[j]
    between = F.one_hot(outer).float()
    new = torch.einsum("dcp,jp->dcj", weight.flatten(2), inside)
    rest = between @ positions[1:]
    return [new.reshape(weight.shape), torch.vstack([positions[0], rest])]


@right("15.2")
def by_scatter_with_inverses(weight, positions, inner, outer):
    flat = weight.flatten(2)
    w = torch.empty_like(flat)
    w[:, :, inner.argsort()] = flat
    p = positions.clone()
    p[outer.argsort() + 1] = positions[1:]
    return w.reshape_as(weight), p


@right("15.2")
def by_gather_and_select(weight, positions, inner, outer):
    D, C, P, _ = weight.shape
    index = inner.expand(D, C, P * P)
    w = weight.reshape(D, C, -1).gather(2, index).unflatten(2, (P, P))
    p = torch.index_select(positions[1:], 0, outer)
    return w, F.pad(p, (0, 0, 1, 0)) + F.pad(positions[:1], (0, 0, 0, len(p)))


@right("15.2")
def through_numpy(weight, positions, inner, outer):
    w, p = np.asarray(weight), np.asarray(positions)
    shape = w.shape
    w = w.reshape(*shape[:2], -1)[..., np.asarray(inner)].reshape(shape)
    return w, np.concatenate([p[:1], np.take(p[1:], np.asarray(outer), axis=0)])


def _rewiring(pixels=None, patches=None):
    """Vary what happens to the weight and to the positions."""
    pixels = pixels or (lambda weight, inner: weight.flatten(2)[:, :, inner])
    patches = patches or (lambda p, outer: torch.cat([p[:1], p[1:][outer]]))

    def rewired(weight, positions, inner, outer):
        w = pixels(weight, inner).reshape(weight.shape)
        return w, patches(positions, outer)

    return rewired


wrong(
    "15.2",
    "the inverse inside",
    _rewiring(lambda w, i: w.flatten(2)[..., i.argsort()]),
    says="Inside the patches it is",
)
wrong(
    "15.2",
    "the inverse between",
    _rewiring(patches=lambda p, o: torch.cat([p[:1], p[1:][o.argsort()]])),
    says="With the positions it is",
)
wrong(
    "15.2",
    "both inverses",
    lambda w, p, i, o: by_flatten(w, p, i.argsort(), o.argsort()),
    says="Both are the inverse. Place",
)
wrong(
    "15.2",
    "weight as it was",
    _rewiring(lambda w, i: w),
    says="The weight of the projection",
)
wrong(
    "15.2",
    "positions as they were",
    _rewiring(patches=lambda p, o: p),
    says="The positions are as they",
)
wrong(
    "15.2",
    "all as it was",
    lambda weight, positions, inner, outer: (weight, positions),
    says="Weight and positions are",
)
wrong(
    "15.2",
    "class row not skipped",
    _rewiring(patches=lambda p, o: p[o]),
    says="Patch 0 has row 1 of `positions`:",
)
wrong(
    "15.2",
    "class row not skipped, but put in front",
    _rewiring(patches=lambda p, o: torch.cat([p[:1], p[o]])),
    says="The first row stays, but",
)
wrong(
    "15.2",
    "class row lost",
    _rewiring(patches=lambda p, o: p[1:][o]),
    says="The row of the class token is lost.",
)
wrong(
    "15.2",
    "class row last",
    _rewiring(patches=lambda p, o: torch.cat([p[1:][o], p[:1]])),
    says="The row of the class token is last",
)
wrong(
    "15.2",
    "class row thought to be last",
    _rewiring(patches=lambda p, o: torch.cat([p[:-1][o], p[-1:]])),
    says="You take the *last* row for",
)
wrong(
    "15.2",
    "column by column",
    _rewiring(lambda w, i: w.mT.flatten(2)[..., i].unflatten(2, w.shape[2:]).mT),
    says="You number the pixels of",
)
wrong(
    "15.2",
    "turned over",
    _rewiring(lambda w, i: w.flatten(2)[..., i].unflatten(2, w.shape[2:]).mT),
    says="Rows and columns inside a",
)
wrong(
    "15.2",
    "zeros for the class token",
    _rewiring(patches=lambda p, o: torch.cat([0 * p[:1], p[1:][o]])),
    says="The row of the class token is zero",
)


@wrong("15.2", "the wrong way round", says="The two have changed places:")
def positions_first(weight, positions, inner, outer):
    return by_flatten(weight, positions, inner, outer)[::-1]


@wrong("15.2", "the weight alone", says="That is the weight alone.")
def weight_alone(weight, positions, inner, outer):
    return by_flatten(weight, positions, inner, outer)[0]


@wrong("15.2", "flat weights", says="The weight has lost its shape.")
def flat_weight(weight, positions, inner, outer):
    w, p = by_flatten(weight, positions, inner, outer)
    return w.flatten(2), p


@wrong("15.2", "flatter weights", says="The weight has lost its shape.")
def linear_weight(weight, positions, inner, outer):
    w, p = by_flatten(weight, positions, inner, outer)
    return w.flatten(1), p


@wrong("15.2", "kernels reordered", says="`inner` has moved whole kernels,")
def kernels_reordered(weight, positions, inner, outer):
    _, p = by_flatten(weight, positions, inner, outer)
    w = weight.clone()
    w[: len(inner)] = weight[inner]
    return w, p


@wrong("15.2", "channels and pixels in one axis", says="`inner` has moved numbers")
def channels_and_pixels(weight, positions, inner, outer):
    _, p = by_flatten(weight, positions, inner, outer)
    flat = weight.flatten(1).clone()
    flat[:, : len(inner)] = flat[:, inner]
    return flat.view(weight.shape), p


@wrong("15.2", "writes into the positions")
def writes_into_positions(weight, positions, inner, outer):
    positions[1:] = positions[1:][outer]
    return weight.flatten(2)[:, :, inner].reshape(weight.shape), positions


@wrong("15.2", "inner and outer exchanged", says="`inner` and `outer` have")
def exchanged(weight, positions, inner, outer):
    return by_flatten(weight, positions, outer, inner)


@wrong("15.2", "rows by inner, columns by inner")
def rows_and_columns(weight, positions, inner, outer):
    _, p = by_flatten(weight, positions, inner, outer)
    P = weight.shape[-1]
    return weight[:, :, inner[:P] % P][..., inner[:P] % P], p


@wrong("15.2", "overwrites what it still reads", says="You read from what you are")
def overwrites(weight, positions, inner, outer):
    w, _ = by_flatten(weight, positions, inner, outer)
    p = positions.clone()
    for i, j in enumerate(outer.tolist()):
        p[1 + i] = p[1 + j]
    return w, p


# --- 15.3: the unfair race ---


@right("15.3")
def with_sets(results):
    common = set.intersection(*(set(rates) for rates in results.values()))
    out = {}
    for family, rates in results.items():
        means = {r: np.mean([v for v, _ in rates[r]]) for r in common}
        best = min(r for r in common if means[r] == max(means.values()))
        out[family] = (best, [t for _, t in rates[best]])
    return out


@right("15.3")
def sorted_first(results):
    tables = list(results.values())
    common = sorted(r for r in tables[0] if all(r in table for table in tables))
    chosen = {}
    for family, table in results.items():
        rate = max(common, key=lambda r: sum(p[0] for p in table[r]) / len(table[r]))
        chosen[family] = rate, [p[1] for p in table[rate]]
    return chosen


@right("15.3")
def with_statistics(results):
    families = list(results)
    shared = [
        rate
        for rate in sorted(results[families[0]])
        if all(rate in results[f] for f in families[1:])
    ]
    answer = {}
    for f in families:
        best, best_mean = None, -1.0
        for rate in shared:
            mean = statistics.fmean(v for v, t in results[f][rate])
            if mean > best_mean:
                best, best_mean = rate, mean
        answer[f] = [best, [t for v, t in results[f][best]]]
    return answer


@right("15.3")
def in_arrays(results):
    shared = set(next(iter(results.values())))
    for runs in results.values():
        shared &= runs.keys()
    answer = {}
    for family, runs in results.items():
        rates = np.array(sorted(shared))
        means = [np.array(runs[rate])[:, 0].mean() for rate in rates]
        rate = float(rates[np.argmax(means)])
        answer[family] = (rate, np.array(runs[rate])[:, 1])
    return answer


@right("15.3")
def with_a_tuple_as_key(results):
    shared = set.intersection(*map(set, results.values()))

    def validation(runs, rate):
        return sum(v for v, _ in runs[rate]) / len(runs[rate])

    answer = {}
    for family, runs in results.items():
        rate = min(shared, key=lambda r: (-validation(runs, r), r))
        answer[family] = (rate, tuple(test for _, test in runs[rate]))
    return answer


@right("15.3")
def by_removing_from_a_copy(results):
    results = copy.deepcopy(results)
    everything = {rate for runs in results.values() for rate in runs}
    for rate in everything:
        if any(rate not in runs for runs in results.values()):
            for runs in results.values():
                runs.pop(rate, None)
    out = {}
    for family, runs in results.items():
        scored = [(-np.mean([v for v, _ in runs[r]]), r) for r in runs]
        rate = sorted(scored)[0][1]
        out[family] = rate, list(list(zip(*runs[rate], strict=True))[1])
    return out


@right("15.3")
def with_torch(results):
    shared = sorted(set.intersection(*[set(runs) for runs in results.values()]))
    answer = {}
    for family, runs in results.items():
        tables = [torch.tensor(runs[rate], dtype=torch.float64) for rate in shared]
        best = torch.stack([table[:, 0].mean() for table in tables]).argmax()
        answer[family] = (shared[best], tables[best][:, 1].tolist())
    return answer


def _choosing(score=None, report=None, shared=None, tie=min):
    """Vary what chooses the rate, what is reported, and which rates may be chosen."""
    score = score or (lambda pairs: np.mean([v for v, _ in pairs]))
    report = report or (lambda pairs: [t for _, t in pairs])
    shared = shared or (lambda runs, all_runs: set.intersection(*map(set, all_runs)))

    def chosen(results):
        answer = {}
        for family, runs in results.items():
            rates = [r for r in runs if r in shared(runs, list(results.values()))]
            scores = {rate: score(runs[rate]) for rate in rates}
            best = max(scores.values())
            rate = tie(rate for rate in rates if scores[rate] == best)
            answer[family] = (rate, report(runs[rate]))
        return answer

    return chosen


@wrong("15.3", "the broken one", says="Nothing is repaired yet.")
def broken(results):
    best = {}
    for family, runs in results.items():
        rate = max(runs, key=lambda r: max(test for _, test in runs[r]))
        best[family] = (rate, max(test for _, test in runs[rate]))
    return best


wrong(
    "15.3",
    "mean test chooses",
    _choosing(lambda ps: np.mean([t for _, t in ps])),
    says="The *test* pictures choose",
)
wrong(
    "15.3",
    "best test chooses",
    _choosing(lambda ps: max(t for _, t in ps)),
    says="The *test* pictures choose",
)
wrong(
    "15.3",
    "best validation seed",
    _choosing(lambda ps: max(v for v, _ in ps)),
    says="The luckiest seed chooses the rate.",
)
wrong(
    "15.3",
    "worst seed",
    _choosing(lambda ps: min(v for v, _ in ps)),
    says="The worst seed chooses the",
)
wrong(
    "15.3",
    "median",
    _choosing(lambda ps: float(np.median([v for v, _ in ps]))),
    says="You compare the median over",
)
wrong(
    "15.3",
    "first seed",
    _choosing(lambda ps: ps[0][0]),
    says="One seed alone chooses the",
)
wrong(
    "15.3",
    "sum over seeds",
    _choosing(lambda ps: sum(v for v, _ in ps)),
    says="You add the validation accuracies",
)
wrong(
    "15.3",
    "validation and test",
    _choosing(lambda ps: np.mean([v + t for v, t in ps])),
    says="The test pictures help to",
)
wrong(
    "15.3",
    "every family its own rates",
    _choosing(shared=lambda runs, _: runs),
    says="A family may win with a rate",
)
wrong(
    "15.3",
    "rates that any family tried",
    _choosing(shared=lambda _, all_runs: set().union(*all_runs)),
    says="A family may win with a rate",
)
wrong(
    "15.3",
    "common to the first two",
    _choosing(shared=lambda _, all_runs: set.intersection(*map(set, all_runs[:2]))),
    says="You compare the rates of",
)
wrong(
    "15.3",
    "larger rate on a tie",
    _choosing(tie=max),
    says="Where two rates are equally",
)
wrong(
    "15.3",
    "first rate on a tie",
    _choosing(tie=next),
    says="Where two rates are equally",
)
wrong(
    "15.3",
    "mean of the tests",
    _choosing(report=lambda ps: np.mean([t for _, t in ps])),
    says="The rate is right, but you",
)
wrong(
    "15.3",
    "best test",
    _choosing(report=lambda ps: max(t for _, t in ps)),
    says="You report the luckiest seed",
)
wrong(
    "15.3",
    "validation reported",
    _choosing(report=lambda ps: [v for v, _ in ps]),
    says="You report the validation",
)
wrong(
    "15.3",
    "pairs reported",
    _choosing(report=list),
    says="You report whole pairs. Only",
)
wrong(
    "15.3",
    "sorted tests",
    _choosing(report=lambda ps: sorted(t for _, t in ps)),
    says="You sort the test accuracies.",
)
wrong(
    "15.3",
    "one seed reported",
    _choosing(report=lambda ps: [ps[0][1]]),
    says="You report one seed alone.",
)


@wrong("15.3", "one rate for all families", says="You choose one rate for all")
def one_rate_for_all(results):
    shared = set.intersection(*map(set, results.values()))
    rate = max(
        sorted(shared),
        key=lambda r: np.mean([v for runs in results.values() for v, _ in runs[r]]),
    )
    return {f: (rate, [t for _, t in runs[rate]]) for f, runs in results.items()}


@wrong("15.3", "only the rate", says="Those are the rates alone.")
def only_the_rate(results):
    return {family: rate for family, (rate, _) in with_sets(results).items()}


@wrong("15.3", "tests first", says="Rate and test accuracies")
def tests_first(results):
    return {f: (tests, rate) for f, (rate, tests) in with_sets(results).items()}


@wrong("15.3", "the winner alone", says="Only one family is left.")
def winner_alone(results):
    found = with_sets(results)
    best = max(found, key=lambda f: np.mean(found[f][1]))
    return {best: found[best]}


@wrong("15.3", "pops from the results")
def pops(results):
    shared = set.intersection(*map(set, results.values()))
    for runs in results.values():
        for rate in list(runs):
            if rate not in shared:
                del runs[rate]
    return with_sets(results)


@wrong("15.3", "zip takes the pairs apart wrongly", says="You return the pair of one")
def two_seeds_as_columns(results):
    answer = {}
    for family, (rate, _) in with_sets(results).items():
        answer[family] = (rate, list(results[family][rate][1]))
    return answer


# --- 15.4: shape or texture? ---


@right("15.4")
def by_masks(predicted, shape, texture):
    conflict = shape != texture
    s = (predicted == shape) & conflict
    t = (predicted == texture) & conflict
    n = s.sum() + t.sum()
    return (s.sum() / n if n else float("nan")), n


@right("15.4")
def by_loop_over_pictures(predicted, shape, texture):
    n = hits = 0
    for p, s, t in zip(predicted, shape, texture, strict=True):
        if s == t or p not in (s, t):
            continue
        n += 1
        hits += p == s
    if n == 0:
        return np.nan, 0
    return hits / n, n


@right("15.4")
def by_xor(predicted, shape, texture):
    decided = (predicted == shape) ^ (predicted == texture)
    n = int(decided.sum())
    if not n:
        return math.nan, 0
    return float((predicted[decided] == shape[decided]).mean()), n


@right("15.4")
def by_filtering_twice(predicted, shape, texture):
    keep = shape != texture
    predicted, shape, texture = predicted[keep], shape[keep], texture[keep]
    keep = np.logical_or(predicted == shape, predicted == texture)
    n = np.count_nonzero(keep)
    return np.divide((predicted[keep] == shape[keep]).sum(), n), n


@right("15.4")
def by_list(predicted, shape, texture):
    votes = [
        p == s
        for p, s, t in zip(predicted, shape, texture, strict=True)
        if s != t and (p == s or p == t)
    ]
    return (sum(votes) / len(votes) if votes else float("nan"), len(votes))


@right("15.4")
def by_nan_mean(predicted, shape, texture):
    vote = np.where(
        predicted == shape, 1.0, np.where(predicted == texture, 0.0, np.nan)
    )
    vote[shape == texture] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "Mean of empty slice"
        return np.nanmean(vote), np.sum(~np.isnan(vote))


@right("15.4")
def as_an_array(predicted, shape, texture):
    in_conflict = np.flatnonzero(shape != texture)
    by_shape = np.sum(predicted[in_conflict] == shape[in_conflict])
    by_texture = np.sum(predicted[in_conflict] == texture[in_conflict])
    total = by_shape + by_texture
    return np.array([by_shape / total, total])


def _sharing(count=None, vote=None):
    """Vary which pictures count, and what is a vote for the shape."""
    count = count or (lambda p, s, t: (s != t) & ((p == s) | (p == t)))
    vote = vote or (lambda p, s, t: p == s)

    def shape_share(predicted, shape, texture):
        counts = count(predicted, shape, texture)
        n = counts.sum()
        if n == 0:
            return float("nan"), 0
        return vote(predicted, shape, texture)[counts].mean(), n

    return shape_share


wrong(
    "15.4",
    "equal classes count, too",
    _sharing(lambda p, s, t: (p == s) | (p == t)),
    says="Pictures whose outline and",
)
wrong(
    "15.4",
    "other answers count, too",
    _sharing(lambda p, s, t: s != t),
    says="Answers that are neither",
)
wrong(
    "15.4",
    "all pictures count",
    _sharing(lambda p, s, t: p == p),
    says="All pictures are counted.",
)
wrong(
    "15.4",
    "the share of the texture",
    _sharing(vote=lambda p, s, t: p == t),
    says="That is the share of the *texture*.",
)
wrong(
    "15.4",
    "& for |",
    _sharing(lambda p, s, t: (s != t) & (p == s) & (p == t)),
    says="No answer can be the class",
)
wrong(
    "15.4",
    "only pictures with the answer shape count",
    _sharing(lambda p, s, t: (s != t) & (p == s)),
    says="You count only the pictures whose answer is the outline,",
)
wrong(
    "15.4",
    "equal instead of different",
    _sharing(lambda p, s, t: (s == t) & ((p == s) | (p == t))),
    says="You count the pictures whose",
)


@wrong("15.4", "the share alone", says="That is the share alone.")
def share_alone(predicted, shape, texture):
    return by_masks(predicted, shape, texture)[0]


@wrong("15.4", "0 instead of nan", says="Where no picture counts, the")
def zero_for_none(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return (share if n else 0.0), n


@wrong("15.4", "one half instead of nan", says="Where no picture counts, the")
def half_for_none(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return (share if n else 0.5), n


@wrong("15.4", "divides by zero", says="Where no picture counts you divide")
def divides_by_zero(predicted, shape, texture):
    n = hits = 0
    for p, s, t in zip(
        predicted.tolist(), shape.tolist(), texture.tolist(), strict=True
    ):
        if s != t and p in (s, t):
            n, hits = n + 1, hits + (p == s)
    return hits / n, n


@wrong(
    "15.4",
    "how many answered with the shape",
    says="Your second number is how many answers",
)
def counts_shape(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return share, (0 if not n else share * n)


@wrong(
    "15.4",
    "how many are in conflict",
    says="Your second number is how many pictures have",
)
def counts_conflict(predicted, shape, texture):
    return by_masks(predicted, shape, texture)[0], (shape != texture).sum()


@wrong(
    "15.4",
    "how many pictures there are",
    says="Your second number is how many pictures there",
)
def counts_all(predicted, shape, texture):
    return by_masks(predicted, shape, texture)[0], len(shape)


@wrong(
    "15.4",
    "divides by all in conflict, counts the decided",
    says="You divide by all pictures",
)
def divides_by_conflict(predicted, shape, texture):
    conflict = shape != texture
    n = by_masks(predicted, shape, texture)[1]
    if not n:
        return math.nan, 0
    return (predicted == shape)[conflict].mean(), n


@wrong(
    "15.4",
    "divides by all pictures, counts the decided",
    says="You divide by the number",
)
def divides_by_all(predicted, shape, texture):
    n = by_masks(predicted, shape, texture)[1]
    if not n:
        return math.nan, 0
    return ((predicted == shape) & (shape != texture)).mean(), n


@wrong("15.4", "shape over texture: odds", says="You divide by the answers")
def odds(predicted, shape, texture):
    c = shape != texture
    s, t = ((predicted == x)[c].sum() for x in (shape, texture))
    return s / t, s + t


@wrong("15.4", "percent", says="Your share is in percent.")
def percent(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return 100 * share, n


@wrong("15.4", "difference of the shares", says="That is the share of the outline")
def difference(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return 2 * share - 1, n


@wrong(
    "15.4",
    "share of shapes counted with equal classes",
    says="Above the line you count",
)
def numerator_with_equal_classes(predicted, shape, texture):
    n = by_masks(predicted, shape, texture)[1]
    return ((predicted == shape).sum() / n if n else math.nan), n


@wrong("15.4", "count first", says="The two numbers have changed")
def count_first(predicted, shape, texture):
    return by_masks(predicted, shape, texture)[::-1]


@wrong("15.4", "and between arrays", says="`and` and `or` ask for one")
def and_between_arrays(predicted, shape, texture):
    conflict = shape != texture and (predicted == shape or predicted == texture)
    return (predicted[conflict] == shape[conflict]).mean(), conflict.sum()


@wrong("15.4", "precedence of | and &", says="Pictures whose outline and")
def precedence(predicted, shape, texture):
    decided = (shape != texture) & (predicted == shape) | (predicted == texture)
    n = decided.sum()
    return ((predicted == shape)[decided].mean() if n else math.nan), n


@wrong("15.4", "none counts: nan, nan", says="Where no picture counts, only")
def nan_for_both(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return (share, n) if n else (math.nan, math.nan)


# --- 15.5: leave patches out ---


@right("15.5")
def by_zeros_and_loop(tokens, positions, stay):
    B, N, D = tokens.shape
    k = int(stay.sum(1).max())
    kept, mask = torch.zeros(B, k, D), torch.zeros(B, k, dtype=torch.bool)
    for b in range(B):
        i = 0
        for n in range(N):
            if stay[b, n]:
                kept[b, i] = tokens[b, n] + positions[n + 1]
                mask[b, i] = True
                i += 1
    return kept, mask


@right("15.5")
def by_pad_sequence(tokens, positions, stay):
    x = tokens + positions[1:]
    rows = [t[s] for t, s in zip(x, stay, strict=True)]
    ones = [torch.ones(len(r), dtype=torch.bool) for r in rows]
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(rows, batch_first=True), pad(ones, batch_first=True)


@right("15.5")
def by_stable_sort(tokens, positions, stay):
    order = stay.long().sort(dim=1, descending=True, stable=True).indices
    mask = stay.gather(1, order)
    k = stay.sum(1).max()
    x = (tokens + positions[1:]) * stay[..., None]
    x = x.gather(1, order[..., None].expand_as(x))
    return x[:, :k], mask[:, :k]


@right("15.5")
def by_cumsum(tokens, positions, stay):
    B, N, D = tokens.shape
    place = stay.cumsum(1) - 1
    k = int(place.max()) + 1
    kept = torch.zeros(B, k, D)
    b, n = stay.nonzero(as_tuple=True)
    kept[b, place[b, n]] = tokens[b, n] + positions[1 + n]
    mask = torch.zeros(B, k)
    mask[b, place[b, n]] = 1
    return kept, mask.bool()


@right("15.5")
def by_boolean_assignment(tokens, positions, stay):
    lengths = stay.sum(dim=1)
    mask = torch.arange(lengths.max())[None] < lengths[:, None]
    kept = tokens.new_zeros(*mask.shape, tokens.shape[2])
    kept[mask] = (tokens + positions[None, 1:])[stay]
    return kept, mask


@right("15.5")
def by_masked_scatter(tokens, positions, stay):
    counts = stay.sum(1, keepdim=True)
    k = counts.max().item()
    mask = torch.arange(k).expand(len(stay), k) < counts
    x = tokens[stay] + positions[1:].expand_as(tokens)[stay]
    kept = torch.zeros(len(stay), k, tokens.shape[-1])
    return kept.masked_scatter(mask[..., None], x), mask


@right("15.5")
def by_pad_of_each(tokens, positions, stay):
    k = max(int(s.sum()) for s in stay)
    kept, mask = [], []
    for picture, which in zip(tokens, stay, strict=True):
        places = which.nonzero().flatten()
        rows = picture[places] + positions[places + 1]
        missing = k - len(rows)
        kept.append(F.pad(rows, (0, 0, 0, missing)))
        mask.append([True] * len(rows) + [False] * missing)
    return torch.stack(kept), torch.tensor(mask)


def _keeping(x=None, rows=None, mask=None):
    """Vary what is added, which tokens stay, and what the mask says."""
    x = x or (lambda t, p: t + p[1:])
    rows = rows or (lambda own, s: own[s])
    mask = mask or (lambda kept, s: torch.arange(kept.shape[1]) < s.sum(1)[:, None])

    def keep_tokens(tokens, positions, stay):
        both = zip(x(tokens, positions), stay, strict=True)
        each = [rows(own, s) for own, s in both]
        kept = torch.nn.utils.rnn.pad_sequence(each, batch_first=True)
        return kept, mask(kept, stay)

    return keep_tokens


wrong(
    "15.5",
    "the class token's row is not skipped",
    _keeping(lambda t, p: t + p[:-1]),
    says="Each token gets the position",
)
wrong(
    "15.5", "no positions", _keeping(lambda t, p: t), says="No position is added to the"
)
wrong(
    "15.5",
    "positions twice",
    _keeping(lambda t, p: t + 2 * p[1:]),
    says="The positions are added twice.",
)
wrong(
    "15.5",
    "positions with the class token's",
    _keeping(lambda t, p: t + p[1:] + p[:1]),
    says="The position of the class",
)
wrong(
    "15.5",
    "multiplies",
    _keeping(lambda t, p: t * p[1:]),
    says="The positions are multiplied.",
)
wrong(
    "15.5",
    "shapes do not fit",
    _keeping(lambda t, p: t + p),
    says="Tokens and positions differ",
)
wrong(
    "15.5",
    "removes what should stay",
    _keeping(rows=lambda own, s: own[~s]),
    says="You keep the patches that",
)
wrong(
    "15.5",
    "reversed",
    _keeping(rows=lambda own, s: own[s].flip(0)),
    says="The kept tokens come in reverse",
)
wrong(
    "15.5",
    "the mask says what is padded",
    _keeping(mask=lambda kept, s: torch.arange(kept.shape[1]) >= s.sum(1)[:, None]),
    says="The mask is the wrong way",
)
wrong(
    "15.5",
    "one True too many",
    _keeping(mask=lambda kept, s: torch.arange(kept.shape[1]) <= s.sum(1)[:, None]),
    says="The mask has one True too",
)
wrong(
    "15.5",
    "gives stay as the mask",
    _keeping(mask=lambda kept, s: s),
    says="The tokens are right, the",
)
wrong(
    "15.5",
    "mask from the zeros",
    _keeping(mask=lambda kept, s: (kept != 0).any(-1)),
    says="You take every row of zeros",
)
wrong(
    "15.5",
    "mask for each number",
    _keeping(mask=lambda kept, s: kept != 0),
    says="The mask has one entry for",
)
wrong(
    "15.5",
    "all True",
    _keeping(mask=lambda kept, s: torch.ones(kept.shape[:2])),
    says="The mask is True everywhere.",
)
wrong(
    "15.5",
    "counts instead of a mask",
    _keeping(mask=lambda kept, s: s.sum(1)),
    says="You return how many patches",
)
wrong(
    "15.5",
    "stay cut to k",
    _keeping(mask=lambda kept, s: s[:, : kept.shape[1]]),
    says="The tokens are right, the",
)


@wrong("15.5", "positions counted anew", says="The positions are numbered")
def positions_anew(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, 0 * positions, stay)
    k = kept.shape[1]
    return kept + positions[1 : k + 1] * mask[..., None], mask


@wrong(
    "15.5",
    "positions counted anew, on the padding, too",
    says="The positions are numbered",
)
def positions_anew_everywhere(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, 0 * positions, stay)
    return kept + positions[1 : kept.shape[1] + 1], mask


@wrong(
    "15.5",
    "zeros instead of removal",
    says="The patches that go are still there, as rows",
)
def zeroed(tokens, positions, stay):
    return (tokens + positions[1:]) * stay[..., None], stay


@wrong(
    "15.5",
    "zeroed tokens keep their positions",
    says="The patches that go are still there, as tokens",
)
def zeroed_tokens(tokens, positions, stay):
    return tokens * stay[..., None] + positions[1:], stay


@wrong("15.5", "padded to N", says="There is more padding than")
def padded_to_n(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    more = tokens.shape[1] - kept.shape[1]
    return F.pad(kept, (0, 0, 0, more)), F.pad(mask, (0, more))


@wrong("15.5", "padding in front", says="The padding stands in front.")
def padding_in_front(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    rows = [torch.cat([k[~m], k[m]]) for k, m in zip(kept, mask, strict=True)]
    return torch.stack(rows), mask.flip(1)


@wrong("15.5", "cut to the shortest", says="You cut all pictures to the")
def cut_to_the_shortest(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    k = int(stay.sum(1).min())
    return kept[:, :k], mask[:, :k]


@wrong("15.5", "not zeros behind, but the rest", says="Behind the kept tokens stand")
def the_rest_behind(tokens, positions, stay):
    order = (~stay).int().argsort(dim=1, stable=True)
    k = int(stay.sum(1).max())
    x = tokens + positions[1:]
    rows = torch.arange(len(x))[:, None]
    return x[rows, order[:, :k]], stay[rows, order[:, :k]]


@wrong("15.5", "tokens alone", says="Those are the tokens alone.")
def tokens_alone(tokens, positions, stay):
    return by_zeros_and_loop(tokens, positions, stay)[0]


@wrong("15.5", "all pictures in one row", says="The tokens of all pictures")
def all_in_one(tokens, positions, stay):
    return (tokens + positions[1:])[stay], stay


@wrong("15.5", "a list of rows", says="That is a list of rows of")
def list_of_rows(tokens, positions, stay):
    x = tokens + positions[1:]
    return [t[s] for t, s in zip(x, stay, strict=True)], stay


@wrong(
    "15.5", "the first picture's patches for all", says="All pictures lose the patches"
)
def first_picture(tokens, positions, stay):
    x = (tokens + positions[1:])[:, stay[0]]
    return x, torch.ones(x.shape[:2], dtype=torch.bool)


@wrong("15.5", "stacks rows of different lengths", says="The pictures keep different")
def stacks(tokens, positions, stay):
    x = tokens + positions[1:]
    rows = torch.stack([t[s] for t, s in zip(x, stay, strict=True)])
    return rows, torch.ones(rows.shape[:2], dtype=torch.bool)


@wrong("15.5", "class row in front", says="There is a row for the class")
def with_class_row(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    first = positions[:1].expand(len(kept), 1, -1)
    return torch.cat([first, kept], dim=1), F.pad(mask, (1, 0), value=True)


@wrong("15.5", "mask first", says="The two have changed places:")
def mask_first(tokens, positions, stay):
    return by_zeros_and_loop(tokens, positions, stay)[::-1]


@wrong("15.5", "repeats the last token", says="You pad with the last kept")
def repeats_the_last(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    for rows, m in zip(kept, mask, strict=True):
        rows[~m] = rows[m][-1]
    return kept, mask


@wrong("15.5", "writes into the tokens")
def writes_into_tokens(tokens, positions, stay):
    tokens += positions[1:]
    return by_zeros_and_loop(tokens, 0 * positions, stay)


@wrong("15.5", "the largest tokens first", says="The numbers of the kept tokens")
def largest_first(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept.sort(dim=1, descending=True).values, mask


# --- 15.6: how far may it slide? ---


@right("15.6")
def by_argmax(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).float().mean(-1)


@right("15.6")
def by_loop_over_shifts(logits):
    base = logits[0].argmax(dim=1)
    shares = []
    for shifted in logits:
        same = shifted.argmax(dim=1) == base
        shares.append(same.sum().item() / len(base))
    return torch.tensor(shares)


@right("15.6")
def by_max_indices(logits):
    _, answers = logits.max(dim=2)
    same = torch.eq(answers, answers[:1])
    return same.double().mean(dim=1)


@right("15.6")
def by_softmax(logits):
    answers = torch.softmax(logits, dim=-1).argmax(dim=-1)
    return 1 - (answers != answers[0]).float().mean(dim=1)


@right("15.6")
def by_topk(logits):
    answers = logits.topk(1, dim=-1).indices[..., 0]
    unshifted = answers[0].unsqueeze(0).expand_as(answers)
    return (answers == unshifted).sum(1) / logits.shape[1]


@right("15.6")
def by_gathered_logit(logits):
    base = logits[0].argmax(dim=-1)
    index = base.expand(len(logits), -1)[..., None]
    own = logits.gather(2, index)[..., 0]
    return (own == logits.amax(dim=-1)).float().mean(dim=1)


@right("15.6")
def in_numpy_again(logits):
    answers = logits.numpy().argmax(2)
    return np.mean(answers == answers[0], axis=1)


@right("15.6")
def by_one_hot_products(logits):
    hot = F.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    return torch.einsum("sbk,bk->s", hot, hot[0]) / logits.shape[1]


@wrong("15.6", "mean over the shifts", says="You average over the shifts,")
def mean_over_shifts(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).float().mean(0)


@wrong("15.6", "one number", says="You average over shifts and")
def one_number(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).float().mean()


@wrong("15.6", "counts, not shares", says="Those are counts. Divide")
def counts(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).sum(1)


@wrong("15.6", "the share that changes", says="That is the share of the")
def changes(logits):
    answers = logits.argmax(-1)
    return (answers != answers[0]).float().mean(1)


@wrong("15.6", "the first left out", says="The first shift is missing.")
def first_left_out(logits):
    answers = logits.argmax(-1)
    return (answers[1:] == answers[0]).float().mean(1)


@wrong("15.6", "compared with the shift before", says="You compare each shift with")
def with_the_one_before(logits):
    answers = logits.argmax(-1)
    same = (answers[1:] == answers[:-1]).float().mean(1)
    return torch.cat([torch.ones(1), same])


@wrong(
    "15.6",
    "compared with the shift before, one fewer",
    says="You compare each shift with",
)
def with_the_one_before_short(logits):
    answers = logits.argmax(-1)
    return (answers[1:] == answers[:-1]).float().mean(1)


@wrong("15.6", "compared with the last", says="You compare with the *last*")
def with_the_last(logits):
    answers = logits.argmax(-1)
    return (answers == answers[-1]).float().mean(1)


@wrong("15.6", "the same under all shifts so far", says="You count the pictures whose")
def so_far(logits):
    answers = logits.argmax(-1)
    same = (answers == answers[0]).float()
    return same.cumprod(dim=0).mean(1)


@wrong("15.6", "argmax over the pictures", says="Your `argmax` goes over the pictures.")
def argmax_over_pictures(logits):
    answers = logits.argmax(1)
    return (answers == answers[0]).float().mean(1)


@wrong("15.6", "argmax over the shifts", says="Your `argmax` goes over the shifts.")
def argmax_over_shifts(logits):
    answers = logits.argmax(0)
    return (answers == answers[0]).float().mean(1)


@wrong("15.6", "equal logits", says="You compare the logits themselves.")
def equal_logits(logits):
    return (logits == logits[0]).float().mean(dim=(1, 2))


@wrong("15.6", "allclose logits", says="You compare the logits themselves.")
def all_logits(logits):
    return (logits == logits[0]).all(-1).float().mean(1)


@wrong("15.6", "largest logit is the same", says="You compare how *large* the")
def largest_logit(logits):
    best = logits.amax(-1)
    return torch.isclose(best, best[0]).float().mean(1)


@wrong("15.6", "argmin", says="You compare the classes with")
def by_argmin(logits):
    answers = logits.argmin(-1)
    return (answers == answers[0]).float().mean(1)


@wrong("15.6", "percent", says="Your shares are in percent.")
def in_percent(logits):
    return 100 * by_argmax(logits)


@wrong("15.6", "divides by the classes", says="You divide by the number of classes.")
def by_classes(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).sum(1) / logits.shape[2]


@wrong("15.6", "divides by the shifts", says="You divide by the number of shifts.")
def by_shifts(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).sum(1) / logits.shape[0]


@wrong("15.6", "the table of each picture", says="That says for each picture")
def table(logits):
    answers = logits.argmax(-1)
    return answers == answers[0]


@wrong("15.6", "mean of bools", says="PyTorch takes no mean of")
def mean_of_bools(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).mean(1)


@wrong(
    "15.6",
    "compares each picture with the first picture",
    says="You compare each picture",
)
def with_first_picture(logits):
    answers = logits.argmax(-1)
    return (answers == answers[:, :1]).float().mean(1)


@wrong("15.6", "probability of the old answer", says="That is how probable the")
def probability(logits):
    base = logits[0].argmax(-1)
    p = logits.softmax(-1)
    return p[:, torch.arange(len(base)), base].mean(1)


@wrong("15.6", "all or nothing", says="You ask whether *all* pictures")
def all_or_nothing(logits):
    answers = logits.argmax(-1)
    return (answers == answers[0]).all(1).float()


@wrong("15.6", "cosine similarity", says="You measure how similar the")
def cosine(logits):
    return F.cosine_similarity(logits, logits[:1], dim=-1).mean(1)


# --- written after the catalog, in other styles ---


@right("15.1")
def by_lengths_of_ranges(c_in, c_out, k, height, width, stride):
    outputs = c_out * len(range(0, height, stride)) * len(range(0, width, stride))
    each = sum(1 for _ in range(c_in) for _ in range(k) for _ in range(k))
    return sum((each + 1) for _ in range(c_out)), outputs * each


@right("15.1")
def by_functional(c_in, c_out, k, height, width, stride):
    weight, bias = torch.zeros(c_out, c_in, k, k), torch.zeros(c_out)
    out = F.conv2d(torch.zeros(1, c_in, height, width), weight, bias, stride, k // 2)
    return torch.tensor(
        [weight.numel() + len(bias), weight.numel() * out[0, 0].numel()]
    )


@right("15.1")
def by_flop_counter(c_in, c_out, k, height, width, stride):
    from torch.utils.flop_counter import FlopCounterMode

    layer = torch.nn.Conv2d(c_in, c_out, k, stride, padding=k // 2)
    with FlopCounterMode(display=False) as counter:
        layer(torch.randn(1, c_in, height, width))
    n = sum(map(torch.numel, layer.parameters()))
    return n, counter.get_total_flops() / 2


@right("15.1")
def by_divmod(c_in, c_out, k, height, width, stride):
    out = 1
    for side in (height, width):
        whole, rest = divmod(side, stride)
        out *= whole + (rest > 0)
    return c_out * (1 + c_in * k * k), out * c_out * c_in * k * k


@right("15.1")
def by_strided_slices(c_in, c_out, k, height, width, stride):
    places = np.zeros((height, width))[::stride, ::stride].size
    weights = np.zeros((c_out, c_in, k, k)).size
    return weights + c_out, weights * places


@right("15.1")
def with_torch_unfold(c_in, c_out, k, height, width, stride):
    picture = torch.zeros(1, c_in, height, width)
    columns = F.unfold(picture, k, padding=k // 2, stride=stride)  # (1, n, L)
    _, n, places = columns.shape
    return c_out * n + c_out, c_out * n * places


def _of_whole(change):
    return lambda *sizes: change(*by_formula(*sizes), *sizes)


wrong(
    "15.1",
    "in millions",
    _of_whole(lambda p, w, *s: (p, w / 1e6)),
    says="Return the numbers themselves,",
)
wrong("15.1", "both in thousands", _of_whole(lambda p, w, *s: (p / 1e3, w / 1e3)))
wrong(
    "15.1",
    "work plus parameters",
    _of_whole(lambda p, w, *s: (p, w + p)),
    says="Your second number holds",
)
wrong(
    "15.1",
    "the bias counts, once",
    _of_whole(lambda p, w, c_in, c_out, *s: (p, w + c_out)),
    says="You count the bias as work,",
)
wrong(
    "15.1",
    "three numbers",
    _of_whole(lambda p, w, a, b, *s: (p - b, b, w)),
    says="You give three numbers. Weights",
)
wrong(
    "15.1",
    "parameters, biases included, at every place",
    _of_whole(lambda p, w, a, b, k, *s: (p, w // (a * b * k * k) * p)),
    says="You count the bias as work,",
)
wrong("15.1", "a dict", _of_whole(lambda p, w, *s: {"parameters": p, "work": w}))
wrong(
    "15.1",
    "padding (k + 1) // 2",
    _cost(side=lambda n, k, s: (n + 1) // s + 1),
    says="You pad with more zeros than",
)
wrong(
    "15.1",
    "side times stride",
    _cost(side=lambda n, k, s: n * s),
)
wrong(
    "15.1",
    "the stride shrinks the kernel, too",
    _cost(work=lambda a, b, k, h, w: a * b * k * h * w),
    says="In the multiply-adds `k`",
)
wrong(
    "15.1",
    "only the last step is rounded down",
    _of_whole(
        lambda p, w, a, b, k, height, width, s: (
            p,
            a * b * k * k * ((height - 1) // s) * ((width - 1) // s),
        )
    ),
    says="The number of places in a",
)
wrong(
    "15.1",
    "the channels that come in have a bias each, too",
    _of_whole(lambda p, w, a, *s: (p + a, w)),
    says="You count biases for the",
)
wrong(
    "15.1", "sizes of the output", lambda a, b, k, h, w, s: (b, -(-h // s), -(-w // s))
)


@right("15.2")
def by_list_comprehension(weight, positions, inner, outer):
    P = weight.shape[2]
    columns = [weight[:, :, j // P, j % P] for j in inner]
    w = torch.stack(columns, dim=-1).reshape(weight.shape)
    rows = [positions[0]] + [positions[1 + j] for j in outer]
    return w, torch.stack(rows)


@right("15.2")
def through_a_linear_layer(weight, positions, inner, outer):
    D, C, P, P2 = weight.shape
    as_rows = weight.permute(2, 3, 0, 1).reshape(P * P2, D, C)[inner]
    w = as_rows.reshape(P, P2, D, C).permute(2, 3, 0, 1).contiguous()
    p = torch.empty(len(positions), D)
    p[0], p[1:] = positions[0], positions[1:][outer]
    return w, p


@right("15.2")
def by_rearranging_kernels_as_pictures(weight, positions, inner, outer):
    # A kernel is rearranged like a picture whose patches are single pixels.
    D, C, P, _ = weight.shape
    pixels = F.unfold(weight, 1)  # (D, C, P * P)
    w = F.fold(pixels[:, :, inner], (P, P), 1)
    p = positions.clone()
    p[1:] = positions[1:].index_select(0, outer)
    return w, p


@right("15.2")
def with_split(weight, positions, inner, outer):
    first, rest = positions.split([1, len(positions) - 1])
    w = torch.take_along_dim(weight.flatten(-2), inner[None, None], dim=-1)
    return w.unflatten(-1, weight.shape[-2:]), torch.concat((first, rest[outer, :]))


@right("15.2")
def in_lists(weight, positions, inner, outer):
    D, C, P, _ = weight.shape
    w = weight.tolist()
    new = [
        [
            [
                [w[d][c][inner[y * P + x] // P][inner[y * P + x] % P] for x in range(P)]
                for y in range(P)
            ]
            for c in range(C)
        ]
        for d in range(D)
    ]
    return new, [positions.tolist()[r] for r in [0] + [int(o) + 1 for o in outer]]


@right("15.2")
def with_parameters(weight, positions, inner, outer):
    w = torch.nn.Parameter(weight.clone())
    p = torch.nn.Parameter(positions.clone())
    with torch.no_grad():
        w.copy_(w.flatten(2)[:, :, inner].view_as(w))
        p[1:] = p[1:][outer].clone()
    return w, p


wrong(
    "15.2",
    "inverse of the order in the positions, class row counted",
    _rewiring(patches=lambda p, o: p[F.pad(o.argsort() + 1, (1, 0))]),
    says="With the positions it is",
)
wrong(
    "15.2",
    "flips the kernel",
    _rewiring(lambda w, i: w.flatten(2)[..., i].flip(-1)),
)
wrong(
    "15.2",
    "sorted order",
    _rewiring(lambda w, i: w.flatten(2)[..., i.sort().values]),
    says="The weight of the projection",
)
wrong(
    "15.2",
    "the order applied twice",
    _rewiring(lambda w, i: w.flatten(2)[..., i][..., i]),
    says="`inner` is applied twice.",
)
wrong(
    "15.2",
    "positions applied twice",
    _rewiring(patches=lambda p, o: torch.cat([p[:1], p[1:][o][o]])),
    says="`outer` is applied twice.",
)
wrong(
    "15.2",
    "mean of the kernel",
    _rewiring(lambda w, i: w.mean((2, 3), keepdim=True).expand_as(w)),
)
wrong(
    "15.2",
    "mean of the positions",
    _rewiring(
        patches=lambda p, o: torch.cat([p[:1], p[1:].mean(0).expand(len(o), -1)])
    ),
)
wrong(
    "15.2",
    "columns of the positions",
    _rewiring(patches=lambda p, o: p[:, o % p.shape[1]]),
)
wrong(
    "15.2",
    "class row is also in the middle",
    _rewiring(patches=lambda p, o: p[F.pad(o, (1, 0))]),
    says="The first row stays, but",
)
wrong(
    "15.2",
    "random positions",
    _rewiring(patches=lambda p, o: torch.randn_like(p)),
)
wrong(
    "15.2",
    "zero positions",
    _rewiring(patches=lambda p, o: torch.zeros_like(p)),
    says="The positions are zero now.",
)
wrong(
    "15.2",
    "positions with an axis in front",
    _rewiring(patches=lambda p, o: _patches_of(p, o)[None]),
    says="The positions have an axis",
)
wrong(
    "15.2",
    "moves the last axis only",
    lambda w, p, i, o: (w[..., i], _patches_of(p, o)),
    says="`inner` runs over the P ·",
)


def _patches_of(positions, outer):
    return torch.cat([positions[:1], positions[1:][outer]])


@right("15.3")
def with_counter(results):
    from collections import Counter

    seen = Counter(rate for runs in results.values() for rate in runs)
    shared = [rate for rate, n in seen.items() if n == len(results)]
    best = {}
    for family in results:
        order = sorted(shared)
        means = [statistics.mean(v for v, _ in results[family][r]) for r in order]
        rate = order[means.index(max(means))]
        best[family] = (rate, [t for _, t in results[family][rate]])
    return best


@right("15.3")
def with_reduce(results):
    from functools import reduce

    shared = reduce(lambda a, b: a & b, (runs.keys() for runs in results.values()))

    def pick(runs):
        table = {r: tuple(zip(*runs[r], strict=True)) for r in shared}
        rate = max(table, key=lambda r: (math.fsum(table[r][0]) / len(table[r][0]), -r))
        return rate, list(table[rate][1])

    return {family: pick(runs) for family, runs in results.items()}


@right("15.3")
def with_nested_loops(results):
    answer = {}
    for family in results:
        best_rate, best_mean = None, None
        for rate in results[family]:
            everywhere = True
            for other in results:
                if rate not in results[other]:
                    everywhere = False
            if not everywhere:
                continue
            total = 0
            for pair in results[family][rate]:
                total += pair[0]
            mean = total / len(results[family][rate])
            if (
                best_rate is None
                or mean > best_mean
                or (mean == best_mean and rate < best_rate)
            ):
                best_rate, best_mean = rate, mean
        tests = []
        for pair in results[family][best_rate]:
            tests.append(pair[1])
        answer[family] = (best_rate, tests)
    return answer


@right("15.3")
def with_numpy_columns(results):
    shared = np.array(sorted(set.intersection(*map(set, results.values()))))
    out = {}
    for name, runs in results.items():
        tables = {r: np.array(runs[r]) for r in shared}
        means = np.array([tables[r].mean(axis=0)[0] for r in shared])
        r = shared[means.argmax()]
        out[name] = r, tables[r][:, 1].tolist()
    return out


@right("15.3")
def with_sort(results):
    shared = set.intersection(*(set(r) for r in results.values()))
    out = {}
    for name, runs in results.items():
        ranking = sorted(
            (
                (sum(v for v, _ in p) / len(p), -r)
                for r, p in runs.items()
                if r in shared
            ),
            reverse=True,
        )
        rate = -ranking[0][1]
        out[name] = (rate, [t for _, t in runs[rate]])
    return out


@wrong("15.3", "repairs the report alone", says="The *test* pictures choose")
def report_alone(results):
    best = {}
    for family, runs in results.items():
        rate = max(runs, key=lambda r: max(test for _, test in runs[r]))
        best[family] = (rate, [test for _, test in runs[rate]])
    return best


@wrong(
    "15.3",
    "mean test of the rate of the mean test, own rates",
    says="The *test* pictures choose",
)
def all_means_of_tests(results):
    best = {}
    for family, runs in results.items():
        rate = max(runs, key=lambda r: np.mean([test for _, test in runs[r]]))
        best[family] = (rate, np.mean([test for _, test in runs[rate]]))
    return best


@wrong("15.3", "max validation for max test", says="The luckiest seed still chooses")
def max_validation_for_test(results):
    best = {}
    for family, runs in results.items():
        rate = max(runs, key=lambda r: max(v for v, _ in runs[r]))
        best[family] = (rate, max(test for _, test in runs[rate]))
    return best


@wrong(
    "15.3", "mean validation, own rates, mean test", says="You report a mean where the"
)
def means_without_sharing(results):
    best = {}
    for family, runs in results.items():
        rate = max(runs, key=lambda r: np.mean([v for v, _ in runs[r]]))
        best[family] = (rate, np.mean([test for _, test in runs[rate]]))
    return best


@wrong(
    "15.3", "mean validation, own rates, best test", says="The luckiest seed is still"
)
def best_without_sharing(results):
    best = {}
    for family, runs in results.items():
        rate = max(runs, key=lambda r: np.mean([v for v, _ in runs[r]]))
        best[family] = (rate, max(test for _, test in runs[rate]))
    return best


@wrong("15.3", "mean of all numbers", says="The test pictures help to")
def mean_of_pairs(results):
    shared = set.intersection(*map(set, results.values()))
    best = {}
    for family, runs in results.items():
        rate = max(sorted(shared), key=lambda r: np.mean(runs[r]))
        best[family] = (rate, [t for _, t in runs[rate]])
    return best


@wrong("15.3", "test of the best seed by validation", says="You report one seed alone,")
def test_of_best_seed(results):
    found = with_sets(results)
    return {f: (r, [max(results[f][r])[1]]) for f, (r, _) in found.items()}


@wrong("15.3", "max of a dict of means gives no rate")
def mean_for_rate(results):
    found = with_sets(results)
    return {
        f: (np.mean([v for v, _ in results[f][r]]), tests)
        for f, (r, tests) in found.items()
    }


@wrong("15.3", "a list of tuples", says="You return a list. A dict")
def list_of_tuples(results):
    return [(f, rate, tests) for f, (rate, tests) in with_sets(results).items()]


@wrong("15.3", "flat tuples", says="The numbers are right, but")
def flat_tuples(results):
    return {f: (rate, *tests) for f, (rate, tests) in with_sets(results).items()}


@wrong("15.3", "sets iterate in their own order", says="Where two rates are equally")
def without_sorting(results):
    shared = set.intersection(*map(set, results.values()))
    out = {}
    for family, runs in results.items():
        in_order = [rate for rate in runs if rate in shared]
        rate = max(in_order, key=lambda r: np.mean([v for v, _ in runs[r]]))
        out[family] = (rate, [t for _, t in runs[rate]])
    return out


@wrong("15.3", "from large to small", says="Where two rates are equally")
def from_large_to_small(results):
    shared = set.intersection(*map(set, results.values()))
    out = {}
    for family, runs in results.items():
        falling = sorted(shared, reverse=True)
        rate = max(falling, key=lambda r: np.mean([v for v, _ in runs[r]]))
        out[family] = (rate, [t for _, t in runs[rate]])
    return out


@wrong("15.3", "rounds the means", says="You round the means before")
def rounded_means(results):
    shared = set.intersection(*map(set, results.values()))
    out = {}
    for family, runs in results.items():
        rate = max(
            sorted(shared), key=lambda r: round(np.mean([v for v, _ in runs[r]]), 1)
        )
        out[family] = (rate, [t for _, t in runs[rate]])
    return out


@right("15.4")
def by_sets_of_indices(predicted, shape, texture):
    s = set(np.flatnonzero(predicted == shape))
    t = set(np.flatnonzero(predicted == texture))
    only_s, only_t = s - t, t - s
    n = len(only_s) + len(only_t)
    return (len(only_s) / n if n else float("nan")), n


@right("15.4")
def by_counter(predicted, shape, texture):
    from collections import Counter

    votes = Counter()
    for p, s, t in zip(
        predicted.tolist(), shape.tolist(), texture.tolist(), strict=True
    ):
        if s != t:
            votes["shape" if p == s else "texture" if p == t else "other"] += 1
    n = votes["shape"] + votes["texture"]
    try:
        return votes["shape"] / n, n
    except ZeroDivisionError:
        return float("nan"), 0


@right("15.4")
def by_bincount(predicted, shape, texture):
    code = 2 * (predicted == shape) + (predicted == texture)
    _, texture_alone, shape_alone, _ = np.bincount(code, minlength=4)
    n = texture_alone + shape_alone
    return [np.float64(shape_alone) / n, n]


@right("15.4")
def by_average(predicted, shape, texture):
    counts = np.isin(predicted, predicted) & (shape != texture)
    counts &= (predicted - shape) * (predicted - texture) == 0
    if not counts.any():
        return np.nan, 0
    return np.average(predicted == shape, weights=counts), counts.sum()


@right("15.4")
def in_torch(predicted, shape, texture):
    p, s, t = map(torch.as_tensor, (predicted, shape, texture))
    keep = (s != t) & ((p == s) | (p == t))
    return (p == s)[keep].float().mean(), keep.sum()


@right("15.4")
def by_masked_array(predicted, shape, texture):
    keep = (shape != texture) & np.any(
        [predicted == shape, predicted == texture], axis=0
    )
    n = keep.sum()
    hits = np.ma.array(predicted == shape, mask=~keep).sum()
    return (hits / n, int(n)) if n > 0 else (math.nan, 0)


wrong(
    "15.4",
    "or on both sides",
    _sharing(lambda p, s, t: (s != t) | (p == s) | (p == t)),
    says="`|` joins all your conditions,",
)
wrong(
    "15.4",
    "in all shapes",
    _sharing(lambda p, s, t: (s != t) & np.isin(p, s)),
    says="You ask whether an answer is the",
)
wrong(
    "15.4",
    "in all shapes and textures",
    _sharing(lambda p, s, t: (s != t) & (np.isin(p, s) | np.isin(p, t))),
    says="You ask whether an answer is a",
)


@wrong("15.4", "nan through 0 / 0 in Python", says="Where no picture counts you divide")
def zero_by_zero(predicted, shape, texture):
    keep = (shape != texture) & ((predicted == shape) | (predicted == texture))
    return int((predicted == shape)[keep].sum()) / int(keep.sum()), int(keep.sum())


@wrong("15.4", "text for nan", says="Where no picture counts, the")
def text_for_nan(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return (share if n else "nan"), n


@wrong("15.4", "None for nan", says="Where no picture counts, the")
def none_for_nan(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return (share if n else None), n


@wrong("15.4", "rounded to a whole number")
def rounded(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return (round(share) if n else share), n


@wrong("15.4", "mean of shares per class", says="You average the shares of")
def per_class(predicted, shape, texture):
    keep = (shape != texture) & ((predicted == shape) | (predicted == texture))
    if not keep.any():
        return math.nan, 0
    hits = (predicted == shape)[keep]
    shares = [hits[shape[keep] == c].mean() for c in np.unique(shape[keep])]
    return np.mean(shares), keep.sum()


@wrong("15.4", "three numbers", says="You give three numbers. Two")
def three_numbers(predicted, shape, texture):
    share, n = by_masks(predicted, shape, texture)
    return share, 1 - share, n


@wrong("15.4", "compares with the place, not with the class")
def with_places(predicted, shape, texture):
    keep = (shape != texture) & ((predicted == shape) | (predicted == texture))
    n = keep.sum()
    return (len(np.flatnonzero(predicted == 1)) / n if n else math.nan), n


@wrong(
    "15.4",
    "agreement of shape and answer among all, n of all",
    says="All pictures are counted.",
)
def plain_accuracy(predicted, shape, texture):
    return (predicted == shape).mean(), len(predicted)


@wrong(
    "15.4",
    "accuracy among those in conflict, n of these",
    says="Answers that are neither",
)
def accuracy_in_conflict(predicted, shape, texture):
    keep = shape != texture
    return (predicted[keep] == shape[keep]).mean(), keep.sum()


@wrong("15.4", "is instead of equals", says="`is` asks whether two numbers")
def with_is(predicted, shape, texture):
    votes = [
        p is s for p, s, t in zip(predicted, shape, texture, strict=True) if s != t
    ]
    return np.mean(votes), len(votes)


@right("15.5")
def by_where(tokens, positions, stay):
    B, N, D = tokens.shape
    index = torch.where(stay, torch.arange(N), N).sort(dim=1).values
    index = index[:, : int(stay.sum(1).max())]
    padded = F.pad(tokens + positions[1:], (0, 0, 0, 1))  # a row of zeros behind
    kept = padded.gather(1, index.unsqueeze(2).expand(-1, -1, D))
    return kept, index < N


@right("15.5")
def in_numpy_arrays(tokens, positions, stay):
    t, p, s = np.asarray(tokens), np.asarray(positions), np.asarray(stay)
    k = s.sum(axis=1).max()
    kept = np.zeros((len(t), k, t.shape[2]), np.float32)
    mask = np.zeros((len(t), k), bool)
    for b, which in enumerate(s):
        n = which.sum()
        kept[b, :n] = (t[b] + p[1:])[which]
        mask[b, :n] = True
    return kept, mask


@right("15.5")
def by_lists(tokens, positions, stay):
    rows = [
        [t + p for t, p, s in zip(ts, positions[1:], ss, strict=True) if s]
        for ts, ss in zip(tokens, stay, strict=True)
    ]
    k = max(map(len, rows))
    zero = torch.zeros(tokens.shape[-1])
    kept = torch.stack([torch.stack(r + [zero] * (k - len(r))) for r in rows])
    mask = torch.tensor([[i < len(r) for i in range(k)] for r in rows])
    return kept, mask


@right("15.5")
def by_one_hot_of_places(tokens, positions, stay):
    place = (stay.cumsum(1) - 1).clamp(min=0)  # (B, N)
    k = int(stay.sum(1).max())
    chooser = F.one_hot(place, k) * stay[..., None]  # (B, N, k)
    chooser = chooser.transpose(1, 2).float()
    return chooser @ (tokens + positions[1:]), chooser.sum(-1) > 0


@right("15.5")
def by_split(tokens, positions, stay):
    counts = stay.sum(1)
    together = tokens[stay] + positions[1:].expand_as(tokens)[stay]
    k = counts.max()
    kept = torch.stack(
        [
            F.pad(part, (0, 0, 0, k - len(part)))
            for part in together.split(counts.tolist())
        ]
    )
    return kept, torch.arange(k).repeat(len(stay), 1).lt(counts.view(-1, 1))


@wrong("15.5", "unstable order: by topk of True and False")
def by_topk_with_values(tokens, positions, stay):
    score = stay.float() * torch.arange(stay.shape[1], 0, -1)
    k = int(stay.sum(1).max())
    index = score.topk(k, dim=1).indices
    x = tokens + positions[1:]
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[2])), stay.gather(
        1, index
    )


@wrong(
    "15.5", "topk of the places, from behind", says="The kept tokens come in reverse"
)
def by_topk_from_behind(tokens, positions, stay):
    score = stay.float() * torch.arange(1, stay.shape[1] + 1)
    k = int(stay.sum(1).max())
    index = score.topk(k, dim=1).indices
    x = (tokens + positions[1:]) * stay[..., None]
    return x.gather(1, index[..., None].expand(-1, -1, x.shape[2])), stay.gather(
        1, index
    )


@wrong("15.5", "k of the first picture")
def k_of_the_first(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    k = int(stay[0].sum())
    return kept[:, :k], mask[:, :k]


@wrong("15.5", "pads with -inf", says="The rows behind the kept tokens")
def pads_with_minus_infinity(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept.masked_fill(~mask[..., None], float("-inf")), mask


@wrong("15.5", "pads with nan", says="The rows behind the kept tokens")
def pads_with_nan(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept.masked_fill(~mask[..., None], float("nan")), mask


@wrong("15.5", "pads with ones", says="The rows behind the kept tokens")
def pads_with_ones(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept.masked_fill(~mask[..., None], 1.0), mask


@wrong("15.5", "additive mask", says="You made a mask that is added")
def additive_mask(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept, torch.zeros(mask.shape).masked_fill(~mask, float("-inf"))


@wrong("15.5", "mask with an axis behind", says="The mask has an axis too")
def mask_with_axis(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept, mask[..., None]


@wrong("15.5", "mask (B, k, k)", says="You made a mask of pairs,")
def mask_of_pairs(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept, mask[:, :, None] & mask[:, None, :]


@wrong("15.5", "stays everywhere", says="You keep the patches that stay")
def stays_everywhere(tokens, positions, stay):
    always = stay.all(dim=0)
    kept = (tokens + positions[1:])[:, always]
    return kept, torch.ones(kept.shape[:2], dtype=torch.bool)


@wrong("15.5", "stays somewhere", says="You keep the places where")
def stays_somewhere(tokens, positions, stay):
    ever = stay.any(dim=0)
    kept = ((tokens + positions[1:]) * stay[..., None])[:, ever]
    return kept, stay[:, ever]


@wrong("15.5", "indexes with 0 and 1", says="`stay.long()` is 0 and 1,")
def indexes_with_numbers(tokens, positions, stay):
    x = tokens + positions[1:]
    rows = torch.arange(len(x))[:, None]
    return x[rows, stay.long()], stay


@wrong("15.5", "views the kept rows", says="You deal the kept tokens")
def views_kept_rows(tokens, positions, stay):
    x = (tokens + positions[1:])[stay]
    return x.view(len(tokens), -1, tokens.shape[-1]), stay


@wrong(
    "15.5",
    "position added after padding, by the mask's row",
    says="Your padding holds the position",
)
def class_position_on_padding(tokens, positions, stay):
    kept, mask = by_zeros_and_loop(tokens, positions, stay)
    return kept + positions[0] * ~mask[..., None], mask


@right("15.6")
def by_sorting(logits):
    answers = logits.argsort(dim=-1)[..., -1]
    return torch.stack([(a == answers[0]).float().mean() for a in answers])


@right("15.6")
def in_plain_lists(logits):
    answers = [
        [max(range(len(p)), key=p.__getitem__) for p in s] for s in logits.tolist()
    ]
    return [
        sum(a == b for a, b in zip(row, answers[0], strict=True)) / len(row)
        for row in answers
    ]


@right("15.6")
def by_differences(logits):
    answers = logits.argmax(2)
    changed = torch.count_nonzero(answers - answers[0], dim=1)
    return 1 - changed / logits.size(1)


@right("15.6")
def by_vmap(logits):
    base = logits[0].argmax(-1)
    return torch.vmap(lambda x: (x.argmax(-1) == base).float().mean())(logits)


@right("15.6")
def picture_by_picture(logits):
    S, B, _ = logits.shape
    same = torch.zeros(S)
    for b in range(B):
        answers = logits[:, b].argmax(1)
        same += answers == answers[0]
    return same / B


@right("15.6")
def by_accuracy_score(logits):
    from sklearn.metrics import accuracy_score

    answers = logits.argmax(-1).numpy()
    return np.array([accuracy_score(answers[0], a) for a in answers])


@right("15.6")
def by_largest_probability(logits):
    answers = logits.log_softmax(-1).max(dim=-1).indices
    return answers.eq(answers[0:1]).to(torch.float64).mean(-1)


@wrong("15.6", "rounded to two decimals")
def two_decimals(logits):
    return by_argmax(logits).round(decimals=2)


@wrong("15.6", "starts with the mean over all")
def mean_in_front(logits):
    shares = by_argmax(logits)
    return torch.cat([shares.mean()[None], shares[1:]])


@wrong("15.6", "running mean", says="You give the mean of all")
def running_mean(logits):
    shares = by_argmax(logits)
    return shares.cumsum(0) / torch.arange(1, len(shares) + 1)


@wrong("15.6", "smallest so far", says="You give the smallest share")
def smallest_so_far(logits):
    return by_argmax(logits).cummin(0).values


@wrong("15.6", "one of the two best classes", says="You count an old answer that")
def top_two(logits):
    base = logits[0].argmax(-1)
    return (logits.topk(2, -1).indices == base[..., None]).any(-1).float().mean(1)


@wrong("15.6", "top-1 logit above its old value")
def still_above(logits):
    base = logits[0].argmax(-1)
    own = logits[:, torch.arange(len(base)), base]
    return (own >= own[0]).float().mean(1)


@wrong("15.6", "sign of the logits")
def signs(logits):
    return (logits.sign() == logits[0].sign()).float().mean((1, 2))


@wrong("15.6", "standard deviation of the answers")
def spread(logits):
    return logits.argmax(-1).float().std(1)


@wrong("15.6", "mean of the answers")
def mean_answer(logits):
    answers = logits.argmax(-1).float()
    return (answers.mean(1) == answers.mean(1)[0]).float()


@wrong("15.6", "sorts the answers first", says="You sort the answers before")
def sorted_answers(logits):
    answers = logits.argmax(-1).sort(1).values
    return (answers == answers[0]).float().mean(1)


@wrong(
    "15.6", "all orders of the classes are the same", says="You ask whether the classes"
)
def whole_ranking(logits):
    order = logits.argsort(-1)
    return (order == order[0]).all(-1).float().mean(1)


@wrong(
    "15.6", "share of equal places in the ranking", says="You compare the whole *order*"
)
def ranking_shares(logits):
    order = logits.argsort(-1)
    return (order == order[0]).float().mean((1, 2))


@wrong("15.6", "with an axis behind")
def with_an_axis(logits):
    return by_argmax(logits)[:, None]


@wrong("15.6", "a dict from shift to share", says="You return a dict. A tensor")
def as_a_dict(logits):
    return dict(enumerate(by_argmax(logits).tolist()))
