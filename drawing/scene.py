"""Draw a subject in a random scene: pose, background, light, clutter, what hides it.

A subject is a function ``draw(pen, rng)`` that paints one thing in its own coordinates:
x runs right, y down, and the thing fills the square from -1 to 1. :func:`paint` turns
and scales it, puts it into a scene, and returns a picture. Everything is painted as
polygons with whole coordinates, on a canvas several times larger that is then averaged
down, so that every machine gets the same pixels.
"""

import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

CANVAS = 288  # pixels of the large canvas; a multiple of 32, 48 and 96
MIN_DIFFERENCE = 42  # of a subject's colors from those around it, of about 255


# Colors


def hsv(hue, saturation, value):
    """Return (r, g, b), 0 to 255; hue from 0 to 1 (0 red, 1/3 green, 2/3 blue)."""
    return tuple(255 * c for c in colorsys.hsv_to_rgb(hue % 1, saturation, value))


def shade(color, factor):
    """Return a darker (factor below 1) or lighter (above 1) color."""
    return tuple(min(255.0, max(0.0, c * factor)) for c in color)


def mix(first, second, share):
    """Return the color that is ``share`` of the second and the rest of the first."""
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=True))


def vary(rng, color, amount=20):
    """Return the color, each part moved by up to ``amount`` (of 255)."""
    return tuple(min(255.0, max(0.0, c + rng.uniform(-amount, amount))) for c in color)


def any_color(rng, saturation=(0.3, 0.9), value=(0.35, 0.95)):
    """Return a color of any hue."""
    return hsv(rng.uniform(0, 1), rng.uniform(*saturation), rng.uniform(*value))


# The pen


class Pen:
    """Paints shapes, given in a thing's own coordinates, onto an RGBA layer.

    ``pen.at(x, y, angle, scale, flip)`` is a pen for a part of the thing (a head, a
    wheel): its origin lies at (x, y), turned by ``angle`` degrees clockwise.
    """

    def __init__(self, layer, matrix):
        self.layer = layer
        self.matrix = matrix  # ((a, b, c), (d, e, f)): own coordinates -> pixels
        self._draw = ImageDraw.Draw(layer)

    def at(self, x=0.0, y=0.0, angle=0.0, scale=1.0, flip=False, stretch=1.0):
        """Return a pen for a part; ``stretch`` scales its x on top of ``scale``."""
        cos = math.cos(math.radians(angle)) * scale
        sin = math.sin(math.radians(angle)) * scale
        side = -stretch if flip else stretch
        part = ((cos * side, -sin, x), (sin * side, cos, y))
        return Pen(self.layer, _compose(self.matrix, part))

    def polygon(self, points, color):
        """Fill the polygon through ``points``."""
        self._draw.polygon(self._pixels(points), fill=_rgba(color))

    def blob(self, points, color):
        """Fill a smooth shape through ``points`` (a closed Catmull-Rom curve)."""
        self.polygon(smooth(points), color)

    def ellipse(self, x, y, rx, ry, color, angle=0.0):
        """Fill an ellipse with center (x, y) and half axes rx, ry."""
        self.polygon(ring(x, y, rx, ry, angle), color)

    def box(self, left, top, right, bottom, color):
        """Fill a rectangle."""
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self.polygon(corners, color)

    def tube(self, points, widths, color):
        """Fill a bent limb or line through ``points``; ``widths`` one, or one each."""
        if not isinstance(widths, (list, tuple)):
            widths = [widths] * len(points)
        pairs = list(zip(points, widths, strict=True))
        for (start, w0), (end, w1) in zip(pairs, pairs[1:], strict=False):
            dx, dy = end[0] - start[0], end[1] - start[1]
            length = math.hypot(dx, dy) or 1.0
            nx, ny = -dy / length / 2, dx / length / 2
            self.polygon(
                [
                    (start[0] + nx * w0, start[1] + ny * w0),
                    (end[0] + nx * w1, end[1] + ny * w1),
                    (end[0] - nx * w1, end[1] - ny * w1),
                    (start[0] - nx * w0, start[1] - ny * w0),
                ],
                color,
            )
        for (x, y), width in pairs:
            self.ellipse(x, y, width / 2, width / 2, color)

    def inside(self, outline, paint):
        """Call ``paint(pen)``, and keep what it paints inside ``outline`` (points)."""
        mask = Image.new("L", self.layer.size, 0)
        ImageDraw.Draw(mask).polygon(self._pixels(outline), fill=255)
        extra = Image.new("RGBA", self.layer.size, (0, 0, 0, 0))
        paint(Pen(extra, self.matrix))
        alpha = np.asarray(extra.getchannel("A"))
        both = np.minimum(alpha, np.asarray(mask))
        self.layer.paste(extra.convert("RGB"), (0, 0), Image.fromarray(both))

    def _pixels(self, points):
        (a, b, c), (d, e, f) = self.matrix
        return [(round(a * x + b * y + c), round(d * x + e * y + f)) for x, y in points]


