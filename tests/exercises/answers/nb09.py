"""Answers to the exercises of notebook 09 as learners give them, written blind."""

import functools
import re

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from tests_answers import right, wrong

Sparse = keras.losses.SparseCategoricalCrossentropy
OneHot = keras.losses.CategoricalCrossentropy

# --- 09.1: the loss for labels of either kind ---


@right("09.1")
def by_number_of_axes(labels):
    if len(labels.shape) == 1:
        return Sparse(from_logits=True)
    return OneHot(from_logits=True)


@right("09.1")
def by_ndim(labels):
    kind = OneHot if np.ndim(labels) == 2 else Sparse
    return kind(from_logits=True)


@right("09.1")
def a_function_with_its_option(labels):
    if ops.ndim(labels) > 1:
        return functools.partial(
            keras.losses.categorical_crossentropy, from_logits=True
        )
    return functools.partial(
        keras.losses.sparse_categorical_crossentropy, from_logits=True
    )


@right("09.1")
def from_a_dict(labels):
    losses = {1: Sparse, 2: OneHot}
    return losses[len(np.array(labels).shape)](from_logits=True, name="loss")


@right("09.1")
def a_function_of_its_own(labels):
    one_hot = len(labels.shape) == 2

    def loss(y, logits):
        if one_hot:
            return tf.nn.softmax_cross_entropy_with_logits(y, logits)
        y = tf.reshape(tf.cast(y, tf.int32), [-1])
        return tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)

    return loss


def _two(one, other, by=lambda labels: len(labels.shape) == 1):
    """A loss for whole numbers and one for rows, chosen ``by`` a look at the labels."""
    return lambda labels: one() if by(labels) else other()


def _logits(loss, **options):
    return functools.partial(loss, from_logits=True, **options)


wrong(
    "09.1",
    "from_logits forgotten in both",
    _two(Sparse, OneHot),
    says="Keras takes logits for probabilities",
)
wrong(
    "09.1",
    "from_logits forgotten for whole numbers",
    _two(Sparse, _logits(OneHot)),
    says="The loss for whole numbers lacks",
)
wrong(
    "09.1",
    "from_logits forgotten for rows",
    _two(_logits(Sparse), OneHot),
    says="The loss for one-hot rows lacks",
)
wrong(
    "09.1",
    "the two exchanged",
    _two(_logits(OneHot), _logits(Sparse)),
    says="changed places",
)
wrong(
    "09.1",
    "chosen by the dtype of the labels",
    _two(
        _logits(Sparse),
        _logits(OneHot),
        lambda labels: "int" in str(getattr(labels, "dtype", labels)),
    ),
    says="type of the numbers",
)
wrong(
    "09.1",
    "chosen by the largest label",
    _two(_logits(Sparse), _logits(OneHot), lambda labels: np.max(labels) > 1),
    says="largest label",
)
wrong(
    "09.1",
    "always the loss of whole numbers",
    _two(_logits(Sparse), _logits(Sparse)),
    says="one-hot rows do not fit",
)
wrong(
    "09.1",
    "always the loss of rows",
    _two(_logits(OneHot), _logits(OneHot)),
    says="sparse sister",
)
wrong(
    "09.1",
    "the names of the losses, which expect probabilities",
    _two(lambda: "sparse_categorical_crossentropy", lambda: "categorical_crossentropy"),
    says="Keras takes logits for probabilities",
)
wrong(
    "09.1",
    "binary cross-entropy for one-hot rows",
    _two(_logits(Sparse), _logits(keras.losses.BinaryCrossentropy)),
    says="yes-or-no question",
)
wrong(
    "09.1",
    "one-hot if the last axis has ten entries",
    _two(_logits(Sparse), _logits(OneHot), lambda labels: labels.shape[-1] != 10),
    says="one-hot rows do not fit",
)
wrong(
    "09.1",
    "labels smoothed, which nobody asked for",
    _two(_logits(Sparse), _logits(OneHot, label_smoothing=0.1)),
    says="smoothed",
)

wrong(
    "09.1",
    "the class, not an object of it",
    lambda labels: (OneHot, Sparse)[labels.ndim == 1],
    says="the *class* of the loss",
)

