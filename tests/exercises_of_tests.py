"""Small exercises, made up for the tests of how answers are judged."""

import dataclasses

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake


def double(x):
    return 2 * x


def triple(x):
    return 3 * x


DOUBLE = Exercise(
    id="99.1",
    title="Double",
    solution=double,
    cases=((np.array([1.0, 2.0]),), (np.array([[3.0]]),)),
    mistakes=(
        Mistake(triple, "You tripled."),
        Mistake(lambda x: 2 * x[0], "You took the first only."),
    ),
    hints=("Twice.",),
    because="Two of a kind.",
)
TENSORS = dataclasses.replace(DOUBLE, kinds=("torch",))
EITHER = dataclasses.replace(DOUBLE, kinds=("numpy", "torch"))
SEVEN = Exercise(
    id="99.2",
    title="Count to seven",
    solution=7,
    mistakes=(Mistake(8, "One too many: the fence has no post there."),),
    hints=("Count.",),
    because="There are seven.",
)
