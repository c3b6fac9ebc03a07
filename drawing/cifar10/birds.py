"""Birds: perched, flying, from above, swimming, wading, and owls."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import any_color, hsv, mix, shade, vary, wobble


def bird(pen, rng):
    """A bird that perches, flies, swims or wades, or an owl from the front."""
    color = parts.coat(rng) if rng.uniform() < 0.4 else any_color(rng, (0.4, 0.9))
    if rng.uniform() < 0.15:
        color = WHITE
    second = choose(rng, mix(color, WHITE, 0.7), any_color(rng), shade(color, 0.55))
    bill = choose(rng, (235, 165, 40), (70, 65, 60), (215, 90, 40))
    views = _perched, _perched, _flying, _flying, _above, _swimming, _wading, _owl
    return choose(rng, *views)(pen, rng, color, second, bill)


def _bird_head(pen, rng, color, bill, long):
    pen.ellipse(0, 0, 0.2, 0.19, color)
    pen.polygon([(0.12, -0.09), (0.2 + long, 0.03), (0.12, 0.1)], bill)
    parts.eye(pen, 0.06, -0.04, 0.05, white=choose(rng, None, WHITE))


def _perched(pen, rng, color, second, bill):
    lean = pen.at(0, -0.05, rng.uniform(-25, 15))
    for x in (-0.06, 0.12):
        pen.tube([(x, 0.4), (x, 0.8)], 0.05, shade(bill, 0.8))
    if rng.uniform() < 0.6:
        y = 0.8
        wood = vary(rng, (105, 75, 50), 20)
        pen.tube([(-0.95, y + rng.uniform(-0.1, 0.1)), (0.95, y)], [0.12, 0.08], wood)
    long = rng.uniform(0.3, 0.55)
    tail = [(-0.3, 0.05), (-0.4 - long, 0.22), (-0.38 - long, 0.4), (-0.25, 0.3)]
    lean.polygon(tail, shade(second, 0.8))
    body = [
        (-0.5, 0.2),
        (-0.2, -0.12),
        (0.2, -0.3),
        (0.48, -0.05),
        (0.36, 0.32),
        (0, 0.48),
    ]
    lean.blob(wobble(rng, body, 0.03), color)
    lean.blob([(0.4, -0.1), (0.44, 0.1), (0.3, 0.34), (0.0, 0.44), (0.2, 0.1)], second)
    wing = [(0.2, -0.1), (0.22, 0.14), (-0.2, 0.3), (-0.62, 0.28), (-0.2, -0.02)]
    lean.blob(wing, shade(color, rng.uniform(0.6, 0.8)))
    head = lean.at(0.38, -0.36, rng.uniform(-15, 25), rng.uniform(1.0, 1.3))
    if rng.uniform() < 0.2:
        head.polygon([(-0.16, -0.1), (-0.1, -0.45), (0.1, -0.16)], second)
    _bird_head(head, rng, color, bill, rng.uniform(0.1, 0.3))


def _flying(pen, rng, color, second, bill):
    """From the side: a wing up or down, the other behind the body."""
    pen = pen.at(0, 0.1, rng.uniform(-25, 15))
    beat = choose(rng, -1, -1, 1)
    reach = rng.uniform(0.6, 0.95)
    tip = (-0.3 + rng.uniform(-0.3, 0.3), beat * reach)
    far = [
        (0.25, 0),
        (tip[0] + 0.4, tip[1] * 0.9),
        (tip[0] + 0.3, tip[1] * 0.6),
        (-0.2, 0),
    ]
    pen.polygon(far, shade(color, 0.6))
    pen.polygon(
        [(-0.45, -0.06), (-0.98, -0.16), (-0.9, 0.0), (-0.98, 0.14), (-0.4, 0.1)],
        shade(color, 0.75),
    )
    pen.blob([(-0.6, 0.0), (0.0, -0.16), (0.5, -0.1), (0.5, 0.08), (0.0, 0.2)], color)
    pen.blob([(-0.4, 0.08), (0.4, 0.08), (0.1, 0.2)], second)
    _bird_head(
        pen.at(0.6, -0.06, scale=0.85), rng, color, bill, rng.uniform(0.15, 0.35)
    )
    wing = [(0.25, -0.02), (0.1, tip[1] * 0.6), tip, (tip[0] - 0.18, tip[1] * 0.7)]
    wing += [(-0.4, tip[1] * 0.35), (-0.3, 0.02)]
    pen.polygon(wing, shade(color, 0.85))
    pen.polygon(
        [
            tip,
            (tip[0] - 0.18, tip[1] * 0.7),
            (-0.4, tip[1] * 0.35),
            (-0.1, tip[1] * 0.4),
        ],
        shade(second, 0.7),
    )


def _above(pen, rng, color, second, bill):
    """Both wings spread, seen from below or above, as gulls and hawks glide."""
    pen = pen.at(0, 0, rng.uniform(-70, 70))
    bend, back = rng.uniform(0.05, 0.3), rng.uniform(-0.2, 0.35)
    for side in (-1, 1):
        front = [
            (side * 0.05, -0.25),
            (side * 0.45, -0.25 - bend),
            (side * 0.98, back - bend),
        ]
        pen.polygon(
            [
                *front,
                (side * 0.85, back - bend + 0.16),
                (side * 0.45, 0.1),
                (side * 0.05, 0.15),
            ],
            shade(color, 0.9),
        )
        pen.polygon(
            [front[2], (side * 0.85, back - bend + 0.16), (side * 0.66, -0.02)],
            shade(second, 0.6),
        )
    fan = rng.uniform(0.1, 0.24)
    pen.polygon(
        [(-0.07, 0.3), (-fan, 0.72), (0, 0.76), (fan, 0.72), (0.07, 0.3)], second
    )
    pen.blob(
        [(0, -0.5), (0.12, -0.3), (0.14, 0.1), (0, 0.5), (-0.14, 0.1), (-0.12, -0.3)],
        color,
    )
    pen.ellipse(0, -0.48, 0.11, 0.13, choose(rng, color, second))
    pen.polygon([(-0.06, -0.56), (0, -0.76), (0.06, -0.56)], bill)


def _swimming(pen, rng, color, second, bill):
    """A duck or, with a long neck, a swan or goose."""
    swan = rng.uniform() < 0.4
    body = [
        (-0.9, 0.15),
        (-0.5, 0.12),
        (0.1, 0.08),
        (0.55, 0.2),
        (0.5, 0.55),
        (-0.4, 0.58),
    ]
    body = wobble(rng, body, 0.03)
    if swan:
        neck = [(0.42, 0.35), (0.56, 0.05), (0.38, -0.3), (0.42, -0.6)]
        pen.tube(neck, [0.26, 0.18, 0.14, 0.14], color)
        head = pen.at(0.46, -0.64, 10, 0.8)
    else:
        pen.tube([(0.36, 0.3), (0.44, -0.2)], [0.36, 0.22], second)
        head = pen.at(0.46, -0.26, 0, 1.1)
    pen.blob(body, color)
    pen.blob(
        [(0.2, 0.2), (0.1, 0.4), (-0.5, 0.42), (-0.88, 0.1), (-0.2, 0.12)],
        shade(color, 0.78),
    )
    _bird_head(head, rng, color if swan else second, bill, 0.28)
    if rng.uniform() < 0.7:
        sea = hsv(
            rng.uniform(0.48, 0.62), rng.uniform(0.2, 0.6), rng.uniform(0.45, 0.9)
        )
        crest = [(-1 + 0.2 * i, 0.5 + rng.uniform(-0.05, 0.05)) for i in range(11)]
        pen.polygon([*crest, (1, 0.66), (-1, 0.66)], sea)


def _wading(pen, rng, color, second, bill):
    """Long legs and a long neck: a heron, a stork, an ostrich."""
    stout = rng.uniform() < 0.4
    for x in (-0.12, 0.08):
        end = x + rng.uniform(-0.1, 0.15)
        pen.tube([(x, 0.25), (x - 0.04, 0.6), (end, 0.95)], 0.06, bill)
        pen.tube([(end, 0.95), (end + 0.14, 0.95)], 0.05, bill)
    body = [
        (-0.7, 0.12),
        (-0.3, -0.1),
        (0.2, -0.12),
        (0.32, 0.1),
        (0.1, 0.34),
        (-0.4, 0.3),
    ]
    if stout:
        pen.blob([(x, y * 1.4) for x, y in body], color)
    else:
        pen.blob(body, color)
    pen.blob(
        [(0.0, 0.0), (-0.1, 0.2), (-0.75, 0.22), (-0.4, -0.04)], shade(second, 0.8)
    )
    neck = [(0.2, 0.02), (0.42, -0.2), (0.3, -0.45), (0.36, -0.7)]
    pen.tube(neck, [0.22, 0.14, 0.11, 0.12], mix(color, second, 0.4))
    _bird_head(
        pen.at(0.42, -0.72, 10, 0.75), rng, color, bill, 0.5 if not stout else 0.25
    )


def _owl(pen, rng, color, second, bill):
    """From the front: an owl, or a chick without ear tufts."""
    for side in (-1, 1):
        pen.blob(
            [
                (side * 0.3, -0.2),
                (side * 0.62, 0.1),
                (side * 0.5, 0.75),
                (side * 0.2, 0.6),
            ],
            shade(color, 0.7),
        )
        pen.tube([(side * 0.16, 0.7), (side * 0.16, 0.88)], 0.12, bill)
    pen.blob(
        [(0, -0.4), (0.48, -0.1), (0.46, 0.5), (0, 0.82), (-0.46, 0.5), (-0.48, -0.1)],
        color,
    )
    pen.ellipse(0, 0.32, 0.28, 0.36, second)
    if rng.uniform() < 0.6:
        for side in (-1, 1):
            pen.polygon(
                [(side * 0.46, -0.4), (side * 0.5, -0.92), (side * 0.1, -0.68)],
                shade(color, 0.7),
            )
    pen.ellipse(0, -0.4, 0.48, 0.36, color)
    iris = choose(rng, (240, 190, 50), WHITE, (235, 130, 40))
    for side in (-1, 1):
        pen.ellipse(side * 0.21, -0.42, 0.2, 0.2, mix(color, WHITE, 0.5))
        pen.ellipse(side * 0.21, -0.42, 0.13, 0.13, iris)
        pen.ellipse(side * 0.21, -0.42, 0.07, 0.07, BLACK)
    pen.polygon([(-0.1, -0.34), (0.1, -0.34), (0, -0.12)], bill)
