"""One Keras model on several devices of TensorFlow, tried for real on logical CPUs.

    python mirrored_keras.py --devices 2

TensorFlow takes one processor for several devices. ``MirroredStrategy`` keeps a copy of
the model on each, gives each a share of every batch, and sums the gradients. What was
found is printed, a line of JSON for each question: the weights beside those of one
device, a batch that cannot be shared evenly, and what ``keras.distribution`` does. The
process ends after ``--seconds``, whatever happens. Needs tensorflow and keras.
"""

import argparse
import faulthandler
import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf


def main():
    """Make the devices, and answer all questions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=2, help="logical CPUs")
    parser.add_argument("--seconds", type=int, default=120, help="limit of the run")
    options = parser.parse_args()
    faulthandler.dump_traceback_later(options.seconds, exit=True)
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * options.devices
    tf.config.set_logical_device_configuration(cpu, logical)
    names = [device.name for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(names)
    tell(
        about="devices",
        devices=names,
        replicas=strategy.num_replicas_in_sync,
        tensorflow=tf.__version__,
        keras=keras.__version__,
    )
    tell(about="mirrored", **mirrored(strategy))
    tell(about="unequal", **unequal(strategy))
    tell(about="distribution", **distribution())


def tell(**found):
    """Print a finding."""
    print(json.dumps(found), flush=True)


class Spy(keras.layers.Layer):
    """Changes nothing, and notes which copy of the model it is a part of."""

    def __init__(self):
        super().__init__()
        self.copies = set()

    def call(self, x):
        context = tf.distribute.get_replica_context()  # None while the model is built
        if context is not None:
            number = tf.get_static_value(context.replica_id_in_sync_group)
            self.copies.add(int(number))
        return x


def small_model(optimizer):
    """Return a model of two layers, with the same weights each time."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((12,)),
            Spy(),
            keras.layers.Dense(16, "gelu"),
            keras.layers.Dense(5),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss)
    return model


def pictures(count):
    """Return pictures (count, 12) and labels (count,)."""
    chance = np.random.default_rng(7)
    x = chance.normal(size=(count, 12)).astype("float32")
    return x, chance.integers(5, size=count)


def weights(model):
    """Return all weights as one array."""
    return np.concatenate([np.ravel(w.numpy()) for w in model.trainable_variables])


def trained(optimizer, count, batch, epochs, scope=None):
    """Train by Keras's own fit, on all devices of a scope or on one; give the model."""
    if scope is None:
        model = small_model(optimizer())
    else:
        with scope:
            model = small_model(optimizer())
    x, y = pictures(count)
    model.fit(x, y, batch, epochs, verbose=0, shuffle=False)
    return model


def shares(strategy, count, batch):
    """Return how many rows of the last batch each copy of the model gets."""
    rows = tf.data.Dataset.range(count).batch(batch)
    *_, last = strategy.experimental_distribute_dataset(rows)
    return [len(part) for part in strategy.experimental_local_results(last)]


def mirrored(strategy):
    """Train on all devices and on one, with the same batches."""
    batch = 8 * strategy.num_replicas_in_sync
    sizes = {"count": 5 * batch, "batch": batch, "epochs": 4}
    adam = keras.optimizers.Adam
    one = trained(adam, **sizes)
    all_of_them = trained(adam, **sizes, scope=strategy.scope())
    return {
        "steps": 5 * sizes["epochs"],
        "batch": batch,
        "per_replica": shares(strategy, 5 * batch, batch),
        "copies": sorted(all_of_them.layers[0].copies),
        "difference": largest(all_of_them, one),
        "moved": largest(one, small_model(adam())),
    }


def largest(first, second):
    """Return the largest difference of a weight between two models."""
    return float(np.abs(weights(first) - weights(second)).max())


def unequal(strategy):
    """Make a step with a whole batch, and one with a batch that is not full.

    The first batch of Keras's ``fit`` must be shared evenly, or it ends with an error.
    """
    batch = 4 * strategy.num_replicas_in_sync
    count = 2 * batch - 3

    def descent():
        return keras.optimizers.SGD(1.0)  # so that a step is the gradient

    first = trained(descent, batch, batch, 1)
    one = trained(descent, count, batch, 1)
    all_of_them = trained(descent, count, batch, 1, strategy.scope())
    return {
        "items": shares(strategy, count, batch),
        "largest": largest(one, first),
        "difference": largest(all_of_them, one),
    }


def distribution():
    """Ask Keras's own way for the devices, and see on how many of them it trains."""
    devices = keras.distribution.list_devices("cpu")
    found = {"backend": keras.backend.backend(), "devices": devices}
    try:
        layout = keras.distribution.DataParallel(devices=devices)
        model = trained(keras.optimizers.Adam, 16, 16, 1, layout.scope())
        found["copies"] = sorted(model.layers[0].copies)
        found["says"] = "no error"
    except (AttributeError, RuntimeError, TypeError, ValueError) as error:
        found["copies"] = []
        found["says"] = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    inside = Path(keras.__file__).parent / "src/backend"  # which backends have a way
    found["backends"] = {
        name: (inside / name / "distribution_lib.py").exists()
        for name in ("jax", "tensorflow", "torch")
    }
    return found


if __name__ == "__main__":
    main()
