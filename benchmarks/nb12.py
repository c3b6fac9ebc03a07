"""The tables behind notebooks 12 and 13: fine-tune a ViT, or LoRA, or modify it.

    python -m benchmarks.nb12 [--only ways memory times attention]

*ways*: tiny-vit learns cats and dogs from 100 drawn pets in eight ways. All of them see
the same pictures, 60 steps of 16 with the same augmented batches in the same order, and
begin with the same probe as their head. Each tries four learning rates; the one with
the most right held-out pictures over three seeds is taken, and only its test pictures
are reported. A seed draws the pictures, the batches, and what is random in the model.

*memory*: what a training step keeps, counted. *times*: how long a step takes.
*attention*: four attentions alone, eager and compiled. Times are the smallest of
several, measured in turns, and are compared within one run only.

Everything runs on one thread. Each result is written to nb12.json, beside this file, as
soon as it is there, and a second call goes on where the first one stopped; delete the
part "torch" of the file to begin anew. Keras's half of the file is written by nb13.py.
Takes 20 minutes of a processor core.
"""

import argparse
import copy
import datetime
import functools
import itertools
import json
import math
import os
import platform
from pathlib import Path

import torch
from sklearn.linear_model import LogisticRegression
from torch.nn import functional as F
from transformers import ViTConfig, ViTForImageClassification

from benchmarks.nb12_parts import (
    ALPHA,
    BATCH,
    DECAY,
    RANK,
    STEPS,
    WARMUP,
    WAYS,
    WINDOW,
    in_turns,
    kept_by_a_step,
    linear_attention,
    offsets_of,
    tune,
    window_attention,
)
from benchmarks.transfer import features
from course_utils.data import load
from course_utils.finetune import torch as finetune
from course_utils.session import ROOT

FILE = Path(__file__).with_suffix(".json")
FOLDER, NAMES = ROOT / "data" / "tiny-vit", ("cat", "dog")
SEEDS, RATES = (0, 1, 2), (1e-4, 3e-4, 1e-3, 3e-3)
HIGHER = (3e-4, 1e-3, 3e-3, 1e-2)  # of what learns few numbers, or anew
LEARN_FAST = ("last two blocks", "LoRA", "linear attention")
STRENGTHS = (0.001, 0.01, 0.1, 1.0)  # C of the probe
PICTURES, HELD_OUT, TEST = 100, 160, 200
TOKENS = (37, 145, 577)  # grids of 6, 12 and 24 patches, and the class token


# Pictures, training, counting


