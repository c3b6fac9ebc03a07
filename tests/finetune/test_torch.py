"""Fine-tuning: what goes in, what is trained, and a killed run ends as if untouched."""

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from datasets import DatasetDict, Value
from PIL import Image
from safetensors.torch import load_file, save_file
from tinted import NAMES, tinted
from transformers import (
    TrainerCallback,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    ViTModel,
)

from course_utils.data import checkpoints
from course_utils.data import sets as data
from course_utils.data.pictures import upright
from course_utils.finetune import torch as finetune
from course_utils.finetune.torch import (
    EpochLines,
    ExactTrainer,
    augment,
    collate,
    features,
    last_checkpoint,
    layerwise_adamw,
    load_processor,
    metrics,
    pixels,
    pretrained,
    scratch,
)

ROOT = Path(__file__).resolve().parents[2]


def write_checkpoint(folder, classes=5, dtype=torch.float32):
    """A random ViT of two blocks for pictures of 16 pixels, with dropout."""
    torch.manual_seed(7)
    config = ViTConfig(
        image_size=16,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        hidden_dropout_prob=0.1,
        initializer_range=0.1,
        num_labels=classes,
    )
    with finetune.quiet():
        ViTForImageClassification(config).to(dtype).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def processor(folder):
    return load_processor(folder)


@pytest.fixture(scope="module")
def some():
    return tinted(30, seed=0)


def largest_difference(first, second):
    first, second = first.state_dict(), second.state_dict()
    assert first.keys() == second.keys()
    return max((first[k] - second[k]).abs().max().item() for k in first)


# --- Pictures ---------------------------------------------------------------------


