"""Draw cats and dogs of eight invented breeds.

``BREEDS[name]`` holds the traits of a breed, and ``subject(name)`` is its function
``draw(pen, rng)`` for :func:`scene.paint`. Pose, look, mood and coat color are drawn
anew for each animal, in the same way for cats and dogs; ears, muzzle, tail, fur, build
and the kind of pattern belong to the breed.
"""

import functools
from typing import NamedTuple

from drawing.scene import mix, ring, shade, smooth, vary, wobble


class Breed(NamedTuple):
    """Traits of a breed; lengths in units of the animal's square, -1 to 1."""

    species: str  # cat or dog
    pattern: str  # stripes, spots, patches, points or saddle
    ears: str  # prick, tufted, folded, drop or rose
    ear: float  # size of the ears
    muzzle: float  # length in profile, in head radii
    face: float  # width of the head, 1 is round
    fur: float  # length of the fur's tips
    tail: str  # thin, ringed, bob, plume, curl or upright
    legs: float  # length
    girth: float  # thickness of the body
    eyes: tuple  # colors of the iris


GREEN, AMBER, COPPER = (150, 190, 70), (226, 178, 52), (205, 110, 40)
BLUE, BROWN, HAZEL = (105, 175, 225), (110, 66, 34), (150, 110, 50)

BREEDS = {
    "harbor_tabby": Breed(
        "cat",
        "stripes",
        "prick",
        0.9,
        0.3,
        1.02,
        0.0,
        "ringed",
        0.9,
        1.0,
        (GREEN, AMBER),
    ),
    "lantern_lynx": Breed(
        "cat",
        "spots",
        "tufted",
        1.1,
        0.4,
        0.98,
        0.03,
        "bob",
        1.15,
        0.95,
        (AMBER, COPPER),
    ),
    "pillow_fold": Breed(
        "cat",
        "patches",
        "folded",
        0.8,
        0.2,
        1.12,
        0.07,
        "plume",
        0.7,
        1.2,
        (COPPER, GREEN),
    ),
    "moon_dancer": Breed(
        "cat", "points", "prick", 1.3, 0.5, 0.84, 0.0, "thin", 1.15, 0.8, (BLUE, BLUE)
    ),
    "button_spaniel": Breed(
        "dog",
        "patches",
        "drop",
        1.15,
        0.75,
        0.95,
        0.05,
        "plume",
        0.85,
        1.05,
        (BROWN, HAZEL),
    ),
    "frost_runner": Breed(
        "dog",
        "saddle",
        "prick",
        0.85,
        0.85,
        1.0,
        0.05,
        "curl",
        1.05,
        1.1,
        (BLUE, BROWN),
    ),
    "biscuit_hound": Breed(
        "dog",
        "stripes",
        "rose",
        0.95,
        1.15,
        0.82,
        0.0,
        "thin",
        1.25,
        0.8,
        (AMBER, BROWN),
    ),
    "puddle_terrier": Breed(
        "dog",
        "spots",
        "rose",
        0.8,
        0.7,
        1.0,
        0.06,
        "upright",
        0.62,
        1.05,
        (BROWN, BROWN),
    ),
}
SPECIES = ("cat", "dog")

# Coats: the same colors for both species

BLACK, SLATE, SILVER = (52, 48, 52), (108, 116, 128), (182, 184, 190)
WHITE, CREAM, SAND = (238, 233, 224), (230, 206, 166), (198, 162, 116)
GINGER, RUST, CHOCOLATE = (216, 136, 64), (160, 84, 48), (102, 68, 48)
LIGHT = (WHITE, CREAM, SILVER, SAND)
DARK = (BLACK, SLATE, CHOCOLATE, RUST)
MIDDLE = (SLATE, SILVER, CREAM, SAND, GINGER, RUST, CHOCOLATE)


class Coat(NamedTuple):
    """The colors of one animal."""

    pattern: str
    base: tuple
    mark: tuple
    pale: tuple  # chest, muzzle
    iris: tuple


def _pick(rng, choices):
    return choices[rng.randint(len(choices))]


