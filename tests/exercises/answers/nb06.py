"""Answers of learners to notebook 06, written from the statements alone."""

import math

import numpy as np
import torch
from tests_answers import right, wrong
from torch.nn import functional as F

# 06.1 Rank five maps


@right("06.1")
def ranking_usual():
    return ["rollout", "relevance", "last row", "blob", "random"]


@right("06.1")
def ranking_upside_down():
    return ["random", "blob", "last row", "relevance", "rollout"]


@right("06.1")
def ranking_as_tuple():
    return "relevance", "rollout", "last row", "blob", "random"


@right("06.1")
def ranking_sorted():
    guess = {"blob": 2, "random": 5, "last row": 1, "rollout": 3, "relevance": 4}
    return sorted(guess, key=guess.get)


@right("06.1")
def ranking_split():
    return "blob, relevance, rollout, last row, random".split(", ")


@right("06.1")
def ranking_built():
    ranking = ["last row"]
    ranking.append("relevance")
    ranking.extend(["rollout", "blob", "random"])
    return ranking


@right("06.1")
def ranking_as_array():
    return np.array(["relevance", "last row", "rollout", "blob", "random"])


@wrong("06.1", "one missing", says="missing in your ranking")
def ranking_without_random():
    return ["rollout", "relevance", "last row", "blob"]


@wrong("06.1", "only the best", says="missing in your ranking")
def ranking_best_only():
    return ["relevance"]


@wrong("06.1", "one twice", says="stands twice")
def ranking_twice():
    return ["rollout", "relevance", "rollout", "last row", "blob", "random"]


@wrong("06.1", "one twice in place of another", says="stands twice")
def ranking_twice_of_five():
    return ["rollout", "relevance", "last row", "blob", "blob"]


@wrong("06.1", "an underscore", says="not one of the five names")
def ranking_underscore():
    return ["rollout", "relevance", "last_row", "blob", "random"]


@wrong("06.1", "capital letters", says="not one of the five names")
def ranking_capitals():
    return ["Rollout", "Relevance", "Last row", "Blob", "Random"]


@wrong("06.1", "a sixth map", says="not one of the five names")
def ranking_sixth():
    return ["rollout", "relevance", "grad-cam", "last row", "blob", "random"]


@wrong("06.1", "places instead of names", says="numbers")
def ranking_places():
    return [3, 4, 1, 2, 5]


@wrong("06.1", "a dict with places", says="dict")
def ranking_dict():
    return {"last row": 3, "blob": 4, "rollout": 1, "relevance": 2, "random": 5}


@wrong("06.1", "one text", says="one text")
def ranking_text():
    return "rollout, relevance, last row, blob, random"


@wrong("06.1", "one text in a list", says="not one of the five names")
def ranking_text_in_list():
    return ["rollout, relevance, last row, blob, random"]


@wrong("06.1", "a set", says="no order")
def ranking_set():
    return {"rollout", "relevance", "last row", "blob", "random"}


@wrong("06.1", "two share a place", says="share a place")
def ranking_tie():
    return [("rollout", "relevance"), "last row", "blob", "random"]


@wrong("06.1", "letters", says="Your ranking holds letters")
def ranking_letters():
    return ["C", "D", "A", "B", "E"]


@wrong("06.1", "empty", says="missing in your ranking")
def ranking_empty():
    return []


@wrong("06.1", "prints")
def ranking_printed():
    print("rollout, relevance, last row, blob, random")


# 06.2 Heads that look only nearby


def _apart(N, P):
    side = round(N**0.5)
    place = torch.cartesian_prod(torch.arange(side), torch.arange(side)).float()
    return P * torch.cdist(place, place)


@right("06.2")
def distances_renormalized(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@right("06.2")
def distances_divided_at_the_end(A, P):
    A = A[:, :, 1:, 1:]
    near = (A * _apart(A.shape[-1], P)).sum(-1)  # (B, h, N)
    return (near / A.sum(-1)).mean(-1)


@right("06.2")
def distances_by_what_is_left_of_one(A, P):
    left = 1 - A[:, :, 1:, :1]  # what does not go to the class token
    A = A[:, :, 1:, 1:] / left
    return (A * _apart(A.shape[-1], P)).sum(-1).mean(-1)


@right("06.2")
def distances_in_numpy(A, P):
    A = np.asarray(A)[..., 1:, 1:]
    A = A / A.sum(axis=-1, keepdims=True)
    n = int(np.sqrt(A.shape[-1]) + 0.5)
    rows, cols = np.indices((n, n)).reshape(2, -1)
    apart = np.sqrt((rows[:, None] - rows) ** 2 + (cols[:, None] - cols) ** 2)
    return (A * apart * P).sum(-1).mean(-1)


@right("06.2")
def distances_by_loops(A, P):
    B, h, T, _ = A.shape
    N = T - 1
    side = math.isqrt(N)
    found = torch.zeros(B, h)
    for i in range(N):
        weights = A[:, :, i + 1, 1:]
        total = weights.sum(-1)
        for j in range(N):
            d = math.dist(divmod(i, side), divmod(j, side)) * P
            found += weights[:, :, j] * d / total / N
    return found


@right("06.2")
def distances_column_by_column(A, P):
    A = F.normalize(A[:, :, 1:, 1:], p=1, dim=-1)
    N = A.shape[-1]
    side = round(N**0.5)
    x = torch.arange(side).repeat(side)  # the other way of counting
    y = torch.arange(side).repeat_interleave(side)
    apart = torch.hypot((x[:, None] - x).float(), (y[:, None] - y).float())
    return P * torch.einsum("bhij,ij->bhi", A, apart).mean(-1)


@right("06.2")
def distances_masked(A, P):
    masked = A.log()
    masked[..., 0] = -torch.inf  # nobody looks at the class token
    A = masked.softmax(dim=-1)[:, :, 1:, 1:]
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "the given one", says="still counts")
def distances_as_given(A, P):
    A = A[:, :, 1:, 1:]
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "renormalized over the queries", says="over the queries")
def distances_over_queries(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-2, keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "the whole table sums to 1", says="all pairs")
def distances_over_all_pairs(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=(-2, -1), keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=(-2, -1))


