"""From a folder of pictures to a tested, saved and exported model with a demo.

    python your_pictures_pytorch.py --pictures FOLDER --output FOLDER

FOLDER holds a subfolder of pictures for each class. OUTPUT/model is what
``pipeline("image-classification", ...)`` takes, the exported files lie beside it, and
OUTPUT/CHECKLIST.md says what was done and how well it went. A run that was killed goes
on if the same command is given with ``--resume``.

These are the cells of notebook 17 that carry the tag ``script``. They need torch,
transformers, accelerate, datasets, scikit-learn, pandas and Pillow. Where imagehash,
onnx with onnxscript and onnxruntime, or gradio is missing, that part is left out.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import warnings
from importlib import import_module
from importlib.util import find_spec
from logging import getLogger
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.special import softmax
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, log_loss, recall_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn.functional import cross_entropy
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
for name, default, words in (
    ("pictures", None, "a folder with a subfolder of pictures for each class"),
    ("output", None, "a new folder for the results"),
    ("groups", "", r"what belongs together, from the names: '(.+)-shot\d+'"),
    ("model", "google/vit-base-patch16-224", "a folder, or a name on the Hub"),
    ("epochs", 12, "of the long run"),
    ("trial", 3, "epochs to compare the rates"),
    ("patience", 4, "epochs without a gain before a run ends"),
    ("batch", 16, "pictures in a batch"),
    ("budget", 0.1, "share of wrong answers among those that are given"),
    ("seed", 0, "of split and training"),
):
    kind = str if default is None else type(default)
    parser.add_argument(
        f"--{name}", type=kind, default=default, required=default is None, help=words
    )
parser.add_argument("--rates", type=float, nargs="+", default=[2e-5, 5e-5, 1e-4])
parser.add_argument("--resume", action="store_true", help="go on with a killed run")
options = parser.parse_args()
PICTURES, GROUPS, MODEL = options.pictures, options.groups, options.model
OUT, EPOCHS, TRIAL = Path(options.output), options.epochs, options.trial
RATES, PATIENCE, BATCH = options.rates, options.patience, options.batch
BUDGET, SEED = options.budget, options.seed
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if OUT.exists() and not options.resume:
    sys.exit(f"{OUT} is there already; add --resume, or choose another --output")
OUT.mkdir(parents=True, exist_ok=True)
logging.set_verbosity_error()  # fresh() reads the reports on loading itself
logging.disable_progress_bar()
getLogger("torch.onnx").setLevel("ERROR")
warnings.simplefilter("ignore", FutureWarning)

# fmt: off (laid out as in the notebook)

# %% The files
KINDS = ".jpg .jpeg .png .webp .bmp .gif .tif .tiff .heic .heif".split()
folder = Path(PICTURES).expanduser()
every, files = ([x for x in sorted(folder.glob(pattern))
                 if x.suffix.lower() in KINDS]
                for pattern in ("**/[!.]*", "[!.]*/[!.]*"))
if not files:
    raise SystemExit(
        f"There are no pictures in {folder}/CLASS/, and {len(every)} elsewhere "
        "in it; check the path, and make one folder for each class.")
empty = {x for x in folder.glob("[!.]*/")} - {x.parent for x in files}
print(f"{len(files)} of {len(every)} pictures lie in a class folder; "
      "folders without pictures:", *(sorted(x.name for x in empty) or ["none"]))

# %% A look into each file
if find_spec("pillow_heif"):
    import_module("pillow_heif").register_heif_opener()
imagehash = find_spec("imagehash") and import_module("imagehash")
if not imagehash:
    print("imagehash is not installed, so nearly equal pictures are not "
          "looked for: pip install imagehash")

def look(file):
    """Return what is in a file, and why it cannot be used, if so."""
    row = {"file": file, "name": file.parent.name, "problem": "", "hash": None,
           "digest": hashlib.sha256(file.read_bytes()).hexdigest()}
    try:
        with Image.open(file) as picture:
            row["width"], row["height"] = picture.size
            row["mode"] = picture.mode
            picture.draft(None, (256, 256))  # decodes less of a large JPEG
            picture = ImageOps.exif_transpose(picture).convert("RGB")
        row["hash"] = imagehash and imagehash.phash(picture).hash.ravel()
    except Exception:  # each format fails in its own way
        heic = file.suffix.lower() in (".heic", ".heif")
        row["problem"] = ("HEIC: convert to JPEG, or pip install pillow-heif"
                          if heic else "damaged, or no picture")
    return row

table = pd.DataFrame([look(file) for file in files])
classes = table.groupby("digest")["name"].transform("nunique")
table.loc[classes > 1, "problem"] = "one file in two classes: which is right?"
for problem, rows in table[table["problem"] > ""].groupby("problem"):
    print(f"left out, {problem}:",
          *(f"{x.parent.name}/{x.name}" for x in rows["file"]))
table = table[table["problem"] == ""].reset_index(drop=True)

# %% Groups that stay together
stems = table["file"].map(lambda file: file.stem).astype(str)
bursts = stems.str.extract(GROUPS or "(.*)").iloc[:, 0].fillna(stems)
alike = np.zeros((len(table), len(table)), bool)
if imagehash and len(table):
    signs = np.where(np.stack(table["hash"]), 1.0, -1.0)  # (n, 64)
    mirrored = signs * np.tile([1, -1], 32)
    bits = 32 - np.maximum(signs @ signs.T, signs @ mirrored.T) / 2
    alike = bits <= 6  # of 64 differ
pairs = np.argwhere(np.triu(alike, 1))
for keys in (table["name"] + "/" + bursts, table["digest"]):
    codes = pd.factorize(keys)[0]
    alike |= codes[:, None] == codes
table["group"] = connected_components(csr_array(alike))[1]
print(f"{len(table)} pictures in {table['group'].nunique()} groups; "
      f"{len(pairs)} pairs look alike")

# %% The split
groups = table.groupby("name")["group"]
if few := sorted(set(table["name"][groups.transform("nunique") < 3])):
    print("left out, fewer than three groups, one for each split:", *few)
table = table[~table["name"].isin(few)].reset_index(drop=True)
names = sorted(set(table["name"]))
if len(names) < 2:
    raise SystemExit(f"{folder} has {len(names)} classes with three pictures "
                     "or more that can be used; a classifier needs two.")
for name, rows in table.groupby("name"):
    if 10 < len(rows) < 2 * rows["group"].value_counts().max():
        print(f"more than half of {name} is one group; is GROUPS right?")
table["label"] = table["name"].map(names.index)
folds = StratifiedGroupKFold(min(5, table["name"].value_counts().max()),
                             shuffle=True, random_state=SEED)
table["split"], splits = "train", ("test", "validation", "train")
parts = list(folds.split(table, table["label"], table["group"]))
for split, (_, part) in zip(splits, parts, strict=False):
    table.loc[part, "split"] = split

# %% Shrink once
processor = AutoImageProcessor.from_pretrained(MODEL, backend="pil")
side = (getattr(processor, "crop_size", None) or processor.size)["height"]
processor.size = {"height": side, "width": side}  # all of each picture
processor.do_center_crop = False

def shrink(file, copy):
    """Write an upright RGB copy, a third larger than the model wants."""
    with Image.open(file) as picture:
        picture = ImageOps.exif_transpose(picture).convert("RGB")
    scale = min(1, side * 4 / 3 / min(picture.size))
    copy.parent.mkdir(parents=True, exist_ok=True)
    ImageOps.scale(picture, scale).save(copy, quality=95)

copies = OUT / "copies"
table["copy"] = [copies / name / f"{i}.jpg" for i, name in table["name"].items()]
for row in table.itertuples():
    shrink(row.file, row.copy)
test, validation, train = (table[table["split"] == x] for x in splits)
counts = np.bincount(train["label"], minlength=len(names))
print(f"{len(train)} pictures to learn from, {len(validation)} to choose "
      f"by, {len(test)} to report on")

# %% What the model sees
def view(picture, draw=None):
    """Resize a picture, or with random numbers a part of it, mirrored or not."""
    box = np.array([0, 0, 1, 1])  # left, top, right, bottom
    if draw is not None:
        share = draw.uniform(0.6, 1) ** 0.5  # of each side
        box = np.append([0, 0], [share, share]) + np.tile(
            draw.uniform(0, 1 - share, 2), 2)
        picture = ImageOps.mirror(picture) if draw.random() < 0.5 else picture
    return picture.resize((side, side), Image.Resampling.BILINEAR,
                          tuple(box * (picture.size * 2)))

def batch(items):
    """Turn rows of the table into what the model takes."""
    pictures = []
    for item in items:
        draw = np.random.default_rng(int(torch.randint(2**31, ())))
        with Image.open(item["copy"]) as picture:
            pictures.append(view(picture, draw if item["split"] == "train"
                                 else None))
    values = processor(pictures, return_tensors="pt")["pixel_values"]
    labels = torch.tensor([item["label"] for item in items])
    return {"pixel_values": values, "labels": labels}

# %% A checkpoint with a new head
def fresh(source=MODEL, seed=SEED):
    """Load a checkpoint, with a new head if it does not have ours."""
    set_seed(seed)
    model, report = AutoModelForImageClassification.from_pretrained(
        source, dtype="float32", id2label=dict(enumerate(names)),
        label2id={name: k for k, name in enumerate(names)},
        ignore_mismatched_sizes=True, output_loading_info=True)
    if lost := [x for x in report["missing_keys"] if "classifier" not in x]:
        raise SystemExit(f"{source} lacks {lost[0]}, which would be random.")
    return model

@torch.inference_mode()
def outputs(network, rows):
    """Yield what a network makes of whole pictures, batch by batch."""
    network.eval().to(DEVICE)
    items = rows.assign(split="").to_dict("records")
    for i in range(0, len(items), 64):
        yield network(batch(items[i:i + 64])["pixel_values"].to(DEVICE))

def features(rows):
    """Return what the frozen checkpoint makes of pictures: (n, D)."""
    found = outputs(fresh().base_model, rows)
    return np.concatenate([x.last_hidden_state[:, 0].cpu() for x in found])

def shares(model, rows):
    """Return a model's probabilities for pictures: (n, K)."""
    found = outputs(model, rows)
    return np.concatenate([x.logits.softmax(1).cpu() for x in found])