def _coat(breed, rng):
    if breed.pattern in ("points", "saddle"):
        base, mark = _pick(rng, LIGHT), _pick(rng, (*DARK, GINGER))
    elif breed.pattern == "patches":
        base, mark = (
            _pick(rng, (WHITE, WHITE, CREAM)),
            _pick(rng, (*DARK, GINGER, SAND)),
        )
    else:
        base = _pick(rng, MIDDLE)
        mark = shade(base, rng.uniform(0.42, 0.62))
    base, mark = vary(rng, base, 14), vary(rng, mark, 10)
    pale = mix(base, (246, 240, 230), rng.choice([0.1, 0.45, 0.8]))
    return Coat(breed.pattern, base, mark, pale, vary(rng, _pick(rng, breed.eyes), 15))


# Parts


def _furry(rng, points, tips):
    """Return the smooth outline through ``points``, with tips of fur if any."""
    outline = smooth(points)
    if tips == 0:
        return outline
    middle_x = sum(x for x, _ in outline) / len(outline)
    middle_y = sum(y for _, y in outline) / len(outline)
    found = []
    for i, (x, y) in enumerate(outline[::2]):
        out = tips * rng.uniform(0.7, 1.8) if i % 2 else -tips * 0.3
        dx, dy = x - middle_x, y - middle_y
        length = (dx * dx + dy * dy) ** 0.5 or 1.0
        found.append((x + out * dx / length, y + out * (dy / length + 0.5)))
    return found


def _hide(pen, rng, outline, coat, slant=0.0):
    """Paint a part of the body in the coat's pattern."""
    left, right = min(x for x, _ in outline), max(x for x, _ in outline)
    top, bottom = min(y for _, y in outline), max(y for _, y in outline)
    wide, high = right - left, bottom - top
    pen.polygon(outline, coat.base)

    def marks(inner):
        inner.ellipse(
            left + wide / 2, bottom, wide * 0.5, high * 0.28, shade(coat.base, 0.88)
        )
        if coat.pattern == "stripes":
            x = left + 0.06
            while x < right:
                reach = top + high * rng.uniform(0.45, 0.8)
                bend = rng.uniform(-0.04, 0.04) + slant
                line = [(x, top), (x + bend, (top + reach) / 2), (x, reach)]
                inner.tube(line, [0.07, 0.055, 0.015], coat.mark)
                x += rng.uniform(0.11, 0.17)
        elif coat.pattern == "spots":
            for _ in range(int(36 * wide * high) + 4):
                x, y = rng.uniform(left, right), rng.uniform(top, bottom - high * 0.1)
                size = rng.uniform(0.03, 0.065)
                inner.ellipse(x, y, size, size * 0.85, coat.mark)
        elif coat.pattern == "patches":
            for place in (rng.uniform(0, 0.4), rng.uniform(0.6, 1)):
                x, y = left + place * wide, top + high * rng.uniform(0, 0.5)
                size = rng.uniform(0.2, 0.34)
                inner.blob(
                    wobble(rng, ring(x, y, size, size, count=8), 0.07), coat.mark
                )
        elif coat.pattern == "saddle":
            level = top + high * rng.uniform(0.35, 0.5)
            lower = [
                (right + 0.1 - i * (wide + 0.2) / 6, level + rng.uniform(-0.06, 0.06))
                for i in range(7)
            ]
            inner.polygon(
                [(left - 0.1, top - 0.1), (right + 0.1, top - 0.1), *lower], coat.mark
            )
        elif coat.pattern == "points":
            color = mix(coat.base, coat.mark, 0.22)
            inner.ellipse(left, (top + bottom) / 2, wide * 0.45, high * 0.6, color)

    pen.inside(outline, marks)


