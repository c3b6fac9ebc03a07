"""Code that stands in two places, which only two tags, of lessons, allow."""

import ast
from collections.abc import Iterable

from checks.notebook import PARITY, Cell, Notebook


def definitions(source: str) -> dict[str, str]:
    """Return name -> code of the classes and functions on top level.

    Docstrings, comments, annotations and layout are left out.
    """
    kinds = ast.ClassDef | ast.FunctionDef
    return {
        node.name: ast.unparse(_Bare().visit(node))
        for node in ast.parse(source).body
        if isinstance(node, kinds)
    }


class _Bare(ast.NodeTransformer):
    """Drops docstrings and annotations."""

    def _visit_body(self, node):
        self.generic_visit(node)
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            if isinstance(first.value.value, str):
                node.body = node.body[1:] or [ast.Pass()]
        return node

    visit_ClassDef = _visit_body  # noqa: N815

    def visit_FunctionDef(self, node):  # noqa: N802
        node.returns = None
        return self._visit_body(node)

    def visit_arg(self, node):
        node.annotation = None
        return node

    def visit_AnnAssign(self, node):  # noqa: N802
        if node.value is None:
            return None
        return ast.Assign([node.target], node.value, lineno=node.lineno)


def bare(source: str) -> str:
    """Return code without layout, comments, docstrings and annotations."""
    return ast.unparse(_Bare().visit(ast.parse(source)))


def blocks(script: str) -> list[str]:
    """Return the cells of a script: what stands below each line ``# %% title``."""
    return [block.partition("\n")[2] for block in script.split("# %% ")[1:]]


def shipped_code(
    notebook: Notebook, package: list[dict[str, str]], scripts: Iterable[str] = ()
) -> list[str]:
    """Code tagged ``shipped`` is what the package, or a script, has under that name.

    ``package`` holds the definitions of each module that may ship it. A cell may also
    be a block of one of the ``scripts``, which are given as text.
    """
    problems = []
    known = {bare(block) for script in scripts for block in blocks(script)}
    for cell in notebook.code:
        if "shipped" not in cell.tags or bare(cell.source) in known:
            continue
        written = definitions(cell.source)
        if not written:
            problems.append(f"{cell.place}: tagged shipped, but defines nothing")
        for name, code in written.items():
            versions = [module[name] for module in package if name in module]
            if not versions:
                problems.append(f"{cell.place}: the package has no {name}")
            elif code not in versions:
                problems.append(f"{cell.place}: {name} is not what the package has")
    return problems


def shipped_names(notebook: Notebook) -> set[str]:
    """Names defined in cells tagged ``shipped``."""
    cells = [cell for cell in notebook.code if "shipped" in cell.tags]
    return {name for cell in cells for name in definitions(cell.source)}


def copied_code(notebook: Notebook, others: dict[str, set[str]]) -> list[str]:
    """Code without the tag ``shipped`` or ``script`` stands in no other place.

    ``others`` holds the ``pieces`` of each other place: a copy is a run of six lines,
    or a whole class or function of three. Imports and the fixed opening do not count.
    """
    problems = []
    for cell in own_code(notebook):
        elsewhere = {"shipped", "script"} & set(cell.tags)  # by design
        ours = set() if elsewhere else pieces(cell.source)
        for name, theirs in others.items():
            if copied := sorted(ours & theirs):
                start = copied[0].splitlines()[0]
                problems.append(f"{cell.place}: as in {name}, {start!r} and so on")
    return problems


def own_code(notebook: Notebook) -> list[Cell]:
    """Return the code that is not the same in every notebook by design."""
    return [c for c in notebook.code if c.tree and c.number > 4]


def pieces(source: str) -> set[str]:
    """Return all runs of six lines of code, and all definitions of three and more.

    Docstrings, comments, annotations, imports and layout are left out.
    """
    body = ast.parse(source.removeprefix(PARITY)).body
    imports = ast.Import | ast.ImportFrom
    code = [ast.unparse(_Bare().visit(n)) for n in body if not isinstance(n, imports)]
    lines = "\n".join(code).splitlines()
    runs = {"\n".join(lines[i : i + 6]) for i in range(len(lines) - 5)}
    return runs | {
        whole
        for whole in definitions(source.removeprefix(PARITY)).values()
        if len(whole.splitlines()) >= 3
    }
