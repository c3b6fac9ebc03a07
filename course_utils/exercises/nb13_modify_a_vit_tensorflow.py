"""Exercises of notebook 13: freezing, a head, an attention, linear attention."""

import functools
import tempfile

import keras
import keras_hub
import numpy as np
from keras import ops

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.exercises.nb11_cats_vs_dogs_tensorflow import encoder_of, parts_of

# --- 13.1 The frozen wrong layers -------------------------------------------------


def freeze_blocks(classifier, n):
    for layer in classifier._flatten_layers():
        layer.trainable = True
    backbone = classifier.backbone
    backbone.get_layer("vit_patching_and_embedding").trainable = n == 0
    for block in backbone.get_layer("vit_encoder").encoder_layers[:n]:
        block.trainable = False


@functools.cache  # to build one takes a second
def _built() -> tuple:
    backbone = keras_hub.models.ViTBackbone((4, 4, 3), 2, 3, 1, 2, 2)
    classifier = keras_hub.models.ViTImageClassifier(backbone, num_classes=2)
    return classifier, list(classifier._flatten_layers())


def small_classifier(frozen_before: str):
    """Return a classifier of three blocks in which all but the named parts learn.

    Every call gets the same classifier with all flags set anew, since building takes
    long; only if an answer has added or removed layers is another one built.
    """
    classifier, layers = _built()
    if list(classifier._flatten_layers()) != layers:
        _built.cache_clear()
        return small_classifier(frozen_before)
    for part in [*layers, *classifier.weights]:
        part.trainable = True
    parts = {"everything": classifier, "backbone": classifier.backbone}
    for name in filter(None, frozen_before.split(", ")):
        (parts | parts_of(classifier))[name].trainable = False
    return classifier


def what_learns(classifier) -> dict[str, str]:
    """Return for each part whether it learns, is frozen, or learns in part."""
    learning = {weight.path for weight in classifier.trainable_variables}
    found = {}
    for name, part in parts_of(classifier).items():
        learns = [weight.path in learning for weight in part.weights]
        not_whole = "in part" if any(learns) else "frozen"
        found[name] = "learns" if all(learns) else not_whole
    return found


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
    for block in encoder_of(classifier).encoder_layers[n:]:
        block.trainable = True


def _whole_backbone(classifier, n):
    _thaw_all(classifier, n)
    classifier.backbone.trainable = n == 0


def _head_frozen(classifier, n):
    freeze_blocks(classifier, n)
    classifier.output_dense.trainable = False


def _new_attribute(classifier, n):
    _thaw_all(classifier, n)
    for block in encoder_of(classifier).encoder_layers[:n]:
        block.requires_grad = False


def _by_weights(classifier, n):
    classifier.trainable = True
    frozen = [f"_block_{i + 1}/" for i in range(n)]
    for weight in classifier.weights:
        low = n > 0 and "embedding" in weight.path
        weight.trainable = not low and not any(name in weight.path for name in frozen)


def _by_parts(classifier, n):
    classifier.trainable = True
    encoder = encoder_of(classifier)
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
    id="13.1",
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
        (2, "last norm"),
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


# --- 13.2 Layers behind the logits ------------------------------------------------


def new_head(classifier, classes):
    tokens = classifier.backbone.output  # (B, T, D)
    x = keras.layers.Dense(64, activation="relu")(tokens[:, 0])
    logits = keras.layers.Dense(classes)(x)
    return keras.Model(classifier.backbone.input, logits)


@functools.cache  # to build one takes a second
def _fixed_classifier():
    """Return a classifier with fixed weights; answers put layers behind it."""
    backbone = keras_hub.models.ViTBackbone((8, 8, 3), 4, 1, 2, 6, 8)
    classifier = keras_hub.models.ViTImageClassifier(backbone, num_classes=5)
    rng = np.random.default_rng(1)
    for variable in classifier.variables:
        if variable.dtype == "float32":
            variable.assign(rng.normal(size=variable.shape))
    return classifier


def _head_probe(answer, classes):
    classifier = _fixed_classifier()
    start = classifier.get_weights()
    try:
        return _facts_of_head(answer(classifier, classes), classifier, classes)
    finally:
        classifier.set_weights(start)


