"""Folders of pictures as learners have them, for the tests of lessons and scripts.

``WORK`` and ``REFUSED`` hold makers: each writes into an empty folder and returns the
path that a learner would give. What ``WORK`` makes must go through to the end, what
``REFUSED`` makes must end in one plain sentence, in which the words stand.
"""

import io
import shutil

import numpy as np
import pyarrow.parquet as pq
from data_files import HEIC, stored
from PIL import Image

from course_utils import session

REAL = session.ROOT.parent / "shared" / "datasets" / "timm" / "oxford-iiit-pet" / "data"
# Spaces, scripts, brackets (special to glob), a quote, and what shells take for theirs.
PLACE = "Meine Bilder [1] – Ü & 2026"
NAMES = ("Große Katze", "chien d'été (2)", "ねこ")


def photographs(folder, counts=(36, 24, 14)):
    """Write photographs of three breeds; where there are none, generated pictures."""
    folder = folder / PLACE
    if REAL.exists():
        rows = pq.read_table(REAL / "train-00000-of-00001.parquet").to_pylist()
        kinds = sorted({row["label"] for row in rows})
        cells = [[r["image"]["bytes"] for r in rows if r["label"] == k] for k in kinds]
        found = [[upright(content) for content in cell] for cell in cells]
    else:
        found = [[generated(k, i) for i in range(max(counts))] for k in range(3)]
    for name, images, count in zip(NAMES, found, counts, strict=True):
        (folder / name).mkdir(parents=True)
        for i, image in enumerate(images[:count]):
            ending = ("jpg", "JPG", "jpeg")[i % 3]
            path = folder / name / f"IMG {400 + i} ({i % 2}) é.{ending}"
            path.write_bytes(stored(image, "JPEG", quality=92))
    return folder


def upright(content):
    return Image.open(io.BytesIO(content)).convert("RGB")


def generated(kind, number, size=(160, 120)):
    """Return a picture of a class: spots of any kind in its color, and its stripes."""
    random = np.random.default_rng((kind, number))
    spots = Image.fromarray(random.integers(0, 256, (6, 8), dtype=np.uint8))
    spots = np.asarray(spots.resize(size, Image.Resampling.BICUBIC), float) / 3
    x, y = np.meshgrid(np.arange(size[0]) / 7, np.arange(size[1]) / 7)
    stripes = 30 * np.sin((x, y, x + y)[kind] + random.uniform(0, 6))
    color = np.random.default_rng(kind).uniform(40, 150, 3) + random.normal(0, 8, 3)
    values = color + (spots + stripes)[..., None] + random.normal(0, 9, (*x.shape, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def classes(folder, *counts, size=(160, 120)):
    """Write so many generated pictures of each class: first, second, third."""
    for kind, count in enumerate(counts):
        place = folder / ("first", "second", "third")[kind]
        place.mkdir(parents=True)
        for i in range(count):
            path = place / f"{i}.jpg"
            path.write_bytes(stored(generated(kind, i, size), "JPEG", quality=90))
    return folder


def an_empty_class(folder):
    classes(folder, 24, 18)
    (folder / "nothing yet").mkdir()
    return folder


def a_class_too_small(folder):
    """Two pictures of a class cannot lie in three splits, so the class is left out."""
    return classes(folder, 24, 18, 2)


def copies_only(folder):
    """A class of one picture, ten times under other names, is one group."""
    classes(folder, 24, 18, 1)
    for i in range(1, 10):
        shutil.copyfile(folder / "third" / "0.jpg", folder / "third" / f"{i}.jpg")
    return folder


def a_single_class(folder):
    return classes(folder, 12)


def eight_pictures(folder):
    return classes(folder, 5, 3)


def nested(folder):
    """The folders of the classes lie one level deeper than they should."""
    classes(folder / "by year" / "2025", 6, 6)
    return folder


def loose(folder):
    """Pictures that lie in no folder of a class."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(6):
        (folder / f"{i}.jpg").write_bytes(stored(generated(0, i), "JPEG"))
    return folder


def nothing(folder):
    (folder / "cat").mkdir(parents=True)
    (folder / "dog").mkdir()
    (folder / "dog" / "notes.txt").write_text("no picture", encoding="utf-8")
    return folder


def only_heics(folder):
    for kind in ("cat", "dog"):
        (folder / kind).mkdir(parents=True)
        for i in range(6):
            path = folder / kind / f"IMG_{i:04}.HEIC"
            path.write_bytes(HEIC + f"{kind} {i}".encode())
    return folder


def missing(folder):
    return folder / "not there"


def a_file(folder):
    (folder / "pictures.zip").write_bytes(b"PK")
    return folder / "pictures.zip"


WORK = {
    "photographs": photographs,
    "an empty class": an_empty_class,
    "a class too small": a_class_too_small,
    "a class of copies": copies_only,
}
REFUSED = {  # makers, and words of the sentence (a regular expression)
    "a single class": (a_single_class, "one class|two classes|single class"),
    "nested": (nested, "deep"),
    "loose": (loose, "folder"),
    "nothing": (nothing, "no picture"),
    "only HEICs": (only_heics, "HEIC.*JPEG|HEIC.*pillow-heif"),
    "missing": (missing, "no (such )?folder|not there"),
    "a file": (a_file, "folder"),
}
EIGHT = {"eight pictures": eight_pictures}
