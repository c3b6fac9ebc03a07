"""Patches and fixed positions in NumPy: what notebook 03 promises about them."""

import numpy as np
import pytest
import torch

from course_utils.vit.numpy import patchify, sincos_positions
from course_utils.vit.torch import PatchEmbedding

OBLONG = np.random.default_rng(0).random((2, 12, 20, 3))  # B, H, W, C all different


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
