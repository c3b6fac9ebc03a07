"""The run over the notebooks fails where it should, and soon."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parent.parent


def notebook(*cells):
    """Make a notebook of (source, stored output or None) pairs, all checked."""
    made = nbformat.v4.new_notebook()
    for count, (source, words) in enumerate(cells, start=1):
        outputs = [nbformat.v4.new_output("stream", text=words)] if words else []
        cell = nbformat.v4.new_code_cell(source, execution_count=count, outputs=outputs)
        cell.metadata["tags"] = ["nbval-check-output"]
        made.cells.append(cell)
    return made


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory):
    """Run nbval with the options of the Makefile; return words and seconds."""
    folder = tmp_path_factory.mktemp("notebooks")
    shutil.copy(ROOT / "conftest.py", folder)
    made = {
        "sound": notebook(("print(1 + 1)", "2\n"), ("print(3)", "3\n")),
        "stale": notebook(("print(1 + 1)", "3\n"), ("print(3)", "3\n")),
        "error": notebook(("1 / 0", None), ("print(3)", "3\n")),
        "dying": notebook(("import os; os._exit(1)", None), ("print(3)", "3\n")),
        "where": notebook(
            ("import os, sys; print(sys.executable)", f"{sys.executable}\n"),
            ("print(os.path.exists(os.environ['COURSE_PROGRESS']))", "False\n"),
            ("print({'COURSE_HUB', 'COURSE_ROWS'} & set(os.environ))", "set()\n"),
        ),
    }
    for name, content in made.items():
        nbformat.write(content, folder / f"{name}.ipynb")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = re.search(r"^NBVAL := (.*)$", makefile, flags=re.M)[1].split()
    foreign = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text('{"argv": ["false"], "display_name": "Another Python"}')
    start = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-rA", "--color=no", *options, str(folder)],
        cwd=folder,
        env=os.environ
        | {
            "COURSE_HUB": "nowhere",
            "COURSE_ROWS": "7",
            "JUPYTER_PATH": str(folder / "jupyter"),
        },
        capture_output=True,
        text=True,
    )
    return run.stdout, time.monotonic() - start


@pytest.mark.parametrize(
    ("result", "cell"),
    [
        ("PASSED", "sound.ipynb::Cell 0"),
        ("PASSED", "sound.ipynb::Cell 1"),
        ("FAILED", "stale.ipynb::Cell 0"),
        ("PASSED", "stale.ipynb::Cell 1"),
        ("FAILED", "error.ipynb::Cell 0"),
        ("FAILED", "dying.ipynb::Cell 0"),
        ("PASSED", "where.ipynb::Cell 0"),
        ("PASSED", "where.ipynb::Cell 1"),
        ("PASSED", "where.ipynb::Cell 2"),
    ],
)
def test_cell_gets_its_verdict(verdicts, result, cell):
    assert re.search(rf"^{result} \S*{re.escape(cell)}\b", verdicts[0], flags=re.M)


def test_cells_after_a_failed_one_are_skipped(verdicts):
    assert len(re.findall("Cell 0 of this notebook failed", verdicts[0])) >= 1
    assert re.search(r"\b2 skipped", verdicts[0])


def test_dead_kernel_is_noticed_long_before_the_time_is_up(verdicts):
    words, seconds = verdicts
    assert "the kernel died" in words
    assert seconds < 120  # a cell may take 300; 8 measured for all five notebooks
