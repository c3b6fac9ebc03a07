"""Colors and parts that several subjects share: paint, wheels, coats, eyes, legs."""

from drawing.pen import any_color, hsv, mix, ring, shade, vary, wobble

BLACK, WHITE = (25, 24, 26), (240, 238, 232)


def choose(rng, *choices):
    return choices[rng.randint(len(choices))]


def paint_of(rng):
    """Return the color of a vehicle: any, or white, gray, black."""
    if rng.uniform() < 0.35:
        value = choose(rng, 60, 150, 195, 240)
        return vary(rng, (value, value, value), 10)
    return any_color(rng, (0.5, 0.95), (0.45, 0.95))


def glass(rng):
    return vary(rng, choose(rng, (50, 60, 75), (130, 165, 185), (85, 110, 130)), 12)


def push(pen, outline, depth, color, colors=()):
    """Fill ``outline`` as the near side of a body that goes back by ``depth`` (dx, dy).

    ``colors`` maps the number of an edge to its color, where not a darker ``color``.
    """
    dx, dy = depth
    far = [(x + dx, y + dy) for x, y in outline]
    pen.polygon(far, shade(color, 0.7))
    count = len(outline)
    for i in range(count):
        j = (i + 1) % count
        quad = [outline[i], outline[j], far[j], far[i]]
        level = abs(outline[i][1] - outline[j][1]) < abs(outline[i][0] - outline[j][0])
        pen.polygon(quad, dict(colors).get(i, shade(color, 1.15 if level else 0.75)))
    pen.polygon(outline, color)


def wheel(pen, rng, x, y, r, hub):
    pen.ellipse(x, y, r, r, BLACK)
    pen.ellipse(x, y, r * 0.55, r * 0.55, hub)
    if r > 0.15:
        pen.ellipse(x, y, r * 0.2, r * 0.2, shade(hub, 0.5))


def depth(rng):
    """Return how far a vehicle goes back: not at all (side view), or to the right."""
    if rng.uniform() < 0.4:
        return (0.0, 0.0)
    return (rng.uniform(0.15, 0.5), -rng.uniform(0.03, 0.16))


def coat(rng):
    """Return the color of a coat; cat, deer, dog and horse draw from the same."""
    kind = rng.randint(0, 7)
    if kind < 3:
        color = hsv(
            rng.uniform(0.04, 0.1), rng.uniform(0.35, 0.7), rng.uniform(0.35, 0.7)
        )
    elif kind == 3:
        color = hsv(
            rng.uniform(0.05, 0.09), rng.uniform(0.6, 0.8), rng.uniform(0.7, 0.9)
        )
    elif kind == 4:
        color = (rng.uniform(95, 165),) * 3
    elif kind == 5:
        color = hsv(0.11, rng.uniform(0.05, 0.3), rng.uniform(0.82, 0.95))
    else:
        color = (rng.uniform(45, 70),) * 3
    return vary(rng, color, 10)


def eye(pen, x, y, r, color=(20, 18, 18), white=None):
    if white is not None:
        pen.ellipse(x, y, r * 1.5, r * 1.5, white)
    pen.ellipse(x, y, r, r, color)
    pen.ellipse(x + r * 0.3, y - r * 0.35, r * 0.35, r * 0.35, WHITE)


def legs(pen, rng, coat, places, top, ground, thick, stride, foot, joint=0.0):
    """Four legs at x ``places``, the far pair darker, swung by up to ``stride``."""
    for i, x in enumerate(places):
        swing = rng.uniform(-stride, stride)
        color = shade(coat, 0.68 if i % 2 == 0 else 0.95)
        knee = (x + swing * 0.3 + (joint if x > 0 else -joint), (top + ground) / 2)
        end = (x + swing, ground)
        pen.tube([(x, top), knee, end], [thick * 1.5, thick, thick * 0.8], color)
        pen.ellipse(end[0] + thick * 0.3, ground, thick * 0.75, thick * 0.45, foot)


def patches(pen, rng, outline, color, kind):
    """Patches, stripes or spots inside ``outline``."""
    if kind == "none":
        return

    def paint(part):
        xs, ys = [x for x, _ in outline], [y for _, y in outline]
        for _ in range({"patches": 3, "stripes": 7, "spots": 16}[kind]):
            x, y = rng.uniform(min(xs), max(xs)), rng.uniform(min(ys), max(ys))
            if kind == "patches":
                part.blob(wobble(rng, ring(x, y, 0.22, 0.16, count=6), 0.06), color)
            elif kind == "stripes":
                part.tube([(x, min(ys)), (x + 0.05, y)], [0.06, 0.03], color)
            else:
                part.ellipse(x, y, 0.03, 0.03, color)

    pen.inside(outline, paint)


def second(rng, coat):
    """Return a color for a belly, patch or muzzle that differs from the coat."""
    return choose(rng, mix(coat, WHITE, 0.6), mix(coat, WHITE, 0.75), shade(coat, 0.5))