def smooth(points, steps=6):
    """Return points on a closed Catmull-Rom curve through ``points``."""
    found, n = [], len(points)
    for i in range(n):
        p0, p1, p2, p3 = (points[(i + k) % n] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            found.append(
                tuple(
                    0.5
                    * (
                        2 * b
                        + (c - a) * t
                        + (2 * a - 5 * b + 4 * c - d) * t * t
                        + (3 * b - a - 3 * c + d) * t * t * t
                    )
                    for a, b, c, d in zip(p0, p1, p2, p3, strict=True)
                )
            )
    return found


def ring(x, y, rx, ry, angle=0.0, count=32):
    """Return points on an ellipse."""
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    around = [2 * math.pi * i / count for i in range(count)]
    return [
        (
            x + rx * math.cos(t) * cos - ry * math.sin(t) * sin,
            y + rx * math.cos(t) * sin + ry * math.sin(t) * cos,
        )
        for t in around
    ]


def wobble(rng, points, amount):
    """Return the points, each moved by up to ``amount``: no two shapes alike."""
    return [
        (x + rng.uniform(-amount, amount), y + rng.uniform(-amount, amount))
        for x, y in points
    ]


def _compose(outer, inner):
    (a, b, c), (d, e, f) = outer
    (p, q, r), (s, t, u) = inner
    return (
        (a * p + b * s, a * q + b * t, a * r + b * u + c),
        (d * p + e * s, d * q + e * t, d * r + e * u + f),
    )


def _rgba(color):
    return tuple(round(c) for c in color) + (255,)


# Backgrounds: each paints the whole canvas, in coordinates from -1 to 1


def _bands(pen, rng, colors, wave=0.0):
    """Paint ``colors`` from top to bottom, in 24 steps of a smooth change."""
    steps = 24
    for i in range(steps):
        place = i / (steps - 1) * (len(colors) - 1)
        low = min(int(place), len(colors) - 2)
        color = mix(colors[low], colors[low + 1], place - low)
        top = -1 + 2 * i / steps
        pen.box(-1, top, 1, 1, color)


def _sky(pen, rng):
    top = hsv(rng.uniform(0.52, 0.64), rng.uniform(0.1, 0.7), rng.uniform(0.5, 1))
    if rng.uniform() < 0.2:  # evening
        top = hsv(rng.uniform(0.9, 1.1), rng.uniform(0.2, 0.6), rng.uniform(0.5, 0.9))
    _bands(pen, rng, [top, mix(top, (245, 240, 230), rng.uniform(0.2, 0.8))])
    for _ in range(rng.randint(0, 5)):
        _cloud(pen, rng)


def _cloud(pen, rng):
    x, y, size = rng.uniform(-1, 1), rng.uniform(-1, 0.3), rng.uniform(0.1, 0.3)
    color = (rng.uniform(205, 250),) * 3
    for _ in range(4):
        dx, dy = rng.uniform(-size, size) * 1.4, rng.uniform(-size, size) * 0.3
        pen.ellipse(x + dx, y + dy, size, size * 0.45, color)


def _land(pen, rng, ground):
    """Sky above a horizon, and below it the ground with tufts or stones."""
    _sky(pen, rng)
    horizon = rng.uniform(-0.5, 0.4)
    if rng.uniform() < 0.5:  # hills or trees far away
        color = mix(ground, (110, 140, 150), rng.uniform(0.3, 0.8))
        for _ in range(rng.randint(2, 6)):
            x, size = rng.uniform(-1, 1), rng.uniform(0.2, 0.6)
            pen.ellipse(x, horizon, size, size * rng.uniform(0.3, 0.9), color)
    steps = 10
    near, far = shade(ground, rng.uniform(0.7, 1.2)), mix(ground, (190, 195, 185), 0.3)
    for i in range(steps):
        top = horizon + (1 - horizon) * i / steps
        pen.box(-1, top, 1, 1, mix(far, near, i / steps))
    for _ in range(rng.randint(5, 40)):
        x, y = rng.uniform(-1, 1), rng.uniform(horizon, 1)
        size = 0.03 + 0.06 * (y - horizon)
        color = shade(ground, rng.uniform(0.7, 1.25))
        pen.ellipse(x, y, size * rng.uniform(0.5, 2), size * 0.5, color)


def _meadow(pen, rng):
    hue = rng.uniform(0.17, 0.4)
    _land(pen, rng, hsv(hue, rng.uniform(0.25, 0.75), rng.uniform(0.3, 0.75)))


def _sand(pen, rng):
    hue = rng.uniform(0.05, 0.14)
    _land(pen, rng, hsv(hue, rng.uniform(0.1, 0.5), rng.uniform(0.45, 0.9)))


def _snow(pen, rng):
    _land(pen, rng, hsv(0.6, rng.uniform(0, 0.1), rng.uniform(0.75, 0.95)))


def _road(pen, rng):
    _land(pen, rng, (rng.uniform(70, 170),) * 3)


def _water(pen, rng):
    color = hsv(rng.uniform(0.47, 0.66), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8))
    if rng.uniform() < 0.6:
        _land(pen, rng, color)
    else:
        _bands(pen, rng, [shade(color, rng.uniform(0.8, 1.3)), color])
    for _ in range(rng.randint(5, 25)):
        x, y = rng.uniform(-1, 1), rng.uniform(-0.2, 1)
        wide = rng.uniform(0.05, 0.3)
        pen.ellipse(x, y, wide, 0.012, shade(color, rng.uniform(0.8, 1.4)))


