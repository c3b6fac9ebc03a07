"""How an answer is judged: run it on cases, compare, and name the likely mistake.

An exercise is data: a solution, the cases to try (smallest first) and a catalog of
mistakes, each a wrong answer written out with the message for whoever gives it. A
learner's answer runs on the cases, given as the lesson gives them: as arrays or as
tensors (``Exercise.kinds``). If it differs from the solution, the check names the
mistake that does the same as the answer on every case; a mistake that does the same on
the shown case only is offered as a possibility. Without either, the check says how the
numbers are related, if that is simple. The first case that differs is shown.

What cannot be stopped: an answer that stays inside one call of C code (a product of
huge matrices, a regular expression that explodes) and holds the interpreter keeps the
kernel busy until that call returns; *Interrupt kernel* does not help either, *Restart*
does.
"""

import contextlib
import copy
import ctypes
import functools
import inspect
import os
import random
import re
import sys
import sysconfig
import textwrap
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

# Stands before a mistake that does the same as the answer on the shown case only.
UNSURE = "On this example, though not on all, this mistake gives what you gave:"
PATIENCE = 6  # an answer that waits may take so many times its processor seconds


class NotAnAnswer(Exception):
    """Raised by a probe to tell the learner why an answer cannot even be tried."""


class _TimeUp(BaseException):
    """Stops an answer that runs too long; no ``except Exception`` catches it."""


class _StillOpen(BaseException):
    """Raised when an answer returns the placeholder of its stub."""


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
        Arrays in them reach an answer in the kinds below; all else comes as it is.
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
    kinds : tuple of str
        How the lesson may hand over arrays: ``"numpy"``, ``"torch"`` or
        ``"tensorflow"``. With several, an answer is right if it is right in one of
        them. Floating-point tensors have the default precision (float32).
    tolerance : float
        Largest difference, absolute or relative, that counts as equal.
    seconds : float
        How long the answer itself may compute in one check, in seconds of the
        processor where the system can tell those of one thread.
    """

    id: str
    solution: Any
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, ...]
    because: str
    cases: tuple[tuple, ...] = ()
    probe: Callable = call
    alternatives: tuple = ()
    kinds: tuple[str, ...] = ("numpy",)
    tolerance: float = 1e-5
    seconds: float = 5.0
    # What the solution and the mistakes gave, since that is the same in each check.
    _known: dict = field(default_factory=dict, init=False, repr=False, compare=False)

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
    """What an answer did on one case: gave a value, or raised an error.

    ``value`` is what the probe made of it, ``returned`` what a function itself gave
    last. ``in_probe`` says that the error came from the check's own code.
    """

    value: Any = None
    error: BaseException | None = None
    returned: Any = None
    in_probe: bool = False
    changed_input: bool = False


class _Clock:
    """Counts the time of the learner's code alone, from inside the worker thread."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._spent = np.zeros(2)  # seconds of the processor, seconds of the clock
        self._began: np.ndarray | None = None
        self._thread: int | None = None

    def __enter__(self) -> None:
        if self._thread is None and hasattr(time, "pthread_getcpuclockid"):
            self._thread = time.pthread_getcpuclockid(threading.get_ident())
        self._began = self._now()

    def __exit__(self, *error: object) -> None:
        self._spent += self._now() - self._began
        self._began = None

    def _now(self) -> np.ndarray:
        clock = time.monotonic()
        try:
            own = time.clock_gettime(self._thread) if self._thread else clock
        except OSError:  # the thread has just ended
            own = clock
        return np.array([own, clock])

    def is_over(self) -> bool:
        began, spent = self._began, self._spent
        if began is None:
            return False
        computed, waited = spent + self._now() - began
        patience = PATIENCE if self._thread else 1
        return computed > self.seconds or waited > patience * self.seconds


