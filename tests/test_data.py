import hashlib
import importlib.util
import io
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import huggingface_hub
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Features
from hub_stand_in import FAULTS, REPO, serve
from PIL import Image

from course_utils import data, profiles

DIGITS = profiles.ROOT / "data" / "digits"
NAMES = {
    "train": "mnist/train-00000-of-00001.parquet",
    "test": "mnist/test-00000-of-00001.parquet",
}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No variable of the caller's, no cache of the user's, no network."""
    for name in ("COURSE_PROFILE", "COURSE_HUB", "COURSE_ROWS", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.setattr(profiles, "_chosen", None)
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))


@pytest.fixture
def course_hub(monkeypatch, tmp_path):
    """Return a folder in the Hub's layout with the digits as MNIST, for COURSE_HUB."""
    folder = tmp_path / "hub"
    lay_out(folder / REPO)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(folder))
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """Serve the digits as the Hub's MNIST; impatient, so that tests are short."""
    lay_out(tmp_path / "served")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setattr(data, "_PATIENCE", 1.0)
    monkeypatch.setattr(data, "_TRIAL", 2.0)
    with serve(tmp_path / "served") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def lay_out(folder):
    for split, name in NAMES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(DIGITS / f"{split}.parquet", path)


def error_of_load():
    with pytest.raises(data.DataError) as caught:
        data.load("mnist")
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 2
    return message


def pngs(split):
    """Return the PNG bytes of each row; what tells one digit from another."""
    return [cell["bytes"].as_py() for cell in split.data.column("image")]


def pixels(table):
    cells = table.column("image").to_pylist()
    return [np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in cells]


# What is promised of every source


def test_bundled_digits_look_like_mnist():
    digits = data.load("mnist")
    assert {split: len(rows) for split, rows in digits.items()} == {
        "train": 1295,
        "validation": 143,
        "test": 359,
    }
    for rows in digits.values():
        assert rows.column_names == ["image", "label"]
        assert rows.features["label"].names == list("0123456789")
        assert set(rows[:]["label"]) == set(range(10))
    image = digits["train"][0]["image"]
    assert (image.mode, image.size) == ("L", (28, 28))
    every = np.stack(digits["train"][:]["image"])
    assert every[:, 0].max() == 0 and np.median(every.max(axis=(1, 2))) == 255


def test_every_source_gives_the_same_rows(monkeypatch, course_hub, hub):
    monkeypatch.setenv("COURSE_PROFILE", "reduced")
    bundled = data.load("mnist")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    local = data.load("mnist")
    assert not hub.requests
    monkeypatch.delenv("COURSE_HUB")
    remote = data.load("mnist")
    assert hub.requests
    for other in (local, remote):
        assert list(other) == list(bundled)
        for split, rows in bundled.items():
            assert other[split].features == rows.features
            assert other[split].to_dict() == rows.to_dict()


def test_further_columns_of_a_source_are_left_out(course_hub):
    path = course_hub / REPO / NAMES["test"]
    table = pq.read_table(path)
    pq.write_table(table.append_column("id", [list(range(len(table)))]), path)
    assert data.load("mnist")["test"].column_names == ["image", "label"]


def test_validation_is_a_tenth_of_each_class_and_none_of_train():
    digits = data.load("mnist")
    source = pq.read_table(DIGITS / "train.parquet")
    train, validation = pngs(digits["train"]), pngs(digits["validation"])
    assert not set(train) & set(validation)
    assert sorted(train + validation) == sorted(
        cell["bytes"] for cell in source.column("image").to_pylist()
    )
    whole = np.bincount(source.column("label"))
    part = np.bincount(digits["validation"][:]["label"])
    assert np.abs(part - whole / 10).max() <= 0.5


