"""From files to rows: labels by name, unreadable pictures, odd files, the cache."""

import errno
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_files import (
    ANIMALS,
    animals,
    change,
    names_by_color,
    noise,
    numbers,
    picture,
    renamed,
    rows_of,
    write_set,
)

from course_utils import session
from course_utils.data import DataError, load, sets


@pytest.fixture
def spoilt(hub_sets):
    """Spoil three rows of cats_vs_dogs: two cannot be decoded, one is grey."""
    (path,) = hub_sets.glob("microsoft/cats_vs_dogs/data/train-00001-*")
    table = pq.read_table(path)
    cells = table["image"].to_pylist()
    cells[0] = {"bytes": noise("JPEG")[:900], "path": "Dog/50.jpg"}
    cells[7] = {"bytes": None, "path": None}
    cells[9] = picture(77, mode="L")
    column = pa.array(cells, table.schema.field("image").type)
    pq.write_table(table.set_column(0, table.schema.field("image"), column), path)
    return hub_sets


def test_broken_pictures_are_left_out_and_named_on_each_load(spoilt, capsys):
    for _ in range(2):
        rows = load("cats_vs_dogs")
        assert sum(len(split) for split in rows.values()) == 98
        seen = {row for split in rows.values() for row, _ in numbers(split)}
        assert not seen & {50, 57}
        first, second = capsys.readouterr().err.splitlines()
        start = "Warning: microsoft/cats_vs_dogs, train row "
        assert first.startswith(f"{start}50 (Dog/50.jpg): ")
        assert second.startswith(f"{start}57 (train-00001-of-00002.parquet): ")
        for line in (first, second):
            assert line.endswith("Training goes on without it.")


def test_a_file_of_the_same_name_nearby_is_not_read(hub_sets, tmp_path, monkeypatch):
    """``datasets`` would take it in place of the bytes in the table."""
    for path in hub_sets.glob("microsoft/cats_vs_dogs/data/train-*"):

        def named(column):
            cells = [{**cell, "path": "cat.png"} for cell in column.to_pylist()]
            return pa.array(cells, column.type)

        change(path, "image", named)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "cat.png").write_bytes(picture(200)["bytes"])
    monkeypatch.chdir(tmp_path / "here")
    seen = [row for split in load("cats_vs_dogs").values() for row, _ in numbers(split)]
    assert sorted(seen) == list(range(100))


def test_many_broken_pictures_are_counted(hub_sets, capsys):
    (path,) = hub_sets.glob("microsoft/cats_vs_dogs/data/train-00001-*")
    change(path, "image", lambda c: pa.array([picture(99)] + [None] * 49, c.type))
    assert sum(len(split) for split in load("cats_vs_dogs").values()) == 51
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 13 and lines[10].endswith("39 more.")
    assert all("1 of 2 classes have no picture: dog." in line for line in lines[11:])


def test_set_without_one_whole_picture_is_refused(hub_sets):
    for path in hub_sets.glob("microsoft/cats_vs_dogs/data/*"):
        change(path, "image", lambda c: pa.nulls(len(c), c.type))
    with pytest.raises(DataError, match="not one picture can be read"):
        load("cats_vs_dogs")


# Labels by name


RIGHT = {("cat", "cat"), ("dog", "dog")}


def test_shards_that_list_the_classes_in_another_order_are_read_by_name(cats):
    cats(
        rows_of(animals("cat"), [0] * 20, ["cat", "dog"]),
        rows_of(animals("dog"), [0] * 20, ["dog", "cat"]),
    )
    rows = load("cats_vs_dogs")
    assert names_by_color(rows) == RIGHT
    assert rows["train"].features["label"].names == ANIMALS


def test_shards_that_name_only_the_classes_they_hold_are_read_by_name(cats):
    cats(
        rows_of(animals("cat"), [0] * 20, ["cat"]),
        rows_of(animals("dog"), [0] * 20, ["dog"]),
    )
    assert names_by_color(load("cats_vs_dogs")) == RIGHT


def test_names_of_labels_in_another_width_count_too(cats):
    table = rows_of([*animals("cat"), *animals("dog")], [1] * 20 + [0] * 20, "ab")
    table = table.set_column(1, "labels", table["labels"].cast(pa.int32()))
    cats(renamed(table, "labels", ["dog", "cat"]))
    assert names_by_color(load("cats_vs_dogs")) == RIGHT


@pytest.mark.parametrize("names", [["cat", "dog", "bird"], ["Cat", "dog"], ["a", "b"]])
def test_classes_of_other_names_are_refused(cats, names):
    cats(
        rows_of(animals("cat"), [0] * 20, ["cat", "dog"]),
        rows_of(animals("dog"), [1] * 20, names),
    )
    strange = next(name for name in names if name not in ANIMALS)
    with pytest.raises(DataError, match=f"the class '{strange}' is unknown; the"):
        load("cats_vs_dogs")


