"""Figures of lessons 10 and 11; every accuracy goes from 0 to 1."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS

GRAY, RED = COLORS["gray"], COLORS["vermilion"]


def learning_curves(
    sizes, accuracy, *, title, guessing, xlabel="training pictures", what="test"
):
    """Draw accuracies and their spread; ``accuracy[name]`` is (sizes, seeds)."""
    _, ax = plt.subplots(figsize=(6.5, 4))
    sizes, lines = np.asarray(sizes), {}
    for number, (name, runs) in enumerate(accuracy.items()):
        runs = 100 * np.asarray(runs)
        places = sizes * 1.035 ** (number - 1)  # beside each other
        spread = runs.std(axis=1, ddof=1) if runs.shape[1] > 1 else None
        look = {"marker": "osD^v"[number], "capsize": 4, "elinewidth": 1.5}
        lines[name], *_ = ax.errorbar(places, runs.mean(axis=1), yerr=spread, **look)
        ax.scatter(np.repeat(places, runs.shape[1]), runs, s=10, alpha=0.5)
    _write_names_at_the_ends(ax, sizes[-1], lines)
    level = 100 * guessing
    ax.hlines(level, 0.9 * sizes[0], 1.1 * sizes[-1], color=GRAY, lw=1, ls=":")
    ax.text(1.2 * sizes[0], level - 1, "guessing", va="top", color=GRAY)
    ax.set(xscale="log", xlabel=xlabel, ylabel=f"{what} accuracy (%)")
    ax.set(title=title, xlim=(0.9 * sizes[0], 2.6 * sizes[-1]))
    ax.set_ylim(max(0, level - 10), 101)
    ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
    ax.minorticks_off()


def _write_names_at_the_ends(ax, last, lines):
    """Write each name beside the end of its line, all at least five percent apart."""
    height = -np.inf
    for name, line in sorted(lines.items(), key=lambda item: item[1].get_ydata()[-1]):
        height = max(height + 5, line.get_ydata()[-1])
        ax.plot(1.25 * last, height, line.get_marker(), color=line.get_color())
        ax.text(1.36 * last, height, name, va="center", weight="bold")


def reliability(panels, *, bins, title):
    """Draw how often a model is right; ``panels[name]``: confidence and right, (n,)."""
    figure, axes = plt.subplots(1, len(panels), figsize=(7, 3.8), sharey=True)
    edges, width = np.linspace(50, 100, bins + 1, retstep=True)
    for ax, (name, (confidence, right)) in zip(axes, panels.items(), strict=True):
        sure, right = 100 * np.asarray(confidence), 100 * np.asarray(right)
        bin_of = np.digitize(sure, edges[1:-1])
        ax.plot([50, 100], [50, 100], color=GRAY, lw=1, ls="--")
        for b in np.unique(bin_of):
            inside, middle = bin_of == b, edges[b] + width / 2
            share, said = right[inside].mean(), sure[inside].mean()
            ax.bar(middle, share, 0.92 * width, fc=COLORS["sky"], ec=COLORS["blue"])
            ax.plot([said, said], [share, said], "-o", markevery=[1], color=RED)
            ax.text(middle, 2, f"{inside.sum()}", ha="center", va="bottom")
        ax.set(title=name, xlabel="how sure (%)", xlim=(49, 101), ylim=(0, 104))
    axes[0].set_ylabel("how often right (%)")
    figure.suptitle(title, x=0.01, ha="left")


def attention_rows(pictures, columns, titles, *, title):
    """Draw pictures (H, W, 3) and below each its maps, laid over it.

    ``columns[name]`` holds one map for each picture, drawn up to its own maximum.
    """
    rows, width = 1 + len(columns), len(pictures)
    bare = {"xticks": [], "yticks": [], "frame_on": False}
    size = 1.15 * width, 0.75 + 1.2 * rows
    figure, axes = plt.subplots(rows, width, figsize=size, subplot_kw=bare)
    for ax, picture, text in zip(axes[0], pictures, titles, strict=True):
        ax.imshow(picture)
        ax.set_title(text, loc="center", fontsize=10, fontweight="normal")
    for row, (name, maps) in zip(axes[1:], columns.items(), strict=True):
        row[0].set_ylabel(name, fontsize=10)
        for ax, picture, values in zip(row, pictures, maps, strict=True):
            place = {"extent": (0, 1, 1, 0), "interpolation": "nearest"}
            gray = picture[::2, ::2].mean(axis=2) // 16 * 16  # coarse: a small file
            ax.imshow(gray, cmap="gray", vmin=0, vmax=255, **place)
            ax.imshow(values, cmap="viridis", alpha=0.6, vmin=0, **place)
            ax.set_aspect(picture.shape[0] / picture.shape[1])
    figure.suptitle(title, x=0.01, ha="left")
