"""The two drawn data sets: complete, as their cards say, and made again exactly."""

import hashlib
import importlib
import io
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Features
from PIL import Image, ImageFilter

from course_utils import session
from drawing import scene
from drawing.pen import Pen

DATA = session.ROOT / "data"
CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()


class Set(NamedTuple):
    """What a drawn data set has to be."""

    maker: str
    image: str  # column of the pictures
    label: str  # column whose classes are equally frequent
    columns: dict  # its other columns: names of the classes, None for any eight
    side: int
    rows: dict


SETS = {
    "drawn-cifar10": Set(
        "make_drawn_cifar10",
        "img",
        "label",
        {"label": CIFAR10},
        32,
        {"train": 1000, "test": 500},
    ),
    "drawn-pets": Set(
        "make_drawn_pets",
        "image",
        "breed",
        {"labels": ["cat", "dog"], "breed": None},
        96,
        {"train": 400, "test": 200},
    ),
}


@pytest.fixture(params=SETS)
def name(request):
    return request.param


@pytest.fixture
def maker(name):
    """Return the module that makes the set."""
    return importlib.import_module(f"drawing.{SETS[name].maker}")


def tables(name):
    """Return {split: Arrow table}."""
    return {s: pq.read_table(DATA / name / f"{s}.parquet") for s in SETS[name].rows}


def images(name, split):
    """Return the pictures of a split, as they are stored."""
    cells = tables(name)[split][SETS[name].image].to_pylist()
    return [Image.open(io.BytesIO(cell["bytes"])) for cell in cells]


def test_files_have_the_sums_that_sha256sums_tells(name):
    lines = (DATA / name / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    told = dict(reversed(line.split("  ")) for line in lines)
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (DATA / name).glob("*.parquet")
    }
    assert told == found and len(found) == 2


def test_columns_and_class_names_are_as_promised(name):
    for table in tables(name).values():
        features = Features.from_arrow_schema(table.schema)
        assert list(features) == [SETS[name].image, *SETS[name].columns]
        for column, names in SETS[name].columns.items():
            assert features[column].names == (names or features[column].names)
            assert len(set(features[column].names)) == len(names or range(8))


def test_rows_are_balanced_and_shuffled(name):
    for split, table in tables(name).items():
        assert len(table) == SETS[name].rows[split]
        for column in SETS[name].columns:
            labels = np.asarray(table[column])
            counts = np.bincount(labels)
            assert counts.min() == counts.max() and len(counts) > 1
            changes = np.count_nonzero(np.diff(labels))
            assert changes > 0.4 * len(labels)  # sorted rows change 9 times at most


def test_pictures_have_one_size_and_none_comes_twice(name):
    seen = set()
    for split in SETS[name].rows:
        for image in images(name, split):
            assert image.mode == "RGB" and image.size == (SETS[name].side,) * 2
            seen.add(image.tobytes())
    assert len(seen) == sum(SETS[name].rows.values())


def test_no_picture_is_nearly_black_or_white_or_even(name):
    for split in SETS[name].rows:
        pixels = np.stack([np.asarray(image) for image in images(name, split)])
        means = pixels.mean(axis=(1, 2, 3))
        assert 60 < means.min() and means.max() < 205
        assert pixels.std(axis=(1, 2, 3)).min() > 8


def test_generator_makes_the_bundled_pixels_again(name, maker):
    for split in SETS[name].rows:
        made = list(zip(maker.rows(split), images(name, split), strict=True))
        for (label, number), image in made[::10]:
            new = maker.picture(split, label, number)
            place = f"{split}: {label}, {number}"
            np.testing.assert_array_equal(np.asarray(new), np.asarray(image), place)


@pytest.mark.parametrize("number", range(3))
def test_mask_covers_what_the_subject_changes(name, maker, monkeypatch, number):
    # The same scene is painted without its subject. Its shadow and the change of
    # brightness, which are no part of the mask, are left out of both pictures.
    monkeypatch.setattr(scene, "MIN_DIFFERENCE", -1)  # so that both have one background
    monkeypatch.setattr(scene, "_cast_shadow", lambda canvas, layer, rng: canvas)
    monkeypatch.setattr(scene, "_expose", lambda picture, rng: picture)
    for label in range(len(maker.NAMES)):
        settings = maker.settings("train", label, number)
        full = np.asarray(scene.paint(**settings))
        bare = np.asarray(scene.paint(**settings | {"draw": unseen(settings["draw"])}))
        mask = scene.mask(**settings)
        blur = -(-3 * settings["side"] // scene.CANVAS)  # at most, in pixels
        near = np.asarray(mask.filter(ImageFilter.MaxFilter(2 * blur + 1)))
        changed = (bare != full).any(axis=-1)
        assert not changed[near == 0].any()
        assert changed[np.asarray(mask) == 255].mean() > 0.9  # colors may coincide


def unseen(draw):
    """Return a subject that takes the same random numbers and paints nothing."""

    def away(pen, rng):
        draw(Pen(pen.layer.copy(), pen.matrix), rng)

    return away


def test_masks_have_the_size_of_the_pictures_and_are_never_empty(name, maker):
    sizes = []
    for label, number in maker.rows("test")[::10]:
        mask = maker.mask("test", label, number)
        assert mask.mode == "L" and mask.size == (SETS[name].side,) * 2
        sizes.append(np.asarray(mask).mean() / 255)
    # Measured: from 0.11 to 0.60 of the picture.
    assert 0.03 < min(sizes) and max(sizes) < 0.9, (min(sizes), max(sizes))


def test_mask_leaves_out_what_stands_in_front(name, maker):
    settings = maker.settings("train", 0, 0)
    behind = np.asarray(scene.mask(**settings | {"hide": 1}), int)
    whole = np.asarray(scene.mask(**settings | {"hide": 0}), int)
    assert (behind <= whole).all() and behind.sum() < whole.sum()


def test_labels_tell_what_the_generator_draws(name, maker):
    for split, table in tables(name).items():
        stored = table[SETS[name].label].to_pylist()
        assert stored == [label for label, _ in maker.rows(split)]


def test_generator_leaves_no_half_written_file(name, maker, monkeypatch, tmp_path):
    monkeypatch.setattr(maker, "COUNTS", {"train": 2, "test": 1})
    maker.make(tmp_path)
    made = {file.name for file in tmp_path.iterdir()}
    assert made == {"SHA256SUMS", f"{name}.png", "test.parquet", "train.parquet"}
    assert len(pq.read_table(tmp_path / "test.parquet")) == len(maker.NAMES)


def test_card_tells_the_true_numbers(name):
    card = (DATA / name / "README.md").read_text(encoding="utf-8")
    rows = SETS[name].rows.values()
    for number in (sum(rows), *rows):
        assert f"{number:,}" in card
    assert "CC BY 4.0" in card and f"drawing.{SETS[name].maker}`" in card


def test_both_sets_together_stay_below_six_megabytes():
    files = [file for name in SETS for file in (DATA / name).iterdir()]
    assert {file.parent.name for file in files} == set(SETS)
    assert sum(file.stat().st_size for file in files) < 6_000_000
