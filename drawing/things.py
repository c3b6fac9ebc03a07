"""Thirty-two things people make, to draw for pre-training: none is a class of CIFAR-10.

Each ``_name(pen, rng)`` paints one thing in the square from -1 to 1 and picks sub-type,
proportions and colors from ``rng``. Colors never tell the class: shapes do.
``THINGS`` maps a name to (draw, names of the backgrounds it may stand on).
"""

import math

from drawing.scene import (
    ANYWHERE,
    INDOORS,
    OUTDOORS,
    any_color,
    hsv,
    mix,
    ring,
    shade,
    smooth,
)

# Colors and parts that several things share


def _tint(rng):
    """Return a color of any hue; some are gray, white or nearly black."""
    kind = rng.uniform()
    if kind < 0.3:
        return hsv(rng.uniform(0, 1), rng.uniform(0, 0.12), rng.uniform(0.2, 0.97))
    return any_color(rng, (0.3, 0.95), (0.3, 0.98))


def _other(rng, color):
    """Return a color of clearly different lightness than ``color``."""
    for _ in range(8):
        found = _tint(rng)
        if abs(sum(found) - sum(color)) > 170:
            return found
    return shade(color, 0.45) if sum(color) > 380 else mix(color, (255,) * 3, 0.7)


def _dark(rng):
    return hsv(rng.uniform(0, 1), rng.uniform(0, 0.3), rng.uniform(0.08, 0.32))


def _glass(rng):
    if rng.uniform() < 0.5:
        return _dark(rng)
    return hsv(rng.uniform(0.45, 0.65), rng.uniform(0.1, 0.5), rng.uniform(0.6, 0.95))


def _wheel(pen, x, y, radius, tire, hub, spokes=0, rim=0.6):
    """A wheel seen from the side; ``rim`` is the radius of what the tire encloses."""
    pen.ellipse(x, y, radius, radius, tire)
    pen.ellipse(x, y, radius * rim, radius * rim, hub)
    for i in range(spokes):
        t = math.pi * i / spokes
        dx, dy = radius * rim * math.cos(t), radius * rim * math.sin(t)
        pen.polygon(_strip(x - dx, y - dy, x + dx, y + dy, radius * 0.09), tire)
    pen.ellipse(x, y, radius * 0.16, radius * 0.16, shade(tire, 0.7))


def _hoop(pen, x, y, radius, width, color, spokes=0, thin=0.02):
    """An open wheel: a band one can look through."""
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


def _bar(pen, x0, y0, x1, y1, width, color):
    pen.polygon(_strip(x0, y0, x1, y1, width), color)


def _windows(pen, left, top, right, bottom, count, color, fill=0.65):
    """A row of windows."""
    step = (right - left) / count
    for i in range(count):
        x = left + (i + (1 - fill) / 2) * step
        pen.box(x, top, x + step * fill, bottom, color)


def _arc(x, y, rx, ry, start, end, count=12):
    """Return points on an ellipse from ``start`` to ``end`` degrees (clockwise)."""
    turn = [math.radians(start + (end - start) * i / count) for i in range(count + 1)]
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in turn]


def _line(pen, points, width, color):
    """A bent line without round joints, cheaper than a tube."""
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        pen.polygon(_strip(x0, y0, x1, y1, width), color)


def _pattern(pen, rng, outline, color):
    """Fill ``outline``, and often cover it with stripes, bands, checks or spots."""
    pen.polygon(outline, color)
    kind, second = rng.randint(0, 7), _tint(rng)
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


# Vehicles and boats


def _bicycle(pen, rng):
    r, y, frame = rng.uniform(0.36, 0.46), 0.42, _tint(rng)
    tire, w = _dark(rng), rng.uniform(0.05, 0.1)
    back, front, spokes = -0.54, 0.54, rng.randint(0, 6)
    for x in (back, front):
        _hoop(pen, x, y, r, rng.uniform(0.05, 0.09), tire, spokes)
    seat, head = (-0.25, -0.28), (0.36, -0.34 + rng.uniform(-0.1, 0.1))
    pedal = (-0.06, y)
    lines = [(back, y), seat, pedal, (back, y)], [pedal, head, (front, y)]
    for points in lines:
        _line(pen, points, w, frame)
    if rng.uniform() < 0.7:  # crossbar
        _bar(pen, seat[0], seat[1] + 0.1, head[0], head[1] + 0.12, w, frame)
    _bar(pen, *seat, seat[0] - 0.05, -0.46, w, frame)
    pen.ellipse(seat[0] - 0.06, -0.48, 0.19, 0.06, _dark(rng))
    top = -0.62 + rng.uniform(-0.1, 0.1)
    _bar(pen, *head, head[0] - 0.06, top, w, frame)
    reach = rng.uniform(-0.28, 0.25)
    _line(pen, [(head[0] - 0.06, top), (head[0] + reach, top + 0.06)], 0.08, tire)
    pen.ellipse(*pedal, 0.11, 0.11, shade(tire, 1.3))
    _bar(pen, pedal[0], pedal[1], pedal[0] + 0.14, pedal[1] + 0.18, 0.05, tire)
    if rng.uniform() < 0.3:  # basket
        pen.polygon(
            [(0.4, -0.5), (0.85, -0.5), (0.76, -0.16), (0.46, -0.16)], _tint(rng)
        )


def _motorcycle(pen, rng):
    if rng.uniform() < 0.2:
        _motorcycle_front(pen, rng)
        return
    r, body, tire = rng.uniform(0.32, 0.4), _tint(rng), _dark(rng)
    y, chrome, kind = 0.5, hsv(0.6, 0.05, rng.uniform(0.5, 0.9)), rng.randint(0, 3)
    fork = rng.uniform(0.6, 0.7)
    for x in (-0.6, fork):
        _wheel(pen, x, y, r, tire, mix(chrome, tire, 0.3), rng.randint(0, 4), 0.55)
    _bar(pen, fork, y, 0.34, -0.4, 0.1, chrome)
    if kind == 2:  # scooter: a shield, a floor and a round tail
        pen.polygon(
            [(0.3, -0.5), (0.44, -0.5), (0.62, 0.3), (0.4, 0.55), (-0.5, 0.55)], body
        )
        pen.polygon(
            [(0.28, -0.1), (0.38, 0.35), (-0.12, 0.35), (-0.1, -0.1)], shade(tire, 1.6)
        )
        pen.blob(
            [(-0.98, 0.2), (-0.6, -0.14), (-0.1, -0.1), (-0.1, 0.5), (-0.6, 0.5)], body
        )
    else:
        engine = shade(chrome, 0.6)
        pen.polygon([(-0.3, 0.0), (0.3, -0.05), (0.25, 0.52), (-0.25, 0.55)], engine)
        pen.ellipse(0, 0.35, 0.17, 0.17, chrome)
        pen.blob(
            [(-0.2, -0.1), (0.05, -0.38), (0.4, -0.32), (0.38, 0), (0, 0.06)], body
        )
        pen.polygon(
            [(-0.95, -0.2), (-0.6, -0.1), (-0.1, -0.05), (-0.3, 0.18), (-0.7, 0.1)],
            body,
        )
        _bar(pen, 0.05, 0.62, -0.9, rng.uniform(0.45, 0.66), 0.1, chrome)
        if kind == 1:  # fairing and windshield of a sports machine
            pen.blob(
                [(0.2, -0.45), (0.7, -0.3), (0.72, 0), (0.4, 0.4), (0.15, 0.3)], body
            )
            pen.polygon([(0.3, -0.4), (0.42, -0.68), (0.66, -0.3)], _glass(rng))
    pen.blob(
        [(-0.85, -0.26), (-0.5, -0.24), (-0.1, -0.2), (-0.15, -0.06), (-0.7, -0.08)],
        tire,
    )
    top = rng.uniform(-0.75, -0.5)
    _line(pen, [(0.36, -0.35), (0.3, top), (0.08, top - 0.03)], 0.08, tire)
    pen.ellipse(0.5, -0.36, 0.11, 0.11, (245, 235, 190))


