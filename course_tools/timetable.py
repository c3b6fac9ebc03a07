"""Write the tables of docs/teaching.md from what the lessons say of themselves.

    python -m course_tools.timetable

Times and needs are read from the table at the top of each notebook, exercises from the
catalog. Everything else on the page is left alone.
"""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

from course_utils.exercises.catalog import LESSONS, TIMES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "teaching.md"
# The days or parts of each plan; for each of them its lessons, and which exercises: all
# of them, or only those in which a bug is to be found.
PLANS = {
    "One day, PyTorch": {"": ("00 01 02 03 04 08", "bugs")},
    "Two days, PyTorch": {
        "day 1": ("00 01 02 03", "all"),
        "day 2": ("04 07 08 10", "bugs"),
    },
    "A term, PyTorch": {"": ("00 01 02 03 04 07 08 10", "all")},
    "A term, both frameworks": {"": ("00 01 02 03 04 05 07 08 09 10 11 12", "all")},
}


class Lesson(NamedTuple):
    """A lesson's title, its time in minutes, and what a reader needs for it."""

    title: str
    reading: int
    exercises: int
    needs: str


def read_lesson(path: Path) -> Lesson:
    """Read the second cell of a notebook: ValueError if it says no title or time."""
    try:
        text = "".join(json.loads(path.read_text("utf-8"))["cells"][1]["source"])
        title = re.search("^# (.*)", text, re.M)[1]
        row = re.search(rf"^{TIMES.pattern} *([^|]*?) *\|", text, re.M)
        reading, exercises, needs = row.groups(default=0)
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name}: its second cell needs a title and a row that begins with "
            "'| 45 min, and 40 min of exercises | what a reader needs |'"
        ) from error
    return Lesson(title, int(reading), int(exercises), needs)


def course(root: Path = ROOT) -> dict[str, Lesson]:
    """Return what each lesson of the catalog says of itself, by its number."""
    return {
        name[:2]: read_lesson(root / "notebooks" / f"{name}.ipynb") for name in LESSONS
    }


def bugs(number: str) -> list[str]:
    """Return the spot-the-bug exercises of a lesson."""
    (titles,) = (t for name, t in LESSONS.items() if name.startswith(number))
    return [i for i, title in titles.items() if title.startswith("Spot the bug")]


def minutes(number: str, which: str, found: dict[str, Lesson]) -> int:
    """Return the time of one lesson with all exercises, or with its bugs alone."""
    lesson = found[number]
    (count,) = (len(t) for name, t in LESSONS.items() if name.startswith(number))
    share = 1 if which == "all" else len(bugs(number)) / count
    return round(lesson.reading + share * lesson.exercises)


def clock(total: int) -> str:
    """Write minutes as hours and minutes."""
    return f"{total // 60} h {total % 60:02d} min"


def timetable(found: dict[str, Lesson]) -> str:
    lines = [
        "| Lesson | Time to read | Time for exercises | You need | Spot the bug |",
        "|---|---|---|---|---|",
    ]
    for name in LESSONS:
        lesson = found[name[:2]]
        exercises = f"{lesson.exercises} min" if lesson.exercises else "included"
        lines.append(
            f"| [{lesson.title}](../notebooks/{name}.ipynb) | {lesson.reading} min "
            f"| {exercises} | {lesson.needs} | {', '.join(bugs(name[:2])) or 'none'} |"
        )
    reading = sum(lesson.reading for lesson in found.values())
    exercises = sum(lesson.exercises for lesson in found.values())
    lines.append(f"| all | {clock(reading)} | {clock(exercises)} | | |")
    return "\n".join(lines)


def plans(found: dict[str, Lesson]) -> str:
    lines = [
        "| Plan | Lessons | Exercises | Time | Time of the longest lesson |",
        "|---|---|---|---|---|",
    ]
    for plan, parts in PLANS.items():
        for part, (numbers, which) in parts.items():
            name = f"{plan}, {part}" if part else plan
            times = [minutes(number, which, found) for number in numbers.split()]
            what = "all" if which == "all" else "spot the bug"
            listed = ", ".join(numbers.split())
            total, longest = clock(sum(times)), clock(max(times))
            lines.append(f"| {name} | {listed} | {what} | {total} | {longest} |")
    return "\n".join(lines)


def renewed(text: str, root: Path = ROOT) -> str:
    """Return the page with both tables made anew."""
    found = course(root)
    for name, table in (("timetable", timetable(found)), ("plans", plans(found))):
        pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(
            pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.S
        )
        if count != 1:
            raise ValueError(f"the page needs one pair of marks for its {name}")
    return text


def main() -> int:
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(renewed(text), encoding="utf-8", newline="\n")
    print(f"timetable: wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
