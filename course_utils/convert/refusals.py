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
    config = {"num_labels": len(config.get("id2label") or "ab"), **config}
    found = {o: config.get(name, usual) for o, (name, usual) in SETTINGS.items()}
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
            f"has {len(id2label)} entries: {', '.join(map(repr, list(id2label)[:5]))}"
            + (", ..." if len(id2label) > 5 else "")
        )
    id2label = {number: id2label[number] for number in range(classes)}
    # As in transformers, a name that two classes share leads to the later one.
    return {"id2label": id2label, "label2id": {v: k for k, v in id2label.items()}}


def refuse_unfit(source, found: Mapping, wanted: Mapping, remedy: str = "") -> None:
    """Refuse weights that would leave some of a model's random, or have no place in it.

    ``found`` and ``wanted`` hold the shape of each weight in the file and in the model
    that ``config.json`` describes. The message names the first that does not fit and
    says why; a ``remedy`` takes the place of this reason, where there is no file.
    """
    missing, strange = sorted(wanted.keys() - found), sorted(found.keys() - wanted)
    other = [n for n in sorted(wanted) if n in found and found[n] != wanted[n]]
    if missing:
        what = f" lacks {missing[0]}{more(missing)}, which would stay random"
        why = _why_missing(missing, strange, _depth(wanted))
    elif strange:
        what = f" holds {strange[0]}{more(strange)}, but the model that its settings "
        what += "describe has no place for it"
        why = _why_strange(_depth(found), _depth(wanted))
    elif other:
        name = other[0]
        what = f": {name} has shape {found[name]} in the file, but the model needs "
        what, why = f"{what}{wanted[name]}", _why_shape(name, found[name], wanted)
    else:
        return
    raise ValueError(f"{source}{what}; {remedy or why}")


def more(names: list) -> str:
    """Return " and 3 more" for four names, and nothing for a single one."""
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _why_missing(missing, strange, depth):
    end = missing[0].removeprefix("vit.")
    for name in strange:
        if name.endswith(f".{end}"):
            start = name.removesuffix(end).removeprefix("vit.").removesuffix("vit.")
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
    first = min(map(_block, missing))
    if first > 0 and {_block(name) for name in missing} == set(range(first, depth)):
        return (
            f"config.json asks for {depth} blocks and the file ends after {first}: "
            f'write "num_hidden_layers": {first} there if these are all, or fetch the '
            "whole file again"
        )
    return (
        "the file is not whole, or belongs to another model: fetch the checkpoint "
        "again, or choose another"
    )


def _why_strange(found, wanted):
    if found > wanted:
        return (
            f"config.json asks for {wanted} blocks and the file has {found}: write "
            f'"num_hidden_layers": {found} there'
        )
    return (
        "it was saved with other layers or settings: choose a plain ViT, or fetch "
        "config.json and weights from the same place"
    )


def _why_shape(name, found, wanted):
    write = "write {} into config.json, as it was when the weights were saved"
    if name.startswith("classifier."):
        return f"name {found[0]} classes in config.json (id2label): the file has them"
    if "patch_embedding" in name and found[:2] == wanted[name][:2]:
        return write.format(f'"patch_size": {found[-1]}')
    if "position_embedding" in name:
        patch = next(shape[-1] for shape in wanted.values() if len(shape) == 4)
        beside = (
            wanted[name][-2] - math.isqrt(wanted[name][-2]) ** 2
        )  # class token, ...
        rows = math.sqrt(max(found[-2] - beside, 0))
        if rows.is_integer():
            return write.format(f'"image_size": {int(rows) * patch}')
    return (
        "fetch config.json and weights from the same place: they do not belong together"
    )


def _block(name):
    """Return the number in ``vit.encoder.layer.3.output.dense.bias``, or -1."""
    return int("".join(re.findall(r"\blayers?\.(\d+)\.", name)[:1]) or -1)


def _depth(names):
    return max(map(_block, names), default=-1) + 1
