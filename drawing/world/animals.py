"""Animals with a body of their own, from the monkey to the octopus."""

import math

from drawing.pen import any_color, mix, ring, shade, smooth, vary, wobble
from drawing.world import beasts
from drawing.world.coats import DARK, coat, markings, other
from drawing.world.heads import eye, face


def monkey(pen, rng):
    color, skin = coat(rng), vary(rng, (215, 170, 135), 35)
    if sum(abs(a - b) for a, b in zip(color, skin, strict=True)) < 110:
        color = shade(color, 0.5)
    y, pose = rng.uniform(-0.5, -0.35), rng.randint(0, 4)
    part = pen.at(0, 0.1 if pose else 0.6, 0, 1.0 if pose else 1.9)
    head = 0.36 * rng.uniform(0.85, 1.1)
    if pose:
        loop = [(0.2, 0.6), (0.7, 0.7), (0.85, 0.3), (0.65, 0.1), (0.6, 0.3)]
        part.tube(loop, 0.09, color)
        part.ellipse(0, 0.3, rng.uniform(0.28, 0.4), 0.52, color)
        part.ellipse(0, 0.35, 0.2, 0.34, mix(color, skin, rng.uniform(0, 0.8)))
        for side in (-1, 1):
            up = rng.uniform() < 0.4
            hand = (
                side * rng.uniform(0.55, 0.85),
                -0.85 if up else rng.uniform(0.3, 0.8),
            )
            elbow = (side * rng.uniform(0.5, 0.7), 0.1 if up else 0.2)
            part.tube([(side * 0.22, 0.0), elbow, hand], 0.15, shade(color, 0.9))
            part.ellipse(*hand, 0.1, 0.1, skin)
            foot = (side * rng.uniform(0.2, 0.6), 0.88)
            knee = (side * rng.uniform(0.4, 0.65), rng.uniform(0.45, 0.7))
            part.tube([(side * 0.2, 0.65), knee, foot], 0.16, shade(color, 0.9))
            part.ellipse(*foot, 0.15, 0.08, skin)
    for side in (-1, 1):
        part.ellipse(side * head, y, head * 0.4, head * 0.45, color)
        part.ellipse(side * head, y, head * 0.24, head * 0.28, skin)
    part.ellipse(0, y - 0.03, head, head, color)
    for side in (-1, 1):
        part.ellipse(side * head * 0.36, y - 0.05, head * 0.42, head * 0.45, skin)
    part.ellipse(0, y + head * 0.45, head * 0.68, head * 0.5, skin)
    for side in (-1, 1):
        eye(part, rng, side * head * 0.34, y - 0.04, head * 0.16)
        part.ellipse(side * 0.04, y + head * 0.28, 0.02, 0.02, DARK)
    mouth = y + head * 0.6
    part.tube(
        [(-0.12, mouth - 0.02), (0, mouth + 0.03), (0.12, mouth - 0.02)], 0.025, DARK
    )


def turtle(pen, rng):
    skin, shell = coat(rng), any_color(rng, (0.2, 0.7), (0.3, 0.8))
    above, high = rng.uniform() < 0.4, rng.uniform(0.55, 0.85)
    if above:
        for side in (-1, 1):
            for x, reach in ((0.45, 0.8), (-0.5, 0.7)):
                end = (x * 1.45, side * reach * rng.uniform(0.9, 1.1))
                pen.tube([(x, side * 0.3), end], [0.3, 0.16], skin)
        pen.tube([(0.5, 0), (0.85, rng.uniform(-0.1, 0.1))], 0.3, skin)
        pen.polygon([(-0.7, 0.1), (-0.7, -0.1), (-0.95, 0)], skin)
        outline, middle = ring(-0.05, 0, 0.72, high * 0.85), (-0.05, 0)
    else:
        for x in (-0.5, -0.3, 0.3, 0.5):
            pen.tube(
                [(x, 0.3), (x + rng.uniform(-0.1, 0.15), 0.65)], 0.2, shade(skin, 0.9)
            )
        y = rng.uniform(-0.25, 0.2)
        pen.tube([(0.5, 0.3), (0.82, y)], [0.2, 0.22], skin)
        pen.ellipse(0.85, y, 0.17, 0.14, skin)
        eye(pen, rng, 0.89, y - 0.04, 0.04)
        pen.tube([(-0.6, 0.35), (-0.92, 0.45)], [0.14, 0.03], skin)
        dome = [(-0.75, 0.4), (-0.6, 0.4 - high * 0.7), (0, 0.4 - high * 1.1)]
        outline = smooth([*dome, (0.6, 0.4 - high * 0.7), (0.72, 0.4), (0, 0.46)])
        middle = (0, 0.1)
    pen.polygon(outline, shell)
    second = other(rng, shell)
    for i in range(6):
        t = math.pi * i / 3 + 0.3
        x, y = middle[0] + 0.42 * math.cos(t), middle[1] + 0.36 * high * math.sin(t)
        pen.ellipse(x, y, 0.16, 0.14 * high, second)
    pen.ellipse(*middle, 0.18, 0.18 * high, second)


