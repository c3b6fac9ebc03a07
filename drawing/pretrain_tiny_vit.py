"""Pre-train tiny-vit: draw its data, train, write data/tiny-vit and data/drawn-world.

Usage: python -m drawing.pretrain_tiny_vit [--pictures N] [--epochs N] [--jobs N]

Runs on a CPU, one thread; the model card says how long it took.
The pictures and the state of the training are kept under build/pretraining, so that a
second call continues where the first one was stopped.
"""

import argparse
import functools
import json
import math
import os
import tempfile
import zlib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from datasets import ClassLabel, Features, Image
from PIL import Image as PILImage
from torch import nn
from torch.nn import functional as F
from transformers import ViTImageProcessorPil

from course_utils.convert.torch import to_hf
from course_utils.finetune.torch import quiet
from course_utils.training import Checkpoint, evaluate, fit
from course_utils.vit.torch import ViT
from drawing import bundle
from drawing.scene import paint
from drawing.world import SUBJECTS

BUILD = Path(__file__).resolve().parent.parent / "build" / "pretraining"
NAMES = sorted(SUBJECTS)
SIDE = 48
SEED = 0
SPLITS = {"train": 0, "validation": 1, "test": 2}  # a part of each picture's seed
SAMPLE = {"train": range(1000, 1008), "test": range(1008, 1012)}  # of split "test"
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
RECIPE = dict(lr=1.5e-3, batch_size=64, weight_decay=0.05, label_smoothing=0.1)


# Pictures


def picture(split, name, row):
    """Paint picture ``row`` of the class ``name``; the same one each time."""
    draw, places = SUBJECTS[name]
    seed = [SPLITS[split], zlib.crc32(name.encode()), row]
    return paint(draw, seed, SIDE, places=places, turn=20)


def draw_class(split, name, count):
    """Return pixels (count, 48, 48, 3), uint8; kept under build/pretraining."""
    file = BUILD / split / f"{name}-{count}.npy"
    if not file.exists():
        rows = [np.asarray(picture(split, name, row)) for row in range(count)]
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file.with_suffix(".tmp.npy"), np.stack(rows))
        os.replace(file.with_suffix(".tmp.npy"), file)
    return np.load(file)


def draw_split(split, count, jobs):
    """Return ``count`` pictures of each class as (pixels, labels), uint8 and int64.

    Pixels have the shape (classes * count, 48, 48, 3).
    """
    print(f"{split}: {count} pictures of each of {len(NAMES)} classes", flush=True)
    with ProcessPoolExecutor(jobs) as pool:
        parts = pool.map(functools.partial(draw_class, split, count=count), NAMES)
        pixels = np.concatenate(list(parts))
    return pixels, np.repeat(np.arange(len(NAMES)), count)


def to_pair(pixels, labels):
    """Return images (B, 3, 48, 48), -1 black to 1 white, and labels (B,)."""
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2)  # -> (B, 3, H, W)
    return images.float().div_(127.5).sub_(1), torch.from_numpy(labels)


# Augmentation: each picture gets its own draw of everything


def augment(images):
    """Turn, zoom, shift, mirror, recolor and blur images (B, 3, H, W), -1 to 1."""
    return _recolor(_coarsen(_move(images)))


def _draws(count, low, high):
    return torch.empty(count).uniform_(low, high)


def _move(images):
    count = len(images)
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
    grid = F.affine_grid(torch.stack(rows, 1), images.shape, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


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
    """Make a third of the pictures as coarse as 24 or 32 pixels a side."""
    side = 24 if torch.rand(()) < 0.4 else 32
    small = F.interpolate(images, size=side, mode="bilinear", antialias=True)
    coarse = F.interpolate(small, size=images.shape[-1], mode="bilinear")
    chosen = (torch.rand(len(images)) < 0.35)[:, None, None, None]
    return torch.where(chosen, coarse, images)


# Training


class InBfloat16(nn.Module):
    """Compute a model's products in bfloat16; weights and logits stay float32.

    Nearly twice as fast on processors that have instructions for it.
    """

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        with torch.autocast(images.device.type, torch.bfloat16):
            return self.model(images).float()


def train(pictures, epochs, jobs):
    """Train on ``pictures`` of each class; return the model and what was measured."""
    train_set = to_pair(*draw_split("train", pictures, jobs))
    validation = to_pair(*draw_split("validation", 10, jobs))
    test = to_pair(*draw_split("test", 50, jobs))
    torch.manual_seed(SEED)
    model = ViT(**MODEL)
    history = fit(
        InBfloat16(model),
        train_set,
        validation,
        epochs=epochs,
        augment=augment,
        seed=SEED,
        callbacks=[Checkpoint(BUILD / f"{pictures}x{epochs}", every=2000)],
        **RECIPE,
    )
    facts = {
        "classes": len(NAMES),
        "pictures": len(train_set[1]),
        "epochs": epochs,
        "accuracy": evaluate(model, test).accuracy,
        "test_pictures": len(test[1]),
        "cpu_seconds": history.seconds[-1],
        "torch": torch.__version__,
        **RECIPE,
    }
    return model, facts


# What is written


def write(model, facts, folder=bundle.DATA / "tiny-vit"):
    """Write the model in Hugging Face's format, its processor and ``training.json``."""
    names = dict(enumerate(NAMES))
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        found = to_hf(model, id2label=names)
        # For those who train it from scratch: 1/sqrt(D); the default suits D = 768.
        found.config.initializer_range = round(MODEL["dim"] ** -0.5, 3)
        with quiet():
            found.save_pretrained(scratch)
        size = {"height": SIDE, "width": SIDE}
        ViTImageProcessorPil(size=size).save_pretrained(scratch)
        text = json.dumps(facts, indent=1) + "\n"
        (Path(scratch) / "training.json").write_text(text, encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for file in Path(scratch).iterdir():
            file.chmod(0o644)
            os.replace(file, folder / file.name)


def write_sample(folder=bundle.DATA / "drawn-world"):
    """Write new pictures of the classes tiny-vit was trained on: 8 and 4 of each."""
    features = Features({"image": Image(), "label": ClassLabel(names=NAMES)})
    tables = {}
    for split, rows in SAMPLE.items():
        places = [(label, row) for row in rows for label in range(len(NAMES))]
        images = [picture("test", NAMES[label], row) for label, row in places]
        labels = [label for label, _ in places]
        tables[split] = bundle.table(images, {"label": labels}, features)
    grid = PILImage.new("RGB", (12 * SIDE, len(NAMES) // 12 * SIDE))
    for place, name in enumerate(NAMES):
        corner = (place % 12 * SIDE, place // 12 * SIDE)
        grid.paste(picture("test", name, SAMPLE["train"][0]), corner)
    bundle.write(folder, tables, "drawn-world", grid)


def main():
    """Read the command line, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=600, help="of each class")
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--jobs", type=int, default=2, help="processes that draw")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model, facts = train(options.pictures, options.epochs, options.jobs)
    print(json.dumps(facts, indent=1))
    write(model, facts)
    write_sample()


if __name__ == "__main__":
    main()