def test_splits_that_list_the_breeds_in_another_order_are_read_by_name(hub_sets):
    reverse_breeds(hub_sets, "test")
    for part in load("pets").values():
        assert part.features["label"].names[3] == "breed 3"
        assert [k for _, k in numbers(part)] == part[:]["label"]


def reverse_breeds(folder, split):
    """List the breeds of a split the other way round, with the same meaning."""
    for path in (folder / "timm/oxford-iiit-pet/data").glob(f"{split}-*"):
        table = pq.read_table(path)
        turned = pa.array(36 - table["label"].to_numpy())
        table = table.set_column(1, table.schema.field("label"), turned)
        names = [f"breed {36 - i}" for i in range(37)]
        pq.write_table(renamed(table, "label", names), path)


def test_prepared_splits_follow_when_train_lists_the_breeds_anew(hub_sets):
    load("pets")
    reverse_breeds(hub_sets, "train")
    for part in load("pets").values():
        names = part.features["label"].names
        assert names[0] == "breed 36"
        seen = [f"breed {k}" for _, k in numbers(part)]
        assert seen == [names[k] for k in part[:]["label"]]


def test_a_class_that_is_named_twice_is_refused(cats):
    table = rows_of(animals("cat"), [0] * 10 + [1] * 10, ANIMALS)
    cats(renamed(table, "labels", ["cat", "cat"]))
    with pytest.raises(DataError, match="is there twice; the classes are"):
        load("cats_vs_dogs")


def test_a_breed_that_is_named_twice_is_refused(hub_sets):
    (path, _) = sorted((hub_sets / "timm/oxford-iiit-pet/data").glob("train-*"))
    names = [f"breed {min(i, 35)}" for i in range(37)]
    pq.write_table(renamed(pq.read_table(path), "label", names), path)
    with pytest.raises(DataError, match="is there twice; the classes are"):
        load("pets")


def test_breeds_without_names_are_refused(hub_sets):
    for path in (hub_sets / "timm/oxford-iiit-pet/data").glob("train-*"):
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with pytest.raises(DataError, match="does not name the classes of 'label'"):
        load("pets")


def test_numbers_without_names_are_read_as_stated_and_said(cats, capsys):
    cats(rows_of([*animals("cat"), *animals("dog")], [0] * 20 + [1] * 20))
    assert names_by_color(load("cats_vs_dogs")) == RIGHT
    said = "does not name its classes, so the course counts them: cat, dog."
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (
            [*[0] * 39, 2],
            "the label of row 39 is 2, but classes are whole numbers, 0 to 1",
        ),
        ([-1] * 40, "the label of row 0 is -1, but classes are whole numbers, 0 to 1"),
        ([*[0] * 39, -100], "the label of row 39 is -100"),
        ([*[0] * 39, None], "the label of row 39 is None, but"),
        (["cat"] * 40, "the label of row 0 is 'cat', but classes are whole numbers"),
        ([0.0, 1.0] * 20, "the label of row 0 is 0.0, but classes are whole numbers"),
    ],
)
def test_labels_that_are_no_classes_are_refused_before_any_picture(cats, labels, said):
    table = rows_of([{"bytes": b"x", "path": None}] * 40, [0] * 40, ANIMALS)
    folder = cats(table.set_column(1, "labels", [labels]))
    with pytest.raises(DataError, match=said) as caught:
        load("cats_vs_dogs")
    assert str(folder / "train-00000-of-00001.parquet") in str(caught.value)


def test_a_class_without_a_picture_in_a_split_is_said(cats, capsys):
    cats(rows_of(animals("cat") + animals("dog", 3), [0] * 20 + [1] * 3, ANIMALS))
    load("cats_vs_dogs")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Warning: microsoft/cats_vs_dogs, validation: 1 of 2 classes have no picture: "
        "dog."
    ]


# Files of another kind


@pytest.mark.parametrize("each", [1, 4])
def test_a_set_too_small_for_validation_is_refused(cats, each):
    cells = animals("cat", each) + animals("dog", each)
    cats(rows_of(cells, [0] * each + [1] * each, ANIMALS))
    with pytest.raises(DataError, match="too few, so the split 'validation' is"):
        load("cats_vs_dogs")


def test_paths_without_pictures_are_told(cats):
    cells = [{"bytes": None, "path": f"/home/me/{i}.jpg"} for i in range(20)]
    cats(rows_of(cells, [0, 1] * 10, ANIMALS))
    with pytest.raises(DataError, match="row holds a path, but not the picture"):
        load("cats_vs_dogs")


