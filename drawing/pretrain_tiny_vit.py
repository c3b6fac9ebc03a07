"""Pre-train tiny-vit: draw its data, train, write data/tiny-vit and data/drawn-world.

Usage: python -m drawing.pretrain_tiny_vit [--pictures N] [--epochs N] [--jobs N]

Runs on a CPU, one thread; the model card says how long it took.
The pictures and the state of the training are kept under build/pretraining, so that a
second call continues where the first one was stopped.

The model learns to name the subject of a picture, and with heads that are thrown away
afterward also where the subject and its parts are (eyes, ears, wheels) and, of an
animal, its coat, its pose and more: the drawing knows them all.
"""

import argparse
import functools
import json
import math
import os
import sys
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from datasets import ClassLabel, Features, Image
from PIL import Image as PILImage
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from course_utils.training import Checkpoint, adamw, evaluate, warmup_cosine
from course_utils.training.loop import State, own_randomness
from course_utils.vit.torch import ViT
from drawing import bundle, checkpoint, scene
from drawing.pen import PARTS
from drawing.world import SUBJECTS
from drawing.world.beasts import SEEN

BUILD = Path(__file__).resolve().parent.parent / "build" / "pretraining"
NAMES = sorted(SUBJECTS)
SIDE = 48
SEED = 0
SPLITS = {"train": 0, "validation": 1, "test": 2}  # a part of each picture's seed
SAMPLE = {"train": range(1000, 1006), "test": range(1006, 1009)}  # of split "test"
MODEL = dict(
    image_size=SIDE,
    patch_size=8,
    in_channels=3,
    num_classes=len(NAMES),
    dim=128,
    depth=6,
    heads=4,
    mlp_dim=256,
)
RECIPE = dict(lr=1.5e-3, batch_size=64, weight_decay=0.05, label_smoothing=0.05)
WEIGHTS = dict(details=0.3, place=1.0, parts=0.2)  # of losses beside the class's
LOOK = dict(turn=20, size=(0.7, 1.05))  # of the subject; see drawing/scene.py


# Pictures


def painting(split, name, row):
    """Paint picture ``row`` of the class ``name``; the same one each time.

    Returns the picture (48, 48, 3), the share of each pixel that the subject covers,
    hidden parts included (48, 48), the numbers of its parts (48, 48), all uint8, and
    the details (8,), int64: -1 for what it does not have.
    """
    draw, places = SUBJECTS[name]
    seen = {}

    def note(pen, rng):
        seen.update(draw(pen, rng) or {})

    seed = _seed(split, name, row)
    made = scene.painting(note, seed, SIDE, places=places, **LOOK)
    layers = [np.asarray(layer) for layer in (made.picture, made.whole, made.parts)]
    return *layers, np.array([seen.get(detail, -1) for detail in SEEN])


def picture(split, name, row):
    """Return picture ``row`` of the class ``name``: a PIL image, RGB, 48x48."""
    return PILImage.fromarray(painting(split, name, row)[0])


def mask(split, name, row):
    """Return what is seen of the subject in that picture: a PIL image, L, 48x48."""
    draw, places = SUBJECTS[name]
    return scene.mask(draw, _seed(split, name, row), SIDE, places=places, **LOOK)


def _seed(split, name, row):
    return [SPLITS[split], zlib.crc32(name.encode()), row]


def draw_class(split, name, count):
    """Return what ``painting`` does, stacked; kept under build/pretraining."""
    file = BUILD / split / f"{name}-{count}.npz"
    if not file.exists():
        rows = zip(*(painting(split, name, row) for row in range(count)), strict=True)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file.with_suffix(".tmp.npz"), *map(np.stack, rows))
        os.replace(file.with_suffix(".tmp.npz"), file)
    return list(np.load(file).values())


def draw_split(split, count, jobs):
    """Return pictures (n, 5, 48, 48), uint8, labels (n,) and details (n, 8), int64.

    After red, green and blue come the mask and the parts. There are ``count`` pictures
    of each class.
    """
    print(f"{split}: {count} pictures of each of {len(NAMES)} classes", flush=True)
    with ProcessPoolExecutor(jobs) as pool:
        parts = list(pool.map(functools.partial(draw_class, split, count=count), NAMES))
    *layers, details = (np.concatenate(part) for part in zip(*parts, strict=True))
    pixels = np.concatenate([layers[0], np.stack(layers[1:], axis=-1)], axis=-1)
    labels = np.repeat(np.arange(len(NAMES)), count)
    pixels = torch.from_numpy(pixels).permute(0, 3, 1, 2)  # -> (n, C, H, W)
    return pixels, torch.from_numpy(labels), torch.from_numpy(details)