def judge(exercise: Exercise, answer: Any) -> Result:
    """Judge an answer; whatever the answer does, this returns and raises nothing."""
    if _holds_placeholder(answer) or answer is None:
        return _open(exercise)
    verdict: list[Result] = []
    clock = _Clock(exercise.seconds)
    worker = threading.Thread(
        target=_judge_into, args=(verdict, exercise, answer, clock), daemon=True
    )
    worker.start()
    try:
        while worker.is_alive() and not clock.is_over():
            worker.join(0.05)
    finally:
        _stop(worker)
    if verdict:
        return verdict[0]
    return _wrong(
        exercise,
        f"Your answer was still running after {exercise.seconds:g} seconds, so the "
        "check stopped it. Look for a loop that never ends.",
    )


def _judge_into(verdict: list, exercise: Exercise, answer: Any, clock: _Clock) -> None:
    """Judge in the worker thread; a stopped one leaves ``verdict`` empty.

    A thread of its own starts with PyTorch's usual device and with gradients on,
    whatever the notebook has set.
    """
    try:
        with np.errstate(all="ignore"), _own_randomness():
            if exercise.cases:
                verdict.append(_judge_cases(exercise, answer, clock))
            else:
                verdict.append(_judge_value(exercise, answer))
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


def _judge_cases(exercise: Exercise, answer: Any, clock: _Clock) -> Result:
    if not callable(answer):
        name = getattr(exercise.solution, "__name__", "answer")
        return _wrong(
            exercise,
            f"The check wants the function or class itself, `{name}`, not a result of "
            f"it: pass its name without parentheses. You gave {_kind(plain(answer))}.",
        )
    trials = [_Trial(exercise, answer, kind, clock) for kind in _kinds(exercise)]
    for trial in trials:
        trial.find_first_difference()
        if trial.first is None:
            return _right(exercise)
    return _explain(max(trials, key=_Trial.progress))


def _kinds(exercise: Exercise) -> list[str]:
    """Return the kinds in question: those whose framework the kernel has loaded."""
    loaded = [k for k in exercise.kinds if k == "numpy" or k in sys.modules]
    return loaded or list(exercise.kinds)


class _Trial:
    """An answer and the course's own on the cases in one kind; each runs once."""

    def __init__(self, exercise: Exercise, answer: Any, kind: str, clock: _Clock):
        self.exercise, self.answer = exercise, answer
        self.kind, self.clock = kind, clock
        self.first: int | None = None  # number of the first case that differs
        self._known: dict[int, _Outcome] = {}

    def find_first_difference(self) -> None:
        for number in range(len(self.exercise.cases)):
            ours, theirs = self.ours(number), self.theirs(number)
            right = ours.error is None and self.agree(ours, theirs)
            if theirs.changed_input or not right:
                self.first = number
                return

    def progress(self) -> tuple[int, bool]:
        """Tell how far the answer came; it was written for where it came furthest."""
        error = self.theirs(self.first).error
        return self.first, not isinstance(error, TypeError | AttributeError)

    def theirs(self, number: int) -> _Outcome:
        if number not in self._known:
            case = _in_kind(self.kind, self.exercise.cases[number])
            self._known[number] = _run(self.exercise, self.answer, case, self.clock)
        return self._known[number]

    def ours(self, number: int, mistake: int | None = None) -> _Outcome:
        """Return what the solution, or a mistake, gives: in this kind if it can."""
        exercise, known = self.exercise, self.exercise._known
        key = (mistake, self.kind, number)
        if key not in known:
            own = exercise.solution
            if mistake is not None:
                own = exercise.mistakes[mistake].answer
            outcomes = []
            for kind in dict.fromkeys((self.kind, *exercise.kinds, "numpy")):
                case = _in_kind(kind, exercise.cases[number])
                outcomes.append(_run(exercise, own, case, contextlib.nullcontext()))
                if outcomes[-1].error is None:
                    break
            known[key] = outcomes[-1 if outcomes[-1].error is None else 0]
        return known[key]

    def agree(self, first: _Outcome, second: _Outcome) -> bool:
        if first.error is not None or second.error is not None:
            alike = type(first.error) is type(second.error)
            return alike and str(first.error) == str(second.error)
        return same(first.value, second.value, self.exercise.tolerance)


