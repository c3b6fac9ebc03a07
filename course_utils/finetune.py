"""Fine-tune a Vision Transformer of Hugging Face, and resume such a run exactly.

The parts that notebooks 08 and 10 share, and the same as a script:

    python -m course_utils.finetune --data cifar10 --output DIR
    accelerate launch -m course_utils.finetune --data cifar10 --output DIR
"""

import argparse
import contextlib
import functools
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image, ImageEnhance
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from transformers import (
    PreTrainedModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    ViTModel,
)

from course_utils import checkpoints, data

# --- Pictures ---------------------------------------------------------------------


def augment(image: Image.Image) -> Image.Image:
    """Flip, zoom and tint a picture at random (data augmentation), with Pillow alone.

    Half of the pictures are mirrored. A crop with 80 to 100 % of the sides is blown up
    to the old size. Brightness, contrast and saturation change by up to 30 %. The
    random numbers come from torch, so a seed of torch (or of ``Trainer``) fixes them.

    Parameters
    ----------
    image : PIL.Image, mode RGB

    Returns
    -------
    PIL.Image, mode RGB, of the same size
    """
    flip, zoom, left, top, *tints = torch.rand(7).tolist()
    width, height = image.size
    share = 0.8 + 0.2 * zoom
    x, y = left * (1 - share) * width, top * (1 - share) * height
    box = x, y, x + share * width, y + share * height
    image = image.resize(image.size, Image.Resampling.BILINEAR, box=box)
    if flip < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    enhancers = ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color
    for enhancer, draw in zip(enhancers, tints, strict=True):
        image = enhancer(image).enhance(0.7 + 0.6 * draw)
    return image


def pixels(
    processor, augment: Callable[[Image.Image], Image.Image] | None = None
) -> Callable[[dict], dict]:
    """Make the function for ``dataset.with_transform``.

    Parameters
    ----------
    processor : image processor of transformers
    augment : callable, optional
        Maps an RGB picture to a changed one, before the processor.

    Returns
    -------
    callable
        Maps a batch of rows, a dict of lists ``image`` (PIL) and ``label`` (int), to
        ``pixel_values``, a Tensor of shape (B, 3, H, W), and ``labels``.
    """
    return functools.partial(_to_pixels, processor=processor, augment=augment)


def _to_pixels(rows, processor, augment):
    images = [image.convert("RGB") for image in rows["image"]]
    if augment is not None:
        images = [augment(image) for image in images]
    prepared = processor(images, return_tensors="pt")
    return {"pixel_values": prepared["pixel_values"], "labels": list(rows["label"])}


def collate(examples: Sequence[dict]) -> dict[str, Tensor]:
    """Stack single rows, as ``pixels`` makes them, to a batch.

    Parameters
    ----------
    examples : sequence of dict
        Each with ``pixel_values`` (3, H, W) and ``labels`` (int).

    Returns
    -------
    dict
        ``pixel_values``, float32, shape (B, 3, H, W); ``labels``, int64, shape (B,).
    """
    return {
        "pixel_values": torch.stack([row["pixel_values"] for row in examples]).float(),
        "labels": torch.tensor([row["labels"] for row in examples]),
    }


# --- Models -----------------------------------------------------------------------


def load_processor(folder: str):
    """Load the image processor of a checkpoint, the one that needs Pillow only.

    Its numbers are the same on every machine, with torchvision or without.
    """
    return ViTImageProcessorPil.from_pretrained(folder)


