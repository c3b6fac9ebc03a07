"""Notebooks that end in different ways, and notebooks side by side."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from command_line import POSIX, alive, wait_for, write_notebook

from course_tools import kernels, runner

# One run over notebooks that end in different ways

GOOD = (
    "# Good",
    "import os, sys\nprint(sys.executable, os.getcwd(), os.environ['COURSE_PROFILE'])",
    "from pathlib import Path\nPath(os.environ['COURSE_PROGRESS']).write_text('{}')",
    "for i in range(4):\n    print(f'\\rstep {i}', end='')\nprint('\\nend')",
    "import base64\nfrom IPython.display import Image\n"
    "Image(base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4"
    "nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=='))",
    "x = bytearray(300_000_000)\ndel x",
    "print(os.environ['COURSE_HUB'], 'inline' in os.environ['MPLBACKEND'])",
)


def stale(path):
    """Store results that the code does not give, as an old run would have."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="from long ago")]
            cell.execution_count = 9
    notebook.metadata["widgets"] = {}
    nbformat.write(notebook, path)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Run six notebooks once, for the tests that look at what came of them."""
    base = tmp_path_factory.mktemp("mixed")
    notebooks, copies = base / "notebooks", base / "build"
    write_notebook(notebooks, "1_good", *GOOD)
    write_notebook(
        notebooks, "2_fails", "y = 1", "def f():\n    return 1 / 0\n\nf()", "z = 2"
    )
    stale(notebooks / "2_fails.ipynb")
    write_notebook(notebooks, "3_hangs", "import time\ntime.sleep(100)")
    write_notebook(notebooks, "4_dies", "import os\nos._exit(7)", "1")
    (notebooks / "5_broken.ipynb").write_text("{")
    leaves = "import subprocess, sys, time\nprint(subprocess.Popen([sys.executable, "
    leaves += "'-c', 'import time; time.sleep(100)']).pid)\ntime.sleep(3)"
    write_notebook(notebooks, "6_leaves", leaves)
    foreign = base / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["false"], "display_name": "Other", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    updates = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", str(base / "jupyter"))
        patch.setenv("COURSE_PROGRESS", str(base / "learner.json"))
        patch.setenv("COURSE_HUB", "some/folder")
        patch.setenv("MPLBACKEND", "agg")
        options = {
            "environment": os.environ | {"COURSE_PROFILE": "full"},
            "copies": copies,
            "show": lambda outcome, source: updates.append((outcome.name, source)),
        }
        others = {path.stem: path for path in sorted(notebooks.iterdir())}
        hangs = {"3_hangs": others.pop("3_hangs")}
        outcomes = runner.run(others, timeout=60, jobs=2, **options)
        outcomes += runner.run(hangs, timeout=2, **options)
    return SimpleNamespace(
        base=base,
        copies=copies,
        outcomes={outcome.name: outcome for outcome in outcomes},
        updates=updates,
        left=psutil.Process().children(recursive=True),
    )


def executed(mixed, name):
    return nbformat.read(mixed.copies / f"{name}.ipynb", as_version=4)


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def test_a_failing_notebook_does_not_stop_the_rest(mixed):
    assert {name: outcome.result for name, outcome in mixed.outcomes.items()} == {
        "1_good": "passed",
        "2_fails": "failed",
        "3_hangs": "failed",
        "4_dies": "failed",
        "5_broken": "failed",
        "6_leaves": "passed",
    }


def test_cells_are_counted(mixed):
    counts = {name: (o.done, o.cells) for name, o in mixed.outcomes.items()}
    assert counts["1_good"] == (6, 6)
    assert counts["2_fails"] == (1, 3)
    assert counts["4_dies"] == (0, 2)


def test_kernel_is_this_python_in_the_notebook_s_folder(mixed):
    # Although a kernelspec named python3 on the Jupyter path belongs to another one.
    cell = executed(mixed, "1_good").cells[1]
    folder = mixed.base / "notebooks"
    assert printed(cell) == f"{sys.executable} {folder} full\n"


def test_caller_s_settings_reach_the_kernel_in_a_form_that_works_there(mixed):
    # A relative COURSE_HUB is the caller's; figures go to the notebook, not to agg.
    cell = executed(mixed, "1_good").cells[6]
    assert printed(cell) == f"{Path.cwd() / 'some' / 'folder'} True\n"


def test_learner_s_progress_file_is_left_alone(mixed):
    assert not (mixed.base / "learner.json").exists()


def test_progress_output_is_stored_as_a_terminal_shows_it(mixed):
    assert printed(executed(mixed, "1_good").cells[3]) == "step 3\nend\n"


def test_failure_shows_the_cell_the_line_and_the_message(mixed):
    failure = mixed.outcomes["2_fails"].failure
    assert failure.cell == 2
    assert failure.source.splitlines()[failure.line - 1] == "f()"
    assert failure.reason == "ZeroDivisionError: division by zero"


def test_message_of_the_course_is_shown_to_its_end():
    reason = "COURSE_HUB=/there is not a folder. " + 30 * "Point it at one. " + "Last."
    mine = SimpleNamespace(ename="DataError", evalue=reason, traceback="")
    assert runner._message(mine) == f"DataError: {reason}"
    other = SimpleNamespace(ename="ValueError", evalue=reason, traceback="")
    assert len(runner._message(other)) == 200


def test_cell_over_its_time_is_stopped(mixed):
    outcome = mixed.outcomes["3_hangs"]
    assert outcome.failure.reason == "the cell ran longer than 2 s"
    assert outcome.seconds < 60


def test_dead_kernel_is_noticed_at_once(mixed):
    outcome = mixed.outcomes["4_dies"]
    assert outcome.failure.reason == "the kernel died (exit code 7)"
    assert outcome.failure.source == "import os\nos._exit(7)"
    assert outcome.seconds < 50


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, ""),
        (7, " (exit code 7)"),
        pytest.param(-15, " (SIGTERM)", marks=POSIX),
        (-40, " (signal 40)"),
    ],
)
def test_end_of_a_kernel_in_words(code, said):
    process = SimpleNamespace(returncode=code)
    manager = SimpleNamespace(provisioner=SimpleNamespace(process=process))
    assert kernels.Family(manager).exit_status() == said


def test_file_that_is_no_notebook_is_a_failure(mixed):
    assert "JSON" in mixed.outcomes["5_broken"].failure.reason


def test_peak_memory_includes_what_was_given_back(mixed):
    assert mixed.outcomes["1_good"].peak_bytes > 300e6
    assert 10e6 < mixed.outcomes["2_fails"].peak_bytes < 300e6


def test_processes_that_a_notebook_leaves_are_ended(mixed):
    process = int(printed(executed(mixed, "6_leaves").cells[0]))
    assert not alive(process)
    assert not [p for p in mixed.left if "ipykernel_launcher" in " ".join(p.cmdline())]


def test_executed_copies_hold_no_old_results(mixed):
    notebook = executed(mixed, "2_fails")
    first, second, third = notebook.cells
    assert (first.outputs, first.execution_count) == ([], 1)
    assert second.outputs[-1].ename == "ZeroDivisionError"
    assert (third.outputs, third.execution_count) == ([], None)
    assert "widgets" not in notebook.metadata


def test_each_copy_comes_with_a_page_and_no_temporary_file_stays(mixed):
    names = ("1_good", "2_fails", "3_hangs", "4_dies", "6_leaves")
    expected = {f"{n}{ending}" for n in names for ending in (".ipynb", ".html")}
    assert {path.name for path in mixed.copies.iterdir()} == expected
    page = (mixed.copies / "1_good.html").read_text(encoding="utf-8")
    assert 'src="data:image/png;base64' in page and "step 3" in page


def test_copies_that_cannot_be_written_are_a_failure(tmp_path):
    path = write_notebook(tmp_path, "good", "1")
    (tmp_path / "build").write_text("a file, not a folder")
    outcome = runner.run_one(path, timeout=60, copies=tmp_path / "build")
    assert outcome.result == "failed" and outcome.done == 1
    assert f"no copy was written to {tmp_path / 'build'}" in outcome.failure.reason


def test_kernel_environment_and_cells_are_those_asked_for(tmp_path, monkeypatch):
    # As the stand-in for Colab needs them: another kernel, nothing of the caller's.
    monkeypatch.setenv("COURSE_ROWS", "7")
    path = write_notebook(tmp_path, "a", "print(before, sorted(os.environ))")
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata["kernelspec"] = {"name": "other", "display_name": "Other"}
    nbformat.write(notebook, path)
    start = (
        "from ipykernel import kernelapp; import builtins; builtins.before = 'first';"
        "kernelapp.launch_new_instance()"
    )
    environment = {name: os.environ[name] for name in ("PATH", "HOME")}
    outcome = runner.run_one(
        path,
        timeout=60,
        environment=environment,
        kernel=[sys.executable, "-c", start, "-f", "{connection_file}"],
        prepare=lambda n: n.cells.insert(0, nbformat.v4.new_code_cell("import os")),
    )
    assert (outcome.result, outcome.cells) == ("passed", 2)
    said = printed(outcome.notebook.cells[1])
    assert said.startswith("first [") and "'HOME'" in said
    assert "COURSE_ROWS" not in said


def test_show_hears_of_each_notebook_and_of_its_end(mixed):
    ends = [name for name, source in mixed.updates if source is None]
    assert sorted(ends) == sorted(mixed.outcomes)
    assert ("3_hangs", "import time\ntime.sleep(100)") in mixed.updates


# Side by side


def test_as_many_run_at_a_time_as_asked_for_each_with_its_own_progress(tmp_path):
    own = (
        "import os\nfrom pathlib import Path\n"
        "mine = Path(os.environ['COURSE_PROGRESS'])\n"
        "assert not mine.exists()\nmine.write_text('{}')"
    )

    def meet(name, other):
        come = f"Path({str(tmp_path / name)!r}).touch()"
        return write_notebook(
            tmp_path, name, own, come, wait_for(tmp_path / f"{other}")
        )

    paths = {
        "1_a": meet("1_a", "2_b"),
        "2_b": meet("2_b", "1_a"),
        "3_c": write_notebook(tmp_path, "3_c", own),
    }
    seen, most = [], 0

    def show(outcome, source):
        nonlocal most
        if outcome not in seen:
            seen.append(outcome)
        most = max(most, sum(o.result == "running" for o in seen))

    outcomes = runner.run(paths, timeout=60, jobs=2, show=show)
    assert [(o.name, o.result) for o in outcomes] == [(n, "passed") for n in paths]
    assert most == 2


@pytest.mark.parametrize(
    ("cores", "free", "profile", "jobs"),
    [
        (1, 20e9, "reduced", 1),
        (2, 20e9, "reduced", 2),
        (8, 20e9, "reduced", 2),
        (2, 5e9, "reduced", 1),
        (8, 20e9, "full", 1),
    ],
)
def test_default_number_fits_the_machine(monkeypatch, cores, free, profile, jobs):
    room = SimpleNamespace(available=free)
    monkeypatch.setattr(runner.psutil, "virtual_memory", lambda: room)
    monkeypatch.setattr(runner, "_cores", lambda: cores)
    assert runner.default_jobs(profile) == jobs


@pytest.mark.parametrize(
    ("asked", "alone", "found"),
    [(None, False, "1"), (None, True, None), ("3", False, "3"), ("3", True, "3")],
)
def test_kernels_side_by_side_use_one_thread_each_unless_told(
    tmp_path, asked, alone, found
):
    paths = [
        write_notebook(tmp_path, name, "import os\nprint(os.getenv('OMP_NUM_THREADS'))")
        for name in ("a", "b")[: 1 if alone else 2]
    ]
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    outcomes = runner.run(
        {path.stem: path for path in paths},
        timeout=60,
        environment=environment | ({"OMP_NUM_THREADS": asked} if asked else {}),
        jobs=2,
    )
    for outcome in outcomes:
        assert printed(outcome.notebook.cells[0]) == f"{found}\n"