def test_validation_rows_do_not_change_from_version_to_version():
    # Written down once: a course whose validation rows move cannot compare its numbers.
    rows = data.load("mnist")["validation"][:]
    seen = np.stack(rows["image"]).tobytes() + bytes(rows["label"])
    assert hashlib.sha256(seen).hexdigest()[:16] == "0a4a1d379a16eadc"


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [("100", (100, 50, 50)), ("1", (1, 1, 1)), ("999999", (1295, 143, 359))],
)
def test_course_rows_caps_each_split(monkeypatch, rows, sizes):
    monkeypatch.setenv("COURSE_ROWS", rows)
    assert tuple(len(split) for split in data.load("mnist").values()) == sizes


def test_capped_rows_are_the_same_each_time_and_of_many_classes(monkeypatch):
    monkeypatch.setenv("COURSE_ROWS", "100")
    first, second = data.load("mnist"), data.load("mnist")
    assert first["train"].to_dict() == second["train"].to_dict()
    assert len(set(first["train"][:]["label"])) == 10


@pytest.mark.parametrize("rows", ["0", "-5", "ten", "1.5"])
def test_course_rows_that_is_no_number_of_rows_is_refused(monkeypatch, rows):
    monkeypatch.setenv("COURSE_ROWS", rows)
    with pytest.raises(ValueError, match=f"COURSE_ROWS='{rows}'.*whole number"):
        data.load("mnist")


def test_unknown_names_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="'minst'.*mnist"):
        data.load("minst")
    monkeypatch.setenv("COURSE_PROFILE", "huge")
    with pytest.raises(ValueError, match="'huge'.*COURSE_PROFILE"):
        data.load("mnist")


# Bundled data


def test_generator_makes_the_bundled_pixels_again(tmp_path):
    path = profiles.ROOT / "data" / "make_digits.py"
    spec = importlib.util.spec_from_file_location("make_digits", path)
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    maker.make(tmp_path)
    for name in ("train.parquet", "test.parquet"):
        old, new = pq.read_table(DIGITS / name), pq.read_table(tmp_path / name)
        assert old.schema.equals(new.schema, check_metadata=True)
        assert old.column("label") == new.column("label")
        np.testing.assert_array_equal(pixels(old), pixels(new))
    old, new = (Image.open(folder / "digits.png") for folder in (DIGITS, tmp_path))
    np.testing.assert_array_equal(np.asarray(old), np.asarray(new))


def test_bundled_files_have_the_hub_s_schema():
    stored = Features.from_arrow_schema(pq.read_schema(DIGITS / "train.parquet"))
    assert stored == data.load("mnist")["train"].features


def test_card_tells_the_true_numbers():
    card = (DIGITS / "README.md").read_text(encoding="utf-8")
    labels = [pq.read_table(DIGITS / f"{s}.parquet")["label"] for s in NAMES]
    counts = sum(np.bincount(column) for column in labels)
    for number in (sum(map(len, labels)), len(labels[0]), len(labels[1])):
        assert f"{number:,}" in card
    assert f"between {counts.min()} and {counts.max()}" in card


def test_bundled_data_is_intact():
    assert data.bundled_problem("mnist") is None


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda f: (f / "test.parquet").unlink(), "test.parquet is missing"),
        (lambda f: (f / "SHA256SUMS").unlink(), "SHA256SUMS is missing"),
        (lambda f: flip_byte(f / "train.parquet"), "train.parquet is damaged"),
        (lambda f: cut(f / "train.parquet"), "train.parquet is damaged"),
        (lambda f: shutil.rmtree(f), "SHA256SUMS is missing"),
    ],
)
def test_harmed_bundled_data_is_refused(monkeypatch, tmp_path, harm, complaint):
    shutil.copytree(DIGITS, tmp_path / "data" / "digits")
    monkeypatch.setattr(data, "ROOT", tmp_path)
    harm(tmp_path / "data" / "digits")
    message = error_of_load()
    assert complaint in message and "git checkout data" in message
    assert data.bundled_problem("mnist") == message


