"""The form of a notebook as a whole, and of its texts."""

import json
import re
import warnings
from collections.abc import Callable
from functools import partial

import nbformat

from checks import texts
from checks.notebook import Cell, Notebook, address
from course_utils.exercises import catalog

MAX_BYTES = 1_000_000
WORDS_A_MINUTE = 200
LINES_A_MINUTE = 12  # of code, empty ones left out
MAX_REQUIRED = 45  # minutes up to the exercises
MAX_OPTIONAL = 20  # minutes of all sections "Optional · …" together
OPTIONAL = "Optional · "
PREDICT = "**Predict.**"
MAX_CELLS_TO_THE_ANSWER = 4
MIN_WORDS_OF_A_FIGURE_LINE = 8
TABLE_HEAD = "| Time | You need | You will be able to | Profile sizes |"
SETUP_CELL = """\
PROFILE = "reduced"  # @param ["reduced", "full"]
run = setup(seed=0, profile=PROFILE)
plots.use_style()"""


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


def reading_time(notebook: Notebook) -> list[str]:
    """A required part of 45 minutes, an optional end of 20, a row Time that fits."""
    minutes, problems = minutes_of(notebook), []
    limits = {"required": MAX_REQUIRED, "optional": MAX_OPTIONAL}
    for part, most in limits.items():
        if minutes[part] > most:
            took = f"{minutes[part]:.1f} min to read"
            problems.append(f"its {part} part takes {took}, more than {most}")
    row = catalog.TIMES.search(notebook.cells[1].source)
    if not row:
        problems.append("no row '| 45 min, and 40 min of exercises | ...'")
    else:
        least = int(minutes["required"] // 5 * 5)
        if int(row[1]) < least:
            problems.append(f"its table says {row[1]} min to read, less than {least}")
    return problems


def minutes_of(notebook: Notebook) -> dict[str, float]:
    """Return how long its parts take to read, in minutes.

    The parts are required (up to the exercises), exercises, optional and end. The
    bootstrap and the imports are left out: nobody reads them twice.
    """
    parts = dict.fromkeys(("required", "exercises", "optional", "end"), 0.0)
    part = "required"
    for cell in notebook.cells:
        if cell.kind == "markdown":
            for title in section_names(cell.source):
                part = _part(title, part)
            words = re.findall(r"\S*\w\S*", cell.source)  # no bars of tables
            parts[part] += len(words) / WORDS_A_MINUTE
        elif cell.number not in (2, 3):
            lines = [line for line in cell.source.splitlines() if line.strip()]
            parts[part] += len(lines) / LINES_A_MINUTE
    return parts


def _part(title: str, before: str) -> str:
    """Return the part that a section belongs to."""
    if title.startswith(OPTIONAL):
        return "optional"
    return {"Exercises": "exercises", "Read on": "end"}.get(title, before)


def predictions(notebook: Notebook) -> list[str]:
    """After a text that asks for a prediction comes its answer, in a folded output.

    The text says ``**Predict.**``. The cell that shows the answer carries the tag
    ``predict``, and stands at most four cells later, before the next heading.
    """
    problems, answered = [], set()
    for cell in notebook.prose:
        if PREDICT in cell.source:
            if answer := _answer(notebook, cell):
                answered.add(answer.number)
            else:
                problems.append(f"{cell.place}: asks, but no cell tagged predict")
    return problems + [
        f"{cell.place}: tagged predict, but no text asks with {PREDICT}"
        for cell in notebook.cells
        if "predict" in cell.tags and cell.number not in answered
    ]


def _answer(notebook: Notebook, question: Cell) -> Cell | None:
    start = question.number + 1
    for cell in notebook.cells[start : start + MAX_CELLS_TO_THE_ANSWER]:
        if cell.kind == "markdown":
            if any(level <= 3 for level, _ in texts.headings(cell.source)):
                return None
        elif "predict" in cell.tags:
            return cell
    return None


def headings(notebook: Notebook) -> list[str]:
    """One title, and no level left out on the way down."""
    found = [h for cell in notebook.prose for h in texts.headings(cell.source)]
    return texts.headings_out_of_order(found)


def ending(notebook: Notebook) -> list[str]:
    """What you saw, Exercises, Optional · …, Read on, and a link to the next notebook.

    The optional sections stand there and nowhere else, and may be missing.
    """
    problems = []
    titles = [t for cell in notebook.prose for t in section_names(cell.source)]
    optional = [title for title in titles if title.startswith("Optional")]
    wanted = ["What you saw", "Exercises", *optional, "Read on"]
    if titles[-len(wanted) :] != wanted:
        problems.append(f"does not end with the sections {', '.join(wanted)}")
    for title in optional:
        if not re.match(rf"{OPTIONAL}\S", title):
            problems.append(f"the section {title!r} is not named '{OPTIONAL}Title'")
    later = sorted(
        path.name
        for path in notebook.path.parent.glob("[0-9][0-9]_*.ipynb")
        if path.name > notebook.path.name
    )
    last_words = notebook.prose[-1].source
    if later and f"({later[0]})" not in last_words:
        problems.append(f"the last text cell has no link to {later[0]}")
    return problems


def alt_text(notebook: Notebook) -> list[str]:
    """Every picture can be read aloud: alt text, or '*Figure: ...*' beside it."""
    problems = _in_prose(notebook, texts.pictures_without_words)
    unused = {cell.number: len(figure_lines(cell.source)) for cell in notebook.prose}
    for cell in notebook.prose:
        for line in figure_lines(cell.source):
            if empty := texts.empty_phrase(line, MIN_WORDS_OF_A_FIGURE_LINE):
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
    return _in_prose(notebook, partial(texts.broken_links, notebook.path)) + _in_prose(
        notebook, texts.pictures_from_elsewhere
    )


def bare_numbers(notebook: Notebook) -> list[str]:
    """A percentage, a time or a size names its data, profile and machine."""
    return _in_prose(notebook, texts.bare_numbers)


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


def section_names(source: str) -> list[str]:
    """Return the titles of the sections (##) that begin in a text cell."""
    found = re.findall(r"^## (.+)$", _without_fences(source), flags=re.M)
    return [title.strip() for title in found]


def section_titles(notebook: Notebook) -> list[str]:
    """Return the headings between the title and the exercises, with their level.

    An exercise that stands among them is left out, since its number is the lesson's.
    """
    found = [
        match
        for cell in notebook.prose
        for match in re.findall(r"^##+ .+$", _without_fences(cell.source), flags=re.M)
    ]
    found = found[: found.index("## Exercises")]
    return [title for title in found if not title.startswith("### Exercise ")]


def _without_fences(text: str) -> str:
    return re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.M | re.S)
