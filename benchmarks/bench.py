"""Measure the course's model against others, and print a table of ratios.

    python benchmarks/bench.py [--quick]

Everything runs on one thread and is timed in seconds of the processor, so that other
programs disturb little. Contenders take turns, and medians decide. With COURSE_HUB set,
the recipes are compared on the whole of MNIST, otherwise on the bundled part of it. The
numbers also go to build/bench.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import datasets
import numpy as np
import torch
from report import table
from rich.console import Console
from torch.nn import functional as F
from transformers import ViTConfig, ViTForImageClassification

from course_utils import session, training
from course_utils.data import load
from course_utils.finetune import torch as finetune
from course_utils.session import use_tensorflow
from course_utils.vit.torch import ViT

ROOT = Path(__file__).resolve().parent.parent
SIZES = {"image_size": 28, "in_channels": 1, "num_classes": 10}
WIDTH = {"dim": 64, "depth": 6, "mlp_dim": 128}
MODELS = {
    "patch 7, 8 heads": {"patch_size": 7, "heads": 8},
    "patch 14, 4 heads": {"patch_size": 14, "heads": 4},
}
BATCH = 100
TUTORIAL = {
    "lr": 0.01,
    "batch_size": 100,
    "weight_decay": 0.0,
    "optimizer": training.sgd,
    "schedule": training.constant,
}
OURS = {
    "lr": 3e-3,
    "batch_size": 50,
    "label_smoothing": 0.1,
    "augment": training.small_affine,
}


def hugging_face(attention: str, *, patch_size: int, heads: int):
    """Build Hugging Face's ViT with our sizes."""
    config = ViTConfig(
        image_size=SIZES["image_size"],
        patch_size=patch_size,
        num_channels=SIZES["in_channels"],
        num_labels=SIZES["num_classes"],
        hidden_size=WIDTH["dim"],
        num_hidden_layers=WIDTH["depth"],
        num_attention_heads=heads,
        intermediate_size=WIDTH["mlp_dim"],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation=attention,
    )
    return ViTForImageClassification(config)


