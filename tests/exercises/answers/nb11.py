"""Answers to the exercises of notebook 11 as learners give them, written blind."""

from collections import Counter

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from tests_answers import right, wrong

from course_utils.finetune import keras as finetune

AUTO = tf.data.AUTOTUNE

# --- 11.1: the same augmentation each epoch ---


@right("11.1")
def cache_shuffle_batch_map(rows, augment, batch_size):
    return rows.cache().shuffle(10_000).batch(batch_size).map(augment)


@right("11.1")
def parallel_and_prefetched(rows, augment, batch_size):
    rows = rows.cache()
    rows = rows.shuffle(buffer_size=len(rows), seed=3)
    rows = rows.batch(batch_size, num_parallel_calls=AUTO)
    rows = rows.map(lambda batch: augment(batch), num_parallel_calls=AUTO)
    return rows.prefetch(AUTO)


@right("11.1")
def by_cardinality(rows, augment, batch_size):
    count = rows.cardinality()
    return (
        rows.cache()
        .shuffle(count, reshuffle_each_iteration=True)
        .batch(batch_size)
        .map(augment)
    )


@right("11.1")
def all_in_memory(rows, augment, batch_size):
    pictures = tf.stack(list(rows))
    again = tf.data.Dataset.from_tensor_slices(pictures).shuffle(len(pictures))
    return again.batch(batch_size).map(augment)


@right("11.1")
def as_the_lesson_does(rows, augment, batch_size):
    rows = rows.batch(batch_size).unbatch().cache()
    return rows.shuffle(1000, 0).batch(batch_size).map(augment).prefetch(2)


@right("11.1")
def shuffled_numbers(rows, augment, batch_size):
    pictures = np.stack(list(rows.as_numpy_iterator()))
    numbers = tf.data.Dataset.range(len(pictures)).shuffle(len(pictures))
    return numbers.batch(batch_size).map(lambda i: augment(tf.gather(pictures, i)))


wrong(
    "11.1",
    "the colleague's pipeline",
    lambda rows, augment, batch_size: (
        rows.batch(batch_size).map(augment).cache().shuffle(100)
    ),
    says="Both bugs",
)
wrong(
    "11.1",
    "cached after augmenting, shuffled before",
    lambda rows, augment, batch_size: (
        rows.shuffle(100).batch(batch_size).map(augment).cache()
    ),
    says="`cache` stands last",
)
wrong(
    "11.1",
    "cached after shuffling, so one order for good",
    lambda rows, augment, batch_size: (
        rows.shuffle(100).cache().batch(batch_size).map(augment)
    ),
    says="The order is drawn once",
)
wrong(
    "11.1",
    "batches shuffled, not rows",
    lambda rows, augment, batch_size: (
        rows.cache().batch(batch_size).shuffle(100).map(augment)
    ),
    says="moves whole batches",
)
wrong(
    "11.1",
    "not cached",
    lambda rows, augment, batch_size: rows.shuffle(100).batch(batch_size).map(augment),
    says="read again in each epoch",
)
wrong(
    "11.1",
    "not shuffled",
    lambda rows, augment, batch_size: rows.cache().batch(batch_size).map(augment),
    says="Nothing is shuffled",
)
wrong(
    "11.1",
    "a shuffle buffer of two rows",
    lambda rows, augment, batch_size: (
        rows.cache().shuffle(2).batch(batch_size).map(augment)
    ),
    says="too short",
)
wrong(
    "11.1",
    "a shuffle buffer of one batch",
    lambda rows, augment, batch_size: (
        rows.cache().shuffle(batch_size).batch(batch_size).map(augment)
    ),
    says="too short",
)
wrong(
    "11.1",
    "augmented one by one, before the batch",
    lambda rows, augment, batch_size: (
        rows.cache().shuffle(100).map(augment).batch(batch_size)
    ),
    says="gets single pictures",
)
wrong(
    "11.1",
    "the order drawn once",
    lambda rows, augment, batch_size: (
        rows.cache()
        .shuffle(100, reshuffle_each_iteration=False)
        .batch(batch_size)
        .map(augment)
    ),
    says="The order is drawn once",
)
wrong(
    "11.1",
    "the last, smaller batch dropped",
    lambda rows, augment, batch_size: (
        rows.cache().shuffle(100).batch(batch_size, drop_remainder=True).map(augment)
    ),
    says="Rows are lost",
)
wrong(
    "11.1",
    "not augmented",
    lambda rows, augment, batch_size: rows.cache().shuffle(100).batch(batch_size),
    says="never used",
)
wrong(
    "11.1",
    "repeated for ever",
    lambda rows, augment, batch_size: (
        rows.cache().shuffle(100).repeat().batch(batch_size).map(augment)
    ),
    says="without an end",
)


