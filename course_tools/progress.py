"""What ``vit-course progress --json`` tells an instructor of a learner's record."""

import os
from datetime import datetime

from course_utils.exercises import progress_file
from course_utils.exercises.catalog import LESSONS


class Unreadable(Exception):
    """Why there is no report; the message names the file and says what to do."""


def report() -> dict:
    """Return what a progress file holds, lesson by lesson; times are ISO 8601.

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
    known = _stored()
    seen = progress_file.Progress(known)
    return {
        "file": str(progress_file.path()),
        "done": sum(map(len, seen.done.values())),
        "exercises": sum(map(len, LESSONS.values())),
        "minutes_spent": round(sum(seen.spent.values()), 1),
        "next": next((i for ids in seen.open.values() for i in ids), None),
        "lessons": {
            name: {
                "minutes_planned": seen.planned[name],
                "minutes_spent": round(seen.spent[name], 1),
                "last": _moment(known["lessons"].get(name, {}).get("last")),
                "exercises": {i: _entry(known["exercises"].get(i, {})) for i in ids},
            }
            for name, ids in LESSONS.items()
        },
    }


def _entry(entry: dict) -> dict:
    return {
        "attempts": entry.get("attempts", 0),
        "passed": _moment(entry.get("passed")),
    }


def _moment(text: str | None) -> str | None:
    """Add the zone of this machine to a time without one."""
    if not text:
        return None
    return datetime.fromisoformat(text).astimezone().isoformat("T", "seconds")


def _stored() -> dict[str, dict]:
    place = progress_file.path()
    try:
        return progress_file.stored()
    except FileNotFoundError:
        if not os.environ.get("COURSE_PROGRESS"):  # the learner has not begun
            return {"exercises": {}, "lessons": {}}
        raise Unreadable(
            f"There is no progress file {place}. Please check what COURSE_PROGRESS "
            "names."
        ) from None
    except OSError as error:
        raise Unreadable(
            f"The progress file {place} cannot be read ({error.strerror}). Please "
            "check that it is a file, and that you may read it."
        ) from None
    except ValueError:
        raise Unreadable(
            f"The progress file {place} is damaged. It stays as it is; please ask for "
            "another copy."
        ) from None