def flip_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-1000])


# A local folder in the Hub's layout


def change(path, column=None, values=None, drop=None):
    table = pq.read_table(path)
    if drop:
        table = table.drop_columns([drop])
    else:
        place = table.column_names.index(column)
        table = table.set_column(place, column, [values(table[column])])
    pq.write_table(table, path)


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (cut, "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_text("<html>Not found</html>"), "cannot be read"),
        (lambda path: path.unlink(), "incomplete"),
        (lambda path: change(path, drop="label"), "has no column 'label'"),
        (lambda path: change(path, drop="image"), "has no column 'image'"),
        (
            lambda path: change(path, "label", lambda c: pa.array(["x"] * len(c))),
            "columns of another type",
        ),
        (
            lambda path: change(path, "image", lambda c: pa.nulls(len(c), pa.int8())),
            "columns of another type",
        ),
        (
            lambda path: change(path, "label", lambda c: pa.array([10] * len(c))),
            "labels outside 0 to 9",
        ),
        (
            lambda path: change(
                path, "label", lambda c: pa.array([None] + [1] * (len(c) - 1))
            ),
            "labels outside 0 to 9",
        ),
        (
            lambda path: pq.write_table(pq.read_table(path).slice(0, 0), path),
            "has no rows",
        ),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_harmed_local_file_is_refused(course_hub, split, harm, complaint):
    path = course_hub / REPO / NAMES[split]
    harm(path)
    message = error_of_load()
    assert complaint in message and str(path) in message
    assert "COURSE_HUB" in message or "Hub" in message


def test_course_hub_that_is_no_folder_is_refused(monkeypatch, course_hub):
    monkeypatch.setenv("COURSE_HUB", str(course_hub / "nowhere"))
    message = error_of_load()
    assert "nowhere is not a folder. Point" in message and "unset" in message


def test_relative_course_hub_shows_where_it_was_looked_for(
    monkeypatch, course_hub, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_HUB", "no/where")
    message = error_of_load()
    assert "COURSE_HUB=no/where is not a folder" in message.replace(os.sep, "/")
    assert str(tmp_path / "no" / "where") in message and "notebook" in message
    monkeypatch.setenv("COURSE_HUB", course_hub.name)
    assert len(data.load("mnist")["test"]) == 359


def test_what_course_hub_lacks_comes_from_the_hub(monkeypatch, tmp_path, hub):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "empty"))
    assert len(data.load("mnist")["test"]) == 359
    assert hub.requests


def test_offline_nothing_is_asked_of_the_hub(monkeypatch, tmp_path, hub):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    message = error_of_load()
    assert "HF_HUB_OFFLINE is set" in message and "COURSE_HUB" in message
    assert not hub.requests


# The Hub


def test_download_is_announced_and_done_once(capsys, hub, tmp_path):
    data.load("mnist")
    size = sum((DIGITS / f"{split}.parquet").stat().st_size for split in NAMES) / 1e6
    said = f"Downloading {REPO} ({size:.1f} MB) from {hub.url} to {tmp_path / 'hf'}"
    printed, errors = capsys.readouterr()
    assert printed.startswith(said) and not errors
    asked = len(hub.requests)
    data.load("mnist")
    assert len(hub.requests) == asked
    assert not capsys.readouterr().out


def test_files_in_the_hub_s_own_cache_are_used(hub, tmp_path):
    cache = tmp_path / "hf" / "hub" / "datasets--ylecun--mnist"
    lay_out(cache / "snapshots" / "abc")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    assert len(data.load("mnist")["test"]) == 359
    assert not hub.requests


