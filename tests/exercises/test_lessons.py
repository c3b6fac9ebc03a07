"""What the lessons say of their time: read, repeated truly, and made a timetable."""

import json
import re

import pytest

from course_tools import timetable
from course_tools.timetable import Lesson, read_lesson
from course_utils.exercises.catalog import LESSONS
from course_utils.session import ROOT


def lesson(tmp_path, *rows, title="# 99 · A lesson"):
    path = tmp_path / "99_lesson.ipynb"
    source = "\n".join([title, "", "| Time | You need |", "|---|---|", *rows])
    path.write_text(json.dumps({"cells": [{}, {"source": source}]}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("time", "minutes"),
    [("45 min, and 40 min of exercises", (45, 40)), ("10 min", (10, 0))],
)
def test_times_and_needs_are_read_from_the_second_cell(tmp_path, time, minutes):
    found = read_lesson(lesson(tmp_path, f"| {time} | NumPy |"))
    assert found == Lesson("99 · A lesson", *minutes, "NumPy")


@pytest.mark.parametrize(
    "broken",
    [
        lambda folder: lesson(folder),
        lambda folder: lesson(folder, "| 45 minutes | NumPy |"),
        lambda folder: lesson(folder, "| 45 min | NumPy |", title="no title"),
    ],
    ids=["no row", "other words", "no title"],
)
def test_lesson_without_its_time_is_told_what_to_write(tmp_path, broken):
    with pytest.raises(ValueError, match=r"99_lesson.*'\| 45 min, and 40 min"):
        read_lesson(broken(tmp_path))


@pytest.mark.parametrize("name", LESSONS)
def test_every_lesson_says_how_long_its_exercises_take(name):
    found = read_lesson(ROOT / "notebooks" / f"{name}.ipynb")
    assert found.exercises or name.startswith("00")


def test_pages_have_the_times_of_the_notebooks():
    for path, text in timetable.pages().items():
        assert text == path.read_text(encoding="utf-8"), (
            "a lesson says another time now: run python -m course_tools.timetable"
        )


def test_ways_lead_through_lessons_in_their_order():
    for numbers in timetable.WAYS.values():
        assert sorted(numbers.split()) == numbers.split()


def test_way_takes_the_time_of_its_lessons(tmp_path):
    found = dict.fromkeys((name[:2] for name in LESSONS), Lesson("", 45, 40, ""))
    table = timetable.ways(found, timetable.README)
    row = r"^\| change a pre-trained ViT, in PyTorch \| (.*) \| 2 h 50 min \|$"
    links = re.search(row, table, flags=re.M)[1]
    assert re.findall(r"\[(\d\d)\]\(notebooks/", links) == ["07", "12"]


def test_plan_sums_reading_and_the_share_of_exercises_it_takes():
    found = timetable.course()
    assert timetable.bugs("08") == ["08.1", "08.2", "08.3"]
    all_of_it, bugs_alone = (timetable.minutes("08", w, found) for w in ("all", "bugs"))
    reading, exercises = found["08"].reading, found["08"].exercises
    assert all_of_it == reading + exercises
    assert bugs_alone == round(reading + 3 / 6 * exercises)
    assert timetable.clock(125) == "2 h 05 min"


@pytest.mark.parametrize("text", ["", "<!-- timetable: x -->\n<!-- /timetable -->\n"])
def test_page_without_its_marks_is_refused(text):
    with pytest.raises(ValueError, match="one pair of marks"):
        timetable.renewed(text, timetable="", plans="")


def test_tables_of_readme_and_start_here_repeat_the_times_of_the_lessons():
    start = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text("utf-8"))
    texts = {
        "README": (ROOT / "README.md").read_text(encoding="utf-8"),
        "00": "\n".join("".join(cell["source"]) for cell in start["cells"]),
    }
    row = r"^\| \[\d\d[^|]*\]\((?:notebooks/)?(\w+)\.ipynb\) \|[^|]*\|[^|]*\| (\d+) min"
    for place, text in texts.items():
        said = dict(re.findall(row, text, flags=re.M))
        assert said.keys() >= LESSONS.keys() - {"00_start_here"}, place
        for name, minutes in said.items():
            found = read_lesson(ROOT / "notebooks" / f"{name}.ipynb")
            assert int(minutes) == found.reading, f"{place}: {name}"