def _leaves(pen, rng):
    """Foliage: many leaves of a few greens or autumn colors."""
    hue = rng.uniform(0.02, 0.42)
    base = hsv(hue, rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.6))
    pen.box(-1, -1, 1, 1, base)
    for _ in range(rng.randint(30, 90)):
        x, y, size = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.05, 0.22)
        color = shade(vary(rng, base, 18), rng.uniform(0.6, 1.6))
        pen.ellipse(x, y, size, size * 0.4, color, rng.uniform(0, 180))


def _room(pen, rng):
    """A wall, perhaps with a pattern or a frame, above a floor."""
    wall = hsv(rng.uniform(0, 1), rng.uniform(0, 0.45), rng.uniform(0.4, 0.95))
    pen.box(-1, -1, 1, 1, wall)
    kind = rng.randint(0, 4)
    if kind == 0:
        step = rng.uniform(0.12, 0.4)
        for i in range(int(2 / step) + 1):
            pen.box(-1 + i * step, -1, -1 + (i + 0.4) * step, 1, shade(wall, 0.9))
    elif kind == 1:
        x, y, w = rng.uniform(-0.8, 0.5), rng.uniform(-0.9, 0), rng.uniform(0.2, 0.6)
        pen.box(x - 0.04, y - 0.04, x + w + 0.04, y + w + 0.04, shade(wall, 0.6))
        pen.box(x, y, x + w, y + w, any_color(rng))
    floor = rng.uniform(0.1, 0.9)
    color = hsv(rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.8))
    if rng.uniform() < 0.4:
        color = any_color(rng)
    pen.box(-1, floor, 1, 1, color)
    if rng.uniform() < 0.5:
        for i in range(9):
            pen.box(-1 + i / 4, floor, -0.98 + i / 4, 1, shade(color, 0.8))


def _plain(pen, rng):
    first, second = (any_color(rng, (0, 0.7), (0.2, 1)) for _ in range(2))
    _bands(pen, rng, [first, mix(first, second, rng.uniform(0, 0.8))])


def _blurred(pen, rng):
    """Soft large spots: a background out of focus."""
    base = any_color(rng, (0, 0.6), (0.2, 0.9))
    pen.box(-1, -1, 1, 1, base)
    for _ in range(rng.randint(6, 18)):
        size = rng.uniform(0.15, 0.6)
        color = mix(base, any_color(rng, (0, 0.8), (0.1, 1)), rng.uniform(0.2, 0.7))
        pen.ellipse(rng.uniform(-1, 1), rng.uniform(-1, 1), size, size, color)


BACKGROUNDS = {
    "sky": _sky,
    "meadow": _meadow,
    "sand": _sand,
    "snow": _snow,
    "road": _road,
    "water": _water,
    "leaves": _leaves,
    "room": _room,
    "plain": _plain,
    "blurred": _blurred,
}
OUTDOORS = ("sky", "meadow", "sand", "snow", "road", "water", "leaves", "blurred")
INDOORS = ("room", "plain", "blurred")
ANYWHERE = tuple(BACKGROUNDS)


# Clutter and things in front


