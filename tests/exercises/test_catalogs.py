"""The exercises of all lessons: each solution passes, and each mistake is named."""

import inspect
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from course_utils import exercises
from course_utils.exercises import catalog, check, hint, solution

IDS = [i for titles in catalog.LESSONS.values() for i in titles]


@pytest.mark.parametrize("lesson", catalog.LESSONS)
def test_catalog_lists_exactly_the_exercises_of_each_lesson(lesson):
    module = __import__(f"course_utils.exercises.nb{lesson}", fromlist=["EXERCISES"])
    listed = list(catalog.LESSONS[lesson].items())
    assert listed == [(e.id, e.title) for e in module.EXERCISES], (
        "an Exercise begins with two lines, id=... and title=..., one string each"
    )


def test_no_function_of_the_package_hides_one_of_its_modules():
    folder = Path(exercises.__file__).parent
    names = {path.stem for path in folder.glob("*.py")} & vars(exercises).keys()
    assert "catalog" in names
    assert all(isinstance(vars(exercises)[name], ModuleType) for name in names)


@pytest.mark.parametrize("exercise_id", IDS)
def test_solution_passes(exercise_id):
    result = check(exercise_id, catalog.find(exercise_id).solution)
    assert result.passed, result.message


@pytest.mark.parametrize("exercise_id", IDS)
def test_right_answers_in_another_style_pass(exercise_id):
    for answer in catalog.find(exercise_id).alternatives:
        result = check(exercise_id, answer)
        assert result.passed, result.message


@pytest.mark.parametrize("exercise_id", IDS)
def test_every_wrong_answer_fails_and_is_told_why(exercise_id):
    """By its own message and an example, and never by the solution.

    One test, since the verdicts take long and two processes would find them twice.
    """
    exercise = catalog.find(exercise_id)
    assert len(exercise.mistakes) >= 2
    said = []
    for mistake in exercise.mistakes:
        result = check(exercise_id, mistake.answer)
        said.append(result.message)
        assert not result.passed
        assert mistake.message in result.message
        if exercise.cases:
            shown = "wanted: ", "Your code stopped"
            assert any(words in result.message for words in shown)
    said += [check(exercise_id, odd).message for odd in (object(), lambda *a: 0.123)]
    assert not [line for line in secrets(exercise) if line in " ".join(said)]


def secrets(exercise):
    """Return what no message may hold: the longer lines of the solution, or all."""
    if not exercise.cases:
        return [f"`{exercise.solution}`"]
    lines = inspect.getsource(exercise.solution).splitlines()[1:]
    return [line.strip() for line in lines if len(line.strip()) >= 20]


@pytest.mark.parametrize("exercise_id", IDS)
def test_placeholder_is_open_not_wrong(exercise_id):
    result = check(exercise_id, ...)
    assert not result.passed and not result.attempted and "open" in result.message


@pytest.mark.parametrize("exercise_id", IDS)
def test_hints_come_in_steps_and_the_solution_can_be_opened(exercise_id):
    exercise = catalog.find(exercise_id)
    assert len(exercise.hints) >= 2
    for text in (*exercise.hints, exercise.hints[-1]):
        assert text in hint(exercise_id)
    assert "```python" in solution(exercise_id)


def test_there_are_enough_exercises_and_bugs_to_spot():
    assert len(IDS) >= 18
    counts = {lesson: len(ids) for lesson, ids in catalog.LESSONS.items()}
    assert counts.pop("00_start_here") >= 1 and min(counts.values()) >= 4
    titles = [t for found in catalog.LESSONS.values() for t in found.values()]
    assert sum(t.lower().startswith("spot the bug") for t in titles) >= 2


def test_cases_lie_on_the_cpu_whatever_the_notebook_has_set(monkeypatch):
    name = "course_utils.exercises.nb02_transformer_block"
    monkeypatch.delitem(sys.modules, name, raising=False)
    torch.set_default_device("meta")
    try:
        exercise = catalog.find("02.2")
    finally:
        torch.set_default_device(None)
    assert exercise.cases[0][0].device.type == "cpu"


def test_unknown_exercise_lists_those_there_are():
    with pytest.raises(ValueError, match=r"no exercise '01.99'.*01.1"):
        check("01.99", 1)
    with pytest.raises(ValueError, match=r"0\.1; write its number as text") as error:
        check(0.1, 16)
    assert len(str(error.value)) < 80
