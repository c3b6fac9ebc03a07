"""Lessons 17 and 18 are scripts: their cells tagged `script`, in order, word for word.

What is compared is the code: docstrings, comments and layout may differ.
"""

import pytest
from checks.copies import bare, blocks
from checks.notebook import PATHS, read
from plain_scripts import EXAMPLES

SCRIPTS = {"17": "your_pictures_pytorch.py", "18": "your_pictures_tensorflow.py"}
BOTH = pytest.mark.parametrize("number", SCRIPTS)
# What a script asks for on the command line, and its lesson in a cell of its own.
SETTINGS = "PICTURES GROUPS MODEL OUT EPOCHS TRIAL PATIENCE BATCH RATES BUDGET SEED"


def script(number):
    return (EXAMPLES / SCRIPTS[number]).read_text("utf-8")


def lesson(number):
    (path,) = (path for path in PATHS if path.stem.startswith(number))
    return read(path)


@BOTH
def test_cells_tagged_script_are_the_script(number):
    cells = [bare(c.source) for c in lesson(number).code if "script" in c.tags]
    assert cells == [bare(block) for block in blocks(script(number))]


@BOTH
def test_script_has_the_settings_of_the_lesson(number):
    head = script(number).partition("# %% ")[0]
    settings = "\n".join(c.source for c in lesson(number).code[:5])
    for name in SETTINGS.split():
        assert name in head and name in settings, name


@BOTH
def test_script_needs_nothing_of_the_course(number):
    assert "course_utils" not in script(number)
