"""Rates by layer in Keras: the steps of PyTorch's AdamW, each scaled by its depth."""

import numpy as np
import pytest
from keras_checkpoints import LOSS, pictures, write_checkpoint
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
from course_utils.training.keras import LayerwiseAdamW  # noqa: E402


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
    for found, kept in zip(again.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(found, kept)


def test_depth_is_read_from_the_model_and_the_rate_may_be_a_schedule(folder):
    classifier = pretrained(folder, NAMES)
    freeze(classifier, 1)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 10)
    outer = keras.Sequential([keras.Input((16, 16, 3)), classifier])
    for model in (classifier, outer):
        optimizer = layerwise_adamw(model, rate, 0.5, 0.2)
        found = optimizer.depth, optimizer.decay, optimizer.shrink
        assert found == (2, 0.5, 0.2)
        assert float(optimizer.learning_rate) == pytest.approx(0.1)


def test_a_model_without_blocks_is_refused():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(
        ValueError, match="no blocks can be found in Sequential, .*Adam"
    ):
        layerwise_adamw(model, 0.1, 0.5, 0.01)
