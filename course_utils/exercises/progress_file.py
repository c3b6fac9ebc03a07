"""The learner's own record in one small JSON file: exercises done, and time spent.

The file is ``~/.vit-course/progress.json``, or wherever ``COURSE_PROGRESS`` points. It
never leaves the machine. Time is an estimate: each ``check``, ``hint`` or ``solution``
adds to its lesson the time since the one before it, or since the kernel imported the
exercises, whichever is shorter, and never more than an hour.
"""

import errno
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from course_utils import lessons
from course_utils.exercises.catalog import LESSONS, lesson_of, title
from course_utils.session import ROOT

_LONGEST = 3600  # seconds that one pause counts at most
_PATIENCE = 5  # seconds that a check waits while another notebook writes
_moment = time.monotonic()  # of this kernel's last call; first, of its import
_unsaved: dict[str, dict] = {}  # what this process could not write
HEADINGS = ("Notebook", "Done", "Planned", "Spent, about", "Open")


class Unreadable(Exception):
    """Why there is no report; the message names the file and says what to do."""


@dataclass(frozen=True)
class Progress:
    """Done and open exercises and minutes, lesson by lesson, and the next step.

    ``planned`` is what a lesson says of itself, exercises included; it is None where
    its notebook cannot be read. ``spent`` is an estimate.
    """

    done: dict[str, list[str]]
    open: dict[str, list[str]]
    planned: dict[str, int | None]
    spent: dict[str, float]

    @property
    def next_step(self) -> str:
        """What to do now, in one sentence."""
        exercise_id = self.next_exercise
        if exercise_id is None:
            return "Every exercise is done."
        return (
            f"Next: exercise {exercise_id}, {title(exercise_id)}, "
            f"in notebook {lesson_of(exercise_id)}."
        )

    @property
    def next_exercise(self) -> str | None:
        """The first exercise that is open, if one is."""
        return next((ids[0] for ids in self.open.values() if ids), None)

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """Give lesson, done of total, minutes planned and spent, ids still open."""
        return [
            (
                lesson,
                f"{len(done)} of {len(LESSONS[lesson])}",
                "" if self.planned[lesson] is None else f"{self.planned[lesson]} min",
                _minutes(self.spent[lesson]),
                ", ".join(self.open[lesson]),
            )
            for lesson, done in self.done.items()
        ]

    def __repr__(self) -> str:
        rows = [tuple(name.lower() for name in HEADINGS), *self.rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            )
            for row in rows
        ]
        return "\n".join([*map(str.rstrip, lines), "", self.next_step])

    def _repr_markdown_(self) -> str:
        rows = [
            HEADINGS,
            ["---"] * len(HEADINGS),
            *((*cells, left or "none") for *cells, left in self.rows()),
        ]
        lines = [f"| {' | '.join(row)} |" for row in rows]
        return "\n".join([*lines, "", self.next_step])


def _minutes(spent: float) -> str:
    return f"{spent:.0f} min" if spent >= 1 else "< 1 min" if spent else ""


def path() -> Path:
    """Where the progress file is."""
    chosen = os.environ.get("COURSE_PROGRESS")
    if chosen:
        return Path(os.path.expanduser(chosen))
    return Path.home() / ".vit-course" / "progress.json"


def record(exercise_id: str, passed: bool | None = None) -> None:
    """Note work on an exercise, and an attempt if ``passed`` says how it ended.

    Once passed, an exercise stays passed, and its attempts count no more.
    """
    with _alone() as alone:
        known = _read(set_aside=alone)
        if passed is not None:
            entry = known["exercises"].setdefault(
                exercise_id, {"attempts": 0, "passed": None}
            )
            if not entry["passed"]:
                entry["attempts"] += 1
                entry["passed"] = _iso(_now()) if passed else None
        _add_time(known["lessons"], exercise_id)
        if alone:
            _write(known)
        else:
            _keep(known, exercise_id)


def progress() -> Progress:
    """Show which exercises are done and open, the time it took, and the next step."""
    return _progress(_read())


def _progress(known: dict[str, dict]) -> Progress:
    passed = {i for i, entry in known["exercises"].items() if entry["passed"]}
    done = {name: [i for i in ids if i in passed] for name, ids in LESSONS.items()}
    left = {name: [i for i in ids if i not in passed] for name, ids in LESSONS.items()}
    planned = {name: _planned(ROOT / "notebooks" / f"{name}.ipynb") for name in LESSONS}
    seconds = {name: entry["seconds"] for name, entry in known["lessons"].items()}
    spent = {name: seconds.get(name, 0) / 60 for name in LESSONS}
    return Progress(done, left, planned, spent)


