"""The table of a lesson that says what became of the lines of older tutorials."""

import builtins
import re

from checks.notebook import read


def table(notebook):
    """Rows of the table: three texts each."""
    (cell,) = [
        c for c in read(notebook).prose if "If you followed an older" in c.source
    ]
    lines = [line for line in cell.source.splitlines() if line.startswith("| ")]
    return [[part.strip() for part in line.strip("|").split(" | ")] for line in lines]


def code(text):
    """Return the pieces of code in a text."""
    return re.findall(r"`([^`]+)`", text)


def error_of(row):
    """Return the class of the error that a row promises, or None."""
    for word in code(row[1]):
        if word.endswith("Error"):
            return getattr(builtins, word)
    return None
