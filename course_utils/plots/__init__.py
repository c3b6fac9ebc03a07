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
            "figure.constrained_layout.h_pad": 0.08,
            "figure.titlesize": 12,
            "figure.titleweight": "bold",
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
            color = _ink_on(image.cmap(image.norm(value)))
            label = f"{value:.{digits}f}" if np.isfinite(value) else f"{value}"
            ax.text(j, i, label, ha="center", va="center", color=color)
    return image


def _ink_on(color):
    """Return black or white, whichever has the larger contrast (WCAG 2.2)."""
    light = np.asarray(color[:3])
    light = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    luminance = light @ [0.2126, 0.7152, 0.0722]
    return "black" if luminance + 0.05 > (1.05 * 0.05) ** 0.5 else "white"


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
    ax.text(*(1.08 * np.asarray(query)), "query")
    ax.set(xlim=(-2.3, 2.3), ylim=(-1.7, 1.7), aspect="equal", title=title)
    ax.axis("off")
    return fig


def weight_matrices(matrices, titles, *, finding, labels, outline=None):
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
    outline : pair of str, optional
        Query and key whose weight is outlined in every matrix.

    Returns
    -------
    matplotlib Figure
    """
    with plt.rc_context({"font.size": 9, "axes.titlesize": 11}):
        fig, axes = plt.subplots(1, len(matrices), figsize=(7, 2.9), squeeze=False)
        panels = zip(axes[0], matrices, titles, labels, strict=True)
        for ax, weights, title, (rows, columns) in panels:
            heatmap(
                ax, weights, title=title, rows=rows, columns=columns, vmin=0, vmax=1
            )
            ax.set_xlabel("key")
            if outline:
                corner = columns.index(outline[1]) - 0.5, rows.index(outline[0]) - 0.5
                look = {"fill": False, "lw": 3, "ec": COLORS["vermilion"]}
                ax.add_patch(plt.Rectangle(corner, 1, 1, clip_on=False, **look))
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
    ahead = "self-attention,\nno look ahead"
    _box(ax, right, 0.8, ahead, color=blue, width=wide, height=0.66)
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


def gradients_by_depth(sizes):
    """Draw gradient norms by block in the deepest stack, and of the last block.

    Parameters
    ----------
    sizes : dict
        (design, depth) -> array of shape (seeds, depth), first block first. The same
        depths for each design; the first design is compared with 1/sqrt(depth).

    Returns
    -------
    matplotlib Figure
    """
    designs = list(dict.fromkeys(name for name, _ in sizes))
    depths = sorted({depth for _, depth in sizes})
    deepest = depths[-1]
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
    for name, marker in zip(designs, "os", strict=True):
        last = np.stack([sizes[name, depth][:, -1] for depth in depths], axis=1)
        panels = (range(1, deepest + 1), sizes[name, deepest]), (depths, last)
        for ax, (places, found) in zip(axes, panels, strict=True):
            ax.plot(places, found.mean(0), marker=marker, markersize=4, label=name)
            ax.fill_between(places, found.min(0), found.max(0), alpha=0.2)
    end = sizes[designs[0], deepest][:, -1].mean()
    line = [(depth, end * (deepest / depth) ** 0.5) for depth in depths[2:]]
    axes[1].plot(*zip(*line, strict=True), "k:", label="1/√depth")
    axes[0].set(title=f"All blocks of {deepest}", xlabel="block", yscale="log")
    axes[0].set_yticks([50, 100, 200], ["50", "100", "200"])
    axes[0].set_ylabel("gradient norm")
    axes[1].set(title="The last block", xlabel="number of blocks", xscale="log")
    axes[1].set_xticks(depths, depths)
    axes[1].legend(loc="lower left")
    for ax in axes:
        ax.minorticks_off()
    return figure


def loss_curves(curves, *, title, guessing):
    """Draw losses against steps, one line for each seed.

    Parameters
    ----------
    curves : dict
        Name -> list of runs, each a list of losses; at most five names.
    title : str
    guessing : float
        Loss of a guess, drawn as a level.

    Returns
    -------
    matplotlib Figure
    """
    figure, ax = plt.subplots()
    styles = zip(curves.items(), plt.rcParams["axes.prop_cycle"], strict=False)
    for (name, runs), style in styles:
        for number, losses in enumerate(runs):
            ax.plot(losses, label=name if number == 0 else None, lw=1.5, **style)
    ax.axhline(guessing, color=COLORS["gray"], linewidth=1)
    steps = max(len(losses) for runs in curves.values() for losses in runs)
    ax.text(steps, guessing + 0.03, "guessing", ha="right", va="bottom")
    ax.set(title=title, xlabel="step", ylabel="loss", ylim=(0, 1.3 * guessing))
    ax.legend(loc="lower left")
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
    drawn = ax.imshow(image, cmap="gray", interpolation="nearest")
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


def draw_vit(image, patch_size, *, dim, depth, classes, channels_last=False):
    """Draw the whole Vision Transformer around one small image.

    Parameters
    ----------
    image : array, shape (2P, 2P)
        Gray; 2 x 2 patches.
    patch_size : int
        Patch side P in pixels.
    dim, depth, classes : int
        Model width, number of blocks and number of classes, for the labels.
    channels_last : bool
        Write the shape of the images as Keras has it.

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        If the image is not exactly 2 x 2 patches.
    """
    image, P = np.asarray(image), patch_size
    if image.shape != (2 * P, 2 * P):
        raise ValueError(
            f"the drawing has room for 2 x 2 patches: with patch_size={P} give an "
            f"image of shape {(2 * P, 2 * P)}, not {image.shape}"
        )
    patches = image.reshape(2, P, 2, P).swapaxes(1, 2).reshape(4, P, P)
    gray, blue, red = COLORS["gray"], COLORS["blue"], COLORS["vermilion"]
    green, purple = COLORS["green"], COLORS["purple"]
    figure, ax = _canvas(5.6, 6.7, (0, 5.6), (6.7, 0))
    ax.set_title("A ViT: patches in, one token read out")
    middle, xs = 2.05, [0.45 + 0.8 * i for i in range(len(patches) + 1)]
    wide = xs[-1] - xs[0] + 0.66
    half = 0.45
    ax.imshow(
        image,
        cmap="gray",
        extent=(middle - half, middle + half, 0.98, 0.08),
        aspect="auto",
    )
    ax.axhline(0.53, (middle - half) / 5.6, (middle + half) / 5.6, color="white", lw=1)
    ax.plot([middle, middle], [0.08, 0.98], color="white", lw=1, ls="-")
    for x, patch in zip(xs[1:], patches, strict=True):
        _path(ax, (middle, 1.0), (x, 1.32), color=gray)
        limits = {"vmin": image.min(), "vmax": image.max()}
        extent = (x - 0.27, x + 0.27, 1.88, 1.34)
        ax.imshow(patch, cmap="gray", extent=extent, aspect="auto", **limits)
    project = (xs[1] + xs[-1]) / 2
    _box(ax, project, 2.3, "linear projection", color=blue, width=wide - 0.8)
    ax.text(xs[0], 2.3, "class\ntoken", ha="center", va="center", fontsize=11)
    stages = (("+ positions", 3.05, green), (f"encoder block × {depth}", 4.15, red))
    for text, y, color in stages:
        height = 0.4 if color == green else 0.8
        _box(ax, (xs[0] + xs[-1]) / 2, y, text, color=color, width=wide, height=height)
    for number, x in enumerate(xs):
        if number:
            _path(ax, (x, 1.9), (x, 2.04))
        _path(ax, (x, 2.56), (x, 2.84))
        _path(ax, (x, 3.26), (x, 3.74))
        if number:
            _path(ax, (x, 4.56), (x, 4.84), color=gray)
            ax.text(x, 5.0, "unread", ha="center", va="center", fontsize=10, color=gray)
    first, after = xs[0] + 0.32, xs[0] + 1.5
    _path(ax, (xs[0], 4.56), (xs[0], 5.3))
    _box(ax, first, 5.56, "layer norm", color=green, width=1.3)
    _path(ax, (first, 5.82), (first, 6.04))
    _box(ax, first, 6.3, "head", color=purple, width=1.3)
    _path(ax, (first + 0.68, 6.3), (first + 1.08, 6.3))
    ax.text(after, 6.3, f"{classes} logits", ha="left", va="center", fontsize=12)
    height, width = image.shape
    tokens, right = len(patches) + 1, xs[-1] + 0.5
    images = (height, width, 1) if channels_last else (1, height, width)
    for y, shape in (
        (0.53, f"(B, {', '.join(map(str, images))})"),
        (1.61, f"(B, {tokens - 1}, {P * P})"),
        (2.3, f"(B, {tokens - 1}, {dim})"),
        (3.05, f"(B, {tokens}, {dim})"),
        (4.15, f"(B, {tokens}, {dim})"),
        (5.56, f"(B, {dim})"),
        (6.3, f"(B, {classes})"),
    ):
        ax.text(right, y, shape, ha="left", va="center", fontsize=12, color=gray)
    ax.set(xlim=(0, 5.6), ylim=(6.7, 0))
    return figure


def draw_confusion(ax, counts, names, *, title):
    """Draw a confusion matrix: correct answers pale, each mistake with its number.

    Parameters
    ----------
    ax : matplotlib Axes
    counts : array of int, shape (K, K)
        Rows are the true classes, columns the answers.
    names : list of str
        Of the K classes.
    title : str
        The finding.

    Returns
    -------
    matplotlib AxesImage
    """
    counts = np.asarray(counts)
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    drawn = ax.imshow(mistakes, cmap=MAGNITUDE, vmin=0, vmax=max(mistakes.max(), 1))
    for (i, j), count in np.ndenumerate(counts):
        if count:
            ax.text(
                j,
                i,
                count,
                ha="center",
                va="center",
                fontsize=9,
                color=_ink_on(drawn.cmap(drawn.norm(mistakes[i, j]))),
                fontweight="normal" if i == j else "bold",
            )
    ax.set_title(title)
    ax.set_xticks(range(len(names)), names)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="answer of the model", ylabel="true digit")
    ax.spines[:].set_visible(False)
    return drawn


def draw_pictures(images, titles, *, title, per_row=8):
    """Draw small gray pictures in rows, a label above each.

    Parameters
    ----------
    images : array, shape (N, H, W)
    titles : list of str, length N
    title : str
        The finding.
    per_row : int
        Pictures in one row.

    Returns
    -------
    matplotlib Figure
    """
    rows = -(-len(images) // per_row)
    lines = 1 + max(str(text).count("\n") for text in titles)
    size = (6.5, 0.45 + rows * (0.85 + 0.2 * lines))
    figure, axes = plt.subplots(rows, per_row, figsize=size, squeeze=False)
    figure.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=12)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image, text in zip(axes.flat, images, titles, strict=False):
        ax.imshow(image, cmap="gray")
        ax.set_title(text, loc="center", fontsize=11, fontweight="normal")
    return figure


# --- Notebook 07 ------------------------------------------------------------------


def draw_hf_vit(*, side, channels, patches, dim, depth, mlp_dim, classes):
    """Draw the modules of Hugging Face's ViT in the order in which data pass them.

    Parameters
    ----------
    side, channels : int
        Of the images.
    patches, dim, depth, mlp_dim, classes : int
        Patches per image, model width, blocks, hidden width of the MLP, logits.

    Returns
    -------
    matplotlib Figure
    """
    figure, ax = _canvas(7, 6.4, (0, 7), (6.4, 0))
    ax.set_title("The modules, in the order in which data pass them")
    tokens = f"({patches + 1}, {dim})"
    steps = (
        (f"({channels}, {side}, {side})", "patch_embeddings", "orange"),
        (f"({patches}, {dim})", "+ cls_token in front", "orange"),
        (tokens, "+ position_embeddings", "orange"),
        (tokens, f"layers: {depth} of them", "vermilion"),
        (tokens, "layernorm", "green"),
        (f"token 0: ({dim},)", "classifier", "purple"),
    )
    for row, (shape, name, color) in enumerate(steps):
        _step(ax, 1.3, 0.85 + 0.95 * row, name, COLORS[color], above=shape)
    _path(ax, (1.3, 5.86), (1.3, 6.05))
    ax.text(1.3, 6.22, f"({classes},) logits", ha="center", va="center", fontsize=12)
    for y, corner in ((3.44, 0.1), (3.96, 6.35)):
        ax.plot([2.5, 3.1], [y, corner], color=COLORS["gray"], lw=1, ls="--")
    _draw_layer(ax, mlp_dim)
    return figure


def _step(ax, x, y, name, color, *, above):
    """Draw a box with an arrow into it, and the shape of what comes along."""
    _path(ax, (x, y - 0.43), (x, y - 0.25))
    ax.text(x, y - 0.57, above, ha="center", va="center", fontsize=12)
    _box(ax, x, y, name, color=color, width=2.4)


def _draw_layer(ax, mlp_dim):
    """Draw one block of ``draw_hf_vit``: a straight stream with two branches."""
    frame = {"fill": False, "ec": COLORS["gray"], "lw": 1}
    ax.add_patch(plt.Rectangle((3.1, 0.1), 3.85, 6.25, **frame))
    stream, branch, wide = 3.65, 5.4, 2.2
    _path(ax, (stream, 0.2), (stream, 6.25), color=COLORS["gray"], width=4)
    ax.text(3.33, 3.2, "residual stream", ha="center", va="center", rotation=90)
    blue, red, green = (COLORS[name] for name in ("blue", "vermilion", "green"))
    branches = (
        (
            0.5,
            blue,
            "layernorm_before",
            "q_proj, k_proj, v_proj",
            "softmax(QKᵀ/√d) V",
            "o_proj",
        ),
        (3.6, red, "layernorm_after", "mlp.fc1", f"GELU, {mlp_dim:,} wide", "mlp.fc2"),
    )
    for top, color, *names in branches:
        _path(ax, (stream, top), (branch - wide / 2, top))
        for row, name in enumerate(names):
            y = top + 0.75 * row
            if row:
                _path(ax, (branch, y - 0.5), (branch, y - 0.25))
            _box(ax, branch, y, name, color=color if row else green, width=wide)
        _path(ax, (branch - wide / 2, y), (stream + 0.15, y))
        _plus(ax, stream, y)


# --- Notebook 08 ------------------------------------------------------------------


def mean_and_spread(ax, curves, *, title, guessing):
    """Draw accuracy against training steps, the mean over seeds and their range.

    Parameters
    ----------
    ax : matplotlib Axes
    curves : dict
        Name -> (steps, accuracy): arrays of shape (n,) and (seeds, n), from 0 to 1; at
        most five names.
    title : str
        The finding.
    guessing : float
        Accuracy of a guess, drawn as a level.
    """
    for (name, (steps, runs)), marker in zip(curves.items(), "osD^v", strict=False):
        runs = 100 * np.asarray(runs)
        (line,) = ax.plot(steps, runs.mean(axis=0), marker=marker, label=name)
        color = line.get_color()
        ax.fill_between(steps, runs.min(0), runs.max(0), color=color, alpha=0.2)
    ax.axhline(100 * guessing, color=COLORS["gray"], lw=1, ls=":")
    ax.text(0, 100 * guessing - 1, " guessing", va="top")
    ax.set(title=title, xlabel="training steps", ylabel="validation accuracy (%)")
    ax.set(xlim=(0, None), ylim=(0, 102))
    ax.legend()


def dots_by_name(ax, values, *, title, xlabel, error=None):
    """Draw one dot for each name, the first name at the top, its value beside it.

    Parameters
    ----------
    ax : matplotlib Axes
    values : dict
        Name -> number.
    title : str
        The finding.
    xlabel : str
        What the numbers are, with their unit.
    error : list of float, optional
        One standard error for each name, drawn to both sides.
    """
    numbers = list(values.values())
    ax.errorbar(numbers, list(values), xerr=error, fmt="o", capsize=3, elinewidth=1)
    for row, number in enumerate(numbers):
        place = {"xytext": (0, 7), "textcoords": "offset points", "ha": "center"}
        ax.annotate(f"{number:.0f}", (number, row), fontsize=10, **place)
    ax.set(title=title, xlabel=xlabel)
    ax.set_ylim(len(numbers) - 0.5, -0.7)


# --- Notebook 10 ------------------------------------------------------------------


def learning_curves(sizes, accuracy, *, title, guessing):
    """Draw test accuracy against the number of training pictures.

    Parameters
    ----------
    sizes : list of int
        Numbers of training pictures.
    accuracy : dict
        Name -> array of shape (sizes, seeds), from 0 to 1; at most five names. Lines
        join the means, bars are one standard deviation, small dots are single runs.
    title : str
        The finding.
    guessing : float
        Accuracy of a guess, drawn as a level.

    Returns
    -------
    matplotlib Figure
    """
    figure, ax = plt.subplots(figsize=(6.5, 4))
    sizes = np.asarray(sizes)
    cycle = plt.rcParams["axes.prop_cycle"]
    styles = zip(accuracy.items(), "osD^v", cycle, strict=False)
    for number, ((name, runs), marker, style) in enumerate(styles):
        runs, places = 100 * np.asarray(runs), sizes * 1.035 ** (number - 1)
        spread = runs.std(axis=1, ddof=1) if runs.shape[1] > 1 else None
        line = {"marker": marker, "capsize": 4, "elinewidth": 1.5, **style}
        ax.errorbar(places, runs.mean(axis=1), yerr=spread, label=name, **line)
        dots = {"s": 10, "color": style["color"], "alpha": 0.5}
        ax.scatter(np.repeat(places, runs.shape[1]), runs, **dots)
    ends = {name: 100 * np.mean(runs[-1]) for name, runs in accuracy.items()}
    height = -np.inf
    for name in sorted(ends, key=ends.get):
        height = max(height + 5, ends[name])  # names do not overlap
        number = list(accuracy).index(name)
        color = cycle.by_key()["color"][number]
        ax.plot(1.25 * sizes[-1], height, "osD^v"[number], color=color)
        ax.text(1.36 * sizes[-1], height, name, va="center", weight="bold")
    ends_at = 0.9 * sizes[0], 1.1 * sizes[-1]
    ax.hlines(100 * guessing, *ends_at, color=COLORS["gray"], lw=1, ls=":")
    place = 1.2 * sizes[0], 100 * guessing - 1
    ax.text(*place, "guessing", va="top", color=COLORS["gray"])
    ax.set(xscale="log", xlabel="training pictures", ylabel="test accuracy (%)")
    ax.set(title=title, xlim=(0.9 * sizes[0], 2.6 * sizes[-1]))
    ax.set_ylim(max(0, 100 * guessing - 10), 101)
    ax.set_xticks(sizes, sizes)
    ax.minorticks_off()
    return figure


def forgetting(rates, new, old, distance, *, before, new_before, floor, title):
    """Draw what a learning rate buys on the new task and costs on the old one.

    Parameters
    ----------
    rates : list of float
        Learning rates.
    new, old : lists of float
        For each rate the accuracy (0 to 1) on the new task, and that of a linear probe
        on the old task.
    distance : list of float
        For each rate the length of the change of the weights, relative to theirs.
    before, new_before : float
        Accuracy of linear probes on both tasks before any fine-tuning.
    floor : float
        Accuracy of a linear probe on the old task with random weights.
    title : str
        The finding.

    Returns
    -------
    matplotlib Figure
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 4), width_ratios=[1.6, 1])
    left.plot(rates, 100 * np.array(new), marker="o", label="new task")
    left.plot(rates, 100 * np.array(old), marker="s", label="old task (probe)")
    for level, color, label in (
        (new_before, "C0", "new task, probe before"),
        (before, "C1", "old task, probe before"),
        (floor, COLORS["gray"], "old task, random weights"),
    ):
        left.axhline(100 * level, color=color, lw=1.5, ls=":", label=label)
    left.set(xscale="log", xlabel="learning rate", ylabel="accuracy (%)")
    left.set(ylim=(0, 101), title=title)
    figure.legend(loc="outside lower left", ncols=3, columnspacing=1)
    right.plot(rates, 100 * np.array(distance), marker="D", color="black", ls="-")
    right.set(
        xscale="log", yscale="log", xlabel="learning rate", title="How far they moved"
    )
    right.set_ylabel("change of the weights (%)")
    for ax in (left, right):
        ax.minorticks_off()
        ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    return figure


