"""The form of the notebooks: every promise, kept by the course and able to fail."""

import base64
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from notebook_checks import (
    BACKEND,
    CHECKED,
    CHECKS,
    PARITY,
    ROOT,
    SETUP_CELL,
    TABLE_HEAD,
    address,
    backend,
    code_width,
    copied_code,
    definitions,
    exercise_titles,
    one_framework,
    own_code,
    pieces,
    plain_python,
    read,
    section_titles,
    shipped_code,
    shipped_names,
)

from course_utils.exercises import catalog

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# Where code that a notebook derives may be shipped.
SHIPPED = ("vit", "convert", "training", "finetune")
PACKAGE = {
    path.relative_to(ROOT / "course_utils").as_posix(): definitions(
        path.read_text("utf-8")
    )
    for folder in SHIPPED
    for path in (ROOT / "course_utils" / folder).rglob("*.py")
}
# A heading of a PyTorch lesson that names its tool -> the twin's.
TWIN_TITLES = {
    "### The same loop in the package": "### The same loop in Keras",
    "## Augmentation with Pillow alone": "## Augmentation with Keras layers alone",
    "## The Trainer": "## fit and its callbacks",
}


def ids(path):
    return path.stem


# --- the course -------------------------------------------------------------------


@pytest.mark.parametrize("path", PATHS, ids=ids)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_notebook_keeps_its_form(check, path):
    assert check(read(path)) == []


