"""One way to read a picture, and one look at labels, for every lesson and framework."""

import contextlib
import hashlib
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from course_utils.data.hub import first_line


def upright(picture) -> Image.Image:
    """Read a picture, whatever it comes as, the way a person would see it.

    It is turned as its metadata say, and once only. What is transparent lies on white.
    Floats up to 1 are taken for shares of white, other numbers up to 255 for gray
    levels, whole numbers up to 65535 for 16 bits. The first of several pages counts.

    Parameters
    ----------
    picture : path, bytes, PIL.Image or array
        The path of a file, its content, a picture of Pillow in any mode, or an array
        or tensor (H, W) or (H, W, channels): gray, gray and alpha, RGB or RGBA.

    Returns
    -------
    PIL.Image in mode RGB; or a ValueError says in one sentence why not, and what to do.
    """
    if isinstance(picture, str | os.PathLike):
        return _from_file(os.fspath(picture))
    if isinstance(picture, bytes | bytearray | memoryview):
        return _from_bytes(bytes(picture))
    if not isinstance(picture, Image.Image):
        picture = _from_array(picture)
    return _turned_on_white(picture)


def _from_file(text):
    path = Path(text)
    if not os.path.exists(text):  # unlike Path.exists, False for impossible names
        path = Path(os.path.expanduser(text.strip(" \t\r\n'\"“”‘’")))
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        if "://" in text or text.startswith("data:"):
            why = f"{text[:80]} is an address; download the picture first, and give "
            why += "the path of the file"
        elif path == Path():
            why = "the path of the picture is empty; give that of a file"
        elif os.path.isdir(path):
            why = f"{path} is a folder; give the path of one picture in it"
        elif isinstance(error, FileNotFoundError):
            why = f"there is no file {path.absolute()}; look at the spelling and at "
            why += f"the folder (a relative path counts from {Path.cwd()})"
        else:
            why = f"{path} cannot be opened ({first_line(error)})"
        raise ValueError(why) from None
    try:
        return _from_bytes(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_bytes(content):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of broken metadata
        try:
            image = Image.open(io.BytesIO(content))
        except Exception as error:
            raise ValueError(_unreadable(error, content)) from None
        return _turned_on_white(image)


_OTHER_KINDS = {  # how files begin that are taken for pictures, and what they are
    rb"$": "empty (0 bytes)",
    rb".{4}ftyp(avi|hei|hev|mif1|msf1)": "a HEIC picture (iPhones take them) or AVIF",
    rb".{4}ftyp|\x1aE\xdf\xa3": "a video",
    rb"%PDF": "a PDF document",
    rb"(?i).{0,300}<svg": "an SVG drawing",
    rb"(?i)\s*<(!doctype )?html": "a web page",
    rb"version https://git-lfs": "a pointer of Git LFS, which stands for the file",
}
_REASONS = {  # what Pillow says, why it stopped, and what to do
    "cannot identify": "is in no format that Pillow knows, or begins with damage; "
    "open it in a viewer and save it as JPEG or PNG",
    "decompression bomb": "has more than 179 million pixels, which Pillow refuses; "
    "make it smaller in a viewer first",
    "(too large|too much memory).*text": "carries more than a megabyte of text, which "
    "Pillow refuses; open it in a viewer and save it anew, without the text",
    "": "is cut off or damaged ({}); get it again, or open it in a viewer and save it "
    "anew",
}


def _unreadable(error, content=b"?"):
    """Say why Pillow stopped with an error of any kind, and what to do."""
    for start, kind in _OTHER_KINDS.items():
        if re.match(start, content[:400], re.DOTALL):
            return f"the picture is {kind}; get or save the picture as JPEG or PNG"
    for words, why in _REASONS.items():
        if re.search(words, str(error), re.IGNORECASE):
            return f"the picture {why.format(first_line(error))}"


def _from_array(picture):
    if not hasattr(picture, "__array__"):
        why = "a picture is given as a path, bytes, a PIL image or an array, not as"
        raise ValueError(f"{why} {type(picture).__name__}")
    try:
        array = np.asarray(picture)
    except Exception as error:  # a tensor on a GPU, or one that has a gradient
        raise ValueError(f"the picture is no array: {first_line(error)}") from None
    shape = array.shape
    if 0 in shape or not (len(shape) == 2 or len(shape) == 3 and 0 < shape[2] < 5):
        raise ValueError(
            f"an array of shape {shape} is no picture, which has the shape (height, "
            "width) or (height, width, channels); if the channels come first, move the "
            "first axis to the end"
        )
    array = array[..., 0] if shape[2:] == (1,) else array
    return Image.fromarray(_gray_levels(array))


def _turned_on_white(image):
    """Return a picture of Pillow turned as its metadata say, on white, in RGB."""
    try:
        image.load()  # this turns a TIFF, and takes the tag away; so the tag is next
    except Exception as error:
        raise ValueError(_unreadable(error)) from None
    tags = getattr(image, "tag_v2", {})  # of a TIFF
    with contextlib.suppress(Exception):  # unreadable metadata turn nothing
        image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):  # more than 8 bits a pixel
        values = np.asarray(image)
        levels = _gray_levels(values)
        if tags.get(Base.PhotometricInterpretation) == 0:  # white is stored as 0
            levels = 255 - levels
        if "transparency" in image.info:
            levels[values == image.info["transparency"]] = 255
        image = Image.fromarray(levels)
    if image.has_transparency_data:
        image = image.convert("LA") if image.mode == "La" else image
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    image.info = {}  # with the tag in it, the next reader would turn it again
    return image


