"""Change every solution in many small ways and hand each to its own check.

python tests/exercises/mutants.py [04.5 | 04 ...]

The check must refuse each mutant, unless equal_mutants.py lists it with the reason why
it does the same. mutmut and cosmic-ray were looked at: they change files and run a test
suite on each, while here a function is handed to ``check``; a pass over the syntax tree
is shorter than their set-up.
"""

import ast
import copy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from equal_mutants import EQUAL  # noqa: E402

from course_utils.exercises import catalog  # noqa: E402
from course_utils.exercises.judge import Exercise, judge  # noqa: E402

OPERATORS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div, ast.Add],
    ast.Div: [ast.Mult],
    ast.FloorDiv: [ast.Mod, ast.Div],
    ast.Mod: [ast.FloorDiv],
    ast.Pow: [ast.Mult],
    ast.MatMult: [ast.Mult],
    ast.BitAnd: [ast.BitOr],
    ast.BitOr: [ast.BitAnd],
}
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
NAMES = {  # of functions and methods that are taken for each other
    "mean": "sum",
    "sum": "mean",
    "max": "min",
    "min": "max",
    "argmax": "argmin",
    "argsort": "sort",
    "exp": "log",
    "log": "exp",
    "sqrt": "square",
    "ones": "zeros",
    "zeros": "ones",
    "floor": "ceil",
    "maximum": "minimum",
    "minimum": "maximum",
    "any": "all",
    "all": "any",
    "append": "remove",
}


def mutants(exercise: Exercise) -> Iterator[tuple[str, Any]]:
    """Yield what was changed, and the changed solution."""
    if not exercise.cases:
        for change in (-1, 1):
            yield f"{change:+d}", exercise.solution + change
        yield "* 2", exercise.solution * 2
        return
    tree = ast.parse(exercise.source)
    lines = exercise.source.splitlines()
    seen = {ast.unparse(tree)}
    for node, field, index, replacement in _changes(tree):
        changed = _replaced(tree, node, field, index, replacement)
        text = ast.unparse(changed)
        if text in seen:
            continue
        seen.add(text)
        answer = _built(exercise, changed)
        if answer is not None:
            yield _described(lines, node, replacement), answer


def _changes(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, Any]]:
    """Yield (node, field of its parent, place in it, what comes instead or None)."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            if field == "decorator_list":
                continue
            children = value if isinstance(value, list) else [value]
            for index, node in enumerate(children):
                if not isinstance(node, ast.AST):
                    continue
                place = index if isinstance(value, list) else None
                for replacement in _instead(node, field, tree, parent):
                    yield node, (parent, field), place, replacement


def _instead(node: ast.AST, field: str, tree: ast.AST, parent: ast.AST) -> list:
    """Return what may stand in a node's place; None drops it."""
    match node:
        case ast.BinOp(op=op):
            others = [_with(node, op=new()) for new in OPERATORS.get(type(op), [])]
            if not isinstance(op, ast.Add | ast.Mult | ast.BitAnd | ast.BitOr):
                others.append(_with(node, left=node.right, right=node.left))
            return [*others, node.left, node.right]
        case ast.Dict(keys=keys, values=values):
            places = range(len(keys))
            return [
                _with(node, keys=_but(keys, i), values=_but(values, i)) for i in places
            ]
        case ast.Tuple(elts=items, ctx=ast.Load()) | ast.List(elts=items):
            return [_with(node, elts=_but(items, i)) for i in range(len(items))]
        case ast.Compare(ops=[op]):
            return [_with(node, ops=[new()]) for new in COMPARISONS.get(type(op), [])]
        case ast.BoolOp(op=op):
            other = ast.Or() if isinstance(op, ast.And) else ast.And()
            return [_with(node, op=other), *node.values]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.IfExp(body=body, orelse=orelse):
            return [body, orelse]
        case ast.Constant(value=value):
            return [ast.Constant(new) for new in _constants(value, parent)]
        case ast.Call():
            return _calls(node)
        case ast.Attribute(attr=name, value=value, ctx=ast.Load()):
            others = [_with(node, attr=NAMES[name])] if name in NAMES else []
            return others if isinstance(parent, ast.Call) else [*others, value]
        case ast.Name(id=name, ctx=ast.Load()):
            return [ast.Name(new, ast.Load()) for new in _other_names(name, tree)]
        case ast.Slice(lower=lower, upper=upper, step=step):
            parts = {"lower": lower, "upper": upper, "step": step}
            return [_with(node, **{n: None}) for n, part in parts.items() if part]
        case ast.AugAssign(op=op):
            others = [_with(node, op=new()) for new in OPERATORS.get(type(op), [])]
            return [*others, ast.Pass()]
        case ast.If():
            return [_with(node, test=ast.Constant(v)) for v in (True, False)]
        case ast.comprehension(ifs=[_, *rest]):
            return [_with(node, ifs=rest)]
        case ast.Expr(value=ast.Constant()):
            return []
        case ast.Assign() | ast.Expr() | ast.For() | ast.While() | ast.With():
            return [ast.Pass()]
        case ast.Break() | ast.Continue():
            return [ast.Pass()]
    return []