def _limb(pen, points, breed, coat, far=False):
    """Paint a leg from the body to the paw, which ends it."""
    dim = 0.74 if far else 1.0
    foot = coat.mark if coat.pattern == "points" else mix(coat.base, coat.pale, 0.7)
    width = 0.15 + 0.02 * (breed.girth - 1) + (0.05 if breed.fur > 0.04 else 0)
    thin = width * (0.74 if breed.species == "cat" else 0.66)
    pen.tube(points, [width * 1.3] + [thin] * (len(points) - 1), shade(coat.base, dim))
    (x0, y0), (x1, y1) = points[-2:]
    pen.tube([((x0 + x1) / 2, (y0 + y1) / 2), (x1, y1)], thin, shade(foot, dim))
    paw = 0.085 if breed.species == "cat" else 0.1
    pen.ellipse(x1 + 0.035, y1 + 0.01, paw, 0.058, shade(foot, dim))
    if coat.pattern == "stripes":
        pen.tube(
            [(x0 - thin / 2, y0), (x0 + thin / 2, y0)], 0.03, shade(coat.mark, dim)
        )


def _tail(pen, rng, x, y, breed, coat, low=False):
    """Paint a tail from (x, y) to the left; ``low``: on the ground."""
    color = coat.mark if coat.pattern in ("points", "saddle") else coat.base
    lift = rng.uniform(0.6, 1.1)
    if breed.tail in ("thin", "ringed"):
        path = [(0, 0), (-0.18, -0.02), (-0.33, -0.15), (-0.36, -0.38), (-0.27, -0.6)]
        if breed.species == "dog":
            path = [(0, 0), (-0.15, 0.1), (-0.3, 0.12), (-0.43, 0.03), (-0.52, -0.12)]
        elif rng.uniform() < 0.4:
            path = [(0, 0), (-0.12, -0.15), (-0.14, -0.4), (-0.2, -0.62), (-0.32, -0.7)]
        widths = [0.11, 0.1, 0.09, 0.08, 0.06]
    elif breed.tail == "bob":
        path, widths = [(0, 0), (-0.1, -0.06), (-0.15, -0.14)], [0.13, 0.13, 0.1]
    elif breed.tail == "plume":
        path = [(0, 0), (-0.15, -0.02), (-0.3, -0.14), (-0.38, -0.34), (-0.36, -0.5)]
        widths = [0.12, 0.22, 0.28, 0.25, 0.1]
        if breed.species == "dog":
            path = [(0, 0), (-0.14, -0.05), (-0.27, -0.14), (-0.39, -0.26)]
            widths = [0.1, 0.17, 0.22, 0.06]
    elif breed.tail == "curl":
        path = [(0, 0), (-0.14, -0.14), (-0.12, -0.32), (0.06, -0.36), (0.12, -0.24)]
        widths = [0.14, 0.2, 0.22, 0.2, 0.12]
    else:
        path, widths = [(0, 0), (-0.06, -0.16), (-0.04, -0.34)], [0.13, 0.13, 0.06]
    if low:
        path = [(px, min(0.02, py * 0.3)) for px, py in path]
        if breed.tail == "upright":
            path = [(0, 0), (-0.14, -0.1), (-0.25, -0.2)]
    path = [(x + px, y + py * lift) for px, py in path]
    pen.tube(path, widths, color)
    if breed.fur > 0.02 and breed.tail in ("plume", "curl"):
        for (px, py), width in zip(path[1:], widths[1:], strict=True):
            outline = ring(px, py, width * 0.5, width * 0.5, count=8)
            pen.polygon(_furry(rng, outline, 0.04), color)
    if breed.tail in ("ringed", "bob"):
        for (px, py), width in list(zip(path, widths, strict=True))[1:]:
            pen.tube([(px - width / 2, py), (px + width / 2, py)], 0.05, coat.mark)
    if coat.pattern in ("stripes", "patches", "spots"):
        pen.ellipse(*path[-1], widths[-1] * 0.55, widths[-1] * 0.55, coat.mark)
    elif coat.pattern == "saddle":
        pen.ellipse(*path[-1], widths[-1] * 0.6, widths[-1] * 0.6, coat.pale)


# Heads, in head coordinates: the skull has radius 1


