"""Exercises of notebook 12: freezing, windows, partial loading, linear attention."""

import functools
import re

import numpy as np

from course_utils.exercises.engine import Exercise, Mistake, NotAnAnswer

# --- 12.1 The frozen wrong layers -------------------------------------------------


def freeze_blocks(classifier, n):
    backbone = classifier.backbone
    backbone.trainable = True
    backbone.get_layer("vit_patching_and_embedding").trainable = n == 0
    blocks = backbone.get_layer("vit_encoder").encoder_layers
    for i, block in enumerate(blocks):
        block.trainable = i >= n


@functools.cache
def _small_classifier():
    import keras_hub

    backbone = keras_hub.models.ViTBackbone(
        (4, 4, 3), 2, num_layers=3, num_heads=1, hidden_dim=2, mlp_dim=2
    )
    return keras_hub.models.ViTImageClassifier(backbone, num_classes=2)


def _what_trains(answer, n, frozen_before):
    """Return for each part of a ViT with three blocks whether it will be trained."""
    classifier = _small_classifier()  # one for all: to build it takes a second
    for layer in (*classifier.backbone.layers, *classifier.layers):
        layer.trainable = True
    classifier.backbone.trainable = not frozen_before
    if answer(classifier, n) is ...:
        return ...
    learning = {variable.path for variable in classifier.trainable_variables}
    found = {}
    for variable in classifier.variables:
        words = variable.path.split("/")
        part = words[0] if words[0] != "vit_encoder" else words[1]
        part = {"vit_patching_and_embedding": "embeddings", "predictions": "head"}.get(
            part, re.sub(r"\w+_block_", "block ", part)
        )
        found.setdefault(part, set()).add(variable.path in learning)
    words = {(True,): "trains", (False,): "frozen", (False, True): "in part"}
    return {part: words[tuple(sorted(states))] for part, states in found.items()}


def _freezing(blocks, embeddings=lambda n: n == 0, thaw=True, encoder=None):
    def freeze_blocks(classifier, n):
        backbone = classifier.backbone
        if thaw:
            backbone.trainable = True
        trains = embeddings(n)
        if trains is not None:
            backbone.get_layer("vit_patching_and_embedding").trainable = trains
        for i, block in enumerate(backbone.get_layer("vit_encoder").encoder_layers):
            block.trainable = blocks(i, n)

    return freeze_blocks


def _by_slice(classifier, n):
    for layer in classifier.layers:
        layer.trainable = True
    for layer in classifier.layers[:-n]:
        layer.trainable = False


def _by_backbone_slice(classifier, n):
    classifier.backbone.trainable = True
    for layer in classifier.backbone.layers[: n + 1]:
        layer.trainable = False


def _new_attribute(classifier, n):
    for block in classifier.backbone.get_layer("vit_encoder").encoder_layers[:n]:
        block.requires_grad = False


def _by_names(classifier, n):
    backbone = classifier.backbone
    backbone.trainable = True
    if n:
        backbone.get_layer("vit_patching_and_embedding").trainable = False
    for i in range(n):
        encoder = backbone.get_layer("vit_encoder")
        encoder.encoder_layers[i].trainable = False


