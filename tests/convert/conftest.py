import shutil

import pytest
from conversions import RGB, save


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """Return the folder of a small checkpoint whose weights are all random."""
    return save(tmp_path_factory.mktemp("small") / "vit", **RGB)


@pytest.fixture
def copy(small, tmp_path):
    """Return a copy of the small checkpoint, to spoil."""
    return shutil.copytree(small, tmp_path / "copy")


@pytest.fixture(scope="module", autouse=True)
def no_progress_bars():
    from transformers.utils import logging

    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()
