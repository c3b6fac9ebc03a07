"""Plants, a mushroom, and fruit and vegetables."""

import math

from drawing.pen import any_color, hsv, mix, shade, smooth, vary


def tree(pen, rng):
    bark = hsv(rng.uniform(0.03, 0.11), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.55))
    leaf = hsv(rng.uniform(0.0, 0.42), rng.uniform(0.3, 0.85), rng.uniform(0.25, 0.8))
    kind, wide = rng.randint(0, 4), rng.uniform(0.12, 0.26)
    pen.polygon(
        [(-wide, 0.97), (-wide * 0.6, -0.3), (wide * 0.6, -0.3), (wide, 0.97)], bark
    )
    if kind == 0:  # a fir
        tiers = rng.randint(3, 6)
        for i in reversed(range(tiers)):
            top, w = -0.97 + 1.2 * i / tiers, 0.3 + 0.5 * (i + 1) / tiers
            low = top + 1.9 / tiers
            pen.polygon(
                [(0, top), (w, low), (-w, low)], shade(leaf, 0.8 + 0.4 / (i + 1))
            )
    elif kind == 1:  # a palm
        for i in range(8):
            t = math.pi * (i / 7 * 1.4 - 0.2)
            x, y = math.cos(t) * 0.85, -0.4 - math.sin(t) * 0.5
            frond = [(0, -0.4), (x * 0.6, y - 0.15), (x, y + 0.25)]
            pen.tube(frond, [0.08, 0.2, 0.03], shade(leaf, rng.uniform(0.75, 1.2)))
    elif kind == 2:  # bare, with some leaves
        for side in (-1, 1, -1, 1, -1, 1):
            y = rng.uniform(-0.3, 0.3)
            bend = (side * rng.uniform(0.2, 0.5), y - 0.25)
            end = (bend[0] * 1.6, y - rng.uniform(0.4, 0.65))
            pen.tube([(0, y), bend, end], [0.13, 0.08, 0.03], bark)
            if rng.uniform() < 0.6:
                pen.ellipse(*end, 0.25, 0.2, leaf)
        pen.tube([(0, -0.2), (rng.uniform(-0.2, 0.2), -0.9)], [0.18, 0.04], bark)
    else:
        wide, high = rng.uniform(0.4, 0.65), rng.uniform(0.3, 0.5)
        for _ in range(rng.randint(9, 16)):
            x, y = rng.uniform(-wide, wide), -0.4 + rng.uniform(-high, high) * 0.8
            size = rng.uniform(0.2, 0.34)
            pen.ellipse(x, y, size, size, shade(leaf, 1.25 - 0.5 * (y + 0.8)))


def flower(pen, rng):
    color, count = any_color(rng, (0.1, 0.95), (0.5, 1)), rng.randint(5, 13)
    middle, green = (
        any_color(rng),
        hsv(rng.uniform(0.2, 0.42), 0.6, rng.uniform(0.3, 0.7)),
    )
    near = rng.uniform() < 0.35
    y, size = (0, 0.95) if near else (-0.4, rng.uniform(0.42, 0.58))
    if not near:
        bend = rng.uniform(-0.2, 0.2)
        pen.tube([(0, y), (bend, 0.3), (0, 0.97)], 0.08, green)
        for side in (-1, 1):
            pen.ellipse(
                side * 0.25, rng.uniform(0.4, 0.7), 0.28, 0.1, green, side * -30
            )
    head, wide = pen.at(0, y, rng.uniform(0, 60), size), rng.uniform(0.9, 1.5) / count
    for i in range(count):
        petal = head.at(angle=360 * i / count)
        tone = shade(color, rng.uniform(0.88, 1.1))
        petal.ellipse(0, -0.6, max(0.1, wide * 1.5), 0.4, tone)
    head.ellipse(0, 0, *[rng.uniform(0.2, 0.4)] * 2, middle)


def cactus(pen, rng):
    color = hsv(rng.uniform(0.2, 0.48), rng.uniform(0.25, 0.75), rng.uniform(0.3, 0.75))
    thick, low = rng.uniform(0.28, 0.45), 0.95
    if rng.uniform() < 0.4:
        pot = any_color(rng)
        pen.polygon([(-0.45, 0.55), (0.45, 0.55), (0.33, 0.97), (-0.33, 0.97)], pot)
        pen.box(-0.5, 0.5, 0.5, 0.62, shade(pot, 0.85))
        low = 0.5
    parts = [([(0, low - thick * 0.4), (0, -0.75 + thick / 4)], thick)]
    for side in (-1, 1):
        if rng.uniform() < 0.85:
            y, x = rng.uniform(-0.2, 0.3), side * rng.uniform(0.5, 0.75)
            parts.append(
                ([(0, y), (x, y), (x, y - rng.uniform(0.25, 0.6))], thick * 0.6)
            )
    for path, width in reversed(parts):
        pen.tube(path, width, color)
        for shift in (-0.22, 0.12):
            line = [(x + shift * width, y) for x, y in path[-2:]]
            pen.tube(line, 0.025, shade(color, 0.65))
    for _ in range(14):
        x, y = rng.uniform(-thick / 2, thick / 2), rng.uniform(-0.7, low - 0.1)
        pen.tube([(x, y), (x + 0.05, y - 0.05)], 0.02, (235, 230, 205))
    if rng.uniform() < 0.4:
        for dx in (-0.1, 0, 0.1):
            pen.ellipse(
                dx, -0.82, 0.08, 0.13, hsv(rng.uniform(0.85, 1.15), 0.6, 0.9), dx * 200
            )


