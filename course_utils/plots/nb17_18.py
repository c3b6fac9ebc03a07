"""Figures of lessons 17 and 18, for folders of any number of classes and any names.

Without a ``title`` a figure says what its numbers say. Names that are too long are
shortened in their middle, and what finds no place on a page is counted, not drawn.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import font_manager
from matplotlib.textpath import text_to_path
from PIL import Image

from course_utils.plots import COLORS, heatmap, ink_on

BLUE, SKY, GRAY, RED = (COLORS[c] for c in ("blue", "sky", "gray", "vermilion"))
LINE = 0.16  # inches from one line of small text to the next
MOST = 19  # classes in a panel


def _fit(text, inches, **look):
    """Shorten each line in its middle until it is at most so wide."""
    family = plt.rcParams["font.family"]
    look = font_manager.FontProperties(family=family, **{"size": 9} | look)
    fonts = [font_manager.get_font(font_manager.findfont(name)) for name in family]
    unknown = {c for c in str(text) if not any(f.get_char_index(ord(c)) for f in fonts)}
    text = str(text).translate({ord(c): "□" for c in unknown - {"\n"}})
    measure, lines = text_to_path.get_text_width_height_descent, []
    for whole in text.split("\n"):
        line, keep = whole, len(whole)
        while keep > 2 and measure(line, look, False)[0] > 72 * inches:
            keep -= 1
            line = whole[: (keep + 1) // 2] + "…" + whole[len(whole) - keep // 2 :]
        lines.append(line.replace("$", r"\$"))  # no formula
    return "\n".join(lines)


def _write_title(figure, title, **place):
    title = _fit(title, 6.8, size=12, weight="bold")
    figure.suptitle(title, x=0.01, ha="left", **place)


def _page(height, title):
    """Make a figure for pictures, measured in inches from its top left corner."""
    figure = plt.figure(figsize=(7, height))
    figure.set_layout_engine("none")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, 7), ylim=(height, 0))
    ax.set_autoscale_on(False)
    ax.set_axis_off()
    _write_title(figure, title or "", y=1 - 0.06 / height)
    return ax


def _paste(ax, picture, x, y, side):
    """Draw a small copy, of few colors, in a square; return where it lies."""
    small = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    small = small.convert("RGB")
    small.thumbnail((60 * side, 60 * side), Image.Resampling.BOX)
    width, height = (side * n / max(small.size) for n in small.size)
    x, y = x + (side - width) / 2, y + (side - height) / 2
    small = small.quantize(20, dither=Image.Dither.NONE).convert("RGB")  # a small file
    look = {"extent": (x, x + width, y + height, y), "aspect": "auto"}
    ax.imshow(small, interpolation="nearest", **look)
    return look


# Pictures


def draw_sheet(pictures, titles, columns=8, *, title=None):
    """Draw a contact sheet of pictures (of Pillow, or arrays), with words above each.

    ``titles`` has one entry for each picture, or one for each row, which then stands
    on its left. ``None`` in place of a picture leaves its place empty.
    """
    if not pictures:
        return
    rows = -(-len(pictures) // columns)
    by_row = len(titles) == rows < len(pictures)
    left, top = 1.25 if by_row else 0.05, 0.38 if title else 0.05
    step = min(1.38, (6.95 - left) / columns, max(3.55 / rows, 0.4) if by_row else 2)
    lines = 0 if by_row else max(str(t).count("\n") + bool(t) for t in titles)
    down = step + LINE * lines + 0.02 * bool(lines)
    shown = min(rows, int((6.5 - top) // down))
    rest = sum(picture is not None for picture in pictures[shown * columns :])
    ax = _page(top + shown * down + (0.25 if rest else 0.05), title)
    for place, picture in enumerate(pictures[: shown * columns]):
        row, column = divmod(place, columns)
        x, y = left + step * column, top + down * row + LINE * lines
        if by_row and not column:
            look = {"ha": "right", "va": "center", "fontsize": 9}
            ax.text(x - 0.1, y + step / 2, _fit(titles[row], left - 0.15), **look)
        if picture is not None:
            _paste(ax, picture, x, y, step - 0.05)
            words = "" if by_row else _fit(titles[place], step - 0.06)
            ax.text(x, y - 0.02, words, fontsize=9, va="bottom")
    if rest:
        more = f"and {rows - shown} more rows" if by_row else f"and {rest} more"
        ax.text(left, top + shown * down + 0.16, more, fontsize=9)


def draw_pairs(pairs, *, title=None):
    """Draw at most nine pairs (picture, picture, bits[, words]) of nearly equal ones.

    Between them stands the number of bits, of 64, by which their hashes differ.
    """
    if not pairs:
        return
    shown, most = pairs[:9], max(pair[2] for pair in pairs)
    one = "A pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    title = title or f"{one} of nearly equal pictures: at most {most} of 64 bits differ"
    lines = max(str(pair[3]).count("\n") + 1 if pair[3:] else 0 for pair in shown)
    down = 1.0 + LINE * lines
    ax = _page(0.4 + -(-len(shown) // 3) * down, title)
    for place, (one, other, bits, *words) in enumerate(shown):
        x, y = 0.05 + 2.33 * (place % 3), 0.38 + down * (place // 3)
        ax.text(x, y, _fit("".join(words), 2.2), fontsize=9, va="top")
        y += LINE * lines
        _paste(ax, one, x, y, 0.88)
        _paste(ax, other, x + 1.3, y, 0.88)
        text = f"{bits}\nbit{'s' * (bits != 1)}"
        ax.text(x + 1.09, y + 0.44, text, fontsize=9, ha="center", va="center")


def draw_mistakes(pictures, maps, truth, answer, sure, *, title=None):
    """Draw up to five pictures with true name, answer, probability, and a map below.

    A map has one value for each patch, (N,) or (rows, columns), and is drawn up to its
    own maximum over the gray picture. ``maps=None`` draws pictures alone.
    """
    if not len(pictures):
        return
    title = title or f"Surest mistakes: {min(sure[:5]):.0%} to {max(sure[:5]):.0%} sure"
    ax, top = _page(2.23 if maps is None else 3.63, title), 0.88
    for k, picture in enumerate(pictures[:5]):
        x = 0.05 + 1.39 * k
        words = f"is: {truth[k]}\nsaid: {answer[k]}\n{sure[k]:.0%} sure"
        ax.text(x, top - 0.03, _fit(words, 1.3), fontsize=9, va="bottom")
        _paste(ax, picture, x, top, 1.3)
        if maps is not None:
            gray = Image.fromarray(np.asarray(picture)).convert("L")
            look = _paste(ax, gray, x, top + 1.4, 1.3)
            side = round(np.size(maps[k]) ** 0.5)
            values = np.asarray(maps[k]).reshape(side, -1)
            look |= {"cmap": "viridis", "alpha": 0.6, "interpolation": "nearest"}
            ax.imshow(values, vmin=0, **look)


# Classes


def _class_panels(names, sizes, words):
    """Yield panels, the classes in each, and how many find no place, largest first."""
    order = np.argsort(-np.asarray(sizes), kind="stable")
    half = len(order) if len(order) <= MOST else min(-(-len(order) // 2), MOST)
    parts = [order[:half], order[half:][-half:]][: 1 + (half < len(order))]
    size = (7, min(4, 1.25 + 0.26 * half))
    figure, axes = plt.subplots(1, len(parts), figsize=size, squeeze=False)
    left = len(order) - sum(map(len, parts))
    for ax, part in zip(axes.flat, parts, strict=True):
        labels = [_fit(names[k], 2.2 / len(parts) ** 0.8) for k in part]
        ax.set_yticks(range(len(part)), labels, fontsize=9)
        ax.set_ylim(max(len(part), 2) - 0.4, -0.6)
        ax.tick_params("y", length=0)
        look = {"fontsize": 9, "va": "center", "transform": ax.get_yaxis_transform()}
        for row, k in enumerate(part):
            ax.text(1.03, row, words[k], **look)
        yield ax, part, f" ({left} classes between left out)" if left else ""
    handles, labels = ax.get_legend_handles_labels()
    if len(labels) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=3)


def draw_counts(names, train, validation=None, test=None, *, title=None):
    """Draw how many pictures each class has, the largest first; counts are (K,).

    Without ``validation`` and ``test``, ``train`` counts all pictures.
    """
    split = {"training": train, "validation": validation, "test": test}
    parts = {name: np.asarray(n) for name, n in split.items() if n is not None}
    total = sum(parts.values())
    words = [" + ".join(map(str, row)) for row in zip(*parts.values(), strict=True)]
    looks = [(BLUE, None), (SKY, "////"), ("white", None)]
    for ax, part, note in _class_panels(names, total, words):
        start = np.zeros(len(part))
        for (name, counts), (color, hatch) in zip(parts.items(), looks, strict=False):
            look = {"fc": color, "ec": BLUE, "hatch": hatch, "label": name}
            ax.barh(range(len(part)), counts[part], 0.7, start, **look)
            start += counts[part]
        ax.set(xlim=(0, 1.02 * total.max()), xlabel=f"pictures{note}")
    said = f"The largest class has {total.max()} pictures, the smallest {total.min()}"
    _write_title(ax.figure, title or said)


def draw_recalls(names, hits, totals, largest=None, *, title=None):
    """Draw the recall of each class with its 95 % interval (Wilson 1927).

    ``hits`` of ``totals`` test pictures were named rightly, both (K,). ``largest``, the
    number or name of a class, marks what always answering this class would reach.
    """
    hits, totals, z = np.asarray(hits), np.asarray(totals), 1.96
    n, some = np.maximum(totals, 1), totals > 0
    p, wide = hits / n, 1 + z**2 / n
    recall = np.where(some, p, np.nan)
    middle = np.where(some, (p + z**2 / (2 * n)) / wide, 0.5)
    half = np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
    half = np.where(some, z * half / wide, 0.5)  # without pictures, all is possible
    words = [f"{h} of {t}" for h, t in zip(hits, totals, strict=True)]
    for ax, part, note in _class_panels(names, totals, words):
        rows, m, d = np.arange(len(part)), middle[part], half[part]
        ax.hlines(rows, m - d, m + d, color=GRAY, lw=2, label="95 % interval")
        ax.plot(recall[part], rows, "o", color=BLUE, ms=6, label="this model")
        if largest is not None:
            always = [float(largest in (k, names[k])) for k in part]
            look = {"ls": "", "ms": 9, "mew": 2, "color": "black"}
            ax.plot(always, rows, "|", label="always the largest class", **look)
        ax.set(xlim=(-0.05, 1.05), xlabel=f"recall{note}")
    low, high, mean = (f(recall) for f in (np.nanmin, np.nanmax, np.nanmean))
    said = f"Recall by class: {low:.2f} to {high:.2f}, {mean:.2f} on average"
    _write_title(ax.figure, title or said)


def draw_confusions(names, matrix, *, title=None, most=12):
    """Draw counts of answers (columns) for true classes (rows), (K, K).

    Color is the share of a row, and shows mistakes only. Of many classes, those of the
    most frequent mistakes are drawn, and the column *others* counts the other answers.
    """
    matrix = np.asarray(matrix)
    wrong = matrix * (1 - np.eye(len(matrix), dtype=int))
    pairs = np.array(
        np.unravel_index(np.argsort(-wrong, None, "stable"), wrong.shape)
    ).T
    (i, j), hidden = pairs[0], max(len(names) - most, 0)
    kept = sorted(list(dict.fromkeys(pairs.flat))[:most])
    labels = [_fit(names[k], 1.3) for k in kept]
    counts = matrix[np.ix_(kept, kept)]
    rows = matrix[kept].sum(axis=1, keepdims=True)
    shares = wrong[np.ix_(kept, kept)] / np.maximum(rows, 1)
    columns = labels + ["others"] * bool(hidden)
    if hidden:
        counts = np.hstack([counts, rows - counts.sum(axis=1, keepdims=True)])
        shares = np.hstack([shares, 0 * rows])
    _, ax = plt.subplots(figsize=(7, min(4, 1.9 + 0.24 * len(kept))))
    look = {"digits": None, "vmax": max(shares.max(), 0.01), "aspect": "auto"}
    image = heatmap(ax, shares, title="", rows=labels, columns=columns, vmin=0, **look)
    for r, c in np.argwhere(counts):
        look = {"fontsize": 9, "weight": "normal" if r == c else "bold"}
        look["color"] = ink_on(image.cmap(image.norm(shares[r, c])))
        ax.text(c, r, counts[r, c], ha="center", va="center", **look)
    ax.set_xticks(range(len(columns)), columns, rotation=35, ha="right")
    ax.tick_params(labelsize=9, length=0)
    note = f" ({most} of {len(names)} classes)" if hidden else ""
    ax.set(xlabel=f"answer of the model{note}", ylabel="true class")
    ax.figure.colorbar(image, label="mistakes, share of row")
    one, other = (_fit(names[k], 1.7, size=12, weight="bold") for k in (i, j))
    said = f"{one} is called {other} in {wrong[i, j]} of {matrix[i].sum()} pictures"
    said = said if wrong.any() else f"No mistake among {matrix.sum()} pictures"
    _write_title(ax.figure, title or said.replace(r"\$", "$"))


# Numbers


def draw_confidence(sure, right, sure_other=None, threshold=None, *, title=None):
    """Draw calibration in five bins, and what answering only when sure would cost.

    ``sure`` (n,) are the probabilities of the answers and ``right`` (n,) says which
    were right; ``sure_other`` are those for pictures of something else.
    """
    sure, right = np.asarray(sure, dtype=float), np.asarray(right, dtype=bool)
    figure, (left, ax) = plt.subplots(1, 2, figsize=(7, 3.7))
    left.plot([0, 1], [0, 1], color=GRAY, lw=1, ls="--")
    bins = np.minimum((sure * 5).astype(int), 4)
    for b in np.unique(bins):
        inside, middle = bins == b, 0.1 + 0.2 * b
        share, said = right[inside].mean(), sure[inside].mean()
        left.bar(middle, share, 0.18, fc=SKY, ec=BLUE)
        left.plot([said, said], [share, said], "-o", markevery=[1], color=RED)
        left.text(middle, -0.03, f"{inside.sum()}", ha="center", va="top", fontsize=9)
    words = "bars should reach the dots"
    if sure_other is not None:
        other = np.ravel(sure_other)
        left.plot(other, np.full(len(other), 1.06), "v", color="black", clip_on=False)
        words += "\n▼ pictures of something else"
    left.set_title(words, fontsize=10, weight="normal")
    left.set(xlim=(0, 1), ylim=(-0.13, 1.1), yticks=np.linspace(0, 1, 6))
    left.set(xlabel="how sure (number of pictures)", ylabel="how often right")
    order = np.argsort(-sure, kind="stable")
    ends = np.append(np.diff(sure[order]) != 0, True)  # equally sure: all or none
    answered, errors = np.arange(1, len(sure) + 1), np.cumsum(~right[order])
    shares, top = errors / answered, max((errors / answered).max(), 0.1)
    ax.plot((answered / len(sure))[ends], shares[ends], color=BLUE)
    ax.set(xlabel="share answered", ylabel="errors among answers", xlim=(0, 1.02))
    ax.set_ylim(-0.03 * top, 1.1 * top)
    said = f"Right in {right.mean():.0%}, and {sure.mean():.0%} sure on average"
    if threshold is not None:
        kept = sure >= threshold
        wrong, answers = (~right[kept]).sum(), kept.sum()
        said = f"{answers} of {len(sure)} answered, {wrong} of these wrong"
        if answers:
            ax.plot([answers / len(sure)], [wrong / answers], "D", color=RED, ms=8)
        ax.set_title(f"◆ at least {threshold:.2f} sure", fontsize=10, weight="normal")
    _write_title(figure, title or said)


def draw_exports(rows, *, title=None):
    """Draw size and time of exports; the first of ``rows`` is the model itself.

    Each row is (name, megabytes, time[, words]), the times in any one unit, or None.
    """
    names, sizes, times = ([row[k] for row in rows] for k in range(3))
    shares = [time and time / times[0] for time in times]
    small = int(np.argmin(sizes))
    size = (7, min(4, 1.1 + 0.36 * len(rows)))
    figure, axes = plt.subplots(1, 2, figsize=size, sharey=True)
    shown = [_fit(name, 1.9) for name in names]
    axes[0].set_yticks(range(len(rows)), shown, fontsize=9)
    axes[0].set_ylim(len(rows) - 0.5, -0.6)
    labels = ("size (MB)", _fit(f"time, {names[0]} = 1", 2.3, size=11))
    for ax, values, label in zip(axes, (sizes, shares), labels, strict=True):
        top = max(value or 0 for value in values)
        for place, value in enumerate(values):
            ax.barh(place, value or 0, 0.6, fc=SKY, ec=BLUE)
            text = "not measured" if value is None else f"{value:.2f}"
            ax.text((value or 0) + 0.03 * top, place, text, va="center", fontsize=9)
        ax.set(xlim=(0, 1.3 * top), xlabel=label)
    look = {"fontsize": 9, "va": "center", "transform": ax.get_yaxis_transform()}
    for place, (_, _, _, *words) in enumerate(rows):
        ax.text(1.02, place, "".join(words), **look)
    spent = f", {shares[small]:.2f} of the time" if shares[small] else ""
    said = f"{names[small]}: {sizes[small] / sizes[0]:.2f} of the size{spent}"
    _write_title(figure, title or said)