class Bench:
    """Runs what is not yet stored, and stores what it ran."""

    def __init__(self):
        self.found = {}
        if FILE.exists():
            self.found = json.loads(FILE.read_text(encoding="utf-8"))
        self.processor = finetune.load_processor(FOLDER)
        data = load("cats_vs_dogs")
        rows = data["train"].shuffle(seed=0)
        self.pool = rows.select(range(HELD_OUT, len(rows)))
        self.parts = {"held_out": rows.select(range(HELD_OUT)), "test": data["test"]}

    def once(self, part, key, work):
        """Return a stored result, or work it out and store it."""
        mine = self.found.setdefault("torch", {}).setdefault(part, {})
        if key not in mine:
            mine[key] = work()
            self.store()
            print(f"{datetime.datetime.now():%H:%M:%S}", key, mine[key], flush=True)
        return mine[key]

    def store(self):
        """Write the file anew; whoever reads it finds it whole."""
        if FILE.exists():  # 13 writes its part into the same file
            other = json.loads(FILE.read_text(encoding="utf-8"))
            self.found = {**other, "torch": self.found["torch"]}
        self.found |= {
            "command": "python -m benchmarks.nb12",
            "date": datetime.date.today().isoformat(),
            "machine": f"one thread of 2 shared processor cores, {platform.machine()}, "
            f"torch {torch.__version__}",
            "data": f"drawn-pets: {PICTURES} pictures to learn from, "
            f"{HELD_OUT} held out, {TEST} test",
            "recipe": {
                "steps": STEPS,
                "batch": BATCH,
                "warm-up steps": WARMUP,
                "weight decay": DECAY,
                "seeds": SEEDS,
                "rates": {**dict.fromkeys(LEARN_FAST, HIGHER), "all others": RATES},
                "C of the probe": STRENGTHS,
                "LoRA": {"rank": RANK, "alpha": ALPHA, "in": "q_proj, v_proj"},
                "window": WINDOW,
            },
        }
        whole = FILE.with_suffix(".part")
        text = json.dumps(self.found, indent=1, ensure_ascii=False)
        whole.write_text(text + "\n", encoding="utf-8")
        os.replace(whole, FILE)

    def few(self, seed):
        return self.pool.shuffle(seed=seed).select(range(PICTURES))

    def strength(self):
        """Return the C of the probe with the most right held-out pictures."""
        right = dict.fromkeys(STRENGTHS, 0)
        for seed, c in itertools.product(SEEDS, STRENGTHS):
            found = self.once(
                "runs",
                f"probe, C {c:g}, seed {seed}",
                lambda s=seed, c=c: self.right(self.probed(s, c)),
            )
            right[c] += found["held_out"]
        return max(right, key=right.get)

    def start(self, seed):
        return self.probed(seed, self.strength())

    @functools.lru_cache(3)  # noqa: B019
    def probed(self, seed, strength):
        """Return tiny-vit with a probe of the pictures of a seed as its head."""
        torch.manual_seed(seed)
        model = finetune.pretrained(FOLDER, NAMES)
        x, y = features(model, self.few(seed), self.processor)
        linear = LogisticRegression(C=strength, max_iter=5000).fit(x, y)
        half = torch.tensor(linear.coef_ / 2, dtype=torch.float32)  # (1, D)
        with torch.no_grad():
            model.classifier.weight.copy_(torch.cat([-half, half]))
            bias = float(linear.intercept_[0]) / 2
            model.classifier.bias.copy_(torch.tensor([-bias, bias]))
        return model

    def changed(self, way, seed):
        """Return a model that one of the ways has changed, ready to learn."""
        model = copy.deepcopy(self.start(seed))
        torch.manual_seed(seed)
        return WAYS[way](model)

    @functools.lru_cache(3)  # noqa: B019
    def tensors(self, part):
        prepare = finetune.pixels(self.processor)
        rows = self.parts[part]
        return prepare(rows[:])

    def right(self, model):
        """Return how many pictures of each part get the right answer."""
        found = {}
        for part in self.parts:
            rows = self.tensors(part)
            with torch.inference_mode():
                logits = model.eval()(torch.as_tensor(rows["pixel_values"])).logits
            same = logits.argmax(dim=1) == torch.as_tensor(rows["labels"])
            found[part] = int(same.sum())
        return found


def rates_of(way):
    return HIGHER if way in LEARN_FAST else RATES


def ways(bench):
    """Train every way with every rate and seed, and choose the rate."""
    change = finetune.pixels(bench.processor, finetune.augment)
    for seed, way in itertools.product(SEEDS, WAYS):
        before = f"{way}, before, seed {seed}"
        bench.once(
            "runs", before, lambda w=way, s=seed: bench.right(bench.changed(w, s))
        )
        for lr in rates_of(way):

            def run(way=way, seed=seed, lr=lr):
                model = bench.changed(way, seed)
                tune(model, bench.few(seed).with_transform(change), lr, seed)
                return bench.right(model)

            bench.once("runs", f"{way}, lr {lr:g}, seed {seed}", run)
    runs = bench.found["torch"]["runs"]
    c = bench.strength()
    right = [runs[f"probe, C {c:g}, seed {s}"]["test"] for s in SEEDS]
    table = {"probe": {"C": c, "after": right}}
    for way in WAYS:
        held = {
            lr: sum(runs[f"{way}, lr {lr:g}, seed {s}"]["held_out"] for s in SEEDS)
            for lr in rates_of(way)
        }
        best = max(held, key=held.get)
        table[way] = {
            "rate": best,
            "at the edge": best in (rates_of(way)[0], rates_of(way)[-1]),
            "before": [runs[f"{way}, before, seed {s}"]["test"] for s in SEEDS],
            "after": [runs[f"{way}, lr {best:g}, seed {s}"]["test"] for s in SEEDS],
        }
    bench.found["torch"]["table"] = table
    bench.store()


