"""Each test of data has its own HF_HOME, no Hub, and no settings of the caller."""

import pyarrow.parquet as pq
import pytest
from data_files import (
    ANIMALS,
    GOOGLE,
    lay_out_digits,
    make_checkpoint,
    put_jpegs,
    write_set,
)
from hub_stand_in import REPO, isolate, serve_impatient

from course_utils import session
from course_utils.data import DataError, sets


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """Isolate a test, without the progress bars of datasets."""
    import datasets

    isolate(monkeypatch, tmp_path / "hf")
    monkeypatch.setattr(session, "_chosen", None)
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture
def server(monkeypatch, tmp_path):
    """Serve the digits as MNIST and a small checkpoint under Google's id."""
    folder = tmp_path / "served"
    lay_out_digits(folder / REPO)
    make_checkpoint(folder / GOOGLE)
    with serve_impatient(monkeypatch, folder) as hub_server:
        yield hub_server


@pytest.fixture
def local(monkeypatch, tmp_path):
    """Return a COURSE_HUB that has the digits as MNIST; the Hub is not asked."""
    lay_out_digits(tmp_path / "local" / REPO)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "local"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path / "local"


@pytest.fixture
def hub_sets(monkeypatch, tmp_path):
    """Return a COURSE_HUB with small sets that have the Hub's columns, sorted."""
    folder = tmp_path / "hub"
    breeds = [f"breed {i}" for i in range(37)]
    write_set(folder / "microsoft/cats_vs_dogs/data", "train", "labels", ANIMALS, 50)
    for split in ("train", "test"):
        write_set(folder / "timm/oxford-iiit-pet/data", split, "label", breeds, 6)
        classes = sets.DATA_SETS["cifar10"].names
        path = folder / "uoft-cs/cifar10/plain_text"
        write_set(path, split, "label", classes, 10, image="img")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(folder))
    return folder


@pytest.fixture
def cats(monkeypatch, tmp_path):
    """Return a function that writes the shards of cats_vs_dogs for COURSE_HUB."""
    folder = tmp_path / "hub" / "microsoft/cats_vs_dogs/data"
    folder.mkdir(parents=True)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "hub"))

    def write(*tables):
        for i, table in enumerate(tables):
            name = f"train-{i:05d}-of-{len(tables):05d}.parquet"
            pq.write_table(table, folder / name)
        return folder

    return write


@pytest.fixture
def folder(tmp_path):
    """Return a folder with 20 cats and 10 dogs."""
    put_jpegs(tmp_path / "mine" / "cat", 20)
    put_jpegs(tmp_path / "mine" / "dog", 10, 100)
    return tmp_path / "mine"


@pytest.fixture
def error_of():
    """Return a function that calls another one and returns its DataError's message."""

    def message(call, *arguments):
        with pytest.raises(DataError) as caught:
            call(*arguments)
        text = str(caught.value)
        assert len(text.splitlines()) == 1
        return text

    return message
