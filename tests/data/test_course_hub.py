"""COURSE_HUB: shards, second copies, a level too high or too deep, harmed files."""

import os
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_files import (
    FEW,
    GOOGLE,
    TEST,
    TRAIN,
    change,
    cut,
    few_digits,
    lay_out_digits,
    make_checkpoint,
)
from hub_stand_in import REPO

from course_utils.data import checkpoints, load

SPLITS = {"train": TRAIN, "test": TEST}


def digits():
    return len(load("mnist")["train"])


@pytest.mark.parametrize(
    "names",
    [["00000-of-00002"], ["00001-of-00002"], ["00000-of-00001", "00001-of-00002"]],
)
def test_incomplete_shards_in_course_hub_are_refused(
    monkeypatch, tmp_path, names, error_of
):
    folder = tmp_path / "local" / REPO / "mnist"
    folder.mkdir(parents=True)
    (folder / "test-00000-of-00001.parquet").write_bytes(few_digits("test"))
    for name in names:
        (folder / f"train-{name}.parquet").write_bytes(few_digits("train"))
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    message = error_of(digits)
    assert f"{REPO} in COURSE_HUB cannot be used" in message
    assert f"holds train-{names[0]}.parquet" in message
    assert "but each part is needed once" in message


def test_two_versions_side_by_side_are_refused(monkeypatch, tmp_path, error_of):
    folder = tmp_path / "local" / REPO / "mnist"
    folder.mkdir(parents=True)
    for name in ("test-00000-of-00001", "train-00000-of-00001"):
        split = name.partition("-")[0]
        (folder / f"{name}.parquet").write_bytes(few_digits(split))
    for i in range(2):
        name = f"train-{i:05d}-of-00002.parquet"
        (folder / name).write_bytes(few_digits("train"))
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    assert "each part is needed once" in error_of(digits)


# Second copies, and a COURSE_HUB that is one level off


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
def test_second_copy_of_a_file_is_refused(local, name, error_of):
    shutil.copyfile(local / REPO / TRAIN, local / REPO / "mnist" / name)
    message = error_of(digits)
    assert f"{REPO} in COURSE_HUB cannot be used" in message
    assert name in message and "each part is needed once" in message
    assert "Keep all of its files there, in one version" in message


def test_copy_of_one_of_two_shards_does_not_stand_for_the_other(local, error_of):
    train = local / REPO / TRAIN
    train.rename(train.with_name("train-00000-of-00002 (1).parquet"))
    assert "each part is needed once" in error_of(digits)


def test_same_shard_with_two_hashes_is_refused(local, error_of):
    train = local / REPO / TRAIN
    for digit in "ab":
        name = f"train-00000-of-00001-{digit * 16}.parquet"
        shutil.copyfile(train, train.with_name(name))
    train.unlink()
    assert "each part is needed once" in error_of(digits)


@pytest.mark.parametrize(
    "name", ["train-00000-of-00001-0123456789abcdef.parquet", "train-all.parquet"]
)
def test_single_file_of_another_name_is_read(local, name):
    (local / REPO / TRAIN).rename(local / REPO / "mnist" / name)
    assert digits() == FEW["train"]


def test_missing_shard_is_noticed_where_the_names_have_a_hash(local, error_of):
    train = local / REPO / TRAIN
    name = "train-00001-of-00002-0123456789abcdef.parquet"
    train.rename(train.with_name(name))
    assert f"holds {name}, but each part is needed once" in error_of(digits)


@pytest.mark.parametrize(
    "below", ["..", "ylecun", "ylecun/mnist", "ylecun/mnist/mnist"]
)
def test_course_hub_one_level_off_is_told_with_the_right_one(
    monkeypatch, local, below, error_of
):
    wrong = (local / below).resolve()
    monkeypatch.setenv("COURSE_HUB", str(wrong))
    message = error_of(digits)
    assert f"COURSE_HUB={wrong} has no folder {REPO}, but such files lie in" in message
    assert f"Set COURSE_HUB={local}, or unset" in message


