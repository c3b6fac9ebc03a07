"""A run of transformers' Trainer that was killed ends as if nobody had killed it."""

import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
import torch
from datasets import Value
from tinted import NAMES, tinted
from trainers import make_trainer
from transformers import (
    TrainerCallback,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
)
from vit_checkpoints import largest_difference, store, without, write_checkpoint

from course_utils.finetune.torch import augment, pretrained
from course_utils.training.trainer import EpochLines, ExactTrainer, last_checkpoint

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


class KillAt(TrainerCallback):
    """Send this process ``kill -9`` at the end of a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def killed(folder, tmp_path_factory):
    """Let every training below kill itself; return where each has left its files.

    Each dies in a process of its own, forked from one that has imported torch for all.
    """
    base = tmp_path_factory.mktemp("killed")
    code = f"import test_trainer as t; t.die_one_by_one({folder!r}, {str(base)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT / "tests/training",
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}:{ROOT}/tests"},
    )
    assert done.returncode == 0, done.stderr
    return base


def die_one_by_one(folder, base):
    for how in (
        train_and_die_inside_an_epoch,
        train_and_die_after_an_epoch,
        train_and_die_while_saving,
    ):
        child = os.fork()
        if not child:
            try:
                how(folder, os.path.join(base, how.__name__))
            except BaseException:
                traceback.print_exc()
            os._exit(1)  # with an error or without: it has not died as it should
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == -signal.SIGKILL, how.__name__


def train_and_die_inside_an_epoch(folder, output):
    """Checkpoints at steps 4 and 8; ends at step 10, in the middle of epoch 2."""
    torch.set_num_threads(1)
    more = {"save_strategy": "steps", "save_steps": 4}
    make_trainer(folder, output, callbacks=[KillAt(10)], **more).train()


def train_and_die_after_an_epoch(folder, output):
    """With augmentation and a checkpoint at the end of each epoch, steps 6 and 12."""
    torch.set_num_threads(1)
    make_trainer(folder, output, change=augment, callbacks=[KillAt(15)]).train()


def train_and_die_while_saving(folder, output):
    """The checkpoint of step 12 has weights, but no state."""
    torch.set_num_threads(1)
    trainer = make_trainer(folder, output)
    save = trainer._save_rng_state

    def save_or_die(path):
        if trainer.state.global_step == 12:
            os.kill(os.getpid(), signal.SIGKILL)
        save(path)

    trainer._save_rng_state = save_or_die
    trainer.train()


@pytest.mark.parametrize(
    ("how", "resumed_at", "settings"),
    [
        (
            "train_and_die_inside_an_epoch",
            8,
            {"save_strategy": "steps", "save_steps": 4},
        ),
        ("train_and_die_after_an_epoch", 12, {"change": augment}),
        ("train_and_die_while_saving", 6, {}),
    ],
    ids=["inside an epoch", "with augmentation", "while saving"],
)
def test_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
    folder, killed, tmp_path, how, resumed_at, settings
):
    whole = make_trainer(folder, tmp_path / "whole", **settings)
    start = {name: w.clone() for name, w in whole.model.state_dict().items()}
    whole.train()
    query = "vit.layers.1.attention.q_proj.weight"  # of the part that is left behind
    assert (start[query] - whole.model.state_dict()[query]).abs().max() > 1e-3
    assert last_checkpoint(killed / how).endswith(f"-{resumed_at}")
    resumed = make_trainer(folder, killed / how, **settings)
    resumed.train(resume_from_checkpoint=True)
    assert largest_difference(whole.model, resumed.model) == 0.0


def test_resume_restores_what_from_pretrained_reads(folder, tmp_path):
    """Holds whatever names Trainer reads by, now and when upstream has mended it."""
    trainer = make_trainer(folder, tmp_path, num_train_epochs=1)
    trainer.train()
    checkpoint = last_checkpoint(tmp_path)
    stored = ViTForImageClassification.from_pretrained(checkpoint)
    fresh = make_trainer(folder, tmp_path)
    assert largest_difference(fresh.model, stored) > 1e-3
    fresh._load_from_checkpoint(checkpoint)
    assert largest_difference(fresh.model, stored) == 0.0


def test_model_at_the_end_is_the_best_checkpoint(folder, tmp_path):
    scores = iter([0.5, 0.9, 0.1])
    trainer = make_trainer(
        folder,
        tmp_path,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        save_total_limit=2,
    )
    trainer.compute_metrics = lambda prediction: {"accuracy": next(scores)}
    trainer.train()
    best = tmp_path / "checkpoint-12"
    assert Path(trainer.state.best_model_checkpoint) == best
    stored = ViTForImageClassification.from_pretrained(best)
    assert largest_difference(trainer.model, stored) == 0.0
    last = ViTForImageClassification.from_pretrained(tmp_path / "checkpoint-18")
    assert largest_difference(trainer.model, last) > 1e-3


REMEDY = "delete it to resume from an older checkpoint, or start the run anew"


@pytest.mark.parametrize(
    ("rename", "classes", "message"),
    [
        (without(".layer.1."), 3, r": 16 are missing, .* such as vit.layers.1.\S+; "),
        (without("classifier.bias"), 3, ": 1 are missing, .* such as classifier.bias"),
        (lambda name: f"module.{name}", 3, ": 80 are missing, .*classifier.bias"),
        (lambda name: name.replace(".1.", ".2."), 3, ": 32 .* such as vit.layers.1"),
        (None, 4, r": 2 are missing, left over or of another shape, such as classifi"),
    ],
    ids=["a block", "the head's bias", "names", "another block", "classes"],
)
def test_run_is_not_resumed_from_half_a_checkpoint(
    folder, tmp_path, rename, classes, message
):
    trainer = make_trainer(folder, tmp_path)
    before = {name: w.clone() for name, w in trainer.model.state_dict().items()}
    model = pretrained(folder, [*NAMES, "gray"][:classes])
    stored = store(model, tmp_path / "checkpoint-6", rename)
    trainer.state.best_model_checkpoint = stored
    for load in (trainer._load_from_checkpoint, lambda _: trainer._load_best_model()):
        with pytest.raises(ValueError, match=message) as caught:
            load(stored)
        assert str(caught.value).startswith(stored) and REMEDY in str(caught.value)
    for name, weight in trainer.model.state_dict().items():
        assert torch.equal(weight, before[name])


class OwnModel(torch.nn.Module):
    """Not from transformers: Trainer stores its weights under its own names."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone, self.head = backbone, torch.nn.Linear(16, 3)

    def forward(self, pixel_values, labels=None):
        tokens = self.backbone(pixel_values).last_hidden_state
        logits = self.head(tokens[:, 0])
        loss = torch.nn.functional.cross_entropy(logits, labels)
        return {"loss": loss, "logits": logits}


