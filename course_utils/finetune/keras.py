"""Fine-tune a Hugging Face ViT with KerasHub on TensorFlow: the twin of ``finetune``.

The parts that notebooks 09, 11 and 12 share. Needs neither torch nor transformers.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from course_utils.convert import keras as convert_keras
from course_utils.data import checkpoints
from course_utils.data.pictures import labels_of, upright
from course_utils.training.keras import SeededEpochs

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

    def resize(self, image) -> np.ndarray:
        """Return a picture, as ``upright`` reads it, as uint8, shape (size, size, 3).

        Pillow resizes, as it does in transformers. ``tf.image.resize`` with
        ``antialias=True`` differs by up to one gray level, because Pillow rounds to
        whole levels.
        """
        image = upright(image).resize((self.size, self.size), self.resample)
        return np.asarray(image)

    def normalize(self, images):
        """Turn gray levels 0 to 255, shape (..., 3), into float32 around 0."""
        images = tf.cast(images, tf.float32)
        return (images / 255 - np.float32(self.mean)) / np.float32(self.std)

    def __call__(self, images: Sequence):
        """Return pictures as the model wants them, (B, size, size, 3), float32."""
        return self.normalize(np.stack([self.resize(image) for image in images]))


def load_processor(folder: str | Path) -> Processor:
    """Read ``preprocessor_config.json`` of a checkpoint, given as in ``load_backbone``.

    Raises
    ------
    ValueError
        If it is missing, or asks for other steps than resize to a square, rescale,
        normalize.
    """
    path = checkpoints.local(folder) / "preprocessor_config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{path} cannot be read ({error}); give the folder of a whole checkpoint, "
            "or make a Processor of its size, mean and spread"
        ) from None
    size = config.get("size", 224)
    if isinstance(size, dict) and size.get("height") == size.get("width"):
        size = size.get("height")
    if isinstance(size, list) and len(set(size)) == 1 < len(size):
        size = size[0]
    steps = ("do_resize", "do_rescale", "do_normalize")
    if (
        not isinstance(size, int)
        or not all(config.get(step, True) for step in steps)
        or config.get("do_center_crop")
        or abs(255 * config.get("rescale_factor", 1 / 255) - 1) > 1e-6
    ):
        raise ValueError(
            f"{path} asks for other steps than resize to a square, divide by 255, "
            "normalize; prepare the pictures yourself, or choose another checkpoint"
        )
    return Processor(
        size,
        _per_channel(path, config, "image_mean"),
        _per_channel(path, config, "image_std"),
        checkpoints.resampling(config.get("resample", 2)),
    )


def _per_channel(path, config, key):
    """Return three numbers; a single one in the file stands for all channels."""
    value = config.get(key)
    numbers = np.ravel(0.5 if value is None else value)
    if len(numbers) not in (1, 3) or numbers.dtype.kind not in "if":
        raise ValueError(
            f"{path} has {key}={value!r}, but one number or three, for red, green and "
            "blue, are needed; mend the file, or make a Processor yourself"
        )
    return tuple(float(number) for number in np.broadcast_to(numbers, 3))


def batches(
    split,
    processor: Processor,
    batch_size: int,
    *,
    shuffle: bool = False,
    seed: int | SeededEpochs = 0,
) -> tf.data.Dataset:
    """Make a ``tf.data`` pipeline of a data set; pictures wait as bytes, not floats.

    Parameters
    ----------
    split : datasets.Dataset
        With the columns ``image`` (PIL) and ``label`` (int).
    processor : Processor
    batch_size : int
    shuffle : bool
        True gives a new order in every epoch, False the order of the rows.
    seed : int or SeededEpochs
        Of the shuffled orders. With ``SeededEpochs`` the order depends on its seed and
        the number of the epoch alone, so a resumed run gets the orders it would have
        had; ``fit`` must have it among its callbacks.

    Returns
    -------
    tf.data.Dataset
        Of pairs: pictures, float32 (B, size, size, 3), and labels, int64 (B,).

    Raises
    ------
    ValueError
        If a label is missing, no whole number, negative, or has no name though the data
        set names its classes.
    TypeError
        If ``shuffle`` is neither True nor False: a seed has an argument of its own.
    """
    if not isinstance(shuffle, bool):
        raise TypeError(
            f"shuffle must be True or False, not {shuffle!r}; give the seed beside it, "
            "as in batches(split, processor, 16, shuffle=True, seed=3)"
        )
    labels = labels_of(split)
    rows = len(split)
    counts_itself = not isinstance(seed, SeededEpochs)
    if counts_itself:
        epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
    else:
        seed, epoch = seed.seed, seed.epoch

    def order(_):
        numbers = tf.range(rows, dtype=tf.int64)
        if not shuffle:
            return tf.data.Dataset.from_tensor_slices(numbers)
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        if counts_itself:
            epoch.assign_add(1)
        numbers = tf.random.experimental.stateless_shuffle(numbers, key)
        return tf.data.Dataset.from_tensor_slices(numbers)

    def read(i):
        return processor.resize(split[int(i)]["image"]), labels[i]

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
    """Make layers that flip, zoom and tint pictures at random.

    Near to what ``finetune.augment`` does with Pillow. Half of the pictures are
    mirrored. A middle part with 80 to 100 % of the sides is blown up to the old size,
    and moved by up to 5 % of them; what is missing at a border is mirrored there. Up to
    15 % of the whole range is added to all values, and contrast changes by up to 30 %.
    Saturation stays as it is.

    Pictures must lie between -1 and 1, and do so afterwards: brightness and contrast
    cut off what is outside of their ``value_range``, which is 0 to 255 unless they are
    told otherwise. (And a single 0.3 would only ever raise the contrast.) With
    ``training=False``, as in ``evaluate`` and ``predict``, the layers leave pictures
    alone; in ``fit``, or called by hand without it, they act.
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


