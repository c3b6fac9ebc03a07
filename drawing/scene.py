"""Draw a subject in a random scene: its pose, its light, and all that surrounds it.

A subject is a function ``draw(pen, rng)`` that paints one thing in its own coordinates:
x runs right, y down, and the thing fills the square from -1 to 1. :func:`paint` turns
and scales it, puts it into a scene, and returns a picture; :func:`mask` returns where
in that picture the subject is. Everything is painted as polygons with whole
coordinates, on a canvas several times larger that is then averaged down, so that every
machine gets the same pixels.
"""

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageFilter

from drawing import backgrounds
from drawing.backgrounds import ANYWHERE, BACKGROUNDS
from drawing.pen import Pen

CANVAS = 288  # pixels of the large canvas; a multiple of 32, 48 and 96
MIN_DIFFERENCE = 42  # of a subject's colors from those around it, of about 255


class Painting(NamedTuple):
    """A picture, RGB, and where its subject and its parts are, L."""

    picture: Image.Image
    mask: Image.Image  # what is seen of the subject
    whole: Image.Image  # all of it
    parts: Image.Image  # numbers of drawing.pen.PARTS, from 1; 0 is none


def paint(draw, seed, side, **scene):
    """Paint one picture, ``side`` x ``side`` pixels; ``side`` divides 288.

    ``seed`` is for ``numpy.random.RandomState``, whose numbers never change with a
    version. ``scene`` are settings of :func:`painting`.
    """
    return painting(draw, seed, side, **scene).picture


def mask(draw, seed, side, **scene):
    """Return where the subject of the picture with the same arguments is to be seen.

    A picture in mode L: the share of each pixel that the subject covers, from 0 to 255.
    What stands in front of it is left out, exactly; its shadow is no part of it. Where
    a picture is blurred as a whole, its mask stays sharp.
    """
    return painting(draw, seed, side, **scene).mask


def painting(
    draw,
    seed,
    side,
    *,
    places=ANYWHERE,
    turn=12,
    size=(0.6, 0.98),
    clutter=3,
    hide=0.35,
    flip=True,
):
    """Return a picture and its masks.

    ``places`` are the backgrounds to choose from, ``turn`` is the largest turn of the
    subject in degrees, ``size`` its least and greatest half side as a share of the
    picture's. At most ``clutter`` things of no meaning lie behind the subject, and with
    probability ``hide`` one stands in front of it; with ``flip`` the subject may look
    either way.
    """
    rng = np.random.RandomState(seed)
    half = CANVAS / 2
    whole = ((half, 0, half), (0, half, half))
    canvas = Image.new("RGBA", (CANVAS, CANVAS), (0, 0, 0, 255))
    layer = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    parts = Image.new("L", canvas.size, 0)
    draw(_pose(Pen(layer, whole, parts), rng, turn, size, flip), rng)
    subject, alpha = _light_subject(layer, rng), layer.getchannel("A")
    for _ in range(8):  # until the subject stands out from what is behind it
        frame = Pen(canvas, whole)
        BACKGROUNDS[places[rng.randint(len(places))]](frame, rng)
        backgrounds.clutter(frame, rng, clutter)
        if _difference(canvas, subject, alpha) >= MIN_DIFFERENCE:
            break
    if rng.uniform() < 0.4:
        canvas = canvas.filter(ImageFilter.BoxBlur(rng.randint(2, 9)))
    canvas = _cast_shadow(canvas, layer, rng)
    canvas.paste(subject, (0, 0), alpha)
    seen = alpha
    if rng.uniform() < hide:
        front = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
        backgrounds.in_front(Pen(front, whole), rng)
        canvas.alpha_composite(front)
        seen = ImageChops.subtract(alpha, front.getchannel("A"))
    if rng.uniform() < 0.3:
        canvas = canvas.filter(ImageFilter.BoxBlur(rng.randint(1, 4)))
    picture, seen, alpha = (
        layer.reduce(CANVAS // side) for layer in (canvas.convert("RGB"), seen, alpha)
    )
    parts = parts.resize(picture.size, Image.Resampling.NEAREST)
    return Painting(_expose(picture, rng), seen, alpha, parts)


def _pose(pen, rng, turn, size, flip):
    scale = rng.uniform(*size)
    room = max(0.0, 1.05 - scale)
    return pen.at(
        rng.uniform(-room, room),
        rng.uniform(-room, room),
        rng.uniform(-turn, turn),
        scale,
        flip=flip and rng.uniform() < 0.5,
        stretch=rng.uniform(0.82, 1.12),
    )


def _difference(canvas, subject, alpha):
    """Return how far the subject's colors lie from those around it, about 0 to 255.

    A strip on either side of the outline counts, brightness more than hue.
    """
    inside = np.asarray(alpha.reduce(4), np.int64) > 127
    near = np.asarray(alpha.reduce(4).filter(ImageFilter.BoxBlur(4)), np.int64)
    rim, around = inside & (near < 250), ~inside & (near > 5)
    if not rim.any() or not around.any():
        return 0
    means = [
        np.asarray(picture.convert("RGB").reduce(4), np.int64)[where].mean(axis=0)
        for picture, where in ((subject, rim), (canvas, around))
    ]
    red, green, blue = means[0] - means[1]
    brightness = 0.3 * red + 0.59 * green + 0.11 * blue
    hue = max(abs(red - brightness), abs(green - brightness), abs(blue - brightness))
    return abs(brightness) + 0.5 * hue


def _cast_shadow(canvas, layer, rng):
    """Darken what lies to one side of the subject, on some pictures."""
    if rng.uniform() < 0.5:
        return canvas
    shift = (rng.randint(-14, 15), rng.randint(2, 16))
    shadow = Image.new("L", canvas.size, 0)
    shadow.paste(layer.getchannel("A"), shift)
    dark = np.asarray(shadow.filter(ImageFilter.BoxBlur(5)), np.int64)
    pixels = np.asarray(canvas.convert("RGB"), np.int64)
    strength = rng.randint(40, 120)
    pixels = pixels * (255 * 255 - strength * dark)[..., None] // (255 * 255)
    return Image.fromarray(pixels.astype(np.uint8)).convert("RGBA")


def _light_subject(layer, rng):
    """Light the subject from one side: integers, lighter there, darker opposite."""
    dx, dy = rng.randint(-100, 101), rng.randint(-100, 101)
    side = layer.width
    across = np.arange(side, dtype=np.int64) - side // 2
    light = 256 + (across[None, :] * dx + across[:, None] * dy) * 2 // side
    pixels = np.asarray(layer.convert("RGB"), np.int64) * light[..., None] // 256
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _expose(picture, rng):
    """Change brightness, contrast and white balance; add grain to some pictures.

    The mean stays between 75 and 190. Values are rounded to fours (PNG is smaller).
    """
    pixels = np.asarray(picture, np.int64)
    contrast, brightness = rng.randint(170, 300), rng.randint(-35, 36)
    cast = rng.randint(-18, 19, size=3)
    pixels = (pixels - 128) * contrast // 256 + 128 + brightness + cast
    mean = int(pixels.sum()) // pixels.size
    pixels = pixels + min(max(mean, 75), 190) - mean
    if rng.uniform() < 0.25:
        grain = rng.randint(2, 7)
        pixels = pixels + rng.randint(-grain, grain + 1, size=pixels.shape)
    pixels = np.clip(pixels, 0, 255) // 4 * 4 + 2
    return Image.fromarray(pixels.astype(np.uint8))