# %% A probe, and scores
def probe(x, y):
    """Fit a linear classifier in which each class counts the same."""
    line = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    return make_pipeline(StandardScaler(), line).fit(x, y)

def scores(truth, shares):
    """Return macro F1, accuracy, and the recall of each class."""
    answers, there = shares.argmax(1), np.unique(truth)
    recall = recall_score(truth, answers, labels=range(shares.shape[1]),
                          average=None, zero_division=np.nan)
    return {"macro F1": f1_score(truth, answers, labels=there, average="macro"),
            "accuracy": (truth == answers).mean(), "recall": recall}

# %% The baseline
x = features(table)
baseline = probe(x[train.index], train["label"]).predict_proba(x[test.index])
largest = np.eye(len(names))[[counts.argmax()] * len(test)]
results = {"always the largest class": scores(test["label"], largest),
           "probe": scores(test["label"], baseline)}
for way, result in results.items():
    print(f"{way}: macro F1 {result['macro F1']:.3f}, "
          f"accuracy {result['accuracy']:.3f}")

# %% Fine-tune it
class Draws(list):
    """Gives for any number a random row, each class equally often."""

    def __getitem__(self, i):
        """Draw a row."""
        each = torch.tensor([1 / counts[row["label"]] for row in self])
        return super().__getitem__(int(torch.multinomial(each, 1)))

