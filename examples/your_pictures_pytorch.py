"""From a folder of pictures to a tested, saved and exported model with a demo.

    pip install torch transformers accelerate scikit-learn pandas pillow \
        imagehash onnx onnxscript onnxruntime gradio
    python your_pictures_pytorch.py --pictures FOLDER --output FOLDER

FOLDER holds a subfolder of pictures for each class. After a kill, add --resume. Without
the packages from imagehash on, parts are left out. These are cells of notebook 17.
"""

import argparse
import hashlib
import os
import shutil
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers
from PIL import Image, ImageOps
from scipy import optimize, sparse, special, stats
from sklearn import linear_model, metrics, model_selection, pipeline, preprocessing
from torch.nn import functional as F
from transformers import AutoImageProcessor, AutoModelForImageClassification, Trainer

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--pictures", required=True, help="a subfolder for each class")
parser.add_argument("--output", required=True, help="a new folder for the results")
parser.add_argument("--groups", default="", help=r"of files, like '(.+)-shot\d+'")
parser.add_argument("--model", default="google/vit-base-patch16-224")
parser.add_argument("--epochs", type=int, default=12, help="of the long run, at most")
parser.add_argument("--trial", type=int, default=3, help="epochs to try each rate")
parser.add_argument("--patience", type=int, default=4, help="epochs without a gain")
parser.add_argument("--batch-size", type=int, default=16)
parser.add_argument("--rates", type=float, nargs="+", default=[2e-5, 5e-5, 1e-4])
parser.add_argument("--budget", type=float, default=0.1, help="errors among answers")
parser.add_argument("--seed", type=int, default=0, help="of split and training")
parser.add_argument("--resume", action="store_true", help="go on with a killed run")
options = parser.parse_args()
PICTURES, GROUPS, MODEL = options.pictures, options.groups, options.model
OUT, EPOCHS, TRIAL = Path(options.output), options.epochs, options.trial
PATIENCE, BATCH, RATES = options.patience, options.batch_size, options.rates
BUDGET, SEED = options.budget, options.seed
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
if OUT.exists() and not options.resume:
    raise SystemExit(f"{OUT} is there; add --resume, or choose another --output")
transformers.logging.set_verbosity_error()  # fresh() reads the reports on loading
transformers.logging.disable_progress_bar()
# fmt: off
# %% The files
KINDS = {*Image.registered_extensions(), ".heic", ".heif"}
folder = Path(PICTURES).expanduser()
if not folder.is_dir():
    raise SystemExit(f"There is no folder {folder}; check the path.")
every, files = ([x for x in sorted(folder.glob(pattern)) if x.suffix.lower() in KINDS]
                for pattern in ("**/[!.]*", "[!.]*/[!.]*"))
if not files:
    raise SystemExit(f"Found no picture in {folder}/CLASS/, {len(every)} "
                     "too deep or loose; make a folder for each class.")
empty = {x for x in folder.glob("[!.]*/")} - {x.parent for x in files}
print(len(files), "of", len(every), "pictures are in a class folder; empty",
      "folders:", *sorted(x.name for x in empty) or ["none"])
# %% A look into each file
if find_spec("pillow_heif"):
    import_module("pillow_heif").register_heif_opener()
imagehash = find_spec("imagehash") and import_module("imagehash")
if not imagehash:
    print("imagehash is not installed (near copies): pip install imagehash")

def upright(file, size=None):
    """Open a file as a person would see it; a large JPEG nearer to size."""
    with Image.open(file) as picture:
        picture.draft(None, size)
        return ImageOps.exif_transpose(picture).convert("RGB")

def look(file):
    """Return what is in a file, and why it cannot be used, if so."""
    row = {"file": file, "name": file.parent.name, "problem": "",
           "digest": hashlib.sha256(file.read_bytes()).hexdigest()}
    try:
        small = upright(file, (256, 256))
        row["hash"] = imagehash and imagehash.phash(small).hash.ravel()
    except Exception:  # each format fails in its own way
        heic = {".hei": "HEIC: convert to JPEG, or install pillow-heif"}
        row["problem"] = heic.get(file.suffix.lower()[:4], "damaged")
    return row