def _train(pen, rng):
    if rng.uniform() < 0.2:
        _freight_train(pen, rng)
        return
    body, second, glass = _tint(rng), _tint(rng), _glass(rng)
    dark, kind = _dark(rng), rng.randint(0, 4)
    if kind == 0:  # steam engine
        for x in (-0.6, -0.2, 0.2):
            _wheel(pen, x, 0.5, 0.2, second, dark, 3, 0.8)
        for x in (0.5, 0.76):
            _wheel(pen, x, 0.58, 0.13, second, dark, 2, 0.8)
        pen.box(-0.6, 0.46, 0.2, 0.54, shade(second, 0.6))
        pen.box(-0.92, 0.24, 0.88, 0.4, second)
        pen.box(-0.4, -0.2, 0.78, 0.3, body)
        pen.ellipse(0.78, 0.05, 0.1, 0.25, shade(body, 0.7))
        pen.box(-0.9, -0.55, -0.36, 0.3, shade(body, 0.85))
        pen.box(-0.98, -0.64, -0.28, -0.52, second)
        pen.box(-0.8, -0.42, -0.48, -0.12, glass)
        pen.polygon([(0.5, -0.2), (0.42, -0.62), (0.74, -0.62), (0.66, -0.2)], dark)
        pen.ellipse(0.05, -0.2, 0.14, 0.14, second)
        pen.polygon([(0.88, 0.4), (1.0, 0.72), (0.7, 0.72)], shade(second, 0.7))
        if rng.uniform() < 0.5:
            for i in range(4):
                gray = (rng.uniform(170, 240),) * 3
                pen.ellipse(0.55 - 0.3 * i, -0.75 - 0.04 * i, 0.14, 0.11, gray)
    elif kind == 3:  # from the front, on rails that run to a far point
        for side in (-1, 1):
            _bar(pen, side * 0.35, 0.6, side * 0.75, 1.0, 0.08, dark)
        for i in range(3):
            pen.box(
                -0.6 - 0.12 * i, 0.7 + 0.1 * i, 0.6 + 0.12 * i, 0.74 + 0.1 * i, dark
            )
        pen.blob(
            [
                (-0.52, 0.66),
                (-0.56, -0.4),
                (-0.3, -0.85),
                (0.3, -0.85),
                (0.56, -0.4),
                (0.52, 0.66),
            ],
            body,
        )
        pen.box(-0.5, 0.1, 0.5, 0.1 + rng.uniform(0.1, 0.4), second)
        pen.polygon([(-0.4, -0.6), (0.4, -0.6), (0.46, -0.05), (-0.46, -0.05)], glass)
        pen.box(-0.02, -0.6, 0.02, -0.05, body)
        for x in (-0.36, 0.36):
            pen.ellipse(x, 0.4, 0.08, 0.08, (250, 240, 190))
        pen.box(-0.5, 0.6, 0.5, 0.72, dark)
    else:  # a fast train, or coaches
        top, low = rng.uniform(-0.45, -0.3), rng.uniform(0.22, 0.34)
        pen.box(-1.3, low + 0.2, 1.2, low + 0.25, shade(dark, 1.5))
        for x in (-0.9, -0.68, -0.1, 0.12, 0.5):
            _wheel(pen, x, low + 0.1, 0.1, dark, (120, 120, 125))
        nose = rng.uniform(0.3, 0.6) if kind == 1 else 0.08
        hull = [
            (-1.3, top),
            (0.95 - nose, top),
            (0.95, low - 0.25),
            (0.97, low),
            (-1.3, low),
        ]
        pen.polygon(hull, body)
        y = rng.uniform(0.0, 0.12)
        pen.box(-1.3, y, 0.9, y + rng.uniform(0.05, 0.2), second)
        _windows(pen, -1.2, top + 0.1, 0.4, -0.06, rng.randint(5, 9), glass, 0.7)
        pen.polygon(
            [(0.98 - nose, top + 0.08), (0.9, -0.05), (0.6, -0.05), (0.6, top + 0.08)],
            glass,
        )
        if rng.uniform() < 0.6:
            x = rng.uniform(-0.8, 0)
            _line(pen, [(x, top), (x + 0.15, top - 0.2), (x, top - 0.35)], 0.04, dark)
            pen.box(x - 0.15, top - 0.38, x + 0.15, top - 0.34, dark)
        for x in (-0.42, 0.35)[: rng.randint(0, 3)]:
            pen.box(x - 0.03, top, x + 0.02, low, dark)


def _tractor(pen, rng):
    if rng.uniform() < 0.25:
        _tractor_front(pen, rng)
        return
    body, hub, tire = _tint(rng), _tint(rng), _dark(rng)
    big, small = rng.uniform(0.42, 0.54), rng.uniform(0.2, 0.3)
    top = rng.uniform(-0.88, -0.68)
    pen.polygon([(-0.1, -0.12), (0.85, -0.02), (0.88, 0.42), (-0.1, 0.5)], body)
    for i in range(3):
        pen.box(0.3, 0.06 + 0.1 * i, 0.75, 0.1 + 0.1 * i, shade(body, 0.5))
    if rng.uniform() < 0.75:  # cab
        pen.polygon(
            [(-0.72, 0.1), (-0.66, top), (-0.02, top), (0.1, 0.1)], shade(body, 0.8)
        )
        pen.polygon(
            [(-0.6, -0.1), (-0.57, top + 0.1), (-0.1, top + 0.1), (0, -0.1)],
            _glass(rng),
        )
        pen.box(-0.78, top - 0.08, 0.06, top + 0.03, body)
    else:
        pen.polygon(
            [(-0.75, -0.3), (-0.6, -0.3), (-0.5, 0), (-0.25, 0.05), (-0.7, 0.1)], tire
        )
        _bar(pen, -0.1, -0.1, -0.25, -0.34, 0.05, tire)
        _bar(pen, -0.35, -0.28, -0.15, -0.4, 0.06, tire)
    _bar(pen, 0.5, 0, 0.5, rng.uniform(-0.6, -0.35), 0.08, tire)
    pen.polygon(
        _arc(-0.45, 0.95 - big, big + 0.1, big + 0.1, 190, 320), shade(body, 0.75)
    )
    for x, r in ((-0.45, big), (0.62, small)):
        y = 0.95 - r
        if r == big:
            for i in range(9):
                t = math.pi * i / 9
                dx, dy = 1.08 * r * math.cos(t), 1.08 * r * math.sin(t)
                _bar(pen, x - dx, y - dy, x + dx, y + dy, 0.09, tire)
        _wheel(pen, x, y, r, tire, hub, 0, rng.uniform(0.4, 0.6))


def _helicopter(pen, rng):
    if rng.uniform() < 0.2:
        _helicopter_front(pen, rng)
        return
    body, dark, glass = _tint(rng), _dark(rng), _glass(rng)
    low, kind = rng.uniform(0.3, 0.42), rng.randint(0, 3)
    second = _tint(rng)
    if kind == 2:  # two rotors
        pen.blob(
            [
                (-0.9, -0.25),
                (0, -0.12),
                (0.75, -0.2),
                (0.95, 0.2),
                (0.6, low),
                (-0.8, low),
            ],
            body,
        )
        pen.polygon(
            [(-0.95, -0.5), (-0.6, -0.5), (-0.5, 0), (-0.9, 0)], shade(body, 0.85)
        )
        pen.polygon(
            [(0.4, -0.3), (0.66, -0.3), (0.75, 0), (0.35, 0)], shade(body, 0.85)
        )
        hubs = [(-0.78, -0.54, 0.6), (0.53, -0.36, 0.6)]
        _windows(pen, -0.6, 0, 0.4, 0.14, 4, glass, 0.5)
    else:
        pen.polygon([(-0.2, -0.15), (-0.95, -0.16), (-0.95, -0.04), (-0.1, 0.22)], body)
        pen.polygon([(-0.98, -0.4), (-0.84, -0.4), (-0.72, -0.1), (-0.95, 0.1)], second)
        _hoop(pen, -0.92, -0.22, 0.16, 0.05, dark, 2, 0.04)
        pen.blob(
            [
                (-0.4, -0.1),
                (0.1, -0.3),
                (0.6, -0.2),
                (0.88, 0.15),
                (0.6, low),
                (-0.2, low),
            ],
            body,
        )
        hubs = [(0.12, -0.5, rng.uniform(0.8, 1.0))]
        pen.box(-0.12, -0.34, 0.34, -0.2, shade(body, 0.75))
        if kind == 1:
            pen.box(-0.2, 0.08, 0.55, 0.16, second)
            _windows(pen, -0.25, -0.14, 0.4, 0.06, 3, glass, 0.6)
    pen.polygon([(0.45, -0.16), (0.68, -0.08), (0.88, 0.14), (0.45, 0.14)], glass)
    for x, y, reach in hubs:
        _bar(pen, x, y, x, y + 0.25, 0.1, dark)
        tilt = rng.uniform(-0.08, 0.08)
        pen.ellipse(x, y, reach, rng.uniform(0.02, 0.05), dark, math.degrees(tilt))
        if rng.uniform() < 0.4:  # a second pair of blades, seen at an angle
            pen.ellipse(x, y, reach * 0.6, 0.03, shade(dark, 1.4), rng.uniform(8, 25))
    if rng.uniform() < 0.7:
        for x in (-0.1, 0.5):
            _bar(pen, x, low - 0.05, x, low + 0.22, 0.06, dark)
        _line(
            pen,
            [(-0.4, low + 0.22), (0.75, low + 0.22), (0.85, low + 0.14)],
            0.07,
            dark,
        )
    else:
        for x in (-0.2, 0.5):
            _wheel(pen, x, low + 0.05, 0.12, dark, (130, 130, 130))


def _rocket(pen, rng):
    body, second, w = _tint(rng), _tint(rng), rng.uniform(0.18, 0.32)
    if rng.uniform() < 0.5:  # flying at an angle
        pen = pen.at(angle=rng.uniform(-70, 70))
    flame = rng.uniform() < 0.5
    if flame:
        for share, color in ((1, (250, 130, 40)), (0.6, (255, 220, 90))):
            tip = 0.55 + 0.45 * share
            pen.blob([(-w * share, 0.5), (0, tip), (w * share, 0.5), (0, 0.4)], color)
    low = 0.58 if flame else 0.85
    fin = rng.uniform(1.6, 2.4) * w
    for side in (-1, 1):
        pen.polygon(
            [
                (side * w * 0.8, low - 0.45),
                (side * fin, low - 0.05),
                (side * fin, low + 0.12),
                (side * w * 0.7, low),
            ],
            second,
        )
        if rng.uniform() < 0.3:  # boosters
            pen.box(
                side * w * 1.1 - 0.08,
                -0.1,
                side * w * 1.1 + 0.08,
                low,
                shade(body, 0.8),
            )
            x = side * w * 1.1
            pen.polygon([(x - 0.08, -0.1), (x, -0.3), (x + 0.08, -0.1)], second)
    shoulder = rng.uniform(-0.55, -0.25)
    if rng.uniform() < 0.5:
        hull = [
            (-w * 0.7, low),
            (-w, 0.1),
            (-w * 0.9, shoulder),
            (0, -0.98),
            (w * 0.9, shoulder),
            (w, 0.1),
            (w * 0.7, low),
        ]
        hull = smooth(hull)
    else:
        hull = [(-w, low), (-w, shoulder), (0, -0.95), (w, shoulder), (w, low)]
    _pattern(pen, rng, hull, body)
    pen.inside(hull, lambda inner: inner.box(-1, -1, 1, shoulder - 0.1, second))
    for i in range(rng.randint(1, 3)):
        pen.ellipse(0, shoulder + 0.2 + 0.32 * i, w * 0.55, w * 0.55, second)
        pen.ellipse(0, shoulder + 0.2 + 0.32 * i, w * 0.4, w * 0.4, _glass(rng))
    pen.box(-w * 0.6, low - 0.03, w * 0.6, low + 0.06, _dark(rng))