def test_pixels_are_what_the_processor_makes(processor, some):
    rows = some.with_transform(pixels(processor))[:3]
    assert rows["labels"] == [0, 1, 2]
    assert rows["pixel_values"].shape == (3, 3, 16, 16)
    resized = some[1]["image"].resize((16, 16), Image.Resampling.BILINEAR)
    by_hand = (np.asarray(resized).transpose(2, 0, 1) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(rows["pixel_values"][1], by_hand, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pixels_take_pictures_of_any_mode(processor, mode):
    picture = Image.new("RGB", (9, 30), (255, 0, 0)).convert(mode)
    wanted = picture.convert("RGB").resize((16, 16))
    rows = {"image": [picture], "label": [0]}
    found = pixels(processor)(rows)["pixel_values"][0].permute(1, 2, 0)
    np.testing.assert_allclose(found, np.asarray(wanted) / 127.5 - 1, atol=1e-5)


def test_augmentation_keeps_size_and_mode_and_follows_the_seed(some):
    picture = some[0]["image"].resize((40, 25))
    torch.manual_seed(3)
    first, second = augment(picture), augment(picture)
    torch.manual_seed(3)
    again = augment(picture)
    assert first.size == (40, 25) and first.mode == "RGB"
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_augmentation_mirrors_half_and_crops_little():
    picture = np.zeros((40, 40, 3), dtype=np.uint8)
    picture[:, :20] = 255  # the left half is white
    torch.manual_seed(0)
    made = [np.asarray(augment(Image.fromarray(picture)))[20, :, 0] for _ in range(200)]
    assert 0.4 < np.mean([row[0] < row[-1] for row in made]) < 0.6
    for row in made:
        white = (row > row.max() / 2).mean()
        assert 0.37 <= white <= 0.63  # of 0.5, with 80 % of the side or more


@pytest.mark.parametrize(("draw", "factor"), [(0.0, 0.7), (1.0, 1.3), (0.5, 1.0)])
@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_augmentation_tints_by_thirty_percent(monkeypatch, kind, draw, factor):
    colors = np.random.default_rng(0).integers(60, 190, (8, 8, 3)).astype("uint8")
    picture = Image.fromarray(colors)
    gray = np.asarray(picture.convert("L"), dtype=float)
    middle = {
        "brightness": 0,
        "contrast": round(gray.mean()),
        "saturation": gray[..., None],
    }[kind]
    wanted = np.clip(middle + factor * (colors.astype(float) - middle), 0, 255)
    place = ["brightness", "contrast", "saturation"].index(kind)
    draws = [1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.5]  # not mirrored, not cropped, no tint
    draws[4 + place] = draw
    monkeypatch.setattr(torch, "rand", lambda *_: torch.tensor(draws))
    found = np.asarray(augment(picture), dtype=float)
    assert np.abs(found - wanted).max() <= 2  # Pillow rounds after each of the three


@pytest.mark.parametrize(("left", "top"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_augmentation_crops_where_it_was_drawn(monkeypatch, left, top):
    ramp = np.repeat(np.arange(40, 200, 4, dtype="uint8")[:, None], 40, axis=1)
    draws = [1.0, 0.0, left, top, 0.5, 0.5, 0.5]  # 80 % of the sides, no tint
    monkeypatch.setattr(torch, "rand", lambda *_: torch.tensor(draws))
    for gray, place in ((ramp, top), (ramp.T, left)):
        picture = Image.fromarray(gray).convert("RGB")
        found = np.asarray(augment(picture))[18:22, 18:22].mean()
        middle = 16 + 8 * place  # of the crop, in pixels from the border
        assert found == pytest.approx(40 + 4 * middle - 2, abs=1)


def test_pixels_use_the_augmentation_each_time(processor, some):
    rows = some.with_transform(pixels(processor, augment))
    assert not torch.equal(rows[0]["pixel_values"], rows[0]["pixel_values"])


def test_collate_stacks_rows(processor, some):
    rows = some.with_transform(pixels(processor))
    batch = collate([rows[i] for i in (4, 0)])
    assert batch["pixel_values"].shape == (2, 3, 16, 16)
    assert batch["pixel_values"].dtype == torch.float32
    assert batch["labels"].tolist() == [1, 0] and batch["labels"].dtype == torch.int64


def test_pixels_read_pictures_as_upright_does(processor):
    scan = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160)
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    rows = {"image": [scan, clear], "label": [0, 1]}
    found = pixels(processor)(rows)["pixel_values"]
    wanted = processor([upright(scan), upright(clear)], return_tensors="pt")
    assert torch.equal(found, wanted["pixel_values"])
    assert found[0].std() > 0.3 and found[1].min() > 0.9  # grays, and white


@pytest.mark.parametrize("wrong", [None, "cat", -1, -100, 1.0])
def test_labels_that_are_no_classes_are_told_when_rows_are_stacked(wrong):
    rows = [{"pixel_values": torch.zeros(3, 2, 2), "labels": x} for x in (0, wrong)]
    with pytest.raises(ValueError, match="the label of row 1 is "):
        collate(rows)


@pytest.mark.parametrize("which", ["train_dataset", "eval_dataset"])
def test_trainer_looks_at_all_labels_before_the_first_step(tmp_path, which):
    rows = tinted(6, seed=1)
    loose = rows.cast_column("label", Value("int64"))
    wrong = loose.remove_columns("label").add_column("label", [0, 1, 2, 0, 1, 3])
    sets = {"train_dataset": rows, "eval_dataset": rows} | {which: wrong}
    config = ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        image_size=16,
        patch_size=8,
        num_labels=3,
    )
    settings = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True)
    trainer = ExactTrainer(ViTForImageClassification(config), settings, **sets)
    with pytest.raises(ValueError, match="row 5 is 3, but classes are numbered 0 to 2"):
        trainer.train()


# --- Models -----------------------------------------------------------------------


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
    logging = transformers.utils.logging
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    pretrained(folder, NAMES)
    assert capfd.readouterr() == ("", "")
    assert before == (logging.get_verbosity(), logging.is_progress_bar_enabled())


SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 16,
    "patch_size": 8,
}
TEXT = SIZES | {"num_hidden_layers": 1, "vocab_size": 9}
T = transformers  # its classes stand in the table below


def dino_sizes():
    return {name: SIZES[name] for name in SIZES if name != "intermediate_size"}


FAMILIES = {
    "deit": lambda: T.DeiTForImageClassification(T.DeiTConfig(**SIZES)),
    "deit, distilled": lambda: T.DeiTForImageClassificationWithTeacher(
        T.DeiTConfig(**SIZES)
    ),
    "beit": lambda: T.BeitForImageClassification(T.BeitConfig(**SIZES)),
    "clip": lambda: T.CLIPModel(T.CLIPConfig(text_config=TEXT, vision_config=SIZES)),
    "siglip": lambda: T.SiglipModel(
        T.SiglipConfig(text_config=TEXT, vision_config=SIZES)
    ),
    "dinov2": lambda: T.Dinov2Model(T.Dinov2Config(**dino_sizes())),
    "resnet": lambda: T.ResNetForImageClassification(
        T.ResNetConfig(embedding_size=8, hidden_sizes=[8] * 2, depths=[1] * 2)
    ),
    "swin": lambda: T.SwinForImageClassification(
        T.SwinConfig(
            image_size=16,
            patch_size=4,
            embed_dim=8,
            depths=[1, 1],
            num_heads=[1, 2],
            window_size=2,
        )
    ),
}
WITHOUT_CLASSIFIER = {
    "clip_vision_model": lambda: T.CLIPVisionModel(T.CLIPVisionConfig(**SIZES)),
    "siglip_vision_model": lambda: T.SiglipVisionModel(T.SiglipVisionConfig(**SIZES)),
    "dinov3_vit": lambda: T.DINOv3ViTModel(T.DINOv3ViTConfig(**SIZES)),
}


