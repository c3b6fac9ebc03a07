"""Fine-tune an image classifier of Hugging Face on pictures of your own.

    python examples/finetune.py --data DATA --output FOLDER [--model MODEL]

DATA is a folder that holds a folder of pictures for each class, a folder with the
files of a data set of the Hub (``train.parquet`` and so on), or a data set's id there,
such as ``uoft-cs/cifar10``. MODEL is a folder or an id of the Hub, too.

FOLDER/model (weights, processor, ``metrics.json``) appears when all is done, and not
before. A run that was killed goes on after its last whole epoch when the same command
is given again. On several GPUs: ``accelerate launch examples/finetune.py ...``; on
CPUs: ``torchrun --standalone --nproc_per_node 2 examples/finetune.py ...``.

``finetune_transformers.py`` beside it is the short way; read that one first. This one
is for pictures that you do not know yet: it says in a sentence what is wrong with them,
augments them, and takes rates by layer. Nothing in either comes from the course: copy
the file, and change what you like. It needs torch, transformers, datasets, accelerate,
scikit-learn and Pillow.
"""

import argparse
import functools
import json
import os
import re
import shutil
import sys
import time
from pathlib import Path

import datasets
import torch
import transformers
from PIL import Image, ImageEnhance
from sklearn.metrics import accuracy_score, f1_score
from transformers import AutoModelForImageClassification, TrainingArguments


def main(arguments=None):
    """Train, keep the model of the best epoch, test it, and store it."""
    options = parse(arguments)
    output = Path(options.output)
    if (output / "model").exists():
        sys.exit(f"{output / 'model'} is there already; choose another --output")
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    splits = load_pictures(options.data, options.label, options.seed)
    transformers.set_seed(options.seed)  # of the new head, too
    names = splits["train"].features["label"].names
    processor, model = load_model(options.model, names)
    trainer = make_trainer(options, splits, processor, model, output / "checkpoints")
    claim(output / "checkpoints", vars(options) | {"classes": names}, trainer)
    # From here on each process draws numbers of its own, or all would augment alike.
    torch.manual_seed(options.seed + trainer.args.process_index)
    trainer.train(resume_from_checkpoint=newest_checkpoint(output / "checkpoints"))
    plain = functools.partial(prepare, processor=processor)
    test = splits["test"].with_transform(plain)
    publish(trainer, trainer.evaluate(test, metric_key_prefix="test"), output / "model")


def parse(arguments):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", required=True, help="a folder, or the id of a data set on the Hub"
    )
    parser.add_argument("--model", default="google/vit-base-patch16-224")
    parser.add_argument("--output", required=True, help="folder for the results")
    parser.add_argument("--label", help="column with the classes, if there are several")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--lr", type=float, default=1e-4, help="of the head")
    parser.add_argument(
        "--decay", type=float, default=1.0, help="of lr, layer by layer"
    )
    parser.add_argument("--batch-size", type=int, default=32, help="on each device")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


# --- Pictures ---------------------------------------------------------------------


def load_pictures(source, label, seed):
    """Return the splits train, validation and test, with columns image and label."""
    problems = OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError
    try:
        splits = read(source)
    except problems as error:
        sys.exit(
            f"{source} cannot be read as a data set ({first_line(error)}); give a "
            "folder that holds a folder of pictures for each class, or a data set's id"
        )
    if "train" not in splits:
        sys.exit(f"{source} has no split train, only {', '.join(splits)}; rename one")
    kinds = splits["train"].features
    images = [name for name, kind in kinds.items() if isinstance(kind, datasets.Image)]
    labels = [n for n, kind in kinds.items() if isinstance(kind, datasets.ClassLabel)]
    labels = [name for name in labels if label in (None, name)]
    if len(images) != 1 or len(labels) != 1:
        sys.exit(
            f"one column of pictures and one of classes are needed, but {source} has "
            f"{images or 'none'} and {labels or 'none'}; choose the classes by --label"
        )
    splits = splits.select_columns([*images, *labels])
    splits = splits.rename_columns({images[0]: "image", labels[0]: "label"})
    for name in ("test", "validation"):
        if name not in splits:
            try:
                halves = splits["train"].train_test_split(
                    0.2, seed=seed, stratify_by_column="label"
                )
            except ValueError as error:
                sys.exit(
                    f"the pictures of {source} are too few to set some aside for the "
                    f"split {name} ({first_line(error)}); add pictures to each class"
                )
            splits["train"], splits[name] = halves["train"], halves["test"]
    for name in ("train", "validation", "test"):
        if wrong := [x for x in splits[name]["label"][:] if x is None or x < 0]:
            sys.exit(
                f"{len(wrong)} pictures of the split {name} have no class (the first "
                f"label is {wrong[0]}); leave them out, or give them one"
            )
    return splits