def mushroom(pen, rng):
    color, stem = any_color(rng, (0.1, 0.9)), vary(rng, (225, 212, 190), 25)

    def one(part):
        wide, high = rng.uniform(0.6, 0.9), rng.uniform(0.5, 0.9)
        foot, base = rng.uniform(0.14, 0.26), rng.uniform(0, 0.2)
        part.tube([(0, -0.1), (0, 0.78)], [foot * 1.5, foot * 1.8], stem)
        part.ellipse(0, base * 0.5, wide * 0.95, 0.14, shade(stem, 0.75))
        cap = [
            (-wide, base),
            (-wide * 0.75, base - high * 0.7),
            (0, base - high * 1.05),
        ]
        cap = smooth(
            [*cap, (wide * 0.75, base - high * 0.7), (wide, base), (0, base - 0.08)]
        )
        part.polygon(cap, color)
        if rng.uniform() < 0.6:
            for _ in range(rng.randint(4, 9)):
                x, y = (
                    rng.uniform(-wide, wide) * 0.65,
                    base - high * rng.uniform(0.25, 0.85),
                )
                part.ellipse(x, y, 0.09, 0.07, mix(color, (245, 240, 230), 0.8))

    if rng.uniform() < 0.35:
        one(pen.at(rng.choice([-0.55, 0.55]), 0.4, rng.uniform(-15, 15), 0.5))
    one(pen.at(0, 0.05, rng.uniform(-6, 6)))


def apple(pen, rng):
    color = hsv(
        rng.uniform(-0.05, 0.32), rng.uniform(0.45, 0.95), rng.uniform(0.45, 0.95)
    )
    wide, high = rng.uniform(0.68, 0.85), rng.uniform(0.66, 0.8)
    pen.tube([(0, -0.5), (0.06, -0.75), (0.14, -0.93)], 0.07, (95, 65, 40))
    if rng.uniform() < 0.6:
        pen.ellipse(0.32, -0.8, 0.26, 0.11, hsv(rng.uniform(0.2, 0.4), 0.6, 0.6), -22)
    half = [
        (0.35, -high + 0.05),
        (wide, -0.25),
        (wide * 0.85, 0.4),
        (0.32, high + 0.08),
    ]
    body = smooth([(0, -0.52), *half, (0, 0.78), *[(-x, y) for x, y in half[::-1]]])
    pen.polygon(body, color)
    blush = mix(color, hsv(rng.uniform(-0.05, 0.25), 0.8, 0.9), rng.uniform(0.2, 0.9))
    pen.ellipse(0.22, 0.1, 0.36, 0.46, blush)
    pen.ellipse(0, -0.5, 0.2, 0.06, shade(color, 0.5))
    pen.ellipse(-0.4, -0.25, 0.1, 0.16, mix(color, (255, 255, 255), 0.6), 25)


def banana(pen, rng):
    color = hsv(rng.uniform(0.1, 0.22), rng.uniform(0.45, 0.9), rng.uniform(0.65, 1))
    count, bend = rng.randint(1, 4), rng.uniform(0.35, 0.6)
    for i in range(count):
        part = pen.at(0.0, 0.1 * (count - 1), 14 * (i - (count - 1) / 2), 0.95)
        path = []
        for step in range(9):
            t = step / 4 - 1
            path.append((0.85 * t, bend * (1 - t * t) * 1.3 - bend * 0.6))
        widths = [0.09, 0.17, 0.25, 0.3, 0.32, 0.31, 0.27, 0.18, 0.08]
        part.tube(path, widths, shade(color, 1 - 0.12 * (i % 2)))
        ridge = [(x, y - 0.05) for x, y in path[1:-1]]
        part.tube(ridge, 0.03, shade(color, 0.78))
        part.tube([path[0], (path[0][0] - 0.06, path[0][1] - 0.14)], 0.1, (110, 95, 45))
        part.ellipse(*path[-1], 0.06, 0.06, (70, 55, 35))
        for _ in range(rng.randint(0, 5)):
            x, y = path[rng.randint(2, 7)]
            part.ellipse(x, y + 0.04, 0.04, 0.03, (120, 85, 45))


def carrot(pen, rng):
    color = hsv(rng.uniform(0.02, 0.12), rng.uniform(0.65, 0.95), rng.uniform(0.6, 1))
    green = hsv(rng.uniform(0.2, 0.4), rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.7))
    part, wide = pen.at(angle=rng.uniform(-70, 70)), rng.uniform(0.2, 0.36)
    for _ in range(rng.randint(4, 9)):
        x, y = rng.uniform(-0.45, 0.45), rng.uniform(-0.97, -0.7)
        part.tube([(0, -0.35), (x * 0.6, (y - 0.4) / 2), (x, y)], [0.05, 0.1, 0.05],
                  shade(green, rng.uniform(0.8, 1.2)))  # fmt: skip
    bend = rng.uniform(-0.1, 0.1)
    root = [(-wide, -0.25), (-wide * 0.5, -0.42), (wide * 0.5, -0.42), (wide, -0.25)]
    root += [(wide * 0.62 + bend, 0.3), (bend, 0.96), (-wide * 0.62 + bend, 0.3)]
    part.blob(root, color)
    for _ in range(rng.randint(3, 7)):
        y = rng.uniform(-0.25, 0.6)
        x, w = rng.choice([-1, 1]) * wide * 0.35 * (1 - y), wide * 0.3
        part.tube(
            [(x * 0.9, y), (x * 0.9 - math.copysign(w, x), y + 0.02)],
            0.03,
            shade(color, 0.7),
        )
