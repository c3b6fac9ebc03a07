"""Four-legged animals: one body for all, and the proportions of each kind."""

import math

from drawing.pen import mix, ring, shade, smooth, vary
from drawing.world.coats import PATTERNS, coat, markings, other
from drawing.world.heads import EARS, EYES, face, profile


def tail(pen, rng, kind, color):
    """Paint a tail that leaves the origin to the left."""
    lift = rng.uniform(-0.6, 0.7)
    pen.mark("tail", -0.4 if kind != "stub" else -0.08, 0, 0.2)
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
        elif kind == "ring":
            for x, y in (bend, end):
                pen.ellipse(x, y, 0.09, 0.09, shade(color, 0.5))


def leg(pen, rng, x, y, long, thick, color, foot):
    """Paint a leg from (x, y) down, ending ``long`` lower."""
    step, bend = rng.uniform(-0.22, 0.22) * long, rng.uniform(-0.12, 0.12) * long
    knee, end = (x + bend, y + long * 0.5), (x + step, y + long - thick * 0.3)
    pen.tube([(x, y), knee, end], [thick * 1.5, thick, thick * 0.8], color)
    pen.ellipse(end[0] + thick * 0.2, end[1], thick * 0.6, thick * 0.42, foot)
    pen.mark("foot", *end, thick * 0.7)


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


POSES = ("stand", "sit", "lie", "face")
SEEN = {  # what beast() returns, and the values that it can have
    "ears": tuple(EARS),
    "eyes": EYES,
    "pattern": PATTERNS,
    "whiskers": (False, True),
    "pads": (False, True),
    "tongue": (False, True),
    "pose": POSES,
    "front": (False, True),
}
TAILS = ("stub", "bushy", "curl", "tuft", "thin", "ring")
IRIS = ((150, 190, 70), (226, 178, 52), (205, 110, 40), (105, 175, 225), (110, 66, 34))


def individual(rng, kind):
    """Return one animal of a kind: as a rule like its kind, now and then not.

    As breeds do, single animals have other ears, eyes, coats and tails than most.
    """
    color = coat(rng)
    a = {"color": color, "second": other(rng, color), **kind}
    a["iris"] = vary(rng, IRIS[rng.randint(len(IRIS))], 15)
    if rng.uniform() < 0.3 and "extra" not in kind:
        ears = ("point", "round", "flop", "side", "tuft", "fold")
        a["ears"] = ears[rng.randint(len(ears))]
        a["ear"] = (0.45, 1.0)
    for name, choices, typical, keep in (
        ("pattern", PATTERNS, kind.get("pattern"), 0.75),
        ("eyes", EYES[:-1], kind.get("eyes"), 0.8),
        ("tail", TAILS, kind["tail"], 0.8),
        ("nose", ("triangle", "oval", "wide"), kind.get("nose"), 0.8),
    ):
        free = typical is None or (rng.uniform() > keep and typical != "disc")
        a[name] = choices[rng.randint(len(choices))] if free else typical
    if rng.uniform() < 0.07:
        a["eyes"] = "shut"
    a["fur"] = rng.uniform(*kind["furry"]) if "furry" in kind else 0.0
    if rng.uniform() < 0.25:
        a["fur"] = rng.uniform(0.03, 0.1)
    for name, seldom in (("whiskers", 0.15), ("mask", 0.05), ("pads", 0.2)):
        often = kind.get(name, False)
        a[name] = bool(rng.uniform() < (0.85 if often else seldom))
    a["tongue"] = bool(rng.uniform() < 0.2)
    return a


def beast(pen, rng, a):
    """Paint a four-legged animal: standing, sitting, lying, or its face alone.

    Returns what can be seen of it, by name, for learning to name that, too.
    """
    a = individual(rng, a)
    color = a["color"]
    pose = ("stand", "sit", "lie", "face", "face", "face")[rng.randint(6)]
    front = pose == "face"
    seen = {
        "ears": list(EARS).index(a["ears"]),
        "eyes": EYES.index(a["eyes"]),
        "pattern": PATTERNS.index(a["pattern"]),
        "whiskers": int(a["whiskers"]),
        "pads": int(a["pads"]),
        "tongue": int(a["tongue"]),
        "pose": POSES.index(pose),
    }
    if pose == "face":
        big = a["ear"][1] if a["ears"] in ("long", "point", "round") else 0.3
        part = fit(pen, -1.15, -0.75 - 0.75 * big, 1.15, 1.1)
        if rng.uniform() < 0.5:
            part.ellipse(0, 1.1, rng.uniform(0.7, 1.1), 0.6, shade(color, 0.85))
        if a["ears"] == "fan":
            part = part.at(y=-0.35, scale=0.6)
        if rng.uniform() < 0.7:
            face(part, rng, a, color)
        else:
            front = False
            profile(part.at(-0.3, 0, rng.uniform(-10, 10), 0.8), rng, a, color)
        return seen | {"front": int(front)}
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
    markings(part, rng, body, color, a["pattern"], a["second"])
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
                 neck * 0.55, thick * 0.4, -math.degrees(rise)), color,
                 a["pattern"], a["second"])  # fmt: skip
    front = bool(rng.uniform() < 0.5)
    if front:
        face(part.at(x, y, rng.uniform(-10, 10), size), rng, a, color)
    else:
        profile(part.at(x, y, rng.uniform(-15, 20), size), rng, a, color)
    return seen | {"front": int(front)}
