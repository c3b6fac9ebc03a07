"""The scripts that the lessons 08 and 09 open with, and their cells."""

import pytest
from checks import copies

from course_utils.session import ROOT

EXAMPLES = ROOT / "examples"
SCRIPTS = {"transformers": "finetune_transformers.py", "keras": "finetune_keras.py"}
BOTH = pytest.mark.parametrize("kind", SCRIPTS)


def blocks(kind):
    """Return the cells of a script."""
    return copies.blocks((EXAMPLES / SCRIPTS[kind]).read_text("utf-8"))
