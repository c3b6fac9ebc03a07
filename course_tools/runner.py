"""Run notebooks from top to bottom, each in a fresh kernel of this Python.

Knows nothing of terminals: :mod:`course_tools.cli` shows what happens.
"""

import asyncio
import itertools
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import (
    CellExecutionError,
    CellTimeoutError,
    DeadKernelError,
)

_POLL = 0.2  # seconds between two looks at the kernel's memory
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass
class Failure:
    """Where a notebook stopped, and why."""

    reason: str  # one line, or the trimmed error of the cell
    cell: int | None = None  # number among the code cells, from 1
    source: str = ""
    line: int | None = None  # line of the source that failed, where known


@dataclass
class Outcome:
    """What became of one notebook."""

    name: str
    result: str = "not run"  # passed, failed, interrupted or not run
    done: int = 0  # code cells executed
    cells: int = 0  # code cells in all
    seconds: float = 0.0
    peak_bytes: int = 0  # resident memory of the kernel and its children
    failure: Failure | None = None


@dataclass
class _Job:
    """A notebook in execution, shared by the thread that runs and the one that looks.

    The running thread writes, the looking thread reads, with these exceptions: the
    looking one sets ``stop``, the seconds, and the result of an interrupted run; both
    note the memory and the family, so go over a copy of the latter.
    """

    path: Path
    outcome: Outcome
    profile: str
    timeout: int  # seconds per cell
    build: Path  # where the copies go
    scratch: Path  # of this notebook alone; not kept
    alone: bool  # or beside others
    start: float = 0.0
    # Set by the running thread at its end. Not Thread.join and is_alive: up to Python
    # 3.12, an interrupted join takes the thread for dead (cpython #90882).
    over: threading.Event = field(default_factory=threading.Event)
    manager: AsyncKernelManager | None = None
    notebook: nbformat.NotebookNode | None = None
    number: int = 0  # of the running cell, among the code cells
    source: str = ""  # and its text
    stop: bool = False
    family: dict[int, psutil.Process] = field(default_factory=dict)


class _ThisPython(KernelSpecManager):
    """Gives every notebook a kernel of the running Python.

    A kernelspec named ``python3`` on the user's Jupyter path may belong to another
    environment, where the course is not installed.
    """

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(
            argv=[
                sys.executable,
                "-m",
                "ipykernel_launcher",
                "-f",
                "{connection_file}",
            ],
            display_name="Python 3",
            language="python",
        )


def find(names: list[str], folder: Path) -> list[Path]:
    """Turn what a user typed into notebook paths.

    Parameters
    ----------
    names : list of str
        The beginning of a name in ``folder`` (``"04"``, ``"04_vit"``), a file name,
        or a path. An empty list means all of ``folder``.
    folder : Path
        Where the course's notebooks are.

    Returns
    -------
    list of Path
        Without repetition, in the order asked for.

    Raises
    ------
    ValueError
        If a name fits no notebook, or several.
    """
    known = sorted(folder.glob("*.ipynb"))
    if not known and not names:
        raise ValueError(f"there are no notebooks in {folder}")
    found = [_match(name, known) for name in names] if names else known
    return list(dict.fromkeys(found))


def _match(name, known):
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path.resolve()
    stem = path.stem if path.suffix == ".ipynb" else name
    fits = [other for other in known if other.stem == stem] or [
        other for other in known if other.stem.startswith(stem)
    ]
    if len(fits) == 1:
        return fits[0]
    listed = ", ".join(other.stem for other in fits or known) or "none"
    problem = "fits several notebooks" if fits else "is no notebook"
    raise ValueError(f"{name!r} {problem}; choose from: {listed}")


def names(paths: list[Path]) -> list[str]:
    """Name the copies of notebooks: as the files, with a number where two would meet.

    Upper and lower case count as equal, since some disks take them so.
    """
    found, taken = [], set()
    for path in paths:
        numbered = (f"{path.stem}-{i}" for i in itertools.count(2))
        free = (
            name
            for name in itertools.chain([path.stem], numbered)
            if name.casefold() not in taken
        )
        found.append(next(free))
        taken.add(found[-1].casefold())
    return found


