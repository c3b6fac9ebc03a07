"""Answers to the exercises of notebook 12 as learners give them, written blind."""

import copy
import itertools

import numpy as np
import torch
from tests_answers import right, wrong
from torch import nn
from torch.nn import functional as F
from transformers import AttentionInterface
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.vit import modeling_vit as hf

# --- 12.1: nothing was frozen ---


@right("12.1")
def modules_by_slice(model, n):
    model.vit.embeddings.requires_grad_(False)
    for layer in model.vit.layers[:n]:
        layer.requires_grad_(False)


@right("12.1")
def parameter_by_parameter(model, n):
    for p in model.vit.embeddings.parameters():
        p.requires_grad = False
    for i in range(n):
        for p in model.vit.layers[i].parameters():
            p.requires_grad = False
    return model


@right("12.1")
def by_names(model, n):
    for name, p in model.named_parameters():
        parts = name.split(".")
        if parts[1] == "embeddings":
            p.requires_grad_(False)
        elif parts[1] == "layers" and int(parts[2]) < n:
            p.requires_grad_(False)


@right("12.1")
def one_list_of_modules(model, n):
    backbone = model.base_model
    for module in [backbone.embeddings, *list(backbone.layers)[:n]]:
        for p in module.parameters():
            p.requires_grad = False


@right("12.1")
def chained_parameters(model, n):
    blocks = (block.parameters() for block in model.vit.layers[:n])
    for p in itertools.chain(model.vit.embeddings.parameters(), *blocks):
        p.requires_grad_(False)


@right("12.1")
def by_prefixes_with_a_dot(model, n):
    prefixes = ["vit.embeddings."] + [f"vit.layers.{i}." for i in range(n)]
    for name, p in model.named_parameters():
        if name.startswith(tuple(prefixes)):
            p.requires_grad = False


@right("12.1")
def also_with_the_old_attribute(model, n):
    for part in (model.vit.embeddings, *model.vit.layers[:n]):
        part.requires_grad = False
        part.requires_grad_(False)


def _freezes(start, stop):
    """Freeze the embeddings and the blocks from ``start(n)`` to ``stop(n)``."""

    def freeze(model, n):
        model.vit.embeddings.requires_grad_(False)
        for layer in model.vit.layers[start(n) : stop(n)]:
            layer.requires_grad_(False)

    return freeze


wrong(
    "12.1",
    "one block too few",
    _freezes(lambda n: 0, lambda n: max(n - 1, 0)),
    says="You freeze one block too few",
)
wrong(
    "12.1",
    "one block too many",
    _freezes(lambda n: 0, lambda n: n + 1),
    says="You freeze one block too many",
)
wrong(
    "12.1",
    "counts blocks from 1",
    _freezes(lambda n: 1, lambda n: n + 1),
    says="You count blocks from 1, so the lowest one is still trained",
)
wrong(
    "12.1",
    "the last n blocks",
    _freezes(lambda n: -n, lambda n: None),
    says="You freeze the *last* n blocks",
)
wrong(
    "12.1",
    "all but the last n blocks",
    _freezes(lambda n: 0, lambda n: -n),
    says="You freeze all blocks *but* n",
)
wrong(
    "12.1",
    "only the n-th block",
    _freezes(lambda n: n, lambda n: n + 1),
    says="Of the blocks you freeze only the one",
)


@wrong(
    "12.1",
    "the blocks without the embeddings",
    says="The embeddings lie below the first block and",
)
def blocks_alone(model, n):
    for layer in model.vit.layers[:n]:
        layer.requires_grad_(False)


@wrong(
    "12.1", "the embeddings without the blocks", says="Only the embeddings are frozen"
)
def embeddings_alone(model, n):
    model.vit.embeddings.requires_grad_(False)


@wrong(
    "12.1",
    "an attribute of the module instead of its parameters",
    says="Nothing new is frozen",
)
def attribute_of_the_module(model, n):
    model.vit.embeddings.requires_grad = False
    for layer in model.vit.layers[:n]:
        layer.requires_grad = False


