"""Mutants of solutions that do the same as the solution, each with the reason.

Keyed by exercise, then by the mutant as tests/mutants.py prints it. A mutant belongs
here only if no input that the statement allows can tell it from the solution.
"""

EQUAL: dict[str, dict[str, str]] = {}
