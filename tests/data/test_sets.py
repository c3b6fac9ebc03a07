import errno
import hashlib
import importlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, Value
from datasets import Image as ImageFeature
from hub_stand_in import REPO, isolate, serve_impatient
from PIL import Image

from course_utils import session
from course_utils.data import sets as data

DIGITS = session.ROOT / "data" / "digits"
NAMES = {
    "train": "mnist/train-00000-of-00001.parquet",
    "test": "mnist/test-00000-of-00001.parquet",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path / "hf")
    monkeypatch.setattr(session, "_chosen", None)


@pytest.fixture
def course_hub(monkeypatch, tmp_path):
    """Return a folder in the Hub's layout with the digits as MNIST, for COURSE_HUB."""
    folder = tmp_path / "hub"
    lay_out(folder / REPO)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Serve the digits as the Hub's MNIST."""
    lay_out(tmp_path / "served" / REPO)
    with serve_impatient(monkeypatch, tmp_path / "served") as server:
        yield server


def lay_out(folder):
    for split, name in NAMES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DIGITS / f"{split}.parquet", path)


def error_of_load():
    with pytest.raises(data.DataError) as caught:
        data.load("mnist")
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 2
    return message


def pngs(split):
    """Return the PNG bytes of each row; what tells one digit from another."""
    rows = split.with_format("arrow")[:]
    return [cell["bytes"].as_py() for cell in rows.column("image")]


def pixels(table):
    cells = table.column("image").to_pylist()
    return [np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in cells]


# What is promised of every source


def test_bundled_digits_look_like_mnist():
    digits = data.load("mnist")
    assert {split: len(rows) for split, rows in digits.items()} == {
        "train": 1295,
        "validation": 143,
        "test": 359,
    }
    for rows in digits.values():
        assert rows.column_names == ["image", "label"]
        assert rows.features["label"].names == list("0123456789")
        assert set(rows[:]["label"]) == set(range(10))
    image = digits["train"][0]["image"]
    assert (image.mode, image.size) == ("L", (28, 28))
    every = np.stack(digits["train"][:]["image"])
    assert every[:, 0].max() == 0 and np.median(every.max(axis=(1, 2))) == 255


def test_every_source_gives_the_same_rows(monkeypatch, course_hub, hub):
    monkeypatch.setenv("COURSE_PROFILE", "reduced")
    bundled = data.load("mnist")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    local = data.load("mnist")
    assert not hub.requests
    monkeypatch.delenv("COURSE_HUB")
    remote = data.load("mnist")
    assert hub.requests
    for other in (local, remote):
        assert list(other) == list(bundled)
        for split, rows in bundled.items():
            assert other[split].features == rows.features
            assert other[split].to_dict() == rows.to_dict()


def test_further_columns_of_a_source_are_left_out(course_hub):
    path = course_hub / REPO / NAMES["test"]
    table = pq.read_table(path)
    pq.write_table(table.append_column("id", [list(range(len(table)))]), path)
    assert data.load("mnist")["test"].column_names == ["image", "label"]


def test_validation_is_a_tenth_of_each_class_and_none_of_train():
    digits = data.load("mnist")
    source = pq.read_table(DIGITS / "train.parquet")
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
    rows = data.load("mnist")["validation"][:]
    seen = np.stack(rows["image"]).tobytes() + bytes(rows["label"])
    assert hashlib.sha256(seen).hexdigest()[:16] == "0a4a1d379a16eadc"


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        ("100", (100, 50, 50)),
        ("7", (7, 3, 3)),
        ("300", (300, 143, 150)),
        ("1", (1, 1, 1)),
        ("999999", (1295, 143, 359)),
    ],
)
def test_course_rows_caps_each_split(monkeypatch, rows, sizes):
    monkeypatch.setenv("COURSE_ROWS", rows)
    assert tuple(len(split) for split in data.load("mnist").values()) == sizes


def test_capped_rows_are_the_same_each_time_and_of_many_classes(monkeypatch):
    monkeypatch.setenv("COURSE_ROWS", "100")
    first, second = data.load("mnist"), data.load("mnist")
    assert first["train"].to_dict() == second["train"].to_dict()
    assert len(set(first["train"][:]["label"])) == 10


