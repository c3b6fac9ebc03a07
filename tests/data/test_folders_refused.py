"""What is left out of a folder of one's own pictures, and what is refused."""

import os
import re
from pathlib import Path

import pytest
from data_files import HEIC, class_names, jpeg, noise, of_class, put_jpegs, sizes

from course_utils.data import load


def test_pictures_that_cannot_be_read_are_left_out_and_named(folder, capsys):
    (folder / "cat" / "broken.jpg").write_bytes(noise("JPEG")[:900])
    (folder / "cat" / "IMG_1.HEIC").write_bytes(HEIC)
    (folder / "dog" / "IMG_2.jpg").write_bytes(HEIC)
    (folder / "dog" / "empty.png").touch()
    for _ in range(2):
        assert sum(sizes(load(folder)).values()) == 30
        told = [x for x in capsys.readouterr().err.splitlines() if "Warning" in x]
        assert len(told) == 4
        assert "cat/IMG_1.HEIC: the picture is a HEIC picture" in told[0]
        assert "save the picture as JPEG or PNG. Training goes on" in told[0]
        assert "cat/broken.jpg: the picture is cut off or damaged" in told[1]
        assert "dog/IMG_2.jpg: the picture is a HEIC picture" in told[2]
        assert "dog/empty.png: the picture is empty" in told[3]


def test_files_that_are_no_pictures_are_counted_and_hidden_ones_are_not(folder, capsys):
    for name in ("notes.txt", "clip.MOV", "no ending"):
        (folder / "cat" / name).write_bytes(b"words")
    for name in (".DS_Store", "._0.jpg", ".jpg"):
        (folder / "cat" / name).write_bytes(b"words")
    (folder / "readme.md").write_bytes(b"words")
    put_jpegs(folder / ".ipynb_checkpoints", 3)
    put_jpegs(folder / "cat" / ".thumbnails", 3)
    put_jpegs(folder / "__MACOSX" / "cat", 3)
    splits = load(folder)
    assert class_names(splits) == ["cat", "dog"] and sum(sizes(splits).values()) == 30
    (told,) = [x for x in capsys.readouterr().err.splitlines() if "Warning" in x]
    assert "3 files are left out, which are no pictures" in told
    assert "by their endings (.MOV, .txt, none)" in told


# What is left out, and what is refused


def test_an_empty_class_is_left_out_and_named(folder, capsys):
    put_jpegs(folder / "bird", 0)
    assert class_names(load(folder)) == ["cat", "dog"]
    told = capsys.readouterr().err
    assert "folders without a picture are left out as classes: bird." in told


def test_a_class_that_cannot_be_read_is_left_out_and_named(folder, capsys):
    put_jpegs(folder / "cat b", 0)
    for i in range(9):
        (folder / "cat b" / f"{i}.heic").write_bytes(HEIC)
    splits = load(folder)
    assert class_names(splits) == ["cat", "dog"] and sum(sizes(splits).values()) == 30
    assert len(of_class(splits)["cat"]) == 20 and len(of_class(splits)["dog"]) == 10
    told = capsys.readouterr().err
    assert "are left out as classes, of which no picture can be read: cat b (" in told
    assert "(cat b/0.heic: the picture is a HEIC picture" in told


def test_pictures_in_nested_folders_are_left_out_and_counted(folder, capsys):
    put_jpegs(folder / "cat" / "monday", 4, 500)
    (folder / "1.jpg").write_bytes(jpeg(600))
    assert sum(sizes(load(folder)).values()) == 30
    assert "5 pictures are left out, which do not lie" in capsys.readouterr().err


@pytest.mark.parametrize("each", [1, 4])
def test_eight_pictures_are_too_few(tmp_path, each, error_of):
    put_jpegs(tmp_path / "few" / "cat", each)
    put_jpegs(tmp_path / "few" / "dog", each, 100)
    said = error_of(load, tmp_path / "few")
    assert "the pictures are too few, so the split 'validation' is empty" in said
    assert "use ten pictures of each" in said


def test_seven_pictures_of_a_class_are_enough(tmp_path):
    put_jpegs(tmp_path / "few" / "cat", 7)
    put_jpegs(tmp_path / "few" / "dog", 7, 100)
    assert sizes(load(tmp_path / "few")) == {"train": 10, "validation": 2, "test": 2}


