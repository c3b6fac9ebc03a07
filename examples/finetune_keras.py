"""Fine-tune a Vision Transformer in plain Keras, from pictures to answers.

    python finetune_keras.py --data DATA --model MODEL --output FOLDER

FOLDER/model.keras takes pictures of any size as they are, and so does
FOLDER/saved_model, which runs without Keras. A run that was killed goes on after its
last whole epoch if the same command is given with ``--resume``. MODEL must be a ViT
with a head, such as ``google/vit-base-patch16-224``.

This is the opening of notebook 09, cell by cell. It needs tensorflow, keras-hub,
datasets, safetensors and Pillow (KerasHub 0.26 needs sentencepiece, too).
"""

import argparse
import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"  # before Keras is imported

import datasets
import keras
import numpy as np
import tensorflow as tf
from huggingface_hub import snapshot_download
from keras.optimizers.schedules import CosineDecay
from keras_hub.models import ViTBackbone, ViTImageClassifier
from PIL import Image, ImageOps

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument(
    "--data",
    default="uoft-cs/cifar10",
    help="a folder with a folder of pictures for each class, a folder with the parquet "
    "files of a data set, or a data set's name on the Hub",
)
parser.add_argument("--model", default="google/vit-base-patch16-224")
parser.add_argument("--output", required=True, help="a new folder for the results")
parser.add_argument("--epochs", type=int, default=3, help="after one of the head")
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--lr", type=float, default=5e-5)
parser.add_argument("--head-lr", type=float, default=1e-3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--resume", action="store_true", help="go on with a killed run")
options = parser.parse_args()
MODEL, OUT = options.model, Path(options.output)
EPOCHS, BATCH, RATE = options.epochs, options.batch_size, options.lr
HEAD_RATE, SEED = options.head_lr, options.seed
GPU = bool(tf.config.list_physical_devices("GPU"))
PICTURES = {"path": options.data}
if Path(options.data).is_dir() and not any(Path(options.data).rglob("*.parquet")):
    files = f"{options.data}/*/*"  # else files named test-1.jpg would be a test split
    PICTURES = {"path": "imagefolder", "data_files": files, "drop_labels": False}
if OUT.exists() and not options.resume:
    sys.exit(f"{OUT} is there already; add --resume, or choose another --output")

# %% The pictures, and the names of their classes
data = datasets.load_dataset(**PICTURES)
kinds = data["train"].features
image = next(x for x in kinds if isinstance(kinds[x], datasets.Image))
label = next(x for x in kinds if isinstance(kinds[x], datasets.ClassLabel))
names = kinds[label].names
fifth = {"test_size": 0.2, "seed": SEED, "stratify_by_column": label}
if "test" not in data:
    data = data["train"].train_test_split(**fifth)
train, validation = data["train"].train_test_split(**fifth).values()
print(
    f"{len(train)} pictures to learn from, {len(validation)} to choose "
    f"by, {len(data['test'])} to report on:",
    *names,
)

# %% The checkpoint: its recipe for pictures and its weights
folder = (
    MODEL
    if Path(MODEL).is_dir()
    else snapshot_download(MODEL, allow_patterns=["*.json", "model.safetensors"])
)
config, recipe = (
    json.loads(Path(folder, name).read_text())
    for name in ("config.json", "preprocessor_config.json")
)
side, way = config["image_size"], recipe.get("resample", 2)
mean, std = np.array([recipe["image_mean"], recipe["image_std"]])
keras.config.set_dtype_policy("mixed_float16" if GPU else "float32")
backbone = ViTBackbone.from_preset(folder, layer_norm_epsilon=config["layer_norm_eps"])

# %% The model, from pictures of any size to logits, and its batches
keras.utils.set_random_seed(SEED)  # the head is random
model = keras.Sequential(
    [
        keras.Input((None, None, 3), dtype="uint8"),
        keras.layers.Rescaling(list(1 / 255 / std), list(-mean / std)),
        keras.layers.Resizing(
            side, side, antialias=True, interpolation={2: "bilinear", 3: "bicubic"}[way]
        ),
        ViTImageClassifier(backbone, len(names), head_dtype="float32"),
    ]
)


def batches(rows, shuffle=False):
    """Make batches of pictures of one size and the numbers of their classes."""

    def read():  # a new order in each epoch, also after a resume
        seed = SEED, model.optimizer.iterations.numpy()
        order = np.random.default_rng(seed).permutation(len(rows))
        for i in order if shuffle else range(len(rows)):
            row = rows[int(i)]
            picture = row[image].convert("RGB").resize((side, side), way)
            yield np.asarray(picture), row[label]

    shapes = (tf.TensorSpec((side, side, 3), tf.uint8), tf.TensorSpec((), tf.int64))
    made = tf.data.Dataset.from_generator(read, output_signature=shapes)
    count = tf.data.experimental.assert_cardinality(len(rows))
    return made.apply(count).batch(BATCH).prefetch(2)


# %% Freeze, compile, fit: the head alone
how = {
    "loss": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "metrics": ["accuracy"],
    "jit_compile": False,
}
to_fit = {
    "x": batches(train, shuffle=True),
    "shuffle": False,
    "verbose": 2,
    "validation_data": batches(validation),
}
backbone.trainable = False
model.compile(keras.optimizers.Adam(HEAD_RATE), **how)
history = model.fit(**to_fit)

# %% Thaw, compile, fit: everything
backbone.trainable = True
steps = EPOCHS * -(-len(train) // BATCH)
schedule = CosineDecay(  # it counts its steps from the end of the warm-up
    0.0, 0.9 * steps, warmup_target=RATE, warmup_steps=0.1 * steps
)
model.compile(keras.optimizers.Adam(schedule, global_clipnorm=1.0), **how)
weights = OUT / "{val_accuracy:.4f}-epoch-{epoch:03d}.weights.h5"
history = model.fit(
    **to_fit,
    epochs=EPOCHS,
    callbacks=[
        keras.callbacks.ModelCheckpoint(str(weights), save_weights_only=True),
        keras.callbacks.BackupAndRestore(str(OUT / "backup")),
    ],
)

# %% The best epoch is tested, kept, and used
model.load_weights(max(OUT.glob("*.weights.h5")))
_, accuracy = model.evaluate(batches(data["test"]), verbose=0)
print(f"test accuracy {accuracy:.1%}")
model.save(OUT / "model.keras")
model.export(OUT / "saved_model", verbose=False)

data["test"][0][image].convert("RGB").save(OUT / "picture.png")
picture = ImageOps.exif_transpose(Image.open(OUT / "picture.png"))
logits = model.predict(np.array([picture.convert("RGB")]), verbose=0)
shares = keras.ops.softmax(logits)[0].numpy()
print(names[shares.argmax()], f"{shares.max():.1%}")
