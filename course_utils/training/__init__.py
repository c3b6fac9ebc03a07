"""Train a small PyTorch model and resume it exactly; ``keras.py`` helps Keras's fit."""

import importlib

_FILES = {
    "loop": "Callback adamw constant evaluate fit predict sgd warmup_cosine",
    "checkpoint": "Checkpoint",
    "pictures": "small_affine to_tensors",
}


def __getattr__(name):
    """Import a file, and PyTorch with it, when one of its names is asked for."""
    for file, names in _FILES.items():
        if name in names.split():
            return getattr(importlib.import_module(f"{__name__}.{file}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
