"""`make notebooks`: what is stored, and when nothing is."""

import importlib
import subprocess

import pytest

from course_tools.tidy_notebooks import tidy, to_json


@pytest.fixture
def store_outputs(monkeypatch, tmp_path):
    """Return the tool, with a course of its own that has just been run."""
    tool = importlib.reload(importlib.import_module("course_tools.store_outputs"))
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    for folder in ("notebooks", "build/reduced", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    tool.environment = {}

    def run(command, cwd, env):
        tool.environment.update(env)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(tool.subprocess, "run", run)
    return tool


def store(tool, *tags, pictures=1):
    """Store a notebook with a cell for each of the tags; return (exit code, path)."""
    path = tool.ROOT / "notebooks" / "00_a.ipynb"
    data = {"image/png": "AAAA"}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    for target, shown in (
        (path, []),
        (tool.ROOT / "build" / "reduced" / path.name, [output] * pictures),
    ):
        cells = [
            {
                "cell_type": "code",
                "source": "1",
                "outputs": shown,
                "execution_count": 1 if shown else None,
                "metadata": {"tags": [tag]},
            }
            for tag in tags
        ]
        target.write_text(to_json(tidy({"cells": cells})), encoding="utf-8")
    return tool.main(), path


def test_outputs_and_picture_are_stored(store_outputs, monkeypatch):
    monkeypatch.setenv("COURSE_ROWS", "7")
    monkeypatch.setenv("COURSE_HUB", "nowhere")
    status, path = store(store_outputs, "other", "readme")
    assert status == 0
    assert "AAAA" in path.read_text(encoding="utf-8")
    assert (store_outputs.ROOT / "docs" / "readme.png").read_bytes() == bytes(3)
    assert store_outputs.environment["COURSE_PROFILE"] == "reduced"
    assert not {"COURSE_ROWS", "COURSE_HUB"} & store_outputs.environment.keys()


@pytest.mark.parametrize(
    ("tags", "pictures", "words"),
    [
        (["other"], 1, "one cell must be tagged readme, and 0 are"),
        (["readme", "readme"], 1, "one cell must be tagged readme, and 2 are"),
        (["readme"], 2, "must show one picture, and shows 2"),
    ],
)
def test_nothing_is_stored_without_one_picture_for_the_readme(
    tags, pictures, words, store_outputs, capsys
):
    status, path = store(store_outputs, *tags, pictures=pictures)
    assert status == 1
    assert words in capsys.readouterr().out
    assert "AAAA" not in path.read_text(encoding="utf-8")
    assert not (store_outputs.ROOT / "docs" / "readme.png").exists()


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("stderr", ["INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"], 0),
        ("stderr", ["INFO: it begins\n", "a warning\n"], 1),
        ("stdout", ["INFO: a lesson prints this\n"], 1),
    ],
)
def test_what_tensorflow_lite_says_at_its_start_is_not_stored(
    store_outputs, name, text, kept
):
    output = {"output_type": "stream", "name": name, "text": text}
    cell = {"cell_type": "code", "outputs": [], "execution_count": None}
    ran = {**cell, "outputs": [output], "execution_count": 1}
    store_outputs.take_outputs({"cells": [cell]}, {"cells": [ran]})
    assert len(cell["outputs"]) == kept
