"""The ten subjects of CIFAR-10, drawn: each in several kinds, views and poses.

``SUBJECTS`` maps a class name to (draw, places): ``draw(pen, rng)`` paints one subject
in the square from -1 to 1, looking right; ``places`` names the backgrounds it is shown
on. No background belongs to one class, and cat, deer, dog and horse share their coats.
"""

from drawing.scene import any_color, hsv, mix, ring, shade, vary, wobble

BLACK, WHITE = (25, 24, 26), (240, 238, 232)


def _one(rng, *choices):
    return choices[rng.randint(len(choices))]


# Vehicles: a side view, pushed back to show the front as well


def _paint_of(rng):
    """Return the color of a vehicle: any, or white, gray, black."""
    if rng.uniform() < 0.35:
        value = _one(rng, 60, 150, 195, 240)
        return vary(rng, (value, value, value), 10)
    return any_color(rng, (0.5, 0.95), (0.45, 0.95))


def _glass(rng):
    return vary(rng, _one(rng, (50, 60, 75), (130, 165, 185), (85, 110, 130)), 12)


def _push(pen, outline, depth, color, colors=()):
    """Fill ``outline`` as the near side of a body that goes back by ``depth`` (dx, dy).

    ``colors`` maps the number of an edge to its color, where not a darker ``color``.
    """
    dx, dy = depth
    far = [(x + dx, y + dy) for x, y in outline]
    pen.polygon(far, shade(color, 0.7))
    count = len(outline)
    for i in range(count):
        j = (i + 1) % count
        quad = [outline[i], outline[j], far[j], far[i]]
        level = abs(outline[i][1] - outline[j][1]) < abs(outline[i][0] - outline[j][0])
        pen.polygon(quad, dict(colors).get(i, shade(color, 1.15 if level else 0.75)))
    pen.polygon(outline, color)


def _wheel(pen, rng, x, y, r, hub):
    pen.ellipse(x, y, r, r, BLACK)
    pen.ellipse(x, y, r * 0.55, r * 0.55, hub)
    if r > 0.15:
        pen.ellipse(x, y, r * 0.2, r * 0.2, shade(hub, 0.5))


def _depth(rng):
    """Return how far a vehicle goes back: not at all (side view), or to the right."""
    if rng.uniform() < 0.4:
        return (0.0, 0.0)
    return (rng.uniform(0.15, 0.5), -rng.uniform(0.03, 0.16))


CARS = {  # roof line from the back bumper to the front bumper, y of the belt line
    "saloon": [
        (-0.95, -0.02),
        (-0.62, -0.1),
        (-0.42, -0.42),
        (0.14, -0.43),
        (0.44, -0.1),
    ]
    + [(0.9, -0.02)],
    "hatchback": [(-0.85, -0.02), (-0.78, -0.15), (-0.6, -0.5), (0.08, -0.52)]
    + [(0.42, -0.12), (0.84, -0.02)],
    "van": [(-0.92, -0.1), (-0.9, -0.3), (-0.82, -0.64), (0.32, -0.66), (0.68, -0.16)]
    + [(0.92, -0.05)],
    "sports": [(-0.95, 0.02), (-0.8, -0.1), (-0.35, -0.28), (0.0, -0.3), (0.35, -0.02)]
    + [(0.97, 0.1)],
    "beetle": [
        (-0.88, 0.05),
        (-0.72, -0.18),
        (-0.38, -0.48),
        (0.1, -0.5),
        (0.36, -0.15),
    ]
    + [(0.82, -0.02)],
}


def automobile(pen, rng):
    """A saloon, hatchback, van, sports car or beetle; or any car from the front."""
    if rng.uniform() < 0.25:
        return _car_front(pen, rng)
    kind = _one(rng, *CARS)
    color, glass = _paint_of(rng), _glass(rng)
    depth = _depth(rng)
    part = pen.at(-depth[0] / 2, 0.2 - depth[1] / 2, scale=1 - depth[0] / 2.2)
    tall = rng.uniform(0.9, 1.25)
    roof = wobble(rng, [(x, y * tall) for x, y in CARS[kind]], 0.03)
    nose = (roof[-1][0] + 0.03, 0.3)
    outline = [(roof[0][0] - 0.02, 0.32), *roof, nose]
    wheels = (-0.56, 0.56)
    r = rng.uniform(0.17, 0.23)
    for x in wheels:  # the far side
        part.ellipse(x + depth[0], 0.32 + depth[1], r, r, BLACK)
    _push(part, outline, depth, color, {4: glass, 6: shade(color, 0.7)})
    if depth[0]:
        for share in (0.2, 0.8):  # front lamps
            x, y = nose[0] + depth[0] * share - 0.01, 0.12 + depth[1] * share
            part.ellipse(x, y, 0.05, 0.06, (250, 245, 215))
    part.box(roof[0][0], 0.24, nose[0], 0.32, shade(color, 0.65))
    _side_windows(part, rng, roof, glass)
    part.ellipse(nose[0] - 0.06, 0.08, 0.05, 0.05, (250, 240, 200))
    part.ellipse(roof[0][0] + 0.04, 0.1, 0.04, 0.05, (190, 30, 30))
    hub = _one(rng, (190, 190, 195), (110, 110, 115), shade(color, 0.9))
    for x in wheels:
        _wheel(part, rng, x, 0.32, r, hub)


