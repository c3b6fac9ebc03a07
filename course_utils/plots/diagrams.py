"""What the diagrams of models are made of: a canvas, boxes, arrows and words."""

from itertools import pairwise

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from course_utils.plots import COLORS


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
