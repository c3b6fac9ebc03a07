import base64
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace

import nbformat
import psutil
import pytest
from hub_stand_in import NOBODY, REPO, isolate, serve_impatient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from typer.testing import CliRunner

import course_utils
from course_tools import cli, doctor, runner
from course_utils import session
from course_utils.data import checkpoints, hub
from course_utils.data import sets as data
from course_utils.exercises import catalog

TINY = session.ROOT / "data" / "tiny-vit"
POSIX = pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX systems")


def vit_course(*arguments):
    return CliRunner().invoke(cli.app, [*arguments])


def flat(text):
    """Drop frames and line breaks, so that a wrapped sentence can be found."""
    return " ".join(re.sub(r"[│┃]", " ", text).split())


def write_notebook(folder, name, *cells):
    """Write a notebook; a cell that starts with # is Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = [
        new_markdown_cell(c) if c.startswith("#") else new_code_cell(c) for c in cells
    ]
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def stale(path):
    """Store results that the code does not give, as an old run would have."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="from long ago")]
            cell.execution_count = 9
    notebook.metadata["widgets"] = {}
    nbformat.write(notebook, path)


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("COURSE_PROFILE", "COURSE_HUB", "FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(session, "_chosen", None)


# Names of notebooks


@pytest.fixture
def folder(tmp_path):
    for name in ("00_start", "01_math", "04_vit_mnist", "04_vit_other"):
        write_notebook(tmp_path / "notebooks", name, "1")
    return tmp_path / "notebooks"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], ["00_start", "01_math", "04_vit_mnist", "04_vit_other"]),
        (["01"], ["01_math"]),
        (["04_vit_m"], ["04_vit_mnist"]),
        (["04_vit_mnist.ipynb", "00_start"], ["04_vit_mnist", "00_start"]),
        (["01", "01_math"], ["01_math"]),
    ],
)
def test_names_of_notebooks(folder, names, found):
    assert runner.find(names, folder) == [folder / f"{name}.ipynb" for name in found]


def test_a_path_names_a_notebook_anywhere(folder, tmp_path):
    other = write_notebook(tmp_path / "mine", "try", "1")
    assert runner.find([str(other)], folder) == [other]


@pytest.mark.parametrize(("name", "kind"), [("7", "is no"), ("04", "fits several")])
def test_names_that_do_not_decide_are_refused(folder, name, kind):
    with pytest.raises(ValueError, match=f"'{name}' {kind}.*04_vit_mnist, 04_vit_oth"):
        runner.find([name], folder)