@wrong("11.1", "everything augmented once, before the batches", says="augmented once")
def augmented_once(rows, augment, batch_size):
    pictures = augment(tf.stack(list(rows)))
    again = tf.data.Dataset.from_tensor_slices(pictures)
    return again.shuffle(len(pictures)).batch(batch_size)


# --- 11.2: a loss with a floor ---


@right("11.2")
def by_row_numbers(labels, probabilities):
    rows = np.arange(len(labels))
    return -np.mean(np.log(np.array(probabilities)[rows, labels]))


@right("11.2")
def loss_of_keras(labels, probabilities):
    return keras.losses.SparseCategoricalCrossentropy()(labels, probabilities)


@right("11.2")
def one_hot_and_sum(labels, probabilities):
    chosen = ops.one_hot(labels, ops.shape(probabilities)[-1])
    losses = -ops.sum(chosen * ops.log(probabilities), axis=-1)
    return float(ops.mean(losses))


@right("11.2")
def one_by_one(labels, probabilities):
    total = 0.0
    for label, row in zip(labels, probabilities, strict=True):
        total -= np.log(row[label])
    return total / len(labels)


@right("11.2")
def of_scikit_learn(labels, probabilities):
    classes = range(np.shape(probabilities)[1])
    return log_loss(labels, probabilities, labels=list(classes))


@right("11.2")
def logs_are_logits(labels, probabilities):
    losses = keras.losses.sparse_categorical_crossentropy(
        labels, tf.math.log(probabilities), from_logits=True
    )
    return tf.reduce_mean(losses)


def _chosen(labels, probabilities):
    return probabilities[np.arange(len(labels)), labels]


wrong(
    "11.2",
    "the second softmax left in",
    lambda labels, p: keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
        labels, p
    ),
    says="Softmax twice",
)
wrong(
    "11.2",
    "the sum, not the mean",
    lambda y, p: -np.sum(np.log(_chosen(y, p))),
    says="sum",
)
wrong(
    "11.2",
    "the minus forgotten",
    lambda y, p: np.mean(np.log(_chosen(y, p))),
    says="The sign",
)
wrong(
    "11.2",
    "logarithm of base 2",
    lambda y, p: -np.mean(np.log2(_chosen(y, p))),
    says="base of the logarithm",
)
wrong(
    "11.2",
    "logarithm of base 10",
    lambda y, p: -np.mean(np.log10(_chosen(y, p))),
    says="base of the logarithm",
)
wrong(
    "11.2",
    "the log of the mean",
    lambda y, p: -np.log(np.mean(_chosen(y, p))),
    says="the logarithm of the mean",
)
wrong(
    "11.2",
    "one loss for each picture",
    lambda y, p: -np.log(_chosen(y, p)),
    says="One loss for each picture",
)
wrong(
    "11.2",
    "the mean over classes, too",
    lambda y, p: -np.mean(np.eye(p.shape[1])[y] * np.log(p)),
    says="average over the classes",
)
wrong(
    "11.2",
    "a square of rows and labels",
    lambda y, p: -np.mean(np.log(p[:, y])),
    says="is a square",
)
wrong(
    "11.2",
    "the surest class in place of the true one",
    lambda y, p: -np.mean(np.log(p.max(axis=1))),
    says="surest class",
)
wrong(
    "11.2",
    "without the logarithm",
    lambda y, p: np.mean(1 - _chosen(y, p)),
    says="how much probability is missing",
)
wrong(
    "11.2",
    "binary cross-entropy of all classes",
    lambda y, p: keras.losses.BinaryCrossentropy()(np.eye(p.shape[1])[y], p),
    says="binary cross-entropy",
)
wrong(
    "11.2",
    "a share of every row by smoothing",
    lambda y, p: -np.mean(np.log(_chosen(y, p) + 0.01)),
    says="Something is added",
)
wrong(
    "11.2",
    "the loss for one-hot labels",
    lambda y, p: keras.losses.CategoricalCrossentropy()(y, p),
    says="sparse sister",
)
wrong(
    "11.2",
    "the probability of class 1",
    lambda y, p: -np.mean(y * np.log(p[:, 1]) + (1 - y) * np.log(1 - p[:, 1])),
    says="formula for two classes",
)

