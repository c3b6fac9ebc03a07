"""Pictures, models and steps of nb10.py; to run it, see there."""

import functools
import itertools
import math
import os
import time

import numpy as np
import torch
from datasets import concatenate_datasets
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from course_utils.data import load
from course_utils.finetune import torch as finetune
from course_utils.session import ROOT
from course_utils.training import warmup_cosine

FOLDER, NAMES = ROOT / "data" / "tiny-vit", ("cat", "dog")
BATCH, LARGEST = 16, 200  # pictures in a step, and of a run at most
RANK, ALPHA = 8, 16  # of LoRA, in the queries and values of all blocks
BINS, TEMPERATURES = 5, np.geomspace(0.25, 16, 121)


# Pictures


class Pictures:
    """The parts of one data set, and the batches that all ways share."""

    def __init__(self, title: str, profile: str):
        self.title = title
        os.environ["COURSE_PROFILE"] = profile
        data = load("cats_vs_dogs")
        self.processor = finetune.load_processor(FOLDER)
        order = turns(np.array(data["train"]["label"]), np.random.default_rng(0))
        cut = min(2 * len(order) // 3, 1000)
        self.pool = data["train"].select(order[:cut])
        rest = data["train"].select(order[cut:])
        held_out = concatenate_datasets([rest, data["validation"]])
        self.labels = np.array(self.pool["label"])
        self.held_out = self.tensors(at_most(held_out, 500))
        self.test = self.tensors(at_most(data["test"], 1000))
        self.count = {"pool": cut}
        self.count |= {n: len(getattr(self, n)[1]) for n in ("held_out", "test")}

    def rows(self, size: int, seed: int):
        order = turns(self.labels, np.random.default_rng(seed))
        return self.pool.select(order[:size])

    def tensors(self, rows, augment=None):
        """Return pixel values (n, 3, H, W) and labels (n,)."""
        prepare = finetune.pixels(self.processor, augment)
        parts = [prepare(rows[i : i + 50]) for i in range(0, len(rows), 50)]
        labels = torch.tensor([label for part in parts for label in part["labels"]])
        return torch.cat([part["pixel_values"] for part in parts]), labels

    @functools.lru_cache(1)  # noqa: B019
    def batches(self, size: int, seed: int, steps: int, augmented: bool = True):
        """Return the batches of a run, as the loop of notebook 10 draws them."""
        change = finetune.augment if augmented else None
        rows = self.rows(size, seed)
        rows = rows.with_transform(finetune.pixels(self.processor, change))
        torch.manual_seed(seed)
        loader = DataLoader(
            rows,
            min(BATCH, size),
            shuffle=True,
            drop_last=True,
            collate_fn=finetune.collate,
        )
        endless = itertools.chain.from_iterable(itertools.repeat(loader))
        return list(itertools.islice(endless, steps))

    @functools.lru_cache(8)  # noqa: B019
    def features(self, seed: int, copies: int):
        """Return what tiny-vit's head reads of the 200 pictures, copy by copy."""
        model, rows = start_of("pre-trained", seed), self.rows(LARGEST, seed)
        torch.manual_seed(seed)
        looks = [finetune.augment] * copies or [None]
        parts = [self.tensors(rows, augment) for augment in looks]
        labels = parts[0][1].numpy()
        return [tokens(model, images)[-1] for images, _ in parts], labels

    @functools.lru_cache(1)  # noqa: B019
    def judges(self):
        """Return the features and labels of held-out and of test pictures."""
        model = start_of("pre-trained", 0)
        return {
            part: (tokens(model, images)[-1], labels.numpy())
            for part, (images, labels) in self.parts().items()
        }

    def parts(self):
        return {"held_out": self.held_out, "test": self.test}


def turns(labels, rng):
    """Return row numbers in random order, classes taking turns."""
    classes = [rng.permutation(np.flatnonzero(labels == i)) for i in np.unique(labels)]
    shortest = min(map(len, classes))
    return np.stack([rows[:shortest] for rows in classes], axis=1).ravel()


def at_most(split, n):
    return split.shuffle(seed=0).select(range(min(n, len(split))))


# Models


class LoRA(nn.Module):
    """A frozen linear layer and a change of low rank, which begins at zero."""

    def __init__(self, linear: nn.Linear):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(RANK, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, RANK))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x):
        change = x @ self.down.T @ self.up.T  # (..., D) -> (..., rank) -> (..., D)
        return self.linear(x) + ALPHA / RANK * change


def start_of(kind: str, seed: int):
    """Return tiny-vit with a random head, or its architecture with random weights."""
    torch.manual_seed(seed)
    make = finetune.scratch if kind == "from scratch" else finetune.pretrained
    return make(FOLDER, NAMES).eval()