def judged(found):
    """Print and return the macro F1 of an epoch."""
    f1 = scores(found.label_ids, found.predictions)["macro F1"]
    print(f"{f1:.3f}", end=" ", flush=True)
    return {"f1": f1}

def fine_tuned(rate, epochs, way="weights", seed=SEED, folder=None,
               callbacks=()):
    """Return the model of the best epoch, and the macro F1 of all epochs.

    With weights in the loss, with draws, or plain; a killed run in folder goes on.
    """
    weights = len(train) / len(names) / counts if way == "weights" else counts > 0
    weights = torch.tensor(weights, dtype=torch.float32, device=DEVICE)

    def loss(outputs, labels, num_items_in_batch=None):
        total = cross_entropy(outputs.logits, labels, weights, reduction="sum")
        return total / (num_items_in_batch or len(labels))

    with tempfile.TemporaryDirectory() as temporary:
        place = folder or temporary
        last = get_last_checkpoint(place) if os.path.isdir(place) else None
        settings = TrainingArguments(
            str(place), num_train_epochs=epochs, learning_rate=rate,
            per_device_train_batch_size=BATCH, seed=seed, warmup_steps=0.1,
            lr_scheduler_type="cosine", eval_strategy="epoch",
            save_strategy="epoch", save_total_limit=2, report_to="none",
            metric_for_best_model="f1", remove_unused_columns=False,
            restore_callback_states_from_checkpoint=True, disable_tqdm=True,
            fp16=DEVICE == "cuda", dataloader_pin_memory=DEVICE == "cuda")
        rows = (Draws if way == "draws" else list)(train.to_dict("records"))
        trainer = Trainer(
            fresh(last or MODEL, seed), settings, batch, rows,
            validation.to_dict("records"), compute_loss_func=loss,
            compute_metrics=judged,
            callbacks=[EarlyStoppingCallback(PATIENCE), *callbacks])
        trainer.remove_callback(PrinterCallback)
        print(f"rate {rate:.0e}, {way}: macro F1", end=" ")
        trainer.train(resume_from_checkpoint=last)
        print()
        logs = [log["eval_f1"] for log in trainer.state.log_history
                if "eval_f1" in log]
        return fresh(trainer.state.best_model_checkpoint), logs

