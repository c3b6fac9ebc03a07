"""Softmax and attention in NumPy: against PyTorch, and what they promise."""

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from course_utils.vit.numpy import attention, attention_weights, softmax


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def some_qkv(rng, lead=(), n=5, m=7, d=4, v=3):
    shapes = (*lead, n, d), (*lead, m, d), (*lead, m, v)
    return [rng.standard_normal(shape) for shape in shapes]


# --- softmax ----------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_softmax_equals_torch_along_the_last_axis(rng, shape):
    scores = 5 * rng.standard_normal(shape)
    wanted = torch.softmax(torch.tensor(scores), dim=-1)
    np.testing.assert_allclose(softmax(scores), wanted, atol=1e-12)


@pytest.mark.parametrize("shift", [-1e5, -1000.0, 1000.0, 1e5])
def test_softmax_sees_only_differences_and_survives_any_size(rng, shift):
    scores = rng.standard_normal((3, 4))
    with np.errstate(all="raise"):
        np.testing.assert_allclose(softmax(scores + shift), softmax(scores), atol=1e-9)


def test_softmax_gives_weight_0_to_minus_infinity():
    weights = softmax(np.array([[0.0, -np.inf, 0.0]]))
    np.testing.assert_array_equal(weights, [[0.5, 0.0, 0.5]])


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_precision_of_the_input_is_kept(rng, kind):
    q, k, v = (x.astype(kind) for x in some_qkv(rng))
    mask = np.ones((5, 7), dtype=bool)
    assert softmax(q).dtype == kind
    assert attention(q, k, v, mask).dtype == kind


# --- attention --------------------------------------------------------------------


@pytest.mark.parametrize("lead", [(), (2,), (2, 3)], ids=["one", "batch", "heads"])
@pytest.mark.parametrize("mask", [None, "padding", "causal"])
def test_attention_equals_torch(rng, lead, mask):
    q, k, v = some_qkv(rng, lead)
    if mask == "padding":
        mask = np.arange(7) < 5
    elif mask == "causal":
        mask = np.tril(np.ones((5, 7), dtype=bool))
    theirs = scaled_dot_product_attention(
        *(torch.tensor(x) for x in (q, k, v)),
        attn_mask=None
        if mask is None
        else torch.tensor(np.broadcast_to(mask, (5, 7)).copy()),
    )
    np.testing.assert_allclose(attention(q, k, v, mask), theirs, atol=1e-12)


def test_attention_equals_torch_in_single_precision(rng):
    q, k, v = (x.astype(np.float32) for x in some_qkv(rng, (2, 3), 50, 50, 64, 64))
    theirs = scaled_dot_product_attention(*(torch.tensor(x) for x in (q, k, v)))
    np.testing.assert_allclose(attention(q, k, v), theirs, atol=1e-6)


def test_attention_equals_loops(rng):
    q, k, v = some_qkv(rng)
    for i, query in enumerate(q):
        powers = [np.exp(sum(query * key) / 4**0.5) for key in k]
        wanted = sum(p * x for p, x in zip(powers, v, strict=True)) / sum(powers)
        np.testing.assert_allclose(attention(q, k, v)[i], wanted)


def test_weights_of_each_query_sum_to_1(rng):
    q, k, _ = some_qkv(rng, (2,))
    weights = attention_weights(q, k, np.tril(np.ones((5, 7), dtype=bool)))
    assert weights.shape == (2, 5, 7) and weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=-1), 1)


def test_hidden_key_cannot_be_felt(rng):
    q, k, v = some_qkv(rng)
    mask = np.arange(7) < 6
    before = attention(q, k, v, mask)
    k[6], v[6] = 1e6, -1e6
    np.testing.assert_array_equal(attention(q, k, v, mask), before)
    np.testing.assert_allclose(attention(q, k[:6], v[:6]), before)


def test_permuting_tokens_permutes_outputs(rng):
    x = rng.standard_normal((6, 4))
    order = rng.permutation(6)
    moved = attention(x[order], x[order], x[order])
    np.testing.assert_allclose(moved, attention(x, x, x)[order])


def test_permuting_keys_with_their_values_changes_nothing(rng):
    q, k, v = some_qkv(rng)
    order = rng.permutation(7)
    np.testing.assert_allclose(attention(q, k[order], v[order]), attention(q, k, v))


def test_scores_of_unit_variance_have_unit_variance(rng):
    # Seen: 1.0015, and within 0.015 of 1 for twelve seeds.
    q, k = rng.standard_normal((2, 40_000, 1, 64))
    scores = np.log(attention_weights(q, np.concatenate([k, 0 * k], axis=1)))
    difference = scores[:, 0, 0] - scores[:, 0, 1]  # score of k minus score of 0
    assert difference.var() == pytest.approx(1, abs=0.03)


def test_inputs_are_left_alone(rng):
    inputs = some_qkv(rng)
    copies = [x.copy() for x in inputs]
    attention(*inputs, np.arange(7) < 3)
    for x, copy in zip(inputs, copies, strict=True):
        np.testing.assert_array_equal(x, copy)


def test_query_that_may_look_nowhere_gets_nan(rng):
    q, k, v = some_qkv(rng)
    mask = np.ones((5, 7), dtype=bool)
    mask[2] = False
    with np.errstate(invalid="ignore"):
        outputs = attention(q, k, v, mask)
    assert np.isnan(outputs).all(axis=1).tolist() == [i == 2 for i in range(5)]
