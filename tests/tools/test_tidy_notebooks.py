"""The form in which notebooks are stored, and how they are brought into it."""

import copy
import json

import nbformat
import pytest

from course_tools import tidy_notebooks


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def code(source="1", outputs=(), count=None, metadata=None, **more):
    return {
        "cell_type": "code",
        "source": source,
        "outputs": list(outputs),
        "execution_count": count,
        "metadata": metadata or {},
        **more,
    }


def tidied(*cells, metadata=None):
    notebook = {"cells": list(cells), "metadata": metadata or {}}
    return tidy_notebooks.tidy(notebook)


def untidy():
    """Return cells with everything an editor, Colab or a long run leaves behind."""
    picture = {
        "output_type": "display_data",
        "metadata": {"image/png": {"width": 300, "height": 100}, "needs": "light"},
        "data": {"image/png": ["iVBORw0\n"], "text/plain": "<Figure size 3x1>"},
    }
    return [
        {"cell_type": "markdown", "source": ["# A\n", "b"], "metadata": {}, "id": "a"},
        code("", count=7, id="empty"),
        code("fit()", [stream("1/2\r"), stream("2/2\ndone\n"), picture], 9, id="fit"),
        code("fit()", [stream("x"), stream("y", "stderr"), stream("z")], 12, id="fit"),
        code(
            "1",
            [{"output_type": "execute_result", "execution_count": 9, "metadata": {}}],
            14,
            {"tags": ["a", "a"], "execution": {"iopub.busy": "2026"}, "scrolled": True},
        ),
    ]


def test_tidying_twice_changes_nothing():
    once = tidied(*untidy())
    assert tidy_notebooks.tidy(once) == once


def test_tidied_notebook_is_valid_and_what_jupyter_would_write(tmp_path):
    text = tidy_notebooks.to_json(tidied(*untidy()))
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert nbformat.writes(notebook).rstrip("\n") + "\n" == text


def test_argument_is_left_alone():
    cells = untidy()
    before = copy.deepcopy(cells)
    tidied(*cells)
    assert cells == before


def test_metadata_of_widgets_editors_and_runs_is_dropped():
    metadata = {
        "widgets": {"state": {}},
        "colab": {"provenance": []},
        "kernelspec": {"name": "my-env", "display_name": "Mine"},
        "language_info": {"name": "python", "version": "3.11.7"},
    }
    result = tidied(*untidy(), metadata=metadata)
    assert result["metadata"] == {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    assert result["cells"][-1]["metadata"] == {"tags": ["a"]}


def test_folding_is_kept():
    kept = {"cellView": "form", "jupyter": {"source_hidden": True}}
    cell = code(metadata=copy.deepcopy(kept) | {"collapsed": True})
    cell["metadata"]["jupyter"]["outputs_hidden"] = True
    assert tidied(cell)["cells"][0]["metadata"] == kept


def test_only_the_output_after_a_prediction_is_folded():
    folded = {"jupyter": {"outputs_hidden": True}, "collapsed": True}
    for metadata in ({"tags": ["predict"]}, {"tags": ["predict"], **folded}):
        (cell,) = tidied(code(metadata=metadata))["cells"]
        assert cell["metadata"] == {"tags": ["predict"], **folded}
    (cell,) = tidied(code(metadata={"tags": ["readme"], **folded}))["cells"]
    assert cell["metadata"] == {"tags": ["readme"]}


def test_widget_views_are_dropped_from_outputs():
    view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "bar"}
    only = {"application/vnd.jupyter.widget-view+json": {}}
    outputs = [
        {"output_type": "display_data", "data": data, "metadata": {}}
        for data in (view, only)
    ]
    (output,) = tidied(code(outputs=outputs, count=1))["cells"][0]["outputs"]
    assert output["data"] == {"text/plain": ["bar"]}


def test_execution_counts_run_from_one_over_the_cells_that_ran():
    cells = tidied(*untidy(), code("not run"))["cells"]
    counts = [c["execution_count"] for c in cells if c["cell_type"] == "code"]
    assert counts == [None, 1, 2, 3, None]


def test_result_has_the_count_of_its_cell():
    data = {"text/plain": ["1"]}
    result = {"output_type": "execute_result", "execution_count": 9, "data": data}
    cell = tidied(code(outputs=[result], count=9))["cells"][0]
    assert cell["outputs"][0]["execution_count"] == cell["execution_count"] == 1


def test_neighboring_streams_are_joined_and_others_are_not():
    outputs = tidied(*untidy())["cells"][3]["outputs"]
    assert [o["name"] for o in outputs] == ["stdout", "stderr", "stdout"]
    joined = tidied(code(outputs=[stream("a"), stream("b\n")], count=1))
    assert joined["cells"][0]["outputs"][0]["text"] == ["ab\n"]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("10%\r100%\n", "100%\n"),
        ("10%\r 50%\r100%\ndone\n", "100%\ndone\n"),
        ("longer\rshort\n", "shortr\n"),
        ("bar\r   \rnext\n", "next\n"),
        ("windows\r\n", "windows\n"),
        ("plain \n", "plain \n"),
    ],
)
def test_carriage_return_leaves_what_a_terminal_shows(written, seen):
    assert tidy_notebooks.as_seen(written) == seen


def test_size_of_a_picture_is_kept():
    output = tidied(*untidy())["cells"][2]["outputs"][1]
    assert output["metadata"] == {"image/png": {"width": 300, "height": 100}}
    assert output["data"]["image/png"] == "iVBORw0"


def test_ids_are_kept_and_made_where_they_are_missing_or_repeated():
    first, second = (tidied(*untidy())["cells"] for _ in range(2))
    ids = [cell["id"] for cell in first]
    assert ids == [cell["id"] for cell in second]
    assert ids[:3] == ["a", "empty", "fit"]
    assert len(set(ids)) == len(ids)


def test_check_says_what_is_wrong_and_writes_nothing(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": untidy(), "metadata": {}}))
    before = path.read_bytes()
    assert tidy_notebooks.main(["--check", str(path)]) == 1
    assert "not in stored form" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert tidy_notebooks.main([str(path)]) == 1
    assert tidy_notebooks.main(["--check", str(path)]) == 0