# --- 11.3: a step that forgets its mode ---

_LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


@right("11.3")
def like_the_lesson(model, optimizer, images, labels):
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = loss_of(labels, model(images, training=True))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(gradients, model.trainable_variables)
    return loss


@right("11.3")
def pairs_and_a_float(model, optimizer, images, labels):
    weights = model.trainable_weights
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, logits, from_logits=True
        )
        loss = tf.reduce_mean(losses)
    slopes = tape.gradient(loss, weights)
    optimizer.apply_gradients(zip(slopes, weights, strict=True))
    return float(loss)


@right("11.3")
def the_loss_of_tensorflow(model, optimizer, images, labels):
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        labels = tf.cast(labels, tf.int32)
        loss = tf.reduce_mean(
            tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        )
    variables = model.trainable_variables
    slopes = tape.gradient(loss, variables)
    optimizer.apply_gradients(list(zip(slopes, variables, strict=True)))
    return loss.numpy()


@right("11.3")
def by_hand_from_log_softmax(model, optimizer, images, labels):
    with tf.GradientTape() as tape:
        logs = ops.log_softmax(model(images, training=True))
        one_hot = ops.one_hot(labels, logs.shape[-1])
        loss = -ops.mean(ops.sum(one_hot * logs, axis=-1))
    grads = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(grads, model.trainable_variables)
    return loss.numpy().item()


@right("11.3")
def probabilities_first(model, optimizer, images, labels):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        for variable in model.trainable_variables:
            tape.watch(variable.value)
        answers = tf.nn.softmax(model(images, training=True))
        loss = keras.losses.SparseCategoricalCrossentropy()(labels, answers)
    grads = tape.gradient(loss, [v.value for v in model.trainable_variables])
    optimizer.apply(grads, model.trainable_variables)
    return loss


@right("11.3")
def one_batch_of_keras(model, optimizer, images, labels):
    model.compile(optimizer, _LOSS, run_eagerly=True)
    return model.train_on_batch(images, labels)


@right("11.3")
@tf.function
def in_a_graph(model, optimizer, images, labels):
    weights = model.trainable_variables
    with tf.GradientTape() as tape:
        loss = _LOSS(labels, model(images, training=True))
    optimizer.apply_gradients(
        list(zip(tape.gradient(loss, weights), weights, strict=True))
    )
    return loss


def _one_step(
    *,
    loss_of=_LOSS,
    weights=lambda model: model.trainable_variables,
    give=lambda loss: loss,
    apply=lambda optimizer, slopes, weights: optimizer.apply(slopes, weights),
    **mode,
):
    """A step with one part exchanged."""

    def step(model, optimizer, images, labels):
        with tf.GradientTape() as tape:
            loss = loss_of(labels, model(images, **mode))
        learning = weights(model)
        apply(optimizer, tape.gradient(loss, learning), learning)
        return give(loss)

    return step


