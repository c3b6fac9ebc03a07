"""A picture is read in one way: upright, on white, in RGB, or with a true sentence."""

import io
from pathlib import Path

import numpy as np
import pytest
from data_files import GRAYS, TURNS, assert_looks_like, photo, sixteen, stored
from PIL import Image

from course_utils.data.pictures import checked, upright

# What a picture may be


@pytest.mark.parametrize("form", [str, Path, bytes, bytearray, memoryview])
def test_files_and_their_content_are_read(tmp_path, form):
    path = tmp_path / "my cat.png"
    path.write_bytes(stored(photo()))
    picture = path if form in (str, Path) else path.read_bytes()
    assert_looks_like(upright(form(picture)), photo(), 0)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_a_picture_in_memory_is_turned_once_however_often_it_is_read(kind):
    made = upright(Image.open(io.BytesIO(turned(6, kind))))
    for image in (made, upright(made), upright(stored(upright(made), "TIFF"))):
        assert_looks_like(image, photo())


def test_a_picture_in_memory_is_left_as_it_is():
    image = Image.open(io.BytesIO(turned(6, "PNG")))
    upright(image)
    assert image.size == (48, 64) and image.getexif()[0x0112] == 6


@pytest.mark.parametrize("place", ["~/{}", '"{}"', "'{}'", " {}\n", "“{}”", '"~/{}"'])
def test_home_and_quotes_in_a_path_are_understood(monkeypatch, tmp_path, place):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / "my cat.png").write_bytes(stored(photo()))
    monkeypatch.chdir(tmp_path)
    assert upright(place.format("my cat.png")).size == (64, 48)


def test_a_file_whose_name_has_quotes_is_found_first(tmp_path):
    path = tmp_path / "cat'"
    path.write_bytes(stored(photo()))
    assert upright(str(path)).size == (64, 48)


# Turned once


def turned(orientation, kind, mode="RGB", **settings):
    """Store the photo such that its metadata turn it upright again."""
    image = photo()
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
    if mode == "I;16":
        image = sixteen(np.asarray(image.convert("L")))
    else:
        image = image.quantize() if mode == "P" else image.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return stored(image, kind, exif=exif, **settings)


def both_ways(content):
    """Return what upright makes of a file, and what the loader's rows hold of it."""
    from datasets import Image as ImageFeature

    kept, _, why = checked({"bytes": content}, "RGB")
    assert why is None
    return upright(content), ImageFeature().decode_example({"bytes": kept, "path": ""})


MODES = {"RGB": "RGB", "RGBA": "RGB", "CMYK": "RGB", "P": "RGB", "L": "L", "I;16": "L"}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", MODES)
def test_a_tiff_in_any_mode_is_turned_once(mode, orientation):
    for image in both_ways(turned(orientation, "TIFF", mode)):
        assert_looks_like(image, photo().convert(MODES[mode]))


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "packbits"])
def test_a_compressed_tiff_is_turned_once(compression):
    for mode in ("RGB", "L"):
        content = turned(6, "TIFF", mode, compression=compression)
        for image in both_ways(content):
            assert image.size == (64, 48)
            assert image.getpixel((50, 36))[0] > 200  # yellow, or the lightest gray


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_all_eight_orientations_end_upright(kind, orientation):
    settings = {"PNG": {}}.get(kind, {"quality": 95})
    for image in both_ways(turned(orientation, kind, **settings)):
        assert image.size == (64, 48)
        middles = [(16, 12), (48, 12), (16, 36), (48, 36)]
        found = np.array([image.getpixel(place) for place in middles])
        wanted = np.array([photo().getpixel(place) for place in middles])
        np.testing.assert_allclose(found, wanted, atol=15)


def test_impossible_orientations_turn_nothing():
    exif = Image.Exif()
    exif[0x0112] = 9
    assert_looks_like(
        upright(stored(photo(), "JPEG", exif=exif)).resize((4, 2)),
        photo().resize((4, 2)),
        40,
    )


# Grays of more than 8 bits


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_grays(kind):
    for image in both_ways(stored(sixteen(), kind)):
        assert_looks_like(image, photo().convert("L"), 0)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I"])
