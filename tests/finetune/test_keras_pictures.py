"""Pictures for a ViT in Keras: those of transformers, in order, and augmented.

Tests that compare with PyTorch need it; the rest must pass without.
"""

import json

import datasets
import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features
from keras_checkpoints import pictures, write_checkpoint
from PIL import Image

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from course_utils.data.pictures import upright  # noqa: E402
from course_utils.finetune.keras import (  # noqa: E402
    Processor,
    augmentation,
    batches,
    load_processor,
)
from course_utils.training.keras import SeededEpochs  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def processor(folder):
    return load_processor(folder)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK"])
@pytest.mark.parametrize("size", [(31, 17), (1, 5), (16, 16), (301, 64)])
def test_processor_gives_the_numbers_of_transformers(folder, processor, mode, size):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    theirs = transformers.ViTImageProcessorPil.from_pretrained(folder)
    noise = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), "uint8")
    picture = Image.fromarray(noise).convert(mode)
    wanted = theirs([picture.convert("RGB")], return_tensors="np")["pixel_values"]
    found = processor([picture]).numpy().transpose(0, 3, 1, 2)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_checkpoint_for_gray_pictures_gets_one_channel(tmp_path, mode):
    gray = {"image_mean": [0.1], "image_std": [0.3], "size": 16, "resample": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(gray))
    noise = np.random.default_rng(0).integers(0, 256, (30, 20, 3), "uint8")
    picture, recipe = Image.fromarray(noise).convert(mode), load_processor(tmp_path)
    wanted = np.asarray(picture.convert("L").resize((16, 16), 2), np.float32)
    wanted = (wanted[None, ..., None] / 255 - 0.1) / 0.3
    np.testing.assert_allclose(recipe([picture]), wanted, rtol=0, atol=1e-6)
    kinds = {"image": datasets.Image(), "label": ClassLabel(names=["a", "b"])}
    columns = {"image": [picture] * 2, "label": [0, 1]}
    rows = Dataset.from_dict(columns, features=Features(kinds))
    ((images, _),) = batches(rows, recipe, 2)
    np.testing.assert_allclose(images, np.repeat(wanted, 2, 0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("resample", [0, 2, 3])
def test_processor_obeys_mean_spread_and_resample(resample):
    picture = Image.fromarray(
        np.random.default_rng(1).integers(0, 256, (9, 14, 3), "uint8")
    )
    recipe = Processor(8, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), resample)
    resized = np.asarray(picture.resize((8, 8), resample)) / 255
    wanted = (resized - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]
    np.testing.assert_allclose(recipe([picture])[0], wanted, atol=1e-6)


def test_processor_reads_pictures_as_upright_does(processor):
    scan = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160)
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    found = processor([scan, clear]).numpy()
    np.testing.assert_array_equal(found, processor([upright(scan), upright(clear)]))
    assert found[0].std() > 0.3 and found[1].min() > 0.9  # grays, and white


# --- Recipes in a file -----------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "size"), [({}, 224), ({"size": 48}, 48)], ids=["nothing", "old form"]
)
def test_old_and_short_processor_files_are_read(tmp_path, entry, size):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(entry))
    assert load_processor(tmp_path) == Processor(size, (0.5,) * 3, (0.5,) * 3, 2)


HALF = (0.5,) * 3


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({"resample": "bicubic"}, {"resample": 3}),
        ({"resample": "NEAREST"}, {"resample": 0}),
        ({"resample": "PILImageResampling.LANCZOS"}, {"resample": 1}),
        ({"resample": 3.0}, {"resample": 3}),
        (
            {"image_mean": 0.4, "image_std": 0.2},
            {"mean": (0.4,) * 3, "std": (0.2,) * 3},
        ),
        ({"image_mean": 0, "image_std": 1}, {"mean": (0.0,) * 3, "std": (1.0,) * 3}),
        ({"size": [16, 16]}, {}),
    ],
)
def test_processor_settings_that_transformers_takes_are_taken(entry, wanted, tmp_path):
    path, some = tmp_path / "preprocessor_config.json", {"size": 16, "resample": 2}
    some |= {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    path.write_text(json.dumps(some | entry))
    recipe = load_processor(tmp_path)
    assert recipe == Processor(**({"size": 16, "mean": HALF, "std": HALF} | wanted))
    pytest.importorskip("torch")
    from course_utils.finetune import torch as finetune

    noise = np.random.default_rng(0).integers(0, 256, (30, 20, 3), "uint8")
    picture = Image.fromarray(noise)
    theirs = finetune.load_processor(str(tmp_path))
    found = theirs([picture], return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(
        found.transpose(1, 2, 0), recipe([picture])[0], atol=1e-5
    )


@pytest.mark.parametrize("mean", [[0.5, 0.5], "0.5", {"red": 0.5}])
def test_mean_of_no_channels_is_refused(mean, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"image_mean": mean}))
    with pytest.raises(ValueError, match="has image_mean=.* one number or three"):
        load_processor(tmp_path)


def test_unknown_way_of_resizing_is_refused_by_both_twins(tmp_path):
    entry = {"size": 16, "image_mean": 0.5, "image_std": 0.5, "resample": "sinc"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(entry))
    with pytest.raises(ValueError, match="'sinc', which is no way .* nearest, "):
        load_processor(tmp_path)
    pytest.importorskip("torch")
    from course_utils.finetune import torch as finetune

    with pytest.raises(ValueError, match="'sinc', which is no way"):
        finetune.load_processor(str(tmp_path))


