"""Exercises: ``check`` an answer, get a ``hint``, a ``solution``, your ``progress``."""

from typing import Any

from course_utils.exercises import catalog, judge
from course_utils.exercises.judge import Result
from course_utils.exercises.progress_file import progress, record

__all__ = ["check", "hint", "progress", "solution"]

_hints_given: dict[str, int] = {}


class Note(str):
    """Markdown that a notebook renders."""

    __repr__ = _repr_markdown_ = str.__str__


def check(exercise_id: str, answer: Any) -> Result:
    """Judge an answer to an exercise and note it in the learner's progress.

    ``answer`` is what the exercise asks for: a function, class, array, tensor, nested
    list or number. It is stopped if it does not come to an end. The result has
    ``passed`` and ``message``, which shows an error inside the answer, too.
    """
    result = judge.judge(catalog.find(exercise_id), answer)
    if result.attempted:
        record(exercise_id, result.passed)
    return result


def hint(exercise_id: str) -> Note:
    """Give the next hint for an exercise, from a nudge to nearly the answer."""
    hints = catalog.find(exercise_id).hints
    record(exercise_id)
    given = min(_hints_given.get(exercise_id, 0) + 1, len(hints))
    _hints_given[exercise_id] = given
    last = given == len(hints)
    more = "That was the last one." if last else "Run it again for the next one."
    return Note(f"**Hint {given} of {len(hints)}.** {hints[given - 1]} *{more}*")


def solution(exercise_id: str) -> Note:
    """Show the solution of an exercise, with the reason why it is right."""
    exercise = catalog.find(exercise_id)
    record(exercise_id)
    return Note(
        f"**{exercise_id} · {exercise.title}**\n\n"
        f"```python\n{exercise.source}\n```\n\n{exercise.because}"
    )