def train_step(model: torch.nn.Module) -> Callable[[], None]:
    """Return a function that takes one whole step on a random batch."""
    model.train()
    images, labels = torch.randn(BATCH, 1, 28, 28), torch.randint(10, (BATCH,))
    optimizer = training.adamw(model.parameters(), 1e-3, 0.01)

    def step() -> None:
        logits = model(images)
        loss = F.cross_entropy(getattr(logits, "logits", logits), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def forward_pass(model: torch.nn.Module, images: torch.Tensor) -> Callable:
    """Return a function that gives the logits of these images."""

    def forward() -> torch.Tensor:
        with torch.inference_mode():
            return model(images)

    return forward


def keras_passes(model, images: np.ndarray, *, jit_compile: bool) -> dict:
    """Return both functions for a Keras model, ``images`` of shape (B, H, W, C)."""
    import keras

    labels = np.arange(len(images)) % 10
    model.compile(
        keras.optimizers.AdamW(1e-3, weight_decay=0.01, beta_2=0.99),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_compile,
    )
    return {
        "forward pass": lambda: model.predict_on_batch(images),
        "training step": lambda: model.train_on_batch(images, labels),
    }


def in_turns(contenders: dict[str, Callable], rounds: int, repeat: int) -> dict:
    """Time functions in turns; median seconds of the processor for one call."""
    for function in contenders.values():
        for _ in range(max(repeat // 2, 1)):
            function()
    taken = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, function in contenders.items():
            start = time.process_time()
            for _ in range(repeat):
                function()
            taken[name].append((time.process_time() - start) / repeat)
    return {name: statistics.median(times) for name, times in taken.items()}


def step_flops(patch_size: int) -> int:
    """Multiplications and additions of one training step, matrix products only.

    A backward pass costs two products for each of the forward pass.
    """
    N = (SIZES["image_size"] // patch_size) ** 2
    T, D, M = N + 1, WIDTH["dim"], WIDTH["mlp_dim"]
    block = T * D * 3 * D + 2 * T * T * D + T * D * D + 2 * T * D * M
    forward = N * patch_size**2 * D + WIDTH["depth"] * block + D * 10
    return 2 * 3 * BATCH * forward


def compare_steps(rounds: int) -> dict:
    """Time a training step of our model and of Hugging Face's, and our FLOP/s."""
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    found = {}
    for name, sizes in MODELS.items():
        torch.manual_seed(0)
        contenders = {
            "ours": train_step(ViT(**SIZES, **WIDTH, **sizes)),
            "Hugging Face, eager": train_step(hugging_face("eager", **sizes)),
            "Hugging Face, sdpa": train_step(hugging_face("sdpa", **sizes)),
            "product": lambda: a @ b,
        }
        seconds = in_turns(contenders, rounds, repeat=8)
        best = min(seconds["Hugging Face, eager"], seconds["Hugging Face, sdpa"])
        peak = 2 * 1024**3 / seconds.pop("product")
        achieved = step_flops(sizes["patch_size"]) / seconds["ours"]
        found[name] = {
            "seconds": seconds,
            "speed against eager": seconds["Hugging Face, eager"] / seconds["ours"],
            "speed against sdpa": seconds["Hugging Face, sdpa"] / seconds["ours"],
            "speed against the best": best / seconds["ours"],
            "GFLOP/s": achieved / 1e9,
            "GFLOP/s of the matrix product": peak / 1e9,
            "share of the matrix product": achieved / peak,
        }
    return found


def compare_frameworks(rounds: int) -> dict:
    """Time our Keras ViT, KerasHub's and our PyTorch one, with the same weights.

    Keras runs as a graph, and compiled by XLA as well. Imports TensorFlow.
    """
    use_tensorflow()
    from course_utils.convert.keras import to_keras_hub
    from course_utils.convert.torch import torch_to_keras

    found = {}
    for name, sizes in MODELS.items():
        torch.manual_seed(0)
        model = ViT(**SIZES, **WIDTH, **sizes)
        images = torch.randn(BATCH, 1, 28, 28)
        pixels = images.permute(0, 2, 3, 1).numpy()  # (B, C, H, W) -> (B, H, W, C)
        passes = {}
        for way, jit in (("graph", False), ("XLA", True)):
            ours = torch_to_keras(model)
            theirs = to_keras_hub(ours)
            passes[f"Keras, {way}"] = keras_passes(ours, pixels, jit_compile=jit)
            passes[f"KerasHub, {way}"] = keras_passes(theirs, pixels, jit_compile=jit)
        logits = forward_pass(model, images)().numpy()
        for others in passes.values():
            np.testing.assert_allclose(others["forward pass"](), logits, atol=1e-4)
        passes["PyTorch"] = {
            "forward pass": forward_pass(model, images),
            "training step": train_step(model),
        }
        found[name] = {
            kind: in_turns(
                {who: functions[kind] for who, functions in passes.items()},
                rounds,
                repeat=4,
            )
            for kind in ("training step", "forward pass")
        }
    return found


def compare_recipes(seeds: int) -> dict:
    """Train both recipes for about the same seconds and count test errors."""
    splits = load("mnist")
    train, validation, test = (
        training.to_tensors(splits[name], mean=0.1307, std=0.3081) for name in splits
    )
    full = session.current_profile() == "full"
    plans = {
        "2021 tutorial": ("patch 7, 8 heads", 3, TUTORIAL),
        "ours": ("patch 14, 4 heads", 6, OURS),
    }
    found = {name: {"errors": [], "seconds": []} for name in plans}
    for seed in range(seeds):
        for name, (model_name, epochs, recipe) in plans.items():
            torch.manual_seed(seed)
            model = ViT(**SIZES, **WIDTH, **MODELS[model_name])
            history = training.fit(
                model, train, validation, epochs=epochs, seed=seed, **recipe
            )
            right = training.evaluate(model, test).accuracy
            found[name]["errors"].append(round((1 - right) * len(test[1])))
            found[name]["seconds"].append(history.seconds[-1])
    errors = {name: sum(result["errors"]) for name, result in found.items()}
    seconds = {name: sum(result["seconds"]) for name, result in found.items()}
    return found | {
        "data": f"{'MNIST' if full else 'bundled MNIST'}, {len(train[0]):,} to learn "
        f"from, {len(test[0]):,} to test",
        "tested": len(test[0]),
        "ratio of errors": errors["2021 tutorial"] / max(errors["ours"], 1),
        "ratio of seconds": seconds["ours"] / seconds["2021 tutorial"],
    }


def compare_imports(rounds: int) -> dict:
    """Seconds of the processor for a fresh Python that imports one package."""
    taken = {"numpy": [], "course_utils": []}
    for _ in range(rounds):
        for name, times in taken.items():
            code = f"import {name}, time; print(time.process_time())"
            done = subprocess.run(
                [sys.executable, "-c", code],
                cwd=ROOT,
                check=True,
                capture_output=True,
                text=True,
            )
            times.append(float(done.stdout))
    seconds = {name: statistics.median(times) for name, times in taken.items()}
    return {"seconds": seconds, "ratio": seconds["course_utils"] / seconds["numpy"]}


def compare_storage(rows: int) -> dict:
    """Pictures transformed when read, against floats stored by ``map`` (2021).

    At 224 pixels, the size of the models that those tutorials used. Both are timed
    until the first batch of 16 is there.
    """
    datasets.disable_progress_bars()
    pictures = load("cifar10")["train"]
    pictures = pictures.select(range(min(rows, len(pictures))))
    processor = finetune.load_processor(str(ROOT / "data" / "tiny-vit"))
    side = {"height": 224, "width": 224}
    kind = datasets.Array3D((3, 224, 224), "float32")

    def prepare(batch: dict) -> dict:
        return processor(batch["image"], size=side, return_tensors="np")

    def mapped(cache: str) -> np.ndarray:
        stored = pictures.map(
            prepare,
            batched=True,
            features=datasets.Features({"pixel_values": kind}),
            remove_columns=pictures.column_names,
            cache_file_name=cache,
        )
        rows = stored.with_format("arrow")[:16]["pixel_values"]
        return rows.combine_chunks().to_numpy(zero_copy_only=False)

    def seconds_and_peak(first_batch: Callable) -> tuple[float, int, np.ndarray]:
        start = time.process_time()
        first_batch(0)
        seconds = time.process_time() - start
        tracemalloc.start()
        batch = first_batch(1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return seconds, peak, np.array(batch)

    on_the_fly = pictures.with_transform(prepare)
    on_the_fly[:16]  # first imports, off the clock
    with tempfile.TemporaryDirectory() as folder:
        new = seconds_and_peak(lambda _: on_the_fly[:16]["pixel_values"])
        old = seconds_and_peak(lambda number: mapped(f"{folder}/{number}.arrow"))
        disk = os.path.getsize(f"{folder}/0.arrow")
    np.testing.assert_allclose(new[2], old[2], atol=1e-6)
    raw = pictures.cast_column("image", datasets.Image(decode=False))["image"]
    packed = sum(len(picture["bytes"]) for picture in raw)
    return {
        "rows": len(pictures),
        "megabytes on disk": [disk / 1e6, packed / 1e6],
        "megabytes of memory": [old[1] / 1e6, new[1] / 1e6],
        "seconds to the first batch": [old[0], new[0]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # TensorFlow's, see use_tensorflow
    if os.environ.get("COURSE_HUB"):
        os.environ.setdefault("COURSE_PROFILE", "full")
    console = Console()
    console.print("bench: training steps ...")
    results = {"batch": BATCH}
    results["training step"] = compare_steps(rounds=5 if quick else 25)
    console.print("bench: frameworks ...")
    results["frameworks"] = compare_frameworks(rounds=5 if quick else 25)
    console.print("bench: recipes ...")
    results["recipes"] = compare_recipes(seeds=1 if quick else 3)
    console.print("bench: imports ...")
    results["import"] = compare_imports(rounds=3 if quick else 9)
    console.print("bench: storage ...")
    results["storage"] = compare_storage(rows=100 if quick else 300)
    packages = ("torch", "tensorflow", "keras", "keras-hub")
    results["versions"] = {name: version(name) for name in packages}
    file = ROOT / "build" / "bench.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    console.print(table(results))
    console.print(f"also in {file.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
