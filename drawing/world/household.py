"""Things in a house: furniture, dishes, a book."""

import math

from drawing.pen import hsv, mix, ring, shade, smooth
from drawing.world import parts


def chair(pen, rng):
    color, seat, kind = parts.tint(rng), parts.tint(rng), rng.randint(0, 4)
    w, y = rng.uniform(0.4, 0.52), rng.uniform(0.1, 0.25)
    leg = rng.uniform(0.07, 0.13)
    if kind == 3:  # armchair
        pen.blob(
            [
                (-0.6, 0.6),
                (-0.6, -0.6),
                (-0.3, -0.85),
                (0.3, -0.85),
                (0.6, -0.6),
                (0.6, 0.6),
            ],
            color,
        )
        pen.box(-0.55, 0.05, 0.55, 0.4, shade(color, 1.2))
        for x in (-0.68, 0.68):
            pen.blob(
                [(x - 0.2, 0.75), (x - 0.2, -0.1), (x + 0.2, -0.1), (x + 0.2, 0.75)],
                shade(color, 0.8),
            )
            pen.box(x - 0.08, 0.7, x + 0.08, 0.92, parts.dark(rng))
        pen.box(-0.6, 0.4, 0.6, 0.75, shade(color, 0.7))
    elif kind == 2:  # office chair
        pen.blob(
            [(-0.4, -0.1), (-0.45, -0.8), (0, -0.92), (0.45, -0.8), (0.4, -0.1)], color
        )
        pen.box(-0.07, y, 0.07, 0.75, parts.dark(rng))
        pen.ellipse(0, y, w + 0.1, 0.14, seat)
        for x in (-0.5, 0, 0.5):
            parts.bar(pen, 0, 0.68, x, 0.86, 0.08, (60, 60, 65))
            pen.ellipse(x, 0.9, 0.07, 0.07, (30, 30, 30))
    elif kind == 1:  # from the side
        x = -w
        parts.line(pen, [(x - 0.12, -0.9), (x, y), (x - 0.08, 0.92)], leg, color)
        parts.bar(pen, w, y, w + 0.05, 0.92, leg, color)
        parts.bar(pen, x, y, w + 0.06, y, 0.13, seat)
        if rng.uniform() < 0.5:
            parts.bar(pen, x, 0.55, w, 0.55, leg * 0.7, color)
    else:  # at an angle: four legs, a seat in depth
        d = rng.uniform(0.12, 0.3)
        for x, dy in ((-w + d, 0.0), (w + d, 0.0), (-w, 0.22), (w, 0.22)):
            pen.box(x - leg / 2, y, x + leg / 2, 0.72 + dy, shade(color, 0.75 + dy))
        for x in (-w + d, w + d):
            pen.box(x - leg / 2, -0.9, x + leg / 2, y, color)
        n = rng.randint(1, 5)
        for i in range(n):
            top = -0.85 + 0.75 * i / n
            pen.box(-w + d, top, w + d, top + rng.uniform(0.3, 0.7) / n, color)
        pen.polygon(
            [(-w, y + 0.12), (-w + d, y - 0.08), (w + d, y - 0.08), (w, y + 0.12)], seat
        )
        pen.box(-w, y + 0.12, w, y + 0.2, shade(seat, 0.7))


def lamp(pen, rng):
    color, base, kind = parts.tint(rng), parts.tint(rng), rng.randint(0, 4)
    if kind == 0:  # desk lamp with joints
        elbow, head = (rng.uniform(-0.6, -0.3), -0.1), (0.3, -0.7)
        pen.ellipse(0, 0.88, 0.45, 0.1, base)
        parts.line(pen, [(0, 0.85), elbow, head], 0.08, base)
        pen.ellipse(*elbow, 0.08, 0.08, shade(base, 0.6))
        part = pen.at(*head, rng.uniform(-50, -20))
        part.polygon([(-0.12, -0.1), (0.12, -0.1), (0.36, 0.38), (-0.36, 0.38)], color)
        part.ellipse(0, 0.38, 0.36, 0.09, (255, 240, 180))
        return
    w, t = rng.uniform(0.45, 0.7), rng.uniform(0.15, 0.45)
    low = rng.uniform(-0.15, 0.1)
    if kind == 1:  # hanging
        parts.bar(pen, 0, -1, 0, 0, 0.05, parts.dark(rng))
        pen.ellipse(0, 0.5, 0.2, 0.22, (255, 240, 180))
        hull = [(-0.1, -0.35), (0.1, -0.35), (w, 0.45), (-w, 0.45)]
        if rng.uniform() < 0.5:
            hull = parts.arc(0, 0.45, w, 0.8, 180, 360)
        parts.pattern(pen, rng, hull, color)
        return
    if kind == 2:  # standing
        low = -0.35
        pen.box(-0.04, low, 0.04, 0.9, base)
        pen.ellipse(0, 0.9, 0.35, 0.07, base)
    else:
        pen.box(-0.05, low, 0.05, 0.5, shade(base, 0.7))
        wide = rng.uniform(0.2, 0.4)
        pen.blob(
            [
                (-0.1, 0.25),
                (-wide, 0.6),
                (-0.2, 0.92),
                (0.2, 0.92),
                (wide, 0.6),
                (0.1, 0.25),
            ],
            base,
        )
    parts.pattern(pen, rng, [(-t, -0.9), (t, -0.9), (w, low), (-w, low)], color)
    pen.box(-w, low - 0.04, w, low + 0.01, shade(color, 0.7))


