"""Fine-tune a Hugging Face ViT with KerasHub on TensorFlow: the twin of ``finetune``.

The parts that notebooks 09, 11 and 12 share. Needs neither torch nor transformers.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from PIL import Image
from safetensors.numpy import save_file

from course_utils.vit import convert_keras

_WEIGHTS = ("kernel", "embeddings", "class_token")  # the rest: biases and norms

# --- Pictures ---------------------------------------------------------------------


@dataclass(frozen=True)
class Processor:
    """What a checkpoint wants its pictures to be: the numbers transformers would give.

    Attributes
    ----------
    size : int
        Side of the square pictures, in pixels.
    mean, std : tuple of 3 floats
        Subtracted and divided by, for each channel, after scaling to 0 to 1.
    resample : int
        Pillow's number for the way of resizing; 2 is bilinear.
    """

    size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: int = 2

    def resize(self, image: Image.Image) -> np.ndarray:
        """Return an RGB picture as uint8, shape (size, size, 3).

        Pillow resizes, as it does in transformers. ``tf.image.resize`` with
        ``antialias=True`` differs by up to one gray level, because Pillow rounds to
        whole levels.
        """
        image = image.convert("RGB").resize((self.size, self.size), self.resample)
        return np.asarray(image)

    def normalize(self, images):
        """Turn gray levels 0 to 255, shape (..., 3), into float32 around 0."""
        images = tf.cast(images, tf.float32)
        return (images / 255 - np.float32(self.mean)) / np.float32(self.std)

    def __call__(self, images: Sequence[Image.Image]):
        """Return RGB pictures as the model wants them, (B, size, size, 3), float32."""
        return self.normalize(np.stack([self.resize(image) for image in images]))


def load_processor(folder: str | Path) -> Processor:
    """Read ``preprocessor_config.json`` of a checkpoint."""
    path = Path(folder) / "preprocessor_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    size = config.get("size", 224)
    size = size if isinstance(size, int) else size["height"]
    half = (0.5, 0.5, 0.5)
    return Processor(
        size,
        tuple(config.get("image_mean", half)),
        tuple(config.get("image_std", half)),
        config.get("resample", 2),
    )


def batches(
    dataset,
    processor: Processor,
    batch_size: int,
    shuffle: "int | ExactEpochs | None" = None,
) -> tf.data.Dataset:
    """Make a ``tf.data`` pipeline of a data set; pictures wait as bytes, not floats.

    Parameters
    ----------
    dataset : datasets.Dataset
        With the columns ``image`` (PIL) and ``label`` (int).
    processor : Processor
    batch_size : int
    shuffle : int or ExactEpochs, optional
        A seed gives a new order in every epoch. With ``ExactEpochs`` the order depends
        on its seed and the number of the epoch alone, so a resumed run gets the orders
        it would have had; ``fit`` must have it among its callbacks. Without either the
        order is that of the rows.

    Returns
    -------
    tf.data.Dataset
        Of pairs: pictures, float32 (B, size, size, 3), and labels, int64 (B,).
    """
    rows = len(dataset)
    counts_itself = isinstance(shuffle, int)
    if counts_itself:
        seed, epoch = shuffle, tf.Variable(0, dtype=tf.int64, trainable=False)
    elif shuffle is not None:
        seed, epoch = shuffle.seed, shuffle.epoch

    def order(_):
        numbers = tf.range(rows, dtype=tf.int64)
        if shuffle is None:
            return tf.data.Dataset.from_tensor_slices(numbers)
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        if counts_itself:
            epoch.assign_add(1)
        numbers = tf.random.experimental.stateless_shuffle(numbers, key)
        return tf.data.Dataset.from_tensor_slices(numbers)

    def read(i):
        row = dataset[int(i)]
        return processor.resize(row["image"]), np.int64(row["label"])

    def fetch(i):
        image, label = tf.numpy_function(read, [i], (tf.uint8, tf.int64), False)
        image.set_shape((processor.size, processor.size, 3))
        label.set_shape(())
        return image, label

    return (
        tf.data.Dataset.range(1)
        .flat_map(order)
        .apply(tf.data.experimental.assert_cardinality(rows))
        .map(fetch)
        .batch(batch_size)
        .map(lambda images, labels: (processor.normalize(images), labels))
        .prefetch(2)
    )


def augmentation() -> keras.Sequential:
    """Make layers that flip, zoom and tint pictures at random while training.

    As ``finetune.augment`` does with Pillow: half of the pictures are mirrored, up to a
    fifth of each side is cut away, brightness and contrast change by up to 30 %. They
    expect pictures from -1 to 1, and leave them alone outside of training.
    """
    span = (-1, 1)
    return keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomZoom((-0.2, 0.0)),
            keras.layers.RandomTranslation(0.1, 0.1),
            keras.layers.RandomBrightness(0.3, span),
            keras.layers.RandomContrast(0.3, span),
        ],
        name="augmentation",
    )


# --- Models -----------------------------------------------------------------------


def load_backbone(folder: str | Path) -> keras_hub.models.ViTBackbone:
    """Let KerasHub read a ViT of Hugging Face, and close two of its traps.

    KerasHub leaves the epsilon of the layer norms at its own 1e-6, whatever the
    checkpoint says, and cannot read a backbone that was saved alone (``ViTModel``, as
    google/vit-base-patch16-224-in21k), whose names lack the prefix ``vit.``.

    Parameters
    ----------
    folder : str or Path
        With ``config.json`` and ``model.safetensors``.

    Returns
    -------
    keras_hub.models.ViTBackbone
        In float32. Largest difference to transformers' tokens: 1e-4.

    Raises
    ------
    ValueError
        If the folder holds no ViT, or one of another design.
    """
    config, weights = convert_keras.read_checkpoint(folder)
    with tempfile.TemporaryDirectory() as whole:
        save_file(weights, Path(whole) / "model.safetensors", {"format": "pt"})
        shutil.copy(Path(folder) / "config.json", whole)
        return keras_hub.models.ViTBackbone.from_preset(
            whole, layer_norm_epsilon=config["layer_norm_eps"], dtype="float32"
        )


def pretrained(
    folder: str | Path, names: Sequence[str]
) -> keras_hub.models.ViTImageClassifier:
    """Load a checkpoint and put a new head for the classes ``names`` on it.

    Parameters
    ----------
    folder : str or Path
        With ``config.json`` and ``model.safetensors``; a head in it is dropped.
    names : sequence of str
        Of the K classes, in the order of the labels.

    Returns
    -------
    keras_hub.models.ViTImageClassifier
        From pictures as ``batches`` makes them, float32 (B, size, size, 3), to logits
        (B, K). Without KerasHub's preprocessor, so that nothing is prepared twice. The
        head's weights come from Keras's random numbers.
    """
    classifier = _with_head(load_backbone(folder), names)
    spread = convert_keras.read_config(folder)["initializer_range"]
    kernel = classifier.output_dense.kernel
    kernel.assign(keras.random.normal(kernel.shape, stddev=spread))
    return classifier


def scratch(
    folder: str | Path, names: Sequence[str]
) -> keras_hub.models.ViTImageClassifier:
    """Build a model like ``pretrained(folder, names)``, with random weights only.

    They are drawn as transformers draws them: normal, with the checkpoint's
    ``initializer_range``; zero biases, layer norms that change nothing.
    """
    classifier = pretrained(folder, names)
    spread = convert_keras.read_config(folder)["initializer_range"]
    for variable in classifier.weights:
        kind = variable.path.rpartition("/")[2]
        if kind == "gamma":
            variable.assign(keras.ops.ones(variable.shape))
        elif kind in ("beta", "bias"):
            variable.assign(keras.ops.zeros(variable.shape))
        elif kind in _WEIGHTS:
            variable.assign(keras.random.normal(variable.shape, stddev=spread))
    return classifier


def _with_head(backbone, names):
    names = [str(name) for name in names]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"two or more different class names are needed, not {names}")
    return keras_hub.models.ViTImageClassifier(backbone, len(names))


def freeze(classifier: keras_hub.models.ViTImageClassifier, blocks: int) -> None:
    """Freeze the embeddings and the first ``blocks`` blocks, and nothing else.

    With 0 everything learns. Compile the model again afterwards.

    Raises
    ------
    ValueError
        If the model has fewer blocks.
    """
    backbone = classifier.backbone
    layers = backbone.get_layer("vit_encoder").encoder_layers
    if not 0 <= blocks <= len(layers):
        raise ValueError(f"blocks must be 0 to {len(layers)}, not {blocks}")
    backbone.trainable = True
    backbone.get_layer("vit_patching_and_embedding").trainable = blocks == 0
    for i, layer in enumerate(layers):
        layer.trainable = i >= blocks


def features(
    classifier: keras_hub.models.ViTImageClassifier,
    dataset,
    processor: Processor,
    batch_size: int = 50,
) -> tuple[np.ndarray, np.ndarray]:
    """Compute what the backbone makes of each picture: its class token, at the end.

    Parameters
    ----------
    classifier : keras_hub.models.ViTImageClassifier
    dataset : datasets.Dataset
        With the columns ``image`` and ``label``.
    processor : Processor

    Returns
    -------
    features : array, shape (n, D), float32
        After the last layer norm, what the head would read.
    labels : array, shape (n,), int64
    """
    pictures = batches(dataset, processor, batch_size).map(lambda images, _: images)
    tokens = keras.Model(classifier.input, classifier.backbone.output[:, 0])
    return tokens.predict(pictures, verbose=0), np.array(dataset["label"])


# --- Training ---------------------------------------------------------------------


@keras.saving.register_keras_serializable("vit_course")
class LayerwiseAdamW(keras.optimizers.AdamW):
    """AdamW whose learning rate shrinks from the head down to the first layers.

    The head and the last norm get ``learning_rate``, block n of L gets
    ``learning_rate * decay**(L + 1 - n)`` and the embeddings
    ``learning_rate * decay**(L + 1)`` (Clark et al. 2020, ELECTRA; for ViTs, Bao et al.
    2022, BEiT). Biases and norms are free of weight decay.

    Keras has no parameter groups, and to scale the gradients instead would change
    nothing: Adam divides by their size. So the step itself is scaled.

    Parameters
    ----------
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule
    decay : float
        Factor from one layer to the one below; 1 gives all the same rate.
    depth : int
        Number ``L`` of blocks.
    weight_decay : float
    """

    def __init__(self, learning_rate, decay=1.0, depth=0, weight_decay=0.01, **options):
        options.pop("weight_decay", None)
        super().__init__(learning_rate, weight_decay=0.0, **options)
        self.decay, self.depth, self.shrink = decay, depth, weight_decay

    def build(self, variables):
        super().build(variables)
        self.factors = [self.factor(variable.path) for variable in variables]
        self.decays = [v.path.endswith(_WEIGHTS) for v in variables]

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        rate = learning_rate * self.factors[index]
        if self.decays[index]:
            self.assign_sub(variable, variable * self.shrink * rate)
        super().update_step(gradient, variable, rate)

    def factor(self, path: str) -> float:
        """Return what the learning rate of the variable at ``path`` is multiplied by.

        A path is what Keras calls ``variable.path``, its layers' names with slashes.
        """
        parts = path.split("/")
        if "vit_patching_and_embedding" in parts:
            layer = 0
        else:
            blocks = [part for part in parts if part.startswith("transformer_block_")]
            layer = int(blocks[0].split("_")[2]) if blocks else self.depth + 1
        return self.decay ** (self.depth + 1 - layer)

    def get_config(self):
        own = {"decay": self.decay, "depth": self.depth, "weight_decay": self.shrink}
        return {**super().get_config(), **own}


class ExactEpochs(keras.callbacks.Callback):
    """Make everything random in an epoch depend on the seed and its number alone.

    Keras stores neither the order of the pictures nor always where the random numbers
    of dropout and augmentation stand. With this among the callbacks of ``fit``, and in
    ``batches(..., shuffle=...)``, a run resumed by ``BackupAndRestore`` after a whole
    epoch equals the uninterrupted one, bit for bit on the same machine.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int = 0):
        super().__init__()
        self.seed = seed
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def on_epoch_begin(self, epoch, logs=None):
        """Note the epoch's number; seed dropout and augmentation by it."""
        self.epoch.assign(epoch)
        generators = [
            layer.seed_generator
            for layer in self.model._flatten_layers()
            if getattr(layer, "seed_generator", None) is not None
        ]
        for i, generator in enumerate(generators):
            state = np.array([self.seed + i, epoch], generator.state.dtype)
            generator.state.assign(state)


class EpochLines(keras.callbacks.Callback):
    """Print one line for each epoch, on standard output."""

    def on_epoch_end(self, epoch, logs=None):
        """Print the epoch, its training loss and the validation scores."""
        parts = [f"epoch {epoch + 1:3}", f"loss {logs['loss']:.3f}"]
        scores = {k[4:]: v for k, v in logs.items() if k.startswith("val_")}
        if scores:
            parts.append("validation:")
            parts += [f"{name} {value:.3f}" for name, value in scores.items()]
        print("  ".join(parts), flush=True)