def _hot_air_balloon(pen, rng):
    first, second = _tint(rng), _tint(rng)
    r, y = rng.uniform(0.58, 0.7), -0.3
    hull = smooth(
        [
            (-r, y - 0.05),
            (-r * 0.6, -0.86),
            (0, -0.98),
            (r * 0.6, -0.86),
            (r, y - 0.05),
            (r * 0.6, 0.22),
            (0.16, 0.5),
            (-0.16, 0.5),
            (-r * 0.6, 0.22),
        ]
    )
    kind, n = rng.randint(0, 4), rng.randint(2, 4)
    pen.polygon(hull, first)
    if kind < 2:  # gores: ever narrower ellipses in turn
        for i in range(2 * n):
            share = math.sin(math.pi / 2 * (1 - (i + 1) / (2 * n + 1)))
            color = second if i % 2 == 0 else first
            part = [(x * share, py) for x, py in hull]
            pen.polygon(part, color)
    else:
        _pattern(pen, rng, hull, first)
    if kind == 1:
        pen.inside(hull, lambda inner: inner.box(-1, y - 0.12, 1, y + 0.12, first))
    low, dark, w = rng.uniform(0.68, 0.74), _dark(rng), rng.uniform(0.12, 0.18)
    for x in (-w, 0, w):
        _bar(pen, x, 0.48, x * 0.95, low, 0.025, dark)
    pen.polygon(
        [(-w, low), (w, low), (w * 0.8, 0.97), (-w * 0.8, 0.97)],
        hsv(rng.uniform(0.04, 0.12), 0.55, rng.uniform(0.3, 0.7)),
    )
    pen.box(-w, low, w, low + 0.05, dark)


def _submarine(pen, rng):
    body, second, h = _tint(rng), _tint(rng), rng.uniform(0.24, 0.4)
    x = rng.uniform(-0.25, 0.25)
    top = -h - rng.uniform(0.18, 0.32)
    _line(
        pen,
        [(x + 0.05, top), (x + 0.05, top - 0.3), (x + 0.2, top - 0.3)],
        0.06,
        _dark(rng),
    )
    slope = rng.uniform(0, 0.12)
    pen.polygon(
        [(x - 0.28, 0), (x - 0.24 + slope, top), (x + 0.24, top), (x + 0.28, 0)],
        shade(body, 0.85),
    )
    for side in (-1, 1):
        pen.polygon(
            [(-0.6, 0), (-0.92, side * h * 1.3), (-0.74, side * h * 1.3), (-0.45, 0)],
            second,
        )
    _bar(pen, -0.97, -0.2, -0.97, 0.2, 0.08, _dark(rng))
    kind = rng.randint(0, 2)
    if kind:
        hull = smooth(
            [
                (-0.98, 0),
                (-0.6, -h * 0.8),
                (0, -h),
                (0.65, -h * 0.9),
                (0.97, 0),
                (0.65, h * 0.9),
                (0, h),
                (-0.6, h * 0.8),
            ]
        )
    else:
        hull = ring(0, 0.02, 0.96, h)
    pen.polygon(hull, body)
    if rng.uniform() < 0.5:
        low = rng.uniform(0, h * 0.6)
        pen.inside(hull, lambda inner: inner.box(-1, low, 1, 1, second))
    if rng.uniform() < 0.75:
        n = rng.randint(2, 6)
        for i in range(n):
            cx, r = -0.5 + 1.1 * (i + 0.5) / n, min(0.11, 0.4 / n)
            pen.ellipse(cx, -0.03, r * 1.3, r * 1.3, shade(body, 0.5))
            pen.ellipse(cx, -0.03, r, r, _glass(rng))


def _canoe(pen, rng):
    body, inside, wood = _tint(rng), _tint(rng), hsv(0.08, 0.5, rng.uniform(0.3, 0.8))
    h, up, kind = rng.uniform(0.18, 0.3), rng.uniform(0.1, 0.35), rng.randint(0, 3)
    if kind == 2:  # from above, at an angle
        part = pen.at(angle=rng.uniform(-35, 35))
        hull = smooth([(-1, 0), (-0.4, -h), (0.4, -h), (1, 0), (0.4, h), (-0.4, h)])
        part.polygon(hull, body)
        part.polygon([(x * 0.9, y * 0.72) for x, y in hull], shade(inside, 0.7))
        for x in (-0.4, 0, 0.4)[: rng.randint(2, 4)]:
            part.box(x - 0.05, -h * 0.75, x + 0.05, h * 0.75, wood)
    else:
        part = pen
        rim = [(-0.98, -up), (-0.6, 0), (0, 0.06), (0.6, 0), (0.98, -up)]
        under = [(0.8, h * 0.9), (0, h * 1.3), (-0.8, h * 0.9)]
        far = [(x * 0.97, y - 0.13 * (1 - abs(x))) for x, y in rim]
        part.polygon(far + rim[::-1], shade(inside, 0.6))
        for x in (-0.35, 0.2):
            part.box(x, -0.07, x + 0.12, 0.02, wood)
        _pattern(part, rng, rim + under, body)
        _line(part, rim, 0.06, shade(body, 0.6))
    if rng.uniform() < 0.5:  # paddler
        y = 0 if kind == 2 else -0.05
        shirt, skin = (
            _tint(rng),
            hsv(0.07, rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.95)),
        )
        pen.polygon([(-0.18, y), (-0.13, y - 0.36), (0.13, y - 0.36), (0.18, y)], shirt)
        pen.ellipse(0, y - 0.5, 0.12, 0.14, skin)
        _bar(pen, 0, y - 0.3, 0.3, y - 0.15, 0.08, shirt)
    if rng.uniform() < 0.7:  # paddle
        x = rng.uniform(-0.2, 0.4)
        _bar(pen, x, -0.62, x + 0.35, 0.3, 0.05, wood)
        pen.ellipse(x + 0.4, 0.42, 0.08, 0.18, wood, -20)


# Other views and kinds of the vehicles


def _tractor_front(pen, rng):
    body, tire, top = _tint(rng), _dark(rng), rng.uniform(-0.9, -0.7)
    for side in (-1, 1):
        x, w = side * rng.uniform(0.6, 0.68), rng.uniform(0.18, 0.26)
        pen.blob([(x - w, -0.1), (x + w, -0.1), (x + w, 0.9), (x - w, 0.9)], tire)
        pen.box(side * 0.42 - 0.11, 0.4, side * 0.42 + 0.11, 0.95, shade(tire, 1.4))
    pen.box(-0.45, 0.55, 0.45, 0.66, shade(tire, 1.6))
    pen.polygon([(-0.5, 0), (-0.4, top), (0.4, top), (0.5, 0)], shade(body, 0.8))
    pen.polygon([(-0.4, 0), (-0.33, -0.6), (0.33, -0.6), (0.4, 0)], _glass(rng))
    pen.box(-0.48, top - 0.06, 0.48, top + 0.05, body)
    pen.box(-0.28, -0.1, 0.28, 0.6, body)
    for i in range(4):
        pen.box(-0.17, 0.06 + 0.1 * i, 0.17, 0.11 + 0.1 * i, shade(body, 0.5))
    for x in (-0.22, 0.22):
        pen.ellipse(x, -0.02, 0.07, 0.07, (250, 240, 190))


def _helicopter_front(pen, rng):
    body, dark, w = _tint(rng), _dark(rng), rng.uniform(0.36, 0.5)
    for side in (-1, 1):
        _bar(pen, side * 0.2, 0.35, side * (w + 0.02), 0.75, 0.06, dark)
        pen.ellipse(side * (w + 0.02), 0.77, 0.07, 0.07, dark)
    pen.box(-0.06, -0.55, 0.06, -0.2, dark)
    pen.blob(
        [(-w, 0.1), (-w * 0.6, -0.36), (w * 0.6, -0.36), (w, 0.1), (0, 0.52)], body
    )
    hull = [(-w * 0.8, 0.1), (-w * 0.5, -0.26), (w * 0.5, -0.26), (w * 0.8, 0.1)]
    pen.polygon(hull, _glass(rng))
    pen.box(-0.03, -0.3, 0.03, 0.12, body)
    pen.ellipse(0, 0.32, 0.07, 0.07, (250, 240, 190))
    turn = rng.uniform(-8, 8)
    pen.ellipse(0, -0.55, 0.97, rng.uniform(0.02, 0.05), dark, turn)
    if rng.uniform() < 0.5:
        pen.ellipse(0, -0.55, 0.7, 0.03, shade(dark, 1.4), turn + rng.uniform(8, 20))


def _motorcycle_front(pen, rng):
    body, tire, y = _tint(rng), _dark(rng), rng.uniform(-0.45, -0.3)
    chrome = hsv(0.6, 0.05, rng.uniform(0.5, 0.9))
    pen.blob([(-0.4, 0.1), (0, -0.2), (0.4, 0.1), (0.32, 0.5), (-0.32, 0.5)], body)
    pen.ellipse(0, 0.55, rng.uniform(0.12, 0.17), 0.42, tire)
    for side in (-1, 1):
        _bar(pen, side * 0.2, y, side * 0.17, 0.6, 0.07, chrome)
        _line(pen, [(0, y), (side * 0.4, y - 0.12), (side * 0.72, y)], 0.08, tire)
        _bar(pen, side * 0.4, y, side * 0.5, y - 0.3, 0.03, chrome)
        pen.ellipse(side * 0.52, y - 0.34, 0.13, 0.08, _glass(rng))
    pen.polygon(_arc(0, 0.35, 0.2, 0.3, 180, 360), shade(body, 0.8))
    if rng.uniform() < 0.5:
        pen.blob([(-0.3, y), (0, y - 0.4), (0.3, y), (0.25, 0.2), (-0.25, 0.2)], body)
        pen.polygon([(-0.2, y - 0.05), (0, y - 0.34), (0.2, y - 0.05)], _glass(rng))
    pen.ellipse(0, y + 0.15, 0.16, 0.16, chrome)
    pen.ellipse(0, y + 0.15, 0.12, 0.12, (250, 240, 190))


