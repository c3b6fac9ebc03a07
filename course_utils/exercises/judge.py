"""What an exercise is, and how an answer to it is judged.

An answer and the solution run on the same cases. If they differ, the check names the
mistake of the catalog that does what the answer does. doctest, hypothesis, learntools
and otter-grader name no mistakes, and know the arrays of one framework only.
"""

import functools
import inspect
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from course_utils.exercises import sandbox, show
from course_utils.exercises.compare import relation, same
from course_utils.exercises.sandbox import Outcome

# Stands before a mistake that does the same as the answer on the shown case only.
UNSURE = "On this example, though not on all, this mistake gives what you gave:"


class NotAnAnswer(Exception):
    """Raised by a probe to tell the learner why an answer cannot even be tried."""


def call(answer: Callable, *arguments: Any) -> Any:
    """Run a function on a case: the usual probe."""
    return answer(*arguments)


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give, and what the check says to it."""

    answer: Any
    message: str


@dataclass(frozen=True, eq=False)
class Exercise:
    """One exercise: all that is needed to judge an answer and to help a learner.

    ``probe(answer, *case)`` gives what is compared, or raises ``NotAnAnswer``. The
    arrays in a case come as "numpy", "torch" or "tensorflow", whatever the lesson may
    hand over; with several ``kinds``, an answer is right if it is right in one of them.
    """

    id: str  # like "01.2"
    title: str  # as in the heading of the notebook
    solution: Any  # a value, or a function or class named as in the stub
    mistakes: tuple[Mistake, ...]  # the catalog of wrong answers
    hints: tuple[str, ...]  # Markdown, from a nudge to nearly the answer
    because: str  # why the solution is right; shown after a right answer
    cases: tuple[tuple, ...] = ()  # arguments, the smallest first; none for a value
    probe: Callable = call
    alternatives: tuple = ()  # right answers in another style, which the tests run
    kinds: tuple[str, ...] = ("numpy",)
    tolerance: float = 1e-5  # largest difference, absolute or relative, that is equal
    seconds: float = 5.0  # what the answer itself may compute in one check

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

    _repr_markdown_ = __repr__


def judge(exercise: Exercise, answer: Any) -> Result:
    """Judge an answer; whatever the answer does, this returns and raises nothing."""
    name, wrong = exercise.id, ...
    if answer is not None and not sandbox.holds_placeholder(answer):
        try:
            work = functools.partial(_wrong, exercise, answer)
            wrong = sandbox.run_for(exercise.seconds, work)
        except TimeoutError:
            wrong = (
                f"Your answer was still running after {exercise.seconds:g} seconds, so "
                "the check stopped it. Look for a loop that never ends."
            )
    if wrong is None:
        return Result(True, f"**{name} is right.** {exercise.because}")
    if wrong is not ...:
        return Result(False, f"**{name} is not right yet.** {wrong}")
    message = (
        f"**{name} is still open.** Replace the `...` with your answer, run its cell "
        f'and this one again. `hint("{name}")` helps.'
    )
    return Result(False, message, attempted=False)


def _wrong(exercise, answer, clock):
    """Say what is wrong with an answer: None if nothing is, ``...`` if it is open."""
    try:
        if exercise.cases:
            return _wrong_on_cases(exercise, answer, clock)
        if same(answer, exercise.solution, exercise.tolerance):
            return None
        for mistake in exercise.mistakes:
            if same(answer, mistake.answer, exercise.tolerance):
                return mistake.message
        wanted, given = show.kind(exercise.solution), show.kind(answer)
        if isinstance(answer, str) and wanted == "one number":
            return "That is text. Give a number, without quotes."
        if given != wanted:
            return f"The check wants {wanted}, but you gave {given}."
        return f"You gave `{show.shown(answer)}`, and that is not it."
    except Exception as problem:  # a result that fails when it is compared or shown
        return (
            f"The check cannot read your result ({type(problem).__name__}). "
            "Give plain numbers, arrays or tensors."
        )


def _wrong_on_cases(exercise, answer, clock):
    if not callable(answer):
        name = getattr(exercise.solution, "__name__", "answer")
        return (
            f"The check wants the function or class itself, `{name}`, not a result of "
            f"it: pass its name without parentheses. You gave {show.kind(answer)}."
        )
    loaded = [k for k in exercise.kinds if k == "numpy" or k in sys.modules]
    trials = []
    for kind in loaded or exercise.kinds:
        trials.append(_Trial(exercise, answer, kind, clock))
        if trials[-1].first is None:
            return None
    trial = max(trials, key=_Trial.reach)
    return ... if trial.theirs(trial.first).value is ... else _explain(trial)


class _Trial:
    """An answer and the course's own on the cases in one kind; each runs once."""

    def __init__(self, exercise, answer, kind, clock):
        self.exercise, self.kind = exercise, kind
        self.numbers = range(len(exercise.cases))
        self.ours = functools.partial(_known, exercise, exercise.solution, kind)
        run = functools.partial(sandbox.run, exercise, answer, kind, clock=clock)
        self.theirs = functools.cache(run)
        self.first = next(filter(self._goes_wrong, self.numbers), None)

    def _goes_wrong(self, number):
        known = self.ours(number).error is None  # if not, no answer can be right
        right = known and self.does_like(self.exercise.solution, number)
        return not right or self.theirs(number).changed_input

    def does_like(self, own: Callable, number: int) -> bool:
        """Say whether the answer does what the solution, or a mistake, does."""
        its, theirs = _known(self.exercise, own, self.kind, number), self.theirs(number)
        if its.error is theirs.error is None:
            return same(its.value, theirs.value, self.exercise.tolerance)
        alike = type(its.error) is type(theirs.error)
        return alike and str(its.error) == str(theirs.error)

    def reach(self) -> tuple[int, bool]:
        """Tell how far the answer came; it was written for where it came furthest."""
        error = self.theirs(self.first).error
        return self.first, not isinstance(error, TypeError | AttributeError)


