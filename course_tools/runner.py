"""Run notebooks from top to bottom, each in a fresh kernel.

Everything that executes whole notebooks uses this module: ``vit-course run``, the tests
of the solved lessons and the stand-in for Colab. It knows nothing of terminals;
:mod:`course_tools.board` shows what happens.
"""

import asyncio
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)

from course_tools import pages
from course_tools.kernels import Family

_POLL = 0.2  # seconds between two looks at the memory of the kernels
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass
class Failure:
    """Where a notebook stopped, and why."""

    reason: str  # one line, or the shortened error of the cell
    cell: int | None = None  # number among the code cells, from 1
    source: str = ""
    line: int | None = None  # the line of the source that failed, where it is known

    def __str__(self):
        where = f"code cell {self.cell}: " if self.cell else ""
        return f"{where}{self.reason}\n{self.source}".strip()


@dataclass
class Outcome:
    """What became of one notebook."""

    name: str
    result: str = "not run"  # then running; in the end passed, failed or interrupted
    done: int = 0  # code cells executed
    cells: int = 0  # code cells in all
    seconds: float = 0.0
    peak_bytes: int = 0  # resident memory of the kernel and its children
    failure: Failure | None = None
    notebook: nbformat.NotebookNode | None = None  # with its new outputs


@dataclass(frozen=True)
class _Options:
    """What holds for all notebooks of one run; see ``run``."""

    timeout: int
    environment: Mapping[str, str]
    kernel: Sequence[str] | None
    prepare: Callable[[nbformat.NotebookNode], None]
    copies: Path | None
    alone: bool  # or beside other notebooks


@dataclass
class _Execution:
    """One notebook in execution.

    The worker thread writes these fields and the main thread reads them, except: the
    main thread sets ``stop`` and the result of an interrupted run, and notes seconds
    and memory while the notebook runs.
    """

    path: Path
    outcome: Outcome
    options: _Options
    scratch: Path  # a folder of this notebook alone; it is not kept
    start: float = 0.0
    family: Family | None = None  # once there is a kernel
    number: int = 0  # of the running cell, among the code cells
    source: str = ""  # and its text
    stop: bool = False

    def look(self):
        """Note how long the notebook has run and how much memory it uses."""
        if self.outcome.result == "running":
            self.outcome.seconds = time.monotonic() - self.start
        if self.family is not None:
            self.family.note_memory()
            self.outcome.peak_bytes = self.family.peak_bytes

    def kill(self):
        if self.family is not None:
            self.family.kill()


def run(
    notebooks: Mapping[str, Path],
    *,
    timeout: int,
    environment: Mapping[str, str] | None = None,
    kernel: Sequence[str] | None = None,
    prepare: Callable[[nbformat.NotebookNode], None] = lambda notebook: None,
    copies: Path | None = None,
    jobs: int = 1,
    show: Callable[[Outcome, str | None], None] = lambda outcome, source: None,
) -> list[Outcome]:
    """Execute notebooks; one that fails does not stop the rest.

    The learner's progress file is left alone. Ctrl-C (a KeyboardInterrupt) ends the
    kernels with all their children; the notebooks that it stopped are *interrupted*,
    and those that had not begun are *not run*.

    Parameters
    ----------
    notebooks : mapping of str to Path
        The name of each notebook's copies, and its file (see ``name_copies``). It runs
        in the folder that holds it.
    timeout : int
        Seconds that one cell may take.
    environment : mapping of str to str
        All environment variables of the kernels. None means those of this process.
    kernel : sequence of str
        The command that starts a kernel, with ``{connection_file}`` where that belongs.
        None means a kernel of this Python, whatever kernels are installed elsewhere.
    prepare : callable
        Is given each notebook, without outputs, and may change it before it runs.
    copies : Path
        Folder for ``NAME.ipynb`` and ``NAME.html``. None means no copies.
    jobs : int
        Notebooks that run at the same time, started in the given order. With more than
        one, each computes with one thread unless ``OMP_NUM_THREADS`` says otherwise.
    show : callable
        Is called in this thread, a few times a second for each running notebook, with
        the outcome so far and the source of the current cell; once more, with None for
        the source, when the notebook is over.

    Returns
    -------
    list of Outcome
        One for each notebook, in the same order.
    """
    outcomes = [Outcome(name) for name in notebooks]
    jobs = max(1, min(jobs, len(outcomes)))
    environment = os.environ if environment is None else environment
    options = _Options(timeout, environment, kernel, prepare, copies, jobs == 1)
    # On Windows, a kernel just killed may still hold its file open.
    with tempfile.TemporaryDirectory(
        prefix="vit-course-", ignore_cleanup_errors=True
    ) as scratch:
        executions = []
        for path, outcome in zip(notebooks.values(), outcomes, strict=True):
            own = Path(scratch, str(len(executions)))
            own.mkdir()
            executions.append(_Execution(path, outcome, options, own))
        _run_all(executions, jobs, show)
    return outcomes


