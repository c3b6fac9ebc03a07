"""A checkpoint of other settings, data or code is refused by name."""

import functools
import importlib
import os
import subprocess
import sys
from pathlib import Path

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
    Checkpoint,
    checkpoint,
    fit,
    loop,
    small_affine,
)
from course_utils.vit.torch import ViT

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lr": 1e-3}, "lr = 0.003, but this call has lr = 0.001"),
        ({"epochs": 5}, "epochs = 3, but this call has epochs = 5"),
        ({"batch_size": 8}, "batch_size = 16"),
        ({"seed": 1}, "seed = 0"),
        ({"augment": None}, "augment = <function noisy>, .* call has augment = None"),
        ({"optimizer": loop.sgd}, "optimizer = <function adamw>"),
        ({"schedule": loop.constant}, "schedule = <function warmup_cosine>"),
        ({"label_smoothing": 0.1}, "label_smoothing = 0.0"),
    ],
)
def test_other_settings_are_refused(folder, train, validation, changes, named):
    settings = (
        SETTINGS | {"augment": noisy, "callbacks": [Checkpoint(folder)]} | changes
    )
    model = small_model(seed=9)
    before = weights_of(model)
    with pytest.raises(ValueError, match=named) as refusal:
        fit(model, train, validation, **settings)
    assert "another folder" in str(refusal.value)
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
        callbacks=[Checkpoint(folder)],
        **SETTINGS,
    )


@pytest.mark.parametrize(
    ("old", "new", "augment", "what"),
    [
        ("* strength + more", "* strength - more", "augment", "augment"),
        ("torch.sin", "torch.cos", "augment", "augment"),
        ("strength=2.0", "strength=2.5", "augment", "augment"),
        ("more=3.0", "more=3.5", "augment", "augment"),
        ("STRENGTH = 0.1", "STRENGTH = 0.2", "augment", "augment"),
        ("images * 1.0", "images * 1.5", "augment", "augment"),
        ("maker(0.75)", "maker(0.5)", "bright", "augment"),
        ("images + amount", "images * amount", "bright", "augment"),
        ("shift=0.25", "shift=0.5", "tint", "augment"),
        ("amount = 0.5", "amount = 0.6", "tint", "augment"),
        ("amount * self", "amount + self", "tint", "augment"),
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
    said = f"the code of {what} was edited, .*; undo the edit to resume, or give"
    with pytest.raises(ValueError, match=said) as refusal:
        run_of(RECIPE.replace(old, new), tmp_path, augment)
    assert "\n" not in str(refusal.value)
    run_of(RECIPE, tmp_path, augment)


def test_function_edited_in_a_file_of_its_own_is_noticed(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = set()
    for number in (1, 2):
        (tmp_path / "own_file.py").write_text(
            f"def brighter(x):\n    return x + {number}\n"
        )
        sys.modules.pop("own_file", None)
        importlib.invalidate_caches()
        found.add(checkpoint.fingerprint(importlib.import_module("own_file").brighter))
    assert len(found) == 2


def test_fingerprint_is_that_of_other_processes():
    code = f"""
import sys
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}, {str(Path(__file__).parent)!r}]
import test_settings as t
print(t.of_everything())
"""
    for number in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": number}
        shown = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env=environment,
        )
        assert shown.stdout.strip() == of_everything(), shown.stderr


MIXED_UP = """
def mixed_up(images):
    'A set of texts has another order in each process.'
    return images if str(images.dtype) in {"a", "b", "c", "d", "e"} else -images
"""


def of_everything():
    names = {"__name__": "__main__"}
    exec(RECIPE + MIXED_UP, names)
    things = [
        names[name]
        for name in ("augment", "bright", "tint", "schedule", "Model", "mixed_up")
    ]
    return checkpoint.fingerprint(small_affine, ViT, *things)


@pytest.mark.parametrize("number", [0.1, 0.2])
def test_arguments_of_a_partial_are_compared(tmp_path, train, validation, number):
    settings = SETTINGS | {"callbacks": [Checkpoint(tmp_path)], "epochs": 1}
    turned = functools.partial(small_affine, zoom=0.1)
    fit(small_model(), train, validation, augment=turned, **settings)
    again = functools.partial(small_affine, zoom=number)
    if number == 0.1:
        fit(small_model(), train, validation, augment=again, **settings)
    else:
        with pytest.raises(ValueError, match="augment = .*small_affine.*0.1.*0.2"):
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
    settings = SETTINGS | {"augment": noisy, "callbacks": [Checkpoint(folder)]}
    with pytest.raises(ValueError, match=named):
        fit(small_model(**changes), train, validation, **settings)


def test_other_data_are_refused(folder, train, validation):
    changed = train[0].clone(), train[1].clone()
    changed[1][0] = 2
    settings = SETTINGS | {"augment": noisy, "callbacks": [Checkpoint(folder)]}
    with pytest.raises(ValueError, match="train = 96 images, fingerprint"):
        fit(small_model(), changed, validation, **settings)