@wrong("06.2", "the whole table sums to 1, and the mean over it", says="all pairs")
def distances_over_all_pairs_and_mean(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=(-2, -1), keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "divided after the mean over patches", says="all pairs")
def distances_divided_too_late(A, P):
    A = A[:, :, 1:, 1:]
    near = (A * _apart(A.shape[-1], P)).sum(-1).mean(-1)
    return near / A.sum(-1).mean(-1)


@wrong("06.2", "another softmax", says="softmax")
def distances_softmax_again(A, P):
    A = A[:, :, 1:, 1:].softmax(dim=-1)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "in patches", says="in patches")
def distances_in_patches(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], 1)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "rows plus columns", says="straight line")
def distances_in_blocks_of_streets(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    side = round(A.shape[-1] ** 0.5)
    place = torch.cartesian_prod(torch.arange(side), torch.arange(side)).float()
    return P * (A * torch.cdist(place, place, p=1)).sum(-1).mean(-1)


@wrong("06.2", "no root", says="squared")
def distances_squared(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P) ** 2).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "mean over heads", says="over the heads")
def distances_of_the_mean_head(A, P):
    A = A[:, :, 1:, 1:].mean(dim=1)
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "mean over images", says="over the images")
def distances_of_all_images(A, P):
    return distances_renormalized(A, P).mean(dim=0)


@wrong("06.2", "no mean over patches", says="each patch")
def distances_of_patches(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1)


@wrong("06.2", "sum over patches", says="sum over the patches")
def distances_summed(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=(-1, -2))


@wrong("06.2", "mean over the keys", says="mean over the keys")
def distances_mean_of_keys(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P)).mean(dim=(-1, -2))


@wrong("06.2", "the class token at distance 0", says="still counts")
def distances_with_class_token(A, P):
    apart = F.pad(_apart(A.shape[-1] - 1, P), (1, 0))  # (N, T)
    return (A[:, :, 1:] * apart).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "the class token's own row decides", says="class token itself")
def distances_by_the_class_row(A, P):
    left = 1 - A[:, :, :1, :1]
    A = A[:, :, 1:, 1:] / left
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "renormalized before the cut", says="still counts")
def distances_renormalized_too_early(A, P):
    A = A / A.sum(dim=-1, keepdim=True)
    A = A[:, :, 1:, 1:]
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "patches of 14 in a row only")
def distances_for_one_size(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(196, P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "what the class token got, shared by all", says="share evenly")
def distances_shared_evenly(A, P):
    N = A.shape[-1] - 1
    A = A[:, :, 1:, 1:] + A[:, :, 1:, :1] / N
    return (A * _apart(N, P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "a patch may not look at itself", says="at itself")
def distances_to_others(A, P):
    A = A[:, :, 1:, 1:] * (1 - torch.eye(A.shape[-1] - 1))
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).mean(dim=-1)


@wrong("06.2", "root of the mean square")
def distances_root_mean_square(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P) ** 2).sum(dim=-1).sqrt().mean(dim=-1)


@wrong("06.2", "median over patches")
def distances_median(A, P):
    A = A[:, :, 1:, 1:]
    A = A / A.sum(dim=-1, keepdim=True)
    return (A * _apart(A.shape[-1], P)).sum(dim=-1).median(dim=-1).values


# 06.3 auc


@right("06.3")
def auc_all_pairs(values, inside):
    one, other = values[inside], values[~inside]
    wins = (one[:, None] > other) * 1.0 + (one[:, None] == other) * 0.5
    return wins.mean()


@right("06.3")
def auc_loops(values, inside):
    score = pairs = 0
    for i in range(len(values)):
        for j in range(len(values)):
            if inside[i] and not inside[j]:
                pairs += 1
                if values[i] > values[j]:
                    score += 1
                elif values[i] == values[j]:
                    score += 0.5
    return score / pairs


@right("06.3")
def auc_mean_ranks(values, inside):
    values, inside = np.asarray(values), np.asarray(inside)
    _, number, count = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (count.cumsum() - (count - 1) / 2)[number]
    n, m = inside.sum(), (~inside).sum()
    return (ranks[inside].sum() - n * (n + 1) / 2) / (n * m)


@right("06.3")
def auc_by_signs(values, inside):
    difference = values[inside][:, None] - values[~inside][None, :]
    return float((np.sign(np.asarray(difference)).mean() + 1) / 2)


@right("06.3")
def auc_roc_curve(values, inside):
    values, inside = np.asarray(values), np.asarray(inside)
    hits, alarms = [0.0], [0.0]
    for threshold in sorted(set(values.tolist()), reverse=True):
        chosen = values >= threshold
        hits.append(chosen[inside].mean())
        alarms.append(chosen[~inside].mean())
    area = 0.0
    for k in range(1, len(hits)):
        area += (alarms[k] - alarms[k - 1]) * (hits[k] + hits[k - 1]) / 2
    return area


@right("06.3")
def auc_searchsorted(values, inside):
    values, inside = np.asarray(values), np.asarray(inside)
    other = np.sort(values[~inside])
    low = np.searchsorted(other, values[inside], "left")
    high = np.searchsorted(other, values[inside], "right")
    return (low + high).mean() / 2 / len(other)


@right("06.3")
def auc_in_torch(values, inside):
    one, other = torch.as_tensor(values)[inside], torch.as_tensor(values)[~inside]
    return torch.heaviside(
        one.unsqueeze(1) - other, torch.tensor(0.5, dtype=one.dtype)
    ).mean()


@wrong("06.3", "ties are right", says="equal values count as right")
def auc_ties_right(values, inside):
    return (values[inside][:, None] >= values[~inside]).mean()


@wrong("06.3", "ties are wrong", says="equal values count as wrong")
def auc_ties_wrong(values, inside):
    one, other = torch.as_tensor(values)[inside], torch.as_tensor(values)[~inside]
    return (one[:, None] > other).float().mean()


@wrong("06.3", "ties are left out", says="left out")
def auc_ties_left_out(values, inside):
    score = pairs = 0
    for one in values[inside]:
        for other in values[~inside]:
            if one != other:
                pairs += 1
                score += int(one > other)
    return score / pairs if pairs else 0.5


@wrong("06.3", "the other way round", says="other way round")
def auc_reversed(values, inside):
    one, other = values[inside], values[~inside]
    return ((one[:, None] < other) + 0.5 * (one[:, None] == other)).mean()


