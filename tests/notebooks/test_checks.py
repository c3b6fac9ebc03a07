"""Every check of form finds what it looks for, in a small notebook that breaks it."""

from dataclasses import replace

import pytest
from checks import CHECKS
from checks.code import BACKEND, backend, code_width, one_framework, plain_python
from checks.form import TABLE_HEAD, minutes_of, predictions
from checks.notebook import PARITY
from checks.outputs import CHECKED
from checks.small import (
    add,
    code,
    drop,
    last,
    markdown,
    number_runs,
    picture,
    prediction,
    put,
    sound_notebook,
    stored,
    tensorflow_lesson,
    text,
)


def early(*cells):
    """Put cells before the first figure."""

    def change(notebook):
        notebook["cells"][5:5] = cells

    return change


def answer():
    return code("1 + 1", tags=["predict"])


# The first exercise stands in cells 19 to 22, the first figure in 5 to 7, the optional
# end in 35.
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
    "reading_time": {
        "46 minutes of text": early(markdown("word " * 9_200)),
        "46 minutes of code": early(*[code("x = 1\n" * 12)] * 46),
        "more than the table says": early(markdown("word " * 3_200)),
        "no time in the table": put(1, source="# 01 · Small\n\nA.\n\n" + TABLE_HEAD),
        "an optional end of 21 minutes": add(markdown("word " * 4_200)),
    },
    "predictions": {
        "question without an answer": early(markdown("**Predict.** Is it even?")),
        "answer without a question": early(code("1 + 1", tags=["predict"])),
        "answer after the next heading": early(
            markdown("**Predict.** Is it even?"), markdown("## More"), answer()
        ),
        "answer too far away": early(
            markdown("**Predict.** Is it even?"), *[markdown("So?")] * 4, answer()
        ),
        "two answers": early(*prediction(), answer()),
    },
    "headings": {
        "jump": add(markdown("##### Deep")),
        "second title": add(markdown("# Again")),
    },
    "ending": {
        "no reading list": last("Next: [02](02_next.ipynb)."),
        "no summary": drop(17),
        "summary after the exercises": lambda notebook: notebook["cells"].insert(
            -1, notebook["cells"].pop(17)
        ),
        "optional among the lessons": early(markdown("## Optional · More")),
        "optional after the reading list": lambda notebook: notebook["cells"].append(
            markdown("## Optional · More\n\nNext: [02](02_next.ipynb).")
        ),
        "optional without a title": put(35, source="## Optional"),
        "another section among the last": add(markdown("## More")),
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


def test_prediction_may_stand_three_cells_before_its_answer(folder):
    notebook = sound_notebook()
    question, shown = prediction()
    early(question, code("x = 1"), markdown("Think."), markdown("Yes?"), shown)(
        notebook
    )
    assert predictions(stored(folder, notebook)) == []


def test_reading_time_counts_words_and_lines_but_no_opening_and_no_table(folder):
    notebook = sound_notebook()
    before = minutes_of(stored(folder, notebook))
    early(markdown("word " * 100 + "\n| | |\n|---|---|"), code("x = 1\n\n" * 6))(
        notebook
    )
    notebook["cells"][2]["source"] += "\n# a comment" * 99
    notebook["cells"][3]["source"] += "\nimport sys" * 99
    after = minutes_of(stored(folder, notebook))
    assert after["required"] - before["required"] == pytest.approx(1)
    assert after["optional"] > 0 and after == before | {"required": after["required"]}


def test_every_check_has_a_notebook_that_breaks_it():
    assert set(BREAKS) == {check.__name__ for check in CHECKS}


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