def test_whole_numbers_of_a_pillow_image_keep_their_grays(mode):
    image = Image.fromarray(GRAYS.astype(np.int32) * 257) if mode == "I" else None
    if image is None:
        values = (GRAYS.astype(np.uint16) * 257).astype(
            "<u2" if mode == "I;16" else ">u2"
        )
        image = Image.frombytes(mode, (64, 48), values.tobytes())
    assert_looks_like(upright(image), photo().convert("L"), 0)


@pytest.mark.parametrize("scale", [1, 1 / 255])
def test_floats_keep_their_grays(scale):
    image = Image.fromarray(GRAYS.astype(np.float32) * np.float32(scale))
    assert image.mode == "F"
    assert_looks_like(upright(image), photo().convert("L"), 0)
    for read in both_ways(stored(image, "TIFF")):
        assert_looks_like(read, photo().convert("L"), 0)


def test_eight_bit_grays_in_a_file_of_sixteen_keep_their_grays():
    image = Image.fromarray(GRAYS.astype(np.uint16))
    assert_looks_like(upright(stored(image)), photo().convert("L"), 0)


def test_a_tiff_whose_white_is_zero_is_not_read_as_its_negative():
    image = Image.fromarray((255 - GRAYS).astype(np.uint16) * 257)
    content = bytearray(stored(image, "TIFF"))
    entry = (0x0106).to_bytes(2, "little") + b"\x03\x00\x01\x00\x00\x00"
    place = bytes(content).index(entry + b"\x01\x00")
    content[place + 8] = 0
    for read in both_ways(bytes(content)):
        assert_looks_like(read, photo().convert("L"), 0)


@pytest.mark.parametrize(
    ("low", "high"), [(0, 3000), (-1, 1), (0, 70000), (0.0, 300.5), (-0.5, 0.5)]
)
def test_numbers_of_unknown_range_are_refused(low, high):
    values = np.linspace(low, high, 48 * 64).reshape(48, 64)
    values = values.astype(np.int32 if isinstance(low, int) else np.float32)
    for picture in (values, Image.fromarray(values)):
        with pytest.raises(ValueError, match="nothing says which of them is white"):
            upright(picture)


@pytest.mark.parametrize("strange", [np.nan, np.inf])
def test_holes_in_floats_are_refused(strange):
    values = np.array([[0.5, strange]], dtype=np.float32)
    for picture in (values, Image.fromarray(values)):
        with pytest.raises(
            ValueError, match="(nan|inf), and nothing says which of them is white"
        ):
            upright(picture)


# Transparent parts


def half_clear(mode):
    """Return a picture that is (10, 20, 30) on the left and clear on the right."""
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((10, 20, 30, 255), (0, 0, 4, 8))
    return image.convert(mode)


def clear_color(mode, clear):
    """Return a PNG without alpha in which one color stands for *transparent*."""
    image = Image.new(mode, (8, 8), clear)
    image.paste({"RGB": (10, 20, 30), "P": 1}.get(mode, 0), (0, 0, 4, 8))
    if mode == "P":
        image.putpalette([0, 0, 0, 10, 20, 30])
    return stored(image, transparency=clear)


def half_clear_palette():
    image = Image.new("PA", (8, 8), (0, 0))  # its first color is black
    image.paste((0, 255), (0, 0, 4, 8))
    return image


TRANSPARENT = {
    "RGBA": stored(half_clear("RGBA")),
    "LA": stored(half_clear("LA")),
    "RGBA in TIFF": stored(half_clear("RGBA"), "TIFF"),
    "RGBA in WebP": stored(half_clear("RGBA"), "WEBP", lossless=True),
    "RGBA of a GIF": stored(half_clear("RGBA"), "GIF"),
    "tRNS in RGB": clear_color("RGB", (200, 0, 0)),
    "tRNS in L": clear_color("L", 77),
    "tRNS in 1": clear_color("1", 1),
    "tRNS in P": clear_color("P", 0),
    "tRNS in 16 bits": clear_color("I;16", 20000),
    "palette with alpha": stored(half_clear("RGBA").quantize()),
    "PIL RGBA": half_clear("RGBA"),
    "PIL LA": half_clear("LA"),
    "PIL PA": half_clear_palette(),
    "PIL RGBa": half_clear("RGBA").convert("RGBa"),
    "PIL La": half_clear("LA").convert("La"),
}


