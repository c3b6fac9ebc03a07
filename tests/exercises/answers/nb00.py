"""Answers to the exercises of 00 as learners give them, from its text alone."""

import math

import numpy as np
from tests_answers import right, wrong

right("00.1", 16)
right("00.1", 4 * 4)
right("00.1", (28 / 7) ** 2)
right("00.1", 28 * 28 // (7 * 7))
right("00.1", np.int64(16))
right("00.1", len(range(0, 28, 7)) ** 2)

wrong("00.1", "counts the pixels of one patch", 49, says="*in* one patch")
wrong("00.1", "counts the patches of one row", 28 // 7, says="How many rows")
wrong("00.1", "counts the class token too", 17, says="is no patch")
wrong("00.1", "divides all pixels by the side of a patch", 28 * 28 / 7, says="*side*")
wrong(
    "00.1",
    "adds the two sides instead of multiplying them",
    28 // 7 + 28 // 7,
    says="chessboard",
)
wrong("00.1", "lets the patches overlap", (28 - 7 + 1) ** 2, says="overlap")
wrong("00.1", "knows the number of ViT-Base by heart", 196, says="larger image")
wrong("00.1", "counts the pixels of the image", 28 * 28, says="whole image")
wrong("00.1", "counts the borders between patches", 3 * 3)
wrong("00.1", "counts the corners of the patches", 5 * 5)
wrong("00.1", "gives rows and columns", (4, 4), says="in all")
wrong("00.1", "gives a text", "16", says="without quotes")


# 00.2: the brightest patch


def _grid(weights):
    side = math.isqrt(len(weights) - 1)
    return np.asarray(weights)[1:].reshape(side, side)


def _where(weights):
    grid = _grid(weights)
    rows, columns = np.where(grid == grid.max())
    return rows[0], columns[0]


def _by_loop(weights):
    side = int(math.sqrt(len(weights) - 1))
    best = (0, 0)
    for row in range(side):
        for column in range(side):
            here, there = 1 + row * side + column, 1 + best[0] * side + best[1]
            if weights[here] > weights[there]:
                best = (row, column)
    return best


def _by_list(weights):
    patches = list(weights)[1:]
    index = patches.index(max(patches))
    side = int(len(patches) ** 0.5)
    return [index // side, index % side]


def _by_rows_and_columns(weights):
    grid = _grid(weights)
    return grid.max(axis=1).argmax(), grid.max(axis=0).argmax()


right("00.2", _where)
right("00.2", _by_loop)
right("00.2", _by_list)
right("00.2", _by_rows_and_columns)
right("00.2", lambda w: np.unravel_index(_grid(w).argmax(), _grid(w).shape))
right("00.2", lambda w: np.array(divmod(w[1:].argmax(), math.isqrt(len(w)))))
right("00.2", lambda w: np.argwhere(_grid(w) == _grid(w).max())[0])

wrong(
    "00.2",
    "takes the class token for a patch",
    lambda w: divmod(np.argmax(w), int(len(w) ** 0.5)),
    says="first weight belongs to the class token",
)
wrong(
    "00.2",
    "corrects the index instead of leaving the token out",
    lambda w: divmod(w.argmax() - 1, int((len(w) - 1) ** 0.5)),
    says="unless its own weight is the largest",
)
wrong(
    "00.2",
    "cuts the wrong end off",
    lambda w: divmod(w[:-1].argmax(), int((len(w) - 1) ** 0.5)),
    says="class token comes first",
)
wrong("00.2", "gives x and y", lambda w: _where(w)[::-1], says="row comes first")
wrong(
    "00.2",
    "counts from one",
    lambda w: (_where(w)[0] + 1, _where(w)[1] + 1),
    says="count from 1",
)
wrong("00.2", "gives the index", lambda w: w[1:].argmax(), says="number of the patch")
wrong("00.2", "gives the weight", lambda w: max(w[1:]), says="largest weight itself")
wrong(
    "00.2",
    "knows tiny-vit's grid by heart",
    lambda w: np.unravel_index(w[1:].argmax(), (6, 6)),
    says="right for tiny-vit only",
)
wrong(
    "00.2",
    "reshapes by hand to the grid of the lesson",
    lambda w: w[1:].reshape(6, 6).argmax(),
)
wrong(
    "00.2",
    "searches the darkest patch",
    lambda w: np.unravel_index(_grid(w).argmin(), _grid(w).shape),
    says="*smallest* weight",
)
wrong(
    "00.2",
    "divides into fractions of a row",
    lambda w: (w[1:].argmax() / len(_grid(w)), w[1:].argmax() % len(_grid(w))),
    says="`//`",
)
wrong("00.2", "forgets to return", lambda w: None, says="return")
