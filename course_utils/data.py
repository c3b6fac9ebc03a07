"""The course's data sets, with the same columns and splits from every source."""

import contextlib
import hashlib
import io
import itertools
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from course_utils import hub
from course_utils.hub import DataError, first_line
from course_utils.profiles import ROOT, current_profile

VALIDATION_SHARE = 0.1
TEST_SHARE = 0.2  # where the source has no test split
_SEED = 0
_BATCH = 256  # rows in memory at a time while a data set is prepared
_FORMAT = 1  # of the prepared files; another number makes them anew
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

    Every picture is decoded once. One that is grey, a palette, CMYK, transparent
    (shown on white) or turned by its metadata becomes an upright RGB picture; one
    that cannot be decoded is left out, and a line on stderr names it each time.

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
        If the data is missing, damaged, incomplete or out of reach.
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
    sources = [
        _Source(data_set, split, tuple(paths), columns, remedy)
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
    remedy: str

    def refuse(self, path, why):
        return DataError(f"{path} {why}. {self.remedy}")


def _in_memory(source):
    """Return a split's table: image, label, problem (why a picture is left out)."""
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
    facts = repr((_FORMAT, source.data_set, states))
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
        Columns image, label and problem.
    """
    import pyarrow as pa
    from datasets import Features, Value

    row = 0
    for path in source.paths:
        for table in _read(path, source):
            cells, problems = [], []
            for number, cell in enumerate(table["image"].to_pylist(), row):
                cell, why = _mended(cell or {}, source.data_set.mode)
                name = cell.get("path") or path.name
                cells.append(cell)
                where = f"{source.split} row {number} ({name})"
                problems.append(why and f"{where}: {why}")
            row += len(cells)
            stated = Features.from_arrow_schema(table.schema)
            schema = Features({**stated, "problem": Value("string")}).arrow_schema
            yield pa.table([cells, table["label"], problems], schema=schema)


def _read(path, source):
    """Yield a parquet file's rows in small tables with columns image and label."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            schema = _schema(path, file.schema_arrow, source)
            if not file.metadata.num_rows:
                raise source.refuse(path, "has no rows")
            for batch in file.iter_batches(_BATCH, columns=list(source.columns)):
                yield _cast(path, batch, schema, source)
    except (pa.ArrowException, OSError) as error:
        why = first_line(error) or type(error).__name__
        raise source.refuse(path, f"cannot be read ({why})") from None


def _schema(path, schema, source):
    """Return the schema of image and label, with the class names that a file states."""
    from datasets import ClassLabel, Features
    from datasets import Image as ImageFeature

    for column in source.columns:
        if column not in schema.names:
            has = ", ".join(schema.names)
            raise source.refuse(path, f"has no column {column!r} (it has {has})")
    label = Features.from_arrow_schema(schema)[source.columns[1]]
    if not isinstance(label, ClassLabel):
        label = ClassLabel(names=list(source.data_set.labels))
    return Features({"image": ImageFeature(), "label": label}).arrow_schema


def _cast(path, batch, schema, source):
    import pyarrow as pa
    from datasets import Features

    table = pa.Table.from_batches([batch]).select(source.columns)
    try:
        table = table.rename_columns(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        why = first_line(error)
        raise source.refuse(path, f"has columns of another type ({why})") from None
    labels = table["label"].to_numpy()  # a null makes it NaN
    classes = Features.from_arrow_schema(schema)["label"].num_classes
    if not (labels.min() >= 0 and labels.max() < classes):
        raise source.refuse(path, f"has labels outside 0 to {classes - 1}")
    return table


# Pictures


def _mended(cell, mode):
    """Make a picture's bytes such that they decode to an upright picture of a mode.

    Returns
    -------
    cell : dict
        ``bytes`` as they were, if nothing is odd about them; else a PNG; None if the
        picture cannot be decoded.
    why : str or None
        Why it cannot.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # Pillow warns of broken metadata
            if _is_plain(Image.open(io.BytesIO(cell["bytes"])), mode):
                return cell, None
    except Exception:
        pass  # odd; the second look says if it is broken
    mended = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(cell.get("bytes") or b""))
            _upright(image, mode).save(mended, "PNG")
    except UnidentifiedImageError:
        return {**cell, "bytes": None}, "it is not a picture"
    # A broken file makes Pillow raise OSError, SyntaxError, ValueError, struct.error.
    except Exception as error:
        return {**cell, "bytes": None}, first_line(error) or type(error).__name__
    return {**cell, "bytes": mended.getvalue()}, None


def _is_plain(image, mode):
    """Decode a picture (a JPEG at an eighth of its size); tell if it is as wanted."""
    image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
    image.load()
    return (
        image.mode == mode
        and not image.has_transparency_data
        and image.getexif().get(_ORIENTATION, 1) == 1
    )


_ORIENTATION = 0x0112  # the EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(image, mode):
    """Return a picture turned as its metadata say, on white, in a mode."""
    turn = None
    with contextlib.suppress(Exception):  # unreadable metadata turn nothing
        turn = _TURNS.get(image.getexif().get(_ORIENTATION))
    image.load()
    if turn is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I"):  # 16 bits a pixel
        values = np.asarray(image, dtype=np.float64) / 257
        image = Image.fromarray(values.clip(0, 255).round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert(mode)


# From rows to splits


def _splits(tables, data_set, limit):
    """Divide the rows of the source's splits among train, validation and test."""
    from datasets import DatasetDict

    rows = {split: _usable(table, data_set) for split, table in tables.items()}
    labels = {split: table["label"].to_numpy() for split, table in tables.items()}
    if data_set.sorted:
        rows = {split: _shuffled(order) for split, order in rows.items()}
    if "test" not in rows:
        tables["test"] = tables["train"]
        rows["train"], rows["test"] = _draw(rows["train"], labels["train"], TEST_SHARE)
    rows["train"], validation = _draw(rows["train"], labels["train"], VALIDATION_SHARE)
    half = limit and max(1, limit // 2)
    return DatasetDict(
        train=_pick(tables["train"], rows["train"], limit, "train"),
        validation=_pick(tables["train"], validation, half, "validation"),
        test=_pick(tables["test"], rows["test"], half, "test"),
    )


def _usable(table, data_set):
    """Return the numbers of the rows that have a picture, and name the others."""
    problems = table["problem"].to_pylist()
    told = [why for why in problems if why]
    name = data_set.repository.id if data_set.repository else data_set.bundled
    for why in told[:_NAMED]:
        print(f"Warning: {name}, {why}. Training goes on without it.", file=sys.stderr)
    if len(told) > _NAMED:
        print(f"Warning: {name}, {len(told) - _NAMED} more.", file=sys.stderr)
    if len(told) == len(problems):
        raise DataError(f"{name}: not one picture can be decoded, {told[0]}.")
    return np.flatnonzero([why is None for why in problems])


def _shuffled(rows):
    # RandomState, because NumPy promises the same stream in every version.
    return np.random.RandomState(_SEED).permutation(rows)


def _draw(rows, labels, share):
    """Return (rest, drawn): a share of each class's rows, drawn with a fixed seed."""
    labels = labels[rows]
    order = _shuffled(np.arange(len(rows)))
    drawn = np.zeros(len(rows), dtype=bool)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        drawn[members[: round(share * len(members))]] = True
    return rows[~drawn], rows[drawn]


def _pick(table, rows, limit, split):
    """Select rows; at most ``limit``, drawn with a fixed seed, in their old order."""
    from datasets import Dataset, DatasetInfo, Features

    if limit is not None and limit < len(rows):
        rows = rows[np.sort(_shuffled(np.arange(len(rows)))[:limit])]
    info = DatasetInfo(features=Features.from_arrow_schema(table.schema))
    rows_of_table = Dataset(table, info=info, split=split).remove_columns("problem")
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
