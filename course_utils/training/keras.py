"""Callbacks for Keras's own ``fit``: exact resume, and one printed line an epoch."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf


class SeededEpochs(keras.callbacks.Callback):
    """Make everything random in an epoch depend on the seed and its number alone.

    Keras stores neither the order of the pictures nor where the random numbers of
    dropout and augmentation stand. With this among the callbacks of ``fit``, and as the
    ``seed`` of shuffled ``batches``, a run resumed by ``Checkpoint`` equals the
    uninterrupted one, bit for bit on the same machine.

    Parameters
    ----------
    seed : int
    """

    def __init__(self, seed: int = 0):
        super().__init__()
        self.seed = seed
        self.epoch = tf.Variable(0, dtype=tf.int64, trainable=False)

    def on_epoch_begin(self, epoch, logs=None):
        """Note the epoch's number; seed dropout and augmentation by it."""
        self.epoch.assign(epoch)
        states = [v for v in self.model.variables if v.name == "seed_generator_state"]
        for i, state in enumerate(states):
            numbers = np.random.SeedSequence([self.seed, epoch, i]).generate_state(2)
            state.assign(numbers.astype(state.dtype))


class Checkpoint(keras.callbacks.Callback):
    """``BackupAndRestore`` that a kill at any moment cannot break.

    Keras writes weights and the number of the epoch over the old ones, so a process
    that is killed meanwhile leaves a mixed or unreadable backup. This one lets Keras
    write into a new folder, which gets its name when it is complete. Stands last among
    the callbacks of ``fit``. Like Keras's, it starts from the last whole epoch, and
    leaves nothing behind when ``fit`` has ended.

    Parameters
    ----------
    folder : str or Path
        Of this run alone: with the same model, optimizer and data.
    remember : sequence of EarlyStopping and ModelCheckpoint
        The callbacks of the same ``fit`` that must know the best score so far and how
        long ago it was. Keras lets them start anew.

    Raises
    ------
    ValueError
        For ``EarlyStopping(restore_best_weights=True)``: it keeps weights in memory,
        which a kill takes along. In ``fit``, if the backup was written with another
        number of callbacks in ``remember``.
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
        self._forget()
        found = sorted(self.folder.glob("epoch-*"))
        if not found:
            return
        stored = json.loads((found[-1] / "callbacks.json").read_text(encoding="utf-8"))
        if len(stored) != len(self.remember):
            raise ValueError(
                f"{self.folder} was written with {len(stored)} callbacks in remember, "
                f"and now there are {len(self.remember)}; give the same ones, or "
                "delete the folder to start anew"
            )
        self._keras(found[-1]).on_train_begin()
        for callback, values in zip(self.remember, stored, strict=True):
            vars(callback).update(values)

    def on_epoch_end(self, epoch, logs=None):
        """Write a new backup; remove the old one when it is complete."""
        part = self.folder / "part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        last = self.params["epochs"] - 1  # nothing more is to do if it was stopped
        self._keras(part).on_epoch_end(last if self.model.stop_training else epoch)
        stored = [
            {name: vars(c)[name] for name in _REMEMBERED if name in vars(c)}
            for c in self.remember
        ]
        text = json.dumps(stored, default=float)
        (part / "callbacks.json").write_text(text, encoding="utf-8")
        old = list(self.folder.glob("epoch-*"))
        os.replace(part, self.folder / f"epoch-{epoch + 1:06}")
        for path in old:
            os.replace(path, part)  # a half-removed folder has no name of a backup
            shutil.rmtree(part)

    def on_train_end(self, logs=None):
        """Remove the backup."""
        self._forget()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget(self):
        """Clear the first epoch of a resumed run, or later ones would start at it."""
        self.model._initial_epoch = None

    def _keras(self, folder):
        backup = keras.callbacks.BackupAndRestore(str(folder))
        backup.set_model(self.model)
        return backup


_REMEMBERED = ("best", "best_epoch", "wait", "stopped_epoch")


class EpochLines(keras.callbacks.Callback):
    """Print one line for each epoch, on standard output."""

    def on_epoch_end(self, epoch, logs=None):
        """Print the epoch, its training loss and the validation scores."""
        parts = [f"epoch {epoch + 1:3}", f"loss {logs['loss']:.3f}"]
        scores = {k[4:]: v for k, v in logs.items() if k.startswith("val_")}
        if scores:
            parts.append("validation:")
            parts += [f"{name} {value:.3f}" for name, value in scores.items()]
        print("  ".join(parts), flush=True)
