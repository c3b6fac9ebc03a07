"""Backgrounds, clutter and things in front: what surrounds a subject."""

from drawing.pen import any_color, hsv, mix, ring, shade, vary, wobble


def _bands(pen, rng, colors, wave=0.0):
    """Paint ``colors`` from top to bottom, in 24 steps of a smooth change."""
    steps = 24
    for i in range(steps):
        place = i / (steps - 1) * (len(colors) - 1)
        low = min(int(place), len(colors) - 2)
        color = mix(colors[low], colors[low + 1], place - low)
        top = -1 + 2 * i / steps
        pen.box(-1, top, 1, 1, color)


def _sky(pen, rng):
    top = hsv(rng.uniform(0.52, 0.64), rng.uniform(0.1, 0.7), rng.uniform(0.5, 1))
    if rng.uniform() < 0.2:  # evening
        top = hsv(rng.uniform(0.9, 1.1), rng.uniform(0.2, 0.6), rng.uniform(0.5, 0.9))
    _bands(pen, rng, [top, mix(top, (245, 240, 230), rng.uniform(0.2, 0.8))])
    for _ in range(rng.randint(0, 5)):
        _cloud(pen, rng)


def _cloud(pen, rng):
    x, y, size = rng.uniform(-1, 1), rng.uniform(-1, 0.3), rng.uniform(0.1, 0.3)
    color = (rng.uniform(205, 250),) * 3
    for _ in range(4):
        dx, dy = rng.uniform(-size, size) * 1.4, rng.uniform(-size, size) * 0.3
        pen.ellipse(x + dx, y + dy, size, size * 0.45, color)


def _land(pen, rng, ground):
    """Sky above a horizon, and below it the ground with tufts or stones."""
    _sky(pen, rng)
    horizon = rng.uniform(-0.5, 0.4)
    if rng.uniform() < 0.5:  # hills or trees far away
        color = mix(ground, (110, 140, 150), rng.uniform(0.3, 0.8))
        for _ in range(rng.randint(2, 6)):
            x, size = rng.uniform(-1, 1), rng.uniform(0.2, 0.6)
            pen.ellipse(x, horizon, size, size * rng.uniform(0.3, 0.9), color)
    steps = 10
    near, far = shade(ground, rng.uniform(0.7, 1.2)), mix(ground, (190, 195, 185), 0.3)
    for i in range(steps):
        top = horizon + (1 - horizon) * i / steps
        pen.box(-1, top, 1, 1, mix(far, near, i / steps))
    for _ in range(rng.randint(5, 40)):
        x, y = rng.uniform(-1, 1), rng.uniform(horizon, 1)
        size = 0.03 + 0.06 * (y - horizon)
        color = shade(ground, rng.uniform(0.7, 1.25))
        pen.ellipse(x, y, size * rng.uniform(0.5, 2), size * 0.5, color)


def _meadow(pen, rng):
    hue = rng.uniform(0.17, 0.4)
    _land(pen, rng, hsv(hue, rng.uniform(0.25, 0.75), rng.uniform(0.3, 0.75)))


def _sand(pen, rng):
    hue = rng.uniform(0.05, 0.14)
    _land(pen, rng, hsv(hue, rng.uniform(0.1, 0.5), rng.uniform(0.45, 0.9)))


def _snow(pen, rng):
    _land(pen, rng, hsv(0.6, rng.uniform(0, 0.1), rng.uniform(0.75, 0.95)))


def _road(pen, rng):
    _land(pen, rng, (rng.uniform(70, 170),) * 3)


def _water(pen, rng):
    color = hsv(rng.uniform(0.47, 0.66), rng.uniform(0.2, 0.8), rng.uniform(0.3, 0.8))
    if rng.uniform() < 0.6:
        _land(pen, rng, color)
    else:
        _bands(pen, rng, [shade(color, rng.uniform(0.8, 1.3)), color])
    for _ in range(rng.randint(5, 25)):
        x, y = rng.uniform(-1, 1), rng.uniform(-0.2, 1)
        wide = rng.uniform(0.05, 0.3)
        pen.ellipse(x, y, wide, 0.012, shade(color, rng.uniform(0.8, 1.4)))


def _leaves(pen, rng):
    """Foliage: many leaves of a few greens or autumn colors."""
    hue = rng.uniform(0.02, 0.42)
    base = hsv(hue, rng.uniform(0.3, 0.8), rng.uniform(0.2, 0.6))
    pen.box(-1, -1, 1, 1, base)
    for _ in range(rng.randint(30, 90)):
        x, y, size = rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(0.05, 0.22)
        color = shade(vary(rng, base, 18), rng.uniform(0.6, 1.6))
        pen.ellipse(x, y, size, size * 0.4, color, rng.uniform(0, 180))