def _explain(trial: _Trial) -> Result:
    """Say which mistake it is, as far as the catalog knows, and show the case."""
    exercise, number = trial.exercise, trial.first
    ours, theirs = trial.ours(number), trial.theirs(number)
    if theirs.value is ...:
        return _open(exercise)
    if isinstance(theirs.error, NotAnAnswer):
        return _wrong(exercise, str(theirs.error))
    if theirs.changed_input:
        return _wrong(
            exercise,
            "Your function changes what it is given, and the caller's data with it. "
            "Make something new instead of writing into the argument.",
        )
    # Where the check stumbled over what a function returned, so do many mistakes.
    stumbled = theirs.in_probe and theirs.returned is not ...
    message = None if stumbled else _named_mistake(trial)
    if theirs.error is not None and not theirs.in_probe:
        shown = f"Your code stopped with an error:\n\n{_trimmed(theirs.error)}"
        return _wrong(exercise, f"{message}\n\n{shown}" if message else shown)
    if not message and theirs.returned is None and ours.returned is not None:
        return _wrong(
            exercise, "Your function returns nothing (`None`). Is the `return` missing?"
        )
    if theirs.error is not None:
        message = message or _unusable(ours, theirs)
        return _wrong(exercise, f"{message}\n\n{_example(trial)}")
    message = message or _relation(trial)
    message = message or _difference(plain(ours.value), plain(theirs.value))
    return _wrong(exercise, f"{message}\n\n{_example(trial)}")


def _named_mistake(trial: _Trial) -> str | None:
    """Message of the mistake that does what the answer does, if there is one.

    On every case: the message alone. On the shown case only: behind ``UNSURE``, and
    not at all where both merely stop with the same error.
    """
    shown, mistakes = trial.first, trial.exercise.mistakes
    alike = [
        i
        for i in range(len(mistakes))
        if trial.agree(trial.ours(shown, i), trial.theirs(shown))
    ]
    for i in alike:
        if all(
            trial.agree(trial.ours(number, i), trial.theirs(number))
            for number in range(len(trial.exercise.cases))
        ):
            return mistakes[i].message
    if alike and trial.theirs(shown).error is None:
        return f"{UNSURE} {mistakes[alike[0]].message}"
    return None


def _run(exercise: Exercise, answer: Any, case: tuple, clock: Any) -> _Outcome:
    """Run an answer on a copy of a case, on the clock."""
    _seed(0)
    arguments = copy.deepcopy(case)
    results, errors = [], []
    watched = _watched(answer, results, errors)
    try:
        with clock:
            value = exercise.probe(watched, *arguments)
    except _TimeUp:
        raise
    except _StillOpen:
        return _Outcome(...)
    except BaseException as error:  # a learner's exit() must not end the kernel
        returned = results[-1] if results else ...
        if watched is answer:  # a class or an object, whose calls are not watched
            in_probe = not _lines_of_learner(error)
        else:
            in_probe = not (errors or inspect.isgenerator(returned))
        return _Outcome(error=error, returned=returned, in_probe=in_probe)
    returned = results[-1] if results else ...
    value = ... if _holds_placeholder(value) else value
    return _Outcome(value, None, returned, changed_input=_changed(case, arguments))


def _watched(answer: Any, results: list, errors: list) -> Any:
    """Wrap a function so that its results and errors are known; keep all else."""
    if not (inspect.isroutine(answer) or isinstance(answer, functools.partial)):
        return answer

    @functools.wraps(answer)
    def watched(*arguments, **named):
        try:
            result = answer(*arguments, **named)
        except BaseException as error:
            errors.append(error)
            raise
        if _holds_placeholder(result):
            raise _StillOpen
        results.append(result)
        return result

    return watched


