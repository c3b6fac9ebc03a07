"""Answers to the exercises of notebook 08, written from the statements alone."""

import copy
import io
import itertools

import numpy as np
import torch
from PIL import Image, ImageOps
from sklearn.metrics import f1_score
from tests_answers import right, wrong
from torch import nn
from torch.nn import functional as F
from torch.utils.data import default_collate
from transformers import BatchFeature, ViTConfig, ViTForImageClassification

# 08.1 prepare(picture)


@right("08.1")
def asks_for_bytes(picture):
    values = np.asarray(picture)
    if values.dtype == np.uint8:
        values = values / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@right("08.1")
def asks_for_floats(picture):
    values = np.asarray(picture)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float32) / 255.0
    return np.transpose(values * 2 - 1, (2, 0, 1))


@right("08.1")
def prepared_with_torch(picture):
    values = torch.as_tensor(picture)
    if values.dtype == torch.uint8:
        values = values.float() / 255
    return ((values - 0.5) / 0.5).permute(2, 0, 1)


@right("08.1")
def by_kind_of_dtype(picture):
    scale = 255 if picture.dtype.kind in "ui" else 1
    return np.moveaxis(picture / scale, -1, 0) * 2 - 1


@right("08.1")
def channel_by_channel(picture):
    picture = np.array(picture)
    top = 255.0 if picture.dtype == "uint8" else 1.0
    return np.stack([picture[:, :, c] / (top / 2) - 1 for c in range(3)])


@right("08.1")
def prepared_with_einsum(picture):
    is_float = picture.dtype in (np.float16, np.float32, np.float64)
    values = picture.astype(np.float64) if is_float else picture / 255
    return np.einsum("hwc->chw", (values - 0.5) / 0.5)


@wrong(
    "08.1", "tells the kind by the largest value", says="You look at the largest value"
)
def by_largest_value(picture):
    values = np.asarray(picture)
    if values.max() > 1:
        values = values / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@wrong("08.1", "never divides by 255", says="Bytes are not scaled")
def never_divides(picture):
    return ((np.asarray(picture) - 0.5) / 0.5).transpose(2, 0, 1)


@wrong(
    "08.1",
    "divides both kinds by 255",
    says="Floats from 0 to 1 are divided by 255 once more",
)
def always_divides(picture):
    values = np.asarray(picture) / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@wrong("08.1", "divides the floats and not the bytes", says="The other way round")
def divides_the_floats(picture):
    values = np.asarray(picture)
    if values.dtype != np.uint8:
        values = values / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@wrong(
    "08.1", "turns width and height, too", says="Height and width have changed places"
)
def turned_over(picture):
    values = picture / 255 if picture.dtype == np.uint8 else picture
    return ((values - 0.5) / 0.5).T


@wrong(
    "08.1",
    "reshape instead of transpose",
    says="`reshape` keeps the numbers in their order and",
)
def reshaped(picture):
    values = picture / 255 if picture.dtype == np.uint8 else picture
    h, w, c = picture.shape
    return ((values - 0.5) / 0.5).reshape(c, h, w)


@wrong(
    "08.1",
    "leaves the channels last",
    says="The numbers are right, but the channels come last",
)
def channels_last(picture):
    values = picture / 255 if picture.dtype == np.uint8 else picture
    return (values - 0.5) / 0.5


@wrong("08.1", "stops at 0 to 1", says="You scale to 0 to 1 only")
def zero_to_one(picture):
    values = picture / 255 if picture.dtype == np.uint8 else picture
    return values.transpose(2, 0, 1)


@wrong(
    "08.1",
    "subtracts a half and does not divide by a half",
    says="Your values run from -0.5 to 0.5",
)
def half_to_half(picture):
    values = picture / 255 if picture.dtype == np.uint8 else picture
    return (values - 0.5).transpose(2, 0, 1)


@wrong(
    "08.1",
    "stretches each picture to its own range",
    says="You stretch every picture to its own darkest",
)
def min_max(picture):
    values = np.asarray(picture).astype(float)
    values = (values - values.min()) / (values.max() - values.min())
    return (values * 2 - 1).transpose(2, 0, 1)


@wrong("08.1", "works in the caller's floats", says="changes what it is given")
def in_place(picture):
    values = picture / 255 if picture.dtype == np.uint8 else picture
    values -= 0.5
    values /= 0.5
    return values.transpose(2, 0, 1)


