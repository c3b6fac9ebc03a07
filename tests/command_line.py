"""What tests of the command ``vit-course`` share: calling it, notebooks to run."""

import os
import re
import subprocess
import sys

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from typer.testing import CliRunner

from course_tools import cli
from course_utils import session

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals as on POSIX systems")


def vit_course(*arguments):
    return CliRunner().invoke(cli.app, [*arguments])


def flat(text):
    """Drop frames and line breaks, so that a wrapped sentence can be found."""
    return " ".join(re.sub(r"[│┃]", " ", text).split())


def write_notebook(folder, name, *cells):
    """Write a notebook; a cell that starts with # is Markdown."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = [
        new_markdown_cell(c) if c.startswith("#") else new_code_cell(c) for c in cells
    ]
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    return path


def wait_for(path):
    """Return code that waits until a path exists."""
    return (
        f"import pathlib, time\nwhile not pathlib.Path({str(path)!r}).exists():\n"
        "    time.sleep(0.02)"
    )


def alive(number):
    """Tell whether there is a process of this number."""
    try:
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def start_in_foreground(code):
    """Start Python with SIGINT as in a terminal: `pytest &` in a script ignores it."""
    foreground = "import signal\nsignal.signal(2, signal.default_int_handler)\n"
    return subprocess.Popen(
        [sys.executable, "-c", foreground + code],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=session.ROOT,
    )
