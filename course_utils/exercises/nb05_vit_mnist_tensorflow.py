"""Exercises of notebook 05: losses, a step by tape, kernels, schedules in Keras.

TensorFlow and Keras are imported where they are used, so that this file loads quickly.
"""

import numpy as np

from course_utils.exercises.engine import Exercise, Mistake, NotAnAnswer

SECONDS = 30.0  # TensorFlow's first calls are slow


def _array(value):
    """Turn a result of Keras or TensorFlow into NumPy; leave the placeholder alone."""
    if value is ... or value is None:
        return value
    return np.asarray(value)


# --- 05.1 Whole numbers for a categorical loss ------------------------------------


def mean_loss(logits, labels):
    import keras

    losses = keras.losses.sparse_categorical_crossentropy(
        labels, logits, from_logits=True
    )
    return keras.ops.mean(losses)


def _silent(logits, labels):
    import tensorflow as tf

    labels = tf.cast(labels[:, None], logits.dtype)
    return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, logits))


def _refused(logits, labels):
    import keras

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


def _log_softmax(logits):
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def _softmax(logits):
    return np.exp(_log_softmax(logits))


def _from_one(labels, classes):
    return np.eye(classes + 1)[labels][:, 1:]


def _by_probability(logits, labels):
    import keras

    probabilities = keras.ops.softmax(logits, axis=-1)
    losses = keras.losses.sparse_categorical_crossentropy(labels, probabilities)
    return float(keras.ops.mean(losses))


def _probe_loss(answer, logits, labels):
    """Hand tensors to an answer, as in a training step."""
    import tensorflow as tf

    return _array(answer(tf.constant(logits), tf.constant(labels)))