# %% The table
table = pd.DataFrame([look(file) for file in files])
classes = table.groupby("digest")["name"].transform("nunique")
table.loc[(classes > 1) & (table["problem"] == ""), "problem"] = "2 classes"
bad = sorted(set(table["problem"]) - {""})
for why in bad:
    those = table["file"][table["problem"] == why]
    print(f"left out, {why}:", *("/".join(x.parts[-2:]) for x in those))
table = table[table["problem"] == ""].reset_index(drop=True)
if table.empty:
    raise SystemExit(f"No picture in {folder} is left: {', '.join(bad)}.")
# %% Copies, and nearly copies
digests = pd.factorize(table["digest"])[0]
bits = np.where(digests[:, None] == digests, 0, 64)  # that differ
if imagehash:
    signs = 2 * np.stack(table["hash"]).astype("float32") - 1  # (n, 64)
    mirrored = signs * np.tile(np.float32([1, -1]), 32)
    bits = 32 - np.maximum(signs @ signs.T, signs @ mirrored.T) / 2
alike = bits <= 6
# %% Groups that stay together
stems = table["file"].map(lambda file: file.stem).astype(str)
shots = stems.str.extract(GROUPS or "(.*)").iloc[:, 0].fillna(stems)
shots = pd.factorize(table["name"] + "/" + shots)[0]
kin = shots[:, None] == shots
table["group"] = sparse.csgraph.connected_components(sparse.csr_array(kin | alike))[1]
pairs = np.argwhere(np.triu(alike & ~kin, 1))
sizes = table["group"].value_counts()
print(f"{len(table)} pictures, {len(sizes)} groups of up to {max(sizes)}; "
      f"{len(pairs)} pairs look alike without a common name")
# %% Classes with enough groups
sizes = table.groupby("name")["group"].transform("nunique")
print("left out, fewer than three groups:",
      *sorted(set(table["name"][sizes < 3])) or ["none"])
table = table[sizes >= 3].reset_index(drop=True)
names = sorted(set(table["name"]))
if len(names) < 2:
    raise SystemExit(f"{folder} needs two classes of three pictures each.")
table["label"] = table["name"].map(names.index)
# %% The split
folds = model_selection.StratifiedGroupKFold(
    min(5, table["name"].value_counts().max()), shuffle=True, random_state=SEED)
parts = list(folds.split(table, table["label"], table["group"]))
table["split"], splits = "train", ("test", "validation", "train")
for split, (_, part) in zip(splits, parts, strict=False):
    table.loc[part, "split"] = split
for name, rows in table.groupby("name"):
    if lost := [x for x in splits if x not in set(rows["split"])]:
        print(f"{name} has too few groups for a picture in", *lost)
# %% The checkpoint and its recipe
processor = AutoImageProcessor.from_pretrained(MODEL, backend="pil")
side = (getattr(processor, "crop_size", None) or processor.size)["height"]
processor.size = {"height": side, "width": side}  # all of each picture
processor.do_center_crop = False
# %% Shrink once
table["copy"] = [OUT / "copies" / name / f"{row}.jpg"
                 for row, name in table["name"].items()]
for row in table.itertuples():
    picture = upright(row.file)
    scale = min(1, side * 4 / 3 / min(picture.size))
    row.copy.parent.mkdir(parents=True, exist_ok=True)
    ImageOps.scale(picture, scale).save(row.copy, quality=95)
table[["file", "name", "split"]].to_csv(OUT / "split.csv", index=False)
test, validation, train = (table[table["split"] == x] for x in splits)
counts = np.bincount(train["label"], minlength=len(names))
print(f"{len(train)} pictures to learn from, {len(validation)} to choose "
      f"by, {len(test)} to report on")
