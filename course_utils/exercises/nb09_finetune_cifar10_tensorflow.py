"""Exercises of notebook 09: losses, freezing, thawing, Adam, kernels for PyTorch.

TensorFlow and Keras are imported where they are used, so that this file loads quickly.
"""

import functools

import numpy as np

from course_utils.exercises.engine import Exercise, Mistake, NotAnAnswer

SECONDS = 30.0  # TensorFlow's first calls are slow


# --- 09.1 A loss for each kind of label -------------------------------------------


def loss_for(labels):
    import keras

    if len(labels.shape) == 1:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return keras.losses.CategoricalCrossentropy(from_logits=True)


def _what_it_costs(answer, labels, logits):
    """Return the loss that the answer's choice gives, or that it fails."""
    labels = np.asarray(labels)
    loss = answer(labels)
    if loss is ... or loss is None:
        return loss
    if not callable(loss):
        raise NotAnAnswer(
            "Return the loss itself, as `compile(loss=...)` takes it, for instance "
            "`keras.losses.MeanSquaredError()`."
        )
    try:
        value = np.asarray(loss(labels, np.float32(logits)))
    except Exception as error:
        return f"{type(error).__name__}: the loss cannot be computed from such labels"
    return float(value.mean())


def _losses(sparse, dense, by=lambda labels: len(labels.shape) == 1, **options):
    def loss_for(labels):
        import keras

        name = sparse if by(labels) else dense
        return getattr(keras.losses, name)(**options)

    return loss_for


_SPARSE, _DENSE = "SparseCategoricalCrossentropy", "CategoricalCrossentropy"
_LOGITS = np.array([[2.0, 0.0, -1.0], [0.5, 1.0, 0.0]])
_ROWS = np.eye(3, dtype="float32")