def run_one(path: Path, **options) -> Outcome:
    """Execute one notebook, with the options of ``run``; pass an interrupt on."""
    (outcome,) = run({path.stem: path}, **options)
    if outcome.result in ("interrupted", "not run"):
        raise KeyboardInterrupt
    return outcome


def _run_all(executions, jobs, show):
    """Keep ``jobs`` notebooks running until all are over.

    Threads, because nbclient takes over the signals of the thread it runs in when that
    is the main one. So the main thread keeps them, and watches the memory meanwhile.
    """
    pool = ThreadPoolExecutor(jobs)
    running = {pool.submit(_execute, execution): execution for execution in executions}
    try:
        while running:
            over, _ = wait(running, timeout=_POLL, return_when=FIRST_COMPLETED)
            for future, execution in list(running.items()):
                execution.look()
                if future in over:
                    execution.kill()
                    del running[future]
                if execution.outcome.result != "not run":
                    show(
                        execution.outcome, None if future in over else execution.source
                    )
    except KeyboardInterrupt:
        _interrupt(running)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for execution in running.values():
            execution.kill()


def _interrupt(running):
    """End notebooks in the midst of their work, and wait for their threads."""
    begun = {f: execution for f, execution in running.items() if not f.cancel()}
    for execution in begun.values():
        execution.stop = True
        execution.look()
        if execution.outcome.result == "running":
            execution.outcome.result = "interrupted"
    give_up = time.monotonic() + 10
    while time.monotonic() < give_up:
        for execution in begun.values():
            execution.kill()  # also a kernel that has only now been started
        if not wait(begun, timeout=_POLL).not_done:
            return


# One notebook


def _execute(execution):
    """Run one notebook and write its copies; every problem ends in the outcome."""
    outcome, options, failure = execution.outcome, execution.options, None
    outcome.result, execution.start = "running", time.monotonic()
    errors = execution.scratch / "stderr"
    try:
        outcome.notebook = _read(execution.path)
        options.prepare(outcome.notebook)
        outcome.cells = sum(map(is_code, outcome.notebook.cells))
        with errors.open("wb") as stderr, _event_loop() as loop:
            loop.run(_converse(execution, stderr))
    except CellExecutionError as error:
        outcome.done -= 1  # nbclient reports the failed cell as executed, too
        failure = _in_cell(execution, _message(error), _failed_line(error))
    except CellTimeoutError:
        failure = _in_cell(execution, f"the cell ran longer than {options.timeout} s")
    except DeadKernelError:
        ended = execution.family.exit_status()
        why = f"the kernel died{ended}{_last_words(errors)}"
        failure = _in_cell(execution, why)
    except Exception as error:  # whatever it is, the next notebook gets its chance
        failure = Failure(f"{type(error).__name__}: {error}{_last_words(errors)}")
    if execution.stop:
        return
    try:
        if options.copies is not None and outcome.notebook is not None:
            pages.write(outcome.notebook, options.copies, outcome.name, execution.path)
    except Exception as error:
        failure = failure or Failure(
            f"no copy was written to {options.copies}: {error}"
        )
    outcome.seconds = time.monotonic() - execution.start
    outcome.failure = failure
    outcome.result = "failed" if failure else "passed"


