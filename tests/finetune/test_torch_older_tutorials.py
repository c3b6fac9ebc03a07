"""Notebook 08's table of older lines: each row holds for the installed versions.

The table itself is the test's data. The first code in each row must fail with the error
that the second column names, and the first code in the third column must run. What it
leads to (pixels, logits, weights) is compared with the same made by hand.
"""

import copy
import math
import re

import numpy as np
import pytest
import torch
import transformers
from datasets import Array3D, Features, load_dataset
from older_lines import code, error_of, table
from packaging.version import Version
from PIL import Image
from tinted import NAMES, tinted
from torch.nn import functional as F
from torch.utils.data import DataLoader
from transformers import (
    AutoFeatureExtractor,
    AutoImageProcessor,
    Trainer,
    TrainingArguments,
    ViTForImageClassification,
    ViTImageProcessorPil,
)
from vit_checkpoints import largest_difference, write_checkpoint

from course_utils.finetune.torch import quiet
from course_utils.session import ROOT

NOTEBOOK = ROOT / "notebooks/08_finetune_cifar10_pytorch.ipynb"
ROWS = table(NOTEBOOK)[1:]  # without the head


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
    processor = ViTImageProcessorPil.from_pretrained(folder)
    with quiet():
        model = ViTForImageClassification.from_pretrained(folder).eval()

    def to_floats(rows):
        side = {"height": 48, "width": 48}
        single = not isinstance(rows["image"], list)
        pictures = [rows["image"]] if single else rows["image"]
        images = processor(pictures, size=side, return_tensors="np")["pixel_values"]
        return {"x": images[0] if single else images}

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
        "processor": processor,
        "to_floats": to_floats,
        "train": train.remove_columns("label"),
        "x": torch.linspace(-1, 1, 768).view(1, 3, 16, 16),
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: code(row[0])[0][:40])
def test_older_line_fails_as_told_and_current_line_runs(row, names_in_the_table):
    older, current = code(row[0])[0], code(row[2])[0]
    if older in OTHERWISE:
        return OTHERWISE[older](names_in_the_table, older, current)
    assert error_of(row), f"{older} has neither an error nor a test of its own"
    with pytest.raises(error_of(row)):
        exec(older, names_in_the_table)
    if current.startswith("TrainingArguments("):
        return same_training(names_in_the_table, eval(current, names_in_the_table))
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
        "per_gpu",
        "include_inputs",
        "load_best_model",
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
    body, known = model.vit(names["x"]), names["model"].vit(names["x"])
    torch.testing.assert_close(body.last_hidden_state, known.last_hidden_state)
    assert model.config.id2label == names["id2label"]
    assert model.classifier.out_features == len(NAMES)


def floats_on_disk(names, older, current):
    stored = eval(older, names)
    size = sum(len(row["bytes"]) for row in raw_pictures(names["train"]))
    assert stored.data.nbytes >= len(stored) * 3 * 48 * 48 * 4 > 10 * size
    np.testing.assert_array_equal(eval(current, names)[:]["x"], stored[:]["x"])


def raw_pictures(train):
    from datasets import Image

    return train.cast_column("image", Image(decode=False))["image"]


def rows_of(names):
    """Return twelve rows as a model takes them."""
    pictures = names["processor"](names["train"][:]["image"], return_tensors="pt")
    labels = [i % len(NAMES) for i in range(12)]
    pairs = zip(pictures["pixel_values"], labels, strict=True)
    return [{"pixel_values": x, "labels": y} for x, y in pairs]


def new_model(names):
    with quiet():
        return ViTForImageClassification.from_pretrained(
            names["folder"],
            id2label=names["id2label"],
            label2id=names["label2id"],
            ignore_mismatched_sizes=True,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )


class InOrder(Trainer):
    """Takes the rows as they come, so that a loop by hand can do the same."""

    def _get_train_sampler(self, *_):
        return None


