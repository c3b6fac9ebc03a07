"""Train and evaluate an image classifier in PyTorch: the loop of notebook 04."""

import contextlib
import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from course_utils.data.pictures import class_numbers
from course_utils.training.pictures import check_images, check_pair

Pair = tuple[Tensor, Tensor]  # images (B, C, H, W), float, and labels (B,), int64


@dataclass
class History:
    """What a run recorded: ``batch_loss`` for each step, the rest for each epoch.

    ``seconds`` adds up the training steps: processor time for a model on the CPU.
    """

    batch_loss: list[float] = field(default_factory=list)
    train_loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Scores(NamedTuple):
    """Mean cross-entropy and share of correct answers (0 to 1)."""

    loss: float
    accuracy: float


@dataclass
class State:
    """What changes while a model trains; callbacks read it and may set it."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    device: torch.device
    settings: dict  # the arguments of fit
    step: int = 0
    seconds: float = 0.0
    history: History = field(default_factory=History)


class Callback:
    """What ``fit`` calls before the first step, after each step, after each epoch."""

    def on_start(self, state: State) -> None: ...
    def on_step(self, state: State) -> None: ...
    def on_epoch(self, state: State) -> None: ...


def adamw(parameters, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW with a memory of about 100 steps (betas 0.9 and 0.99)."""
    return torch.optim.AdamW(
        parameters, lr, betas=(0.9, 0.99), weight_decay=weight_decay, fused=True
    )


