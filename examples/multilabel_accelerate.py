"""Fine-tune a Vision Transformer to name several things in one picture.

    python multilabel_accelerate.py --data DATA --model MODEL --output FOLDER
    torchrun --nproc_per_node 2 multilabel_accelerate.py ...
    accelerate launch multilabel_accelerate.py ...

DATA is a folder with train.parquet, validation.parquet and, if there is one,
test.parquet: pictures in a column ``image``, and in a column ``labels`` a list of
classes for each picture, such as data/drawn-scenes of the course.

This is the training loop of notebook 14, whole, on one process or several. A run that
was killed goes on after its last whole epoch, and ends with the same weights, if the
same command is given with ``--resume``. It needs torch, transformers, datasets,
accelerate and scikit-learn.
"""

import argparse
import hashlib
import json
import math
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from accelerate import Accelerator, DataLoaderConfiguration
from accelerate.utils import set_seed
from datasets import Dataset
from sklearn.metrics import average_precision_score, f1_score
from torch.utils.data import DataLoader
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    get_scheduler,
)

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", required=True, help="a folder with train.parquet, ...")
parser.add_argument("--model", required=True, help="a checkpoint's folder or id")
parser.add_argument("--output", required=True, help="a new folder for the results")
parser.add_argument("--epochs", type=int, default=6)
parser.add_argument(
    "--batch-size", type=int, default=16, help="pictures of a batch in each process"
)
parser.add_argument("--accumulation", type=int, default=2, help="batches of a step")
parser.add_argument("--lr", type=float, default=5e-4)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--resume", action="store_true", help="go on with a killed run")