wrong("11.3", "no word on training", _one_step(), says="rest in your step")
wrong(
    "11.3", "training switched off", _one_step(training=False), says="rest in your step"
)
wrong(
    "11.3",
    "from_logits forgotten",
    _one_step(loss_of=keras.losses.SparseCategoricalCrossentropy(), training=True),
    says="takes the logits for probabilities",
)
wrong(
    "11.3",
    "frozen weights move, too",
    _one_step(weights=lambda model: model.variables, training=True),
    says="Frozen weights have moved",
)
wrong(
    "11.3",
    "only the last layer learns",
    _one_step(
        weights=lambda model: model.layers[-1].trainable_variables, training=True
    ),
    says="Only the last layer learns",
)
wrong(
    "11.3",
    "the sum, not the mean",
    _one_step(
        loss_of=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="sum"
        ),
        training=True,
    ),
    says="sum",
)
wrong(
    "11.3",
    "gradients computed, but not applied",
    _one_step(apply=lambda optimizer, slopes, weights: None, training=True),
    says="apply the gradients",
)
wrong(
    "11.3",
    "no loss returned",
    _one_step(give=lambda loss: None, training=True),
    says="returns nothing",
)
wrong(
    "11.3",
    "plain descent in place of the optimizer",
    _one_step(
        apply=lambda optimizer, slopes, weights: [
            weight.assign_sub(0.01 * slope)
            for slope, weight in zip(slopes, weights, strict=True)
        ],
        training=True,
    ),
    says="plain descent",
)
wrong(
    "11.3",
    "an optimizer of its own",
    _one_step(
        apply=lambda optimizer, slopes, weights: keras.optimizers.Adam().apply(
            slopes, weights
        ),
        training=True,
    ),
    says="an optimizer of your own",
)
wrong(
    "11.3",
    "weights and gradients exchanged",
    _one_step(
        apply=lambda optimizer, slopes, weights: optimizer.apply_gradients(
            zip(weights, slopes, strict=True)
        ),
        training=True,
    ),
    says="have changed places",
)
wrong(
    "11.3",
    "uphill",
    _one_step(
        apply=lambda optimizer, slopes, weights: optimizer.apply(
            [-slope for slope in slopes], weights
        ),
        training=True,
    ),
    says="goes uphill",
)


@wrong("11.3", "the loss after the step", says="computed anew after it")
def loss_after_the_step(model, optimizer, images, labels):
    _one_step(training=True)(model, optimizer, images, labels)
    return _LOSS(labels, model(images, training=True))


@wrong("11.3", "everything thawed first", says="Frozen weights have moved")
def thawed_first(model, optimizer, images, labels):
    for layer in model._flatten_layers():
        layer.trainable = True
    return _one_step(training=True)(model, optimizer, images, labels)


@wrong("11.3", "the loss outside of the tape", says="outside of the tape")
def outside_of_the_tape(model, optimizer, images, labels):
    with tf.GradientTape() as tape:
        logits = model(images, training=True)
    loss = _LOSS(labels, logits)
    slopes = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(slopes, model.trainable_variables)
    return loss


@wrong("11.3", "a loss for each picture", says="a loss for each picture")
def a_loss_for_each(model, optimizer, images, labels):
    with tf.GradientTape() as tape:
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, model(images, training=True), from_logits=True
        )
        loss = tf.reduce_mean(losses)
    slopes = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(slopes, model.trainable_variables)
    return losses


# --- 11.4: a staged fit ---


def _encoder(classifier):
    return classifier.backbone.get_layer("vit_encoder")


def _every_part(classifier):
    backbone, encoder = classifier.backbone, _encoder(classifier)
    return [backbone.layers[1], *encoder.encoder_layers, encoder.layer_norm]


def _fit(classifier, rows, rate, optimizer=keras.optimizers.Adam, loss=_LOSS):
    classifier.compile(optimizer=optimizer(learning_rate=rate), loss=loss)
    classifier.fit(rows, epochs=1, verbose=0)


@right("11.4")
def stage_by_stage(classifier, rows, rates):
    parts = _every_part(classifier)
    classifier.trainable = True
    for part in parts:
        part.trainable = False
    classifier.output_dense.trainable = True
    _fit(classifier, rows, rates[0])
    for block in _encoder(classifier).encoder_layers[-2:]:
        block.trainable = True
    _fit(classifier, rows, rates[1])
    for part in parts:
        part.trainable = True
    _fit(classifier, rows, rates[2])
    return classifier


@right("11.4")
def all_flags_by_variable(classifier, rows, rates):
    depth = len(_encoder(classifier).encoder_layers)
    late = tuple(f"_block_{n}/" for n in (depth - 1, depth))
    classifier.trainable = True
    stages = (("predictions",), ("predictions", *late), ("",))
    for rate, names in zip(rates, stages, strict=True):
        for variable in classifier.variables:
            variable.trainable = any(name in variable.path for name in names)
        _fit(classifier, rows, rate, keras.optimizers.AdamW)
    return classifier


