"""The rows of every split: from every source the same, each class in proportion."""

import hashlib
import io
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_files import (
    ANIMALS,
    MNIST,
    TEST,
    TRAIN,
    animals,
    looks,
    numbers,
    rows_of,
    stored,
)
from hub_stand_in import REPO
from PIL import Image

from course_utils.data import load


def pngs(split):
    """Return the PNG bytes of each row; what tells one digit from another."""
    rows = split.with_format("arrow")[:]
    return [cell["bytes"].as_py() for cell in rows.column("image")]


def test_bundled_digits_are_mnist_s_in_form():
    digits = load("mnist")
    assert {split: len(rows) for split, rows in digits.items()} == {
        "train": 9001,
        "validation": 999,
        "test": 2000,
    }
    for rows in digits.values():
        assert rows.column_names == ["image", "label"]
        assert rows.features["label"].names == list("0123456789")
        assert set(rows[:]["label"]) == set(range(10))
    image = digits["train"][0]["image"]
    assert (image.mode, image.size) == ("L", (28, 28))
    every = np.stack(digits["test"][:]["image"])
    assert every[:, 0].max() == 0 and np.median(every.max(axis=(1, 2))) > 250


def test_every_source_gives_the_same_rows(monkeypatch, local, server):
    monkeypatch.setenv("COURSE_PROFILE", "reduced")
    bundled = load("mnist")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    for folder in (local, server.folder):
        for split, name in {"train": TRAIN, "test": TEST}.items():
            shutil.copyfile(MNIST / f"{split}.parquet", folder / REPO / name)
    local = load("mnist")
    assert not server.requests
    monkeypatch.delenv("COURSE_HUB")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    remote = load("mnist")
    assert server.requests
    for other in (local, remote):
        assert list(other) == list(bundled)
        for split, rows in bundled.items():
            assert other[split].features == rows.features
            assert other[split].to_dict() == rows.to_dict()


def test_further_columns_of_a_source_are_left_out(local):
    path = local / REPO / TEST
    table = pq.read_table(path)
    pq.write_table(table.append_column("id", [list(range(len(table)))]), path)
    assert load("mnist")["test"].column_names == ["image", "label"]


def test_validation_is_a_tenth_of_each_class_and_none_of_train():
    digits = load("mnist")
    source = pq.read_table(MNIST / "train.parquet")
    train, validation = pngs(digits["train"]), pngs(digits["validation"])
    assert not set(train) & set(validation)
    assert sorted(train + validation) == sorted(
        cell["bytes"] for cell in source.column("image").to_pylist()
    )
    whole = np.bincount(source.column("label"))
    part = np.bincount(digits["validation"][:]["label"])
    assert np.abs(part - whole / 10).max() <= 0.5


def test_validation_rows_do_not_change_from_version_to_version():
    # Written down once: a course whose validation rows move cannot compare its numbers.
    rows = load("mnist")["validation"][:]
    seen = np.stack(rows["image"]).tobytes() + bytes(rows["label"])
    assert hashlib.sha256(seen).hexdigest()[:16] == "b076a21c94b65cf7"


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        ("100", (100, 50, 50)),
        ("7", (7, 3, 3)),
        ("3000", (3000, 999, 1500)),
        ("1", (1, 1, 1)),
        ("999999", (9001, 999, 2000)),
    ],
)
def test_course_rows_caps_each_split(monkeypatch, rows, sizes):
    monkeypatch.setenv("COURSE_ROWS", rows)
    assert tuple(len(split) for split in load("mnist").values()) == sizes


def test_capped_rows_are_the_same_each_time_and_of_many_classes(monkeypatch):
    monkeypatch.setenv("COURSE_ROWS", "100")
    first, second = load("mnist"), load("mnist")
    assert first["train"].to_dict() == second["train"].to_dict()
    assert len(set(first["train"][:]["label"])) == 10