def store(model, folder, rename=None, **settings):
    """Save a model; change the names in its file or the settings beside it."""
    with finetune.quiet():
        model.save_pretrained(folder)
    file, config = folder / "model.safetensors", folder / "config.json"
    if rename:
        weights = {rename(name): weight for name, weight in load_file(file).items()}
        weights.pop(None, None)
        save_file(weights, file, {"format": "pt"})
    entries = json.loads(config.read_text()) | settings
    config.write_text(json.dumps({k: v for k, v in entries.items() if v is not None}))
    return str(folder)


def vit(**more):
    torch.manual_seed(3)
    return ViTForImageClassification(ViTConfig(**(SIZES | more)))


def refusal(folder, *arguments):
    """Return the one sentence with which a folder is refused."""
    with pytest.raises(ValueError) as caught:
        pretrained(folder, NAMES, *arguments)
    message = str(caught.value)
    assert len(message.splitlines()) == 1 and len(message) < 500
    assert message.startswith(folder)
    return message.removeprefix(folder)


@pytest.mark.parametrize("name", FAMILIES)
def test_other_families_are_refused_unless_they_are_asked_for(name, tmp_path):
    theirs = FAMILIES[name]()
    folder, family = store(theirs, tmp_path), name.partition(",")[0]
    for load in (pretrained, scratch):
        with pytest.raises(ValueError, match=f"holds a model of type '{family}', not"):
            load(folder, NAMES)
    assert f"or ask for its own class: family='{family}'" in refusal(folder)
    torch.manual_seed(0)
    model = pretrained(folder, NAMES, family)
    stored, kept = theirs.state_dict(), model.state_dict()
    inside = [n for n in kept if "classifier" not in n and "pooler" not in n]
    assert len(inside) > 20
    for weight in inside:
        assert torch.equal(kept[weight], stored.get(weight, stored.get(body(weight))))
    assert model.config.id2label == dict(enumerate(NAMES))
    shapes = {
        n: w.shape for n, w in scratch(folder, NAMES, family).state_dict().items()
    }
    assert shapes == {n: w.shape for n, w in kept.items()}
    images = torch.rand(2, 3, 32, 32)[..., : 32 if name == "resnet" else 16, :16]
    loss = model(images, labels=torch.tensor([0, 1])).loss  # it can be fine-tuned
    loss.backward()


def body(name):
    """Return the name of a weight in a model that was saved without a head."""
    return name.partition(".")[2]


@pytest.mark.parametrize("classes", [3, 5], ids=["as many classes", "other classes"])
def test_other_families_get_a_new_head(classes, tmp_path):
    theirs = T.DeiTForImageClassification(T.DeiTConfig(**SIZES, num_labels=classes))
    folder = store(theirs, tmp_path)
    torch.manual_seed(0)
    first = pretrained(folder, NAMES, "deit").classifier
    assert first.weight.shape == (3, 16) and not first.bias.any()
    torch.manual_seed(1)
    assert not torch.equal(
        first.weight, pretrained(folder, NAMES, "deit").classifier.weight
    )
    if classes == 3:
        assert not torch.equal(first.weight, theirs.classifier.weight)


@pytest.mark.parametrize("kind", WITHOUT_CLASSIFIER)
def test_families_without_a_classifier_are_not_advised(kind, tmp_path):
    folder = store(WITHOUT_CLASSIFIER[kind](), tmp_path)
    assert "family=" not in refusal(folder)
    assert "transformers has no image classifier" in refusal(folder, kind)


def test_a_family_that_the_folder_does_not_hold_is_refused(folder, tmp_path):
    assert "holds a model of type 'vit', not 'deit'" in refusal(folder, "deit")