def test_course_rows_draws_from_the_whole_of_each_split(monkeypatch):
    whole = {split: pngs(rows) for split, rows in data.load("mnist").items()}
    monkeypatch.setenv("COURSE_ROWS", "200")
    for split, rows in data.load("mnist").items():
        places = [whole[split].index(png) for png in pngs(rows)]
        assert places == sorted(set(places))  # in their old order, none twice
        fifths = np.histogram(places, 5, (0, len(whole[split])))[0]
        assert fifths.min() >= len(places) / 10, split  # of about a fifth in each


def test_course_rows_of_a_sorted_source_are_of_most_classes(monkeypatch, hub_sets):
    monkeypatch.setenv("COURSE_ROWS", "20")
    for split, rows in data.load("cifar10").items():  # whose file is sorted here
        assert len(set(rows[:]["label"])) >= 6, split  # the first 20 are of 3


@pytest.mark.parametrize("rows", ["0", "-5", "ten", "1.5"])
def test_course_rows_that_is_no_number_of_rows_is_refused(monkeypatch, rows):
    monkeypatch.setenv("COURSE_ROWS", rows)
    with pytest.raises(ValueError, match=f"COURSE_ROWS='{rows}'.*whole number"):
        data.load("mnist")


def test_unknown_names_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="'minst'.*mnist"):
        data.load("minst")
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="'huge'.*COURSE_PROFILE"):
        data.load("mnist")


# The other sets

ANIMALS = ["cat", "dog"]

BUNDLED_SIZES = {
    "cifar10": (900, 100, 500),
    "cats_vs_dogs": (360, 40, 200),
    "pets": (360, 40, 200),
}


@pytest.mark.parametrize(("name", "sizes"), BUNDLED_SIZES.items())
def test_bundled_sets_look_like_the_hub_s(name, sizes):
    rows = data.load(name)
    assert tuple(len(split) for split in rows.values()) == sizes
    for split in rows.values():
        assert split.column_names == ["image", "label"]
        assert {image.mode for image in split[:]["image"]} == {"RGB"}
        assert len(set(split[:]["label"])) == split.features["label"].num_classes


def test_bundled_pictures_differ_between_splits():
    for name in BUNDLED_SIZES:
        train, validation, test = (pngs(split) for split in data.load(name).values())
        assert len({*train, *validation, *test}) == len(train + validation + test)


@pytest.fixture
def hub_sets(monkeypatch, tmp_path):
    """Return a COURSE_HUB with small sets that have the Hub's columns, sorted."""
    folder = tmp_path / "hub"
    breeds = [f"breed {i}" for i in range(37)]
    write_set(folder / "microsoft/cats_vs_dogs/data", "train", "labels", ANIMALS, 50)
    for split in ("train", "test"):
        write_set(folder / "timm/oxford-iiit-pet/data", split, "label", breeds, 6)
        classes = data.DATA_SETS["cifar10"].labels
        path = folder / "uoft-cs/cifar10/plain_text"
        write_set(path, split, "label", classes, 10, image="img")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(folder))
    return folder


def write_set(folder, split, label, names, each, image="image", shards=2):
    """Write pictures that show their row in red, class in green and split in blue."""
    features = Features({image: ImageFeature(), label: ClassLabel(names=list(names))})
    labels = np.repeat(np.arange(len(names)), each)
    blue = {"train": 0, "test": 200}[split]
    cells = [picture((row, k, blue)) for row, k in enumerate(labels)]
    table = pa.table([cells, labels], schema=features.arrow_schema)
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(labels) // shards)
    for i in range(shards):
        path = folder / f"{split}-{i:05d}-of-{shards:05d}.parquet"
        pq.write_table(table.slice(i * size, size), path)


def picture(color, mode="RGB", size=(6, 4), kind="PNG", **settings):
    buffer = io.BytesIO()
    Image.new(mode, size, color).save(buffer, kind, **settings)
    return {"bytes": buffer.getvalue(), "path": None}


def numbers(split):
    """Return (row in the source, class) as the pictures of write_set show them."""
    return [image.getpixel((0, 0))[:2] for image in split[:]["image"]]


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("cifar10", (90, 10, 100)),
        ("cats_vs_dogs", (72, 8, 20)),
        ("pets", (185, 37, 222)),
    ],
)
def test_sets_in_the_hub_s_columns_and_shards_are_divided(hub_sets, name, sizes):
    rows = data.load(name)
    assert tuple(len(split) for split in rows.values()) == sizes
    for split in rows.values():
        assert split.column_names == ["image", "label"]
        assert [k for _, k in numbers(split)] == split[:]["label"]


