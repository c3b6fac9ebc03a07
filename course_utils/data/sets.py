"""The course's data sets, with the same columns and splits from every source."""

import hashlib
import os
from dataclasses import replace

import numpy as np

from course_utils.data import hub
from course_utils.data.download import DataError
from course_utils.data.rows import Source, in_cache, in_memory, names_in, warn
from course_utils.session import ROOT, current_profile

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2  # where the source has no test split

_THINGS = "airplane automobile bird cat deer dog frog horse ship truck"
DATA_SETS = {  # under their names in hub.REPOSITORIES
    "mnist": Source("digits", names=tuple("0123456789"), mode="L"),
    "cifar10": Source("drawn-cifar10", image="img", names=tuple(_THINGS.split())),
    "cats_vs_dogs": Source(
        "drawn-pets", label="labels", names=("cat", "dog"), sorted=True
    ),
    "pets": Source("drawn-pets", bundled_label="breed", sorted=True),
    "pretraining": Source("drawn-world"),  # not on the Hub
}


def load(name: str):
    """Load a data set in the current profile.

    ``reduced`` reads the files bundled under ``data/`` into memory. ``full`` reads the
    folder named by ``COURSE_HUB`` if the data set is there, or the Hugging Face Hub;
    the first load takes long, since all pictures are checked and kept in a cache.
    ``COURSE_ROWS=N`` caps the training rows at N, validation and test rows at N // 2.

    A picture that cannot be read is left out, and pictures with the same pixels stay on
    one side of every split; stderr says so.

    Parameters
    ----------
    name : str
        ``"mnist"``, ``"cifar10"``, ``"cats_vs_dogs"``, ``"pets"`` (breeds), or
        ``"pretraining"`` (a sample of tiny-vit's own task, bundled only).

    Returns
    -------
    datasets.DatasetDict
        Splits ``train``, ``validation`` (a tenth of the training rows) and ``test``
        (a fifth of the rows if the source has none): the same rows each time, each
        class in proportion, never sorted by class. Columns ``image`` (PIL, upright,
        mode RGB; L for mnist) and ``label`` (ClassLabel).

    Raises
    ------
    DataError
        If the data is missing, damaged, incomplete, too little or out of reach.
    ValueError
        If ``name``, the profile or ``COURSE_ROWS`` is not understood.
    """
    if name not in DATA_SETS:
        raise ValueError(f"unknown data set {name!r}; there is {', '.join(DATA_SETS)}")
    rows = os.environ.get("COURSE_ROWS", "").strip()
    if rows and not (rows.isdecimal() and int(rows)):
        raise ValueError(
            f"COURSE_ROWS={rows!r} is not a number of rows; use a whole number from 1, "
            "or unset it for all rows"
        )
    source, repository = DATA_SETS[name], hub.REPOSITORIES.get(name)
    if current_profile() == "reduced" or repository is None:
        title, read, (files, remedy) = source.bundled, in_memory, bundled_files(source)
        source = replace(source, label=source.bundled_label or source.label)
    else:
        title, read, (files, remedy) = repository.id, in_cache, hub.obtain(repository)
    names = source.names or dict.fromkeys(names_in(files["train"][0], source.label))
    source = replace(source, names=tuple(names), files=files, remedy=remedy)
    return _splits(read(source), source, title, int(rows) if rows else None)


def bundled_files(source: Source) -> tuple[dict, str]:
    """Return a bundled data set's files, and what to do if one is damaged (sha256)."""
    folder, files = ROOT / "data" / source.bundled, {}
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


def _splits(table, source, title, limit):
    """Divide the rows of a source among train, validation and test."""
    from datasets import DatasetDict

    labels, looks, given = (
        np.array(table[column][:]) for column in ("label", "pixels", "split")
    )
    readable = _readable(table["problem"][:], looks, title)
    rows = {split: readable[given[readable] == split] for split in source.files}
    if source.sorted:
        rows = {split: _shuffled(part) for split, part in rows.items()}
    if "test" not in rows:
        rows["train"], rows["test"] = _draw(rows["train"], labels, looks, TEST_SHARE)
    train, validation = _draw(rows["train"], labels, looks, VALIDATION_SHARE)
    tested, splits = looks[rows["test"]], DatasetDict()
    splits["train"] = train[~np.isin(looks[train], tested)]
    splits["validation"] = validation[~np.isin(looks[validation], tested)]
    splits["test"] = rows["test"]
    for split, part in splits.items():
        most = limit if split == "train" else limit and max(1, limit // 2)
        if most and most < len(part):  # drawn with a fixed seed, in their old order
            part = part[np.sort(_shuffled(np.arange(len(part)))[:most])]
        splits[split] = table.select_columns(["image", "label"]).select(part)
        _check_classes(title, split, splits[split])
    return splits


def _readable(problems, looks, title):
    """Return the numbers of the rows with a picture; name the others, count copies."""
    told = [why for why in problems if why]
    if len(told) == len(problems):
        raise DataError(f"{title}: not one picture can be read, {told[0]}.")
    for why in told[:10]:
        warn(f"{title}, {why}. Training goes on without it.")
    if len(told) > 10:
        warn(f"{title}, {len(told) - 10} more.")
    readable = np.flatnonzero([why is None for why in problems])
    copies = len(readable) - len(np.unique(looks[readable]))
    if copies:
        warn(
            f"{title} holds {copies} {'copy' if copies == 1 else 'copies'} of other "
            "pictures, the same to the last pixel. They stay in the same split, and "
            "what is in test is left out elsewhere."
        )
    return readable


def _shuffled(rows):
    # RandomState, because NumPy promises the same stream in every version.
    return np.random.RandomState(0).permutation(rows)


def _draw(rows, labels, looks, share):
    """Draw a share of each class's rows; return the others and the drawn.

    ``Dataset.train_test_split`` would draw in proportion, too, but part the copies.
    """
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


def _check_classes(title, split, part):
    """Refuse a split without pictures; say which classes have none in it."""
    if not len(part):
        raise DataError(
            f"{title}: the pictures are too few, so the split {split!r} is empty.",
            "It takes a share of each class; use ten pictures of each, or more.",
        )
    classes, there = part.features["label"], set(part["label"][:])
    absent = [x for number, x in enumerate(classes.names) if number not in there]
    if absent:
        warn(
            f"{title}, {split}: {len(absent)} of {classes.num_classes} classes have no "
            f"picture: {', '.join(absent[:10])}{', ...' if absent[10:] else '.'}"
        )
