"""The bundled data: MNIST's own rows, intact, read without a cache."""

import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_files import MNIST, cut
from datasets import Features
from PIL import Image

from course_utils import session
from course_utils.data import load, sets

REAL = session.ROOT.parent / "shared" / "datasets" / "ylecun" / "mnist" / "mnist"


def pixels(path):
    """Return the pictures of a parquet file as bytes (rows, 28, 28)."""
    cells = pq.read_table(path)["image"].to_pylist()
    return np.stack([Image.open(io.BytesIO(cell["bytes"])) for cell in cells])


def labels(path):
    return pq.read_table(path)["label"].to_numpy()


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/datasets")
@pytest.mark.parametrize("split", ["train", "test"])
def test_bundled_rows_are_mnist_s(split):
    # ../shared holds the training rows from the first on, and the test rows with
    # index modulo 5 below 2, both in MNIST's order.
    ours, theirs = MNIST / f"{split}.parquet", REAL / f"{split}-00000-of-00001.parquet"
    assert pq.read_schema(ours).equals(pq.read_schema(theirs), check_metadata=True)
    count = {"train": 10_000, "test": 2_000}[split]
    assert len(labels(ours)) == count
    np.testing.assert_array_equal(labels(ours), labels(theirs)[:count])
    np.testing.assert_array_equal(pixels(ours), pixels(theirs)[:count])


def test_bundled_files_have_the_hub_s_schema():
    stored = Features.from_arrow_schema(pq.read_schema(MNIST / "train.parquet"))
    assert stored == load("mnist")["train"].features


def test_card_tells_the_true_numbers():
    card = (MNIST / "README.md").read_text(encoding="utf-8")
    files = [MNIST / f"{split}.parquet" for split in ("train", "test")]
    parts = [labels(path) for path in files]
    counts = sum(map(np.bincount, parts))
    splits = [len(rows) for rows in load("mnist").values()]
    for number in (sum(map(len, parts)), *map(len, parts), *splits):
        assert f"{number:,}" in card
    assert f"between {counts.min():,} and {counts.max():,}" in card


def test_bundled_data_is_intact():
    for source in sets.DATA_SETS.values():
        sets.bundled_files(source)


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
def test_harmed_bundled_data_is_refused(
    monkeypatch, tmp_path, harm, complaint, error_of
):
    shutil.copytree(MNIST, tmp_path / "data" / "mnist")
    monkeypatch.setattr(sets, "ROOT", tmp_path)
    harm(tmp_path / "data" / "mnist")
    message = error_of(load, "mnist")
    assert complaint in message and "git checkout data" in message


def flip_byte(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_bundled_sets_are_loaded_without_a_word(capsys):
    for name in sets.DATA_SETS:
        load(name)
    assert capsys.readouterr() == ("", "")


def test_bundled_data_is_read_without_a_cache_and_without_a_framework(tmp_path):
    """HF_HOME may be a folder that nobody can write to, or no folder at all."""
    (tmp_path / "a file").touch()
    code = (
        "import sys; from course_utils.data import load; d = load('mnist'); "
        "print(len(d['train']), {'torch', 'tensorflow'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=session.ROOT,
        env={**os.environ, "HF_HOME": str(tmp_path / "a file" / "home")},
    )
    assert done.stdout == "9001 set()\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]
