"""What notebook 06 measures on a set of pictures; benchmarks/nb06.py runs it.

Each function of ``STAGES`` takes our ViT, the set, a reference set and the number of
the set, and returns numbers and lists by name.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional as F

from course_utils import explain

GONE = (0, 1, 3, 6, 9, 12, 18, 24, 30)  # patches that are deleted, or inserted
FEW = 32  # pictures with which CKA is measured once more


class Sample(NamedTuple):
    """Pictures (B, C, H, W), from -1 to 1, labels (B,), share of object (B, N)."""

    images: torch.Tensor
    labels: torch.Tensor
    covered: np.ndarray


# Passing through a part of the model


def embedded(model, images):
    """Return the tokens (B, T, D) before the first block."""
    first = model.class_token.expand(len(images), -1, -1)
    return torch.cat([first, model.embed(images)], dim=1) + model.positions


def through(model, x, blocks):
    """Return the tokens before the first of some blocks, and after each of them."""
    states = [x]
    for block in blocks:
        states.append(block(states[-1])[0])
    return states


def logits_from(model, x, block=0):
    """Return the logits if ``x`` (B, T, D) are the tokens before ``block``."""
    return model.head(model.norm(through(model, x, model.blocks[block:])[-1])[:, 0])


def accuracy(logits, labels):
    return float((logits.argmax(dim=-1) == labels).double().mean())


# Maps: object-like, and faithful


def maps_of(model, sample, number):
    """Return maps (B, N) by name; each says where the model looks, or guesses it."""
    asked = [explain.gather_torch(model, part) for part in sample.images.split(64)]
    weights = np.concatenate([part.weights for part in asked], axis=1)
    gradients = np.concatenate([part.gradients for part in asked], axis=1)
    shape = sample.covered.shape
    side = round(shape[1] ** 0.5)
    row, column = np.array(np.divmod(np.arange(shape[1]), side)) - (side - 1) / 2
    return {
        "last row": weights[-1].mean(axis=1)[:, 0, 1:],
        "blob": np.broadcast_to(-np.hypot(row, column), shape),
        "rollout": explain.rollout(weights)[:, 0, 1:],
        "relevance": explain.relevance(weights, gradients)[:, 0, 1:],
        "random": np.random.default_rng(number).uniform(size=shape),
        "rollout, wrong order": explain.rollout(weights[::-1])[:, 0, 1:],
    }


def maps(model, sample, reference, number):
    """Score maps against masks: area under the curve, and where the brightest is."""
    usable = (sample.covered.sum(axis=1) > 0) & (sample.covered.min(axis=1) < 1)
    covered = sample.covered[usable]
    areas, found = {}, {}
    for name, values in maps_of(model, sample, number).items():
        areas[name] = explain.auc(values[usable], covered)
        brightest = np.argmax(values[usable], axis=1)
        on_object = covered[np.arange(len(covered)), brightest] >= 0.5
        found[name] = {"brightest on object": float(on_object.mean())}
    for name, area in areas.items():
        apart = area - areas["blob"]
        error = apart.std(ddof=1) / len(apart) ** 0.5
        found[name] |= {
            "auc": float(area.mean()),
            "auc minus blob": float(apart.mean()),
        }
        found[name]["error of it over pictures"] = float(error)
    return {
        "maps": found,
        "best possible auc": float(explain.auc(covered, covered).mean()),
        "object, share of picture": float(covered.mean()),
        "object, share of patches": float((covered >= 0.5).mean()),
        "accuracy": accuracy(model(sample.images), sample.labels),
    }


def deletion(model, sample, reference, number):
    """Delete patches in the order of each map; how many answers stay, are right?"""
    whole, labels = model(sample.images).argmax(dim=1).numpy(), sample.labels.numpy()

    def grayed(stay):
        images = torch.from_numpy(explain.gray(sample.images, stay))
        return model(images).argmax(dim=1).numpy()

    def removed(stay):
        x, stay = embedded(model, sample.images), torch.from_numpy(stay)
        patches = x[:, 1:][stay].view(len(x), -1, x.shape[-1])  # (B, N, D) -> fewer
        x = torch.cat([x[:, :1], patches], dim=1)
        return logits_from(model, x).argmax(dim=1).numpy()

    ways = {
        "gray": (explain.deletion, grayed),
        "removed": (explain.deletion, removed),
        "inserted in gray": (explain.insertion, grayed),
    }
    found = {way: {} for way in ways}
    for name, values in maps_of(model, sample, number).items():
        for way, (walk, answer) in ways.items():
            answers = walk(answer, values, GONE)  # (S, B)
            found[way][name] = {
                "same answer": (answers == whole).mean(axis=1).tolist(),
                "right": (answers == labels).mean(axis=1).tolist(),
            }
    return found


# Blocks and heads


def distance(model, sample, reference, number):
    """Measure how far the heads look, in pixels: (L, h)."""
    _, attention = model(sample.images, return_attention=True)
    side = model.embed.project.kernel_size[0]
    weights = np.stack(attention).astype(np.float64)  # (L, B, h, T, T)
    even = np.full_like(weights[0, :1, :1], 1 / weights.shape[-1])
    found = {"to class token": weights[:, :, :, 1:, 0].mean(axis=(1, 3)).tolist()}
    for name, change in {"pixels": np.array, "not renormalized": _moved}.items():
        pixels = [explain.attention_distance(change(block), side) for block in weights]
        found[name] = np.mean(pixels, axis=1).tolist()  # (L, B, h) -> (L, h)
    return found | {"even look": float(explain.attention_distance(even, side)[0, 0])}


def _moved(weights):
    """Make the common mistake: count what went to the class token as a distance of 0.

    That is to say, move it to the token that looks.
    """
    moved = weights.copy()
    moved[..., 0] = 0
    tokens = np.arange(weights.shape[-1])
    moved[..., tokens, tokens] += weights[..., 0]
    return moved


def lens(model, sample, reference, number):
    """Read the class token, and at last the patches, under the head at each depth."""
    states = through(model, embedded(model, sample.images), model.blocks)
    each = sample.labels[:, None]
    patches = [accuracy(model.head(model.norm(x[:, 1:])), each) for x in states]
    return {
        "class token": [
            accuracy(model.head(model.norm(x[:, 0])), sample.labels) for x in states
        ],
        "without the norm": [
            accuracy(model.head(x[:, 0]), sample.labels) for x in states
        ],
        "patches": patches,
    }


def partners(labels):
    """Return for each picture another one of another class."""
    most = int(labels.bincount().max())
    if 2 * most > len(labels):
        raise ValueError("more than half of the pictures are of one class")
    order = labels.argsort(stable=True)
    found = torch.empty_like(order)
    found[order] = order.roll(-most)
    return found


def exchange(model, sample, reference, number):
    """Exchange the class tokens of two pictures before each block, and at the end."""
    states = through(model, embedded(model, sample.images), model.blocks)
    other, usual = partners(sample.labels), model(sample.images)
    found = {"own label": [], "partner's label": []}
    for block, x in enumerate(states):
        changed = torch.cat([x[other, :1], x[:, 1:]], dim=1)
        logits = logits_from(model, changed, block)
        if block == 0:
            assert torch.equal(logits, usual)  # all pictures begin with one token
        found["own label"].append(accuracy(logits, sample.labels))
        found["partner's label"].append(accuracy(logits, sample.labels[other]))
    return found


def knockout(model, sample, reference, number):
    """Put zero, or its mean over the reference, in the place of each head's output."""
    contexts = []  # of each block, (T, D): what the heads bring, mean over pictures
    hooks = [
        block.attention.out.register_forward_pre_hook(
            lambda _, inputs: contexts.append(inputs[0].mean(dim=0))
        )
        for block in model.blocks
    ]
    model(reference.images)
    for hook in hooks:
        hook.remove()
    states = through(model, embedded(model, sample.images), model.blocks)
    usual = logits_from(model, states[-1], len(model.blocks))
    found = {"accuracy": accuracy(usual, sample.labels)}
    for way in ("zero", "mean"):
        rows = found[way] = {"lost": [], "same answer": []}
        for block, mean in enumerate(contexts):
            logits = [
                _without(model, states[block], block, place, mean * (way == "mean"))
                for place in heads_of(model.blocks[block])
            ]
            right = [accuracy(one, sample.labels) for one in logits]
            rows["lost"].append([found["accuracy"] - one for one in right])
            same = [accuracy(one, usual.argmax(dim=1)) for one in logits]
            rows["same answer"].append(same)
    return found


