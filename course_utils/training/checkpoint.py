"""Stop and resume: a killed run of ``fit`` ends as if nobody had stopped it."""

import contextlib
import hashlib
import inspect
import json
import os
import re
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from datasets.fingerprint import Hasher
from datasets.utils._dill import pklregister
from safetensors import SafetensorError
from safetensors.torch import load, save

from course_utils.training import loop, refuse_other_settings


class Checkpoint(loop.Callback):
    """Keep ``checkpoint.safetensors`` in a folder, and continue from it if it is there.

    The resumed run equals the undisturbed one, bit for bit on the same machine with the
    same number of CPU threads. ``folder`` belongs to this run alone. A checkpoint is
    written after each epoch, and after ``every`` steps. ``fit`` raises a ValueError if
    it is damaged, or was written with another model, data, settings, or code.
    """

    def __init__(self, folder: str | Path, every: int | None = None):
        self.file, self.every = Path(folder) / "checkpoint.safetensors", every

    def on_start(self, state: loop.State) -> None:
        self.settings = _describe(state)
        self._load(state) if self.file.exists() else self.on_epoch(state)

    def on_step(self, state: loop.State) -> None:
        if self.every and state.step % self.every == 0:
            self.on_epoch(state)

    def on_epoch(self, state: loop.State) -> None:
        """Write a new file beside the old one; it gets its name when it is whole."""
        tensors = {f"model {k}": v for k, v in state.model.state_dict().items()}
        for i, memory in state.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer {i} {k}": v for k, v in memory.items()}
        python, numpy, *others = loop.random_state(state.device)
        tensors |= {f"random {i}": v for i, v in enumerate(others)}
        tensors = {name: value.clone() for name, value in tensors.items()}  # unshared
        kept = {
            "settings": self.settings,
            "attributes": _attributes(state.model),
            "random": (python, numpy),
            "run": (state.step, state.seconds, asdict(state.history)),
        }
        text = json.dumps(kept)
        metadata = {"state": text, "sha256": _checksum(tensors, text)}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        with open(part, "wb") as file:
            file.write(save(tensors, metadata))
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.file)

    def _load(self, state):
        """Take over what the file holds, or refuse it and change nothing."""
        kept, tensors = read(self.file)
        parts, memory = {"model": {}, "optimizer": {}, "random": {}}, {}
        for name, value in tensors.items():
            part, key = name.split(" ", 1)
            parts[part][key] = value
        start, end = kept["settings"], kept["attributes"]
        # Some attributes of the model are counters, which training itself changes.
        counters = {key: end[key] for key in end if end[key] != start.get(key)}
        refuse_other_settings(self.file, start | counters, self.settings | counters)
        state.model.load_state_dict(parts["model"])
        for name, value in counters.items():
            owner, _, key = name.rpartition(".")
            setattr(state.model.get_submodule(owner), key, value)
        for name, value in parts["optimizer"].items():
            number, key = name.split()
            memory.setdefault(int(number), {})[key] = value
        groups = state.optimizer.state_dict()["param_groups"]
        state.optimizer.load_state_dict({"state": memory, "param_groups": groups})
        others = [parts["random"][key] for key in sorted(parts["random"])]
        loop.set_random_state([*kept["random"], *others], state.device)
        state.step, state.seconds, history = kept["run"]
        vars(state.history).update(history)


def read(file: Path) -> tuple[dict, dict]:
    """Read a checkpoint by our checksum; ``torch.load`` took 36 of 40 flipped bits."""
    content = file.read_bytes()
    try:
        tensors, length = load(content), int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length])["__metadata__"]
        if _checksum(tensors, metadata["state"]) != metadata["sha256"]:
            raise ValueError("its checksum does not match")
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"{file} is damaged or not a checkpoint of this course ({error}); delete "
            "it to start from the beginning"
        ) from None
    return json.loads(metadata["state"]), tensors


def _checksum(tensors, text):
    return hashlib.sha256(save(tensors) + text.encode()).hexdigest()


def _describe(state):
    """Spell out everything that decides how a run goes on."""
    found, model = {"device": state.device.type}, state.model
    for name, value in state.settings.items():
        if name in ("train", "validation"):
            parts = [t.cpu().contiguous().view(torch.uint8).numpy() for t in value]
            value = f"{len(value[1])} images, fingerprint {Hasher.hash_bytes(parts)}"
        if name not in ("model", "callbacks", "progress"):
            found[name] = re.sub(" at 0x[0-9A-Fa-f]+", "", str(value))
        if callable(value) and name != "model":
            found[f"code of {name}"] = fingerprint(value)
    kinds = {type(part).__qualname__: type(part) for part in model.modules()}
    own = [kinds[name] for name in sorted(kinds)]
    own = [kind for kind in own if not kind.__module__.startswith("torch.")]
    found |= {"model": type(model).__name__, "code of model": fingerprint(*own)}
    for name, tensor in model.state_dict(keep_vars=True).items():
        frozen = "" if tensor.requires_grad else ", frozen"
        found[f"shape of {name}"] = f"{tuple(tensor.shape)} {tensor.dtype}{frozen}"
    return found | _attributes(model)


def _attributes(model):
    """Plain attributes of all modules: settings, and counters that training moves."""
    return {
        f"{name}.{key}".lstrip("."): np.asarray(value).item()  # NumPy's numbers, too
        for name, module in model.named_modules()
        for key, value in vars(module).items()
        if key != "training" and isinstance(value, bool | int | float | str | np.number)
    }


def fingerprint(*things) -> str:
    """Condense what functions and classes do into a few letters.

    ``datasets`` spells out what a notebook defines; of modules, we add the source.
    """
    sources = []
    for thing in things:
        with contextlib.suppress(OSError, TypeError):  # a notebook's, or no function
            sources.append(inspect.getsource(thing))
    return Hasher.hash([things, sources])


@pklregister(frozenset)
def _sorted_frozenset(pickler, things):
    """Spell out ``in {"a", "b"}`` alike in all processes, as ``datasets`` does sets."""
    pickler.save_reduce(frozenset, (sorted(things, key=repr),), obj=things)
