"""The palette: colors that differ for all eyes, and no figure uses any other."""

import ast
import re
import subprocess
import sys

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from checks.notebook import read
from eyes import EYES, contrast, lightness, nearest

from course_utils import plots
from course_utils.session import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FILES = sorted((ROOT / "course_utils/plots").glob("*.py"))
matplotlib.use("agg")


@pytest.fixture(autouse=True)
def style():
    with matplotlib.rc_context():
        plots.use_style()
        yield
    plt.close("all")


def test_lines_differ_in_more_than_color():
    cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert len({str(style) for style in cycle["linestyle"]}) == len(cycle["color"])
    assert set(cycle["color"]) <= set(plots.COLORS.values())


def test_colors_of_the_cycle_stand_out_from_white():
    for color in plt.rcParams["axes.prop_cycle"].by_key()["color"]:
        assert contrast(color, "white") >= 3, color
    assert contrast(plots.COLORS["gray"], "white") >= 4.5  # gray is used for text


@pytest.mark.parametrize("eyes", EYES)
def test_colors_differ_for_color_blind_eyes(eyes):
    # Measured: 17.0 (cycle) and 11.2 (all); about 2 is just visible side by side.
    assert nearest(plt.rcParams["axes.prop_cycle"].by_key()["color"], eyes) > 15
    assert nearest(plots.COLORS.values(), eyes) > 10


def test_colors_that_color_blind_eyes_mix_up_are_found():
    assert nearest(["#FF0000", "#8F7F00"], "protanopia") < 15
    assert nearest(plt.get_cmap("tab10").colors, "deuteranopia") < 10


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
            function = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if function == "box":  # takes names of the palette
                named = [pair for pair in named if pair[0] != "color"]
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
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
    found = {color for tree in trees for color in foreign_colors(tree)}
    assert found == set(plots.COLORS.values())


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
