"""Answers to the exercise of notebook 00 as learners give them, from its text alone."""

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
