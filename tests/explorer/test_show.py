"""The page written, shown in a notebook, and by the command ``vit-course``."""

import base64
import html
import io
import json
import re

import numpy as np
import pytest
import torch
from command_line import flat, vit_course
from explorer_engine import models_of
from PIL import Image
from safetensors.torch import save_file
from vit_checkpoints import write_checkpoint

from course_tools import tidy_notebooks
from course_utils import explorer
from course_utils.session import ROOT
from course_utils.vit.torch import ViT

SIZES = dict(image_size=28, patch_size=14, in_channels=1, num_classes=10)
SIZES |= dict(dim=8, depth=2, heads=2, mlp_dim=12)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return ViT(**SIZES)


# --- write ------------------------------------------------------------------------


def test_page_of_one_model_is_written(model, tmp_path):
    path = explorer.write(model, tmp_path / "page.html")
    assert [m["name"] for m in models_of(path.read_text(encoding="utf-8"))] == [
        "the model"
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_page_of_several_models_is_written(model, tmp_path):
    path = explorer.write([model, ROOT / "data" / "digit-vit"], tmp_path / "page.html")
    names = [m["name"] for m in models_of(path.read_text(encoding="utf-8"))]
    assert names == ["the model", "digit-vit"]


def test_refused_model_leaves_the_old_page_and_nothing_else(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("the page of yesterday")
    with pytest.raises(ValueError, match="has no config.json"):
        explorer.write(tmp_path / "nowhere", page)
    assert page.read_text() == "the page of yesterday"
    assert list(tmp_path.iterdir()) == [page]


def test_failed_write_leaves_nothing_behind(model, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left")

    monkeypatch.setattr(explorer.os, "replace", full)
    with pytest.raises(ValueError, match=r"cannot be written \(No space left\); name"):
        explorer.write(model, tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


def test_place_that_does_not_exist_is_refused(model, tmp_path):
    with pytest.raises(ValueError, match="cannot be written .* name another place"):
        explorer.write(model, tmp_path / "nowhere" / "page.html")


# --- show -------------------------------------------------------------------------


@pytest.fixture
def bundle(model):
    picture = np.zeros((90, 60, 3), np.uint8)
    picture[:, 20:40] = 255
    return explorer.show(model, picture)._repr_mimebundle_()


def test_page_in_a_frame_begins_with_the_given_picture(bundle):
    (page,) = re.findall(r'srcdoc="([^"]*)"', bundle["text/html"])
    first, *others = models_of(html.unescape(page))[0]["pictures"]
    assert first["title"] == "your picture" and first["label"] is None
    assert (first["width"], first["height"], first["channels"]) == (28, 28, 1)
    assert others[0]["title"] == str(others[0]["label"])


def test_frame_may_run_scripts_and_nothing_else(bundle):
    assert re.findall(r"sandbox=\"([^\"]*)\"", bundle["text/html"]) == ["allow-scripts"]


def test_table_beside_the_frame_has_the_answers_of_the_model(bundle, model):
    rows = re.findall(r"<tr><td>(\w+)</td><td>([\d.]+)</td></tr>", bundle["text/html"])
    assert len(rows) == 5
    assert bundle["text/plain"].split() == [word for row in rows for word in row]
    gray = np.zeros((90, 60), np.uint8)
    gray[:, 20:40] = 255
    small = Image.fromarray(gray).resize((28, 28), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(small)) / 127.5 - 1
    with torch.inference_mode():
        likely = model.eval()(pixels[None, None])[0].softmax(0)
    for name, value in rows:
        assert abs(float(value) - likely[int(name)]) < 0.01
    values = [float(value) for _, value in rows]
    assert values == sorted(values, reverse=True)
    assert values[0] > likely.max() - 0.01


def test_without_a_picture_a_bundled_one_is_shown(model):
    shown = explorer.show(model)
    assert shown.pixels.shape == (28, 28, 1)


def test_stored_cell_keeps_the_still_picture_only(bundle):
    output = {"output_type": "execute_result", "metadata": {}, "data": bundle}
    cell = {"cell_type": "code", "source": "show(model)", "metadata": {}, "id": "a"}
    cell |= {"execution_count": 1, "outputs": [output | {"execution_count": 1}]}
    tidied = tidy_notebooks.tidy({"cells": [cell], "metadata": {}})
    (stored,) = tidied["cells"][0]["outputs"]
    assert sorted(stored["data"]) == ["image/png", "text/plain"]
    assert len(json.dumps(stored)) < 60_000
    picture = Image.open(io.BytesIO(base64.b64decode(stored["data"]["image/png"])))
    assert 400 < picture.width < 800


# --- the command ------------------------------------------------------------------


def test_command_writes_the_page_of_a_fine_tuned_model(tmp_path):
    write_checkpoint(tmp_path / "mine")
    page = tmp_path / "page.html"
    result = vit_course(
        "explorer", "--model", str(tmp_path / "mine"), "--to", str(page)
    )
    assert result.exit_code == 0 and "page.html: 0." in flat(result.output)
    assert models_of(page.read_text(encoding="utf-8"))[0]["name"] == "mine"


def test_command_writes_the_page_of_a_model_of_notebook_04(model, tmp_path):
    file, page = tmp_path / "digits.safetensors", tmp_path / "page.html"
    save_file(dict(model.state_dict()), file, metadata={"sizes": json.dumps(SIZES)})
    asked = ("explorer", "--model", str(file), "--to", str(page))
    result = vit_course(*asked)
    assert result.exit_code == 1 and not page.exists()
    assert "does not say how its pictures were scaled" in flat(result.output)
    assert vit_course(*asked, "--mean", "0.1307", "--std", "0.3081").exit_code == 0
    assert models_of(page.read_text(encoding="utf-8"))[0]["std"] == [0.3081]


def test_command_without_a_model_takes_the_bundled_ones(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        explorer, "write", lambda *a, **b: asked.append(a) or ROOT / "README.md"
    )
    assert vit_course("explorer", "--to", "page.html").exit_code == 0
    assert [path.name for path in asked[0][0]] == ["digit-vit", "tiny-vit"]
