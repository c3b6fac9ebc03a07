"""Exercises of notebook 05: the forward pass, losses, a step by tape, kernels."""

import contextlib
import functools
import inspect
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.vit import keras as package

SECONDS = 30.0  # TensorFlow's first calls are slow


def _array(value):
    """Turn a result of Keras or TensorFlow into NumPy; leave the placeholder alone."""
    if value is ... or value is None:
        return value
    return np.asarray(value)


# --- 05.1 The forward pass --------------------------------------------------------


class MyViT(package.ViT):
    def call(self, images, training=None, return_attention=False):
        x = self.embed(images)  # (B, H, W, C) -> (B, N, D)
        first = ops.repeat(self.class_token, len(x), axis=0)  # (B, 1, D)
        x = ops.concatenate([first, x], axis=1)  # (B, N, D) -> (B, T, D)
        x = self.dropout(x + self.positions, training=training)
        attention = []
        for block in self.blocks:
            x, weights = block(x, training=training)  # (B, T, D)
            attention.append(weights)  # (B, h, T, T)
        logits = self.head(self.norm(x)[:, 0])  # (B, D) -> (B, K)
        return (logits, attention) if return_attention else logits


def _first(vit, patches):
    return ops.repeat(vit.class_token, len(patches), axis=0)


def _tokens(vit, patches):
    return _bare_tokens(vit, patches) + vit.positions


def _bare_tokens(vit, patches):
    return ops.concatenate([_first(vit, patches), patches], axis=1)


def _tokens_without_class(vit, patches):
    return patches + vit.positions[:, 1:]


def _tokens_without_class_and_wrong_positions(vit, patches):
    return patches + vit.positions[:, :-1]


def _tokens_one_position_too_many(vit, patches):
    return patches + vit.positions  # N tokens and N + 1 positions


def _tokens_class_last(vit, patches):
    return ops.concatenate([patches, _first(vit, patches)], axis=1) + vit.positions


def _tokens_class_not_repeated(vit, patches):
    return ops.concatenate([vit.class_token, patches], axis=1) + vit.positions


def _tokens_class_of_zeros(vit, patches):
    first = ops.zeros_like(patches[:, :1])
    return ops.concatenate([first, patches], axis=1) + vit.positions


def _tokens_class_added(vit, patches):
    return patches + vit.class_token + vit.positions[:, 1:]


def _tokens_class_without_position(vit, patches):
    patches = patches + vit.positions[:, 1:]
    return _bare_tokens(vit, patches)


def _tokens_class_with_wrong_positions(vit, patches):
    patches = patches + vit.positions[:, :-1]
    return _bare_tokens(vit, patches)


def _tokens_times_positions(vit, patches):
    return _bare_tokens(vit, patches) * vit.positions


def _through(vit, x, training):
    """Pass the blocks; return the tokens and the weights of each block."""
    attention = []
    for block in vit.blocks:
        x, weights = block(x, training=training)
        attention.append(weights)
    return x, attention


def _through_none(vit, x, training):
    return x, _through(vit, x, training)[1]


def _through_none_each_alone(vit, x, training):
    return x, [block(x, training=training)[1] for block in vit.blocks]


def _through_the_first(vit, x, training):
    x, weights = vit.blocks[0](x, training=training)
    return x, [weights]


def _through_each_alone(vit, x, training):
    results = [block(x, training=training) for block in vit.blocks]
    return results[-1][0], [weights for _, weights in results]


def _through_with_the_pair(vit, x, training):
    for block in vit.blocks:
        x = block(x, training=training)
    return x, []


def _through_with_a_second_sum(vit, x, training):
    attention = []
    for block in vit.blocks:
        change, weights = block(x, training=training)
        x = x + change
        attention.append(weights)
    return x, attention


def _through_with_a_norm_each(vit, x, training):
    attention = []
    for block in vit.blocks:
        x, weights = block(vit.norm(x), training=training)
        attention.append(weights)
    return x, attention


def _through_backward(vit, x, training):
    attention = []
    for block in reversed(vit.blocks):
        x, weights = block(x, training=training)
        attention.append(weights)
    return x, attention


def _through_without_dropout(vit, x, training):
    return _through(vit, x, training=False)


def _read_first(vit, x):
    return vit.head(vit.norm(x)[:, 0])


def _pair_if_wanted(logits, attention, wanted):
    return (logits, attention) if wanted else logits


def _drop(vit, x, training):
    return vit.dropout(x, training=training)


def _vit(
    tokens=_tokens,
    through=_through,
    read=_read_first,
    result=_pair_if_wanted,
    drop=_drop,
):
    """Return a class whose forward pass has some of its five parts changed."""

    class Changed(package.ViT):
        def call(self, images, training=None, return_attention=False):
            x = drop(self, tokens(self, self.embed(images)), training)
            x, attention = through(self, x, training)
            return result(read(self, x), attention, return_attention)

    return Changed


class _DropoutBeforePositions(package.ViT):
    def call(self, images, training=None, return_attention=False):
        x = _bare_tokens(self, self.embed(images))
        x = self.dropout(x, training=training) + self.positions
        x, attention = _through(self, x, training)
        return _pair_if_wanted(_read_first(self, x), attention, return_attention)


class _NoGradient(package.ViT):
    def call(self, images, training=None, return_attention=False):
        x = ops.stop_gradient(_tokens(self, self.embed(images)))
        x, attention = _through(self, _drop(self, x, training), training)
        return _pair_if_wanted(_read_first(self, x), attention, return_attention)


