"""What the explorer takes for a model, and which bundled pictures go with it."""

import copy
import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from torch import Tensor
from transformers import ViTConfig, ViTForImageClassification

from course_utils.convert import refusals
from course_utils.convert.names import on_disk
from course_utils.convert.torch import from_hf
from course_utils.data import sets
from course_utils.finetune import torch as finetune
from course_utils.vit.torch import ViT

MOST_PARAMETERS = 5_000_000  # more would make the page too large and too slow
_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # what resize.js can do


def read(model, mean: float | None = None, std: float | None = None):
    """Return our ViT in evaluation mode, and a dict of what to know beside it.

    The arguments are those of ``explorer.write``. The dict holds ``name``, ``classes``
    (K names), ``mean`` and ``std`` (one number a channel), ``resample`` (Pillow's).
    """
    look = {"name": "the model", "mean": mean, "std": std, "resample": 2}
    names = None
    if isinstance(model, str | Path):
        path = Path(model).expanduser()
        look["name"] = path.resolve().name
        model, names = (_from_file if path.is_file() else _from_folder)(path, look)
    elif isinstance(model, ViTForImageClassification):
        names, model = model.config.id2label, from_hf(model)
    if not isinstance(model, ViT):
        raise TypeError(
            "a page takes the folder of a checkpoint, a ViTForImageClassification "
            f"or a course_utils.vit.torch.ViT, not {refusals.kind_of(model)}; copy the "
            "weights into one of these with load_state_dict"
        )
    count = sum(weight.numel() for weight in model.parameters())
    if count > MOST_PARAMETERS:
        raise ValueError(
            f"{look['name']} has {count / 1e6:.1f} million parameters, and a page takes"
            f" at most {MOST_PARAMETERS // 10**6} million, because a browser computes "
            "each answer anew; choose a smaller model, such as data/tiny-vit"
        )
    if not all(weight.isfinite().all() for weight in model.parameters()):
        raise ValueError(
            f"{look['name']} has weights that are no numbers, as after a training that "
            "has diverged; train it again with a smaller learning rate"
        )
    model = copy.deepcopy(model).float().cpu().eval()
    channels, classes = model.embed.project.in_channels, model.head.out_features
    names = names or dict(enumerate(range(classes)))
    look["classes"] = [str(names[k]).replace("_", " ") for k in range(classes)]
    for key in ("mean", "std"):  # in memory usually 0.5, as in to_tensors
        value = 0.5 if look[key] is None else look[key]
        look[key] = np.broadcast_to(value, channels).tolist()
    return model, look


def _from_file(path, look):
    """Read a file as notebook 04 saves it: weights, and the sizes beside them."""
    try:
        with safe_open(path, "pt") as file:
            model = ViT(**json.loads(file.metadata()["sizes"]))
            model.load_state_dict({name: file.get_tensor(name) for name in file.keys()})
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, RuntimeError):
        raise ValueError(
            f"{path} is no file as notebook 04 saves one, a ViT's weights with its "
            "sizes as metadata; give such a file, or the folder of a checkpoint"
        ) from None
    if look["mean"] is None or look["std"] is None:
        raise ValueError(
            f"{path} does not say how its pictures were scaled; give mean and std as "
            "well, in notebook 04 0.1307 and 0.3081"
        )
    return model, None


