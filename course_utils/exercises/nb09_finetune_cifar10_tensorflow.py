"""Exercises of notebook 09: losses, freezing, thawing, Adam, kernels for PyTorch.

TensorFlow and Keras are imported where they are used, so that this file loads quickly.
"""

import functools

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

SECONDS = 30.0  # TensorFlow's first calls are slow


# --- 09.1 A loss for each kind of label -------------------------------------------


def loss_for(labels):
    import keras

    if len(labels.shape) == 1:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.CategoricalCrossentropy(from_logits=True)


def _what_it_costs(answer, labels, logits):
    """Return the loss that the answer's choice gives, or that it fails.

    As after ``compile``, a name is looked up, and labels come as floats.
    """
    import keras

    loss = answer(labels)
    if isinstance(loss, str):
        loss = keras.losses.get(loss)
    if not callable(loss):
        raise NotAnAnswer(
            "Return the loss itself, as `compile(loss=...)` takes it, for instance "
            "`keras.losses.MeanSquaredError()`."
        )
    try:
        return float(np.mean(loss(np.float32(labels), np.float32(logits))))
    except Exception as error:
        return f"{type(error).__name__}: the loss cannot be computed from such labels"


def _losses(sparse, dense, by=lambda labels: len(labels.shape) == 1, **options):
    """A loss for whole numbers and one for rows, chosen ``by`` a look at the labels."""

    def loss_for(labels):
        import keras

        loss = sparse if by(labels) else dense
        name, more = loss if isinstance(loss, tuple) else (loss, {})
        return getattr(keras.losses, name)(**{**options, **more})

    return loss_for


def _classes(labels):
    import keras

    sparse = len(labels.shape) == 1
    return getattr(keras.losses, _SPARSE if sparse else _DENSE)


def _has_whole_numbers(labels):
    return "int" in str(labels.dtype)


_NO_LOGITS = (
    "Without `from_logits=True` Keras takes logits for probabilities: it cuts off what "
    "is below 0 and divides by the sum. The number is wrong, and nothing fails."
)
_SPARSE, _DENSE = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"
_LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]])
_ROWS = np.eye(3, dtype="float32")

LOSS = Exercise(
    id="09.1",
    title="Spot the bug: a loss for other labels",
    solution=loss_for,
    cases=(
        (np.array([0, 2]), _LOGITS),
        (_ROWS[[0, 2]], _LOGITS),
        (np.array([0, 1, 0, 1]), np.vstack([_LOGITS, -_LOGITS])),
        (_ROWS.astype(int)[[1, 1, 0, 2]], np.vstack([_LOGITS, -_LOGITS])),
    ),
    probe=_what_it_costs,
    mistakes=(
        Mistake(
            _losses(_DENSE, _DENSE, from_logits=True),
            "`CategoricalCrossentropy` compares rows of shape (B, K). Whole numbers, "
            "shape (B,), need its sparse sister.",
        ),
        Mistake(
            _losses(_SPARSE, _SPARSE, from_logits=True),
            "The sparse loss takes class numbers; one-hot rows do not fit it.",
        ),
        Mistake(_losses(_SPARSE, _DENSE), _NO_LOGITS),
        Mistake(
            _losses(_SPARSE, (_DENSE, {"from_logits": True})),
            f"The loss for whole numbers lacks `from_logits=True`. {_NO_LOGITS}",
        ),
        Mistake(
            _losses((_SPARSE, {"from_logits": True}), _DENSE),
            f"The loss for one-hot rows lacks `from_logits=True`. {_NO_LOGITS}",
        ),
        Mistake(
            _losses(_SPARSE, _DENSE, _has_whole_numbers, from_logits=True),
            "You choose by the type of the numbers. One-hot rows may be whole numbers, "
            "too; what differs is the number of axes.",
        ),
        Mistake(
            _losses(_SPARSE, _DENSE, lambda labels: labels.max() > 1, from_logits=True),
            "You choose by the largest label. A batch of whole numbers may hold only 0 "
            "and 1; what differs from one-hot rows is the number of axes.",
        ),
        Mistake(
            _losses(_SPARSE, (_DENSE, {"label_smoothing": 0.1}), from_logits=True),
            "The one-hot labels are smoothed, so this loss is another one.",
        ),
        Mistake(
            _classes,
            "That is the *class* of the loss. `compile` takes an object of it, made "
            "with parentheses and its options.",
        ),
        Mistake(
            _losses(_DENSE, _SPARSE, from_logits=True),
            "The two have changed places.",
        ),
        Mistake(
            _losses(_SPARSE, "BinaryCrossentropy", from_logits=True),
            "Binary cross-entropy asks a yes-or-no question for each class, and the "
            "classes no longer compete. One class of K needs the categorical loss.",
        ),
        Mistake(
            _losses("MeanSquaredError", "MeanSquaredError"),
            "That is a loss for numbers to be hit, not for classes.",
        ),
    ),
    hints=(
        "Print `labels.shape` for both kinds. Which loss wants which?",
        "Whole numbers: `SparseCategoricalCrossentropy`; rows: the one without "
        "*Sparse*. And what does the model give, probabilities or logits?",
        "`from_logits=True` in both.",
    ),
    because="Without knowledge either gives ln K, at the start of training too: a "
    "first loss far from it means that loss, labels and logits do not fit together.",
    alternatives=(
        _losses(_SPARSE, _DENSE, by=lambda x: np.ndim(x) < 2, from_logits=True),
    ),
    tolerance=1e-4,
    seconds=SECONDS,
)