def default_jobs(profile: str) -> int:
    """Return how many notebooks to run side by side if nobody says.

    Two where there are two cores and 3 GB of free memory for each; in profile full one,
    because a big model wants the memory, and the GPU, for itself.
    """
    if profile == "full" or psutil.virtual_memory().available < 6e9:
        return 1
    return min(2, _cores())


def _cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # only Linux tells which of them this process may use
        return os.cpu_count() or 1


def run(
    paths: list[Path],
    *,
    profile: str,
    timeout: int,
    build: Path,
    jobs: int = 1,
    show: Callable[[Outcome, str | None], None] = lambda outcome, source: None,
) -> tuple[list[Outcome], bool]:
    """Execute notebooks; a failing one does not stop the rest.

    Executed copies and HTML pages go to ``build``. The learner's progress file is left
    alone. An interrupt (Ctrl-C or SIGTERM, as KeyboardInterrupt) ends the kernels with
    all their children, and the run.

    Parameters
    ----------
    paths : list of Path
        Notebooks; each runs in the folder that holds it.
    profile : str
        Value of ``COURSE_PROFILE`` in the kernels.
    timeout : int
        Seconds that one cell may take.
    build : Path
        Folder for ``NAME.ipynb`` and ``NAME.html``; see ``names`` for notebooks of one
        name in different folders.
    jobs : int
        Notebooks that run at the same time, started in the order of ``paths``. With
        more than one, each computes with one thread unless ``OMP_NUM_THREADS`` is set.
    show : callable
        Called in this thread, a few times a second for each running notebook, with the
        outcome so far and the source of the current cell; once more with None for the
        source when the notebook is over.

    Returns
    -------
    outcomes : list of Outcome
        One for each path, in the same order.
    interrupted : bool
    """
    outcomes = [Outcome(name) for name in names(paths)]
    jobs = min(jobs, len(paths))
    try:
        # On Windows, a kernel just killed may still hold its file open.
        with tempfile.TemporaryDirectory(
            prefix="vit-course-", ignore_cleanup_errors=True
        ) as scratch:
            waiting = deque()
            for path, outcome in zip(paths, outcomes, strict=True):
                own = Path(scratch) / str(len(waiting))
                own.mkdir()
                waiting.append(
                    _Job(path, outcome, profile, timeout, build, own, jobs == 1)
                )
            _run_all(waiting, jobs, show)
    except KeyboardInterrupt:
        return outcomes, True
    return outcomes, False


def _run_all(waiting, limit, show):
    """Keep ``limit`` notebooks running until all are over."""
    running = []
    try:
        while waiting or running:
            while waiting and len(running) < limit:
                running.append(waiting.popleft())
                _start(running[-1])
            running[0].over.wait(_POLL)
            for job in list(running):
                over = job.over.is_set()
                _look(job)
                if over:
                    _kill_family(job)
                    running.remove(job)
                show(job.outcome, None if over else job.source)
    except KeyboardInterrupt:
        _interrupt(running)
        raise
    finally:
        for job in running:
            _kill_family(job)


def _start(job):
    # nbclient installs its own signal handlers unless it runs beside the main thread;
    # here the main thread keeps them and watches the memory meanwhile.
    job.outcome.result, job.start = "running", time.monotonic()
    threading.Thread(target=_work, args=(job,), daemon=True).start()


def _work(job):
    try:
        _execute(job)
    finally:
        job.over.set()


def _look(job):
    job.outcome.seconds = time.monotonic() - job.start
    _note_memory(job)


def _interrupt(running):
    """End notebooks in the midst of their work, and wait for their threads."""
    for job in running:
        job.stop = True
        if job.outcome.result == "running":
            job.outcome.result = "interrupted"
    going, give_up = running, time.monotonic() + 10
    while going and time.monotonic() < give_up:
        for job in going:
            _kill_family(job)
            job.outcome.seconds = time.monotonic() - job.start
        going[0].over.wait(_POLL)
        going = [job for job in going if not job.over.is_set()]


