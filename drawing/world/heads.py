"""Heads of four-legged animals: from the side, and the face from the front."""

from drawing.pen import mix, ring, shade, smooth
from drawing.world.coats import DARK, markings

# kind: x, y, lean from the front; lean from the side; width for height 1; shape
EARS = {
    "point": (0.58, -0.45, 18, -15, 0.42, "pointed"),
    "round": (0.7, -0.5, 42, -25, 0.6, "round"),
    "long": (0.38, -0.65, 10, -25, 0.2, "round"),
    "flop": (0.78, -0.4, 145, -165, 0.4, "round"),
    "side": (0.75, -0.35, 80, -65, 0.36, "pointed"),
    "fan": (0.6, -0.15, 95, -110, 0.75, "round"),
    "tuft": (0.55, -0.5, 12, -12, 0.4, "tuft"),
    "fold": (0.6, -0.55, 25, -15, 0.5, "fold"),
    "none": (0.75, -0.4, 60, -60, 0.3, "stump"),
}
EYES = ("dot", "ring", "slit", "bar", "bead", "shut")
NOSES = ("triangle", "oval", "wide", "disc")


def ear(pen, kind, tall, color, inner=None):
    """Paint an ear that grows up from the origin."""
    wide, shape = EARS[kind][4] * tall, EARS[kind][5]
    pen.mark(f"ear {kind}", 0, -0.4 * tall, 0.3 * tall)
    for size, paint in ((1.0, color), (0.62, inner)):
        if paint is None:
            continue
        w, h = wide * size, tall * size
        if shape in ("pointed", "tuft"):
            pen.polygon(
                [
                    (-w, 0.15),
                    (-w * 0.8, -h * 0.45),
                    (0, -h),
                    (w * 0.8, -h * 0.45),
                    (w, 0.15),
                ],
                paint,
            )
        elif shape == "fold":
            pen.blob([(-w, 0.1), (-w * 0.8, -h * 0.6), (w * 0.6, -h * 0.7), (w, 0.1)],
                     paint)  # fmt: skip
        elif shape == "stump":
            pen.ellipse(0, 0, w * 0.7, w * 0.6, paint)
        else:
            pen.ellipse(0, -tall * 0.42, w, h * 0.58, paint)
    if shape == "tuft":
        pen.tube([(0, -tall * 0.95), (0, -tall * 1.5)], [0.14, 0.03], shade(color, 0.5))
    elif shape == "fold":  # the tip falls forward
        tip = [(-wide * 0.8, -tall * 0.6), (wide * 0.6, -tall * 0.7)]
        pen.polygon([*tip, (wide * 0.3, -tall * 0.05)], shade(color, 0.7))


def eye(pen, rng, x, y, size, kind="dot", iris=(150, 110, 50)):
    """Paint an eye: a dark dot, or an iris with a round, upright or flat pupil."""
    light = (245, 245, 245)
    pen.mark(f"eye {kind}", x, y, 1.5 * size)
    if kind == "shut":
        curve = [(x - 1.3 * size, y), (x, y + 0.7 * size), (x + 1.3 * size, y)]
        pen.tube(curve, 0.4 * size + 0.02, DARK)
    elif kind in ("dot", "bead"):
        size *= 1.0 if kind == "dot" else 1.5
        pen.ellipse(x, y, size, size, DARK)
        pen.ellipse(x + size * 0.3, y - size * 0.35, size * 0.4, size * 0.4, light)
    else:
        size *= 1.7
        pen.ellipse(x, y, size, size * 0.95, DARK)
        pen.ellipse(x, y, size * 0.84, size * 0.8, iris)
        wide, high = {"ring": (0.5, 0.5), "slit": (0.26, 0.76), "bar": (0.7, 0.28)}[
            kind
        ]
        pen.ellipse(x, y, size * wide, size * high, DARK)
        pen.ellipse(x - size * 0.3, y - size * 0.4, size * 0.2, size * 0.2, light)


def whiskers(pen, x, y, side, color):
    """Paint three whiskers that leave (x, y) to one side."""
    tone = (70, 62, 60) if sum(color) > 420 else (240, 238, 232)
    pen.mark("whiskers", x + side * 0.6, y, 0.3)
    for lift in (-0.18, 0.02, 0.22):
        ends = [(x, y + 0.4 * lift), (x + side * 0.8, y + 2 * lift)]
        pen.tube(ends, [0.05, 0.03], tone)


def nose_tip(pen, kind, x, y, size, tone):
    """Paint a nose."""
    pen.mark(f"nose {kind}", x, y, 1.2 * size)
    if kind == "triangle":
        pen.polygon([(x - size, y - 0.1), (x + size, y - 0.1), (x, y + size)], tone)
    elif kind == "oval":
        pen.ellipse(x, y, size * 1.1, size * 0.8, tone)
        pen.ellipse(x - 0.3 * size, y - 0.3 * size, size * 0.3, size * 0.2,
                    mix(tone, (255, 255, 255), 0.5))  # fmt: skip
    else:
        pen.ellipse(x, y, size * 1.7, size * 0.8, tone)


def shaggy(rng, outline, tips):
    """Return the outline with tips of fur, ``tips`` long."""
    if not tips:
        return outline
    found = []
    for i, (x, y) in enumerate(outline[::2]):
        out = 1 + (tips * rng.uniform(0.7, 1.8) if i % 2 else -0.3 * tips)
        found.append((x * out, y * out))
    return found


