"""Ask the files that a script of lesson 17 or 18 leaves about its test pictures.

    python delivered.py pytorch OUTPUT

Needs what the script needs, and none of its code. Prints JSON: macro F1 of the saved
model on the files as they are, and the number of pictures; for each exported file the
largest difference of a probability from the model's, both given the same pixels, and
how many answers are the same.
"""

import csv
import json
import sys
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from scipy.special import softmax
from sklearn.metrics import f1_score


def report(kind, out):
    """Return what a folder of results is worth."""
    with open(out / "split.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "test"]
    pictures = [upright(row["file"]) for row in rows]
    ask = {"pytorch": by_torch, "tensorflow": by_keras}[kind]
    names, shares, wanted, found = ask(out, pictures)
    truth = np.array([names.index(row["name"]) for row in rows])
    macro = f1_score(truth, shares.argmax(1), labels=np.unique(truth), average="macro")
    exports = {
        name: [
            float(np.abs(x - wanted).max()),
            int((x.argmax(1) == wanted.argmax(1)).sum()),
        ]
        for name, x in found.items()
    }
    return {"macro F1": macro, "pictures": len(rows), "exports": exports}


def upright(file):
    with Image.open(file) as picture:
        return ImageOps.exif_transpose(picture).convert("RGB")


def by_torch(out, pictures):
    """Return class names, and probabilities: of pictures, of pixels, of exports."""
    import onnxruntime
    import torch
    from transformers import AutoImageProcessor, pipeline

    classify = pipeline("image-classification", str(out / "model"), device="cpu")
    names = list(classify.model.config.id2label.values())
    shares = np.zeros((len(pictures), len(names)))
    for row, picture in zip(shares, pictures, strict=True):
        for answer in classify(picture, top_k=len(names)):
            row[names.index(answer["label"])] = answer["score"]
    processor = AutoImageProcessor.from_pretrained(out / "model", backend="pil")
    pixels = processor(pictures, return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        wanted = softmax(classify.model(pixels).logits.numpy(), axis=1)
        module = torch.export.load(out / "model.pt2").module()
        found = {"model.pt2": softmax(module(pixels).logits.numpy(), axis=1)}
    for file in sorted(out.glob("*.onnx")):
        session = onnxruntime.InferenceSession(file)
        (logits,) = session.run(None, {"pixel_values": pixels.numpy()})
        found[file.name] = softmax(logits, axis=1)
    return names, shares, wanted, found


def by_keras(out, pictures):
    """Do the same; the model's file takes pictures of any size."""
    import keras
    import tensorflow as tf

    names = json.loads((out / "names.json").read_text("utf-8"))
    model = keras.models.load_model(out / "model.keras")
    shares = [model(np.asarray(x)[None], training=False)[0] for x in pictures]
    found, side = {}, 0
    for file in sorted(out.glob("*.tflite")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it moves to ai_edge_litert
            lite = tf.lite.Interpreter(str(file), num_threads=1)
        (given,), (made,) = lite.get_input_details(), lite.get_output_details()
        side = int(given["shape"][1])
        pixels = np.stack([np.asarray(x.resize((side, side))) for x in pictures])
        lite.resize_tensor_input(given["index"], pixels.shape)
        lite.allocate_tensors()
        lite.set_tensor(given["index"], pixels)
        lite.invoke()
        found[file.name] = lite.get_tensor(made["index"])
    served = tf.saved_model.load(out / "saved_model")  # it owns the weights
    found["saved_model"] = served.serve(pixels).numpy()
    for file in sorted(out.glob("*-int8.keras")):
        found[file.name] = keras.models.load_model(file)(pixels, training=False).numpy()
    return names, np.array(shares), model(pixels, training=False).numpy(), found


if __name__ == "__main__":
    print(json.dumps(report(sys.argv[1], Path(sys.argv[2]))))
