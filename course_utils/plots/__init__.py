"""The look of all figures, the parts of diagrams, and what several lessons draw.

A figure draws on the ``Axes`` that it is given, or it makes a new figure. Its numbers
are arrays, lists or CPU tensors; it computes nothing that a lesson should show.
"""

from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.patches import FancyBboxPatch

# The palette of Okabe and Ito (2008): its colors stay apart for color-blind readers.
COLORS = {
    "blue": "#0072B2",
    "orange": "#E69F00",
    "green": "#009E73",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "black": "#000000",
    "gray": "#767676",
}
MAGNITUDE = "cividis"  # for values from small to large
DIVERGING = "PuOr"  # for values around zero
# Any one of these draws the letters that matplotlib's own font lacks.
LETTERS = ("Noto Sans CJK JP", "Hiragino Sans", "Microsoft YaHei", "Malgun Gothic")


def use_style() -> None:
    """Set the style of the course for every figure that is drawn afterward."""
    colors = [COLORS[c] for c in ("blue", "vermilion", "green", "purple", "black")]
    lines = ["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]
    cycle = plt.cycler(color=colors) + plt.cycler(linestyle=lines)
    fonts = {font.name for font in font_manager.fontManager.ttflist}
    more = [name for name in LETTERS if name in fonts][:1]
    plt.rc("font", size=11, family=["DejaVu Sans", *more])
    plt.rc("figure", figsize=(6.5, 3.6), dpi=110, titlesize=12, titleweight="bold")
    plt.rc("figure.constrained_layout", use=True, h_pad=0.08)
    plt.rc("axes", titlesize=12, titleweight="bold", titlelocation="left")
    plt.rc("axes", labelsize=11, grid=False, prop_cycle=cycle)
    plt.rc("axes.spines", top=False, right=False)
    plt.rc(("xtick", "ytick"), labelsize=10)
    plt.rc("legend", fontsize=10, frameon=False)
    plt.rc("lines", linewidth=2)
    plt.rc("image", cmap=MAGNITUDE)


def ink_on(color):
    """Return black or white, whichever has the larger contrast (WCAG 2.2)."""
    light = np.asarray(color[:3])
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    luminance = light @ [0.2126, 0.7152, 0.0722]
    return "black" if luminance + 0.05 > (1.05 * 0.05) ** 0.5 else "white"


def heatmap(ax, values, *, title, rows=None, columns=None, digits=2, **look):
    """Draw a small matrix (R, C) with its numbers, rounded to ``digits``, in the cells.

    ``rows`` and ``columns`` hold R and C labels; without labels, the axes are numbered.
    With ``digits=None`` the cells stay empty. The options ``look`` go to ``imshow``.
    """
    values = np.asarray(values, dtype=float)
    image = ax.imshow(values, **look)
    ax.set_title(title)
    ax.spines[:].set_visible(False)
    height, width = values.shape
    ax.set_yticks(range(height), rows)
    ax.set_xticks(range(width), columns)
    if digits is not None:
        for (i, j), value in np.ndenumerate(values):
            color = ink_on(image.cmap(image.norm(value)))
            ax.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color=color)
    return image


def draw_pictures(images, titles, *, title, per_row=8):
    """Draw pictures, of Pillow or (H, W) or (H, W, 3), each with its own title."""
    rows = -(-len(images) // per_row)
    lines = 1 + max(str(text).count("\n") for text in titles)
    size = (6.5, 0.45 + rows * (0.85 + 0.2 * lines))
    figure, axes = plt.subplots(rows, per_row, figsize=size, squeeze=False)
    figure.suptitle(title, x=0.01, ha="left")
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image, text in zip(axes.flat, images, titles, strict=False):
        image = np.asarray(image)
        crisp = "nearest" if len(image) < 100 else None  # its pixels stay visible
        ax.imshow(image, cmap="gray", interpolation=crisp)
        ax.set_title(text, loc="center", fontsize=11, fontweight="normal")


def draw_confusion(ax, counts, names, *, title):
    """Draw a confusion matrix in which color shows mistakes, never right answers.

    The rows of ``counts`` (K, K) are the true classes, its columns the model's answers.
    """
    counts = np.asarray(counts)
    mistakes = counts * (1 - np.eye(len(counts), dtype=int))
    options = {"digits": None, "vmin": 0, "vmax": max(mistakes.max(), 1)}
    image = heatmap(ax, mistakes, title=title, rows=names, columns=names, **options)
    for i, j in np.argwhere(counts):
        look = {"fontsize": 9, "weight": "normal" if i == j else "bold"}
        look["color"] = ink_on(image.cmap(image.norm(mistakes[i, j])))
        ax.text(j, i, counts[i, j], ha="center", va="center", **look)
    ax.set(xlabel="answer of the model", ylabel="true digit")


def draw_similarity(ax, similarities, patch, *, title):
    """Draw how similar one patch's position embedding is to those of all patches.

    ``similarities`` is a grid (rows, columns) of values from -1 to 1; a cross marks the
    ``patch`` (row, column). The returned image is what a color bar needs.
    """
    image = ax.imshow(similarities, vmin=-1, vmax=1)
    ax.plot(patch[1], patch[0], "+", color="black", markersize=12, markeredgewidth=2)
    rows, columns = np.shape(similarities)
    ax.set(title=title, xlabel="patch column", ylabel="patch row")
    ax.set(xticks=range(0, columns, 2), yticks=range(0, rows, 2))
    return image


# Parts of diagrams


def canvas(width, height, *, title):
    """Make a figure without axes, measured in inches from its top left corner."""
    _, ax = plt.subplots(figsize=(width, height))
    ax.set(xlim=(0, width), ylim=(height, 0), title=title)
    ax.set_axis_off()
    return ax


def words(ax, x, y, text, **look):
    """Write text centered at (x, y)."""
    ax.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": 12} | look)


def box(ax, x, y, text, *, color, width, height=0.5):
    """Draw a labeled box, in a color of the palette, centered at (x, y)."""
    corner = x - width / 2, y - height / 2
    look = {"boxstyle": "round,pad=0,rounding_size=0.08", "linewidth": 1.5}
    look |= {"ec": COLORS[color], "fc": COLORS[color] + "38"}  # mostly transparent
    ax.add_patch(FancyBboxPatch(corner, width, height, **look))
    words(ax, x, y, text)


def arrow(ax, *points, color=COLORS["black"], width=1.5):
    """Draw a line through points that ends in an arrow head."""
    if len(points) > 2:
        ax.plot(*zip(*points[:-1], strict=True), color=color, lw=width, ls="-")
    style = {"arrowstyle": "-|>,head_width=0.25,head_length=0.5", "color": color}
    style |= {"lw": width, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", points[-1], points[-2], arrowprops=style)


def branch(ax, stream, x, boxes, *, width):
    """Draw boxes (y, text, color, height), through which a residual branch passes."""
    for y, text, color, height in boxes:
        box(ax, x, y, text, color=color, width=width, height=height)
    for (upper, *_, height), (lower, *_, next_height) in pairwise(boxes):
        arrow(ax, (x, upper + height / 2), (x, lower - next_height / 2))
    first, side = boxes[0][0], x - width / 2
    arrow(ax, (stream, first), (side, first))
    arrow(ax, (side, lower), (stream + 0.15, lower))
    circle = {"mfc": "white", "mec": COLORS["black"], "mew": 1.5, "zorder": 3}
    ax.plot([stream], [lower], "o", ms=17, **circle)
    words(ax, stream, lower - 0.01, "+", fontsize=14, zorder=4)