def _side_windows(pen, rng, roof, glass):
    """Paint the windows under a car's roof, with one or two posts."""
    (bx, by), (x1, y1), (x2, y2), (fx, fy) = roof[1], roof[2], roof[3], roof[4]
    low = max(by, fy, -0.14)
    edge = 0.06
    left, right = x1 + (bx - x1) * 0.6, x2 + (fx - x2) * 0.75
    points = [(left, low), (x1 + edge * 0.7, y1 + edge), (x2, y2 + edge), (right, low)]
    pen.polygon(points, glass)
    for share in _one(rng, (0.45,), (0.3, 0.7)):
        x = left + (right - left) * share
        pen.box(x - 0.025, min(y1, y2), x + 0.025, low, (45, 45, 50))


def _car_front(pen, rng):
    """A car seen from the front or, with red lamps, from behind."""
    color, glass = _paint_of(rng), _glass(rng)
    wide, tall = rng.uniform(0.72, 0.92), rng.uniform(0.4, 0.75)
    for x in (-wide + 0.15, wide - 0.15):
        pen.box(x - 0.14, 0.3, x + 0.14, 0.78, BLACK)
    top = 0.05 - tall
    cabin = [(-wide * 0.85, 0.05), (-wide * 0.6, top), (wide * 0.6, top)]
    pen.polygon([*cabin, (wide * 0.85, 0.05)], color)
    window = [(-wide * 0.74, 0), (-wide * 0.54, top + 0.08), (wide * 0.54, top + 0.08)]
    pen.polygon([*window, (wide * 0.74, 0)], glass)
    body = [(-wide, 0.2), (-wide * 0.9, 0), (wide * 0.9, 0), (wide, 0.2)]
    pen.polygon([*body, (wide, 0.62), (-wide, 0.62)], color)
    pen.box(-wide, 0.48, wide, 0.64, shade(color, 0.6))
    lamp = _one(rng, (250, 245, 215), (250, 245, 215), (200, 30, 30))
    for x in (-wide * 0.72, wide * 0.72):
        pen.ellipse(x, 0.25, 0.14, 0.1, lamp)
    pen.box(-wide * 0.4, 0.2, wide * 0.4, 0.34, shade(color, 0.45))
    pen.box(-0.16, 0.48, 0.16, 0.58, WHITE)
    for x in (-wide - 0.06, wide + 0.06):
        pen.ellipse(x, -0.02, 0.08, 0.06, shade(color, 0.8))


def truck(pen, rng):
    """A lorry with a box, tank, dump bed or logs; a pickup; a lorry's front."""
    if rng.uniform() < 0.2:
        return _truck_front(pen, rng)
    color, glass = _paint_of(rng), _glass(rng)
    depth = _depth(rng)
    part = pen.at(-depth[0] / 2, 0.1 - depth[1] / 2, scale=1 - depth[0] / 2.2)
    kind = _one(rng, "box", "box", "box", "tank", "dump", "logs", "pickup", "fire")
    if kind == "pickup":
        return _pickup(part, rng, color, glass, depth)
    r = rng.uniform(0.14, 0.19)
    split = rng.uniform(0.3, 0.5)
    height = rng.uniform(0.5, 0.75)
    load = _paint_of(rng)
    if kind == "fire":
        color = load = vary(rng, (200, 40, 35), 20)
    wheels = [-0.72, -0.72 + 2.15 * r, 0.68]
    if rng.uniform() < 0.4:
        wheels = [-0.62, 0.66]
    for x in wheels:
        part.ellipse(x + depth[0], 0.52 + depth[1], r, r, BLACK)
    _push(part, _corners(-0.96, 0.34, 0.9, 0.48), depth, (60, 60, 65))
    _cab(part, rng, color, glass, depth, split)
    _load(part, rng, kind, load, depth, split - 0.06, height)
    for x in wheels:
        _wheel(part, rng, x, 0.52, r, _one(rng, (170, 170, 175), (90, 90, 95)))


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
    _push(pen, outline, depth, color, screen)
    pen.polygon([*window, (window[2][0] + 0.04, 0.04)], glass)
    for share in (0.2, 0.8) if depth[0] else (0.0,):
        x, y = 0.95 + depth[0] * share, 0.28 + depth[1] * share
        pen.ellipse(x, y, 0.05, 0.05, (250, 245, 215))