def _changed(before: Any, after: Any) -> bool:
    """Say whether arrays, tensors, lists or dicts differ from their copies."""
    if isinstance(before, dict):
        return list(before) != list(after) or any(
            _changed(before[key], after[key]) for key in before
        )
    if isinstance(before, list | tuple):
        return len(before) != len(after) or any(map(_changed, before, after))
    old = plain(before)
    return isinstance(old, np.ndarray) and not same(old, after, 0.0)


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


def _relation(trial: _Trial) -> str | None:
    """Name a simple relation to the wanted numbers that holds on every case."""
    numbers = range(len(trial.exercise.cases))
    pairs = [
        [plain(trial.ours(number).value), plain(trial.theirs(number).value)]
        for number in numbers
    ]
    if not all(_is_numeric(array) for pair in pairs for array in pair):
        return None
    tolerance = trial.exercise.tolerance
    if any(a.shape != b.shape for a, b in pairs):
        return _relation_of_shapes(pairs, tolerance)
    ours = np.concatenate([np.ravel(a).astype(float) for a, _ in pairs])
    theirs = np.concatenate([np.ravel(b).astype(float) for _, b in pairs])
    if ours.size < 2 or not np.isfinite([ours, theirs]).all():
        return None

    def equal(array: np.ndarray) -> bool:
        return np.allclose(array, theirs, tolerance, tolerance)

    rounded = np.array_equal(ours, ours.round())  # then a small gap is no rounding
    if not rounded and all(  # by the numbers of each case: one may have large ones
        np.allclose(a, b, 1e-2, 1e-2 * np.abs(a).mean()) for a, b in pairs
    ):
        gap = np.abs(ours - theirs).max()
        return (
            f"Your numbers are close, but not equal; the largest difference is "
            f"{gap:.2g}. Half precision, rounding or another small constant does that."
        )
    if equal(-ours):
        return "Every number has the wrong sign."
    factor = theirs @ ours / (ours @ ours) if ours.any() else 0.0
    if factor and equal(factor * ours):
        return f"Every number is {factor:.4g} times what it should be."
    offset = (theirs - ours).mean()
    if equal(ours + offset):
        more = "large" if offset > 0 else "small"
        return f"Every number is too {more} by {abs(offset):.4g}."
    if all(
        np.allclose(np.sort(a, None), np.sort(b, None), tolerance, tolerance)
        for a, b in pairs
    ):
        if all(
            a.ndim > 1 and same(a, np.swapaxes(b, -1, -2), tolerance) for a, b in pairs
        ):
            return "Your result is transposed: the last two axes have changed places."
        return "These are the right numbers in another order."
    return None


def _relation_of_shapes(pairs: list, tolerance: float) -> str | None:
    """Name a simple relation of results whose shapes differ."""
    if all(a.size == b.size for a, b in pairs):
        if all(same(np.squeeze(a), np.squeeze(b), tolerance) for a, b in pairs):
            return (
                "The numbers are right, the shape is not: yours is "
                f"{pairs[0][1].shape}, wanted is {pairs[0][0].shape}. Look at the axes "
                "of size 1."
            )
        if all(a.ndim == b.ndim > 1 for a, b in pairs) and all(
            same(a, np.swapaxes(b, -1, -2), tolerance) for a, b in pairs
        ):
            return "Your result is transposed: the last two axes have changed places."
    return None


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "iuf"


