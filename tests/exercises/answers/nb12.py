"""Answers to the exercises of notebook 12 as learners give them, written blind."""

import re

import numpy as np
import tensorflow as tf
from keras import ops
from tests_answers import right, wrong

# --- 12.1: the frozen wrong layers ---


def _embeddings(classifier):
    return classifier.backbone.get_layer("vit_patching_and_embedding")


def _encoder(classifier):
    return classifier.backbone.get_layer("vit_encoder")


def _blocks(classifier):
    return _encoder(classifier).encoder_layers


@right("12.1")
def every_layer_first(classifier, n):
    for layer in classifier._flatten_layers():
        layer.trainable = True
    if n > 0:
        _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@right("12.1")
def variable_by_variable(classifier, n):
    classifier.trainable = True
    for v in classifier.variables:
        v.trainable = True
    if n:
        frozen = [_embeddings(classifier), *_blocks(classifier)[:n]]
        for v in [v for part in frozen for v in part.variables]:
            v.trainable = False
    return classifier


@right("12.1")
def by_path(classifier, n):
    classifier.trainable = True
    for v in classifier.weights:
        number = re.search(r"_block_(\d+)", v.path)
        if number:
            v.trainable = int(number[1]) > n
        elif "vit_patching_and_embedding" in v.path:
            v.trainable = n == 0
        else:
            v.trainable = True


@right("12.1")
def from_the_inside_out(classifier, n):
    def thaw(layer):
        for part in layer._layers:
            thaw(part)
        layer.trainable = False
        layer.trainable = True

    thaw(classifier)
    _embeddings(classifier).trainable = not n
    for i in range(n):
        _blocks(classifier)[i].trainable = False
    return classifier


@right("12.1")
def a_queue_of_layers(classifier, n):
    queue, seen = [classifier], []
    while queue:
        layer = queue.pop()
        seen.append(layer)
        queue.extend(layer._layers)
    for layer in seen:
        layer.trainable = True
    for layer in [_embeddings(classifier)] * (n > 0) + _blocks(classifier)[:n]:
        layer.trainable = False


def _thawed(classifier):
    for layer in classifier._flatten_layers():
        layer.trainable = True


@wrong("12.1", "the slice of the colleague", says="holds the input")
def slice_of_the_backbone(classifier, n):
    classifier.backbone.trainable = True
    for layer in classifier.backbone.layers[:n]:
        layer.trainable = False


@wrong("12.1", "the slice of the tutorial", says="has four entries")
def slice_of_the_classifier(classifier, n):
    for layer in classifier.layers:
        layer.trainable = True
    for layer in classifier.layers[:-n]:
        layer.trainable = False


