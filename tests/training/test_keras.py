"""A killed run of Keras's ``fit`` ends as if nobody had killed it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tinted import tinted

from course_utils.session import use_tensorflow

use_tensorflow()

import keras  # noqa: E402
import keras_hub  # noqa: E402

from course_utils.finetune.keras import (  # noqa: E402
    Processor,
    augmentation,
    batches,
)
from course_utils.training import keras as course_keras  # noqa: E402
from course_utils.training.keras import (  # noqa: E402
    Checkpoint,
    SeededEpochs,
)

ROOT = Path(__file__).resolve().parents[2]
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def small_classifier(dropout):
    """A random ViT of KerasHub with one block, for pictures of 16 pixels."""
    backbone = keras_hub.models.ViTBackbone(
        (16, 16, 3), 8, 1, 2, 16, 24, dropout_rate=dropout
    )
    return keras_hub.models.ViTImageClassifier(backbone, 3)


def same_weights(first, second):
    pairs = zip(first.get_weights(), second.get_weights(), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def test_random_numbers_differ_between_layers_and_epochs():
    model = keras.Sequential([augmentation(), keras.layers.Dropout(0.5)])
    model.build((None, 16, 16, 3))
    epochs = SeededEpochs(0)
    epochs.set_model(model)
    seen = []
    for epoch in (0, 1, 0):
        epochs.on_epoch_begin(epoch)
        states = [v for v in model.variables if v.name == "seed_generator_state"]
        seen.append([tuple(np.array(state)) for state in states])
    assert len(seen[0]) == 6 and seen[0] == seen[2]
    assert len(set(seen[0] + seen[1])) == 12


EPOCHS = 3
WORKER = """
import sys
sys.path[:0] = [sys.argv[1] + "/tests", sys.argv[1] + "/tests/training"]
import test_keras as here
here.train(*sys.argv[2:5])
"""


class KillAt(keras.callbacks.Callback):
    """Kills its process, really, when a step of the last epoch has been made."""

    def __init__(self):
        super().__init__()
        self.epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (2, 0):
            os.kill(os.getpid(), signal.SIGKILL)


def kill_between_the_writes():
    """Let Keras write the second epoch's weights, and die before the number."""
    whole, count = keras.Model.save_weights, [0]

    def save(self, *arguments, **options):
        whole(self, *arguments, **options)
        count[0] += 1
        if count[0] == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    keras.Model.save_weights = save


def train(backup, randomness, kill="never"):
    """One run of EPOCHS epochs; return the model, and write nothing but the backup."""
    keras.utils.set_random_seed(0)
    processor = Processor(16, (0.5,) * 3, (0.5,) * 3)
    callbacks, order, front = [], 0, []
    if randomness == "random":
        order = SeededEpochs(5)
        callbacks.append(order)
        front = [augmentation(), keras.layers.Dropout(0.1)]
    inner = small_classifier(0.1 if callbacks else 0.0)
    model = keras.Sequential([keras.Input((16, 16, 3)), *front, inner])
    model.compile(
        keras.optimizers.AdamW(0.01), LOSS, jit_compile=False, run_eagerly=not callbacks
    )
    if kill == "in an epoch":
        callbacks.append(KillAt())
    if kill == "while saving":
        kill_between_the_writes()
    if backup:
        callbacks.append(Checkpoint(backup))
    data = batches(
        tinted(16, seed=0), processor, 8, shuffle=randomness == "random", seed=order
    )
    model.fit(data, epochs=EPOCHS, callbacks=callbacks, verbose=0, shuffle=False)
    return model


@pytest.mark.parametrize(
    ("kill", "randomness", "kept"),
    [("in an epoch", "random", 2), ("while saving", "plain", 1)],
)
def test_a_killed_run_ends_as_if_untouched(tmp_path, kill, randomness, kept):
    backup = tmp_path / "backup"
    command = [sys.executable, "-c", WORKER, str(ROOT), str(backup), randomness, kill]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    killed = subprocess.run(command, env=environment, cwd=ROOT, timeout=300)
    assert killed.returncode == -signal.SIGKILL
    assert [p.name for p in backup.glob("epoch-*")] == [f"epoch-{kept:06}"]
    resumed = train(backup, randomness)
    assert not backup.exists()
    assert same_weights(resumed, train(None, randomness))
    keras.utils.set_random_seed(0)
    assert not same_weights(resumed.layers[-1], small_classifier(0.0))


