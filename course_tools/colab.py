"""The second half of the bootstrap cell: add what Colab lacks, change nothing else."""

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

import course_utils
from course_utils.session import ROOT


def complete() -> None:
    """Add the packages that are missing; say in one line what was done, or why not."""
    others = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    paths = dict.fromkeys([str(ROOT), *others])  # for programs that a notebook starts
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    missing, untested = [], []
    for requirement in _requirements(project):
        name, version = requirement.name, _version(requirement.name)
        # Some runtimes ship a module under another name, as tensorflow-cpu.
        if not version and not importlib.util.find_spec(name.replace("-", "_")):
            missing.append(requirement)
        elif version and not requirement.specifier.contains(version, prereleases=True):
            untested.append(f"{name} {version}")
    names = ", ".join(requirement.name for requirement in missing)
    if missing and (problem := _add(missing)):
        raise SystemExit(
            f"Colab lacks {names}, and pip could not add this beside what is there "
            f"({problem}). Run this cell again, or report it at "
            f"{project['urls']['Repository']}/issues"
        )
    told = f"added {names}" if missing else "nothing had to be added"
    note = f" (not tested with {', '.join(untested)})" if untested else ""
    print(f"vit-course v{course_utils.__version__} is ready, {told}{note}")


def _requirements(project):
    """Return what the course and both frameworks need, without the extra "dev"."""
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["torch"] + extras["tensorflow"]
    return [r for r in map(Requirement, lines) if not r.marker or r.marker.evaluate()]


def _version(name):
    found = importlib.metadata.distributions(name=name)
    return next((distribution.version for distribution in found), None)


def _add(requirements):
    """Install requirements and change nothing that is there; return pip's problem."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(_installed()) + "\n", encoding="utf-8")
        problem = _pip("--constraint", str(constraints), *map(str, requirements))
    importlib.invalidate_caches()
    return problem


def _installed():
    """Return name==version for each distribution; the first of a name is in use."""
    found = {}
    for distribution in importlib.metadata.distributions():
        # A broken installation may leave something without a name or a version.
        with contextlib.suppress(InvalidVersion, TypeError):
            name = canonicalize_name(distribution.metadata["Name"])
            found.setdefault(name, f"{name}=={Version(distribution.version)}")
    return found.values()


def _pip(*arguments):
    """Run pip install; return None, or its first line that says ERROR."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", *arguments]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 0:
        return None
    said = [line.strip() for line in (run.stdout + run.stderr).splitlines()]
    errors = [line for line in said if re.match("ERROR: (?!Ignored)", line)]
    return (errors or said or ["ERROR: no word from pip"])[0].removeprefix("ERROR: ")
