"""Make data/drawn-pets: drawn cats and dogs of eight breeds (see its README.md).

Usage: python -m drawing.make_drawn_pets [FOLDER]
"""

import sys

import numpy as np
from datasets import ClassLabel, Features, Image
from PIL import Image as PILImage

from drawing import bundle, scene
from drawing.pets.breeds import BREEDS, SPECIES
from drawing.pets.poses import subject

SIDE = 96
FINE, STEP = 3, 8  # painted FINE times larger; colors lie STEP apart: PNG is smaller
COUNTS = {"train": 50, "test": 25}  # pictures of each breed
SEEDS = {"train": 4000, "test": 4001}
NAMES = list(BREEDS)
PLACES = ("room", "plain", "blurred", "meadow", "sand", "snow", "road", "leaves")
SCENE = dict(size=(0.92, 1.08), turn=10, clutter=1, hide=0.1)
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
    drawn = scene.paint(**settings(split, breed, number))
    pixels = np.asarray(drawn.reduce(FINE))
    return PILImage.fromarray(pixels // STEP * STEP + STEP // 2)


def mask(split, breed, number):
    """Return where the animal of that picture is: mode L, 96x96, 255 for all of it."""
    return scene.mask(**settings(split, breed, number)).reduce(FINE)


def settings(split, breed, number):
    """Return what ``paint`` and ``mask`` of ``drawing.scene`` take for a picture."""
    draw, seed = subject(NAMES[breed]), [SEEDS[split], breed, number]
    return dict(draw=draw, seed=seed, side=FINE * SIDE, places=PLACES, **SCENE)


def make(folder):
    """Write the two tables, drawn-pets.png and SHA256SUMS into ``folder``."""
    tables = {}
    for split in COUNTS:
        breeds = [breed for breed, _ in rows(split)]
        images = [picture(split, breed, number) for breed, number in rows(split)]
        species = [SPECIES.index(BREEDS[NAMES[breed]].species) for breed in breeds]
        columns = {"labels": species, "breed": breeds}
        tables[split] = bundle.table(images, columns, FEATURES)
        if split == "train":
            shown = bundle.grid(images, breeds, columns=10)
    bundle.write(folder, tables, "drawn-pets", shown)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else bundle.DATA / "drawn-pets")