def to_images(pixels):
    """Return (B, 3, 48, 48), -1 black to 1 white, of what ``draw_split`` returned."""
    return pixels[:, :3].float().div_(127.5).sub_(1)


# Augmentation: each picture gets its own draw of everything


def augment(pixels):
    """Turn, zoom, shift and mirror all layers; recolor and blur the pictures.

    From (B, 5, H, W), uint8, to images (B, 3, H, W), -1 to 1, masks (B, H, W), 0 to 1,
    and numbers of parts (B, H, W).
    """
    grid = _grid(len(pixels), pixels.shape[-2:])
    look = {"padding_mode": "reflection", "align_corners": False}
    layers = torch.cat([to_images(pixels), pixels[:, 3:4].float() / 255], dim=1)
    layers = F.grid_sample(layers, grid, **look)
    parts = F.grid_sample(pixels[:, 4:].float(), grid, "nearest", **look)
    images = _recolor(_coarsen(layers[:, :3]))
    return images, layers[:, 3].clamp(0, 1), parts[:, 0].long()


def _draws(count, low, high):
    return torch.empty(count).uniform_(low, high)


def _grid(count, shape):
    """Return (count, H, W, 2), for grid_sample: where each moved pixel is from."""
    angle = _draws(count, -math.pi / 18, math.pi / 18)
    scale = torch.exp(_draws(count, math.log(0.8), math.log(1.15)))  # below 1: zoom in
    side = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    stretch = torch.exp(_draws(count, -0.2, 0.2))
    cos, sin = angle.cos() * scale, angle.sin() * scale
    shift = _draws(2 * count, -0.1, 0.1).view(2, count)
    rows = [
        torch.stack([cos * side * stretch, -sin, shift[0]], 1),
        torch.stack([sin * side * stretch, cos, shift[1]], 1),
    ]
    size = (count, 1, *shape)
    return F.affine_grid(torch.stack(rows, 1), size, align_corners=False)


def _recolor(images):
    """Mix the channels a little, change contrast and brightness; make some gray."""
    count = len(images)
    mixing = torch.eye(3) + 0.06 * torch.randn(count, 3, 3)
    gray = (torch.rand(count) < 0.1)[:, None, None]
    mixing = torch.where(gray, torch.full((3, 3), 1 / 3), mixing)
    mixing = mixing * _draws(count, 0.8, 1.2)[:, None, None]
    flat = torch.bmm(mixing, images.flatten(2))  # (B, 3, 3) @ (B, 3, H * W)
    flat = flat + _draws(count, -0.1, 0.1)[:, None, None]
    return flat.view_as(images).clamp(-1, 1)


def _coarsen(images):
    """Make a fifth of the pictures as coarse as 24 or 32 pixels a side."""
    side = 24 if torch.rand(()) < 0.4 else 32
    small = F.interpolate(images, size=side, mode="bilinear", antialias=True)
    coarse = F.interpolate(small, size=images.shape[-1], mode="bilinear")
    chosen = (torch.rand(len(images)) < 0.2)[:, None, None, None]
    return torch.where(chosen, coarse, images)


# Training


class Pupil(nn.Module):
    """A ViT with more heads: details from the class token, the others on patches."""

    def __init__(self, vit):
        super().__init__()
        self.vit, dim = vit, vit.head.in_features
        self.details = nn.ModuleList(nn.Linear(dim, len(SEEN[name])) for name in SEEN)
        self.place = nn.Linear(dim, 1)
        self.parts = nn.Linear(dim, len(PARTS))
        nn.init.constant_(self.parts.bias, -5)  # most patches have none of them
        vit.norm.register_forward_hook(self._keep)

    def _keep(self, norm, inputs, tokens):
        self.tokens = tokens  # (B, N+1, D)

    def forward(self, images):
        """Return logits (B, classes), a list of (B, choices), (B, N), (B, N, parts)."""
        logits = self.vit(images)
        details = [head(self.tokens[:, 0]) for head in self.details]
        patches = self.tokens[:, 1:]  # (B, N+1, D) -> (B, N, D)
        place = self.place(patches).flatten(1)  # (B, N, D) -> (B, N)
        return logits, details, place, self.parts(patches)


def losses(pupil, pixels, labels, details):
    """Return the losses of a batch: class, details, place, parts."""
    images, masks, parts = augment(pixels)
    logits, found, place, where = pupil(images)
    # What a picture does not have (-1) counts as 0.
    named = [
        F.cross_entropy(guess, detail, ignore_index=-1, reduction="sum")
        / (detail >= 0).sum().clamp(min=1)
        for guess, detail in zip(found, details.T, strict=True)
    ]
    covered = F.avg_pool2d(masks, MODEL["patch_size"]).flatten(1)  # (B, H, W) -> (B, N)
    there = parts_in_patches(parts)
    missed = F.binary_cross_entropy_with_logits(where, there, reduction="sum")
    return (
        F.cross_entropy(logits, labels, label_smoothing=RECIPE["label_smoothing"]),
        sum(named),
        F.binary_cross_entropy_with_logits(place, covered),
        missed / there.sum().clamp(min=1),
    )


