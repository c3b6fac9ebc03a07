"""The course's data sets, with the same columns and splits from every source."""

import contextlib
import hashlib
import io
import itertools
import json
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from course_utils.data import hub
from course_utils.data.hub import DataError, first_line
from course_utils.data.pictures import class_numbers, upright
from course_utils.session import ROOT, current_profile

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2  # where the source has no test split
_SEED = 0
_BATCH = 256  # rows in memory at a time while a data set is prepared
_FORMAT = 2  # of the prepared files; another number makes them anew
_NAMED = 10  # unusable pictures that are named one by one
_BIG = 50e6  # bytes from which on preparing takes long enough to say so


@dataclass(frozen=True)
class _DataSet:
    """Where one data set comes from, and how its columns become image and label."""

    bundled: str  # folder under data/
    repository: hub.Repository | None  # None: bundled only
    columns: tuple[str, str] = ("image", "label")  # on the Hub
    bundled_columns: tuple[str, str] = ("image", "label")
    labels: tuple[str, ...] = ()  # where a file does not name them itself
    mode: str = "RGB"
    sorted: bool = False  # by class: the course shuffles the rows once


DATA_SETS = {
    "mnist": _DataSet(
        bundled="digits",
        repository=hub.REPOSITORIES["mnist"],
        labels=tuple("0123456789"),
        mode="L",
    ),
    "cifar10": _DataSet(
        bundled="drawn-cifar10",
        repository=hub.REPOSITORIES["cifar10"],
        columns=("img", "label"),
        bundled_columns=("img", "label"),
        labels=tuple(
            "airplane automobile bird cat deer dog frog horse ship truck".split()
        ),
    ),
    "cats_vs_dogs": _DataSet(
        bundled="drawn-pets",
        repository=hub.REPOSITORIES["cats_vs_dogs"],
        columns=("image", "labels"),
        bundled_columns=("image", "labels"),
        labels=("cat", "dog"),
        sorted=True,
    ),
    "pets": _DataSet(
        bundled="drawn-pets",
        repository=hub.REPOSITORIES["pets"],
        bundled_columns=("image", "breed"),
        sorted=True,
    ),
    "pretraining": _DataSet(bundled="drawn-world", repository=None),
}


def load(name: str):
    """Load a data set in the current profile.

    ``reduced`` reads the files bundled under ``data/``. ``full`` reads the folder
    named by ``COURSE_HUB`` if the data set is there, and the Hugging Face Hub if not;
    it writes the rows once under ``HF_HOME/vit-course/prepared`` and maps that file
    into memory. ``COURSE_ROWS=N`` caps the training rows at N, validation and test
    rows at N // 2.

    Every picture is read once, as ``upright`` reads it; one that cannot be read is left
    out, and a line on stderr names it each time. Labels count the classes in the same
    order in every file, by name. Pictures with the same pixels stay on one side of
    every split; how many there are, and which class has no picture in a split, is said
    on stderr, too.

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
    data_set, limit = DATA_SETS[name], _row_limit()
    if current_profile() == "reduced" or data_set.repository is None:
        files, remedy = _bundled_files(data_set)
        columns, table = data_set.bundled_columns, _in_memory
    else:
        files, remedy = hub.obtain(data_set.repository)
        columns, table = data_set.columns, _prepared
    names = data_set.labels
    if not names:  # the first file's, with which the others are to agree
        with _opened(files["train"][0], remedy) as file:
            names = tuple(dict.fromkeys(_names_in(file.schema_arrow, columns[1]) or ()))
    sources = [
        _Source(data_set, split, tuple(paths), columns, names, remedy)
        for split, paths in files.items()
    ]
    return _splits({source.split: table(source) for source in sources}, data_set, limit)


def bundled_problem(name: str) -> str | None:
    """Say what is wrong with a bundled data set, or None if it is intact (sha256)."""
    try:
        _bundled_files(DATA_SETS[name])
    except DataError as error:
        return str(error)
    return None


def _bundled_files(data_set):
    folder = ROOT / "data" / data_set.bundled
    remedy = "Restore it with `git checkout data`, or fetch the course again."
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        raise DataError(f"bundled data: {sums} is missing. {remedy}")
    files = {}
    for line in sums.read_text(encoding="ascii").splitlines():
        digest, name = line.split()
        path = folder / name
        if not path.is_file():
            raise DataError(f"bundled data: {path} is missing. {remedy}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise DataError(
                f"bundled data: {path} is damaged (its sha256 differs). {remedy}"
            )
        files[path.stem] = [path]
    return files, remedy


# From files to rows


@dataclass(frozen=True)
class _Source:
    """The parquet files of one split, and what their rows must look like."""

    data_set: _DataSet
    split: str
    paths: tuple[Path, ...]
    columns: tuple[str, str]
    names: tuple[str, ...]  # of the classes, in the order in which the course counts
    remedy: str


def _in_memory(source):
    """Return a split's table: image, label, problem and pixels (see ``_checked``)."""
    import pyarrow as pa
    from datasets.table import InMemoryTable

    return InMemoryTable(pa.concat_tables(_checked(source)))


