"""What a run of notebooks shows, and how it ends."""

import io
import re
import signal
import textwrap
import time

import pytest
from command_line import (
    POSIX,
    alive,
    flat,
    start_in_foreground,
    wait_for,
    write_notebook,
)
from rich.console import Console

from course_tools import board, runner
from course_tools.selection import name_copies


def test_log_without_terminal_has_a_line_per_notebook_and_a_table(tmp_path, capsys):
    # The first ends last; the table keeps the order of the lessons.
    wait = wait_for(tmp_path / "build" / "reduced" / "2_fails.html")
    error = "x = 1\nraise ValueError('[oh] no')"
    notebooks = {
        "1_good": write_notebook(tmp_path, "1_good", wait),
        "2_fails": write_notebook(tmp_path, "2_fails", error),
    }
    assert board.run(notebooks, "reduced", 60, 2, tmp_path / "build") == 1
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
    assert board.run({"good": path}, "full", 60, build=tmp_path / "build") == 0
    assert (tmp_path / "build" / "full" / "good.html").is_file()


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
        from course_tools import board
        folder = Path({str(notebooks)!r})
        paths = {{path.stem: path for path in sorted(folder.iterdir())}}
        status = board.run(paths, "reduced", 99, 2, folder.parent / "build")
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
    names = ("1_a", "2_b")
    notebooks = {name: write_notebook(tmp_path, name, "1", "2") for name in names}
    console = Console(force_terminal=True, width=100, file=io.StringIO())
    shown = board.Board(console, notebooks)
    going = runner.Outcome("1_a", "running", done=1, cells=2, seconds=3.2)
    shown.show(going, "model.fit()\nmore")
    ended = runner.Outcome("2_b", "failed", done=0, cells=2, seconds=1.0)
    shown.show(ended, None)
    with console.capture() as capture:
        console.print(shown.bars)
    first, second, whole = re.sub(r"\x1b\[[\d;]*m", "", capture.get()).splitlines()
    assert "1_a" in first and "1/2 3 s model.fit()" in first
    assert first[0] not in " ✓✗"  # turns
    assert "✗ 2_b" in second and "0/2" in second and "failed" in second
    assert "all notebooks" in whole and "1/2" in whole


def test_two_notebooks_with_one_name_keep_a_copy_each(tmp_path, capsys):
    texts = {"one": "print('the first')", "two": "1 / 0", "three": "print('the third')"}
    paths = [write_notebook(tmp_path / n, "try", text) for n, text in texts.items()]
    notebooks = name_copies(paths, tmp_path / "notebooks")
    assert board.run(notebooks, "reduced", 60, 2, tmp_path / "build") == 1
    copies = tmp_path / "build" / "reduced"
    said = {p.name: p.read_text() for p in copies.iterdir()}
    assert set(said) == {
        f"{name}.{kind}"
        for name in ("one-try", "two-try", "three-try")
        for kind in ("ipynb", "html")
    }
    for kind in ("ipynb", "html"):
        assert "the first" in said[f"one-try.{kind}"]
        assert "ZeroDivisionError" in said[f"two-try.{kind}"]
        assert "the third" in said[f"three-try.{kind}"]
    log = flat(capsys.readouterr().out)
    for words in ("passed one-try:", "failed two-try:", "passed three-try:"):
        assert words in log
