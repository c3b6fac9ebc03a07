"""Exercises of notebook 08: pixels, heads, batches, photographs, scores, stopping."""

import io
import math
import tempfile
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import nn
from torch.nn import functional as F
from torch.utils.data import default_collate
from transformers import ViTConfig, ViTForImageClassification

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.finetune.torch import quiet

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


# --- 08.2 The old head ------------------------------------------------------------


def new_head(model, names):
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: i for i, name in enumerate(names)}
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    return model


def _trained_vit():
    """Return a small ViT, with a head for seven classes that no random one equals."""
    config = ViTConfig(
        image_size=4,
        patch_size=2,
        hidden_size=6,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        id2label={i: f"old {i}" for i in range(7)},
        label2id={f"old {i}": i for i in range(7)},
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(20)
        model = ViTForImageClassification(config)
        nn.init.constant_(model.classifier.weight, 0.7)
    return model.eval()


def _what_is_kept(answer, names):
    """Return what is in a model with a new head, and in what is read from its files."""
    model = _trained_vit()
    before = {name: x.clone() for name, x in model.vit.state_dict().items()}
    made = answer(model, list(names))
    if made is None:
        raise NotAnAnswer(
            "Your function returns nothing (`None`). End it with `return model`."
        )
    if not isinstance(made, ViTForImageClassification):
        raise NotAnAnswer(
            "The model itself is to be returned, a `ViTForImageClassification`; you "
            f"gave {type(made).__name__}."
        )
    x = torch.linspace(-1, 1, 96).view(2, 3, 4, 4)
    logits = made.eval()(x).logits
    after = made.vit.state_dict()
    same = all(torch.equal(after[name], x) for name, x in before.items())
    old = any(0.7 in x for x in made.classifier.state_dict().values())
    return {
        "classes of the head": logits.shape[1],
        "weights of the old head": "some" if old else "none",
        "backbone": "kept" if same else "changed",
        "id2label": str(made.config.id2label),
        "label2id": str(made.config.label2id),
        "saved and read again": _reread(made, x, logits),
    }


def _reread(made, x, logits):
    """Say what comes back from the files of a model."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        try:
            made.save_pretrained(folder)
            again, report = ViTForImageClassification.from_pretrained(
                folder, output_loading_info=True, ignore_mismatched_sizes=True
            )
        except Exception as problem:  # its settings may be anything
            return f"an error, {type(problem).__name__}"
    found = again.eval()(x).logits
    same = found.shape == logits.shape and torch.allclose(found, logits, atol=1e-5)
    whole = same and not any(report[k] for k in report if k.endswith("_keys"))
    return "the same model" if whole else "another model"


def _headed(id2label=None, label2id=None, head=None):
    """Make a function that leaves out one of three parts, or does it otherwise."""

    def new_head(model, names):
        linear = nn.Linear(model.config.hidden_size, len(names))
        numbers = {name: i for i, name in enumerate(names)}
        if id2label is not False:
            make = id2label or (lambda names: dict(enumerate(names)))
            model.config.id2label = make(names)
        if label2id is not False:
            model.config.label2id = (label2id or (lambda names: numbers))(names)
        if head is not False:
            model.classifier = (head or (lambda model, names: linear))(model, names)
        return model

    return new_head


def _cut(model, names):
    head = model.classifier
    cut = nn.Linear(head.in_features, len(names))
    with torch.no_grad():
        cut.weight[: head.out_features] = head.weight[: len(names)]
    return cut


def _head_of_the_same_size(model, names):
    if model.classifier.out_features == len(names):
        return model.classifier
    return nn.Linear(model.config.hidden_size, len(names))


def _only_counted(model, names):
    model.config.num_labels = len(names)
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    return model


def _all_new(model, names):
    model = new_head(model, names)
    return ViTForImageClassification(model.config)


def _another_attribute(model, names):
    model = _headed(head=False)(model, names)
    model.head = nn.Linear(model.config.hidden_size, len(names))
    return model


def _moved_backbone(model, names):
    made = ViTForImageClassification(new_head(model, names).config)
    made.vit.load_state_dict(model.vit.state_dict())
    return made


def _in_place(model, names):
    head = model.classifier
    head.weight = nn.Parameter(0.02 * torch.randn(len(names), head.in_features))
    head.bias = nn.Parameter(torch.zeros(len(names)))
    return _headed(head=False)(model, names)


HEAD = Exercise(
    id="08.2",
    title="Spot the bug: the old head",
    solution=new_head,
    cases=(
        (("cat", "dog"),),
        (("elm", "fir", "oak", "yew", "ash", "bay", "fig"),),  # as many as before
        (tuple("abcdefghijk"),),
    ),
    probe=_what_is_kept,
    mistakes=(
        Mistake(
            lambda model, names: model,
            "The model comes back as it was: its head still has the old classes.",
        ),
        Mistake(
            _headed(False, False),
            "The head is new, but `model.config` still has the old names, so the files "
            "describe another model, and whoever reads them gets a random head.",
        ),
        Mistake(
            _headed(label2id=False),
            "`id2label` is right, but `label2id` still holds the old names.",
        ),
        Mistake(
            _headed(False),
            "`label2id` is right, but `id2label` still holds the old names, and with "
            "them the old number of classes.",
        ),
        Mistake(
            _headed(head=False),
            "The names are new, but the head is the old one. Setting names does not "
            "change a layer.",
        ),
        Mistake(
            _another_attribute,
            "You put the layer where `forward` does not look. The head of this class "
            "is called `classifier`.",
        ),
        Mistake(
            _only_counted,
            "The number of classes is right, but nobody told the model their names: "
            "it would answer `LABEL_0`.",
        ),
        Mistake(
            _headed(
                lambda names: {name: i for i, name in enumerate(names)},
                lambda names: dict(enumerate(names)),
            ),
            "The two directions are exchanged: `id2label` leads from a number to a "
            "name.",
        ),
        Mistake(
            _headed(id2label=lambda names: dict(enumerate(names, 1))),
            "You count the classes from 1. Labels begin with 0.",
        ),
        Mistake(
            _headed(id2label=lambda names: {str(i): x for i, x in enumerate(names)}),
            "The keys of `id2label` are texts. `config.id2label[0]` needs whole "
            "numbers.",
        ),
        Mistake(
            _headed(head=_cut),
            "You cut the old head to size. Its rows stand for the classes of somebody "
            "else; make a new layer.",
        ),
        Mistake(
            _headed(
                head=lambda model, names: nn.Sequential(
                    model.classifier, nn.Linear(7, len(names))
                )
            ),
            "You put a layer behind the old head. Then the file holds two layers, and "
            "the class that reads it knows one.",
        ),
        Mistake(
            _headed(head=_head_of_the_same_size),
            "If there are as many classes as before, you keep the old head. Its rows "
            "still stand for other classes.",
        ),
        Mistake(
            _headed(head=lambda model, names: nn.Linear(6, len(names), bias=False)),
            "Your head has no bias. The class that reads the file expects one.",
        ),
        Mistake(
            _all_new,
            "The head is right, but the backbone is random, too. Keep the one that was "
            "trained.",
        ),
    ),
    hints=(
        "Print `model.classifier` and `model.config.id2label` before and after.",
        "The head is a layer like any other: assign a new `nn.Linear` to "
        "`model.classifier`. How wide is what comes in?",
        "`config.json` is written from `model.config`, and the size of the head is "
        "read from there: set `id2label` and `label2id`.",
    ),
    because="A head is its weights and the names in `config.json`; "
    "`from_pretrained(..., id2label=..., label2id=..., ignore_mismatched_sizes=True)` "
    "makes both at once, if the numbers of classes differ.",
    alternatives=(_moved_backbone, _in_place),
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


# --- 08.4 Photographs, stored once ------------------------------------------------


def store(picture, side):
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture).convert("RGB")
    scale = min(1, side / min(picture.size))
    picture = picture.resize([round(scale * x) for x in picture.size])
    file = io.BytesIO()
    picture.save(file, "JPEG")
    return file.getvalue()


_CORNERS = {"red": (230, 30, 30), "green": (30, 160, 30)}
_CORNERS |= {"blue": (30, 30, 230), "white": (250, 250, 250)}


def _photograph(width, height, mode, turned):
    """Return a picture with four colors, opened from a file, as a phone writes it."""
    colors = np.array(list(_CORNERS.values()), np.uint8).reshape(2, 2, 3)
    picture = Image.fromarray(colors).resize((width, height), 0).convert(mode)
    exif = Image.Exif()
    if turned:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
        exif[0x0112] = 6  # a viewer turns it by 90 degrees to the right
    file = io.BytesIO()
    picture.save(file, "TIFF" if mode == "CMYK" else "PNG", exif=exif)
    return Image.open(file)


def _what_is_stored(answer, width, height, mode, turned, side):
    """Return format, mode, size and corners of the file that an answer makes."""
    made = answer(_photograph(width, height, mode, turned), side)
    if made is None:
        raise NotAnAnswer("Your function returns nothing (`None`).")
    if not isinstance(made, bytes | bytearray | memoryview):
        raise NotAnAnswer(
            "The bytes of a file are wanted, which `file.getvalue()` of an "
            f"`io.BytesIO` gives after `save`; you gave {type(made).__name__}."
        )
    try:
        stored = Image.open(io.BytesIO(made))
        stored.load()
    except OSError:
        raise NotAnAnswer(
            "These bytes are no picture that Pillow can open. `save` writes the file; "
            "`tobytes` gives bare pixels."
        ) from None
    short, long = sorted(stored.size)
    wanted = max(width, height) * min(1, side / min(width, height))
    pixels = np.asarray(stored.convert("RGB"), int)
    rows, columns = (np.array([1, 3]) * n // 4 for n in pixels.shape[:2])
    seen = pixels[np.ix_(rows, columns)].reshape(4, 3)
    known = np.array(list(_CORNERS.values()))
    if mode == "L":  # its colors differ in brightness alone
        known = np.repeat(known @ [[0.299], [0.587], [0.114]], 3, axis=1)
    names = [list(_CORNERS)[((known - x) ** 2).sum(1).argmin()] for x in seen]
    return {
        "format": stored.format,
        "mode": stored.mode,
        "shorter side": short,
        "longer side": round(wanted) if abs(long - wanted) <= 1 else long,
        "lies or stands": "stands" if stored.height > stored.width else "lies",
        "corners": ", ".join(names),
        "turned once more by a viewer": "yes" if stored.getexif().get(0x0112) else "no",
    }


def _stored(
    upright=ImageOps.exif_transpose,
    mode="RGB",
    size=lambda w, h, side: [round(min(1, side / min(w, h)) * x) for x in (w, h)],
    kind="JPEG",
    **more,
):
    def store(picture, side):
        changed = upright(picture)
        changed = changed.convert(mode) if mode else changed
        changed, file = changed.resize(size(*changed.size, side)), io.BytesIO()
        options = {name: make(picture) for name, make in more.items()}
        changed.save(file, kind, **options)
        return file.getvalue()

    return store


def _same(picture):
    return picture


def _by(number):
    """Scale by one of: width, height, the longer side."""

    def size(w, h, side):
        scale = min(1, side / (w, h, max(w, h))[number])
        return [max(1, round(scale * x)) for x in (w, h)]

    return size


def _with_thumbnail(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    width, height = picture.size
    if min(width, height) > side:
        factor = side / min(width, height)
        picture.thumbnail((math.ceil(width * factor), math.ceil(height * factor)))
    picture.save(file := io.BytesIO(), format="jpeg", quality=95)
    return file.getvalue()


STORE = Exercise(
    id="08.4",
    title="Photographs, stored once",
    solution=store,
    cases=(
        (48, 80, "RGB", False, 24),
        (80, 48, "RGB", False, 24),
        (48, 64, "RGB", True, 32),
        (40, 70, "L", False, 20),
        (70, 40, "RGBA", False, 20),
        (40, 72, "CMYK", False, 20),
        (30, 50, "RGB", False, 40),  # small already
        (30, 50, "RGB", True, 30),
    ),
    probe=_what_is_stored,
    mistakes=(
        Mistake(
            _stored(_same),
            "A picture that was held upright lies on its side: the EXIF data say how "
            "to turn it, and nobody asked them. `ImageOps.exif_transpose` does.",
        ),
        Mistake(
            _stored(_same, exif=lambda picture: picture.getexif()),
            "The pixels still lie on their side, and the EXIF data go along. Not every "
            "reader asks them (`Image.open` does not); turn the pixels.",
        ),
        Mistake(
            _stored(exif=lambda picture: picture.getexif()),
            "You turn the pixels and keep the EXIF data that say *turn me*: a viewer "
            "turns the picture a second time.",
        ),
        Mistake(
            _stored(mode=None),
            "Not every picture is RGB in your file, and some modes cannot be stored as "
            "JPEG at all. `convert` comes before `save`.",
        ),
        Mistake(_stored(mode="L"), "Your file is gray. RGB is wanted."),
        Mistake(
            _stored(size=_by(2)),
            "Your *longer* side has `side` pixels, as `thumbnail((side, side))` makes "
            "it. The shorter one is meant, so that a square can be cut out.",
        ),
        Mistake(
            _stored(size=_by(0)),
            "You scale by the width. The shorter side may be the height.",
        ),
        Mistake(
            _stored(size=_by(1)),
            "You scale by the height. The shorter side may be the width.",
        ),
        Mistake(
            _stored(
                size=lambda w, h, side: [round(side / min(w, h) * x) for x in (w, h)]
            ),
            "A small picture becomes larger, which costs space and adds nothing. Keep "
            "its size.",
        ),
        Mistake(
            _stored(size=lambda w, h, side: (side, side)),
            "Every picture becomes a square: things get thinner or thicker, or what "
            "lies outside is lost. Keep the whole picture, and its ratio.",
        ),
        Mistake(
            _stored(size=lambda w, h, side: [min(side, w, h)] * 2),
            "Every picture becomes a square: things get thinner or thicker, or what "
            "lies outside is lost. Keep the whole picture, and its ratio.",
        ),
        Mistake(
            _stored(size=lambda w, h, side: [min(side, w), min(side, h)]),
            "Each side is cut down to `side` by itself, so the ratio is lost.",
        ),
        Mistake(
            _stored(size=lambda w, h, side: (w, h)),
            "The picture keeps its size. The shorter side is to have `side` pixels.",
        ),
        Mistake(
            _stored(
                size=lambda w, h, side: [
                    round(min(1, side / min(w, h)) * x) for x in (h, w)
                ]
            ),
            "Width and height have changed places. Pillow wants the width first.",
        ),
        Mistake(
            _stored(kind="PNG"),
            "That is a PNG, which for photographs is many times as large. Ask `save` "
            'for `"JPEG"`.',
        ),
    ),
    hints=(
        "`ImageOps.exif_transpose(picture)` of Pillow turns a picture as its EXIF data "
        "say.",
        "One factor for both sides: `side / min(picture.size)`, but never above 1.",
        'Save into an `io.BytesIO()` with the format `"JPEG"`, and return '
        "`file.getvalue()`.",
    ),
    because="Do this once for a folder, and each epoch reads a fiftieth of the bytes; "
    "`pixels` and `augment` need not change.",
    alternatives=(_with_thumbnail,),
    seconds=10.0,
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

EXERCISES = (TWICE, HEAD, BATCH, STORE, MACRO, STOP)
