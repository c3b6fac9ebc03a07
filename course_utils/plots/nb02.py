"""Figures of lesson 02."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, arrow, box, branch, canvas, words


def draw_encoder_block():
    """Draw the pre-norm encoder block: a straight stream with two branches."""
    ax = canvas(4.4, 4.4, title="Two branches write into one stream")
    stream = 0.75
    words(ax, stream, 0.16, "tokens (B, T, D)")
    words(ax, stream, 4.24, "tokens (B, T, D)")
    arrow(ax, (stream, 0.32), (stream, 4.1), color=COLORS["gray"], width=4)
    words(ax, 0.42, 2.2, "residual stream", rotation=90, fontsize=11)
    for top, *inside in (
        (0.62, "attention:\nmixes tokens", "blue"),
        (2.47, "MLP: each\ntoken alone", "vermilion"),
    ):
        boxes = (top, "layer norm", "green", 0.5), (top + 0.86, *inside, 0.72)
        branch(ax, stream, 2.9, boxes, width=2)


def draw_encoder_decoder():
    """Draw the encoder-decoder of Vaswani et al. (2017), one block on each side."""
    ax = canvas(5.2, 4.4, title="The encoder reads, the decoder writes")
    left, right = 1.15, 3.9
    for x, y, text, color, height in (
        (left, 0.8, "self-attention", "blue", 0.5),
        (left, 1.75, "MLP", "vermilion", 0.5),
        (right, 0.8, "self-attention,\nno look ahead", "blue", 0.66),
        (right, 1.85, "cross-attention", "purple", 0.6),
        (right, 2.8, "MLP", "vermilion", 0.5),
        (right, 3.6, "logits", "gray", 0.5),
    ):
        box(ax, x, y, text, color=color, width=2.05, height=height)
    words(ax, left, 0.15, "w o r d $", fontsize=13)
    words(ax, right, 0.15, "^ d r o w", fontsize=13)
    words(ax, right, 4.25, "d r o w $", fontsize=13)
    words(ax, left, 2.62, "memory:\nkeys and values", va="top")
    words(ax, right + 0.1, 1.34, "queries", ha="left")
    arrow(ax, (left, 0.3), (left, 0.55))
    arrow(ax, (left, 1.05), (left, 1.5))
    arrow(ax, (left, 2.0), (left, 2.4), (2.52, 2.4), (2.52, 1.85), (right - 1.03, 1.85))
    for y in ((0.3, 0.47), (1.13, 1.55), (2.15, 2.55), (3.05, 3.35), (3.85, 4.12)):
        arrow(ax, (right, y[0]), (right, y[1]))


def gradients_by_depth(sizes):
    """Draw gradient norms; ``sizes[design, depth]`` is an array (seeds, depth)."""
    designs, depths = (list(dict.fromkeys(part)) for part in zip(*sizes, strict=True))
    deepest, blocks = depths[-1], range(1, depths[-1] + 1)
    _, (left, right) = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
    for name, marker in zip(designs, "os", strict=True):
        last = np.stack([sizes[name, depth][:, -1] for depth in depths], axis=1)
        panels = (left, blocks, sizes[name, deepest]), (right, depths, last)
        for ax, places, found in panels:
            ax.plot(places, found.mean(0), marker=marker, markersize=4, label=name)
            ax.fill_between(places, found.min(0), found.max(0), alpha=0.2)
    end = sizes[designs[0], deepest][:, -1].mean()
    expected = end * np.sqrt(deepest / np.array(depths[2:]))
    right.plot(depths[2:], expected, "k:", label="1/√depth")
    left.set(title=f"All blocks of {deepest}", xlabel="block")
    left.set(ylabel="gradient norm", yscale="log")
    left.set_yticks([50, 100, 200], ["50", "100", "200"])
    right.set(title="The last block", xlabel="number of blocks", xscale="log")
    right.set_xticks(depths, depths)
    right.legend(loc="lower left")
    for ax in (left, right):
        ax.minorticks_off()
