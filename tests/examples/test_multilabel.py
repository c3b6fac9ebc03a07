"""The script of several labels: one process or two, whole or killed and resumed."""

import ast
import importlib.util
import json
import socket

import numpy as np
import pytest
import torch
import transformers
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from datasets import ClassLabel, Dataset, Features, List
from datasets import Image as ImageFeature
from launching import TORCHRUN, launch
from PIL import Image
from safetensors.numpy import load_file
from sklearn.metrics import average_precision_score, f1_score
from torch.utils.data import DataLoader
from vit_checkpoints import write_checkpoint

from course_utils.session import ROOT

SCRIPT = ROOT / "examples/multilabel_accelerate.py"
NAMES = ["red", "green", "blue", "never"]
ROWS = {"train": 37, "validation": 11, "test": 7}  # no number of them is even
CPU = {"CUDA_VISIBLE_DEVICES": ""}
ACCELERATE = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
ACCELERATE += ["--num_machines", "1", "--mixed_precision", "no"]
ACCELERATE += ["--dynamo_backend", "no"]


def load_script():
    spec = importlib.util.spec_from_file_location("multilabel_script", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()


def several(count, seed):
    """Pictures of noise, a little more red, green and blue, or some of these."""
    random = np.random.default_rng(seed)
    present = random.random((count, 3)) < 0.5
    images = random.integers(0, 150, (count, 20, 20, 3)) + 60 * present[:, None, None]
    kinds = {"image": ImageFeature(), "labels": List(ClassLabel(names=NAMES))}
    columns = {
        "image": [Image.fromarray(image.astype("uint8")) for image in images],
        "labels": [np.flatnonzero(row).tolist() for row in present],
    }
    return Dataset.from_dict(columns, features=Features(kinds))


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """Return the arguments for a small model and small data."""
    folder = tmp_path_factory.mktemp("inputs")
    for seed, (split, count) in enumerate(ROWS.items()):
        several(count, seed).to_parquet(str(folder / f"{split}.parquet"))
    found = ["--data", str(folder), "--model", write_checkpoint(folder / "model")]
    return [*found, "--batch-size", "4", "--lr", "0.003", "--epochs", "3"]


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Start each test without accelerate's state of the one before."""
    AcceleratorState._reset_state(reset_partial_state=True)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    transformers.utils.logging.enable_progress_bar()


def run(arguments, output, *more):
    AcceleratorState._reset_state(reset_partial_state=True)
    options = [*arguments, "--output", str(output), *more]
    script.main(script.parser.parse_args(options))


def weights(output):
    return load_file(output / "model" / "model.safetensors")


def assert_equal_weights(one, other):
    one, other = weights(one), weights(other)
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], name)


def scores(output):
    return json.loads((output / "metrics.json").read_text("utf-8"))


# One process