# %% A learning rate under a budget
trials = {rate: fine_tuned(rate, TRIAL) for rate in RATES}
RATE = max(RATES, key=lambda rate: max(trials[rate][1]))

# %% The long run
model, logs = fine_tuned(RATE, EPOCHS, folder=OUT / "run")
seen, given = (shares(model, rows) for rows in (validation, test))
again = scores(validation["label"], seen)["macro F1"]
print(f"epoch {np.argmax(logs) + 1} was the best; measured again, it is off "
      f"by {abs(again - max(logs)):.1f}")

# %% Labels that are probably wrong
doubts = np.zeros((len(table), len(names)))
for a, b in parts:
    doubts[b] = probe(x[a], table["label"][a]).predict_proba(x[b])
own = doubts[table.index, table["label"]]
doubtful = table.assign(own=own, rather=doubts.argmax(1)).sort_values("own")
for row in doubtful.head(5).itertuples():
    print(f"{row.name}/{row.file.name}: rather {names[row.rather]}")

# %% I do not know
def calmed(shares, temperature):
    """Divide the logits by a temperature; above 1, answers are less sure."""
    return softmax(np.log(np.maximum(shares, 1e-12)) / temperature, axis=1)

temperature = minimize_scalar(
    lambda t: log_loss(validation["label"], calmed(seen, t),
                       labels=range(len(names))), (0.2, 5)).x
sure = calmed(seen, temperature).max(1)
right = seen.argmax(1) == validation["label"]
threshold = min((cut for cut in sure if (~right[sure >= cut]).mean() <= BUDGET),
                default=1.0)
named = calmed(given, temperature).max(1) >= threshold
right = given.argmax(1) == test["label"]
print(f"{named.sum()} of {len(test)} test pictures are named, since it is at "
      f"least {threshold:.0%} sure, {right[named].sum()} of them rightly")

# %% Save, and test what is saved
model.cpu().save_pretrained(OUT / "model")
processor.save_pretrained(OUT / "model")
classify = pipeline(
    "image-classification", str(OUT / "model"), device="cpu",
    image_processor=AutoImageProcessor.from_pretrained(
        OUT / "model", backend="pil"))

def answer(picture):
    """Return each name with its probability."""
    found = classify(picture, top_k=len(names))
    return {x["label"]: x["score"] for x in found}