def fish(pen, rng):
    color, high = any_color(rng, (0.1, 0.9)), rng.uniform(0.22, 0.55)
    fin = shade(color, rng.uniform(0.6, 1.3)) if rng.uniform() < 0.6 else any_color(rng)
    span = rng.uniform(0.25, 0.5)
    pen.polygon([(-0.45, 0), (-0.95, -span), (-0.8, 0), (-0.95, span)], fin)
    pen.polygon([(-0.3, -high * 0.7), (-0.1, -high - 0.3), (0.4, -high * 0.8)], fin)
    pen.polygon([(-0.1, high * 0.7), (-0.2, high + 0.25), (0.25, high * 0.8)], fin)
    body = [
        (-0.6, 0),
        (-0.2, -high * 0.8),
        (0.25, -high),
        (0.75, -high * 0.5),
        (0.92, 0),
    ]
    body = smooth([*body, (0.75, high * 0.5), (0.25, high), (-0.2, high * 0.8)])
    pen.polygon(body, color)
    markings(pen, rng, body, color)
    pen.polygon([(0.3, 0.05), (0.0, -0.05), (-0.02, 0.25)], fin)
    pen.ellipse(0.62, -high * 0.25, 0.1, 0.1, (240, 240, 235))
    pen.ellipse(0.64, -high * 0.25, 0.055, 0.055, DARK)
    pen.tube([(0.9, 0.05), (0.76, 0.1)], 0.03, DARK)


def whale(pen, rng):
    color, high = coat(rng), rng.uniform(0.32, 0.5)
    lift = rng.uniform(0.3, 0.7)
    for side in (-1, 1):
        lobe = [
            (-0.8, -lift),
            (-0.88 + side * 0.18, -lift - 0.3),
            (-0.8 + side * 0.3, -lift - 0.2),
        ]
        pen.polygon([*lobe, (-0.72, -lift + 0.05)], color)
    body = [(-0.85, -lift), (-0.6, -0.1), (-0.1, -high), (0.5, -high), (0.92, -0.05)]
    body = smooth([*body, (0.85, 0.3), (0.3, 0.45), (-0.3, 0.38), (-0.75, 0.05)])
    pen.polygon(body, color)
    belly = mix(color, (240, 240, 240), rng.uniform(0.4, 0.9))

    def pale(part):
        part.ellipse(0.4, 0.5, 0.85, rng.uniform(0.25, 0.42), belly)
        for i in range(5):
            y = 0.25 + i * 0.05
            part.tube([(0.2, y), (0.95, y - 0.05)], 0.015, color)

    pen.inside(body, pale)
    pen.tube([(0.25, 0.25), (0.05, 0.65)], [0.24, 0.08], shade(color, 0.85))
    if rng.uniform() < 0.4:
        pen.polygon(
            [(-0.3, -high * 0.6), (-0.35, -high - 0.15), (0, -high * 0.9)], color
        )
    if rng.uniform() < 0.5:
        for side in (-1, 1):
            jet = [
                (0.35, -high),
                (0.35 + side * 0.1, -0.8),
                (0.35 + side * 0.28, -0.75),
            ]
            pen.tube(jet, [0.05, 0.09, 0.05], (215, 232, 245))
    eye(pen, rng, 0.66, 0.02, 0.05)


