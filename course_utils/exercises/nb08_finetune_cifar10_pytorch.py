"""Exercises of notebook 08: pixels, freezing, batches, rates, scores, stopping."""

import numpy as np
import torch
from torch.nn import functional as F
from transformers import ViTConfig, ViTForImageClassification

from course_utils.exercises.engine import Exercise, Mistake, NotAnAnswer

# --- 08.1 Scaled twice ------------------------------------------------------------


def prepare(picture):
    values = np.asarray(picture)
    if values.dtype == np.uint8:
        values = values / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)  # -> (3, H, W)


def _prepared(scale="by type", center=0.5, spread=0.5, order=(2, 0, 1)):
    def prepare(picture):
        values = np.asarray(picture)
        bytes_in = values.dtype == np.uint8
        if scale == "by value":
            bytes_in = values.max() > 1
        if scale == "always" or (scale != "never" and bytes_in):
            values = values / 255
        return ((values - center) / spread).transpose(order)

    return prepare


def _reshaped(picture):
    right = prepare(picture)
    return right.transpose(1, 2, 0).reshape(right.shape)


def _as_tensor(picture):
    values = torch.as_tensor(picture)
    values = values.float() / 255 if values.dtype == torch.uint8 else values.float()
    return (2 * values - 1).permute(2, 0, 1)


def _with_float32(picture):
    scale = 255 if np.asarray(picture).dtype == np.uint8 else 1
    return np.moveaxis(np.float32(picture) / scale * 2 - 1, -1, 0)


_BYTES = np.array([[[0, 51, 102], [153, 204, 255]]], dtype=np.uint8)

TWICE = Exercise(
    id="08.1",
    solution=prepare,
    cases=(
        (_BYTES,),
        (_BYTES[:, :, ::-1] / 255,),
        (np.array([[[0, 1, 1], [1, 0, 1]]], dtype=np.uint8),),
        (np.arange(36, dtype=np.uint8).reshape(3, 4, 3) * 7,),
    ),
    mistakes=(
        Mistake(
            _prepared("always"),
            "Floats from 0 to 1 are divided by 255 once more: every pixel ends near "
            "-1, a black picture.",
        ),
        Mistake(
            _prepared("never"),
            "Bytes are not scaled: 255 must become 1 before the mean is taken off.",
        ),
        Mistake(
            _prepared("by value"),
            "You look at the largest value. A byte picture at night may have no value "
            "above 1 and is then taken for floats; the type tells the two apart.",
        ),
        Mistake(
            _prepared(center=0.0, spread=1.0),
            "You scale to 0 to 1 only. Subtract the mean 0.5 and divide by 0.5.",
        ),
        Mistake(
            _prepared(spread=1.0),
            "Your values run from -0.5 to 0.5: the division by 0.5 is missing.",
        ),
        Mistake(
            _prepared(order=(0, 1, 2)),
            "The numbers are right, but the channels come last. A model of PyTorch "
            "wants (3, H, W).",
        ),
        Mistake(
            _prepared(order=(2, 1, 0)),
            "Height and width have changed places: the picture lies on its side.",
        ),
        Mistake(
            _reshaped,
            "`reshape` keeps the numbers in their order and cuts them anew, so colors "
            "are mixed. `transpose` moves the axes.",
        ),
    ),
    hints=(
        "What is `255 * (1 / 255) * (1 / 255)`, and where does it end after the mean "
        "is subtracted?",
        "The array itself says which of the two it is, even if the picture is dark.",
        "Divide by 255 only if `picture.dtype` is `np.uint8`; then mean, spread, axes.",
    ),
    because="A processor of Hugging Face cannot know either: it divides by 255 unless "
    "you say `do_rescale=False`.",
    alternatives=(_as_tensor, _with_float32),
    tolerance=1e-4,
)


# --- 08.2 Nothing was frozen ------------------------------------------------------


def freeze(model, n):
    model.vit.embeddings.requires_grad_(False)
    for block in model.vit.layers[:n]:
        block.requires_grad_(False)


def _small_vit():
    config = ViTConfig(
        image_size=4,
        patch_size=2,
        hidden_size=4,
        num_hidden_layers=12,  # two digits: block 1 is not block 10 or 11
        num_attention_heads=1,
        intermediate_size=4,
        num_labels=3,
    )
    return ViTForImageClassification(config)