# %% What the model sees
def view(picture, draw=None):
    """Resize a picture, or a random part of it, perhaps mirrored."""
    left, top, share = 0, 0, 1
    if draw is not None:
        share = draw.uniform(0.6, 1) ** 0.5  # of width and height
        left, top = draw.uniform(0, 1 - share, 2)
        if draw.random() < 0.5:
            picture = ImageOps.mirror(picture)
    box = np.array([left, top, left + share, top + share])
    return picture.resize((side, side), processor.resample,
                          tuple(box * np.tile(picture.size, 2)))

def batch(items):
    """Turn rows of the table into what the model takes."""
    pictures = []
    for item in items:
        draw = np.random.default_rng(int(torch.randint(2**31, ())))
        draw = draw if item["split"] == "train" else None
        pictures.append(view(upright(item["copy"]), draw))
    return {"labels": torch.tensor([item["label"] for item in items]),
            **processor(pictures, return_tensors="pt")}
# %% A checkpoint with a new head
def fresh(source=MODEL, seed=SEED):
    """Load a checkpoint, with a new head if it does not have ours."""
    transformers.set_seed(seed)
    model, report = AutoModelForImageClassification.from_pretrained(
        source, dtype="float32", id2label=dict(enumerate(names)),
        label2id={name: k for k, name in enumerate(names)},
        ignore_mismatched_sizes=True, output_loading_info=True)
    if lost := [x for x in report["missing_keys"] if "classifier" not in x]:
        raise SystemExit(f"{source} lacks {lost[0]}; choose another MODEL.")
    return model

@torch.inference_mode()
def outputs(network, rows, part):
    """Apply a network to whole pictures: (n, D) or (n, K)."""
    items = rows.assign(split="").to_dict("records")
    network.eval().to(DEVICE)
    pixels = (batch(items[i:i + 64])["pixel_values"].to(DEVICE)
              for i in range(0, len(items), 64))
    return np.concatenate([part(network(x)).cpu() for x in pixels])

def features(rows):
    """Return the class tokens of the frozen checkpoint: (n, D)."""
    return outputs(fresh().base_model, rows, lambda x: x[0][:, 0])

def shares(model, rows):
    """Return a model's probabilities for pictures: (n, K)."""
    return outputs(model, rows, lambda x: x.logits.softmax(1))
# %% A probe, and scores
def probe(x, y):
    """Fit a linear classifier in which each class counts the same."""
    return pipeline.make_pipeline(
        preprocessing.StandardScaler(), linear_model.LogisticRegression(
            C=0.01, class_weight="balanced", max_iter=2000)).fit(x, y)

def scores(truth, shares):
    """Return accuracy and macro F1 of the classes that are there."""
    answers, there = shares.argmax(1), np.unique(truth)
    f1 = metrics.f1_score(truth, answers, labels=there, average="macro")
    return {"accuracy": float((truth == answers).mean()), "macro F1": f1}
# %% The baseline
x = features(table)
baseline = probe(x[train.index], train["label"]).predict_proba(x[test.index])
always = np.eye(len(names))[[counts.argmax()] * len(test)]
results = {"always the largest class": scores(test["label"], always),
           "probe": scores(test["label"], baseline)}
print(pd.DataFrame(results).T.round(3))
# %% Draws, and the score of an epoch
class Draws(list):
    """Gives for any number a random row, each class equally often."""

    def __getitem__(self, i):
        return super().__getitem__(int(torch.multinomial(self.each, 1)))

def judged(found):
    """Print and return the macro F1 of an epoch."""
    f1 = scores(found.label_ids, found.predictions)["macro F1"]
    print(f"{f1:.3f}", end=" ", flush=True)
    return {"f1": f1}
