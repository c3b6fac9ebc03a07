"""The pictures that most tests of training use."""

import pytest
from stripes import SETTINGS, noisy, small_model, stopping, striped_images

from course_utils.training import Checkpoint, fit


@pytest.fixture(scope="session")
def train():
    return striped_images()


@pytest.fixture(scope="session")
def validation():
    return striped_images(30, seed=1)


@pytest.fixture
def folder(tmp_path, train, validation):
    """A checkpoint after two of three epochs."""
    with pytest.raises(KeyboardInterrupt):
        fit(
            stopping(small_model(), 13),
            train,
            validation,
            augment=noisy,
            callbacks=[Checkpoint(tmp_path)],
            **SETTINGS,
        )
    return tmp_path