# --- 09.2 The wrong layers frozen -------------------------------------------------


def freeze(classifier, n):
    backbone = classifier.backbone
    backbone.get_layer("vit_patching_and_embedding").trainable = False
    for block in backbone.get_layer("vit_encoder").encoder_layers[:n]:
        block.trainable = False


# What exercises 11.4 and 12.1 use as well.


@functools.cache  # to build one takes a second
def _built() -> tuple:
    import keras_hub

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
        (parts | _parts_of_vit(classifier))[name].trainable = False
    return classifier


def layers_of_encoder(classifier):
    """Return the layer that holds all blocks and the last norm."""
    return classifier.backbone.get_layer("vit_encoder")


def _parts_of_vit(classifier) -> dict:
    encoder = layers_of_encoder(classifier)
    return {
        "embeddings": classifier.backbone.get_layer("vit_patching_and_embedding"),
        **{f"block {i + 1}": block for i, block in enumerate(encoder.encoder_layers)},
        "norm": encoder.layer_norm,
        "head": classifier.output_dense,
    }


def what_learns(classifier) -> dict[str, str]:
    """Return for each part whether it learns, is frozen, or learns in part."""
    learning = {weight.path for weight in classifier.trainable_variables}
    found = {}
    for name, part in _parts_of_vit(classifier).items():
        learns = [weight.path in learning for weight in part.weights]
        not_whole = "in part" if any(learns) else "frozen"
        found[name] = "learns" if all(learns) else not_whole
    return found


def _what_trains(answer, n, frozen_before):
    """Return for the parts of a ViT with three blocks what learns."""
    model = small_classifier(frozen_before)
    answer(model, n)
    return what_learns(model)


def _freezing(blocks, embeddings=True, part_of=lambda layer: layer):
    def freeze(classifier, n):
        backbone = classifier.backbone
        if embeddings:
            backbone.get_layer("vit_patching_and_embedding").trainable = False
        for block in blocks(layers_of_encoder(classifier).encoder_layers, n):
            part_of(block).trainable = False

    return freeze


def _first(blocks, n):
    return blocks[:n]


def _by_layers(classifier, n):
    for layer in classifier.layers[:-n]:
        layer.trainable = False


def _by_layers_of_backbone(classifier, n):
    for layer in classifier.backbone.layers[:n]:
        layer.trainable = False


def _norm_too(classifier, n):
    freeze(classifier, n)
    layers_of_encoder(classifier).layer_norm.trainable = False


def _whole_encoder_first(classifier, n):
    classifier.backbone.trainable = False
    for block in layers_of_encoder(classifier).encoder_layers[n:]:
        block.trainable = True


def _thaws_first(classifier, n):
    for layer in classifier._flatten_layers():
        layer.trainable = True
    freeze(classifier, n)


def _sets_every_block(classifier, n):
    _freezing(_first)(classifier, n)
    for block in layers_of_encoder(classifier).encoder_layers[n:]:
        block.trainable = True


def _new_attribute(classifier, n):
    for block in layers_of_encoder(classifier).encoder_layers[:n]:
        block.requires_grad = False