def test_test_split_is_made_where_the_source_has_none(hub_sets):
    rows = data.load("cats_vs_dogs")
    seen = [row for split in rows.values() for row, _ in numbers(split)]
    assert sorted(seen) == list(range(100))
    for split in rows.values():
        assert 2 * sum(split[:]["label"]) == len(split)


@pytest.mark.parametrize("name", ["cats_vs_dogs", "pets"])
def test_rows_of_a_sorted_source_come_shuffled_and_the_same_each_time(hub_sets, name):
    first, second = data.load(name), data.load(name)
    for split in ("train", "test"):
        labels = first[split][:]["label"]
        assert labels == second[split][:]["label"] and labels != sorted(labels)
        assert len(set(first[split].select(range(20))[:]["label"])) > 1
    assert len(set(first["train"][:40]["label"])) > 1


def test_course_rows_caps_a_prepared_set(monkeypatch, hub_sets):
    monkeypatch.setenv("COURSE_ROWS", "32")
    sizes = [len(split) for split in data.load("cats_vs_dogs").values()]
    assert sizes == [32, 8, 16]


# Pictures of every kind


def photo():
    """Return a picture whose four corners differ, so that a turn shows."""
    image = Image.new("RGB", (64, 48), (200, 30, 30))
    for box, color in [
        ((32, 0, 64, 24), (30, 200, 30)),
        ((0, 24, 32, 48), (30, 30, 200)),
        ((32, 24, 64, 48), (220, 220, 60)),
    ]:
        image.paste(color, box)
    return image


def corners(image):
    width, height = image.size
    places = [(x, y) for y in (4, height - 5) for x in (4, width - 5)]
    return np.array([image.getpixel(place) for place in places])