def _what_trains(answer, n):
    """Return for the parts of a ViT with twelve blocks what will be trained."""
    model = _small_vit()
    if answer(model, n) is ...:
        return ...
    states = {}
    for name, parameter in model.named_parameters():
        words = name.split(".")
        part = words[0] if words[0] != "vit" else words[1]
        part = int(words[2]) if part == "layers" else part
        states.setdefault(part, set()).add(parameter.requires_grad)
    words = {(True,): "trained", (False,): "frozen", (False, True): "in part"}
    parts = {part: words[tuple(sorted(found))] for part, found in states.items()}
    blocks = [i for i in parts if isinstance(i, int) and parts[i] != "trained"]
    found = {
        "embeddings": parts["embeddings"],
        "blocks not trained": ", ".join(map(str, blocks)) or "none",
        "layernorm": parts["layernorm"],
        "classifier": parts["classifier"],
    }
    if any("requires_grad" in vars(module) for module in model.modules()):
        found["new attribute of a module"] = "requires_grad"
    return found


def _freezing(blocks, embeddings=True, rest=True):
    def freeze(model, n):
        model.vit.embeddings.requires_grad_(not embeddings)
        for block in blocks(model.vit.layers, n):
            block.requires_grad_(False)
        if not rest:
            model.vit.layernorm.requires_grad_(False)

    return freeze


def _by_children(model, n):
    for child in list(model.children())[:-2]:
        child.requires_grad_(False)


def _by_attribute(model, n):
    for part in (model.vit.embeddings, *model.vit.layers[:n]):
        part.requires_grad = False


def _whole_backbone(model, n):
    model.vit.requires_grad_(False)


def _by_prefix(model, n):
    low = ("vit.embeddings", *(f"vit.layers.{i}" for i in range(n)))
    for name, parameter in model.named_parameters():
        if name.startswith(low):
            parameter.requires_grad_(False)


def _first_parameters(model, n):
    for parameter in list(model.parameters())[:n]:
        parameter.requires_grad_(False)


def _by_parameters(model, n):
    parts = [model.vit.embeddings, *list(model.vit.layers)[:n]]
    for parameter in (p for part in parts for p in part.parameters()):
        parameter.requires_grad = False
    return model


def _by_names(model, n):
    for name, parameter in model.named_parameters():
        words = name.split(".")
        low = words[1] == "layers" and int(words[2]) < n
        parameter.requires_grad = not (low or words[1] == "embeddings")


FREEZE = Exercise(
    id="08.2",
    solution=freeze,
    cases=((2,), (4,), (1,), (0,)),
    probe=_what_trains,
    mistakes=(
        Mistake(
            _by_children,
            "Everything is still trained. (The model has two children, `vit` and "
            "`classifier`: without the last two, nothing is left to freeze. And "
            "`eval()` freezes nothing.)",
        ),
        Mistake(
            _by_attribute,
            "Everything is still trained: `block.requires_grad = False` only hangs an "
            "attribute on the module. The method with the underscore, "
            "`requires_grad_`, reaches its parameters.",
        ),
        Mistake(
            _freezing(lambda layers, n: list(layers)[:n], embeddings=False),
            "The embeddings lie below the first block and are still trained.",
        ),
        Mistake(
            _freezing(lambda layers, n: list(layers)[-n:]),
            "You freeze the *last* n blocks. The first ones hold what all pictures "
            "share; those are to stay.",
        ),
        Mistake(
            _freezing(lambda layers, n: list(layers)[: n + 1]),
            "You freeze one block too many.",
        ),
        Mistake(
            _freezing(lambda layers, n: list(layers)[: max(n - 1, 0)]),
            "You freeze one block too few: the first n are blocks 0 to n - 1.",
        ),
        Mistake(
            _by_prefix,
            "Block 10 is frozen with block 1: their names begin alike. Compare the "
            "number, or end the prefix with a dot.",
        ),
        Mistake(
            _first_parameters,
            "`n` counts blocks, and each block holds many parameters.",
        ),
        Mistake(
            lambda model, n: model.requires_grad_(False),
            "The head is frozen, too: nothing is left to train.",
        ),
        Mistake(
            _freezing(lambda layers, n: list(layers)[:-n]),
            "You freeze all blocks *but* n.",
        ),
        Mistake(_whole_backbone, "The whole backbone is frozen, whatever n is."),
        Mistake(
            _freezing(lambda layers, n: list(layers)[:n], rest=False),
            "The last layer norm stands above the blocks and should be trained.",
        ),
    ),
    hints=(
        "Print `[name for name, _ in model.named_children()]`. How many are there?",
        "The blocks are in `model.vit.layers`; what comes before them is "
        "`model.vit.embeddings`.",
        "`module.requires_grad_(False)` freezes all parameters in a module.",
    ),
    because="Count what will be trained before you train: "
    "`sum(p.numel() for p in model.parameters() if p.requires_grad)`.",
    alternatives=(_by_parameters, _by_names),
)


