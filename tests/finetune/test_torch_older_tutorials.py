"""Notebook 08's table of older lines: each row holds for the installed versions.

The table itself is the test's data. The first code in each row must fail with the error
that the second column names, and the first code in the third column must run.
"""

import builtins
import re

import pytest
import torch
import transformers
from checks.notebook import read
from datasets import Array3D, Features, load_dataset
from packaging.version import Version
from tinted import NAMES, tinted
from transformers import (
    AutoFeatureExtractor,
    AutoImageProcessor,
    Trainer,
    TrainingArguments,
    ViTForImageClassification,
)
from vit_checkpoints import largest_difference, write_checkpoint

from course_utils.finetune.torch import (
    collate,
    load_processor,
    pixels,
    pretrained,
    quiet,
)
from course_utils.session import ROOT

NOTEBOOK = ROOT / "notebooks/08_finetune_cifar10_pytorch.ipynb"


def table():
    """Rows of the table: three texts each."""
    (cell,) = [c for c in read(NOTEBOOK).prose if "## If you followed" in c.source]
    lines = [line for line in cell.source.splitlines() if line.startswith("| ")]
    return [[part.strip() for part in line.strip("|").split(" | ")] for line in lines]


ROWS = table()[1:]  # without the head


def code(text):
    """Return the pieces of code in a text."""
    return re.findall(r"`([^`]+)`", text)


def error_of(row):
    """Return the class of the error that a row promises, or None."""
    for word in code(row[1]):
        if word.endswith("Error"):
            return getattr(builtins, word)
    return None