@wrong("06.3", "against all patches", says="against all patches")
def auc_against_all(values, inside):
    one = values[inside][:, None]
    return ((one > values) + 0.5 * (one == values)).mean()


@wrong("06.3", "share of the map on the object", says="share of the map")
def auc_share(values, inside):
    return values[inside].sum() / values.sum()


@wrong("06.3", "ranks of ties by their order", says="order in which")
def auc_ranks_without_ties(values, inside):
    values, inside = np.asarray(values), np.asarray(inside)
    ranks = np.argsort(np.argsort(values, kind="stable")) + 1
    n, m = inside.sum(), (~inside).sum()
    return (ranks[inside].sum() - n * (n + 1) / 2) / (n * m)


@wrong("06.3", "argsort as ranks", says="`argsort`")
def auc_argsort(values, inside):
    values, inside = np.asarray(values), np.asarray(inside)
    ranks = np.argsort(values) + 1
    n, m = inside.sum(), (~inside).sum()
    return (ranks[inside].sum() - n * (n + 1) / 2) / (n * m)


@wrong("06.3", "a count, not a share", says="number of pairs")
def auc_count(values, inside):
    one, other = values[inside], values[~inside]
    return ((one[:, None] > other) + 0.5 * (one[:, None] == other)).sum()


@wrong("06.3", "divided by the patches inside only", says="number of pairs")
def auc_by_inside(values, inside):
    one, other = values[inside], values[~inside]
    return ((one[:, None] > other) + 0.5 * (one[:, None] == other)).sum() / len(one)


@wrong("06.3", "divided by all pairs of patches", says="pairs of a patch inside")
def auc_by_squares(values, inside):
    one, other = values[inside], values[~inside]
    wins = ((one[:, None] > other) + 0.5 * (one[:, None] == other)).sum()
    return wins / len(values) ** 2


@wrong("06.3", "precision of the brightest", says="brightest patches")
def auc_precision(values, inside):
    count = int(inside.sum())
    values, inside = np.asarray(values), np.asarray(inside)
    return inside[np.argsort(-values)[:count]].mean()


@wrong("06.3", "brightest patch on the object", says="brightest patch")
def auc_pointing(values, inside):
    return float(inside[values.argmax()])


@wrong("06.3", "one value for each patch inside", says="each patch inside")
def auc_of_patches(values, inside):
    one, other = values[inside], values[~inside]
    return ((one[:, None] > other) + 0.5 * (one[:, None] == other)).mean(1)


@wrong("06.3", "difference of means", says="mean")
def auc_difference(values, inside):
    return values[inside].mean() - values[~inside].mean()


@wrong("06.3", "accuracy of a threshold at the mean", says="threshold")
def auc_accuracy(values, inside):
    return ((values > values.mean()) == inside).mean()


@wrong("06.3", "pairs by place", says="each with every")
def auc_zipped(values, inside):
    pairs = list(zip(values[inside], values[~inside], strict=False))
    return sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)


@wrong("06.3", "never below a half", says="below 0.5")
def auc_better_side(values, inside):
    found = auc_all_pairs(values, inside)
    return max(found, 1 - found)


@wrong("06.3", "correlation", says="correlation")
def auc_correlation(values, inside):
    return np.corrcoef(np.asarray(values), np.asarray(inside, float))[0, 1]


@wrong("06.3", "half a point on top of a whole one")
def auc_one_and_a_half(values, inside):
    one, other = values[inside][:, None], values[~inside]
    return ((one > other) + 0.5 * (one >= other)).mean()


# 06.4 rollout


def _steps(A, share=0.5):
    eye = torch.eye(A.shape[-1])
    return [share * block.mean(dim=1) + (1 - share) * eye for block in A]


@right("06.4")
def rollout_in_torch(A):
    eye = torch.eye(A.shape[-1])
    total = eye
    for weights in A:
        mixed = weights.mean(dim=1) + eye
        mixed = mixed / mixed.sum(dim=-1, keepdim=True)
        total = mixed @ total
    return total[:, 0, 1:]


@right("06.4")
def rollout_of_the_row(A):
    row = None
    for mixed in reversed(_steps(A)):  # from the last block down
        row = mixed[:, 0] if row is None else torch.einsum("bi,bij->bj", row, mixed)
    return row[:, 1:]


@right("06.4")
def rollout_transposed(A):
    # the given code is right for weights whose keys come first
    eye = torch.eye(A.shape[-1])
    total = eye
    for weights in A:
        mixed = weights.mean(dim=1).transpose(1, 2) + eye
        mixed = mixed / mixed.sum(dim=-2, keepdim=True)
        total = total @ mixed
    return total[:, 1:, 0]


@right("06.4")
def rollout_in_numpy(A):
    A = np.asarray(A).mean(axis=2)  # (L, B, T, T)
    A = 0.5 * A + 0.5 * np.eye(A.shape[-1])
    total = A[0]
    for step in A[1:]:
        total = step @ total
    return total[:, 0, 1:]


@right("06.4")
def rollout_with_chain(A):
    B = A.shape[1]
    maps = []
    for b in range(B):
        steps = [s[b] for s in _steps(A)][::-1]
        total = torch.linalg.multi_dot(steps) if len(steps) > 1 else steps[0]
        maps.append(total[0, 1:])
    return torch.stack(maps)


@right("06.4")
def rollout_with_bmm(A):
    A = (A.mean(2) + torch.eye(A.size(-1))) / 2
    joint = A[0]
    for i in range(1, len(A)):
        joint = torch.bmm(A[i], joint)
    return joint[:, 0, 1:]


@right("06.4")
def rollout_from_the_end(A):
    total = torch.eye(A.shape[-1])
    for mixed in _steps(A.flip(0)):
        total = total @ mixed
    return total[:, 0, 1:]


def _blaming(A, axis=-2, left=False, column=True):
    eye = torch.eye(A.shape[-1])
    total = eye
    for weights in A:
        mixed = weights.mean(dim=1) + eye
        mixed = mixed / mixed.sum(dim=axis, keepdim=True)
        total = mixed @ total if left else total @ mixed
    return total[:, 1:, 0] if column else total[:, 0, 1:]