def ruff_on_imports(*notebooks: Path, folder: Path) -> str:
    """Let ruff look for unused and unsorted imports, and return what it says.

    Ruff reads copies without the bootstrap cell, whose text is fixed, and with the code
    of the cells ``%%parity``, which ruff would pass over.
    """
    for path in notebooks:
        content = json.loads(path.read_text(encoding="utf-8"))
        for cell in content["cells"]:
            if "bootstrap" in cell["metadata"].get("tags", ()):
                cell["source"] = ""
            source = "".join(cell["source"])
            cell["source"] = source.replace(PARITY, "# parity\n", 1)
        (folder / path.name).write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache"]
    command += ["--config", str(ROOT / "pyproject.toml")]
    command += ["--config", "lint.per-file-ignores={}", "--line-length", "76"]
    command += ["--select", "F401,I001", "--output-format", "concise", str(folder)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_imports_of_all_notebooks_are_used_and_sorted(tmp_path):
    assert ruff_on_imports(*PATHS, folder=tmp_path) == "All checks passed!\n"


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_shipped_code_is_the_same_in_notebook_and_package(path):
    assert shipped_code(read(path), list(PACKAGE.values())) == []


# Twins can be read alone: what needs no framework stands in both.
TWINS = (("04", "05"), ("08", "09"), ("10", "11"))


def test_code_stands_in_one_place_unless_tagged_shipped():
    package = ROOT / "course_utils"
    places = {
        path.relative_to(package).as_posix(): pieces(path.read_text("utf-8"))
        for path in package.rglob("*.py")
    }
    notebooks = {path.stem: read(path) for path in PATHS}
    for name, notebook in notebooks.items():
        code = [pieces(cell.source) for cell in own_code(notebook)]
        places[name] = set().union(*code)
    found = {}
    for name, notebook in notebooks.items():
        pair = next((pair for pair in TWINS if name[:2] in pair), (name[:2],))
        # Exercises repeat a cell by design: the solution mends the bug shown there.
        own = (*(f"{number}_" for number in pair), f"exercises/nb{name[:2]}_")
        others = {k: v for k, v in places.items() if not k.startswith(own)}
        found[name] = copied_code(notebook, others)
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_every_lesson_of_the_catalog_has_its_notebook():
    assert [path.stem for path in PATHS] == list(catalog.LESSONS)


def test_picture_of_the_readme_is_the_one_stored_in_its_notebook():
    (cell,) = [c for p in PATHS for c in read(p).code if "readme" in c.tags]
    (stored,) = [o["data"]["image/png"] for o in cell.outputs if "data" in o]
    shown = (ROOT / "docs" / "readme.png").read_bytes()
    assert base64.b64decode("".join(stored)) == shown


def test_bootstrap_is_the_same_text_everywhere():
    texts = {read(path).cells[2].source for path in PATHS}
    assert len(texts) == 1
    assert f'REPO, TAG = "{address()}"' in texts.pop()


def test_every_public_name_of_the_torch_model_is_derived_in_a_notebook():
    derived = set().union(*(shipped_names(read(path)) for path in PATHS))
    public = {name for name in PACKAGE["vit/torch.py"] if not name.startswith("_")}
    assert public - derived == set()


@pytest.mark.parametrize(("torch", "keras"), TWINS)
def test_twins_have_the_same_headings_in_the_same_order(torch, keras):
    first, second = (
        section_titles(read(path))
        for number in (torch, keras)
        for path in PATHS
        if path.stem.startswith(number)
    )
    assert [TWIN_TITLES.get(title, title) for title in first] == second


@pytest.mark.parametrize("path", PATHS, ids=ids)
def test_exercises_of_notebook_and_package_are_the_same(path):
    assert exercise_titles(read(path)) == catalog.LESSONS[path.stem]


# --- the checks can fail ----------------------------------------------------------


def markdown(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source, *outputs, tags=()):
    return {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": source,
        "outputs": list(outputs),
        "execution_count": None,
    }


def text(words, name="stdout"):
    return {"output_type": "stream", "name": name, "text": words}


def picture():
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": "iVB"}}


def exercise(number):
    return [
        markdown(
            f"### Exercise 01.{number} · Add {number}\n\nWhat comes in, goes out."
        ),
        code("def add(x):\n    return ..."),
        code(f'check("01.{number}", add)', text("open"), tags=[CHECKED]),
        markdown(f'Stuck? Run `hint("01.{number}")` or `solution("01.{number}")`.'),
    ]


def figure(number):
    return [
        markdown(f"## Picture {number}"),
        code("plt.show(math.pi, np.pi)", picture()),
        markdown("*Figure: a blue line that rises from left to right.*"),
    ]


def sound_notebook():
    """Return a small notebook, as JSON, in which every check is content."""
    url = f"https://colab.research.google.com/github/{address()}"
    cells = [
        markdown(
            "[![Open in Colab](../docs/colab-badge.svg)]"
            f"({url}/blob/main/notebooks/01_small.ipynb)"
        ),
        markdown(f"# 01 · Small\n\nA promise.\n\n{TABLE_HEAD}\n|---|---|---|---|"),
        code("import sys\n\nsys.path", tags=["bootstrap"]),
        code(
            "import math\n\nimport numpy as np\n\n"
            "from course_utils import plots, setup\n"
            "from course_utils.exercises import check, hint, solution"
        ),
        code(SETUP_CELL, text("profile reduced")),
        *[cell for number in range(1, 5) for cell in figure(number)],
        markdown("## What you saw\n\nA line."),
        markdown("## Exercises"),
        *[cell for number in range(1, 5) for cell in exercise(number)],
        markdown("## Read on\n\nNext: [02](02_next.ipynb)."),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def number_runs(notebook):
    runs = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    for count, cell in enumerate(runs, start=1):
        cell["execution_count"] = count


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a place for 01_small.ipynb in which its links lead somewhere."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "colab-badge.svg").write_text("<svg/>")
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "02_next.ipynb").write_text('{"cells": []}')
    return notebooks


def stored(folder, notebook, number=True):
    if number:
        number_runs(notebook)
    path = folder / "01_small.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return read(path)


def put(index, **change):
    return lambda notebook: notebook["cells"][index].update(change)


def add(*cells):
    """Put cells before the last one, outside of any exercise."""

    def change(notebook):
        notebook["cells"][-1:-1] = [markdown("### More"), *cells]

    return change


def drop(*indices):
    def change(notebook):
        for index in sorted(indices, reverse=True):
            del notebook["cells"][index]

    return change


def last(source):
    return put(-1, source=source)


# The first exercise stands in cells 19 to 22, the first figure in 5 to 7.
BREAKS = {
    "opening": {
        "no badge": put(0, source="Open me"),
        "badge of another notebook": lambda notebook: notebook["cells"][0].update(
            source=notebook["cells"][0]["source"].replace("01_small", "02_next")
        ),
        "number of another notebook": put(
            1, source="# 02 · Small\n\nA.\n\n" + TABLE_HEAD
        ),
        "no promise": put(1, source="# 01 · Small\n\n" + TABLE_HEAD),
        "no table": put(1, source="# 01 · Small\n\nA promise.\n\nText."),
        "bootstrap without tag": put(2, metadata={}),
        "no imports": put(3, source="x = 1"),
        "other setup": put(4, source="run = setup(seed=1)"),
        "a cell too many": lambda notebook: notebook["cells"].insert(2, markdown("Hi")),
    },
    "valid": {
        "older format": lambda notebook: notebook.update(nbformat_minor=4),
        "no id": lambda notebook: notebook["cells"][1].pop("id"),
        "an id twice": put(1, id="cell-2"),
        "not a kind of cell": put(1, cell_type="text"),
        "half an output": put(3, outputs=[{"output_type": "error"}]),
    },
    "metadata": {
        "other kernel": lambda notebook: notebook["metadata"].update(kernelspec={}),
        "no language": lambda notebook: notebook["metadata"].pop("language_info"),
        "widgets": lambda notebook: notebook["metadata"].update(widgets={}),
    },
    "size": {"a megabyte": add(code("1", text("x" * 1_000_001)))},
    "words": {"4,001 words": add(markdown("word " * 4_001))},
    "headings": {
        "jump": add(markdown("##### Deep")),
        "second title": add(markdown("# Again")),
    },
    "ending": {
        "no reading list": last("Next: [02](02_next.ipynb)."),
        "no summary": drop(17),
        "no link to the next": last("## Read on"),
    },
    "alt_text": {
        "empty alt text": add(markdown("![](../docs/colab-badge.svg)")),
        "html without alt": add(markdown('<img src="../docs/colab-badge.svg">')),
        "no line beside the figure": put(7, source="A line."),
        "too short": put(7, source="*Figure: a line that rises.*"),
        "empty phrase": put(
            7, source="*Figure: a plot of the loss against the number of steps.*"
        ),
        "one line for two figures": drop(8, 10),
    },
    "links": {
        "no such file": add(markdown("[here](../docs/none.md)")),
        "no such heading": add(markdown("[there](#what-you-saw)")),
        "no such heading elsewhere": add(markdown("[there](02_next.ipynb#Start)")),
        "picture from elsewhere": add(
            markdown("![one sleeping cat](https://example.org/c.png)")
        ),
    },
    "bare_numbers": {
        "percentage": add(markdown("It is right on 84.0 % of the test digits.")),
        "percentage without data": add(markdown("In *reduced* it is right on 84 %.")),
        "time without machine": add(
            markdown("In *reduced*, the digits take it 22 s to learn.")
        ),
        "size": add(markdown("The weights need 1.5 GB.")),
    },
    "emoji": {"rocket": add(markdown("Well done \N{ROCKET}"))},
    "absolute_paths": {
        "in code": add(code('open("/home/ada/x")')),
        "in text": add(markdown("See /Users/ada/x")),
        "in an output": add(code("1", text("saved to /tmp/x.png"))),
        "on Windows": add(code("1", text(r"saved to C:\Users"))),
        "in a result": add(
            code(
                "1",
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": ["PosixPath('/root/x')"]},
                },
            )
        ),
    },
    "plain_python": {
        "magic": add(code("%matplotlib inline")),
        "shell": add(code("!wget x")),
    },
    "array_formats": {
        "arrays": add(code('rows = split.with_format("numpy")[:4]')),
        "tf.data": add(code("rows = split.to_tf_dataset(4)")),
    },
    "reports_on_loading": {"silenced": add(code("logging.set_verbosity_error()"))},
    "code_width": {"77 characters": add(code("x = '" + "a" * 71 + "'"))},
    "code_length": {
        "16 lines": add(code("x = 1\n" * 16)),
        "class of 41 lines": add(code("class A:\n" + "    x = 1\n" * 40)),
    },
    "comparisons": {
        "bare": add(code("a == b")),
        "idle call": add(code("torch.allclose(a, b)")),
        "printed": add(code("print(np.array_equal(a, b))")),
        "inside a loop": add(code("for a in b:\n    a == 1")),
    },
    "one_framework": {
        "tensorflow": add(code("import tensorflow as tf")),
        "keras": add(code("from keras import layers")),
    },
    "backend": {
        "use_tensorflow": put(3, source=BACKEND + "import math, numpy as np"),
        "parity": add(code(PARITY + "print(1)", text("1"), tags=["parity"])),
        "tag without magic": add(code("print(1)", text("1"), tags=["parity"])),
        "magic without tag": add(code(PARITY + "print(1)", text("1"))),
    },
    "executed": {
        "stderr": add(code("1", text("Warning", name="stderr"))),
        "error": add(
            code("1", {"output_type": "error", "ename": "E", "traceback": []})
        ),
    },
    "widgets": {
        "widget": add(
            code(
                "1",
                {
                    "output_type": "display_data",
                    "data": {"application/vnd.jupyter.widget-view+json": {}},
                },
            )
        )
    },
    "checked_cells": {
        "no output": add(code("1", tags=[CHECKED])),
        "picture": add(code("1", picture(), tags=[CHECKED])),
        "too few": drop(21, 25),
        "misspelt tag": add(code("1", tags=["nbval-check-outputs"])),
    },
    "figures": {"three": drop(6, 7)},
    "exercises": {
        "three": drop(19, 20, 21, 22),
        "of another notebook": put(19, source="### Exercise 02.1 · Add 1"),
        "no stub": put(20, source="def add(x):\n    return x + 1"),
        "no check": put(21, source="add(1)"),
        "check without tag": put(21, metadata={}),
        "no hint": put(22, source='Run `solution("01.1")`.'),
        "no solution": put(22, source='Run `hint("01.1")`.'),
    },
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_sound_notebook_passes(check, folder):
    assert check(stored(folder, sound_notebook())) == []


@pytest.mark.parametrize(
    ("name", "broken"), [(name, broken) for name in BREAKS for broken in BREAKS[name]]
)
def test_check_finds_what_is_broken(name, broken, folder):
    notebook = sound_notebook()
    BREAKS[name][broken](notebook)
    check = next(check for check in CHECKS if check.__name__ == name)
    assert check(stored(folder, notebook)) != []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import numpy as np\n\nimport math\n\n(math, np)", "I001"),
        ("import math\nimport numpy as np\n\n(math, np)", "I001"),
        ("import random", "F401"),
        ("import pandas as pd", "F401"),
        ("from math import pi", "F401"),
        (PARITY + "import torch", "F401"),
        ("from course_utils.exercises import hint", "All checks passed!"),
    ],
)
def test_ruff_finds_imports_that_are_unused_or_out_of_order(source, problem, tmp_path):
    path = tmp_path / "small.ipynb"
    notebook = sound_notebook()
    notebook["cells"] = [code(source) | {"id": "one"}]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    copies = tmp_path / "copies"
    copies.mkdir()
    assert problem in ruff_on_imports(path, folder=copies)


