"""A folder for a small notebook."""

from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path) -> Path:
    """Return a place for 01_small.ipynb in which its links lead somewhere."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "colab-badge.svg").write_text("<svg/>")
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "02_next.ipynb").write_text('{"cells": []}')
    return notebooks
