"""What a notebook of the course promises about its form.

Each check takes a Notebook and returns a list of problems, empty if all is well.
test_notebooks.py runs them over the course, and over a small notebook that breaks them
one by one.
"""

import ast
import json
import re
import tomllib
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import nbformat
import text_checks
from text_checks import ROOT

CHECKED = "nbval-check-output"
MAX_BYTES = 1_000_000
MAX_WORDS = 4_000
ARRAY_FORMAT = re.compile(
    r"(?:with|set)_format\(\s*[\"'](?:numpy|np|torch|pt|tensorflow|tf|jax)\b"
    r"|\.to_tf_dataset\("
)
MAX_WIDTH = 76
MAX_LINES, MAX_LINES_OF_A_CLASS = 15, 40
MIN_CHECKED_CELLS = 3
MIN_EXERCISES = 4
MIN_FIGURES = 4
MIN_WORDS_OF_A_FIGURE_LINE = 8
TABLE_HEAD = "| Time | You need | You will be able to | Profile sizes |"
PARITY = "%%parity\n"  # runs only where PyTorch is installed
BACKEND = """\
from course_utils.session import use_tensorflow

use_tensorflow()  # before anything imports Keras

"""
SETUP_CELL = """\
PROFILE = "reduced"  # @param ["reduced", "full"]
run = setup(seed=0, profile=PROFILE)
plots.use_style()"""


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


# --- form of the whole ------------------------------------------------------------


def opening(notebook: Notebook) -> list[str]:
    """Badge, title with promise and table, bootstrap, imports, setup: in this order."""
    kinds = [cell.kind for cell in notebook.cells[:5]]
    if kinds != ["markdown", "markdown", "code", "code", "code"]:
        return [f"the first five cells are {kinds}"]
    badge, title, bootstrap, imports, setup = notebook.cells[:5]
    url = (
        f"https://colab.research.google.com/github/{address()}"
        f"/blob/main/notebooks/{notebook.path.name}"
    )
    rules = {
        "cell 0 is not the Colab badge of this notebook": badge.source.strip()
        == f"[![Open in Colab](../docs/colab-badge.svg)]({url})",
        "cell 1 does not start with '# NN · Title' and its number": bool(
            re.match(rf"# {notebook.number:02d} · \S", title.source)
        ),
        "cell 1 has no sentence between title and table": len(
            title.source.split("\n\n")
        )
        >= 3,
        "cell 1 lacks the table of time, needs, goals and sizes": TABLE_HEAD
        in title.source,
        "cell 2 is not tagged bootstrap": "bootstrap" in bootstrap.tags,
        "cell 3 imports nothing": "import " in imports.source,
        "cell 4 is not the fixed setup cell": setup.source.strip() == SETUP_CELL,
    }
    return [problem for problem, kept in rules.items() if not kept]