def test_line_of_a_long_address_may_be_wide(folder):
    notebook = sound_notebook()
    line = f'    REPO, TAG = "{"a" * 39}/{"b" * 100}", "v0.1.0"'
    notebook["cells"][2]["source"] = f"import sys\n\nif sys.path:\n{line}"
    assert code_width(stored(folder, notebook)) == []


@pytest.mark.parametrize(("first", "second"), [(None, 2), (2, 1), (1, 3)])
def test_check_finds_cells_not_run_in_order(first, second, folder):
    notebook = sound_notebook()
    number_runs(notebook)
    notebook["cells"][2]["execution_count"] = first
    notebook["cells"][3]["execution_count"] = second
    check = next(check for check in CHECKS if check.__name__ == "executed")
    assert check(stored(folder, notebook, number=False)) != []


def test_every_check_has_a_notebook_that_breaks_it():
    assert set(BREAKS) == {check.__name__ for check in CHECKS}


SHIPS = [
    definitions(
        'class A:\n    """Doc."""\n    def f(self, x: int) -> int:\n        return x'
    )
]


def tensorflow_lesson(folder, *more):
    """Store a sound TensorFlow lesson with one parity cell and further cells."""
    notebook = sound_notebook()
    imports = notebook["cells"][3]
    imports["source"] = BACKEND + imports["source"]
    parity = code(PARITY + "import torch\n\nprint(torch)", text("1"), tags=["parity"])
    add(parity, *more)(notebook)
    number_runs(notebook)
    path = folder / "01_small_tensorflow.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return read(path)