@wrong("12.1", "the embeddings forgotten", says="The embeddings still learn")
def blocks_only(classifier, n):
    _thawed(classifier)
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("12.1", "with n = 0 the embeddings stay frozen", says="With n = 0 nothing")
def embeddings_always(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("12.1", "nothing thawed that was frozen before", says="stays frozen")
def never_thaws(classifier, n):
    if n > 0:
        _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("12.1", "the flag of the model, which is True already", says="stays frozen")
def flag_of_the_model(classifier, n):
    classifier.trainable = True
    _embeddings(classifier).trainable = n == 0
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("12.1", "the flag of the backbone, which is True already", says="stays frozen")
def flag_of_the_backbone(classifier, n):
    classifier.backbone.trainable = True
    if n > 0:
        _embeddings(classifier).trainable = False
    for i in range(n):
        _blocks(classifier)[i].trainable = False


@wrong("12.1", "a head that was frozen stays so", says="stays frozen")
def head_stays(classifier, n):
    for layer in classifier.backbone._flatten_layers():
        layer.trainable = True
    _embeddings(classifier).trainable = n == 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i >= n


@wrong("12.1", "a last norm that was frozen stays so", says="stays frozen")
def norm_stays(classifier, n):
    for layer in (*classifier.layers, *classifier.backbone.layers):
        layer.trainable = True
    _embeddings(classifier).trainable = n == 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i >= n


@wrong("12.1", "the last norm frozen with the encoder", says="The last norm is frozen")
def norm_frozen(classifier, n):
    _thawed(classifier)
    if n == 0:
        return
    classifier.backbone.trainable = False
    for block in _blocks(classifier)[n:]:
        block.trainable = True


@wrong("12.1", "only the head learns", says="whole backbone is frozen")
def whole_backbone(classifier, n):
    _thawed(classifier)
    classifier.backbone.trainable = n == 0


@wrong("12.1", "the last n blocks", says="the *last* n blocks")
def last_blocks(classifier, n):
    _thawed(classifier)
    if n:
        _embeddings(classifier).trainable = False
        for block in _blocks(classifier)[-n:]:
            block.trainable = False


@wrong("12.1", "all blocks but the last n", says="all blocks *but* n")
def all_but_the_last(classifier, n):
    _thawed(classifier)
    blocks = _blocks(classifier)
    if n:
        _embeddings(classifier).trainable = False
        for block in blocks[: len(blocks) - n]:
            block.trainable = False


@wrong("12.1", "one block too many", says="One block too many")
def one_more(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = n == 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i > n or n == 0


@wrong(
    "12.1",
    "one block too few, for the embeddings count as one",
    says="One block too few",
)
def one_less(classifier, n):
    _thawed(classifier)
    for part in [_embeddings(classifier), *_blocks(classifier)][:n]:
        part.trainable = False


@wrong("12.1", "two blocks whatever n is", says="freezes two blocks")
def always_two(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:2]:
        block.trainable = False


@wrong("12.1", "the switch of PyTorch", says="PyTorch's word")
def requires_grad(classifier, n):
    _thawed(classifier)
    for part in [_embeddings(classifier), *_blocks(classifier)[:n]]:
        part.requires_grad = False


@wrong("12.1", "frozen and thawed the wrong way round", says="The wrong way round")
def upside_down(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = n > 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i < n


@wrong("12.1", "the head frozen, too", says="The head is frozen")
def head_frozen(classifier, n):
    every_layer_first(classifier, n)
    classifier.output_dense.trainable = False


# --- 12.2: who sees whom in windows ---


@right("12.2")
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


@right("12.2")
def by_numbers_of_windows(grid, window):
    rows, columns = np.divmod(np.arange(grid * grid), grid)
    number = (rows // window) * grid + columns // window
    mask = number[:, None] == number[None, :]
    return np.pad(mask, ((1, 0), (1, 0)), constant_values=True)


@right("12.2")
def by_kron(grid, window):
    line = np.kron(np.eye(grid // window), np.ones((window, window)))
    T = grid * grid + 1
    mask = np.ones((T, T))
    mask[1:, 1:] = np.kron(line, line)
    return mask > 0


@right("12.2")
def by_lists(grid, window):
    def seen(q, k):
        if q == 0 or k == 0:
            return True
        (a, b), (c, d) = divmod(q - 1, grid), divmod(k - 1, grid)
        return (a // window, b // window) == (c // window, d // window)

    T = grid**2 + 1
    return np.array([[seen(q, k) for k in range(T)] for q in range(T)])


@right("12.2")
def with_tensorflow(grid, window):
    place = tf.range(grid * grid)
    windows = (place // grid // window) * (grid // window) + place % grid // window
    same = tf.equal(windows[:, None], windows[None, :])
    return tf.pad(same, [[1, 0], [1, 0]], constant_values=True)


@right("12.2")
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
    "12.2",
    "stripes of rows",
    _mask(lambda r, c, grid, w: r[0] // w == r[1] // w),
    says="as wide as the picture",
)
wrong(
    "12.2",
    "stripes of columns",
    _mask(lambda r, c, grid, w: c[0] // w == c[1] // w),
    says="as high as the picture",
)
wrong(
    "12.2",
    "runs of window patches",
    _mask(lambda r, c, grid, w: (r[0] * grid + c[0]) // w == (r[1] * grid + c[1]) // w),
    says="pieces of one row",
)
wrong(
    "12.2",
    "runs of window squared patches",
    _mask(
        lambda r, c, grid, w: (
            (r[0] * grid + c[0]) // w**2 == (r[1] * grid + c[1]) // w**2
        )
    ),
    says="cut the *sequence*",
)
wrong(
    "12.2",
    "row or column, not both",
    _mask(lambda r, c, grid, w: (r[0] // w == r[1] // w) | (c[0] // w == c[1] // w)),
    says="*or* the same column",
)
wrong(
    "12.2",
    "a window around each patch",
    _mask(lambda r, c, grid, w: (abs(r[0] - r[1]) < w) & (abs(c[0] - c[1]) < w)),
    says="neighborhood of its own",
)
wrong(
    "12.2",
    "window as the number of windows in a row",
    _mask(lambda r, c, grid, w: _same(r, c, grid, grid // w)),
    says="`window` windows in a row",
)
wrong(
    "12.2",
    "the place in the window, not the window",
    _mask(lambda r, c, grid, w: (r[0] % w == r[1] % w) & (c[0] % w == c[1] % w)),
    says="*inside* a window",
)
wrong(
    "12.2", "no row for the class token", _mask(_same, row=False), says="row 0 is True"
)
wrong(
    "12.2",
    "no column for the class token",
    _mask(_same, column=False),
    says="column 0 is True",
)
wrong(
    "12.2",
    "the class token sees itself alone",
    _mask(_same, row=False, column=False),
    says="cut off",
)
wrong(
    "12.2",
    "no class token at all",
    _mask(_same, size=0),
    says="The class token is missing",
)
wrong(
    "12.2",
    "0 and 1",
    lambda grid, w: by_loops(grid, w).astype(int),
    says="Right places, but numbers",
)
wrong(
    "12.2",
    "0.0 and 1.0",
    lambda grid, w: by_loops(grid, w).astype("float32"),
    says="Right places, but numbers",
)
wrong(
    "12.2",
    "hidden marked, not seen",
    lambda grid, w: ~by_loops(grid, w),
    says="True and False have changed places",
)
wrong(
    "12.2",
    "numbers to add to the scores",
    lambda grid, w: np.where(by_loops(grid, w), 0.0, -np.inf),
    says="numbers to add to the scores",
)


@wrong("12.2", "the class token counted as the first patch", says="one place off")
def off_by_one(grid, window):
    place = np.arange(grid * grid + 1)
    r, c = place // grid // window, place % grid // window
    mask = (r[:, None] == r) & (c[:, None] == c)
    mask[0] = mask[:, 0] = True
    return mask


# --- 12.3: the report of a partial loading ---


@right("12.3")
def by_sets(model, file):
    both = set(model) & set(file)
    return {
        "loaded": [name for name in both if model[name] == file[name]],
        "missing": list(set(model) - set(file)),
        "unexpected": list(set(file) - set(model)),
        "other shape": [name for name in both if model[name] != file[name]],
    }


@right("12.3")
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


@right("12.3")
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


@right("12.3")
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


@right("12.3")
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


@wrong("12.3", "matched by shape, not by name", says="found by its name")
def by_shape(model, file):
    return {
        "loaded": [n for n in model if model[n] in file.values()],
        "missing": [n for n in model if model[n] not in file.values()],
        "unexpected": [n for n in file if file[n] not in model.values()],
        "other shape": [n for n in model if n in file and model[n] != file[n]],
    }


@wrong(
    "12.3", "missing only if nothing of the shape is there", says="found by its name"
)
def missing_by_shape(model, file):
    missing = [n for n in model if n not in file and model[n] not in file.values()]
    return _report(model, file, missing=missing)


@wrong("12.3", "missing names have another shape, too", says="the file lacks")
def missing_of_other_shape(model, file):
    return _report(
        model, file, **{"other shape": [n for n in model if file.get(n) != model[n]]}
    )


@wrong("12.3", "missing and unexpected exchanged", says="changed places")
def exchanged(model, file):
    return by_sets(file, model)


@wrong(
    "12.3", "another shape counts as missing and unexpected, too", says="three lists"
)
def counted_twice(model, file):
    report = by_sets(model, file)
    other = report["other shape"]
    report["missing"] = report["missing"] + other
    report["unexpected"] = report["unexpected"] + other
    return report


@wrong(
    "12.3",
    "another shape counts as missing and unexpected, and has no list",
    says="a list of its own",
)
def as_transformers_does(model, file):
    report = counted_twice(model, file)
    return {**report, "other shape": []}


@wrong("12.3", "another shape counts as loaded, too", says="two lists")
def all_common_loaded(model, file):
    return _report(model, file, loaded=[n for n in model if n in file])


@wrong("12.3", "shapes not compared", says="compare names alone")
def shapes_not_compared(model, file):
    return _report(
        model, file, loaded=[n for n in model if n in file], **{"other shape": []}
    )


@wrong("12.3", "unexpected forgotten", says="the model's names only")
def unexpected_forgotten(model, file):
    return _report(model, file, unexpected=[])


@wrong("12.3", "as many numbers count as the same shape", says="*number* of values")
def by_size(model, file):
    both = [n for n in model if n in file]
    same = [n for n in both if np.prod(model[n]) == np.prod(file[n])]
    return _report(
        model, file, loaded=same, **{"other shape": [n for n in both if n not in same]}
    )


@wrong("12.3", "as many axes count as the same shape", says="*number* of axes")
def by_axes(model, file):
    both = [n for n in model if n in file]
    same = [n for n in both if len(model[n]) == len(file[n])]
    return _report(
        model, file, loaded=same, **{"other shape": [n for n in both if n not in same]}
    )


@wrong("12.3", "names taken out of the caller's dict", says="changes what it is given")
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


@wrong("12.3", "the key with an underscore", says="exactly the keys")
def another_key(model, file):
    report = by_sets(model, file)
    report["other_shape"] = report.pop("other shape")
    return report


@wrong("12.3", "no key for an empty list", says="where a list is empty")
def no_empty_list(model, file):
    return {kind: names for kind, names in by_sets(model, file).items() if names}


@wrong("12.3", "counts in place of names", says="a list of *names*")
def counts(model, file):
    return {kind: len(names) for kind, names in by_sets(model, file).items()}


@wrong("12.3", "by place in the dicts", says="look names up")
def by_place(model, file):
    pairs = list(zip(model.items(), file.items(), strict=False))
    return {
        "loaded": [a for (a, s), (b, t) in pairs if a == b and s == t],
        "missing": [a for (a, _), (b, _) in pairs if a != b],
        "unexpected": [b for (a, _), (b, _) in pairs if a != b],
        "other shape": [a for (a, s), (b, t) in pairs if a == b and s != t],
    }


_KEPT = {"loaded": [], "missing": [], "unexpected": [], "other shape": []}


@wrong("12.3", "lists that live on from call to call")
def lists_live_on(model, file, report=_KEPT):
    for kind, names in by_sets(model, file).items():
        report[kind].extend(names)
    return report


# --- 12.4: linear attention by hand ---


def _phi(x):
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


@right("12.4")
def keys_with_values_first(q, k, v):
    q, k = _phi(q), _phi(k)
    table = np.swapaxes(k, -2, -1) @ v
    total = k.sum(axis=-2, keepdims=True)
    return (q @ table) / (q * total).sum(axis=-1, keepdims=True)


@right("12.4")
def weights_first(q, k, v):
    def elu(x):
        return np.where(x > 0, x, np.exp(x) - 1)

    scores = (elu(q) + 1) @ np.swapaxes(elu(k) + 1, -1, -2)
    weights = scores / scores.sum(axis=-1, keepdims=True)
    return weights @ v


@right("12.4")
def by_einsum(q, k, v):
    q = np.maximum(q, 0) + np.exp(np.minimum(q, 0))
    k = np.maximum(k, 0) + np.exp(np.minimum(k, 0))
    top = np.einsum("...td,...sd,...se->...te", q, k, v)
    bottom = np.einsum("...td,...sd->...t", q, k)
    return top / bottom[..., None]


@right("12.4")
def query_by_query(q, k, v):
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    for batch in np.ndindex(q.shape[:-2]):
        for t in range(q.shape[-2]):
            w = [_phi(q[batch][t]) @ _phi(row) for row in k[batch]]
            w = np.array(w) / np.sum(w)
            out[batch][t] = sum(a * b for a, b in zip(w, v[batch], strict=True))
    return out


@right("12.4")
def with_expm1(q, k, v):
    q, k = (np.where(x > 0, x, np.expm1(np.minimum(x, 0))) + 1 for x in (q, k))
    total = np.sum(k, axis=-2)[..., None]
    return q @ (k.swapaxes(-1, -2) @ v) / (q @ total)


@right("12.4")
def with_ops(q, k, v):
    q, k = ops.elu(q) + 1, ops.elu(k) + 1
    weights = ops.matmul(q, ops.swapaxes(k, -1, -2))
    weights = weights / ops.sum(weights, axis=-1, keepdims=True)
    return ops.convert_to_numpy(ops.matmul(weights, v))


def _attention(phi=_phi, of_keys=None, divide=None):
    """Linear attention with other features or another division."""

    def linear_attention(q, k, v):
        weights = phi(q) @ np.swapaxes((of_keys or phi)(k), -2, -1)
        if divide is None:
            weights = weights / weights.sum(-1, keepdims=True)
        else:
            weights = divide(weights, q, k)
        return weights @ v

    return linear_attention


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


wrong(
    "12.4",
    "divided by the number of keys",
    _attention(divide=lambda w, q, k: w / k.shape[-2]),
    says="number of keys",
)
wrong(
    "12.4",
    "divided by the number of queries",
    _attention(divide=lambda w, q, k: w / q.shape[-2]),
    says="number of queries",
)
wrong(
    "12.4",
    "divided by the root of the width",
    _attention(divide=lambda w, q, k: w / q.shape[-1] ** 0.5),
    says="root of the width",
)
wrong(
    "12.4",
    "not divided",
    _attention(divide=lambda w, q, k: w),
    says="Nothing is divided",
)
wrong(
    "12.4",
    "weights of each key sum to 1",
    _attention(divide=lambda w, q, k: w / w.sum(-2, keepdims=True)),
    says="each *key* sum to 1",
)
wrong(
    "12.4",
    "all weights together sum to 1",
    _attention(divide=lambda w, q, k: w / w.sum((-2, -1), keepdims=True)),
    says="All weights together",
)
wrong(
    "12.4",
    "softmax of the products",
    _attention(divide=lambda w, q, k: _softmax(w)),
    says="A softmax of the products",
)
wrong(
    "12.4",
    "softmax attention without a scale",
    _attention(lambda x: x, divide=lambda w, q, k: _softmax(w)),
    says="This is softmax attention",
)
wrong(
    "12.4",
    "softmax attention",
    _attention(lambda x: x, divide=lambda w, q, k: _softmax(w / q.shape[-1] ** 0.5)),
    says="This is softmax attention",
)
wrong(
    "12.4",
    "elu without the 1",
    _attention(lambda x: _phi(x) - 1),
    says="without the + 1",
)
wrong("12.4", "relu + 1", _attention(lambda x: np.maximum(x, 0) + 1), says="ReLU + 1")
wrong("12.4", "exp everywhere", _attention(np.exp), says="Your features are exp(x)")
wrong(
    "12.4",
    "exp(x) + 1 below zero",
    _attention(lambda x: np.where(x > 0, x, np.exp(x)) + 1),
    says="exp(x) + 1",
)
wrong(
    "12.4",
    "features of the queries alone",
    _attention(of_keys=lambda x: x),
    says="Only the queries",
)
wrong(
    "12.4",
    "features of the keys alone",
    _attention(lambda x: x, of_keys=_phi),
    says="Only the keys",
)
wrong(
    "12.4",
    "queries divided by the root of the width first",
    _attention(lambda x: _phi(x / x.shape[-1] ** 0.5), of_keys=_phi),
    says="root of their width first",
)
wrong(
    "12.4",
    "divided by the sum of the raw products",
    _attention(
        divide=lambda w, q, k: w / (q @ np.swapaxes(k, -2, -1)).sum(-1, keepdims=True)
    ),
    says="raw queries and keys",
)


@wrong("12.4", ".T turns the batch, too", says="turns *all* axes")
def turned_by_T(q, k, v):
    weights = _phi(q) @ _phi(k).T
    return weights / weights.sum(-1, keepdims=True) @ v


@wrong("12.4", "keys summed over the batch")
def keys_of_the_batch(q, k, v):
    q, k = _phi(q), _phi(k)
    total = k.sum(axis=0) if k.ndim > 2 else k.sum(axis=-2, keepdims=True)
    top = q @ (np.swapaxes(k, -2, -1) @ v)
    return top / (q * total.sum(axis=-2, keepdims=True)).sum(-1, keepdims=True)


@wrong("12.4", "keys summed over their width", says="One divisor for all")
def keys_over_their_width(q, k, v):
    q, k = _phi(q), _phi(k)
    top = q @ (np.swapaxes(k, -2, -1) @ v)
    return top / k.sum(axis=-1).sum(axis=-1)[..., None, None]


@wrong(
    "12.4",
    "the division by the keys' sum, component by component",
    says="each component of the keys",
)
def component_by_component(q, k, v):
    q, k = _phi(q), _phi(k)
    k = k / k.sum(axis=-2, keepdims=True)
    return q @ (np.swapaxes(k, -2, -1) @ v)
