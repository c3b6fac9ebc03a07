"""From a folder of pictures to a tested, saved and exported model, in Keras.

    pip install tensorflow keras-hub scikit-learn pandas pillow safetensors \
        sentencepiece imagehash gradio
    python your_pictures_tensorflow.py --pictures FOLDER --output FOLDER

FOLDER has a folder for each class. --resume goes on after a kill. (Notebook 18.)
"""

import argparse
import hashlib
import json
import os
import shutil
import tempfile
import warnings
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"  # before Keras is imported

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from huggingface_hub import snapshot_download
from keras_hub.models import ViTBackbone
from PIL import Image, ImageOps
from scipy import optimize, sparse, special, stats
from sklearn import linear_model, metrics, model_selection, pipeline, preprocessing

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
if OUT.exists() and not options.resume:
    raise SystemExit(f"{OUT} is there; add --resume, or choose another --output")
if not Path(MODEL).is_dir():
    MODEL = snapshot_download(MODEL, allow_patterns=["*.json", "model.safetensors"])
if tf.config.list_physical_devices("GPU"):
    keras.config.set_dtype_policy("mixed_float16")
tf.get_logger().setLevel("ERROR")
warnings.simplefilter("ignore", UserWarning)  # that LiteRT moves, and few pictures
# fmt: off
# %% The files
KINDS = {*Image.registered_extensions(), ".heic", ".heif"}
folder = Path(PICTURES).expanduser()
if not folder.is_dir():
    raise SystemExit(f"There is no folder {folder}; check the path.")
every, files = ([x for x in sorted(folder.glob(pattern))
                 if x.suffix.lower() in KINDS]
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
    min(5, table["name"].value_counts().max()), shuffle=True,
    random_state=SEED)
parts = list(folds.split(table, table["label"], table["group"]))
table["split"], splits = "train", ("test", "validation", "train")
for split, (_, part) in zip(splits, parts, strict=False):
    table.loc[part, "split"] = split
for name, rows in table.groupby("name"):
    if lost := [x for x in splits if x not in set(rows["split"])]:
        print(f"{name} has too few groups for a picture in", *lost)
# %% The checkpoint and its recipe
config, recipe = (json.loads(Path(MODEL, name).read_text()) for name in
                  ("config.json", "preprocessor_config.json"))
side, resample = config["image_size"], recipe.get("resample", 2)
mean, std = np.array([recipe["image_mean"], recipe["image_std"]])
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
    return picture.resize((side, side), resample, tuple(box * np.tile(picture.size, 2)))
# %% Batches
def batches(rows, way=None, seed=SEED, done=0):
    """Make batches of whole pictures, or for fit of parts drawn in a way."""
    labels, files = rows["label"].to_numpy(), rows["copy"].tolist()
    odds = 1 / np.bincount(labels)[labels] / len(set(labels))
    def read():
        draw, order = None, range(len(rows))
        if way:  # drawn by the steps done, so a killed run gets the same
            draw = np.random.default_rng((seed, int(done)))
            order = draw.choice(len(rows), len(rows), way == "draws",
                                odds if way == "draws" else None)
        for i in order:
            yield np.asarray(view(upright(files[i]), draw)), labels[i]
    made = tf.data.Dataset.from_generator(read, output_signature=(
        tf.TensorSpec((side, side, 3), "uint8"),
        tf.TensorSpec((), "int64")))
    count = tf.data.experimental.assert_cardinality(len(rows))
    return made.apply(count).batch(BATCH).prefetch(2)
# %% Two backbones of the checkpoint
pixels = keras.Input((side, side, 3), dtype="uint8", name="pixels")
scaled = keras.layers.Rescaling(list(1 / 255 / std), list(-mean / std))
frozen, backbone = (ViTBackbone.from_preset(
    MODEL, layer_norm_epsilon=config["layer_norm_eps"]) for _ in range(2))
reader = keras.Model(pixels, frozen(scaled(pixels))[:, 0])  # (B, D)
def features(rows):
    """Return the class tokens of the frozen checkpoint: (n, D)."""
    return reader.predict(batches(rows), verbose=0).astype("float32")
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
# %% A checkpoint with a new head
head = keras.layers.Dense(len(names), dtype="float32")
model = keras.Model(pixels, head(backbone(scaled(pixels))[:, 0]))
start = model.get_weights()[:-2]  # all but the head
model.compile(keras.optimizers.Adam(global_clipnorm=1.0),
              keras.losses.SparseCategoricalCrossentropy(from_logits=True),
              jit_compile=False)
model.optimizer.build(model.trainable_variables)
def fresh(seed=SEED):
    """Set the model back to the checkpoint, with a new head."""
    kernel = np.random.default_rng(seed).normal(0, 0.02, head.kernel.shape)
    model.set_weights([*start, kernel, np.zeros(len(names))])
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    model._initial_epoch = None  # where a resumed run began
    return model
def shares(model, rows):
    """Return a model's probabilities for pictures: (n, K)."""
    return special.softmax(model.predict(batches(rows), verbose=0), axis=1)
# %% Keep the best epoch
class Best(keras.callbacks.Callback):
    """Keep the weights with the best macro F1; stop if it does not rise."""

    def __init__(self, place):
        super().__init__()
        place.mkdir(parents=True, exist_ok=True)
        self.notes, self.weights = place / "f1.json", place / "w.weights.h5"
    def on_epoch_end(self, epoch, logs=None):
        old = json.loads(self.notes.read_text())[:epoch] if epoch else []
        rows = table[table["split"] == "validation"]
        f1 = scores(rows["label"], shares(self.model, rows))["macro F1"]
        print(f"{f1:.3f}", end=" ", flush=True)
        self.notes.write_text(json.dumps([*old, f1]))
        if f1 > max(old, default=-1):
            self.model.save_weights(self.weights)
        self.model.stop_training = epoch - np.argmax([*old, f1]) >= PATIENCE
    def on_train_end(self, logs=None):
        self.model.load_weights(self.weights)
