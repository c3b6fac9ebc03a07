"""What comes from the Hub: data and checkpoints, whole or not at all, in time."""

import errno
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from hub_stand_in import FAULTS, NOBODY, REPO, isolate, serve_impatient
from huggingface_hub import constants
from huggingface_hub.utils import get_session
from safetensors.numpy import save_file

from course_utils import session
from course_utils.data import checkpoints, hub
from course_utils.data import sets as data

DIGITS = session.ROOT / "data" / "digits"
TINY = session.ROOT / "data" / "tiny-vit"
GOOGLE = "google/vit-base-patch16-224"
TRAIN, TEST = (f"mnist/{s}-00000-of-00001.parquet" for s in ("train", "test"))


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path / "hf")
    monkeypatch.setattr(session, "_chosen", None)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Serve the digits as MNIST and a small checkpoint under Google's id."""
    folder = tmp_path / "served"
    lay_out(folder / REPO)
    make_checkpoint(folder / GOOGLE)
    with serve_impatient(monkeypatch, folder) as hub_server:
        yield hub_server


def make_checkpoint(folder):
    """Write what locate() takes, a card, and what it must leave alone."""
    folder.mkdir(parents=True)
    for name in ("config.json", "preprocessor_config.json"):
        shutil.copyfile(TINY / name, folder / name)
    weights = np.random.default_rng(0).standard_normal((200, 200), dtype=np.float32)
    save_file({"weight": weights}, folder / "model.safetensors")
    (folder / "README.md").write_text("A card.", encoding="utf-8")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")


def digits():
    return len(data.load("mnist")["train"])


def anatomy():
    folder = checkpoints.locate("anatomy")
    return sorted(os.listdir(folder))


WEIGHTS = "model.safetensors"
WHOLE_CHECKPOINT = [
    "README.md",
    "config.json",
    "model.safetensors",
    "preprocessor_config.json",
]
# what to fetch: (a function, what it returns when all is well, the repository)
FETCH = {
    "data": (digits, 1295, REPO),
    "checkpoint": (anatomy, WHOLE_CHECKPOINT, GOOGLE),
}


def error_of(fetch):
    with pytest.raises(hub.DataError) as caught:
        fetch()
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 2
    return message


REASONS = {
    404: "404 Not Found",
    401: "401 Unauthorized; check your access token",
    500: "500 Internal Server Error",
    "slow": "no answer",
    "truncated": "the connection broke off",
    "crawl": "too slow",
    "drip": "too slow",
    "corrupt": "its hash differs",
    "stall": "no answer in time",
    "refused": "no connection",
}


@pytest.mark.parametrize("fault", [*FAULTS, "refused"])
@pytest.mark.parametrize("what", FETCH)
def test_misbehaving_hub_gives_one_clear_error_and_nothing_half_written(
    monkeypatch, server, what, fault
):
    fetch, result, repo = FETCH[what]
    server.fault = fault
    if fault == "refused":
        monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    start = time.monotonic()
    message = error_of(fetch)
    # Real patience is 8 s for an answer and 12 s to judge the speed; here 5 and 2.
    # Whoever waits for the stand-in waits a minute or more.
    assert time.monotonic() - start < 40
    assert REASONS[fault] in message and "DataError" not in message
    assert f"{repo} cannot be fetched from {os.environ['HF_ENDPOINT']}" in message
    assert "COURSE_HUB" in message and "COURSE_PROFILE=reduced" in message
    server.fault = None
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    assert fetch() == result


@pytest.mark.parametrize("fault", [404, 401, 500, "slow"])
def test_fault_behind_a_good_listing_is_told_too(server, fault):
    server.faults = {"train-00000-of-00001.parquet": fault}
    assert REASONS[fault] in error_of(digits)


def test_host_name_that_is_looked_up_for_ever_is_given_up(monkeypatch, server):
    forever = threading.Event()
    session = get_session()
    monkeypatch.setattr(session, "get", lambda *_, **__: forever.wait(60))
    assert "no answer within 5 s" in error_of(digits)
    forever.set()


def test_time_limits_add_up_to_less_than_thirty_seconds():
    # The listing is waited for, then the speed judged, and a body that falls silent
    # just before that is waited for once more.
    assert hub._PATIENCE + hub._TRIAL + hub._PATIENCE < 30