ENCODERS = {
    "mae": lambda: T.ViTMAEForPreTraining(
        T.ViTMAEConfig(
            **SIZES,
            decoder_hidden_size=8,
            decoder_num_attention_heads=2,
            decoder_num_hidden_layers=1,
            decoder_intermediate_size=8,
        )
    ),
    "mae, encoder alone": lambda: T.ViTMAEModel(T.ViTMAEConfig(**SIZES)),
    "msn": lambda: T.ViTMSNModel(T.ViTMSNConfig(**SIZES)),
    "msn, with head": lambda: T.ViTMSNForImageClassification(T.ViTMSNConfig(**SIZES)),
    "simmim": lambda: T.ViTForMaskedImageModeling(ViTConfig(**SIZES, encoder_stride=8)),
}


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


def timm_name(name):
    block = re.search(r"layer\.(\d+)\.(.*)", name)
    if block and "query" in name:
        return f"blocks.{block[1]}.attn.qkv.{name.rpartition('.')[2]}"
    return f"blocks.{block[1]}.{block[2]}" if block else name.rpartition("vit.")[2]


def test_names_of_timm_are_refused(tmp_path):
    folder = store(vit(), tmp_path, timm_name)
    assert "timm's names, such as blocks.0.attn.qkv.bias: choose" in refusal(folder)
    store(vit(), tmp_path, timm_name, model_type=None)  # as in a folder of timm
    assert "its file has timm's names" in refusal(folder)


def without(part):
    return lambda name: None if part in name else name


AGAIN = "fetch the checkpoint again, or choose another"
TOGETHER = "fetch config.json and weights from the same place"