class _PositionsInTwoParts(package.ViT):
    def call(self, images, training=None, return_attention=False):
        patches = self.embed(images) + self.positions[:, 1:]
        first = self.class_token + self.positions[:, :1]
        first = tf.tile(first, [tf.shape(images)[0], 1, 1])
        x = self.dropout(tf.concat((first, patches), 1))
        pairs = []
        for block in self.blocks:
            pairs.append(block(x))
            x = pairs[-1][0]
        logits = self.head(self.norm(x[:, 0]))
        return (logits, [w for _, w in pairs]) if return_attention else logits


class _Dropout(keras.layers.Layer):
    """Stands for dropout in a check: what it does while training is no chance."""

    def __init__(self, rate, **options):
        super().__init__(**options)
        self.rate = rate

    def call(self, inputs, training=None):
        return ops.tanh(inputs) if training and self.rate else inputs


def _given_call(self, *arguments, **named):
    raise NotAnAnswer(
        "Your class uses the `call` that the package gives. Write your own, under that "
        "name, from the parts that `__init__` made."
    )


@functools.cache
def _small_vit(*sizes):
    """Return a model of the package with weights that are no coincidence."""
    with mock.patch.object(keras.layers, "Dropout", _Dropout):
        model = package.ViT(*sizes)
    rng = np.random.default_rng(0)
    for number, weight in enumerate(model.weights):
        weight.assign(rng.normal(0.1 * (number % 3), 0.6, weight.shape))
    return model


@contextlib.contextmanager
def _as(answer, sizes):
    """Give a model of the answer's class; one that adds nothing borrows the parts."""
    original = _small_vit(*sizes)
    same_start = answer.__init__ is package.ViT.__init__
    calls = (inspect.signature(kind.call) for kind in (answer, package.ViT))
    if same_start and len(set(calls)) == 1:
        original.__class__ = answer
        try:
            yield original
        finally:
            original.__class__ = package.ViT
        return
    with mock.patch.object(keras.layers, "Dropout", _Dropout):
        model = answer(*sizes)
    try:
        model.set_weights(original.get_weights())
    except ValueError:
        raise NotAnAnswer(
            "Your class does not have the parts of `package.ViT`. Derive it from "
            "`package.ViT` and write `call` only."
        ) from None
    yield model


@contextlib.contextmanager
def _plain_errors():
    """Leave errors as they are; Keras would add what every layer was given."""
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        yield
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()


def _probe_forward(
    answer, B, image_size, patch_size, blocks, return_attention=False, training=False
):
    """Logits of a small model with random weights."""
    if not (isinstance(answer, type) and issubclass(answer, package.ViT)):
        raise NotAnAnswer(
            "Give the class itself, derived from `package.ViT`, without calling it."
        )
    sizes = (image_size, patch_size, 2, 7, 6, blocks, 3, 10, 0.5)
    shape = (B, image_size, image_size, 2)
    images = np.random.default_rng(1).normal(size=shape).astype("float32")
    asked = {"return_attention": True} if return_attention else {}
    with (
        _plain_errors(),
        _as(answer, sizes) as model,
        mock.patch.object(package.ViT, "call", _given_call),
        tf.GradientTape() as tape,
    ):
        result = model(images, training=training, **asked)
        pair = isinstance(result, tuple)
        logits, weights = (*result, None)[:2] if pair else (result, None)
        total = ops.sum(logits) if tf.is_tensor(logits) else None
    if result is ...:
        return result
    if result is None:
        raise NotAnAnswer("Your `call` returns nothing; end it with `return`.")
    if total is None:
        raise NotAnAnswer("The logits come first, as a tensor.")
    gradient = tape.gradient(total, model.embed.project.kernel.value)
    found = {"logits": logits, "a gradient arrives": float(gradient is not None)}
    if pair:
        found["attention weights"] = list(weights) if weights is not None else []
    return found


_CLASS_TOKEN_MISSING = (
    "The class token is missing: it stands before the patches, so that there are N + 1 "
    "tokens, as many as positions."
)
_POSITIONS_BEFORE = (
    "You add the positions before the class token has joined. There is one for *every* "
    "token, the class token's first: concatenate, then add them all."
)