def parts_in_patches(parts):
    """Return which parts show in each patch: (B, H, W) -> (B, N, parts), 0 or 1."""
    B, P = len(parts), MODEL["patch_size"]
    side = parts.shape[-1] // P
    patches = parts.view(B, side, P, side, P).transpose(2, 3)  # -> (B, ., ., P, P)
    patches = patches.reshape(B, side * side, P * P)  # -> (B, N, P*P)
    there = torch.zeros(B, side * side, len(PARTS) + 1)
    return there.scatter_(2, patches, 1.0)[..., 1:]  # 0 is no part


def learn(pupil, data, epochs, folder):
    """Train; return seconds of the processor. ``fit`` knows one label a picture only.

    A checkpoint in ``folder`` is continued from.
    """
    count, batch = len(data[1]), RECIPE["batch_size"]
    steps = count // batch  # in an epoch; the rest is left out
    optimizer = adamw(pupil.parameters(), RECIPE["lr"], RECIPE["weight_decay"])
    settings = {**RECIPE, **WEIGHTS, "epochs": epochs, "pictures": count}
    state = State(pupil, optimizer, torch.device("cpu"), settings)
    keep = Checkpoint(folder, every=1000)
    with own_randomness(SEED, state.device):
        keep.on_start(state)
        bar = tqdm(range(state.step, epochs * steps), file=sys.stdout, mininterval=30)
        for step in bar:
            started = time.process_time()
            order = torch.Generator().manual_seed(step // steps)
            order = torch.randperm(count, generator=order).split(batch)
            batches = (part[order[step % steps]] for part in data)
            for group in optimizer.param_groups:
                share = (step + 0.5) / (epochs * steps)
                group["lr"] = RECIPE["lr"] * warmup_cosine(share)
            named, *others = losses(pupil, *batches)
            weighted = zip(WEIGHTS.values(), others, strict=True)
            loss = named + sum(weight * other for weight, other in weighted)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bar.set_postfix_str(f"loss {named.item():.2f}", refresh=False)
            state.step, state.seconds = (
                step + 1,
                state.seconds + time.process_time() - started,
            )
            keep.on_step(state)
        keep.on_epoch(state)
    return state.seconds


def train(pictures, epochs, jobs):
    """Train on ``pictures`` of each class; return the model and what was measured."""
    data = draw_split("train", pictures, jobs)
    test, labels, _ = draw_split("test", 50, jobs)
    torch.manual_seed(SEED)
    model = ViT(**MODEL)
    seconds = learn(Pupil(model), data, epochs, BUILD / f"{pictures}x{epochs}")
    facts = {
        "classes": len(NAMES),
        "pictures": len(data[1]),
        "epochs": epochs,
        "accuracy": evaluate(model, (to_images(test), labels)).accuracy,
        "test_pictures": len(labels),
        "cpu_seconds": seconds,
        "torch": torch.__version__,
        **RECIPE,
        **WEIGHTS,
    }
    return model, facts


# What is written


def write_sample(folder=bundle.DATA / "drawn-world"):
    """Write new pictures of the classes tiny-vit was trained on: 6 and 3 of each."""
    features = {"image": Image(), "mask": Image(), "label": ClassLabel(names=NAMES)}
    tables = {}
    for split, rows in SAMPLE.items():
        places = [(label, row) for row in rows for label in range(len(NAMES))]
        images = [picture("test", NAMES[label], row) for label, row in places]
        masks = [mask("test", NAMES[label], row) for label, row in places]
        columns = {
            "mask": bundle.stored(masks),
            "label": [label for label, _ in places],
        }
        tables[split] = bundle.table(images, columns, Features(features))
    grid = PILImage.new("RGB", (12 * SIDE, -(-len(NAMES) // 12) * SIDE))
    for place, name in enumerate(NAMES):
        corner = (place % 12 * SIDE, place // 12 * SIDE)
        grid.paste(picture("test", name, SAMPLE["train"][0]), corner)
    bundle.write(folder, tables, "drawn-world", grid)


def main():
    """Read the command line, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=700, help="of each class")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="processes that draw")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, facts = train(options.pictures, options.epochs, options.jobs)
    print(json.dumps(facts, indent=1))
    checkpoint.write(model, NAMES, facts, bundle.DATA / "tiny-vit")
    write_sample()


if __name__ == "__main__":
    main()
