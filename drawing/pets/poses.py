"""Whole animals: sitting, standing, lying, or the face close by."""

import functools

from drawing.pen import mix, ring, shade
from drawing.pets import breeds, heads, parts
from drawing.pets.breeds import BREEDS


def _sit_front(pen, rng, breed, coat):
    wide = 0.5 * breed.girth
    top = 0.1 - 0.3 * breed.legs
    parts.tail(
        pen.at(flip=rng.uniform() < 0.5),
        rng,
        -wide * 0.85,
        0.82,
        breed,
        coat,
        low=rng.uniform() < 0.5,
    )
    half = [
        (0.24, top - 0.15),
        (wide * 0.66, top + 0.3),
        (wide, 0.55),
        (wide * 0.95, 0.85),
        (0.2, 0.92),
    ]
    outline = parts.furry(rng, half + [(-x, y) for x, y in half[::-1]], breed.fur)
    parts.hide(pen, rng, outline, coat)
    for side in (-1, 1):
        pen.ellipse(
            side * wide * 0.75, 0.86, 0.15, 0.07, mix(coat.base, coat.pale, 0.5)
        )
    chest = [
        (-0.2, top + 0.05),
        (0.2, top + 0.05),
        (0.15, top + 0.42),
        (-0.15, top + 0.42),
    ]
    pen.polygon(parts.furry(rng, chest, breed.fur), coat.pale)
    for side in (-1, 1):
        foot = rng.uniform(0.1, 0.16)
        limb = [(side * 0.15, top + 0.4), (side * 0.14, 0.65), (side * foot, 0.86)]
        parts.limb(pen.at(-0.02), limb, breed, coat)
    heads.collar(pen, rng, (-0.2, top), (0.2, top))
    heads.head(
        pen,
        rng,
        breed,
        coat,
        rng.uniform(-0.1, 0.1),
        top - 0.33,
        0.42,
        rng.uniform() < 0.75,
    )


def _sit_side(pen, rng, breed, coat):
    g, top = breed.girth, 0.05 - 0.3 * breed.legs
    parts.tail(pen, rng, -0.45, 0.8, breed, coat, low=rng.uniform() < 0.6)
    parts.limb(pen, [(0.22, 0.25), (0.32, 0.6), (0.36, 0.86)], breed, coat, far=True)
    points = [
        (0.05, top - 0.1),
        (0.38, top),
        (0.42, top + 0.4),
        (0.3, 0.72),
        (-0.1, 0.9),
        (-0.45 * g, 0.88),
        (-0.52 * g, 0.55),
        (-0.25 * g, 0.15),
    ]
    parts.hide(pen, rng, parts.furry(rng, points, breed.fur), coat)
    haunch = parts.furry(rng, ring(-0.2, 0.62, 0.27 * g, 0.27, count=10), breed.fur)
    pen.polygon(haunch, shade(coat.base, 0.93))
    if coat.pattern == "stripes":
        for x in (-0.32, -0.2, -0.08):
            pen.tube([(x, 0.45), (x + 0.03, 0.68)], [0.05, 0.02], coat.mark)
    parts.limb(pen, [(-0.15, 0.82), (-0.05, 0.87), (0.05, 0.87)], breed, coat)
    parts.limb(pen, [(0.25, top + 0.42), (0.25, 0.6), (0.25, 0.87)], breed, coat)
    heads.collar(pen, rng, (0.02, top + 0.02), (0.4, top + 0.06))
    heads.head(pen, rng, breed, coat, 0.28, top - 0.32, 0.4, rng.uniform() < 0.45)