@functools.cache  # what the solution and the mistakes give is the same in each check
def _known(exercise, own, kind, number) -> Outcome:
    """Return what the solution, or a mistake, gives: in this kind if it can."""
    outcomes = []
    for each in dict.fromkeys((kind, *exercise.kinds, "numpy")):
        outcomes.append(sandbox.run(exercise, own, each, number))
        if outcomes[-1].error is None:
            return outcomes[-1]
    return outcomes[0]


def _explain(trial: _Trial) -> str:
    """Say which mistake it is, as far as the catalog knows, and show the case."""
    ours, theirs = trial.ours(trial.first), trial.theirs(trial.first)
    if isinstance(theirs.error, NotAnAnswer):
        return str(theirs.error)
    if theirs.changed_input:
        return (
            "Your function changes what it is given, and the caller's data with it. "
            "Make something new instead of writing into the argument."
        )
    # Where the check stumbled over what a function returned, so do many mistakes.
    stumbled = theirs.in_probe and theirs.returned is not ...
    named = None if stumbled else _named_mistake(trial)
    if theirs.error is not None and not theirs.in_probe:
        stopped = f"Your code stopped with an error:\n\n{show.error(theirs.error)}"
        return f"{named}\n\n{stopped}" if named else stopped
    if not named and theirs.returned is None and ours.returned is not None:
        return "Your function returns nothing (`None`). Is the `return` missing?"
    why = named or _what_differs(trial, ours, theirs)
    return f"{why}\n\nThe smallest example on which it goes wrong:\n\n{_example(trial)}"


def _named_mistake(trial: _Trial) -> str | None:
    """Give the message of the mistake that does what the answer does, if one does."""
    mistakes = trial.exercise.mistakes
    alike = [m for m in mistakes if trial.does_like(m.answer, trial.first)]
    for mistake in alike:
        if all(trial.does_like(mistake.answer, number) for number in trial.numbers):
            return mistake.message
    if alike and trial.theirs(trial.first).error is None:
        return f"{UNSURE} {alike[0].message}"
    return None


def _what_differs(trial: _Trial, ours: Outcome, theirs: Outcome) -> str:
    if theirs.error is None:
        pairs = [(trial.ours(n).value, trial.theirs(n).value) for n in trial.numbers]
        found = relation(pairs, trial.exercise.tolerance)
        return found or show.difference(ours.value, theirs.value)
    given, wanted = (
        "nothing" if outcome.returned is ... else show.kind(outcome.returned)
        for outcome in (theirs, ours)
    )
    if given != wanted:
        return f"Your answer gives {given}; it should give {wanted}."
    problem = show.in_a_line(theirs.error)
    return f"The check cannot work with what your answer gives ({problem})."


def _example(trial: _Trial) -> str:
    """Show a case, its arguments named as the probe, or else the solution, does."""
    exercise, number = trial.exercise, trial.first
    probe = functools.partial(exercise.probe, None)
    named = inspect.signature(exercise.solution if exercise.probe is call else probe)
    pairs = zip(named.parameters, exercise.cases[number], strict=False)
    values = [(f"{name} = ", value) for name, value in pairs]
    if trial.theirs(number).error is None:
        values.append(("yours:  ", trial.theirs(number).value))
    return show.example([*values, ("wanted: ", trial.ours(number).value)])
