"""Answers to the exercises of notebook 13 as learners give them, written blind."""

import re

import keras
import numpy as np
from keras import ops
from tests_answers import right, wrong

# --- 13.1: the frozen wrong layers ---


def _embeddings(classifier):
    return classifier.backbone.get_layer("vit_patching_and_embedding")


def _encoder(classifier):
    return classifier.backbone.get_layer("vit_encoder")


def _blocks(classifier):
    return _encoder(classifier).encoder_layers


@right("13.1")
def every_layer_first(classifier, n):
    for layer in classifier._flatten_layers():
        layer.trainable = True
    if n > 0:
        _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@right("13.1")
def variable_by_variable(classifier, n):
    classifier.trainable = True
    for v in classifier.variables:
        v.trainable = True
    if n:
        frozen = [_embeddings(classifier), *_blocks(classifier)[:n]]
        for v in [v for part in frozen for v in part.variables]:
            v.trainable = False
    return classifier


@right("13.1")
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


@right("13.1")
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


@right("13.1")
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


@wrong("13.1", "the slice of the colleague", says="holds the input")
def slice_of_the_backbone(classifier, n):
    classifier.backbone.trainable = True
    for layer in classifier.backbone.layers[:n]:
        layer.trainable = False


@wrong("13.1", "the slice of the tutorial", says="has four entries")
def slice_of_the_classifier(classifier, n):
    for layer in classifier.layers:
        layer.trainable = True
    for layer in classifier.layers[:-n]:
        layer.trainable = False


