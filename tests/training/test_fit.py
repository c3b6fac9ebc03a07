"""What ``fit`` learns and records, and that its recipe is a loop written out."""

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from stripes import (
    SETTINGS,
    assert_same_weights,
    noisy,
    small_model,
    stopping,
    striped_images,
    weights_of,
)

from course_utils.training import (
    evaluate,
    fit,
    loop,
    predict,
    small_affine,
)
from course_utils.vit.torch import ViT

ROOT = Path(__file__).resolve().parents[2]


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
    with loop.own_randomness(5, torch.device("cpu")):
        pass
    assert not seeded
    torch.manual_seed(5)
    assert seeded  # so the test would have noticed


def test_own_randomness_is_that_of_manual_seed():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    with loop.own_randomness(5, torch.device("cpu")):
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
    factor = loop.warmup_cosine
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
    [(loop.adamw, adamw_by_hand, 0.003), (loop.sgd, sgd_by_hand, 0.03)],
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
        optimizer=loop.adamw,
        schedule=loop.warmup_cosine,
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
