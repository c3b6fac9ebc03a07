"""From the parquet files of a data set to one table: each picture and label checked."""

import itertools
import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from course_utils.data.download import DataError, first_line, unwritable
from course_utils.data.pictures import checked, class_numbers

_FORMAT = 4  # of the checked rows; a new number has all pictures checked anew
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
    files: dict[str, list[Path]] = field(default_factory=dict)  # of each split
    remedy: str = ""  # what to do about a damaged file


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
    settings = {"source": source, "key": key}
    try:
        return Dataset.from_generator(
            _rows, features=_features(source), gen_kwargs=settings
        )
    except (DatasetGenerationError, OSError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, OSError):
            where = cause.filename or config.HF_DATASETS_CACHE
            raise unwritable(where, cause) from None
        raise cause from None


def _features(source):
    from datasets import ClassLabel, Features, Image, Value

    return Features(
        {
            "image": Image(),
            "label": ClassLabel(names=list(source.names)),
            "split": Value("string"),
            "problem": Value("string"),  # why the picture cannot be read
            "pixels": Value("int64"),  # equal for pictures that look the same
        }
    )


def _rows(source, key=None):
    """Yield all rows; source and key are what the cache of datasets knows them by."""
    for split, paths in source.files.items():
        number = itertools.count()
        for path in paths:
            for cell, label in _cells(path, source):
                content, pixels, why = checked(cell, source.mode)
                name = cell.get("path")
                where = f"{split} row {next(number)} ({name or path.name})"
                yield {
                    "image": content and {"bytes": content, "path": name},
                    "label": label,
                    "split": split,
                    "problem": why and f"{where}: {why}",
                    "pixels": pixels,
                }


def _cells(path, source):
    """Yield the picture of each row of a file, as bytes and path, and its label."""
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(file, source)
            labels = iter(_labels(path, file, source))
            for batch in file.iter_batches(_BATCH, columns=[source.image]):
                for cell in batch.column(0).to_pylist():
                    yield cell or {}, next(labels)
    except (pa.ArrowException, OSError) as error:
        why = f"{path} cannot be read ({first_line(error)})."
        raise DataError(why, source.remedy) from None
    except ValueError as error:
        raise DataError(f"{path}: {error}.", source.remedy) from None


def _check_columns(file, source):
    schema = file.schema_arrow
    for column in (source.image, source.label):
        if column not in schema.names:
            has = ", ".join(schema.names)
            raise ValueError(f"the file has no column {column!r} (it has {has})")
    if not file.metadata.num_rows:
        raise ValueError("the file has no rows")
    kind = schema.field(source.image).type
    if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
        raise ValueError(
            f"there are no pictures in its column {source.image!r}, but values of the "
            f"type {kind} (paths alone are not enough)"
        )


def _labels(path, file, source):
    """Return a file's labels, numbered by name as the course counts the classes.

    ``load_dataset("parquet")`` takes the numbers of all files as those of the first.
    """
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
    return [source.names.index(names[i]) for i in class_numbers(labels, len(names))]


def names_in(path: Path, column: str) -> tuple[str, ...]:
    """Return the class names that a file states for a column, or none.

    ``Features.from_arrow_schema`` would stop at any other column it does not know, and
    pass over the names of labels that are stored as int32.
    """
    try:
        metadata = json.loads(pq.read_schema(path).metadata[b"huggingface"])
        return tuple(metadata["info"]["features"][column]["names"])
    except (pa.ArrowException, OSError, TypeError, KeyError, ValueError):
        return ()  # no metadata, or without names; who reads the rows says more


def warn(text: str) -> None:
    """Say on stderr what a learner should know."""
    print(f"Warning: {text}", file=sys.stderr)
