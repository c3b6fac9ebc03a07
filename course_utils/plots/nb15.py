"""Figures of lesson 15: two families of models, side by side."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, heatmap

MARKERS = "os^Dv"
HATCHES = ("", "///", "")
KINDS = ("blue", "orange", "gray")


def draw_reach(maps, *, title):
    """Draw on which pixels the number in the middle depends, layer by layer.

    ``maps`` is ``{family: {layer: array (H, W)}}``, each array from 0 to 1; the colors
    are those of a logarithm, from 0.001.
    """
    width = max(map(len, maps.values()))
    figure, axes = plt.subplots(len(maps), width, figsize=(7, 3.6), squeeze=False)
    for row, (family, layers) in zip(axes, maps.items(), strict=True):
        for ax in row[len(layers) :]:
            ax.set_axis_off()
        for ax, (layer, values) in zip(row, layers.items(), strict=False):
            image = ax.imshow(np.maximum(values, 1e-3), norm="log", vmin=1e-3, vmax=1)
            ax.set_title(layer, loc="center", fontsize=10, fontweight="normal")
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(family)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25)
    bar.set_label("dependence, largest = 1")
    bar.set_ticks([0.001, 0.01, 0.1, 1], labels=["0.001", "0.01", "0.1", "1"])
    bar.ax.minorticks_off()
    figure.suptitle(title, x=0.01, ha="left")


def draw_panels(panels, x, *, title, xlabel, ylabel, log="", mark=None):
    """Draw the mean and its standard error over seeds, in a panel for each key.

    ``panels`` is ``{panel: {name: array (seeds, len(x))}}``. The letters in ``log`` say
    which axes are logarithmic; ``mark`` is ``(x, text)`` for a vertical line. NaN is
    left out.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7, 3.7), sharey=True)
    axes = np.atleast_1d(axes)
    looks = dict.fromkeys(label for found in panels.values() for label in found)
    looks = dict(zip(looks, plt.rcParams["axes.prop_cycle"], strict=False))
    for ax, (name, found) in zip(axes, panels.items(), strict=True):
        for label, values in found.items():
            values, look = np.asarray(values, float), looks[label]
            error = values.std(axis=0, ddof=1) / len(values) ** 0.5
            look = look | {"marker": MARKERS[list(looks).index(label)]}
            there = np.isfinite(error)
            points = (part[there] for part in (np.array(x), values.mean(axis=0), error))
            ax.errorbar(*points, capsize=3, label=label, **look)
        ax.set_title(name, fontsize=11)
        ax.set_xlabel(xlabel)
        if "x" in log:
            ax.set_xscale("log")
        if "y" in log:
            ax.set_yscale("log")
            ax.set_yticks([5, 10, 20, 50], ["5", "10", "20", "50"])
        ax.set_xticks(x, [f"{value:,}" for value in x])
        ax.minorticks_off()
        if mark:
            ax.axvline(mark[0], color=COLORS["gray"], linewidth=1, linestyle=":")
            place = {"xy": (mark[0], 0.94), "xycoords": ("data", "axes fraction")}
            ax.annotate(mark[1], ha="right", **place)
    axes[0].set_ylabel(ylabel)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    figure.suptitle(title, x=0.01, ha="left")


def draw_decisions(shares, *, title):
    """Draw bars cut into shape, texture and neither, with their shares written in.

    ``shares`` is ``{name: (shape, texture, neither)}``, each summing to 1.
    """
    _, ax = plt.subplots(figsize=(7, 1.3 + 0.5 * len(shares)))
    left = np.zeros(len(shares))
    table = np.array(list(shares.values()))  # (names, 3)
    kinds = ("shape", "texture", "neither")
    for kind, color, hatch, part in zip(kinds, KINDS, HATCHES, table.T, strict=True):
        look = {"edgecolor": COLORS["black"], "hatch": hatch, "label": kind}
        ax.barh(list(shares), part, 0.6, left, color=(COLORS[color], 0.33), **look)
        for row, share in enumerate(part):
            if share > 0.07:
                behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
                middle = left[row] + share / 2, row
                look = {"ha": "center", "va": "center", "bbox": behind}
                ax.text(*middle, f"{share:.2f}", fontsize=10, **look)
        left = left + part
    ax.invert_yaxis()
    ax.set(title=title, xlabel="share of the answers", xlim=(0, 1))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.28), ncols=3)


def draw_grids(grids, *, title, xlabel, digits=2):
    """Draw small matrices beside each other, with their numbers, on one color scale.

    ``grids`` is ``{name: (values (R, C), rows, columns)}``.
    """
    size = 7, 1.6 + 0.45 * max(len(rows) for _, rows, _ in grids.values())
    figure, axes = plt.subplots(1, len(grids), figsize=size, squeeze=False)
    every = np.concatenate([np.ravel(values) for values, *_ in grids.values()])
    look = {"vmin": np.nanmin(every), "vmax": np.nanmax(every), "aspect": "auto"}
    for i, (ax, (name, (values, rows, columns))) in enumerate(
        zip(axes[0], grids.items(), strict=True)
    ):
        labels = {"rows": [""] * len(rows) if i else rows, "columns": columns}
        heatmap(ax, values, title=name, digits=digits, **labels, **look)
        ax.set_title(name, fontsize=11)
        ax.set_xlabel(xlabel)
    figure.suptitle(title, x=0.01, ha="left")