@pytest.mark.parametrize(
    "entry",
    [
        {"do_normalize": False},
        {"do_center_crop": True},
        {"rescale_factor": 1.0},
        {"size": {"shortest_edge": 224}},
        {"size": {"height": 224, "width": 112}},
    ],
)
def test_processor_with_other_steps_is_refused(tmp_path, entry):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(entry))
    with pytest.raises(ValueError, match="other steps"):
        load_processor(tmp_path)


def test_missing_processor_is_told_with_the_way_out(tmp_path):
    with pytest.raises(ValueError, match="cannot be read .* or make a Processor"):
        load_processor(tmp_path)


# --- Batches ---------------------------------------------------------------------


def test_batches_are_what_the_processor_makes(processor, some):
    found = list(batches(some, processor, 8))
    assert [len(labels) for _, labels in found] == [8, 8, 8, 6]
    images, labels = found[1]
    assert images.dtype == tf.float32 and labels.dtype == tf.int64
    assert labels.numpy().tolist() == some["label"][8:16]
    np.testing.assert_array_equal(images, processor(some[8:16]["image"]))


def order(pipeline):
    """Which picture stands where: the mean of each names it."""
    return [round(float(v), 6) for x, _ in pipeline for v in np.mean(x, (1, 2, 3))]


def test_a_seed_shuffles_anew_in_every_epoch(processor, some):
    rows = order(batches(some, processor, 8))
    pipeline = batches(some, processor, 8, shuffle=True, seed=3)
    first, second = order(pipeline), order(pipeline)
    assert sorted(first) == sorted(second) == sorted(rows)
    assert len({tuple(x) for x in (rows, first, second)}) == 3
    assert order(batches(some, processor, 8, shuffle=True, seed=3)) == first
    assert order(batches(some, processor, 8, shuffle=True, seed=4)) != first


@pytest.mark.parametrize("seed", [0, 3, SeededEpochs(0)])
def test_false_does_not_shuffle_whatever_the_seed(processor, some, seed):
    rows = order(batches(some, processor, 8))
    pipeline = batches(some, processor, 8, shuffle=False, seed=seed)
    assert order(pipeline) == order(pipeline) == rows
    shuffled = order(batches(some, processor, 8, shuffle=True, seed=seed))
    assert shuffled != rows and sorted(shuffled) == sorted(rows)


def test_exact_order_depends_on_seed_and_epoch_alone(processor, some):
    epochs = SeededEpochs(3)
    pipeline = batches(some, processor, 8, shuffle=True, seed=epochs)
    first = order(pipeline)
    assert order(pipeline) == first
    epochs.epoch.assign(1)
    assert order(pipeline) != first
    epochs.epoch.assign(0)
    assert order(pipeline) == first


def test_batches_refuse_a_label_without_a_class(processor, some):
    plain = some.cast(Features({**some.features, "label": ClassLabel(num_classes=3)}))
    kinds = plain.features.copy()
    loose = plain.remove_columns("label").add_column("label", [-1] * 30)
    with pytest.raises(
        ValueError, match="0 is -1, but classes are whole numbers, 0 and"
    ):
        batches(loose, processor, 8)
    kinds["label"] = ClassLabel(num_classes=2)
    few = Dataset(plain.data, info=plain.info.copy())
    few.info.features = kinds
    with pytest.raises(
        ValueError, match="2 is 2, but classes are whole numbers, 0 to 1"
    ):
        batches(few, processor, 8)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat"] * 30, "row 0 is 'cat', but classes are whole numbers"),
        ([0] * 29 + [None], "the label of row 29 is None, but classes are whole"),
        ([0] * 29 + [-100], "row 29 is -100, but classes are whole numbers"),
        ([0.0] * 30, "row 0 is 0.0, but classes are whole numbers"),
    ],
)
def test_batches_refuse_labels_that_are_no_numbers_of_classes(
    processor, some, labels, said
):
    rows = some.remove_columns("label").add_column("label", labels)
    with pytest.raises(ValueError, match=said):
        batches(rows, processor, 8)


# --- Augmentation ----------------------------------------------------------------


def test_augmentation_mirrors_half_zooms_in_and_tints():
    layers = augmentation()
    for layer in layers.layers:
        layer.generator.state.assign([3, 0])
    half = np.full((400, 40, 40, 3), -0.5, "float32")
    half[:, :, :20] = 0.5  # the left half is lighter
    made = np.asarray(layers(half, training=True))[:, 20, :, 0]
    left_is_light = made[:, 0] > made[:, -1]
    assert 0.4 < left_is_light.mean() < 0.6
    middle = (made.max(1) + made.min(1)) / 2
    light = (made > middle[:, None]).mean(1)
    assert 0.36 <= light.min() and light.max() <= 0.64  # moved by 5 % and a pixel
    contrast = made.max(1) - made.min(1)
    assert 0.69 <= contrast.min() < 0.8 and 1.2 < contrast.max() <= 1.31
    assert -0.35 <= middle.min() < -0.2 and 0.2 < middle.max() <= 0.35


def test_augmentation_keeps_the_range_and_is_off_outside_of_training():
    x = pictures(50)
    made = np.asarray(augmentation()(x, training=True))
    assert -1 <= made.min() < -0.9 and 0.9 < made.max() <= 1
    assert abs(made.mean() - x.mean()) < 0.1  # nothing below 0 was cut off
    np.testing.assert_array_equal(augmentation()(x, training=False), x)


def test_augmentation_zooms_in_only():
    white = np.full((200, 40, 40, 3), -0.5, "float32")
    white[:, 10:30, 10:30] = 0.5
    zoom = keras.Sequential(augmentation().layers[1:2])
    made = np.asarray(zoom(white, training=True))[..., 0]
    sides = (made[:, 20] > 0).sum(1)
    assert 20 <= sides.min() <= 21 and 24 <= sides.max() <= 25  # 20 / 0.8