@wrong(
    "08.1",
    "only float64 counts as floats",
    says="A picture of `float32` holds numbers from 0",
)
def only_doubles(picture):
    values = picture if picture.dtype == np.float64 else picture / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@wrong(
    "08.1",
    "mean and spread of ImageNet",
    says="Those are the means and spreads of ImageNet",
)
def imagenet_numbers(picture):
    values = picture / 255 if picture.dtype == np.uint8 else picture
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    return ((values - mean) / std).transpose(2, 0, 1)


@wrong(
    "08.1",
    "whole division of the bytes",
    says="Whole division leaves nothing between 0 and 1",
)
def whole_division(picture):
    values = picture // 255 if picture.dtype == np.uint8 else picture
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@wrong("08.1", "own largest value", says="the picture's own largest value")
def prepare_by_own_maximum(picture):
    values = np.asarray(picture)
    return ((values / values.max() - 0.5) / 0.5).transpose(2, 0, 1)


@wrong("08.1", "asks for the mean", says="You look at the mean value")
def prepare_by_mean(picture):
    values = picture / 255 if picture.mean() > 1 else picture
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@wrong("08.1", "all made bytes", says="`uint8` cuts floats from 0 to 1 down to 0")
def prepare_as_bytes(picture):
    values = np.asarray(picture).astype("uint8") / 255
    return ((values - 0.5) / 0.5).transpose(2, 0, 1)


@wrong("08.1", "scaled last", says="You scale the bytes after the mean")
def prepare_scaled_last(picture):
    values = (picture - 0.5) / 0.5
    if picture.dtype == np.uint8:
        values = values / 255
    return values.transpose(2, 0, 1)


# 08.2 new_head(model, names)


@right("08.2")
def head_and_both_dicts(model, names):
    model.classifier = nn.Linear(model.classifier.in_features, len(names))
    model.config.id2label = {i: n for i, n in enumerate(names)}
    model.config.label2id = {n: i for i, n in enumerate(names)}
    return model


@right("08.2")
def through_num_labels_first(model, names):
    model.config.num_labels = len(names)
    model.num_labels = len(names)
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = dict(zip(names, range(len(names)), strict=True))
    model.classifier = nn.Linear(model.config.hidden_size, model.config.num_labels)
    nn.init.trunc_normal_(model.classifier.weight, std=0.02)
    nn.init.zeros_(model.classifier.bias)
    return model


@right("08.2")
def another_model_with_the_old_backbone(model, names):
    config = copy.deepcopy(model.config)
    config.id2label = dict(enumerate(names))
    config.label2id = {v: k for k, v in config.id2label.items()}
    new = ViTForImageClassification(config)
    weights = {k: v for k, v in model.state_dict().items() if "classifier" not in k}
    new.load_state_dict(weights, strict=False)
    return new


@right("08.2")
def config_updated_at_once(model, names):
    labels = {"id2label": dict(enumerate(names))}
    labels["label2id"] = {n: i for i, n in labels["id2label"].items()}
    model.config.update(labels)
    model.classifier = type(model.classifier)(model.config.hidden_size, len(names))
    return model


@right("08.2")
def the_backbone_handed_over(model, names):
    config = ViTConfig.from_dict(
        model.config.to_dict()
        | {
            "id2label": dict(enumerate(names)),
            "label2id": {name: i for i, name in enumerate(names)},
        }
    )
    made = ViTForImageClassification(config)
    made.vit = model.vit
    return made


@wrong("08.2", "only a new layer", says="still has the old names, so the files")
def only_the_layer(model, names):
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    return model


@wrong("08.2", "only new names", says="the head is the old one")
def only_the_names(model, names):
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: i for i, name in enumerate(names)}
    return model


@wrong("08.2", "no return", says="returns nothing")
def without_return(model, names):
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: i for i, name in enumerate(names)}
    model.classifier = nn.Linear(model.config.hidden_size, len(names))


@wrong("08.2", "returns the layer", says="The model itself is to be returned")
def returns_the_layer(model, names):
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    return model.classifier


@wrong("08.2", "one direction only", says="`label2id` still holds the old names")
def one_direction(model, names):
    model.config.id2label = dict(enumerate(names))
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    return model


@wrong("08.2", "the number without names", says="nobody told the model their names")
def number_without_names(model, names):
    model.config.num_labels = len(names)
    model.classifier = nn.Linear(model.classifier.in_features, len(names))
    return model


@wrong("08.2", "the layer is called head", says="where `forward` does not look")
def called_head(model, names):
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: i for i, name in enumerate(names)}
    model.head = nn.Linear(model.config.hidden_size, len(names))
    return model


