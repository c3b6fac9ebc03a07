"""Pictures as tensors: decode a split, vary a batch at random, refuse what is none."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from course_utils.data.pictures import class_numbers, upright


def to_tensors(split, mean: float = 0.5, std: float = 0.5) -> tuple[Tensor, Tensor]:
    """Decode a whole split into images (B, C, H, W), float32, and labels (B,), int64.

    Gray pictures (mode L) keep their one channel; all others become RGB, as ``upright``
    does it. The usual ``mean`` and ``std`` give -1 for black and 1 for white. Images of
    different sizes, or a label that is not a class, are a ValueError.
    """
    if not len(split):
        raise ValueError("the split has no rows, so there is nothing to decode")
    labels = torch.from_numpy(class_numbers(split["label"]))
    images = (x if x.mode == "L" else upright(x) for x in split["image"])
    arrays = [np.atleast_3d(image) for image in images]  # (H, W) -> (H, W, 1)
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"images differ in size ({sorted(shapes)[:3]}); resize them")
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2)  # -> (B, C, H, W)
    return ((pixels.float() / 255).contiguous() - mean) / std, labels


def small_affine(
    images: Tensor, *, degrees: float = 15, shift: float = 0.04, zoom: float = 0.15
) -> Tensor:
    """Rotate, shift and zoom each image of a batch (B, C, H, W) a little, at random.

    ``degrees`` is the largest rotation; ``shift`` and ``zoom`` are shares of the side.
    """
    device, dtype = images.device, images.dtype
    draws = 2 * torch.rand(4, len(images), device=device, dtype=dtype) - 1
    angle = draws[0] * math.radians(degrees)
    scale = 1 + draws[1] * zoom
    cos, sin = angle.cos() / scale, angle.sin() / scale
    right, down = 2 * shift * draws[2:]  # the grid runs from -1 to 1
    tall = images.shape[2] / images.shape[3]  # both sides are 2 long in the grid
    rows = [
        torch.stack([cos, -sin * tall, right], 1),
        torch.stack([sin / tall, cos, down], 1),
    ]
    maps = torch.stack(rows, 1)  # (B, 2, 3)
    grid = F.affine_grid(maps, images.shape, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


def check_images(model: nn.Module, images: Tensor, name: str) -> None:
    """Refuse everything but a batch of images with which the model can compute."""
    if not isinstance(images, Tensor):
        todo = "to_tensors makes tensors of a split, torch.from_numpy of an array"
    elif images.ndim != 4:
        todo = "images[None] makes a batch of one, images[:, None] gives gray a channel"
    elif not images.is_floating_point():
        todo = "scale gray levels as in to_tensors, (images.float() / 255 - 0.5) / 0.5"
    elif images.dtype == torch.float64 != next(model.parameters()).dtype:
        todo = "give images.float(), as the model's weights are not torch.float64"
    else:
        return
    wanted = "a float Tensor of shape (B, C, H, W)"
    raise ValueError(f"{name} must be {wanted}, not a {_kind(images)}; {todo}")


def check_pair(model: nn.Module, data: tuple[Tensor, Tensor], name: str) -> None:
    """Refuse all but images and, for each of them, the number of its class."""
    if not isinstance(data, tuple | list) or len(data) != 2:
        wanted = f"{name} must be a pair, images and labels, not a {_kind(data)}"
        raise ValueError(f"{wanted}; to_tensors makes such a pair of a split")
    images, labels = data
    check_images(model, images, f"the image tensor of {name}")
    if not len(images):
        raise ValueError(f"{name} has 0 images; give at least one, with its label")
    wanted = f"Tensor of torch.int64 and shape ({len(images)},)"
    if _kind(labels) != wanted:
        raise ValueError(
            f"{name} has {len(images)} images, so its labels must be a {wanted}, not a "
            f"{_kind(labels)}; torch.tensor(labels) makes a tensor of a list or an "
            "array, labels.long() makes it torch.int64"
        )


def _kind(value):
    shape = f" and shape {tuple(value.shape)}" if hasattr(value, "shape") else ""
    return type(value).__qualname__ + (shape and f" of {value.dtype}{shape}")
