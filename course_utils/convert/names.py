"""Names of a ViT's weights in a file, and one sentence where they fit no model.

Needs no framework, so that PyTorch and Keras refuse a checkpoint in the same words.
"""

import math
import re
from collections.abc import Mapping

# Types of models whose encoder is a ViT: MAE and MSN differ in how it was trained.
ENCODERS = ("vit", "vit_mae", "vit_msn")
# What stands in a file beside the encoder, and is not needed to put a new head on it.
BESIDE = re.compile(r"(classifier|(vit\.)?pooler|decoder)\.|(vit\.)?embeddings\.mask_")


def on_disk(name: str) -> str:
    """Return the older name under which transformers stores a weight in a file."""
    for new, old in {
        "vit.layers.": "vit.encoder.layer.",
        "attention.q_proj": "attention.attention.query",
        "attention.k_proj": "attention.attention.key",
        "attention.v_proj": "attention.attention.value",
        "attention.o_proj": "attention.output.dense",
        "mlp.fc1": "intermediate.dense",
        "mlp.fc2": "output.dense",
    }.items():
        name = name.replace(new, old)
    return name


def more(names: list) -> str:
    """Return " and 3 more" for four names, and nothing for a single one."""
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def refuse_family(source, kind: str | None, instead: str = "") -> None:
    """Refuse a checkpoint that is no ViT; one without a type shows what it is later."""
    if kind is not None and kind not in ENCODERS:
        raise ValueError(
            f"{source} holds a model of type {kind!r}, not 'vit', and its weights have "
            "no place in a ViT; choose a checkpoint of a Vision Transformer, such as "
            f"google/vit-base-patch16-224{instead}"
        )


def refuse_unfit(source, found: Mapping, wanted: Mapping, remedy: str = "") -> None:
    """Refuse a checkpoint that would leave weights of the model random, or lose some.

    Parameters
    ----------
    source : str or Path
        What the message calls the checkpoint.
    found, wanted : mapping of str to tuple of int
        The shape of each weight in the file, and in the model that its settings ask
        for. The shape of a found one that is not wanted does not matter.
    remedy : str
        What to do, where config.json is not to blame.

    Raises
    ------
    ValueError
        If a weight is missing, left over, or of another shape: names the first one and
        says what to do.
    """
    missing, strange = sorted(wanted.keys() - found), sorted(found.keys() - wanted)
    if missing:
        raise ValueError(
            f"{source} lacks {missing[0]}{more(missing)}, which would stay random; "
            + (remedy or _why_missing(missing, strange, wanted))
        )
    if strange:
        raise ValueError(
            f"{source} holds {strange[0]}{more(strange)}, and the model has no place "
            "for it; " + (remedy or _why_strange(found, wanted))
        )
    other = [name for name in sorted(wanted) if found[name] != wanted[name]]
    if other:
        name = other[0]
        raise ValueError(
            f"{source}: {name} has shape {found[name]} in the file, but the model "
            f"needs {wanted[name]}; {remedy or _why_shape(name, found, wanted)}"
        )


def _why_missing(missing, strange, wanted):
    start = _wrapper(missing[0], strange)
    if start:
        return (
            f"all names in its file begin with {start!r}, which torch.compile, "
            "DistributedDataParallel or another wrapper puts there: save the model "
            "inside, accelerator.unwrap_model(model).save_pretrained(folder)"
        )
    timm = [name for name in strange if "attn.qkv" in name or "pos_embed" in name]
    if timm:
        return (
            f"its file has timm's names, such as {timm[0].removeprefix('vit.')}: "
            "choose a checkpoint that transformers has saved, such as "
            "google/vit-base-patch16-224"
        )
    blocks = {_block(name) for name in missing}
    first, depth = min(blocks), _depth(wanted)
    if first > 0 and blocks == set(range(first, depth)):
        return (
            f"config.json asks for {depth} blocks and the file ends after {first}: "
            f'write "num_hidden_layers": {first} there if these are all, or fetch the '
            "whole file again"
        )
    return (
        "the file is not whole, or is one of another model: fetch the checkpoint "
        "again, or choose another"
    )


def _why_strange(found, wanted):
    if _depth(found) > _depth(wanted):
        return (
            f"config.json asks for {_depth(wanted)} blocks and the file has "
            f'{_depth(found)}: write "num_hidden_layers": {_depth(found)} there'
        )
    return (
        "it was saved with other layers or settings: choose a plain ViT, or fetch "
        "config.json and weights from the same place"
    )


def _why_shape(name, found, wanted):
    place = "write {} into config.json, as it was when the weights were saved"
    if "patch_embedding" in name and found[name][:2] == wanted[name][:2]:
        return place.format(f'"patch_size": {found[name][-1]}')
    if "position_embedding" in name and (side := _side(name, found, wanted)):
        return place.format(f'"image_size": {side}')
    if name.startswith("classifier."):
        return (
            f"name {found[name][0]} classes in config.json (id2label): so many has the "
            "head in the file"
        )
    return (
        "fetch config.json and weights from the same place: they do not belong together"
    )


def _side(name, found, wanted):
    """Return the side in pixels of the pictures to which the positions belong."""
    patch = next((shape[-1] for shape in wanted.values() if len(shape) == 4), 0)
    for special in (1, 2, 0, 5):  # the class token; with DeiT's; none; with registers
        counts = [max(shapes[name][-2] - special, 0) for shapes in (found, wanted)]
        rows = [math.sqrt(count) for count in counts]
        if all(row.is_integer() for row in rows):
            return int(rows[0]) * patch
    return 0


def _wrapper(missing, strange):
    """Return what stands before the names of a model that was saved in a wrapper."""
    end = missing.removeprefix("vit.")
    starts = [name.removesuffix(end) for name in strange if name.endswith(f".{end}")]
    return starts[0].removeprefix("vit.").removesuffix("vit.") if starts else ""


def _block(name):
    """Return the number in ``vit.encoder.layer.3.output.dense.bias``, or -1."""
    number = re.search(r"\blayers?\.(\d+)\.", name)
    return int(number[1]) if number else -1


def _depth(names):
    return max(map(_block, names), default=-1) + 1