@pytest.mark.parametrize(
    ("rename", "settings", "what", "remedy"),
    [
        (
            None,
            {"num_hidden_layers": 4},
            "lacks vit.encoder.layer.2.* and 31 more, .* 4 blocks .* ends after 2: ",
            'write "num_hidden_layers": 2 there if these are all, or fetch the whole',
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
            "holds vit.* and 5 more, .* other layers",
            TOGETHER,
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
            TOGETHER,
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_settings_and_weights_that_do_not_fit_are_refused(
    rename, settings, what, remedy, tmp_path
):
    message = refusal(store(vit(), tmp_path, rename, **settings))
    assert re.search(what, message) and remedy in message


@pytest.mark.parametrize("family", ["deit", "dinov2"])
def test_other_families_are_not_half_random_either(family, tmp_path):
    folder = store(FAMILIES[family](), tmp_path, num_hidden_layers=3)
    message = refusal(folder, family)
    assert "lacks" in message and '"num_hidden_layers": 2' in message
    store(FAMILIES[family](), tmp_path, image_size=32)
    message = refusal(folder, family)
    assert (
        "position_embeddings has shape (1, " in message
        and '"image_size": 16' in message
    )


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


def test_layerwise_rates_fall_from_head_to_embeddings(folder):
    model = pretrained(folder, NAMES)
    optimizer = layerwise_adamw(model, lr=1.0, decay=0.5, weight_decay=0.1)
    rates = {id(p): g for g in optimizer.param_groups for p in g["params"]}
    assert len(rates) == len(list(model.parameters()))
    wanted = {"embeddings": 1 / 8, "layers.0": 1 / 4, "layers.1": 1 / 2}
    for name, parameter in model.named_parameters():
        part = ".".join(name.split(".")[1 : 3 if "layers" in name else 2])
        group = rates[id(parameter)]
        assert group["lr"] == wanted.get(part, 1.0), name
        assert group["weight_decay"] == (0.1 if parameter.ndim > 1 else 0.0), name


@pytest.mark.parametrize("family", ["deit", "beit", "clip", "siglip", "dinov2"])
def test_layerwise_rates_find_the_blocks_of_other_families(family, tmp_path):
    model = pretrained(store(FAMILIES[family](), tmp_path), NAMES, family)
    optimizer = layerwise_adamw(model, lr=1.0, decay=0.5, weight_decay=0.1)
    rates = {id(p): g["lr"] for g in optimizer.param_groups for p in g["params"]}
    assert len(rates) == len(list(model.parameters()))
    seen = set()
    for name, parameter in model.named_parameters():
        block = re.search(r"\.layers?\.(\d)\.", name)
        early = ("embeddings." in name or "pre_layrnorm" in name) and not block
        wanted = 0.5 ** (2 - int(block[1])) if block else 1 / 8 if early else 1.0
        assert rates[id(parameter)] == wanted, name
        seen.add(wanted)
    assert seen == {1 / 8, 1 / 4, 1 / 2, 1.0}


@pytest.mark.parametrize("family", ["resnet", "swin"])
def test_layerwise_rates_need_a_list_of_equal_blocks(family, tmp_path):
    model = pretrained(store(FAMILIES[family](), tmp_path), NAMES, family)
    message = f"equal blocks can be found in {type(model).__name__}, .*torch.optim"
    with pytest.raises(ValueError, match=message):
        layerwise_adamw(model, lr=1.0, decay=0.5, weight_decay=0.1)


def test_layerwise_rates_know_added_parts_and_a_body_alone(folder):
    model = pretrained(folder, NAMES)
    model.gate = torch.nn.Parameter(torch.ones(2))  # listed first, yet near the head
    first, _ = optimizer_rates(model, model.gate, model.vit.embeddings.cls_token)
    assert first == 1.0
    body = model.vit
    rates = optimizer_rates(body, body.embeddings.cls_token, body.layernorm.weight)
    assert rates == [1 / 8, 1.0]


def optimizer_rates(model, *parameters):
    groups = layerwise_adamw(model, 1.0, decay=0.5, weight_decay=0.1).param_groups
    rates = {id(p): group["lr"] for group in groups for p in group["params"]}
    return [rates[id(parameter)] for parameter in parameters]


def test_layerwise_rates_leave_frozen_parameters_out(folder):
    model = pretrained(folder, NAMES)
    model.vit.requires_grad_(False)
    optimizer = layerwise_adamw(model, lr=1.0, decay=0.5, weight_decay=0.1)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    assert {id(p) for p in parameters} == {id(p) for p in model.classifier.parameters()}
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="requires_grad"):
        layerwise_adamw(model, lr=1.0, decay=0.5, weight_decay=0.1)


def test_features_are_what_the_head_reads(folder, processor, some):
    model = pretrained(folder, NAMES).train()
    found, labels = features(model, some, processor, batch_size=7)
    assert model.training
    assert found.shape == (30, 16) and found.dtype == np.float32
    assert labels.tolist() == list(some["label"])
    model.eval()
    with torch.no_grad():
        images = some.with_transform(pixels(processor))[:]["pixel_values"]
        wanted = model(images).logits
        logits = model.classifier(torch.from_numpy(found))
    torch.testing.assert_close(logits, wanted, rtol=0, atol=1e-5)
    again, _ = features(model.vit, some, processor)
    np.testing.assert_allclose(again, found, atol=1e-5)


@pytest.mark.parametrize("family", ["deit", "clip", "dinov2", "resnet"])
def test_features_of_other_families_are_what_their_head_reads(
    family, processor, some, tmp_path
):
    model = pretrained(store(FAMILIES[family](), tmp_path), NAMES, family)
    found, labels = features(model, some, processor, batch_size=7)
    assert not model.training and len(labels) == 30 and found.ndim == 2
    head = [part for part in model.classifier.modules() if hasattr(part, "weight")][0]
    with torch.no_grad():
        images = some.with_transform(pixels(processor))[:]["pixel_values"]
        logits = head(torch.from_numpy(found))
        torch.testing.assert_close(logits, model(images).logits, rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", ["ConvNextImageProcessor", "ConvNextFeatureExtractor"])
def test_other_families_keep_their_own_processor(kind, tmp_path):
    settings = {"size": {"shortest_edge": 16}, "crop_pct": 0.5, "resample": "nearest"}
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(settings | {"image_processor_type": kind}))
    found = load_processor(str(tmp_path))
    assert type(found).__name__ == "ConvNextImageProcessorPil"  # it obeys crop_pct
    assert found.crop_pct == 0.5 and found.resample == 0


def test_features_say_when_they_cannot_tell_what_a_head_would_read(processor, some):
    model = FAMILIES["dinov2"]()
    with pytest.raises(ValueError, match="Dinov2Model has no head called classifier"):
        features(model, some, processor)


def test_metrics_are_accuracy_and_macro_f1():
    answers, truth = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 1])
    logits = np.eye(2)[answers]
    scores = metrics(SimpleNamespace(predictions=logits, label_ids=truth))
    f1 = np.mean([2 / 3, 6 / 7])  # 2tp / (2tp + fp + fn) of each class
    assert scores == pytest.approx({"accuracy": 0.8, "f1": f1})