def _execute(job):
    """Run one notebook and write its copies; every problem ends in the outcome."""
    outcome, failure = job.outcome, None
    errors = job.scratch / "stderr"
    try:
        job.notebook = _read(job.path)
        outcome.cells = sum(map(_is_code, job.notebook.cells))
        with errors.open("wb") as stderr, _event_loop() as loop:
            loop.run(_converse(job, stderr))
    except CellExecutionError as error:
        outcome.done -= 1  # the failed cell was counted too
        failure = _cell_failure(job, _message(error), _failed_line(error))
    except CellTimeoutError:
        failure = _cell_failure(job, f"the cell ran longer than {job.timeout} s")
    except DeadKernelError:
        why = f"the kernel died{_exit_status(job)}{_last_words(errors)}"
        failure = _cell_failure(job, why)
    except Exception as error:  # whatever it is, the next notebook gets its chance
        failure = Failure(f"{type(error).__name__}: {error}{_last_words(errors)}")
    if job.stop:
        return
    try:
        if job.notebook is not None:
            _write(job.notebook, job.path, job.build, outcome.name)
    except Exception as error:
        failure = failure or Failure(f"no copy was written to {job.build}: {error}")
    outcome.failure = failure
    outcome.result = "failed" if failure else "passed"


def _event_loop():
    # Windows' default loop would need a helper thread for the kernel's sockets.
    return asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)