@wrong(
    "12.1",
    "thaws everything first",
    says="You also thaw what was frozen before you came",
)
def thaws_first(model, n):
    for p in model.parameters():
        p.requires_grad = True
    model.vit.embeddings.requires_grad_(False)
    for layer in model.vit.layers[:n]:
        layer.requires_grad_(False)


@wrong(
    "12.1",
    "freezes all and thaws the rest",
    says="You also thaw what was frozen before you came",
)
def freezes_all_thaws_the_rest(model, n):
    model.requires_grad_(False)
    for layer in model.vit.layers[n:]:
        layer.requires_grad_(True)
    model.vit.layernorm.requires_grad_(True)
    model.classifier.requires_grad_(True)


@wrong(
    "12.1",
    "a prefix without its dot: block 10 counts as block 1",
    says="Block 10 is frozen with block 1",
)
def prefix_without_dot(model, n):
    prefixes = ["vit.embeddings"] + [f"vit.layers.{i}" for i in range(n)]
    for name, p in model.named_parameters():
        if any(name.startswith(prefix) for prefix in prefixes):
            p.requires_grad = False


@wrong(
    "12.1",
    "counts the parts of the backbone, not the blocks",
    says="You freeze children of `model.vit`, and the second",
)
def parts_of_the_backbone(model, n):
    for part in list(model.vit.children())[: n + 1]:
        part.requires_grad_(False)


@wrong("12.1", "the whole backbone", says="The whole backbone is frozen, whatever n is")
def whole_backbone(model, n):
    model.vit.requires_grad_(False)


@wrong("12.1", "the last norm, too", says="The last layer norm stands above the blocks")
def last_norm_too(model, n):
    model.vit.embeddings.requires_grad_(False)
    model.vit.layernorm.requires_grad_(False)
    for layer in model.vit.layers[:n]:
        layer.requires_grad_(False)


@wrong("12.1", "everything, the head as well", says="The head is frozen, too")
def everything(model, n):
    for p in model.parameters():
        p.requires_grad = False


@wrong("12.1", "weights without biases", says="Only what is called `weight` is frozen")
def weights_only(model, n):
    for module in [model.vit.embeddings, *model.vit.layers[:n]]:
        for name, p in module.named_parameters():
            if "weight" in name:
                p.requires_grad = False


@wrong(
    "12.1",
    "only the patches of the embeddings",
    says="Of the embeddings you freeze only the patches",
)
def patches_only(model, n):
    model.vit.embeddings.patch_embeddings.requires_grad_(False)
    for layer in model.vit.layers[:n]:
        layer.requires_grad_(False)


@wrong("12.1", "the path of old tutorials", says="That path is from old tutorials")
def old_path(model, n):
    model.vit.embeddings.requires_grad_(False)
    for layer in model.vit.encoder.layer[:n]:
        layer.requires_grad_(False)


@wrong(
    "12.1",
    "evaluation mode instead of freezing",
    says="Your function freezes nothing in the model it is given",
)
def evaluation_mode(model, n):
    model.vit.embeddings.eval()
    for layer in model.vit.layers[:n]:
        layer.eval()


@wrong(
    "12.1",
    "no_grad around a walk over the blocks",
    says="Your function freezes nothing in the model it is given",
)
def under_no_grad(model, n):
    with torch.no_grad():
        for module in [model.vit.embeddings, *model.vit.layers[:n]]:
            module.parameters()


@wrong(
    "12.1",
    "freezes a copy",
    says="Your function freezes nothing in the model it is given",
)
def freezes_a_copy(model, n):
    frozen = copy.deepcopy(model)
    frozen.vit.embeddings.requires_grad_(False)
    for layer in frozen.vit.layers[:n]:
        layer.requires_grad_(False)
    return frozen


@wrong(
    "12.1",
    "takes n from the number of parameters",
    says="`n` counts blocks, and each block holds many parameters",
)
def first_n_parameters(model, n):
    for i, p in enumerate(model.parameters()):
        if i < n:
            p.requires_grad = False


@wrong("12.1", "the head, too", says="The head is frozen, too, which is new")
def freeze_and_head(model, n):
    for part in (model.vit.embeddings, *model.vit.layers[:n], model.classifier):
        part.requires_grad_(False)


