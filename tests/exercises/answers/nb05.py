"""Answers of learners to notebook 05, written from the statements alone."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from tests_answers import right, wrong

from course_utils.vit import keras as package

# 05.1 The forward pass


@right("05.1")
class LikeThePicture(package.ViT):
    def call(self, images, training=None, return_attention=False):
        tokens = self.embed(images)
        B = ops.shape(tokens)[0]
        cls = ops.broadcast_to(self.class_token, (B, 1, tokens.shape[-1]))
        tokens = ops.concatenate([cls, tokens], axis=1)
        tokens = self.dropout(tokens + self.positions, training=training)
        all_weights = []
        for block in self.blocks:
            tokens, w = block(tokens, training=training)
            all_weights.append(w)
        tokens = self.norm(tokens)
        logits = self.head(tokens[:, 0])
        if return_attention:
            return logits, all_weights
        return logits


@right("05.1")
class WithTensorFlow(package.ViT):
    def call(self, images, training=None, return_attention=False):
        z = self.embed(images)
        z = tf.concat([tf.tile(self.class_token, [tf.shape(z)[0], 1, 1]), z], 1)
        z = self.dropout(z + self.positions, training=training)
        attn = ()
        for layer in self.blocks:
            out = layer(z, training=training)
            z = out[0]
            attn = (*attn, out[1])
        y = self.head(self.norm(z[:, 0, :]))
        return (y, list(attn)) if return_attention else y


@right("05.1")
class OnesTimesTheClassToken(package.ViT):
    def call(self, x, training=None, return_attention=False):
        x = self.embed(x)
        ones = ops.ones((len(x), 1, 1))
        x = ops.concatenate([ones * self.class_token, x], axis=-2)
        x = self.dropout(ops.add(x, self.positions), training=training)
        kept = []
        for block in self.blocks:
            x, a = block(x, training=training)
            kept += [a]
        logits = self.head(self.norm(x))[:, 0]
        return (logits, kept) if return_attention else logits


@right("05.1")
class FlagLeftToKeras(package.ViT):
    def call(self, images, training=None, return_attention=False):
        x = self.embed(images)
        x = ops.concatenate([ops.zeros_like(x[:, :1]) + self.class_token, x], axis=1)
        x = self.dropout(x + self.positions)
        weights = [None] * len(self.blocks)
        for i, block in enumerate(self.blocks):
            x, weights[i] = block(x)
        out = self.head(ops.squeeze(self.norm(x[:, :1]), 1))
        if not return_attention:
            return out
        return out, weights


@right("05.1")
class WithoutTheFlag(package.ViT):
    def call(self, images, return_attention=False):
        x = self.embed(images)
        first = ops.tile(self.class_token, (len(x), 1, 1))
        x = self.dropout(self.positions + ops.concatenate([first, x], axis=1))
        found = []
        for block in self.blocks:
            x, w = block(x)
            found.append(w)
        logits = self.head(self.norm(x)[:, 0])
        return (logits, ops.stack(found)) if return_attention else logits


@right("05.1")
class WithItsOwnStart(package.ViT):
    def __init__(self, *sizes, **named):
        super().__init__(*sizes, **named)
        self.read = 0

    def call(self, images, training=None, return_attention=False):
        x, attention = _run(self, _start(self, images, training), training)
        logits = self.head(self.norm(x)[:, self.read])
        return (logits, attention) if return_attention else logits


def _call(slip, says=""):
    """Collect a wrong forward pass, given as a function, as a class."""

    def collect(function):
        answer = type(function.__name__, (package.ViT,), {"call": function})
        wrong("05.1", slip, answer, says=says)
        return function

    return collect


def _start(vit, images, training):
    x = vit.embed(images)
    x = ops.concatenate([ops.repeat(vit.class_token, len(x), axis=0), x], axis=1)
    return vit.dropout(x + vit.positions, training=training)


def _run(vit, x, training):
    attention = []
    for block in vit.blocks:
        x, w = block(x, training=training)
        attention.append(w)
    return x, attention


def _end(vit, x, return_attention, attention):
    logits = vit.head(vit.norm(x)[:, 0])
    return (logits, attention) if return_attention else logits


@_call("no class token", says="The class token is missing")
def no_class_token(self, images, training=None, return_attention=False):
    x = self.dropout(self.embed(images) + self.positions[:, 1:], training=training)
    x, attention = _run(self, x, training)
    return _end(self, x, return_attention, attention)


@_call("class token at the end", says="comes after the patches")
def class_token_at_the_end(self, images, training=None, return_attention=False):
    x = self.embed(images)
    x = ops.concatenate([x, ops.repeat(self.class_token, len(x), axis=0)], axis=1)
    x = self.dropout(x + self.positions, training=training)
    x, attention = _run(self, x, training)
    logits = self.head(self.norm(x)[:, -1])
    return (logits, attention) if return_attention else logits


@_call("class token not repeated", says="There is one class token")
def class_token_not_repeated(self, images, training=None, return_attention=False):
    x = ops.concatenate([self.class_token, self.embed(images)], axis=1)
    x = self.dropout(x + self.positions, training=training)
    x, attention = _run(self, x, training)
    return _end(self, x, return_attention, attention)


@_call("no positions", says="The positions are missing")
def no_positions(self, images, training=None, return_attention=False):
    x = self.embed(images)
    x = ops.concatenate([ops.repeat(self.class_token, len(x), axis=0), x], axis=1)
    x, attention = _run(self, self.dropout(x, training=training), training)
    return _end(self, x, return_attention, attention)


@_call("positions before the class token", says="You add the positions before")
def positions_first(self, images, training=None, return_attention=False):
    x = self.embed(images)
    x = x + self.positions[:, : x.shape[1]]
    x = ops.concatenate([ops.repeat(self.class_token, len(x), axis=0), x], axis=1)
    x, attention = _run(self, self.dropout(x, training=training), training)
    return _end(self, x, return_attention, attention)


@_call("mean of the patches", says="You average tokens")
def mean_of_the_patches(self, images, training=None, return_attention=False):
    x, attention = _run(self, _start(self, images, training), training)
    logits = self.head(self.norm(ops.mean(x[:, 1:], axis=1)))
    return (logits, attention) if return_attention else logits


@_call("head on all tokens", says="Your head answers for every token")
def head_on_all_tokens(self, images, training=None, return_attention=False):
    x, attention = _run(self, _start(self, images, training), training)
    logits = self.head(self.norm(x))
    return (logits, attention) if return_attention else logits


@_call("no last norm", says="The last norm is missing")
def no_last_norm(self, images, training=None, return_attention=False):
    x, attention = _run(self, _start(self, images, training), training)
    logits = self.head(x[:, 0])
    return (logits, attention) if return_attention else logits


@_call("result of the blocks thrown away", says="The blocks are skipped")
def blocks_thrown_away(self, images, training=None, return_attention=False):
    x = _start(self, images, training)
    attention = [block(x)[1] for block in self.blocks]
    return _end(self, x, return_attention, attention)


@_call("block's pair not taken apart", says="A block returns two things")
def pair_not_taken_apart(self, images, training=None, return_attention=False):
    x = _start(self, images, training)
    for block in self.blocks:
        x = block(x)
    return self.head(self.norm(x)[:, 0])


@_call("softmax at the end", says="You return probabilities")
def softmax_at_the_end(self, images, training=None, return_attention=False):
    x, attention = _run(self, _start(self, images, training), training)
    y = tf.nn.softmax(self.head(self.norm(x)[:, 0]))
    return (y, attention) if return_attention else y


@_call("always a pair", says="only if they are asked for")
def always_a_pair(self, images, training=None, return_attention=False):
    x, attention = _run(self, _start(self, images, training), training)
    return self.head(self.norm(x)[:, 0]), attention


@_call("never a pair", says="`return_attention=True` asks for a pair")
def never_a_pair(self, images, training=None, return_attention=False):
    x, _ = _run(self, _start(self, images, training), training)
    return self.head(self.norm(x)[:, 0])


@_call("no dropout", says="The dropout on the tokens is missing")
def no_dropout(self, images, training=None, return_attention=False):
    x = self.embed(images)
    x = ops.concatenate([ops.repeat(self.class_token, len(x), axis=0), x], axis=1)
    x, attention = _run(self, x + self.positions, training)
    return _end(self, x, return_attention, attention)


@_call("dropout in every call", says="Your dropout acts in every call")
def dropout_always(self, images, training=None, return_attention=False):
    x = self.embed(images)
    x = ops.concatenate([ops.repeat(self.class_token, len(x), axis=0), x], axis=1)
    x = self.dropout(x + self.positions, training=True)
    x, attention = _run(self, x, training)
    return _end(self, x, return_attention, attention)


@_call("first image instead of first token", says="You take the first *image*")
def first_image(self, images, training=None, return_attention=False):
    x, attention = _run(self, _start(self, images, training), training)
    logits = self.head(self.norm(x)[0])
    return (logits, attention) if return_attention else logits


@_call("calls the call it inherits", says="the `call` that the package gives")
def inherited_call(self, images, training=None, return_attention=False):
    return package.ViT.call(self, images, training, return_attention)


@_call("one set of positions for all blocks", says="")
def positions_in_every_block(self, images, training=None, return_attention=False):
    x = self.embed(images)
    x = ops.concatenate([ops.repeat(self.class_token, len(x), axis=0), x], axis=1)
    attention = []
    for block in self.blocks:
        x = self.dropout(x + self.positions, training=training)
        x, w = block(x, training=training)
        attention.append(w)
    return _end(self, x, return_attention, attention)


# 05.2 The mean cross-entropy of logits and whole numbers


@right("05.2")
def sparse_of_tf_nn(logits, labels):
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )


@right("05.2")
def sparse_loss_of_keras(logits, labels):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return loss(labels, logits)


@right("05.2")
def one_hot_first(logits, labels):
    labels = tf.one_hot(labels, logits.shape[-1])
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))


@right("05.2")
def one_hot_and_keras(logits, labels):
    wanted = keras.utils.to_categorical(labels, num_classes=logits.shape[1])
    return keras.losses.CategoricalCrossentropy(from_logits=True)(wanted, logits)


@right("05.2")
def by_log_softmax(logits, labels):
    logp = tf.nn.log_softmax(logits, axis=-1)
    picked = tf.gather(logp, labels, axis=1, batch_dims=1)
    return -tf.reduce_mean(picked)


@right("05.2")
def by_logsumexp_and_numpy(logits, labels):
    logits, labels = np.asarray(logits, dtype="float64"), np.asarray(labels)
    top = logits.max(axis=1, keepdims=True)
    total = np.log(np.exp(logits - top).sum(axis=1)) + top[:, 0]
    return float((total - logits[np.arange(len(labels)), labels]).mean())


@right("05.2")
def loop_over_images(logits, labels):
    losses = []
    for row, label in zip(logits, labels, strict=True):
        losses.append(tf.reduce_logsumexp(row) - row[int(label)])
    return sum(losses) / len(losses)


@right("05.2")
def by_ops(logits, labels):
    return ops.mean(
        keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    )


@wrong("05.2", "from_logits forgotten", says="You take the logits for probabilities")
def logits_as_probabilities(logits, labels):
    return keras.losses.SparseCategoricalCrossentropy()(labels, logits)


@wrong("05.2", "one-hot rows, from_logits forgotten", says="The rows are right")
def one_hot_without_from_logits(logits, labels):
    labels = tf.one_hot(labels, logits.shape[-1])
    return keras.losses.CategoricalCrossentropy()(labels, logits)


@wrong(
    "05.2",
    "softmax before a loss that takes logits",
    says="There is a softmax too many",
)
def softmax_twice(logits, labels):
    return tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.nn.softmax(logits))
    )


@wrong("05.2", "no mean over the batch", says="You give one loss for each")
def one_loss_per_image(logits, labels):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


@wrong("05.2", "the sum over the batch", says="That is the sum over the batch")
def sum_over_batch(logits, labels):
    return tf.reduce_sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


@wrong("05.2", "always ten classes", says="Ten classes are MNIST's")
def ten_classes(logits, labels):
    return tf.reduce_mean(
        tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(labels, 10), logits)
    )


@wrong("05.2", "exp overflows at a logit of 100", says="A logit of 100 is too much")
def exp_overflows(logits, labels):
    e = tf.exp(logits)
    p = e / tf.reduce_sum(e, axis=1, keepdims=True)
    picked = tf.gather(p, labels, axis=1, batch_dims=1)
    return -tf.reduce_mean(tf.math.log(picked))


@wrong("05.2", "the log of a probability of zero", says="Softmax rounds a very small")
def log_of_softmax(logits, labels):
    p = tf.nn.softmax(logits)
    return -tf.reduce_mean(tf.math.log(tf.gather(p, labels, axis=1, batch_dims=1)))


@wrong(
    "05.2",
    "a small number inside the log caps the loss",
    says="Your loss never gets larger",
)
def log_with_small_number(logits, labels):
    p = tf.nn.softmax(logits)
    one = tf.one_hot(labels, logits.shape[-1])
    return -tf.reduce_mean(tf.math.log(tf.reduce_sum(p * one, axis=1) + 1e-7))


@wrong(
    "05.2", "the mean over all B times K numbers", says="You average over all B times"
)
def mean_over_classes_too(logits, labels):
    logp = tf.nn.log_softmax(logits)
    return -tf.reduce_mean(tf.one_hot(labels, logits.shape[-1]) * logp)


@wrong("05.2", "the minus forgotten", says="The minus is missing")
def without_minus(logits, labels):
    logp = tf.nn.log_softmax(logits)
    return tf.reduce_mean(tf.gather(logp, labels, axis=1, batch_dims=1))


@wrong("05.2", "softmax over the batch", says="Your softmax runs over the")
def softmax_over_batch(logits, labels):
    logp = tf.nn.log_softmax(logits, axis=0)
    return -tf.reduce_mean(tf.gather(logp, labels, axis=1, batch_dims=1))


@wrong("05.2", "the labels stay one column", says="Whole numbers still stand where")
def labels_still_a_column(logits, labels):
    labels = tf.cast(labels[:, None], logits.dtype)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    return loss(tf.tile(labels, [1, logits.shape[1]]), logits)


@wrong("05.2", "the colleague's loss unchanged", says="Whole numbers still stand where")
def as_it_was(logits, labels):
    labels = tf.cast(labels[:, None], logits.dtype)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))


@wrong(
    "05.2", "the right logit alone, no softmax", says="You take the logit of the right"
)
def minus_the_logit(logits, labels):
    return -tf.reduce_mean(tf.gather(logits, labels, axis=1, batch_dims=1))


@wrong("05.2", "the first image only", says="That is the loss of the first")
def first_image_only(logits, labels):
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)[0]


# 05.3 The training step


@right("05.3")
def step_with_flag(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply(gradients, variables)
    return float(loss)


@right("05.3")
def step_apply_gradients(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        outputs = model(images, training=True)
        loss = loss_function(labels, outputs)
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
    return loss.numpy().item()


@right("05.3")
def step_trainable_weights(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        predictions = model(images, training=True)
        loss_value = loss_function(labels, predictions)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply(grads, model.trainable_weights)
    return float(loss_value)


@right("05.3")
def step_positional_flag(model, optimizer, loss_function, images, labels):
    variables = list(model.trainable_variables)
    with tf.GradientTape(persistent=False) as tape:
        loss = loss_function(labels, model(images, training=1))
    optimizer.apply_gradients(
        [(g, v) for g, v in zip(tape.gradient(loss, variables), variables, strict=True)]
    )
    return float(loss.numpy())


@right("05.3")
def step_in_a_graph(model, optimizer, loss_function, images, labels):
    optimizer.build(model.trainable_variables)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_function(y, model(x, training=True))
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return float(step(images, labels))


@wrong("05.3", "training not said", says="Dropout is still not at work")
def without_the_flag(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong("05.3", "the last layer only", says="Only the last layer learns")
def last_layer_only(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.layers[-1].trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong("05.3", "the colleague's step unchanged", says="Both bugs are still there")
def unchanged_step(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images))
    variables = model.layers[-1].trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong("05.3", "the loss comes back as a tensor", says="Return a float, `float(loss)`")
def loss_as_tensor(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return loss


@wrong(
    "05.3", "outputs and labels exchanged", says="`loss_function` gets its arguments"
)
def arguments_exchanged(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(model(images, training=True), labels)
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong("05.3", "the model is called before the tape", says="The loss is computed after")
def model_outside_tape(model, optimizer, loss_function, images, labels):
    outputs = model(images, training=True)
    with tf.GradientTape() as tape:
        loss = loss_function(labels, outputs)
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong(
    "05.3",
    "all variables, not only the trainable ones",
    says="A layer that was frozen moves",
)
def all_variables(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong("05.3", "never applied", says="The weights do not move")
def never_applied(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    tape.gradient(loss, model.trainable_variables)
    return float(loss)


@wrong("05.3", "applied twice", says="Two calls of your function")
def applied_twice(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    gradients = tape.gradient(loss, variables)
    optimizer.apply(gradients, variables)
    optimizer.apply_gradients(zip(gradients, variables, strict=True))
    return float(loss)


@wrong("05.3", "the loss after the step", says="The weights are right")
def loss_after_the_step(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss_function(labels, model(images, training=False)))


@wrong("05.3", "an optimizer of one's own", says="The weights move")
def optimizer_of_its_own(model, optimizer, loss_function, images, labels):
    optimizer = keras.optimizers.Adam(1e-3)
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong(
    "05.3", "plain gradient descent in place of the optimizer", says="The weights move"
)
def by_assign_sub(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        variable.assign_sub(optimizer.learning_rate * gradient)
    return float(loss)


@wrong(
    "05.3",
    "gradients added instead of subtracted",
    says="You walk uphill: the optimizer",
)
def uphill(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = -loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(-loss)


@wrong("05.3", "dropout switched off", says="Dropout is still not at work")
def flag_is_false(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=False))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong("05.3", "all layers but the last", says="All layers learn but the last")
def all_but_the_last(model, optimizer, loss_function, images, labels):
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = [v for layer in model.layers[:-1] for v in layer.trainable_variables]
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


@wrong("05.3", "everything thawed first", says="A layer that was frozen moves")
def thawed_first(model, optimizer, loss_function, images, labels):
    model.trainable = True
    for layer in model.layers:
        layer.trainable = True
    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


# 05.4 A head and a loss that fit


@right("05.4")
def logits_and_sparse(classes):
    def loss(labels, outputs):
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
        )

    return layers.Dense(classes), loss


@right("05.4")
def keras_loss_from_logits(classes):
    return (
        layers.Dense(classes),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


@right("05.4")
def softmax_and_probabilities(classes):
    head = keras.layers.Dense(classes, activation="softmax")
    return head, keras.losses.SparseCategoricalCrossentropy(from_logits=False)


@right("05.4")
def softmax_and_log(classes):
    head = layers.Dense(classes, activation="softmax")

    def loss(labels, outputs):
        rows = tf.range(tf.shape(outputs)[0])
        index = tf.stack([rows, tf.cast(labels, tf.int32)], axis=1)
        picked = tf.gather_nd(outputs, index)
        return -tf.reduce_mean(tf.math.log(tf.maximum(picked, 1e-7)))

    return head, loss


@right("05.4")
def log_softmax_head(classes):
    head = layers.Dense(classes, activation="log_softmax")

    def loss(labels, outputs):
        return -tf.reduce_mean(
            tf.reduce_sum(tf.one_hot(labels, classes) * outputs, axis=-1)
        )

    return head, loss


@right("05.4")
def linear_and_keras_function(classes):
    head = layers.Dense(classes, activation="linear")
    return head, lambda labels, outputs: keras.ops.mean(
        keras.losses.sparse_categorical_crossentropy(labels, outputs, from_logits=True)
    )


@right("05.4")
def list_instead_of_tuple(classes):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return [layers.Dense(classes, activation=None), loss]


@wrong("05.4", "softmax stays, the loss too", says="There are still two softmaxes")
def still_mismatched(classes):
    def loss(labels, outputs):
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
        return tf.reduce_mean(each)

    return layers.Dense(classes, activation="softmax"), loss


@wrong("05.4", "softmax gone, from_logits forgotten", says="Now there is no softmax at")
def logits_without_from_logits(classes):
    return layers.Dense(classes), keras.losses.SparseCategoricalCrossentropy()


@wrong(
    "05.4", "a softmax layer moved into the loss", says="There are still two softmaxes"
)
def softmax_moved_into_loss(classes):
    def loss(labels, outputs):
        outputs = tf.nn.softmax(outputs)
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
        )

    return layers.Dense(classes), loss


@wrong("05.4", "no mean over the batch", says="Your loss gives one number")
def loss_per_image(classes):
    def loss(labels, outputs):
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)

    return layers.Dense(classes), loss


@wrong("05.4", "the sum over the batch", says="That is the sum over the batch")
def loss_summed(classes):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    return layers.Dense(classes), loss


@wrong(
    "05.4", "the categorical loss for whole numbers", says="The pair fits, but not the"
)
def categorical_loss(classes):
    return (
        layers.Dense(classes),
        keras.losses.CategoricalCrossentropy(from_logits=True),
    )


@wrong("05.4", "always ten classes", says="Your layer gives 10 numbers")
def ten_units(classes):
    return layers.Dense(10), keras.losses.SparseCategoricalCrossentropy(
        from_logits=True
    )


@wrong("05.4", "loss and layer in the other order", says="The first of the two must be")
def pair_turned_round(classes):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return loss, layers.Dense(classes)


@wrong("05.4", "the loss takes the outputs first", says="Your loss takes the outputs")
def loss_takes_outputs_first(classes):
    def loss(outputs, labels):
        return tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
        )

    return layers.Dense(classes), loss


@wrong("05.4", "the layer alone", says="Return two things")
def head_alone(classes):
    return layers.Dense(classes)


@wrong("05.4", "relu on the logits", says="A `relu` makes every negative")
def relu_head(classes):
    return (
        layers.Dense(classes, activation="relu"),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )


@wrong("05.4", "sigmoid in place of softmax")
def sigmoid_head(classes):
    def loss(labels, outputs):
        picked = tf.gather(outputs, labels, axis=1, batch_dims=1)
        return -tf.reduce_mean(tf.math.log(picked))

    return layers.Dense(classes, activation="sigmoid"), loss


@wrong("05.4", "smoothed labels", says="Your loss smooths the labels")
def smoothed(classes):
    def loss(labels, outputs):
        return keras.losses.CategoricalCrossentropy(
            from_logits=True, label_smoothing=0.1
        )(tf.one_hot(labels, classes), outputs)

    return layers.Dense(classes), loss


@wrong("05.4", "softmax over the batch in the loss", says="Your softmax runs over the")
def loss_over_batch_axis(classes):
    def loss(labels, outputs):
        logp = tf.nn.log_softmax(outputs, axis=0)
        return -tf.reduce_mean(tf.gather(logp, labels, axis=1, batch_dims=1))

    return layers.Dense(classes), loss


@wrong(
    "05.4", "the name of a loss instead of a loss", says="The second of the two must"
)
def loss_by_name(classes):
    return layers.Dense(
        classes, activation="softmax"
    ), "sparse_categorical_crossentropy"


@wrong("05.4", "two layers with a softmax behind", says="The first of the two must be")
def softmax_layer_behind(classes):
    head = keras.Sequential([layers.Dense(classes), layers.Softmax()])
    return head, keras.losses.SparseCategoricalCrossentropy(from_logits=True)


# 05.5 A kernel moves house


@right("05.5")
def by_ndim(weight):
    if weight.ndim == 2:
        return weight.T
    return weight.transpose(2, 3, 1, 0)


@right("05.5")
def by_len_of_shape(w):
    if len(w.shape) == 4:
        return np.transpose(w, (2, 3, 1, 0))
    else:
        return np.transpose(w)


@right("05.5")
def by_moveaxis(weight):
    if weight.ndim == 2:
        return np.swapaxes(weight, 0, 1)
    return np.moveaxis(weight, (0, 1), (3, 2))


@right("05.5")
def by_einsum(weight):
    rule = {2: "oi->io", 4: "dchw->hwcd"}[weight.ndim]
    return np.einsum(rule, weight)


@right("05.5")
def with_a_loop(weight):
    if weight.ndim == 2:
        return weight.T.copy()
    D, C, height, width = weight.shape
    kernel = np.zeros((height, width, C, D), dtype=weight.dtype)
    for d in range(D):
        for c in range(C):
            kernel[:, :, c, d] = weight[d, c]
    return kernel


@right("05.5")
def contiguous_and_turned(weight):
    axes = (1, 0) if weight.ndim == 2 else (2, 3, 1, 0)
    return np.ascontiguousarray(weight.transpose(axes))


@right("05.5")
def by_roll(weight):
    return np.moveaxis(np.moveaxis(weight, 1, -1), 0, -1)


@wrong("05.5", "all axes turned round", says="`.T` turns *all* axes around")
def all_axes_reversed(weight):
    return weight.T


@wrong("05.5", "height and width exchanged", says="`.T` turns *all* axes around")
def height_and_width_exchanged(weight):
    if weight.ndim == 2:
        return weight.T
    return weight.transpose(3, 2, 1, 0)


@wrong("05.5", "channels and outputs exchanged", says="Height and width come first")
def channels_last_of_all(weight):
    if weight.ndim == 2:
        return weight.T
    return weight.transpose(2, 3, 0, 1)


@wrong("05.5", "reshape in place of transpose", says="`reshape` gives the right shape")
def reshaped(weight):
    if weight.ndim == 2:
        outputs, inputs = weight.shape
        return weight.reshape(inputs, outputs)
    D, C, height, width = weight.shape
    return weight.reshape(height, width, C, D)


@wrong(
    "05.5", "reshape of the dense matrix only", says="`reshape` gives the dense matrix"
)
def dense_reshaped(weight):
    if weight.ndim == 2:
        return weight.reshape(weight.shape[::-1])
    return weight.transpose(2, 3, 1, 0)


@wrong(
    "05.5", "reshape of the convolution only", says="`reshape` gives the convolution"
)
def convolution_reshaped(weight):
    if weight.ndim == 2:
        return weight.T
    D, C, height, width = weight.shape
    return weight.reshape(height, width, C, D)


@wrong("05.5", "the dense matrix as it was", says="The matrix of a dense layer")
def dense_as_it_was(weight):
    if weight.ndim == 4:
        return weight.transpose(2, 3, 1, 0)
    return weight


@wrong("05.5", "the convolution as it was", says="The kernel of the convolution")
def convolution_as_it_was(weight):
    if weight.ndim == 2:
        return weight.T
    return weight


@wrong(
    "05.5",
    "as pictures move, channels to the end",
    says="That is the order for *images*",
)
def as_pictures_move(weight):
    if weight.ndim == 2:
        return weight.T
    return weight.transpose(0, 2, 3, 1)


@wrong("05.5", "the outputs to the front of the channels", says="The outputs are last")
def channels_before_height(weight):
    if weight.ndim == 2:
        return weight.T
    return np.moveaxis(weight, 0, -1)


@wrong(
    "05.5", "the axes read the wrong way round", says="You read `transpose` the wrong"
)
def axes_of_the_other_way(weight):
    if weight.ndim == 2:
        return weight.T
    return weight.transpose(3, 2, 0, 1)


@wrong("05.5", "tells layers by the size of the second axis")
def tells_by_size(weight):
    if weight.shape[-1] == weight.shape[-2] and weight.ndim > 2:
        return weight.transpose(2, 3, 1, 0)
    return weight.T


@wrong("05.5", "the kernel is flipped", says="You mirror every filter")
def kernel_flipped(weight):
    if weight.ndim == 2:
        return weight.T
    return weight[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)


@wrong(
    "05.5", "flattened to a matrix for the tokens", says="The convolution has become"
)
def flattened_for_tokens(weight):
    if weight.ndim == 2:
        return weight.T
    return weight.reshape(len(weight), -1).T


# 05.6 Keras's own schedule

_CosineDecay = keras.optimizers.schedules.CosineDecay


@right("05.6")
def by_keywords(total, warmup, peak):
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=total - warmup,
        warmup_target=peak,
        warmup_steps=warmup,
    )


@right("05.6")
def by_position(total, warmup, peak):
    return keras.optimizers.schedules.CosineDecay(
        0.0, total - warmup, 0.0, "CosineDecay", peak, warmup
    )


@right("05.6")
def alpha_said(total, warmup, peak):
    decay = total - warmup
    return _CosineDecay(
        0.0, decay, alpha=0.0, warmup_steps=warmup, warmup_target=float(peak)
    )


@right("05.6")
def with_a_name(total, warmup, peak):
    CosineDecay = tf.keras.optimizers.schedules.CosineDecay
    return CosineDecay(
        0.0, total - warmup, warmup_target=peak, warmup_steps=warmup, name="mine"
    )


@right("05.6")
def whole_numbers_for_steps(total, warmup, peak):
    options = dict(warmup_target=peak, warmup_steps=int(warmup))
    return _CosineDecay(float(0), int(total) - int(warmup), **options)


@wrong("05.6", "decay_steps counts from step 0", says="The rate does not reach 0 at")
def decay_from_step_zero(total, warmup, peak):
    return _CosineDecay(0.0, total, warmup_target=peak, warmup_steps=warmup)


@wrong("05.6", "starts at the peak", says="With a warm-up `initial_learning_rate`")
def starts_at_the_peak(total, warmup, peak):
    return _CosineDecay(peak, total - warmup, warmup_target=peak, warmup_steps=warmup)


@wrong("05.6", "a whole 0 for the first rate", says="`initial_learning_rate` is")
def whole_zero(total, warmup, peak):
    return _CosineDecay(0, total - warmup, warmup_target=peak, warmup_steps=warmup)


@wrong("05.6", "warmup_target left out", says="There is no warm-up")
def without_target(total, warmup, peak):
    return _CosineDecay(peak, total - warmup, warmup_steps=warmup)


@wrong("05.6", "warmup_steps left out", says="There is no warm-up")
def without_warmup_steps(total, warmup, peak):
    return _CosineDecay(0.0, total - warmup, warmup_target=peak)


@wrong("05.6", "no warm-up at all", says="There is no warm-up")
def no_warmup(total, warmup, peak):
    return _CosineDecay(peak, total)


@wrong("05.6", "ends at the peak: alpha is 1", says="With `alpha=1.0` the rate stays")
def alpha_one(total, warmup, peak):
    return _CosineDecay(
        0.0, total - warmup, alpha=1.0, warmup_target=peak, warmup_steps=warmup
    )


@wrong(
    "05.6", "a tenth of the peak is left at the end", says="`alpha` is the share of the"
)
def alpha_a_tenth(total, warmup, peak):
    return _CosineDecay(
        0.0, total - warmup, alpha=0.1, warmup_target=peak, warmup_steps=warmup
    )


@wrong("05.6", "warmup and total exchanged", says="The two lengths are exchanged")
def exchanged_steps(total, warmup, peak):
    return _CosineDecay(0.0, warmup, warmup_target=peak, warmup_steps=total - warmup)


@wrong(
    "05.6",
    "a lambda with the right numbers",
    says="Return a `keras.optimizers.schedules.CosineDecay`",
)
def lambda_instead(total, warmup, peak):
    def rate(step):
        step = min(float(step), total)
        if step < warmup:
            return peak * step / warmup
        share = (step - warmup) / (total - warmup)
        return 0.5 * peak * (1 + np.cos(np.pi * share))

    return lambda step: rate(step)


@wrong(
    "05.6",
    "the rate at one step instead of the schedule",
    says="Return a `keras.optimizers.schedules.CosineDecay`",
)
def rate_of_one_step(total, warmup, peak):
    return _CosineDecay(0.0, total - warmup, warmup_target=peak, warmup_steps=warmup)(
        warmup
    )


@wrong("05.6", "decay until total plus warmup", says="The rate does not reach 0 at")
def added_warmup(total, warmup, peak):
    return _CosineDecay(0.0, total + warmup, warmup_target=peak, warmup_steps=warmup)


@wrong("05.6", "always the peak of the lesson", says="Your peak is always 0.003")
def lesson_peak(total, warmup, peak):
    return _CosineDecay(0.0, total - warmup, warmup_target=3e-3, warmup_steps=warmup)


@wrong("05.6", "one step too long", says="The rate reaches 0 one step")
def one_step_more(total, warmup, peak):
    return _CosineDecay(
        0.0, total - warmup + 1, warmup_target=peak, warmup_steps=warmup
    )


@wrong(
    "05.6",
    "warm-up is always a tenth of the run",
    says="Your warm-up is always a tenth",
)
def warmup_a_tenth(total, warmup, peak):
    steps = total // 10
    return _CosineDecay(0.0, total - steps, warmup_target=peak, warmup_steps=steps)


@wrong("05.6", "a small first rate", says="The first rate is not 0")
def small_first_rate(total, warmup, peak):
    return _CosineDecay(
        peak / 25, total - warmup, warmup_target=peak, warmup_steps=warmup
    )


@wrong(
    "05.6",
    "restarts in place of one cosine",
    says="Return a `keras.optimizers.schedules.CosineDecay`",
)
def with_restarts(total, warmup, peak):
    return keras.optimizers.schedules.CosineDecayRestarts(peak, total - warmup)


@wrong("05.6", "a share in place of steps")
def shares(total, warmup, peak):
    return _CosineDecay(
        0.0, 1 - warmup / total, warmup_target=peak, warmup_steps=warmup / total
    )


@wrong("05.6", "peak as alpha, too", says="You hand over the peak as `alpha`")
def schedule_alpha_is_peak(total, warmup, peak):
    return keras.optimizers.schedules.CosineDecay(
        0.0, total - warmup, alpha=peak, warmup_target=peak, warmup_steps=warmup
    )


@wrong("05.6", "target of 1", says="Your peak is always 1")
def schedule_up_to_one(total, warmup, peak):
    return keras.optimizers.schedules.CosineDecay(
        0.0, total - warmup, warmup_target=1.0, warmup_steps=warmup
    )