def clock(pen, rng):
    case, face, kind = parts.tint(rng), parts.tint(rng), rng.randint(0, 4)
    hand, r, y = parts.other(rng, face), rng.uniform(0.65, 0.85), 0.0
    if kind == 0:  # alarm clock
        r, y = 0.62, 0.15
        for side in (-1, 1):
            pen.ellipse(side * 0.42, -0.55, 0.26, 0.2, shade(case, 0.7), side * 40)
            parts.bar(pen, side * 0.3, 0.6, side * 0.5, 0.95, 0.13, shade(case, 0.7))
    elif kind == 1:  # square or tall case
        r, tall = 0.55, rng.uniform(0.75, 0.95)
        pen.box(-0.7, -tall, 0.7, tall, case)
    case = shade(case, 0.8)
    pen.ellipse(0, y, r, r, case)
    inner = r * rng.uniform(0.78, 0.92)
    pen.ellipse(0, y, inner, inner, face)
    for i in range(12 if rng.uniform() < 0.7 else 4):
        step = 30 if i < 12 else 90
        t = math.radians(i * step)
        near, far = inner * (0.75 if i % 3 == 0 else 0.83), inner * 0.95
        parts.bar(
            pen,
            near * math.cos(t),
            y + near * math.sin(t),
            far * math.cos(t),
            y + far * math.sin(t),
            0.05,
            hand,
        )
    for length, width in ((0.5, 0.11), (0.78, 0.07)):
        t = rng.uniform(0, 2 * math.pi)
        parts.bar(
            pen,
            0,
            y,
            inner * length * math.cos(t),
            y + inner * length * math.sin(t),
            width,
            hand,
        )
    pen.ellipse(0, y, 0.07, 0.07, hand)


def cup(pen, rng):
    color, w, top = parts.tint(rng), rng.uniform(0.4, 0.6), rng.uniform(-0.6, -0.2)
    low, low_w = 0.75, w * rng.uniform(0.55, 1.0)
    r, mid = rng.uniform(0.22, 0.32), (top + low) / 2 - 0.05
    parts.line(
        pen, parts.arc(w * 0.95, mid, r, r * 1.1, -100, 110), 0.12, shade(color, 0.85)
    )
    if rng.uniform() < 0.4:
        pen.ellipse(0, low, 0.85, 0.14, shade(parts.tint(rng), 0.9))
    side = parts.arc(0, top, w, 0.001, 180, 180, 1)
    bulge = [(-(w + low_w) / 2 - rng.uniform(0, 0.08), mid + 0.15)]
    left = side[:1] + bulge + [(-low_w, low - 0.05)]
    hull = left + parts.arc(0, low - 0.05, low_w, 0.12, 180, 0, 8)
    hull += [(-bulge[0][0], bulge[0][1]), (w, top)]
    parts.pattern(pen, rng, hull, color)
    pen.ellipse(0, top, w, rng.uniform(0.08, 0.17), shade(color, 1.2))
    drink = hsv(rng.uniform(0.02, 0.14), rng.uniform(0.2, 0.8), rng.uniform(0.15, 0.8))
    pen.ellipse(0, top + 0.01, w * 0.86, 0.08, drink)
    if rng.uniform() < 0.3:
        for x in (-0.15, 0.15):
            parts.line(
                pen,
                [(x, top - 0.1), (x + 0.08, top - 0.22), (x, top - 0.35)],
                0.04,
                (235, 235, 235),
            )


def teapot(pen, rng):
    color, second = parts.tint(rng), parts.tint(rng)
    w, h, y = rng.uniform(0.45, 0.58), rng.uniform(0.38, 0.52), 0.25
    spout = [
        (w * 0.6, y + 0.25),
        (w + 0.1, y + 0.05),
        (0.78, -0.25),
        (0.98, -0.28),
        (0.82, y + 0.1),
        (w * 0.7, y + 0.45),
    ]
    pen.blob(spout, shade(color, 0.9))
    if rng.uniform() < 0.7:
        parts.line(
            pen,
            parts.arc(-w * 0.9, y - 0.05, 0.36, 0.32, 90, 290),
            0.1,
            shade(second, 0.8),
        )
    else:
        parts.line(
            pen,
            parts.arc(0, y - h * 0.5, w * 0.85, 0.68, 180, 360),
            0.08,
            shade(second, 0.8),
        )
    if rng.uniform() < 0.7:
        hull = ring(0, y, w, h)
    else:
        hull = smooth(
            [
                (-w * 0.5, y - h),
                (w * 0.5, y - h),
                (w * 1.05, y + h * 0.9),
                (-w * 1.05, y + h * 0.9),
            ]
        )
    parts.pattern(pen, rng, hull, color)
    pen.box(-w * 0.6, y + h - 0.07, w * 0.6, y + h + 0.04, shade(color, 0.7))
    pen.ellipse(0, y - h + 0.04, w * 0.55, 0.1, second)
    pen.ellipse(0, y - h - 0.08, 0.09, 0.09, shade(second, 0.8))