# --- 09.2: freeze the embeddings and the first n blocks ---


def _embeddings(classifier):
    return classifier.backbone.get_layer("vit_patching_and_embedding")


def _encoder(classifier):
    return classifier.backbone.get_layer("vit_encoder")


def _blocks(classifier):
    return _encoder(classifier).encoder_layers


@right("09.2")
def by_name_and_slice(classifier, n):
    backbone = classifier.backbone
    backbone.get_layer("vit_patching_and_embedding").trainable = False
    for block in backbone.get_layer("vit_encoder").encoder_layers[:n]:
        block.trainable = False


@right("09.2")
def by_position_and_range(classifier, n):
    _, embeddings, encoder = classifier.backbone.layers
    embeddings.trainable = False
    for i in range(n):
        encoder.encoder_layers[i].trainable = False
    return classifier


@right("09.2")
def by_class_name(classifier, n):
    for layer in classifier.backbone.layers:
        if type(layer).__name__ == "ViTPatchingAndEmbedding":
            layer.trainable = False
        if type(layer).__name__ == "ViTEncoder":
            for number, block in enumerate(layer.encoder_layers):
                if number >= n:
                    break
                block.trainable = False


@right("09.2")
def variable_by_variable(classifier, n):
    parts = [_embeddings(classifier)]
    parts += _blocks(classifier)[:n]
    for part in parts:
        for variable in part.variables:
            variable.trainable = False


@right("09.2")
def by_path(classifier, n):
    for v in classifier.trainable_variables:
        block = re.search(r"_block_(\d+)", v.path)
        if "embedding" in v.path or (block and int(block.group(1)) <= n):
            v.trainable = False


@right("09.2")
def nothing_at_zero(classifier, n):  # as the course's own does; n begins at 1
    _embeddings(classifier).trainable = n == 0
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("09.2", "the slice of the tutorial", says="*one* layer of the classifier")
def a_slice_of_the_classifier(classifier, n):
    for layer in classifier.layers[:-n]:
        layer.trainable = False


@wrong("09.2", "one more slice, one level down", says="one level deeper")
def a_slice_of_the_backbone(classifier, n):
    for layer in classifier.backbone.layers[:n]:
        layer.trainable = False


@wrong("09.2", "the embeddings forgotten", says="The embeddings lie below")
def blocks_only(classifier, n):
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("09.2", "one block too many", says="one block too many")
def one_more(classifier, n):
    _embeddings(classifier).trainable = False
    for i in range(n + 1):
        _blocks(classifier)[i].trainable = False


@wrong(
    "09.2",
    "one block too few, for the embeddings count as one",
    says="one block too few",
)
def one_less(classifier, n):
    parts = [_embeddings(classifier), *_blocks(classifier)]
    for part in parts[:n]:
        part.trainable = False


@wrong("09.2", "the last n blocks", says="the *last* n blocks")
def last_blocks(classifier, n):
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[-n:]:
        block.trainable = False


@wrong("09.2", "all blocks but the last n", says="all blocks *but* n")
def all_but_the_last(classifier, n):
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:-n]:
        block.trainable = False


@wrong("09.2", "the rest thawed first", says="frozen before your function learns")
def thaws_first(classifier, n):
    for layer in classifier._flatten_layers():
        layer.trainable = True
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


@wrong("09.2", "the later blocks thawed", says="frozen before your function learns")
def sets_every_block(classifier, n):
    _embeddings(classifier).trainable = False
    for i, block in enumerate(_blocks(classifier)):
        block.trainable = i >= n


@wrong("09.2", "the whole backbone", says="The whole backbone is frozen")
def whole_backbone(classifier, n):
    classifier.backbone.trainable = False


@wrong(
    "09.2",
    "the encoder frozen, then blocks thawed, so the norm stays frozen",
    says="last layer norm",
)
def encoder_first(classifier, n):
    classifier.backbone.trainable = False
    for block in _blocks(classifier)[n:]:
        block.trainable = True