def test_course_rows_draws_from_the_whole_of_each_split(monkeypatch):
    whole = {split: pngs(rows) for split, rows in load("mnist").items()}
    monkeypatch.setenv("COURSE_ROWS", "200")
    for split, rows in load("mnist").items():
        places = [whole[split].index(png) for png in pngs(rows)]
        assert places == sorted(set(places))  # in their old order, none twice
        fifths = np.histogram(places, 5, (0, len(whole[split])))[0]
        assert fifths.min() >= len(places) / 12, split  # of about a fifth in each


def test_course_rows_of_a_sorted_source_are_of_most_classes(monkeypatch, hub_sets):
    monkeypatch.setenv("COURSE_ROWS", "20")
    for split, rows in load("cifar10").items():  # whose file is sorted here
        assert len(set(rows[:]["label"])) >= 6, split  # the first 20 are of 3


@pytest.mark.parametrize("rows", ["0", "-5", "ten", "1.5"])
def test_course_rows_that_is_no_number_of_rows_is_refused(monkeypatch, rows):
    monkeypatch.setenv("COURSE_ROWS", rows)
    with pytest.raises(ValueError, match=f"COURSE_ROWS='{rows}'.*whole number"):
        load("mnist")


def test_unknown_names_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="'minst'.*mnist"):
        load("minst")
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="'huge'.*COURSE_PROFILE"):
        load("mnist")


# The other sets


BUNDLED_SIZES = {
    "cifar10": (900, 100, 500),
    "cats_vs_dogs": (360, 40, 200),
    "pets": (360, 40, 200),
}


@pytest.mark.parametrize(("name", "sizes"), BUNDLED_SIZES.items())
def test_bundled_sets_look_like_the_hub_s(name, sizes):
    rows = load(name)
    assert tuple(len(split) for split in rows.values()) == sizes
    for split in rows.values():
        assert split.column_names == ["image", "label"]
        assert {image.mode for image in split[:]["image"]} == {"RGB"}
        assert len(set(split[:]["label"])) == split.features["label"].num_classes


def test_bundled_pictures_differ_between_splits():
    for name in BUNDLED_SIZES:
        train, validation, test = (pngs(split) for split in load(name).values())
        assert len({*train, *validation, *test}) == len(train + validation + test)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("cifar10", (90, 10, 100)),
        ("cats_vs_dogs", (72, 8, 20)),
        ("pets", (185, 37, 222)),
    ],
)
def test_sets_in_the_hub_s_columns_and_shards_are_divided(hub_sets, name, sizes):
    rows = load(name)
    assert tuple(len(split) for split in rows.values()) == sizes
    for split in rows.values():
        assert split.column_names == ["image", "label"]
        assert [k for _, k in numbers(split)] == split[:]["label"]


def test_test_split_is_made_where_the_source_has_none(hub_sets):
    rows = load("cats_vs_dogs")
    seen = [row for split in rows.values() for row, _ in numbers(split)]
    assert sorted(seen) == list(range(100))
    for split in rows.values():
        assert 2 * sum(split[:]["label"]) == len(split)


@pytest.mark.parametrize("name", ["cats_vs_dogs", "pets"])
def test_rows_of_a_sorted_source_come_shuffled_and_the_same_each_time(hub_sets, name):
    first, second = load(name), load(name)
    for split in ("train", "test"):
        labels = first[split][:]["label"]
        assert labels == second[split][:]["label"] and labels != sorted(labels)
        assert len(set(first[split].select(range(20))[:]["label"])) > 1
    assert len(set(first["train"][:40]["label"])) > 1


def test_course_rows_caps_a_prepared_set(monkeypatch, hub_sets):
    monkeypatch.setenv("COURSE_ROWS", "32")
    sizes = [len(split) for split in load("cats_vs_dogs").values()]
    assert sizes == [32, 8, 16]


# Several labels for one picture