def _eye(pen, x, y, breed, coat, asleep, wide=1.0):
    line = (40, 32, 30)
    if asleep:
        pen.tube([(x - 0.2, y), (x, y + 0.09), (x + 0.2, y)], 0.06, line)
    elif breed.species == "cat":
        pen.ellipse(x, y, 0.26 * wide, 0.24, line)
        pen.ellipse(x, y, 0.22 * wide, 0.2, coat.iris)
        pen.ellipse(x, y, 0.075 * wide, 0.19, (18, 16, 18))
        pen.ellipse(x - 0.07, y - 0.09, 0.05, 0.05, (250, 250, 250))
    else:
        pen.ellipse(x, y, 0.17 * wide, 0.16, line)
        pen.ellipse(x, y, 0.14 * wide, 0.13, coat.iris)
        pen.ellipse(x, y, 0.085 * wide, 0.09, (18, 16, 18))
        pen.ellipse(x - 0.05, y - 0.06, 0.045, 0.045, (250, 250, 250))


def _ear(pen, rng, breed, coat, color, droop):
    """Paint the left ear of a face seen from the front."""
    s, inner = breed.ear, mix(color, (225, 150, 145), 0.6)
    if breed.ears in ("prick", "tufted"):
        if breed.species == "cat":
            base, tip, end = (
                (-0.93, -0.12),
                (-0.88 - 0.12 * s, -0.72 - 0.55 * s),
                (-0.12, -0.74),
            )
        else:
            base, tip, end = (-0.74, -0.3), (-0.6, -0.75 - 0.75 * s), (-0.1, -0.72)
        tip = (tip[0] + 0.1 * droop, tip[1])
        pen.polygon([base, tip, end], color)
        middle = tuple(sum(p) / 3 for p in zip(base, tip, end, strict=True))
        small = [mix(p, middle, 0.38) for p in (base, tip, end)]
        pen.polygon(small, inner)
        if breed.ears == "tufted":
            pen.tube(
                [tip, (tip[0] - 0.08, tip[1] - 0.4)],
                [0.15, 0.03],
                shade(coat.mark, 0.6),
            )
    elif breed.ears == "folded":
        pen.blob([(-0.9, -0.3), (-0.82, -0.85), (-0.45, -0.98), (-0.2, -0.7)], color)
        flap = [(-0.86, -0.82), (-0.44, -0.97), (-0.5, -0.42), (-0.82, -0.36)]
        pen.polygon(flap, shade(color, 0.72))
    elif breed.ears == "drop":
        out = 0.15 * droop
        points = [(-0.45, -0.85), (-0.85 - out, -0.55), (-1.08 - out, 0.2)]
        points += [(-1.02 - out, 0.75 * s), (-0.74, 0.8 * s), (-0.62, 0.1)]
        pen.polygon(_furry(rng, points, breed.fur), shade(color, 0.82))
    else:  # rose: stands up, its tip falls outward or forward
        pen.polygon(
            [(-0.8, -0.2), (-0.86, -0.75 - 0.2 * s), (-0.15, -0.8)], shade(color, 0.85)
        )
        tip = (-1.15 - 0.1 * droop, -0.45 + 0.2 * droop)
        fold = [
            (-0.2, -0.82),
            (-0.6, -0.95 - 0.2 * s),
            (-1.0, -0.9 - 0.1 * s),
            tip,
            (-0.68, -0.45),
        ]
        pen.polygon(fold, shade(color, 0.7))


def _whiskers(pen, x, y, side, coat):
    pale = sum(coat.base) > 420
    color = (70, 62, 60) if pale else (240, 238, 232)
    for angle in (-0.16, 0.02, 0.2):
        pen.tube(
            [(x, y + angle * 0.5), (x + side * 0.85, y + angle * 2)],
            [0.05, 0.03],
            color,
        )


