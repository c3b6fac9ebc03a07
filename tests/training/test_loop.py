"""Training: it learns, it counts right, and a killed run resumes bit for bit."""

import copy
import functools
import itertools
import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from course_utils.training import evaluate, fit, predict, small_affine, to_tensors
from course_utils.training import loop as training
from course_utils.vit.torch import ViT

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = {"epochs": 3, "lr": 3e-3, "batch_size": 16, "progress": False}


def small_model(seed=0, **changes):
    torch.manual_seed(seed)
    sizes = {"dim": 16, "depth": 2, "heads": 2, "mlp_dim": 32, "dropout": 0.1}
    return ViT(8, 4, 1, 3, **(sizes | changes))


def striped_images(count=96, seed=0):
    """Images 8 x 8 of three classes: a bright band at the top, middle or bottom."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = 0.3 * torch.randn(count, 1, 8, 8, generator=generator)
    for image, label in zip(images, labels, strict=True):
        image[0, 3 * label : 3 * label + 2] += 1.5
    return images, labels


def noisy(images):
    """An augmentation that draws from NumPy, Python and torch alike."""
    return images + 0.1 * torch.randn_like(images) + 0.01 * np.random.randn()


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), f"{name} differs"


@pytest.fixture(scope="module")
def train():
    return striped_images()


@pytest.fixture(scope="module")
def validation():
    return striped_images(30, seed=1)


# --- What it learns and records ---------------------------------------------------


def test_model_overfits_32_images():
    torch.manual_seed(0)
    images, labels = torch.randn(32, 1, 8, 8), torch.arange(32) % 10
    model = ViT(8, 4, 1, 10, dim=32, depth=2, heads=2, mlp_dim=64)
    pair = images, labels
    history = fit(model, pair, pair, epochs=80, lr=3e-3, batch_size=8, progress=False)
    assert history.validation_accuracy[-1] == 1.0
    assert history.train_loss[-1] < 0.05  # measured: 0.01


def test_history_has_one_entry_per_step_and_per_epoch(train, validation):
    model = small_model()
    history = fit(model, train, validation, **SETTINGS)
    assert len(history.batch_loss) == 3 * 6  # 96 images in batches of 16
    assert len(history.train_loss) == len(history.seconds) == 3
    assert history.train_loss[1] == pytest.approx(np.mean(history.batch_loss[6:12]))
    last = evaluate(model, validation)
    assert history.validation_loss[-1] == pytest.approx(last.loss)
    assert history.validation_accuracy[-1] == last.accuracy
    assert history.seconds == sorted(history.seconds)


def test_last_batch_may_be_smaller(train, validation):
    settings = SETTINGS | {"epochs": 2, "batch_size": 40}
    history = fit(small_model(), train, validation, **settings)
    assert len(history.batch_loss) == 2 * 3  # 40 + 40 + 16


def test_same_seed_gives_the_same_weights_and_another_seed_others(train, validation):
    runs = []
    for seed in (0, 0, 1):
        model = small_model()
        fit(model, train, validation, seed=seed, augment=noisy, **SETTINGS)
        runs.append(weights_of(model))
    assert_same_weights(runs[0], runs[1])
    assert not torch.equal(runs[0]["head.weight"], runs[2]["head.weight"])


def test_random_state_of_the_caller_is_left_alone(train, validation):
    torch.manual_seed(3)
    np.random.seed(3)
    wanted = torch.rand(2), np.random.rand(2)
    torch.manual_seed(3)
    np.random.seed(3)
    fit(small_model_without_seeding(), train, validation, augment=noisy, **SETTINGS)
    assert torch.equal(torch.rand(2), wanted[0])
    np.testing.assert_array_equal(np.random.rand(2), wanted[1])


def test_training_on_the_cpu_leaves_accelerators_alone(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", lambda seed: seeded.append(seed))
    monkeypatch.setattr(torch.mps, "manual_seed", lambda seed: seeded.append(seed))
    with training._own_randomness(5, torch.device("cpu")):
        pass
    assert not seeded
    torch.manual_seed(5)
    assert seeded  # so the test would have noticed


def test_own_randomness_is_that_of_manual_seed():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    with training._own_randomness(5, torch.device("cpu")):
        assert torch.equal(torch.rand(3), wanted)


def small_model_without_seeding():
    state = torch.get_rng_state()
    model = small_model()
    torch.set_rng_state(state)
    return model


def test_every_parameter_is_trained(train, validation):
    model = small_model()
    before = weights_of(model)
    fit(model, train, validation, **SETTINGS)
    for name, tensor in model.state_dict().items():
        assert not torch.equal(tensor, before[name]), f"{name} did not move"


def test_frozen_parameters_stay(train, validation):
    model = small_model()
    model.embed.requires_grad_(False)
    before = weights_of(model)
    fit(model, train, validation, **SETTINGS)
    assert torch.equal(model.embed.project.weight, before["embed.project.weight"])
    assert not torch.equal(model.head.weight, before["head.weight"])


def test_learning_rate_follows_the_schedule(train, validation):
    rates = []

    class Recorder(torch.optim.SGD):
        def step(self, closure=None):
            rates.append(self.param_groups[0]["lr"])
            return super().step(closure)

    fit(
        small_model(),
        train,
        validation,
        optimizer=lambda parameters, lr, decay: Recorder(parameters, lr),
        **SETTINGS,
    )
    top = max(rates)
    assert len(rates) == 18
    assert rates[0] < top > rates[-1] > 0
    assert 0.95 * SETTINGS["lr"] < top <= SETTINGS["lr"]


def test_warmup_then_cosine():
    factor = training.warmup_cosine
    assert factor(0.05) == pytest.approx(0.5)
    assert factor(0.1) == 1.0
    assert factor(0.55) == pytest.approx(0.5)
    assert factor(1.0) == pytest.approx(0.0)


def test_progress_bar_goes_to_standard_output(train, validation, capsys):
    fit(small_model(), train, validation, **(SETTINGS | {"progress": True}))
    shown = capsys.readouterr()
    assert "18/18" in shown.out and "validation accuracy" in shown.out
    assert shown.err == ""


# --- The recipe, written out ------------------------------------------------------


def adamw_by_hand(weights, gradients, memory, step, rate, decay):
    """One step of AdamW with betas 0.9 and 0.99 (Loshchilov and Hutter 2019)."""
    for weight, gradient, (mean, square) in zip(
        weights, gradients, memory, strict=True
    ):
        weight -= rate * decay * weight
        mean += 0.1 * (gradient - mean)
        square += 0.01 * (gradient**2 - square)
        spread = (square / (1 - 0.99**step)).sqrt() + 1e-8
        weight -= rate * (mean / (1 - 0.9**step)) / spread


def sgd_by_hand(weights, gradients, memory, step, rate, decay):
    """One step of descent with momentum 0.9; the decay belongs to the gradient."""
    for weight, gradient, (speed, _) in zip(weights, gradients, memory, strict=True):
        speed *= 0.9
        speed += gradient + decay * weight
        weight -= rate * speed


def twelve_steps_by_hand(model, train, validation, step_of, lr):
    """Three epochs of 30 images in batches of 8, 8, 8 and 6."""
    (images, labels), losses, scores, step = train, [], [], 0
    weights = list(model.parameters())
    memory = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    torch.manual_seed(7)  # of the augmentation and of dropout
    for epoch in range(3):
        own = torch.Generator().manual_seed(7 * 1_000_003 + epoch)
        order = torch.randperm(30, generator=own)
        model.train()
        for rows in (order[:8], order[8:16], order[16:24], order[24:]):
            logits = model(small_affine(images[rows]))
            target = torch.full((len(rows), 3), 0.2 / 3, dtype=logits.dtype)
            target[torch.arange(len(rows)), labels[rows]] += 0.8
            loss = -(target * logits.log_softmax(1)).sum(1).mean()
            gradients = torch.autograd.grad(loss, weights)
            done = (step + 0.5) / 12
            up, down = done / 0.1, 0.5 + 0.5 * math.cos(math.pi * (done - 0.1) / 0.9)
            rate = lr * (up if done < 0.1 else down)
            step += 1
            with torch.no_grad():
                step_of(weights, gradients, memory, step, rate, 0.3)
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            logits = model(validation[0]).log_softmax(1)
        right = logits.argmax(1) == validation[1]
        likely = logits[torch.arange(len(right)), validation[1]]
        scores.append((-likely.mean().item(), right.double().mean().item()))
    return losses, scores


@pytest.mark.parametrize(
    ("optimizer", "step_of", "lr"),
    [(training.adamw, adamw_by_hand, 0.003), (training.sgd, sgd_by_hand, 0.03)],
)
def test_twelve_steps_are_those_of_a_loop_written_out(optimizer, step_of, lr):
    # In double precision, so that a key's bias, which cannot matter, learns no noise.
    train, validation = (
        (images.double(), labels)
        for images, labels in (striped_images(30), striped_images(12, seed=1))
    )
    mine = small_model(dropout=0.3).double()
    ours = copy.deepcopy(mine)
    losses, scores = twelve_steps_by_hand(mine, train, validation, step_of, lr)
    history = fit(
        ours,
        train,
        validation,
        epochs=3,
        lr=lr,
        batch_size=8,
        weight_decay=0.3,
        label_smoothing=0.2,
        augment=small_affine,
        optimizer=optimizer,
        seed=7,
        progress=False,
    )
    near = {"rtol": 0, "atol": 1e-6}
    np.testing.assert_allclose(history.batch_loss, losses, **near)
    means = np.reshape(losses, (3, 4)).mean(1)
    np.testing.assert_allclose(history.train_loss, means, **near)
    np.testing.assert_allclose(history.validation_loss, [a for a, _ in scores], **near)
    assert history.validation_accuracy == [b for _, b in scores]
    for name, weight in mine.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], weight, **near)


def test_defaults_of_the_recipe_are_those_of_the_docstring(train, validation):
    said = small_model()
    plain = small_model()
    fit(plain, train, validation, epochs=2, lr=3e-3, progress=False)
    fit(
        said,
        train,
        validation,
        epochs=2,
        lr=3e-3,
        batch_size=50,
        weight_decay=0.01,
        label_smoothing=0.0,
        augment=None,
        optimizer=training.adamw,
        schedule=training.warmup_cosine,
        seed=0,
        progress=False,
    )
    assert_same_weights(weights_of(plain), weights_of(said))


@pytest.mark.parametrize("training_mode", [True, False])
def test_model_comes_back_in_the_mode_in_which_it_came(
    train, validation, training_mode
):
    model = small_model().train(training_mode)
    model.blocks[0].eval()  # a part that its owner has set apart
    before = [module.training for module in model.modules()]
    fit(model, train, validation, **SETTINGS)
    assert [module.training for module in model.modules()] == before
    predict(model, validation[0])
    assert [module.training for module in model.modules()] == before
    with pytest.raises(KeyboardInterrupt):
        fit(stopping(model, 3), train, validation, **SETTINGS)
    assert [module.training for module in model.modules()] == before


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


# --- Data -------------------------------------------------------------------------


class Split(dict):
    def __len__(self):
        return len(self["label"])


def test_to_tensors_scales_gray_and_color_images():
    gray = Split(image=[Image.new("L", (3, 2), g) for g in (0, 255)], label=[4, 5])
    images, labels = to_tensors(gray)
    assert images.shape == (2, 1, 2, 3) and images.dtype == torch.float32
    assert images[0].unique().tolist() == [-1.0]
    assert images[1].unique().tolist() == [1.0]
    assert labels.tolist() == [4, 5] and labels.dtype == torch.int64
    shifted, _ = to_tensors(gray, mean=0.2, std=0.4)
    torch.testing.assert_close(shifted[:, 0, 0, 0], torch.tensor([-0.5, 2.0]))
    color = Split(image=[Image.new("RGB", (3, 2), (255, 0, 0))], label=[0])
    assert to_tensors(color)[0][0, :, 0, 0].tolist() == [1.0, -1.0, -1.0]


def test_to_tensors_refuses_nothing_and_mixed_sizes():
    with pytest.raises(ValueError, match="no rows"):
        to_tensors(Split(image=[], label=[]))
    mixed = Split(image=[Image.new("L", (2, 2)), Image.new("L", (3, 3))], label=[0, 1])
    with pytest.raises(ValueError, match="differ in size"):
        to_tensors(mixed)


def test_to_tensors_reads_every_kind_of_picture_as_rgb():
    red = Image.new("RGB", (3, 2), (255, 0, 0))
    clear = Image.new("RGBA", (3, 2), (0, 0, 0, 0))
    for picture, wanted in [(red.quantize(), [1, -1, -1]), (clear, [1, 1, 1])]:
        images, _ = to_tensors(Split(image=[picture], label=[0]))
        assert images[0, :, 0, 0].tolist() == wanted


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat", "dog"], "label of row 0 is 'cat', but classes are whole numbers"),
        ([0, None], "label of row 1 is missing"),
        ([0, -1], "label of row 1 is -1, but classes are numbered 0 and above"),
    ],
)
def test_to_tensors_refuses_labels_that_are_no_classes(labels, said):
    images = [Image.new("L", (2, 2))] * 2
    with pytest.raises(ValueError, match=said):
        to_tensors(Split(image=images, label=labels))


def test_small_affine_without_freedom_changes_nothing():
    images = torch.rand(5, 1, 28, 28)
    same = small_affine(images, degrees=0, shift=0, zoom=0)
    torch.testing.assert_close(same, images, rtol=0, atol=1e-5)


def test_small_affine_moves_each_image_within_its_limits():
    torch.manual_seed(0)
    images = -torch.ones(200, 1, 29, 29)
    images[:, 0, 14, 14] = 1  # one bright pixel in the center
    moved = small_affine(images, degrees=0, shift=0.1, zoom=0) + 1
    rows = torch.arange(29.0)
    down = (moved.sum((1, 3)) * rows).sum(1) / moved.sum((1, 2, 3)) - 14
    assert down.abs().max() <= 2.9 + 1e-3  # a tenth of 29 pixels
    assert down.std() == pytest.approx(2.9 / 3**0.5, rel=0.15)  # uniform


def moved_by_hand(image, angle, scale, right, down):
    """Look up each pixel of the new picture (H, W) where it was in the old one."""
    H, W = image.shape
    found = np.zeros((H, W))
    for y, x in np.ndindex(H, W):
        from_x, from_y = x - (W - 1) / 2, y - (H - 1) / 2  # pixels from the middle
        at_x = (math.cos(angle) * from_x - math.sin(angle) * from_y) / scale
        at_y = (math.sin(angle) * from_x + math.cos(angle) * from_y) / scale
        at_x = np.clip(at_x + right * W + (W - 1) / 2, 0, W - 1)
        at_y = np.clip(at_y + down * H + (H - 1) / 2, 0, H - 1)
        left, top = min(int(at_x), W - 2), min(int(at_y), H - 2)
        share_x, share_y = at_x - left, at_y - top
        for i, j in np.ndindex(2, 2):  # its four neighbors, by nearness
            part = (share_y if i else 1 - share_y) * (share_x if j else 1 - share_x)
            found[y, x] += part * image[top + i, left + j]
    return found


@pytest.mark.parametrize("shape", [(12, 12), (8, 20), (17, 9)])
def test_small_affine_turns_zooms_and_shifts_pixels_as_drawn(shape):
    torch.manual_seed(4)
    images = torch.rand(6, 1, *shape, dtype=torch.float64)
    limits = {"degrees": 40, "shift": 0.2, "zoom": 0.3}
    torch.manual_seed(5)
    moved = small_affine(images, **limits)
    torch.manual_seed(5)
    draws = 2 * torch.rand(4, 6, dtype=torch.float64).numpy() - 1
    assert draws.min() < -0.5 and draws.max() > 0.5
    for image, new, (turn, zoom, right, down) in zip(
        images[:, 0].numpy(), moved[:, 0].numpy(), draws.T, strict=True
    ):
        wanted = moved_by_hand(
            image, math.radians(40 * turn), 1 + 0.3 * zoom, 0.2 * right, 0.2 * down
        )
        np.testing.assert_allclose(new, wanted, rtol=0, atol=1e-6)


def test_small_affine_keeps_a_circle_round_whatever_the_shape():
    torch.manual_seed(0)
    rows, columns = torch.meshgrid(
        torch.arange(40.0), torch.arange(90.0), indexing="ij"
    )
    far = (rows - 19.5) ** 2 + (columns - 44.5) ** 2
    circle = torch.sigmoid(12.0 - far.sqrt()).expand(50, 1, -1, -1)
    turned = small_affine(circle, degrees=90, shift=0, zoom=0)
    torch.testing.assert_close(turned, circle, rtol=0, atol=0.02)


def test_small_affine_moves_a_little_unless_told_otherwise():
    torch.manual_seed(0)
    images = torch.rand(9, 2, 10, 10)
    torch.manual_seed(1)
    plain = small_affine(images)
    torch.manual_seed(1)
    told = small_affine(images, degrees=15, shift=0.04, zoom=0.15)
    assert torch.equal(plain, told)


# --- Refusals ---------------------------------------------------------------------


@pytest.mark.parametrize("which", ["train", "validation"])
def test_empty_data_is_refused(which, train):
    empty = train[0][:0], train[1][:0]
    pairs = {"train": train, "validation": train} | {which: empty}
    with pytest.raises(ValueError, match=f"{which} has 0 images"):
        fit(small_model(), **pairs, **SETTINGS)


def test_labels_that_do_not_belong_to_the_images_are_refused(train):
    with pytest.raises(ValueError, match="96 images and 95 labels"):
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
        ((IMAGES[0], LABELS), r"shape \(1, 8, 8\), .* images\[None\] makes a batch"),
        ((IMAGES[:, 0], LABELS), r"shape \(3, 8, 8\), .* images\[:, None\] gives gray"),
        ((IMAGES.byte(), LABELS), r"holds torch.uint8, .*\(images.float\(\) / 255"),
        ((IMAGES.double(), LABELS), r"torch.float64, .* give images.float\(\)"),
        (
            (IMAGES.numpy(), LABELS),
            "a Tensor, not of type ndarray; .* torch.from_numpy",
        ),
        ((IMAGES.tolist(), LABELS), "a Tensor, not of type list; to_tensors makes"),
        ((IMAGES, LABELS.numpy()), r"type ndarray of shape \(3,\); torch.tensor"),
        ((IMAGES, LABELS.tolist()), "has the type list; torch.tensor"),
        (
            (IMAGES, LABELS[:, None]),
            r"of shape \(B,\), .* type Tensor of shape \(3, 1\)",
        ),
        ((IMAGES, LABELS[0]), r"one number for each image, .* shape \(\);"),
        ((IMAGES, LABELS[:2]), "3 images and 2 labels; give one label"),
        ((IMAGES, LABELS.int()), "torch.int32 labels; give int64 labels"),
        (IMAGES, "must be a pair, images and labels, not of type Tensor"),
        ((IMAGES, LABELS, LABELS), "must be a pair, images and labels"),
        ({"image": IMAGES}, "not of type dict; to_tensors makes such a pair"),
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
        (IMAGES[0], r"shape \(1, 8, 8\), but a model takes a batch"),
        (IMAGES.byte(), "holds torch.uint8, but a model computes with floats"),
        (IMAGES.numpy(), "a Tensor, not of type ndarray"),
        ((IMAGES, LABELS), "a Tensor, not of type tuple"),
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


@pytest.mark.parametrize("name", ["epochs", "batch_size", "checkpoint_every"])
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


# --- Stop and resume --------------------------------------------------------------


def uninterrupted(train, validation, **changes):
    model = small_model()
    settings = SETTINGS | {"augment": noisy} | changes
    return fit(model, train, validation, **settings), weights_of(model)


def stopping(model, at):
    """Give the model back, with a stop at its batch number ``at``."""
    batches = itertools.count(1)

    def stop(module, inputs):
        if module.training and next(batches) == at:
            raise KeyboardInterrupt

    model.register_forward_pre_hook(stop)
    return model


@pytest.mark.parametrize("optimizer", [training.adamw, training.sgd])
@pytest.mark.parametrize("stop_at", [1, 3, 7, 9, 18])
def test_interrupted_run_resumes_exactly(
    tmp_path, train, validation, stop_at, optimizer
):
    wanted, weights = uninterrupted(train, validation, optimizer=optimizer)
    settings = SETTINGS | {
        "checkpoint_dir": tmp_path,
        "checkpoint_every": 2,
        "optimizer": optimizer,
    }
    model = stopping(small_model(), stop_at)
    with pytest.raises(KeyboardInterrupt):
        fit(model, train, validation, augment=noisy, **settings)
    fresh = small_model(seed=9)  # its own weights must not matter
    got = fit(fresh, train, validation, augment=noisy, **settings)
    assert_same_weights(weights_of(fresh), weights)
    assert got.batch_loss == wanted.batch_loss
    assert got.validation_loss == wanted.validation_loss


def test_seconds_go_on_from_where_the_killed_run_stood(
    tmp_path, train, validation, monkeypatch
):
    now = [100.0]
    monkeypatch.setattr(training.time, "process_time", lambda: now[0])

    def ticking(model):
        model.register_forward_pre_hook(
            lambda module, _: now.__setitem__(0, now[0] + module.training)
        )
        return model

    wanted = fit(ticking(small_model()), train, validation, **SETTINGS).seconds
    assert wanted == [6, 12, 18]  # a second for each of six batches
    settings = SETTINGS | {"checkpoint_dir": tmp_path, "checkpoint_every": 2}
    with pytest.raises(KeyboardInterrupt):
        fit(ticking(stopping(small_model(), 10)), train, validation, **settings)
    now[0] = 7.0  # another process, another clock
    resumed = fit(ticking(small_model()), train, validation, **settings).seconds
    assert resumed == wanted


class Counting(nn.Module):
    """A model that keeps count of its steps, and damps its answers by the count."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls, self.strength = small_model(), 0, 0.1

    def forward(self, images):
        self.calls += self.training
        return self.inner(images) / (1 + self.strength * self.calls)