@wrong("09.2", "the switch of PyTorch", says="PyTorch's word")
def requires_grad(classifier, n):
    for part in (_embeddings(classifier), *_blocks(classifier)[:n]):
        for weight in part.weights:
            weight.requires_grad = False


@wrong("09.2", "two blocks whatever n is", says="freezes two blocks")
def always_two(classifier, n):
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:2]:
        block.trainable = False


@wrong("09.2", "only the attention of the blocks", says="Only the attention")
def attention_only(classifier, n):
    _embeddings(classifier).trainable = False
    for block in _blocks(classifier)[:n]:
        block.mha.trainable = False


@wrong("09.2", "of the embeddings only the patches", says="only the patches")
def patches_only(classifier, n):
    _embeddings(classifier).patch_embedding.trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = False


# --- 09.3: thaw, with a fresh Adam ---


@right("09.3")
def thaw_then_compile(model, rate):
    model.get_layer("backbone").trainable = True
    model.compile(keras.optimizers.Adam(rate), model.loss)


@right("09.3")
def every_layer(model, rate):
    for layer in model.layers:
        layer.trainable = True
    adam = keras.optimizers.Adam(learning_rate=rate)
    model.compile(optimizer=adam, loss=model.loss, jit_compile=False)
    return model


@right("09.3")
def every_variable(model, rate):
    for variable in model.get_layer(name="backbone").variables:
        variable.trainable = True
    loss = model.loss
    model.compile(loss=loss, optimizer=keras.optimizers.Adam(rate))


@right("09.3")
def every_layer_of_every_layer(model, rate):
    for layer in model._flatten_layers():
        layer.trainable = True
    model.compile(tf.keras.optimizers.Adam(rate), loss=model.loss)


@right("09.3")
def compiled_before_it_thaws(model, rate):
    # Keras builds the graph at the next fit, so the order makes no difference.
    model.compile(keras.optimizers.Adam(rate), model.loss)
    model.layers[0].trainable = True


@right("09.3")
def without_loss(model, rate):  # Keras keeps the one that was compiled
    model.get_layer("backbone").trainable = True
    model.compile(keras.optimizers.Adam(rate))


def _thaw(model):
    model.get_layer("backbone").trainable = True


def _adam(rate, **options):
    return keras.optimizers.Adam(rate, **options)


@wrong("09.3", "not compiled again", says="that graph is still used")
def not_compiled(model, rate):
    _thaw(model)
    model.optimizer.learning_rate = rate


@wrong(
    "09.3", "the optimizer replaced, but not compiled", says="alone does not reach it"
)
def optimizer_replaced(model, rate):
    _thaw(model)
    model.optimizer = _adam(rate)


@wrong("09.3", "the model's own flag, which is True already", says="is True already")
def flag_of_the_model(model, rate):
    model.trainable = True
    model.compile(_adam(rate), model.loss)


@wrong("09.3", "compiled, but never thawed", says="backbone is still frozen")
def never_thawed(model, rate):
    model.compile(_adam(rate), model.loss)


@wrong("09.3", "the old optimizer compiled again", says="the *old* optimizer")
def old_optimizer(model, rate):
    _thaw(model)
    model.optimizer.learning_rate = rate
    model.compile(model.optimizer, model.loss)


@wrong("09.3", "an optimizer with the old settings", says="at the old rate")
def old_settings(model, rate):
    _thaw(model)
    config = model.optimizer.get_config()
    model.compile(type(model.optimizer).from_config(config), model.loss)


@wrong("09.3", "AdamW in place of Adam", says="AdamW")
def adam_w(model, rate):
    _thaw(model)
    model.compile(keras.optimizers.AdamW(rate), model.loss)


@wrong("09.3", "SGD in place of Adam", says="That is SGD")
def sgd(model, rate):
    _thaw(model)
    model.compile(keras.optimizers.SGD(rate), model.loss)


@wrong("09.3", "Adam by its name, with its own rate", says="rate of 0.001")
def adam_by_name(model, rate):
    _thaw(model)
    model.compile("adam", model.loss)


