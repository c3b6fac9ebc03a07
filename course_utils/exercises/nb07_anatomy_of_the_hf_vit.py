"""Exercises of notebook 07: pixels, names, blocks, FLOPs, loading, a conversion."""

import itertools
import math
import re
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from course_utils.exercises.compare import plain
from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer


def _random(*shape, scale=1.0, seed=0):
    """Return a tensor with fixed, different numbers."""
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


# --- 07.1 Undo the processor ------------------------------------------------------


def to_picture(pixels, mean, std):
    values = 255 * (pixels.permute(1, 2, 0) * std + mean)  # -> (H, W, C)
    return values.round().clamp(0, 255).to(torch.uint8)


def _picture(
    pixels,
    mean,
    std,
    *,
    undo="right",
    factor=255,
    whole=np.rint,
    clip=(0, 255),
    move=True,
):
    x = np.moveaxis(np.asarray(pixels), 0, -1)
    mean, std = np.asarray(mean), np.asarray(std)
    x = {
        "right": x * std + mean,
        "shift first": (x + mean) * std,
        "again": (x - mean) / std,
        "swapped": x * mean + std,
        "no shift": x * std,
        "one mean": x * std.mean() + mean.mean(),
        "halves": x * 0.5 + 0.5,
        "clipped first": x.clip(0, 1) * std + mean,
        "stretched": (y := x * std + mean, (y - y.min()) / np.ptp(y))[1],
        "not at all": x,
    }[undo]
    values = whole(factor * x)
    values = np.clip(values, *clip) if clip else values
    picture = values.astype(np.int64).astype(np.uint8)
    return picture if move else np.moveaxis(picture, -1, 0)


def _reshaped_picture(pixels, mean, std):
    C, H, W = pixels.shape
    return _picture(pixels, mean, std, move=False).reshape(H, W, C)


def _axes_reversed(pixels, mean, std):
    return _picture(pixels, mean, std).swapaxes(0, 1)


