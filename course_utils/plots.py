"""The look of the course's figures, and every figure that is long or used twice.

Functions draw on an ``Axes`` they are given or make a figure, and return it; they take
NumPy arrays, lists or CPU tensors and compute nothing that a lesson should show.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import FancyBboxPatch

# Okabe and Ito (2008), colors that stay apart for color-blind readers.
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


def use_style() -> None:
    """Set the one style of the course for every figure drawn afterward."""
    cycle = [COLORS[name] for name in ("blue", "vermilion", "green", "purple", "black")]
    plt.rcParams.update(
        {
            "figure.figsize": (6.5, 3.6),
            "figure.dpi": 110,
            "figure.constrained_layout.use": True,
            "font.size": 11,
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            "axes.titlelocation": "left",
            "axes.labelsize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": False,
            "axes.prop_cycle": plt.cycler(color=cycle)
            + plt.cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1))]),
            "xtick.labelsize": 10,
            "ytick.labelsize": 10,
            "legend.fontsize": 10,
            "legend.frameon": False,
            "lines.linewidth": 2,
            "image.cmap": MAGNITUDE,
        }
    )


def heatmap(
    ax, values, *, title, rows=None, columns=None, digits=2, cmap=MAGNITUDE, **limits
):
    """Draw a small matrix with its numbers written into the cells.

    Parameters
    ----------
    ax : matplotlib Axes
    values : array, shape (R, C)
    title : str
        The finding.
    rows, columns : list of str, optional
        Labels of the R rows and C columns.
    digits : int or None
        Decimals of the numbers in the cells; None writes none.
    cmap : str
        Color map.
    **limits
        ``vmin`` and ``vmax`` of the color scale.

    Returns
    -------
    matplotlib AxesImage
    """
    values = np.asarray(values, dtype=float)
    image = ax.imshow(values, cmap=cmap, **limits)
    ax.set_title(title)
    ax.spines[:].set_visible(False)
    ax.set_yticks(range(len(values)), rows if rows is not None else range(len(values)))
    width = values.shape[1]
    ax.set_xticks(range(width), columns if columns is not None else range(width))
    if digits is not None:
        for (i, j), value in np.ndenumerate(values):
            red, green, blue, _ = image.cmap(image.norm(value))
            luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
            color = "black" if luminance > 0.45 else "white"
            label = f"{value:.{digits}f}" if np.isfinite(value) else f"{value}"
            ax.text(j, i, label, ha="center", va="center", color=color)
    return image


# --- Notebook 00 ------------------------------------------------------------------


def draw_course_map():
    """Draw a ViT from image to answer, with the notebook that builds each part.

    Returns
    -------
    matplotlib Figure
    """
    parts = [
        ("image", "28 x 28 pixels", None, "gray"),
        ("patches, projected to tokens", "a sequence, like words", "03", "orange"),
        ("class token and positions", "what to answer with, and where", "03", "orange"),
        ("attention", "each token looks at all others", "01, 02", "blue"),
        ("MLP, norms, residuals", "the rest of the encoder block", "02", "green"),
        ("head", "one score for each class, trained", "04", "purple"),
    ]
    figure, ax = plt.subplots(figsize=(5.2, 4.6))
    ax.set(xlim=(0, 10), ylim=(-0.2, len(parts)))
    ax.set_title("Each part of the model has its notebook")
    ax.set_axis_off()
    for row, (name, what, notebook, color) in enumerate(reversed(parts)):
        box = dict(boxstyle="round,pad=0.05", fc="white", ec=COLORS[color], lw=2.5)
        ax.add_patch(FancyBboxPatch((0.4, row), 6.4, 0.62, **box))
        ax.text(3.6, row + 0.44, name, ha="center", va="center", weight="bold")
        ax.text(3.6, row + 0.17, what, ha="center", va="center", size=10)
        if notebook:
            ax.text(7.9, row + 0.31, notebook, ha="center", va="center")
        if row:
            arrow = dict(arrowstyle="-|>", color="black", lw=1.5)
            ax.annotate("", (3.6, row - 0.34), (3.6, row - 0.03), arrowprops=arrow)
    ax.text(7.9, len(parts) - 0.69, "notebook", ha="center", va="center", weight="bold")
    ax.plot([8.9, 9.1, 9.1, 8.9], [2.66, 2.66, 0.96, 0.96], color="black", lw=1.5)
    ax.text(9.2, 1.81, "repeated", rotation=90, va="center")
    return figure


# --- Notebook 01 ------------------------------------------------------------------


def compass(keys, labels, weights, query, *, title):
    """Draw a soft look-up: keys as arrows, as thick as their weight, and the query.

    Parameters
    ----------
    keys : array, shape (M, 2)
        Unit vectors.
    labels : list of str
        What stands at each of the M keys.
    weights : array, shape (M,)
    query : array, shape (2,)
        A unit vector.
    title : str
        The finding.

    Returns
    -------
    matplotlib Figure
    """
    fig, ax = plt.subplots(figsize=(5.6, 4))
    for (x, y), label, weight in zip(keys, labels, weights, strict=True):
        arrow = {"arrowstyle": "-|>", "color": COLORS["blue"], "lw": 1 + 14 * weight}
        ax.annotate("", xy=(x, y), xytext=(0, 0), arrowprops=arrow)
        ax.text(
            1.12 * x, 1.12 * y, f"{label}\nweight {weight:.2f}",
            ha=["right", "center", "left"][int(np.sign(round(x))) + 1],
            va=["top", "center", "bottom"][int(np.sign(round(y))) + 1],
        )  # fmt: skip
    arrow = {"arrowstyle": "->", "color": COLORS["vermilion"], "lw": 2, "ls": "--"}
    ax.annotate("", xy=query, xytext=(0, 0), arrowprops=arrow)
    ax.text(*(1.08 * np.asarray(query)), "query", color=COLORS["vermilion"])
    ax.set(xlim=(-2.3, 2.3), ylim=(-1.7, 1.7), aspect="equal", title=title)
    ax.axis("off")
    return fig


def weight_matrices(matrices, titles, *, finding, labels, width=7.0):
    """Draw attention weights side by side, queries down and keys across.

    Parameters
    ----------
    matrices : list of arrays, each of shape (N, M)
    titles : list of str
        One above each matrix.
    finding : str
        Title of the whole figure.
    labels : list of pairs of lists of str
        For each matrix the names of its N queries and of its M keys.
    width : float
        Width of the figure in inches.

    Returns
    -------
    matplotlib Figure
    """
    with plt.rc_context({"font.size": 9, "axes.titlesize": 11}):
        fig, axes = plt.subplots(1, len(matrices), figsize=(width, 2.9), squeeze=False)
        panels = zip(axes[0], matrices, titles, labels, strict=True)
        for ax, weights, title, (rows, columns) in panels:
            heatmap(
                ax, weights, title=title, rows=rows, columns=columns, vmin=0, vmax=1
            )
            ax.set_xlabel("key")
        axes[0, 0].set_ylabel("query")
        fig.suptitle(finding, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return fig


# --- Notebook 02 ------------------------------------------------------------------


def _box(ax, x, y, text, *, color, width=1.0, height=0.5):
    """Draw a labeled box centered at (x, y)."""
    patch = FancyBboxPatch(
        (x - width / 2, y - height / 2),
        width,
        height,
        boxstyle="round,pad=0,rounding_size=0.08",
        facecolor=color + "38",  # the same color, mostly transparent
        edgecolor=color,
        linewidth=1.5,
    )
    ax.add_patch(patch)
    ax.text(x, y, text, ha="center", va="center", fontsize=12)


def _path(ax, *points, color=COLORS["black"], head=True, width=1.5):
    """Draw a line through points, with an arrow head at its end."""
    if len(points) > 2 or not head:
        corners = points[:-1] if head else points
        ax.plot(*zip(*corners, strict=True), color=color, lw=width, ls="-")
    if head:
        style = {"arrowstyle": "-|>,head_width=0.25,head_length=0.5", "color": color}
        style |= {"lw": width, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", points[-1], points[-2], arrowprops=style)


def _plus(ax, x, y):
    """Draw the circle in which a branch is added to the stream."""
    ax.plot([x], [y], "o", ms=17, mfc="white", mec=COLORS["black"], mew=1.5, zorder=3)
    ax.text(x, y - 0.01, "+", ha="center", va="center", fontsize=14, zorder=4)


def _canvas(width, height, xlim, ylim):
    """Make a figure without axes for a diagram that reads downward."""
    figure, ax = plt.subplots(figsize=(width, height))
    ax.set(xlim=xlim, ylim=ylim)
    ax.axis("off")
    return figure, ax


def draw_encoder_block():
    """Draw the pre-norm encoder block: a straight stream with two branches.

    Returns
    -------
    matplotlib Figure
    """
    figure, ax = _canvas(4.4, 4.4, (0, 4.4), (4.4, 0))
    ax.set_title("Two branches write into one stream")
    stream, branch = 0.75, 2.9
    ax.text(stream, 0.16, "tokens (B, T, D)", ha="center", va="center", fontsize=12)
    ax.text(stream, 4.24, "tokens (B, T, D)", ha="center", va="center", fontsize=12)
    _path(ax, (stream, 0.32), (stream, 4.1), color=COLORS["gray"], width=4)
    ax.text(0.42, 2.2, "residual stream", ha="center", va="center", rotation=90)
    for top, inside, color in (
        (0.62, "attention:\nmixes tokens", COLORS["blue"]),
        (2.47, "MLP: each\ntoken alone", COLORS["vermilion"]),
    ):
        _box(ax, branch, top, "layer norm", color=COLORS["green"], width=2.0)
        _box(ax, branch, top + 0.86, inside, color=color, width=2.0, height=0.72)
        _path(ax, (stream, top), (branch - 1.0, top))
        _path(ax, (branch, top + 0.25), (branch, top + 0.5))
        _path(ax, (branch - 1.0, top + 0.86), (stream + 0.15, top + 0.86))
        _plus(ax, stream, top + 0.86)
    return figure


def draw_encoder_decoder():
    """Draw the encoder-decoder of Vaswani et al. (2017), one block on each side.

    Returns
    -------
    matplotlib Figure
    """
    figure, ax = _canvas(5.2, 4.4, (0, 5.2), (4.4, 0))
    ax.set_title("The encoder reads, the decoder writes")
    left, right, wide = 1.15, 3.9, 2.05
    blue, red, purple = COLORS["blue"], COLORS["vermilion"], COLORS["purple"]
    ax.text(left, 0.15, "w o r d $", ha="center", va="center", fontsize=13)
    ax.text(right, 0.15, "^ d r o w", ha="center", va="center", fontsize=13)
    _box(ax, left, 0.8, "self-attention", color=blue, width=wide)
    _box(ax, left, 1.75, "MLP", color=red, width=wide)
    _box(ax, right, 0.8, "self-attention,\nno look ahead", color=blue, width=wide,
         height=0.66)
    _box(ax, right, 1.85, "cross-attention", color=purple, width=wide, height=0.6)
    _box(ax, right, 2.8, "MLP", color=red, width=wide)
    _box(ax, right, 3.6, "logits", color=COLORS["gray"], width=wide)
    ax.text(right, 4.25, "d r o w $", ha="center", va="center", fontsize=13)
    _path(ax, (left, 0.3), (left, 0.55))
    _path(ax, (left, 1.05), (left, 1.5))
    _path(ax, (left, 2.0), (left, 2.4), (2.52, 2.4), (2.52, 1.85), (right - 1.03, 1.85))
    ax.text(left, 2.62, "memory:\nkeys and values", ha="center", va="top", fontsize=12)
    for start, end in ((0.3, 0.47), (1.13, 1.55), (2.15, 2.55), (3.05, 3.35)):
        _path(ax, (right, start), (right, end))
    _path(ax, (right, 3.85), (right, 4.12))
    ax.text(right + 0.1, 1.34, "queries", ha="left", va="center", fontsize=12)
    return figure


# --- Notebook 03 ------------------------------------------------------------------


def draw_patches(ax, image, patch_size, *, title):
    """Draw an image with the borders and numbers of its patches.

    Parameters
    ----------
    ax : matplotlib Axes
    image : array, shape (H, W) or (H, W, C)
        Gray or RGB, floats from 0 to 1 or bytes.
    patch_size : int
        Patch side in pixels; divides H and W.
    title : str
        The finding.

    Returns
    -------
    matplotlib AxesImage
    """
    image, P = np.asarray(image), patch_size
    height, width = image.shape[:2]
    drawn = ax.imshow(image, cmap="gray")
    ax.set_title(title)
    ax.set_axis_off()
    for row in range(0, height + 1, P):
        ax.axhline(row - 0.5, color="white", linewidth=1)
    for column in range(0, width + 1, P):
        ax.axvline(column - 0.5, color="white", linewidth=1)
    for number in range((height // P) * (width // P)):
        row, column = divmod(number, width // P)
        _number_tag(ax, (column + 0.5) * P - 0.5, (row + 0.5) * P - 0.5, number)
    return drawn


def draw_patch_sequence(patches, *, title, per_row=16):
    """Draw patches side by side, in the order in which a Transformer reads them.

    Parameters
    ----------
    patches : array, shape (N, P, P) or (N, P, P, C)
    title : str
        The finding.
    per_row : int
        Patches in one line.

    Returns
    -------
    matplotlib Figure
    """
    patches = np.asarray(patches)
    rows = -(-len(patches) // per_row)
    size = 6.6 / per_row
    figure, axes = plt.subplots(
        rows, per_row, figsize=(6.6, (size + 0.24) * rows + 0.35), squeeze=False
    )
    limits = dict(vmin=0, vmax=255 if patches.dtype == np.uint8 else 1)
    for number, ax in enumerate(axes.flat):
        ax.set_axis_off()
        if number < len(patches):
            ax.imshow(patches[number], cmap="gray", **limits)
            ax.set_title(f"{number}", loc="center", size=10, weight="normal", pad=2)
    figure.suptitle(title, x=0.01, ha="left", size=12, weight="bold")
    return figure


def _number_tag(ax, x, y, number):
    """Write a number that can be read on any picture."""
    box = dict(boxstyle="round,pad=0.15", fc="black", ec="none", alpha=0.55)
    ax.text(x, y, f"{number}", ha="center", va="center", color="white", bbox=box)


def draw_similarity(ax, similarities, patch, *, title):
    """Draw how similar the position of one patch is to all others.

    Parameters
    ----------
    ax : matplotlib Axes
    similarities : array, shape (rows, columns), values from -1 to 1
    patch : tuple (row, column)
        Place of the patch compared with; marked with a cross.
    title : str
        The finding.

    Returns
    -------
    matplotlib AxesImage
    """
    image = ax.imshow(similarities, cmap=MAGNITUDE, vmin=-1, vmax=1)
    ax.plot(patch[1], patch[0], "+", color="black", markersize=12, markeredgewidth=2)
    ax.set_title(title)
    ax.set(xlabel="patch column", ylabel="patch row")
    rows, columns = np.shape(similarities)
    ax.set(xticks=range(0, columns, 2), yticks=range(0, rows, 2))
    return image


# --- Notebook 04 ------------------------------------------------------------------