def _load(pen, rng, kind, color, depth, front, height):
    top = 0.36 - height - 0.2
    if kind in ("box", "fire"):
        _push(pen, _corners(-0.98, top, front, 0.36), depth, color)
        mark = rng.randint(0, 4)
        if mark == 0:
            pen.box(-0.98, 0.05, front, 0.18, _paint_of(rng))
        elif mark == 1:
            pen.ellipse(-0.3, -0.1, 0.3, 0.16, _paint_of(rng))
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
        _push(pen, bed, depth, color, {1: heap})
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
    _push(pen, outline, depth, color, {1: (50, 50, 52), 4: glass})
    pen.polygon([(0.0, -0.04), (0.02, -0.34), (0.24, -0.34), (0.4, -0.04)], glass)
    pen.box(-0.96, 0.32, 0.96, 0.42, shade(color, 0.6))
    if rng.uniform() < 0.6:
        for _ in range(3):
            x = rng.uniform(-0.85, -0.35)
            pen.box(x, -rng.uniform(0.1, 0.25), x + 0.2, 0.02, any_color(rng))
    pen.ellipse(0.92, 0.15, 0.05, 0.06, (250, 245, 215))
    for x in wheels:
        _wheel(pen, rng, x, 0.46, 0.21, (175, 175, 180))


def _truck_front(pen, rng):
    """A lorry from the front: tall, with its box behind the cab."""
    color, glass = _paint_of(rng), _glass(rng)
    wide, top = rng.uniform(0.5, 0.66), -rng.uniform(0.35, 0.55)
    if rng.uniform() < 0.7:
        pen.box(-wide - 0.08, -0.95, wide + 0.08, 0.5, _paint_of(rng))
    for x in (-wide + 0.1, wide - 0.1):
        pen.box(x - 0.13, 0.4, x + 0.13, 0.95, BLACK)
    pen.box(-wide, top, wide, 0.75, color)
    pen.box(-wide + 0.06, top + 0.12, wide - 0.06, 0.02, glass)
    if rng.uniform() < 0.5:
        pen.box(-0.02, top + 0.12, 0.02, 0.02, shade(color, 0.6))
    grille = _one(rng, (185, 185, 190), (50, 50, 55))
    pen.box(-wide * 0.6, 0.14, wide * 0.6, 0.5, grille)
    for y in (0.2, 0.3, 0.4):
        pen.box(-wide * 0.6, y, wide * 0.6, y + 0.04, shade(grille, 0.6))
    pen.box(
        -wide - 0.03, 0.56, wide + 0.03, 0.76, _one(rng, (200, 200, 205), (70, 70, 75))
    )
    for x in (-wide * 0.8, wide * 0.8):
        pen.ellipse(x, 0.44, 0.09, 0.08, (250, 245, 210))
        pen.box(x * 1.5 - 0.05, top + 0.15, x * 1.5 + 0.05, top + 0.45, BLACK)


# Airplane


def airplane(pen, rng):
    """An airliner, propeller plane, biplane, fighter or glider, from some side."""
    return _one(rng, _airliner, _airliner, _plan, _plan, _biplane, _small, _nose)(
        pen, rng
    )


def _metal(rng):
    """Return a plane's color: white or gray more often than another."""
    return _one(rng, WHITE, WHITE, (185, 190, 195), _paint_of(rng), _paint_of(rng))


def _airliner(pen, rng):
    """From the side, a little from below or above, one wing towards us."""
    color = _metal(rng)
    second = any_color(rng, (0.5, 0.9), (0.4, 0.9))
    r = rng.uniform(0.11, 0.16)
    pen = pen.at(0, 0, _one(rng, 0, -8, -18, -28, 10))
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
    kind = _one(rng, "airliner", "airliner", "fighter", "straight")
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
    color, wing = _paint_of(rng), _paint_of(rng)
    pen = pen.at(0, 0, _one(rng, 0, -10, -20))
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
    _wheel(pen, rng, 0.42, 0.45, 0.11, (150, 150, 150))
    pen.ellipse(0.86, 0, 0.03, 0.42, (80, 60, 45), rng.uniform(-25, 25))
    pen.ellipse(0.84, 0, 0.08, 0.09, shade(color, 0.6))


