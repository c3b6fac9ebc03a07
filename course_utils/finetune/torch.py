"""Fine-tune a Vision Transformer of Hugging Face: what notebooks 08 and 10 share.

``course_utils.finetune.keras`` does it in Keras, under the same names, and
``examples/finetune.py`` does it without the course.
"""

import contextlib
import functools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from datasets import Dataset
from PIL import Image, ImageEnhance
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import AutoModelForImageClassification, PreTrainedModel, ViTModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES as CLASSIFIERS,
)

from course_utils.convert import refusals
from course_utils.convert.names import on_disk
from course_utils.data import checkpoints
from course_utils.data.pictures import class_numbers, labels_of, upright

# --- Pictures ---------------------------------------------------------------------


def load_processor(source: str | Path):
    """Load the image processor of a checkpoint, the one that needs Pillow only.

    Its numbers are the same on every machine, with torchvision or without. A way of
    resizing may be given by name, as "bicubic", which transformers would not obey.
    """
    folder = checkpoints.local(source).as_posix()
    recipe, _ = transformers.ViTImageProcessorPil.get_image_processor_dict(folder)
    name = recipe.get("image_processor_type") or "ViTImageProcessor"
    name = re.sub(
        "(FeatureExtractor|ImageProcessor)(Fast)?$", "ImageProcessorPil", name
    )
    processor = getattr(transformers, name).from_pretrained(folder)
    processor.resample = checkpoints.resampling(processor.resample)
    return processor


def augment(image: Image.Image) -> Image.Image:
    """Flip, zoom and tint an RGB picture at random (data augmentation), with Pillow.

    Half of the pictures are mirrored. A crop with 80 to 100 % of the sides is enlarged
    to the old size. Brightness, contrast and saturation change by up to 30 %. The
    random numbers come from torch, so its seed (or that of ``Trainer``) fixes them.
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

    It maps rows, a dict of lists ``image`` (PIL) and ``label`` (int), to
    ``pixel_values``, a Tensor of shape (B, 3, H, W), and ``labels``. ``augment``
    changes each picture, in mode RGB, before the processor gets it.
    """
    return functools.partial(_to_pixels, processor=processor, augment=augment)


def _to_pixels(rows, processor, augment):
    images = [upright(image) for image in rows["image"]]
    if augment is not None:
        images = [augment(image) for image in images]
    prepared = processor(images, return_tensors="pt")
    return {"pixel_values": prepared["pixel_values"], "labels": list(rows["label"])}


def collate(examples: Sequence[dict]) -> dict[str, Tensor]:
    """Stack rows, as ``pixels`` makes them, to a batch (``Trainer`` needs it).

    Returns ``pixel_values``, float32 (B, 3, H, W), and ``labels``, int64 (B,). Raises a
    ValueError if a label is missing, negative, or no whole number.
    """
    return {
        "pixel_values": torch.stack([row["pixel_values"] for row in examples]).float(),
        "labels": torch.from_numpy(class_numbers([row["labels"] for row in examples])),
    }


def batches(
    split: Dataset, processor, batch_size: int, *, shuffle: bool = False, seed: int = 0
) -> DataLoader:
    """Make a loader of a data set with the columns ``image`` and ``label``.

    Its batches are those of ``collate``. With ``shuffle`` each epoch has another order,
    drawn with ``seed``.
    """
    rows = split.with_transform(pixels(processor))
    order = torch.Generator().manual_seed(seed)
    return DataLoader(rows, batch_size, shuffle, generator=order, collate_fn=collate)


# --- Models -----------------------------------------------------------------------


@contextlib.contextmanager
def quiet():
    """Keep transformers' loading reports and progress bars off the screen."""
    logging = transformers.utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


@quiet()
def pretrained(
    source: str | Path, names: Sequence[str], family: str = "vit"
) -> PreTrainedModel:
    """Load a checkpoint and put a new head for the classes ``names`` on it.

    Parameters
    ----------
    source : str or Path
        A folder with ``config.json`` and ``model.safetensors``, or
        ``"hf://owner/name"`` for a repository on the Hub. A head in it is dropped.
    names : sequence of str
        Of the K classes, in the order of the labels.
    family : str
        "vit", with the encoders of MAE and MSN, or the ``model_type`` of another model
        ("deit", "beit", "dinov2", "clip", ...), which is loaded with its own class.

    Returns
    -------
    ViTForImageClassification, or the other family's class, in float32
        Nothing but its head (and a pooler, which is part of the head) is random: a
        checkpoint of another family, or without other weights, raises a ValueError.
    """
    folder, config = _read_config(source, names, family)
    options = {"config": config, "dtype": torch.float32, "output_loading_info": True}
    options["ignore_mismatched_sizes"] = True  # refused below, with both shapes
    model, report = AutoModelForImageClassification.from_pretrained(folder, **options)
    body = model
    if type(config) is transformers.ViTConfig:
        # transformers 5.15, Colab's, leaves the blocks of a checkpoint without a head,
        # such as Google's, random in this class. A ViTModel gets all of them.
        options["add_pooling_layer"] = False
        body, report = ViTModel.from_pretrained(folder, **options)
        model.vit.load_state_dict(body.state_dict())
    _refuse_unfit(folder, body, report)
    for layer in model.classifier.modules():  # the file's head may be in there
        if isinstance(layer, nn.Linear):
            spread = getattr(config, "initializer_range", 0.02)
            nn.init.trunc_normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)
    return model