@wrong("09.3", "the rate of the example", says="rate of 0.01")
def rate_of_the_example(model, rate):
    _thaw(model)
    model.compile(_adam(0.01), model.loss)


@wrong("09.3", "a tenth of the rate, as one fine-tunes", says="a tenth of `rate`")
def a_tenth(model, rate):
    _thaw(model)
    model.compile(_adam(rate / 10), model.loss)


@wrong("09.3", "the loss of the example", says="The loss is not that of the model")
def loss_of_the_example(model, rate):
    _thaw(model)
    model.compile(_adam(rate), "mse")


@wrong("09.3", "the loss of classification", says="The loss is not that of the model")
def loss_of_classification(model, rate):
    _thaw(model)
    model.compile(_adam(rate), Sparse(from_logits=True))


@wrong("09.3", "the weights made anew", says="The weights are other ones")
def weights_anew(model, rate):
    _thaw(model)
    fresh = keras.models.clone_model(model)
    model.set_weights(fresh.get_weights())
    model.compile(_adam(rate), model.loss)


@wrong(
    "09.3",
    "another model returned, the given one untouched",
    says="In the model that was given nothing",
)
def a_clone(model, rate):
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    for layer in clone.layers:
        layer.trainable = True
    clone.compile(_adam(rate), model.loss)
    return clone


@wrong("09.3", "the head frozen meanwhile", says="the head is frozen")
def head_frozen(model, rate):
    _thaw(model)
    model.get_layer("head").trainable = False
    model.compile(_adam(rate), model.loss)


@wrong("09.3", "gradients clipped, which nobody asked for", says="clips the gradients")
def clipped(model, rate):
    _thaw(model)
    model.compile(_adam(rate, global_clipnorm=1.0), model.loss)


# --- 09.4: a tenth of the rate ---


@right("09.4")
def smaller_rate(adam, gradients, rate, factor):
    return adam(gradients, factor * rate)


@right("09.4")
def by_keyword(adam, gradients, rate, factor):
    slow = rate * factor
    return adam(gradients=gradients, rate=slow)


@right("09.4")
def move_scaled(adam, gradients, rate, factor):
    return factor * adam(gradients, rate)


@right("09.4")
def rate_one(adam, gradients, rate, factor):
    return adam(list(gradients), 1.0) * rate * factor


@right("09.4")
def loop_of_its_own(adam, gradients, rate, factor):
    total, m, v = 0.0, 0.0, 0.0
    for t in range(1, len(gradients) + 1):
        g = gradients[t - 1]
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.999 * v + (1 - 0.999) * g * g
        step = (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)) ** 0.5 + 1e-8)
        total -= rate * factor * step
    return total


wrong(
    "09.4",
    "the gradients scaled",
    lambda adam, gradients, rate, factor: adam([factor * g for g in gradients], rate),
    says="Adam divides by the size",
)
wrong(
    "09.4",
    "rate and gradients scaled",
    lambda adam, gradients, rate, factor: adam(
        [factor * g for g in gradients], factor * rate
    ),
    says="rate *and* gradients",
)
wrong(
    "09.4",
    "the factor left out",
    lambda adam, gradients, rate, factor: adam(gradients, rate),
    says="plays no part",
)
wrong(
    "09.4",
    "scaled twice, rate and move",
    lambda adam, gradients, rate, factor: factor * adam(gradients, factor * rate),
    says="applied twice",
)
wrong(
    "09.4",
    "divided by the factor",
    lambda adam, gradients, rate, factor: adam(gradients, rate / factor),
    says="divide the rate by the factor",
)
wrong(
    "09.4",
    "the factor in place of the rate",
    lambda adam, gradients, rate, factor: adam(gradients, factor),
    says="a share of `rate`",
)
wrong(
    "09.4",
    "a tenth whatever the factor is",
    lambda adam, gradients, rate, factor: adam(gradients, 0.1 * rate),
    says="a tenth of the rate",
)
wrong(
    "09.4",
    "the size of the move, without its sign",
    lambda adam, gradients, rate, factor: abs(adam(gradients, factor * rate)),
    says="Keep the sign",
)
wrong(
    "09.4",
    "the step of plain gradient descent",
    lambda adam, gradients, rate, factor: -factor * rate * sum(gradients),
    says="plain gradient descent",
)
wrong(
    "09.4",
    "the root of the factor",
    lambda adam, gradients, rate, factor: adam(gradients, rate * factor**0.5),
    says="root of the factor",
)
wrong(
    "09.4",
    "the last gradient alone",
    lambda adam, gradients, rate, factor: adam(gradients[-1:], factor * rate),
    says="Only the last gradient",
)
wrong(
    "09.4",
    "the factor taken off the rate",
    lambda adam, gradients, rate, factor: adam(gradients, rate - factor * rate),
    says="*off* the rate",
)


