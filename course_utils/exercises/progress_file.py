"""The learner's own record in one small JSON file: exercises done, and time spent.

The file is ``~/.vit-course/progress.json``, or wherever ``COURSE_PROGRESS`` points. It
never leaves the machine. Time is an estimate: each ``check``, ``hint`` or ``solution``
adds to its lesson the time since the one before it, or since the kernel imported the
exercises, whichever is shorter, and never more than an hour.

A module ``progress`` would be hidden by the package's function ``progress``.
"""

import errno
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from course_utils.exercises.catalog import LESSONS, lesson_of, read_lesson
from course_utils.session import ROOT

_LONGEST = 3600  # seconds that one pause counts at most
_PATIENCE = 5  # seconds that a check waits while another notebook writes
_moment = time.monotonic()  # of this kernel's last call; first, of its import
# What this kernel has changed and could not write yet, in the form of the file.
_unsaved: dict[str, dict] = {"exercises": {}, "lessons": {}}
HEADINGS = ("Notebook", "Done", "Planned", "Spent, about", "Open")


@dataclass(frozen=True)
class Progress:
    """Exercises done and open, and minutes planned and spent, lesson by lesson."""

    done: dict[str, list[str]]
    open: dict[str, list[str]]
    planned: dict[str, int | None]  # exercises included; None if it cannot be read
    spent: dict[str, float]  # an estimate

    @property
    def next_step(self) -> str:
        """What to do now, in one sentence."""
        for lesson, ids in self.open.items():
            for i in ids:
                title = LESSONS[lesson][i]
                return f"Next: exercise {i}, {title}, in notebook {lesson}."
        return "Every exercise is done."

    def rows(self) -> list[tuple[str, ...]]:
        """Give lesson, done of total, minutes planned and spent, ids still open."""
        return [
            (
                lesson,
                f"{len(done)} of {len(LESSONS[lesson])}",
                _minutes(self.planned[lesson]),
                _minutes(self.spent[lesson]),
                ", ".join(self.open[lesson]),
            )
            for lesson, done in self.done.items()
        ]

    def __repr__(self) -> str:
        rows = [tuple(map(str.lower, HEADINGS)), *self.rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        return "\n".join([*lines, "", self.next_step])

    def _repr_markdown_(self) -> str:
        rows = [(*cells, left or "none") for *cells, left in self.rows()]
        table = [HEADINGS, ["---"] * len(HEADINGS), *rows]
        lines = [f"| {' | '.join(row)} |" for row in table]
        return "\n".join([*lines, "", self.next_step])


def _minutes(number: float | None) -> str:
    if not number:
        return ""
    return f"{number:.0f} min" if number >= 1 else "< 1 min"


def progress() -> Progress:
    """Show which exercises are done and open, the time it took, and the next step."""
    return progress_of(_known())


def progress_of(known: dict[str, dict]) -> Progress:
    """Sum up what a progress file holds."""
    exercises, times = known["exercises"], known["lessons"]
    passed = {i for i in exercises if exercises[i]["passed"]}
    found = Progress({}, {}, {}, {})
    for lesson, ids in LESSONS.items():
        found.done[lesson] = [i for i in ids if i in passed]
        found.open[lesson] = [i for i in ids if i not in passed]
        found.planned[lesson] = _planned(ROOT / "notebooks" / f"{lesson}.ipynb")
        found.spent[lesson] = times.get(lesson, {"seconds": 0})["seconds"] / 60
    return found


@cache
def _planned(notebook: Path) -> int | None:
    try:
        found = read_lesson(notebook)
    except (OSError, ValueError):  # a learner's notebook may be in any state
        return None
    return found.reading + found.exercises


def record(exercise_id: str, passed: bool | None = None) -> None:
    """Note work on an exercise, and an attempt if ``passed`` says how it ended."""
    lock, alone = FileLock(f"{path()}.lock", timeout=_PATIENCE), True
    try:
        lock.acquire()
    except Timeout:  # then nothing may be written
        alone = False
        _say_once(
            f"The progress file {path()} has been held by another program for "
            f"{_PATIENCE} seconds: your record waits in this kernel, and the next "
            "check writes it. If that program hangs, please end it."
        )
    except (OSError, NotImplementedError):
        pass  # a folder that cannot be written to is reported on writing
    try:
        known = _known(set_aside=alone)
        _note(known, exercise_id, passed)
        if alone:
            _write(known)
    finally:
        lock.release()


def _note(known: dict[str, dict], exercise_id: str, passed: bool | None) -> None:
    """Add time, and an attempt; once passed, an exercise stays as it is."""
    lesson, exercises = lesson_of(exercise_id), known["exercises"]
    entry = known["lessons"].get(lesson, {"seconds": 0})
    seconds = entry["seconds"] + _since_last_call(known["lessons"])
    entry = {"seconds": round(seconds, 1), "last": _now().isoformat("T", "seconds")}
    known["lessons"][lesson] = _unsaved["lessons"][lesson] = entry
    if passed is None:
        return
    entry = exercises.get(exercise_id, {"attempts": 0, "passed": None})
    if not entry["passed"]:
        when = _now().isoformat("T", "seconds") if passed else None
        entry = {"attempts": entry["attempts"] + 1, "passed": when}
    exercises[exercise_id] = _unsaved["exercises"][exercise_id] = entry


def _since_last_call(times: dict[str, dict]) -> float:
    """Return the seconds since the last call, here or in a notebook beside this one."""
    global _moment
    before, _moment = _moment, time.monotonic()
    now, gaps = _now(), [_moment - before, _LONGEST]
    calls = [_when(entry["last"]) for entry in times.values()]
    if calls and max(calls) <= now:  # else the clock was set back since
        gaps.append((now - max(calls)).total_seconds())
    return min(gaps)


def _now() -> datetime:
    return datetime.now().astimezone()


def _when(text: str) -> datetime:
    """Read a moment; one without a time zone is local time."""
    return datetime.fromisoformat(text).astimezone()


def path() -> Path:
    """Where the progress file is."""
    chosen = os.environ.get("COURSE_PROGRESS") or "~/.vit-course/progress.json"
    return Path(chosen).expanduser()


def stored() -> dict[str, dict]:
    """Return what the file holds, or raise OSError, or ValueError if it is damaged."""
    known = json.loads(path().read_text(encoding="utf-8"))
    try:
        for entry in known["exercises"].values():
            entry["attempts"] + 0, entry["passed"] and _when(entry["passed"])
        for entry in known.setdefault("lessons", {}).values():  # older files have none
            entry["seconds"] + 0, _when(entry["last"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not as it was written: {error}") from None
    return known


def _known(*, set_aside: bool = False) -> dict[str, dict]:
    """Return what is known; a damaged file is set aside by a check that will write."""
    known = {}
    try:
        known = stored()
    except FileNotFoundError:
        pass
    except OSError as error:
        _say_once(
            f"The progress file {path()} cannot be read ({error.strerror}): please "
            "check its permissions."
        )
    except ValueError:
        aside = path().with_suffix(".damaged.json")
        _say_once(
            f"The progress file {path()} is damaged, so your record starts anew. A "
            f"check keeps the old file as {aside.name} before it writes a new one."
        )
        with suppress(OSError):  # then writing fails as well, and says so
            if set_aside:
                os.replace(path(), aside)
    return {part: {**known.get(part, {}), **new} for part, new in _unsaved.items()}


def _write(known: dict[str, dict]) -> None:
    part = Path(f"{path()}.{os.getpid()}.tmp")
    try:
        if path().exists() and not os.access(path(), os.W_OK):
            # os.replace asks only whether the folder may be changed
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        part.write_text(json.dumps(known, indent=1), encoding="utf-8")
        os.replace(part, path())
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        _say_once(
            f"The progress file {path()} cannot be written ({error.strerror}): your "
            "record lasts until this kernel stops. Set COURSE_PROGRESS to a file you "
            "may write."
        )
    else:
        for entries in _unsaved.values():
            entries.clear()


@cache
def _say_once(line: str) -> None:
    # Not warnings.warn: it adds a line of the course's own code, which helps nobody.
    print(line, file=sys.stderr)
