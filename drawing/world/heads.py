"""Heads of four-legged animals: from the side, and the face from the front."""

from drawing.pen import mix, shade, smooth
from drawing.world.coats import DARK, markings

# kind: x, y, lean from the front; lean from the side; width for height 1; pointed
EARS = {
    "point": (0.58, -0.45, 18, -15, 0.42, True),
    "round": (0.7, -0.5, 42, -25, 0.6, False),
    "long": (0.38, -0.65, 10, -25, 0.2, False),
    "flop": (0.78, -0.4, 145, -165, 0.4, False),
    "side": (0.75, -0.35, 80, -65, 0.36, True),
    "fan": (0.6, -0.15, 95, -110, 0.75, False),
}


def ear(pen, kind, tall, color, inner=None):
    """Paint an ear that grows up from the origin."""
    wide, pointed = EARS[kind][4] * tall, EARS[kind][5]
    for size, paint in ((1.0, color), (0.62, inner)):
        if paint is None:
            continue
        w, h = wide * size, tall * size
        if pointed:
            shape = [
                (-w, 0.15),
                (-w * 0.8, -h * 0.45),
                (0, -h),
                (w * 0.8, -h * 0.45),
                (w, 0.15),
            ]
            pen.polygon(shape, paint)
        else:
            pen.ellipse(0, -tall * 0.42, w, h * 0.58, paint)


def eye(pen, rng, x, y, size):
    """Paint an eye with a light in it."""
    pen.ellipse(x, y, size, size, DARK)
    pen.ellipse(
        x + size * 0.3, y - size * 0.35, size * 0.4, size * 0.4, (240, 240, 240)
    )


def face(pen, rng, a, color):
    """Paint a head from the front, radius about 1."""
    wide, high = rng.uniform(0.78, 1.0) * a.get("wide", 1), rng.uniform(0.8, 1.0)
    light, dark = mix(color, (240, 225, 210), 0.45), shade(color, 0.7)
    extra = a.get("extra")
    if extra:
        extra(pen, rng, color, "front", True)
    x, y, lean, *_ = EARS[a["ears"]]
    tall, lean = rng.uniform(*a["ear"]), lean + rng.uniform(-12, 12)
    inner = mix(color, (225, 150, 150), 0.5) if rng.uniform() < 0.7 else None
    tint = color if rng.uniform() < 0.6 else dark
    for side in (-1, 1):
        part = pen.at(side * x * wide, y * high, side * (lean + rng.uniform(-8, 8)))
        ear(part, a["ears"], tall, tint, inner)
    jaw = a.get("jaw", 0.8)
    head = smooth(
        [(0, -high), (0.7 * wide, -0.72 * high), (wide, 0), (jaw * wide, 0.6 * high)]
        + [
            (0, high),
            (-jaw * wide, 0.6 * high),
            (-wide, 0),
            (-0.7 * wide, -0.72 * high),
        ]
    )
    pen.polygon(head, color)
    if rng.uniform() < 0.5:
        markings(pen, rng, head, color)
    long, thick = rng.uniform(*a["muzzle"]), rng.uniform(*a["snout"])
    y = 0.3 + 0.3 * long
    tone = (color, light, light, dark)[rng.randint(4)]
    pen.ellipse(0, y, thick * wide, 0.28 + 0.35 * long, tone)
    nose = y - 0.12 + 0.22 * long
    if a.get("disc"):
        pen.ellipse(0, y, thick * 0.8, thick * 0.62, shade(tone, 0.8))
        for side in (-1, 1):
            pen.ellipse(side * thick * 0.3, y, thick * 0.15, thick * 0.24, DARK)
    else:
        size = rng.uniform(0.12, 0.2)
        tone = (DARK, DARK, (200, 120, 120))[rng.randint(3)]
        pen.polygon([(-size, nose - 0.1), (size, nose - 0.1), (0, nose + size)], tone)
        mouth = nose + 0.24
        ends = mouth + rng.uniform(-0.1, 0.05)
        pen.tube([(-0.25, ends), (0, mouth), (0.25, ends)], 0.05, DARK)
    apart, size = rng.uniform(0.36, 0.5) * wide, rng.uniform(0.09, 0.17)
    for side in (-1, 1):
        if rng.uniform() < 0.25:
            pen.ellipse(side * apart, -0.15, size * 1.8, size * 1.6, light)
        eye(pen, rng, side * apart, -0.15, size)
    if extra:
        extra(pen, rng, color, "front", False)


def profile(pen, rng, a, color):
    """Paint a head from the side, looking right, radius about 1."""
    light, dark = mix(color, (240, 225, 210), 0.45), shade(color, 0.75)
    extra, (*_, lean, _, _) = a.get("extra"), EARS[a["ears"]]
    if extra:
        extra(pen, rng, color, "side", True)
    tall, lean = rng.uniform(*a["ear"]), lean + rng.uniform(-15, 15)
    drop = 0.35 if a["ears"] == "fan" else 0
    ear(pen.at(-0.05, -0.55 + drop, lean + 18), a["ears"], tall, dark)
    pen.ellipse(0, 0, 0.95, rng.uniform(0.78, 0.95), color)
    long, thick = rng.uniform(*a["muzzle"]), rng.uniform(*a["snout"])
    end = (0.75 + long * 0.9, 0.25 + 0.3 * long)
    pen.tube([(0.15, 0.12), end], [1.25, thick * 1.1], color)
    pen.ellipse(*end, thick * 0.6, thick * 0.5, (color, light, dark)[rng.randint(3)])
    tip = (end[0] + thick * 0.4, end[1] - thick * 0.2)
    if a.get("disc"):
        pen.ellipse(
            tip[0] + 0.1, tip[1] + 0.1, thick * 0.36, thick * 0.8, shade(color, 0.65)
        )
    else:
        pen.ellipse(*tip, 0.16, 0.13, DARK)
    eye(pen, rng, 0.38, -0.22, rng.uniform(0.11, 0.18))
    ear(pen.at(-0.35, -0.5 + drop, lean), a["ears"], tall, color, light)
    if extra:
        extra(pen, rng, color, "side", False)
