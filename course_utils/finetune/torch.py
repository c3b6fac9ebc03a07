"""Fine-tune a ViT of Hugging Face in transformers: what notebooks 10 to 13 share.

The twin ``keras.py`` has the same names; notebook 08 takes no more than ``augment``.
"""

import contextlib
import functools
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from datasets import Dataset
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import ViTConfig, ViTForImageClassification, ViTModel

from course_utils.convert import refusals
from course_utils.convert.names import on_disk
from course_utils.data import checkpoints
from course_utils.data.pictures import class_numbers, upright


def load_processor(source: str | Path):
    """Load the image processor of a checkpoint, as a class that needs Pillow only."""
    folder = checkpoints.local(source).as_posix()
    recipe, _ = transformers.ViTImageProcessorPil.get_image_processor_dict(folder)
    name = recipe.get("image_processor_type") or "ViTImageProcessor"
    family = re.sub("(FeatureExtractor|ImageProcessor)(Fast)?$", "", name)
    cls = getattr(transformers, f"{family}ImageProcessorPil")
    processor = cls.from_pretrained(folder)
    processor.resample = checkpoints.resampling(processor.resample)  # it may be a name
    return processor


def augment(image: Image.Image) -> Image.Image:
    """Flip, zoom and tint an RGB picture at random (data augmentation), with Pillow.

    A crop with 80 to 100 % of the sides is enlarged to the old size. Brightness,
    contrast and saturation change by up to 30 %. The random numbers come from torch.
    """
    flip, zoom, left, top, *tints = torch.rand(7).tolist()
    width, height = image.size
    share = 0.8 + 0.2 * zoom
    x, y = left * (1 - share) * width, top * (1 - share) * height
    box = x, y, x + share * width, y + share * height
    image = image.resize(image.size, Image.Resampling.BILINEAR, box=box)
    if flip < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    enhancers = ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color
    for enhancer, draw in zip(enhancers, tints, strict=True):
        image = enhancer(image).enhance(0.7 + 0.6 * draw)
    return image


def pixels(processor, augment: Callable | None = None) -> Callable[[dict], dict]:
    """Make the function for ``dataset.with_transform`` (``Trainer`` needs it).

    It maps the columns ``image`` and ``label`` to ``pixel_values`` (B, 3, H, W) and
    ``labels``. ``augment`` changes each RGB picture before the processor gets it. A
    processor whose mean is a list of one number gets gray pictures: one channel.
    """
    return functools.partial(_to_pixels, processor=processor, augment=augment)


def _to_pixels(rows, processor, augment):
    images = [upright(image) for image in rows["image"]]
    if augment is not None:
        images = [augment(image) for image in images]
    if np.shape(processor.image_mean) == (1,):
        images = [image.convert("L") for image in images]
    prepared = processor(images, return_tensors="pt")
    return {"pixel_values": prepared["pixel_values"], "labels": list(rows["label"])}


def collate(examples: Sequence[dict]) -> dict[str, Tensor]:
    """Stack rows, as ``pixels`` makes them, to a batch (``Trainer`` needs it).

    ``pixel_values`` are float32 (B, 3, H, W); ``labels`` are checked, int64 (B,).
    """
    return {
        "pixel_values": torch.stack([row["pixel_values"] for row in examples]).float(),
        "labels": torch.from_numpy(class_numbers([row["labels"] for row in examples])),
    }


def batches(
    split: Dataset, processor, batch_size: int, *, shuffle: bool = False, seed: int = 0
) -> DataLoader:
    """Make a loader of a data set with the columns ``image`` and ``label``.

    Its batches are those of ``collate``; with ``shuffle`` each epoch has a new order.
    """
    rows = split.with_transform(pixels(processor))
    order = torch.Generator().manual_seed(seed)
    return DataLoader(rows, batch_size, shuffle, generator=order, collate_fn=collate)


@contextlib.contextmanager
def quiet():
    """Keep loading reports, progress bars and warnings of old names off the screen."""
    logging = transformers.utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft's, for one
            yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