# --- 08.3 Another loss than you think ---------------------------------------------


def make_batch(rows):
    return {
        "pixel_values": torch.stack([row["pixel_values"] for row in rows]),
        "labels": torch.tensor([row["label"] for row in rows]),
    }


def _batching(label=lambda x: x, stack=torch.stack, shape=(-1,)):
    def make_batch(rows):
        labels = torch.stack([torch.as_tensor(label(row["label"])) for row in rows])
        if labels.ndim == 1:
            labels = labels.reshape(shape)
        return {
            "pixel_values": stack([torch.as_tensor(r["pixel_values"]) for r in rows]),
            "labels": labels,
        }

    return make_batch


def _what_arrives(answer, rows):
    """Return the batch, and the loss that a ViT of Hugging Face would choose for it."""
    rows = [row | {"pixel_values": torch.tensor(row["pixel_values"])} for row in rows]
    batch = answer(rows)
    if batch is ... or batch is None:
        return batch
    if not isinstance(batch, dict) or set(batch) != {"pixel_values", "labels"}:
        raise NotAnAnswer(
            "The batch should be a dictionary with the keys `pixel_values` and "
            "`labels`: a model is called with them as arguments."
        )
    if not all(isinstance(value, torch.Tensor) for value in batch.values()):
        raise NotAnAnswer("Both values should be tensors.")
    kind = batch["labels"].dtype
    loss = "binary cross-entropy" if kind.is_floating_point else "it fails"
    return {**batch, "loss": "cross-entropy" if kind == torch.int64 else loss}


def _one_hot(label):
    return F.one_hot(torch.tensor(label), 10).float()


def _rows(*labels):
    return [
        {"pixel_values": [[[i + 0.5, 2.0 * label]]], "label": label}
        for i, label in enumerate(labels)
    ]


BATCH = Exercise(
    id="08.3",
    solution=make_batch,
    cases=((_rows(2, 0),), (_rows(1, 1, 3),), (_rows(3),)),
    probe=_what_arrives,
    mistakes=(
        Mistake(
            _batching(_one_hot),
            "One-hot floats choose binary cross-entropy: the model is asked for ten "
            "yes-or-no answers instead of one class. Give class numbers.",
        ),
        Mistake(
            _batching(float),
            "The labels are floats, so the model takes this for a task with several "
            "labels in a picture. Keep them whole numbers.",
        ),
        Mistake(
            _batching(lambda x: F.one_hot(torch.tensor(x), 10)),
            "Integer one-hot rows look like ten labels for each picture, and the "
            "loss fails. Give one class number for each.",
        ),
        Mistake(
            _batching(np.int32),
            "The labels are whole, but not int64, and PyTorch's cross-entropy wants "
            "that. `torch.tensor` of a list of `int` makes it.",
        ),
        Mistake(
            _batching(shape=(-1, 1)),
            "The labels have shape (B, 1). One number for each picture: (B,).",
        ),
        Mistake(
            _batching(stack=torch.cat),
            "`cat` joins the pictures along an axis that is already there, here the "
            "channels. `stack` makes a new one for the batch.",
        ),
    ),
    hints=(
        "Hugging Face's models look at the *type* of `labels` to choose a loss.",
        "Two tensors: float pictures (B, C, H, W), and int64 labels (B,).",
        "`torch.stack` for the pictures, `torch.tensor` of a list of `int` for the "
        "labels.",
    ),
    because="`model.config.problem_type` notes the choice after the first batch; "
    "it should say `single_label_classification`.",
    alternatives=(_batching(),),
)


