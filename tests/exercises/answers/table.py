"""Print how the checks judge the answers of learners: right, wrong, named.

python tests/exercises/answers/table.py [00 01 ...] [--messages]

A wrong answer counts as named if its message holds a message of the catalog, and not
only as one possibility among others. The course_utils of the current folder judges.
"""

import importlib
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [os.getcwd(), str(HERE)]

from tests_answers import RIGHT, WRONG  # noqa: E402

from course_utils.exercises import catalog  # noqa: E402
from course_utils.exercises.judge import judge  # noqa: E402

try:
    from course_utils.exercises.judge import UNSURE
except ImportError:  # an older commit
    UNSURE = "\0"


def name_of(answer) -> str:
    return getattr(answer, "__name__", repr(answer))


def named(exercise, message: str) -> bool:
    certain = message.partition(UNSURE)[0]
    return any(mistake.message in certain for mistake in exercise.mistakes)


def main(lessons: list[str], messages: bool) -> None:
    if "torch" not in sys.modules:
        __import__("torch").set_num_threads(1)
    total = [0] * 5
    for path in sorted(HERE.glob("nb*.py")):
        if lessons and path.stem[2:] not in lessons:
            continue
        importlib.import_module(path.stem)
        ids = [i for i in RIGHT | WRONG if i[:2] == path.stem[2:]]
        row = [0] * 5
        for number in sorted(ids):
            exercise = catalog.find(number)
            for answer in RIGHT.get(number, []):
                result = judge(exercise, answer)
                row[0] += result.passed
                row[1] += 1
                if not result.passed:
                    print(f"{number} right, refused: {name_of(answer)}")
                    print(re.sub("^", "    ", result.message, flags=re.M))
            for wrong in WRONG.get(number, []):
                result = judge(exercise, wrong.answer)
                sure = not result.passed and named(exercise, result.message)
                row[2] += not result.passed
                row[3] += sure
                row[4] += 1
                if result.passed:
                    print(f"{number} wrong, passed: {wrong.slip}")
                elif messages:
                    print(f"{number} {'named' if sure else 'not named'}: {wrong.slip}")
                    print(re.sub("^", "    ", result.message, flags=re.M))
        total = [a + b for a, b in zip(total, row, strict=True)]
        show(path.stem, row)
    show("all", total)


def show(name: str, row: list[int]) -> None:
    passed, rights, refused, sure, wrongs = row
    print(
        f"{name}: right passed {passed}/{rights}, wrong refused {refused}/{wrongs}, "
        f"named {sure}/{wrongs}"
    )


if __name__ == "__main__":
    words = [w for w in sys.argv[1:] if not w.startswith("--")]
    main(words, "--messages" in sys.argv)