def test_tensorflow_lesson_may_import_torch_in_parity_cells_only(folder):
    for check in (one_framework, backend, plain_python):
        assert check(tensorflow_lesson(folder)) == []
    with_torch = tensorflow_lesson(folder, code("import torch"))
    assert any("imports torch" in p for p in one_framework(with_torch))


def test_tensorflow_lesson_sets_the_backend_first(folder):
    lesson = tensorflow_lesson(folder)
    imports = replace(lesson.cells[3], source="import keras")
    cells = (*lesson.cells[:3], imports, *lesson.cells[4:])
    assert backend(replace(lesson, cells=cells)) != []


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ("class A:\n    def f(self, x):  # comment\n        return x", 0),
        ("class A:\n    def f(self, x):\n        return x + 1", 1),
        ("class B:\n    pass", 1),
        ("x = 1", 1),
    ],
)
def test_shipped_code_is_compared_without_docstrings_and_annotations(
    source, problems, folder
):
    notebook = sound_notebook()
    add(code(source, tags=["shipped"]))(notebook)
    assert len(shipped_code(stored(folder, notebook), SHIPS)) == problems


COPIED = """
import math

def area(radius: float):
    \"\"\"Of a circle.\"\"\"
    square = radius**2
    return math.pi * square

for x in range(3):
    print(x)
    for y in range(3):
        print(y)
x, y = 3, 4
print(x + y)
"""


@pytest.mark.parametrize(
    ("source", "copies"),
    [
        ("def area(radius):\n    square = radius**2\n    return math.pi * square", 1),
        ("def area(radius):\n    return math.pi * radius**2", 0),
        (COPIED[COPIED.index("for") :], 1),
        (COPIED[COPIED.index("for") : COPIED.index("print(x + y)")], 0),
    ],
)
def test_copied_code_is_found(source, copies, folder):
    notebook = sound_notebook()
    add(code(source))(notebook)
    found = copied_code(stored(folder, notebook), {"area": pieces(COPIED)})
    assert len(found) == copies


def test_shipped_code_is_no_copy(folder):
    notebook = sound_notebook()
    add(code(COPIED, tags=["shipped"]))(notebook)
    assert copied_code(stored(folder, notebook), {"area": pieces(COPIED)}) == []
