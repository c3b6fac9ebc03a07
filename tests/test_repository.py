"""The repository keeps its own promises: versions, licenses, style, texts."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest
import yaml
from checks.code import ARRAY_FORMAT
from colab.image import frozen
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import course_utils

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))[
    "project"
]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = {  # sys_platform: what else a marker may ask there
    "linux": {"os_name": "posix", "platform_machine": "x86_64"},
    "darwin": {"os_name": "posix", "platform_machine": "arm64"},
    "win32": {"os_name": "nt", "platform_machine": "AMD64"},
}
COLAB = frozen()  # it has no JupyterLab, and few tools of the extras "dev" and "deploy"
LOCAL_ONLY = {
    "codespell",
    "imagehash",
    "jupyterlab",
    "mini-racer",
    "nbval",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pre-commit",
    "pytest-xdist",
    "ruff",
}
# Where the name to import is not the name to install.
DISTRIBUTION = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml"}


def requirements():
    """Every requirement of pyproject.toml, the extras included."""
    extras = PROJECT["optional-dependencies"].values()
    return [Requirement(r) for r in sum(extras, PROJECT["dependencies"])]


@cache
def pins():
    """The lock: name -> requirement with one exact version."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(line) for line in lines if line and line[0] != "#"]
    assert len({r.name for r in parsed}) == len(parsed), "a package is pinned twice"
    return {canonicalize_name(r.name): r for r in parsed}


def pinned_version(name):
    (specifier,) = pins()[canonicalize_name(name)].specifier
    assert specifier.operator == "=="
    return specifier.version


def cells(path, kind):
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == kind]


def tool(*arguments):
    """Run a tool of this Python over the repository; return (exit code, its words)."""
    run = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    return run.returncode, run.stdout + run.stderr


# --- versions ---------------------------------------------------------------------


@pytest.mark.parametrize("requirement", requirements(), ids=lambda r: r.name)
def test_range_accepts_colab_and_the_lock(requirement):
    name = canonicalize_name(requirement.name)
    assert requirement.specifier.contains(pinned_version(name))
    if name not in LOCAL_ONLY:
        assert requirement.specifier.contains(COLAB[name])


@pytest.mark.parametrize("requirement", requirements(), ids=lambda r: r.name)
def test_range_is_no_pin(requirement):
    assert not any(s.operator in ("==", "===") for s in requirement.specifier)
    assert any(s.operator == ">=" for s in requirement.specifier)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("platform", PLATFORMS)
def test_lock_holds_on_every_python_and_platform(python, platform):
    environment = PLATFORMS[platform] | {
        "sys_platform": platform,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
    }
    for requirement in requirements():
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        pin = pins()[canonicalize_name(requirement.name)]
        assert pin.marker is None or pin.marker.evaluate(environment), pin


