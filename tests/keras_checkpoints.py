"""Checkpoints of small ViTs, written by KerasHub, and pictures for them."""

import json

import numpy as np

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import keras_hub  # noqa: E402

from course_utils.convert import keras as convert_keras  # noqa: E402

LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def write_checkpoint(folder, blocks=2):
    """A random ViT for pictures of 16 pixels, with dropout and five classes."""
    keras.utils.set_random_seed(7)
    backbone = keras_hub.models.ViTBackbone(
        (16, 16, 3), 8, blocks, 2, 16, 24, dropout_rate=0.1, layer_norm_epsilon=1e-3
    )
    classifier = keras_hub.models.ViTImageClassifier(backbone, 5)
    processor = folder / "processor"
    processor.mkdir(parents=True)
    recipe = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 16, "width": 16},
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "resample": 2,
    }
    (processor / "preprocessor_config.json").write_text(json.dumps(recipe))
    convert_keras.to_hf(
        classifier, folder / "model", dict(enumerate("abcde")), processor
    )
    return folder / "model"


def pictures(count=4, seed=0):
    random = np.random.default_rng(seed)
    return random.uniform(-1, 1, (count, 16, 16, 3)).astype("float32")


def same_weights(first, second):
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)