def scratch(
    source: str | Path, names: Sequence[str], family: str = "vit"
) -> PreTrainedModel:
    """Build a model like ``pretrained(...)`` of the same, with random weights only."""
    _, config = _read_config(source, names, family)
    return AutoModelForImageClassification.from_config(config, dtype=torch.float32)


def _read_config(source, names, family):
    """Return the folder of a checkpoint and its settings, with names for a new head."""
    folder, names = checkpoints.local(source).as_posix(), checkpoints.class_names(names)
    labels = refusals.label_settings(dict(enumerate(names)), len(names))
    found = transformers.ViTConfig.get_config_dict(folder)[0].get("model_type")
    if family in refusals.ENCODERS:
        own_class = f", or ask for its own class: family={found!r}"
        refusals.refuse_family(folder, found, own_class if found in CLASSIFIERS else "")
        found = "vit"
    elif found != family or found not in CLASSIFIERS:
        why = "for which transformers has no image classifier"
        why = f"not {family!r}" if found != family else why
        raise ValueError(
            f"{folder} holds a model of type {found!r}, {why}; choose another one"
        )
    config = transformers.CONFIG_MAPPING[found].from_pretrained(folder, **labels)
    config.architectures = []  # a distilled DeiT names a class that cannot be trained
    return folder, config


def _refuse_unfit(folder, model, report):
    """Refuse a file that leaves more than the head random, or loses blocks of a ViT."""
    wanted = {name: tuple(w.shape) for name, w in model.state_dict().items()}
    found = {n: shape for n, shape in wanted.items() if n not in report["missing_keys"]}
    found |= {name: tuple(shape) for name, shape, _ in report["mismatched_keys"]}
    found |= dict.fromkeys(report["unexpected_keys"], ())
    if isinstance(model, ViTModel):
        found = {n: s for n, s in found.items() if not refusals.BESIDE.match(n)}
        found = {on_disk(name): shape for name, shape in found.items()}
        wanted = {on_disk(name): shape for name, shape in wanted.items()}
    else:
        wanted = {n: s for n, s in wanted.items() if not re.search("classif|pooler", n)}
        if wanted.keys() <= found.keys():  # CLIP's file holds a model of texts, too
            found = {name: found[name] for name in wanted}
    refusals.refuse_unfit(folder, found, wanted)


def freeze(model: PreTrainedModel, blocks: int) -> None:
    """Freeze the embeddings and the first ``blocks`` blocks, and nothing else.

    With 0 everything learns. Raises a ValueError if the model has fewer blocks.
    """
    count, depths = _depths(model)
    if not 0 <= blocks <= count:
        raise ValueError(f"blocks must be 0 to {count}, not {blocks}")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(blocks == 0 or depths[name] > blocks)


@torch.inference_mode()
def features(
    model: PreTrainedModel, dataset: Dataset, processor, batch_size: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """Compute what the head reads: with a ViT the class token, after the last norm.

    Parameters
    ----------
    model : ViTModel, or what ``pretrained`` returns
        Left in the mode (training or evaluation) in which it came.
    dataset : datasets.Dataset
        With the columns ``image`` and ``label``.

    Returns
    -------
    features : array, shape (n, D), float32
    labels : array, shape (n,), int64
    """
    labels, seen, was_training = labels_of(dataset), [], model.training

    def keep(_, given, made=None):
        seen.append(given[0].flatten(1) if made is None else made[:, 0])

    if isinstance(model, ViTModel):
        hook = model.layernorm.register_forward_hook(keep)
    elif isinstance(getattr(model, "classifier", None), nn.Module):
        hook = model.classifier.register_forward_pre_hook(keep)
    else:
        raise ValueError(
            f"{type(model).__name__} has no head called classifier, so that it is not "
            "known which of its numbers a head would read; load it with pretrained"
        )
    try:
        with hook:
            for batch in batches(dataset, processor, batch_size):
                model.eval()(batch["pixel_values"].to(model.device, model.dtype))
    finally:
        model.train(was_training)
    return torch.cat(seen).float().cpu().numpy(), labels


def layerwise_adamw(
    model: PreTrainedModel, lr: float, decay: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW whose learning rate shrinks from the head down to the first layers.

    The head and the last norm get ``lr``, block n of L gets ``lr * decay**(L + 1 - n)``
    and the embeddings ``lr * decay**(L + 1)`` (Clark et al. 2020, ELECTRA; for
    ViTs, Bao et al. 2022, BEiT). Biases and norms are free of weight decay, and frozen
    parameters are left out. Raises a ValueError if the model has no single list of
    equal blocks, as a ResNet, or nothing to train.
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
    config = getattr(model, "config", None)
    config = getattr(config, "vision_config", config)  # CLIP has one for texts, too
    in_stages = hasattr(config, "depths") or not hasattr(config, "num_hidden_layers")
    names = [name for name, _ in model.named_parameters()]
    blocks = {name: re.search(r"\blayers?\.(\d+)\.", name) for name in names}
    if in_stages or not any(blocks.values()):
        raise ValueError(
            f"no single list of equal blocks can be found in {type(model).__name__}, "
            "so its layers cannot be numbered by depth; train all of them at one rate, "
            "with torch.optim.AdamW(model.parameters(), lr)"
        )
    count = 1 + max(int(block[1]) for block in blocks.values() if block)
    early = re.compile(r"\b(embeddings|pre_layrnorm)\.")
    depths = {name: 0 if early.search(name) else count + 1 for name in names}
    depths |= {name: int(block[1]) + 1 for name, block in blocks.items() if block}
    return count, depths
