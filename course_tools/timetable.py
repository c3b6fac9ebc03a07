"""Write the tables of times anew, from what the lessons say of themselves.

    python -m course_tools.timetable

Times and needs are read from the table at the top of each notebook, exercises from the
catalog. docs/teaching.md gets a timetable and plans; README.md and notebook 00 get the
ways through the course. Everything else on these pages is left alone.
"""

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

from course_tools.tidy_notebooks import lines, to_json
from course_utils.exercises.catalog import LESSONS, TIMES

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "teaching.md"
README = ROOT / "README.md"
START = ROOT / "notebooks" / "00_start_here.ipynb"
# The days or parts of each plan; for each of them its lessons, and which exercises: all
# of them, or only those in which a bug is to be found.
PLANS = {
    "One day, PyTorch": {"": ("00 01 02 03 04 08", "bugs")},
    "Two days, PyTorch": {
        "day 1": ("00 01 02 03", "all"),
        "day 2": ("04 07 08 10", "bugs"),
    },
    "Half a day, own pictures": {"": ("17", "all")},
    "A term, PyTorch": {"": ("00 01 02 03 04 06 07 08 10 12 14 15 16 17", "all")},
    "A term, both frameworks": {
        "": ("00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18", "all")
    },
}

# What somebody wants to do, and the lessons that lead there.
WAYS = {
    "fine-tune a ViT on your own pictures next week, in PyTorch": "08 17",
    "the same in TensorFlow": "09 18",
    "change a pre-trained ViT, in PyTorch": "07 12",
    "the same in Keras": "09 13",
    "understand it from the ground": "01 02 03 04 06 07",
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


def ways(found: dict[str, Lesson], page: Path) -> str:
    """Return the ways through, with links that hold from ``page``."""
    notebooks, docs = ("", "../docs/") if page == START else ("notebooks/", "docs/")
    names = {name[:2]: name for name in LESSONS}
    rows = ["| You want to | Lessons | Time, with exercises |", "|---|---|---|"]
    for aim, numbers in WAYS.items():
        links = [f"[{n}]({notebooks}{names[n]}.ipynb)" for n in numbers.split()]
        total = sum(minutes(n, "all", found) for n in numbers.split())
        rows.append(f"| {aim} | {', '.join(links)} | {clock(total)} |")
    page_for_classes = f"[Teaching with this course]({docs}teaching.md)"
    rows.append(f"| teach a class | {page_for_classes} | a day, two days or a term |")
    return "\n".join(rows)


def renewed(text: str, **tables: str) -> str:
    """Return a page with the tables that are given, each between its two marks."""
    for name, table in tables.items():
        pattern = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(
            pattern, lambda m, t=table: f"{m[1]}{t}\n{m[2]}", text, flags=re.S
        )
        if count != 1:
            raise ValueError(f"the page needs one pair of marks for its {name}")
    return text


def pages() -> dict[Path, str]:
    """Return the text of each page that holds such tables, made anew."""
    found = course()
    teaching = {"timetable": timetable(found), "plans": plans(found)}
    notebook = json.loads(START.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if "<!-- ways: " in source:
            cell["source"] = lines(renewed(source, ways=ways(found, START)))
    return {
        PAGE: renewed(PAGE.read_text(encoding="utf-8"), **teaching),
        README: renewed(README.read_text(encoding="utf-8"), ways=ways(found, README)),
        START: to_json(notebook),
    }


def main() -> int:
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8", newline="\n")
        print(f"timetable: wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