def _difference(ours: Any, theirs: Any) -> str:
    """Say what differs when neither the catalog nor a simple relation tells more."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        wrong = [key for key in ours if not same(ours[key], theirs.get(key), 1e-5)]
        return f"Not as it should be: {', '.join(map(str, wrong))}."
    if not isinstance(theirs, np.ndarray) or not isinstance(ours, np.ndarray):
        return f"The result should be {_kind(ours)}, but yours is {_kind(theirs)}."
    if theirs.shape != ours.shape or _kind(theirs) != _kind(ours):
        return f"The result should be {_kind(ours)}, but yours is {_kind(theirs)}."
    if theirs.dtype.kind == "f" and np.isnan(theirs).any():
        return "Your result holds `nan`, not a number: look for 0/0 or inf - inf."
    if ours.dtype.kind == "U" and theirs.dtype.kind == "U" and not ours.shape:
        return _difference_of_texts(str(ours), str(theirs))
    return "The shape is right, the numbers are not."


def _difference_of_texts(ours: str, theirs: str) -> str:
    """Say up to where a text is right."""
    right = os.path.commonprefix([ours, theirs])
    if not right:
        return "It is a text, as it should be, but another one."
    if right == theirs:
        return "Your text is right as far as it goes, but the end is missing."
    if right == ours:
        return f"Your text goes on after `{right}`, where it should end."
    return f"Your text is right up to `{right}`, and what follows is not."


def _unusable(ours: _Outcome, theirs: _Outcome) -> str:
    """Say what an answer gave that the check's own code could not work with."""
    given, wanted = (
        "nothing" if outcome.returned is ... else _kind(plain(outcome.returned))
        for outcome in (theirs, ours)
    )
    if given != wanted:
        return f"Your answer gives {given}; it should give {wanted}."
    problem = f"{type(theirs.error).__name__}: {_clean(str(theirs.error))}"
    return f"The check cannot work with what your answer gives ({problem})."


def _example(trial: _Trial) -> str:
    exercise, case = trial.exercise, trial.exercise.cases[trial.first]
    ours, theirs = trial.ours(trial.first), trial.theirs(trial.first)
    labels = [f"{name} = " for name in _names(exercise, case)]
    values = list(case)
    if theirs.error is None:
        labels += ["yours:  ", "wanted: "]
        values += [theirs.value, ours.value]
    else:
        labels += ["wanted: "]
        values += [ours.value]
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


def _lines_of_learner(error: BaseException) -> list[str]:
    """Return the lines of a traceback that are neither ours nor a library's."""
    ours = Path(__file__).resolve().parents[1]
    libraries = {Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib")}
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        path = Path(frame.filename)
        if any(path.is_relative_to(folder) for folder in (ours, *libraries)):
            continue
        lines.append(f"line {frame.lineno}, in {frame.name}:  {frame.line or '?'}")
    return lines


def _trimmed(error: BaseException) -> str:
    """Show an exception with the learner's own lines only, and not hundreds of them."""
    lines = _lines_of_learner(error)
    if len(lines) > 8:
        lines[4:-3] = [f"… {len(lines) - 7} more lines like these …"]
    return _fenced([*lines, f"{type(error).__name__}: {_clean(str(error))}"])


def _clean(text: str) -> str:
    """Take out the codes with which libraries color text for a terminal."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def _fenced(lines: list[str]) -> str:
    """Put lines into a block of text, whatever backticks they hold."""
    text = "\n".join(lines)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


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


def _holds_placeholder(value: Any) -> bool:
    """Say whether a value is ``...``, or a tuple, list or dict that still holds one."""
    if isinstance(value, dict):
        return any(map(_holds_placeholder, value.values()))
    if isinstance(value, tuple) or type(value) is list:
        return any(item is ... for item in value)
    return value is ...


def _in_kind(kind: str, argument: Any) -> Any:
    """Turn the arrays inside an argument into tensors of a framework."""
    if isinstance(argument, np.ndarray) and argument.dtype.kind in "biuf":
        return {"torch": _torch_tensor, "tensorflow": _tensorflow_tensor}.get(
            kind, np.array
        )(argument)
    if isinstance(argument, dict):
        return {key: _in_kind(kind, item) for key, item in argument.items()}
    if type(argument) in (list, tuple):
        return type(argument)(_in_kind(kind, item) for item in argument)
    return argument


def _torch_tensor(array: np.ndarray) -> Any:
    import torch

    tensor = torch.from_numpy(array.copy())
    if array.dtype == np.float64:
        return tensor.to(torch.get_default_dtype())
    return tensor


def _tensorflow_tensor(array: np.ndarray) -> Any:
    import tensorflow as tf

    return tf.constant(array, tf.float32 if array.dtype == np.float64 else None)


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
