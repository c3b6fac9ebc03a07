"""Vehicles on land, and two of them from the front."""

import math

from drawing.pen import hsv, mix, shade
from drawing.world import parts


def bicycle(pen, rng):
    r, y, frame = rng.uniform(0.36, 0.46), 0.42, parts.tint(rng)
    tire, w = parts.dark(rng), rng.uniform(0.05, 0.1)
    back, front, spokes = -0.54, 0.54, rng.randint(0, 6)
    for x in (back, front):
        parts.hoop(pen, x, y, r, rng.uniform(0.05, 0.09), tire, spokes)
    seat, head = (-0.25, -0.28), (0.36, -0.34 + rng.uniform(-0.1, 0.1))
    pedal = (-0.06, y)
    lines = [(back, y), seat, pedal, (back, y)], [pedal, head, (front, y)]
    for points in lines:
        parts.line(pen, points, w, frame)
    if rng.uniform() < 0.7:  # crossbar
        parts.bar(pen, seat[0], seat[1] + 0.1, head[0], head[1] + 0.12, w, frame)
    parts.bar(pen, *seat, seat[0] - 0.05, -0.46, w, frame)
    pen.ellipse(seat[0] - 0.06, -0.48, 0.19, 0.06, parts.dark(rng))
    top = -0.62 + rng.uniform(-0.1, 0.1)
    parts.bar(pen, *head, head[0] - 0.06, top, w, frame)
    reach = rng.uniform(-0.28, 0.25)
    parts.line(pen, [(head[0] - 0.06, top), (head[0] + reach, top + 0.06)], 0.08, tire)
    pen.ellipse(*pedal, 0.11, 0.11, shade(tire, 1.3))
    parts.bar(pen, pedal[0], pedal[1], pedal[0] + 0.14, pedal[1] + 0.18, 0.05, tire)
    if rng.uniform() < 0.3:  # basket
        pen.polygon(
            [(0.4, -0.5), (0.85, -0.5), (0.76, -0.16), (0.46, -0.16)], parts.tint(rng)
        )


def motorcycle(pen, rng):
    if rng.uniform() < 0.2:
        _motorcycle_front(pen, rng)
        return
    r, body, tire = rng.uniform(0.32, 0.4), parts.tint(rng), parts.dark(rng)
    y, chrome, kind = 0.5, hsv(0.6, 0.05, rng.uniform(0.5, 0.9)), rng.randint(0, 3)
    fork = rng.uniform(0.6, 0.7)
    for x in (-0.6, fork):
        parts.wheel(pen, x, y, r, tire, mix(chrome, tire, 0.3), rng.randint(0, 4), 0.55)
    parts.bar(pen, fork, y, 0.34, -0.4, 0.1, chrome)
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
        parts.bar(pen, 0.05, 0.62, -0.9, rng.uniform(0.45, 0.66), 0.1, chrome)
        if kind == 1:  # fairing and windshield of a sports machine
            pen.blob(
                [(0.2, -0.45), (0.7, -0.3), (0.72, 0), (0.4, 0.4), (0.15, 0.3)], body
            )
            pen.polygon([(0.3, -0.4), (0.42, -0.68), (0.66, -0.3)], parts.glass(rng))
    pen.blob(
        [(-0.85, -0.26), (-0.5, -0.24), (-0.1, -0.2), (-0.15, -0.06), (-0.7, -0.08)],
        tire,
    )
    top = rng.uniform(-0.75, -0.5)
    parts.line(pen, [(0.36, -0.35), (0.3, top), (0.08, top - 0.03)], 0.08, tire)
    pen.ellipse(0.5, -0.36, 0.11, 0.11, (245, 235, 190))


def train(pen, rng):
    if rng.uniform() < 0.2:
        _freight_train(pen, rng)
        return
    body, second, glass = parts.tint(rng), parts.tint(rng), parts.glass(rng)
    dark, kind = parts.dark(rng), rng.randint(0, 4)
    if kind == 0:  # steam engine
        for x in (-0.6, -0.2, 0.2):
            parts.wheel(pen, x, 0.5, 0.2, second, dark, 3, 0.8)
        for x in (0.5, 0.76):
            parts.wheel(pen, x, 0.58, 0.13, second, dark, 2, 0.8)
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
            parts.bar(pen, side * 0.35, 0.6, side * 0.75, 1.0, 0.08, dark)
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
            parts.wheel(pen, x, low + 0.1, 0.1, dark, (120, 120, 125))
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
        parts.windows(pen, -1.2, top + 0.1, 0.4, -0.06, rng.randint(5, 9), glass, 0.7)
        pen.polygon(
            [(0.98 - nose, top + 0.08), (0.9, -0.05), (0.6, -0.05), (0.6, top + 0.08)],
            glass,
        )
        if rng.uniform() < 0.6:
            x = rng.uniform(-0.8, 0)
            parts.line(
                pen, [(x, top), (x + 0.15, top - 0.2), (x, top - 0.35)], 0.04, dark
            )
            pen.box(x - 0.15, top - 0.38, x + 0.15, top - 0.34, dark)
        for x in (-0.42, 0.35)[: rng.randint(0, 3)]:
            pen.box(x - 0.03, top, x + 0.02, low, dark)


