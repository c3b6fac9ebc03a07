"""What both bundled checkpoints are: small, in float32, and without anything else."""

import pytest
import torch
from transformers import ViTForImageClassification

from course_utils.finetune.torch import quiet
from course_utils.session import ROOT

LARGEST = {"tiny-vit": 4e6, "digit-vit": 1e6}  # bytes of the weights


@pytest.fixture(params=LARGEST)
def folder(request):
    return ROOT / "data" / request.param


def test_it_is_small_and_in_float32(folder):
    assert (folder / "model.safetensors").stat().st_size < LARGEST[folder.name]
    with quiet():
        model = ViTForImageClassification.from_pretrained(folder)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.num_parameters() <= 950_000


def test_its_folder_holds_nothing_else(folder):
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "training.json",
    }