def _freight_train(pen, rng):
    dark, low = _dark(rng), rng.uniform(0.15, 0.3)
    pen.box(-1.3, low + 0.2, 1.3, low + 0.25, shade(dark, 1.5))
    pen.box(-1.3, low - 0.02, 0.95, low + 0.05, dark)
    for i in range(7):
        x = -1.05 + 0.3 * i + 0.08 * (i % 2)
        _wheel(pen, x, low + 0.1, 0.1, dark, (130, 130, 130))
    for right in (-0.65, 0.1):
        color, kind, left = _tint(rng), rng.randint(0, 3), right - 0.68
        if kind == 0:  # tank
            pen.blob([(left, -0.2), (right, -0.2), (right, low), (left, low)], color)
        elif kind == 1:  # open, with a load
            pen.ellipse((left + right) / 2, -0.08, 0.3, 0.14, _dark(rng))
            pen.box(left, -0.08, right, low, color)
        else:
            pen.box(left, rng.uniform(-0.4, -0.2), right, low, color)
            _windows(pen, left, -0.15, right, low, 5, shade(color, 0.8), 0.3)
    body = _tint(rng)
    pen.polygon(
        [
            (0.16, -0.15),
            (0.5, -0.15),
            (0.52, -0.4),
            (0.88, -0.4),
            (0.96, low),
            (0.16, low),
        ],
        body,
    )
    pen.polygon([(0.58, -0.32), (0.84, -0.32), (0.88, -0.1), (0.58, -0.1)], _glass(rng))
    pen.box(0.16, 0.0, 0.94, 0.09, _tint(rng))


# Buildings


def _house(pen, rng):
    wall, roof, glass = _tint(rng), _tint(rng), _glass(rng)
    w, eaves, kind = (
        rng.uniform(0.55, 0.85),
        rng.uniform(-0.25, 0.05),
        rng.randint(0, 3),
    )
    over, peak = w + rng.uniform(0.04, 0.15), rng.uniform(-0.95, -0.6)
    x = rng.uniform(-0.6, 0.5) * w
    pen.box(x, peak, x + 0.16, eaves, shade(wall, 0.6))
    pen.box(-w, eaves - 0.02, w, 0.9, wall)
    if kind == 0:
        pen.polygon([(-over, eaves), (0, peak), (over, eaves)], roof)
    elif kind == 1:
        pen.polygon(
            [
                (-over, eaves),
                (-w * 0.7, peak + 0.1),
                (w * 0.7, peak + 0.1),
                (over, eaves),
            ],
            roof,
        )
    else:  # gable in front, long roof going back
        pen.polygon(
            [(-over, eaves), (-w * 0.55, peak), (w * 0.9, peak), (over, eaves)], roof
        )
        pen.polygon(
            [(-w, eaves + 0.02), (-w * 0.55, peak + 0.06), (-w * 0.1, eaves + 0.02)],
            shade(wall, 0.85),
        )
    door = rng.uniform(-0.25, 0.25)
    pen.box(door - 0.11, 0.4, door + 0.11, 0.9, _other(rng, wall))
    rows = rng.randint(1, 3)
    for i in range(rows):
        y = eaves + 0.12 + i * 0.38
        if y + 0.22 < 0.4:
            _windows(pen, -w, y, w, y + 0.22, rng.randint(2, 5), glass, 0.5)
    for side in (-1, 1):
        cx = (
            side * (w + abs(door) + 0.11) / 2
            if side * door <= 0
            else side * (w + 0.36) / 2
        )
        pen.box(cx - 0.13, 0.45, cx + 0.13, 0.7, mix(wall, (255,) * 3, 0.6))
        pen.box(cx - 0.1, 0.48, cx + 0.1, 0.67, glass)


def _castle(pen, rng):
    wall, roof, dark = _tint(rng), _tint(rng), _dark(rng)
    towers = [(-0.72, 0.2), (0.72, 0.2)]
    if rng.uniform() < 0.6:
        towers.insert(0, (rng.uniform(-0.3, 0.3), rng.uniform(0.2, 0.3)))
    pen_top = rng.uniform(-0.1, 0.15)

    def teeth(left, right, y, color):
        _windows(
            pen,
            left,
            y - 0.12,
            right,
            y + 0.02,
            max(2, round((right - left) / 0.2)),
            color,
            0.55,
        )

    pointed = rng.uniform() < 0.5
    for x, w in towers:
        top = rng.uniform(-0.5, -0.25) - (0.25 if abs(x) < 0.5 else 0)
        color = shade(wall, rng.uniform(0.75, 1.0))
        pen.box(x - w, top, x + w, 0.92, color)
        if pointed:
            pen.polygon(
                [(x - w - 0.06, top), (x, max(-1, top - 0.5)), (x + w + 0.06, top)],
                roof,
            )
        else:
            pen.box(x - w - 0.05, top, x + w + 0.05, top + 0.1, color)
            teeth(x - w - 0.07, x + w + 0.07, top, color)
        pen.box(x - 0.05, top + 0.2, x + 0.05, top + 0.4, dark)
    pen.box(-0.56, pen_top, 0.56, 0.92, shade(wall, 1.1))
    teeth(-0.56, 0.56, pen_top, shade(wall, 1.1))
    pen.polygon(
        [(-0.2, 0.92)] + _arc(0, 0.5, 0.2, 0.25, 180, 360) + [(0.2, 0.92)], dark
    )
    if rng.uniform() < 0.5:
        pen.polygon([(0, -1), (0.25, -0.92), (0, -0.84)], _tint(rng))
        _bar(pen, 0, -1, 0, pen_top, 0.03, dark)


def _lighthouse(pen, rng):
    body, second, w = _tint(rng), _tint(rng), rng.uniform(0.2, 0.34)
    t, top = w * rng.uniform(0.5, 0.8), -0.5
    if rng.uniform() < 0.6:
        pen.blob(
            [(-0.9, 1), (-0.5, 0.75), (0, 0.7), (0.6, 0.78), (0.9, 1)],
            shade(_tint(rng), 0.6),
        )
    if rng.uniform() < 0.5:  # keeper's house
        x = rng.choice([-0.75, 0.15])
        pen.box(x, 0.5, x + 0.55, 0.88, second)
        pen.polygon([(x - 0.06, 0.5), (x + 0.27, 0.25), (x + 0.61, 0.5)], _dark(rng))
    tower = [(-w, 0.88), (-t, top), (t, top), (w, 0.88)]
    pen.polygon(tower, body)
    n, kind = rng.randint(3, 7), rng.randint(0, 3)
    if kind:

        def bands(inner):
            for i in range(n):
                y, slope = -0.4 + 1.3 * i / n, 0 if kind == 1 else 0.3
                inner.polygon(
                    [
                        (-1, y + slope),
                        (1, y - slope),
                        (1, y - slope + 0.65 / n),
                        (-1, y + slope + 0.65 / n),
                    ],
                    second,
                )

        pen.inside(tower, bands)
    dark = _dark(rng)
    pen.box(-t - 0.1, top - 0.04, t + 0.1, top + 0.04, dark)
    pen.box(
        -t * 0.75,
        -0.76,
        t * 0.75,
        top,
        (250, 230, 150) if rng.uniform() < 0.6 else _glass(rng),
    )
    for x in (-t * 0.75, 0, t * 0.75):
        _bar(pen, x, -0.76, x, top, 0.03, dark)
    pen.polygon([(-t, -0.74), (0, -0.98), (t, -0.74)], _tint(rng))
    pen.box(-0.07, 0.65, 0.07, 0.88, dark)
    if rng.uniform() < 0.25:
        for side in (-1, 1):
            pen.polygon(
                [(side * t, -0.64), (side, -0.8), (side, -0.5)], (255, 245, 190)
            )


def _windmill(pen, rng):
    body, cap, sail = _tint(rng), _tint(rng), _tint(rng)
    turn, kind = rng.uniform(0, 90), rng.randint(0, 3)
    w = rng.uniform(0.3, 0.42)
    if kind == 2:  # a wind turbine
        pen.polygon([(-0.07, 0.97), (-0.04, -0.25), (0.04, -0.25), (0.07, 0.97)], body)
        for i in range(3):
            part = pen.at(0, -0.25, turn + 120 * i)
            part.polygon(
                [(-0.05, 0), (-0.1, -0.2), (0, -0.75), (0.05, 0)], shade(body, 1.1)
            )
        pen.ellipse(0, -0.25, 0.09, 0.09, shade(body, 0.8))
        return
    pen.polygon([(-w, 0.95), (-w * 0.6, -0.3), (w * 0.6, -0.3), (w, 0.95)], body)
    pen.blob(
        [
            (-w * 0.75, -0.25),
            (-w * 0.5, -0.5),
            (0, -0.6),
            (w * 0.5, -0.5),
            (w * 0.75, -0.25),
        ],
        cap,
    )
    pen.box(-0.09, 0.62, 0.09, 0.95, _dark(rng))
    for y in (0.0, 0.32)[: rng.randint(0, 3)]:
        pen.box(-0.07, y, 0.07, y + 0.14, _glass(rng))
    wood, reach = _dark(rng), rng.uniform(0.65, 0.8)
    for i in range(4):
        part = pen.at(0, -0.25, turn + 90 * i)
        part.box(0.0, -reach, 0.2, -0.16, sail)
        if kind == 1:
            for j in range(1, 4):
                y = -0.16 - j * (reach - 0.16) / 4
                part.box(0, y - 0.015, 0.2, y + 0.015, wood)
        part.box(-0.03, -reach, 0.03, 0, wood)
    pen.ellipse(0, -0.25, 0.07, 0.07, wood)