def _small(pen, rng):
    """A light plane with the wing on top, or a jet fighter, from the side."""
    color, second = _paint_of(rng), _paint_of(rng)
    pen = pen.at(0, 0, _one(rng, 0, -10, -25, 12))
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
            _wheel(pen, rng, x, 0.42, 0.09, (150, 150, 150))
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
        for x in _one(rng, (0.42,), (0.35, 0.66)):
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


# Ship


def ship(pen, rng):
    """A freighter, liner, warship, tug or sailing boat; at times a water line."""
    kind = _one(rng, _freighter, _liner, _sails, _sails, _warship, _tug)
    kind(pen, rng)
    if rng.uniform() < 0.6:  # the water line
        sea = hsv(
            rng.uniform(0.48, 0.64), rng.uniform(0.2, 0.7), rng.uniform(0.4, 0.85)
        )
        crest = [(-1.05 + 0.15 * i, 0.6 + rng.uniform(-0.06, 0.04)) for i in range(15)]
        pen.polygon([*crest, (1.05, 0.74), (-1.05, 0.74)], sea)
        pen.tube(crest[::3], 0.03, mix(sea, WHITE, 0.6))


def _hull(pen, rng, top=0.2, left=-0.95, right=0.98, deep=0.68):
    color = _paint_of(rng)
    cut = rng.uniform(0.05, 0.2)
    rake = rng.uniform(0.12, 0.3)
    bow = top - rng.uniform(0.0, 0.14)
    outline = [(left, top), (right - rake - 0.1, top), (right, bow)]
    pen.polygon([*outline, (right - rake, deep), (left + cut, deep)], color)
    red = _one(rng, (150, 45, 40), shade(color, 0.6), (60, 60, 70))
    high = deep - 0.14
    pen.polygon(
        [
            (left + cut * 0.7, high),
            (right - rake * 0.7, high),
            (right - rake, deep),
            (left + cut, deep),
        ],
        red,
    )
    if rng.uniform() < 0.5:
        pen.tube([(left, top + 0.03), (right - 0.2, top + 0.03)], 0.05, WHITE)
    return color


def _freighter(pen, rng):
    _hull(pen, rng, top=0.22)
    x = rng.uniform(-0.88, -0.6)
    pen.box(x, -0.45, x + 0.3, 0.25, WHITE)
    for y in (-0.36, -0.2, -0.04):
        pen.box(x + 0.03, y, x + 0.27, y + 0.06, (60, 75, 95))
    pen.box(x + 0.03, -0.68, x + 0.15, -0.43, any_color(rng))
    if rng.uniform() < 0.65:  # containers
        for column in range(5):
            left = x + 0.36 + column * 0.22
            for row in range(rng.randint(1, 4)):
                top = 0.08 - row * 0.15
                if left + 0.2 < 0.8:
                    pen.box(
                        left, top, left + 0.2, top + 0.14, any_color(rng, (0.5, 0.9))
                    )
    else:  # cranes
        for left in (x + 0.6, x + 1.1):
            pen.tube([(left, 0.2), (left, -0.5)], 0.05, (150, 120, 60))
            pen.tube([(left, 0.0), (left + 0.3, -0.4)], 0.04, (150, 120, 60))


def _liner(pen, rng):
    _hull(pen, rng, top=0.22)
    left, right, y = -0.85, 0.7, 0.22
    for _ in range(rng.randint(2, 5)):
        pen.box(left, y - 0.16, right, y, WHITE)
        pen.box(left + 0.05, y - 0.11, right - 0.05, y - 0.05, (70, 95, 120))
        left, right, y = (
            left + rng.uniform(0, 0.15),
            right - rng.uniform(0.08, 0.2),
            y - 0.16,
        )
    color = any_color(rng, (0.6, 0.95))
    for i in range(rng.randint(1, 4)):
        x = left + 0.15 + i * 0.3
        pen.polygon(
            [(x, y), (x - 0.06, y - 0.34), (x + 0.12, y - 0.34), (x + 0.18, y)], color
        )
        pen.box(x - 0.06, y - 0.36, x + 0.12, y - 0.28, BLACK)


