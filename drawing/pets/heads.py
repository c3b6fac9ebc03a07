"""Heads, from the front and in profile."""

from drawing.pen import mix, ring, shade
from drawing.pets import breeds, parts


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
        pen.polygon(parts.furry(rng, points, breed.fur), shade(color, 0.82))
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
    outline = parts.furry(rng, points, breed.fur * 1.6)
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
            parts.furry(
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
    outline = parts.furry(rng, points, breed.fur * 1.5)
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
        pen.polygon(parts.furry(rng, points, breed.fur), shade(ear, 0.8))
    else:
        pen.polygon([(-0.5, -0.45), (-0.42, -0.95), (0.15, -0.72)], shade(ear, 0.9))
        pen.polygon(
            [(-0.42, -0.95), (0.15, -0.75), (0.28, -0.3), (-0.12, -0.42)],
            shade(ear, 0.72),
        )


def head(pen, rng, breed, coat, x, y, size, front, asleep=False):
    size *= rng.uniform(1.0, 1.2)
    part = pen.at(x, y, rng.uniform(-14, 14), size, flip=front and rng.uniform() < 0.5)
    (_front if front else _profile)(part, rng, breed, coat, asleep)


def collar(pen, rng, start, end):
    if rng.uniform() < 0.3:
        color = breeds.pick(
            rng, ((190, 50, 50), (50, 90, 170), (60, 130, 80), (220, 180, 60))
        )
        pen.tube([start, end], 0.09, color)
