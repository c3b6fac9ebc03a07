"""Figures of lessons 04 and 05."""

import numpy as np

from course_utils.plots import COLORS
from course_utils.plots.diagrams import arrow, box, canvas, words

XS = np.array([0.45, 1.25, 2.05, 2.85, 3.65])  # of the class token and of four patches
GRAY, GREEN = COLORS["gray"], COLORS["green"]


def draw_vit(image, patch_size, *, dim, depth, classes, channels_last=False):
    """Draw the whole ViT around a gray image (2P, 2P), which is cut into 2 x 2 patches.

    ``channels_last`` writes the shape of a batch of images as Keras has it.
    """
    image, P = np.asarray(image), patch_size
    if image.shape != (2 * P, 2 * P):
        wanted = f"2 x 2 patches: with patch_size={P}, give an image of shape"
        raise ValueError(
            f"the drawing has room for {wanted} {(2 * P, 2 * P)}, not {image.shape}"
        )
    figure, ax = canvas(5.6, 6.7, title="A ViT: patches in, one token read out")
    _cut(ax, image, P)
    _through_the_blocks(ax, depth)
    _read_out(ax, classes)
    images = f"{2 * P}, {2 * P}, 1" if channels_last else f"1, {2 * P}, {2 * P}"
    for y, shape in (
        (0.53, f"(B, {images})"),
        (1.61, f"(B, 4, {P * P})"),
        (2.3, f"(B, 4, {dim})"),
        (3.05, f"(B, 5, {dim})"),
        (4.15, f"(B, 5, {dim})"),
        (5.56, f"(B, {dim})"),
        (6.3, f"(B, {classes})"),
    ):
        words(ax, XS[-1] + 0.5, y, shape, ha="left", color=GRAY)
    return figure


def _cut(ax, image, P):
    """Draw the image, its two cuts and below it its four patches in a row."""
    look = {"cmap": "gray", "aspect": "auto", "vmin": image.min(), "vmax": image.max()}
    middle = XS[2]
    left, right = middle - 0.45, middle + 0.45
    ax.imshow(image, extent=(left, right, 0.98, 0.08), **look)
    ax.axhline(0.53, left / 5.6, right / 5.6, color="white", lw=1)
    ax.plot([middle, middle], [0.08, 0.98], color="white", lw=1, ls="-")
    patches = image.reshape(2, P, 2, P).swapaxes(1, 2).reshape(4, P, P)
    for x, patch in zip(XS[1:], patches, strict=True):
        arrow(ax, (middle, 1.0), (x, 1.32), color=GRAY)
        ax.imshow(patch, extent=(x - 0.27, x + 0.27, 1.88, 1.34), **look)


def _through_the_blocks(ax, depth):
    """Draw how four patches and the class token pass the layers of the encoder."""
    wide = XS[-1] - XS[0] + 0.66
    blue, red = COLORS["blue"], COLORS["vermilion"]
    middle = XS[2]
    box(ax, XS[1:].mean(), 2.3, "linear projection", color=blue, width=wide - 0.8)
    words(ax, XS[0], 2.3, "class\ntoken", fontsize=11)
    box(ax, middle, 3.05, "+ positions", color=GREEN, width=wide, height=0.4)
    block = f"encoder block × {depth}"
    box(ax, middle, 4.15, block, color=red, width=wide, height=0.8)
    for x in XS:
        arrow(ax, (x, 2.56), (x, 2.84))
        arrow(ax, (x, 3.26), (x, 3.74))
    for x in XS[1:]:
        arrow(ax, (x, 1.9), (x, 2.04))
        arrow(ax, (x, 4.56), (x, 4.84), color=GRAY)
        words(ax, x, 5.0, "unread", fontsize=10, color=GRAY)


def _read_out(ax, classes):
    """Draw the way from the class token to the logits."""
    first = XS[0] + 0.32
    arrow(ax, (XS[0], 4.56), (XS[0], 5.3))
    box(ax, first, 5.56, "layer norm", color=GREEN, width=1.3)
    arrow(ax, (first, 5.82), (first, 6.04))
    box(ax, first, 6.3, "head", color=COLORS["purple"], width=1.3)
    arrow(ax, (first + 0.68, 6.3), (first + 1.08, 6.3))
    words(ax, XS[0] + 1.5, 6.3, f"{classes} logits", ha="left")