@pytest.mark.parametrize("stop_at", [9, 18])
def test_model_with_a_counter_resumes_exactly(tmp_path, train, validation, stop_at):
    whole = Counting()
    wanted = fit(whole, train, validation, **SETTINGS)
    settings = SETTINGS | {"checkpoint_dir": tmp_path}
    stopped = stopping(Counting(), stop_at)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, train, validation, **settings)
    stopped._forward_pre_hooks.clear()
    kept = copy.deepcopy(tmp_path.joinpath("checkpoint.safetensors").read_bytes())
    for again in (Counting(), stopped):  # in another process, and in the same
        (tmp_path / "checkpoint.safetensors").write_bytes(kept)
        got = fit(again, train, validation, **settings)
        assert got.batch_loss == wanted.batch_loss
        assert again.calls == whole.calls == 18
        assert_same_weights(weights_of(again), weights_of(whole))


def test_other_setting_beside_a_counter_is_refused(tmp_path, train, validation):
    settings = SETTINGS | {"checkpoint_dir": tmp_path}
    fit(Counting(), train, validation, **settings)
    other = Counting()
    other.strength = 0.2
    with pytest.raises(ValueError, match="strength = 0.1, but this call has strength"):
        fit(other, train, validation, **settings)


def test_finished_run_is_loaded_and_not_trained_again(tmp_path, train, validation):
    first = small_model()
    settings = SETTINGS | {"checkpoint_dir": tmp_path}
    wanted = fit(first, train, validation, **settings)
    second = small_model(seed=5)
    assert fit(second, train, validation, **settings) == wanted
    assert_same_weights(weights_of(second), weights_of(first))