def test_script_stands_alone():
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    names = {
        a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names
    }
    names |= {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert not any(name.startswith(("course", "drawing")) for name in names)


def test_script_writes_model_processor_scores_and_one_state(
    arguments, tmp_path, capsys
):
    run(arguments, tmp_path / "out")
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == ["epoch"] * 3 + ["test ", "1 pro"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *("metrics.json", "model", "state-3")
    }
    found = scores(tmp_path / "out")
    assert [line["rows"] for line in found["history"]] == [ROWS["validation"]] * 3
    assert found["test"]["rows"] == ROWS["test"]
    assert found["test"]["left_out"] == ["never"]
    stored = transformers.AutoModelForImageClassification.from_pretrained(
        tmp_path / "out" / "model"
    )
    assert list(stored.config.id2label.values()) == NAMES
    assert stored.config.problem_type == "multi_label_classification"
    transformers.AutoImageProcessor.from_pretrained(tmp_path / "out/model")


@pytest.mark.parametrize("lost", ["the second state", "its renaming"])
def test_killed_run_resumes_and_ends_with_the_same_weights(
    arguments, tmp_path, monkeypatch, lost
):
    run(arguments, tmp_path / "whole")

    def dies(*_):
        raise KeyboardInterrupt

    real = script.save_state

    def save_or_die(accelerator, output, history):
        if len(history) == 2:
            if lost == "its renaming":
                monkeypatch.setattr(script, "write_json", dies)
                real(accelerator, output, history)
            dies()
        real(accelerator, output, history)

    with monkeypatch.context() as patch:
        patch.setattr(script, "save_state", save_or_die)
        with pytest.raises(KeyboardInterrupt):
            run(arguments, tmp_path / "cut")
    monkeypatch.undo()
    states = {path.name for path in (tmp_path / "cut").iterdir()}
    assert "state-1" in states and "state-2" not in states
    torch.manual_seed(99)  # what the process did before does not matter
    run(arguments, tmp_path / "cut", "--resume")
    assert_equal_weights(tmp_path / "whole", tmp_path / "cut")
    assert scores(tmp_path / "whole") == scores(tmp_path / "cut")


def test_scores_are_those_of_scikit_learn_over_labels_with_a_positive():
    random = np.random.default_rng(0)
    logits = torch.tensor(random.normal(size=(11, 4)), dtype=torch.float32)
    truth = torch.tensor(random.random((11, 4)) < 0.5).float()
    truth[:, 3] = 0
    rows = [
        {"pixel_values": x, "labels": y, "row": i}
        for i, (x, y) in enumerate(zip(logits, truth, strict=True))
    ]

    class Echo(torch.nn.Module):
        def forward(self, pixel_values):
            return transformers.modeling_outputs.ImageClassifierOutput(
                logits=pixel_values
            )

    accelerator = Accelerator(cpu=True)
    loader = accelerator.prepare(DataLoader(rows, batch_size=4))
    found = script.evaluate(accelerator, Echo(), loader, NAMES)
    three = truth[:, :3].numpy(), logits[:, :3].numpy()
    assert found["macro_ap"] == pytest.approx(average_precision_score(*three))
    said = f1_score(three[0], three[1] > 0, average="macro", zero_division=0)
    assert found["macro_f1"] == pytest.approx(said)
    assert found["left_out"] == ["never"] and found["rows"] == 11


def test_rows_become_scaled_pixels_and_float_labels(arguments):
    folder = arguments[1]
    splits, names = script.read(script.Path(folder))
    assert names == NAMES and {s: len(r) for s, r in splits.items()} == ROWS
    processor = transformers.AutoImageProcessor.from_pretrained(
        arguments[3], backend="pil"
    )
    batch = script.Numbers(processor, 4)(splits["test"][:3])
    assert batch["pixel_values"].shape == (3, 3, 16, 16)
    assert batch["labels"].dtype == torch.float32 and batch["row"] == [0, 1, 2]
    for row, labels in zip(batch["labels"], splits["test"][:3]["labels"], strict=True):
        assert row.nonzero().flatten().tolist() == labels


def test_what_cannot_be_used_is_refused_in_a_sentence(arguments, tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(SystemExit, match="is there already; add --resume"):
        run(arguments, tmp_path / "out")
    state = tmp_path / "out" / "state-1"
    state.mkdir()
    for rank in range(2):
        (state / f"random_states_{rank}.pkl").touch()
    with pytest.raises(SystemExit, match="state of 2 process.*resume with 2"):
        run(arguments, tmp_path / "out", "--resume")
    with pytest.raises(SystemExit, match="has no train.parquet"):
        run(["--data", str(tmp_path), *arguments[2:]], tmp_path / "new")


# Two processes


@pytest.fixture(scope="module")
def two(arguments, tmp_path_factory):
    """Return what two processes printed, and the folder of their results."""
    output = tmp_path_factory.mktemp("two") / "out"
    done = launch(*TORCHRUN, SCRIPT, *arguments, "--output", output, **CPU)
    assert done.returncode == 0, done.stderr
    return done.stdout, output


def test_two_processes_end_with_equal_weights_and_count_each_row_once(two):
    printed, output = two
    found = scores(output)
    assert found["processes"] == 2 and found["equal_weights"] is True
    assert [line["rows"] for line in found["history"]] == [ROWS["validation"]] * 3
    assert found["test"]["rows"] == ROWS["test"]
    lines = printed.splitlines()
    assert [line[:5] for line in lines] == ["epoch"] * 3 + ["test ", "2 pro"]
    assert len(list(output.glob("state-3/random_states_*"))) == 2


DIES = """
import os, sys
sys.path.insert(0, sys.argv[1])
import multilabel_accelerate as script
save_state = script.save_state
def save_or_die(accelerator, output, history):
    if len(history) == 2:
        os._exit(1)
    save_state(accelerator, output, history)
script.save_state = save_or_die
script.main(script.parser.parse_args(sys.argv[2:]))
"""


def test_two_killed_processes_resume_with_accelerate_launch(arguments, two, tmp_path):
    options = [*arguments, "--output", tmp_path / "cut"]
    (tmp_path / "dies.py").write_text(DIES, encoding="utf-8")
    done = launch(*TORCHRUN, tmp_path / "dies.py", SCRIPT.parent, *options, **CPU)
    assert done.returncode != 0
    assert [path.name for path in (tmp_path / "cut").iterdir()] == ["state-1"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = "--main_process_port", free.getsockname()[1]
    done = launch(*ACCELERATE, *port, SCRIPT, *options, "--resume", **CPU)
    assert done.returncode == 0, done.stderr
    assert_equal_weights(two[1], tmp_path / "cut")
    assert scores(two[1]) == scores(tmp_path / "cut")
