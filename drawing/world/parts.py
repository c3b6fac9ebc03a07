"""Colors and parts that several things share: wheels, windows, lines, patterns."""

import math

from drawing.pen import any_color, hsv, mix, ring, shade


def tint(rng):
    """Return a color of any hue; some are gray, white or nearly black."""
    kind = rng.uniform()
    if kind < 0.3:
        return hsv(rng.uniform(0, 1), rng.uniform(0, 0.12), rng.uniform(0.2, 0.97))
    return any_color(rng, (0.3, 0.95), (0.3, 0.98))


def other(rng, color):
    """Return a color of clearly different lightness than ``color``."""
    for _ in range(8):
        found = tint(rng)
        if abs(sum(found) - sum(color)) > 170:
            return found
    return shade(color, 0.45) if sum(color) > 380 else mix(color, (255,) * 3, 0.7)


def dark(rng):
    return hsv(rng.uniform(0, 1), rng.uniform(0, 0.3), rng.uniform(0.08, 0.32))


def glass(rng):
    if rng.uniform() < 0.5:
        return dark(rng)
    return hsv(rng.uniform(0.45, 0.65), rng.uniform(0.1, 0.5), rng.uniform(0.6, 0.95))


def wheel(pen, x, y, radius, tire, hub, spokes=0, rim=0.6):
    """A wheel seen from the side; ``rim`` is the radius of what the tire encloses."""
    pen.ellipse(x, y, radius, radius, tire)
    pen.mark("wheel", x, y, radius)
    pen.ellipse(x, y, radius * rim, radius * rim, hub)
    for i in range(spokes):
        t = math.pi * i / spokes
        dx, dy = radius * rim * math.cos(t), radius * rim * math.sin(t)
        pen.polygon(_strip(x - dx, y - dy, x + dx, y + dy, radius * 0.09), tire)
    pen.ellipse(x, y, radius * 0.16, radius * 0.16, shade(tire, 0.7))


def hoop(pen, x, y, radius, width, color, spokes=0, thin=0.02):
    """An open wheel: a band one can look through."""
    pen.mark("wheel", x, y, radius)
    around, inner = (
        ring(x, y, radius, radius),
        ring(x, y, radius - width, radius - width),
    )
    pen.polygon(around + around[:1] + inner[:1] + inner[::-1], color)
    for i in range(spokes):
        t = math.pi * (i + 0.3) / spokes
        dx, dy = radius * 0.95 * math.cos(t), radius * 0.95 * math.sin(t)
        pen.polygon(_strip(x - dx, y - dy, x + dx, y + dy, thin), shade(color, 1.5))


def _strip(x0, y0, x1, y1, width):
    """Return the corners of a straight bar."""
    dx, dy = x1 - x0, y1 - y0
    length = math.hypot(dx, dy) or 1.0
    nx, ny = -dy / length * width / 2, dx / length * width / 2
    return [
        (x0 + nx, y0 + ny),
        (x1 + nx, y1 + ny),
        (x1 - nx, y1 - ny),
        (x0 - nx, y0 - ny),
    ]


def bar(pen, x0, y0, x1, y1, width, color):
    pen.polygon(_strip(x0, y0, x1, y1, width), color)


def windows(pen, left, top, right, bottom, count, color, fill=0.65):
    """A row of windows."""
    step = (right - left) / count
    for i in range(count):
        x = left + (i + (1 - fill) / 2) * step
        pen.box(x, top, x + step * fill, bottom, color)
        pen.mark("window", x + step * fill / 2, (top + bottom) / 2, step * fill / 2)


def arc(x, y, rx, ry, start, end, count=12):
    """Return points on an ellipse from ``start`` to ``end`` degrees (clockwise)."""
    turn = [math.radians(start + (end - start) * i / count) for i in range(count + 1)]
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turn]


def line(pen, points, width, color):
    """A bent line without round joints, cheaper than a tube."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        pen.polygon(_strip(x0, y0, x1, y1, width), color)


def pattern(pen, rng, outline, color):
    """Fill ``outline``, and often cover it with stripes, bands, checks or spots."""
    pen.polygon(outline, color)
    kind, second = rng.randint(0, 7), tint(rng)
    if kind > 4:
        return
    step, turn = rng.uniform(0.15, 0.5), rng.uniform(-30, 30)

    def cover(inner):
        part = inner.at(angle=turn)
        places = [-1.4 + step * i for i in range(int(2.8 / step) + 1)]
        if kind in (0, 3):
            for x in places:
                part.box(x, -1.4, x + step * 0.45, 1.4, second)
        if kind in (1, 3):
            for y in places:
                part.box(-1.4, y, 1.4, y + step * 0.45, shade(second, 0.85))
        if kind == 2:
            for _ in range(14):
                x, y = rng.uniform(-1, 1), rng.uniform(-1, 1)
                inner.ellipse(x, y, step * 0.3, step * 0.3, second)
        if kind == 4:
            y = rng.uniform(-0.4, 0.4)
            inner.box(-1.4, y, 1.4, y + step, second)

    pen.inside(outline, cover)
