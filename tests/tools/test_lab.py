"""`make lab`: which kernel it starts, and what it needs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
needs_unix = pytest.mark.skipif(
    os.name == "nt", reason="needs symbolic links and a Unix PATH"
)


@needs_unix
def test_lab_takes_the_kernel_of_the_environment_though_others_have_its_name(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for place in ("home/.local/share/jupyter", "elsewhere"):
        foreign = tmp_path / place / "kernels" / "python3" / "kernel.json"
        foreign.parent.mkdir(parents=True)
        foreign.write_text('{"argv": ["false"], "display_name": "Another Python"}')
    dry = ["make", "--no-print-directory", "-n", "lab"]
    printed = subprocess.check_output(dry, cwd=tmp_path, text=True).splitlines()
    command, _, options = printed[-1].partition(" -m jupyterlab ")
    ask = "from jupyter_client.kernelspec import get_kernel_spec as f"
    run = subprocess.run(
        f"{command} -c '{ask}; print(f(\"python3\").resource_dir)'",
        shell=True,
        cwd=tmp_path,
        env=os.environ
        | {
            "HOME": str(tmp_path / "home"),
            "JUPYTER_PATH": str(tmp_path / "elsewhere"),
            "JUPYTER_PREFER_ENV_PATH": "0",
        },
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == str(tmp_path / ".venv/share/jupyter/kernels/python3")
    start = options.partition("default_url=/lab/tree/")[2].strip()
    assert (ROOT / start).is_file() and "root_dir=." in options


@needs_unix
def test_lab_says_in_one_line_that_it_needs_a_home(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    command = ["make", "--no-print-directory", "-o", "setup", "lab", "PY=false"]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    line, by_make = run.stderr.splitlines()
    assert line.startswith("lab: ") and "HOME=/path/to/it make lab" in line
    assert by_make.startswith("make")
