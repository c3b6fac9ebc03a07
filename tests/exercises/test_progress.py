"""The learner's record: exercises done, time spent, and a file in any state."""

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from course_utils.exercises import (
    catalog,
    check,
    hint,
    progress,
    progress_file,
    solution,
)

IDS = [i for exercises in catalog.LESSONS.values() for i in exercises]


@pytest.fixture(autouse=True)
def own_progress_file(tmp_path, monkeypatch):
    empty = {"exercises": {}, "lessons": {}}
    monkeypatch.setattr(progress_file, "_unsaved", empty)
    return tmp_path / "progress.json"


def test_progress_records_attempts_and_stays_passed(own_progress_file):
    right, wrong = catalog.find("01.1").solution, catalog.find("01.1").mistakes[0]

    def entry():
        return json.loads(own_progress_file.read_text())["exercises"]["01.1"]

    check("01.1", wrong.answer)
    check("01.1", ...)
    assert entry() == {"attempts": 1, "passed": None}
    check("01.1", right)
    passed = entry()
    assert passed["attempts"] == 2 and passed["passed"]
    check("01.1", wrong.answer)
    check("01.1", right)
    hint("01.1")
    assert entry() == passed
    assert progress().done["01_attention_math"] == ["01.1"]


def test_progress_shows_a_table_and_the_next_step():
    assert "00.1, Count the patches" in progress().next_step
    assert "| 01_attention_math | 0 of" in progress()._repr_markdown_()
    assert "01_attention_math" in repr(progress())
    for exercise_id in IDS:
        assert exercise_id in progress().next_step
        progress_file.record(exercise_id, passed=True)
    assert progress().next_step == "Every exercise is done."


damaged = pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "\x00",
        '{"exercises": {"01.1": 3}}',
        '{"exercises": {"01.1": {"attempts": 1, "passed": "yes"}}}',
        '{"exercises": {}, "lessons": {"01_attention_math": {"seconds": "x"}}}',
        '{"exercises": {}, "lessons": []}',
    ],
)


@damaged
def test_damaged_progress_file_is_set_aside_and_told(own_progress_file, capsys, text):
    own_progress_file.write_text(text)
    result = check("01.1", catalog.find("01.1").solution)
    assert "is damaged, so your record starts anew" in capsys.readouterr().err
    assert result.passed and progress().done["01_attention_math"] == ["01.1"]
    assert own_progress_file.with_suffix(".damaged.json").read_text() == text


@damaged
def test_damaged_progress_file_stays_when_it_is_only_read(
    own_progress_file, capsys, text
):
    own_progress_file.write_text(text)
    assert progress().done["01_attention_math"] == []
    assert "is damaged, so your record starts anew" in capsys.readouterr().err
    assert own_progress_file.read_text() == text
    assert list(own_progress_file.parent.iterdir()) == [own_progress_file]


def test_progress_that_cannot_be_written_lasts_for_the_session(
    tmp_path, monkeypatch, capsys
):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "file" / "progress.json"))
    check("01.1", catalog.find("01.1").solution)
    check("01.1", catalog.find("01.1").solution)
    unread, unwritten = capsys.readouterr().err.splitlines()  # each once, and bare
    assert unread.startswith("The progress file ") and "cannot be read" in unread
    assert unwritten.startswith("The progress file ")
    assert "Set COURSE_PROGRESS to a file you may write" in unwritten
    assert progress().done["01_attention_math"] == ["01.1"]


def test_write_protected_progress_file_is_left_as_it_is(
    own_progress_file, monkeypatch, capsys
):
    own_progress_file.write_text('{"exercises": {}}')
    usual = Path.open

    def refuse(path, mode="r", *more, **named):
        if path == own_progress_file and mode != "r":  # root may write everything
            raise PermissionError(13, "Permission denied")
        return usual(path, mode, *more, **named)

    monkeypatch.setattr(Path, "open", refuse)
    check("01.1", catalog.find("01.1").solution)
    assert "cannot be written (Permission denied)" in capsys.readouterr().err
    assert own_progress_file.read_text() == '{"exercises": {}}'
    assert progress().done["01_attention_math"] == ["01.1"]


