"""``python -m course_tools`` is ``vit-course``."""

from course_tools.cli import app

app(prog_name="vit-course")