def test_model_of_ones_own_is_restored_too(folder, tmp_path):
    def start():
        torch.manual_seed(0)
        own = OwnModel(pretrained(folder, NAMES).vit)
        return make_trainer(folder, tmp_path, model=own, num_train_epochs=2)

    whole, resumed = start(), start()
    whole.train()
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-6"))
    assert largest_difference(whole.model, resumed.model) == 0.0


def test_incomplete_checkpoints_are_passed_over(tmp_path):
    assert last_checkpoint(tmp_path / "nowhere") is None
    for step, state in ((9, "{}"), (10, None), (11, '{"half"'), ("x", "{}")):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}/trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-9")


def test_resume_without_a_checkpoint_is_refused(folder, tmp_path):
    with pytest.raises(ValueError, match="no complete checkpoint in"):
        make_trainer(folder, tmp_path).train(resume_from_checkpoint=True)


@pytest.mark.parametrize("which", ["train_dataset", "eval_dataset"])
def test_trainer_looks_at_all_labels_before_the_first_step(tmp_path, which):
    rows = tinted(6, seed=1)
    loose = rows.cast_column("label", Value("int64"))
    wrong = loose.remove_columns("label").add_column("label", [0, 1, 2, 0, 1, 3])
    sets = {"train_dataset": rows, "eval_dataset": rows} | {which: wrong}
    config = ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        image_size=16,
        patch_size=8,
        num_labels=3,
    )
    settings = TrainingArguments(str(tmp_path), report_to="none", use_cpu=True)
    trainer = ExactTrainer(ViTForImageClassification(config), settings, **sets)
    with pytest.raises(ValueError, match="row 5 is 3, but classes are numbered 0 to 2"):
        trainer.train()


def test_training_is_silent_and_epoch_lines_are_short(folder, tmp_path, capfd):
    make_trainer(folder, tmp_path, num_train_epochs=1).train()
    assert capfd.readouterr() == ("", "")
    lines = [EpochLines()]
    make_trainer(folder, tmp_path, num_train_epochs=2, callbacks=lines).train()
    shown = capfd.readouterr()
    assert shown.err == ""
    printed = shown.out.splitlines()
    assert len(printed) == 2 and all(len(line) < 88 for line in printed)
    assert "step    12" in printed[1] and "accuracy 0." in printed[1]


def test_frozen_backbone_stays(folder, tmp_path):
    trainer = make_trainer(folder, tmp_path, num_train_epochs=1)
    trainer.model.vit.requires_grad_(False)
    trainer.train()
    stored = ViTForImageClassification.from_pretrained(folder)
    assert largest_difference(trainer.model.vit, stored.vit) == 0.0
