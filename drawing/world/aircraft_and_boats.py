"""Things that fly or float, from the helicopter to the canoe."""

import math

from drawing.pen import hsv, ring, shade, smooth
from drawing.world import parts


def helicopter(pen, rng):
    if rng.uniform() < 0.2:
        _helicopter_front(pen, rng)
        return
    body, dark, glass = parts.tint(rng), parts.dark(rng), parts.glass(rng)
    low, kind = rng.uniform(0.3, 0.42), rng.randint(0, 3)
    second = parts.tint(rng)
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
        parts.windows(pen, -0.6, 0, 0.4, 0.14, 4, glass, 0.5)
    else:
        pen.polygon([(-0.2, -0.15), (-0.95, -0.16), (-0.95, -0.04), (-0.1, 0.22)], body)
        pen.polygon([(-0.98, -0.4), (-0.84, -0.4), (-0.72, -0.1), (-0.95, 0.1)], second)
        parts.hoop(pen, -0.92, -0.22, 0.16, 0.05, dark, 2, 0.04)
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
            parts.windows(pen, -0.25, -0.14, 0.4, 0.06, 3, glass, 0.6)
    pen.polygon([(0.45, -0.16), (0.68, -0.08), (0.88, 0.14), (0.45, 0.14)], glass)
    for x, y, reach in hubs:
        parts.bar(pen, x, y, x, y + 0.25, 0.1, dark)
        tilt = rng.uniform(-0.08, 0.08)
        pen.ellipse(x, y, reach, rng.uniform(0.02, 0.05), dark, math.degrees(tilt))
        if rng.uniform() < 0.4:  # a second pair of blades, seen at an angle
            pen.ellipse(x, y, reach * 0.6, 0.03, shade(dark, 1.4), rng.uniform(8, 25))
    if rng.uniform() < 0.7:
        for x in (-0.1, 0.5):
            parts.bar(pen, x, low - 0.05, x, low + 0.22, 0.06, dark)
        parts.line(
            pen,
            [(-0.4, low + 0.22), (0.75, low + 0.22), (0.85, low + 0.14)],
            0.07,
            dark,
        )
    else:
        for x in (-0.2, 0.5):
            parts.wheel(pen, x, low + 0.05, 0.12, dark, (130, 130, 130))


def rocket(pen, rng):
    body, second, w = parts.tint(rng), parts.tint(rng), rng.uniform(0.18, 0.32)
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
    parts.pattern(pen, rng, hull, body)
    pen.inside(hull, lambda inner: inner.box(-1, -1, 1, shoulder - 0.1, second))
    for i in range(rng.randint(1, 3)):
        pen.ellipse(0, shoulder + 0.2 + 0.32 * i, w * 0.55, w * 0.55, second)
        pen.ellipse(0, shoulder + 0.2 + 0.32 * i, w * 0.4, w * 0.4, parts.glass(rng))
    pen.box(-w * 0.6, low - 0.03, w * 0.6, low + 0.06, parts.dark(rng))


def hot_air_balloon(pen, rng):
    first, second = parts.tint(rng), parts.tint(rng)
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
        parts.pattern(pen, rng, hull, first)
    if kind == 1:
        pen.inside(hull, lambda inner: inner.box(-1, y - 0.12, 1, y + 0.12, first))
    low, dark, w = rng.uniform(0.68, 0.74), parts.dark(rng), rng.uniform(0.12, 0.18)
    for x in (-w, 0, w):
        parts.bar(pen, x, 0.48, x * 0.95, low, 0.025, dark)
    pen.polygon(
        [(-w, low), (w, low), (w * 0.8, 0.97), (-w * 0.8, 0.97)],
        hsv(rng.uniform(0.04, 0.12), 0.55, rng.uniform(0.3, 0.7)),
    )
    pen.box(-w, low, w, low + 0.05, dark)


def submarine(pen, rng):
    body, second, h = parts.tint(rng), parts.tint(rng), rng.uniform(0.24, 0.4)
    x = rng.uniform(-0.25, 0.25)
    top = -h - rng.uniform(0.18, 0.32)
    parts.line(
        pen,
        [(x + 0.05, top), (x + 0.05, top - 0.3), (x + 0.2, top - 0.3)],
        0.06,
        parts.dark(rng),
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
    parts.bar(pen, -0.97, -0.2, -0.97, 0.2, 0.08, parts.dark(rng))
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
            pen.ellipse(cx, -0.03, r, r, parts.glass(rng))


def canoe(pen, rng):
    body, inside, wood = (
        parts.tint(rng),
        parts.tint(rng),
        hsv(0.08, 0.5, rng.uniform(0.3, 0.8)),
    )
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
        parts.pattern(part, rng, rim + under, body)
        parts.line(part, rim, 0.06, shade(body, 0.6))
    if rng.uniform() < 0.5:  # paddler
        y = 0 if kind == 2 else -0.05
        shirt, skin = (
            parts.tint(rng),
            hsv(0.07, rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.95)),
        )
        pen.polygon([(-0.18, y), (-0.13, y - 0.36), (0.13, y - 0.36), (0.18, y)], shirt)
        pen.ellipse(0, y - 0.5, 0.12, 0.14, skin)
        parts.bar(pen, 0, y - 0.3, 0.3, y - 0.15, 0.08, shirt)
    if rng.uniform() < 0.7:  # paddle
        x = rng.uniform(-0.2, 0.4)
        parts.bar(pen, x, -0.62, x + 0.35, 0.3, 0.05, wood)
        pen.ellipse(x + 0.4, 0.42, 0.08, 0.18, wood, -20)


def _helicopter_front(pen, rng):
    body, dark, w = parts.tint(rng), parts.dark(rng), rng.uniform(0.36, 0.5)
    for side in (-1, 1):
        parts.bar(pen, side * 0.2, 0.35, side * (w + 0.02), 0.75, 0.06, dark)
        pen.ellipse(side * (w + 0.02), 0.77, 0.07, 0.07, dark)
    pen.box(-0.06, -0.55, 0.06, -0.2, dark)
    pen.blob(
        [(-w, 0.1), (-w * 0.6, -0.36), (w * 0.6, -0.36), (w, 0.1), (0, 0.52)], body
    )
    hull = [(-w * 0.8, 0.1), (-w * 0.5, -0.26), (w * 0.5, -0.26), (w * 0.8, 0.1)]
    pen.polygon(hull, parts.glass(rng))
    pen.box(-0.03, -0.3, 0.03, 0.12, body)
    pen.ellipse(0, 0.32, 0.07, 0.07, (250, 240, 190))
    turn = rng.uniform(-8, 8)
    pen.ellipse(0, -0.55, 0.97, rng.uniform(0.02, 0.05), dark, turn)
    if rng.uniform() < 0.5:
        pen.ellipse(0, -0.55, 0.7, 0.03, shade(dark, 1.4), turn + rng.uniform(8, 20))
