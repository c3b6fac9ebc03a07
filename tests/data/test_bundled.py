"""The bundled data: made again by its program, intact, read without a cache."""

import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_files import DIGITS, cut
from datasets import Features
from PIL import Image

from course_utils import session
from course_utils.data import load, sets
from drawing import make_digits


def pixels(table):
    cells = table.column("image").to_pylist()
    return [np.asarray(Image.open(io.BytesIO(cell["bytes"]))) for cell in cells]


def test_generator_makes_the_bundled_pixels_again(tmp_path):
    make_digits.make(tmp_path)
    for name in ("train.parquet", "test.parquet"):
        old, new = pq.read_table(DIGITS / name), pq.read_table(tmp_path / name)
        assert old.schema.equals(new.schema, check_metadata=True)
        assert old.column("label") == new.column("label")
        np.testing.assert_array_equal(pixels(old), pixels(new))
    old, new = (Image.open(folder / "digits.png") for folder in (DIGITS, tmp_path))
    np.testing.assert_array_equal(np.asarray(old), np.asarray(new))


def test_bundled_files_have_the_hub_s_schema():
    stored = Features.from_arrow_schema(pq.read_schema(DIGITS / "train.parquet"))
    assert stored == load("mnist")["train"].features


def test_card_tells_the_true_numbers():
    card = (DIGITS / "README.md").read_text(encoding="utf-8")
    files = [DIGITS / f"{split}.parquet" for split in ("train", "test")]
    labels = [pq.read_table(path)["label"] for path in files]
    counts = sum(np.bincount(column) for column in labels)
    for number in (sum(map(len, labels)), len(labels[0]), len(labels[1])):
        assert f"{number:,}" in card
    assert f"between {counts.min()} and {counts.max()}" in card


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
    shutil.copytree(DIGITS, tmp_path / "data" / "digits")
    monkeypatch.setattr(sets, "ROOT", tmp_path)
    harm(tmp_path / "data" / "digits")
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
    assert done.stdout == "1295 set()\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a file"]