def _constants(value: Any, parent: ast.AST) -> list:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [2 * value, value + 1]
    if isinstance(value, str) and not isinstance(parent, ast.Expr):
        return [value + "x"]
    return []


def _calls(node: ast.Call) -> list:
    """Swap or drop arguments, drop named ones, leave the call out."""
    found = [_with(node, keywords=_without(node.keywords, k)) for k in node.keywords]
    if len(node.args) >= 2:
        first, second, *rest = node.args
        found.append(_with(node, args=[second, first, *rest]))
        found.append(_with(node, args=node.args[:-1]))
    if isinstance(node.func, ast.Name) and node.func.id in NAMES:
        found.append(_with(node, func=ast.Name(NAMES[node.func.id], ast.Load())))
    if isinstance(node.func, ast.Attribute):
        found.append(node.func.value)  # x.f() -> x
    if len(node.args) == 1 and not node.keywords:
        found.append(node.args[0])  # f(x) -> x
    return found


def _but(items: list, place: int) -> list:
    return items[:place] + items[place + 1 :]


def _without(items: list, left_out: Any) -> list:
    return [item for item in items if item is not left_out]


def _with(node: ast.AST, **fields: Any) -> ast.AST:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _other_names(name: str, tree: ast.AST) -> list[str]:
    """Return the variables that stand after this one, as those taken for it."""
    written = [n.arg for n in ast.walk(tree) if isinstance(n, ast.arg)]
    written += [
        n.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    ]
    variables = [n for n in dict.fromkeys(written) if n != "self"]
    if name not in variables:
        return []
    place = variables.index(name)
    return (variables[place + 1 :] + variables[:place])[:2]


def _replaced(tree, node, place, index, replacement) -> ast.AST:
    """Return a copy of the tree with one node replaced."""
    parent, field = place
    value = getattr(parent, field)
    new = replacement
    if index is not None:
        new = [*value[:index], replacement, *value[index + 1 :]]
    setattr(parent, field, new)
    changed = copy.deepcopy(tree)
    setattr(parent, field, value)
    return ast.fix_missing_locations(changed)


def _built(exercise: Exercise, tree: ast.AST) -> Any:
    """Run the changed code beside the solution's; None if that does not go."""
    names = dict(vars(sys.modules[exercise.solution.__module__]))
    try:
        exec(compile(tree, "<mutant>", "exec"), names)
    except Exception:
        return None
    return names[exercise.solution.__name__]


def _described(lines: list[str], node: ast.AST, replacement: ast.AST) -> str:
    """Say where and what: `line 3: a + b -> a - b`, within the words of that line."""
    number = getattr(node, "lineno", None)
    if number is None:  # a slice's or a comprehension's own parts know their line
        number = min(
            (n.lineno for n in ast.walk(node) if hasattr(n, "lineno")), default=0
        )
    old, new = (_short(part) for part in (node, replacement))
    column = getattr(node, "col_offset", 0)
    return f"line {number}, column {column}: {old} -> {new}"


def _short(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else f"{text[:40]} … {text[-18:]}"


def survivors(exercise: Exercise, choose: Callable = list) -> tuple[int, list[str]]:
    """Return how many mutants were tried, and which passed without being listed."""
    known = EQUAL.get(exercise.id, {})
    chosen = choose([m for m in mutants(exercise) if m[0] not in known])
    passed = [what for what, answer in chosen if judge(exercise, answer).passed]
    return len(chosen), passed


def main(wanted: list[str]) -> int:
    ids = [i for titles in catalog.LESSONS.values() for i in titles]
    chosen = [i for i in ids if i.startswith(tuple(wanted) or "")]
    tried = left = 0
    for number in chosen:
        exercise = catalog.find(number)
        count, passed = survivors(exercise)
        equal = len(EQUAL.get(number, {}))
        tried, left = tried + count, left + len(passed)
        print(f"{number}: {count - len(passed)} of {count} refused, {equal} equal")
        for what in passed:
            print(f"    passes: {what}")
    print(f"all: {tried - left} of {tried} mutants refused")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
