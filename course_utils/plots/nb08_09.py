"""Figures of lessons 08 and 09."""

import numpy as np

from course_utils.plots import COLORS


def mean_and_spread(ax, curves, *, title, guessing):
    """Draw mean and range over seeds; ``curves[name]``: steps (n,), runs (seeds, n)."""
    for (name, (steps, runs)), marker in zip(curves.items(), "osD^v", strict=False):
        runs = 100 * np.asarray(runs)
        (line,) = ax.plot(steps, runs.mean(axis=0), marker=marker, label=name)
        color = line.get_color()
        ax.fill_between(steps, runs.min(0), runs.max(0), color=color, alpha=0.2)
    ax.axhline(100 * guessing, color=COLORS["gray"], lw=1, ls=":")
    ax.text(0, 100 * guessing - 1, " guessing", va="top")
    ax.set(title=title, xlabel="training steps", ylabel="validation accuracy (%)")
    ax.set(xlim=(0, None), ylim=(0, 102))
    ax.legend()


def dots_by_name(ax, values, *, title, xlabel, error):
    """Draw a dot for each name, the first at the top, with its standard error."""
    numbers = list(values.values())
    ax.errorbar(numbers, list(values), xerr=error, fmt="o", capsize=3, elinewidth=1)
    above = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
    for row, number in enumerate(numbers):
        ax.annotate(f"{number:.0f}", (number, row), fontsize=10, **above)
    ax.set(title=title, xlabel=xlabel)
    ax.set_ylim(len(numbers) - 0.5, -0.7)
