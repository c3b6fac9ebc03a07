"""Start TensorFlow the way the course needs it: quietly, and as Keras's backend."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


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
