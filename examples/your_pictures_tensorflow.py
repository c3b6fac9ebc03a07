"""From a folder of pictures to a tested, saved, exported model with a demo, in Keras.

    pip install tensorflow keras-hub datasets scikit-learn pandas pillow safetensors \
        sentencepiece gradio imagehash
    python your_pictures_tensorflow.py --pictures FOLDER --output FOLDER

The folder has a subfolder of pictures for each class. What comes out is
OUTPUT/model.keras, one file that takes pictures of any size as they are and gives
probabilities; the exported files beside it; and OUTPUT/CHECKLIST.md, which says what
was done and how well it went. A run that was killed goes on if the same command is
given with ``--resume``. The model must be a ViT with a head, such as
``google/vit-base-patch16-224``.

These are the cells of notebook 18 that carry the tag ``script``. imagehash and gradio
add a part each where they are installed; KerasHub 0.26 needs sentencepiece, too.
"""

import argparse
import gc
import hashlib
import json
import os
import sys
import tempfile
import warnings
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
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, recall_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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
if OUT.exists() and not options.resume:
    sys.exit(f"{OUT} is there already; add --resume, or choose another --output")
tf.get_logger().setLevel("ERROR")

# %% The files
KINDS = ".jpg .jpeg .png .webp .bmp .gif .tif .tiff .heic .heif".split()
folder = Path(PICTURES).expanduser()
every, files = (
    [x for x in sorted(folder.glob(pattern)) if x.suffix.lower() in KINDS]
    for pattern in ("**/[!.]*", "[!.]*/[!.]*")
)
if not files:
    raise SystemExit(
        f"There are no pictures in {folder}/CLASS/, and {len(every)} elsewhere "
        "in it; check the path, and make one folder for each class."
    )
kept = {x.parent for x in files}
empty = [x.name for x in sorted(folder.iterdir()) if x.is_dir() and x not in kept]
print(
    f"{len(files)} files in {len(kept)} folders; left out: "
    f"{len(every) - len(files)} in no class folder, "
    f"{len(empty)} folders without pictures",
    *empty,
)

# %% A look into each file
try:
    from imagehash import phash
except ImportError:
    phash = None
    print(
        "imagehash is not installed, so nearly equal pictures are not "
        "looked for: pip install imagehash"
    )
if find_spec("pillow_heif"):
    from pillow_heif import register_heif_opener

    register_heif_opener()


def look(file):
    """Return what is in a file, and why it cannot be used, if so."""
    row = {"file": file, "name": file.parent.name, "problem": "", "hash": None}
    row["digest"] = hashlib.sha256(file.read_bytes()).hexdigest()
    try:
        with Image.open(file) as picture:
            row["width"], row["height"] = picture.size
            row["mode"] = picture.mode
            picture.draft(None, (256, 256))  # decodes less of a large JPEG
            upright = ImageOps.exif_transpose(picture).convert("RGB")
        row["hash"] = phash and phash(upright).hash.ravel()
    except Exception as error:  # each format fails in its own way
        row["problem"] = str(error).partition(str(file))[0].strip(" '")
        if file.suffix.lower() in (".heic", ".heif"):
            row["problem"] = (
                "Pillow here cannot read HEIC; convert it to "
                "JPEG, or pip install pillow-heif"
            )
    return row


table = pd.DataFrame([look(file) for file in files])
classes = table.groupby("digest")["name"].transform("nunique")
table.loc[classes > 1, "problem"] = "the same file is in two classes"
for problem, rows in table[table["problem"] > ""].groupby("problem"):
    print(
        f"left out, {problem}:", *(f"{x.name}/{x.file.name}" for x in rows.itertuples())
    )
table = table[table["problem"] == ""].reset_index(drop=True)

# %% Groups that stay together
stems = table["file"].map(lambda file: file.stem)
bursts = stems.str.extract(GROUPS or "(.*)").iloc[:, 0].fillna(stems)
together = np.eye(len(table), dtype=bool)
for keys in (table["name"] + "/" + bursts, table["digest"]):
    codes = pd.factorize(keys)[0]
    together |= codes[:, None] == codes
alike = together & False
if phash and len(table):
    signs = np.where(np.stack(table["hash"]), 1.0, -1.0)  # (n, 64)
    mirrored = signs * np.tile([1, -1], 32)  # every second column
    same_bits = 32 + np.maximum(signs @ signs.T, signs @ mirrored.T) / 2
    alike = same_bits >= 64 - 6
