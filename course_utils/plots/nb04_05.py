"""Figures of lessons 04 and 05."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, MAGNITUDE, arrow, box, canvas, words

XS = [0.45, 1.25, 2.05, 2.85, 3.65]  # where the class token and four patches stand
MIDDLE, RIGHT = 2.05, 4.15  # of all tokens; where the shapes stand
GRAY = COLORS["gray"]


def draw_vit(image, patch_size, *, dim, depth, classes, channels_last=False):
    """Draw the whole ViT around a gray image (2P, 2P), which is cut into patches."""
    image, P = np.asarray(image), patch_size
    if image.shape != (2 * P, 2 * P):
        wanted = f"2 x 2 patches, an image of shape {(2 * P, 2 * P)}"
        raise ValueError(f"the drawing has room for {wanted}, not {image.shape}")
    ax = canvas(5.6, 6.7, title="A ViT: patches in, one token read out")
    batch = f"{2 * P}, {2 * P}, 1" if channels_last else f"1, {2 * P}, {2 * P}"
    words(ax, RIGHT, 0.53, f"(B, {batch})", ha="left", color=GRAY)
    words(ax, RIGHT, 1.61, f"(B, 4, {P * P})", ha="left", color=GRAY)
    block = f"encoder block × {depth}"
    for x, y, text, color, width, height, shape in (
        (2.45, 2.3, "linear projection", "blue", 3.06, 0.5, f"4, {dim}"),
        (MIDDLE, 3.05, "+ positions", "green", 3.86, 0.4, f"5, {dim}"),
        (MIDDLE, 4.15, block, "vermilion", 3.86, 0.8, f"5, {dim}"),
        (0.77, 5.56, "layer norm", "green", 1.3, 0.5, dim),
        (0.77, 6.3, "head", "purple", 1.3, 0.5, classes),
    ):
        box(ax, x, y, text, color=color, width=width, height=height)
        words(ax, RIGHT, y, f"(B, {shape})", ha="left", color=GRAY)
    words(ax, XS[0], 2.3, "class\ntoken", fontsize=11)
    words(ax, 1.95, 6.3, f"{classes} logits", ha="left")
    _draw_patches(ax, image, P)
    _draw_tokens(ax)


def _draw_patches(ax, image, P):
    """Draw the image, its two cuts and below it its four patches in a row."""
    look = {"cmap": "gray", "aspect": "auto", "vmin": image.min(), "vmax": image.max()}
    left, right = MIDDLE - 0.45, MIDDLE + 0.45
    ax.imshow(image, extent=(left, right, 0.98, 0.08), **look)
    ax.axhline(0.53, left / 5.6, right / 5.6, color="white", lw=1)
    ax.plot([MIDDLE, MIDDLE], [0.08, 0.98], color="white", lw=1, ls="-")
    patches = image.reshape(2, P, 2, P).swapaxes(1, 2).reshape(4, P, P)
    for x, patch in zip(XS[1:], patches, strict=True):
        arrow(ax, (MIDDLE, 1.0), (x, 1.32), color=GRAY)
        ax.imshow(patch, extent=(x - 0.27, x + 0.27, 1.88, 1.34), **look)
        frame = plt.Rectangle((x - 0.27, 1.34), 0.54, 0.54, fill=False, ec=GRAY)
        ax.add_patch(frame)  # ink on an edge would melt into the white page


def _draw_tokens(ax):
    """Draw the paths of five tokens, of which only the first one is read out."""
    for x in XS:
        arrow(ax, (x, 2.56), (x, 2.84))
        arrow(ax, (x, 3.26), (x, 3.74))
    for x in XS[1:]:
        arrow(ax, (x, 1.9), (x, 2.04))
        arrow(ax, (x, 4.56), (x, 4.84), color=GRAY)
        words(ax, x, 5.0, "unread", fontsize=10, color=GRAY)
    arrow(ax, (XS[0], 4.56), (XS[0], 5.3))
    arrow(ax, (0.77, 5.82), (0.77, 6.04))
    arrow(ax, (1.45, 6.3), (1.85, 6.3))


def draw_looks(images, looks, titles, *, title):
    """Draw gray images (B, H, W), and below each where a token looks (B, R, C)."""
    images, looks = np.asarray(images), np.asarray(looks)
    figure, axes = plt.subplots(2, len(images), figsize=(6.8, 2.9))
    figure.suptitle(title, x=0.01, ha="left")
    for column, image, look, text in zip(axes.T, images, looks, titles, strict=True):
        extent = (0, image.shape[1], image.shape[0], 0)
        column[0].imshow(image, cmap="gray", extent=extent)
        column[0].set_title(text, loc="center", fontsize=11, fontweight="normal")
        column[1].imshow(look, cmap=MAGNITUDE, extent=extent, vmin=0, vmax=looks.max())
        middle = (image.min() + image.max()) / 2
        grid = [np.arange(side) + 0.5 for side in image.shape[::-1]]
        column[1].contour(*grid, image, [middle], colors="white", linewidths=1.2)
        for ax in column:
            ax.set_axis_off()
