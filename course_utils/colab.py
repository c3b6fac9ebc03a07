"""The bootstrap cell's second half: add what Colab lacks beside what it has.

Nothing that Colab ships is changed, and nothing is built: the clone is on the path.
Only the bootstrap cell of the notebooks uses this.
"""

import importlib
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
    """Add the packages that are missing, and say in one line what was done.

    Programs that the notebook starts find the course too, by PYTHONPATH.

    Raises
    ------
    SystemExit
        If pip fails: what it said, and what to do. A notebook shows it in one line.
    """
    others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    if str(ROOT) not in others:
        path = [str(ROOT), *filter(None, others)]
        os.environ["PYTHONPATH"] = os.pathsep.join(path)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = _requirements(project)
    missing = [requirement for requirement in wanted if _is_missing(requirement)]
    names = ", ".join(requirement.name for requirement in missing)
    problem = _add(missing) if missing else None
    if problem:
        raise SystemExit(
            f"Colab lacks {names}, and pip could not add this beside what is there "
            f"({problem}). Run this cell again, or report it at "
            f"{project['urls']['Repository']}/issues"
        )
    untested = [_named(r) for r in wanted if not _is_missing(r) and not _is_accepted(r)]
    note = f" (not tested with {', '.join(untested)})" if untested else ""
    told = f"added {names}" if missing else "nothing had to be added"
    print(f"vit-course v{course_utils.__version__} is ready, {told}{note}")


def _requirements(project):
    """Return the course's requirements and both frameworks'; not the extra "dev"."""
    extras = project["optional-dependencies"]
    lines = project["dependencies"] + extras["torch"] + extras["tensorflow"]
    requirements = [Requirement(line) for line in lines]
    return [r for r in requirements if r.marker is None or r.marker.evaluate()]


def _is_missing(requirement):
    """Tell whether there is neither such a distribution nor such a module."""
    name = requirement.name
    # Some runtimes ship a module under another name, as tensorflow-cpu.
    return not _version(name) and not importlib.util.find_spec(name.replace("-", "_"))


def _is_accepted(requirement):
    version = _version(requirement.name)
    return not version or requirement.specifier.contains(version, prereleases=True)


def _named(requirement):
    return f"{requirement.name} {_version(requirement.name)}"


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _add(requirements):
    """Install requirements beside what is there; return pip's problem, or None."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("\n".join(_installed()) + "\n", encoding="utf-8")
        problem = _pip("--constraint", str(constraints), *map(str, requirements))
    importlib.invalidate_caches()
    return problem


def _installed():
    """Return name==version of all that is installed, so that pip cannot change it."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name, version = distribution.metadata["Name"], distribution.version
        try:
            Version(version)
            name = canonicalize_name(name)  # Foo_bar and foo-bar are the same
        except (InvalidVersion, TypeError):  # left behind by a broken installation
            continue
        found.setdefault(name, f"{name}=={version}")  # the first is the one in use
    return found.values()


def _pip(*arguments):
    """Run pip install; if it fails, return its first line that says ERROR."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", *arguments]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode == 0:
        return None
    said = [line.strip() for line in (run.stdout + run.stderr).splitlines()]
    errors = [line for line in said if re.match("ERROR: (?!Ignored)", line)]
    return (errors or said or ["ERROR: no word from pip"])[0].removeprefix("ERROR: ")
