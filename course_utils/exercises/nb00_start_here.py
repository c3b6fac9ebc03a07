"""The one exercise of notebook 00, to try how exercises work."""

from course_utils.exercises.judge import Exercise, Mistake

EXERCISES = (
    Exercise(
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
    ),
)
