"""The bootstrap cell's second half: install its clone, and add what Colab lacks.

Nothing that Colab ships is changed. Only the bootstrap cell of the notebooks uses this.
"""

import importlib
import importlib.metadata
import importlib.util
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
from course_utils.profiles import ROOT

# Said by a new Python: which version pip has installed, and which folder it imports.
_WHO = """
import importlib.metadata, course_utils
print(importlib.metadata.version("vit-course"), course_utils.__file__)
"""


def install(cloned: bool) -> str:
    """Install the course without its requirements, and add those that are missing.

    Parameters
    ----------
    cloned : bool
        Whether this clone is new, so that an older installation must give way.

    Returns
    -------
    str
        What was done, in one line.

    Raises
    ------
    RuntimeError
        If pip fails: what it said, and what to do.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    done = ["cloned"] if cloned else []
    if cloned or not _is_installed():
        problem = _pip("--no-deps", "--editable", str(ROOT))
        if problem:
            raise RuntimeError(
                f"pip could not install the course ({problem}); check the connection "
                "and run this cell again"
            )
        done.append("installed")
    wanted = _requirements(project)
    added = [requirement for requirement in wanted if _is_missing(requirement)]
    if added:
        names = ", ".join(requirement.name for requirement in added)
        problem = _add(added)
        if problem:
            raise RuntimeError(
                f"Colab lacks {names}; pip could not add this beside what is there "
                f"({problem}); run this cell again, or report it at "
                f"{project['urls']['Repository']}/issues"
            )
        done.append(f"added {names}")
    untested = [_named(r) for r in wanted if not _is_missing(r) and not _is_accepted(r)]
    note = f" (not tested with {', '.join(untested)})" if untested else ""
    if done and not added:
        done.append("added nothing")
    told = ", ".join(done) or "already here"
    return f"vit-course v{course_utils.__version__}: {told}{note}"


def _is_installed():
    """Tell whether a new Python finds this clone, installed as this version."""
    run = [sys.executable, "-P", "-c", _WHO]
    found = subprocess.run(run, capture_output=True, text=True).stdout.strip()
    return found == f"{course_utils.__version__} {ROOT / 'course_utils/__init__.py'}"


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
