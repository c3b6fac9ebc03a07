"""Fine-tuning in Keras: pictures and steps as in PyTorch; kills change nothing.

Tests that compare with PyTorch need it; the rest must pass without.
"""

import builtins
import json
import re
from pathlib import Path

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features
from notebook_checks import read
from PIL import Image
from tinted import NAMES, tinted

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import keras_hub  # noqa: E402
import tensorflow as tf  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

from course_utils.convert import keras as convert_keras  # noqa: E402
from course_utils.data.pictures import upright  # noqa: E402
from course_utils.finetune import keras as finetune_keras  # noqa: E402
from course_utils.finetune.keras import (  # noqa: E402
    LayerwiseAdamW,
    Processor,
    augmentation,
    batches,
    features,
    freeze,
    load_backbone,
    load_processor,
    pretrained,
    scratch,
)
from course_utils.training.keras import SeededEpochs  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks/09_finetune_cifar10_tensorflow.ipynb"
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def write_checkpoint(folder, blocks=2):
    """A random ViT for pictures of 16 pixels, with dropout and five classes."""
    keras.utils.set_random_seed(7)
    backbone = keras_hub.models.ViTBackbone(
        (16, 16, 3), 8, blocks, 2, 16, 24, dropout_rate=0.1, layer_norm_epsilon=1e-3
    )
    classifier = keras_hub.models.ViTImageClassifier(backbone, 5)
    processor = folder / "processor"
    processor.mkdir(parents=True)
    recipe = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 16, "width": 16},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
    }
    (processor / "preprocessor_config.json").write_text(json.dumps(recipe))
    convert_keras.write_checkpoint(
        folder / "model", classifier, dict(enumerate("abcde")), processor
    )
    return folder / "model"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def one_block(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("small"), blocks=1)


@pytest.fixture(scope="module")
def processor(folder):
    return load_processor(folder)


@pytest.fixture(scope="module")
def some():
    return tinted(30, seed=0)


def pictures(count=4, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, 16, 16, 3)).astype("float32")


def same_weights(first, second):
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


# --- Pictures ---------------------------------------------------------------------


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


@pytest.mark.parametrize("resample", [0, 2, 3])
def test_processor_obeys_mean_spread_and_resample(resample):
    picture = Image.fromarray(
        np.random.default_rng(1).integers(0, 256, (9, 14, 3), "uint8")
    )
    recipe = Processor(8, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), resample)
    resized = np.asarray(picture.resize((8, 8), resample)) / 255
    wanted = (resized - [0.4, 0.5, 0.6]) / [0.2, 0.3, 0.4]
    np.testing.assert_allclose(recipe([picture])[0], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("entry", "size"), [({}, 224), ({"size": 48}, 48)], ids=["nothing", "old form"]
)
def test_old_and_short_processor_files_are_read(tmp_path, entry, size):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(entry))
    assert load_processor(tmp_path) == Processor(size, (0.5,) * 3, (0.5,) * 3, 2)


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


HALF = (0.5,) * 3


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


@pytest.mark.parametrize("shuffle", [0, 3, None, "yes", SeededEpochs(0)])
def test_seed_in_the_place_of_shuffle_is_refused(processor, some, shuffle):
    with pytest.raises(TypeError, match=r"True or False, not .*shuffle=True, seed=3"):
        batches(some, processor, 8, shuffle=shuffle)


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
    with pytest.raises(ValueError, match="0 is -1, but classes are numbered 0 and"):
        batches(loose, processor, 8)
    kinds["label"] = ClassLabel(num_classes=2)
    few = Dataset(plain.data, info=plain.info.copy())
    few.info.features = kinds
    with pytest.raises(ValueError, match="2 is 2, but classes are numbered 0 to 1"):
        batches(few, processor, 8)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat"] * 30, "row 0 is 'cat', but classes are whole numbers"),
        ([0] * 29 + [None], "the label of row 29 is missing"),
        ([0] * 29 + [-100], "row 29 is -100, but classes are numbered"),
        ([0.0] * 30, "row 0 is 0.0, but classes are whole numbers"),
    ],
)
def test_batches_refuse_labels_that_are_no_numbers_of_classes(
    processor, some, labels, said
):
    rows = some.remove_columns("label").add_column("label", labels)
    with pytest.raises(ValueError, match=said):
        batches(rows, processor, 8)


