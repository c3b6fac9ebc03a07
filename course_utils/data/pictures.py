"""One way to read a picture, and one look at labels, for every lesson and framework."""

import contextlib
import hashlib
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ExifTags import Base

from course_utils.data.download import first_line


def upright(picture) -> Image.Image:
    """Read a picture, whatever it comes as, the way a person would see it.

    It is turned as its metadata say, and once only. What is transparent lies on white.
    Grays of 16 bits, of floats or of an array are brought to the levels 0 to 255 by
    their range: floats up to 1 are taken for shares of white, numbers up to 255 for
    gray levels, whole numbers up to 65535 for 16 bits. Of several pages or frames the
    first counts.

    Parameters
    ----------
    picture : path, bytes, PIL.Image or array
        The path of a file (``~`` and quotes around it are understood), the content of
        a file, a picture of Pillow in any mode, or an array or tensor of shape (H, W)
        or (H, W, channels) with 1 (gray), 2 (gray, alpha), 3 (RGB) or 4 (RGBA)
        channels.

    Returns
    -------
    PIL.Image, mode RGB

    Raises
    ------
    ValueError
        If there is no picture, or one that cannot be read or not without a guess; the
        message is one sentence that says why and what to do.
    """
    if isinstance(picture, str | os.PathLike):
        return _from_file(os.fspath(picture))
    if isinstance(picture, bytes | bytearray | memoryview):
        return _from_bytes(bytes(picture))
    if isinstance(picture, Image.Image):
        return _turned_on_white(picture)
    if hasattr(picture, "__array__"):
        return _turned_on_white(_from_array(picture))
    kind = type(picture).__name__
    raise ValueError(
        f"a picture is given as a path, bytes, a PIL image or an array, not as {kind}"
    )