def valid(notebook: Notebook) -> list[str]:
    """Valid by nbformat's own rules, each cell with its id: editors rely on both."""
    stored = json.loads(notebook.path.read_text(encoding="utf-8"))
    if (stored.get("nbformat"), stored.get("nbformat_minor")) != (4, 5):
        return ["is not of format 4.5"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nbformat only warns of ids missing or repeated
        try:
            nbformat.validate(stored)
        except (nbformat.ValidationError, Warning) as error:
            return [str(error).splitlines()[0]]
    return []


def metadata(notebook: Notebook) -> list[str]:
    """Kernel python3, language Python; no widget state: GitHub stumbles over it."""
    wanted = {"display_name": "Python 3", "language": "python", "name": "python3"}
    problems = []
    if notebook.metadata.get("kernelspec") != wanted:
        problems.append(f"kernelspec is {notebook.metadata.get('kernelspec')}")
    if notebook.metadata.get("language_info", {}).get("name") != "python":
        problems.append("language_info does not name python")
    if "widgets" in notebook.metadata:
        problems.append("widget metadata is stored")
    return problems


def size(notebook: Notebook) -> list[str]:
    """A file that loads on a phone."""
    count = notebook.path.stat().st_size
    return [f"{count:,} bytes, more than {MAX_BYTES:,}"] if count > MAX_BYTES else []


def words(notebook: Notebook) -> list[str]:
    """A lesson of at most 4,000 words."""
    count = sum(len(cell.source.split()) for cell in notebook.prose)
    return [f"{count} words, more than {MAX_WORDS}"] if count > MAX_WORDS else []


def headings(notebook: Notebook) -> list[str]:
    """One title, and no level left out on the way down."""
    found = [h for cell in notebook.prose for h in text_checks.headings(cell.source)]
    return text_checks.headings_out_of_order(found)


def ending(notebook: Notebook) -> list[str]:
    """What you saw, Exercises, Read on (lessons), and a link to the next notebook."""
    problems = []
    titles = [
        text.strip()
        for cell in notebook.prose
        for text in re.findall(r"^## (.+)$", cell.source, flags=re.M)
    ]
    if notebook.number:
        wanted = ["What you saw", "Exercises", "Read on"]
        if [title for title in titles if title in wanted] != wanted:
            problems.append(f"does not end with the sections {', '.join(wanted)}")
    later = sorted(
        path.name
        for path in notebook.path.parent.glob("[0-9][0-9]_*.ipynb")
        if path.name > notebook.path.name
    )
    last_words = notebook.prose[-1].source
    if later and f"({later[0]})" not in last_words:
        problems.append(f"the last text cell has no link to {later[0]}")
    return problems


# --- text ---------------------------------------------------------------------------


def alt_text(notebook: Notebook) -> list[str]:
    """Every picture can be read aloud: alt text, or '*Figure: ...*' beside it."""
    problems = _in_prose(notebook, text_checks.pictures_without_words)
    unused = {cell.number: len(figure_lines(cell.source)) for cell in notebook.prose}
    for cell in notebook.prose:
        for line in figure_lines(cell.source):
            if empty := text_checks.empty_phrase(line, MIN_WORDS_OF_A_FIGURE_LINE):
                problems.append(f"{cell.place}: the figure line {line!r} {empty}")
    for cell in notebook.code:
        if not cell.has_picture:
            continue
        before, after = cell.number - 1, cell.number + 1
        if unused.get(before):
            unused[before] -= 1
        elif unused.get(after):
            unused[after] -= 1
        else:
            problems.append(f"{cell.place}: no line '*Figure: ...*' beside the figure")
    return problems


def figure_lines(source: str) -> list[str]:
    """Return the words of the lines '*Figure: ...*' in a text cell."""
    return re.findall(r"^\*Figure: (.+?)\*$", source, flags=re.M | re.S)


def _in_prose(notebook: Notebook, check: Callable[[str], list[str]]) -> list[str]:
    """Return what a check of texts finds, with the places."""
    return [
        f"{cell.place}: {problem}"
        for cell in notebook.prose
        for problem in check(cell.source)
    ]


def links(notebook: Notebook) -> list[str]:
    """Links into the repository lead somewhere, and pictures come from it."""
    return _in_prose(
        notebook, partial(text_checks.broken_links, notebook.path)
    ) + _in_prose(notebook, text_checks.pictures_from_elsewhere)


def bare_numbers(notebook: Notebook) -> list[str]:
    """A percentage, a time or a size names its data, profile and machine."""
    return _in_prose(notebook, text_checks.bare_numbers)


def emoji(notebook: Notebook) -> list[str]:
    """No emoji, in text or code."""
    pattern = "[\U0001f300-\U0001faff\u2600-\u26ff\u2705\u274c\u2728\u2b50]"
    return [
        f"{cell.place}: an emoji"
        for cell in notebook.cells
        if re.search(pattern, cell.source)
    ]


def absolute_paths(notebook: Notebook) -> list[str]:
    """No path of somebody's machine, in outputs either."""
    folders = "home|root|work|tmp|Users|usr|opt|var|mnt|private|content(?!/drive)"
    pattern = rf"(?<![\w.:/~-])/(?:{folders})/\w|\b[A-Z]:\\\\?\w"
    problems = []
    for cell in notebook.cells:
        text = "\n".join([cell.source, *_texts(cell)])
        if found := re.search(pattern, text):
            problems.append(f"{cell.place}: the path {text[found.start() :][:30]!r}")
    return problems


def _texts(cell: Cell) -> list[str]:
    parts = []
    for output in cell.outputs:
        parts.append("".join(output.get("text", "")))
        parts.append("\n".join(output.get("traceback", [])))
        for kind, value in output.get("data", {}).items():
            if not kind.startswith("image/p"):
                parts.append(value if isinstance(value, str) else json.dumps(value))
    return parts


def _without_fences(text: str) -> str:
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)


# --- code ---------------------------------------------------------------------------


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


def is_tensorflow(notebook: Notebook) -> bool:
    """Tell whether a lesson's framework is TensorFlow."""
    return bool(re.search("tensorflow|modify_a_vit|scaling_out", notebook.name))


# --- outputs ------------------------------------------------------------------------


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
    known = {CHECKED, "bootstrap", "shipped", "parity", "headline", "readme"}
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


# --- exercises ----------------------------------------------------------------------


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


def section_titles(notebook: Notebook) -> list[str]:
    """Return the headings between the title and the exercises, with their level."""
    found = [
        match
        for cell in notebook.prose
        for match in re.findall(r"^##+ .+$", _without_fences(cell.source), flags=re.M)
    ]
    return found[: found.index("## Exercises")]


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


# --- the same code in notebook and package --------------------------------------------


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


def shipped_code(notebook: Notebook, package: list[dict[str, str]]) -> list[str]:
    """Code tagged ``shipped`` is what the package has under that name.

    ``package`` holds the definitions of each module that may ship it.
    """
    problems = []
    for cell in notebook.code:
        if "shipped" not in cell.tags:
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
    """Code without the tag ``shipped`` stands in no other place.

    ``others`` holds the ``pieces`` of each other place: a copy is a run of six lines,
    or a whole class or function of three. Imports and the fixed opening do not count.
    """
    problems = []
    for cell in own_code(notebook):
        ours = set() if "shipped" in cell.tags else pieces(cell.source)
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


CHECKS: tuple[Callable[[Notebook], list[str]], ...] = (
    opening,
    valid,
    metadata,
    size,
    words,
    headings,
    ending,
    alt_text,
    links,
    bare_numbers,
    emoji,
    absolute_paths,
    plain_python,
    array_formats,
    reports_on_loading,
    code_width,
    code_length,
    comparisons,
    one_framework,
    backend,
    executed,
    widgets,
    checked_cells,
    figures,
    exercises,
)
