"""Make data/drawn-pets: drawn cats and dogs of eight breeds (see its README.md).

Usage: python data/make_drawn_pets.py [FOLDER]
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
from drawn.pets import BREEDS, SPECIES, subject
from drawn.scene import paint
from PIL import Image as PILImage

SIDE = 96
FINE, STEP = 3, 8  # painted FINE times larger; colors lie STEP apart: PNG is smaller
COUNTS = {"train": 50, "test": 25}  # pictures of each breed
SEEDS = {"train": 3000, "test": 3001}
NAMES = list(BREEDS)
PLACES = ("room", "plain", "blurred", "meadow", "sand", "snow", "road", "leaves")
SCENE = dict(size=(0.8, 1.04), turn=10, clutter=2, hide=0.25)
FEATURES = Features(
    {
        "image": Image(),
        "labels": ClassLabel(names=list(SPECIES)),
        "breed": ClassLabel(names=NAMES),
    }
)


def rows(split):
    """Return (breed, number within the breed) of each row, in the order of the rows."""
    pairs = [(k, i) for k in range(len(NAMES)) for i in range(COUNTS[split])]
    order = np.random.RandomState(SEEDS[split]).permutation(len(pairs))
    return [pairs[place] for place in order]


def picture(split, breed, number):
    """Paint one picture: a PIL image, RGB, 96x96; the same one each time."""
    seed = [SEEDS[split], breed, number]
    drawn = paint(subject(NAMES[breed]), seed, FINE * SIDE, places=PLACES, **SCENE)
    pixels = np.asarray(drawn.reduce(FINE))
    return PILImage.fromarray(pixels // STEP * STEP + STEP // 2)


def table(images, breeds):
    """Return an Arrow table as ``microsoft/cats_vs_dogs``, with the breed."""
    cells = []
    for image in images:
        png = io.BytesIO()
        image.save(png, format="PNG", optimize=True)
        cells.append({"bytes": png.getvalue(), "path": None})
    labels = [SPECIES.index(BREEDS[NAMES[breed]].species) for breed in breeds]
    columns = {"image": cells, "labels": labels, "breed": breeds}
    return pa.Table.from_pydict(columns, schema=FEATURES.arrow_schema)


def grid(images, breeds, columns=10):
    """Return one picture: a row per breed with its first ``columns`` images."""
    breeds = np.asarray(breeds)
    pixels = np.stack([np.asarray(image) for image in images])
    lines = [np.hstack(pixels[breeds == k][:columns]) for k in range(len(NAMES))]
    return PILImage.fromarray(np.vstack(lines))


def make(folder):
    """Write train.parquet, test.parquet, drawn-pets.png, SHA256SUMS to ``folder``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    sums = []
    for split in COUNTS:
        breeds = [breed for breed, _ in rows(split)]
        images = [picture(split, breed, number) for breed, number in rows(split)]
        path = folder / f"{split}.parquet"
        _write(path, lambda to, x=images, y=breeds: pq.write_table(table(x, y), to))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sums.append(f"{digest}  {path.name}\n")
        print(f"{path}: {len(images)} pictures, {path.stat().st_size:,} bytes")
        if split == "train":
            shown = grid(images, breeds)
    sums = "".join(sums).encode("ascii")
    _write(folder / "SHA256SUMS", lambda to: to.write_bytes(sums))
    _write(
        folder / "drawn-pets.png",
        lambda to: shown.save(to, format="PNG", optimize=True),
    )


def _write(path, write):
    """Call ``write`` on a temporary name, then give the file its own."""
    temporary = path.with_name(path.name + ".tmp")
    write(temporary)
    os.replace(temporary, path)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "drawn-pets")