RUN_FOREVER = """
import sys, torch
sys.path[:0] = [{root!r}, {tests!r}]
torch.set_num_threads(1)
import test_training as t
train, validation = t.striped_images(), t.striped_images(30, seed=1)
model = t.small_model()
t.fit(model, train, validation, augment=t.noisy, checkpoint_dir={folder!r},
      checkpoint_every=1, **(t.SETTINGS | {{"epochs": 20}}))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_killed_run_resumes_bit_for_bit(tmp_path, train, validation):
    code = RUN_FOREVER.format(
        root=str(ROOT), tests=str(ROOT / "tests"), folder=str(tmp_path)
    )
    file = tmp_path / "checkpoint.safetensors"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 120
        while True:
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            if file.exists() and steps_done(file) >= 20:
                break
            time.sleep(0.002)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert 20 <= steps_done(file) < 120
    model = small_model(seed=9)
    settings = SETTINGS | {"epochs": 20, "augment": noisy}
    got = fit(
        model,
        train,
        validation,
        checkpoint_dir=tmp_path,
        checkpoint_every=1,
        **settings,
    )
    wanted, weights = uninterrupted(train, validation, epochs=20)
    assert_same_weights(weights_of(model), weights)
    assert got.batch_loss == wanted.batch_loss


def steps_done(file):
    return training._read(file)[0]["step"]


@pytest.fixture
def folder(tmp_path, train, validation):
    """A checkpoint after two of three epochs."""
    with pytest.raises(KeyboardInterrupt):
        fit(
            stopping(small_model(), 13),
            train,
            validation,
            augment=noisy,
            checkpoint_dir=tmp_path,
            **SETTINGS,
        )
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lr": 1e-3}, "lr = 0.003, but this call has lr = 0.001"),
        ({"epochs": 5}, "epochs = 3, but this call has epochs = 5"),
        ({"batch_size": 8}, "batch_size = 16"),
        ({"seed": 1}, "seed = 0"),
        ({"augment": None}, "augment = noisy, but this call has augment = None"),
        ({"optimizer": training.sgd}, "optimizer = adamw"),
        ({"schedule": training.constant}, "schedule = warmup_cosine"),
        ({"label_smoothing": 0.1}, "label_smoothing = 0.0"),
    ],
)
def test_other_settings_are_refused(folder, train, validation, changes, named):
    settings = SETTINGS | {"augment": noisy, "checkpoint_dir": folder} | changes
    model = small_model(seed=9)
    before = weights_of(model)
    with pytest.raises(ValueError, match=named) as refusal:
        fit(model, train, validation, **settings)
    assert "another checkpoint_dir" in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert_same_weights(weights_of(model), before)


RECIPE = """
import torch
from torch import nn

