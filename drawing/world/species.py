"""Kinds of four-legged animals: their proportions, and what they alone have."""

import math

from drawing.pen import mix, shade
from drawing.world.coats import DARK, coat


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
        tail="curl", nose="disc", rise=(0, 35), limb=0.8,
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
    "raccoon": dict(
        legs=(0.3, 0.5), body=(0.42, 0.58), neck=(0.0, 0.2), head=(0.42, 0.54),
        ears="round", ear=(0.45, 0.65), muzzle=(0.3, 0.55), snout=(0.24, 0.34),
        tail="ring", mask=True, whiskers=True, eyes="bead", nose="oval", wide=1.1,
        furry=(0.05, 0.1), pattern="belly",
    ),
    "otter": dict(
        legs=(0.15, 0.3), body=(0.34, 0.46), neck=(0.2, 0.45), head=(0.34, 0.44),
        ears="none", ear=(0.5, 0.7), muzzle=(0.15, 0.3), snout=(0.45, 0.6),
        tail="thin", whiskers=True, pads=True, eyes="bead", nose="wide",
        rise=(10, 60), pattern="belly",
    ),
    "squirrel": dict(
        legs=(0.2, 0.35), body=(0.4, 0.55), neck=(0.0, 0.15), head=(0.42, 0.54),
        ears="tuft", ear=(0.5, 0.9), muzzle=(0.15, 0.4), snout=(0.25, 0.36),
        tail="bushy", eyes="bead", nose="triangle", whiskers=True, pattern="belly",
    ),
    "koala": dict(
        legs=(0.2, 0.35), body=(0.55, 0.7), neck=(0.0, 0.1), head=(0.5, 0.64),
        ears="round", ear=(0.7, 1.0), muzzle=(0.1, 0.25), snout=(0.2, 0.3),
        tail="stub", eyes="dot", nose="oval", furry=(0.06, 0.12), wide=1.15,
    ),
    "panda": dict(
        legs=(0.25, 0.45), body=(0.58, 0.75), neck=(0.0, 0.15), head=(0.48, 0.6),
        ears="round", ear=(0.4, 0.55), muzzle=(0.1, 0.3), snout=(0.36, 0.46),
        tail="stub", mask=True, eyes="dot", nose="oval", pattern="half", wide=1.12,
    ),
    "tiger": dict(
        legs=(0.45, 0.65), body=(0.42, 0.52), neck=(0.1, 0.25), head=(0.4, 0.5),
        ears="round", ear=(0.4, 0.55), muzzle=(0.25, 0.45), snout=(0.42, 0.55),
        tail="ring", eyes="ring", nose="wide", pattern="stripes", wide=1.05,
    ),
    "leopard": dict(
        legs=(0.45, 0.7), body=(0.34, 0.45), neck=(0.15, 0.3), head=(0.34, 0.42),
        ears="round", ear=(0.4, 0.5), muzzle=(0.3, 0.5), snout=(0.38, 0.5),
        tail="thin", eyes="ring", nose="wide", pattern="spots", rise=(10, 50),
    ),
    "hyena": dict(
        legs=(0.5, 0.75), body=(0.4, 0.52), neck=(0.3, 0.5), head=(0.34, 0.44),
        ears="round", ear=(0.8, 1.1), muzzle=(0.55, 0.85), snout=(0.34, 0.44),
        tail="tuft", eyes="dot", nose="oval", pattern="spots", furry=(0.03, 0.08),
        rise=(20, 55),
    ),
    "goat": dict(
        legs=(0.5, 0.75), body=(0.42, 0.54), neck=(0.25, 0.45), head=(0.3, 0.38),
        ears="side", ear=(0.6, 1.0), muzzle=(0.5, 0.8), snout=(0.3, 0.4),
        tail="stub", extra=horns, eyes="bar", nose="triangle", wide=0.75, jaw=0.55,
        limb=0.7,
    ),
    "donkey": dict(
        legs=(0.6, 0.85), body=(0.42, 0.54), neck=(0.35, 0.6), head=(0.32, 0.4),
        ears="long", ear=(1.1, 1.6), muzzle=(0.7, 1.0), snout=(0.4, 0.52),
        tail="tuft", eyes="bead", nose="wide", rise=(25, 60), wide=0.75, jaw=0.6,
    ),
    "zebra": dict(
        legs=(0.6, 0.85), body=(0.44, 0.55), neck=(0.4, 0.65), head=(0.32, 0.4),
        ears="point", ear=(0.5, 0.75), muzzle=(0.7, 1.0), snout=(0.4, 0.5),
        tail="tuft", eyes="bead", nose="wide", pattern="stripes", rise=(30, 65),
        wide=0.75, jaw=0.6,
    ),
    "camel": dict(
        legs=(0.8, 1.1), body=(0.42, 0.54), neck=(0.6, 0.9), head=(0.28, 0.36),
        ears="round", ear=(0.35, 0.5), muzzle=(0.7, 1.0), snout=(0.42, 0.54),
        tail="tuft", eyes="shut", nose="triangle", rise=(35, 70), wide=0.8, jaw=0.65,
    ),
    "hamster": dict(
        legs=(0.1, 0.2), body=(0.6, 0.8), neck=(0.0, 0.05), head=(0.5, 0.62),
        ears="round", ear=(0.4, 0.6), muzzle=(0.0, 0.15), snout=(0.3, 0.4),
        tail="stub", eyes="bead", nose="triangle", whiskers=True, pads=True,
        wide=1.15, furry=(0.04, 0.08), pattern="patches",
    ),
    "badger": dict(
        legs=(0.2, 0.35), body=(0.5, 0.65), neck=(0.05, 0.2), head=(0.36, 0.46),
        ears="none", ear=(0.6, 0.8), muzzle=(0.5, 0.8), snout=(0.24, 0.32),
        tail="bushy", eyes="dot", nose="oval", pattern="stripes", mask=True,
        furry=(0.05, 0.1), jaw=0.6,
    ),
    "kangaroo": dict(
        legs=(0.5, 0.8), body=(0.42, 0.56), neck=(0.3, 0.5), head=(0.28, 0.36),
        ears="long", ear=(1.0, 1.4), muzzle=(0.4, 0.7), snout=(0.26, 0.36),
        tail="thin", eyes="bead", nose="oval", pattern="belly", rise=(50, 80),
        jaw=0.6,
    ),
    "seal": dict(
        legs=(0.05, 0.12), body=(0.45, 0.6), neck=(0.1, 0.35), head=(0.36, 0.48),
        ears="none", ear=(0.2, 0.3), muzzle=(0.1, 0.3), snout=(0.4, 0.55),
        tail="stub", eyes="bead", nose="wide", whiskers=True, pads=True,
        pattern="spots", rise=(20, 70),
    ),
}  # fmt: skip