def test_answer_that_is_no_listing_is_told(monkeypatch, server):
    def login_page(self, folder, below):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"<html>")

    monkeypatch.setattr(server.RequestHandlerClass, "_tree", login_page)
    message = error_of(digits)
    assert "no list of files; is that address right?" in message
    assert f"cannot be fetched from {server.url}" in message


@pytest.mark.parametrize(
    ("what", "file"), [("data", TEST), ("checkpoint", "config.json")]
)
def test_what_arrived_before_a_fault_is_not_fetched_again(server, what, file):
    fetch, result, repo = FETCH[what]
    last = {"data": TRAIN, "checkpoint": "preprocessor_config.json"}[what]
    server.faults = {last: 500}
    assert "500" in error_of(fetch)
    assert server.sent[f"{repo}/{file}"]
    server.faults = {}
    assert fetch() == result
    for name in (file, last):
        assert (
            server.sent[f"{repo}/{name}"]
            == (server.folder / repo / name).stat().st_size
        )


# Interrupted downloads


@pytest.mark.parametrize("fault", ["truncated", "stall"])
@pytest.mark.parametrize(
    ("what", "file"), [("data", TRAIN), ("checkpoint", "model.safetensors")]
)
def test_interrupted_download_asks_only_for_the_rest(server, what, file, fault):
    fetch, result, repo = FETCH[what]
    server.faults = {file: fault}
    error_of(fetch)
    size = (server.folder / repo / file).stat().st_size
    assert 0 < server.sent[f"{repo}/{file}"] < size
    server.faults = {}
    assert fetch() == result
    assert server.sent[f"{repo}/{file}"] == size


def test_killed_download_goes_on_where_it_stopped(server, tmp_path):
    server.faults = {TRAIN: "stall"}
    code = "from course_utils import data; data.load('mnist')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=session.ROOT, stdout=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size for p in (tmp_path / "hf").rglob(".train*.part")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()
    server.faults = {}
    assert digits() == 1295
    assert (
        server.sent[f"{REPO}/{TRAIN}"] < 1.6 * (DIGITS / "train.parquet").stat().st_size
    )


def test_file_that_changed_on_the_hub_is_fetched_anew(server, tmp_path):
    weights = server.folder / GOOGLE / "model.safetensors"
    server.faults = {weights.name: "truncated"}
    error_of(anatomy)
    save_file({"weight": np.ones((200, 200), np.float32)}, weights)
    server.faults, server.sent = {}, type(server.sent)()
    assert anatomy() == WHOLE_CHECKPOINT
    assert server.sent[f"{GOOGLE}/{weights.name}"] == weights.stat().st_size
    arrived = tmp_path / "hf" / "vit-course" / GOOGLE / weights.name
    assert arrived.read_bytes() == weights.read_bytes()


def test_unfinished_file_that_was_spoilt_is_noticed(server, tmp_path):
    server.faults = {TRAIN: "truncated"}
    error_of(digits)
    (part,) = (tmp_path / "hf").rglob("*.part")
    part.write_bytes(bytes(part.stat().st_size))
    server.faults = {}
    assert "its hash differs" in error_of(digits)
    assert digits() == 1295


def test_server_that_ignores_ranges_is_read_from_the_start(monkeypatch, server):
    server.faults = {TRAIN: "truncated"}
    error_of(digits)
    server.faults = {}
    monkeypatch.setattr(
        server.RequestHandlerClass, "_range", lambda self, size: (0, size)
    )
    assert digits() == 1295


def test_second_process_does_not_write_the_same_file(server, tmp_path):
    path = tmp_path / "hf" / "vit-course" / REPO / TRAIN
    with hub._claimed(path, hub.RemoteFile(TRAIN, 1, "f" * 64)):
        assert "is being downloaded by another process" in error_of(digits)
    assert digits() == 1295


# The disk


@pytest.mark.parametrize("what", FETCH)
def test_disk_that_fills_up_is_named(monkeypatch, server, what):
    fetch, result, repo = FETCH[what]
    real = hub._receive

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(hub, "_receive", fail)
    message = error_of(fetch)
    assert "cannot be written (No space left on device)" in message
    assert "HF_HOME" in message
    monkeypatch.setattr(hub, "_receive", real)
    assert fetch() == result


def test_folder_that_cannot_be_written_is_named(monkeypatch, server, tmp_path):
    (tmp_path / "a file").touch()
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "a file"))
    message = error_of(digits)
    assert "cannot be written (" in message
    assert "Choose another folder (HF_HOME or --to)" in message


