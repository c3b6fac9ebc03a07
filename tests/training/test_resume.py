"""A killed run resumes bit for bit, and a damaged checkpoint is refused."""

import copy
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from stripes import (
    SETTINGS,
    assert_same_weights,
    noisy,
    small_model,
    stopping,
    uninterrupted,
    weights_of,
)
from torch import nn

from course_utils.training import (
    Checkpoint,
    checkpoint,
    fit,
    loop,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("optimizer", [loop.adamw, loop.sgd])
@pytest.mark.parametrize("stop_at", [1, 3, 7, 9, 18])
def test_interrupted_run_resumes_exactly(
    tmp_path, train, validation, stop_at, optimizer
):
    wanted, weights = uninterrupted(train, validation, optimizer=optimizer)
    settings = SETTINGS | {
        "callbacks": [Checkpoint(tmp_path, every=2)],
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
    monkeypatch.setattr(loop.time, "process_time", lambda: now[0])

    def ticking(model):
        model.register_forward_pre_hook(
            lambda module, _: now.__setitem__(0, now[0] + module.training)
        )
        return model

    wanted = fit(ticking(small_model()), train, validation, **SETTINGS).seconds
    assert wanted == [6, 12, 18]  # a second for each of six batches
    settings = SETTINGS | {"callbacks": [Checkpoint(tmp_path, every=2)]}
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
    settings = SETTINGS | {"callbacks": [Checkpoint(tmp_path)]}
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
    settings = SETTINGS | {"callbacks": [Checkpoint(tmp_path)]}
    fit(Counting(), train, validation, **settings)
    other = Counting()
    other.strength = 0.2
    with pytest.raises(ValueError, match="strength = 0.1, but this call has strength"):
        fit(other, train, validation, **settings)


def test_finished_run_is_loaded_and_not_trained_again(tmp_path, train, validation):
    first = small_model()
    settings = SETTINGS | {"callbacks": [Checkpoint(tmp_path)]}
    wanted = fit(first, train, validation, **settings)
    second = small_model(seed=5)
    assert fit(second, train, validation, **settings) == wanted
    assert_same_weights(weights_of(second), weights_of(first))


RUN_FOREVER = """
import sys, torch
sys.path[:0] = [{root!r}, {tests!r}]
torch.set_num_threads(1)
import stripes as t
from course_utils.training import Checkpoint
train, validation = t.striped_images(), t.striped_images(30, seed=1)
t.fit(t.small_model(), train, validation, augment=t.noisy,
      callbacks=[Checkpoint({folder!r}, every=1)], **(t.SETTINGS | {{"epochs": 20}}))
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
        callbacks=[Checkpoint(tmp_path, every=1)],
        **settings,
    )
    wanted, weights = uninterrupted(train, validation, epochs=20)
    assert_same_weights(weights_of(model), weights)
    assert got.batch_loss == wanted.batch_loss


def steps_done(file):
    return checkpoint.read(file)[0]["run"][0]


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
    settings = SETTINGS | {"augment": noisy, "callbacks": [Checkpoint(folder)]}
    with pytest.raises(ValueError, match="damaged or not a checkpoint.*delete it"):
        fit(small_model(), train, validation, **settings)


def test_half_written_file_of_a_killed_run_does_no_harm(folder, train, validation):
    (folder / "checkpoint.part").write_bytes(b"half")
    settings = SETTINGS | {"augment": noisy, "callbacks": [Checkpoint(folder)]}
    model = small_model(seed=9)
    fit(model, train, validation, **settings)
    assert_same_weights(weights_of(model), uninterrupted(train, validation)[1])
    assert [path.name for path in folder.iterdir()] == ["checkpoint.safetensors"]


def test_checkpoint_opens_with_safetensors_alone(folder):
    with safe_open(folder / "checkpoint.safetensors", "pt") as file:
        assert file.get_tensor("model head.weight").shape == (3, 16)
        assert json.loads(file.metadata()["state"])["run"][0] == 12


def test_data_type_of_the_weights_survives(tmp_path, train, validation):
    half = tuple((images.bfloat16(), labels) for images, labels in (train, validation))
    settings = SETTINGS | {"callbacks": [Checkpoint(tmp_path)], "epochs": 1}
    first, second = small_model().bfloat16(), small_model(seed=1).bfloat16()
    fit(first, *half, **settings)
    fit(second, *half, **settings)
    assert second.head.weight.dtype == torch.bfloat16
    assert_same_weights(weights_of(second), weights_of(first))
