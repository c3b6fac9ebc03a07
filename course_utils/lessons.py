"""What each lesson says of itself in the table at its top: time and needs."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

_TIME = re.compile(r"(\d+) min(?:, and (\d+) min of exercises)?")


@dataclass(frozen=True)
class Lesson:
    """A lesson's title, its time in minutes, and what a reader needs for it."""

    title: str
    reading: int
    exercises: int
    needs: str


def read(path: Path) -> Lesson:
    """Read the table in the second cell of a notebook.

    Raises
    ------
    OSError
        If there is no such notebook.
    ValueError
        If its second cell has no title, or no row that begins with the time.
    """
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))["cells"][1]
        lines = "".join(cell["source"]).splitlines()
        row = next(line for line in lines if re.match(r"\| \d", line))
        time, needs = (part.strip() for part in row.split("|")[1:3])
        reading, exercises = _TIME.fullmatch(time).groups(default="0")
        title = next(line for line in lines if line.startswith("# "))[2:]
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration) as error:
        raise ValueError(
            f"{path.name}: its second cell needs a title and a row that begins with "
            "'| 45 min, and 40 min of exercises | what a reader needs |'"
        ) from error
    return Lesson(title, int(reading), int(exercises), needs)