def _bridge(pen, rng):
    body, kind = _tint(rng), rng.randint(0, 3)
    y, w = rng.uniform(0.2, 0.4), rng.uniform(0.05, 0.11)
    if kind == 0:  # suspension
        tower, top = rng.uniform(0.45, 0.6), rng.uniform(-0.8, -0.5)
        for side in (-1, 1):
            cable = [
                (
                    side * (1.2 - 0.0 - i * (1.2 - tower) / 4),
                    y + (top - y) * (i / 4) ** 2,
                )
                for i in range(5)
            ]
            _line(pen, cable, 0.045, shade(body, 0.7))
            for x, cy in cable[1:-1]:
                _bar(pen, x, cy, x, y, 0.02, shade(body, 0.7))
        sag = [
            (
                -tower + 2 * tower * i / 10,
                top + (y - 0.08 - top) * (1 - ((i - 5) / 5) ** 2),
            )
            for i in range(11)
        ]
        _line(pen, sag, 0.045, shade(body, 0.7))
        for x, cy in sag[1:-1]:
            _bar(pen, x, cy, x, y, 0.02, shade(body, 0.7))
        for x in (-tower, tower):
            pen.box(x - 0.07, top - 0.08, x + 0.07, 0.85, body)
        pen.box(-1.2, y, 1.2, y + 2 * w, shade(body, 0.85))
    elif kind == 1:  # stone arches
        n, low = rng.randint(2, 5), 0.85
        rise = rng.uniform(0, 0.2)
        y = y - 0.4
        step = 2.4 / n
        edge = [
            (-1.2, low),
            (-1.2, y + rise),
            (0, y - rise / 2),
            (1.2, y + rise),
            (1.2, low),
        ]
        for i in range(n):
            x = 1.2 - (i + 0.5) * step
            edge += _arc(x, low, step * 0.4, min(low - y - 0.15, step * 0.55), 0, -180)
        pen.polygon(edge, body)
        _line(pen, edge[1:4], 0.09, shade(body, 0.75))
    else:  # truss or arch of steel
        rise = rng.uniform(0.45, 0.75)
        n = rng.randint(5, 9)
        arch = [
            (-1 + 2 * i / n, y - rise * math.sin(math.pi * i / n)) for i in range(n + 1)
        ]
        if rng.uniform() < 0.5:
            arch = [(-1, y)] + [(x, y - rise * 0.7) for x, _ in arch[1:-1]] + [(1, y)]
        _line(pen, arch, 0.08, body)
        for i, (x, cy) in enumerate(arch[1:-1], 1):
            _bar(pen, x, cy, x, y, 0.04, body)
            _bar(pen, x, cy, -1 + 2 * (i + (1 if i < n / 2 else -1)) / n, y, 0.04, body)
        pen.box(-1.2, y, 1.2, y + 2 * w, shade(body, 0.8))
        for x in (-0.85, 0.85):
            pen.box(x - 0.09, y, x + 0.09, 0.85, shade(body, 0.6))


def _tent(pen, rng):
    color, dark, kind = _tint(rng), _dark(rng), rng.randint(0, 3)
    top, w = rng.uniform(-0.7, -0.4), rng.uniform(0.5, 0.65)
    if kind == 0:  # ridge tent with one long side
        x = -0.35
        _pattern(
            pen,
            rng,
            [(x, top), (0.6, top + 0.1), (0.98, 0.6), (x + w, 0.75)],
            shade(color, 0.75),
        )
        pen.polygon([(x - w, 0.75), (x, top), (x + w, 0.75)], color)
        pen.polygon([(x - 0.2, 0.75), (x, top + 0.2), (x + 0.2, 0.75)], dark)
        pen.polygon(
            [(x, top + 0.2), (x + 0.2, 0.75), (x + 0.32, 0.75)], shade(color, 1.2)
        )
    elif kind == 1:  # dome
        hull = _arc(0, 0.65, 0.9, 0.65 - top, 180, 360)
        _pattern(pen, rng, hull, color)
        pen.polygon(_arc(0, 0.65, 0.3, (0.65 - top) * 0.75, 180, 360), dark)
        for rx in (0.9, 0.35):
            _line(pen, _arc(0, 0.65, rx, 0.65 - top, 180, 360), 0.04, shade(color, 0.6))
    else:  # tepee or small circus tent
        y = rng.uniform(-0.3, 0.4) if rng.uniform() < 0.5 else 0.8
        hull = [(-0.75, y), (0, top - 0.1), (0.75, y)]
        if y < 0.8:
            pen.box(-0.7, y, 0.7, 0.8, shade(color, 0.85))
            _windows(pen, -0.7, y, 0.7, 0.8, 6, _tint(rng), 0.5)
        else:
            for dx in (-0.15, 0.15):
                _bar(pen, 0, top, dx, top - 0.28, 0.04, dark)
        _pattern(pen, rng, hull, color)
        pen.polygon([(-0.18, 0.8), (0, 0.2), (0.18, 0.8)], dark)
    if kind < 2:
        for x in (-0.97, 0.97):
            _bar(pen, x * 0.6, 0.2, x, 0.8, 0.02, dark)


# Things in and around a house


def _chair(pen, rng):
    color, seat, kind = _tint(rng), _tint(rng), rng.randint(0, 4)
    w, y = rng.uniform(0.4, 0.52), rng.uniform(0.1, 0.25)
    leg = rng.uniform(0.07, 0.13)
    if kind == 3:  # armchair
        pen.blob(
            [
                (-0.6, 0.6),
                (-0.6, -0.6),
                (-0.3, -0.85),
                (0.3, -0.85),
                (0.6, -0.6),
                (0.6, 0.6),
            ],
            color,
        )
        pen.box(-0.55, 0.05, 0.55, 0.4, shade(color, 1.2))
        for x in (-0.68, 0.68):
            pen.blob(
                [(x - 0.2, 0.75), (x - 0.2, -0.1), (x + 0.2, -0.1), (x + 0.2, 0.75)],
                shade(color, 0.8),
            )
            pen.box(x - 0.08, 0.7, x + 0.08, 0.92, _dark(rng))
        pen.box(-0.6, 0.4, 0.6, 0.75, shade(color, 0.7))
    elif kind == 2:  # office chair
        pen.blob(
            [(-0.4, -0.1), (-0.45, -0.8), (0, -0.92), (0.45, -0.8), (0.4, -0.1)], color
        )
        pen.box(-0.07, y, 0.07, 0.75, _dark(rng))
        pen.ellipse(0, y, w + 0.1, 0.14, seat)
        for x in (-0.5, 0, 0.5):
            _bar(pen, 0, 0.68, x, 0.86, 0.08, (60, 60, 65))
            pen.ellipse(x, 0.9, 0.07, 0.07, (30, 30, 30))
    elif kind == 1:  # from the side
        x = -w
        _line(pen, [(x - 0.12, -0.9), (x, y), (x - 0.08, 0.92)], leg, color)
        _bar(pen, w, y, w + 0.05, 0.92, leg, color)
        _bar(pen, x, y, w + 0.06, y, 0.13, seat)
        if rng.uniform() < 0.5:
            _bar(pen, x, 0.55, w, 0.55, leg * 0.7, color)
    else:  # at an angle: four legs, a seat in depth
        d = rng.uniform(0.12, 0.3)
        for x, dy in ((-w + d, 0.0), (w + d, 0.0), (-w, 0.22), (w, 0.22)):
            pen.box(x - leg / 2, y, x + leg / 2, 0.72 + dy, shade(color, 0.75 + dy))
        for x in (-w + d, w + d):
            pen.box(x - leg / 2, -0.9, x + leg / 2, y, color)
        n = rng.randint(1, 5)
        for i in range(n):
            top = -0.85 + 0.75 * i / n
            pen.box(-w + d, top, w + d, top + rng.uniform(0.3, 0.7) / n, color)
        pen.polygon(
            [(-w, y + 0.12), (-w + d, y - 0.08), (w + d, y - 0.08), (w, y + 0.12)], seat
        )
        pen.box(-w, y + 0.12, w, y + 0.2, shade(seat, 0.7))


def _lamp(pen, rng):
    color, base, kind = _tint(rng), _tint(rng), rng.randint(0, 4)
    if kind == 0:  # desk lamp with joints
        elbow, head = (rng.uniform(-0.6, -0.3), -0.1), (0.3, -0.7)
        pen.ellipse(0, 0.88, 0.45, 0.1, base)
        _line(pen, [(0, 0.85), elbow, head], 0.08, base)
        pen.ellipse(*elbow, 0.08, 0.08, shade(base, 0.6))
        part = pen.at(*head, rng.uniform(-50, -20))
        part.polygon([(-0.12, -0.1), (0.12, -0.1), (0.36, 0.38), (-0.36, 0.38)], color)
        part.ellipse(0, 0.38, 0.36, 0.09, (255, 240, 180))
        return
    w, t = rng.uniform(0.45, 0.7), rng.uniform(0.15, 0.45)
    low = rng.uniform(-0.15, 0.1)
    if kind == 1:  # hanging
        _bar(pen, 0, -1, 0, 0, 0.05, _dark(rng))
        pen.ellipse(0, 0.5, 0.2, 0.22, (255, 240, 180))
        hull = [(-0.1, -0.35), (0.1, -0.35), (w, 0.45), (-w, 0.45)]
        if rng.uniform() < 0.5:
            hull = _arc(0, 0.45, w, 0.8, 180, 360)
        _pattern(pen, rng, hull, color)
        return
    if kind == 2:  # standing
        low = -0.35
        pen.box(-0.04, low, 0.04, 0.9, base)
        pen.ellipse(0, 0.9, 0.35, 0.07, base)
    else:
        pen.box(-0.05, low, 0.05, 0.5, shade(base, 0.7))
        wide = rng.uniform(0.2, 0.4)
        pen.blob(
            [
                (-0.1, 0.25),
                (-wide, 0.6),
                (-0.2, 0.92),
                (0.2, 0.92),
                (wide, 0.6),
                (0.1, 0.25),
            ],
            base,
        )
    _pattern(pen, rng, [(-t, -0.9), (t, -0.9), (w, low), (-w, low)], color)
    pen.box(-w, low - 0.04, w, low + 0.01, shade(color, 0.7))


