"""Exercises of notebook 01: divisor, softmax, masks, a look to the left, blocks."""

import tracemalloc

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.vit.numpy import attention, attention_weights, softmax

# --- 01.1 The right divisor -------------------------------------------------------

divisor = Exercise(
    id="01.1",
    title="The right divisor",
    solution=48.0,
    mistakes=(
        Mistake(
            8.0,
            "That is $\\sqrt d$, which is right for variance 1. Here each product "
            "$q_i k_i$ has a larger variance; compute it first.",
        ),
        Mistake(
            2304.0,
            "That is the *variance* of a score. Dividing by a number $c$ divides the "
            "variance by $c^2$.",
        ),
        Mistake(
            64.0,
            "That is $d$. It is too large for unit variances already, and it ignores "
            "the variances 4 and 9.",
        ),
        Mistake(
            384.0,
            "You multiplied two standard deviations by $d$. Variances of independent "
            "terms add up, standard deviations do not.",
        ),
        Mistake(
            np.sqrt(64 * 13),
            "You added the two variances. The variance of a *product* of independent "
            "numbers with mean 0 is the product of the variances.",
        ),
        Mistake(
            6.0,
            "That is the standard deviation of one product $q_i k_i$. A score is the "
            "sum of $d$ of them.",
        ),
        Mistake(
            np.sqrt(64 * 6),
            "You took the product of the standard deviations for a variance. Square "
            "it, then sum over the $d$ terms.",
        ),
        Mistake(
            288.0,
            "You multiplied $\\sqrt d$ by the *variances* of queries and keys. The "
            "root goes over the whole variance of a score.",
        ),
        Mistake(
            40.0,
            "You added the two standard deviations. A score multiplies queries and "
            "keys, so ask for the variance of a product.",
        ),
        Mistake(
            16.0,
            "That takes the variance of the queries into account, but not that of "
            "the keys.",
        ),
        Mistake(
            24.0,
            "That takes the variance of the keys into account, but not that of the "
            "queries.",
        ),
        Mistake(
            1 / 48,
            "You gave the number to *multiply* by. The question is what to divide by.",
        ),
        Mistake(
            8 / 6,
            "You divided $\\sqrt d$ by the two standard deviations. Larger queries "
            "and keys make larger scores, so the divisor has to grow with them.",
        ),
    ),
    hints=(
        "Follow the derivation of $\\sqrt d$ line by line, with 4 and 9 where it has "
        "1 and 1.",
        "One product: $\\operatorname{Var}(q_i k_i) = E[q_i^2]\\,E[k_i^2]$. The score "
        "is the sum of 64 independent ones.",
        "The divisor is the standard deviation of the score: the square root of 64 "
        "times the variance of one product.",
    ),
    because="A score has variance $64 \\cdot 4 \\cdot 9 = 48^2$. A model never "
    "computes this: layer norm (notebook 02) and small initial weights keep the "
    "entries of queries and keys near variance 1 or below at the start.",
)


# --- 01.2 Log-softmax -------------------------------------------------------------


