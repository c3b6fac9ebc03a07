"""Answers to the exercises of notebook 01 as learners give them, from the statements.

"Answers may use your functions from above", says the notebook, so these do as well.
"""

import math

import numpy as np
from scipy import special
from tests_answers import right, wrong

from course_utils.vit.numpy import attention, attention_weights, softmax


def _log_sum_exp(scores):
    largest = scores.max(axis=-1, keepdims=True)
    total = np.exp(scores - largest).sum(axis=-1, keepdims=True)
    return (largest + np.log(total))[..., 0]


def _softmax_jacobian(weights):
    return np.diag(weights) - np.outer(weights, weights)


# 01.1: the divisor

right("01.1", 48)
right("01.1", np.sqrt(64 * 4 * 9))
right("01.1", 2 * 3 * 8.0)
right("01.1", math.sqrt(64) * math.sqrt(4) * math.sqrt(9))
right("01.1", (64 * 36) ** 0.5)

wrong(
    "01.1", "divides by √d as if the variances were 1", 8, says="right for variance 1"
)
wrong(
    "01.1",
    "takes the variance for the spread",
    64 * 4 * 9,
    says="That is the *variance* of a score",
)
wrong(
    "01.1", "forgets d", math.sqrt(4 * 9), says="That is the standard deviation of one"
)
wrong(
    "01.1",
    "takes the root of d only",
    4 * 9 * math.sqrt(64),
    says="The root goes over the whole variance",
)
wrong(
    "01.1",
    "takes the root of the variances only",
    2 * 3 * 64,
    says="You multiplied two standard deviations by",
)
wrong(
    "01.1",
    "adds the variances",
    math.sqrt(64 * (4 + 9)),
    says="You added the two variances",
)
wrong(
    "01.1",
    "adds the spreads",
    (2 + 3) * 8,
    says="You added the two standard deviations",
)
wrong(
    "01.1",
    "gives the factor instead of the divisor",
    1 / 48,
    says="You gave the number to *multiply* by",
)
wrong("01.1", "takes variances for spreads and squares them", 4 * 9 * 8 * 8 * 36)
wrong(
    "01.1",
    "divides by the spreads instead of multiplying",
    8 / 6,
    says="the divisor has to grow",
)
wrong("01.1", "gives d", 64, says="too large for unit variances")
wrong(
    "01.1",
    "forgets the keys",
    math.sqrt(64 * 4),
    says="That takes the variance of the queries into",
)


# 01.2: log-softmax


@right("01.2")
def log_softmax_shifted(scores):
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@right("01.2")
def log_softmax_lse(scores):
    return scores - _log_sum_exp(scores)[..., None]


@right("01.2")
def log_softmax_scipy(scores):
    return special.log_softmax(scores, axis=-1)


@right("01.2")
def log_softmax_logaddexp(scores):
    return scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True)


@right("01.2")
def log_softmax_rows(scores):
    scores = np.asarray(scores, dtype=float)
    rows = scores.reshape(-1, scores.shape[-1])
    result = []
    for row in rows:
        m = max(row)
        total = sum(math.exp(s - m) for s in row)
        result.append([s - m - math.log(total) for s in row])
    return np.array(result).reshape(scores.shape)


@right("01.2")
def log_softmax_expand(scores):
    m = np.expand_dims(np.max(scores, -1), -1)
    lse = m + np.log(np.sum(np.exp(scores - m), -1, keepdims=True))
    return scores - lse


@wrong(
    "01.2",
    "takes the logarithm of a stable softmax",
    says="The small weight has already become 0 when",
)
def log_of_softmax(scores):
    return np.log(softmax(scores))


@wrong(
    "01.2",
    "forgets that log_sum_exp drops the last axis",
    says="Your log-sum-exp has one number for each",
)
def lse_without_axis(scores):
    return scores - _log_sum_exp(scores)


@wrong(
    "01.2",
    "does not shift by the largest score",
    says="Right for small scores, but `exp` of a",
)
def unshifted(scores):
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


@wrong(
    "01.2",
    "adds a small number inside the logarithm",
    says="A small number keeps the logarithm finite",
)
def log_of_clipped_softmax(scores):
    return np.log(softmax(scores) + 1e-12)