# --- 08.4 Rates layer by layer ----------------------------------------------------


def rate(name, blocks, lr, decay):
    if name.startswith("vit.embeddings"):
        depth = 0
    elif name.startswith("vit.layers"):
        depth = int(name.split(".")[2]) + 1
    else:
        depth = blocks + 1
    return lr * decay ** (blocks + 1 - depth)


def _rated(
    power=lambda blocks, depth: blocks + 1 - depth, first=1, digits=None, norm=True
):
    def rate(name, blocks, lr, decay):
        depth = blocks + first
        if name.startswith("vit.embeddings") or (not norm and "vit.layernorm" in name):
            depth = 0
        elif name.startswith("vit.layers"):
            depth = int(name.split(".")[2][:digits]) + first
        return lr * decay ** power(blocks, depth)

    return rate


def _multiplied(name, blocks, lr, decay):
    steps = round(np.log(rate(name, blocks, 1.0, 0.5)) / np.log(0.5))
    return lr * decay * steps if steps else lr


RATES = Exercise(
    id="08.4",
    solution=rate,
    cases=tuple(
        (name, 12, 0.1, 0.9)
        for name in (
            "classifier.weight",
            "vit.layers.11.mlp.fc1.weight",
            "vit.layers.0.attention.q_proj.bias",
            "vit.embeddings.cls_token",
            "vit.layernorm.weight",
            "vit.layers.10.layernorm_before.weight",
        )
    )
    + (("vit.layers.1.mlp.fc2.bias", 2, 0.5, 0.8),),
    mistakes=(
        Mistake(
            _rated(lambda blocks, depth: depth),
            "Your rates fall from the embeddings to the head. The head is new and "
            "needs the largest.",
        ),
        Mistake(
            _rated(lambda blocks, depth: depth - blocks - 1),
            "The exponent has the wrong sign: your rates grow toward the embeddings.",
        ),
        Mistake(
            _rated(lambda blocks, depth: blocks - depth, first=0),
            "The embeddings get the rate of block 0. They lie one step below it.",
        ),
        Mistake(
            _rated(lambda blocks, depth: blocks - depth),
            "You are one power of `decay` short: the head's rate is `lr` itself, and "
            "the last block's is `lr * decay`.",
        ),
        Mistake(
            _rated(digits=1),
            "Block 10 is read as block 1. Split the name at its dots instead of "
            "taking one character.",
        ),
        Mistake(
            _rated(norm=False),
            "`vit.layernorm` comes after the last block, so it belongs to the head.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: (
                lr if name.startswith("classifier") else lr * decay
            ),
            "You have two rates only. Each block should be one power below the next.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: (
                lr if "embeddings" in name else rate(name, blocks, lr, decay)
            ),
            "The embeddings get the rate of the head. They lie below all blocks.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: (
                0.0 if "embeddings" in name else rate(name, blocks, lr, decay)
            ),
            "The embeddings get no rate: they would be frozen. They come last, one "
            "power below block 0.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: (
                lr if "layernorm" in name else rate(name, blocks, lr, decay)
            ),
            "The two norms inside a block belong to their block. Only `vit.layernorm` "
            "stands above all blocks.",
        ),
        Mistake(
            _multiplied,
            "You multiply by the number of layers below the head. `decay` is to be "
            "raised to that power.",
        ),
    ),
    hints=(
        "Give each parameter a depth first: embeddings 0, blocks 1 to `blocks`, what "
        "comes after them `blocks + 1`.",
        "The rate is `lr` at the greatest depth and shrinks by `decay` for each step "
        "down.",
        '`int(name.split(".")[2])` is the number of a block, counted from 0.',
    ),
    because="With `decay=1` all rates are equal, with a very small one only the head "
    "moves: both old recipes are special cases.",
    alternatives=(
        lambda name, blocks, lr, decay: np.float64(rate(name, blocks, lr, decay)),
        lambda name, blocks, lr, decay: torch.tensor(rate(name, blocks, lr, decay)),
    ),
    tolerance=1e-7,
)


