"""Training: it learns, it counts right, and a killed run resumes bit for bit."""

import json
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

from course_utils import training
from course_utils.training import evaluate, fit, predict, small_affine, to_tensors
from course_utils.vit.torch import ViT

ROOT = Path(__file__).resolve().parent.parent
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


class Stopping:
    """An augmentation that does what ``noisy`` does, and stops at one call."""

    def __init__(self, at):
        self.calls_left = at
        self.__qualname__ = noisy.__qualname__

    def __call__(self, images):
        self.calls_left -= 1
        if self.calls_left == 0:
            raise KeyboardInterrupt
        return noisy(images)


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
    model = small_model()
    with pytest.raises(KeyboardInterrupt):
        fit(model, train, validation, augment=Stopping(stop_at), **settings)
    fresh = small_model(seed=9)  # its own weights must not matter
    got = fit(fresh, train, validation, augment=noisy, **settings)
    assert_same_weights(weights_of(fresh), weights)
    assert got.batch_loss == wanted.batch_loss
    assert got.validation_loss == wanted.validation_loss
    assert len(got.seconds) == len(wanted.seconds)


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
            small_model(),
            train,
            validation,
            augment=Stopping(13),
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
