"""The verdict on whatever a learner may hand in."""

import dataclasses

import numpy as np
import pytest
import torch
from exercises_of_tests import DOUBLE, EITHER, SEVEN, TENSORS, double, triple

from course_utils.exercises.judge import UNSURE, NotAnAnswer, judge


def test_case_is_shown_from_the_kind_that_the_answer_was_written_for():
    def tensors(x):
        return x.unsqueeze(0).max(0)[0] * 3

    def arrays(x):
        return np.expand_dims(x, 0).max(axis=0).astype(float) * 3

    for answer in (tensors, arrays):
        message = judge(EITHER, answer).message
        assert "You tripled" in message and "Error" not in message, message


def test_solution_that_fails_lets_nothing_pass():
    broken = dataclasses.replace(DOUBLE, solution=lambda x: x.unsqueeze(0))
    assert not judge(broken, lambda x: x.unsqueeze(0)).passed


def test_wrong_answer_names_the_mistake_and_shows_the_smallest_example():
    message = judge(DOUBLE, triple).message
    assert "You tripled." in message
    assert "x = [1., 2.]\nyours:  [3., 6.]\nwanted: [2., 4.]" in message


class Unshowable:
    def __repr__(self):
        raise ValueError("no")


class Unsayable(Exception):
    def __str__(self):
        raise ValueError("no")


def contains_itself(x):
    items = []
    items.append(items)
    return items


def raises_unsayable(x):
    raise Unsayable


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: torch.ones(2).to_sparse(),
        lambda x: torch.ones(2, device="meta"),
        lambda x: Unshowable(),
        contains_itself,
        raises_unsayable,
    ],
)
def test_result_that_cannot_be_read_is_told(answer, capfd):
    assert "cannot read your result" in judge(DOUBLE, answer).message
    assert capfd.readouterr().err == ""


def test_calling_the_function_is_told_apart():
    message = judge(DOUBLE, np.array([2.0, 4.0])).message
    assert "`double`" in message and "without parentheses" in message


def test_forgotten_return_is_told():
    result = judge(DOUBLE, lambda x: None)
    assert result.attempted and "`return` missing" in result.message


@pytest.mark.parametrize("exercise", [TENSORS, EITHER])
def test_error_of_an_answer_written_for_tensors_is_its_own(exercise):
    message = judge(exercise, lambda x: x.unsqueeze(0).view(7)).message
    assert "RuntimeError" in message and "AttributeError" not in message


def test_mistake_that_agrees_on_the_shown_case_only_is_offered_as_a_possibility():
    def triple_or_zero(x):
        return 3 * x if x.ndim == 1 else 0 * x

    message = judge(DOUBLE, triple_or_zero).message
    assert message.index(UNSURE) < message.index("You tripled.")
    assert UNSURE not in judge(DOUBLE, triple).message


def test_probe_can_refuse_an_answer_with_a_reason():
    def probe(answer, x):
        if answer is not double:
            raise NotAnAnswer("Give the class two layers.")
        return answer(x)

    refusing = dataclasses.replace(DOUBLE, mistakes=(), probe=probe)
    assert "two layers" in judge(refusing, triple).message


def test_value_answers():
    assert judge(SEVEN, 7).passed and judge(SEVEN, 7.0).passed
    assert judge(SEVEN, torch.tensor(7)).passed
    assert "One too many" in judge(SEVEN, 8).message
    assert "not it" in judge(SEVEN, 9).message and "7" not in judge(SEVEN, 9).message
    assert "shape (2,)" in judge(SEVEN, [7, 7]).message
    assert not judge(SEVEN, "seven").passed
    message = judge(SEVEN, lambda: 7).message
    assert "wants one number, but you gave a function" in message
    assert "lambda" not in message
