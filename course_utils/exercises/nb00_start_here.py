"""The exercises of notebook 00: one to try how they work, one to read a heat map."""

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake

# --- 00.1 Count the patches ---------------------------------------------------------

count_the_patches = Exercise(
    id="00.1",
    title="Count the patches",
    solution=16,
    mistakes=(
        Mistake(
            49,
            "49 is the number of pixels *in* one patch, 7 times 7. "
            "The question is how many patches cover the image.",
        ),
        Mistake(
            4,
            "4 patches fit side by side in one row. How many rows are there?",
        ),
        Mistake(784, "784 is the number of pixels of the whole image."),
        Mistake(
            17,
            "17 is the number of tokens that a ViT works on, with the class token. "
            "The class token is no patch.",
        ),
        Mistake(
            112,
            "You divided the pixels of the whole image by the *side* of a patch. "
            "How many pixels does one patch cover?",
        ),
        Mistake(
            8,
            "You added the patches along two sides. How do you count the squares "
            "of a chessboard?",
        ),
        Mistake(
            484,
            "484 patches of this size fit if they may overlap. A ViT cuts the "
            "image like a sheet of stamps: no pixel belongs to two patches.",
        ),
        Mistake(
            196,
            "196 is the number for a larger image: 224 pixels a side, cut into "
            "patches of 16. Here both numbers are smaller.",
        ),
        Mistake(
            (4, 4),
            "Those are the rows and the columns. How many patches is that in all?",
        ),
    ),
    hints=(
        "How many patches fit side by side along the upper edge of the image?",
        "28 / 7 of them fit in a row, and there are as many rows as columns.",
    ),
    because="Four patches fit along each side, and 4 x 4 cover the image.",
)


# --- 00.2 The brightest patch -------------------------------------------------------


def brightest_patch(weights):
    """Row and column of the patch with the largest weight, from 0."""
    patches = weights[1:]  # the first weight is the class token's
    side = round(len(patches) ** 0.5)
    return divmod(np.argmax(patches), side)


def _row(patches, first):
    """Return weights that sum to 1: the class token's, then those of a grid."""
    patches = np.array(patches, dtype=float).ravel()
    return np.concatenate([[first], (1 - first) * patches / patches.sum()])


def _with_class_token(weights):
    return divmod(int(np.argmax(weights)), round((len(weights) - 1) ** 0.5))


def _one_less(weights):
    return divmod(int(np.argmax(weights)) - 1, round((len(weights) - 1) ** 0.5))


def _without_the_last(weights):
    return brightest_patch(np.roll(weights, 1))


def _side_of(side):
    return lambda weights: divmod(int(np.argmax(weights[1:])), side)


def _index(weights):
    return int(np.argmax(weights[1:]))


def _darkest(weights):
    return brightest_patch(-weights)


def _column_first(weights):
    return brightest_patch(weights)[::-1]


def _from_one(weights):
    row, column = brightest_patch(weights)
    return row + 1, column + 1


def _from_one_column_first(weights):
    return _from_one(weights)[::-1]


def _divided(weights):
    index, side = _index(weights), round((len(weights) - 1) ** 0.5)
    return index / side, index % side


brightest_patch_exercise = Exercise(
    id="00.2",
    title="The brightest patch",
    solution=brightest_patch,
    cases=(
        (_row([[1, 2, 1, 1], [3, 2, 9, 1], [1, 4, 2, 3], [2, 1, 1, 2]], 0.1),),
        (_row([[1, 2, 3], [2, 1, 2], [5, 1, 2]], 0.05),),
        (_row([[2, 1, 1], [1, 1, 6], [2, 3, 1]], 0.7),),
        (_row(np.cos(np.arange(36.0)) + 2 + 3 * (np.arange(36) == 29), 0.2),),
        (_row([[1, 2, 1], [2, 3, 1], [1, 1, 8]], 0.1),),
        (_row(np.arange(25.0) % 7 + 9 * (np.arange(25) == 3), 0.1),),
    ),
    mistakes=(
        Mistake(
            _with_class_token,
            "The first weight belongs to the class token, which is no patch. It moves "
            "all patches on by one, and here and there it is the largest itself.",
        ),
        Mistake(
            _one_less,
            "Subtracting 1 makes up for the class token, unless its own weight is the "
            "largest. Leave it out before you search.",
        ),
        Mistake(
            _without_the_last,
            "You left out the *last* weight. The class token comes first.",
        ),
        Mistake(
            _column_first,
            "That is column and row. The row comes first.",
        ),
        Mistake(
            _from_one,
            "You count from 1. Rows and columns are counted from 0, as in NumPy.",
        ),
        Mistake(
            _from_one_column_first,
            "Two things: rows and columns count from 0, and the row comes first.",
        ),
        Mistake(
            _index,
            "That is the number of the patch. In which row of the grid does it lie, "
            "and in which column?",
        ),
        Mistake(
            _darkest,
            "That is the patch with the *smallest* weight.",
        ),
        Mistake(
            lambda weights: float(np.max(weights[1:])),
            "That is the largest weight itself. Wanted is where it stands.",
        ),
        Mistake(
            _side_of(6),
            "Six patches a side is right for tiny-vit only. The side follows from the "
            "number of weights.",
        ),
        Mistake(
            _divided,
            "`/` gives a fraction of a row. Whole rows come from `//`.",
        ),
    ),
    hints=(
        "Leave out the class token first. How many patches remain, and how many of "
        "them stand in one row?",
        "`np.argmax` gives the number of the largest weight. Divided by the side of "
        "the grid it gives the row, and the remainder is the column.",
        "With `patches = weights[1:]` and `side = round(len(patches) ** 0.5)`, "
        "`divmod(a, b)` gives quotient and remainder at once.",
    ),
    because="The class token stands first, and the patches follow like words on a "
    "page. Forgetting one of the two moves every heat map, and nothing complains.",
    alternatives=(
        lambda weights: np.unravel_index(
            np.argmax(weights[1:]), (round(len(weights[1:]) ** 0.5),) * 2
        ),
        lambda weights: [
            int(np.argmax(weights[1:])) // round(len(weights[1:]) ** 0.5),
            int(np.argmax(weights[1:])) % round(len(weights[1:]) ** 0.5),
        ],
    ),
)

EXERCISES = (count_the_patches, brightest_patch_exercise)