def snake(pen, rng):
    color, thick = any_color(rng, (0.1, 0.8)), rng.uniform(0.14, 0.24)
    second, points = other(rng, color), []
    if rng.uniform() < 0.5:  # a wave
        waves, swing = rng.uniform(1.2, 2.3), rng.uniform(0.2, 0.5)
        for i in range(22):
            t = i / 21
            y = swing * math.sin(2 * math.pi * waves * t)
            points.append((-0.9 + 1.65 * t, y))
    else:  # a coil
        turns = rng.uniform(1.4, 2.2)
        for i in range(26):
            t = i / 25
            r, turn = 0.75 - 0.6 * t, 2 * math.pi * turns * t + 2
            points.append((r * math.cos(turn), 0.2 + 0.7 * r * math.sin(turn)))
        points += [(0.2, -0.2), (0.35, -0.6)]
    count = len(points)
    widths = [thick * min(1, 0.15 + 3.5 * i / count) for i in range(count)]
    pen.tube(points, widths, color)
    if rng.uniform() < 0.7:
        for (x, y), width in list(zip(points, widths, strict=True))[1:-1:2]:
            pen.ellipse(x, y, width * 0.32, width * 0.32, second)
    x, y = points[-1]
    fork = [(x + 0.15, y), (x + 0.32, y - 0.04), (x + 0.15, y), (x + 0.32, y + 0.05)]
    pen.tube(fork, 0.025, (200, 40, 50))
    pen.ellipse(x + 0.08, y, thick * 0.85, thick * 0.65, color)
    eye(pen, rng, x + 0.12, y - thick * 0.25, 0.045)


def snail(pen, rng):
    skin, shell, size = coat(rng), any_color(rng), rng.uniform(0.45, 0.62)
    y = rng.uniform(-0.2, 0.15)
    pen.tube(
        [(-0.92, 0.74), (0.3, 0.66), (0.65, 0.5), (0.75, y)],
        [0.06, 0.28, 0.3, 0.26],
        skin,
    )
    for dx in (-0.08, 0.15):
        tip = (0.75 + dx * 1.8, y - rng.uniform(0.3, 0.45))
        pen.tube([(0.75 + dx * 0.5, y), tip], 0.05, skin)
        pen.ellipse(*tip, 0.055, 0.055, DARK)
    x, y = -0.12, 0.6 - size * 0.85
    pen.ellipse(x, y, size, size * rng.uniform(0.88, 1), shell)
    turns, line = rng.uniform(1.8, 2.8), []
    for i in range(24):
        t = i / 23
        r, turn = size * 0.85 * (1 - t), 2 * math.pi * turns * t + 1
        line.append((x + r * math.cos(turn), y + r * math.sin(turn)))
    pen.tube(line, rng.uniform(0.05, 0.1), other(rng, shell))


def spider(pen, rng):
    color, thick = coat(rng), rng.uniform(0.05, 0.1)
    size = rng.uniform(0.24, 0.4)
    for side in (-1, 1):
        for i in range(4):
            y = (-0.75, -0.3, 0.3, 0.8)[i] + rng.uniform(-0.1, 0.1)
            knee = (side * rng.uniform(0.45, 0.6), y * 0.75 - 0.15)
            end = (side * rng.uniform(0.75, 0.98), y + 0.1)
            root = (side * 0.1, -0.2 + 0.08 * i)
            pen.tube([root, knee, end], [thick, thick, thick * 0.5], shade(color, 0.8))
    body = ring(0, 0.25, size, size * rng.uniform(1, 1.35))
    pen.polygon(body, color)
    markings(pen, rng, body, color)
    pen.ellipse(0, -0.2, size * 0.65, size * 0.6, shade(color, 0.85))
    for dx in (-0.1, -0.03, 0.04, 0.1):
        pen.ellipse(dx, -0.32, 0.03, 0.03, (235, 235, 235))


def butterfly(pen, rng):
    color, edge, spread = any_color(rng), any_color(rng, (0, 0.8), (0.1, 0.5)), 1
    upper = wobble(
        rng, [(0.05, -0.1), (0.3, -0.7), (0.85, -0.85), (0.9, -0.3), (0.5, 0.02)], 0.08
    )
    lower = wobble(
        rng, [(0.05, 0.0), (0.5, 0.05), (0.75, 0.35), (0.5, 0.8), (0.15, 0.45)], 0.08
    )
    if rng.uniform() < 0.3:
        spread = rng.uniform(0.4, 0.8)
    spots = [
        (rng.uniform(0.3, 0.7), rng.uniform(-0.6, 0.5)) for _ in range(rng.randint(5))
    ]
    second = any_color(rng)
    for side in (-1, 1):
        part = pen.at(flip=side < 0, stretch=spread if side < 0 else 1)
        for wing in (lower, upper):
            x, y = sum(p[0] for p in wing) / 5, sum(p[1] for p in wing) / 5
            part.blob(wing, edge)
            part.blob([mix(p, (x, y), 0.28) for p in wing], color)
        for spot in spots:
            part.ellipse(*spot, 0.08, 0.08, second)
        part.tube([(0, -0.4), (0.12, -0.7), (0.25, -0.85)], 0.03, DARK)
    pen.tube([(0, -0.42), (0, 0.45)], [0.12, 0.08], shade(edge, 0.5))