def stored(image, kind, **settings):
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def turned(orientation):
    """Store the photo such that its metadata turn it upright again."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    return stored(photo().transpose(back[orientation]), "JPEG", quality=95, exif=exif)


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
    cell, why = data._mended({"bytes": content, "path": None}, mode)
    assert (why is None) == (cell["bytes"] is not None)
    return why or ImageFeature().decode_example(cell)


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
        cell, _ = data._mended({"bytes": content, "path": "a.jpg"}, "RGB")
        assert (cell["bytes"], cell["path"]) == (content, "a.jpg")


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


def noise(kind):
    values = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return stored(Image.fromarray(values), kind)


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
        rows = data.load("cats_vs_dogs")
        assert sum(len(split) for split in rows.values()) == 98
        seen = {row for split in rows.values() for row, _ in numbers(split)}
        assert not seen & {50, 57}
        first, second = capsys.readouterr().err.splitlines()
        start = "Warning: microsoft/cats_vs_dogs, train row "
        assert first.startswith(f"{start}50 (Dog/50.jpg): ")
        assert second.startswith(f"{start}57 (train-00001-of-00002.parquet): ")
        for line in (first, second):
            assert line.endswith("Training goes on without it.")


def test_many_broken_pictures_are_counted(hub_sets, capsys):
    (path,) = hub_sets.glob("microsoft/cats_vs_dogs/data/train-00001-*")
    change(path, "image", lambda c: pa.array([picture(99)] + [None] * 49, c.type))
    assert sum(len(split) for split in data.load("cats_vs_dogs").values()) == 51
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 13 and lines[10].endswith("39 more.")
    assert all("1 of 2 classes have no picture: dog." in line for line in lines[11:])


def test_set_without_one_whole_picture_is_refused(hub_sets):
    for path in hub_sets.glob("microsoft/cats_vs_dogs/data/*"):
        change(path, "image", lambda c: pa.nulls(len(c), c.type))
    with pytest.raises(data.DataError, match="not one picture can be read"):
        data.load("cats_vs_dogs")


# Labels by name


def rows_of(cells, labels, names=None, image="image", label="labels", **more):
    """Return a table of pictures and labels, with or without names of the classes."""
    kind = ClassLabel(names=list(names)) if names else Value("int64")
    schema = Features({image: ImageFeature(), label: kind}).arrow_schema
    table = pa.table([cells, labels], schema=schema)
    for name, column in more.items():
        table = table.append_column(name, column)
    return table


def animals(of, count=20, start=0):
    """Return pictures of cats (no green) or dogs (green), all different."""
    green = {"cat": 0, "dog": 200}
    return [picture((start + i, green[of], 0)) for i in range(count)]


@pytest.fixture
def cats(monkeypatch, tmp_path):
    """Return a function that writes the shards of cats_vs_dogs for COURSE_HUB."""
    folder = tmp_path / "hub" / "microsoft/cats_vs_dogs/data"
    folder.mkdir(parents=True)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "hub"))

    def write(*tables):
        for i, table in enumerate(tables):
            name = f"train-{i:05d}-of-{len(tables):05d}.parquet"
            pq.write_table(table, folder / name)
        return folder

    return write


def names_by_color(rows):
    """Return the pairs (looks like, is labelled) that occur in a DatasetDict."""
    return {
        ("dog" if image.getpixel((0, 0))[1] else "cat", part.features["label"].names[k])
        for part in rows.values()
        for image, k in zip(part["image"], part["label"], strict=True)
    }


RIGHT = {("cat", "cat"), ("dog", "dog")}


def test_shards_that_list_the_classes_in_another_order_are_read_by_name(cats):
    cats(
        rows_of(animals("cat"), [0] * 20, ["cat", "dog"]),
        rows_of(animals("dog"), [0] * 20, ["dog", "cat"]),
    )
    rows = data.load("cats_vs_dogs")
    assert names_by_color(rows) == RIGHT
    assert rows["train"].features["label"].names == ANIMALS


def test_shards_that_name_only_the_classes_they_hold_are_read_by_name(cats):
    cats(
        rows_of(animals("cat"), [0] * 20, ["cat"]),
        rows_of(animals("dog"), [0] * 20, ["dog"]),
    )
    assert names_by_color(data.load("cats_vs_dogs")) == RIGHT


def test_names_of_labels_in_another_width_count_too(cats):
    table = rows_of([*animals("cat"), *animals("dog")], [1] * 20 + [0] * 20, "ab")
    table = table.set_column(1, "labels", table["labels"].cast(pa.int32()))
    cats(renamed(table, "labels", ["dog", "cat"]))
    assert names_by_color(data.load("cats_vs_dogs")) == RIGHT


@pytest.mark.parametrize("names", [["cat", "dog", "bird"], ["Cat", "dog"], ["a", "b"]])
def test_classes_of_other_names_are_refused(cats, names):
    cats(
        rows_of(animals("cat"), [0] * 20, ["cat", "dog"]),
        rows_of(animals("dog"), [1] * 20, names),
    )
    strange = next(name for name in names if name not in ANIMALS)
    with pytest.raises(data.DataError, match=f"names a class '{strange}', where the"):
        data.load("cats_vs_dogs")


def test_splits_that_list_the_breeds_in_another_order_are_read_by_name(hub_sets):
    reverse_breeds(hub_sets, "test")
    for part in data.load("pets").values():
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


def renamed(table, column, names):
    """State other names of the classes in a table's metadata."""
    told = json.loads(table.schema.metadata[b"huggingface"])
    told["info"]["features"][column]["names"] = names
    return table.replace_schema_metadata({b"huggingface": json.dumps(told).encode()})


def test_prepared_splits_follow_when_train_lists_the_breeds_anew(hub_sets):
    data.load("pets")
    reverse_breeds(hub_sets, "train")
    for part in data.load("pets").values():
        names = part.features["label"].names
        assert names[0] == "breed 36"
        seen = [f"breed {k}" for _, k in numbers(part)]
        assert seen == [names[k] for k in part[:]["label"]]


def test_a_class_that_is_named_twice_is_refused(cats):
    table = rows_of(animals("cat"), [0] * 10 + [1] * 10, ANIMALS)
    cats(renamed(table, "labels", ["cat", "cat"]))
    with pytest.raises(data.DataError, match="names a class twice, where the"):
        data.load("cats_vs_dogs")


def test_a_breed_that_is_named_twice_is_refused(hub_sets):
    (path, _) = sorted((hub_sets / "timm/oxford-iiit-pet/data").glob("train-*"))
    names = [f"breed {min(i, 35)}" for i in range(37)]
    pq.write_table(renamed(pq.read_table(path), "label", names), path)
    with pytest.raises(data.DataError, match="names a class twice, where the"):
        data.load("pets")