LOSS = Exercise(
    id="09.1",
    solution=loss_for,
    cases=(
        (np.array([0, 2]), _LOGITS),
        (_ROWS[[0, 2]], _LOGITS),
        (_ROWS[[1, 1, 0]], np.vstack([_LOGITS, [[0.0, 3.0, 1.0]]])),
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
        Mistake(
            _losses(_SPARSE, _DENSE),
            "Without `from_logits=True` Keras takes logits for probabilities: it cuts "
            "off what is below 0 and divides by the sum. The number is wrong, and "
            "nothing fails.",
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


@functools.cache  # a ViT takes a moment to build
def _small_vit():
    import keras_hub

    backbone = keras_hub.models.ViTBackbone((4, 4, 3), 2, 3, 1, 4, 4)
    return keras_hub.models.ViTImageClassifier(backbone, 3)


def _what_trains(answer, n):
    """Return for the parts of a ViT with three blocks what will be trained."""
    model = _small_vit()
    model.trainable = False  # to thaw what is thawed reaches no layer inside
    model.trainable = True
    if answer(model, n) is ...:
        return ...
    states = {}
    for weight in model.trainable_variables + model.non_trainable_variables:
        parts = weight.path.split("/")
        if not weight.dtype.startswith("float"):
            continue
        blocks = [p for p in parts if "_block_" in p]
        part = blocks[0] if blocks else parts[-2] if "ln" in parts else parts[0]
        learns = any(weight is w for w in model.trainable_variables)
        states.setdefault(part, set()).add(learns)
    words = {(True,): "trained", (False,): "frozen", (False, True): "in part"}
    return {part: words[tuple(sorted(found))] for part, found in states.items()}


def _freezing(blocks, embeddings=True, norm=False):
    def freeze(classifier, n):
        backbone = classifier.backbone
        encoder = backbone.get_layer("vit_encoder")
        if embeddings:
            backbone.get_layer("vit_patching_and_embedding").trainable = False
        for block in blocks(encoder.encoder_layers, n):
            block.trainable = False
        if norm:
            encoder.layer_norm.trainable = False

    return freeze


def _by_layers(classifier, n):
    for layer in classifier.layers[:-n]:
        layer.trainable = False


def _by_layers_of_backbone(classifier, n):
    for layer in classifier.backbone.layers[:n]:
        layer.trainable = False


def _whole_backbone(classifier, n):
    classifier.backbone.trainable = False


def _by_variables(classifier, n):
    low = [f"_block_{i + 1}/" for i in range(n)]
    low.append("vit_patching_and_embedding/")
    for weight in classifier.weights:
        if any(part in weight.path for part in low):
            weight.trainable = False


FREEZE = Exercise(
    id="09.2",
    solution=freeze,
    cases=((1,), (2,), (3,)),
    probe=_what_trains,
    mistakes=(
        Mistake(
            _by_layers,
            "The layers of the *classifier* are input, backbone, a selection and the "
            "head. The backbone is one layer: without it nothing is frozen, with it "
            "everything.",
        ),
        Mistake(
            _by_layers_of_backbone,
            "The layers of the backbone are input, embeddings and *one* encoder that "
            "holds all blocks. Go one level deeper.",
        ),
        Mistake(
            _whole_backbone,
            "The whole backbone is frozen, whatever n is.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[:n], embeddings=False),
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
        Mistake(
            _freezing(lambda layers, n: layers[:n], norm=True),
            "The last layer norm stands above the blocks and should be trained.",
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

    model.trainable = True
    model.get_layer("backbone").trainable = True
    model.compile(keras.optimizers.Adam(rate), model.loss)


def _toy():
    import keras

    inner = keras.Sequential([keras.layers.Dense(3)], name="backbone")
    head = keras.layers.Dense(2, name="head")
    model = keras.Sequential([keras.Input((4,)), inner, head])
    inner.trainable = False
    model.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
    return model


def _what_moves(answer, rate):
    """Try an answer; what this file's own answers do is worked out once."""
    own = getattr(answer, "__module__", None) == __name__
    return (_known_moves if own else _moves)(answer, rate)


def _moves(answer, rate):
    """Train a toy with a frozen backbone, let the answer thaw it, and go on."""
    import keras

    keras.utils.set_random_seed(0)
    model, data = _toy(), (np.ones((4, 4)), np.zeros((4, 2)))
    model.train_on_batch(*data)
    if answer(model, rate) is ...:
        return ...
    before = {w.path: w.numpy() for w in model.weights}
    try:
        model.train_on_batch(*data)
    except Exception as error:
        raise NotAnAnswer(
            "After your answer the model cannot be trained: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error
    moved = {"backbone": False, "head": False}
    for weight in model.weights:
        part = "head" if "head/" in weight.path else "backbone"
        moved[part] |= not np.array_equal(weight.numpy(), before[weight.path])
    return {
        **{f"{part} moves": moves for part, moves in moved.items()},
        "learning rate": float(model.optimizer.learning_rate),
        "steps of the optimizer": int(model.optimizer.iterations),
        "loss": str(model.loss),
    }


_known_moves = functools.cache(_moves)


def _thawing(flag=True, rate=True, compile_it=True, loss=None, head=True):
    def thaw(model, new_rate):
        import keras

        if flag:
            model.get_layer("backbone").trainable = True
        if not head:
            model.get_layer("head").trainable = False
        if compile_it:
            chosen = keras.optimizers.Adam(new_rate if rate else 0.1)
            model.compile(chosen, loss or model.loss)
        elif rate:
            model.optimizer.learning_rate = new_rate

    return thaw


def _compiled_by_name(model, rate):
    model.get_layer("backbone").trainable = True
    model.compile("adam", model.loss)


def _first_compiled(model, rate):
    import keras

    model.compile(optimizer=keras.optimizers.Adam(rate), loss=model.loss)
    for layer in model.layers:
        layer.trainable = True


THAW = Exercise(
    id="09.3",
    solution=thaw,
    cases=((0.01,), (0.002,)),
    probe=_what_moves,
    mistakes=(
        Mistake(
            _thawing(compile_it=False),
            "The backbone does not move: the step was traced into a graph while it was "
            "frozen, and that graph is still used. Set `trainable`, then compile.",
        ),
        Mistake(
            _thawing(compile_it=False, rate=False),
            "The backbone does not move, and the rate is the old one: nothing of what "
            "was compiled has changed.",
        ),
        Mistake(
            _thawing(flag=False),
            "You compile again, but the backbone is still frozen: set its `trainable` "
            "first.",
        ),
        Mistake(
            _thawing(rate=False),
            "Everything learns, at the old rate. That is how a model forgets.",
        ),
        Mistake(
            _compiled_by_name,
            '`"adam"` stands for Adam with the rate 0.001, whatever `rate` is.',
        ),
        Mistake(
            _thawing(head=False),
            "Now the head is frozen. Everything should learn.",
        ),
        Mistake(
            _thawing(loss="mae"),
            "The loss is another one. Hand `model.loss` on.",
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
    alternatives=(_first_compiled,),
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
    return answer(adam, list(gradients), rate, factor)


SLOW = Exercise(
    id="09.4",
    solution=slow_move,
    cases=(
        ((0.5, 0.3, -0.1), 0.01, 0.1),
        ((1.0,), 0.2, 0.5),
        ((-2.0, 0.25, 0.25, 3.0), 0.001, 0.75),
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


_SMALL = np.arange(8.0).reshape(2, 2, 2)

MATRIX = Exercise(
    id="09.5",
    solution=to_matrix,
    cases=(
        (_SMALL,),
        (np.arange(24.0).reshape(6, 2, 2),),
        (np.arange(36.0).reshape(6, 3, 2) ** 2,),
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
