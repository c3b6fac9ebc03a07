"""The script that learners copy: it stands alone, resumes, and explains itself."""

import ast
import importlib.util
import json
import os
import signal
import subprocess
import sys

import datasets
import numpy as np
import pytest
import torch
import transformers
from datasets import ClassLabel, Value
from launching import TORCHRUN, launch
from PIL import Image
from tinted import NAMES, tinted
from transformers import ViTForImageClassification, ViTModel
from vit_checkpoints import (
    FAMILIES,
    largest_difference,
    store,
    vit,
    without,
    write_checkpoint,
)

from course_utils.finetune import torch as finetune
from course_utils.session import ROOT

SCRIPT = ROOT / "examples/finetune.py"


def load_script():
    spec = importlib.util.spec_from_file_location("finetune_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


def save(folder, **splits):
    """Store splits as the Hub does."""
    for name, rows in splits.items():
        rows.to_parquet(str(folder / f"{name}.parquet"))
    return str(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    whole = {"train": tinted(48, 0), "validation": tinted(24, 1), "test": tinted(9, 2)}
    return save(folder, **whole)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    logging = transformers.utils.logging
    before = logging.get_verbosity()
    yield
    logging.set_verbosity(before)
    logging.enable_progress_bar()
    datasets.enable_progress_bars()


def run(pictures, model, output, *more):
    options = ["--model", model, "--output", str(output), "--batch-size", "8"]
    script.main(["--data", str(pictures), *options, "--lr", "0.003", *more])


# --- What it does -----------------------------------------------------------------


def test_script_stands_alone():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not any(name.startswith("course") for name in names)
    assert "trust_remote_code=True" not in SCRIPT.read_text(encoding="utf-8")


def test_script_writes_model_processor_and_metrics(pictures, model, tmp_path, capsys):
    run(pictures, model, tmp_path)
    printed = capsys.readouterr().out.splitlines()
    assert ["validation" in line for line in printed] == [True, True, True, False]
    assert printed[-1].startswith("test accuracy")
    names = {path.name for path in (tmp_path / "model").iterdir()}
    wanted = {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert names == wanted | {"metrics.json"}
    scores = json.loads((tmp_path / "model/metrics.json").read_text())
    assert 0 <= scores["test_accuracy"] <= 1
    pipe = transformers.pipeline("image-classification", str(tmp_path / "model"))
    found = pipe(tinted(1, 3)[0]["image"])
    assert {answer["label"] for answer in found} == set(NAMES)


DIES = """
import itertools, os, signal, sys
sys.path.insert(0, sys.argv[1])
import finetune
calls, print_line = itertools.count(1), finetune.EpochLines.on_evaluate
def line_or_die(*arguments, **options):
    if next(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return print_line(*arguments, **options)
finetune.EpochLines.on_evaluate = line_or_die
finetune.main(sys.argv[2:])
"""


def test_killed_script_resumes_and_ends_with_the_same_model(pictures, model, tmp_path):
    cut = tmp_path / "cut"
    command = [sys.executable, "-c", DIES, str(SCRIPT.parent), "--data", pictures]
    command += ["--model", model, "--output", str(cut), "--batch-size", "8"]
    done = subprocess.run(
        [*command, "--lr", "0.003"],
        env=os.environ
        | {"OMP_NUM_THREADS": "1", "HF_DATASETS_CACHE": str(tmp_path / "cache")},
        cwd=tmp_path,
    )
    assert done.returncode == -signal.SIGKILL
    assert not (cut / "model").exists()
    assert script.newest_checkpoint(cut / "checkpoints").endswith("-12")
    run(pictures, model, tmp_path / "whole")
    run(pictures, model, cut)
    load = ViTForImageClassification.from_pretrained
    whole, resumed = load(tmp_path / "whole/model"), load(cut / "model")
    assert largest_difference(whole, resumed) == 0.0


def test_stored_model_is_that_of_the_best_epoch(pictures, model, tmp_path, monkeypatch):
    scores = iter([0.5, 0.9, 0.1, 0.0])  # three epochs, then the test
    monkeypatch.setattr(
        script, "metrics", lambda _: {"accuracy": next(scores), "f1": 0.0}
    )
    run(pictures, model, tmp_path)
    load = ViTForImageClassification.from_pretrained
    best = load(tmp_path / "checkpoints/checkpoint-12")
    assert largest_difference(load(tmp_path / "model"), best) == 0.0


ENDS = """
import hashlib, json, os, runpy, sys, torch, transformers
plain = transformers.Trainer.train
def train(self, *arguments, **options):
    state = torch.get_rng_state()
    drawn = torch.rand(1).item()
    torch.set_rng_state(state)
    plain(self, *arguments, **options)
    weights = sorted(self.model.state_dict().items())
    found = hashlib.sha256(b"".join(w.numpy().tobytes() for _, w in weights))
    with open("end-" + os.environ["RANK"], "w") as file:
        json.dump([found.hexdigest(), drawn], file)
transformers.Trainer.train = train
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_two_processes_share_the_pictures_and_store_one_model(
    pictures, model, tmp_path
):
    """They end with the same weights, though each has augmented in its own way."""
    (tmp_path / "ends.py").write_text(ENDS)
    command = [*TORCHRUN, tmp_path / "ends.py", SCRIPT, "--data", pictures]
    command += ["--model", model, "--epochs", "1"]
    command += ["--output", tmp_path, "--batch-size", "8"]
    cache = {"HF_DATASETS_CACHE": str(tmp_path / "cache")}
    done = launch(*command, cwd=tmp_path, seconds=300, **cache)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("test accuracy") == 1
    assert (tmp_path / "checkpoints/checkpoint-3").exists()  # 48 / (2 * 8) steps
    found = [json.loads(file.read_text()) for file in tmp_path.glob("end-*")]
    ends, drawn = zip(*found, strict=True)
    assert len(found) == 2 and len(set(ends)) == 1 and len(set(drawn)) == 2


def test_incomplete_checkpoints_are_passed_over(tmp_path):
    assert script.newest_checkpoint(tmp_path / "nowhere") is None
    for step, state in ((9, "{}"), (10, None), (11, '{"half"'), ("x", "{}")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(state)
    assert script.newest_checkpoint(tmp_path) == str(tmp_path / "checkpoint-9")


def test_a_folder_of_pictures_is_read_and_split(tmp_path):
    for split in ("train", "test"):
        for i, row in enumerate(tinted(30 if split == "train" else 9, len(split))):
            place = tmp_path / split / NAMES[row["label"]]
            place.mkdir(parents=True, exist_ok=True)
            row["image"].save(place / f"{i}.png")
    splits = script.load_pictures(str(tmp_path), None, seed=0)
    sizes = {name: len(rows) for name, rows in splits.items()}
    assert sizes == {"train": 24, "validation": 6, "test": 9}
    names = splits["train"].features["label"].names
    assert names == sorted(NAMES)
    assert np.bincount(splits["validation"]["label"][:]).tolist() == [2, 2, 2]


@pytest.mark.parametrize("stray", ["", "loose.png", "red/deep/deeper.png"])
def test_names_of_splits_among_classes_and_files_mean_nothing(stray, tmp_path, capsys):
    """``load_dataset`` alone would give a class, no label, or a part of the files."""
    classes = ["train", "tram", "test strip"]
    for i, row in enumerate(tinted(30, 0)):
        place = tmp_path / classes[row["label"]]
        place.mkdir(exist_ok=True)
        row["image"].save(place / f"{['eval', 'x', 'dev'][i % 3]}-{i}.png")
    if stray:
        (tmp_path / stray).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(tmp_path / stray)
    splits = script.load_pictures(str(tmp_path), None, seed=0)
    assert sum(len(rows) for rows in splits.values()) == 30
    assert splits["train"].features["label"].names == sorted(classes)
    said = capsys.readouterr().out
    assert ("1 pictures lie in no class folder" in said) == bool(stray)


@pytest.mark.parametrize("hidden", [".ipynb_checkpoints/1.png", "a/._1.png"])
def test_hidden_files_are_no_pictures(hidden, tmp_path, capsys):
    for i in range(30):
        path = tmp_path / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (i, 0, 0)).save(path)
    (tmp_path / hidden).parent.mkdir(exist_ok=True)
    (tmp_path / hidden).write_bytes(b"")
    splits = script.load_pictures(str(tmp_path), None, seed=0)
    assert sum(len(rows) for rows in splits.values()) == 30
    assert splits["train"].features["label"].names == ["a", "b"]
    assert "left out" not in capsys.readouterr().out


def test_columns_of_other_names_are_found(tmp_path):
    rows = tinted(30, 0).rename_columns({"image": "img", "label": "kind"})
    splits = script.load_pictures(save(tmp_path, train=rows, test=rows), None, seed=0)
    assert splits["train"].column_names == ["image", "label"]


def test_a_file_without_head_keeps_its_blocks_and_any_head_is_new(model, tmp_path):
    with finetune.quiet():
        ViTModel.from_pretrained(model).save_pretrained(tmp_path)
        stored = ViTForImageClassification.from_pretrained(model)
    processor = transformers.ViTImageProcessorPil.from_pretrained(model)
    processor.save_pretrained(tmp_path)
    for folder, names in ((str(tmp_path), NAMES), (model, list("abcde"))):
        _, found = script.load_model(folder, names)
        assert largest_difference(found.vit, stored.vit) == 0.0
        assert found.config.id2label == dict(enumerate(names))
        if len(names) == 5:
            assert not torch.equal(found.classifier.weight, stored.classifier.weight)


@pytest.mark.parametrize(
    "family", ["deit", "beit", "clip", "siglip", "dinov2", "resnet", "swin"]
)
def test_other_families_are_loaded_whole(family, tmp_path):
    theirs = FAMILIES[family]()
    folder = store(theirs, tmp_path)
    processor = transformers.ViTImageProcessorPil(size={"height": 16, "width": 16})
    processor.save_pretrained(folder)
    _, found = script.load_model(folder, NAMES)
    stored = theirs.state_dict()
    for name, weight in found.state_dict().items():
        if "classifier" not in name and "pooler" not in name:
            body = name.partition(".")[2]  # in a file that was saved without a head
            assert torch.equal(weight, stored.get(name, stored.get(body))), name


def test_rates_are_those_of_the_course(model):
    found = finetune.pretrained(model, NAMES)

    def rates(optimizer):
        return {
            id(weight): (group["lr"], group["weight_decay"])
            for group in optimizer.param_groups
            for weight in group["params"]
        }

    wanted = finetune.layerwise_adamw(found, 0.1, 0.5, 0.01)
    assert rates(script.layerwise_adamw(found, 0.1, 0.5)) == rates(wanted)


def test_augmentation_is_that_of_the_course():
    picture = tinted(1, 0)[0]["image"]
    made = []
    for augment in (script.augment, finetune.augment):
        torch.manual_seed(5)
        made.append(np.asarray(augment(picture)))
    np.testing.assert_array_equal(*made)


@pytest.mark.parametrize("outputs", ["logits", "attentions", "hidden states"])
def test_metrics_are_accuracy_and_macro_f1(outputs):
    answers, truth = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 1])
    logits, other = np.eye(2)[answers], np.ones((5, 2, 4, 4))
    logits = {
        "logits": logits,
        "attentions": (logits, (other, other)),
        "hidden states": (logits, (other,)),
    }[outputs]
    scores = script.metrics(transformers.EvalPrediction(logits, truth))
    f1 = np.mean([2 / 3, 6 / 7])  # 2tp / (2tp + fp + fn) of each class
    assert scores == pytest.approx({"accuracy": 0.8, "f1": f1})


# --- What it refuses, and in which words ------------------------------------------


def test_old_results_and_other_settings_are_refused(pictures, model, tmp_path):
    (tmp_path / "old/model").mkdir(parents=True)
    with pytest.raises(SystemExit, match="model is there already; choose another"):
        run(pictures, model, tmp_path / "old")
    run(pictures, model, tmp_path / "new", "--epochs", "1")
    (tmp_path / "new/model").rename(tmp_path / "elsewhere")
    with pytest.raises(SystemExit, match="another epochs; give the same options"):
        run(pictures, model, tmp_path / "new", "--epochs", "2")


def two_kinds():
    rows = tinted(30, 0)
    return rows.add_column("kind", rows["label"]).cast_column(
        "kind", ClassLabel(names=list("xyz"))
    )


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (lambda: tinted(5, 0), "too few to set some aside for the split test"),
        (lambda: tinted(30, 0).remove_columns("image"), r"has none and \['label'\]"),
        (
            lambda: tinted(30, 0).cast_column("label", Value("int64")),
            r"has \['image'\] and none",
        ),
        (two_kinds, r"\['label', 'kind'\]; choose the classes by --label"),
    ],
    ids=["too few", "no pictures", "no names of classes", "two kinds of classes"],
)
def test_unfit_pictures_are_told(rows, said, tmp_path):
    with pytest.raises(SystemExit, match=said):
        script.load_pictures(save(tmp_path, train=rows()), None, seed=0)


def test_one_of_two_kinds_of_classes_can_be_chosen(tmp_path):
    splits = script.load_pictures(save(tmp_path, train=two_kinds()), "kind", seed=0)
    assert splits["train"].features["label"].names == list("xyz")


def test_pictures_without_a_class_are_told(tmp_path):
    rows = tinted(9, 2)
    loose = rows.remove_columns("label").add_column("label", [-1] * 9)
    loose = loose.cast_column("label", rows.features["label"])
    with pytest.raises(SystemExit, match="9 pictures of the split test have no class"):
        script.load_pictures(save(tmp_path, train=tinted(30, 0), test=loose), None, 0)


def test_a_place_without_pictures_is_told(tmp_path):
    with pytest.raises(SystemExit, match="nowhere cannot be read as a data set"):
        script.load_pictures(str(tmp_path / "nowhere"), None, seed=0)
    Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
    with pytest.raises(SystemExit, match="needed, but|cannot be read"):
        script.load_pictures(str(tmp_path), None, seed=0)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            without(".layer.1."),
            r"lacks layers.1\.\S+ .and 15 more weights., which would",
        ),
        (
            lambda name: f"module.{name}",
            r"lacks embeddings.cls_token .and 37 more weights., which",
        ),
        (None, "cannot be loaded as an image classifier"),
    ],
    ids=["a block", "names", "no safetensors"],
)
def test_unfit_models_are_told(spoil, said, tmp_path):
    store(vit(), tmp_path, spoil)
    processor = transformers.ViTImageProcessorPil(size={"height": 16, "width": 16})
    processor.save_pretrained(tmp_path)
    if spoil is None:
        (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(SystemExit, match=said) as caught:
        script.load_model(str(tmp_path), NAMES)
    assert len(str(caught.value).splitlines()) == 1
