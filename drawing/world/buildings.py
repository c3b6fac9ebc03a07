"""Buildings, a bridge and a tent."""

import math

from drawing.pen import mix, shade
from drawing.world import parts


def house(pen, rng):
    wall, roof, glass = parts.tint(rng), parts.tint(rng), parts.glass(rng)
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
    pen.box(door - 0.11, 0.4, door + 0.11, 0.9, parts.other(rng, wall))
    rows = rng.randint(1, 3)
    for i in range(rows):
        y = eaves + 0.12 + i * 0.38
        if y + 0.22 < 0.4:
            parts.windows(pen, -w, y, w, y + 0.22, rng.randint(2, 5), glass, 0.5)
    for side in (-1, 1):
        cx = (
            side * (w + abs(door) + 0.11) / 2
            if side * door <= 0
            else side * (w + 0.36) / 2
        )
        pen.box(cx - 0.13, 0.45, cx + 0.13, 0.7, mix(wall, (255,) * 3, 0.6))
        pen.box(cx - 0.1, 0.48, cx + 0.1, 0.67, glass)


def castle(pen, rng):
    wall, roof, dark = parts.tint(rng), parts.tint(rng), parts.dark(rng)
    towers = [(-0.72, 0.2), (0.72, 0.2)]
    if rng.uniform() < 0.6:
        towers.insert(0, (rng.uniform(-0.3, 0.3), rng.uniform(0.2, 0.3)))
    pen_top = rng.uniform(-0.1, 0.15)

    def teeth(left, right, y, color):
        parts.windows(
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
        [(-0.2, 0.92)] + parts.arc(0, 0.5, 0.2, 0.25, 180, 360) + [(0.2, 0.92)], dark
    )
    if rng.uniform() < 0.5:
        pen.polygon([(0, -1), (0.25, -0.92), (0, -0.84)], parts.tint(rng))
        parts.bar(pen, 0, -1, 0, pen_top, 0.03, dark)


def lighthouse(pen, rng):
    body, second, w = parts.tint(rng), parts.tint(rng), rng.uniform(0.2, 0.34)
    t, top = w * rng.uniform(0.5, 0.8), -0.5
    if rng.uniform() < 0.6:
        pen.blob(
            [(-0.9, 1), (-0.5, 0.75), (0, 0.7), (0.6, 0.78), (0.9, 1)],
            shade(parts.tint(rng), 0.6),
        )
    if rng.uniform() < 0.5:  # keeper's house
        x = rng.choice([-0.75, 0.15])
        pen.box(x, 0.5, x + 0.55, 0.88, second)
        pen.polygon(
            [(x - 0.06, 0.5), (x + 0.27, 0.25), (x + 0.61, 0.5)], parts.dark(rng)
        )
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
    dark = parts.dark(rng)
    pen.box(-t - 0.1, top - 0.04, t + 0.1, top + 0.04, dark)
    pen.box(
        -t * 0.75,
        -0.76,
        t * 0.75,
        top,
        (250, 230, 150) if rng.uniform() < 0.6 else parts.glass(rng),
    )
    for x in (-t * 0.75, 0, t * 0.75):
        parts.bar(pen, x, -0.76, x, top, 0.03, dark)
    pen.polygon([(-t, -0.74), (0, -0.98), (t, -0.74)], parts.tint(rng))
    pen.box(-0.07, 0.65, 0.07, 0.88, dark)
    if rng.uniform() < 0.25:
        for side in (-1, 1):
            pen.polygon(
                [(side * t, -0.64), (side, -0.8), (side, -0.5)], (255, 245, 190)
            )


def windmill(pen, rng):
    body, cap, sail = parts.tint(rng), parts.tint(rng), parts.tint(rng)
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
    pen.box(-0.09, 0.62, 0.09, 0.95, parts.dark(rng))
    for y in (0.0, 0.32)[: rng.randint(0, 3)]:
        pen.box(-0.07, y, 0.07, y + 0.14, parts.glass(rng))
    wood, reach = parts.dark(rng), rng.uniform(0.65, 0.8)
    for i in range(4):
        part = pen.at(0, -0.25, turn + 90 * i)
        part.box(0.0, -reach, 0.2, -0.16, sail)
        if kind == 1:
            for j in range(1, 4):
                y = -0.16 - j * (reach - 0.16) / 4
                part.box(0, y - 0.015, 0.2, y + 0.015, wood)
        part.box(-0.03, -reach, 0.03, 0, wood)
    pen.ellipse(0, -0.25, 0.07, 0.07, wood)


