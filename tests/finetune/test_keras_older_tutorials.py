"""Notebook 09's table of older lines: each row holds for the installed versions.

The table itself is the test's data. The first code in each row must fail with the error
that the second column names, or run; the first code in the third column must give the
numbers that a learner wants: logits, weights, pictures, rates or losses.
"""

import builtins
import json
import re
from pathlib import Path

import numpy as np
import pytest
from checks.notebook import read
from keras_checkpoints import write_checkpoint
from PIL import Image
from tinted import NAMES

from course_utils.session import ROOT, use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras.optimizers.schedules import CosineDecay  # noqa: E402
from keras_hub.models import ViTBackbone, ViTImageClassifier  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

from course_utils.convert import keras as convert_keras  # noqa: E402
from course_utils.finetune.keras import pretrained, scratch  # noqa: E402

NOTEBOOK = ROOT / "notebooks/09_finetune_cifar10_tensorflow.ipynb"
LOGITS = -2 * np.eye(3, dtype="float32")
PICTURES = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype("float32")
SHARED = {
    **{
        "keras": keras,
        "tf": tf,
        "json": json,
        "Path": Path,
        "CosineDecay": CosineDecay,
    },
    **{"ViTBackbone": ViTBackbone, "ViTImageClassifier": ViTImageClassifier},
    **{"to_hf": convert_keras.to_hf, "id2label": dict(enumerate(NAMES))},
    **{"labels": np.arange(3), "logits": LOGITS, "pictures": PICTURES},
}


def older_lines():
    """Rows of notebook 09's table: the old line, the error's name or None, the new."""
    (cell,) = [c for c in read(NOTEBOOK).prose if "If you followed" in c.source]
    rows = [line.strip("|").split(" | ") for line in cell.source.splitlines()]
    for row in (row for row in rows if len(row) == 3 and "`" in row[0]):
        old, today, new = [re.findall(r"`([^`]+)`", part) for part in row]
        yield old[0], next((x for x in today if x.endswith("Error")), None), new[0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.mark.parametrize(("old", "error", "new"), list(older_lines()))
def test_an_older_line_does_what_the_notebook_says(
    folder, some, tmp_path, monkeypatch, old, error, new
):
    monkeypatch.chdir(tmp_path)
    known = SHARED | {
        "folder": str(folder),
        "epsilon": 1e-3,
        "train": some,
        "model": None,
    }
    if "model" in old or "model" in new:
        known["model"] = pretrained(folder, NAMES)
    if "load_model" in old:
        known["model"].export("folder", verbose=False)
    a_picture_on_disk(known)
    if error:
        with pytest.raises(getattr(builtins, error)):
            exec(old, known)
    elif old in SILENT:
        SILENT[old](known, old)
    SAME_NUMBERS[old](known, new)


def close(found, wanted, atol=1e-5):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)


def a_picture_on_disk(known):
    """Set ``picture``, larger than the model's, and a folder that holds it."""
    noise = np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype="uint8")
    Path("pictures/class").mkdir(parents=True)
    Image.fromarray(noise).save("pictures/class/picture.png")
    known["picture"] = noise
    small = Image.fromarray(noise).resize((16, 16), Image.BILINEAR)
    known["by_pillow"] = np.asarray(small, "float32")


# --- What an older line does without a word ---------------------------------------


def floats_at_many_times_the_disk(known, old):
    def to_floats(row):
        return {"x": np.asarray(row["image"], "float32")}

    (batch, *_) = eval(old, known | {"to_floats": to_floats})
    close(batch[0], np.asarray(known["train"][0]["image"]))


def skips_pixels(known, old):
    ((found, _),) = eval(old, known)
    off = abs(found[0].numpy() - known["by_pillow"]).max()
    assert off > 60  # gray levels; measured: 103.2


def takes_logits_for_probabilities(known, old):
    assert abs(float(eval(old, known)) - cross_entropy()) > 0.5


def freezes_the_whole_backbone(known, old):
    exec(old, known)
    assert {w.path.split("/")[0] for w in known["model"].trainable_variables} == {
        "predictions"
    }


# --- What the current line gives --------------------------------------------------


def tokens_of_the_checkpoint(known, new):
    """The backbone is the checkpoint's, whatever the head."""
    found = eval(new, known)
    backbone = getattr(found, "backbone", found)
    head = load_file(Path(known["folder"]) / "model.safetensors")
    logits = backbone(PICTURES)[:, 0] @ head["classifier.weight"].T
    wanted = convert_keras.from_hf(known["folder"])(PICTURES)
    close(logits + head["classifier.bias"], wanted)


def recipe_of_the_checkpoint(known, new):
    recipe = eval(new, known)
    assert recipe["image_mean"] == recipe["image_std"] == [0.5, 0.5, 0.5]


