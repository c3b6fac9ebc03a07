"""The lessons of both frameworks in profile full, each without the other framework.

A stand-in for the Hub serves a ViT of base size (random weights, two layers) and
generated pictures under the real ids. ``.ci/run`` runs the same notebooks on real
pictures.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import textwrap

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Features, Image, Value
from hub_stand_in import REPO, serve
from PIL import Image as Pillow

from course_utils import data, hub, profiles

PYTORCH = {"torch", "transformers", "accelerate"}
TENSORFLOW = {"tensorflow", "tensorflow_text", "keras", "keras_hub"}
ABSENT = {  # the packages that a lesson must not need
    **dict.fromkeys(("04", "07", "08", "10"), TENSORFLOW),
    **dict.fromkeys(("05", "09", "11", "12"), PYTORCH),
}
ROWS = {"04": "200", "05": "200"}  # which show 50 digits; the others get 32
# Each new Python imports this first. The packages look as if they were not installed,
# to an import as well as to libraries that ask for them.
SITECUSTOMIZE = """
import os
import sys
from importlib.machinery import PathFinder

absent = os.environ["ABSENT"].split()


class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, *arguments):
        if name.partition(".")[0] not in absent:
            return super().find_spec(name, *arguments)

    @classmethod
    def find_distributions(cls, *arguments):
        for found in super().find_distributions(*arguments):
            if found.name.replace("-", "_") not in absent:
                yield found


sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""
GOOGLE_PROCESSOR = {  # as in Google's repositories: no type, size a number
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "size": 224,
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Return the environment of a learner in profile full with an empty HF_HOME."""
    home = tmp_path_factory.mktemp("home")
    (home / "sitecustomize.py").write_text(SITECUSTOMIZE, encoding="utf-8")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("COURSE_", "HF_"))}
    return {
        **kept,
        "COURSE_PROGRESS": str(home / "progress.json"),
        "HF_HOME": str(home),
        "NO_PROXY": "127.0.0.1",
        "PYTHONPATH": str(home),
    }


@pytest.fixture(scope="module")
def hub_url(tmp_path_factory):
    """Serve base-size checkpoints and small data sets under the ids of the course."""
    folder = tmp_path_factory.mktemp("served")
    write_checkpoints(folder)
    write_data_sets(folder)
    with serve(folder) as server:
        yield server.url


def write_checkpoints(folder):
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.ViTConfig(num_hidden_layers=2, num_labels=1000)
    for role, kind in [
        ("anatomy", transformers.ViTForImageClassification),
        ("finetune", transformers.ViTModel),  # in21k: a pooler and no classes
    ]:
        place = folder / hub.REPOSITORIES[role].id
        kind(config).save_pretrained(place)
        text = json.dumps(GOOGLE_PROCESSOR)
        (place / "preprocessor_config.json").write_text(text, encoding="utf-8")


def write_data_sets(folder):
    """Write the Hub's columns, splits and shards; cats_vs_dogs sorted by class."""
    random = np.random.default_rng(0)
    animals, breeds = ["cat", "dog"], [f"breed_{i}" for i in range(37)]

    def pictures(labels, size):
        return [photo(random, label, size) for label in labels]

    def write(name, columns, classes, each, size, splits, spoil=()):
        labels = np.repeat(np.arange(len(classes)), each)
        for split in splits:
            cells = pictures(labels, size)
            for row, cell in spoil:
                cells[row] = cell
            others = {"image_id": Value("string")} if name == "pets" else {}
            names = dict(
                zip(columns, (Image(), ClassLabel(names=classes)), strict=True)
            )
            table = pa.table(
                [cells, labels, *([map(str, labels)] if others else [])],
                schema=Features({**names, **others}).arrow_schema,
            )
            write_shards(folder, hub.REPOSITORIES[name], split, table)

    both = ("train", "test")
    for split in both:
        mnist = folder / REPO / f"mnist/{split}-00000-of-00001.parquet"
        mnist.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(profiles.ROOT / "data" / "digits" / f"{split}.parquet", mnist)
    cifar = list(data.DATA_SETS["cifar10"].labels)
    write("cifar10", ("img", "label"), cifar, 16, (32, 32), both)
    cut = noise(random, (90, 70))[:400]
    odd = [(3, grey((60, 80))), (5, rgba((50, 50))), (97, {"bytes": cut, "path": None})]
    write("cats_vs_dogs", ("image", "labels"), animals, 60, (80, 60), both[:1], odd)
    odd = [(2, rgba((90, 60))), (9, palette((70, 70)))]
    write("pets", ("image", "label"), breeds, 8, (80, 60), both, odd)


def write_shards(folder, repository, split, table):
    half = len(table) // 2
    for i, part in enumerate((table.slice(0, half), table.slice(half))):
        name = repository.patterns[split].replace("*", f"{i:05d}-of-00002")
        path = folder / repository.id / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(part, path)


def noise(random, size):
    values = random.integers(0, 256, (*size[::-1], 3), dtype=np.uint8)
    return stored(Pillow.fromarray(values), "JPEG")["bytes"]


def photo(random, label, size):
    """Draw a picture whose color depends on its class, with noise."""
    base = np.random.default_rng(label).integers(60, 200, 3)
    values = base + random.integers(-50, 50, (*size[::-1], 3))
    return stored(Pillow.fromarray(values.clip(0, 255).astype(np.uint8)), "JPEG")


def grey(size):
    return stored(Pillow.new("L", size, 120), "JPEG")


def rgba(size):
    return stored(Pillow.new("RGBA", size, (200, 10, 10, 100)), "PNG")


def palette(size):
    return stored(Pillow.new("RGB", size, "navy").quantize(), "GIF")


def stored(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.mark.parametrize("number", sorted(ABSENT))
def test_notebook_runs_in_profile_full_without_the_other_framework(
    number, settings, hub_url
):
    own = {"ABSENT": " ".join(ABSENT[number]), "COURSE_ROWS": ROWS.get(number, "32")}
    done = subprocess.run(
        [sys.executable, "-m", "course_utils", "run", number, "--profile", "full"],
        cwd=profiles.ROOT,
        env={**settings, "HF_ENDPOINT": hub_url, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    (copy,) = (profiles.ROOT / "build" / "full").glob(f"{number}_*.ipynb")
    cells = json.loads(copy.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if "parity" in cell["metadata"].get("tags", []):
            assert "Skipped: this cell needs torch" in json.dumps(cell["outputs"])


def test_absent_packages_look_uninstalled(settings):
    code = """
        import importlib.metadata
        import importlib.util

        from datasets import config
        from transformers.utils import is_torch_available

        assert importlib.util.find_spec("torch") is None
        assert "torch" not in importlib.metadata.packages_distributions()
        assert not config.TORCH_AVAILABLE and not is_torch_available()
        try:
            import torch
        except ModuleNotFoundError as error:
            print(error.name)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**settings, "ABSENT": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "torch\n", done.stderr
