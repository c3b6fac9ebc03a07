"""What a notebook stores: its outputs, and exercises that can be checked."""

import ast
import re

from checks.notebook import Cell, Notebook

CHECKED = "nbval-check-output"
MIN_CHECKED_CELLS = 3
MIN_EXERCISES = 4
MIN_FIGURES = 4


def executed(notebook: Notebook) -> list[str]:
    """Every code cell has been run, in order, without an error or a word on stderr."""
    problems, wanted = [], 0
    for cell in notebook.code:
        wanted += 1
        if cell.execution_count != wanted:
            problems.append(f"{cell.place}: execution count {cell.execution_count}")
            wanted = cell.execution_count or wanted
        for output in cell.outputs:
            if output["output_type"] == "error":
                problems.append(f"{cell.place}: stores the error {output['ename']}")
            if output.get("name") == "stderr":
                problems.append(f"{cell.place}: stores text on stderr")
    return problems


def widgets(notebook: Notebook) -> list[str]:
    """No widget in the outputs: GitHub and a fresh Jupyter show nothing there."""
    return [
        f"{cell.place}: stores a widget"
        for cell in notebook.code
        for output in cell.outputs
        if any("widget" in kind for kind in output.get("data", {}))
    ]


def checked_cells(notebook: Notebook) -> list[str]:
    """Some outputs are compared when the notebook is tested, and can be."""
    tagged = [cell for cell in notebook.code if CHECKED in cell.tags]
    problems = []
    if notebook.number and len(tagged) < MIN_CHECKED_CELLS:
        problems.append(f"{len(tagged)} cells tagged {CHECKED}")
    for cell in tagged:
        if not cell.outputs:
            problems.append(f"{cell.place}: tagged {CHECKED}, but has no output")
        if cell.has_picture:
            problems.append(f"{cell.place}: tagged {CHECKED}, but pictures differ")
    known = {CHECKED, "bootstrap", "shipped", "parity", "headline", "readme", "twin"}
    known |= {"predict", "bench", "script"}
    known |= {"nbval-skip", "nbval-ignore-output", "nbval-raises-exception"}
    for cell in notebook.cells:
        if strange := set(cell.tags) - known:
            problems.append(f"{cell.place}: unknown tag {', '.join(sorted(strange))}")
    return problems


def figures(notebook: Notebook) -> list[str]:
    """A lesson shows what it says."""
    count = sum(cell.has_picture for cell in notebook.code)
    if notebook.number and count < MIN_FIGURES:
        return [f"{count} figures, fewer than {MIN_FIGURES}"]
    return []


def exercise_titles(notebook: Notebook) -> dict[str, str]:
    """Return the id and the title of each exercise, in order."""
    found = [
        match
        for cell in notebook.prose
        for match in re.findall(
            r"^### Exercise (\d\d\.\d+) · (.+)$", cell.source, flags=re.M
        )
    ]
    return {exercise: title.strip() for exercise, title in found}


def exercises(notebook: Notebook) -> list[str]:
    """Each exercise has a task, a stub, a check whose output is stored, and help."""
    problems = []
    titles = exercise_titles(notebook)
    if notebook.number and len(titles) < MIN_EXERCISES:
        problems.append(f"{len(titles)} exercises, fewer than {MIN_EXERCISES}")
    for exercise in titles:
        if not exercise.startswith(f"{notebook.number:02d}."):
            problems.append(f"exercise {exercise} belongs to another notebook")
        problems += _parts_missing(notebook, exercise)
    return problems


def _parts_missing(notebook: Notebook, exercise: str) -> list[str]:
    start = next(
        cell.number
        for cell in notebook.prose
        if f"### Exercise {exercise} " in cell.source
    )
    section = []
    for cell in notebook.cells[start + 1 :]:
        if cell.kind == "markdown" and re.match("#{1,3} ", cell.source):
            break
        section.append(cell)
    code = [cell for cell in section if cell.kind == "code"]
    checks = [cell for cell in code if f'check("{exercise}"' in cell.source]
    text = "\n".join(cell.source for cell in section if cell.kind == "markdown")
    rules = {
        "has no stub that returns ...": any(_is_stub(cell) for cell in code),
        "has no check": bool(checks),
        f"has a check without the tag {CHECKED}": all(
            CHECKED in c.tags for c in checks
        ),
        "does not name its hint": f'hint("{exercise}")' in text,
        "does not name its solution": f'solution("{exercise}")' in text,
    }
    return [f"exercise {exercise} {problem}" for problem, ok in rules.items() if not ok]


def _is_stub(cell: Cell) -> bool:
    return bool(cell.tree) and any(
        isinstance(node, ast.Constant) and node.value is ...
        for node in ast.walk(cell.tree)
    )
