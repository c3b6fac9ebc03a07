"""The course's data sets, with the same columns and splits from every source."""

import hashlib
import itertools
import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image as Pillow

from course_utils.data import folders, hub
from course_utils.data.hub import warn
from course_utils.data.pictures import checked, class_numbers
from course_utils.session import ROOT, current_profile

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2  # where the source has no test split
_FORMAT = 5  # of the checked rows; a new number has all pictures checked anew
_BATCH = 256  # rows in memory at a time


@dataclass(frozen=True)
class Source:
    """A data set: what its files hold, and, once they are found, where they lie."""

    bundled: str  # its folder under data/
    image: str = "image"  # the column of the pictures
    label: str = "label"  # the column of the labels
    names: tuple[str, ...] = ()  # of the classes; if empty, the first file names them
    mode: str = "RGB"  # of the pictures
    sorted: bool = False  # by class, so that the course shuffles the rows once
    bundled_label: str = ""  # the column of the labels in data/, if it differs
    several: bool = False  # a row has a list of labels, handed on as column "labels"
    also: tuple[str, ...] = ()  # columns that are handed on as they are
    files: dict[str, list[Path]] = field(default_factory=dict)  # of each split
    remedy: str = ""  # what to do about a damaged file
    folder: Path | None = None  # of picture files, where the rows are in no parquet


_THINGS = "airplane automobile bird cat deer dog frog horse ship truck"
DATA_SETS = {  # under their names in hub.REPOSITORIES
    "mnist": Source("mnist", names=tuple("0123456789"), mode="L"),
    "cifar10": Source("drawn-cifar10", image="img", names=tuple(_THINGS.split())),
    "cats_vs_dogs": Source(
        "drawn-pets", label="labels", names=("cat", "dog"), sorted=True
    ),
    "pets": Source("drawn-pets", bundled_label="breed", sorted=True),
    "pretraining": Source("drawn-world", also=("mask",)),  # not on the Hub
    "scenes": Source(  # not on the Hub
        "drawn-scenes", label="labels", several=True, also=("caption", "mask")
    ),
}


def load(name: str | os.PathLike):
    """Load a data set in the current profile.

    ``reduced`` reads the files bundled under ``data/`` into memory. ``full`` reads the
    folder named by ``COURSE_HUB`` if the data set is there, or the Hugging Face Hub;
    the first load takes long, since all pictures are checked and kept in a cache.
    A folder of one's own is read where it lies, in both profiles, and checked anew
    when a file in it changes.

    ``COURSE_ROWS=N`` caps the training rows at N, validation and test rows at N // 2.

    A picture that cannot be read is left out, and pictures with the same pixels stay on
    one side of every split; stderr says so. Raises DataError if the data is missing,
    damaged, too little or out of reach, and ValueError for an unknown name.

    Parameters
    ----------
    name : str or path
        ``"mnist"``, ``"cifar10"``, ``"cats_vs_dogs"``, ``"pets"`` (breeds),
        ``"pretraining"`` (a sample of tiny-vit's own task, bundled only), or
        ``"scenes"`` (several things in one picture, bundled only). Or a folder that
        holds a folder of pictures for each class, or such folders for ``train``,
        ``validation`` and ``test``. ``"./pets"`` is a folder, ``"pets"`` is not.

    Returns
    -------
    datasets.DatasetDict
        Splits ``train``, ``validation`` (a tenth of the training rows) and ``test``
        (a fifth of the rows), or those of the source: the same rows each time, each
        class in proportion, never sorted by class. Columns ``image`` (PIL, upright,
        mode RGB; L for mnist) and ``label`` (ClassLabel); ``"pretraining"`` has a
        column ``mask``, too (PIL, mode L, 255 where the named thing is seen).
        ``"scenes"`` has ``labels`` (a list of ClassLabel) in place of ``label``,
        ``caption`` (text) and ``mask`` (PIL, mode L, k + 1 where class k is seen).

    """
    if name not in DATA_SETS:
        folder = folders.find(name, DATA_SETS)
    rows = os.environ.get("COURSE_ROWS", "").strip()
    if rows and not (rows.isdecimal() and int(rows)):
        raise ValueError(
            f"COURSE_ROWS={rows!r} is no whole number from 1; unset it for all rows"
        )
    limit = int(rows) if rows else None
    if name not in DATA_SETS:
        names, files = folders.classes_and_files(folder)
        source = Source("", names=names, sorted=True, files=files, folder=folder)
        table = folders.without_empty(in_cache(source), folder, names)
        return _splits(table, source, str(folder), limit)
    source, repository = DATA_SETS[name], hub.REPOSITORIES.get(name)
    if current_profile() == "reduced" or repository is None:
        title, read, (files, remedy) = source.bundled, in_memory, bundled_files(source)
        source = replace(source, label=source.bundled_label or source.label)
    else:
        title, read, (files, remedy) = repository.id, in_cache, hub.obtain(repository)
    names = source.names or dict.fromkeys(names_in(files["train"][0], source.label))
    source = replace(source, names=tuple(names), files=files, remedy=remedy)
    return _splits(read(source), source, title, limit)