# --- 08.5 Macro F1 by hand --------------------------------------------------------


def macro_f1(confusion):
    hits = confusion.diagonal()
    true, answered = confusion.sum(1), confusion.sum(0)
    total = true + answered
    f1 = [2 * h / t if t else 0.0 for h, t in zip(hits, total, strict=True)]
    return sum(f1) / len(f1)


def _shares(confusion):
    confusion = np.asarray(confusion, dtype=float)
    hits = confusion.diagonal()
    recall = hits / np.maximum(confusion.sum(1), 1)
    precision = hits / np.maximum(confusion.sum(0), 1)
    return confusion, precision, recall


def _f1(precision, recall):
    total = precision + recall
    return np.where(total > 0, 2 * precision * recall / np.maximum(total, 1e-12), 0.0)


def _micro(confusion):
    return np.trace(np.asarray(confusion)) / np.sum(np.asarray(confusion))


def _of_means(confusion):
    _, precision, recall = _shares(confusion)
    return float(_f1(precision.mean(), recall.mean()))


def _mean_recall(confusion):
    return _shares(confusion)[2].mean()


def _mean_precision(confusion):
    return _shares(confusion)[1].mean()


def _weighted(confusion):
    confusion, precision, recall = _shares(confusion)
    return np.average(_f1(precision, recall), weights=confusion.sum(1))


def _arithmetic(confusion):
    _, precision, recall = _shares(confusion)
    return ((precision + recall) / 2).mean()


def _not_a_number(confusion):
    confusion = np.asarray(confusion, dtype=float)
    return (2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1))).mean()


def _each(confusion):
    _, precision, recall = _shares(confusion)
    return _f1(precision, recall)


def _without_empty(confusion):
    confusion = np.asarray(confusion)
    there = confusion.sum(0) + confusion.sum(1) > 0
    return _each(confusion)[there].mean()


def _by_shares(confusion):
    _, precision, recall = _shares(confusion)
    return _f1(precision, recall).mean()


def _with_tensors(confusion):
    confusion = torch.as_tensor(confusion).double()
    total = confusion.sum(0) + confusion.sum(1)
    return (2 * confusion.diagonal() / total.clamp(min=1)).mean()


MACRO = Exercise(
    id="08.5",
    solution=macro_f1,
    cases=(
        (np.array([[8, 2], [1, 1]]),),
        (np.array([[5, 0, 1], [2, 3, 0], [0, 4, 9]]),),
        (np.array([[3, 1, 0], [0, 9, 0], [0, 0, 0]]),),
    ),
    mistakes=(
        Mistake(
            _micro,
            "That is the accuracy. Compute one F1 for each class, then their mean.",
        ),
        Mistake(
            _of_means,
            "You take the F1 of the mean precision and mean recall. First F1 for each "
            "class, then the mean.",
        ),
        Mistake(_mean_recall, "That is the mean recall: precision is left out."),
        Mistake(_mean_precision, "That is the mean precision: recall is left out."),
        Mistake(
            _weighted,
            "You weight classes by their size. *Macro* counts each class the same.",
        ),
        Mistake(
            _arithmetic,
            "F1 is the *harmonic* mean of precision and recall: 2PR / (P + R).",
        ),
        Mistake(
            _not_a_number,
            "A class with no picture and no answer gives 0 / 0. Count its F1 as 0.",
        ),
        Mistake(
            _without_empty,
            "You leave out a class with no picture and no answer. Here it counts, "
            "with F1 = 0.",
        ),
        Mistake(
            lambda confusion: _each(confusion)[1],
            "That is the F1 of class 1 alone, as for a yes-or-no task. Take the mean "
            "over all classes.",
        ),
        Mistake(
            lambda confusion: macro_f1(confusion) / 2,
            "Half of what is wanted: F1 = 2PR / (P + R), with the 2.",
        ),
        Mistake(_each, "That is one F1 for each class; their mean is asked."),
    ),
    hints=(
        "For one class: hits are on the diagonal, its pictures in a row, its answers "
        "in a column.",
        "F1 = 2 · hits / (pictures + answers); the same as 2PR / (P + R).",
        "Mean over classes; where pictures + answers is 0, count 0.",
    ),
    because="A rare class weighs as much as a common one, so macro F1 shows a model "
    "that has given up on it. scikit-learn's `f1_score` leaves out a class that occurs "
    "nowhere, unless you name all in `labels=`.",
    alternatives=(_by_shares, _with_tensors),
)