@wrong("08.2", "all weights new", says="the backbone is random, too")
def all_weights_new(model, names):
    config = model.config
    config.id2label = dict(enumerate(names))
    config.label2id = {name: i for i, name in enumerate(names)}
    return ViTForImageClassification(config)


@wrong("08.2", "the old head cut to size", says="You cut the old head to size")
def old_rows(model, names):
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: i for i, name in enumerate(names)}
    new = nn.Linear(model.config.hidden_size, len(names))
    rows = min(len(names), model.classifier.out_features)
    new.weight.data[:rows] = model.classifier.weight.data[:rows]
    model.classifier = new
    return model


@wrong("08.2", "exchanged directions", says="The two directions are exchanged")
def directions_exchanged(model, names):
    model.config.id2label = {name: i for i, name in enumerate(names)}
    model.config.label2id = {i: name for i, name in enumerate(names)}
    model.classifier = nn.Linear(model.config.hidden_size, len(names))
    return model


# 08.3 make_batch(rows)


@right("08.3")
def stack_and_tensor(rows):
    images = torch.stack([row["pixel_values"] for row in rows])
    labels = torch.tensor([row["label"] for row in rows])
    return {"pixel_values": images, "labels": labels}


@right("08.3")
def long_tensor(rows):
    return dict(
        pixel_values=torch.stack(tuple(r["pixel_values"] for r in rows), dim=0),
        labels=torch.LongTensor([r["label"] for r in rows]),
    )


@right("08.3")
def default_collate_renamed(rows):
    batch = default_collate(rows)
    batch["labels"] = batch.pop("label")
    return batch


@right("08.3")
def concatenated(rows):
    images = torch.cat([row["pixel_values"][None] for row in rows])
    labels = torch.cat([torch.tensor([row["label"]]) for row in rows])
    return {"pixel_values": images, "labels": labels}


@right("08.3")
def filled_row_by_row(rows):
    first = rows[0]["pixel_values"]
    images = first.new_empty((len(rows), *first.shape))
    labels = torch.zeros(len(rows), dtype=torch.long)
    for i, row in enumerate(rows):
        images[i] = row["pixel_values"]
        labels[i] = row["label"]
    return {"pixel_values": images, "labels": labels}


@right("08.3")
def batch_feature(rows):
    return BatchFeature(
        {
            "pixel_values": torch.stack([row["pixel_values"] for row in rows]),
            "labels": torch.as_tensor(np.array([row["label"] for row in rows])),
        }
    )


def _batch(labels, images=lambda rows: torch.stack([r["pixel_values"] for r in rows])):
    """A collator with the given labels and images."""

    def make_batch(rows):
        numbers = [row["label"] for row in rows]
        return {"pixel_values": images(rows), "labels": labels(numbers)}

    return make_batch


wrong(
    "08.3",
    "floats as labels",
    _batch(lambda y: torch.tensor(y).float()),
    says="The labels are floats, so the model takes",
)
wrong(
    "08.3",
    "one-hot labels",
    _batch(lambda y: F.one_hot(torch.tensor(y), 10)),
    says="Integer one-hot rows look like ten labels for",
)
wrong(
    "08.3",
    "one-hot labels as floats",
    _batch(lambda y: F.one_hot(torch.tensor(y), 10).float()),
    says="One-hot floats choose binary cross-entropy",
)
wrong(
    "08.3",
    "one-hot by the largest label",
    _batch(lambda y: torch.eye(max(y) + 1)[y]),
    says="One-hot floats choose another loss, and yours are",
)
wrong("08.3", "a plain list of labels", _batch(lambda y: y), says="of your batch")
wrong("08.3", "NumPy labels", _batch(np.array), says="of your batch")
wrong(
    "08.3",
    "a column of labels",
    _batch(lambda y: torch.tensor(y).unsqueeze(1)),
    says="The labels have shape (B, 1)",
)
wrong(
    "08.3",
    "32-bit labels",
    _batch(lambda y: torch.tensor(y, dtype=torch.int32)),
    says="The labels are whole, but not int64, and",
)
wrong(
    "08.3",
    "labels as bytes",
    _batch(lambda y: torch.tensor(y, dtype=torch.uint8)),
    says="The labels are whole, but not int64, and",
)
wrong(
    "08.3",
    "labels from 1",
    _batch(lambda y: torch.tensor(y) + 1),
    says="You count classes from 1",
)
wrong(
    "08.3",
    "everybody gets the first label",
    _batch(lambda y: torch.full((len(y),), y[0])),
    says="Every picture gets the label of the first one",
)
wrong(
    "08.3",
    "labels in another order",
    _batch(lambda y: torch.tensor(sorted(y))),
    says="The labels are sorted and the pictures are",
)
wrong(
    "08.3",
    "pictures side by side",
    _batch(torch.tensor, lambda rows: torch.cat([r["pixel_values"] for r in rows])),
    says="`cat` joins the pictures along an axis that",
)
wrong(
    "08.3",
    "a list of pictures",
    _batch(torch.tensor, lambda rows: [r["pixel_values"] for r in rows]),
    says="of your batch",
)
wrong(
    "08.3",
    "channels last",
    _batch(
        torch.tensor,
        lambda rows: torch.stack([r["pixel_values"] for r in rows]).permute(0, 2, 3, 1),
    ),
    says="Your channels come last, as in Keras",
)
wrong(
    "08.3",
    "divides the pictures by 255",
    _batch(
        torch.tensor,
        lambda rows: torch.stack([r["pixel_values"] for r in rows]) / 255,
    ),
    says="The processor has scaled the pictures already",
)