FROZEN = Exercise(
    id="12.1",
    solution=freeze_blocks,
    cases=((1, False), (2, False), (0, False), (3, False), (1, True), (0, True)),
    probe=_what_trains,
    mistakes=(
        Mistake(
            _by_slice,
            "`classifier.layers` has four entries, and all blocks hide in one of them: "
            "your slice freezes the whole backbone or nothing.",
        ),
        Mistake(
            _by_backbone_slice,
            "One level down is not enough: `backbone.layers` holds the input, the "
            "embeddings and one encoder. The blocks are in its list `encoder_layers`.",
        ),
        Mistake(
            _freezing(lambda i, n: i >= n, embeddings=lambda n: None),
            "The embeddings still train. They lie below the first block, which would "
            "read moving inputs.",
        ),
        Mistake(
            _freezing(lambda i, n: i > n),
            "One block too many is frozen: the first n are the numbers 0 to n - 1.",
        ),
        Mistake(
            _freezing(lambda i, n: i < n),
            "The wrong way round: the first n blocks train and the others are frozen.",
        ),
        Mistake(
            _freezing(lambda i, n: i >= n, embeddings=lambda n: False),
            "With n = 0 nothing is to be frozen, and you freeze the embeddings.",
        ),
        Mistake(
            _freezing(lambda i, n: i >= n, thaw=False),
            "A backbone that was frozen as a whole stays frozen, whatever its parts "
            "say: thaw the backbone itself, too.",
        ),
        Mistake(
            _new_attribute,
            "`requires_grad` is PyTorch's word. Keras lets you set it and ignores it; "
            "its own is `trainable`.",
        ),
    ),
    hints=(
        "Print `classifier.layers`, then `classifier.backbone.layers`. Where are the "
        "blocks?",
        '`classifier.backbone.get_layer("vit_encoder").encoder_layers` is the list of '
        "blocks. The embeddings are the layer `vit_patching_and_embedding`.",
        "First `backbone.trainable = True`; then set `trainable` of the embeddings "
        "(`n == 0`) and of each block (`i >= n`).",
    ),
    because="A variable trains only if no layer around it is frozen: the backbone, the "
    "encoder and the block all have a say.",
    alternatives=(_by_names,),
    seconds=20.0,
)


# --- 12.2 Who sees whom in windows ------------------------------------------------


def window_mask(grid, window):
    row, column = np.divmod(np.arange(grid * grid), grid)
    home = row // window * grid + column // window  # (N,), which window
    mask = np.ones((grid * grid + 1, grid * grid + 1), dtype=bool)
    mask[1:, 1:] = home[:, None] == home
    return mask


def _mask_probe(answer, grid, window):
    found = answer(grid, window)
    if found is ...:
        return ...
    found = np.asarray(found)
    if found.dtype != bool and not np.isin(found, (0, 1)).all():
        raise NotAnAnswer(
            "The mask must hold True and False; yours has other values. Minus infinity "
            "comes later, where the mask is used."
        )
    return found.astype(int)


