"""Pictures whose outline is of one class and whose texture is of another.

Each of eight classes has an outline, drawn by ``drawing/world``, and a texture that is
drawn here: a fish has scales, a house has bricks. :func:`picture` fills any outline
with any texture, so that a model which has learned the classes from pictures where both
agree must choose one of the two where they do not. Colors come by chance and tell no
class. The same outline and number give the same outline at the same place, whatever
fills it. The controls show one of the two alone: an outline in one color, or a texture
that fills the whole picture.
"""

import numpy as np
from PIL import Image, ImageFilter

from drawing import scene
from drawing.pen import Pen, any_color, ring, shade
from drawing.world import SUBJECTS

SIDE = 48
SPLITS = {"train": 151, "validation": 152, "test": 153}  # a part of each seed
SCENE = dict(places=("plain", "blurred"), turn=8, size=(0.9, 1.0), clutter=0, hide=0)
RIM = 5  # width of the dark line around each outline, in pixels of the canvas
REACH = 1.6  # a texture is painted from -1.6 to 1.6, for a turned frame


# Textures: each paints ``first`` on a ground of ``second``, or shades of it


def scales(pen, rng, first, second):
    """Rows of overlapping round scales, each row half a scale further."""
    size = 0.28
    for row in range(12, -13, -1):
        for column in range(-7, 8):
            x, y = (column + row % 2 / 2) * size * 1.2, row * size * 0.62
            pen.ellipse(x, y, size * 0.66, size * 0.8, second)
            pen.ellipse(x, y, size * 0.5, size * 0.62, first)


def bricks(pen, rng, first, second):
    """Rows of bricks with mortar between, each row half a brick further."""
    wide, high, gap = 0.5, 0.26, 0.06
    for row in range(-7, 8):
        for column in range(-5, 6):
            x, y = (column + row % 2 / 2) * wide, row * high
            color = shade(first, rng.uniform(0.9, 1.1))
            pen.box(x + gap / 2, y + gap / 2, x + wide - gap / 2, y + high, color)


def dots(pen, rng, first, second):
    """Round dots in a grid of triangles."""
    for row in range(-6, 7):
        for column in range(-5, 6):
            x, y = (column + row % 2 / 2) * 0.42, row * 0.36
            pen.ellipse(x, y, 0.125, 0.125, first)


def checks(pen, rng, first, second):
    """Squares of a checkered shirt."""
    side = 0.3
    for row in range(-6, 6):
        for column in range(-6, 6):
            if (row + column) % 2:
                x, y = column * side, row * side
                pen.box(x, y, x + side, y + side, first)


def leaves(pen, rng, first, second):
    """Pointed leaves that lie in all directions."""
    for _ in range(260):
        x, y = rng.uniform(-REACH, REACH, size=2)
        leaf = pen.at(x, y, rng.uniform(0, 360), rng.uniform(0.15, 0.21))
        half = [(-1, 0), (-0.3, 0.42), (0.3, 0.42), (1, 0)]
        outline = half + [(x, -y) for x, y in half[-2:0:-1]]
        leaf.polygon(outline, shade(first, rng.uniform(0.85, 1.15)))
        leaf.tube([(-0.9, 0), (0.9, 0)], 0.16, second)


def rings(pen, rng, first, second):
    """Eye spots: two rings, one in the other."""
    for row in range(-3, 4):
        for column in range(-3, 4):
            x, y = (column + row % 2 / 2) * 0.62, row * 0.56
            for size, color in ((0.26, first), (0.17, second), (0.085, first)):
                pen.ellipse(x, y, size, size, color)


def plates(pen, rng, first, second):
    """Six-sided plates with seams between."""
    size = 0.29
    for row in range(-5, 6):
        for column in range(-4, 5):
            x, y = (column + row % 2 / 2) * size * 1.75, row * size * 1.5
            corners = ring(x, y, size * 0.82, size * 0.82, angle=90, count=6)
            pen.polygon(corners, shade(first, rng.uniform(0.92, 1.08)))


def ribs(pen, rng, first, second):
    """Upright stripes."""
    for column in range(-6, 7):
        x = column * 0.27
        pen.box(x - 0.065, -REACH, x + 0.065, REACH, first)


CLASSES = {  # class: its texture
    "butterfly": rings,
    "fish": scales,
    "hot_air_balloon": ribs,
    "house": bricks,
    "mushroom": dots,
    "shirt": checks,
    "tree": leaves,
    "turtle": plates,
}
NAMES = tuple(CLASSES)


