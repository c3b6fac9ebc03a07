"""What an instructor gets of a learner's record: one report, or one reason why not."""

import json
from datetime import datetime

import pytest

from course_tools.progress import Unreadable, report
from course_utils.exercises.catalog import LESSONS


def test_report_of_a_learner_who_has_not_begun_is_all_zero(tmp_path, monkeypatch):
    monkeypatch.delenv("COURSE_PROGRESS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert report()["done"] == 0
    assert list(tmp_path.iterdir()) == []


def test_report_counts_exercises_attempts_and_minutes(tmp_path):
    file = tmp_path / "progress.json"
    when, local = "2026-01-05T10:00:00+00:00", "2026-01-05T10:00:00"
    known = {
        "exercises": {"01.1": {"attempts": 2, "passed": when}},
        "lessons": {"01_attention_math": {"seconds": 390, "last": local}},
    }
    file.write_text(json.dumps(known))
    found = report()
    lessons = found.pop("lessons")
    assert found == {
        "file": str(file),
        "done": 1,
        "exercises": sum(map(len, LESSONS.values())),
        "minutes_spent": 6.5,
        "next": "00.1",
    }
    assert list(lessons) == list(LESSONS)
    lesson = lessons["01_attention_math"]
    exercises, last = lesson.pop("exercises"), lesson.pop("last")
    assert last == datetime.fromisoformat(local).astimezone().isoformat()
    assert lesson == {"minutes_planned": 90, "minutes_spent": 6.5}
    assert list(exercises) == list(LESSONS["01_attention_math"])
    passed = datetime.fromisoformat(exercises["01.1"].pop("passed"))
    assert passed == datetime.fromisoformat(when)
    assert exercises["01.1"] == {"attempts": 2}
    assert exercises["01.2"] == {"attempts": 0, "passed": None}


def test_damaged_file_has_no_report_and_stays_as_it_is(tmp_path):
    file = tmp_path / "progress.json"
    file.write_text('{"exercises": {"01.1": 3}}')
    with pytest.raises(Unreadable, match="damaged"):
        report()
    assert file.read_text() == '{"exercises": {"01.1": 3}}'
    assert list(tmp_path.iterdir()) == [file]