def _patches_only(classifier, n):
    embeddings = classifier.backbone.get_layer("vit_patching_and_embedding")
    embeddings.patch_embedding.trainable = False
    _freezing(_first, embeddings=False)(classifier, n)


def _by_variables(classifier, n):
    low = [f"_block_{i + 1}/" for i in range(n)]
    low.append("vit_patching_and_embedding/")
    for weight in classifier.weights:
        if any(part in weight.path for part in low):
            weight.trainable = False


_THAWED = (
    "Something that was frozen before your function learns now. It is to freeze the "
    "embeddings and the first n blocks, and to leave the rest as it is."
)
_NORM = (
    "The last layer norm stands above the blocks. You freeze it too, by itself or with "
    "what is around it; it is to be left alone."
)

FREEZE = Exercise(
    id="09.2",
    title="Spot the bug: the wrong layers frozen",
    solution=freeze,
    cases=(
        (1, ""),
        (2, ""),
        (1, "block 3"),
        (2, "norm, head"),
    ),
    probe=_what_trains,
    mistakes=(
        Mistake(
            _by_layers,
            "The whole backbone is frozen. It is *one* layer of the classifier, so a "
            "slice of `classifier.layers` takes all of it or nothing.",
        ),
        Mistake(
            _by_layers_of_backbone,
            "The layers of the backbone are input, embeddings and *one* encoder that "
            "holds all blocks. Go one level deeper.",
        ),
        Mistake(
            _freezing(_first, embeddings=False),
            "The embeddings lie below the first block and are still trained.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[-n:]),
            "You freeze the *last* n blocks. The first ones hold what all pictures "
            "share; those are to stay.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[: n + 1]),
            "You freeze one block too many.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[: n - 1]),
            "You freeze one block too few: the first n are blocks 0 to n - 1.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[:-n]),
            "You freeze all blocks *but* n.",
        ),
        Mistake(_norm_too, _NORM),
        Mistake(_whole_encoder_first, _NORM),
        Mistake(_thaws_first, _THAWED),
        Mistake(_sets_every_block, _THAWED),
        Mistake(
            _freezing(lambda layers, n: layers[:2]),
            "Your function freezes two blocks, whatever n is.",
        ),
        Mistake(
            _freezing(_first, part_of=lambda block: block.mha),
            "Only the attention of the blocks is frozen; their MLP and norms learn.",
        ),
        Mistake(
            _patches_only,
            "Of the embeddings only the patches are frozen; the class token and the "
            "positions learn.",
        ),
        Mistake(
            _new_attribute,
            "Nothing is frozen. `requires_grad` is PyTorch's word: Keras lets you set "
            "it and ignores it; its own is `trainable`.",
        ),
    ),
    hints=(
        "Print `[layer.name for layer in classifier.backbone.layers]`.",
        'The blocks are the `encoder_layers` of `backbone.get_layer("vit_encoder")`, '
        'what lies below them is the layer `"vit_patching_and_embedding"`.',
        "Set `trainable = False` on the embeddings and on the first n blocks.",
    ),
    because="Name what you freeze, and look at `trainable_variables` before you train. "
    "Freeze before you compile, and again after you load a `.keras` file.",
    alternatives=(_by_variables,),
    seconds=SECONDS,
)


# --- 09.3 Thawed, and nothing moves -----------------------------------------------


def thaw(model, rate):
    import keras

    model.get_layer("backbone").trainable = True
    model.compile(keras.optimizers.Adam(rate), model.loss)


