"""The form of the notebooks: every promise, kept by the course."""

import base64
import re

import pytest
from checks import CHECKS
from checks.form import section_titles
from checks.notebook import PATHS, TWINS, address, read
from checks.outputs import exercise_titles

from course_utils.exercises import catalog
from course_utils.session import ROOT

# A heading of a PyTorch lesson that names its tool -> the twin's.
TWIN_TITLES = {
    "## The whole job in fifty lines": "## The whole job in plain Keras",
    "### The same loop in the package": "### The same step by hand",
    "## Augmentation with Pillow alone": "## Augmentation with Keras layers alone",
    "## The Trainer": "## fit and its callbacks",
    "### Fine-tuning by one loop": "### Fine-tuning by compile and fit, in stages",
}


def ids(path):
    return path.stem


@pytest.mark.parametrize("path", PATHS, ids=ids)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_notebook_keeps_its_form(check, path):
    assert check(read(path)) == []


def test_every_lesson_of_the_catalog_has_its_notebook():
    assert [path.stem for path in PATHS] == list(catalog.LESSONS)


def test_stored_progress_lists_the_lessons_of_today():
    (start,) = [path for path in PATHS if path.stem.startswith("00")]
    shown = str([cell.outputs for cell in read(start).code])
    rows = re.findall(r"\| (\d\d_\w+) \| 0 of \d+ \|", shown)
    assert {*rows} == {*catalog.LESSONS}


def test_picture_of_the_readme_is_the_one_stored_in_its_notebook():
    (cell,) = [c for p in PATHS for c in read(p).code if "readme" in c.tags]
    (stored,) = [o["data"]["image/png"] for o in cell.outputs if "data" in o]
    shown = (ROOT / "docs" / "readme.png").read_bytes()
    assert base64.b64decode("".join(stored)) == shown


def test_bootstrap_is_the_same_text_everywhere():
    texts = {read(path).cells[2].source for path in PATHS}
    assert len(texts) == 1
    assert f'REPO, TAG = "{address()}"' in texts.pop()


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
