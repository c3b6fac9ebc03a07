"""When two results are the same, and which simple relations are told."""

import dataclasses

import numpy as np
import pytest
from exercises_of_tests import DOUBLE

from course_utils.exercises.compare import same
from course_utils.exercises.judge import judge


def test_same_compares_deeply():
    assert same({"a": [1, (2.0, [3])]}, {"a": [1, (2.0, [3])]}, 1e-6)
    assert not same({"a": 1}, {"b": 1}, 1e-6)
    assert not same([1, 2], [[1], [2]], 1e-6)
    assert not same("1", 1, 1e-6)
    assert same(np.array([np.nan, -np.inf]), [np.nan, -np.inf], 1e-6)


@pytest.mark.parametrize(
    "answer, words",
    [
        (lambda x: 2.5 * x, "1.25 times"),
        (lambda x: -2 * x, "wrong sign"),
        (lambda x: 2 * x - 3, "too small by 3"),
        (lambda x: 2 * x[..., ::-1], "another order"),
        (lambda x: 2 * x[..., None], "axes of size 1"),
        (lambda x: (2 * x + 0.1) * 2, "The shape is right, the numbers are not"),
    ],
    ids=["factor", "sign", "offset", "permuted", "shape", "none"],
)
def test_simple_relation_is_told(answer, words):
    assert words in judge(DOUBLE, answer).message


def test_transposed_result_is_told():
    matrix = np.arange(6.0).reshape(2, 3)
    for case in (matrix, matrix @ matrix.T + matrix[:, :2]):
        turned = dataclasses.replace(DOUBLE, cases=((case,),))
        assert "transposed" in judge(turned, lambda x: 2 * x.T).message
        mixed = judge(turned, lambda x: 2 * x[:, ::-1]).message
        assert "another order" in mixed and "transposed" not in mixed


@pytest.mark.parametrize("kinds", [("numpy",), ("torch",)])
def test_half_precision_is_called_close(kinds):
    thirds = dataclasses.replace(
        DOUBLE, solution=lambda x: x / 3, mistakes=(), kinds=kinds
    )
    half = {
        "numpy": lambda x: (x / 3).astype("float16"),
        "torch": lambda x: x.half() / 3,
    }
    assert "close, but not equal" in judge(thirds, half[kinds[0]]).message
    # a count that is one off is no matter of rounding
    count = dataclasses.replace(DOUBLE, cases=((np.array([500.0, 200.0]),),))
    assert "too large by 1" in judge(count, lambda x: 2 * x + 1).message
    # nor is a large difference in one case, however large the numbers of another
    cases = ((np.array([0.3, 2.2]),), (np.array([3000.1]),))
    scales = dataclasses.replace(DOUBLE, cases=cases)
    assert "another order" in judge(scales, lambda x: 2 * x[::-1]).message
