"""Which models the explorer takes, and in which words it refuses the others."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from transformers import ViTForImageClassification, ViTImageProcessorPil
from vit_checkpoints import largest_difference, write_checkpoint

from course_utils.convert.torch import from_hf, to_hf
from course_utils.explorer import reading
from course_utils.finetune import torch as finetune
from course_utils.vit.torch import ViT

SIZES = {
    "image_size": 28,
    "patch_size": 14,
    "in_channels": 1,
    "num_classes": 10,
    "dim": 8,
    "depth": 2,
    "heads": 2,
    "mlp_dim": 12,
}


@pytest.fixture
def file_of_04(tmp_path):
    """Save a model as notebook 04 does."""
    torch.manual_seed(0)
    model = ViT(**SIZES)
    path = tmp_path / "digits.safetensors"
    save_file(dict(model.state_dict()), path, metadata={"sizes": json.dumps(SIZES)})
    return path, model


@pytest.fixture
def folder_of_08(tmp_path):
    return write_checkpoint(tmp_path / "cifar10-vit")


def change(folder, name, **settings):
    path = folder / name
    held = json.loads(path.read_text(encoding="utf-8")) | settings
    path.write_text(json.dumps(held), encoding="utf-8")


def test_file_of_notebook_04_is_read(file_of_04):
    path, model = file_of_04
    found, look = reading.read(path, 0.1307, 0.3081)
    assert largest_difference(found, model) == 0 and not found.training
    assert look == {
        "name": "digits.safetensors",
        "mean": [0.1307],
        "std": [0.3081],
        "resample": 2,
        "classes": list("0123456789"),
    }


def test_folder_of_notebook_08_is_read(folder_of_08):
    with finetune.quiet():
        wanted = from_hf(ViTForImageClassification.from_pretrained(folder_of_08))
    found, look = reading.read(folder_of_08)
    assert largest_difference(found, wanted) == 0
    assert look["name"] == "cifar10-vit" and look["mean"] == look["std"] == [0.5] * 3
    assert look["classes"][0] == "LABEL 0" and len(look["classes"]) == 5


def test_models_in_memory_are_read():
    model = ViT(**SIZES)
    found, look = reading.read(model)
    assert largest_difference(found, model) == 0 and look["mean"] == [0.5]
    names = dict(enumerate("abcdefghij"))
    found, look = reading.read(to_hf(model, names))
    assert largest_difference(found, model) == 0 and look["classes"] == list(
        "abcdefghij"
    )


def test_pictures_go_in_as_the_processor_sends_them(folder_of_08):
    model, look = reading.read(folder_of_08)
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    processor = ViTImageProcessorPil.from_pretrained(folder_of_08)
    wanted = processor(image, return_tensors="np")["pixel_values"]
    np.testing.assert_allclose(reading.inputs([image], model, look), wanted, atol=1e-6)


def refusal(*arguments):
    with pytest.raises((ValueError, TypeError)) as caught:
        reading.read(*arguments)
    words = str(caught.value)
    assert "\n" not in words and len(words) < 420
    return words


def test_large_model_is_refused():
    with torch.device("meta"):
        model = ViT(224, 16, 3, 1000, dim=768, depth=12, heads=12, mlp_dim=3072)
    words = refusal(model)
    assert "86.6 million parameters" in words and "at most 5 million" in words


def test_model_of_another_kind_is_refused():
    assert "not torch.Linear; copy" in refusal(torch.nn.Linear(2, 2))


def test_diverged_model_is_refused():
    model = ViT(**SIZES)
    torch.nn.init.constant_(model.head.bias, float("nan"))
    assert "a smaller learning rate" in refusal(model)


def test_file_without_its_scaling_is_refused(file_of_04):
    assert "0.1307 and 0.3081" in refusal(file_of_04[0])
    assert "0.1307 and 0.3081" in refusal(file_of_04[0], 0.5)


def test_file_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "model.pt"
    path.write_bytes(b"PK and so on")
    assert "as notebook 04 saves one" in refusal(path)
    save_file({"a": torch.zeros(2)}, path)
    assert "as notebook 04 saves one" in refusal(path)
    save_file({"a": torch.zeros(2)}, path, metadata={"sizes": json.dumps(SIZES)})
    assert "as notebook 04 saves one" in refusal(path)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("config.json", "model"),
        ("model.safetensors", "model"),
        ("preprocessor_config.json", "processor"),
    ],
)
def test_folder_without_a_file_is_refused(tmp_path, name, what):
    write_checkpoint(tmp_path)
    (tmp_path / name).unlink()
    words = refusal(tmp_path)
    assert f"has no {name};" in words and f"save_pretrained of {what}" in words


def test_folder_that_is_none_is_refused(tmp_path):
    assert "has no config.json" in refusal(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "preprocessor_config.json"]
)
def test_damaged_file_is_refused(tmp_path, name):
    write_checkpoint(tmp_path)
    (tmp_path / name).write_bytes(b'{"half": ')
    assert "cannot be read" in refusal(tmp_path)


def test_other_family_is_refused(tmp_path):
    write_checkpoint(tmp_path)
    change(tmp_path, "config.json", model_type="deit")
    assert "of type 'deit', not 'vit'" in refusal(tmp_path)


def test_checkpoint_that_is_not_whole_is_refused(tmp_path):
    write_checkpoint(tmp_path)
    change(tmp_path, "config.json", num_hidden_layers=3)
    assert "config.json asks for 3 blocks and the file has 2" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"resample": 1}, '"resample": 1, but the page can resize in two ways'),
        ({"resample": 9}, '"resample" is 9, which is no way of resizing'),
        (
            {
                "do_center_crop": True,
                "crop_size": {"height": 16, "width": 16},
                "size": {"height": 24, "width": 24},
            },
            "does more than the page",
        ),
        ({"do_normalize": False}, "does more than the page"),
        ({"size": {"height": 20, "width": 20}}, "does more than the page"),
    ],
)
def test_processor_that_does_something_else_is_refused(tmp_path, settings, words):
    write_checkpoint(tmp_path)
    change(tmp_path, "preprocessor_config.json", **settings)
    assert words in refusal(tmp_path)
