"""What Keras's own ``fit`` lacks: exact resume, and a line an epoch."""

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from course_utils.training import refuse_other_settings


class SeededEpochs(keras.callbacks.Callback):
    """Make everything random in an epoch depend on the seed and its number alone.

    Keras stores neither the order of the pictures nor the state of dropout. Given to
    ``fit`` as a callback, and to ``batches`` as ``seed``, this makes a run resumed by
    ``Checkpoint`` equal the undisturbed one, bit for bit on the same machine.
    """

    def __init__(self, seed: int = 0):
        super().__init__()
        self.seed = seed
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def on_epoch_begin(self, epoch, logs=None):
        """Note the number of the epoch; seed dropout and augmentation by it."""
        self.epoch.assign(epoch)
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        for i, state in enumerate(states):
            numbers = np.random.SeedSequence([self.seed, epoch, i]).generate_state(2)
            state.assign(numbers.astype(state.dtype))


class Checkpoint(keras.callbacks.Callback):
    """Let a killed ``fit`` go on after its last whole epoch, whenever it was killed.

    Keras's ``BackupAndRestore`` writes over its only backup, so that a kill at that
    moment leaves a broken one. Here each backup is a new folder, which gets its name
    when it is complete. ``Checkpoint`` stands last among the callbacks, and removes its
    ``folder`` when ``fit`` has ended. ``remember`` holds those ``EarlyStopping`` and
    ``ModelCheckpoint`` that must know the best score so far; Keras starts them anew.
    """

    def __init__(
        self, folder: str | Path, remember: Sequence[keras.callbacks.Callback] = ()
    ):
        super().__init__()
        self.folder, self.remember = Path(folder), list(remember)
        if any(getattr(c, "restore_best_weights", False) for c in self.remember):
            raise ValueError(
                "EarlyStopping(restore_best_weights=True) keeps the best weights in "
                "memory, where a kill loses them; let ModelCheckpoint(..., "
                "save_best_only=True) keep them on disk"
            )

    def on_train_begin(self, logs=None):
        """Go back to the newest complete backup, if there is one."""
        self.model._initial_epoch = None  # else it stays what an earlier resume set
        self.settings = json.loads(json.dumps(self._describe(), default=str))
        for newest in sorted(self.folder.glob("epoch-*"))[-1:]:
            kept = json.loads((newest / "callbacks.json").read_text(encoding="utf-8"))
            refuse_other_settings(self.folder, kept["settings"], self.settings)
            self._keras(newest).on_train_begin()
            for callback, values in zip(self.remember, kept["scores"], strict=True):
                vars(callback).update(values)

    def on_epoch_end(self, epoch, logs=None):
        """Write a new backup; remove the old one when the new one is complete."""
        part = self.folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        last = self.params["epochs"] - 1  # nothing is left to do after an early stop
        self._keras(part).on_epoch_end(last if self.model.stop_training else epoch)
        names = ("best", "best_epoch", "wait", "stopped_epoch")
        scores = [{n: vars(c)[n] for n in names if n in vars(c)} for c in self.remember]
        text = json.dumps({"settings": self.settings, "scores": scores}, default=float)
        (part / "callbacks.json").write_text(text, encoding="utf-8")
        old = list(self.folder.glob("epoch-*"))
        os.replace(part, self.folder / f"epoch-{epoch + 1:06}")
        for path in old:
            os.replace(path, part)  # so that a half-removed backup is never taken
            shutil.rmtree(part)

    def on_train_end(self, logs=None):
        """Remove the backup."""
        self.model._initial_epoch = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def _keras(self, folder):
        backup = keras.callbacks.BackupAndRestore(str(folder))
        backup.set_model(self.model)
        return backup

    def _describe(self):
        """Spell out what decides how the run goes on, as far as ``fit`` tells it."""
        found = {"epochs": self.params["epochs"], "steps": self.params["steps"]}
        found["callbacks to remember"] = [type(c).__name__ for c in self.remember]
        for i, weight in enumerate(self.model.weights):
            found[f"shape of weight {i}"] = list(weight.shape)
        with contextlib.suppress(NotImplementedError):  # a schedule without get_config
            config = {**self.model.optimizer.get_config(), "name": None}
            found |= {f"{key} of the optimizer": config[key] for key in config}
        return found