@wrong("12.1", "attention only", says="you freeze the attention only")
def freeze_attention(model, n):
    model.vit.embeddings.requires_grad_(False)
    for block in model.vit.layers[:n]:
        block.attention.requires_grad_(False)


@wrong("12.1", "blocks above thawed", says="You also thaw the blocks above")
def freeze_by_comparing(model, n):
    model.vit.embeddings.requires_grad_(False)
    for i, block in enumerate(model.vit.layers):
        block.requires_grad_(i >= n)


# --- 12.2: a type that nobody reads ---


@right("12.2")
def by_the_method(model, name):
    model.set_attn_implementation(name)


@right("12.2")
def by_the_method_and_back(model, name):
    model.set_attn_implementation(name)
    return model


@right("12.2")
def asks_the_interface(model, name):
    if name not in list(ALL_ATTENTION_FUNCTIONS.keys()):
        raise ValueError(f"unknown attention {name!r}")
    model.config._attn_implementation = name


@right("12.2")
def block_by_block(model, name):
    try:
        ALL_ATTENTION_FUNCTIONS[name]
    except KeyError as error:
        raise ValueError(name) from error
    own = copy.deepcopy(model.config)
    own._attn_implementation = name
    for block in model.vit.layers:
        block.attention.config = own


@right("12.2")
def by_another_forward(model, name):
    known = dict(ALL_ATTENTION_FUNCTIONS.items())
    if name not in known:
        raise ValueError("not registered")
    model.config._attn_implementation = name
    for block in model.vit.layers:
        assert block.attention.config is model.config


@wrong("12.2", "the colleague's setting", says="no line of the library reads")
def attention_type(model, name):
    model.config.attention_type = name


@wrong("12.2", "a setting without its underscore", says="no line of the library")
def without_underscore(model, name):
    model.config.attn_implementation = name


@wrong("12.2", "the setting in the blocks", says="no line of the library reads")
def type_in_blocks(model, name):
    for block in model.vit.layers:
        block.attention.attention_type = name


@wrong("12.2", "a new model that is returned", says="you changed a copy")
def a_copy(model, name):
    other = copy.deepcopy(model)
    other.set_attn_implementation(name)
    return other


@wrong("12.2", "registered over sdpa", says="every model in this process")
def over_sdpa(model, name):
    if name not in list(ALL_ATTENTION_FUNCTIONS.keys()):
        raise ValueError(name)
    AttentionInterface.register("sdpa", ALL_ATTENTION_FUNCTIONS[name])


@wrong("12.2", "unknown names accepted", says="taken without a word")
def no_question(model, name):
    model.config._attn_implementation = name


@wrong("12.2", "the first block only", says="Only some of the blocks")
def first_block(model, name):
    if name not in list(ALL_ATTENTION_FUNCTIONS.keys()):
        raise ValueError(name)
    own = copy.deepcopy(model.config)
    own._attn_implementation = name
    model.vit.layers[0].attention.config = own


@wrong("12.2", "unknown names ignored", says="quietly becomes softmax")
def ignored(model, name):
    try:
        model.set_attn_implementation(name)
    except ValueError:
        pass


@wrong("12.2", "a KeyError", says="raises a `KeyError`")
def key_error(model, name):
    ALL_ATTENTION_FUNCTIONS[name]
    model.set_attn_implementation(name)


@wrong("12.2", "an assertion")
def assertion(model, name):
    assert name in list(ALL_ATTENTION_FUNCTIONS.keys())
    model.set_attn_implementation(name)


# --- 12.3: who sees whom in windows ---


@right("12.3")
def by_loops(grid, window):
    T = grid**2 + 1
    mask = np.zeros((T, T), dtype=bool)
    mask[0, :] = True
    mask[:, 0] = True
    for q in range(grid * grid):
        for k in range(grid * grid):
            same_row = q // grid // window == k // grid // window
            same_column = q % grid // window == k % grid // window
            mask[q + 1, k + 1] = same_row and same_column
    return mask


