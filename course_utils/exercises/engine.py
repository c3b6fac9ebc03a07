"""How an answer is judged: run it on cases, compare, and name the likely mistake.

An exercise is data: a solution, the cases to try (smallest first) and a catalog of
mistakes, each a wrong answer written out with the message for whoever gives it. A
learner's answer runs on the cases. Where it first differs from the solution, the check
looks for the cataloged mistake that gives the same result, says its message, and shows
that case: what came in, what came out, what was wanted.
"""

import contextlib
import copy
import ctypes
import inspect
import random
import sys
import sysconfig
import textwrap
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


class NotAnAnswer(Exception):
    """Raised by a probe to tell the learner why an answer cannot even be tried."""


class _TimeUp(BaseException):
    """Stops an answer that runs too long; no ``except Exception`` catches it."""


def call(answer: Callable, *arguments: Any) -> Any:
    """Run a function on a case: the usual probe."""
    return answer(*arguments)


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and what the check says to it."""

    answer: Any
    message: str


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Parameters
    ----------
    id : str
        Like ``"01.2"``; its title stands in the catalog.
    solution : function, class or value
        What ``solution()`` shows (its source) and what answers are compared with. It
        must be readable alone and named as in the stub.
    cases : tuple of tuples
        The arguments of each trial, the smallest first. Empty if the answer is a value.
    mistakes : tuple of Mistake
        The catalog of wrong answers.
    hints : tuple of str
        Markdown, from a nudge to nearly the answer.
    because : str
        One or two sentences shown after a right answer: why it is right.
    probe : function
        ``probe(answer, *case)`` gives what is compared; by default it calls the answer.
        Raises ``NotAnAnswer`` with a message if the answer cannot be tried.
    alternatives : tuple
        Right answers in another style, which the tests run.
    tolerance : float
        Largest difference, absolute or relative, that counts as equal.
    seconds : float
        How long one check may take.
    """

    id: str
    solution: Any
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    because: str
    cases: tuple[tuple, ...] = ()
    probe: Callable = call
    alternatives: tuple = ()
    tolerance: float = 1e-5
    seconds: float = 5.0

    @property
    def source(self) -> str:
        """The solution as code: what ``solution()`` shows, and copies for a class."""
        if self.cases:
            return textwrap.dedent(inspect.getsource(self.solution)).strip()
        return repr(self.solution)


@dataclass(frozen=True)
class Result:
    """What a check found: ``passed``, and a ``message`` in Markdown."""

    passed: bool
    message: str
    attempted: bool = True

    def __repr__(self) -> str:
        return self.message

    def _repr_markdown_(self) -> str:
        return self.message


@dataclass(frozen=True)
class _Outcome:
    """What an answer did on one case: returned a value, or raised an error."""

    value: Any = None
    error: BaseException | None = None
    changed_input: bool = False


def judge(exercise: Exercise, answer: Any) -> Result:
    """Judge an answer; whatever the answer does, this returns and raises nothing."""
    if _is_placeholder(answer):
        return _open(exercise)
    verdict: list[Result] = []
    worker = threading.Thread(
        target=_judge_into, args=(verdict, exercise, answer), daemon=True
    )
    with _own_randomness():
        for case in exercise.cases[:1]:
            _try(exercise, exercise.solution, case)  # first imports, off the clock
        worker.start()
        try:
            worker.join(exercise.seconds)
        finally:
            _stop(worker)
    if verdict:
        return verdict[0]
    return _wrong(
        exercise,
        f"Your answer was still running after {exercise.seconds:g} seconds, so the "
        "check stopped it. Look for a loop that never ends.",
    )


def _judge_into(verdict: list[Result], exercise: Exercise, answer: Any) -> None:
    """Judge in the worker thread; a stopped one leaves ``verdict`` empty."""
    judge_kind = _judge_cases if exercise.cases else _judge_value
    try:
        with np.errstate(all="ignore"):
            verdict.append(judge_kind(exercise, answer))
    except NotAnAnswer as problem:
        verdict.append(_wrong(exercise, str(problem)))
    except _TimeUp:
        pass
    except BaseException as problem:  # a result that fails when it is compared or shown
        verdict.append(
            _wrong(
                exercise,
                f"The check cannot read your result ({type(problem).__name__}). "
                "Give plain numbers, arrays or tensors.",
            )
        )


def _judge_value(exercise: Exercise, answer: Any) -> Result:
    if same(answer, exercise.solution, exercise.tolerance):
        return _right(exercise)
    for mistake in exercise.mistakes:
        if same(answer, mistake.answer, exercise.tolerance):
            return _wrong(exercise, mistake.message)
    wanted, given = plain(exercise.solution), plain(answer)
    if isinstance(answer, str) and _kind(wanted) == "one number":
        return _wrong(exercise, "That is text. Give a number, without quotes.")
    if _kind(given) != _kind(wanted):
        return _wrong(
            exercise,
            f"The check wants {_kind(wanted)}, but you gave {_kind(given)}.",
        )
    return _wrong(exercise, f"You gave `{_show(answer)}`, and that is not it.")