def test_lock_pins_torch_without_hashes_or_gpu_packages():
    assert pinned_version("torch") == "2.13.0"
    assert "--hash" not in (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert not [name for name in pins() if re.match("nvidia|cuda|triton", name)]


def test_conda_installs_what_make_setup_installs():
    script = (ROOT / "course_tools/setup.sh").read_text(encoding="utf-8")
    by_uv, line = re.findall(r"^ +(?:uv|pip) install .*?(-c .* -e .*)$", script, re.M)
    assert by_uv == line
    by_make = re.findall(r"-[ce] \S+", line.replace('"', ""))
    by_make[0] = by_make[0].replace("$lock", "requirements.lock")
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert conda.keys() <= {"name", "channels", "dependencies", "variables", "prefix"}
    assert "pip" in conda["dependencies"]  # or conda complains, and takes its own
    (by_conda,) = [d["pip"] for d in conda["dependencies"] if isinstance(d, dict)]
    extras = "-e .[torch,tensorflow,deploy,dev]"
    assert by_conda == by_make == ["-c requirements.lock", extras]
    (python,) = [d for d in conda["dependencies"] if str(d).startswith("python ")]
    allowed = Requirement(python.replace("python ", "python")).specifier
    assert all(allowed.contains(f"{version}.1") for version in PYTHONS)
    assert not allowed.contains("3.10.9") and not allowed.contains("3.14.0")


def test_version_is_the_same_everywhere():
    version = course_utils.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert str(citation["version"]) == version
    assert re.search(r"^## \[(.+?)\]", changelog, flags=re.M)[1] == version
    for path in NOTEBOOKS:
        assert f'"v{version}"' in "".join(cells(path, "code")), path.name


def test_hooks_run_the_versions_of_the_lock():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    wanted = [
        Requirement(r)
        for hook in hooks["repos"][0]["hooks"]
        for r in hook.get("additional_dependencies", [])
    ]
    assert {r.name for r in wanted} == {"ruff", "codespell"}
    for requirement in wanted:
        assert str(requirement.specifier) == f"=={pinned_version(requirement.name)}"


# --- style: what the pre-commit hooks would say -----------------------------------


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "ruff", "check", "--no-cache", "."],
        ["-m", "ruff", "format", "--no-cache", "--check", "."],
        ["-m", "codespell_lib", "."],
        ["-m", "course_tools.tidy_notebooks", "--check", *map(str, NOTEBOOKS)],
    ],
    ids=["ruff check", "ruff format", "codespell", "notebooks in stored form"],
)
def test_style(command):
    code, words = tool(*command)
    assert code == 0, words


def test_ruff_reads_notebooks_and_refuses_a_comparison_without_effect(tmp_path):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    notebook = {
        "cells": [
            cell | {"id": "a", "source": ["a = b = 1\n", "a == b\n", "print(a)"]}
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path = tmp_path / "bad.ipynb"
    path.write_text(json.dumps(notebook))
    code, words = tool("-m", "ruff", "check", "--no-cache", str(path))
    assert code == 1
    assert "B015" in words


# --- texts ------------------------------------------------------------------------


def test_readme_has_no_open_number():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert not re.search(r"@\d", readme)


def test_licenses_are_stated():
    code = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License\n" in code and "Version 2.0, January 2004" in code
    assert "END OF TERMS AND CONDITIONS" in code
    text = (ROOT / "LICENSE-TEXT").read_text(encoding="utf-8")
    assert "https://creativecommons.org/licenses/by/4.0/" in text
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(LICENSE)" in readme and "(LICENSE-TEXT)" in readme


def test_citation_has_what_the_format_requires():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation.keys() >= {"cff-version", "title", "message", "authors", "license"}
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]


def test_help_names_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, flags=re.M)[1].split())
    described = re.findall(r"^([a-z]+):.*## \S", makefile, flags=re.M)
    every = set(re.findall("^([a-z]+):", makefile, re.M)) - {"tests"}  # a folder
    assert set(described) == targets == every
    wanted = "setup course test lab notebooks bench clean help"
    assert targets >= set(wanted.split())


def test_no_path_of_a_machine_in_the_repository():
    pattern = re.compile(r"/(home|root|work|Users)/\w")
    kinds = ("*.py", "*.md", "*.toml", "*.yml", "*.yaml", "*.sh", "*.cff")
    folders = [ROOT, *(p for p in ROOT.iterdir() if p.is_dir() and p.name[0] != ".")]
    for folder in folders:
        if folder.name in ("build", "tests"):
            continue
        for kind in kinds:
            found = folder.glob(kind) if folder == ROOT else folder.rglob(kind)
            for path in found:
                assert not pattern.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize(
    "folder", ["course_utils", "benchmarks", "drawing", "examples"]
)
def test_no_data_set_is_formatted_as_arrays(folder):
    for path in (ROOT / folder).rglob("*.py"):
        assert not ARRAY_FORMAT.search(path.read_text(encoding="utf-8")), path