@wrong("13.1", "the embeddings forgotten", says="The embeddings still learn")
def blocks_only(classifier, n):
    _thawed(classifier)
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("13.1", "with n = 0 the embeddings stay frozen", says="With n = 0 nothing")
def embeddings_always(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("13.1", "nothing thawed that was frozen before", says="stays frozen")
def never_thaws(classifier, n):
    if n > 0:
        _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("13.1", "the flag of the model, which is True already", says="stays frozen")
def flag_of_the_model(classifier, n):
    classifier.trainable = True
    _embeddings(classifier).trainable = n == 0
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("13.1", "the flag of the backbone, which is True already", says="stays frozen")
def flag_of_the_backbone(classifier, n):
    classifier.backbone.trainable = True
    if n > 0:
        _embeddings(classifier).trainable = False
    for i in range(n):
        _blocks(classifier)[i].trainable = False


@wrong("13.1", "a head that was frozen stays so", says="stays frozen")
def head_stays(classifier, n):
    for layer in classifier.backbone._flatten_layers():
        layer.trainable = True
    _embeddings(classifier).trainable = n == 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i >= n


@wrong("13.1", "a last norm that was frozen stays so", says="stays frozen")
def norm_stays(classifier, n):
    for layer in (*classifier.layers, *classifier.backbone.layers):
        layer.trainable = True
    _embeddings(classifier).trainable = n == 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i >= n


@wrong("13.1", "the last norm frozen with the encoder", says="The last norm is frozen")
def norm_frozen(classifier, n):
    _thawed(classifier)
    if n == 0:
        return
    classifier.backbone.trainable = False
    for block in _blocks(classifier)[n:]:
        block.trainable = True


@wrong("13.1", "only the head learns", says="whole backbone is frozen")
def whole_backbone(classifier, n):
    _thawed(classifier)
    classifier.backbone.trainable = n == 0


@wrong("13.1", "the last n blocks", says="the *last* n blocks")
def last_blocks(classifier, n):
    _thawed(classifier)
    if n:
        _embeddings(classifier).trainable = False
        for block in _blocks(classifier)[-n:]:
            block.trainable = False


@wrong("13.1", "all blocks but the last n", says="all blocks *but* n")
def all_but_the_last(classifier, n):
    _thawed(classifier)
    blocks = _blocks(classifier)
    if n:
        _embeddings(classifier).trainable = False
        for block in blocks[: len(blocks) - n]:
            block.trainable = False


@wrong("13.1", "one block too many", says="One block too many")
def one_more(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = n == 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i > n or n == 0


@wrong(
    "13.1",
    "one block too few, for the embeddings count as one",
    says="One block too few",
)
def one_less(classifier, n):
    _thawed(classifier)
    for part in [_embeddings(classifier), *_blocks(classifier)][:n]:
        part.trainable = False


@wrong("13.1", "two blocks whatever n is", says="freezes two blocks")
def always_two(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:2]:
        block.trainable = False


@wrong("13.1", "the switch of PyTorch", says="PyTorch's word")
def requires_grad(classifier, n):
    _thawed(classifier)
    for part in [_embeddings(classifier), *_blocks(classifier)[:n]]:
        part.requires_grad = False


@wrong("13.1", "frozen and thawed the wrong way round", says="The wrong way round")
def upside_down(classifier, n):
    _thawed(classifier)
    _embeddings(classifier).trainable = n > 0
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i < n


@wrong("13.1", "the head frozen, too", says="The head is frozen")
def head_frozen(classifier, n):
    every_layer_first(classifier, n)
    classifier.output_dense.trainable = False


# --- 13.2: layers behind the logits ---


@right("13.2")
def functional(classifier, classes):
    features = classifier.backbone.output[:, 0]
    hidden = keras.layers.Dense(64, "relu", name="hidden")(features)
    return keras.Model(classifier.input, keras.layers.Dense(classes)(hidden))


@right("13.2")
def called_on_an_input(classifier, classes):
    images = keras.Input(classifier.backbone.image_shape)
    token = classifier.backbone(images)[:, 0, :]
    return keras.Model(
        images,
        keras.Sequential(
            [keras.layers.Dense(64, activation="relu"), keras.layers.Dense(classes)]
        )(token),
    )


@right("13.2")
def relu_as_a_layer(classifier, classes):
    x = classifier.backbone.output[:, 0]
    x = keras.layers.Activation("relu")(keras.layers.Dense(64)(x))
    x = keras.layers.Dense(classes, activation=None, name="logits")(x)
    return keras.Model(classifier.backbone.inputs, x)


@right("13.2")
def with_a_lambda(classifier, classes):
    first = keras.layers.Lambda(lambda tokens: tokens[:, 0])
    return keras.Sequential(
        [
            keras.Input(classifier.backbone.image_shape),
            classifier.backbone,
            first,
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(classes, "linear"),
        ]
    )


@right("13.2")
def backbone_frozen_first(classifier, classes):
    """Freezing the backbone meanwhile is not asked for, and does no harm."""
    tokens = classifier.backbone(classifier.input)
    x = ops.relu(keras.layers.Dense(64)(ops.take(tokens, 0, axis=1)))
    return keras.Model(classifier.input, keras.layers.Dense(classes)(x))


@wrong("13.2", "the colleague's lines", says="behind the old head")
def colleague(classifier, classes):
    x = keras.layers.Dense(64, activation="relu")(classifier.output)
    x = keras.layers.Dense(classes, activation="softmax")(x)
    return keras.Model(classifier.input, x)


@wrong("13.2", "softmax gone, still behind the logits", says="behind the old head")
def only_the_softmax_mended(classifier, classes):
    x = keras.layers.Dense(64, activation="relu")(classifier.output)
    return keras.Model(classifier.input, keras.layers.Dense(classes)(x))


@wrong("13.2", "softmax stays", says="softmax")
def only_the_place_mended(classifier, classes):
    x = keras.layers.Dense(64, "relu")(classifier.backbone.output[:, 0])
    x = keras.layers.Dense(classes)(x)
    return keras.Model(classifier.input, keras.layers.Softmax()(x))


@wrong("13.2", "pools over all tokens", says="mean of all tokens")
def pooled(classifier, classes):
    x = keras.layers.GlobalAveragePooling1D()(classifier.backbone.output)
    x = keras.layers.Dense(64, "relu")(x)
    return keras.Model(classifier.input, keras.layers.Dense(classes)(x))


@wrong("13.2", "forgets to take one token", says="every token")
def all_tokens(classifier, classes):
    x = keras.layers.Dense(64, "relu")(classifier.backbone.output)
    return keras.Model(classifier.input, keras.layers.Dense(classes)(x))


@wrong("13.2", "no activation between", says="no activation")
def two_linear_layers(classifier, classes):
    x = keras.layers.Dense(64)(classifier.backbone.output[:, 0])
    return keras.Model(classifier.input, keras.layers.Dense(classes)(x))


@wrong("13.2", "the last layer has the ReLU", says="very end")
def relu_at_the_end(classifier, classes):
    x = keras.layers.Dense(64, "relu")(classifier.backbone.output[:, 0])
    return keras.Model(classifier.input, keras.layers.Dense(classes, "relu")(x))


@wrong("13.2", "no hidden layer", says="hidden layer of 64 numbers is missing")
def linear_head(classifier, classes):
    x = keras.layers.Dense(classes)(classifier.backbone.output[:, 0])
    return keras.Model(classifier.input, x)


@wrong("13.2", "returns the tensor")
def tensor_only(classifier, classes):
    x = keras.layers.Dense(64, "relu")(classifier.backbone.output[:, 0])
    return keras.layers.Dense(classes)(x)


@wrong("13.2", "a fresh backbone", says="backbone of its own")
def fresh_backbone(classifier, classes):
    kind = type(classifier.backbone)
    backbone = kind.from_config(classifier.backbone.get_config())
    x = keras.layers.Dense(64, "relu")(backbone.output[:, 0])
    return keras.Model(backbone.input, keras.layers.Dense(classes)(x))


# --- 13.3: an attention of one's own ---


def derived(body, build=None):
    """Derive an attention with a temperature and this `_compute_attention`."""

    class MyAttention(keras.layers.MultiHeadAttention):
        def build(self, query_shape, value_shape, key_shape=None):
            super().build(query_shape, value_shape, key_shape)
            if build is None:
                self.temperature = self.add_weight(
                    shape=(self.num_heads,), initializer="ones", name="temperature"
                )
            else:
                build(self)

        def _compute_attention(self, query, key, value, *rest, **options):
            usual = super()._compute_attention
            return body(self, usual, query, key, value, *rest, **options)

    return MyAttention


def _written_out(self, usual, query, key, value, *rest, **options):
    scores = ops.einsum("bqhd,bkhd->bhqk", query, key) / ops.sqrt(float(self.key_dim))
    scores = scores * ops.reshape(self.temperature, (1, -1, 1, 1))
    weights = ops.softmax(scores, axis=-1)
    return ops.einsum("bhqk,bkhd->bqhd", weights, value), weights


right("13.3", derived(_written_out))
right(
    "13.3",
    derived(
        lambda self, usual, q, k, v, *rest, **options: usual(
            q * self.temperature[None, None, :, None], k, v, *rest, **options
        )
    ),
)
right(
    "13.3",
    derived(
        lambda self, usual, q, k, v, *rest, **options: usual(
            q, ops.expand_dims(self.temperature, -1) * k, v, *rest, **options
        )
    ),
)


@right("13.3")
class HeadByHead(keras.layers.MultiHeadAttention):
    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self.temperature = self.add_weight(
            name="temperature", shape=[self.num_heads], initializer="ones"
        )

    def _compute_attention(self, query, key, value, *unused, **options):
        heads = []
        for i in range(self.num_heads):
            scores = query[:, :, i] @ ops.swapaxes(key[:, :, i], -1, -2)
            scores = scores / self.key_dim**0.5 * self.temperature[i]
            heads.append(ops.softmax(scores) @ value[:, :, i])
        return ops.stack(heads, axis=2), None


@right("13.3")
class MadeFirst(keras.layers.MultiHeadAttention):
    """The weight is made before those of the ordinary attention."""

    def build(self, query_shape, value_shape, key_shape=None):
        self.temperature = self.add_weight(
            (self._num_heads,), keras.initializers.Constant(1.0), name="temperature"
        )
        super().build(query_shape, value_shape, key_shape)

    def _compute_attention(self, query, *args, **kwargs):
        query = ops.einsum("bthd,h->bthd", query, self.temperature)
        return super()._compute_attention(query, *args, **kwargs)


def _making(**arguments):
    def build(self):
        settings = {"shape": (self.num_heads,), "initializer": "ones"}
        settings |= {"name": "temperature", **arguments}
        self.temperature = self.add_weight(**settings)

    return build


def _times(self, usual, q, k, v, *rest, **options):
    return usual(q * self.temperature[:, None], k, v, *rest, **options)


wrong(
    "13.3",
    "starts at zero",
    derived(_times, _making(initializer="zeros")),
    says="start at zero",
)
wrong(
    "13.3",
    "divides",
    derived(
        lambda self, usual, q, k, v, *rest, **options: usual(
            q / self.temperature[:, None], k, v, *rest, **options
        )
    ),
    says="divide by the temperature",
)
wrong(
    "13.3",
    "queries and keys",
    derived(
        lambda self, usual, q, k, v, *rest, **options: usual(
            q * self.temperature[:, None],
            k * self.temperature[:, None],
            v,
            *rest,
            **options,
        )
    ),
    says="square",
)
wrong(
    "13.3",
    "after the softmax",
    derived(
        lambda self, usual, q, k, v, *rest, **options: (
            usual(q, k, v, *rest, **options)[0] * self.temperature[:, None],
            None,
        )
    ),
    says="values",
)
wrong(
    "13.3",
    "one for all heads",
    derived(
        lambda self, usual, q, k, v, *rest, **options: usual(
            q * self.temperature, k, v, *rest, **options
        ),
        _making(shape=(1,)),
    ),
    says="share one temperature",
)
wrong("13.3", "another name", derived(_times, _making(name="tau")), says="another name")
wrong(
    "13.3",
    "does not learn",
    derived(_times, _making(trainable=False)),
    says="does not learn",
)
wrong(
    "13.3",
    "never used",
    derived(lambda self, usual, *parts, **options: usual(*parts, **options)),
    says="nothing reads it",
)


@wrong("13.3", "without the root of d", says="root of d")
class WithoutScale(keras.layers.MultiHeadAttention):
    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self.temperature = self.add_weight(
            (self.num_heads,), "ones", name="temperature"
        )

    def _compute_attention(self, query, key, value, *rest, **options):
        scores = ops.einsum("bqhd,bkhd->bhqk", query, key)
        weights = ops.softmax(scores * self.temperature[:, None, None])
        return ops.einsum("bhqk,bkhd->bqhd", weights, value), None


@wrong("13.3", "a function instead of a class", says="derived from")
def my_attention(self, query, key, value):
    return query


@wrong("13.3", "not derived", says="derived from")
class FromLayer(keras.layers.Layer):
    def __init__(self, heads, d, **options):
        super().__init__(**options)


# --- 13.4: linear attention by hand ---


def _phi(x):
    return np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))


