"""Which names the benchmark of a lesson asks for, and which the lesson defines."""

import ast
import inspect


def asked_for(*modules):
    """Return the names that modules of a benchmark take from the lesson."""
    trees = [ast.parse(inspect.getsource(module)) for module in modules]
    return {
        node.slice.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and ast.unparse(node.value) in ("names", "self.names")
        and isinstance(node.slice, ast.Constant)
    }


def defined(tree):
    """Return the names that a tree of Python defines, assigns or imports."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
    return found
