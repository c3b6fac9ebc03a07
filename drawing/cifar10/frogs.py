"""Frogs: squatting, from the front, from above, and leaping."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, choose
from drawing.pen import any_color, hsv, mix, shade, wobble


def frog(pen, rng):
    """A frog that squats (side or front), leaps, or lies flat as seen from above."""
    hue = rng.uniform(0.18, 0.42)
    color = hsv(hue, rng.uniform(0.35, 0.9), rng.uniform(0.4, 0.85))
    view = choose(rng, _squat, _squat, _frog_front, _frog_front, _flat, _leap)
    if view != _flat and rng.uniform() < 0.4:
        color = choose(rng, parts.coat(rng), any_color(rng, (0.6, 0.95), (0.5, 0.95)))
    belly = mix(color, (240, 235, 200), rng.uniform(0.5, 0.8))
    iris = choose(rng, (235, 190, 60), (240, 235, 220), (210, 90, 50))
    view(pen, rng, color, belly, iris)


def _dots(pen, rng, outline, color):
    def paint(part):
        for _ in range(9):
            x, y = rng.uniform(-0.8, 0.8), rng.uniform(-0.6, 0.7)
            part.ellipse(x, y, rng.uniform(0.05, 0.1), 0.06, color)

    pen.inside(outline, paint)


def _frog_eye(pen, x, y, r, color, iris):
    pen.ellipse(x, y, r, r, color)
    pen.ellipse(x, y, r * 0.72, r * 0.72, iris)
    pen.ellipse(x, y, r * 0.5, r * 0.28, BLACK)


def _squat(pen, rng, color, belly, iris):
    dark = shade(color, 0.7)
    back = [(-0.75, 0.55), (-0.55, 0.15), (-0.1, -0.2), (0.35, -0.4), (0.75, -0.28)]
    back += [(0.88, -0.08), (0.6, 0.1), (0.35, 0.45), (-0.2, 0.7)]
    outline = wobble(rng, back, 0.03)
    pen.tube(
        [(0.2, 0.35), (0.42, 0.72), (0.6, 0.78)], [0.2, 0.12, 0.1], shade(color, 0.6)
    )
    pen.blob(outline, color)
    pen.blob([(0.8, -0.06), (0.6, 0.1), (0.35, 0.45), (0.0, 0.62), (0.3, 0.15)], belly)
    if rng.uniform() < 0.5:
        _dots(pen, rng, outline, dark)
    pen.tube([(0.35, -0.02), (0.84, -0.06)], 0.035, shade(color, 0.4))
    _frog_eye(pen, 0.46, -0.42, rng.uniform(0.15, 0.21), color, iris)
    pen.tube(
        [(-0.6, 0.6), (-0.1, 0.18), (-0.35, 0.7), (0.1, 0.78)],
        [0.2, 0.26, 0.16, 0.12],
        dark,
    )
    pen.tube(
        [(0.1, 0.3), (0.22, 0.75), (0.42, 0.8)], [0.18, 0.12, 0.1], shade(color, 0.85)
    )


def _frog_front(pen, rng, color, belly, iris):
    """From the front: wide mouth, eyes on top, knees to the sides."""
    dark = shade(color, 0.75)
    for side in (-1, 1):
        pen.ellipse(side * 0.62, 0.4, 0.26, 0.34, dark, side * -25)
        pen.tube([(side * 0.62, 0.66), (side * 0.92, 0.76)], 0.12, dark)
    body = [(0, -0.2), (0.56, 0.1), (0.5, 0.62), (0, 0.75), (-0.5, 0.62), (-0.56, 0.1)]
    pen.blob(body, color)
    pen.ellipse(0, 0.42, 0.36, 0.3, belly)
    for side in (-1, 1):
        pen.tube(
            [(side * 0.34, 0.25), (side * 0.3, 0.72), (side * 0.46, 0.8)],
            0.13,
            shade(color, 0.88),
        )
    wide = rng.uniform(0.62, 0.76)
    head = [(0, -0.46), (wide * 0.7, -0.4), (wide, -0.06), (wide * 0.6, 0.2), (0, 0.26)]
    head += [(-x, y) for x, y in head[-2:0:-1]]
    pen.blob(head, color)
    if rng.uniform() < 0.5:
        _dots(pen, rng, head, dark)
    smile = [
        (-wide * 0.85, -0.06),
        (-wide * 0.4, 0.08),
        (wide * 0.4, 0.08),
        (wide * 0.85, -0.06),
    ]
    pen.tube(smile, 0.05, shade(color, 0.4))
    for side in (-1, 1):
        _frog_eye(pen, side * wide * 0.62, -0.46, rng.uniform(0.18, 0.24), color, iris)


def _flat(pen, rng, color, belly, iris):
    """From above: bent hind legs, splayed toes; at times on a leaf."""
    if rng.uniform() < 0.4:
        leaf = hsv(rng.uniform(0.22, 0.4), 0.5, rng.uniform(0.25, 0.9))
        pen.ellipse(0, 0, 0.98, 0.85, leaf)
    pen = pen.at(0, 0, rng.uniform(0, 360), 0.95)
    dark = shade(color, 0.75)
    for side in (-1, 1):
        hind = [
            (side * 0.2, 0.4),
            (side * 0.66, 0.1),
            (side * 0.44, 0.55),
            (side * 0.74, 0.82),
        ]
        pen.tube(hind, [0.24, 0.2, 0.14, 0.1], dark)
        front = [(side * 0.25, -0.15), (side * 0.6, -0.2), (side * 0.7, -0.5)]
        pen.tube(front, [0.16, 0.13, 0.08], dark)
        for x, y in ((0.74, 0.82), (0.7, -0.5)):
            for dx in (-0.1, 0.02, 0.14):
                way = 0.12 if y > 0 else -0.12
                pen.tube([(side * x, y), (side * (x + dx), y + way)], 0.05, dark)
    body = [(0, -0.75), (0.3, -0.55), (0.38, -0.15), (0.34, 0.3), (0, 0.6)]
    body += [(-x, y) for x, y in body[-2:0:-1]]
    pen.blob(body, color)
    if rng.uniform() < 0.5:
        _dots(pen, rng, body, dark)
    else:
        pen.tube([(0, -0.5), (0, 0.45)], 0.08, belly)
    for side in (-1, 1):
        _frog_eye(pen, side * 0.27, -0.52, 0.13, color, iris)


def _leap(pen, rng, color, belly, iris):
    dark = shade(color, 0.72)
    pen = pen.at(0, 0, rng.uniform(-35, 0))
    pen.tube(
        [(-0.3, 0.1), (-0.55, -0.12), (-0.75, 0.2), (-1, 0.3)],
        [0.24, 0.18, 0.12, 0.09],
        dark,
    )
    body = [
        (-0.45, 0.1),
        (0.0, -0.18),
        (0.45, -0.3),
        (0.78, -0.1),
        (0.5, 0.1),
        (0.1, 0.25),
    ]
    pen.blob(body, color)
    pen.blob([(0.74, -0.06), (0.5, 0.1), (0.1, 0.25), (-0.1, 0.15), (0.4, 0.0)], belly)
    if rng.uniform() < 0.5:
        _dots(pen, rng, body, dark)
    _frog_eye(pen, 0.48, -0.3, 0.16, color, iris)
    pen.tube(
        [(-0.35, 0.12), (-0.4, 0.45), (-0.75, 0.4), (-0.95, 0.6)],
        [0.24, 0.18, 0.12, 0.09],
        color,
    )
    pen.tube([(0.3, 0.1), (0.45, 0.42), (0.7, 0.46)], [0.15, 0.11, 0.09], dark)