@right("13.4")
def keys_with_values_first(q, k, v):
    q, k = _phi(q), _phi(k)
    table = np.swapaxes(k, -2, -1) @ v
    total = k.sum(axis=-2, keepdims=True)
    return (q @ table) / (q * total).sum(axis=-1, keepdims=True)


@right("13.4")
def weights_first(q, k, v):
    def elu(x):
        return np.where(x > 0, x, np.exp(x) - 1)

    scores = (elu(q) + 1) @ np.swapaxes(elu(k) + 1, -1, -2)
    weights = scores / scores.sum(axis=-1, keepdims=True)
    return weights @ v


@right("13.4")
def by_einsum(q, k, v):
    q = np.maximum(q, 0) + np.exp(np.minimum(q, 0))
    k = np.maximum(k, 0) + np.exp(np.minimum(k, 0))
    top = np.einsum("...td,...sd,...se->...te", q, k, v)
    bottom = np.einsum("...td,...sd->...t", q, k)
    return top / bottom[..., None]


@right("13.4")
def query_by_query(q, k, v):
    out = np.zeros((*q.shape[:-1], v.shape[-1]))
    for batch in np.ndindex(q.shape[:-2]):
        for t in range(q.shape[-2]):
            w = [_phi(q[batch][t]) @ _phi(row) for row in k[batch]]
            w = np.array(w) / np.sum(w)
            out[batch][t] = sum(a * b for a, b in zip(w, v[batch], strict=True))
    return out