@wrong(
    "01.2",
    "replaces what is not finite by nan_to_num",
    says="The small weight has already become 0 when",
)
def nan_to_num(scores):
    return np.nan_to_num(np.log(softmax(scores)))


@wrong(
    "01.2",
    "takes the largest score of the whole array",
    says="You subtract the largest score of the whole",
)
def global_largest(scores):
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@wrong(
    "01.2",
    "normalizes along the first axis",
    says="Your *columns* are normalized",
)
def first_axis(scores):
    shifted = scores - scores.max(axis=0, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))


@wrong(
    "01.2",
    "normalizes over the whole array",
    says="All your weights together sum to 1",
)
def whole_array(scores):
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum())


@wrong(
    "01.2",
    "forgets to subtract the maximum from the first term",
    says="You shifted the scores inside the sum only",
)
def half_shifted(scores):
    m = scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores - m).sum(axis=-1, keepdims=True))


@wrong(
    "01.2",
    "forgets the logarithm of the sum",
    says="You subtract the largest score and stop",
)
def without_the_sum(scores):
    return scores - scores.max(axis=-1, keepdims=True)


@wrong("01.2", "returns softmax itself", says="These are the weights themselves")
def no_logarithm(scores):
    return softmax(scores)


@wrong("01.2", "shifts the caller's array in place", says="changes what it is given")
def log_softmax_in_place(scores):
    scores -= scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


@wrong(
    "01.2",
    "forgets the sign of the logarithm of the sum",
    says="The logarithm of the sum has the wrong",
)
def plus_lse(scores):
    return scores + _log_sum_exp(scores)[..., None]


@wrong(
    "01.2",
    "uses a logarithm of base 10",
    says="You take a logarithm of base 10",
)
def base_ten(scores):
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log10(np.exp(shifted).sum(axis=-1, keepdims=True))


# 01.3: backward through softmax


@right("01.3")
def backward_formula(weights, upstream):
    inner = (weights * upstream).sum(axis=-1, keepdims=True)
    return weights * (upstream - inner)


@right("01.3")
def backward_two_terms(w, g):
    wg = w * g
    return wg - w * np.sum(wg, axis=-1, keepdims=True)


@right("01.3")
def backward_einsum(weights, upstream):
    dot = np.einsum("...m,...m->...", weights, upstream)
    return weights * (upstream - dot[..., None])


@right("01.3")
def backward_matmul(weights, upstream):
    dot = weights[..., None, :] @ upstream[..., :, None]
    return weights * upstream - weights * dot[..., 0]


@right("01.3")
def backward_rows(weights, upstream):
    shape = weights.shape
    w, g = weights.reshape(-1, shape[-1]), upstream.reshape(-1, shape[-1])
    rows = [_softmax_jacobian(a) @ b for a, b in zip(w, g, strict=True)]
    return np.array(rows).reshape(shape)


@right("01.3")
def backward_ndindex(weights, upstream):
    result = np.empty(weights.shape)
    for i in np.ndindex(*weights.shape[:-1]):
        w, g = weights[i], upstream[i]
        result[i] = w * g - w * w.dot(g)
    return result


@wrong(
    "01.3",
    "keeps only the diagonal of the Jacobian",
    says="That is the diagonal of the Jacobian only",
)
def diagonal_only(weights, upstream):
    return weights * (1 - weights) * upstream


@wrong("01.3", "forgets the second term", says="That is the first term of the Jacobian")
def first_term_only(weights, upstream):
    return weights * upstream


@wrong("01.3", "sums without the weights", says="You sum `upstream` as it is")
def unweighted_sum(weights, upstream):
    return weights * (upstream - upstream.sum(axis=-1, keepdims=True))


@wrong(
    "01.3",
    "takes the mean of upstream instead of its weighted mean",
    says="You subtract the plain mean of `upstream`",
)
def mean_of_upstream(weights, upstream):
    return weights * (upstream - upstream.mean(axis=-1, keepdims=True))


@wrong("01.3", "forgets keepdims", says="Without `keepdims=True` the row results are")
def without_keepdims(weights, upstream):
    return weights * (upstream - (weights * upstream).sum(axis=-1))


