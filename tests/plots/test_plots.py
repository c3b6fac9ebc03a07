"""Figures: one look, readable text, and numbers that are in the picture."""

import ast
import inspect
import itertools
import re
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from notebook_checks import ROOT, read

from course_utils import plots

matplotlib.use("agg")
RNG = np.random.default_rng(0)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def on_axes(function, *arguments, **options):
    figure, ax = plt.subplots()
    function(ax, *arguments, **options)
    return figure


FIGURES = {
    "heatmap": lambda: on_axes(plots.heatmap, RNG.random((3, 4)), title="t"),
    "draw_course_map": plots.draw_course_map,
    "compass": lambda: plots.compass(
        np.eye(2), ["a", "b"], np.array([0.4, 0.6]), np.ones(2), title="t"
    ),
    "weight_matrices": lambda: plots.weight_matrices(
        [RNG.random((2, 2))] * 2, ["one", "two"], finding="f", labels=[("ab", "ab")] * 2
    ),
    "draw_encoder_block": plots.draw_encoder_block,
    "draw_encoder_decoder": plots.draw_encoder_decoder,
    "gradients_by_depth": lambda: plots.gradients_by_depth(
        {
            (n, d): RNG.random((2, d)) + 1
            for n in ("pre-norm", "post-norm")
            for d in (1, 2)
        }
    ),
    "loss_curves": lambda: plots.loss_curves(
        {"pre-norm": [[2.0] * 100], "post-norm": [[1.0] * 100]}, title="t", guessing=2.3
    ),
    "draw_patches": lambda: on_axes(
        plots.draw_patches, RNG.random((28, 28)), 7, title="t"
    ),
    "draw_patch_sequence": lambda: plots.draw_patch_sequence(
        RNG.random((16, 7, 7)), title="t"
    ),
    "draw_similarity": lambda: on_axes(
        plots.draw_similarity, RNG.random((4, 4)), (1, 2), title="t"
    ),
    "draw_vit": lambda: plots.draw_vit(
        RNG.random((28, 28)), 14, dim=64, depth=6, classes=10
    ),
    "draw_confusion": lambda: on_axes(
        plots.draw_confusion, RNG.integers(0, 50, (10, 10)), range(10), title="t"
    ),
    "draw_pictures": lambda: plots.draw_pictures(
        RNG.random((8, 28, 28)), list("abcdefgh"), title="t"
    ),
    "draw_hf_vit": lambda: plots.draw_hf_vit(
        side=224,
        channels=3,
        patches=196,
        dim=768,
        depth=12,
        mlp_dim=3072,
        classes=1000,
    ),
    "mean_and_spread": lambda: on_axes(
        plots.mean_and_spread,
        {n: ([10, 20], RNG.random((3, 2))) for n in "ab"},
        title="t",
        guessing=0.1,
    ),
    "dots_by_name": lambda: on_axes(
        plots.dots_by_name, {"a": 90.0, "b": 70.0}, error=[3, 5], title="t", xlabel="%"
    ),
    "learning_curves": lambda: plots.learning_curves(
        [20, 200], {n: RNG.random((2, 3)) for n in "abc"}, title="t", guessing=0.5
    ),
    "forgetting": lambda: plots.forgetting(
        [1e-4, 1e-3],
        [0.6, 0.7],
        [0.5, 0.3],
        [0.01, 0.1],
        before=0.5,
        new_before=0.6,
        floor=0.1,
        title="t",
    ),
    "reliability": lambda: plots.reliability(
        {"a": ([0.6, 0.9], [0, 1]), "b": ([0.5, 1.0], [1, 1])}, bins=5, title="t"
    ),
    "attention_rows": lambda: plots.attention_rows(
        [np.zeros((48, 48, 3), np.uint8)] * 2,
        {"last": [RNG.random((6, 6))] * 2},
        ["a", "b"],
        title="t",
    ),
    "moved_parts": lambda: on_axes(
        plots.moved_parts, [[0, 1], [1, 0]], ["one", "two"], ["embed", "1"], title="t"
    ),
    "attention_kinds": lambda: plots.attention_kinds(
        {"softmax": RNG.random((5, 5)), "linear": RNG.random((5, 5))}, title="t"
    ),
    "cost_by_tokens": lambda: plots.cost_by_tokens(
        [37, 145], {"softmax": [1, 1]}, {"softmax": [1, 1]}, title="t"
    ),
    "accuracy_and_cost": lambda: plots.accuracy_and_cost(
        {"softmax": {"before": 0.7, "after": 0.8}},
        {"37 tokens": [1.0], "577 tokens": [1.0]},
        title="t",
    ),
    "accuracy_by_depth": lambda: on_axes(
        plots.accuracy_by_depth, {2: 0.2, 3: 0.5}, {2: 0.4}, guessing=0.1, title="t"
    ),
}


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def linear(color):
    """Return the amounts of light behind the sRGB numbers of a color."""
    channels = np.array(to_rgb(color))
    return np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )


