"""What the tests of conversions share: pictures, logits, small checkpoints."""

import json

import numpy as np
import torch
from transformers import ViTForImageClassification
from vit_checkpoints import SMALL, hugging_face_vit

from course_utils.session import ROOT

TINY = ROOT / "data" / "tiny-vit"
RGB = {**SMALL, "num_channels": 3, "initializer_range": 0.2}


def save(folder, **sizes):
    """Store a ViT whose weights are all random; return its folder."""
    hugging_face_vit(**sizes).save_pretrained(folder)
    return folder


def change(folder, **values):
    """Change settings in a checkpoint's config.json; None takes one away."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) | values
    config = {name: value for name, value in config.items() if value is not None}
    path.write_text(json.dumps(config), encoding="utf-8")


def from_disk(folder, kind=ViTForImageClassification):
    """Load with transformers; no weight may be missing or left over."""
    model, report = kind.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    return model


def images(side=12, channels=3, count=4):
    """Return images of noise as Keras has them, channels last."""
    random = np.random.default_rng(0)
    return random.uniform(-1, 1, (count, side, side, channels)).astype(np.float32)


def to_torch(pictures):
    """Return images as PyTorch has them, channels first."""
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2))


def logits(model, pictures):
    """Return the logits of a model of any kind."""
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            found = model.eval()(to_torch(pictures))
        return getattr(found, "logits", found).numpy()
    return np.asarray(model(pictures, training=False))


def largest_difference(first, second, pictures):
    """Return how far the logits of two models are apart."""
    return np.abs(logits(first, pictures) - logits(second, pictures)).max()
