"""How values, differences, examples and errors are written for the learner."""

import os
import re
import sysconfig
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from course_utils.exercises.compare import plain, same


def kind(value: Any) -> str:
    """Say in a few words what a value is."""
    value = plain(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        return f"an array of shape {value.shape}" if value.shape else "one number"
    if isinstance(value, np.ndarray):
        return "text"
    if isinstance(value, list):
        return f"{len(value)} results"
    return f"a {type(value).__name__}"


def shown(value: Any) -> str:
    """Write a value, on several lines if it needs them, but never a long one whole."""
    if isinstance(value, tuple) and not all(map(np.isscalar, value)):
        return f"({_one_below_another(value)})"
    value = plain(value)
    if isinstance(value, dict):
        return "\n".join(f"{key}: {shown(item)}" for key, item in value.items())
    if isinstance(value, list):
        return f"[{_one_below_another(value)}]"
    if not isinstance(value, np.ndarray):
        text = repr(value)
        return text if len(text) <= 200 else text[:200] + " …"
    if value.size > 64:
        return f"array of shape {value.shape}, starting {shown(value.ravel()[:6])}"
    return np.array2string(
        value, precision=4, suppress_small=True, separator=", ", max_line_width=70
    )


def _one_below_another(items: Iterable) -> str:
    return ",\n ".join(shown(item).replace("\n", "\n ") for item in items)


def example(values: list[tuple[str, Any]]) -> str:
    """Write labels and values, one below the other, as one block of text."""
    return _fenced(
        label + shown(value).replace("\n", "\n" + " " * len(label))
        for label, value in values
    )


def difference(wanted: Any, given: Any) -> str:
    """Say what differs when neither the catalog nor a simple relation tells more."""
    wanted, given = plain(wanted), plain(given)
    if isinstance(wanted, dict) and isinstance(given, dict):
        wrong = [key for key in wanted if not same(wanted[key], given.get(key), 1e-5)]
        return f"Not as it should be: {', '.join(map(str, wrong))}."
    if isinstance(wanted, list) and isinstance(given, list):
        if len(wanted) == len(given):  # of different shapes, or they were arrays
            pairs = enumerate(zip(wanted, given, strict=True), start=1)
            i, pair = next((i, p) for i, p in pairs if not same(*p, 1e-5))
            return f"Of your {len(given)} results, number {i}: {difference(*pair)}"
    arrays = isinstance(wanted, np.ndarray) and isinstance(given, np.ndarray)
    if not arrays or kind(wanted) != kind(given) or wanted.shape != given.shape:
        return f"The result should be {kind(wanted)}, but yours is {kind(given)}."
    if given.dtype.kind == "f" and np.isnan(given).any():
        return "Your result holds `nan`, not a number: look for 0/0 or inf - inf."
    if wanted.dtype.kind != "U" or wanted.shape:
        return "The shape is right, the numbers are not."
    if right := os.path.commonprefix([str(wanted), str(given)]):
        return f"Your text is right up to `{right}`, and not after it."
    return "It is a text, as it should be, but another one."


def error(problem: BaseException) -> str:
    """Write an error with the learner's own lines only, and not hundreds of them."""
    lines = lines_of_learner(problem)
    if len(lines) > 8:
        lines[4:-3] = [f"… {len(lines) - 7} more lines like these …"]
    return _fenced([*lines, in_a_line(problem)])


def lines_of_learner(problem: BaseException) -> list[str]:
    """Return the lines of a traceback that are neither ours nor a library's."""
    libraries = [sysconfig.get_path(name) for name in ("stdlib", "purelib")]
    others = [Path(__file__).resolve().parents[1], *libraries]
    return [
        f"line {frame.lineno}, in {frame.name}:  {frame.line or '?'}"
        for frame in traceback.extract_tb(problem.__traceback__)
        if not any(Path(frame.filename).is_relative_to(folder) for folder in others)
    ]


def in_a_line(problem: BaseException) -> str:
    """Name an error, without the codes that color text for a terminal."""
    words = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", str(problem))
    return f"{type(problem).__name__}: {words}"


def _fenced(lines: Iterable[str]) -> str:
    """Put lines into a block of text, whatever backticks they hold."""
    text = "\n".join(lines)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
