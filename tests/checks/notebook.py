"""A notebook as it is stored, and what all checks of it ask for."""

import ast
import json
import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from course_utils.session import ROOT

PATHS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# The same lesson in PyTorch and in TensorFlow: what needs no framework stands in both.
TWINS = (("04", "05"), ("08", "09"), ("10", "11"), ("12", "13"), ("17", "18"))
PARITY = "%%parity\n"  # runs only where PyTorch is installed


@dataclass(frozen=True)
class Cell:
    """One cell, its source as one string."""

    number: int
    kind: str
    source: str
    tags: tuple[str, ...] = ()
    outputs: tuple[dict, ...] = ()
    execution_count: int | None = None

    @property
    def place(self) -> str:
        return f"cell {self.number}"

    @property
    def has_picture(self) -> bool:
        kinds = [kind for o in self.outputs for kind in o.get("data", {})]
        return any(kind.startswith("image/") for kind in kinds)

    @property
    def is_parity(self) -> bool:
        return self.source.startswith(PARITY)

    @cached_property
    def tree(self) -> ast.Module | None:
        try:
            return ast.parse(self.source.removeprefix(PARITY))
        except SyntaxError:
            return None


@dataclass(frozen=True)
class Notebook:
    """A notebook as stored; ``number`` is the 4 of ``04_vit_mnist_pytorch``."""

    path: Path
    metadata: dict[str, Any] = field(repr=False)
    cells: tuple[Cell, ...] = field(repr=False)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def number(self) -> int:
        return int(self.name[:2])

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "code"]

    @property
    def prose(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.kind == "markdown"]


def read(path: Path) -> Notebook:
    """Read a notebook file."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    cells = tuple(
        Cell(
            number,
            cell["cell_type"],
            "".join(cell["source"]),
            tuple(cell["metadata"].get("tags", ())),
            tuple(cell.get("outputs", ())),
            cell.get("execution_count"),
        )
        for number, cell in enumerate(raw["cells"])
    )
    return Notebook(path, raw["metadata"], cells)


def address(root: Path = ROOT) -> str:
    """Return the owner/name of the repository, from its one place."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["urls"]["Repository"].removeprefix("https://github.com/")


def is_tensorflow(notebook: Notebook) -> bool:
    """Tell whether a lesson's framework is TensorFlow."""
    return bool(re.search("tensorflow", notebook.name))
