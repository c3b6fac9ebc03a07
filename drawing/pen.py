"""Colors, and the pen that paints shapes in a thing's own coordinates."""

import colorsys
import math

import numpy as np
from PIL import Image, ImageDraw


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


# What a pen can mark, for learning where the parts of things are.
PARTS = (
    *("eye dot", "eye ring", "eye slit", "eye bar", "eye bead", "eye shut"),
    *("nose triangle", "nose oval", "nose wide", "nose disc"),
    *("ear point", "ear round", "ear long", "ear flop", "ear side", "ear fan"),
    *("ear tuft", "ear fold", "ear none", "whiskers", "tongue", "foot", "tail"),
    *("wheel", "window"),
)


class Pen:
    """Paints shapes, given in a thing's own coordinates, onto an RGBA layer.

    ``pen.at(x, y, angle, scale, flip)`` is a pen for a part of the thing (a head, a
    wheel): its origin lies at (x, y), turned by ``angle`` degrees clockwise.
    """

    def __init__(self, layer, matrix, parts=None):
        self.layer, self.parts = layer, parts  # parts: in mode L, or None
        self.matrix = matrix  # ((a, b, c), (d, e, f)): own coordinates -> pixels
        self._draw = ImageDraw.Draw(layer)

    def at(self, x=0.0, y=0.0, angle=0.0, scale=1.0, flip=False, stretch=1.0):
        """Return a pen for a part; ``stretch`` scales its x on top of ``scale``."""
        cos = math.cos(math.radians(angle)) * scale
        sin = math.sin(math.radians(angle)) * scale
        side = -stretch if flip else stretch
        part = ((cos * side, -sin, x), (sin * side, cos, y))
        return Pen(self.layer, _compose(self.matrix, part), self.parts)

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

    def mark(self, part, x, y, size):
        """Note on the layer of parts that one of ``PARTS`` is here, ``size`` around."""
        if self.parts:
            outline = self._pixels(ring(x, y, size, size, count=8))
            number = PARTS.index(part) + 1  # 0 is no part
            ImageDraw.Draw(self.parts).polygon(outline, fill=number)

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