# %% Fine-tune it
def fine_tuned(rate, epochs, way="plain", seed=SEED, folder=None, more=()):
    """Return the model, as its best epoch left it, and all macro F1."""
    model, rows = fresh(seed), table[table["split"] == "train"]
    each = {} if way != "weights" else dict(enumerate(
        len(rows) / len(names) / np.bincount(rows["label"])))
    fall = keras.callbacks.LearningRateScheduler(lambda epoch: float(
        rate * (1 + np.cos(np.pi * epoch / epochs)) / (2 if epoch else 4)))
    with tempfile.TemporaryDirectory() as temporary:
        best = Best(place := Path(folder or temporary))
        backup = keras.callbacks.BackupAndRestore(place / "backup")
        print(f"rate {rate:.0e}, {way}: macro F1", end=" ")
        pictures = batches(rows, way, seed, model.optimizer.iterations)
        model.fit(pictures, epochs=epochs, class_weight=each or None,
                  callbacks=[fall, best, backup, *more], verbose=0)
        print()
        return model, json.loads(best.notes.read_text())
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
    validation["label"], calmed(seen, t), labels=range(len(names))),
    bounds=(0.2, 5)).x
sure = calmed(seen, temperature).max(1)
right = seen.argmax(1) == validation["label"]
kept = [cut for cut in sure if (~right[sure >= cut]).mean() <= BUDGET]
threshold = min(kept, default=np.inf)
named = calmed(given, temperature).max(1) >= threshold
right = given.argmax(1) == test["label"]
print(f"at least {threshold:.2f} sure: {named.sum()} of {len(test)} test "
      f"pictures are named, {right[named].sum()} of them rightly")
# %% One file for pictures of any size
raw = keras.Input((None, None, 3), dtype="uint8")
kind = {2: "bilinear", 3: "bicubic"}[resample]
resize = keras.layers.Resizing(side, side, kind, antialias=True)
softmax = keras.layers.Softmax(dtype="float32")
whole = keras.Model(raw, softmax(head(backbone(resize(scaled(raw)))[:, 0])))
whole.compile("sgd", jit_compile=False)  # XLA cannot compile the resize
(OUT / "names.json").write_text(json.dumps(names))
whole.save(OUT / "model.keras")
# %% Test what is saved
loaded = keras.models.load_model(OUT / "model.keras")
any_size = tf.TensorSpec((None, None, None, 3), tf.uint8)
classify = tf.function(lambda x: loaded(x, training=False), [any_size])
def answer(file):
    """Return each name with its probability."""
    found = classify(np.asarray(upright(file))[None])[0].numpy()
    return dict(zip(names, found.tolist(), strict=True))
# %% The number to report
answers = pd.DataFrame([answer(x) for x in test["file"]])[names].values
results["fine-tuned"] = scores(test["label"], answers)
right = answers.argmax(1) == test["label"]
print(pd.DataFrame(results).T.round(3))
print((answers.argmax(1) == given.argmax(1)).sum(), "of", len(test),
      "files get the answer of their copy")
# %% SavedModel and LiteRT
whole.export(OUT / "saved_model", verbose=False)
small = keras.Model(pixels, softmax(model.output))
with tempfile.TemporaryDirectory() as place:
    small.export(place, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(place)
    (OUT / "model.tflite").write_bytes(converter.convert())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    (OUT / "model-int8.tflite").write_bytes(converter.convert())
lite, lite8 = (tf.lite.Interpreter(str(OUT / name)).get_signature_runner()
               for name in ("model.tflite", "model-int8.tflite"))
# %% Do they agree?
served = tf.saved_model.load(OUT / "saved_model")
exports = {"model.keras": classify, "saved_model": served.serve,
           "model.tflite": lambda x: lite(pixels=x)["output_0"],
           "model-int8.tflite": lambda x: lite8(pixels=x)["output_0"]}
some = np.concatenate([x.numpy() for x, _ in batches(test[:64])])
exact, sizes, report = classify(some).numpy(), {}, []
for file, ask in exports.items():
    found, paths = ask(some), [OUT / file, *(OUT / file).rglob("*")]
    sizes[file] = sum(x.stat().st_size for x in paths) / 1e6  # MB
    same = (np.argmax(found, 1) == exact.argmax(1)).sum()
    report += [f"{file}: {sizes[file]:.1f} MB, the same answer for {same} "
               f"of {len(some)}, off by {np.abs(found - exact).max():.0e}"]
print(*report, sep="\n")
# %% A demo
if find_spec("gradio"):
    place = tempfile.mkdtemp()  # for what visitors show
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "GRADIO_TEMP_DIR": place}
    import gradio
    demo = gradio.Interface(answer, gradio.Image(type="filepath"), "label",
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
lines = [
    f"# {folder.name}: {len(names)} classes\n",
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
# %% Its table
lines += ["\n| class | found | of | recall, 95 % |\n|---|---|---|---|"]
for name, rows in test.groupby("name"):
    n, hits = len(rows), int(right[rows.index].sum())
    low, high = stats.binomtest(hits, n).proportion_ci(method="wilson")
    lines += [f"| {name} | {hits} | {n} | {low:.2f} to {high:.2f} |"]
_ = (OUT / "CHECKLIST.md").write_text("\n".join(lines) + "\n", "utf-8")
