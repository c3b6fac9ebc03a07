"""Figures: one look, readable text, and numbers that are in the picture."""

import ast
import re

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from checks.notebook import read
from every_figure import FIGURES
from eyes import contrast
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.text import Text

from course_utils import plots
from course_utils.plots import nb04_05
from course_utils.session import ROOT

matplotlib.use("agg")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FILES = sorted((ROOT / "course_utils/plots").glob("*.py"))
LESSON = re.compile(r"(?:^|nb|_)(\d\d)(?=_|$)")  # 08 of 08_finetune_cifar10, nb08_09
# Twins have a file of their own.
PAIRS = [{"04", "05"}, {"08", "09"}, {"10", "11"}, {"12", "13"}, {"17", "18"}]


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def lessons_that_draw(name):
    """Return the lessons whose notebook, or whose file of figures, calls a function."""
    call = re.compile(rf"(?<!def )\b{name}\(")
    sources = [(p, "\n".join(cell.source for cell in read(p).code)) for p in NOTEBOOKS]
    sources += [(path, path.read_text(encoding="utf-8")) for path in FILES]
    stems = [path.stem for path, source in sources if call.search(source)]
    return {lesson for stem in stems for lesson in LESSON.findall(stem)}


def test_every_public_figure_is_tried_here():
    public = {
        node.name
        for path in FILES
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }
    figures = {name for name in public if not name.startswith("_")}
    parts = {"use_style", "ink_on", "canvas", "words", "box", "arrow", "branch"}
    assert figures - parts == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_figure_lies_in_the_file_of_the_lessons_that_draw_it(name):
    """Who wants to change "a figure in 03" finds it from the tree alone."""
    define = re.compile(rf"^def {name}\(", re.MULTILINE)
    (home,) = [p for p in FILES if define.search(p.read_text(encoding="utf-8"))]
    lessons = lessons_that_draw(name)
    if home.stem == "__init__":
        assert len(lessons) > 1 and lessons not in PAIRS
    else:
        assert lessons == set(LESSON.findall(home.stem))


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
        FIGURES[request.param]()
        figure = plt.gcf()
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


def numbers_after(words, source):
    """Return the numbers written behind words, as behind ``fontsize=`` in code."""
    return [float(number) for number in re.findall(rf"\b(?:{words})([\d.]+)", source)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_figure_drawn_in_a_cell_is_readable_at_the_width_of_a_page(path):
    source = "\n".join(cell.source for cell in read(path).code)
    assert min(numbers_after("fontsize=|labelsize=", source), default=9) >= 9
    assert max(numbers_after(r"figsize=\(", source), default=7.5) <= 7.5


@pytest.mark.parametrize("cmap", [plots.MAGNITUDE, plots.DIVERGING])
def test_numbers_in_a_heatmap_stand_out_from_their_cell(cmap):
    figure, ax = plt.subplots()
    values = np.linspace(0, 1, 40)
    image = plots.heatmap(ax, values[None], title="t", cmap=cmap)
    assert [text.get_text() for text in ax.texts] == [f"{v:.2f}" for v in values]
    for text, value in zip(ax.texts, values, strict=True):
        assert contrast(text.get_color(), image.cmap(image.norm(value))) >= 4.5


@pytest.mark.parametrize(("shape", "patch"), [((28, 28), 7), ((29, 29), 14)])
def test_draw_vit_refuses_what_is_not_two_by_two_patches(shape, patch):
    with pytest.raises(ValueError, match=rf"2 x 2 patches.*not \({shape[0]}, "):
        nb04_05.draw_vit(np.zeros(shape), patch, dim=64, depth=6, classes=10)
