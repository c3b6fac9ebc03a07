"""Figures of lesson 03."""

import matplotlib.pyplot as plt
import numpy as np


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


def draw_patch_sequence(patches, *, title):
    """Draw ``patches`` (N, P, P) in the order in which a Transformer reads them."""
    size = (6.6, 6.6 / len(patches) + 0.59)
    figure, axes = plt.subplots(1, len(patches), figsize=size)
    for number, (ax, patch) in enumerate(zip(axes, patches, strict=True)):
        ax.set_axis_off()
        ax.imshow(patch, cmap="gray", vmin=0, vmax=1)
        ax.set_title(f"{number}", loc="center", size=10, weight="normal", pad=2)
    figure.suptitle(title, x=0.01, ha="left")
