"""Lessons 08 and 09 open with the scripts of examples/, cell by cell."""

import json

from checks.copies import bare
from plain_scripts import BOTH, blocks

from course_utils.session import ROOT

LESSONS = {"transformers": "08", "keras": "09"}


def opening(kind):
    """Return the cells tagged shipped of a lesson before the second heading."""
    (file,) = (ROOT / "notebooks").glob(f"{LESSONS[kind]}_*.ipynb")
    cells, headings, found = json.loads(file.read_text("utf-8"))["cells"], 0, []
    for cell in cells:
        text = "".join(cell["source"])
        headings += cell["cell_type"] == "markdown" and text.startswith("## ")
        if headings == 2:
            break
        if "shipped" in cell["metadata"].get("tags", []):
            found.append(text)
    return found


@BOTH
def test_opening_of_the_lesson_is_the_script(kind):
    assert [bare(cell) for cell in opening(kind)] == [bare(b) for b in blocks(kind)]


def test_both_scripts_read_the_same_pictures():
    assert blocks("transformers")[0] == blocks("keras")[0]
