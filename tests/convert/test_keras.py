"""Weights between our ViTs, KerasHub's and Hugging Face's: equal logits, no loss."""

import keras
import keras_hub
import numpy as np
import pytest
import torch
from conversions import (
    RGB,
    TINY,
    change,
    from_disk,
    images,
    largest_difference,
    logits,
    save,
    to_torch,
)
from transformers import ViTForImageClassification, ViTImageProcessorPil
from vit_checkpoints import BASE, SMALL

from course_tools.parity import parity
from course_utils.convert import keras as convert_keras
from course_utils.convert.keras import from_hf, from_keras_hub, to_hf, to_keras_hub
from course_utils.convert.torch import keras_to_torch, torch_to_keras
from course_utils.finetune.keras import pretrained
from course_utils.vit.keras import ViT
from course_utils.vit.torch import ViT as TorchViT


@pytest.fixture
def ours(small):
    return from_hf(small)


@pytest.fixture
def theirs(ours):
    return to_keras_hub(ours)


# --- parity -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny-vit", "digit-vit", "base, 2 blocks"])
def test_logits_are_equal_in_every_direction(name, tmp_path):
    folder = TINY.parent / name
    if not folder.exists():
        folder = save(tmp_path / "base", **BASE)
    table = parity(folder)
    for (source, target), difference in table.items():
        print(f"{name}: {source} -> {target}: {difference:.1e}")
    assert len(table) == 12
    assert max(table.values()) <= 1e-4


def test_epsilon_of_the_norms_goes_along_in_every_direction(tmp_path):
    sizes = {**SMALL, "num_hidden_layers": 1, "layer_norm_eps": 0.1}
    folder = save(tmp_path / "vit", **sizes)
    assert max(parity(folder).values()) <= 1e-5
    model = from_hf(folder)
    weights = convert_keras.weights_of(model)
    other = ViT(**model.arguments | {"epsilon": 1e-6})
    convert_keras.assign(other, weights)
    assert largest_difference(model, other, images(channels=1)) > 0.01


def test_gelu_is_the_exact_one(ours, theirs, copy):
    exact = from_disk(copy)
    change(copy, hidden_act="gelu_pytorch_tanh")
    approximate = from_disk(copy)
    for model in (ours, theirs):
        assert largest_difference(model, exact, images()) < 1e-5
        assert largest_difference(model, approximate, images()) > 1e-4


def test_half_precision_is_read_as_float32(small, tmp_path):
    from_disk(small).bfloat16().save_pretrained(tmp_path)
    _, weights = convert_keras.read_checkpoint(tmp_path)
    assert {weight.dtype for weight in weights.values()} == {np.dtype("float32")}
    half = ViTForImageClassification.from_pretrained(tmp_path, dtype=torch.float32)
    assert largest_difference(from_hf(tmp_path), half, images()) < 1e-5


def test_dropout_goes_along(copy):
    change(copy, hidden_dropout_prob=0.2)
    model = from_hf(copy)
    assert model.dropout.rate == 0.2
    assert to_keras_hub(model).backbone.dropout_rate == 0.2
    assert keras_to_torch(model).dropout.p == 0.2
    assert torch_to_keras(keras_to_torch(model)).dropout.rate == 0.2


@pytest.mark.parametrize("heads", [1, 3, 24])
def test_heads_of_any_width_come_back_bit_for_bit(heads, tmp_path):
    """Among them those where queries and outputs have kernels of one shape."""
    ours = from_hf(save(tmp_path / "vit", **RGB | {"num_attention_heads": heads}))
    again = from_keras_hub(to_keras_hub(ours))
    for first, second in zip(ours.weights, again.weights, strict=True):
        np.testing.assert_array_equal(first.numpy(), second.numpy())
    assert largest_difference(ours, to_keras_hub(ours), images()) < 1e-5


# --- to Hugging Face's format -----------------------------------------------------