def _warship(pen, rng):
    gray = vary(rng, (130, 138, 145), 15)
    pen.polygon(
        [(-0.98, 0.3), (0.6, 0.28), (1, 0.16), (0.8, 0.66), (-0.88, 0.66)], gray
    )
    light = shade(gray, rng.uniform(1.1, 1.4))
    pen.box(-0.4, -0.05, 0.3, 0.3, light)
    pen.box(-0.1, -0.35, 0.2, 0.0, shade(light, 0.9))
    pen.box(-0.1, -0.28, 0.2, -0.22, (50, 60, 70))
    pen.tube([(0.05, -0.3), (0.05, -0.92)], [0.07, 0.03], shade(gray, 0.6))
    pen.tube([(-0.12, -0.65), (0.22, -0.65)], 0.04, shade(gray, 0.6))
    pen.box(-0.35, -0.25, -0.2, 0, shade(gray, 0.7))
    for x, way in ((0.45, 1), (-0.65, -1)):
        pen.ellipse(x, 0.22, 0.13, 0.1, shade(gray, 0.85))
        pen.tube([(x, 0.2), (x + 0.36 * way, 0.1)], 0.04, shade(gray, 0.6))


def _tug(pen, rng):
    _hull(pen, rng, top=0.15, left=-0.85, right=0.9)
    pen.box(-0.4, -0.2, 0.35, 0.2, _one(rng, WHITE, any_color(rng)))
    pen.box(-0.1, -0.5, 0.3, -0.18, WHITE)
    pen.box(-0.02, -0.42, 0.24, -0.28, (60, 80, 100))
    pen.box(-0.15, -0.56, 0.35, -0.48, any_color(rng))
    color = any_color(rng, (0.6, 0.95))
    pen.box(-0.38, -0.6, -0.18, -0.1, color)
    pen.box(-0.38, -0.6, -0.18, -0.5, BLACK)
    pen.tube([(0.1, -0.5), (0.1, -0.92)], 0.04, (70, 60, 50))
    for x in (-0.6, -0.2, 0.2) if rng.uniform() < 0.6 else ():
        pen.ellipse(x, 0.32, 0.08, 0.08, BLACK)


def _sails(pen, rng):
    """A boat with one, two or three masts."""
    color = _one(rng, WHITE, WHITE, (225, 205, 165), any_color(rng))
    masts = rng.randint(1, 4)
    _hull(pen, rng, top=0.34, left=-0.8 if masts < 3 else -0.95, right=0.85)
    if masts == 3:  # square sails
        for x, high in ((-0.55, -0.7), (0.0, -0.92), (0.5, -0.7)):
            pen.tube([(x, 0.35), (x, high)], 0.05, (85, 60, 40))
            for row in range(3):
                y, half = high + 0.05 + row * 0.36, 0.17 + 0.05 * row
                pen.blob(
                    [
                        (x - half, y),
                        (x + half, y),
                        (x + half + 0.08, y + 0.16),
                        (x + half, y + 0.3),
                        (x - half, y + 0.3),
                        (x - half + 0.06, y + 0.15),
                    ],
                    shade(color, 1 - 0.05 * row),
                )
        return
    mast = 0.1 if masts == 1 else 0.25
    pen.tube([(mast, 0.35), (mast, -0.95)], 0.05, (85, 60, 40))
    pen.polygon(
        [(mast - 0.04, -0.9), (mast - 0.04, 0.22), (-0.7, 0.22), (-0.3, -0.2)], color
    )
    pen.polygon(
        [(mast + 0.05, -0.8), (0.85, 0.22), (mast + 0.08, 0.22)],
        _one(rng, shade(color, 0.85), any_color(rng)),
    )
    if masts == 2:
        pen.tube([(-0.45, 0.35), (-0.45, -0.6)], 0.04, (85, 60, 40))
        pen.polygon([(-0.48, -0.55), (-0.48, 0.26), (-0.98, 0.26)], shade(color, 0.9))


# Four-legged animals


def _coat(rng):
    """Return the color of a coat; cat, deer, dog and horse draw from the same."""
    kind = rng.randint(0, 7)
    if kind < 3:
        color = hsv(
            rng.uniform(0.04, 0.1), rng.uniform(0.35, 0.7), rng.uniform(0.35, 0.7)
        )
    elif kind == 3:
        color = hsv(
            rng.uniform(0.05, 0.09), rng.uniform(0.6, 0.8), rng.uniform(0.7, 0.9)
        )
    elif kind == 4:
        color = (rng.uniform(95, 165),) * 3
    elif kind == 5:
        color = hsv(0.11, rng.uniform(0.05, 0.3), rng.uniform(0.82, 0.95))
    else:
        color = (rng.uniform(45, 70),) * 3
    return vary(rng, color, 10)