def pretrained(folder: str, names: Sequence[str]) -> ViTForImageClassification:
    """Load a checkpoint and put a new head for the classes ``names`` on it.

    Parameters
    ----------
    folder : str
        With ``config.json`` and ``model.safetensors``; a head in it is dropped.
    names : sequence of str
        Of the K classes, in the order of the labels.

    Returns
    -------
    ViTForImageClassification
        In float32; the head's weights come from torch's random numbers.
    """
    with quiet():
        model = ViTForImageClassification.from_pretrained(
            folder,
            **_labels(names),
            ignore_mismatched_sizes=True,
            dtype=torch.float32,
        )
        # transformers 5.15, Colab's, leaves the blocks of a checkpoint without head,
        # such as Google's, random in there. A ViTModel gets them whole.
        backbone = ViTModel.from_pretrained(
            folder, add_pooling_layer=False, dtype=torch.float32
        )
        model.vit.load_state_dict(backbone.state_dict())
    head = model.classifier  # of the checkpoint still, if it had as many classes
    nn.init.trunc_normal_(head.weight, std=model.config.initializer_range)
    nn.init.zeros_(head.bias)
    return model


def scratch(folder: str, names: Sequence[str]) -> ViTForImageClassification:
    """Build a model like ``pretrained(folder, names)``, with random weights only."""
    config = ViTConfig.from_pretrained(folder, **_labels(names))
    return ViTForImageClassification(config).float()


def _labels(names):
    names = [str(name) for name in names]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ValueError(f"two or more different class names are needed, not {names}")
    return {
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }


