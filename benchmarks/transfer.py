"""Measure what tiny-vit is worth: fine-tuned, against the same model from scratch.

Usage: python benchmarks/transfer.py [NAME ...] [--rows N] [--steps N] [--strong]

Data sets are those of the profile: drawn pictures in reduced, real ones in full (set
COURSE_PROFILE=full and COURSE_HUB). Prints a table in Markdown; the model card of
tiny-vit holds the numbers.

With --strong the pictures are varied more, for both starts, and the fine-tuning begins
with the linear probe as its head. That was chosen on new drawn pictures, not on the
test pictures (see LOG.md).
"""

import argparse
import functools
import math

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
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


def augment(images):
    """Mirror half of the pictures; turn, shift and zoom all a little."""
    mirrored = torch.rand(len(images)) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    return small_affine(images, degrees=8, shift=0.08)


def augment_strongly(images):
    """Move the pictures more, and change their colors, contrast and brightness."""
    mirrored = torch.rand(len(images)) < 0.5
    images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
    images = small_affine(images, degrees=10, shift=0.05, zoom=0.2)
    mixing = torch.eye(3) + 0.06 * torch.randn(len(images), 3, 3)
    mixing *= 0.8 + 0.4 * torch.rand(len(images), 1, 1)
    brighter = 0.2 * torch.rand(len(images), 1, 1) - 0.1
    mixed = mixing @ images.flatten(2) + brighter  # (B, 3, 3) @ (B, 3, H * W)
    return mixed.view_as(images).clamp(-1, 1)


def accuracies(start, train, test, steps, vary):
    """Return the test accuracy for each seed after ``steps`` steps from ``start()``."""
    found = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        model = Logits(start())
        epochs = max(1, round(steps / math.ceil(len(train[1]) / BATCH)))
        fit(
            model,
            train,
            tuple(part[:BATCH] for part in train),  # nothing hangs on these
            epochs=epochs,
            lr=LR,
            batch_size=BATCH,
            augment=vary,
            seed=seed,
            progress=False,
        )
        found.append(evaluate(model, test).accuracy)
    return found


def probe(names, train, test, processor):
    """Fit a linear model to tiny-vit's frozen features.

    Returns its test accuracy and, as one layer on these features, weight (K, D) and
    bias (K,).
    """
    model = finetune.pretrained(FOLDER, names)
    x, y = finetune.features(model, train, processor)
    scaler = StandardScaler().fit(x)
    linear = LogisticRegression(C=0.05, max_iter=3000).fit(scaler.transform(x), y)
    asked, truth = finetune.features(model, test, processor)
    weight = linear.coef_ / scaler.scale_
    bias = linear.intercept_ - weight @ scaler.mean_
    if len(names) == 2:  # one row of scikit-learn's tells both classes apart
        weight, bias = (np.stack([-part, part]) / 2 for part in (weight[0], bias[0]))
    return linear.score(scaler.transform(asked), truth), weight, bias


def probed(names, weight, bias):
    """Return tiny-vit with the linear probe as its head."""
    model = finetune.pretrained(FOLDER, names)
    with torch.no_grad():
        model.classifier.weight.copy_(torch.from_numpy(weight))
        model.classifier.bias.copy_(torch.from_numpy(bias))
    return model


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
    parser.add_argument("--strong", action="store_true", help="see above")
    options = parser.parse_args()
    torch.set_num_threads(1)
    processor = finetune.load_processor(FOLDER)
    vary = augment_strongly if options.strong else augment
    print(f"profile {current_profile()}; test accuracy in %, mean (range) of 3 seeds")
    print("| Data | Training pictures | Scratch | Fine-tuned | Linear probe |")
    print("|---|---|---|---|---|")
    for name in options.names:
        data = load(name)
        rows = data["train"].shuffle(seed=0)
        rows = rows.select(range(min(len(rows), options.rows or len(rows))))
        names = rows.features["label"].names
        train, test = to_pair(rows, processor), to_pair(data["test"], processor)
        linear, *layer = probe(names, rows, data["test"], processor)
        starts = [
            functools.partial(finetune.scratch, FOLDER, names),
            functools.partial(finetune.pretrained, FOLDER, names),
        ]
        if options.strong:
            starts[1] = functools.partial(probed, names, *layer)
        runs = [accuracies(start, train, test, options.steps, vary) for start in starts]
        cells = [name, str(len(rows)), *map(show, runs), f"{100 * linear:.1f}"]
        print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
