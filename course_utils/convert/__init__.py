"""Weights between our ViTs, Hugging Face's and KerasHub's.

``from_hf``, ``to_hf``, ``torch_to_keras`` and ``keras_to_torch`` are those of
``convert.torch``. What TensorFlow lessons use lies in ``convert.keras``.
"""

import importlib

__all__ = ["from_hf", "keras_to_torch", "to_hf", "torch_to_keras"]


def __getattr__(name):
    """Import PyTorch at the first use only (PEP 562), so that Keras does not wait."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("course_utils.convert.torch"), name)