def test_metrics_find_the_logits_before_attentions_and_hidden_states():
    logits = np.eye(3)[[0, 1, 2, 0]]
    other = np.ones((4, 2, 5, 5))
    prediction = transformers.EvalPrediction((logits, (other, other)), np.arange(4) % 3)
    assert metrics(prediction)["accuracy"] == 1.0
    prediction = transformers.EvalPrediction((logits, (other,)), np.array([0, 1, 2, 1]))
    assert metrics(prediction)["accuracy"] == 0.75


@pytest.mark.parametrize("wish", ["output_attentions", "output_hidden_states"])
def test_evaluate_gives_the_accuracy_with_all_outputs_on(folder, tmp_path, wish):
    trainer = make_trainer(folder, tmp_path)
    plain = trainer.evaluate()
    trainer.model.set_attn_implementation("eager")
    setattr(trainer.model.config, wish, True)
    again = trainer.evaluate()
    assert again["eval_accuracy"] == plain["eval_accuracy"]
    assert again["eval_loss"] == pytest.approx(plain["eval_loss"], abs=1e-5)


# --- Training, and stopping in the middle -----------------------------------------


class KillAt(TrainerCallback):
    """Send this process ``kill -9`` at the end of a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def make_trainer(folder, output, model=None, change=None, callbacks=(), **more):
    transformers.set_seed(0)
    model = model or pretrained(folder, NAMES)
    transformers.set_seed(0)
    processor, train, test = load_processor(folder), tinted(48, 0), tinted(24, 1)
    settings = {
        "num_train_epochs": 3,
        "per_device_train_batch_size": 8,
        "learning_rate": 3e-3,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "logging_strategy": "epoch",
        "remove_unused_columns": False,
        "report_to": "none",
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "use_cpu": True,
    }
    return ExactTrainer(
        model,
        TrainingArguments(str(output), **(settings | more)),
        train_dataset=train.with_transform(pixels(processor, change)),
        eval_dataset=test.with_transform(pixels(processor)),
        data_collator=collate,
        compute_metrics=metrics,
        processing_class=processor,
        callbacks=list(callbacks),
    )


@pytest.fixture(scope="module")
def killed(folder, tmp_path_factory):
    """Let every training below kill itself; return where each has left its files.

    Each dies in a process of its own, forked from one that has imported torch for all.
    """
    base = tmp_path_factory.mktemp("killed")
    code = f"import test_finetune as t; t.die_one_by_one({folder!r}, {str(base)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "tests",
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return base


def die_one_by_one(folder, base):
    for how in (
        train_and_die_inside_an_epoch,
        train_and_die_after_an_epoch,
        train_and_die_while_saving,
        script_that_dies,
    ):
        child = os.fork()
        if not child:
            try:
                how(folder, os.path.join(base, how.__name__))
            except BaseException:
                traceback.print_exc()
            os._exit(1)  # with an error or without: it has not died as it should
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == -signal.SIGKILL, how.__name__


def train_and_die_inside_an_epoch(folder, output):
    """Checkpoints at steps 4 and 8; ends at step 10, in the middle of epoch 2."""
    torch.set_num_threads(1)
    more = {"save_strategy": "steps", "save_steps": 4}
    make_trainer(folder, output, callbacks=[KillAt(10)], **more).train()


def train_and_die_after_an_epoch(folder, output):
    """With augmentation and a checkpoint at the end of each epoch, steps 6 and 12."""
    torch.set_num_threads(1)
    make_trainer(folder, output, change=augment, callbacks=[KillAt(15)]).train()


def train_and_die_while_saving(folder, output):
    """The checkpoint of step 12 has weights, but no state."""
    torch.set_num_threads(1)
    trainer = make_trainer(folder, output)
    save = trainer._save_rng_state

    def save_or_die(path):
        if trainer.state.global_step == 12:
            os.kill(os.getpid(), signal.SIGKILL)
        save(path)

    trainer._save_rng_state = save_or_die
    trainer.train()


@pytest.mark.parametrize(
    ("how", "resumed_at", "settings"),
    [
        (
            "train_and_die_inside_an_epoch",
            8,
            {"save_strategy": "steps", "save_steps": 4},
        ),
        ("train_and_die_after_an_epoch", 12, {"change": augment}),
        ("train_and_die_while_saving", 6, {}),
    ],
    ids=["inside an epoch", "with augmentation", "while saving"],
)
def test_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
    folder, killed, tmp_path, how, resumed_at, settings
):
    whole = make_trainer(folder, tmp_path / "whole", **settings)
    start = {name: w.clone() for name, w in whole.model.state_dict().items()}
    whole.train()
    query = "vit.layers.1.attention.q_proj.weight"  # of the part that is left behind
    assert (start[query] - whole.model.state_dict()[query]).abs().max() > 1e-3
    assert last_checkpoint(killed / how).endswith(f"-{resumed_at}")
    resumed = make_trainer(folder, killed / how, **settings)
    resumed.train(resume_from_checkpoint=True)
    assert largest_difference(whole.model, resumed.model) == 0.0


def test_resume_restores_what_from_pretrained_reads(folder, tmp_path):
    """Holds whatever names Trainer reads by, now and when upstream has mended it."""
    trainer = make_trainer(folder, tmp_path, num_train_epochs=1)
    trainer.train()
    checkpoint = last_checkpoint(tmp_path)
    stored = ViTForImageClassification.from_pretrained(checkpoint)
    fresh = make_trainer(folder, tmp_path)
    assert largest_difference(fresh.model, stored) > 1e-3
    fresh._load_from_checkpoint(checkpoint)
    assert largest_difference(fresh.model, stored) == 0.0


def test_model_at_the_end_is_the_best_checkpoint(folder, tmp_path):
    scores = iter([0.5, 0.9, 0.1])
    trainer = make_trainer(
        folder,
        tmp_path,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        save_total_limit=2,
    )
    trainer.compute_metrics = lambda prediction: {"accuracy": next(scores)}
    trainer.train()
    best = tmp_path / "checkpoint-12"
    assert Path(trainer.state.best_model_checkpoint) == best
    stored = ViTForImageClassification.from_pretrained(best)
    assert largest_difference(trainer.model, stored) == 0.0
    last = ViTForImageClassification.from_pretrained(tmp_path / "checkpoint-18")
    assert largest_difference(trainer.model, last) > 1e-3


REMEDY = "delete it to resume from an older one, or start the run anew"


@pytest.mark.parametrize(
    ("rename", "classes", "message"),
    [
        (without(".layer.1."), 3, r" lacks vit.layers.1.\S+ and 15 more, which would"),
        (without("classifier.bias"), 3, " lacks classifier.bias, which would stay ran"),
        (lambda name: f"module.{name}", 3, " lacks classifier.bias and 39 more, which"),
        (lambda name: name.replace(".1.", ".2."), 3, " lacks vit.layers.1"),
        (None, 4, r": classifier.bias has shape \(4,\) in the file, .* \(3,\)"),
    ],
    ids=["a block", "the head's bias", "names", "another block", "classes"],
)
def test_run_is_not_resumed_from_half_a_checkpoint(
    folder, tmp_path, rename, classes, message
):
    trainer = make_trainer(folder, tmp_path)
    before = {name: w.clone() for name, w in trainer.model.state_dict().items()}
    model = pretrained(folder, [*NAMES, "gray"][:classes])
    stored = store(model, tmp_path / "checkpoint-6", rename)
    trainer.state.best_model_checkpoint = stored
    for load in (trainer._load_from_checkpoint, lambda _: trainer._load_best_model()):
        with pytest.raises(ValueError, match=message) as caught:
            load(stored)
        assert str(caught.value).startswith(stored) and REMEDY in str(caught.value)
    for name, weight in trainer.model.state_dict().items():
        assert torch.equal(weight, before[name])


class OwnModel(torch.nn.Module):
    """Not from transformers: Trainer stores its weights under its own names."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.head = backbone, torch.nn.Linear(16, 3)

    def forward(self, pixel_values, labels=None):
        tokens = self.backbone(pixel_values).last_hidden_state
        logits = self.head(tokens[:, 0])
        loss = torch.nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def test_model_of_ones_own_is_restored_too(folder, tmp_path):
    def start():
        torch.manual_seed(0)
        own = OwnModel(pretrained(folder, NAMES).vit)
        return make_trainer(folder, tmp_path, model=own, num_train_epochs=2)

    whole, resumed = start(), start()
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    assert largest_difference(whole.model, resumed.model) == 0.0


