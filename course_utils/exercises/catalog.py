"""Which exercises exist, lesson by lesson; read without loading any framework."""

import contextlib
import importlib
import sys

# lesson (its notebook's name) -> exercise id -> title
LESSONS: dict[str, dict[str, str]] = {
    "00_start_here": {
        "00.1": "Count the patches",
    },
    "01_attention_math": {
        "01.1": "The right divisor",
        "01.2": "Log-softmax that keeps small weights",
        "01.3": "Backward through softmax without a Jacobian",
        "01.4": "Spot the bug: padding that leaks",
        "01.5": "Spot the bug: three slips and no error",
        "01.6": "Attention, one block of keys at a time",
    },
    "02_transformer_block": {
        "02.1": "Layer norm for images",
        "02.2": "Spot the bug: heads that mix tokens",
        "02.3": "A mask for words of different length",
        "02.4": "Cross-attention with one head",
        "02.5": "A parallel block",
        "02.6": "Spot the bug: a loss too good to be true",
    },
    "03_images_as_tokens": {
        "03.1": "Count tokens and weights",
        "03.2": "Spot the bug: a round trip that proves nothing",
        "03.3": "Patches in PyTorch's order",
        "03.4": "Spot the bug: a token without a place",
        "03.5": "Learned rows and columns",
        "03.6": "Positions for a larger image",
    },
    "04_vit_mnist_pytorch": {
        "04.1": "Count the parameters",
        "04.2": "Spot the bug: a projection that never learns",
        "04.3": "Spot the bug: a loss that cannot fall",
        "04.4": "Warm-up counted in steps",
        "04.5": "Accuracy from batches",
        "04.6": "The surest mistakes",
    },
    "05_vit_mnist_tensorflow": {
        "05.1": "Spot the bug: whole numbers for a categorical loss",
        "05.2": "Spot the bug: dropout that never acts",
        "05.3": "Spot the bug: softmax applied twice",
        "05.4": "A kernel moves house",
        "05.5": "Keras's own schedule",
    },
    "07_anatomy_of_the_hf_vit": {
        "07.1": "Undo the processor",
        "07.2": "From the file's name to the module's",
        "07.3": "Rows grouped by head",
        "07.4": "Spot the bug: nearly the same block",
        "07.5": "How large may the picture be?",
        "07.6": "Spot the bug: a loader that says nothing",
    },
    "08_finetune_cifar10_pytorch": {
        "08.1": "Spot the bug: scaled twice",
        "08.2": "Spot the bug: nothing was frozen",
        "08.3": "Spot the bug: another loss than you think",
        "08.4": "Rates layer by layer",
        "08.5": "Macro F1 by hand",
        "08.6": "Stop in time",
    },
    "09_finetune_cifar10_tensorflow": {
        "09.1": "Spot the bug: a loss for other labels",
        "09.2": "Spot the bug: the wrong layers frozen",
        "09.3": "Spot the bug: thawed, and nothing moves",
        "09.4": "Spot the bug: scaled gradients",
        "09.5": "A kernel for PyTorch",
    },
    "10_cats_vs_dogs_pytorch": {
        "10.1": "Spot the bug: the first n rows",
        "10.2": "Spot the bug: frozen, or not",
        "10.3": "Precision, recall and F1",
        "10.4": "Points of a ROC curve",
        "10.5": "A threshold for a cost",
        "10.6": "Expected calibration error",
        "10.7": "Spot the bug: never quite sure",
    },
    "11_cats_vs_dogs_tensorflow": {
        "11.1": "Spot the bug: the same augmentation each epoch",
        "11.2": "Spot the bug: a loss with a floor",
        "11.3": "Spot the bug: a step that forgets its mode",
        "11.4": "Stages of unfreezing",
        "11.5": "Weights for unequal classes",
        "11.6": "A threshold from Keras's counts",
    },
    "12_modify_a_vit": {
        "12.1": "Spot the bug: the frozen wrong layers",
        "12.2": "Who sees whom in windows",
        "12.3": "The report of a partial loading",
        "12.4": "Linear attention by hand",
    },
}


def lesson_of(exercise_id: str) -> str:
    """Return the lesson (its notebook's name) that an exercise belongs to.

    Raises
    ------
    ValueError
        If there is no such exercise; the message lists those of its lesson.
    """
    for lesson, titles in LESSONS.items():
        if exercise_id in titles:
            return lesson
    number = str(exercise_id)[:2]
    near = [i for titles in LESSONS.values() for i in titles if i[:2] == number]
    wanted = f"one of {', '.join(near)}" if near else 'like "01.2"'
    raise ValueError(
        f"there is no exercise {exercise_id!r}; write its number as text, {wanted}"
    )


def title(exercise_id: str) -> str:
    """Return the title of an exercise, or raise ValueError if there is none."""
    return LESSONS[lesson_of(exercise_id)][exercise_id]


def find(exercise_id: str):
    """Load the ``Exercise`` of this id from its lesson's module.

    Raises
    ------
    ValueError
        If there is no such exercise.
    """
    lesson = lesson_of(exercise_id)
    torch = sys.modules.get("torch")
    # Cases are made on the CPU, whatever torch.set_default_device says in the notebook.
    with torch.device("cpu") if torch else contextlib.nullcontext():
        module = importlib.import_module(f"course_utils.exercises.nb{lesson}")
    return next(e for e in module.EXERCISES if e.id == exercise_id)