def _front(pen, rng, breed, coat, asleep):
    """Paint a face that looks at us, a little to one side."""
    cat = breed.species == "cat"
    look = rng.uniform(-0.22, 0.22)
    droop = rng.uniform(-1, 1)
    pen = pen.at(stretch=breed.face)
    ear = coat.mark if coat.pattern != "stripes" else coat.base
    if coat.pattern == "spots":
        ear = shade(coat.base, 0.85)
    sides = [coat.mark, ear] if coat.pattern == "patches" else [ear, ear]
    hanging = breed.ears == "drop"
    if not hanging:
        _ear(pen, rng, breed, coat, sides[0], droop)
        _ear(pen.at(flip=True), rng, breed, coat, sides[1], droop)
    if cat:
        cheek = 0.95 if breed.face > 0.9 else 0.8
        half = [
            (0.42, -0.85),
            (0.86, -0.5),
            (0.97, 0.08),
            (cheek * 0.82, 0.56),
            (0.3, 0.84),
        ]
    else:
        half = [
            (0.34, -0.9),
            (0.74, -0.58),
            (0.78, 0.0),
            (0.56, 0.5),
            (0.44, 0.95),
            (0.2, 1.12),
        ]
    points = half + [(-x, y) for x, y in half[::-1]]
    outline = _furry(rng, points, breed.fur * 1.6)
    pen.polygon(outline, coat.base)

    def marks(inner):
        if coat.pattern == "stripes":
            for x in (-0.42, -0.15, 0.15, 0.42):
                inner.tube(
                    [(x * 1.2, -1), (x * 0.8 + look, -0.45)], [0.13, 0.05], coat.mark
                )
            for side in (-1, 1):
                for y in (0.1, 0.34):
                    inner.tube(
                        [(side, y), (side * 0.62, y - 0.02)], [0.11, 0.03], coat.mark
                    )
        elif coat.pattern == "spots":
            for _ in range(16):
                x, y = rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.4)
                inner.ellipse(x, y, 0.075, 0.065, coat.mark)
        elif coat.pattern == "patches":
            inner.blob(
                [(-0.15, -1), (-1.1, -0.9), (-1.1, 0.35), (-0.4, 0.3)], coat.mark
            )
            if rng.uniform() < 0.6:
                inner.blob(
                    [(0.25, -1), (1.1, -0.9), (1.1, 0.3), (0.45, 0.2)], coat.mark
                )
        elif coat.pattern == "points":
            inner.ellipse(look, 0.3, 0.72, 0.78, mix(coat.base, coat.mark, 0.5))
            inner.ellipse(look, 0.36, 0.48, 0.6, coat.mark)
        else:
            inner.polygon(
                [
                    (-1.2, -1.2),
                    (1.2, -1.2),
                    (1, 0.1),
                    (0.32 + look, -0.28),
                    (look, 0.0),
                    (look - 0.32, -0.28),
                    (-1, 0.1),
                ],
                coat.mark,
            )

    pen.inside(outline, marks)
    snout = coat.mark if coat.pattern == "points" else coat.pale
    dark = (44, 36, 38)
    if cat:
        nose = (206, 128, 124) if sum(coat.base) > 330 and rng.uniform() < 0.6 else dark
        for side in (-1, 1):
            pen.ellipse(look + side * 0.17, 0.45, 0.25, 0.2, snout)
        for side in (-1, 1):
            _eye(pen, look * 0.8 + side * 0.43, -0.08, breed, coat, asleep)
        pen.polygon([(look - 0.13, 0.22), (look + 0.13, 0.22), (look, 0.38)], nose)
        for side in (-1, 1):
            lip = [(0, 0.36), (0.03, 0.52), (0.15, 0.59), (0.27, 0.5)]
            pen.tube([(look + side * x, y) for x, y in lip], 0.05, dark)
            _whiskers(pen, look * 0.8 + side * 0.32, 0.45, side, coat)
    else:
        down = 0.06 * breed.muzzle
        pen.polygon(
            _furry(
                rng, ring(look * 1.3, 0.56 + down, 0.46, 0.5, count=10), breed.fur * 1.5
            ),
            snout,
        )
        for side in (-1, 1):
            _eye(pen, look * 0.8 + side * 0.37, -0.14, breed, coat, asleep)
        if rng.uniform() < 0.4 and not asleep:
            pen.blob(
                [
                    (look * 1.3 - 0.16, 0.78),
                    (look * 1.3 + 0.16, 0.78),
                    (look * 1.3 + 0.13, 1.2),
                    (look * 1.3 - 0.13, 1.2),
                ],
                (222, 110, 118),
            )
        pen.tube(
            [(look * 1.3 - 0.28, 0.74), (look * 1.3, 0.82), (look * 1.3 + 0.28, 0.74)],
            0.05,
            dark,
        )
        pen.tube([(look * 1.3, 0.5), (look * 1.3, 0.8)], 0.05, dark)
        pen.ellipse(look * 1.4, 0.36 + down, 0.24, 0.17, dark)
        pen.ellipse(look * 1.4 - 0.06, 0.3 + down, 0.07, 0.04, (130, 125, 128))
    if hanging:
        _ear(pen, rng, breed, coat, sides[0], droop)
        _ear(pen.at(flip=True), rng, breed, coat, sides[1], droop)


