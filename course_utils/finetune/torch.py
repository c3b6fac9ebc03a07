"""Fine-tune a Vision Transformer of Hugging Face, and resume such a run exactly.

The parts that notebooks 08 and 10 share, and the same as a script:

    python -m course_utils.finetune.torch --data cifar10 --output DIR
    accelerate launch -m course_utils.finetune.torch --data cifar10 --output DIR
"""

import argparse
import contextlib
import copy
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
from datasets import Dataset
from PIL import Image, ImageEnhance
from sklearn.metrics import accuracy_score, f1_score
from torch import Tensor, nn
from transformers import (
    AutoConfig,
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
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
)

from course_utils.convert.names import (
    BESIDE,
    ENCODERS,
    on_disk,
    refuse_family,
    refuse_unfit,
)
from course_utils.data import checkpoints
from course_utils.data import sets as data
from course_utils.data.pictures import class_numbers, labels_of, upright

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
    images = [upright(image) for image in rows["image"]]
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

    Raises
    ------
    ValueError
        If a label is missing, negative, or no whole number.
    """
    return {
        "pixel_values": torch.stack([row["pixel_values"] for row in examples]).float(),
        "labels": torch.from_numpy(class_numbers([row["labels"] for row in examples])),
    }


# --- Models -----------------------------------------------------------------------


def load_processor(folder: str):
    """Load the image processor of a checkpoint, the one that needs Pillow only.

    Its numbers are the same on every machine, with torchvision or without. A way of
    resizing that is given by name, as ``"bicubic"``, is the one of that name;
    transformers would take it for bilinear.
    """
    processor = _processor_class(folder).from_pretrained(folder)
    processor.resample = checkpoints.resampling(processor.resample)
    return processor


def _processor_class(folder):
    settings, _ = ViTImageProcessorPil.get_image_processor_dict(folder)
    name = settings.get("image_processor_type") or "ViTImageProcessor"
    name = name.replace("FeatureExtractor", "ImageProcessor").removesuffix("Fast")
    return getattr(transformers, name.removesuffix("Pil") + "Pil")


def pretrained(
    folder: str, names: Sequence[str], family: str = "vit"
) -> ViTForImageClassification | PreTrainedModel:
    """Load a checkpoint and put a new head for the classes ``names`` on it.

    Nothing but the head (and a pooler, which is part of it) is ever left random: a
    checkpoint that does not fill all other weights is refused.

    Parameters
    ----------
    folder : str
        With ``config.json`` and ``model.safetensors``; a head in it is dropped.
    names : sequence of str
        Of the K classes, in the order of the labels.
    family : str
        The ``model_type`` that ``config.json`` must have. "vit" is the Vision
        Transformer, the encoders of MAE and MSN included; another one ("deit", "beit",
        "dinov2", "clip", ...) is loaded with its own class.

    Returns
    -------
    ViTForImageClassification, or the family's own class for image classification
        In float32; the head's weights come from torch's random numbers.

    Raises
    ------
    ValueError
        If the folder holds a model of another family, or if a weight is missing, left
        over or of another shape.
    """
    kind, config = _form(folder, names, family)
    options = {
        "config": config,
        "ignore_mismatched_sizes": True,
        "dtype": torch.float32,
        "output_loading_info": True,
    }
    with quiet():
        model, report = kind.from_pretrained(folder, **options)
        if kind is ViTForImageClassification:
            # transformers 5.15, Colab's, leaves the blocks of a checkpoint without
            # head, such as Google's, random in there. A ViTModel gets them whole.
            backbone, report = ViTModel.from_pretrained(
                folder, add_pooling_layer=False, **options
            )
            _refuse_unfit_vit(folder, backbone, report)
            model.vit.load_state_dict(backbone.state_dict())
        else:
            _refuse_unset(folder, model, report)
    _draw_head(model)
    return model


def scratch(
    folder: str, names: Sequence[str], family: str = "vit"
) -> ViTForImageClassification | PreTrainedModel:
    """Build a model like ``pretrained(...)`` of the same, with random weights only."""
    kind, config = _form(folder, names, family)
    return kind(config).float()


def _form(folder, names, family):
    """Return the class of a checkpoint for image classification, and its settings."""
    found = ViTConfig.get_config_dict(folder)[0].get("model_type")
    if family in ENCODERS:
        instead = f", or ask for its own class: family={found!r}"
        refuse_family(folder, found, instead if _has_classifier(found) else "")
        config = ViTConfig.from_pretrained(folder, **_labels(names))
        return ViTForImageClassification, config
    if found != family:
        raise ValueError(
            f"{folder} holds a model of type {found!r}, not {family!r}; say "
            f"family={found!r}, or choose another checkpoint"
        )
    if not _has_classifier(family):
        raise ValueError(
            f"{folder} holds a model of type {family!r}, and transformers has no image "
            "classifier for it; choose another checkpoint"
        )
    config = AutoConfig.from_pretrained(
        folder, trust_remote_code=False, **_labels(names)
    )
    kind = transformers.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING[type(config)]
    # Of DeiT's two, the second is for distilled models and cannot be trained.
    return kind[0] if isinstance(kind, tuple) else kind, config


def _has_classifier(family):
    return family in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES


def _refuse_unfit_vit(folder, backbone, report):
    """Refuse a file that is not just what the encoder of a ViT needs."""

    def name(theirs):
        return on_disk(f"vit.{theirs.removeprefix('vit.')}")

    found, wanted = _shapes(backbone, report)
    found = {name(n): shape for n, shape in found.items() if not BESIDE.match(n)}
    refuse_unfit(folder, found, {name(n): shape for n, shape in wanted.items()})


def _refuse_unset(folder, model, report):
    """Refuse a file that leaves more of another family's model random than its head."""
    found, wanted = _shapes(model, report)
    for name in wanted:
        if "classifier" in name or "pooler" in name:
            found[name] = wanted[name]
    if wanted.keys() <= found.keys():  # what else is in the file is not needed
        found = {name: found[name] for name in wanted}
    refuse_unfit(folder, found, wanted)