def _prepared(source):
    """Return the same from a file that is made once and mapped into memory."""
    import pyarrow as pa
    from datasets.table import MemoryMappedTable
    from huggingface_hub.utils import WeakFileLock

    files = [(str(path.resolve()), path.stat()) for path in source.paths]
    states = [(path, state.st_size, state.st_mtime_ns) for path, state in files]
    facts = repr((_FORMAT, source.data_set, source.names, states))
    key = hashlib.sha256(facts.encode()).hexdigest()[:16]
    folder = hub.home() / "prepared" / source.data_set.repository.id
    path = folder / f"{source.split}-{key}.arrow"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(path.with_suffix(".lock")):  # another notebook may be at it
            if not path.is_file():
                _prepare(source, path)
    except OSError as error:
        raise hub.unwritable(path, error) from None
    try:
        return MemoryMappedTable.from_file(str(path))
    except (pa.ArrowException, OSError) as error:
        why = first_line(error)
        text = f"{path} is damaged ({why}). Delete it and run this again."
        raise DataError(text) from None


def _prepare(source, path):
    """Write a split's checked rows, a batch at a time; the name comes last."""
    import pyarrow as pa

    size = sum(file.stat().st_size for file in source.paths)
    if size > _BIG:
        print(
            f"Preparing {source.data_set.repository.id}, {source.split} "
            f"({size / 1e6:.0f} MB), once: every picture is checked, then kept in "
            f"{path.parent}",
            flush=True,
        )
    hub.check_room(path.parent, size)
    unfinished, tables = path.with_suffix(".part"), _checked(source)
    first = next(tables)
    try:
        with pa.OSFile(str(unfinished), "wb") as file:
            with pa.ipc.new_stream(file, first.schema) as writer:
                for table in itertools.chain([first], tables):
                    writer.write_table(table)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)  # it may be what fills the disk


def _checked(source):
    """Yield a split's rows in small tables, every picture checked.

    Yields
    ------
    pyarrow.Table
        Columns image, label, problem (why a picture is left out) and pixels (the same
        for pictures that look the same, to the last pixel).
    """
    import pyarrow as pa
    from datasets import ClassLabel, Features, Value
    from datasets import Image as ImageFeature

    schema = Features(
        {
            "image": ImageFeature(),
            "label": ClassLabel(names=list(source.names)),
            "problem": Value("string"),
            "pixels": Value("binary"),
        }
    ).arrow_schema
    row = 0
    for path in source.paths:
        for old, labels in _read(path, source):
            cells, problems, pixels = [], [], []
            for number, cell in enumerate(old, row):
                cell, why = _mended(cell or {}, source.data_set.mode)
                name = cell.get("path") or path.name
                pixels.append(cell.pop("pixels"))
                cells.append(cell)
                where = f"{source.split} row {number} ({name})"
                problems.append(why and f"{where}: {why}")
            row += len(cells)
            yield pa.table([cells, labels, problems, pixels], schema=schema)


def _read(path, source):
    """Yield a parquet file's pictures and class numbers, a batch at a time."""
    with _opened(path, source.remedy) as file:
        _check_columns(path, file.schema_arrow, source)
        if not file.metadata.num_rows:
            raise _refusal(path, "has no rows", source.remedy)
        labels, row = _labels(path, file, source), 0
        for batch in file.iter_batches(_BATCH, columns=[source.columns[0]]):
            yield batch.column(0).to_pylist(), labels[row : row + len(batch)]
            row += len(batch)