FORWARD = Exercise(
    id="05.1",
    title="The forward pass",
    solution=MyViT,
    probe=_probe_forward,
    kinds=("tensorflow",),
    cases=(
        (3, 8, 4, 2),
        (2, 9, 3, 3),
        (1, 4, 2, 1),
        (3, 8, 4, 2, True),
        (2, 8, 4, 2, False, True),
    ),
    mistakes=(
        *(
            Mistake(_vit(tokens), _CLASS_TOKEN_MISSING)
            for tokens in (
                _tokens_without_class,
                _tokens_without_class_and_wrong_positions,
                _tokens_one_position_too_many,
            )
        ),
        *(
            Mistake(
                _vit(_tokens_class_last, read=read),
                "Your class token comes after the patches. It is token 0, before them.",
            )
            for read in (_read_first, lambda vit, x: vit.head(vit.norm(x)[:, -1]))
        ),
        Mistake(
            _vit(_tokens_class_not_repeated),
            "There is one class token, `(1, 1, D)`, and every image needs it: "
            "`ops.repeat(self.class_token, len(x), axis=0)`.",
        ),
        Mistake(
            _vit(_tokens_class_of_zeros),
            "Your class token is a new tensor. The model has a learned one, "
            "`self.class_token`.",
        ),
        Mistake(
            _vit(_tokens_class_added),
            "You add the class token to the patches. It is a token of its own: "
            "`ops.concatenate` along the axis of the tokens.",
        ),
        Mistake(
            _vit(_bare_tokens),
            "The positions are missing, so the model cannot tell where a patch was.",
        ),
        *(
            Mistake(_vit(tokens), _POSITIONS_BEFORE)
            for tokens in (
                _tokens_class_without_position,
                _tokens_class_with_wrong_positions,
            )
        ),
        Mistake(
            _vit(_tokens_times_positions),
            "You multiply by the positions. They are added.",
        ),
        *(
            Mistake(
                _vit(through=through),
                "The blocks are skipped: what they return never reaches the head.",
            )
            for through in (_through_none, _through_none_each_alone)
        ),
        Mistake(
            _vit(through=_through_the_first),
            "Only the first block works. The tokens pass through all of them.",
        ),
        Mistake(
            _vit(through=_through_each_alone),
            "Every block gets the same tokens, and the last result wins. Each block "
            "takes what the one before it returned.",
        ),
        Mistake(
            _vit(through=_through_with_the_pair),
            "A block returns two things, the new tokens and the attention weights. "
            "Take them apart: `x, weights = block(x, training=training)`.",
        ),
        Mistake(
            _vit(through=_through_with_a_second_sum),
            "You add what a block returns to what went in. The block has done that "
            "already: its result replaces the tokens.",
        ),
        Mistake(
            _vit(through=_through_with_a_norm_each),
            "The last norm stands before every block. Blocks have norms of their own; "
            "this one comes once, after all of them.",
        ),
        Mistake(
            _vit(through=_through_backward),
            "The tokens pass the blocks from the last to the first.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(x[:, 0])),
            "The last norm is missing between the blocks and the head.",
        ),
        *(
            Mistake(
                _vit(read=read),
                "You average tokens before the head. That is a ViT as well, but not "
                "this one: its head reads the class token, token 0, alone.",
            )
            for read in (
                lambda vit, x: vit.head(ops.mean(vit.norm(x), axis=1)),
                lambda vit, x: vit.head(ops.mean(vit.norm(x)[:, 1:], axis=1)),
                lambda vit, x: vit.head(vit.norm(ops.mean(x, axis=1))),
                lambda vit, x: vit.head(vit.norm(ops.mean(x[:, 1:], axis=1))),
            )
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[:, -1])),
            "Your head reads the last patch. The class token is the first token.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[:, 1])),
            "Your head reads the first patch. The class token is token 0.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[0])),
            "You take the first *image*. The first token of every image is `[:, 0]`.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x))),
            "Your head answers for every token. Give it token 0 alone: one row of "
            "logits for each image.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[:, :1])),
            "The slice `[:, :1]` keeps an axis of one token. `[:, 0]` takes it away.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.norm(x)[:, 0]),
            "You return the class token. The head makes logits of it.",
        ),
        *(
            Mistake(
                _vit(read=lambda vit, x, last=last: last(_read_first(vit, x))),
                "You return probabilities. The model gives logits; the loss does the "
                "softmax itself.",
            )
            for last in (ops.softmax, ops.log_softmax, ops.sigmoid)
        ),
        Mistake(
            _vit(read=lambda vit, x: ops.argmax(_read_first(vit, x), axis=-1)),
            "You return the answer of each image. The loss needs the logits.",
        ),
        Mistake(
            _vit(result=lambda logits, attention, wanted: (logits, attention)),
            "The attention weights come only if they are asked for. Without "
            "`return_attention`, return the logits alone.",
        ),
        Mistake(
            _vit(result=lambda logits, attention, wanted: logits),
            "`return_attention=True` asks for a pair: the logits, and a list with the "
            "weights of every block.",
        ),
        Mistake(
            _vit(
                result=lambda logits, attention, wanted: (
                    (logits, attention[-1]) if wanted else logits
                )
            ),
            "You return the weights of the last block. Asked is a list with those of "
            "every block.",
        ),
        Mistake(
            _vit(
                result=lambda logits, attention, wanted: (
                    (logits, attention[::-1]) if wanted else logits
                )
            ),
            "The weights of the first block come first in the list.",
        ),
        Mistake(
            _vit(
                result=lambda logits, attention, wanted: (
                    (logits, [ops.mean(w, axis=1) for w in attention])
                    if wanted
                    else logits
                )
            ),
            "Leave the heads apart: the weights of a block have the shape (B, h, T, "
            "T).",
        ),
        Mistake(
            _vit(drop=lambda vit, x, training: x),
            "The dropout on the tokens is missing. It does nothing in this lesson, "
            "whose models have none, but a model with dropout needs it.",
        ),
        Mistake(
            _DropoutBeforePositions,
            "Your dropout acts before the positions are added. It belongs on the sum.",
        ),
        Mistake(
            _vit(
                drop=lambda vit, x, training: vit.dropout(x, training=True),
            ),
            "Your dropout acts in every call. It acts only if `training` says so: hand "
            "the argument on.",
        ),
        Mistake(
            _vit(
                drop=lambda vit, x, training: vit.dropout(x, training=False),
                through=_through_without_dropout,
            ),
            "Dropout never acts, in training neither. Hand `training` on as it comes.",
        ),
        Mistake(
            _NoGradient,
            "No gradient reaches the patches: with `stop_gradient`, or NumPy on the "
            "way, nothing before that point will be learned.",
        ),
    ),
    hints=(
        "Six lines do it, in the order of the picture: embed, put the class token in "
        "front, add the positions, pass the blocks, norm, head.",
        "`ops.repeat(self.class_token, len(x), axis=0)` gives each image its class "
        "token, and `ops.concatenate([..., x], axis=1)` puts it before the patches.",
        "Each block returns the new tokens and its weights: `x, weights = block(x, "
        "training=training)`. After the last one, `self.norm(x)[:, 0]` is what the "
        "head reads.",
    ),
    because="That is the whole Vision Transformer. For the same weights your class "
    "gives the same logits as the one below.",
    alternatives=(_PositionsInTwoParts, _vit()),
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 05.2 Whole numbers for a categorical loss ------------------------------------


