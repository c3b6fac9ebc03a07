"""``python -m course_utils`` is ``vit-course``."""

from course_utils.cli import app

app(prog_name="vit-course")