def main(options):
    """Train, evaluate after each epoch, and store model, scores and state."""
    accelerator = Accelerator(
        cpu=not torch.cuda.is_available(),
        gradient_accumulation_steps=options.accumulation,
        step_scheduler_with_optimizer=False,  # this loop steps it, once a step
        dataloader_config=DataLoaderConfiguration(use_seedable_sampler=True),
    )
    output = Path(options.output)
    last = newest_state(output, accelerator, options.resume)
    accelerator.wait_for_everyone()  # all have looked before one of them writes

    # The pictures, the model with a new head, and all that the training needs
    set_seed(options.seed)  # the same in every process: one head for all
    splits, names = read(Path(options.data))
    processor = AutoImageProcessor.from_pretrained(options.model, backend="pil")
    model = AutoModelForImageClassification.from_pretrained(
        options.model,
        id2label=dict(enumerate(names)),
        label2id={name: k for k, name in enumerate(names)},
        problem_type="multi_label_classification",  # sigmoid, and BCE as its loss
        dtype="float32",
        ignore_mismatched_sizes=True,
    )
    loaders = {
        split: DataLoader(
            rows.with_transform(Numbers(processor, len(names))),
            batch_size=options.batch_size,
            shuffle=split == "train",
        )
        for split, rows in splits.items()
    }
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr, weight_decay=0.05)
    model, optimizer, *prepared = accelerator.prepare(
        model, optimizer, *loaders.values()
    )
    loaders = dict(zip(loaders, prepared, strict=True))  # now a share of the batches
    steps = options.epochs * math.ceil(len(loaders["train"]) / options.accumulation)
    scheduler = accelerator.prepare(
        get_scheduler("cosine", optimizer, steps // 10, steps)
    )
    set_seed(options.seed, device_specific=True)  # other pictures, other mirrors

    # Training
    begin, history = 0, []
    if last:
        accelerator.load_state(str(last))
        history = json.loads((last / "history.json").read_text(encoding="utf-8"))
        begin = len(history)
    for epoch in range(begin, options.epochs):
        loaders["train"].set_epoch(epoch)  # which decides the order of the pictures
        loss = learn(accelerator, model, optimizer, scheduler, loaders["train"])
        scores = evaluate(accelerator, model, loaders["validation"], names)
        history.append({"epoch": epoch + 1, "loss": loss, **scores})
        accelerator.print(
            f"epoch {epoch + 1} of {options.epochs}: training loss {loss:.4f}, "
            f"validation macro AP {scores['macro_ap']:.3f}, "
            f"macro F1 {scores['macro_f1']:.3f}"
        )
        save_state(accelerator, output, history)

    # The result
    result = {"processes": accelerator.num_processes, "history": history}
    if "test" in loaders:
        result["test"] = evaluate(accelerator, model, loaders["test"], names)
        accelerator.print(
            f"test macro AP {result['test']['macro_ap']:.3f}, "
            f"macro F1 {result['test']['macro_f1']:.3f}"
        )
    equal = weights_equal(accelerator, model)
    result["equal_weights"] = equal
    accelerator.print(
        f"{accelerator.num_processes} process(es), equal weights: {equal}"
    )
    accelerator.unwrap_model(model).save_pretrained(
        output / "model",
        is_main_process=accelerator.is_main_process,
        save_function=accelerator.save,
    )
    if accelerator.is_main_process:
        processor.save_pretrained(output / "model")
        write_json(output / "metrics.json", result)
    # A moment after an exchange has returned, a thread of gloo lets go of what it sent,
    # and needs Python for that. A process that ends before may hang or be aborted.
    accelerator.wait_for_everyone()
    time.sleep(0.5)
    accelerator.end_training()


def read(folder):
    """Return {split: rows}, in memory, and the names of the classes."""
    splits = {}
    for split in ("train", "validation", "test"):
        files = sorted(folder.glob(f"{split}*.parquet"))
        if not files and split != "test":
            sys.exit(f"{folder} has no {split}.parquet; give --data another folder")
        if files:
            rows = Dataset(pq.read_table(files, columns=["image", "labels"]))
            splits[split] = rows.add_column("row", list(range(len(rows))))
    return splits, splits["train"].features["labels"].feature.names


class Numbers:
    """From rows to what the model takes."""

    def __init__(self, processor, classes):
        self.processor, self.classes = processor, classes

    def __call__(self, rows):
        pictures = [picture.convert("RGB") for picture in rows["image"]]
        labels = torch.zeros(len(pictures), self.classes)  # float, as BCE wants them
        for row, present in enumerate(rows["labels"]):
            labels[row, present] = 1.0
        values = self.processor(pictures, return_tensors="pt")["pixel_values"]
        return {"pixel_values": values, "labels": labels, "row": rows["row"]}


def learn(accelerator, model, optimizer, scheduler, loader):
    """Train for one epoch; return the mean loss of the pictures of all processes."""
    model.train()
    total = torch.zeros(2, device=accelerator.device)
    for batch in loader:
        images = batch["pixel_values"]
        mirrored = torch.rand(len(images)) < 0.5
        images[mirrored] = images[mirrored].flip(-1)
        with accelerator.accumulate(model):  # no exchange until a step is due
            loss = model(pixel_values=images, labels=batch["labels"]).loss
            accelerator.backward(loss)  # divides by the number of batches of a step
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            if accelerator.sync_gradients:
                scheduler.step()
            optimizer.zero_grad()
        total += torch.stack(
            (loss.detach() * len(images), loss.new_tensor(len(images)))
        )
    total = accelerator.reduce(total)
    return (total[0] / total[1]).item()


@torch.no_grad()
def evaluate(accelerator, model, loader, names):
    """Return the scores of all rows of a split, each row counted once.

    Each process answers for its share of the pictures. The last batches are filled up
    with pictures from the beginning, so that all processes have equally many;
    ``gather_for_metrics`` takes these away again.
    """
    model.eval()
    parts = []
    for batch in loader:
        scores = model(pixel_values=batch["pixel_values"]).logits.float().sigmoid()
        both = (scores, batch["labels"], batch["row"])
        parts.append([x.cpu() for x in accelerator.gather_for_metrics(both)])
    scores, truth, rows = (torch.cat(x).numpy() for x in zip(*parts, strict=True))
    assert sorted(rows) == list(range(len(loader.dataset))), "a row is missing or twice"
    there = truth.any(axis=0)  # a label without a positive has no average precision
    precision = average_precision_score(truth[:, there], scores[:, there], average=None)
    said = f1_score(truth, scores > 0.5, average=None, zero_division=0)
    return {
        "rows": len(rows),
        "macro_ap": float(precision.mean()),
        "macro_f1": float(said[there].mean()),
        "left_out": [names[k] for k in np.flatnonzero(~there)],
    }


# What a killed run needs to go on


def newest_state(output, accelerator, resume):
    """Return the folder of the last whole epoch, or None; refuse what is no such."""
    if output.exists() and not resume:
        sys.exit(f"{output} is there already; add --resume, or choose another --output")
    states = sorted(output.glob("state-*"), key=lambda path: path.stat().st_mtime)
    states = [path for path in states if path.suffix != ".tmp"]
    if not states:
        return None
    before = len(list(states[-1].glob("random_states_*")))
    if before != accelerator.num_processes:
        sys.exit(
            f"{states[-1]} is the state of {before} process(es), and these are "
            f"{accelerator.num_processes}; resume with {before}"
        )
    return states[-1]


def save_state(accelerator, output, history):
    """Store weights, optimizer, schedule and random numbers, then rename the folder."""
    state = output / f"state-{len(history)}"
    unfinished = state.with_suffix(".tmp")
    accelerator.save_state(str(unfinished))
    accelerator.wait_for_everyone()  # each process stores its own random numbers
    if accelerator.is_main_process:
        write_json(unfinished / "history.json", history)
        unfinished.rename(state)
        for old in output.glob("state-*"):
            if old != state:
                shutil.rmtree(old)
    accelerator.wait_for_everyone()


def write_json(path, value):
    """Store a value under a temporary name, then rename the complete file."""
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(path)


def weights_equal(accelerator, model):
    """Compare a checksum of the weights among all processes."""
    digest = hashlib.sha256()
    for tensor in accelerator.unwrap_model(model).state_dict().values():
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    number = int.from_bytes(digest.digest()[:7], "big")
    mine = torch.tensor([number], device=accelerator.device)
    return bool((accelerator.gather(mine) == mine).all())


if __name__ == "__main__":
    main(parser.parse_args())
