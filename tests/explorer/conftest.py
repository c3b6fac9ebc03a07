"""The models of the stored page, asked in PyTorch and in a JavaScript engine."""

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from explorer_engine import PAGE, as_packed, evaluate, models_of, unpacked
from PIL import Image
from transformers import ViTForImageClassification

from course_utils.finetune.torch import load_processor, quiet
from course_utils.session import ROOT

DATA = {"digit-vit": "mnist", "tiny-vit": "drawn-world"}
ASK = """({ packed, pictures }) => {
  const model = unpack(packed);
  return pictures.map((picture) => {
    const pixels = fitted({ ...picture, pixels: bytes(picture.pixels) }, model);
    return [...forward(model, normalized(pixels, model)).logits];
  });
}"""


class Bundled:
    """A model of the stored page, 240 test pictures, and the logits of them."""

    def __init__(self, name):
        packed = {m["name"]: m for m in models_of(PAGE.read_text(encoding="utf-8"))}
        self.packed, folder = packed[name], ROOT / "data" / name
        file = ROOT / "data" / DATA[name] / "test.parquet"
        rows = pq.read_table(file, columns=["image"]).slice(0, 240).to_pylist()
        images = [Image.open(io.BytesIO(row["image"]["bytes"])) for row in rows]
        with quiet():
            exact = ViTForImageClassification.from_pretrained(folder)
        self.inputs = load_processor(folder)(images, return_tensors="pt")
        self.model = unpacked(self.packed)
        with torch.inference_mode():
            self.exact = exact(**self.inputs).logits.numpy()
            self.rounded = self.model(self.inputs["pixel_values"]).numpy()
        pictures = [as_packed(image) for image in images]
        data = {"packed": self.packed, "pictures": pictures}
        self.logits = np.array(evaluate(ASK, data))


@pytest.fixture(scope="session", params=DATA)
def bundled(request):
    return Bundled(request.param)
