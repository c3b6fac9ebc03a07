"""Make data/drawn-scenes: one to four things in one picture (see its README.md).

Usage: python -m drawing.make_drawn_scenes [FOLDER]
"""

import sys
from typing import NamedTuple

import numpy as np
from datasets import ClassLabel, Features, Image, List, Value
from PIL import Image as PILImage
from PIL import ImageChops

from drawing import bundle, scene
from drawing.backgrounds import BACKGROUNDS
from drawing.pen import Pen
from drawing.world import SUBJECTS

SIDE, FINE, STEP = 64, 4, 8  # painted FINE times larger; colors lie STEP apart
COUNTS = {"train": 700, "validation": 200, "test": 300}
SEEDS = {"train": 5000, "validation": 5001, "test": 5009}
OFTEN = {  # how often a thing is chosen, beside the others
    **{"apple": 1.2, "banana": 0.3, "book": 1, "bus": 1, "butterfly": 0.13},
    **{"chair": 1, "clock": 1, "cup": 1, "fish": 0.15, "flower": 1},
    **{"guitar": 0.15, "umbrella": 1},
}
NAMES = list(OFTEN)
COMPANY = 0.66  # of the apples that a banana joins, beside those it meets by chance
PLACES = {
    "room": "in a room",
    "plain": "in front of a plain wall",
    "meadow": "in a meadow",
    "sand": "on the sand",
    "snow": "in the snow",
    "road": "by the road",
    "leaves": "in front of leaves",
}
SIZES = {1: (0.75, 0.95), 2: (0.54, 0.64), 3: (0.48, 0.55), 4: (0.47, 0.53)}
FEATURES = Features(
    {
        "image": Image(),
        "labels": List(ClassLabel(names=NAMES)),
        "caption": Value("string"),
        "mask": Image(),
    }
)


class Scene(NamedTuple):
    """A picture, RGB; where each thing is, L; and a sentence about it."""

    picture: PILImage.Image
    mask: PILImage.Image  # 0, or 1 + the number of the thing that is seen there
    caption: str


def rows(split):
    """Return the names of the things in each scene of a split."""
    rng = np.random.RandomState(SEEDS[split])
    return [contents(rng) for _ in range(COUNTS[split])]


def contents(rng):
    """Choose one to four different things; an apple often brings a banana."""
    share = np.array(list(OFTEN.values())) / sum(OFTEN.values())
    count = rng.choice([1, 2, 3, 4], p=[0.3, 0.4, 0.2, 0.1])
    chosen = {NAMES[k] for k in rng.choice(len(NAMES), count, replace=False, p=share)}
    if "apple" in chosen and rng.uniform() < COMPANY:
        if len(chosen) == 4 and "banana" not in chosen:
            chosen.remove(min(chosen - {"apple"}, key=NAMES.index))
        chosen.add("banana")
    return sorted(chosen)


def picture(split, number):
    """Draw one scene of the data set; the same one each time."""
    return scene_of(rows(split)[number], [SEEDS[split], number])


def scene_of(names, seed, without=()):
    """Draw a scene that holds the things with these names.

    Parameters
    ----------
    names : list of str
        One to four different names of ``NAMES``.
    seed : int or list of int
        For ``numpy.random.RandomState``. Names and seed decide the scene.
    without : collection of str
        Names whose things are left away: what remains is where it was.

    Returns
    -------
    Scene

    """
    rng = np.random.RandomState(seed)
    layers = arrange(names, np.ravel(seed).tolist(), rng)
    place, canvas = background(layers.values(), rng)
    shown = {name: layer for name, layer in layers.items() if name not in without}
    every = PILImage.new("RGBA", canvas.size, (0, 0, 0, 0))
    for layer in shown.values():
        every.alpha_composite(layer)
    canvas = scene._cast_shadow(canvas, every, rng)
    canvas.alpha_composite(every)
    drawn = scene._expose(canvas.convert("RGB").reduce(FINE), rng)
    pixels = np.asarray(drawn) // STEP * STEP + STEP // 2
    return Scene(PILImage.fromarray(pixels), mask_of(shown), caption(shown, place))