def test_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no notebooks in"):
        runner.find([], tmp_path)


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


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Run six notebooks once, for the tests that look at what came of them."""
    base = tmp_path_factory.mktemp("mixed")
    notebooks, build = base / "notebooks", base / "build"
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
        settings = {
            "profile": "full",
            "build": build,
            "show": lambda outcome, source: updates.append((outcome.name, source)),
        }
        hangs = notebooks / "3_hangs.ipynb"
        others = [path for path in runner.find([], notebooks) if path != hangs]
        outcomes, interrupted = runner.run(others, timeout=60, jobs=2, **settings)
        outcomes += runner.run([hangs], timeout=2, **settings)[0]
    return SimpleNamespace(
        base=base,
        build=build,
        outcomes={outcome.name: outcome for outcome in outcomes},
        interrupted=interrupted,
        updates=updates,
        left=psutil.Process().children(recursive=True),
    )


def executed(mixed, name):
    return nbformat.read(mixed.build / f"{name}.ipynb", as_version=4)


def printed(cell):
    return "".join(output.get("text", "") for output in cell.outputs)


def test_a_failing_notebook_does_not_stop_the_rest(mixed):
    assert not mixed.interrupted
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


def test_pieces_of_a_stream_are_joined_but_not_across_others():
    def piece(text, name="stdout"):
        return nbformat.v4.new_output("stream", text=text, name=name)

    figure = nbformat.v4.new_output("display_data")
    pieces = [piece("a\rb"), piece("c\r"), piece("d\n"), figure, piece("e\r\nf")]
    pieces += [piece("g", "stderr")]
    settled = runner._settle(pieces)
    assert [output.get("text") for output in settled] == ["d\n", None, "e\r\nf", "g"]


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
    assert runner._exit_status(SimpleNamespace(manager=manager)) == said


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
    assert {path.name for path in mixed.build.iterdir()} == expected
    page = (mixed.build / "1_good.html").read_text(encoding="utf-8")
    assert 'src="data:image/png;base64' in page and "step 3" in page


def test_copies_that_cannot_be_written_are_a_failure(tmp_path):
    path = write_notebook(tmp_path, "good", "1")
    (tmp_path / "build").write_text("a file, not a folder")
    settings = {"profile": "reduced", "timeout": 60, "build": tmp_path / "build"}
    (outcome,), _ = runner.run([path], **settings)
    assert outcome.result == "failed" and outcome.done == 1
    assert f"no copy was written to {tmp_path / 'build'}" in outcome.failure.reason


def test_two_notebooks_with_one_name_keep_a_copy_each(tmp_path, capsys):
    texts = {"one": "print('the first')", "two": "1 / 0", "three": "print('the third')"}
    paths = [write_notebook(tmp_path / n, "try", text) for n, text in texts.items()]
    assert cli.execute(paths, "reduced", 60, 2, tmp_path / "build") == 1
    copies = tmp_path / "build" / "reduced"
    said = {p.name: p.read_text() for p in copies.iterdir()}
    assert set(said) == {
        f"{name}.{kind}"
        for name in ("try", "try-2", "try-3")
        for kind in ("ipynb", "html")
    }
    for kind in ("ipynb", "html"):
        assert "the first" in said[f"try.{kind}"]
        assert "ZeroDivisionError" in said[f"try-2.{kind}"]
        assert "the third" in said[f"try-3.{kind}"]
    log = flat(capsys.readouterr().out)
    for words in ("passed try:", "failed try-2:", "passed try-3:"):
        assert words in log


def test_names_of_copies_never_meet():
    paths = ["a/x", "b/x", "c/x-2", "d/X", "e/y"]
    found = runner.names([Path(f"{path}.ipynb") for path in paths])
    assert found == ["x", "x-2", "x-2-2", "X-3", "y"]


def test_show_hears_of_each_notebook_and_of_its_end(mixed):
    ends = [name for name, source in mixed.updates if source is None]
    assert sorted(ends) == sorted(mixed.outcomes)
    assert ("3_hangs", "import time\ntime.sleep(100)") in mixed.updates


def test_links_out_of_the_folder_hold_from_the_copies_too(tmp_path):
    text = "# Links\n\n[![a](../docs/a.svg)](https://b.org/../c) [d](e.ipynb)"
    path = write_notebook(tmp_path / "notebooks", "links", text)
    runner._write(runner._read(path), path, tmp_path / "build" / "full", path.stem)
    copy = nbformat.read(tmp_path / "build" / "full" / "links.ipynb", as_version=4)
    assert copy.cells[0].source == text.replace("(../docs", "(../../docs")
    page = (tmp_path / "build" / "full" / "links.html").read_text(encoding="utf-8")
    assert 'src="../../docs/a.svg"' in page


def test_pictures_beside_a_notebook_go_into_its_page(tmp_path):
    icon = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    (tmp_path / "icon.svg").write_bytes(icon)
    text = "# Pictures\n\n![here](icon.svg) ![nowhere](gone.svg)"
    path = write_notebook(tmp_path, "pictures", text)
    runner._write(runner._read(path), path, tmp_path / "build", path.stem)
    page = (tmp_path / "build" / "pictures.html").read_text(encoding="utf-8")
    embedded = f"data:image/svg+xml;base64,{base64.b64encode(icon).decode()}"
    assert embedded in page and 'src="gone.svg"' in page


def test_figures_of_the_page_have_their_line_as_alt_text(tmp_path):
    cells = [nbformat.v4.new_markdown_cell(f"*Figure: {s}.*") for s in ("one", '"<2>"')]
    for output in 3 * [nbformat.v4.new_output("display_data", {"image/png": "iVB"})]:
        cells.append(nbformat.v4.new_code_cell("1", outputs=[output]))
    first, second, *shown = cells
    cells = [first, *shown[:2], second, shown[2]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    runner._write(notebook, tmp_path / "a.ipynb", tmp_path / "build", "a")
    page = (tmp_path / "build" / "a.html").read_text(encoding="utf-8")
    alts = re.findall(r"<img alt=(?:\"(.*?)\"|'(.*?)')", page)
    nothing = "No description has been provided for this image"
    assert [*map("".join, alts)] == ["one.", '"&lt;2&gt;".', nothing]
    assert "alt" not in (tmp_path / "build" / "a.ipynb").read_text(encoding="utf-8")


# Side by side


def wait_for(path):
    """Return code that waits until a path exists."""
    return (
        f"import pathlib, time\nwhile not pathlib.Path({str(path)!r}).exists():\n"
        "    time.sleep(0.02)"
    )


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

    paths = [
        meet("1_a", "2_b"),
        meet("2_b", "1_a"),
        write_notebook(tmp_path, "3_c", own),
    ]
    seen, most = [], 0

    def show(outcome, source):
        nonlocal most
        if outcome not in seen:
            seen.append(outcome)
        most = max(most, sum(o.result == "running" for o in seen))

    settings = {"profile": "reduced", "timeout": 60, "build": tmp_path / "build"}
    outcomes, _ = runner.run(paths, jobs=2, show=show, **settings)
    assert [(o.name, o.result) for o in outcomes] == [
        (path.stem, "passed") for path in paths
    ]
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
    monkeypatch, tmp_path, asked, alone, found
):
    monkeypatch.delenv("OMP_NUM_THREADS")
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    job = SimpleNamespace(alone=alone, profile="reduced", scratch=tmp_path)
    assert runner._environment(job).get("OMP_NUM_THREADS") == found


@POSIX
def test_one_notebook_alone_keeps_all_threads(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(runner, "_run_all", lambda jobs, limit, show: seen.extend(jobs))
    for paths in ([Path("a.ipynb")], [Path("a.ipynb"), Path("b.ipynb")]):
        runner.run(
            paths, profile="reduced", timeout=9, build=tmp_path, jobs=2, show=print
        )
    assert [job.alone for job in seen] == [True, False, False]


# What the command line shows of it


def test_log_without_terminal_has_a_line_per_notebook_and_a_table(tmp_path, capsys):
    # The first ends last; the table keeps the order of the lessons.
    wait = wait_for(tmp_path / "build" / "reduced" / "2_fails.html")
    paths = [
        write_notebook(tmp_path, "1_good", wait),
        write_notebook(tmp_path, "2_fails", "x = 1\nraise ValueError('[oh] no')"),
    ]
    assert cli.execute(paths, "reduced", 60, 2, tmp_path / "build") == 1
    log = capsys.readouterr().out
    assert "\x1b" not in log and "\r" not in log
    assert re.search(r"^passed  1_good: 1 of 1 cells, \d+ s, \d+ MB$", log, re.M)
    assert re.search(r"^failed  2_fails: 0 of 1 cells", log, re.M)
    assert "2_fails, code cell 1 of 1" in log
    assert "❱ 2 raise ValueError('[oh] no')" in log and "ValueError: [oh] no" in log
    assert re.search(r"│ 1_good\s+│ +1/1 │ +[\d.]+ │ +\d+ MB │ passed", log)
    ends = [log.index(line) for line in ("\nfailed  2_", "\npassed  1_")]
    rows = [log.index(row) for row in ("│ 1_good ", "│ 2_fails ")]
    assert [*ends, *rows] == sorted([*ends, *rows])
    assert "1 of 2 passed" in log and str(tmp_path / "build" / "reduced") in log
    assert re.search(r"^Took \d+ s, 2 notebooks at a time\.$", log, re.M)


def test_exit_code_is_zero_when_all_pass(tmp_path):
    path = write_notebook(tmp_path, "good", "1")
    assert cli.execute([path], "full", 60, build=tmp_path / "build") == 0
    assert (tmp_path / "build" / "full" / "good.html").is_file()


def test_run_passes_on_what_was_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(runner, "default_jobs", lambda profile: f"as {profile} allows")
    monkeypatch.setattr(cli, "execute", lambda *a: asked.append(a) or 0)
    monkeypatch.setattr(runner, "find", lambda names, folder: [names, folder])
    options = ("--timeout", "9", "--jobs", "3")
    assert vit_course("run", "01", "04", *options).exit_code == 0
    assert asked[-1] == ([["01", "04"], session.ROOT / "notebooks"], "reduced", 9, 3)
    assert vit_course("run", "--profile", "full").exit_code == 0
    assert asked[-1][1:] == ("full", cli.TIMEOUTS["full"], "as full allows")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    vit_course("run")
    assert asked[-1][1] == "full"


def test_run_refuses_what_it_does_not_know(monkeypatch, folder):
    monkeypatch.setattr(cli, "ROOT", folder.parent)
    result = vit_course("run", "07")
    assert result.exit_code == 2
    assert "'07' is no notebook; choose from: 00_start" in flat(result.output)
    result = vit_course("run", "--profile", "big")
    assert result.exit_code == 2 and "reduced or full" in flat(result.output)


def alive(number):
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start_in_foreground(code):
    """Start Python with SIGINT as in a terminal: `pytest &` in a script ignores it."""
    foreground = "import signal\nsignal.signal(2, signal.default_int_handler)\n"
    return subprocess.Popen(
        [sys.executable, "-c", foreground + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=session.ROOT,
    )


@POSIX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_leaves_no_process_and_shows_what_was_done(tmp_path, number):
    notebooks, started = tmp_path / "notebooks", tmp_path / "started"
    started.mkdir()
    write_notebook(notebooks, "1_good", "1")
    slow = f"""
        import os, pathlib, subprocess, time
        child = subprocess.Popen(["sleep", "100"], start_new_session=True)
        started = pathlib.Path({str(started)!r}) / str(os.getpid())
        started.with_suffix(".part").write_text(f"{{os.getpid()}} {{child.pid}}")
        os.replace(started.with_suffix(".part"), started)
        time.sleep(100)
    """
    for name in ("2_slow", "3_slow"):
        write_notebook(notebooks, name, textwrap.dedent(slow).strip())
    write_notebook(notebooks, "4_never", "1")
    code = f"""
        import sys
        from pathlib import Path
        from course_tools import cli, runner
        folder = Path({str(notebooks)!r})
        paths = runner.find([], folder)
        status = cli.execute(paths, "reduced", 99, 2, folder.parent / "build")
        for frame in sys._current_frames().values():
            while frame:
                print("a thread is in", frame.f_code.co_name)
                frame = frame.f_back
        sys.exit(status)
    """
    run = start_in_foreground(textwrap.dedent(code))
    deadline = time.monotonic() + 60
    while len(notes := [p for p in started.iterdir() if not p.suffix]) < 2:
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    processes = [int(word) for note in notes for word in note.read_text().split()]
    assert len(set(processes)) == 4 and all(map(alive, processes))
    time.sleep(3)  # the runner looks for children a few times a second
    run.send_signal(number)
    log, _ = run.communicate(timeout=60)
    assert run.returncode == 130
    assert not any(map(alive, processes))
    for name, result in [
        ("1_good", "passed"),
        ("2_slow", "interrupted"),
        ("3_slow", "interrupted"),
        ("4_never", "not run"),
    ]:
        assert re.search(rf"│ {name} .*│ {result} ", log)
    assert "no kernel is left running" in log
    assert "a thread is in <module>" in log and "in _execute" not in log
    assert sorted(p.name for p in (tmp_path / "build" / "reduced").iterdir()) == [
        "1_good.html",
        "1_good.ipynb",
    ]


def test_terminal_shows_bars_and_the_running_cell(tmp_path):
    from rich.console import Console

    paths = [write_notebook(tmp_path, name, "1", "2") for name in ("1_a", "2_b")]
    console = Console(force_terminal=True, width=100, file=io.StringIO())
    board = cli._Board(console, paths)
    going = runner.Outcome("1_a", "running", done=1, cells=2, seconds=3.2)
    board.show(going, "model.fit()\nmore")
    ended = runner.Outcome("2_b", "failed", done=0, cells=2, seconds=1.0)
    board.show(ended, None)
    with console.capture() as capture:
        console.print(board.bars)
    first, second, whole = re.sub(r"\x1b\[[\d;]*m", "", capture.get()).splitlines()
    assert "1_a" in first and "1/2 3 s model.fit()" in first
    assert first[0] not in " ✓✗"  # turns
    assert "✗ 2_b" in second and "0/2" in second and "failed" in second
    assert "all notebooks" in whole and "1/2" in whole


# doctor


@pytest.fixture
def healthy(monkeypatch):
    """Leave out what takes seconds (torch) or differs between machines."""
    monkeypatch.setattr(doctor, "_device", lambda: doctor.Check("device", "ok", "CPU"))
    monkeypatch.setattr(doctor, "_memory", lambda: doctor.Check("memory", "ok", "9 GB"))
    monkeypatch.setattr(doctor, "_disk", lambda: doctor.Check("disk", "ok", "9 GB"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def row(result, name):
    return next(
        line.split("│")[1:-1]
        for line in result.output.splitlines()
        if f"│ {name} " in line
    )


def test_doctor_finds_a_good_set_up_good(healthy):
    result = vit_course("doctor")
    assert result.exit_code == 0, result.output
    assert "Everything the course needs is there." in result.output
    for name in ("Python", "numpy", "torch", "pytest", "bundled data"):
        assert row(result, name)[-1].strip() == "ok"


def test_unreachable_hub_is_told_and_is_no_failure(healthy):
    result = vit_course("doctor")
    assert row(result, "Hugging Face Hub")[-1].strip() == "info"
    assert "no connection" in flat(result.output)


@pytest.mark.parametrize(
    ("package", "version", "code", "status"),
    [
        ("numpy", "1.26.4", 1, "fail"),
        ("torch", None, 0, "info"),  # its notebooks cannot run, the others can
        ("transformers", None, 1, "fail"),
        ("tensorflow", None, 0, "info"),
        ("keras", "2.15.0", 1, "fail"),
        ("ruff", "0.1.0", 0, "info"),
        ("transformers", "5.99.0.dev0", 0, "ok"),
    ],
)
def test_doctor_judges_versions(monkeypatch, healthy, package, version, code, status):
    real = doctor.importlib.metadata.version

    def report(name):
        if name != package:
            return real(name)
        if version is None:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(doctor.importlib.metadata, "version", report)
    result = vit_course("doctor")
    assert result.exit_code == code
    cells = row(result, package)
    assert cells[-1].strip() == status
    assert (version or "not installed") in cells[2]
    remedy = (
        f"To mend it: run `make setup` in the course's folder, or `{sys.executable}"
    )
    assert (remedy in flat(result.output)) == (status == "fail")


@pytest.mark.parametrize(
    ("package", "version", "status", "words"),
    [
        ("keras-hub", "99.0", "info", "99.0: not tested with this version"),
        ("keras-hub", None, "fail", "run the notebook's first cell"),
    ],
)
def test_doctor_changes_nothing_that_colab_ships(
    monkeypatch, package, version, status, words
):
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    (wanted,) = [r for r in doctor._declared()[1] if r.name == package]

    def report(name):
        if name == package and version is None:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return version if name == package else "1.0"

    monkeypatch.setattr(doctor.importlib.metadata, "version", report)
    check = doctor._package(wanted, "tensorflow")
    assert check.status == status
    assert words in check.found + check.remedy
    assert "make" not in check.remedy and "pip" not in check.remedy


def test_doctor_fails_without_any_framework(monkeypatch, healthy):
    real = doctor.importlib.metadata.version

    def report(name):
        if name in doctor.FRAMEWORKS:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", report)
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert row(result, "torch")[-1].strip() == "fail"
    assert row(result, "tensorflow")[-1].strip() == "fail"


def test_doctor_judges_python(monkeypatch, healthy):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 1))
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert "Python: 3.10.1 To mend it: install Python >=3.11" in flat(result.output)


def test_doctor_names_damaged_data_and_the_remedy(monkeypatch, healthy, tmp_path):
    monkeypatch.setattr(data, "ROOT", tmp_path)
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert "SHA256SUMS is missing" in flat(result.output)
    assert "is missing To mend it: Restore it with `git checkout" in flat(result.output)


def test_doctor_names_a_damaged_checkpoint(monkeypatch, healthy, tmp_path):
    shutil.copytree(TINY, tmp_path / "tiny-vit")
    weights = tmp_path / "tiny-vit" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    monkeypatch.setattr(checkpoints, "_TINY", tmp_path / "tiny-vit")
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert row(result, "tiny-vit")[-1].strip() == "fail"
    assert "model.safetensors cannot be read" in flat(result.output)


def test_doctor_looks_into_course_hub(monkeypatch, healthy, tmp_path):
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    assert row(vit_course("doctor"), "COURSE_HUB")[-1].strip() == "info"
    shutil.copytree(TINY, tmp_path / hub.REPOSITORIES["anatomy"].id)
    result = vit_course("doctor")
    assert row(result, "COURSE_HUB")[-1].strip() == "ok"
    assert "holds anatomy; the rest: from the Hub" in flat(result.output)
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "nowhere"))
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert "is not a folder" in flat(result.output)


@pytest.mark.parametrize(("name", "free"), [("_memory", 1e9), ("_disk", 1e8)])
def test_doctor_asks_for_room(monkeypatch, name, free):
    room = SimpleNamespace(available=free, free=free)
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: room)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: room)
    check = getattr(doctor, name)()
    assert check.status == "fail" and check.remedy


def test_ranges_are_read_the_same_with_and_without_installation(monkeypatch):
    def wanted():
        python, requirements = doctor._declared()
        return python, {
            extra: sorted(
                (r.name, str(r.specifier))
                for r in requirements
                if doctor._belongs_to(r, extra)
            )
            for extra in doctor.GROUPS
        }

    try:
        installed = wanted()
    except FileNotFoundError:
        pytest.fail("neither installed nor in a clone")

    def missing(name):
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "metadata", missing)
    assert wanted() == installed
    assert all(installed[1].values())
    text = [r for r in doctor._declared()[1] if r.name == "tensorflow-text"]
    windows = {"extra": "tensorflow", "sys_platform": "win32"}
    assert text and not any(r.marker.evaluate(windows) for r in text)


# download


@pytest.fixture
def hub_server(monkeypatch, tmp_path):
    """Serve the digits as MNIST and tiny-vit as the anatomy checkpoint."""
    isolate(monkeypatch, tmp_path / "hf")
    folder, mnist = tmp_path / "served", tmp_path / "served" / REPO / "mnist"
    mnist.mkdir(parents=True)
    for split in ("train", "test"):
        source = session.ROOT / "data" / "digits" / f"{split}.parquet"
        shutil.copyfile(source, mnist / f"{split}-00000-of-00001.parquet")
    shutil.copytree(TINY, folder / hub.REPOSITORIES["anatomy"].id)
    with serve_impatient(monkeypatch, folder) as server:
        yield server


def fetch_both(folder):
    return vit_course(
        "download", "--to", str(folder), "--only", "mnist", "--only", "anatomy"
    )


def test_download_says_what_is_to_come_and_fills_the_folder(hub_server, tmp_path):
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 0, result.output
    before, _, after = result.output.partition("train-00000-of-00001.parquet: ")
    for word in (REPO, "0.5 MB", "google/vit-base-patch16-224", "main", "free)"):
        assert word in before
    assert f"From {hub_server.url} to {tmp_path / 'to'}" in before
    assert f"set COURSE_HUB={tmp_path / 'to'}" in after
    copies = [path for path in (tmp_path / "to").rglob("*") if path.is_file()]
    wanted = ["test-00000-of-00001.parquet", "train-00000-of-00001.parquet"]
    wanted += hub.REPOSITORIES["anatomy"].patterns.values()
    assert {path.name for path in copies} - {"README.md"} == set(wanted)
    for path in copies:
        source = tmp_path / "served" / path.relative_to(tmp_path / "to")
        assert path.read_bytes() == source.read_bytes()


def test_downloaded_folder_serves_course_hub_without_network(
    monkeypatch, hub_server, tmp_path
):
    fetch_both(tmp_path / "to")
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "to"))
    hub_server.requests.clear()
    assert len(data.load("mnist")["test"]) == 359
    folder = checkpoints.locate("anatomy")
    assert folder == str(tmp_path / "to" / hub.REPOSITORIES["anatomy"].id)
    with pytest.raises(data.DataError, match="HF_HUB_OFFLINE is set"):
        checkpoints.locate("finetune")
    assert not hub_server.requests


def test_second_download_fetches_nothing_and_mends_what_is_damaged(
    hub_server, tmp_path
):
    fetch_both(tmp_path / "to")
    hub_server.sent.clear()
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 0 and "Complete and checked" in result.output
    assert not hub_server.sent
    path = next((tmp_path / "to").rglob("test-*.parquet"))
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    assert fetch_both(tmp_path / "to").exit_code == 0
    assert path.read_bytes() == content
    assert list(hub_server.sent.values()) == [len(content)]


def test_failed_download_is_told_in_two_lines_and_resumed(hub_server, tmp_path):
    hub_server.faults = {"model.safetensors": "truncated"}
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 1 and "COURSE_HUB=" not in result.output
    assert len(result.stderr.strip().splitlines()) == 2
    assert "the connection broke off" in result.stderr
    assert "HTTPS_PROXY for a proxy" in result.stderr
    assert "COURSE_PROFILE" not in result.stderr
    hub_server.faults = {}
    assert fetch_both(tmp_path / "to").exit_code == 0
    name = f"{hub.REPOSITORIES['anatomy'].id}/model.safetensors"
    assert hub_server.sent[name] == (TINY / "model.safetensors").stat().st_size


def test_download_that_is_forbidden_says_what_forbids_it(
    hub_server, monkeypatch, tmp_path
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 1
    assert "Unset HF_HUB_OFFLINE and run the same command again." in result.stderr
    assert "connection" not in result.stderr


def test_download_without_room_is_refused_before_it_starts(
    monkeypatch, hub_server, tmp_path
):
    monkeypatch.setattr(hub, "free_space", lambda folder: 600_000)  # mnist alone fits
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 1 and "are to be written" in result.stderr
    assert not hub_server.sent and not (tmp_path / "to").exists()


def test_download_refuses_names_it_does_not_know(tmp_path):
    result = vit_course("download", "--to", str(tmp_path), "--only", "imagenet")
    assert result.exit_code == 2
    assert "'imagenet': choose from mnist, cifar10" in flat(result.output)


@POSIX
def test_interrupted_download_can_be_resumed(hub_server, tmp_path):
    hub_server.faults = {"model.safetensors": "stall"}
    words = ["download", "--only", "anatomy", "--to", str(tmp_path / "to")]
    run = start_in_foreground(f"from course_utils import cli\ncli.app({words!r})")
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size for p in (tmp_path / "to").rglob(".model*.part")):
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    log, _ = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "the same command goes on from here" in log and "Traceback" not in log
    hub_server.faults = {}
    assert fetch_both(tmp_path / "to").exit_code == 0
    name = f"{hub.REPOSITORIES['anatomy'].id}/model.safetensors"
    assert hub_server.sent[name] < 1.5 * (TINY / "model.safetensors").stat().st_size


# The rest


def test_without_a_command_there_is_help():
    result = vit_course()
    assert result.exit_code == 0
    assert all(word in result.output for word in ("doctor", "run", "progress"))


def test_version_is_printed():
    assert vit_course("--version").output == f"vit-course {course_utils.__version__}\n"


def test_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "course_tools", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=session.ROOT,
    )
    assert "vit-course" in done.stdout


def test_progress_shows_the_learner_s_record():
    result = vit_course("progress")
    assert result.exit_code == 0
    assert "01_attention_math" in result.output and "Next: " in result.output
    assert "Planned" in result.output and "is an estimate" in result.output


def test_names_of_lessons_are_whole_in_a_narrow_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    names = "".join(
        line.split("│")[1].strip()
        for line in vit_course("progress").output.splitlines()
        if line.startswith("│")
    )
    assert all(lesson in names for lesson in catalog.LESSONS)


def test_progress_as_json_is_one_line_for_an_instructor(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "ada.json"))
    (tmp_path / "ada.json").write_text('{"exercises": {}}')
    (line,) = vit_course("progress", "--json").output.splitlines()
    report = json.loads(line)
    assert report["file"] == str(tmp_path / "ada.json") and report["next"] == "00.1"


@pytest.mark.parametrize(
    ("handed_in", "why"),
    [("damaged", "is damaged"), ("missing", "no progress file"), ("folder", "be read")],
)
def test_record_that_cannot_be_read_is_an_error_and_stays_as_it_is(
    tmp_path, monkeypatch, handed_in, why
):
    (tmp_path / "damaged").write_text("{")
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / handed_in))
    result = vit_course("progress", "--json")
    assert result.exit_code == 1 and result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert str(tmp_path / handed_in) in line and why in line
    assert {path.name for path in tmp_path.iterdir()} == {"damaged", "folder"}
    assert (tmp_path / "damaged").read_text() == "{"