def bundled_files(source: Source) -> tuple[dict, str]:
    """Return a bundled data set's files, and what to do if one is damaged (sha256)."""
    folder, files = ROOT / "data" / source.bundled, {}
    remedy = "Restore it with `git checkout data`, or fetch the course again."
    sums = folder / "SHA256SUMS"
    lines = sums.read_text(encoding="ascii").splitlines() if sums.is_file() else []
    for digest, name in map(str.split, lines or ["- SHA256SUMS"]):
        path = folder / name
        if not path.is_file():
            raise hub.DataError(f"bundled data: {path} is missing.", remedy)
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise hub.DataError(f"bundled data: {path} is damaged (sha256).", remedy)
        files[path.stem] = [path]
    return files, remedy


# From files to rows: each picture and each label is checked


def in_memory(source: Source):
    """Return all rows as a ``datasets.Dataset`` with the columns of ``_features``."""
    from datasets import Dataset

    return Dataset.from_list(list(_rows(source)), features=_features(source))


def in_cache(source: Source):
    """Return the same from the cache of datasets, where it is kept from now on."""
    from datasets import Dataset, config
    from datasets.exceptions import DatasetGenerationError

    states = [path.stat() for paths in source.files.values() for path in paths]
    key = (_FORMAT, [(state.st_size, state.st_mtime_ns) for state in states])
    formats = source.folder and sorted(Pillow.OPEN)  # a plugin may add HEIC
    settings = {"source": source, "key": (key, formats)}
    features = _features(source)
    try:
        return Dataset.from_generator(_rows, features=features, gen_kwargs=settings)
    except (DatasetGenerationError, OSError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, OSError):
            cause = hub.unwritable(cause.filename or config.HF_DATASETS_CACHE, cause)
        raise cause from None


def _features(source):
    from datasets import ClassLabel, Features, Image, List, Value

    stored = source.also and Features.from_arrow_schema(
        pq.read_schema(source.files["train"][0])
    )
    classes = ClassLabel(names=list(source.names))
    return Features(
        {name: stored[name] for name in source.also},
        image=Image(),
        **({"labels": List(classes)} if source.several else {"label": classes}),
        split=Value("string"),
        problem=Value("string"),  # why the picture cannot be read
        pixels=Value("int64"),  # equal for pictures that look the same
    )


def _rows(source, key=None):
    """Yield all rows; source and key are what the cache of datasets knows them by."""
    if source.folder:
        yield from folders.rows(source.folder, source.files, source.names)
        return
    for split, paths in source.files.items():
        number = itertools.count()
        for path in paths:
            for cell, label, also in _cells(path, source):
                content, pixels, why = checked(cell, source.mode)
                name = cell.get("path")
                where = f"{split} row {next(number)} ({name or path.name})"
                yield {  # no path: a file of that name nearby would be read instead
                    "image": content and {"bytes": content, "path": None},
                    "labels" if source.several else "label": label,
                    "split": split,
                    "problem": why and f"{where}: {why}",
                    "pixels": pixels,
                    **also,
                }


