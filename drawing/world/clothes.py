"""Things that people wear or carry."""

import math

from drawing.pen import mix, ring, shade, smooth
from drawing.world import parts


def umbrella(pen, rng):
    first, second, n = parts.tint(rng), parts.tint(rng), rng.randint(3, 7)
    if rng.uniform() < 0.4:
        pen = pen.at(angle=rng.uniform(-40, 40))
    top, y, stick = -0.85, rng.uniform(-0.15, 0.05), parts.dark(rng)
    pen.box(-0.03, -0.97, 0.03, 0.75, stick)
    side = rng.choice([-1, 1])
    parts.line(pen, parts.arc(side * 0.14, 0.75, 0.14, 0.16, 0, 180, 6), 0.07, stick)
    w = rng.uniform(0.8, 0.97)
    edge = []
    for i in range(n):
        left = w - 2 * w * i / n
        edge += parts.arc(left - w / n, y, w / n, 0.1, 0, -180, 6)
    pen.polygon(parts.arc(0, y, w, y - top, 180, 360) + edge, first)
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
                gore + parts.arc((left + right) / 2, y, w / n, 0.1, 0, -180, 6), second
            )


def shoe(pen, rng):
    color, sole, kind = parts.tint(rng), parts.tint(rng), rng.randint(0, 4)
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
        parts.pattern(pen, rng, hull, color)
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
        parts.pattern(pen, rng, hull, color)
        pen.ellipse(-0.45, heel + 0.04, 0.36, 0.09, parts.dark(rng))
        pen.polygon(
            [(0.6, 0.22), (0.75, 0.25), (0.93, 0.45), (0.92, 0.62), (0.6, 0.62)],
            shade(sole, 0.9),
        )
        if kind == 3:
            pen.polygon([(-0.5, 0.45), (0.1, 0.2), (0.2, 0.3), (-0.2, 0.5)], sole)
    for i in range(rng.randint(0, 5)):
        x, y = -0.05 + 0.1 * i, -0.05 + 0.08 * i
        parts.bar(
            pen, x - 0.14, y + 0.12, x + 0.06, y - 0.02, 0.04, parts.other(rng, color)
        )
    thick = rng.uniform(0.1, 0.2)
    pen.box(-0.92, 0.6, 0.95, 0.6 + thick, sole)
    if kind == 0:
        pen.box(-0.65, 0.6, -0.2, 0.6 + thick * 2, shade(sole, 0.8))


def hat(pen, rng):
    color, band, kind = parts.tint(rng), parts.tint(rng), rng.randint(0, 4)
    y = rng.uniform(0.25, 0.45)
    if kind == 0:  # top hat, straw hat
        w, top = rng.uniform(0.4, 0.55), rng.uniform(-0.8, -0.2)
        pen.ellipse(0, y, 0.95, rng.uniform(0.12, 0.26), shade(color, 0.85))
        pen.polygon([(-w, y), (-w * 0.95, top), (w * 0.95, top), (w, y)], color)
        pen.ellipse(0, top, w * 0.95, 0.1, shade(color, 1.15))
        pen.ellipse(0, y, w, 0.1, color)
        pen.box(-w, y - 0.22, w, y - 0.02, band)
    elif kind == 1:  # cap with a peak
        parts.pattern(pen, rng, parts.arc(-0.2, y, 0.65, 0.85, 180, 360), color)
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
        parts.pattern(pen, rng, parts.arc(0, y, 0.65, 1.0, 180, 360), color)
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


def shirt(pen, rng):
    color, w = parts.tint(rng), rng.uniform(0.42, 0.55)
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
    parts.pattern(pen, rng, hull, color)
    trim = parts.other(rng, color)
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
        parts.line(pen, parts.arc(0, -0.76, 0.24, 0.2, 180, 0, 8), 0.07, trim)
        if rng.uniform() < 0.5:
            pen.ellipse(0, -0.05, 0.22, rng.uniform(0.15, 0.25), trim)
    if long and rng.uniform() < 0.5:
        for side in (-1, 1):
            parts.bar(pen, side * x, y, side * cuff[0], cuff[1], 0.1, trim)


def glasses(pen, rng):
    frame, lens = parts.tint(rng), parts.glass(rng)
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
        parts.line(pen, hull + hull[:1], w, frame)
        parts.bar(
            pen, side * (x + rx), -ry * 0.4, side * 1.0, -ry * 0.4 - 0.1, w * 1.2, frame
        )
        if kind == 3:  # temples seen from above
            parts.bar(pen, side * 0.98, -ry * 0.4 - 0.1, side * 0.7, -0.75, w, frame)
    parts.line(pen, parts.arc(0, -0.02, x - rx + 0.03, 0.12, 180, 360, 6), w, frame)
