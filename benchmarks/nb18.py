"""The tables of notebook 18: the ways of nb17.py in Keras.

    python -m benchmarks.nb18 [--ways "fine-tune, plain" ...]

The same practice folder, seeds and splits as in nb17.py, with the functions of notebook
18, and with the rates that nb17.py has chosen on the same validation pictures. Pictures
are augmented alike, but not with the same random numbers. LoRA is `enable_lora`, with
the rank and the targets of nb17.py; it divides the weights of each head by itself and
lets their biases learn, so that 54,792 numbers learn in place of 25,608.

One thread. Each run is written to nb18.json at once, and a second call goes on where
the first one stopped; delete a run to have it anew. Takes 10 minutes of a processor
core.
"""

import contextlib
import json
from pathlib import Path

import numpy as np

from benchmarks import nb17, own_pictures, own_runs
from course_utils.session import ROOT, use_tensorflow

FILE = Path(__file__).with_name("nb18.json")
SCRIPT = ROOT / "examples" / "your_pictures_tensorflow.py"
RANK = 8


def with_lora(names):
    """Return a model with LoRA in queries and values, and its weights at the start."""
    keras, pixels = names["keras"], names["pixels"]
    frozen = names["frozen"]
    backbone = type(frozen).from_config(frozen.get_config())
    backbone.set_weights(frozen.get_weights())
    backbone.enable_lora(RANK)
    head = keras.layers.Dense(len(names["names"]), dtype="float32", name="head")
    model = keras.Model(pixels, head(backbone(names["scaled"](pixels))[:, 0]))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(global_clipnorm=1.0)
    model.compile(optimizer, loss, jit_compile=False)
    optimizer.build(model.trainable_variables)
    return model, model.get_weights()


@contextlib.contextmanager
def adapted(names):
    """Let `fine_tuned` train a model with LoRA: the same one in all runs of a seed."""
    if "with LoRA" not in names:
        names["with LoRA"] = with_lora(names)
    model, start = names["with LoRA"]
    keras, fresh = names["keras"], names["fresh"]

    def fresh_lora(seed=0):
        model.set_weights(start)
        kernel = model.get_layer("head").kernel
        kernel.assign(np.random.default_rng(seed).normal(0, 0.02, kernel.shape))
        for variable in model.optimizer.variables:
            variable.assign(keras.ops.zeros_like(variable))
        model._initial_epoch = None
        return model

    names["fresh"] = fresh_lora
    try:
        yield
    finally:
        names["fresh"] = fresh


def settings():
    """Return three strengths for probes, and else the rate that nb17.py has chosen."""
    table = json.loads(nb17.FILE.read_text(encoding="utf-8"))["table"]
    chosen = {way: [table[way]["setting"]] for way in own_pictures.TUNED}
    return own_pictures.SETTINGS | chosen


def main():
    use_tensorflow()
    import keras

    own_runs.main(
        __doc__,
        file=FILE,
        script=SCRIPT,
        command="python -m benchmarks.nb18",
        version=f"keras {keras.__version__}",
        adapted=adapted,
        settings=settings(),
    )


if __name__ == "__main__":
    main()