def _clock(pen, rng):
    case, face, kind = _tint(rng), _tint(rng), rng.randint(0, 4)
    hand, r, y = _other(rng, face), rng.uniform(0.65, 0.85), 0.0
    if kind == 0:  # alarm clock
        r, y = 0.62, 0.15
        for side in (-1, 1):
            pen.ellipse(side * 0.42, -0.55, 0.26, 0.2, shade(case, 0.7), side * 40)
            _bar(pen, side * 0.3, 0.6, side * 0.5, 0.95, 0.13, shade(case, 0.7))
    elif kind == 1:  # square or tall case
        r, tall = 0.55, rng.uniform(0.75, 0.95)
        pen.box(-0.7, -tall, 0.7, tall, case)
    case = shade(case, 0.8)
    pen.ellipse(0, y, r, r, case)
    inner = r * rng.uniform(0.78, 0.92)
    pen.ellipse(0, y, inner, inner, face)
    for i in range(12 if rng.uniform() < 0.7 else 4):
        step = 30 if i < 12 else 90
        t = math.radians(i * step)
        near, far = inner * (0.75 if i % 3 == 0 else 0.83), inner * 0.95
        _bar(
            pen,
            near * math.cos(t),
            y + near * math.sin(t),
            far * math.cos(t),
            y + far * math.sin(t),
            0.05,
            hand,
        )
    for length, width in ((0.5, 0.11), (0.78, 0.07)):
        t = rng.uniform(0, 2 * math.pi)
        _bar(
            pen,
            0,
            y,
            inner * length * math.cos(t),
            y + inner * length * math.sin(t),
            width,
            hand,
        )
    pen.ellipse(0, y, 0.07, 0.07, hand)


def _umbrella(pen, rng):
    first, second, n = _tint(rng), _tint(rng), rng.randint(3, 7)
    if rng.uniform() < 0.4:
        pen = pen.at(angle=rng.uniform(-40, 40))
    top, y, stick = -0.85, rng.uniform(-0.15, 0.05), _dark(rng)
    pen.box(-0.03, -0.97, 0.03, 0.75, stick)
    side = rng.choice([-1, 1])
    _line(pen, _arc(side * 0.14, 0.75, 0.14, 0.16, 0, 180, 6), 0.07, stick)
    w = rng.uniform(0.8, 0.97)
    edge = []
    for i in range(n):
        left = w - 2 * w * i / n
        edge += _arc(left - w / n, y, w / n, 0.1, 0, -180, 6)
    pen.polygon(_arc(0, y, w, y - top, 180, 360) + edge, first)
    if rng.uniform() < 0.75:
        for i in range(0, n, 2):
            left, right = -w + 2 * w * i / n, -w + 2 * w * (i + 1) / n
            gore = [
                (
                    left * math.cos(k * math.pi / 16),
                    y + (top - y) * math.sin(k * math.pi / 16),
                )
                for k in range(9)
            ]
            gore += [
                (
                    right * math.cos(k * math.pi / 16),
                    y + (top - y) * math.sin(k * math.pi / 16),
                )
                for k in range(8, -1, -1)
            ]
            pen.polygon(
                gore + _arc((left + right) / 2, y, w / n, 0.1, 0, -180, 6), second
            )


def _cup(pen, rng):
    color, w, top = _tint(rng), rng.uniform(0.4, 0.6), rng.uniform(-0.6, -0.2)
    low, low_w = 0.75, w * rng.uniform(0.55, 1.0)
    r, mid = rng.uniform(0.22, 0.32), (top + low) / 2 - 0.05
    _line(pen, _arc(w * 0.95, mid, r, r * 1.1, -100, 110), 0.12, shade(color, 0.85))
    if rng.uniform() < 0.4:
        pen.ellipse(0, low, 0.85, 0.14, shade(_tint(rng), 0.9))
    side = _arc(0, top, w, 0.001, 180, 180, 1)
    bulge = [(-(w + low_w) / 2 - rng.uniform(0, 0.08), mid + 0.15)]
    left = side[:1] + bulge + [(-low_w, low - 0.05)]
    hull = left + _arc(0, low - 0.05, low_w, 0.12, 180, 0, 8)
    hull += [(-bulge[0][0], bulge[0][1]), (w, top)]
    _pattern(pen, rng, hull, color)
    pen.ellipse(0, top, w, rng.uniform(0.08, 0.17), shade(color, 1.2))
    drink = hsv(rng.uniform(0.02, 0.14), rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.8))
    pen.ellipse(0, top + 0.01, w * 0.86, 0.08, drink)
    if rng.uniform() < 0.3:
        for x in (-0.15, 0.15):
            _line(
                pen,
                [(x, top - 0.1), (x + 0.08, top - 0.22), (x, top - 0.35)],
                0.04,
                (235, 235, 235),
            )


def _teapot(pen, rng):
    color, second = _tint(rng), _tint(rng)
    w, h, y = rng.uniform(0.45, 0.58), rng.uniform(0.38, 0.52), 0.25
    spout = [
        (w * 0.6, y + 0.25),
        (w + 0.1, y + 0.05),
        (0.78, -0.25),
        (0.98, -0.28),
        (0.82, y + 0.1),
        (w * 0.7, y + 0.45),
    ]
    pen.blob(spout, shade(color, 0.9))
    if rng.uniform() < 0.7:
        _line(
            pen, _arc(-w * 0.9, y - 0.05, 0.36, 0.32, 90, 290), 0.1, shade(second, 0.8)
        )
    else:
        _line(
            pen,
            _arc(0, y - h * 0.5, w * 0.85, 0.68, 180, 360),
            0.08,
            shade(second, 0.8),
        )
    if rng.uniform() < 0.7:
        hull = ring(0, y, w, h)
    else:
        hull = smooth(
            [
                (-w * 0.5, y - h),
                (w * 0.5, y - h),
                (w * 1.05, y + h * 0.9),
                (-w * 1.05, y + h * 0.9),
            ]
        )
    _pattern(pen, rng, hull, color)
    pen.box(-w * 0.6, y + h - 0.07, w * 0.6, y + h + 0.04, shade(color, 0.7))
    pen.ellipse(0, y - h + 0.04, w * 0.55, 0.1, second)
    pen.ellipse(0, y - h - 0.08, 0.09, 0.09, shade(second, 0.8))


def _bottle(pen, rng):
    color, w, neck = _tint(rng), rng.uniform(0.2, 0.36), rng.uniform(0.08, 0.13)
    top, shoulder = rng.uniform(-0.9, -0.8), rng.uniform(-0.45, -0.1)
    left = [
        (-neck, top),
        (-neck, shoulder - 0.15),
        (-w * 0.85, shoulder + 0.05),
        (-w, shoulder + 0.2),
    ]
    if rng.uniform() < 0.3:  # waist
        left += [(-w * 0.8, 0.35), (-w, 0.6)]
    left += [(-w, 0.88), (-w * 0.9, 0.95)]
    pen.polygon(left + [(-x, y) for x, y in left[::-1]], color)
    pen.box(-w * 0.7, shoulder + 0.1, -w * 0.45, 0.85, mix(color, (255,) * 3, 0.35))
    pen.box(-neck * 1.25, top - 0.06, neck * 1.25, top + 0.1, _tint(rng))
    if rng.uniform() < 0.7:
        y, label = rng.uniform(0.1, 0.3), _other(rng, color)
        pen.box(-w, y, w, y + rng.uniform(0.25, 0.45), label)
        pen.ellipse(0, y + 0.13, w * 0.5, 0.09, color)


def _shoe(pen, rng):
    color, sole, kind = _tint(rng), _tint(rng), rng.randint(0, 4)
    if kind == 0:  # boot
        top = rng.uniform(-0.85, -0.5)
        hull = [
            (-0.6, top),
            (0.0, top),
            (0.05, 0.1),
            (0.5, 0.2),
            (0.88, 0.4),
            (0.9, 0.65),
            (-0.65, 0.65),
        ]
        _pattern(pen, rng, hull, color)
        pen.box(-0.65, top - 0.05, 0.05, top + 0.1, shade(color, 0.7))
    elif kind == 1:  # high heel
        pen.polygon(
            [
                (-0.85, -0.45),
                (-0.7, -0.5),
                (-0.4, -0.05),
                (0.1, 0.4),
                (0.5, 0.4),
                (0.93, 0.6),
                (0.9, 0.68),
                (0.2, 0.68),
                (-0.5, 0.15),
                (-0.72, 0.1),
            ],
            color,
        )
        pen.polygon([(-0.85, -0.3), (-0.6, 0.05), (-0.74, 0.7), (-0.82, 0.7)], sole)
        return
    else:
        heel = rng.uniform(-0.35, -0.1)
        hull = [
            (-0.85, heel),
            (-0.6, heel + 0.1),
            (-0.1, heel - 0.02),
            (0.3, 0.18),
            (0.75, 0.25),
            (0.93, 0.45),
            (0.92, 0.62),
            (-0.9, 0.62),
        ]
        _pattern(pen, rng, hull, color)
        pen.ellipse(-0.45, heel + 0.04, 0.36, 0.09, _dark(rng))
        pen.polygon(
            [(0.6, 0.22), (0.75, 0.25), (0.93, 0.45), (0.92, 0.62), (0.6, 0.62)],
            shade(sole, 0.9),
        )
        if kind == 3:
            pen.polygon([(-0.5, 0.45), (0.1, 0.2), (0.2, 0.3), (-0.2, 0.5)], sole)
    for i in range(rng.randint(0, 5)):
        x, y = -0.05 + 0.1 * i, -0.05 + 0.08 * i
        _bar(pen, x - 0.14, y + 0.12, x + 0.06, y - 0.02, 0.04, _other(rng, color))
    thick = rng.uniform(0.1, 0.2)
    pen.box(-0.92, 0.6, 0.95, 0.6 + thick, sole)
    if kind == 0:
        pen.box(-0.65, 0.6, -0.2, 0.6 + thick * 2, shade(sole, 0.8))