@contextlib.contextmanager
def _opened(path, remedy):
    """Open a parquet file; say so if it cannot be read, now or later on."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        why = first_line(error) or type(error).__name__
        raise _refusal(path, f"cannot be read ({why})", remedy) from None


def _refusal(path, why, remedy):
    return DataError(f"{path} {why}. {remedy}")


def _check_columns(path, schema, source):
    import pyarrow as pa

    for column in source.columns:
        if column not in schema.names:
            has = ", ".join(schema.names)
            why = f"has no column {column!r} (it has {has})"
            raise _refusal(path, why, source.remedy)
    kind = schema.field(source.columns[0]).type
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        why = (
            f"has no pictures in its column {source.columns[0]!r}, but values of the "
            f"type {kind} (paths alone are not enough)"
        )
        raise _refusal(path, why, source.remedy)


def _labels(path, file, source):
    """Return a file's labels, numbered as the course counts the classes, by name."""
    column = source.columns[1]
    stated = _names_in(file.schema_arrow, column)
    if stated is None and not source.data_set.labels:
        raise _refusal(path, f"does not name the classes of {column!r}", source.remedy)
    if stated is None:
        taken = ", ".join(f"{i} as {x}" for i, x in enumerate(source.names))
        print(
            f"Warning: {path} does not name its classes, so the course reads {taken}.",
            file=sys.stderr,
        )
    names = list(source.names if stated is None else stated)
    strange = [name for name in names if name not in source.names]
    if strange or len(set(names)) < len(names):
        what = f"a class {strange[0]!r}" if strange else "a class twice"
        known = ", ".join(source.names[:_NAMED])
        more = ", ..." if len(source.names) > _NAMED else ""
        why = f"names {what}, where the classes are {known}{more}"
        raise _refusal(path, why, source.remedy)
    try:
        labels = file.read(columns=[column]).column(0).to_pylist()
        numbers = class_numbers(labels, len(names))
    except ValueError as error:
        raise _refusal(path, f"cannot be used: {error}", source.remedy) from None
    return np.array([source.names.index(name) for name in names])[numbers]


def _names_in(schema, column):
    """Return the class names that a file states for a column, or None.

    ``Features.from_arrow_schema`` would stop at any other column it does not know, and
    pass over the names of labels that are stored as int32.
    """
    try:
        stated = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        return stated[column]["names"]
    except (TypeError, KeyError, ValueError):  # no metadata, or without names
        return None


# Pictures


