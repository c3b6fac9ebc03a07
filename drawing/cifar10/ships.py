"""Ships: freighters, liners, warships, tugs and sailing ships."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import any_color, hsv, mix, shade, vary


def ship(pen, rng):
    """A freighter, liner, warship, tug or sailing boat; at times a water line."""
    kind = choose(rng, _freighter, _liner, _sails, _sails, _warship, _tug)
    kind(pen, rng)
    if rng.uniform() < 0.6:  # the water line
        sea = hsv(
            rng.uniform(0.48, 0.64), rng.uniform(0.2, 0.7), rng.uniform(0.4, 0.85)
        )
        crest = [(-1.05 + 0.15 * i, 0.6 + rng.uniform(-0.06, 0.04)) for i in range(15)]
        pen.polygon([*crest, (1.05, 0.74), (-1.05, 0.74)], sea)
        pen.tube(crest[::3], 0.03, mix(sea, WHITE, 0.6))


def _hull(pen, rng, top=0.2, left=-0.95, right=0.98, deep=0.68):
    color = parts.paint_of(rng)
    cut = rng.uniform(0.05, 0.2)
    rake = rng.uniform(0.12, 0.3)
    bow = top - rng.uniform(0.0, 0.14)
    outline = [(left, top), (right - rake - 0.1, top), (right, bow)]
    pen.polygon([*outline, (right - rake, deep), (left + cut, deep)], color)
    red = choose(rng, (150, 45, 40), shade(color, 0.6), (60, 60, 70))
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
    pen.box(-0.4, -0.2, 0.35, 0.2, choose(rng, WHITE, any_color(rng)))
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
    color = choose(rng, WHITE, WHITE, (225, 205, 165), any_color(rng))
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
        choose(rng, shade(color, 0.85), any_color(rng)),
    )
    if masts == 2:
        pen.tube([(-0.45, 0.35), (-0.45, -0.6)], 0.04, (85, 60, 40))
        pen.polygon([(-0.48, -0.55), (-0.48, 0.26), (-0.98, 0.26)], shade(color, 0.9))
