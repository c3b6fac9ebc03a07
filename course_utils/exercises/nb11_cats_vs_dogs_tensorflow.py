"""Exercises of notebook 11: pipelines, losses, modes, stages, class weights, ROC."""

import itertools

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.exercises.nb09_finetune_cifar10_tensorflow import (
    layers_of_encoder,
    small_classifier,
    what_learns,
)


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


# --- 11.4 Stages of unfreezing ----------------------------------------------------


def unfreeze(classifier, n):
    backbone = classifier.backbone
    encoder = backbone.get_layer("vit_encoder")
    backbone.get_layer("vit_patching_and_embedding").trainable = False
    encoder.layer_norm.trainable = False
    first = len(encoder.encoder_layers) - n
    for i, block in enumerate(encoder.encoder_layers):
        block.trainable = i >= first
    classifier.output_dense.trainable = True
    return classifier


def _blocks(classifier):
    return layers_of_encoder(classifier).encoder_layers


def _unfreezing(first=None, norm=False, head=True, embeddings=False):
    """Set every part; None leaves it as it was. ``first`` is the first to learn."""

    def unfreeze(classifier, n):
        blocks = _blocks(classifier)
        start = first(len(blocks), n) if first else len(blocks) - n
        parts = {
            classifier.backbone.layers[1]: embeddings,
            layers_of_encoder(classifier).layer_norm: norm,
            classifier.output_dense: head,
            **{block: i >= start for i, block in enumerate(blocks)},
        }
        for part, learns in parts.items():
            if learns is not None:
                part.trainable = learns
        return classifier

    return unfreeze


def _after_all_is_frozen(first, last=lambda depth, n: depth):
    """Freeze every layer of the backbone, then thaw blocks and head."""

    def unfreeze(classifier, n):
        for layer in classifier.backbone._flatten_layers():
            layer.trainable = False
        blocks = _blocks(classifier)
        for block in blocks[first(n) : last(len(blocks), n)]:
            block.trainable = True
        classifier.output_dense.trainable = True
        return classifier

    return unfreeze


def _never_thawed(classifier, n):
    blocks = _blocks(classifier)
    for part in (
        classifier.backbone.layers[1],
        layers_of_encoder(classifier).layer_norm,
        *blocks[: len(blocks) - n],
    ):
        part.trainable = False
    classifier.output_dense.trainable = True
    return classifier


def _last_layers_of_the_model(classifier, n):
    for layer in classifier.layers[:-n]:
        layer.trainable = False
    return classifier


def _outside_in(classifier, n):
    classifier.backbone.trainable = False
    blocks = _blocks(classifier)
    for block in blocks[len(blocks) - n :]:
        block.trainable = True
    classifier.output_dense.trainable = True
    return classifier


def _frozen_afterwards(classifier, n):
    blocks = _blocks(classifier)
    for block in blocks[len(blocks) - n :]:
        block.trainable = True
    classifier.backbone.trainable = False
    return classifier


def _norm_and_embeddings_left(classifier, n):
    blocks = _blocks(classifier)
    for i, block in enumerate(blocks):
        block.trainable = i >= len(blocks) - n
    classifier.output_dense.trainable = True
    return classifier


def _everything(classifier, n):
    classifier.trainable = True
    return classifier


def _with_freeze(classifier, n):
    from course_utils.finetune.keras import freeze

    freeze(classifier, len(_blocks(classifier)) - n)
    layers_of_encoder(classifier).layer_norm.trainable = False
    classifier.backbone.get_layer("vit_patching_and_embedding").trainable = False
    return classifier


def _by_variables(classifier, n):
    depth = len(_blocks(classifier))
    learning = [f"_block_{i + 1}/" for i in range(depth - n, depth)] + ["predictions"]
    for variable in classifier.variables:
        variable.trainable = any(name in variable.path for name in learning)
    return classifier