def test_breeds_without_names_are_refused(hub_sets):
    for path in (hub_sets / "timm/oxford-iiit-pet/data").glob("train-*"):
        pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with pytest.raises(data.DataError, match="does not name the classes of 'label'"):
        data.load("pets")


def test_numbers_without_names_are_read_as_stated_and_said(cats, capsys):
    cats(rows_of([*animals("cat"), *animals("dog")], [0] * 20 + [1] * 20))
    assert names_by_color(data.load("cats_vs_dogs")) == RIGHT
    said = "does not name its classes, so the course reads 0 as cat, 1 as dog"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([*[0] * 39, 2], "the label of row 39 is 2, but classes are numbered 0 to 1"),
        ([-1] * 40, "the label of row 0 is -1, but classes are numbered 0 to 1"),
        ([*[0] * 39, -100], "the label of row 39 is -100"),
        ([*[0] * 39, None], "the label of row 39 is missing"),
        (["cat"] * 40, "the label of row 0 is 'cat', but classes are whole numbers"),
        ([0.0, 1.0] * 20, "the label of row 0 is 0.0, but classes are whole numbers"),
    ],
)
def test_labels_that_are_no_classes_are_refused_before_any_picture(cats, labels, said):
    table = rows_of([{"bytes": b"x", "path": None}] * 40, [0] * 40, ANIMALS)
    folder = cats(table.set_column(1, "labels", [labels]))
    with pytest.raises(data.DataError, match=said) as caught:
        data.load("cats_vs_dogs")
    assert str(folder / "train-00000-of-00001.parquet") in str(caught.value)


def test_a_class_without_a_picture_in_a_split_is_said(cats, capsys):
    cats(rows_of(animals("cat") + animals("dog", 3), [0] * 20 + [1] * 3, ANIMALS))
    data.load("cats_vs_dogs")
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "Warning: microsoft/cats_vs_dogs, validation: 1 of 2 classes have no picture: "
        "dog."
    ]


def test_bundled_sets_are_loaded_without_a_word(capsys):
    for name in data.DATA_SETS:
        data.load(name)
    assert capsys.readouterr() == ("", "")


# Copies


def looks(split):
    return {image.tobytes() for image in split[:]["image"]}


def test_copies_stay_on_one_side_and_are_counted_once(cats, capsys):
    cells = [*animals("cat", 50), *animals("dog", 50)]
    cells += [{"bytes": again(cell["bytes"]), "path": None} for cell in cells[::2]]
    labels = [0] * 50 + [1] * 50 + [0] * 25 + [1] * 25
    cats(rows_of(cells, labels, ANIMALS))
    rows = data.load("cats_vs_dogs")
    sizes = {split: len(part) for split, part in rows.items()}
    assert sum(sizes.values()) == 150
    assert 30 <= sizes["test"] <= 32 and 12 <= sizes["validation"] <= 14
    train, validation, test = map(looks, rows.values())
    assert not train & validation and not (train | validation) & test
    (line,) = capsys.readouterr().err.splitlines()
    assert "microsoft/cats_vs_dogs holds 50 copies of other pictures" in line


def again(content):
    """Store the same pixels in other bytes."""
    image = Image.open(io.BytesIO(content))
    made = stored(image, "PNG", compress_level=0)
    assert made != content
    return made


def test_copies_in_other_classes_stay_on_one_side_too(cats):
    cells = animals("cat", 60)
    cats(rows_of(cells + cells, [0] * 60 + [1] * 60, ANIMALS))
    train, validation, test = map(looks, data.load("cats_vs_dogs").values())
    assert not train & validation and not (train | validation) & test


def test_rows_without_copies_are_those_of_before_one_came(cats):
    cells, labels = [*animals("cat", 50), *animals("dog", 50)], [0] * 50 + [1] * 50
    cats(rows_of(cells, labels, ANIMALS))
    before = data.load("cats_vs_dogs")
    cats(rows_of([*cells[:-1], cells[-2]], labels, ANIMALS))
    after = data.load("cats_vs_dogs")
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
    rows = data.load("cifar10")
    assert len(rows["train"]) + len(rows["validation"]) == 97
    assert len(rows["test"]) == 100
    assert not (looks(rows["train"]) | looks(rows["validation"])) & looks(rows["test"])
    line = capsys.readouterr().err.splitlines()[0]
    assert "3 copies of other pictures" in line and "left out elsewhere" in line


