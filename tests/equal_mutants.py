"""Mutants of solutions that do the same as the solution, each with the reason.

Keyed by exercise, then by the mutant as tests/mutants.py prints it. A mutant belongs
here only if no input that the statement allows can tell it from the solution.
"""

EQUAL: dict[str, dict[str, str]] = {
    "01.5": {
        "line 3, column 40: queries -> keys": "queries and keys have the same width",
    },
    "01.6": {
        "line 3, column 37: 0.0 -> 1.0": "the first block multiplies it by exp(-inf)",
        "line 3, column 42: 0.0 -> 1.0": "the first block multiplies it by exp(-inf)",
        "line 6, column 22: max(largest, scores.max()) -> max(scores.max(), largest)": (
            "the larger of two numbers, in either order"
        ),
    },
    "02.2": {
        "line 4, column 11: x.transpose(1, 2) -> x.transpose(2, 1)": (
            "a transpose exchanges two axes, in either order"
        ),
    },
    "02.4": {
        "line 3, column 31: -1 -> 1": "the last of two axes is axis 1",
        "line 4, column 30: -1 -> 1": "the last of two axes is axis 1",
    },
    "12.2": {
        "line 3, column 11: row // window * grid + column // window -> "
        "row // window * grid - column // window": (
            "any number that differs from window to window will do"
        ),
        "line 3, column 11: row // window * grid -> row // window / grid": (
            "any number that differs from window to window will do"
        ),
    },
    "12.4": {
        "line 2, column 17: q > 0 -> q >= 0": "x + 1 and exp(x) are both 1 at 0",
        "line 3, column 17: k > 0 -> k >= 0": "x + 1 and exp(x) are both 1 at 0",
        "line 4, column 12: k.swapaxes(-1, -2) -> k.swapaxes(-2, -1)": (
            "two axes change places, in either order"
        ),
    },
}