def _masks(home, class_sees=True, class_seen=True, both=True):
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
    id="12.2",
    solution=window_mask,
    cases=((2, 1), (4, 2), (2, 2), (6, 3), (6, 2)),
    probe=_mask_probe,
    mistakes=(
        Mistake(
            _masks(
                lambda r, c, g, w: (r * g + c)[:, None] // w**2 == (r * g + c) // w**2
            ),
            "You cut the *sequence* of patches into pieces. A window is a square of "
            "the picture: its rows lie `grid` patches apart in the sequence.",
        ),
        Mistake(
            _masks(lambda r, c, g, w: r[:, None] // w == r // w),
            "Your windows are as wide as the picture: compare the columns too.",
        ),
        Mistake(
            _masks(lambda r, c, g, w: (r // w + c // w)[:, None] == r // w + c // w),
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


# --- 12.3 The report of a partial loading -----------------------------------------


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
    found = answer(dict(model), dict(file))
    if found is ...:
        return ...
    wanted = ["loaded", "missing", "unexpected", "other shape"]
    if not isinstance(found, dict) or sorted(found) != sorted(wanted):
        raise NotAnAnswer(
            "Return a dict with the keys 'loaded', 'missing', 'unexpected' and 'other "
            "shape'."
        )
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


_FILE = {"norm": (4,), "head": (4, 60), "query": (4, 4)}

REPORT = Exercise(
    id="12.3",
    solution=loading_report,
    cases=(
        ({"norm": (4,), "bias": (2, 9)}, {"norm": (4,), "pooler": (4, 4)}),
        ({"norm": (4,), "head": (4, 10), "query": (4, 4)}, _FILE),
        ({"norm": (4,), "expand": (4, 8)}, {"norm": (4,), "expand": (8, 4)}),
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


# --- 12.4 Linear attention --------------------------------------------------------


def linear_attention(q, k, v):
    q = np.where(q > 0, q + 1, np.exp(q))
    k = np.where(k > 0, k + 1, np.exp(k))
    table = k.swapaxes(-1, -2) @ v  # (..., d, d)
    total = k.sum(axis=-2, keepdims=True)  # (..., 1, d)
    weight = (q * total).sum(axis=-1, keepdims=True)  # (..., T, 1)
    return q @ table / weight


def _features(x):
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


def _linear(norm, features=_features):
    def linear_attention(q, k, v):
        q, k = features(q), features(k)
        return q @ (k.swapaxes(-1, -2) @ v) / norm(q, k)

    return linear_attention


def _right_norm(q, k):
    return q @ k.sum(axis=-2)[..., None]


def _softmaxed(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ v


def _linear_by_table(q, k, v):
    weights = _features(q) @ np.moveaxis(_features(k), -1, -2)  # (..., T, T)
    return weights / weights.sum(-1, keepdims=True) @ v


def _linear_by_einsum(q, k, v):
    q, k = _features(q), _features(k)
    above = np.einsum("...td,...sd,...se->...te", q, k, v)
    return above / np.einsum("...td,...sd->...t", q, k)[..., None]


def _numbers(*shape):
    return tuple(np.random.default_rng(shape[-2]).normal(size=(3, *shape)))


LINEAR = Exercise(
    id="12.4",
    solution=linear_attention,
    cases=(
        (
            np.array([[0.0, 1.0]]),
            np.array([[1.0, 0.0], [0.0, -1.0]]),
            np.array([[1.0], [3.0]]),
        ),
        _numbers(4, 2),
        _numbers(2, 3, 5, 4),
    ),
    mistakes=(
        Mistake(
            _linear(lambda q, k: k.shape[-2]),
            "You divide by the number of keys. The weights of a query then sum to "
            "whatever its products sum to, not to 1.",
        ),
        Mistake(
            _linear(lambda q, k: 1),
            "Nothing is divided: the weights of a query do not sum to 1.",
        ),
        Mistake(
            _linear(lambda q, k: (q * k.mean(-2, keepdims=True)).sum(-1)[..., None]),
            "You divide by the *mean* of a query's products. Their sum makes weights "
            "that sum to 1.",
        ),
        Mistake(
            _linear(lambda q, k: k.sum(axis=(-2, -1))[..., None, None]),
            "One divisor for all queries: the sum over the keys alone. Each query has "
            "its own, its products with all keys.",
        ),
        Mistake(
            _linear(
                _right_norm, lambda x: np.where(x > 0, x, np.exp(np.minimum(x, 0)) - 1)
            ),
            "These features are elu without the + 1, so products can be negative and a "
            "divisor can come near zero.",
        ),
        Mistake(
            _linear(_right_norm, lambda x: np.maximum(x, 0)),
            "Your features are ReLU. A query of negative numbers becomes all zero, and "
            "its weights 0 / 0.",
        ),
        Mistake(
            _linear(_right_norm, np.exp),
            "Your features are exp(x). Positive they are, but elu(x) + 1 is x + 1 for "
            "positive x.",
        ),
        Mistake(
            _softmaxed,
            "This is softmax attention, with its T x T table.",
        ),
    ),
    hints=(
        "elu(x) + 1 is x + 1 for positive x, and exp(x) else.",
        "The weight of key s for query t is phi(q_t) · phi(k_s), divided by the sum "
        "over all keys.",
        "That sum is `phi_q @ phi_k.sum(axis=-2)[..., None]`: no T x T table.",
    ),
    because="Whatever kernel you choose, the weights of a query have to sum to 1; and "
    "that sum can be regrouped just as the product with the values.",
    alternatives=(_linear_by_table, _linear_by_einsum),
)

EXERCISES = (FROZEN, MASK, REPORT, LINEAR)
