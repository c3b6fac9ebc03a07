"""Weights between our ViTs, Hugging Face's and KerasHub's."""

import importlib

_PYTORCH = ("from_hf", "keras_to_torch", "to_hf", "torch_to_keras")


def __getattr__(name):
    """Import PyTorch at the first use only, so that Keras does not wait for it."""
    if name not in _PYTORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("course_utils.convert.torch"), name)
