"""Fine-tune a Vision Transformer in plain transformers, from pictures to answers.

    python finetune_transformers.py --data DATA --model MODEL --output FOLDER

FOLDER/model is what ``pipeline("image-classification", "FOLDER/model")`` takes. A run
that was killed goes on after its last whole epoch if the same command is given with
``--resume``.

This is the opening of notebook 08, cell by cell; ``finetune.py`` does the same for
pictures that you do not know yet, says in a sentence what is wrong with them, and can
be started as several processes. Both need torch, transformers, datasets, accelerate,
scikit-learn and Pillow.
"""

import argparse
import sys
from pathlib import Path

import datasets
import torch
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    Trainer,
    TrainingArguments,
    pipeline,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument(
    "--data",
    default="uoft-cs/cifar10",
    help="a folder with a folder of pictures for each class, a folder with the parquet "
    "files of a data set, or a data set's name on the Hub",
)
parser.add_argument("--model", default="google/vit-base-patch16-224")
parser.add_argument("--output", required=True, help="a new folder for the results")
parser.add_argument("--epochs", type=int, default=4)
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--lr", type=float, default=5e-5)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--resume", action="store_true", help="go on with a killed run")
options = parser.parse_args()
MODEL, OUT = options.model, Path(options.output)
EPOCHS, BATCH, RATE = options.epochs, options.batch_size, options.lr
SEED, GPU = options.seed, torch.cuda.is_available()
PICTURES = {"path": options.data}
if Path(options.data).is_dir() and not any(Path(options.data).rglob("*.parquet")):
    files = f"{options.data}/*/*"  # else files named test-1.jpg would be a test split
    PICTURES = {"path": "imagefolder", "data_files": files, "drop_labels": False}
if OUT.exists() and not options.resume:
    sys.exit(f"{OUT} is there already; add --resume, or choose another --output")

# %% The pictures, and the names of their classes
data = datasets.load_dataset(**PICTURES)
kinds = data["train"].features
image = next(x for x in kinds if isinstance(kinds[x], datasets.Image))
label = next(x for x in kinds if isinstance(kinds[x], datasets.ClassLabel))
names = kinds[label].names
fifth = {"test_size": 0.2, "seed": SEED, "stratify_by_column": label}
if "test" not in data:
    data = data["train"].train_test_split(**fifth)
train, validation = data["train"].train_test_split(**fifth).values()
print(
    f"{len(train)} pictures to learn from, {len(validation)} to choose "
    f"by, {len(data['test'])} to report on:",
    *names,
)

# %% The checkpoint: its recipe for pictures, its weights, and a new head
last = get_last_checkpoint(OUT) if OUT.exists() else None
processor = AutoImageProcessor.from_pretrained(MODEL, backend="pil")
set_seed(SEED)  # the head is random
model, report = AutoModelForImageClassification.from_pretrained(
    last or MODEL,
    id2label=dict(enumerate(names)),
    label2id={name: i for i, name in enumerate(names)},
    dtype="float32",
    ignore_mismatched_sizes=True,
    output_loading_info=True,
)
lost = {x for x in report["missing_keys"] if not x.startswith("classifier")}
assert not lost, f"{MODEL} lacks {min(lost)}, which would stay random"


# %% From pictures to numbers, and from answers to scores
def pixels(rows):
    """Turn rows of a data set into what the model takes."""
    pictures = [picture.convert("RGB") for picture in rows[image]]
    values = processor(pictures, return_tensors="pt")["pixel_values"]
    return {"pixel_values": values, "labels": rows[label]}


def metrics(prediction):
    """Return the accuracy and the mean of the classes' F1 scores."""
    truth, answers = prediction.label_ids, prediction.predictions.argmax(-1)
    return {
        "accuracy": accuracy_score(truth, answers),
        "f1": f1_score(truth, answers, average="macro"),
    }


# %% Training
settings = TrainingArguments(
    str(OUT),
    num_train_epochs=EPOCHS,
    per_device_train_batch_size=BATCH,
    learning_rate=RATE,
    lr_scheduler_type="cosine",
    warmup_steps=0.1,
    eval_strategy="epoch",
    save_strategy="epoch",
    save_total_limit=2,
    logging_strategy="epoch",
    metric_for_best_model="accuracy",
    seed=SEED,
    remove_unused_columns=False,  # pixels needs the column of pictures
    fp16=GPU,
    dataloader_pin_memory=GPU,
    report_to="none",
)
trainer = Trainer(
    model,
    settings,
    train_dataset=train.with_transform(pixels),
    eval_dataset=validation.with_transform(pixels),
    compute_metrics=metrics,
    processing_class=processor,
)
trainer.train(resume_from_checkpoint=last)

# %% The best epoch is tested, kept, and used
best = AutoModelForImageClassification.from_pretrained(
    trainer.state.best_model_checkpoint
)
test = data["test"].with_transform(pixels)
judge = Trainer(best, settings, eval_dataset=test, compute_metrics=metrics)
print(f"test accuracy {judge.evaluate()['eval_accuracy']:.1%}")
best.save_pretrained(OUT / "model")
processor.save_pretrained(OUT / "model")

data["test"][0][image].convert("RGB").save(OUT / "picture.png")
classify = pipeline("image-classification", str(OUT / "model"))
print(*classify(str(OUT / "picture.png"), top_k=3), sep="\n")
