"""Exercises of notebook 11: pipelines, losses, modes, stages, class weights, ROC."""

import functools

import numpy as np

from course_utils.exercises.engine import Exercise, Mistake, NotAnAnswer


def _numpy(value):
    """Turn what TensorFlow or Keras may return into an array; keep the rest."""
    return value.numpy() if hasattr(value, "numpy") else value


def _once(probe):
    """Run the answers of this file's catalogs only once: TensorFlow is slow to start.

    A learner's answer always runs.
    """
    kept = functools.cache(probe)

    @functools.wraps(probe)
    def run(answer, *case):
        ours = getattr(answer, "__module__", None) == __name__
        return (kept if ours else probe)(answer, *case)

    return run


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


@_once
def _probe_pipeline(answer, rows, batch_size):
    """Run two epochs over the numbers 0, 1, 2, …, and describe what came out."""
    import tensorflow as tf

    tf.random.set_seed(0)
    noise, reads = tf.random.Generator.from_seed(0), []

    def read(number):
        reads.append(int(number))
        return np.float32(number)

    def slow(number):
        value = tf.numpy_function(read, [number], tf.float32)
        return tf.ensure_shape(value, ())

    def augment(batch):
        return batch + noise.uniform(tf.shape(batch), 0.01, 0.9)

    source = tf.data.Dataset.range(rows).map(slow)
    pipeline = answer(source, augment, batch_size)
    if pipeline is ... or pipeline is None:
        return pipeline
    if not isinstance(pipeline, tf.data.Dataset):
        raise NotAnAnswer("Return a `tf.data.Dataset`, not its batches.")
    epochs = []
    for _ in range(2):
        found = [np.atleast_1d(batch.numpy()) for batch in pipeline]
        epochs.append(found)
    first, second = (np.concatenate(batches) for batches in epochs)
    orders = [np.floor(values).astype(int) for values in (first, second)]
    both = [np.sort(values) for values in (first, second)]
    neighbors = [set(map(int, batch)) for batch in epochs[0]]
    in_order = {
        tuple(range(i, min(i + batch_size, rows))) for i in range(0, rows, batch_size)
    }
    fresh = len(first) == len(second) and not np.isin(both[0], both[1]).any()
    return {
        "rows in an epoch": len(first),
        "sizes of its batches": str([len(batch) for batch in epochs[0]]),
        "readings of the source": len(reads),
        "augmented": str(bool((first % 1 > 0).all())),
        "augmented anew in epoch 2": str(bool(fresh)),
        "another order in epoch 2": str(not np.array_equal(*orders)),
        "rows of a batch were neighbors": str(
            {tuple(sorted(batch)) for batch in neighbors} == in_order
        ),
    }


PIPELINE = Exercise(
    id="11.1",
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
            "`cache` comes after `shuffle` and keeps the first order for all epochs.",
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


def _by_keras(labels, probabilities):
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=False)
    return loss(labels, probabilities)


def _by_keras_from_logs(labels, probabilities):
    """Logarithms of probabilities are logits of them: softmax gives them back."""
    import keras

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return loss(labels, np.log(probabilities))


def _probe_loss(answer, labels, probabilities):
    return _numpy(answer(labels, probabilities))