def test_a_single_class_is_refused(tmp_path, error_of, capsys):
    put_jpegs(tmp_path / "one" / "cat", 20)
    said = error_of(load, tmp_path / "one")
    assert "only 'cat' holds pictures" in said and "; add a folder" in said
    put_jpegs(tmp_path / "one" / "dog", 0)
    (tmp_path / "one" / "dog" / "1.heic").write_bytes(HEIC)
    assert "only 'cat' holds pictures" in error_of(load, tmp_path / "one")
    assert "(dog/1.heic: the picture is a HEIC picture" in capsys.readouterr().err


def only_heic(folder):
    for name in ("cat", "dog"):
        put_jpegs(folder / name, 0)
        for i in range(9):
            (folder / name / f"{i}.heic").write_bytes(HEIC)


REFUSED = {
    "nothing in it": (lambda x: None, "there is no picture in it, .*as in cat/1.jpg;"),
    "no pictures": (
        lambda x: (put_jpegs(x / "cat", 0), (x / "cat" / "a.txt").touch()),
        "there is no picture in it",
    ),
    "no classes": (
        lambda x: put_jpegs(x, 8),
        "its 8 pictures lie in no folder of a class.*;",
    ),
    "too deep": (
        lambda x: (
            put_jpegs(x / "set" / "cat", 9),
            put_jpegs(x / "set" / "dog", 9, 50),
        ),
        r"too deep, such as set/cat/0.jpg; give .*, perhaps \S+set.$",
    ),
    "tests only": (
        lambda x: put_jpegs(x / "test" / "cat", 9),
        "too deep, such as test/cat/",
    ),
    "only HEICs": (
        only_heic,
        "not one picture can be read, cat/0.heic: the picture is a HEIC picture .*; "
        "get or save the picture as JPEG or PNG",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_is_no_data_set_is_told_in_one_sentence(tmp_path, case, error_of):
    make, said = REFUSED[case]
    (tmp_path / "mine").mkdir()
    make(tmp_path / "mine")
    told = error_of(load, tmp_path / "mine")
    assert told.startswith(f"{tmp_path / 'mine'}: ") and re.search(said, told), told


@pytest.mark.parametrize("path", ["minst", "", " ", "no/such", None, 7, Path("gone")])
def test_what_is_neither_a_set_nor_a_folder_is_told(monkeypatch, tmp_path, path):
    monkeypatch.chdir(tmp_path)
    said = r"no data set of the course \(mnist, .*\) and no folder of pictures; look at"
    with pytest.raises(ValueError, match=said) as caught:
        load(path)
    assert repr(str(path)) in str(caught.value) and str(tmp_path) in str(caught.value)


def test_an_archive_is_told(tmp_path):
    (tmp_path / "pets.zip").write_bytes(b"PK")
    with pytest.raises(ValueError, match="pets.zip' is no .* but a file; unpack it"):
        load(tmp_path / "pets.zip")


@pytest.mark.skipif(os.name == "nt", reason="names are no bytes on Windows")
def test_a_name_in_another_encoding_is_told(folder, error_of):
    try:
        os.rename(folder / "cat", os.fsencode(folder) + b"/K\xe4tzchen")
    except OSError:
        pytest.skip("this file system takes names in UTF-8 only")
    said = error_of(load, folder)
    assert r"K\udce4tzchen" in said and "is no name in UTF-8; rename it" in said


def test_a_folder_that_may_not_be_read_is_told(monkeypatch, folder, error_of):
    real = os.scandir

    def refused(path):
        if str(path).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("os.scandir", refused)
    said = error_of(load, folder)
    assert f"{folder / 'dog'} cannot be looked into (Permission denied); ch" in said


@pytest.mark.skipif(os.name == "nt", reason="links need a permission on Windows")
def test_a_link_to_nothing_is_counted(folder, capsys):
    (folder / "dog" / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    assert sum(sizes(load(folder)).values()) == 30
    told = capsys.readouterr().err
    assert "1 files are left out" in told and "(.jpg)" in told


@pytest.mark.skipif(os.name == "nt", reason="links need a permission on Windows")
def test_a_folder_that_holds_itself_by_a_link_is_not_followed_for_long(folder, capsys):
    (folder / "cat" / "again").symlink_to(folder)
    assert class_names(load(folder)) == ["cat", "dog"]
    assert "30 pictures are left out, which do not lie" in capsys.readouterr().err