# --- Models -----------------------------------------------------------------------


def load_backbone(
    source: str | Path, dtype: str | None = None
) -> keras_hub.models.ViTBackbone:
    """Load KerasHub's ViT with the weights of a Hugging Face ViT.

    As ``keras_hub.models.ViTBackbone.from_preset`` without three of its traps: KerasHub
    leaves the epsilon of the layer norms at its own 1e-6, whatever the checkpoint says;
    it cannot read a backbone that was saved alone (``ViTModel``, as
    google/vit-base-patch16-224-in21k), whose names lack the prefix ``vit.``; and where
    the Hub is out of reach it says after half a minute that config.json is missing.

    Parameters
    ----------
    source : str or Path
        A folder with ``config.json`` and ``model.safetensors``, or
        ``"hf://owner/name"`` for a repository on the Hub: found under ``COURSE_HUB``,
        in the Hub's cache, or downloaded once.
    dtype : str, optional
        In what the model computes, "float32" or "mixed_bfloat16" for instance; without
        it Keras's policy decides. The weights themselves are float32 in both.

    Returns
    -------
    keras_hub.models.ViTBackbone
        Largest difference to transformers' tokens, in float32: 1e-4.

    Raises
    ------
    ValueError
        If the source holds no ViT, or one of another design.
    course_utils.data.hub.DataError
        If the repository is out of reach, incomplete or damaged.
    """
    folder = checkpoints.local(source)
    config, weights = convert_keras.read_checkpoint(folder)
    backbone = convert_keras.keras_hub_backbone(config, dtype)
    weights = {k: v for k, v in weights.items() if not k.startswith("classifier.")}
    convert_keras.load(backbone, weights, folder)
    return backbone


def pretrained(
    source: str | Path, names: Sequence[str], dtype: str | None = None
) -> keras_hub.models.ViTImageClassifier:
    """Load a checkpoint and put a new head for the classes ``names`` on it.

    Parameters
    ----------
    source : str or Path
        As for ``load_backbone``; a head in it is dropped.
    names : sequence of str
        Of the K classes, in the order of the labels.
    dtype : str, optional
        As for ``load_backbone``.

    Returns
    -------
    keras_hub.models.ViTImageClassifier
        From pictures as ``batches`` makes them, float32 (B, size, size, 3), to logits
        (B, K). Without KerasHub's preprocessor, so that nothing is prepared twice. The
        head's weights come from Keras's random numbers.
    """
    folder = checkpoints.local(source)
    names = checkpoints.class_names(names)
    backbone = load_backbone(folder, dtype)
    classifier = keras_hub.models.ViTImageClassifier(backbone, len(names))
    spread = convert_keras.read_config(folder)["initializer_range"]
    kernel = classifier.output_dense.kernel
    kernel.assign(keras.random.normal(kernel.shape, stddev=spread))
    return classifier


def scratch(
    source: str | Path, names: Sequence[str], dtype: str | None = None
) -> keras_hub.models.ViTImageClassifier:
    """Build a model like ``pretrained(...)`` of the same, with random weights only.

    They are drawn as transformers draws them: normal, with the checkpoint's
    ``initializer_range``; zero biases, layer norms that change nothing.
    """
    folder = checkpoints.local(source)
    classifier = pretrained(folder, names, dtype)
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


def freeze(classifier: keras_hub.models.ViTImageClassifier, blocks: int) -> None:
    """Freeze the embeddings and the first ``blocks`` blocks, and nothing else.

    With 0 everything learns. Compile the model again afterwards.

    Raises
    ------
    ValueError
        If the model has fewer blocks.
    """
    backbone = classifier.backbone
    encoder = backbone.get_layer("vit_encoder")
    layers = encoder.encoder_layers
    if not 0 <= blocks <= len(layers):
        raise ValueError(f"blocks must be 0 to {len(layers)}, not {blocks}")
    for layer in classifier._flatten_layers():  # True again is not passed down
        layer.trainable = True
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
    return tokens.predict(pictures, verbose=0).astype(np.float32), labels_of(dataset)


