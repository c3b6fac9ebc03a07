"""A checkpoint is loaded whole into a PyTorch model, or refused in one sentence."""

import re

import pytest
import torch
import transformers as T
from tinted import NAMES
from transformers import ViTForImageClassification, ViTModel
from vit_checkpoints import (
    ENCODERS,
    FAMILIES,
    largest_difference,
    store,
    timm_name,
    vit,
    without,
    write_checkpoint,
)

from course_utils.finetune.torch import pretrained, scratch


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.mark.parametrize("classes", [3, 5], ids=["as many classes", "other classes"])
def test_pretrained_keeps_the_backbone_and_has_a_new_head(tmp_path, classes):
    folder = write_checkpoint(tmp_path, classes)
    stored = ViTForImageClassification.from_pretrained(folder)
    torch.manual_seed(0)
    model = pretrained(folder, NAMES)
    assert largest_difference(model.vit, stored.vit) == 0.0
    assert model.classifier.weight.shape == (3, 16)
    if classes == 3:
        assert not torch.equal(model.classifier.weight, stored.classifier.weight)
    assert model.config.id2label == dict(enumerate(NAMES))
    assert model.config.label2id == {"red": 0, "green": 1, "blue": 2}


def test_pretrained_takes_a_checkpoint_without_head(tmp_path, folder):
    body = ViTModel.from_pretrained(folder)  # has a pooler, as Google's has
    body.save_pretrained(tmp_path)
    model = pretrained(str(tmp_path), NAMES)
    inside = body.state_dict()
    for name, weight in model.vit.state_dict().items():
        assert torch.equal(weight, inside[name]), name


def test_pretrained_is_float32_whatever_the_file_holds(tmp_path):
    model = pretrained(write_checkpoint(tmp_path, dtype=torch.float16), NAMES)
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_loading_is_quiet_and_leaves_the_settings_alone(folder, capfd):
    logging = T.utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    pretrained(folder, NAMES)
    assert capfd.readouterr() == ("", "")
    assert before == (logging.get_verbosity(), logging.is_progress_bar_enabled())


def test_scratch_has_the_same_form_and_other_weights(folder):
    torch.manual_seed(0)
    model, other = scratch(folder, NAMES), pretrained(folder, NAMES)
    shapes = {name: w.shape for name, w in model.state_dict().items()}
    assert shapes == {name: w.shape for name, w in other.state_dict().items()}
    query = "vit.layers.1.attention.q_proj.weight"
    assert not torch.equal(model.state_dict()[query], other.state_dict()[query])
    torch.manual_seed(0)
    assert largest_difference(model, scratch(folder, NAMES)) == 0.0


@pytest.mark.parametrize("names", [["cat"], ["cat", "cat"]])
def test_class_names_must_differ(folder, names):
    with pytest.raises(ValueError, match="two or more different class names"):
        pretrained(folder, names)


# --- Other families --------------------------------------------------------------


def refusal(folder):
    """Return the one sentence with which a folder is refused."""
    with pytest.raises(ValueError) as caught:
        pretrained(folder, NAMES)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and len(message) < 500
    assert message.startswith(folder)
    return message.removeprefix(folder)


@pytest.mark.parametrize("name", FAMILIES)
def test_other_families_are_refused(name, tmp_path):
    theirs = FAMILIES[name]()
    folder, family = store(theirs, tmp_path), name.partition(",")[0]
    for load in (pretrained, scratch):
        with pytest.raises(ValueError, match=f"holds a model of type '{family}', not"):
            load(folder, NAMES)
    assert "choose a checkpoint of a Vision Transformer" in refusal(folder)


# --- Files that do not fit -------------------------------------------------------


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_trained_without_labels_are_read_whole(name, tmp_path):
    theirs = ENCODERS[name]()
    model = pretrained(store(theirs, tmp_path), NAMES)
    assert isinstance(model, ViTForImageClassification)
    stored = getattr(theirs, "vit", theirs).state_dict()
    for weight, value in model.vit.state_dict().items():
        assert torch.equal(value, stored[weight]), weight
    assert model.config.layer_norm_eps == theirs.config.layer_norm_eps


WRAPPED = "all names in its file begin with {!r}, which torch.compile"


@pytest.mark.parametrize("start", ["_orig_mod.", "module.", "module._orig_mod."])
@pytest.mark.parametrize("head", [True, False], ids=["with head", "body alone"])
def test_names_of_a_wrapped_model_are_refused(start, head, tmp_path):
    model = vit() if head else vit().vit
    message = refusal(store(model, tmp_path, lambda name: start + name))
    assert "lacks vit.embeddings.cls_token and 37 more, which would stay" in message
    assert WRAPPED.format(start) in message and "unwrap_model" in message


def test_names_of_timm_are_refused(tmp_path):
    folder = store(vit(), tmp_path, timm_name)
    assert "timm's names, such as blocks.0.attn.qkv.bias: choose" in refusal(folder)
    store(vit(), tmp_path, timm_name, model_type=None)  # as in a folder of timm
    assert "its file has timm's names" in refusal(folder)


AGAIN = "fetch config.json and weights again from the same place, or choose another"


@pytest.mark.parametrize(
    ("rename", "settings", "what", "remedy"),
    [
        (
            None,
            {"num_hidden_layers": 4},
            "lacks vit.encoder.layer.2.* and 31 more, .* 4 blocks .* the file has 2: ",
            'write "num_hidden_layers": 2 there, or fetch the whole file again',
        ),
        (
            None,
            {"num_hidden_layers": 1},
            "holds vit.encoder.layer.1.* and 15 more, .* has no place for it; ",
            'write "num_hidden_layers": 2 there',
        ),
        (without(".layer.0."), {}, "lacks vit.encoder.layer.0.* and 15 more, ", AGAIN),
        (without("vit.layernorm.bias"), {}, "lacks vit.layernorm.bias, which", AGAIN),
        (
            None,
            {"qkv_bias": False},
            "holds vit.* and 5 more, .* other settings",
            AGAIN,
        ),
        (
            None,
            {"image_size": 32},
            r"position_embeddings has shape \(1, 5, 16\) .* needs \(1, 17, 16\); ",
            'write "image_size": 16 into config.json, as it was when the weights were',
        ),
        (
            None,
            {"patch_size": 4, "image_size": 8},
            r"projection.weight has shape \(16, 3, 8, 8\) .* needs \(16, 3, 4, 4\); ",
            'write "patch_size": 8 into config.json',
        ),
        (
            None,
            {"intermediate_size": 12},
            r"intermediate.dense.bias has shape \(24,\) .* needs \(12,\); ",
            AGAIN,
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_settings_and_weights_that_do_not_fit_are_refused(
    rename, settings, what, remedy, tmp_path
):
    message = refusal(store(vit(), tmp_path, rename, **settings))
    assert re.search(what, message) and remedy in message