# Pictures


def picture(outline, texture, number, split="test", side=SIDE):
    """Return a picture: PIL, RGB, ``side`` x ``side`` pixels; the same one each time.

    Parameters
    ----------
    outline, texture : str or None
        Names of ``NAMES``. None for the outline fills the whole picture, None for the
        texture fills the outline with one color. They cannot both be None.
    number : int
        Together with ``split`` and ``outline`` it gives the pose and the place of the
        outline; with the texture's name, too, the colors of the texture.
    split : str
        "train", "validation" or "test": no picture of one is in another.
    side : int
        A divisor of 288.

    Raises
    ------
    ValueError
        For a name that is none of ``NAMES``, an unknown split, or nothing to draw.
    """
    _check(outline, texture, split)
    rng = np.random.RandomState(_seed(outline, texture, number, split))
    if outline is None:
        whole = scene.CANVAS / 2
        canvas = Image.new("RGB", (scene.CANVAS, scene.CANVAS))
        matrix = ((whole, 0, whole), (0, whole, whole))
        fill(Pen(canvas, matrix), texture, rng)
        return scene._expose(canvas.reduce(scene.CANVAS // side), rng)
    return scene.paint(*_subject(outline, texture, number, split), side, **SCENE)


def mask(outline, number, split="test", side=SIDE):
    """Return how much of each pixel lies in the outline: PIL, mode L, 0 to 255."""
    _check(outline, None, split)
    return scene.mask(*_subject(outline, None, number, split), side, **SCENE)


def pairs(kind):
    """Return the (outline, texture) pairs of a kind.

    ``both``: the class's own texture in its outline. ``conflict``: each outline with
    the texture of each other class. ``outline``, ``texture``: one of the two alone.
    """
    found = {
        "both": [(name, name) for name in NAMES],
        "conflict": [(a, b) for a in NAMES for b in NAMES if a != b],
        "outline": [(name, None) for name in NAMES],
        "texture": [(None, name) for name in NAMES],
    }
    if kind not in found:
        raise ValueError(f"there is no kind {kind!r}; choose one of {sorted(found)}")
    return found[kind]


def fill(pen, texture, rng):
    """Paint a texture over all that the pen reaches; None for one color."""
    first, second = two_colors(rng)
    pen = pen.at(
        rng.uniform(-0.1, 0.1),
        rng.uniform(-0.1, 0.1),
        rng.uniform(-12, 12),
        rng.uniform(0.9, 1.15),
    )
    pen.box(-2 * REACH, -2 * REACH, 2 * REACH, 2 * REACH, second)
    if texture:
        CLASSES[texture](pen, rng, first, second)


def two_colors(rng):
    """Return two colors of any hue, one light and one dark, in either order."""
    light = any_color(rng, (0.05, 0.5), (0.85, 1.0))
    dark = any_color(rng, (0.3, 0.9), (0.2, 0.45))
    return (light, dark) if rng.uniform() < 0.5 else (dark, light)


def _subject(outline, texture, number, split):
    """Return a function that paints the filled outline, and the scene's seed."""
    draw, _ = SUBJECTS[outline]

    def filled(pen, rng):
        draw(pen, rng)
        alpha = pen.layer.getchannel("A")
        own = np.random.RandomState(_seed(outline, texture, number, split))
        half = scene.CANVAS / 2
        inside = Image.new("RGBA", pen.layer.size)
        fill(Pen(inside, ((half, 0, half), (0, half, half))), texture, own)
        core = alpha.filter(ImageFilter.MinFilter(2 * RIM + 1))
        pen.layer.paste((24, 22, 22, 255), (0, 0), alpha)
        pen.layer.paste(inside, (0, 0), core)

    return filled, _seed(outline, None, number, split)


def _seed(outline, texture, number, split):
    """Return numbers for ``RandomState``: 0 stands for None."""
    places = [
        0 if name is None else NAMES.index(name) + 1 for name in (outline, texture)
    ]
    return [SPLITS[split], *places, number]


def _check(outline, texture, split):
    for name in (outline, texture):
        if name is not None and name not in NAMES:
            raise ValueError(f"there is no class {name!r}; choose one of {NAMES}")
    if split not in SPLITS:
        raise ValueError(f"there is no split {split!r}; choose one of {list(SPLITS)}")
    if outline is None and texture is None:
        raise ValueError("there is nothing to draw; give an outline or a texture")
