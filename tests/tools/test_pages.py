"""The executed copies of a notebook: what goes into them, and into their pages."""

import base64
import re

import nbformat
from command_line import write_notebook

from course_tools import pages


def write(path, folder):
    """Write the copies of a notebook as it is; return (copy, page)."""
    pages.write(nbformat.read(path, as_version=4), folder, path.stem, path)
    copy = nbformat.read(folder / path.name, as_version=4)
    return copy, (folder / f"{path.stem}.html").read_text(encoding="utf-8")


def test_pieces_of_a_stream_are_joined_but_not_across_others(tmp_path):
    def piece(text, name="stdout"):
        return nbformat.v4.new_output("stream", text=text, name=name)

    figure = nbformat.v4.new_output("display_data", {"text/plain": "a figure"})
    pieces = [piece("a\rb"), piece("c\r"), piece("d\n"), figure, piece("e\r\nf")]
    pieces += [piece("g", "stderr")]
    cell = nbformat.v4.new_code_cell("1", outputs=pieces)
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    copy, _ = write(path, tmp_path / "copies")
    said = [output.get("text") for output in copy.cells[0].outputs]
    assert said == ["d\n", None, "e\r\nf", "g"]


def test_links_out_of_the_folder_hold_from_the_copies_too(tmp_path):
    text = "# Links\n\n[![a](../docs/a.svg)](https://b.org/../c) [d](e.ipynb)"
    path = write_notebook(tmp_path / "notebooks", "links", text)
    copy, page = write(path, tmp_path / "build" / "full")
    assert copy.cells[0].source == text.replace("(../docs", "(../../docs")
    assert 'src="../../docs/a.svg"' in page


def test_pictures_beside_a_notebook_go_into_its_page(tmp_path):
    icon = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    (tmp_path / "icon.svg").write_bytes(icon)
    text = "# Pictures\n\n![here](icon.svg) ![nowhere](gone.svg)"
    path = write_notebook(tmp_path, "pictures", text)
    _, page = write(path, tmp_path / "build")
    embedded = f"data:image/svg+xml;base64,{base64.b64encode(icon).decode()}"
    assert embedded in page and 'src="gone.svg"' in page


def test_figures_of_the_page_have_their_line_as_alt_text(tmp_path):
    cells = [nbformat.v4.new_markdown_cell(f"*Figure: {s}.*") for s in ("one", '"<2>"')]
    for output in 3 * [nbformat.v4.new_output("display_data", {"image/png": "iVB"})]:
        cells.append(nbformat.v4.new_code_cell("1", outputs=[output]))
    first, second, *shown = cells
    cells = [first, *shown[:2], second, shown[2]]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, tmp_path / "a.ipynb")
    copy, page = write(tmp_path / "a.ipynb", tmp_path / "build")
    alts = re.findall(r"<img alt=(?:\"(.*?)\"|'(.*?)')", page)
    nothing = "No description has been provided for this image"
    assert [*map("".join, alts)] == ["one.", '"&lt;2&gt;".', nothing]
    assert not any("alt" in cell.metadata for cell in copy.cells)


def test_output_after_a_prediction_opens_folded(tmp_path):
    said = nbformat.v4.new_output("stream", text="the answer")
    cells = [
        nbformat.v4.new_code_cell("1", outputs=[said], metadata={"tags": tags})
        for tags in ([], ["predict"])
    ]
    path = tmp_path / "a.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    _, page = write(path, tmp_path / "build")
    first, second = page.split("<details>")
    assert "the answer" in first
    assert "the answer" in second.split("</details>")[0]