STRENGTH = 0.1
calls = 0

def helper(images):
    return images * 1.0

class Tint:
    amount = 0.5

    def __init__(self, shift=0.25):
        self.shift = shift

    def __call__(self, images):
        return images + self.amount * self.shift

def maker(amount):
    def kept(images):
        return images + amount
    return kept

bright, tint = maker(0.75), Tint()

def augment(images, strength=2.0, *, more=3.0):
    global calls
    calls += 1
    shifts = [helper(x) + STRENGTH for x in images]
    return torch.sin(torch.stack(shifts)) * strength + more

def optimizer(parameters, lr, weight_decay):
    return torch.optim.SGD(parameters, lr, momentum=0.5)

def schedule(progress):
    return 1.0 - 0.5 * progress

class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(64, 3)

    def forward(self, images):
        return self.head(torch.relu(images.flatten(1)))
"""


def run_of(source, folder, augment="augment", stop_at=None):
    """Train by the functions of a notebook's source, executed anew."""
    names = {"__name__": "__main__"}
    exec(source, names)
    torch.manual_seed(0)
    model = names["Model"]()
    return fit(
        model if stop_at is None else stopping(model, stop_at),
        striped_images(),
        striped_images(30, seed=1),
        augment=names[augment],
        optimizer=names["optimizer"],
        schedule=names["schedule"],
        checkpoint_dir=folder,
        **SETTINGS,
    )