def crab(pen, rng):
    color, wide = any_color(rng, (0.3, 0.9)), rng.uniform(0.4, 0.58)
    for side in (-1, 1):
        for i in range(3):
            y = 0.1 + 0.14 * i
            knee, end = (
                (side * (wide + 0.25), y - 0.05),
                (side * (wide + 0.35), y + 0.4),
            )
            pen.tube(
                [(side * wide * 0.7, y), knee, end],
                [0.1, 0.09, 0.03],
                shade(color, 0.8),
            )
        x, y, size = (
            side * rng.uniform(0.55, 0.75),
            rng.uniform(-0.7, -0.4),
            rng.uniform(0.18, 0.3),
        )
        pen.tube(
            [(side * wide * 0.7, 0), (side * (wide + 0.3), -0.1), (x, y)], 0.12, color
        )
        claw = pen.at(x, y, side * rng.uniform(-10, 30) - side * 20)
        claw.ellipse(0, -0.05, size * 0.85, size, color)
        notch = [
            (-0.12 * size, -size * 1.6),
            (0, -size * 0.1),
            (size * 0.6, -size * 1.6),
        ]
        claw.polygon(
            [(-size * 0.85, -0.05), (-size * 0.5, -size * 1.5), notch[1]], color
        )
        claw.polygon([(size * 0.85, -0.05), (size * 0.5, -size * 1.5), notch[1]], color)
        claw.polygon([(-size * 0.4, -size * 1.5), notch[1], (size * 0.4, -size * 1.5)],
                     shade(color, 0.35))  # fmt: skip
        pen.tube([(side * 0.14, -0.1), (side * 0.16, -0.42)], 0.06, color)
        eye(pen, rng, side * 0.16, -0.44, 0.08)
    shell = ring(0, 0.15, wide, rng.uniform(0.3, 0.42))
    pen.polygon(shell, color)
    markings(pen, rng, shell, color)


def bat(pen, rng):
    color, span = coat(rng), rng.uniform(-0.55, 0.1)
    wing, folds = shade(color, rng.uniform(0.55, 0.85)), rng.randint(3, 5)
    for side in (-1, 1):
        edge = [(0, -0.15), (side * 0.45, span - 0.15), (side * 0.98, span + 0.1)]
        for i in range(folds):
            x = 0.98 - 0.9 * (i + 0.5) / folds
            edge.append((side * x, 0.1 + span * 0.4))
            edge.append((side * (0.98 - 0.9 * (i + 1) / folds), 0.42 + span * 0.2))
        pen.polygon(edge, wing)
        for i in range(folds - 1):
            end = (side * (0.98 - 0.9 * (i + 1) / folds), 0.42 + span * 0.2)
            pen.tube([edge[1], end], 0.025, shade(wing, 0.7))
    pen.ellipse(0, 0.15, 0.17, 0.38, color)
    size = rng.uniform(0.2, 0.27)
    a = dict(ears="point", ear=(0.9, 1.6), muzzle=(0.0, 0.2), snout=(0.3, 0.4), jaw=0.7)
    a = beasts.individual(rng, a | {"tail": "stub", "eyes": "dot"})
    face(pen.at(0, -0.25, 0, size), rng, a, color)


def octopus(pen, rng):
    color, count = any_color(rng, (0.2, 0.9)), rng.randint(6, 9)
    for i in range(count):
        x = (i / (count - 1) - 0.5) * 2
        curl, low = rng.uniform(-0.2, 0.2), rng.uniform(0.65, 0.95)
        arm = [
            (x * 0.3, 0.05),
            (x * 0.6, 0.45),
            (x * 0.85, low),
            (x * 0.85 + curl, low - 0.12),
        ]
        tone = shade(color, 0.85 if i % 2 else 1)
        pen.tube(arm, [0.26, 0.18, 0.11, 0.05], tone)
        for step in range(1, 4):
            left, top = x * (0.45 + 0.13 * step), 0.15 + 0.2 * step
            pen.box(left, top, left + 0.06, top + 0.06, shade(tone, 1.4))
    head = ring(0, -0.38, rng.uniform(0.36, 0.5), rng.uniform(0.45, 0.58))
    pen.polygon(head, color)
    markings(pen, rng, head, color)
    pen.ellipse(0, 0.02, 0.34, 0.2, color)
    for side in (-1, 1):
        pen.ellipse(side * 0.17, -0.12, 0.1, 0.1, (240, 240, 235))
        pen.ellipse(side * 0.17, -0.1, 0.055, 0.06, DARK)