def reliability(panels, *, bins, title):
    """Draw how often a model is right against how sure it is, with bin counts.

    Parameters
    ----------
    panels : dict
        Name -> (confidence, right), arrays of shape (n,): the probability of each
        answer, from 0.5 to 1, and whether it is right. One panel for each name.
    bins : int
        Number of equal bins from 0.5 to 1.
    title : str
        The finding.

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = plt.subplots(1, len(panels), figsize=(7, 3.8), sharey=True)
    edges = np.linspace(0.5, 1, bins + 1)
    for ax, (name, (confidence, right)) in zip(
        np.atleast_1d(axes), panels.items(), strict=True
    ):
        confidence, right = np.asarray(confidence), np.asarray(right)
        bin_of = np.clip(np.digitize(confidence, edges) - 1, 0, bins - 1)
        ax.plot([50, 100], [50, 100], color=COLORS["gray"], lw=1, ls="--")
        for b in range(bins):
            inside = bin_of == b
            if not inside.any():
                continue
            share, said = 100 * right[inside].mean(), 100 * confidence[inside].mean()
            middle, width = 50 * (edges[b] + edges[b + 1]), 50 / bins
            ax.bar(middle, share, 0.92 * width, fc=COLORS["sky"], ec=COLORS["blue"])
            ax.plot(
                [said, said], [share, said], color=COLORS["vermilion"], lw=2, ls="-"
            )
            ax.plot(said, said, "o", color=COLORS["vermilion"], ms=6)
            ax.text(middle, 2, f"{inside.sum()}", ha="center", va="bottom")
        ax.set(title=name, xlabel="how sure (%)", xlim=(49, 101), ylim=(0, 104))
    np.atleast_1d(axes)[0].set_ylabel("how often right (%)")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def attention_rows(pictures, columns, titles, *, title):
    """Draw pictures in a row, and below each its maps, laid over it.

    Parameters
    ----------
    pictures : list of arrays, each of shape (H, W, 3), uint8
    columns : dict
        Name -> list of maps (rows, columns), one for each picture, not negative; each
        is scaled to its own maximum.
    titles : list of str
        One above each picture.
    title : str
        The finding.

    Returns
    -------
    matplotlib Figure
    """
    rows, width = 1 + len(columns), len(pictures)
    figure, axes = plt.subplots(
        rows, width, figsize=(1.15 * width, 0.75 + 1.2 * rows), squeeze=False
    )
    for ax, picture, text in zip(axes[0], pictures, titles, strict=True):
        ax.imshow(picture)
        ax.set_title(text, loc="center", fontsize=10, fontweight="normal")
    for row, (name, maps) in zip(axes[1:], columns.items(), strict=True):
        row[0].set_ylabel(name, fontsize=10)
        for ax, picture, values in zip(row, pictures, maps, strict=True):
            place = {"extent": (0, 1, 1, 0), "interpolation": "nearest"}
            gray = picture[::2, ::2].mean(axis=2) // 16 * 16  # coarse: a small file
            ax.imshow(gray, cmap="gray", vmin=0, vmax=255, **place)
            ax.imshow(values, cmap="viridis", alpha=0.6, vmin=0, **place)
            ax.set_aspect(picture.shape[0] / picture.shape[1])
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


# --- Notebook 12 ------------------------------------------------------------------


def moved_parts(ax, table, ways, parts, *, title):
    """Draw which parts of a model a training step moved.

    Parameters
    ----------
    ax : matplotlib Axes
    table : list of lists of float, one row for each way, one number for each part
        Share of the part's variables that moved; 0 is "fixed".
    ways, parts : list of str
        Names of the rows and of the columns.
    title : str
        The finding.
    """
    for (row, column), share in np.ndenumerate(table):
        box = {"fc": COLORS["sky"] if share else "white", "ec": COLORS["gray"]}
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
    """Draw the weights of several kinds of attention side by side, on one scale.

    Parameters
    ----------
    tables : dict
        Name -> weights, shape (T, T), rows are queries and sum to 1.
    title : str
        The finding.

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = plt.subplots(1, len(tables), figsize=(7, 2.6), sharey=True)
    top = max(np.quantile(weights, 0.99) for weights in tables.values())
    for ax, (name, weights) in zip(axes, tables.items(), strict=True):
        image = ax.imshow(weights, cmap=MAGNITUDE, vmin=0, vmax=top)
        ax.set_title(name, fontsize=11)
        ax.set_xlabel("key")
        ax.spines[:].set_visible(False)
    axes[0].set_ylabel("query")
    bar = figure.colorbar(image, ax=axes, shrink=0.75, pad=0.01, extend="max")
    bar.set_label("weight", fontsize=10)
    bar.ax.tick_params(labelsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def cost_by_tokens(tokens, formula, measured, *, title):
    """Draw what other attentions cost in relation to softmax, counted and measured.

    Parameters
    ----------
    tokens : list of int
    formula, measured : dict
        Name -> cost divided by that of softmax, one number for each of ``tokens``.
    title : str
        The finding.

    Returns
    -------
    matplotlib Figure
    """
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    panels = {"multiplications, by formula": formula, "time, measured": measured}
    for ax, (name, ratios) in zip(axes, panels.items(), strict=True):
        for kind, values in ratios.items():
            ax.plot(tokens, values, marker="o", markersize=5, label=kind)
        ax.set(xscale="log", yscale="log", xlabel="tokens")
        ax.set_title(name, fontsize=11)
        ax.set_xticks(tokens, [str(n) for n in tokens])
        ax.minorticks_off()
    ticks = [0.01, 0.1, 1, 10]
    axes[0].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes[0].minorticks_off()
    axes[0].set_ylabel("cost, softmax = 1")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def accuracy_and_cost(results, costs, *, title):
    """Draw accuracies before and after fine-tuning, and costs beside them.

    Parameters
    ----------
    results : dict
        Name -> dict with "before" and "after", accuracies from 0 to 1.
    costs : dict of two
        What the cost is for -> cost of each name, 1 is that of the first.
    title : str
        The finding.

    Returns
    -------
    matplotlib Figure
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.2), sharey=True)
    for row, found in enumerate(results.values()):
        first, last = 100 * found["before"], 100 * found["after"]
        arrow = {"arrowstyle": "-|>", "color": COLORS["blue"], "lw": 1.5}
        left.annotate("", (last, row), (first, row), arrowprops=arrow)
        left.plot(first, row, "o", mfc="white", mec=COLORS["blue"], ms=8)
        left.plot(last, row, "o", color=COLORS["blue"], ms=8)
        place = {"xytext": (0, 8), "textcoords": "offset points", "ha": "center"}
        left.annotate(f"{last:.0f}", (last, row), fontsize=10, **place)
    left.set(xlabel="test accuracy (%)", xlim=(0, 100))
    left.set_yticks(range(len(results)), list(results))
    left.set_ylim(len(results) - 0.4, -0.7)
    looks = ({"color": COLORS["sky"]}, {"color": COLORS["orange"], "hatch": "//"})
    for i, ((name, shares), look) in enumerate(zip(costs.items(), looks, strict=True)):
        places = [row + 0.36 * (i - 0.5) for row in range(len(shares))]
        percent = [100 * share for share in shares]
        right.barh(places, percent, 0.34, label=name, ec="black", **look)
    right.set(xlabel="multiplications (% of the first)", xlim=(0, 105))
    figure.legend(loc="outside lower right", ncols=2)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def accuracy_by_depth(ax, before, after, *, guessing, title):
    """Draw the accuracy of a model without its last blocks.

    Parameters
    ----------
    ax : matplotlib Axes
    before, after : dict
        Number of blocks -> accuracy, from 0 to 1, before and after fine-tuning.
    guessing : float
        Accuracy of guessing, from 0 to 1.
    title : str
        The finding.
    """
    heights = [100 * share for share in before.values()]
    look = {"fc": COLORS["sky"], "ec": COLORS["blue"]}
    ax.bar(list(before), heights, label="before fine-tuning", **look)
    ax.plot(
        list(after),
        [100 * share for share in after.values()],
        "D",
        color=COLORS["vermilion"],
        label="after",
    )
    ax.axhline(100 * guessing, color=COLORS["gray"], ls=":")
    place = {"transform": ax.get_yaxis_transform(), "va": "center", "fontsize": 10}
    ax.text(1.01, 100 * guessing, "guessing", **place)
    ax.set_xticks(list(before))
    ax.set(xlabel="blocks", ylabel="test accuracy (%)", title=title, ylim=(0, 105))
    ax.legend(loc="upper left")
