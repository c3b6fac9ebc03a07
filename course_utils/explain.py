"""Where a trained ViT looks: arrays in, arrays out."""

import numpy as np


def rollout(attentions):
    """Follow attention through all blocks (Abnar and Zuidema 2020, section 3).

    Parameters
    ----------
    attentions : sequence of L arrays or CPU tensors, each of shape (B, h, T, T)
        The attention weights of the blocks, first block first.

    Returns
    -------
    array, shape (B, T, T), float64
        Row t tells how much of each token of the input token t holds after the last
        block, if a block mixed its tokens by its attention and did nothing else. Each
        row sums to 1. ValueError if the weights are not those of a softmax over the
        last axis: then they are scores, or transposed.
    """
    total = None
    for block, weights in enumerate(attentions):
        weights = np.asarray(weights, dtype=np.float64)
        if weights.ndim != 4 or weights.shape[-1] != weights.shape[-2]:
            raise ValueError(
                f"block {block} has weights of shape {weights.shape}; give "
                "each block's as (images, heads, tokens, tokens)"
            )
        if weights.min() < 0 or not np.allclose(weights.sum(-1), 1, atol=1e-3):
            raise ValueError(
                f"rows of block {block} do not sum to 1; give the weights after the "
                "softmax, with the keys on the last axis"
            )
        mean = weights.mean(axis=1)  # (B, h, T, T) -> (B, T, T)
        # The residual connection carries each token on beside what attention brings.
        mixed = (mean + np.eye(mean.shape[-1])) / 2  # (B, T, T), rows still sum to 1
        total = mixed if total is None else mixed @ total  # (B, T, T) @ (B, T, T)
    if total is None:
        raise ValueError("no attention weights; the model gave an empty list")
    return total
