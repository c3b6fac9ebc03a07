"""Predicting, counting right answers, and refusing data that are no such pair."""

from pathlib import Path

import numpy as np
import pytest
import torch
from stripes import (
    SETTINGS,
    small_model,
)
from torch import nn

from course_utils.training import (
    evaluate,
    fit,
    predict,
)

ROOT = Path(__file__).resolve().parents[2]


# --- Counting and predicting ------------------------------------------------------


class AnswersFirstPixel(nn.Module):
    """Logits that say the class written into the first pixel."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, images):
        said = images[:, 0, 0, 0].long()
        return self.scale * nn.functional.one_hot(said, 4).float()


def test_evaluate_counts_right():
    images = torch.zeros(7, 1, 2, 2)
    images[:, 0, 0, 0] = torch.tensor([0, 1, 2, 3, 0, 1, 2])
    labels = torch.tensor([0, 1, 2, 3, 1, 1, 1])  # five of seven agree
    scores = evaluate(AnswersFirstPixel(), (images, labels), batch_size=3)
    assert scores.accuracy == pytest.approx(5 / 7)
    right = np.log(np.exp(10) + 3) - 10
    assert scores.loss == pytest.approx((5 * right + 2 * (right + 10)) / 7, rel=1e-5)


def test_evaluate_uses_no_dropout_and_keeps_the_mode(validation):
    model = small_model(dropout=0.5).train()
    first, second = (evaluate(model, validation) for _ in range(2))
    assert first == second
    assert model.training


def test_predict_does_not_depend_on_the_batch_size(validation):
    model = small_model().eval()
    images, _ = validation
    torch.testing.assert_close(predict(model, images, 7), predict(model, images, 30))
    assert not model.training


# --- Refusals ---------------------------------------------------------------------


@pytest.mark.parametrize("which", ["train", "validation"])
def test_empty_data_is_refused(which, train):
    empty = train[0][:0], train[1][:0]
    pairs = {"train": train, "validation": train} | {which: empty}
    with pytest.raises(ValueError, match=f"{which} has 0 images"):
        fit(small_model(), **pairs, **SETTINGS)


def test_labels_that_do_not_belong_to_the_images_are_refused(train):
    with pytest.raises(
        ValueError, match=r"96 images, so its labels must .* shape \(95,\)"
    ):
        fit(small_model(), (train[0], train[1][1:]), train, **SETTINGS)
    with pytest.raises(ValueError, match="int64"):
        evaluate(small_model(), (train[0], train[1].float()))


@pytest.mark.parametrize("wrong", [-1, -100, 1000])
@pytest.mark.parametrize("which", ["train", "validation"])
def test_labels_that_are_no_class_of_the_model_are_refused_before_training(
    train, wrong, which
):
    labels = train[1].clone()
    labels[5] = wrong
    pairs = {"train": train, "validation": train} | {which: (train[0], labels)}
    model, said = small_model(), f"the label of row 5 is {wrong}, but classes"
    before = {name: x.clone() for name, x in model.state_dict().items()}
    with pytest.raises(ValueError, match=f"^{which}: {said}"):
        fit(model, **pairs, **SETTINGS)
    for name, x in model.state_dict().items():
        assert torch.equal(x, before[name])
    with pytest.raises(ValueError, match=f"^data: {said}"):
        evaluate(model, pairs[which])


IMAGES, LABELS = torch.zeros(3, 1, 8, 8), torch.zeros(3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ((IMAGES[0], LABELS), r"shape \(1, 8, 8\); images\[None\] makes a batch"),
        (
            (IMAGES[:, 0], LABELS),
            r"shape \(3, 8, 8\); .* images\[:, None\] gives gray",
        ),
        (
            (IMAGES.byte(), LABELS),
            r"float .*, not .* torch.uint8 .*\(images.float\(\) / 255",
        ),
        ((IMAGES.double(), LABELS), r"torch.float64 .* give images.float\(\)"),
        (
            (IMAGES.numpy(), LABELS),
            "Tensor of .*, not a ndarray .* torch.from_numpy",
        ),
        ((IMAGES.tolist(), LABELS), "Tensor of .*, not a list; to_tensors makes"),
        (
            (IMAGES, LABELS.numpy()),
            r"not a ndarray of int64 and shape \(3,\); torch.tensor",
        ),
        ((IMAGES, LABELS.tolist()), "not a list; torch.tensor"),
        (
            (IMAGES, LABELS[:, None]),
            r"shape \(3,\), not a Tensor of torch.int64 and shape \(3, 1\);",
        ),
        (
            (IMAGES, LABELS[0]),
            r"3 images, so its labels .*, not a Tensor .* and shape \(\);",
        ),
        (
            (IMAGES, LABELS[:2]),
            r"3 images, so its labels .* shape \(3,\), not .* shape \(2,\);",
        ),
        ((IMAGES, LABELS.int()), r"a Tensor of torch.int32 .* labels.long\(\)"),
        (IMAGES, "must be a pair, images and labels, not a Tensor"),
        ((IMAGES, LABELS, LABELS), "must be a pair, images and labels"),
        ({"image": IMAGES}, "not a dict; to_tensors makes such a pair"),
    ],
)
@pytest.mark.parametrize("door", ["train", "validation", "evaluate"])
def test_data_of_another_kind_are_refused_at_the_door(data, said, door):
    good, model = (IMAGES, LABELS), small_model()
    with pytest.raises(ValueError, match=said) as refusal:
        if door == "evaluate":
            evaluate(model, data)
        else:
            pairs = {"train": good, "validation": good} | {door: data}
            fit(model, **pairs, **SETTINGS)
    message = str(refusal.value)
    assert ("data" if door == "evaluate" else door) in message
    assert "\n" not in message and len(message) < 230


@pytest.mark.parametrize(
    ("images", "said"),
    [
        (
            IMAGES[0],
            r"\(B, C, H, W\), not .* shape \(1, 8, 8\); images\[None\] makes a batch",
        ),
        (IMAGES.byte(), r"a float Tensor .*, not .* torch.uint8"),
        (IMAGES.numpy(), "Tensor of .*, not a ndarray"),
        ((IMAGES, LABELS), "Tensor of .*, not a tuple"),
    ],
)
def test_predict_refuses_other_images_at_the_door(images, said):
    with pytest.raises(ValueError, match=said):
        predict(small_model(), images)
    with pytest.raises(ValueError, match="batch_size must be 1 or more, not 0"):
        predict(small_model(), IMAGES, 0)


def test_double_precision_is_taken_where_the_model_has_it():
    model = small_model().double()
    assert evaluate(model, (IMAGES.double(), LABELS)).accuracy in (0, 1)


def test_model_with_nothing_to_train_is_refused(train):
    with pytest.raises(ValueError, match="requires_grad"):
        fit(small_model().requires_grad_(False), train, train, **SETTINGS)


@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_sizes_below_one_are_refused(name, train):
    with pytest.raises(ValueError, match="1 or more"):
        fit(small_model(), train, train, **(SETTINGS | {name: 0}))


def test_loss_that_is_not_a_number_stops_the_run(train):
    images, labels = train[0].clone(), train[1]
    images[50] = float("nan")
    model = small_model()
    with pytest.raises(FloatingPointError, match="the loss is nan at step"):
        fit(model, (images, labels), train, **SETTINGS)
    assert all(torch.isfinite(p).all() for p in model.parameters())
