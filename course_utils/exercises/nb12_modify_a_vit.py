"""Exercises of notebook 12: freezing, windows, partial loading, linear attention."""

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.exercises.nb09_finetune_cifar10_tensorflow import (
    layers_of_encoder,
    small_classifier,
    what_learns,
)

# --- 12.1 The frozen wrong layers -------------------------------------------------


def freeze_blocks(classifier, n):
    for layer in classifier._flatten_layers():
        layer.trainable = True
    backbone = classifier.backbone
    backbone.get_layer("vit_patching_and_embedding").trainable = n == 0
    for block in backbone.get_layer("vit_encoder").encoder_layers[:n]:
        block.trainable = False


def _what_learns(answer, n, frozen_before):
    """Return for each part of a ViT with three blocks whether it learns."""
    classifier = small_classifier(frozen_before)
    answer(classifier, n)
    return what_learns(classifier)


def _thaw_all(classifier, n):
    for layer in classifier._flatten_layers():
        layer.trainable = True


def _thaw_nothing(classifier, n):
    pass


def _thaw_the_flag(classifier, n):
    classifier.trainable = True


def _thaw_the_backbone(classifier, n):
    classifier.backbone.trainable = True


def _thaw_the_layers(classifier, n):
    for layer in classifier.layers:
        layer.trainable = True


def _thaw_one_level_down(classifier, n):
    for layer in (*classifier.layers, *classifier.backbone.layers):
        layer.trainable = True


def _thaw_all_but_the_head(classifier, n):
    for layer in classifier.backbone._flatten_layers():
        layer.trainable = True


def _freezing(blocks, embeddings=lambda n: n == 0, thaw=_thaw_all):
    """Thaw in a way, then give the embeddings and each block their flags."""

    def freeze_blocks(classifier, n):
        thaw(classifier, n)
        layers = classifier.backbone.layers
        layers[1].trainable = embeddings(n)
        for i, block in enumerate(layers[2].encoder_layers):
            block.trainable = blocks(i, n)

    return freeze_blocks


def _embeddings_and_first(thaw):
    """Thaw in a way, give the embeddings their flag, and freeze n blocks."""

    def freeze_blocks(classifier, n):
        thaw(classifier, n)
        layers = classifier.backbone.layers
        layers[1].trainable = n == 0
        for block in layers[2].encoder_layers[:n]:
            block.trainable = False

    return freeze_blocks


def _only_freezing(thaw):
    """Thaw in a way, then set what is to be frozen, and nothing else."""

    def freeze_blocks(classifier, n):
        thaw(classifier, n)
        layers = classifier.backbone.layers
        for part in [layers[1], *layers[2].encoder_layers[:n]] if n else []:
            part.trainable = False

    return freeze_blocks


def _slicing(stop, thaw=_thaw_all, of_backbone=True):
    def freeze_blocks(classifier, n):
        thaw(classifier, n)
        model = classifier.backbone if of_backbone else classifier
        for layer in model.layers[: stop(n)]:
            layer.trainable = False

    return freeze_blocks


def _whole_encoder_first(classifier, n):
    _thaw_all(classifier, n)
    classifier.backbone.trainable = n == 0
    for block in layers_of_encoder(classifier).encoder_layers[n:]:
        block.trainable = True


def _whole_backbone(classifier, n):
    _thaw_all(classifier, n)
    classifier.backbone.trainable = n == 0


def _head_frozen(classifier, n):
    freeze_blocks(classifier, n)
    classifier.output_dense.trainable = False


def _new_attribute(classifier, n):
    _thaw_all(classifier, n)
    for block in layers_of_encoder(classifier).encoder_layers[:n]:
        block.requires_grad = False


def _by_weights(classifier, n):
    classifier.trainable = True
    frozen = [f"_block_{i + 1}/" for i in range(n)]
    for weight in classifier.weights:
        low = n > 0 and "embedding" in weight.path
        weight.trainable = not low and not any(name in weight.path for name in frozen)


def _by_parts(classifier, n):
    classifier.trainable = True
    encoder = layers_of_encoder(classifier)
    encoder.layer_norm.trainable = classifier.output_dense.trainable = True
    for i, block in enumerate(encoder.encoder_layers):
        block.trainable = i >= n
    classifier.backbone.layers[1].trainable = n == 0


def _from_first(i, n):
    return i >= n


_HALF_THAWED = (
    "Something that was frozen before stays frozen. A flag that is set to the value it "
    "has already is not handed down, so reach every part yourself: blocks, last norm, "
    "head and the classifier itself."
)
_ONE_OF_FOUR = (
    "`classifier.layers` has four entries, and all blocks hide in one of them: your "
    "slice freezes the whole backbone or nothing of it."
)
_NO_SLICE = (
    "`backbone.layers` holds the input, the embeddings and one encoder. A slice of it "
    "cannot count blocks: they are in the encoder's list `encoder_layers`."
)

