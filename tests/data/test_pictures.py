"""A picture is read in one way: upright, on white, in RGB, or with a true sentence."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from PIL import Image, PngImagePlugin

from course_utils.data import sets as data
from course_utils.data.pictures import class_numbers, labels_of, upright

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photo():
    """Return a picture whose four quarters differ, so that a turn shows."""
    image = Image.new("RGB", (64, 48), (200, 30, 30))
    image.paste((30, 200, 30), (32, 0, 64, 24))
    image.paste((30, 30, 220), (0, 24, 32, 48))
    image.paste((240, 240, 120), (32, 24, 64, 48))
    return image


GRAYS = np.asarray(photo().convert("L"))  # 85, 130, 52 and 226


def stored(image, kind="PNG", **settings):
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def sixteen(levels=GRAYS):
    return Image.fromarray(levels.astype(np.uint16) * 257)


def assert_looks_like(image, wanted, tolerance=12):
    assert image.mode == "RGB" and image.size == wanted.size
    found, wanted = (np.asarray(x.convert("RGB")).astype(int) for x in (image, wanted))
    np.testing.assert_allclose(found, wanted, atol=tolerance)


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

    cell, why = data._mended({"bytes": content, "path": None}, "RGB")
    assert why is None
    return upright(content), ImageFeature().decode_example(cell)


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
        with pytest.raises(ValueError, match="NaN or infinity"):
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
        (np.zeros((0, 4, 3)), "has no pixels"),
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
    with pytest.raises(ValueError, match="cannot be made an array"):
        upright((values / 255).requires_grad_())


# Refusals


def wordy():
    note = PngImagePlugin.PngInfo()
    note.add_text("prompt", "a " * 800_000, zip=True)
    return stored(photo(), pnginfo=note)


HEIC = b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1MiHEmiafMiHBheic" + bytes(200)
FILES = {
    "panorama.png": (
        lambda: stored(Image.new("1", (15000, 13000))),
        "more than 179 million pixels.*make it smaller",
    ),
    "wordy.png": (wordy, "more than a megabyte of text.*without the text"),
    "phone.jpg": (lambda: HEIC, "a HEIC picture.*as JPEG or PNG"),
    "drawing.png": (lambda: b"<?xml version='1.0'?>\n<svg/>", "an SVG drawing"),
    "page.jpg": (lambda: b"<!DOCTYPE html><p>404", "a web page"),
    "paper.png": (lambda: b"%PDF-1.7\n", "a PDF document"),
    "film.jpg": (lambda: b"\0\0\0\x20ftypisom\0\0\2\0isomiso2", "a video"),
    "pointer.jpg": (lambda: b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
    "words.txt": (lambda: b"just some words", "in no format that Pillow knows"),
    "empty.jpg": (lambda: b"", r"empty \(0 bytes\)"),
    "cut.png": (lambda: noise("PNG")[:5000], "cut off or damaged"),
    "cut.jpg": (lambda: noise("JPEG")[:3000], "cut off or damaged"),
    "flat.tif": (lambda: stored(photo(), "TIFF")[:2000], "cut off or damaged"),
}


def noise(kind):
    values = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return stored(Image.fromarray(values), kind)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_gets_one_true_sentence(tmp_path, name):
    make, said = FILES[name]
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises(ValueError, match=said) as caught:
        upright(path)
    assert str(caught.value).startswith(f"{path}: the picture ")
    assert "\n" not in str(caught.value)
    cell, why = data._mended({"bytes": path.read_bytes(), "path": name}, "RGB")
    assert cell["bytes"] is None and f"{path}: {why}" == str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://example.org/cat.jpg", "is an address.*download the picture first"),
        ("file:///home/me/cat.jpg", "is an address"),
        ("data:image/png;base64,iVBORw0KGgo", "is an address"),
        ("typo.png", "there is no file .*typo.png; look at the spelling"),
        ("no/where/cat.png", "there is no file"),
        ("~nobody_of_that_name/cat.png", "there is no file"),
        ("", "the path of the picture is empty"),
        ("  ", "the path of the picture is empty"),
        ("x" * 5000, "cannot be opened"),
        ("a\0b", "cannot be opened"),
    ],
)
def test_an_address_or_a_path_without_a_file_is_told(monkeypatch, tmp_path, text, said):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said) as caught:
        upright(text)
    assert "save it anew" not in str(caught.value)


def test_a_folder_is_told(tmp_path):
    with pytest.raises(ValueError, match="is a folder; give the path of one picture"):
        upright(tmp_path)


@pytest.mark.parametrize("thing", [None, 7, [[0, 1]], {"bytes": b"", "path": None}])
def test_what_is_no_picture_at_all_is_told(thing):
    with pytest.raises(ValueError, match=f"not as {type(thing).__name__}"):
        upright(thing)


def test_a_pillow_image_whose_file_was_closed_is_told(tmp_path):
    (tmp_path / "a.jpg").write_bytes(stored(photo(), "JPEG"))
    with Image.open(tmp_path / "a.jpg") as image:
        pass
    with pytest.raises(ValueError, match="the picture is cut off or damaged"):
        upright(image)


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_about_a_picture_that_can_be_read():
    broken = b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x09\x01\x12\x00\x03\x00\x00"
    assert upright(stored(photo(), "JPEG", exif=broken)).size == (64, 48)


# Notebooks 08 and 09


def own_picture(notebook, picture, workplace):
    """Run the cell under *A picture of yours* on a picture; return what it read."""
    cells = json.loads((NOTEBOOKS / notebook).read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    (source,) = [text for text in sources if text.startswith('PICTURE = ""')]
    names = {"upright": data.upright, "workplace": workplace}
    exec(source.replace('PICTURE = ""', f"PICTURE = {str(picture)!r}", 1), names)
    return names["picture"]


@pytest.mark.parametrize(
    "notebook",
    ["08_finetune_cifar10_pytorch.ipynb", "09_finetune_cifar10_tensorflow.ipynb"],
)
class TestAPictureOfYours:
    """The cell in which a learner names a file."""

    def test_a_gray_scan_of_16_bits_keeps_its_grays(self, notebook, tmp_path):
        (tmp_path / "scan.png").write_bytes(stored(sixteen()))
        read = own_picture(notebook, tmp_path / "scan.png", tmp_path)
        assert_looks_like(read, photo().convert("L"), 0)

    def test_a_quoted_path_is_read(self, notebook, tmp_path):
        (tmp_path / "my cat.png").write_bytes(stored(photo()))
        read = own_picture(notebook, f'"{tmp_path / "my cat.png"}"', tmp_path)
        assert_looks_like(read, photo(), 0)

    @pytest.mark.parametrize("name", ["panorama.png", "wordy.png", "phone.jpg"])
    def test_a_file_that_cannot_be_read_is_told(self, notebook, name, tmp_path):
        make, said = FILES[name]
        (tmp_path / name).write_bytes(make())
        with pytest.raises(ValueError, match=said):
            own_picture(notebook, tmp_path / name, tmp_path)

    def test_no_file_of_that_name_is_told(self, notebook, tmp_path):
        for name in ("https://example.org/cat.jpg", tmp_path / "typo.png"):
            with pytest.raises(ValueError, match="is an address|there is no file"):
                own_picture(notebook, name, tmp_path)


# Labels


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], (0, 1, 1), np.array([0, 1, 1], np.int32), [False, True, True]]
)
def test_labels_become_whole_numbers(labels):
    numbers = class_numbers(labels, 2)
    assert numbers.dtype == np.int64 and numbers.tolist() == [0, 1, 1]


def test_labels_in_tensors_become_whole_numbers():
    torch = pytest.importorskip("torch")
    for labels in (torch.tensor([0, 1]), [torch.tensor(0), torch.tensor(1)]):
        assert class_numbers(labels).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 1, -1], "label of row 2 is -1, but classes are numbered 0 to 1"),
        ([0, 2], "label of row 1 is 2, but classes are numbered 0 to 1"),
        ([-100], "label of row 0 is -100, but"),
        (["cat", "dog"], "is 'cat', but classes are whole numbers.*class_encode"),
        ([0, None], "label of row 1 is missing"),
        ([0.0, float("nan")], "is 0.0, but classes are whole numbers"),
        ([float("nan")], "label of row 0 is missing"),
        ([[0, 1], [1, 0]], "is .0, 1., but classes are whole numbers"),
    ],
)
def test_labels_that_are_no_classes_are_told(labels, said):
    for given in (labels, np.array(labels)):
        with pytest.raises(ValueError, match=said):
            class_numbers(given, 2)


def test_labels_of_a_data_set_are_compared_with_its_names():
    rows = Dataset.from_dict({"label": [0, 1]}, Features({"label": Value("int64")}))
    assert labels_of(rows).tolist() == [0, 1]
    named = rows.cast_column("label", ClassLabel(names=["cat", "dog"]))
    hidden = named.with_transform(lambda rows: {"other": rows["label"]})
    assert labels_of(hidden).tolist() == [0, 1]
    few = Dataset(rows.data, info=rows.info.copy())
    few.info.features = Features({"label": ClassLabel(names=["cat"])})
    with pytest.raises(ValueError, match="row 1 is 1, but classes are numbered 0 to 0"):
        labels_of(few)
    with pytest.raises(ValueError, match="no column 'label' .it has kind"):
        labels_of(rows.rename_column("label", "kind"))
