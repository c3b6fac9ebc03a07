"""Animals, plants and food for pre-training: ``LIVING[name]`` is (draw, places).

Each ``draw(pen, rng)`` paints one thing in the square from -1 to 1. Four-legged animals
share one body, one head from the side and one face from the front; a ``dict`` of their
proportions tells them apart. Coat colors and markings come by chance for every animal,
so that the shape, not the color, tells the class.
"""

import functools
import math

from drawing.scene import (
    ANYWHERE,
    OUTDOORS,
    any_color,
    hsv,
    mix,
    ring,
    shade,
    smooth,
    vary,
)
from drawing.scene import wobble as moved

DARK = (28, 24, 24)
LAND = ("meadow", "sand", "snow", "road", "leaves", "blurred", "sky", "plain")
HOME = ("meadow", "room", "plain", "blurred", "leaves", "road", "sand")
WET = ("water", "sand", "plain", "blurred", "sky", "snow", "road")
COATS = (
    (235, 230, 220), (40, 36, 36), (130, 88, 52), (196, 140, 80), (214, 120, 50),
    (150, 148, 146), (92, 88, 88), (225, 196, 150), (88, 56, 36), (170, 110, 96),
)  # fmt: skip


def coat(rng):
    """Return a color of fur or skin; the same for every kind of animal."""
    if rng.uniform() < 0.12:
        return any_color(rng, (0.2, 0.7), (0.4, 0.9))
    return vary(rng, COATS[rng.randint(len(COATS))], 24)


def other(rng, color):
    """Return a color that stands out from ``color``."""
    light = sum(color) > 380
    factor = rng.uniform(0.25, 0.6) if light else rng.uniform(1.6, 2.6)
    return shade(coat(rng), 0.7) if rng.uniform() < 0.2 else shade(color, factor)


