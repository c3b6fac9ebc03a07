"""How differences and errors are written for the learner."""

import dataclasses

import numpy as np
import pytest
from exercises_of_tests import DOUBLE

from course_utils.exercises.judge import judge


def test_unknown_mistake_is_told_by_shape_numbers_or_nan():
    assert "array of shape (1,)" in judge(DOUBLE, lambda x: x[:1]).message
    assert "numbers are not" in judge(DOUBLE, lambda x: 2 * x**2 + 0.1).message
    assert "nan" in judge(DOUBLE, lambda x: x * float("nan")).message
    assert "dict" in judge(DOUBLE, lambda x: {}).message
    spell = dataclasses.replace(DOUBLE, solution=lambda x: "attention")
    assert "another one" in judge(spell, lambda x: "Attention").message


def test_of_several_results_the_first_wrong_one_is_named():
    pair = dataclasses.replace(DOUBLE, solution=lambda x: (x, np.outer(x, x)))
    message = judge(pair, lambda x: (x, np.outer(x, x).ravel())).message
    assert "Of your 2 results, number 2: The result should be an array" in message
    message = judge(pair, lambda x: (x + 1 / 3, np.outer(x, x))).message
    assert "Of your 2 results, number 1: The shape is right" in message


def test_error_in_an_answer_is_shown_with_the_learners_lines_only():
    def answer(x):
        return np.concatenate([x, "text"], axis=3)

    message = judge(DOUBLE, answer).message
    shown = message.split("```")[1].splitlines()[1:]
    assert len(shown) == 2
    assert "in answer:" in shown[0] and "np.concatenate" in shown[0]
    assert shown[1].startswith("AxisError") or shown[1].startswith("ValueError")


def test_deep_recursion_is_shown_in_a_few_lines():
    def again(x):
        return again(x)

    message = judge(DOUBLE, again).message
    assert "RecursionError" in message and len(message.splitlines()) < 20


def test_error_text_cannot_break_out_of_its_block():
    def answer(x):
        raise ValueError("see ```code``` and \x1b[31mred\x1b[0m")

    message = judge(DOUBLE, answer).message
    assert "````text" in message and message.rstrip().endswith("````")
    assert "\x1b" not in message and "red" in message


def test_entries_of_a_dict_that_differ_are_named():
    parts = dataclasses.replace(
        DOUBLE, solution=lambda x: {"mean": x, "spread": 2 * x}, mistakes=()
    )
    message = judge(parts, lambda x: {"mean": x, "spread": x}).message
    assert "Not as it should be: spread." in message and "mean: [1., 2.]" in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("layers.3.fc2.bias", "right up to `layers.3.fc`, and not after it"),
        ("layers.3.fc1", "right up to `layers.3.fc1`, and not after it"),
        ("vit", "but another one"),
    ],
)
def test_where_two_texts_part_is_told(text, words):
    naming = dataclasses.replace(
        DOUBLE, solution=lambda x: "layers.3.fc1.bias", mistakes=()
    )
    assert words in judge(naming, lambda x: text).message
