"""The benchmark of notebook 12 computes what the lesson says of it."""

import copy
import json

import pytest
import torch
from transformers import ViTConfig, ViTForImageClassification

from benchmarks import nb12
from benchmarks import nb12_parts as parts


@pytest.fixture
def model():
    config = ViTConfig(
        image_size=48,
        patch_size=8,
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=16,
        num_labels=2,
    )
    torch.manual_seed(0)
    found = ViTForImageClassification(config).eval()
    with torch.no_grad():
        for weight in found.parameters():
            weight.add_(0.2 * torch.randn(weight.shape))
    return found


@pytest.fixture
def images():
    return torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("way", ["LoRA", "one more block", "relative bias"])
def test_ways_that_start_at_zero_keep_the_logits(model, images, way):
    before = model(images).logits
    after = parts.WAYS[way](copy.deepcopy(model)).eval()(images).logits
    torch.testing.assert_close(after, before, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("way", ["window attention", "linear attention"])
def test_other_attentions_change_the_logits(model, images, way):
    before = model(images).logits
    after = parts.WAYS[way](copy.deepcopy(model))(images).logits
    assert (after - before).abs().max() > 1e-4


def test_window_attention_is_softmax_with_all_else_hidden():
    q, k, v = torch.randn(3, 2, 2, 37, 4)
    row, column = torch.arange(36) // 6, torch.arange(36) % 6
    home = row // 3 * 2 + column // 3
    seen = torch.ones(37, 37, dtype=torch.bool)
    seen[1:, 1:] = home[:, None] == home
    scores = (q @ k.mT / 2).masked_fill(~seen, -torch.inf)
    found, _ = parts.window_attention(None, q, k, v, None)
    wanted = (scores.softmax(-1) @ v).transpose(1, 2)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_linear_attention_has_weights_that_sum_to_one():
    q, k = torch.randn(2, 1, 2, 5, 4)
    one = torch.eye(5).expand(1, 2, 5, 5)
    A = parts.linear_attention(None, q, k, one, None)[0].transpose(1, 2)
    torch.testing.assert_close(A.sum(-1), torch.ones(1, 2, 5))


def test_lora_learns_its_matrices_and_the_head_only(model):
    names = {
        name.rsplit(".", 1)[-1] if "attention" in name else name
        for name, weight in parts.lora(model).named_parameters()
        if weight.requires_grad
    }
    assert names == {"down", "up", "classifier.weight", "classifier.bias"}


def test_memory_counts_gradients_and_moments_of_what_learns(model, images):
    found = parts.kept_by_a_step(parts.probe(model), images)
    assert found["learn"] == 16 * 2 + 2
    assert found["gradients and moments"] == 12 * found["learn"]


def test_storing_keeps_what_keras_found(tmp_path, monkeypatch):
    monkeypatch.setattr(nb12, "FILE", tmp_path / "nb12.json")
    bench = nb12.Bench()
    nb12.FILE.write_text('{"keras": {"runs": {"one": 1}}}', encoding="utf-8")
    assert bench.once("runs", "two", lambda: 2) == 2
    found = json.loads(nb12.FILE.read_text("utf-8"))
    assert found["keras"] == {"runs": {"one": 1}}
    assert found["torch"] == {"runs": {"two": 2}}
    again = nb12.Bench()
    assert again.once("runs", "two", pytest.fail) == 2
