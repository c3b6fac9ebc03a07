"""Answers of learners to notebook 07, written from the statements alone."""

import math
import re

import torch
from tests_answers import right, wrong
from torch import nn
from torch.nn import functional as F

# 07.1 Undo the processor


@right("07.1")
def picture_by_broadcast(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@right("07.1")
def picture_with_view(pixels, mean, std):
    x = pixels * std.view(-1, 1, 1) + mean.view(-1, 1, 1)
    x = torch.clamp(x, 0, 1) * 255
    return torch.round(x).byte().permute(1, 2, 0)


@right("07.1")
def picture_by_channel(pixels, mean, std):
    channels = []
    for c in range(pixels.shape[0]):
        channel = pixels[c] * std[c] + mean[c]
        channels.append((channel * 255).round().clamp(min=0, max=255))
    return torch.stack(channels, dim=-1).type(torch.uint8)


@right("07.1")
def picture_add_half(pixels, mean, std):
    x = pixels * std[:, None, None] + mean[:, None, None]
    x = (x * 255 + 0.5).floor().clip(0, 255)
    return x.movedim(0, -1).to(dtype=torch.uint8)


@right("07.1")
def picture_by_einsum(pixels, mean, std):
    x = torch.einsum("chw,c->hwc", pixels, std) + mean
    return x.mul(255).round().clamp(0, 255).to(torch.uint8)


@right("07.1")
def picture_transposed_twice(pixels, mean, std):
    x = pixels.transpose(0, 1).transpose(1, 2)
    x = torch.addcmul(mean, x, std)
    return torch.round(255 * x).clamp_(0, 255).byte()


@wrong("07.1", "cut off instead of rounded", says="`uint8` cuts the decimals off")
def picture_truncated(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return (x * 255).clamp(0, 255).to(torch.uint8)


@wrong("07.1", "values outside wrap around", says="Values outside of 0 to 255")
def picture_wraps(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return ((x * 255).round().to(torch.int64) % 256).to(torch.uint8)


@wrong(
    "07.1", "mean and std not undone but done again", says="You normalize a second time"
)
def picture_normalized_again(pixels, mean, std):
    x = (pixels.permute(1, 2, 0) - mean) / std
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong(
    "07.1", "mean added before std multiplies", says="You undo the steps in the wrong"
)
def picture_wrong_order(pixels, mean, std):
    x = (pixels.permute(1, 2, 0) + mean) * std
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "the factor 255 forgotten", says="Undoing the normalization gives")
def picture_without_255(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return x.round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "the factor is 256", says="Bytes run from 0 to 255")
def picture_times_256(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return (x * 256).round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "channels stay in front", says="The numbers are right")
def picture_channels_first(pixels, mean, std):
    x = pixels * std[:, None, None] + mean[:, None, None]
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "height and width exchanged", says="Rows and columns are exchanged")
def picture_turned(pixels, mean, std):
    x = pixels.permute(2, 1, 0) * std + mean
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "floats come out", says="Your picture holds numbers")
def picture_of_floats(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return (x * 255).round().clamp(0, 255)


@wrong("07.1", "reshape in place of permute", says="A reshape keeps the reading")
def picture_reshaped(pixels, mean, std):
    x = pixels * std[:, None, None] + mean[:, None, None]
    x = x.reshape(x.shape[1], x.shape[2], x.shape[0])
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong(
    "07.1", "mean and std of the whole picture", says="You use one mean and one spread"
)
def picture_one_mean(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std.mean() + mean.mean()
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "0.5 in place of mean and std", says="You undo a normalization by")
def picture_half(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * 0.5 + 0.5
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "stretched to the full range", says="You stretch the picture so")
def picture_stretched(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    x = (x - x.min()) / (x.max() - x.min())
    return (x * 255).round().to(torch.uint8)


@wrong("07.1", "the caller's pixels are changed", says="Your function changes what")
def picture_in_place(pixels, mean, std):
    pixels *= std[:, None, None]
    pixels += mean[:, None, None]
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


@wrong("07.1", "int64 comes out", says="Your picture holds numbers")
def picture_of_integers(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return (x * 255).round().clamp(0, 255).to(torch.int64)


@wrong("07.1", "rounded up", says="You round every number up")
def picture_rounded_up(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return (x * 255).ceil().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "clamped above only", says="Values below 0 wrap around")
def picture_clamped_above(pixels, mean, std):
    x = pixels.permute(1, 2, 0) * std + mean
    return ((x * 255).round().clamp(max=255).to(torch.int64) % 256).to(torch.uint8)


@wrong(
    "07.1",
    "clamped before the mean is added back",
    says="You clip before the normalization",
)
def picture_clamped_early(pixels, mean, std):
    x = pixels.clamp(0, 1).permute(1, 2, 0) * std + mean
    return (x * 255).round().clamp(0, 255).to(torch.uint8)


@wrong("07.1", "cut off in double precision", says="`uint8` cuts the decimals off")
def picture_cut_off_in_float64(pixels, mean, std):
    x = pixels.double() * std.double().view(-1, 1, 1) + mean.double().view(-1, 1, 1)
    return x.mul(255).clamp(0, 255).to(torch.uint8).permute(1, 2, 0)


@wrong("07.1", "cut off in single precision", says="`uint8` cuts the decimals off")
def picture_cut_off_in_float32(pixels, mean, std):
    x = pixels.permute(1, 2, 0).float() * std.float() + mean.float()
    return (255 * x).clip(0, 255).byte()


# 07.2 From the file's name to the module's

_PAIRS = {
    "attention.attention.query": "attention.q_proj",
    "attention.attention.key": "attention.k_proj",
    "attention.attention.value": "attention.v_proj",
    "attention.output.dense": "attention.o_proj",
    "intermediate.dense": "mlp.fc1",
    "output.dense": "mlp.fc2",
}


@right("07.2")
def names_by_chained_replace(name):
    name = name.replace("vit.encoder.layer.", "vit.layers.")
    name = name.replace("attention.attention.query", "attention.q_proj")
    name = name.replace("attention.attention.key", "attention.k_proj")
    name = name.replace("attention.attention.value", "attention.v_proj")
    name = name.replace("attention.output.dense", "attention.o_proj")
    name = name.replace("intermediate.dense", "mlp.fc1")
    return name.replace(".output.dense", ".mlp.fc2")


@right("07.2")
def names_by_table(name):
    for old, new in {"encoder.layer": "layers", **_PAIRS}.items():
        if f".{old}." in name:
            name = name.replace(old, new)
    return name


@right("07.2")
def names_by_split(name):
    if not name.startswith("vit.encoder.layer."):
        return name
    _, _, _, number, *middle, kind = name.split(".")
    middle = ".".join(middle)
    return f"vit.layers.{number}.{_PAIRS.get(middle, middle)}.{kind}"


@right("07.2")
def names_by_regular_expression(name):
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
    return ".".join(["vit", "layers", number, part, kind])


@right("07.2")
def names_by_cases(name):
    parts = name.split(".")
    if parts[:3] != ["vit", "encoder", "layer"]:
        return name
    rest = parts[4:]
    if rest[:2] == ["attention", "attention"]:
        rest = ["attention", rest[2][0] + "_proj"] + rest[3:]
    elif rest[:2] == ["attention", "output"]:
        rest = ["attention", "o_proj"] + rest[3:]
    elif rest[0] == "intermediate":
        rest = ["mlp", "fc1"] + rest[2:]
    elif rest[0] == "output":
        rest = ["mlp", "fc2"] + rest[2:]
    return ".".join(["vit", "layers", parts[3], *rest])


@right("07.2")
def names_by_sub(name):
    if "encoder.layer" not in name:
        return name
    name = name.replace("encoder.layer", "layers")
    name = re.sub(
        r"attention\.attention\.(query|key|value)",
        lambda m: f"attention.{m.group(1)[0]}_proj",
        name,
    )
    name = re.sub(r"attention\.output\.dense", "attention.o_proj", name)
    name = re.sub(r"(\d+)\.intermediate\.dense", r"\1.mlp.fc1", name)
    return re.sub(r"(\d+)\.output\.dense", r"\1.mlp.fc2", name)


@wrong(
    "07.2",
    "output.dense of the attention becomes fc2",
    says="`output.dense` also stands",
)
def names_fc2_first(name):
    name = name.replace("vit.encoder.layer.", "vit.layers.")
    name = name.replace("attention.attention.query", "attention.q_proj")
    name = name.replace("attention.attention.key", "attention.k_proj")
    name = name.replace("attention.attention.value", "attention.v_proj")
    name = name.replace("output.dense", "mlp.fc2")
    return name.replace("intermediate.dense", "mlp.fc1")


@wrong("07.2", "layer numbers of one digit only", says="Block 11 is not renamed")
def names_one_digit(name):
    if not re.match(r"vit\.encoder\.layer\.\d\.", name):
        return name
    return _renamed(name)


@wrong(
    "07.2", "attention doubled as in the file", says="The doubled `attention.attention`"
)
def names_attention_twice(name):
    name = name.replace("encoder.layer", "layers")
    for old, new in (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj")):
        name = name.replace(old, new)
    name = name.replace("attention.output.dense", "attention.o_proj")
    name = name.replace("intermediate.dense", "mlp.fc1")
    return name.replace("output.dense", "mlp.fc2")


@wrong("07.2", "vit. dropped", says="The name in memory begins with")
def names_without_vit(name):
    return _renamed(name).removeprefix("vit.")


@wrong("07.2", "encoder stays", says="In memory the layers are no")
def names_with_encoder(name):
    return _renamed(name).replace("vit.layers.", "vit.encoder.layers.")


@wrong("07.2", "layer instead of layers", says="You took `encoder` out")
def names_layer_singular(name):
    return _renamed(name).replace("vit.layers.", "vit.layer.")


@wrong("07.2", "fc1 and fc2 exchanged", says="`fc1` and `fc2` are exchanged")
def names_fc_exchanged(name):
    new = _renamed(name)
    return new.replace("fc1", "fc0").replace("fc2", "fc1").replace("fc0", "fc2")


@wrong("07.2", "mlp left out", says="`fc1` and `fc2` stand inside")
def names_without_mlp(name):
    return _renamed(name).replace("mlp.", "")


@wrong(
    "07.2",
    "the output of the attention keeps its name",
    says="The output projection of the",
)
def names_keep_output(name):
    return _renamed(name).replace("attention.o_proj", "attention.output.dense")


@wrong("07.2", "the last norm counts as a layer")
def names_last_norm(name):
    return _renamed(name).replace("vit.layernorm.", "vit.layers.layernorm.")


@wrong("07.2", "the norms are renamed as well", says="The two norms inside of a block")
def names_norms_too(name):
    new = _renamed(name)
    return new.replace("layernorm_before", "norm1").replace("layernorm_after", "norm2")


@wrong("07.2", "always block 3", says="Every name becomes one of block")
def names_always_three(name):
    return re.sub(r"vit\.layers\.\d+", "vit.layers.3", _renamed(name))


@wrong("07.2", "q, k, v without _proj", says="In memory the three are called")
def names_without_proj(name):
    for c in "qkv":
        name = _renamed(name).replace(f"{c}_proj", c)
    return name


@wrong(
    "07.2", "the whole words query, key, value", says="Of `query`, `key` and `value`"
)
def names_query_proj(name):
    new = _renamed(name)
    for c, word in zip("qkv", ("query", "key", "value"), strict=True):
        new = new.replace(f"{c}_proj", f"{word}_proj")
    return new


@wrong("07.2", "None outside of the blocks", says="For a name outside of the blocks")
def names_none_outside(name):
    if "encoder.layer" in name:
        return _renamed(name)


@wrong("07.2", "weights only, biases keep their name", says="Weights are renamed")
def names_weights_only(name):
    return _renamed(name) if name.endswith(".weight") else name


@wrong("07.2", "the projection of the patches renamed too")
def names_patches_too(name):
    return _renamed(name).replace("projection", "proj")


@wrong("07.2", "q_proj for query, key and value", says="Queries, keys and values all")
def names_all_queries(name):
    return re.sub(r"[kv]_proj", "q_proj", _renamed(name))


@wrong("07.2", "the dot at the end is lost")
def names_lost_dot(name):
    new = _renamed(name)
    return new.replace("_proj.", "_proj") if ".layers." in new else new


@wrong("07.2", "a list of parts", says="Return one text, the whole")
def names_as_list(name):
    return _renamed(name).split(".")


def _renamed(name):
    if name.startswith("vit.encoder.layer."):
        name = name.replace("vit.encoder.layer.", "vit.layers.")
        for old, new in _PAIRS.items():
            name = name.replace(f".{old}.", f".{new}.")
    return name


def _name_by(*pairs):
    def module_name(name):
        for old, new in pairs:
            name = name.replace(old, new)
        return name

    return module_name


_RULES = (
    ("vit.encoder.layer.", "vit.layers."),
    ("attention.attention.query", "attention.q_proj"),
    ("attention.attention.key", "attention.k_proj"),
    ("attention.attention.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
    ("intermediate.dense", "mlp.fc1"),
    ("output.dense", "mlp.fc2"),
)
wrong(
    "07.2",
    "queries, keys and values only",
    _name_by(*_RULES[:4]),
    says="The attention's output and the two layers of the MLP are still to come",
)
wrong(
    "07.2",
    "block 3 only",
    _name_by(("vit.encoder.layer.3.", "vit.layers.3."), *_RULES[1:]),
    says="Your function knows block 3 only",
)
wrong(
    "07.2",
    "out_proj",
    _name_by(*_RULES, ("o_proj", "out_proj")),
    says="The output projection is called `o_proj` here",
)
wrong(
    "07.2",
    "dense left behind",
    _name_by(*_RULES[:5], ("intermediate.", "mlp.fc1."), ("output.", "mlp.fc2.")),
    says="`dense` is still there",
)


@wrong("07.2", "one digit", says="Block 11 becomes block 1")
def name_with_one_digit(name):
    return re.sub(r"layers\.(\d)\d*", r"layers.\1", _name_by(*_RULES)(name))


@wrong("07.2", "weight or bias dropped", says="The end of the name is lost")
def name_without_its_end(name):
    return ".".join(_name_by(*_RULES)(name).split(".")[:-1])


# 07.3 Rows grouped by head


@right("07.3")
def rows_by_reshape(weight, heads):
    d = weight.shape[0] // (3 * heads)
    grouped = weight.reshape(heads, 3, d, *weight.shape[1:])
    return grouped.transpose(0, 1).reshape(weight.shape)


@right("07.3")
def rows_by_unflatten(weight, heads):
    return weight.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)


@right("07.3")
def rows_by_chunks(weight, heads):
    q, k, v = [], [], []
    for head in weight.chunk(heads):
        for part, kind in zip(head.chunk(3), (q, k, v), strict=True):
            kind.append(part)
    return torch.cat(q + k + v)


@right("07.3")
def rows_by_index(weight, heads):
    total = len(weight)
    d = total // heads // 3
    order = [
        head * 3 * d + kind * d + row
        for kind in range(3)
        for head in range(heads)
        for row in range(d)
    ]
    return weight[order]


@right("07.3")
def rows_by_loop(weight, heads):
    out = torch.zeros_like(weight)
    D = weight.shape[0] // 3
    d = D // heads
    for h in range(heads):
        for i in range(3):
            start = (3 * h + i) * d
            out[i * D + h * d : i * D + (h + 1) * d] = weight[start : start + d]
    return out


@right("07.3")
def rows_by_arange(weight, heads):
    rows = torch.arange(weight.size(0)).view(heads, 3, -1)
    return weight[rows.permute(1, 0, 2).reshape(-1)]


@right("07.3")
def rows_by_case_of_ndim(weight, heads):
    if weight.dim() == 1:
        return weight.view(heads, 3, -1).permute(1, 0, 2).contiguous().view(-1)
    width = weight.shape[1]
    x = weight.view(heads, 3, -1, width)
    return torch.cat([x[:, i].reshape(-1, width) for i in range(3)], dim=0)


@wrong("07.3", "the other way round", says="You split the rows as (3")
def rows_other_way(weight, heads):
    return weight.unflatten(0, (3, heads, -1)).transpose(0, 1).flatten(0, 2)


@wrong("07.3", "works for the weight only", says="Right for the matrix")
def rows_weight_only(weight, heads):
    rows, columns = weight.shape
    d = rows // (3 * heads)
    x = weight.reshape(heads, 3, d, columns)
    return x.transpose(0, 1).reshape(rows, columns)


@wrong("07.3", "grouped by row, not by head", says="You treat the rows as q")
def rows_by_three(weight, heads):
    d = len(weight) // (3 * heads)
    return weight.unflatten(0, (heads, d, 3)).movedim(2, 0).flatten(0, 2)


@wrong("07.3", "only reshaped", says="That is the weight as it came")
def rows_reshaped(weight, heads):
    return weight.reshape(heads, 3, -1).reshape(weight.shape)


@wrong("07.3", "the shape is not put back", says="The order is right")
def rows_left_open(weight, heads):
    return weight.unflatten(0, (heads, 3, -1)).transpose(0, 1)


@wrong("07.3", "three tensors", says="Return one tensor")
def rows_three_tensors(weight, heads):
    return weight.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(1, 2).unbind()


@wrong("07.3", "the last axis is regrouped")
def rows_last_axis(weight, heads):
    return weight.unflatten(-1, (heads, 3, -1)).transpose(-3, -2).flatten(-3)


@wrong("07.3", "head and width exchanged within a kind", says="Queries come first")
def rows_head_inside(weight, heads):
    return (
        weight.unflatten(0, (heads, 3, -1))
        .permute(1, 2, 0, *range(3, weight.dim() + 2))
        .flatten(0, 2)
    )


@wrong("07.3", "always four heads")
def rows_four_heads(weight, heads):
    return weight.unflatten(0, (4, 3, -1)).transpose(0, 1).flatten(0, 2)


@wrong("07.3", "keys before queries", says="Your keys come before the queries")
def rows_keys_first(weight, heads):
    q, k, v = weight.unflatten(0, (heads, 3, -1)).unbind(1)
    return torch.cat([k.flatten(0, 1), q.flatten(0, 1), v.flatten(0, 1)])


@wrong("07.3", "strided rows, queries every third row", says="You treat the rows as q")
def rows_strided(weight, heads):
    return torch.cat([weight[0::3], weight[1::3], weight[2::3]])


@wrong("07.3", "D cut by heads instead of 3D")
def rows_d_of_three_heads(weight, heads):
    d = weight.shape[0] // heads
    x = weight.reshape(heads, d, *weight.shape[1:])
    return torch.cat([x[:, : d // 2].flatten(0, 1), x[:, d // 2 :].flatten(0, 1)])


@wrong("07.3", "unchanged", says="That is the weight as it came")
def rows_unchanged(weight, heads):
    return weight


@wrong("07.3", "the caller's weight is changed", says="Your function changes what")
def rows_in_place(weight, heads):
    new = weight.unflatten(0, (heads, 3, -1)).transpose(0, 1).flatten(0, 2)
    return weight.copy_(new)


@wrong("07.3", "queries only", says="Those are the queries")
def rows_queries_only(weight, heads):
    return weight.unflatten(0, (heads, 3, -1))[:, 0].flatten(0, 1)


@wrong("07.3", "heads in reverse", says="Queries, keys and values are")
def rows_heads_reversed(weight, heads):
    x = weight.unflatten(0, (heads, 3, -1)).transpose(0, 1)
    return x.flip(1).flatten(0, 2)


# 07.4 Nearly the same block


def _block(
    correction=0,
    width=None,
    gelu="none",
    residual=True,
    order="before",
    eps_inside=True,
):
    """Block as a learner writes it, with single slips to choose from."""

    def right_block(x, w, heads, eps):
        def linear(x, name):
            return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

        def norm(x, name):
            variance = x.var(-1, keepdim=True, correction=correction)
            spread = (variance + eps).sqrt() if eps_inside else variance.sqrt() + eps
            unit = (x - x.mean(-1, keepdim=True)) / spread
            return unit * w[f"{name}.weight"] + w[f"{name}.bias"]

        def split(x):
            return x.unflatten(-1, (heads, -1)).transpose(1, 2)

        n = norm(x, "layernorm_before")
        q, k, v = (split(linear(n, f"attention.{c}_proj")) for c in "qkv")
        d = q.shape[-1] if width is None else width(x, heads)
        scores = q @ k.transpose(-2, -1) / d**0.5
        context = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
        attended = linear(context, "attention.o_proj")
        if order == "after":
            hidden = linear(norm(x, "layernorm_after"), "mlp.fc1")
            x = x + attended
        else:
            x = x + attended
            hidden = linear(norm(x, "layernorm_after"), "mlp.fc1")
        out = linear(F.gelu(hidden, approximate=gelu), "mlp.fc2")
        return x + out if residual else out

    return right_block


right("07.4", _block())


@right("07.4")
def block_by_layer_norm(x, w, heads, eps):
    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(
            x, (x.shape[-1],), w[f"{name}.weight"], w[f"{name}.bias"], eps
        )

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    n = norm(x, "layernorm_before")
    q, k, v = (split(linear(n, f"attention.{c}_proj")) for c in "qkv")
    scores = q @ k.transpose(-2, -1) / math.sqrt(x.shape[-1] // heads)
    context = (scores.softmax(dim=-1) @ v).transpose(1, 2).flatten(2)
    x = x + linear(context, "attention.o_proj")
    hidden = F.gelu(linear(norm(x, "layernorm_after"), "mlp.fc1"))
    return x + linear(hidden, "mlp.fc2")


@right("07.4")
def block_by_sdpa(x, w, heads, eps):
    B, T, D = x.shape

    def norm(name):
        return F.layer_norm(x, [D], w[name + ".weight"], w[name + ".bias"], eps)

    n = norm("layernorm_before")
    qkv = []
    for c in ("q", "k", "v"):
        y = n @ w[f"attention.{c}_proj.weight"].t() + w[f"attention.{c}_proj.bias"]
        qkv.append(y.view(B, T, heads, D // heads).permute(0, 2, 1, 3))
    a = F.scaled_dot_product_attention(*qkv).permute(0, 2, 1, 3).reshape(B, T, D)
    x = x + a @ w["attention.o_proj.weight"].t() + w["attention.o_proj.bias"]
    hidden = norm("layernorm_after") @ w["mlp.fc1.weight"].mT + w["mlp.fc1.bias"]
    hidden = nn.GELU()(hidden)
    return x + hidden @ w["mlp.fc2.weight"].mT + w["mlp.fc2.bias"]


@right("07.4")
def block_var_unbiased_false(x, w, heads, eps):
    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        centered = x - x.mean(dim=-1, keepdim=True)
        variance = (centered**2).mean(dim=-1, keepdim=True)
        unit = centered * torch.rsqrt(variance + eps)
        return unit * w[f"{name}.weight"] + w[f"{name}.bias"]

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    n = norm(x, "layernorm_before")
    q = split(linear(n, "attention.q_proj"))
    k = split(linear(n, "attention.k_proj"))
    v = split(linear(n, "attention.v_proj"))
    weights = torch.softmax(q @ k.mT * q.size(-1) ** -0.5, dim=-1)
    context = (weights @ v).transpose(1, 2).flatten(2)
    x = x + linear(context, "attention.o_proj")
    hidden = linear(norm(x, "layernorm_after"), "mlp.fc1")
    hidden = 0.5 * hidden * (1 + torch.erf(hidden / 2**0.5))
    return x + linear(hidden, "mlp.fc2")


@right("07.4")
def block_by_einsum(x, w, heads, eps):
    D = x.shape[-1]

    def dense(x, name):
        return torch.einsum("btd,od->bto", x, w[f"{name}.weight"]) + w[f"{name}.bias"]

    def norm(x, name):
        layer = nn.LayerNorm(D, eps=eps)
        with torch.no_grad():
            layer.weight.copy_(w[f"{name}.weight"])
            layer.bias.copy_(w[f"{name}.bias"])
        return layer(x)

    n = norm(x, "layernorm_before")
    q, k, v = (
        dense(n, f"attention.{c}_proj").unflatten(-1, (heads, -1)) for c in "qkv"
    )
    scores = torch.einsum("bihd,bjhd->bhij", q, k) / (D / heads) ** 0.5
    context = torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v).flatten(2)
    x = x + dense(context, "attention.o_proj")
    return x + dense(F.gelu(dense(norm(x, "layernorm_after"), "mlp.fc1")), "mlp.fc2")


@right("07.4")
def block_head_by_head(x, w, heads, eps):
    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        var = x.var(dim=-1, unbiased=False, keepdim=True)
        x = (x - x.mean(dim=-1, keepdim=True)) / torch.sqrt(var + eps)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    d = x.shape[-1] // heads
    n = norm(x, "layernorm_before")
    q, k, v = [linear(n, f"attention.{c}_proj") for c in "qkv"]
    pieces = []
    for i in range(heads):
        s = slice(i * d, (i + 1) * d)
        scores = torch.bmm(q[:, :, s], k[:, :, s].transpose(1, 2)) / math.sqrt(d)
        pieces.append(scores.softmax(-1) @ v[:, :, s])
    x = x + linear(torch.cat(pieces, dim=-1), "attention.o_proj")
    hidden = F.gelu(linear(norm(x, "layernorm_after"), "mlp.fc1"), approximate="none")
    return x + linear(hidden, "mlp.fc2")


def _all_width(x, heads):
    return x.shape[-1]


wrong(
    "07.4",
    "variance with n - 1",
    _block(correction=1),
    says="One slip is left, in the norm",
)
wrong(
    "07.4",
    "scores by the root of D",
    _block(width=_all_width),
    says="One slip is left, in the attention",
)
wrong("07.4", "GELU by tanh", _block(gelu="tanh"), says="One slip is left, in the MLP")
wrong(
    "07.4",
    "only the variance mended",
    _block(width=_all_width, gelu="tanh"),
    says="one in the attention, one in the MLP",
)
wrong(
    "07.4",
    "only the width mended",
    _block(correction=1, gelu="tanh"),
    says="one in the norm, one in the MLP",
)
wrong(
    "07.4",
    "only the GELU mended",
    _block(correction=1, width=_all_width),
    says="one in the norm, one in the attention",
)
wrong(
    "07.4",
    "unchanged",
    _block(1, _all_width, "tanh"),
    says="All three slips are still there",
)
wrong(
    "07.4",
    "the last residual lost",
    _block(residual=False),
    says="The sum after the MLP has lost",
)
wrong(
    "07.4",
    "the second norm sees x before attention",
    _block(order="after"),
    says="The second norm gets the stream",
)
wrong(
    "07.4",
    "epsilon outside of the root",
    _block(eps_inside=False),
    says="`eps` is added to the variance",
)
wrong(
    "07.4",
    "scores by the number of heads",
    _block(width=lambda x, heads: heads),
    says="root of the *number* of heads",
)
wrong(
    "07.4",
    "scores not divided",
    _block(width=lambda x, heads: 1),
    says="The scores are not divided",
)
wrong(
    "07.4",
    "scores by d without the root",
    _block(width=lambda x, h: (x.size(-1) // h) ** 2),
    says="it is the *root* of it",
)
wrong("07.4", "always 32 numbers in a head", _block(width=lambda x, heads: 32))
wrong("07.4", "scores by the tokens", _block(width=lambda x, heads: x.shape[1]))


@wrong("07.4", "always four heads", says="Your block always has 4 heads")
def block_four_heads(x, w, heads, eps):
    return _block()(x, w, 4, eps)


@wrong("07.4", "PyTorch's own epsilon", says="The norm uses PyTorch's own")
def block_own_epsilon(x, w, heads, eps):
    return _block()(x, w, heads, 1e-5)


@wrong("07.4", "epsilon left out", says="`eps` has no effect in your")
def block_no_epsilon(x, w, heads, eps):
    return _block()(x, w, heads, 0.0)


@wrong("07.4", "ReLU in place of GELU", says="Between the two layers of the")
def block_relu(x, w, heads, eps):
    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(
            x, [x.shape[-1]], w[f"{name}.weight"], w[f"{name}.bias"], eps
        )

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    n = norm(x, "layernorm_before")
    q, k, v = (split(linear(n, f"attention.{c}_proj")) for c in "qkv")
    context = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
    x = x + linear(context, "attention.o_proj")
    return x + linear(F.relu(linear(norm(x, "layernorm_after"), "mlp.fc1")), "mlp.fc2")


@wrong("07.4", "the caller's stream is changed", says="Your function changes what")
def block_in_place(x, w, heads, eps):
    out = _block()(x, w, heads, eps)
    return x.copy_(out)


@wrong("07.4", "softmax over the queries", says="The softmax runs over the queries")
def block_softmax_axis(x, w, heads, eps):
    def linear(x, name):
        return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

    def norm(x, name):
        return F.layer_norm(
            x, [x.shape[-1]], w[f"{name}.weight"], w[f"{name}.bias"], eps
        )

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    n = norm(x, "layernorm_before")
    q, k, v = (split(linear(n, f"attention.{c}_proj")) for c in "qkv")
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    context = (scores.softmax(dim=-2) @ v).transpose(1, 2).flatten(2)
    x = x + linear(context, "attention.o_proj")
    return x + linear(F.gelu(linear(norm(x, "layernorm_after"), "mlp.fc1")), "mlp.fc2")


def _block_of(stream="x", hidden=F.gelu):
    def right_block(x, w, heads, eps):
        def linear(x, name):
            return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])

        def norm(x, name):
            weights = w[f"{name}.weight"], w[f"{name}.bias"]
            return F.layer_norm(x, x.shape[-1:], *weights, eps)

        n = norm(x, "layernorm_before")
        q, k, v = (
            linear(n, f"attention.{c}_proj").unflatten(-1, (heads, -1)).transpose(1, 2)
            for c in "qkv"
        )
        context = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        if stream != "not mixed":
            context = linear(context, "attention.o_proj")
        x = context if stream == "lost" else x + context
        second = "layernorm_before" if stream == "same norm" else "layernorm_after"
        normed = x if stream == "raw" else norm(x, second)
        return x + linear(hidden(linear(normed, "mlp.fc1")), "mlp.fc2")

    return right_block


wrong("07.4", "no o_proj", _block_of("not mixed"), says="nothing mixes them")
wrong(
    "07.4",
    "first residual lost",
    _block_of("lost"),
    says="The sum after the attention has lost the stream",
)
wrong(
    "07.4",
    "first norm twice",
    _block_of("same norm"),
    says="The norm before the MLP has weights of its own",
)
wrong(
    "07.4", "no second norm", _block_of("raw"), says="The MLP gets the stream as it is"
)
wrong("07.4", "SiLU", _block_of(hidden=F.silu), says="you have SiLU")
wrong(
    "07.4",
    "quick GELU",
    _block_of(hidden=lambda x: x * torch.sigmoid(1.702 * x)),
    says="you have the GELU that a sigmoid imitates",
)


# 07.5 How large may the picture be?


def _cost(T, D, L, M):
    return L * (8 * T * D * D + 4 * T * T * D + 4 * T * D * M)


@right("07.5")
def side_by_loop(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while True:
        T = (n + 1) ** 2 + 1
        attention = 4 * 2 * T * dim * dim + 2 * 2 * T * T * dim
        mlp = 2 * 2 * T * dim * mlp_dim
        if depth * (attention + mlp) > budget:
            return n * patch_size
        n += 1


@right("07.5")
def side_by_doubling(budget, patch_size, dim, depth, mlp_dim):
    def cost(n):
        T = n * n + 1
        return depth * (8 * T * dim**2 + 4 * T**2 * dim + 4 * T * dim * mlp_dim)

    low, high = 0, 1
    while cost(high) <= budget:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if cost(middle) <= budget:
            low = middle
        else:
            high = middle
    return low * patch_size


@right("07.5")
def side_by_steps_of_pixels(budget, patch_size, dim, depth, mlp_dim):
    def flops(side):
        T = (side // patch_size) ** 2 + 1
        return depth * (8 * T * dim * dim + 4 * T * T * dim) + (
            depth * 4 * T * dim * mlp_dim
        )

    side = patch_size
    if flops(side) > budget:
        return 0
    while flops(side + patch_size) <= budget:
        side += patch_size
    return side


@right("07.5")
def side_by_formula(budget, patch_size, dim, depth, mlp_dim):
    # 4 D T^2 + (8 D^2 + 4 D M) T <= budget / depth, in whole numbers
    each = budget // depth // (4 * dim)
    b = 2 * dim + mlp_dim
    tokens = (math.isqrt(b * b + 4 * each) - b) // 2
    if tokens < 2:
        return 0
    return math.isqrt(tokens - 1) * patch_size


@right("07.5")
def side_by_recursion_free_count(budget, patch_size, dim, depth, mlp_dim):
    best = 0
    for n in range(1, 100_000):
        T = n**2 + 1
        if depth * T * dim * (8 * dim + 4 * T + 4 * mlp_dim) > budget:
            break
        best = n * patch_size
    return best


@wrong("07.5", "the class token left out", says="You count patches")
def side_without_class_token(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost((n + 1) ** 2, dim, depth, mlp_dim) <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "the embeddings counted too", says="You count the patch embedding")
def side_with_embeddings(budget, patch_size, dim, depth, mlp_dim):
    def total(n):
        embedding = 2 * n * n * 3 * patch_size**2 * dim
        return _cost(n * n + 1, dim, depth, mlp_dim) + embedding

    n = 0
    while total(n + 1) <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "less than the budget, not at most", says="A picture that needs exactly")
def side_below_budget(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost((n + 1) ** 2 + 1, dim, depth, mlp_dim) < budget:
        n += 1
    return n * patch_size


@wrong("07.5", "one patch too large", says="Your last step is one too many")
def side_one_too_large(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost(n * n + 1, dim, depth, mlp_dim) <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "one patch even where none fits", says="You always allow one patch")
def side_at_least_one(budget, patch_size, dim, depth, mlp_dim):
    n = 1
    while _cost((n + 1) ** 2 + 1, dim, depth, mlp_dim) <= budget:
        n += 1
    return n * patch_size


@wrong(
    "07.5", "the number of patches, not of pixels", says="That is the number of patches"
)
def side_in_patches(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost((n + 1) ** 2 + 1, dim, depth, mlp_dim) <= budget:
        n += 1
    return n


@wrong("07.5", "one block only", says="That is the cost of a single")
def side_one_block(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost((n + 1) ** 2 + 1, dim, 1, mlp_dim) <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "depth counts for attention only", says="You count the MLP once")
def side_mlp_once(budget, patch_size, dim, depth, mlp_dim):
    def cost(T):
        return depth * (8 * T * dim * dim + 4 * T * T * dim) + 4 * T * dim * mlp_dim

    n = 0
    while cost((n + 1) ** 2 + 1) <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "a pair counted as one", says="You count multiplications only")
def side_pairs_as_one(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost((n + 1) ** 2 + 1, dim, depth, mlp_dim) / 2 <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "scores and context left out", says="The products of queries with")
def side_without_square(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while True:
        T = (n + 1) ** 2 + 1
        if depth * (8 * T * dim * dim + 4 * T * dim * mlp_dim) > budget:
            return n * patch_size
        n += 1


@wrong("07.5", "scores without context", says="Only one of the two products")
def side_scores_once(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while True:
        T = (n + 1) ** 2 + 1
        cost = 8 * T * dim * dim + 2 * T * T * dim + 4 * T * dim * mlp_dim
        if depth * cost > budget:
            return n * patch_size
        n += 1


@wrong("07.5", "one of the two layers of the MLP", says="The MLP has two layers")
def side_half_mlp(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while True:
        T = (n + 1) ** 2 + 1
        cost = 8 * T * dim * dim + 4 * T * T * dim + 2 * T * dim * mlp_dim
        if depth * cost > budget:
            return n * patch_size
        n += 1


@wrong("07.5", "no output projection", says="Attention has four linear layers")
def side_without_o_proj(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while True:
        T = (n + 1) ** 2 + 1
        cost = 6 * T * dim * dim + 4 * T * T * dim + 4 * T * dim * mlp_dim
        if depth * cost > budget:
            return n * patch_size
        n += 1


@wrong(
    "07.5", "the MLP is always 4 times as wide", says="You take the MLP to be 4 times"
)
def side_wide_mlp(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost((n + 1) ** 2 + 1, dim, depth, 4 * dim) <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "not a multiple of the patch size", says="The side must be a multiple")
def side_any_pixel(budget, patch_size, dim, depth, mlp_dim):
    side = 0
    while _cost(((side + 1) // patch_size) ** 2 + 1, dim, depth, mlp_dim) <= budget:
        side += 1
    return side


@wrong(
    "07.5",
    "the number of tokens in place of the side",
    says="You let the number of tokens",
)
def side_tokens(budget, patch_size, dim, depth, mlp_dim):
    T = 1
    while _cost(T + 1, dim, depth, mlp_dim) <= budget:
        T += 1
    return T * patch_size


@wrong(
    "07.5", "the root is rounded, not cut off", says="You round the root of the number"
)
def side_rounded_root(budget, patch_size, dim, depth, mlp_dim):
    b = 2 * dim + mlp_dim
    tokens = (-b + math.sqrt(b * b + budget / depth / dim)) / 2
    return round(math.sqrt(max(tokens - 1, 0))) * patch_size


@wrong("07.5", "stops at 1000 pixels", says="Your search ends below 1,000")
def side_at_most_1000(budget, patch_size, dim, depth, mlp_dim):
    best = 0
    for side in range(patch_size, 1000, patch_size):
        if _cost((side // patch_size) ** 2 + 1, dim, depth, mlp_dim) <= budget:
            best = side
    return best


@wrong("07.5", "always patches of 16", says="You multiply by 16")
def side_patches_of_16(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while _cost((n + 1) ** 2 + 1, dim, depth, mlp_dim) <= budget:
        n += 1
    return n * 16


@wrong("07.5", "the class token counted in the square only", says="You count patches")
def side_class_token_in_the_square(budget, patch_size, dim, depth, mlp_dim):
    n = 0
    while True:
        N = (n + 1) ** 2
        cost = 8 * N * dim * dim + 4 * (N + 1) ** 2 * dim + 4 * N * dim * mlp_dim
        if depth * cost > budget:
            return n * patch_size
        n += 1


@wrong("07.5", "starts its search at the side of the lesson")
def side_from_48_on(budget, patch_size, dim, depth, mlp_dim):
    n = 6
    while _cost((n + 1) ** 2 + 1, dim, depth, mlp_dim) <= budget:
        n += 1
    return n * patch_size


@wrong("07.5", "no MLP", says="The MLP is missing")
def side_without_mlp(budget, patch_size, dim, depth, mlp_dim):
    grid = 0
    while True:
        T = (grid + 1) ** 2 + 1
        if depth * (8 * T * dim**2 + 4 * T**2 * dim) > budget:
            return grid * patch_size
        grid += 1


# 07.6 A loader that says what it left out


@right("07.6")
def load_by_loop(model, weights):
    missing = []
    for name, tensor in model.state_dict().items():
        if name in weights and weights[name].shape == tensor.shape:
            tensor.copy_(weights[name])
        else:
            missing.append(name)
    return sorted(missing)


@right("07.6")
def load_by_filter(model, weights):
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in weights.items()
        if name in own and tensor.shape == own[name].shape
    }
    report = model.load_state_dict(fitting, strict=False)
    return sorted(report.missing_keys)


@right("07.6")
def load_by_update(model, weights):
    own = model.state_dict()
    taken = {k: v for k, v in weights.items() if k in own and own[k].size() == v.size()}
    own.update(taken)
    model.load_state_dict(own)
    return sorted(set(own) - set(taken))


@right("07.6")
def load_by_not_loaded(model, weights):
    own = model.state_dict()
    not_loaded = [
        name
        for name in own
        if name not in weights or own[name].shape != weights[name].shape
    ]
    model.load_state_dict(
        {k: weights[k] for k in own if k not in not_loaded}, strict=False
    )
    not_loaded.sort()
    return not_loaded


@right("07.6")
@torch.no_grad()
def load_parameters_and_buffers(model, weights):
    left = []
    places = dict(model.named_parameters()) | dict(model.named_buffers())
    for name in model.state_dict():
        value = weights.get(name)
        if value is None or value.shape != places[name].shape:
            left.append(name)
        else:
            places[name].copy_(value)
    return sorted(left)


@right("07.6")
def load_one_by_one(model, weights):
    left = set(model.state_dict())
    for name, value in weights.items():
        try:
            report = model.load_state_dict({name: value}, strict=False)
        except RuntimeError:
            continue
        if name not in report.unexpected_keys:
            left.discard(name)
    return sorted(left)


@right("07.6")
def load_from_a_copy(model, weights):
    weights = dict(weights)
    own = model.state_dict()
    for name in list(weights):
        if name in own and weights[name].shape != own[name].shape:
            del weights[name]
    missing, unexpected = model.load_state_dict(weights, strict=False)
    return sorted(missing)


@wrong("07.6", "compares the number of elements", says="A tensor of another shape is")
def load_reshaped(model, weights):
    own = model.state_dict()
    fitting = {
        name: tensor.reshape(own[name].shape)
        for name, tensor in weights.items()
        if name in own and tensor.numel() == own[name].numel()
    }
    return sorted(model.load_state_dict(fitting, strict=False).missing_keys)


@wrong("07.6", "view_as of whatever has a name", says="A tensor of another shape is")
def load_view_as(model, weights):
    left = []
    for name, tensor in model.state_dict().items():
        try:
            tensor.copy_(weights[name].view_as(tensor))
        except (KeyError, RuntimeError):
            left.append(name)
    return sorted(left)


@wrong("07.6", "broadcasts a shape that differs", says="A tensor of another shape is")
def load_broadcast(model, weights):
    left = []
    for name, tensor in model.state_dict().items():
        try:
            tensor.copy_(weights[name])
        except (KeyError, RuntimeError):
            left.append(name)
    return sorted(left)


@wrong("07.6", "buffers ignored", says="Buffers are neither loaded")
def load_parameters_only(model, weights):
    left = []
    for name, parameter in model.named_parameters():
        if name in weights and weights[name].shape == parameter.shape:
            parameter.data.copy_(weights[name])
        else:
            left.append(name)
    return sorted(left)


@wrong("07.6", "deletes from the caller's dict", says="Your function changes what")
def load_pops(model, weights):
    own = model.state_dict()
    for name in list(weights):
        if name not in own or weights[name].shape != own[name].shape:
            weights.pop(name)
    return sorted(model.load_state_dict(weights, strict=False).missing_keys)


@wrong("07.6", "the names not sorted", says="The right names, in the model's")
def load_not_sorted(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    return model.load_state_dict(fitting, strict=False).missing_keys


@wrong(
    "07.6",
    "the checkpoint's names instead of the model's",
    says="the checkpoint's tensors that did",
)
def load_says_unexpected(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(set(weights) - set(fitting))


@wrong("07.6", "both lists together", says="Your list also has names that")
def load_says_both(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(set(own) ^ set(fitting) | set(weights) - set(fitting))


@wrong("07.6", "nothing is loaded", says="The list is right")
def load_nothing(model, weights):
    own = model.state_dict()
    for name in own:
        if name in weights and weights[name].shape == own[name].shape:
            own[name] = weights[name]
    return sorted(n for n in own if own[n] is not weights.get(n))


@wrong("07.6", "another shape stops it", says="`strict=False` forgives names")
def load_strict_about_shapes(model, weights):
    return sorted(model.load_state_dict(weights, strict=False).missing_keys)


@wrong(
    "07.6",
    "names only, another shape is not reported",
    says="A tensor whose name fits but",
)
def load_names_only(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(n for n in own if n not in weights)


@wrong(
    "07.6",
    "only the shapes that differ are reported",
    says="A tensor of the model that",
)
def load_shapes_only(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(n for n in weights if n in own and n not in fitting)


@wrong("07.6", "the names that were loaded", says="You return what was loaded")
def load_says_loaded(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    model.load_state_dict(fitting, strict=False)
    return sorted(fitting)


@wrong("07.6", "the count in place of the names", says="Return a list of names")
def load_counts(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    return len(model.load_state_dict(fitting, strict=False).missing_keys)


@wrong("07.6", "prints instead of returning", says="Your function returns nothing")
def load_prints(model, weights):
    own = model.state_dict()
    fitting = {k: v for k, v in weights.items() if k in own and v.shape == own[k].shape}
    print(sorted(model.load_state_dict(fitting, strict=False).missing_keys))


@wrong("07.6", "the head is never loaded", says="You leave out the head even")
def load_but_the_head(model, weights):
    own = model.state_dict()
    names = [n for n in own if n in weights and weights[n].shape == own[n].shape]
    names = [n for n in names if not n.startswith(("head", "classifier", "fc"))]
    model.load_state_dict({n: weights[n] for n in names}, strict=False)
    return sorted(set(own) - set(names))


@wrong("07.6", "all or nothing", says="One tensor of another shape")
def load_all_or_nothing(model, weights):
    try:
        return sorted(model.load_state_dict(weights, strict=False).missing_keys)
    except RuntimeError:
        return sorted(model.state_dict())


@wrong("07.6", "matches by shape, not by name", says="You take any tensor of the")
def load_by_shape(model, weights):
    left = []
    for name, tensor in model.state_dict().items():
        for value in weights.values():
            if value.shape == tensor.shape:
                tensor.copy_(value)
                break
        else:
            left.append(name)
    return sorted(left)


@wrong("07.6", "matches by position", says="You take the tensors in the")
def load_by_position(model, weights):
    left = []
    for (name, tensor), value in zip(
        model.state_dict().items(), weights.values(), strict=False
    ):
        if value.shape == tensor.shape:
            tensor.copy_(value)
        else:
            left.append(name)
    return sorted(left)


@wrong("07.6", "the list of the last call is kept")
def load_keeps_list(model, weights):
    for name, tensor in model.state_dict().items():
        if name in weights and weights[name].shape == tensor.shape:
            tensor.copy_(weights[name])
        else:
            _LEFT.append(name)
    return sorted(_LEFT)


@wrong(
    "07.6",
    "stops at a name that the model does not have",
    says="The checkpoint may have names",
)
def load_stops_at_unknown(model, weights):
    own = model.state_dict()
    left = set(own)
    for name, value in weights.items():
        if value.shape == own[name].shape:
            own[name].copy_(value)
            left.discard(name)
    return sorted(left)


@wrong(
    "07.6",
    "returns at the first tensor that does not fit",
    says="You stop at the first tensor",
)
def load_returns_early(model, weights):
    left = []
    for name, tensor in model.state_dict().items():
        if name not in weights or weights[name].shape != tensor.shape:
            left.append(name)
            return left
        tensor.copy_(weights[name])
    return left


_LEFT = []


@wrong("07.6", "first axis compared only")
def load_by_the_first_axis(model, weights):
    own = model.state_dict()
    fit = {
        n: t for n, t in weights.items() if n in own and t.shape[:1] == own[n].shape[:1]
    }
    model.load_state_dict(fit, strict=False)
    return sorted(own.keys() - fit.keys())


# 07.7 A block of DINOv2 for our ViT


@right("07.7")
def fold_by_loop(w):
    out = {}
    for name, tensor in w.items():
        if "layer_scale" in name:
            continue
        name = name.replace("norm1", "layernorm_before")
        name = name.replace("norm2", "layernorm_after")
        out[name] = tensor.clone()
    for layer, number in (("attention.o_proj", 1), ("mlp.fc2", 2)):
        scale = w[f"layer_scale{number}.lambda1"]
        out[f"{layer}.weight"] = out[f"{layer}.weight"] * scale.unsqueeze(1)
        out[f"{layer}.bias"] = out[f"{layer}.bias"] * scale
    return out


@right("07.7")
def fold_by_table(w):
    table = {"layernorm_before": "norm1", "layernorm_after": "norm2"}
    parts = [f"attention.{c}_proj" for c in "qkvo"] + ["mlp.fc1", "mlp.fc2", *table]
    out = {
        f"{part}.{kind}": w[f"{table.get(part, part)}.{kind}"]
        for part in parts
        for kind in ("weight", "bias")
    }
    first, second = w["layer_scale1.lambda1"], w["layer_scale2.lambda1"]
    out["attention.o_proj.weight"] = (
        first.reshape(-1, 1) * out["attention.o_proj.weight"]
    )
    out["attention.o_proj.bias"] = first * out["attention.o_proj.bias"]
    out["mlp.fc2.weight"] = second.reshape(-1, 1) * out["mlp.fc2.weight"]
    out["mlp.fc2.bias"] = second * out["mlp.fc2.bias"]
    return out


@right("07.7")
def fold_with_a_copy(w):
    out = {k: v.detach().clone() for k, v in w.items()}
    for layer, number in (("attention.o_proj", 1), ("mlp.fc2", 2)):
        scale = out.pop(f"layer_scale{number}.lambda1")
        out[f"{layer}.weight"] *= scale[:, None]
        out[f"{layer}.bias"] *= scale
    for number, new in ((1, "before"), (2, "after")):
        for kind in ("weight", "bias"):
            out[f"layernorm_{new}.{kind}"] = out.pop(f"norm{number}.{kind}")
    return out


@right("07.7")
def fold_by_diagonal(w):
    def scaled(layer, number):
        diagonal = torch.diag(w[f"layer_scale{number}.lambda1"])
        return {
            f"{layer}.weight": diagonal @ w[f"{layer}.weight"],
            f"{layer}.bias": diagonal @ w[f"{layer}.bias"],
        }

    kept = {k: v for k, v in w.items() if k.split(".")[0] in ("attention", "mlp")}
    norms = {
        f"layernorm_{new}.{kind}": w[f"{old}.{kind}"]
        for old, new in (("norm1", "before"), ("norm2", "after"))
        for kind in ("weight", "bias")
    }
    return kept | norms | scaled("attention.o_proj", 1) | scaled("mlp.fc2", 2)


@right("07.7")
def fold_by_regex(w):
    scale_of = {"attention.o_proj": 1, "mlp.fc2": 2}
    out = {}
    for name in w:
        if re.fullmatch(r"layer_scale\d\.lambda1", name):
            continue
        part = name.rsplit(".", 1)[0]
        value = w[name]
        if part in scale_of:
            scale = w[f"layer_scale{scale_of[part]}.lambda1"]
            value = torch.einsum("o,o...->o...", scale, value)
        new = re.sub("^norm1", "layernorm_before", name)
        out[re.sub("^norm2", "layernorm_after", new)] = value
    return out


@right("07.7")
def fold_transposed(w):
    out = dict(fold_by_loop(w))
    for layer, number in (("attention.o_proj", 1), ("mlp.fc2", 2)):
        scale = w[f"layer_scale{number}.lambda1"]
        out[f"{layer}.weight"] = (w[f"{layer}.weight"].T * scale).T
    return out


def renamed(w):
    names = {"norm1": "layernorm_before", "norm2": "layernorm_after"}
    out = {}
    for name, tensor in w.items():
        part, _, kind = name.rpartition(".")
        out[f"{names.get(part, part)}.{kind}"] = tensor
    return out


def without_scales(w):
    return {k: v for k, v in renamed(w).items() if "layer_scale" not in k}


@wrong("07.7", "only renamed", says="LayerScale is lost")
def fold_nothing(w):
    return without_scales(w)


@wrong("07.7", "LayerScale kept under its name", says="LayerScale is still among")
def fold_keeps_scales(w):
    return renamed(w)


@wrong("07.7", "the norms keep their names", says="`layernorm_after.bias`; your")
def fold_old_norms(w):
    out = fold_with_a_copy(w)
    return {
        k.replace("layernorm_before", "norm1").replace("layernorm_after", "norm2"): v
        for k, v in out.items()
    }


@wrong("07.7", "biases forgotten", says="The weights are scaled, the biases are not")
def fold_weights_only(w):
    out = without_scales(w)
    for layer, number in (("attention.o_proj", 1), ("mlp.fc2", 2)):
        scale = w[f"layer_scale{number}.lambda1"]
        out[f"{layer}.weight"] = out[f"{layer}.weight"] * scale[:, None]
    return out


@wrong("07.7", "factors along the inputs", says="The factors run along the *inputs*")
def fold_columns(w):
    out = without_scales(w)
    for layer, number in (("attention.o_proj", 1), ("mlp.fc2", 2)):
        scale = w[f"layer_scale{number}.lambda1"]
        out[f"{layer}.weight"] = out[f"{layer}.weight"] * scale
        out[f"{layer}.bias"] = out[f"{layer}.bias"] * scale
    return out


@wrong("07.7", "the two exchanged", says="The two LayerScales are exchanged")
def fold_exchanged(w):
    out = without_scales(w)
    for layer, number in (("attention.o_proj", 2), ("mlp.fc2", 1)):
        scale = w[f"layer_scale{number}.lambda1"]
        out[f"{layer}.weight"] = out[f"{layer}.weight"] * scale[:, None]
        out[f"{layer}.bias"] = out[f"{layer}.bias"] * scale
    return out


@wrong("07.7", "the second forgotten", says="The second LayerScale, after the MLP")
def fold_first_only(w):
    out = without_scales(w)
    scale = w["layer_scale1.lambda1"]
    out["attention.o_proj.weight"] = out["attention.o_proj.weight"] * scale[:, None]
    out["attention.o_proj.bias"] = out["attention.o_proj.bias"] * scale
    return out


@wrong("07.7", "folded into the values", says="The first LayerScale is in the values")
def fold_values(w):
    out = without_scales(w)
    for layer, number in (("attention.v_proj", 1), ("mlp.fc2", 2)):
        scale = w[f"layer_scale{number}.lambda1"]
        out[f"{layer}.weight"] = out[f"{layer}.weight"] * scale[:, None]
        out[f"{layer}.bias"] = out[f"{layer}.bias"] * scale
    return out


@wrong("07.7", "changes the caller's tensors", says="Your function changes the state")
def fold_in_place(w):
    for layer, number in (("attention.o_proj", 1), ("mlp.fc2", 2)):
        scale = w[f"layer_scale{number}.lambda1"]
        w[f"{layer}.weight"].mul_(scale[:, None])
        w[f"{layer}.bias"].mul_(scale)
    return without_scales(w)


@wrong("07.7", "pops from the caller's dictionary", says="Your function changes the")
def fold_pops(w):
    w.pop("layer_scale1.lambda1")
    w.pop("layer_scale2.lambda1")
    return without_scales(w)


@wrong("07.7", "divides", says="You divide by LayerScale")
def fold_divides(w):
    out = without_scales(w)
    for layer, number in (("attention.o_proj", 1), ("mlp.fc2", 2)):
        scale = w[f"layer_scale{number}.lambda1"]
        out[f"{layer}.weight"] = out[f"{layer}.weight"] / scale[:, None]
        out[f"{layer}.bias"] = out[f"{layer}.bias"] / scale
    return out


@wrong("07.7", "folded into the norms", says="LayerScale is in the norms")
def fold_norms(w):
    out = without_scales(w)
    for layer, number in (("layernorm_before", 1), ("layernorm_after", 2)):
        for kind in ("weight", "bias"):
            name = f"{layer}.{kind}"
            out[name] = out[name] * w[f"layer_scale{number}.lambda1"]
    return out


@wrong("07.7", "the tensors without names", says="Return a state dict")
def fold_list(w):
    return list(fold_by_loop(w).values())


@wrong("07.7", "a whole prefix left on", says="`attention.k_proj.bias`; your state")
def fold_prefixed(w):
    return {f"vit.layers.0.{k}": v for k, v in fold_by_loop(w).items()}
