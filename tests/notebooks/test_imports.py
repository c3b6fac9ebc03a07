"""Ruff, on all notebooks: every import is used, and in order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from checks.notebook import PARITY, PATHS
from checks.small import code, sound_notebook

from course_utils.session import ROOT


def ruff_on_imports(*notebooks: Path, folder: Path) -> str:
    """Let ruff look for unused and unsorted imports, and return what it says.

    Ruff reads copies without the bootstrap cell, whose text is fixed, and with the code
    of the cells ``%%parity``, which ruff would pass over.
    """
    for path in notebooks:
        content = json.loads(path.read_text(encoding="utf-8"))
        for cell in content["cells"]:
            if "bootstrap" in cell["metadata"].get("tags", ()):
                cell["source"] = ""
            source = "".join(cell["source"])
            cell["source"] = source.replace(PARITY, "# parity\n", 1)
        (folder / path.name).write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache"]
    command += ["--config", str(ROOT / "pyproject.toml")]
    command += ["--config", "lint.per-file-ignores={}", "--line-length", "76"]
    command += ["--select", "F401,I001", "--output-format", "concise", str(folder)]
    return subprocess.run(command, capture_output=True, text=True).stdout


def test_imports_of_all_notebooks_are_used_and_sorted(tmp_path):
    assert ruff_on_imports(*PATHS, folder=tmp_path) == "All checks passed!\n"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import numpy as np\n\nimport math\n\n(math, np)", "I001"),
        ("import math\nimport numpy as np\n\n(math, np)", "I001"),
        ("import random", "F401"),
        ("import pandas as pd", "F401"),
        ("from math import pi", "F401"),
        (PARITY + "import torch", "F401"),
        ("from course_utils.exercises import hint", "All checks passed!"),
    ],
)
def test_ruff_finds_imports_that_are_unused_or_out_of_order(source, problem, tmp_path):
    path = tmp_path / "small.ipynb"
    notebook = sound_notebook()
    notebook["cells"] = [code(source) | {"id": "one"}]
    path.write_text(json.dumps(notebook), encoding="utf-8")
    copies = tmp_path / "copies"
    copies.mkdir()
    assert problem in ruff_on_imports(path, folder=copies)