@pytest.mark.parametrize(
    ("old", "new", "augment", "what"),
    [
        ("* strength + more", "* strength - more", "augment", "augmentation"),
        ("torch.sin", "torch.cos", "augment", "augmentation"),
        ("strength=2.0", "strength=2.5", "augment", "augmentation"),
        ("more=3.0", "more=3.5", "augment", "augmentation"),
        ("STRENGTH = 0.1", "STRENGTH = 0.2", "augment", "augmentation"),
        ("images * 1.0", "images * 1.5", "augment", "augmentation"),
        ("maker(0.75)", "maker(0.5)", "bright", "augmentation"),
        ("images + amount", "images * amount", "bright", "augmentation"),
        ("shift=0.25", "shift=0.5", "tint", "augmentation"),
        ("amount = 0.5", "amount = 0.6", "tint", "augmentation"),
        ("amount * self", "amount + self", "tint", "augmentation"),
        ("momentum=0.5", "momentum=0.6", "augment", "optimizer"),
        ("torch.optim.SGD", "torch.optim.RMSprop", "augment", "optimizer"),
        ("1.0 - 0.5", "1.0 - 0.4", "augment", "schedule"),
        ("torch.relu", "torch.tanh", "augment", "model"),
    ],
)
def test_function_edited_under_its_old_name_is_refused(
    tmp_path, old, new, augment, what
):
    assert RECIPE.count(old) == 1
    with pytest.raises(KeyboardInterrupt):
        run_of(RECIPE, tmp_path, augment, stop_at=9)
    said = f"the code of the {what} was edited .*; undo the edit to resume, or use"
    with pytest.raises(ValueError, match=said) as refusal:
        run_of(RECIPE.replace(old, new), tmp_path, augment)
    assert "\n" not in str(refusal.value)
    run_of(RECIPE, tmp_path, augment)


