"""Exercises of notebook 12: freezing, attentions, windows, loading, LoRA, a bias."""

import copy

import numpy as np
import torch
from torch import nn
from transformers import AttentionInterface, ViTConfig, ViTForImageClassification
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.vit import modeling_vit as hf

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

# --- 12.1 Nothing was frozen ------------------------------------------------------


def freeze(model, n):
    model.vit.embeddings.requires_grad_(False)
    for block in model.vit.layers[:n]:
        block.requires_grad_(False)


def _small_vit():
    config = ViTConfig(
        image_size=4,
        patch_size=2,
        hidden_size=4,
        num_hidden_layers=12,  # two digits: block 1 is not block 10 or 11
        num_attention_heads=1,
        intermediate_size=4,
        num_labels=3,
    )
    return ViTForImageClassification(config)


def _what_trains(answer, n, frozen_before):
    """Return for the parts of a ViT with twelve blocks what will be trained."""
    model = _small_vit()
    for part in frozen_before:
        model.get_submodule(part).requires_grad_(False)
    answer(model, n)
    trained, frozen = {}, {}
    for name, parameter in model.named_parameters():
        words = name.removeprefix("vit.").split(".")
        part = " ".join(words[:2]) if words[0] == "layers" else words[0]
        found = trained if parameter.requires_grad else frozen
        found.setdefault(part, []).append(words[-2] + "." + words[-1])
    parts = {
        "frozen": ", ".join(part for part in frozen if part not in trained),
        "frozen in part": {p: frozen[p] for p in frozen if p in trained},
        "trained": ", ".join(part for part in trained if part not in frozen),
    }
    hung = any("requires_grad" in vars(module) for module in model.modules())
    if hung and "embeddings" in trained:
        parts["new attribute of a module"] = "requires_grad"
    return {what: found or "nothing" for what, found in parts.items()}


def _freezing(blocks=lambda layers, n: layers[:n], embeddings=True, rest=()):
    def freeze(model, n):
        model.vit.embeddings.requires_grad_(not embeddings)
        for block in blocks(list(model.vit.layers), n):
            block.requires_grad_(False)
        for part in rest:
            model.get_submodule(part).requires_grad_(False)

    return freeze


def _by_children(model, n):
    for child in list(model.children())[:-2]:
        child.requires_grad_(False)


def _by_attribute(model, n):
    for part in (model.vit.embeddings, *model.vit.layers[:n]):
        part.requires_grad = False


def _thawing(model, n):
    model.requires_grad_(True)
    freeze(model, n)


def _thawing_above(model, n):
    freeze(model, n)
    for block in model.vit.layers[n:]:
        block.requires_grad_(True)


def _old_path(model, n):
    model.vit.embeddings.requires_grad_(False)
    model.vit.encoder.layer[:n].requires_grad_(False)


def _parts_of_backbone(more):
    def freeze(model, n):
        for part in list(model.vit.children())[: n + more]:
            part.requires_grad_(False)

    return freeze


def _weights_only(model, n):
    for part in (model.vit.embeddings, *model.vit.layers[:n]):
        for name, parameter in part.named_parameters():
            if "weight" in name:
                parameter.requires_grad_(False)


def _patches_only(model, n):
    for part in (model.vit.embeddings.patch_embeddings, *model.vit.layers[:n]):
        part.requires_grad_(False)


def _by_prefix(model, n):
    low = ("vit.embeddings", *(f"vit.layers.{i}" for i in range(n)))
    for name, parameter in model.named_parameters():
        if name.startswith(low):
            parameter.requires_grad_(False)


def _first_parameters(model, n):
    for parameter in list(model.parameters())[:n]:
        parameter.requires_grad_(False)


def _by_parameters(model, n):
    parts = [model.vit.embeddings, *list(model.vit.layers)[:n]]
    for parameter in (p for part in parts for p in part.parameters()):
        parameter.requires_grad = False
    return model


def _by_names(model, n):
    for name, parameter in model.named_parameters():
        words = name.split(".")
        if words[1] == "embeddings" or (words[1] == "layers" and int(words[2]) < n):
            parameter.requires_grad = False