table["group"] = connected_components(csr_array(together | alike))[1]
pairs = np.argwhere(np.triu(alike, 1))
print(
    f"{len(table)} pictures in {table['group'].nunique()} groups; "
    f"{len(pairs)} pairs look alike"
)

# %% The split
sizes = table.groupby("name")["group"].transform("nunique")
for name in sorted(set(table["name"][sizes < 3])):
    print(f"left out, fewer than three groups, one for each split: {name}")
table = table[sizes >= 3].reset_index(drop=True)
names = sorted(set(table["name"]))
if len(names) < 2:
    raise SystemExit(
        f"{folder} has {len(names)} class with three pictures "
        "or more that can be used; a classifier needs two."
    )
for name, rows in table.groupby("name"):
    if len(rows) > 10 and len(rows) < 2 * rows["group"].value_counts().max():
        print(f"more than half of {name} is one group; is GROUPS right?")
table["label"] = table["name"].map(names.index)
table["copy"] = [
    OUT / "copies" / row.name / f"{row.Index}.jpg" for row in table.itertuples()
]
folds = StratifiedGroupKFold(
    min(5, table["name"].value_counts().max()), shuffle=True, random_state=SEED
)
parts = folds.split(table, table["label"], table["group"])
table["split"] = "train"
for split, (_, part) in zip(("test", "validation"), parts):
    table.loc[part, "split"] = split
train, validation, test = (
    table[table["split"] == split] for split in ("train", "validation", "test")
)
counts = np.bincount(train["label"], minlength=len(names))
print(
    f"{len(train)} pictures to learn from, {len(validation)} to choose "
    f"by, {len(test)} to report on"
)

# %% The checkpoint and its recipe
checkpoint = (
    MODEL
    if Path(MODEL).is_dir()
    else snapshot_download(MODEL, allow_patterns=["*.json", "model.safetensors"])
)
config, recipe = (
    json.loads(Path(checkpoint, name).read_text())
    for name in ("config.json", "preprocessor_config.json")
)
side = config["image_size"]
mean, std = np.array([recipe["image_mean"], recipe["image_std"]])
GPU = bool(tf.config.list_physical_devices("GPU"))
keras.config.set_dtype_policy("mixed_float16" if GPU else "float32")


# %% Shrink once
def shrink(file, copy):
    """Write an upright RGB copy, a third larger than the model wants."""
    with Image.open(file) as picture:
        picture = ImageOps.exif_transpose(picture).convert("RGB")
    scale = min(1, side * 4 / 3 / min(picture.size))
    copy.parent.mkdir(parents=True, exist_ok=True)
    ImageOps.scale(picture, scale).save(copy, quality=95)


for row in table.itertuples():
    shrink(row.file, row.copy)


# %% What the model sees
def view(picture, draw=None):
    """Resize a picture, or with random numbers a part of it, mirrored or not."""
    box = (0, 0, *picture.size)
    if draw is not None:
        share = draw.uniform(0.6, 1) ** 0.5  # of each side
        left, top = draw.uniform(0, 1 - share, 2)
        box = np.array([left, top, left + share, top + share])
        box = tuple(box * (picture.size * 2))
        picture = ImageOps.mirror(picture) if draw.random() < 0.5 else picture
    return picture.resize((side, side), Image.Resampling.BILINEAR, box)


# %% Batches
def batches(rows):
    """Make batches of whole pictures, without their classes."""

    def read():
        for file in rows["copy"]:
            with Image.open(file) as picture:
                yield np.asarray(view(picture))

    spec = tf.TensorSpec((side, side, 3), tf.uint8)
    made = tf.data.Dataset.from_generator(read, output_signature=spec)
    count = tf.data.experimental.assert_cardinality(len(rows))
    return made.apply(count).batch(64).prefetch(1)


# %% A baseline in a minute
def backbone_of(checkpoint, **options):
    """Load a ViT without its head."""
    return ViTBackbone.from_preset(
        checkpoint, layer_norm_epsilon=config["layer_norm_eps"], **options
    )


def reader_of(backbone):
    """Turn a backbone into a model from bytes to class tokens."""
    return keras.Model(pixels, backbone(scale(pixels))[:, 0])  # (B, D)


pixels = keras.Input((side, side, 3), dtype="uint8")
scale = keras.layers.Rescaling(list(1 / 255 / std), list(-mean / std))
frozen = reader_of(backbone_of(checkpoint))


def features(rows, reader=frozen):
    """Return what the frozen checkpoint makes of pictures: (n, D)."""
    return reader.predict(batches(rows), verbose=0).astype("float32")


