"""Figures of lesson 01."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, heatmap


def compass(keys, labels, weights, query, *, title):
    """Draw a soft look-up in M keys (M, 2): each is an arrow as thick as its weight."""
    _, ax = plt.subplots(figsize=(5.6, 4))
    for (x, y), label, weight in zip(keys, labels, weights, strict=True):
        arrow = {"arrowstyle": "-|>", "color": COLORS["blue"], "lw": 1 + 14 * weight}
        ax.annotate("", xy=(x, y), xytext=(0, 0), arrowprops=arrow)
        ha = ["right", "center", "left"][int(np.sign(round(x))) + 1]
        va = ["top", "center", "bottom"][int(np.sign(round(y))) + 1]
        ax.text(1.12 * x, 1.12 * y, f"{label}\nweight {weight:.2f}", ha=ha, va=va)
    arrow = {"arrowstyle": "->", "color": COLORS["vermilion"], "lw": 2, "ls": "--"}
    ax.annotate("", xy=query, xytext=(0, 0), arrowprops=arrow)
    ax.text(*(1.08 * np.asarray(query)), "query")
    ax.set(xlim=(-2.3, 2.3), ylim=(-1.7, 1.7), aspect="equal", title=title)
    ax.set_axis_off()


def weight_matrices(matrices, titles, *, finding, labels, outline=None):
    """Draw matrices (N, M) side by side; ``labels[i]`` names N queries and M keys."""
    with plt.rc_context({"font.size": 9, "axes.titlesize": 11}):
        fig, axes = plt.subplots(1, len(matrices), figsize=(7, 2.9))
        panels = zip(axes, matrices, titles, labels, strict=True)
        for ax, weights, title, (rows, columns) in panels:
            names = {"rows": rows, "columns": columns}
            heatmap(ax, weights, title=title, vmin=0, vmax=1, **names)
            ax.set_xlabel("key")
            if outline:
                corner = columns.index(outline[1]) - 0.5, rows.index(outline[0]) - 0.5
                look = {"fill": False, "lw": 3, "ec": COLORS["vermilion"]}
                ax.add_patch(plt.Rectangle(corner, 1, 1, clip_on=False, **look))
        axes[0].set_ylabel("query")
        fig.suptitle(finding, x=0.01, ha="left")