def test_download_without_room_is_not_begun(monkeypatch, server):
    monkeypatch.setattr(hub, "free_space", lambda folder: 1000)
    message = error_of(digits)
    assert "1 MB are to be written there and 0 MB are free" in message
    assert not server.sent


# Which files


def test_sharded_files_are_found_by_the_hub_s_list(server):
    train = server.folder / REPO / TRAIN
    shutil.copyfile(train, train.with_name("train-00001-of-00002.parquet"))
    train.rename(train.with_name("train-00000-of-00002.parquet"))
    rows = data.load("mnist")
    assert len(rows["train"]) + len(rows["validation"]) == 2 * (1295 + 143)


def test_listed_path_that_leaves_the_folder_is_not_taken(monkeypatch, server):
    listed = hub._tree

    def with_intruder(*arguments):
        bad = [f"mnist/train-{up}x.parquet" for up in ("/../../", "..\\..\\")]
        return [*listed(*arguments), *(hub.RemoteFile(p, 1, "f" * 64) for p in bad)]

    monkeypatch.setattr(hub, "_tree", with_intruder)
    assert digits() == 1295


@pytest.mark.parametrize(
    "names",
    [["00000-of-00002"], ["00001-of-00002"], ["00000-of-00001", "00001-of-00002"]],
)
def test_incomplete_shards_in_course_hub_are_refused(monkeypatch, tmp_path, names):
    folder = tmp_path / "local" / REPO / "mnist"
    folder.mkdir(parents=True)
    shutil.copyfile(DIGITS / "test.parquet", folder / "test-00000-of-00001.parquet")
    for name in names:
        shutil.copyfile(DIGITS / "train.parquet", folder / f"train-{name}.parquet")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    message = error_of(digits)
    assert f"{REPO} in COURSE_HUB is incomplete" in message and "of-00002" in message


def test_two_versions_side_by_side_are_refused(monkeypatch, tmp_path):
    folder = tmp_path / "local" / REPO / "mnist"
    folder.mkdir(parents=True)
    for name in ("test-00000-of-00001", "train-00000-of-00001"):
        split = name.partition("-")[0]
        shutil.copyfile(DIGITS / f"{split}.parquet", folder / f"{name}.parquet")
    for i in range(2):
        name = f"train-{i:05d}-of-00002.parquet"
        shutil.copyfile(DIGITS / "train.parquet", folder / name)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    assert "two versions" in error_of(digits)


def test_revision_is_pinned_in_the_table(monkeypatch, server, tmp_path):
    pinned = hub._model(GOOGLE, revision="0" * 40)
    monkeypatch.setitem(hub.REPOSITORIES, "anatomy", pinned)
    assert checkpoints.locate("anatomy").endswith(
        f"{GOOGLE}@{'0' * 40}".replace("/", os.sep)
    )
    paths = [path for _, path in server.requests]
    assert all("0" * 40 in path for path in paths)
    unknown = hub._model(GOOGLE, revision="1" * 40)
    monkeypatch.setitem(hub.REPOSITORIES, "anatomy", unknown)
    assert "404" in error_of(anatomy)


def test_shards_of_two_versions_after_a_download_are_refused(server, tmp_path):
    folder = tmp_path / "hf" / "vit-course" / REPO
    (folder / "mnist").mkdir(parents=True)
    (folder / "mnist" / "train-00001-of-00002.parquet").write_bytes(b"old")
    assert f"Delete {folder} and run this again" in error_of(digits)
    shutil.rmtree(folder)
    assert digits() == 1295


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


# Second copies, and a COURSE_HUB that is one level off


@pytest.fixture
def local(monkeypatch, tmp_path):
    """Return a folder for COURSE_HUB with the digits as MNIST; nothing is asked."""
    lay_out(tmp_path / "local" / REPO)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "local"


def lay_out(folder):
    for name in (TRAIN, TEST):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        split = name[6:].partition("-")[0]
        shutil.copyfile(DIGITS / f"{split}.parquet", folder / name)


