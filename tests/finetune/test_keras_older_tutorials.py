"""Notebook 09's table of older lines: each row holds for the installed versions.

The table itself is the test's data. The first code in each row must fail with the error
that the second column names, and the first code in the third column must run.
"""

import builtins
import re
from pathlib import Path

import numpy as np
import pytest
from checks.notebook import read
from keras_checkpoints import write_checkpoint
from tinted import NAMES

from course_utils.session import ROOT, use_tensorflow

use_tensorflow()

import keras  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402

from course_utils.convert import keras as convert_keras  # noqa: E402
from course_utils.finetune import keras as finetune_keras  # noqa: E402
from course_utils.finetune.keras import (  # noqa: E402
    LayerwiseAdamW,
    batches,
    load_processor,
    pretrained,
    scratch,
)

NOTEBOOK = ROOT / "notebooks/09_finetune_cifar10_tensorflow.ipynb"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def processor(folder):
    return load_processor(folder)


def older_lines():
    """Rows of notebook 09's table: the old line, the error's name or None, the new."""
    (cell,) = [c for c in read(NOTEBOOK).prose if "## If you followed" in c.source]
    rows = [line.strip("|").split(" | ") for line in cell.source.splitlines()]
    for row in (row for row in rows if len(row) == 3 and "`" in row[0]):
        old, today, new = [re.findall(r"`([^`]+)`", part) for part in row]
        yield old[0], next((x for x in today if x.endswith("Error")), None), new[0]


@pytest.mark.parametrize(("old", "error", "new"), list(older_lines()))
def test_an_older_line_does_what_the_notebook_says(
    folder, processor, some, tmp_path, monkeypatch, old, error, new
):
    monkeypatch.chdir(tmp_path)

    def to_floats(row):
        return {"x": processor([row["image"]])[0].numpy()}

    known = {
        **{"folder": folder, "names": NAMES, "train": some, "processor": processor},
        **{"model": None, "to_floats": to_floats, "keras": keras},
        **{"labels": np.arange(3), "logits": -2 * np.eye(3, dtype="float32")},
        **{"id2label": dict(enumerate(NAMES)), "finetune_keras": finetune_keras},
        **{"batches": batches, "LayerwiseAdamW": LayerwiseAdamW},
        "to_hf": convert_keras.to_hf,
    }
    if "model" in old or "model," in new:
        known["model"] = pretrained(folder, NAMES)
    if "load_model" in old:
        pretrained(folder, NAMES).export("folder", verbose=False)
    if error:
        with pytest.raises(getattr(builtins, error)):
            exec(old, known)
    else:
        exec(old, known)
    if old in SAME_NUMBERS:
        SAME_NUMBERS[old](known, new)
    else:
        exec(new, known)


PICTURES = np.random.default_rng(0).uniform(-1, 1, (3, 16, 16, 3)).astype("float32")


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def tokens_of_the_checkpoint(known, new):
    """The backbone is the checkpoint's, whatever the head."""
    found = eval(new, known)
    backbone = getattr(found, "backbone", found)
    head = load_file(Path(known["folder"]) / "model.safetensors")
    logits = backbone(PICTURES)[:, 0] @ head["classifier.weight"].T
    wanted = convert_keras.from_hf(known["folder"])(PICTURES)
    close(logits + head["classifier.bias"], wanted)


def logits_of_the_checkpoint_written(known, new):
    exec(new, known)
    close(convert_keras.from_hf("new")(PICTURES), known["model"](PICTURES))


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
    known["model"].export("folder", verbose=False)
    close(eval(new, known)(PICTURES), known["model"](PICTURES))


SAME_NUMBERS = {
    "from transformers import TFViTForImageClassification": tokens_of_the_checkpoint,
    "from transformers import TFViTModel": tokens_of_the_checkpoint,
    'model.save_pretrained("folder")': logits_of_the_checkpoint_written,
    'model.save_weights("model.h5")': logits_of_the_weights_saved,
    'model.save("folder")': logits_of_the_model_exported,
    'keras.models.load_model("folder")': logits_of_the_model_loaded,
}


def test_lines_that_save_or_load_stand_in_the_table():
    assert SAME_NUMBERS.keys() <= {old for old, _, _ in older_lines()}
