"""The shared package of the Vision Transformer course.

Importing it loads neither torch nor tensorflow nor transformers; each notebook
imports the parts it needs.
"""

__version__ = "0.1.0"

from course_utils.session import Run, setup

__all__ = ["Run", "__version__", "setup"]
