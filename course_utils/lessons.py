"""What each lesson says of itself in the table at its top: time and needs."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

# The row of the table: | 45 min, and 40 min of exercises | what a reader needs | …
_ROW = re.compile(
    r"^\| (\d+) min(?:, and (\d+) min of exercises)? *\| *([^|]*?) *\|", re.M
)


@dataclass(frozen=True)
class Lesson:
    """A lesson's title, its time in minutes, and what a reader needs for it."""

    title: str
    reading: int
    exercises: int
    needs: str


def read(path: Path) -> Lesson:
    """Read the second cell of a notebook: ValueError if it says no title or time."""
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))["cells"][1]
        text = "".join(cell["source"])
        title = re.search("^# (.*)", text, re.M)[1]
        reading, exercises, needs = _ROW.search(text).groups(default=0)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name}: its second cell needs a title and a row that begins with "
            "'| 45 min, and 40 min of exercises | what a reader needs |'"
        ) from error
    return Lesson(title, int(reading), int(exercises), needs)