# --- 08.6 Stop in time ------------------------------------------------------------


def stop_in_time(scores, patience):
    best, waited = 0, 0
    for epoch in range(1, len(scores)):
        if scores[epoch] > scores[best]:
            best, waited = epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch + 1, best + 1
    return len(scores), best + 1


def _stopping(better=lambda new, old: new > old, limit=0, reset=True, previous=False):
    def stop_in_time(scores, patience):
        best, waited = 0, 0
        for epoch in range(1, len(scores)):
            old = scores[epoch - 1] if previous else scores[best]
            good = better(scores[epoch], old)
            if better(scores[epoch], scores[best]):
                best = epoch
            waited = (0 if reset else waited) if good else waited + 1
            if waited == patience + limit:
                return epoch + 1, best + 1
        return len(scores), best + 1

    return stop_in_time


def _from_zero(scores, patience):
    return tuple(number - 1 for number in stop_in_time(scores, patience))


def _last_as_best(scores, patience):
    return (stop_in_time(scores, patience)[0],) * 2


def _best_of_all(scores, patience):
    return stop_in_time(scores, patience)[0], int(np.argmax(scores)) + 1


def _score_of_best(scores, patience):
    stop, best = stop_in_time(scores, patience)
    return stop, scores[best - 1]


def _with_numpy(scores, patience):
    scores = np.asarray(scores)
    for end in range(1, len(scores) + 1):
        best = int(scores[:end].argmax())
        if end - 1 - best >= patience:
            return np.array([end, best + 1])
    return np.array([len(scores), int(scores.argmax()) + 1])


STOP = Exercise(
    id="08.6",
    solution=stop_in_time,
    cases=(
        ([0.5, 0.7, 0.6, 0.65, 0.6, 0.9], 2),
        ([0.5, 0.4, 0.6, 0.6, 0.7, 0.6, 0.65, 0.6], 3),
        ([0.3, 0.3, 0.3, 0.4], 2),
        ([0.1, 0.2, 0.3], 1),
    ),
    mistakes=(
        Mistake(
            _stopping(lambda new, old: new >= old),
            "An equal score counts as better with you. Nothing was gained: keep "
            "waiting, and keep the earlier epoch.",
        ),
        Mistake(
            _stopping(limit=1),
            "You train one epoch too long: stop when `patience` epochs in a row "
            "brought nothing.",
        ),
        Mistake(
            _stopping(reset=False),
            "You add up all bad epochs. A new best score starts the count again.",
        ),
        Mistake(
            _stopping(previous=True),
            "You compare with the epoch before. Compare with the best so far.",
        ),
        Mistake(
            lambda scores, patience: stop_in_time(scores, len(scores)),
            "Your training never stops early. Leave the loop when `patience` epochs in "
            "a row were not better than the best before them.",
        ),
        Mistake(
            lambda scores, patience: stop_in_time(scores, patience)[::-1],
            "Right numbers, wrong order: first where training stops, then the best.",
        ),
        Mistake(
            _best_of_all,
            "The best epoch must lie before the stop: later ones are never trained.",
        ),
        Mistake(
            _score_of_best,
            "The second number should be the best *epoch*, not its score.",
        ),
        Mistake(_from_zero, "Your epochs count from 0; the first one is 1."),
        Mistake(
            _last_as_best,
            "The second number is the epoch with the best score, not the last one.",
        ),
    ),
    hints=(
        "Carry two numbers through the loop: the best epoch, and how long ago it was.",
        "A strictly better score resets the count; any other adds 1.",
        "When the count reaches `patience`, this epoch was the last.",
    ),
    because="`EarlyStoppingCallback` does this; with `load_best_model_at_end` the "
    "model of the second number is what you keep.",
    alternatives=(_with_numpy, lambda scores, n: list(stop_in_time(scores, n))),
)

EXERCISES = (TWICE, FREEZE, BATCH, RATES, MACRO, STOP)
