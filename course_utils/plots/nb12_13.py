"""Figures of the lessons that modify a ViT (twins 12 and 13)."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS


def attention_tables(tables, *, title):
    """Draw tables of attention weights, queries down and keys across, in one scale."""
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


def swin_windows(*, title, patches=8, window=4):
    """Draw windows of patches, the shifted ones, and the merged patches (Swin)."""
    figure, axes = plt.subplots(1, 3, figsize=(7, 2.9))
    panels = {
        "block 1: windows": (patches, 0),
        "block 2: shifted by half": (patches, window // 2),
        "next stage: merged": (patches // 2, 0),
    }
    faces = [COLORS[name] for name in ("sky", "orange", "green", "purple")]
    for ax, (name, (side, shift)) in zip(axes, panels.items(), strict=True):
        unit = patches / side
        for row, column in np.ndindex(side, side):
            place = (column * unit, row * unit)
            number = int(place[1] // window * 2 + place[0] // window)
            look = {"fc": faces[number], "ec": "white", "lw": 1}
            ax.add_patch(plt.Rectangle(place, unit, unit, alpha=0.55, **look))
        lines = [edge * unit for edge in range(-shift % window, side + 1, window)]
        for edge in {0, *lines, patches}:
            ax.plot([edge, edge], [0, patches], color="black", lw=2, ls="-")
            ax.plot([0, patches], [edge, edge], color="black", lw=2, ls="-")
        ax.set(xlim=(-0.1, patches + 0.1), ylim=(patches + 0.1, -0.1), aspect=1)
        ax.set_title(name, fontsize=11)
        ax.axis("off")
    figure.suptitle(title, x=0.01, ha="left")