FROZEN = Exercise(
    id="12.1",
    title="Spot the bug: the frozen wrong layers",
    solution=freeze_blocks,
    cases=(
        (1, ""),
        (2, ""),
        (0, ""),
        (3, ""),
        (1, "backbone"),
        (0, "embeddings"),
        (1, "block 1, block 3"),
        (2, "norm"),
        (1, "head"),
        (2, "everything"),
    ),
    probe=_what_learns,
    mistakes=(
        Mistake(_only_freezing(_thaw_nothing), _HALF_THAWED),
        Mistake(_only_freezing(_thaw_the_flag), _HALF_THAWED),
        Mistake(_embeddings_and_first(_thaw_the_flag), _HALF_THAWED),
        Mistake(_only_freezing(_thaw_the_backbone), _HALF_THAWED),
        Mistake(_embeddings_and_first(_thaw_the_backbone), _HALF_THAWED),
        Mistake(_only_freezing(_thaw_one_level_down), _HALF_THAWED),
        Mistake(_freezing(_from_first, thaw=_thaw_nothing), _HALF_THAWED),
        Mistake(_freezing(_from_first, thaw=_thaw_the_flag), _HALF_THAWED),
        Mistake(_freezing(_from_first, thaw=_thaw_one_level_down), _HALF_THAWED),
        Mistake(_freezing(_from_first, thaw=_thaw_all_but_the_head), _HALF_THAWED),
        Mistake(_slicing(lambda n: -n, of_backbone=False), _ONE_OF_FOUR),
        Mistake(_slicing(lambda n: -n, _thaw_the_layers, False), _ONE_OF_FOUR),
        Mistake(_slicing(lambda n: n), _NO_SLICE),
        Mistake(_slicing(lambda n: n + 1), _NO_SLICE),
        Mistake(_slicing(lambda n: n, _thaw_the_backbone), _NO_SLICE),
        Mistake(_slicing(lambda n: n + 1, _thaw_the_backbone), _NO_SLICE),
        Mistake(
            _freezing(_from_first, embeddings=lambda n: True),
            "The embeddings still learn. They lie below the first block, which would "
            "read moving inputs.",
        ),
        Mistake(
            _freezing(lambda i, n: i > n or n == 0),
            "One block too many is frozen: the first n are the numbers 0 to n - 1.",
        ),
        Mistake(
            _freezing(lambda i, n: i >= n - 1),
            "One block too few is frozen. The embeddings are frozen beside the first n "
            "blocks, and do not count as one.",
        ),
        Mistake(
            _freezing(lambda i, n: i < n, embeddings=lambda n: n > 0),
            "The wrong way round: the first n blocks learn and the others are frozen.",
        ),
        Mistake(
            _freezing(lambda i, n: i < 3 - n),
            "You freeze the *last* n blocks. The first ones see what all pictures "
            "share; those are to stay.",
        ),
        Mistake(
            _freezing(lambda i, n: n == 0 or i >= 3 - n),
            "You freeze all blocks *but* n.",
        ),
        Mistake(
            _freezing(lambda i, n: i >= 2, embeddings=lambda n: False),
            "Your function freezes two blocks, whatever n is.",
        ),
        Mistake(
            _freezing(_from_first, embeddings=lambda n: False),
            "With n = 0 nothing is to be frozen, and you freeze the embeddings.",
        ),
        Mistake(
            _whole_encoder_first,
            "The last norm is frozen with the backbone or the encoder around it, and "
            "your function does not thaw it again.",
        ),
        Mistake(
            _whole_backbone,
            "The whole backbone is frozen, whatever n is. Freeze block by block.",
        ),
        Mistake(_head_frozen, "The head is frozen; it should learn always."),
        Mistake(
            _new_attribute,
            "Nothing is frozen. `requires_grad` is PyTorch's word: Keras lets you set "
            "it and ignores it; its own is `trainable`.",
        ),
    ),
    hints=(
        "Print `classifier.layers`, then `classifier.backbone.layers`. Where are the "
        "blocks?",
        '`classifier.backbone.get_layer("vit_encoder").encoder_layers` is the list of '
        "blocks. The embeddings are the layer `vit_patching_and_embedding`.",
        "First thaw every layer, as `freeze_first` of the lesson does; then freeze the "
        "embeddings (unless n is 0) and the first n blocks.",
    ),
    because="A layer hands its flag down when the flag *changes*, and only then; which "
    "variables learn is decided by their own flags and that of the model that is "
    "compiled. So reach every layer, and count `trainable_variables`.",
    alternatives=(_by_weights, _by_parts),
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
    id="12.2",
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
    id="12.3",
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


def _softmax(scores):
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _softmaxed(q, k, v):
    return _softmax(q @ k.swapaxes(-1, -2) / q.shape[-1] ** 0.5) @ v


def _by_weights_of(of_queries=_features, of_keys=_features, divide=None):
    """Linear attention by its table of weights, with a part exchanged."""

    def linear_attention(q, k, v):
        weights = of_queries(q) @ of_keys(k).swapaxes(-1, -2)
        if divide is None:
            return weights / weights.sum(axis=-1, keepdims=True) @ v
        return divide(weights) @ v

    return linear_attention


def _linear_by_raw_products(q, k, v):
    weights = _features(q) @ _features(k).swapaxes(-1, -2)
    raw = q @ k.swapaxes(-1, -2)
    return weights / raw.sum(axis=-1, keepdims=True) @ v


def _with_T(q, k, v):
    weights = _features(q) @ _features(k).T
    return weights / weights.sum(axis=-1, keepdims=True) @ v


def _linear_by_table(q, k, v):
    weights = _features(q) @ np.moveaxis(_features(k), -1, -2)  # (..., T, T)
    return weights / weights.sum(-1, keepdims=True) @ v


def _linear_by_einsum(q, k, v):
    q, k = _features(q), _features(k)
    above = np.einsum("...td,...sd,...se->...te", q, k, v)
    return above / np.einsum("...td,...sd->...t", q, k)[..., None]


def _numbers(*batch, T, S, d, e):
    rng = np.random.default_rng(T)
    shapes = (T, d), (S, d), (S, e)
    return tuple(rng.normal(size=(*batch, *shape)) for shape in shapes)


_SOFTMAX = "This is softmax attention, with its T x T table."

LINEAR = Exercise(
    id="12.4",
    title="Linear attention by hand",
    solution=linear_attention,
    cases=(
        (
            np.array([[0.5, -1.0, 2.0, 0.0], [-2.0, 1.0, 0.5, -0.5]]),
            np.array([[1.0, 0.0, -1.0, 2.0], [0.0, -1.0, 0.5, 1.0], [-2.0, 1, 0, 1]]),
            np.array([[1.0, 3, 0, 2, 5], [4.0, 0, 1, 2, 1], [0.0, 2, 7, 1, 3]]),
        ),
        _numbers(T=5, S=3, d=4, e=2),
        _numbers(2, 3, T=4, S=5, d=2, e=6),
    ),
    mistakes=(
        Mistake(
            _linear(lambda q, k: k.shape[-2]),
            "You divide by the number of keys. The weights of a query then sum to "
            "whatever its products sum to, not to 1.",
        ),
        Mistake(
            _linear_by_raw_products,
            "You divide by the products of the raw queries and keys. Divide by those "
            "of the features, so that the weights of a query sum to 1.",
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
            _linear(_right_norm, lambda x: np.maximum(x, 0) + 1),
            "Your features are ReLU + 1: below zero they are 1, where elu(x) + 1 is "
            "exp(x).",
        ),
        Mistake(
            _linear(_right_norm, lambda x: np.where(x > 0, x, np.exp(x)) + 1),
            "Below zero your features are exp(x) + 1. There elu is exp(x) - 1, so that "
            "elu(x) + 1 is exp(x).",
        ),
        Mistake(
            _by_weights_of(of_keys=lambda k: k),
            "Only the queries go through the features; the keys need them, too.",
        ),
        Mistake(
            _by_weights_of(of_queries=lambda q: q),
            "Only the keys go through the features; the queries need them, too.",
        ),
        Mistake(
            _by_weights_of(lambda q: _features(q / q.shape[-1] ** 0.5)),
            "The queries are divided by the root of their width first, as softmax "
            "attention does. Linear attention takes them as they are.",
        ),
        Mistake(
            _by_weights_of(divide=lambda w: w / w.sum(axis=-2, keepdims=True)),
            "The weights of each *key* sum to 1. Sum over the keys, the last axis, so "
            "that those of each query do.",
        ),
        Mistake(
            _by_weights_of(divide=lambda w: w / w.sum(axis=(-2, -1), keepdims=True)),
            "All weights together sum to 1. Those of each query should.",
        ),
        Mistake(
            _by_weights_of(divide=lambda w: w / w.shape[-2]),
            "You divide by the number of queries. Divide by what makes the weights of "
            "a query sum to 1.",
        ),
        Mistake(
            _linear(lambda q, k: q.shape[-1] ** 0.5),
            "You divide by the root of the width, as softmax attention does. That does "
            "not make the weights of a query sum to 1.",
        ),
        Mistake(
            _by_weights_of(divide=_softmax),
            "A softmax of the products of features: the features take its place.",
        ),
        Mistake(
            lambda q, k, v: (
                _features(q)
                @ (
                    (_features(k) / _features(k).sum(axis=-2, keepdims=True)).swapaxes(
                        -1, -2
                    )
                    @ v
                )
            ),
            "You divide each component of the keys by its own sum. The divisor is one "
            "number for each query: its product with the sum of the keys.",
        ),
        Mistake(
            _with_T,
            "`.T` turns *all* axes round, those of the batch too. Exchange only the "
            "last two: `swapaxes(-1, -2)`.",
        ),
        Mistake(_softmaxed, _SOFTMAX),
        Mistake(lambda q, k, v: _softmax(q @ k.swapaxes(-1, -2)) @ v, _SOFTMAX),
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
