"""Where a trained ViT looks, and how far to believe it: arrays in, arrays out.

Letters as in the whole course: B pictures, h heads, T = N + 1 tokens, the class token
first, and N patches in as many rows as columns. Arrays may be CPU tensors. The last
three functions ask a model for such arrays; each knows one kind of model.
"""

from typing import NamedTuple

import numpy as np


def _checked(weights, block=0):
    """Return a block's weights as float64, or refuse what is no attention."""
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
    return weights


def _side(patches):
    """Return how many of the patches stand in a row of a square picture."""
    side = round(patches**0.5)
    if side * side != patches:
        raise ValueError(f"{patches} patches make no square; leave out other tokens")
    return side


# Maps


def rollout(attentions):
    """Follow attention through all blocks (Abnar and Zuidema 2020, section 3).

    Parameters
    ----------
    attentions : sequence of L arrays or CPU tensors, each of shape (B, h, T, T)
        The attention weights of the blocks, first block first. The heads are averaged;
        for a chosen one, give ``weights[:, [head]]`` of each block.

    Returns
    -------
    array, shape (B, T, T), float64
        Row t tells how much token t, after the last block, holds of each token of the
        input, if a block mixed its tokens by its attention and did nothing else. Each
        row sums to 1. ValueError if the weights are not those of a softmax over the
        last axis: then they are scores, or transposed.

    The common mistake is to multiply in the other order: a later block reads what the
    earlier ones wrote, so its matrix stands on the left.
    """
    steps = []
    for block, weights in enumerate(attentions):
        mean = _checked(weights, block).mean(axis=1)  # (B, h, T, T) -> (B, T, T)
        # The residual connection carries each token on beside what attention brings.
        steps.append((mean + np.eye(mean.shape[-1])) / 2)  # rows still sum to 1
    return _product(steps)


def relevance(attentions, gradients):
    """Follow what speaks for one class (Chefer et al. 2021, equations 5 and 6).

    Takes the attention weights, as ``rollout``, and the derivative of one logit by each
    of them, in the same shapes: see ``Gathered``. Returns (B, T, T), float64; ``[:, 0,
    1:]`` is the map of the patches, (B, N). ValueError as in ``rollout``, or if the
    gradients do not fit. The paper is "Generic Attention-model Explainability".

    The common mistake is to average the heads first and to drop the negative products
    afterward: a head that speaks against the class then cancels one that speaks for it.
    """
    steps = []
    for block, (weights, slopes) in enumerate(zip(attentions, gradients, strict=True)):
        weights, slopes = _checked(weights, block), np.asarray(slopes, np.float64)
        if weights.shape != slopes.shape:
            raise ValueError(f"gradients {slopes.shape} of weights {weights.shape}")
        brought = np.maximum(weights * slopes, 0).mean(axis=1)  # (B, T, T)
        steps.append(np.eye(weights.shape[-1]) + brought)
    return _product(steps)


def _product(steps):
    """Multiply the matrices (B, T, T) of all blocks, later ones on the left."""
    if not steps:
        raise ValueError("no attention weights; the model gave an empty list")
    total = steps[0]
    for step in steps[1:]:
        total = step @ total  # (B, T, T) @ (B, T, T)
    return total


# What a model has learned


def attention_distance(weights, patch_size):
    """How far from itself a patch looks, on average (ViT paper, appendix D.7).

    Takes the weights of one block, (B, h, T, T), and the side of a patch in pixels.
    Returns pixels, (B, h), the mean over all patches; compare them with those of equal
    weights. ValueError as in ``rollout``, or if N is no square.

    The common mistake is to cut off the class token and not to renormalize: what went
    to it then counts as a look at the patch itself, and the distance comes out short.
    """
    weights = _checked(weights)[:, :, 1:, 1:]  # (B, h, N, N)
    weights = weights / weights.sum(axis=-1, keepdims=True)
    patches = weights.shape[-1]
    row, column = np.divmod(np.arange(patches), _side(patches))
    apart = np.hypot(row[:, None] - row, column[:, None] - column)  # (N, N)
    return patch_size * (weights * apart).sum(axis=-1).mean(axis=-1)


