"""Airplanes: airliners, biplanes and small ones; from the side, above and ahead."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import any_color, shade


def airplane(pen, rng):
    """An airliner, propeller plane, biplane, fighter or glider, from some side."""
    return choose(rng, _airliner, _airliner, _plan, _plan, _biplane, _small, _nose)(
        pen, rng
    )


def _metal(rng):
    """Return a plane's color: white or gray more often than another."""
    return choose(
        rng, WHITE, WHITE, (185, 190, 195), parts.paint_of(rng), parts.paint_of(rng)
    )


def _airliner(pen, rng):
    """From the side, a little from below or above, one wing towards us."""
    color = _metal(rng)
    second = any_color(rng, (0.5, 0.9), (0.4, 0.9))
    r = rng.uniform(0.11, 0.16)
    pen = pen.at(0, 0, choose(rng, 0, -8, -18, -28, 10))
    wing = shade(color, 0.75)
    span, sweep = rng.uniform(0.3, 0.75), rng.uniform(0.15, 0.5)
    up = -1 if rng.uniform() < 0.3 else 1
    far = [(0.18, 0), (0.0, 0), (-sweep * 0.8, -span * 0.6 * up)]
    pen.polygon([*far, (-sweep * 0.8 + 0.12, -span * 0.6 * up)], shade(wing, 0.8))
    high = -rng.uniform(0.32, 0.5)
    fin = [(-0.62, -r * 0.6), (-0.88, high), (-0.99, high), (-0.9, -r * 0.3)]
    pen.polygon(fin, second)
    body = [
        (-0.98, -r * 0.55),
        (-0.5, -r),
        (0.55, -r),
        (0.85, -r * 0.7),
        (0.99, r * 0.3),
    ]
    pen.blob([*body, (0.8, r), (-0.45, r), (-0.85, -r * 0.1)], color)
    if rng.uniform() < 0.6:
        pen.box(-0.75, -0.01, 0.85, r * 0.4, second)
    pen.box(-0.6, -r * 0.5, 0.62, -r * 0.12, (70, 85, 105))
    pen.polygon(
        [(0.72, -r * 0.65), (0.86, -r * 0.6), (0.93, -r * 0.1), (0.74, -r * 0.2)],
        (50, 60, 75),
    )
    pen.polygon([(-0.72, 0), (-0.92, 0), (-1.02, 0.2 * up), (-0.92, 0.2 * up)], wing)
    near = [(0.28, r * 0.4), (-0.1, r * 0.4), (-sweep - 0.1, span * up)]
    pen.polygon([*near, (-sweep + 0.05, span * up)], wing)
    x = 0.12 - sweep * 0.5
    pen.ellipse(x, span * 0.45 * up + 0.05, 0.15, 0.07, second)
    pen.ellipse(x + 0.1, span * 0.45 * up + 0.05, 0.04, 0.06, shade(second, 0.5))


def _plan(pen, rng):
    """From above or below, the nose turned anywhere: airliner, fighter or glider."""
    color = _metal(rng)
    pen = pen.at(0, 0, rng.uniform(0, 360))
    kind = choose(rng, "airliner", "airliner", "fighter", "straight")
    wing = shade(color, rng.uniform(0.75, 0.95))
    r = rng.uniform(0.09, 0.13)
    if kind == "airliner":
        back, span = rng.uniform(0.3, 0.5), rng.uniform(0.8, 0.95)
        root, tip, tail = (0.28, -0.05), (0.16 - back, -0.04 - back), 0.34
    elif kind == "fighter":
        back, span = rng.uniform(0.5, 0.7), rng.uniform(0.5, 0.65)
        root, tip, tail = (0.35, -0.5), (0.05 - back, -0.1 - back), 0.28
    else:
        span = rng.uniform(0.85, 0.98)
        root, tip, tail = (0.42, 0.1), (0.38, 0.16), 0.36
    for side in (-1, 1):
        for x in (0.02, -0.2) if kind == "airliner" else ():
            y = side * (0.34 if x > 0 else 0.6)
            pen.tube([(x + 0.1, y), (x - 0.1, y)], 0.1, shade(color, 0.6))
        edge = [
            (root[0], 0),
            (tip[0], side * span),
            (tip[1], side * span),
            (root[1], 0),
        ]
        pen.polygon(edge, wing)
        edge = [(-0.68, 0), (-0.86, side * tail), (-0.98, side * tail), (-0.92, 0)]
        pen.polygon(edge, wing)
    body = [(-0.97, -r * 0.3), (-0.5, -r), (0.6, -r), (0.97, 0), (0.6, r), (-0.5, r)]
    pen.blob([*body, (-0.97, r * 0.3)], color)
    pen.ellipse(0.66 if kind != "straight" else 0.35, 0, 0.12, r * 0.6, (50, 60, 75))
    pen.tube([(-0.7, 0), (-0.96, 0)], 0.05, shade(color, 0.5))
    if kind == "straight":
        pen.box(0.92, -0.24, 0.97, 0.24, (60, 60, 60))
    for side in (-1, 1) if rng.uniform() < 0.4 else ():
        pen.ellipse(
            (tip[0] + tip[1]) / 2 + 0.1,
            side * span * 0.75,
            0.07,
            0.07,
            any_color(rng, (0.7, 1)),
        )