# --- Training ---------------------------------------------------------------------


@keras.saving.register_keras_serializable("vit_course")
class LayerwiseAdamW(keras.optimizers.Optimizer):
    """AdamW whose learning rate shrinks from the head down to the first layers.

    The head and the last norm get ``learning_rate``, block n of L gets
    ``learning_rate * decay**(L + 1 - n)`` and the embeddings
    ``learning_rate * decay**(L + 1)`` (Clark et al. 2020, ELECTRA; for ViTs, Bao et al.
    2022, BEiT). Biases and norms are free of weight decay.

    Keras has no parameter groups, and to scale the gradients instead would change
    nothing: Adam divides by their size. So the step itself is scaled. One step is that
    of ``torch.optim.AdamW``, which Keras's own is not: it adds its epsilon elsewhere.

    Parameters
    ----------
    learning_rate : float or keras.optimizers.schedules.LearningRateSchedule
        Of the head.
    decay : float
        Factor from one layer to the one below; 1 gives all the same rate.
    depth : int
        Number ``L`` of blocks, needed as soon as ``decay`` is not 1.
    weight_decay : float
        What a step takes off a weight, as a share of it, in units of its rate.
    beta_1, beta_2, epsilon : float
        As in Adam.

    Raises
    ------
    ValueError
        At the first step, if ``decay`` is not 1 and the model has a block beyond
        ``depth``: its rate would grow instead of shrink.
    """

    def __init__(
        self,
        learning_rate,
        decay=1.0,
        depth=0,
        weight_decay=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        **options,
    ):
        super().__init__(learning_rate, **options)
        self.decay, self.depth, self.shrink = decay, depth, weight_decay
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, variables):
        """Give each variable its two running means, its factor and its decay."""
        if self.built:
            return
        super().build(variables)
        self.means, self.squares = [
            [self.add_variable_from_reference(v, name=name) for v in variables]
            for name in ("momentum", "velocity")
        ]
        self.factors = [self.factor(variable.path) for variable in variables]
        self.shrinks = [
            self.shrink if variable.path.endswith(_WEIGHTS) else 0.0
            for variable in variables
        ]

    def apply(self, grads, trainable_variables=None):
        """Work out what all variables share, then move them."""
        step = tf.cast(self.iterations + 1, tf.float32)
        powers = self.beta_1**step, self.beta_2**step
        # The kernel adds epsilon before, AdamW after the correction of the mean square.
        self.shared = *powers, self.epsilon * tf.sqrt(1 - powers[1])
        super().apply(grads, trainable_variables)

    def update_step(self, gradient, variable, learning_rate):
        """Move one variable (Loshchilov and Hutter 2019, algorithm 2).

        TensorFlow's kernel for Adam does it in one operation; a graph of the formula
        for each of a ViT's hundred variables would take long to build.
        """
        index = self._get_variable_index(variable)
        rate = tf.cast(learning_rate, tf.float32) * self.factors[index]
        if self.shrinks[index]:
            self.assign_sub(variable, variable * (rate * self.shrinks[index]))
        beta_1_power, beta_2_power, epsilon = self.shared
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self.means[index].value.handle,
            v=self.squares[index].value.handle,
            beta1_power=beta_1_power,
            beta2_power=beta_2_power,
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=epsilon,
            grad=tf.convert_to_tensor(gradient),
        )

    def factor(self, path: str) -> float:
        """Return what the learning rate of the variable at ``path`` is multiplied by.

        A path is what Keras calls ``variable.path``, its layers' names with slashes.
        """
        parts = path.split("/")
        if "vit_patching_and_embedding" in parts:
            layer = 0
        else:
            # Older KerasHubs, Colab's among them, spell it tranformer_block_1.
            block = re.search(r"\btrans?former_block_(\d+)/", path)
            layer = int(block[1]) if block else self.depth + 1
            if block and layer > self.depth and self.decay != 1:
                raise ValueError(
                    f"the model has a block {layer}, but this optimizer was made for "
                    f"depth={self.depth}, so the rate of that block would rise; give "
                    f"the number of blocks, such as depth={layer}"
                )
        return self.decay ** (self.depth + 1 - layer)

    def get_config(self):
        """Return what the constructor takes, for ``.keras`` files."""
        names = ("decay", "depth", "beta_1", "beta_2", "epsilon")
        own = {name: getattr(self, name) for name in names}
        return {**super().get_config(), **own, "weight_decay": self.shrink}
