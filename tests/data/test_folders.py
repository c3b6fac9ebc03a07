"""A folder of one's own pictures is a data set like those of the course."""

import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_files import (
    TURNS,
    assert_looks_like,
    class_names,
    jpeg,
    looks,
    of_class,
    photo,
    put_jpegs,
    sixteen,
    sizes,
    stored,
)
from PIL import Image
from PIL.ExifTags import Base

from course_utils import session
from course_utils.data import load, pictures, sets

REAL = session.ROOT.parent / "shared" / "datasets" / "timm" / "oxford-iiit-pet"


def shares_no_picture(splits):
    train, validation, test = map(looks, splits.values())
    return not train & validation and not (train | validation) & test


# What a learner gets


@pytest.mark.parametrize("profile", ["reduced", "full"])
def test_a_folder_of_pictures_is_a_data_set(monkeypatch, folder, capsys, profile):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    splits = load(folder)
    assert list(splits) == ["train", "validation", "test"]
    assert sizes(splits) == {"train": 21, "validation": 3, "test": 6}
    assert np.bincount(splits["test"]["label"][:]).tolist() == [4, 2]
    assert np.bincount(splits["validation"]["label"][:]).tolist() == [2, 1]
    for rows in splits.values():
        assert rows.column_names == ["image", "label"]
        assert {image.mode for image in rows["image"]} == {"RGB"}
    assert class_names(splits) == ["cat", "dog"] and shares_no_picture(splits)
    for name, seen in of_class(splits).items():
        files = (folder / name).iterdir()
        assert seen == {Image.open(file).tobytes() for file in files}
    assert "Warning" not in capsys.readouterr().err


def test_both_profiles_and_every_place_give_the_same_rows(monkeypatch, folder):
    def rows():
        return [(x["label"], x["image"].tobytes()) for x in load(folder)["train"]]

    first = rows()
    assert [label for label, _ in first] != sorted(label for label, _ in first)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert rows() == first
    folder = folder.rename(folder.parent / "moved")
    assert rows() == first


def test_a_path_is_text_or_path_relative_or_of_home(monkeypatch, folder):
    wanted = sizes(load(folder))
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    for path in (
        str(folder),
        "mine",
        Path("mine"),
        "./mine/",
        "~/mine",
        Path("~/mine"),
    ):
        assert sizes(load(path)) == wanted, path
    assert sizes(load(f' "{folder}"\n')) == wanted
    rows = load("mine")["test"]
    monkeypatch.chdir(folder)
    assert len(looks(rows)) == wanted["test"]


def test_classes_are_named_by_folders_with_spaces_and_of_every_script(tmp_path):
    wanted = sorted(["Große Katze", "black  cat", "ねこ", "кошка 2", "🐈", "zebra.v2"])
    for k, name in enumerate(wanted):
        put_jpegs(tmp_path / "Meine Bilder ü" / name, 10, 10 * k)
    splits = load(tmp_path / "Meine Bilder ü")
    assert class_names(splits) == wanted
    for k, seen in enumerate(of_class(splits).values()):
        files = (
            Image.open(tmp_path / "Meine Bilder ü" / wanted[k] / f"{10 * k + i}.jpg")
            for i in range(10)
        )
        assert seen == {image.tobytes() for image in files}


def test_course_rows_caps_the_splits(monkeypatch, folder):
    monkeypatch.setenv("COURSE_ROWS", "6")
    assert sizes(load(folder)) == {"train": 6, "validation": 3, "test": 3}
    monkeypatch.setenv("COURSE_ROWS", "few")
    with pytest.raises(ValueError, match="COURSE_ROWS='few'"):
        load(folder)


def test_the_name_of_a_set_of_the_course_keeps_its_meaning(monkeypatch, folder):
    monkeypatch.chdir(folder.parent)
    folder.rename("pets")
    assert class_names(load("pets")) != ["cat", "dog"]
    for path in ("./pets", Path("pets")):
        assert class_names(load(path)) == ["cat", "dog"]


def test_a_folder_is_read_as_the_example_reads_it(folder):
    from examples import finetune

    put_jpegs(folder / "Zebra", 10, 200)
    put_jpegs(folder / "train", 10, 300)
    (folder / "cat" / "test-1.jpg").write_bytes(jpeg(400))
    splits = load(folder)
    example = finetune.load_pictures(str(folder), None, 0)
    assert (
        class_names(example) == class_names(splits) == ["Zebra", "cat", "dog", "train"]
    )
    assert of_class(example) == of_class(splits)