def read(source):
    """Load a data set, or a folder that holds a folder of pictures for each class.

    Given such a folder, ``load_dataset`` takes words such as train and test in names of
    files and classes for the names of splits, and leaves all other pictures out; one
    picture outside of the class folders, and no label is left. So it gets the files,
    without hidden ones such as those in .ipynb_checkpoints.
    """
    kinds = Image.registered_extensions().items()
    known = {ending for ending, kind in kinds if kind in Image.OPEN}
    if not Path(source).is_dir():
        return datasets.load_dataset(source)
    found = [p for p in sorted(Path(source).rglob("*")) if p.suffix.lower() in known]
    found = [p for p in found if "/." not in f"/{p.relative_to(source).as_posix()}"]
    inside = [str(p) for p in found if p.parent.parent == Path(source)]
    if not inside:
        return datasets.load_dataset(source)
    if len(inside) < len(found):
        print(f"{len(found) - len(inside)} pictures lie in no class folder: left out")
    return datasets.load_dataset("imagefolder", data_files=inside, drop_labels=False)


def first_line(error):
    """Return what an error says, as a part of a sentence."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def prepare(rows, processor, change=None):
    """Turn rows of a data set into what the model takes."""
    images = [image.convert("RGB") for image in rows["image"]]
    if change is not None:
        images = [change(image) for image in images]
    made = processor(images, return_tensors="pt")
    return {"pixel_values": made["pixel_values"], "labels": rows["label"]}


def augment(image):
    """Mirror half of the pictures; crop, brighten and color all of them at random."""
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


# --- The model --------------------------------------------------------------------


def load_model(source, names):
    """Return the processor and the model, with a new head for the classes ``names``."""
    options = {
        "dtype": torch.float32,
        "ignore_mismatched_sizes": True,  # of the head
        "output_loading_info": True,
        "trust_remote_code": False,  # nobody else's code runs here
        "use_safetensors": True,
    }
    labels = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            source, trust_remote_code=False
        )
        model, report = AutoModelForImageClassification.from_pretrained(
            source, **labels, **options
        )
        if unset(report):
            # transformers 5.15, Colab's, leaves the blocks of a file without a head
            # random. The model without a head reads them.
            body, report = transformers.AutoModel.from_pretrained(source, **options)
            inside = getattr(model, model.base_model_prefix)
            inside.load_state_dict(body.state_dict(), strict=False)
    except (OSError, ValueError, ImportError, AttributeError) as error:
        sys.exit(
            f"{source} cannot be loaded as an image classifier ({first_line(error)}); "
            "give the folder or the id of a model with config.json, model.safetensors "
            "and preprocessor_config.json"
        )
    if missing := unset(report):
        sys.exit(
            f"{source} lacks {missing[0]} (and {len(missing) - 1} more weights), which "
            "would stay random; choose a whole checkpoint"
        )
    for layer in model.classifier.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.reset_parameters()
    return processor, model


def unset(report):
    """Return the weights that a file does not fill, but for those of a new head."""
    names = {*report["missing_keys"], *(name for name, *_ in report["mismatched_keys"])}
    return sorted(name for name in names if not re.search("classifier|pooler", name))


def layerwise_adamw(model, lr, decay):
    """AdamW whose learning rate shrinks from the head down to the first layers."""
    depth = getattr(model.config, "num_hidden_layers", None)
    if depth is None or hasattr(model.config, "depths"):
        sys.exit(
            f"{type(model).__name__} has no list of equal blocks; leave out --decay"
        )
    groups = {}
    for name, weight in model.named_parameters():
        block = re.search(r"\blayers?\.(\d+)\.", name)
        layer = 0 if "embeddings." in name else depth + 1
        layer = int(block[1]) + 1 if block else layer
        settings = lr * decay ** (depth + 1 - layer), 0.01 if weight.ndim > 1 else 0.0
        groups.setdefault(settings, []).append(weight)
    return torch.optim.AdamW(
        {"params": weights, "lr": rate, "weight_decay": shrink}
        for (rate, shrink), weights in groups.items()
    )


# --- Training ---------------------------------------------------------------------


class ExactTrainer(transformers.Trainer):
    """Reads checkpoints with ``from_pretrained``.

    ``Trainer`` of transformers 5.15 to 5.23 resumes a ViT, and loads the best one, with
    the blocks left as they are (issue 48805 of huggingface/transformers).
    """

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        model = self.model if model is None else model
        stored = type(model).from_pretrained(resume_from_checkpoint, dtype=model.dtype)
        model.load_state_dict(stored.state_dict())

    def _load_best_model(self):
        self._load_from_checkpoint(self.state.best_model_checkpoint)


class EpochLines(transformers.TrainerCallback):
    """Print a line after each epoch."""

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        """Print the scores on the validation pictures."""
        if state.is_world_process_zero and "eval_loss" in metrics:
            names = ("loss", "accuracy", "f1")
            scores = [f"{name} {metrics[f'eval_{name}']:.3f}" for name in names]
            print(f"epoch {state.epoch:.0f}  validation:", *scores, flush=True)


def metrics(prediction):
    """Return the accuracy and the mean of the classes' F1 scores."""
    logits, truth = prediction.predictions, prediction.label_ids
    if isinstance(logits, tuple):  # attentions come after them
        logits = logits[0]
    answers = logits.argmax(-1)
    return {
        "accuracy": float(accuracy_score(truth, answers)),
        "f1": float(f1_score(truth, answers, average="macro")),
    }


