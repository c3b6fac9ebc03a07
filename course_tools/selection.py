"""Which notebooks a run is about, and the names of their copies."""

from collections.abc import Sequence
from pathlib import Path


def select(names: Sequence[str], folder: Path) -> list[Path]:
    """Turn what a user typed into notebooks.

    Parameters
    ----------
    names : sequence of str
        The beginning of a name in ``folder`` (``"04"``, ``"04_vit"``), a file name,
        or a path. None at all means every notebook of ``folder``.
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


def name_copies(paths: Sequence[Path], folder: Path) -> dict[str, Path]:
    """Name the copies of notebooks, so that none overwrites another one's.

    A notebook of ``folder`` gives its copies its own name. The name of any other one
    begins with that of the folder in which it lies. Where two names would still be
    equal (as some disks see it, to which upper and lower case are the same), a number
    follows.

    >>> list(name_copies([Path("/c/notebooks/01.ipynb"), Path("/ada/01.ipynb")],
    ...                  Path("/c/notebooks")))
    ['01', 'ada-01']
    """
    found, taken = {}, set()
    for path in paths:
        ours = path.parent.resolve() == folder.resolve()
        wanted = path.stem if ours else f"{path.resolve().parent.name}-{path.stem}"
        name, number = wanted, 1
        while name.casefold() in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name.casefold())
        found[name] = path
    return found