FREEZE = Exercise(
    id="12.1",
    title="Spot the bug: nothing was frozen",
    solution=freeze,
    cases=(
        (2, ()),
        (5, ()),
        (1, ("vit.layers.11", "classifier")),
        (0, ("vit.layers.3", "vit.layernorm")),
    ),
    probe=_what_trains,
    mistakes=(
        Mistake(
            _by_children,
            "Your function freezes nothing in the model it is given. (The model has "
            "only two children, `vit` and `classifier`; `eval()` and `no_grad` freeze "
            "no parameter; a copy is not the model.)",
        ),
        Mistake(
            _by_attribute,
            "Nothing new is frozen: `block.requires_grad = False` only hangs an "
            "attribute on the module. The method with the underscore, "
            "`requires_grad_`, reaches its parameters.",
        ),
        Mistake(
            _freezing(embeddings=False),
            "The embeddings lie below the first block and are still trained.",
        ),
        Mistake(
            _freezing(lambda layers, n: ()),
            "Only the embeddings are frozen; the first n blocks are still trained.",
        ),
        Mistake(
            _thawing,
            "You also thaw what was frozen before you came. The rest is to be left "
            "alone: do not set it to True either.",
        ),
        Mistake(
            _weights_only,
            "Only what is called `weight` is frozen. The biases, the class token and "
            "the positions are parameters as well, and still trained.",
        ),
        Mistake(
            _patches_only,
            "Of the embeddings you freeze only the patches; the class token and the "
            "positions are still trained.",
        ),
        Mistake(
            _old_path,
            "That path is from old tutorials; a `ViTModel` of today has no `encoder`. "
            "Print `model` and look for the blocks.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[-n:]),
            "You freeze the *last* n blocks. The first ones hold what all pictures "
            "share; those are to stay.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[: n + 1]),
            "You freeze one block too many.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[1 : n + 1]),
            "You count blocks from 1, so the lowest one is still trained. The first "
            "block has number 0.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[n : n + 1]),
            "Of the blocks you freeze only the one with number n, not all below it.",
        ),
        Mistake(
            _parts_of_backbone(0),
            "You count the children of `model.vit`, but these are embeddings, all "
            "blocks together, and the last norm. `n` counts single blocks.",
        ),
        Mistake(
            _parts_of_backbone(1),
            "You freeze children of `model.vit`, and the second of them holds *all* "
            "blocks. `n` counts single blocks.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[: max(n - 1, 0)]),
            "You freeze one block too few: the first n are blocks 0 to n - 1.",
        ),
        Mistake(
            _by_prefix,
            "Block 10 is frozen with block 1: their names begin alike. Compare the "
            "number, or end the prefix with a dot.",
        ),
        Mistake(
            _first_parameters,
            "`n` counts blocks, and each block holds many parameters.",
        ),
        Mistake(
            lambda model, n: model.requires_grad_(False),
            "The head is frozen, too: nothing is left to train.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[:-n]),
            "You freeze all blocks *but* n.",
        ),
        Mistake(
            lambda model, n: model.vit.requires_grad_(False),
            "The whole backbone is frozen, whatever n is.",
        ),
        Mistake(
            _freezing(rest=["vit.layernorm"]),
            "The last layer norm stands above the blocks and is none of the parts to "
            "freeze.",
        ),
        Mistake(
            _freezing(rest=["classifier"]),
            "The head is frozen, too, which is new and has to learn. Leave it as it "
            "is.",
        ),
        Mistake(
            _freezing(lambda layers, n: [block.attention for block in layers[:n]]),
            "Of the first n blocks you freeze the attention only. Their norms and "
            "their MLPs are still trained.",
        ),
        Mistake(
            _thawing_above,
            "You also thaw the blocks above. The rest is to be left alone: do not set "
            "it to True either.",
        ),
    ),
    hints=(
        "Print `[name for name, _ in model.named_children()]`. How many are there?",
        "The blocks are in `model.vit.layers`; what comes before them is "
        "`model.vit.embeddings`.",
        "`module.requires_grad_(False)` freezes all parameters in a module.",
    ),
    because="Count what will be trained before you train: "
    "`sum(p.numel() for p in model.parameters() if p.requires_grad)`.",
    alternatives=(_by_parameters, _by_names),
)


# --- 12.2 A type that nobody reads ------------------------------------------------


def use_attention(model, name):
    model.set_attn_implementation(name)


def _even(module, query, key, value, attention_mask, **unused):
    """Every query reads the mean of all values."""
    mean = value.mean(dim=2, keepdim=True).expand_as(query)
    return mean.transpose(1, 2), None


def _itself(module, query, key, value, attention_mask, **unused):
    """Every query reads its own value."""
    return value.transpose(1, 2), None


_KINDS = {"even": _even, "itself": _itself}


def _vit(blocks=2, heads=2, seed=0):
    """Return a tiny ViT in which every weight differs from zero."""
    config = ViTConfig(
        image_size=6,
        patch_size=2,
        hidden_size=8,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        intermediate_size=8,
        num_labels=3,
    )
    torch.manual_seed(seed)
    model = ViTForImageClassification(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.7 * torch.randn(weight.shape))
    return model


@torch.no_grad()
def _kind_of(model, own, images):
    """Say which attention a model computes with; ``own`` has the same weights."""
    try:
        logits = model(images).logits
    except KeyError:
        return "none that is registered"
    for name in ("sdpa", *_KINDS):
        own.set_attn_implementation(name)
        if torch.allclose(own(images).logits, logits, atol=1e-5):
            return "softmax" if name == "sdpa" else name
    return "another one"