def test_processor_reads_pictures_as_upright_does(processor):
    scan = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160)
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    found = processor([scan, clear]).numpy()
    np.testing.assert_array_equal(found, processor([upright(scan), upright(clear)]))
    assert found[0].std() > 0.3 and found[1].min() > 0.9  # grays, and white


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


# --- Models -----------------------------------------------------------------------


def test_backbone_gets_the_epsilon_of_the_checkpoint(folder):
    assert load_backbone(folder).layer_norm_epsilon == 1e-3


def test_backbone_saved_alone_is_read(folder, tmp_path):
    weights = load_file(folder / "model.safetensors")
    body = {
        name.removeprefix("vit."): weight
        for name, weight in weights.items()
        if name.startswith("vit.")
    }
    body["pooler.dense.weight"] = np.zeros((16, 16), "float32")
    save_file(body, tmp_path / "model.safetensors", {"format": "pt"})
    (tmp_path / "config.json").write_text((folder / "config.json").read_text())
    assert same_weights(load_backbone(tmp_path), load_backbone(folder))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "resnet"}, "'resnet', not 'vit', and its weights .*; choose"),
        ({"image_size": 20}, "image_size 20, no multiple of its patch_size 8"),
    ],
)
def test_unfit_checkpoints_are_refused_in_one_sentence(
    folder, tmp_path, change, message
):
    config = json.loads((folder / "config.json").read_text()) | change
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "model.safetensors").write_bytes(
        (folder / "model.safetensors").read_bytes()
    )
    with pytest.raises(ValueError, match=message):
        pretrained(tmp_path, NAMES)


def test_pretrained_keeps_the_backbone_has_a_new_head_and_no_preprocessor(folder):
    keras.utils.set_random_seed(0)
    model = pretrained(folder, NAMES)
    assert same_weights(model.backbone, load_backbone(folder))
    assert model.preprocessor is None
    assert model(pictures()).shape == (4, 3)
    spread = float(np.std(model.output_dense.kernel))
    assert 0.01 < spread < 0.03  # initializer_range is 0.02


@pytest.fixture
def policy():
    """Set Keras's policy for a test."""
    before = keras.mixed_precision.dtype_policy()
    yield keras.mixed_precision.set_dtype_policy
    keras.mixed_precision.set_dtype_policy(before)


@pytest.mark.parametrize("name", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("how", ["policy", "argument"])
def test_mixed_precision_reaches_the_model(folder, processor, some, policy, name, how):
    exact = pretrained(folder, NAMES)
    if how == "policy":
        policy(name)
        models = [pretrained(folder, NAMES), scratch(folder, NAMES)]
    else:
        models = [make(folder, NAMES, dtype=name) for make in (pretrained, scratch)]
    for model in models:
        layer = model.backbone.get_layer("vit_encoder").encoder_layers[0].mha
        assert layer.compute_dtype == name.removeprefix("mixed_")
        assert {str(weight.dtype) for weight in model.trainable_weights} == {"float32"}
    assert same_weights(models[0].backbone, exact.backbone)
    found, _ = features(models[0], some.select(range(3)), processor)
    assert found.dtype == np.float32
    wanted, _ = features(exact, some.select(range(3)), processor)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=0.1)
    model = models[0]
    model.compile(LayerwiseAdamW(1e-3, 0.5, 2), LOSS, run_eagerly=True)
    before = model.output_dense.kernel.numpy()
    loss = model.train_on_batch(pictures(), np.arange(4) % 3)
    assert np.isfinite(loss).all()
    assert (before != model.output_dense.kernel.numpy()).any()


def test_a_model_can_be_float32_under_another_policy(folder, policy):
    policy("mixed_bfloat16")
    model = pretrained(folder, NAMES, dtype="float32")
    assert model(pictures()).dtype == tf.float32
    assert load_backbone(folder, dtype="float32")(pictures()).dtype == tf.float32