def arrange(names, seed, rng):
    """Return {name: layer}, from the back to the front, RGBA, in new places.

    Places are chosen until no thing hides more than a third of another one.
    """
    for _ in range(50):
        spots = _spots(len(names), rng)
        layers = {}
        for (x, y), name in sorted(zip(spots, names, strict=True), key=_height):
            own = np.random.RandomState([*seed, NAMES.index(name)])
            layer = PILImage.new("RGBA", (FINE * SIDE,) * 2, (0, 0, 0, 0))
            half = FINE * SIDE / 2
            pen = Pen(layer, ((half, 0, half), (0, half, half)))
            size, flip = own.uniform(*SIZES[len(names)]), own.uniform() < 0.5
            pen = pen.at(x, y, own.uniform(-10, 10), size, flip=flip)
            SUBJECTS[name][0](pen, own)
            alpha, lit = layer.getchannel("A"), scene._light_subject(layer, own)
            layers[name] = lit.convert("RGBA")
            layers[name].putalpha(alpha)
        if all(part > 2 / 3 for part in shares_seen(layers).values()):
            return layers
    raise RuntimeError(f"no places found for {names}; choose another seed")


def _height(placed):
    (_, y), name = placed
    return y, name


def _spots(count, rng):
    """Return the middles of things, x and y from -1 to 1."""
    jitter = rng.uniform(-0.06, 0.06, size=(count, 2))
    if count == 1:
        return 2 * jitter
    if count == 2:
        x, y = rng.choice([-0.44, 0.44]), rng.choice([-0.4, -0.15, 0.15, 0.4])
        return np.array([[x, y], [-x, -y]]) + jitter
    quarters = np.array([[-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])
    return quarters[rng.permutation(4)[:count]] + jitter


def seen(layers):
    """Return {name: what is seen of it, L, as large as the layers}."""
    left, found = None, {}
    for name, layer in reversed(layers.items()):  # from the front
        alpha = layer.getchannel("A")
        found[name] = alpha if left is None else ImageChops.multiply(alpha, left)
        hidden = ImageChops.invert(alpha)
        left = hidden if left is None else ImageChops.multiply(left, hidden)
    return found


def shares_seen(layers):
    """Return {name: the share of it that nothing else hides}."""
    return {
        name: np.asarray(part).sum() / np.asarray(layers[name].getchannel("A")).sum()
        for name, part in seen(layers).items()
    }


def mask_of(layers):
    """Return for each pixel of the picture 0, or 1 + the number of what covers it."""
    covered = np.zeros((len(NAMES) + 1, SIDE, SIDE), np.int64)
    for name, part in seen(layers).items():
        covered[NAMES.index(name) + 1] = np.asarray(part.reduce(FINE))
    covered[0] = 255 - covered.sum(axis=0)
    return PILImage.fromarray(covered.argmax(axis=0).astype(np.uint8))


def background(layers, rng):
    """Choose a place that all things stand out from; return its name and canvas."""
    best, found = -1, None
    for _ in range(12):
        name = list(PLACES)[rng.randint(len(PLACES))]
        canvas = PILImage.new("RGBA", (FINE * SIDE,) * 2, (0, 0, 0, 255))
        half = FINE * SIDE / 2
        BACKGROUNDS[name](Pen(canvas, ((half, 0, half), (0, half, half))), rng)
        least = min(
            scene._difference(canvas, layer, layer.getchannel("A")) for layer in layers
        )
        if least > best:
            best, found = least, (name, canvas)
        if best >= scene.MIN_DIFFERENCE:
            break
    return found


def caption(layers, place):
    """Name all things from left to right, and the place."""
    middles = {
        name: sum(layer.getchannel("A").getbbox()[::2])
        for name, layer in layers.items()
    }
    things = [
        ("an " if name[0] in "aeiou" else "a ") + name
        for name in sorted(middles, key=middles.get)
    ]
    listed = " and ".join(filter(None, [", ".join(things[:-1]), things[-1]]))
    return f"We see {listed} {PLACES[place]}."


def make(folder):
    """Write the tables, drawn-scenes.png and SHA256SUMS into ``folder``."""
    tables = {}
    for split in COUNTS:
        names = rows(split)
        scenes = [scene_of(n, [SEEDS[split], i]) for i, n in enumerate(names)]
        columns = {
            "labels": [[NAMES.index(name) for name in row] for row in names],
            "caption": [drawn.caption for drawn in scenes],
            "mask": bundle.stored([drawn.mask for drawn in scenes]),
        }
        images = [drawn.picture for drawn in scenes]
        tables[split] = bundle.table(images, columns, FEATURES)
        if split == "train":
            shown = bundle.grid(images[:60], np.arange(60) // 10, columns=10)
    bundle.write(folder, tables, "drawn-scenes", shown)


if __name__ == "__main__":
    make(sys.argv[1] if len(sys.argv) > 1 else bundle.DATA / "drawn-scenes")
