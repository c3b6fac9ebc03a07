"""What a notebook and a text of the course promise about their form.

Each check takes a Notebook and returns a list of problems, empty if all is well.
tests/notebooks/test_notebooks.py runs them over the course, and
tests/notebooks/test_checks.py over a small notebook that breaks them one by one.
"""

from checks import code, form, outputs

CHECKS = (
    form.opening,
    form.valid,
    form.metadata,
    form.size,
    form.reading_time,
    form.predictions,
    form.headings,
    form.ending,
    form.alt_text,
    form.links,
    form.bare_numbers,
    form.emoji,
    form.absolute_paths,
    code.plain_python,
    code.array_formats,
    code.reports_on_loading,
    code.code_width,
    code.code_length,
    code.comparisons,
    code.one_framework,
    code.backend,
    outputs.executed,
    outputs.widgets,
    outputs.checked_cells,
    outputs.figures,
    outputs.exercises,
)
