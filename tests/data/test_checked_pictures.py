"""A data set's picture keeps its bytes, or becomes an upright PNG, or is left out."""

import numpy as np
import pytest
from data_files import TURNS, noise, photo, stored
from datasets import Image as ImageFeature
from PIL import Image

from course_utils.data.pictures import checked


def corners(image):
    width, height = image.size
    places = [(x, y) for y in (4, height - 5) for x in (4, width - 5)]
    return np.array([image.getpixel(place) for place in places])


def turned(orientation):
    """Store the photo such that its metadata turn it upright again."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return stored(photo().transpose(TURNS[orientation]), "JPEG", quality=95, exif=exif)


BROKEN_EXIF = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x09\x01\x12\x00\x03\x00\x00"


GREY = corners(photo().convert("L").convert("RGB"))


KINDS = {
    "jpeg": (stored(photo(), "JPEG", quality=95), None),
    "png": (stored(photo(), "PNG"), None),
    "webp": (stored(photo(), "WEBP", lossless=True), None),
    "gif": (stored(photo(), "GIF"), None),
    "palette": (stored(photo().quantize(), "PNG"), None),
    "cmyk": (stored(photo().convert("CMYK"), "JPEG", quality=95), None),
    "grey": (stored(photo().convert("L"), "PNG"), GREY),
    "grey jpeg": (stored(photo().convert("L"), "JPEG", quality=95), GREY),
    "broken metadata": (stored(photo(), "JPEG", quality=95, exif=BROKEN_EXIF), None),
    **{f"turned {i}": (turned(i), None) for i in range(2, 9)},
}


def only_picture(content, mode="RGB"):
    """Return a picture as the learner gets it, or None if it is left out."""
    kept, _, why = checked({"bytes": content}, mode)
    assert (why is None) == (kept is not None)
    return why or ImageFeature().decode_example({"bytes": kept, "path": ""})


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_picture_becomes_upright_rgb(kind):
    content, expected = KINDS[kind]
    image = only_picture(content)
    assert (image.mode, image.size) == ("RGB", (64, 48))
    expected = corners(photo()) if expected is None else expected
    np.testing.assert_allclose(corners(image), expected, atol=12)


def test_ordinary_pictures_keep_their_bytes():
    for kind in ("jpeg", "png"):
        content, _ = KINDS[kind]
        assert checked({"bytes": content}, "RGB")[0] == content


def transparent(mode):
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((10, 20, 30, 255), (0, 0, 4, 8))
    return stored(image.convert(mode), "PNG")


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparent_parts_are_white(mode):
    if mode == "PA":
        image = Image.new("P", (8, 8), 1)
        image.putpalette([0, 0, 0, 10, 20, 30])
        image.paste(0, (4, 0, 8, 8))
        content = stored(image, "PNG", transparency=0)
    else:
        content = transparent(mode)
    image = only_picture(content)
    assert image.mode == "RGB" and image.getpixel((6, 4)) == (255, 255, 255)
    assert max(image.getpixel((1, 4))) <= 30


def test_rgb_picture_with_a_transparent_color_is_put_on_white():
    content = stored(photo(), "PNG", transparency=(200, 30, 30))
    image = only_picture(content)
    assert image.getpixel((4, 4)) == (255, 255, 255)
    assert image.getpixel((60, 4)) == (30, 200, 30)


def test_one_bit_pictures_are_black_and_white():
    image = only_picture(stored(Image.new("1", (5, 5), 1), "PNG"))
    assert (image.mode, image.getpixel((2, 2))) == ("RGB", (255, 255, 255))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_and_not_clipped(kind):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image = only_picture(stored(Image.fromarray(values), kind))
    assert image.mode == "RGB"
    np.testing.assert_allclose(np.asarray(image)[..., 0], values / 257, atol=0.51)


@pytest.mark.parametrize("size", [(1, 300), (300, 1), (1, 1)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_one_pixel_wide_stay(size, kind):
    assert only_picture(stored(Image.new("RGB", size, "red"), kind)).size == size


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.99])
def test_cut_pictures_are_noticed(kind, share):
    content = noise(kind)
    assert isinstance(only_picture(content[: int(share * len(content))]), str)


def test_what_is_no_picture_is_noticed():
    for content in (b"<html>not found</html>", b"", b"GIF of a cat", None):
        assert isinstance(only_picture(content), str)


def test_grey_sets_stay_grey():
    assert only_picture(KINDS["grey"][0], "L").mode == "L"