def position_similarity(positions):
    """How alike the position embeddings of two patches are (ViT paper, figure 7).

    ``positions`` is an array (1, T, D) or (T, D), the class token's first. In what is
    returned, (rows, columns, rows, columns), from -1 to 1, ``[i, j]`` is the map of the
    patch in row i and column j. ValueError if N is no square.

    The common mistake is the plain dot product, in which long vectors look alike.
    """
    positions = np.asarray(positions, np.float64)
    positions = positions.reshape(-1, positions.shape[-1])[1:]  # (N, D)
    positions = positions / np.linalg.norm(positions, axis=1, keepdims=True)
    return (positions @ positions.T).reshape([_side(len(positions))] * 4)


def patch_filters(kernel):
    """Principal components of the patch projection (ViT paper, figure 7).

    ``kernel`` is an array (D, C, P, P), as PyTorch has it; of Keras's, take
    ``kernel.transpose(3, 2, 0, 1)``. Returns components (K, C, P, P) of length 1, the
    strongest first, and the share of the filters' variance that each carries, (K,); K
    is the smaller of D and C P P.

    The common mistake is to take shares of the singular values without squaring them.
    """
    kernel = np.asarray(kernel, np.float64)
    flat = kernel.reshape(len(kernel), -1)  # (D, C P P)
    _, singular, components = np.linalg.svd(flat - flat.mean(axis=0), False)
    largest = np.abs(components).argmax(axis=1, keepdims=True)
    components = components * np.sign(np.take_along_axis(components, largest, axis=1))
    shares = singular**2 / (singular**2).sum()
    return components.reshape(-1, *kernel.shape[1:]), shares


def cka(first, second):
    """Debiased linear CKA (Kornblith et al. 2019; Nguyen et al. 2021, equation 3).

    ``first`` and ``second``, of shapes (B, ...), are features of the same B pictures in
    the same order. Returns 1 if they are equal up to a rotation and a scale, and a
    number near 0, sometimes below it, if they have nothing to do with each other.
    ValueError if their B differ, or below 4 pictures.

    The common mistake is to keep the diagonal, which says that each picture is like
    itself. That is ``cka_biased``.
    """
    return _alignment(_off_diagonal(_gram(first)), _off_diagonal(_gram(second)))


def cka_biased(first, second):
    """Linear CKA as it is mostly computed (Kornblith et al. 2019, section 3).

    As ``cka``, but near 1 for any features, noise too, that outnumber the pictures. The
    common mistake is not to subtract the mean of each feature.
    """
    return _alignment(_gram(first), _gram(second))


def _gram(features):
    flat = np.asarray(features, np.float64)
    if len(flat) < 4:
        raise ValueError(f"CKA needs at least 4 pictures, not {len(flat)}")
    flat = flat.reshape(len(flat), -1)
    flat = flat - flat.mean(axis=0)
    return flat @ flat.T  # (B, F) @ (F, B) -> (B, B)


def _off_diagonal(gram):
    """Take out the diagonal, then center what is left (Song et al. 2012)."""
    count = len(gram)
    gram = gram - np.diag(np.diag(gram))
    sums = gram.sum(axis=0)
    gram = gram - (sums[:, None] + sums) / (count - 2)
    gram = gram + sums.sum() / ((count - 1) * (count - 2))
    return gram - np.diag(np.diag(gram))


def _alignment(first, second):
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} pictures against {len(second)}; give the same")
    norms = np.linalg.norm(first) * np.linalg.norm(second)
    return float((first * second).sum() / norms)


# How good a map is