def _stand(pen, rng, breed, coat):
    g = 0.27 * breed.girth
    middle = 0.88 - 0.5 * breed.legs - g * 0.55
    step = rng.uniform(-0.1, 0.14)
    raised = breed.species == "cat" and rng.uniform() < 0.5
    parts.tail(pen, rng, -0.55, middle - g * 0.4, breed, coat, low=False)
    for x, shift in ((-0.32, -step), (0.3, step)):
        parts.limb(
            pen,
            [(x, middle), (x + shift, (middle + 0.9) / 2), (x + shift, 0.82)],
            breed,
            coat,
            far=True,
        )
    chest = 1.12 if breed.species == "dog" else 0.95
    tuck = 0.75 if breed.species == "dog" and breed.girth < 0.9 else 0.95
    points = [
        (-0.6, middle - g * 0.2),
        (-0.5, middle - g * 0.8),
        (0, middle - g * 0.75),
        (0.4, middle - g),
        (0.52, middle - g * 0.2),
        (0.4, middle + g * 0.9 * chest),
        (0, middle + g * 0.85 * tuck),
        (-0.4, middle + g * 0.7 * tuck),
    ]
    parts.hide(pen, rng, parts.furry(rng, points, breed.fur), coat)
    for x, shift in ((-0.42, step), (0.36, -step)):
        knee = x + shift * 0.5 - (0.06 if x < 0 else 0)
        parts.limb(
            pen,
            [(x, middle + g * 0.3), (knee, (middle + 0.95) / 2), (x + shift, 0.87)],
            breed,
            coat,
        )
    size = 0.36 if breed.species == "cat" else 0.34
    up = 0.25 if raised else (0.38 if breed.species == "dog" else 0.2)
    head = (0.6, middle - g * 0.6 - up + rng.uniform(-0.05, 0.15))
    pen.tube([(0.36, middle - g * 0.2), head], [0.36 * breed.girth, 0.28], coat.base)
    heads.collar(
        pen, rng, (head[0] - 0.24, head[1] + 0.14), (head[0] - 0.06, head[1] + 0.34)
    )
    heads.head(pen, rng, breed, coat, *head, size, rng.uniform() < 0.4)


def _lie(pen, rng, breed, coat):
    g, asleep = breed.girth, rng.uniform() < 0.3
    parts.tail(pen, rng, -0.72, 0.72, breed, coat, low=rng.uniform() < 0.8)
    parts.limb(pen, [(0.3, 0.66), (0.55, 0.72), (0.85, 0.74)], breed, coat, far=True)
    points = [
        (-0.85, 0.6),
        (-0.68, 0.36 - 0.14 * g),
        (-0.2, 0.34 - 0.1 * g),
        (0.25, 0.2 - 0.08 * g),
        (0.5, 0.3),
        (0.48, 0.7),
        (0.2, 0.82),
        (-0.6, 0.85),
    ]
    parts.hide(pen, rng, parts.furry(rng, points, breed.fur), coat)
    pen.polygon(
        parts.furry(rng, ring(-0.5, 0.6, 0.28, 0.25, count=10), breed.fur),
        shade(coat.base, 0.92),
    )
    parts.limb(pen, [(-0.45, 0.78), (-0.3, 0.81), (-0.15, 0.81)], breed, coat)
    parts.limb(pen, [(0.3, 0.7), (0.5, 0.8), (0.76, 0.81)], breed, coat)
    head = (0.5, 0.3) if asleep else (0.45, rng.uniform(-0.08, 0.12))
    pen.tube([(0.32, 0.42), head], 0.36 * g, coat.base)
    heads.head(pen, rng, breed, coat, *head, 0.38, rng.uniform() < 0.6, asleep)


def _close(pen, rng, breed, coat):
    g = breed.girth
    points = [
        (-0.3, 0.2),
        (0.3, 0.2),
        (0.6 * g, 0.7),
        (0.8 * g, 2.4),
        (-0.8 * g, 2.4),
        (-0.6 * g, 0.7),
    ]
    parts.hide(pen, rng, parts.furry(rng, points, breed.fur), coat)
    heads.collar(pen, rng, (-0.36, 0.62), (0.36, 0.62))
    front = rng.uniform() < 0.75
    x = 0.0 if front else -0.12
    heads.head(
        pen,
        rng,
        breed,
        coat,
        x,
        rng.uniform(-0.05, 0.1),
        0.64,
        front,
        rng.uniform() < 0.08,
    )


POSES = (_sit_front, _sit_side, _stand, _lie) + 6 * (_close,)


def draw(name, pen, rng):
    """Draw one animal of breed ``name``: sitting, standing, lying or its face."""
    breed = BREEDS[name]
    coat = breeds.coat(breed, rng)
    breeds.pick(rng, POSES)(pen.at(0, 0.08, scale=0.94), rng, breed, coat)


def subject(name):
    """Return the function ``draw(pen, rng)`` of the breed ``name``."""
    return functools.partial(draw, name)