class Stopped(BaseException):
    """Raised instead of a kill where a process of its own would be too slow."""


def small_run(backup, stop_at=None, epochs=6, rate=0.5, units=1, remembered=2):
    """A tiny model with dropout; ``stop_at`` counts the file operations of backups."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dropout(0.5), keras.layers.Dense(units)]
    )
    model.compile(keras.optimizers.SGD(rate), "mse", run_eagerly=True)
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
    keeper = keras.callbacks.ModelCheckpoint(
        str(backup) + ".keras", monitor="loss", save_best_only=True
    )
    stopper = keras.callbacks.EarlyStopping("loss", patience=2)
    callbacks = [
        SeededEpochs(1),
        keeper,
        stopper,
        Checkpoint(backup, [keeper, stopper][:remembered]),
    ]
    with pytest.MonkeyPatch.context() as patch:
        if stop_at is not None:
            count = iter(range(10_000))

            def interrupted(whole):
                def act(*arguments, **options):
                    if next(count) == stop_at:
                        raise Stopped
                    return whole(*arguments, **options)

                return act

            for place, name in [
                (os, "replace"),
                (course_keras.shutil, "rmtree"),
                (Path, "mkdir"),
                (Path, "write_text"),
                (keras.callbacks.BackupAndRestore, "on_epoch_end"),
                (keras.Model, "save_weights"),
            ]:
                patch.setattr(place, name, interrupted(getattr(place, name)))
        history = model.fit(
            x, x[:, :1] * 0, epochs=epochs, callbacks=callbacks, verbose=0
        )
    kept = keras.models.load_model(str(backup) + ".keras")
    return model, kept, stopper, history


def test_a_stop_at_any_file_operation_changes_nothing(tmp_path):
    model, kept, stopper, _ = small_run(tmp_path / "whole")
    assert not (tmp_path / "whole").exists()
    assert 1 < stopper.stopped_epoch < 5  # early stopping is at work
    stops = 0
    for stop_at in range(6, 14):  # all that happens after the second epoch
        backup = tmp_path / f"backup{stop_at}"
        try:
            small_run(backup, stop_at)
        except Stopped:
            stops += 1
        again, kept_again, _, _ = small_run(backup)
        assert same_weights(again, model), stop_at
        assert same_weights(kept_again, kept), stop_at
        assert not backup.exists()
    assert stops == 8


def test_a_fit_after_a_resumed_one_makes_all_its_epochs(tmp_path):
    with pytest.raises(Stopped):
        small_run(tmp_path / "backup", 14)
    model, _, _, history = small_run(tmp_path / "backup")
    assert history.epoch[0] > 0
    again = model.fit(np.ones((4, 3)), np.ones((4, 1)), epochs=2, verbose=0)
    assert again.epoch == [0, 1]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"epochs": 5}, "epochs = 6, but this call has epochs = 5"),
        ({"rate": 0.1}, "learning_rate of the optimizer = 0.5, but .* = 0.1"),
        ({"units": 2}, r"shape of weight 0 = \[3, 1\], but .* = \[3, 2\]"),
        ({"remembered": 1}, "callbacks to remember = .*ModelCheckpoint', 'EarlySt"),
    ],
)
def test_backup_of_other_settings_is_refused(tmp_path, changes, named):
    with pytest.raises(Stopped):
        small_run(tmp_path / "backup", 14)
    with pytest.raises(ValueError, match=f"{named}.*; use the former to resume, or"):
        small_run(tmp_path / "backup", **changes)
    small_run(tmp_path / "backup")


def test_backup_refuses_weights_kept_in_memory(tmp_path):
    stopper = keras.callbacks.EarlyStopping(restore_best_weights=True)
    with pytest.raises(ValueError, match="ModelCheckpoint"):
        Checkpoint(tmp_path, [stopper])