def _hat(pen, rng):
    color, band, kind = _tint(rng), _tint(rng), rng.randint(0, 4)
    y = rng.uniform(0.25, 0.45)
    if kind == 0:  # top hat, straw hat
        w, top = rng.uniform(0.4, 0.55), rng.uniform(-0.8, -0.2)
        pen.ellipse(0, y, 0.95, rng.uniform(0.12, 0.26), shade(color, 0.85))
        pen.polygon([(-w, y), (-w * 0.95, top), (w * 0.95, top), (w, y)], color)
        pen.ellipse(0, top, w * 0.95, 0.1, shade(color, 1.15))
        pen.ellipse(0, y, w, 0.1, color)
        pen.box(-w, y - 0.22, w, y - 0.02, band)
    elif kind == 1:  # cap with a peak
        _pattern(pen, rng, _arc(-0.2, y, 0.65, 0.85, 180, 360), color)
        pen.blob(
            [
                (0.1, y - 0.12),
                (0.6, y - 0.12),
                (0.97, y + 0.1),
                (0.5, y + 0.08),
                (-0.1, y + 0.06),
            ],
            band,
        )
        pen.ellipse(-0.2, y - 0.85, 0.07, 0.05, band)
    elif kind == 2:  # knitted
        _pattern(pen, rng, _arc(0, y, 0.65, 1.0, 180, 360), color)
        pen.box(-0.7, y - 0.12, 0.7, y + 0.18, band)
        pen.ellipse(0, y - 1.05, 0.2, 0.2, band)
    else:  # cowboy or witch
        pen.blob(
            [
                (-0.98, y - 0.25),
                (-0.6, y - 0.02),
                (0, y + 0.05),
                (0.6, y - 0.02),
                (0.98, y - 0.25),
                (0.5, y + 0.25),
                (-0.5, y + 0.25),
            ],
            shade(color, 0.8),
        )
        if rng.uniform() < 0.5:
            pen.polygon([(-0.48, y + 0.05), (0.1, -0.95), (0.48, y + 0.05)], color)
        else:
            pen.polygon(
                [
                    (-0.5, y + 0.05),
                    (-0.4, -0.5),
                    (-0.15, -0.6),
                    (0, -0.5),
                    (0.15, -0.6),
                    (0.4, -0.5),
                    (0.5, y + 0.05),
                ],
                color,
            )
        pen.box(-0.46, y - 0.12, 0.46, y + 0.04, band)


def _shirt(pen, rng):
    color, w = _tint(rng), rng.uniform(0.42, 0.55)
    long = rng.uniform() < 0.4
    x, y = (0.92, 0.75) if long else (0.95, rng.uniform(-0.15, 0.1))
    cuff = (x - 0.22, y + 0.08) if long else (x - 0.25, y + 0.2)
    right = [
        (0.22, -0.75),
        (w + 0.05, -0.62),
        (x, y),
        cuff,
        (w, -0.1),
        (w + rng.uniform(-0.05, 0.1), 0.88),
    ]
    hull = [(-0.22, -0.75), (0, -0.6)] + right + [(-px, py) for px, py in right[::-1]]
    _pattern(pen, rng, hull, color)
    trim = _other(rng, color)
    if rng.uniform() < 0.5:  # collar and buttons
        for side in (-1, 1):
            pen.polygon(
                [
                    (side * 0.24, -0.8),
                    (0, -0.55),
                    (side * 0.25, -0.42),
                    (side * 0.33, -0.7),
                ],
                shade(color, 0.75),
            )
        pen.box(-0.015, -0.55, 0.015, 0.88, shade(color, 0.6))
        for i in range(5):
            pen.ellipse(0.05, -0.4 + 0.28 * i, 0.04, 0.04, trim)
    else:
        _line(pen, _arc(0, -0.76, 0.24, 0.2, 180, 0, 8), 0.07, trim)
        if rng.uniform() < 0.5:
            pen.ellipse(0, -0.05, 0.22, rng.uniform(0.15, 0.25), trim)
    if long and rng.uniform() < 0.5:
        for side in (-1, 1):
            _bar(pen, side * x, y, side * cuff[0], cuff[1], 0.1, trim)


def _glasses(pen, rng):
    frame, lens = _tint(rng), _glass(rng)
    x, rx, ry = 0.5, rng.uniform(0.34, 0.44), rng.uniform(0.22, 0.42)
    kind, w = rng.randint(0, 4), rng.uniform(0.05, 0.1)
    clear = rng.uniform() < 0.4
    for side in (-1, 1):
        if kind == 0:
            hull = [(x - rx, -ry), (x + rx, -ry), (x + rx, ry), (x - rx, ry)]
        elif kind == 1:  # aviator, cat's eye
            hull = smooth(
                [
                    (x - rx, -ry * 0.7),
                    (x + rx, -ry),
                    (x + rx * 0.9, ry * 0.4),
                    (x, ry),
                    (x - rx * 0.8, ry * 0.4),
                ]
            )
        else:
            hull = ring(x, 0, rx, ry, count=24)
        hull = [(side * px, py) for px, py in hull]
        if not clear:
            pen.polygon(hull, lens)
            pen.polygon(
                [
                    (side * x - 0.15, -ry * 0.5),
                    (side * x, -ry * 0.5),
                    (side * x - 0.1, ry * 0.4),
                    (side * x - 0.22, ry * 0.4),
                ],
                mix(lens, (255,) * 3, 0.4),
            )
        _line(pen, hull + hull[:1], w, frame)
        _bar(
            pen, side * (x + rx), -ry * 0.4, side * 1.0, -ry * 0.4 - 0.1, w * 1.2, frame
        )
        if kind == 3:  # temples seen from above
            _bar(pen, side * 0.98, -ry * 0.4 - 0.1, side * 0.7, -0.75, w, frame)
    _line(pen, _arc(0, -0.02, x - rx + 0.03, 0.12, 180, 360, 6), w, frame)


def _guitar(pen, rng):
    color, neck, trim = _tint(rng), hsv(0.07, 0.5, rng.uniform(0.2, 0.6)), _dark(rng)
    pen = pen.at(angle=rng.choice([-1, 1]) * rng.uniform(0, 75))
    w, waist = rng.uniform(0.36, 0.46), rng.uniform(0.2, 0.28)
    kind = rng.randint(0, 3)
    _bar(pen, 0, 0.2, 0, -0.75, 0.11, neck)
    for i in range(4):
        pen.box(-0.055, -0.65 + 0.16 * i, 0.055, -0.63 + 0.16 * i, (200, 200, 190))
    pen.polygon(
        [(-0.07, -0.72), (-0.11, -0.98), (0.11, -0.98), (0.07, -0.72)], shade(neck, 0.7)
    )
    for side in (-1, 1):
        for y in (-0.93, -0.85, -0.78):
            pen.box(
                side * 0.13 - 0.03,
                y - 0.02,
                side * 0.13 + 0.03,
                y + 0.02,
                (210, 210, 210),
            )
    if kind == 2:  # electric: two horns
        body = [
            (-0.1, 0.15),
            (-0.3, -0.12),
            (-0.38, 0.15),
            (-waist, 0.4),
            (-w, 0.75),
            (0, 0.97),
            (w, 0.75),
            (waist, 0.4),
            (0.33, 0.15),
            (0.22, -0.05),
            (0.1, 0.15),
        ]
        pen.blob(body, color)
        pen.blob(
            [(-0.15, 0.2), (0.15, 0.2), (0.22, 0.7), (-0.1, 0.8)], _other(rng, color)
        )
        for y in (0.3, 0.5):
            pen.box(-0.12, y, 0.12, y + 0.07, trim)
    else:
        body = [
            (0, -0.15),
            (-w * 0.75, 0.0),
            (-waist, 0.3),
            (-w, 0.7),
            (0, 0.97),
            (w, 0.7),
            (waist, 0.3),
            (w * 0.75, 0.0),
        ]
        pen.blob(body, shade(color, 0.55))
        pen.blob([(x * 0.9, 0.4 + (y - 0.4) * 0.92) for x, y in body], color)
        pen.ellipse(0, 0.3, 0.14, 0.14, trim)
        pen.box(-0.16, 0.68, 0.16, 0.75, trim)
    pen.box(-0.055, -0.7, 0.055, 0.16, neck)
    for x in (-0.03, 0.0, 0.03):
        pen.box(x - 0.006, -0.75, x + 0.006, 0.7, (225, 225, 215))


def _key(pen, rng):
    color, trim = _tint(rng), _tint(rng)
    pen = pen.at(angle=rng.uniform(-60, 60))
    r, kind, w = rng.uniform(0.26, 0.36), rng.randint(0, 3), rng.uniform(0.09, 0.16)
    _bar(pen, -0.4, 0, 0.95, 0, w, color)
    if kind == 0:
        _hoop(pen, -0.62, 0, r, r * rng.uniform(0.25, 0.5), color)
    elif kind == 1:  # clover
        for dx, dy in ((-0.2, 0), (0.05, -0.2), (0.05, 0.2)):
            _hoop(pen, -0.62 + dx, dy, 0.2, 0.08, color)
    else:  # a car or door key with a plastic head
        pen.blob(
            [(-0.95, -r * 0.8), (-0.4, -r), (-0.3, 0), (-0.4, r), (-0.95, r * 0.8)],
            trim,
        )
        pen.ellipse(-0.8, 0, 0.07, 0.07, shade(trim, 0.4))
    n = rng.randint(2, 5)
    if kind == 2:
        edge = [
            (0.95 - 0.9 * i / (2 * n), w / 2 + (0.11 if i % 2 else 0.01))
            for i in range(2 * n)
        ]
        pen.polygon([(0.1, 0), (0.95, 0)] + edge, shade(color, 0.9))
    else:
        for i in range(n):
            x = 0.9 - 0.14 * i
            pen.box(x - 0.09, 0, x, w / 2 + rng.uniform(0.12, 0.3), color)
    for x in (-0.25, -0.17)[: rng.randint(0, 3)]:
        pen.box(x, -w * 0.8, x + 0.05, w * 0.8, shade(color, 0.7))


