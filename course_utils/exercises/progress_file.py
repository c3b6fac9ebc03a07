"""The learner's own record: which exercises are done, in one small JSON file.

The file is ``~/.vit-course/progress.json``, or wherever ``COURSE_PROGRESS`` points. It
never leaves the machine.
"""

import errno
import json
import os
import tempfile
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from course_utils.exercises.catalog import LESSONS

_unsaved: dict[str, dict] = {}  # what this process could not write


@dataclass(frozen=True)
class Progress:
    """Done and open exercises, lesson by lesson, and the next step."""

    done: dict[str, list[str]]
    open: dict[str, list[str]]

    @property
    def next_step(self) -> str:
        """What to do now, in one sentence."""
        for lesson, exercises in self.open.items():
            if exercises:
                title = LESSONS[lesson][exercises[0]]
                return f"Next: exercise {exercises[0]}, {title}, in notebook {lesson}."
        return "Every exercise is done."

    def rows(self) -> list[tuple[str, str, str]]:
        """Give lesson, done of total, and the ids still open, for a table."""
        table = []
        for lesson, done in self.done.items():
            count = f"{len(done)} of {len(LESSONS[lesson])}"
            table.append((lesson, count, ", ".join(self.open[lesson])))
        return table

    def __repr__(self) -> str:
        rows = [("notebook", "done", "open"), *self.rows()]
        width = max(len(row[0]) for row in rows)
        lines = [f"{a:<{width}}  {b:<7}  {c}".rstrip() for a, b, c in rows]
        return "\n".join([*lines, "", self.next_step])

    def _repr_markdown_(self) -> str:
        rows = "\n".join(f"| {a} | {b} | {c or 'none'} |" for a, b, c in self.rows())
        return f"| Notebook | Done | Open |\n|---|---|---|\n{rows}\n\n{self.next_step}"


def path() -> Path:
    """Where the progress file is."""
    chosen = os.environ.get("COURSE_PROGRESS")
    if chosen:
        return Path(os.path.expanduser(chosen))
    return Path.home() / ".vit-course" / "progress.json"


def record(exercise_id: str, passed: bool) -> None:
    """Note an attempt; once passed, an exercise stays passed."""
    entries = _read()
    entry = entries.setdefault(exercise_id, {"attempts": 0, "passed": None})
    entry["attempts"] += 1
    if passed and not entry["passed"]:
        entry["passed"] = datetime.now().isoformat(timespec="seconds")
    _write(entries)


def progress() -> Progress:
    """Show which exercises are done and open, and the next step."""
    passed = {i for i, entry in _read().items() if entry["passed"]}
    done = {name: [i for i in ids if i in passed] for name, ids in LESSONS.items()}
    left = {name: [i for i in ids if i not in passed] for name, ids in LESSONS.items()}
    return Progress(done, left)


def _read() -> dict[str, dict]:
    try:
        entries = json.loads(path().read_text(encoding="utf-8"))["exercises"]
        for entry in entries.values():
            entry["attempts"] + 0, entry["passed"]
    except FileNotFoundError:
        entries = {}
    except OSError as error:
        _warn(f"cannot be read ({error.strerror})", "check its permissions")
        entries = {}
    except (ValueError, KeyError, TypeError, AttributeError):
        aside = path().with_suffix(".damaged.json")
        _warn(
            "is damaged, so your record starts anew",
            f"the old file is kept as {aside.name} beside it",
        )
        try:
            os.replace(path(), aside)
        except OSError:
            pass  # a folder that cannot be written to is reported on writing
        entries = {}
    return {**entries, **_unsaved}


def _write(entries: dict[str, dict]) -> None:
    text = json.dumps({"exercises": entries}, indent=1)
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
        if not _unsaved:
            _warn(
                f"cannot be written ({error.strerror})",
                "your record lasts until this kernel stops; "
                "set COURSE_PROGRESS to a file you may write",
            )
        _unsaved.update(entries)


def _warn(what: str, way_out: str) -> None:
    warnings.warn(f"The progress file {path()} {what}: {way_out}.", stacklevel=4)
