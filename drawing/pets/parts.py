"""Fur, limbs and tails, which all poses share."""

from drawing.pen import mix, ring, shade, smooth, wobble


def furry(rng, points, tips):
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


def hide(pen, rng, outline, coat, slant=0.0):
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


def limb(pen, points, breed, coat, far=False):
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


def tail(pen, rng, x, y, breed, coat, low=False):
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
            pen.polygon(furry(rng, outline, 0.04), color)
    if breed.tail in ("ringed", "bob"):
        for (px, py), width in list(zip(path, widths, strict=True))[1:]:
            pen.tube([(px - width / 2, py), (px + width / 2, py)], 0.05, coat.mark)
    if coat.pattern in ("stripes", "patches", "spots"):
        pen.ellipse(*path[-1], widths[-1] * 0.55, widths[-1] * 0.55, coat.mark)
    elif coat.pattern == "saddle":
        pen.ellipse(*path[-1], widths[-1] * 0.6, widths[-1] * 0.6, coat.pale)