# %% Fine-tune it
def fine_tuned(rate, epochs, way="plain", seed=SEED, folder=None, more=()):
    """Return the best epoch's model, and the macro F1 of all epochs."""
    each = np.where(way == "weights", len(train) / len(names) / counts, 1)
    each = torch.tensor(each, dtype=torch.float32, device=DEVICE)
    def loss(outputs, labels, num_items_in_batch=None):
        return F.cross_entropy(outputs.logits, labels, each, reduction="sum"
                               ) / (num_items_in_batch or len(labels))
    with tempfile.TemporaryDirectory() as temporary:
        place = str(folder or temporary)
        os.makedirs(place, exist_ok=True)
        last = transformers.trainer_utils.get_last_checkpoint(place)
        settings = transformers.TrainingArguments(
            place, num_train_epochs=epochs, learning_rate=rate, seed=seed,
            per_device_train_batch_size=BATCH, lr_scheduler_type="cosine",
            warmup_steps=0.1, eval_strategy="epoch", save_strategy="epoch",
            save_total_limit=2, metric_for_best_model="f1",
            restore_callback_states_from_checkpoint=True, disable_tqdm=True,
            remove_unused_columns=False,
            fp16=DEVICE == "cuda", dataloader_pin_memory=DEVICE == "cuda")
        rows = (Draws if way == "draws" else list)(train.to_dict("records"))
        Draws.each = torch.tensor(1 / counts[train["label"]])
        trainer = Trainer(fresh(last or MODEL, seed), settings, batch, rows,
            validation.to_dict("records"), compute_loss_func=loss,
            compute_metrics=judged, callbacks=[
                transformers.EarlyStoppingCallback(PATIENCE), *more])
        trainer.remove_callback(transformers.PrinterCallback)
        print(f"\nrate {rate:.0e}, {way}: macro F1", end=" ")
        trainer.train(resume_from_checkpoint=last)
        logs = [log["eval_f1"] for log in trainer.state.log_history if "eval_f1" in log]
        return fresh(trainer.state.best_model_checkpoint), logs
# %% A learning rate under a budget
trials = {rate: fine_tuned(rate, TRIAL) for rate in RATES}
highest = max(max(f1) for _, f1 in trials.values())
RATE = min(x for x in RATES if max(trials[x][1]) > highest - 0.05)
# %% The long run
model, logs = fine_tuned(RATE, EPOCHS, folder=OUT / "run")
seen, given = (shares(model, rows) for rows in (validation, test))
# %% Labels that are probably wrong
doubts = np.zeros((len(table), len(names)))
for a, b in parts:
    doubts[b] = probe(x[a], table["label"][a]).predict_proba(x[b])
doubtful = table.assign(own=doubts[table.index, table["label"]],
                        rather=doubts.argmax(1)).sort_values("own")
# %% I do not know
def calmed(shares, temperature):
    """Divide the logits; by more than 1, answers get less sure."""
    logits = np.log(np.maximum(shares, 1e-12))
    return special.softmax(logits / temperature, axis=1)
# %% A threshold
temperature = optimize.minimize_scalar(lambda t: metrics.log_loss(
    validation["label"], calmed(seen, t), labels=range(len(names))), bounds=(0.2, 5)).x
sure = calmed(seen, temperature).max(1)
right = seen.argmax(1) == validation["label"]
kept = [cut for cut in sure if (~right[sure >= cut]).mean() <= BUDGET]
threshold = min(kept, default=np.inf)
named = calmed(given, temperature).max(1) >= threshold
right = given.argmax(1) == test["label"]
print(f"at least {threshold:.2f} sure: {named.sum()} of {len(test)} test "
      f"pictures are named, {right[named].sum()} of them rightly")
# %% Save, and test what is saved
model.cpu().save_pretrained(OUT / "model")
processor.save_pretrained(OUT / "model")
classify = transformers.pipeline(
    "image-classification", str(OUT / "model"), device="cpu")

def answer(picture):
    """Return each name with its probability."""
    return {x["label"]: x["score"] for x in classify(picture, top_k=len(names))}
# %% The number to report
answers = pd.DataFrame([answer(str(x)) for x in test["file"]])[names].values
results["fine-tuned"] = scores(test["label"], answers)
right = answers.argmax(1) == test["label"]
print(pd.DataFrame(results).T.round(3))
print((answers.argmax(1) == given.argmax(1)).sum(), "of", len(test),
      "files get the answer of their copy")
