"""Reduced or full: one place decides how much data and training a lesson uses."""

import os
import random
import sys
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
