"""Train and evaluate an image classifier in PyTorch, with exact resume.

The loop that notebook 04 writes by hand, plus what a long run needs: a progress bar, a
history, and checkpoints from which a killed run continues as if nothing had happened.
"""

import contextlib
import dis
import functools
import json
import math
import os
import random
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from course_utils.data.pictures import class_numbers, upright

Images = Tensor
Labels = Tensor
FORMAT = 2  # of the checkpoint file


@dataclass
class History:
    """What a run recorded: one number per step, or one per epoch.

    Attributes
    ----------
    batch_loss : list of float
        Loss of every training step.
    train_loss : list of float
        Mean of ``batch_loss`` over each epoch.
    validation_loss, validation_accuracy : list of float
        After each epoch; accuracy from 0 to 1.
    seconds : list of float
        Training time until the end of each epoch, validation left out: seconds of the
        processor if the model is on the CPU, seconds of the clock otherwise.
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


# --- Data -------------------------------------------------------------------------


def to_tensors(split, mean: float = 0.5, std: float = 0.5) -> tuple[Images, Labels]:
    """Decode a whole split into two tensors.

    Parameters
    ----------
    split : datasets.Dataset
        With the columns ``image`` (PIL, all of one size) and ``label``. Gray pictures
        (mode L) keep their one channel; others are made RGB, as ``upright`` does.
    mean, std : float
        Subtracted from the pixels, on the scale from 0 to 1, and divided by. The
        defaults give -1 for black and 1 for white, as Hugging Face's ViTs want it.

    Returns
    -------
    images : Tensor, shape (B, C, H, W), float32
    labels : Tensor, shape (B,), int64

    Raises
    ------
    ValueError
        If the split is empty, its images differ in size, or a label is no class.
    """
    if not len(split):
        raise ValueError("the split has no rows, so there is nothing to decode")
    labels = class_numbers(split["label"])
    images = (x if x.mode == "L" else upright(x) for x in split["image"])
    arrays = [np.asarray(image) for image in images]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"images differ in size ({sorted(shapes)[:3]}); resize them")
    pixels = torch.from_numpy(np.stack(arrays))
    if pixels.ndim == 3:
        pixels = pixels.unsqueeze(-1)  # (B, H, W) -> (B, H, W, 1)
    images = pixels.permute(0, 3, 1, 2).float() / 255  # -> (B, C, H, W)
    images = (images.contiguous() - mean) / std
    return images, torch.from_numpy(labels)


def small_affine(
    images: Images, *, degrees: float = 15, shift: float = 0.04, zoom: float = 0.15
) -> Images:
    """Rotate, shift and zoom each image a little, at random (data augmentation).

    Parameters
    ----------
    images : Tensor, shape (B, C, H, W)
    degrees, shift, zoom : float
        Largest rotation in degrees, shift and zoom as a share of the image's side.

    Returns
    -------
    Tensor, shape (B, C, H, W)
    """
    device, dtype = images.device, images.dtype
    draws = 2 * torch.rand(4, len(images), device=device, dtype=dtype) - 1
    angle = draws[0] * math.radians(degrees)
    scale = 1 + draws[1] * zoom
    cos, sin = angle.cos() / scale, angle.sin() / scale
    right, down = 2 * shift * draws[2:]  # the grid runs from -1 to 1
    tall = images.shape[2] / images.shape[3]  # both sides are 2 long there
    rows = [
        torch.stack([cos, -sin * tall, right], 1),
        torch.stack([sin / tall, cos, down], 1),
    ]
    maps = torch.stack(rows, 1)  # (B, 2, 3)
    grid = F.affine_grid(maps, images.shape, align_corners=False)
    return F.grid_sample(images, grid, padding_mode="border", align_corners=False)


# --- Optimizers and schedules -----------------------------------------------------


def adamw(parameters, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW with a memory of about 100 steps (betas 0.9 and 0.99)."""
    return torch.optim.AdamW(
        parameters, lr, betas=(0.9, 0.99), weight_decay=weight_decay, fused=True
    )