# %% torch.export
example = torch.zeros(2, 3, side, side)  # two, and new: no picture of yours
shapes = ({0: torch.export.Dim("batch")},)
program = torch.export.export(model, (example,), dynamic_shapes=shapes)
torch.export.save(program, OUT / "model.pt2")
again = torch.export.load(OUT / "model.pt2").module()
exports = {"model.pt2": lambda x: again(x).logits.numpy()}
# %% ONNX, and int8
if all(map(find_spec, ("onnx", "onnxscript", "onnxruntime"))):
    import onnxruntime
    from onnxruntime import quantization
    torch.onnx.export(program, (), OUT / "model.onnx", input_names=["pixel_values"],
        external_data=False, verbose=False)
    quantization.quant_pre_process(OUT / "model.onnx", OUT / "ready")
    quantization.quantize_dynamic(OUT / "ready", OUT / "model-int8.onnx")
    os.remove(OUT / "ready")
    for file in ("model.onnx", "model-int8.onnx"):
        ask = onnxruntime.InferenceSession(OUT / file).run
        exports[file] = lambda x, ask=ask: ask(None, {"pixel_values": x.numpy()})[0]
else:
    print("onnx is not installed: pip install onnx onnxscript onnxruntime")
# %% Do they agree?
some = batch(test[:64].assign(split="").to_dict("records"))["pixel_values"]
with torch.inference_mode():
    logits = model(some).logits.numpy()
    found = {file: ask(some) for file, ask in exports.items()}
report = [f"{file}: {(OUT / file).stat().st_size / 1e6:.1f} MB, logits off by at "
    f"most {np.abs(other - logits).max():.0e}, the same answer for "
    f"{(other.argmax(1) == logits.argmax(1)).sum()} of {len(some)}"
    for file, other in found.items()]
print(*report, sep="\n")
# %% A demo
if find_spec("gradio"):
    place = tempfile.mkdtemp()  # for what visitors show
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": place}
    import gradio
    demo = gradio.Interface(answer, gradio.Image(type="pil"), "label",
                            title=folder.name, flagging_mode="never")
    address = demo.launch(
        server_name="127.0.0.1", share=False, prevent_thread_lock=True,
        quiet=True, inline=False)[1]
else:
    print("gradio is not installed, so no demo: pip install gradio")
# %% The demo is asked, and stopped
if find_spec("gradio"):
    import gradio_client
    file = str(test["copy"].iloc[0])
    said = gradio_client.Client(
        address, verbose=False, analytics_enabled=False).predict(
        gradio_client.handle_file(file), api_name="/answer")
    demo.close(verbose=False)
    shutil.rmtree(place)
    gap = max(abs(x["confidence"] - answer(file)[x["label"]])
              for x in said["confidences"])
    print(f"demo at {address}: answers off by {gap:.0e}; it is stopped")
# %% A checklist
lines = [f"# {folder.name}: {len(names)} classes\n",
    f"- {len(train)} pictures to learn from, {len(validation)} to choose "
    f"by, {len(test)} to report on, in {table['group'].nunique()} groups; "
    f"{len(files) - len(table)} files left out ({', '.join(bad) or '-'})",
    f"- {MODEL}, rate {RATE:.0e}, best of {len(logs)} epochs, seed {SEED}",
    *(f"- {name}: macro F1 {found['macro F1']:.3f}, accuracy "
      f"{found['accuracy']:.3f}" for name, found in results.items()),
    f"- *I do not know* below {threshold:.2f}, temperature "
    f"{temperature:.2f}: {named.sum()} answers, {right[named].sum()} right",
    "- labels to look at: " + ", ".join(
        "/".join(x.parts[-2:]) for x in doubtful["file"].head()),
    *(f"- {line}" for line in report)]
# %% Recalls, and the file
lines += ["\n| class | found | of | recall, 95 % |\n|---|---|---|---|"]
for name, rows in test.groupby("name"):
    n, hits = len(rows), int(right[rows.index].sum())
    low, high = stats.binomtest(hits, n).proportion_ci(method="wilson")
    lines += [f"| {name} | {hits} | {n} | {low:.2f} to {high:.2f} |"]
_ = (OUT / "CHECKLIST.md").write_text("\n".join(lines) + "\n", "utf-8")