LOSS = Exercise(
    id="11.2",
    solution=mean_loss,
    probe=_probe_loss,
    cases=(
        (np.array([0, 1]), np.array([[0.9, 0.1], [0.4, 0.6]])),
        (np.array([1, 1, 0]), np.array([[0.05, 0.95], [0.5, 0.5], [0.2, 0.8]])),
        (
            np.array([2, 0, 1, 2]),
            np.array(
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
        Mistake(
            _cross_entropy(log=np.log2),
            "Right up to the base of the logarithm: Keras, like everybody, takes the "
            "natural one.",
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
            _binary,
            "You count the wrong classes as well, as for labels that may be true "
            "together (binary cross-entropy).",
        ),
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
    training=True, all_variables=False, apply=True, logits=True, times=1, total=False
):
    def one(model, optimizer, images, labels):
        import keras
        import tensorflow as tf

        how = {} if training is None else {"training": training}
        kind = "sum" if total else "sum_over_batch_size"
        loss_of = keras.losses.SparseCategoricalCrossentropy(logits, reduction=kind)
        for _ in range(times):
            with tf.GradientTape() as tape:
                outputs = model(images, **how)
                if not logits:
                    outputs = tf.nn.sigmoid(outputs)
                loss = loss_of(labels, outputs)
            chosen = model.trainable_variables
            if all_variables:
                chosen = [v for v in model.variables if v.dtype == "float32"]
            if apply:
                gradients = tape.gradient(loss, [v.value for v in chosen])
                for gradient, variable in zip(gradients, chosen, strict=True):
                    variable.assign(variable - optimizer.learning_rate * gradient)
        return loss

    return one


def _outside_the_tape(model, optimizer, images, labels):
    import keras
    import tensorflow as tf

    logits = model(images, training=True)
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(True)(labels, logits)
    variables = model.trainable_variables
    gradients = tape.gradient(loss, variables)
    if all(gradient is None for gradient in gradients):
        raise ValueError("no gradient for any variable")
    optimizer.apply(gradients, variables)
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


@_once
def _probe_step(answer, images, labels):
    """Take a step with a model whose layer doubles its input while training."""
    import keras

    class Doubling(keras.layers.Layer):
        """Stands in for augmentation and dropout, without chance."""

        def call(self, inputs, training=False):
            return 2 * inputs if training else inputs

    images, labels = np.array(images, "float32"), np.array(labels)
    width = images.shape[1]
    model = keras.Sequential(
        [
            keras.Input((width,)),
            Doubling(),
            keras.layers.Dense(3, use_bias=False, trainable=False),
            keras.layers.Dense(2, use_bias=False),
        ]
    )
    body = np.linspace(-1, 1, 3 * width).reshape(width, 3)
    head = np.array([[0.5, -0.5], [0.25, 0.5], [-0.5, 0.25]])
    model.set_weights(
        [head, body] if model.weights[0].shape == (3, 2) else [body, head]
    )
    result = answer(model, keras.optimizers.SGD(0.5), images, labels)
    if result is ... or result is None:
        return result
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    if not all(np.isfinite(layer.kernel.numpy()).all() for layer in dense):
        raise NotAnAnswer("After your step the weights are no numbers any more.")
    return {
        "loss": np.float32(_numpy(result)),
        "frozen weights moved by": np.abs(dense[0].kernel.numpy() - body).max(),
        "the others moved by": (dense[1].kernel.numpy() - head).round(5),
    }


STEP = Exercise(
    id="11.3",
    solution=step,
    probe=_probe_step,
    cases=(
        (((1.0, 0.5),), (0,)),
        (((1.0, -1.0), (0.5, 2.0), (-1.0, 0.0)), (0, 1, 1)),
    ),
    mistakes=(
        Mistake(
            _step(training=None),
            "Called without `training`, each layer follows its own default: dropout "
            "rests, as the layer of the check does, and there is no message.",
        ),
        Mistake(
            _step(all_variables=True),
            "Frozen weights have moved. Take `model.trainable_variables`, which obeys "
            "`trainable`.",
        ),
        Mistake(
            _step(apply=False),
            "The loss is right, but the weights have not moved: apply the gradients.",
        ),
        Mistake(
            _step(total=True),
            "The sum over the pictures, not the mean: steps grow with the batch.",
        ),
        Mistake(_step(times=2), "Those were two steps; asked is one."),
        Mistake(
            _step(logits=False),
            "The model gives logits. Say `from_logits=True` to the loss, and put "
            "nothing between.",
        ),
        Mistake(
            _outside_the_tape,
            "The model is called outside of the tape, which so recorded nothing that "
            "depends on a weight.",
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
    return classifier


def _blocks(classifier):
    return classifier.backbone.get_layer("vit_encoder").encoder_layers


def _last_layers_of_the_model(classifier, n):
    for layer in classifier.layers[: len(classifier.layers) - n]:
        layer.trainable = False
    return classifier


def _minus_zero(classifier, n):
    classifier.backbone.trainable = False
    for block in _blocks(classifier)[-n:]:
        block.trainable = True
    return classifier


def _first_blocks(classifier, n):
    classifier.backbone.trainable = False
    for block in _blocks(classifier)[:n]:
        block.trainable = True
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
    return classifier


def _one_more(classifier, n):
    classifier.backbone.trainable = False
    for block in _blocks(classifier)[max(0, len(_blocks(classifier)) - n - 1) :]:
        block.trainable = True
    return classifier


def _head_frozen_too(classifier, n):
    classifier.trainable = False
    for block in _blocks(classifier)[len(_blocks(classifier)) - n :]:
        block.trainable = True
    return classifier


def _head_frozen(classifier, n):
    unfreeze(classifier, n)
    classifier.layers[-1].trainable = False
    return classifier


def _everything(classifier, n):
    classifier.trainable = True
    return classifier


def _outside_in(classifier, n):
    classifier.backbone.trainable = False
    blocks = _blocks(classifier)
    for block in blocks[len(blocks) - n :]:
        block.trainable = True
    return classifier


def _with_freeze(classifier, n):
    from course_utils.finetune_keras import freeze

    freeze(classifier, len(_blocks(classifier)) - n)
    encoder = classifier.backbone.get_layer("vit_encoder")
    encoder.layer_norm.trainable = False
    classifier.backbone.get_layer("vit_patching_and_embedding").trainable = False
    return classifier


def _by_variables(classifier, n):
    depth = len(_blocks(classifier))
    learning = {f"transformer_block_{i + 1}" for i in range(depth - n, depth)}
    for variable in classifier.backbone.variables:
        variable.trainable = bool(learning & set(variable.path.split("/")))
    return classifier


@functools.cache
def _small_classifier(depth):
    """Build a classifier with the parts, names and nesting of KerasHub's."""
    import keras

    class Encoder(keras.layers.Layer):
        def __init__(self):
            super().__init__(name="vit_encoder")
            self.encoder_layers = [
                keras.layers.Dense(2, name=f"transformer_block_{i + 1}")
                for i in range(depth)
            ]
            self.layer_norm = keras.layers.LayerNormalization(name="ln")

        def build(self, shape):
            for layer in (*self.encoder_layers, self.layer_norm):
                layer.build(shape)
            self.built = True

        def call(self, tokens):
            for layer in self.encoder_layers:
                tokens = layer(tokens)
            return self.layer_norm(tokens)

    pictures = keras.Input((2,))
    tokens = keras.layers.Dense(2, name="vit_patching_and_embedding")(pictures)
    backbone = keras.Model(pictures, Encoder()(tokens), name="vit_backbone")
    head = keras.layers.Dense(2, name="predictions")
    inputs = keras.Input((2,))
    classifier = keras.Model(inputs, head(backbone(inputs)))
    classifier.backbone = backbone
    classifier.output_dense = head
    return classifier


def _probe_unfreeze(answer, depth, stages):
    """Names of the parts that learn after each call ``answer(classifier, n)``."""
    classifier = _small_classifier(depth)
    encoder = classifier.backbone.get_layer("vit_encoder")
    parts = [classifier, *classifier.layers, *classifier.backbone.layers]
    for part in [*parts, *encoder.encoder_layers, encoder.layer_norm]:
        part.trainable = True
    for variable in classifier.variables:
        variable.trainable = True
    found = {}
    for n in stages:
        given = answer(classifier, n)
        if given is ... or given is None:
            return given
        if not hasattr(given, "trainable_variables"):
            raise NotAnAnswer("End with `return classifier`: the check looks at it.")
        learning = [v.path.split("/")[-2] for v in given.trainable_variables]
        found[f"after n = {n}"] = ", ".join(dict.fromkeys(learning)) or "none learns"
    return found


UNFREEZE = Exercise(
    id="11.4",
    solution=unfreeze,
    probe=_probe_unfreeze,
    cases=((3, (1,)), (3, (0,)), (4, (3, 1))),
    mistakes=(
        Mistake(
            _last_layers_of_the_model,
            "The layers of the *classifier* are few: input, backbone, head. The blocks "
            "are inside of the backbone, in its `vit_encoder`.",
        ),
        Mistake(
            _minus_zero,
            "For `n = 0` your slice `[-0:]` is the whole list, so all blocks learn.",
        ),
        Mistake(_first_blocks, "Those are the *first* n blocks; asked are the last."),
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
        Mistake(_one_more, "One block too many learns."),
        Mistake(_head_frozen_too, "`classifier.trainable = False` froze the head too."),
        Mistake(_head_frozen, "The head must learn always."),
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
        "the encoder a `layer_norm`.",
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
                "others": 1 - count / n,
            }[kind]
        return weights

    return weigh


def _summing_to_one(labels):
    inverse = 1 / np.bincount(labels)
    return dict(enumerate(inverse / inverse.sum()))


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
    return {int(label): np.float64(_numpy(found[label])) for label in sorted(found)}


WEIGHTS = Exercise(
    id="11.5",
    solution=class_weights,
    probe=_probe_weights,
    cases=(
        (np.array([0, 0, 0, 1]),),
        (np.repeat([1, 0], [9, 1]),),
        (np.array([0, 1, 1, 2, 2, 2, 2, 1]),),
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


def _lowest(rate="fpr", strict=False, highest=False, place=False, give="threshold"):
    def choose(thresholds, tp, fp, tn, fn, limit):
        with np.errstate(all="ignore"):
            value = {
                "fpr": fp / (fp + tn),
                "fdr": np.nan_to_num(fp / (fp + tp)),
                "all": fp / (fp + tn + tp + fn),
                "fnr": fn / (fn + tp),
                "tpr": tp / (tp + fn),
                "count": fp,
            }[rate]
        ok = np.flatnonzero(value < limit if strict else value <= limit)
        if not len(ok):
            return np.inf
        chosen = ok[-1 if highest else 0]
        return (
            chosen if place else value[chosen] if give == "rate" else thresholds[chosen]
        )

    return choose


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


def _probe_threshold(answer, thresholds, tp, fp, tn, fn, limit):
    return _numpy(answer(thresholds, tp, fp, tn, fn, limit))


THRESHOLD = Exercise(
    id="11.6",
    solution=threshold_for,
    probe=_probe_threshold,
    cases=(
        (_GRID, *_counts(*_FLAP, _GRID), 0.5),
        (_FINE, *_counts(*_FLAP, _FINE), 0.2),
        (_FINE, *_counts(*_RARE, _FINE), 0.25),
        (_FINE, *_counts(*_RARE, _FINE), 0.0),
    ),
    mistakes=(
        Mistake(
            _lowest(highest=True),
            "That is the *highest* threshold that keeps the limit, and it lets nobody "
            "in at all.",
        ),
        Mistake(
            _lowest("fdr"),
            "`fp / (fp + tp)` is a share of those *called* positive. The false "
            "positive rate is a share of all true negatives.",
        ),
        Mistake(_lowest("all"), "You divide by all pictures; divide by the negatives."),
        Mistake(
            _lowest("fnr"), "You limit the *misses*. Asked is a limit on false alarms."
        ),
        Mistake(_lowest("tpr"), "You limit the true positive rate, the good one."),
        Mistake(_lowest("count"), "You compare a *count* with the limit, not a rate."),
        Mistake(
            _lowest(strict=True),
            "A rate that *equals* the limit is allowed: at most means `<=`.",
        ),
        Mistake(_lowest(place=True), "That is its place in the array: look it up."),
        Mistake(_lowest(give="rate"), "That is the rate there, not the threshold."),
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
        _lowest(),
        _with_a_loop,
        lambda t, tp, fp, tn, fn, limit: np.min(t[fp <= limit * (fp + tn)]),
    ),
)

EXERCISES = (PIPELINE, LOSS, STEP, UNFREEZE, WEIGHTS, THRESHOLD)
