"""What comes from the Hub: data and checkpoints, whole or not at all."""

import errno
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
from types import SimpleNamespace

import pytest
from data_files import FEW, GOOGLE, TEST, TINY, TRAIN, cut, few_digits, lay_out_digits
from hub_stand_in import NOBODY, REPO
from huggingface_hub import constants
from huggingface_hub.utils import get_session

from course_utils import session
from course_utils.data import checkpoints, hub, load

WEIGHTS = "model.safetensors"
WHOLE_CHECKPOINT = ["README.md", "config.json", WEIGHTS, "preprocessor_config.json"]


def digits():
    return len(load("mnist")["train"])


def anatomy():
    return sorted(os.listdir(checkpoints.locate("anatomy")))


# what to fetch: (a function, what it returns when all is well, the repository)
FETCH = {
    "data": (digits, FEW["train"], REPO),
    "checkpoint": (anatomy, WHOLE_CHECKPOINT, GOOGLE),
}
REASONS = {
    404: "404 Not Found",
    401: "401 Unauthorized; check your access token",
    500: "500 Internal Server Error",
    "slow": "no answer",
    "truncated": "the connection broke off",
    "corrupt": "arrived damaged",
    "refused": "no connection",
}


@pytest.mark.parametrize("fault", REASONS)
@pytest.mark.parametrize("what", FETCH)
def test_misbehaving_hub_gives_one_clear_error_and_nothing_half_written(
    monkeypatch, server, error_of, what, fault
):
    fetch, result, repo = FETCH[what]
    server.fault = fault
    if fault == "refused":
        monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    message = error_of(fetch)
    assert REASONS[fault] in message and "DataError" not in message
    assert f"{repo} cannot be fetched from {os.environ['HF_ENDPOINT']}" in message
    assert "COURSE_HUB" in message and "COURSE_PROFILE=reduced" in message
    server.fault = None
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    assert fetch() == result


@pytest.mark.parametrize("fault", [404, 401])
def test_fault_behind_a_good_listing_is_told_too(server, error_of, fault):
    server.faults = {"train-00000-of-00001.parquet": fault}
    assert REASONS[fault] in error_of(digits)


def test_silent_hub_is_given_up_in_time(server, error_of):
    server.fault, start = "slow", time.monotonic()
    error_of(digits)
    assert time.monotonic() - start < 20  # the Hub's client would wait for minutes


def test_hub_that_lists_files_and_is_silent_on_one_is_given_up(server):
    server.faults, starting = {TRAIN: "slow"}, time.monotonic()
    process = start()  # whose end must not wait for the client's threads either
    assert process.wait(timeout=60) == 1 and not process.stdout.read()
    assert time.monotonic() - starting < 40


def test_host_name_that_is_looked_up_for_ever_is_given_up(
    monkeypatch, server, error_of
):
    forever = threading.Event()
    client = get_session()
    monkeypatch.setattr(client, "get", lambda *_, **__: forever.wait(60))
    assert "no answer (within 5 s)" in error_of(digits)
    forever.set()


@pytest.mark.parametrize("method", ["_info", "_tree"])
def test_answer_that_is_no_listing_is_told(monkeypatch, server, error_of, method):
    def login_page(self, folder, below=None):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"<html>")

    monkeypatch.setattr(server.RequestHandlerClass, method, login_page)
    message = error_of(digits)
    assert "no list of files; is that address right?" in message
    assert f"cannot be fetched from {server.url}" in message


@pytest.mark.parametrize(
    ("what", "file"), [("data", TEST), ("checkpoint", "config.json")]
)
def test_whole_files_are_not_fetched_again(server, error_of, what, file):
    fetch, result, repo = FETCH[what]
    last = {"data": TRAIN, "checkpoint": "preprocessor_config.json"}[what]
    server.faults = {last: "truncated"}
    error_of(fetch)
    assert server.sent.pop(f"{repo}/{file}")
    server.faults = {}
    assert fetch() == result
    assert f"{repo}/{file}" not in server.sent