def face(pen, rng, a, color):
    """Paint a head from the front, radius about 1."""
    wide, high = rng.uniform(0.78, 1.0) * a.get("wide", 1), rng.uniform(0.8, 1.0)
    light, dark = mix(color, (240, 225, 210), 0.45), shade(color, 0.7)
    extra, turn = a.get("extra"), rng.uniform(-0.18, 0.18)
    if extra:
        extra(pen, rng, color, "front", True)
    x, y, lean, *_, shape = EARS[a["ears"]]
    tall, lean = rng.uniform(*a["ear"]), lean + rng.uniform(-12, 12)
    inner = mix(color, (225, 150, 150), 0.5) if rng.uniform() < 0.7 else None
    tint = (color, color, dark, a["second"])[rng.randint(4)]
    hanging = a["ears"] == "flop" and rng.uniform() < 0.5

    def ears():
        for side in (-1, 1):
            part = pen.at(side * x * wide, y * high, side * (lean + rng.uniform(-8, 8)),
                          flip=side > 0)  # fmt: skip
            ear(part, a["ears"], tall, tint, inner)

    if not hanging:
        ears()
    jaw = a.get("jaw", 0.8)
    half = [(0.7 * wide, -0.72 * high), (wide, 0), (jaw * wide, 0.6 * high)]
    left = [(-x, y) for x, y in half[::-1]]
    head = shaggy(rng, smooth([(0, -high), *half, (0, high), *left]), a["fur"])
    pen.polygon(head, color)
    if rng.uniform() < 0.7:
        markings(pen, rng, head, color, a["pattern"], a["second"])
    if a["mask"]:  # a dark band over the eyes
        band = ring(turn, -0.15, 0.75 * wide, 0.26, count=16)
        pen.polygon(band, shade(color, 0.35))
    long, thick = rng.uniform(*a["muzzle"]), rng.uniform(*a["snout"])
    y = 0.3 + 0.3 * long
    tone = (color, light, light, dark)[rng.randint(4)]
    if a["pads"]:  # two round cheeks under the nose
        for side in (-1, 1):
            pen.ellipse(turn + side * 0.19, y + 0.12, 0.27, 0.22, tone)
    else:
        pen.ellipse(turn, y, thick * wide, 0.28 + 0.35 * long, tone)
    nose = y - 0.12 + 0.22 * long
    if a["nose"] == "disc":
        pen.mark("nose disc", turn, y, 0.5 * thick)
        pen.ellipse(turn, y, thick * 0.8, thick * 0.62, shade(tone, 0.8))
        for side in (-1, 1):
            pen.ellipse(turn + side * thick * 0.3, y, thick * 0.15, thick * 0.24, DARK)
    else:
        size = rng.uniform(0.12, 0.2)
        nose_tip(pen, a["nose"], turn, nose, size,
                 (DARK, DARK, (200, 120, 120))[rng.randint(3)])  # fmt: skip
        mouth = nose + 0.24
        ends = mouth + rng.uniform(-0.1, 0.05)
        if a["tongue"]:
            pen.ellipse(turn, mouth + 0.2, 0.14, 0.24, (222, 110, 118))
            pen.mark("tongue", turn, mouth + 0.25, 0.15)
        pen.tube([(turn - 0.25, ends), (turn, mouth), (turn + 0.25, ends)], 0.05, DARK)
    if a["whiskers"]:
        for side in (-1, 1):
            whiskers(pen, turn + side * 0.25, y + 0.12, side, color)
    apart, size = rng.uniform(0.36, 0.5) * wide, rng.uniform(0.1, 0.16)
    for side in (-1, 1):
        at = (0.8 * turn + side * apart, -0.15)
        if rng.uniform() < 0.25:
            pen.ellipse(*at, size * 2.2, size * 2, light)
        eye(pen, rng, *at, size, a["eyes"], a["iris"])
    if hanging:
        ears()
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
    tint = (color, color, a["second"])[rng.randint(3)]
    ear(pen.at(-0.05, -0.55 + drop, lean + 18), a["ears"], tall, shade(tint, 0.75))
    skull = shaggy(rng, ring(0, 0, 0.95, rng.uniform(0.78, 0.95)), a["fur"])
    pen.polygon(skull, color)
    if rng.uniform() < 0.6:
        markings(pen, rng, skull, color, a["pattern"], a["second"])
    long, thick = rng.uniform(*a["muzzle"]), rng.uniform(*a["snout"])
    end = (0.75 + long * 0.9, 0.25 + 0.3 * long)
    pen.tube([(0.15, 0.12), end], [1.25, thick * 1.1], color)
    if a["tongue"]:
        pen.ellipse(end[0] - 0.1, end[1] + thick * 0.7, 0.12, 0.26, (222, 110, 118))
        pen.mark("tongue", end[0] - 0.1, end[1] + thick * 0.7, 0.15)
    pen.ellipse(*end, thick * 0.6, thick * 0.5, (color, light, dark)[rng.randint(3)])
    tip = (end[0] + thick * 0.4, end[1] - thick * 0.2)
    if a["nose"] == "disc":
        pen.mark("nose disc", *tip, 0.3)
        pen.ellipse(
            tip[0] + 0.1, tip[1] + 0.1, thick * 0.36, thick * 0.8, shade(color, 0.65)
        )
    else:
        nose_tip(pen, a["nose"], *tip, 0.13, DARK)
    if a["mask"]:
        pen.ellipse(0.4, -0.2, 0.42, 0.2, shade(color, 0.35), 15)
    eye(pen, rng, 0.38, -0.22, rng.uniform(0.11, 0.17), a["eyes"], a["iris"])
    if a["whiskers"]:
        whiskers(pen, end[0] - 0.1, end[1] + 0.05, 0.8, color)
    ear(pen.at(-0.35, -0.5 + drop, lean), a["ears"], tall, tint, light)
    if extra:
        extra(pen, rng, color, "side", False)