@wrong("06.4", "the given one", says="All three")
def rollout_as_given(A):
    return _blaming(A)


@wrong("06.4", "only the axis mended", says="Two bugs are left")
def rollout_axis_only(A):
    return _blaming(A, axis=-1)


@wrong("06.4", "only the order mended", says="Two bugs are left")
def rollout_order_only(A):
    return _blaming(A, left=True)


@wrong("06.4", "only the row mended", says="Two bugs are left")
def rollout_row_only(A):
    return _blaming(A, column=False)


@wrong("06.4", "order left", says="One bug is left")
def rollout_order_left(A):
    return _blaming(A, axis=-1, column=False)


@wrong("06.4", "axis left", says="One bug is left")
def rollout_axis_left(A):
    return _blaming(A, left=True, column=False)


@wrong("06.4", "column left", says="One bug is left")
def rollout_column_left(A):
    return _blaming(A, axis=-1, left=True)


@wrong("06.4", "no residual", says="residual")
def rollout_without_residual(A):
    total = torch.eye(A.shape[-1])
    for weights in A:
        total = weights.mean(dim=1) @ total
    return total[:, 0, 1:]


@wrong("06.4", "not halved", says="half each")
def rollout_not_halved(A):
    eye = torch.eye(A.shape[-1])
    total = eye
    for weights in A:
        total = (weights.mean(dim=1) + eye) @ total
    return total[:, 0, 1:]


@wrong("06.4", "largest head", says="largest")
def rollout_of_the_largest_head(A):
    eye = torch.eye(A.shape[-1])
    total = eye
    for weights in A:
        mixed = weights.amax(dim=1) + eye
        total = mixed / mixed.sum(dim=-1, keepdim=True) @ total
    return total[:, 0, 1:]


@wrong("06.4", "divided by the maximum", says="rescale")
def rollout_by_its_maximum(A):
    found = rollout_in_torch(A)
    return found / found.amax(dim=1, keepdim=True)


@wrong("06.4", "divided by the sum", says="rescale")
def rollout_by_its_sum(A):
    found = rollout_in_torch(A)
    return found / found.sum(dim=1, keepdim=True)


@wrong("06.4", "stretched from 0 to 1", says="rescale")
def rollout_stretched(A):
    found = rollout_in_torch(A)
    low, high = found.amin(1, keepdim=True), found.amax(1, keepdim=True)
    return (found - low) / (high - low)


@wrong("06.4", "class token left in", says="class token")
def rollout_with_class_token(A):
    total = torch.eye(A.shape[-1])
    for mixed in _steps(A):
        total = mixed @ total
    return total[:, 0]


@wrong("06.4", "the last block only", says="last block")
def rollout_last_only(A):
    return _steps(A)[-1][:, 0, 1:]


@wrong("06.4", "the usual map", says="last block")
def rollout_last_row(A):
    return A[-1].mean(dim=1)[:, 0, 1:]


@wrong("06.4", "mean over all blocks", says="mean over the blocks")
def rollout_mean_of_blocks(A):
    return A.mean(dim=(0, 2))[:, 0, 1:]


@wrong("06.4", "softmax instead of the sum", says="softmax")
def rollout_softmax(A):
    eye = torch.eye(A.shape[-1])
    total = eye
    for weights in A:
        total = (weights.mean(dim=1) + eye).softmax(dim=-1) @ total
    return total[:, 0, 1:]


@wrong("06.4", "mean over the rows", says="all tokens")
def rollout_mean_of_rows(A):
    total = torch.eye(A.shape[-1])
    for mixed in _steps(A):
        total = mixed @ total
    return total.mean(dim=1)[:, 1:]


@wrong("06.4", "the first block lost", says="block is missing")
def rollout_without_first(A):
    total = torch.eye(A.shape[-1]).expand(A.shape[1], -1, -1)
    for mixed in _steps(A[1:]):
        total = mixed @ total
    return total[:, 0, 1:]


@wrong("06.4", "star instead of at", says="number by number")
def rollout_star(A):
    total = 1
    for mixed in _steps(A):
        total = mixed * total
    return total[:, 0, 1:]


@wrong("06.4", "each head by itself", says="each head by itself")
def rollout_by_head(A):
    A = (A + torch.eye(A.shape[-1])) / 2
    total = A[0]
    for step in A[1:]:
        total = step @ total
    return total.mean(dim=1)[:, 0, 1:]


@wrong("06.4", "no residual in block 0", says="first block")
def rollout_first_without_residual(A):
    total = A[0].mean(dim=1)
    for step in _steps(A)[1:]:
        total = step @ total
    return total[:, 0, 1:]


@wrong("06.4", "identity once at the end", says="residual")
def rollout_identity_at_the_end(A):
    total = torch.eye(A.shape[-1])
    for weights in A:
        total = weights.mean(dim=1) @ total
    return ((total + torch.eye(A.shape[-1])) / 2)[:, 0, 1:]


# 06.5 exchange


def tokens(model, images):
    first = model.class_token.expand(len(images), -1, -1)
    return torch.cat([first, model.embed(images)], dim=1) + model.positions


def states(model, images):
    found = [tokens(model, images)]
    for block in model.blocks:
        found.append(block(found[-1])[0])
    return found


def _rest(model, x, block):
    for layer in model.blocks[block:]:
        x, _ = layer(x)
    return model.head(model.norm(x)[:, 0])


@right("06.5")
def exchange_with_states(model, images, partner, block):
    x = states(model, images)[block]
    x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    return _rest(model, x, block)


@right("06.5")
def exchange_on_a_copy(model, images, partner, block):
    x = tokens(model, images)
    for layer in model.blocks[:block]:
        x = layer(x)[0]
    new = x.clone()
    new[:, 0] = x[partner, 0]
    for layer in model.blocks[block:]:
        new = layer(new)[0]
    return model.head(model.norm(new)[:, 0])


@right("06.5")
def exchange_in_place(model, images, partner, block):
    with torch.no_grad():
        x = tokens(model, images)
        for number in range(len(model.blocks) + 1):
            if number == block:
                x[:, 0] = x[partner, 0]  # the right side is a copy
            if number < len(model.blocks):
                x = model.blocks[number](x)[0]
        return model.head(model.norm(x)[:, 0])