def _room(pen, rng):
    """A wall, perhaps with a pattern or a frame, above a floor."""
    wall = hsv(rng.uniform(0, 1), rng.uniform(0, 0.45), rng.uniform(0.4, 0.95))
    pen.box(-1, -1, 1, 1, wall)
    kind = rng.randint(0, 4)
    if kind == 0:
        step = rng.uniform(0.12, 0.4)
        for i in range(int(2 / step) + 1):
            pen.box(-1 + i * step, -1, -1 + (i + 0.4) * step, 1, shade(wall, 0.9))
    elif kind == 1:
        x, y, w = rng.uniform(-0.8, 0.5), rng.uniform(-0.9, 0), rng.uniform(0.2, 0.6)
        pen.box(x - 0.04, y - 0.04, x + w + 0.04, y + w + 0.04, shade(wall, 0.6))
        pen.box(x, y, x + w, y + w, any_color(rng))
    floor = rng.uniform(0.1, 0.9)
    color = hsv(rng.uniform(0.02, 0.12), rng.uniform(0.1, 0.6), rng.uniform(0.25, 0.8))
    if rng.uniform() < 0.4:
        color = any_color(rng)
    pen.box(-1, floor, 1, 1, color)
    if rng.uniform() < 0.5:
        for i in range(9):
            pen.box(-1 + i / 4, floor, -0.98 + i / 4, 1, shade(color, 0.8))


def _plain(pen, rng):
    first, second = (any_color(rng, (0, 0.7), (0.2, 1)) for _ in range(2))
    _bands(pen, rng, [first, mix(first, second, rng.uniform(0, 0.8))])


def _blurred(pen, rng):
    """Soft large spots: a background out of focus."""
    base = any_color(rng, (0, 0.6), (0.2, 0.9))
    pen.box(-1, -1, 1, 1, base)
    for _ in range(rng.randint(6, 18)):
        size = rng.uniform(0.15, 0.6)
        color = mix(base, any_color(rng, (0, 0.8), (0.1, 1)), rng.uniform(0.2, 0.7))
        pen.ellipse(rng.uniform(-1, 1), rng.uniform(-1, 1), size, size, color)


BACKGROUNDS = {
    "sky": _sky,
    "meadow": _meadow,
    "sand": _sand,
    "snow": _snow,
    "road": _road,
    "water": _water,
    "leaves": _leaves,
    "room": _room,
    "plain": _plain,
    "blurred": _blurred,
}


OUTDOORS = ("sky", "meadow", "sand", "snow", "road", "water", "leaves", "blurred")
INDOORS = ("room", "plain", "blurred")
ANYWHERE = tuple(BACKGROUNDS)


def _thing(pen, rng, x, y, size):
    """A stone, box, stick, ball or tuft, which belongs to no class."""
    color, kind = any_color(rng, (0, 0.8), (0.15, 0.95)), rng.randint(0, 5)
    part = pen.at(x, y, rng.uniform(-60, 60), size)
    if kind == 0:
        part.blob(wobble(rng, ring(0, 0, 0.8, 0.6, count=7), 0.2), color)
        part.ellipse(-0.2, -0.2, 0.3, 0.18, shade(color, 1.25))
    elif kind == 1:
        part.box(-0.7, -0.5, 0.7, 0.5, color)
        part.box(-0.7, 0.1, 0.7, 0.5, shade(color, 0.75))
    elif kind == 2:
        part.tube([(-1, rng.uniform(-0.3, 0.3)), (0, 0), (1, 0.3)], 0.16, color)
    elif kind == 3:
        part.ellipse(0, 0, 0.6, 0.6, color)
        part.ellipse(-0.15, -0.2, 0.2, 0.2, shade(color, 1.4))
    else:
        for _ in range(5):
            part.tube([(0, 0.6), (rng.uniform(-0.8, 0.8), -0.7)], [0.16, 0.03], color)


def clutter(pen, rng, most):
    for _ in range(rng.randint(0, most + 1)):
        x, y = rng.uniform(-1, 1), rng.uniform(-0.9, 1)
        _thing(pen, rng, x, y, rng.uniform(0.08, 0.28))


def in_front(pen, rng):
    """A post, a bar, blades of grass or a thing, which hides a part of the subject."""
    color, kind = any_color(rng, (0.05, 0.7), (0.15, 0.8)), rng.randint(0, 4)
    if kind == 0:
        x, w = rng.uniform(-0.9, 0.9), rng.uniform(0.03, 0.1)
        pen.polygon([(x - w, -1), (x + w, -1), (x + w * 1.3, 1), (x - w, 1)], color)
    elif kind == 1:
        y, w = rng.uniform(0.3, 0.9), rng.uniform(0.03, 0.1)
        pen.polygon([(-1, y - w), (1, y - w), (1, y + w), (-1, y + w * 1.4)], color)
    elif kind == 2:
        for _ in range(rng.randint(6, 16)):
            x, top = rng.uniform(-1, 1), rng.uniform(0.2, 0.8)
            blade = [(x, 1.05), (x + rng.uniform(-0.2, 0.2), top)]
            pen.tube(blade, [0.06, 0.01], shade(color, rng.uniform(0.7, 1.2)))
    else:
        x, y = rng.choice([-0.85, 0.85]), rng.uniform(-0.5, 0.9)
        _thing(pen, rng, x, y, rng.uniform(0.25, 0.5))