def test_model_trained_in_keras_hub_loads_in_transformers_and_keras_hub(
    small, tmp_path
):
    names = ["cat", "dog", "owl"]
    keras.utils.set_random_seed(0)
    model = pretrained(small, names)
    pictures, labels = images(count=12), np.arange(12) % 3
    before = logits(model, pictures)
    model.compile(
        keras.optimizers.AdamW(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,  # quicker for three steps
    )
    model.fit(pictures, labels, batch_size=4, verbose=0, shuffle=False)
    trained = logits(model, pictures)
    assert np.abs(trained - before).max() > 0.05
    to_hf(model, tmp_path / "vit", dict(enumerate(names)))
    loaded = from_disk(tmp_path / "vit")
    np.testing.assert_allclose(logits(loaded, pictures), trained, rtol=0, atol=1e-4)
    assert loaded.config.id2label == dict(enumerate(names))
    assert loaded.config.label2id == {name: i for i, name in enumerate(names)}
    labels = torch.tensor(labels)
    loss = loaded(to_torch(pictures), labels=labels).loss  # finds its own type
    wanted = torch.nn.functional.cross_entropy(torch.from_numpy(trained), labels)
    torch.testing.assert_close(loss, wanted, rtol=0, atol=1e-4)
    again = keras_hub.models.ViTImageClassifier.from_preset(
        str(tmp_path / "vit"), preprocessor=None
    )
    np.testing.assert_allclose(logits(again, pictures), trained, rtol=0, atol=1e-3)


def test_our_model_is_written_with_the_processor_of_its_own_size(ours, tmp_path):
    to_hf(ours, tmp_path / "vit", processor=TINY)
    assert largest_difference(ours, from_disk(tmp_path / "vit"), images()) <= 1e-5
    processor = ViTImageProcessorPil.from_pretrained(tmp_path / "vit")
    assert dict(processor.size) == {"height": 12, "width": 12}
    assert tuple(processor.image_mean) == (0.5, 0.5, 0.5)


def test_a_name_that_stands_for_two_classes_goes_in_and_out(ours, tmp_path):
    names = dict(enumerate(["hen", "crane", "goose", "crane", "owl"]))  # as ImageNet
    to_hf(ours, tmp_path / "vit", names)
    config = from_disk(tmp_path / "vit").config
    assert config.id2label == names and config.label2id["crane"] == 3
    found = convert_keras.read_config(tmp_path / "vit")["id2label"]
    to_hf(ours, tmp_path / "2", {int(number): name for number, name in found.items()})
    assert from_disk(tmp_path / "2").config.id2label == names


def test_what_cannot_be_written_leaves_nothing_behind(ours, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert_keras, "save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        to_hf(ours, tmp_path / "vit")
    assert not list(tmp_path.iterdir())


def test_existing_folder_is_left_alone(ours, tmp_path):
    with pytest.raises(FileExistsError, match="exists already; choose another"):
        to_hf(ours, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("id2label", "message"),
    [
        (
            {0: "a"},
            r"keys 0 to 4, one for each logit, but has 1 keys that begin with \[0\]$",
        ),
        (
            {str(i): "x" for i in range(5)},
            "has 5 keys that begin with .'0', '1', '2', '3', '4'",
        ),
        (dict(enumerate("abcdef")), "has 6 keys that begin with .0, 1, 2, 3, 4.$"),
    ],
)
def test_labels_that_do_not_fit_the_head_are_refused(ours, tmp_path, id2label, message):
    with pytest.raises(ValueError, match=message):
        to_hf(ours, tmp_path / "vit", id2label)


def relu_in_a_block(model):
    block = model.backbone.get_layer("vit_encoder").encoder_layers[1]
    block.mlp.dense_1.activation = keras.activations.relu


def attention_to_itself(model):
    mha = model.backbone.get_layer("vit_encoder").encoder_layers[0].mha
    mha._compute_attention = lambda query, key, value, *_, **__: (value, None)


@pytest.mark.parametrize("spoil", [relu_in_a_block, attention_to_itself])
def test_changed_computation_is_not_written_as_a_plain_vit(theirs, tmp_path, spoil):
    spoil(theirs)
    with pytest.raises(ValueError, match="logits differ by .* would be lost"):
        to_hf(theirs, tmp_path / "vit")
    assert not list(tmp_path.iterdir())


def test_head_of_zeros_can_be_written(theirs, tmp_path):
    theirs.output_dense.kernel.assign(0 * theirs.output_dense.kernel)
    theirs.output_dense.bias.assign(0 * theirs.output_dense.bias)
    to_hf(theirs, tmp_path / "vit")
    assert (tmp_path / "vit" / "model.safetensors").exists()


# --- models that are refused ------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "head", "message"),
    [
        ({"attention_dropout": 0.1}, {}, "attention_dropout=0.1, but our attention"),
        ({"use_mha_bias": False}, {}, "use_mha_bias=False"),
        ({"use_class_token": False}, {}, "use_class_token=False"),
        (
            {"image_shape": (8, 12, 3)},
            {},
            r"image_size=\[8, 12\], but our ViT take",
        ),
        ({"patch_size": (4, 2)}, {}, r"patch_size=\(4, 2\), but our ViT takes squares"),
        ({}, {"pooling": "gap"}, r"pooling='gap', .* \(pooling='token'\)"),
        ({}, {"activation": "softmax"}, "activation='softmax'"),
        ({}, {"intermediate_dim": 8}, "intermediate_dim=8"),
    ],
)
def test_keras_hub_models_of_another_design_are_refused(options, head, message):
    sizes = {"image_shape": (8, 8, 3), "patch_size": 4} | options
    backbone = keras_hub.models.ViTBackbone(
        num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, **sizes
    )
    with pytest.raises(ValueError, match=message):
        from_keras_hub(keras_hub.models.ViTImageClassifier(backbone, 2, **head))


def test_added_layers_are_refused_instead_of_dropped():
    model = ViT(8, 4, 3, 2, dim=8, depth=1, heads=2, mlp_dim=8)
    model.gate = keras.layers.Dense(2, name="gate")
    model.gate.build((None, 2))
    with pytest.raises(ValueError, match="holds gate/bias and 1 more, .*no place"):
        to_keras_hub(model)


@pytest.mark.parametrize("convert", [to_keras_hub, from_keras_hub, keras_to_torch])
def test_other_models_are_refused(convert):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    with pytest.raises(TypeError, match="is needed, not keras.Sequential"):
        convert(other)


def test_keras_model_is_not_taken_for_the_one_in_pytorch(ours):
    with pytest.raises(
        TypeError, match="a course_utils.vit.torch.ViT is needed, not c"
    ):
        torch_to_keras(ours)
    torch_vit = TorchViT(8, 4, 3, 2, dim=8, depth=1, heads=2, mlp_dim=8)
    with pytest.raises(TypeError, match="is needed, not course_utils.ViT"):
        from_keras_hub(torch_vit)


def test_refused_weights_change_nothing(ours):
    before = [variable.numpy() for variable in ours.weights]
    weights = {k: v + 1 for k, v in convert_keras.weights_of(ours).items()}
    weights["classifier.bias"] = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="classifier.bias has shape"):
        convert_keras.assign(ours, weights)
    for old, variable in zip(before, ours.weights, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())
