"""Run one notebook in kernels that take themselves for Colab's; run.py calls this.

    python runtime.py NOTEBOOK PYTHON

First all cells in order, and the bootstrap cell once more; then, after a restart, the
opening cells again. The exit code is 1, with the reason on stderr, if anything is not
as it should be. PYTHON starts the kernels; the Python that runs this file has
nbclient, so that the other one stays as clean as a learner's.
"""

import copy
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from course_tools import runner  # noqa: E402
from course_tools.terminal import terminate_as_interrupt  # noqa: E402

# On Colab, google.colab is there before the first cell runs, and nobody says where the
# learner's progress is kept.
KERNEL = """
import importlib.machinery, importlib.util, os, sys
import google  # the name belongs to several packages, protobuf among them
spec = importlib.machinery.ModuleSpec("google.colab", None)
google.colab = sys.modules["google.colab"] = importlib.util.module_from_spec(spec)
sys.path.remove("")
del os.environ["COURSE_PROGRESS"]
from ipykernel import kernelapp
kernelapp.launch_new_instance()
"""
READY = r"vit-course v\S+ is ready, nothing had to be added\n"
BOOTSTRAP = 2  # the number of this cell
OPENING = 5  # cells: badge, title, bootstrap, imports, setup


def bootstrap_twice(notebook):
    again = copy.deepcopy(notebook.cells[BOOTSTRAP])
    again.id = "again"
    notebook.cells.append(again)


def opening_alone(notebook):
    del notebook.cells[OPENING:]


def run(path: Path, python: str, prepare) -> list[str]:
    """Run a notebook in a new kernel; return what its bootstrap cells said."""
    outcome = runner.run_one(
        path,
        timeout=600,
        kernel=[python, "-c", KERNEL, "-f", "{connection_file}"],
        prepare=prepare,
    )
    if outcome.failure:
        sys.exit(str(outcome.failure))
    return [
        "".join(output.get("text", output["output_type"]) for output in cell.outputs)
        for cell in outcome.notebook.cells
        if "bootstrap" in cell.metadata.get("tags", [])
    ]


def main(path: Path, python: str) -> None:
    said = [*run(path, python, bootstrap_twice), *run(path, python, opening_alone)]
    if len(said) != 3:
        sys.exit(f"{len(said)} bootstrap cells have run, not 3")
    for words in said:
        if not re.fullmatch(READY, words):
            sys.exit(f"the bootstrap cell said {words!r}")


if __name__ == "__main__":
    with terminate_as_interrupt():
        main(Path(sys.argv[1]), sys.argv[2])
