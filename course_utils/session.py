"""What one run of a lesson settles first: profile, device, seed, TensorFlow's start."""

import contextlib
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROFILES = ("reduced", "full")
_DEFAULT = "reduced"
_chosen = None  # what setup() settled on, for the parts that ask later


@dataclass(frozen=True)
class Run:
    """The settings of one run of a lesson, as returned by :func:`setup`.

    Attributes
    ----------
    profile : str
        ``"reduced"`` or ``"full"``.
    device : str
        A torch device: ``"cuda"``, ``"mps"`` or ``"cpu"``. Without torch, ``"cuda"``
        says that TensorFlow has a GPU, which it uses by itself.
    seed : int
        What the random number generators were seeded with.
    """

    profile: str
    device: str
    seed: int

    def pick(self, *, reduced, full):
        """Return the value that belongs to this run's profile."""
        return full if self.profile == "full" else reduced


def setup(seed: int = 0, profile: str = _DEFAULT) -> Run:
    """Choose the profile, seed every framework already imported, print one line.

    Parameters
    ----------
    seed : int
        Seed for ``random``, NumPy, and torch, TensorFlow and Keras where they have
        been imported.
    profile : str
        ``"reduced"`` or ``"full"``. The environment variable ``COURSE_PROFILE``
        wins over it, so that a whole course can be switched from outside.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        If the profile is neither of the two.
    """
    global _chosen
    _chosen = _resolve(profile)
    _seed_everything(seed)
    run = Run(profile=_chosen, device=_device(), seed=seed)
    told = [f"profile {run.profile}"]
    if {"torch", "tensorflow"} & sys.modules.keys():  # NumPy alone would use no GPU
        told.append(f"device {run.device}")
    print(" | ".join(told + _versions()))
    return run


def current_profile() -> str:
    """Return the profile in force: ``COURSE_PROFILE``, else setup's, else reduced.

    Raises
    ------
    ValueError
        If ``COURSE_PROFILE`` is set to something else.
    """
    return _resolve(_chosen or _DEFAULT)


def _resolve(argument: str) -> str:
    variable = os.environ.get("COURSE_PROFILE", "").strip()
    value = variable or argument
    if value not in PROFILES:
        where = 'the argument of setup(profile="...")'
        if variable:
            where = "the environment variable COURSE_PROFILE"
        raise ValueError(
            f'unknown profile {value!r}, from {where}; use "reduced" (small, bundled '
            'data) or "full" (the real data sets)'
        )
    return value


def _seed_everything(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)  # CPU and every accelerator
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is None:
        tensorflow = sys.modules.get("tensorflow")
        has_gpu = tensorflow and tensorflow.config.list_physical_devices("GPU")
        return "cuda" if has_gpu else "cpu"
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _versions() -> list[str]:
    found = ["Python " + ".".join(map(str, sys.version_info[:3]))]
    for name in ("numpy", "torch", "transformers", "tensorflow", "keras", "keras_hub"):
        version = getattr(sys.modules.get(name), "__version__", None)
        if version:
            found.append(f"{name} {version}")
    return found


# TensorFlow


def use_tensorflow() -> None:
    """Make TensorFlow the backend of Keras, and import both without their noise.

    Stands before ``import keras`` in each TensorFlow notebook. It also defines the cell
    magic ``%%parity``, whose cell runs only where PyTorch is installed.

    Raises
    ------
    RuntimeError
        If Keras runs on another backend in this kernel already, or if TensorFlow or
        Keras is not installed.
    """
    keras = sys.modules.get("keras")
    if keras is not None and keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            f"Keras already runs on the backend {keras.backend.backend()!r} in this "
            "kernel, and cannot change it. Restart the kernel and run this cell first."
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with _quiet_stderr():
            import keras  # noqa: F401
            import tensorflow as tf
    except ImportError as error:
        raise RuntimeError(
            f"TensorFlow or Keras cannot be imported ({error}). In a local copy of the "
            "course `make setup` installs them."
        ) from error
    _configure(tf)
    tf.get_logger().addFilter(_is_no_retracing)
    _define_parity()


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Hide what C++ code writes to stderr; show it should the import fail."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        before = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(before, kept.read())
            raise
        finally:
            os.dup2(before, 2)
            os.close(before)


def _is_no_retracing(record):
    """Drop the advice on retracing: each new model counts as one, though it must."""
    return "triggered tf.function retracing" not in record.getMessage()


def _configure(tf):
    """Leave room for PyTorch on a shared GPU, and obey OMP_NUM_THREADS."""
    try:
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        if threads := int(os.environ.get("OMP_NUM_THREADS") or 0):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    except (RuntimeError, ValueError):
        pass  # TensorFlow is at work already, or the variable holds no number


def _define_parity():
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None:
        return

    def parity(line, cell):
        """Run a cell that compares with PyTorch; skip it where that is missing."""
        try:
            import torch  # noqa: F401
            import transformers  # noqa: F401
        except ModuleNotFoundError as error:
            if error.name not in ("torch", "transformers"):
                raise
            print(f"Skipped: this cell needs {error.name}, which is not installed.")
            return
        name = shell.compile.cache(cell)  # so that a traceback shows the lines
        exec(compile(cell, name, "exec"), shell.user_ns)

    shell.register_magic_function(parity, "cell")