def mean_loss(logits, labels):
    losses = keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )
    return keras.ops.mean(losses)


def _silent(logits, labels):
    labels = tf.cast(labels[:, None], logits.dtype)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))


def _refused(logits, labels):
    return keras.losses.CategoricalCrossentropy(from_logits=True)(labels, logits)


def _loss(one_hot=None, log_softmax=None, reduce=np.mean):
    def loss(logits, labels):
        logits, labels = np.asarray(logits), np.asarray(labels)
        targets = (one_hot or _one_hot)(labels, logits.shape[1])
        logs = (log_softmax or _log_softmax)(logits)
        return reduce(-(targets * logs).sum(axis=1))

    return loss


def _one_hot(labels, classes):
    return np.eye(classes)[labels]


def _log_softmax(logits, axis=1):
    logits = logits - logits.max(axis=axis, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=axis, keepdims=True))


def _softmax(logits):
    return np.exp(_log_softmax(logits))


def _from_one(labels, classes):
    return np.eye(classes + 1)[labels][:, 1:]


def _without_from_logits(logits, labels):
    return keras.losses.SparseCategoricalCrossentropy()(labels, logits)


def _rows_without_from_logits(logits, labels):
    rows = keras.ops.one_hot(labels, logits.shape[1])
    return keras.losses.CategoricalCrossentropy()(rows, logits)


def _by_tf_nn(logits, labels):
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    )


def _ten_classes(logits, labels):
    rows = tf.one_hot(labels, 10)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(rows, logits))


def _by_parts(probabilities, least=0.0):
    """Make a loss of a softmax and, apart from it, a logarithm."""

    def loss(logits, labels):
        picked = tf.gather(probabilities(logits), labels, axis=1, batch_dims=1)
        return -tf.reduce_mean(tf.math.log(tf.maximum(picked, least)))

    return loss


def _exp_by_exp(logits):
    exp = tf.exp(logits)
    return exp / tf.reduce_sum(exp, axis=1, keepdims=True)


def _safe_softmax(logits):
    return tf.nn.softmax(logits)


def _probe_loss(answer, logits, labels):
    return _array(answer(logits, labels))


INTEGERS = Exercise(
    id="05.2",
    title="Spot the bug: whole numbers for a categorical loss",
    solution=mean_loss,
    probe=_probe_loss,
    cases=(
        (np.array([[2.0, 0.5, 1.0], [-1.0, 3.0, 0.0]], "float32"), np.array([2, 1])),
        (
            np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]], "float32"),
            np.array([0, 1, 1]),
        ),
        (
            np.linspace(-2, 2, 40, dtype="float32").reshape(4, 10) ** 2,
            np.array([0, 9, 4, 4]),
        ),
        (np.array([[100.0, 0.0, 98.0], [0.0, -1.0, 1.0]], "float32"), np.array([2, 1])),
        (np.array([[100.0, 0.0, 50.0], [0.0, -1.0, 1.0]], "float32"), np.array([2, 1])),
        (
            np.array([[300.0, 0.0, 150.0], [0.0, -1.0, 1.0]], "float32"),
            np.array([1, 1]),
        ),
    ),
    mistakes=(
        Mistake(
            _silent,
            "Whole numbers still stand where a row of zeros and a one should: label 7 "
            "counts seven times, label 0 not at all, and none points at its class.",
        ),
        Mistake(
            _refused,
            "`CategoricalCrossentropy` wants rows `(B, K)`, and Keras 3 says so. Take "
            "the sparse loss, or make rows of the labels first.",
        ),
        Mistake(
            _loss(log_softmax=lambda logits: _log_softmax(_softmax(logits))),
            "There is a softmax too many: a loss that takes logits does one by itself, "
            "so give it the logits as they are.",
        ),
        Mistake(
            _without_from_logits,
            "You take the logits for probabilities. Say `from_logits=True`.",
        ),
        Mistake(
            _rows_without_from_logits,
            "The rows are right, but you take the logits for probabilities. Say "
            "`from_logits=True`.",
        ),
        Mistake(
            _by_parts(_exp_by_exp),
            "A logit of 100 is too much for `exp` in float32: it gives infinity, and "
            "infinity divided by infinity is `nan`. Leave softmax and logarithm to one "
            "function, which takes logits.",
        ),
        Mistake(
            _by_parts(_safe_softmax),
            "Softmax rounds a very small probability to 0, and the logarithm of 0 is "
            "minus infinity. Leave both to one function, which takes logits.",
        ),
        Mistake(
            _by_parts(_safe_softmax, least=1e-7),
            "Your loss never gets larger than 16: probabilities below 0.0000001 count "
            "as that. Leave softmax and logarithm to one function, which takes logits.",
        ),
        Mistake(
            _ten_classes,
            "Ten classes are MNIST's. How many there are here, the logits say: "
            "`logits.shape[-1]`.",
        ),
        Mistake(
            _loss(log_softmax=lambda logits: _log_softmax(logits, axis=0)),
            "Your softmax runs over the pictures of the batch. Each picture's own "
            "classes share its probability of 1.",
        ),
        Mistake(
            lambda logits, labels: _loss()(logits, labels) / logits.shape[1],
            "You average over all B times K numbers, but in each row only one of K "
            "counts. Sum over the classes first, then take the mean over the batch.",
        ),
        Mistake(
            lambda logits, labels: -_loss()(logits, labels),
            "The minus is missing: a logarithm of a probability is never above 0, and "
            "a loss never below.",
        ),
        Mistake(
            _loss(reduce=np.sum),
            "That is the sum over the batch; asked is the mean.",
        ),
        Mistake(
            _loss(reduce=lambda losses: losses[0]),
            "That is the loss of the first picture alone; asked is the mean of all.",
        ),
        Mistake(
            _loss(one_hot=_from_one),
            "Your rows are shifted: label 0 means the first column.",
        ),
        Mistake(
            _loss(log_softmax=lambda logits: logits),
            "You take the logit of the right class alone. Without the softmax, nobody "
            "asks how it compares with the others.",
        ),
        Mistake(
            _loss(reduce=lambda losses: losses),
            "You give one loss for each picture; asked is their mean, one number.",
        ),
    ),
    hints=(
        "What does `labels * log_softmax(logits)` compute if `labels` is the number 7?",
        "Either the labels become rows (`keras.ops.one_hot`), or the loss is one that "
        "takes whole numbers.",
        "`keras.losses.sparse_categorical_crossentropy(labels, logits, "
        "from_logits=True)` gives one loss for each picture.",
    ),
    because="A whole number is a name, not an amount: it has to *choose* one column of "
    "the log-probabilities. Keras 3's own `CategoricalCrossentropy` refuses whole "
    "numbers; `tf.nn` and losses written by hand do not.",
    alternatives=(_loss(), _by_tf_nn),
    kinds=("tensorflow",),
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 05.3 Dropout that never acts -------------------------------------------------