def _profile(pen, rng, breed, coat, asleep):
    """Paint a head that looks to the right."""
    cat, reach = breed.species == "cat", breed.muzzle
    head = coat.mark if coat.pattern in ("saddle",) else coat.base
    ear = (
        coat.mark
        if coat.pattern not in ("stripes", "spots")
        else shade(coat.base, 0.86)
    )
    snout = coat.mark if coat.pattern == "points" else coat.pale
    dark = (44, 36, 38)
    inner = mix(ear, (225, 150, 145), 0.5)
    s = breed.ear
    if breed.ears in ("prick", "tufted"):
        far = [(0.0, -0.7), (0.28, -0.82 - 0.5 * s), (0.5, -0.6)]
        pen.polygon(far, shade(ear, 0.75))
    if cat:
        points = [
            (-0.85, 0.1),
            (-0.7, -0.55),
            (-0.15, -0.86),
            (0.4, -0.68),
            (0.68, -0.18),
            (0.7 + reach * 0.5, 0.15),
            (0.72 + reach * 0.45, 0.45),
            (0.3, 0.75),
            (-0.4, 0.75),
        ]
    else:
        points = [
            (-0.8, 0.1),
            (-0.68, -0.5),
            (-0.15, -0.76),
            (0.35, -0.58),
            (0.55, -0.2),
            (0.6 + reach * 0.8, -0.05),
            (0.68 + reach * 0.8, 0.25),
            (0.5 + reach * 0.7, 0.45),
            (0.3, 0.62),
            (-0.3, 0.75),
        ]
    outline = _furry(rng, points, breed.fur * 1.5)
    pen.polygon(outline, head)

    def marks(part):
        if coat.pattern == "stripes":
            for x in (-0.55, -0.25, 0.05, 0.32):
                part.tube([(x, -0.95), (x - 0.05, -0.45)], [0.12, 0.04], coat.mark)
            for y in (0.1, 0.38):
                part.tube([(-0.85, y), (-0.35, y + 0.04)], [0.12, 0.03], coat.mark)
        elif coat.pattern == "spots":
            for _ in range(14):
                part.ellipse(
                    rng.uniform(-0.8, 0.6),
                    rng.uniform(-0.8, 0.6),
                    0.075,
                    0.065,
                    coat.mark,
                )
        elif coat.pattern == "patches":
            part.blob(
                [(-1, -0.9), (0.5, -0.9), (0.55, 0.1), (0.1, 0.35), (-1, 0.3)],
                coat.mark,
            )
        elif coat.pattern == "points":
            part.ellipse(0.65, 0.15, 0.65, 0.6, mix(coat.base, coat.mark, 0.5))
        part.ellipse(0.75 + reach * 0.5, 0.35, 0.35 + reach * 0.35, 0.35, snout)

    pen.inside(outline, marks)
    if cat:
        end = 0.76 + reach * 0.46
        _eye(pen, 0.42, -0.12, breed, coat, asleep, wide=0.75)
        pen.polygon([(end - 0.1, 0.06), (end + 0.1, 0.14), (end, 0.3)], dark)
        pen.tube([(end - 0.05, 0.42), (end - 0.35, 0.46)], 0.05, dark)
        _whiskers(pen, end - 0.2, 0.36, 0.8, coat)
    else:
        end = 0.64 + reach * 0.8
        _eye(pen, 0.38, -0.2, breed, coat, asleep, wide=0.85)
        if rng.uniform() < 0.35 and not asleep:
            pen.blob(
                [
                    (end - 0.35, 0.38),
                    (end - 0.1, 0.36),
                    (end - 0.1, 0.8),
                    (end - 0.28, 0.8),
                ],
                (222, 110, 118),
            )
        pen.tube([(end - 0.08, 0.33), (end - 0.3 - reach * 0.3, 0.38)], 0.06, dark)
        pen.ellipse(end, 0.03, 0.17, 0.14, dark)
        if breed.ears == "rose" and breed.fur > 0:  # a beard
            for x in (0.0, 0.16, 0.32):
                tip = (end - 0.12 - x, 0.85 - x * 0.5)
                pen.tube([(end - 0.12 - x, 0.38), tip], [0.24, 0.04], snout)
    if breed.ears in ("prick", "tufted"):
        near = [(-0.55, -0.5), (-0.3, -0.8 - 0.6 * s), (0.22, -0.66)]
        pen.polygon(near, ear)
        pen.polygon([(-0.38, -0.56), (-0.24, -0.72 - 0.35 * s), (0.05, -0.64)], inner)
        if breed.ears == "tufted":
            tip = near[1]
            pen.tube(
                [tip, (tip[0] - 0.08, tip[1] - 0.4)],
                [0.15, 0.03],
                shade(coat.mark, 0.6),
            )
    elif breed.ears == "folded":
        pen.blob(
            [(-0.45, -0.62), (-0.2, -0.98), (0.15, -0.7), (0.1, -0.42), (-0.2, -0.45)],
            shade(ear, 0.75),
        )
    elif breed.ears == "drop":
        points = [
            (-0.3, -0.62),
            (0.05, -0.5),
            (0.1, 0.2),
            (-0.05, 0.85 * s),
            (-0.45, 0.8 * s),
            (-0.5, 0.0),
        ]
        pen.polygon(_furry(rng, points, breed.fur), shade(ear, 0.8))
    else:
        pen.polygon([(-0.5, -0.45), (-0.42, -0.95), (0.15, -0.72)], shade(ear, 0.9))
        pen.polygon(
            [(-0.42, -0.95), (0.15, -0.75), (0.28, -0.3), (-0.12, -0.42)],
            shade(ear, 0.72),
        )


