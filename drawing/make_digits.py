"""Make data/digits: scikit-learn's 8x8 digits in MNIST's format (see digits/README.md).

Usage: python -m drawing.make_digits [FOLDER]
"""

import sys

import numpy as np
from datasets import ClassLabel, Features, Image
from PIL import Image as PILImage
from sklearn.datasets import load_digits

from drawing import bundle

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


def make(folder):
    """Write train.parquet, test.parquet, digits.png and SHA256SUMS into ``folder``."""
    source = load_digits()
    images = [PILImage.fromarray(enlarge(digit)) for digit in source.images]
    tables = {}
    for name, rows in zip(("train", "test"), split(source.target), strict=True):
        chosen, labels = [images[row] for row in rows], source.target[rows]
        tables[name] = bundle.table(chosen, {"label": labels}, FEATURES)
        if name == "train":
            shown = bundle.grid(chosen, labels, columns=20)
    bundle.write(folder, tables, "digits", shown)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else bundle.DATA / "digits")
