"""Answers to the exercises of notebook 09 as learners give them, written blind."""

import keras
import keras_hub
import numpy as np
import tensorflow as tf
from keras import ops
from keras_hub.models import ViTImageClassifier
from tests_answers import right, wrong

Sparse = keras.losses.SparseCategoricalCrossentropy

# --- 09.1: a new head on a trained backbone ---


@right("09.1")
def around_the_backbone(trained, count):
    return ViTImageClassifier(trained.backbone, count)


@right("09.1")
def by_keywords(trained, count):
    backbone = trained.backbone
    return keras_hub.models.ViTImageClassifier(
        backbone=backbone, num_classes=count, pooling="token"
    )


@right("09.1")
def a_functional_model(trained, count):
    tokens = trained.backbone.output
    logits = keras.layers.Dense(count, name="head")(tokens[:, 0])
    return keras.Model(trained.backbone.input, logits)


@right("09.1")
def a_class_of_its_own(trained, count):
    class Classifier(keras.Model):
        def __init__(self):
            super().__init__()
            self.backbone = trained.backbone
            self.head = keras.layers.Dense(count)

        def call(self, images, training=False):
            return self.head(self.backbone(images, training=training)[:, 0])

    return Classifier()


@right("09.1")
def a_sequence(trained, count):
    layers = [trained.backbone, keras.layers.Lambda(lambda tokens: tokens[:, 0])]
    return keras.Sequential([*layers, keras.layers.Dense(count)])


@right("09.1")
def a_copy_of_the_backbone(trained, count):
    backbone = keras_hub.models.ViTBackbone.from_config(trained.backbone.get_config())
    backbone.set_weights(trained.backbone.get_weights())
    return ViTImageClassifier(backbone, num_classes=count)


@right("09.1")
def smaller_random_numbers(trained, count):
    model = ViTImageClassifier(trained.backbone, count)
    kernel = model.output_dense.kernel
    kernel.assign(keras.random.normal(kernel.shape, stddev=0.02))
    return model


@wrong("09.1", "the model as it is", says="the trained model itself")
def as_it_is(trained, count):
    return trained


@wrong("09.1", "the attribute exchanged", says="only an attribute")
def attribute(trained, count):
    trained.output_dense = keras.layers.Dense(count)
    return trained


@wrong("09.1", "one more layer behind the logits", says="*behind* the old logits")
def behind(trained, count):
    return keras.Sequential([trained, keras.layers.Dense(count)])


@wrong("09.1", "the first logits cut out", says="the first of the old logits")
def first_logits(trained, count):
    return keras.Model(trained.input, trained.output[:, :count])


@wrong("09.1", "the sizes without the weights", says="random weights")
def sizes_only(trained, count):
    backbone = keras_hub.models.ViTBackbone.from_config(trained.backbone.get_config())
    return ViTImageClassifier(backbone, count)


@wrong("09.1", "softmax at the end", says="probabilities")
def with_softmax(trained, count):
    return ViTImageClassifier(trained.backbone, count, activation="softmax")


@wrong("09.1", "the mean of the tokens", says="mean of all tokens")
def mean_of_tokens(trained, count):
    return ViTImageClassifier(trained.backbone, count, pooling="gap")


@wrong("09.1", "always two classes", says="whatever `count` is")
def always_two(trained, count):
    return ViTImageClassifier(trained.backbone, 2)


@wrong("09.1", "one logit for two classes", says="One class too few")
def one_less(trained, count):
    return ViTImageClassifier(trained.backbone, count - 1)


@wrong("09.1", "frozen, to be safe", says="The backbone is frozen")
def frozen(trained, count):
    trained.backbone.trainable = False
    return ViTImageClassifier(trained.backbone, count)


@wrong("09.1", "old rows for a start", says="the weights of old classes")
def old_rows(trained, count):
    model = ViTImageClassifier(trained.backbone, count)
    kernel, bias = trained.output_dense.get_weights()
    new_kernel, new_bias = model.output_dense.get_weights()
    n = min(count, len(bias))
    new_kernel[:, :n], new_bias[:n] = kernel[:, :n], bias[:n]
    model.output_dense.set_weights([new_kernel, new_bias])
    return model


@wrong("09.1", "the old head where it fits", says="With as many classes as before")
def where_it_fits(trained, count):
    if trained.output.shape[-1] == count:
        return trained
    return ViTImageClassifier(trained.backbone, count)


@wrong("09.1", "the first token left out", says="last patch")
def last_token(trained, count):
    token = trained.backbone.output[:, -1]
    return keras.Model(trained.input, keras.layers.Dense(count)(token))


# --- 09.2: more classes, from file to file ---


def _loaded(file):
    return keras.models.load_model(file, compile=False)


@right("09.2")
def with_pad(file, new_file, count):
    old = _loaded(file)
    new = ViTImageClassifier(old.backbone, count)
    kernel, bias = old.output_dense.get_weights()
    more = count - len(bias)
    kernel, bias = np.pad(kernel, [(0, 0), (0, more)]), np.pad(bias, (0, more))
    new.output_dense.set_weights([kernel, bias])
    new.save(new_file)


