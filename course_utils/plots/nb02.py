"""Figures of lesson 02."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS, arrow, box, branch, canvas, words


def _cells(ax, corner, colors, *, right=(0.2, 0), down=(0, 0.2)):
    """Draw cells in a grid of palette colors, from a corner along two directions."""
    right, down = np.array(right), np.array(down)
    for i, row in enumerate(colors):
        for j, color in enumerate(row):
            at = corner + i * down + j * right
            outline = [at, at + right, at + right + down, at + down]
            face = COLORS[color] + ("38" if color == "gray" else "")
            ax.add_patch(plt.Polygon(outline, fc=face, ec="white", lw=1.2))


def draw_heads():
    """Draw multi-head attention: project, split, attend in each head, join, mix."""
    ax = canvas(7, 3.5, title="Each head owns some columns, and W_O mixes them")
    both = [["blue"] * 2 + ["orange"] * 2] * 3
    _cells(ax, (0.1, 1.7), [["gray"] * 4] * 3)
    for y, name in (0.6, "Q"), (1.7, "K"), (2.8, "V"):
        _cells(ax, (1.75, y), both)
        words(ax, 1.6, y + 0.3, f"{name} ", ha="right", weight="bold")
        arrow(ax, (0.95, 2.0), (1.35, y + 0.3))
    for y, color, name in (1.15, "blue", "one head"), (2.85, "orange", "another"):
        box(ax, 3.65, y, f"{name}:\nattention", color=color, width=1.15, height=0.8)
        for start in (0.9, 2.0, 3.1):
            arrow(ax, (2.6, start), (3.05, y + (start - 2) / 5))
        _cells(ax, (4.6, y - 0.3), [[color] * 2] * 3)
        arrow(ax, (4.25, y), (4.55, y))
        arrow(ax, (5.05, y), (5.3, 2.0 + (y - 2) / 8))
    _cells(ax, (5.35, 1.7), both)
    box(ax, 6.6, 1.15, "W_O", color="green", width=0.6)
    arrow(ax, (5.75, 1.65), (5.75, 1.15), (6.27, 1.15))
    arrow(ax, (6.6, 1.42), (6.6, 1.65))
    _cells(ax, (6.2, 1.7), [["green"] * 4] * 3)
    for x, text in (0.5, "T tokens,\nwidth D"), (5.75, "join\n"), (6.6, "mix\n"):
        words(ax, x, 2.7, text)
    for x, text in (1.1, "project"), (2.15, "split"), (3.65, "attend"):
        words(ax, x, 0.3, text)


def draw_norms():
    """Draw which numbers of a batch layer norm and batch norm average together."""
    ax = canvas(7, 2.9, title="Which numbers share one mean?")
    right, down, back = (0.28, 0), (0, 0.28), (0.16, -0.14)
    for left, name, together in (
        (0.75, "layer norm: one token", np.s_[2, :, 0]),
        (4.35, "batch norm: all tokens", np.s_[:, 3]),
    ):
        colors = np.full((5, 6, 4), "gray", dtype="U9")  # (T, D, B)
        colors[together] = "vermilion"
        _cells(ax, (left, 1.1), colors[:, :, 0], right=right, down=down)
        _cells(ax, (left, 1.1), colors[0].T, right=right, down=back)
        _cells(ax, (left + 6 * 0.28, 1.1), colors[:, 5], right=back, down=down)
        words(ax, left + 1.1, 0.2, name, weight="bold")
        words(ax, left - 0.2, 1.8, "T tokens", rotation=90)
        for x, y, text in (0.84, 2.7, "D numbers"), (2.45, 2.35, "B images"):
            words(ax, left + x, y, text)


def draw_blocks(*designs, title):
    """Draw encoder blocks side by side, each "pre-norm" or "post-norm"."""
    ax = canvas(max(4.4, 3.5 * len(designs)), 4.6, title=title)
    parts = {"attention:\nmixes tokens": "blue", "MLP: each\ntoken alone": "vermilion"}
    for x, design in zip((2.45, 5.95), designs, strict=False):
        stream, post = x - 1.75, design == "post-norm"
        words(ax, stream, 0.16, "tokens (B, T, D)")
        words(ax, x, 0.16, design, weight="bold")
        stops = [0.3, 1.86, 2.26, 3.7, 4.1, 4.5] if post else [0.3, 4.5]
        for start, end in zip(stops[::2], stops[1::2], strict=True):
            arrow(ax, (stream, start), (stream, end), color=COLORS["gray"], width=4)
        for top, (text, color) in zip((0.72, 2.57), parts.items(), strict=True):
            if not post:
                norm = top, "layer norm", "green", 0.5
                boxes = norm, (top + 0.86, text, color, 0.72)
                branch(ax, stream, x, boxes, width=1.6)
                continue
            arrow(ax, (stream, top - 0.25), (x, top - 0.25), (x, top - 0.06))
            box(ax, x, top + 0.3, text, color=color, width=1.6, height=0.72)
            arrow(ax, (x, top + 0.66), (x, top + 0.9), (stream + 0.15, top + 0.9))
            ax.plot(stream, top + 0.9, "o", ms=17, mfc="white", mec="black", zorder=3)
            words(ax, stream, top + 0.89, "+", fontsize=14, zorder=4)
            where = ax, stream, top + 1.34, "layer norm"
            box(*where, color="green", width=1.1, height=0.4)


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
    for y, end in (0.3, 0.47), (1.13, 1.55), (2.15, 2.55), (3.05, 3.35), (3.85, 4.12):
        arrow(ax, (right, y), (right, end))


def gradients_by_depth(sizes):
    """Draw gradient norms; ``sizes[design, depth]`` is an array (seeds, depth)."""
    designs, depths = (list(dict.fromkeys(part)) for part in zip(*sizes, strict=True))
    deepest, blocks = depths[-1], range(1, depths[-1] + 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 3.7), sharey=True)
    title = "In deep stacks only pre-norm shrinks the last gradient"
    figure.suptitle(title, x=0.01, ha="left")
    for name, marker in zip(designs, "os", strict=True):
        last = np.stack([sizes[name, depth][:, -1] for depth in depths], axis=1)
        panels = (left, blocks, sizes[name, deepest]), (right, depths, last)
        for ax, places, found in panels:
            ax.semilogy(places, found.mean(0), marker=marker, markersize=4, label=name)
            ax.fill_between(places, found.min(0), found.max(0), alpha=0.2)
    end = sizes[designs[0], deepest][:, -1].mean()
    expected = end * np.sqrt(deepest / np.array(depths[2:]))
    right.plot(depths[2:], expected, "k:", label="1/√depth")
    left.set_title(f"all blocks of {deepest}", weight="normal")
    left.set(xlabel="block", ylabel="gradient norm")
    left.set_yticks([50, 100, 200], ["50", "100", "200"])
    right.set_title("the last block", weight="normal")
    right.set(xlabel="number of blocks", xscale="log")
    right.set_xticks(depths, depths)
    right.legend(loc="lower left")
    for ax in (left, right):
        ax.minorticks_off()
