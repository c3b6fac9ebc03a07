"""Small data sets and checkpoints for tests, laid out as the Hub has them."""

import functools
import io
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features, Value
from datasets import Image as ImageFeature
from PIL import Image
from safetensors.numpy import save_file

from course_utils import session

MNIST = session.ROOT / "data" / "mnist"
TINY = session.ROOT / "data" / "tiny-vit"
GOOGLE = "google/vit-base-patch16-224"
TRAIN, TEST = (f"mnist/{s}-00000-of-00001.parquet" for s in ("train", "test"))
FEW = {"train": 900, "validation": 100, "test": 200}  # rows of MNIST in most tests
ANIMALS = ["cat", "dog"]
TURNS = {  # the orientation in the metadata -> what it takes back
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@functools.cache
def few_digits(split):
    """Return a parquet file's content: the first rows of a split of bundled MNIST."""
    count = FEW["test"] if split == "test" else FEW["train"] + FEW["validation"]
    rows, file = pq.read_table(MNIST / f"{split}.parquet"), io.BytesIO()
    pq.write_table(rows.slice(0, count), file)
    return file.getvalue()


def lay_out_digits(folder):
    """Write a few digits into a folder as the files of MNIST on the Hub."""
    for name, split in ((TRAIN, "train"), (TEST, "test")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(few_digits(split))


def make_checkpoint(folder):
    """Write what locate() takes, a card, and what it must leave alone."""
    folder.mkdir(parents=True)
    for name in ("config.json", "preprocessor_config.json"):
        shutil.copyfile(TINY / name, folder / name)
    weights = np.random.default_rng(0).standard_normal((200, 200), dtype=np.float32)
    save_file({"weight": weights}, folder / "model.safetensors")
    (folder / "README.md").write_text("A card.", encoding="utf-8")
    (folder / "pytorch_model.bin").write_bytes(b"pickle")


def stored(image, kind="PNG", **settings):
    """Return the bytes of a file that holds a picture."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **settings)
    return buffer.getvalue()


def picture(color, mode="RGB", size=(6, 4), kind="PNG", **settings):
    """Return a cell of a data set with a picture of one color."""
    content = stored(Image.new(mode, size, color), kind, **settings)
    return {"bytes": content, "path": None}


def noise(kind):
    """Return the bytes of a picture of noise, whose file is long."""
    values = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    return stored(Image.fromarray(values), kind)


def write_set(folder, split, label, names, each, image="image", shards=2):
    """Write pictures that show their row in red, class in green and split in blue."""
    features = Features({image: ImageFeature(), label: ClassLabel(names=list(names))})
    labels = np.repeat(np.arange(len(names)), each)
    blue = {"train": 0, "test": 200}[split]
    cells = [picture((row, k, blue)) for row, k in enumerate(labels)]
    table = pa.table([cells, labels], schema=features.arrow_schema)
    folder.mkdir(parents=True, exist_ok=True)
    size = -(-len(labels) // shards)
    for i in range(shards):
        path = folder / f"{split}-{i:05d}-of-{shards:05d}.parquet"
        pq.write_table(table.slice(i * size, size), path)


def numbers(split):
    """Return (row in the source, class) as the pictures of write_set show them."""
    return [image.getpixel((0, 0))[:2] for image in split[:]["image"]]


def rows_of(cells, labels, names=None, image="image", label="labels", **more):
    """Return a table of pictures and labels, with or without names of the classes."""
    kind = ClassLabel(names=list(names)) if names else Value("int64")
    schema = Features({image: ImageFeature(), label: kind}).arrow_schema
    table = pa.table([cells, labels], schema=schema)
    for name, column in more.items():
        table = table.append_column(name, column)
    return table


def animals(of, count=20, start=0):
    """Return pictures of cats (no green) or dogs (green), all different."""
    green = {"cat": 0, "dog": 200}
    return [picture((start + i, green[of], 0)) for i in range(count)]


def names_by_color(rows):
    """Return the pairs (looks like, is labelled) that occur in a DatasetDict."""
    return {
        ("dog" if image.getpixel((0, 0))[1] else "cat", part.features["label"].names[k])
        for part in rows.values()
        for image, k in zip(part["image"], part["label"], strict=True)
    }


def renamed(table, column, names):
    """State other names of the classes in a table's metadata."""
    told = json.loads(table.schema.metadata[b"huggingface"])
    told["info"]["features"][column]["names"] = names
    return table.replace_schema_metadata({b"huggingface": json.dumps(told).encode()})


def change(path, column=None, values=None, drop=None):
    """Change or drop a column of a parquet file."""
    table = pq.read_table(path)
    if drop:
        table = table.drop_columns([drop])
    else:
        place = table.column_names.index(column)
        table = table.set_column(place, column, [values(table[column])])
    pq.write_table(table, path)


def cut(path):
    """Cut the end off a file."""
    path.write_bytes(path.read_bytes()[:-1000])


def looks(split):
    """Return the different pictures of a split."""
    return {image.tobytes() for image in split[:]["image"]}


def photo():
    """Return a picture whose four quarters differ, so that a turn shows."""
    image = Image.new("RGB", (64, 48), (200, 30, 30))
    image.paste((30, 200, 30), (32, 0, 64, 24))
    image.paste((30, 30, 220), (0, 24, 32, 48))
    image.paste((240, 240, 120), (32, 24, 64, 48))
    return image


GRAYS = np.asarray(photo().convert("L"))  # 85, 130, 52 and 226


def sixteen(levels=GRAYS):
    """Return a picture of 16-bit grays."""
    return Image.fromarray(levels.astype(np.uint16) * 257)


def assert_looks_like(image, wanted, tolerance=12):
    """Compare an RGB picture with another one."""
    assert image.mode == "RGB" and image.size == wanted.size
    found, wanted = (np.asarray(x.convert("RGB")).astype(int) for x in (image, wanted))
    np.testing.assert_allclose(found, wanted, atol=tolerance)


HEIC = b"\x00\x00\x00\x24ftypheic\x00\x00\x00\x00mif1MiHEmiafMiHBheic" + bytes(200)


def jpeg(seed, size=(24, 16)):
    """Return the bytes of a picture that no other seed has."""
    values = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    return stored(Image.fromarray(values).resize(size), "JPEG")


def put_jpegs(folder, count, start=0):
    """Write so many different pictures into a folder, which may be empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        (folder / f"{i}.jpg").write_bytes(jpeg(i))


def class_names(splits):
    """Return the names of the classes, which are those of every split."""
    (found,) = {tuple(rows.features["label"].names) for rows in splits.values()}
    return list(found)


def sizes(splits):
    """Return how many rows each split has."""
    return {split: len(rows) for split, rows in splits.items()}


def of_class(splits):
    """Return the different pictures of each class in all splits."""
    found = {name: set() for name in class_names(splits)}
    for rows in splits.values():
        for image, label in zip(rows["image"], rows["label"], strict=True):
            found[class_names(splits)[label]].add(image.tobytes())
    return found