def _probe_attention(answer, name):
    """Let an answer change one of two models, and see what both compute with."""
    before = dict(ALL_ATTENTION_FUNCTIONS.items())
    images = torch.linspace(-2, 2, 2 * 3 * 36).reshape(2, 3, 6, 6).sin()
    try:
        for kind, function in _KINDS.items():
            AttentionInterface.register(kind, function)
        model, other = _vit(seed=1), _vit(seed=2)
        same, same_other = _vit(seed=1), _vit(seed=2)
        if name not in _KINDS:
            try:
                answer(model, name)
            except ValueError:
                return {"an unknown name": "ValueError"}
            except Exception as error:
                return {"an unknown name": type(error).__name__}
            found = _kind_of(model, same, images)
            return {"an unknown name": f"no error; the model computes with {found}"}
        answer(model, name)
        functions = dict(ALL_ATTENTION_FUNCTIONS.items())
        _register(before | _KINDS)
        found = _kind_of(model, same, images)
        _register(functions)
        return {
            "the model computes with": found,
            "a model that was there before": "changed"
            if functions.get("sdpa") is not before["sdpa"]
            else _kind_of(other, same_other, images),
        }
    finally:
        _register(before)


def _register(functions):
    for name, function in functions.items():
        AttentionInterface.register(name, function)


def _by_setting(setting):
    def use_attention(model, name):
        setattr(model.config, setting, name)

    return use_attention


def _for_all_models(model, name):
    if name not in ALL_ATTENTION_FUNCTIONS.keys():
        raise ValueError(name)
    AttentionInterface.register("sdpa", ALL_ATTENTION_FUNCTIONS[name])


def _of_a_copy(model, name):
    model = copy.deepcopy(model)
    model.set_attn_implementation(name)
    return model


def _of_the_first_block(model, name):
    if name not in ALL_ATTENTION_FUNCTIONS.keys():
        raise ValueError(name)
    model.vit.layers[0].attention.config = copy.deepcopy(model.config)
    model.vit.layers[0].attention.config._attn_implementation = name


def _never_refuses(model, name):
    model.config._attn_implementation = name


def _other_error(model, name):
    _register({"now": ALL_ATTENTION_FUNCTIONS[name]})  # a KeyError for unknown names
    model.set_attn_implementation(name)


def _falls_back(model, name):
    known = name in ALL_ATTENTION_FUNCTIONS.keys()
    model.set_attn_implementation(name if known else "sdpa")


def _asks_first(model, name):
    if name not in ALL_ATTENTION_FUNCTIONS.keys():
        raise ValueError(f"{name} is not registered")
    model.config._attn_implementation = name


TYPE = Exercise(
    id="12.2",
    title="Spot the bug: a type that nobody reads",
    solution=use_attention,
    cases=(("even",), ("itself",), ("no-such-attention",)),
    probe=_probe_attention,
    mistakes=(
        Mistake(
            _by_setting("attention_type"),
            "Nothing changes: no line of the library reads the setting that you "
            "write. A configuration takes any name without a word.",
        ),
        Mistake(
            _of_a_copy,
            "The model that you were given computes as before: you changed a copy. "
            "Change the model itself.",
        ),
        Mistake(
            _for_all_models,
            "You put the function in the place of another one in the *interface*, so "
            "every model in this process computes with it.",
        ),
        Mistake(
            _of_the_first_block,
            "Only some of the blocks changed. Each attention reads the configuration "
            "that it holds.",
        ),
        Mistake(
            _never_refuses,
            "An unknown name is taken without a word, and the model breaks at its "
            "next picture. Refuse it at once, with a `ValueError`.",
        ),
        Mistake(
            _other_error,
            "An unknown name raises a `KeyError`. Asked is a `ValueError`, which the "
            "method of the model raises by itself.",
        ),
        Mistake(
            _falls_back,
            "An unknown name quietly becomes softmax attention. That is the bug once "
            "more: refuse it with a `ValueError`.",
        ),
    ),
    hints=(
        "Which setting does a block read? Print `model.config._attn_implementation`.",
        "A model has a method that changes its attention and checks the name.",
        'The lesson calls it: `model.set_attn_implementation("linear")`.',
    ),
    because="A setting that nobody reads raises no error, so a setting is believed "
    "only when the logits have changed.",
    alternatives=(_asks_first,),
)


# --- 12.3 Who sees whom in windows ------------------------------------------------


def window_mask(grid, window):
    row, column = np.divmod(np.arange(grid * grid), grid)
    home = row // window * grid + column // window  # (N,), which window
    mask = np.ones((grid * grid + 1, grid * grid + 1), dtype=bool)
    mask[1:, 1:] = home[:, None] == home
    return mask


def _mask_probe(answer, grid, window):
    found = np.asarray(answer(grid, window))
    kind = "True and False" if found.dtype == bool else "numbers"
    return {"mask of": kind, "mask": found.astype(float)}


def _masks(home, class_sees=True, class_seen=True):
    def window_mask(grid, window):
        row, column = np.divmod(np.arange(grid * grid), grid)
        mask = np.ones((grid * grid + 1, grid * grid + 1), dtype=bool)
        mask[0, 1:], mask[1:, 0] = class_sees, class_seen
        mask[1:, 1:] = home(row, column, grid, window)
        return mask

    return window_mask


def _same(row, column, grid, window):
    home = row // window * grid + column // window
    return home[:, None] == home