@pytest.mark.parametrize("fault", [*FAULTS, "refused"])
def test_misbehaving_hub_gives_one_clear_error_and_nothing_half_written(
    monkeypatch, hub, fault
):
    reasons = {
        404: "404 Not Found",
        401: "401 Unauthorized; check your access token",
        500: "500 Internal Server Error",
        "slow": "no answer",
        "truncated": "the connection broke off",
        "crawl": "too slow",
        "corrupt": "sha256 differs",
        "stall": "no answer in time",
        "refused": "no connection",
    }
    hub.fault = fault
    if fault == "refused":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    start = time.monotonic()
    message = error_of_load()
    # Real patience is 8 s for an answer and 20 s to judge the speed; here 1 and 2.
    assert time.monotonic() - start < 5
    assert reasons[fault] in message and "DataError" not in message
    assert f"{REPO} cannot be fetched from {os.environ['HF_ENDPOINT']}" in message
    assert "COURSE_HUB" in message and "COURSE_PROFILE=reduced" in message
    hub.fault = None
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    assert len(data.load("mnist")["train"]) == 1295


def test_host_name_that_is_looked_up_for_ever_is_given_up(monkeypatch, hub):
    forever = threading.Event()
    monkeypatch.setattr(
        huggingface_hub, "get_hf_file_metadata", lambda *_, **__: forever.wait(20)
    )
    start = time.monotonic()
    assert "no answer within 1 s" in error_of_load()
    assert time.monotonic() - start < 5
    forever.set()


def test_time_limits_add_up_to_less_than_thirty_seconds():
    # The sizes, the connection and the trial share one deadline; a body that falls
    # silent just before it is waited for once more.
    assert data._TRIAL + data._PATIENCE < 30


def test_all_waiting_counts_against_one_deadline(monkeypatch, hub):
    monkeypatch.setattr(data, "_PATIENCE", 8)
    monkeypatch.setattr(data, "_TRIAL", 1.5)
    ask = huggingface_hub.get_hf_file_metadata

    def take_a_while(*arguments, **settings):
        time.sleep(0.6)
        return ask(*arguments, **settings)

    def never(*_, **__):
        time.sleep(20)

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", take_a_while)
    monkeypatch.setattr(huggingface_hub.utils.get_session(), "send", never)
    start = time.monotonic()
    assert "no answer within" in error_of_load()
    assert 1.4 < time.monotonic() - start < 5


def test_a_fault_in_the_second_file_keeps_the_first(hub, tmp_path):
    served = tmp_path / "served" / NAMES["test"]
    served.rename(served.with_suffix(".away"))
    assert "404" in error_of_load()
    served.with_suffix(".away").rename(served)
    hub.requests.clear()
    data.load("mnist")
    assert sum(kind == "GET" for kind, _ in hub.requests) == 2


def test_full_disk_is_named(monkeypatch, hub):
    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(data, "_receive", fail)
    message = error_of_load()
    assert "cannot be written (No space left on device)" in message
    assert "HF_HOME" in message


def test_damaged_download_says_which_file_to_delete(hub, tmp_path):
    data.load("mnist")
    path = next((tmp_path / "hf").rglob("train*.parquet"))
    cut(path)
    message = error_of_load()
    assert str(path) in message and "Delete that file" in message
    path.unlink()
    assert len(data.load("mnist")["train"]) == 1295


def test_unmodified_process_downloads_and_writes_no_second_cache(hub, tmp_path):
    code = (
        "import sys; from course_utils import data; d = data.load('mnist'); "
        "print(len(d['train']), 'torch' in sys.modules)"
    )

    def run(**variables):
        return subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=profiles.ROOT,
            env={**os.environ, "HF_HOME": str(tmp_path / "home"), **variables},
        ).stdout.splitlines()

    assert run(COURSE_PROFILE="reduced")[-1] == "1295 False"
    assert not (tmp_path / "home").exists()
    assert run()[0].startswith("Downloading")
    hub.fault = 500
    assert run() == ["1295 False"]
    files = [p.name for p in (tmp_path / "home").rglob("*") if p.is_file()]
    assert sorted(files) == sorted(Path(name).name for name in NAMES.values())
