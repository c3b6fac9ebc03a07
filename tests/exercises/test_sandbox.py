"""An answer is run as the lesson would, and does no harm to the notebook."""

import dataclasses
import threading
import time

import numpy as np
import pytest
import torch
from exercises_of_tests import DOUBLE, EITHER, TENSORS, double, triple

from course_utils.exercises import sandbox
from course_utils.exercises.judge import Mistake, judge

HASTY = dataclasses.replace(DOUBLE, seconds=1.0)  # to see an answer stopped


@pytest.mark.parametrize(
    "answer",
    [
        double,
        lambda x: (2 * x).tolist(),
        lambda x: torch.as_tensor(x) * 2,
        lambda x: np.stack([x, x]).sum(axis=0),
    ],
    ids=["operator", "nested list", "tensor out", "numpy"],
)
def test_arrays_reach_an_answer_of_a_numpy_lesson(answer):
    result = judge(DOUBLE, answer)
    assert result.passed, result.message


@pytest.mark.parametrize(
    "answer",
    [
        double,
        lambda x: torch.add(x, x),
        lambda x: x.float().mul(2),
        lambda x: torch.stack([x, x], -1).max(-1)[0] + torch.zeros(1).add(x),
        lambda x: x @ (2 * torch.eye(x.shape[-1])),
        lambda x: (2 * x.numpy()).tolist(),
    ],
    ids=["operator", "function", "method", "idiom", "float32", "numpy out"],
)
def test_tensors_reach_an_answer_of_a_pytorch_lesson(answer):
    for exercise in (TENSORS, EITHER):
        result = judge(exercise, answer)
        assert result.passed, result.message


def test_tensors_take_the_default_precision_of_the_notebook():
    torch.set_default_dtype(torch.float64)
    try:
        assert judge(TENSORS, lambda x: x @ (2 * torch.eye(x.shape[-1]))).passed
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_default_device_of_the_notebook_does_not_reach_the_check(device):
    torch.set_default_device(device)
    try:
        assert judge(TENSORS, lambda x: x @ (2 * torch.eye(x.shape[-1]))).passed
        assert "You tripled" in judge(TENSORS, triple).message
    finally:
        torch.set_default_device(None)


def test_tensors_reach_an_answer_inside_lists_and_dicts():
    total = dataclasses.replace(
        TENSORS,
        solution=lambda pairs: sum(pair["a"].sum() for pair in pairs),
        mistakes=(),
        cases=(([{"a": np.ones(2), "b": np.ones(3)}, {"a": np.ones(1), "b": 3}],),),
    )
    assert judge(total, lambda pairs: torch.cat([p["a"] for p in pairs]).sum()).passed


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt, MemoryError])
def test_answer_cannot_end_the_kernel(stop):
    def answer(x):
        raise stop("now")

    assert stop.__name__ in judge(DOUBLE, answer).message


def test_runaway_answer_is_stopped():
    def forever(x):
        while True:
            try:
                x = x + 0
            except Exception:
                pass

    threads = threading.active_count()
    began = time.monotonic()
    assert "still running" in judge(HASTY, forever).message
    assert time.monotonic() - began < 10
    assert threading.active_count() == threads


def test_clock_of_an_answer_does_not_run_for_the_checks_own_work():
    def slow(x):
        end = time.process_time() + 1.5
        while time.process_time() < end:
            pass
        return 3 * x

    mistakes = (Mistake(slow, "You tripled."),)
    exercise = dataclasses.replace(DOUBLE, mistakes=mistakes, seconds=1.0)
    assert "You tripled." in judge(exercise, triple).message


def test_answer_that_waits_is_stopped_too(monkeypatch):
    monkeypatch.setattr(sandbox, "PATIENCE", 2)

    def waits(x):
        while True:
            time.sleep(0.01)

    assert "still running" in judge(HASTY, waits).message


def test_answer_that_writes_into_its_argument_fails():
    def answer(x):
        x *= 2
        return x

    assert "changes what it is given" in judge(DOUBLE, answer).message


@pytest.mark.parametrize(
    "change",
    [
        lambda data, items: data.pop("a"),
        lambda data, items: data.update(c=1),
        lambda data, items: items.append(1),
        lambda data, items: items.sort(),
        lambda data, items: data["b"].__setitem__(0, 9.0),
    ],
    ids=["pop", "update", "append", "sort", "write"],
)
def test_answer_that_changes_a_dict_or_a_list_of_its_caller_fails(change):
    count = dataclasses.replace(
        DOUBLE,
        solution=lambda data, items: len(data) + len(items),
        mistakes=(),
        cases=(({"a": 1, "b": np.ones(2)}, [3, 2]),),
    )

    def answer(data, items):
        found = len(data) + len(items)
        change(data, items)
        return found

    assert "changes what it is given" in judge(count, answer).message


def test_stub_that_returns_a_placeholder_is_open():
    assert not judge(DOUBLE, lambda x: ...).attempted


@pytest.mark.parametrize("found", [(..., ...), [1, ...], {"loss": ...}])
def test_placeholder_inside_a_result_is_open(found):
    assert not judge(DOUBLE, found).attempted
    assert not judge(DOUBLE, lambda x: found).attempted


def test_check_leaves_the_random_numbers_alone():
    torch.manual_seed(3)
    np.random.seed(3)
    wanted = torch.rand(1).item(), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    judge(DOUBLE, lambda x: torch.rand(5) + np.random.rand(5))
    assert (torch.rand(1).item(), np.random.rand()) == wanted


def test_error_inside_a_probe_is_not_the_learners():
    def probe(answer, x):
        return answer(x)["sum"].sum()

    exercise = dataclasses.replace(
        DOUBLE, solution=lambda x: {"sum": 2 * x}, probe=probe
    )
    message = judge(exercise, lambda x: 2 * x).message
    assert "gives an array of shape (2,); it should give a dict" in message
    assert "Your code stopped" not in message
    assert "KeyError" in judge(exercise, lambda x: {"total": x}).message
    assert "Your code stopped" in judge(exercise, lambda x: x.no).message