def test_pretrained_gives_the_logits_of_transformers(folder):
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    theirs = transformers.ViTForImageClassification.from_pretrained(folder).eval()
    model = pretrained(folder, NAMES)
    stored = load_file(folder / "model.safetensors")
    head = keras.layers.Dense(5)
    head.build((None, 16))
    head.set_weights([stored["classifier.weight"].T, stored["classifier.bias"]])
    with torch.no_grad():
        x = torch.from_numpy(pictures().transpose(0, 3, 1, 2))
        wanted = theirs(x).logits.numpy()
    found = head(model.backbone(pictures())[:, 0])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_scratch_has_the_same_form_and_other_weights(folder):
    keras.utils.set_random_seed(0)
    model = scratch(folder, NAMES)
    other = pretrained(folder, NAMES)
    assert [w.shape for w in model.weights] == [w.shape for w in other.weights]
    for new, old in zip(model.weights, other.weights, strict=True):
        kind = new.path.rpartition("/")[2]
        if kind in ("gamma", "beta", "bias"):
            assert set(np.unique(new)) == {1.0 if kind == "gamma" else 0.0}
        elif new.path not in [w.path for w in model.non_trainable_weights]:
            assert not np.array_equal(new, old), new.path
            assert 0.01 < np.std(new) < 0.03, new.path


@pytest.mark.parametrize("names", [["cat"], ["cat", "cat"]])
def test_class_names_must_differ(folder, names):
    with pytest.raises(ValueError, match="two or more different class names"):
        pretrained(folder, names)


def after_one_step(model):
    """Return the names of the variables that a step of training changed."""
    before = {w.path: np.array(w) for w in model.weights}
    model.compile(keras.optimizers.Adam(0.01), LOSS, run_eagerly=True)
    model.train_on_batch(pictures(), np.arange(4) % 3)
    return {w.path for w in model.weights if not np.array_equal(w, before[w.path])}


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_freeze_holds_embeddings_and_first_blocks_and_nothing_else(folder, blocks):
    model = pretrained(folder, NAMES)
    freeze(model, blocks)
    learned = after_one_step(model)
    low = [f"former_block_{i + 1}/" for i in range(blocks)]
    low += ["vit_patching_and_embedding/"] if blocks else []
    for weight in model.weights:
        if "position_ids" in weight.path:
            continue
        frozen = any(part in weight.path for part in low)
        assert (weight.path in learned) != frozen, weight.path
    freeze(model, 0)
    assert len(model.trainable_variables) == len(
        pretrained(folder, NAMES).trainable_variables
    )


@pytest.mark.parametrize(
    "part",
    [
        lambda model: model.backbone,
        lambda model: model.backbone.get_layer("vit_encoder"),
        lambda model: model.backbone.get_layer("vit_encoder").layer_norm,
        lambda model: model.backbone.get_layer("vit_encoder").encoder_layers[0].mha,
        lambda model: model.output_dense,
    ],
    ids=["backbone", "encoder", "last norm", "attention", "head"],
)
def test_freeze_undoes_what_was_frozen_before(one_block, part):
    model = pretrained(one_block, NAMES)
    everything = len(model.trainable_variables)
    part(model).trainable = False
    assert len(model.trainable_variables) < everything
    freeze(model, 0)
    assert len(model.trainable_variables) == everything


def test_freeze_refuses_more_blocks_than_there_are(folder):
    with pytest.raises(ValueError, match="0 to 2, not 3"):
        freeze(pretrained(folder, NAMES), 3)