@right("11.4")
def thawed_by_recursion(classifier, rows, rates):
    def switch(layers, value):
        for layer in layers:
            for inner in layer._flatten_layers():
                inner.trainable = not value
                inner.trainable = value

    blocks = _encoder(classifier).encoder_layers
    switch([classifier], False)
    stages = [classifier.output_dense], blocks[-2:], [classifier]
    classifier.trainable = True
    switch([classifier.backbone], False)
    for layers, rate in zip(stages, rates, strict=False):
        switch(layers, True)
        _fit(classifier, rows, rate, keras.optimizers.SGD)
    return classifier


@right("11.4")
def loss_of_kerashub(classifier, rows, rates):
    classifier.trainable = True
    parts = _every_part(classifier)
    for stage in range(3):
        for number, part in enumerate(parts):
            late = len(parts) - 3 <= number < len(parts) - 1
            part.trainable = stage == 2 or (stage == 1 and late)
        classifier.output_dense.trainable = True
        classifier.compile(optimizer=keras.optimizers.RMSprop(rates[stage]))
        classifier.fit(rows)
    return classifier


@right("11.4")
def with_the_freeze_of_the_course(classifier, rows, rates):
    encoder = _encoder(classifier)
    depth = len(encoder.encoder_layers)
    for blocks, rate in zip([depth, depth - 2, 0], rates, strict=True):
        finetune.freeze(classifier, blocks)
        classifier.output_dense.trainable = True
        encoder.layer_norm.trainable = blocks == 0
        _fit(classifier, rows, rate)
    return classifier


@right("11.4")
def rate_set_after_compile(classifier, rows, rates):
    classifier.trainable = True
    parts = _every_part(classifier)
    for rate, learning in zip(rates, ([], parts[-3:-1], parts), strict=True):
        classifier.compile("sgd", _LOSS, metrics=["accuracy"])
        classifier.optimizer.learning_rate = rate
        for part in [*parts, classifier.output_dense]:
            part.trainable = part in [*learning, classifier.output_dense]
        classifier.fit(rows, epochs=1, steps_per_epoch=len(rows))
    return classifier


def _staged(classifier, rows, rates, *, stages=None, norm=False, head=True, fit=_fit):
    """The parts of a right answer, each of which can be turned."""
    classifier.trainable = True
    blocks = _encoder(classifier).encoder_layers
    stages = stages or ([], blocks[-2:], blocks)
    for number, (learning, rate) in enumerate(zip(stages, rates, strict=False)):
        for block in blocks:
            block.trainable = block in learning
        classifier.backbone.layers[1].trainable = number == 2
        _encoder(classifier).layer_norm.trainable = norm or number == 2
        classifier.output_dense.trainable = head
        fit(classifier, rows, rate)
    return classifier


@wrong("11.4", "compiled only once", says="do not compile again")
def compiled_once(classifier, rows, rates):
    classifier.compile(keras.optimizers.Adam(rates[0]), _LOSS)

    def fit(classifier, rows, rate):
        classifier.optimizer.learning_rate = rate
        classifier.fit(rows, verbose=0)

    return _staged(classifier, rows, rates, fit=fit)


@wrong("11.4", "compiled once, one rate", says="do not compile again")
def compiled_once_with_one_rate(classifier, rows, rates):
    classifier.compile(keras.optimizers.Adam(rates[0]), _LOSS)
    return _staged(classifier, rows, rates, fit=lambda c, rows, _: c.fit(rows))


@wrong("11.4", "one rate for all stages", says="a rate of its own")
def one_rate(classifier, rows, rates):
    return _staged(classifier, rows, [rates[0]] * 3)


@wrong("11.4", "rates from the last to the first", says="a rate of its own")
def rates_reversed(classifier, rows, rates):
    return _staged(classifier, rows, rates[::-1])


@wrong("11.4", "the last norm learns from the start", says="The last norm")
def norm_learns(classifier, rows, rates):
    return _staged(classifier, rows, rates, norm=True)


