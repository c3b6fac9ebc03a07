"""Tools, a guitar and a bell."""

from drawing.pen import hsv, mix, ring, shade
from drawing.world import parts


def guitar(pen, rng):
    color, neck, trim = (
        parts.tint(rng),
        hsv(0.07, 0.5, rng.uniform(0.2, 0.6)),
        parts.dark(rng),
    )
    pen = pen.at(angle=rng.choice([-1, 1]) * rng.uniform(0, 75))
    w, waist = rng.uniform(0.36, 0.46), rng.uniform(0.2, 0.28)
    kind = rng.randint(0, 3)
    parts.bar(pen, 0, 0.2, 0, -0.75, 0.11, neck)
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
            [(-0.15, 0.2), (0.15, 0.2), (0.22, 0.7), (-0.1, 0.8)],
            parts.other(rng, color),
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


def key(pen, rng):
    color, trim = parts.tint(rng), parts.tint(rng)
    pen = pen.at(angle=rng.uniform(-60, 60))
    r, kind, w = rng.uniform(0.26, 0.36), rng.randint(0, 3), rng.uniform(0.09, 0.16)
    parts.bar(pen, -0.4, 0, 0.95, 0, w, color)
    if kind == 0:
        parts.hoop(pen, -0.62, 0, r, r * rng.uniform(0.25, 0.5), color)
    elif kind == 1:  # clover
        for dx, dy in ((-0.2, 0), (0.05, -0.2), (0.05, 0.2)):
            parts.hoop(pen, -0.62 + dx, dy, 0.2, 0.08, color)
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


def scissors(pen, rng):
    grip, steel = (
        parts.tint(rng),
        hsv(0.6, rng.uniform(0, 0.15), rng.uniform(0.45, 0.95)),
    )
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
        parts.bar(part, 0, 0.05, side * -0.06, 0.42, 0.12, grip)
        x, y = side * -(0.12 + (24 - half) / 200), 0.62
        band = ring(x, y, rx, ry, side * 15, 20)
        hole = ring(x, y, rx - 0.09, ry - 0.09, side * 15, 20)
        part.polygon(band + band[:1] + hole[:1] + hole[::-1], grip)
    pen.ellipse(0, 0.08, 0.05, 0.05, parts.dark(rng))


def hammer(pen, rng):
    grip, steel = parts.tint(rng), hsv(0.6, rng.uniform(0, 0.2), rng.uniform(0.2, 0.85))
    pen = pen.at(angle=rng.uniform(-50, 50))
    w, kind = rng.uniform(0.1, 0.17), rng.randint(0, 3)
    pen.polygon(
        [(-w / 2, -0.6), (w / 2, -0.6), (w * 0.65, 0.97), (-w * 0.65, 0.97)], grip
    )
    if rng.uniform() < 0.6:
        pen.box(-w * 0.75, 0.35, w * 0.75, 0.97, parts.tint(rng))
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


def bell(pen, rng):
    color, w, top = parts.tint(rng), rng.uniform(0.65, 0.85), rng.uniform(-0.75, -0.55)
    pen = pen.at(angle=rng.uniform(-25, 25))
    pen.ellipse(rng.uniform(-0.2, 0.2), 0.68, 0.17, 0.17, shade(color, 0.55))
    if rng.uniform() < 0.6:
        parts.hoop(pen, 0, top - 0.1, 0.16, 0.07, shade(color, 0.7))
    else:  # hand bell
        pen.box(-0.09, -0.98, 0.09, top + 0.05, parts.tint(rng))
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
