"""Answers as learners give them, and mutants of the solutions, judged by the checks."""

import importlib
import random
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE / "answers")]

import mutants  # noqa: E402
from answers.table import named  # noqa: E402
from equal_mutants import EQUAL  # noqa: E402
from tests_answers import RIGHT, WRONG  # noqa: E402

from course_utils.exercises import catalog  # noqa: E402
from course_utils.exercises.judge import UNSURE, judge  # noqa: E402

for path in sorted((HERE / "answers").glob("nb*.py")):
    importlib.import_module(path.stem)

IDS = [i for exercises in catalog.LESSONS.values() for i in exercises]
SAMPLE = 3  # mutants of each solution; `make mutants` tries all


@pytest.mark.parametrize("exercise_id", IDS)
def test_right_answers_of_learners_pass(exercise_id):
    assert len(RIGHT[exercise_id]) >= 5
    for answer in RIGHT[exercise_id]:
        result = judge(catalog.find(exercise_id), answer)
        assert result.passed, f"{answer}: {result.message}"


@pytest.mark.parametrize("exercise_id", IDS)
def test_wrong_answers_of_learners_are_refused_and_named(exercise_id):
    exercise = catalog.find(exercise_id)
    assert len(WRONG[exercise_id]) >= 8
    for wrong in WRONG[exercise_id]:
        result = judge(exercise, wrong.answer)
        assert not result.passed, wrong.slip
        if wrong.says:
            certain = result.message.partition(UNSURE)[0]
            assert wrong.says in certain, f"{wrong.slip}: {result.message}"
        else:
            assert not named(exercise, result.message), (
                f"{wrong.slip} is named with certainty: {result.message}"
            )


def test_most_wrong_answers_are_named():
    wrongs = [wrong for answers in WRONG.values() for wrong in answers]
    assert sum(bool(wrong.says) for wrong in wrongs) >= 0.8 * len(wrongs)


@pytest.mark.parametrize("exercise_id", IDS)
def test_mutants_of_the_solution_are_refused(exercise_id):
    def some(found):
        return random.Random(exercise_id).sample(found, min(SAMPLE, len(found)))

    _, passed = mutants.survivors(catalog.find(exercise_id), some)
    assert not passed


def test_mutants_listed_as_equal_exist():
    for exercise_id, reasons in EQUAL.items():
        there = {what for what, _ in mutants.mutants(catalog.find(exercise_id))}
        assert reasons.keys() <= there, exercise_id
        assert all(reasons.values())
