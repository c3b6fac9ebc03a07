"""Figures of lesson 14: several labels in one picture."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS

GRAY, BLUE, RED = COLORS["gray"], COLORS["blue"], COLORS["vermilion"]
SIGNS = {  # of a label that was said or not, and that is there or not
    (True, True): ("✓", "right", GRAY, "normal"),
    (False, True): ("−", "missed", BLUE, "bold"),
    (True, False): ("+", "invented", COLORS["black"], "bold"),
}


def label_precision(names, precision, share, *, title):
    """Draw a dot for each label's AP, and a line where guessing would be; all (K,)."""
    order = np.argsort(precision)
    _, ax = plt.subplots(figsize=(6.5, 4))
    ax.hlines(range(len(names)), 0, np.array(precision)[order], color=GRAY, lw=1)
    ax.plot(
        np.array(precision)[order], range(len(names)), "o", color=BLUE, label="model"
    )
    look = {"color": COLORS["black"], "ls": "", "ms": 13, "mew": 2}
    ax.plot(np.array(share)[order], range(len(names)), "|", label="guessing", **look)
    ax.set_yticks(range(len(names)), [names[k] for k in order])
    ax.set(xlim=(0, 1), xlabel="average precision", title=title)
    ax.legend(loc="lower right")


def threshold_curves(panels, *, title):
    """Draw F1 over the threshold, and its peaks.

    ``panels[name]`` holds scores and truth (n,) of validation and of test pictures.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7, 3.4), sharey=True)
    grid = np.linspace(0.01, 0.99, 99)
    looks = {"validation": (BLUE, "-", "o"), "test": (RED, "--", "s")}
    for ax, (name, pairs) in zip(axes, panels.items(), strict=True):
        for (scores, truth), (split, (color, line, marker)) in zip(
            pairs, looks.items(), strict=True
        ):
            said = np.asarray(scores) >= grid[:, None]  # (thresholds, n)
            both = (said * np.asarray(truth)).sum(axis=1)
            f1 = 2 * both / np.maximum(said.sum(axis=1) + np.sum(truth), 1)
            ax.plot(grid, f1, line, color=color, label=split)
            ax.plot(grid[f1.argmax()], f1.max(), marker, color=color, ms=8)
        ax.axvline(0.5, color=GRAY, lw=1, ls=":")
        count = int(np.sum(pairs[0][1]))
        ax.set(xlim=(0, 1), xlabel="threshold", ylim=(0, 1))
        ax.set_title(f"{name}\n{count} in validation", fontsize=11)
    axes[0].set_ylabel("F1")
    figure.legend(handles=axes[0].lines[::2][:2], loc="outside lower center", ncols=2)
    figure.suptitle(title, x=0.01, ha="left")


def calibration(panels, *, title):
    """Draw how often a thing is there, over the probability that was given for it.

    ``panels[name]`` is (bins, 3): answers, sum of their probabilities, things there.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7, 3.4), sharey=True)
    for ax, (name, bins) in zip(axes, panels.items(), strict=True):
        count, given, there = np.asarray(bins, dtype=float).T
        some = count > 0
        p = there[some] / count[some]
        error = np.sqrt(np.maximum(p * (1 - p), 1e-4) / count[some])
        ax.plot([0, 1], [0, 1], color=GRAY, lw=1, ls="--")
        look = {
            "marker": "o",
            "ls": "-",
            "color": BLUE,
            "capsize": 3,
            "elinewidth": 1.5,
        }
        ax.errorbar(given[some] / count[some], p, yerr=error, **look)
        ax.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability given")
        ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        ax.set_title(name, fontsize=11)
    axes[0].set_ylabel("share that is there")
    figure.suptitle(title, x=0.01, ha="left")


def answers(images, names, truth, said, *, title, per_row=4):
    """Draw pictures, each with the labels that are right, missed and invented.

    ``truth`` and ``said`` are zeros and ones, (n, K).
    """
    rows = -(-len(images) // per_row)
    size, widths = (7, 0.7 + 1.25 * rows), [1, 0.8] * per_row
    figure, axes = plt.subplots(rows, 2 * per_row, figsize=size, width_ratios=widths)
    for ax in axes.flat:
        ax.set_axis_off()
    pairs = axes.reshape(-1, 2)  # a place for the picture, and one for its labels
    for (left, right), image, t, s in zip(pairs, images, truth, said, strict=False):
        left.imshow(np.asarray(image), interpolation="nearest")
        shown = [
            (SIGNS[bool(s[k]), bool(t[k])], names[k]) for k in np.flatnonzero(t + s)
        ]
        shown.sort(key=lambda line: list(SIGNS.values()).index(line[0]))
        for number, ((sign, _, color, weight), name) in enumerate(shown[:6]):
            look = {"color": color, "weight": weight, "fontsize": 9, "va": "top"}
            right.text(-0.15, 1 - 0.2 * number, f"{sign} {name}", **look)
    legend = ", ".join(f"{sign} {word}" for sign, word, *_ in SIGNS.values())
    figure.supxlabel(legend, fontsize=10)
    figure.suptitle(title, x=0.01, ha="left")
