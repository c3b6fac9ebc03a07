"""The tiny ViT of the checks: whatever an answer did to it, the next check begins anew.

It also holds what lesson 13 says about ``trainable``: the flag is handed down when it
changes, and then only the variables' own flags and that of the compiled model count.
"""

import numpy as np
import pytest

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402

from course_utils.exercises.nb11_cats_vs_dogs_tensorflow import encoder_of  # noqa: E402
from course_utils.exercises.nb13_modify_a_vit_tensorflow import (  # noqa: E402
    small_classifier,
    what_learns,
)

PARTS = ["embeddings", "block 1", "block 2", "block 3", "last norm", "head"]


def frozen(classifier) -> list[str]:
    return [part for part, how in what_learns(classifier).items() if how == "frozen"]


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ("", []),
        ("last norm, head", ["last norm", "head"]),
        ("block 2", ["block 2"]),
        ("backbone", PARTS[:-1]),
        ("everything", PARTS),
    ],
)
def test_what_was_frozen_before_is_frozen_and_nothing_else(before, wanted):
    assert frozen(small_classifier(before)) == wanted


def _freezes_variables(classifier):
    for weight in classifier.weights:
        weight.trainable = False


def _freezes_flags(classifier):
    classifier.trainable = False
    encoder_of(classifier).encoder_layers[0].trainable = True


def _drops_a_block(classifier):
    del encoder_of(classifier).encoder_layers[0]


@pytest.mark.parametrize("left", [_freezes_variables, _freezes_flags, _drops_a_block])
def test_nothing_is_left_of_the_answer_before(left):
    left(small_classifier(""))
    assert what_learns(small_classifier("")) == dict.fromkeys(PARTS, "learns")


def moved_in_a_step(classifier) -> set[str]:
    """Return the parts that one step of training moves."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    classifier.compile(keras.optimizers.Adam(0.1), loss, run_eagerly=True)
    before = {weight.path: weight.numpy() for weight in classifier.weights}
    images = np.random.default_rng(0).normal(size=(4, 4, 4, 3)).astype("float32")
    classifier.train_on_batch(images, np.array([0, 1, 1, 0]))
    return {
        part
        for weight in classifier.weights
        if not np.array_equal(weight.numpy(), before[weight.path])
        for part in PARTS
        if part.replace("block ", "_block_") in weight.path
        or (part, weight.path.split("/")[-2])
        in {("last norm", "ln"), ("head", "predictions")}
    }


def test_block_that_is_thawed_in_a_frozen_encoder_learns():
    classifier = small_classifier("backbone")
    encoder_of(classifier).encoder_layers[1].trainable = True
    assert moved_in_a_step(classifier) == {"block 2", "head"}


def test_flag_that_has_its_value_already_is_not_handed_down():
    classifier = small_classifier("block 3")
    classifier.backbone.trainable = True
    assert frozen(classifier) == ["block 3"]
    classifier.backbone.trainable = False
    classifier.backbone.trainable = True
    assert frozen(classifier) == []


def test_flag_of_the_compiled_model_counts():
    classifier = small_classifier("everything")
    for weight in classifier.weights:
        weight.trainable = True
    assert classifier.trainable_variables == []
