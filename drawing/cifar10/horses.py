"""Horses: the whole animal, or the head."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import any_color, mix, shade, wobble


def horse(pen, rng):
    """A horse that stands, gallops, grazes or rears, or its head; at times a saddle."""
    coat = parts.coat(rng)
    mane = choose(rng, (40, 34, 32), shade(coat, 0.5), mix(coat, WHITE, 0.7))
    if rng.uniform() < 0.25:
        return _horse_head(pen.at(-0.28, 0.12, -8, 1.9), rng, coat, mane, bust=True)
    pen = pen.at(0, 0, choose(rng, 0, 0, 0, -25))
    sock = choose(rng, BLACK, WHITE, shade(coat, 0.6))
    flow = rng.uniform(-0.3, 0.0)
    tail = [
        (-0.62, -0.08),
        (-0.84, 0.0),
        (-0.9 + flow * 0.3, 0.35 + flow),
        (-0.95, 0.7 + flow * 2),
    ]
    pen.tube(tail, [0.12, 0.2, 0.2, 0.06], mane)
    places = (-0.54, -0.42, 0.2, 0.32)
    stride = choose(rng, 0.04, 0.15, 0.4)
    parts.legs(pen, rng, coat, places, 0.2, 0.9, 0.12, stride, sock, joint=0.03)
    body = [
        (-0.7, 0.0),
        (-0.45, -0.2),
        (0.0, -0.12),
        (0.35, -0.2),
        (0.5, 0.1),
        (0.3, 0.36),
    ]
    body = wobble(rng, [*body, (-0.2, 0.34), (-0.6, 0.3)], 0.02)
    pen.blob(body, coat)
    parts.patches(
        pen,
        rng,
        body,
        mix(coat, WHITE, 0.85),
        choose(rng, "none", "none", "none", "patches"),
    )
    if rng.uniform() < 0.25:
        color = any_color(rng, (0.5, 0.9))
        pen.blob([(-0.2, -0.16), (0.15, -0.18), (0.12, 0.12), (-0.16, 0.12)], color)
        pen.blob(
            [(-0.16, -0.22), (0.12, -0.24), (0.06, -0.08), (-0.1, -0.08)], (75, 45, 30)
        )
    if rng.uniform() < 0.2:
        head = (0.74, 0.36)
        pen.tube([(0.3, 0.0), (0.56, 0.12), head], [0.44, 0.32, 0.22], coat)
        pen.tube([(0.3, -0.2), (0.62, -0.04), (0.8, 0.2)], 0.13, mane)
        return _horse_head(pen.at(*head, 75), rng, coat, mane)
    head = (rng.uniform(0.56, 0.68), rng.uniform(-0.66, -0.54))
    pen.tube([(0.26, 0.04), (0.42, -0.28), head], [0.5, 0.36, 0.22], coat)
    pen.tube([(0.12, -0.2), (0.3, -0.5), (head[0] - 0.1, head[1] - 0.1)], 0.15, mane)
    return _horse_head(pen.at(*head, rng.uniform(15, 50), 0.9), rng, coat, mane)


def _horse_head(pen, rng, coat, mane, bust=False):
    """A long deep head in profile; with ``bust`` also the neck."""
    if bust:
        pen.polygon([(-0.28, 0.5), (-0.2, -0.12), (0.04, -0.14), (0.16, 0.5)], coat)
        for _ in range(6):
            y = rng.uniform(-0.2, 0.4)
            pen.tube([(-0.16, y), (-0.34, y + 0.14)], [0.12, 0.05], mane)
        pen = pen.at(0, -0.12, rng.uniform(25, 45))
    for x in (0.02, -0.08):
        pen.polygon([(x - 0.04, -0.1), (x, -0.3), (x + 0.07, -0.1)], shade(coat, 0.8))
    head = [(-0.14, -0.1), (0.06, -0.15), (0.5, -0.04), (0.54, 0.08), (0.4, 0.14)]
    pen.blob([*head, (0.06, 0.2), (-0.12, 0.12)], coat)
    pen.ellipse(0.48, 0.04, 0.09, 0.09, shade(coat, 0.7))
    if rng.uniform() < 0.4:
        pen.tube([(0.1, -0.13), (0.42, -0.05)], 0.06, WHITE)
    pen.tube([(-0.08, -0.16), (0.08, -0.1)], 0.09, mane)
    parts.eye(pen, 0.08, -0.04, 0.04)
    if rng.uniform() < 0.4:
        strap = any_color(rng)
        pen.tube([(0.34, -0.08), (0.3, 0.14)], 0.04, strap)
        pen.tube([(0.32, 0.04), (-0.04, 0.0)], 0.035, strap)