@pytest.mark.parametrize("profile", ["reduced", "full"])
def test_scenes_have_lists_of_labels_captions_and_masks(monkeypatch, profile):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    rows = load("scenes")
    sizes = {"train": 700, "validation": 200, "test": 300}
    assert {split: len(part) for split, part in rows.items()} == sizes
    for part in rows.values():
        assert part.column_names == ["image", "labels", "caption", "mask"]
        names = part.features["labels"].feature.names
        assert len(names) == 12 and {"apple", "banana"} <= set(names)
        row = part[0]
        assert row["image"].mode == "RGB" and row["mask"].mode == "L"
        assert row["image"].size == row["mask"].size
        seen = set(np.unique(np.asarray(row["mask"])).tolist()) - {0}
        assert seen == {k + 1 for k in row["labels"]}
        assert all(names[k] in row["caption"] for k in row["labels"])


def test_every_split_of_the_scenes_has_every_label_and_pictures_of_its_own():
    rows = load("scenes")
    for part in rows.values():
        assert {k for labels in part["labels"] for k in labels} == set(range(12))
    train, validation, test = map(looks, rows.values())
    assert not train & validation and not (train | validation) & test


def test_course_rows_caps_the_scenes_and_missing_labels_are_named(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_ROWS", "20")
    sizes = [len(split) for split in load("scenes").values()]
    assert sizes == [20, 10, 10]
    told = capsys.readouterr().err
    assert "drawn-scenes, validation" in told and "have no picture" in told


# Copies


def test_copies_stay_on_one_side_and_are_counted_once(cats, capsys):
    cells = [*animals("cat", 50), *animals("dog", 50)]
    cells += [{"bytes": again(cell["bytes"]), "path": None} for cell in cells[::2]]
    labels = [0] * 50 + [1] * 50 + [0] * 25 + [1] * 25
    cats(rows_of(cells, labels, ANIMALS))
    rows = load("cats_vs_dogs")
    sizes = {split: len(part) for split, part in rows.items()}
    assert sum(sizes.values()) == 150
    assert 30 <= sizes["test"] <= 32 and 12 <= sizes["validation"] <= 14
    train, validation, test = map(looks, rows.values())
    assert not train & validation and not (train | validation) & test
    (line,) = capsys.readouterr().err.splitlines()
    assert "microsoft/cats_vs_dogs holds copies of other pictures (50)" in line


def again(content):
    """Store the same pixels in other bytes."""
    image = Image.open(io.BytesIO(content))
    made = stored(image, "PNG", compress_level=0)
    assert made != content
    return made


def test_copies_in_other_classes_stay_on_one_side_too(cats):
    cells = animals("cat", 60)
    cats(rows_of(cells + cells, [0] * 60 + [1] * 60, ANIMALS))
    train, validation, test = map(looks, load("cats_vs_dogs").values())
    assert not train & validation and not (train | validation) & test


def test_rows_without_copies_are_those_of_before_one_came(cats):
    cells, labels = [*animals("cat", 50), *animals("dog", 50)], [0] * 50 + [1] * 50
    cats(rows_of(cells, labels, ANIMALS))
    before = load("cats_vs_dogs")
    cats(rows_of([*cells[:-1], cells[-2]], labels, ANIMALS))
    after = load("cats_vs_dogs")
    moved = sum(len(looks(before[split]) ^ looks(after[split])) for split in before)
    assert moved <= 5  # the picture that is gone, and at most two that change sides


def test_pictures_of_test_are_left_out_of_train(hub_sets, capsys):
    train, test = (
        sorted((hub_sets / "uoft-cs/cifar10/plain_text").glob(f"{split}-*"))[0]
        for split in ("train", "test")
    )
    table, other = pq.read_table(train), pq.read_table(test)
    cells = [*other["img"].to_pylist()[:3], *table["img"].to_pylist()[3:]]
    cells = pa.array(cells, table.schema.field("img").type)
    pq.write_table(table.set_column(0, table.schema.field("img"), cells), train)
    rows = load("cifar10")
    assert len(rows["train"]) + len(rows["validation"]) == 97
    assert len(rows["test"]) == 100
    assert not (looks(rows["train"]) | looks(rows["validation"])) & looks(rows["test"])
    line = capsys.readouterr().err.splitlines()[0]
    assert "copies of other pictures (3)" in line and "left out elsewhere" in line