def test_home_in_the_path_of_the_progress_file_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("COURSE_PROGRESS", "~/mine.json")
    check("01.1", catalog.find("01.1").solution)
    assert (tmp_path / "mine.json").is_file()


def test_interrupted_write_keeps_the_old_progress(
    own_progress_file, monkeypatch, capsys
):
    check("01.1", catalog.find("01.1").solution)
    before = own_progress_file.read_text()

    def fail(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", fail)
    check("01.1", catalog.find("01.1").mistakes[0].answer)
    assert "No space left" in capsys.readouterr().err
    assert own_progress_file.read_text() == before
    left = {path.name for path in own_progress_file.parent.iterdir()}
    assert left == {"progress.json", "progress.json.lock"}


def test_notebooks_side_by_side_lose_no_entry(own_progress_file):
    own_progress_file.write_text('{"exercises": {}}')
    code = """
import sys
from course_utils.exercises.progress_file import record

input()
for _ in range(60):
    record(sys.argv[1], False)
"""
    kernels = [
        subprocess.Popen([sys.executable, "-c", code, name], stdin=subprocess.PIPE)
        for name in ("01.1", "01.2")
    ]
    for kernel in kernels:
        kernel.stdin.write(b"\n")
        kernel.stdin.close()
    assert [kernel.wait(timeout=60) for kernel in kernels] == [0, 0]
    entries = json.loads(own_progress_file.read_text())["exercises"]
    assert [entries[name]["attempts"] for name in ("01.1", "01.2")] == [60, 60]


HOLD = """
import sys
from filelock import FileLock

with FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def held(own_progress_file):
    """Let another program hold the lock of the progress file until it is told."""
    program = subprocess.Popen(
        [sys.executable, "-c", HOLD, f"{own_progress_file}.lock"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert program.stdout.readline() == b"held\n"
    yield program
    let_go(program)


def let_go(program):
    program.stdin.close()
    program.wait()


def test_without_its_lock_nothing_is_written_and_nothing_is_lost(
    own_progress_file, held, monkeypatch, capsys
):
    monkeypatch.setattr(progress_file, "_PATIENCE", 0.2)
    before = '{"exercises": {"01.3": {"attempts": 4, "passed": null}}}'
    own_progress_file.write_text(before)
    check("01.1", catalog.find("01.1").solution)
    hint("02.1")
    assert own_progress_file.read_text() == before
    (said,) = capsys.readouterr().err.splitlines()
    assert "held by another program for 0.2 seconds" in said
    assert "the next check writes it" in said
    assert progress().done["01_attention_math"] == ["01.1"]
    # What the other program writes in the end must not be undone later.
    entry = {"attempts": 5, "passed": "2026-01-05T10:00:00"}
    own_progress_file.write_text(json.dumps({"exercises": {"01.3": entry}}))
    let_go(held)
    check("01.2", catalog.find("01.2").solution)
    entries = json.loads(own_progress_file.read_text())["exercises"]
    assert entries["01.3"] == entry
    assert entries["01.1"]["passed"] and entries["01.2"]["passed"]


def test_damaged_file_stays_while_another_program_holds_the_lock(
    own_progress_file, held, monkeypatch
):
    monkeypatch.setattr(progress_file, "_PATIENCE", 0.2)
    own_progress_file.write_text("{")  # perhaps half of what is being written
    check("01.1", catalog.find("01.1").solution)
    assert own_progress_file.read_text() == "{"
    assert not own_progress_file.with_suffix(".damaged.json").exists()


class Clock:
    """The two clocks of the machine, moved by hand."""

    def __init__(self):
        self.monotonic = 100.0
        self.wall = datetime(2026, 3, 2, 9, 0).astimezone()

    def passes(self, minutes):
        self.monotonic += 60 * minutes
        self.wall += timedelta(minutes=minutes)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress_file.time, "monotonic", lambda: clock.monotonic)

    class Now(datetime):
        @classmethod
        def now(cls):
            return clock.wall

    monkeypatch.setattr(progress_file, "datetime", Now)
    monkeypatch.setattr(progress_file, "_moment", clock.monotonic)
    return clock


def spent(lesson):
    (name,) = (name for name in catalog.LESSONS if name.startswith(lesson))
    return progress().spent[name]


def test_time_from_import_to_each_call_is_added_to_the_lesson(clock):
    clock.passes(20)
    check("01.1", 8)
    clock.passes(5)
    hint("01.2")
    clock.passes(3)
    solution("02.1")
    clock.passes(50)
    check("02.1", ...)  # an open stub is no work on it
    assert [spent("01"), spent("02"), spent("03")] == [25, 3, 0]
    assert "25 min" in repr(progress()) and "| 90 min | 25 min |" in (
        progress()._repr_markdown_()
    )


def test_pause_counts_as_an_hour_at_most(clock):
    check("01.1", 8)
    clock.passes(24 * 60)
    check("01.1", 8)
    assert spent("01") == 60


def test_time_in_two_notebooks_at_once_counts_once(clock, monkeypatch):
    clock.passes(30)
    check("01.1", 8)
    monkeypatch.setattr(progress_file, "_moment", 100.0)  # the other kernel
    clock.passes(10)
    check("02.1", 8)
    assert [spent("01"), spent("02")] == [30, 10]


@pytest.mark.parametrize("jump", [timedelta(days=-400), timedelta(days=400)])
def test_clock_that_jumps_adds_no_time_and_takes_none(clock, jump):
    check("01.1", 8)
    clock.wall += jump
    clock.passes(10)
    check("01.1", 8)
    assert spent("01") == 10


def test_file_of_an_older_version_is_read(own_progress_file, clock):
    entry = {"attempts": 2, "passed": "2026-01-05T10:00:00"}
    own_progress_file.write_text(json.dumps({"exercises": {"01.1": entry}}))
    assert progress().done["01_attention_math"] == ["01.1"]
    clock.passes(4)
    check("01.2", 8)
    assert progress().done["01_attention_math"] == ["01.1"] and spent("01") == 4


def test_record_of_an_exercise_moves_once_with_its_number(
    own_progress_file, monkeypatch
):
    moves = {"01.1": "02.1", "02.1": None, "old_lesson": "02_transformer_block"}
    monkeypatch.setattr(progress_file, "MOVED", ({"01.1": "01.4"}, moves))
    entry = {"attempts": 2, "passed": "2026-01-05T10:00:00"}
    others = {"01.1": entry, "02.1": entry | {"attempts": 7}, "01.2": entry}
    time = {"seconds": 60, "last": "2026-01-05T10:00:00"}
    old = {"exercises": others, "lessons": {"old_lesson": time}, "renumbered": 1}
    own_progress_file.write_text(json.dumps(old))
    seen = progress()
    assert seen.done["01_attention_math"] == ["01.2"]
    assert seen.done["02_transformer_block"] == ["02.1"]
    assert seen.spent["02_transformer_block"] == 1
    check("01.3", catalog.find("01.3").solution)  # writes the file
    check("01.1", catalog.find("01.1").solution)
    assert progress().done["01_attention_math"] == ["01.1", "01.2", "01.3"]
    assert progress().done["02_transformer_block"] == ["02.1"]


def test_numbers_that_moved_lead_to_exercises_and_lessons_of_today():
    known = {*IDS, *catalog.LESSONS}
    moves = progress_file.MOVED
    for step, moved in enumerate(moves):
        assert len({*moved.values()} - {None}) == sum(map(bool, moved.values()))
        for new in filter(None, moved.values()):
            for later in moves[step + 1 :]:
                new = new and later.get(new, new)
            assert new is None or new in known, new


def test_notebook_that_cannot_be_read_has_no_planned_time(monkeypatch, tmp_path):
    monkeypatch.setattr(progress_file, "ROOT", tmp_path)
    assert set(progress().planned.values()) == {None}
    assert "00.1, Count the patches" in repr(progress())