def heads_of(block):
    """Return where the numbers of each head are in the output of all heads."""
    width = block.attention.out.in_features // block.attention.heads
    return [slice(k * width, (k + 1) * width) for k in range(block.attention.heads)]


def _without(model, x, block, place, value):
    """Return the logits if one head of a block brings ``value`` (T, D) instead."""

    def replace(_, inputs):
        context = inputs[0].clone()
        context[..., place] = value[..., place]
        return (context,)

    hook = model.blocks[block].attention.out.register_forward_pre_hook(replace)
    logits = logits_from(model, x, block)
    hook.remove()
    return logits


# Layers


def cka(model, sample, reference, number):
    """Compare the patches after each block with those after each other block."""
    states = through(model, embedded(model, sample.images), model.blocks)
    features = [x[:, 1:].numpy() for x in states]
    noise = np.random.default_rng(number).normal(size=(2, *features[0].shape))
    found = {}
    for name, measure in {
        "debiased": explain.cka,
        "biased": explain.cka_biased,
    }.items():
        found[name] = {
            "grid": _grid(measure, features),
            f"grid, {FEW} pictures": _grid(measure, [one[:FEW] for one in features]),
            "noise": measure(*noise),
            f"noise, {FEW} pictures": measure(*noise[:, :FEW]),
        }
    return found