def tractor(pen, rng):
    if rng.uniform() < 0.25:
        _tractor_front(pen, rng)
        return
    body, hub, tire = parts.tint(rng), parts.tint(rng), parts.dark(rng)
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
            parts.glass(rng),
        )
        pen.box(-0.78, top - 0.08, 0.06, top + 0.03, body)
    else:
        pen.polygon(
            [(-0.75, -0.3), (-0.6, -0.3), (-0.5, 0), (-0.25, 0.05), (-0.7, 0.1)], tire
        )
        parts.bar(pen, -0.1, -0.1, -0.25, -0.34, 0.05, tire)
        parts.bar(pen, -0.35, -0.28, -0.15, -0.4, 0.06, tire)
    parts.bar(pen, 0.5, 0, 0.5, rng.uniform(-0.6, -0.35), 0.08, tire)
    pen.polygon(
        parts.arc(-0.45, 0.95 - big, big + 0.1, big + 0.1, 190, 320), shade(body, 0.75)
    )
    for x, r in ((-0.45, big), (0.62, small)):
        y = 0.95 - r
        if r == big:
            for i in range(9):
                t = math.pi * i / 9
                dx, dy = 1.08 * r * math.cos(t), 1.08 * r * math.sin(t)
                parts.bar(pen, x - dx, y - dy, x + dx, y + dy, 0.09, tire)
        parts.wheel(pen, x, y, r, tire, hub, 0, rng.uniform(0.4, 0.6))


def _tractor_front(pen, rng):
    body, tire, top = parts.tint(rng), parts.dark(rng), rng.uniform(-0.9, -0.7)
    for side in (-1, 1):
        x, w = side * rng.uniform(0.6, 0.68), rng.uniform(0.18, 0.26)
        pen.blob([(x - w, -0.1), (x + w, -0.1), (x + w, 0.9), (x - w, 0.9)], tire)
        pen.box(side * 0.42 - 0.11, 0.4, side * 0.42 + 0.11, 0.95, shade(tire, 1.4))
    pen.box(-0.45, 0.55, 0.45, 0.66, shade(tire, 1.6))
    pen.polygon([(-0.5, 0), (-0.4, top), (0.4, top), (0.5, 0)], shade(body, 0.8))
    pen.polygon([(-0.4, 0), (-0.33, -0.6), (0.33, -0.6), (0.4, 0)], parts.glass(rng))
    pen.box(-0.48, top - 0.06, 0.48, top + 0.05, body)
    pen.box(-0.28, -0.1, 0.28, 0.6, body)
    for i in range(4):
        pen.box(-0.17, 0.06 + 0.1 * i, 0.17, 0.11 + 0.1 * i, shade(body, 0.5))
    for x in (-0.22, 0.22):
        pen.ellipse(x, -0.02, 0.07, 0.07, (250, 240, 190))


def _motorcycle_front(pen, rng):
    body, tire, y = parts.tint(rng), parts.dark(rng), rng.uniform(-0.45, -0.3)
    chrome = hsv(0.6, 0.05, rng.uniform(0.5, 0.9))
    pen.blob([(-0.4, 0.1), (0, -0.2), (0.4, 0.1), (0.32, 0.5), (-0.32, 0.5)], body)
    pen.ellipse(0, 0.55, rng.uniform(0.12, 0.17), 0.42, tire)
    for side in (-1, 1):
        parts.bar(pen, side * 0.2, y, side * 0.17, 0.6, 0.07, chrome)
        parts.line(pen, [(0, y), (side * 0.4, y - 0.12), (side * 0.72, y)], 0.08, tire)
        parts.bar(pen, side * 0.4, y, side * 0.5, y - 0.3, 0.03, chrome)
        pen.ellipse(side * 0.52, y - 0.34, 0.13, 0.08, parts.glass(rng))
    pen.polygon(parts.arc(0, 0.35, 0.2, 0.3, 180, 360), shade(body, 0.8))
    if rng.uniform() < 0.5:
        pen.blob([(-0.3, y), (0, y - 0.4), (0.3, y), (0.25, 0.2), (-0.25, 0.2)], body)
        pen.polygon(
            [(-0.2, y - 0.05), (0, y - 0.34), (0.2, y - 0.05)], parts.glass(rng)
        )
    pen.ellipse(0, y + 0.15, 0.16, 0.16, chrome)
    pen.ellipse(0, y + 0.15, 0.12, 0.12, (250, 240, 190))


def _freight_train(pen, rng):
    dark, low = parts.dark(rng), rng.uniform(0.15, 0.3)
    pen.box(-1.3, low + 0.2, 1.3, low + 0.25, shade(dark, 1.5))
    pen.box(-1.3, low - 0.02, 0.95, low + 0.05, dark)
    for i in range(7):
        x = -1.05 + 0.3 * i + 0.08 * (i % 2)
        parts.wheel(pen, x, low + 0.1, 0.1, dark, (130, 130, 130))
    for right in (-0.65, 0.1):
        color, kind, left = parts.tint(rng), rng.randint(0, 3), right - 0.68
        if kind == 0:  # tank
            pen.blob([(left, -0.2), (right, -0.2), (right, low), (left, low)], color)
        elif kind == 1:  # open, with a load
            pen.ellipse((left + right) / 2, -0.08, 0.3, 0.14, parts.dark(rng))
            pen.box(left, -0.08, right, low, color)
        else:
            pen.box(left, rng.uniform(-0.4, -0.2), right, low, color)
            parts.windows(pen, left, -0.15, right, low, 5, shade(color, 0.8), 0.3)
    body = parts.tint(rng)
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
    pen.polygon(
        [(0.58, -0.32), (0.84, -0.32), (0.88, -0.1), (0.58, -0.1)], parts.glass(rng)
    )
    pen.box(0.16, 0.0, 0.94, 0.09, parts.tint(rng))
