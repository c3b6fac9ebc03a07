"""Deer: the whole animal, or the face."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import mix, shade, vary, wobble


def deer(pen, rng):
    """A stag, doe or fawn, from the side, or its face with antlers or wide ears."""
    coat = parts.coat(rng)
    belly = mix(coat, WHITE, 0.65)
    antlers = rng.uniform() < 0.55
    if rng.uniform() < 0.25:
        return _deer_face(pen, rng, coat, belly, antlers)
    bone = vary(rng, choose(rng, (225, 205, 170), (110, 80, 55)), 12)
    pen.blob([(-0.62, -0.02), (-0.78, 0.02), (-0.74, 0.16), (-0.6, 0.12)], WHITE)
    places = (-0.52, -0.42, 0.16, 0.26)
    stride = choose(rng, 0.04, 0.12, 0.32)
    parts.legs(pen, rng, coat, places, 0.2, 0.92, 0.08, stride, BLACK, joint=0.02)
    body = [(-0.64, 0.02), (-0.2, -0.08), (0.25, -0.12), (0.42, 0.05), (0.25, 0.32)]
    body = wobble(rng, [*body, (-0.2, 0.26), (-0.56, 0.26)], 0.02)
    pen.blob(body, coat)
    if rng.uniform() < 0.35:
        parts.patches(pen, rng, body, WHITE, "spots")
    if rng.uniform() < 0.15 and not antlers:  # it grazes
        head = (0.66, 0.46)
        pen.tube([(0.3, 0.05), (0.5, 0.2), head], [0.3, 0.22, 0.16], coat)
        return _deer_head(pen.at(*head, 45, 0.9), rng, coat, belly, False, bone)
    head = (rng.uniform(0.42, 0.58), rng.uniform(-0.5, -0.38))
    pen.tube([(0.26, 0.06), head], [0.34, 0.18], coat)
    pen.tube([(0.4, 0.0), (head[0] + 0.06, head[1] + 0.14)], 0.08, belly)
    size = 0.8 if antlers else 0.95
    return _deer_head(pen.at(*head, 0, size), rng, coat, belly, antlers, bone)


def _deer_head(pen, rng, coat, belly, antlers, bone):
    """A narrow head in profile with a long ear, and antlers that branch."""
    if antlers:
        for lean, color in ((0.16, shade(bone, 0.75)), (-0.12, bone)):
            _antler(pen.at(0.0, -0.1), rng, lean, color, 0.62)
    pen.blob(
        [(-0.16, -0.12), (0.08, -0.18), (0.42, 0.04), (0.44, 0.14), (0.1, 0.16)], coat
    )
    pen.ellipse(0.38, 0.12, 0.1, 0.06, belly)
    pen.ellipse(0.44, 0.06, 0.05, 0.05, BLACK)
    pen.blob(
        [(-0.08, -0.1), (-0.2, -0.3), (-0.46, -0.3), (-0.28, -0.1)], shade(coat, 0.8)
    )
    pen.ellipse(-0.26, -0.2, 0.1, 0.04, belly, 30)
    parts.eye(pen, 0.08, -0.06, 0.05)


def _antler(pen, rng, lean, color, high):
    """One antler: a bent beam and two to four points."""
    beam = [(0, 0), (lean * 1.6 - 0.12, -high * 0.5), (lean * 2, -high)]
    pen.tube(beam, [0.09, 0.075, 0.05], color)
    for share in (0.3, 0.55, 0.8)[: rng.randint(2, 4)]:
        x = beam[1][0] * min(1, share * 2) + (beam[2][0] - beam[1][0]) * max(
            0, share - 0.5
        )
        pen.tube([(x, -high * share), (x + 0.2, -high * share - 0.2)], 0.055, color)


def _deer_face(pen, rng, coat, belly, antlers):
    """From the front: a narrow face, ears out to the sides, antlers above."""
    bone = vary(rng, choose(rng, (225, 205, 170), (110, 80, 55)), 12)
    pen.tube([(0, 0.4), (0, 1.0)], [0.44, 0.7], shade(coat, 0.8))
    for side in (-1, 1):
        part = pen.at(side * 0.14, -0.28, flip=side < 0)
        if antlers:
            part.tube([(0, 0), (0.42, -0.25), (0.5, -0.68)], [0.1, 0.09, 0.05], bone)
            part.tube([(0.2, -0.12), (0.14, -0.5)], 0.07, bone)
            part.tube([(0.46, -0.45), (0.76, -0.62)], 0.06, bone)
            part.tube([(0.4, -0.25), (0.74, -0.32)], 0.06, bone)
        ear = [(0.0, 0.12), (0.3, -0.1), (0.72, 0.0), (0.4, 0.2)]
        part.blob(ear, shade(coat, 0.85))
        part.blob([(0.18, 0.1), (0.34, -0.02), (0.58, 0.02), (0.38, 0.12)], belly)
    face = [
        (0, -0.42),
        (0.26, -0.34),
        (0.32, -0.05),
        (0.2, 0.4),
        (0.16, 0.62),
        (0, 0.7),
    ]
    pen.blob(face + [(-x, y) for x, y in face[-2:0:-1]], coat)
    pen.ellipse(0, 0.56, 0.16, 0.14, belly)
    pen.ellipse(0, 0.5, 0.11, 0.08, BLACK)
    for side in (-1, 1):
        parts.eye(pen, side * 0.22, -0.06, 0.07, white=belly)