@right("06.5")
def exchange_with_a_hook(model, images, partner, block):
    def swap(module, inputs):
        x = inputs[0]
        return (torch.cat([x[partner][:, :1], x[:, 1:]], dim=1),)

    place = [*model.blocks, model.norm][block]
    handle = place.register_forward_pre_hook(swap)
    try:
        return model(images)
    finally:
        handle.remove()


@right("06.5")
def exchange_picture_by_picture(model, images, partner, block):
    x = states(model, images)[block]
    logits = []
    for i in range(len(images)):
        mine = x[i : i + 1].clone()
        mine[0, 0] = x[partner[i], 0]
        logits.append(_rest(model, mine, block)[0])
    return torch.stack(logits)


@right("06.5")
def exchange_by_gather(model, images, partner, block):
    x = states(model, images)[block]
    y = states(model, images[partner])[block]
    class_token = torch.zeros(x.shape[1], dtype=torch.bool)
    class_token[0] = True
    return _rest(model, torch.where(class_token[None, :, None], y, x), block)


@wrong("06.5", "after the block", says="after block")
def exchange_after(model, images, partner, block):
    x = tokens(model, images)
    for number, layer in enumerate(model.blocks):
        x = layer(x)[0]
        if number == block:
            x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    return model.head(model.norm(x)[:, 0])


@wrong("06.5", "one by one in the same tensor", says="already")
def exchange_one_by_one(model, images, partner, block):
    x = states(model, images)[block].clone()
    for i, p in enumerate(partner):
        x[i, 0] = x[p, 0]
    return _rest(model, x, block)


@wrong("06.5", "patches exchanged", says="patches")
def exchange_patches(model, images, partner, block):
    x = states(model, images)[block]
    x = torch.cat([x[:, :1], x[partner, 1:]], dim=1)
    return _rest(model, x, block)


@wrong("06.5", "all tokens exchanged", says="all tokens")
def exchange_all(model, images, partner, block):
    return _rest(model, states(model, images)[block][partner], block)


@wrong("06.5", "norm forgotten", says="norm")
def exchange_without_norm(model, images, partner, block):
    x = states(model, images)[block]
    x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    for layer in model.blocks[block:]:
        x = layer(x)[0]
    return model.head(x[:, 0])


@wrong("06.5", "inverted", says="to its partner")
def exchange_inverted(model, images, partner, block):
    x = states(model, images)[block]
    new = x.clone()
    new[partner, 0] = x[:, 0]
    return _rest(model, new, block)


@wrong("06.5", "positions twice", says="position")
def exchange_positions_twice(model, images, partner, block):
    x = states(model, images)[block] + model.positions
    x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    return _rest(model, x, block)


@wrong("06.5", "positions forgotten", says="position")
def exchange_without_positions(model, images, partner, block):
    first = model.class_token.expand(len(images), -1, -1)
    x = torch.cat([first, model.embed(images)], dim=1)
    for layer in model.blocks[:block]:
        x = layer(x)[0]
    x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    return _rest(model, x, block)


@wrong("06.5", "hook left behind", says="answers differently")
def exchange_hook_stays(model, images, partner, block):
    def swap(module, inputs):
        x = inputs[0].clone()
        x[:, 0] = inputs[0][partner, 0]
        return (x,)

    [*model.blocks, model.norm][block].register_forward_pre_hook(swap)
    return model(images)


@wrong("06.5", "before every later block, too", says="every block")
def exchange_again_and_again(model, images, partner, block):
    x = tokens(model, images)
    for number, layer in enumerate(model.blocks):
        if number >= block:
            x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
        x = layer(x)[0]
    if block == len(model.blocks):
        x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    return model.head(model.norm(x)[:, 0])


@wrong("06.5", "counts from 1", says="counts from 0")
def exchange_from_one(model, images, partner, block):
    x = states(model, images)[max(block - 1, 0)]
    x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    return _rest(model, x, max(block - 1, 0))


@wrong("06.5", "nothing at the end", says="still something to exchange")
def exchange_never_at_the_end(model, images, partner, block):
    x = tokens(model, images)
    for number, layer in enumerate(model.blocks):
        if number == block:
            x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
        x = layer(x)[0]
    return model.head(model.norm(x)[:, 0])


@wrong("06.5", "the usual logits of the partner", says="all tokens")
def exchange_logits(model, images, partner, block):
    return model(images)[partner]


@wrong("06.5", "the partner's token of the end", says="last block")
def exchange_with_last(model, images, partner, block):
    found = states(model, images)
    x = torch.cat([found[-1][partner, :1], found[block][:, 1:]], dim=1)
    return _rest(model, x, block)


@wrong("06.5", "the tokens, not the logits", says="Those are tokens")
def exchange_without_head(model, images, partner, block):
    x = states(model, images)[block]
    x = torch.cat([x[partner, :1], x[:, 1:]], dim=1)
    for layer in model.blocks[block:]:
        x = layer(x)[0]
    return x


@wrong("06.5", "the learned class token", says="learned")
def exchange_with_learned(model, images, partner, block):
    x = states(model, images)[block]
    first = model.class_token.expand(len(images), -1, -1) + model.positions[:, :1]
    return _rest(model, torch.cat([first, x[:, 1:]], dim=1), block)


@wrong("06.5", "writes into a copy", says="Nothing is exchanged")
def exchange_in_a_copy(model, images, partner, block):
    x = states(model, images)[block]
    x[partner][:, 0] = x[:, 0]
    return _rest(model, x, block)


@wrong("06.5", "the answers", says="Those are answers")
def exchange_answers(model, images, partner, block):
    return exchange_with_states(model, images, partner, block).argmax(dim=1)


@wrong("06.5", "a hook on a block that is not there", says="no block of that number")
def exchange_hook_at_a_block(model, images, partner, block):
    def swap(module, inputs):
        x = inputs[0]
        return (torch.cat([x[partner, :1], x[:, 1:]], dim=1),)

    handle = model.blocks[block].register_forward_pre_hook(swap)
    logits = model(images)
    handle.remove()
    return logits


# 06.6 without_head


@right("06.6")
def head_with_hook(block, x, head, value):
    d = value.shape[-1]

    def replace(module, inputs):
        context = inputs[0].clone()
        context[..., head * d : (head + 1) * d] = value
        return (context,)

    handle = block.attention.out.register_forward_pre_hook(replace)
    try:
        return block(x)[0]
    finally:
        handle.remove()


