"""When two results are the same, and in which simple way they are related if not."""

from collections.abc import Callable
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Turn tensors, nested lists and numbers into arrays; keep what is no array."""
    if hasattr(value, "detach"):  # a PyTorch tensor; NumPy has no bfloat16
        value = value.detach().cpu()
        return (value.float() if value.is_floating_point() else value).numpy()
    if callable(getattr(value, "numpy", None)):  # of TensorFlow, or a Keras variable
        return np.asarray(value.numpy())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [plain(item) for item in value]
        arrays = all(isinstance(item, np.ndarray) for item in items)
        alike = arrays and len({item.shape for item in items}) <= 1
        return np.array(items) if alike else items
    if isinstance(value, bool | int | float | complex | str | np.ndarray | np.generic):
        return np.asarray(value)
    return value


def same(first: Any, second: Any, tolerance: float) -> bool:
    """Compare arrays, tensors, text, or lists or dicts of them, up to a tolerance."""
    first, second = plain(first), plain(second)
    if isinstance(first, dict) and isinstance(second, dict):
        if first.keys() != second.keys():
            return False
        first, second = list(first.values()), [second[key] for key in first]
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(
            same(a, b, tolerance) for a, b in zip(first, second, strict=True)
        )
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        if first.shape != second.shape:
            return False
        if all(np.issubdtype(array.dtype, np.number) for array in (first, second)):
            return np.allclose(first, second, tolerance, tolerance, equal_nan=True)
        return bool(np.all(first == second))  # array_equal fails for text and numbers
    return first is second or (type(first) is type(second) and bool(first == second))


def changed(before: Any, after: Any) -> bool:
    """Say whether arrays, tensors, lists or dicts differ from their copies."""
    if isinstance(before, dict):  # the order of its keys counts, too
        before, after = list(before.items()), list(after.items())
    if isinstance(before, list | tuple):
        return len(before) != len(after) or any(map(changed, before, after))
    before = plain(before)
    return isinstance(before, np.ndarray) and not same(before, after, 0.0)


def relation(pairs: list[tuple[Any, Any]], tolerance: float) -> str | None:
    """Name a simple relation of wanted to given numbers that holds on every case."""
    pairs = [(plain(wanted), plain(given)) for wanted, given in pairs]
    arrays = [array for pair in pairs for array in pair]
    if not all(isinstance(a, np.ndarray) and a.dtype.kind in "iuf" for a in arrays):
        return None

    def equal(left: Callable, right: Callable) -> bool:
        return all(same(left(a), right(b), tolerance) for a, b in pairs)

    shapes_agree = all(a.shape == b.shape for a, b in pairs)
    if shapes_agree and (words := _relation_of_numbers(pairs, tolerance)):
        return words
    if not shapes_agree and equal(np.squeeze, np.squeeze):
        wanted, given = (array.shape for array in pairs[0])
        return (
            f"The numbers are right, the shape is not: yours is {given}, wanted is "
            f"{wanted}. Look at the axes of size 1."
        )
    if all(a.ndim > 1 for a in arrays) and equal(
        np.asarray, lambda given: given.swapaxes(-1, -2)
    ):
        return "Your result is transposed: the last two axes have changed places."
    if shapes_agree and all(
        same(np.sort(a, None), np.sort(b, None), tolerance) for a, b in pairs
    ):
        return "These are the right numbers in another order."
    return None


def _relation_of_numbers(pairs: list, tolerance: float) -> str | None:
    """Find a relation that holds for each number alone."""
    wanted, given = (
        np.concatenate([np.ravel(array).astype(float) for array in side])
        for side in zip(*pairs, strict=True)
    )
    if wanted.size < 2 or not np.isfinite([wanted, given]).all():
        return None
    # Whole numbers that are off by one are not rounded. Each case has its own scale,
    # because the numbers of another case may be much larger.
    if not np.array_equal(wanted, wanted.round()) and all(
        np.allclose(a, b, 1e-2, 1e-2 * np.abs(a).mean()) for a, b in pairs
    ):
        return (
            "Your numbers are close, but not equal; the largest difference is "
            f"{np.abs(wanted - given).max():.2g}. Half precision, rounding or another "
            "small constant does that."
        )
    factor = given @ wanted / (wanted @ wanted) if wanted.any() else 0.0
    offset = (given - wanted).mean()
    if same(-wanted, given, tolerance):
        return "Every number has the wrong sign."
    if factor and same(factor * wanted, given, tolerance):
        return f"Every number is {factor:.4g} times what it should be."
    if same(wanted + offset, given, tolerance):
        more = "large" if offset > 0 else "small"
        return f"Every number is too {more} by {abs(offset):.4g}."
    return None
