"""Train a small model of PyTorch, and resume exactly; callbacks for Keras's ``fit``."""

_PYTORCH = (
    "constant",
    "evaluate",
    "fit",
    "predict",
    "sgd",
    "small_affine",
    "to_tensors",
    "warmup_cosine",
)


def __getattr__(name):
    """Load ``loop``, and PyTorch with it, when one of its functions is asked for."""
    if name in _PYTORCH:
        from course_utils.training import loop

        return getattr(loop, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
