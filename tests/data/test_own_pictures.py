"""A file that cannot be read gets one true sentence, in the notebooks as well."""

import json
from pathlib import Path

import pytest
from data_files import HEIC, assert_looks_like, noise, photo, sixteen, stored
from PIL import Image, PngImagePlugin

from course_utils.data.pictures import checked, upright

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def wordy():
    note = PngImagePlugin.PngInfo()
    note.add_text("prompt", "a " * 800_000, zip=True)
    return stored(photo(), pnginfo=note)


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


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_gets_one_true_sentence(tmp_path, name):
    make, said = FILES[name]
    path = tmp_path / name
    path.write_bytes(make())
    with pytest.raises(ValueError, match=said) as caught:
        upright(path)
    assert str(caught.value).startswith(f"{path}: the picture ")
    assert "\n" not in str(caught.value)
    kept, _, why = checked({"bytes": path.read_bytes()}, "RGB")
    assert kept is None and f"{path}: {why}" == str(caught.value)


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


def own_picture(notebook, picture):
    """Run the cell under *A picture of yours* on a picture; return what it read."""
    cells = json.loads((NOTEBOOKS / notebook).read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells]
    (source,) = [text for text in sources if text.startswith('PICTURE = ""')]
    names = {"upright": upright}
    exec(source.replace('PICTURE = ""', f"PICTURE = {str(picture)!r}", 1), names)
    return names["yours"]


@pytest.mark.parametrize(
    "notebook",
    ["08_finetune_cifar10_pytorch.ipynb", "09_finetune_cifar10_tensorflow.ipynb"],
)
class TestAPictureOfYours:
    """The cell in which a learner names a file."""

    def test_a_gray_scan_of_16_bits_keeps_its_grays(self, notebook, tmp_path):
        (tmp_path / "scan.png").write_bytes(stored(sixteen()))
        read = own_picture(notebook, tmp_path / "scan.png")
        assert_looks_like(read, photo().convert("L"), 0)

    def test_a_quoted_path_is_read(self, notebook, tmp_path):
        (tmp_path / "my cat.png").write_bytes(stored(photo()))
        read = own_picture(notebook, f'"{tmp_path / "my cat.png"}"')
        assert_looks_like(read, photo(), 0)

    @pytest.mark.parametrize("name", ["panorama.png", "wordy.png", "phone.jpg"])
    def test_a_file_that_cannot_be_read_is_told(self, notebook, name, tmp_path):
        make, said = FILES[name]
        (tmp_path / name).write_bytes(make())
        with pytest.raises(ValueError, match=said):
            own_picture(notebook, tmp_path / name)

    def test_no_file_of_that_name_is_told(self, notebook, tmp_path):
        for name in ("https://example.org/cat.jpg", tmp_path / "typo.png"):
            with pytest.raises(ValueError, match="is an address|there is no file"):
                own_picture(notebook, name)