@pytest.fixture
def names_in_the_table(tmp_path, monkeypatch):
    """What the lines of the table may use, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    folder = write_checkpoint(tmp_path / "checkpoint")
    train = tinted(12, seed=0)
    hub = tmp_path / "uoft-cs/cifar10"
    hub.mkdir(parents=True)
    train.rename_column("image", "img").to_parquet(str(hub / "train.parquet"))
    (tmp_path / "cifar10.py").write_text("import datasets\n")
    processor = load_processor(folder)
    with quiet():
        model = ViTForImageClassification.from_pretrained(folder)

    def to_floats(row):
        side = {"height": 48, "width": 48}
        image = processor(row["image"], size=side, return_tensors="np")
        return {"x": image["pixel_values"][0]}

    return {
        "Array3D": Array3D,
        "AutoFeatureExtractor": AutoFeatureExtractor,
        "AutoImageProcessor": AutoImageProcessor,
        "Features": Features,
        "Trainer": Trainer,
        "TrainingArguments": TrainingArguments,
        "Model": ViTForImageClassification,
        "args": TrainingArguments("out", use_cpu=True),
        "folder": folder,
        "id2label": dict(enumerate(NAMES)),
        "label2id": {name: i for i, name in enumerate(NAMES)},
        "load_dataset": load_dataset,
        "model": model,
        "pixels": pixels,
        "processor": processor,
        "to_floats": to_floats,
        "train": train.remove_columns("label"),
        "x": torch.zeros(1, 3, 16, 16),
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: code(row[0])[0][:40])
def test_older_line_fails_as_told_and_current_line_runs(row, names_in_the_table):
    older, current = code(row[0])[0], code(row[2])[0]
    if older in OTHERWISE:
        return OTHERWISE[older](names_in_the_table, older, current)
    assert error_of(row), f"{older} has neither an error nor a test of its own"
    with pytest.raises(error_of(row)):
        exec(older, names_in_the_table)
    exec(current, names_in_the_table)


def test_table_covers_what_old_tutorials_use():
    lines = " ".join(code(row[0])[0] for row in ROWS)
    for word in (
        "FeatureExtractor",
        "load_metric",
        "evaluation_strategy",
        "load_dataset",
        "tokenizer=",
        "Array3D",
        "TFViT",
        "num_labels",
        "no_cuda",
        "logging_dir",
        "save_safetensors",
        "adamw_hf",
        "use_auth_token",
        "attention.attention.query",
        "processor.size",
        "LoraConfig",
    ):
        assert word in lines
    assert len(ROWS) >= 12
    assert all(len(row) == 3 and row[1] for row in ROWS)


# --- rows that say more than "this error, that line" ------------------------------


def script_of_a_data_set(names, older, current):
    with pytest.raises(RuntimeError, match="scripts are no longer supported"):
        exec(older, names)
    loaded = eval(current, names)
    assert loaded["train"].column_names == ["img", "label"]
    assert loaded["train"][0]["img"].size == (20, 20)


def attentions(names, older, current):
    with pytest.raises(IndexError):
        exec(older, names)
    exec(current, names)
    assert eval(older, names).shape == (1, 2, 5, 5)  # (B, heads, tokens, tokens)


def head_of_another_size(names, older, current):
    with quiet(), pytest.raises(RuntimeError):
        exec(older, names)
    model = eval(current, names)
    assert model.config.id2label == names["id2label"]
    assert model.classifier.out_features == len(NAMES)


def floats_on_disk(names, older, current):
    stored = eval(older, names)
    size = sum(len(row["bytes"]) for row in raw_pictures(names["train"]))
    assert stored.data.nbytes >= len(stored) * 3 * 48 * 48 * 4 > 10 * size
    prepared = eval(current.replace("train", "labeled"), names | labeled(names))
    assert prepared[0]["pixel_values"].shape == (3, 16, 16)


def raw_pictures(train):
    from datasets import Image

    return train.cast_column("image", Image(decode=False))["image"]


def labeled(names):
    rows = names["train"]
    return {"labeled": rows.add_column("label", [0] * len(rows))}


def resume_that_leaves_the_encoder(names, older, current):
    (cell,) = [c for c in read(NOTEBOOK).code if f"class {current}(" in c.source]
    exec(cell.source, known := {"Trainer": Trainer})
    exact = known[current]
    trainer(Trainer, names).train()
    with quiet():
        stored = ViTForImageClassification.from_pretrained("run/checkpoint-1")

    def difference(cls):
        fresh = trainer(cls, names)
        with quiet():
            fresh.train(resume_from_checkpoint="run/checkpoint-1")  # no step is left
        return largest_difference(fresh.model, stored)

    assert difference(exact) == 0.0
    if Version(transformers.__version__) < Version("5.24"):  # later: mended, perhaps
        assert difference(Trainer) > 0


def trainer(cls, names):
    """Return one that makes a single step and stores a checkpoint."""
    settings = TrainingArguments(
        "run",
        max_steps=1,
        learning_rate=0.01,
        save_strategy="epoch",
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
    )
    rows = labeled(names)["labeled"].with_transform(pixels(names["processor"]))
    model = pretrained(names["folder"], NAMES)
    return cls(model, settings, train_dataset=rows, data_collator=collate)


def targets_of_lora(names, older, current):
    """PEFT, which the course does not need, refuses targets that match no module."""
    modules = {name.rpartition(".")[2] for name, _ in names["model"].named_modules()}
    old, new = (set(re.findall('"([a-z_]+)"', line)) for line in (older, current))
    assert old == {"query", "value"} and not old & modules
    assert new <= modules


OTHERWISE = {
    'LoraConfig(target_modules=["query", "value"])': targets_of_lora,
    'load_dataset("cifar10.py")': script_of_a_data_set,
    "model(x, output_attentions=True).attentions[0]": attentions,
    "Model.from_pretrained(folder, num_labels=3)": (head_of_another_size),
    'train.map(to_floats, features=Features({"x": Array3D((3, 48, 48), "float32")}), '
    'remove_columns=["image"])': floats_on_disk,
    "trainer.train(resume_from_checkpoint=True)": resume_that_leaves_the_encoder,
}


def test_every_special_row_stands_in_the_table():
    assert OTHERWISE.keys() <= {code(row[0])[0] for row in ROWS}