async def _converse(job, stderr):
    job.manager = AsyncKernelManager(kernel_spec_manager=_ThisPython())
    client = NotebookClient(
        job.notebook,
        km=job.manager,
        timeout=job.timeout,
        startup_timeout=120,
        record_timing=False,
        resources={"metadata": {"path": str(job.path.parent)}},
        on_cell_start=lambda cell, cell_index: _before_cell(job, cell),
        on_cell_executed=lambda **_: _count(job),
    )
    await client.async_execute(
        cleanup_kc=True,
        env=_environment(job),
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


def _is_code(cell):
    return cell.cell_type == "code" and bool(cell.source.strip())


def _environment(job):
    # Kernels side by side that each took all cores would only wait for each other.
    threads = os.environ.get("OMP_NUM_THREADS") or "1"
    environment = {} if job.alone else dict.fromkeys(_THREADS, threads)
    environment |= {
        **os.environ,
        "COURSE_PROFILE": job.profile,
        "COURSE_PROGRESS": str(job.scratch / "progress.json"),
    }
    if environment.get("COURSE_HUB"):  # relative to here, not to the notebook
        hub = Path(environment["COURSE_HUB"]).expanduser().absolute()
        environment["COURSE_HUB"] = str(hub)
    environment.pop("MPLBACKEND", None)  # or figures may not reach the notebook
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # a warning of older kernels
    return environment


def _before_cell(job, cell):
    if job.stop:
        raise DeadKernelError("interrupted")
    if _is_code(cell):
        job.number, job.source = job.number + 1, cell.source


def _count(job):
    job.outcome.done += 1
    _note_memory(job)  # the kernel may be gone before the next look


# What went wrong


def _cell_failure(job, reason, line=None):
    return Failure(reason, job.number or None, job.source, line)


def _message(error, lines=12, width=200):
    message = _ANSI.sub("", f"{error.ename}: {error.evalue}").splitlines()
    if error.ename == "DataError":  # written to be read to its end
        return "\n".join(message)
    if len(message) > lines:
        message = [*message[:lines], "..."]
    return "\n".join(line[:width] for line in message)


def _failed_line(error):
    """Return the line of the cell that the traceback's first frame points at."""
    trace = _ANSI.sub("", error.traceback or "")
    arrow = re.search(r"^-+> (\d+) ", trace, flags=re.MULTILINE)
    return int(arrow[1]) if arrow else None


def _exit_status(job):
    process = getattr(getattr(job.manager, "provisioner", None), "process", None)
    code = getattr(process, "returncode", None)
    if code is None:
        return ""
    if code >= 0:
        return f" (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    out_of_memory = "; often the machine ran out of memory" if name == "SIGKILL" else ""
    return f" ({name}{out_of_memory})"


def _last_words(path, lines=3):
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    said = [line for line in text.splitlines() if line.strip()]
    said = [line for line in said if not line.startswith("[IPKernelApp]")]
    return "".join(f"\n{line[:200]}" for line in said[-lines:])


# Memory, and the end of kernels


def _note_memory(job):
    """Keep the most that the kernel and its children have held, in resident bytes.

    Libraries, of which Linux keeps one copy for all processes, count once.
    """
    own, common = 0, [0]
    for process in _family(job):
        try:
            memory = process.memory_info()
        except psutil.Error:
            continue
        shared = getattr(memory, "shared", 0)
        own += memory.rss - shared
        common.append(shared)
    seen = max(own + max(common), _high_water_mark(_kernel_id(job)))
    job.outcome.peak_bytes = max(job.outcome.peak_bytes, seen)


def _high_water_mark(pid):
    """Return the most that one process has held so far; 0 where Linux is not there."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (OSError, ValueError):
        return 0
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(peak[1]) * 1024 if peak else 0


def _kernel_id(job):
    return getattr(getattr(job.manager, "provisioner", None), "pid", None)


def _family(job):
    """Return the kernel and all its descendants, and remember them."""
    pid = _kernel_id(job)
    try:
        kernel = job.family.get(pid) or psutil.Process(pid) if pid else None
        members = [kernel, *kernel.children(recursive=True)] if kernel else []
    except psutil.Error:
        members = []
    job.family.update({process.pid: process for process in members})
    return members


def _kill_family(job):
    """End the kernel and everything that it started, wherever it is now."""
    _family(job)
    for process in list(job.family.values()):
        try:
            process.kill()  # psutil makes sure that the number is not another's now
        except psutil.Error:
            continue


# Executed copies


def _write(notebook, path, build, name):
    """Write the executed notebook and its HTML page under their names, whole."""
    import logging

    from nbconvert import HTMLExporter

    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _settle(cell.outputs)
        else:
            cell.source = _rebase(cell.source, path.parent, build)
    text = nbformat.writes(notebook) + "\n"
    _describe_figures(notebook.cells)
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    page, _ = HTMLExporter(embed_images=True, raw_template=_PAGE).from_notebook_node(
        notebook, {"metadata": {"name": name, "path": str(path.parent)}}
    )
    build.mkdir(parents=True, exist_ok=True)
    for copy, content in ((f"{name}.ipynb", text), (f"{name}.html", page)):
        part = build / f".{copy}.{threading.get_native_id()}"
        part.write_text(content, encoding="utf-8", newline="\n")
        os.replace(part, build / copy)


# nbconvert's page, but a figure with a line "*Figure: ...*" beside it has that line as
# alt text, instead of "No description has been provided for this image".
_PAGE = """{% extends 'lab/index.html.j2' %}
{% block data_png scoped %}
{%- if cell.metadata.alt -%}
{{ super().replace('<img ', '<img alt="' ~ cell.metadata.alt | e ~ '" ', 1) }}
{%- else %}{{ super() }}{% endif %}
{%- endblock %}"""


def _describe_figures(cells):
    """Give each cell that shows a figure its line from the text beside it."""
    lines = [
        re.findall(r"^\*Figure: (.+?)\*$", cell.source, flags=re.M | re.S)
        if cell.cell_type == "markdown"
        else []
        for cell in cells
    ]
    for i, cell in enumerate(cells):
        if any("image/png" in o.get("data", {}) for o in cell.get("outputs", ())):
            before, after = lines[max(i - 1, 0)], lines[min(i + 1, len(lines) - 1)]
            if beside := before or after:
                cell.metadata["alt"] = " ".join(beside.pop(0).split())


def _rebase(markdown, old, new):
    """Make links that lead out of folder ``old`` (../) hold from folder ``new``."""

    def moved(link):
        try:
            return "](" + Path(os.path.relpath(old / link[1], new)).as_posix()
        except ValueError:  # on another drive
            return link[0]

    return re.sub(r"\]\((\.\./[^)\s]*)", moved, markdown)


def _settle(outputs):
    """Join neighboring pieces of a stream; keep what a terminal would show of it."""
    settled = []
    for output in outputs:
        last = settled[-1] if settled else None
        if (
            last is not None
            and output.output_type == last.output_type == "stream"
            and output.name == last.name
        ):
            last.text += output.text
        else:
            settled.append(output)
    for output in settled:
        if output.output_type == "stream":
            output.text = re.sub(r"[^\n]*\r(?=[^\r\n])", "", output.text)
    return settled
