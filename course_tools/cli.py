"""The command line ``vit-course``: doctor, download, run, export and so on."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

import course_utils
from course_tools.terminal import say, terminate_as_interrupt
from course_utils.session import PROFILES, ROOT, current_profile

app = typer.Typer(
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)
# Seconds that one cell may take, unless --timeout says otherwise.
TIMEOUTS = {"reduced": 600, "full": 4 * 3600}
STYLES = {"ok": "green", "fail": "bold red"}


def _version(asked: bool) -> None:
    if asked:
        print(f"vit-course {course_utils.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_version,
            is_eager=True,
            metavar="",
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """Vision Transformers by hand: check the set-up, run the notebooks."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a log in an old code page must not crash
            stream.reconfigure(errors="replace")
    if context.invoked_subcommand is None:
        print(context.get_help())


# doctor


@app.command()
def doctor() -> None:
    """Check Python, packages, machine and data; say how to mend what is wrong."""
    from course_tools import doctor as checkup

    console = Console()
    table, found = Table(), []
    for heading in ("Check", "For", "Found", "Accepted", "Result"):
        table.add_column(heading, overflow="fold")
    with console.status("checking ..."):
        for check in checkup.checks():
            if found and check.group != found[-1].group:
                table.add_section()
            found.append(check)
            table.add_row(
                Text(check.name),
                Text(check.group),
                Text(check.found),
                Text(check.wanted),
                Text(check.status, STYLES.get(check.status, "dim")),
            )
    console.print(table)
    failures = [check for check in found if check.status == "fail"]
    for check in failures:
        say(console, f"{check.name}: {check.found}", "bold red")
        say(console, f"  To mend it: {check.remedy}.")
    if failures:
        raise typer.Exit(1)
    console.print("Everything the course needs is there.")


# download


@app.command()
def download(
    to: Annotated[
        Path,
        typer.Option(metavar="DIR", help="The folder to fill.", show_default=False),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="mnist, cifar10, cats_vs_dogs, pets, finetune or anatomy; may be "
            "given several times. Default: all.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Fetch data sets and checkpoints into a folder, for COURSE_HUB without network."""
    from course_tools.download import fill

    raise typer.Exit(fill(to.expanduser().absolute(), only or []))


# run


@app.command()
def run(
    notebooks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NOTEBOOK",
            help="The beginning of a name (04), a name, or a path. Default: all.",
            show_default=False,
        ),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="reduced or full. Default: COURSE_PROFILE, or reduced."),
    ] = None,
    timeout: Annotated[
        int | None,
        typer.Option(
            min=1, help="Seconds a single cell may take. Default: 600; full: 14400."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Notebooks that run at the same time. Default: 2 with two cores and "
            "6 GB of free memory, else 1; full: 1.",
        ),
    ] = None,
) -> None:
    """Run notebooks from top to bottom; copies and HTML pages go to build/PROFILE/."""
    from course_tools import board, runner, selection

    try:
        profile = profile or current_profile()
        if profile not in PROFILES:
            raise ValueError(f"--profile {profile!r}: use {' or '.join(PROFILES)}")
        paths = selection.select(notebooks or [], ROOT / "notebooks")
    except ValueError as error:
        say(Console(stderr=True), str(error), "bold red")
        raise typer.Exit(2) from None
    named = selection.name_copies(paths, ROOT / "notebooks")
    timeout, jobs = timeout or TIMEOUTS[profile], jobs or runner.default_jobs(profile)
    raise typer.Exit(board.run(named, profile, timeout, jobs))


# export


@app.command()
def export(
    student: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder: every exercise open."),
    ] = None,
    solutions: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A new folder: every exercise solved."),
    ] = None,
) -> None:
    """Write a copy of the course for a class, without outputs and progress."""
    from course_tools import export as copies

    wanted = [(student, False), (solutions, True)]
    wanted = [(folder, solved) for folder, solved in wanted if folder is not None]
    if not wanted:
        say(Console(stderr=True), "Name --student DIR or --solutions DIR.", "bold red")
        raise typer.Exit(2)
    for folder, solved in wanted:
        try:
            with terminate_as_interrupt():
                copies.export(folder, solved=solved)
        except copies.ExportError as error:
            say(Console(stderr=True), str(error), "bold red")
            raise typer.Exit(1) from None
        state = "solved" if solved else "open"
        say(Console(), f"{folder}: a copy of the course, every exercise {state}.")


# explorer


@app.command()
def explorer(
    to: Annotated[
        Path,
        typer.Option(metavar="PAGE", help="The file to write.", show_default=False),
    ],
    model: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="A checkpoint's folder, or the file of notebook 04; may be given "
            "several times. Default: data/digit-vit and data/tiny-vit.",
            show_default=False,
        ),
    ] = None,
    mean: Annotated[
        float | None, typer.Option(help="Of the pictures, for the file of notebook 04.")
    ] = None,
    std: Annotated[float | None, typer.Option(help="The same, their spread.")] = None,
) -> None:
    """Write a page in which a ViT runs, to open in any browser by double click."""
    from course_utils.explorer import write

    models = model or [ROOT / "data" / name for name in ("digit-vit", "tiny-vit")]
    try:
        path = write(models, to, mean=mean, std=std)
    except ValueError as error:
        say(Console(stderr=True), str(error), "bold red")
        raise typer.Exit(1) from None
    size = path.stat().st_size / 1e6
    say(Console(), f"{path}: {size:.1f} MB; open it in a browser.")


# progress


@app.command()
def progress(
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object, for an instructor.")
    ] = False,
) -> None:
    """Show which exercises you have solved, how long it took, and the next step."""
    from course_tools.progress import Unreadable, report
    from course_utils.exercises import progress_file

    if as_json:
        try:
            print(json.dumps(report()))  # on one line, for many of them
        except Unreadable as error:
            say(Console(stderr=True), str(error), "bold red")
            raise typer.Exit(1) from None
        return
    console, record = Console(), progress_file.progress()
    table = Table()
    for heading in progress_file.HEADINGS:
        table.add_column(heading, overflow="fold")
    for row in record.rows():
        table.add_row(*map(Text, row))
    console.print(table)
    say(console, "Planned by the lesson, exercises included; spent is an estimate.")
    say(console, record.next_step)