def same_training(names, settings):
    """Two epochs by ``Trainer`` lead to the weights of two epochs by hand."""
    rows, expected, given = rows_of(names), new_model(names), new_model(names)
    given.load_state_dict(expected.state_dict())
    start = copy.deepcopy(expected)
    size = settings.per_device_train_batch_size
    settings.num_train_epochs, settings.use_cpu = 2, True
    settings.disable_tqdm, settings.dataloader_pin_memory = True, False
    seen = []

    def scores(prediction):
        seen.append(prediction.inputs)
        return {}

    InOrder(
        given, settings, train_dataset=rows, eval_dataset=rows, compute_metrics=scores
    ).train()
    assert bool(seen) == (settings.eval_strategy == "epoch")
    steps = 2 * math.ceil(len(rows) / size)
    warmup = settings.warmup_steps
    warmup = math.ceil(warmup * steps) if warmup < 1 else int(warmup)
    optimizer = torch.optim.AdamW(expected.parameters(), lr=5e-5, weight_decay=0.0)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, warmup, steps)
    collate = transformers.default_data_collator
    for batch in [*DataLoader(rows, size, collate_fn=collate)] * 2:
        logits = expected.train()(batch["pixel_values"]).logits
        F.cross_entropy(logits, batch["labels"]).backward()
        torch.nn.utils.clip_grad_norm_(expected.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    # Measured: 1e-6, since one of them is the fused AdamW; two epochs move 1e-4.
    assert largest_difference(given.cpu(), expected) < 5e-6
    assert largest_difference(given, start) > 5e-5


def processor_gives_the_pixels(names, older, current):
    with pytest.raises(ValueError if "folder" in older else ImportError):
        exec(older, names)
    exec(current, names)
    made = names["AutoImageProcessor"].from_pretrained(names["folder"], backend="pil")
    picture = names["train"][0]["image"]
    side = names["model"].config.image_size
    by_hand = picture.resize((side, side), Image.Resampling(made.resample))
    values = np.asarray(by_hand) / 255
    values = (values - made.image_mean) / made.image_std
    found = made([picture], return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(found, values.transpose(2, 0, 1), atol=1e-5)


def resume_that_leaves_the_blocks(names, older, current):
    names |= {"rows": rows_of(names), "last": "run/checkpoint-2", "args": three_steps()}
    names["args"].disable_tqdm = True
    whole = Trainer(new_model(names), names["args"], train_dataset=names["rows"])
    whole.train()

    def difference(line):
        ends = []
        real = Trainer.train
        with pytest.MonkeyPatch.context() as patch, quiet():

            def train(self, **options):
                done = real(self, **options)
                ends.append(self.model)
                return done

            patch.setattr(Trainer, "train", train)
            exec(line, names)
        return largest_difference(ends[0], whole.model)

    assert difference(current) == 0.0
    names["trainer"] = Trainer(
        new_model(names), names["args"], train_dataset=names["rows"]
    )
    if Version(transformers.__version__) < Version("5.24"):  # later: mended, perhaps
        with quiet():
            assert difference(older.replace("True", "last")) > 0


def best_of_two_epochs(names, older, current):
    settings = three_steps(
        eval_strategy="steps",
        eval_steps=1,
        metric_for_best_model="score",
        load_best_model_at_end=True,
    )
    scores = iter([0.1, 0.9, 0.5])
    names["trainer"] = Trainer(
        new_model(names),
        settings,
        train_dataset=rows_of(names),
        eval_dataset=rows_of(names),
        compute_metrics=lambda _: {"score": next(scores)},
    )
    with quiet():
        names["trainer"].train()
        kept = eval(current, names)
        exact = ViTForImageClassification.from_pretrained("run/checkpoint-2")
    assert largest_difference(kept, exact) == 0.0
    if Version(transformers.__version__) < Version("5.24"):  # later: mended, perhaps
        assert largest_difference(names["trainer"].model, exact) > 0


def three_steps(**more):
    """Return settings of a run that stores a checkpoint after each step."""
    return TrainingArguments(
        "run",
        max_steps=3,
        learning_rate=0.01,
        save_strategy="steps",
        save_steps=1,
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        **more,
    )


def weights_by_name(names, older, current):
    """The part with the new name is the one that the file calls by the old."""
    with pytest.raises(AttributeError):
        exec(older, names)
    found = eval(current, names).state_dict()
    from safetensors.torch import load_file

    stored = load_file(f"{names['folder']}/model.safetensors")
    (prefix,) = {
        name[: name.index("layer.0.")] + "layer.0."
        for name in stored
        if ".0.attention.attention.query.weight" in name
    }
    if "q_proj" in current:
        torch.testing.assert_close(
            found["weight"], stored[prefix + "attention.attention.query.weight"]
        )
    else:
        torch.testing.assert_close(
            found["layernorm_before.weight"], stored[prefix + "layernorm_before.weight"]
        )


def model_gives_the_logits(names, older, current):
    with quiet(), pytest.raises(TypeError):
        exec(older, names)
    with quiet():
        made = eval(current, names).eval()
    torch.testing.assert_close(
        made(names["x"]).logits, names["model"](names["x"]).logits
    )


def adamw_makes_the_same_step(names, older, current):
    with pytest.raises(ImportError):
        exec(older, names)
    exec(current, names)
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    optimizer = names["AdamW"]([weight], lr=0.1, weight_decay=0.0)
    (weight * torch.tensor([3.0, 5.0])).sum().backward()
    optimizer.step()  # Adam's first step is the rate, against the sign of the gradient
    torch.testing.assert_close(weight.data, torch.tensor([0.9, -2.1]))


def accuracy_is_a_share(names, older, current):
    with pytest.raises(ImportError):
        exec(older, names)
    exec(current, names)
    assert names["accuracy_score"]([0, 1, 2, 1], [0, 1, 1, 1]) == 0.75


def targets_of_lora(names, older, current):
    """PEFT, which the course does not need, refuses targets that match no module."""
    modules = {name.rpartition(".")[2] for name, _ in names["model"].named_modules()}
    old, new = (set(re.findall('"([a-z_]+)"', line)) for line in (older, current))
    assert old == {"query", "value"} and not old & modules
    assert new <= modules


OTHERWISE = {
    "from transformers import ViTFeatureExtractor": processor_gives_the_pixels,
    "AutoFeatureExtractor.from_pretrained(folder)": processor_gives_the_pixels,
    "from datasets import load_metric": accuracy_is_a_share,
    'LoraConfig(target_modules=["query", "value"])': targets_of_lora,
    'load_dataset("cifar10.py")': script_of_a_data_set,
    "model(x, output_attentions=True).attentions[0]": attentions,
    "Model.from_pretrained(folder, num_labels=3)": head_of_another_size,
    "Model.from_pretrained(folder, use_auth_token=False)": model_gives_the_logits,
    "model.vit.encoder.layer[0]": weights_by_name,
    "model.vit.layers[0].attention.attention.query": weights_by_name,
    "from transformers import AdamW": adamw_makes_the_same_step,
    'train.map(to_floats, features=Features({"x": Array3D((3, 48, 48), "float32")}), '
    'remove_columns=["image"])': floats_on_disk,
    "trainer.train(resume_from_checkpoint=True)": resume_that_leaves_the_blocks,
    'TrainingArguments("out", load_best_model_at_end=True)': best_of_two_epochs,
}


def test_every_special_row_stands_in_the_table():
    assert OTHERWISE.keys() <= {code(row[0])[0] for row in ROWS}
