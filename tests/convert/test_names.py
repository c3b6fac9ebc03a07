"""One table of names: complete, one to one, and the only one."""

import ast
import re

import pytest
from safetensors.numpy import load_file
from vit_checkpoints import SMALL, hugging_face_vit

from course_utils.convert import keras as convert_keras
from course_utils.convert import torch as convert_torch
from course_utils.convert.names import on_disk, renaming
from course_utils.session import ROOT

NAMINGS = ("our PyTorch", "our Keras", "memory", "disk", "KerasHub")
DEPTH = SMALL["num_hidden_layers"]


@pytest.fixture(scope="module")
def hf_model():
    return hugging_face_vit(**SMALL)


@pytest.fixture(scope="module")
def folder(hf_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names") / "vit"
    hf_model.save_pretrained(folder)
    return folder


def table(naming, depth=DEPTH):
    return set(renaming(naming, naming, depth))


def test_all_weights_of_real_models_in_pytorch_are_in_the_table(hf_model, folder):
    assert table("memory") == hf_model.state_dict().keys()
    assert table("disk") == load_file(folder / "model.safetensors").keys()
    assert table("our PyTorch") == convert_torch.from_hf(hf_model).state_dict().keys()


def test_all_weights_of_real_models_in_keras_are_in_the_table(folder):
    ours = convert_keras.from_hf(folder)
    hub = convert_keras.to_keras_hub(ours)
    for naming, model in {"our Keras": ours, "KerasHub": hub}.items():
        found = [convert_keras.variable_at(model, path) for path in table(naming)]
        assert {id(v) for v in found} == {id(v) for v in model.weights}
        assert len(found) == len(model.weights)


@pytest.mark.parametrize("old", NAMINGS)
@pytest.mark.parametrize("new", NAMINGS)
def test_names_lead_there_and_back(old, new):
    there, back = renaming(old, new, 12), renaming(new, old, 12)
    assert there.keys() == table(old, 12) and back.keys() == table(new, 12)
    for name, found in there.items():
        assert len(found) in (1, 3) and (len(found) == 1 or ".attention.qkv." in name)
        assert all(name in back[other] for other in found)


def test_queries_keys_and_values_come_in_this_order():
    names = renaming("our Keras", "memory", 4)["blocks.3.attention.qkv.kernel"]
    assert names == [f"vit.layers.3.attention.{x}_proj.weight" for x in "qkv"]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("classifier.bias", "classifier.bias"),
        ("embeddings.cls_token", "vit.embeddings.cls_token"),
        ("layers.11.mlp.fc1.bias", "vit.encoder.layer.11.intermediate.dense.bias"),
        ("vit.encoder.layer.2.output.dense.bias",) * 2,
        ("gate.weight", "vit.gate.weight"),
    ],
)
def test_name_on_disk_is_that_of_a_model_with_a_head(name, wanted):
    assert on_disk(name) == wanted


def test_no_other_module_of_the_package_has_such_a_table():
    """Names of one layer, apart from the kinds a figure or a lesson asks for."""
    words = {
        part
        for naming in ("memory", "disk", "KerasHub")
        for name in renaming(naming, naming, 1)
        for part in re.split(r"\.0\.|\.(?:weight|bias|kernel|gamma|beta)$", name)
        if part.count(".") == 1 and not part.startswith("vit.")
    }
    assert {"attention.q_proj", "intermediate.dense", "mha.query_dense"} <= words
    package = ROOT / "course_utils"
    for path in sorted(package.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
        found = {word for word in words if any(word in str(text) for text in texts)}
        if path.name != "names.py" and "exercises" not in path.parts:
            assert len(found) < 3, (path, found)