def sgd(parameters, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum 0.9."""
    return torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=weight_decay)


def warmup_cosine(progress: float, warmup: float = 0.1) -> float:
    """Factor on the learning rate: up in a line, then down along half a cosine."""
    if progress < warmup:
        return progress / warmup
    falling = (progress - warmup) / (1 - warmup)  # from 0 to 1
    return 0.5 * (1 + math.cos(math.pi * falling))


def constant(progress: float) -> float:
    """Leave the learning rate as it is."""
    return 1.0


def fit(
    model: nn.Module,
    train: Pair,
    validation: Pair,
    *,
    epochs: int,
    lr: float,
    batch_size: int = 50,
    weight_decay: float = 0.01,
    label_smoothing: float = 0.0,
    augment: Callable[[Tensor], Tensor] | None = None,
    optimizer: Callable = adamw,
    schedule: Callable[[float], float] = warmup_cosine,
    seed: int = 0,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
) -> History:
    """Train ``model`` in place, on the device where its parameters are.

    Parameters
    ----------
    model : nn.Module
        Maps images (B, C, H, W) to logits (B, number of classes).
    train, validation : pair of Tensors
        Images (B, C, H, W), float, and labels (B,), int64; a ValueError otherwise.
    lr, weight_decay, optimizer, schedule
        ``optimizer(parameters, lr, weight_decay)`` gives a torch optimizer, and
        ``schedule(share of the run that is done)`` the factor on ``lr``.
    label_smoothing, augment
        Share of the target probability that is spread over all classes, and a function
        that changes a batch of training images.
    seed : int
        Of shuffling, augmentation and dropout; the caller's random numbers stay.
    callbacks : sequence of Callback
        With ``Checkpoint(folder, every=100)`` a killed run goes on where it stood.
    """
    settings = dict(locals())  # the arguments, which a checkpoint compares
    if min(epochs, batch_size) < 1:
        raise ValueError("epochs and batch_size must be 1 or more")
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("no parameter of the model has requires_grad=True")
    _check(model, train, "train")
    _check(model, validation, "validation")
    (images, labels), device = train, parameters[0].device
    steps = math.ceil(len(images) / batch_size)  # in an epoch
    total = epochs * steps
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    opt = optimizer(parameters, lr, weight_decay)
    state = State(model, opt, device, settings)
    look = {"unit": "step", "mininterval": 1.0, "ncols": 88, "file": sys.stdout}
    bar = tqdm(total=total, disable=not progress, **look)

    with own_randomness(seed, device), own_mode(model), bar:
        for callback in callbacks:
            callback.on_start(state)
        bar.update(state.step)  # more than 0 if a checkpoint was there
        history = state.history
        for epoch in range(len(history.train_loss), epochs):
            model.train()
            own = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
            order = torch.randperm(len(images), generator=own).split(batch_size)
            for rows in order[state.step - epoch * steps :]:
                started = clock()
                for group in opt.param_groups:
                    group["lr"] = lr * schedule((state.step + 0.5) / total)
                x, y = images[rows].to(device), labels[rows].to(device)
                x = x if augment is None else augment(x)
                loss = F.cross_entropy(model(x), y, label_smoothing=label_smoothing)
                opt.zero_grad()
                loss.backward()
                history.batch_loss.append(_finite(loss.item(), state))
                opt.step()
                state.step += 1
                state.seconds += clock() - started
                bar.update()
                for callback in callbacks:
                    callback.on_step(state)
            scores = evaluate(model, validation)
            history.train_loss.append(float(np.mean(history.batch_loss[-steps:])))
            history.validation_loss.append(scores.loss)
            history.validation_accuracy.append(scores.accuracy)
            history.seconds.append(state.seconds)
            bar.set_postfix_str(f"validation accuracy {scores.accuracy:.2%}", False)
            for callback in callbacks:
                callback.on_epoch(state)
    return history


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor, batch_size: int = 500) -> Tensor:
    """Compute logits (B, classes) of images (B, C, H, W), on the CPU, without dropout.

    The model keeps its mode (training or evaluation).
    """
    check_images(model, images, "the image tensor")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
    device = next(model.parameters()).device
    with own_mode(model):
        model.eval()
        return torch.cat([model(x.to(device)).cpu() for x in images.split(batch_size)])


def evaluate(model: nn.Module, data: Pair, batch_size: int = 500) -> Scores:
    """Mean cross-entropy and accuracy on a pair of images and labels, as in ``fit``."""
    _check(model, data, "data")
    logits, labels = predict(model, data[0], batch_size).float(), data[1].cpu()
    loss = F.cross_entropy(logits, labels).item()
    return Scores(loss, (logits.argmax(dim=1) == labels).double().mean().item())


def _check(model, data, name):
    """Refuse data from which the model cannot learn or by which it cannot be judged."""
    check_pair(model, data, name)
    try:
        class_numbers(data[1], predict(model, data[0][:1]).shape[1])
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _finite(loss, state):
    if math.isfinite(loss):
        return loss
    raise FloatingPointError(
        f"the loss is {loss} at step {state.step + 1}; try a lower lr than "
        f"{state.settings['lr']}, and look for NaN in the images"
    )


@contextlib.contextmanager
def own_mode(model: nn.Module):
    """Give every module back in the mode (training or evaluation) in which it came."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def own_randomness(seed: int, device: torch.device):
    """Seed all random numbers inside, and give the caller's state back afterwards."""
    outside = random_state(device)
    random.seed(seed)
    np.random.seed(seed)
    for generator in _generators(device):
        generator.manual_seed(int(seed))
    try:
        yield
    finally:
        set_random_state(outside, device)


def random_state(device: torch.device) -> list:
    """Return the states of the random numbers of Python, NumPy and torch."""
    name, key, *rest = np.random.get_state()
    states = [generator.get_state() for generator in _generators(device)]
    return [random.getstate(), (name, key.tolist(), *rest), *states]


def set_random_state(states: list, device: torch.device) -> None:
    """Go on from what ``random_state`` returned."""
    version, numbers, gauss = states[0]  # lists, if they were stored as JSON
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(tuple(states[1]))
    for generator, state in zip(_generators(device), states[2:], strict=True):
        generator.set_state(state)


def _generators(device):
    """Return torch's generator on the CPU, and the one of the model's accelerator."""
    found = [torch.default_generator]
    if device.type == "cuda":
        found.append(torch.cuda.default_generators[device.index])
    if device.type == "mps":
        found.append(torch.mps._get_default_mps_generator())
    return found
