"""The course's data sets, with the same columns and splits from every source."""

import hashlib
import os
from dataclasses import dataclass

import numpy as np

from course_utils.data import hub
from course_utils.data.download import DataError
from course_utils.data.rows import Source, in_cache, in_memory, stated_names, warn
from course_utils.session import ROOT, current_profile

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2  # where the source has no test split
_SEED = 0


@dataclass(frozen=True)
class _DataSet:
    """What one data set is called in data/, and how its columns become ours."""

    bundled: str  # folder under data/
    columns: tuple[str, str] = ("image", "label")
    bundled_columns: tuple[str, str] | None = None  # where they differ from the Hub's
    labels: tuple[str, ...] = ()  # where a file does not name them itself
    mode: str = "RGB"
    sorted: bool = False  # by class: the course shuffles the rows once


_THINGS = "airplane automobile bird cat deer dog frog horse ship truck"
DATA_SETS = {  # under their names in hub.REPOSITORIES
    "mnist": _DataSet("digits", labels=tuple("0123456789"), mode="L"),
    "cifar10": _DataSet(
        "drawn-cifar10", columns=("img", "label"), labels=tuple(_THINGS.split())
    ),
    "cats_vs_dogs": _DataSet(
        "drawn-pets", columns=("image", "labels"), labels=("cat", "dog"), sorted=True
    ),
    "pets": _DataSet("drawn-pets", bundled_columns=("image", "breed"), sorted=True),
    "pretraining": _DataSet("drawn-world"),  # not on the Hub
}


def load(name: str):
    """Load a data set in the current profile.

    ``reduced`` reads the files bundled under ``data/`` into memory. ``full`` reads the
    folder named by ``COURSE_HUB`` if the data set is there, and the Hugging Face Hub if
    not; the checked rows are kept in the cache of datasets, so that only the first load
    takes long. ``COURSE_ROWS=N`` caps the training rows at N, validation and test rows
    at N // 2.

    Every picture is read as ``upright`` reads it; one that cannot be read is left out,
    and a line on stderr names it each time. Labels count the classes in the same order
    in every file, by name. Pictures with the same pixels stay on one side of every
    split; how many there are, and which class has no picture in a split, is said on
    stderr, too.

    Parameters
    ----------
    name : str
        ``"mnist"``, ``"cifar10"``, ``"cats_vs_dogs"``, ``"pets"`` (breeds), or
        ``"pretraining"`` (a sample of tiny-vit's own task, bundled only).

    Returns
    -------
    datasets.DatasetDict
        Splits ``train``, ``validation`` (a tenth of the training rows) and ``test``
        (a fifth of the rows if the source has no such split): the same rows each
        time, each class in proportion, never sorted by class. Columns ``image``
        (PIL, mode RGB; L for mnist) and ``label`` (ClassLabel).

    Raises
    ------
    DataError
        If the data is missing, damaged, incomplete, too little or out of reach.
    ValueError
        If ``name``, the profile or ``COURSE_ROWS`` is not understood.
    """
    if name not in DATA_SETS:
        raise ValueError(f"unknown data set {name!r}; there is {', '.join(DATA_SETS)}")
    data_set, repository = DATA_SETS[name], hub.REPOSITORIES.get(name)
    limit, columns = _row_limit(), data_set.columns
    if current_profile() == "reduced" or repository is None:
        (files, remedy), read = bundled_files(data_set), in_memory
        columns = data_set.bundled_columns or columns
    else:
        (files, remedy), read = hub.obtain(repository), in_cache
    # Without names of our own, those in the first file count, and all are to agree.
    names = data_set.labels or stated_names(files["train"][0], columns[1], remedy)
    shared = (columns, names, not data_set.labels, data_set.mode, remedy)
    tables = {
        split: read(Source(split, tuple(paths), *shared))
        for split, paths in files.items()
    }
    title = repository.id if repository else data_set.bundled
    return _splits(tables, title, data_set.sorted, limit)


def _row_limit():
    text = os.environ.get("COURSE_ROWS", "").strip()
    if text and not (text.isdecimal() and int(text)):
        raise ValueError(
            f"COURSE_ROWS={text!r} is not a number of rows; use a whole number from 1, "
            "or unset it for all rows"
        )
    return int(text) if text else None