@right("13.4")
def with_expm1(q, k, v):
    q, k = (np.where(x > 0, x, np.expm1(np.minimum(x, 0))) + 1 for x in (q, k))
    total = np.sum(k, axis=-2)[..., None]
    return q @ (k.swapaxes(-1, -2) @ v) / (q @ total)


@right("13.4")
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
    "13.4",
    "divided by the number of keys",
    _attention(divide=lambda w, q, k: w / k.shape[-2]),
    says="number of keys",
)
wrong(
    "13.4",
    "divided by the number of queries",
    _attention(divide=lambda w, q, k: w / q.shape[-2]),
    says="number of queries",
)
wrong(
    "13.4",
    "divided by the root of the width",
    _attention(divide=lambda w, q, k: w / q.shape[-1] ** 0.5),
    says="root of the width",
)
wrong(
    "13.4",
    "not divided",
    _attention(divide=lambda w, q, k: w),
    says="Nothing is divided",
)
wrong(
    "13.4",
    "weights of each key sum to 1",
    _attention(divide=lambda w, q, k: w / w.sum(-2, keepdims=True)),
    says="each *key* sum to 1",
)
wrong(
    "13.4",
    "all weights together sum to 1",
    _attention(divide=lambda w, q, k: w / w.sum((-2, -1), keepdims=True)),
    says="All weights together",
)
wrong(
    "13.4",
    "softmax of the products",
    _attention(divide=lambda w, q, k: _softmax(w)),
    says="A softmax of the products",
)
wrong(
    "13.4",
    "softmax attention without a scale",
    _attention(lambda x: x, divide=lambda w, q, k: _softmax(w)),
    says="This is softmax attention",
)
wrong(
    "13.4",
    "softmax attention",
    _attention(lambda x: x, divide=lambda w, q, k: _softmax(w / q.shape[-1] ** 0.5)),
    says="This is softmax attention",
)
wrong(
    "13.4",
    "elu without the 1",
    _attention(lambda x: _phi(x) - 1),
    says="without the + 1",
)
wrong("13.4", "relu + 1", _attention(lambda x: np.maximum(x, 0) + 1), says="ReLU + 1")
wrong("13.4", "exp everywhere", _attention(np.exp), says="Your features are exp(x)")
wrong(
    "13.4",
    "exp(x) + 1 below zero",
    _attention(lambda x: np.where(x > 0, x, np.exp(x)) + 1),
    says="exp(x) + 1",
)
wrong(
    "13.4",
    "features of the queries alone",
    _attention(of_keys=lambda x: x),
    says="Only the queries",
)
wrong(
    "13.4",
    "features of the keys alone",
    _attention(lambda x: x, of_keys=_phi),
    says="Only the keys",
)
wrong(
    "13.4",
    "queries divided by the root of the width first",
    _attention(lambda x: _phi(x / x.shape[-1] ** 0.5), of_keys=_phi),
    says="root of their width first",
)
wrong(
    "13.4",
    "divided by the sum of the raw products",
    _attention(
        divide=lambda w, q, k: w / (q @ np.swapaxes(k, -2, -1)).sum(-1, keepdims=True)
    ),
    says="raw queries and keys",
)


@wrong("13.4", ".T turns the batch, too", says="turns *all* axes")
def turned_by_T(q, k, v):
    weights = _phi(q) @ _phi(k).T
    return weights / weights.sum(-1, keepdims=True) @ v


@wrong("13.4", "keys summed over the batch")
def keys_of_the_batch(q, k, v):
    q, k = _phi(q), _phi(k)
    total = k.sum(axis=0) if k.ndim > 2 else k.sum(axis=-2, keepdims=True)
    top = q @ (np.swapaxes(k, -2, -1) @ v)
    return top / (q * total.sum(axis=-2, keepdims=True)).sum(-1, keepdims=True)


@wrong("13.4", "keys summed over their width", says="One divisor for all")
def keys_over_their_width(q, k, v):
    q, k = _phi(q), _phi(k)
    top = q @ (np.swapaxes(k, -2, -1) @ v)
    return top / k.sum(axis=-1).sum(axis=-1)[..., None, None]


@wrong(
    "13.4",
    "the division by the keys' sum, component by component",
    says="each component of the keys",
)
def component_by_component(q, k, v):
    q, k = _phi(q), _phi(k)
    k = k / k.sum(axis=-2, keepdims=True)
    return q @ (np.swapaxes(k, -2, -1) @ v)