def _event_loop():
    # The default loop of Windows would need a helper thread for the kernel's sockets.
    return asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)


async def _converse(execution, stderr):
    """Start a kernel and execute all cells in it."""
    # Without folders to search, the manager knows only the kernel of this Python: one
    # named python3 on the user's Jupyter path may belong to another environment.
    own = KernelSpecManager(kernel_dirs=[])
    manager = AsyncKernelManager(kernel_spec_manager=own)
    if execution.options.kernel is not None:
        manager.kernel_spec.argv = list(execution.options.kernel)
    execution.family = Family(manager)
    client = NotebookClient(
        execution.outcome.notebook,
        km=manager,
        timeout=execution.options.timeout,
        startup_timeout=120,
        record_timing=False,
        resources={"metadata": {"path": str(execution.path.parent)}},
        on_cell_start=lambda cell, cell_index: _before_cell(execution, cell),
        on_cell_executed=lambda **_: _after_cell(execution),
    )
    await client.async_execute(
        cleanup_kc=True,
        env=_environment(execution),
        stdout=subprocess.DEVNULL,
        stderr=stderr,
    )


def _read(path):
    """Read a notebook and drop stored results, which would pass for new ones."""
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def is_code(cell):
    return cell.cell_type == "code" and bool(cell.source.strip())


def _environment(execution):
    """Return the environment variables of one kernel."""
    environment = dict(execution.options.environment)
    if not execution.options.alone:
        # Kernels side by side that each took all cores would only wait for each other.
        threads = environment.get("OMP_NUM_THREADS") or "1"
        environment = dict.fromkeys(_THREADS, threads) | environment
    environment["COURSE_PROGRESS"] = str(execution.scratch / "progress.json")
    if environment.get("COURSE_HUB"):  # relative to here, not to the notebook
        hub = Path(environment["COURSE_HUB"]).expanduser().absolute()
        environment["COURSE_HUB"] = str(hub)
    environment.pop("MPLBACKEND", None)  # or figures may not reach the notebook
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a warning of older kernels
    return environment


def _before_cell(execution, cell):
    if execution.stop:
        raise DeadKernelError("interrupted")
    if is_code(cell):
        execution.number, execution.source = execution.number + 1, cell.source


def _after_cell(execution):
    execution.outcome.done += 1
    execution.family.note_memory()  # the kernel may be gone before the next look


# What went wrong


def _in_cell(execution, reason, line=None):
    return Failure(reason, execution.number or None, execution.source, line)


def _message(error, lines=12, width=200):
    message = _ANSI.sub("", f"{error.ename}: {error.evalue}").splitlines()
    if error.ename == "DataError":  # this one is written to be read to its end
        return "\n".join(message)
    if len(message) > lines:
        message = [*message[:lines], "..."]
    return "\n".join(line[:width] for line in message)


def _failed_line(error):
    """Return the line of the cell that the first frame of the traceback points at."""
    trace = _ANSI.sub("", error.traceback or "")
    arrow = re.search(r"^-+> (\d+) ", trace, flags=re.MULTILINE)
    return int(arrow[1]) if arrow else None


def _last_words(path, lines=3):
    """Return the last lines that a kernel wrote to stderr."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    said = [line for line in text.splitlines() if line.strip()]
    said = [line for line in said if not line.startswith("[IPKernelApp]")]
    return "".join(f"\n{line[:200]}" for line in said[-lines:])


# How many at a time


def default_jobs(profile: str) -> int:
    """Return how many notebooks to run side by side if nobody says.

    Two where there are two cores and 3 GB of free memory for each; in profile full one,
    because a big model needs the memory, and the GPU, for itself.
    """
    if profile == "full" or psutil.virtual_memory().available < 6e9:
        return 1
    return min(2, _cores())


def _cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells which cores this process may use
        return os.cpu_count() or 1
