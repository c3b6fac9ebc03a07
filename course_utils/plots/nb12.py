"""Figures of lesson 12; every accuracy goes from 0 to 1."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS

BLUE = COLORS["blue"]


def cost_by_tokens(tokens, formula, measured, *, title):
    """Draw costs relative to softmax; ``measured[name]`` has one for each count."""
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    panels = {"multiplications, by formula": formula, "time, measured": measured}
    for ax, (name, ratios) in zip(axes, panels.items(), strict=True):
        for kind, values in ratios.items():
            ax.plot(tokens, values, marker="o", markersize=5, label=kind)
        ax.set(xscale="log", yscale="log", xlabel="tokens")
        ax.set_title(name, fontsize=11)
        ax.set_xticks(tokens, tokens)
        ax.set_yticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
        ax.minorticks_off()
    axes[0].set_ylabel("cost, softmax = 1")
    figure.legend(handles=axes[0].lines, loc="outside lower center", ncols=4)
    figure.suptitle(title, x=0.01, ha="left")


def accuracy_and_cost(results, costs, *, title):
    """Draw accuracies before and after fine-tuning, and two costs beside them."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    arrow = {"arrowstyle": "-|>", "color": BLUE, "lw": 1.5}
    above = {"xytext": (0, 8), "textcoords": "offset points", "ha": "center"}
    for row, found in enumerate(results.values()):
        first, last = 100 * found["before"], 100 * found["after"]
        left.annotate("", (last, row), (first, row), arrowprops=arrow)
        left.plot(first, row, "o", mfc="white", mec=BLUE, ms=8)
        left.plot(last, row, "o", color=BLUE, ms=8)
        left.annotate(f"{last:.0f}", (last, row), fontsize=10, **above)
    left.set(xlabel="test accuracy (%)", xlim=(0, 100))
    left.set_yticks(range(len(results)), list(results))
    left.set_ylim(len(results) - 0.4, -0.7)
    looks = {"color": COLORS["sky"]}, {"color": COLORS["orange"], "hatch": "//"}
    for i, ((name, shares), look) in enumerate(zip(costs.items(), looks, strict=True)):
        places = np.arange(len(shares)) + 0.36 * (i - 0.5)
        percent = 100 * np.asarray(shares)
        right.barh(places, percent, 0.34, label=name, ec="black", **look)
    right.set(xlabel="multiplications (% of the first)", xlim=(0, 105))
    figure.legend(loc="outside lower right", ncols=2)
    figure.suptitle(title, x=0.01, ha="left")
