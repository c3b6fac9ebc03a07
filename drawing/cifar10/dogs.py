"""Dogs: sitting, standing, lying, or the face."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import any_color, mix, shade, wobble


def dog(pen, rng):
    """Its face, or a dog that sits, stands, runs or lies; ears hang or point."""
    coat = parts.coat(rng)
    second = parts.second(rng, coat)
    ears = choose(rng, "hang", "hang", "point", "fold")
    marks = choose(rng, "none", "none", "patches", "patches", "spots")
    view = choose(rng, "face", "face", "sit", "stand", "stand", "lie")
    dark = shade(coat, 0.6)
    if view == "face":
        return _dog_face(pen.at(0, 0.02), rng, coat, second, ears)
    if view == "sit":
        pen.tube([(-0.5, 0.8), (-0.8, 0.7), (-0.92, 0.4)], [0.16, 0.12, 0.07], coat)
        body = [(0.02, -0.3), (0.3, 0.0), (0.28, 0.5), (0.05, 0.85), (-0.55, 0.9)]
        body = wobble(rng, [*body, (-0.6, 0.45), (-0.3, 0.0)], 0.03)
        pen.blob(body, coat)
        parts.patches(pen, rng, body, dark, marks)
        pen.ellipse(-0.38, 0.68, 0.26, 0.24, shade(coat, 0.85))
        pen.tube([(-0.4, 0.88), (-0.05, 0.9)], 0.12, second)
        for x in (0.08, 0.24):
            pen.tube([(x, 0.2), (x + 0.02, 0.88)], 0.14, shade(coat, 0.8 + x))
            pen.ellipse(x + 0.06, 0.9, 0.11, 0.06, second)
        part = pen.at(0.16, -0.45, rng.uniform(-20, 10), rng.uniform(0.85, 1.05))
        if rng.uniform() < 0.5:
            return _dog_face(pen.at(0.1, -0.45, scale=0.5), rng, coat, second, ears)
        return _dog_side(part, rng, coat, second, ears)
    if view == "stand":
        low = rng.uniform(0, 1) < 0.25  # a dachshund
        top, ground = (0.35, 0.72) if low else (0.2, 0.88)
        stride = choose(rng, 0.05, 0.3)
        end = (-0.95, rng.uniform(-0.5, 0.2))
        pen.tube(
            [(-0.6, 0.0), (-0.82, -0.08), end], [0.14, 0.11, 0.06], shade(coat, 0.9)
        )
        places = (-0.5, -0.4, 0.22, 0.34)
        parts.legs(pen, rng, coat, places, top, ground, 0.13, stride, second)
        body = [(-0.66, 0.0), (-0.2, -0.1), (0.35, -0.18), (0.5, 0.1), (0.3, 0.42)]
        body = wobble(rng, [*body, (-0.2, 0.28), (-0.55, 0.3)], 0.03)
        pen.blob(body, coat)
        parts.patches(pen, rng, body, dark, marks)
        high = rng.uniform(-0.5, -0.25)
        pen.tube([(0.35, 0.05), (0.5, high)], [0.36, 0.26], coat)
        if rng.uniform() < 0.4:
            pen.tube([(0.33, -0.22), (0.54, -0.1)], 0.06, any_color(rng, (0.7, 1)))
        part = pen.at(0.54, high, rng.uniform(-15, 15), rng.uniform(0.8, 0.98))
        return _dog_side(part, rng, coat, second, ears)
    pen.tube([(-0.7, 0.5), (-0.98, 0.6)], [0.14, 0.07], shade(coat, 0.85))
    body = [(-0.8, 0.55), (-0.65, 0.15), (0.0, 0.12), (0.4, 0.0), (0.5, 0.55)]
    body = wobble(rng, [*body, (0.0, 0.7), (-0.6, 0.72)], 0.03)
    pen.blob(body, coat)
    parts.patches(pen, rng, body, dark, marks)
    pen.ellipse(-0.48, 0.5, 0.3, 0.22, shade(coat, 0.85))
    for y in (0.62, 0.7):
        pen.tube([(0.3, y - 0.05), (0.88, y)], 0.13, shade(coat, y + 0.35))
    part = pen.at(0.42, -0.12, rng.uniform(-10, 25), rng.uniform(0.85, 1.05))
    return _dog_side(part, rng, coat, second, ears)


def _dog_side(pen, rng, coat, second, ears):
    """A head in profile: long muzzle, black nose, ear."""
    dark = shade(coat, 0.6)
    long = rng.uniform(0.36, 0.54)
    if ears == "point":
        pen.polygon([(-0.1, -0.12), (-0.08, -0.5), (0.1, -0.2)], shade(coat, 0.8))
    pen.ellipse(0, 0, 0.27, 0.24, coat)
    muzzle = [(0.05, -0.12), (long - 0.04, -0.06), (long, 0.06), (long - 0.08, 0.16)]
    pen.blob([*muzzle, (0.0, 0.2)], second)
    pen.ellipse(long - 0.01, -0.03, 0.07, 0.06, BLACK)
    pen.tube([(long - 0.06, 0.1), (0.14, 0.12)], 0.03, shade(coat, 0.4))
    if rng.uniform() < 0.35:
        pen.blob(
            [(0.26, 0.12), (0.36, 0.14), (0.34, 0.32), (0.27, 0.3)], (215, 105, 115)
        )
    parts.eye(pen, 0.1, -0.08, 0.045)
    if ears == "hang":
        low = rng.uniform(0.22, 0.4)
        pen.blob([(-0.18, -0.2), (0.0, -0.14), (-0.02, low), (-0.22, low - 0.05)], dark)
    elif ears == "point":
        pen.polygon([(-0.22, -0.1), (-0.2, -0.48), (0.0, -0.2)], dark)
    else:
        pen.polygon([(-0.2, -0.16), (-0.02, -0.32), (0.12, -0.02), (-0.04, -0.1)], dark)


def _dog_face(pen, rng, coat, second, ears):
    """A face from the front: a muzzle that stands out, a large nose, ears, a tongue."""
    dark = shade(coat, rng.uniform(0.5, 0.8))
    wide = rng.uniform(0.5, 0.62)
    for side in (-1, 1):
        if ears == "point":
            pen.polygon(
                [(side * wide, -0.2), (side * 0.56, -0.98), (side * 0.12, -0.5)], dark
            )
            pen.polygon(
                [(side * wide * 0.9, -0.3), (side * 0.52, -0.8), (side * 0.26, -0.5)],
                mix(coat, (200, 140, 140), 0.5),
            )
    face = [
        (0, -0.66),
        (wide * 0.8, -0.5),
        (wide, -0.05),
        (wide * 0.75, 0.4),
        (0.3, 0.72),
    ]
    face += [(0, 0.8)] + [(-x, y) for x, y in face[:0:-1]]
    pen.blob(face, coat)
    if rng.uniform() < 0.4:  # a patch over one eye
        pen.inside(face, lambda part: part.ellipse(0.3, -0.2, 0.26, 0.3, dark))
    if rng.uniform() < 0.4:  # a blaze
        pen.tube([(0, -0.6), (0, 0.2)], [0.08, 0.22], second)
    for side in (-1, 1):
        if ears == "hang":
            low = rng.uniform(0.35, 0.7)
            ear = [(side * 0.3, -0.62), (side * 0.78, -0.5), (side * 0.92, low)]
            pen.blob([*ear, (side * 0.66, low + 0.05), (side * 0.52, -0.2)], dark)
        elif ears == "fold":
            ear = [(side * 0.2, -0.62), (side * 0.5, -0.85), (side * 0.88, -0.3)]
            pen.polygon([*ear, (side * 0.6, -0.4)], dark)
    pen.ellipse(0, 0.36, 0.36, 0.34, second)
    if rng.uniform() < 0.5:
        pen.blob(
            [(-0.14, 0.55), (0.14, 0.55), (0.12, 0.9), (-0.12, 0.9)], (215, 105, 115)
        )
    pen.tube([(0, 0.3), (0, 0.5)], 0.05, shade(coat, 0.35))
    pen.tube([(-0.22, 0.56), (0, 0.5), (0.22, 0.56)], 0.05, shade(coat, 0.35))
    pen.blob([(-0.2, 0.12), (0.2, 0.12), (0.1, 0.32), (-0.1, 0.32)], BLACK)
    for side in (-1, 1):
        parts.eye(
            pen,
            side * 0.27,
            -0.14,
            0.085,
            white=choose(rng, None, mix(coat, WHITE, 0.5)),
        )