def _thing(pen, rng, x, y, size):
    """A stone, box, stick, ball or tuft of no meaning."""
    color, kind = any_color(rng, (0, 0.8), (0.15, 0.95)), rng.randint(0, 5)
    part = pen.at(x, y, rng.uniform(-60, 60), size)
    if kind == 0:
        part.blob(wobble(rng, ring(0, 0, 0.8, 0.6, count=7), 0.2), color)
        part.ellipse(-0.2, -0.2, 0.3, 0.18, shade(color, 1.25))
    elif kind == 1:
        part.box(-0.7, -0.5, 0.7, 0.5, color)
        part.box(-0.7, 0.1, 0.7, 0.5, shade(color, 0.75))
    elif kind == 2:
        part.tube([(-1, rng.uniform(-0.3, 0.3)), (0, 0), (1, 0.3)], 0.16, color)
    elif kind == 3:
        part.ellipse(0, 0, 0.6, 0.6, color)
        part.ellipse(-0.15, -0.2, 0.2, 0.2, shade(color, 1.4))
    else:
        for _ in range(5):
            part.tube([(0, 0.6), (rng.uniform(-0.8, 0.8), -0.7)], [0.16, 0.03], color)


def _clutter(pen, rng, most):
    for _ in range(rng.randint(0, most + 1)):
        x, y = rng.uniform(-1, 1), rng.uniform(-0.9, 1)
        _thing(pen, rng, x, y, rng.uniform(0.08, 0.28))


def _in_front(pen, rng):
    """A post, a bar, blades of grass or a thing, from an edge; hides a part."""
    color, kind = any_color(rng, (0.05, 0.7), (0.15, 0.8)), rng.randint(0, 4)
    if kind == 0:
        x, w = rng.uniform(-0.9, 0.9), rng.uniform(0.03, 0.1)
        pen.polygon([(x - w, -1), (x + w, -1), (x + w * 1.3, 1), (x - w, 1)], color)
    elif kind == 1:
        y, w = rng.uniform(0.3, 0.9), rng.uniform(0.03, 0.1)
        pen.polygon([(-1, y - w), (1, y - w), (1, y + w), (-1, y + w * 1.4)], color)
    elif kind == 2:
        for _ in range(rng.randint(6, 16)):
            x, top = rng.uniform(-1, 1), rng.uniform(0.2, 0.8)
            blade = [(x, 1.05), (x + rng.uniform(-0.2, 0.2), top)]
            pen.tube(blade, [0.06, 0.01], shade(color, rng.uniform(0.7, 1.2)))
    else:
        x, y = rng.choice([-0.85, 0.85]), rng.uniform(-0.5, 0.9)
        _thing(pen, rng, x, y, rng.uniform(0.25, 0.5))


# A whole picture


def paint(
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
    """Paint one picture.

    Parameters
    ----------
    draw : callable
        ``draw(pen, rng)`` paints the subject in the square from -1 to 1.
    seed : int or sequence of int
        Of ``numpy.random.RandomState``, whose numbers never change with a version.
    side : int
        Pixels of the square picture; divides 288.
    places : sequence of str
        Names of backgrounds to choose from.
    turn : float
        Largest turn of the subject, in degrees.
    size : pair of float
        Least and greatest half side of the subject, as a share of the picture's.
    clutter : int
        Most things of no meaning behind the subject.
    hide : float
        Probability of something in front of it.
    flip : bool
        Whether the subject may look either way.

    Returns
    -------
    PIL.Image.Image, mode RGB, ``side`` x ``side``
    """
    rng = np.random.RandomState(seed)
    half = CANVAS / 2
    whole = ((half, 0, half), (0, half, half))
    canvas = Image.new("RGBA", (CANVAS, CANVAS), (0, 0, 0, 255))
    layer = Image.new("RGBA", canvas.size, (0, 0, 0, 0))
    draw(_pose(Pen(layer, whole), rng, turn, size, flip), rng)
    subject, alpha = _light_subject(layer, rng), layer.getchannel("A")
    for _ in range(8):  # until the subject stands out from what is behind it
        frame = Pen(canvas, whole)
        BACKGROUNDS[places[rng.randint(len(places))]](frame, rng)
        _clutter(frame, rng, clutter)
        if _difference(canvas, subject, alpha) >= MIN_DIFFERENCE:
            break
    if rng.uniform() < 0.4:
        canvas = canvas.filter(ImageFilter.BoxBlur(rng.randint(2, 9)))
    canvas = _cast_shadow(canvas, layer, rng)
    canvas.paste(subject, (0, 0), alpha)
    if rng.uniform() < hide:
        _in_front(Pen(canvas, whole), rng)
    if rng.uniform() < 0.3:
        canvas = canvas.filter(ImageFilter.BoxBlur(rng.randint(1, 4)))
    return _expose(canvas.convert("RGB").reduce(CANVAS // side), rng)


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
    across = np.arange(CANVAS, dtype=np.int64) - CANVAS // 2
    light = 256 + (across[None, :] * dx + across[:, None] * dy) * 2 // CANVAS
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