def luminance(color):
    """Relative luminance (WCAG 2.2)."""
    return linear(color) @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    return contrast_of(luminance(one), luminance(other))


def contrast_of(*luminances):
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


def test_every_public_figure_is_tried_here():
    public = {
        name
        for name, function in inspect.getmembers(plots, inspect.isfunction)
        if function.__module__ == plots.__name__ and not name.startswith("_")
    }
    assert public - {"use_style"} == set(FIGURES)


@pytest.fixture(scope="module", params=FIGURES)
def drawn(request):
    """Draw a figure once; return it, the texts that it shows, and it without them."""
    texts, draw = set(), Text.draw

    def note_and_draw(self, renderer):
        if self.get_visible() and self.get_text().strip():
            texts.add(self)
        draw(self, renderer)

    with matplotlib.rc_context(), pytest.MonkeyPatch.context() as patch:
        plots.use_style()
        figure = FIGURES[request.param]()
        patch.setattr(Text, "draw", note_and_draw)
        patch.setattr(RendererAgg, "draw_text", lambda *arguments, **options: None)
        figure.canvas.draw()
        pixels = np.asarray(figure.canvas.buffer_rgba())[::-1, :, :3] / 255
    return figure, texts, pixels


def test_text_is_readable_at_the_width_of_a_page(drawn):
    figure, texts, _ = drawn
    assert min(text.get_fontsize() for text in texts) >= 9, texts
    shown = figure.get_tightbbox()  # notebooks show everything that is drawn
    assert shown.width <= 7.5 and shown.height <= 7


def test_text_stands_out_from_what_is_behind_it(drawn):
    _, texts, pixels = drawn
    for text in texts:
        left, low, right, high = text.get_window_extent().extents.clip(0).astype(int)
        behind = pixels[low : high + 1, left : right + 1].reshape(-1, 3)
        assert contrast(text.get_color(), np.median(behind, axis=0)) >= 4.5, text


def test_lines_and_bars_stand_out_from_white(drawn):
    figure, *_ = drawn
    for ax in figure.axes:
        if ax.images or not ax.axison or ax.get_label() == "<colorbar>":
            continue  # on a picture, or a drawing of boxes with words
        for line in ax.lines:
            shown = [line.get_color()] if line.get_linestyle() != "None" else []
            if line.get_marker() != "None":
                shown.append(line.get_markeredgecolor())
            assert all(contrast(color, "white") >= 3 for color in shown), line
        for bar in ax.patches:
            sides = [bar.get_facecolor(), bar.get_edgecolor()]
            seen = [color for color in sides if color[3]]  # not "none"
            assert max(contrast(color, "white") for color in seen) >= 3, bar


@pytest.mark.parametrize("cmap", [plots.MAGNITUDE, plots.DIVERGING])
def test_numbers_in_a_heatmap_stand_out_from_their_cell(cmap):
    figure, ax = plt.subplots()
    values = np.linspace(0, 1, 40)
    image = plots.heatmap(ax, values[None], title="t", cmap=cmap)
    assert [text.get_text() for text in ax.texts] == [f"{v:.2f}" for v in values]
    for text, value in zip(ax.texts, values, strict=True):
        assert contrast(text.get_color(), image.cmap(image.norm(value))) >= 4.5


def test_lines_differ_in_more_than_color():
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert len({str(style) for style in cycle["linestyle"]}) == len(cycle["color"])
    assert set(cycle["color"]) <= set(plots.COLORS.values())


def test_colors_of_the_cycle_stand_out_from_white():
    for color in plt.rcParams["axes.prop_cycle"].by_key()["color"]:
        assert contrast(color, "white") >= 3, color
    assert contrast(plots.COLORS["gray"], "white") >= 4.5  # gray is used for text


# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
EYES = {
    "three kinds of cones": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def lab(light):
    """CIE L*a*b* of linear RGB, in which distances are about as eyes see them."""
    x, y, z = TO_XYZ @ np.clip(light, 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = (np.cbrt(v) if v > 0.008856 else 7.787 * v + 16 / 116 for v in (x, y, z))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def nearest(colors, eyes):
    """Return the least difference (CIE 1976) of two of the colors for such eyes."""
    seen = [lab(np.array(EYES[eyes]) @ linear(color)) for color in colors]
    return min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))


@pytest.mark.parametrize("eyes", EYES)
def test_colors_differ_for_color_blind_eyes(eyes):
    # Measured: 17.0 (cycle) and 11.2 (all); about 2 is just visible side by side.
    assert nearest(plt.rcParams["axes.prop_cycle"].by_key()["color"], eyes) > 15
    assert nearest(plots.COLORS.values(), eyes) > 10