@pytest.mark.parametrize("place", [".", "mnist"])
def test_files_without_their_owner_s_folder_are_told(
    monkeypatch, tmp_path, place, error_of
):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    lay_out_digits(tmp_path / "local" / place)
    message = error_of(digits)
    assert f"such files lie in {tmp_path / 'local' / place}. Copy them" in message
    assert f"to {tmp_path / 'local' / REPO}" in message


@pytest.mark.parametrize("below", ["", "hub", "datasets--ylecun--mnist"])
def test_cache_of_the_hub_is_no_course_hub(monkeypatch, tmp_path, below, error_of):
    cache = tmp_path / "huggingface" / "hub"
    lay_out_digits(cache / "datasets--ylecun--mnist" / "snapshots" / "abc")
    wrong = cache.parent if below == "" else cache if below == "hub" else cache / below
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(wrong))
    message = error_of(digits)
    assert f"such files lie in {cache}" in message
    assert "unset COURSE_HUB to use the Hub and its cache (HF_HUB_CACHE)" in message


def test_other_models_near_course_hub_are_not_taken_for_the_one_that_lacks(
    monkeypatch, tmp_path, server
):
    for place in (".", "local/other"):  # beside COURSE_HUB, and in it
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "config.json").write_text("{}")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    assert checkpoints.locate("anatomy").endswith("0" * 40)


def test_course_hub_with_a_folder_but_not_its_files_is_refused(local, error_of):
    for name in (TRAIN, TEST):
        path = local / REPO / name
        path.rename(local / REPO / path.name)  # not in the folder mnist
    assert "train-*.parquet is missing" in error_of(digits)


def test_checkpoint_one_level_off_is_told_too(monkeypatch, tmp_path, error_of):
    make_checkpoint(tmp_path / "hub" / GOOGLE)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    assert f"Set COURSE_HUB={tmp_path / 'hub'}" in error_of(
        checkpoints.locate, "anatomy"
    )


def test_what_course_hub_lacks_is_said_before_the_hub_is_asked(local, error_of, capsys):
    shutil.rmtree(local / REPO)
    error_of(digits)
    assert f"COURSE_HUB={local} has no folder {REPO}." in capsys.readouterr().out


# Harmed files


@pytest.mark.parametrize("split", ["train", "test"])
def test_local_set_without_a_file_is_refused(local, split, error_of):
    (local / REPO / SPLITS[split]).unlink()
    message = error_of(load, "mnist")
    assert f"{REPO} in COURSE_HUB cannot be used" in message
    assert f"{split}-*.parquet is missing" in message


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (cut, "cannot be read"),
        (lambda path: path.write_bytes(b""), "cannot be read"),
        (lambda path: path.write_text("<html>Not found</html>"), "cannot be read"),
        (lambda path: change(path, drop="label"), "has no column 'label'"),
        (lambda path: change(path, drop="image"), "has no column 'image'"),
        (
            lambda path: change(path, "image", lambda c: pa.nulls(len(c), pa.int8())),
            "no pictures in its column 'image'",
        ),
        (
            lambda path: pq.write_table(pq.read_table(path).slice(0, 0), path),
            "has no rows",
        ),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_harmed_local_file_is_refused(local, split, harm, complaint, error_of):
    path = local / REPO / SPLITS[split]
    harm(path)
    message = error_of(load, "mnist")
    assert complaint in message and str(path) in message
    assert "COURSE_HUB" in message or "Hub" in message


def test_course_hub_that_is_no_folder_is_refused(monkeypatch, local, error_of):
    monkeypatch.setenv("COURSE_HUB", str(local / "nowhere"))
    message = error_of(load, "mnist")
    assert "nowhere is not a folder" in message and "unset" in message


def test_relative_course_hub_shows_where_it_was_looked_for(
    monkeypatch, local, tmp_path, error_of
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COURSE_HUB", "no/where")
    message = error_of(load, "mnist")
    assert "COURSE_HUB=no/where is not a folder" in message.replace(os.sep, "/")
    assert str(tmp_path / "no" / "where") in message and "notebook" in message
    monkeypatch.setenv("COURSE_HUB", local.name)
    assert len(load("mnist")["test"]) == FEW["test"]


def test_what_course_hub_lacks_comes_from_the_hub(monkeypatch, tmp_path, server):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "empty"))
    assert len(load("mnist")["test"]) == FEW["test"]
    assert server.requests