def rates_of_the_schedule(known, new):
    """``create_optimizer(1e-4, 100, 10)`` rose in 10 steps and fell to 0 at 100."""
    rate = eval(new, known)._learning_rate
    close([rate(0), rate(5), rate(10), rate(100)], [0, 5e-5, 1e-4, 0], atol=1e-9)


def tokens_of_the_backbone_written(known, new):
    exec(new, known)
    found = ViTBackbone.from_preset("new")(PICTURES)
    close(found, known["model"].backbone(PICTURES))


def logits_of_the_checkpoint_written(known, new):
    exec(new, known)
    close(convert_keras.from_hf("new")(PICTURES), known["model"](PICTURES))


def first_step_of_adam(known, new):
    """Every weight moves by the rate, against its gradient, and shrinks if asked."""
    optimizer, weight = eval(new, known), keras.Variable([1.0, -2.0])
    optimizer.apply([tf.constant([0.5, -0.1])], [weight])
    shrink = 1 - 1e-4 * (optimizer.weight_decay or 0)
    close(weight, [shrink - 1e-4, -2 * shrink + 1e-4], atol=1e-6)


def pictures_of_the_data_set(known, new):
    def read():
        for row in known["train"]:
            yield np.asarray(row["image"]), row["label"]

    first = np.asarray(known["train"][0]["image"])
    shapes = tf.TensorSpec(first.shape, tf.uint8), tf.TensorSpec((), tf.int64)
    found, _ = next(iter(eval(new, known | {"read": read, "shapes": shapes})))
    close(found, first)


def pictures_of_pillow(known, new):
    found = keras.ops.cast(eval(new, known), "float32")
    close(found, known["by_pillow"], atol=1.001)  # gray levels


def cross_entropy():
    return float(np.mean(np.log(np.exp(LOGITS).sum(axis=1)) - LOGITS.diagonal()))


def loss_of_the_labels(known, new):
    close(float(eval(new, known)), cross_entropy())


def one_block_frozen(known, new):
    model = known["model"]
    model.trainable = True
    for layer in model._flatten_layers():
        layer.trainable = True
    exec(new, known)
    frozen = {w.path for w in model.weights} - {
        w.path for w in model.trainable_variables
    }
    assert {"former_block_1/" in path for path in frozen} == {True}
    assert len(frozen) == 16


def logits_of_the_weights_saved(known, new):
    exec(new, known)
    other = scratch(known["folder"], NAMES)
    other.load_weights("model.weights.h5")
    close(other(PICTURES), known["model"](PICTURES))


def logits_of_the_model_exported(known, new):
    exec(new, known)
    layer = keras.layers.TFSMLayer("folder", call_endpoint="serve")
    close(layer(PICTURES), known["model"](PICTURES))


def logits_of_the_model_loaded(known, new):
    loaded = eval(new, known)  # keep it: it holds the variables
    close(loaded.serve(PICTURES), known["model"](PICTURES))


SPARSE = "keras.losses.SparseCategoricalCrossentropy()(labels, logits)"
FOLDER = 'keras.utils.image_dataset_from_directory("pictures", image_size=(16, 16))'
MAPPED = 'train.map(to_floats).to_tf_dataset(4, columns="x")'
SLICED = "for layer in model.layers[:-2]: layer.trainable = False"
SILENT = {
    MAPPED: floats_at_many_times_the_disk,
    FOLDER: skips_pixels,
    SPARSE: takes_logits_for_probabilities,
    SLICED: freezes_the_whole_backbone,
}
SAME_NUMBERS = {
    "from transformers import TFViTForImageClassification": tokens_of_the_checkpoint,
    "from transformers import TFViTModel": tokens_of_the_checkpoint,
    "from transformers import ViTFeatureExtractor": recipe_of_the_checkpoint,
    "from transformers import create_optimizer": rates_of_the_schedule,
    "from transformers import PushToHubCallback": tokens_of_the_backbone_written,
    'model.save_pretrained("folder")': logits_of_the_checkpoint_written,
    "import tensorflow_addons": first_step_of_adam,
    "keras.optimizers.legacy.Adam(1e-4)": first_step_of_adam,
    "keras.optimizers.Adam(lr=1e-4)": first_step_of_adam,
    MAPPED: pictures_of_the_data_set,
    FOLDER: pictures_of_pillow,
    "keras.losses.CategoricalCrossentropy()(labels, logits)": loss_of_the_labels,
    SPARSE: loss_of_the_labels,
    SLICED: one_block_frozen,
    'model.save_weights("model.h5")': logits_of_the_weights_saved,
    'model.save("folder", save_format="tf")': logits_of_the_model_exported,
    'keras.models.load_model("folder")': logits_of_the_model_loaded,
}


def test_every_row_of_the_table_compares_numbers():
    rows = list(older_lines())
    assert [old for old, _, _ in rows] == list(SAME_NUMBERS)
    assert {old for old, error, _ in rows if not error} == SILENT.keys()
