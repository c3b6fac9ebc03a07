"""Which lessons and exercises there are; read without loading any framework.

The files ``nbNN_….py`` are the only list, because a learner may edit the notebooks.
"""

import contextlib
import importlib
import re
import sys
from pathlib import Path

# The first two lines of every exercise: its id and its title.
_EXERCISE = re.compile(r'^ +id="(\d\d\.\d+)",\n +title="(.+)",$', re.MULTILINE)
# How a notebook's table says its time: | 45 min, and 40 min of exercises | …
TIMES = re.compile(r"\| (\d+) min(?:, and (\d+) min of exercises)? *\|")

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