def _facts_of_head(model, classifier, classes):
    """Say what the new layers read and give, by what the model does."""
    if not isinstance(model, keras.Model):
        raise NotAnAnswer("Return the new model, a `keras.Model` from pictures on.")
    images = np.random.default_rng(0).normal(size=(3, 8, 8, 3)).astype("float32")
    found = {"shape": "(B, " + ", ".join(map(str, model(images).shape[1:])) + ")"}
    own = {id(v) for v in classifier.backbone.variables}
    found["backbone"] = (
        "the same" if own <= {id(v) for v in model.variables} else "another"
    )
    old = [classifier.output_dense.kernel, classifier.output_dense.bias]
    before = np.array(model(images))
    for variable in old:
        variable.assign(2 * variable + 1)
    found["old head"] = (
        "is not used" if np.allclose(before, model(images)) else "is read"
    )
    known = own | {id(v) for v in old}
    new = [v for v in model.trainable_variables if id(v) not in known]
    found["new weights"] = ", ".join(str(tuple(v.shape)) for v in new)
    if found["new weights"] == f"(6, 64), (64,), (64, {classes}), ({classes},)":
        found |= _facts_by_weights(model, images, classifier, new)
    return found


def _facts_by_weights(model, images, classifier, new):
    """Give the new layers simple weights, and look at what comes out."""
    first, first_bias, last, last_bias = new
    first.assign(np.zeros(first.shape))
    first_bias.assign(-np.ones(64))
    last.assign(np.ones(last.shape) / 64)
    last_bias.assign(np.arange(last.shape[1]) * 0.5 - 1)
    hidden_off = np.array(model(images))[0]
    first_bias.assign(np.ones(64))
    hidden_on = np.array(model(images))[0]
    first.assign(np.eye(6, 64))
    first_bias.assign(np.full(64, 9.0))
    reads = np.array(model(images))[:, 0]
    return {"hidden at -1": hidden_off, "hidden at 1": hidden_on, "reads": reads}


def _head(read="token", hidden="relu", final=None, width=64, extra=()):
    """Return an answer that differs from the solution in one part."""

    def new_head(classifier, classes):
        tokens = classifier.backbone.output
        reads = {
            "token": lambda: tokens[:, 0],
            "mean": lambda: keras.ops.mean(tokens, axis=1),
            "patches": lambda: keras.ops.mean(tokens[:, 1:], axis=1),
            "last": lambda: tokens[:, -1],
            "tokens": lambda: tokens,
            "flat": lambda: keras.layers.Flatten()(tokens),
            "logits": lambda: classifier.output,
        }
        x = keras.layers.Dense(width, activation=hidden)(reads[read]())
        for layer in extra:
            x = layer()(x)
        x = keras.layers.Dense(classes, activation=final)(x)
        return keras.Model(classifier.input, x)

    return new_head


def _no_hidden(classifier, classes):
    x = keras.layers.Dense(classes)(classifier.backbone.output[:, 0])
    return keras.Model(classifier.backbone.input, x)


def _other_backbone(classifier, classes):
    backbone = keras_hub.models.ViTBackbone.from_config(
        classifier.backbone.get_config()
    )
    x = keras.layers.Dense(64, activation="relu")(backbone.output[:, 0])
    return keras.Model(backbone.input, keras.layers.Dense(classes)(x))


def _two_classes(classifier, classes):
    return new_head(classifier, 2)


def _called(classifier, classes):
    images = keras.Input(classifier.backbone.image_shape)
    tokens = classifier.backbone(images)
    x = keras.layers.Dense(64)(tokens[:, 0])
    x = keras.layers.ReLU()(x)
    return keras.Model(images, keras.layers.Dense(classes, name="logits")(x))


_BEHIND = (
    "Your layers stand behind the old head: they read its class logits, a few numbers "
    "about other classes, and not the class token."
)
_PROBABILITIES = (
    "Your model ends with softmax, so it gives probabilities. The loss with "
    "`from_logits=True` takes a second softmax of them: training goes on, but hardly "
    "learns. End with logits."
)