def _biplane(pen, rng):
    """Two wings one above the other, from the side and a little from the front."""
    color, wing = parts.paint_of(rng), parts.paint_of(rng)
    pen = pen.at(0, 0, choose(rng, 0, -10, -20))
    x, lean, span = (
        rng.uniform(0.1, 0.3),
        rng.uniform(-0.25, 0.25),
        rng.uniform(0.24, 0.4),
    )
    low = [(x - span, 0.22), (x + span, 0.22), (x + span + lean, 0.34)]
    pen.polygon([*low, (x - span + lean, 0.34)], shade(wing, 0.75))
    pen.blob(
        [(-0.95, -0.08), (0.3, -0.2), (0.78, -0.14), (0.8, 0.14), (0.3, 0.22)], color
    )
    pen.blob([(-0.75, -0.08), (-0.98, -0.42), (-0.8, -0.45), (-0.6, -0.1)], wing)
    pen.polygon([(-0.65, 0), (-0.95, 0), (-1, 0.08), (-0.75, 0.1)], wing)
    for dx in (-0.15, 0.2):
        pen.tube([(x + dx, -0.45), (x + dx, 0.25)], 0.035, (70, 55, 40))
    pen.ellipse(x - 0.28, -0.24, 0.08, 0.1, (70, 50, 40))
    high = [(x - span, -0.56), (x + span, -0.56), (x + span + lean, -0.4)]
    pen.polygon([*high, (x - span + lean, -0.4)], wing)
    pen.tube([(0.45, 0.15), (0.42, 0.42)], 0.04, (60, 50, 45))
    parts.wheel(pen, rng, 0.42, 0.45, 0.11, (150, 150, 150))
    pen.ellipse(0.86, 0, 0.03, 0.42, (80, 60, 45), rng.uniform(-25, 25))
    pen.ellipse(0.84, 0, 0.08, 0.09, shade(color, 0.6))


def _small(pen, rng):
    """A light plane with the wing on top, or a jet fighter, from the side."""
    color, second = parts.paint_of(rng), parts.paint_of(rng)
    pen = pen.at(0, 0, choose(rng, 0, -10, -25, 12))
    if rng.uniform() < 0.5:
        pen.blob(
            [
                (-0.97, -0.14),
                (-0.1, -0.3),
                (0.3, -0.3),
                (0.8, -0.08),
                (0.75, 0.16),
                (0.0, 0.2),
            ],
            color,
        )
        pen.polygon(
            [(-0.7, -0.14), (-0.98, -0.52), (-0.84, -0.52), (-0.5, -0.2)], second
        )
        pen.polygon(
            [(0.0, -0.24), (0.28, -0.26), (0.46, -0.08), (0.0, -0.06)], (60, 75, 95)
        )
        pen.polygon([(0.42, -0.34), (0.02, -0.34), (-0.32, 0.1), (-0.05, 0.1)], second)
        pen.polygon([(-0.7, -0.1), (-0.9, -0.1), (-1, 0.05), (-0.84, 0.05)], second)
        pen.ellipse(0.84, 0.03, 0.03, 0.34, (50, 50, 50), rng.uniform(-20, 20))
        for x in (0.1, 0.6):
            pen.tube([(x, 0.15), (x, 0.38)], 0.04, (60, 60, 60))
            parts.wheel(pen, rng, x, 0.42, 0.09, (150, 150, 150))
    else:
        pen.polygon(
            [(-0.45, -0.08), (-0.85, -0.55), (-0.98, -0.55), (-0.85, -0.02)], second
        )
        pen.polygon(
            [(-0.9, -0.14), (0.2, -0.16), (1, 0.06), (0.2, 0.16), (-0.9, 0.12)], color
        )
        pen.blob([(0.1, -0.14), (0.3, -0.3), (0.62, -0.04), (0.3, -0.06)], (45, 60, 80))
        pen.polygon(
            [(0.2, 0.02), (-0.5, 0.42), (-0.72, 0.42), (-0.5, 0.02)], shade(color, 0.7)
        )
        pen.ellipse(-0.92, 0, 0.06, 0.12, (60, 50, 50))
        if rng.uniform() < 0.4:
            pen.tube([(-0.4, 0.22), (0.15, 0.22)], 0.07, second)


def _nose(pen, rng):
    """Head on: a round body, wings to both sides, engines under them."""
    color = _metal(rng)
    rise, r = rng.uniform(-0.12, 0.16), rng.uniform(0.17, 0.25)
    for side in (-1, 1):
        pen.polygon(
            [
                (0, 0.12),
                (side * 0.98, 0.02 - rise),
                (side * 0.98, -0.02 - rise),
                (0, -0.02),
            ],
            shade(color, 0.8),
        )
        pen.polygon(
            [(0, -0.12), (side * 0.42, -0.18), (side * 0.42, -0.22), (0, -0.22)],
            shade(color, 0.7),
        )
        for x in choose(rng, (0.42,), (0.35, 0.66)):
            y = 0.14 - rise * x
            pen.ellipse(side * x, y, 0.11, 0.11, shade(color, 0.9))
            pen.ellipse(side * x, y, 0.075, 0.075, BLACK)
    pen.polygon(
        [(-0.03, 0), (-0.025, -0.65), (0.025, -0.65), (0.03, 0)], any_color(rng)
    )
    pen.ellipse(0, 0, r, r * 1.05, color)
    pen.polygon(
        [
            (-r * 0.6, -r * 0.3),
            (-r * 0.4, -r * 0.6),
            (r * 0.4, -r * 0.6),
            (r * 0.6, -r * 0.3),
        ],
        (45, 55, 70),
    )
    if rng.uniform() < 0.4:
        for x in (-0.25, 0, 0.25):
            pen.tube([(x, 0.15), (x, 0.42)], 0.04, (80, 80, 85))
            pen.ellipse(x, 0.45, 0.05, 0.08, BLACK)