def _eye(pen, x, y, r, color=(20, 18, 18), white=None):
    if white is not None:
        pen.ellipse(x, y, r * 1.5, r * 1.5, white)
    pen.ellipse(x, y, r, r, color)
    pen.ellipse(x + r * 0.3, y - r * 0.35, r * 0.35, r * 0.35, WHITE)


def _legs(pen, rng, coat, places, top, ground, thick, stride, foot, joint=0.0):
    """Four legs at x ``places``, the far pair darker, swung by up to ``stride``."""
    for i, x in enumerate(places):
        swing = rng.uniform(-stride, stride)
        color = shade(coat, 0.68 if i % 2 == 0 else 0.95)
        knee = (x + swing * 0.3 + (joint if x > 0 else -joint), (top + ground) / 2)
        end = (x + swing, ground)
        pen.tube([(x, top), knee, end], [thick * 1.5, thick, thick * 0.8], color)
        pen.ellipse(end[0] + thick * 0.3, ground, thick * 0.75, thick * 0.45, foot)


def _patches(pen, rng, outline, color, kind):
    """Patches, stripes or spots inside ``outline``."""
    if kind == "none":
        return

    def paint(part):
        xs, ys = [x for x, _ in outline], [y for _, y in outline]
        for _ in range({"patches": 3, "stripes": 7, "spots": 16}[kind]):
            x, y = rng.uniform(min(xs), max(xs)), rng.uniform(min(ys), max(ys))
            if kind == "patches":
                part.blob(wobble(rng, ring(x, y, 0.22, 0.16, count=6), 0.06), color)
            elif kind == "stripes":
                part.tube([(x, min(ys)), (x + 0.05, y)], [0.06, 0.03], color)
            else:
                part.ellipse(x, y, 0.03, 0.03, color)

    pen.inside(outline, paint)


def _second(rng, coat):
    """Return a color for a belly, patch or muzzle that differs from the coat."""
    return _one(rng, mix(coat, WHITE, 0.6), mix(coat, WHITE, 0.75), shade(coat, 0.5))


# Cat


def cat(pen, rng):
    """Its face, or a cat that sits, walks or lies."""
    coat = _coat(rng)
    view = _one(rng, "face", "face", "sit", "sit", "walk", "lie")
    marks = _one(rng, "none", "stripes", "stripes", "patches")
    second = _second(rng, coat)
    if view == "face":
        return _cat_face(pen.at(0, 0.12), rng, coat, second, marks)
    if view == "sit":
        tail = [(0.3, 0.8), (0.65, 0.85), (0.8, 0.6), (0.62, rng.uniform(0.1, 0.45))]
        pen.tube(tail, [0.16, 0.15, 0.13, 0.1], shade(coat, 0.85))
        body = [(0, -0.35), (0.28, -0.1), (0.44, 0.5), (0.36, 0.9), (-0.36, 0.9)]
        body = wobble(rng, [*body, (-0.44, 0.5), (-0.28, -0.1)], 0.03)
        pen.blob(body, coat)
        _patches(pen, rng, body, shade(coat, 0.65), marks)
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
        _legs(pen, rng, coat, places, 0.25, 0.85, 0.12, 0.16, second)
        body = [(-0.68, 0.1), (-0.3, -0.14), (0.3, -0.14), (0.58, 0.0), (0.4, 0.35)]
        body = wobble(rng, [*body, (-0.5, 0.36)], 0.03)
        pen.blob(body, coat)
        _patches(pen, rng, body, shade(coat, 0.65), marks)
        part = pen.at(0.62, rng.uniform(-0.25, 0.0), rng.uniform(-10, 15), 0.4)
        return _cat_face(part, rng, coat, second, marks)
    body = [(-0.85, 0.5), (-0.7, 0.05), (-0.2, -0.12), (0.4, 0.05), (0.7, 0.45)]
    body = wobble(rng, [*body, (0.5, 0.68), (-0.6, 0.7)], 0.04)
    tail = [(-0.75, 0.6), (-0.95, 0.4), (-0.9, 0.1)]
    if rng.uniform() < 0.5:
        tail = [(-0.75, 0.62), (-0.4, 0.76), (0.1, 0.74)]
    pen.blob(body, coat)
    _patches(pen, rng, body, shade(coat, 0.65), marks)
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
    iris = _one(rng, (190, 205, 70), (230, 180, 50), (110, 180, 110), (120, 180, 215))
    for side in (-1, 1):
        pen.ellipse(side * 0.34, -0.06, 0.19, 0.16, shade(coat, 0.4), side * 12)
        pen.ellipse(side * 0.34, -0.06, 0.16, 0.13, iris, side * 12)
        pen.ellipse(side * 0.34, -0.06, rng.uniform(0.04, 0.09), 0.13, BLACK)
        for y in (0.2, 0.32, 0.44):
            whisker = [(side * 0.25, 0.3), (side * 1.0, y)]
            pen.tube(whisker, 0.03, mix(coat, WHITE, 0.8))
    nose = _one(rng, (215, 130, 130), BLACK)
    pen.polygon([(-0.1, 0.16), (0.1, 0.16), (0, 0.27)], nose)
    pen.tube([(0, 0.25), (0, 0.36)], 0.03, shade(coat, 0.4))


