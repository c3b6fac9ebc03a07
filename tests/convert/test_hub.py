"""KerasHub's ViT from a checkpoint on the Hub: fetched once, or one clear error."""

import shutil
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from conversions import TINY
from hub_stand_in import NOBODY, isolate, serve_impatient

from course_utils import session
from course_utils.data import checkpoints, hub
from course_utils.finetune.keras import load_backbone, pretrained

GOOGLE = "google/vit-base-patch16-224"


@pytest.fixture
def server(monkeypatch, tmp_path, small):
    """Serve the small checkpoint under Google's id."""
    isolate(monkeypatch, tmp_path / "hf")
    folder = tmp_path / "served"
    shutil.copytree(small, folder / GOOGLE)
    shutil.copy(TINY / "preprocessor_config.json", folder / GOOGLE)
    with serve_impatient(monkeypatch, folder) as hub_server:
        yield hub_server


def assert_equal_weights(first, second):
    assert len(first.weights) == len(second.weights) > 0
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_keras_hub_reads_the_same_from_there_and_nothing_needs_pytorch(server):
    code = f"""
        import sys
        import keras_hub
        from course_utils.finetune.keras import load_backbone

        mine = load_backbone("hf://{GOOGLE}")
        theirs = keras_hub.models.ViTBackbone.from_preset("hf://{GOOGLE}")
        assert len(mine.weights) == len(theirs.weights) > 30
        for one, other in zip(mine.weights, theirs.weights):
            assert (one.numpy() == other.numpy()).all(), one.path
        print("torch" in sys.modules, "transformers" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=session.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False"
    client = [path for command, path in server.requests if command == "HEAD"]
    assert f"/{GOOGLE}/resolve/main/model.safetensors" in client


def test_hub_s_checkpoint_is_fetched_once_and_then_found_without_network(
    server, monkeypatch
):
    first = pretrained(f"hf://{GOOGLE}", ["cat", "dog"])
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    assert_equal_weights(first.backbone, load_backbone(f"hf://{GOOGLE}"))
    files = {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert {
        path.name for path in checkpoints.local(f"hf://{GOOGLE}").iterdir()
    } == files


def test_checkpoint_under_course_hub_is_preferred(server, monkeypatch):
    monkeypatch.setenv("COURSE_HUB", str(server.folder))
    assert checkpoints.local(f"hf://{GOOGLE}") == server.folder / GOOGLE
    assert not server.requests


REASONS = {
    404: "404 Not Found",
    500: "500 Internal Server Error",
    "truncated": "the connection broke off",
    "no network": "no connection",
    "offline": "HF_HUB_OFFLINE is set",
}


@pytest.mark.parametrize("fault", REASONS)
def test_hub_out_of_reach_gives_one_clear_error_in_time(server, monkeypatch, fault):
    server.fault = fault
    if fault == "no network":
        monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    if fault == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    start = time.monotonic()
    with pytest.raises(hub.DataError, match=REASONS[fault]) as caught:
        load_backbone(f"hf://{GOOGLE}")
    assert time.monotonic() - start < 20  # KerasHub's own retries take 27 s
    assert f"{GOOGLE} cannot be fetched from" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not list((server.folder.parent / "hf").rglob("model.safetensors"))


@pytest.mark.parametrize(
    "source", ["hf://google", "hf://../../etc", "hf://a/b/c", "kaggle://google/vit"]
)
def test_source_that_is_no_id_is_refused(server, source):
    with pytest.raises(ValueError, match="write it as 'hf://owner/name'"):
        load_backbone(source)
    assert not server.requests
