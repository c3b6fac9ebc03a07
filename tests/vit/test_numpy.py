"""Softmax, attention, patches and fixed positions in NumPy: what they promise."""

import numpy as np
import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from course_utils.vit.numpy import (
    attention,
    attention_weights,
    patchify,
    sincos_positions,
    softmax,
)
from course_utils.vit.torch import PatchEmbedding

OBLONG = np.random.default_rng(0).random((2, 12, 20, 3))  # B, H, W, C all different


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


# --- patches and positions ---------------------------------------------------------


@pytest.mark.parametrize("patch_size", [1, 2, 4])
def test_each_patch_is_the_square_at_its_place_row_by_row(patch_size):
    P, patches = patch_size, patchify(OBLONG, patch_size)
    assert patches.shape == (2, 12 * 20 // P**2, P * P * 3)
    for number in range(patches.shape[1]):
        row, column = divmod(number, 20 // P)
        square = OBLONG[:, row * P : (row + 1) * P, column * P : (column + 1) * P]
        np.testing.assert_array_equal(patches[:, number], square.reshape(2, -1))


def test_one_patch_is_the_whole_image():
    image = OBLONG[:, :, :12]
    np.testing.assert_array_equal(patchify(image, 12)[:, 0], image.reshape(2, -1))


def test_patchify_takes_tensors_and_keeps_the_type():
    tensor = torch.from_numpy(OBLONG)
    patches = patchify(tensor, 4)
    assert isinstance(patches, torch.Tensor)
    np.testing.assert_array_equal(patches, patchify(OBLONG, 4))
    assert patchify(OBLONG.astype("uint8"), 4).dtype == np.uint8


def test_patchify_leaves_the_images_alone():
    before = OBLONG.copy()
    patchify(OBLONG, 4)[:] = 0
    np.testing.assert_array_equal(OBLONG, before)


@pytest.mark.parametrize("shape", [(1, 30, 28, 1), (1, 28, 30, 1), (1, 3, 28, 1)])
def test_size_that_does_not_divide_is_refused_with_a_way_out(shape):
    with pytest.raises(ValueError, match=r"7 x 7; crop or resize to multiples of 7"):
        patchify(np.zeros(shape), 7)


def test_projecting_patches_is_the_convolution_of_patch_embedding():
    torch.manual_seed(0)
    embed = PatchEmbedding(image_size=12, patch_size=4, in_channels=3, dim=8)
    images = torch.from_numpy(OBLONG[:, :, :12]).float()
    kernel = embed.project.weight.permute(0, 2, 3, 1).flatten(1)  # (D, P*P*C)
    tokens = patchify(images, 4) @ kernel.T + embed.project.bias
    torch.testing.assert_close(tokens, embed(images.permute(0, 3, 1, 2)))


def test_positions_have_one_row_per_patch_within_one():
    table = sincos_positions(3, 5, 16)
    assert table.shape == (15, 16)
    assert np.abs(table).max() <= 1
    assert len(np.unique(table.round(6), axis=0)) == 15


def test_first_half_of_a_position_is_its_row_second_half_its_column():
    table = sincos_positions(3, 5, 16).reshape(3, 5, 16)
    np.testing.assert_array_equal(table[:, :1, :8].repeat(5, axis=1), table[..., :8])
    np.testing.assert_array_equal(table[:1, :, 8:].repeat(3, axis=0), table[..., 8:])
    np.testing.assert_allclose(table[1, 0, 0], np.sin(1.0))  # row 1, fastest sine
    np.testing.assert_allclose(table[0, 1, 8], np.sin(1.0))  # column 1


def test_likeness_of_two_positions_depends_on_their_distance_only():
    grid = sincos_positions(6, 6, 32).reshape(6, 6, 32)
    here = (grid[:5, :4] * grid[1:, 2:]).sum(-1)  # one row and two columns apart
    np.testing.assert_allclose(here, here[0, 0])


@pytest.mark.parametrize(("dim", "better"), [(6, 8), (2, 4), (13, 16)])
def test_width_that_is_no_multiple_of_four_is_refused(dim, better):
    with pytest.raises(ValueError, match=rf"dim {dim} .*use {better}$"):
        sincos_positions(4, 4, dim)


def test_waves_of_a_position_are_those_of_vaswani():
    found = sincos_positions(3, 4, 8)
    for place in range(12):
        row, column = divmod(place, 4)
        wanted = [  # the second wave is 10,000 ** (1 / 2) times as long as the first
            wave(number * speed)
            for number in (row, column)
            for wave in (np.sin, np.cos)
            for speed in (1, 1 / 100)
        ]
        np.testing.assert_allclose(found[place], wanted, rtol=0, atol=1e-12)
