"""The command ``vit-course`` itself: its options, ``run`` and ``progress``."""

import json
import subprocess
import sys

import pytest
from command_line import flat, vit_course, write_notebook

import course_utils
from course_tools import board, cli, runner, selection
from course_utils import session
from course_utils.exercises import catalog


def test_run_passes_on_what_was_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(runner, "default_jobs", lambda profile: f"as {profile} allows")
    monkeypatch.setattr(board, "run", lambda *a: asked.append(a) or 0)
    monkeypatch.setattr(selection, "select", lambda names, folder: [names, folder])
    monkeypatch.setattr(selection, "name_copies", lambda paths, folder: paths)
    options = ("--timeout", "9", "--jobs", "3")
    assert vit_course("run", "01", "04", *options).exit_code == 0
    assert asked[-1] == ([["01", "04"], session.ROOT / "notebooks"], "reduced", 9, 3)
    assert vit_course("run", "--profile", "full").exit_code == 0
    assert asked[-1][1:] == ("full", cli.TIMEOUTS["full"], "as full allows")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    vit_course("run")
    assert asked[-1][1] == "full"


def test_run_refuses_what_it_does_not_know(monkeypatch, tmp_path):
    for name in ("00_start", "01_math"):
        write_notebook(tmp_path / "notebooks", name, "1")
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    result = vit_course("run", "07")
    assert result.exit_code == 2
    assert "'07' is no notebook; choose from: 00_start" in flat(result.output)
    result = vit_course("run", "--profile", "big")
    assert result.exit_code == 2 and "reduced or full" in flat(result.output)


def test_without_a_command_there_is_help():
    result = vit_course()
    assert result.exit_code == 0
    assert all(word in result.output for word in ("doctor", "run", "progress"))


def test_version_is_printed():
    assert vit_course("--version").output == f"vit-course {course_utils.__version__}\n"


def test_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "course_tools", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=session.ROOT,
    )
    assert "vit-course" in done.stdout


def test_progress_shows_the_learner_s_record():
    result = vit_course("progress")
    assert result.exit_code == 0
    assert "01_attention_math" in result.output and "Next: " in result.output
    assert "Planned" in result.output and "is an estimate" in result.output


def test_names_of_lessons_are_whole_in_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    names = "".join(
        line.split("│")[1].strip()
        for line in vit_course("progress").output.splitlines()
        if line.startswith("│")
    )
    assert all(lesson in names for lesson in catalog.LESSONS)


def test_progress_as_json_is_one_line_for_an_instructor(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "ada.json"))
    (tmp_path / "ada.json").write_text('{"exercises": {}}')
    (line,) = vit_course("progress", "--json").output.splitlines()
    report = json.loads(line)
    assert report["file"] == str(tmp_path / "ada.json") and report["next"] == "00.1"


@pytest.mark.parametrize(
    ("handed_in", "why"),
    [("damaged", "is damaged"), ("missing", "no progress file"), ("folder", "be read")],
)
def test_record_that_cannot_be_read_is_an_error_and_stays_as_it_is(
    tmp_path, monkeypatch, handed_in, why
):
    (tmp_path / "damaged").write_text("{")
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / handed_in))
    result = vit_course("progress", "--json")
    assert result.exit_code == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert str(tmp_path / handed_in) in line and why in line
    assert {path.name for path in tmp_path.iterdir()} == {"damaged", "folder"}
    assert (tmp_path / "damaged").read_text() == "{"