def _shapes(model, report):
    """Return the shapes of the weights in a file, by its report, and in the model."""
    wanted = {name: tuple(w.shape) for name, w in model.state_dict().items()}
    found = {n: s for n, s in wanted.items() if n not in report["missing_keys"]}
    found |= {name: tuple(shape) for name, shape, _ in report["mismatched_keys"]}
    return found | dict.fromkeys(report["unexpected_keys"], ()), wanted


def _draw_head(model):
    """Draw the head's weights anew: the checkpoint's may have as many classes."""
    spread = getattr(model.config, "initializer_range", 0.02)
    for layer in model.classifier.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=spread)
            nn.init.zeros_(layer.bias)


def _labels(names):
    names = checkpoints.class_names(names)
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
    model: PreTrainedModel, lr: float, decay: float, weight_decay: float
) -> torch.optim.Optimizer:
    """AdamW whose learning rate shrinks from the head down to the first layers.

    The head and the last norm get ``lr``, block n of L gets ``lr * decay**(L + 1 - n)``
    and the embeddings ``lr * decay**(L + 1)`` (Clark et al. 2020, ELECTRA; for
    ViTs, Bao et al. 2022, BEiT). Biases and norms are free of weight decay.

    Parameters
    ----------
    model : PreTrainedModel
        A ViT, or another model of transformers with one list of equal blocks (DeiT,
        BEiT, DINOv2, CLIP, ...). Frozen parameters are left out.
    lr : float
        Learning rate of the head.
    decay : float
        Factor from one layer to the one below; 1 gives all the same rate.
    weight_decay : float

    Raises
    ------
    ValueError
        If the model has no such list, as a ResNet or Swin, or nothing to train.
    """
    groups = {}
    top, depths = _depths(model)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            depth = depths[name]
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


def _depths(model):
    """Return L + 1, and 0 for what stands before the blocks, 1 to L for the blocks."""
    blocks, count = _blocks(model)
    root = blocks.partition(".")[0] + "." if "." in blocks else ""  # "vit."
    depths, before = {}, 0
    for name, _ in model.named_parameters():
        if name.startswith(f"{blocks}."):
            depths[name] = int(name.removeprefix(f"{blocks}.").partition(".")[0]) + 1
            before = count + 1
        else:
            depths[name] = before if name.startswith(root) else count + 1
    return count + 1, depths


