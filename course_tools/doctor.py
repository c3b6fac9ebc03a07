"""Checks of the set-up: what is there, what the course accepts, what to do."""

import importlib.metadata
import os
import shutil
import sys
import tomllib
from dataclasses import dataclass

import psutil
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from course_utils.data import checkpoints, hub, sets
from course_utils.session import ROOT

GROUPS = {
    "": "all",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "dev": "tools",
}
FRAMEWORKS = ("torch", "tensorflow")  # each extra brings the package of its name
_GB = 1e9


@dataclass(frozen=True)
class Check:
    """One line of the report; ``remedy`` is empty unless ``status`` is "fail"."""

    name: str
    status: str  # ok, info or fail
    found: str
    wanted: str = ""
    remedy: str = ""
    group: str = ""  # who needs it


def checks():
    """Yield the checks one by one, since some of them take seconds.

    Yields
    ------
    Check
    """
    requires_python, requirements = _declared()
    yield _python(requires_python)
    for extra in GROUPS:
        for requirement in requirements:
            if _belongs_to(requirement, extra):
                yield _package(requirement, extra)
    yield _device()
    yield _memory()
    yield _disk()
    yield _bundled()
    yield _checkpoint("tiny-vit")
    yield _checkpoint("digit-vit")
    if os.environ.get("COURSE_HUB", "").strip():
        yield _course_hub()
    yield _hub()


def _declared():
    """Return (Python range, requirements), as installed or as in pyproject.toml."""
    try:
        metadata = importlib.metadata.metadata("vit-course")
        python = metadata["Requires-Python"]
        lines = metadata.get_all("Requires-Dist") or []
    except importlib.metadata.PackageNotFoundError:
        with (ROOT / "pyproject.toml").open("rb") as file:
            project = tomllib.load(file)["project"]
        python, lines = project["requires-python"], list(project["dependencies"])
        for extra, wanted in project["optional-dependencies"].items():
            for line in wanted:
                named, _, marker = line.partition(";")
                also = f"({marker.strip()}) and " if marker else ""
                lines.append(f'{named}; {also}extra == "{extra}"')
    return python, [Requirement(line) for line in lines]


def _belongs_to(requirement, extra):
    """Tell whether a requirement comes with ``extra``, and not without it."""
    marker = requirement.marker
    if extra == "":
        return marker is None or marker.evaluate({"extra": ""})
    return (
        marker is not None
        and marker.evaluate({"extra": extra})
        and not marker.evaluate({"extra": ""})
    )


def _on_colab():
    return "google.colab" in sys.modules


def _set_up():
    """Say how to install the course's packages again."""
    if _on_colab():
        return "disconnect and delete the runtime, then run the notebook's first cell"
    return "run `make setup` in the course's folder"


def _python(wanted):
    version = ".".join(map(str, sys.version_info[:3]))
    good = SpecifierSet(wanted).contains(version, prereleases=True)
    return Check(
        "Python",
        "ok" if good else "fail",
        version,
        wanted,
        "" if good else f"install Python {wanted}, then {_set_up()}",
    )


def _package(requirement, extra):
    name = requirement.name
    wanted = ",".join(sorted(map(str, requirement.specifier), reverse=True))
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        version = "not installed"
    installed = version != "not installed"
    remedy = ""
    if installed and requirement.specifier.contains(version, prereleases=True):
        status = "ok"
    elif _can_do_without(extra):
        status = "info"
    elif not _on_colab():
        status = "fail"
        remedy = f'{_set_up()}, or `{sys.executable} -m pip install "{name}{wanted}"`'
    elif installed:  # what Colab ships is left alone, newer than the course or not
        status, version = "info", f"{version}: not tested with this version"
    else:
        status, remedy = "fail", _set_up()
    return Check(name, status, version, wanted, remedy, GROUPS[extra])


def _can_do_without(extra):
    """Tell whether the course runs without an extra: tools, or one framework of two."""
    if extra not in FRAMEWORKS:
        return extra == "dev"
    (other,) = {*FRAMEWORKS} - {extra}
    return not _is_installed(extra) and _is_installed(other)


def _is_installed(name):
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _device():
    cores = f"CPU, {os.cpu_count()} cores"
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads:
        cores += f", OMP_NUM_THREADS={threads}"
    try:
        import torch
    except ImportError:  # its absence is reported among the packages
        return Check("device", "info", cores)
    except OSError as error:  # a broken installation: a library that does not load
        why = str(error).splitlines()[0][:80]
        return Check("device", "fail", why, "torch", f"reinstall torch: {_set_up()}")
    if torch.cuda.is_available():
        return Check("device", "ok", f"{torch.cuda.get_device_name()}; {cores}")
    if torch.backends.mps.is_available():
        return Check("device", "ok", f"Apple GPU (mps); {cores}")
    return Check("device", "ok", cores)


def _memory():
    free = psutil.virtual_memory().available / _GB
    return Check(
        "memory",
        "ok" if free >= 1.5 else "fail",
        f"{free:.1f} GB free",
        ">=1.5 GB",
        "" if free >= 1.5 else "close other programs",
    )


def _disk():
    free = shutil.disk_usage(ROOT).free / _GB
    return Check(
        "disk",
        "ok" if free >= 1 else "fail",
        f"{free:.0f} GB free" if free >= 10 else f"{free:.1f} GB free",
        ">=1 GB",
        "" if free >= 1 else f"free some space on the disk that holds {ROOT}",
    )


def _bundled():
    def read():
        for source in sets.DATA_SETS.values():
            sets.bundled_files(source)

    return _intact("bundled data", "intact (sha256)", read)


def _checkpoint(name):
    return _intact(name, "readable", lambda: checkpoints.bundled(name))


def _intact(name, wanted, read):
    try:
        read()
    except hub.DataError as error:
        found = error.problem.removeprefix(f"{name}: ").removesuffix(".")
        return Check(name, "fail", found, wanted, error.remedy.removesuffix("."))
    return Check(name, "ok", wanted)


def _course_hub():
    folder, wanted = os.environ["COURSE_HUB"], "a folder with data"
    try:
        held = [
            name
            for name, repository in hub.REPOSITORIES.items()
            if hub.in_course_hub(repository)
        ]
    except hub.DataError as error:
        found, remedy = (x.removesuffix(".") for x in (error.problem, error.remedy))
        return Check("COURSE_HUB", "fail", found, wanted, remedy)
    rest = "" if len(held) == len(hub.REPOSITORIES) else "; the rest: from the Hub"
    found = f"{folder} holds {', '.join(held) or 'nothing of the course'}{rest}"
    return Check("COURSE_HUB", "ok" if held else "info", found)


def _hub():
    try:
        hub.plan(hub.REPOSITORIES["mnist"])  # which downloads nothing
    except hub.Unreachable as error:
        why = error.problem.partition(": ")[2] or error.problem
        return Check("Hugging Face Hub", "info", f"{why} Only profile full needs it.")
    return Check("Hugging Face Hub", "ok", "reachable")