def test_edit_that_changes_nothing_of_the_run_is_taken(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_of(RECIPE, tmp_path, stop_at=9)
    edited = RECIPE.replace("    global calls", "    # a remark\n\n    global calls")
    edited = edited.replace("calls = 0", "calls = 6").replace("maker(0.75)", "maker(1)")
    assert len(run_of(edited, tmp_path).batch_loss) == 18


DOCUMENTED = "def augment(x):\n    {}\n    return x + 1\n"


def test_edited_docstring_is_no_other_code():
    made = []
    for text in ('"""Add one."""', '"""Add the number one."""'):
        names = {}
        exec(DOCUMENTED.format(text), names)
        made.append(training._code(names["augment"]))
    assert made[0] == made[1]


def test_fingerprint_is_that_of_other_processes():
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
import test_training as t
print(t.training._code(t.small_affine), t.training._code(t.mixed_up))
"""
    ours = f"{training._code(small_affine)} {training._code(mixed_up)}"
    environment = os.environ | {"PYTHONHASHSEED": "3"}
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert shown.stdout.split() == ours.split(), shown.stderr


def mixed_up(images):
    """A function that names a set of texts, whose order differs by process."""
    return images if str(images.dtype) in {"a", "b", "c", "d", "e"} else noisy(images)


@pytest.mark.parametrize("number", [0.1, 0.2])
def test_arguments_of_a_partial_are_compared(tmp_path, train, validation, number):
    settings = SETTINGS | {"checkpoint_dir": tmp_path, "epochs": 1}
    turned = functools.partial(small_affine, zoom=0.1)
    fit(small_model(), train, validation, augment=turned, **settings)
    again = functools.partial(small_affine, zoom=number)
    if number == 0.1:
        fit(small_model(), train, validation, augment=again, **settings)
    else:
        with pytest.raises(ValueError, match="augment = small_affine.*0.1.*0.2"):
            fit(small_model(), train, validation, augment=again, **settings)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"heads": 4}, "heads = 2"),
        ({"dropout": 0.2}, "dropout.p = 0.1"),
        ({"mlp_dim": 48}, r"blocks.0.mlp.expand.weight = \(32, 16\)"),
        ({"depth": 3}, "blocks.2"),
    ],
)
def test_other_model_is_refused(folder, train, validation, changes, named):
    settings = SETTINGS | {"augment": noisy, "checkpoint_dir": folder}
    with pytest.raises(ValueError, match=named):
        fit(small_model(**changes), train, validation, **settings)


def test_other_data_are_refused(folder, train, validation):
    changed = train[0].clone(), train[1].clone()
    changed[1][0] = 2
    settings = SETTINGS | {"augment": noisy, "checkpoint_dir": folder}
    with pytest.raises(ValueError, match="train = 96 images, crc32"):
        fit(small_model(), changed, validation, **settings)


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text"])
def test_damaged_checkpoint_is_refused(folder, train, validation, damage):
    file = folder / "checkpoint.safetensors"
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    damaged = {
        "cut": whole[: len(whole) // 2],
        "flipped": bytes(flipped),
        "empty": b"",
        "text": b"this is not a checkpoint at all",
    }
    file.write_bytes(damaged[damage])
    settings = SETTINGS | {"augment": noisy, "checkpoint_dir": folder}
    with pytest.raises(ValueError, match="damaged or no checkpoint.*delete it"):
        fit(small_model(), train, validation, **settings)


def test_half_written_file_of_a_killed_run_does_no_harm(folder, train, validation):
    (folder / "checkpoint.tmp").write_bytes(b"half")
    settings = SETTINGS | {"augment": noisy, "checkpoint_dir": folder}
    model = small_model(seed=9)
    fit(model, train, validation, **settings)
    assert_same_weights(weights_of(model), uninterrupted(train, validation)[1])
    assert [path.name for path in folder.iterdir()] == ["checkpoint.safetensors"]


def test_checkpoint_opens_with_safetensors_alone(folder):
    tensors = load_file(folder / "checkpoint.safetensors")
    assert tensors["model.head.weight"].shape == (3, 16)
    assert {name.split(".")[0] for name in tensors} == {"model", "optimizer"}


def test_data_type_of_the_weights_survives(tmp_path, train, validation):
    half = tuple((images.bfloat16(), labels) for images, labels in (train, validation))
    settings = SETTINGS | {"checkpoint_dir": tmp_path, "epochs": 1}
    first, second = small_model().bfloat16(), small_model(seed=1).bfloat16()
    fit(first, *half, **settings)
    fit(second, *half, **settings)
    assert second.head.weight.dtype == torch.bfloat16
    assert_same_weights(weights_of(second), weights_of(first))


def test_state_is_plain_json(folder):
    state, _ = training._read(folder / "checkpoint.safetensors")
    assert json.loads(json.dumps(state)) == state
    assert state["step"] == 12
