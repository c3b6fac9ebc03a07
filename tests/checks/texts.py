"""What a text of the course promises, in a Markdown file or a notebook's cell.

Each check takes the Markdown of one text and returns a list of problems, empty if all
is well. tests/notebooks/test_texts.py runs them over the files and shows each of them
fail; form.py runs them over the text cells of the notebooks.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from course_tools.cli import app
from course_utils.session import ROOT

MIN_WORDS_OF_ALT_TEXT = 3  # "Open in Colab"


def parse(markdown: str) -> list[Token]:
    """Read Markdown with tables; the YAML on top of a model card is left out."""
    text = re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.S)
    return MarkdownIt("commonmark").enable("table").parse(text)


# --- links --------------------------------------------------------------------------


def links(markdown: str) -> list[str]:
    """Return the targets of all links and pictures, in order."""
    found = []
    for token in _walk(parse(markdown)):
        if token.type in ("link_open", "image"):
            found.append(token.attrs.get("href") or token.attrs.get("src"))
        elif token.type in ("html_block", "html_inline"):
            found += re.findall(r'\b(?:href|src)="([^"]*)"', token.content)
    return found


def _walk(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _walk(token.children or [])


def broken_links(path: Path, markdown: str) -> list[str]:
    """Links from the text at ``path`` lead to files and headings that exist."""
    problems = []
    for link in links(markdown):
        if re.match("[a-z]+:", link):
            continue
        name, _, heading = unquote(link).partition("#")
        target = path.parent / name if name else path
        if not target.exists():
            problems.append(f"{link} does not exist")
        elif heading and heading not in _anchors(target.resolve()):
            problems.append(f"{link}: {target.name} has no such heading")
    return problems


@cache
def _anchors(path: Path) -> set[str]:
    """Return what may follow ``#``: GitHub's rule for files, Jupyter's for notebooks.

    GitHub makes ``what-you-saw`` of *What you saw*, and of a second heading with these
    words ``what-you-saw-1``; a notebook shows ``What-you-saw`` in Jupyter and on
    GitHub.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        sources = ["".join(c["source"]) for c in cells if c["cell_type"] == "markdown"]
        return {
            title.replace(" ", "-")
            for source in sources
            for _, title in headings(source)
        }
    found: dict[str, int] = {}
    for _, title in headings(text):
        slug = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        found[slug] = found.get(slug, 0) + 1
    repeats = {f"{s}-{i}" for s, count in found.items() for i in range(1, count)}
    return set(found) | repeats


# --- commands and files -----------------------------------------------------------


_FOLDERS = (
    "benchmarks|course_tools|course_utils|data|docs|drawing|examples|notebooks|tests"
)


def code_of(markdown: str) -> list[str]:
    """Return what stands in code marks, and the blocks of code."""
    kinds = ("code_inline", "fence", "code_block")
    return [t.content for t in _walk(parse(markdown)) if t.type in kinds]


def unknown_names(code: str) -> list[str]:
    """A command or file of ours that a text names exists: a target, an option, a path.

    ``code`` is what a text shows in code marks, such as ``make test``,
    ``vit-course run --jobs 1`` or ``course_utils/session.py``. Names with a place to
    fill in (``<module>``, ``nbNN.py``, ``nb01_….py``, ``*``) are left out.
    """
    problems = [
        f"the Makefile has no target {target}"
        for target in re.findall(r"\bmake ([a-z]+)\b", code)
        if target not in _targets()
    ]
    for line in re.sub(r"\\\n\s*", "", code).splitlines():
        for name, rest in re.findall(r"\bvit-course ([a-z]+)([^|;&]*)", line):
            if name not in _commands():
                problems.append(f"vit-course has no command {name}")
            else:
                options = set(re.findall(r"(?<!\S)--[\w-]+", rest))
                unknown = options - _commands()[name] - {"--help"}
                problems += [f"vit-course {name} has no {o}" for o in sorted(unknown)]
    for name in re.findall(rf"(?<![\w./-])(?:{_FOLDERS})/[^\s`'\"(){{}}:,;|]*", code):
        if not re.search(r"[<>…*$]|\.\.\.|NN", name) and not (ROOT / name).exists():
            problems.append(f"there is no {name}")
    for module in re.findall(rf"-m ((?:{_FOLDERS})[\w.]*)", code):
        path = ROOT.joinpath(*module.split("."))
        if not path.with_suffix(".py").exists() and not path.is_dir():
            problems.append(f"there is no module {module}")
    return problems