def sgd(parameters, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """Stochastic gradient descent with momentum 0.9."""
    return torch.optim.SGD(parameters, lr, momentum=0.9, weight_decay=weight_decay)


def warmup_cosine(progress: float, warmup: float = 0.1) -> float:
    """Factor on the learning rate: up in a line, then down along a half cosine.

    Parameters
    ----------
    progress : float
        Share of the run that is done, from 0 to 1.
    warmup : float
        Share of the run over which the factor climbs to 1.
    """
    if progress < warmup:
        return progress / warmup
    falling = (progress - warmup) / (1 - warmup)  # from 0 to 1
    return 0.5 * (1 + math.cos(math.pi * falling))


def constant(progress: float) -> float:
    """Leave the learning rate as it is."""
    return 1.0


# --- Training ---------------------------------------------------------------------


def fit(
    model: nn.Module,
    train: tuple[Images, Labels],
    validation: tuple[Images, Labels],
    *,
    epochs: int,
    lr: float,
    batch_size: int = 50,
    weight_decay: float = 0.01,
    label_smoothing: float = 0.0,
    augment: Callable[[Images], Images] | None = None,
    optimizer: Callable = adamw,
    schedule: Callable[[float], float] = warmup_cosine,
    seed: int = 0,
    checkpoint_dir: str | Path | None = None,
    checkpoint_every: int | None = None,
    progress: bool = True,
) -> History:
    """Train ``model`` in place on the device where its parameters are.

    Parameters
    ----------
    model : nn.Module
        Maps images (B, C, H, W) to logits (B, number of classes). Given back in the
        mode (training or evaluation) in which it came.
    train, validation : pair of Tensors
        Images (B, C, H, W), float, and labels (B,), int64.
    epochs : int
        Passes over the training images.
    lr : float
        Learning rate at the top of the schedule.
    batch_size : int
        Images per step; the last batch of an epoch may be smaller.
    weight_decay : float
        Given to the optimizer.
    label_smoothing : float
        Share of the target probability spread over all classes.
    augment : callable, optional
        Maps a batch of training images to a changed batch.
    optimizer : callable
        ``optimizer(parameters, lr, weight_decay)`` gives a torch optimizer.
    schedule : callable
        ``schedule(share of the run done)`` gives the factor on ``lr``.
    seed : int
        Of shuffling, augmentation and dropout. The random state of the caller is left
        as it was.
    checkpoint_dir : path, optional
        Folder of ``checkpoint.safetensors``. If it holds one, the run continues from
        there and ends as it would have without the interruption, bit for bit on the
        same machine and CPU threads.
    checkpoint_every : int, optional
        Steps between checkpoints; by default one at the end of each epoch.
    progress : bool
        Show a progress bar on standard output.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        If there is nothing to train on, if images or labels are of another kind, if a
        label is negative or higher than the model's classes go, or if the checkpoint
        is damaged or belongs to another model, other data, other settings, or to
        functions that have been edited since.
    FloatingPointError
        If the loss is no longer a finite number.
    """
    _check_pair(model, train, "train")
    _check_pair(model, validation, "validation")
    sizes = epochs, batch_size, 1 if checkpoint_every is None else checkpoint_every
    if min(sizes) < 1:
        raise ValueError("epochs, batch_size and checkpoint_every must be 1 or more")
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("no parameter of the model has requires_grad=True")
    device = parameters[0].device
    with _own_randomness(seed, device):
        classes = predict(model, train[0][:1]).shape[1]
    _check_labels(train[1], classes, "train")
    _check_labels(validation[1], classes, "validation")
    settings = {
        "epochs": epochs,
        "lr": lr,
        "batch_size": batch_size,
        "weight_decay": weight_decay,
        "label_smoothing": label_smoothing,
        "augment": _name(augment),
        "optimizer": _name(optimizer),
        "schedule": _name(schedule),
        "seed": seed,
        "device": device.type,
    }
    run = _Run(model, optimizer(parameters, lr, weight_decay), settings, device)
    with _own_randomness(seed, device), _own_mode(model):
        if checkpoint_dir is not None:
            settings["train"], settings["validation"] = map(
                _fingerprint, (train, validation)
            )
            run.code = _codes(model, augment, optimizer, schedule)
            run.file = Path(checkpoint_dir) / "checkpoint.safetensors"
            run.every = checkpoint_every
            run.load() if run.file.exists() else run.save()
        total = epochs * math.ceil(len(train[0]) / batch_size)
        with _progress_bar(total, run.step, hidden=not progress) as bar:
            while run.step < total:
                run.train_epoch(train, total, augment, schedule, bar)
                run.finish_epoch(validation, bar)
    return run.history


@torch.inference_mode()
def predict(model: nn.Module, images: Images, batch_size: int = 500) -> Tensor:
    """Compute logits batch by batch, without dropout and without gradients.

    Parameters
    ----------
    model : nn.Module
        Left in the mode (training or evaluation) in which it came.
    images : Tensor, shape (B, C, H, W), float

    Returns
    -------
    Tensor, shape (B, number of classes), on the CPU

    Raises
    ------
    ValueError
        If ``images`` are no float tensor of this shape, or ``batch_size`` is below 1.
    """
    _check_images(model, images, "the image tensor")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, not {batch_size}")
    device = next(model.parameters()).device
    with _own_mode(model):
        model.eval()
        parts = [model(x.to(device)).cpu() for x in images.split(batch_size)]
    return torch.cat(parts)


def evaluate(
    model: nn.Module, data: tuple[Images, Labels], batch_size: int = 500
) -> Scores:
    """Mean cross-entropy and accuracy of ``model`` on ``data``.

    Parameters
    ----------
    model : nn.Module
    data : pair of Tensors
        Images (B, C, H, W), float, and labels (B,), int64.

    Returns
    -------
    Scores

    Raises
    ------
    ValueError
        If ``data`` is empty, of another kind, or its two tensors do not belong
        together, or if a label is no class of the model.
    """
    _check_pair(model, data, "data")
    images, labels = data
    logits, labels = predict(model, images, batch_size).float(), labels.cpu()
    _check_labels(labels, logits.shape[1], "data")
    loss = F.cross_entropy(logits, labels).item()
    return Scores(loss, (logits.argmax(dim=1) == labels).double().mean().item())


# --- One run, and how it is stored ------------------------------------------------


@dataclass
class _Run:
    """Everything that changes while a model trains."""

    model: nn.Module
    opt: torch.optim.Optimizer
    settings: dict
    device: torch.device
    step: int = 0
    seconds: float = 0.0
    history: History = field(default_factory=History)
    file: Path | None = None
    every: int | None = None
    code: dict = field(default_factory=dict)  # checksums of the functions

    def __post_init__(self):
        self.description = _describe(self.model)  # before training changes counters

    def train_epoch(self, train, total, augment, schedule, bar) -> None:
        """Take the steps of the current epoch that are not yet done."""
        images, labels = train
        size, lr = self.settings["batch_size"], self.settings["lr"]
        epoch, done = divmod(self.step, math.ceil(len(images) / size))
        order = _shuffled(len(images), self.settings["seed"], epoch)
        started, before = _clock(self.device), self.seconds
        self.model.train()
        for rows in order.split(size)[done:]:
            x, y = images[rows].to(self.device), labels[rows].to(self.device)
            if augment is not None:
                x = augment(x)
            for group in self.opt.param_groups:
                group["lr"] = lr * schedule((self.step + 0.5) / total)
            self._update(x, y)
            self.step += 1
            self.seconds = before + _clock(self.device) - started
            bar.update()
            if self.every and self.step % self.every == 0:
                if self.step % math.ceil(len(images) / size):  # else: finish_epoch
                    self.save()

    def _update(self, x: Images, y: Labels) -> None:
        smoothing = self.settings["label_smoothing"]
        loss = F.cross_entropy(self.model(x), y, label_smoothing=smoothing)
        if not math.isfinite(loss.item()):
            raise FloatingPointError(
                f"the loss is {loss.item()} at step {self.step + 1}; try a lower lr "
                f"than {self.settings['lr']}, and look for NaN in the images"
            )
        self.opt.zero_grad()
        loss.backward()
        self.opt.step()
        self.history.batch_loss.append(loss.item())

    def finish_epoch(self, validation, bar) -> None:
        """Measure, note in the history, save."""
        history = self.history
        done = len(history.train_loss)
        steps = self.step // (done + 1)
        scores = evaluate(self.model, validation)
        history.train_loss.append(float(np.mean(history.batch_loss[-steps:])))
        history.validation_loss.append(scores.loss)
        history.validation_accuracy.append(scores.accuracy)
        history.seconds.append(self.seconds)
        bar.set_postfix_str(f"validation accuracy {scores.accuracy:.2%}", refresh=False)
        if self.file:
            self.save()

    def save(self) -> None:
        """Write one file under another name, then move it into place.

        A reader, or a run killed at any moment, finds the old file or the new one,
        never a mixture.
        """
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        for i, moments in self.opt.state_dict()["state"].items():
            tensors |= {f"optimizer.{i}.{k}": v for k, v in moments.items()}
        tensors = {k: v.detach().cpu().clone() for k, v in tensors.items()}
        state = {
            "format": FORMAT,
            "step": self.step,
            "seconds": self.seconds,
            "history": asdict(self.history),
            "settings": self.settings,
            "code": self.code,
            "model": self.description,
            "attributes": _attributes(self.model),
            "random": _random_state(self.device),
        }
        text = json.dumps(state)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.file.with_suffix(".tmp")
        metadata = {"state": text, "crc32": _checksum(text, tensors)}
        save_file(tensors, temporary, metadata)
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, self.file)

    def load(self) -> None:
        """Take over the state in the file; nothing is changed if it does not fit."""
        state, tensors = _read(self.file)
        start = state["model"]
        counters = {k: v for k, v in state["attributes"].items() if v != start.get(k)}
        theirs, ours = (
            {k: v for k, v in description.items() if k not in counters}
            for description in (start, self.description)
        )
        _refuse_differences(self.file, theirs, json.loads(json.dumps(ours)))
        ours = json.loads(json.dumps(self.settings))
        _refuse_differences(self.file, state["settings"], ours)
        _refuse_edited_code(self.file, state["code"], self.code)
        weights, moments = {}, {}
        for name, tensor in tensors.items():
            owner, rest = name.split(".", 1)
            if owner == "model":
                weights[rest] = tensor
            else:
                i, key = rest.split(".")
                moments.setdefault(int(i), {})[key] = tensor
        self.model.load_state_dict(weights)
        for name, value in counters.items():
            owner, _, key = name.rpartition(".")
            setattr(self.model.get_submodule(owner), key, value)
        groups = self.opt.state_dict()["param_groups"]
        self.opt.load_state_dict({"state": moments, "param_groups": groups})
        _set_random_state(state["random"], self.device)
        self.step, self.seconds = state["step"], state["seconds"]
        self.history = History(**state["history"])


