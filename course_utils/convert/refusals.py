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
# What our ViT, and KerasHub's as the course uses it, cannot have otherwise.
FIXED = {
    "hidden_act": ("gelu", "our MLP has the exact GELU"),
    "qkv_bias": (True, "our queries, keys and values have a bias"),
    "attention_probs_dropout_prob": (0.0, "our attention weights have no dropout"),
}


def refuse_family(source, kind: str | None, instead: str = "") -> None:
    """Refuse a checkpoint that is no ViT; one without a type shows what it is later."""
    if kind is not None and kind not in ENCODERS:
        raise ValueError(
            f"{source} holds a model of type {kind!r}, not 'vit', and its weights have "
            "no place in a ViT; choose a checkpoint of a Vision Transformer, such as "
            f"google/vit-base-patch16-224{instead}"
        )


def our_arguments(config: Mapping, source="the model") -> dict:
    """Return the arguments of our ViT for a ``config.json``, or refuse it."""
    for key, (value, why) in FIXED.items():
        if config.get(key, value) != value:
            raise ValueError(
                f"{source} has {key}={config[key]!r}, but {why} ({key}={value!r}); it "
                "cannot be converted with equal results"
            )
    if config.get("id2label"):
        config = {"num_labels": len(config["id2label"]), **config}
    found = {k: config.get(name, usual) for k, (name, usual, _) in SETTINGS.items()}
    for key in ("image_size", "patch_size"):
        sides = set(np.ravel(found[key]).tolist())
        if len(sides) != 1 or not all(isinstance(s, int) and s > 0 for s in sides):
            raise ValueError(
                f"{source} has {key}={found[key]}, but our ViT takes squares only; "
                "choose another checkpoint"
            )
        found[key] = sides.pop()
    for key, unit in {"image_size": "patch_size", "dim": "heads"}.items():
        if found[key] % found[unit]:
            raise ValueError(
                f"{source} has {SETTINGS[key][0]} {found[key]}, which is not a multiple"
                f" of its {SETTINGS[unit][0]} {found[unit]}; choose another checkpoint"
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
    id2label = {number: id2label[number] for number in range(classes)}
    # As in transformers, a name that two classes share leads to the later one.
    return {"id2label": id2label, "label2id": {v: k for k, v in id2label.items()}}


def refuse_unfit(source, found: Mapping, wanted: Mapping, remedy: str = "") -> None:
    """Refuse weights that would leave some of a model's random, or have no place in it.

    ``found`` and ``wanted`` hold the shape of each weight in the file and in the model
    that ``config.json`` describes. A ``remedy`` takes the place of the reasons that a
    file can have.
    """
    missing, strange = sorted(wanted.keys() - found), sorted(found.keys() - wanted)
    if missing:
        what = f" lacks {missing[0]}{more(missing)}, which would stay random"
    elif strange:
        what = f" holds {strange[0]}{more(strange)}, but the model that its settings "
        what += "describe has no place for it"
    elif other := [name for name in sorted(wanted) if found[name] != wanted[name]]:
        what = f": {other[0]} has shape {found[other[0]]} in the file, but the model "
        what += f"needs {wanted[other[0]]}"
        if setting := _setting(other[0], found[other[0]], wanted):
            remedy = f"write {setting} into config.json, as it was when the weights "
            remedy += "were saved"
    else:
        return
    raise ValueError(
        f"{source}{what}; {remedy or _why(missing, strange, found, wanted)}"
    )


def more(names: list) -> str:
    """Return " and 3 more" for four names, and nothing for a single one."""
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def kind_of(value) -> str:
    """Return "keras.Sequential" or "transformers.ViTModel" for an object of it."""
    return f"{type(value).__module__.split('.')[0]}.{type(value).__name__}"


def _why(missing, strange, found, wanted):
    """Say where names like these come from, and what to do about it."""
    for name in strange if missing else ():
        start, end, _ = name.rpartition(f".{missing[0].removeprefix('vit.')}")
        if end:
            start = start.removeprefix("vit.").removesuffix(".vit") + "."
            return (
                f"all names in its file begin with {start!r}, which torch.compile, "
                "DistributedDataParallel or another wrapper puts there: save the model "
                "inside, accelerator.unwrap_model(model).save_pretrained(folder)"
            )
        if "attn.qkv" in name or "pos_embed" in name:
            return (
                f"its file has timm's names, such as {name.removeprefix('vit.')}: "
                "choose a checkpoint that transformers has saved, such as "
                "google/vit-base-patch16-224"
            )
    asked, there = (max(map(_block, n), default=-1) + 1 for n in (wanted, found))
    if asked != there and min(map(_block, missing or strange)) == min(asked, there):
        return (
            f"config.json asks for {asked} blocks and the file has {there}: write "
            f'"num_hidden_layers": {there} there, or fetch the whole file again'
        )
    return (
        "the file is not whole, or belongs to other settings: fetch config.json and "
        "weights again from the same place, or choose another checkpoint"
    )


def _setting(name, shape, wanted):
    """Return what config.json should say for a weight to have the shape in the file."""
    if name.startswith("classifier."):
        return f'"num_labels": {shape[0]}'
    if "patch_embedding" in name and shape[:2] == wanted[name][:2]:
        return f'"patch_size": {shape[-1]}'
    if "position_embedding" in name:
        patch = next(kernel[-1] for kernel in wanted.values() if len(kernel) == 4)
        beside = wanted[name][-2] - math.isqrt(wanted[name][-2]) ** 2  # class token
        rows = math.isqrt(max(shape[-2] - beside, 0))
        if rows**2 + beside == shape[-2]:
            return f'"image_size": {rows * patch}'
    return None


def _block(name):
    """Return the number in ``vit.encoder.layer.3.output.dense.bias``, or -1."""
    return int("".join(re.findall(r"\blayers?\.(\d+)\.", name)[:1]) or -1)