def test_incomplete_checkpoints_are_passed_over(tmp_path):
    assert last_checkpoint(tmp_path / "nowhere") is None
    for step, state in ((9, "{}"), (10, None), (11, '{"half"'), ("x", "{}")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-9")


def test_resume_without_a_checkpoint_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="no complete checkpoint in"):
        make_trainer(folder, tmp_path).train(resume_from_checkpoint=True)


def test_training_is_silent_and_epoch_lines_are_short(folder, tmp_path, capfd):
    make_trainer(folder, tmp_path, num_train_epochs=1).train()
    assert capfd.readouterr() == ("", "")
    lines = [EpochLines()]
    make_trainer(folder, tmp_path, num_train_epochs=2, callbacks=lines).train()
    shown = capfd.readouterr()
    assert shown.err == ""
    printed = shown.out.splitlines()
    assert len(printed) == 2 and all(len(line) < 88 for line in printed)
    assert "step    12" in printed[1] and "accuracy 0." in printed[1]


def test_frozen_backbone_stays(folder, tmp_path):
    trainer = make_trainer(folder, tmp_path, num_train_epochs=1)
    trainer.model.vit.requires_grad_(False)
    trainer.train()
    stored = ViTForImageClassification.from_pretrained(folder)
    assert largest_difference(trainer.model.vit, stored.vit) == 0.0


