"""Make data/digits: scikit-learn's 8x8 digits in MNIST's format (see digits/README.md).

Usage: python data/make_digits.py [FOLDER]
"""

import hashlib
import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features, Image
from PIL import Image as PILImage
from sklearn.datasets import load_digits

SIDE, BOX = 28, 20  # MNIST: a digit of at most 20x20 pixels in a frame of 28x28
TEST_SHARE, SEED = 0.2, 0
FEATURES = Features(
    {"image": Image(), "label": ClassLabel(names=[str(digit) for digit in range(10)])}
)


def enlarge(digit):
    """Redraw one 8x8 digit (values 0 to 16) as 28x28 bytes in the manner of MNIST.

    Lanczos resampling to 20x20, more contrast so that strokes are near white and
    edges narrow, then the center of mass goes to the middle of the frame. Integers
    throughout, so that every machine gets the same pixels.
    """
    small = PILImage.fromarray((digit.astype(np.int64) * 255 // 16).astype(np.uint8))
    box = np.asarray(small.resize((BOX, BOX), PILImage.Resampling.LANCZOS), np.int64)
    box = np.clip((box - 60) * 8 // 5, 0, 255)
    frame = np.zeros((SIDE, SIDE), np.uint8)
    top, left = _offset(box.sum(axis=1)), _offset(box.sum(axis=0))
    frame[top : top + BOX, left : left + BOX] = box
    return frame


def _offset(profile):
    """Return where the box starts so that its mass is centered and all of it fits."""
    doubled_center = 2 * int((np.arange(BOX) * profile).sum()) // int(profile.sum())
    return min(max((SIDE - 1 - doubled_center) // 2, 0), SIDE - BOX)


def split(labels):
    """Return sorted row numbers of (train, test), each class split in the same way."""
    order = np.random.RandomState(SEED).permutation(len(labels))
    test = []
    for digit in range(10):
        rows = order[labels[order] == digit]
        test.extend(rows[: round(TEST_SHARE * len(rows))])
    test = np.sort(test)
    return np.setdiff1d(np.arange(len(labels)), test), test


def table(images, labels):
    """Return an Arrow table with the columns and schema of ``ylecun/mnist``."""
    cells = []
    for pixels in images:
        png = io.BytesIO()
        PILImage.fromarray(pixels).save(png, format="PNG", optimize=True)
        cells.append({"bytes": png.getvalue(), "path": None})
    columns = {"image": cells, "label": labels}
    return pa.Table.from_pydict(columns, schema=FEATURES.arrow_schema)


def grid(images, labels, columns=20):
    """Return one picture: a row per class with its first ``columns`` digits."""
    rows = [np.hstack(images[labels == digit][:columns]) for digit in range(10)]
    return PILImage.fromarray(np.vstack(rows))


def make(folder):
    """Write train.parquet, test.parquet, digits.png and SHA256SUMS into ``folder``."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source = load_digits()
    images = np.stack([enlarge(digit) for digit in source.images])
    sums = []
    for name, rows in zip(("train", "test"), split(source.target), strict=True):
        path = folder / f"{name}.parquet"
        pq.write_table(table(images[rows], source.target[rows]), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        sums.append(f"{digest}  {path.name}\n")
        print(f"{path}: {len(rows)} digits, {np.bincount(source.target[rows])}")
    (folder / "SHA256SUMS").write_text("".join(sums), encoding="ascii", newline="\n")
    train = split(source.target)[0]
    grid(images[train], source.target[train]).save(folder / "digits.png", optimize=True)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "digits")