def bundled_files(data_set: _DataSet) -> tuple[dict, str]:
    """Return a bundled data set's files, and what to do if one is damaged (sha256)."""
    folder, files = ROOT / "data" / data_set.bundled, {}
    remedy = "Restore it with `git checkout data`, or fetch the course again."
    sums = folder / "SHA256SUMS"
    lines = sums.read_text(encoding="ascii").splitlines() if sums.is_file() else []
    for digest, name in map(str.split, lines or ["- SHA256SUMS"]):
        path = folder / name
        if not path.is_file():
            raise DataError(f"bundled data: {path} is missing.", remedy)
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            why = "is damaged (its sha256 differs)"
            raise DataError(f"bundled data: {path} {why}.", remedy)
        files[path.stem] = [path]
    return files, remedy


# From rows to splits


def _splits(tables, name, is_sorted, limit):
    """Divide the rows of the source's splits among train, validation and test."""
    from datasets import DatasetDict

    rows = {split: _usable(table, name) for split, table in tables.items()}
    labels = {split: np.array(table["label"][:]) for split, table in tables.items()}
    looks = _looks(tables, rows, name)
    if is_sorted:
        rows = {split: _shuffled(order) for split, order in rows.items()}
    if "test" not in rows:
        rows["train"], rows["test"] = _draw(rows, labels, looks, TEST_SHARE)
        for part in (tables, labels, looks):
            part["test"] = part["train"]
    rows["train"], rows["validation"] = _draw(rows, labels, looks, VALIDATION_SHARE)
    tested, splits = looks["test"][rows["test"]], DatasetDict()
    half = limit and max(1, limit // 2)
    for split, most in {"train": limit, "validation": half, "test": half}.items():
        chosen, source = rows[split], "test" if split == "test" else "train"
        if source == "train":
            chosen = chosen[~np.isin(looks["train"][chosen], tested)]
        splits[split] = _pick(tables[source], chosen, most)
        _check_classes(name, split, splits[split])
    return splits


def _usable(table, name):
    """Return the numbers of the rows that have a picture, and name the others."""
    problems = table["problem"][:]
    told = [why for why in problems if why]
    if len(told) == len(problems):
        raise DataError(f"{name}: not one picture can be read, {told[0]}.")
    for why in told[:10]:
        warn(f"{name}, {why}. Training goes on without it.")
    if len(told) > 10:
        warn(f"{name}, {len(told) - 10} more.")
    return np.flatnonzero([why is None for why in problems])


def _looks(tables, rows, name):
    """Number the pictures by what they look like; say how many look like another."""
    seen, looks = {}, {}
    for split, table in tables.items():
        pixels = table["pixels"][:]
        looks[split] = np.array([seen.setdefault(p, len(seen)) for p in pixels])
    used = np.concatenate([looks[split][rows[split]] for split in rows])
    copies = len(used) - len(np.unique(used))
    if copies:
        warn(
            f"{name} holds {copies} {'copy' if copies == 1 else 'copies'} of other "
            "pictures, the same to the last pixel. They stay in the same split, and "
            "what is in test is left out elsewhere."
        )
    return looks


def _shuffled(rows):
    # RandomState, because NumPy promises the same stream in every version.
    return np.random.RandomState(_SEED).permutation(rows)


def _draw(rows, labels, looks, share):
    """Draw a share of each class's training rows; return the others and the drawn.

    ``Dataset.train_test_split`` would draw in proportion, too, but part the copies.
    """
    rows, labels, looks = rows["train"], labels["train"], looks["train"]
    labels, looks = labels[rows], looks[rows]
    order = _shuffled(np.arange(len(rows)))
    drawn = np.zeros(len(rows), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        wanted = round(share * len(members))
        for member in members:
            if drawn[members].sum() >= wanted:
                break
            drawn |= looks == looks[member]
    return rows[~drawn], rows[drawn]


def _pick(table, rows, limit):
    """Select rows; at most ``limit``, drawn with a fixed seed, in their old order."""
    if limit is not None and limit < len(rows):
        rows = rows[np.sort(_shuffled(np.arange(len(rows)))[:limit])]
    return table.remove_columns(["problem", "pixels"]).select(rows)


def _check_classes(name, split, part):
    """Refuse a split without pictures; say which classes have none in it."""
    if not len(part):
        raise DataError(
            f"{name}: the pictures are too few, so the split {split!r} is empty.",
            "It takes a share of each class; use ten pictures of each, or more.",
        )
    classes, there = part.features["label"], set(part["label"][:])
    absent = [x for number, x in enumerate(classes.names) if number not in there]
    if absent:
        count, end = len(absent), ", ..." if len(absent) > 10 else "."
        told = f"{name}, {split}: {count} of {classes.num_classes} classes have no "
        warn(f"{told}picture: {', '.join(absent[:10])}{end}")
