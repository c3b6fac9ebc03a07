"""Exercises of notebook 11: pipelines, losses, modes, stages, class weights, ROC."""

import functools
import itertools

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer


def _numpy(value):
    """Turn what TensorFlow or Keras may return into an array; keep the rest."""
    return value.numpy() if hasattr(value, "numpy") else value


# --- 11.1 The same augmentation each epoch ----------------------------------------


def training_pipeline(rows, augment, batch_size):
    rows = rows.cache()
    rows = rows.shuffle(len(rows))
    return rows.batch(batch_size).map(augment)


def _frozen_augmentation(rows, augment, batch_size):
    rows = rows.shuffle(len(rows)).batch(batch_size).map(augment)
    return rows.cache()


def _frozen_in_order_of_batches(rows, augment, batch_size):
    rows = rows.batch(batch_size).map(augment).cache()
    return rows.shuffle(len(rows))


def _batches_shuffled(rows, augment, batch_size):
    rows = rows.cache().batch(batch_size)
    return rows.shuffle(len(rows)).map(augment)


def _frozen_order(rows, augment, batch_size):
    return rows.shuffle(len(rows)).cache().batch(batch_size).map(augment)


def _short_buffer(size=2):
    def pipeline(rows, augment, batch_size):
        rows = rows.cache().shuffle(size or batch_size)
        return rows.batch(batch_size).map(augment)

    return pipeline


def _augmented_before_the_batch(rows, augment, batch_size):
    rows = rows.cache()
    return rows.shuffle(len(rows)).map(augment).batch(batch_size)


def _augmented_once(rows, augment, batch_size):
    import tensorflow as tf

    pictures = augment(tf.stack(list(rows)))
    again = tf.data.Dataset.from_tensor_slices(pictures)
    return again.shuffle(len(pictures)).batch(batch_size)


def _endless(rows, augment, batch_size):
    rows = rows.cache()
    return rows.shuffle(len(rows)).repeat().batch(batch_size).map(augment)


def _no_cache(rows, augment, batch_size):
    return rows.shuffle(len(rows)).batch(batch_size).map(augment)


def _no_shuffle(rows, augment, batch_size):
    return rows.cache().batch(batch_size).map(augment)


def _no_augmentation(rows, augment, batch_size):
    rows = rows.cache()
    return rows.shuffle(len(rows)).batch(batch_size)


def _last_batch_dropped(rows, augment, batch_size):
    rows = rows.cache()
    return rows.shuffle(len(rows)).batch(batch_size, True).map(augment)