@wrong(
    "01.3",
    "sums over the whole array",
    says="You sum over the whole array",
)
def sums_everything(weights, upstream):
    return weights * (upstream - (weights * upstream).sum())


@wrong(
    "01.3",
    "sums along the first axis",
    says="You sum over the first axis",
)
def sums_columns(weights, upstream):
    return weights * (upstream - (weights * upstream).sum(axis=0))


@wrong(
    "01.3",
    "forgets the weights in front",
    says="Nearly: each entry of the Jacobian carries",
)
def no_weights_in_front(weights, upstream):
    return upstream - (weights * upstream).sum(axis=-1, keepdims=True)


@wrong("01.3", "adds the second term", says="The second term has the wrong sign")
def adds_second_term(weights, upstream):
    return weights * (upstream + (weights * upstream).sum(axis=-1, keepdims=True))


@wrong("01.3", "squares the weights by hand once too often")
def weights_twice(weights, upstream):
    inner = (weights**2 * upstream).sum(axis=-1, keepdims=True)
    return weights * (upstream - inner)


@wrong(
    "01.3",
    "takes softmax of the weights again",
    says="`weights` have been through softmax",
)
def softmax_again(weights, upstream):
    w = softmax(weights)
    return w * (upstream - (w * upstream).sum(axis=-1, keepdims=True))


@wrong(
    "01.3", "works on one row only", says="`softmax_jacobian` is made for the weights"
)
def single_row(weights, upstream):
    return _softmax_jacobian(weights) @ upstream


@wrong(
    "01.3", "works on two axes only", says="`axis=1` is the last axis only if there are"
)
def two_axes(weights, upstream):
    return weights * (upstream - (weights * upstream).sum(axis=1, keepdims=True))


# 01.4: padding that leaks


@right("01.4")
def padded_where(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    return softmax(np.where(real[:, None, :], scores, -np.inf))


@right("01.4")
def padded_copy(scores, lengths):
    scores = scores.astype(float).copy()
    for b, length in enumerate(lengths):
        scores[b, :, length:] = -np.inf
    return softmax(scores)


@right("01.4")
def padded_slices(scores, lengths):
    weights = np.zeros(scores.shape)
    for b in range(len(scores)):
        n = lengths[b]
        weights[b, :, :n] = softmax(scores[b, :, :n])
    return weights


@right("01.4")
def padded_large_negative(scores, lengths):
    B, N, M = scores.shape
    mask = np.arange(M)[None, None, :] >= lengths[:, None, None]
    return softmax(np.where(mask, -1e9, scores))


@right("01.4")
def padded_added(scores, lengths):
    M = scores.shape[2]
    real = np.arange(M)[None, :] < lengths.reshape(-1, 1)
    bias = np.where(real, 0.0, -np.inf)
    return softmax(scores + np.expand_dims(bias, 1))


@right("01.4")
def padded_masked_array(scores, lengths):
    hidden = np.arange(scores.shape[-1]) >= lengths[:, None, None]
    hidden = np.broadcast_to(hidden, scores.shape)
    masked = np.ma.masked_array(scores, hidden)
    e = np.exp(masked - masked.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)).filled(0)


