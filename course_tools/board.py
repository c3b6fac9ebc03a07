"""What a run of notebooks looks like: the live table, the log, the summary table."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

import nbformat
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from course_tools import runner
from course_tools.runner import Outcome
from course_tools.terminal import say, terminate_as_interrupt
from course_utils.session import ROOT

STYLES = {"passed": "green", "failed": "bold red", "interrupted": "yellow"}
STOPPED = ("interrupted", "not run")


def run(
    notebooks: Mapping[str, Path],
    profile: str,
    timeout: int,
    jobs: int = 1,
    build: Path = ROOT / "build",
) -> int:
    """Run notebooks and show it live, or line by line where there is no terminal.

    The copies go to ``build/PROFILE``; ``runner.run`` explains the other arguments.

    Returns
    -------
    int
        Exit code: 0 all passed, 1 some failed, 130 interrupted.
    """
    console, start, copies = Console(), time.monotonic(), build / profile
    board = Board(console, notebooks)
    with terminate_as_interrupt(), board:
        outcomes = runner.run(
            notebooks,
            timeout=timeout,
            environment=os.environ | {"COURSE_PROFILE": profile},
            copies=copies,
            jobs=jobs,
            show=board.show,
        )
    seconds = time.monotonic() - start
    console.print(summary(outcomes, profile))
    beside = f", {jobs} notebooks at a time" if min(jobs, len(notebooks)) > 1 else ""
    say(console, f"Took {seconds:.0f} s{beside}.")
    say(console, f"Executed copies and HTML pages: {copies}")
    if any(outcome.result in STOPPED for outcome in outcomes):
        say(console, "Interrupted; no kernel is left running.", "yellow")
        return 130
    return 0 if all(outcome.result == "passed" for outcome in outcomes) else 1


class Board:
    """Shows a run: bars in a terminal, a line for each finished notebook in a log."""

    def __init__(self, console: Console, notebooks: Mapping[str, Path]):
        self.console = console
        self.bars = Progress(
            _Mark(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[clock]}"),
            TextColumn("{task.fields[now]}", style="dim", markup=False),
            console=console,
        )
        self.width = max(map(len, [*notebooks, "all notebooks"]))
        self.rows = {
            name: self._row(name, total=_count_cells(path))
            for name, path in notebooks.items()
        }
        self.whole = self._row("all notebooks", total=len(notebooks))
        self.bars.update(self.whole, result="running")
        self.finished = 0
        self.live = Live(
            Group(self.bars), console=console, transient=True, refresh_per_second=8
        )

    def _row(self, name, total):
        fields = {"clock": "", "now": "", "result": ""}
        return self.bars.add_task(name.ljust(self.width), total=total, **fields)

    def __enter__(self):
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *details):
        if self.console.is_terminal:
            self.live.stop()

    def show(self, outcome: Outcome, source: str | None) -> None:
        """Take what ``runner.run`` reports of a notebook."""
        over = source is None
        first_line = ((source or "").strip().splitlines() or [""])[0][:36]
        self.bars.update(
            self.rows[outcome.name],
            completed=outcome.done,
            total=outcome.cells,
            clock=f"{outcome.seconds:.0f} s" if outcome.seconds >= 1 else "",
            now=outcome.result if over else first_line,
            result=outcome.result,
        )
        if over:
            self.finished += 1
            self.bars.update(self.whole, completed=self.finished)
            if outcome.failure:
                self.console.print(_failure_panel(outcome))
            if not self.console.is_terminal:
                say(self.console, _one_line(outcome))


class _Mark(SpinnerColumn):
    """Turns only beside what is running."""

    def render(self, task):
        if task.fields["result"] == "running":
            return super().render(task)
        return Text({"passed": "✓", "failed": "✗"}.get(task.fields["result"], " "))


def _count_cells(path):
    """Count the code cells of a notebook; 0 if it cannot be read (the run says why)."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception:
        return 0
    return sum(map(runner.is_code, cells))


def _one_line(outcome):
    return (
        f"{outcome.result:7} {outcome.name}: {outcome.done} of {outcome.cells} cells, "
        f"{outcome.seconds:.0f} s, {outcome.peak_bytes / 1e6:.0f} MB"
    )


def _failure_panel(outcome):
    failure = outcome.failure
    parts = []
    if failure.source:
        lines = {failure.line} if failure.line else set()
        parts.append(
            Syntax(
                failure.source,
                "python",
                theme="ansi_dark",
                line_numbers=True,
                highlight_lines=lines,
                word_wrap=True,
            )
        )
    parts.append(Text(failure.reason, "red"))
    where = f", code cell {failure.cell} of {outcome.cells}" if failure.cell else ""
    return Panel(
        Group(*parts), title=Text(f"{outcome.name}{where}"), border_style="red"
    )


def summary(outcomes: list[Outcome], profile: str) -> Table:
    """Return the table that ends a run, in the order of the lessons."""
    table = Table(title=f"profile {profile}")
    table.add_column("Notebook")
    for heading in ("Cells", "Seconds", "Peak memory"):
        table.add_column(heading, justify="right")
    table.add_column("Result")
    for outcome in outcomes:
        started = outcome.result != "not run"
        table.add_row(
            Text(outcome.name),
            f"{outcome.done}/{outcome.cells}" if outcome.cells else "",
            f"{outcome.seconds:.1f}" if started else "",
            f"{outcome.peak_bytes / 1e6:.0f} MB" if started else "",
            Text(outcome.result, STYLES.get(outcome.result, "dim")),
        )
    table.add_section()
    passed = sum(outcome.result == "passed" for outcome in outcomes)
    table.add_row(
        "all",
        f"{sum(outcome.done for outcome in outcomes)}",
        f"{sum(outcome.seconds for outcome in outcomes):.1f}",
        f"{max((o.peak_bytes for o in outcomes), default=0) / 1e6:.0f} MB",
        f"{passed} of {len(outcomes)} passed",
    )
    return table
