"""Exercises of notebook 09: new heads, thawing, Adam, kernels for PyTorch.

TensorFlow and Keras are imported where they are used, so that this file loads quickly.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

SECONDS = 30.0  # TensorFlow's first calls are slow


# --- 09.1 A head that knows other classes -----------------------------------------


def for_classes(trained, count):
    from keras_hub.models import ViTImageClassifier

    return ViTImageClassifier(trained.backbone, count)


def _trained(classes, seed=0):
    """Return a small classifier with a head that stands for a trained one."""
    import keras
    import keras_hub

    keras.utils.set_random_seed(seed)
    backbone = keras_hub.models.ViTBackbone((8, 8, 3), 4, 1, 2, 4, 8)
    model = keras_hub.models.ViTImageClassifier(backbone, classes)
    random = np.random.default_rng(seed)
    weights = [random.normal(size=w.shape) for w in model.get_weights()]
    model.set_weights([w.astype("float32") for w in weights])
    return model


def _pictures(count=12):
    random = np.random.default_rng(5)
    return random.uniform(-1, 1, (count, 8, 8, 3)).astype("float32")


def _numbers(model, pictures):
    return np.array(model(pictures, training=False))


def _what_it_became(answer, classes, count):
    """Tell what a model for other classes has of the trained one."""
    import keras

    trained, pictures = _trained(classes), _pictures()
    weights, head = trained.get_weights(), trained.output_dense
    old_head = np.vstack(head.get_weights())
    tokens = _numbers(trained.backbone, pictures)
    model = answer(trained, count)
    if not isinstance(model, keras.Model):
        raise NotAnAnswer(
            "Return the new model, a `keras.Model` that maps pictures to logits."
        )
    found = {"trained": "as it was"}
    if not all(map(np.array_equal, weights, trained.get_weights())):
        found["trained"] = "has other weights"
    elif trained.output_dense is not head:
        found["trained"] = "has another output_dense"
    logits = _numbers(model, pictures)
    found["shape of the output for 12 pictures"] = logits.shape
    if logits.ndim != 2:
        return found
    if _are_probabilities(logits):
        return found | {"the output": "probabilities"}
    found["the head"] = _what_it_reads(tokens, logits, old_head)
    body = sum(weight.size for weight in weights) - old_head.size
    learning = sum(int(np.prod(w.shape)) for w in model.trainable_variables)
    difference = learning - body - len(old_head) * logits.shape[1]
    found["numbers that learn"] = ("all", "too many", "too few")[
        int(np.sign(difference))
    ]
    return found


def _what_it_reads(tokens, logits, old_head):
    """Say which linear layer on which token gives these logits."""
    means = {
        "the class token": tokens[:, 0],
        "the mean of all tokens": tokens.mean(axis=1),
        "the mean of the patches": tokens[:, 1:].mean(axis=1),
        "the last patch": tokens[:, -1],
    }
    for what, values in means.items():
        inputs = np.column_stack([values, np.ones(len(values))])
        head, *_ = np.linalg.lstsq(inputs, logits, rcond=None)
        if np.allclose(inputs @ head, logits, atol=1e-3):
            old = inputs @ old_head if what == "the class token" else np.zeros((12, 0))
            shared = min(logits.shape[1], old.shape[1])
            if shared and np.allclose(logits[:, :shared], old[:, :shared], atol=1e-3):
                return f"that of the old classes, on {what}"
            if np.allclose(logits, logits[0], atol=1e-3):
                return "the same for every picture"
            return f"a new one, on {what}"
    return "no linear layer on a token of this backbone"


def _are_probabilities(numbers):
    whole = np.allclose(numbers.sum(axis=1), 1, atol=1e-5)
    return bool(whole or ((numbers > 0) & (numbers < 1)).all())


def _with_head(backbone=lambda trained: trained.backbone, count=lambda n: n, **options):
    def one(trained, wanted):
        from keras_hub.models import ViTImageClassifier

        return ViTImageClassifier(backbone(trained), count(wanted), **options)

    return one


def _random_backbone(trained):
    return type(trained.backbone).from_config(trained.backbone.get_config())


def _a_layer_behind(trained, count):
    import keras

    head = keras.layers.Dense(count)
    return keras.Model(trained.input, head(trained.output))


def _first_logits(trained, count):
    import keras

    return keras.Model(trained.input, trained.output[:, :count])


def _new_attribute(trained, count):
    import keras

    trained.num_classes = count
    trained.output_dense = keras.layers.Dense(count)
    return trained


def _frozen(trained, count):
    model = for_classes(trained, count)
    model.backbone.trainable = False
    return model


def _old_columns(trained, count):
    model = for_classes(trained, count)
    values = model.output_dense.get_weights()
    for value, known in zip(values, trained.output_dense.get_weights(), strict=True):
        shared = min(value.shape[-1], known.shape[-1])
        value[..., :shared] = known[..., :shared]
    model.output_dense.set_weights(values)
    return model


def _head_of_zeros(trained, count):
    model = for_classes(trained, count)
    for weight in model.output_dense.weights:
        weight.assign(np.zeros(weight.shape))
    return model


def _by_layers(trained, count):
    import keras

    token = trained.backbone(trained.input)[:, 0]
    return keras.Model(trained.input, keras.layers.Dense(count)(token))


def _last_token(trained, count):
    import keras

    token = trained.backbone(trained.input)[:, -1]
    return keras.Model(trained.input, keras.layers.Dense(count)(token))


def _if_needed(trained, count):
    if trained.num_classes == count:
        return trained
    return for_classes(trained, count)


NEW_HEAD = Exercise(
    id="09.1",
    title="Spot the bug: a head that knows other classes",
    solution=for_classes,
    cases=((7, 3), (5, 2), (3, 3), (4, 6)),
    probe=_what_it_became,
    mistakes=(
        Mistake(
            lambda trained, count: trained,
            "That is the trained model itself, with its head for all the old classes. "
            "Labels 0 and 1 fit into it, so nothing fails, and it may answer any of "
            "the others.",
        ),
        Mistake(
            _new_attribute,
            "A new `output_dense` is only an attribute: the model's graph was built "
            "with the old head and still ends in it. Build a new model around "
            "`trained.backbone`.",
        ),
        Mistake(
            _a_layer_behind,
            "Your head has more numbers than one linear layer on the class token. Two "
            "layers are too many; and a layer *behind* the old logits reads the "
            "opinions of the old classes. The new head takes the old one's place.",
        ),
        Mistake(
            _first_logits,
            "These are the first of the old logits: they still mean the old classes. "
            "The head should be new.",
        ),
        Mistake(
            _old_columns,
            "The new head begins with the weights of old classes, which have nothing "
            "to do with the new ones. It should be random.",
        ),
        Mistake(
            _if_needed,
            "With as many classes as before you return the old model. They are other "
            "classes all the same: the head should be new.",
        ),
        Mistake(
            _with_head(_random_backbone),
            "Your backbone has the right form and random weights: `from_config` knows "
            "the sizes only. Hand on `trained.backbone` itself.",
        ),
        Mistake(
            _with_head(activation="softmax"),
            "Your model gives probabilities. Asked are logits, for a loss with "
            "`from_logits=True`.",
        ),
        Mistake(
            _with_head(activation="sigmoid"),
            "Your model gives probabilities. Asked are logits, for a loss with "
            "`from_logits=True`.",
        ),
        Mistake(
            _with_head(pooling="gap"),
            "Your head reads the mean of all tokens. The old one read the class token, "
            "and so should the new one.",
        ),
        Mistake(
            _last_token,
            "Your head reads the last patch. The class token comes first.",
        ),
        Mistake(
            _frozen,
            "The backbone is frozen, and with it that of `trained`, for they share it. "
            "Everything should learn.",
        ),
        Mistake(
            _with_head(count=lambda n: 2),
            "Your model has two classes, whatever `count` is.",
        ),
        Mistake(
            _with_head(count=lambda n: n + 1),
            "One class too many: classes are 0 to count - 1.",
        ),
        Mistake(
            _with_head(count=lambda n: n - 1),
            "One class too few: each of the `count` classes needs a logit, also with "
            "two classes.",
        ),
        Mistake(
            _head_of_zeros,
            "The weights of your head are all the same, so it is not random.",
        ),
    ),
    hints=(
        "Which part of `trained` knows about pictures, and which about its classes?",
        "`trained.backbone` is the first. A `ViTImageClassifier` can be built around a "
        "backbone, as `fresh` does.",
        "`ViTImageClassifier(trained.backbone, count)`: its head is new.",
    ),
    because="The first loss tells: a new head begins near ln K. With its old head a "
    "model has to unlearn a hundred other answers first, and may still give them.",
    alternatives=(_by_layers,),
    seconds=SECONDS,
)


# --- 09.2 More classes, saved and reloaded ----------------------------------------


def add_classes(file, new_file, count):
    import keras
    from keras_hub.models import ViTImageClassifier

    old = keras.models.load_model(file, compile=False)
    new = ViTImageClassifier(old.backbone, count)
    both = new.output_dense.weights, old.output_dense.get_weights()
    for weight, known in zip(*both, strict=True):
        more = np.zeros((*known.shape[:-1], count - known.shape[-1]))
        weight.assign(np.concatenate([known, more], axis=-1))
    new.save(new_file)


def _what_is_saved(answer, classes, count):
    """Let an answer write a file, and tell what a reader finds in it."""
    import keras

    trained, pictures = _trained(classes, seed=1), _pictures(5)
    wanted = _numbers(trained, pictures)
    with tempfile.TemporaryDirectory() as folder:
        file, new_file = Path(folder, "old.keras"), Path(folder, "new.keras")
        trained.save(file)
        content = file.read_bytes()
        answer(str(file), str(new_file), count)
        if not new_file.exists():
            raise NotAnAnswer(
                "There is no file at `new_file`. Write the new model there, with "
                "`model.save(new_file)`."
            )
        found = {
            "the old file": "as it was"
            if file.exists() and file.read_bytes() == content
            else "another one"
        }
        try:
            model = keras.models.load_model(new_file, compile=False)
        except Exception as error:
            return found | {"the new file": f"cannot be loaded: {type(error).__name__}"}
        logits = _numbers(model, pictures)
    found |= {"a": type(model).__name__, "logits for each picture": logits.shape[-1]}
    if logits.shape[-1] != count:
        return found
    if _are_probabilities(logits):
        return found | {"the output": "probabilities"}
    same = np.allclose(logits[:, :classes], wanted, atol=1e-4)
    found["the first logits"] = "those of the old model" if same else "other ones"
    zero = np.allclose(logits[:, classes:], 0, atol=1e-6)
    found["the logits that were added"] = "0" if zero else "not 0"
    if hasattr(model, "backbone") and hasattr(model, "output_dense"):
        tokens = (_numbers(m.backbone, pictures) for m in (trained, model))
        found["the backbone"] = _whether(np.allclose(*tokens, atol=1e-4))
        for i, name in enumerate(("kernel", "bias")):
            known, value = (m.output_dense.get_weights()[i] for m in (trained, model))
            first, last = value[..., :classes], value[..., -classes:]
            found[f"the head's {name}"] = _whether(
                np.allclose(first, known), np.allclose(last, known)
            )
    return found


def _whether(same, shifted=False):
    return "that of the old model" if same else "moved to the end" if shifted else "new"


def _adding(
    known=lambda value, added: np.concatenate([value, added], axis=-1),
    parts=(0, 1),
    count=lambda old, wanted: wanted,
    fill=np.zeros,
    backbone=lambda old: old.backbone,
    save=lambda new, old, file, new_file: new.save(new_file),
    **options,
):
    """Add classes, with a slip in one of the steps."""

    def one(file, new_file, wanted):
        import keras
        from keras_hub.models import ViTImageClassifier

        old = keras.models.load_model(file, compile=False)
        total = count(old.num_classes, wanted)
        new = ViTImageClassifier(backbone(old), total, **options)
        for i in parts:
            value = old.output_dense.get_weights()[i]
            added = fill((*value.shape[:-1], total - value.shape[-1]))
            new.output_dense.weights[i].assign(known(value, added))
        save(new, old, file, new_file)

    return one


def _normal(shape):
    return np.random.default_rng(3).normal(size=shape)


def _random_for_new(file, new_file, count):
    import keras
    from keras_hub.models import ViTImageClassifier

    old = keras.models.load_model(file, compile=False)
    new = ViTImageClassifier(old.backbone, count)
    values = new.output_dense.get_weights()
    for value, known in zip(values, old.output_dense.get_weights(), strict=True):
        value[..., : known.shape[-1]] = known
    new.output_dense.set_weights(values)
    new.save(new_file)


def _copied(file, new_file, count):
    shutil.copy(file, new_file)


def _behind(file, new_file, count):
    import keras

    old = keras.models.load_model(file, compile=False)
    logits = keras.ops.pad(old.output, [(0, 0), (0, count - old.num_classes)])
    keras.Model(old.input, logits).save(new_file)


def _in_place(new, old, file, new_file):
    new.save(new_file)
    new.save(file)


def _weights_only(new, old, file, new_file):
    new.save_weights(Path(new_file).with_suffix(".weights.h5"))
    Path(new_file).with_suffix(".weights.h5").rename(new_file)


_NOT_THE_OLD = "The first logits are not those of the old model: "

MORE_CLASSES = Exercise(
    id="09.2",
    title="More classes, saved and reloaded",
    solution=add_classes,
    cases=((3, 5), (2, 3)),
    probe=_what_is_saved,
    mistakes=(
        Mistake(
            _adding(parts=()),
            _NOT_THE_OLD + "the whole head is new and random. Copy what the old one "
            "knew.",
        ),
        Mistake(
            _adding(parts=(0,)),
            _NOT_THE_OLD + "you copy the kernel and leave out the bias.",
        ),
        Mistake(
            _adding(parts=(1,)),
            _NOT_THE_OLD + "you copy the bias and leave out the kernel.",
        ),
        Mistake(
            _random_for_new,
            "The logits that were added are not 0. Fill their weights with zeros.",
        ),
        Mistake(
            _adding(fill=_normal),
            "The logits that were added are not 0. Fill their weights with zeros.",
        ),
        Mistake(
            _adding(fill=np.ones),
            "The logits that were added are not 0. Fill their weights with zeros.",
        ),
        Mistake(
            _adding(lambda value, added: np.concatenate([added, value], axis=-1)),
            "The classes that were added stand first. The old ones keep their numbers, "
            "or all labels would be wrong.",
        ),
        Mistake(
            _adding(count=lambda old, wanted: old + wanted),
            "`count` is the number of all classes, not of those that are added.",
        ),
        Mistake(
            _adding(backbone=_random_backbone),
            _NOT_THE_OLD + "the backbone is random. Hand on `old.backbone` itself.",
        ),
        Mistake(
            _copied,
            "The new file holds the old model, with its old number of classes.",
        ),
        Mistake(
            _adding(save=lambda new, old, file, new_file: old.save(new_file)),
            "The new file holds the old model, with its old number of classes.",
        ),
        Mistake(
            _adding(save=_in_place),
            "You write over `file`. Somebody may still use it: leave it as it is.",
        ),
        Mistake(
            _adding(save=_weights_only),
            "The file holds weights alone, so nobody can load a model from it. Use "
            "`model.save`.",
        ),
        Mistake(
            _behind,
            "The numbers are right, but the zeros are glued on: there are no weights "
            "behind them that somebody could train. Make a `ViTImageClassifier`.",
        ),
        Mistake(
            _adding(activation="softmax"),
            "Your model gives probabilities; asked are logits.",
        ),
        Mistake(
            _adding(pooling="gap"),
            _NOT_THE_OLD + "your head reads the mean of all tokens, the old one reads "
            "the class token.",
        ),
    ),
    hints=(
        "Three steps: load, build a model with `count` classes around the same "
        "backbone, save. Between the last two, its head needs the old one's weights.",
        "`model.output_dense.get_weights()` gives the kernel, (D, K), and the bias, "
        "(K,). The new classes are columns to the right of both.",
        "Put zeros beside the old arrays with `np.concatenate([known, zeros], "
        "axis=-1)`, and assign the result to the weights of the new head.",
    ),
    because="Old answers stay as they are and the new classes begin undecided, so "
    "training can go on from what was learned.",
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
    "`Layerwise` scales it for each layer.",
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

EXERCISES = (NEW_HEAD, MORE_CLASSES, THAW, SLOW, MATRIX)