# %% A baseline
def probe(x, y):
    """Fit a linear classifier in which each class counts the same."""
    line = LogisticRegression(C=0.1, class_weight="balanced", max_iter=2000)
    return make_pipeline(StandardScaler(), line).fit(x, y)


def scores(truth, shares):
    """Return macro F1, accuracy, and the recall of each class."""
    answers, ours = shares.argmax(1), np.unique(truth)
    return {
        "macro F1": f1_score(truth, answers, labels=ours, average="macro"),
        "accuracy": (truth == answers).mean(),
        "recall": recall_score(
            truth,
            answers,
            labels=range(shares.shape[1]),
            average=None,
            zero_division=np.nan,
        ),
    }


x = features(table)
baseline = probe(x[train.index], train["label"])
largest = np.eye(len(names))[[counts.argmax()] * len(test)]
results = {
    "always the largest class": scores(test["label"], largest),
    "probe": scores(test["label"], baseline.predict_proba(x[test.index])),
}
for way, result in results.items():
    print(
        f"{way}: macro F1 {result['macro F1']:.3f}, accuracy {result['accuracy']:.3f}"
    )

# %% The model
backbone = backbone_of(checkpoint)
head = keras.layers.Dense(len(names), dtype="float32", name="head")
model = keras.Model(pixels, head(reader_of(backbone)(pixels)))
start = model.get_weights()[:-2]  # all but the head
optimizer = keras.optimizers.AdamW(weight_decay=0.01, global_clipnorm=1.0)
optimizer.build(model.trainable_variables)
model.compile(
    optimizer,
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    jit_compile=False,
)


def fresh(seed=SEED):
    """Set the model back to the checkpoint, with a new head."""
    kernel = keras.random.normal(head.kernel.shape, stddev=0.02, seed=seed)
    model.set_weights([*start, kernel, np.zeros(len(names))])
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros_like(variable))
    model._initial_epoch = None  # where a run that was resumed has begun
    return model


def shares(model, rows):
    """Return a model's probabilities for pictures: (n, K)."""
    logits = model.predict(batches(rows), verbose=0)
    return keras.ops.convert_to_numpy(keras.ops.softmax(logits))


# %% Augmented batches
def draws(model, rows, way, seed):
    """Make batches for fit: a part of each picture, class, and weight.

    The order and the parts depend on the seed and the steps already done,
    so a run that goes on gets what it would have got.
    """
    labels, files = rows["label"].to_numpy(), list(rows["copy"])
    each = len(rows) / len(names) / np.bincount(labels)[labels]

    def read():
        draw = np.random.default_rng((seed, int(model.optimizer.iterations.numpy())))
        order = draw.permutation(len(rows))
        if way == "draws":  # each class equally often
            order = draw.choice(len(rows), len(rows), p=each / each.sum())
        for i in order:
            with Image.open(files[i]) as picture:
                part = np.asarray(view(picture, draw))
            yield part, labels[i], each[i] if way == "weights" else 1.0

    made = tf.data.Dataset.from_generator(
        read,
        output_signature=(
            tf.TensorSpec((side, side, 3), tf.uint8),
            tf.TensorSpec((), tf.int64),
            tf.TensorSpec((), tf.float32),
        ),
    )
    count = tf.data.experimental.assert_cardinality(len(rows))
    return made.apply(count).batch(BATCH).prefetch(2)


# %% Fine-tune it
class Best(keras.callbacks.Callback):
    """Keep the weights with the best macro F1; stop when it stays away.

    All that it knows lies in a folder, so that a killed run knows it, too.
    """

    def __init__(self, folder, rows):
        super().__init__()
        self.rows, self.notes = rows, Path(folder, "scores.json")
        self.weights = str(Path(folder, "best.weights.h5"))

    def on_epoch_end(self, epoch, logs=None):
        old = json.loads(self.notes.read_text())[:epoch] if epoch else []
        found = scores(self.rows["label"], shares(self.model, self.rows))
        old.append(found["macro F1"])
        self.notes.write_text(json.dumps(old))
        print(f"{old[-1]:.3f}", end=" ", flush=True)
        best = int(np.argmax(old))
        if best - epoch == 0:
            self.model.save_weights(self.weights)
        self.model.stop_training = epoch - best >= PATIENCE

    def on_train_end(self, logs=None):
        self.model.load_weights(self.weights)