def _scissors(pen, rng):
    grip, steel = _tint(rng), hsv(0.6, rng.uniform(0, 0.15), rng.uniform(0.45, 0.95))
    pen = pen.at(angle=rng.uniform(-70, 70))
    half, rx = rng.uniform(6, 24), rng.uniform(0.16, 0.24)
    ry = rng.uniform(0.2, 0.3)
    for side in (-1, 1):
        part = pen.at(0, 0.08, side * half)
        part.polygon(
            [
                (-0.07 * side, 0.1),
                (-0.08 * side, -0.2),
                (side * 0.03, -1.0),
                (0.07 * side, -0.1),
                (0.06 * side, 0.15),
            ],
            shade(steel, 1 if side > 0 else 0.8),
        )
        _bar(part, 0, 0.05, side * -0.06, 0.42, 0.12, grip)
        x, y = side * -(0.12 + (24 - half) / 200), 0.62
        band = ring(x, y, rx, ry, side * 15, 20)
        hole = ring(x, y, rx - 0.09, ry - 0.09, side * 15, 20)
        part.polygon(band + band[:1] + hole[:1] + hole[::-1], grip)
    pen.ellipse(0, 0.08, 0.05, 0.05, _dark(rng))


def _hammer(pen, rng):
    grip, steel = _tint(rng), hsv(0.6, rng.uniform(0, 0.2), rng.uniform(0.2, 0.85))
    pen = pen.at(angle=rng.uniform(-50, 50))
    w, kind = rng.uniform(0.1, 0.17), rng.randint(0, 3)
    pen.polygon(
        [(-w / 2, -0.6), (w / 2, -0.6), (w * 0.65, 0.97), (-w * 0.65, 0.97)], grip
    )
    if rng.uniform() < 0.6:
        pen.box(-w * 0.75, 0.35, w * 0.75, 0.97, _tint(rng))
    h = rng.uniform(0.13, 0.2)
    if kind == 0:  # claw
        pen.polygon(
            [
                (0.15, -0.85),
                (0.35, -0.82),
                (0.35, -0.5),
                (0.1, -0.55),
                (-0.15, -0.55),
                (-0.5, -0.42),
                (-0.7, -0.2),
                (-0.6, -0.55),
                (-0.2, -0.82),
            ],
            steel,
        )
        pen.box(0.33, -0.88, 0.55, -0.46, shade(steel, 0.85))
    elif kind == 1:  # sledge, mallet
        pen.box(-0.5, -0.68 - h * 1.4, 0.5, -0.68 + h * 1.4, steel)
        for x in (-0.5, 0.4):
            pen.box(x, -0.68 - h * 1.4, x + 0.1, -0.68 + h * 1.4, shade(steel, 0.75))
    else:  # a flat end and a wedge
        pen.polygon(
            [
                (-0.65, -0.6),
                (-0.65, -0.66),
                (-0.1, -0.68 - h),
                (0.5, -0.68 - h),
                (0.5, -0.68 + h),
                (-0.1, -0.68 + h),
            ],
            steel,
        )
        pen.box(0.42, -0.7 - h, 0.52, -0.66 + h, shade(steel, 0.8))


def _book(pen, rng):
    cover, paper, kind = (
        _tint(rng),
        hsv(0.12, rng.uniform(0, 0.15), rng.uniform(0.8, 1)),
        rng.randint(0, 3),
    )
    ink, h = (90, 90, 95), rng.uniform(0.5, 0.75)
    if kind == 0:  # open
        d = rng.uniform(0.08, 0.22)
        pen.polygon(
            [
                (-0.98, -h + 0.02),
                (0, -h + d),
                (0.98, -h + 0.02),
                (0.98, h),
                (0, h + d),
                (-0.98, h),
            ],
            cover,
        )
        for side in (-1, 1):
            page = [
                (0, -h + d),
                (side * 0.45, -h - 0.04),
                (side * 0.92, -h + 0.03),
                (side * 0.92, h - 0.07),
                (side * 0.45, h - 0.12),
                (0, h + d - 0.08),
            ]
            pen.polygon(page, paper if side > 0 else shade(paper, 0.9))
            for i in range(rng.randint(3, 6)):
                y = -h * 0.6 + 0.2 * i
                _bar(pen, side * 0.15, y + d * 0.7, side * 0.78, y, 0.05, ink)
        _bar(pen, 0, -h + d, 0, h + d - 0.08, 0.04, shade(paper, 0.6))
    elif kind == 1:  # closed, seen at an angle
        w, d = rng.uniform(0.5, 0.65), rng.uniform(0.12, 0.26)
        pen.polygon(
            [
                (-w, 0.8),
                (w, 0.8),
                (w + d, 0.8 - d),
                (w + d, -0.8 - d + 0.1),
                (-w + d, -0.8 - d + 0.1),
                (-w, -0.75),
            ],
            shade(cover, 0.6),
        )
        pen.polygon(
            [(w, 0.76), (w + d * 0.9, 0.76 - d), (w + d * 0.9, -0.66 - d), (w, -0.7)],
            paper,
        )
        _pattern(pen, rng, [(-w, -0.75), (w, -0.75), (w, 0.8), (-w, 0.8)], cover)
        pen.box(-w, -0.75, -w + 0.12, 0.8, shade(cover, 0.75))
        pen.box(-w * 0.5, -0.5, w * 0.75, -0.2, _other(rng, cover))
    else:  # a pile lying flat
        y = 0.85
        for _ in range(rng.randint(2, 5)):
            w, t, x = (
                rng.uniform(0.6, 0.85),
                rng.uniform(0.24, 0.4),
                rng.uniform(-0.12, 0.12),
            )
            color = _tint(rng)
            pen.box(x - w, y - t, x + w, y, color)
            pen.box(x - w + 0.15, y - t + 0.06, x + w + 0.02, y - 0.06, paper)
            pen.box(
                x - w + 0.15,
                y - t / 2 - 0.01,
                x + w,
                y - t / 2 + 0.01,
                shade(paper, 0.75),
            )
            y -= t


def _bell(pen, rng):
    color, w, top = _tint(rng), rng.uniform(0.65, 0.85), rng.uniform(-0.75, -0.55)
    pen = pen.at(angle=rng.uniform(-25, 25))
    pen.ellipse(rng.uniform(-0.2, 0.2), 0.68, 0.17, 0.17, shade(color, 0.55))
    if rng.uniform() < 0.6:
        _hoop(pen, 0, top - 0.1, 0.16, 0.07, shade(color, 0.7))
    else:  # hand bell
        pen.box(-0.09, -0.98, 0.09, top + 0.05, _tint(rng))
    t = w * rng.uniform(0.4, 0.6)
    left = [
        (-t * 0.5, top),
        (-t * 0.95, top + 0.15),
        (-t * 1.1, 0.0),
        (-w * 0.8, 0.4),
        (-w, 0.6),
    ]
    hull = left + [(-x, y) for x, y in left[::-1]]
    pen.polygon(hull, color)
    for y in (top + 0.22, 0.3):
        pen.inside(
            hull, lambda inner, y=y: inner.box(-1, y, 1, y + 0.07, shade(color, 0.7))
        )
    pen.ellipse(-t * 0.45, -0.05, 0.07, 0.3, mix(color, (255,) * 3, 0.5), 8)
    pen.ellipse(0, 0.6, w, 0.09, shade(color, 0.75))


_LAND = ("meadow", "sand", "snow", "road", "leaves", "blurred", "plain")
_AIR = ("sky", "plain", "blurred", "meadow", "water", "snow")
_SEA = ("water", "water", "sky", "plain", "blurred", "sand")
_ROOM = INDOORS + ("leaves", "meadow", "sand", "road")

THINGS = {
    "bicycle": (_bicycle, OUTDOORS + INDOORS),
    "motorcycle": (_motorcycle, OUTDOORS + INDOORS),
    "train": (_train, _LAND),
    "tractor": (_tractor, _LAND),
    "helicopter": (_helicopter, _AIR),
    "rocket": (_rocket, _AIR),
    "hot_air_balloon": (_hot_air_balloon, _AIR),
    "submarine": (_submarine, _SEA),
    "canoe": (_canoe, _SEA),
    "house": (_house, _LAND + ("sky",)),
    "castle": (_castle, _LAND + ("sky",)),
    "lighthouse": (_lighthouse, _SEA + ("meadow", "snow")),
    "windmill": (_windmill, OUTDOORS),
    "bridge": (_bridge, OUTDOORS),
    "tent": (_tent, _LAND),
    "chair": (_chair, ANYWHERE),
    "lamp": (_lamp, _ROOM),
    "clock": (_clock, _ROOM),
    "umbrella": (_umbrella, ANYWHERE),
    "cup": (_cup, _ROOM),
    "teapot": (_teapot, _ROOM),
    "bottle": (_bottle, ANYWHERE),
    "shoe": (_shoe, ANYWHERE),
    "hat": (_hat, ANYWHERE),
    "shirt": (_shirt, ANYWHERE),
    "glasses": (_glasses, ANYWHERE),
    "guitar": (_guitar, ANYWHERE),
    "key": (_key, ANYWHERE),
    "scissors": (_scissors, _ROOM),
    "hammer": (_hammer, ANYWHERE),
    "book": (_book, ANYWHERE),
    "bell": (_bell, ANYWHERE),
}
