"""Measure what tiny-vit is worth: fine-tuned, against the same model from scratch.

Usage: python benchmarks/transfer.py [NAME ...] [--rows N] [--steps N]

Data sets are those of the profile: drawn pictures in reduced, real ones in full (set
COURSE_PROFILE=full and COURSE_HUB). Prints a table in Markdown; the model card of
tiny-vit holds the numbers.
"""

import argparse
import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from course_utils.data import load
from course_utils.finetune import torch as finetune
from course_utils.session import ROOT, current_profile
from course_utils.training import evaluate, fit, small_affine

FOLDER = str(ROOT / "data" / "tiny-vit")
BATCH, LR, SEEDS = 32, 5e-4, (0, 1, 2)


class Logits(nn.Module):
    """A Hugging Face model that returns its logits alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, images):
        return self.model(pixel_values=images).logits


def to_pair(split, processor):
    """Return pixel values (B, 3, H, W) and labels (B,) of a whole split."""
    parts = [
        finetune.pixels(processor)(split[start : start + 100])["pixel_values"]
        for start in range(0, len(split), 100)
    ]
    return torch.cat(parts), torch.tensor(list(split["label"]))


@torch.inference_mode()
def features(model, split, processor):
    """Return what the head reads (n, D), and labels (n,), of a whole split."""
    images, labels = to_pair(split, processor)
    tokens = [model.eval().vit(part).last_hidden_state for part in images.split(50)]
    return torch.cat(tokens)[:, 0].numpy(), labels.numpy()


def augment(images):
    """Mirror half of the pictures; turn, shift and zoom all a little."""
    mirrored = torch.rand(len(images)) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return small_affine(images, degrees=8, shift=0.08)


def accuracies(start, names, train, test, steps):
    """Return the test accuracy for each seed after ``steps`` steps."""
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = start(FOLDER, names)
        epochs = max(1, round(steps / math.ceil(len(train[1]) / BATCH)))
        fit(
            Logits(model),
            train,
            tuple(part[:BATCH] for part in train),  # nothing hangs on these
            epochs=epochs,
            lr=LR,
            batch_size=BATCH,
            augment=augment,
            seed=seed,
            progress=False,
        )
        found.append(evaluate(Logits(model), test).accuracy)
    return found


def probe(names, train, test, processor):
    """Return the test accuracy of a linear model on tiny-vit's frozen features."""
    model = finetune.pretrained(FOLDER, names)
    x, y = features(model, train, processor)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.05, max_iter=3000))
    linear.fit(x, y)
    return linear.score(*features(model, test, processor))


def show(values):
    """Return mean and range in percent."""
    low, high = 100 * min(values), 100 * max(values)
    return f"{100 * np.mean(values):.1f} ({low:.1f}–{high:.1f})"


def main():
    """Measure both data sets of the profile and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    both = ["cifar10", "cats_vs_dogs"]
    parser.add_argument("names", nargs="*", default=both, help=" ".join(both))
    parser.add_argument("--rows", type=int, help="training pictures at most")
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    processor = finetune.load_processor(FOLDER)
    print(f"profile {current_profile()}; test accuracy in %, mean (range) of 3 seeds")
    print("| Data | Training pictures | Scratch | Fine-tuned | Linear probe |")
    print("|---|---|---|---|---|")
    for name in options.names:
        data = load(name)
        rows = data["train"].shuffle(seed=0)
        rows = rows.select(range(min(len(rows), options.rows or len(rows))))
        names = rows.features["label"].names
        train, test = to_pair(rows, processor), to_pair(data["test"], processor)
        cells = [
            show(accuracies(start, names, train, test, options.steps))
            for start in (finetune.scratch, finetune.pretrained)
        ]
        linear = f"{100 * probe(names, rows, data['test'], processor):.1f}"
        print("|", " | ".join([name, str(len(rows)), *cells, linear]), "|", flush=True)


if __name__ == "__main__":
    main()