def bottle(pen, rng):
    color, w, neck = parts.tint(rng), rng.uniform(0.2, 0.36), rng.uniform(0.08, 0.13)
    top, shoulder = rng.uniform(-0.9, -0.8), rng.uniform(-0.45, -0.1)
    left = [
        (-neck, top),
        (-neck, shoulder - 0.15),
        (-w * 0.85, shoulder + 0.05),
        (-w, shoulder + 0.2),
    ]
    if rng.uniform() < 0.3:  # waist
        left += [(-w * 0.8, 0.35), (-w, 0.6)]
    left += [(-w, 0.88), (-w * 0.9, 0.95)]
    pen.polygon(left + [(-x, y) for x, y in left[::-1]], color)
    pen.box(-w * 0.7, shoulder + 0.1, -w * 0.45, 0.85, mix(color, (255,) * 3, 0.35))
    pen.box(-neck * 1.25, top - 0.06, neck * 1.25, top + 0.1, parts.tint(rng))
    if rng.uniform() < 0.7:
        y, label = rng.uniform(0.1, 0.3), parts.other(rng, color)
        pen.box(-w, y, w, y + rng.uniform(0.25, 0.45), label)
        pen.ellipse(0, y + 0.13, w * 0.5, 0.09, color)


def book(pen, rng):
    cover, paper, kind = (
        parts.tint(rng),
        hsv(0.12, rng.uniform(0, 0.15), rng.uniform(0.8, 1)),
        rng.randint(0, 3),
    )
    ink, h = (90, 90, 95), rng.uniform(0.5, 0.75)
    if kind == 0:  # open
        d = rng.uniform(0.08, 0.22)
        pen.polygon(
            [
                (-0.98, -h + 0.02),
                (0, -h + d),
                (0.98, -h + 0.02),
                (0.98, h),
                (0, h + d),
                (-0.98, h),
            ],
            cover,
        )
        for side in (-1, 1):
            page = [
                (0, -h + d),
                (side * 0.45, -h - 0.04),
                (side * 0.92, -h + 0.03),
                (side * 0.92, h - 0.07),
                (side * 0.45, h - 0.12),
                (0, h + d - 0.08),
            ]
            pen.polygon(page, paper if side > 0 else shade(paper, 0.9))
            for i in range(rng.randint(3, 6)):
                y = -h * 0.6 + 0.2 * i
                parts.bar(pen, side * 0.15, y + d * 0.7, side * 0.78, y, 0.05, ink)
        parts.bar(pen, 0, -h + d, 0, h + d - 0.08, 0.04, shade(paper, 0.6))
    elif kind == 1:  # closed, seen at an angle
        w, d = rng.uniform(0.5, 0.65), rng.uniform(0.12, 0.26)
        pen.polygon(
            [
                (-w, 0.8),
                (w, 0.8),
                (w + d, 0.8 - d),
                (w + d, -0.8 - d + 0.1),
                (-w + d, -0.8 - d + 0.1),
                (-w, -0.75),
            ],
            shade(cover, 0.6),
        )
        pen.polygon(
            [(w, 0.76), (w + d * 0.9, 0.76 - d), (w + d * 0.9, -0.66 - d), (w, -0.7)],
            paper,
        )
        parts.pattern(pen, rng, [(-w, -0.75), (w, -0.75), (w, 0.8), (-w, 0.8)], cover)
        pen.box(-w, -0.75, -w + 0.12, 0.8, shade(cover, 0.75))
        pen.box(-w * 0.5, -0.5, w * 0.75, -0.2, parts.other(rng, cover))
    else:  # a pile lying flat
        y = 0.85
        for _ in range(rng.randint(2, 5)):
            w, t, x = (
                rng.uniform(0.6, 0.85),
                rng.uniform(0.24, 0.4),
                rng.uniform(-0.12, 0.12),
            )
            color = parts.tint(rng)
            pen.box(x - w, y - t, x + w, y, color)
            pen.box(x - w + 0.15, y - t + 0.06, x + w + 0.02, y - 0.06, paper)
            pen.box(
                x - w + 0.15,
                y - t / 2 - 0.01,
                x + w,
                y - t / 2 + 0.01,
                shade(paper, 0.75),
            )
            y -= t
