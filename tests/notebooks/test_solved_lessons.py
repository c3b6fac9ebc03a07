"""All lessons, solved, from top to bottom, each without the framework it must not need.

A copy with the solution in every stub runs, and each check must say right: 00 to 03 in
profile reduced, the others in profile full, on few rows. A stand-in for the Hub serves
a ViT of base size (random weights, two layers) and generated pictures under the real
ids. Where a folder with real pictures lies beside the repository, these take their
place, and some lessons get them, with tiny-vit under Google's names, from a COURSE_HUB;
``.ci/run`` shows what they found.
"""

import io
import itertools
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

from course_tools import cli, runner
from course_tools.export import export
from course_utils import session
from course_utils.data import hub, sets
from course_utils.data.attributes import BREEDS
from course_utils.exercises import catalog

PYTORCH = {"torch", "transformers", "accelerate", "peft"}
TENSORFLOW = {"tensorflow", "tensorflow_text", "keras", "keras_hub"}
DEPLOY = {"gradio", "gradio_client", "imagehash", "onnx", "onnxruntime", "onnxscript"}
ABSENT = {  # the packages that a lesson must not need; those that take longest first
    **dict.fromkeys(("09", "13", "11", "05"), PYTORCH),
    **dict.fromkeys(("04", "12", "08", "10", "14", "15", "16", "06"), TENSORFLOW),
    **dict.fromkeys(("02", "03", "07", "01"), TENSORFLOW),
    "00": TENSORFLOW,
    "17": TENSORFLOW | DEPLOY,  # nbval runs them with it
    "18": PYTORCH | DEPLOY,
}
EITHER = "00"  # takes the framework that is there, so it is tried without each
REAL = session.ROOT.parent / "shared" / "datasets"
if REAL.exists():
    TINY = "04 05 08 09 10 11 12 13 14 15 17 18".split()  # from a COURSE_HUB
    ROWS = {**dict.fromkeys([*TINY, "16"], 300), "04": 2000}
else:
    ROWS, TINY = {"04": 200, "05": 200, "15": 300, "16": 300}, ()  # of digits
FEW_ROWS = 32
BASICS = ("00", "01", "02", "03")
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
# The copies lie beside those of one's own runs; .ci/run reads them.
BUILD = session.ROOT / "build" / "solved"
GOOGLE_PROCESSOR = {  # as in Google's repositories: no type, size a number
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "size": 224,
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """Return an environment without settings of one's own, and with an empty HF_HOME.

    Its Pythons import SITECUSTOMIZE, which hides the packages that ABSENT names.
    """
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
def sources(tmp_path_factory):
    """Serve checkpoints of base size with pictures; fill a COURSE_HUB with tiny-vit."""
    base, tiny = (tmp_path_factory.mktemp(name) for name in ("base", "tiny"))
    write_checkpoints(base)
    if REAL.exists():
        for role in ("anatomy", "finetune"):
            place = tiny / hub.REPOSITORIES[role].id
            shutil.copytree(session.ROOT / "data" / "tiny-vit", place)
        for folder, owner in itertools.product((base, tiny), REAL.iterdir()):
            (folder / owner.name).symlink_to(owner)
    else:
        write_data_sets(base)
    with serve(base) as server:
        yield {
            "base": {"HF_ENDPOINT": server.url},
            "tiny": {"COURSE_HUB": str(tiny), "HF_HUB_OFFLINE": "1"},
        }


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    """Return the notebooks of a copy in which every exercise has its solution."""
    folder = tmp_path_factory.mktemp("course") / "solved"
    export(folder, solved=True)
    return folder / "notebooks"


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
    animals, breeds = ["cat", "dog"], list(BREEDS)[:37]

    def write(name, columns, classes, each, size, splits, spoil=()):
        labels = np.repeat(np.arange(len(classes)), each)
        for split in splits:
            cells = [photo(random, label, size) for label in labels]
            for row, cell in spoil:
                cells[row] = cell
            image, label = columns
            values = {image: cells, label: labels}
            kinds = {image: Image(), label: ClassLabel(names=classes)}
            if name == "pets":
                values["image_id"] = [str(label) for label in labels]
                kinds["image_id"] = Value("string")
            table = pa.table(values, schema=Features(kinds).arrow_schema)
            write_shards(folder, hub.REPOSITORIES[name], split, table)

    both = ("train", "test")
    for split in both:
        mnist = folder / REPO / f"mnist/{split}-00000-of-00001.parquet"
        mnist.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(session.ROOT / "data" / "mnist" / f"{split}.parquet", mnist)
    cifar = list(sets.DATA_SETS["cifar10"].names)
    write("cifar10", ("img", "label"), cifar, 16, (32, 32), both)
    cut = noise(random, (90, 70))[:400]
    odd = [(3, gray((60, 80))), (5, rgba((50, 50))), (97, {"bytes": cut, "path": None})]
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


def gray(size):
    return stored(Pillow.new("L", size, 120), "JPEG")


def rgba(size):
    return stored(Pillow.new("RGBA", size, (200, 10, 10, 100)), "PNG")


def palette(size):
    return stored(Pillow.new("RGB", size, "navy").quantize(), "GIF")


def stored(image, kind):
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


@pytest.mark.parametrize(("number", "absent"), [*ABSENT.items(), (EITHER, PYTORCH)])
def test_solved_lesson_runs_without_the_framework_it_must_not_need(
    number, absent, settings, sources, solved
):
    (notebook,) = solved.glob(f"{number}_*.ipynb")
    profile = "reduced" if number in BASICS else "full"
    lesson = {"ABSENT": " ".join(absent), "COURSE_PROFILE": profile}
    if profile == "full":
        lesson["COURSE_ROWS"] = str(ROWS.get(number, FEW_ROWS))
        lesson |= sources["tiny" if number in TINY else "base"]
    outcome = runner.run_one(
        notebook,
        timeout=cli.TIMEOUTS[profile],
        environment={**settings, **lesson},
        copies=BUILD / profile,
    )
    assert outcome.result == "passed", str(outcome.failure)
    cells = outcome.notebook.cells
    said = json.dumps([cell.get("outputs") for cell in cells])
    for exercise_id in catalog.LESSONS[notebook.stem]:
        assert f"**{exercise_id} is right.**" in said
    for cell in cells:
        if "parity" in cell.metadata.get("tags", []):
            assert "Skipped: this cell needs torch" in json.dumps(cell.outputs)


def test_every_lesson_runs_without_a_framework():
    assert sorted(ABSENT) == sorted(name[:2] for name in catalog.LESSONS)


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