def with_head(model, probe):
    """Make a probe of two classes the head of a model, as in notebook 10."""
    scaler, linear = probe
    weight = linear.coef_ / scaler.scale_  # (1, D)
    bias = linear.intercept_ - weight @ scaler.mean_  # (1,)
    with torch.no_grad():
        model.classifier.weight.copy_(torch.tensor(np.concatenate([-weight, weight])))
        model.classifier.weight.div_(2)
        model.classifier.bias.copy_(torch.tensor(np.concatenate([-bias, bias])) / 2)
    return model


def with_lora(model, seed: int):
    """Freeze all but the head, and put LoRA beside queries and values."""
    torch.manual_seed(seed)
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    for block in model.vit.layers:
        block.attention.q_proj = LoRA(block.attention.q_proj)
        block.attention.v_proj = LoRA(block.attention.v_proj)
    return model


def thaw(model, which: str):
    """Let only ``"last 2 blocks"`` and their like learn, with last norm and head."""
    kind, count, _ = which.split()
    finetune.freeze(model, len(model.vit.layers) - int(count))
    if kind == "first":
        for block in model.vit.layers:
            block.requires_grad_(False)
        model.vit.embeddings.requires_grad_(True)
        model.vit.layers[: int(count)].requires_grad_(True)
    return model


def train(model, batches, lr: float, optimizer=None, after=None) -> float:
    """Take a step for each batch, as in notebook 10; return seconds of the processor.

    ``after(step)`` is called after each step, of which the first is 1.
    """
    if optimizer is None:
        optimizer = finetune.layerwise_adamw(model, lr, 1.0, weight_decay=0.01)
    schedule = LambdaLR(optimizer, lambda i: warmup_cosine((i + 0.5) / len(batches)))
    began = time.process_time()
    model.train()
    for step, batch in enumerate(batches, start=1):
        loss = model(**batch).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if after is not None:
            after(step)
    model.eval()
    return time.process_time() - began


@torch.inference_mode()
def logits_of(model, images):
    return torch.cat([model(pixel_values=part).logits for part in images.split(50)])


@torch.inference_mode()
def tokens(model, images):
    """Return the class token before each block, and after the last norm: (n, D)."""
    parts = [
        model(pixel_values=part, output_hidden_states=True).hidden_states
        for part in images.split(50)
    ]
    found = [torch.cat([h[:, 0] for h in layer]) for layer in zip(*parts, strict=True)]
    return [*(h.numpy() for h in found), model.vit.layernorm(found[-1]).numpy()]


# Calibration


def scores(logits, labels) -> dict:
    right = int((logits.argmax(dim=1) == labels).sum())
    return {"loss": round(F.cross_entropy(logits, labels).item(), 4), "right": right}


def calibration(outputs, sets) -> dict:
    """Return calibration on test pictures, before and after a held-out temperature."""
    (held, test), labels = (outputs["held_out"], outputs["test"]), sets["test"][1]
    losses = [F.cross_entropy(held / t, sets["held_out"][1]) for t in TEMPERATURES]
    T = float(TEMPERATURES[int(np.argmin(losses))])
    found = {"temperature": round(T, 3)}
    for when, logits in {"before": test, "after": test / T}.items():
        sure, answers = logits.softmax(dim=1).max(dim=1)
        found[when] = scores(logits, labels) | reliability(
            sure.double().numpy(), (answers == labels).numpy()
        )
    margin = (test[:, 1] - test[:, 0]).tolist()  # logit of dog less logit of cat
    return found | {"margins": [round(m, 3) for m in margin], "truth": labels.tolist()}


def reliability(sure, right) -> dict:
    """Return the calibration error, its standard error, what chance makes; the bins."""
    rng, n = np.random.default_rng(0), len(sure)
    again = [gap(sure[i], right[i]) for i in rng.integers(n, size=(1000, n))]
    luck = [gap(sure, rng.random(n) < sure) for _ in range(1000)]
    where = bin_of(sure)
    sums = {"n": np.ones(n), "right": right, "sure": sure}
    return {
        "sure": round(float(sure.mean()), 4),
        "error": round(gap(sure, right), 4),
        "standard error": round(float(np.std(again)), 4),
        "by chance, 95 %": round(float(np.quantile(luck, 0.95)), 4),
        "bins": {
            k: np.bincount(where, x, BINS).round(3).tolist() for k, x in sums.items()
        },
    }


def bin_of(sure):
    """Return the bin of each probability: equal ones from 0.5 to 1, of two classes."""
    return np.minimum((sure - 0.5) * 2 * BINS, BINS - 1).astype(int)


def gap(sure, right) -> float:
    """Expected calibration error, as in notebook 10."""
    where = bin_of(sure)
    said, was = (np.bincount(where, x, BINS) for x in (sure, right))
    return float(np.abs(said - was).sum() / len(sure))