def cover(masks, patch_size):
    """Share of each patch that the object covers: (B, H, W), 0 to 1, to (B, N).

    ValueError for values above 1: the common mistake is a mask from 0 to 255.
    """
    masks = np.asarray(masks, np.float64)
    if masks.max() > 1:
        raise ValueError(f"masks go up to {masks.max():g}; divide them by 255")
    images, rows, _ = masks.shape
    masks = masks.reshape(images, rows // patch_size, patch_size, -1, patch_size)
    return masks.mean(axis=(2, 4)).reshape(images, -1)  # -> (B, N)


def auc(maps, covered):
    """Area under the ROC curve of each map against its mask (Fawcett 2006, section 7).

    It is how often a pixel of the object has a higher value than one off it. Takes
    ``maps`` (B, N) and what ``cover`` returns, (B, N); returns (B,): 0.5 for a map that
    knows nothing, and, where a patch is half object, below 1 even for the best,
    ``auc(covered, covered)``. ValueError if a picture is all object or has none.

    The common mistake is to count equal values as right: a map of one color then gets 1
    in place of 0.5.
    """
    maps, covered = np.asarray(maps, np.float64), np.asarray(covered, np.float64)
    pairs = covered.sum(axis=1) * (1 - covered).sum(axis=1)
    if not pairs.all():
        raise ValueError(f"picture {pairs.argmin()} is all object, or has none")
    one, other = maps[:, :, None], maps[:, None]  # (B, N, 1) and (B, 1, N)
    wins = (one > other) + 0.5 * (one == other)  # (B, N, N)
    return np.einsum("bi,bij,bj->b", covered, wins, 1 - covered) / pairs


def deletion(answer, maps, counts):
    """Ask a model again while what a map ranks first goes away (Petsiuk et al. 2018).

    The paper is "RISE", section 4. If a map tells what an answer rests on, the answer
    changes soon. ``answer`` is a function from an array (B, N), true for the patches
    that stay, to an array (B, ...): say, probabilities of pictures whose other patches
    ``gray`` has covered. ``maps`` is an array (B, N), of which equal values go in the
    order of reading, and ``counts`` holds S numbers of patches, from 0 to N. Returns
    the answers, (S, B, ...).

    The common mistake is to use ``argsort`` as ranks: it says which patch comes at each
    rank, not which rank each patch has.
    """
    ranks = _ranks(maps)
    return np.stack([answer(ranks >= count) for count in counts])


def insertion(answer, maps, counts):
    """As ``deletion``, but only the first ``counts`` patches are there (section 4).

    The common mistake is to sort upward, which is how ``argsort`` sorts.
    """
    ranks = _ranks(maps)
    return np.stack([answer(ranks < count) for count in counts])


def _ranks(maps):
    order = np.argsort(-np.asarray(maps), axis=1, kind="stable")
    return np.argsort(order, axis=1)  # (B, N): 0 for the patch with the highest value


def gray(images, stay, fill=0.0):
    """Return images (B, C, H, W) in which patches that do not ``stay`` have one color.

    ``stay`` is an array (B, N) of booleans. The common mistake is to leave ``fill`` at
    0, a middle gray, where pixels do not go from -1 to 1.
    """
    images, stay = np.asarray(images), np.asarray(stay)
    side = _side(stay.shape[1])
    patch_size = images.shape[-1] // side
    stay = stay.reshape(-1, 1, side, side).repeat(patch_size, 2).repeat(patch_size, 3)
    return np.where(stay, images, np.asarray(fill, images.dtype))


# Asking a model


class Gathered(NamedTuple):
    """Logits (B, K), attention weights and their gradients, both (L, B, h, T, T).

    The gradients are of one logit for each picture. The common mistake is to take those
    of the loss, which vanish where the model is sure.
    """

    logits: np.ndarray
    weights: np.ndarray
    gradients: np.ndarray


def gather_torch(model, images, classes=None):
    """Ask our ``course_utils.vit.torch.ViT``, about ``classes`` (B,) or its answers."""
    return _gather(model, images, classes, return_attention=True)


def gather_hf(model, images, classes=None):
    """Ask a ViT of transformers, loaded with ``attn_implementation="eager"``."""
    return _gather(model, images, classes, output_attentions=True, return_dict=False)


def _gather(model, images, classes, **how):
    import torch

    if model.training:
        raise ValueError("the model is in training mode; call model.eval() first")
    images = images.detach().clone().requires_grad_()  # for a frozen model, too
    with torch.enable_grad():
        logits, *weights = model(images, **how)
        if not weights or not weights[0]:
            raise ValueError('no weights; call model.set_attn_implementation("eager")')
        classes = logits.argmax(dim=1) if classes is None else torch.as_tensor(classes)
        chosen = logits.gather(1, classes.to(logits.device)[:, None])  # (B, 1)
        gradients = torch.autograd.grad(chosen.sum(), weights[0])
    found = logits, torch.stack(tuple(weights[0])), torch.stack(gradients)
    return Gathered(*(part.detach().float().cpu().numpy() for part in found))


def gather_keras(model, images, classes=None):
    """Ask our ``course_utils.vit.keras.ViT``; images are (B, H, W, C)."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        logits, weights = model(images, training=False, return_attention=True)
        classes = tf.argmax(logits, axis=1) if classes is None else classes
        chosen = tf.gather(logits, classes, batch_dims=1)  # (B, K) -> (B,)
    gradients = tape.gradient(chosen, weights)
    return Gathered(logits.numpy(), np.stack(weights), np.stack(gradients))
