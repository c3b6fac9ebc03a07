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


def refuse_other_settings(where, theirs: dict, ours: dict) -> None:
    """Stop at the first setting in which a checkpoint and this call of fit differ."""
    for key in theirs | ours:
        old, new = theirs.get(key), ours.get(key)
        if old == new:
            continue
        said = f"with {key} = {old}, but this call has {key} = {new}; use the former"
        if key.startswith("code of "):
            said = f"before the {key} was edited, or Python updated; undo the edit"
        raise ValueError(
            f"{where} was written {said} to resume, or give Checkpoint another folder "
            "to start anew"
        )