def _probe_unfreeze(answer, frozen_before, stages):
    """Tell what learns after each call ``answer(classifier, n)``."""
    classifier = small_classifier(frozen_before)
    found = {}
    for n in stages:
        given = answer(classifier, n)
        if given is None:
            return None
        if not hasattr(given, "trainable_variables"):
            raise NotAnAnswer("End with `return classifier`: the check looks at it.")
        learns = what_learns(given)
        found |= {f"after n = {n}, {part}": how for part, how in learns.items()}
    return found


_EMBEDDINGS = "The embeddings learn. Of the backbone only the last n blocks should."
_NORM = (
    "The last norm of the backbone still learns: the `layer_norm` of its encoder. It "
    "belongs to no block, so freeze it by itself."
)

UNFREEZE = Exercise(
    id="11.4",
    title="Stages of unfreezing",
    solution=unfreeze,
    probe=_probe_unfreeze,
    cases=(
        ("", (1,)),
        ("", (0,)),
        ("", (3,)),
        ("", (2, 1)),
        ("backbone, head", (2,)),
    ),
    mistakes=(
        Mistake(
            _last_layers_of_the_model,
            "The layers of the *classifier* are four: input, backbone, dropout, head. "
            "The blocks are inside of the backbone, in its `vit_encoder`.",
        ),
        Mistake(
            _after_all_is_frozen(lambda n: -n),
            "For `n = 0` your slice `[-0:]` is the whole list, so all blocks learn.",
        ),
        Mistake(
            _after_all_is_frozen(lambda n: 0, lambda depth, n: n),
            "Those are the *first* n blocks; asked are the last.",
        ),
        Mistake(
            _unfreezing(lambda depth, n: n),
            "You freeze n blocks. The last n are to *learn*, the others to be frozen.",
        ),
        Mistake(
            _frozen_afterwards,
            "Order matters: `backbone.trainable = False` reaches down to every layer "
            "and undoes what was set before.",
        ),
        Mistake(
            _norm_and_embeddings_left,
            "The blocks are right. Embeddings and last norm of the backbone learn too; "
            "they should not.",
        ),
        Mistake(_unfreezing(norm=True), _NORM),
        Mistake(_unfreezing(norm=None), _NORM),
        Mistake(_unfreezing(embeddings=True), _EMBEDDINGS),
        Mistake(_unfreezing(embeddings=None), _EMBEDDINGS),
        Mistake(
            _never_thawed,
            "You freeze, but never thaw: blocks that were frozen before stay so. Give "
            "each block its flag, True or False.",
        ),
        Mistake(
            _unfreezing(lambda depth, n: depth - n - 1), "One block too many learns."
        ),
        Mistake(
            _unfreezing(lambda depth, n: depth - n + 1), "One block too few learns."
        ),
        Mistake(
            _unfreezing(lambda depth, n: 12 - n),
            "Your function counts on twelve blocks, as ViT-B has. Ask for the length "
            "of the list.",
        ),
        Mistake(
            _unfreezing(head=None),
            "A head that was frozen before stays frozen. It is to learn always, so set "
            "it.",
        ),
        Mistake(_unfreezing(head=False), "The head is frozen. It must learn always."),
        Mistake(_everything, "Everything learns: nothing was frozen."),
        Mistake(
            _outside_in,
            "Right on a fresh model, wrong when called again: on TensorFlow Keras "
            "skips setting an attribute to the value it has. `backbone.trainable = "
            "False` does not reach down a second time, and an old block still learns. "
            "Set every block yourself.",
        ),
    ),
    hints=(
        'The blocks: `classifier.backbone.get_layer("vit_encoder").encoder_layers`.',
        "Beside the blocks the backbone has a layer `vit_patching_and_embedding`, and "
        "the encoder a `layer_norm`. The head is the `output_dense` of the classifier.",
        "Give each block its own `trainable`, true or false; what is `blocks[-n:]` for "
        "`n = 0`?",
    ),
    because="Every part is set, so nothing depends on what was set before. Compile "
    "after that, and look at `trainable_variables`.",
    alternatives=(_with_freeze, _by_variables),
    seconds=20.0,
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

EXERCISES = (PIPELINE, LOSS, STEP, UNFREEZE, WEIGHTS, THRESHOLD)
