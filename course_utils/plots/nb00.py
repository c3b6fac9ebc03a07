"""Figures of lesson 00."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, arrow, box, canvas, words


def draw_look(pictures, weights, probabilities, names, *, title):
    """Draw pictures, below each where a ViT looked, and its three likeliest names.

    ``weights`` (K, N) are those of the patches of K pictures, row by row, and
    ``probabilities`` (K, C) those of all ``names``.
    """
    options = {"height_ratios": (1, 1, 0.4), "squeeze": False}
    figure, axes = plt.subplots(3, len(pictures), figsize=(6.5, 4.8), **options)
    figure.suptitle(title, x=0.01, ha="left")
    figure.get_layout_engine().set(h_pad=0.03, hspace=0.02)
    columns = zip(axes.T, pictures, weights, probabilities, strict=True)
    for (upper, middle, lower), picture, row, likely in columns:
        side = round(len(row) ** 0.5)  # patches along one side
        grid = np.reshape(row, (side, side)) / np.max(row)
        upper.imshow(picture)
        middle.imshow(picture.convert("L"), cmap="gray", vmin=-128)  # paler
        look = {"extent": (-0.5, picture.width - 0.5, picture.height - 0.5, -0.5)}
        middle.imshow(grid, alpha=0.15 + 0.7 * grid, vmin=0, vmax=1, **look)
        best = np.argsort(likely)[-3:]  # the likeliest last, which barh puts on top
        look = {"color": COLORS["sky"], "edgecolor": COLORS["blue"]}
        lower.barh(range(3), likely[best], height=0.85, **look)
        for y, i in enumerate(best):
            name = names[i].replace("_", " ")
            words(lower, 0.02, y, name, ha="left", fontsize=10)
            words(lower, 0.99, y, f"{likely[i]:.2f}", ha="right", fontsize=10)
        lower.set(xlim=(0, 1), ylim=(-0.5, 2.5))
        lower.set_box_aspect(0.4)
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    rows = "picture", "where it looked", "probability"
    for ax, text in zip(axes[:, 0], rows, strict=True):
        ax.set_ylabel(text)


def draw_map(picture):
    """Draw which lesson builds which part of a ViT, around a picture that it cuts."""
    ax = canvas(7, 4, title="Build a ViT, then put a trained one to work")
    small = {"fontsize": 10.5}
    ax.imshow(picture, extent=(0, 1.36, 1.88, 0.52), aspect="auto")
    lines = np.arange(1, 6) * 1.36 / 6  # tiny-vit cuts 6 by 6 patches
    ax.vlines(lines, 0.52, 1.88, color="white", lw=1)
    ax.hlines(0.52 + lines, 0, 1.36, color="white", lw=1)
    parts = (
        (2.28, "tokens", "one per patch,\nand a class token", "03", "orange"),
        (3.66, "attention", "each token looks\nat all tokens", "01, 02", "blue"),
        (5.04, "MLP", "each token\nby itself", "02", "green"),
        (6.42, "head", "from class token\nto names", "04, 05", "purple"),
    )
    for x, name, what, lessons, color in parts:
        arrow(ax, (x - 0.86, 1.2), (x - 0.56, 1.2))
        box(ax, x, 1.2, name, color=color, width=1.08)
        words(ax, x, 1.73, what, **small)
        words(ax, x, 0.77, lessons, weight="bold")
    ax.plot([3.1, 3.1, 5.6, 5.6], [0.62, 0.47, 0.47, 0.62], color="black", lw=1, ls="-")
    words(ax, 4.35, 0.27, "an encoder block, repeated", **small)
    arrow(ax, (3.5, 1.98), (3.5, 2.24))
    words(ax, 3.64, 2.1, "the same model, already trained", ha="left", **small)
    uses = (
        (0.78, 2.64, "look inside", "06, 07"),
        (2.6, 2.64, "fine-tune", "08, 09"),
        (4.4, 2.64, "few pictures", "10, 11"),
        (6.22, 2.64, "modify", "12, 13"),
        (0.78, 3.46, "several labels", "14"),
        (2.6, 3.46, "against a CNN", "15"),
        (4.4, 3.46, "more devices", "16"),
        (6.22, 3.46, "your pictures", "17, 18"),
    )
    for x, y, name, lessons in uses:
        box(ax, x, y, name, color="sky", width=1.54, height=0.42)
        words(ax, x, y + 0.36, lessons, weight="bold")