def test_colors_that_color_blind_eyes_mix_up_are_found():
    assert nearest(["#FF0000", "#8F7F00"], "protanopia") < 15
    assert nearest(plt.get_cmap("tab10").colors, "deuteranopia") < 10


def lightness(cmap):
    rgb = plt.get_cmap(cmap)(np.linspace(0, 1, 256))[:, :3]
    return np.array([lab(linear(color))[0] for color in rgb])


def test_color_maps_keep_their_order_without_color():
    assert (np.diff(lightness(plots.MAGNITUDE)) > 0).all()
    left, right = np.split(lightness(plots.DIVERGING), 2)
    assert (np.diff(left) > -0.5).all() and (np.diff(right) < 0.5).all()
    assert not (np.diff(lightness("jet")) > 0).all()


# --- no color but the palette's ---------------------------------------------------

COLOR_NAMES = {"color", "c", "fc", "ec", "mfc", "mec", "ecolor", "facecolor"}
COLOR_NAMES |= {"facecolors", "edgecolor", "edgecolors", "markerfacecolor", "colors"}
COLOR_NAMES |= {"markeredgecolor", "cmap"}
ALLOWED = {"black", "white", "none", "C", "C0", "C1"}  # "C": f"C{i}", of the cycle
ALLOWED |= {"38"}  # behind a color: how opaque it is
ALLOWED |= {"gray", "viridis"} | {plots.MAGNITUDE, plots.DIVERGING}  # color maps
LINES = {"plot", "loglog", "semilogx", "semilogy", "errorbar"}


def foreign_colors(tree):
    """Return the colors in a piece of code that are written out by name or number."""
    found = []
    for node in ast.walk(tree):
        named = []
        if isinstance(node, ast.Call):
            named = [(k.arg, k.value) for k in node.keywords]
            if getattr(node.func, "attr", "") in LINES:
                formats = [a for a in node.args if isinstance(a, ast.Constant)]
                shapes = [a.value for a in formats if isinstance(a.value, str)]
                found += [s for s in shapes if re.match("[rgbcmy](?![a-z])", s)]
        elif isinstance(node, ast.Dict):
            keys = [getattr(key, "value", None) for key in node.keys]
            named = list(zip(keys, node.values, strict=True))
        for name, value in named:
            if name in COLOR_NAMES:
                gray = {"gray"} if name != "cmap" else set()
                found += [w for w in written_out(value) if w not in ALLOWED - gray]
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found += re.findall(r"^#[0-9A-Fa-f]{6}$", node.value)
    return found


def written_out(value):
    """Return the strings of an expression but for keys, as in COLORS["blue"]."""
    keys = [n.slice for n in ast.walk(value) if isinstance(n, ast.Subscript)]
    strings = [n for n in ast.walk(value) if isinstance(n, ast.Constant)]
    return [n.value for n in strings if isinstance(n.value, str) and n not in keys]


def test_package_uses_no_color_outside_the_palette():
    tree = ast.parse(inspect.getsource(plots))
    assert set(foreign_colors(tree)) == set(plots.COLORS.values())


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_uses_no_color_outside_the_palette(path):
    found = [(c.place, foreign_colors(c.tree)) for c in read(path).code if c.tree]
    assert [(place, colors) for place, colors in found if colors] == []


@pytest.mark.parametrize(
    "code",
    [
        'ax.plot(x, y, color="red")',
        'ax.plot(x, y, "r--")',
        'ax.plot(x, y, "b")',
        'ax.bar(x, y, color="gray")',
        'ax.bar(x, y, color=["tab:blue", COLORS["blue"]])',
        'ax.imshow(x, cmap="jet")',
        'ax.text(0, 0, "a", **{"color": "#123456"})',
        'shade = "#EEEEEE"',
    ],
)
def test_color_outside_the_palette_is_found(code):
    assert foreign_colors(ast.parse(code)) != []


def test_color_of_the_palette_passes():
    code = 'ax.plot(x, y, "o--", color=plots.COLORS["gray"]); plt.plot(x, "k:")'
    assert foreign_colors(ast.parse(f'{code}; ax.imshow(x, cmap="gray")')) == []


def test_import_changes_no_setting():
    code = (
        "import matplotlib; before = dict(matplotlib.rcParams);"
        "import course_utils.plots; assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(("shape", "patch"), [((28, 28), 7), ((29, 29), 14)])
def test_draw_vit_refuses_what_is_not_two_by_two_patches(shape, patch):
    with pytest.raises(ValueError, match=rf"2 x 2 patches.*not \({shape[0]}, "):
        plots.draw_vit(np.zeros(shape), patch, dim=64, depth=6, classes=10)
