"""Convert one checkpoint in every direction and compare the logits.

README.md shows the table for two checkpoints.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import nn
from transformers import ViTForImageClassification

from course_utils.convert import keras as convert_keras
from course_utils.convert import torch as convert_torch

HF, TORCH, KERAS, HUB = "Hugging Face", "ours, PyTorch", "ours, Keras", "KerasHub"


def parity(folder: str | Path) -> dict[tuple[str, str], float]:
    """Return the largest difference of logits after each conversion.

    Parameters
    ----------
    folder : str or Path
        A checkpoint in Hugging Face's format, with a head.

    Returns
    -------
    dict from (converted from, converted to) to float
        In float32, for two images of noise.
    """
    theirs = _hugging_face(folder)
    ours, twin = convert_torch.from_hf(theirs), convert_keras.from_hf(folder)
    hub = _to_keras_hub(twin)
    models = {HF: theirs, TORCH: ours, KERAS: twin, HUB: hub}
    converted = {
        (HF, TORCH): ours,
        (HF, KERAS): twin,
        (HF, HUB): hub,
        (TORCH, HF): convert_torch.to_hf(ours),
        (TORCH, KERAS): convert_torch.torch_to_keras(ours),
        (TORCH, HUB): _to_keras_hub(convert_torch.torch_to_keras(ours)),
        (KERAS, HF): _written(twin),
        (KERAS, TORCH): convert_torch.keras_to_torch(twin),
        (KERAS, HUB): _to_keras_hub(twin),
        (HUB, HF): _written(hub),
        (HUB, TORCH): convert_torch.keras_to_torch(hub),
        (HUB, KERAS): convert_keras.from_keras_hub(hub),
    }
    shape = (2, *twin.embed.image_shape)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    wanted = {name: _logits(model, images) for name, model in models.items()}
    return {
        (source, target): float(np.abs(_logits(model, images) - wanted[source]).max())
        for (source, target), model in converted.items()
    }


def _hugging_face(folder):
    model = ViTForImageClassification.from_pretrained(folder, dtype=torch.float32)
    return model.eval()


def _to_keras_hub(model):
    return convert_keras.to_keras_hub(model, dtype="float32")


def _written(model):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        convert_keras.to_hf(model, Path(place, "model"))
        return _hugging_face(Path(place, "model"))


def _logits(model, images):
    if not isinstance(model, nn.Module):
        return np.asarray(model(images, training=False))
    with torch.no_grad():
        found = model(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
    return getattr(found, "logits", found).numpy()
