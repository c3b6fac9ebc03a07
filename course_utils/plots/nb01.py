"""Figures of lesson 01."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, arrow, box, canvas, heatmap, words


def attention_on_photo(photo, weights, queries, names, *, title):
    """Draw a photo and its query patches, then the weights (side, side) of each."""
    fig, axes = plt.subplots(1, len(names), figsize=(2.33 * len(names), 2.9))
    fig.suptitle(title, x=0.01, ha="left")
    place = {"extent": (0, len(weights[0]), len(weights[0]), 0)}
    sizes = [3, *[6] * len(weights)]  # pixels become one: small files
    for ax, name, size in zip(axes, names, sizes, strict=True):
        squares = photo.reshape(len(photo) // size, size, len(photo) // size, size, 3)
        ax.imshow(squares.mean(axis=(1, 3)), interpolation="nearest", **place)
        ax.set_title(name, fontsize=11)
        ax.set_axis_off()
    for ax, weight, query in zip(axes[1:], weights, queries, strict=True):
        ax.imshow(weight, alpha=0.85, vmin=0, **place)
        for color, width in (("white", 4), (COLORS["vermilion"], 2)):
            for panel in (axes[0], ax):
                look = {"fill": False, "ec": color, "lw": width}
                corner = divmod(query, len(weight))[::-1]
                panel.add_patch(plt.Rectangle(corner, 1, 1, **look))


def compass(keys, labels, weights, query, *, title):
    """Draw a soft look-up in M keys (M, 2): each is an arrow as thick as its weight."""
    _, ax = plt.subplots(figsize=(5.6, 4))
    for (x, y), label, weight in zip(keys, labels, weights, strict=True):
        look = {"arrowstyle": "-|>", "color": COLORS["blue"], "lw": 1 + 14 * weight}
        ax.annotate("", xy=(x, y), xytext=(0, 0), arrowprops=look)
        ha = ["right", "center", "left"][int(np.sign(round(x))) + 1]
        va = ["top", "center", "bottom"][int(np.sign(round(y))) + 1]
        ax.text(1.12 * x, 1.12 * y, f"{label}\nweight {weight:.2f}", ha=ha, va=va)
    look = {"arrowstyle": "->", "color": COLORS["vermilion"], "lw": 2, "ls": "--"}
    ax.annotate("", xy=query, xytext=(0, 0), arrowprops=look)
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


def three_readings(tokens, learned, read, weights, rows, columns, *, title):
    """Draw tokens (N, D) beside W_Q, W_K, W_V; below them, weights beside Q, K, V."""
    look = {"digits": 0, "cmap": "PuOr", "aspect": "auto", "vmin": -4, "vmax": 4}
    plain = look | {"vmin": -1e9, "vmax": 1e9}
    with plt.rc_context({"font.size": 9, "axes.titlesize": 10, "ytick.labelsize": 9}):
        fig, axes = plt.subplots(2, 4, figsize=(7, 4), width_ratios=(5, 3, 3, 3))
        fig.suptitle(title, x=0.01, ha="left")
        heatmap(axes[0, 0], tokens, title="X", rows=rows, columns=columns, **plain)
        for ax, name, matrix in zip(axes[0, 1:], "QKV", learned, strict=True):
            heatmap(ax, matrix, title=f"$W_{name}$", **look)
        names = {"rows": rows, "columns": [row[0].upper() for row in rows]}
        shade = {"vmin": 0, "vmax": 1, "aspect": "auto"}
        heatmap(axes[1, 0], weights, title="A = softmax(Q Kᵀ)", **names, **shade)
        for ax, name, matrix in zip(axes[1, 1:], "QKV", read, strict=True):
            heatmap(ax, matrix, title=f"{name} = X $W_{name}$", **plain)
        for ax in (*axes[0, 1:], *axes[1, 1:]):
            ax.set(xticks=[], yticks=[])
        axes[0, 1].set_yticks(range(len(columns)), columns)


def attention_flow(*, title):
    """Draw scaled dot-product attention from the tokens to the outputs."""
    ax = canvas(7, 3.6, title=title)
    box(ax, 0.5, 1.75, "X", color="gray", width=0.6)
    words(ax, 0.5, 1.32, "tokens", fontsize=10)
    for y, name, color in ((0.6, "Q", "blue"), (1.75, "K", "blue"), (3, "V", "orange")):
        arrow(ax, (0.8, 1.75), (1.2, y), (1.5, y))
        words(ax, 1.3, y - 0.22, f"$W_{name}$")
        box(ax, 1.8, y, name, color=color, width=0.6)
    steps = ((2.9, "Q Kᵀ", "scores", 0.75), (3.8, "÷ √d", "scale", 0.65))
    for x, name, note, width in (*steps, (4.8, "softmax", "each row", 0.95)):
        box(ax, x, 1.18, name, color="green", width=width)
        words(ax, x, 0.75, note, fontsize=10)
    arrow(ax, (2.1, 0.6), (2.3, 0.6), (2.5, 1.1))
    arrow(ax, (2.1, 1.75), (2.3, 1.75), (2.5, 1.26))
    for start, end in ((3.28, 3.46), (4.13, 4.31), (5.28, 5.6)):
        arrow(ax, (start, 1.18), (end, 1.18))
    box(ax, 5.9, 1.18, "A", color="green", width=0.6)
    words(ax, 5.9, 0.75, "weights", fontsize=10)
    arrow(ax, (5.9, 1.43), (5.9, 2.75))
    arrow(ax, (2.1, 3), (5.5, 3))
    box(ax, 5.9, 3, "A V", color="purple", width=0.8)
    arrow(ax, (6.3, 3), (6.6, 3))
    words(ax, 6.8, 3, "O")
    words(ax, 6.65, 3.43, "outputs", fontsize=10)
