"""JupyterLab as `make lab` starts it, in a folder of its own with traps in it."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "browser"


def furnish(folder, paths):
    """Copy what a learner opens, without stored outputs, and set traps."""
    shutil.copytree(ROOT / "docs", folder / "docs")  # a link would not be served
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "notebooks").mkdir()
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / "notebooks" / path.name)
    trap = {"argv": ["/bin/false"], "display_name": "Another", "language": "python"}
    for place in ("home/.local/share/jupyter", "elsewhere"):
        kernel = folder / place / "kernels" / "python3" / "kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text(json.dumps(trap), encoding="utf-8")
    # All cells on the page, not only those in view.
    settings = folder / "home/.jupyter/lab/user-settings/@jupyterlab"
    tracker = settings / "notebook-extension/tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text('{"windowingMode": "none"}', encoding="utf-8")


def faulty(folder):
    """Write a notebook whose run must be found wanting, and return its path."""
    sources = (
        "print('all is well')",
        "import sys; print('careful', file=sys.stderr)",
        "from IPython.display import Image; Image(data=b'no picture', format='png')",
        "1 / 0",
        "print('never reached')",
    )
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    path = folder / "notebooks" / "faulty.ipynb"
    nbformat.write(notebook, path)
    return path


def lab_command():
    """Return the line with which `make lab` starts JupyterLab."""
    lines = subprocess.run(
        ["make", "--no-print-directory", "-n", "lab", "ARGS="],  # ours name lessons
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return lines[-1].removeprefix("@")


@contextlib.contextmanager
def jupyterlab(folder):
    """Start JupyterLab in ``folder``; give the address that it would open."""
    home = folder / "home"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COURSE_", "JUPYTER", "IPYTHON"))
    }
    environment |= {
        "HOME": str(home),
        "JUPYTER_PATH": str(folder / "elsewhere"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "COURSE_PROGRESS": os.environ["COURSE_PROGRESS"],
        "COURSE_PROFILE": "reduced",
    }
    more = " --no-browser --port=0" + " --allow-root" * (os.geteuid() == 0)
    log = (SHOTS / "jupyterlab.log").open("w", encoding="utf-8")
    server = subprocess.Popen(
        lab_command() + more,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield _address(server, folder / "runtime")
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may not have started
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        log.close()


def _address(server, runtime):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        for page in runtime.glob("jpserver-*-open.html"):
            if found := re.search(r'href="(http[^"]+)"', page.read_text("utf-8")):
                return found[1]
        time.sleep(0.2)
    sys.exit(f"browser: JupyterLab did not start; see {SHOTS / 'jupyterlab.log'}")
