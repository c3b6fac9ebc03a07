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
def reshape_and_index(images, P, order):
    B, C, H, W = images.shape
    h, w = H // P, W // P
    x = images.reshape(B, C, h, P, w, P).permute(0, 2, 4, 1, 3, 5)
    x = x.reshape(B, h * w, C, P, P)[:, order]
    x = x.reshape(B, h, w, C, P, P).permute(0, 3, 1, 4, 2, 5)
    return x.reshape(B, C, H, W)


@right("15.2")
def by_loop(images, P, order):
    result = torch.zeros_like(images)
    columns = images.shape[3] // P
    for i, j in enumerate(order.tolist()):
        r, c = divmod(i, columns)
        s, d = divmod(j, columns)
        result[:, :, r * P : r * P + P, c * P : c * P + P] = images[
            :, :, s * P : s * P + P, d * P : d * P + P
        ]
    return result


@right("15.2")
def by_unfold_and_fold(images, P, order):
    columns = F.unfold(images, P, stride=P)  # (B, C * P * P, N)
    return F.fold(columns[:, :, order], images.shape[-2:], P, stride=P)


@right("15.2")
def by_cat(images, P, order):
    pieces = [piece for row in images.split(P, dim=2) for piece in row.split(P, dim=3)]
    n = images.shape[3] // P
    moved = [pieces[j] for j in order]
    rows = [torch.cat(moved[i : i + n], dim=3) for i in range(0, len(moved), n)]
    return torch.cat(rows, dim=2)