@wrong("11.4", "from_logits forgotten", says="takes the logits for probabilities")
def no_logits(classifier, rows, rates):
    def fit(classifier, rows, rate):
        loss = keras.losses.SparseCategoricalCrossentropy()
        _fit(classifier, rows, rate, loss=loss)

    return _staged(classifier, rows, rates, fit=fit)


@wrong("11.4", "only one block in the second stage", says="One block too few")
def one_block(classifier, rows, rates):
    blocks = _encoder(classifier).encoder_layers
    return _staged(classifier, rows, rates, stages=([], blocks[-1:], blocks))


@wrong("11.4", "the first two blocks", says="the *first* two blocks")
def first_two(classifier, rows, rates):
    blocks = _encoder(classifier).encoder_layers
    return _staged(classifier, rows, rates, stages=([], blocks[:2], blocks))


@wrong("11.4", "a head that stays frozen", says="The head is frozen")
def head_frozen(classifier, rows, rates):
    return _staged(classifier, rows, rates, head=False)


@wrong("11.4", "everything from the start", says="nothing was frozen")
def everything(classifier, rows, rates):
    classifier.trainable = True
    for part in _every_part(classifier) + [classifier.output_dense]:
        part.trainable = True
    for rate in rates:
        _fit(classifier, rows, rate)
    return classifier


@wrong("11.4", "head, then everything", says="two stages")
def two_stages(classifier, rows, rates):
    classifier.trainable = classifier.output_dense.trainable = True
    for part in _every_part(classifier):
        part.trainable = False
    _fit(classifier, rows, rates[0])
    for part in _every_part(classifier):
        part.trainable = True
    _fit(classifier, rows, rates[1])
    return classifier


@wrong("11.4", "three epochs in each stage", says="One epoch for each stage")
def three_epochs(classifier, rows, rates):
    def fit(classifier, rows, rate):
        classifier.compile(keras.optimizers.Adam(rate), _LOSS)
        classifier.fit(rows, epochs=3, verbose=0)

    return _staged(classifier, rows, rates, fit=fit)


@wrong("11.4", "the flag of the backbone", says="skips setting an attribute")
def flag_of_the_backbone(classifier, rows, rates):
    classifier.trainable = True
    classifier.output_dense.trainable = True
    classifier.backbone.trainable = False
    _fit(classifier, rows, rates[0])
    for block in _encoder(classifier).encoder_layers[-2:]:
        block.trainable = True
    _fit(classifier, rows, rates[1])
    classifier.backbone.trainable = True
    _fit(classifier, rows, rates[2])
    return classifier


@wrong("11.4", "a model around the classifier", says="saw no `classifier.fit`")
def model_around(classifier, rows, rates):
    model = keras.Sequential([classifier])
    _staged(classifier, rows, rates, fit=lambda c, rows, rate: _fit(model, rows, rate))
    return classifier


@wrong("11.4", "the classifier not returned", says="returns nothing")
def returns_nothing(classifier, rows, rates):
    _staged(classifier, rows, rates)


# --- 11.5: weights for unequal classes ---


@right("11.5")
def by_bincount(labels):
    counts = np.bincount(labels)
    weights = len(labels) / (len(counts) * counts)
    return dict(enumerate(weights))


@right("11.5")
def by_counter(labels):
    counts = Counter(labels)
    return {c: len(labels) / (len(counts) * n) for c, n in counts.items()}


@right("11.5")
def of_scikit_learn_balanced(labels):
    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return dict(zip(classes, weights, strict=True))


@right("11.5")
def by_loop(labels):
    labels = np.array(labels)
    result = {}
    K = labels.max() + 1
    for c in range(K):
        result[c] = float(1 / (np.mean(labels == c) * K))
    return result


@right("11.5")
def inverse_then_scaled(labels):
    values, counts = np.unique(labels, return_counts=True)
    weights = 1 / counts
    total = sum(w * n for w, n in zip(weights, counts, strict=True))
    weights = weights * len(labels) / total
    return {int(v): float(w) for v, w in zip(values, weights, strict=True)}


def _weights(formula, key=int):
    """A dict from a formula of pictures, counts and number of classes."""

    def class_weights(labels):
        counts = np.bincount(labels)
        values = formula(len(labels), counts, len(counts))
        return {key(c): float(value) for c, value in enumerate(values)}

    return class_weights


