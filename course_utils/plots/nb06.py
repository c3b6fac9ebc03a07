"""Figures of lesson 06: maps on pictures, and curves over the depth of a ViT."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, heatmap

EDGE = COLORS["vermilion"]  # the outline of a mask
GUESSES = ("blob", "random")  # maps that know nothing of the model


def draw_maps(pictures, masks, columns, *, title, share=False):
    """Draw pictures in rows: as they are, then one map (B, N) for each of ``columns``.

    A line shows the edge of the mask. Maps are drawn by rank, from 0 for the lowest
    value to 1 for the highest, or with ``share`` as they are, on one scale for all.
    """
    count, width = len(pictures), 1 + len(columns)
    size = (min(7, 0.5 + 1.3 * width), min(4, 0.75 + 1.15 * count))
    figure, axes = plt.subplots(count, width, figsize=size, squeeze=False)
    top = max(np.max(values[:count]) for values in columns.values()) if share else 1
    for row, picture, mask in zip(axes, pictures, masks, strict=True):
        row[0].imshow(picture, cmap="gray", interpolation="nearest")
        row[0].contour(mask, [0.5], colors=EDGE, linewidths=1.5)
    for place, (name, values) in enumerate(columns.items(), 1):
        for row, one, mask in zip(axes[:, place], values, masks, strict=False):
            side = round(len(one) ** 0.5)
            shown = one if share else np.argsort(np.argsort(one)) / (len(one) - 1)
            box = (-0.5, len(mask) - 0.5, len(mask) - 0.5, -0.5)
            shown = np.reshape(shown, (side, side))
            look = {"vmax": top, "extent": box, "interpolation": "nearest"}
            image = row.imshow(shown, vmin=0, **look)
            row.contour(mask, [0.5], colors=EDGE, linewidths=1.5)
        axes[0, place].set_title(name, fontsize=11, fontweight="normal", loc="center")
    for ax in axes.flat:
        ax.set_axis_off()
    bar = figure.colorbar(image, ax=axes, aspect=30, pad=0.01)
    bar.set_label("attention weight" if share else "rank in the map", fontsize=10)
    figure.suptitle(title, x=0.01, ha="left")


def draw_tiles(ax, grid, *, title, **look):
    """Draw small maps, ``grid`` (rows, columns, r, c), side by side on one scale."""
    grid = np.asarray(grid, dtype=float)
    tiles = np.pad(grid, [(0, 0), (0, 0), (0, 1), (0, 1)], constant_values=np.nan)
    rows, columns, height, width = tiles.shape
    tiles = tiles.swapaxes(1, 2).reshape(rows * height, columns * width)
    image = ax.imshow(tiles[:-1, :-1], **look)
    ax.set_title(title, fontsize=11)
    ax.set(xlabel="column of the patch", ylabel="row of the patch")
    columns, rows = (range(0, n, -(-n // 7)) for n in (columns, rows))
    ax.set_xticks([n * width + (width - 2) / 2 for n in columns], columns)
    ax.set_yticks([n * height + (height - 2) / 2 for n in rows], rows)
    ax.tick_params(length=0)
    return image


def draw_distances(ax, pixels, even, *, title):
    """Draw how far each head looks, ``pixels`` (L, h), and the line of an even look."""
    pixels = np.asarray(pixels)
    places = np.arange(len(pixels))
    for block, row in zip(places, pixels, strict=True):
        ax.plot([block] * len(row), row, "o", color=COLORS["blue"], alpha=0.7)
    ax.axhline(even, color=COLORS["black"], linestyle="--", linewidth=1.5)
    ax.text(-0.4, even, "even look", va="bottom", fontsize=10)
    ax.set(xlabel="block", xticks=places, xlim=(-0.5, places[-1] + 0.5))
    ax.set_ylim(0, max(1.25 * even, 1.05 * pixels.max()))  # the same zero for all
    ax.set_title(title, fontsize=11)


def draw_scores(found, *, title):
    """Draw the scores of maps, a panel for each model in ``found``.

    Its values are what benchmarks/nb06.py stores under ``maps``: means and standard
    errors over sets. A dashed line goes through the blob, a dotted one marks the best.
    """
    figure, axes = plt.subplots(1, len(found), figsize=(7, 3.2), sharey=True)
    above = {"xytext": (0, 8), "textcoords": "offset points", "ha": "center"}
    above |= {"fontsize": 10, "bbox": {"fc": "white", "ec": "none", "pad": 1}}
    for ax, (model, stored) in zip(axes, found.items(), strict=True):
        names = [name for name in stored["maps"] if "wrong" not in name]
        areas = {name: stored["maps"][name]["auc"] for name in names}
        ax.axvline(areas["blob"]["mean"], color=COLORS["gray"], ls="--", lw=1)
        best = stored["best possible auc"]["mean"]
        ax.axvline(best, color=COLORS["black"], ls=":", lw=1.5)
        for place, (name, area) in enumerate(areas.items()):
            look = {"color": COLORS["gray"] if name in GUESSES else COLORS["blue"]}
            ax.errorbar(area["mean"], place, xerr=area["error"], fmt="o", **look)
            ax.annotate(f"{area['mean']:.2f}", (area["mean"], place), **above)
        ax.set_yticks(range(len(names)), names)
        ax.set(ylim=(len(names) - 0.5, -0.7), xlim=(0.45, 1))
        ax.set_xlabel("AUC")
        ax.set_title(model, fontsize=11)
    figure.suptitle(title, x=0.01, ha="left")


def draw_curves(panels, places, *, title, xlabel, ylabel):
    """Draw curves over ``places``, a panel for each entry of ``panels``.

    Each curve is a dict with the lists ``mean`` and ``error``.
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7, 3.3), sharey=True)
    for ax, (name, curves) in zip(axes, panels.items(), strict=True):
        for marker, (label, one) in zip("os^Dv", curves.items(), strict=False):
            look = {"marker": marker, "ms": 5, "capsize": 3, "label": label}
            ax.errorbar(places, one["mean"], one["error"], **look)
        ax.set(xlabel=xlabel, ylim=(-0.03, 1.03))
        few = len(places) < 8
        ax.set_xticks(places if few else range(0, max(places) + 1, 6))
        ax.set_title(name, fontsize=11)
    axes[0].set_ylabel(ylabel)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    figure.suptitle(title, x=0.01, ha="left")


def draw_knockout(lost, *, title):
    """Draw the accuracy lost without each head, a table (L, h) for each replacement.

    ``lost`` holds, by the name of the replacement, dicts with ``mean`` and ``error``.
    """
    figure, axes = plt.subplots(1, len(lost), figsize=(7, 3.6), sharey=True)
    tables = {name: 100 * np.array(one["mean"]) for name, one in lost.items()}
    look = {"vmin": 0, "vmax": max(map(np.max, tables.values())), "aspect": "auto"}
    for ax, (name, table) in zip(axes, tables.items(), strict=True):
        blocks = range(len(table))
        image = heatmap(ax, table, digits=1, rows=blocks, title="", **look)
        error = 100 * np.max(lost[name]["error"])
        ax.set_title(f"replaced by {name}", fontsize=11)
        ax.set_xlabel(f"head (errors up to ±{error:.1f})")
    axes[0].set_ylabel("block")
    figure.colorbar(image, ax=axes, label="points of accuracy lost")
    figure.suptitle(title, x=0.01, ha="left")
