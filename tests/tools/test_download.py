"""`vit-course download`: a folder for COURSE_HUB, whole and checked."""

import shutil
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from command_line import POSIX, flat, start_in_foreground, vit_course
from hub_stand_in import NOBODY, REPO, isolate, serve_impatient

from course_utils import session
from course_utils.data import DataError, checkpoints, hub, load

TINY = session.ROOT / "data" / "tiny-vit"


@pytest.fixture
def hub_server(monkeypatch, tmp_path):
    """Serve the digits as MNIST and tiny-vit as the anatomy checkpoint."""
    isolate(monkeypatch, tmp_path / "hf")
    folder, mnist = tmp_path / "served", tmp_path / "served" / REPO / "mnist"
    mnist.mkdir(parents=True)
    for split in ("train", "test"):
        source = session.ROOT / "data" / "mnist" / f"{split}.parquet"
        shutil.copyfile(source, mnist / f"{split}-00000-of-00001.parquet")
    shutil.copytree(TINY, folder / hub.REPOSITORIES["anatomy"].id)
    with serve_impatient(monkeypatch, folder) as server:
        yield server


def fetch_both(folder):
    return vit_course(
        "download", "--to", str(folder), "--only", "mnist", "--only", "anatomy"
    )


def test_download_says_what_is_to_come_and_fills_the_folder(hub_server, tmp_path):
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 0, result.output
    before, _, after = result.output.partition("free)")
    for word in (REPO, "2.8 MB", "google/vit-base-patch16-224", "main"):
        assert word in before
    assert f"From {hub_server.url} to {tmp_path / 'to'}" in before
    assert f"set COURSE_HUB={tmp_path / 'to'}" in after
    copies = [path for path in (tmp_path / "to").rglob("*") if path.is_file()]
    copies = [path for path in copies if ".cache" not in path.parts]  # of the client
    wanted = ["test-00000-of-00001.parquet", "train-00000-of-00001.parquet"]
    wanted += hub.REPOSITORIES["anatomy"].patterns.values()
    assert {path.name for path in copies} - {"README.md"} == set(wanted)
    for path in copies:
        source = tmp_path / "served" / path.relative_to(tmp_path / "to")
        assert path.read_bytes() == source.read_bytes()


def test_downloaded_folder_serves_course_hub_without_network(
    monkeypatch, hub_server, tmp_path
):
    fetch_both(tmp_path / "to")
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "to"))
    hub_server.requests.clear()
    assert len(load("mnist")["test"]) == 2000
    folder = checkpoints.locate("anatomy")
    assert folder == str(tmp_path / "to" / hub.REPOSITORIES["anatomy"].id)
    with pytest.raises(DataError, match="HF_HUB_OFFLINE is set"):
        checkpoints.locate("finetune")
    assert not hub_server.requests


def test_second_download_fetches_nothing_and_mends_what_is_damaged(
    hub_server, tmp_path
):
    fetch_both(tmp_path / "to")
    hub_server.sent.clear()
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 0 and "Complete and checked" in result.output
    assert not hub_server.sent
    path = next((tmp_path / "to").rglob("test-*.parquet"))
    content = path.read_bytes()
    path.write_bytes(bytes(len(content)))
    assert fetch_both(tmp_path / "to").exit_code == 0
    assert path.read_bytes() == content
    assert list(hub_server.sent.values()) == [len(content)]


def test_files_that_the_course_does_not_use_are_left_alone(hub_server, tmp_path):
    name = f"{hub.REPOSITORIES['anatomy'].id}/notes.txt"
    (hub_server.folder / name).write_text("the Hub's")
    (tmp_path / "to" / name).parent.mkdir(parents=True)
    (tmp_path / "to" / name).write_text("mine")
    assert fetch_both(tmp_path / "to").exit_code == 0
    assert (tmp_path / "to" / name).read_text() == "mine"


def test_failed_download_is_told_in_two_lines_and_finished_by_the_next(
    hub_server, tmp_path
):
    hub_server.faults = {"model.safetensors": "truncated"}
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 1 and "COURSE_HUB=" not in result.output
    why, what_to_do = result.stderr.strip().splitlines()[-2:]
    assert "the connection broke off" in why
    assert "HTTPS_PROXY for a proxy" in what_to_do
    assert "COURSE_PROFILE" not in result.stderr
    hub_server.faults = {}
    hub_server.sent.clear()
    assert fetch_both(tmp_path / "to").exit_code == 0
    assert {Path(name).name for name in hub_server.sent} == {
        "model.safetensors",
        "preprocessor_config.json",  # comes after it
    }


def test_download_that_is_forbidden_says_what_forbids_it(
    hub_server, monkeypatch, tmp_path
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 1
    assert "Unset HF_HUB_OFFLINE and run the same command again." in result.stderr
    assert "connection" not in result.stderr


def test_download_without_room_is_refused_before_it_starts(
    monkeypatch, hub_server, tmp_path
):
    little = SimpleNamespace(free=600_000)  # mnist alone fits
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda folder: little)
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 1 and "are to be written" in result.stderr
    assert not hub_server.sent and not list((tmp_path / "to").rglob("*.parquet"))


def test_download_refuses_names_it_does_not_know(tmp_path):
    result = vit_course("download", "--to", str(tmp_path), "--only", "imagenet")
    assert result.exit_code == 2
    assert "'imagenet': choose from mnist, cifar10" in flat(result.output)


@POSIX
def test_interrupted_download_ends_at_once_and_is_finished_by_the_next(
    hub_server, tmp_path
):
    hub_server.faults = {"model.safetensors": "stall"}
    words = ["download", "--only", "anatomy", "--to", str(tmp_path / "to")]
    run = start_in_foreground(f"from course_tools import cli\ncli.app({words!r})")
    deadline = time.monotonic() + 30
    name = f"{hub.REPOSITORIES['anatomy'].id}/model.safetensors"
    while not hub_server.sent[name]:
        assert run.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    run.send_signal(signal.SIGINT)
    log, _ = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "the same command goes on from here" in log and "Traceback" not in log
    hub_server.faults = {}
    assert fetch_both(tmp_path / "to").exit_code == 0


def test_shards_of_two_versions_are_refused(hub_server, tmp_path):
    folder = tmp_path / "to" / REPO
    (folder / "mnist").mkdir(parents=True)
    (folder / "mnist" / "train-00001-of-00002.parquet").write_bytes(b"old")
    result = fetch_both(tmp_path / "to")
    assert result.exit_code == 1
    assert f"Delete {folder} and run the same command again" in result.stderr
    shutil.rmtree(folder)
    assert fetch_both(tmp_path / "to").exit_code == 0