BEHIND = Exercise(
    id="13.2",
    title="Spot the bug: layers behind the logits",
    solution=new_head,
    cases=((3,), (7,)),
    probe=_head_probe,
    mistakes=(
        Mistake(_head("logits", final="softmax"), f"{_BEHIND} And softmax ends it."),
        Mistake(_head("logits"), _BEHIND),
        Mistake(_head(final="softmax"), _PROBABILITIES),
        Mistake(
            _head(final="relu"),
            "A ReLU stands at the very end, so no logit is below zero, and a class "
            "whose number is negative gets no gradient. Logits are plain numbers.",
        ),
        Mistake(
            _head(final="sigmoid"),
            "A sigmoid stands at the end. Logits are plain numbers; the loss with "
            "`from_logits=True` does the rest.",
        ),
        Mistake(
            _head(hidden=None),
            "The hidden layer has no activation: two linear layers are one.",
        ),
        Mistake(_head(hidden="gelu"), "The hidden layer uses GELU, not ReLU."),
        Mistake(
            _head("mean"),
            "Your head reads the mean of all tokens. The class token is token 0.",
        ),
        Mistake(
            _head("patches"),
            "Your head reads the mean of the patches. The class token is token 0.",
        ),
        Mistake(
            _head("last"),
            "Your head reads the last token, a patch. The class token is token 0.",
        ),
        Mistake(
            _head("tokens"),
            "Your head reads every token, so it gives logits for each of them. Take "
            "the class token first: `tokens[:, 0]`.",
        ),
        Mistake(
            _head("flat"),
            "Your head reads all tokens side by side. Only the class token is asked "
            "for: `tokens[:, 0]`.",
        ),
        Mistake(_head(width=32), "The hidden layer is to have 64 numbers, not 32."),
        Mistake(_no_hidden, "The hidden layer of 64 numbers is missing."),
        Mistake(
            _other_backbone,
            "Your model has a backbone of its own, with random weights. Use that of "
            "the classifier.",
        ),
        Mistake(
            _two_classes,
            "Your model has two classes, whatever `classes` says.",
        ),
    ),
    hints=(
        "What does `classifier.output` hold? Print its shape, and that of "
        "`classifier.backbone.output`.",
        "The backbone gives all tokens, (B, T, D). The class token is `[:, 0]`.",
        'A hidden `Dense(64, activation="relu")`, then `Dense(classes)` without an '
        "activation, and `keras.Model(classifier.backbone.input, ...)`.",
    ),
    because="New layers belong on what the backbone says, not on the old answers; and "
    "a loss with `from_logits=True` wants plain numbers.",
    alternatives=(_called,),
    seconds=60.0,
    tolerance=1e-4,
)


# --- 13.3 An attention of your own ------------------------------------------------


class TemperedAttention(keras.layers.MultiHeadAttention):
    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self.temperature = self.add_weight(
            (self.num_heads,), "ones", name="temperature"
        )

    def _compute_attention(self, query, *others, **options):
        query = query * self.temperature[:, None]  # (B, T, h, d)
        return super()._compute_attention(query, *others, **options)


def _attention_probe(answer, heads, d, temperatures):
    usual = keras.layers.MultiHeadAttention
    if not (isinstance(answer, type) and issubclass(answer, usual)):
        raise NotAnAnswer(
            "Give the class itself, derived from `layers.MultiHeadAttention`."
        )
    rng = np.random.default_rng(heads)
    shape = (2, 5, heads * d)
    x = rng.normal(size=shape).astype("float32")
    inputs = keras.Input(shape[1:])
    layer = answer(heads, d, name="attention")
    model = keras.Model(inputs, layer(inputs, inputs))
    places = {v.path.partition("/")[2]: v for v in layer.variables}
    ordinary = usual(heads, d, name="attention")
    ordinary.build(shape, shape)
    for variable in ordinary.variables:
        name = variable.path.partition("/")[2]
        if name in places:
            places.pop(name).assign(rng.normal(size=variable.shape))
    shapes = [tuple(v.shape) for v in places.values()]
    name = "temperature" if "temperature" in places else "another name"
    found = {"new weights": f"{name} {shapes[0]}" if len(shapes) == 1 else str(shapes)}
    if found["new weights"] != f"temperature ({heads},)":
        return found
    found["learns"] = "yes" if places["temperature"].trainable else "no"
    found["at the start"] = np.array(model(x))
    places["temperature"].assign(temperatures)
    found["later"] = np.array(model(x))
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model.keras")
        again = keras.saving.load_model(
            f"{folder}/model.keras", custom_objects={answer.__name__: answer}
        )
    found["reloaded"] = np.array(again(x))
    return found


def _tempered(change=None, first="ones", shape=None, learns=True, name="temperature"):
    """Derive an attention that differs from the solution in one part."""

    class Tempered(keras.layers.MultiHeadAttention):
        def build(self, query_shape, value_shape, key_shape=None):
            super().build(query_shape, value_shape, key_shape)
            self.temperature = self.add_weight(
                shape or (self.num_heads,), first, name=name, trainable=learns
            )

        def _compute_attention(self, query, key, value, *others, **options):
            parts = change(self.temperature[:, None], query, key, value)
            return super()._compute_attention(*parts, *others, **options)

    return Tempered


def _by_scores(weigh):
    """Derive an attention that is written out, with softmax and values in `weigh`."""

    class Tempered(TemperedAttention):
        def _compute_attention(self, query, key, value, *others, **options):
            scores = ops.einsum("bthd,bshd->bhts", query, key)
            weights = weigh(scores, query.shape[-1], self.temperature[:, None, None])
            return ops.einsum("bhts,bshd->bthd", weights, value), None

    return Tempered


