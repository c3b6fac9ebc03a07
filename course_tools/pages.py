"""Write what became of a notebook: an executed copy, and an HTML page of it."""

import logging
import os
import re
import threading
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter
from nbconvert.preprocessors import CoalesceStreamsPreprocessor

# The page of nbconvert, except that a figure with a line "*Figure: ...*" beside it has
# that line as its alt text, instead of "No description has been provided", and that the
# output of a cell tagged `predict` opens folded.
_PAGE = """{% extends 'lab/index.html.j2' %}
{% block data_png scoped %}
{%- if cell.metadata.alt -%}
{{ super().replace('<img ', '<img alt="' ~ cell.metadata.alt | e ~ '" ', 1) }}
{%- else %}{{ super() }}{% endif %}
{%- endblock %}
{% block output_group %}
{%- if "predict" in cell.metadata.get("tags", []) %}
<details><summary style="margin: 0.4em 6em; font-family: sans-serif; cursor: pointer">
Your prediction first; then click here for the answer.</summary>
{{ super() }}
</details>
{%- else %}{{ super() }}{% endif %}
{%- endblock %}"""


def write(
    notebook: nbformat.NotebookNode, folder: Path, name: str, source: Path
) -> None:
    """Write ``NAME.ipynb`` and ``NAME.html``, each of them whole or not at all.

    Parameters
    ----------
    notebook : NotebookNode
        The executed notebook; it is changed.
    folder : Path
        Where the two files go.
    name : str
        Their name without ending.
    source : Path
        The notebook that was executed. Pictures beside it go into the page, and links
        that lead out of its folder are made to hold from ``folder``.
    """
    # Many small pieces of output become one, with the last state of a progress bar.
    CoalesceStreamsPreprocessor().preprocess(notebook, {})
    for cell in notebook.cells:
        if cell.cell_type != "code":
            cell.source = _moved_links(cell.source, source.parent, folder)
    copy = nbformat.writes(notebook) + "\n"
    _describe_figures(notebook.cells)
    logging.getLogger("traitlets").setLevel(logging.ERROR)
    page, _ = HTMLExporter(embed_images=True, raw_template=_PAGE).from_notebook_node(
        notebook, {"metadata": {"name": name, "path": str(source.parent)}}
    )
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in ((f"{name}.ipynb", copy), (f"{name}.html", page)):
        part = folder / f".{file}.{threading.get_native_id()}"
        part.write_text(text, encoding="utf-8", newline="\n")
        os.replace(part, folder / file)


def _moved_links(markdown, old, new):
    """Make links that lead out of the folder ``old`` (../) hold from ``new``."""

    def moved(link):
        try:
            return "](" + Path(os.path.relpath(old / link[1], new)).as_posix()
        except ValueError:  # Windows knows no way from one drive to another
            return link[0]

    return re.sub(r"\]\((\.\./[^)\s]*)", moved, markdown)


def _describe_figures(cells):
    """Give each cell that shows a figure its description from the text beside it."""
    lines = [
        re.findall(r"^\*Figure: (.+?)\*$", cell.source, flags=re.M | re.S)
        if cell.cell_type == "markdown"
        else []
        for cell in cells
    ]
    for i, cell in enumerate(cells):
        if any("image/png" in o.get("data", {}) for o in cell.get("outputs", ())):
            before, after = lines[max(i - 1, 0)], lines[min(i + 1, len(lines) - 1)]
            if beside := before or after:
                cell.metadata["alt"] = " ".join(beside.pop(0).split())
