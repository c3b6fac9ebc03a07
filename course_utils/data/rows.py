"""From the parquet files of one split to its rows: every picture and label checked."""

import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from course_utils.data.download import DataError, first_line, unwritable
from course_utils.data.pictures import checked, class_numbers

_FORMAT = 3  # of the checked rows; a new number has all pictures checked anew
_BATCH = 256  # rows in memory at a time


@dataclass(frozen=True)
class Source:
    """The parquet files of one split, and what their rows must look like."""

    split: str
    paths: tuple[Path, ...]
    columns: tuple[str, str]  # of the pictures and of the labels
    names: tuple[str, ...]  # of the classes, in the order in which the course counts
    named: bool  # whether the files have to name the classes themselves
    mode: str  # of the pictures
    remedy: str  # what to do about a damaged file


def in_memory(source: Source):
    """Return a split as a ``datasets.Dataset``, with what ``_features`` describes."""
    from datasets import Dataset

    return Dataset.from_list(list(_rows(source)), features=_features(source))


def in_cache(source: Source):
    """Return the same from the cache of datasets, where it is kept from now on."""
    from datasets import Dataset, config
    from datasets.exceptions import DatasetGenerationError

    states = [path.stat() for path in source.paths]
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
            "problem": Value("string"),  # why the picture cannot be read
            "pixels": Value("binary"),  # equal for pictures that look the same
        }
    )


def _rows(source, key=None):
    """Yield a split's rows. In the cache of datasets, they go by source and key."""
    row, images = 0, [source.columns[0]]
    for path in source.paths:
        with _opened(path, source.remedy) as file:
            _check_columns(path, file, source)
            labels = iter(_labels(path, file, source))
            for batch in file.iter_batches(_BATCH, columns=images):
                for cell in batch.column(0).to_pylist():
                    cell = cell or {}
                    content, pixels, why = checked(cell, source.mode)
                    name = cell.get("path")
                    where = f"{source.split} row {row} ({name or path.name})"
                    yield {
                        "image": content and {"bytes": content, "path": name},
                        "label": next(labels),
                        "problem": why and f"{where}: {why}",
                        "pixels": pixels,
                    }
                    row += 1


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
        raise DataError(f"{path} cannot be read ({why}).", remedy) from None


def _check_columns(path, file, source):
    import pyarrow as pa

    schema, why = file.schema_arrow, ""
    has = ", ".join(schema.names)
    absent = [column for column in source.columns if column not in schema.names]
    if absent:
        why = f"has no column {absent[0]!r} (it has {has})"
    elif not file.metadata.num_rows:
        why = "has no rows"
    else:
        image = source.columns[0]
        kind = schema.field(image).type
        if not pa.types.is_struct(kind) or kind.get_field_index("bytes") < 0:
            why = f"has no pictures in its column {image!r}, but values of the type "
            why += f"{kind} (paths alone are not enough)"
    if why:
        raise DataError(f"{path} {why}.", source.remedy)


def _labels(path, file, source):
    """Return a file's labels, numbered as the course counts the classes, by name.

    ``load_dataset("parquet")`` takes the numbers of all files as those of the first.
    """
    column = source.columns[1]
    names = _names_in(file, column)
    if names is None and source.named:
        why = f"does not name the classes of {column!r}"
        raise DataError(f"{path} {why}.", source.remedy)
    if names is None:
        names = source.names
        taken = ", ".join(f"{i} as {name}" for i, name in enumerate(names))
        warn(f"{path} does not name its classes, so the course reads {taken}.")
    strange = [name for name in names if name not in source.names]
    if strange or len(set(names)) < len(names):
        what = f"a class {strange[0]!r}" if strange else "a class twice"
        known = ", ".join([*source.names[:10], *(["..."] if source.names[10:] else [])])
        why = f"names {what}, where the classes are {known}"
        raise DataError(f"{path} {why}.", source.remedy)
    try:
        labels = file.read(columns=[column]).column(0).to_pylist()
        numbers = class_numbers(labels, len(names))
    except ValueError as error:
        raise DataError(f"{path} cannot be used: {error}.", source.remedy) from None
    return [source.names.index(names[number]) for number in numbers]


def stated_names(path: Path, column: str, remedy: str) -> tuple[str, ...]:
    """Return the different class names that a file states for a column."""
    with _opened(path, remedy) as file:
        return tuple(dict.fromkeys(_names_in(file, column) or ()))


def _names_in(file, column):
    """Return the class names that a file states for a column, or None.

    ``Features.from_arrow_schema`` would stop at any other column it does not know, and
    pass over the names of labels that are stored as int32.
    """
    try:
        metadata = json.loads(file.schema_arrow.metadata[b"huggingface"])
        return metadata["info"]["features"][column]["names"]
    except (TypeError, KeyError, ValueError):  # no metadata, or without names
        return None


def warn(text: str) -> None:
    """Say on stderr what a learner should know."""
    print(f"Warning: {text}", file=sys.stderr)