def _what_is_compiled(answer, rate, loss):
    """Let an answer thaw a toy after a step, and tell what the next step would do.

    No step is really taken, since to trace one takes a second: the graph of the first
    stands in ``train_function``, which ``compile`` empties.
    """
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    inner = keras.Sequential([layers.Dense(3), layers.Dense(3)], name="backbone")
    model = keras.Sequential([keras.Input((4,)), inner, layers.Dense(2, name="head")])
    inner.trainable = False
    model.compile(keras.optimizers.Adam(0.1), loss, jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(1)
    model.make_train_function()
    traced, weights = model.train_function, model.get_weights()
    learning = {weight.path for weight in model.trainable_variables}
    answer(model, rate)
    again = model.train_function is not traced
    if again:
        learning = {weight.path for weight in model.trainable_variables}
    return {
        "graph of the step": "a new one" if again else "the old one",
        "learns": _parts(model, learning),
        "optimizer": type(model.optimizer).__name__,
        "other settings of its kind": _settings(model.optimizer),
        "learning rate": float(model.optimizer.learning_rate),
        "steps of the optimizer": int(model.optimizer.iterations),
        "loss of 3, wanted 1": _loss_of_three(model),
        "weights": "as they were"
        if all(map(np.array_equal, weights, model.get_weights()))
        else "other ones",
    }


def _parts(model, learning):
    """Name the parts whose weights learn, all of them or some."""
    found = []
    for layer in model.layers:
        share = np.mean([weight.path in learning for weight in layer.weights])
        if share:
            found.append(layer.name if share == 1 else f"{layer.name} in part")
    return ", ".join(found)


def _settings(optimizer):
    """Say whether an optimizer is as it comes, but for the rate."""
    usual = type(optimizer)().get_config()
    own = {**optimizer.get_config(), "name": usual["name"]}
    other = [k for k in usual if k != "learning_rate" and own[k] != usual[k]]
    return ", ".join(other) or "the usual ones"


def _loss_of_three(model):
    wanted, given = np.float32([[1, 1]]), np.float32([[3, 3]])
    try:
        return float(model.compute_loss(y=wanted, y_pred=given))
    except Exception:
        return "none"


def _thawing(parts=("backbone",), optimizer="Adam", rate=1.0, loss=..., **settings):
    """Thaw parts, then compile with an optimizer at a multiple of the rate."""

    def thaw(model, new_rate):
        import keras

        for part in parts:
            model.get_layer(part).trainable = True
        chosen = getattr(keras.optimizers, optimizer)(rate * new_rate, **settings)
        model.compile(chosen, model.loss if loss is ... else loss)

    return thaw


def _not_compiled(thaw=True, new_rate=False, new_optimizer=False):
    def one(model, rate):
        import keras

        if thaw:
            model.get_layer("backbone").trainable = True
        if new_rate:
            model.optimizer.learning_rate = rate
        if new_optimizer:
            model.optimizer = keras.optimizers.Adam(rate)

    return one


def _compiling(how):
    """Thaw, then compile with what ``how(model, rate)`` gives."""

    def one(model, rate):
        model.get_layer("backbone").trainable = True
        model.compile(how(model, rate), model.loss)

    return one


def _with_the_old(model, rate):
    model.optimizer.learning_rate = rate
    return model.optimizer


def _with_its_settings(model, rate):
    return type(model.optimizer).from_config(model.optimizer.get_config())


def _at_a_fixed_rate(rate):
    import keras

    return keras.optimizers.Adam(rate)


def _in_part(model, rate):
    model.get_layer("backbone").layers[-1].trainable = True
    model.compile(_at_a_fixed_rate(rate), model.loss)


def _head_frozen(model, rate):
    thaw(model, rate)
    model.get_layer("head").trainable = False


def _without_the_loss(model, rate):  # Keras keeps the old one
    model.get_layer("backbone").trainable = True
    model.compile(_at_a_fixed_rate(rate))


def _weights_anew(model, rate):
    import keras

    thaw(model, rate)
    model.set_weights(keras.models.clone_model(model).get_weights())


def _first_compiled(model, rate):
    import keras

    model.compile(optimizer=keras.optimizers.Adam(rate), loss=model.loss)
    for layer in model.layers:
        layer.trainable = True


def _with_a_new_graph(model, rate):
    import keras

    model.get_layer("backbone").trainable = True
    model.optimizer = keras.optimizers.Adam(rate)
    model.make_train_function(force=True)


_OTHER_LOSS = "The loss is not that of the model. Hand on what it had: `model.loss`."

THAW = Exercise(
    id="09.3",
    title="Spot the bug: thawed, and nothing moves",
    solution=thaw,
    cases=((0.02, "mae"), (0.003, "mse")),
    probe=_what_is_compiled,
    mistakes=(
        Mistake(
            _not_compiled(new_rate=True),
            "The backbone does not move: the step was traced into a graph while it was "
            "frozen, and that graph is still used. Set `trainable`, then compile.",
        ),
        Mistake(
            _not_compiled(new_optimizer=True),
            "The old graph is still used, with the old optimizer and a frozen backbone "
            "in it: a new `model.optimizer` alone does not reach it. Compile.",
        ),
        Mistake(
            _not_compiled(),
            "In the model that was given nothing has changed of what was compiled: the "
            "backbone does not move, and the rate is the old one.",
        ),
        Mistake(
            _thawing(parts=()),
            "You compile again, but the backbone is still frozen: set its `trainable` "
            "first. (The flag of the whole model is True already, so that setting it "
            "is handed down to no layer.)",
        ),
        Mistake(
            _in_part,
            "Only a part of the backbone learns. Everything should.",
        ),
        Mistake(
            _compiling(_with_the_old),
            "That is the *old* optimizer. It knows the weights of the head only, and "
            "counts on from its old steps; a fresh one is wanted.",
        ),
        Mistake(
            _compiling(_with_its_settings),
            "Everything learns, at the old rate. That is how a model forgets.",
        ),
        Mistake(
            _compiling(lambda model, rate: "adam"),
            "Everything learns, by Adam at its own rate of 0.001, whatever `rate` is.",
        ),
        Mistake(
            _compiling(lambda model, rate: _at_a_fixed_rate(0.01)),
            "Everything learns at a rate of 0.01, whatever `rate` is.",
        ),
        Mistake(
            _thawing(rate=0.1),
            "Everything learns at a tenth of `rate`. Take `rate` as it is.",
        ),
        Mistake(
            _thawing(optimizer="AdamW"),
            "AdamW pulls the weights toward zero as well. Asked is Adam.",
        ),
        Mistake(_thawing(optimizer="SGD"), "That is SGD. Asked is Adam."),
        Mistake(
            _thawing(global_clipnorm=1.0),
            "Your Adam also clips the gradients, which is another recipe. Give it the "
            "rate and nothing else.",
        ),
        Mistake(
            _head_frozen,
            "Now the head is frozen. Everything should learn.",
        ),
        Mistake(_thawing(loss="mse"), _OTHER_LOSS),
        Mistake(_thawing(loss="sparse_categorical_crossentropy"), _OTHER_LOSS),
        Mistake(
            _weights_anew,
            "The weights are other ones, so what the head has learned is lost.",
        ),
    ),
    hints=(
        "When does Keras decide which weights a step moves?",
        "At the first step after `compile`. So two things are to be done.",
        "Set `trainable` to True, then "
        "`model.compile(keras.optimizers.Adam(rate), model.loss)`.",
    ),
    because="`compile` forgets the traced step. A new optimizer is needed, too: the "
    "old one has no memory for weights that it never moved.",
    alternatives=(_first_compiled, _with_a_new_graph, _without_the_loss),
    seconds=SECONDS,
)


# --- 09.4 Scaled gradients --------------------------------------------------------


def slow_move(adam, gradients, rate, factor):
    return adam(gradients, factor * rate)


def adam(gradients, rate):
    """Return how far Adam moves a weight that sees these gradients."""
    m = v = moved = 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.999**t)
        moved = moved - rate * m_hat / (np.sqrt(v_hat) + 1e-8)
    return moved