def test_a_reloaded_file_needs_freezing_again_and_takes_it(folder, tmp_path):
    model = pretrained(folder, NAMES)
    freeze(model, 1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    x = pictures()
    np.testing.assert_array_equal(again(x), model(x))
    freeze(again, 1)
    flags = [w.trainable for w in model.weights]
    assert [w.trainable for w in again.weights] == flags and not all(flags)


def test_features_are_what_the_head_reads(folder, processor, some):
    model = pretrained(folder, NAMES)
    found, labels = features(model, some, processor, batch_size=7)
    assert found.shape == (30, 16) and found.dtype == np.float32
    assert labels.tolist() == list(some["label"])
    logits = found @ np.array(model.output_dense.kernel)
    wanted = model.predict(batches(some, processor, 30), verbose=0)
    np.testing.assert_allclose(logits, wanted, atol=1e-5)


# --- The optimizer ----------------------------------------------------------------


def test_layerwise_adamw_makes_the_steps_of_torch(folder, tmp_path):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from course_utils.finetune.torch import layerwise_adamw

    def theirs(name):
        convert_keras.write_checkpoint(tmp_path / name, named[name])
        cls = transformers.ViTForImageClassification
        return cls.from_pretrained(tmp_path / name)

    named = {"start": pretrained(folder, NAMES)}
    model, twin = named["start"], theirs("start")
    optimizer = LayerwiseAdamW(0.01, 0.5, 2, weight_decay=0.1)
    reference = layerwise_adamw(twin, 0.01, 0.5, weight_decay=0.1)
    for step in range(5):
        # The weights of these models serve as gradients, the same in both layouts.
        named[f"{step}"] = given = scratch(folder, NAMES)
        for i, weight in enumerate(given.trainable_variables):
            weight.assign(keras.random.normal(weight.shape, 0, 10.0 ** -(i % 6)))
        for p, g in zip(twin.parameters(), theirs(f"{step}").parameters(), strict=True):
            p.grad = g.detach().clone()
        reference.step()
        pairs = zip(given.trainable_variables, model.trainable_variables, strict=True)
        optimizer.apply_gradients([(g.value, w) for g, w in pairs])
    twin.save_pretrained(tmp_path / "end")
    _, wanted = convert_keras.read_checkpoint(tmp_path / "end")
    found = convert_keras.weights_of(model)
    assert found.keys() == wanted.keys()
    for name in found:
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-6)


def one_weight_after(gradients, optimizer):
    weight = keras.Variable(np.zeros(3, "float32"))
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient), weight)])
    return np.array(weight)


def test_scaled_gradients_change_nothing_but_a_scaled_step_does():
    random = np.random.default_rng(0)
    gradients = random.normal(size=(5, 3)).astype("float32")
    plain = one_weight_after(gradients, keras.optimizers.Adam(0.01))
    scaled = one_weight_after(0.1 * gradients, keras.optimizers.Adam(0.01))
    np.testing.assert_allclose(scaled, plain, rtol=1e-3)
    optimizer = LayerwiseAdamW(0.01, 0.1, 2, weight_decay=0.0)
    optimizer.factor = lambda path: 0.1  # as if it were the last block's
    slow = one_weight_after(gradients, optimizer)
    np.testing.assert_allclose(slow, 0.1 * plain, rtol=1e-3)


def test_rates_fall_from_head_to_embeddings_whatever_is_frozen(folder):
    model = pretrained(folder, NAMES)
    optimizer = LayerwiseAdamW(1.0, 0.5, 2)
    wanted = {"vit_patching_and_embedding/": 1 / 8}
    wanted |= {"former_block_1/": 1 / 4, "former_block_2/": 1 / 2}
    found = set()
    for weight in model.trainable_variables:
        part = [p for p in wanted if p in weight.path]
        found.update(part)
        assert optimizer.factor(weight.path) == (wanted[part[0]] if part else 1.0)
    assert found == set(wanted)
    assert optimizer.factor("vit_encoder/tranformer_block_2/mlp/kernel") == 1 / 2
    freeze(model, 1)
    optimizer.build(model.trainable_variables)
    assert set(optimizer.factors) == {1 / 2, 1.0}


@pytest.mark.parametrize("depth", [{}, {"depth": 1}])
def test_depth_below_the_number_of_blocks_is_refused(folder, depth):
    model = pretrained(folder, NAMES)
    model.compile(LayerwiseAdamW(0.01, 0.5, **depth), LOSS, run_eagerly=True)
    before = [np.array(weight) for weight in model.weights]
    with pytest.raises(ValueError, match=r"made for depth=[01], .* rise; give"):
        model.train_on_batch(pictures(), np.arange(4) % 3)
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight, value)


def test_one_rate_for_all_needs_no_depth(folder):
    optimizer = LayerwiseAdamW(0.01)
    optimizer.build(pretrained(folder, NAMES).trainable_variables)
    assert set(optimizer.factors) == {1.0}


