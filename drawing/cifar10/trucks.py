"""Trucks with several kinds of load, pickups, and trucks from the front."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, choose
from drawing.pen import any_color, ring, shade, vary, wobble


def truck(pen, rng):
    """A lorry with a box, tank, dump bed or logs; a pickup; a lorry's front."""
    if rng.uniform() < 0.2:
        return _truck_front(pen, rng)
    color, glass = parts.paint_of(rng), parts.glass(rng)
    depth = parts.depth(rng)
    part = pen.at(-depth[0] / 2, 0.1 - depth[1] / 2, scale=1 - depth[0] / 2.2)
    kind = choose(rng, "box", "box", "box", "tank", "dump", "logs", "pickup", "fire")
    if kind == "pickup":
        return _pickup(part, rng, color, glass, depth)
    r = rng.uniform(0.14, 0.19)
    split = rng.uniform(0.3, 0.5)
    height = rng.uniform(0.5, 0.75)
    load = parts.paint_of(rng)
    if kind == "fire":
        color = load = vary(rng, (200, 40, 35), 20)
    wheels = [-0.72, -0.72 + 2.15 * r, 0.68]
    if rng.uniform() < 0.4:
        wheels = [-0.62, 0.66]
    for x in wheels:
        part.ellipse(x + depth[0], 0.52 + depth[1], r, r, BLACK)
    parts.push(part, _corners(-0.96, 0.34, 0.9, 0.48), depth, (60, 60, 65))
    _cab(part, rng, color, glass, depth, split)
    _load(part, rng, kind, load, depth, split - 0.06, height)
    for x in wheels:
        parts.wheel(part, rng, x, 0.52, r, choose(rng, (170, 170, 175), (90, 90, 95)))


def _corners(left, top, right, bottom):
    """Return a box as an outline: edge 1 is its top, edge 2 its front."""
    return [(left, bottom), (left, top), (right, top), (right, bottom)]


def _cab(pen, rng, color, glass, depth, split):
    """The cab, over the engine or behind it, from ``split`` to the front."""
    top = -rng.uniform(0.2, 0.4)
    if rng.uniform() < 0.5:  # over the engine
        front = wobble(
            rng, [(split, 0.42), (split, top), (0.88, top), (0.96, 0.05)], 0.02
        )
        outline = [*front, (0.96, 0.42)]
        window = [(split + 0.12, 0.04), (split + 0.12, top + 0.1), (0.84, top + 0.1)]
        screen = {2: glass}
    else:  # a bonnet in front
        mid = split + (0.98 - split) * 0.55
        outline = [(split, 0.42), (split, top), (mid, top), (mid + 0.06, 0.05)]
        outline += [(0.97, 0.1), (0.97, 0.42)]
        window = [
            (split + 0.08, 0.04),
            (split + 0.08, top + 0.1),
            (mid - 0.02, top + 0.1),
        ]
        screen = {2: glass}
    parts.push(pen, outline, depth, color, screen)
    pen.polygon([*window, (window[2][0] + 0.04, 0.04)], glass)
    for share in (0.2, 0.8) if depth[0] else (0.0,):
        x, y = 0.95 + depth[0] * share, 0.28 + depth[1] * share
        pen.ellipse(x, y, 0.05, 0.05, (250, 245, 215))