# Dog


def dog(pen, rng):
    """Its face, or a dog that sits, stands, runs or lies; ears hang or point."""
    coat = _coat(rng)
    second = _second(rng, coat)
    ears = _one(rng, "hang", "hang", "point", "fold")
    marks = _one(rng, "none", "none", "patches", "patches", "spots")
    view = _one(rng, "face", "face", "sit", "stand", "stand", "lie")
    dark = shade(coat, 0.6)
    if view == "face":
        return _dog_face(pen.at(0, 0.02), rng, coat, second, ears)
    if view == "sit":
        pen.tube([(-0.5, 0.8), (-0.8, 0.7), (-0.92, 0.4)], [0.16, 0.12, 0.07], coat)
        body = [(0.02, -0.3), (0.3, 0.0), (0.28, 0.5), (0.05, 0.85), (-0.55, 0.9)]
        body = wobble(rng, [*body, (-0.6, 0.45), (-0.3, 0.0)], 0.03)
        pen.blob(body, coat)
        _patches(pen, rng, body, dark, marks)
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
        stride = _one(rng, 0.05, 0.3)
        end = (-0.95, rng.uniform(-0.5, 0.2))
        pen.tube(
            [(-0.6, 0.0), (-0.82, -0.08), end], [0.14, 0.11, 0.06], shade(coat, 0.9)
        )
        places = (-0.5, -0.4, 0.22, 0.34)
        _legs(pen, rng, coat, places, top, ground, 0.13, stride, second)
        body = [(-0.66, 0.0), (-0.2, -0.1), (0.35, -0.18), (0.5, 0.1), (0.3, 0.42)]
        body = wobble(rng, [*body, (-0.2, 0.28), (-0.55, 0.3)], 0.03)
        pen.blob(body, coat)
        _patches(pen, rng, body, dark, marks)
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
    _patches(pen, rng, body, dark, marks)
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
    _eye(pen, 0.1, -0.08, 0.045)
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
        _eye(
            pen, side * 0.27, -0.14, 0.085, white=_one(rng, None, mix(coat, WHITE, 0.5))
        )


# Deer and horse


def deer(pen, rng):
    """A stag, doe or fawn, from the side, or its face with antlers or wide ears."""
    coat = _coat(rng)
    belly = mix(coat, WHITE, 0.65)
    antlers = rng.uniform() < 0.55
    if rng.uniform() < 0.25:
        return _deer_face(pen, rng, coat, belly, antlers)
    bone = vary(rng, _one(rng, (225, 205, 170), (110, 80, 55)), 12)
    pen.blob([(-0.62, -0.02), (-0.78, 0.02), (-0.74, 0.16), (-0.6, 0.12)], WHITE)
    places = (-0.52, -0.42, 0.16, 0.26)
    stride = _one(rng, 0.04, 0.12, 0.32)
    _legs(pen, rng, coat, places, 0.2, 0.92, 0.08, stride, BLACK, joint=0.02)
    body = [(-0.64, 0.02), (-0.2, -0.08), (0.25, -0.12), (0.42, 0.05), (0.25, 0.32)]
    body = wobble(rng, [*body, (-0.2, 0.26), (-0.56, 0.26)], 0.02)
    pen.blob(body, coat)
    if rng.uniform() < 0.35:
        _patches(pen, rng, body, WHITE, "spots")
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
    _eye(pen, 0.08, -0.06, 0.05)


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
    bone = vary(rng, _one(rng, (225, 205, 170), (110, 80, 55)), 12)
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
        _eye(pen, side * 0.22, -0.06, 0.07, white=belly)


