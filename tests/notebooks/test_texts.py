"""Texts: what the Markdown files promise; each check is also shown to fail.

The same checks run over the text cells of the notebooks, in test_notebooks.py.
"""

import json
import re
from pathlib import Path

import pytest
from checks.texts import (
    bare_numbers,
    broken_links,
    code_of,
    empty_phrase,
    headings,
    headings_out_of_order,
    links,
    pictures_from_elsewhere,
    pictures_without_words,
    unknown_names,
)

from course_utils.session import ROOT

FOLDERS = [p for p in ROOT.iterdir() if p.is_dir() and p.name[0] not in "._"]
OURS = [folder for folder in FOLDERS if folder.name not in ("build", "node_modules")]
TEXTS = sorted([*ROOT.glob("*.md"), *(p for f in OURS for p in f.rglob("*.md"))])
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SOURCES = [p for f in OURS for kind in ("*.py", "*.sh") for p in f.rglob(kind)]


def name(path):
    return path.relative_to(ROOT).as_posix()


def read(path):
    return path.read_text(encoding="utf-8")


# --- the course -------------------------------------------------------------------


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_links_of_a_text_lead_to_files_and_headings(path):
    assert broken_links(path, read(path)) == []


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_pictures_of_a_text_are_ours_and_have_words(path):
    assert (
        pictures_without_words(read(path)) + pictures_from_elsewhere(read(path)) == []
    )


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_headings_of_a_text_are_in_order(path):
    assert headings_out_of_order(headings(read(path))) == []


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_numbers_of_a_text_say_where_they_are_from(path):
    assert bare_numbers(read(path)) == []


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_commands_and_files_that_a_text_names_exist(path):
    assert [p for code in code_of(read(path)) for p in unknown_names(code)] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_commands_and_files_that_a_notebook_names_exist(path):
    cells = json.loads(read(path))["cells"]
    texts = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
    named = [code for text in texts for code in code_of(text)]
    assert [p for code in named for p in unknown_names(code)] == []


def test_commands_and_files_that_messages_and_docstrings_name_exist():
    found = {}
    for path in SOURCES:
        named = re.findall(r"`([^`\n]+)`", read(path))
        if path.parent.name != "tests":  # tests name what must not exist
            found[name(path)] = [p for code in named for p in unknown_names(code)]
    assert {path: problems for path, problems in found.items() if problems} == {}


# --- the checks can fail ----------------------------------------------------------


@pytest.fixture
def text(tmp_path) -> Path:
    """Return the path of a text with two headings, beside a notebook with one."""
    path = tmp_path / "text.md"
    path.write_text("# A Title: *what* it is\n\n## Same\n\n## Same\n")
    cell = {"cell_type": "markdown", "source": ["# 01 · Small\n", "\n", "A promise."]}
    (tmp_path / "small.ipynb").write_text(json.dumps({"cells": [cell]}))
    return path


@pytest.mark.parametrize(
    ("markdown", "broken"),
    [
        ("[a](text.md)", 0),
        ("[a](none.md)", 1),
        ("[a][b]\n\n[b]: none.md", 1),
        ("![a](none.png)", 1),
        ('<img src="none.png">', 1),
        ("<https://example.org>", 0),
        ("`[a](none.md)`", 0),
        ("```\n[a](none.md)\n```", 0),
        ("[a](#a-title-what-it-is)", 0),
        ("[a](text.md#same-1)", 0),
        ("[a](#same-2)", 1),
        ("[a](#A-Title)", 1),
        ("[a](small.ipynb#01-·-Small)", 0),
        ("[a](small.ipynb#01--small)", 1),
    ],
)
def test_broken_links_are_found(markdown, broken, text):
    assert len(broken_links(text, markdown)) == broken


def test_links_with_parentheses_are_read_whole():
    assert links("[a](https://example.org/x_(y))") == ["https://example.org/x_(y)"]