def bridge(pen, rng):
    body, kind = parts.tint(rng), rng.randint(0, 3)
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
            parts.line(pen, cable, 0.045, shade(body, 0.7))
            for x, cy in cable[1:-1]:
                parts.bar(pen, x, cy, x, y, 0.02, shade(body, 0.7))
        sag = [
            (
                -tower + 2 * tower * i / 10,
                top + (y - 0.08 - top) * (1 - ((i - 5) / 5) ** 2),
            )
            for i in range(11)
        ]
        parts.line(pen, sag, 0.045, shade(body, 0.7))
        for x, cy in sag[1:-1]:
            parts.bar(pen, x, cy, x, y, 0.02, shade(body, 0.7))
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
            edge += parts.arc(
                x, low, step * 0.4, min(low - y - 0.15, step * 0.55), 0, -180
            )
        pen.polygon(edge, body)
        parts.line(pen, edge[1:4], 0.09, shade(body, 0.75))
    else:  # truss or arch of steel
        rise = rng.uniform(0.45, 0.75)
        n = rng.randint(5, 9)
        arch = [
            (-1 + 2 * i / n, y - rise * math.sin(math.pi * i / n)) for i in range(n + 1)
        ]
        if rng.uniform() < 0.5:
            arch = [(-1, y)] + [(x, y - rise * 0.7) for x, _ in arch[1:-1]] + [(1, y)]
        parts.line(pen, arch, 0.08, body)
        for i, (x, cy) in enumerate(arch[1:-1], 1):
            parts.bar(pen, x, cy, x, y, 0.04, body)
            parts.bar(
                pen, x, cy, -1 + 2 * (i + (1 if i < n / 2 else -1)) / n, y, 0.04, body
            )
        pen.box(-1.2, y, 1.2, y + 2 * w, shade(body, 0.8))
        for x in (-0.85, 0.85):
            pen.box(x - 0.09, y, x + 0.09, 0.85, shade(body, 0.6))


def tent(pen, rng):
    color, dark, kind = parts.tint(rng), parts.dark(rng), rng.randint(0, 3)
    top, w = rng.uniform(-0.7, -0.4), rng.uniform(0.5, 0.65)
    if kind == 0:  # ridge tent with one long side
        x = -0.35
        parts.pattern(
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
        hull = parts.arc(0, 0.65, 0.9, 0.65 - top, 180, 360)
        parts.pattern(pen, rng, hull, color)
        pen.polygon(parts.arc(0, 0.65, 0.3, (0.65 - top) * 0.75, 180, 360), dark)
        for rx in (0.9, 0.35):
            parts.line(
                pen,
                parts.arc(0, 0.65, rx, 0.65 - top, 180, 360),
                0.04,
                shade(color, 0.6),
            )
    else:  # tepee or small circus tent
        y = rng.uniform(-0.3, 0.4) if rng.uniform() < 0.5 else 0.8
        hull = [(-0.75, y), (0, top - 0.1), (0.75, y)]
        if y < 0.8:
            pen.box(-0.7, y, 0.7, 0.8, shade(color, 0.85))
            parts.windows(pen, -0.7, y, 0.7, 0.8, 6, parts.tint(rng), 0.5)
        else:
            for dx in (-0.15, 0.15):
                parts.bar(pen, 0, top, dx, top - 0.28, 0.04, dark)
        parts.pattern(pen, rng, hull, color)
        pen.polygon([(-0.18, 0.8), (0, 0.2), (0.18, 0.8)], dark)
    if kind < 2:
        for x in (-0.97, 0.97):
            parts.bar(pen, x * 0.6, 0.2, x, 0.8, 0.02, dark)
