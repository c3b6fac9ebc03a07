"""Run one notebook in kernels that take themselves for Colab's; run.py calls this.

    python session.py NOTEBOOK PYTHON

All cells in order; the bootstrap cell once more; then, after a restart, the opening
cells again. The exit code is 1, with the reason on stderr, if anything is not as it
should be.
"""

import re
import sys
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

# On Colab, google.colab is there before the first cell runs.
KERNEL = """
import importlib.machinery, importlib.util, sys
import google  # the name belongs to several packages, protobuf among them
spec = importlib.machinery.ModuleSpec("google.colab", None)
google.colab = sys.modules["google.colab"] = importlib.util.module_from_spec(spec)
sys.path.remove("")
from ipykernel import kernelapp
kernelapp.launch_new_instance()
"""
READY = r"vit-course v\S+ is ready, nothing had to be added\n"
BOOTSTRAP = 2  # the cell's index
OPENING = 5  # cells: badge, title, bootstrap, imports, setup


class Colab(KernelSpecManager):
    """Knows one kernel, whatever it is asked for."""

    python = ""

    def get_kernel_spec(self, kernel_name):
        return KernelSpec(
            argv=[self.python, "-c", KERNEL, "-f", "{connection_file}"],
            display_name="Python 3",
            language="python",
        )


def run(cells, folder: Path) -> list[str]:
    """Run cells in a new kernel; return what the bootstrap cells among them said."""
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(
        notebook,
        km=AsyncKernelManager(kernel_spec_manager=Colab()),
        timeout=600,
        startup_timeout=120,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return [
        "".join(output.get("text", output["output_type"]) for output in cell.outputs)
        for cell in notebook.cells
        if "bootstrap" in cell.metadata.get("tags", [])
    ]


def main(path: Path, python: str) -> None:
    Colab.python = python
    cells = nbformat.read(path, as_version=4).cells
    for cell in cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    first, second = run([*cells, cells[BOOTSTRAP].copy()], path.parent)
    (third,) = run(cells[:OPENING], path.parent)
    for said in (first, second, third):
        if not re.fullmatch(
            r"vit-course v\S+ is ready, nothing had to be added\n", said
        ):
            sys.exit(f"the bootstrap cell said {said!r}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), sys.argv[2])
    except CellExecutionError as error:
        sys.exit(re.sub(r"\x1b\[[0-9;]*m", "", str(error)))
