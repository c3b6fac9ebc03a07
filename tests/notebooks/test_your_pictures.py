"""Lessons 17 and 18 on the folders of others: they go through, or say why not.

Photographs, and eight pictures in all, run from top to bottom in a fresh kernel. The
other folders share a kernel for each lesson and run up to the split, where the last of
the refusals stands.
"""

import json
import os
import re

import folders
import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from course_tools import runner
from course_utils.session import ROOT

LESSONS = {"17": "pytorch", "18": "tensorflow"}
SETTING = re.compile(r'^PICTURES = ""', re.MULTILINE)
SPLIT_IS_DONE = re.compile("^## Shrink once$", re.MULTILINE)
QUICK = {
    **{name: make for name, make in folders.WORK.items() if name != "photographs"},
    **{name: make for name, (make, _) in folders.REFUSED.items()},
    **folders.EIGHT,
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Return an environment without settings of one's own, offline, one thread."""
    home = tmp_path_factory.mktemp("home")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "HF_"))}
    kept.pop("MPLBACKEND", None)
    return {
        **kept,
        "COURSE_PROGRESS": str(home / "progress.json"),
        "HF_HOME": str(home / "hf"),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "TF_NUM_INTRAOP_THREADS": "1",
    }


def lesson(number):
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return path


def with_pictures(source, folder):
    """Return the cell of the settings with a folder typed into its form."""
    return SETTING.sub(lambda _: f"PICTURES = {str(folder)!r}", source)


def text_of(cells):
    return json.dumps([cell.get("outputs") for cell in cells], ensure_ascii=False)


# --- From top to bottom ---------------------------------------------------------------


def run_through(number, folder, environment):
    """Run a lesson on a folder in a fresh kernel; return all that it said."""

    def choose(notebook):
        chosen = [cell for cell in notebook.cells if SETTING.search(cell.source)]
        (cell,) = (cell for cell in chosen if cell.cell_type == "code")
        cell.source = with_pictures(cell.source, folder)

    before = [x for x in folder.rglob("*") if x.is_file()]
    outcome = runner.run_one(
        lesson(number), timeout=300, environment=environment, prepare=choose
    )
    assert outcome.result == "passed", str(outcome.failure)
    assert len(before) == sum(x.is_file() for x in folder.rglob("*"))  # left alone
    said = text_of(outcome.notebook.cells)
    for drawn in ("harbor_tabby", "biscuit_hound", "animal856"):
        assert drawn not in said  # nothing of the folder to practice on
    return said


@pytest.mark.parametrize("number", LESSONS)
def test_lesson_runs_on_photographs(number, environment, tmp_path):
    said = run_through(number, folders.photographs(tmp_path), environment)
    for name in folders.NAMES:
        assert name in said


def test_lesson_runs_on_eight_pictures(environment, tmp_path):
    """So few, and so easy, that nothing is confused; 17 only, to save time."""
    run_through("17", folders.eight_pictures(tmp_path / "mine"), environment)


# --- Folders that end early, or could -----------------------------------------------


def up_to_the_split(notebook):
    """Return the code cells before the settings, and those from there to the split."""
    cells = notebook.cells
    (start,) = (
        i
        for i, cell in enumerate(cells)
        if cell.cell_type == "code" and SETTING.search(cell.source)
    )
    (end,) = (
        i
        for i, cell in enumerate(cells)
        if cell.cell_type == "markdown" and SPLIT_IS_DONE.search(cell.source)
    )
    code = [i for i, cell in enumerate(cells[:end]) if runner.is_code(cell)]
    return [i for i in code if i < start], [i for i in code if i >= start]


@pytest.fixture(scope="module", params=LESSONS)
def ends(request, environment, tmp_path_factory):
    """Return how the lesson ends with each folder: its outputs, and its error."""
    notebook = nbformat.read(lesson(request.param), as_version=4)
    opening, way = up_to_the_split(notebook)
    settings = notebook.cells[way[0]].source
    own = KernelSpecManager(kernel_dirs=[])
    client = NotebookClient(
        notebook,
        km=KernelManager(kernel_spec_manager=own),
        timeout=120,
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    )
    found = {}
    with client.setup_kernel(env=environment, cleanup_kc=True):
        for i in opening:
            client.execute_cell(notebook.cells[i], i)
        for name, make in QUICK.items():
            folder = make(tmp_path_factory.mktemp("mine"))
            notebook.cells[way[0]].source = with_pictures(settings, folder)
            error = None
            for i in way:
                notebook.cells[i].outputs = []
            try:
                for i in way:
                    client.execute_cell(notebook.cells[i], i)
            except CellExecutionError as stopped:
                error = stopped.ename, stopped.evalue
            found[name] = text_of([notebook.cells[i] for i in way]), error
    return found


def assert_plain(error, words):
    """One sentence, as a person would say it, and not from inside a library."""
    kind, sentence = error
    assert kind in ("ValueError", "SystemExit"), error
    assert len(sentence.splitlines()) == 1 and 5 < len(sentence.split()) < 60, sentence
    assert re.search(words, sentence), sentence


@pytest.mark.parametrize("name", folders.REFUSED)
def test_folder_is_refused_in_one_sentence(ends, name):
    _, error = ends[name]
    assert error is not None, f"{name} was taken"
    assert_plain(error, folders.REFUSED[name][1])


@pytest.mark.parametrize("name", [x for x in QUICK if x not in folders.REFUSED])
def test_folder_is_taken(ends, name):
    said, error = ends[name]
    assert error is None, error
    if name == "an empty class":
        assert "nothing yet" in said
    elif name != "eight pictures":
        assert "third" in said