def _from_file(text):
    if "://" in text or text.startswith("data:"):
        raise ValueError(
            f"{text[:80]} is an address, not a file; download the picture first, and "
            "give the path of the file"
        )
    path = Path(text)
    if not os.path.exists(text):  # unlike Path.exists, False for impossible names
        path = Path(os.path.expanduser(text.strip(" \t\r\n'\"“”‘’")))
    if path == Path():
        raise ValueError("the path of the picture is empty; give that of a file")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; give the path of one picture in it")
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ValueError(
            f"there is no file {path.absolute()}; look at the spelling and at the "
            f"folder (a relative path counts from {Path.cwd()})"
        ) from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be opened ({first_line(error)})") from None
    try:
        return _from_bytes(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


_OTHER_KINDS = (  # how files begin that are taken for pictures, and what they are
    (rb".{4}ftyp.{0,20}avif", "an AVIF picture"),
    (rb".{4}ftyp(hei|hev|mif1|msf1)", "a HEIC picture, as iPhones take them"),
    (rb".{4}ftyp|\x1aE\xdf\xa3", "a video"),
    (rb"\xff\x0a|.{4}JXL ", "a JPEG XL picture"),
    (rb"%PDF", "a PDF document"),
    (rb"(?i).{0,300}<svg", "an SVG drawing"),
    (rb"(?i)\s*<(!doctype )?html", "a web page"),
    (rb"PK\x03\x04", "a ZIP archive"),
    (rb"version https://git-lfs", "a pointer of Git LFS, which stands for the file"),
)


def _from_bytes(content):
    if not content:
        raise ValueError("the picture is empty (0 bytes); get the file anew")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of broken metadata
        try:
            image = Image.open(io.BytesIO(content))
        except Exception as error:
            raise ValueError(_unreadable(error, content)) from None
        return _turned_on_white(image)


def _unreadable(error, content=b""):
    """Say why Pillow stopped with an error of any kind, and what to do."""
    reason, save = first_line(error) or type(error).__name__, "open it in a viewer and"
    for start, kind in _OTHER_KINDS:
        if re.match(start, content[:400], re.DOTALL):
            why = f"is {kind}, whatever its name says, and Pillow cannot read it"
            return f"the picture {why}; get or save the picture as JPEG or PNG"
    if isinstance(error, UnidentifiedImageError):
        why = "is in no format that Pillow knows, or damaged at its beginning"
        return f"the picture {why}; {save} save it as JPEG or PNG"
    if isinstance(error, Image.DecompressionBombError):
        most = f"{2 * Image.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels"
        why = f"has more than {most}, the most that Pillow reads"
        return f"the picture {why}; make it smaller in a viewer first"
    if re.search("(?i)(too large|too much memory).*text", reason):
        why = "carries more than a megabyte of text, which Pillow refuses"
        return f"the picture {why}; {save} save it anew, without the text"
    why = f"is cut off or damaged ({reason})"
    return f"the picture {why}; get it again, or {save} save it anew"


def _from_array(array):
    try:
        array = np.asarray(array)
    except Exception as error:  # a tensor on a GPU, or one that has a gradient
        why = first_line(error)
        raise ValueError(f"the picture cannot be made an array ({why})") from None
    shape = array.shape
    if len(shape) == 3 and shape[2] == 1:
        array = array[..., 0]
    elif len(shape) != 2 and not (len(shape) == 3 and shape[2] in (2, 3, 4)):
        channels_first = len(shape) == 3 and shape[0] in (1, 3, 4)
        remedy = "move the first axis to the end" if channels_first else "give one such"
        raise ValueError(
            f"an array of shape {shape} is no picture, which has the shape (height, "
            f"width) or (height, width, channels); {remedy}"
        )
    if not array.size:
        raise ValueError(f"an array of shape {shape} has no pixels")
    return Image.fromarray(_gray_levels(array))


def _turned_on_white(image):
    """Return a picture of Pillow turned as its metadata say, on white, in RGB."""
    try:
        image.load()  # this turns a TIFF, and takes the tag away; so the tag is next
    except Exception as error:
        raise ValueError(_unreadable(error)) from None
    if 0 in image.size:
        raise ValueError(f"the picture of {image.width} x {image.height} has no pixels")
    tags = getattr(image, "tag_v2", {})  # of a TIFF
    with contextlib.suppress(Exception):  # unreadable metadata turn nothing
        image = ImageOps.exif_transpose(image)
    if image.mode == "F" or image.mode.startswith("I"):  # more than 8 bits a pixel
        values = np.asarray(image)
        levels = np.array(_gray_levels(values))
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
    if kind == "b":
        return values * np.uint8(255)
    if values.dtype == np.uint8:
        return values
    if kind not in "iuf":
        raise ValueError(f"the picture holds {values.dtype}, and not numbers of gray")
    if not np.isfinite(values).all():
        raise ValueError("the picture holds NaN or infinity; replace them by numbers")
    low, high = values.min(), values.max()
    if kind == "f" and 0 <= low and high <= 1:
        factor = 255
    elif 0 <= low and high <= 255:
        factor = 1
    elif kind != "f" and 0 <= low and 4095 < high <= 65535:  # up to 4095: 12 bits?
        factor = 1 / 257
    else:
        raise ValueError(
            f"the picture holds numbers from {low:g} to {high:g}, and nothing says "
            "which of them is white; bring them to the range from 0 to 255 first"
        )
    return np.rint(values * np.float64(factor)).astype(np.uint8)


def checked(cell: dict, mode: str) -> tuple[bytes | None, bytes | None, str | None]:
    """Look at a data set's picture, of which ``cell`` holds the bytes and a path.

    Returns
    -------
    content : bytes or None
        The same bytes if they decode to an upright picture of the mode; else those of
        a PNG that does, or None if the picture cannot be read.
    pixels : bytes or None
        A digest, equal for pictures with the same pixels.
    why : str or None
        Why the picture cannot be read.
    """
    content = cell.get("bytes")
    image = _plain(content, mode)
    try:
        if content is None:
            only = "a path, but not the picture" if cell.get("path") else "no picture"
            raise ValueError(f"the row holds {only}; the file must store its bytes")
        if image is None:
            image, png = upright(content).convert(mode), io.BytesIO()
            image.save(png, "PNG")
            content = png.getvalue()
    except ValueError as error:
        return None, None, str(error)
    pixels = hashlib.blake2b(repr(image.size).encode(), digest_size=16)
    pixels.update(image.tobytes())
    return content, pixels.digest(), None


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


# Labels


def class_numbers(labels, classes: int | None = None) -> np.ndarray:
    """Return the labels of single pictures as whole numbers, shape (B,).

    Raises ValueError if one is missing, no whole number, negative, or at least
    ``classes``, the number of classes where it is known.
    """
    labels = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    labels = [x.item() if getattr(x, "ndim", 1) == 0 else x for x in labels]
    wanted = f"0 to {classes - 1}" if classes else "0 and above"
    for row, label in enumerate(labels):
        if (
            label is None or label != label
        ):  # NaN is the number that differs from itself
            why = "is missing; leave out pictures without a class, or give them one"
        elif not isinstance(label, int):
            why = f"is {label!r}, but classes are whole numbers, {wanted}; for texts, "
            why += "split.class_encode_column('label') makes them"
        elif label < 0 or (classes and label >= classes):
            why = f"is {label}, but classes are numbered {wanted}; leave out pictures "
            why += "without a class, or mend the numbers"
        else:
            continue
        raise ValueError(f"the label of row {row} {why}")
    return np.array(labels, dtype=np.int64)


def labels_of(dataset) -> np.ndarray:
    """Return the column ``label`` of a data set as ``class_numbers`` does."""
    if "label" not in dataset.column_names:
        has = ", ".join(dataset.column_names)
        raise ValueError(
            f"the data set has no column 'label' (it has {has}); rename the one with "
            "the classes by rename_column"
        )
    classes = getattr(dataset.features["label"], "num_classes", None)
    return class_numbers(dataset.with_format(None)["label"][:], classes)
