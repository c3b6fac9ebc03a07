"""What twins must share: pictures, budgets, seeds and rates.

Cells with the tag ``twin`` stand in both lessons, word for word and in the same order.
They hold all numbers that decide whether two runs can be compared. A test that reads
the notebooks can then say: what is equal there is equal in the runs, because no other
cell makes such a number, and both lessons use each name that these cells define.
"""

import ast
import re

from checks.notebook import Cell, Notebook

TWIN = "twin"
# Arguments that are a part of a budget. Outside the twin cells they are names, not
# numbers; 0 and 1 say "none" and "once" everywhere.
BUDGETS = {
    *("seed", "seeds", "epochs", "num_train_epochs", "steps", "max_steps"),
    *("batch_size", "per_device_train_batch_size", "lr", "learning_rate", "rate"),
    *("rank", "patience", "weight_decay"),
}
FREE = (0, 1)
ROWS = r"^(rows of seed .*|\d+ pictures to learn from, .*)$"  # printed by both twins


def twin_cells(notebook: Notebook) -> list[Cell]:
    return [cell for cell in notebook.code if TWIN in cell.tags]


def same_cells(first: Notebook, second: Notebook) -> list[str]:
    """Both lessons have the same twin cells in the same order, with the same texts."""
    ours, theirs = ([c.source for c in twin_cells(n)] for n in (first, second))
    if len(ours) != len(theirs):
        return [f"{len(ours)} twin cells in {first.name}, {len(theirs)} in its twin"]
    problems = []
    for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        if a != b:
            lines = zip(a.splitlines(), b.splitlines(), strict=False)
            line = next((x for x, y in lines if x != y), "one has more lines")
            problems.append(f"twin cell {number} differs from: {line.strip()}")
    return problems


def same_rows(first: Notebook, second: Notebook) -> list[str]:
    """What both print behind these words is the same: so they drew the same rows."""
    found = [
        re.findall(ROWS, _printed(notebook), flags=re.M) for notebook in (first, second)
    ]
    return [] if found[0] == found[1] != [] else [f"{found[0]}, but {found[1]}"]


def _printed(notebook):
    outputs = [output for cell in notebook.code for output in cell.outputs]
    return "".join("".join(output.get("text", "")) for output in outputs)


def names_of(cell: Cell) -> set[str]:
    """Return the names that a cell defines for those after it."""
    found = set()
    for node in cell.tree.body if cell.tree else ():
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.For):
            found |= {n.id for n in _outside_comprehensions(node) if _stores(n)}
    return found


def _outside_comprehensions(node):
    """Walk as ``ast.walk``, but leave out names that live in a comprehension only."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.comprehension):
            yield from _outside_comprehensions(child)


def _stores(node):
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def used_as_they_are(notebook: Notebook) -> list[str]:
    """Each name of a twin cell is used, and no other cell makes it anew."""
    problems, shared = [], twin_cells(notebook)
    names = {name: cell for cell in shared for name in names_of(cell)}
    used = set()
    for cell in notebook.code:
        if cell.tree is None:
            continue
        if TWIN not in cell.tags:
            for name in sorted(names_of(cell) & set(names)):
                problems.append(f"{cell.place}: makes {name} anew")
        for node in ast.walk(cell.tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(node.id)
    return problems + [f"never uses {name}" for name in sorted(set(names) - used)]


def numbers_elsewhere(notebook: Notebook) -> list[str]:
    """No other cell, but for exercises, chooses a budget or picks by the profile."""
    problems, exercises = [], False
    for cell in notebook.cells:
        if cell.kind == "markdown" and (
            title := re.search("^## (.*)", cell.source, re.M)
        ):
            exercises = title[1] == "Exercises"
        if exercises or TWIN in cell.tags or cell.kind != "code" or cell.number < 5:
            continue
        for node in ast.walk(cell.tree or ast.Module()):
            if isinstance(node, ast.Call):
                problems += [f"{cell.place}: {words}" for words in _choices(node)]
            elif isinstance(node, ast.Assign) and _is_number(node.value):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in BUDGETS:
                        problems.append(f"{cell.place}: {ast.unparse(node)}")
    return problems


def _choices(call):
    if isinstance(call.func, ast.Attribute) and call.func.attr == "pick":
        numbers = [n for k in call.keywords for n in ast.walk(k.value) if _is_number(n)]
        if numbers:
            yield ast.unparse(call)
    for keyword in call.keywords:
        if keyword.arg in BUDGETS and _is_number(keyword.value):
            yield f"{keyword.arg}={ast.unparse(keyword.value)}"


def _is_number(node):
    if isinstance(node, ast.List | ast.Tuple):
        return any(isinstance(n, ast.Constant) for n in ast.walk(node))
    is_constant = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    return is_constant and node.value not in FREE


def value(notebook: Notebook, name: str):
    """Return the value that a twin cell gives to a name in profile reduced.

    Literals, and ``run.pick(reduced=…, full=…)``, of which the first is taken.
    """
    for cell in twin_cells(notebook):
        for node in cell.tree.body:
            if isinstance(node, ast.Assign) and name in {
                n.id for t in node.targets for n in ast.walk(t) if _stores(n)
            }:
                return _literal(node, name)
    raise ValueError(f"no twin cell of {notebook.name} defines {name}")


def _literal(node, name):
    (target,), given = node.targets, node.value
    if isinstance(given, ast.IfExp):  # "if there are rows enough"
        given = given.body
    if isinstance(target, ast.Tuple):
        names = [t.id for t in target.elts]
        given = given.elts[names.index(name)]
    if isinstance(given, ast.IfExp):
        given = given.body
    if isinstance(given, ast.Call) and getattr(given.func, "attr", "") == "pick":
        (given,) = (k.value for k in given.keywords if k.arg == "reduced")
    return ast.literal_eval(given)
