"""Copies of the course for a class: exercises open, or each with its solution."""

import ast
import json
import os
import shutil
from pathlib import Path

from course_utils.exercises import catalog
from course_utils.session import ROOT

# What a class works with, beside the lessons. The tests of the course are left out, and
# so is what runs leave behind. A file of your own that fits a pattern is copied, too.
FILES = (
    ".editorconfig",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "LICENSE-TEXT",
    "LOG.md",
    "Makefile",
    "README.md",
    "benchmarks/*.json",
    "benchmarks/*.py",
    "course_tools/*.py",
    "course_tools/*.sh",
    "course_utils/**/*.py",
    "course_utils/explorer/*.css",
    "course_utils/explorer/*.html",
    "course_utils/explorer/*.js",
    "drawing/**/*.py",
    "data/*/README.md",
    "data/*/SHA256SUMS",
    "data/*/*.png",
    "data/*/test.parquet",
    "data/*/train.parquet",
    "data/*/validation.parquet",
    "data/*-vit/*.json",
    "data/*-vit/model.safetensors",
    "docs/*.html",
    "docs/*.md",
    "docs/*.png",
    "docs/*.svg",
    "environment.yml",
    "examples/*",
    "pyproject.toml",
    "requirements.lock",
)
_GET_BACK = (
    "put them back (`git restore notebooks` undoes every change there), or export "
    "from a fresh copy of the course."
)


class ExportError(Exception):
    """The reason why no copy was written; the message says what to do."""


def export(folder: Path, *, solved: bool, root: Path = ROOT) -> None:
    """Write a copy of the course, whole or not at all.

    Its notebooks have no outputs and no execution counts; nobody's progress is in it.

    Parameters
    ----------
    folder : Path
        A new folder, or an empty one.
    solved : bool
        True puts the solution into the stub of every exercise. False wants every
        exercise open.

    Raises
    ------
    ExportError
        If the folder cannot be used, or an exercise is answered that should be open.
    """
    folder, root = folder.expanduser().resolve(), root.resolve()
    _refuse_place(folder, root)
    lessons = (root / "notebooks" / f"{name}.ipynb" for name in catalog.LESSONS)
    notebooks = [path for path in lessons if path.is_file()]
    if not notebooks:
        raise ExportError(f"There are no notebooks in {root}: run this in the course.")
    texts = {path.name: _prepared(path, solved) for path in notebooks}
    part = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        (part / "notebooks").mkdir(parents=True)
        for name, text in texts.items():
            place = part / "notebooks" / name
            place.write_text(text, encoding="utf-8", newline="\n")
        for path in (path for pattern in FILES for path in root.glob(pattern)):
            place = part / path.relative_to(root)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        if folder.exists():  # empty; Windows cannot rename onto it
            folder.rmdir()
        os.replace(part, folder)
    except OSError as error:
        why = error.strerror or error
        raise ExportError(
            f"No copy was written to {folder} ({why}): name another place."
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _refuse_place(folder, root):
    if folder.is_relative_to(root) and not folder.is_relative_to(root / "build"):
        raise ExportError(
            f"{folder} lies inside the course itself: name a folder outside of it, "
            "or one in build/."
        )
    try:
        full = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise ExportError(
            f"{folder} cannot be used ({error.strerror}): name another place."
        ) from None
    if full:
        raise ExportError(
            f"{folder} exists and is not an empty folder: nothing there is "
            "overwritten, so name a new one."
        )


def _prepared(path, solved):
    """Return the text of a notebook without outputs, its exercises open or solved."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ExportError(
            f"{path.name} is no notebook ({error}): {_GET_BACK}"
        ) from None
    notebook["metadata"].pop("widgets", None)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
            cell["metadata"].pop("execution", None)  # JupyterLab's times
    stubs, answered = find_stubs(notebook["cells"]), []
    for exercise_id in catalog.LESSONS.get(path.stem, ()):
        if exercise_id not in stubs:
            raise ExportError(
                f"{path.name} has no stub and check of exercise {exercise_id} as the "
                f"course ships them: {_GET_BACK}"
            )
        if solved:
            _solve(*stubs[exercise_id][-1], _exercise(exercise_id))
        elif not all(is_open(node) for _, node in stubs[exercise_id]):
            answered.append(exercise_id)
    if answered:
        raise ExportError(
            f"{path.name} has answers to {', '.join(answered)}, and a class needs the "
            f"stubs with `...`: {_GET_BACK}"
        )
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _exercise(exercise_id):
    try:
        return catalog.find(exercise_id)
    except ModuleNotFoundError as error:
        raise ExportError(
            f"The solution of {exercise_id} needs {error.name}, which is not "
            "installed: `make setup` installs everything."
        ) from None


def find_stubs(cells: list[dict]) -> dict[str, list[tuple[dict, ast.stmt]]]:
    """Find the stub of each exercise: its cell, and the statement in it.

    A stub is the definition or assignment of the name that ``check("01.2", name)``
    hands in, in a cell above the check. The course has one of each. A learner may have
    added others; then the last one counts.
    """
    found, seen = {}, {}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        try:
            body = ast.parse("".join(cell["source"])).body
        except SyntaxError:  # a magic, or an answer begun and left
            continue
        for node in body:
            call = getattr(node, "value", None)
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                seen.setdefault(node.name, []).append((cell, node))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                seen.setdefault(node.targets[0].id, []).append((cell, node))
            elif isinstance(call, ast.Call) and ast.unparse(call.func) == "check":
                match call.args:
                    case [ast.Constant(exercise_id), ast.Name(name)] if name in seen:
                        found.setdefault(exercise_id, []).extend(seen[name])
    return found


def is_open(node: ast.stmt) -> bool:
    """Tell whether a stub still holds nothing but its three dots."""
    if isinstance(node, ast.Assign):
        return _dots(node.value)
    if isinstance(node, ast.ClassDef):
        return any(is_open(n) for n in node.body if isinstance(n, ast.FunctionDef))
    body = node.body[ast.get_docstring(node) is not None :]
    return len(body) == 1 and isinstance(body[0], ast.Return) and _dots(body[0].value)


def _dots(value):
    return isinstance(value, ast.Constant) and value.value is ...


def _solve(cell, node, exercise):
    """Put the solution where the stub stands; the rest of the cell stays."""
    name = node.targets[0].id if isinstance(node, ast.Assign) else node.name
    code = exercise.source if exercise.cases else f"{name} = {exercise.source}"
    decorators = getattr(node, "decorator_list", [])
    first = min(line.lineno for line in (node, *decorators))
    lines = "".join(cell["source"]).split("\n")
    lines[first - 1 : node.end_lineno] = code.split("\n")
    cell["source"] = "\n".join(lines).splitlines(keepends=True)
