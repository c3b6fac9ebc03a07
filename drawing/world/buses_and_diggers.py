"""Large vehicles on roads and rails: bus, tram, excavator; and the golf cart."""

from drawing.pen import shade
from drawing.world import parts

LAMP = (250, 240, 190)


def bus(pen, rng):
    body, second = parts.tint(rng), parts.tint(rng)
    glass, tire = parts.glass(rng), parts.dark(rng)
    if rng.uniform() < 0.25:
        _front(pen, rng, body, second, glass, tire)
        return
    decks = 1 + (rng.uniform() < 0.3)
    top, low = (-0.78 if decks == 2 else rng.uniform(-0.5, -0.35)), 0.42
    pen.blob([(-1.0, top), (0.95, top), (1.02, 0.0), (1.0, low), (-1.0, low)], body)
    pen.box(-0.98, low - rng.uniform(0.15, 0.3), 0.99, low - 0.06, second)
    for deck in range(decks):
        y = top + 0.12 + 0.5 * deck
        parts.windows(pen, -0.92, y, 0.62, y + 0.28, rng.randint(4, 8), glass, 0.8)
    pen.polygon([(0.7, top + 0.1), (0.92, top + 0.1), (0.98, 0.1), (0.7, 0.1)], glass)
    for x in [-0.3, 0.5][: rng.randint(0, 3)]:
        pen.box(x - 0.1, low - 0.55, x + 0.1, low - 0.02, shade(glass, 0.8))
    for x in (-0.6, 0.6):
        parts.wheel(pen, x, low + 0.04, rng.uniform(0.17, 0.22), tire, (150, 150, 150))


def _front(pen, rng, body, second, glass, tire):
    top = rng.uniform(-0.9, -0.7)
    for x in (-0.48, 0.48):
        pen.box(x - 0.13, 0.5, x + 0.13, 0.9, tire)
    pen.blob([(-0.62, top), (0.62, top), (0.68, 0.6), (0, 0.72), (-0.68, 0.6)], body)
    pen.polygon([(-0.5, top + 0.3), (0.5, top + 0.3), (0.56, 0), (-0.56, 0)], glass)
    pen.box(-0.4, top + 0.08, 0.4, top + 0.22, shade(second, 0.5))
    pen.box(-0.6, 0.3, 0.6, 0.42, second)
    for x in (-0.45, 0.45):
        pen.ellipse(x, 0.2, 0.1, 0.1, LAMP)


def tram(pen, rng):
    body, second = parts.tint(rng), parts.tint(rng)
    glass, dark = parts.glass(rng), parts.dark(rng)
    top, low = rng.uniform(-0.4, -0.25), rng.uniform(0.3, 0.42)
    pen.box(-1.3, low + 0.28, 1.3, low + 0.33, shade(dark, 1.6))
    for x in (-0.6, -0.42, 0.42, 0.6):
        parts.wheel(pen, x, low + 0.15, 0.13, dark, (130, 130, 135))
    slope = rng.uniform(0.05, 0.25)
    pen.polygon(
        [(-1 + slope, top), (1 - slope, top), (1.0, low), (-1.0, low)], body
    )  # alike at both ends
    pen.box(-0.99, low - 0.25, 0.99, low - rng.uniform(0.05, 0.15), second)
    parts.windows(pen, -0.85, top + 0.1, 0.85, top + 0.38, rng.randint(4, 7), glass)
    for x in (-0.35, 0.35):
        pen.box(x - 0.11, top + 0.1, x + 0.11, low - 0.02, shade(glass, 0.75))
    if rng.uniform() < 0.5:  # a joint in the middle
        pen.box(-0.05, top, 0.05, low, dark)
    x = rng.uniform(-0.4, 0.2)
    parts.line(pen, [(x, top), (x + 0.22, top - 0.22), (x, top - 0.45)], 0.05, dark)
    pen.box(-1.3, top - 0.5, 1.3, top - 0.46, dark)


def excavator(pen, rng):
    body, dark = parts.tint(rng), parts.dark(rng)
    low = rng.uniform(0.72, 0.85)
    if rng.uniform() < 0.7:  # tracks
        pen.blob(
            [(-0.85, low - 0.26), (0.35, low - 0.26), (0.42, low), (-0.92, low)], dark
        )
        for i in range(4):
            pen.ellipse(-0.68 + 0.29 * i, low - 0.1, 0.1, 0.1, shade(dark, 1.9))
    else:
        for x in (-0.62, 0.12):
            parts.wheel(pen, x, low - 0.14, 0.24, dark, body)
    pen.polygon([(-0.95, 0.05), (0.25, 0.05), (0.25, 0.45), (-0.9, 0.45)], body)
    top = rng.uniform(-0.6, -0.4)
    pen.polygon([(-0.35, 0.1), (-0.32, top), (0.12, top), (0.25, 0.1)], body)
    pen.polygon(
        [(-0.22, 0), (-0.2, top + 0.12), (0.08, top + 0.12), (0.16, 0)],
        parts.glass(rng),
    )
    bend = (rng.uniform(0.4, 0.62), rng.uniform(-0.95, -0.65))
    hand = (rng.uniform(0.8, 0.98), rng.uniform(-0.25, 0.3))
    arm = shade(body, rng.uniform(0.75, 1.15))
    pen.tube([(0.2, 0.2), bend], [0.22, 0.16], arm)
    pen.tube([bend, hand], [0.15, 0.1], arm)
    x, y = hand
    shovel = [(x - 0.3, y + 0.05), (x + 0.08, y - 0.05), (x + 0.08, y + 0.3)]
    pen.polygon([*shovel, (x - 0.18, y + 0.34)], shade(dark, 1.3))


def golf_cart(pen, rng):
    body, dark, roof = parts.tint(rng), parts.dark(rng), parts.tint(rng)
    top = rng.uniform(-0.9, -0.7)
    for x in (-0.62, 0.48):
        parts.bar(pen, x * 0.9, 0.2, x * 0.8, top, 0.05, dark)
    pen.box(-0.78, top - 0.07, 0.66, top + 0.05, roof)
    pen.polygon([(-0.95, 0.1), (-0.45, 0.05), (-0.4, 0.5), (-0.95, 0.5)], body)
    pen.polygon([(0.3, 0.0), (0.75, 0.1), (0.95, 0.5), (0.25, 0.55)], body)
    pen.box(-0.95, 0.42, 0.9, 0.56, shade(body, 0.75))
    seat = parts.tint(rng)
    pen.box(-0.55, 0.1, 0.0, 0.25, seat)
    parts.bar(pen, -0.5, 0.15, -0.58, -0.3, 0.13, seat)
    parts.bar(pen, 0.35, 0.1, 0.18, -0.18, 0.05, dark)
    pen.ellipse(0.17, -0.2, 0.05, 0.16, dark, -25)
    if rng.uniform() < 0.4:
        for i in range(3):  # a bag of clubs
            parts.bar(pen, -0.85, 0.1, -0.98 + 0.1 * i, -0.4, 0.04, (190, 190, 190))
    for x in (-0.62, 0.6):
        parts.wheel(pen, x, 0.62, rng.uniform(0.19, 0.25), dark, (200, 200, 200))