def training_step(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


def _step(
    training=True, choose=None, apply=True, inside=True, give=float, up=1, swap=False
):
    def step(model, optimizer, loss_function, images, labels):
        if swap:
            loss = loss_function
            loss_function = lambda labels, outputs: loss(outputs, labels)  # noqa: E731
        variables = model.trainable_variables if choose is None else choose(model)
        with tf.GradientTape() as tape:
            outputs = model(images, **({"training": True} if training else {}))
            if inside:
                loss = loss_function(labels, outputs)
        if not inside:
            loss = loss_function(labels, outputs)
        gradients = [g if g is None else up * g for g in tape.gradient(loss, variables)]
        if apply:
            optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return give(loss)

    return step


def _of_last_layer(model):
    return model.layers[-1].trainable_variables


def _of_all_but_the_last(model):
    return [v for part in model.layers[:-1] for v in part.trainable_variables]


def _even_frozen(model):
    return model.weights


def _second_call(model, optimizer, loss_function, images, labels):
    training_step(model, optimizer, loss_function, images, labels)
    return float(loss_function(labels, model(images)))


def _probe_step(answer, images, labels):
    """Losses of two steps of a small model with dropout, and its weights."""
    model = keras.Sequential(
        [
            keras.Input((images.shape[1],)),
            keras.layers.Dense(4, activation="tanh"),
            keras.layers.Dense(5, activation="tanh"),
            keras.layers.Dropout(0.5, seed=0),
            keras.layers.Dense(3),
        ]
    )
    for weight in model.weights:
        size = int(np.prod(weight.shape))
        weight.assign(np.cos(np.arange(size)).reshape(weight.shape))
    model.layers[1].trainable = False
    start = [weight.numpy() for weight in model.weights]
    optimizer = keras.optimizers.SGD(0.5, momentum=0.8)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    losses = [answer(model, optimizer, loss, images, labels) for _ in range(2)]
    if any(value is ... for value in losses):
        return ...
    if any(value is None for value in losses):
        raise NotAnAnswer(
            "Your function returns nothing; end it with `return float(loss)`."
        )
    if not all(isinstance(value, float) for value in losses):
        raise NotAnAnswer("Return a float, `float(loss)`, not a tensor.")
    moved = [
        np.abs(weight.numpy() - old).max() > 0
        for weight, old in zip(model.weights, start, strict=True)
    ]
    _look_at_optimizer(int(optimizer.iterations), any(moved))
    return {
        "losses of two steps": np.array(losses),
        "tensors that moved": float(sum(moved)),
        "last kernel": model.layers[-1].kernel.numpy(),
    }


def _look_at_optimizer(steps, moved):
    """Refuse an answer that leaves the optimizer out, or uses it twice in a step."""
    if moved and not steps:
        raise NotAnAnswer(
            "The weights move, but not by the optimizer that your function is given: "
            "it has not taken a step. Use it, and make none of your own."
        )
    if steps > 2:
        raise NotAnAnswer(
            f"Two calls of your function made {steps} steps of the optimizer. One call "
            "is one step: apply the gradients once."
        )


_POINTS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], dtype="float32")

