"""Make data/drawn-cifar10: CIFAR-10's ten classes, drawn (see drawn-cifar10/README.md).

Usage: python data/make_drawn_cifar10.py [FOLDER]
"""

import hashlib
import io
import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features, Image
from drawn.cifar10 import SUBJECTS
from drawn.scene import paint
from PIL import Image as PILImage

SIDE = 32
NAMES = list(SUBJECTS)
COUNTS = {"train": 100, "test": 50}  # pictures of each class
SEEDS = {"train": 2000, "test": 2001}  # a part of each picture's seed
FEATURES = Features({"img": Image(), "label": ClassLabel(names=NAMES)})


def rows(split):
    """Return (label, number within the class) of each row, in the order of the rows."""
    pairs = [(k, i) for k in range(len(NAMES)) for i in range(COUNTS[split])]
    order = np.random.RandomState(SEEDS[split]).permutation(len(pairs))
    return [pairs[place] for place in order]


def picture(split, label, number):
    """Paint one picture: a PIL image, RGB, 32x32; the same one each time."""
    draw, places = SUBJECTS[NAMES[label]]
    seed = [SEEDS[split], label, number]
    return paint(draw, seed, SIDE, places=places, turn=8, size=(0.8, 1.0), hide=0.25)


def table(images, labels):
    """Return an Arrow table with the columns and schema of ``uoft-cs/cifar10``."""
    cells = []
    for image in images:
        png = io.BytesIO()
        image.save(png, format="PNG", optimize=True)
        cells.append({"bytes": png.getvalue(), "path": None})
    columns = {"img": cells, "label": labels}
    return pa.Table.from_pydict(columns, schema=FEATURES.arrow_schema)


def grid(images, labels, columns=12):
    """Return a row per class with its first ``columns`` images, twice as large."""
    labels = np.asarray(labels)
    pixels = np.stack([np.asarray(image) for image in images])
    lines = [np.hstack(pixels[labels == k][:columns]) for k in range(len(NAMES))]
    return PILImage.fromarray(np.vstack(lines).repeat(2, axis=0).repeat(2, axis=1))


def make(folder):
    """Write the two tables, drawn-cifar10.png and SHA256SUMS into ``folder``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for split in COUNTS:
        labels = [label for label, _ in rows(split)]
        images = [picture(split, label, number) for label, number in rows(split)]
        path = folder / f"{split}.parquet"
        _write(path, lambda to, a=images, b=labels: pq.write_table(table(a, b), to))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sums.append(f"{digest}  {path.name}\n")
        print(f"{path}: {len(images)} pictures, {path.stat().st_size:,} bytes")
        if split == "train":
            shown = grid(images, labels)
    _write(folder / "SHA256SUMS", lambda to: to.write_bytes("".join(sums).encode()))
    _write(
        folder / "drawn-cifar10.png",
        lambda to: shown.save(to, format="PNG", optimize=True),
    )


def _write(path, write):
    """Call ``write`` on a temporary name, then give the file its own."""
    temporary = path.with_name(path.name + ".tmp")
    write(temporary)
    os.replace(temporary, path)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "drawn-cifar10")