def _blocks(model):
    """Return the name of the model's list of blocks, as "vit.layers", and how many."""
    lists = [
        (name, len(part))
        for name, part in model.named_modules()
        if isinstance(part, nn.ModuleList) and any(True for _ in part.parameters())
    ]
    outer = [x for x in lists if not any(x[0].startswith(f"{n}.") for n, _ in lists)]
    config = getattr(model, "config", None)
    config = getattr(config, "vision_config", config)  # CLIP has one for texts, too
    in_stages = hasattr(config, "depths") or not hasattr(config, "num_hidden_layers")
    if len(outer) != 1 or in_stages:
        raise ValueError(
            f"no single list of equal blocks can be found in {type(model).__name__}, "
            "so its layers cannot be given rates by depth; train it with "
            "torch.optim.AdamW(model.parameters(), lr)"
        )
    return outer[0]


@torch.inference_mode()
def features(
    model: PreTrainedModel, dataset, processor, batch_size: int = 50
) -> tuple[np.ndarray, np.ndarray]:
    """Compute what the backbone makes of each picture: what the head would read.

    With a ViT this is the class token at the end, after the last layer norm.

    Parameters
    ----------
    model : ViTModel, ViTForImageClassification or another family's classifier
        Left in the mode (training or evaluation) in which it came.
    dataset : datasets.Dataset
        With the columns ``image`` and ``label``, without a transform.
    processor : image processor of transformers

    Returns
    -------
    features : array, shape (n, D), float32
    labels : array, shape (n,), int64

    Raises
    ------
    ValueError
        If the model has no ``classifier`` and is no ViT: what to read is not known.
    """
    read, was_training = _reader(model), model.training
    model.eval()
    labels, found, prepare = labels_of(dataset), [], pixels(processor)
    try:
        for start in range(0, len(dataset), batch_size):
            batch = prepare(dataset[start : start + batch_size])
            made = read(batch["pixel_values"].to(model.device, model.dtype))
            found.append(made.flatten(1).float().cpu().numpy())
    finally:
        model.train(was_training)
    return np.concatenate(found), labels


def _reader(model):
    """Return the function from pictures to what the model's head reads of them."""
    backbone = getattr(model, "vit", model)
    if isinstance(backbone, ViTModel):
        return lambda images: backbone(images).last_hidden_state[:, 0]
    if not isinstance(getattr(model, "classifier", None), nn.Module):
        raise ValueError(
            f"{type(model).__name__} has no head called classifier, so that it is not "
            "known which of its numbers a head would read; load it with pretrained"
        )

    def read(images):
        seen = []
        hook = model.classifier.register_forward_pre_hook(
            lambda _, given: seen.append(given[0])
        )
        with hook:
            model(images)
        return seen[0]

    return read


# --- Training ---------------------------------------------------------------------


def metrics(prediction) -> dict[str, float]:
    """Accuracy and macro F1, for ``Trainer(compute_metrics=metrics)``.

    Parameters
    ----------
    prediction : transformers.EvalPrediction
        With ``predictions``, the logits of shape (n, K), and ``label_ids``, (n,).
    """
    logits, truth = prediction.predictions, prediction.label_ids
    if isinstance(logits, tuple):  # attentions come after them
        logits = logits[0]
    answers = logits.argmax(-1)
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
            If it is True and there is no complete checkpoint in the output folder, or
            if a label is no class of the model.
        """
        _check_labels(self)
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
            stored, report = type(model).from_pretrained(
                resume_from_checkpoint,
                config=copy.deepcopy(model.config),
                ignore_mismatched_sizes=True,  # refused below, with both shapes
                dtype=model.dtype,
                output_loading_info=True,
            )
        refuse_unfit(
            resume_from_checkpoint,
            *_shapes(stored, report),
            "it is damaged or belongs to another model: delete it to resume from an "
            "older one, or start the run anew",
        )
        model.load_state_dict(stored.state_dict())

    def _load_best_model(self):
        if not isinstance(self.model, PreTrainedModel):
            return super()._load_best_model()
        self._load_from_checkpoint(self.state.best_model_checkpoint)


def _check_labels(trainer):
    """Look at all labels before the first step, which would stop deep in the loss."""
    config = getattr(trainer.model, "config", None)
    if getattr(config, "problem_type", None) in (None, "single_label_classification"):
        for split in (trainer.train_dataset, trainer.eval_dataset):
            if isinstance(split, Dataset) and "label" in split.column_names:
                class_numbers(labels_of(split), getattr(config, "num_labels", None))


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
        prog="python -m course_utils.finetune.torch",
        description=main.__doc__.splitlines()[0],
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
