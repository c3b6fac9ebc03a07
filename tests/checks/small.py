"""A small notebook, as JSON, that keeps every promise, and ways to change it."""

import json

from checks.code import BACKEND
from checks.form import SETUP_CELL, TABLE_HEAD
from checks.notebook import PARITY, address, read
from checks.outputs import CHECKED


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


TIME_ROW = "| 10 min, and 20 min of exercises | Python | add | reduced: none |"


def prediction():
    """Return a question and its answer, in a section of their own."""
    return [
        markdown("### A sum\n\nTake two numbers.\n\n**Predict.** Is it even?"),
        code("1 + 1", tags=["predict"]),
    ]


def sound_notebook():
    """Return a small notebook, as JSON, in which every check is content."""
    url = f"https://colab.research.google.com/github/{address()}"
    cells = [
        markdown(
            "[![Open in Colab](../docs/colab-badge.svg)]"
            f"({url}/blob/main/notebooks/01_small.ipynb)"
        ),
        markdown(
            f"# 01 · Small\n\nA promise.\n\n{TABLE_HEAD}\n|---|---|---|---|\n{TIME_ROW}"
        ),
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
        markdown("## Optional · Add five\n\nWho likes adding, goes on."),
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
