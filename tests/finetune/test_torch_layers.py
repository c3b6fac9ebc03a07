"""What of a PyTorch model learns, how fast, and what its head reads."""

import re

import pytest
import torch
from tinted import NAMES
from vit_checkpoints import FAMILIES, write_checkpoint

from course_utils.finetune.torch import (
    freeze,
    layerwise_adamw,
    load_processor,
    pretrained,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def processor(folder):
    return load_processor(folder)


# --- Rates by depth --------------------------------------------------------------


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


@pytest.mark.parametrize("family", ["resnet", "swin", "clip"])
def test_layerwise_rates_need_the_blocks_of_a_vit(family):
    model = FAMILIES[family]()
    message = f"no blocks can be found in {type(model).__name__}, .*torch.optim"
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


# --- What learns ------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [0, 1, 2])
def test_freeze_holds_embeddings_and_first_blocks_and_nothing_else(blocks, folder):
    model = pretrained(folder, NAMES)
    model.requires_grad_(False)  # whatever was frozen before learns again
    freeze(model, blocks)
    for name, parameter in model.named_parameters():
        block = re.search(r"\.layers\.(\d)\.", name)
        low = int(block[1]) < blocks if block else "embeddings." in name and blocks > 0
        assert parameter.requires_grad != low, name


def test_freeze_refuses_more_blocks_than_there_are(folder):
    with pytest.raises(ValueError, match="0 to 2, not 3"):
        freeze(pretrained(folder, NAMES), 3)
