"""Collects answers of learners: ``right`` and ``wrong`` put them into two lists."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

RIGHT: dict[str, list[Any]] = {}
WRONG: dict[str, list["Wrong"]] = {}
_MISSING = object()


@dataclass(frozen=True)
class Wrong:
    """A wrong answer, the slip in a few words, and words that its message must hold.

    Without such words the check may not name any mistake as certain.
    """

    slip: str
    answer: Any
    says: str = ""


def right(exercise: str, answer: Any = _MISSING) -> Any:
    """Collect a right answer; without one, return a decorator that does."""

    def collect(answer: Any) -> Any:
        RIGHT.setdefault(exercise, []).append(answer)
        return answer

    return collect if answer is _MISSING else collect(answer)


def wrong(
    exercise: str, slip: str, answer: Any = _MISSING, *, says: str = ""
) -> Callable | Any:
    """Collect a wrong answer; without one, return a decorator that does."""

    def collect(answer: Any) -> Any:
        WRONG.setdefault(exercise, []).append(Wrong(slip, answer, says))
        return answer

    return collect if answer is _MISSING else collect(answer)
