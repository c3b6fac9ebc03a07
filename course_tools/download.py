"""The command ``vit-course download``: what is to come, and then the files."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from course_tools.terminal import say, terminate_as_interrupt
from course_utils.data import hub


def fill(folder: Path, names: list[str]) -> int:
    """Download repositories into ``folder/owner/name``, as ``COURSE_HUB`` needs it.

    Parameters
    ----------
    names : list of str
        Keys of ``hub.REPOSITORIES``; empty for all of them.

    Returns
    -------
    int
        Exit code: 0 complete, 1 failed, 2 unknown name, 130 interrupted.
    """
    console, errors = Console(), Console(stderr=True)
    names = list(dict.fromkeys(names or hub.REPOSITORIES))
    unknown = [name for name in names if name not in hub.REPOSITORIES]
    if unknown:
        known = ", ".join(hub.REPOSITORIES)
        say(console, f"--only {unknown[0]!r}: choose from {known}", "bold red")
        return 2
    try:
        with terminate_as_interrupt():
            _fill(folder, [hub.REPOSITORIES[name] for name in names], console)
    except hub.Unreachable as error:
        say(errors, error.problem, "bold red")
        mend = (
            "Check the connection (HTTPS_PROXY for a proxy, HF_ENDPOINT for a mirror)"
        )
        if variable := hub.offline():
            mend = f"Unset {variable}"
        say(errors, f"{mend} and run the same command again.")
        return 1
    except hub.DataError as error:
        say(errors, str(error), "bold red")
        return 1
    except KeyboardInterrupt:
        say(console, "Interrupted; the same command goes on from here.", "yellow")
        return 130
    say(console, f"Complete and checked. To use it, set COURSE_HUB={folder}")
    return 0


def _fill(folder, repositories, console):
    """Say what is to come, then download what is missing."""
    places = [folder / repository.id for repository in repositories]
    address = hub.client().endpoint
    with console.status(f"comparing {folder} with {address} ..."):
        plans = [
            hub.plan(repository, place)
            for repository, place in zip(repositories, places, strict=True)
        ]
    console.print(_shopping_list(repositories, plans))
    free = hub.check_room(folder, sum(_sizes(plan)[1] for plan in plans))
    say(console, f"From {address} to {folder} ({free} free)")
    for repository, place, plan in zip(repositories, places, plans, strict=True):
        hub.fetch(repository, plan, place)
        if wrong := hub.find(place, repository)[1]:  # also shards of an older version
            remedy = f"Delete {place} and run the same command again."
            raise hub.DataError(f"{wrong}.", remedy)


def _shopping_list(repositories, plans):
    table = Table("Repository", "Revision")
    for heading in ("Files", "Size", "To download"):
        table.add_column(heading, justify="right")
    for repository, plan in zip(repositories, plans, strict=True):
        sizes = map(_megabytes, _sizes(plan))
        name, revision = Text(repository.id), Text(repository.revision)
        table.add_row(name, revision, str(len(plan)), *sizes)
    table.add_section()
    every = [file for plan in plans for file in plan]
    table.add_row("all", "", str(len(every)), *map(_megabytes, _sizes(every)))
    return table


def _sizes(files):
    """Return the bytes of all files, and of those that are still to be downloaded."""
    left = sum(file.file_size for file in files if file.will_download)
    return sum(file.file_size for file in files), left


def _megabytes(size):
    return f"{size / 1e6:,.1f} MB"