# Files of another kind


@pytest.mark.parametrize("each", [1, 4])
def test_a_set_too_small_for_validation_is_refused(cats, each):
    cells = animals("cat", each) + animals("dog", each)
    cats(rows_of(cells, [0] * each + [1] * each, ANIMALS))
    with pytest.raises(data.DataError, match="too few, so the split 'validation' is"):
        data.load("cats_vs_dogs")


def test_script_ends_in_one_sentence_when_the_set_is_too_small(cats, tmp_path):
    cats(rows_of(animals("cat", 4) + animals("dog", 4), [0, 0, 0, 0, 1, 1, 1, 1]))
    done = subprocess.run(
        [sys.executable, "-m", "course_utils.finetune.torch", "--data", "cats_vs_dogs"]
        + ["--output", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        cwd=session.ROOT,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "the pictures are too few" in done.stderr.splitlines()[-1]


def test_paths_without_pictures_are_told(cats):
    cells = [{"bytes": None, "path": f"/home/me/{i}.jpg"} for i in range(20)]
    cats(rows_of(cells, [0, 1] * 10, ANIMALS))
    with pytest.raises(data.DataError, match="row holds a path, but not the picture"):
        data.load("cats_vs_dogs")


def test_a_column_of_plain_paths_is_told(cats):
    paths = pa.array([f"/home/me/{i}.jpg" for i in range(20)])
    table = rows_of(animals("cat"), [0, 1] * 10, ANIMALS)
    cats(table.set_column(0, "image", paths))
    with pytest.raises(data.DataError, match="type string .paths alone are not enough"):
        data.load("cats_vs_dogs")


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
    rows = data.load("cats_vs_dogs")
    assert rows["train"].column_names == ["image", "label"]
    assert names_by_color(rows) == RIGHT


def test_a_further_column_of_a_feature_of_tomorrow_does_no_harm(cats):
    cells = [*animals("cat"), *animals("dog")]
    table = rows_of(cells, [1] * 20 + [0] * 20, ["dog", "cat"])
    told = json.loads(table.schema.metadata[b"huggingface"])
    told["info"]["features"]["scent"] = {"_type": "Scent", "strength": 3}
    table = table.append_column("scent", pa.array([1] * 40))
    cats(table.replace_schema_metadata({b"huggingface": json.dumps(told).encode()}))
    assert names_by_color(data.load("cats_vs_dogs")) == RIGHT


def test_columns_of_an_image_in_another_order_are_read(cats):
    kind = pa.struct([("path", pa.string()), ("bytes", pa.large_binary())])
    cells = pa.array([*animals("cat"), *animals("dog")], kind)
    table = rows_of(animals("cat", 40), [0] * 20 + [1] * 20, ANIMALS)
    cats(table.set_column(0, "image", cells))
    assert names_by_color(data.load("cats_vs_dogs")) == RIGHT


# Prepared files


def prepared(tmp_path):
    return sorted((tmp_path / "hf" / "vit-course" / "prepared").rglob("*.arrow"))


def test_pictures_are_checked_once(monkeypatch, hub_sets, tmp_path):
    first = data.load("pets")["train"][:]["label"]
    assert len(prepared(tmp_path)) == 2
    monkeypatch.setattr(data, "_mended", None)
    assert data.load("pets")["train"][:]["label"] == first


def test_changed_source_is_prepared_anew(hub_sets, tmp_path):
    data.load("cats_vs_dogs")
    write_set(hub_sets / "microsoft/cats_vs_dogs/data", "train", "labels", ANIMALS, 9)
    assert sum(len(split) for split in data.load("cats_vs_dogs").values()) == 18


def test_interrupted_preparation_is_not_trusted(monkeypatch, hub_sets, tmp_path):
    real, calls = data._mended, []

    def stop_in_the_middle(cell, mode):
        calls.append(cell)
        if len(calls) == 70:
            raise KeyboardInterrupt
        return real(cell, mode)

    monkeypatch.setattr(data, "_BATCH", 16)
    monkeypatch.setattr(data, "_mended", stop_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        data.load("cats_vs_dogs")
    assert not prepared(tmp_path) and not list((tmp_path / "hf").rglob("*.part"))
    monkeypatch.setattr(data, "_mended", real)
    assert sum(len(split) for split in data.load("cats_vs_dogs").values()) == 100


@pytest.mark.parametrize("size", [0, 1000])
def test_damaged_prepared_file_is_named(course_hub, tmp_path, size):
    data.load("mnist")
    path = prepared(tmp_path)[0]
    os.truncate(path, size)
    message = error_of_load()
    assert f"{path} is damaged" in message and "Delete it" in message
    path.unlink()
    assert len(data.load("mnist")["train"]) == 1295


def test_full_disk_while_preparing_is_named(monkeypatch, hub_sets):
    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(data.os, "replace", fail)
    with pytest.raises(data.DataError, match=r"cannot be written \(No space left"):
        data.load("cats_vs_dogs")


def test_big_set_is_announced_once_and_kept_out_of_memory(
    monkeypatch, hub_sets, capsys
):
    monkeypatch.setattr(data, "_BIG", 1000)
    rows = data.load("cats_vs_dogs")["train"]
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 1 and said[0].startswith("Preparing microsoft/cats_vs_dogs")
    assert rows.cache_files  # backed by a file, not by memory
    data.load("cats_vs_dogs")
    assert not capsys.readouterr().out


# Bundled data


def test_generator_makes_the_bundled_pixels_again(tmp_path):
    importlib.import_module("drawing.make_digits").make(tmp_path)
    for name in ("train.parquet", "test.parquet"):
        old, new = pq.read_table(DIGITS / name), pq.read_table(tmp_path / name)
        assert old.schema.equals(new.schema, check_metadata=True)
        assert old.column("label") == new.column("label")
        np.testing.assert_array_equal(pixels(old), pixels(new))
    old, new = (Image.open(folder / "digits.png") for folder in (DIGITS, tmp_path))
    np.testing.assert_array_equal(np.asarray(old), np.asarray(new))


def test_bundled_files_have_the_hub_s_schema():
    stored = Features.from_arrow_schema(pq.read_schema(DIGITS / "train.parquet"))
    assert stored == data.load("mnist")["train"].features


def test_card_tells_the_true_numbers():
    card = (DIGITS / "README.md").read_text(encoding="utf-8")
    labels = [pq.read_table(DIGITS / f"{s}.parquet")["label"] for s in NAMES]
    counts = sum(np.bincount(column) for column in labels)
    for number in (sum(map(len, labels)), len(labels[0]), len(labels[1])):
        assert f"{number:,}" in card
    assert f"between {counts.min()} and {counts.max()}" in card


def test_bundled_data_is_intact():
    assert data.bundled_problem("mnist") is None


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda f: (f / "test.parquet").unlink(), "test.parquet is missing"),
        (lambda f: (f / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
        (lambda f: flip_byte(f / "train.parquet"), "train.parquet is damaged"),
        (lambda f: cut(f / "train.parquet"), "train.parquet is damaged"),
        (lambda f: shutil.rmtree(f), "SHA256SUMS is missing"),
    ],
)
def test_harmed_bundled_data_is_refused(monkeypatch, tmp_path, harm, complaint):
    shutil.copytree(DIGITS, tmp_path / "data" / "digits")
    monkeypatch.setattr(data, "ROOT", tmp_path)
    harm(tmp_path / "data" / "digits")
    message = error_of_load()
    assert complaint in message and "git checkout data" in message
    assert data.bundled_problem("mnist") == message


def flip_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


# A local folder in the Hub's layout


def change(path, column=None, values=None, drop=None):
    table = pq.read_table(path)
    if drop:
        table = table.drop_columns([drop])
    else:
        place = table.column_names.index(column)
        table = table.set_column(place, column, [values(table[column])])
    pq.write_table(table, path)


@pytest.mark.parametrize("split", ["train", "test"])
def test_local_set_without_a_file_is_refused(course_hub, split):
    (course_hub / REPO / NAMES[split]).unlink()
    message = error_of_load()
    assert f"{REPO} in COURSE_HUB is incomplete" in message
    assert f"{split}-*.parquet is missing" in message


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (cut, "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_text("<html>Not found</html>"), "cannot be read"),
        (lambda path: change(path, drop="label"), "has no column 'label'"),
        (lambda path: change(path, drop="image"), "has no column 'image'"),
        (
            lambda path: change(path, "image", lambda c: pa.nulls(len(c), pa.int8())),
            "no pictures in its column 'image'",
        ),
        (
            lambda path: pq.write_table(pq.read_table(path).slice(0, 0), path),
            "has no rows",
        ),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_harmed_local_file_is_refused(course_hub, split, harm, complaint):
    path = course_hub / REPO / NAMES[split]
    harm(path)
    message = error_of_load()
    assert complaint in message and str(path) in message
    assert "COURSE_HUB" in message or "Hub" in message


def test_course_hub_that_is_no_folder_is_refused(monkeypatch, course_hub):
    monkeypatch.setenv("COURSE_HUB", str(course_hub / "nowhere"))
    message = error_of_load()
    assert "nowhere is not a folder. Point" in message and "unset" in message


def test_relative_course_hub_shows_where_it_was_looked_for(
    monkeypatch, course_hub, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_HUB", "no/where")
    message = error_of_load()
    assert "COURSE_HUB=no/where is not a folder" in message.replace(os.sep, "/")
    assert str(tmp_path / "no" / "where") in message and "notebook" in message
    monkeypatch.setenv("COURSE_HUB", course_hub.name)
    assert len(data.load("mnist")["test"]) == 359


def test_what_course_hub_lacks_comes_from_the_hub(monkeypatch, tmp_path, hub):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "empty"))
    assert len(data.load("mnist")["test"]) == 359
    assert hub.requests


@pytest.mark.parametrize("yes", ["1", "true", "True", "TRUE", "yes", "Yes", "on", "ON"])
def test_offline_nothing_is_asked_of_the_hub(monkeypatch, tmp_path, hub, yes):
    monkeypatch.setenv("HF_HUB_OFFLINE", yes)
    message = error_of_load()
    assert "HF_HUB_OFFLINE is set" in message and "COURSE_HUB" in message
    assert "Unset HF_HUB_OFFLINE" in message and "later" not in message
    assert not hub.requests


@pytest.mark.parametrize("no", ["0", "false", "False", "no", "off", ""])
def test_online_the_hub_is_asked(monkeypatch, hub, no):
    monkeypatch.setenv("HF_HUB_OFFLINE", no)
    mnist = data.DATA_SETS["mnist"].repository
    assert data.hub.problem(mnist, patience=30) is None
    assert hub.requests


# The Hub


def test_download_is_announced_and_done_once(capsys, hub, tmp_path):
    data.load("mnist")
    size = sum((DIGITS / f"{split}.parquet").stat().st_size for split in NAMES) / 1e6
    said = f"Downloading {REPO} ({size:.1f} MB) from {hub.url} to {tmp_path / 'hf'}"
    printed, errors = capsys.readouterr()
    assert printed.startswith(said) and not errors
    asked = len(hub.requests)
    data.load("mnist")
    assert len(hub.requests) == asked
    assert not capsys.readouterr().out


def test_files_in_the_hub_s_own_cache_are_used(hub, tmp_path):
    cache = tmp_path / "hf" / "hub" / "datasets--ylecun--mnist"
    lay_out(cache / "snapshots" / "abc")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    assert len(data.load("mnist")["test"]) == 359
    assert not hub.requests


def test_damaged_download_says_which_file_to_delete(hub, tmp_path):
    data.load("mnist")
    path = next((tmp_path / "hf").rglob("train*.parquet"))
    cut(path)
    message = error_of_load()
    assert str(path) in message and "Delete that file" in message
    path.unlink()
    assert len(data.load("mnist")["train"]) == 1295


def test_unmodified_process_downloads_and_writes_no_second_cache(hub, tmp_path):
    code = (
        "import sys; from course_utils import data; d = data.load('mnist'); "
        "print(len(d['train']), 'torch' in sys.modules)"
    )

    def run(**variables):
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=session.ROOT,
            env={**os.environ, "HF_HOME": str(tmp_path / "home"), **variables},
        ).stdout.splitlines()

    assert run(COURSE_PROFILE="reduced")[-1] == "1295 False"
    assert not (tmp_path / "home").exists()
    assert run()[0].startswith("Downloading")
    hub.fault = 500
    assert run() == ["1295 False"]
    files = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    parquet = [path.name for path in files if path.suffix == ".parquet"]
    assert sorted(parquet) == sorted(Path(name).name for name in NAMES.values())
    others = {path.suffix for path in files if "prepared" in path.parts}
    assert len(files) - len(parquet) == 4 and others == {".arrow", ".lock"}