wrong(
    "11.5",
    "not divided by the number of classes",
    _weights(lambda n, c, K: n / c),
    says="Off by a factor",
)
wrong(
    "11.5",
    "one over the count",
    _weights(lambda n, c, K: 1 / c),
    says="The ratio is right",
)
wrong(
    "11.5",
    "the share of the class",
    _weights(lambda n, c, K: c / n),
    says="The other way round",
)
wrong("11.5", "upside down", _weights(lambda n, c, K: K * c / n), says="Upside down")
wrong(
    "11.5",
    "1 for the largest class",
    _weights(lambda n, c, K: c.max() / c),
    says="the largest class gets 1",
)
wrong(
    "11.5",
    "1 for the smallest class",
    _weights(lambda n, c, K: c.min() / c),
    says="the smallest class gets 1",
)
wrong(
    "11.5",
    "weights that sum to 1",
    _weights(lambda n, c, K: (1 / c) / (1 / c).sum()),
    says="sum to 1 over the *classes*",
)
wrong(
    "11.5",
    "mean 1 over the classes, not the pictures",
    _weights(lambda n, c, K: (1 / c) / (1 / c).mean()),
    says="The mean is 1 over the *classes*",
)
wrong(
    "11.5",
    "two classes, always",
    _weights(lambda n, c, K: n / (2 * c)),
    says="divides by 2",
)
wrong(
    "11.5",
    "the root of the weight",
    _weights(lambda n, c, K: (n / (K * c)) ** 0.5),
    says="the root of the weight",
)
wrong(
    "11.5",
    "the share of the others",
    _weights(lambda n, c, K: (n - c) / n),
    says="share of the other pictures",
)
wrong(
    "11.5",
    "whole numbers by //",
    _weights(lambda n, c, K: n // (K * c)),
    says="whole numbers",
)
wrong(
    "11.5",
    "keys as text",
    _weights(lambda n, c, K: n / (K * c), key=str),
    says="The keys are text",
)


wrong("11.5", "the counts", _weights(lambda n, c, K: c), says="Those are the counts")


@wrong("11.5", "a list, not a dict", says="wants a dict")
def a_list(labels):
    counts = np.bincount(labels)
    return list(len(labels) / (len(counts) * counts))


@wrong("11.5", "keys by frequency, not by class", says="order of frequency")
def keys_by_frequency(labels):
    counts = [n for _, n in Counter(labels).most_common()]
    return {i: len(labels) / (len(counts) * n) for i, n in enumerate(counts)}


@wrong("11.5", "the caller's labels sorted", says="changes what it is given")
def sorts_the_labels(labels):
    labels.sort()
    return by_bincount(labels)


# --- 11.6: a threshold from Keras's counts ---


@right("11.6")
def first_by_argmax(thresholds, tp, fp, tn, fn, limit):
    rate = fp / (fp + tn)
    return thresholds[np.argmax(rate <= limit)]


@right("11.6")
def by_loop_over_thresholds(thresholds, tp, fp, tn, fn, limit):
    for i in range(len(thresholds)):
        if fp[i] / (fp[i] + tn[i]) <= limit:
            return thresholds[i]


@right("11.6")
def least_of_those_allowed(thresholds, tp, fp, tn, fn, limit):
    rates = np.array(fp) / (np.array(fp) + np.array(tn))
    return min(t for t, rate in zip(thresholds, rates, strict=True) if rate <= limit)


@right("11.6")
def by_a_mask(thresholds, tp, fp, tn, fn, limit):
    fpr = np.divide(fp, np.add(fp, tn))
    return np.asarray(thresholds)[fpr <= limit].min()


@right("11.6")
def next_of_a_generator(thresholds, tp, fp, tn, fn, limit):
    negatives = fp[0] + tn[0]
    return float(
        next(t for t, f in zip(thresholds, fp, strict=True) if f / negatives <= limit)
    )


@right("11.6")
def by_where(thresholds, tp, fp, tn, fn, limit):
    allowed = np.where(fp / (tn + fp) <= limit)[0]
    return thresholds[allowed[0]]


def _first(rate, allowed=lambda rate, limit: rate <= limit):
    """The first threshold at which a rate is allowed."""

    def threshold_for(thresholds, tp, fp, tn, fn, limit):
        return thresholds[np.argmax(allowed(rate(tp, fp, tn, fn), limit))]

    return threshold_for


def _fpr(tp, fp, tn, fn):
    return fp / (fp + tn)


wrong(
    "11.6",
    "below the limit, not at it",
    _first(_fpr, lambda rate, m: rate < m),
    says="at most means",
)
wrong(
    "11.6",
    "false among those called",
    _first(lambda tp, fp, tn, fn: fp / (fp + tp)),
    says="those *called* positive",
)
wrong(
    "11.6",
    "false of all pictures",
    _first(lambda tp, fp, tn, fn: fp / (tp + fp + tn + fn)),
    says="You divide by all pictures",
)
wrong(
    "11.6",
    "the true positive rate",
    _first(lambda tp, fp, tn, fn: tp / (tp + fn)),
    says="the good one",
)
wrong(
    "11.6",
    "the false negative rate",
    _first(lambda tp, fp, tn, fn: fn / (tp + fn)),
    says="the lowest threshold of all",
)
wrong(
    "11.6",
    "fp and fn",
    _first(lambda tp, fp, tn, fn: fp / (fp + fn)),
    says="all mistakes",
)
wrong(
    "11.6",
    "the odds fp / tn",
    _first(lambda tp, fp, tn, fn: fp / tn),
    says="A rate divides by all of them",
)
wrong(
    "11.6",
    "the count of fp",
    _first(lambda tp, fp, tn, fn: fp),
    says="You compare a *count*",
)
wrong(
    "11.6",
    "the limit as percent",
    _first(lambda tp, fp, tn, fn: 100 * fp / (fp + tn)),
    says="You compare percent",
)


@wrong("11.6", "the first rate above the limit", says="the lowest threshold of all")
def first_above(thresholds, tp, fp, tn, fn, limit):
    return thresholds[np.argmin(_fpr(tp, fp, tn, fn) <= limit)]


@wrong("11.6", "the highest threshold", says="the *highest* threshold")
def highest(thresholds, tp, fp, tn, fn, limit):
    return thresholds[_fpr(tp, fp, tn, fn) <= limit][-1]


@wrong("11.6", "the last threshold above the limit", says="still above the limit")
def last_above(thresholds, tp, fp, tn, fn, limit):
    above = np.flatnonzero(_fpr(tp, fp, tn, fn) > limit)
    return thresholds[above[-1]] if len(above) else thresholds[0]


@wrong("11.6", "the number of the threshold", says="its place in the array")
def its_number(thresholds, tp, fp, tn, fn, limit):
    return np.argmax(_fpr(tp, fp, tn, fn) <= limit)


@wrong("11.6", "the rate, not the threshold", says="the rate there")
def its_rate(thresholds, tp, fp, tn, fn, limit):
    rate = _fpr(tp, fp, tn, fn)
    return rate[rate <= limit][0]


@wrong("11.6", "the nearest rate", says="*nearest*")
def nearest(thresholds, tp, fp, tn, fn, limit):
    return thresholds[np.argmin(np.abs(_fpr(tp, fp, tn, fn) - limit))]


@wrong("11.6", "searched as if the rates rose", says="wants rising numbers")
def searched(thresholds, tp, fp, tn, fn, limit):
    i = np.searchsorted(_fpr(tp, fp, tn, fn), limit)
    return thresholds[min(i, len(thresholds) - 1)]


@wrong("11.6", "one threshold too far", says="One threshold too far")
def one_too_far(thresholds, tp, fp, tn, fn, limit):
    i = np.argmax(_fpr(tp, fp, tn, fn) <= limit)
    return thresholds[min(i + 1, len(thresholds) - 1)]


@wrong(
    "11.6",
    "the negatives of the last threshold only count as tn",
    says="those *called* negative",
)
def by_true_negatives_at_the_end(thresholds, tp, fp, tn, fn, limit):
    return thresholds[np.argmax(1 - tn / (tn + fn) <= limit)]