def markings(pen, rng, outline, color):
    """Paint stripes, spots, patches, a belly or nothing inside ``outline``."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    left, right, top, low = min(xs), max(xs), min(ys), max(ys)
    wide, high = right - left, low - top
    kind, second = rng.randint(0, 7), other(rng, color)

    def fill(part):
        if kind == 0:
            count, lean = rng.randint(4, 11), rng.uniform(-0.15, 0.15) * wide
            for i in range(count):
                x, w = left + wide * (i + 0.5) / count, wide * rng.uniform(0.15, 0.3)
                end = (x + lean, top + high * rng.uniform(0.5, 1.0))
                w /= count
                part.polygon([(x - w, top), (x + w, top), end], second)
                part.polygon([(x + w, top), end, (end[0] + w, end[1])], second)
        elif kind in (1, 2):
            many, size = (
                (rng.randint(8, 22), 0.07) if kind == 1 else (rng.randint(2, 5), 0.25)
            )
            for _ in range(many):
                x, y = left + wide * rng.uniform(), top + high * rng.uniform()
                s = size * rng.uniform(0.6, 1.3) * wide
                part.ellipse(
                    x, y, s, s * rng.uniform(0.5, 1), second, rng.uniform(0, 90)
                )
        elif kind == 3:
            y = top + high * rng.uniform(0.6, 0.85)
            part.box(left, y, right, low, mix(color, (245, 240, 230), 0.6))
        else:
            x = left + wide * rng.uniform(0.25, 0.75)
            part.box(x, top, right, low, second)

    if kind < 5:
        pen.inside(outline, fill)


# Heads

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


# Bodies


def tail(pen, rng, kind, color):
    """Paint a tail that leaves the origin to the left."""
    lift = rng.uniform(-0.6, 0.7)
    if kind == "stub":
        pen.ellipse(-0.08, -0.05, 0.2, 0.18, mix(color, (250, 245, 240), 0.4))
    elif kind == "bushy":
        pen.tube(
            [(0, 0), (-0.45, lift * 0.4), (-0.85, -lift)], [0.16, 0.42, 0.3], color
        )
        pen.ellipse(-0.92, -lift, 0.16, 0.16, mix(color, (250, 245, 240), 0.7))
    elif kind == "curl":
        loop = [(0, 0), (-0.2, -0.1), (-0.3, 0.05), (-0.18, 0.1), (-0.2, -0.15)]
        pen.tube(loop, 0.08, color)
    else:
        end = (-0.5 - 0.3 * abs(lift), 0.5 - lift)
        bend = (-0.4, 0.1 - 0.5 * lift)
        pen.tube([(0, 0), bend, end], [0.16, 0.1, 0.06], color)
        if kind == "tuft":
            pen.ellipse(*end, 0.12, 0.16, shade(color, 0.5))


def leg(pen, rng, x, y, long, thick, color, foot):
    """Paint a leg from (x, y) down, ending ``long`` lower."""
    step, bend = rng.uniform(-0.22, 0.22) * long, rng.uniform(-0.12, 0.12) * long
    knee, end = (x + bend, y + long * 0.5), (x + step, y + long - thick * 0.3)
    pen.tube([(x, y), knee, end], [thick * 1.5, thick, thick * 0.8], color)
    pen.ellipse(end[0] + thick * 0.2, end[1], thick * 0.6, thick * 0.42, foot)


def hair(pen, rng, outline, color):
    """Paint curls of wool on and inside ``outline``."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    middle = sum(xs) / len(xs), sum(ys) / len(ys)
    for x, y in outline[:: max(1, len(outline) // 12)]:
        for share in (0.0, 0.45):
            at = mix((x, y), middle, share)
            size = rng.uniform(0.17, 0.26)
            pen.ellipse(*at, size, size, shade(color, rng.uniform(0.88, 1.08)))


def fit(pen, left, top, right, low):
    """Return a pen in which the given box fills the square."""
    scale = 1.9 / max(right - left, low - top)
    return pen.at(-(left + right) / 2 * scale, -(top + low) / 2 * scale, 0, scale)


def beast(pen, rng, a):
    """Paint a four-legged animal: standing, sitting, lying, or its face alone."""
    color = coat(rng)
    pose = ("stand", "stand", "sit", "lie", "face", "face")[rng.randint(6)]
    if pose == "face":
        big = a["ear"][1] if a["ears"] in ("long", "point", "round") else 0.3
        part = fit(pen, -1.15, -0.75 - 0.75 * big, 1.15, 1.1)
        if rng.uniform() < 0.5:
            part.ellipse(0, 1.1, rng.uniform(0.7, 1.1), 0.6, shade(color, 0.85))
        if a["ears"] == "fan":
            part = part.at(y=-0.35, scale=0.6)
        return face(part, rng, a, color)
    long, thick = rng.uniform(*a["legs"]), rng.uniform(*a["body"])
    neck, size = rng.uniform(*a["neck"]), rng.uniform(*a["head"])
    rise = math.radians(rng.uniform(*a.get("rise", (20, 70))))
    limb = thick * rng.uniform(0.3, 0.5) * a.get("limb", 1)
    foot = (color, shade(color, 0.5), mix(color, (245, 240, 235), 0.7))[rng.randint(3)]
    far = shade(color, 0.75)
    if pose == "sit":
        chest = (0.15, -1.25 - 0.3 * long)
        body = [(-0.75, -0.25), (-0.55, -0.9), (chest[0] - thick * 0.7, chest[1])]
        body += [
            (chest[0] + thick * 0.5, chest[1] - 0.1),
            (chest[0] + thick, chest[1] + 0.5),
        ]
        body = smooth([*body, (0.25, -0.2), (-0.3, -0.02)])
        root, shoulder = (-0.7, -0.2), chest
        rise = max(rise, math.radians(55))
    else:
        down = 0.12 if pose == "lie" else long
        y = -down - 0.75 * thick
        sag, hump = rng.uniform(0.7, 1.0) * thick, rng.uniform(0.85, 1.1) * thick
        body = [(-1, y - 0.2 * thick), (-0.7, y - thick), (0, y - hump * 0.9)]
        body += [(0.7, y - thick), (1, y - 0.3 * thick), (0.75, y + 0.75 * thick)]
        body = smooth([*body, (0, y + sag), (-0.75, y + 0.75 * thick)])
        root, shoulder = (-0.92, y - 0.5 * thick), (0.75, y - 0.5 * thick)
    x = shoulder[0] + (neck + size * 0.6) * math.cos(rise)
    y = shoulder[1] - (neck + size * 0.6) * math.sin(rise)
    top = y - size * (1 + 0.6 * a["ear"][1])
    part = fit(
        pen, -1.35, min(top, -1.1), max(x + size * (1 + a["muzzle"][1]), 1.1), 0.05
    )
    tail(part.at(*root), rng, a["tail"], far)
    if pose == "stand":
        for at in (-0.55, 0.75):
            leg(part, rng, at, -long - 0.15, long + 0.15, limb, far, shade(foot, 0.75))
    part.polygon(body, color)
    if pose == "sit":
        leg(part, rng, 0.42, chest[1] + 0.6, -chest[1] - 0.6, limb, far, foot)
    markings(part, rng, body, color)
    if a.get("wool"):
        hair(part, rng, body, color)
    if pose == "stand":
        for at in (-0.75, 0.55):
            leg(part, rng, at, -long - 0.15, long + 0.15, limb, color, foot)
    elif pose == "sit":
        leg(part, rng, 0.28, chest[1] + 0.6, -chest[1] - 0.6, limb, color, foot)
        part.ellipse(-0.38, -0.38, 0.42, 0.38, shade(color, 0.92))
        part.tube([(-0.3, -0.08), (0.05, -0.06)], limb, foot)
    else:
        part.tube([(0.5, -0.12), (1.0, -0.08)], limb, far)
        part.tube([(0.6, -0.08), (1.15 + 0.2 * long, -0.06)], limb, foot)
        part.ellipse(-0.6, -0.12 - 0.4 * thick, 0.36, 0.5 * thick, shade(color, 0.92))
        part.tube([(-0.7, -0.07), (-0.25, -0.06)], limb, foot)
    widths = [thick * a.get("collar", 1.3), max(size * 1.1, thick * 0.5)]
    part.tube([shoulder, (x, y)], widths, color)
    if neck > 0.7:
        markings(part, rng, ring((shoulder[0] + x) / 2, (shoulder[1] + y) / 2,
                 neck * 0.55, thick * 0.4, -math.degrees(rise)), color)  # fmt: skip
    if rng.uniform() < 0.4:
        face(part.at(x, y, rng.uniform(-10, 10), size), rng, a, color)
    else:
        profile(part.at(x, y, rng.uniform(-15, 20), size), rng, a, color)


def horns(pen, rng, color, view, behind):
    if not behind:
        return
    bone, long, out = (225, 210, 180), rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.5)
    for side in (-1, 1):
        x = side * 0.4 if view == "front" else side * 0.15
        curve = [(x, -0.7), (x + side * out, -0.95), (x + side * out, -0.95 - long)]
        pen.tube(curve, [0.24, 0.18, 0.05], bone)


def knobs(pen, rng, color, view, behind):
    if not behind:
        return
    for side in (-1, 1):
        x = side * 0.3 if view == "front" else side * 0.15 - 0.1
        pen.tube([(x, -0.6), (x * 1.3, -1.35)], 0.15, shade(color, 0.8))
        pen.ellipse(x * 1.3, -1.35, 0.15, 0.15, DARK)


def curls(pen, rng, color, view, behind):
    if view == "side" and behind:
        return
    tone, x = shade(color, rng.uniform(0.85, 1.15)), 0 if view == "front" else -0.35
    count, size = (9, 0.45) if behind else (4, 0.3)
    for i in range(count):
        t = 2 * math.pi * i / count if behind else math.pi * (0.2 + 0.2 * i)
        far = 0.95 if behind else 0.55
        at = (x + far * math.cos(t), -far * math.sin(t) - (0 if behind else 0.3))
        pen.ellipse(*at, size, size, shade(tone, rng.uniform(0.93, 1.07)))


def mane(pen, rng, color, view, behind):
    if not behind:
        return
    tone, size = mix(color, coat(rng), 0.6), rng.uniform(1.3, 1.65)
    tone = shade(tone, 0.7) if rng.uniform() < 0.6 else shade(tone, 1.25)
    x = 0 if view == "front" else -0.45
    rays, count = [], 18
    for i in range(2 * count):
        far, t = size * (1.0 if i % 2 else rng.uniform(0.72, 0.9)), math.pi * i / count
        rays.append((x + far * math.cos(t), 0.1 + far * math.sin(t)))
    pen.polygon(rays, tone)


def trunk(pen, rng, color, view, behind):
    if behind:
        return
    swing, tone = rng.uniform(-0.5, 0.9), shade(color, rng.uniform(0.75, 0.88))
    x = 0.0 if view == "front" else 0.7
    path = [(x, 0.1), (x + 0.15, 1.0), (x + 0.2 * swing + 0.1, 1.8), (x + swing, 2.3)]
    if swing > 0.6:
        path[2:] = [(x + 0.65, 1.4), (x + 1.3, 0.6)]
    pen.tube(path, [0.7, 0.5, 0.38, 0.28], tone)
    if rng.uniform() < 0.6:
        for side in (-1, 1) if view == "front" else (0.3,):
            tusk = [(x + side * 0.45, 0.6), (x + side * 0.65 + 0.1, 1.3)]
            pen.tube(tusk, [0.2, 0.07], (240, 235, 215))


BEASTS = {
    "rabbit": dict(
        legs=(0.2, 0.4), body=(0.5, 0.7), neck=(0.05, 0.2), head=(0.48, 0.66),
        ears="long", ear=(1.2, 2.0), muzzle=(0.05, 0.25), snout=(0.3, 0.45),
        tail="stub",
    ),
    "bear": dict(
        legs=(0.45, 0.75), body=(0.55, 0.75), neck=(0.1, 0.3), head=(0.38, 0.5),
        ears="round", ear=(0.4, 0.6), muzzle=(0.25, 0.5), snout=(0.38, 0.5),
        tail="stub", rise=(0, 50), limb=1.25,
    ),
    "pig": dict(
        legs=(0.22, 0.4), body=(0.5, 0.7), neck=(0.0, 0.15), head=(0.45, 0.56),
        ears="point", ear=(0.5, 0.8), muzzle=(0.4, 0.65), snout=(0.5, 0.62),
        tail="curl", disc=True, rise=(0, 35), limb=0.8,
    ),
    "elephant": dict(
        legs=(0.6, 0.9), body=(0.6, 0.8), neck=(0.1, 0.3), head=(0.42, 0.55),
        ears="fan", ear=(1.1, 1.6), muzzle=(0.0, 0.1), snout=(0.35, 0.45),
        tail="tuft", extra=trunk, rise=(20, 50), limb=1.3,
    ),
    "giraffe": dict(
        legs=(1.1, 1.5), body=(0.4, 0.5), neck=(1.4, 2.0), head=(0.26, 0.34),
        ears="side", ear=(0.5, 0.8), muzzle=(0.5, 0.9), snout=(0.4, 0.5),
        tail="tuft", extra=knobs, rise=(55, 80), wide=0.75, jaw=0.6, collar=0.9,
    ),
    "lion": dict(
        legs=(0.5, 0.75), body=(0.4, 0.52), neck=(0.15, 0.3), head=(0.36, 0.46),
        ears="round", ear=(0.4, 0.6), muzzle=(0.2, 0.45), snout=(0.4, 0.52),
        tail="tuft", extra=mane, rise=(20, 60),
    ),
    "fox": dict(
        legs=(0.45, 0.75), body=(0.3, 0.42), neck=(0.15, 0.35), head=(0.34, 0.42),
        ears="point", ear=(0.8, 1.15), muzzle=(0.5, 0.9), snout=(0.26, 0.34),
        tail="bushy", jaw=0.55,
    ),
    "sheep": dict(
        legs=(0.4, 0.65), body=(0.5, 0.62), neck=(0.15, 0.3), head=(0.32, 0.4),
        ears="side", ear=(0.6, 0.9), muzzle=(0.3, 0.6), snout=(0.36, 0.46),
        tail="stub", wool=True, extra=curls, wide=0.8, jaw=0.6, limb=0.7,
    ),
    "cow": dict(
        legs=(0.55, 0.8), body=(0.46, 0.6), neck=(0.15, 0.4), head=(0.34, 0.42),
        ears="side", ear=(0.6, 0.9), muzzle=(0.5, 0.9), snout=(0.52, 0.66),
        tail="tuft", extra=horns, rise=(0, 50), jaw=0.62, limb=0.8,
    ),
    "mouse": dict(
        legs=(0.15, 0.3), body=(0.45, 0.6), neck=(0.0, 0.15), head=(0.4, 0.52),
        ears="round", ear=(0.9, 1.4), muzzle=(0.4, 0.7), snout=(0.2, 0.3),
        tail="thin", rise=(0, 40), limb=0.55, jaw=0.6,
    ),
}  # fmt: skip


def monkey(pen, rng):
    color, skin = coat(rng), vary(rng, (215, 170, 135), 35)
    if sum(abs(a - b) for a, b in zip(color, skin, strict=True)) < 110:
        color = shade(color, 0.5)
    y, pose = rng.uniform(-0.5, -0.35), rng.randint(0, 4)
    part = pen.at(0, 0.1 if pose else 0.6, 0, 1.0 if pose else 1.9)
    head = 0.36 * rng.uniform(0.85, 1.1)
    if pose:
        loop = [(0.2, 0.6), (0.7, 0.7), (0.85, 0.3), (0.65, 0.1), (0.6, 0.3)]
        part.tube(loop, 0.09, color)
        part.ellipse(0, 0.3, rng.uniform(0.28, 0.4), 0.52, color)
        part.ellipse(0, 0.35, 0.2, 0.34, mix(color, skin, rng.uniform(0, 0.8)))
        for side in (-1, 1):
            up = rng.uniform() < 0.4
            hand = (
                side * rng.uniform(0.55, 0.85),
                -0.85 if up else rng.uniform(0.3, 0.8),
            )
            elbow = (side * rng.uniform(0.5, 0.7), 0.1 if up else 0.2)
            part.tube([(side * 0.22, 0.0), elbow, hand], 0.15, shade(color, 0.9))
            part.ellipse(*hand, 0.1, 0.1, skin)
            foot = (side * rng.uniform(0.2, 0.6), 0.88)
            knee = (side * rng.uniform(0.4, 0.65), rng.uniform(0.45, 0.7))
            part.tube([(side * 0.2, 0.65), knee, foot], 0.16, shade(color, 0.9))
            part.ellipse(*foot, 0.15, 0.08, skin)
    for side in (-1, 1):
        part.ellipse(side * head, y, head * 0.4, head * 0.45, color)
        part.ellipse(side * head, y, head * 0.24, head * 0.28, skin)
    part.ellipse(0, y - 0.03, head, head, color)
    for side in (-1, 1):
        part.ellipse(side * head * 0.36, y - 0.05, head * 0.42, head * 0.45, skin)
    part.ellipse(0, y + head * 0.45, head * 0.68, head * 0.5, skin)
    for side in (-1, 1):
        eye(part, rng, side * head * 0.34, y - 0.04, head * 0.16)
        part.ellipse(side * 0.04, y + head * 0.28, 0.02, 0.02, DARK)
    mouth = y + head * 0.6
    part.tube(
        [(-0.12, mouth - 0.02), (0, mouth + 0.03), (0.12, mouth - 0.02)], 0.025, DARK
    )


def turtle(pen, rng):
    skin, shell = coat(rng), any_color(rng, (0.2, 0.7), (0.3, 0.8))
    above, high = rng.uniform() < 0.4, rng.uniform(0.55, 0.85)
    if above:
        for side in (-1, 1):
            for x, reach in ((0.45, 0.8), (-0.5, 0.7)):
                end = (x * 1.45, side * reach * rng.uniform(0.9, 1.1))
                pen.tube([(x, side * 0.3), end], [0.3, 0.16], skin)
        pen.tube([(0.5, 0), (0.85, rng.uniform(-0.1, 0.1))], 0.3, skin)
        pen.polygon([(-0.7, 0.1), (-0.7, -0.1), (-0.95, 0)], skin)
        outline, middle = ring(-0.05, 0, 0.72, high * 0.85), (-0.05, 0)
    else:
        for x in (-0.5, -0.3, 0.3, 0.5):
            pen.tube(
                [(x, 0.3), (x + rng.uniform(-0.1, 0.15), 0.65)], 0.2, shade(skin, 0.9)
            )
        y = rng.uniform(-0.25, 0.2)
        pen.tube([(0.5, 0.3), (0.82, y)], [0.2, 0.22], skin)
        pen.ellipse(0.85, y, 0.17, 0.14, skin)
        eye(pen, rng, 0.89, y - 0.04, 0.04)
        pen.tube([(-0.6, 0.35), (-0.92, 0.45)], [0.14, 0.03], skin)
        dome = [(-0.75, 0.4), (-0.6, 0.4 - high * 0.7), (0, 0.4 - high * 1.1)]
        outline = smooth([*dome, (0.6, 0.4 - high * 0.7), (0.72, 0.4), (0, 0.46)])
        middle = (0, 0.1)
    pen.polygon(outline, shell)
    second = other(rng, shell)
    for i in range(6):
        t = math.pi * i / 3 + 0.3
        x, y = middle[0] + 0.42 * math.cos(t), middle[1] + 0.36 * high * math.sin(t)
        pen.ellipse(x, y, 0.16, 0.14 * high, second)
    pen.ellipse(*middle, 0.18, 0.18 * high, second)


def fish(pen, rng):
    color, high = any_color(rng, (0.1, 0.9)), rng.uniform(0.22, 0.55)
    fin = shade(color, rng.uniform(0.6, 1.3)) if rng.uniform() < 0.6 else any_color(rng)
    span = rng.uniform(0.25, 0.5)
    pen.polygon([(-0.45, 0), (-0.95, -span), (-0.8, 0), (-0.95, span)], fin)
    pen.polygon([(-0.3, -high * 0.7), (-0.1, -high - 0.3), (0.4, -high * 0.8)], fin)
    pen.polygon([(-0.1, high * 0.7), (-0.2, high + 0.25), (0.25, high * 0.8)], fin)
    body = [
        (-0.6, 0),
        (-0.2, -high * 0.8),
        (0.25, -high),
        (0.75, -high * 0.5),
        (0.92, 0),
    ]
    body = smooth([*body, (0.75, high * 0.5), (0.25, high), (-0.2, high * 0.8)])
    pen.polygon(body, color)
    markings(pen, rng, body, color)
    pen.polygon([(0.3, 0.05), (0.0, -0.05), (-0.02, 0.25)], fin)
    pen.ellipse(0.62, -high * 0.25, 0.1, 0.1, (240, 240, 235))
    pen.ellipse(0.64, -high * 0.25, 0.055, 0.055, DARK)
    pen.tube([(0.9, 0.05), (0.76, 0.1)], 0.03, DARK)


def whale(pen, rng):
    color, high = coat(rng), rng.uniform(0.32, 0.5)
    lift = rng.uniform(0.3, 0.7)
    for side in (-1, 1):
        lobe = [
            (-0.8, -lift),
            (-0.88 + side * 0.18, -lift - 0.3),
            (-0.8 + side * 0.3, -lift - 0.2),
        ]
        pen.polygon([*lobe, (-0.72, -lift + 0.05)], color)
    body = [(-0.85, -lift), (-0.6, -0.1), (-0.1, -high), (0.5, -high), (0.92, -0.05)]
    body = smooth([*body, (0.85, 0.3), (0.3, 0.45), (-0.3, 0.38), (-0.75, 0.05)])
    pen.polygon(body, color)
    belly = mix(color, (240, 240, 240), rng.uniform(0.4, 0.9))

    def pale(part):
        part.ellipse(0.4, 0.5, 0.85, rng.uniform(0.25, 0.42), belly)
        for i in range(5):
            y = 0.25 + i * 0.05
            part.tube([(0.2, y), (0.95, y - 0.05)], 0.015, color)

    pen.inside(body, pale)
    pen.tube([(0.25, 0.25), (0.05, 0.65)], [0.24, 0.08], shade(color, 0.85))
    if rng.uniform() < 0.4:
        pen.polygon(
            [(-0.3, -high * 0.6), (-0.35, -high - 0.15), (0, -high * 0.9)], color
        )
    if rng.uniform() < 0.5:
        for side in (-1, 1):
            jet = [
                (0.35, -high),
                (0.35 + side * 0.1, -0.8),
                (0.35 + side * 0.28, -0.75),
            ]
            pen.tube(jet, [0.05, 0.09, 0.05], (215, 232, 245))
    eye(pen, rng, 0.66, 0.02, 0.05)


def snake(pen, rng):
    color, thick = any_color(rng, (0.1, 0.8)), rng.uniform(0.14, 0.24)
    second, points = other(rng, color), []
    if rng.uniform() < 0.5:  # a wave
        waves, swing = rng.uniform(1.2, 2.3), rng.uniform(0.2, 0.5)
        for i in range(22):
            t = i / 21
            y = swing * math.sin(2 * math.pi * waves * t)
            points.append((-0.9 + 1.65 * t, y))
    else:  # a coil
        turns = rng.uniform(1.4, 2.2)
        for i in range(26):
            t = i / 25
            r, turn = 0.75 - 0.6 * t, 2 * math.pi * turns * t + 2
            points.append((r * math.cos(turn), 0.2 + 0.7 * r * math.sin(turn)))
        points += [(0.2, -0.2), (0.35, -0.6)]
    count = len(points)
    widths = [thick * min(1, 0.15 + 3.5 * i / count) for i in range(count)]
    pen.tube(points, widths, color)
    if rng.uniform() < 0.7:
        for (x, y), width in list(zip(points, widths, strict=True))[1:-1:2]:
            pen.ellipse(x, y, width * 0.32, width * 0.32, second)
    x, y = points[-1]
    fork = [(x + 0.15, y), (x + 0.32, y - 0.04), (x + 0.15, y), (x + 0.32, y + 0.05)]
    pen.tube(fork, 0.025, (200, 40, 50))
    pen.ellipse(x + 0.08, y, thick * 0.85, thick * 0.65, color)
    eye(pen, rng, x + 0.12, y - thick * 0.25, 0.045)


def snail(pen, rng):
    skin, shell, size = coat(rng), any_color(rng), rng.uniform(0.45, 0.62)
    y = rng.uniform(-0.2, 0.15)
    pen.tube(
        [(-0.92, 0.74), (0.3, 0.66), (0.65, 0.5), (0.75, y)],
        [0.06, 0.28, 0.3, 0.26],
        skin,
    )
    for dx in (-0.08, 0.15):
        tip = (0.75 + dx * 1.8, y - rng.uniform(0.3, 0.45))
        pen.tube([(0.75 + dx * 0.5, y), tip], 0.05, skin)
        pen.ellipse(*tip, 0.055, 0.055, DARK)
    x, y = -0.12, 0.6 - size * 0.85
    pen.ellipse(x, y, size, size * rng.uniform(0.88, 1), shell)
    turns, line = rng.uniform(1.8, 2.8), []
    for i in range(24):
        t = i / 23
        r, turn = size * 0.85 * (1 - t), 2 * math.pi * turns * t + 1
        line.append((x + r * math.cos(turn), y + r * math.sin(turn)))
    pen.tube(line, rng.uniform(0.05, 0.1), other(rng, shell))


def spider(pen, rng):
    color, thick = coat(rng), rng.uniform(0.05, 0.1)
    size = rng.uniform(0.24, 0.4)
    for side in (-1, 1):
        for i in range(4):
            y = (-0.75, -0.3, 0.3, 0.8)[i] + rng.uniform(-0.1, 0.1)
            knee = (side * rng.uniform(0.45, 0.6), y * 0.75 - 0.15)
            end = (side * rng.uniform(0.75, 0.98), y + 0.1)
            root = (side * 0.1, -0.2 + 0.08 * i)
            pen.tube([root, knee, end], [thick, thick, thick * 0.5], shade(color, 0.8))
    body = ring(0, 0.25, size, size * rng.uniform(1, 1.35))
    pen.polygon(body, color)
    markings(pen, rng, body, color)
    pen.ellipse(0, -0.2, size * 0.65, size * 0.6, shade(color, 0.85))
    for dx in (-0.1, -0.03, 0.04, 0.1):
        pen.ellipse(dx, -0.32, 0.03, 0.03, (235, 235, 235))


def butterfly(pen, rng):
    color, edge, spread = any_color(rng), any_color(rng, (0, 0.8), (0.1, 0.5)), 1
    upper = moved(
        rng, [(0.05, -0.1), (0.3, -0.7), (0.85, -0.85), (0.9, -0.3), (0.5, 0.02)], 0.08
    )
    lower = moved(
        rng, [(0.05, 0.0), (0.5, 0.05), (0.75, 0.35), (0.5, 0.8), (0.15, 0.45)], 0.08
    )
    if rng.uniform() < 0.3:
        spread = rng.uniform(0.4, 0.8)
    spots = [
        (rng.uniform(0.3, 0.7), rng.uniform(-0.6, 0.5)) for _ in range(rng.randint(5))
    ]
    second = any_color(rng)
    for side in (-1, 1):
        part = pen.at(flip=side < 0, stretch=spread if side < 0 else 1)
        for wing in (lower, upper):
            x, y = sum(p[0] for p in wing) / 5, sum(p[1] for p in wing) / 5
            part.blob(wing, edge)
            part.blob([mix(p, (x, y), 0.28) for p in wing], color)
        for spot in spots:
            part.ellipse(*spot, 0.08, 0.08, second)
        part.tube([(0, -0.4), (0.12, -0.7), (0.25, -0.85)], 0.03, DARK)
    pen.tube([(0, -0.42), (0, 0.45)], [0.12, 0.08], shade(edge, 0.5))


def crab(pen, rng):
    color, wide = any_color(rng, (0.3, 0.9)), rng.uniform(0.4, 0.58)
    for side in (-1, 1):
        for i in range(3):
            y = 0.1 + 0.14 * i
            knee, end = (
                (side * (wide + 0.25), y - 0.05),
                (side * (wide + 0.35), y + 0.4),
            )
            pen.tube(
                [(side * wide * 0.7, y), knee, end],
                [0.1, 0.09, 0.03],
                shade(color, 0.8),
            )
        x, y, size = (
            side * rng.uniform(0.55, 0.75),
            rng.uniform(-0.7, -0.4),
            rng.uniform(0.18, 0.3),
        )
        pen.tube(
            [(side * wide * 0.7, 0), (side * (wide + 0.3), -0.1), (x, y)], 0.12, color
        )
        claw = pen.at(x, y, side * rng.uniform(-10, 30) - side * 20)
        claw.ellipse(0, -0.05, size * 0.85, size, color)
        notch = [
            (-0.12 * size, -size * 1.6),
            (0, -size * 0.1),
            (size * 0.6, -size * 1.6),
        ]
        claw.polygon(
            [(-size * 0.85, -0.05), (-size * 0.5, -size * 1.5), notch[1]], color
        )
        claw.polygon([(size * 0.85, -0.05), (size * 0.5, -size * 1.5), notch[1]], color)
        claw.polygon([(-size * 0.4, -size * 1.5), notch[1], (size * 0.4, -size * 1.5)],
                     shade(color, 0.35))  # fmt: skip
        pen.tube([(side * 0.14, -0.1), (side * 0.16, -0.42)], 0.06, color)
        eye(pen, rng, side * 0.16, -0.44, 0.08)
    shell = ring(0, 0.15, wide, rng.uniform(0.3, 0.42))
    pen.polygon(shell, color)
    markings(pen, rng, shell, color)


def bat(pen, rng):
    color, span = coat(rng), rng.uniform(-0.55, 0.1)
    wing, folds = shade(color, rng.uniform(0.55, 0.85)), rng.randint(3, 5)
    for side in (-1, 1):
        edge = [(0, -0.15), (side * 0.45, span - 0.15), (side * 0.98, span + 0.1)]
        for i in range(folds):
            x = 0.98 - 0.9 * (i + 0.5) / folds
            edge.append((side * x, 0.1 + span * 0.4))
            edge.append((side * (0.98 - 0.9 * (i + 1) / folds), 0.42 + span * 0.2))
        pen.polygon(edge, wing)
        for i in range(folds - 1):
            end = (side * (0.98 - 0.9 * (i + 1) / folds), 0.42 + span * 0.2)
            pen.tube([edge[1], end], 0.025, shade(wing, 0.7))
    pen.ellipse(0, 0.15, 0.17, 0.38, color)
    size = rng.uniform(0.2, 0.27)
    a = dict(ears="point", ear=(0.9, 1.6), muzzle=(0.0, 0.2), snout=(0.3, 0.4), jaw=0.7)
    face(pen.at(0, -0.25, 0, size), rng, a, color)


def octopus(pen, rng):
    color, count = any_color(rng, (0.2, 0.9)), rng.randint(6, 9)
    for i in range(count):
        x = (i / (count - 1) - 0.5) * 2
        curl, low = rng.uniform(-0.2, 0.2), rng.uniform(0.65, 0.95)
        arm = [
            (x * 0.3, 0.05),
            (x * 0.6, 0.45),
            (x * 0.85, low),
            (x * 0.85 + curl, low - 0.12),
        ]
        tone = shade(color, 0.85 if i % 2 else 1)
        pen.tube(arm, [0.26, 0.18, 0.11, 0.05], tone)
        for step in range(1, 4):
            left, top = x * (0.45 + 0.13 * step), 0.15 + 0.2 * step
            pen.box(left, top, left + 0.06, top + 0.06, shade(tone, 1.4))
    head = ring(0, -0.38, rng.uniform(0.36, 0.5), rng.uniform(0.45, 0.58))
    pen.polygon(head, color)
    markings(pen, rng, head, color)
    pen.ellipse(0, 0.02, 0.34, 0.2, color)
    for side in (-1, 1):
        pen.ellipse(side * 0.17, -0.12, 0.1, 0.1, (240, 240, 235))
        pen.ellipse(side * 0.17, -0.1, 0.055, 0.06, DARK)


# Plants and food


def tree(pen, rng):
    bark = hsv(rng.uniform(0.03, 0.11), rng.uniform(0.2, 0.6), rng.uniform(0.2, 0.55))
    leaf = hsv(rng.uniform(0.0, 0.42), rng.uniform(0.3, 0.85), rng.uniform(0.25, 0.8))
    kind, wide = rng.randint(0, 4), rng.uniform(0.12, 0.26)
    pen.polygon(
        [(-wide, 0.97), (-wide * 0.6, -0.3), (wide * 0.6, -0.3), (wide, 0.97)], bark
    )
    if kind == 0:  # a fir
        tiers = rng.randint(3, 6)
        for i in reversed(range(tiers)):
            top, w = -0.97 + 1.2 * i / tiers, 0.3 + 0.5 * (i + 1) / tiers
            low = top + 1.9 / tiers
            pen.polygon(
                [(0, top), (w, low), (-w, low)], shade(leaf, 0.8 + 0.4 / (i + 1))
            )
    elif kind == 1:  # a palm
        for i in range(8):
            t = math.pi * (i / 7 * 1.4 - 0.2)
            x, y = math.cos(t) * 0.85, -0.4 - math.sin(t) * 0.5
            frond = [(0, -0.4), (x * 0.6, y - 0.15), (x, y + 0.25)]
            pen.tube(frond, [0.08, 0.2, 0.03], shade(leaf, rng.uniform(0.75, 1.2)))
    elif kind == 2:  # bare, with some leaves
        for side in (-1, 1, -1, 1, -1, 1):
            y = rng.uniform(-0.3, 0.3)
            bend = (side * rng.uniform(0.2, 0.5), y - 0.25)
            end = (bend[0] * 1.6, y - rng.uniform(0.4, 0.65))
            pen.tube([(0, y), bend, end], [0.13, 0.08, 0.03], bark)
            if rng.uniform() < 0.6:
                pen.ellipse(*end, 0.25, 0.2, leaf)
        pen.tube([(0, -0.2), (rng.uniform(-0.2, 0.2), -0.9)], [0.18, 0.04], bark)
    else:
        wide, high = rng.uniform(0.4, 0.65), rng.uniform(0.3, 0.5)
        for _ in range(rng.randint(9, 16)):
            x, y = rng.uniform(-wide, wide), -0.4 + rng.uniform(-high, high) * 0.8
            size = rng.uniform(0.2, 0.34)
            pen.ellipse(x, y, size, size, shade(leaf, 1.25 - 0.5 * (y + 0.8)))


def flower(pen, rng):
    color, count = any_color(rng, (0.1, 0.95), (0.5, 1)), rng.randint(5, 13)
    middle, green = (
        any_color(rng),
        hsv(rng.uniform(0.2, 0.42), 0.6, rng.uniform(0.3, 0.7)),
    )
    near = rng.uniform() < 0.35
    y, size = (0, 0.95) if near else (-0.4, rng.uniform(0.42, 0.58))
    if not near:
        bend = rng.uniform(-0.2, 0.2)
        pen.tube([(0, y), (bend, 0.3), (0, 0.97)], 0.08, green)
        for side in (-1, 1):
            pen.ellipse(
                side * 0.25, rng.uniform(0.4, 0.7), 0.28, 0.1, green, side * -30
            )
    head, wide = pen.at(0, y, rng.uniform(0, 60), size), rng.uniform(0.9, 1.5) / count
    for i in range(count):
        petal = head.at(angle=360 * i / count)
        tone = shade(color, rng.uniform(0.88, 1.1))
        petal.ellipse(0, -0.6, max(0.1, wide * 1.5), 0.4, tone)
    head.ellipse(0, 0, *[rng.uniform(0.2, 0.4)] * 2, middle)


def cactus(pen, rng):
    color = hsv(rng.uniform(0.2, 0.48), rng.uniform(0.25, 0.75), rng.uniform(0.3, 0.75))
    thick, low = rng.uniform(0.28, 0.45), 0.95
    if rng.uniform() < 0.4:
        pot = any_color(rng)
        pen.polygon([(-0.45, 0.55), (0.45, 0.55), (0.33, 0.97), (-0.33, 0.97)], pot)
        pen.box(-0.5, 0.5, 0.5, 0.62, shade(pot, 0.85))
        low = 0.5
    parts = [([(0, low - thick * 0.4), (0, -0.75 + thick / 4)], thick)]
    for side in (-1, 1):
        if rng.uniform() < 0.85:
            y, x = rng.uniform(-0.2, 0.3), side * rng.uniform(0.5, 0.75)
            parts.append(
                ([(0, y), (x, y), (x, y - rng.uniform(0.25, 0.6))], thick * 0.6)
            )
    for path, width in reversed(parts):
        pen.tube(path, width, color)
        for shift in (-0.22, 0.12):
            line = [(x + shift * width, y) for x, y in path[-2:]]
            pen.tube(line, 0.025, shade(color, 0.65))
    for _ in range(14):
        x, y = rng.uniform(-thick / 2, thick / 2), rng.uniform(-0.7, low - 0.1)
        pen.tube([(x, y), (x + 0.05, y - 0.05)], 0.02, (235, 230, 205))
    if rng.uniform() < 0.4:
        for dx in (-0.1, 0, 0.1):
            pen.ellipse(
                dx, -0.82, 0.08, 0.13, hsv(rng.uniform(0.85, 1.15), 0.6, 0.9), dx * 200
            )


def mushroom(pen, rng):
    color, stem = any_color(rng, (0.1, 0.9)), vary(rng, (225, 212, 190), 25)

    def one(part):
        wide, high = rng.uniform(0.6, 0.9), rng.uniform(0.5, 0.9)
        foot, base = rng.uniform(0.14, 0.26), rng.uniform(0, 0.2)
        part.tube([(0, -0.1), (0, 0.78)], [foot * 1.5, foot * 1.8], stem)
        part.ellipse(0, base * 0.5, wide * 0.95, 0.14, shade(stem, 0.75))
        cap = [
            (-wide, base),
            (-wide * 0.75, base - high * 0.7),
            (0, base - high * 1.05),
        ]
        cap = smooth(
            [*cap, (wide * 0.75, base - high * 0.7), (wide, base), (0, base - 0.08)]
        )
        part.polygon(cap, color)
        if rng.uniform() < 0.6:
            for _ in range(rng.randint(4, 9)):
                x, y = (
                    rng.uniform(-wide, wide) * 0.65,
                    base - high * rng.uniform(0.25, 0.85),
                )
                part.ellipse(x, y, 0.09, 0.07, mix(color, (245, 240, 230), 0.8))

    if rng.uniform() < 0.35:
        one(pen.at(rng.choice([-0.55, 0.55]), 0.4, rng.uniform(-15, 15), 0.5))
    one(pen.at(0, 0.05, rng.uniform(-6, 6)))


def apple(pen, rng):
    color = hsv(
        rng.uniform(-0.05, 0.32), rng.uniform(0.45, 0.95), rng.uniform(0.45, 0.95)
    )
    wide, high = rng.uniform(0.68, 0.85), rng.uniform(0.66, 0.8)
    pen.tube([(0, -0.5), (0.06, -0.75), (0.14, -0.93)], 0.07, (95, 65, 40))
    if rng.uniform() < 0.6:
        pen.ellipse(0.32, -0.8, 0.26, 0.11, hsv(rng.uniform(0.2, 0.4), 0.6, 0.6), -22)
    half = [
        (0.35, -high + 0.05),
        (wide, -0.25),
        (wide * 0.85, 0.4),
        (0.32, high + 0.08),
    ]
    body = smooth([(0, -0.52), *half, (0, 0.78), *[(-x, y) for x, y in half[::-1]]])
    pen.polygon(body, color)
    blush = mix(color, hsv(rng.uniform(-0.05, 0.25), 0.8, 0.9), rng.uniform(0.2, 0.9))
    pen.ellipse(0.22, 0.1, 0.36, 0.46, blush)
    pen.ellipse(0, -0.5, 0.2, 0.06, shade(color, 0.5))
    pen.ellipse(-0.4, -0.25, 0.1, 0.16, mix(color, (255, 255, 255), 0.6), 25)


def banana(pen, rng):
    color = hsv(rng.uniform(0.1, 0.22), rng.uniform(0.45, 0.9), rng.uniform(0.65, 1))
    count, bend = rng.randint(1, 4), rng.uniform(0.35, 0.6)
    for i in range(count):
        part = pen.at(0.0, 0.1 * (count - 1), 14 * (i - (count - 1) / 2), 0.95)
        path = []
        for step in range(9):
            t = step / 4 - 1
            path.append((0.85 * t, bend * (1 - t * t) * 1.3 - bend * 0.6))
        widths = [0.09, 0.17, 0.25, 0.3, 0.32, 0.31, 0.27, 0.18, 0.08]
        part.tube(path, widths, shade(color, 1 - 0.12 * (i % 2)))
        ridge = [(x, y - 0.05) for x, y in path[1:-1]]
        part.tube(ridge, 0.03, shade(color, 0.78))
        part.tube([path[0], (path[0][0] - 0.06, path[0][1] - 0.14)], 0.1, (110, 95, 45))
        part.ellipse(*path[-1], 0.06, 0.06, (70, 55, 35))
        for _ in range(rng.randint(0, 5)):
            x, y = path[rng.randint(2, 7)]
            part.ellipse(x, y + 0.04, 0.04, 0.03, (120, 85, 45))


def carrot(pen, rng):
    color = hsv(rng.uniform(0.02, 0.12), rng.uniform(0.65, 0.95), rng.uniform(0.6, 1))
    green = hsv(rng.uniform(0.2, 0.4), rng.uniform(0.4, 0.8), rng.uniform(0.3, 0.7))
    part, wide = pen.at(angle=rng.uniform(-70, 70)), rng.uniform(0.2, 0.36)
    for _ in range(rng.randint(4, 9)):
        x, y = rng.uniform(-0.45, 0.45), rng.uniform(-0.97, -0.7)
        part.tube([(0, -0.35), (x * 0.6, (y - 0.4) / 2), (x, y)], [0.05, 0.1, 0.05],
                  shade(green, rng.uniform(0.8, 1.2)))  # fmt: skip
    bend = rng.uniform(-0.1, 0.1)
    root = [(-wide, -0.25), (-wide * 0.5, -0.42), (wide * 0.5, -0.42), (wide, -0.25)]
    root += [(wide * 0.62 + bend, 0.3), (bend, 0.96), (-wide * 0.62 + bend, 0.3)]
    part.blob(root, color)
    for _ in range(rng.randint(3, 7)):
        y = rng.uniform(-0.25, 0.6)
        x, w = rng.choice([-1, 1]) * wide * 0.35 * (1 - y), wide * 0.3
        part.tube(
            [(x * 0.9, y), (x * 0.9 - math.copysign(w, x), y + 0.02)],
            0.03,
            shade(color, 0.7),
        )


LIVING = {
    **{name: (functools.partial(beast, a=a), LAND) for name, a in BEASTS.items()},
    "monkey": (monkey, LAND + ("room",)),
    "turtle": (turtle, LAND + ("water",)),
    "fish": (fish, WET + ("room",)),
    "whale": (whale, WET),
    "snake": (snake, ANYWHERE),
    "snail": (snail, HOME),
    "spider": (spider, ANYWHERE),
    "butterfly": (butterfly, ANYWHERE),
    "crab": (crab, WET),
    "bat": (bat, ANYWHERE),
    "octopus": (octopus, WET),
    "tree": (tree, OUTDOORS),
    "flower": (flower, ANYWHERE),
    "cactus": (cactus, HOME + ("sky",)),
    "mushroom": (mushroom, HOME),
    "apple": (apple, HOME),
    "banana": (banana, HOME),
    "carrot": (carrot, HOME),
}
for _name in ("rabbit", "mouse", "fox", "pig"):
    LIVING[_name] = (LIVING[_name][0], HOME)
