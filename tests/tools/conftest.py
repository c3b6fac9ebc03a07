"""The tests of the command see a terminal of 120 columns, whoever runs them."""

import pytest

from course_utils import session


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    """Hide the settings of the caller that change what the command prints."""
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(session, "_chosen", None)