def log_softmax(scores):
    """Logarithm of softmax along the last axis, finite as the scores."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _log_of_softmax(scores):
    return np.log(softmax(scores))


def _unshifted(scores):
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


def _shift_lost(scores):
    top = scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores - top).sum(axis=-1, keepdims=True))


def _log_softmax_over_columns(scores):
    shifted = scores - scores.max(axis=0, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=0, keepdims=True))


def _log_softmax_over_all(scores):
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum())


def _underflow_patched(scores):
    weights = softmax(scores)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return np.where(weights == 0, shifted, np.log(weights))


def _axis_lost(keep_in_max, keep_in_sum):
    def answer(scores):
        shifted = scores - scores.max(axis=-1, keepdims=keep_in_max)
        total = np.exp(shifted).sum(axis=-1, keepdims=keep_in_sum)
        return shifted - np.log(total)

    return answer


def _lse_without_axis(scores):
    return scores - np.logaddexp.reduce(scores, axis=-1)


def _log_of_at_least(small):
    return lambda scores: np.log(softmax(scores) + small)


def _infinity_replaced(scores):
    return np.nan_to_num(np.log(softmax(scores)))


def _shifted_by_largest_of_all(scores):
    shifted = scores - scores.max()
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _log_of_base_10(scores):
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log10(np.exp(shifted).sum(axis=-1, keepdims=True))


def _over_axis_1(scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _ratio_of_logs(scores):
    total = np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return scores / total


log_softmax_exercise = Exercise(
    id="01.2",
    title="Log-softmax that keeps small weights",
    solution=log_softmax,
    cases=(
        (np.array([[0.0, 1.0, 2.0], [2.0, 5.0, 2.0]]),),
        (np.array([[0.0, 1.0], [2.0, 2.0]]),),
        (np.array([0.0, 1000.0]),),
        (np.cos(np.arange(24.0)).round(1).reshape(2, 3, 4),),
        (np.array([[-2000.0, -2001.0], [3.0, 4.0]]),),
        (np.array([[1000.0, 1000.0, 0.0]]),),
    ),
    mistakes=(
        Mistake(
            _log_of_softmax,
            "The small weight has already become 0 when you take its logarithm, and "
            "log 0 is -inf. Take the logarithm on paper, before you compute.",
        ),
        Mistake(
            _unshifted,
            "Right for small scores, but `exp` of a large one is inf. Shift each row "
            "first.",
        ),
        Mistake(
            _shift_lost,
            "You shifted the scores inside the sum only. What you subtract there "
            "must be added to its logarithm, or subtracted outside as well.",
        ),
        Mistake(
            _log_softmax_over_columns,
            "Your *columns* are normalized. The weights of each row should sum to 1: "
            "work along the last axis.",
        ),
        Mistake(
            _log_softmax_over_all,
            "All your weights together sum to 1. Each row should: give `max` and "
            "`sum` an axis, and keep it.",
        ),
        Mistake(
            _ratio_of_logs,
            "The logarithm of a quotient is a *difference* of logarithms, not their "
            "quotient.",
        ),
        Mistake(
            _underflow_patched,
            "Where the weight underflows, you leave out the logarithm of the sum. It "
            "is 0 only if one score stands alone at the top. No case needs care of its "
            "own.",
        ),
        Mistake(
            _axis_lost(False, False),
            "Without `keepdims=True` the row results are lined up with the columns.",
        ),
        Mistake(
            _axis_lost(False, True),
            "Without `keepdims=True` the row maxima are lined up with the columns.",
        ),
        Mistake(
            _axis_lost(True, False),
            "Without `keepdims=True` the row sums are lined up with the columns.",
        ),
        Mistake(
            _lse_without_axis,
            "Your log-sum-exp has one number for each row but no last axis, so NumPy "
            "lines it up with the columns. That axis has to come back.",
        ),
        *(
            Mistake(
                _log_of_at_least(small),
                "A small number keeps the logarithm finite, but it also gives every "
                "tiny weight the same logarithm, and a wrong one. Take the logarithm "
                "on paper, before you compute.",
            )
            for small in (1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-12, 1e-15, 1e-16)
        ),
        Mistake(
            _infinity_replaced,
            "The small weight has already become 0 when you take its logarithm, and "
            "`nan_to_num` only puts another wrong number in the place of -inf.",
        ),
        Mistake(
            _shifted_by_largest_of_all,
            "You subtract the largest score of the whole array. In a row far below it "
            "every exponential becomes 0. Each row has its own maximum.",
        ),
        Mistake(
            lambda scores: scores - scores.max(axis=-1, keepdims=True),
            "You subtract the largest score and stop there. The logarithm of the sum "
            "of the exponentials is missing.",
        ),
        Mistake(
            softmax,
            "These are the weights themselves. Wanted are their logarithms.",
        ),
        Mistake(
            lambda scores: scores + np.logaddexp.reduce(scores, -1, keepdims=True),
            "The logarithm of the sum has the wrong sign: in softmax the sum is what "
            "you divide by.",
        ),
        Mistake(
            _log_of_base_10,
            "You take a logarithm of base 10. Softmax has powers of $e$, so it needs "
            "the natural logarithm.",
        ),
        Mistake(
            _over_axis_1,
            "`axis=1` is the last axis only if there are two. `(..., M)` stands for "
            "any number of axes before it.",
        ),
    ),
    hints=(
        "Write down $\\log a_i$ from the definition of softmax. One of the two terms "
        "needs no `exp` at all.",
        "$\\log a_i = s_i - \\operatorname{LSE}(s)$, and softmax may be computed from "
        "shifted scores, whose largest is 0.",
        "Shift each row by its maximum. Then subtract from the shifted row the "
        "logarithm of the sum of its exponentials, with `keepdims=True`.",
    ),
    because="The difference stays finite where the weight itself underflows to 0. "
    "Cross-entropy, the loss of notebook 04, is minus one entry of it.",
    alternatives=(
        lambda scores: scores - np.logaddexp.reduce(scores, axis=-1, keepdims=True),
        lambda scores: np.apply_along_axis(log_softmax, -1, scores).tolist(),
    ),
)


# --- 01.3 Softmax backward --------------------------------------------------------


def softmax_backward(weights, upstream):
    """Jacobian of softmax times ``upstream``, without the Jacobian."""
    pull = (weights * upstream).sum(axis=-1, keepdims=True)
    return weights * (upstream - pull)


def _through_jacobians(weights, upstream):
    diagonal = weights[..., :, None] * np.eye(weights.shape[-1])
    jacobians = diagonal - weights[..., :, None] * weights[..., None, :]
    return (jacobians @ upstream[..., None])[..., 0]


softmax_backward_exercise = Exercise(
    id="01.3",
    title="Backward through softmax without a Jacobian",
    solution=softmax_backward,
    cases=(
        (
            np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]]),
            np.array([[3.0, -1.0, 2.0], [1.0, 4.0, 0.0]]),
        ),
        (np.array([[0.5, 0.5], [0.1, 0.9]]), np.array([[1.0, 2.0], [-1.0, 3.0]])),
        (
            softmax(np.cos(np.arange(24.0))).reshape(2, 3, 4),
            np.arange(24.0).reshape(2, 3, 4) % 7,
        ),
        (np.array([0.25, 0.75, 0.0]), np.array([1.0, 0.0, 4.0])),
    ),
    mistakes=(
        Mistake(
            lambda weights, upstream: weights * upstream,
            "That is the first term of the Jacobian only. Raising one score also "
            "lowers every other weight: the term $-a_i a_j$ is missing.",
        ),
        Mistake(
            lambda weights, upstream: weights * (1 - weights) * upstream,
            "That is the diagonal of the Jacobian only: how each weight follows its "
            "*own* score. Each weight depends on all scores of its row.",
        ),
        Mistake(
            lambda weights, upstream: (
                weights * (upstream - upstream.mean(axis=-1, keepdims=True))
            ),
            "You subtract the plain mean of `upstream`. What the Jacobian asks for "
            "is its *weighted* mean.",
        ),
        Mistake(
            lambda weights, upstream: (
                weights * (upstream - (weights * upstream).sum(axis=0, keepdims=True))
            ),
            "You sum over the first axis. The entries of one *row* of weights share "
            "one softmax: sum along the last axis.",
        ),
        Mistake(
            lambda weights, upstream: weights * (upstream - (weights * upstream).sum()),
            "You sum over the whole array. Each row has its own softmax: sum along "
            "the last axis, and keep it.",
        ),
        Mistake(
            lambda weights, upstream: (
                upstream - (weights * upstream).sum(axis=-1, keepdims=True)
            ),
            "Nearly: each entry of the Jacobian carries a factor $a_i$, which is "
            "missing outside.",
        ),
        Mistake(
            lambda weights, upstream: (
                weights * (upstream - (weights * upstream).sum(axis=-1))
            ),
            "Without `keepdims=True` the row results are lined up with the columns.",
        ),
        Mistake(
            lambda weights, upstream: (
                weights * (upstream - upstream.sum(axis=-1, keepdims=True))
            ),
            "You sum `upstream` as it is. In the sum over $j$ each entry comes with "
            "its weight $a_j$.",
        ),
        Mistake(
            lambda weights, upstream: (
                weights * (upstream + (weights * upstream).sum(axis=-1, keepdims=True))
            ),
            "The second term has the wrong sign: raising one score *lowers* the "
            "weights of the others.",
        ),
        Mistake(
            lambda weights, upstream: softmax_backward(softmax(weights), upstream),
            "`weights` have been through softmax already; you take it once more.",
        ),
        Mistake(
            lambda weights, upstream: (
                (np.diag(weights) - np.outer(weights, weights)) @ upstream
            ),
            "`softmax_jacobian` is made for the weights of one query. Here many rows "
            "come at once, and no Jacobian is needed.",
        ),
        Mistake(
            lambda weights, upstream: (
                weights * (upstream - (weights * upstream).sum(axis=1, keepdims=True))
            ),
            "`axis=1` is the last axis only if there are two. `(..., M)` stands for "
            "any number of axes before it.",
        ),
    ),
    hints=(
        "Write one entry of $J g$ as a sum over $j$, with "
        "$J_{ij} = a_i(\\delta_{ij} - a_j)$.",
        "$\\sum_j a_i(\\delta_{ij} - a_j)\\,g_j = a_i \\left(g_i - \\sum_j a_j g_j"
        "\\right)$.",
        "The inner sum is one number per row: multiply `weights` and `upstream`, "
        "sum along the last axis with `keepdims=True`.",
    ),
    because="This needs $M$ numbers per row where the Jacobian has $M^2$. It is what "
    "backpropagation through softmax runs, in PyTorch as in FlashAttention.",
    alternatives=(
        _through_jacobians,
        lambda weights, upstream: (
            weights * upstream
            - weights * np.einsum("...m,...m->...", weights, upstream)[..., None]
        ),
    ),
)


# --- 01.4 Spot the bug: padding that leaks ----------------------------------------


def padded_weights(scores, lengths):
    """Softmax over the first ``lengths[b]`` keys; 0 for padding."""
    real = np.arange(scores.shape[-1]) < lengths[:, None]  # (B, M)
    return softmax(np.where(real[:, None, :], scores, -np.inf))  # (B, N, M)


def _real(scores, lengths):
    return (np.arange(scores.shape[-1]) < lengths[:, None])[:, None, :]


def _padding_scores_0(scores, lengths):
    return softmax(scores * _real(scores, lengths))


def _masked_after(scores, lengths):
    return softmax(scores) * _real(scores, lengths)


def _masked_after_and_rescaled(scores, lengths):
    weights = _masked_after(scores, lengths)
    return weights / weights.sum(axis=-1, keepdims=True)


def _upside_down(scores, lengths):
    return softmax(np.where(_real(scores, lengths), -np.inf, scores))


def _one_too_many(scores, lengths):
    return padded_weights(scores, lengths + 1)


def _one_too_few(scores, lengths):
    return padded_weights(scores, lengths - 1)


def _queries_hidden(scores, lengths):
    real = np.arange(scores.shape[-2]) < lengths[:, None]
    return softmax(np.where(real[:, :, None], scores, -np.inf))


def _infinite_weights(scores, lengths):
    return np.where(_real(scores, lengths), softmax(scores), -np.inf)


def _hidden_by(score):
    return lambda scores, lengths: softmax(
        np.where(_real(scores, lengths), scores, score)
    )


def _without_query_axis(mask):
    return lambda scores, lengths: softmax(mask(_real(scores, lengths)[:, 0], scores))


def _length_of_first_item(scores, lengths):
    return padded_weights(scores, np.full_like(lengths, lengths[0]))


def _infinity_times_zero(scores, lengths):
    return softmax(scores + ~_real(scores, lengths) * -np.inf)


def _scores_times_infinity(scores, lengths):
    return softmax(scores * np.where(_real(scores, lengths), 1.0, -np.inf))


def _padding_cut_off(scores, lengths):
    return padded_weights(scores, lengths)[..., : lengths.max()]


def _cut_off_only(scores, lengths):
    return softmax(scores[..., : lengths.max()])


def _return_in_loop(scores, lengths):
    weights = np.zeros_like(scores)
    for item, length in enumerate(lengths):
        weights[item, :, :length] = softmax(scores[item, :, :length])
        return weights


def _exponentials_masked(scores, lengths):
    exponentials = np.exp(scores) * _real(scores, lengths)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _over_whole_item(scores, lengths):
    exponentials = np.exp(np.where(_real(scores, lengths), scores, -np.inf))
    return exponentials / exponentials.sum(axis=(1, 2), keepdims=True)


def _masked_unshifted(scores, lengths):
    exponentials = np.exp(np.where(_real(scores, lengths), scores, -np.inf))
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def _item_by_item(scores, lengths):
    weights = np.zeros_like(scores)
    for item, (rows, length) in enumerate(zip(scores, lengths, strict=True)):
        weights[item, :, :length] = softmax(rows[:, :length])
    return weights


padded_weights_exercise = Exercise(
    id="01.4",
    title="Spot the bug: padding that leaks",
    solution=padded_weights,
    cases=(
        (np.arange(24.0).reshape(2, 3, 4) * 5 % 7 - 3, np.array([2, 3])),
        (np.array([[[-1.0, -2.0, -3.0]]]), np.array([2])),
        (np.array([[[0.0, 1.0, 2000.0]]]), np.array([2])),
        (
            np.array([[[1.0, 2.0, 3.0], [0.0, 0.5, -1.0]], [[4.0, 2.0, 1.0]] * 2]),
            np.array([3, 1]),
        ),
        (np.arange(18.0).reshape(2, 3, 3) % 5, np.array([2, 3])),
        (
            np.array([[[-500.0, -501.0, 3.0]], [[2000.0, 1999.0, 0.0]]]),
            np.array([2, 2]),
        ),
        (np.array([[[-2000.0, -2002.0, 1.0]]]), np.array([2])),
    ),
    mistakes=(
        Mistake(
            _padding_scores_0,
            "Padding still has weight: a score of 0 is not \u201cnothing\u201d, since "
            "exp(0) = 1. Which score makes exp exactly 0?",
        ),
        Mistake(
            _masked_after,
            "The padding is gone, but its share of the weight is gone with it: your "
            "rows no longer sum to 1. The mask must act before the softmax.",
        ),
        Mistake(
            _masked_after_and_rescaled,
            "Dividing by what is left repairs the sum on paper. But one large padding "
            "score drives every real weight to 0, and 0/0 is nan. Hide the *scores*.",
        ),
        Mistake(
            _upside_down,
            "Upside down: you kept the padding and hid the real keys.",
        ),
        Mistake(
            _one_too_many,
            "One key too many: with length 2, the keys 0 and 1 are real, and 2 is not.",
        ),
        Mistake(
            _one_too_few,
            "One key too few: with length 2, the keys 0 and 1 are both real.",
        ),
        Mistake(
            _queries_hidden,
            "You hid *queries* (rows), not keys (columns). The mask must run along "
            "the last axis: shape (B, 1, M).",
        ),
        Mistake(
            _infinite_weights,
            "$-\\infty$ belongs into the scores. A weight lies between 0 and 1.",
        ),
        *(
            Mistake(
                _hidden_by(score),
                "The score that hides your padding is not low enough: where the real "
                "scores lie below it, padding gets the weight. Which score lies below "
                "every other?",
            )
            for score in (-1.0, -10.0, -100.0, -1000.0)
        ),
        *(
            Mistake(
                _without_query_axis(mask),
                "Your mask has the shape (B, M), the scores have (B, N, M). NumPy "
                "lines shapes up from the right, so B meets the queries. Where does "
                "the mask need another axis?",
            )
            for mask in (
                lambda real, scores: np.where(real, scores, -np.inf),
                lambda real, scores: np.where(~real, -np.inf, scores),
                lambda real, scores: scores + np.where(real, 0, -np.inf),
            )
        ),
        Mistake(
            _length_of_first_item,
            "You use the length of the first item for all of them.",
        ),
        Mistake(
            _infinity_times_zero,
            "0 times $-\\infty$ is nan, and so is every weight. *Choose* between score "
            "and $-\\infty$, as `np.where` does, instead of multiplying.",
        ),
        Mistake(
            _scores_times_infinity,
            "Times $-\\infty$ a negative score becomes $+\\infty$, and 0 becomes nan. "
            "*Replace* the score of padding, whatever it was.",
        ),
        *(
            Mistake(
                answer,
                "You cut the padding off. It keeps its place, with weight 0: the "
                "result has the shape of `scores`.",
            )
            for answer in (_padding_cut_off, _cut_off_only)
        ),
        Mistake(
            _return_in_loop,
            "Only the first item has weights. Does your `return` stand inside the "
            "loop?",
        ),
        Mistake(
            _exponentials_masked,
            "`exp` of a large score is inf, and then you get nan. Hide padding among "
            "the *scores*, and shift each row by its maximum, as `softmax` does.",
        ),
        Mistake(
            _over_whole_item,
            "The weights of a whole item sum to 1. The weights of each *query* "
            "should: sum along the last axis.",
        ),
        Mistake(
            _masked_unshifted,
            "The mask is right, but `exp` of a large real score is inf, and inf/inf "
            "is nan. Shift each row by its maximum, as `softmax` does.",
        ),
    ),
    hints=(
        "Look at what the function above prints: which key got the largest weight, "
        "and which score did it have when softmax saw it?",
        "A hidden key needs a score whose exponential is exactly 0. Multiplying "
        "cannot make one.",
        "`np.where(condition, a, b)` takes `a` where the condition holds and `b` "
        "elsewhere. Use it on the scores, with `-np.inf`, in place of the product.",
    ),
    because="A score of $-\\infty$ has exponential 0, so the real keys share the "
    "whole weight, and a padding score has no influence, however large.",
    alternatives=(
        lambda scores, lengths: softmax(np.where(_real(scores, lengths), scores, -1e9)),
        lambda scores, lengths: softmax(
            scores + np.where(_real(scores, lengths), 0.0, -np.inf)
        ),
        _item_by_item,
    ),
)


# --- 01.5 Every wind looks to its left --------------------------------------------


def looking_left(X):
    """Weights with which each arrow (N, 2) looks to its left."""
    W_Q = 5 * np.array([[0, 1], [-1, 0]])  # (x, y) -> 5 (-y, x)
    return attention_weights(X @ W_Q, X)  # (N, 2) and (N, 2) -> (N, N)


_LEFT = np.array([[0, 1], [-1, 0]])  # for rows: (x, y) @ _LEFT = (-y, x)


def _looking(turn, length=5.0, divisor=2**0.5):
    return lambda X: softmax(length * X @ np.array(turn) @ X.T / divisor)


def _left_scores(X):
    return 5 * X @ _LEFT @ X.T / np.sqrt(2)


def _by_angles(X):
    angles = np.arctan2(X[:, 1], X[:, 0])
    wanted = angles[:, None] + np.pi / 2
    return softmax(5 * np.cos(wanted - angles) / np.sqrt(2))


def _compass(*angles):
    """Arrows (N, 2) of length 1 at angles in degrees, 0 for east, 90 for north."""
    angles = np.radians(angles)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).round(6)


looking_left_exercise = Exercise(
    id="01.5",
    title="Every wind looks to its left",
    solution=looking_left,
    cases=(
        (_compass(90, 0, -90, 180),),
        (_compass(20, 80, 200),),
        (_compass(10, 75, 130, 200, 290, 340),),
    ),
    mistakes=(
        Mistake(
            _looking(-_LEFT),
            "Every wind looks to its *right*. Either your matrix turns to the right, "
            "which happens if it is made for columns (`W @ x`) while the arrows are "
            "rows (`x @ W`), or you turned the keys instead of the queries.",
        ),
        *(
            Mistake(
                _looking(np.eye(2), length),
                "No query is turned against the keys, so every wind looks mostly at "
                "itself. If both are turned alike, nothing has changed either.",
            )
            for length in (5.0, 1.0, 25.0)
        ),
        *(
            Mistake(
                _looking(sign * np.array([[0, 1], [1, 0]])),
                "You exchange $x$ and $y$, which mirrors an arrow. For a turn by 90°, "
                "one of the two also changes its sign.",
            )
            for sign in (1, -1)
        ),
        Mistake(
            _looking(-np.eye(2)),
            "You turn by 180°: every wind looks at the opposite one.",
        ),
        Mistake(
            _looking(_LEFT, divisor=1.0),
            "The direction is right, but the scores are not divided by $\\sqrt d$, "
            "which scaled dot-product attention does.",
        ),
        Mistake(
            _looking(_LEFT, divisor=2.0),
            "The direction is right, but you divide by $d$, and it should be "
            "$\\sqrt d$.",
        ),
        Mistake(
            lambda X: softmax(5 * X @ _LEFT @ X.T / np.sqrt(len(X))),
            "The direction is right, but you divide by the root of the *number* of "
            "arrows. What counts is their width $d$.",
        ),
        Mistake(
            _looking(_LEFT, length=1.0),
            "The direction is right, but the queries are as long as the keys. They "
            "should be five times as long.",
        ),
        Mistake(
            _looking(_LEFT, length=25.0),
            "The direction is right, but queries *and* keys are five times as long, "
            "which makes the scores 25 times as large. Only the queries should be.",
        ),
        Mistake(
            _looking(_LEFT, length=0.2),
            "The direction is right, but you made the queries shorter. Five times as "
            "long means multiplied by 5.",
        ),
        Mistake(
            lambda X: softmax(_left_scores(X).T).T,
            "Your softmax runs over the queries: each *column* sums to 1. The weights "
            "of one query over all keys should.",
        ),
        Mistake(
            lambda X: softmax(_left_scores(X)).T,
            "Your weights are transposed: a row belongs to a query, a column to a key.",
        ),
        Mistake(
            lambda X: softmax(_left_scores(X).ravel()).reshape(len(X), -1),
            "All your weights together sum to 1. Each row should.",
        ),
        Mistake(
            _left_scores,
            "These are the scores. Their softmax makes the weights.",
        ),
        Mistake(
            lambda X: softmax(_left_scores(X)) @ X,
            "These are means of the arrows. Wanted are the weights alone.",
        ),
    ),
    hints=(
        "Turn the arrow of north and the arrow of east by hand: (0, 1) must become "
        "(-1, 0), and (1, 0) must become (0, 1). What happens to any $(x, y)$?",
        "To the left is $(x, y) \\to (-y, x)$. In the lesson, $W_Q$ turned to the "
        "right, and here it needs the opposite signs. Only the queries pass through "
        "$W_Q$.",
        "The first row of $W_Q$ is what becomes of (1, 0), its second row what becomes "
        "of (0, 1). Multiply by 5, and give `X @ W_Q` and `X` to `attention_weights`.",
    ),
    because="The scores of $i$ for $j$ and of $j$ for $i$ are opposite numbers here, "
    "so no symmetric $XX^\\top$ could hold them. It takes a $W_Q$ that differs from "
    "$W_K$.",
    alternatives=(_looking(_LEFT), _by_angles),
)


# --- 01.6 Attention, one block of keys at a time ----------------------------------


def streaming_attention(query, blocks):
    """Attention of one query over blocks that pass by once."""
    largest, total, mixed = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))  # (m, d) @ (d,) -> (m,)
        new_largest = max(largest, scores.max())
        rescale = np.exp(largest - new_largest)
        exponentials = np.exp(scores - new_largest)
        total = rescale * total + exponentials.sum()
        mixed = rescale * mixed + exponentials @ values  # (v,)
        largest = new_largest
    return mixed / total


class _PassingBy:
    """An iterator that says what is wrong to whoever reads it twice or keeps it all.

    ``size`` is the number of bytes in all blocks. Each block is a copy of its own, so
    memory tells how many are still held when the last has passed, copied or not.
    """

    def __init__(self, blocks, size):
        self.blocks, self.over, self.size = iter(blocks), False, size
        self.before = tracemalloc.get_traced_memory()[0]

    def __iter__(self):
        if self.over:
            raise NotAnAnswer(
                "You go through the blocks twice. They pass by once: on the second "
                "round an iterator is empty."
            )
        return self

    def __next__(self):
        for keys, values in self.blocks:
            return keys.copy(), values.copy()
        self.over = True
        held = tracemalloc.get_traced_memory()[0] - self.before
        if held > self.size / 2 > _NOISE:
            raise NotAnAnswer(
                "Your numbers may be right, but you hold the keys or the values of all "
                "blocks at once. Keep only what you need of a block before you take "
                "the next: a few sums."
            )
        raise StopIteration


_NOISE = 100_000  # bytes: in smaller cases the kernel's own memory could decide


def _read_once(answer, query, blocks):
    """Let the blocks pass by once, and see what memory they leave behind."""
    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        size = sum(keys.nbytes + values.nbytes for keys, values in blocks)
        return answer(query, _PassingBy(blocks, size))
    finally:
        if not was_tracing:
            tracemalloc.stop()


def _mean_of_blocks(query, blocks):
    return np.mean(
        [attention(query[None], keys, values)[0] for keys, values in blocks], axis=0
    )


def _sum_of_blocks(query, blocks):
    return np.sum(
        [attention(query[None], keys, values)[0] for keys, values in blocks], axis=0
    )


def _streaming(rescale_total=True, rescale_mixed=True, divide=np.sqrt, start=-np.inf):
    def answer(query, blocks):
        largest, total, mixed = start, 0.0, 0.0
        for keys, values in blocks:
            scores = keys @ query / divide(len(query))
            new_largest = max(largest, scores.max())
            rescale = np.exp(largest - new_largest)
            exponentials = np.exp(scores - new_largest)
            total = (rescale if rescale_total else 1) * total + exponentials.sum()
            mixed = (rescale if rescale_mixed else 1) * mixed + exponentials @ values
            largest = new_largest
        return mixed / total

    return answer


def _unshifted_stream(query, blocks):
    total, mixed = 0.0, 0.0
    for keys, values in blocks:
        exponentials = np.exp(keys @ query / np.sqrt(len(query)))
        total = total + exponentials.sum()
        mixed = mixed + exponentials @ values
    return mixed / total


def _max_of_first_block(query, blocks):
    largest, total, mixed = None, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        largest = scores.max() if largest is None else largest
        exponentials = np.exp(scores - largest)
        total = total + exponentials.sum()
        mixed = mixed + exponentials @ values
    return mixed / total


def _max_of_each_block(query, blocks):
    total, mixed = 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        exponentials = np.exp(scores - scores.max())
        total = total + exponentials.sum()
        mixed = mixed + exponentials @ values
    return mixed / total


def _last_block(query, blocks):
    for keys, values in blocks:
        mixed = attention(query[None], keys, values)[0]
    return mixed


def _first_block(query, blocks):
    for keys, values in blocks:
        return attention(query[None], keys, values)[0]


def _scaled_by_block(query, blocks):
    largest, total, mixed = -np.inf, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(keys))
        new_largest = max(largest, scores.max())
        rescale = np.exp(largest - new_largest)
        exponentials = np.exp(scores - new_largest)
        total = rescale * total + exponentials.sum()
        mixed = rescale * mixed + exponentials @ values
        largest = new_largest
    return mixed / total


def _rescaled_upside_down(query, blocks):
    largest, total, mixed = None, 0.0, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        old = scores.max() if largest is None else largest
        largest = max(old, scores.max())
        exponentials = np.exp(scores - largest)
        total = np.exp(largest - old) * total + exponentials.sum()
        mixed = np.exp(largest - old) * mixed + exponentials @ values
    return mixed / total


def _never_divided(query, blocks):
    largest, mixed = -np.inf, 0.0
    for keys, values in blocks:
        scores = keys @ query / np.sqrt(len(query))
        new_largest = max(largest, scores.max())
        mixed = np.exp(largest - new_largest) * mixed
        mixed = mixed + np.exp(scores - new_largest) @ values
        largest = new_largest
    return mixed


def _with_log_sum_exp(query, blocks):
    lse, mixed = -np.inf, 0.0
    for keys, values in blocks:
        scores = keys @ query / len(query) ** 0.5
        block_lse = np.logaddexp.reduce(scores)
        new_lse = np.logaddexp(lse, block_lse)
        mixed = mixed * np.exp(lse - new_lse) + np.exp(scores - new_lse) @ values
        lse = new_lse
    return mixed


streaming_attention_exercise = Exercise(
    id="01.6",
    title="Attention, one block of keys at a time",
    solution=streaming_attention,
    probe=_read_once,
    cases=(
        (
            np.array([1.0, 2.0]),
            [
                (
                    np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [-1.0, 1.0]]),
                    np.array([[10, 0, 1], [20, 0, 2], [0, 5, 0], [5, 5.0, 5]]),
                ),
                (
                    np.array([[2.0, 0.0], [1.0, 1.0], [0.0, -1.0]]),
                    np.array([[30.0, 4.0, 0.0], [0.0, 10.0, 1.0], [1.0, 1.0, 1.0]]),
                ),
            ],
        ),
        (
            np.array([1.0, 2.0, 0.0, -1.0]),
            [
                (np.eye(4)[:2], np.array([[1.0, 0.0], [0.0, 1.0]])),
                (-np.eye(4)[1:], np.arange(6.0).reshape(3, 2)),
                (np.ones((1, 4)), np.array([[5.0, 5.0]])),
            ],
        ),
        (
            np.array([1000.0]),
            [
                (np.array([[1.0]]), np.array([[1.0, 0.0]])),
                (np.array([[1.001]]), np.array([[2.0, 3.0]])),
                (np.array([[-3.0]]), np.array([[4.0, 5.0]])),
            ],
        ),
        (
            np.array([1000.0]),
            [
                (np.array([[-1.0]]), np.array([[1.0, 0.0]])),
                (np.array([[1.0]]), np.array([[2.0, 3.0]])),
            ],
        ),
        (
            np.array([1000.0]),
            [
                (np.array([[-1.0]]), np.array([[1.0, 0.0]])),
                (np.array([[-1.001]]), np.array([[2.0, 3.0]])),
            ],
        ),
        (
            np.array([1000.0]),
            [
                (np.array([[-1.0], [1.0]]), np.array([[1.0, 0.0], [2.0, 3.0]])),
                (np.array([[0.0]]), np.array([[4.0, 5.0]])),
            ],
        ),
        (
            np.array([1.0, -1.0, 0.5]),
            [
                (np.cos(np.arange(60.0 * i, 60 * i + 60)).reshape(20, 3), values)
                for i, values in enumerate(np.sin(np.arange(96e3)).reshape(8, 20, 600))
            ],
        ),
    ),
    mistakes=(
        Mistake(
            _mean_of_blocks,
            "You average the answers of the blocks as if each held the same weight. "
            "A block with large scores must count for more.",
        ),
        Mistake(
            _sum_of_blocks,
            "You add the answers of the blocks, each divided by its own sum already. "
            "Divide once, at the end, by the sum over all blocks.",
        ),
        Mistake(
            _streaming(rescale_total=False, rescale_mixed=False),
            "When a larger score turns up, the earlier sums were taken against the "
            "old maximum. Rescale both to the new one before you add.",
        ),
        Mistake(
            _streaming(rescale_mixed=False),
            "You rescale the running sum of exponentials but not the running mix of "
            "values. Both were taken against the old maximum.",
        ),
        Mistake(
            _streaming(rescale_total=False),
            "You rescale the running mix of values but not the running sum of "
            "exponentials. Both were taken against the old maximum.",
        ),
        Mistake(
            _streaming(divide=lambda d: 1.0),
            "The scores are not divided by $\\sqrt d$.",
        ),
        Mistake(
            _unshifted_stream,
            "Right for small scores; for large ones `exp` overflows. Keep a running "
            "maximum and take exponentials against it.",
        ),
        Mistake(
            _max_of_first_block,
            "You keep the maximum of the first block; a later score may be far "
            "larger, and `exp` overflows.",
        ),
        Mistake(
            _streaming(start=0.0),
            "Start the maximum at −∞, not at 0: if all scores are very negative, "
            "every exponential is 0, and 0/0 is nan.",
        ),
        Mistake(
            _max_of_each_block,
            "Each block's exponentials are taken against its own maximum, so the sums "
            "do not fit together. Take all against one running maximum, and rescale "
            "the old sums when it grows.",
        ),
        Mistake(
            _last_block,
            "Only the last block is in your answer. Carry the sums from one block to "
            "the next, and the maximum with them.",
        ),
        Mistake(
            _first_block,
            "Only the first block is in your answer. Does your `return` stand inside "
            "the loop?",
        ),
        Mistake(
            _scaled_by_block,
            "You divide by the root of the *number* of keys in a block. What counts "
            "is their width $d$.",
        ),
        Mistake(
            _rescaled_upside_down,
            "You rescale the wrong way round: when the maximum grows, the old sums "
            "have to shrink.",
        ),
        Mistake(
            _never_divided,
            "You never divide by the sum of the exponentials, so the weights do not "
            "sum to 1.",
        ),
    ),
    hints=(
        "Softmax needs two sums, $\\sum_j e^{s_j}$ and $\\sum_j e^{s_j} v_j$. Both can "
        "be collected block by block and divided at the end.",
        "For stability, keep the largest score so far, $m$, and collect "
        "$\\sum_j e^{s_j - m}$. What must happen to the sum when $m$ grows to $m'$?",
        "$e^{s - m'} = e^{s - m}\\,e^{m - m'}$: multiply both old sums by "
        "$e^{m - m'}$, then add the new block. Start with $m = -\\infty$ and sums 0.",
    ),
    because="Memory is now one block, whatever the number of keys. This *online "
    "softmax* (Milakov and Gimelshein 2018) is how FlashAttention avoids storing the "
    "$N \\times N$ matrix.",
    alternatives=(_with_log_sum_exp,),
)


EXERCISES = (
    divisor,
    log_softmax_exercise,
    softmax_backward_exercise,
    padded_weights_exercise,
    looking_left_exercise,
    streaming_attention_exercise,
)
