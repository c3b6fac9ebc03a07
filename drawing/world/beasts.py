"""Four-legged animals: one body for all, and the proportions of each kind."""

import math

from drawing.pen import mix, ring, shade, smooth
from drawing.world.coats import DARK, coat, markings
from drawing.world.heads import face, profile


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
