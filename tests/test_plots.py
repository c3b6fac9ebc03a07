"""Figures: one look, readable text, and numbers that are in the picture."""

import inspect
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgb

from course_utils import plots

matplotlib.use("agg")
RNG = np.random.default_rng(0)


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


def luminance(color):
    """Relative luminance (WCAG 2.2)."""
    channels = np.array(to_rgb(color))
    linear = np.where(
        channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_public_figure_is_tried_here():
    public = {
        name
        for name, function in inspect.getmembers(plots, inspect.isfunction)
        if function.__module__ == plots.__name__ and not name.startswith("_")
    }
    assert public - {"use_style"} == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_text_is_readable_at_the_width_of_a_page(name, monkeypatch):
    sizes = {}
    draw_text = RendererAgg.draw_text

    def record(self, gc, x, y, s, prop, *arguments, **options):
        sizes[s] = prop.get_size_in_points()
        draw_text(self, gc, x, y, s, prop, *arguments, **options)

    monkeypatch.setattr(RendererAgg, "draw_text", record)
    figure = FIGURES[name]()
    figure.canvas.draw()
    assert min(sizes.values()) >= 9, sizes
    shown = figure.get_tightbbox()  # notebooks show everything that is drawn
    assert shown.width <= 7.5 and shown.height <= 7


@pytest.mark.parametrize("cmap", [plots.MAGNITUDE, plots.DIVERGING])
def test_numbers_in_a_heatmap_stand_out_from_their_cell(cmap):
    figure, ax = plt.subplots()
    values = np.linspace(0, 1, 40)
    image = plots.heatmap(ax, values[None], title="t", cmap=cmap)
    assert [text.get_text() for text in ax.texts] == [f"{v:.2f}" for v in values]
    for text, value in zip(ax.texts, values, strict=True):
        assert contrast(text.get_color(), image.cmap(image.norm(value))) >= 4.0


def test_lines_differ_in_more_than_color():
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert len({str(style) for style in cycle["linestyle"]}) == len(cycle["color"])
    assert set(cycle["color"]) <= set(plots.COLORS.values())


def test_lines_and_text_of_the_cycle_stand_out_from_white():
    for color in plt.rcParams["axes.prop_cycle"].by_key()["color"]:
        assert contrast(color, "white") >= 2.5, color
    assert contrast(plots.COLORS["gray"], "white") >= 4.5  # gray is used for text


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
