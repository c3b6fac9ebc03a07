"""Figures of lesson 12; every accuracy goes from 0 to 1."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS

BLUE, GRAY, SKY = COLORS["blue"], COLORS["gray"], COLORS["sky"]


def moved_parts(ax, table, ways, parts, *, title):
    """Draw what a step moved: ``table`` (ways, parts) holds the shares that moved."""
    for (row, column), share in np.ndenumerate(table):
        box = {"fc": SKY if share else "white", "ec": GRAY}
        ax.add_patch(plt.Rectangle((column - 0.5, row - 0.5), 1, 1, **box))
        text = "moves" if share else "fixed"
        ax.text(column, row, text, ha="center", va="center", fontsize=9)
    ax.set(xlim=(-0.5, len(parts) - 0.5), ylim=(len(ways) - 0.5, -0.5), title=title)
    ax.set_yticks(range(len(ways)), ways)
    labels = [f"block {part}" if part.isdigit() else part for part in parts]
    rotation = 45 if len(parts) > 9 else 0
    ax.set_xticks(range(len(parts)), labels, fontsize=9, rotation=rotation)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def attention_kinds(tables, *, title):
    """Draw the weights (T, T) of several kinds of attention on one color scale."""
    figure, axes = plt.subplots(1, len(tables), figsize=(7, 2.6), sharey=True)
    top = max(np.quantile(weights, 0.99) for weights in tables.values())
    for ax, (name, weights) in zip(axes, tables.items(), strict=True):
        image = ax.imshow(weights, vmin=0, vmax=top)
        ax.set_title(name, fontsize=11)
        ax.set_xlabel("key")
        ax.spines[:].set_visible(False)
    axes[0].set_ylabel("query")
    bar = figure.colorbar(image, ax=axes, shrink=0.75, pad=0.01, extend="max")
    bar.set_label("weight", fontsize=10)
    bar.ax.tick_params(labelsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


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
    lines = axes[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=4)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


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
    looks = {"color": SKY}, {"color": COLORS["orange"], "hatch": "//"}
    for i, ((name, shares), look) in enumerate(zip(costs.items(), looks, strict=True)):
        places = np.arange(len(shares)) + 0.36 * (i - 0.5)
        percent = 100 * np.asarray(shares)
        right.barh(places, percent, 0.34, label=name, ec="black", **look)
    right.set(xlabel="multiplications (% of the first)", xlim=(0, 105))
    figure.legend(loc="outside lower right", ncols=2)
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def accuracy_by_depth(ax, before, after, *, guessing, title):
    """Draw accuracies, from 0 to 1, by the number of blocks that are left."""
    heights = [100 * share for share in before.values()]
    ax.bar(list(before), heights, fc=SKY, ec=BLUE, label="before fine-tuning")
    heights = [100 * share for share in after.values()]
    ax.plot(list(after), heights, "D", color=COLORS["vermilion"], label="after")
    ax.axhline(100 * guessing, color=GRAY, ls=":")
    place = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": 10}
    ax.text(1.01, 100 * guessing, "guessing", **place)
    ax.set_xticks(list(before))
    ax.set(xlabel="blocks", ylabel="test accuracy (%)", title=title, ylim=(0, 105))
    ax.legend(loc="upper left")
