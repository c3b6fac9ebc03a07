"""Figures of lesson 00."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, arrow, box, canvas, words


def draw_look(pictures, weights, probabilities, names, *, title):
    """Draw pictures, where a ViT looked in each of them, and its three likeliest names.

    ``weights`` (K, N) are those of the patches of K pictures, row by row, and
    ``probabilities`` (K, C) those of all ``names``.
    """
    options = {"figsize": (6.5, 0.62 + 1.12 * len(pictures)), "squeeze": False}
    figure, axes = plt.subplots(len(pictures), 3, width_ratios=(1, 1, 2), **options)
    figure.suptitle(title, x=0.01, ha="left")
    figure.get_layout_engine().set(h_pad=0.03, hspace=0.02)
    rows = zip(axes, pictures, weights, probabilities, strict=True)
    for (left, middle, right), picture, row, likely in rows:
        side = round(len(row) ** 0.5)  # patches along one side
        grid = np.reshape(row, (side, side)) / np.max(row)
        left.imshow(picture)
        middle.imshow(picture.convert("L"), cmap="gray", vmin=-128)  # paler
        look = {"extent": (-0.5, picture.width - 0.5, picture.height - 0.5, -0.5)}
        middle.imshow(grid, alpha=0.15 + 0.7 * grid, vmin=0, vmax=1, **look)
        best = np.argsort(likely)[-3:]  # the likeliest last, which barh puts on top
        right.barh([names[i].replace("_", " ") for i in best], likely[best], height=0.6)
        right.set(xlim=(0, 1), xticks=(0, 0.5, 1))
        right.tick_params(axis="x", labelbottom=right is axes[-1, 2])
    for ax in axes[:, :2].flat:
        ax.set_axis_off()
    for ax, text in zip(axes[0], ("picture", "where it looked", ""), strict=True):
        ax.set_title(text, loc="center", size=11, weight="normal")
    axes[-1, 2].set_xlabel("probability")


def draw_map(picture):
    """Draw which lesson builds which part of a ViT, around a picture that it cuts."""
    ax = canvas(7, 4, title="Build a ViT, then put a trained one to work")
    gray = {"color": COLORS["gray"], "fontsize": 10}
    ax.imshow(picture, extent=(0.1, 1.1, 1.75, 0.75), aspect="auto")
    ax.vlines([0.1 + 1 / 3, 0.1 + 2 / 3], 0.75, 1.75, color="white", lw=1.5)
    ax.hlines([0.75 + 1 / 3, 0.75 + 2 / 3], 0.1, 1.1, color="white", lw=1.5)
    parts = (
        (2.05, "tokens", "one for each patch,\nand a class token", "03", "orange"),
        (3.5, "attention", "each token looks\nat all others", "01, 02", "blue"),
        (4.95, "MLP", "each token\nfor itself", "02", "green"),
        (6.4, "head", "from class token\nto names", "04, 05", "purple"),
    )
    for x, name, what, lessons, color in parts:
        arrow(ax, (x - 0.9, 1.25), (x - 0.56, 1.25))
        box(ax, x, 1.25, name, color=color, width=1.1)
        words(ax, x, 1.78, what, **gray)
        words(ax, x, 0.82, lessons, weight="bold")
    ax.plot([2.95, 2.95, 5.5, 5.5], [0.7, 0.55, 0.55, 0.7], color="black", lw=1, ls="-")
    words(ax, 4.22, 0.38, "an encoder block, repeated", fontsize=10)
    arrow(ax, (3.5, 2.1), (3.5, 2.55))
    words(ax, 3.62, 2.32, "the same model, already trained", ha="left", **gray)
    uses = (
        (0.9, "look inside", "Hugging Face's ViT,\nnumber by number", "07"),
        (2.63, "fine-tune", "new pictures,\nnew classes", "08, 09"),
        (4.37, "few pictures", "a hundred\ncats and dogs", "10, 11"),
        (6.1, "modify", "freeze, insert,\nexchange", "12"),
    )
    for x, name, what, lessons in uses:
        box(ax, x, 3.1, name, color="sky", width=1.45)
        words(ax, x, 3.63, what, **gray)
        words(ax, x, 2.68, lessons, weight="bold")
        if x > 1:
            arrow(ax, (x - 0.99, 3.1), (x - 0.74, 3.1))