def _judge_cases(exercise: Exercise, answer: Any) -> Result:
    if not callable(answer):
        name = getattr(exercise.solution, "__name__", "answer")
        raise NotAnAnswer(
            f"The check wants the function or class itself, `{name}`, not a result of "
            f"it: pass its name without parentheses. You gave {_kind(plain(answer))}."
        )
    for case in exercise.cases:
        ours = _try(exercise, exercise.solution, case)
        theirs = _try(exercise, answer, case)
        if theirs.value is ...:
            return _open(exercise)
        if theirs.error is None and theirs.value is None:
            return _wrong(
                exercise,
                "Your function returns nothing (`None`). Is the `return` missing?",
            )
        if theirs.changed_input:
            return _wrong(
                exercise,
                "Your function changes the array it is given, and the caller's data "
                "with it. Compute a new array instead of writing into the argument.",
            )
        if not _agree(ours, theirs, exercise.tolerance):
            return _explain(exercise, answer, case, ours, theirs)
    return _right(exercise)


def _explain(exercise, answer, case, ours: _Outcome, theirs: _Outcome) -> Result:
    """Say which mistake it is, as far as the catalog knows, and show the case."""
    message = _named_mistake(exercise, answer, case, theirs)
    if theirs.error is not None:
        shown = f"Your code stopped with an error:\n\n{_trimmed(theirs.error)}"
        return _wrong(exercise, f"{message}\n\n{shown}" if message else shown)
    message = message or _difference(plain(ours.value), plain(theirs.value))
    return _wrong(exercise, f"{message}\n\n{_example(exercise, case, ours, theirs)}")


def _named_mistake(exercise, answer, case, theirs: _Outcome) -> str | None:
    """Message of the mistake that does what the answer does, on this case and most."""
    best, score = None, 0
    for mistake in exercise.mistakes:
        if not _agree(_try(exercise, mistake.answer, case), theirs, exercise.tolerance):
            continue
        agreed = sum(
            _agree(
                _try(exercise, mistake.answer, other),
                _try(exercise, answer, other),
                exercise.tolerance,
            )
            for other in exercise.cases
        )
        if agreed > score:
            best, score = mistake.message, agreed
    return best


def _try(exercise: Exercise, answer: Any, case: tuple) -> _Outcome:
    """Run an answer on a copy of a case, with tensors if it cannot take arrays."""
    outcome = _run(exercise, answer, case)
    if "torch" in sys.modules and isinstance(outcome.error, TypeError | AttributeError):
        tensors = tuple(_to_tensor(argument) for argument in case)
        if any(new is not old for new, old in zip(tensors, case, strict=True)):
            second = _run(exercise, answer, tensors)
            if not isinstance(second.error, TypeError | AttributeError):
                return second
    return outcome


def _run(exercise: Exercise, answer: Any, case: tuple) -> _Outcome:
    _seed(0)
    arguments = copy.deepcopy(case)
    try:
        value = exercise.probe(answer, *arguments)
    except (NotAnAnswer, _TimeUp):
        raise
    except BaseException as error:  # a learner's exit() must not end the kernel
        return _Outcome(error=error)
    return _Outcome(value, changed_input=_changed(case, arguments))


def _changed(before: tuple, after: tuple) -> bool:
    return any(
        isinstance(plain(old), np.ndarray) and not same(old, new, 0.0)
        for old, new in zip(before, after, strict=True)
    )


def _agree(first: _Outcome, second: _Outcome, tolerance: float) -> bool:
    if first.error is not None or second.error is not None:
        alike = type(first.error) is type(second.error)
        return alike and str(first.error) == str(second.error)
    return same(first.value, second.value, tolerance)


