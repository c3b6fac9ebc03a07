"""Automobiles: five kinds, from the side, or from the front."""

from drawing.cifar10 import parts
from drawing.cifar10.parts import BLACK, WHITE, choose
from drawing.pen import shade, wobble

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
    """A sedan, hatchback, van, sports car or beetle; or any car from the front."""
    if rng.uniform() < 0.25:
        return _car_front(pen, rng)
    kind = choose(rng, *CARS)
    color, glass = parts.paint_of(rng), parts.glass(rng)
    depth = parts.depth(rng)
    part = pen.at(-depth[0] / 2, 0.2 - depth[1] / 2, scale=1 - depth[0] / 2.2)
    tall = rng.uniform(0.9, 1.25)
    roof = wobble(rng, [(x, y * tall) for x, y in CARS[kind]], 0.03)
    nose = (roof[-1][0] + 0.03, 0.3)
    outline = [(roof[0][0] - 0.02, 0.32), *roof, nose]
    wheels = (-0.56, 0.56)
    r = rng.uniform(0.17, 0.23)
    for x in wheels:  # the far side
        part.ellipse(x + depth[0], 0.32 + depth[1], r, r, BLACK)
    parts.push(part, outline, depth, color, {4: glass, 6: shade(color, 0.7)})
    if depth[0]:
        for share in (0.2, 0.8):  # front lamps
            x, y = nose[0] + depth[0] * share - 0.01, 0.12 + depth[1] * share
            part.ellipse(x, y, 0.05, 0.06, (250, 245, 215))
    part.box(roof[0][0], 0.24, nose[0], 0.32, shade(color, 0.65))
    _side_windows(part, rng, roof, glass)
    part.ellipse(nose[0] - 0.06, 0.08, 0.05, 0.05, (250, 240, 200))
    part.ellipse(roof[0][0] + 0.04, 0.1, 0.04, 0.05, (190, 30, 30))
    hub = choose(rng, (190, 190, 195), (110, 110, 115), shade(color, 0.9))
    for x in wheels:
        parts.wheel(part, rng, x, 0.32, r, hub)


def _side_windows(pen, rng, roof, glass):
    """Paint the windows under a car's roof, with one or two posts."""
    (bx, by), (x1, y1), (x2, y2), (fx, fy) = roof[1], roof[2], roof[3], roof[4]
    low = max(by, fy, -0.14)
    edge = 0.06
    left, right = x1 + (bx - x1) * 0.6, x2 + (fx - x2) * 0.75
    points = [(left, low), (x1 + edge * 0.7, y1 + edge), (x2, y2 + edge), (right, low)]
    pen.polygon(points, glass)
    for share in choose(rng, (0.45,), (0.3, 0.7)):
        x = left + (right - left) * share
        pen.box(x - 0.025, min(y1, y2), x + 0.025, low, (45, 45, 50))


def _car_front(pen, rng):
    """A car seen from the front or, with red lamps, from behind."""
    color, glass = parts.paint_of(rng), parts.glass(rng)
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
    lamp = choose(rng, (250, 245, 215), (250, 245, 215), (200, 30, 30))
    for x in (-wide * 0.72, wide * 0.72):
        pen.ellipse(x, 0.25, 0.14, 0.1, lamp)
    pen.box(-wide * 0.4, 0.2, wide * 0.4, 0.34, shade(color, 0.45))
    pen.box(-0.16, 0.48, 0.16, 0.58, WHITE)
    for x in (-wide - 0.06, wide + 0.06):
        pen.ellipse(x, -0.02, 0.08, 0.06, shade(color, 0.8))