def _equal(numbers):
    """Let patches see each other whose numbers, of (row, column, ...), are equal."""

    def home(*arguments):
        of_patch = numbers(*arguments)
        return of_patch[:, None] == of_patch

    return home


def _class_token_is_a_patch(grid, window):
    row, column = np.divmod(np.arange(grid * grid + 1), grid)
    mask = _same(row, column, 2 * grid, window)
    mask[0] = mask[:, 0] = True
    return mask


def _mask_by_loops(grid, window):
    mask = []
    for query in range(-1, grid * grid):
        for key in range(-1, grid * grid):
            inside = query // grid // window == key // grid // window and (
                query % grid // window == key % grid // window
            )
            mask.append(query < 0 or key < 0 or inside)
    return np.reshape(mask, (grid * grid + 1, -1))


def _mask_by_kron(grid, window):
    n = grid // window
    line = np.kron(np.eye(n), np.ones((window, window)))
    return np.pad(np.kron(line, line), ((1, 0), (1, 0)), constant_values=1) > 0


MASK = Exercise(
    id="12.3",
    title="Who sees whom in windows",
    solution=window_mask,
    cases=((2, 1), (4, 2), (2, 2), (6, 3), (6, 2)),
    probe=_mask_probe,
    mistakes=(
        Mistake(
            _masks(_equal(lambda r, c, g, w: (r * g + c) // w**2)),
            "You cut the *sequence* of patches into pieces. A window is a square of "
            "the picture: its rows lie `grid` patches apart in the sequence.",
        ),
        Mistake(
            _masks(_equal(lambda r, c, g, w: (r * g + c) // w)),
            "Your windows are pieces of one row, `window` patches long. A window has "
            "`window` rows as well.",
        ),
        Mistake(
            _masks(_equal(lambda r, c, g, w: r // w)),
            "Your windows are as wide as the picture: compare the columns too.",
        ),
        Mistake(
            _masks(_equal(lambda r, c, g, w: c // w)),
            "Your windows are as high as the picture: compare the rows too.",
        ),
        Mistake(
            _masks(
                lambda r, c, g, w: (
                    (r[:, None] // w == r // w) | (c[:, None] // w == c // w)
                )
            ),
            "You ask for the same row of windows *or* the same column. A window needs "
            "both.",
        ),
        Mistake(
            _masks(_equal(lambda r, c, g, w: r % w * g + c % w)),
            "`%` gives the place *inside* a window; `//` gives the window.",
        ),
        Mistake(
            _masks(lambda r, c, g, w: _same(r, c, g, g // w)),
            "You make `window` windows in a row. It is their side, in patches.",
        ),
        Mistake(
            _masks(_equal(lambda r, c, g, w: r // w + c // w)),
            "Two windows get the same name: 0 + 1 and 1 + 0. Multiply the row of the "
            "window by the number of windows in a row, or by anything larger.",
        ),
        Mistake(
            _masks(
                lambda r, c, g, w: (
                    np.maximum(abs(r[:, None] - r), abs(c[:, None] - c)) < w
                )
            ),
            "You give each patch a neighborhood of its own, which slides. Windows lie "
            "fixed, side by side.",
        ),
        Mistake(
            _masks(_same, class_sees=False),
            "The class token must see all tokens: row 0 is True everywhere.",
        ),
        Mistake(
            _masks(_same, class_seen=False),
            "All tokens must see the class token: column 0 is True everywhere. Without "
            "it nothing passes from window to window.",
        ),
        Mistake(
            _masks(_same, class_sees=False, class_seen=False),
            "The class token is cut off: it should see all tokens (row 0) and be seen "
            "by all (column 0).",
        ),
        Mistake(
            _class_token_is_a_patch,
            "The class token has a number of the grid, so every patch is one place "
            "off. Patch i is token i + 1.",
        ),
        Mistake(
            lambda grid, window: window_mask(grid, window).astype(int),
            "Right places, but numbers: `mask & other` and `mask[...]` do other things "
            "with 0 and 1. Give True and False.",
        ),
        Mistake(
            lambda grid, window: np.where(window_mask(grid, window), 0, -np.inf),
            "These are numbers to add to the scores. They come later, where the mask "
            "is used; give True and False.",
        ),
        Mistake(
            lambda grid, window: ~window_mask(grid, window),
            "True and False have changed places: True is to mean *may see*.",
        ),
        Mistake(
            lambda grid, window: window_mask(grid, window)[1:, 1:],
            "The class token is missing: with N patches the mask has N + 1 rows.",
        ),
    ),
    hints=(
        "Patch number i lies in row `i // grid` and column `i % grid`.",
        "Two patches share a window if `row // window` *and* `column // window` agree.",
        "Start with a mask of True of shape (N + 1, N + 1), and write the comparison "
        "of patches into `mask[1:, 1:]`.",
    ),
    because="Each row has the same number of True but the first, which is why windows "
    "can be computed as small tables side by side.",
    alternatives=(_mask_by_loops, _mask_by_kron),
)


# --- 12.4 The report of a partial loading -----------------------------------------


def loading_report(model, file):
    shared = model.keys() & file.keys()
    fits = {name for name in shared if model[name] == file[name]}
    return {
        "loaded": sorted(fits),
        "missing": sorted(model.keys() - file.keys()),
        "unexpected": sorted(file.keys() - model.keys()),
        "other shape": sorted(shared - fits),
    }


def _report_probe(answer, model, file):
    found = answer(model, file)
    wanted = ["loaded", "missing", "unexpected", "other shape"]
    if not isinstance(found, dict) or sorted(found) != sorted(wanted):
        raise NotAnAnswer(
            "Return a dict with exactly the keys 'loaded', 'missing', 'unexpected' and "
            "'other shape', also where a list is empty."
        )
    if not all(isinstance(names, list) for names in found.values()):
        raise NotAnAnswer("Give a list of *names* under each of the four keys.")
    return {key: ", ".join(sorted(found[key])) or "none" for key in wanted}


def _swapped(model, file):
    return loading_report(file, model)


def _by_name_alone(model, file):
    report = loading_report(model, file)
    report["loaded"] = sorted(report["loaded"] + report["other shape"])
    return {**report, "other shape": []}


def _twice(model, file):
    report = loading_report(model, file)
    return {**report, "loaded": sorted(report["loaded"] + report["other shape"])}


def _misfits_missing(model, file):
    report = loading_report(model, file)
    for key in ("missing", "unexpected"):
        report[key] = sorted(report[key] + report["other shape"])
    return {**report, "other shape": []}


def _by_size(model, file):
    report = loading_report(model, file)
    fit = [
        name
        for name in report["other shape"]
        if np.prod(model[name]) == np.prod(file[name])
    ]
    odd = [name for name in report["other shape"] if name not in fit]
    return {**report, "loaded": sorted(report["loaded"] + fit), "other shape": odd}


def _by_axes(model, file):
    report = loading_report(model, file)
    both = sorted(report["loaded"] + report["other shape"])
    fit = [name for name in both if len(model[name]) == len(file[name])]
    odd = [name for name in both if name not in fit]
    return {**report, "loaded": fit, "other shape": odd}


def _by_shape(model, file):
    has, gets = list(model.values()), list(file.values())
    return {
        **loading_report(model, file),
        "loaded": [name for name in model if model[name] in gets],
        "missing": [name for name in model if model[name] not in gets],
        "unexpected": [name for name in file if file[name] not in has],
    }


def _missing_by_shape(model, file):
    report = loading_report(model, file)
    shapes = list(file.values())
    missing = [name for name in report["missing"] if model[name] not in shapes]
    return {**report, "missing": missing}


def _misfits_thrice(model, file):
    report = loading_report(model, file)
    odd = report["other shape"]
    return {**_misfits_missing(model, file), "other shape": odd}


def _missing_of_other_shape(model, file):
    odd = [name for name in model if file.get(name) != model[name]]
    return {**loading_report(model, file), "other shape": odd}


def _by_place(model, file):
    pairs = list(zip(model, file, strict=False))
    same = [name for name, other in pairs if name == other]
    return {
        "loaded": [name for name in same if model[name] == file[name]],
        "missing": [name for name, other in pairs if name != other],
        "unexpected": [other for name, other in pairs if name != other],
        "other shape": [name for name in same if model[name] != file[name]],
    }


def _forgets_the_file(model, file):
    return {**loading_report(model, file), "unexpected": []}


def _report_by_loop(model, file):
    report = {"loaded": [], "missing": [], "unexpected": [], "other shape": []}
    for name in {**model, **file}:
        if name not in file:
            report["missing"].append(name)
        elif name not in model:
            report["unexpected"].append(name)
        else:
            fits = tuple(model[name]) == tuple(file[name])
            report["loaded" if fits else "other shape"].append(name)
    return report


_SHAPE_FOR_NAME = (
    "You look for the *shape* of a weight in the file. Many weights share a shape; a "
    "weight is found by its name."
)
_FILE = {"norm": (4,), "head": (4, 60), "query": (4, 4)}

REPORT = Exercise(
    id="12.4",
    title="The report of a partial loading",
    solution=loading_report,
    cases=(
        ({"norm": (4,), "bias": (2, 9)}, {"norm": (4,), "pooler": (4, 3)}),
        ({"norm": (4,), "head": (4, 10), "query": (4, 4)}, _FILE),
        ({"norm": (4,), "expand": (4, 8)}, {"norm": (4,), "expand": (8, 4)}),
        ({"norm_1": (4,), "query": (4, 4)}, {"query": (4, 4), "norm_2": (4,)}),
        ({"place": (9, 8), "query": (4, 4)}, {"place": (3, 4), "query": (4, 2, 2)}),
        ({}, _FILE),
        (_FILE, _FILE),
    ),
    probe=_report_probe,
    mistakes=(
        Mistake(
            _swapped,
            "*Missing* and *unexpected* have changed places. The words are the "
            "model's: it misses what the file lacks, and does not expect what it has "
            "no place for.",
        ),
        Mistake(
            _by_name_alone,
            "You compare names alone. A weight of another shape cannot be loaded; it "
            "belongs in 'other shape'.",
        ),
        Mistake(
            _twice,
            "A weight of another shape stands in two lists: it is not loaded.",
        ),
        Mistake(
            _misfits_missing,
            "A weight of another shape is neither missing nor unexpected: both sides "
            "know its name. It has a list of its own.",
        ),
        Mistake(
            _by_size,
            "You compare the *number* of values. (4, 8) and (8, 4) hold 32 each, and "
            "mean different things; compare the shapes.",
        ),
        Mistake(
            _by_axes,
            "You compare the *number* of axes. Compare the shapes themselves.",
        ),
        Mistake(_by_shape, _SHAPE_FOR_NAME),
        Mistake(_missing_by_shape, _SHAPE_FOR_NAME),
        Mistake(
            _misfits_thrice,
            "A weight of another shape stands in three lists. It is neither missing "
            "nor unexpected: both sides know its name.",
        ),
        Mistake(
            _missing_of_other_shape,
            "'other shape' also names weights that the file lacks. They are missing, "
            "and each name stands in one list only.",
        ),
        Mistake(
            _by_place,
            "You compare the first name with the first, the second with the second. "
            "The dicts may have other orders and lengths: look names up.",
        ),
        Mistake(
            _forgets_the_file,
            "You walk through the model's names only, and never see what else is in "
            "the file.",
        ),
    ),
    hints=(
        "Both arguments are dicts from a name to a shape. `a.keys() - b.keys()` gives "
        "the names that only `a` has.",
        "Missing: in the model, not in the file. Unexpected: the other way round.",
        "The names in both fall into two lists, by whether the shapes are equal.",
    ),
    because="Each name stands in exactly one list, so the four lengths add up to the "
    "number of different names: nothing can get lost without a word.",
    alternatives=(_report_by_loop,),
)


# --- 12.5 LoRA becomes a plain layer again ----------------------------------------


def merged(linear, down, up, scale):
    weight = linear.weight + scale * up @ down  # (out, r) @ (r, in)
    plain = torch.nn.Linear(*weight.T.shape, bias=linear.bias is not None)
    plain.load_state_dict({**linear.state_dict(), "weight": weight})
    return plain


def _probe_merged(answer, inside, outside, rank, bias, scale):
    """Merge a small LoRA, and see what the layer gives."""
    torch.manual_seed(0)
    linear = nn.Linear(inside, outside, bias=bias).requires_grad_(False)
    down, up = torch.randn(rank, inside), torch.randn(outside, rank)
    given = [w.clone() for w in (*linear.parameters(), down, up)]
    plain = answer(linear, down, up, scale)
    if not isinstance(plain, nn.Linear):
        raise NotAnAnswer(
            f"Return a `torch.nn.Linear`. You returned {type(plain).__name__}."
        )
    now = (*linear.parameters(), down, up)
    kept = all(map(torch.equal, given, now))
    x = torch.linspace(-1, 1, 2 * inside).reshape(2, inside)
    with torch.no_grad():
        outputs = plain(x).numpy()
    return {
        "what was given": "kept" if kept and plain is not linear else "changed",
        "bias": "none" if plain.bias is None else "one",
        "outputs": outputs,
    }


def _merging(change, bias=lambda bias, change: bias):
    """Merge with another change of the weights or the bias."""

    def merged(linear, down, up, scale):
        plain = copy.deepcopy(linear)
        with torch.no_grad():
            plain.weight += change(down, up, scale)
            if linear.bias is not None:
                plain.bias.copy_(bias(linear.bias, change(down, up, scale)))
        return plain

    return merged


def _in_place(linear, down, up, scale):
    with torch.no_grad():
        linear.weight += scale * up @ down
    return linear


def _change_alone(linear, down, up, scale):
    plain = copy.deepcopy(linear)
    with torch.no_grad():
        plain.weight.copy_(scale * up @ down)
    return plain


def _no_bias(linear, down, up, scale):
    plain = nn.Linear(linear.in_features, linear.out_features, bias=False)
    with torch.no_grad():
        plain.weight.copy_(linear.weight + scale * up @ down)
    return plain


def _always_a_bias(linear, down, up, scale):
    plain = nn.Linear(linear.in_features, linear.out_features)
    with torch.no_grad():
        plain.weight.copy_(linear.weight + scale * up @ down)
        plain.bias.zero_()
        if linear.bias is not None:
            plain.bias.copy_(linear.bias)
    return plain


def _shares_the_weight(linear, down, up, scale):
    plain = copy.copy(linear)
    plain.weight.data += scale * up @ down
    return plain


def _from_scratch(linear, down, up, scale):
    plain = nn.Linear(linear.in_features, linear.out_features, linear.bias is not None)
    state = dict(linear.state_dict())
    state["weight"] = state["weight"] + scale * (down.T @ up.T).T
    plain.load_state_dict(state)
    return plain


_TOUCHED = (
    "You change the layer that you were given. Make a new one; somebody may still "
    "need the old."
)

MERGE = Exercise(
    id="12.5",
    title="LoRA becomes a plain layer again",
    solution=merged,
    cases=(
        (4, 3, 2, True, 0.5),
        (3, 5, 1, False, 2.0),
        (4, 4, 3, True, 3.0),
    ),
    probe=_probe_merged,
    mistakes=(
        Mistake(_in_place, _TOUCHED),
        Mistake(_shares_the_weight, _TOUCHED),
        Mistake(
            _merging(lambda down, up, scale: up @ down),
            "The change is added without `scale`.",
        ),
        Mistake(
            _merging(lambda down, up, scale: scale / len(down) * up @ down),
            "You divide by the rank once more; `scale` is alpha / r already.",
        ),
        Mistake(
            _merging(lambda down, up, scale: scale**2 * up @ down),
            "The change is scaled twice.",
        ),
        Mistake(
            _merging(lambda down, up, scale: -scale * up @ down),
            "You subtract the change. LoRA adds it.",
        ),
        Mistake(
            _change_alone,
            "That is the change alone. The frozen weight belongs to it: their sum is "
            "the new weight.",
        ),
        Mistake(
            _no_bias,
            "The bias is lost. It was frozen, not absent: the new layer has the same.",
        ),
        Mistake(
            _always_a_bias,
            "Your layer always has a bias. A `Linear` without one stays without.",
        ),
        Mistake(
            _merging(
                lambda down, up, scale: scale * up @ down,
                lambda bias, change: bias + change.sum(dim=1),
            ),
            "The bias has changed. LoRA adds nothing to it.",
        ),
    ),
    hints=(
        "`linear(x) + scale * x @ down.T @ up.T` is one product of `x`. With what?",
        "`up @ down` has the shape of `linear.weight`: (out, in).",
        "`copy.deepcopy(linear)` gives a new layer with the same bias, or none; so "
        "does `load_state_dict` into a new `torch.nn.Linear`.",
    ),
    because="A change of low rank is a matrix like any other, so after learning it "
    "costs nothing: the merged model has the size and the speed of the old one.",
    alternatives=(_from_scratch,),
)

# --- 12.6 An attention of your own ------------------------------------------------


class ClassBias(hf.ViTAttention):
    def __init__(self, config):
        super().__init__(config)
        zeros = torch.zeros(config.num_attention_heads)
        self.bias = torch.nn.Parameter(zeros)

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        T = hidden_states.shape[1]
        bias = self.bias[None, :, None, None]  # (1, h, 1, 1)
        bias = torch.nn.functional.pad(bias, (0, T - 1))  # (1, h, 1, T)
        if attention_mask is not None:
            bias = bias + attention_mask
        return super().forward(hidden_states, bias, **kwargs)


def _probe_class_bias(answer, heads, implementation):
    """Put an attention into a model, load a file into it, and set its biases."""
    if not (isinstance(answer, type) and issubclass(answer, hf.ViTAttention)):
        raise NotAnAnswer(
            "Give the class itself, derived from `hf.ViTAttention`, without calling it."
        )
    model = _vit(heads=heads)
    model.set_attn_implementation(implementation)
    file = {k: w.clone() for k, w in model.state_dict().items()}
    for block in model.vit.layers:
        block.attention = answer(model.config).eval()
    found = model.load_state_dict(file, strict=False)
    blocks = [block.attention for block in model.vit.layers]
    bias = getattr(blocks[0], "bias", None)
    if not isinstance(bias, torch.Tensor):
        raise NotAnAnswer("Your class has no tensor `bias`. `__init__` makes it.")
    images = torch.linspace(-2, 2, 2 * 3 * 36).reshape(2, 3, 6, 6).sin()
    before = model(images).logits
    result = {
        "missing after loading": ", ".join(found.missing_keys) or "nothing",
        "shape of the bias": np.array(bias.shape),
        "logits at the start": before.detach().numpy(),
    }
    for i, layer in enumerate(blocks):
        values = torch.linspace(-2, 3 + i, layer.bias.numel()).reshape(layer.bias.shape)
        layer.bias.data.copy_(values)
    after = model(images).logits
    result["logits with biases"] = after.detach().numpy()
    x = torch.linspace(-1, 1, 2 * 10 * 8).reshape(2, 10, 8).cos()
    hidden = torch.zeros(2, 1, 10, 10)
    hidden[..., 4:] = -1e4
    result["with a mask"] = blocks[0](x, hidden)[0].detach().numpy()
    learns = isinstance(layer.bias, nn.Parameter) and after.requires_grad
    if learns:
        (slope,) = torch.autograd.grad(after.sum(), layer.bias, allow_unused=True)
        learns = slope is not None
    result["the bias learns"] = str(learns)
    return result


def _adding(place, start=torch.zeros, mask_too=True, sign=1, shape=None):
    """Derive an attention that adds its bias at a place of the scores."""

    class ClassBias(hf.ViTAttention):
        def __init__(self, config):
            super().__init__(config)
            count = config.num_attention_heads
            self.bias = nn.Parameter(start(*(shape or (count,))))

        def forward(self, hidden_states, attention_mask=None, **kwargs):
            B, T, _ = hidden_states.shape
            bias = self.bias[None, :, None, None]
            where = torch.zeros(T, T)
            where[place] = sign
            mask = bias * where
            mask = mask.expand(B, self.num_attention_heads, T, T)
            if mask_too and attention_mask is not None:
                mask = mask + attention_mask
            return super().forward(hidden_states, mask, **kwargs)

    return ClassBias


class _Buffer(ClassBias):
    def __init__(self, config):
        hf.ViTAttention.__init__(self, config)
        self.register_buffer("bias", torch.zeros(config.num_attention_heads))


class _NoParameter(ClassBias):
    def __init__(self, config):
        hf.ViTAttention.__init__(self, config)
        self.bias = torch.zeros(config.num_attention_heads)


class _Unused(ClassBias):
    def forward(self, hidden_states, attention_mask=None, **kwargs):
        return hf.ViTAttention.forward(self, hidden_states, attention_mask, **kwargs)


class _OnTheKeys(ClassBias):
    """Adds to the output, where it is no score."""

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        out, A = hf.ViTAttention.forward(self, hidden_states, attention_mask, **kwargs)
        each = self.bias.repeat_interleave(self.head_dim)
        return out + each, A


class _WholeMatrix(hf.ViTAttention):
    """Writes the attention out, without the interface."""

    def __init__(self, config):
        super().__init__(config)
        self.bias = nn.Parameter(torch.zeros(config.num_attention_heads))

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        B, T, _ = hidden_states.shape
        shape = (B, T, self.num_attention_heads, self.head_dim)
        q, k, v = (
            part(hidden_states).view(shape).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        scores = q @ k.mT * self.scaling
        first = (torch.arange(T) == 0).float()
        scores = scores + self.bias[:, None, None] * first
        if attention_mask is not None:
            scores = scores + attention_mask
        A = scores.softmax(dim=-1)
        return self.o_proj((A @ v).transpose(1, 2).reshape(B, T, -1)), A


_FIRST = (slice(None), 0)
_SHIFT = (
    "The biases change nothing, whatever their values. A number that is added to "
    "*all* scores of a query drops out of the softmax: add it in the column of the "
    "class token (key 0), not in its row and not everywhere."
)

_TURNED = (
    "The bias works the wrong way round: you subtract it, or you add it where the key "
    "is a *patch*, which is the same. Add it where the key is the class token."
)

OWN = Exercise(
    id="12.6",
    title="An attention of your own",
    solution=ClassBias,
    cases=((2, "sdpa"), (4, "eager")),
    probe=_probe_class_bias,
    mistakes=(
        Mistake(_adding((0, slice(None))), _SHIFT),
        Mistake(
            _Unused,
            "The bias is made, but no score gets it: the logits never change.",
        ),
        Mistake(
            _adding((0, 0)),
            "Only one score gets the bias: that of the class token looking at itself. "
            "Every query gets it, when it looks at the class token.",
        ),
        Mistake(
            _adding((slice(None), slice(1, None))),
            _TURNED,
        ),
        Mistake(
            _adding((slice(None), -1)),
            "The last token gets the bias. The class token is token 0.",
        ),
        Mistake(
            _adding(_FIRST, sign=-1),
            _TURNED,
        ),
        Mistake(
            _adding(_FIRST, start=torch.ones),
            "Your biases start at 1, so the model with the old weights no longer gives "
            "the old logits. Start at zero.",
        ),
        Mistake(
            _adding(_FIRST, start=torch.randn),
            "Your biases start at random, so the model with the old weights no longer "
            "gives the old logits. Start at zero.",
        ),
        Mistake(
            _adding(_FIRST, shape=(1,)),
            "One number for all heads. Each head has its own: shape (heads,).",
        ),
        Mistake(
            _adding(_FIRST, mask_too=False),
            "A mask that your `forward` is given gets lost. Add yours to it.",
        ),
        Mistake(
            _Buffer,
            "The bias is no parameter, so nothing ever learns it. "
            "`torch.nn.Parameter(...)` makes it one.",
        ),
        Mistake(
            _NoParameter,
            "The bias is a plain tensor: no parameter, so nothing learns it, and no "
            "file holds it. `torch.nn.Parameter(...)` makes it one.",
        ),
        Mistake(
            _OnTheKeys,
            "You add the bias to the output. It belongs to the *scores*, before the "
            "softmax: hand it on as the mask.",
        ),
    ),
    hints=(
        "Look at `RelativeAttention` in the lesson: it hands a bias on as the mask "
        "that is added to the scores.",
        "The scores have the shape (B, h, T, T): queries down, keys across. Your "
        "bias fills the first column of each head's table.",
        "`F.pad(self.bias[None, :, None, None], (0, T - 1))` has the shape (1, h, 1, "
        "T): it goes for every query. Add a mask that is given.",
    ),
    because="Because the class is derived and its bias starts at zero, old weights "
    "load into it, and the old model is its first step.",
    alternatives=(_WholeMatrix, _adding(_FIRST)),
)

EXERCISES = (FREEZE, TYPE, MASK, REPORT, MERGE, OWN)