def _head(pen, rng, breed, coat, x, y, size, front, asleep=False):
    size *= rng.uniform(1.0, 1.2)
    part = pen.at(x, y, rng.uniform(-14, 14), size, flip=front and rng.uniform() < 0.5)
    (_front if front else _profile)(part, rng, breed, coat, asleep)


def _collar(pen, rng, start, end):
    if rng.uniform() < 0.3:
        color = _pick(
            rng, ((190, 50, 50), (50, 90, 170), (60, 130, 80), (220, 180, 60))
        )
        pen.tube([start, end], 0.09, color)


# Poses, in the animal's square; the ground is at y = 0.9


def _sit_front(pen, rng, breed, coat):
    wide = 0.5 * breed.girth
    top = 0.1 - 0.3 * breed.legs
    _tail(
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
    outline = _furry(rng, half + [(-x, y) for x, y in half[::-1]], breed.fur)
    _hide(pen, rng, outline, coat)
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
    pen.polygon(_furry(rng, chest, breed.fur), coat.pale)
    for side in (-1, 1):
        foot = rng.uniform(0.1, 0.16)
        limb = [(side * 0.15, top + 0.4), (side * 0.14, 0.65), (side * foot, 0.86)]
        _limb(pen.at(-0.02), limb, breed, coat)
    _collar(pen, rng, (-0.2, top), (0.2, top))
    _head(
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
    _tail(pen, rng, -0.45, 0.8, breed, coat, low=rng.uniform() < 0.6)
    _limb(pen, [(0.22, 0.25), (0.32, 0.6), (0.36, 0.86)], breed, coat, far=True)
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
    _hide(pen, rng, _furry(rng, points, breed.fur), coat)
    haunch = _furry(rng, ring(-0.2, 0.62, 0.27 * g, 0.27, count=10), breed.fur)
    pen.polygon(haunch, shade(coat.base, 0.93))
    if coat.pattern == "stripes":
        for x in (-0.32, -0.2, -0.08):
            pen.tube([(x, 0.45), (x + 0.03, 0.68)], [0.05, 0.02], coat.mark)
    _limb(pen, [(-0.15, 0.82), (-0.05, 0.87), (0.05, 0.87)], breed, coat)
    _limb(pen, [(0.25, top + 0.42), (0.25, 0.6), (0.25, 0.87)], breed, coat)
    _collar(pen, rng, (0.02, top + 0.02), (0.4, top + 0.06))
    _head(pen, rng, breed, coat, 0.28, top - 0.32, 0.4, rng.uniform() < 0.45)


def _stand(pen, rng, breed, coat):
    g = 0.27 * breed.girth
    middle = 0.88 - 0.5 * breed.legs - g * 0.55
    step = rng.uniform(-0.1, 0.14)
    raised = breed.species == "cat" and rng.uniform() < 0.5
    _tail(pen, rng, -0.55, middle - g * 0.4, breed, coat, low=False)
    for x, shift in ((-0.32, -step), (0.3, step)):
        _limb(
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
    _hide(pen, rng, _furry(rng, points, breed.fur), coat)
    for x, shift in ((-0.42, step), (0.36, -step)):
        knee = x + shift * 0.5 - (0.06 if x < 0 else 0)
        _limb(
            pen,
            [(x, middle + g * 0.3), (knee, (middle + 0.95) / 2), (x + shift, 0.87)],
            breed,
            coat,
        )
    size = 0.36 if breed.species == "cat" else 0.34
    up = 0.25 if raised else (0.38 if breed.species == "dog" else 0.2)
    head = (0.6, middle - g * 0.6 - up + rng.uniform(-0.05, 0.15))
    pen.tube([(0.36, middle - g * 0.2), head], [0.36 * breed.girth, 0.28], coat.base)
    _collar(
        pen, rng, (head[0] - 0.24, head[1] + 0.14), (head[0] - 0.06, head[1] + 0.34)
    )
    _head(pen, rng, breed, coat, *head, size, rng.uniform() < 0.4)


def _lie(pen, rng, breed, coat):
    g, asleep = breed.girth, rng.uniform() < 0.3
    _tail(pen, rng, -0.72, 0.72, breed, coat, low=rng.uniform() < 0.8)
    _limb(pen, [(0.3, 0.66), (0.55, 0.72), (0.85, 0.74)], breed, coat, far=True)
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
    _hide(pen, rng, _furry(rng, points, breed.fur), coat)
    pen.polygon(
        _furry(rng, ring(-0.5, 0.6, 0.28, 0.25, count=10), breed.fur),
        shade(coat.base, 0.92),
    )
    _limb(pen, [(-0.45, 0.78), (-0.3, 0.81), (-0.15, 0.81)], breed, coat)
    _limb(pen, [(0.3, 0.7), (0.5, 0.8), (0.76, 0.81)], breed, coat)
    head = (0.5, 0.3) if asleep else (0.45, rng.uniform(-0.08, 0.12))
    pen.tube([(0.32, 0.42), head], 0.36 * g, coat.base)
    _head(pen, rng, breed, coat, *head, 0.38, rng.uniform() < 0.6, asleep)


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
    _hide(pen, rng, _furry(rng, points, breed.fur), coat)
    _collar(pen, rng, (-0.36, 0.62), (0.36, 0.62))
    front = rng.uniform() < 0.75
    x = 0.0 if front else -0.12
    _head(
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
    coat = _coat(breed, rng)
    _pick(rng, POSES)(pen.at(0, 0.08, scale=0.94), rng, breed, coat)


def subject(name):
    """Return the function ``draw(pen, rng)`` of the breed ``name``."""
    return functools.partial(draw, name)