def test_layerwise_adamw_survives_a_keras_file(folder, tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, name="transformer_block_1")])
    model.compile(LayerwiseAdamW(0.01, 0.3, 4, 0.2, epsilon=1e-6), "mse")
    x = np.ones((4, 3), "float32")
    model.fit(x, x[:, :2], verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras").optimizer
    assert again.get_config() == model.optimizer.get_config()
    assert int(again.iterations) == 1
    np.testing.assert_array_equal(again.squares[0], model.optimizer.squares[0])


# --- Older tutorials --------------------------------------------------------------


def older_lines():
    """Rows of notebook 09's table: the old line, the error's name or None, the new."""
    (cell,) = [c for c in read(NOTEBOOK).prose if "## If you followed" in c.source]
    rows = [line.strip("|").split(" | ") for line in cell.source.splitlines()]
    for row in (row for row in rows if len(row) == 3 and "`" in row[0]):
        old, today, new = [re.findall(r"`([^`]+)`", part) for part in row]
        yield old[0], next((x for x in today if x.endswith("Error")), None), new[0]


@pytest.mark.parametrize(("old", "error", "new"), list(older_lines()))
def test_an_older_line_does_what_the_notebook_says(
    folder, processor, some, tmp_path, monkeypatch, old, error, new
):
    monkeypatch.chdir(tmp_path)

    def to_floats(row):
        return {"x": processor([row["image"]])[0].numpy()}

    known = {
        **{"folder": folder, "names": NAMES, "train": some, "processor": processor},
        **{"model": None, "to_floats": to_floats, "keras": keras},
        **{"labels": np.arange(3), "logits": -2 * np.eye(3, dtype="float32")},
        **{"id2label": dict(enumerate(NAMES)), "finetune_keras": finetune_keras},
        **{"batches": batches, "LayerwiseAdamW": LayerwiseAdamW},
        "write_checkpoint": convert_keras.write_checkpoint,
    }
    if "model" in old or "model," in new:
        known["model"] = pretrained(folder, NAMES)
    if "load_model" in old:
        pretrained(folder, NAMES).export("folder", verbose=False)
    if error:
        with pytest.raises(getattr(builtins, error)):
            exec(old, known)
    else:
        exec(old, known)
    if old in SAME_NUMBERS:
        SAME_NUMBERS[old](known, new)
    else:
        exec(new, known)


PICTURES = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype("float32")


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def tokens_of_the_checkpoint(known, new):
    """The backbone is the checkpoint's, whatever the head."""
    found = eval(new, known)
    backbone = getattr(found, "backbone", found)
    head = load_file(Path(known["folder"]) / "model.safetensors")
    logits = backbone(PICTURES)[:, 0] @ head["classifier.weight"].T
    wanted = convert_keras.to_keras(known["folder"])(PICTURES)
    close(logits + head["classifier.bias"], wanted)


def logits_of_the_checkpoint_written(known, new):
    exec(new, known)
    close(convert_keras.to_keras("new")(PICTURES), known["model"](PICTURES))


def logits_of_the_weights_saved(known, new):
    exec(new, known)
    other = scratch(known["folder"], NAMES)
    other.load_weights("model.weights.h5")
    close(other(PICTURES), known["model"](PICTURES))


def logits_of_the_model_exported(known, new):
    exec(new, known)
    layer = keras.layers.TFSMLayer("folder", call_endpoint="serve")
    close(layer(PICTURES), known["model"](PICTURES))


def logits_of_the_model_loaded(known, new):
    known["model"].export("folder", verbose=False)
    close(eval(new, known)(PICTURES), known["model"](PICTURES))


SAME_NUMBERS = {
    "from transformers import TFViTForImageClassification": tokens_of_the_checkpoint,
    "from transformers import TFViTModel": tokens_of_the_checkpoint,
    'model.save_pretrained("folder")': logits_of_the_checkpoint_written,
    'model.save_weights("model.h5")': logits_of_the_weights_saved,
    'model.save("folder")': logits_of_the_model_exported,
    'keras.models.load_model("folder")': logits_of_the_model_loaded,
}


def test_lines_that_save_or_load_stand_in_the_table():
    assert SAME_NUMBERS.keys() <= {old for old, _, _ in older_lines()}