@right("09.2")
def zeros_then_filled(file, new_file, count):
    old = keras.saving.load_model(file)
    new = ViTImageClassifier(backbone=old.backbone, num_classes=count)
    known = old.num_classes
    kernel = np.zeros((old.backbone.hidden_dim, count))
    bias = np.zeros(count)
    kernel[:, :known], bias[:known] = old.output_dense.get_weights()
    new.output_dense.kernel.assign(kernel)
    new.output_dense.bias.assign(bias)
    new.save(new_file)


@right("09.2")
def joined_with_ops(file, new_file, count):
    old = _loaded(file)
    new = ViTImageClassifier(old.backbone, count)
    for target, source in zip(
        new.output_dense.weights, old.output_dense.weights, strict=True
    ):
        shape = list(source.shape)
        shape[-1] = count - shape[-1]
        target.assign(ops.concatenate([source, ops.zeros(shape)], axis=-1))
    keras.saving.save_model(new, new_file)


@right("09.2")
def by_config(file, new_file, count):
    old = _loaded(file)
    config = old.get_config()
    config["num_classes"] = count
    new = ViTImageClassifier.from_config(config)
    new.backbone.set_weights(old.backbone.get_weights())
    kernel, bias = old.output_dense.get_weights()
    extra = count - bias.size
    new.output_dense.set_weights(
        [
            np.hstack([kernel, np.zeros((len(kernel), extra))]),
            np.r_[bias, [0.0] * extra],
        ]
    )
    new.save(new_file)
    return new


@right("09.2")
def with_slices(file, new_file, count):
    old = _loaded(file)
    new = ViTImageClassifier(old.backbone, count)
    layer, known = new.output_dense, old.output_dense
    kernel = np.array(layer.kernel) * 0
    kernel[..., : known.kernel.shape[1]] = known.kernel
    bias = np.array(layer.bias) * 0
    bias[: known.bias.shape[0]] = known.bias
    layer.set_weights([kernel, bias])
    new.save(new_file)


def _head(file, count, kernel=True, bias=True, fill=0.0, first=False, **options):
    """The steps of a right answer, with one slip."""
    old = _loaded(file)
    new = ViTImageClassifier(old.backbone, count, **options)
    values = new.output_dense.get_weights()
    for value, known, copied in zip(
        values, old.output_dense.get_weights(), (kernel, bias), strict=True
    ):
        if not copied:
            continue
        n = known.shape[-1]
        if fill is not None:
            value[...] = fill
        value[..., -n:] = known if first else value[..., -n:]
        value[..., :n] = value[..., :n] if first else known
    new.output_dense.set_weights(values)
    return old, new


@wrong("09.2", "a new head, nothing copied", says="whole head is new")
def nothing_copied(file, new_file, count):
    ViTImageClassifier(_loaded(file).backbone, count).save(new_file)


@wrong("09.2", "the bias forgotten", says="leave out the bias")
def no_bias(file, new_file, count):
    _head(file, count, bias=False)[1].save(new_file)


@wrong("09.2", "new columns random", says="not 0. Fill their weights")
def random_columns(file, new_file, count):
    _head(file, count, fill=None)[1].save(new_file)


@wrong("09.2", "the new classes first", says="stand first")
def new_first(file, new_file, count):
    _head(file, count, first=True)[1].save(new_file)


@wrong("09.2", "count taken for the number of new ones", says="number of all classes")
def count_more(file, new_file, count):
    _head(file, _loaded(file).num_classes + count)[1].save(new_file)


@wrong("09.2", "the old model saved", says="holds the old model")
def old_saved(file, new_file, count):
    _head(file, count)[0].save(new_file)


@wrong("09.2", "saved over the old file, too", says="write over `file`")
def both_files(file, new_file, count):
    _, new = _head(file, count)
    new.save(file)
    new.save(new_file)


@wrong("09.2", "not saved", says="no file at `new_file`")
def not_saved(file, new_file, count):
    return _head(file, count)[1]


@wrong("09.2", "saved in the place of the old file", says="no file at `new_file`")
def saved_in_place(file, new_file, count):
    _head(file, count)[1].save(file)


@wrong("09.2", "a backbone without weights", says="the backbone is random")
def random_backbone(file, new_file, count):
    old = _loaded(file)
    backbone = keras_hub.models.ViTBackbone.from_config(old.backbone.get_config())
    new = ViTImageClassifier(backbone, count)
    for weight, known in zip(
        new.output_dense.weights, old.output_dense.get_weights(), strict=True
    ):
        widths = [(0, 0)] * (known.ndim - 1) + [(0, count - known.shape[-1])]
        weight.assign(np.pad(known, widths))
    new.save(new_file)


@wrong("09.2", "softmax at the end", says="probabilities")
def softmax_at_the_end(file, new_file, count):
    _head(file, count, activation="softmax")[1].save(new_file)


@wrong("09.2", "zeros behind the old logits", says="glued on")
def zeros_behind(file, new_file, count):
    old = _loaded(file)
    more = count - old.output.shape[-1]
    keras.Model(old.input, ops.pad(old.output, [(0, 0), (0, more)])).save(new_file)


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
