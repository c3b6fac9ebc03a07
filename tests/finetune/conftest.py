import pytest
from tinted import tinted


@pytest.fixture(scope="session")
def some():
    """Return thirty pictures of three classes."""
    return tinted(30, seed=0)