def test_a_column_of_plain_paths_is_told(cats):
    paths = pa.array([f"/home/me/{i}.jpg" for i in range(20)])
    table = rows_of(animals("cat"), [0, 1] * 10, ANIMALS)
    cats(table.set_column(0, "image", paths))
    with pytest.raises(DataError, match="type string .paths alone are not enough"):
        load("cats_vs_dogs")


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[("a", 1)]] * 40, pa.map_(pa.string(), pa.int64())),
        pa.array([1] * 40, pa.duration("ms")),
        pa.array([b"1234"] * 40, pa.binary(4)),
        pa.array([None] * 40, pa.null()),
        pa.array([{"x": [[1.0]]}] * 40),
        pa.array(np.ones(40, np.float16)),
        pa.array(["a"] * 40).dictionary_encode(),
        pa.array([1] * 40, pa.decimal256(50)),
    ],
)
def test_a_further_column_of_an_odd_type_does_no_harm(cats, values):
    cells = [*animals("cat"), *animals("dog")]
    table = rows_of(cells, [0] * 20 + [1] * 20, ANIMALS, odd=values)
    cats(table)
    rows = load("cats_vs_dogs")
    assert rows["train"].column_names == ["image", "label"]
    assert names_by_color(rows) == RIGHT


def test_a_further_column_of_a_feature_of_tomorrow_does_no_harm(cats):
    cells = [*animals("cat"), *animals("dog")]
    table = rows_of(cells, [1] * 20 + [0] * 20, ["dog", "cat"])
    told = json.loads(table.schema.metadata[b"huggingface"])
    told["info"]["features"]["scent"] = {"_type": "Scent", "strength": 3}
    table = table.append_column("scent", pa.array([1] * 40))
    cats(table.replace_schema_metadata({b"huggingface": json.dumps(told).encode()}))
    assert names_by_color(load("cats_vs_dogs")) == RIGHT


def test_columns_of_an_image_in_another_order_are_read(cats):
    kind = pa.struct([("path", pa.string()), ("bytes", pa.large_binary())])
    cells = pa.array([*animals("cat"), *animals("dog")], kind)
    table = rows_of(animals("cat", 40), [0] * 20 + [1] * 20, ANIMALS)
    cats(table.set_column(0, "image", cells))
    assert names_by_color(load("cats_vs_dogs")) == RIGHT


# The cache of datasets


def cached(tmp_path):
    return sorted((tmp_path / "hf" / "datasets").rglob("*.arrow"))


def test_pictures_are_checked_once_and_kept_out_of_memory(
    monkeypatch, hub_sets, tmp_path
):
    first = load("pets")["train"]
    assert len(cached(tmp_path)) == 1 and first.cache_files
    monkeypatch.setattr(sets, "checked", None)
    assert load("pets")["train"][:]["label"] == first[:]["label"]


def test_changed_source_is_checked_anew(hub_sets, tmp_path):
    load("cats_vs_dogs")
    write_set(hub_sets / "microsoft/cats_vs_dogs/data", "train", "labels", ANIMALS, 9)
    assert sum(len(split) for split in load("cats_vs_dogs").values()) == 18


def test_interrupted_check_is_not_trusted(monkeypatch, hub_sets, tmp_path):
    real, calls = sets.checked, []

    def stop_in_the_middle(cell, mode):
        calls.append(cell)
        if len(calls) == 70:
            raise KeyboardInterrupt
        return real(cell, mode)

    monkeypatch.setattr(sets, "checked", stop_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        load("cats_vs_dogs")
    assert not cached(tmp_path)
    monkeypatch.setattr(sets, "checked", real)
    assert sum(len(split) for split in load("cats_vs_dogs").values()) == 100


def test_full_disk_in_the_check_is_named(monkeypatch, hub_sets, error_of):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("datasets.arrow_writer.ArrowWriter.finalize", fail)
    message = error_of(load, "cats_vs_dogs")
    assert "cannot be written (No space left" in message and "HF_HOME" in message


def test_cache_that_cannot_be_written_is_named(
    monkeypatch, hub_sets, tmp_path, error_of
):
    (tmp_path / "a file").touch()
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "a file" / "x")
    message = error_of(load, "cats_vs_dogs")
    assert "cannot be written (" in message
    assert "Choose another folder (HF_HOME or --to)" in message


def test_new_process_finds_the_checked_rows(hub_sets, tmp_path):
    code = (
        "from course_utils.data import load, sets; sets.checked = None; "
        "print(sum(len(split) for split in load('cats_vs_dogs').values()))"
    )
    load("cats_vs_dogs")
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=session.ROOT,
    )
    assert done.stdout == "100\n", done.stderr