@right("15.2")
def by_pixels(images, P, order):
    B, C, H, W = images.shape
    row = torch.arange(H).view(-1, 1).expand(H, W)
    column = torch.arange(W).expand(H, W)
    source = order[row // P * (W // P) + column // P]
    y = source // (W // P) * P + row % P
    x = source % (W // P) * P + column % P
    return images[:, :, y, x]


@right("15.2")
def by_gather_of_tokens(images, P, order):
    B, C, H, W = images.shape
    tokens = images.unfold(2, P, P).unfold(3, P, P)  # (B, C, h, w, P, P)
    shape = tokens.shape
    tokens = tokens.flatten(2, 3).index_select(2, order).reshape(shape)
    return tokens.transpose(3, 4).reshape(B, C, H, W)


@right("15.2")
def by_scatter_with_the_inverse(images, P, order):
    B, C, H, W = images.shape
    x = images.view(B, C, H // P, P, W // P, P).transpose(3, 4).flatten(2, 3)
    out = torch.empty_like(x)
    out[:, :, torch.argsort(order)] = x
    out = out.view(B, C, H // P, W // P, P, P).transpose(3, 4)
    return out.contiguous().view(B, C, H, W)


@right("15.2")
def in_numpy(images, P, order):
    x = np.asarray(images)
    B, C, H, W = x.shape
    x = x.reshape(B, C, H // P, P, W // P, P).swapaxes(3, 4)
    shape = x.shape
    x = x.reshape(B, C, -1, P, P)[:, :, np.asarray(order)]
    return torch.from_numpy(x.reshape(shape).swapaxes(3, 4).reshape(B, C, H, W))


def _to_patches(images, P):
    B, C, H, W = images.shape
    x = images.reshape(B, C, H // P, P, W // P, P).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(B, -1, C, P, P)


def _to_images(patches, H, W):
    B, _, C, P, _ = patches.shape
    x = patches.reshape(B, H // P, W // P, C, P, P).permute(0, 3, 1, 4, 2, 5)
    return x.reshape(B, C, H, W)


@wrong("15.2", "the inverse", says="That is the inverse: you")
def inverse(images, P, order):
    return reshape_and_index(images, P, order.argsort())


@wrong(
    "15.2", "scatters: patch i goes to place order[i]", says="That is the inverse: you"
)
def scatters(images, P, order):
    x = _to_patches(images, P)
    out = torch.zeros_like(x)
    out[:, order] = x
    return _to_images(out, *images.shape[2:])


@wrong("15.2", "nothing moves", says="The patches stay where they")
def nothing_moves(images, P, order):
    return _to_images(_to_patches(images, P), *images.shape[2:])


@wrong("15.2", "no permute before the reshape", says="The pieces are not square")
def plain_reshape(images, P, order):
    B, C, H, W = images.shape
    x = images.reshape(B, -1, C, P, P)[:, order]
    return x.reshape(B, C, H, W)


@wrong(
    "15.2",
    "the way back without a permute",
    says="The patches are right, but on the way back to a picture their",
)
def back_without_permute(images, P, order):
    return _to_patches(images, P)[:, order].reshape(images.shape)


@wrong("15.2", "returns the patches", says="Those are the patches in")
def returns_patches(images, P, order):
    return _to_patches(images, P)[:, order]


@wrong("15.2", "permutes the pictures", says="You put the *pictures* into")
def permutes_pictures(images, P, order):
    return images[order]


@wrong("15.2", "permutes pixels, not patches", says="You move single *pixels*.")
def permutes_pixels(images, P, order):
    flat = images.flatten(2)
    moved = flat.clone()
    moved[:, :, : len(order)] = flat[:, :, order]
    return moved.view(images.shape)


@wrong(
    "15.2", "numbers the patches column by column", says="You number the patches column"
)
def by_columns(images, P, order):
    return reshape_and_index(images.mT, P, order).mT


@wrong(
    "15.2",
    "turns each patch over",
    says="The patches lie in the right places, but each is",
)
def transposes_each_patch(images, P, order):
    return _to_images(_to_patches(images, P)[:, order].mT, *images.shape[2:])


@wrong(
    "15.2", "another permutation for each picture", says="Only the first picture has"
)
def one_for_each(images, P, order):
    x = _to_patches(images, P)
    rows = [patches[order.roll(i)] for i, patches in enumerate(x)]
    return _to_images(torch.stack(rows), *images.shape[2:])


@wrong("15.2", "a random order", says="Your order is drawn at random.")
def random_order(images, P, order):
    x = _to_patches(images, P)
    return _to_images(x[:, torch.randperm(len(order))], *images.shape[2:])


@wrong("15.2", "mixes the channels", says="The channels are mixed: they")
def mixes_channels(images, P, order):
    B, C, H, W = images.shape
    x = _to_patches(images, P)[:, order].permute(0, 1, 3, 4, 2)
    return _to_images(x.reshape(B, -1, C, P, P), H, W)


@wrong("15.2", "takes H for W", says="The patches are counted as")
def rows_for_columns(images, P, order):
    result = torch.zeros_like(images)
    columns = images.shape[2] // P
    for i, j in enumerate(order.tolist()):
        r, c = divmod(i, columns)
        s, d = divmod(j, columns)
        result[:, :, r * P : r * P + P, c * P : c * P + P] = images[
            :, :, s * P : s * P + P, d * P : d * P + P
        ]
    return result


@wrong("15.2", "writes into the images")
def in_place(images, P, order):
    images.copy_(reshape_and_index(images, P, order))
    return images


@wrong(
    "15.2", "overwrites what it still has to read", says="You read from what you are"
)
def overwrites(images, P, order):
    result = images.clone()
    n = images.shape[3] // P
    for i, j in enumerate(order.tolist()):
        r, c, s, d = i // n * P, i % n * P, j // n * P, j % n * P
        result[:, :, r : r + P, c : c + P] = result[:, :, s : s + P, d : d + P]
    return result


@wrong("15.2", "shuffles inside the patches")
def inside_patches(images, P, order):
    x = _to_patches(images, P).flatten(3)
    x = x[..., order % (P * P)]
    return x


@wrong("15.2", "fold without a stride")
def fold_without_stride(images, P, order):
    columns = F.unfold(images, P)
    return F.fold(columns[:, :, order], images.shape[-2:], P)


@wrong("15.2", "channels last", says="The channels come last in")
def channels_last(images, P, order):
    return reshape_and_index(images, P, order).permute(0, 2, 3, 1)


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
def by_index(tokens, positions, keep):
    x = tokens + positions[1:]
    return x[torch.arange(len(x)).unsqueeze(1), keep]


@right("15.5")
def by_gather(tokens, positions, keep):
    D = tokens.shape[-1]
    index = keep[..., None].expand(-1, -1, D)
    return torch.gather(tokens + positions[1:], 1, index)


@right("15.5")
def by_two_lookups(tokens, positions, keep):
    kept = torch.stack([t[k] for t, k in zip(tokens, keep, strict=True)])
    return kept + positions[keep + 1]


@right("15.5")
def by_loops(tokens, positions, keep):
    B, k = keep.shape
    result = torch.zeros(B, k, tokens.shape[-1])
    for b in range(B):
        for i in range(k):
            j = int(keep[b, i])
            result[b, i] = tokens[b, j] + positions[j + 1]
    return result


@right("15.5")
def by_one_hot(tokens, positions, keep):
    chooser = F.one_hot(keep, tokens.shape[1]).to(tokens.dtype)  # (B, k, N)
    return chooser @ (tokens + positions[1:].unsqueeze(0))


@right("15.5")
def by_take_along_dim(tokens, positions, keep):
    placed = tokens + positions[None, 1:, :]
    return torch.take_along_dim(placed, keep.unsqueeze(-1), dim=1)


@right("15.5")
def by_flat_index(tokens, positions, keep):
    B, N, D = tokens.shape
    placed = (tokens + positions[1:]).reshape(B * N, D)
    flat = keep + N * torch.arange(B)[:, None]
    return placed.index_select(0, flat.flatten()).view(B, -1, D)


@right("15.5")
def in_numpy_too(tokens, positions, keep):
    t, p, k = (np.asarray(x) for x in (tokens, positions, keep))
    return np.take_along_axis(t, k[:, :, None], 1) + p[1:][k]


@wrong(
    "15.5", "the class token's row is not skipped", says="Each token gets the position"
)
def class_row_not_skipped(tokens, positions, keep):
    return (tokens + positions[:-1])[torch.arange(len(tokens))[:, None], keep]


@wrong("15.5", "positions[keep]", says="Each token gets the position")
def positions_of_keep(tokens, positions, keep):
    return by_gather(tokens, torch.zeros_like(positions), keep) + positions[keep]


@wrong("15.5", "the first k positions", says="Each kept token gets a position")
def first_positions(tokens, positions, keep):
    kept = by_gather(tokens, torch.zeros_like(positions), keep)
    return kept + positions[1 : keep.shape[1] + 1]


@wrong(
    "15.5",
    "the first k rows, with the class token's",
    says="Each kept token gets a position",
)
def first_rows(tokens, positions, keep):
    kept = by_gather(tokens, torch.zeros_like(positions), keep)
    return kept + positions[: keep.shape[1]]


@wrong("15.5", "no positions", says="No position is added to the")
def no_positions(tokens, positions, keep):
    return by_gather(tokens, torch.zeros_like(positions), keep)


@wrong("15.5", "all pictures with all rows of keep", says="`x[:, keep]` takes for each")
def tokens_by_keep(tokens, positions, keep):
    return (tokens + positions[1:])[:, keep]


@wrong(
    "15.5", "the first picture's patches for all", says="All pictures lose the patches"
)
def first_picture(tokens, positions, keep):
    return (tokens + positions[1:])[:, keep[0]]


@wrong("15.5", "removes what should stay", says="You keep the patches that")
def removes(tokens, positions, keep):
    B, N, D = tokens.shape
    stays = torch.ones(B, N, dtype=torch.bool)
    stays[torch.arange(B)[:, None], keep] = False
    return (tokens + positions[1:])[stays].view(B, -1, D)


@wrong("15.5", "in the order of the picture", says="The kept patches come in")
def sorted_patches(tokens, positions, keep):
    return by_gather(tokens, positions, keep.sort(dim=1).values)


@wrong("15.5", "a mask loses the order", says="The kept patches come in")
def by_mask(tokens, positions, keep):
    B, N, D = tokens.shape
    stays = torch.zeros(B, N, dtype=torch.bool).scatter(1, keep, True)
    return (tokens + positions[1:])[stays].view(B, -1, D)


@wrong("15.5", "zeros instead of removal", says="The patches that go are zeros")
def zeroed(tokens, positions, keep):
    B, N, D = tokens.shape
    stays = torch.zeros(B, N).scatter(1, keep, 1.0)
    return (tokens + positions[1:]) * stays[..., None]


@wrong(
    "15.5", "zeroed tokens keep their positions", says="The patches that go are still"
)
def zeroed_tokens(tokens, positions, keep):
    B, N, D = tokens.shape
    stays = torch.zeros(B, N).scatter(1, keep, 1.0)
    return tokens * stays[..., None] + positions[1:]


@wrong("15.5", "class row in front", says="There is a row for the class")
def with_class_row(tokens, positions, keep):
    kept = by_gather(tokens, positions, keep)
    first = positions[:1].expand(len(kept), 1, -1)
    return torch.cat([first, kept], dim=1)


@wrong("15.5", "keep counts the class token", says="`keep` numbers the patches")
def keep_from_one(tokens, positions, keep):
    B, _, D = tokens.shape
    x = torch.cat([torch.zeros(B, 1, D), tokens], dim=1) + positions
    return x[torch.arange(B)[:, None], keep]


@wrong("15.5", "token and position one off", says="You count the patches from")
def tokens_one_off(tokens, positions, keep):
    rows = torch.arange(len(tokens))[:, None]
    return tokens[rows, keep - 1] + positions[keep]


@wrong(
    "15.5",
    "positions without slice: shapes do not fit",
    says="Tokens and positions differ",
)
def shapes_do_not_fit(tokens, positions, keep):
    return (tokens + positions)[torch.arange(len(tokens))[:, None], keep]


@wrong("15.5", "gather without expand", says="`gather` takes as many numbers")
def gather_one_column(tokens, positions, keep):
    return torch.gather(tokens + positions[1:], 1, keep[..., None])


@wrong("15.5", "positions twice", says="The positions are added twice.")
def positions_twice(tokens, positions, keep):
    return by_gather(tokens + positions[1:], positions, keep)


@wrong("15.5", "writes into the tokens")
def writes_into_tokens(tokens, positions, keep):
    tokens += positions[1:]
    return tokens[torch.arange(len(tokens))[:, None], keep]


@wrong("15.5", "multiplies by the positions", says="The positions are multiplied.")
def multiplies(tokens, positions, keep):
    return (tokens * positions[1:])[torch.arange(len(tokens))[:, None], keep]


@wrong("15.5", "positions at equal steps")
def positions_at_equal_steps(tokens, positions, keep):
    rows = torch.arange(len(tokens))[:, None]
    places = torch.linspace(1, tokens.shape[1], keep.shape[1]).long()
    return tokens[rows, keep] + positions[places]


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
