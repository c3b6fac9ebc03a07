"""Fine-tune a ViT of Hugging Face as KerasHub's: what notebooks 09, 11 and 12 share.

The twin ``torch.py`` has the same names; PyTorch and transformers are not needed here.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras_hub.models import ViTBackbone, ViTImageClassifier

from course_utils.convert import keras as convert_keras
from course_utils.data import checkpoints
from course_utils.data.pictures import labels_of, upright
from course_utils.training.keras import SeededEpochs


@dataclass(frozen=True)
class Processor:
    """Prepare pictures as transformers does for a checkpoint (Keras has no such class).

    Pillow resizes and rounds to whole gray levels, as it does in transformers;
    ``tf.image.resize`` differs by up to one level.
    """

    size: int  # side of the square pictures, in pixels
    mean: tuple[float, ...]  # of each channel, from 0 to 1; one number: gray pictures
    std: tuple[float, ...]
    resample: int = 2  # Pillow's number for bilinear

    def resize(self, image) -> np.ndarray:
        """Read a picture by ``upright``; return uint8, (size, size, channels)."""
        image = upright(image).convert("L" if len(self.mean) == 1 else "RGB")
        return np.atleast_3d(image.resize([self.size] * 2, self.resample))

    def normalize(self, images):
        """Turn gray levels 0 to 255, shape (..., channels), into float32 around 0."""
        images = tf.cast(images, tf.float32)
        return (images / 255 - np.float32(self.mean)) / np.float32(self.std)

    def __call__(self, images: Sequence):
        """Return pictures as the model wants them, (B, size, size, C), float32."""
        return self.normalize(np.stack([self.resize(image) for image in images]))


def load_processor(source: str | Path) -> Processor:
    """Read ``preprocessor_config.json``, or refuse one that asks for other steps."""
    path = checkpoints.local(source) / "preprocessor_config.json"
    try:
        recipe = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}); give the folder of a whole checkpoint, "
            "or make a Processor of its size, mean and spread"
        ) from None
    size = recipe.get("size", 224)
    if isinstance(size, dict):
        size = [size.get("height"), size.get("width")]
    size, *others = set(np.ravel(size).tolist())
    steps = ("do_resize", "do_rescale", "do_normalize")
    if (
        others
        or not isinstance(size, int)
        or not all(recipe.get(step, True) for step in steps)
        or recipe.get("do_center_crop")
        or abs(255 * recipe.get("rescale_factor", 1 / 255) - 1) > 1e-6
    ):
        raise ValueError(
            f"{path} asks for other steps than resize to a square, divide by 255, "
            "normalize; prepare the pictures yourself, or choose another checkpoint"
        )
    channels, count = [], 1 if np.shape(recipe.get("image_mean")) == (1,) else 3
    for key in ("image_mean", "image_std"):
        numbers = np.ravel(recipe.get(key, 0.5))
        if len(numbers) not in (1, 3) or numbers.dtype.kind not in "if":
            raise ValueError(
                f"{path} has {key}={recipe[key]!r}, but one number or three, for red, "
                "green and blue, are needed; correct the file, or make a Processor"
            )
        channels.append(tuple(np.broadcast_to(numbers, count).astype(float).tolist()))
    return Processor(size, *channels, checkpoints.resampling(recipe.get("resample", 2)))


def augmentation() -> keras.Sequential:
    """Make layers that flip, zoom and tint pictures at random (data augmentation).

    A middle part with 80 to 100 % of the sides is enlarged to the old size. Brightness
    changes by up to 15 % of the range, and contrast by up to 30 % (a single 0.3 would
    only ever raise it).
    """
    span = (-1, 1)
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomZoom((-0.2, 0.0)),
            keras.layers.RandomTranslation(0.05, 0.05),
            keras.layers.RandomBrightness(0.15, span),
            keras.layers.RandomContrast((0.3, 0.3), span),
        ],
        name="augmentation",
    )


def batches(
    split,
    processor: Processor,
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int | SeededEpochs = 0,
) -> tf.data.Dataset:
    """Make a ``tf.data`` pipeline of a data set with columns ``image`` and ``label``.

    Its batches are pairs: pictures, float32 (B, size, size, 3), and labels, int64 (B,).
    With ``shuffle`` each epoch has a new order. If ``seed`` is a ``SeededEpochs``, also
    given to ``fit`` as a callback, a resumed run gets the orders it would have had.
    """
    labels, rows = labels_of(split), len(split)
    epochs = seed if isinstance(seed, SeededEpochs) else SeededEpochs(seed)

    def order(_):
        numbers = tf.range(rows, dtype=tf.int64)
        if shuffle:
            key = tf.stack([tf.constant(epochs.seed, tf.int64), epochs.epoch])
            numbers = tf.random.experimental.stateless_shuffle(numbers, key)
        if epochs is not seed:  # nobody else counts the epochs
            epochs.epoch.assign_add(1)
        return tf.data.Dataset.from_tensor_slices(numbers)

    def read(i):
        return processor.resize(split[int(i)]["image"])

    def fetch(i):
        image = tf.numpy_function(read, [i], tf.uint8, stateful=False)
        image.set_shape((processor.size, processor.size, len(processor.mean)))
        return image, tf.gather(labels, i)

    return (
        tf.data.Dataset.range(1)
        .flat_map(order)
        .apply(tf.data.experimental.assert_cardinality(rows))
        .map(fetch)
        .batch(batch_size)
        .map(lambda images, labels: (processor.normalize(images), labels))
        .prefetch(2)
    )


def load_backbone(source: str | Path, dtype: str | None = None) -> ViTBackbone:
    """Load KerasHub's ViT, without a head; the arguments are those of ``pretrained``.

    Its ``from_preset`` leaves the epsilon of the layer norms at 1e-6, whatever the
    checkpoint says, and cannot read a backbone that was saved alone (``ViTModel``). The
    tokens are those of transformers to 1e-4, in float32.
    """
    folder = checkpoints.local(source)
    arguments, weights = convert_keras.read_checkpoint(folder)
    backbone = convert_keras.keras_hub_backbone(arguments, dtype)
    weights = {k: v for k, v in weights.items() if not k.startswith("classifier.")}
    convert_keras.assign(backbone, weights, folder)
    return backbone


def pretrained(
    source: str | Path, names: Sequence[str], dtype: str | None = None
) -> ViTImageClassifier:
    """Load a checkpoint with a new head for the classes ``names``.

    ``source`` is a folder with ``config.json`` and ``model.safetensors``, or
    ``"hf://owner/name"`` for a repository on the Hub. The model maps the pictures of
    ``batches`` to logits (B, K), without a preprocessor. It computes in ``dtype``, such
    as "mixed_bfloat16", or else by Keras's policy; its weights are always float32.
    Nothing but the head is random: a checkpoint of another family, or one that lacks
    other weights, is a ValueError.
    """
    folder, names = checkpoints.local(source), checkpoints.class_names(names)
    model = ViTImageClassifier(load_backbone(folder, dtype), len(names))
    kernel = model.output_dense.kernel
    spread = convert_keras.read_config(folder)["initializer_range"]
    kernel.assign(keras.random.normal(kernel.shape, stddev=spread))
    return model


def scratch(
    source: str | Path, names: Sequence[str], dtype: str | None = None
) -> ViTImageClassifier:
    """Build a model like ``pretrained(...)`` of the same, with random weights only.

    They are normal, as in transformers; biases are 0, and layer norms change nothing.
    """
    folder = checkpoints.local(source)
    model = pretrained(folder, names, dtype)
    spread = convert_keras.read_config(folder)["initializer_range"]
    for variable in model.weights:
        if variable.name in ("gamma", "beta", "bias"):
            variable.assign(np.full(variable.shape, variable.name == "gamma"))
        elif variable.trainable:  # all but the numbers of the positions
            variable.assign(keras.random.normal(variable.shape, stddev=spread))
    return model


def freeze(model: ViTImageClassifier, blocks: int) -> None:
    """Freeze the embeddings and the first ``blocks`` blocks, and nothing else.

    With 0 everything learns. Compile the model again afterwards.
    """
    encoder = model.backbone.get_layer("vit_encoder")
    layers = encoder.encoder_layers
    if not 0 <= blocks <= len(layers):
        raise ValueError(f"blocks must be 0 to {len(layers)}, not {blocks}")
    for layer in (model, model.backbone, encoder, *layers):
        layer.trainable = False  # Keras hands a flag down only where it changes
        layer.trainable = True
    model.backbone.get_layer("vit_patching_and_embedding").trainable = blocks == 0
    for layer in layers[:blocks]:
        layer.trainable = False
