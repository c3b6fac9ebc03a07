"""Why a checkpoint does not fit our ViT: one sentence, the same in both frameworks."""

import math
import re
from collections.abc import Mapping

import numpy as np

from course_utils.convert.names import SETTINGS

# Types of models whose encoder is a ViT: MAE and MSN differ in how it was trained.
ENCODERS = ("vit", "vit_mae", "vit_msn")
# What a file may hold beside the encoder; a new head needs none of it.
BESIDE = re.compile(r"(classifier|(vit\.)?pooler|decoder)\.|(vit\.)?embeddings\.mask_")
# What our ViT cannot have otherwise, as transformers calls it.
FIXED = {
    "hidden_act": ("gelu", "our MLP has the exact GELU"),
    "qkv_bias": (True, "our queries, keys and values have a bias"),
    "attention_probs_dropout_prob": (0.0, "our attention weights have no dropout"),
}


def refuse_family(source, kind: str | None) -> None:
    """Refuse a checkpoint that is no ViT; one without a type shows what it is later."""
    if kind is not None and kind not in ENCODERS:
        raise ValueError(
            f"{source} holds a model of type {kind!r}, not 'vit', and its weights have "
            "no place in a ViT; choose a checkpoint of a Vision Transformer, such as "
            "google/vit-base-patch16-224"
        )


def our_arguments(config: Mapping, source="the model", fixed: Mapping = FIXED) -> dict:
    """Return the arguments of our ViT for a ``config.json``, or refuse it."""
    faults = [
        f"{key}={config[key]!r}, but {why} ({key}={value!r})"
        for key, (value, why) in fixed.items()
        if config.get(key, value) != value
    ]
    if config.get("id2label"):
        config = {"num_labels": len(config["id2label"]), **config}
    found = {k: config.get(name, usual) for k, (name, usual, _) in SETTINGS.items()}
    for key in ("image_size", "patch_size"):
        sides = found[key]
        found[key], *others = set(np.ravel(sides).tolist())
        if others:
            faults.append(f"{key}={sides}, but our ViT takes squares only")
    for key, unit in {"image_size": "patch_size", "dim": "heads"}.items():
        if found[key] % found[unit]:
            (name, *_), (divisor, *_) = SETTINGS[key], SETTINGS[unit]
            value = f"{name} {found[key]}, which is not a multiple of its {divisor}"
            faults.append(f"{value} {found[unit]}")
    if faults:
        raise ValueError(
            f"{source} has {faults[0]}; it cannot be converted with equal results, so "
            "choose another model"
        )
    return found


def label_settings(id2label: Mapping[int, str] | None, classes: int) -> dict:
    """Return the settings that name the logits; ``LABEL_0`` and so on without names."""
    if id2label is None:
        id2label = {number: f"LABEL_{number}" for number in range(classes)}
    if set(id2label) != set(range(classes)):
        raise ValueError(
            f"id2label must have the keys 0 to {classes - 1}, one for each logit, but "
            f"has {len(id2label)} keys that begin with {list(id2label)[:5]}"
        )
    # As in transformers, a name that two classes share leads to the later one.
    label2id = {id2label[number]: number for number in range(classes)}
    return {"id2label": dict(id2label), "label2id": label2id}


def kind_of(value) -> str:
    """Return "keras.Sequential" or "transformers.ViTModel" for an object of it."""
    return f"{type(value).__module__.split('.')[0]}.{type(value).__name__}"


def refuse_unfit(source, found: Mapping, wanted: Mapping, remedy: str = "") -> None:
    """Refuse weights that would leave some of a model's random, or have no place in it.

    ``found`` and ``wanted`` hold the shape of each weight in the file and in the model
    that ``config.json`` describes. Without a ``remedy``, the likely one is looked for.
    """
    missing, strange = sorted(wanted.keys() - found), sorted(found.keys() - wanted)
    other = [name for name in sorted(wanted) if found.get(name) != wanted[name]]
    if not (names := missing or strange or other):
        return
    first = names[0]
    what = f"{first} and {len(names) - 1} more" if names[1:] else first
    if missing:
        what = f" lacks {what}, which would stay random"
    elif strange:
        what = f" holds {what}, but a model of its settings has no place for it"
    else:
        what = f": {first} has shape {found[first]} but the model needs {wanted[first]}"
        if setting := _setting(first, found[first], wanted):
            remedy = f"write {setting} into config.json, as it was when the weights "
            remedy += "were saved"
    remedy = remedy or _remedy(missing, strange, found, wanted)
    raise ValueError(f"{source}{what}; {remedy}")


def _setting(name, shape, wanted):
    """Return what config.json should say for a weight to have the shape in the file."""
    if name.startswith("classifier."):
        return f'"num_labels": {shape[0]}'
    if "patch_embedding" in name and shape[:2] == wanted[name][:2]:
        return f'"patch_size": {shape[-1]}'
    if "position_embedding" in name:  # one for each patch, and one for the class token
        patch = next(kernel[-1] for kernel in wanted.values() if len(kernel) == 4)
        return f'"image_size": {math.isqrt(shape[-2]) * patch}'
    return None


def _remedy(missing, strange, found, wanted):
    """Say where names like these come from, and what to do about it."""
    for name in strange if missing else ():
        start, end, _ = name.rpartition(f".{missing[0].removeprefix('vit.')}")
        if end:
            start = start.removeprefix("vit.").removesuffix(".vit") + "."
            return (
                f"all names in its file begin with {start!r}, which torch.compile or "
                "another wrapper puts there: save what accelerator.unwrap_model returns"
            )
        if "attn.qkv" in name or "pos_embed" in name:
            return (
                f"its file has timm's names, such as {name.removeprefix('vit.')}: "
                "choose a checkpoint that transformers has saved"
            )
    asked, there = _blocks(wanted), _blocks(found)
    if asked != there > 0:
        return (
            f"config.json asks for {asked} blocks and the file has {there}: write "
            f'"num_hidden_layers": {there} there, or fetch the whole file again'
        )
    return (
        "the file is not whole, or belongs to other settings: fetch config.json and "
        "weights again from the same place, or choose another checkpoint"
    )


def _blocks(names):
    """Count the blocks in names such as ``vit.encoder.layer.3.output.dense.bias``."""
    numbers = re.findall(r"\blayers?\.(\d+)\.", " ".join(names))
    return max(map(int, numbers), default=-1) + 1
