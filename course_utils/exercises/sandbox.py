"""How an answer is run: on copies, on a clock, and without harm to the notebook.

An answer that stays inside one call of C code (a product of huge matrices) cannot be
stopped: the kernel is busy until it returns, and only *Restart kernel* helps.
"""

import contextlib
import copy
import ctypes
import functools
import inspect
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from course_utils.exercises.compare import changed
from course_utils.exercises.show import lines_of_learner

PATIENCE = 6  # an answer that waits may take so many times its processor seconds


class TimeUp(BaseException):
    """Stops an answer that runs too long; no ``except Exception`` catches it."""


@dataclass(frozen=True)
class Outcome:
    """What an answer did on one case: gave a value, or raised an error."""

    value: Any = None  # what the probe made of it; `...` if it is still open
    error: BaseException | None = None
    returned: Any = ...  # what the function itself gave last, if it gave anything
    in_probe: bool = False  # the error came from the check's own code
    changed_input: bool = False


def run(exercise, answer: Any, kind: str, number: int, clock: Any = None) -> Outcome:
    """Probe an answer on a copy of a case, with the same random numbers each time."""
    case, calls = _in_kind(kind, exercise.cases[number]), []
    arguments = copy.deepcopy(case)
    watched = _watched(answer, calls)
    value = error = None
    try:
        with _same_randomness(), clock or contextlib.nullcontext():
            value = exercise.probe(watched, *arguments)
    except TimeUp:
        raise
    except BaseException as problem:  # a learner's exit() must not end the kernel
        error = problem
    results = [result for call in calls for result in call]
    if any(map(holds_placeholder, [*results, value])):
        return Outcome(...)
    returned = results[-1] if results else ...
    if error is None:
        return Outcome(value, None, returned, changed_input=changed(case, arguments))
    of_learner = not all(calls) or inspect.isgenerator(returned)
    if watched is answer:  # a class or an object, whose calls are not watched
        of_learner = lines_of_learner(error)
    return Outcome(None, error, returned, in_probe=not of_learner)


def _watched(answer: Any, calls: list[list]) -> Any:
    """Wrap a function: each call adds a list with its result, or empty if it failed."""
    if not (inspect.isroutine(answer) or isinstance(answer, functools.partial)):
        return answer

    @functools.wraps(answer)
    def watched(*arguments, **named):
        calls.append(call := [])
        call.append(answer(*arguments, **named))
        return call[0]

    return watched


def holds_placeholder(value: Any) -> bool:
    """Say whether a value is ``...``, or a tuple, list or dict that still holds one."""
    if isinstance(value, dict):
        return any(map(holds_placeholder, value.values()))
    if isinstance(value, tuple) or type(value) is list:
        return any(item is ... for item in value)
    return value is ...


@contextlib.contextmanager
def _same_randomness() -> Iterator[None]:
    """Seed all random numbers, and give the notebook its own back afterwards."""
    torch, tensorflow = sys.modules.get("torch"), sys.modules.get("tensorflow")
    states = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=()) if torch else contextlib.nullcontext():
        try:
            random.seed(0)
            np.random.seed(0)
            if torch:  # its CPU generator only: no GPU is touched
                torch.default_generator.manual_seed(0)
            if tensorflow:
                tensorflow.random.set_seed(0)
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])


def _in_kind(kind: str, argument: Any) -> Any:
    """Turn the arrays inside an argument into tensors of a framework."""
    if isinstance(argument, dict):
        return {key: _in_kind(kind, item) for key, item in argument.items()}
    if type(argument) in (list, tuple):
        return type(argument)(_in_kind(kind, item) for item in argument)
    if not isinstance(argument, np.ndarray) or argument.dtype.kind not in "biuf":
        return argument
    double = argument.dtype == np.float64  # becomes the framework's usual precision
    if kind == "torch":
        import torch

        usual = torch.get_default_dtype() if double else None
        return torch.tensor(argument.copy(), dtype=usual)
    if kind == "tensorflow":
        import tensorflow as tf

        return tf.constant(argument, tf.float32 if double else None)
    return argument


class Clock:
    """Limits the time of an answer alone, not that of the check around it.

    It counts the processor's seconds of the worker thread, where the system can tell
    those of one thread, and else the seconds that pass.
    """

    def __init__(self, seconds: float):
        self._left = np.array([seconds, PATIENCE * seconds])  # to compute, to wait
        self._end: Any = np.inf  # the main thread reads it, so in one piece
        self._thread: int | None = None

    def __enter__(self) -> None:  # in the worker thread
        if hasattr(time, "pthread_getcpuclockid"):
            self._thread = time.pthread_getcpuclockid(threading.get_ident())
        self._end = self._now() + self._left

    def __exit__(self, *error: object) -> None:
        self._left, self._end = self._end - self._now(), np.inf

    def _now(self) -> np.ndarray:
        passed = computed = time.monotonic()
        if self._thread is not None:
            with contextlib.suppress(OSError):  # the thread has just ended
                computed = time.clock_gettime(self._thread)
        return np.array([computed, passed])

    def is_over(self) -> bool:
        end = self._end  # read before the time: the worker may start the clock between
        return bool((self._now() > end).any())


def run_for(seconds: float, work: Callable[[Clock], Any]) -> Any:
    """Return ``work(clock)``, or raise TimeoutError once the clock is over.

    The thread is a daemon: the kernel is free even if the answer cannot be stopped. It
    starts with PyTorch's usual device and gradients on, whatever the notebook has set.
    """
    found, clock = [], Clock(seconds)

    def job() -> None:
        with contextlib.suppress(TimeUp), np.errstate(all="ignore"):
            found.append(work(clock))

    worker = threading.Thread(target=job, daemon=True)
    worker.start()
    try:
        while worker.is_alive() and not clock.is_over():
            worker.join(0.05)
    finally:
        for _ in range(3):  # an answer that swallows every exception gets a few
            if worker.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(worker.ident), ctypes.py_object(TimeUp)
                )
                worker.join(0.2)
    if not found:
        raise TimeoutError
    return found[0]
