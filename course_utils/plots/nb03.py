"""Figures of lesson 03."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS


def draw_patches(ax, image, patch_size, *, title):
    """Draw an image (H, W) or (H, W, 3) with the borders and numbers of its patches."""
    height, width = np.shape(image)[:2]
    ax.imshow(image, cmap="gray", interpolation="nearest")
    ax.set_title(title)
    ax.set_axis_off()
    for draw_border, length in ((ax.axhline, height), (ax.axvline, width)):
        for place in range(0, length + 1, patch_size):
            draw_border(place - 0.5, color="white", linewidth=1)
    dark = {"boxstyle": "round,pad=0.15", "fc": "black", "ec": "none", "alpha": 0.55}
    look = {"ha": "center", "va": "center", "color": "white", "bbox": dark}
    grid = np.ndindex(height // patch_size, width // patch_size)
    for number, place in enumerate(grid):
        y, x = (np.array(place) + 0.5) * patch_size - 0.5
        ax.text(x, y, f"{number}", **look)


def draw_patch_sequence(patches, *, title, first=0):
    """Draw patches (N, P, P[, 3]) in a Transformer's order, numbered from ``first``."""
    size = (6.6, 6.6 / len(patches) + 0.59)
    figure, axes = plt.subplots(1, len(patches), figsize=size)
    for number, (ax, patch) in enumerate(zip(axes, patches, strict=True), first):
        ax.set_axis_off()
        ax.imshow(patch, cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{number}", loc="center", size=10, weight="normal", pad=2)
    figure.suptitle(title, x=0.01, ha="left")


def draw_split_swap_merge(*arrays, title):
    """Draw split and swapped (2, 2, 2, 2) and merged (4, 4) places 0 to 15, as read."""
    figure, axes = plt.subplots(1, 3, figsize=(7, 3.1))
    figure.suptitle(title, x=0.01, ha="left")
    names = ("1 split: row by row", "2 swap: patch by patch", "3 merge: flat patches")
    for ax, numbers, name in zip(axes, arrays, names, strict=True):
        row, column = np.divmod(np.ravel(numbers), 4)  # where each pixel was
        colors = np.array([COLORS[c] for c in ("sky", "orange", "green", "purple")])
        colors = list(colors[row // 2 * 2 + column // 2])  # one for each patch
        y, x = row + 0.4 * (row // 2), column + 0.4 * (column // 2)
        if np.ndim(numbers) == 2:
            y, x = np.divmod(np.arange(16), 4) * np.array([[1.13], [1]])
        ax.plot(x, y, "-", color=COLORS["black"], linewidth=np.ndim(numbers) // 3)
        ax.scatter(x, y, s=560, marker="s", c=colors, zorder=2)
        for *place, number in zip(x, y, np.ravel(numbers), strict=True):
            ax.text(*place, number, ha="center", va="center", zorder=3)
        ax.set(xlim=(-0.7, 4.1), ylim=(4.1, -0.7), aspect="equal")
        ax.set_title(f"{name}\n{np.shape(numbers)}", size=11)
        ax.set_axis_off()


def draw_view(ax, photo, patch_size, patch, seen, *, title):
    """Draw a photo (H, W, 3) that is pale but for the patches which a patch sees."""
    clear = 0.2 + 0.8 * np.kron(seen, np.ones((patch_size, patch_size)))[..., None]
    ax.imshow(1 - (1 - photo / 255) * clear, interpolation="nearest")
    corner, P = patch_size * np.array(patch[::-1]) - 0.5, patch_size
    ax.add_patch(plt.Rectangle(corner, P, P, fill=False, ec=COLORS["vermilion"], lw=3))
    ax.set_title(title, size=11)
    ax.set_axis_off()
