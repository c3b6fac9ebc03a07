"""The Keras ViT of the course: the structure of the PyTorch one, and Keras's promises.

Equal logits after copying weights are tested with the conversions.
"""

import numpy as np
import pytest
import torch

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers, ops  # noqa: E402

from course_utils.vit.keras import (  # noqa: E402
    MLP,
    EncoderBlock,
    MultiHeadAttention,
    PatchEmbedding,
    ViT,
    dense,
)
from course_utils.vit.torch import ViT as TorchViT  # noqa: E402

SIZES = {"dim": 24, "depth": 2, "heads": 4, "mlp_dim": 40}


def small_vit(image_size=28, patch_size=7, in_channels=1, num_classes=10, **changes):
    keras.utils.set_random_seed(0)
    return ViT(image_size, patch_size, in_channels, num_classes, **(SIZES | changes))


def pictures(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def numpy(value):
    return ops.convert_to_numpy(value)


# --- Structure --------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(28, 7, 1, 10), (32, 8, 3, 5)])
def test_parameters_are_as_many_as_in_the_pytorch_model(sizes):
    theirs = TorchViT(*sizes, **SIZES)
    ours = ViT(*sizes, **SIZES)
    assert ours.count_params() == sum(p.numel() for p in theirs.parameters())
    assert len(ours.trainable_variables) == len(list(theirs.parameters()))


def test_weights_exist_before_the_first_image():
    model = small_vit()
    assert model.built
    assert model.positions.shape == (1, 17, 24)
    assert model.embed.project.kernel.shape == (7, 7, 1, 24)


@pytest.mark.parametrize(("fan_in", "units"), [(24, 600), (200, 60)])
def test_linear_layers_start_as_in_pytorch(fan_in, units):
    keras.utils.set_random_seed(0)
    layer = dense(fan_in, units)
    layer.build((None, fan_in))
    theirs = torch.nn.Linear(fan_in, units)
    for ours, wanted in ((layer.kernel, theirs.weight), (layer.bias, theirs.bias)):
        ours, wanted = numpy(ours), wanted.detach().numpy()
        assert np.abs(ours).max() <= fan_in**-0.5
        assert ours.std() == pytest.approx(wanted.std(), rel=0.2)


def test_patch_projection_starts_as_in_pytorch():
    keras.utils.set_random_seed(0)
    embed = PatchEmbedding(32, 8, 3, 64)
    embed.build((None, 32, 32, 3))
    theirs = torch.nn.Conv2d(3, 64, 8, stride=8)
    for name in ("kernel", "bias"):
        ours = numpy(getattr(embed.project, name))
        wanted = getattr(theirs, "weight" if name == "kernel" else name)
        assert ours.std() == pytest.approx(wanted.detach().numpy().std(), rel=0.2)


def test_every_linear_layer_of_the_model_starts_as_in_pytorch():
    model = small_vit(dim=240, mlp_dim=400)
    kinds = layers.Dense | layers.Conv2D
    parts = [layer for layer in model._flatten_layers() if isinstance(layer, kinds)]
    assert len(parts) == 2 * 4 + 2
    for part in parts:
        limit = np.prod(part.kernel.shape[:-1]) ** -0.5  # uniform around zero
        for numbers in (numpy(part.kernel), numpy(part.bias)):
            assert 0 < np.abs(numbers).max() <= limit, part.path
        spread = numpy(part.kernel).std()
        assert spread == pytest.approx(limit / 3**0.5, rel=0.1), part.path


def test_positions_start_with_spread_one_and_the_class_token_at_zero():
    model = small_vit(dim=240)
    assert numpy(model.positions).std() == pytest.approx(1, abs=0.1)
    assert not numpy(model.class_token).any()


def test_patches_are_linear_projections():
    embed, images = PatchEmbedding(8, 4, 3, 5), pictures(2, 8, 8, 3)
    tokens = numpy(embed(images))
    second = images[:, :4, 4:].reshape(2, -1)  # top right: after the top left
    matrix = numpy(embed.project.kernel).reshape(-1, 5)
    wanted = second @ matrix + numpy(embed.project.bias)
    np.testing.assert_allclose(tokens[:, 1], wanted, atol=1e-5)


def test_gelu_is_the_exact_one():
    mlp = MLP(1, 1)
    mlp.build((None, 1, 1))
    mlp.set_weights([np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1)])
    x = np.linspace(-4, 4, 81, dtype="float32").reshape(1, -1, 1)
    wanted = torch.nn.functional.gelu(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(numpy(mlp(x)), wanted, atol=1e-6)


def test_epsilon_reaches_every_norm():
    model = small_vit(epsilon=1e-12)
    norms = [layer for layer in model._flatten_layers() if "Normal" in str(type(layer))]
    assert [norm.epsilon for norm in norms] == [1e-12] * 5
    assert small_vit().norm.epsilon == 1e-5


# --- Invariances ------------------------------------------------------------------


def shuffled_patches(images, patch, order):
    B, H, W, C = images.shape
    tiles = images.reshape(B, H // patch, patch, W // patch, patch, C)
    tiles = tiles.swapaxes(2, 3).reshape(B, -1, patch, patch, C)[:, order]
    tiles = tiles.reshape(B, H // patch, W // patch, patch, patch, C).swapaxes(2, 3)
    return tiles.reshape(B, H, W, C)


def test_without_positions_shuffled_patches_give_the_same_logits():
    model, images = small_vit(), pictures(3, 28, 28, 1)
    shuffled = shuffled_patches(images, 7, np.random.default_rng(0).permutation(16))
    assert not np.array_equal(shuffled, images)
    assert np.abs(numpy(model(images) - model(shuffled))).max() > 0.01
    model.positions.assign(np.zeros((1, 17, 24)))
    np.testing.assert_allclose(
        numpy(model(images)), numpy(model(shuffled)), rtol=0, atol=1e-5
    )


def test_attention_rows_sum_to_one():
    logits, attention = small_vit()(pictures(3, 28, 28, 1), return_attention=True)
    assert logits.shape == (3, 10)
    assert [tuple(weights.shape) for weights in attention] == [(3, 4, 17, 17)] * 2
    for weights in map(numpy, attention):
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-6)
        assert weights.min() > 0


def test_logits_do_not_depend_on_the_rest_of_the_batch():
    model, images = small_vit(), pictures(6, 28, 28, 1)
    together, alone = numpy(model(images)), numpy(model(images[2:3]))
    np.testing.assert_allclose(together[2:3], alone, rtol=0, atol=1e-5)


def test_dropout_acts_in_training_only():
    model, images = small_vit(dropout=0.3), pictures(2, 28, 28, 1)

    def same_twice(**flag):
        return np.array_equal(*(numpy(model(images, **flag)) for _ in range(2)))

    assert same_twice()
    assert same_twice(training=False)
    assert not same_twice(training=True)


def test_dropout_acts_on_the_tokens_and_on_what_each_part_adds(monkeypatch):
    """Stretching instead of dropping shows where, how often and how strongly."""

    def stretch(layer, x, training=False):
        return (1 + layer.rate) * x if training else x

    monkeypatch.setattr(layers.Dropout, "call", stretch)
    model, images = small_vit(dropout=0.3), pictures(2, 28, 28, 1)
    found = numpy(model(images, training=True))
    class_token = ops.repeat(model.class_token, 2, axis=0)
    tokens = ops.concatenate([class_token, model.embed(images)], axis=1)
    x = 1.3 * (tokens + model.positions)
    for block in model.blocks:
        x = x + 1.3 * block.attention(block.norm_1(x))[0]
        x = x + 1.3 * block.mlp(block.norm_2(x))
    wanted = numpy(model.head(model.norm(x)[:, 0]))
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_every_variable_gets_a_gradient():
    model = small_vit()
    with tf.GradientTape() as tape:
        loss = ops.sum(ops.square(model(pictures(2, 28, 28, 1), training=True)))
    gradients = tape.gradient(loss, model.trainable_variables)
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.abs(numpy(gradient)).sum() > 0, variable.path


# --- In Keras ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Train a small model for a step, save it; return it and its file."""
    model = small_vit(depth=1, dropout=0.1, epsilon=1e-6, name="mine")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(1e-2), loss, run_eagerly=True)
    model.fit(pictures(4, 28, 28, 1), np.array([0, 1, 2, 3]), verbose=0)
    path = tmp_path_factory.mktemp("models") / "vit.keras"
    model.save(path)
    return model, path


def test_saved_model_is_the_same_after_loading(saved):
    model, path = saved
    images = pictures(2, 28, 28, 1)
    again = keras.saving.load_model(path)
    assert type(again) is ViT and again.name == "mine"
    assert again.arguments == model.arguments
    assert again.dropout.rate == again.blocks[0].dropout.rate == 0.1
    np.testing.assert_array_equal(numpy(again(images)), numpy(model(images)))
    assert again.optimizer.iterations == 1
    for ours, theirs in zip(
        model.optimizer.variables, again.optimizer.variables, strict=True
    ):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))


