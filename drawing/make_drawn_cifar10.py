"""Make data/drawn-cifar10: CIFAR-10's ten classes, drawn (see drawn-cifar10/README.md).

Usage: python -m drawing.make_drawn_cifar10 [FOLDER]
"""

import sys

import numpy as np
from datasets import ClassLabel, Features, Image
from PIL.Image import Resampling

from drawing import bundle, scene
from drawing.cifar10 import SUBJECTS

SIDE = 32
NAMES = list(SUBJECTS)
COUNTS = {"train": 100, "test": 50}  # pictures of each class
SEEDS = {"train": 2000, "test": 2001}  # a part of each picture's seed
SCENE = dict(turn=8, size=(0.8, 1.0), hide=0.25)
FEATURES = Features({"img": Image(), "label": ClassLabel(names=NAMES)})


def rows(split):
    """Return (label, number within the class) of each row, in the order of the rows."""
    pairs = [(k, i) for k in range(len(NAMES)) for i in range(COUNTS[split])]
    order = np.random.RandomState(SEEDS[split]).permutation(len(pairs))
    return [pairs[place] for place in order]


def picture(split, label, number):
    """Paint one picture: a PIL image, RGB, 32x32; the same one each time."""
    return scene.paint(**settings(split, label, number))


def mask(split, label, number):
    """Return where the subject of that picture is: mode L, 32x32, 255 for all of it."""
    return scene.mask(**settings(split, label, number))


def settings(split, label, number):
    """Return what ``paint`` and ``mask`` of ``drawing.scene`` take for a picture."""
    draw, places = SUBJECTS[NAMES[label]]
    seed = [SEEDS[split], label, number]
    return dict(draw=draw, seed=seed, side=SIDE, places=places, **SCENE)


def make(folder):
    """Write the two tables, drawn-cifar10.png and SHA256SUMS into ``folder``."""
    tables = {}
    for split in COUNTS:
        labels = [label for label, _ in rows(split)]
        images = [picture(split, label, number) for label, number in rows(split)]
        tables[split] = bundle.table(images, {"label": labels}, FEATURES)
        if split == "train":
            shown = bundle.grid(images, labels, columns=12)
    large = shown.resize((2 * shown.width, 2 * shown.height), Resampling.NEAREST)
    bundle.write(folder, tables, "drawn-cifar10", large)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else bundle.DATA / "drawn-cifar10")
