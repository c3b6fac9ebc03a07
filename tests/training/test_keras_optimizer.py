"""Rates by layer in Keras: the steps of PyTorch's AdamW, each scaled by its depth."""

import numpy as np
import pytest
from keras_checkpoints import write_checkpoint
from tinted import NAMES

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

from course_utils.convert import keras as convert_keras  # noqa: E402
from course_utils.finetune.keras import (  # noqa: E402
    freeze,
    layerwise_adamw,
    pretrained,
    scratch,
)
from course_utils.training.keras import LayerwiseAdamW, block_of  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


def test_layerwise_adamw_makes_the_steps_of_torch(folder, tmp_path):
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    from course_utils.finetune.torch import layerwise_adamw as torch_adamw

    def theirs(name):
        convert_keras.to_hf(named[name], tmp_path / name)
        cls = transformers.ViTForImageClassification
        return cls.from_pretrained(tmp_path / name)

    named = {"start": pretrained(folder, NAMES)}
    model, twin = named["start"], theirs("start")
    optimizer = layerwise_adamw(model, 0.01, 0.5, weight_decay=0.1)
    reference = torch_adamw(twin, 0.01, 0.5, weight_decay=0.1)
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


def one_weight_after(gradients, optimizer, factor=1.0):
    weight = keras.Variable(np.zeros(3, "float32"))
    optimizer.build([weight])
    optimizer.factors = [factor]
    for gradient in gradients:
        optimizer.apply_gradients([(tf.constant(gradient), weight)])
    return np.array(weight)


def test_scaled_gradients_change_nothing_but_a_scaled_step_does():
    random = np.random.default_rng(0)
    gradients = random.normal(size=(5, 3)).astype("float32")
    plain = one_weight_after(gradients, keras.optimizers.Adam(0.01))
    scaled = one_weight_after(0.1 * gradients, keras.optimizers.Adam(0.01))
    np.testing.assert_allclose(scaled, plain, rtol=1e-3)
    optimizer = LayerwiseAdamW(0.01, weight_decay=0.0)
    slow = one_weight_after(gradients, optimizer, factor=0.1)
    np.testing.assert_allclose(slow, 0.1 * plain, rtol=1e-3)


def test_rates_fall_from_head_to_embeddings_whatever_is_frozen(folder):
    model = pretrained(folder, NAMES)
    optimizer = LayerwiseAdamW(1.0, 0.5)
    optimizer.build(model.trainable_variables)
    wanted = {"vit_patching_and_embedding/": 1 / 8}
    wanted |= {"former_block_1/": 1 / 4, "former_block_2/": 1 / 2}
    found = set()
    for weight, factor in zip(
        model.trainable_variables, optimizer.factors, strict=True
    ):
        part = [p for p in wanted if p in weight.path]
        found.update(part)
        assert factor == (wanted[part[0]] if part else 1.0)
    assert found == set(wanted)
    freeze(model, 1)
    optimizer = LayerwiseAdamW(1.0, 0.5)
    optimizer.build(model.trainable_variables)
    assert set(optimizer.factors) == {1 / 2, 1.0}


def test_number_of_a_block_is_read_however_keras_hub_spells_it():
    for name in ("transformer", "tranformer"):
        assert block_of(f"vit_encoder/{name}_block_2/mlp/kernel") == 2
    assert block_of("vit_encoder/layer_norm/gamma") == 0


def test_one_rate_for_all_is_the_default(folder):
    optimizer = LayerwiseAdamW(0.01)
    optimizer.build(pretrained(folder, NAMES).trainable_variables)
    assert set(optimizer.factors) == {1.0}


def test_layerwise_adamw_survives_a_keras_file(folder, tmp_path):
    model = keras.Sequential([keras.layers.Dense(2, name="transformer_block_1")])
    model.compile(LayerwiseAdamW(0.01, 0.3, 0.2, epsilon=1e-6), "mse")
    x = np.ones((4, 3), "float32")
    model.fit(x, x[:, :2], verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras").optimizer
    assert again.get_config() == model.optimizer.get_config()
    assert int(again.iterations) == 1
    for found, kept in zip(again.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(found, kept)


def test_model_may_lie_in_another_one_and_the_rate_may_be_a_schedule(folder):
    classifier = pretrained(folder, NAMES)
    freeze(classifier, 1)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
    outer = keras.Sequential([keras.Input((16, 16, 3)), classifier])
    for model in (classifier, outer):
        optimizer = layerwise_adamw(model, rate, 0.5, 0.2)
        optimizer.build(model.trainable_variables)
        assert set(optimizer.factors) == {1 / 2, 1.0}
        assert set(optimizer.shrinks) == {0.2, 0.0}
        assert float(optimizer.learning_rate) == pytest.approx(0.1)


def test_a_model_without_blocks_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(
        ValueError, match="no blocks can be found in Sequential, .*Adam"
    ):
        layerwise_adamw(model, 0.1, 0.5, 0.01)