def same(first: Any, second: Any, tolerance: float) -> bool:
    """Compare two results: arrays, tensors or nested lists of them, dicts, text.

    Shapes must be equal, and numbers up to ``tolerance``, absolute or relative.
    """
    first, second = plain(first), plain(second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(
            same(first[key], second[key], tolerance) for key in first
        )
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(
            same(a, b, tolerance) for a, b in zip(first, second, strict=True)
        )
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.shape != second.shape:
            return False
        if not all(np.issubdtype(a.dtype, np.number) for a in (first, second)):
            # Of text and numbers, NumPy 2.1 makes a plain False, which array_equal
            # does not take.
            return bool(np.all(first == second))
        return np.allclose(first, second, tolerance, tolerance, equal_nan=True)
    return first is second or (type(first) is type(second) and bool(first == second))


def plain(value: Any) -> Any:
    """Turn tensors, nested lists and numbers into arrays; keep what is no array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
        return value.numpy()
    if callable(getattr(value, "numpy", None)):  # of TensorFlow, or a Keras variable
        return np.asarray(value.numpy())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value]
        if all(isinstance(i, np.ndarray) for i in items):
            if len({i.shape for i in items}) <= 1:
                return np.array(items)
        return items
    if isinstance(value, bool | int | float | complex | str | np.ndarray | np.generic):
        return np.asarray(value)
    return value


def _difference(ours: Any, theirs: Any) -> str:
    """Name what differs when the catalog knows no better."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        wrong = [key for key in ours if not same(ours[key], theirs.get(key), 1e-5)]
        return f"Not as it should be: {', '.join(map(str, wrong))}."
    if not isinstance(theirs, np.ndarray) or not isinstance(ours, np.ndarray):
        return f"The result should be {_kind(ours)}, but yours is {_kind(theirs)}."
    if theirs.shape != ours.shape:
        return f"The result should be {_kind(ours)}, but yours is {_kind(theirs)}."
    if theirs.dtype.kind == "f" and np.isnan(theirs).any():
        return "Your result holds `nan`, not a number: look for 0/0 or inf - inf."
    if ours.dtype.kind == "U" and theirs.dtype.kind == "U":
        return "It is a text, as it should be, but another one."
    return "The shape is right, the numbers are not."


def _example(exercise: Exercise, case: tuple, ours: _Outcome, theirs: _Outcome) -> str:
    labels = [f"{name} = " for name in _names(exercise, case)]
    labels += ["yours:  ", "wanted: "]
    values = [*case, theirs.value, ours.value]
    lines = [
        label + _show(value).replace("\n", "\n" + " " * len(label))
        for label, value in zip(labels, values, strict=True)
    ]
    return "The smallest example on which it goes wrong:\n\n" + _fenced(lines)


def _names(exercise: Exercise, case: tuple) -> list[str]:
    """Name the arguments of a case as the solution (or else the probe) does."""
    for function, skip in ((exercise.probe, 1), (exercise.solution, 0)):
        if function is not call:
            names = list(inspect.signature(function).parameters)[skip:]
            return [*names, *map(str, range(len(names), len(case)))][: len(case)]
    raise AssertionError("an exercise has a solution")


def _show(value: Any) -> str:
    if isinstance(value, tuple) and not all(np.isscalar(item) for item in value):
        items = [_show(item).replace("\n", "\n ") for item in value]
        return "(" + ",\n ".join(items) + ")"
    value = plain(value)
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_show(item)}" for key, item in value.items())
    if isinstance(value, np.ndarray) and value.size > 64:
        return f"array of shape {value.shape}, starting {_show(value.ravel()[:6])}"
    if isinstance(value, np.ndarray):
        return np.array2string(
            value, precision=4, suppress_small=True, separator=", ", max_line_width=70
        )
    if isinstance(value, list):
        items = [_show(item).replace("\n", "\n ") for item in value]
        return "[" + ",\n ".join(items) + "]"
    text = repr(value)
    return text if len(text) <= 200 else text[:200] + " …"


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return f"an array of shape {value.shape}" if value.shape else "one number"
    if isinstance(value, np.ndarray):
        return "text"
    if isinstance(value, list):
        return f"{len(value)} results"
    return f"a {type(value).__name__}"


def _trimmed(error: BaseException) -> str:
    """Show an exception with the learner's own lines only."""
    ours = Path(__file__).resolve().parents[1]
    libraries = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")}
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if any(path.is_relative_to(folder) for folder in (ours, *libraries)):
            continue
        lines.append(f"line {frame.lineno}, in {frame.name}:  {frame.line or '?'}")
    return _fenced([*lines, f"{type(error).__name__}: {error}"])


def _fenced(lines: list[str]) -> str:
    return "```text\n" + "\n".join(lines) + "\n```"


def _open(exercise: Exercise) -> Result:
    message = (
        f"**{exercise.id} is still open.** Replace the `...` with your answer, run its "
        f'cell and this one again. `hint("{exercise.id}")` helps.'
    )
    return Result(False, message, attempted=False)


def _right(exercise: Exercise) -> Result:
    return Result(True, f"**{exercise.id} is right.** {exercise.because}")


def _wrong(exercise: Exercise, message: str) -> Result:
    return Result(False, f"**{exercise.id} is not right yet.** {message}")


def _is_placeholder(value: Any) -> bool:
    return value is ... or value is None


def _to_tensor(argument: Any) -> Any:
    import torch

    if isinstance(argument, np.ndarray) and argument.dtype.kind in "biuf":
        return torch.from_numpy(argument.copy())
    if isinstance(argument, list | tuple):
        items = [_to_tensor(item) for item in argument]
        if any(new is not old for new, old in zip(items, argument, strict=True)):
            return type(argument)(items)
    return argument


@contextlib.contextmanager
def _own_randomness():
    """Keep a check from changing the random numbers of the notebook around it."""
    torch = sys.modules.get("torch")
    states = random.getstate(), np.random.get_state()
    torch_state = torch.get_rng_state() if torch else None
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        if torch:
            torch.set_rng_state(torch_state)


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:  # its CPU generator only: no GPU is touched
        sys.modules["torch"].default_generator.manual_seed(seed)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)


def _stop(worker: threading.Thread) -> None:
    """Raise ``_TimeUp`` inside a thread that is still running.

    An answer that swallows every exception gets a few; a call stuck in C code sees the
    first one when it returns. The thread is a daemon, so the kernel is free either way.
    """
    for _ in range(3):
        if not worker.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(worker.ident), ctypes.py_object(_TimeUp)
        )
        worker.join(0.2)
