"""A checkpoint in a folder: read whole, or refused in the same words by both twins."""

import numpy as np
import pytest
import torch
from conversions import change, from_disk, images, largest_difference, to_torch
from safetensors.numpy import load_file, save_file
from transformers import ViTConfig, ViTModel
from vit_checkpoints import ENCODERS, FAMILIES, store, timm_name, vit, without

from course_tools.parity import parity
from course_utils.convert import keras as convert_keras
from course_utils.convert import refusals
from course_utils.convert.keras import from_hf, to_keras_hub
from course_utils.convert.names import SETTINGS
from course_utils.finetune import torch as finetune
from course_utils.finetune.keras import load_backbone, pretrained

# --- read whole -------------------------------------------------------------------


def test_backbone_gives_the_tokens_of_transformers(small):
    model = ViTModel.from_pretrained(small, add_pooling_layer=False)
    with torch.no_grad():
        wanted = model(to_torch(images())).last_hidden_state
    found = load_backbone(small)(images())
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_backbone_saved_alone_is_read_too(small, tmp_path):
    model = ViTModel.from_pretrained(small).eval()  # with a pooler, as in21k
    model.save_pretrained(tmp_path)
    names = load_file(tmp_path / "model.safetensors")
    assert "cls_token" in "".join(names) and not any(n[:4] == "vit." for n in names)
    first, second = load_backbone(small), load_backbone(tmp_path)
    np.testing.assert_array_equal(first(images()), second(images()))
    with pytest.raises(ValueError, match="has no classification head.*pretrained puts"):
        from_hf(tmp_path)


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_trained_without_labels_are_read_whole(name, tmp_path):
    store(ENCODERS[name](), tmp_path)
    model = pretrained(tmp_path, ["cat", "dog"]).backbone
    body = finetune.pretrained(str(tmp_path), ["cat", "dog"]).eval()
    with torch.no_grad():
        wanted = body.vit(to_torch(images(16))).last_hidden_state
    np.testing.assert_allclose(model(images(16)), wanted, rtol=0, atol=1e-4)


def test_weights_under_the_names_of_the_model_in_memory_are_read(small, copy):
    weights = {k: v.numpy() for k, v in from_disk(copy).state_dict().items()}
    assert "vit.layers.0.attention.q_proj.weight" in weights
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    assert largest_difference(from_hf(copy), from_hf(small), images()) == 0.0


@pytest.mark.parametrize(
    "values",
    [
        {"num_labels": 5, "id2label": None, "label2id": None},
        {"num_labels": 5, "id2label": {"0": "a", "1": "b"}},
        {"num_labels": None},
        {"model_type": None},
        {"image_size": [12, 12], "patch_size": [4, 4]},
    ],
    ids=lambda values: "-".join(values),
)
def test_settings_that_transformers_takes_are_taken(copy, values):
    change(copy, **values)
    theirs, ours = from_disk(copy), from_hf(copy)
    assert ours.arguments["num_classes"] == len(theirs.config.id2label) == 5
    assert largest_difference(ours, theirs, images()) < 1e-5
    assert largest_difference(to_keras_hub(ours), theirs, images()) < 1e-5
    assert max(parity(copy).values()) <= 1e-4


def test_settings_left_out_are_those_of_transformers(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "vit"}', encoding="utf-8")
    config, usual = convert_keras.read_config(tmp_path), ViTConfig()
    assert config["initializer_range"] == usual.initializer_range
    found = refusals.our_arguments(config)
    for ours, (theirs, *_) in SETTINGS.items():
        assert found[ours] == getattr(usual, theirs)