def report() -> dict:
    """Return what ``vit-course progress --json`` prints; times are ISO 8601.

    Changes nothing on the disk.

    Returns
    -------
    dict
        ``file``; ``done`` and ``exercises``, two counts; ``minutes_spent``, an
        estimate; ``next``, an exercise or None; ``lessons``, by the notebook's name:
        ``minutes_planned`` (None if unknown), ``minutes_spent``, ``last`` (when, or
        None), and ``exercises``, by id: ``attempts`` and ``passed`` (when, or None).

    Raises
    ------
    Unreadable
        If the file cannot be read, is damaged, or is named but not there.
    """
    known = {"exercises": {}, "lessons": {}}
    try:
        known = _stored()
    except FileNotFoundError:
        if os.environ.get("COURSE_PROGRESS"):  # else its learner has not begun
            raise Unreadable(
                f"There is no progress file {path()}: see what COURSE_PROGRESS names."
            ) from None
    except OSError as error:
        raise Unreadable(
            f"The progress file {path()} cannot be read ({error.strerror}): see that "
            "it is a file that you may read."
        ) from None
    except ValueError:
        raise Unreadable(
            f"The progress file {path()} is damaged: it stays as it is; ask for "
            "another copy."
        ) from None
    seen = _progress(known)
    parts = {}
    for name, ids in LESSONS.items():
        last = known["lessons"].get(name, {}).get("last")
        entries = {i: known["exercises"].get(i, {}) for i in ids}
        parts[name] = {
            "minutes_planned": seen.planned[name],
            "minutes_spent": round(seen.spent[name], 1),
            "last": last and _iso(_when(last)),
            "exercises": {
                i: {
                    "attempts": entry.get("attempts", 0),
                    "passed": entry.get("passed") and _iso(_when(entry["passed"])),
                }
                for i, entry in entries.items()
            },
        }
    return {
        "file": str(path()),
        "done": sum(map(len, seen.done.values())),
        "exercises": sum(map(len, LESSONS.values())),
        "minutes_spent": round(sum(seen.spent.values()), 1),
        "next": seen.next_exercise,
        "lessons": parts,
    }


@cache
def _planned(notebook: Path) -> int | None:
    try:
        found = lessons.read(notebook)
    except (OSError, ValueError):  # a learner's notebook may be in any state
        return None
    return found.reading + found.exercises


def _now() -> datetime:
    return datetime.now().astimezone()


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _when(text: str) -> datetime:
    """Read a moment; one without a time zone is local time."""
    return datetime.fromisoformat(text).astimezone()


def _add_time(known: dict[str, dict], exercise_id: str) -> None:
    """Add the time since the last call, here or in a notebook beside this one."""
    global _moment
    before, _moment = _moment, time.monotonic()
    now, gaps = _now(), [_moment - before, _LONGEST]
    calls = [_when(entry["last"]) for entry in known.values()]
    if calls and max(calls) <= now:  # else the clock was set back since
        gaps.append((now - max(calls)).total_seconds())
    entry = known.setdefault(lesson_of(exercise_id), {"seconds": 0})
    entry["seconds"] = round(entry["seconds"] + min(gaps), 1)
    entry["last"] = _iso(now)


@contextmanager
def _alone() -> Iterator[bool]:
    """Let one notebook at a time read, change and write the file.

    Yields False if another program kept the lock for too long; then nobody may write.
    """
    lock, alone = FileLock(f"{path()}.lock", timeout=_PATIENCE), True
    try:
        lock.acquire()
    except Timeout:
        alone = False
    except (OSError, NotImplementedError):
        pass  # a folder that cannot be written to is reported on writing
    try:
        yield alone
    finally:
        lock.release()


def _keep(known: dict[str, dict], exercise_id: str) -> None:
    """Remember what this check has changed, for the next one to write."""
    _warn(
        f"has been held by another program for {_PATIENCE} seconds",
        "your record waits in this kernel, and the next check writes it; if that "
        "program hangs, end it",
    )
    for part, key in (("exercises", exercise_id), ("lessons", lesson_of(exercise_id))):
        if key in known[part]:
            _unsaved.setdefault(part, {})[key] = known[part][key]


def _stored() -> dict[str, dict]:
    """Return what the file holds.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        If it is damaged.
    """
    known = json.loads(path().read_text(encoding="utf-8"))
    try:
        for entry in known["exercises"].values():
            entry["attempts"] + 0, entry["passed"] and _when(entry["passed"])
        known.setdefault("lessons", {})  # older files have none
        for entry in known["lessons"].values():
            entry["seconds"] + 0, _when(entry["last"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not as it was written: {error}") from None
    return known


def _read(*, set_aside: bool = False) -> dict[str, dict]:
    """Return what is known, in whatever state the file is.

    Who goes on to write lets a damaged file be set aside first.
    """
    known = {}
    try:
        known = _stored()
    except FileNotFoundError:
        pass
    except OSError as error:
        _warn(f"cannot be read ({error.strerror})", "check its permissions")
    except ValueError:
        aside = path().with_suffix(".damaged.json")
        if set_aside:
            _warn(
                "is damaged, so your record starts anew",
                f"the old file is kept as {aside.name} beside it",
            )
            try:
                os.replace(path(), aside)
            except OSError:
                pass  # a folder that cannot be written to is reported on writing
        else:
            _warn(
                "is damaged, so it counts as empty",
                f"the next check keeps it as {aside.name} and starts anew",
            )
    return {
        part: {**known.get(part, {}), **_unsaved.get(part, {})}
        for part in ("exercises", "lessons")
    }


def _write(known: dict[str, dict]) -> None:
    text = json.dumps(known, indent=1)
    temporary = None
    try:
        if path().exists() and not os.access(path(), os.W_OK):
            # os.replace asks only whether the folder may be changed
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        path().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            "w", dir=path().parent, suffix=".tmp", delete=False, encoding="utf-8"
        ) as file:
            temporary = file.name
            file.write(text)
        os.replace(temporary, path())
        _unsaved.clear()
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.unlink(temporary)
        _warn(
            f"cannot be written ({error.strerror})",
            "your record lasts until this kernel stops; "
            "set COURSE_PROGRESS to a file you may write",
        )
        _unsaved.update(known)


def _warn(what: str, way_out: str) -> None:
    _say_once(f"The progress file {path()} {what}: {way_out}.")


@cache
def _say_once(line: str) -> None:
    # Not warnings.warn: it adds a line of the course's own code, which helps nobody.
    print(line, file=sys.stderr)