def _in_one_chain(rows, augment, batch_size):
    import tensorflow as tf

    return (
        rows.cache()
        .shuffle(10_000, seed=3)
        .batch(batch_size)
        .map(lambda batch: augment(batch), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def _augmented_one_by_one(rows, augment, batch_size):
    import tensorflow as tf

    rows = rows.cache().shuffle(len(rows))
    rows = rows.map(lambda row: tf.squeeze(augment(row[None]), 0))
    return rows.batch(batch_size)


_EPOCHS = 20
_SEEN = {frozenset(): "nothing", frozenset({4}): "batches"}  # by the number of axes


def _probe_pipeline(answer, rows, batch_size):
    """Run epochs over pictures filled with 0, 1, 2, …, and describe what came out."""
    import tensorflow as tf

    noise, reads, ranks = tf.random.Generator.from_seed(0), [], set()

    def read(number):
        reads.append(int(number))
        return np.full((2, 2, 1), number, "float32")

    def slow(number):
        value = tf.numpy_function(read, [number], tf.float32)
        return tf.ensure_shape(value, (2, 2, 1))

    def augment(batch):
        ranks.add(len(batch.shape))
        return batch + noise.uniform(tf.shape(batch), 0.01, 0.9)

    source = tf.data.Dataset.range(rows).map(slow)
    pipeline = answer(source, augment, batch_size)
    if pipeline is None:
        return None
    if not isinstance(pipeline, tf.data.Dataset):
        raise NotAnAnswer("Return a `tf.data.Dataset`, not its batches.")
    epochs = []
    for _ in range(_EPOCHS):
        batches = [np.array(b) for b in itertools.islice(pipeline, rows + 1)]
        if len(batches) > rows:
            return {"an epoch": "has no end"}
        epochs.append(batches)
    sizes = [len(batch) for batch in epochs[0]]
    pixels = [np.concatenate(batches)[:, 0, 0, 0] for batches in epochs]
    orders = [np.floor(values).astype(int) for values in pixels]
    return {
        "rows in an epoch": len(orders[0]),
        "sizes of its batches": str(sizes),
        "readings of the source": len(reads),
        "augment gets": _SEEN.get(frozenset(ranks), "single pictures"),
        "augmented anew in epoch 2": str(not np.isin(pixels[1], pixels[0]).any()),
        "order": _order(orders, np.cumsum(sizes)[:-1]),
    }


def _order(orders, cuts):
    """Tell in words how the orders of the epochs differ from each other."""
    if all(np.array_equal(order, orders[0]) for order in orders):
        in_order = (np.diff(orders[0]) > 0).all()
        return "that of the source" if in_order else "the same in each epoch"
    groups = {frozenset(map(frozenset, np.split(order, cuts))) for order in orders}
    if len(groups) == 1:
        return "new, but the same rows are together in each batch"
    # A buffer of b rows brings no row forward by b places; in so many epochs, whole
    # shuffles bring a row forward by ten of fourteen but for three times in 10^8.
    forward = max((order - np.arange(len(order))).max() for order in orders)
    return "new" if forward >= 10 else "new, but late rows always come late"


_SHORT = (
    "The buffer of `shuffle` is too short: it draws only from so many rows at a time, "
    "so a row from the end never comes early. It needs room for all rows."
)

PIPELINE = Exercise(
    id="11.1",
    title="Spot the bug: the same augmentation each epoch",
    solution=training_pipeline,
    probe=_probe_pipeline,
    cases=((14, 4),),
    mistakes=(
        Mistake(
            _frozen_augmentation,
            "`cache` stands last, so it keeps everything: the same batches, augmented "
            "once and for all. What shall differ between epochs goes behind it.",
        ),
        Mistake(
            _frozen_in_order_of_batches,
            "Both bugs: `cache` keeps the augmented pictures, and `shuffle` moves "
            "whole batches whose rows stay neighbors.",
        ),
        Mistake(
            _batches_shuffled,
            "`shuffle` comes after `batch`, so it moves whole batches. Neighbors in "
            "the source stay together for ever.",
        ),
        Mistake(
            _frozen_order,
            "The order is drawn once and stays for all epochs. A `cache` behind "
            "`shuffle` does that, and so does `reshuffle_each_iteration=False`.",
        ),
        Mistake(_short_buffer(), _SHORT),
        Mistake(_short_buffer(None), _SHORT),
        Mistake(
            _augmented_before_the_batch,
            "`augment` takes a batch, but gets single pictures: `batch` comes first.",
        ),
        Mistake(
            _augmented_once,
            "The pictures are augmented once, before the first epoch, and stay so. "
            "`augment` has to run in each epoch: `map` it over the batches.",
        ),
        Mistake(
            _endless,
            "`repeat` makes one epoch without an end. `fit` asks for the rows again in "
            "each epoch by itself.",
        ),
        Mistake(
            _no_cache, "The slow source is read again in each epoch. `cache` it first."
        ),
        Mistake(_no_shuffle, "Nothing is shuffled."),
        Mistake(_no_augmentation, "`augment` is never used."),
        Mistake(
            _last_batch_dropped,
            "Rows are lost: `drop_remainder` throws the last, smaller batch away.",
        ),
    ),
    hints=(
        "Each step of a pipeline works on what the step before hands on. What would "
        "you like to keep between epochs: the source, the order, the augmented batch?",
        "`cache` keeps what comes in. Everything behind it happens anew in each epoch.",
        "Four steps in this order: cache, shuffle, batch, map.",
    ),
    because="Keep what is the same in each epoch (the read pictures); put what shall "
    "differ (order, augmentation) behind it, and shuffle rows, not batches.",
    alternatives=(_in_one_chain, _augmented_one_by_one),
    seconds=20.0,
)


# --- 11.2 A loss with a floor -----------------------------------------------------


def mean_loss(labels, probabilities):
    return -np.log(probabilities[np.arange(len(labels)), labels]).mean()


def _cross_entropy(log=np.log, kind="mean", twice=False, sign=-1.0, shift=0):
    def loss(labels, probabilities):
        p = np.asarray(probabilities, dtype=float)
        if twice:
            p = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
        picked = p[np.arange(len(p)), (np.asarray(labels) + shift) % p.shape[1]]
        each = sign * log(picked)
        return each.sum() if kind == "sum" else each if kind == "each" else each.mean()

    return loss


def _over_all_classes(labels, probabilities):
    hot = np.eye(probabilities.shape[1])[labels]
    return -(hot * np.log(probabilities)).mean()


def _without_log(labels, probabilities):
    return 1 - probabilities[np.arange(len(labels)), labels].mean()


def _binary(labels, probabilities):
    hot = np.eye(probabilities.shape[1])[labels]
    each = hot * np.log(probabilities) + (1 - hot) * np.log(1 - probabilities)
    return -each.sum(axis=1).mean()


def _mean_binary(labels, probabilities):
    return _binary(labels, probabilities) / probabilities.shape[1]


def _by_keras(labels, probabilities):
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=False)
    return loss(labels, probabilities)


def _by_keras_for_rows(labels, probabilities):
    import keras

    return keras.losses.CategoricalCrossentropy()(labels, probabilities)


def _by_keras_from_logs(labels, probabilities):
    """Logarithms of probabilities are logits of them: softmax gives them back."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return loss(labels, np.log(probabilities))


_ANOTHER_BASE = (
    "Right up to the base of the logarithm: Keras, like everybody, takes the natural "
    "one."
)
_BINARY = (
    "You count the wrong classes as well, as for labels that may be true together "
    "(binary cross-entropy)."
)

LOSS = Exercise(
    id="11.2",
    title="Spot the bug: a loss with a floor",
    solution=mean_loss,
    cases=(
        (np.array([2, 0]), np.float32([[0.1, 0.2, 0.7], [0.3, 0.25, 0.45]])),
        (
            np.array([1, 1, 0]),
            np.float32([[0.05, 0.95], [0.35, 0.65], [0.2, 0.8]]),
        ),
        (
            np.array([2, 0, 1, 2]),
            np.float32(
                [[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.25, 0.5, 0.25], [0.6, 0.2, 0.2]]
            ),
        ),
    ),
    mistakes=(
        Mistake(
            _cross_entropy(twice=True),
            "Softmax twice: yours takes the probabilities for logits. With two classes "
            "its smallest value is $\\log(1 + 1/e) = 0.313$, with more it is larger.",
        ),
        Mistake(
            _cross_entropy(kind="sum"),
            "That is the *sum* over the pictures, not the mean.",
        ),  # fmt: skip
        Mistake(
            _cross_entropy(kind="each"),
            "One loss for each picture: take the mean of them.",
        ),
        Mistake(_cross_entropy(log=np.log2), _ANOTHER_BASE),
        Mistake(_cross_entropy(log=np.log10), _ANOTHER_BASE),
        Mistake(
            lambda y, p: -np.log(p[np.arange(len(y)), y].mean()),
            "You take the logarithm of the mean. Take the mean of the logarithms.",
        ),
        Mistake(
            lambda y, p: -np.log(p[:, y]).mean(),
            "`probabilities[:, labels]` is a square: the labels of *all* pictures in "
            "each row. One number of each row is needed.",
        ),
        Mistake(
            lambda y, p: -np.log(p.max(axis=1)).mean(),
            "You take the probability of the surest class. The true one counts.",
        ),
        Mistake(
            lambda y, p: -(y * np.log(p[:, 1]) + (1 - y) * np.log(1 - p[:, 1])).mean(),
            "That is the formula for two classes, by the probability of class 1. There "
            "may be more classes.",
        ),
        Mistake(
            lambda y, p: -np.log(p[np.arange(len(y)), y] + 0.01).mean(),
            "Something is added to the probabilities, so the loss is too small. None "
            "of them is 0, and none needs help.",
        ),
        Mistake(
            _cross_entropy(sign=1.0),
            "The sign: logarithms of probabilities are negative, a loss is not.",
        ),
        Mistake(
            _cross_entropy(shift=1),
            "You look at the probability of a *wrong* class.",
        ),
        Mistake(
            _over_all_classes,
            "You average over the classes too, and most of those terms are 0. Divide "
            "by the number of pictures only.",
        ),
        Mistake(
            _without_log,
            "That is how much probability is missing. Cross-entropy takes its "
            "logarithm.",
        ),
        Mistake(
            _by_keras_for_rows,
            "`CategoricalCrossentropy` compares rows with rows. For whole numbers "
            "there is its sparse sister.",
        ),
        Mistake(_mean_binary, _BINARY),
        Mistake(_binary, _BINARY),
    ),
    hints=(
        "What does `from_logits=True` do with its input before anything else?",
        "Either take `keras.losses.SparseCategoricalCrossentropy` without it, or write "
        "it down: which one number of each row does the loss need?",
        "Minus the mean of the logarithms of `probabilities[i, labels[i]]`.",
    ),
    because="One softmax, either in the head or in the loss. In the loss it is the "
    "more exact place, so leave the head without and say `from_logits=True`.",
    alternatives=(
        _cross_entropy(),
        _by_keras,
        _by_keras_from_logs,
        lambda labels, probabilities: float(_by_keras(labels, probabilities)),
    ),
    seconds=10.0,
)


# --- 11.3 A step that forgets its mode --------------------------------------------


def step(model, optimizer, images, labels):
    import keras
    import tensorflow as tf

    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with tf.GradientTape() as tape:
        loss = loss_of(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


def _step(
    training=True,
    chosen=lambda model: model.trainable_variables,
    apply=lambda optimizer, slopes, weights: optimizer.apply(slopes, weights),
    give=lambda loss: loss,
    times=1,
    thaw=False,
    **of_loss,
):
    """A step with one part exchanged."""

    def one(model, optimizer, images, labels):
        import keras
        import tensorflow as tf

        for layer in model.layers if thaw else []:
            layer.trainable = True
        how = {} if training is None else {"training": training}
        options = {"from_logits": True, **of_loss}
        loss_of = keras.losses.SparseCategoricalCrossentropy(**options)
        for _ in range(times):
            with tf.GradientTape() as tape:
                loss = loss_of(labels, model(images, **how))
            weights = chosen(model)
            apply(optimizer, tape.gradient(loss, weights), weights)
        return give(loss)

    return one


def _descend(optimizer, slopes, weights):
    for weight, slope in zip(weights, slopes, strict=True):
        weight.assign(weight - 0.01 * slope)


def _own_optimizer(optimizer, slopes, weights):
    import keras

    keras.optimizers.Adam().apply(slopes, weights)


def _exchanged(optimizer, slopes, weights):
    optimizer.apply_gradients(zip(weights, slopes, strict=True))


def _uphill(optimizer, slopes, weights):
    optimizer.apply([-slope for slope in slopes], weights)


def _loss_afterwards(model, optimizer, images, labels):
    import keras

    _step()(model, optimizer, images, labels)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return loss_of(labels, model(images, training=True))


def _loss_of_each(model, optimizer, images, labels):
    import keras

    logits = model(images, training=True)
    _step()(model, optimizer, images, labels)
    return keras.losses.sparse_categorical_crossentropy(labels, logits, True)


def _outside_the_tape(model, optimizer, images, labels):
    import keras
    import tensorflow as tf

    with tf.GradientTape() as tape:
        logits = model(images, training=True)
    loss = keras.losses.SparseCategoricalCrossentropy(True)(labels, logits)
    slopes = tape.gradient(loss, model.trainable_variables)
    optimizer.apply(slopes, model.trainable_variables)
    return loss


def _by_zip(model, optimizer, images, labels):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        logits = model(images, training=True)
        each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
        loss = tf.reduce_mean(each)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    return loss


def _by_compile(model, optimizer, images, labels):
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss, run_eagerly=True)
    return model.train_on_batch(images, labels)


def _probe_step(answer, images, labels, optimizer):
    """Take a step with a model whose first layer doubles its input while training."""
    import keras

    class Doubling(keras.layers.Layer):
        """Stands in for augmentation and dropout, without chance."""

        def call(self, inputs, training=False):
            return 2 * inputs if training else inputs

    keras.utils.set_random_seed(0)
    dense = [
        keras.layers.Dense(units, name=name)
        for name, units in {"frozen": 3, "middle": 4, "head": 2}.items()
    ]
    model = keras.Sequential([keras.Input(images.shape[1:]), Doubling(), *dense])
    dense[0].trainable = False
    before = model.get_weights()
    rates = {"SGD": 0.5, "Adam": 0.05}
    rule = getattr(keras.optimizers, optimizer)(rates[optimizer])
    rule.build(model.weights)  # or no answer could be a `tf.function`
    result = answer(model, rule, images, labels)
    if result is None:
        return None
    moved = {
        weight.path: now - then
        for weight, now, then in zip(
            model.weights, model.get_weights(), before, strict=True
        )
    }
    names = {"frozen": "frozen weights", "middle": "middle layer", "head": "last layer"}
    return {
        "loss": np.asarray(_numpy(result)),
        **{
            f"{title} moved by": np.concatenate(
                [np.ravel(by) for path, by in moved.items() if name in path]
            )
            for name, title in names.items()
        },
    }


_IMAGES = np.float32([[1, -1, 0.5, 2], [0.5, 2, -1, 0], [-1, 0, 1, 1]])
_FROZEN_MOVED = (
    "Frozen weights have moved. Take `model.trainable_variables`, which obeys "
    "`trainable`, and leave the flags as they are."
)
_RESTS = (
    "Augmentation and dropout rest in your step, and there is no message. Without "
    "`training` each layer follows its own default: say `training=True`."
)

STEP = Exercise(
    id="11.3",
    title="Spot the bug: a step that forgets its mode",
    solution=step,
    probe=_probe_step,
    cases=(
        (_IMAGES, np.array([0, 1, 1]), "SGD"),
        (-_IMAGES, np.array([1, 0, 1]), "Adam"),
    ),
    mistakes=(
        Mistake(_step(training=None), _RESTS),
        Mistake(
            _step(from_logits=False),
            "The loss takes the logits for probabilities: say `from_logits=True`. "
            "Nothing fails without it, and the model learns something else.",
        ),
        Mistake(_step(chosen=lambda model: model.variables, thaw=True), _FROZEN_MOVED),
        Mistake(_step(chosen=lambda model: model.variables), _FROZEN_MOVED),
        Mistake(
            _step(chosen=lambda model: model.layers[-1].trainable_variables),
            "Only the last layer learns. All that is trainable in the model should.",
        ),
        Mistake(
            _step(apply=lambda *arguments: None),
            "The loss is right, but the weights have not moved: apply the gradients.",
        ),
        Mistake(
            _step(reduction="sum"),
            "The sum over the pictures, not the mean: steps grow with the batch.",
        ),
        Mistake(_step(times=2), "Those were two steps; asked is one."),
        Mistake(
            _step(apply=_descend),
            "You move the weights yourself, by plain descent at a rate of 0.01. Let "
            "`optimizer` do it: it has its own rule and rate.",
        ),
        Mistake(
            _step(apply=_own_optimizer),
            "You make an optimizer of your own in each step. Use the one that is given "
            "to you: it keeps its rate and its memory.",
        ),
        Mistake(
            _step(apply=_uphill),
            "The step goes uphill: an optimizer takes the gradients as they are, and "
            "moves against them.",
        ),
        Mistake(
            _step(apply=_exchanged),
            "Gradients and weights have changed places: each pair is (gradient, "
            "weight).",
        ),
        Mistake(
            _loss_afterwards,
            "The step is right, but the loss is computed anew after it. Return that of "
            "the step itself.",
        ),
        Mistake(
            _loss_of_each,
            "The step is right, but you return a loss for each picture. Return their "
            "mean.",
        ),
        Mistake(
            _outside_the_tape,
            "The loss is computed outside of the tape, which so recorded only a part "
            "of the way from the weights to it.",
        ),
    ),
    hints=(
        "What does the cell above print for a call without `training`?",
        "Inside `with tf.GradientTape() as tape:` call the model with `training=True` "
        "and compute the loss; outside, ask the tape for gradients.",
        "`optimizer.apply(gradients, model.trainable_variables)` takes the step.",
    ),
    because="`training=True` inside the tape, and the gradients of what is trainable.",
    alternatives=(_step(), _by_zip, _by_compile),
    seconds=20.0,
)


# --- 11.4 A staged fit ------------------------------------------------------------


def staged(classifier, rows, rates):
    import keras

    classifier.trainable = True
    backbone = classifier.backbone
    encoder = backbone.get_layer("vit_encoder")
    embeddings = backbone.get_layer("vit_patching_and_embedding")
    layers = [embeddings, *encoder.encoder_layers, encoder.layer_norm]
    learning = [], encoder.encoder_layers[-2:], layers
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    for learns, rate in zip(learning, rates, strict=True):
        for layer in layers:
            layer.trainable = layer in learns
        classifier.output_dense.trainable = True
        classifier.compile(keras.optimizers.Adam(rate), loss)
        classifier.fit(rows)
    return classifier


def encoder_of(classifier):
    return classifier.backbone.get_layer("vit_encoder")


def parts_of(classifier) -> dict:
    encoder = encoder_of(classifier)
    return {
        "embeddings": classifier.backbone.get_layer("vit_patching_and_embedding"),
        **{f"block {i + 1}": block for i, block in enumerate(encoder.encoder_layers)},
        "last norm": encoder.layer_norm,
        "head": classifier.output_dense,
    }


def _last(count):
    return lambda names: {"head", *[n for n in names if "block" in n][-count:]}


def _only_head(names):
    return {"head"}


def _all(names):
    return set(names)


def _stages(
    *plans,
    rate=lambda i, rates: rates[i],
    compiles=(0, 1, 2),
    take=lambda rows: rows,
    untouched=(),
    thaw=True,
    epochs=1,
    give=lambda classifier: classifier,
    loss=None,
):
    """Stages with one thing exchanged; each plan names the parts that learn."""

    def staged(classifier, rows, rates):
        import keras

        if thaw:
            classifier.trainable = True
        of_logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        for i, plan in enumerate(plans or (_only_head, _last(2), _all)):
            parts = parts_of(classifier)
            for name, part in parts.items():
                if name not in untouched:
                    part.trainable = name in plan(list(parts))
            if i in compiles:
                classifier.compile(
                    keras.optimizers.SGD(rate(i, rates)), loss or of_logits
                )
            classifier.fit(take(rows), epochs=epochs)
        return give(classifier)

    return staged


def _by_the_flag_of_the_backbone(classifier, rows, rates):
    import keras

    def fit(rate):
        classifier.compile(keras.optimizers.Adam(rate), _logit_loss())
        classifier.fit(rows)

    classifier.trainable = classifier.output_dense.trainable = True
    classifier.backbone.trainable = False
    fit(rates[0])
    for block in encoder_of(classifier).encoder_layers[-2:]:
        block.trainable = True
    fit(rates[1])
    classifier.backbone.trainable = True
    fit(rates[2])
    return classifier


def _only_the_rate_anew(classifier, rows, rates):
    import keras

    classifier.trainable = True
    classifier.compile(keras.optimizers.Adam(), _logit_loss())
    for plan, rate in zip((_only_head, _last(2), _all), rates, strict=True):
        parts = parts_of(classifier)
        for name, part in parts.items():
            part.trainable = name in plan(list(parts))
        classifier.optimizer.learning_rate = rate
        classifier.fit(rows)
    return classifier


def _logit_loss():
    import keras

    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _with_freeze(norm):
    def staged(classifier, rows, rates):
        import keras

        from course_utils.finetune.keras import freeze

        encoder = encoder_of(classifier)
        depth = len(encoder.encoder_layers)
        for blocks, rate in zip((depth, depth - 2, 0), rates, strict=True):
            freeze(classifier, blocks)
            encoder.layer_norm.trainable = norm or blocks == 0
            classifier.output_dense.trainable = True
            classifier.compile(keras.optimizers.AdamW(rate))  # loss: KerasHub's own
            classifier.fit(rows, epochs=1)
        return classifier

    return staged


def _around(classifier, rows, rates):
    import keras

    model = keras.Sequential([classifier])
    for rate in rates:
        model.compile(keras.optimizers.Adam(rate), _logit_loss())
        model.fit(rows, verbose=0)
    return classifier


@functools.cache  # to build one takes a second
def _of_blocks(count):
    import keras_hub

    backbone = keras_hub.models.ViTBackbone((4, 4, 3), 2, count, 2, 8, 8)
    return keras_hub.models.ViTImageClassifier(backbone, num_classes=3)


_LOGITS = np.float32([[2, 0.5, 1], [0.5, 1, 2], [1, 0.25, 1.5]])
_LABELS = np.array([0, 2, 1])


class _Watched:
    """A tiny classifier whose ``fit`` notes what would learn, and does not train.

    A training takes too long for a check. As in Keras, a model goes on with the
    variables that could learn when it was first fitted, until it is compiled anew.
    """

    def __init__(self, blocks, frozen_before, thawed_before):
        self.model = model = _of_blocks(blocks)
        for name in ("compile", "fit"):
            model.__dict__.pop(name, None)
        for holder in [*model._flatten_layers(), *model.variables]:
            holder._trainable = True
        parts = {"everything": model, "backbone": model.backbone} | parts_of(model)
        for names, learns in ((frozen_before, False), (thawed_before, True)):
            for name in filter(None, names.split(", ")):
                parts[name].trainable = learns
        self.stages, self.built_for, model.compiled = [], None, False
        self.really_compile, self.really_fit = model.compile, model.fit
        model.__dict__.update(compile=self.compile, fit=self.fit)

    def compile(self, *arguments, **options):
        self.built_for = None
        self.really_compile(*arguments, **options)

    def fit(self, x=None, y=None, *, batch_size=32, epochs=1, **options):
        import keras

        model = self.model
        if not model.compiled:  # Keras says it best
            return self.really_fit(x, y)
        now = {id(variable) for variable in model.trainable_variables}
        self.built_for = self.built_for or now
        batches = len(x) if y is None else -(-len(x) // batch_size)
        learns = [
            name
            for name, part in parts_of(model).items()
            if any(id(variable) in self.built_for for variable in part.variables)
        ]
        stage = {
            "moves": ", ".join(learns) or "nothing",
            "rate": round(float(model.optimizer.learning_rate), 6),
            "steps": epochs * (options.get("steps_per_epoch") or batches),
            "loss of some logits": np.float64(
                model.compute_loss(None, _LABELS, _LOGITS)
            ),
        }
        self.stages.append(stage)
        return keras.callbacks.History()


def _probe_staged(answer, blocks, rates, frozen_before, thawed_before):
    """Tell of each stage what moves, at which rate, in how many steps."""
    import tensorflow as tf

    watched = _Watched(blocks, frozen_before, thawed_before)
    pictures = np.random.default_rng(0).normal(size=(6, 4, 4, 3)).astype("float32")
    rows = tf.data.Dataset.from_tensor_slices((pictures, np.array([0, 1, 2, 2, 0, 1])))
    try:
        given = answer(watched.model, rows.batch(3), rates)
    finally:
        for name in ("fit", "compile"):
            watched.model.__dict__.pop(name, None)
    if given is None:
        return None
    if not watched.stages:
        raise NotAnAnswer(
            "The check saw no `classifier.fit`. Compile and fit the classifier itself, "
            "without another model around it."
        )
    if given is not watched.model:
        raise NotAnAnswer("End with `return classifier`.")
    return {
        f"stage {i}, {what}": value
        for i, stage in enumerate(watched.stages, start=1)
        for what, value in stage.items()
    }


_NOT_AGAIN = (
    "You change what may learn and do not compile again. A model that was fitted keeps "
    "the variables it was built for, and says nothing: look at what moved."
)
_RATE = "Each stage has a rate of its own, in the order of `rates`."

STAGED = Exercise(
    id="11.4",
    title="A staged fit",
    solution=staged,
    probe=_probe_staged,
    cases=(
        (3, (0.05, 0.02, 0.01), "", ""),
        (5, (0.02, 0.03, 0.04), "everything", ""),
        (4, (0.03, 0.02, 0.05), "backbone, head", "embeddings, block 1, last norm"),
        (4, (0.03, 0.02, 0.05), "last norm, block 2, embeddings", ""),
    ),
    mistakes=(
        Mistake(_stages(compiles=(0,)), _NOT_AGAIN),
        Mistake(_stages(compiles=(0, 1)), _NOT_AGAIN),
        Mistake(_only_the_rate_anew, _NOT_AGAIN),
        Mistake(_stages(rate=lambda i, rates: rates[0]), _RATE),
        Mistake(_stages(rate=lambda i, rates: rates[-1 - i]), _RATE),
        Mistake(_stages(rate=lambda i, rates: 0.001), _RATE),
        Mistake(
            _stages(loss="sparse_categorical_crossentropy"),
            "The loss takes the logits for probabilities. Give Keras's "
            "`SparseCategoricalCrossentropy(from_logits=True)`.",
        ),
        Mistake(
            _with_freeze(norm=True),
            "The last norm of the backbone learns in the first two stages: the "
            "`layer_norm` of its encoder. It is in no block, so freeze it by itself.",
        ),
        Mistake(
            _stages(untouched=("embeddings", "last norm")),
            "You set the blocks and leave embeddings and last norm as they were. They "
            "learn in the third stage, and not before.",
        ),
        Mistake(
            _stages(untouched=("embeddings",)),
            "The embeddings stay as they were. They learn in the third stage, and not "
            "before.",
        ),
        Mistake(
            _stages(untouched=("head",), thaw=False),
            "A head that was frozen before stays frozen. It learns in every stage.",
        ),
        Mistake(
            _stages(lambda n: set(), lambda n: _last(2)(n) - {"head"}, _all),
            "The head is frozen in the first stages. It learns in every stage.",
        ),
        Mistake(
            _stages(
                lambda n: set(),
                lambda n: _last(2)(n) - {"head"},
                lambda n: _all(n) - {"head"},
            ),
            "The head is frozen in all stages. It learns in every one.",
        ),
        Mistake(
            _stages(_only_head, lambda n: _last(2)(n) - {"head"}, _all),
            "The head is frozen in the second stage. It learns in every stage.",
        ),
        Mistake(
            _stages(_only_head, lambda n: {"head", "block 1", "block 2"}, _all),
            "Those are the *first* two blocks. Asked are the last.",
        ),
        Mistake(_stages(_only_head, _last(1), _all), "One block too few learns."),
        Mistake(_stages(_only_head, _last(3), _all), "One block too many learns."),
        Mistake(
            _stages(_only_head, _last(2), _last(99)),
            "In the third stage the blocks and the head learn, but not everything: "
            "embeddings and last norm are left out.",
        ),
        Mistake(
            _stages(_all, _last(2), _only_head),
            "The other way round: begin with the head alone, and end with everything.",
        ),
        Mistake(
            _stages(_all, _all, _all),
            "Everything learns in each stage: nothing was frozen.",
        ),
        Mistake(
            _stages(_only_head, _all, compiles=(0, 1)),
            "Those are two stages. The last two blocks have one of their own, between.",
        ),
        Mistake(
            _stages(_only_head, _last(2)),
            "The third stage is missing, in which everything learns.",
        ),
        Mistake(
            _stages(epochs=3), "One epoch for each stage is asked; yours takes three."
        ),
        Mistake(
            _stages(take=lambda rows: rows.take(1)),
            "You fit on the first batch only. Each stage sees all rows.",
        ),
        Mistake(
            _by_the_flag_of_the_backbone,
            "Right on a fresh model. But on TensorFlow Keras skips setting an "
            "attribute to the value it has: where `backbone.trainable` is False "
            "already, a block that was thawed inside still learns. Set every part "
            "yourself.",
        ),
    ),
    hints=(
        "Three times the same four lines: set the flags, compile with this stage's "
        "rate, fit. What do the flags of each part have to be, whatever they were?",
        "The parts: `vit_patching_and_embedding` and `vit_encoder` by `get_layer` of "
        "the backbone; the encoder's `encoder_layers` and its `layer_norm`; the "
        "classifier's `output_dense`.",
        "Put embeddings, blocks and norm into one list. In each stage go through the "
        "list and set `layer.trainable = layer in learns`, where `learns` is empty, "
        "the last two blocks, or the list itself. The head is always True.",
    ),
    because="Every flag is set in every stage, and each stage is compiled anew, so it "
    "trains just what it should, whatever was frozen before.",
    alternatives=(_with_freeze(norm=False), _stages()),
    seconds=30.0,
)


# --- 11.5 Weights for unequal classes ---------------------------------------------


def class_weights(labels):
    counts = np.bincount(labels)
    weights = len(labels) / (len(counts) * counts)
    return dict(enumerate(weights.tolist()))


def _weights(kind):
    def weigh(labels):
        n, k = len(labels), len(set(np.asarray(labels).tolist()))
        weights = {}
        for label in range(k):
            count = int((np.asarray(labels) == label).sum())
            weights[label] = {
                "right": n / (k * count),
                "share": count / n,
                "inverse": 1 / count,
                "no k": n / count,
                "largest": max(np.bincount(labels)) / count,
                "smallest": min(np.bincount(labels)) / count,
                "others": 1 - count / n,
                "upside down": k * count / n,
                "root": (n / (k * count)) ** 0.5,
                "whole": n // (k * count),
            }[kind]
        return weights

    return weigh


def _summing_to_one(labels):
    inverse = 1 / np.bincount(labels)
    return dict(enumerate(inverse / inverse.sum()))


def _mean_over_classes(labels):
    inverse = 1 / np.bincount(labels)
    return dict(enumerate(inverse / inverse.mean()))


def _by_frequency(labels):
    counts = np.sort(np.bincount(labels))[::-1]
    return dict(enumerate(len(labels) / (len(counts) * counts)))


def _as_text(labels):
    return {str(label): w for label, w in class_weights(labels).items()}


def _two_classes(labels):
    counts = np.bincount(labels)
    return dict(enumerate(len(labels) / (2 * counts)))


def _by_scikit_learn(labels):
    from sklearn.utils.class_weight import compute_class_weight

    classes = np.unique(labels)
    weights = compute_class_weight("balanced", classes=classes, y=labels)
    return dict(zip(classes.tolist(), weights, strict=True))


def _probe_weights(answer, labels):
    found = answer(labels)
    if found is ... or found is None:
        return found
    if not isinstance(found, dict):
        raise NotAnAnswer(
            "`class_weight` wants a dict, class number -> weight, but yours is a "
            f"{type(found).__name__}."
        )
    return {label: np.float64(_numpy(weight)) for label, weight in found.items()}


WEIGHTS = Exercise(
    id="11.5",
    title="Weights for unequal classes",
    solution=class_weights,
    probe=_probe_weights,
    cases=(
        (np.array([0, 1, 1, 2, 2, 2, 2, 1, 0, 2, 2]),),
        (np.repeat([1, 0], [9, 1]),),
        (np.array([3, 2, 1, 0, 2, 2, 3]),),
    ),
    mistakes=(
        Mistake(
            _weights("share"),
            "The other way round: this makes the frequent class count even more.",
        ),
        Mistake(
            _weights("inverse"),
            "The ratio is right, the size is not: with 1/count the mean weight is tiny "
            "and so is every step. It should be 1.",
        ),
        Mistake(
            _weights("no k"),
            "Off by a factor: divide by the number of classes too, so that the mean "
            "weight over all pictures is 1.",
        ),
        Mistake(
            _weights("largest"),
            "The ratio is right and the largest class gets 1; asked is a *mean* weight "
            "of 1 over all pictures.",
        ),
        Mistake(
            _weights("others"),
            "The share of the other pictures: with two classes the ratio fits, with "
            "more it does not, and the mean weight is not 1.",
        ),
        Mistake(
            _summing_to_one,
            "Your weights sum to 1 over the *classes*. Asked is a mean of 1 over the "
            "*pictures*.",
        ),
        Mistake(
            _weights("smallest"),
            "The ratio is right and the smallest class gets 1; asked is a *mean* of 1 "
            "over all pictures.",
        ),
        Mistake(
            _weights("upside down"),
            "Upside down: this makes the frequent class count even more.",
        ),
        Mistake(
            _weights("root"),
            "That is the root of the weight: rare classes still count less in total.",
        ),
        Mistake(
            _weights("whole"),
            "`//` cuts the weights down to whole numbers. Divide by `/`.",
        ),
        Mistake(
            lambda labels: dict(enumerate(np.bincount(labels))),
            "Those are the counts. A frequent class should count *less* for each "
            "picture.",
        ),
        Mistake(
            _mean_over_classes,
            "The mean is 1 over the *classes*. Asked is a mean of 1 over the "
            "*pictures*, of which a frequent class has many.",
        ),
        Mistake(
            _by_frequency,
            "The weights stand in the order of frequency, not of the class numbers.",
        ),
        Mistake(
            _as_text,
            "The keys are text. `fit` looks for whole numbers and would find none.",
        ),
        Mistake(_two_classes, "Your function divides by 2 whatever the classes are."),
    ),
    hints=(
        "Every class shall count the same in total: weight times count is the same "
        "number for all.",
        "The mean weight over all n pictures is 1, so all weights of the pictures "
        "together are n, and each of the K classes gets n/K of them.",
        "The weight of a class is n / (K * its count); `np.bincount` counts.",
    ),
    because="Each class gets n/K of the total. Mind that probabilities then belong to "
    "a world of equal classes: check calibration again.",
    alternatives=(_weights("right"), _by_scikit_learn),
)


# --- 11.6 A threshold from Keras's counts -----------------------------------------


def threshold_for(thresholds, tp, fp, tn, fn, limit):
    rate = fp / (fp + tn)
    return thresholds[rate <= limit].min()


def _lowest(rate, allowed=lambda rate, limit: rate <= limit, give=None, shift=0):
    """The first threshold at which a rate of (tp, fp, tn, fn) is allowed."""

    def choose(thresholds, tp, fp, tn, fn, limit):
        value = rate(tp, fp, tn, fn)
        first = min(np.argmax(allowed(value, limit)) + shift, len(thresholds) - 1)
        return give(first, value) if give else thresholds[first]

    return choose


def _fpr(tp, fp, tn, fn):
    return fp / (fp + tn)


def _highest(thresholds, tp, fp, tn, fn, limit):
    return thresholds[_fpr(tp, fp, tn, fn) <= limit].max()


def _last_above(thresholds, tp, fp, tn, fn, limit):
    above = thresholds[_fpr(tp, fp, tn, fn) > limit]
    return above[-1] if len(above) else thresholds[0]


def _searched(thresholds, tp, fp, tn, fn, limit):
    place = np.searchsorted(_fpr(tp, fp, tn, fn), limit)
    return thresholds[min(place, len(thresholds) - 1)]


def _nearest(thresholds, tp, fp, tn, fn, limit):
    return thresholds[np.argmin(np.abs(fp / (fp + tn) - limit))]


def _with_a_loop(thresholds, tp, fp, tn, fn, limit):
    for i in range(len(thresholds)):
        if fp[i] <= limit * (fp[i] + tn[i]):
            return float(thresholds[i])


def _counts(scores, labels, thresholds):
    """The four arrays of a ``keras.metrics.AUC``: it compares with >."""
    called = scores > thresholds[:, None]
    positive = labels == 1
    return tuple(
        part.sum(axis=1).astype(float)
        for part in (
            called & positive,
            called & ~positive,
            ~called & ~positive,
            ~called & positive,
        )
    )


_GRID = np.array([-1e-7, 0.25, 0.5, 0.75, 1.0000001])
_FINE = np.array([-1e-7, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0000001])
_FLAP = (
    np.array([0.05, 0.15, 0.3, 0.45, 0.55, 0.62, 0.35, 0.66, 0.85, 0.95]),
    np.array([0, 0, 0, 0, 0, 1, 1, 1, 0, 1]),
)
_RARE = (
    np.array([0.05, 0.12, 0.22, 0.33, 0.34, 0.41, 0.52, 0.58, 0.71, 0.83]),
    np.array([0, 0, 0, 0, 1, 0, 0, 1, 0, 0]),
)


THRESHOLD = Exercise(
    id="11.6",
    title="A threshold from Keras's counts",
    solution=threshold_for,
    cases=(
        (_GRID, *_counts(*_FLAP, _GRID), 0.5),
        (_FINE, *_counts(*_FLAP, _FINE), 0.2),
        (_FINE, *_counts(*_RARE, _FINE), 0.25),
        (_FINE, *_counts(*_FLAP, _FINE), 0.0),
        (_FINE, *_counts(*_RARE, _FINE), 1.0),
    ),
    mistakes=(
        Mistake(
            _highest,
            "That is the *highest* threshold that keeps the limit, and it lets nobody "
            "in at all.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: fp / (fp + tp)),
            "`fp / (fp + tp)` is a share of those *called* positive. The false "
            "positive rate is a share of all true negatives.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: fp / (fp + tp + tn + fn)),
            "You divide by all pictures; divide by the negatives.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: fn / (fn + tp)),
            "That is always the lowest threshold of all, where everything is called "
            "positive. (A limit on the misses, `fn`, leads there: there are none.)",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: tp / (tp + fn)),
            "You limit the true positive rate, the good one.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: fp / (fp + fn)),
            "`fp + fn` are all mistakes. Divide by all negatives.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: fp / tn),
            "`fp / tn` compares the negatives called positive with those that are not. "
            "A rate divides by all of them.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: fn / (tn + fn)),
            "You divide by those *called* negative. Look at the negatives among the "
            "true labels.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: fp),
            "You compare a *count* with the limit, not a rate.",
        ),
        Mistake(
            _lowest(lambda tp, fp, tn, fn: 100 * fp / (fp + tn)),
            "You compare percent with a limit that is a share, from 0 to 1.",
        ),
        Mistake(
            _lowest(_fpr, lambda rate, limit: rate < limit),
            "A rate that *equals* the limit is allowed: at most means `<=`.",
        ),
        Mistake(
            _lowest(_fpr, give=lambda place, rate: place),
            "That is its place in the array: look it up.",
        ),
        Mistake(
            _lowest(_fpr, give=lambda place, rate: rate[place]),
            "That is the rate there, not the threshold.",
        ),
        Mistake(
            _lowest(_fpr, shift=1), "One threshold too far: a lower one does as well."
        ),
        Mistake(
            _last_above,
            "There the rate is still above the limit. Take the next threshold.",
        ),
        Mistake(
            _searched,
            "`searchsorted` wants rising numbers, but the rates fall.",
        ),
        Mistake(
            _nearest,
            "You take the rate *nearest* to the limit, which may lie above it.",
        ),
    ),
    hints=(
        "Of which pictures is the false positive rate a share? Which two counts add up "
        "to them?",
        "`fp / (fp + tn)` falls as the thresholds rise.",
        "Keep the thresholds whose rate is at most `limit`, and take their minimum.",
    ),
    because="The rate divides by all negatives, `fp + tn`. The answer is as fine as "
    "the metric's thresholds: 200 unless you ask for more.",
    alternatives=(
        _lowest(_fpr),
        _with_a_loop,
        lambda t, tp, fp, tn, fn, limit: np.min(t[fp <= limit * (fp + tn)]),
    ),
)

EXERCISES = (PIPELINE, LOSS, STEP, STAGED, WEIGHTS, THRESHOLD)
