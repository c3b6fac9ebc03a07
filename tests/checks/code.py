"""What the code of a notebook may do, and how it looks."""

import ast
import re

from checks.notebook import Notebook, is_tensorflow

ARRAY_FORMAT = re.compile(
    r"(?:with|set)_format\(\s*[\"'](?:numpy|np|torch|pt|tensorflow|tf|jax)\b"
    r"|\.to_tf_dataset\("
)


MAX_WIDTH = 76
MAX_LINES, MAX_LINES_OF_A_CLASS = 15, 40
BACKEND = """\
from course_utils.session import use_tensorflow

use_tensorflow()  # before anything imports Keras

"""


def plain_python(notebook: Notebook) -> list[str]:
    """Code that any Python reads: no magics but %%parity, no shell lines."""
    return [
        f"{cell.place}: not plain Python" for cell in notebook.code if not cell.tree
    ]


def array_formats(notebook: Notebook) -> list[str]:
    """No data set is formatted as arrays: with torchvision 0.26, datasets 4.0 fails."""
    return [
        f"{cell.place}: formats a data set as arrays; take a column instead"
        for cell in notebook.code
        if ARRAY_FORMAT.search(cell.source)
    ]


def reports_on_loading(notebook: Notebook) -> list[str]:
    """No cell silences transformers for the rest of the lesson."""
    return [
        f"{cell.place}: silences reports on loading; use quiet() around one call"
        for cell in notebook.code
        if "set_verbosity_error" in cell.source and "parity" not in cell.tags
    ]


def code_width(notebook: Notebook) -> list[str]:
    """No scroll bar on a phone held sideways; a long address cannot be helped."""
    return [
        f"{cell.place}: a line of {len(line)} characters"
        for cell in notebook.code
        for line in cell.source.splitlines()
        if len(line) > MAX_WIDTH and "REPO, TAG = " not in line
    ]


def code_length(notebook: Notebook) -> list[str]:
    """At most 15 lines, 40 where a class or function is written; imports are free."""
    problems = []
    for cell in notebook.code:
        if "bootstrap" in cell.tags or not cell.tree or cell.number == 3:
            continue
        if all(isinstance(n, ast.Import | ast.ImportFrom) for n in cell.tree.body):
            continue
        kinds = ast.ClassDef | ast.FunctionDef
        defines = any(isinstance(node, kinds) for node in cell.tree.body)
        allowed = MAX_LINES_OF_A_CLASS if defines else MAX_LINES
        count = len(cell.source.strip().splitlines())
        if count > allowed:
            problems.append(f"{cell.place}: {count} lines, more than {allowed}")
    return problems


def comparisons(notebook: Notebook) -> list[str]:
    """Two things are never compared without an assert."""
    names = {"allclose", "array_equal", "equal", "isclose"}

    def idle(node: ast.expr) -> bool:
        if isinstance(node, ast.Compare):
            return True
        if not isinstance(node, ast.Call):
            return False
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        return name in names or (name == "print" and any(map(idle_call, node.args)))

    def idle_call(node: ast.expr) -> bool:
        return isinstance(node, ast.Call) and idle(node)

    return [
        f"{cell.place}, line {node.lineno}: a comparison without assert"
        for cell in notebook.code
        if cell.tree
        for node in ast.walk(cell.tree)
        if isinstance(node, ast.Expr) and idle(node.value)
    ]


def one_framework(notebook: Notebook) -> list[str]:
    """A lesson has one framework; the other only in cells of the magic %%parity."""
    if is_tensorflow(notebook):
        others, where = "torch|transformers|accelerate", "outside a cell %%parity"
    else:
        others, where = "tensorflow|keras|keras_hub", "in a PyTorch lesson"
    pattern = rf"^\s*(?:import|from)\s+({others})\b"
    return [
        f"{cell.place}: imports {found[1]} {where}"
        for cell in notebook.code
        if not cell.is_parity and (found := re.search(pattern, cell.source, flags=re.M))
    ]


def backend(notebook: Notebook) -> list[str]:
    """A TensorFlow lesson sets Keras's backend first; only it has parity cells."""
    problems = []
    if is_tensorflow(notebook) != notebook.cells[3].source.startswith(BACKEND):
        problems.append(
            "cell 3 begins with use_tensorflow() in TensorFlow lessons only"
        )
    for cell in notebook.code:
        if cell.is_parity != ("parity" in cell.tags):
            problems.append(
                f"{cell.place}: the magic %%parity goes with the tag parity"
            )
        if cell.is_parity and not is_tensorflow(notebook):
            problems.append(f"{cell.place}: a parity cell in a PyTorch lesson")
    return problems
