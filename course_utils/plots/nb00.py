"""Figures of lesson 00."""

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

from course_utils.plots import COLORS

PARTS = [
    ("image", "28 x 28 pixels", None, "gray"),
    ("patches, projected to tokens", "a sequence, like words", "03", "orange"),
    ("class token and positions", "what to answer with, and where", "03", "orange"),
    ("attention", "each token looks at all others", "01, 02", "blue"),
    ("MLP, norms, residuals", "the rest of the encoder block", "02", "green"),
    ("head", "one score for each class, trained", "04", "purple"),
]


def draw_course_map():
    """Draw a ViT from image to answer, with the notebook that builds each part."""
    _, ax = plt.subplots(figsize=(5.2, 4.6))
    title = "Each part of the model has its notebook"
    ax.set(xlim=(0, 10), ylim=(-0.2, len(PARTS)), title=title)
    ax.set_axis_off()
    center = {"ha": "center", "va": "center"}
    for row, (name, what, notebook, color) in enumerate(reversed(PARTS)):
        box = {"boxstyle": "round,pad=0.05", "fc": "white", "ec": COLORS[color]}
        ax.add_patch(FancyBboxPatch((0.4, row), 6.4, 0.62, lw=2.5, **box))
        ax.text(3.6, row + 0.44, name, weight="bold", **center)
        ax.text(3.6, row + 0.17, what, size=10, **center)
        ax.text(7.9, row + 0.31, notebook or "", **center)
        if row:
            arrow = {"arrowstyle": "-|>", "color": "black", "lw": 1.5}
            ax.annotate("", (3.6, row - 0.34), (3.6, row - 0.03), arrowprops=arrow)
    ax.text(7.9, len(PARTS) - 0.69, "notebook", weight="bold", **center)
    ax.plot([8.9, 9.1, 9.1, 8.9], [2.66, 2.66, 0.96, 0.96], color="black", lw=1.5)
    ax.text(9.2, 1.81, "repeated", rotation=90, va="center")
