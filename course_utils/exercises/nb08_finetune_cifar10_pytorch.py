"""Exercises of notebook 08: pixels, freezing, batches, rates, scores, stopping."""

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import default_collate
from transformers import ViTConfig, ViTForImageClassification

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

# --- 08.1 Scaled twice ------------------------------------------------------------


def prepare(picture):
    if picture.dtype == np.uint8:
        picture = picture / 255
    return ((picture - 0.5) / 0.5).transpose(2, 0, 1)  # -> (3, H, W)


def _is_bytes(values):
    return values.dtype == np.uint8


def _prepared(divides=_is_bytes, center=0.5, spread=0.5, order=(2, 0, 1)):
    def prepare(picture):
        values = picture / 255 if divides(picture) else picture
        return ((values - center) / spread).transpose(order)

    return prepare


def _stretched(picture):
    values = (picture - picture.min()) / np.ptp(picture)
    return (2 * values - 1).transpose(2, 0, 1)


def _scaled_last(picture):
    moved = ((picture - 0.5) / 0.5).transpose(2, 0, 1)
    return moved / 255 if _is_bytes(picture) else moved


def _whole_division(picture):
    return prepare(picture // 255.0 if _is_bytes(picture) else picture)


def _reshaped(picture):
    right = prepare(picture)
    return right.transpose(1, 2, 0).reshape(right.shape)


def _as_tensor(picture):
    values = torch.as_tensor(picture)
    values = values.float() / 255 if values.dtype == torch.uint8 else values.float()
    return (2 * values - 1).permute(2, 0, 1)


def _with_float32(picture):
    scale = 255 if picture.dtype == np.uint8 else 1
    return np.moveaxis(np.float32(picture) / scale * 2 - 1, -1, 0)


_BYTES = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10 + 20
_DARK = np.array([[[0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]]] * 2, dtype=np.uint8)

TWICE = Exercise(
    id="08.1",
    title="Spot the bug: scaled twice",
    solution=prepare,
    cases=(
        (_BYTES,),
        (_BYTES[:, :, ::-1] / 255,),
        (np.float32(_BYTES[::-1] / 300),),
        (_DARK,),
        (np.uint8(_DARK * [0, 0, 2]),),  # the largest above 1, the mean below
    ),
    mistakes=(
        Mistake(
            _prepared(lambda values: True),
            "Floats from 0 to 1 are divided by 255 once more: every pixel ends near "
            "-1, a black picture.",
        ),
        Mistake(
            _prepared(lambda values: False),
            "Bytes are not scaled: 255 must become 1 before the mean is taken off.",
        ),
        Mistake(
            _prepared(lambda values: values.dtype != np.uint8),
            "The other way round: you divide the floats, which are scaled already, and "
            "leave the bytes as they are.",
        ),
        Mistake(
            _prepared(lambda values: values.dtype != np.float64),
            "A picture of `float32` holds numbers from 0 to 1 as well, and you divide "
            "it by 255 once more: it turns black.",
        ),
        Mistake(
            _prepared(lambda values: values.max() > 1),
            "You look at the largest value. A byte picture at night may have no value "
            "above 1 and is then taken for floats; the type tells the two apart.",
        ),
        Mistake(
            _prepared(lambda values: values.mean() > 1),
            "You look at the mean value. A byte picture at night may have a mean below "
            "1 and is then taken for floats; the type tells the two apart.",
        ),
        Mistake(
            lambda picture: _prepared(lambda values: False)(picture / picture.max()),
            "You divide by the picture's own largest value, so a dark picture becomes "
            "as bright as any other. Bytes are divided by 255, floats not at all.",
        ),
        Mistake(
            lambda picture: prepare(np.uint8(picture)),
            "`uint8` cuts floats from 0 to 1 down to 0: the picture turns black. Ask "
            "for the type, and do not change it.",
        ),
        Mistake(
            _scaled_last,
            "You scale the bytes after the mean is taken off. First all numbers must "
            "run from 0 to 1.",
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
            _prepared(
                center=np.array([0.485, 0.456, 0.406]),
                spread=np.array([0.229, 0.224, 0.225]),
            ),
            "Those are the means and spreads of ImageNet. Here 0 is to become -1, and "
            "1 stays 1.",
        ),
        Mistake(
            _stretched,
            "You stretch every picture to its own darkest and brightest value, so a "
            "dark picture looks like a bright one. Use the same scale for all.",
        ),
        Mistake(
            _whole_division,
            "Whole division leaves nothing between 0 and 1: every byte below 255 "
            "becomes 0.",
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


def _what_trains(answer, n, frozen_before):
    """Return for the parts of a ViT with twelve blocks what will be trained."""
    model = _small_vit()
    for part in frozen_before:
        model.get_submodule(part).requires_grad_(False)
    answer(model, n)
    trained, frozen = {}, {}
    for name, parameter in model.named_parameters():
        words = name.removeprefix("vit.").split(".")
        part = " ".join(words[:2]) if words[0] == "layers" else words[0]
        found = trained if parameter.requires_grad else frozen
        found.setdefault(part, []).append(words[-2] + "." + words[-1])
    parts = {
        "frozen": ", ".join(part for part in frozen if part not in trained),
        "frozen in part": {p: frozen[p] for p in frozen if p in trained},
        "trained": ", ".join(part for part in trained if part not in frozen),
    }
    hung = any("requires_grad" in vars(module) for module in model.modules())
    if hung and "embeddings" in trained:
        parts["new attribute of a module"] = "requires_grad"
    return {what: found or "nothing" for what, found in parts.items()}


def _freezing(blocks=lambda layers, n: layers[:n], embeddings=True, rest=()):
    def freeze(model, n):
        model.vit.embeddings.requires_grad_(not embeddings)
        for block in blocks(list(model.vit.layers), n):
            block.requires_grad_(False)
        for part in rest:
            model.get_submodule(part).requires_grad_(False)

    return freeze


def _by_children(model, n):
    for child in list(model.children())[:-2]:
        child.requires_grad_(False)


def _by_attribute(model, n):
    for part in (model.vit.embeddings, *model.vit.layers[:n]):
        part.requires_grad = False


def _thawing(model, n):
    model.requires_grad_(True)
    freeze(model, n)


def _thawing_above(model, n):
    freeze(model, n)
    for block in model.vit.layers[n:]:
        block.requires_grad_(True)


def _old_path(model, n):
    model.vit.embeddings.requires_grad_(False)
    model.vit.encoder.layer[:n].requires_grad_(False)


def _parts_of_backbone(more):
    def freeze(model, n):
        for part in list(model.vit.children())[: n + more]:
            part.requires_grad_(False)

    return freeze


def _weights_only(model, n):
    for part in (model.vit.embeddings, *model.vit.layers[:n]):
        for name, parameter in part.named_parameters():
            if "weight" in name:
                parameter.requires_grad_(False)


def _patches_only(model, n):
    for part in (model.vit.embeddings.patch_embeddings, *model.vit.layers[:n]):
        part.requires_grad_(False)


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
        if words[1] == "embeddings" or (words[1] == "layers" and int(words[2]) < n):
            parameter.requires_grad = False


FREEZE = Exercise(
    id="08.2",
    title="Spot the bug: nothing was frozen",
    solution=freeze,
    cases=(
        (2, ()),
        (5, ()),
        (1, ("vit.layers.11", "classifier")),
        (0, ("vit.layers.3", "vit.layernorm")),
    ),
    probe=_what_trains,
    mistakes=(
        Mistake(
            _by_children,
            "Your function freezes nothing in the model it is given. (The model has "
            "only two children, `vit` and `classifier`; `eval()` and `no_grad` freeze "
            "no parameter; a copy is not the model.)",
        ),
        Mistake(
            _by_attribute,
            "Nothing new is frozen: `block.requires_grad = False` only hangs an "
            "attribute on the module. The method with the underscore, "
            "`requires_grad_`, reaches its parameters.",
        ),
        Mistake(
            _freezing(embeddings=False),
            "The embeddings lie below the first block and are still trained.",
        ),
        Mistake(
            _freezing(lambda layers, n: ()),
            "Only the embeddings are frozen; the first n blocks are still trained.",
        ),
        Mistake(
            _thawing,
            "You also thaw what was frozen before you came. The rest is to be left "
            "alone: do not set it to True either.",
        ),
        Mistake(
            _weights_only,
            "Only what is called `weight` is frozen. The biases, the class token and "
            "the positions are parameters as well, and still trained.",
        ),
        Mistake(
            _patches_only,
            "Of the embeddings you freeze only the patches; the class token and the "
            "positions are still trained.",
        ),
        Mistake(
            _old_path,
            "That path is from old tutorials; a `ViTModel` of today has no `encoder`. "
            "Print `model` and look for the blocks.",
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
            _freezing(lambda layers, n: layers[1 : n + 1]),
            "You count blocks from 1, so the lowest one is still trained. The first "
            "block has number 0.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[n : n + 1]),
            "Of the blocks you freeze only the one with number n, not all below it.",
        ),
        Mistake(
            _parts_of_backbone(0),
            "You count the children of `model.vit`, but these are embeddings, all "
            "blocks together, and the last norm. `n` counts single blocks.",
        ),
        Mistake(
            _parts_of_backbone(1),
            "You freeze children of `model.vit`, and the second of them holds *all* "
            "blocks. `n` counts single blocks.",
        ),
        Mistake(
            _freezing(lambda layers, n: layers[: max(n - 1, 0)]),
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
            _freezing(lambda layers, n: layers[:-n]),
            "You freeze all blocks *but* n.",
        ),
        Mistake(
            lambda model, n: model.vit.requires_grad_(False),
            "The whole backbone is frozen, whatever n is.",
        ),
        Mistake(
            _freezing(rest=["vit.layernorm"]),
            "The last layer norm stands above the blocks and is none of the parts to "
            "freeze.",
        ),
        Mistake(
            _freezing(rest=["classifier"]),
            "The head is frozen, too, which is new and has to learn. Leave it as it "
            "is.",
        ),
        Mistake(
            _freezing(lambda layers, n: [block.attention for block in layers[:n]]),
            "Of the first n blocks you freeze the attention only. Their norms and "
            "their MLPs are still trained.",
        ),
        Mistake(
            _thawing_above,
            "You also thaw the blocks above. The rest is to be left alone: do not set "
            "it to True either.",
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


def _batching(labels=torch.tensor, pictures=torch.stack):
    """A collator that makes something else of the list of labels or of pictures."""

    def make_batch(rows):
        return {
            "pixel_values": pictures([row["pixel_values"] for row in rows]),
            "labels": labels([row["label"] for row in rows]),
        }

    return make_batch


def _what_arrives(answer, rows):
    """Return the batch, and the loss that a ViT of Hugging Face would choose for it."""
    batch = answer(rows)
    if not isinstance(batch, Mapping):
        raise NotAnAnswer(
            "The batch should be a dictionary, for a model is called with its items as "
            "arguments with names."
        )
    if set(batch) != {"pixel_values", "labels"}:
        raise NotAnAnswer(
            f"The keys of your batch are {sorted(batch)}. A model is called with them "
            "as arguments, and it knows `pixel_values` and `labels`."
        )
    for key, value in batch.items():
        if not isinstance(value, torch.Tensor):
            raise NotAnAnswer(
                f"`{key}` of your batch is of type `{type(value).__name__}`. A model "
                "computes with tensors only."
            )
    kind = batch["labels"].dtype
    loss = "binary cross-entropy" if kind.is_floating_point else "it fails"
    return {**batch, "loss": "cross-entropy" if kind == torch.int64 else loss}


def _one_hot(labels):
    return F.one_hot(torch.tensor(labels), 10)


def _up_to_the_largest(labels):
    return F.one_hot(torch.tensor(labels))


def _renamed(rows):
    batch = default_collate(rows)
    return {"pixel_values": batch["pixel_values"], "labels": batch["label"]}


def _rows(*labels):
    picture = np.arange(90, dtype=np.float32).reshape(3, 5, 6)
    return [{"pixel_values": picture + i, "label": y} for i, y in enumerate(labels)]


BATCH = Exercise(
    id="08.3",
    title="Spot the bug: another loss than you think",
    solution=make_batch,
    cases=((_rows(7, 0),), (_rows(1, 1, 3, 2),), (_rows(3),)),
    kinds=("torch",),
    probe=_what_arrives,
    mistakes=(
        Mistake(
            _batching(lambda labels: _one_hot(labels).float()),
            "One-hot floats choose binary cross-entropy: the model is asked for ten "
            "yes-or-no answers instead of one class. Give class numbers.",
        ),
        Mistake(
            _batching(lambda labels: torch.tensor(labels).float()),
            "The labels are floats, so the model takes this for a task with several "
            "labels in a picture. Keep them whole numbers.",
        ),
        Mistake(
            _batching(_one_hot),
            "Integer one-hot rows look like ten labels for each picture, and the "
            "loss fails. Give one class number for each.",
        ),
        Mistake(
            _batching(_up_to_the_largest),
            "The loss wants class numbers. Your one-hot rows are also as wide as the "
            "largest label of the batch, so each batch has another width.",
        ),
        Mistake(
            _batching(lambda labels: _up_to_the_largest(labels).float()),
            "One-hot floats choose another loss, and yours are as wide as the largest "
            "label of the batch. Give class numbers.",
        ),
        Mistake(
            _batching(lambda labels: torch.tensor(labels) + 1),
            "You count classes from 1. The labels count from 0 already.",
        ),
        Mistake(
            _batching(lambda labels: torch.tensor(sorted(labels))),
            "The labels are sorted and the pictures are not, so they no longer belong "
            "together.",
        ),
        Mistake(
            _batching(lambda labels: torch.full((len(labels),), labels[0])),
            "Every picture gets the label of the first one.",
        ),
        Mistake(
            _batching(lambda labels: torch.tensor(labels, dtype=torch.int32)),
            "The labels are whole, but not int64, and PyTorch's cross-entropy wants "
            "that. `torch.tensor` of a list of `int` makes it.",
        ),
        Mistake(
            _batching(lambda labels: torch.tensor(labels)[:, None]),
            "The labels have shape (B, 1). One number for each picture: (B,).",
        ),
        Mistake(
            _batching(pictures=torch.cat),
            "`cat` joins the pictures along an axis that is already there, here the "
            "channels. `stack` makes a new one for the batch.",
        ),
        Mistake(
            _batching(pictures=lambda x: torch.stack(x).permute(0, 2, 3, 1)),
            "Your channels come last, as in Keras. A model of PyTorch wants "
            "(B, C, H, W).",
        ),
        Mistake(
            _batching(pictures=lambda x: torch.stack(x) / 255),
            "The processor has scaled the pictures already; you divide by 255 again.",
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
    alternatives=(_batching(), _renamed),
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


def _rated(steps=lambda blocks, depth: blocks + 1 - depth, depth_of=None):
    """Rates with another number of steps down, or another depth of a name."""

    def rate(name, blocks, lr, decay):
        depth = depth_of and depth_of(name, blocks)
        if depth is None:
            depth = _depth(name, blocks)
        return lr * decay ** steps(blocks, depth)

    return rate


def _depth(name, blocks):
    words = name.split(".")
    if words[1] == "embeddings":
        return 0
    return int(words[2]) + 1 if words[1] == "layers" else blocks + 1


def _by_prefix_of_block(name, blocks):
    for i in range(blocks):
        if name.startswith(f"vit.layers.{i}"):
            return i + 1
    return None


def _by_last_number(name, blocks):
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) + 1 if numbers else None


def _multiplied(name, blocks, lr, decay):
    steps = blocks + 1 - _depth(name, blocks)
    return lr * decay * steps if steps else lr


RATES = Exercise(
    id="08.4",
    title="Rates layer by layer",
    solution=rate,
    cases=tuple(
        (name, 11, 0.2, 0.7)
        for name in (
            "classifier.weight",
            "vit.layers.10.mlp.fc1.weight",
            "vit.layers.0.attention.q_proj.bias",
            "vit.embeddings.cls_token",
            "vit.layernorm.weight",
            "vit.layers.3.layernorm_before.weight",
            "vit.layers.8.layernorm_after.bias",
            "vit.embeddings.patch_embeddings.projection.weight",
        )
    )
    + tuple(
        (name, 3, 0.5, 0.8)
        for name in (
            "vit.layers.1.mlp.fc2.bias",
            "vit.embeddings.position_embeddings",
            "classifier.bias",
        )
    ),
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
            _rated(depth_of=lambda name, blocks: 1 if "embeddings" in name else None),
            "The embeddings get the rate of block 0. They lie one step below it.",
        ),
        Mistake(
            _rated(lambda blocks, depth: blocks - depth),
            "You are one power of `decay` short: the head's rate is `lr` itself, and "
            "the last block's is `lr * decay`.",
        ),
        Mistake(
            _rated(lambda blocks, depth: max(blocks - depth, 0)),
            "The last block gets `lr`, the rate of the head, and all below is one step "
            "too high, too.",
        ),
        Mistake(
            _rated(lambda blocks, depth: max(blocks - depth, 0) + (depth == 0)),
            "The last block gets `lr`, the rate of the head, and every block below is "
            "one step too high, too.",
        ),
        Mistake(
            _rated(lambda blocks, depth: blocks + 1 - depth + (depth == 0)),
            "There is a step too many between the first block and the embeddings.",
        ),
        Mistake(
            _rated(
                lambda blocks, depth: (
                    depth if 0 < depth <= blocks else blocks + 1 - depth
                )
            ),
            "You count the blocks from below, so the first one is the fastest. The "
            "rates are to fall on the way *down* from the head.",
        ),
        Mistake(
            _rated(
                lambda blocks, depth: (
                    depth - 1 if 0 < depth <= blocks else blocks + 1 - depth
                )
            ),
            "With you block 0 gets the full rate and each block above it less. The "
            "last block is to be the fastest of them.",
        ),
        Mistake(
            _rated(lambda blocks, depth: blocks + 1 - depth + (0 < depth <= blocks)),
            "Every block is one step too low: the last one gets `lr * decay`, with a "
            "power of 1.",
        ),
        Mistake(
            _rated(
                lambda blocks, depth: (
                    depth - blocks - 1 if 0 < depth <= blocks else blocks + 1 - depth
                )
            ),
            "You divide the blocks' rates by a power of `decay`: they become larger "
            "than the head's. Multiply instead.",
        ),
        Mistake(
            _rated(lambda blocks, depth: blocks + 1 - depth or 1),
            "The head and the last norm are one step too low: what comes after the "
            "blocks gets `lr` itself.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: (
                lr * decay
                if name == "classifier.weight" or name == "classifier.bias"
                else rate(name, blocks, lr, decay)
            ),
            "The head gets `lr * decay`. What comes after the blocks gets `lr`.",
        ),
        Mistake(
            _rated(
                depth_of=lambda name, blocks: (
                    blocks + 1
                    if "embeddings" in name and "patch_embeddings" not in name
                    else None
                )
            ),
            "Class token and positions belong to the embeddings, too; with you they "
            "get the rate of the head.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: rate(name, 12, lr, decay),
            "Your rates are those of a model with twelve blocks. Use `blocks`.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: rate(
                name.replace("vit.layers", "classifier"), blocks, lr, decay
            ),
            "No block is recognized: all get the rate of the head. Look at the names "
            "as they are printed; those of old tutorials differ.",
        ),
        Mistake(
            lambda name, blocks, lr, decay: blocks + 1 - _depth(name, blocks),
            "That is how many steps the parameter lies below the head, not its rate.",
        ),
        Mistake(
            _rated(depth_of=_by_prefix_of_block),
            "Block 10 is read as block 1, since their names begin alike. Compare the "
            "whole number between two dots.",
        ),
        Mistake(
            _rated(depth_of=_by_last_number),
            "You take the last digit of the name, but `fc1` has one, too. The number "
            "of the block stands between two dots.",
        ),
        Mistake(
            _rated(
                depth_of=lambda name, blocks: 0 if "vit.layernorm" in name else None
            ),
            "`vit.layernorm` comes after the last block, but with you it gets the rate "
            "of the embeddings.",
        ),
        Mistake(
            _rated(
                depth_of=lambda name, blocks: (
                    blocks if "vit.layernorm" in name else None
                )
            ),
            "`vit.layernorm` comes after the last block. It is no part of it.",
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
    hits = confusion.diagonal()
    recall = hits / np.maximum(confusion.sum(1), 1)
    precision = hits / np.maximum(confusion.sum(0), 1)
    return precision, recall


def _f1(precision, recall):
    return 2 * precision * recall / np.maximum(precision + recall, 1e-12)


def _each(confusion):
    return _f1(*_shares(confusion))


def _by_shares(confusion):
    return _each(confusion).mean()


def _of_means(confusion):
    precision, recall = _shares(confusion)
    return _f1(precision.mean(), recall.mean())


def _weighted(confusion):
    return np.average(_each(confusion), weights=confusion.sum(1))


def _arithmetic(confusion):
    return np.mean(_shares(confusion))


def _intersection_over_union(confusion):
    hits = np.diag(confusion)
    return np.mean(hits / np.maximum(confusion.sum(0) + confusion.sum(1) - hits, 1))


def _unguarded(confusion):
    return np.mean(2 * confusion.diagonal() / (confusion.sum(0) + confusion.sum(1)))


def _unguarded_shares(confusion, mean=np.mean):
    precision = confusion.diagonal() / confusion.sum(0)
    recall = confusion.diagonal() / confusion.sum(1)
    return mean(2 * precision * recall / (precision + recall))


def _of_classes_with(*axes):
    """Mean over the classes that have pictures (axis 1), answers (axis 0), or both."""

    def score(confusion):
        there = sum(confusion.sum(axis) for axis in axes) > 0
        return _each(confusion)[there].mean()

    return score


def _adding(hits_in=1, extra=0.0):
    """F1 with other divisors: without the hits, or with something added."""

    def score(confusion):
        hits = confusion.diagonal()
        without = (1 - hits_in) * hits - extra
        answered = np.maximum(confusion.sum(0) - without, 1)
        pictures = np.maximum(confusion.sum(1) - without, 1)
        return _f1(hits / answered, hits / pictures).mean()

    return score


def _with_tensors(confusion):
    confusion = torch.as_tensor(confusion).double()
    total = confusion.sum(0) + confusion.sum(1)
    return (2 * confusion.diag() / total.clamp(min=1)).mean()


MACRO = Exercise(
    id="08.5",
    title="Macro F1 by hand",
    solution=macro_f1,
    cases=(
        (np.array([[5, 0, 1], [2, 3, 0], [0, 4, 9]]),),
        (np.array([[8, 2], [1, 1]]),),
        (np.array([[3, 1, 0, 0], [0, 9, 0, 2], [0, 0, 0, 0], [1, 0, 0, 4]]),),
        (np.array([[6, 0, 2], [0, 0, 0], [1, 3, 7]]),),
        (np.array([[4, 0, 2], [3, 0, 1], [1, 0, 5]]),),
    ),
    mistakes=(
        Mistake(
            lambda confusion: np.trace(confusion) / np.sum(confusion),
            "That is the accuracy. Compute one F1 for each class, then their mean.",
        ),
        Mistake(
            _of_means,
            "You take the F1 of the mean precision and mean recall. First F1 for each "
            "class, then the mean.",
        ),
        Mistake(
            lambda confusion: _shares(confusion)[1].mean(),
            "That is the mean recall: precision is left out.",
        ),
        Mistake(
            lambda confusion: _shares(confusion)[0].mean(),
            "That is the mean precision: recall is left out.",
        ),
        Mistake(
            _weighted,
            "You weight classes by their size. *Macro* counts each class the same.",
        ),
        Mistake(
            _arithmetic,
            "F1 is the *harmonic* mean of precision and recall: 2PR / (P + R).",
        ),
        Mistake(
            lambda confusion: np.sqrt(np.prod(_shares(confusion), axis=0)).mean(),
            "You take the geometric mean of precision and recall. F1 is the "
            "*harmonic* one: 2PR / (P + R).",
        ),
        Mistake(
            _intersection_over_union,
            "You divide the hits by everything that is of a class or called so. That "
            "is the Jaccard index; F1 is 2PR / (P + R).",
        ),
        Mistake(
            _unguarded,
            "A class with no picture and no answer gives 0 / 0. Count its F1 as 0.",
        ),
        Mistake(
            _unguarded_shares,
            "Where a class has no picture, no answer or no hit, one of your divisors "
            "is 0. Count its F1 as 0.",
        ),
        Mistake(
            lambda confusion: _unguarded_shares(confusion, np.nanmean),
            "You leave out every class without a hit, as `nanmean` does. Here each "
            "class counts, such a one with F1 = 0.",
        ),
        Mistake(
            _of_classes_with(0, 1),
            "You leave out a class with no picture and no answer. Here it counts, "
            "with F1 = 0.",
        ),
        Mistake(
            _of_classes_with(1),
            "You leave out every class without a picture. It counts as well, and its "
            "F1 is 0.",
        ),
        Mistake(
            lambda confusion: np.mean(
                _each(confusion) + (confusion.sum(0) + confusion.sum(1) == 0)
            ),
            "A class with no picture and no answer counts as perfect with you. Its F1 "
            "is 0.",
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
        Mistake(
            lambda confusion: _each(confusion).sum(),
            "That is the sum over the classes; asked is their mean.",
        ),
        Mistake(
            lambda confusion: _each(confusion).sum() / 10,
            "You divide by ten classes always. Here there are as many as the table "
            "has rows.",
        ),
        Mistake(
            lambda confusion: _each(confusion)[:-1].mean(),
            "The last class is left out.",
        ),
        Mistake(
            lambda confusion: 100 * macro_f1(confusion),
            "That is in percent. Give a number from 0 to 1.",
        ),
        Mistake(
            _adding(hits_in=0),
            "You divide by the wrong answers only. The hits belong to the answers and "
            "to the pictures of a class, too.",
        ),
        Mistake(
            _adding(extra=1),
            "You add 1 to each divisor, which makes every class a little worse. Treat "
            "a divisor of 0 on its own instead.",
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


def _changed(change):
    """The right two numbers, made into something else: change(stop, best, ...)."""

    def answer(scores, patience):
        stop, best = stop_in_time(scores, patience)
        return change(stop, best, scores, patience)

    return answer


def _ran_out(stop, best, patience):
    return stop < best + patience


def _last_of_equals(stop, best, scores, patience):
    return stop, max(i + 1 for i in range(stop) if scores[i] == scores[best - 1])


def _from_a_best_of_zero(scores, patience):
    best, best_epoch, waited = 0, 0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best:
            best, best_epoch, waited = score, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch, best_epoch
    return len(scores), best_epoch


def _one_too_early(scores, patience):
    best = 0
    for i in range(1, len(scores)):
        best = i if scores[i] > scores[best] else best
        if i - best >= patience - 1:
            return i + 1, best + 1
    return len(scores), best + 1


def _with_numpy(scores, patience):
    scores = np.asarray(scores)
    for end in range(1, len(scores) + 1):
        best = int(scores[:end].argmax())
        if end - 1 - best >= patience:
            return np.array([end, best + 1])
    return np.array([len(scores), int(scores.argmax()) + 1])


STOP = Exercise(
    id="08.6",
    title="Stop in time",
    solution=stop_in_time,
    cases=(
        ([0.5, 0.4, 0.7, 0.6, 0.65, 0.6, 0.9], 2),
        ([0.5, 0.4, 0.6, 0.6, 0.7, 0.6, 0.65, 0.6, 0.8], 3),
        ([0.3, 0.3, 0.3, 0.4], 2),
        ([0.2, 0.6, 0.5, 0.55], 3),
        ([0.1, 0.2, 0.3], 1),
        ([0.0, 0.0, 0.5], 2),
        ([0.4, 0.5, 0.45, 0.6, 0.7], 1),
        ([0.8, 0.801, 0.8005, 0.802, 0.79], 2),
    ),
    mistakes=(
        Mistake(
            _stopping(lambda new, old: new >= old),
            "An equal score counts as better with you. Nothing was gained: keep "
            "waiting, and keep the earlier epoch.",
        ),
        *(
            Mistake(
                _stopping(lambda new, old, least=least: new > old + least),
                "You ask for a gain of some size. Here every higher score is better, "
                "however little.",
            )
            for least in (1e-3, 1e-2)
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (stop, best - 1)),
            "The best epoch is counted from 0, the stop from 1. Both count from 1.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (stop - 1, best)),
            "You stop one epoch too early: the epoch that uses the patience up has "
            "been trained, too.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (best, best)),
            "Both your numbers are the best epoch. Training goes on after it, until "
            "the patience is used up.",
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
            _one_too_early,
            "You stop one epoch too early: count the epochs *after* the best one.",
        ),
        Mistake(
            lambda scores, patience: stop_in_time(scores, 1),
            "You stop at the first epoch that is not better, whatever `patience` says.",
        ),
        Mistake(
            lambda scores, patience: stop_in_time(scores, len(scores)),
            "Your training never stops early. Leave the loop when `patience` epochs in "
            "a row were not better than the best before them.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (best, stop)),
            "Right numbers, wrong order: first where training stops, then the best.",
        ),
        Mistake(
            _changed(
                lambda stop, best, scores, patience: (stop, int(np.argmax(scores)) + 1)
            ),
            "The best epoch must lie before the stop: later ones are never trained.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (stop, scores[best - 1])),
            "The second number should be the best *epoch*, not its score.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (stop - 1, best - 1)),
            "Your epochs count from 0; the first one is 1.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (stop, stop)),
            "The second number is the epoch with the best score, not the last one.",
        ),
        Mistake(
            _changed(
                lambda stop, best, scores, patience: (
                    (stop, stop) if _ran_out(stop, best, patience) else (stop, best)
                )
            ),
            "When the scores run out, you call the last epoch the best. The best one "
            "may lie before it.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (stop, stop - patience)),
            "The best epoch lies `patience` epochs before the stop only if training "
            "stopped early. When the scores run out, it does not.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: (best + patience, best)),
            "When the scores run out, your training goes on. It cannot stop later than "
            "at the last epoch.",
        ),
        Mistake(
            _changed(
                lambda stop, best, scores, patience: (
                    None if _ran_out(stop, best, patience) else (stop, best)
                )
            ),
            "Your function returns nothing when the scores run out: the only `return` "
            "it reaches is the one for an early stop.",
        ),
        Mistake(
            _changed(_last_of_equals),
            "Two epochs are equally good, and you name the later one. It was not "
            "better, so the earlier one stays the best.",
        ),
        Mistake(
            _changed(lambda stop, best, scores, patience: stop),
            "That is the first number alone. The best epoch is asked, too.",
        ),
        Mistake(
            lambda scores, patience: stop_in_time([-s for s in scores], patience),
            "You take the lowest score for the best, as for a loss. A higher score is "
            "better.",
        ),
        Mistake(
            _from_a_best_of_zero,
            "You begin with a best score of 0, so a first epoch with a score of 0 is "
            "not better than nothing. The first epoch is always the best so far.",
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
