"""Figures of lessons 17 and 18 hold with the folders that people have."""

import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from course_utils import plots
from course_utils.plots import nb17_18

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("error")  # a missing letter, a layout without room
        plots.use_style()
        yield
    plt.close("all")


def words():
    """Draw the figure, and return its title and the texts of its axes."""
    figure = plt.gcf()
    figure.canvas.draw()
    texts = [text.get_text() for ax in figure.axes for text in ax.texts]
    labels = [text.get_text() for ax in figure.axes for text in ax.get_yticklabels()]
    return figure.get_suptitle(), texts, labels


@pytest.mark.parametrize("classes", [2, 19, 20, 38, 39, 200])
def test_counts_of_any_number_of_classes_fit_on_a_page(classes):
    names = [f"Göttinger $traße_{k} \u732b" for k in range(classes)]
    nb17_18.draw_counts(names, np.arange(classes) + 1)
    title, texts, labels = words()
    assert title == f"The largest class has {classes} pictures, the smallest 1"
    assert texts[0] == str(classes) and texts[-1] == "1"
    assert len(labels) == min(classes, 38)
    assert (plt.gcf().get_size_inches() <= (7, 4)).all()
    note = plt.gcf().axes[0].get_xlabel()
    assert ("162 classes" in note) == (classes == 200)


def test_long_names_are_shortened_in_the_middle():
    shown = nb17_18._fit("a very long name of a class, number 17", 1.2)
    assert shown.startswith("a very") and shown.endswith("17") and "…" in shown
    assert nb17_18._fit("two $s: $", 3) == r"two \$s: \$"


def test_recall_has_wilson_intervals_and_none_without_pictures():
    nb17_18.draw_recalls(["a", "b"], [8, 0], [10, 0], largest="a")
    lines = plt.gcf().axes[0].collections[0].get_segments()
    np.testing.assert_allclose(lines[0][:, 0], [0.490, 0.943], atol=1e-3)
    np.testing.assert_allclose(lines[1][:, 0], [0, 1])
    assert words()[1] == ["8 of 10", "0 of 0"]


def test_confusions_of_many_classes_count_all_answers():
    matrix = np.random.default_rng(0).integers(0, 9, (37, 37))
    nb17_18.draw_confusions([f"class {k}" for k in range(37)], matrix)
    title, texts, labels = words()
    kept = [int(name.removeprefix("class ")) for name in labels if "class" in name]
    assert len(kept) == 12 and sum(map(int, texts)) == matrix[kept].sum()
    one, other = np.argwhere(matrix * (1 - np.eye(37)) == 8)[0]
    assert title.startswith(f"class {one} is called class {other} in 8 of ")
    nb17_18.draw_confusions(["a", "b"], [[3, 0], [0, 2]])
    assert words()[0] == "No mistake among 5 pictures"


def test_equally_sure_answers_are_given_together_or_not_at_all():
    sure, right = [0.9, 0.9, 0.5, 0.5], [True, False, True, True]
    nb17_18.draw_confidence(sure, right, sure_other=np.array([0.4]), threshold=0.9)
    figure = plt.gcf()
    assert words()[0] == "2 of 4 answered, 1 of these wrong"
    curve, point = figure.axes[1].lines
    np.testing.assert_allclose(curve.get_xydata(), [[0.5, 0.5], [1, 0.25]])
    np.testing.assert_allclose(point.get_xydata(), [[0.5, 0.5]])
    nb17_18.draw_confidence(sure, right, threshold=np.inf)
    assert words()[0].startswith("0 of 4 answered")


def test_sheet_says_how_many_pictures_it_leaves_out():
    names = [f"{k}" for k in range(100)]
    nb17_18.draw_sheet([Image.new("RGB", (9, 5))] * 100, names, title="t")
    texts = words()[1]
    drawn = [text for text in texts if text.isdigit()]
    assert texts[-1] == f"and {100 - len(drawn)} more" and len(drawn) >= 30


def test_nothing_found_is_no_figure():
    nb17_18.draw_pairs([])
    nb17_18.draw_sheet([], [])
    nb17_18.draw_mistakes([], None, [], [], [])
    assert plt.get_fignums() == []


def test_exports_are_compared_with_the_model_itself():
    rows = [("PyTorch", 4.0, 2.0), ("int8", 1.0, 0.5, "9 of 9"), ("other", 2.0, None)]
    nb17_18.draw_exports(rows)
    title, texts, _ = words()
    assert title == "int8: 0.25 of the size, 0.25 of the time"
    assert "9 of 9" in texts and "not measured" in texts