@pytest.mark.parametrize(
    "name",
    [
        "train-00000-of-00001 (1).parquet",
        "train-00000-of-00001(2).parquet",
        "train-00000-of-00001 - Copy.parquet",
        "train-00000-of-00001 copy.parquet",
        "train-00000-of-00001 copy 2.parquet",
        "train-00000-of-00001_backup.parquet",
        "train-00000-of-00001.bak.parquet",
        "train-backup.parquet",
        "train-old-00000.parquet",
    ],
)
def test_second_copy_of_a_file_is_refused(local, name):
    shutil.copyfile(local / REPO / TRAIN, local / REPO / "mnist" / name)
    message = error_of(digits)
    assert f"{REPO} in COURSE_HUB has a file too many" in message
    assert f"{name} seems to be a second copy" in message
    assert "Keep one version of each" in message


def test_copy_of_one_of_two_shards_does_not_stand_for_the_other(local):
    train = local / REPO / TRAIN
    train.rename(train.with_name("train-00000-of-00002 (1).parquet"))
    assert "seems to be a second copy" in error_of(digits)


def test_same_shard_with_two_hashes_is_refused(local):
    train = local / REPO / TRAIN
    for digit in "ab":
        name = f"train-00000-of-00001-{digit * 16}.parquet"
        shutil.copyfile(train, train.with_name(name))
    train.unlink()
    assert "holds two versions" in error_of(digits)


@pytest.mark.parametrize(
    "name", ["train-00000-of-00001-0123456789abcdef.parquet", "train-all.parquet"]
)
def test_single_file_of_another_name_is_read(local, name):
    (local / REPO / TRAIN).rename(local / REPO / "mnist" / name)
    assert digits() == 1295


def test_missing_shard_is_named_where_the_names_have_a_hash(local):
    train = local / REPO / TRAIN
    train.rename(train.with_name("train-00001-of-00002-0123456789abcdef.parquet"))
    assert "train-00000-of-00002.parquet is missing" in error_of(digits)


@pytest.mark.parametrize(
    "below", ["..", "ylecun", "ylecun/mnist", "ylecun/mnist/mnist"]
)
def test_course_hub_one_level_off_is_told_with_the_right_one(monkeypatch, local, below):
    wrong = (local / below).resolve()
    monkeypatch.setenv("COURSE_HUB", str(wrong))
    message = error_of(digits)
    assert f"COURSE_HUB={wrong} has no folder {REPO}, but {local} has one" in message
    assert f"Set COURSE_HUB={local}, or unset it" in message


@pytest.mark.parametrize("place", [".", "mnist"])
def test_files_without_their_owner_s_folder_are_told(monkeypatch, tmp_path, place):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    lay_out(tmp_path / "local" / place)
    message = error_of(digits)
    assert f"such files lie in {tmp_path / 'local' / place}. Copy" in message
    assert f"to {tmp_path / 'local' / REPO}" in message


@pytest.mark.parametrize("below", ["", "hub", "datasets--ylecun--mnist"])
def test_cache_of_the_hub_is_no_course_hub(monkeypatch, tmp_path, below):
    cache = tmp_path / "huggingface" / "hub"
    lay_out(cache / "datasets--ylecun--mnist" / "snapshots" / "abc")
    wrong = cache.parent if below == "" else cache if below == "hub" else cache / below
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(wrong))
    message = error_of(digits)
    assert f"{cache} is a cache of the Hub" in message
    assert f"Set HF_HUB_CACHE={cache}" in message or "unset" in message.lower()


def test_course_hub_with_a_folder_but_not_its_files_is_refused(local):
    for name in (TRAIN, TEST):
        path = local / REPO / name
        path.rename(local / REPO / path.name)  # not in the folder mnist
    assert f"{REPO} in COURSE_HUB is incomplete" in error_of(digits)


def test_checkpoint_one_level_off_is_told_too(monkeypatch, tmp_path):
    make_checkpoint(tmp_path / "hub" / GOOGLE)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    assert f"Set COURSE_HUB={tmp_path / 'hub'}" in error_of(anatomy)


def test_what_course_hub_lacks_is_said_when_the_hub_is_out_of_reach(local):
    shutil.rmtree(local / REPO)
    message = error_of(digits)
    assert f"(COURSE_HUB={local} has no folder {REPO})" in message


# Unmodified clients


def test_unmodified_clients_load_from_the_stand_in(server, tmp_path):
    shutil.copyfile(TINY / "model.safetensors", server.folder / GOOGLE / WEIGHTS)
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
    assert "{'train': 1438, 'test': 359}" in done.stdout
    assert done.stdout.splitlines()[-1] == "128 48"
