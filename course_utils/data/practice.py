"""A folder of pictures to practice on, full of the troubles that real folders have."""

import os
from itertools import cycle
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps
from PIL.ExifTags import Base

from course_utils.data.pictures import labels_of

_SHOTS = (1, 1, 2, 1, 1, 3)  # of one animal after the other: a third have bursts
_FEWEST = 6  # pictures of a class, so that there is one for each trouble
_TROUBLES = {  # in the folder of which class each lies; the largest class is 0
    **{"broken": 0, "huge": 0, "copy": 1, "cmyk": 1, "near copy": 2, "gray": 2},
    **{"turned": 3, "heic": 3, "wrong class": 4},
}


def practice_folder(
    folder: str | os.PathLike, pets, *, largest: int, smallest: int, seed: int = 7
) -> dict[str, tuple[str, ...]]:
    """Write pictures of pets as JPEGs, a subfolder for each breed, and plant troubles.

    ``animal017-shot2.jpg`` is the second picture of an animal: a third of the animals
    have a burst of two or three. The same arguments write the same bytes.

    Parameters
    ----------
    folder : path
        A folder that does not exist yet, or an empty one.
    pets : datasets.DatasetDict
        Splits with the columns ``image`` and ``label``, as ``load("pets")`` returns
        them. A breed with too few pictures gets all, one with fewer than six none.
    largest, smallest, seed : int
        How many pictures these classes have (the others lie evenly between), and what
        draws pictures and the order of breeds. The default is the one of 0 to 7 with
        which a linear probe finds the planted wrong class best.

    Returns
    -------
    dict
        The files of each trouble, relative to the folder: ``copy`` and ``near copy``
        (the original first), ``broken`` (cut off), ``cmyk``, ``gray``, ``turned``
        (upright by its metadata), ``huge`` (12 megapixels), ``heic`` (by its name and
        first bytes), and ``wrong class``, a picture of the largest class. Both copies
        and the HEIC come on top of the numbers. A ValueError says what it cannot do.

    """
    folder, random = Path(folder).expanduser(), np.random.default_rng(seed)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        why = "holds something, which would get mixed with the pictures to practice on"
        raise ValueError(f"{folder} {why}; give a new folder, or empty this one")
    if not _FEWEST <= smallest <= largest <= 900:
        why = f"numbers of pictures cannot fall from {largest} to {smallest}; give"
        raise ValueError(f"{why} {_FEWEST} <= smallest <= largest <= 900")
    breeds = {}  # where the pictures of each lie
    for split, rows in pets.items():
        for row, label in enumerate(labels_of(rows)):
            name = rows.features["label"].int2str(int(label))
            breeds.setdefault(name, []).append((split, row))
    names = sorted(name for name in breeds if len(breeds[name]) >= _FEWEST)
    if len(names) < 3:
        why = f"only {len(names)} breeds have {_FEWEST} pictures, and three are needed"
        raise ValueError(f"{why}; give more rows (COURSE_ROWS, if it is set)")
    names = random.permutation(names).tolist()
    counts = np.linspace(largest, smallest, len(names)).round().astype(int)
    singles = []  # of each class, the pictures that belong to no burst
    for name, count in zip(names, counts, strict=True):
        places = [breeds[name][i] for i in random.permutation(len(breeds[name]))]
        animals = (pets[split][row]["image"].convert("RGB") for split, row in places)
        singles.append(_write_class(folder / name, animals, count, random))
    planted = {}
    for kind, rank in _TROUBLES.items():
        rank = min(rank, len(names) - 1)
        paths = (_path(folder / names[rank], x) for x in random.permutation(999))
        free = next(path for path in paths if not path.exists())
        files = _plant(kind, singles[rank if kind != "wrong class" else 0].pop(), free)
        planted[kind] = tuple(x.relative_to(folder).as_posix() for x in files)
    return planted


def _path(folder, animal, shot=1):
    return folder / f"animal{animal:03}-shot{shot}.jpg"


def _write_class(folder, animals, count, random):
    """Write so many pictures of a breed; return those that belong to no burst."""
    folder.mkdir(parents=True)
    written, single, numbers = 0, [], random.permutation(999)
    for number, shots, animal in zip(numbers, cycle(_SHOTS), animals, strict=False):
        shots = min(shots, count - written)
        for shot in range(1, shots + 1):
            picture = animal if shot == 1 else _again(animal, random)
            picture.save(_path(folder, number, shot), quality=90)
        written += shots
        single += [_path(folder, number)] if shots == 1 else []
        if written == count:
            break
    return single


def _again(animal, random):
    """Return the next shot of a burst: turned a bit, nearer, lighter or darker."""
    angle, share = random.uniform(2, 4, 2) * (1, -1), random.uniform(0.85, 0.9)
    angle = random.choice(angle) * min(animal.size) / max(animal.size)
    turned = animal.rotate(angle, Image.Resampling.BICUBIC)
    size = np.round(share * np.array(animal.size)).astype(int)
    # The turn leaves empty corners, of up to 4 % of the shorter side.
    start = np.round((np.array(animal.size) - size) * random.choice([0.3, 0.7], 2))
    shot = turned.crop((*start, *(start + size)))
    return ImageEnhance.Brightness(shot).enhance(random.choice([0.85, 1.15]))


def _plant(kind, source, free):
    """Make a trouble of a picture that is written; return the files it is about."""
    content, image = source.read_bytes(), Image.open(source).convert("RGB")
    match kind:
        case "copy":
            free.write_bytes(content)
        case "near copy":
            image.reduce(2).save(free, quality=60)
        case "wrong class":
            source = source.rename(free)
        case "heic":
            source = source.with_name("IMG_0417.HEIC")
            source.write_bytes(b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + content)
        case "broken":
            source.write_bytes(content[: len(content) // 2])
        case "turned":
            told = Image.Exif()
            told[Base.Orientation] = 6
            image.transpose(Image.Transpose.ROTATE_90).save(source, exif=told)
        case "huge":
            ImageOps.fit(image, (4000, 3000)).save(source, quality=75)
        case "cmyk" | "gray":
            image.convert("CMYK" if kind == "cmyk" else "L").save(source, quality=90)
    return (source, free) if "copy" in kind else (source,)
