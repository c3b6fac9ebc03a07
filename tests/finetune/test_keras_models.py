"""A checkpoint in KerasHub: loaded whole or refused, frozen in part, read out."""

import json

import numpy as np
import pytest
from keras_checkpoints import LOSS, pictures, same_weights, write_checkpoint
from tinted import NAMES

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from safetensors.numpy import load_file, save_file  # noqa: E402

from course_utils.finetune.keras import (  # noqa: E402
    batches,
    freeze,
    load_backbone,
    load_processor,
    pretrained,
    scratch,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def processor(folder):
    return load_processor(folder)


@pytest.fixture(scope="module")
def one_block(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("small"), blocks=1)


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
        (
            {"image_size": 20},
            "image_size 20, which is not a multiple of its patch_size 8",
        ),
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
    three = batches(some.select(range(3)), processor, 3).map(lambda images, _: images)
    found, wanted = (
        keras.Model(one.input, one.backbone.output[:, 0]).predict(three, verbose=0)
        for one in (models[0], exact)
    )
    np.testing.assert_allclose(np.float32(found), wanted, rtol=0, atol=0.1)
    model = models[0]
    model.compile(keras.optimizers.AdamW(1e-3), LOSS, run_eagerly=True)
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


# --- What learns -----------------------------------------------------------------


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


def test_freeze_undoes_freezing_inside_of_what_was_thawed(one_block):
    model = pretrained(one_block, NAMES)
    everything = len(model.trainable_variables)
    encoder = model.backbone.get_layer("vit_encoder")
    encoder.trainable = False
    encoder.encoder_layers[0].trainable = True
    encoder.encoder_layers[0].mha.trainable = False
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