@right("12.3")
def by_numbers_of_windows(grid, window):
    rows, columns = np.divmod(np.arange(grid * grid), grid)
    number = (rows // window) * grid + columns // window
    mask = number[:, None] == number[None, :]
    return np.pad(mask, ((1, 0), (1, 0)), constant_values=True)


@right("12.3")
def by_kron(grid, window):
    line = np.kron(np.eye(grid // window), np.ones((window, window)))
    T = grid * grid + 1
    mask = np.ones((T, T))
    mask[1:, 1:] = np.kron(line, line)
    return mask > 0


@right("12.3")
def by_lists(grid, window):
    def seen(q, k):
        if q == 0 or k == 0:
            return True
        (a, b), (c, d) = divmod(q - 1, grid), divmod(k - 1, grid)
        return (a // window, b // window) == (c // window, d // window)

    T = grid**2 + 1
    return np.array([[seen(q, k) for k in range(T)] for q in range(T)])


@right("12.3")
def with_torch(grid, window):
    place = torch.arange(grid * grid)
    windows = (place // grid // window) * (grid // window) + place % grid // window
    same = windows[:, None] == windows[None, :]
    return torch.nn.functional.pad(same, (1, 0, 1, 0), value=True)


@right("12.3")
def window_by_window(grid, window):
    numbers = np.arange(1, grid**2 + 1).reshape(grid, grid)
    mask = np.zeros((grid**2 + 1, grid**2 + 1), bool)
    for r in range(0, grid, window):
        for c in range(0, grid, window):
            own = numbers[r : r + window, c : c + window].ravel()
            mask[np.ix_(own, own)] = True
    mask[0] = mask[:, 0] = True
    return mask


def _mask(same, *, row=True, column=True, size=1):
    """A mask from a comparison of two places (row, column) of the grid."""

    def window_mask(grid, window):
        place = np.arange(grid * grid)
        r, c = place // grid, place % grid
        r, c = (r[:, None], r[None]), (c[:, None], c[None])
        mask = np.zeros((grid * grid + size,) * 2, dtype=bool)
        mask[size:, size:] = same(r, c, grid, window)
        if size:
            mask[0, 0] = True
            mask[0, 1:], mask[1:, 0] = row, column
        return mask

    return window_mask


def _same(r, c, grid, w):
    return (r[0] // w == r[1] // w) & (c[0] // w == c[1] // w)


wrong(
    "12.3",
    "stripes of rows",
    _mask(lambda r, c, grid, w: r[0] // w == r[1] // w),
    says="as wide as the picture",
)
wrong(
    "12.3",
    "stripes of columns",
    _mask(lambda r, c, grid, w: c[0] // w == c[1] // w),
    says="as high as the picture",
)
wrong(
    "12.3",
    "runs of window patches",
    _mask(lambda r, c, grid, w: (r[0] * grid + c[0]) // w == (r[1] * grid + c[1]) // w),
    says="pieces of one row",
)
wrong(
    "12.3",
    "runs of window squared patches",
    _mask(
        lambda r, c, grid, w: (
            (r[0] * grid + c[0]) // w**2 == (r[1] * grid + c[1]) // w**2
        )
    ),
    says="cut the *sequence*",
)
wrong(
    "12.3",
    "row or column, not both",
    _mask(lambda r, c, grid, w: (r[0] // w == r[1] // w) | (c[0] // w == c[1] // w)),
    says="*or* the same column",
)
wrong(
    "12.3",
    "a window around each patch",
    _mask(lambda r, c, grid, w: (abs(r[0] - r[1]) < w) & (abs(c[0] - c[1]) < w)),
    says="neighborhood of its own",
)
wrong(
    "12.3",
    "window as the number of windows in a row",
    _mask(lambda r, c, grid, w: _same(r, c, grid, grid // w)),
    says="`window` windows in a row",
)
wrong(
    "12.3",
    "the place in the window, not the window",
    _mask(lambda r, c, grid, w: (r[0] % w == r[1] % w) & (c[0] % w == c[1] % w)),
    says="*inside* a window",
)
wrong(
    "12.3", "no row for the class token", _mask(_same, row=False), says="row 0 is True"
)
wrong(
    "12.3",
    "no column for the class token",
    _mask(_same, column=False),
    says="column 0 is True",
)
wrong(
    "12.3",
    "the class token sees itself alone",
    _mask(_same, row=False, column=False),
    says="cut off",
)
wrong(
    "12.3",
    "no class token at all",
    _mask(_same, size=0),
    says="The class token is missing",
)
wrong(
    "12.3",
    "0 and 1",
    lambda grid, w: by_loops(grid, w).astype(int),
    says="Right places, but numbers",
)
wrong(
    "12.3",
    "0.0 and 1.0",
    lambda grid, w: by_loops(grid, w).astype("float32"),
    says="Right places, but numbers",
)
wrong(
    "12.3",
    "hidden marked, not seen",
    lambda grid, w: ~by_loops(grid, w),
    says="True and False have changed places",
)
wrong(
    "12.3",
    "numbers to add to the scores",
    lambda grid, w: np.where(by_loops(grid, w), 0.0, -np.inf),
    says="numbers to add to the scores",
)


@wrong("12.3", "the class token counted as the first patch", says="one place off")
def off_by_one(grid, window):
    place = np.arange(grid * grid + 1)
    r, c = place // grid // window, place % grid // window
    mask = (r[:, None] == r) & (c[:, None] == c)
    mask[0] = mask[:, 0] = True
    return mask


# --- 12.4: the report of a partial loading ---


@right("12.4")
def by_sets(model, file):
    both = set(model) & set(file)
    return {
        "loaded": [name for name in both if model[name] == file[name]],
        "missing": list(set(model) - set(file)),
        "unexpected": list(set(file) - set(model)),
        "other shape": [name for name in both if model[name] != file[name]],
    }


@right("12.4")
def by_one_loop(model, file):
    report = {"loaded": [], "missing": [], "unexpected": [], "other shape": []}
    for name in list(model) + [name for name in file if name not in model]:
        if name not in file:
            report["missing"].append(name)
        elif name not in model:
            report["unexpected"].append(name)
        elif tuple(model[name]) == tuple(file[name]):
            report["loaded"].append(name)
        else:
            report["other shape"].append(name)
    return report


@right("12.4")
def by_get(model, file):
    loaded, missing, other = [], [], []
    for name, shape in model.items():
        found = file.get(name)
        if found is None:
            missing.append(name)
        elif found == shape:
            loaded.append(name)
        else:
            other.append(name)
    unexpected = [name for name in file if name not in model]
    return {
        "other shape": other,
        "loaded": loaded,
        "unexpected": unexpected,
        "missing": missing,
    }


@right("12.4")
def from_a_copy(model, file):
    left, report = dict(file), {}
    for kind in ("loaded", "missing", "unexpected", "other shape"):
        report[kind] = []
    for name in model:
        if name not in left:
            report["missing"] += [name]
            continue
        same = left.pop(name) == model[name]
        report["loaded" if same else "other shape"] += [name]
    report["unexpected"] = sorted(left)
    return report


@right("12.4")
def by_keys(model, file):
    common = model.keys() & file.keys()
    loaded = {name for name in common if model[name] == file[name]}
    return dict(
        loaded=sorted(loaded),
        missing=sorted(model.keys() - file.keys()),
        unexpected=sorted(file.keys() - model.keys()),
        **{"other shape": sorted(common - loaded)},
    )


def _report(model, file, **other):
    return {**by_sets(model, file), **other}


@wrong("12.4", "matched by shape, not by name", says="found by its name")
def by_shape(model, file):
    return {
        "loaded": [n for n in model if model[n] in file.values()],
        "missing": [n for n in model if model[n] not in file.values()],
        "unexpected": [n for n in file if file[n] not in model.values()],
        "other shape": [n for n in model if n in file and model[n] != file[n]],
    }


@wrong(
    "12.4", "missing only if nothing of the shape is there", says="found by its name"
)
def missing_by_shape(model, file):
    missing = [n for n in model if n not in file and model[n] not in file.values()]
    return _report(model, file, missing=missing)


@wrong("12.4", "missing names have another shape, too", says="the file lacks")
def missing_of_other_shape(model, file):
    return _report(
        model, file, **{"other shape": [n for n in model if file.get(n) != model[n]]}
    )


@wrong("12.4", "missing and unexpected exchanged", says="changed places")
def exchanged(model, file):
    return by_sets(file, model)


@wrong(
    "12.4", "another shape counts as missing and unexpected, too", says="three lists"
)
def counted_twice(model, file):
    report = by_sets(model, file)
    other = report["other shape"]
    report["missing"] = report["missing"] + other
    report["unexpected"] = report["unexpected"] + other
    return report


@wrong(
    "12.4",
    "another shape counts as missing and unexpected, and has no list",
    says="a list of its own",
)
def as_transformers_does(model, file):
    report = counted_twice(model, file)
    return {**report, "other shape": []}


@wrong("12.4", "another shape counts as loaded, too", says="two lists")
def all_common_loaded(model, file):
    return _report(model, file, loaded=[n for n in model if n in file])


@wrong("12.4", "shapes not compared", says="compare names alone")
def shapes_not_compared(model, file):
    return _report(
        model, file, loaded=[n for n in model if n in file], **{"other shape": []}
    )


@wrong("12.4", "unexpected forgotten", says="the model's names only")
def unexpected_forgotten(model, file):
    return _report(model, file, unexpected=[])


@wrong("12.4", "as many numbers count as the same shape", says="*number* of values")
def by_size(model, file):
    both = [n for n in model if n in file]
    same = [n for n in both if np.prod(model[n]) == np.prod(file[n])]
    return _report(
        model, file, loaded=same, **{"other shape": [n for n in both if n not in same]}
    )


@wrong("12.4", "as many axes count as the same shape", says="*number* of axes")
def by_axes(model, file):
    both = [n for n in model if n in file]
    same = [n for n in both if len(model[n]) == len(file[n])]
    return _report(
        model, file, loaded=same, **{"other shape": [n for n in both if n not in same]}
    )


@wrong("12.4", "names taken out of the caller's dict", says="changes what it is given")
def pops_from_the_file(model, file):
    report = {"loaded": [], "missing": [], "unexpected": [], "other shape": []}
    for name, shape in model.items():
        if name not in file:
            report["missing"].append(name)
        else:
            same = file.pop(name) == shape
            report["loaded" if same else "other shape"].append(name)
    report["unexpected"] = list(file)
    return report


@wrong("12.4", "the key with an underscore", says="exactly the keys")
def another_key(model, file):
    report = by_sets(model, file)
    report["other_shape"] = report.pop("other shape")
    return report


@wrong("12.4", "no key for an empty list", says="where a list is empty")
def no_empty_list(model, file):
    return {kind: names for kind, names in by_sets(model, file).items() if names}


@wrong("12.4", "counts in place of names", says="a list of *names*")
def counts(model, file):
    return {kind: len(names) for kind, names in by_sets(model, file).items()}


@wrong("12.4", "by place in the dicts", says="look names up")
def by_place(model, file):
    pairs = list(zip(model.items(), file.items(), strict=False))
    return {
        "loaded": [a for (a, s), (b, t) in pairs if a == b and s == t],
        "missing": [a for (a, _), (b, _) in pairs if a != b],
        "unexpected": [b for (a, _), (b, _) in pairs if a != b],
        "other shape": [a for (a, s), (b, t) in pairs if a == b and s != t],
    }


_KEPT = {"loaded": [], "missing": [], "unexpected": [], "other shape": []}


@wrong("12.4", "lists that live on from call to call")
def lists_live_on(model, file, report=_KEPT):
    for kind, names in by_sets(model, file).items():
        report[kind].extend(names)
    return report


# --- 12.5: LoRA becomes a plain layer again ---


@right("12.5")
def by_a_copy(linear, down, up, scale):
    new = copy.deepcopy(linear)
    new.weight.data = linear.weight.data + scale * (up @ down)
    return new


@right("12.5")
def a_new_layer(linear, down, up, scale):
    new = torch.nn.Linear(linear.in_features, linear.out_features)
    new.weight = torch.nn.Parameter(linear.weight + scale * up @ down)
    if linear.bias is None:
        new.bias = None
    else:
        new.bias = torch.nn.Parameter(linear.bias.clone())
    return new


@right("12.5")
def by_einsum(linear, down, up, scale):
    out, inside = linear.weight.shape
    new = nn.Linear(inside, out, bias=linear.bias is not None)
    with torch.no_grad():
        new.weight.copy_(linear.weight + scale * torch.einsum("or,ri->oi", up, down))
        if new.bias is not None:
            new.bias.copy_(linear.bias)
    return new


@right("12.5")
def by_the_unit_pictures(linear, down, up, scale):
    one = torch.eye(linear.in_features)
    change = scale * one @ down.T @ up.T  # (in, out)
    new = copy.deepcopy(linear)
    with torch.no_grad():
        new.weight.add_(change.T)
    return new


@right("12.5")
def by_addmm(linear, down, up, scale):
    new = copy.deepcopy(linear)
    new.weight.data = torch.addmm(linear.weight.data, up, down, alpha=scale)
    return new.eval()


def _lora(weight, bias=lambda linear: linear.bias):
    def merged(linear, down, up, scale):
        new = nn.Linear(linear.in_features, linear.out_features)
        new.weight = nn.Parameter(weight(linear.weight, down, up, scale).clone())
        old = bias(linear)
        new.bias = None if old is None else nn.Parameter(old.clone())
        return new

    return merged


wrong(
    "12.5",
    "no scale",
    _lora(lambda w, down, up, s: w + up @ down),
    says="without `scale`",
)
wrong(
    "12.5",
    "scale divided by the rank",
    _lora(lambda w, down, up, s: w + s / down.shape[0] * up @ down),
    says="divide by the rank",
)
wrong(
    "12.5",
    "scale on both matrices",
    _lora(lambda w, down, up, s: w + (s * up) @ (s * down)),
    says="scaled twice",
)
wrong(
    "12.5",
    "subtracted",
    _lora(lambda w, down, up, s: w - s * up @ down),
    says="You subtract the change",
)
wrong(
    "12.5",
    "the change alone",
    _lora(lambda w, down, up, s: s * up @ down),
    says="the change alone",
)
wrong(
    "12.5",
    "no bias",
    _lora(lambda w, down, up, s: w + s * up @ down, lambda linear: None),
    says="The bias is lost",
)
wrong(
    "12.5",
    "always a bias",
    _lora(
        lambda w, down, up, s: w + s * up @ down,
        lambda linear: (
            torch.zeros(linear.out_features) if linear.bias is None else linear.bias
        ),
    ),
    says="always has a bias",
)


@wrong("12.5", "in place", says="the layer that you were given")
def in_place(linear, down, up, scale):
    linear.weight.data += scale * up @ down
    return linear


@wrong("12.5", "in place, by a shallow copy", says="the layer that you were given")
def shallow(linear, down, up, scale):
    new = copy.copy(linear)
    new.weight.data.add_(scale * up @ down)
    return new


@wrong("12.5", "a module of two layers")
def sequential(linear, down, up, scale):
    return nn.Sequential(linear)


@wrong("12.5", "the matrix", says="")
def the_matrix(linear, down, up, scale):
    return linear.weight + scale * up @ down


# --- 12.6: an attention of your own ---


def _derived(mask_of, start=torch.zeros):
    class ClassBias(hf.ViTAttention):
        def __init__(self, config):
            super().__init__(config)
            self.bias = nn.Parameter(start(config.num_attention_heads))

        def forward(self, hidden_states, attention_mask=None, **kwargs):
            T = hidden_states.shape[1]
            mask = mask_of(self.bias, T, attention_mask)
            return super().forward(hidden_states, mask, **kwargs)

    return ClassBias


def _plus(mask, given):
    return mask if given is None else mask + given


@right("12.6")
class ByPadding(hf.ViTAttention):
    def __init__(self, config):
        super().__init__(config)
        self.bias = nn.Parameter(torch.zeros(self.num_attention_heads))

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        T = hidden_states.shape[1]
        mask = F.pad(self.bias.view(1, -1, 1, 1).expand(1, -1, T, 1), (0, T - 1))
        if attention_mask is not None:
            mask = mask + attention_mask
        return super().forward(hidden_states, attention_mask=mask, **kwargs)


def _by_stack(bias, T, given):
    column = bias[:, None].expand(-1, T)
    rest = torch.zeros(len(bias), T, T - 1)
    return _plus(torch.cat([column[..., None], rest], dim=-1)[None], given)


def _by_onehot(bias, T, given):
    first = F.one_hot(torch.tensor(0), T).float()
    mask = torch.einsum("h,t->ht", bias, first)[None, :, None]
    return _plus(mask.expand(1, -1, T, T), given)


def _by_writing(bias, T, given):
    mask = torch.zeros(1, len(bias), T, T)
    mask[:, :, :, 0] = bias[None, :, None]
    return _plus(mask, given)


right("12.6", _derived(_by_stack))
right("12.6", _derived(_by_onehot))
right("12.6", _derived(_by_writing))


@right("12.6")
class WrittenOut(hf.ViTAttention):
    def __init__(self, config, **options):
        super().__init__(config, **options)
        self.register_parameter(
            "bias", nn.Parameter(torch.zeros(config.num_attention_heads))
        )

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        B, T, D = hidden_states.shape
        h = self.num_attention_heads
        q = self.q_proj(hidden_states).reshape(B, T, h, -1).permute(0, 2, 1, 3)
        k = self.k_proj(hidden_states).reshape(B, T, h, -1).permute(0, 2, 3, 1)
        v = self.v_proj(hidden_states).reshape(B, T, h, -1).permute(0, 2, 1, 3)
        scores = q @ k / q.shape[-1] ** 0.5
        scores = torch.cat(
            [scores[..., :1] + self.bias[:, None, None], scores[..., 1:]], dim=-1
        )
        if attention_mask is not None:
            scores = scores + attention_mask
        weights = torch.softmax(scores, -1)
        out = (weights @ v).transpose(1, 2).flatten(2)
        return self.o_proj(out), weights


def _at(place, value=1):
    def mask_of(bias, T, given):
        mask = torch.zeros(1, len(bias), T, T)
        where = torch.zeros(T, T)
        where[place] = value
        return _plus(mask + bias[None, :, None, None] * where, given)

    return _derived(mask_of)


ALL = slice(None)
wrong("12.6", "the row of the class token", _at((0, ALL)), says="change nothing")
wrong("12.6", "every score", _at((ALL, ALL)), says="change nothing")
wrong("12.6", "the class token at itself", _at((0, 0)), says="Only one score")
wrong("12.6", "the patches", _at((ALL, slice(1, None))), says="the wrong way round")
wrong("12.6", "the last token", _at((ALL, -1)), says="The last token")
wrong("12.6", "subtracted", _at((ALL, 0), -1), says="wrong way round")
wrong("12.6", "starts at one", _derived(_by_writing, torch.ones), says="start at 1")
wrong(
    "12.6", "starts at random", _derived(_by_writing, torch.randn), says="Start at zero"
)
wrong(
    "12.6",
    "the given mask is lost",
    _derived(lambda bias, T, given: _by_writing(bias, T, None)),
    says="gets lost",
)


@wrong("12.6", "one number", says="One number for all heads")
class OneNumber(hf.ViTAttention):
    def __init__(self, config):
        super().__init__(config)
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        T = hidden_states.shape[1]
        mask = _by_writing(
            self.bias.expand(self.num_attention_heads), T, attention_mask
        )
        return super().forward(hidden_states, mask, **kwargs)


@wrong("12.6", "a tensor, no parameter", says="no parameter")
class PlainTensor(hf.ViTAttention):
    def __init__(self, config):
        super().__init__(config)
        self.bias = torch.zeros(config.num_attention_heads)

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        T = hidden_states.shape[1]
        mask = _by_writing(self.bias, T, attention_mask)
        return super().forward(hidden_states, mask, **kwargs)


@wrong("12.6", "never used", says="no score gets it")
class NeverUsed(hf.ViTAttention):
    def __init__(self, config):
        super().__init__(config)
        self.bias = nn.Parameter(torch.zeros(config.num_attention_heads))


@wrong("12.6", "an object of the class")
class NotDerived(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(config.num_attention_heads))
