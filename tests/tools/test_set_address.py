"""The address of the repository, in every place that names it."""

import os
import re
import shutil
from pathlib import Path

import pytest

from course_tools import set_address

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def course(tmp_path):
    """Return a copy of every file that `make badges` looks at."""
    for path in set_address.files(ROOT):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def strange_addresses(root):
    """Find what names this course, anywhere, otherwise than pyproject.toml does."""
    address = set_address.current(root)
    owner_and_name = r"([\w.-]+/[\w.-]+)"
    patterns = (
        rf"colab\.research\.google\.com/github/{owner_and_name}",
        rf'REPO, TAG = \\?"{owner_and_name}',
        rf"github(?:usercontent)?\.com[/:]([\w.-]+/{address.split('/')[1]})(?![\w-])",
        "(your_org/vit-course)",
    )
    elsewhere = {".git", ".venv", "build", "tests"}
    found = []
    for top in root.iterdir():
        for path in [] if top.name in elsewhere else [top, *top.rglob("*")]:
            if path.suffix in set_address.KINDS and path.is_file():
                text = path.read_text(encoding="utf-8")
                named = {name for p in patterns for name in re.findall(p, text)}
                found += [(path.name, name) for name in named - {address}]
    return found


def test_every_place_names_the_same_address():
    assert strange_addresses(ROOT) == []


@pytest.mark.parametrize("address", ["ada/vit-course", "b-0/Vit.2_x", "a/v"])
def test_address_is_written_everywhere(address, course, capsys):
    old = f"/{set_address.current(course)}".encode()
    before = {path: path.read_bytes() for path in set_address.files(course)}
    assert set_address.main([address], course) == 0
    assert set_address.current(course) == address
    assert strange_addresses(course) == []
    for path, content in before.items():
        now = path.read_bytes().count(f"/{address}".encode())
        assert now >= content.count(old), path
    capsys.readouterr()
    assert set_address.main([address], course) == 0
    assert capsys.readouterr().out == f"badges: every file says {address} already\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("README.md", "See https://github.com/eve/vit-course/issues."),
        ("docs/new.md", "https://colab.research.google.com/github/eve/x/blob/main/a"),
        ("course_utils/hub.py", 'URL = "https://github.com/your_org/vit-course"'),
    ],
)
def test_place_that_names_another_address_is_found(name, line, course):
    assert set_address.main(["ada/vit-course"], course) == 0
    path = course / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
    ((where, _),) = strange_addresses(course)
    assert where == path.name


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("https://github.com/a/b.", "https://github.com/x/y."),
        ("git@github.com:a/b.git", "git@github.com:x/y.git"),
        ("https://colab.research.google.com/github/a/b/blob", None),
        ('REPO, TAG = \\"a/b\\"', 'REPO, TAG = \\"x/y\\"'),
        ("https://github.com/a/b-old", "https://github.com/a/b-old"),
        ("https://github.com/a/b.c", "https://github.com/a/b.c"),
        ("data/a/b and a/b", "data/a/b and a/b"),
    ],
)
def test_only_this_address_changes(text, wanted):
    wanted = wanted or text.replace("a/b/", "x/y/")
    assert set_address.written(text, "a/b", "x/y") == wanted


def test_interrupted_change_is_finished_by_the_next_run(course, monkeypatch):
    replace, calls = os.replace, []

    def fail_late(*names):
        calls.append(names)
        if len(calls) == 3:
            raise KeyboardInterrupt
        replace(*names)

    monkeypatch.setattr(set_address.os, "replace", fail_late)
    with pytest.raises(KeyboardInterrupt):
        set_address.main(["ada/vit-course"], course)
    monkeypatch.undo()
    assert set_address.main(["ada/vit-course"], course) == 0
    assert strange_addresses(course) == []


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ada",
        "your_org/x",
        "https://github.com/a/b",
        "-a/b",
        "a-/b",
        "a--b/c",
        "a" * 40 + "/b",
        "a/" + "b" * 101,
        "a/.",
        "a/..",
        "a/b.git",
        "a/b c",
        "a/b/c",
        "a/b\n",
    ],
)
def test_impossible_address_is_refused(bad, tmp_path, capsys):
    assert set_address.main([bad] if bad else [], tmp_path) == 1
    assert "owner/name" in capsys.readouterr().out
