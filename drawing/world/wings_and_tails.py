"""Kite, dragonfly and lizard."""

import math

from drawing.pen import mix, shade
from drawing.world import parts
from drawing.world.coats import DARK, markings
from drawing.world.heads import eye


def kite(pen, rng):
    """Paint a kite on its string, with a tail of bows."""
    first, second = parts.tint(rng), parts.tint(rng)
    line, wide = parts.dark(rng), rng.uniform(0.45, 0.65)
    path = [(0, 0.35)]
    for i in range(1, 6):
        swing = 0.25 * math.sin(i * 1.4 + rng.uniform(-0.5, 0.5))
        path.append((swing + 0.06 * i, 0.35 + 0.14 * i))
    parts.line(pen, path, 0.03, line)
    for x, y in path[1:]:
        pen.polygon([(x - 0.13, y - 0.06), (x - 0.13, y + 0.06), (x, y)], second)
        pen.polygon([(x + 0.13, y - 0.06), (x + 0.13, y + 0.06), (x, y)], second)
    if rng.uniform() < 0.7:
        top, side = (0, -0.95), rng.uniform(-0.45, -0.2)
        pen.polygon([top, (wide, side), (0, 0.4)], first)
        pen.polygon([top, (-wide, side), (0, 0.4)], second)
        parts.line(pen, [top, (0, 0.4)], 0.03, line)
        parts.line(pen, [(-wide, side), (wide, side)], 0.03, line)
    else:
        delta = [(0, -0.9), (0.95, 0.1), (0.35, 0.05), (0, 0.35), (-0.35, 0.05)]
        parts.pattern(pen, rng, [*delta, (-0.95, 0.1)], first)
    parts.line(pen, [(0, -0.1), (0.7, 1.2)], 0.02, line)


def dragonfly(pen, rng):
    """Paint a dragonfly from above: a long body and four long wings."""
    body = parts.tint(rng)
    wing = mix(parts.tint(rng), (255, 255, 255), 0.6)
    lean = rng.uniform(-10, 15)
    for side in (-1, 1):
        for y, angle in ((-0.35, -12 - lean), (-0.15, 14 + 0.5 * lean)):
            part = pen.at(0, y, side * angle, flip=side < 0)
            part.ellipse(0.52, 0, 0.5, rng.uniform(0.1, 0.15), wing)
            part.ellipse(0.92, -0.02, 0.06, 0.04, DARK)
            parts.line(part, [(0, 0), (0.95, -0.02)], 0.02, shade(wing, 0.6))
    tail = [(0, -0.2), (0, 0.3), (rng.uniform(-0.15, 0.15), 0.95)]
    pen.tube(tail, [0.16, 0.12, 0.09], body)
    for i in range(4):
        pen.ellipse(tail[2][0] * i / 4, 0.15 + 0.19 * i, 0.05, 0.03, shade(body, 0.5))
    pen.ellipse(0, -0.3, 0.15, 0.22, shade(body, 0.85))
    for side in (-1, 1):
        pen.ellipse(side * 0.09, -0.56, 0.11, 0.12, shade(parts.tint(rng), 0.7))


def lizard(pen, rng):
    """Paint a lizard from above: four splayed legs and a long tail in a curve."""
    color = parts.tint(rng)
    bend, leg = rng.uniform(-0.35, 0.35), shade(color, 0.85)
    spine = [(-bend * 0.6, -0.45), (0, -0.1), (bend * 0.3, 0.25)]
    tail = [spine[-1], (bend, 0.55), (1.6 * bend + 0.1, 0.85), (bend, 1.05)]
    pen.tube(tail, [0.22, 0.15, 0.09, 0.03], color)
    for x, y, up in ((spine[0][0], -0.3, -1), (spine[2][0], 0.2, 1)):
        for side in (-1, 1):
            knee = (x + side * 0.35, y + up * rng.uniform(0.0, 0.2))
            foot = (x + side * 0.5, knee[1] + up * rng.uniform(-0.2, 0.2))
            pen.tube([(x, y), knee, foot], [0.12, 0.1, 0.08], leg)
            for toe in (-0.06, 0, 0.06):
                parts.bar(pen, *foot, foot[0] + side * 0.1, foot[1] + toe, 0.03, leg)
    outline = [(x + side * w, y) for side in (-1, 1) for (x, y), w in
               list(zip(spine, (0.14, 0.24, 0.14), strict=True))[::side]]  # fmt: skip
    pen.blob(outline, color)
    markings(pen, rng, outline, color)
    x, y = spine[0][0] * 1.3, -0.68
    pen.blob([(x, y - 0.24), (x + 0.17, y), (x + 0.1, y + 0.22), (x - 0.1, y + 0.22),
              (x - 0.17, y)], color)  # fmt: skip
    for side in (-1, 1):
        eye(pen, rng, x + side * 0.13, y - 0.02, 0.06)