def fine_tuned(rate, epochs, way="weights", seed=SEED, folder=None, callbacks=()):
    """Return the model of the best epoch, and the macro F1 of each epoch.

    The way is "plain", "weights" (in the loss) or "draws" (each class equally
    often). In a folder, a run that was killed goes on. It is the same model
    each time: the next call gives it other weights.
    """
    model = fresh(seed)
    learn, judge = (table[table["split"] == part] for part in ("train", "validation"))

    def rate_of(epoch):  # half in the first epoch, then down a cosine
        down = (1 + np.cos(np.pi * epoch / epochs)) / 2
        return float(rate * (down if epoch else 0.5))

    with tempfile.TemporaryDirectory() as temporary:
        place = Path(folder or temporary)
        place.mkdir(exist_ok=True, parents=True)
        print(f"rate {rate:.0e}, {way}: macro F1", end=" ")
        best = Best(place, judge)
        model.fit(
            draws(model, learn, way, seed),
            epochs=epochs,
            shuffle=False,
            verbose=0,
            callbacks=[
                keras.callbacks.LearningRateScheduler(rate_of),
                best,
                keras.callbacks.BackupAndRestore(str(place / "backup")),
                *callbacks,
            ],
        )
        print()
        return model, json.loads(best.notes.read_text())


# %% A learning rate under a budget
trials = {rate: fine_tuned(rate, TRIAL) for rate in RATES}
RATE = max(RATES, key=lambda rate: max(trials[rate][1]))

# %% The long run
model, logs = fine_tuned(RATE, EPOCHS, folder=OUT / "run")
seen, given = (shares(model, rows) for rows in (validation, test))
again = scores(validation["label"], seen)["macro F1"]
print(
    f"the best epoch, {np.argmax(logs) + 1}, measured again: off by "
    f"{abs(again - max(logs)):.1f}"
)

# %% Labels that are probably wrong
folds = StratifiedGroupKFold(5, shuffle=True, random_state=SEED)
doubts = np.zeros((len(table), len(names)))
for a, b in folds.split(x, table["label"], table["group"]):
    doubts[b] = probe(x[a], table["label"][a]).predict_proba(x[b])
own = doubts[table.index, table["label"]]
doubtful = table.assign(own=own, rather=doubts.argmax(1)).sort_values("own")
for row in doubtful.head(5).itertuples():
    print(f"{row.name}/{row.file.name}: rather {names[row.rather]}")


# %% I do not know
def calmed(shares, temperature):
    """Divide the logits by a temperature; above 1, answers are less sure."""
    shares = np.maximum(shares, 1e-12) ** (1 / temperature)
    return shares / shares.sum(1, keepdims=True)


def surprise(temperature):
    """Return the mean loss on validation pictures."""
    own = calmed(seen, temperature)[range(len(seen)), validation["label"]]
    return -np.log(own).mean()


temperature = min(np.geomspace(0.2, 5, 80), key=surprise)
sure = calmed(seen, temperature).max(1)
right = seen.argmax(1) == validation["label"]
threshold = min(
    (cut for cut in sure if (~right[sure >= cut]).mean() <= BUDGET), default=1.0
)
named = calmed(given, temperature).max(1) >= threshold
right = given.argmax(1) == test["label"]
print(
    f"sure by {threshold:.2f} or more: {named.sum()} of {len(test)} test "
    f"pictures are named, {right[named].sum()} of them rightly"
)

# %% One file for pictures of any size
raw = keras.Input((None, None, 3), dtype="uint8", name="picture")
shrunk = keras.layers.Resizing(side, side, antialias=True, interpolation="bilinear")(
    scale(raw)
)
softmax = keras.layers.Softmax(dtype="float32", name="shares")
whole = keras.Model(raw, softmax(head(backbone(shrunk)[:, 0])))
whole.compile("sgd", jit_compile=False)  # XLA cannot compile the resize
whole.save(OUT / "model.keras")
(OUT / "names.json").write_text(json.dumps(names))


def asking(model):
    """Return a function from a picture of any size to its shares (K,)."""
    spec = tf.TensorSpec((None, None, None, 3), tf.uint8)
    graph = tf.function(lambda x: model(x, training=False), [spec])

    def ask(picture):
        picture = ImageOps.exif_transpose(picture).convert("RGB")
        return graph(np.asarray(picture)[None])[0].numpy()

    return ask


# %% Test what is saved
classify = asking(keras.models.load_model(OUT / "model.keras"))


def answer(picture):
    """Return each name with its probability."""
    return dict(zip(names, classify(picture).tolist()))


answers = np.stack([classify(Image.open(file)) for file in test["file"]])
results["fine-tuned"] = scores(test["label"], answers)
same = (answers.argmax(1) == given.argmax(1)).sum()
print(
    f"macro F1 {results['fine-tuned']['macro F1']:.3f}; {same} of {len(test)} "
    "original files get the answer of their copy"
)

