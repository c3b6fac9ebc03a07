"""What a lesson settles first: profile, device, seed, TensorFlow's quiet start."""

import contextlib
import os
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROFILES = ("reduced", "full")
_chosen = None  # the profile that setup() settled on, for the modules that ask later


@dataclass(frozen=True)
class Run:
    """The settings of one run of a lesson, as returned by :func:`setup`."""

    profile: str  # "reduced" or "full"
    device: str  # "cuda", "mps" or "cpu" for PyTorch; "cuda" if TensorFlow has a GPU
    seed: int

    def pick(self, *, reduced, full):
        """Return the value that belongs to this run's profile."""
        return full if self.profile == "full" else reduced


def setup(seed: int = 0, profile: str | None = None) -> Run:
    """Choose the profile, seed every framework already imported, print one line.

    Parameters
    ----------
    seed : int
        For ``random``, NumPy, and each of PyTorch, TensorFlow and Keras that is there.
    profile : str, optional
        ``"reduced"`` (the default) or ``"full"``; anything else is a ValueError. The
        environment variable ``COURSE_PROFILE`` wins over it: it switches all lessons.
    """
    global _chosen
    _chosen = None  # what an earlier call has chosen counts no more
    _chosen = current_profile(profile)
    _seed_everything(seed)
    run = Run(profile=_chosen, device=_device(), seed=seed)
    told = [f"profile {run.profile}"]
    if {"torch", "tensorflow"} & sys.modules.keys():  # NumPy uses no device
        told.append(f"device {run.device}")
    told.append("Python " + ".".join(map(str, sys.version_info[:3])))
    for name in ("numpy", "torch", "transformers", "tensorflow", "keras", "keras_hub"):
        if version := getattr(sys.modules.get(name), "__version__", None):
            told.append(f"{name} {version}")
    print(" | ".join(told))
    return run


def current_profile(argument: str | None = None) -> str:
    """Return the profile in force: ``COURSE_PROFILE``, else setup's, else reduced."""
    variable = os.environ.get("COURSE_PROFILE", "").strip()
    value = variable or argument or _chosen or "reduced"
    if value not in PROFILES:
        where = "the variable COURSE_PROFILE" if variable else 'setup(profile="...")'
        raise ValueError(
            f'unknown profile {value!r}, from {where}; use "reduced" (small, bundled '
            'data) or "full" (the real data sets)'
        )
    return value


def _seed_everything(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)  # the CPU and every accelerator
    if tensorflow := sys.modules.get("tensorflow"):
        tensorflow.random.set_seed(seed)
    if keras := sys.modules.get("keras"):
        keras.utils.set_random_seed(seed)


def _device() -> str:
    if torch := sys.modules.get("torch"):
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    tensorflow = sys.modules.get("tensorflow")
    has_gpu = tensorflow and tensorflow.config.list_physical_devices("GPU")
    return "cuda" if has_gpu else "cpu"


def use_tensorflow() -> None:
    """Make TensorFlow the backend of Keras, and import both without their noise.

    Each TensorFlow notebook calls this before ``import keras``. It also defines the
    cell magic ``%%parity``, whose cell runs only where PyTorch is installed. Raises
    RuntimeError where Keras already has another backend, or is not installed.
    """
    keras = sys.modules.get("keras")
    if keras and (backend := keras.backend.backend()) != "tensorflow":
        raise RuntimeError(
            f"Keras already runs on the backend {backend!r} in this kernel, and cannot "
            "change it. Restart the kernel and run this cell first."
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
    # Leave room for PyTorch on a shared GPU, and obey OMP_NUM_THREADS.
    with contextlib.suppress(RuntimeError, ValueError):  # at work already; no number
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
        if threads := int(os.environ.get("OMP_NUM_THREADS") or 0):
            tf.config.threading.set_intra_op_parallelism_threads(threads)
            tf.config.threading.set_inter_op_parallelism_threads(threads)
    advice = "triggered tf.function retracing"  # which each new model must do
    tf.get_logger().addFilter(lambda record: advice not in record.getMessage())
    _define_parity()


@contextlib.contextmanager
def _quiet_stderr():
    """Hide what C++ code writes to stderr, but show it if the import fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as kept:
        before = os.dup(2)
        os.dup2(kept.fileno(), 2)
        try:
            yield
            kept.truncate(0)  # all went well, so there is nothing to show
        finally:
            os.dup2(before, 2)
            os.close(before)
            kept.seek(0)
            os.write(2, kept.read())


def _define_parity():
    from IPython import get_ipython

    def parity(line, cell):
        """Run a cell that compares with PyTorch, or skip it where PyTorch is absent."""
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

    if shell := get_ipython():
        shell.register_magic_function(parity, "cell")
