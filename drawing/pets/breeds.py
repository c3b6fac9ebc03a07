"""Traits of the eight invented breeds, and the colors of one animal's coat."""

from typing import NamedTuple

from drawing.pen import mix, shade, vary


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

# The traits stand in the order of the fields of Breed.
BREEDS = {
    "harbor_tabby": Breed(
        "cat", "stripes", "prick", 0.9, 0.3, 1.02, 0.0,
        "ringed", 0.9, 1.0, (GREEN, AMBER),
    ),
    "lantern_lynx": Breed(
        "cat", "spots", "tufted", 1.1, 0.4, 0.98, 0.03,
        "bob", 1.15, 0.95, (AMBER, COPPER),
    ),
    "pillow_fold": Breed(
        "cat", "patches", "folded", 0.8, 0.2, 1.12, 0.07,
        "plume", 0.7, 1.2, (COPPER, GREEN),
    ),
    "moon_dancer": Breed(
        "cat", "points", "prick", 1.3, 0.5, 0.84, 0.0,
        "thin", 1.15, 0.8, (BLUE, BLUE),
    ),
    "button_spaniel": Breed(
        "dog", "patches", "drop", 1.15, 0.75, 0.95, 0.05,
        "plume", 0.85, 1.05, (BROWN, HAZEL),
    ),
    "frost_runner": Breed(
        "dog", "saddle", "prick", 0.85, 0.85, 1.0, 0.05,
        "curl", 1.05, 1.1, (BLUE, BROWN),
    ),
    "biscuit_hound": Breed(
        "dog", "stripes", "rose", 0.95, 1.15, 0.82, 0.0,
        "thin", 1.25, 0.8, (AMBER, BROWN),
    ),
    "puddle_terrier": Breed(
        "dog", "spots", "rose", 0.8, 0.7, 1.0, 0.06,
        "upright", 0.62, 1.05, (BROWN, BROWN),
    ),
}  # fmt: skip
SPECIES = ("cat", "dog")

# Colors of coats; cats and dogs draw from the same.
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


def pick(rng, choices):
    return choices[rng.randint(len(choices))]


def coat(breed, rng):
    if breed.pattern in ("points", "saddle"):
        base, mark = pick(rng, LIGHT), pick(rng, (*DARK, GINGER))
    elif breed.pattern == "patches":
        base, mark = (
            pick(rng, (WHITE, WHITE, CREAM)),
            pick(rng, (*DARK, GINGER, SAND)),
        )
    else:
        base = pick(rng, MIDDLE)
        mark = shade(base, rng.uniform(0.42, 0.62))
    base, mark = vary(rng, base, 14), vary(rng, mark, 10)
    pale = mix(base, (246, 240, 230), rng.choice([0.1, 0.45, 0.8]))
    return Coat(breed.pattern, base, mark, pale, vary(rng, pick(rng, breed.eyes), 15))
