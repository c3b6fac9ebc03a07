"""From a folder of pictures to a tested, saved, exported model with a demo.

    python your_pictures_pytorch.py --pictures FOLDER --output FOLDER

The folder has a subfolder of pictures for each class. What comes out is OUTPUT/model,
which ``pipeline("image-classification", ...)`` takes, the exported files beside it, and
OUTPUT/CHECKLIST.md, which says what was done and how well it went. A run that was
killed goes on if the same command is given with ``--resume``.

These are the cells of notebook 17 that carry the tag ``script``. They need torch,
transformers, accelerate, datasets, scikit-learn, pandas and Pillow; imagehash, onnx,
onnxscript, onnxruntime and gradio add a part each where they are installed.
"""

import argparse
import hashlib
import os
import re
import shutil
import sys
import tempfile
import warnings
from importlib.util import find_spec
from logging import getLogger
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, WeightedRandomSampler
from transformers import (
    AutoImageProcessor,
    AutoModelForImageClassification,
    EarlyStoppingCallback,
    PrinterCallback,
    Trainer,
    TrainingArguments,
    logging,
    pipeline,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--pictures", required=True, help="a subfolder for each class")
parser.add_argument("--output", required=True, help="a new folder for the results")
parser.add_argument(
    "--groups",
    default="",
    help="regular expression for file names without suffix; files of a class whose "
    r"first group is the same stay together, as in '(.+)-shot\d+'",
)
parser.add_argument("--model", default="google/vit-base-patch16-224")
parser.add_argument("--epochs", type=int, default=12)
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--rates", type=float, nargs="+", default=[2e-5, 5e-5, 1e-4])
parser.add_argument("--trial", type=int, default=3, help="epochs to compare rates")
parser.add_argument("--patience", type=int, default=4, help="epochs without a gain")
parser.add_argument("--budget", type=float, default=0.1, help="share of wrong answers")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--resume", action="store_true", help="go on with a killed run")
options = parser.parse_args()
PICTURES, GROUPS, MODEL = options.pictures, options.groups, options.model
OUT, EPOCHS, BATCH = Path(options.output), options.epochs, options.batch_size
RATES, TRIAL, PATIENCE = options.rates, options.trial, options.patience
BUDGET, SEED = options.budget, options.seed
if OUT.exists() and not options.resume:
    sys.exit(f"{OUT} is there already; add --resume, or choose another --output")
OUT.mkdir(parents=True, exist_ok=True)
logging.set_verbosity_error()  # fresh() reads the reports on loading itself
logging.disable_progress_bar()
getLogger("torch.onnx").setLevel("ERROR")
warnings.simplefilter("ignore", FutureWarning)

# %% The files
KINDS = (".jpg .jpeg .png .webp .bmp .gif .tif .tiff .heic .heif").split()
folder = Path(PICTURES).expanduser()
if not folder.is_dir():
    raise SystemExit(f"There is no folder {folder}; look at its spelling.")
found = [
    x
    for x in sorted(folder.rglob("*"))
    if x.suffix.lower() in KINDS
    and not any(part[0] == "." for part in x.relative_to(folder).parts)
]
files = [x for x in found if x.parent.parent == folder]
if not files:
    raise SystemExit(
        f"{folder} holds {len(found)} pictures, but none right inside a "
        "subfolder; make one subfolder for each class, not for each split."
    )
if others := [x for x in found if x not in set(files)]:
    print(f"{len(others)} files such as {others[0]} are in no class folder")
kept = {x.parent for x in files}
for place in sorted(folder.iterdir()):
    if place.is_dir() and place.name[0] != "." and place not in kept:
        print(f"{place.name} has no pictures and is left out")

# %% A look into each file
if find_spec("pillow_heif"):
    from pillow_heif import register_heif_opener

    register_heif_opener()
if find_spec("imagehash"):
    from imagehash import phash
else:
    print(
        "imagehash is not installed, so nearly equal pictures are not "
        "looked for: pip install imagehash"
    )


def look(file):
    """Return what is in a file, and why it cannot be used, if so."""
    row = {
        "file": file,
        "name": file.parent.name,
        "problem": "",
        "digest": hashlib.sha256(file.read_bytes()).hexdigest(),
    }
    try:
        with Image.open(file) as picture:
            row |= dict(zip(("width", "height"), picture.size))
            row["mode"] = picture.mode
            picture.draft(None, (256, 256))  # decodes less of a large JPEG
            picture = ImageOps.exif_transpose(picture).convert("RGB")
        if find_spec("imagehash"):
            row["hash"] = phash(picture).hash.ravel()
            row["mirrored"] = phash(ImageOps.mirror(picture)).hash.ravel()
    except (
        OSError,
        SyntaxError,
        ValueError,
        MemoryError,
        Image.DecompressionBombError,
    ) as error:
        row["problem"] = str(error).partition(str(file))[0].strip(" '")
        if file.suffix.lower() in (".heic", ".heif"):
            row["problem"] = (
                "Pillow here cannot read HEIC; convert it to "
                "JPEG, or pip install pillow-heif"
            )
    return row


table = pd.DataFrame([look(file) for file in files])
if (table["problem"] > "").all():
    raise SystemExit(
        f"None of the {len(table)} pictures in {folder} can be "
        f"read: {table['problem'].iloc[0]}."
    )
for row in table[table["problem"] > ""].itertuples():
    print(f"left out: {row.name}/{row.file.name}, {row.problem}")

# %% Copies, and nearly copies
for _, same in table.groupby("digest"):
    if same["name"].nunique() > 1:
        table.loc[same.index, "problem"] = "is in two classes"
        print(
            *(f"{x.parent.name}/{x.name}" for x in same["file"]),
            "have the same bytes; which is right? Both are left out.",
        )
table = table[table["problem"] == ""].reset_index(drop=True)
pairs = np.empty((0, 2), int)
if find_spec("imagehash"):
    plain, mirrored = (
        2.0 * np.stack(table[x]) - 1 for x in ("hash", "mirrored")
    )  # (n, 64), -1 or 1
    bits = 32 - np.maximum(plain @ plain.T, plain @ mirrored.T) / 2
    pairs = np.argwhere(np.triu(bits <= 6, 1))
print(f"{len(pairs)} pairs of pictures are equal, or nearly")


# %% Groups that stay together
def first_of(keys):
    """Return for each row the first row with the same key."""
    return pd.Series(range(len(keys))).groupby(keys).transform("min")


def burst(row):
    match = re.fullmatch(GROUPS, row.file.stem) if GROUPS else None
    return f"{row.name}/{match[1] if match else row.file.name}"


keys = np.array([burst(row) for row in table.itertuples()])
rows = np.arange(len(table))
links = np.concatenate(
    [
        np.stack([rows, first_of(keys)], 1),
        pairs,
        np.stack([rows, first_of(table["digest"].to_numpy())], 1),
    ]
).T
links = coo_array((np.ones(len(links.T)), links), shape=(len(rows),) * 2)
table["group"] = connected_components(links, directed=False)[1]
for name, same in table.groupby("name"):
    if same["group"].nunique() < 3:
        table = table[table["name"] != name]
        print(
            f"{name} has fewer than three groups of pictures, one for "
            "each split, and is left out"
        )
    elif len(same) > 10 and same["group"].value_counts().max() * 2 > len(same):
        print(f"more than half of {name} is one group; is GROUPS right?")
names = sorted(table["name"].unique())
if len(names) < 2:
    raise SystemExit(
        f"{folder} has {len(names)} classes with three "
        "pictures or more; a model needs two to tell apart."
    )

# %% The split
table = table.reset_index(drop=True)
table["label"] = table["name"].map(names.index)
folds = StratifiedGroupKFold(
    min(5, table["name"].value_counts().max()), shuffle=True, random_state=SEED
)
parts = [part for _, part in folds.split(table, table["label"], table["group"])]
table["split"] = "train"
table.loc[parts[0], "split"] = "test"
table.loc[parts[1], "split"] = "validation"
train, validation, test = (
    table[table["split"] == x] for x in ("train", "validation", "test")
)
counts = np.bincount(train["label"], minlength=len(names))
print(
    f"{len(train)} pictures to learn from, {len(validation)} to choose "
    f"by, {len(test)} to report on"
)

# %% Shrink once
processor = AutoImageProcessor.from_pretrained(MODEL, backend="pil")
side = (getattr(processor, "crop_size", None) or processor.size)["height"]
processor.size = {"height": side, "width": side}  # all of the picture
processor.do_center_crop = False
copies = OUT / "copies"


def shrink(file, copy):
    """Write an upright RGB copy, a third larger than the model wants."""
    with Image.open(file) as picture:
        picture = ImageOps.exif_transpose(picture).convert("RGB")
    scale = side * 4 / 3 / min(picture.size)
    if scale < 1:
        size = [max(1, round(x * scale)) for x in picture.size]
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    copy.parent.mkdir(parents=True, exist_ok=True)
    picture.save(copy, quality=95)


table["copy"] = [copies / row.name / f"{row.Index}.jpg" for row in table.itertuples()]
for row in table.itertuples():
    shrink(row.file, row.copy)
train, validation, test = (
    table[table["split"] == x] for x in ("train", "validation", "test")
)


# %% What the model sees
def view(picture, draw=None):
    """Resize a picture; with random numbers, a part of it or its mirror."""
    box = 0, 0, *picture.size
    if draw is not None:
        share = np.sqrt(draw.uniform(0.6, 1))  # of each side
        width, height = (share * x for x in picture.size)
        left = draw.uniform(0, picture.width - width)
        top = draw.uniform(0, picture.height - height)
        box = left, top, left + width, top + height
        if draw.random() < 0.5:
            picture = ImageOps.mirror(picture)
    return picture.resize((side, side), Image.Resampling.BILINEAR, box)


def batch(items):
    """Turn rows of the table into what the model takes."""
    pictures = []
    for item in items:
        draw = None
        if item["split"] == "train":  # torch's seed rules these numbers, too
            draw = np.random.default_rng(int(torch.randint(2**31, ())))
        with Image.open(item["copy"]) as picture:
            pictures.append(view(picture, draw))
    values = processor(pictures, return_tensors="pt")["pixel_values"]
    labels = torch.tensor([item["label"] for item in items])
    return {"pixel_values": values, "labels": labels}


@torch.inference_mode()
def outputs(network, rows):
    """Yield what a network makes of whole pictures, batch by batch."""
    network.eval().to(DEVICE)
    rows = rows.assign(split="").to_dict("records")
    for i in range(0, len(rows), 64):
        yield network(batch(rows[i : i + 64])["pixel_values"].to(DEVICE))


# %% A baseline in a minute
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def fresh(source=MODEL, seed=SEED):
    """Load a checkpoint with a new head for our classes."""
    set_seed(seed)
    model, report = AutoModelForImageClassification.from_pretrained(
        source,
        id2label=dict(enumerate(names)),
        dtype="float32",
        label2id={name: i for i, name in enumerate(names)},
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )
    lost = [x for x in report["missing_keys"] if "classifier" not in x]
    if lost:
        raise SystemExit(f"{source} lacks {lost[0]}, which would be random.")
    return model


def features(rows):
    """Return what the frozen checkpoint makes of pictures: (n, D)."""
    found = outputs(fresh().base_model, rows)
    return np.concatenate([x.last_hidden_state[:, 0].cpu() for x in found])


def shares(model, rows):
    """Return a model's probabilities for pictures: (n, K)."""
    return np.concatenate(
        [x.logits.float().softmax(1).cpu() for x in outputs(model, rows)]
    )


def probe(x, y):
    """Fit a linear classifier in which each class counts the same."""
    line = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    return make_pipeline(StandardScaler(), line).fit(x, y)


def scores(truth, shares):
    """Return macro F1, accuracy, and the recall of each class."""
    answers, there = shares.argmax(1), np.unique(truth)
    hits = confusion_matrix(truth, answers, labels=range(shares.shape[1]))
    with np.errstate(invalid="ignore"):  # a class without pictures: nan
        recall = hits.diagonal() / hits.sum(1)
    return {
        "macro F1": f1_score(
            truth, answers, labels=there, average="macro", zero_division=0
        ),
        "accuracy": (truth == answers).mean(),
        "recall": recall,
    }


# %% The baseline
x = {part: features(rows) for part, rows in table.groupby("split")}
baseline = probe(x["train"], train["label"])
largest = np.eye(len(names))[np.full(len(test), counts.argmax())]
results = {
    "always the largest class": scores(test["label"], largest),
    "probe": scores(test["label"], baseline.predict_proba(x["test"])),
}
for way, result in results.items():
    print(
        f"{way:25} macro F1 {result['macro F1']:.3f}, accuracy {result['accuracy']:.3f}"
    )


# %% Fine-tune it
class Balanced(Trainer):
    """Draws each class equally often."""

    def get_train_dataloader(self):
        each = 1 / counts[[item["label"] for item in self.train_dataset]]
        order = WeightedRandomSampler(each, len(each))
        return self.accelerator.prepare(
            DataLoader(self.train_dataset, BATCH, sampler=order, collate_fn=batch)
        )


def judged(found):
    """Print and return the macro F1 of validation pictures."""
    result = scores(found.label_ids, found.predictions)["macro F1"]
    print(f"{result:.3f}", end=" ", flush=True)
    return {"f1": result}


def fine_tuned(rate, epochs, way="weights", seed=SEED, folder=None, callbacks=()):
    """Return the model of the best epoch, and the macro F1 of each epoch.

    The way is plain, weights (in the loss), or draws (each class equally
    often). In a folder of its own, a run that was killed goes on.
    """
    weights = torch.ones(len(names))
    if way == "weights":
        weights = torch.tensor(len(train) / len(names) / counts).float()

    def loss(outputs, labels, num_items_in_batch=None):
        total = cross_entropy(
            outputs.logits, labels, reduction="sum", weight=weights.to(labels.device)
        )
        return total / (num_items_in_batch or len(labels))

    place = folder or tempfile.mkdtemp(dir=OUT)
    last = get_last_checkpoint(place) if os.path.isdir(place) else None
    settings = TrainingArguments(
        str(place),
        num_train_epochs=epochs,
        learning_rate=rate,
        seed=seed,
        per_device_train_batch_size=BATCH,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        logging_strategy="epoch",
        metric_for_best_model="f1",
        fp16=DEVICE == "cuda",
        restore_callback_states_from_checkpoint=True,
        remove_unused_columns=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=DEVICE == "cuda",
    )
    trainer = (Balanced if way == "draws" else Trainer)(
        fresh(last or MODEL, seed),
        settings,
        data_collator=batch,
        train_dataset=train.to_dict("records"),
        compute_loss_func=loss,
        eval_dataset=validation.to_dict("records"),
        compute_metrics=judged,
        callbacks=[EarlyStoppingCallback(PATIENCE), *callbacks],
    )
    trainer.remove_callback(PrinterCallback)
    print(f"rate {rate:.0e}, {way}: macro F1", end=" ")
    trainer.train(resume_from_checkpoint=last)
    print()
    logs = [x["eval_f1"] for x in trainer.state.log_history if "eval_f1" in x]
    model = fresh(trainer.state.best_model_checkpoint)
    if folder is None:
        shutil.rmtree(place)
    return model, logs


# %% A learning rate under a budget
trials = {rate: fine_tuned(rate, TRIAL) for rate in RATES}
rate = max(RATES, key=lambda rate: max(trials[rate][1]))
print(f"{rate:.0e} is best after {TRIAL} epochs of {len(train)} pictures")

# %% The long run
model, logs = fine_tuned(rate, EPOCHS, folder=OUT / "run")
seen, sure = (shares(model, part) for part in (validation, test))
again = scores(validation["label"], seen)["macro F1"]
print(
    f"epoch {np.argmax(logs) + 1} was best with {max(logs):.3f}, "
    f"measured again: off by {abs(again - max(logs)):.1e}"
)

# %% Labels that are probably wrong
x = np.concatenate([x[part] for part in x])
y = pd.concat([rows for _, rows in table.groupby("split")])
folds = StratifiedGroupKFold(5, shuffle=True, random_state=SEED)
doubts = np.zeros((len(y), len(names)))
for learn, judge in folds.split(x, y["label"], y["group"]):
    doubts[judge] = probe(x[learn], y["label"].iloc[learn]).predict_proba(x[judge])
own = doubts[np.arange(len(y)), y["label"]]
y = y.assign(own=own, instead=[names[k] for k in doubts.argmax(1)])
suspicious = y.sort_values("own")
for row in suspicious.head(8).itertuples():
    print(
        f"{row.name}/{row.file.name}: rather {row.instead}, "
        f"{row.own:.4f} for its own label"
    )


# %% I do not know
def calmed(shares, temperature):
    """Divide the logits by a temperature: above 1, all answers are less sure."""
    shares = np.maximum(shares, 1e-12) ** (1 / temperature)
    return shares / shares.sum(1, keepdims=True)


def loss_at(temperature):
    own = calmed(seen, temperature)[rows, validation["label"]]
    return -np.log(own).mean()


rows = np.arange(len(validation))
temperature = min(np.geomspace(0.3, 5, 60), key=loss_at)
answers = calmed(seen, temperature)
order = np.argsort(-answers.max(1))
wrong = answers.argmax(1) != validation["label"].to_numpy()
wrong = wrong[order].cumsum()
within = np.flatnonzero(wrong <= BUDGET * (rows + 1))
threshold = answers.max(1)[order][within[-1]] if len(within) else 1.0
answers = calmed(sure, temperature)
named = answers.max(1) >= threshold
right = answers.argmax(1) == test["label"].to_numpy()
print(
    f"temperature {temperature:.2f}; of {len(test)} test pictures, "
    f"{named.sum()} are named, {right[named].sum()} of them rightly"
)

# %% Save, and test what is saved
model.cpu().save_pretrained(OUT / "model")
processor.save_pretrained(OUT / "model")
classify = pipeline(
    "image-classification",
    str(OUT / "model"),
    device="cpu",
    image_processor=AutoImageProcessor.from_pretrained(OUT / "model", backend="pil"),
)
answers = np.zeros((len(test), len(names)))
for i, file in enumerate(test["file"]):
    for answer in classify(str(file), top_k=len(names)):
        answers[i, names.index(answer["label"])] = answer["score"]
results["fine-tuned"] = scores(test["label"], answers)
same = (answers.argmax(1) == sure.argmax(1)).sum()
print(
    f"macro F1 {results['fine-tuned']['macro F1']:.3f} on the files as "
    f"they are; {same} of {len(test)} answers are those to the copies"
)
for k, name in enumerate(names):
    there = test["label"] == k
    hits = int((answers[there].argmax(1) == k).sum())
    if there.any():
        low, high = binomtest(hits, there.sum()).proportion_ci(method="wilson")
        print(
            f"{name:20} {hits:3} of {there.sum():3} found, so a recall "
            f"of {low:.2f} to {high:.2f}"
        )

# %% torch.export
example = torch.zeros(2, 3, side, side)  # two, and new: no picture of yours
dynamic = ({0: torch.export.Dim("batch")},)
exported = torch.export.export(model.eval(), (example,), dynamic_shapes=dynamic)
torch.export.save(exported, OUT / "model.pt2")
pixels = batch(test.assign(split="").to_dict("records"))["pixel_values"]
with torch.inference_mode():
    logits = model(pixels).logits.numpy()
    module = torch.export.load(OUT / "model.pt2").module()
    exports = {"model.pt2": module(pixels).logits.numpy()}

# %% ONNX, and int8
if all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
    import onnxruntime
    from onnxruntime.quantization import quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    torch.onnx.export(
        model,
        (example,),
        OUT / "model.onnx",
        dynamo=True,
        verbose=False,
        dynamic_shapes=dynamic,
        input_names=["pixel_values"],
        output_names=["logits"],
        external_data=False,
    )
    quant_pre_process(OUT / "model.onnx", OUT / "ready.onnx")
    quantize_dynamic(OUT / "ready.onnx", OUT / "int8.onnx")
    for file in ("model.onnx", "int8.onnx"):
        session = onnxruntime.InferenceSession(OUT / file)
        exports[file] = session.run(None, {"pixel_values": pixels.numpy()})[0]
else:
    print(
        "onnx, onnxscript or onnxruntime is not installed, so there is no "
        "ONNX file: pip install onnx onnxscript onnxruntime"
    )
report = []
for file, found in exports.items():
    gap = np.abs(found - logits).max()
    same = (found.argmax(1) == logits.argmax(1)).sum()
    report.append(
        f"{file}: {(OUT / file).stat().st_size / 1e6:.1f} MB, "
        f"{same} of {len(test)} answers the same, logits differ "
        f"by at most {gap:.1e}"
    )
print(*report, sep="\n")


# %% A demo
def name_it(picture):
    """Return the names and their probabilities."""
    found = classify(picture, top_k=len(names))
    return {answer["label"]: answer["score"] for answer in found}


if find_spec("gradio"):
    os.environ |= {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_TEMP_DIR": str(OUT / "uploads"),
    }
    import gradio as gr

    demo = gr.Interface(
        name_it, gr.Image(type="pil"), gr.Label(), flagging_mode="never"
    )
    _, address, _ = demo.launch(
        server_name="127.0.0.1",
        share=False,
        prevent_thread_lock=True,
        inline=False,
        quiet=True,
    )
else:
    print("gradio is not installed, so there is no demo: pip install gradio")

# %% The demo is asked, and stopped
if find_spec("gradio"):
    from gradio_client import Client, handle_file

    file = str(test["copy"].iloc[0])
    said = Client(address, verbose=False).predict(
        handle_file(file), api_name="/name_it"
    )
    demo.close(verbose=False)
    direct = name_it(file)
    gap = max(abs(x["confidence"] - direct[x["label"]]) for x in said["confidences"])
    print(
        f"the demo says {said['label']}, as the pipeline does; the "
        f"probabilities differ by {gap:.1e}"
    )

# %% A checklist
lowest = int(np.nanargmin(results["fine-tuned"]["recall"]))
checklist = f"""# {OUT.name}: {len(names)} classes

- **Pictures**: {len(files)} files, of which {len(table)} are used: \
{len(train)} to learn from, {len(validation)} to choose by, {len(test)} to \
report on. The smallest class has {counts.min()} to learn from, the \
largest {counts.max()}.
- **Leaks**: {table["group"].nunique()} groups of pictures that belong \
together, each on one side; {len(pairs)} pairs nearly equal.
- **Macro F1** on test pictures as they are: \
{results["fine-tuned"]["macro F1"]:.3f}; a probe has \
{results["probe"]["macro F1"]:.3f}, always {names[counts.argmax()]} \
{results["always the largest class"]["macro F1"]:.3f}.
- **Weakest class**: {names[lowest]}, recall \
{results["fine-tuned"]["recall"][lowest]:.2f}.
- **I do not know** below {threshold:.2f}, after a temperature of \
{temperature:.2f}: {named.sum()} of {len(test)} test pictures are named, \
{right[named].sum()} rightly.
- **Look at these labels**: {
    ", ".join(f"{x.parent.name}/{x.name}" for x in suspicious["file"].head())
}.
- **How**: {MODEL}, rate {rate:.0e} of {len(RATES)} tried, best of \
{len(logs)} epochs, seed {SEED}.
- **Files**: {"; ".join(report)}.
"""
(OUT / "CHECKLIST.md").write_text(checklist, encoding="utf-8")
print(checklist)