def horse(pen, rng):
    """A horse that stands, gallops, grazes or rears, or its head; at times a saddle."""
    coat = _coat(rng)
    mane = _one(rng, (40, 34, 32), shade(coat, 0.5), mix(coat, WHITE, 0.7))
    if rng.uniform() < 0.25:
        return _horse_head(pen.at(-0.28, 0.12, -8, 1.9), rng, coat, mane, bust=True)
    pen = pen.at(0, 0, _one(rng, 0, 0, 0, -25))
    sock = _one(rng, BLACK, WHITE, shade(coat, 0.6))
    flow = rng.uniform(-0.3, 0.0)
    tail = [
        (-0.62, -0.08),
        (-0.84, 0.0),
        (-0.9 + flow * 0.3, 0.35 + flow),
        (-0.95, 0.7 + flow * 2),
    ]
    pen.tube(tail, [0.12, 0.2, 0.2, 0.06], mane)
    places = (-0.54, -0.42, 0.2, 0.32)
    stride = _one(rng, 0.04, 0.15, 0.4)
    _legs(pen, rng, coat, places, 0.2, 0.9, 0.12, stride, sock, joint=0.03)
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
    _patches(
        pen,
        rng,
        body,
        mix(coat, WHITE, 0.85),
        _one(rng, "none", "none", "none", "patches"),
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
    _eye(pen, 0.08, -0.04, 0.04)
    if rng.uniform() < 0.4:
        strap = any_color(rng)
        pen.tube([(0.34, -0.08), (0.3, 0.14)], 0.04, strap)
        pen.tube([(0.32, 0.04), (-0.04, 0.0)], 0.035, strap)


# Bird


def bird(pen, rng):
    """A bird that perches, flies, swims or wades, or an owl from the front."""
    color = _coat(rng) if rng.uniform() < 0.4 else any_color(rng, (0.4, 0.9))
    if rng.uniform() < 0.15:
        color = WHITE
    second = _one(rng, mix(color, WHITE, 0.7), any_color(rng), shade(color, 0.55))
    bill = _one(rng, (235, 165, 40), (70, 65, 60), (215, 90, 40))
    views = _perched, _perched, _flying, _flying, _above, _swimming, _wading, _owl
    return _one(rng, *views)(pen, rng, color, second, bill)


def _bird_head(pen, rng, color, bill, long):
    pen.ellipse(0, 0, 0.2, 0.19, color)
    pen.polygon([(0.12, -0.09), (0.2 + long, 0.03), (0.12, 0.1)], bill)
    _eye(pen, 0.06, -0.04, 0.05, white=_one(rng, None, WHITE))


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
    beat = _one(rng, -1, -1, 1)
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
    pen.ellipse(0, -0.48, 0.11, 0.13, _one(rng, color, second))
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
    iris = _one(rng, (240, 190, 50), WHITE, (235, 130, 40))
    for side in (-1, 1):
        pen.ellipse(side * 0.21, -0.42, 0.2, 0.2, mix(color, WHITE, 0.5))
        pen.ellipse(side * 0.21, -0.42, 0.13, 0.13, iris)
        pen.ellipse(side * 0.21, -0.42, 0.07, 0.07, BLACK)
    pen.polygon([(-0.1, -0.34), (0.1, -0.34), (0, -0.12)], bill)


# Frog


def frog(pen, rng):
    """A frog that squats (side or front), leaps, or lies flat as seen from above."""
    hue = rng.uniform(0.18, 0.42)
    color = hsv(hue, rng.uniform(0.35, 0.9), rng.uniform(0.4, 0.85))
    view = _one(rng, _squat, _squat, _frog_front, _frog_front, _flat, _leap)
    if view != _flat and rng.uniform() < 0.4:
        color = _one(rng, _coat(rng), any_color(rng, (0.6, 0.95), (0.5, 0.95)))
    belly = mix(color, (240, 235, 200), rng.uniform(0.5, 0.8))
    iris = _one(rng, (235, 190, 60), (240, 235, 220), (210, 90, 50))
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


LAND = ("meadow", "sand", "snow", "road", "water", "leaves", "blurred", "plain", "room")
OPEN = ("sky", "meadow", "sand", "snow", "road", "water", "blurred", "plain")
SUBJECTS = {  # in the order of CIFAR-10's labels
    "airplane": (airplane, ("sky", "sky", *OPEN)),
    "automobile": (automobile, ("road", *OPEN)),
    "bird": (bird, ("sky", "leaves", *LAND)),
    "cat": (cat, ("room", *LAND)),
    "deer": (deer, ("meadow", "sky", *LAND)),
    "dog": (dog, ("meadow", *LAND)),
    "frog": (frog, ("leaves", "water", *LAND)),
    "horse": (horse, ("meadow", "sky", *LAND)),
    "ship": (ship, ("water", "sky", *OPEN)),
    "truck": (truck, ("road", *OPEN)),
}