@cache
def _targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z]+):", makefile, flags=re.M))


@cache
def _commands() -> dict[str, set[str]]:
    """Return the commands of vit-course, each with its options."""
    commands = typer.main.get_command(app).commands
    return {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in commands.items()
    }


# --- headings -------------------------------------------------------------------------


def headings(markdown: str) -> list[tuple[int, str]]:
    """Return level and words of each heading, in order."""
    nodes = SyntaxTreeNode(parse(markdown)).walk()
    return [
        (int(node.tag[1]), _words(node.children[0]).strip())
        for node in nodes
        if node.type == "heading"
    ]


def _words(node: SyntaxTreeNode) -> str:
    """Return the text of a piece of Markdown without its marks."""
    if node.type in ("softbreak", "hardbreak"):
        return " "
    return "".join(map(_words, node.children)) or node.content


def headings_out_of_order(levels: list[tuple[int, str]]) -> list[str]:
    """One title, at the top, and no level left out on the way down."""
    problems, above = [], 0
    for level, title in levels:
        if level > above + 1:
            problems.append(f"'{title}' jumps to level {level}")
        if level == 1 and above:
            problems.append(f"'{title}' is a second title")
        above = level
    return problems


# --- pictures -------------------------------------------------------------------------


def pictures_without_words(markdown: str) -> list[str]:
    """Every picture can be read aloud: its alt text says what it shows."""
    problems = []
    for token in _walk(parse(markdown)):
        if token.type == "image":
            alts = [token.content]
        elif token.type in ("html_block", "html_inline"):
            tags = re.findall(r"<img\b[^>]*>", token.content)
            alts = ["".join(re.findall(r'\balt="([^"]*)"', tag)) for tag in tags]
        else:
            continue
        for alt in alts:
            if empty := empty_phrase(alt, MIN_WORDS_OF_ALT_TEXT):
                problems.append(f"alt text {alt!r} {empty}")
    return problems


def pictures_from_elsewhere(markdown: str) -> list[str]:
    """No picture from another site: it is gone one day, or off the network."""
    tokens = [*_walk(parse(markdown))]
    shown = [token.attrs["src"] for token in tokens if token.type == "image"]
    html = "".join(t.content for t in tokens if t.type.startswith("html"))
    shown += re.findall(r'<img\b[^>]*\bsrc="([^"]*)"', html)
    return [
        f"the picture {url} from another site"
        for url in shown
        if re.match("[a-z]+:|//", url)
    ]


def empty_phrase(description: str, min_words: int) -> str:
    """Say what is wrong with the words for a picture; "" if nothing is."""
    if re.search(r"\w\.(?:png|jpe?g|svg|gif)\b", description):
        return "is a file name"
    kinds = "image|picture|figure|plot|graph|chart|diagram|photo|screenshot"
    opening = rf"(?:(?:an?|the|this) )?(?:{kinds})s? (?:of|for|(?:that )?show)"
    if re.match(opening, description, flags=re.I):
        return "begins with what every picture is, not with what is on it"
    if len(description.split()) < min_words:
        return f"has fewer than {min_words} words"
    return ""


# --- numbers --------------------------------------------------------------------------

