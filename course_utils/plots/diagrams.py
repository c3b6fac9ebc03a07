"""What the diagrams of models are made of: a canvas, boxes, arrows and words."""

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from course_utils.plots import COLORS


def canvas(width, height, *, title):
    """Make a figure without axes, measured in inches from its top left corner."""
    figure, ax = plt.subplots(figsize=(width, height))
    ax.set(xlim=(0, width), ylim=(height, 0), title=title)
    ax.set_axis_off()
    return figure, ax


def words(ax, x, y, text, **look):
    """Write text centered at (x, y)."""
    ax.text(x, y, text, **{"ha": "center", "va": "center", "fontsize": 12} | look)


def box(ax, x, y, text, *, color, width, height=0.5):
    """Draw a labeled box centered at (x, y)."""
    corner = x - width / 2, y - height / 2
    shape = {"boxstyle": "round,pad=0,rounding_size=0.08", "linewidth": 1.5}
    shade = color + "38"  # the same color, mostly transparent
    ax.add_patch(FancyBboxPatch(corner, width, height, fc=shade, ec=color, **shape))
    words(ax, x, y, text)


def arrow(ax, *points, color=COLORS["black"], width=1.5):
    """Draw a line through points that ends in an arrow head."""
    if len(points) > 2:
        ax.plot(*zip(*points[:-1], strict=True), color=color, lw=width, ls="-")
    style = {"arrowstyle": "-|>,head_width=0.25,head_length=0.5", "color": color}
    style |= {"lw": width, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", points[-1], points[-2], arrowprops=style)


def plus(ax, x, y):
    """Draw the circle in which a branch is added to the stream."""
    ax.plot([x], [y], "o", ms=17, mfc="white", mec=COLORS["black"], mew=1.5, zorder=3)
    words(ax, x, y - 0.01, "+", fontsize=14, zorder=4)