@right("06.6")
def head_by_hand(block, x, head, value):
    B, T, D = x.shape
    attention = block.attention
    h = attention.heads
    d = D // h
    qkv = attention.qkv(block.norm_1(x)).view(B, T, 3, h, d)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1) / d**0.5).softmax(-1)
    context = (weights @ v).clone()
    context[:, head] = value
    context = context.transpose(1, 2).reshape(B, T, D)
    x = x + attention.out(context)
    return x + block.mlp(block.norm_2(x))


@right("06.6")
def head_by_linearity(block, x, head, value):
    d = value.shape[-1]
    place = slice(head * d, (head + 1) * d)
    kept = []
    hook = block.attention.out.register_forward_pre_hook(
        lambda _, inputs: kept.append(inputs[0])
    )
    attended, _ = block.attention(block.norm_1(x))
    hook.remove()
    change = (value - kept[0][..., place]) @ block.attention.out.weight[:, place].T
    x = x + attended + change
    return x + block.mlp(block.norm_2(x))


@right("06.6")
def head_from_the_weights(block, x, head, value):
    B, T, D = x.shape
    d = value.shape[-1]
    normed = block.norm_1(x)
    _, weights = block.attention(normed)
    v = block.attention.qkv(normed)[..., 2 * D :].view(B, T, -1, d)
    context = torch.einsum("bhts,bshd->bthd", weights, v)
    context = torch.cat(
        [context[:, :, :head], value.expand(B, -1, -1)[:, :, None],
         context[:, :, head + 1 :]], dim=2,
    )  # fmt: skip
    x = x + block.attention.out(context.flatten(2))
    return x + block.mlp(block.norm_2(x))