_NUMBER = r"(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten)"
_PERCENT = re.compile(
    rf"\b{_NUMBER}\s?(?:%|percent\b|percentage points?\b)|\d points?\b", re.I
)
_TIME = re.compile(
    rf"\b{_NUMBER}\s(?:[nµm]?s|min|h|(?:milli)?seconds?|minutes?|hours?)\b"
    r"|\b(?:an?|half an?) (?:minute|hour)\b",
    re.I,
)
_SIZE = re.compile(rf"\b{_NUMBER}\s(?:k|M|G|T)i?B\b", re.I)
_MEMORY = re.compile(rf"{_SIZE.pattern} of memory|\bmemory\b.*?{_SIZE.pattern}", re.I)
_PAPER = re.compile(r"https://(?:arxiv|doi)\.org/")
_RUN = re.compile(
    r"(?:\b(?:in|profile) [*`]?|[*`])(?:reduced|full)\b|\b(?:reduced|full):"
    r"|`(?:python|make|vit-course)\b",
    re.I,
)
_DATA = re.compile(
    r"\bdigits|mnist|cifar|drawn|cats vs dogs|pets|imagenet|tiny-vit|vit-b/16|vit-base"
    r"|bundled data|packages",
    re.I,
)
_MACHINE = re.compile(r"\b[CG]PUs?\b|\bcores?\b|\bprocessor\b|\bT4\b|\bH200\b")
_PLAN = re.compile(r"Time|You read")


def bare_numbers(markdown: str) -> list[str]:
    """Every measured number says where it is from.

    A percentage, a time and a size in running text are results. The paragraph or list
    item with one, or the row of a table with the table's head and the paragraphs right
    above and below it, names

    - the data (digits, MNIST, drawn-pets, ...),
    - the run: the profile, or the command that prints the number,
    - for a time or memory, the machine as well (cores, processor, GPU),

    or it quotes a paper and links it. What the output of a cell prints is not repeated
    in the text. A number that nobody measured is written in another way: a setting as
    code (`decay=0.6`), a probability or a share as a number from 0 to 1 or in words
    (*nine in ten*), a prediction as a formula (`$10^9$` bytes). A column headed *Time*
    or *You read* is a plan for the reader.
    """
    problems = []
    for words, context in _passages(markdown):
        if _PAPER.search(context):
            continue
        marked = _RUN.search(context) and _DATA.search(context)
        found = _PERCENT.search(words) or _SIZE.search(words)
        if found and not marked:
            problems.append(f"{found[0]!r} without its data and profile or command")
        found = _TIME.search(words) or _MEMORY.search(words)
        if found and not (marked and _MACHINE.search(context)):
            problems.append(f"{found[0]!r} without its data, profile and machine")
    return problems


def _passages(markdown: str) -> Iterator[tuple[str, str]]:
    """Yield each paragraph and table cell without code, and what may explain it."""
    text = re.sub(r"\$\$.*?\$\$|\$[^$\n]+\$", "", markdown, flags=re.S)
    blocks = SyntaxTreeNode(parse(text)).children
    for i, block in enumerate(blocks):
        near = [b for b in blocks[max(i - 1, 0) : i + 2] if b.type == "paragraph"]
        if block.type == "table":
            yield from _cells(block, " ".join(map(_source, near)))
        elif block.type in ("paragraph", "heading"):
            tables = [b for b in blocks[max(i - 1, 0) : i + 2] if b.type == "table"]
            yield _prose(block), " ".join(map(_source, [block, *tables]))
        else:  # the items of a list, a quotation
            for node in block.walk():
                if node.type == "paragraph":
                    yield _prose(node), _source(node)


def _cells(table: SyntaxTreeNode, around: str) -> Iterator[tuple[str, str]]:
    head, *rows = (node for node in table.walk() if node.type == "tr")
    titles = [_source(cell) for cell in head.children]
    for row in rows:
        context = " ".join([around, _source(head), _source(row)])
        for title, cell in zip(titles, row.children, strict=True):
            if not _PLAN.match(title):
                yield _prose(cell), context


def _source(node: SyntaxTreeNode) -> str:
    """Return a block with its code, links and marks."""
    inline = [n.content for n in node.walk() if n.type == "inline"]
    return " ".join(inline)


def _prose(node: SyntaxTreeNode) -> str:
    """Return the words of a block without code."""
    return " ".join(
        "".join(" " if "break" in n.type else n.content for n in inline.walk()
                if n.type in ("text", "softbreak", "hardbreak"))
        for inline in node.walk()
        if inline.type == "inline"
    )  # fmt: skip
