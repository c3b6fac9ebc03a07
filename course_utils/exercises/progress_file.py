"""The learner's own record in one small JSON file: exercises done, and time spent.

It is ``~/.vit-course/progress.json``, or wherever ``COURSE_PROGRESS`` points. Time is
an estimate: each ``check``, ``hint`` or ``solution`` adds the time since the one before
it, or since the kernel imported the exercises, and never more than an hour.
"""

import json
import os
import sys
import time
from datetime import datetime
from functools import cache
from pathlib import Path

from filelock import FileLock, Timeout

from course_utils.exercises.catalog import LESSONS, TIMES, lesson_of
from course_utils.session import ROOT

_LONGEST = 3600  # seconds that one pause counts at most
_PATIENCE = 5  # seconds that a check waits while another notebook writes
_moment = time.monotonic()  # of this kernel's last call; first, of its import
# What this kernel has changed and could not write yet, in the form of the file.
_unsaved: dict[str, dict] = {"exercises": {}, "lessons": {}}
# What later editions of the course renumbered, oldest first: an old id, or name of a
# lesson, and its new one, or None where another exercise has that number now. A file
# says in "renumbered" how many of them it has been through.
MOVED: tuple[dict[str, str | None], ...] = (
    {
        **dict.fromkeys(("08.4", "09.1", "09.2", "10.2", "10.3", "11.4")),
        "08.2": "12.0",  # waits: 12.1 was another exercise until the next step
    },
    {
        "12.0": "12.1",
        "12.1": "13.1",
        "12.2": "12.3",
        "12.3": "12.4",
        "12.4": "13.4",
        "12_modify_a_vit": "13_modify_a_vit_tensorflow",
    },
)
HEADINGS = ("Notebook", "Done", "Planned", "Spent, about", "Open")


class Progress:
    """Exercises done and open, and minutes planned and spent, lesson by lesson."""

    def __init__(self, known: dict[str, dict]):
        passed = {i for i, entry in known["exercises"].items() if entry["passed"]}
        self.done: dict[str, list[str]] = {}
        self.open: dict[str, list[str]] = {}
        self.planned: dict[str, int | None] = {}  # None if it cannot be read
        self.spent: dict[str, float] = {}  # an estimate
        for lesson, ids in LESSONS.items():
            self.done[lesson] = [i for i in ids if i in passed]
            self.open[lesson] = [i for i in ids if i not in passed]
            try:
                text = (ROOT / "notebooks" / f"{lesson}.ipynb").read_text("utf-8")
                self.planned[lesson] = sum(map(int, TIMES.search(text).groups(0)))
            except (OSError, ValueError, AttributeError):  # an edited notebook
                self.planned[lesson] = None
            seconds = known["lessons"].get(lesson, {}).get("seconds", 0)
            self.spent[lesson] = seconds / 60

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
                ", ".join(self.open[lesson]) or "none",
            )
            for lesson, done in self.done.items()
        ]

    def __repr__(self) -> str:
        table = [HEADINGS, ["---"] * len(HEADINGS), *self.rows()]
        lines = [f"| {' | '.join(row)} |" for row in table]
        return "\n".join([*lines, "", self.next_step])

    _repr_markdown_ = __repr__


def _minutes(number: float | None) -> str:
    if not number:
        return ""
    return f"{number:.0f} min" if number >= 1 else "< 1 min"


def progress() -> Progress:
    """Show which exercises are done and open, the time it took, and the next step."""
    return Progress(_known())


def record(exercise_id: str, passed: bool | None = None) -> None:
    """Note work on an exercise, and an attempt if ``passed`` says how it ended."""
    known = None
    try:
        with FileLock(f"{path()}.lock", timeout=_PATIENCE):
            known = _known(set_aside=True)
            _note(known, exercise_id, passed)
            _write(known)
    except (OSError, NotImplementedError) as error:
        if known is None:
            _note(_known(), exercise_id, passed)
        why = getattr(error, "strerror", error)
        _say_once(
            f"{path()} has been held by another program for {_PATIENCE} seconds: your "
            "record waits in this kernel, and the next check writes it. If that "
            "program hangs, please end it."
            if isinstance(error, Timeout)
            else f"{path()} cannot be written ({why}): your record lasts until this "
            "kernel stops. Set COURSE_PROGRESS to a file you may write."
        )


def _note(known: dict[str, dict], exercise_id: str, passed: bool | None) -> None:
    """Add time, and an attempt; once passed, an exercise stays as it is."""
    global _moment
    before, _moment = _moment, time.monotonic()
    gaps = [_moment - before, _LONGEST]
    lesson, now = lesson_of(exercise_id), datetime.now().astimezone()
    calls = [_when(entry["last"]) for entry in known["lessons"].values()]
    if calls and max(calls) <= now:  # else the clock was set back since
        gaps.append((now - max(calls)).total_seconds())  # a notebook beside this one
    when = now.isoformat("T", "seconds")
    seconds = known["lessons"].get(lesson, {}).get("seconds", 0) + min(gaps)
    entry = {"seconds": round(seconds, 1), "last": when}
    known["lessons"][lesson] = _unsaved["lessons"][lesson] = entry
    if passed is None:
        return
    entry = known["exercises"].get(exercise_id, {"attempts": 0, "passed": None})
    if not entry["passed"]:
        entry = {"attempts": entry["attempts"] + 1, "passed": when if passed else None}
    known["exercises"][exercise_id] = _unsaved["exercises"][exercise_id] = entry


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone()  # without a zone, it is local time


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
        for moved in MOVED[known.get("renumbered", 0) :]:
            for part in ("exercises", "lessons"):
                pairs = [(moved.get(i, i), entry) for i, entry in known[part].items()]
                known[part] = {i: entry for i, entry in pairs if i is not None}
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
        why = error.strerror
        _say_once(f"{path()} cannot be read ({why}): please check its permissions.")
    except ValueError:
        aside = path().with_suffix(".damaged.json")
        _say_once(
            f"{path()} is damaged, so your record starts anew. A check keeps the old "
            f"file as {aside.name} before it writes a new one."
        )
        if set_aside:
            os.replace(path(), aside)
    return {part: {**known.get(part, {}), **new} for part, new in _unsaved.items()}


def _write(known: dict[str, dict]) -> None:
    part = Path(f"{path()}.{os.getpid()}.tmp")
    try:
        if path().exists():  # os.replace asks only whether the folder may be changed
            path().open("r+").close()
        known = known | {"renumbered": len(MOVED)}
        part.write_text(json.dumps(known, indent=1), encoding="utf-8")
        os.replace(part, path())
    finally:
        part.unlink(missing_ok=True)
    for entries in _unsaved.values():
        entries.clear()


@cache
def _say_once(problem: str) -> None:
    # Not warnings.warn: it adds a line of the course's own code, which helps nobody.
    print(f"The progress file {problem}", file=sys.stderr)