def _read(file: Path) -> tuple[dict, dict[str, Tensor]]:
    """Read a checkpoint and check that it is whole."""
    try:
        data = file.read_bytes()  # not memory-mapped: Windows could not replace it
        tensors = load_tensors(data)
        length = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + length])["__metadata__"]
        if metadata["crc32"] != _checksum(metadata["state"], tensors):
            raise ValueError("its checksum does not match")
        state = json.loads(metadata["state"])
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"{file} is damaged or no checkpoint of this course ({error}); "
            "delete it to start from the beginning"
        ) from error
    if state["format"] != FORMAT:
        raise ValueError(
            f"{file} has format {state['format']}, this code reads {FORMAT}; delete "
            "it to start from the beginning"
        )
    return state, tensors


def _refuse_differences(file: Path, theirs: dict, ours: dict) -> None:
    """Stop at the first entry in which the checkpoint and this call differ."""
    for key in theirs | ours:
        if theirs.get(key) != ours.get(key):
            raise ValueError(
                f"{file} was written with {key} = {theirs.get(key)}, but this call has "
                f"{key} = {ours.get(key)}; use the former to resume, or another "
                "checkpoint_dir to start anew"
            )


def _refuse_edited_code(file: Path, theirs: dict, ours: dict) -> None:
    """Stop if a function has kept its name, but no longer does the same."""
    for key in theirs | ours:
        if theirs.get(key) != ours.get(key):
            raise ValueError(
                f"{file} was written before the code of the {key} was edited (or "
                "Python updated), so the rest of the run would follow another recipe; "
                "undo the edit to resume, or use another checkpoint_dir to start anew"
            )


