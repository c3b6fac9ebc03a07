"""Run the explorer's scripts in a real JavaScript engine: Node, or V8 from PyPI."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import torch
from PIL import Image

from course_utils.session import ROOT
from course_utils.vit.torch import ViT

FOLDER, PAGE = ROOT / "course_utils" / "explorer", ROOT / "docs" / "explorer.html"
SCRIPTS = ("forward.js", "resize.js", "pad.js")  # those that need no page
NODE = "process.stdout.write(answer(require('fs').readFileSync(0, 'utf8')))"
# V8 alone has no atob, which browsers and Node have.
ATOB = """
globalThis.atob = (text) => {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  let held = 0, bits = 0, result = "";
  for (const digit of text.replace(/=+$/, "")) {
    held = (held << 6) | digits.indexOf(digit);
    if ((bits += 6) >= 8) result += String.fromCharCode((held >> (bits -= 8)) & 255);
  }
  return result;
};
"""


def evaluate(function: str, data):
    """Call a JavaScript function with ``data`` (JSON), and return what it returns."""
    code = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    code += f"\nconst answer = (text) => JSON.stringify(({function})(JSON.parse(text)))"
    if node := shutil.which("node"):
        done = subprocess.run(
            [node, "-e", f"{code}\n{NODE}"],
            input=json.dumps(data),
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)
    from py_mini_racer import MiniRacer

    engine = MiniRacer()
    engine.eval(ATOB + code)
    return json.loads(engine.eval(f"answer({json.dumps(json.dumps(data))})"))


def models_of(page: str) -> list[dict]:
    """Return the packed models of a page."""
    found = re.search(r'<script [^>]*id="models-data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def text(array) -> str:
    """Return the bytes of an array in base64."""
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def array(held: str, kind="u1") -> np.ndarray:
    """Return the array behind a text in base64."""
    return np.frombuffer(base64.b64decode(held), kind)


def as_packed(image: Image.Image) -> dict:
    """Return a picture as the page holds it."""
    size = {"width": image.width, "height": image.height}
    return {**size, "channels": len(image.getbands()), "pixels": text(np.array(image))}


def unpacked(packed: dict) -> ViT:
    """Return our ViT with the weights of a page, decoded here once more."""
    sizes = dict(packed["sizes"])
    epsilon = sizes.pop("epsilon")
    model = ViT(**sizes).eval()
    for part in model.modules():
        if isinstance(part, torch.nn.LayerNorm):
            part.eps = epsilon
    state = model.state_dict()
    assert list(packed["weights"]) == [name for name, _ in model.named_parameters()]
    for name, held in packed["weights"].items():
        if "float32" in held:
            values = array(held["float32"], "f4").copy()
        else:
            scale = array(held["scale"], "f4")
            kind = "int8" if "int8" in held else "int16"
            whole = array(held[kind], kind).reshape(len(scale), -1)
            values = whole.astype("f4") * scale[:, None]
        state[name] = torch.from_numpy(values).reshape(state[name].shape)
    model.load_state_dict(state)
    return model