def _cells(path, source):
    """Yield of each row its picture, as bytes and path, its label, and the rest."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            for column in (source.image, source.label):
                if column not in schema.names:
                    has = ", ".join(schema.names)
                    raise ValueError(f"it has no column {column!r}, but {has}")
            kind = schema.field(source.image).type
            if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
                raise ValueError(
                    f"it has no pictures in its column {source.image!r}, but values of "
                    f"the type {kind} (paths alone are not enough)"
                )
            if not file.metadata.num_rows:
                raise ValueError("it has no rows")
            labels = iter(_labels(path, file, source))
            columns = [source.image, *source.also]
            for batch in file.iter_batches(_BATCH, columns=columns):
                for row in batch.to_pylist():
                    yield row.pop(source.image) or {}, next(labels), row
    except (pa.ArrowException, OSError) as error:
        why = f"{path} cannot be read ({hub.first_line(error)})."
        raise hub.DataError(why, source.remedy) from None
    except ValueError as error:
        raise hub.DataError(f"{path}: {error}.", source.remedy) from None


def _labels(path, file, source):
    """Return a file's labels, numbered by name as the course counts the classes."""
    # load_dataset("parquet") would read the numbers of all files as those of the first.
    names = names_in(path, source.label)
    known = ", ".join(source.names[:10]) + (", ..." if source.names[10:] else "")
    if not source.names:
        raise ValueError(f"the file does not name the classes of {source.label!r}")
    if not names:
        names = source.names
        warn(f"{path} does not name its classes, so the course counts them: {known}.")
    for name in names:
        if name not in source.names or names.count(name) > 1:
            why = "is unknown" if name not in source.names else "is there twice"
            raise ValueError(f"the class {name!r} {why}; the classes are {known}")
    labels = file.read(columns=[source.label]).column(0).to_pylist()
    number = [source.names.index(name) for name in names]
    if source.several:
        return [[number[i] for i in class_numbers(x, len(names))] for x in labels]
    return [number[i] for i in class_numbers(labels, len(names))]


def names_in(path: Path, column: str) -> tuple[str, ...]:
    """Return the class names that a file states for a column, or none."""
    try:  # Features.from_arrow_schema would stop at any other column it does not know
        metadata = json.loads(pq.read_schema(path).metadata[b"huggingface"])
        feature = metadata["info"]["features"][column]
        return tuple(feature.get("feature", feature)["names"])  # those of a list
    except (pa.ArrowException, OSError, TypeError, KeyError, ValueError):
        return ()  # no metadata, or without names; who reads the rows says more


# From rows to splits


def _splits(table, source, title, limit):
    """Divide the rows of a source among train, validation and test."""
    from datasets import DatasetDict

    label = "labels" if source.several else "label"
    looks, given = (np.array(table[column][:]) for column in ("pixels", "split"))
    readable = _readable(table["problem"][:], looks, title)
    rows = {split: readable[given[readable] == split] for split in source.files}
    if source.sorted:
        rows = {split: _shuffled(part) for split, part in rows.items()}
    for split, share in (("test", TEST_SHARE), ("validation", VALIDATION_SHARE)):
        if split not in rows:
            labels = np.array(table[label][:])
            rows["train"], rows[split] = _draw(rows["train"], labels, looks, share)
    splits, order = DatasetDict(), ("train", "validation", "test")
    for i, split in enumerate(order):
        part = rows[split]
        for later in order[i + 1 :]:
            part = part[~np.isin(looks[part], looks[rows[later]])]
        most = limit if split == "train" else limit and max(1, limit // 2)
        if most and most < len(part):  # drawn with a fixed seed, in their old order
            part = part[np.sort(_shuffled(np.arange(len(part)))[:most])]
        columns = ["image", label, *source.also]
        splits[split] = table.select_columns(columns).select(part)
        _check_classes(title, split, splits[split], label)
    return splits


def _readable(problems, looks, title):
    """Return the numbers of the rows with a picture; name the others, count copies."""
    told = [why for why in problems if why]
    if len(told) == len(problems):
        raise hub.DataError(f"{title}: not one picture can be read, {told[0]}.")
    for why in told[:10]:
        warn(f"{title}, {why}. Training goes on without it.")
    if told[10:]:
        warn(f"{title}, {len(told) - 10} more.")
    readable = np.flatnonzero([why is None for why in problems])
    copies = len(readable) - len(np.unique(looks[readable]))
    if copies:
        warn(
            f"{title} holds copies of other pictures ({copies}), the same to the last "
            "pixel. They stay in one split, and what is in test is left out elsewhere."
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


def _check_classes(title, split, part, label):
    """Refuse a split without pictures; say which classes have none in it."""
    if not len(part):
        raise hub.DataError(
            f"{title}: the pictures are too few, so the split {split!r} is empty.",
            "It takes a share of each class; use ten pictures of each, or more.",
        )
    classes, there = part.features[label], part[label][:]
    if label == "labels":
        classes, there = classes.feature, itertools.chain.from_iterable(there)
    there = set(there)
    absent = [x for number, x in enumerate(classes.names) if number not in there]
    if absent:
        warn(
            f"{title}, {split}: {len(absent)} of {classes.num_classes} classes have no "
            f"picture: {', '.join(absent[:10])}{', ...' if absent[10:] else '.'}"
        )