def test_loaded_model_can_be_saved_again(saved, tmp_path):
    again = keras.saving.load_model(saved[1])
    again.save(tmp_path / "again.keras")
    third = keras.saving.load_model(tmp_path / "again.keras")
    images = pictures(2, 28, 28, 1)
    np.testing.assert_array_equal(numpy(third(images)), numpy(saved[0](images)))


def test_model_works_inside_a_functional_model():
    inputs = keras.Input((28, 28, 1))
    outer = keras.Model(inputs, layers.Softmax()(small_vit()(inputs)))
    out = outer.predict(pictures(3, 28, 28, 1), verbose=0)
    np.testing.assert_allclose(out.sum(axis=1), 1, atol=1e-6)


def test_two_models_of_one_seed_are_equal():
    first, second = small_vit(), small_vit()
    for ours, theirs in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))


# --- Refusals ---------------------------------------------------------------------


def test_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="dim 24 is not a multiple of heads 5"):
        small_vit(heads=5)
    with pytest.raises(ValueError, match="each head gets dim / heads numbers"):
        MultiHeadAttention(10, 3)
    with pytest.raises(ValueError, match="dim 10 is not a multiple of heads 4"):
        EncoderBlock(10, 4, 20)


@pytest.mark.parametrize(
    ("image_size", "patch_size", "advice"),
    [(30, 7, "use 28 or 35"), (5, 7, "use 7 or 14")],
)
def test_image_that_patches_do_not_divide_is_refused(image_size, patch_size, advice):
    message = f"image size {image_size} is not a multiple of patch size {patch_size}"
    with pytest.raises(ValueError, match=message) as refusal:
        small_vit(image_size, patch_size)
    assert advice in str(refusal.value)


@pytest.mark.parametrize("shape", [(2, 1, 28, 28), (2, 32, 32, 1), (2, 28, 28)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"built for \(B, 28, 28, 1\)"):
        small_vit()(pictures(*shape))
