"""Splits become tensors, and ``small_affine`` moves pictures as it says."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils.training import (
    small_affine,
    to_tensors,
)

ROOT = Path(__file__).resolve().parents[2]


# --- Data -------------------------------------------------------------------------


class Split(dict):
    def __len__(self):
        return len(self["label"])


def test_to_tensors_scales_gray_and_color_images():
    gray = Split(image=[Image.new("L", (3, 2), g) for g in (0, 255)], label=[4, 5])
    images, labels = to_tensors(gray)
    assert images.shape == (2, 1, 2, 3) and images.dtype == torch.float32
    assert images[0].unique().tolist() == [-1.0]
    assert images[1].unique().tolist() == [1.0]
    assert labels.tolist() == [4, 5] and labels.dtype == torch.int64
    shifted, _ = to_tensors(gray, mean=0.2, std=0.4)
    torch.testing.assert_close(shifted[:, 0, 0, 0], torch.tensor([-0.5, 2.0]))
    color = Split(image=[Image.new("RGB", (3, 2), (255, 0, 0))], label=[0])
    assert to_tensors(color)[0][0, :, 0, 0].tolist() == [1.0, -1.0, -1.0]


def test_to_tensors_refuses_nothing_and_mixed_sizes():
    with pytest.raises(ValueError, match="no rows"):
        to_tensors(Split(image=[], label=[]))
    mixed = Split(image=[Image.new("L", (2, 2)), Image.new("L", (3, 3))], label=[0, 1])
    with pytest.raises(ValueError, match="differ in size"):
        to_tensors(mixed)


def test_to_tensors_reads_every_kind_of_picture_as_rgb():
    red = Image.new("RGB", (3, 2), (255, 0, 0))
    clear = Image.new("RGBA", (3, 2), (0, 0, 0, 0))
    for picture, wanted in [(red.quantize(), [1, -1, -1]), (clear, [1, 1, 1])]:
        images, _ = to_tensors(Split(image=[picture], label=[0]))
        assert images[0, :, 0, 0].tolist() == wanted


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat", "dog"], "label of row 0 is 'cat', but classes are whole numbers"),
        ([0, None], "label of row 1 is None, but classes are whole numbers"),
        ([0, -1], "label of row 1 is -1, but classes are whole numbers, 0 and above"),
    ],
)
def test_to_tensors_refuses_labels_that_are_no_classes(labels, said):
    images = [Image.new("L", (2, 2))] * 2
    with pytest.raises(ValueError, match=said):
        to_tensors(Split(image=images, label=labels))


def test_small_affine_without_freedom_changes_nothing():
    images = torch.rand(5, 1, 28, 28)
    same = small_affine(images, degrees=0, shift=0, zoom=0)
    torch.testing.assert_close(same, images, rtol=0, atol=1e-5)


def test_small_affine_moves_each_image_within_its_limits():
    torch.manual_seed(0)
    images = -torch.ones(200, 1, 29, 29)
    images[:, 0, 14, 14] = 1  # one bright pixel in the center
    moved = small_affine(images, degrees=0, shift=0.1, zoom=0) + 1
    rows = torch.arange(29.0)
    down = (moved.sum((1, 3)) * rows).sum(1) / moved.sum((1, 2, 3)) - 14
    assert down.abs().max() <= 2.9 + 1e-3  # a tenth of 29 pixels
    assert down.std() == pytest.approx(2.9 / 3**0.5, rel=0.15)  # uniform


def moved_by_hand(image, angle, scale, right, down):
    """Look up each pixel of the new picture (H, W) where it was in the old one."""
    H, W = image.shape
    found = np.zeros((H, W))
    for y, x in np.ndindex(H, W):
        from_x, from_y = x - (W - 1) / 2, y - (H - 1) / 2  # pixels from the middle
        at_x = (math.cos(angle) * from_x - math.sin(angle) * from_y) / scale
        at_y = (math.sin(angle) * from_x + math.cos(angle) * from_y) / scale
        at_x = np.clip(at_x + right * W + (W - 1) / 2, 0, W - 1)
        at_y = np.clip(at_y + down * H + (H - 1) / 2, 0, H - 1)
        left, top = min(int(at_x), W - 2), min(int(at_y), H - 2)
        share_x, share_y = at_x - left, at_y - top
        for i, j in np.ndindex(2, 2):  # its four neighbors, by nearness
            part = (share_y if i else 1 - share_y) * (share_x if j else 1 - share_x)
            found[y, x] += part * image[top + i, left + j]
    return found


@pytest.mark.parametrize("shape", [(12, 12), (8, 20), (17, 9)])
def test_small_affine_turns_zooms_and_shifts_pixels_as_drawn(shape):
    torch.manual_seed(4)
    images = torch.rand(6, 1, *shape, dtype=torch.float64)
    limits = {"degrees": 40, "shift": 0.2, "zoom": 0.3}
    torch.manual_seed(5)
    moved = small_affine(images, **limits)
    torch.manual_seed(5)
    draws = 2 * torch.rand(4, 6, dtype=torch.float64).numpy() - 1
    assert draws.min() < -0.5 and draws.max() > 0.5
    for image, new, (turn, zoom, right, down) in zip(
        images[:, 0].numpy(), moved[:, 0].numpy(), draws.T, strict=True
    ):
        wanted = moved_by_hand(
            image, math.radians(40 * turn), 1 + 0.3 * zoom, 0.2 * right, 0.2 * down
        )
        np.testing.assert_allclose(new, wanted, rtol=0, atol=1e-6)


def test_small_affine_keeps_a_circle_round_whatever_the_shape():
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(
        torch.arange(40.0), torch.arange(90.0), indexing="ij"
    )
    far = (rows - 19.5) ** 2 + (columns - 44.5) ** 2
    circle = torch.sigmoid(12.0 - far.sqrt()).expand(50, 1, -1, -1)
    turned = small_affine(circle, degrees=90, shift=0, zoom=0)
    torch.testing.assert_close(turned, circle, rtol=0, atol=0.02)


def test_small_affine_moves_a_little_unless_told_otherwise():
    torch.manual_seed(0)
    images = torch.rand(9, 2, 10, 10)
    torch.manual_seed(1)
    plain = small_affine(images)
    torch.manual_seed(1)
    told = small_affine(images, degrees=15, shift=0.04, zoom=0.15)
    assert torch.equal(plain, told)
