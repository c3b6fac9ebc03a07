"""Drawn pictures, and the models that learn from them, for benchmarks/nb15.py.

Three families learn the eight classes of ``drawing/conflict.py`` from pictures in which
outline and texture agree, and the ten of drawn-cifar10: tiny-vit, which begins with
its pre-trained weights, the same ViT from random weights, and a CNN of as many
parameters from random weights. The second stands between the other two: it has the
architecture of the one and the beginning of the other.
"""

import itertools

import numpy as np
import torch
from torch import nn

from course_utils.convert.torch import from_hf
from course_utils.data import load
from course_utils.data.checkpoints import bundled
from course_utils.finetune import torch as finetune
from course_utils.training import predict, small_affine, to_tensors
from course_utils.vit.torch import ViT
from drawing import conflict

SIDE = 48
FAMILIES = ("tiny-vit, fine-tuned", "same ViT, from scratch", "CNN, from scratch")
RATES = (0.0002, 0.0006, 0.002, 0.006)
STEPS, BATCH = 150, 16
WIDTHS, STRIDES = (24, 32, 64, 128, 180), (2, 1, 2, 2, 2)
NUMBERS = {"train": 40, "validation": 15}  # of each class, where both cues agree
CONFLICTS, CONTROLS = 4, 20  # test pictures of each pair, of each class and control
COVERED = (0, 9, 18, 27, 32)  # of 36 patches


# Pictures


def tensor(pictures):
    """Return PIL pictures as a tensor (B, 3, H, W), -1 black to 1 white."""
    pixels = torch.from_numpy(np.stack([np.asarray(x) for x in pictures]))
    return pixels.permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()


def conflict_pictures():
    """Return kind -> images and the numbers of their outlines and textures.

    ``train`` and ``validation`` hold outlines with their own texture; ``both``,
    ``conflict``, ``outline`` and ``texture`` are test pictures. -1 stands for none.
    """
    kinds = {"train": ("both", "train", NUMBERS["train"])}
    kinds["validation"] = "both", "validation", NUMBERS["validation"]
    for kind in ("both", "outline", "texture"):
        kinds[kind] = kind, "test", CONTROLS
    kinds["conflict"] = "conflict", "test", CONFLICTS
    found = {}
    for name, (kind, split, count) in kinds.items():
        wanted = list(itertools.product(conflict.pairs(kind), range(count)))
        images = [conflict.picture(*pair, i, split) for pair, i in wanted]
        numbers = [
            [-1 if x is None else conflict.NAMES.index(x) for x in pair]
            for pair, _ in wanted
        ]
        outline, texture = torch.tensor(numbers).T
        found[name] = tensor(images), outline, texture
    return found


def cifar10_pictures():
    """Return drawn-cifar10 as tiny-vit sees it: train 900, validation 100, test 500."""
    data = load("cifar10")
    found = {}
    for split in ("train", "validation", "test"):
        images, labels = to_tensors(data[split])
        images = nn.functional.interpolate(
            images, size=(SIDE, SIDE), mode="bilinear", antialias=True
        )
        found[split] = images, labels, labels
    return found


# Models


def build(names, family, classes, seed):
    """Return a model for pictures (B, 3, 48, 48); ``names`` are the lesson's."""
    torch.manual_seed(seed)
    if family == "tiny-vit, fine-tuned":
        labels = [str(number) for number in range(classes)]
        with finetune.quiet():
            return from_hf(finetune.pretrained(bundled("tiny-vit"), labels))
    if family == "same ViT, from scratch":
        model = ViT(SIDE, 8, 3, classes, dim=128, depth=6, heads=4, mlp_dim=256)
        nn.init.normal_(model.positions, std=0.02)
        return model
    return names["CNN"](3, classes, WIDTHS, STRIDES)


def varied(images):
    """Mirror half of the pictures; turn, shift and zoom all a little."""
    mirrored = torch.rand(len(images)) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return small_affine(images, degrees=8, shift=0.08)


def learned(names, family, train, rate, seed, steps=STEPS):
    """Return a model of the family that has learned ``train``."""
    images, labels, _ = train
    model = build(names, family, int(labels.max()) + 1, seed)
    how = dict(steps=steps, batch=BATCH, augment=varied)
    return names["learn"](model, images, labels, rate, seed, **how)


# Measures


def decisions(model, kinds):
    """Count right answers where cues agree or stand alone, and who wins a conflict.

    ``outline`` and ``texture`` count conflict pictures that are answered with the class
    of the one or of the other; the rest is neither.
    """
    found = {}
    for kind, (images, outline, texture) in kinds.items():
        if kind == "train":
            continue
        answers = predict(model, images).argmax(dim=1)
        if kind == "conflict":
            found["outline wins"] = int((answers == outline).sum())
            found["texture wins"] = int((answers == texture).sum())
            found["conflicts"] = len(answers)
        else:
            truth = texture if kind == "texture" else outline
            found[kind if kind == "validation" else f"{kind} right"] = int(
                (answers == truth).sum()
            )
    found["test"] = found["both right"]
    return found


@torch.inference_mode()
def removed_tokens(model, images, keep):
    """Return logits of a ViT that gets the tokens ``keep`` (B, k) of each picture."""
    tokens = model.embed(images) + model.positions[:, 1:]  # (B, N, D)
    rows = keep[..., None].expand(-1, -1, tokens.shape[2])
    first = (model.class_token + model.positions[:, :1]).expand(len(images), -1, -1)
    x = torch.cat([first, tokens.gather(1, rows)], dim=1)  # (B, k + 1, D)
    for block in model.blocks:
        x, _ = block(x)
    return model.head(model.norm(x)[:, 0])


def grayed(images, keep, patch):
    """Return pictures whose patches other than ``keep`` (B, k) are gray, 0."""
    grid = images.shape[-1] // patch
    seen = torch.zeros(len(images), grid * grid).scatter(1, keep, 1.0)
    mask = seen.view(-1, 1, grid, grid).repeat_interleave(patch, 2)
    return images * mask.repeat_interleave(patch, 3)


def broken(names, model, kinds):
    """Count right answers on whole, shuffled and partly covered test pictures."""
    images, labels, _ = kinds["test"]

    def count(logits):
        return int((logits.argmax(dim=1) == labels).sum())

    found = {"validation": names["right"](model, *kinds["validation"][:2])}
    found["test"] = count(predict(model, images))
    for pieces in (2, 6):
        mixed = names["cut_up"](images, pieces)
        found[f"{pieces} x {pieces} shuffled"] = count(predict(model, mixed))
    order = torch.rand(len(images), 36, generator=torch.Generator().manual_seed(0))
    order = order.argsort(dim=1)
    found["grayed"], found["removed"] = [], []
    for gone in COVERED:
        keep = order[:, gone:]
        found["grayed"].append(count(predict(model, grayed(images, keep, 8))))
        if isinstance(model, ViT):
            found["removed"].append(count(removed_tokens(model, images, keep)))
    return found