def _checksum(text: str, tensors: dict[str, Tensor]) -> str:
    value = zlib.crc32(text.encode())
    for name in sorted(tensors):
        value = zlib.crc32(name.encode(), value)
        value = zlib.crc32(_bytes(tensors[name]), value)
    return f"{value:08x}"


def _bytes(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()


def _fingerprint(data: tuple[Images, Labels]) -> str:
    """Size and checksum of a data set, to notice when it is another one."""
    value = functools.reduce(lambda old, t: zlib.crc32(_bytes(t), old), data, 0)
    return f"{len(data[0])} images, crc32 {value:08x}"


def _describe(model: nn.Module) -> dict:
    """Shapes of the weights and plain attributes (heads, dropout) of all modules."""
    found = {"class": type(model).__name__}
    for name, tensor in model.state_dict().items():
        found[f"shape of {name}"] = f"{tuple(tensor.shape)} {tensor.dtype}"
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            found[f"{name} frozen"] = True
    return found | _attributes(model)


def _attributes(model: nn.Module) -> dict:
    """Plain attributes of all modules: settings, and counters that training moves."""
    return {
        f"{name}.{key}".lstrip("."): value
        for name, module in model.named_modules()
        for key, value in vars(module).items()
        if key != "training" and isinstance(value, bool | int | float | str)
    }


def _name(function: Callable | None) -> str | None:
    """Name a function, or a functools.partial with its arguments, for the settings."""
    if isinstance(function, functools.partial):
        return f"{_name(function.func)}{function.args}{function.keywords}"
    if function is None:
        return None
    return getattr(function, "__qualname__", type(function).__qualname__)


# --- What functions do ------------------------------------------------------------


def _codes(model, augment, optimizer, schedule) -> dict[str, str]:
    """Checksums of all code that a run obeys; that of torch's own layers left out."""
    kinds = {type(module) for module in model.modules()}
    own = [kind for kind in kinds if not kind.__module__.startswith("torch.")]
    own.sort(key=lambda kind: kind.__qualname__)
    return {
        "model": ", ".join(map(_code, own)),
        "augmentation": _code(augment),
        "optimizer": _code(optimizer),
        "schedule": _code(schedule),
    }


def _code(function) -> str:
    """Checksum of what a callable does, to notice that it was edited.

    Counts its code, its defaults, what it has kept of its surroundings, and likewise
    the functions, classes and constants of its own module that it names. What comes
    from other modules counts by name.
    """
    inner = function
    while isinstance(inner, functools.partial):
        inner = inner.func
    text = str(_spelled(function, getattr(inner, "__module__", None), {}))
    return f"{zlib.crc32(text.encode()):08x}"


def _spelled(value, home: str | None, seen: dict):
    """Spell out a value, the same in every process; ``seen`` keeps it from circles."""

    def spell(*parts):
        return [_spelled(part, home, seen) for part in parts]

    if value is None or isinstance(value, _CONSTANTS):
        return repr(value)
    if isinstance(value, Tensor):
        return f"{value.dtype} {tuple(value.shape)} {zlib.crc32(_bytes(value))}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {zlib.crc32(value.tobytes())}"
    if isinstance(value, tuple | list):
        return spell(*value)
    if isinstance(value, set | frozenset):
        return sorted(map(str, spell(*value)))
    if isinstance(value, dict):
        return spell(*value.items())
    if isinstance(value, CodeType):
        return [value.co_code.hex(), value.co_names, *spell(*value.co_consts)]
    if isinstance(value, functools.partial):
        return spell(value.func, value.args, value.keywords)
    if isinstance(value, MethodType):
        return spell(value.__func__, value.__self__)
    if isinstance(value, FunctionType | type | ModuleType):
        name = getattr(value, "__qualname__", value.__name__)
        if getattr(value, "__module__", None) != home:
            return f"{getattr(value, '__module__', '')}.{name}"
    else:
        name = type(value).__qualname__
    if id(value) in seen:
        return name
    seen[id(value)] = value
    return [name, *spell(*_parts(value))]


_CONSTANTS = bool | int | float | complex | str | bytes


def _parts(value) -> tuple:
    """What a function, a class or an object is made of."""
    if isinstance(value, FunctionType):
        doc = value.__doc__
        constants = tuple(c for c in value.__code__.co_consts if c is not doc)
        code = value.__code__.replace(co_consts=constants)
        named = [value.__globals__.get(n) for n in _named(value.__code__)]
        fixed = _CONSTANTS | tuple | FunctionType | type | functools.partial
        named = [thing for thing in named if isinstance(thing, fixed)]
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        return code, value.__defaults__, value.__kwdefaults__, cells, named
    if isinstance(value, type):
        attributes = [
            (name, getattr(part, "__func__", getattr(part, "fget", part)))
            for name, part in vars(value).items()
            if isinstance(part, FunctionType) or not name.startswith("__")
        ]
        return value.__bases__, attributes
    return type(value), getattr(value, "__dict__", None)


def _named(code: CodeType) -> list[str]:
    """Global names that code reads and does not write, inner functions included."""
    read, written = set(), set()
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            read.add(instruction.argval)
        elif instruction.opname == "STORE_GLOBAL":
            written.add(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            read.update(_named(constant))
    return sorted(read - written)


# --- Checks and random numbers ----------------------------------------------------


def _check_images(model: nn.Module, images: Images, name: str) -> None:
    if not isinstance(images, Tensor):
        raise ValueError(
            f"{name} must be a Tensor, not of type {type(images).__qualname__}; "
            "to_tensors makes tensors of a split, torch.from_numpy(array).float() "
            "makes one of an array"
        )
    if images.ndim != 4:
        raise ValueError(
            f"{name} has the shape {tuple(images.shape)}, but a model takes a batch "
            "(B, C, H, W); images[None] makes a batch of a single image (C, H, W), "
            "images[:, None] gives gray images (B, H, W) their channel"
        )
    if not images.is_floating_point():
        raise ValueError(
            f"{name} holds {images.dtype}, but a model computes with floats; scale "
            "gray levels as to_tensors does, (images.float() / 255 - 0.5) / 0.5"
        )
    kinds = {parameter.dtype for parameter in model.parameters()}
    if images.dtype == torch.float64 and torch.float64 not in kinds:
        raise ValueError(
            f"{name} holds torch.float64, NumPy's usual kind, but the model's weights "
            "are of another; give images.float()"
        )


def _check_pair(model: nn.Module, data: tuple[Images, Labels], name: str) -> None:
    if not isinstance(data, tuple | list) or len(data) != 2:
        raise ValueError(
            f"{name} must be a pair, images and labels, not of type "
            f"{type(data).__qualname__}; to_tensors makes such a pair of a split"
        )
    images, labels = data
    _check_images(model, images, f"the image tensor of {name}")
    if not isinstance(labels, Tensor) or labels.ndim != 1:
        shape = f" of shape {tuple(labels.shape)}" if hasattr(labels, "shape") else ""
        raise ValueError(
            f"{name} needs labels as a tensor of shape (B,), one number for each image,"
            f" but has the type {type(labels).__qualname__}{shape}; "
            "torch.tensor(labels) makes a tensor of a list or an array"
        )
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(
            f"{name} has {len(images)} images and {len(labels)} labels; give one label "
            "for each image, and at least one image"
        )
    if labels.dtype != torch.int64:
        raise ValueError(
            f"{name} has {labels.dtype} labels; give int64 labels, as to_tensors does"
        )


def _check_labels(labels: Labels, classes: int, name: str) -> None:
    try:
        class_numbers(labels, classes)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _shuffled(count: int, seed: int, epoch: int) -> Tensor:
    """Order of the images in one epoch, the same in every run with this seed."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    return torch.randperm(count, generator=generator)


def _clock(device: torch.device) -> float:
    if device.type == "cpu":
        return time.process_time()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _progress_bar(total: int, done: int, hidden: bool):
    return tqdm(
        total=total,
        initial=done,
        disable=hidden,
        unit="step",
        mininterval=1.0,
        ncols=88,
        file=sys.stdout,
    )


@contextlib.contextmanager
def _own_mode(model: nn.Module):
    """Give every module back in the mode (training or evaluation) in which it came."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextlib.contextmanager
def _own_randomness(seed: int, device: torch.device):
    """Seed all random numbers inside, and give the caller's state back after.

    Leaves accelerators other than ``device`` alone; torch.manual_seed would not.
    """
    outside = _random_state(device)
    random.seed(seed)
    np.random.seed(seed)
    torch.default_generator.manual_seed(int(seed))
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    try:
        yield
    finally:
        _set_random_state(outside, device)


def _random_state(device: torch.device) -> dict:
    """State of the random numbers of Python, NumPy and torch, as JSON can hold it."""
    numpy_state = np.random.get_state(legacy=False)
    numpy_state["state"]["key"] = numpy_state["state"]["key"].tolist()
    state = {
        "python": random.getstate(),
        "numpy": numpy_state,
        "torch": torch.get_rng_state().tolist(),
    }
    if device.type == "cuda":
        state["device"] = torch.cuda.get_rng_state(device).tolist()
    elif device.type == "mps":
        state["device"] = torch.mps.get_rng_state().tolist()
    return state


def _set_random_state(state: dict, device: torch.device) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    np.random.set_state(state["numpy"])
    torch.set_rng_state(torch.tensor(state["torch"], dtype=torch.uint8))
    if "device" in state:
        numbers = torch.tensor(state["device"], dtype=torch.uint8)
        if device.type == "cuda":
            torch.cuda.set_rng_state(numbers, device)
        else:
            torch.mps.set_rng_state(numbers)