def _mended(cell, mode):
    """Make a picture's bytes such that they decode to an upright picture of a mode.

    Returns
    -------
    cell : dict
        ``bytes`` as they were, if nothing is odd about them; else a PNG; None if the
        picture cannot be read. ``pixels`` is the same for pictures that are.
    why : str or None
        Why it cannot.
    """
    content = cell.get("bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of broken metadata
            image = Image.open(io.BytesIO(content))
            if _is_plain(image, mode):
                return {**cell, "pixels": _fingerprint(image)}, None
    except Exception:
        pass  # odd; the second look says if it is broken
    try:
        if content is None:
            only = "a path, but not the picture" if cell.get("path") else "no picture"
            raise ValueError(f"the row holds {only}; the file must store its bytes")
        image = upright(content).convert(mode)
    except ValueError as error:
        return {**cell, "bytes": None, "pixels": None}, str(error)
    mended = io.BytesIO()
    image.save(mended, "PNG")
    return {**cell, "bytes": mended.getvalue(), "pixels": _fingerprint(image)}, None


def _is_plain(image, mode):
    """Decode a picture; tell if it is as wanted."""
    image.load()
    return (
        image.mode == mode
        and not image.has_transparency_data
        and image.getexif().get(_ORIENTATION, 1) == 1
    )


_ORIENTATION = 0x0112  # the EXIF tag


def _fingerprint(image):
    digest = hashlib.blake2b(repr(image.size).encode(), digest_size=16)
    digest.update(image.tobytes())
    return digest.digest()


# From rows to splits


def _splits(tables, data_set, limit):
    """Divide the rows of the source's splits among train, validation and test."""
    from datasets import DatasetDict

    name = data_set.repository.id if data_set.repository else data_set.bundled
    rows = {split: _usable(table, name) for split, table in tables.items()}
    labels = {split: table["label"].to_numpy() for split, table in tables.items()}
    looks = _looks(tables, rows, name)
    if data_set.sorted:
        rows = {split: _shuffled(order) for split, order in rows.items()}
    if "test" not in rows:
        rows["train"], rows["test"] = _draw(rows, labels, looks, TEST_SHARE)
        for part in (tables, labels, looks):
            part["test"] = part["train"]
    rows["train"], rows["validation"] = _draw(rows, labels, looks, VALIDATION_SHARE)
    tested = looks["test"][rows["test"]]
    half = limit and max(1, limit // 2)
    for split in ("train", "validation"):
        rows[split] = rows[split][~np.isin(looks["train"][rows[split]], tested)]
    splits = DatasetDict(
        train=_pick(tables["train"], rows["train"], limit, "train"),
        validation=_pick(tables["train"], rows["validation"], half, "validation"),
        test=_pick(tables["test"], rows["test"], half, "test"),
    )
    for split, part in splits.items():
        _check_classes(name, split, part)
    return splits


def _usable(table, name):
    """Return the numbers of the rows that have a picture, and name the others."""
    problems = table["problem"].to_pylist()
    told = [why for why in problems if why]
    if len(told) == len(problems):
        raise DataError(f"{name}: not one picture can be read, {told[0]}.")
    for why in told[:_NAMED]:
        print(f"Warning: {name}, {why}. Training goes on without it.", file=sys.stderr)
    if len(told) > _NAMED:
        print(f"Warning: {name}, {len(told) - _NAMED} more.", file=sys.stderr)
    return np.flatnonzero([why is None for why in problems])


def _looks(tables, rows, name):
    """Number the pictures by what they look like; say how many look like another."""
    seen, looks = {}, {}
    for split, table in tables.items():
        pixels = table["pixels"].to_pylist()
        looks[split] = np.array([seen.setdefault(p, len(seen)) for p in pixels])
    used = np.concatenate([looks[split][rows[split]] for split in rows])
    copies = len(used) - len(np.unique(used))
    if copies:
        print(
            f"Warning: {name} holds {copies} {'copy' if copies == 1 else 'copies'} of "
            "other pictures, the same to the last pixel. They stay in the same split, "
            "and what is in test is left out elsewhere.",
            file=sys.stderr,
        )
    return looks


def _shuffled(rows):
    # RandomState, because NumPy promises the same stream in every version.
    return np.random.RandomState(_SEED).permutation(rows)


def _draw(rows, labels, looks, share):
    """Draw a share of each class's training rows with a fixed seed, copies together.

    Returns
    -------
    rest, drawn : arrays of row numbers, in their old order
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


def _check_classes(name, split, part):
    """Refuse a split without pictures; say which classes have none in it."""
    if not len(part):
        raise DataError(
            f"{name}: the pictures are too few, so the split {split!r} is empty. It "
            "takes a share of each class; use ten pictures of each, or more."
        )
    classes = part.features["label"]
    there = set(part["label"][:])
    absent = [x for number, x in enumerate(classes.names) if number not in there]
    if absent:
        end = ", ..." if len(absent) > _NAMED else "."
        print(
            f"Warning: {name}, {split}: {len(absent)} of {classes.num_classes} classes "
            f"have no picture: {', '.join(absent[:_NAMED])}{end}",
            file=sys.stderr,
        )


def _pick(table, rows, limit, split):
    """Select rows; at most ``limit``, drawn with a fixed seed, in their old order."""
    from datasets import Dataset, DatasetInfo, Features

    if limit is not None and limit < len(rows):
        rows = rows[np.sort(_shuffled(np.arange(len(rows)))[:limit])]
    info = DatasetInfo(features=Features.from_arrow_schema(table.schema))
    rows_of_table = Dataset(table, info=info, split=split).remove_columns(
        ["problem", "pixels"]
    )
    return rows_of_table.select(rows)


def _row_limit():
    text = os.environ.get("COURSE_ROWS", "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f"COURSE_ROWS={text!r} is not a number of rows; use a whole number from 1, "
            "or unset it for all rows"
        )
    return int(text)