def _load(pen, rng, kind, color, depth, front, height):
    top = 0.36 - height - 0.2
    if kind in ("box", "fire"):
        parts.push(pen, _corners(-0.98, top, front, 0.36), depth, color)
        mark = rng.randint(0, 4)
        if mark == 0:
            pen.box(-0.98, 0.05, front, 0.18, parts.paint_of(rng))
        elif mark == 1:
            pen.ellipse(-0.3, -0.1, 0.3, 0.16, parts.paint_of(rng))
        elif mark == 2:
            for i in range(6):
                x = -0.9 + i * (front + 0.9) / 6
                pen.box(x, top, x + 0.03, 0.36, shade(color, 0.75))
        if kind == "fire":
            ladder = (210, 210, 215)
            pen.tube([(-0.95, top - 0.02), (front + 0.3, top - 0.08)], 0.07, ladder)
    elif kind == "tank":
        dx, dy = depth
        middle, half = 0.34 - height / 2, height / 2
        pen.ellipse(
            front + dx * 0.4 - 0.05, middle + dy / 2, 0.16, half, shade(color, 0.7)
        )
        body = ring(-0.82, middle, 0.16, half)[8:25] + ring(
            front - 0.12, middle, 0.16, half
        )
        pen.blob(
            body[:17:4]
            + [(front - 0.15, middle - half), (front, middle)]
            + [(front - 0.15, middle + half)],
            color,
        )
        pen.box(
            -0.8,
            middle - half * 0.6,
            front - 0.1,
            middle - half * 0.4,
            shade(color, 1.3),
        )
    elif kind == "dump":
        bed = [(-0.98, 0.3), (-1.0, -0.2), (front, -0.3), (front - 0.08, 0.34)]
        heap = vary(rng, (130, 100, 70), 30)
        pen.blob(
            [(-0.9, -0.1), (-0.45, -0.55), (front - 0.1, -0.15), (-0.3, 0.1)], heap
        )
        parts.push(pen, bed, depth, color, {1: heap})
    else:
        wood = vary(rng, (125, 85, 50), 20)
        for row in range(4):
            y = 0.26 - 0.15 * row
            pen.tube(
                [(-0.92, y), (front - 0.06, y)], 0.16, shade(wood, 0.8 + 0.12 * row)
            )
            pen.ellipse(-0.95, y, 0.07, 0.075, (205, 170, 120))


def _pickup(pen, rng, color, glass, depth):
    wheels = (-0.58, 0.6)
    for x in wheels:
        pen.ellipse(x + depth[0], 0.48 + depth[1], 0.21, 0.21, BLACK)
    outline = [(-0.96, 0.4), (-0.96, 0.0), (-0.1, 0.0), (-0.06, -0.42), (0.28, -0.42)]
    outline += [(0.5, -0.02), (0.95, 0.06), (0.96, 0.4)]
    parts.push(pen, outline, depth, color, {1: (50, 50, 52), 4: glass})
    pen.polygon([(0.0, -0.04), (0.02, -0.34), (0.24, -0.34), (0.4, -0.04)], glass)
    pen.box(-0.96, 0.32, 0.96, 0.42, shade(color, 0.6))
    if rng.uniform() < 0.6:
        for _ in range(3):
            x = rng.uniform(-0.85, -0.35)
            pen.box(x, -rng.uniform(0.1, 0.25), x + 0.2, 0.02, any_color(rng))
    pen.ellipse(0.92, 0.15, 0.05, 0.06, (250, 245, 215))
    for x in wheels:
        parts.wheel(pen, rng, x, 0.46, 0.21, (175, 175, 180))


def _truck_front(pen, rng):
    """A lorry from the front: tall, with its box behind the cab."""
    color, glass = parts.paint_of(rng), parts.glass(rng)
    wide, top = rng.uniform(0.5, 0.66), -rng.uniform(0.35, 0.55)
    if rng.uniform() < 0.7:
        pen.box(-wide - 0.08, -0.95, wide + 0.08, 0.5, parts.paint_of(rng))
    for x in (-wide + 0.1, wide - 0.1):
        pen.box(x - 0.13, 0.4, x + 0.13, 0.95, BLACK)
    pen.box(-wide, top, wide, 0.75, color)
    pen.box(-wide + 0.06, top + 0.12, wide - 0.06, 0.02, glass)
    if rng.uniform() < 0.5:
        pen.box(-0.02, top + 0.12, 0.02, 0.02, shade(color, 0.6))
    grille = choose(rng, (185, 185, 190), (50, 50, 55))
    pen.box(-wide * 0.6, 0.14, wide * 0.6, 0.5, grille)
    for y in (0.2, 0.3, 0.4):
        pen.box(-wide * 0.6, y, wide * 0.6, y + 0.04, shade(grille, 0.6))
    pen.box(
        -wide - 0.03,
        0.56,
        wide + 0.03,
        0.76,
        choose(rng, (200, 200, 205), (70, 70, 75)),
    )
    for x in (-wide * 0.8, wide * 0.8):
        pen.ellipse(x, 0.44, 0.09, 0.08, (250, 245, 210))
        pen.box(x * 1.5 - 0.05, top + 0.15, x * 1.5 + 0.05, top + 0.45, BLACK)