def _picture_in_torch(pixels, mean, std):
    x = pixels * std.view(-1, 1, 1) + mean.view(-1, 1, 1)
    return x.mul(255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


def _picture_in_numpy(pixels, mean, std):
    x = np.transpose(pixels, (1, 2, 0)) * std + mean
    return (255 * x + 0.5).clip(0, 255).astype("uint8")


def _picture_in_pillow(pixels, mean, std):
    return Image.fromarray(_picture(pixels, mean, std))


def _normalized(picture, mean, std):
    return np.moveaxis((np.array(picture) / 255 - mean) / std, -1, 0)


def _probe_picture(answer, pixels, mean, std):
    picture = answer(pixels, mean, std)
    if picture is None or picture is ...:
        return picture
    picture = plain(picture)
    if isinstance(picture, Image.Image):
        picture = np.asarray(picture)
    if isinstance(picture, np.ndarray) and picture.dtype != np.uint8:
        raise NotAnAnswer(
            f"Your picture holds numbers of type `{picture.dtype}`. Bytes have the "
            "type `uint8`, whole numbers from 0 to 255."
        )
    return picture


_IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
_FOUR = np.array([0.4, 0.5, 0.6, 0.3]), np.array([0.2, 0.3, 0.25, 0.35])
# A bit above whole numbers, where what `uint8` cuts off hangs on no rounding error.
_BYTES = np.random.default_rng(0).integers(0, 256, (2, 4, 3)) + 0.2

PICTURE = Exercise(
    id="07.1",
    title="Undo the processor",
    solution=to_picture,
    probe=_probe_picture,
    cases=(
        (_normalized(_BYTES, *_IMAGENET), *_IMAGENET),
        (
            _normalized([[[300.2, 100.2, 70.2], [7.2, 8.2, 9.2]]], *_IMAGENET),
            *_IMAGENET,
        ),
        (
            _normalized([[[200.2, 100.2, -20.2], [7.2, 8.2, 9.2]]], *_IMAGENET),
            *_IMAGENET,
        ),
        (_normalized([[[99.6, 9.9, 50.7], [7.2, 8.2, 9.2]]], *_IMAGENET), *_IMAGENET),
        (_normalized(_BYTES.swapaxes(1, 2), *_FOUR), *_FOUR),
    ),
    mistakes=(
        Mistake(
            partial(_picture, undo="shift first"),
            "You undo the steps in the wrong order. The last one done was the division "
            "by `std`, so it is the first to undo.",
        ),
        Mistake(
            partial(_picture, undo="again"),
            "You normalize a second time. To undo it, multiply by `std` and add "
            "`mean`.",
        ),
        Mistake(partial(_picture, undo="swapped"), "You exchanged `mean` and `std`."),
        Mistake(
            partial(_picture, undo="no shift"),
            "You multiply by `std`; `mean` has not come back yet.",
        ),
        Mistake(
            partial(_picture, undo="not at all"),
            "You rescale to bytes, but the normalization is still in the numbers.",
        ),
        Mistake(
            partial(_picture, factor=1),
            "Undoing the normalization gives numbers from 0 to 1; bytes run from 0 to "
            "255.",
        ),
        Mistake(
            partial(_picture, factor=256),
            "Bytes run from 0 to 255, and the processor divided by 255, not 256.",
        ),
        Mistake(
            partial(_picture, whole=np.trunc),
            "`uint8` cuts the decimals off: 99.6 becomes 99. Round first.",
        ),
        Mistake(
            partial(_picture, clip=None),
            "Values outside of 0 to 255 wrap around: 300 became 44. Clip them before "
            "you convert.",
        ),
        Mistake(
            partial(_picture, clip=(None, 255)),
            "Values below 0 wrap around: -20 became 236. Clip them below, too.",
        ),
        Mistake(
            partial(_picture, clip=(0, None)),
            "Values above 255 wrap around: 300 became 44. Clip them above, too.",
        ),
        Mistake(
            partial(_picture, undo="clipped first"),
            "You clip before the normalization is undone, where values below 0 are "
            "quite usual. Clip the bytes, at the end.",
        ),
        Mistake(
            partial(_picture, undo="stretched"),
            "You stretch the picture so that its darkest number becomes 0 and its "
            "brightest 255. What the model saw may be darker or paler than that.",
        ),
        Mistake(
            partial(_picture, undo="one mean"),
            "You use one mean and one spread for all channels. Each channel has its "
            "own.",
        ),
        Mistake(
            partial(_picture, undo="halves"),
            "You undo a normalization by 0.5 and 0.5. Here `mean` and `std` say what "
            "to undo.",
        ),
        Mistake(
            partial(_picture, whole=np.ceil),
            "You round every number up: 7.2 becomes 8. Take the nearest whole number.",
        ),
        Mistake(
            partial(_picture, move=False),
            "The numbers are right, but the channels still come first. A picture is "
            "`(H, W, C)`.",
        ),
        Mistake(
            _reshaped_picture,
            "A reshape keeps the reading order, so colors and places are mixed. The "
            "axes must be *moved*: `transpose`, `permute` or `moveaxis`.",
        ),
        Mistake(
            _axes_reversed,
            "Rows and columns are exchanged: your picture lies on its side. The axes "
            "(C, H, W) become (H, W, C).",
        ),
    ),
    hints=(
        "The processor resized, divided by 255, subtracted `mean`, divided by `std`. "
        "Go through the last three backward.",
        "`mean` has shape `(C,)` and broadcasts along the last axis: move the channels "
        "there first.",
        "Multiply by `std`, add `mean`, times 255; round; clip; then convert.",
    ),
    because="Undone backward, with rounding before the conversion, every byte comes "
    "back exactly.",
    alternatives=(_picture_in_torch, _picture_in_numpy, _picture_in_pillow),
    kinds=("torch", "numpy"),
)


# --- 07.2 From the file's name to the module's ------------------------------------


def module_name(name):
    renamed = {
        "vit.encoder.layer.": "vit.layers.",
        "attention.attention.query": "attention.q_proj",
        "attention.attention.key": "attention.k_proj",
        "attention.attention.value": "attention.v_proj",
        "attention.output.dense": "attention.o_proj",  # before the next
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
    }
    for old, new in renamed.items():
        name = name.replace(old, new)
    return name


def _renamed(name, *pairs):
    for old, new in pairs:
        name = name.replace(old, new)
    return name


_LAYER = ("encoder.layer.", "layers.")
_QKV = tuple(
    (f"attention.attention.{long}.", f"attention.{long[0]}_proj.")
    for long in ("query", "key", "value")
)
_OUT = ("attention.output.dense", "attention.o_proj")
_MLP = ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2")


def _by_pattern(name):
    found = re.fullmatch(r"vit\.encoder\.layer\.(\d+)\.(.+)\.(weight|bias)", name)
    if found is None:
        return name
    number, part, kind = found.groups()
    part = {
        "attention.attention.query": "attention.q_proj",
        "attention.attention.key": "attention.k_proj",
        "attention.attention.value": "attention.v_proj",
        "attention.output.dense": "attention.o_proj",
        "intermediate.dense": "mlp.fc1",
        "output.dense": "mlp.fc2",
    }.get(part, part)
    return f"vit.layers.{number}.{part}.{kind}"


def _file_names(number, kind):
    at = f"vit.encoder.layer.{number}"
    parts = (
        *(f"attention.attention.{part}" for part in ("query", "key", "value")),
        "attention.output.dense",
        "intermediate.dense",
        "output.dense",
        "layernorm_before",
        "layernorm_after",
    )
    return [f"{at}.{part}.{kind}" for part in parts]


def _only_if(condition, otherwise=lambda name: name):
    """Make an answer that is right for some names only."""
    return lambda name: module_name(name) if condition(name) else otherwise(name)


def _then(*pairs):
    """Make an answer whose result is right but for some replaced parts."""
    return lambda name: _renamed(module_name(name), *pairs)


def _probe_name(answer, name):
    new = answer(name)
    if isinstance(new, list | tuple):
        raise NotAnAnswer("Return one text, the whole name, not a list of its parts.")
    return new


_OUTSIDE = (
    "vit.layernorm.weight",
    "vit.embeddings.patch_embeddings.projection.bias",
    "vit.embeddings.position_embeddings",
    "classifier.bias",
)

NAMES = Exercise(
    id="07.2",
    title="From the file's name to the module's",
    solution=module_name,
    probe=_probe_name,
    cases=tuple(
        (name,)
        for name in (
            *_file_names(4, "weight"),
            *_file_names(7, "bias"),
            *_file_names(11, "weight"),
            *_OUTSIDE,
        )
    ),
    mistakes=(
        Mistake(
            lambda name: _renamed(name, _LAYER, *_QKV, *_MLP, _OUT),
            "`output.dense` also stands inside `attention.output.dense`, and you "
            "replaced it there first. Longer names must come before shorter ones.",
        ),
        Mistake(
            lambda name: _renamed(name, ("encoder.", ""), *_QKV, _OUT, *_MLP),
            "You took `encoder` out, but `layer` is called `layers` in memory.",
        ),
        Mistake(
            lambda name: _renamed(
                name, ("encoder.", ""), ("layer", "layers"), *_QKV, _OUT, *_MLP
            ),
            "Replacing `layer` everywhere also hits `layernorm`. Replace it with its "
            "dots.",
        ),
        Mistake(
            lambda name: _renamed(
                name,
                _LAYER,
                ("query", "q_proj"),
                ("key", "k_proj"),
                ("value", "v_proj"),
                _OUT,
                *_MLP,
            ),
            "The doubled `attention.attention` became a single one.",
        ),
        Mistake(
            lambda name: _renamed(
                name,
                _LAYER,
                *((old, new.replace("_proj", "")) for old, new in _QKV),
                _OUT,
                *_MLP,
            ),
            "In memory the three are called `q_proj`, `k_proj` and `v_proj`.",
        ),
        Mistake(
            lambda name: _renamed(name, _LAYER),
            "The block's number stands right, but the parts inside of a block have new "
            "names too.",
        ),
        Mistake(
            lambda name: _renamed(name, _LAYER, *_QKV, *_MLP[:1], _OUT),
            "The second layer of the MLP, `output.dense` outside of the attention, has "
            "no new name yet.",
        ),
        Mistake(
            lambda name: _renamed(name, _LAYER, *_QKV),
            "Queries, keys and values have their new names. The attention's output and "
            "the two layers of the MLP are still to come.",
        ),
        Mistake(
            lambda name: _renamed(
                name, ("encoder.layer.3.", "layers.3."), *_QKV, _OUT, *_MLP
            ),
            "Your function knows block 3 only, the one of the example. A block may "
            "have any number.",
        ),
        Mistake(
            lambda name: re.sub(r"(layers\.\d)\d+", r"\1", module_name(name)),
            "Block 11 becomes block 1: the number of a block may have two digits.",
        ),
        Mistake(
            _then(("o_proj", "out_proj")),
            "The output projection is called `o_proj` here; `out_proj` is its name in "
            "other libraries.",
        ),
        Mistake(
            _then(("fc1", "fc1.dense"), ("fc2", "fc2.dense")),
            "`dense` is still there: `intermediate.dense` as a whole becomes "
            "`mlp.fc1`, and `output.dense` becomes `mlp.fc2`.",
        ),
        Mistake(
            lambda name: module_name(name).rpartition(".")[0],
            "The end of the name is lost: `weight` and `bias` stay as they are.",
        ),
        Mistake(
            _only_if(lambda name: ".11." not in name),
            "Block 11 is not renamed: the number of a block may have two digits.",
        ),
        Mistake(
            lambda name: re.sub(r"layers\.\d+", "layers.3", module_name(name)),
            "Every name becomes one of block 3. Keep the number that came in.",
        ),
        Mistake(
            _then(("vit.", "")),
            "The name in memory begins with `vit.`, too.",
        ),
        Mistake(
            _then(("vit.layers", "vit.encoder.layers")),
            "In memory the layers are no longer inside an `encoder`.",
        ),
        Mistake(
            _then(("fc1", "fc0"), ("fc2", "fc1"), ("fc0", "fc2")),
            "`fc1` and `fc2` are exchanged: `intermediate` is the first of the two, "
            "which widens.",
        ),
        Mistake(
            _then(("mlp.", "")),
            "`fc1` and `fc2` stand inside of `mlp` in memory.",
        ),
        Mistake(
            _then((_OUT[1], _OUT[0])),
            "The output projection of the attention has a new name, too: `o_proj`.",
        ),
        Mistake(
            _then(("_before", "_1"), ("_after", "_2")),
            "The two norms of a block keep their names.",
        ),
        Mistake(
            _then(("layernorm_before", "norm1"), ("layernorm_after", "norm2")),
            "The two norms inside of a block keep the names that they have in the "
            "file.",
        ),
        Mistake(
            _then(("q_", "query_"), ("k_", "key_"), ("v_proj", "value_proj")),
            "Of `query`, `key` and `value` only the first letter is left in memory: "
            "`q_proj`.",
        ),
        Mistake(
            _then(("k_proj", "q_proj"), ("v_proj", "q_proj")),
            "Queries, keys and values all get one name, so two of the three are lost.",
        ),
        Mistake(
            _only_if(lambda name: name.endswith(".weight")),
            "Weights are renamed, biases are not.",
        ),
        Mistake(
            _only_if(lambda name: "encoder" in name, otherwise=lambda name: None),
            "For a name outside of the blocks your function returns nothing. Such a "
            "name comes back as it is.",
        ),
    ),
    hints=(
        "A chain of `replace` is enough. In which order?",
        "Which of the old names is part of another old name?",
        "Replace `encoder.layer.` with `layers.`; then `attention.attention.query` and "
        "its like, `attention.output.dense`, `intermediate.dense`, and `output.dense` "
        "last.",
    ),
    because="One old name is part of another, so the longer one goes first. "
    "`from_pretrained` holds such a list for every model that was ever renamed.",
    alternatives=(
        _by_pattern,
        lambda name: _renamed(name, _LAYER, *_QKV, _OUT, *_MLP),
    ),
)


# --- 07.3 Rows grouped by head ----------------------------------------------------


def regroup(weight, heads):
    d = len(weight) // (3 * heads)
    grouped = weight.reshape(heads, 3, d, *weight.shape[1:])
    return grouped.swapaxes(0, 1).reshape(weight.shape)


def _as_it_is(weight, heads):
    return weight


def _other_way(weight, heads):
    d = len(weight) // (3 * heads)
    grouped = weight.reshape(3, heads, d, *weight.shape[1:])
    return grouped.swapaxes(0, 1).reshape(weight.shape)


def _row_by_row(weight, heads):
    rows = weight.reshape(len(weight) // 3, 3, *weight.shape[1:])
    return rows.swapaxes(0, 1).reshape(weight.shape)


def _head_inside(weight, heads):
    d = len(weight) // (3 * heads)
    grouped = weight.reshape(heads, 3, d, *weight.shape[1:])
    return grouped.swapaxes(0, 2).swapaxes(0, 1).reshape(weight.shape)


def _backward(weight, heads):
    d = len(weight) // (3 * heads)
    grouped = weight.reshape(heads, 3, d, *weight.shape[1:])
    return grouped[:, [2, 1, 0]].swapaxes(0, 1).reshape(weight.shape)


def _not_merged(weight, heads):
    d = len(weight) // (3 * heads)
    return weight.reshape(heads, 3, d, *weight.shape[1:]).swapaxes(0, 1)


def _heads_backward(weight, heads):
    grouped = weight.reshape(heads, 3, -1, *weight.shape[1:])
    return grouped.swapaxes(0, 1)[:, list(range(heads))[::-1]].reshape(weight.shape)


def _keys_first(weight, heads):
    grouped = weight.reshape(heads, 3, -1, *weight.shape[1:])
    return grouped.swapaxes(0, 1)[[1, 0, 2]].reshape(weight.shape)


def _queries_only(weight, heads):
    return regroup(weight, heads)[: len(weight) // 3]


def _probe_regroup(answer, weight, heads):
    try:
        rows = answer(weight, heads)
    except (IndexError, RuntimeError, ValueError) as error:
        if weight.ndim > 1:
            raise
        raise NotAnAnswer(
            "Right for the matrix. With the bias, which has no second axis, your code "
            f"stops: {type(error).__name__}: {error}."
        ) from error
    if isinstance(rows, list | tuple):
        raise NotAnAnswer(
            "Return one tensor: queries, keys and values in one, below each other."
        )
    return rows


def _by_index(weight, heads):
    d = len(weight) // (3 * heads)
    order = [
        (3 * head + part) * d + row
        for part in range(3)
        for head in range(heads)
        for row in range(d)
    ]
    return weight[order]


def _by_chunks(weight, heads):
    parts = [head.chunk(3) for head in weight.chunk(heads)]
    return torch.cat([part[i] for i in range(3) for part in parts])


def _by_transpose(weight, heads):
    return weight.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)


def _rows(heads, d, columns=None):
    """Return a weight (or bias) whose numbers tell part, head and row."""
    rows = [
        100 * part + 10 * head + row
        for head in range(heads)
        for part in (1, 2, 3)
        for row in range(d)
    ]
    rows = np.array(rows, dtype=float)
    if columns is None:
        return rows
    return rows[:, None] + np.arange(columns) / 10


REGROUP = Exercise(
    id="07.3",
    title="Rows grouped by head",
    solution=regroup,
    probe=_probe_regroup,
    cases=(
        (_rows(2, 2, 4), 2),
        (_rows(3, 2, 6), 3),
        (_rows(2, 3, 6), 2),
        (_rows(2, 3), 2),
    ),
    mistakes=(
        Mistake(
            _as_it_is,
            "That is the weight as it came: grouped by head.",
        ),
        Mistake(
            _other_way,
            "You split the rows as (3, heads, d), which is *our* order, and brought "
            "them into the other library's. Theirs splits as (heads, 3, d).",
        ),
        Mistake(
            _row_by_row,
            "You treat the rows as q, k, v, q, k, v, one by one. They come in groups "
            "of d = D / heads rows.",
        ),
        Mistake(
            _head_inside,
            "Queries come first, but inside them rows of different heads alternate. "
            "Keep the d rows of a head together.",
        ),
        Mistake(_backward, "Your values come first; ours begins with the queries."),
        Mistake(
            _keys_first,
            "Your keys come before the queries. The order is queries, keys, values.",
        ),
        Mistake(
            _heads_backward,
            "Queries, keys and values are in order, but the last head comes first in "
            "each.",
        ),
        Mistake(
            _queries_only,
            "Those are the queries. Keys and values have to follow.",
        ),
        Mistake(
            _not_merged,
            "The order is right; reshape back to the shape that came in.",
        ),
    ),
    hints=(
        "A row's number is made of head, part (query, key or value) and row inside. "
        "Which of the three counts slowest in their order, which in ours?",
        "Split the first axis into (heads, 3, d).",
        "Exchange the first two axes, then reshape to the old shape. Let the remaining "
        "axes follow with `*weight.shape[1:]`.",
    ),
    because="Split, swap, merge, as with patches. Both orders exist in published "
    "models, and shapes cannot tell them apart: only numbers can.",
    alternatives=(_by_index, _by_chunks, _by_transpose),
    kinds=("torch",),
)


# --- 07.4 Nearly the same block ---------------------------------------------------


def right_block(x, w, heads, eps):
    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        centered = x - x.mean(-1, keepdim=True)
        variance = centered.square().mean(-1, keepdim=True)
        unit = centered / (variance + eps).sqrt()
        return unit * w[f"{name}.weight"] + w[f"{name}.bias"]

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    n = norm(x, "layernorm_before")
    q, k, v = (split(linear(n, f"attention.{c}_proj")) for c in "qkv")
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    context = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
    x = x + linear(context, "attention.o_proj")
    hidden = F.gelu(linear(norm(x, "layernorm_after"), "mlp.fc1"))
    return x + linear(hidden, "mlp.fc2")


def _block(
    x,
    w,
    heads,
    eps,
    *,
    correction=0,
    eps_in="root",
    scale="head",
    activation=F.gelu,
    stream="x",
    axis=-1,
):
    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        variance = x.var(-1, keepdim=True, correction=correction)
        spread = {
            "root": (variance + eps).sqrt(),
            "sum": variance.sqrt() + eps,
            "fixed": (variance + nn.LayerNorm(1).eps).sqrt(),
            "nowhere": variance.sqrt(),
        }[eps_in]
        unit = (x - x.mean(-1, keepdim=True)) / spread
        return unit * w[f"{name}.weight"] + w[f"{name}.bias"]

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    n = norm(x, "layernorm_before")
    q, k, v = (split(linear(n, f"attention.{c}_proj")) for c in "qkv")
    D, d = x.shape[-1], q.shape[-1]
    divisor = {
        "head": d**0.5,
        "model": D**0.5,
        "heads": heads**0.5,
        "no root": d,
        "none": 1,
    }[scale]
    scores = q @ k.transpose(-2, -1) / divisor
    context = (scores.softmax(dim=axis) @ v).transpose(1, 2).flatten(2)
    attended = context if stream == "mixed" else linear(context, "attention.o_proj")
    before = norm(x, "layernorm_after")
    x = {"normed": n, "attention lost": 0}.get(stream, x) + attended
    normed = {
        "too early": before,
        "raw": x,
        "one norm": norm(x, "layernorm_before"),
    }.get(stream, norm(x, "layernorm_after"))
    hidden = linear(activation(linear(normed, "mlp.fc1")), "mlp.fc2")
    return hidden if stream == "lost" else x + hidden


def _quick_gelu(x):
    return x * (1.702 * x).sigmoid()


def _block_of_pytorch(x, w, heads, eps):
    def layer(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        shape = x.shape[-1:]
        return F.layer_norm(x, shape, w[f"{name}.weight"], w[f"{name}.bias"], eps)

    B, T, D = x.shape
    n = norm(x, "layernorm_before")
    q, k, v = (
        layer(n, f"attention.{c}_proj").view(B, T, heads, D // heads).transpose(1, 2)
        for c in "qkv"
    )
    context = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(B, T, D)
    x = layer(context, "attention.o_proj") + x
    return x + layer(F.gelu(layer(norm(x, "layernorm_after"), "mlp.fc1")), "mlp.fc2")


_SLIPS = {
    "the norm": {"correction": 1},
    "the attention": {"scale": "model"},
    "the MLP": {"activation": partial(F.gelu, approximate="tanh")},
}
_SLIP_MESSAGES = {
    "the norm": "One slip is left, in the norm: `x.var` divides by $D - 1$ unless it "
    "is told otherwise, a layer norm by $D$.",
    "the attention": "One slip is left, in the attention: scores are divided by the "
    "root of the width of one *head*, not of the model.",
    "the MLP": "One slip is left, in the MLP: this checkpoint has the exact GELU.",
}


def _remaining_slips():
    """Return the answers that mend none, one or two of the three slips."""
    found = []
    for count in (3, 2, 1):
        for names in itertools.combinations(_SLIPS, count):
            slips = {
                key: value for name in names for key, value in _SLIPS[name].items()
            }
            message = {
                3: "All three slips are still there. Compare each line with the "
                "block of the lesson.",
                2: f"Two slips are left: one in {names[0]}, one in {names[-1]}.",
                1: _SLIP_MESSAGES[names[0]],
            }[count]
            found.append(Mistake(partial(_block, **slips), message))
    return tuple(found)


def _block_weights(D, M):
    shapes = {f"attention.{c}_proj": (D, D) for c in "qkvo"}
    shapes |= {"mlp.fc1": (M, D), "mlp.fc2": (D, M)}
    weights = {}
    for seed, (name, shape) in enumerate(shapes.items()):
        scale = 1.5 / shape[1] ** 0.5
        weights[f"{name}.weight"] = _random(*shape, scale=scale, seed=seed)
        weights[f"{name}.bias"] = _random(shape[0], scale=0.5, seed=10 + seed)
    for seed, name in enumerate(("layernorm_before", "layernorm_after"), start=20):
        weights[f"{name}.weight"] = 1 + _random(D, scale=0.2, seed=seed)
        weights[f"{name}.bias"] = _random(D, scale=0.2, seed=10 + seed)
    return weights


def _probe_block(answer, x, mlp_dim, heads, eps):
    """Try a block with weights that are too long to be shown."""
    return answer(x, _block_weights(x.shape[-1], mlp_dim), heads, eps)


BLOCK = Exercise(
    id="07.4",
    title="Spot the bug: nearly the same block",
    solution=right_block,
    probe=_probe_block,
    cases=(
        (_random(2, 5, 6), 10, 3, 0.01),
        (_random(3, 5, 12), 16, 2, 0.001),
        (_random(2, 5, 12, scale=0.01), 16, 4, 0.0001),
    ),
    mistakes=(
        *_remaining_slips(),
        Mistake(
            partial(_block, scale="none"),
            "The scores are not divided at all. By which width should they be?",
        ),
        Mistake(
            partial(_block, scale="heads"),
            "You divide the scores by the root of the *number* of heads. It is the "
            "root of the width of one head.",
        ),
        Mistake(
            partial(_block, scale="no root"),
            "You divide the scores by the width of a head; it is the *root* of it.",
        ),
        Mistake(
            partial(_block, eps_in="sum"),
            "`eps` is added to the variance, before the root is taken.",
        ),
        Mistake(
            partial(_block, eps_in="fixed"),
            "The norm uses PyTorch's own eps, 1e-5. Hand `eps` over to it.",
        ),
        Mistake(
            partial(_block, eps_in="nowhere"),
            "`eps` has no effect in your norm. It is added to the variance, before the "
            "root is taken.",
        ),
        Mistake(
            partial(_block, stream="too early"),
            "The second norm gets the stream as it was before the attention was added. "
            "Add first, then norm.",
        ),
        Mistake(
            partial(_block, axis=-2),
            "The softmax runs over the queries. Each query shares its weight of 1 "
            "among the keys, the last axis.",
        ),
        Mistake(
            partial(_block, activation=F.relu),
            "Between the two layers of the MLP stands a GELU, not a ReLU.",
        ),
        Mistake(
            partial(_block, stream="normed"),
            "You add the attention to the *normed* tokens. The stream itself passes "
            "the norm by.",
        ),
        Mistake(
            lambda x, w, heads, eps: _block(x, w, 4, eps),
            "Your block always has 4 heads, as the lesson's. Here `heads` says how "
            "many there are.",
        ),
        Mistake(
            partial(_block, stream="lost"),
            "The sum after the MLP has lost the stream.",
        ),
        Mistake(
            partial(_block, stream="attention lost"),
            "The sum after the attention has lost the stream: `x` is to be added.",
        ),
        Mistake(
            partial(_block, stream="mixed"),
            "The heads stand side by side, but nothing mixes them: the layer "
            "`attention.o_proj` is missing.",
        ),
        Mistake(
            partial(_block, stream="one norm"),
            "The norm before the MLP has weights of its own, `layernorm_after`.",
        ),
        Mistake(
            partial(_block, stream="raw"),
            "The MLP gets the stream as it is. A norm stands before it, "
            "`layernorm_after`.",
        ),
        *(
            Mistake(
                partial(_block, activation=activation),
                f"Between the two layers of the MLP you have {name}. This checkpoint "
                "has the exact GELU, which `F.gelu` is by default.",
            )
            for name, activation in (
                ("the GELU that a sigmoid imitates", _quick_gelu),
                ("SiLU", F.silu),
            )
        ),
    ),
    hints=(
        "One slip is in `norm`, one in the scores, one in the MLP. Run each part on "
        "`stream[0]` and compare with `left[...]`.",
        "By what does `Tensor.var` divide? And how wide is what the dot product of one "
        "head runs over?",
        "`F.layer_norm`, `q.shape[-1]`, and `F.gelu` as it is by default.",
    ),
    because="Each slip moves the numbers a little and breaks no shape. Only a "
    "comparison step by step finds them.",
    alternatives=(_block_of_pytorch, _block),
    kinds=("torch",),
)


# --- 07.5 How large may the picture be? -------------------------------------------


def largest_side(budget, patch_size, dim, depth, mlp_dim):
    def cost(grid):
        T = grid * grid + 1
        attention = 8 * T * dim**2 + 4 * T**2 * dim
        return depth * (attention + 4 * T * dim * mlp_dim)

    grid = 0
    while cost(grid + 1) <= budget:
        grid += 1
    return grid * patch_size


def _searched(
    budget,
    patch_size,
    dim,
    depth,
    mlp_dim,
    *,
    extra=1,
    square=4,
    linear=8,
    mlp=4,
    blocks=None,
    channels=0,
    mlp_blocks=None,
    pixels=True,
    beyond=0,
):
    def cost(grid):
        T = grid * grid + extra
        attention = linear * T * dim**2 + square * T**2 * dim
        embedding = 2 * grid**2 * channels * patch_size**2 * dim
        dense = (mlp_blocks or blocks or depth) * mlp * T * dim * mlp_dim
        return (blocks or depth) * attention + dense + embedding

    grid = 0
    while cost(grid + 1) <= budget:
        grid += 1
    return (grid + beyond) * (patch_size if pixels else 1)


def _strictly_below(budget, *sizes):
    return largest_side(budget - 1, *sizes)


def _any_side(budget, patch_size, *sizes):
    # the last side before one more patch fits
    side = largest_side(budget, patch_size, *sizes)
    return side + patch_size - 1 if side else 0


def _one_at_least(budget, patch_size, *sizes):
    return max(largest_side(budget, patch_size, *sizes), patch_size)


def _first_too_dear(budget, patch_size, dim, *sizes):
    # looks at a grid of 0, too, where there is a class token only
    grid = 0
    while _exactly(grid, dim, *sizes) <= budget:
        grid += 1
    return grid * patch_size


def _wide_mlp(budget, patch_size, dim, depth, mlp_dim):
    return largest_side(budget, patch_size, dim, depth, 4 * dim)


def _rounded_root(budget, patch_size, dim, depth, mlp_dim):
    b = 2 * dim + mlp_dim
    tokens = (-b + math.sqrt(b * b + budget / depth / dim)) / 2
    return round(math.sqrt(max(tokens - 1, 0))) * patch_size


def _tokens_as_grid(budget, patch_size, dim, *sizes):
    depth, mlp_dim = sizes
    b = 2 * dim + mlp_dim
    most = (math.isqrt(b * b + 4 * (budget // (4 * dim * depth))) - b) // 2
    return max(most, 1) * patch_size


def _patches_of_16(budget, patch_size, *sizes):
    return largest_side(budget, patch_size, *sizes) // patch_size * 16


def _below(most):
    def largest(budget, patch_size, *sizes):
        side = largest_side(budget, patch_size, *sizes)
        return min(side, (most - 1) // patch_size * patch_size)

    return largest


def _number_of_patches(budget, patch_size, *sizes):
    return (largest_side(budget, patch_size, *sizes) // patch_size) ** 2


def _patches_as_side(budget, patch_size, dim, depth, mlp_dim):
    side = largest_side(budget, patch_size, dim, depth, mlp_dim)
    return side // patch_size * side  # N * P: patches taken for a side


def _solved(budget, patch_size, dim, depth, mlp_dim):
    a, b = 4 * dim * depth, depth * (8 * dim**2 + 4 * dim * mlp_dim)
    T = math.floor((-b + math.sqrt(b * b + 4 * a * budget)) / (2 * a) + 1e-9)
    return patch_size * math.isqrt(max(T - 1, 0))


def _bisected(budget, patch_size, dim, depth, mlp_dim):
    def cost(side):
        T = (side // patch_size) ** 2 + 1
        return depth * T * dim * (8 * dim + 4 * T + 4 * mlp_dim)

    sides = np.arange(0, 4096) * patch_size
    return sides[1:][[cost(int(s)) <= budget for s in sides[1:]]].max(initial=0)


def _exactly(grid, dim, depth, mlp_dim):
    """Return the FLOPs of the blocks for a grid of patches."""
    T = grid * grid + 1
    return depth * (8 * T * dim**2 + 4 * T**2 * dim + 4 * T * dim * mlp_dim)


LARGEST = Exercise(
    id="07.5",
    title="How large may the picture be?",
    solution=largest_side,
    cases=(
        (100_000, 6, 4, 3, 10),
        (_exactly(3, 4, 2, 8), 7, 4, 2, 8),
        (_exactly(4, 4, 2, 8) - 1, 7, 4, 2, 8),
        (_exactly(6, 128, 6, 256), 8, 128, 6, 256),
        (_exactly(24, 64, 3, 256), 16, 64, 3, 256),
        (35_000_000_000, 16, 768, 12, 3072),
        (10**12, 2, 16, 2, 100),
        (_exactly(70, 8, 1, 12), 16, 8, 1, 12),
        (_exactly(10, 32, 4, 96) * 9 // 10, 14, 32, 4, 96),
        (10**10, 4, 512, 1, 100),
        (10**10, 4, 128, 1, 4096),
        (10, 16, 768, 12, 3072),
    ),
    mistakes=(
        Mistake(
            partial(_searched, extra=0),
            "You count patches. The blocks see one token more, the class token.",
        ),
        Mistake(
            partial(_searched, square=0),
            "The products of queries with keys and of weights with values are missing: "
            "$4T^2D$.",
        ),
        Mistake(
            partial(_searched, square=2),
            "Only one of the two products with $T^2$ is in: there are scores *and* "
            "context.",
        ),
        Mistake(
            partial(_searched, linear=6),
            "Attention has four linear layers; the one after the heads is missing.",
        ),
        Mistake(
            partial(_searched, mlp=0),
            "The MLP is missing. Its two layers stand in every block, too.",
        ),
        Mistake(
            partial(_searched, mlp=2),
            "The MLP has two layers, one up and one down.",
        ),
        Mistake(
            partial(_searched, square=2, linear=4, mlp=2),
            "You count multiplications only. Here a multiplication and its addition "
            "are two FLOPs.",
        ),
        Mistake(
            partial(_searched, square=8, linear=16, mlp=8),
            "Your count is twice that of the lesson: the 2 for a multiplication and an "
            "addition is in it once too often.",
        ),
        Mistake(partial(_searched, blocks=1), "That is the cost of a single block."),
        Mistake(
            partial(_searched, pixels=False),
            "That is the number of patches along a side. Asked are pixels.",
        ),
        Mistake(
            partial(_searched, beyond=1),
            "That is the first size that costs too much; take the one before.",
        ),
        Mistake(
            partial(_searched, channels=3),
            "You count the patch embedding too. Asked are the blocks only.",
        ),
        Mistake(
            _strictly_below,
            "A picture that needs exactly the budget is within it: `<=`, not `<`.",
        ),
        Mistake(
            _first_too_dear,
            "Your last step is one too many: the loop ends at the first size that "
            "costs too much, and you return that one.",
        ),
        Mistake(
            _one_at_least,
            "You always allow one patch. Where even that costs more than the budget, "
            "the answer is 0.",
        ),
        Mistake(
            partial(_searched, mlp_blocks=1),
            "You count the MLP once. There is one in every block.",
        ),
        Mistake(
            _wide_mlp,
            "You take the MLP to be 4 times as wide as the model. Here `mlp_dim` says "
            "how wide it is.",
        ),
        Mistake(
            _rounded_root,
            "You round the root of the number of patches, sometimes up. Only whole "
            "rows within the budget count, so the decimals are cut off.",
        ),
        Mistake(
            _tokens_as_grid,
            "You let the number of tokens grow and take it for patches along a side. "
            "A side of n patches makes n * n + 1 tokens.",
        ),
        Mistake(
            _patches_of_16,
            "You multiply by 16. Here `patch_size` says how large a patch is.",
        ),
        Mistake(
            _below(1000),
            "Your search ends below 1,000 pixels, however large the budget is.",
        ),
        Mistake(
            _any_side,
            "The side must be a multiple of the patch size.",
        ),
        Mistake(
            _number_of_patches,
            "That is how many patches the picture has. Asked is its side in pixels.",
        ),
        Mistake(
            _patches_as_side,
            "The side is the *root* of the number of patches, times the patch size.",
        ),
    ),
    hints=(
        "Write the cost of the blocks as a function of the grid's side; $T$ is its "
        "square plus 1.",
        "Per block: $8TD^2$ for four linear layers, $4T^2D$ for scores and context, "
        "$4TDM$ for the MLP.",
        "Let the grid grow while the *next* one is within the budget; multiply by the "
        "patch size at the end.",
    ),
    because="The cost rises with every row of patches, so a search that stops at the "
    "first one too many is enough; or solve the quadratic equation for $T$.",
    alternatives=(_solved, _bisected),
    tolerance=0.0,
)


# --- 07.6 A loader that says nothing ----------------------------------------------


def careful_load(model, weights):
    state = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in weights.items()
        if name in state and tensor.shape == state[name].shape
    }
    model.load_state_dict(fitting, strict=False)
    return sorted(state.keys() - fitting.keys())


def _fitting(model, weights):
    state = model.state_dict()
    return {
        n: t for n, t in weights.items() if n in state and t.shape == state[n].shape
    }


def _reports_unexpected(model, weights):
    model.load_state_dict(_fitting(model, weights), strict=False)
    return sorted(weights.keys() - model.state_dict().keys())


def _reports_rest_of_file(model, weights):
    careful_load(model, weights)
    return sorted(weights.keys() - _fitting(model, weights).keys())


def _reports_both(model, weights):
    left_out = careful_load(model, weights)
    return sorted({*left_out, *(weights.keys() - model.state_dict().keys())})


def _reports_loaded(model, weights):
    careful_load(model, weights)
    return sorted(_fitting(model, weights))


def _by_name_only(model, weights):
    careful_load(model, weights)
    return sorted(model.state_dict().keys() - weights.keys())


def _unsorted(model, weights):
    left_out = set(careful_load(model, weights))
    return [name for name in model.state_dict() if name in left_out]


def _gives_up_at_shapes(model, weights):
    try:
        return sorted(model.load_state_dict(weights, strict=False).missing_keys)
    except RuntimeError:
        return sorted(model.state_dict())


def _stops_at_shapes(model, weights):
    return sorted(model.load_state_dict(weights, strict=False).missing_keys)


def _strict(model, weights):
    model.load_state_dict(weights)
    return []


def _loads_nothing(model, weights):
    return sorted(model.state_dict().keys() - _fitting(model, weights).keys())


def _each(fit):
    """Make an answer that loads tensor by tensor; ``fit`` gives a value or None."""

    def load(model, weights):
        left_out = []
        for name, tensor in model.state_dict().items():
            value = fit(name, tensor, weights)
            if value is None:
                left_out.append(name)
            else:
                tensor.copy_(value)
        return sorted(left_out)

    return load


def _reshaped_to_fit(name, tensor, weights):
    value = weights.get(name)
    if value is not None and value.numel() == tensor.numel():
        return value.reshape(tensor.shape)


def _broadcast_to_fit(name, tensor, weights):
    try:
        return weights[name].expand_as(tensor)
    except (KeyError, RuntimeError):
        return None


def _of_equal_shape(name, tensor, weights):
    return next((v for v in weights.values() if v.shape == tensor.shape), None)


def _by_place(model, weights):
    left_out = []
    pairs = zip(model.state_dict().items(), weights.values(), strict=False)
    for (name, tensor), value in pairs:
        if value.shape == tensor.shape:
            tensor.copy_(value)
        else:
            left_out.append(name)
    return sorted(left_out)


def _parameters_only(model, weights):
    parameters = dict(model.named_parameters())
    fitting = {n: t for n, t in _fitting(model, weights).items() if n in parameters}
    model.load_state_dict(fitting, strict=False)
    return sorted(parameters.keys() - fitting.keys())


def _parameters_loaded_only(model, weights):
    fitting = _fitting(model, weights)
    fitting = {n: fitting[n] for n, _ in model.named_parameters() if n in fitting}
    model.load_state_dict(fitting, strict=False)
    return sorted(model.state_dict().keys() - fitting.keys())


def _never_the_head(model, weights):
    fitting = _fitting(model, weights)
    fitting = {n: t for n, t in fitting.items() if not n.startswith("head.")}
    model.load_state_dict(fitting, strict=False)
    return sorted(model.state_dict().keys() - fitting.keys())


def _other_shapes_only(model, weights):
    careful_load(model, weights)
    left_out = weights.keys() - _fitting(model, weights).keys()
    return sorted(left_out & model.state_dict().keys())


def _stops_at_unknown(model, weights):
    own = model.state_dict()
    left_out = set(own)
    for name, value in weights.items():
        if value.shape == own[name].shape:
            own[name].copy_(value)
            left_out.discard(name)
    return sorted(left_out)


def _stops_at_first(model, weights):
    for name, tensor in model.state_dict().items():
        if name not in weights or weights[name].shape != tensor.shape:
            return [name]
        tensor.copy_(weights[name])
    return []


def _by_the_report(model, weights):
    own = model.state_dict()
    fit = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    return sorted(model.load_state_dict(fit, strict=False).missing_keys)


def _tensor_by_tensor(model, weights):
    left_out = []
    for name, tensor in model.state_dict().items():
        if name in weights and weights[name].shape == tensor.shape:
            tensor.copy_(weights[name])
        else:
            left_out.append(name)
    return sorted(left_out)


def _small_model(seed, classes=2):
    torch.manual_seed(seed)
    parts = {"backbone": nn.Linear(2, 3), "norm": nn.BatchNorm1d(3)}
    return nn.ModuleDict(parts | {"head": nn.Linear(3, classes)})


def _probe_load(answer, weights):
    """Let an answer load ``weights`` into a small model; say what happened."""
    model = _small_model(seed=1)
    before, file = (
        {n: t.clone() for n, t in d.items()} for d in (model.state_dict(), weights)
    )
    reported = answer(model, weights)
    if reported is None or reported is ...:
        return reported
    if hasattr(reported, "missing_keys"):
        raise NotAnAnswer(
            "That is the whole report of `load_state_dict`. Return one list of names: "
            "those of the model that were not loaded."
        )
    if isinstance(reported, (set, frozenset)):
        raise NotAnAnswer("A set has no order. Return a sorted list: `sorted(...)`.")
    if isinstance(reported, str) or not hasattr(reported, "__iter__"):
        raise NotAnAnswer("Return a list of names, empty if every tensor was loaded.")
    found = {"names returned": " ".join(map(str, reported))}
    for name, tensor in model.state_dict().items():
        if name in file and torch.equal(tensor, file[name]):
            found[name] = "loaded"
        else:
            same = torch.equal(tensor, before[name])
            found[name] = "as before" if same else "other numbers"
    return found


def _checkpoint(classes=2, change=None, **renamed):
    state = _small_model(seed=2, classes=classes).state_dict()
    state = {name: tensor + 1 for name, tensor in state.items()}
    state |= change or {}
    return {renamed.get(name.split(".")[0], "") + name: t for name, t in state.items()}


def _from_the_end(weights):
    return dict(reversed(weights.items()))


LOADER = Exercise(
    id="07.6",
    title="Spot the bug: a loader that says nothing",
    solution=careful_load,
    probe=_probe_load,
    cases=(
        (_checkpoint(),),
        (_checkpoint(head="old_"),),
        (_checkpoint(classes=5),),
        (_from_the_end(_checkpoint(classes=5, backbone="vit.")),),
        (_checkpoint(change={"backbone.weight": torch.ones(2, 3)}),),
        (_checkpoint(change={"backbone.weight": torch.ones(3, 4)}),),
        (_checkpoint(change={"head.bias": torch.ones(1)}),),
        (_checkpoint(change={"norm.running_mean": torch.ones(4)}),),
    ),
    mistakes=(
        Mistake(
            _reports_unexpected,
            "You return what the checkpoint has too much. Asked is which tensors of "
            "the *model* were not loaded.",
        ),
        Mistake(
            _reports_both,
            "Your list also has names that only the checkpoint knows. Asked are the "
            "model's.",
        ),
        Mistake(
            _reports_rest_of_file,
            "You return the names of the checkpoint's tensors that did not fit. Asked "
            "is which tensors of the *model* were not loaded.",
        ),
        Mistake(
            _each(_reshaped_to_fit),
            "A tensor of another shape is loaded, bent into shape: its numbers land in "
            "the wrong places. An equal number of elements is not an equal shape.",
        ),
        Mistake(
            _each(_broadcast_to_fit),
            "A tensor of another shape is loaded: `copy_` spreads one number over many "
            "places without a word. Compare the shapes before you load.",
        ),
        Mistake(
            _parameters_only,
            "Buffers are neither loaded nor reported, such as the running mean of a "
            "norm. `model.state_dict()` has them, too.",
        ),
        Mistake(
            _parameters_loaded_only,
            "Buffers are not loaded, such as the running mean of a norm.",
        ),
        Mistake(
            _each(_of_equal_shape),
            "You take any tensor of the right shape. The name must fit as well.",
        ),
        Mistake(
            _by_place,
            "You take the tensors in the order of the checkpoint. The name must fit, "
            "wherever it stands.",
        ),
        Mistake(
            _never_the_head,
            "You leave out the head even where its name and shape fit.",
        ),
        Mistake(
            _other_shapes_only,
            "A tensor of the model that the checkpoint does not have at all is missing "
            "in your list.",
        ),
        Mistake(
            _stops_at_unknown,
            "The checkpoint may have names that the model does not know. Leave them "
            "out before you look at shapes.",
        ),
        Mistake(
            _stops_at_first,
            "You stop at the first tensor that does not fit; those after it are "
            "neither loaded nor reported.",
        ),
        Mistake(
            _reports_loaded,
            "You return what was loaded. What was not is of interest.",
        ),
        Mistake(
            _by_name_only,
            "A tensor whose name fits but not its shape was not loaded either; it is "
            "missing in your list.",
        ),
        Mistake(
            _unsorted,
            "The right names, in the model's order. Asked is a sorted list.",
        ),
        Mistake(
            _gives_up_at_shapes,
            "One tensor of another shape, and you report all as not loaded. Leave it "
            "out before you load, and the others go in.",
        ),
        Mistake(
            _stops_at_shapes,
            "`strict=False` forgives names, not shapes. Leave out what has another "
            "shape before you load.",
        ),
        Mistake(
            _strict,
            "A strict load takes all or nothing; here whatever fits is to be loaded.",
        ),
        Mistake(
            _loads_nothing,
            "The list is right, but the model still has its old numbers.",
        ),
        Mistake(
            lambda model, weights: [],
            "You return an empty list without loading anything.",
        ),
    ),
    hints=(
        "`model.state_dict()` has the names and shapes that are wanted.",
        "First collect the tensors whose name is known and whose shape is equal. Then "
        "load them with `strict=False`.",
        "The names of the state dict minus the names that you collected, sorted, are "
        "the answer.",
    ),
    because="Partial loading is fine as long as somebody reads what was left out. An "
    "`assert` on that list, with the names you expect, makes it safe.",
    alternatives=(_by_the_report, _tensor_by_tensor),
    kinds=("torch",),
)

# --- 07.7 A block of DINOv2 for our ViT -------------------------------------------


def as_vit_block(w):
    norms = {"norm1": "layernorm_before", "norm2": "layernorm_after"}
    scales = {
        "attention.o_proj": w["layer_scale1.lambda1"],
        "mlp.fc2": w["layer_scale2.lambda1"],
    }
    block = {}
    for name, tensor in w.items():
        part, _, kind = name.rpartition(".")
        if part in scales:
            scale = scales[part]  # one factor for each output
            if kind == "weight":
                scale = scale[:, None]
            tensor = tensor * scale
        if kind != "lambda1":
            block[f"{norms.get(part, part)}.{kind}"] = tensor
    return block


def _folded(
    w,
    *,
    layers=("attention.o_proj", "mlp.fc2"),
    scales=("layer_scale1", "layer_scale2"),
    kinds=("weight", "bias"),
    norms=("layernorm_before", "layernorm_after"),
    change=lambda scale: scale,
):
    block = {n: t.clone() for n, t in w.items() if not n.endswith("lambda1")}
    for layer, scale in zip(layers, scales, strict=False):
        factor = change(w[f"{scale}.lambda1"])
        for tensor in (block[f"{layer}.{kind}"] for kind in kinds):
            tensor.mul_(factor[:, None] if factor.ndim < tensor.ndim else factor)
    for old, new in zip(("norm1", "norm2"), norms, strict=True):
        for kind in ("weight", "bias"):
            block[f"{new}.{kind}"] = block.pop(f"{old}.{kind}")
    return block


def _folded_along_inputs(w):
    block = _folded(w, layers=())
    for layer, scale in (("attention.o_proj", "1"), ("mlp.fc2", "2")):
        for kind in ("weight", "bias"):
            name = f"{layer}.{kind}"
            block[name] = block[name] * w[f"layer_scale{scale}.lambda1"]
    return block


def _folded_by_matrix(w):
    block = _folded(w, layers=())
    for layer, scale in (("attention.o_proj", "1"), ("mlp.fc2", "2")):
        diagonal = torch.diag(w[f"layer_scale{scale}.lambda1"])
        for kind in ("weight", "bias"):
            block[f"{layer}.{kind}"] = diagonal @ w[f"{layer}.{kind}"]
    return block


def _dino_weights(D, M):
    """Return the state dict of a block of DINOv2 with random numbers."""
    old = {"layernorm_before": "norm1", "layernorm_after": "norm2"}
    weights = {}
    for name, tensor in _block_weights(D, M).items():
        part, _, kind = name.rpartition(".")
        weights[f"{old.get(part, part)}.{kind}"] = tensor
    for number in (1, 2):
        scale = 0.7 * number + _random(D, scale=0.4, seed=40 + number)
        weights[f"layer_scale{number}.lambda1"] = scale
    return weights


def _probe_fold(answer, x, mlp_dim, heads):
    """Let an answer convert a block, and run what it made as a block of the ViT."""
    w = _dino_weights(x.shape[-1], mlp_dim)
    before = {name: tensor.clone() for name, tensor in w.items()}
    block = answer(w)
    if block is None or block is ...:
        return block
    if not isinstance(block, dict):
        raise NotAnAnswer("Return a state dict: a dictionary from names to tensors.")
    if w.keys() != before.keys() or any(not w[n].equal(before[n]) for n in w):
        raise NotAnAnswer(
            "Your function changes the state dict that it is given. Write the new "
            "tensors into a dictionary of your own, and multiply without `*=`."
        )
    wanted = _block_weights(x.shape[-1], mlp_dim)
    if any("layer_scale" in name for name in block):
        raise NotAnAnswer(
            "LayerScale is still among the names. A block of the ViT has no such part."
        )
    if lacking := sorted(wanted.keys() - block.keys()):
        raise NotAnAnswer(
            f"A block of the ViT has `{lacking[0]}`; your state dict has not. Print "
            "both lists of names and compare."
        )
    if unknown := sorted(block.keys() - wanted.keys()):
        raise NotAnAnswer(f"A block of the ViT does not know the name `{unknown[0]}`.")
    for name, tensor in wanted.items():
        if block[name].shape != tensor.shape:
            raise NotAnAnswer(
                f"`{name}` should keep its shape, {tuple(tensor.shape)}, but has "
                f"{tuple(block[name].shape)}."
            )
    return _block(x, block, heads, 0.01)


FOLD = Exercise(
    id="07.7",
    title="A block of DINOv2 for our ViT",
    solution=as_vit_block,
    probe=_probe_fold,
    cases=(
        (_random(2, 5, 12), 10, 3),
        (_random(3, 4, 10, seed=1), 10, 2),
    ),
    mistakes=(
        Mistake(
            partial(_folded, layers=()),
            "The names are right, but LayerScale is lost: multiply its factors into "
            "the layer that stands before it.",
        ),
        Mistake(
            partial(_folded, kinds=("weight",)),
            "The weights are scaled, the biases are not. LayerScale multiplies the "
            "whole output of a layer, and the bias is part of it.",
        ),
        Mistake(
            partial(_folded, kinds=("bias",)),
            "The biases are scaled, the weights are not.",
        ),
        Mistake(
            partial(_folded, layers=("attention.o_proj",)),
            "The attention is right. The second LayerScale, after the MLP, is lost.",
        ),
        Mistake(
            partial(_folded, layers=("mlp.fc2",), scales=("layer_scale2",)),
            "The MLP is right. The first LayerScale, after the attention, is lost.",
        ),
        Mistake(
            partial(_folded, scales=("layer_scale2", "layer_scale1")),
            "The two LayerScales are exchanged: the first belongs to the attention.",
        ),
        Mistake(
            partial(_folded, scales=("layer_scale1", "layer_scale1")),
            "You use the first LayerScale twice. The MLP has its own.",
        ),
        Mistake(
            partial(_folded, scales=("layer_scale2", "layer_scale2")),
            "You use the second LayerScale twice. The attention has its own.",
        ),
        Mistake(
            _folded_along_inputs,
            "The factors run along the *inputs* of the weight. A weight has the shape "
            "(outputs, inputs), and LayerScale has one factor for each output: "
            "`scale[:, None]`.",
        ),
        Mistake(
            partial(_folded, change=lambda scale: 1 / scale),
            "You divide by LayerScale. Multiply.",
        ),
        Mistake(
            partial(_folded, change=lambda scale: scale.mean().expand_as(scale)),
            "You multiply by one number, the mean of LayerScale. There is one factor "
            "for each of the D outputs.",
        ),
        Mistake(
            partial(_folded, change=lambda scale: scale**2),
            "LayerScale is multiplied in twice.",
        ),
        Mistake(
            partial(_folded, layers=("attention.v_proj", "mlp.fc2")),
            "The first LayerScale is in the values. It comes after the output "
            "projection, `o_proj`, which mixes the numbers once more.",
        ),
        Mistake(
            partial(_folded, layers=("norm1", "norm2")),
            "LayerScale is in the norms. It scales what attention and MLP return, not "
            "what they receive.",
        ),
        Mistake(
            partial(_folded, norms=("layernorm_after", "layernorm_before")),
            "The two norms are exchanged: `norm1` stands before the attention.",
        ),
    ),
    hints=(
        "LayerScale multiplies the output of a linear layer: "
        "$\\lambda (Wx + b) = (\\lambda W) x + \\lambda b$. Which layer stands before "
        "each of the two?",
        "The first belongs to `attention.o_proj`, the second to `mlp.fc2`. A weight "
        "has the shape (outputs, inputs), so its factors are `scale[:, None]`; a bias "
        "takes `scale` as it is.",
        "Go through `w.items()` and fill a new dictionary: leave out the two "
        "`lambda1`, rename `norm1` and `norm2`, scale `o_proj` and `fc2`, and keep the "
        "rest.",
    ),
    because="Two models may differ in their parts and still compute the same "
    "function. With LayerScale multiplied in, a block of DINOv2 is a block of the ViT, "
    "and every tool for the ViT can run it.",
    alternatives=(_folded, _folded_by_matrix),
    kinds=("torch",),
)

EXERCISES = (PICTURE, NAMES, REGROUP, BLOCK, LARGEST, LOADER, FOLD)
