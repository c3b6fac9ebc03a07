"""Which lessons and exercises there are; read without loading any framework.

The files ``nbNN_….py`` beside this one are the only list: a lesson is there when its
file is, and an exercise when its id and title stand in it. The headings of a notebook
would say the same, but a learner may edit them. How long a lesson takes, and what a
reader needs for it, stands in the notebook alone.
"""

import contextlib
import importlib
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

# The first two lines of every exercise: its id and its title.
_EXERCISE = re.compile(r'^ +id="(\d\d\.\d+)",\n +title="(.+)",$', re.MULTILINE)
# The row of the table: | 45 min, and 40 min of exercises | what a reader needs | …
_ROW = re.compile(
    r"^\| (\d+) min(?:, and (\d+) min of exercises)? *\| *([^|]*?) *\|", re.M
)

# lesson (its notebook's name) -> exercise id -> title
LESSONS: dict[str, dict[str, str]] = {
    path.stem.removeprefix("nb"): dict(_EXERCISE.findall(path.read_text("utf-8")))
    for path in sorted(Path(__file__).parent.glob("nb*.py"))
}


def lesson_of(exercise_id: str) -> str:
    """Return the lesson (its notebook's name) of an exercise, or raise ValueError."""
    for lesson, titles in LESSONS.items():
        if exercise_id in titles:
            return lesson
    number = str(exercise_id)[:2]
    near = [i for titles in LESSONS.values() for i in titles if i[:2] == number]
    wanted = f"one of {', '.join(near)}" if near else 'like "01.2"'
    raise ValueError(
        f"there is no exercise {exercise_id!r}; write its number as text, {wanted}"
    )


def find(exercise_id: str):
    """Load an ``Exercise`` from the module of its lesson, or raise ValueError."""
    lesson = lesson_of(exercise_id)
    torch = sys.modules.get("torch")
    # Cases are made on the CPU, whatever torch.set_default_device says in the notebook.
    with torch.device("cpu") if torch else contextlib.nullcontext():
        module = importlib.import_module(f"course_utils.exercises.nb{lesson}")
    return next(e for e in module.EXERCISES if e.id == exercise_id)


@dataclass(frozen=True)
class Lesson:
    """A lesson's title, its time in minutes, and what a reader needs for it."""

    title: str
    reading: int
    exercises: int
    needs: str


def read_lesson(path: Path) -> Lesson:
    """Read the second cell of a notebook: ValueError if it says no title or time."""
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))["cells"][1]
        text = "".join(cell["source"])
        title = re.search("^# (.*)", text, re.M)[1]
        reading, exercises, needs = _ROW.search(text).groups(default=0)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name}: its second cell needs a title and a row that begins with "
            "'| 45 min, and 40 min of exercises | what a reader needs |'"
        ) from error
    return Lesson(title, int(reading), int(exercises), needs)