@wrong("08.3", "the key label stays", says="of your batch")
def key_label(rows):
    images = torch.stack([row["pixel_values"] for row in rows])
    labels = torch.tensor([row["label"] for row in rows])
    return {"pixel_values": images, "label": labels}


@wrong("08.3", "default_collate as it is", says="of your batch")
def plain_default_collate(rows):
    return default_collate(rows)


@wrong("08.3", "a pair instead of a dictionary", says="batch should be a dictionary")
def a_pair(rows):
    images = torch.stack([row["pixel_values"] for row in rows])
    return images, torch.tensor([row["label"] for row in rows])


@wrong(
    "08.3", "takes the labels out of the caller's rows", says="changes what it is given"
)
def pops_labels(rows):
    labels = torch.tensor([row.pop("label") for row in rows])
    images = torch.stack([row["pixel_values"] for row in rows])
    return {"pixel_values": images, "labels": labels}


@wrong("08.3", "another key for the pictures", says="of your batch")
def key_images(rows):
    images = torch.stack([row["pixel_values"] for row in rows])
    labels = torch.tensor([row["label"] for row in rows])
    return {"images": images, "labels": labels}


# 08.4 store(picture, side)


def _bytes(picture, kind="JPEG", **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@right("08.4")
def with_one_factor(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    factor = side / min(picture.size)
    if factor < 1:
        width, height = picture.size
        picture = picture.resize((round(width * factor), round(height * factor)))
    return _bytes(picture, quality=90)


@right("08.4")
def with_cases_for_both_shapes(picture, side):
    picture = ImageOps.exif_transpose(picture)
    if picture.mode != "RGB":
        picture = picture.convert("RGB")
    w, h = picture.size
    if w <= h and w > side:
        picture = picture.resize((side, h * side // w), Image.Resampling.LANCZOS)
    elif h < w and h > side:
        picture = picture.resize((w * side // h, side), Image.Resampling.LANCZOS)
    return _bytes(picture)


@right("08.4")
def with_a_wide_thumbnail(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    if picture.width > picture.height:
        picture.thumbnail((10**6, side))
    else:
        picture.thumbnail((side, 10**6))
    return _bytes(picture, "jpeg")


@right("08.4")
def with_numpy_sizes(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    size = np.array(picture.size)
    size = np.rint(size * min(1.0, side / size.min())).astype(int)
    return _bytes(picture.resize(tuple(int(x) for x in size)), quality=95)


@right("08.4")
def converted_at_the_end(picture, side):
    picture = ImageOps.exif_transpose(picture)
    short, long = sorted(picture.size)
    if short > side:
        size = side, round(long * side / short)
        if picture.width > picture.height:
            size = size[::-1]
        picture = picture.resize(size)
    return _bytes(picture.convert("RGB"), optimize=True)


@wrong("08.4", "no EXIF", says="nobody asked them")
def without_exif(picture, side):
    picture = picture.convert("RGB")
    factor = min(1, side / min(picture.size))
    return _bytes(picture.resize([round(x * factor) for x in picture.size]))


@wrong("08.4", "square thumbnail", says="Your *longer* side")
def square_thumbnail(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    picture.thumbnail((side, side))
    return _bytes(picture)


@wrong("08.4", "stretched to a square", says="Every picture becomes a square")
def stretched(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    return _bytes(picture.resize((side, side)))


@wrong("08.4", "small pictures enlarged", says="A small picture becomes larger")
def enlarges(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    factor = side / min(picture.size)
    return _bytes(picture.resize([round(x * factor) for x in picture.size]))


@wrong("08.4", "by the width", says="You scale by the width")
def by_the_width(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    if picture.width > side:
        picture = picture.resize((side, round(picture.height * side / picture.width)))
    return _bytes(picture)


@wrong("08.4", "the picture instead of bytes", says="The bytes of a file are wanted")
def a_picture(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    factor = min(1, side / min(picture.size))
    return picture.resize([round(x * factor) for x in picture.size])


@wrong("08.4", "the file instead of bytes", says="The bytes of a file are wanted")
def a_file(picture, side):
    file = io.BytesIO()
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    factor = min(1, side / min(picture.size))
    picture.resize([round(x * factor) for x in picture.size]).save(file, "JPEG")
    return file


@wrong("08.4", "bare pixels", says="no picture that Pillow can open")
def bare_pixels(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    factor = min(1, side / min(picture.size))
    return picture.resize([round(x * factor) for x in picture.size]).tobytes()


@wrong("08.4", "a PNG", says="That is a PNG")
def a_png(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    factor = min(1, side / min(picture.size))
    return _bytes(picture.resize([round(x * factor) for x in picture.size]), "PNG")


@wrong("08.4", "a square cut out", says="Every picture becomes a square")
def cut_out(picture, side):
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    side = min(side, *picture.size)
    return _bytes(ImageOps.fit(picture, (side, side)))


@wrong("08.4", "EXIF kept after turning", says="turns the picture a second time")
def turned_twice(picture, side):
    exif = picture.getexif()
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    factor = min(1, side / min(picture.size))
    picture = picture.resize([round(x * factor) for x in picture.size])
    return _bytes(picture, exif=exif)


@wrong("08.4", "mode left as it is", says="Not every picture is RGB")
def mode_left(picture, side):
    picture = ImageOps.exif_transpose(picture)
    factor = min(1, side / min(picture.size))
    return _bytes(picture.resize([round(x * factor) for x in picture.size]))


@wrong("08.4", "keeps the size", says="The picture keeps its size")
def keeps_the_size(picture, side):
    return _bytes(ImageOps.exif_transpose(picture).convert("RGB"), quality=90)


# 08.5 macro_f1(confusion)


@right("08.5")
def class_by_class(confusion):
    scores = []
    for k in range(len(confusion)):
        hits = confusion[k][k]
        answers, pictures = sum(row[k] for row in confusion), sum(confusion[k])
        precision = hits / answers if answers else 0
        recall = hits / pictures if pictures else 0
        both = precision + recall
        scores.append(2 * precision * recall / both if both else 0)
    return sum(scores) / len(scores)


@right("08.5")
def from_counts(confusion):
    hits = np.diag(confusion)
    total = confusion.sum(0) + confusion.sum(1)  # 2 TP + FP + FN
    return (2 * hits / np.maximum(total, 1)).mean()


@right("08.5")
def divide_where(confusion):
    hits = np.diagonal(confusion).astype(float)
    answers, pictures = confusion.sum(axis=0), confusion.sum(axis=1)
    p = np.divide(hits, answers, out=np.zeros_like(hits), where=answers > 0)
    r = np.divide(hits, pictures, out=np.zeros_like(hits), where=pictures > 0)
    f = np.divide(2 * p * r, p + r, out=np.zeros_like(hits), where=p + r > 0)
    return float(np.mean(f))


@right("08.5")
def nan_to_num(confusion):
    with np.errstate(all="ignore"):
        p = confusion.diagonal() / confusion.sum(axis=0)
        r = confusion.diagonal() / confusion.sum(axis=1)
        return np.nan_to_num(2 * p * r / (p + r)).mean()


@right("08.5")
def with_scikit_learn(confusion):
    k = len(confusion)
    truth, answers = np.indices((k, k)).reshape(2, -1)
    return f1_score(
        np.repeat(truth, np.ravel(confusion)),
        np.repeat(answers, np.ravel(confusion)),
        labels=range(k),
        average="macro",
        zero_division=0,
    )


@right("08.5")
def macro_f1_in_torch(confusion):
    c = torch.as_tensor(confusion).double()
    hits = c.diag()
    p = hits / c.sum(dim=0).clamp(min=1)
    r = hits / c.sum(dim=1).clamp(min=1)
    return (2 * p * r / (p + r).clamp(min=1e-12)).mean().item()


def _p_and_r(confusion):
    """Precision and recall of each class, 0 where they are not defined."""
    hits = np.diag(confusion)
    answers, pictures = np.sum(confusion, 0), np.sum(confusion, 1)
    return hits / np.maximum(answers, 1), hits / np.maximum(pictures, 1)


def _f1(p, r):
    return 2 * p * r / np.where(p + r > 0, p + r, 1)


@wrong("08.5", "accuracy, that is micro F1", says="That is the accuracy")
def micro(confusion):
    return np.trace(confusion) / np.sum(confusion)


@wrong(
    "08.5",
    "weighted with the number of pictures",
    says="You weight classes by their size",
)
def weighted(confusion):
    return np.average(_f1(*_p_and_r(confusion)), weights=np.sum(confusion, 1))


@wrong(
    "08.5",
    "F1 of the mean precision and the mean recall",
    says="You take the F1 of the mean precision and mean recall",
)
def f1_of_means(confusion):
    p, r = _p_and_r(confusion)
    return _f1(p.mean(), r.mean())


@wrong(
    "08.5",
    "leaves out classes without picture and answer",
    says="You leave out a class with no picture and no answer",
)
def present_classes(confusion):
    seen = np.sum(confusion, 0) + np.sum(confusion, 1) > 0
    return _f1(*_p_and_r(confusion))[seen].mean()


@wrong(
    "08.5",
    "leaves out classes without a picture",
    says="You leave out every class without a picture",
)
def classes_with_pictures(confusion):
    return _f1(*_p_and_r(confusion))[np.sum(confusion, 1) > 0].mean()


@wrong(
    "08.5",
    "not a number for an empty class",
    says="Where a class has no picture, no answer",
)
def not_a_number(confusion):
    with np.errstate(all="ignore"):
        p = np.diag(confusion) / confusion.sum(axis=0)
        r = np.diag(confusion) / confusion.sum(axis=1)
        return np.mean(2 * p * r / (p + r))


@wrong(
    "08.5",
    "nanmean over the classes",
    says="You leave out every class without a hit",
)
def mean_of_numbers(confusion):
    with np.errstate(all="ignore"):
        p = np.diag(confusion) / confusion.sum(axis=0)
        r = np.diag(confusion) / confusion.sum(axis=1)
        return np.nanmean(2 * p * r / (p + r))


@wrong("08.5", "mean recall", says="That is the mean recall")
def mean_recall(confusion):
    return _p_and_r(confusion)[1].mean()


@wrong("08.5", "mean precision", says="That is the mean precision")
def mean_precision(confusion):
    return _p_and_r(confusion)[0].mean()


@wrong(
    "08.5",
    "half the sum of precision and recall",
    says="F1 is the *harmonic* mean of precision and recall",
)
def arithmetic_mean(confusion):
    p, r = _p_and_r(confusion)
    return ((p + r) / 2).mean()


@wrong("08.5", "forgets the factor 2", says="Half of what is wanted")
def without_two(confusion):
    return _f1(*_p_and_r(confusion)).mean() / 2


@wrong(
    "08.5", "an empty class counts as 1", says="A class with no picture and no answer"
)
def empty_counts_one(confusion):
    empty = np.sum(confusion, 0) + np.sum(confusion, 1) == 0
    return np.where(empty, 1, _f1(*_p_and_r(confusion))).mean()


@wrong("08.5", "a number for each class", says="That is one F1 for each class")
def each_class(confusion):
    return _f1(*_p_and_r(confusion))


@wrong("08.5", "the sum over the classes", says="That is the sum over the classes")
def sum_of_classes(confusion):
    return _f1(*_p_and_r(confusion)).sum()


@wrong("08.5", "percent", says="That is in percent")
def percent(confusion):
    return 100 * _f1(*_p_and_r(confusion)).mean()


@wrong("08.5", "sums rows twice", says="That is the mean recall")
def rows_twice(confusion):
    p = r = np.diag(confusion) / np.maximum(np.sum(confusion, 1), 1)
    return _f1(p, r).mean()


@wrong(
    "08.5",
    "the answers of wrong classes only in the divisors",
    says="You divide by the wrong answers only",
)
def without_the_hits(confusion):
    hits = np.diag(confusion)
    p = hits / np.maximum(confusion.sum(0) - hits, 1)
    r = hits / np.maximum(confusion.sum(1) - hits, 1)
    return _f1(p, r).mean()


@wrong("08.5", "ten classes always", says="You divide by ten classes always")
def ten_classes(confusion):
    return _f1(*_p_and_r(confusion)).sum() / 10


@wrong("08.5", "one class too few", says="The last class is left out")
def one_class_too_few(confusion):
    return _f1(*_p_and_r(confusion))[:-1].mean()


@wrong("08.5", "adds 1 to each divisor", says="You add 1 to each divisor, which makes")
def adds_one(confusion):
    hits = np.diag(confusion)
    p, r = hits / (confusion.sum(0) + 1), hits / (confusion.sum(1) + 1)
    return np.mean(2 * p * r / (p + r + 1e-9))


@wrong("08.5", "Jaccard", says="That is the Jaccard index")
def mean_jaccard(confusion):
    hits = np.diag(confusion)
    either = confusion.sum(0) + confusion.sum(1) - hits
    return np.mean([h / e if e else 0.0 for h, e in zip(hits, either, strict=True)])


@wrong("08.5", "geometric mean", says="You take the geometric mean")
def mean_geometric(confusion):
    hits = np.diag(confusion)
    precision = hits / np.maximum(confusion.sum(0), 1)
    recall = hits / np.maximum(confusion.sum(1), 1)
    return np.mean(np.sqrt(precision * recall))


# 08.6 stop_in_time(scores, patience)


@right("08.6")
def plain_loop(scores, patience):
    best_score, best_epoch, waited = -float("inf"), 0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best_score:
            best_score, best_epoch, waited = score, epoch, 0
        else:
            waited += 1
            if waited == patience:
                return epoch, best_epoch
    return len(scores), best_epoch


@right("08.6")
def by_distance(scores, patience):
    best = 0
    for i in range(len(scores)):
        if scores[i] > scores[best]:
            best = i
        if i - best >= patience:
            break
    return i + 1, best + 1


@right("08.6")
def best_of_each_prefix(scores, patience):
    for epoch in range(1, len(scores) + 1):
        best = int(np.argmax(scores[:epoch])) + 1
        if epoch == best + patience:
            return epoch, best
    return epoch, best


@right("08.6")
def while_loop(scores, patience):
    epoch, best, bad = 1, 1, 0
    while epoch < len(scores) and bad < patience:
        epoch += 1
        if scores[epoch - 1] > scores[best - 1]:
            best, bad = epoch, 0
        else:
            bad += 1
    return epoch, best


@right("08.6")
def look_ahead(scores, patience):
    best = 0
    while True:
        window = scores[best + 1 : best + 1 + patience]
        better = [i for i, s in enumerate(window, best + 1) if s > scores[best]]
        if not better:
            return min(best + 1 + patience, len(scores)), best + 1
        best = better[0]


@right("08.6")
def running_maximum(scores, patience):
    best = list(itertools.accumulate(scores, max))
    for epoch in range(patience + 1, len(scores) + 1):
        if best[epoch - 1] == best[epoch - 1 - patience]:
            return epoch, best.index(best[epoch - 1]) + 1
    return len(scores), best.index(best[-1]) + 1


@wrong(
    "08.6",
    "the best of all epochs, trained or not",
    says="The best epoch must lie before the stop",
)
def best_of_all(scores, patience):
    return plain_loop(scores, patience)[0], int(np.argmax(scores)) + 1


@wrong("08.6", "counts from 0", says="Your epochs count from 0")
def from_zero(scores, patience):
    stop, best = plain_loop(scores, patience)
    return stop - 1, best - 1


@wrong(
    "08.6",
    "an equal score counts as better",
    says="An equal score counts as better with you",
)
def equal_is_better(scores, patience):
    best = waited = 0
    for i, score in enumerate(scores):
        if score >= scores[best]:
            best, waited = i, 0
        else:
            waited += 1
        if waited == patience:
            return i + 1, best + 1
    return len(scores), best + 1


@wrong("08.6", "one epoch too late", says="You train one epoch too long")
def one_too_late(scores, patience):
    return plain_loop(scores, patience + 1)


@wrong("08.6", "one epoch too early", says="You stop one epoch too early")
def one_too_early(scores, patience):
    best = 0
    for i, score in enumerate(scores):
        if score > scores[best]:
            best = i
        if i and i - best >= patience - 1:
            break
    return i + 1, best + 1


@wrong("08.6", "never sets the count back", says="You add up all bad epochs")
def never_resets(scores, patience):
    best_score, best_epoch, waited = -float("inf"), 0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best_score:
            best_score, best_epoch = score, epoch
        else:
            waited += 1
        if waited == patience:
            return epoch, best_epoch
    return len(scores), best_epoch


@wrong(
    "08.6",
    "the last epoch is best when the scores run out",
    says="When the scores run out, you call the last epoch the best",
)
def last_is_best(scores, patience):
    best_score, best_epoch, waited = -float("inf"), 0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best_score:
            best_score, best_epoch, waited = score, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch, best_epoch
    return len(scores), len(scores)


@wrong(
    "08.6",
    "stops beyond the last score",
    says="When the scores run out, your training goes on",
)
def beyond_the_end(scores, patience):
    best = plain_loop(scores, patience)[1]
    return best + patience, best


@wrong(
    "08.6", "compares with the epoch before", says="You compare with the epoch before"
)
def with_the_one_before(scores, patience):
    best, waited = 0, 0
    for i in range(1, len(scores)):
        waited = 0 if scores[i] > scores[i - 1] else waited + 1
        if scores[i] > scores[best]:
            best = i
        if waited == patience:
            return i + 1, best + 1
    return len(scores), best + 1


@wrong("08.6", "the two numbers exchanged", says="Right numbers, wrong order")
def exchanged(scores, patience):
    return plain_loop(scores, patience)[::-1]


@wrong(
    "08.6",
    "the best score instead of its epoch",
    says="The second number should be the best *epoch*, not its score",
)
def best_score(scores, patience):
    stop, best = plain_loop(scores, patience)
    return stop, scores[best - 1]


@wrong(
    "08.6",
    "the lowest score is best",
    says="You take the lowest score for the best, as for a loss",
)
def lowest_is_best(scores, patience):
    return plain_loop([-score for score in scores], patience)


@wrong("08.6", "begins with a best of 0", says="You begin with a best score of 0")
def begins_with_zero(scores, patience):
    best_score, best_epoch, waited = 0, 0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best_score:
            best_score, best_epoch, waited = score, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch, best_epoch
    return len(scores), best_epoch


@wrong(
    "08.6",
    "nothing comes back when the scores run out",
    says="Your function returns nothing when the scores run out",
)
def no_end(scores, patience):
    best, waited = 0, 0
    for i, score in enumerate(scores):
        if i == 0 or score > scores[best]:
            best, waited = i, 0
        else:
            waited += 1
        if waited == patience:
            return i + 1, best + 1


@wrong(
    "08.6",
    "the last of equal best epochs",
    says="Two epochs are equally good, and you name the later one",
)
def last_of_equals(scores, patience):
    stop, best = plain_loop(scores, patience)
    top = scores[best - 1]
    return stop, max(i for i in range(stop) if scores[i] == top) + 1


@wrong(
    "08.6",
    "the epoch patience before the stop",
    says="The best epoch lies `patience` epochs before the",
)
def patience_before(scores, patience):
    stop = plain_loop(scores, patience)[0]
    return stop, stop - patience


@wrong(
    "08.6",
    "stops at the first epoch that is not better",
    says="You stop at the first epoch that is",
)
def no_patience(scores, patience):
    return plain_loop(scores, 1)


@wrong("08.6", "one number only", says="That is the first number alone")
def stop_alone(scores, patience):
    return plain_loop(scores, patience)[0]


@wrong("08.6", "never stops before the end", says="Your training never stops early")
def never_stops(scores, patience):
    return len(scores), int(np.argmax(scores)) + 1


@wrong("08.6", "takes scores out of the caller's list", says="changes what it is given")
def empties_the_list(scores, patience):
    best, best_epoch, epoch = -1e9, 0, 0
    while scores and (not epoch or epoch - best_epoch < patience):
        epoch, score = epoch + 1, scores.pop(0)
        if score > best:
            best, best_epoch = score, epoch
    return epoch, best_epoch


@wrong("08.6", "small gains do not count", says="You ask for a gain of some size")
def stop_with_min_delta(scores, patience):
    best, epoch_of_best, waited = -np.inf, 0, 0
    for epoch, score in enumerate(scores, start=1):
        if score > best + 0.01:
            best, epoch_of_best, waited = score, epoch, 0
        else:
            waited += 1
        if waited == patience:
            return epoch, epoch_of_best
    return len(scores), epoch_of_best


def _stop_as(change):
    def stop_in_time(scores, patience):
        best = 1
        for epoch in range(2, len(scores) + 1):
            if scores[epoch - 1] > scores[best - 1]:
                best = epoch
            if epoch - best == patience:
                return change(epoch, best)
        return change(len(scores), best)

    return stop_in_time


wrong(
    "08.6",
    "best from 0",
    _stop_as(lambda stop, best: (stop, best - 1)),
    says="The best epoch is counted from 0",
)
wrong(
    "08.6",
    "last epoch not counted",
    _stop_as(lambda stop, best: (stop - 1, best)),
    says="You stop one epoch too early",
)
wrong(
    "08.6",
    "best twice",
    _stop_as(lambda stop, best: (best, best)),
    says="Both your numbers are the best epoch",
)