def _grid(measure, features):
    grid = np.ones((len(features), len(features)))
    for i, j in zip(*np.tril_indices(len(features), -1), strict=True):
        grid[i, j] = grid[j, i] = measure(features[i], features[j])
    return grid.tolist()


def norms(model, sample, reference, number):
    """Look for registers and massive activations at each depth; 1 is the median."""
    found = {"largest patch norm": [], "largest activation": []}
    for x in through(model, embedded(model, sample.images), model.blocks):
        lengths, sizes = x[:, 1:].norm(dim=2), x[:, 1:].abs()
        ratio = lengths.amax(dim=1) / lengths.median(dim=1).values  # (B,)
        found["largest patch norm"].append(float(ratio.mean()))
        ratio = sizes.flatten(1).amax(dim=1) / sizes.flatten(1).median(dim=1).values
        found["largest activation"].append(float(ratio.mean()))
    return found


def probe(model, sample, reference, number):
    """Tell object from background by a linear layer on patches; IoU by depth."""
    known = through(model, embedded(model, reference.images), model.blocks)
    asked = through(model, embedded(model, sample.images), model.blocks)
    wanted = torch.from_numpy(reference.covered).float().flatten()
    truth = torch.from_numpy(sample.covered >= 0.5).flatten()
    found = []
    for x, y in zip(known, asked, strict=True):
        x, y = (F.pad(z[:, 1:].flatten(0, 1), (0, 1), value=1) for z in (x, y))
        ridge = x.T @ x + 0.1 * torch.eye(x.shape[1])
        guess = y @ torch.linalg.solve(ridge, x.T @ wanted) >= 0.5
        found.append(float((guess & truth).sum() / (guess | truth).sum()))
    return {"IoU": found, "IoU if all is object": float(truth.double().mean())}


STAGES = {
    stage.__name__: stage
    for stage in (
        *(maps, deletion, distance, lens, exchange, knockout, cka, norms, probe),
    )
}