def make_trainer(options, splits, processor, model, folder):
    """Return the Trainer of this run."""
    settings = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=options.epochs,
        learning_rate=options.lr,
        per_device_train_batch_size=options.batch_size,
        per_device_eval_batch_size=2 * options.batch_size,
        warmup_steps=0.1,  # a share of all steps
        lr_scheduler_type="cosine",
        weight_decay=0.01,
        eval_strategy="epoch",
        save_strategy="epoch",
        logging_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
        save_total_limit=1,  # and the best one
        remove_unused_columns=False,  # prepare needs them
        dataloader_pin_memory=torch.cuda.is_available(),
        # Without this, several processes on CPUs would know nothing of each other.
        use_cpu=not torch.accelerator.is_available(),
        report_to="none",
        seed=options.seed,
        data_seed=options.seed,  # of the order, which all processes must share
        disable_tqdm=True,
    )
    optimizer = None  # AdamW, one rate for all layers
    if options.decay != 1:
        optimizer = layerwise_adamw(model, options.lr, options.decay)
    change = functools.partial(prepare, processor=processor, change=augment)
    plain = functools.partial(prepare, processor=processor)
    trainer = ExactTrainer(
        model,
        settings,
        train_dataset=splits["train"].with_transform(change),
        eval_dataset=splits["validation"].with_transform(plain),
        compute_metrics=metrics,
        processing_class=processor,
        callbacks=[EpochLines()],
        optimizers=(optimizer, None),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def newest_checkpoint(folder):
    """Return the newest checkpoint that is complete: its last file can be read."""
    found = {path.name[len("checkpoint-") :]: path for path in folder.glob("check*-*")}
    for step in sorted(filter(str.isdecimal, found), key=int, reverse=True):
        try:
            json.loads((found[step] / "trainer_state.json").read_text("utf-8"))
            return str(found[step])
        except (OSError, ValueError):
            continue  # the run was killed while it wrote this one
    return None


def claim(folder, settings, trainer):
    """Note the settings of a new run; refuse to resume one that had others."""
    settings = {k: v for k, v in settings.items() if k != "output"}
    settings["rows"] = len(trainer.train_dataset)
    file = folder / "settings.json"
    if file.exists():
        before = json.loads(file.read_text("utf-8"))
        changed = [name for name in settings if before.get(name) != settings[name]]
        if changed:
            sys.exit(
                f"{folder} holds a run with another {', '.join(changed)}; give the "
                "same options to resume it, or another --output"
            )
    elif trainer.is_world_process_zero():
        folder.mkdir(parents=True, exist_ok=True)
        write(file, settings)
    trainer.accelerator.wait_for_everyone()


def publish(trainer, scores, folder):
    """Write the model under another name, then move it into place."""
    if trainer.is_world_process_zero():
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        trainer.accelerator.unwrap_model(trainer.model).save_pretrained(part)
        trainer.processing_class.save_pretrained(part)
        write(part / "metrics.json", scores)
        os.replace(part, folder)
        print(f"test accuracy {scores['test_accuracy']:.2%}; model in {folder}")
    # A moment after an exchange has returned, a thread of gloo lets go of what it sent,
    # and needs Python for that. A process that ends before may hang or be aborted.
    trainer.accelerator.wait_for_everyone()
    time.sleep(0.5)
    trainer.accelerator.end_training()


def write(path, values):
    """Write values as JSON: the whole file appears at once, or none."""
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    os.replace(part, path)


if __name__ == "__main__":
    main()
