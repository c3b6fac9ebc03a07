"""What the programs that train a bundled checkpoint share: how it is written."""

import json
import os
import tempfile
from pathlib import Path

from transformers import ViTImageProcessorPil

from course_utils.convert.torch import to_hf
from course_utils.finetune.torch import quiet


def write(model, names, facts, folder):
    """Write our ViT in Hugging Face's format, its processor and ``training.json``.

    ``names`` are those of its classes. The processor resizes to the model's pictures
    and makes -1 of black and 1 of white, in each channel. ``facts`` go into
    ``training.json``. The folder gets complete files only.
    """
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        found = to_hf(model, id2label=dict(enumerate(names)))
        # For those who train it from scratch: 1/sqrt(D); the default suits D = 768.
        found.config.initializer_range = round(found.config.hidden_size**-0.5, 3)
        with quiet():
            found.save_pretrained(scratch)
        size = dict.fromkeys(("height", "width"), found.config.image_size)
        halves = [0.5] * found.config.num_channels
        recipe = ViTImageProcessorPil(size=size, image_mean=halves, image_std=halves)
        recipe.save_pretrained(scratch)
        text = json.dumps(facts, indent=1) + "\n"
        (Path(scratch) / "training.json").write_text(text, encoding="utf-8")
        folder.mkdir(exist_ok=True)
        for file in Path(scratch).iterdir():
            file.chmod(0o644)
            os.replace(file, folder / file.name)