def _with_adam(answer, gradients, rate, factor):
    return answer(adam, gradients, rate, factor)


SLOW = Exercise(
    id="09.4",
    title="Spot the bug: scaled gradients",
    solution=slow_move,
    cases=(
        ([0.5, 0.3, -0.2], 0.02, 0.3),
        ([1.0], 0.2, 0.5),
        ([-2.0, 0.25, 0.25, 1.0], 0.004, 0.75),
        ([2e-8, -1e-8, 1e-8], 0.5, 0.4),  # as small as the epsilon of Adam
    ),
    probe=_with_adam,
    mistakes=(
        Mistake(
            lambda adam, gradients, rate, factor: adam(
                [factor * g for g in gradients], rate
            ),
            "Adam divides by the size of the gradients, so a factor on them cancels: "
            "the weight moves as far as before.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(gradients, rate),
            "The weight moves as far as before: `factor` plays no part.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(
                [factor * g for g in gradients], factor * rate
            ),
            "You scale rate *and* gradients. For tiny gradients Adam's epsilon shows "
            "the difference: leave them as they are.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(gradients, rate / factor),
            "You divide the rate by the factor: this layer learns faster.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: (
                factor * adam(gradients, factor * rate)
            ),
            "The factor is applied twice.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(gradients, factor),
            "The factor is a share of `rate`, not a rate itself.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: -adam(gradients, factor * rate),
            "Right size, wrong direction: a weight moves against its gradient.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: abs(adam(gradients, factor * rate)),
            "The size of the move, without its direction. Keep the sign.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(gradients, 0.1 * rate),
            "You take a tenth of the rate, whatever `factor` is.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(gradients, rate - factor * rate),
            "You take the factor's share *off* the rate. The rate is to be that share.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(gradients[-1:], factor * rate),
            "Only the last gradient counts. The weight sees all of them in turn.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: sum(
                adam([g], factor * rate) for g in gradients
            ),
            "Each gradient begins with an empty memory. Adam's means run on from step "
            "to step: hand it the whole list.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: -factor * rate * sum(gradients),
            "That is plain gradient descent. Asked is how far Adam goes.",
        ),
        Mistake(
            lambda adam, gradients, rate, factor: adam(gradients, rate * factor**0.5),
            "You multiply the rate by the root of the factor.",
        ),
    ),
    hints=(
        "In Adam's step the gradient stands above and below the fraction line.",
        "Which factor stands in front of that fraction?",
    ),
    because="With plain SGD both ways are the same. With Adam only the rate counts; "
    "`LayerwiseAdamW` scales it for each layer.",
    alternatives=(
        lambda adam, gradients, rate, factor: factor * adam(gradients, rate),
    ),
    tolerance=1e-6,
)