@pytest.mark.parametrize("kind", TRANSPARENT)
def test_what_is_transparent_lies_on_white(kind):
    picture = TRANSPARENT[kind]
    images = both_ways(picture) if isinstance(picture, bytes) else [upright(picture)]
    for image in images:
        assert image.mode == "RGB" and image.getpixel((6, 4)) == (255, 255, 255)
        assert max(image.getpixel((1, 4))) <= 30


def test_half_transparent_black_is_middle_gray():
    image = upright(Image.new("RGBA", (2, 2), (0, 0, 0, 128)))
    assert image.getpixel((0, 0)) == (127, 127, 127)


# Color spaces


@pytest.mark.parametrize("mode", ["YCbCr", "CMYK", "HSV", "LAB", "P", "RGBX", "L", "1"])
def test_color_spaces_become_rgb(mode):
    image = photo().quantize() if mode == "P" else photo().convert(mode)
    wanted = photo().convert(mode) if mode in ("L", "1") else photo()
    assert_looks_like(upright(image), wanted)


@pytest.mark.parametrize(
    ("kind", "mode", "settings"),
    [("JPEG", "CMYK", {}), ("TIFF", "YCbCr", {"compression": "tiff_lzw"})],
)
def test_files_in_other_color_spaces_become_rgb(kind, mode, settings):
    content = stored(photo().convert(mode), kind, **settings)
    for image in both_ways(content):
        assert image.mode == "RGB"
        np.testing.assert_allclose(
            image.getpixel((16, 12)), photo().getpixel((16, 12)), atol=12
        )


# Arrays


ARRAYS = {
    "uint8": np.asarray(photo()),
    "floats up to 1": np.asarray(photo()) / 255,
    "float32 up to 1": np.asarray(photo(), dtype=np.float32) / np.float32(255),
    "floats up to 255": np.asarray(photo()).astype(np.float64),
    "int64": np.asarray(photo()).astype(np.int64),
    "uint16": np.asarray(photo()).astype(np.uint16) * 257,
    "RGBA": np.asarray(photo().convert("RGBA")),
    "not contiguous": np.asarray(photo())[:, ::-1][:, ::-1],
}


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays_of_colors_are_read_by_their_range(kind):
    before = ARRAYS[kind].copy()
    assert_looks_like(upright(ARRAYS[kind]), photo(), 0)
    np.testing.assert_array_equal(ARRAYS[kind], before)


@pytest.mark.parametrize("values", [GRAYS, GRAYS[..., None], GRAYS / 255])
def test_arrays_of_grays_are_read(values):
    assert_looks_like(upright(values), photo().convert("L"), 0)


def test_bool_arrays_are_black_and_white():
    image = upright(np.array([[False, True]]))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(0,) * 3, (255,) * 3]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((3, 48, 64)), "move the first axis to the end"),
        (np.zeros((1, 48, 64, 3)), r"of shape \(1, 48, 64, 3\) is no picture"),
        (np.zeros(5), "is no picture"),
        (np.zeros((4, 4, 5)), "is no picture"),
        (np.zeros((0, 4, 3)), "is no picture"),
        (np.array([["a", "b"]]), "not numbers of gray"),
        (np.zeros((4, 4), dtype=complex), "not numbers of gray"),
        (np.full((4, 4, 3), -0.2), "nothing says which of them is white"),
    ],
)
def test_other_arrays_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        upright(values)


def test_tensors_are_read_like_arrays():
    torch = pytest.importorskip("torch")
    values = torch.from_numpy(np.asarray(photo()).copy())
    assert_looks_like(upright(values), photo(), 0)
    with pytest.raises(ValueError, match="first axis to the end"):
        upright(values.permute(2, 0, 1))
    with pytest.raises(ValueError, match="the picture is no array: Can't call numpy"):
        upright((values / 255).requires_grad_())