INTEGERS = Exercise(
    id="05.1",
    solution=mean_loss,
    probe=_probe_loss,
    cases=(
        (np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0]], "float32"), np.array([2, 1])),
        (
            np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 0.0]], "float32"),
            np.array([0, 1, 1]),
        ),
        (
            np.linspace(-2, 2, 40, dtype="float32").reshape(4, 10) ** 2,
            np.array([0, 9, 4, 4]),
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
            "There is a softmax too many: the loss must know that it gets logits "
            "(`from_logits=True`), or get probabilities.",
        ),
        Mistake(
            _loss(log_softmax=lambda logits: np.log(np.clip(logits, 1e-7, 1 - 1e-7))),
            "You take the logits for probabilities. Say `from_logits=True`, or do a "
            "softmax first.",
        ),
        Mistake(
            _loss(reduce=np.sum),
            "That is the sum over the batch; asked is the mean.",
        ),
        Mistake(
            _loss(one_hot=_from_one),
            "Your rows are shifted: label 0 means the first column.",
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
    alternatives=(_loss(), _by_probability),
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 05.2 Dropout that never acts -------------------------------------------------


def training_step(model, optimizer, loss_function, images, labels):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        loss = loss_function(labels, model(images, training=True))
    variables = model.trainable_variables
    optimizer.apply(tape.gradient(loss, variables), variables)
    return float(loss)


def _step(training=True, last_only=False, apply=True, inside=True, give=float, up=1):
    def step(model, optimizer, loss_function, images, labels):
        import tensorflow as tf

        variables = model.trainable_variables
        if last_only:
            variables = model.layers[-1].trainable_variables
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


def _second_call(model, optimizer, loss_function, images, labels):
    training_step(model, optimizer, loss_function, images, labels)
    return float(loss_function(labels, model(images)))


def _probe_step(answer, images, labels):
    """Losses of two steps of a small model with dropout, and its weights."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((images.shape[1],)),
            keras.layers.Dense(4, activation="tanh"),
            keras.layers.Dropout(0.5, seed=0),
            keras.layers.Dense(3),
        ]
    )
    for weight in model.trainable_variables:
        size = int(np.prod(weight.shape))
        weight.assign(np.cos(np.arange(size)).reshape(weight.shape))
    start = [weight.numpy() for weight in model.trainable_variables]
    optimizer = keras.optimizers.SGD(0.5)
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
        for weight, old in zip(model.trainable_variables, start, strict=True)
    ]
    return {
        "losses of two steps": np.array(losses),
        "tensors that moved": float(sum(moved)),
        "last kernel": model.layers[-1].kernel.numpy(),
    }


_POINTS = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], dtype="float32")

STEP = Exercise(
    id="05.2",
    solution=training_step,
    probe=_probe_step,
    cases=(
        (_POINTS, np.array([0, 1, 2])),
        (np.tile(_POINTS, (4, 1)) * 2, np.tile([2, 0, 1], 4)),
    ),
    mistakes=(
        Mistake(
            _step(training=False, last_only=True),
            "Both bugs are still there: one in the call of the model, one in the list "
            "of variables.",
        ),
        Mistake(
            _step(training=False),
            "Dropout is still not at work. Outside of `fit` nobody tells the model "
            "that this is training, unless you do, in the call.",
        ),
        Mistake(
            _step(last_only=True),
            "Only the last layer learns. `model.trainable_variables` has the "
            "variables of all.",
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
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 05.3 Softmax applied twice ---------------------------------------------------


def head_and_loss(classes):
    import keras

    head = keras.layers.Dense(classes)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return head, loss


def _pair(activation=None, from_logits=True, kind="SparseCategoricalCrossentropy"):
    def pair(classes):
        import keras

        loss = getattr(keras.losses, kind)(from_logits=from_logits)
        return keras.layers.Dense(classes, activation=activation), loss

    return pair


def _pair_of_tf(activation=None, mean=True):
    def pair(classes):
        import keras
        import tensorflow as tf

        def loss(labels, logits):
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            return tf.reduce_mean(each) if mean else tf.reduce_sum(each)

        return keras.layers.Dense(classes, activation=activation), loss

    return pair


def _probe_pair(answer, features, labels):
    """Loss of a head with known weights; its output comes without its history."""
    import tensorflow as tf

    pair = answer(features.shape[1])
    if pair is ... or pair is None:
        return pair
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and callable(pair[1])):
        raise NotAnAnswer("Return two things: the layer, then the loss.")
    head, loss = pair
    if not hasattr(head, "build"):
        raise NotAnAnswer("The first of the two must be a Keras layer.")
    head.build((None, features.shape[1]))
    head.set_weights([np.eye(features.shape[1]), np.zeros(features.shape[1])])
    # As an array, so that Keras cannot look back at the softmax and correct it.
    outputs = tf.constant(np.asarray(head(features)))
    return float(loss(tf.constant(labels), outputs))


TWICE = Exercise(
    id="05.3",
    solution=head_and_loss,
    probe=_probe_pair,
    cases=(
        (50 * np.eye(3, dtype="float32"), np.array([0, 1, 2])),
        (np.array([[2, 0, 1], [0, 1, 0], [1, 0, 3]], "float32"), np.array([2, 1, 0])),
        (np.linspace(-1, 2, 100, dtype="float32").reshape(10, 10), np.arange(10)),
    ),
    mistakes=(
        Mistake(
            _pair_of_tf("softmax"),
            "The softmax is still done twice: once in the layer, once in the loss, "
            "which expects logits.",
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
            _pair("sigmoid", from_logits=False),
            "A sigmoid looks at each class alone, so the ten numbers do not sum to 1. "
            "One class of several takes a softmax.",
        ),
        Mistake(
            _pair_of_tf(mean=False),
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
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 05.4 A kernel moves house ----------------------------------------------------


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


def _by_axes(weight):
    if weight.ndim == 2:
        return np.swapaxes(weight, 0, 1)
    return np.moveaxis(weight, [0, 1], [3, 2])


def _by_letters(weight):
    return np.einsum("oi->io" if weight.ndim == 2 else "dchw->hwcd", weight)


KERNEL = Exercise(
    id="05.4",
    solution=to_keras,
    cases=(
        (np.arange(6.0).reshape(2, 3),),
        (np.arange(16.0).reshape(2, 2, 2, 2),),
        (np.arange(120.0).reshape(5, 2, 3, 4),),
    ),
    mistakes=(
        Mistake(
            _moved(dense=(0, 1)),
            "The matrix of a dense layer lies on its side: PyTorch has `(outputs, "
            "inputs)`, Keras `(inputs, outputs)`.",
        ),
        Mistake(
            _reshaped,
            "`reshape` gives the right shape and the wrong places. Axes are exchanged "
            "by `transpose`.",
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


# --- 05.5 Keras's own schedule ----------------------------------------------------


def schedule(total, warmup, peak):
    import keras

    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=total - warmup,
        warmup_target=peak,
        warmup_steps=warmup,
    )


def _cosine(start=0.0, length=1, target=1.0, wait=True, end=0.0):
    """Make a schedule; ``start`` and ``target`` are multiples of the peak."""

    def schedule(total, warmup, peak):
        import keras

        return keras.optimizers.schedules.CosineDecay(
            start * peak,
            total - length * warmup,
            alpha=end,
            warmup_target=None if target is None else target * peak,
            warmup_steps=warmup if wait else 0,
        )

    return schedule


def _by_hand(total, warmup, peak):
    def rate(step):
        if step < warmup:
            return peak * step / warmup
        return peak * np.cos(np.pi / 2 * (step - warmup) / (total - warmup)) ** 2

    return rate


def _probe_schedule(answer, total, warmup, peak):
    """Rates along the run."""
    rates = answer(total, warmup, peak)
    if rates is ... or rates is None:
        return rates
    if not callable(rates):
        raise NotAnAnswer("Return the schedule itself, which gives a rate for a step.")
    steps = (0, warmup // 2, warmup, (warmup + total) // 2, total - 1, total)
    return {f"step {step}": float(rates(step)) for step in steps}


SCHEDULE = Exercise(
    id="05.5",
    solution=schedule,
    probe=_probe_schedule,
    cases=((100, 20, 0.5), (60, 4, 0.003)),
    mistakes=(
        Mistake(
            _cosine(length=0),
            "The rate does not reach 0 at step `total`: `decay_steps` counts from the "
            "end of the warm-up on.",
        ),
        Mistake(
            _cosine(start=1.0, length=0, target=None, wait=False),
            "There is no warm-up: the rate starts at its peak.",
        ),
        Mistake(
            _cosine(start=1.0, target=None),
            "Without `warmup_target` Keras leaves the warm-up out, and says nothing "
            "about `warmup_steps`.",
        ),
        Mistake(
            _cosine(start=1.0),
            "With a warm-up `initial_learning_rate` is where it *begins*: yours starts "
            "at the peak, and stays there until the cosine begins.",
        ),
        Mistake(
            _cosine(end=0.1),
            "`alpha` is the share of the peak that is left at the end; it should be 0.",
        ),
    ),
    hints=(
        "Which argument is the rate at step 0, and which the rate at the top?",
        "`warmup_target` is the peak. From where on does `decay_steps` count?",
        "The cosine has `total - warmup` steps.",
    ),
    because="It depends on the number of the step alone, so a resumed run needs "
    "nothing else; but `total` is fixed when it is made.",
    alternatives=(_cosine(), _by_hand),
    tolerance=1e-4,
    seconds=SECONDS,
)

EXERCISES = (INTEGERS, STEP, TWICE, KERNEL, SCHEDULE)