def _from_folder(folder, look):
    """Read a checkpoint in Hugging Face's form, and what its processor does."""
    files = ("config.json", "model.safetensors", "preprocessor_config.json")
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        what = "processor" if missing == [files[2]] else "model"
        raise ValueError(
            f"{folder} has no {missing[0]}; give a folder into which the "
            f"save_pretrained of {what} has written"
        )
    try:
        found, _ = ViTConfig.get_config_dict(folder)
        refusals.refuse_family(folder, found.get("model_type"))
        config = ViTConfig.from_pretrained(folder)
        with torch.device("meta"):
            whole = ViTForImageClassification(config).state_dict()
        with safe_open(folder / files[1], "np") as file:
            shapes = {n: tuple(file.get_slice(n).get_shape()) for n in file.keys()}
        shapes = {on_disk(name): shape for name, shape in shapes.items()}
        wanted = {on_disk(name): tuple(w.shape) for name, w in whole.items()}
        refusals.refuse_unfit(folder, shapes, wanted)
        with finetune.quiet():
            model = from_hf(ViTForImageClassification.from_pretrained(folder))
        processor = finetune.load_processor(folder)
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        why = f"{folder} cannot be read ({error}); save or fetch it again"
        raise ValueError(why) from None
    if processor.resample not in _RESAMPLE:
        ways = " and ".join(f"{name} ({k})" for k, name in _RESAMPLE.items())
        raise ValueError(
            f'{folder / files[2]} says "resample": {processor.resample}, but the page '
            f"can resize in two ways only, {ways}; write the nearer one there"
        )
    look |= {"mean": processor.image_mean, "std": processor.image_std}
    look["resample"] = processor.resample
    noise = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    noise = Image.fromarray(noise)
    rows = finetune.pixels(processor)({"image": [noise], "label": [0]})
    theirs, ours = (
        np.asarray(rows["pixel_values"]),
        inputs([noise], model, look).numpy(),
    )
    if theirs.shape != ours.shape or np.abs(theirs - ours).max() > 1e-4:
        raise ValueError(
            f"{folder / files[2]} does more than the page, which resizes a picture to "
            f"{config.image_size} × {config.image_size}, divides by 255 and uses mean "
            "and std; take other steps, such as a crop, out of it"
        )
    return model, config.id2label


def inputs(images, model: ViT, look: dict) -> Tensor:
    """Turn Pillow's pictures of any size into (B, C, H, W), as the page does it."""
    channels, side = model.embed.project.in_channels, (model.embed.image_size,) * 2
    way = Image.Resampling(look["resample"])
    images = (image.convert("L" if channels == 1 else "RGB") for image in images)
    arrays = [np.atleast_3d(image.resize(side, way)) for image in images]
    scaled = (np.stack(arrays) / 255 - look["mean"]) / look["std"]  # (B, H, W, C)
    return torch.from_numpy(scaled).permute(0, 3, 1, 2).float()


def gallery(model: ViT, look: dict) -> tuple[list, list]:
    """Choose bundled pictures: those to show, and others of training to round by.

    They come from the data set that has most classes in common with the model. Shown
    are nine that it names rightly, of each class the one of which it is surest, and two
    that it names wrongly. The first list holds (title, picture, class number or None);
    ``look["pictures_from"]`` is the folder of the data set from then on.
    """
    number = {name: k for k, name in enumerate(look["classes"])}
    mode = "L" if model.embed.project.in_channels == 1 else "RGB"
    single = (one for one in sets.DATA_SETS.values() if not one.several)
    fitting = [_Pictures(one) for one in single if one.mode == mode]
    best = max(fitting, key=lambda one: sum(name in number for name in one.names))
    images, labels = best.first(500, "test")
    with torch.inference_mode():
        sure, answers = model(inputs(images, model, look)).softmax(1).max(1)
    right, wrong = {}, []
    for i, label in enumerate(labels):
        known = number.get(label)
        if known is not None and known != answers[i]:
            wrong.append(i)
        elif label not in right or sure[i] > sure[right[label]]:
            right[label] = i
    chosen = []
    for count, rows in ((9, [*right.values()]), (2, wrong)):
        chosen += rows[:: max(1, len(rows) // count)][:count]
    known = [(labels[i], images[i], number.get(labels[i])) for i in chosen]
    look["pictures_from"] = best.folder
    return known, best.first(256, "train")[0]


class _Pictures:
    """A bundled data set, read without the checks of ``load`` and in any profile."""

    def __init__(self, source):
        self.folder = source.bundled
        self.files, _ = sets.bundled_files(source)
        self.columns = [source.image, source.bundled_label or source.label]
        names = sets.names_in(self.files["test"][0], self.columns[1])
        self.names = [name.replace("_", " ") for name in names]

    def first(self, count, split):
        """Return the first pictures of a split, and their classes by name."""
        table = pq.read_table(self.files[split][0], columns=self.columns)
        rows = [list(row.values()) for row in table.slice(0, count).to_pylist()]
        images = [Image.open(io.BytesIO(picture["bytes"])) for picture, _ in rows]
        return images, [self.names[label] for _, label in rows]
