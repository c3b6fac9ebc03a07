"""Attention and patches in NumPy, as notebooks 01 and 03 derive them."""

import numpy as np


def softmax(scores: np.ndarray) -> np.ndarray:
    """Softmax along the last axis, safe for scores of any size.

    Scores (..., M) become weights (..., M), and every row sums to 1. A score of
    ``-inf`` gets weight 0; a row of nothing but ``-inf`` gives nan.
    """
    shifted = scores - scores.max(axis=-1, keepdims=True)  # largest is now 0
    exponentials = np.exp(shifted)
    return exponentials / exponentials.sum(axis=-1, keepdims=True)


def attention_weights(
    queries: np.ndarray, keys: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Softmax of scaled dot products (Vaswani et al. 2017, equation 1).

    Parameters
    ----------
    queries : array, shape (..., N, d)
    keys : array, shape (..., M, d)
    mask : array of bool, shape (..., N, M), optional
        True where a query may look at a key. The weights of a query without any True
        are nan.

    Returns
    -------
    array, shape (..., N, M); every row sums to 1.
    """
    d = queries.shape[-1]
    scores = queries @ keys.swapaxes(-1, -2)  # (..., N, d) @ (..., d, M) -> (..., N, M)
    scores = scores / d**0.5
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    return softmax(scores)


def attention(
    queries: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1).

    Queries, keys and mask are those of ``attention_weights``; values have shape
    (..., M, v). The result has shape (..., N, v), and each of its rows is a weighted
    mean of the rows of ``values``.
    """
    weights = attention_weights(queries, keys, mask)
    return weights @ values  # (..., N, M) @ (..., M, v) -> (..., N, v)


def patchify(images: np.ndarray, patch_size: int) -> np.ndarray:
    """Cut images into square patches, row by row (ViT paper, section 3.1).

    Images (B, H, W, C) become patches (B, N, P * P * C), where P is ``patch_size`` and
    N = (H / P) * (W / P); patch 0 is top left. Raises a ValueError if P does not
    divide height and width.
    """
    B, H, W, C = images.shape
    P = patch_size
    if H % P or W % P:
        raise ValueError(
            f"{H} x {W} pixels do not divide into patches of {P} x {P}; "
            f"crop or resize to multiples of {P}, or change the patch size"
        )
    grid = images.reshape(B, H // P, P, W // P, P, C)  # split rows and columns
    grid = grid.swapaxes(2, 3)  # (B, H/P, P, W/P, P, C) -> (B, H/P, W/P, P, P, C)
    return grid.reshape(B, -1, P * P * C)  # -> (B, N, P*P*C)


def sincos_positions(rows: int, columns: int, dim: int) -> np.ndarray:
    """Fixed 2-D sine-cosine position embedding (Vaswani et al. 2017, section 3.5).

    Gives an array of shape (rows * columns, dim), in patchify's order, with values from
    -1 to 1. Half of the numbers encode the row of a patch, half its column, as in
    MoCo v3 (Chen et al. 2021) and Beyer et al. 2022; which number stands where differs
    by code base. Raises a ValueError if ``dim`` is not a multiple of 4.
    """
    if dim % 4:
        raise ValueError(
            f"dim {dim} is not a multiple of 4; sine and cosine of row and column "
            f"need equal shares, use {dim // 4 * 4 + 4}"
        )
    frequencies = 10_000.0 ** (-np.arange(dim // 4) / (dim // 4))  # (D/4,)
    row, column = np.divmod(np.arange(rows * columns), columns)  # each (N,)
    angles = [place[:, None] * frequencies for place in (row, column)]  # each (N, D/4)
    return np.concatenate([f(a) for a in angles for f in (np.sin, np.cos)], axis=1)
