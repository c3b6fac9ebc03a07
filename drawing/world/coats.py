"""Colors and markings of fur and skin, drawn by chance for every animal."""

from drawing.pen import any_color, mix, shade, vary

DARK = (28, 24, 24)
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


PATTERNS = ("plain", "stripes", "spots", "patches", "belly", "half", "points", "saddle")


def markings(pen, rng, outline, color, kind=None, second=None):
    """Paint stripes, spots, patches, a belly or nothing inside ``outline``."""
    xs, ys = [x for x, _ in outline], [y for _, y in outline]
    left, right, top, low = min(xs), max(xs), min(ys), max(ys)
    wide, high = right - left, low - top
    kind = kind or PATTERNS[rng.randint(len(PATTERNS))]
    second = second or other(rng, color)

    def fill(part):
        if kind == "stripes":
            count, lean = rng.randint(4, 11), rng.uniform(-0.15, 0.15) * wide
            for i in range(count):
                x, w = left + wide * (i + 0.5) / count, wide * rng.uniform(0.15, 0.3)
                end = (x + lean, top + high * rng.uniform(0.5, 1.0))
                w /= count
                part.polygon([(x - w, top), (x + w, top), end], second)
                part.polygon([(x + w, top), end, (end[0] + w, end[1])], second)
        elif kind in ("spots", "patches"):
            many, size = (
                (rng.randint(8, 22), 0.07)
                if kind == "spots"
                else (rng.randint(2, 5), 0.25)
            )
            for _ in range(many):
                x, y = left + wide * rng.uniform(), top + high * rng.uniform()
                s = size * rng.uniform(0.6, 1.3) * wide
                part.ellipse(
                    x, y, s, s * rng.uniform(0.5, 1), second, rng.uniform(0, 90)
                )
        elif kind == "belly":
            y = top + high * rng.uniform(0.6, 0.85)
            part.box(left, y, right, low, mix(color, (245, 240, 230), 0.6))
        elif kind == "half":
            x = left + wide * rng.uniform(0.25, 0.75)
            part.box(x, top, right, low, second)
        elif kind == "points":  # darker toward one end, or the middle of a face
            x, y = left + wide * rng.uniform(0.4, 0.6), top + high * 0.7
            part.ellipse(x, y, wide * 0.36, high * 0.45, mix(color, second, 0.5))
            part.ellipse(x, y, wide * 0.25, high * 0.33, second)
        else:  # saddle: the upper part in another color
            y = top + high * rng.uniform(0.3, 0.5)
            part.box(left, top, right, y, second)

    if kind != "plain":
        pen.inside(outline, fill)