# Splits


SPLITS = [
    ("train", "validation", "test"),
    ("training", "val", "testing"),
    ("Train", "Valid", "TEST"),
]


@pytest.mark.parametrize("called", SPLITS)
def test_folders_named_as_splits_are_the_splits(folder, called, capsys):
    for k, split in enumerate(called):
        put_jpegs(folder.parent / "set" / split / "cat", 3 + k, 10 * k)
        put_jpegs(folder.parent / "set" / split / "dog", 3, 100 + 10 * k)
    splits = load(folder.parent / "set")
    assert sizes(splits) == {"train": 6, "validation": 7, "test": 8}
    assert class_names(splits) == ["cat", "dog"]
    for split, place in zip(splits, called, strict=True):
        files = (folder.parent / "set" / place).glob("*/*.jpg")
        assert looks(splits[split]) == {Image.open(file).tobytes() for file in files}
    assert "Warning" not in capsys.readouterr().err


def test_a_split_that_is_missing_is_drawn(tmp_path, folder):
    folder.rename(tmp_path / "train")
    shutil.copytree(tmp_path / "train", tmp_path / "set" / "train")
    assert sizes(load(tmp_path / "set")) == {"train": 21, "validation": 3, "test": 6}
    put_jpegs(tmp_path / "set" / "test" / "cat", 4, 500)
    assert sizes(load(tmp_path / "set")) == {"train": 27, "validation": 3, "test": 4}
    put_jpegs(tmp_path / "set" / "val" / "cat", 2, 600)
    put_jpegs(tmp_path / "set" / "raw" / "cat", 2, 700)  # no split, and left out
    assert sizes(load(tmp_path / "set")) == {"train": 30, "validation": 2, "test": 4}


def test_a_class_of_one_split_is_a_class_of_all(tmp_path, folder, capsys):
    shutil.copytree(folder, tmp_path / "set" / "train")
    put_jpegs(tmp_path / "set" / "test" / "bird", 4, 500)
    assert class_names(load(tmp_path / "set")) == ["bird", "cat", "dog"]
    assert "train: 1 of 3 classes have no picture: bird." in capsys.readouterr().err


def test_classes_that_are_called_as_splits_are_are_classes(tmp_path):
    for k, name in enumerate(("train", "test", "val")):
        put_jpegs(tmp_path / "trips" / name, 10, 10 * k)
    (tmp_path / "trips" / "train" / "old").mkdir()
    (tmp_path / "trips" / "train" / "old" / "1.jpg").write_bytes(jpeg(99))
    splits = load(tmp_path / "trips")
    assert class_names(splits) == ["test", "train", "val"]
    assert sum(sizes(splits).values()) == 30


def test_pictures_of_a_contest_without_labels_are_left_out(tmp_path, folder, capsys):
    shutil.copytree(folder, tmp_path / "set" / "train")
    put_jpegs(tmp_path / "set" / "test", 12, 500)
    assert sizes(load(tmp_path / "set")) == {"train": 21, "validation": 3, "test": 6}
    told = capsys.readouterr().err
    assert "12 pictures are left out, which do not lie directly in the folder" in told
    assert "of a class, such as test/500.jpg." in told


# Copies


def test_copies_stay_on_one_side_of_a_drawn_split(folder, capsys):
    for i in range(0, 20, 2):
        shutil.copyfile(folder / "cat" / f"{i}.jpg", folder / "cat" / f"{i} (1).jpg")
    splits = load(folder)
    assert sum(sizes(splits).values()) == 40 and shares_no_picture(splits)
    assert "holds copies of other pictures (10)" in capsys.readouterr().err


def test_copies_stay_on_one_side_of_given_splits(tmp_path, capsys):
    for split in ("train", "val", "test"):
        put_jpegs(tmp_path / "set" / split / "cat", 3)  # the same three
        put_jpegs(tmp_path / "set" / split / "dog", 2, 100)
    put_jpegs(tmp_path / "set" / "val" / "cat", 7)
    put_jpegs(tmp_path / "set" / "train" / "cat", 12)
    splits = load(tmp_path / "set")
    assert sizes(splits) == {"train": 5, "validation": 4, "test": 5}
    assert shares_no_picture(splits)
    told = capsys.readouterr().err
    assert "copies of other pictures (14)" in told and "left out elsewhere" in told