@wrong(
    "01.4",
    "forgets the axis of the queries",
    says="Your mask has the shape (B, M), the scores",
)
def no_query_axis(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    return softmax(np.where(real, scores, -np.inf))


@wrong(
    "01.4",
    "sets the weights to 0 after the softmax",
    says="The padding is gone, but its share of the",
)
def masked_after(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    return softmax(scores) * real[:, None, :]


@wrong(
    "01.4",
    "masks after the softmax and divides by what is left",
    says="Dividing by what is left repairs the sum on",
)
def masked_after_and_divided(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    weights = softmax(scores) * real[:, None, :]
    return weights / weights.sum(axis=-1, keepdims=True)


@wrong("01.4", "hides the real keys", says="Upside down: you kept the padding and hid")
def inverted_mask(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    return softmax(np.where(real[:, None, :], -np.inf, scores))


@wrong(
    "01.4",
    "lets the first padding key through",
    says="One key too many",
)
def one_too_many(scores, lengths):
    real = np.arange(scores.shape[-1]) <= lengths[:, None]
    return softmax(np.where(real[:, None, :], scores, -np.inf))


@wrong(
    "01.4", "masks queries instead of keys", says="You hid *queries* (rows), not keys"
)
def masks_queries(scores, lengths):
    real = np.arange(scores.shape[1]) < lengths[:, None]
    return softmax(np.where(real[:, :, None], scores, -np.inf))


@wrong(
    "01.4",
    "fills with a number that is not small enough",
    says="is not low enough",
)
def weak_fill(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    return softmax(np.where(real[:, None, :], scores, -10.0))


@wrong(
    "01.4",
    "takes the first length for all",
    says="You use the length of the first item for",
)
def first_length(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[0]
    return softmax(np.where(real, scores, -np.inf))


@wrong(
    "01.4", "multiplies the scores by minus infinity", says="a negative score becomes"
)
def multiplied_by_infinity(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    factor = np.where(real, 1.0, -np.inf)
    return softmax(scores * factor[:, None, :])


@wrong(
    "01.4",
    "hides keys by 0, as the bug does",
    says="Padding still has weight",
)
def still_zero(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    return softmax(np.where(real[:, None, :], scores, 0))


@wrong(
    "01.4",
    "writes minus infinity into the caller's scores",
    says="changes what it is given",
)
def padded_in_place(scores, lengths):
    for b, length in enumerate(lengths):
        scores[b, :, length:] = -np.inf
    return softmax(scores)


@wrong("01.4", "cuts the padding off", says="You cut the padding off")
def cuts_off(scores, lengths):
    return np.array([softmax(scores[:, :, : max(lengths)])])[0]


@wrong(
    "01.4",
    "normalizes over the whole item",
    says="The weights of a whole item sum to 1",
)
def normalizes_items(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    e = np.exp(np.where(real[:, None, :], scores, -np.inf))
    return e / e.sum(axis=(1, 2), keepdims=True)


@wrong(
    "01.4",
    "takes exponentials of the scores as they are",
    says="`exp` of a large score is inf, and then you",
)
def padded_unstable(scores, lengths):
    real = (np.arange(scores.shape[-1]) < lengths[:, None])[:, None, :]
    e = np.exp(scores) * real
    return e / e.sum(axis=-1, keepdims=True)


@wrong(
    "01.4",
    "the loop returns after its first item",
    says="Only the first item has weights",
)
def padded_returns_early(scores, lengths):
    weights = np.zeros(scores.shape)
    for b, n in enumerate(lengths):
        weights[b, :, :n] = softmax(scores[b, :, :n])
        return weights


@wrong("01.4", "hidden by 0 times infinity", says="0 times $-\\infty$ is nan")
def padding_minus_infinity_times_mask(scores, lengths):
    real = np.arange(scores.shape[-1]) < lengths[:, None]
    return softmax(scores + (1 - real[:, None, :]) * -np.inf)


# 01.5: every wind looks to its left


@right("01.5")
def left_matrix(X):
    W_Q = np.array([[0, 5], [-5, 0]])
    return attention_weights(X @ W_Q, X)


@right("01.5")
def left_stack(X):
    queries = 5 * np.stack([-X[:, 1], X[:, 0]], axis=1)
    return attention_weights(queries, X)


@right("01.5")
def left_rotation(X):
    t = math.pi / 2
    R = np.array([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]])
    Q = 5 * (R @ X.T).T
    return softmax(Q @ X.T / np.sqrt(2))


@right("01.5")
def left_loops(X):
    weights = np.zeros((len(X), len(X)))
    for i, (x, y) in enumerate(X):
        e = [math.exp((-5 * y * u + 5 * x * w) / 2**0.5) for u, w in X]
        weights[i] = np.array(e) / sum(e)
    return weights


@right("01.5")
def left_complex(X):
    z = X[:, 0] + 1j * X[:, 1]
    scores = np.real((5j * z)[:, None] * z.conj()[None, :])
    return softmax(scores / math.sqrt(X.shape[1]))


@right("01.5")
def left_keys_turned_right(X):
    keys = X @ np.array([[0.0, -1.0], [1.0, 0.0]])
    return attention_weights(5 * X, keys)


@right("01.5")
def left_three_matrices(X):
    W_Q, W_K = 5 * np.array([[0.0, 1.0], [-1.0, 0.0]]), np.eye(2)
    Q, K = X @ W_Q, X @ W_K
    e = np.exp(Q @ K.T / np.sqrt(K.shape[1]))
    return (e / e.sum(axis=-1, keepdims=True)).tolist()


@wrong("01.5", "copies the lesson's matrix", says="looks to its *right*")
def left_as_in_lesson(X):
    return attention_weights(X @ (5 * np.array([[0, -1], [1, 0]])), X)


@wrong("01.5", "takes the matrix for columns", says="looks to its *right*")
def left_for_columns(X):
    R = np.array([[0, -1], [1, 0]])
    return attention_weights(5 * X @ R, X)


@wrong("01.5", "turns the keys", says="looks to its *right*")
def left_turns_keys(X):
    turned = np.stack([-X[:, 1], X[:, 0]], axis=1)
    return attention_weights(5 * X, turned)


@wrong("01.5", "turns both", says="looks mostly at itself")
def left_turns_both(X):
    turned = X @ np.array([[0, 1], [-1, 0]])
    return attention_weights(5 * turned, turned)


@wrong("01.5", "turns nothing", says="looks mostly at itself")
def left_turns_nothing(X):
    return attention_weights(5 * X, X)


@wrong("01.5", "exchanges x and y", says="mirrors an arrow")
def left_exchanges(X):
    return attention_weights(5 * X[:, ::-1], X)


@wrong("01.5", "turns by 180 degrees", says="looks at the opposite one")
def left_opposite(X):
    return attention_weights(-5 * X, X)


@wrong("01.5", "does not divide by √d", says="not divided by $\\sqrt d$")
def left_unscaled(X):
    return softmax(X @ np.array([[0, 5], [-5, 0]]) @ X.T)


@wrong("01.5", "divides by d", says="you divide by $d$")
def left_divides_by_d(X):
    return softmax(X @ np.array([[0, 5], [-5, 0]]) @ X.T / 2)


@wrong("01.5", "takes the number of arrows for d", says="root of the *number*")
def left_number(X):
    Q = X @ np.array([[0, 5], [-5, 0]])
    return softmax(Q @ X.T / np.sqrt(len(X)))


@wrong("01.5", "forgets the factor 5", says="as long as the keys")
def left_short(X):
    return attention_weights(X @ np.array([[0, 1], [-1, 0]]), X)


@wrong("01.5", "lengthens the keys as well", says="queries *and* keys")
def left_both_long(X):
    X = 5 * X
    return attention_weights(X @ np.array([[0, 1], [-1, 0]]), X)


@wrong("01.5", "normalizes over the queries", says="runs over the queries")
def left_columns(X):
    scores = X @ np.array([[0, 5], [-5, 0]]) @ X.T / np.sqrt(2)
    e = np.exp(scores)
    return e / e.sum(axis=0)


@wrong("01.5", "swaps rows and columns at the end", says="transposed")
def left_transposed(X):
    return attention_weights(X @ np.array([[0, 5], [-5, 0]]), X).T


@wrong("01.5", "returns the scores", says="These are the scores")
def left_scores(X):
    return X @ np.array([[0, 5], [-5, 0]]) @ X.T / np.sqrt(2)


@wrong("01.5", "returns the outputs", says="means of the arrows")
def left_outputs(X):
    return attention(X @ np.array([[0, 5], [-5, 0]]), X, X)


@wrong("01.5", "turns by 90 radians")
def left_radians(X):
    t = 90
    R = np.array([[math.cos(t), math.sin(t)], [-math.sin(t), math.cos(t)]])
    return attention_weights(5 * X @ R, X)


@wrong("01.5", "forgets keepdims")
def left_keepdims(X):
    e = np.exp(X @ np.array([[0, 5], [-5, 0]]) @ X.T / np.sqrt(2))
    return e / e.sum(axis=1)


# 01.6: one block at a time


@right("01.6")
def streaming(query, blocks):
    m, total, out = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        new = max(m, scores.max())
        old = np.exp(m - new)
        e = np.exp(scores - new)
        total = total * old + e.sum()
        out = out * old + e @ values
        m = new
    return out / total


@right("01.6")
def streaming_normalized(query, blocks):
    """Keeps a finished output and the log-sum-exp so far."""
    lse, out = -np.inf, None
    for keys, values in blocks:
        scores = keys @ query / math.sqrt(query.shape[-1])
        block = _log_sum_exp(scores)
        new = np.logaddexp(lse, block)
        part = np.exp(scores - new) @ values
        out = part if out is None else out * np.exp(lse - new) + part
        lse = new
    return out


@right("01.6")
def streaming_from_the_first(query, blocks):
    scale = query.size**-0.5
    keys, values = next(blocks)
    s = keys @ query * scale
    m = s.max()
    p = np.exp(s - m)
    total, acc = p.sum(), p @ values
    for keys, values in blocks:
        s = keys @ query * scale
        new = np.maximum(m, s.max())
        p = np.exp(s - new)
        total = total * np.exp(m - new) + p.sum()
        acc = acc * np.exp(m - new) + p @ values
        m = new
    return acc / total


@right("01.6")
def streaming_parts(query, blocks):
    """One small summary of each block, put together at the end."""
    parts = []
    for keys, values in blocks:
        s = keys @ query / np.sqrt(query.shape[0])
        e = np.exp(s - s.max())
        parts.append((s.max(), e.sum(), e @ values))
    top = max(m for m, _, _ in parts)
    total = sum(np.exp(m - top) * t for m, t, _ in parts)
    return sum(np.exp(m - top) * o for m, _, o in parts) / total


@right("01.6")
def streaming_key_by_key(query, blocks):
    m, total, out = None, 0.0, None
    for keys, values in blocks:
        for key, value in zip(keys, values, strict=True):
            s = float(np.dot(query, key)) / len(query) ** 0.5
            if m is None:
                m, total, out = s, 1.0, np.array(value, dtype=float)
            elif s > m:
                shrink = math.exp(m - s)
                m, total, out = s, total * shrink + 1, out * shrink + value
            else:
                e = math.exp(s - m)
                total, out = total + e, out + e * value
    return out / total


@right("01.6")
def streaming_while(query, blocks):
    m, total, out = -np.inf, 0.0, 0.0
    blocks = iter(blocks)
    while True:
        try:
            keys, values = next(blocks)
        except StopIteration:
            return out / total
        scores = np.einsum("md,d->m", keys, query) / np.sqrt(keys.shape[1])
        new = np.max([m, *scores])
        e = np.exp(scores - new)
        shrink = np.exp(m - new)
        total, out, m = shrink * total + np.sum(e), shrink * out + e @ values, new


@wrong("01.6", "collects all blocks in a list", says="hold the keys or the values")
def collects_all(query, blocks):
    keys, values = zip(*blocks, strict=True)
    keys, values = np.concatenate(keys), np.concatenate(values)
    return softmax(keys @ query / np.sqrt(len(query))) @ values


@wrong(
    "01.6", "glues the blocks together one by one", says="hold the keys or the values"
)
def glues_all(query, blocks):
    keys, values = next(blocks)
    for k, v in blocks:
        keys, values = np.vstack([keys, k]), np.vstack([values, v])
    return attention(query[None], keys, values)[0]


@wrong("01.6", "keeps all scores and all values", says="hold the keys or the values")
def keeps_values(query, blocks):
    scores, values = [], []
    for k, v in blocks:
        scores.extend(k @ query / np.sqrt(len(query)))
        values.extend(np.array(v))
    return softmax(np.array(scores)) @ np.array(values)


@wrong("01.6", "goes through the blocks twice", says="go through the blocks twice")
def two_passes(query, blocks):
    scale = np.sqrt(len(query))
    m = max((k @ query).max() / scale for k, _ in blocks)
    total, out = 0, 0
    for keys, values in blocks:
        e = np.exp(keys @ query / scale - m)
        total, out = total + e.sum(), out + e @ values
    return out / total


@wrong(
    "01.6",
    "takes exponentials of the scores as they are",
    says="Right for small scores; for large ones",
)
def streaming_unstable(query, blocks):
    total, out = 0.0, 0.0
    for keys, values in blocks:
        e = np.exp(keys @ query / np.sqrt(len(query)))
        total, out = total + e.sum(), out + e @ values
    return out / total


@wrong(
    "01.6",
    "forgets to rescale what it has summed",
    says="When a larger score turns up, the earlier",
)
def forgets_rescaling(query, blocks):
    m, total, out = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        m = max(m, scores.max())
        e = np.exp(scores - m)
        total, out = total + e.sum(), out + e @ values
    return out / total


@wrong(
    "01.6",
    "rescales the output but not the sum",
    says="You rescale the running mix of values but",
)
def rescales_output_only(query, blocks):
    m, total, out = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        new = max(m, scores.max())
        e = np.exp(scores - new)
        total, out = total + e.sum(), out * np.exp(m - new) + e @ values
        m = new
    return out / total


@wrong(
    "01.6",
    "averages the answers of the blocks",
    says="You average the answers of the blocks as if",
)
def averages_blocks(query, blocks):
    parts = [attention(query[None], k, v)[0] for k, v in blocks]
    return np.mean(parts, axis=0)


@wrong("01.6", "forgets to divide by √d", says="The scores are not divided")
def streaming_unscaled(query, blocks):
    m, total, out = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query
        new = max(m, scores.max())
        old, e = np.exp(m - new), np.exp(scores - new)
        total, out, m = total * old + e.sum(), out * old + e @ values, new
    return out / total


@wrong(
    "01.6",
    "starts with a maximum of 0",
    says="Start the maximum at −∞, not at 0",
)
def starts_at_zero(query, blocks):
    m, total, out = 0.0, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        new = max(m, scores.max())
        old, e = np.exp(m - new), np.exp(scores - new)
        total, out, m = total * old + e.sum(), out * old + e @ values, new
    return out / total


@wrong(
    "01.6",
    "shifts by the maximum of the first block for ever",
    says="You keep the maximum of the first block; a",
)
def first_maximum(query, blocks):
    m, total, out = None, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        m = scores.max() if m is None else m
        e = np.exp(scores - m)
        total, out = total + e.sum(), out + e @ values
    return out / total


@wrong(
    "01.6",
    "shifts each block by a maximum of its own",
    says="Each block's exponentials are taken against",
)
def block_maximum(query, blocks):
    total, out = 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        e = np.exp(scores - scores.max())
        total, out = total + e.sum(), out + e @ values
    return out / total


@wrong(
    "01.6",
    "rescales the wrong way round",
    says="You rescale the wrong way round",
)
def rescales_inverted(query, blocks):
    m, total, out = None, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        new = scores.max() if m is None else max(m, scores.max())
        old = 1.0 if m is None else np.exp(new - m)
        e = np.exp(scores - new)
        total, out, m = total * old + e.sum(), out * old + e @ values, new
    return out / total


@wrong(
    "01.6",
    "forgets to divide by the sum at the end",
    says="You never divide by the sum of the",
)
def forgets_division(query, blocks):
    m, out = -np.inf, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        new = max(m, scores.max())
        out = out * np.exp(m - new) + np.exp(scores - new) @ values
        m = new
    return out


@wrong(
    "01.6",
    "looks at the first block only",
    says="Only the first block is in your answer",
)
def first_block_only(query, blocks):
    for keys, values in blocks:
        return attention(query[None], keys, values)[0]


@wrong(
    "01.6",
    "forgets to remember the new maximum",
    says="Only the last block is in your answer",
)
def forgets_new_maximum(query, blocks):
    m, total, out = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        new = max(m, scores.max())
        old, e = np.exp(m - new), np.exp(scores - new)
        total, out = total * old + e.sum(), out * old + e @ values
    return out / total


@wrong(
    "01.6",
    "divides by the root of the number of keys in the block",
    says="You divide by the root of the *number* of",
)
def scale_of_block(query, blocks):
    m, total, out = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(keys))
        new = max(m, scores.max())
        old, e = np.exp(m - new), np.exp(scores - new)
        total, out, m = total * old + e.sum(), out * old + e @ values, new
    return out / total