# %% SavedModel and LiteRT
whole.export(OUT / "saved_model", verbose=False)
small = keras.Model(pixels, softmax(model.output))
with tempfile.TemporaryDirectory() as place:
    small.export(place, verbose=False)
    for file, how in (
        ("model.tflite", []),
        ("model-int8.tflite", [tf.lite.Optimize.DEFAULT]),
    ):
        converter = tf.lite.TFLiteConverter.from_saved_model(place)
        converter.optimizations = how
        (OUT / file).write_bytes(converter.convert())


def lite(file):
    """Return a function from pictures (n, side, side, 3) to shares."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it moves to ai_edge_litert
        interpreter = tf.lite.Interpreter(str(OUT / file), num_threads=1)
    into = interpreter.get_input_details()[0]["index"]
    out = interpreter.get_output_details()[0]["index"]

    def ask(pictures):
        interpreter.resize_tensor_input(into, pictures.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(into, pictures)
        interpreter.invoke()
        return interpreter.get_tensor(out)

    return ask


# %% The model in whole numbers
int8 = keras.models.load_model(OUT / "model.keras")
gc.freeze()  # quantize collects garbage after each layer: spare the rest
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # about layers that stay as they are
    int8.quantize("int8")
gc.unfreeze()
int8.save(OUT / "model-int8.keras")
int8 = keras.models.load_model(OUT / "model-int8.keras")

# %% Do they agree?
exact = np.concatenate(list(batches(test)))  # bytes, (n, side, side, 3)
served = tf.saved_model.load(OUT / "saved_model")
ways = {
    "model.keras": lambda x: whole(x, training=False).numpy(),
    "saved_model": lambda x: served.serve(x).numpy(),
    "model-int8.keras": lambda x: int8(x, training=False).numpy(),
    "model.tflite": lite("model.tflite"),
    "model-int8.tflite": lite("model-int8.tflite"),
}
exports = {file: ask(exact) for file, ask in ways.items()}


def megabytes(path):
    """Return the size of a file or a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files) / 1e6


report = []
for file, found in exports.items():
    gap = np.abs(found - exports["model.keras"]).max()
    same = (found.argmax(1) == exports["model.keras"].argmax(1)).sum()
    report.append(
        f"{file}: {megabytes(OUT / file):.1f} MB, {same} of "
        f"{len(test)} answers the same, probabilities differ by "
        f"at most {gap:.1e}"
    )
print(*report, sep="\n")

# %% A demo
if find_spec("gradio"):
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # before the import
    import gradio as gr
    from gradio_client import Client, handle_file

    demo = gr.Interface(answer, gr.Image(type="pil"), gr.Label())
    _, address, _ = demo.launch(
        server_name="127.0.0.1",
        share=False,
        quiet=True,
        inline=False,
        prevent_thread_lock=True,
    )
    said = Client(address, verbose=False).predict(
        handle_file(str(test["copy"].iloc[0])), api_name="/answer"
    )
    demo.close(verbose=False)
    print(f"the demo at {address} said {said['label']}")
else:
    print("gradio is not installed, so there is no demo: pip install gradio")

# %% A checklist
lines = [f"# {folder.name}: {len(names)} classes", ""]
lines += [
    f"- {len(files)} files, {len(table)} used: {len(train)} to learn from, "
    f"{len(validation)} to choose by, {len(test)} to report on; "
    f"{table['group'].nunique()} groups, {len(pairs)} pairs look alike.",
    f"- {MODEL}, rate {RATE:.0e} of {len(RATES)}, best of {len(logs)} epochs, "
    f"seed {SEED}.",
    *(
        f"- {way}: macro F1 {result['macro F1']:.3f}, accuracy "
        f"{result['accuracy']:.3f}."
        for way, result in results.items()
    ),
    f"- Below {threshold:.2f} it should say *I do not know* (temperature "
    f"{temperature:.2f}): it names {named.sum()} test pictures, "
    f"{right[named].sum()} rightly.",
    "- Look at these labels: "
    + ", ".join(f"{x.parent.name}/{x.name}" for x in doubtful["file"].head())
    + ".",
    *(f"- {line}." for line in report),
    "",
    "| class | test pictures | found | recall, 95 % |",
    "|---|---|---|---|",
]
for k, name in enumerate(names):
    n, hits = (test["label"] == k).sum(), (right & (test["label"] == k)).sum()
    low, high = binomtest(hits, n).proportion_ci(method="wilson")
    lines += [f"| {name} | {n} | {hits} | {low:.2f} to {high:.2f} |"]
(OUT / "CHECKLIST.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
print(*lines, sep="\n")