# --- The script -------------------------------------------------------------------


def use_small_world(folder, patch=setattr):
    """Let the script load the pictures and the checkpoint of this file."""
    splits = {"train": tinted(48, 0), "validation": tinted(24, 1), "test": tinted(9, 2)}
    patch(data, "load", lambda name: DatasetDict(splits))
    patch(checkpoints, "locate", lambda role: folder)


def script_that_dies(folder, output):
    use_small_world(folder)
    torch.set_num_threads(1)
    lines = EpochLines.on_evaluate
    calls = itertools.count(1)

    def lines_or_die(*arguments, **options):
        if next(calls) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return lines(*arguments, **options)

    EpochLines.on_evaluate = lines_or_die
    finetune.main(script_options(output))


def script_options(output):
    return ["--output", str(output), "--batch-size", "8", "--lr", "0.003"]


@pytest.fixture
def script(folder, monkeypatch):
    use_small_world(folder, monkeypatch.setattr)
    return lambda output, *more: finetune.main([*script_options(output), *more])


def test_script_writes_model_processor_and_metrics(script, tmp_path, some, capsys):
    script(tmp_path)
    printed = capsys.readouterr().out.splitlines()
    assert ["validation" in line for line in printed] == [True, True, True, False]
    assert printed[-1].startswith("test accuracy")
    names = {path.name for path in (tmp_path / "model").iterdir()}
    wanted = {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert names == wanted | {"metrics.json"}
    scores = json.loads((tmp_path / "model/metrics.json").read_text())
    assert 0 <= scores["test_accuracy"] <= 1
    pipe = transformers.pipeline(
        "image-classification",
        model=ViTForImageClassification.from_pretrained(tmp_path / "model"),
        image_processor=load_processor(str(tmp_path / "model")),
    )
    assert {found["label"] for found in pipe(some[0]["image"])} == set(NAMES)


def test_killed_script_resumes_and_ends_with_the_same_model(script, killed, tmp_path):
    script(tmp_path / "whole")
    cut = killed / "script_that_dies"
    assert not (cut / "model").exists()
    assert last_checkpoint(cut / "checkpoints").endswith("-12")
    script(cut)
    load = ViTForImageClassification.from_pretrained
    whole, cut = load(tmp_path / "whole/model"), load(cut / "model")
    assert largest_difference(whole, cut) == 0.0


def test_script_refuses_to_overwrite_and_to_resume_with_other_settings(
    script, tmp_path
):
    (tmp_path / "old/model").mkdir(parents=True)
    with pytest.raises(SystemExit, match="model is there already; choose another"):
        script(tmp_path / "old")
    script(tmp_path / "new", "--epochs", "1")
    (tmp_path / "new/model").rename(tmp_path / "elsewhere")
    with pytest.raises(SystemExit, match="another epochs; give the same options"):
        script(tmp_path / "new", "--epochs", "2")


def test_script_says_what_is_wrong_with_the_data(script, tmp_path, monkeypatch):
    def fail(name):
        raise data.DataError("the data is out of reach. Do this instead.")

    monkeypatch.setattr(data, "load", fail)
    with pytest.raises(SystemExit, match="out of reach. Do this instead."):
        script(tmp_path)