def _gray_levels(values):
    """Bring numbers of any type to whole gray levels, 0 to 255, by their range."""
    kind = values.dtype.kind
    if kind not in "biuf":
        raise ValueError(f"the picture holds {values.dtype}, and not numbers of gray")
    low, high = values.min(), values.max()
    if kind in "bf" and 0 <= low and high <= 1:
        factor = 255
    elif 0 <= low and high <= 255:
        factor = 1
    elif kind in "iu" and 0 <= low and 4095 < high <= 65535:  # up to 4095: 12 bits?
        factor = 1 / 257
    else:
        raise ValueError(
            f"the picture holds numbers from {low:g} to {high:g}, and nothing says "
            "which of them is white; bring them to the range from 0 to 255 first"
        )
    return np.rint(values * np.float64(factor)).astype(np.uint8)


def checked(cell: dict, mode: str) -> tuple[bytes | None, int, str | None]:
    """Look at a data set's picture, of which ``cell`` holds the bytes and a path.

    Returns these bytes, or those of a PNG if they are no upright picture of the mode;
    a number that is equal for equal pixels; and why the picture cannot be read.
    """
    content = cell.get("bytes")
    if content is None:
        only = "a path, but not the picture" if cell.get("path") else "no picture"
        return None, 0, f"the row holds {only}; the file must store its bytes"
    image = _plain(content, mode)
    if image is None:
        try:
            image = upright(content).convert(mode)
        except ValueError as error:
            return None, 0, str(error)
        content = png(image)
    return content, fingerprint(image), None


def png(image: Image.Image) -> bytes:
    """Return the bytes of a PNG file that holds a picture."""
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def fingerprint(image: Image.Image) -> int:
    """Return a number that is equal for equal pixels."""
    pixels = hashlib.blake2b(repr(image.size).encode() + image.tobytes(), digest_size=8)
    return int.from_bytes(pixels.digest(), "big", signed=True)


def _plain(content, mode):
    """Decode a picture; return None if anything is odd about it."""
    with warnings.catch_warnings(), contextlib.suppress(Exception):
        warnings.simplefilter("error")  # Pillow warns of broken metadata
        image = Image.open(io.BytesIO(content))
        image.load()
        odd = image.mode != mode or image.has_transparency_data
        if not odd and image.getexif().get(Base.Orientation, 1) == 1:
            return image
    return None


def class_numbers(labels, classes: int | None = None) -> np.ndarray:
    """Return labels as whole numbers (B,); refuse what is no class of ``classes``."""
    labels = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    labels = [x.item() if getattr(x, "ndim", 1) == 0 else x for x in labels]
    for row, label in enumerate(labels):
        if not isinstance(label, int) or not 0 <= label < (classes or label + 1):
            wanted = f"0 to {classes - 1}" if classes else "0 and above"
            raise ValueError(
                f"the label of row {row} is {label!r}, but classes are whole numbers, "
                f"{wanted}; leave out pictures without a class, and turn texts into "
                "numbers by split.class_encode_column('label')"
            )
    return np.array(labels, dtype=np.int64)


def labels_of(dataset) -> np.ndarray:
    """Return the column ``label`` of a data set as ``class_numbers`` does."""
    if "label" not in dataset.column_names:
        has = ", ".join(dataset.column_names)
        why = f"the data set has no column 'label' (it has {has}); rename the one with"
        raise ValueError(f"{why} the classes by rename_column")
    classes = getattr(dataset.features["label"], "num_classes", None)
    return class_numbers(dataset.with_format(None)["label"][:], classes)