answers = pd.DataFrame([answer(str(x)) for x in test["file"]])[names].to_numpy()
results["fine-tuned"] = scores(test["label"], answers)
same = (answers.argmax(1) == given.argmax(1)).sum()
print(f"macro F1 {results['fine-tuned']['macro F1']:.3f}; {same} of {len(test)} "
      "original files get the answer of their copy")

# %% torch.export
example = torch.zeros(2, 3, side, side)  # two, and new: no picture of yours
shapes = ({0: torch.export.Dim("batch")},)
exported = torch.export.export(model, (example,), dynamic_shapes=shapes)
torch.export.save(exported, OUT / "model.pt2")
pixels = batch(test.assign(split="").to_dict("records"))["pixel_values"]
with torch.inference_mode():
    logits = model(pixels).logits.numpy()
    module = torch.export.load(OUT / "model.pt2").module()
    exports = {"model.pt2": module(pixels).logits.numpy()}

# %% ONNX, and int8
if all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
    import onnxruntime
    from onnxruntime.quantization import quantize_dynamic, shape_inference

    torch.onnx.export(
        model, (example,), OUT / "model.onnx", dynamic_shapes=shapes,
        input_names=["pixels"], external_data=False, verbose=False)
    shape_inference.quant_pre_process(OUT / "model.onnx", OUT / "ready.onnx")
    quantize_dynamic(OUT / "ready.onnx", OUT / "int8.onnx")
    for file in ("model.onnx", "int8.onnx"):
        session = onnxruntime.InferenceSession(OUT / file)
        exports[file] = session.run(None, {"pixels": pixels.numpy()})[0]
else:
    print("no ONNX file is made: pip install onnx onnxscript onnxruntime")
report = [f"{file}: {(OUT / file).stat().st_size / 1e6:.1f} MB, "
          f"{(found.argmax(1) == logits.argmax(1)).sum()} of {len(test)} answers "
          f"the same, logits differ by at most {np.abs(found - logits).max():.0e}"
          for file, found in exports.items()]
print(*report, sep="\n")

# %% A demo
if find_spec("gradio"):
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import
    import gradio as gr
    from gradio_client import Client, handle_file

    demo = gr.Interface(answer, gr.Image(type="pil"), gr.Label())
    address = demo.launch(
        server_name="127.0.0.1", share=False, prevent_thread_lock=True,
        quiet=True, inline=False)[1]
    said = Client(address, verbose=False).predict(
        handle_file(str(test["copy"].iloc[0])), api_name="/answer")
    demo.close(verbose=False)
    print(f"the demo said {said['label']}")
else:
    print("gradio is not installed, so there is no demo: pip install gradio")

# %% A checklist
lines = [
    f"# {folder.name}: {len(names)} classes\n", f"- Pictures: {len(files)}, of "
    f"which {len(train)} to learn from, {len(validation)} to choose by, "
    f"{len(test)} to report on; {table['group'].nunique()} groups stay together",
    f"- Model: {MODEL}, rate {RATE:.0e}, best of {len(logs)} epochs, seed {SEED}",
    *(f"- Test, {way}: macro F1 {result['macro F1']:.3f}, accuracy "
      f"{result['accuracy']:.3f}" for way, result in results.items()),
    f"- Below {threshold:.2f} (temperature {temperature:.2f}) it should say *I do "
    f"not know*: {named.sum()} are named, {right[named].sum()} rightly",
    "- Labels to look at: " + ", ".join(
        f"{x.parent.name}/{x.name}" for x in doubtful["file"].head()),
    *(f"- {line}" for line in report),
    "\n| class | found | of | recall, 95 % |\n|---|---|---|---|"]
for name, rows in test.groupby("name"):
    hits = right[rows.index].sum()
    low, high = binomtest(hits, len(rows)).proportion_ci(method="wilson")
    lines += [f"| {name} | {hits} | {len(rows)} | {low:.2f} to {high:.2f} |"]
(OUT / "CHECKLIST.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
print(*lines, sep="\n")