STEP = Exercise(
    id="05.3",
    title="Spot the bug: dropout that never acts",
    solution=training_step,
    probe=_probe_step,
    cases=(
        (_POINTS, np.array([0, 1, 2])),
        (np.tile(_POINTS, (4, 1)) * 2, np.tile([2, 0, 1], 4)),
    ),
    mistakes=(
        Mistake(
            _step(training=False, choose=_of_last_layer),
            "Both bugs are still there: one in the call of the model, one in the list "
            "of variables.",
        ),
        Mistake(
            _step(training=False),
            "Dropout is still not at work. Outside of `fit` nobody tells the model "
            "that this is training, unless you do, in the call.",
        ),
        Mistake(
            _step(choose=_of_last_layer),
            "Only the last layer learns. `model.trainable_variables` has the "
            "variables of all.",
        ),
        Mistake(
            _step(choose=_of_all_but_the_last),
            "All layers learn but the last. `model.trainable_variables` has the "
            "variables of all.",
        ),
        Mistake(
            _step(choose=_even_frozen),
            "A layer that was frozen moves too. `model.trainable_variables` leaves it "
            "out, as long as nobody thaws it first.",
        ),
        Mistake(
            _step(swap=True),
            "`loss_function` gets its arguments the wrong way round: the labels come "
            "first, then the outputs.",
        ),
        Mistake(
            _step(apply=False),
            "The weights do not move: gradients are computed, but never applied.",
        ),
        Mistake(
            _step(inside=False),
            "The loss is computed after the `with` block has ended: the tape has not "
            "seen it, and all gradients are `None`.",
        ),
        Mistake(
            _second_call,
            "The weights are right, but the loss you return is another one, computed "
            "after the step and without dropout.",
        ),
        Mistake(
            _step(up=-1),
            "You walk uphill: the optimizer subtracts the gradient by itself.",
        ),
    ),
    hints=(
        "How does a Keras layer know whether it is being trained?",
        "`model(images, training=True)` hands the flag to every layer.",
        "And which variables does the optimizer get? `model.trainable_variables`.",
    ),
    because="`training` is an argument in Keras, not a state: whoever calls the model "
    "says it. `fit` does so for you.",
    alternatives=(
        _step(),
        _step(give=lambda loss: float(loss.numpy())),
    ),
    kinds=("tensorflow",),
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 05.4 Softmax applied twice ---------------------------------------------------


def head_and_loss(classes):
    head = keras.layers.Dense(classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return head, loss


def _pair(activation=None, from_logits=True, kind="SparseCategoricalCrossentropy"):
    def pair(classes):
        loss = getattr(keras.losses, kind)(from_logits=from_logits)
        return keras.layers.Dense(classes, activation=activation), loss

    return pair


def _pair_of_tf(activation=None, reduce="reduce_mean"):
    def pair(classes):
        def loss(labels, logits):
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            return getattr(tf, reduce)(each)

        return keras.layers.Dense(classes, activation=activation), loss

    return pair


def _outputs_first(classes):
    head, loss = _pair_of_tf()(classes)
    return head, lambda outputs, labels: loss(labels, outputs)


def _over_the_batch(classes):
    head, _ = head_and_loss(classes)
    loss = _loss(log_softmax=lambda logits: _log_softmax(logits, axis=0))
    return head, lambda labels, outputs: loss(outputs, labels)


def _smoothed(classes):
    head, _ = head_and_loss(classes)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    return head, lambda labels, logits: loss(keras.ops.one_hot(labels, classes), logits)


def _probe_pair(answer, logits, labels):
    """Loss of a head with known weights; its output comes without its history."""
    classes = logits.shape[1]
    pair = answer(classes)
    if pair is ... or pair is None:
        return pair
    if not (isinstance(pair, tuple | list) and len(pair) == 2):
        raise NotAnAnswer("Return two things: the layer, then the loss.")
    head, loss = pair
    if not isinstance(head, keras.layers.Dense):
        raise NotAnAnswer("The first of the two must be a `layers.Dense`.")
    if not callable(loss):
        raise NotAnAnswer(
            "The second of the two must be the loss itself, which can be called: "
            "`loss(labels, outputs)`."
        )
    if head.units != classes:
        raise NotAnAnswer(
            f"Your layer gives {head.units} numbers, but the check asked for {classes} "
            "classes. Use the argument `classes`."
        )
    head.build((None, classes))
    head.set_weights([np.eye(classes), np.zeros(classes)][: 1 + head.use_bias])
    # As an array, so that Keras cannot look back at the softmax and correct it.
    outputs = tf.constant(np.asarray(head(logits)))
    try:
        return _array(loss(labels, outputs))
    except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
        return f"The loss stops with {type(error).__name__}: {error}"


TWICE = Exercise(
    id="05.4",
    title="Spot the bug: softmax applied twice",
    solution=head_and_loss,
    probe=_probe_pair,
    cases=(
        (np.array([[2.0, 0.5, 1.0], [-1.0, 3.0, 0.0]], "float32"), np.array([2, 1])),
        (50 * np.eye(5, 4, dtype="float32")[:4], np.array([0, 1, 2, 3])),
        (np.linspace(-1, 2, 70, dtype="float32").reshape(7, 10), np.arange(7)),
    ),
    mistakes=(
        Mistake(
            _pair_of_tf("softmax"),
            "There are still two softmaxes: a loss that takes logits does one by "
            "itself, and another stands before it.",
        ),
        Mistake(
            _pair(from_logits=False),
            "Now there is no softmax at all: the loss takes logits for probabilities. "
            "One of the two must do it.",
        ),
        Mistake(
            _pair(kind="CategoricalCrossentropy"),
            "The pair fits, but not the labels: they are whole numbers, and this loss "
            "wants rows of zeros and a one.",
        ),
        Mistake(
            _pair_of_tf("relu"),
            "A `relu` makes every negative logit 0, so the model cannot say no to a "
            "class. Logits take no activation.",
        ),
        Mistake(
            _smoothed,
            "Your loss smooths the labels, so even a perfect answer costs something. "
            "Nobody asked for that here.",
        ),
        Mistake(
            _over_the_batch,
            "Your softmax runs over the pictures of the batch. Each picture's own "
            "classes share its probability of 1.",
        ),
        Mistake(
            _outputs_first,
            "Your loss takes the outputs first. The check calls "
            "`loss(labels, outputs)`, as Keras does.",
        ),
        Mistake(
            _pair_of_tf(reduce="identity"),
            "Your loss gives one number for each picture; asked is their mean.",
        ),
        Mistake(
            _pair("sigmoid", from_logits=False),
            "A sigmoid looks at each class alone, so the ten numbers do not sum to 1. "
            "One class of several takes a softmax.",
        ),
        Mistake(
            _pair_of_tf(reduce="reduce_sum"),
            "That is the sum over the batch; asked is the mean.",
        ),
    ),
    hints=(
        "Who does the softmax: the layer, or the loss? Exactly one of them.",
        "`from_logits=True` means: the loss does it.",
        "A `Dense` without an activation gives logits.",
    ),
    because="One softmax, in one place. In the loss it is also safer: "
    "log and softmax together do not overflow.",
    alternatives=(
        _pair("softmax", from_logits=False),
        _pair("linear"),
        _pair_of_tf(),
    ),
    kinds=("tensorflow",),
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 05.5 A kernel moves house ----------------------------------------------------


def to_keras(weight):
    if weight.ndim == 2:
        return weight.T  # (out, in) -> (in, out)
    return weight.transpose(2, 3, 1, 0)  # (D, C, H, W) -> (H, W, C, D)


def _moved(dense=(1, 0), convolution=(2, 3, 1, 0)):
    def move(weight):
        return weight.transpose(dense if weight.ndim == 2 else convolution)

    return move


def _reshaped(weight):
    return np.reshape(weight, to_keras(weight).shape)


def _reshaped_dense(weight):
    return _reshaped(weight) if weight.ndim == 2 else to_keras(weight)


def _reshaped_convolution(weight):
    return to_keras(weight) if weight.ndim == 2 else _reshaped(weight)


def _flattened(weight):
    return np.reshape(weight, (len(weight), -1)).T


def _mirrored(weight):
    return to_keras(weight if weight.ndim == 2 else weight[:, :, ::-1, ::-1])


def _by_axes(weight):
    if weight.ndim == 2:
        return np.swapaxes(weight, 0, 1)
    return np.moveaxis(weight, [0, 1], [3, 2])


def _by_letters(weight):
    return np.einsum("oi->io" if weight.ndim == 2 else "dchw->hwcd", weight)


KERNEL = Exercise(
    id="05.5",
    title="A kernel moves house",
    solution=to_keras,
    cases=(
        (np.arange(6.0).reshape(2, 3),),
        (np.arange(16.0).reshape(2, 2, 2, 2),),
        (np.arange(120.0).reshape(5, 2, 3, 4),),
    ),
    mistakes=(
        Mistake(
            _moved(dense=(0, 1)),
            "The matrix of a dense layer is transposed: PyTorch has `(outputs, "
            "inputs)`, Keras `(inputs, outputs)`.",
        ),
        Mistake(
            _reshaped,
            "`reshape` gives the right shape and the wrong places. Axes are exchanged "
            "by `transpose`.",
        ),
        Mistake(
            _reshaped_dense,
            "`reshape` gives the dense matrix the right shape and puts its numbers in "
            "the wrong places. Axes are exchanged by `transpose`.",
        ),
        Mistake(
            _reshaped_convolution,
            "`reshape` gives the convolution the right shape and puts its numbers in "
            "the wrong places. Axes are exchanged by `transpose`.",
        ),
        Mistake(
            _moved(convolution=(1, 2, 3, 0)),
            "The outputs are last, as they should be, but the inputs still come before "
            "height and width: Keras has `(height, width, C, D)`.",
        ),
        Mistake(
            _moved(convolution=(3, 2, 0, 1)),
            "You read `transpose` the wrong way round. It says, for each *new* axis, "
            "which old one it is.",
        ),
        Mistake(
            _flattened,
            "The convolution has become a matrix, which only a layer on flattened "
            "patches could use. `layers.Conv2D` wants four axes.",
        ),
        Mistake(
            _mirrored,
            "You mirror every filter. Both libraries lay a filter on the picture in "
            "the same way, so only the order of the axes differs.",
        ),
        Mistake(
            _moved(convolution=(3, 2, 1, 0)),
            "`.T` turns *all* axes around, height and width too: each filter is "
            "mirrored along its diagonal, and with square patches no error tells you.",
        ),
        Mistake(
            _moved(convolution=(2, 3, 0, 1)),
            "Height and width come first, as they should, but the last two axes of "
            "Keras are inputs, then outputs: `(height, width, C, D)`.",
        ),
        Mistake(
            _moved(convolution=(0, 2, 3, 1)),
            "That is the order for *images* with channels last. A kernel has "
            "`(height, width, C, D)`.",
        ),
        Mistake(
            _moved(convolution=(0, 1, 2, 3)),
            "The kernel of the convolution has not moved at all.",
        ),
    ),
    hints=(
        "Write the letters of both shapes side by side: `D C H W` and `H W C D`.",
        "`transpose(a, b, c, d)` says, for each new axis, which old one it is.",
        "The new first axis is the old number 2.",
    ),
    because="An axis keeps its meaning and changes its place; no number is lost or "
    "mixed.",
    alternatives=(_by_axes, _by_letters, _moved()),
    tolerance=0.0,
)


# --- 05.6 Keras's own schedule ----------------------------------------------------


def schedule(total, warmup, peak):
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=total - warmup,
        warmup_target=peak,
        warmup_steps=warmup,
    )


def _cosine(start=0.0, decay=None, target=1.0, wait=True, end=0.0):
    """Make a schedule; ``start`` and ``target`` are multiples of the peak."""

    def schedule(total, warmup, peak):
        return keras.optimizers.schedules.CosineDecay(
            start * peak,
            decay(total, warmup) if decay else total - warmup,
            alpha=end,
            warmup_target=None if target is None else target * peak,
            warmup_steps=warmup if wait else 0,
        )

    return schedule


def _exchanged(total, warmup, peak):
    return schedule(total, total - warmup, peak)


def _alpha_is_peak(total, warmup, peak):
    return _cosine(end=peak)(total, warmup, peak)


def _a_tenth(total, warmup, peak):
    return schedule(total, total // 10, peak)


def _peak_of_the_lesson(total, warmup, peak):
    return schedule(total, warmup, 3e-3)


def _probe_schedule(answer, total, warmup, peak):
    """Rates along the run."""
    rates = answer(total, warmup, peak)
    if rates is ... or rates is None:
        return rates
    if not isinstance(rates, keras.optimizers.schedules.CosineDecay):
        raise NotAnAnswer(
            "Return a `keras.optimizers.schedules.CosineDecay`, which gives a rate for "
            f"each step. Yours is of type `{type(rates).__name__}`."
        )
    if isinstance(rates.initial_learning_rate, int):
        raise NotAnAnswer(
            "`initial_learning_rate` is a whole number, and Keras gives all rates the "
            f"type of that one. Write `{rates.initial_learning_rate}.0`."
        )
    steps = (0, warmup // 2, warmup, (warmup + total) // 2, total - 1, total)
    return {f"step {step}": float(rates(step)) for step in steps}


SCHEDULE = Exercise(
    id="05.6",
    title="Keras's own schedule",
    solution=schedule,
    probe=_probe_schedule,
    cases=((100, 20, 0.5), (60, 4, 0.003)),
    mistakes=(
        Mistake(
            _cosine(decay=lambda total, warmup: total),
            "The rate does not reach 0 at step `total`: `decay_steps` counts from the "
            "end of the warm-up on.",
        ),
        Mistake(
            _cosine(start=1.0, decay=lambda total, warmup: total, target=None),
            "There is no warm-up: the rate starts at its peak.",
        ),
        Mistake(
            _cosine(start=1.0, target=None),
            "There is no warm-up. Keras wants `warmup_target` *and* `warmup_steps`, "
            "and says nothing if one of them is missing.",
        ),
        Mistake(
            _cosine(start=1.0),
            "With a warm-up `initial_learning_rate` is where it *begins*: yours starts "
            "at the peak, and stays there until the cosine begins.",
        ),
        Mistake(
            _alpha_is_peak,
            "You hand over the peak as `alpha` as well. That is the share of it that "
            "is left at the end, and it should be 0.",
        ),
        Mistake(
            lambda total, warmup, peak: schedule(total, warmup, 1.0),
            "Your peak is always 1. Here `peak` says how high it is.",
        ),
        Mistake(
            _cosine(end=0.1),
            "`alpha` is the share of the peak that is left at the end; it should be 0.",
        ),
        Mistake(
            _cosine(end=1.0),
            "With `alpha=1.0` the rate stays at its peak: `alpha` is the share of the "
            "peak that is left at the end.",
        ),
        Mistake(
            _cosine(decay=lambda total, warmup: total + warmup),
            "The rate does not reach 0 at step `total`, but much later: `decay_steps` "
            "counts the steps of the cosine alone.",
        ),
        Mistake(
            _cosine(decay=lambda total, warmup: total - warmup + 1),
            "The rate reaches 0 one step too late: count the cosine's steps again.",
        ),
        Mistake(
            _cosine(decay=lambda total, warmup: total - warmup - 1),
            "The rate reaches 0 one step too soon: count the cosine's steps again.",
        ),
        Mistake(
            _cosine(start=1 / 25),
            "The first rate is not 0. (A 25th of the peak is PyTorch's `OneCycleLR`.)",
        ),
        Mistake(
            _exchanged,
            "The two lengths are exchanged: your warm-up takes as long as the cosine "
            "should, and the cosine as long as the warm-up.",
        ),
        Mistake(
            _a_tenth,
            "Your warm-up is always a tenth of the run, as in the lesson. Here "
            "`warmup` says how many steps it has.",
        ),
        Mistake(
            _peak_of_the_lesson,
            "Your peak is always 0.003, the lesson's. Here `peak` says how high it is.",
        ),
    ),
    hints=(
        "Which argument is the rate at step 0, and which the rate at the top?",
        "`warmup_target` is the peak. From where on does `decay_steps` count?",
        "The cosine has `total - warmup` steps.",
    ),
    because="It depends on the number of the step alone, so a resumed run needs "
    "nothing else; but `total` is fixed when it is made.",
    alternatives=(_cosine(),),
    tolerance=1e-6,
    seconds=SECONDS,
)

EXERCISES = (FORWARD, INTEGERS, STEP, TWICE, KERNEL, SCHEDULE)
