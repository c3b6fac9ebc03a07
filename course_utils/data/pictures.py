"""One way to read a picture, and one look at labels, for every lesson and framework."""

import contextlib
import io
import os
import re
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from course_utils.data.hub import first_line


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
    raise ValueError(
        f"a picture is given as a path, bytes, a PIL image or an array, not as "
        f"{type(picture).__name__}"
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
        why = getattr(error, "strerror", None) or first_line(error)
        raise ValueError(f"{path} cannot be opened ({why})") from None
    try:
        return _from_bytes(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _from_bytes(content):
    if not content:
        raise ValueError("the picture is empty (0 bytes); get the file anew")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of broken metadata
        try:
            image = Image.open(io.BytesIO(content))
        except UnidentifiedImageError:
            raise ValueError(_unknown(content)) from None
        except Exception as error:
            raise ValueError(_broken(error)) from None
        return _turned_on_white(image)


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


def _unknown(content):
    """Say what a file is whose format Pillow does not know, and what to do."""
    for start, kind in _OTHER_KINDS:
        if re.match(start, content[:400], re.DOTALL):
            return (
                f"the picture is {kind}, whatever its name says, and Pillow cannot "
                "read it; get or save the picture as JPEG or PNG"
            )
    return (
        "the picture is in no format that Pillow knows, or damaged at its beginning; "
        "open it in a viewer and save it as JPEG or PNG"
    )


def _broken(error):
    """Say why Pillow stopped: OSError, SyntaxError, ValueError, struct.error, ..."""
    if isinstance(error, Image.DecompressionBombError):
        most = 2 * Image.MAX_IMAGE_PIXELS / 1e6
        return (
            f"the picture has more than {most:.0f} million pixels, the most that "
            "Pillow reads; make it smaller in a viewer first"
        )
    why = first_line(error) or type(error).__name__
    if re.search("(?i)(too large|too much memory).*text", why):
        return (
            "the picture carries more than a megabyte of text beside its pixels, which "
            "Pillow refuses; open it in a viewer and save it anew, without the text"
        )
    return (
        f"the picture is cut off or damaged ({why}); get it again, or open it in a "
        "viewer and save it anew"
    )


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


_ORIENTATION = 0x0112  # the EXIF tag
_PHOTOMETRIC = 0x0106
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _turned_on_white(image):
    """Return a picture of Pillow turned as its metadata say, on white, in RGB."""
    try:
        image.load()  # this turns a TIFF, and takes the tag away; so the tag is next
    except Exception as error:
        raise ValueError(_broken(error)) from None
    if 0 in image.size:
        raise ValueError(f"the picture of {image.width} x {image.height} has no pixels")
    with contextlib.suppress(Exception):  # unreadable metadata turn nothing
        turn = _TURNS.get(image.getexif().get(_ORIENTATION))
        image = image if turn is None else image.transpose(turn)
    if image.mode == "F" or image.mode.startswith("I"):  # more than 8 bits a pixel
        values = np.asarray(image)
        levels = np.array(_gray_levels(values))
        if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:  # a TIFF's white is 0
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


# Labels


def class_numbers(labels, classes: int | None = None) -> np.ndarray:
    """Return the labels of single pictures as whole numbers, or say what is wrong.

    Parameters
    ----------
    labels : sequence, array or tensor, shape (B,)
    classes : int, optional
        The number K of classes, where it is known.

    Returns
    -------
    array, shape (B,), int64, from 0 to K - 1

    Raises
    ------
    ValueError
        If a label is missing, no whole number, negative, or K or more.
    """
    labels = labels.tolist() if hasattr(labels, "tolist") else list(labels)
    labels = [x.item() if getattr(x, "ndim", 1) == 0 else x for x in labels]
    wanted = f"0 to {classes - 1}" if classes else "0 and above"
    for row, label in enumerate(labels):
        if label is None or (isinstance(label, float) and np.isnan(label)):
            raise ValueError(
                f"the label of row {row} is missing; leave out pictures without a "
                "class, or give them one"
            )
        if not isinstance(label, int):
            raise ValueError(
                f"the label of row {row} is {label!r}, but classes are whole numbers, "
                f"{wanted}; for texts, split.class_encode_column('label') makes them"
            )
        if label < 0 or (classes and label >= classes):
            raise ValueError(
                f"the label of row {row} is {label}, but classes are numbered "
                f"{wanted}; leave out pictures without a class, or mend the numbers"
            )
    return np.array(labels, dtype=np.int64)


def labels_of(dataset) -> np.ndarray:
    """Return the column ``label`` of a ``datasets.Dataset`` as ``class_numbers`` does.

    Raises
    ------
    ValueError
        If there is no such column, or a label that is no class of it.
    """
    if "label" not in dataset.column_names:
        has = ", ".join(dataset.column_names)
        raise ValueError(
            f"the data set has no column 'label' (it has {has}); rename the one with "
            "the classes by rename_column"
        )
    classes = getattr(dataset.features["label"], "num_classes", None)
    return class_numbers(dataset.with_format(None)["label"][:], classes)