# Pictures of every kind


def as_jpeg(image, **settings):
    return stored(image, "JPEG", quality=95, subsampling=0, **settings)


def orientation(number):
    exif = Image.Exif()
    exif[Base.Orientation] = number
    return exif


def glass():
    image = photo().convert("RGBA")
    image.putalpha(0)
    return stored(image)


TURNED = photo().transpose(TURNS[6])
GRAY, WHITE = photo().convert("L"), Image.new("RGB", photo().size, "white")
KINDS = {
    "turned.jpg": (as_jpeg(TURNED, exif=orientation(6)), photo()),
    "cmyk.jpg": (stored(photo().convert("CMYK"), "JPEG", quality=95), photo()),
    "gray.JPG": (as_jpeg(GRAY), GRAY),
    "glass.png": (glass(), WHITE),
    "16 bits.png": (stored(sixteen()), GRAY),
    "few colors.gif": (stored(photo(), "GIF"), photo()),
    "really a jpeg.png": (as_jpeg(photo()), photo()),
    "really a jpeg.heic": (as_jpeg(photo()), photo()),
}


@pytest.mark.parametrize("name", KINDS)
def test_pictures_are_upright_and_rgb(folder, name):
    content, seen = KINDS[name]
    (folder / "dog" / name).write_bytes(content)
    every = [x["image"] for rows in load(folder).values() for x in rows]
    (image,) = [x for x in every if x.size == photo().size]
    assert_looks_like(image, seen)


def test_photographs_are_not_copied_into_the_cache(folder):
    cat = folder / "cat"
    (cat / "0.jpg").write_bytes(as_jpeg(photo(), exif=orientation(8)))
    (cat / "1.jpg").write_bytes(as_jpeg(GRAY))
    double = stored(WHITE, "MPO", save_all=True, append_images=[photo()])
    (cat / "2.jpg").write_bytes(double)  # as some cameras do; Pillow keeps it open
    cells = [
        cell.as_py()
        for rows in load(folder).values()
        for cell in rows.with_format("arrow")[:].column("image")
    ]
    gray, other = sorted((x["bytes"] for x in cells if x["bytes"]), key=double.__eq__)
    assert other == double and gray.startswith(b"\x89PNG")
    paths = {Path(cell["path"]) for cell in cells if not cell["bytes"]}
    assert paths == set(folder.glob("*/*.jpg")) - {cat / "1.jpg", cat / "2.jpg"}


def test_pictures_are_read_once_until_one_changes(monkeypatch, folder):
    first, read = load(folder), []
    real = pictures.upright

    def counted(content):
        read.append(content)
        return real(content)

    monkeypatch.setattr("course_utils.data.folders.upright", counted)
    second = load(folder)
    assert not read and looks(first["train"]) == looks(second["train"])
    (folder / "cat" / "0.jpg").write_bytes(jpeg(1000, (30, 30)))
    assert load(folder) and len(read) == 30
    monkeypatch.setitem(Image.OPEN, "HEIF", Image.OPEN["JPEG"])  # a plugin came
    assert load(folder) and len(read) == 60


# Photographs


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/datasets")
def test_a_folder_of_photographs_has_the_splits_of_its_pictures(tmp_path, capsys):
    (file, *_) = sorted(REAL.glob("data/test-*.parquet"))
    breeds, table = sets.names_in(file, "label"), pq.read_table(file)
    rows = table.select(["image", "label"]).slice(0, 300).to_pylist()
    for i, row in enumerate(rows):
        place = tmp_path / "pets" / breeds[row["label"]]
        place.mkdir(parents=True, exist_ok=True)
        image = pictures.upright(row["image"]["bytes"])
        image.save(place / f"{i}.jpg", quality=90)
    splits = load(tmp_path / "pets")
    there = sorted({breeds[row["label"]] for row in rows})
    assert class_names(splits) == there and sum(sizes(splits).values()) == len(rows)
    assert shares_no_picture(splits)
    for split in splits.values():
        for image, label in zip(split["image"], split["label"], strict=True):
            (path,) = (tmp_path / "pets" / there[label]).glob(
                f"{Path(image.filename).name}"
            )
            assert image.mode == "RGB" and image.tobytes() == Image.open(path).tobytes()
    assert not [x for x in capsys.readouterr().err.splitlines() if "cannot" in x]