# --- refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"model_type": "bert"},
            "model of type 'bert', not 'vit', .* choose a",
        ),
        (
            {"hidden_act": "gelu_new"},
            "hidden_act='gelu_new', but our MLP has the ex",
        ),
        ({"qkv_bias": False}, "qkv_bias=False, but our queries"),
        ({"attention_probs_dropout_prob": 0.1}, "attention_probs_dropout_prob=0.1"),
        ({"image_size": [12, 16]}, r"image_size=\[12, 16\], but our ViT takes squares"),
        ({"patch_size": [4, 2]}, r"patch_size=\[4, 2\], but our ViT takes squares"),
        (
            {"image_size": 14},
            "image_size 14, which is not a multiple of its patch_",
        ),
        ({"num_attention_heads": 5}, "hidden_size 24, which is not a mul.*heads 5"),
        (
            {"id2label": {"0": "a", "1": "b", "2": "c"}},
            r"classifier.bias has shape \(5,\) .* \(3,\); write \"num_labels\": 5 into",
        ),
        ({"image_size": 16}, r"position_embeddings has shape \(1, 10, 24\) .*e\": 12"),
        (
            {"num_hidden_layers": 1},
            "holds vit.encoder.layer.1.* and 15 more, .* has no pl",
        ),
        ({"num_hidden_layers": 3}, "lacks vit.encoder.layer.2.* and 15 more"),
    ],
)
def test_settings_that_do_not_fit_are_refused(copy, values, message):
    change(copy, **values)
    with pytest.raises(ValueError, match=message) as caught:
        from_hf(copy)
    assert len(str(caught.value).splitlines()) == 1


SPOILED = {
    "_orig_mod.": (lambda name: f"_orig_mod.{name}", {}),
    "module.": (lambda name: f"module.{name}", {}),
    "timm": (timm_name, {}),
    "a block is gone": (without(".layer.1."), {}),
    "the first block is gone": (without(".layer.0."), {}),
    "the last norm is gone": (without("vit.layernorm.bias"), {}),
    "too few blocks": (None, {"num_hidden_layers": 1}),
    "too many blocks": (None, {"num_hidden_layers": 4}),
    "larger pictures": (None, {"image_size": 32}),
    "smaller patches": (None, {"patch_size": 4, "image_size": 8}),
    "narrower": (None, {"intermediate_size": 12}),
    "another layer": (lambda name: name.replace("layernorm.", "norm."), {}),
}


@pytest.mark.parametrize("fault", SPOILED)
@pytest.mark.parametrize("head", [True, False], ids=["with head", "body alone"])
def test_the_twins_refuse_in_the_same_words(fault, head, tmp_path):
    rename, settings = SPOILED[fault]
    if fault == "the last norm is gone" and not head:
        rename = without("layernorm.bias")
    model = vit() if head else vit().vit
    folder = store(model, tmp_path, rename, **settings)
    said = []
    for load in (finetune.pretrained, pretrained):
        with pytest.raises(ValueError) as caught:
            load(folder, ["cat", "dog"])
        said.append(str(caught.value))
    assert said[0] == said[1] and said[0].startswith(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_twins_refuse_other_families_in_the_same_words(family, tmp_path):
    folder = store(FAMILIES[family](), tmp_path)
    said = []
    for load in (finetune.pretrained, pretrained, finetune.scratch, load_backbone):
        with pytest.raises(ValueError) as caught:
            load(folder, *[["cat", "dog"]] * (load is not load_backbone))
        said.append(str(caught.value))
    assert len(set(said)) == 1 and "not 'vit'" in said[0]


@pytest.mark.parametrize("names", [["cat"], ["cat", "dog", "cat"]])
def test_the_twins_ask_for_names_in_the_same_words(small, names):
    said = []
    for load in (finetune.pretrained, pretrained):
        with pytest.raises(ValueError) as caught:
            load(str(small), names)
        said.append(str(caught.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("text", [None, "", "{", "[1]"])
def test_unreadable_settings_are_refused(copy, text):
    path = copy / "config.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ValueError, match="config.json cannot be read .*; give"):
        load_backbone(copy)


@pytest.mark.parametrize("spoil", ["missing", "sharded", "cut"])
def test_unreadable_weights_are_refused(copy, spoil):
    path = copy / "model.safetensors"
    if spoil == "sharded":
        from_disk(copy).save_pretrained(copy, max_shard_size="5KB")
        assert (copy / "model.safetensors.index.json").is_file()
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        path.unlink(missing_ok=True)
    with pytest.raises(ValueError, match="cannot be read .* save it in one file"):
        load_backbone(copy)


def test_weights_of_another_model_are_refused(copy):
    save_file({"embeddings.word": np.ones((2, 2))}, copy / "model.safetensors")
    with pytest.raises(ValueError, match="lacks vit.embeddings.cls_token and 37 more"):
        load_backbone(copy)
