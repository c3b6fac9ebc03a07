"""Cats: sitting, walking, lying, or the face."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import mix, shade, wobble


def cat(pen, rng):
    """Its face, or a cat that sits, walks or lies."""
    coat = parts.coat(rng)
    view = choose(rng, "face", "face", "sit", "sit", "walk", "lie")
    marks = choose(rng, "none", "stripes", "stripes", "patches")
    second = parts.second(rng, coat)
    if view == "face":
        return _cat_face(pen.at(0, 0.12), rng, coat, second, marks)
    if view == "sit":
        tail = [(0.3, 0.8), (0.65, 0.85), (0.8, 0.6), (0.62, rng.uniform(0.1, 0.45))]
        pen.tube(tail, [0.16, 0.15, 0.13, 0.1], shade(coat, 0.85))
        body = [(0, -0.35), (0.28, -0.1), (0.44, 0.5), (0.36, 0.9), (-0.36, 0.9)]
        body = wobble(rng, [*body, (-0.44, 0.5), (-0.28, -0.1)], 0.03)
        pen.blob(body, coat)
        parts.patches(pen, rng, body, shade(coat, 0.65), marks)
        pen.ellipse(0, 0.2, 0.16, 0.3, second)
        for x in (-0.13, 0.13):
            pen.tube([(x, 0.2), (x, 0.88)], 0.15, shade(coat, 1.1))
            pen.ellipse(x, 0.9, 0.11, 0.06, second)
        part = pen.at(rng.uniform(-0.12, 0.12), -0.42, rng.uniform(-15, 15), 0.52)
        return _cat_face(part, rng, coat, second, marks)
    if view == "walk":
        high = rng.uniform(-0.95, -0.2)
        tail = [(-0.6, 0.05), (-0.85, -0.1), (-0.9, high / 2), (-0.75, high)]
        pen.tube(tail, [0.13, 0.12, 0.11, 0.09], shade(coat, 0.9))
        places = (-0.5, -0.38, 0.3, 0.42)
        parts.legs(pen, rng, coat, places, 0.25, 0.85, 0.12, 0.16, second)
        body = [(-0.68, 0.1), (-0.3, -0.14), (0.3, -0.14), (0.58, 0.0), (0.4, 0.35)]
        body = wobble(rng, [*body, (-0.5, 0.36)], 0.03)
        pen.blob(body, coat)
        parts.patches(pen, rng, body, shade(coat, 0.65), marks)
        part = pen.at(0.62, rng.uniform(-0.25, 0.0), rng.uniform(-10, 15), 0.4)
        return _cat_face(part, rng, coat, second, marks)
    body = [(-0.85, 0.5), (-0.7, 0.05), (-0.2, -0.12), (0.4, 0.05), (0.7, 0.45)]
    body = wobble(rng, [*body, (0.5, 0.68), (-0.6, 0.7)], 0.04)
    tail = [(-0.75, 0.6), (-0.95, 0.4), (-0.9, 0.1)]
    if rng.uniform() < 0.5:
        tail = [(-0.75, 0.62), (-0.4, 0.76), (0.1, 0.74)]
    pen.blob(body, coat)
    parts.patches(pen, rng, body, shade(coat, 0.65), marks)
    pen.tube(tail, [0.15, 0.14, 0.11], shade(coat, 0.8))
    pen.tube([(0.35, 0.6), (0.8, 0.64)], 0.14, shade(coat, 1.1))
    part = pen.at(0.5, rng.uniform(-0.1, 0.1), rng.uniform(-15, 15), 0.46)
    return _cat_face(part, rng, coat, second, marks)


def _cat_face(pen, rng, coat, second, marks):
    """A round flat face with upright triangular ears, large eyes and whiskers."""
    dark = shade(coat, 0.65)
    wide, tall = rng.uniform(0.72, 0.84), rng.uniform(0.58, 0.68)
    spread, high = rng.uniform(0.42, 0.54), -rng.uniform(0.86, 1.05)
    for side in (-1, 1):
        ear = [(side * wide * 0.94, -0.2), (side * (spread + 0.16), high)]
        pen.polygon([*ear, (side * 0.16, -tall * 0.8)], shade(coat, 0.9))
        ear = [(side * wide * 0.8, -0.3), (side * (spread + 0.12), high + 0.2)]
        pen.polygon([*ear, (side * 0.3, -tall * 0.8)], mix(coat, (225, 150, 150), 0.6))
    face = [
        (0, -tall),
        (wide * 0.7, -tall * 0.75),
        (wide, 0.05),
        (wide * 0.6, tall * 0.75),
    ]
    face += [(0, tall)] + [(-x, y) for x, y in face[:0:-1]]
    pen.blob(face, coat)
    if marks == "stripes":
        for x in (-0.2, 0, 0.2):
            pen.tube([(x, -tall), (x * 0.8, -0.28)], [0.1, 0.04], dark)
        for side in (-1, 1):
            for y in (0.05, 0.22):
                pen.tube([(side * wide, y), (side * 0.5, y + 0.03)], [0.08, 0.03], dark)
    elif marks == "patches":
        pen.inside(face, lambda part: part.ellipse(0.45, -0.4, 0.42, 0.4, dark))
    pen.ellipse(-0.13, 0.3, 0.2, 0.17, second)
    pen.ellipse(0.13, 0.3, 0.2, 0.17, second)
    iris = choose(rng, (190, 205, 70), (230, 180, 50), (110, 180, 110), (120, 180, 215))
    for side in (-1, 1):
        pen.ellipse(side * 0.34, -0.06, 0.19, 0.16, shade(coat, 0.4), side * 12)
        pen.ellipse(side * 0.34, -0.06, 0.16, 0.13, iris, side * 12)
        pen.ellipse(side * 0.34, -0.06, rng.uniform(0.04, 0.09), 0.13, BLACK)
        for y in (0.2, 0.32, 0.44):
            whisker = [(side * 0.25, 0.3), (side * 1.0, y)]
            pen.tube(whisker, 0.03, mix(coat, WHITE, 0.8))
    nose = choose(rng, (215, 130, 130), BLACK)
    pen.polygon([(-0.1, 0.16), (0.1, 0.16), (0, 0.27)], nose)
    pen.tube([(0, 0.25), (0, 0.36)], 0.03, shade(coat, 0.4))