def memory(bench):
    """Count what a step keeps: tiny-vit with 16 pictures, ViT-B/16 with one."""
    images = torch.randn(BATCH, 3, 48, 48)
    for way in WAYS:
        bench.once(
            "memory",
            f"{way}, tiny-vit, {BATCH} pictures",
            lambda w=way: kept_by_a_step(bench.changed(w, 0), images),
        )
    for way in ("last two blocks", "all blocks", "LoRA"):

        def base(way=way):
            model = ViTForImageClassification(ViTConfig(num_labels=2))  # ViT-B/16
            return kept_by_a_step(WAYS[way](model), torch.randn(1, 3, 224, 224))

        bench.once("memory", f"{way}, ViT-B/16, 1 picture", base)


def times(bench):
    """Time steps of all ways in turns; return the smallest in milliseconds."""
    images, labels = torch.randn(BATCH, 3, 48, 48), torch.arange(BATCH) % 2

    def measure():
        steps = {}
        for way in WAYS:
            model = bench.changed(way, 0).train()
            learn = [w for w in model.parameters() if w.requires_grad]
            optimizer = torch.optim.AdamW(learn, 1e-4)

            def step(model=model, optimizer=optimizer):
                model(images, labels=labels).loss.backward()
                optimizer.step()
                optimizer.zero_grad()

            steps[way] = step
        return in_turns(steps, 12)

    bench.once("times", f"a step of {BATCH}, milliseconds", measure)


def attention(bench):
    """Time four attentions alone, eager and compiled, and PyTorch's own kernel."""

    def softmax(q, k, v):
        return (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v

    def kernel(q, k, v):
        return F.scaled_dot_product_attention(q, k, v)

    def with_bias(q, k, v, bias, offsets):
        mask = F.pad(bias[:, offsets], (1, 0, 1, 0))[None]
        return F.scaled_dot_product_attention(q, k, v, mask)

    def measure(T):
        q, k, v = torch.randn(3, BATCH, 4, T, 32)
        offsets = offsets_of(math.isqrt(T - 1))
        bias = torch.randn(4, int(offsets.max()) + 1)
        kinds = {
            "softmax, written out": (softmax, (q, k, v)),
            "softmax, kernel": (kernel, (q, k, v)),
            "relative bias": (with_bias, (q, k, v, bias, offsets)),
            "window attention": (window_attention, (None, q, k, v, None)),
            "linear attention": (linear_attention, (None, q, k, v, None)),
        }
        works = {}
        for name, (function, parts) in kinds.items():
            torch._dynamo.reset()
            compiled = torch.compile(function, dynamic=False)
            with torch.inference_mode():
                compiled(*parts)
            works[f"{name}, eager"] = functools.partial(function, *parts)
            works[f"{name}, compiled"] = functools.partial(compiled, *parts)
        with torch.inference_mode():
            return in_turns(works, 15)

    for T in TOKENS:
        bench.once("attention", f"{T} tokens, milliseconds", lambda T=T: measure(T))


STAGES = {f.__name__: f for f in (memory, times, ways, attention)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", choices=STAGES, default=list(STAGES))
    os.environ["COURSE_PROFILE"] = "reduced"
    torch.set_num_threads(1)
    bench = Bench()
    for stage in parser.parse_args().only:
        STAGES[stage](bench)
    for way, row in bench.found["torch"].get("table", {}).items():
        print(f"{way:22} {row}")


if __name__ == "__main__":
    main()
