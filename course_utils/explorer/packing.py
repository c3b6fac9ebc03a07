"""A ViT as the explorer's page holds it: rounded weights, names, pictures."""

import base64
import copy
import json
import re
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course_utils.convert.torch import arguments_of
from course_utils.explorer.reading import gallery, inputs
from course_utils.vit.torch import ViT

_HERE = Path(__file__).parent


def page(models: list[dict]) -> str:
    """Put packed models, style and scripts into the template: one file, no other."""

    def part(match):
        if match[1] == "models":
            return json.dumps(models, separators=(",", ":")).replace("</", "<\\/")
        return (_HERE / match[1]).read_text("utf-8").strip()

    template = (_HERE / "template.html").read_text("utf-8")
    return re.sub(r"/\*\{(.+?)\}\*/", part, template)


def pack(model: ViT, look: dict, own: Image.Image | None = None) -> dict:
    """Return all that the page needs of a model, ready for ``json.dumps``.

    ``look`` is what ``reading.read`` returns beside the model; ``own`` is a picture to
    show before the bundled ones. The page checks itself by the pictures: each has the
    logits that PyTorch computes with the rounded weights. ``rounding`` is how far
    rounding has moved a logit at most.
    """
    sizes = arguments_of(model)
    del sizes["dropout"]  # the page only answers
    shown, training = gallery(model, look)
    if own is not None:  # at the model's size, since a photograph has megabytes
        side, way = (sizes["image_size"],) * 2, Image.Resampling(look["resample"])
        own = own.convert("L" if sizes["in_channels"] == 1 else "RGB")
        shown.insert(0, ("your picture", own.resize(side, way), None))
    coarse, weights = rounded(model, inputs(training, model, look))
    with torch.inference_mode():
        images = inputs([image for _, image, _ in shown], model, look)
        exact, logits = model(images), coarse(images)
    pictures = [
        {
            "title": title,
            "label": label,
            "logits": [round(logit, 6) for logit in row],
            "width": image.width,
            "height": image.height,
            "channels": len(image.getbands()),
            "pixels": _text(np.array(image)),
        }
        for (title, image, label), row in zip(shown, logits.tolist(), strict=True)
    ]
    return {
        **look,
        "sizes": sizes,
        "weights": weights,
        "pictures": pictures,
        "rounding": round((exact - logits).abs().max().item(), 4),
    }


# Weights


@torch.inference_mode()
def rounded(model: ViT, images: Tensor) -> tuple[ViT, dict]:
    """Round the weights, so that the answers for ``images`` (B, C, H, W) stay.

    Matrices in the blocks get 8 bits, the few others 16, each row with a scale of its
    own; biases and norms stay as they are. Returns a copy of the model with the rounded
    weights, and each weight as the page holds it.
    """
    coarse, held = copy.deepcopy(model), {}

    def hold(name, weight, whole, scale):
        weight.copy_((whole * scale).reshape(weight.shape))
        kind = np.int8 if whole.abs().max() < 128 else np.int16
        whole, scale = whole.numpy().astype(kind), scale.flatten().numpy()
        held[name] = {kind.__name__: _text(whole), "scale": _text(scale)}

    for name, weight in coarse.named_parameters():
        if weight.ndim == 1:
            held[name] = {"float32": _text(weight.numpy())}
        elif not name.startswith("blocks"):  # (D, C, P, P) -> (D, C P P) and so on
            rows = len(weight) if weight.ndim != 3 else weight.shape[1]
            hold(name, weight, *_whole(weight.reshape(rows, -1), bits=16))
    seen = []
    keep = nn.Module.register_forward_pre_hook
    with keep(coarse.blocks[0], lambda _, x: seen.append(x[0])):
        coarse(images)
    x = seen.pop()  # (B, T, D), before the first block
    for number, block in enumerate(coarse.blocks):
        for name, layer in block.named_modules():
            if isinstance(layer, nn.Linear):
                with keep(layer, lambda _, x: seen.append(x[0])):
                    block(x)
                found = _whole_by_feedback(layer.weight, seen.pop().flatten(0, 1))
                hold(f"blocks.{number}.{name}.weight", layer.weight, *found)
        x, _ = block(x)
    return coarse, {name: held[name] for name, _ in coarse.named_parameters()}


def _whole(matrix, bits=8):
    """Return whole numbers (R, C) and scales (R, 1); their product is the matrix."""
    most = 2 ** (bits - 1) - 1
    scale = matrix.abs().amax(1, keepdim=True).clamp_min(1e-30) / most
    return (matrix / scale).round().clamp(-most, most), scale


def _whole_by_feedback(matrix, inputs):
    """Do so column by column, and let later columns make up for each rounding.

    This is GPTQ (Frantar et al. 2022, https://arxiv.org/abs/2210.17323, algorithm 1):
    what counts is not the matrix, but what a layer gives for its ``inputs`` (n, C).
    """
    inputs, left = inputs.double(), matrix.double().clone()
    likeness = inputs.T @ inputs / len(inputs)  # (C, C)
    likeness += 0.01 * likeness.diagonal().mean() * torch.eye(len(likeness))
    share = torch.linalg.cholesky(torch.linalg.inv(likeness), upper=True)
    _, scale = _whole(matrix)
    whole = torch.empty_like(matrix)
    for c in range(matrix.shape[1]):
        column = (left[:, c] / scale[:, 0]).round().clamp(-127, 127)
        whole[:, c] = column
        error = (left[:, c] - column * scale[:, 0]) / share[c, c]
        left[:, c:] -= error[:, None] * share[c, c:]
    return whole, scale


def _text(array):
    """Return the bytes of an array (little-endian) in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
