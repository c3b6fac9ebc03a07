"""The house keeps its limits: how long it is, and which way its imports point."""

import ast
import re
import subprocess
import sys

import pytest
from packaging.utils import canonicalize_name
from test_repository import DISTRIBUTION, NOTEBOOKS, ROOT, cells, requirements, tool

PACKAGE = ROOT / "course_utils"
MOST_OF_PACKAGE, MOST_OF_TOUR, MOST_OF_FILE = 7_300, 1_400, 400
# The files that CONTRIBUTING.md recommends for an evening, one framework each.
TOURS = {
    "PyTorch": (
        "vit/torch.py",
        "convert/names.py",
        "convert/refusals.py",
        "convert/torch.py",
        "training/loop.py",
        "training/checkpoint.py",
        "training/pictures.py",
        "finetune/torch.py",
    ),
    "TensorFlow": (
        "vit/keras.py",
        "convert/names.py",
        "convert/refusals.py",
        "convert/keras.py",
        "training/keras.py",
        "finetune/keras.py",
    ),
}
# A part may import those of its own row and of the rows below.
LAYERS = (
    {"exercises", "explorer", "finetune"},
    {"training", "plots", "explain"},
    {"data"},
    {"convert"},
    {"vit"},
    {"session"},
)


def tracked(pattern):
    """Return the files that belong to the repository, new ones included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return [ROOT / name for name in listed.stdout.split() if (ROOT / name).exists()]


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def is_catalog(path):
    """Exercises are data: one lesson's, its learners' answers, and equal mutants."""
    name = path.relative_to(ROOT).as_posix()
    lists = r"course_utils/exercises/nb\d\d|tests/exercises/(answers/|equal_mutants)"
    return re.match(lists, name)


# --- lengths ----------------------------------------------------------------------


def test_package_is_short():
    files = [p for p in tracked("course_utils/*.py") if not is_catalog(p)]
    assert sum(map(lines, files)) <= MOST_OF_PACKAGE


@pytest.mark.parametrize("framework", TOURS)
def test_tour_of_one_framework_takes_an_evening(framework):
    assert sum(lines(PACKAGE / name) for name in TOURS[framework]) <= MOST_OF_TOUR


def test_tours_and_contributing_name_the_same_files():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    tours = page.partition("## An evening's tour")[2].partition("\n## ")[0]
    rows = re.findall(r"\| `(\w+/\w+\.py)` \| (\d+) \|", tours)
    named = {name for name, _ in rows}
    assert named == {name for files in TOURS.values() for name in files}
    for name, minutes in rows:
        assert round(lines(PACKAGE / name) / 12) == int(minutes), name
    every = {
        path.relative_to(PACKAGE).as_posix()
        for part in ("vit", "convert", "training", "finetune")
        for path in (PACKAGE / part).glob("*.py")
    }
    assert every - named == {
        *(f"{p}/__init__.py" for p in ("vit", "convert", "training", "finetune")),
        "vit/numpy.py",  # short, and read with notebooks 01 and 03
    }


def test_no_file_is_long():
    long = [p for p in tracked("*.py") if not is_catalog(p) and lines(p) > MOST_OF_FILE]
    assert [str(path.relative_to(ROOT)) for path in long] == []


# --- imports ----------------------------------------------------------------------


def imported(source):
    """Return the modules that a piece of code imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        assert not getattr(node, "level", 0), "relative imports hide what they import"
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "course_utils":
            names |= {f"course_utils.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def imports_of(path):
    return imported(path.read_text(encoding="utf-8"))


def layer(part):
    (index,) = [i for i, row in enumerate(LAYERS) if part in row]
    return index


def package_modules():
    return sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", package_modules(), ids=name_of)
def test_imports_point_one_way(path):
    found = imports_of(path)
    tops = {name.split(".")[0] for name in found}
    assert not tops & {"course_tools", "drawing", "benchmarks", "tests", "examples"}
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    others = {n.split(".")[1] for n in found if n.startswith("course_utils.")}
    parts = {part for row in LAYERS for part in row}
    assert part in parts, f"{part} has no row in LAYERS"
    for other in (others & parts) - {part}:
        assert layer(other) >= layer(part), f"{part} imports {other}"
        assert part != "vit", f"vit imports {other}"


@pytest.mark.parametrize("path", tracked("drawing/*.py"), ids=name_of)
def test_drawing_needs_no_tools(path):
    tops = {name.split(".")[0] for name in imports_of(path)}
    assert not tops & {"course_tools", "benchmarks", "tests"}


@pytest.mark.parametrize("path", tracked("examples/*.py"), ids=name_of)
def test_example_stands_alone(path):
    tops = {name.split(".")[0] for name in imports_of(path)}
    assert not tops & {"course_utils", "course_tools"}


@pytest.mark.parametrize("source", ["from . import plots", "from .vit import numpy"])
def test_relative_import_is_refused(source):
    with pytest.raises(AssertionError, match="relative"):
        imported(source)


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("course_utils", "torch tensorflow keras transformers datasets matplotlib"),
        ("course_utils.exercises", "torch tensorflow keras transformers datasets"),
        ("course_utils.plots", "torch tensorflow keras transformers datasets"),
        ("course_utils.explain", "torch tensorflow keras transformers datasets"),
        ("course_utils.explorer", "torch tensorflow keras transformers datasets"),
        ("course_utils.training.keras", "torch transformers"),
        ("course_utils.finetune.keras", "torch transformers"),
        ("course_utils.convert.keras", "torch transformers"),
        ("course_utils.training.loop", "tensorflow keras"),
        ("course_utils.finetune.torch", "tensorflow keras"),
        ("course_utils.convert.torch", "tensorflow keras"),
    ],
)
def test_import_loads_no_other_framework(module, heavy):
    code, words = tool("-c", f"import sys, {module}; print(*sys.modules)")
    assert code == 0, words
    assert set(heavy.split()) & set(words.split()) == set()


def test_everything_imported_is_declared():
    sources = [path.read_text(encoding="utf-8") for path in package_modules()]
    for path in tracked("course_tools/*.py") + tracked("examples/*.py"):
        sources.append(path.read_text(encoding="utf-8"))
    for notebook in NOTEBOOKS:
        sources += [s.removeprefix("%%parity\n") for s in cells(notebook, "code")]
    top = {name.split(".")[0] for source in sources for name in imported(source)}
    ours = {"course_tools", "course_utils", "drawing"}
    known = set(sys.stdlib_module_names) | ours | {"google"}
    needed = {canonicalize_name(DISTRIBUTION.get(name, name)) for name in top - known}
    declared = {canonicalize_name(r.name) for r in requirements()}
    assert needed - declared == set()