@quiet()
def pretrained(source: str | Path, names: Sequence[str]) -> ViTForImageClassification:
    """Load a checkpoint in float32 with a new head for the classes ``names``.

    ``source`` is a folder with ``config.json`` and ``model.safetensors``, or
    ``"hf://owner/name"`` for a repository on the Hub. The encoders of MAE and MSN are
    ViTs, too. Nothing but the head is random: a checkpoint of another family, or one
    that lacks other weights, is a ValueError.
    """
    folder, config = _read_config(source, names)
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    options["ignore_mismatched_sizes"] = True  # refused below, with both shapes
    model, _ = ViTForImageClassification.from_pretrained(folder, **options)
    # transformers 5.15, Colab's, leaves the blocks of a checkpoint without a head, such
    # as Google's, random in this class. A ViTModel gets all of them.
    body, report = ViTModel.from_pretrained(folder, add_pooling_layer=False, **options)
    wanted = {name: tuple(w.shape) for name, w in body.state_dict().items()}
    found = {n: shape for n, shape in wanted.items() if n not in report["missing_keys"]}
    found |= {name: tuple(shape) for name, shape, _ in report["mismatched_keys"]}
    found |= dict.fromkeys(report["unexpected_keys"], ())
    found = {on_disk(n): s for n, s in found.items() if not refusals.BESIDE.match(n)}
    refusals.refuse_unfit(folder, found, {on_disk(n): s for n, s in wanted.items()})
    model.vit.load_state_dict(body.state_dict())
    nn.init.trunc_normal_(model.classifier.weight, std=config.initializer_range)
    nn.init.zeros_(model.classifier.bias)  # the file's head may have been in there
    return model


def scratch(source: str | Path, names: Sequence[str]) -> ViTForImageClassification:
    """Build a model like ``pretrained(...)`` of the same, with random weights only."""
    return ViTForImageClassification(_read_config(source, names)[1])


def _read_config(source, names):
    """Return the folder of a checkpoint and its settings, with names for a new head."""
    folder, names = checkpoints.local(source).as_posix(), checkpoints.class_names(names)
    found, _ = ViTConfig.get_config_dict(folder)
    refusals.refuse_family(folder, found.get("model_type"))
    labels = refusals.label_settings(dict(enumerate(names)), len(names))
    return folder, ViTConfig.from_pretrained(folder, **labels)


def freeze(model: ViTForImageClassification, blocks: int) -> None:
    """Freeze the embeddings and the first ``blocks`` blocks; 0 freezes nothing."""
    count, depths = _depths(model)
    if not 0 <= blocks <= count:
        raise ValueError(f"blocks must be 0 to {count}, not {blocks}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(blocks == 0 or depths[name] > blocks)


def layerwise_adamw(
    model: nn.Module, lr: float, decay: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW whose learning rate shrinks from the head down to the first layers.

    The head and the last norm get ``lr``, block n of L gets ``lr * decay**(L + 1 - n)``
    and the embeddings ``lr * decay**(L + 1)`` (Clark et al. 2020, ELECTRA; for ViTs,
    Bao et al. 2022, BEiT). Biases and norms are free of weight decay, and frozen
    parameters are left out.
    """
    groups, (count, depths) = {}, _depths(model)
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            rate = lr * decay ** (count + 1 - depths[name])
            shrink = weight_decay if weight.ndim > 1 else 0.0
            groups.setdefault((rate, shrink), []).append(weight)
    if not groups:
        raise ValueError("no parameter of the model has requires_grad=True")
    return torch.optim.AdamW(
        {"params": weights, "lr": rate, "weight_decay": shrink}
        for (rate, shrink), weights in groups.items()
    )


def _depths(model):
    """Return L, and 0 for the embeddings, 1 to L for the blocks, L + 1 for the rest."""
    part = re.compile(r"(\w+\.)?(embeddings|layers\.(\d+))\.")
    found = {name: part.match(name) for name, _ in model.named_parameters()}
    count = 1 + max((int(at[3]) for at in found.values() if at and at[3]), default=-1)
    if count == 0:
        raise ValueError(
            f"no blocks can be found in {type(model).__name__}, so its layers cannot "
            "be given rates by depth; train it with torch.optim.AdamW(parameters, lr)"
        )
    return count, {
        name: int(at[3] or -1) + 1 if at else count + 1 for name, at in found.items()
    }
