"""A folder of one's own pictures, with a folder for each class, as ``load`` reads it.

``imagefolder`` of datasets was tried: it stops at a broken picture when that is used,
overlooks HEICs, parts copies, and takes every *test-1.jpg* for a split of its own.
"""

import contextlib
import io
import os
import warnings
from pathlib import Path

from PIL import Image

from course_utils.data.hub import DataError, first_line, warn
from course_utils.data.pictures import fingerprint, png, upright

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "valid", "val"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_NOT_YET = {".heic", ".heif", ".avif"}  # pictures that Pillow may not be able to read
# Photographs are many and large, so no copy is kept. Other formats keep files open.
_STAY_WHERE_THEY_ARE = ("JPEG", "PNG", "WEBP")


def find(path, known) -> Path:
    """Return the absolute path of the folder that somebody means."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else ""
    if not os.path.isdir(text):
        text = os.path.expanduser(text.strip(" \t\r\n'\"“”‘’"))
    if os.path.isdir(text):
        return Path(os.path.abspath(text))
    why = f"{str(path)!r} is no data set of the course ({', '.join(known)}) and no "
    if os.path.isfile(text):
        raise ValueError(f"{why}folder, but a file; unpack it and give the folder")
    why += "folder of pictures; look at the spelling (a relative path counts from "
    raise ValueError(f"{why}{Path.cwd()})")


def classes_and_files(folder: Path) -> tuple[tuple[str, ...], dict[str, list[Path]]]:
    """Return the names of the classes, sorted, and the picture files of each split."""
    pictures, others, folders = _found(folder)
    of_train = [len(x) for x in pictures if SPLITS.get(x[0].lower()) == "train"]
    depth = 2 if of_train.count(3) > of_train.count(2) else 1  # of a class's folder

    def in_class(parts):
        return len(parts) == depth + 1 and (depth == 1 or parts[0].lower() in SPLITS)

    files = {}
    for parts in filter(in_class, pictures):
        split = SPLITS[parts[0].lower()] if depth == 2 else "train"
        files.setdefault(split, []).append(folder.joinpath(*parts))
    if not files:
        raise DataError(f"{folder}: {_nothing(folder, pictures)}.")
    if outside := ["/".join(parts) for parts in pictures if not in_class(parts)]:
        why = "pictures are left out, which do not lie directly in the folder of a"
        warn(f"{folder}: {len(outside)} {why} class, such as {outside[0]}.")
    if others := [Path(*parts).suffix or "none" for parts in others if in_class(parts)]:
        kinds = ", ".join(sorted(set(others))[:10])
        why = "files are left out, which are no pictures by their endings"
        warn(f"{folder}: {len(others)} {why} ({kinds}).")
    names = sorted({path.parent.name for paths in files.values() for path in paths})
    empty = {x[-1] for x in folders if in_class((*x, ""))} - set(names)
    if empty:
        some = ", ".join(sorted(empty))
        warn(f"{folder}: folders without a picture are left out as classes: {some}.")
    return tuple(names), files


def _found(folder):
    """Return the pictures, the other files and the folders in it, as parts of paths."""
    readable = Image.registered_extensions()
    endings = {x for x, kind in readable.items() if kind in Image.OPEN} | _NOT_YET
    pictures, others, folders = [], [], []
    for place, below, names in os.walk(folder, onerror=_closed, followlinks=True):
        parts = Path(place).relative_to(folder).parts
        shown = sorted(x for x in below if not x.startswith((".", "__")))
        below[:] = shown if len(parts) < 4 else []  # a link may lead back up
        folders += [(*parts, name) for name in below]
        for name in sorted(x for x in names if not x.startswith(".")):
            path = Path(place, name)
            if path.suffix.lower() not in endings or not path.is_file():
                others.append((*parts, name))
                continue
            if (text := str(path)).encode(errors="ignore").decode() != text:
                why = f"{ascii(text)} is no name in UTF-8; rename it (an old archive"
                raise DataError(f"{why} may hold names in another encoding).")
            pictures.append((*parts, name))
    return pictures, others, folders


def _closed(error):
    why = f"{error.filename} cannot be looked into ({error.strerror})"
    raise DataError(f"{why}; change who may read it, or copy it elsewhere.") from None


def _nothing(folder, pictures):
    """Say why there is no picture in the folder of a class, and what to do."""
    deep = [parts for parts in pictures if len(parts) > 2]
    if deep:
        why = f"the pictures lie too deep, such as {'/'.join(deep[0])}; give the folder"
        right = folder.joinpath(*deep[0][:-2])
        return f"{why} that holds those of the classes, perhaps {right}"
    if pictures:
        why = "pictures lie in no folder of a class, so nothing says what they show;"
        why = f"its {len(pictures)} {why} make a folder for each class in it and move"
        return f"{why} them there, or give the folder above if this one is a class"
    why = "there is no picture in it, although it should hold a folder for each class,"
    return f"{why} as in cat/1.jpg; look whether this is the right one"


def rows(folder: Path, files: dict, names: tuple[str, ...]):
    """Yield the rows of all pictures, as ``sets`` wants them."""
    for split, paths in files.items():
        for path in paths:
            cell, pixels, problem = None, 0, None
            try:
                image = upright(content := path.read_bytes())
                cell, pixels = {"bytes": content, "path": None}, fingerprint(image)
                if not _reads_the_same(cell, pixels):
                    cell["bytes"] = png(image)
                elif Image.open(io.BytesIO(content)).format in _STAY_WHERE_THEY_ARE:
                    cell = {"bytes": None, "path": str(path)}
            except (OSError, ValueError) as error:
                why = error if isinstance(error, ValueError) else first_line(error)
                problem = f"{path.relative_to(folder).as_posix()}: {why}"
            row = {"image": cell, "label": names.index(path.parent.name)}
            yield row | {"split": split, "problem": problem, "pixels": pixels}


def _reads_the_same(cell, pixels):
    """Tell whether datasets reads these pixels, too; it turns pictures as upright."""
    from datasets import Image as Feature

    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("error")  # Pillow warns of broken metadata
        return fingerprint(Feature().decode_example(cell)) == pixels
    return False


def without_empty(table, folder: Path, names: tuple[str, ...]):
    """Leave out classes of which no picture can be read; refuse a single class."""
    from datasets import ClassLabel

    labels, told = table["label"][:], table["problem"][:]
    there = sorted({k for k, why in zip(labels, told, strict=True) if why is None})
    empty = [name for k, name in enumerate(names) if there and k not in there]
    if empty:
        why = f"of which no picture can be read: {', '.join(empty)}"
        first = told[labels.index(names.index(empty[0]))]
        warn(f"{folder}: folders are left out as classes, {why} ({first}).")
    if len(there) == 1:
        why = f"only {names[there[0]]!r} holds pictures that can be read, and with one"
        why += " class there is nothing to tell apart; add a folder of another class,"
        raise DataError(f"{folder}: {why} or give the folder that holds both.")
    if not empty:
        return table
    kind = ClassLabel(names=[names[k] for k in there])
    numbers = [there.index(k) if k in there else 0 for k in labels]
    return table.remove_columns("label").add_column("label", numbers, feature=kind)