@wrong(
    "09.4", "the caller's gradients scaled in place", says="changes what it is given"
)
def scaled_in_place(adam, gradients, rate, factor):
    for i in range(len(gradients)):
        gradients[i] *= factor
    return adam(gradients, rate)


@wrong("09.4", "each gradient by itself, without memory", says="an empty memory")
def without_memory(adam, gradients, rate, factor):
    return sum(adam([g], factor * rate) for g in gradients)


# --- 09.5: a kernel for PyTorch ---


@right("09.5")
def flat_then_turned(kernel):
    return kernel.reshape(kernel.shape[0], -1).T


@right("09.5")
def axes_first(kernel):
    D, h, d = kernel.shape
    return np.transpose(kernel, (1, 2, 0)).reshape(h * d, D)


@right("09.5")
def with_ops(kernel):
    turned = ops.transpose(kernel, (1, 2, 0))
    return ops.reshape(turned, (-1, ops.shape(kernel)[0]))


@right("09.5")
def head_by_head(kernel):
    heads = [kernel[:, i, :].T for i in range(kernel.shape[1])]
    return np.concatenate(heads, axis=0)


@right("09.5")
def row_by_row(kernel):
    D, h, d = kernel.shape
    matrix = np.zeros((h * d, D), dtype=kernel.dtype)
    for head in range(h):
        for i in range(d):
            matrix[head * d + i] = kernel[:, head, i]
    return matrix


@right("09.5")
def with_tensorflow(kernel):
    return tf.transpose(tf.reshape(kernel, (kernel.shape[0], -1)))


wrong(
    "09.5",
    "reshaped without turning",
    lambda kernel: kernel.reshape(-1, kernel.shape[0]),
    says="cuts the numbers anew",
)
wrong(
    "09.5",
    "flat, but not turned",
    lambda kernel: kernel.reshape(kernel.shape[0], -1),
    says="stands on its side",
)
wrong(
    "09.5",
    "the rows of the heads interleaved",
    lambda kernel: kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0]),
    says="each head in turn",
)
wrong(
    "09.5",
    "all axes reversed by .T",
    lambda kernel: kernel.T.reshape(-1, kernel.shape[0]),
    says="each head in turn",
)
wrong(
    "09.5",
    "heads first, widths not last",
    lambda kernel: kernel.transpose(1, 0, 2).reshape(-1, kernel.shape[0]),
    says="cut anew by `reshape`",
)
wrong(
    "09.5",
    "a matrix for each head, not joined",
    lambda k: k.transpose(1, 2, 0),
    says="still three axes",
)
wrong(
    "09.5",
    "the mean over the heads",
    lambda kernel: kernel.mean(axis=1).T,
    says="the mean of the heads",
)
wrong(
    "09.5",
    "only the first head",
    lambda kernel: kernel[:, 0].T,
    says="the first head alone",
)
wrong(
    "09.5",
    "the last head first",
    lambda kernel: kernel[:, ::-1].reshape(kernel.shape[0], -1).T,
    says="in reverse",
)
wrong(
    "09.5",
    "heads side by side in place of one above the other",
    lambda kernel: np.concatenate(
        [kernel[:, i].T for i in range(kernel.shape[1])], axis=1
    ),
    says="side by side",
)
wrong(
    "09.5",
    "within each head in and out exchanged",
    lambda kernel: np.concatenate(list(kernel.transpose(1, 0, 2)), axis=0),
    says="each is on its side",
)