@right("06.6")
def head_with_mask(block, x, head, value):
    h = block.attention.heads
    mask = torch.arange(h).repeat_interleave(x.shape[-1] // h) == head  # (D,)
    hook = block.attention.out.register_forward_pre_hook(
        lambda _, inputs: (torch.where(mask, value.repeat(1, h), inputs[0]),)
    )
    y, _ = block(x)
    hook.remove()
    return y


@right("06.6")
def head_in_place(block, x, head, value):
    def replace(module, inputs):
        B, T, D = inputs[0].shape
        inputs[0].view(B, T, module_heads, -1)[:, :, head] = value  # nobody else's

    module_heads = block.attention.heads
    with torch.no_grad():
        handle = block.attention.out.register_forward_pre_hook(replace)
        y = block(x)[0]
        handle.remove()
    return y


def _hooked(block, x, change):
    handle = block.attention.out.register_forward_pre_hook(
        lambda _, inputs: (change(inputs[0].clone()),)
    )
    try:
        return block(x)[0]
    finally:
        handle.remove()


@wrong("06.6", "heads interleaved", says="every h-th")
def head_interleaved(block, x, head, value):
    def change(context):
        context[..., head :: block.attention.heads] = value
        return context

    return _hooked(block, x, change)


@wrong("06.6", "the result of out is cut", says="after")
def head_after_out(block, x, head, value):
    d = value.shape[-1]

    def replace(module, inputs, output):
        output = output.clone()
        output[..., head * d : (head + 1) * d] = value
        return output

    handle = block.attention.out.register_forward_hook(replace)
    y = block(x)[0]
    handle.remove()
    return y


@wrong("06.6", "all other heads out", says="all other heads")
def head_all_others(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        new = torch.zeros_like(context)
        new[..., head * d : (head + 1) * d] = context[..., head * d : (head + 1) * d]
        return new

    return _hooked(block, x, change)


@wrong("06.6", "only this head is left", says="all other heads")
def head_alone(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        new = torch.zeros_like(context)
        new[..., head * d : (head + 1) * d] = value
        return new

    return _hooked(block, x, change)


@wrong("06.6", "zero", says="`value`")
def head_zero(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        context[..., head * d : (head + 1) * d] = 0
        return context

    return _hooked(block, x, change)


@wrong("06.6", "added", says="added")
def head_added(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        context[..., head * d : (head + 1) * d] += value
        return context

    return _hooked(block, x, change)


@wrong("06.6", "residual of the attention lost", says="residual")
def head_without_residual(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        context[..., head * d : (head + 1) * d] = value
        return context

    handle = block.attention.out.register_forward_pre_hook(
        lambda _, inputs: (change(inputs[0].clone()),)
    )
    y = block.attention(block.norm_1(x))[0]
    handle.remove()
    return y + block.mlp(block.norm_2(y))


@wrong("06.6", "MLP forgotten", says="MLP")
def head_without_mlp(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        context[..., head * d : (head + 1) * d] = value
        return context

    handle = block.attention.out.register_forward_pre_hook(
        lambda _, inputs: (change(inputs[0].clone()),)
    )
    y = x + block.attention(block.norm_1(x))[0]
    handle.remove()
    return y


@wrong("06.6", "the values replaced", says="values")
def head_values(block, x, head, value):
    B, T, D = x.shape
    attention = block.attention
    h = attention.heads
    d = D // h
    q, k, v = attention.qkv(block.norm_1(x)).view(B, T, 3, h, d).permute(2, 0, 3, 1, 4)
    v = v.clone()
    v[:, head] = value
    weights = (q @ k.transpose(-2, -1) / d**0.5).softmax(-1)
    context = (weights @ v).transpose(1, 2).reshape(B, T, D)
    x = x + attention.out(context)
    return x + block.mlp(block.norm_2(x))


@wrong("06.6", "first norm forgotten", says="norm")
def head_without_norm(block, x, head, value):
    B, T, D = x.shape
    attention = block.attention
    h = attention.heads
    d = D // h
    q, k, v = attention.qkv(x).view(B, T, 3, h, d).permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(-2, -1) / d**0.5).softmax(-1)
    context = (weights @ v).clone()
    context[:, head] = value
    x = x + attention.out(context.transpose(1, 2).reshape(B, T, D))
    return x + block.mlp(block.norm_2(x))


@wrong("06.6", "heads and their width exchanged", says="every h-th")
def head_width(block, x, head, value):
    h, d = block.attention.heads, value.shape[-1]

    def change(context):
        B, T, D = context.shape
        parts = context.view(B, T, d, h)
        parts[..., head] = value
        return parts.reshape(B, T, D)

    return _hooked(block, x, change)


@wrong("06.6", "counts from 1", says="from 0")
def head_from_one(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        context[..., (head - 1) * d : head * d] = value
        return context

    return _hooked(block, x, change)


@wrong("06.6", "hook left behind", says="answers differently")
def head_hook_stays(block, x, head, value):
    d = value.shape[-1]

    def replace(module, inputs):
        context = inputs[0].clone()
        context[..., head * d : (head + 1) * d] = value
        return (context,)

    block.attention.out.register_forward_pre_hook(replace)
    return block(x)[0]


@wrong("06.6", "the layer's columns set to zero", says="answers differently")
def head_weights_changed(block, x, head, value):
    d = value.shape[-1]
    with torch.no_grad():
        place = slice(head * d, (head + 1) * d)
        out = block.attention.out
        out.bias += out.weight[:, place] @ value.mean(0)
        out.weight[:, place] = 0
    return block(x)[0]


@wrong("06.6", "tokens and weights", says="the tokens alone")
def head_with_weights(block, x, head, value):
    d = value.shape[-1]

    def replace(module, inputs):
        context = inputs[0].clone()
        context[..., head * d : (head + 1) * d] = value
        return (context,)

    handle = block.attention.out.register_forward_pre_hook(replace)
    found = block(x)
    handle.remove()
    return found


@wrong("06.6", "nothing happens, the hook returns nothing", says="as it is")
def head_unchanged(block, x, head, value):
    d = value.shape[-1]

    def replace(module, inputs):
        context = inputs[0].clone()
        context[..., head * d : (head + 1) * d] = value

    handle = block.attention.out.register_forward_pre_hook(replace)
    y = block(x)[0]
    handle.remove()
    return y


@wrong("06.6", "the first head, whichever is meant", says="first head")
def head_first(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        context[..., :d] = value
        return context

    return _hooked(block, x, change)


@wrong("06.6", "writes into x", says="changes what it is given")
def head_writes_into_x(block, x, head, value):
    y = head_with_hook(block, x, head, value)
    x += 1
    return y


@wrong(
    "06.6", "queries, keys and values of the head to zero", says="zeros in its place"
)
def head_without_qkv(block, x, head, value):
    d = value.shape[-1]

    def cut(module, inputs, output):
        output = output.clone()
        parts = output.view(*output.shape[:2], 3, -1)
        parts[..., head * d : (head + 1) * d] = 0
        return output

    handle = block.attention.qkv.register_forward_hook(cut)
    y = block(x)[0]
    handle.remove()
    return y


@wrong("06.6", "in the first picture only", says="first picture")
def head_of_first_picture(block, x, head, value):
    d = value.shape[-1]

    def change(context):
        context[0, :, head * d : (head + 1) * d] = value
        return context

    return _hooked(block, x, change)


# 06.7 cka


@right("06.7")
def cka_in_torch(X, Y):
    def centered(X):
        B = len(X)
        K = X @ X.T
        K = K - torch.diag(K.diag())
        r = K.sum(dim=1)
        K = K - (r[:, None] + r) / (B - 2) + r.sum() / ((B - 1) * (B - 2))
        return K - torch.diag(K.diag())

    K, L = centered(X), centered(Y)
    return (K * L).sum() / (K.norm() * L.norm())


@right("06.7")
def cka_in_numpy(X, Y):
    grams = []
    for Z in (np.asarray(X), np.asarray(Y)):
        B = len(Z)
        K = Z @ Z.T
        np.fill_diagonal(K, 0)
        r = K.sum(0)
        K = K - np.add.outer(r, r) / (B - 2) + K.sum() / (B - 1) / (B - 2)
        np.fill_diagonal(K, 0)
        grams.append(K)
    K, L = grams
    return float(np.sum(K * L) / np.sqrt(np.sum(K**2) * np.sum(L**2)))


@right("06.7")
def cka_by_traces(X, Y):
    def hsic(K, L):
        n = len(K)
        a = (K * L).sum()
        b = K.sum() * L.sum() / ((n - 1) * (n - 2))
        c = 2 / (n - 2) * (K.sum(0) @ L.sum(0))
        return (a + b - c) / (n * (n - 3))

    K, L = (Z @ Z.T * (1 - torch.eye(len(Z))) for Z in (X, Y))
    return hsic(K, L) / (hsic(K, K) * hsic(L, L)).sqrt()


@right("06.7")
def cka_with_mask(X, Y):
    off = ~torch.eye(len(X), dtype=torch.bool)

    def vector(X):
        X = X - X.mean(dim=0)  # changes nothing off the diagonal that counts
        n = len(X)
        K = (X @ X.T) * off
        r, s = K.sum(1), K.sum()
        return (K - (r[None] + r[:, None]) / (n - 2) + s / ((n - 1) * (n - 2)))[off]

    return F.cosine_similarity(vector(X), vector(Y), dim=0)


@right("06.7")
def cka_by_loops(X, Y):
    B = len(X)

    def gram(X):
        K = [[float(X[i] @ X[j]) if i != j else 0.0 for j in range(B)]
             for i in range(B)]  # fmt: skip
        r = [sum(row) for row in K]
        s = sum(r)
        return [
            [
                K[i][j] - (r[i] + r[j]) / (B - 2) + s / ((B - 1) * (B - 2))
                if i != j
                else 0.0
                for j in range(B)
            ]
            for i in range(B)
        ]

    K, L = gram(X), gram(Y)

    def dot(K, L):
        return sum(K[i][j] * L[i][j] for i in range(B) for j in range(B))

    return dot(K, L) / math.sqrt(dot(K, K) * dot(L, L))


@right("06.7")
def cka_fill_diagonal(X, Y):
    def tilde(X):
        K = (X @ X.T).fill_diagonal_(0)
        n, r = K.shape[0], K.sum(1, keepdim=True)
        K = K - r / (n - 2) - r.T / (n - 2) + r.sum() / ((n - 1) * (n - 2))
        return K.fill_diagonal_(0).flatten()

    return torch.dot(F.normalize(tilde(X), dim=0), F.normalize(tilde(Y), dim=0))


def _tilde(X, minus_two=2, first=True, last=True, center=True):
    K = X @ X.T
    B = len(K)
    off = 1 - torch.eye(B)
    if first:
        K = K * off
    if center:
        r = K.sum(1)
        K = K - (r[:, None] + r) / (B - minus_two)
        K = K + r.sum() / ((B - 1) * (B - minus_two))
    return K * off if last else K


def _cosine(K, L):
    return (K * L).sum() / (K.norm() * L.norm())


@wrong("06.7", "the biased one", says="biased")
def cka_biased(X, Y):
    X, Y = X - X.mean(0), Y - Y.mean(0)
    return _cosine(X @ X.T, Y @ Y.T)


@wrong("06.7", "the biased one with centered Gram matrices", says="biased")
def cka_biased_with_h(X, Y):
    def centered(K):
        return K - K.mean(dim=0) - K.mean(dim=1)[:, None] + K.mean()

    return _cosine(centered(X @ X.T), centered(Y @ Y.T))


@wrong("06.7", "the biased one from features", says="biased")
def cka_of_features(X, Y):
    X, Y = X - X.mean(0), Y - Y.mean(0)
    return (Y.T @ X).norm() ** 2 / ((X.T @ X).norm() * (Y.T @ Y).norm())


@wrong("06.7", "not centered at all", says="not centered")
def cka_raw(X, Y):
    return _cosine(X @ X.T, Y @ Y.T)


@wrong("06.7", "only the diagonal out", says="not centered")
def cka_without_centering(X, Y):
    return _cosine(_tilde(X, center=False), _tilde(Y, center=False))


@wrong("06.7", "B - 1 in place of B - 2", says="B - 2")
def cka_minus_one(X, Y):
    return _cosine(_tilde(X, minus_two=1), _tilde(Y, minus_two=1))


@wrong("06.7", "B in place of B - 2", says="B - 2")
def cka_minus_nothing(X, Y):
    return _cosine(_tilde(X, minus_two=0), _tilde(Y, minus_two=0))


@wrong("06.7", "diagonal not out again", says="at the end")
def cka_diagonal_left(X, Y):
    return _cosine(_tilde(X, last=False), _tilde(Y, last=False))


@wrong("06.7", "diagonal out at the end only", says="still in when")
def cka_diagonal_late(X, Y):
    return _cosine(_tilde(X, first=False), _tilde(Y, first=False))


@wrong("06.7", "no root", says="root")
def cka_without_root(X, Y):
    K, L = _tilde(X), _tilde(Y)
    return (K * L).sum() / ((K * K).sum() * (L * L).sum())


@wrong("06.7", "not below 0", says="below 0")
def cka_clipped(X, Y):
    return _cosine(_tilde(X), _tilde(Y)).clamp(min=0)


@wrong("06.7", "never negative", says="below 0")
def cka_absolute(X, Y):
    return _cosine(_tilde(X), _tilde(Y)).abs()


@wrong("06.7", "row sums only", says="column")
def cka_rows_only(X, Y):
    def tilde(X):
        K = X @ X.T * (1 - torch.eye(len(X)))
        B, r = len(K), K.sum(1, keepdim=True)
        K = K - r / (B - 2) + r.sum() / ((B - 1) * (B - 2))
        return K * (1 - torch.eye(B))

    return _cosine(tilde(X), tilde(Y))


@wrong("06.7", "the last term forgotten", says="last term")
def cka_without_last_term(X, Y):
    def tilde(X):
        K = X @ X.T * (1 - torch.eye(len(X)))
        B, r = len(K), K.sum(1)
        return (K - (r[:, None] + r) / (B - 2)) * (1 - torch.eye(B))

    return _cosine(tilde(X), tilde(Y))


@wrong("06.7", "only the product, no norms", says="norms")
def cka_not_divided(X, Y):
    return (_tilde(X) * _tilde(Y)).sum()


@wrong("06.7", "features normalized first", says="length")
def cka_of_cosines(X, Y):
    X, Y = F.normalize(X, dim=1), F.normalize(Y, dim=1)
    return _cosine(_tilde(X), _tilde(Y))


@wrong("06.7", "sums with means in place of sums", says="sum")
def cka_of_means(X, Y):
    def tilde(X):
        K = X @ X.T * (1 - torch.eye(len(X)))
        B, r = len(K), K.mean(1)
        K = K - (r[:, None] + r) / (B - 2) + K.mean() / ((B - 1) * (B - 2))
        return K * (1 - torch.eye(B))

    return _cosine(tilde(X), tilde(Y))


@wrong("06.7", "Gram matrix of the features", says="of the *features*")
def cka_gram_of_features(X, Y):
    return _cosine(_tilde(X.T), _tilde(Y.T))


@wrong("06.7", "matrix product", says="product of the matrices")
def cka_matrix_product(X, Y):
    K, L = _tilde(X), _tilde(Y)
    return (K @ L).sum() / (K.norm() * L.norm())


@wrong("06.7", "mean of each picture off", says="mean of each picture")
def cka_rows_centered(X, Y):
    X, Y = X - X.mean(dim=1, keepdim=True), Y - Y.mean(dim=1, keepdim=True)
    return _cosine(_tilde(X), _tilde(Y))


@wrong("06.7", "correlation off the diagonal", says="mean of the whole")
def cka_correlation(X, Y):
    off = ~torch.eye(len(X), dtype=torch.bool)
    return torch.corrcoef(torch.stack([(X @ X.T)[off], (Y @ Y.T)[off]]))[0, 1]


@wrong("06.7", "a sign in the middle", says="both are subtracted")
def cka_sign(X, Y):
    def tilde(X):
        K = X @ X.T * (1 - torch.eye(len(X)))
        B, r = len(K), K.sum(1)
        K = K - r[:, None] / (B - 2) + r / (B - 2) + r.sum() / ((B - 1) * (B - 2))
        return K * (1 - torch.eye(B))

    return _cosine(tilde(X), tilde(Y))


@right("06.7")
def cka_upper_triangle(X, Y):
    def upper(X):
        i, j = torch.triu_indices(len(X), len(X), offset=1)
        return _tilde(X)[i, j]

    return F.cosine_similarity(upper(X), upper(Y), dim=0)
