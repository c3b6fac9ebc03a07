"""Figures of lesson 16: ranks and what they get, send and hold."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS


def dealt_digits(images, ranks, *, title):
    """Draw which items each rank gets; an item that was dealt before has a frame.

    ``images`` are pictures (H, W), ``ranks`` a list of items for each rank.
    """
    columns = max(map(len, ranks))
    size = (6.5, 0.5 + 1.05 * len(ranks))
    figure, axes = plt.subplots(len(ranks), columns, figsize=size, squeeze=False)
    figure.suptitle(title, x=0.01, ha="left")
    first = {}  # item -> the place at which it was dealt first
    for turn in range(columns):
        for rank, items in enumerate(ranks):
            if turn < len(items):
                first.setdefault(items[turn], (rank, turn))
    for rank, items in enumerate(ranks):
        for turn, ax in enumerate(axes[rank]):
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
            if turn >= len(items):
                continue
            item = items[turn]
            ax.imshow(images[item], cmap="gray", interpolation="nearest")
            again = first[item] != (rank, turn)
            name = f"item {item}, again" if again else f"item {item}"
            weight = "bold" if again else "normal"
            ax.set_title(name, loc="center", fontsize=10, fontweight=weight)
            if again:
                ax.spines[:].set(visible=True, lw=4, color=COLORS["vermilion"])
        axes[rank, 0].set_ylabel(f"rank {rank}", fontsize=11)


def traffic(ranks, ways, *, title):
    """Draw how much the busiest rank sends over the number of ranks.

    ``ways`` maps a name to amounts for each of ``ranks``, in copies of the gradient.
    """
    _, ax = plt.subplots(figsize=(6.5, 3.2))
    for (name, sent), marker in zip(ways.items(), "os^", strict=False):
        ax.plot(ranks, sent, marker=marker, markersize=5, label=name)
    ax.set(xscale="log", yscale="log", title=title, xlabel="ranks")
    ax.set_ylabel("sent by the busiest rank\n(1 = the whole gradient)")
    ax.set_xticks(ranks, ranks)
    ax.set_yticks([1, 10, 100], ["1", "10", "100"])
    ax.minorticks_off()
    ax.legend()


def held_by_rank(rows, *, title):
    """Draw what each rank holds, in parts.

    ``rows`` maps a rank's name to ``{"parameters": MB, "gradients": MB, ...}``.
    """
    _, ax = plt.subplots(figsize=(6.5, 0.9 + 0.5 * len(rows)))
    parts = list(next(iter(rows.values())))
    looks = [("blue", ""), ("orange", "//"), ("sky", "..")]
    left = np.zeros(len(rows))
    for part, (color, hatch) in zip(parts, looks, strict=False):
        width = np.array([row[part] for row in rows.values()])
        look = {"color": COLORS[color], "edgecolor": "black", "hatch": hatch}
        ax.barh(list(rows), width, left=left, label=part, **look)
        left += width
    for place, total in enumerate(left):
        ax.text(total, place, f" {total:.2f}", va="center", fontsize=10)
    ax.invert_yaxis()
    ax.set(
        title=title, xlabel="megabytes between two steps", xlim=(0, 1.15 * max(left))
    )
    ax.legend(loc="upper center", bbox_to_anchor=(0.4, -0.35), ncols=3)


def streams(orders, *, title, most=1000):
    """Draw the classes of the first rows of some streams, a dot for each row.

    ``orders`` maps a stream's name to the classes of its rows, in order.
    """
    figure, axes = plt.subplots(1, len(orders), figsize=(7, 3.2), sharey=True)
    figure.suptitle(title, x=0.01, ha="left")
    for ax, (name, labels) in zip(axes, orders.items(), strict=True):
        labels = np.asarray(labels[:most])
        ax.plot(labels, ".", markersize=2.5, color=COLORS["blue"])
        ax.set_title(name, fontsize=10, fontweight="normal", loc="center")
        ax.set(xticks=[0, most // 2, most], yticks=range(10), xlabel="row")
        ax.set_xlim(-0.04 * most, 1.06 * most)
    axes[0].set_ylabel("class")


def amounts(values, *, title, label):
    """Draw named amounts as bars with their numbers."""
    _, ax = plt.subplots(figsize=(6.5, 0.9 + 0.42 * len(values)))
    names, sizes = list(values), list(values.values())
    ax.barh(names, sizes, color=COLORS["blue"], edgecolor="black")
    for place, size in enumerate(sizes):
        ax.text(size, place, f" {size:.3g}", va="center", fontsize=10)
    ax.invert_yaxis()
    ax.set(title=title, xlabel=label, xlim=(0, 1.12 * max(sizes)))


def step_times(rows, *, title):
    """Draw what computing and sending take in a step, a pair of bars for each wire.

    ``rows`` maps a wire's name to the milliseconds ``(computing, sending)``.
    """
    _, ax = plt.subplots(figsize=(6.5, 3.2))
    place = np.arange(len(rows))
    looks = [("computing", "blue", ""), ("sending gradients", "orange", "//")]
    for (name, color, hatch), shift, times in zip(
        looks, (-0.19, 0.19), zip(*rows.values(), strict=True), strict=True
    ):
        look = {"color": COLORS[color], "edgecolor": "black", "hatch": hatch}
        ax.barh(place + shift, times, height=0.38, label=name, **look)
        for y, time in zip(place + shift, times, strict=True):
            ax.text(time, y, f" {time:.3g}", va="center", fontsize=10)
    ax.set_yticks(place, list(rows))
    ax.invert_yaxis()
    most = max(map(max, rows.values()))
    ax.set(title=title, xlabel="milliseconds a step", xlim=(0, 1.12 * most))
    ax.legend(loc="lower right")