def test_download_is_announced_and_done_once(capsys, server, tmp_path):
    digits()
    size = sum(len(few_digits(split)) for split in ("train", "test"))
    said = f"Downloading {REPO} ({size / 1e6:.1f} MB) from {server.url} to "
    assert capsys.readouterr().out == f"{said}{tmp_path / 'hf' / 'hub'}\n"
    asked = len(server.requests)
    digits()
    assert len(server.requests) == asked
    assert not capsys.readouterr().out


LOAD = "from course_utils.data import load; print(len(load('mnist')['train']))"


def start():
    return subprocess.Popen(
        [sys.executable, "-c", LOAD], cwd=session.ROOT, stdout=subprocess.PIPE
    )


def test_killed_download_is_finished_by_the_next(server, tmp_path):
    server.faults = {TRAIN: "stall"}
    process, deadline = start(), time.monotonic() + 30
    while not server.sent[f"{REPO}/{TRAIN}"]:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    server.faults, server.sent = {}, type(server.sent)()
    assert digits() == FEW["train"]
    assert f"{REPO}/{TEST}" not in server.sent  # whole, so kept


def test_second_process_waits_for_the_first(server, tmp_path):
    first, second = start(), start()
    for process in (first, second):
        last = process.communicate(timeout=60)[0].splitlines()[-1]
        assert int(last) == FEW["train"]
    files = [path for path in (tmp_path / "hf").rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.endswith(".incomplete")]
    assert server.sent[f"{REPO}/{TRAIN}"] == len(few_digits("train"))


# A damaged download


def test_file_that_arrives_damaged_once_is_downloaded_again(
    monkeypatch, server, capsys
):
    real, seen = server.RequestHandlerClass._send, []

    def spoil_the_first(self, body, name):
        if name.name == WEIGHTS and not seen:
            seen.append(name)
            body = bytes(len(body))
        real(self, body, name)

    monkeypatch.setattr(server.RequestHandlerClass, "_send", spoil_the_first)
    assert anatomy() == WHOLE_CHECKPOINT and seen
    assert f"{WEIGHTS} is deleted" in capsys.readouterr().out


def test_damaged_download_says_which_file_to_delete(server, error_of, tmp_path):
    digits()
    path = next((tmp_path / "hf").rglob("train*.parquet"))
    cut(path)
    message = error_of(digits)
    assert str(path) in message and "Delete that file" in message
    path.unlink()
    assert digits() == FEW["train"]


# The disk


@pytest.mark.parametrize("what", FETCH)
def test_disk_that_fills_up_is_named(monkeypatch, server, error_of, what):
    fetch, result, repo = FETCH[what]

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("huggingface_hub.file_download.http_get", fail)
        message = error_of(fetch)
    assert "cannot be written (No space left on device)" in message
    assert "free some space" in message and "HF_HOME" in message
    assert fetch() == result


