"""The bundled reader of digits: its form, its limits, and what its card says."""

import functools
import json
import re

import numpy as np
import pytest
import torch
from transformers import ViTForImageClassification, ViTImageProcessorPil

from course_utils.convert.torch import from_hf
from course_utils.data import load, locate
from course_utils.finetune.torch import batches, load_processor, quiet
from course_utils.session import ROOT
from course_utils.training import evaluate
from course_utils.training.pictures import to_tensors
from drawing import checkpoint, train_digit_vit

FOLDER = ROOT / "data" / "digit-vit"
FACTS = json.loads((FOLDER / "training.json").read_text(encoding="utf-8"))


@functools.cache
def digit_vit():
    with quiet():
        return ViTForImageClassification.from_pretrained(locate("digits")).eval()


@functools.cache
def test_digits():
    return to_tensors(load("mnist")["test"])


test_digits.__test__ = False


def test_it_has_49_patches_one_channel_and_ten_digits():
    config = digit_vit().config
    assert (config.image_size, config.patch_size, config.num_channels) == (28, 4, 1)
    assert list(config.id2label.values()) == list("0123456789")
    assert digit_vit().vit.embeddings.position_embeddings.shape[1] == 49 + 1


def test_it_reads_the_bundled_test_digits():
    # What training.json says is what was measured; the margin is five of 2,000 digits,
    # for machines whose last bits differ.
    accuracy = evaluate(from_hf(digit_vit()), test_digits()).accuracy
    assert accuracy == pytest.approx(FACTS["accuracy"], abs=0.0025)


@pytest.mark.parametrize(
    "load_it", [load_processor, ViTImageProcessorPil.from_pretrained]
)
def test_its_processor_makes_the_numbers_it_was_trained_with(load_it):
    pictures = load("mnist")["test"][:20]["image"]
    found = load_it(FOLDER)(pictures, return_tensors="pt")["pixel_values"]
    pixels = np.stack([np.asarray(picture) for picture in pictures])
    wanted, _ = train_digit_vit.to_pair(pixels, np.zeros(20, np.int64))
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-6)
    torch.testing.assert_close(test_digits()[0][:20], wanted, rtol=0, atol=1e-6)


def test_batches_of_the_lessons_have_one_channel():
    rows = load("mnist")["test"].select(range(12))
    (batch,) = batches(rows, load_processor(FOLDER), 12)
    torch.testing.assert_close(
        batch["pixel_values"], test_digits()[0][:12], rtol=0, atol=1e-6
    )


def test_training_runs_from_digits_to_a_model_that_loads(monkeypatch, tmp_path):
    monkeypatch.setattr(train_digit_vit, "BUILD", tmp_path / "build")
    monkeypatch.setitem(train_digit_vit.MODEL, "depth", 1)
    few = tuple(part[:40] for part in test_digits())
    splits = dict.fromkeys(("train", "validation", "test"), few)
    model, facts = train_digit_vit.train(splits, epochs=1)
    checkpoint.write(model, train_digit_vit.NAMES, facts, tmp_path / "digit-vit")
    with quiet():
        folder = tmp_path / "digit-vit"
        stored = ViTForImageClassification.from_pretrained(folder)
    assert stored.config.num_hidden_layers == 1 and facts["pictures"] == 40
    assert list(load_processor(folder).image_mean) == [0.5]


def test_positions_begin_small():
    assert 0.018 < train_digit_vit.build().positions.std().item() < 0.022


def test_rows_to_learn_from_and_to_choose_by_are_apart_from_the_bundled_test(
    monkeypatch,
):
    numbers = np.arange(60_000)
    pixels = np.zeros((60_000, 1, 1), np.uint8)
    rows = (pixels, numbers), (pixels[:10_000], numbers[:10_000])
    monkeypatch.setattr(train_digit_vit.make_mnist, "digits", lambda wheel: rows)
    parts = {name: pair[1] for name, pair in train_digit_vit.data("wheel").items()}
    assert parts["train"].tolist() == list(range(36_000))
    assert parts["validation"].tolist() == list(range(36_000, 40_000))
    assert parts["test"][:4].tolist() == [0, 1, 5, 6] and len(parts["test"]) == 2_000


def test_the_card_states_what_was_measured():
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    percent = ("validation_accuracy", "accuracy")
    facts = [f"{100 * FACTS[name]:.2f} %" for name in percent]
    facts += [f"{FACTS[n]:,}" for n in ("pictures", "test_pictures")]
    facts += [
        f"{FACTS['epochs']} epochs",
        f"learning rate {FACTS['lr']}",
        f"batches of {FACTS['batch_size']}",
        f"{FACTS['cpu_seconds'] / 60:.0f} minutes",
        f"torch {FACTS['torch']}",
        f"{digit_vit().num_parameters():,}",
        "python -m drawing.train_digit_vit",
        "seed 0",
    ]
    assert not [fact for fact in facts if fact not in card]
    assert re.search(r"(?m)^license: ", card)