@contextlib.contextmanager
def quiet():
    """Keep transformers' loading reports and progress bars off the screen."""
    logging = transformers.utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def layerwise_adamw(
    model: ViTForImageClassification, lr: float, decay: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW whose learning rate shrinks from the head down to the first layers.

    The head and the last norm get ``lr``, block n of L gets ``lr * decay**(L + 1 - n)``
    and the embeddings ``lr * decay**(L + 1)`` (Clark et al. 2020, ELECTRA; for
    ViTs, Bao et al. 2022, BEiT). Biases and norms are free of weight decay.

    Parameters
    ----------
    model : ViTForImageClassification
        Frozen parameters are left out.
    lr : float
        Learning rate of the head.
    decay : float
        Factor from one layer to the one below; 1 gives all the same rate.
    weight_decay : float
    """
    top = len(model.vit.layers) + 1
    groups = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            depth = _depth(name, top)
            group = groups.setdefault(
                (depth, parameter.ndim > 1),
                {
                    "params": [],
                    "lr": lr * decay ** (top - depth),
                    "weight_decay": weight_decay if parameter.ndim > 1 else 0.0,
                },
            )
            group["params"].append(parameter)
    if not groups:
        raise ValueError("no parameter of the model has requires_grad=True")
    return torch.optim.AdamW(list(groups.values()))


def _depth(name, top):
    """Return 0 for the embeddings, 1 to L for the blocks, ``top`` for the rest."""
    if name.startswith("vit.embeddings."):
        return 0
    if name.startswith("vit.layers."):
        return int(name.split(".")[2]) + 1
    return top


@torch.inference_mode()
def features(
    model: PreTrainedModel, dataset, processor, batch_size: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """Compute what the backbone makes of each picture: its class token, at the end.

    Parameters
    ----------
    model : ViTModel or ViTForImageClassification
        Left in the mode (training or evaluation) in which it came.
    dataset : datasets.Dataset
        With the columns ``image`` and ``label``, without a transform.
    processor : image processor of transformers

    Returns
    -------
    features : array, shape (n, D), float32
        After the last layer norm, what the head would read.
    labels : array, shape (n,), int64
    """
    backbone = getattr(model, "vit", model)
    was_training = model.training
    model.eval()
    found, prepare = [], pixels(processor)
    try:
        for start in range(0, len(dataset), batch_size):
            batch = prepare(dataset[start : start + batch_size])
            out = backbone(batch["pixel_values"].to(model.device, model.dtype))
            found.append(out.last_hidden_state[:, 0].float().cpu().numpy())
    finally:
        model.train(was_training)
    return np.concatenate(found), np.array(dataset["label"])


# --- Training ---------------------------------------------------------------------


def metrics(prediction) -> dict[str, float]:
    """Accuracy and macro F1, for ``Trainer(compute_metrics=metrics)``.

    Parameters
    ----------
    prediction : transformers.EvalPrediction
        With ``predictions``, the logits of shape (n, K), and ``label_ids``, (n,).
    """
    answers, truth = prediction.predictions.argmax(-1), prediction.label_ids
    return {
        "accuracy": float(accuracy_score(truth, answers)),
        "f1": float(f1_score(truth, answers, average="macro")),
    }


class ExactTrainer(Trainer):
    """A Trainer that gets every weight back, on resume and for the best model.

    ``Trainer`` of transformers 5.15 to 5.23 reads a checkpoint of a ViT by names that
    its modules no longer have, and leaves the encoder as it is, without an error
    (issues 43701 and 48805 of huggingface/transformers). This one reads checkpoints
    with ``from_pretrained``, which knows the old names.

    A run resumed from a checkpoint at the end of an epoch equals an uninterrupted one,
    bit for bit on the same machine. So does one resumed inside an epoch, unless the
    transform of the pictures is random: batches are prepared ahead of their step.

    With ``disable_tqdm=True`` it prints nothing; ``callbacks=[EpochLines()]`` prints a
    line for each evaluation.
    """

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.remove_callback(PrinterCallback)

    def train(self, resume_from_checkpoint=None, **options):
        """Train; ``resume_from_checkpoint=True`` takes the last *complete* one.

        Raises
        ------
        ValueError
            If it is True and there is no complete checkpoint in the output folder.
        """
        if resume_from_checkpoint is True:
            resume_from_checkpoint = last_checkpoint(self.args.output_dir)
            if resume_from_checkpoint is None:
                raise ValueError(
                    f"no complete checkpoint in {self.args.output_dir}; call train() "
                    "without resume_from_checkpoint"
                )
        return super().train(resume_from_checkpoint, **options)

    def save_model(self, *arguments, **options):
        """Save as ``Trainer`` does, without a progress bar."""
        with quiet():
            super().save_model(*arguments, **options)

    def _save_checkpoint(self, *arguments, **options):
        with quiet():  # it warns of quick saves
            super()._save_checkpoint(*arguments, **options)

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        model = self.model if model is None else model
        if not isinstance(model, PreTrainedModel):  # stored under its own names
            return super()._load_from_checkpoint(resume_from_checkpoint, model)
        with quiet():
            stored = type(model).from_pretrained(
                resume_from_checkpoint, dtype=model.dtype
            )
        model.load_state_dict(stored.state_dict())

    def _load_best_model(self):
        if not isinstance(self.model, PreTrainedModel):
            return super()._load_best_model()
        self._load_from_checkpoint(self.state.best_model_checkpoint)


def last_checkpoint(folder: str | Path) -> str | None:
    """Return the newest complete checkpoint of a Trainer, or None.

    ``Trainer`` writes ``trainer_state.json`` last; a folder without it, or with half of
    it, was being written when the run was killed, and is passed over.
    """
    folder = Path(folder)
    found = folder.glob("checkpoint-*") if folder.is_dir() else ()
    numbered = [(path.name.removeprefix("checkpoint-"), path) for path in found]
    steps = sorted((int(n), path) for n, path in numbered if n.isdecimal())
    for _, path in reversed(steps):
        try:
            json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        return str(path)
    return None


class EpochLines(TrainerCallback):
    """Print one line for each evaluation, on standard output."""

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        """Print the step, the last training loss and the validation scores."""
        if not state.is_world_process_zero or "eval_loss" not in metrics:
            return  # another process, or not the validation set
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        parts = [f"epoch {state.epoch or 0:5.2f}", f"step {state.global_step:5}"]
        parts += [f"loss {losses[-1]:.3f}"] if losses else []
        parts.append("validation:")
        for name in ("loss", "accuracy", "f1"):
            if f"eval_{name}" in metrics:
                parts.append(f"{name} {metrics[f'eval_{name}']:.3f}")
        print("  ".join(parts), flush=True)


# --- The script -------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> None:
    """Fine-tune the profile's checkpoint on one data set, and store the best model.

    ``OUTPUT/checkpoints`` holds what a killed run resumes from, when the same command
    is given again. ``OUTPUT/model`` (weights, processor, ``metrics.json``) appears
    when all is done, and not before.
    """
    options = _parser().parse_args(arguments)
    output = Path(options.output)
    if (output / "model").exists():
        sys.exit(f"{output / 'model'} is there already; choose another --output")
    try:
        splits = data.load(options.data)
        folder = checkpoints.locate("finetune")
    except (RuntimeError, ValueError) as error:  # their messages say what to do
        sys.exit(str(error))
    trainer = _trainer(options, splits, folder, output / "checkpoints")
    _claim(output / "checkpoints", vars(options) | {"folder": folder}, trainer)
    trainer.train(resume_from_checkpoint=last_checkpoint(output / "checkpoints"))
    test = splits["test"].with_transform(pixels(trainer.processing_class))
    scores = trainer.evaluate(test, metric_key_prefix="test")
    _publish(trainer, scores, output / "model")


def _parser():
    parser = argparse.ArgumentParser(
        prog="python -m course_utils.finetune", description=main.__doc__.splitlines()[0]
    )
    names = ["cifar10", "cats_vs_dogs", "pets"]
    parser.add_argument("--data", choices=names, default=names[0])
    parser.add_argument("--output", required=True, help="folder for the results")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=1e-4, help="of the head")
    parser.add_argument("--decay", type=float, default=1.0, help="of lr by layer")
    parser.add_argument("--batch-size", type=int, default=32, help="on each device")
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _trainer(options, splits, folder, output):
    transformers.set_seed(options.seed)
    processor = load_processor(folder)
    model = pretrained(folder, splits["train"].features["label"].names)
    settings = TrainingArguments(
        output_dir=str(output),
        num_train_epochs=options.epochs,
        learning_rate=options.lr,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=2 * options.batch_size,
        warmup_steps=0.1,
        lr_scheduler_type="cosine",
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        save_total_limit=1,
        remove_unused_columns=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        seed=options.seed,
        disable_tqdm=True,
    )
    return ExactTrainer(
        model,
        settings,
        train_dataset=splits["train"].with_transform(pixels(processor, augment)),
        eval_dataset=splits["validation"].with_transform(pixels(processor)),
        data_collator=collate,
        compute_metrics=metrics,
        processing_class=processor,
        callbacks=[EpochLines()],
        optimizers=(layerwise_adamw(model, options.lr, options.decay, 0.01), None),
    )


def _claim(folder, settings, trainer):
    """Note the settings of a new run; refuse to resume one that had others."""
    settings = {k: v for k, v in settings.items() if k != "output"}
    settings["rows"] = len(trainer.train_dataset)
    file = folder / "settings.json"
    if file.exists():
        before = json.loads(file.read_text(encoding="utf-8"))
        changed = [k for k in settings if before.get(k) != settings[k]]
        if changed:
            sys.exit(
                f"{folder} holds a run with another {', '.join(changed)}; give the "
                "same options to resume it, or another --output"
            )
    elif trainer.is_world_process_zero():
        folder.mkdir(parents=True, exist_ok=True)
        _write(file, json.dumps(settings, indent=2))
    trainer.accelerator.wait_for_everyone()


def _publish(trainer, scores, folder):
    """Write the model under another name, then move it into place."""
    if trainer.is_world_process_zero():
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        with quiet():
            trainer.accelerator.unwrap_model(trainer.model).save_pretrained(part)
        trainer.processing_class.save_pretrained(part)
        _write(part / "metrics.json", json.dumps(scores, indent=2))
        os.replace(part, folder)
        print(f"test accuracy {scores['test_accuracy']:.2%}; model in {folder}")
    trainer.accelerator.end_training()


def _write(path, text):
    part = path.with_name(path.name + ".part")
    part.write_text(text + "\n", encoding="utf-8")
    os.replace(part, path)


if __name__ == "__main__":
    main()