def test_folder_that_cannot_be_written_is_named(
    monkeypatch, server, error_of, tmp_path
):
    (tmp_path / "a file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "a file" / "hub"))
    message = error_of(digits)
    assert "cannot be written (" in message
    assert "Choose another folder (HF_HOME or --to)" in message


def test_download_without_room_is_not_begun(monkeypatch, server, error_of):
    little = SimpleNamespace(free=1000)
    monkeypatch.setattr(hub.shutil, "disk_usage", lambda folder: little)
    message = error_of(digits)
    assert "0.3 MB are to be written there and 0.0 MB are free" in message
    assert not server.sent


# Which files


def test_files_in_the_hub_s_own_cache_are_used(server, tmp_path):
    cache = tmp_path / "hf" / "hub" / "datasets--ylecun--mnist"
    lay_out_digits(cache / "snapshots" / "abc")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    assert digits() == FEW["train"]
    assert not server.requests


def test_sharded_files_are_found_by_the_hub_s_list(server):
    train = server.folder / REPO / TRAIN
    shutil.copyfile(train, train.with_name("train-00001-of-00002.parquet"))
    train.rename(train.with_name("train-00000-of-00002.parquet"))
    rows, shard = load("mnist"), FEW["train"] + FEW["validation"]
    assert len(rows["train"]) + len(rows["validation"]) == 2 * shard


def test_repository_without_one_of_its_shards_is_told(server, error_of):
    train = server.folder / REPO / TRAIN
    train.rename(train.with_name("train-00001-of-00002.parquet"))
    message = error_of(digits)
    assert f"{REPO} on the Hub lacks what the course needs" in message
    assert "holds train-00001-of-00002.parquet, but each part" in message


def test_listed_path_that_leaves_the_folder_is_not_taken(
    monkeypatch, server, tmp_path, error_of
):
    real = server.RequestHandlerClass._json

    def with_intruder(self, content):
        if "siblings" in content:
            name = "mnist/train-/../../../../../../x.parquet"
            content["siblings"].append({"rfilename": name})
        real(self, content)

    monkeypatch.setattr(server.RequestHandlerClass, "_json", with_intruder)
    error_of(digits)
    assert not list(tmp_path.rglob("x.parquet"))


def pin(monkeypatch, digit):
    pinned = hub._model(GOOGLE, revision=digit * 40)
    monkeypatch.setitem(hub.REPOSITORIES, "anatomy", pinned)


def test_revision_is_pinned_in_the_table(monkeypatch, server, error_of):
    pin(monkeypatch, "0")
    assert checkpoints.locate("anatomy").endswith("0" * 40)
    assert all("0" * 40 in path for _, path in server.requests)
    pin(monkeypatch, "1")
    assert "404" in error_of(anatomy)


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
def test_pinned_revision_is_found_in_the_cache_offline(monkeypatch, server, variable):
    pin(monkeypatch, "0")
    anatomy()
    monkeypatch.setenv(variable, "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    server.requests.clear()
    assert anatomy() == WHOLE_CHECKPOINT
    assert not server.requests


def test_token_goes_along(monkeypatch, server):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    seen = []
    real = server.RequestHandlerClass._answer

    def note(self):
        seen.append(self.headers.get("Authorization"))
        real(self)

    monkeypatch.setattr(server.RequestHandlerClass, "_answer", note)
    assert anatomy() == WHOLE_CHECKPOINT
    assert set(seen) == {"Bearer hf_secret"}


# Offline


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
@pytest.mark.parametrize("yes", ["1", "true", "Yes", "ON"])
def test_offline_nothing_is_asked_of_the_hub(
    monkeypatch, server, error_of, variable, yes
):
    monkeypatch.setenv(variable, yes)
    message = error_of(digits)
    assert f"{variable} is set" in message and "COURSE_HUB" in message
    assert f"Unset {variable}" in message and "later" not in message
    assert not server.requests


@pytest.mark.parametrize("no", ["0", "False", "no", "off", ""])
def test_online_the_hub_is_asked(monkeypatch, server, no):
    monkeypatch.setenv("HF_HUB_OFFLINE", no)
    hub.plan(hub.REPOSITORIES["mnist"])
    assert server.requests


# Unmodified clients


def test_unmodified_clients_load_from_the_stand_in(server, tmp_path):
    shutil.copyfile(TINY / WEIGHTS, server.folder / GOOGLE / WEIGHTS)
    code = f"""
        from datasets import load_dataset
        from transformers import AutoModelForImageClassification, ViTImageProcessorPil

        rows = load_dataset({REPO!r})
        print({{split: len(part) for split, part in rows.items()}}, rows["test"][0])
        model = AutoModelForImageClassification.from_pretrained({GOOGLE!r})
        processor = ViTImageProcessorPil.from_pretrained({GOOGLE!r})
        print(model.config.hidden_size, processor.size["height"])
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "HF_HOME": str(tmp_path / "other"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    few_rows = FEW["train"] + FEW["validation"]
    assert f"{{'train': {few_rows}, 'test': {FEW['test']}}}" in done.stdout
    assert done.stdout.splitlines()[-1] == "128 48"


def test_transformers_finds_in_the_cache_what_the_course_downloaded(
    monkeypatch, server, tmp_path
):
    shutil.copyfile(TINY / WEIGHTS, server.folder / GOOGLE / WEIGHTS)
    anatomy()
    code = f"""
        from transformers import AutoModelForImageClassification
        print(AutoModelForImageClassification.from_pretrained({GOOGLE!r}).num_labels)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