# --- 09.5 A kernel for PyTorch ----------------------------------------------------


def to_matrix(kernel):
    width = kernel.shape[0]
    return kernel.reshape(width, -1).T  # (D, h, d) -> (h * d, D)


MATRIX = Exercise(
    id="09.5",
    title="A kernel for PyTorch",
    solution=to_matrix,
    cases=(
        (np.arange(24.0).reshape(4, 3, 2),),
        (np.arange(36.0).reshape(6, 2, 3) ** 2,),
    ),
    mistakes=(
        Mistake(
            lambda kernel: kernel.reshape(kernel.shape[0], -1),
            "The matrix stands on its side. PyTorch has a layer's outputs in rows.",
        ),
        Mistake(
            lambda kernel: kernel.reshape(-1, kernel.shape[0]),
            "`reshape` cuts the numbers anew and mixes inputs with outputs. Transpose.",
        ),
        Mistake(
            lambda kernel: kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0]),
            "Your rows take a number from each head in turn. The rows of head 0 come "
            "first, then those of head 1.",
        ),
        Mistake(
            lambda kernel: kernel.transpose(1, 2, 0),
            "Right order, but still three axes. Make heads and their width one.",
        ),
        Mistake(
            lambda kernel: kernel.sum(axis=1).T,
            "The heads are added up. They should stand below each other.",
        ),
        Mistake(
            lambda kernel: kernel.mean(axis=1).T,
            "That is the mean of the heads. They should stand below each other.",
        ),
        Mistake(
            lambda kernel: kernel[:, 0].T,
            "That is the first head alone. The others belong below it.",
        ),
        Mistake(
            lambda kernel: kernel[:, ::-1].reshape(len(kernel), -1).T,
            "The heads stand in reverse: the rows of head 0 come first.",
        ),
        Mistake(
            lambda kernel: np.concatenate(list(kernel.transpose(1, 2, 0)), axis=1),
            "The heads stand side by side. Put them below each other: all rows of head "
            "0, then all rows of head 1.",
        ),
        Mistake(
            lambda kernel: np.concatenate(list(kernel.transpose(1, 0, 2))),
            "The heads stand below each other, but each is on its side: a row should "
            "hold what one output takes from all D inputs.",
        ),
        Mistake(
            lambda kernel: kernel.transpose(1, 0, 2).reshape(-1, len(kernel)),
            "Heads come first, as they should, but each head is cut anew by `reshape`: "
            "put its width before D by transposing.",
        ),
    ),
    hints=(
        "First make one axis of heads and width: (D, h, d) to (D, h * d).",
        "PyTorch computes x @ W.T, Keras x @ kernel.",
    ),
    because="All kernels go over like this; only the patch projection has four axes, "
    "and is transposed with `(3, 2, 0, 1)`.",
    alternatives=(
        lambda kernel: np.moveaxis(kernel, 0, -1).reshape(-1, kernel.shape[0]),
        lambda kernel: np.concatenate(list(np.transpose(kernel, (1, 2, 0)))),
    ),
)

EXERCISES = (LOSS, FREEZE, THAW, SLOW, MATRIX)