@pytest.mark.parametrize(
    ("alt", "problem"),
    [
        ("", "fewer"),
        ("image", "fewer"),
        ("digits.png", "file name"),
        ("a picture of ten digits", "begins"),
        ("Figure showing the loss", "begins"),
        ("ten rows of digits", ""),
        ("a picture cut into four patches", ""),
    ],
)
def test_empty_phrases_are_found(alt, problem):
    assert problem in empty_phrase(alt, 3) and bool(problem) == bool(
        empty_phrase(alt, 3)
    )
    for markdown in (f"![{alt}](a.png)", f'<img src="a.png" alt="{alt}">'):
        assert bool(pictures_without_words(markdown)) == bool(problem)


def test_picture_without_any_alt_text_is_found():
    assert pictures_without_words('Text <img src="a.png"> text') != []


@pytest.mark.parametrize("picture", ["![a b c](http://x/a.png)", '<img src="//x/a">'])
def test_picture_from_another_site_is_found(picture):
    assert pictures_from_elsewhere(picture) != []


@pytest.mark.parametrize(
    ("markdown", "problems"),
    [
        ("# A\n\n## B\n\n### C\n\n## D", 0),
        ("# A\n\n### C", 1),
        ("## A", 1),
        ("# A\n\n# B", 1),
        ("A\n=\n\nB\n-\n\n### C", 0),
        ("# A\n\n```\n### no heading\n```", 0),
        ("---\na: b\n---\n\n# A", 0),
    ],
)
def test_headings_out_of_order_are_found(markdown, problems):
    assert len(headings_out_of_order(headings(markdown))) == problems


TABLE = "| {head} | a |\n|---|---|\n| {cell} | b |"


@pytest.mark.parametrize(
    "markdown",
    [
        "It is right on 84.0 % of them.",
        "# Right on 84 %",
        "It is right on 84% of the digits.",
        "It is right on 84 % in profile reduced.",
        "It gains two percentage points.",
        "It gains 2 points.",
        "It takes **22 s**.",
        "In *reduced*, the digits take two minutes.",
        "In *full*, MNIST takes a minute or two.",
        "It needs 1.3 GB in full.",
        "In *full*, MNIST needs 1.3 GB of memory.",
        "The full truth on the digits is 84 %.",
        "Digits, profile reduced, one core.\n\nIt takes 22 s.",
        "In *reduced*, on digits:\n\n- 84 %",
        TABLE.format(head="Accuracy", cell="84 %"),
        "Digits, profile reduced.\n\n" + TABLE.format(head="Seconds", cell="22 s"),
    ],
)
def test_bare_number_is_found(markdown):
    assert bare_numbers(markdown) != []


@pytest.mark.parametrize(
    "markdown",
    [
        "In *reduced* it is right on 84 % of the digits.",
        "`make course` shows 84 % on drawn-pets.",
        "In *full*, MNIST takes 22 s and 1.3 GB of memory on one core.",
        "Digits in profile `reduced` take 3 MB on disk.",
        "The paper has 64.2 % ([table 8](https://arxiv.org/abs/2010.11929)).",
        "A probability of 0.8, nine in ten, `0.5 %`, $10 %$, 4 bytes, two points.",
        "A few seconds; a second step; a moment.",
        TABLE.format(head="Time", cell="45 min"),
        "Digits, in *reduced*.\n\n" + TABLE.format(head="Accuracy", cell="84 %"),
        TABLE.format(head="Seconds", cell="22 s")
        + "\n\nDigits, profile reduced, one core.",
        "| Data | Accuracy in *full* |\n|---|---|\n| MNIST | 84 % |",
    ],
)
def test_marked_number_passes(markdown):
    assert bare_numbers(markdown) == []


@pytest.mark.parametrize(
    ("code", "problems"),
    [
        ("make test", 0),
        ("make tset", 1),
        ("COURSE_PROFILE=full vit-course run 04 --jobs 1", 0),
        ("vit-course rnu", 1),
        ("vit-course run --job 1", 1),
        ("vit-course run --jobs 1 | tool --other", 0),
        ("course_utils/session.py", 0),
        ("course_tools/none.py", 1),
        ("python -m drawing.bundle", 0),
        ("python -m course_tools", 0),
        ("python -m drawing.none", 1),
        ("python data/none.py", 1),
        ("tests/test_<module>.py", 0),
        ("course_utils/plots/nbNN.py", 0),
        ("../data/none.py", 0),
    ],
)
def test_unknown_names_are_found(code, problems):
    assert len(unknown_names(code)) == problems