class _Unused(TemperedAttention):
    def _compute_attention(self, *others, **options):
        return keras.layers.MultiHeadAttention._compute_attention(
            self, *others, **options
        )


class _NotInherited(TemperedAttention):
    def build(self, query_shape, value_shape, key_shape=None):
        super().build(query_shape, value_shape, key_shape)
        self.temperature = keras.ops.ones(self.num_heads)


class _OnQueries(TemperedAttention):
    """Right, in another style: the scores are written out."""

    def _compute_attention(self, query, key, value, *others, **options):
        scores = ops.einsum("bthd,bshd->bhts", query, key) / self.key_dim**0.5
        weights = ops.softmax(scores * self.temperature[:, None, None])
        return ops.einsum("bhts,bshd->bthd", weights, value), None


def _multiplied(t, q, k, v):
    return q * t, k, v


ATTENTION = Exercise(
    id="13.3",
    title="An attention of your own",
    solution=TemperedAttention,
    cases=(
        (2, 3, np.array([0.5, 3.0], "float32")),
        (3, 2, np.array([2.0, 0.0, -1.0], "float32")),
        (4, 4, np.array([1.0, 0.25, 4.0, 1.5], "float32")),
    ),
    probe=_attention_probe,
    mistakes=(
        Mistake(
            _tempered(_multiplied, first="zeros"),
            "The temperatures start at zero, so that every token sees all tokens "
            "alike, and the loaded weights answer nothing. One leaves them as they "
            "were.",
        ),
        Mistake(
            _tempered(_multiplied, first="glorot_uniform"),
            "The temperatures start at random numbers. Start at one: then the model "
            "answers as before.",
        ),
        Mistake(
            _tempered(lambda t, q, k, v: (q / t, k, v)),
            "You divide by the temperature. The statement multiplies the scores by it.",
        ),
        Mistake(
            _tempered(lambda t, q, k, v: (q * t, k * t, v)),
            "Queries *and* keys are multiplied, so that the scores get the square.",
        ),
        Mistake(
            _tempered(lambda t, q, k, v: (q, k, v * t)),
            "You multiply the values, or the weights after the softmax, which then no "
            "longer sum to 1. The temperature belongs to the scores, before the "
            "softmax.",
        ),
        Mistake(
            _tempered(lambda t, q, k, v: (q + t, k, v)),
            "You add the temperature to the queries. Scores are to be *multiplied* by "
            "it.",
        ),
        Mistake(
            _by_scores(lambda s, d, t: ops.softmax(s * t)),
            "The scores are no longer divided by the root of d, as ordinary attention "
            "does. With temperatures of one, nothing may change.",
        ),
        Mistake(
            _by_scores(lambda s, d, t: ops.softmax(s / d**0.5 * t, axis=-2)),
            "Your softmax runs over the queries. The weights of each query sum to 1 "
            "over the keys, the last axis.",
        ),
        Mistake(
            _Unused,
            "The weight is there, but the answers are those of ordinary attention. "
            "Either nothing reads it, or it is added to the scores: the same number "
            "for all keys is not seen by the softmax. Multiply.",
        ),
        Mistake(
            _tempered(_multiplied, learns=False),
            "The temperature does not learn: it was made with `trainable=False`.",
        ),
        Mistake(
            _tempered(lambda t, q, k, v: (q * t[0], k, v), shape=(1,)),
            "All heads share one temperature. Each head is to have its own: shape "
            "(heads,).",
        ),
        Mistake(
            keras.layers.MultiHeadAttention,
            "There is no new weight; a plain number would not learn, nor be saved. "
            "Make it in `build`, after `super().build(...)`, by "
            '`self.add_weight((self.num_heads,), ..., name="temperature")`.',
        ),
        Mistake(
            _tempered(_multiplied, name=None),
            "The new weight has another name. Names decide what a file is loaded "
            'into: give it `name="temperature"`.',
        ),
    ),
    hints=(
        "`RelativeAttention` of the lesson has a new weight, too. Where is it made?",
        "The scores are linear in the queries: a query that is multiplied by a number "
        "has scores multiplied by it. Queries have the shape (B, T, h, d).",
        "In `_compute_attention`, call that of `super()` with "
        "`query * self.temperature[:, None]`.",
    ),
    because="Multiplying the queries of a head multiplies its scores, and a number "
    "that starts at one leaves the loaded model as it was.",
    alternatives=(_OnQueries,),
    seconds=60.0,
    tolerance=1e-4,
)


# --- 13.4 Linear attention --------------------------------------------------------


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
    id="13.4",
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

EXERCISES = (FROZEN, BEHIND, ATTENTION, LINEAR)
