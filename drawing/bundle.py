"""What the programs in this folder share: how a bundled data set is written."""

import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

DATA = Path(__file__).resolve().parent.parent / "data"


def table(images, columns, features):
    """Return an Arrow table of PIL images, stored as PNG, and of other columns.

    ``features`` name the column of the images first.
    """
    columns = {next(iter(features)): stored(images), **columns}
    return pa.Table.from_pydict(columns, schema=features.arrow_schema)


def stored(images):
    """Return the cells of a column of PIL images, each stored as PNG."""
    cells = []
    for image in images:
        png = io.BytesIO()
        image.save(png, format="PNG", optimize=True)
        cells.append({"bytes": png.getvalue(), "path": None})
    return cells


def grid(images, labels, columns):
    """Return one picture: a row per class with its first ``columns`` images."""
    labels, pixels = np.asarray(labels), np.stack([np.asarray(i) for i in images])
    lines = [np.hstack(pixels[labels == k][:columns]) for k in np.unique(labels)]
    return Image.fromarray(np.vstack(lines))


def write(folder, tables, name, picture):
    """Write SPLIT.parquet for each table, NAME.png and SHA256SUMS into ``folder``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for split, rows in tables.items():
        path = folder / f"{split}.parquet"
        _put(path, lambda to, rows=rows: pq.write_table(rows, to))
        sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
        print(f"{path}: {len(rows)} pictures, {path.stat().st_size:,} bytes")
    _put(folder / "SHA256SUMS", lambda to: to.write_bytes("".join(sums).encode()))
    _put(folder / f"{name}.png", lambda to: picture.save(to, "PNG", optimize=True))


def _put(path, write):
    """Let ``write`` write under a temporary name, then rename the complete file."""
    temporary = path.with_name(path.name + ".tmp")
    write(temporary)
    os.replace(temporary, path)
