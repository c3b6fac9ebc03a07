"""Weights between our ViT in Keras, KerasHub's, and a checkpoint of Hugging Face.

All conversions meet in one form: the arguments of our ViT, and arrays under the names
in ``model.safetensors``. PyTorch and transformers are not needed.
"""

import json
import math
import tempfile
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
from keras_hub.models import ViTBackbone, ViTImageClassifier
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from course_utils.convert import refusals
from course_utils.convert.names import SETTINGS, on_disk, renaming
from course_utils.vit.keras import ViT


def from_hf(folder: str | Path) -> ViT:
    """Build our Keras ViT with the weights of a Hugging Face ViT; logits equal to 1e-4.

    The folder needs ``config.json`` and ``model.safetensors``.
    """
    arguments, weights = read_checkpoint(folder)
    if "classifier.weight" not in weights:
        raise ValueError(
            f"{folder} has no classification head, and this model needs one; "
            "course_utils.finetune.keras.pretrained puts a new one on it"
        )
    return assign(ViT(**arguments), weights, folder)


def to_hf(
    model: keras.Model,
    folder: str | Path,
    id2label: Mapping[int, str] | None = None,
    processor: str | Path | None = None,
) -> None:
    """Write a Keras ViT as a checkpoint that transformers and KerasHub load.

    ``model`` is our ViT or KerasHub's ``ViTImageClassifier``, and a plain one: another
    activation or attention, or added weights, are refused. ``folder`` must not exist,
    and appears when it is complete. ``id2label`` holds a name for each logit; without
    it they are called ``LABEL_0`` and so on. ``processor`` is a folder whose
    ``preprocessor_config.json`` goes along, with the size of the model's images.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; choose another folder")
    arguments, weights = arguments_of(model), weights_of(model)
    _refuse_other_logits(model, assign(ViT(**arguments), weights))
    config = {name: arguments[ours] for ours, (name, *_) in SETTINGS.items()}
    config |= refusals.label_settings(id2label, config.pop("num_labels"))
    config |= {"model_type": "vit", "architectures": ["ViTForImageClassification"]}
    config |= {name: value for name, (value, _) in refusals.FIXED.items()}
    files = {"config.json": config}
    if processor is not None:
        path, side = Path(processor) / "preprocessor_config.json", config["image_size"]
        size = {"size": {"height": side, "width": side}}
        files[path.name] = json.loads(path.read_text(encoding="utf-8")) | size
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        whole = Path(part) / folder.name
        whole.mkdir()
        for name, content in files.items():
            (whole / name).write_text(json.dumps(content, indent=2), encoding="utf-8")
        save_file(weights, whole / "model.safetensors", metadata={"format": "pt"})
        whole.rename(folder)


def _refuse_other_logits(model, plain):
    """Refuse a model whose code does something else with its weights than a ViT."""
    shape = (2, *plain.embed.image_shape)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    wanted, found = (
        keras.ops.convert_to_numpy(net(images, training=False)).astype(np.float32)
        for net in (plain, model)
    )
    difference = np.abs(found - wanted).max() / (np.abs(wanted).max() or 1.0)
    kinds = {getattr(net, "backbone", net).compute_dtype for net in (plain, model)}
    if not difference < (1e-3 if kinds == {"float32"} else 0.1):
        raise ValueError(
            f"the model's logits differ by {difference:.1%} from those of a plain ViT "
            "with its weights, so what was changed in it (activation, attention, ...) "
            "would be lost; save it with model.save instead"
        )


def from_keras_hub(classifier: ViTImageClassifier) -> ViT:
    """Build our Keras ViT with the weights of KerasHub's (logits equal to 1e-4)."""
    return assign(ViT(**arguments_of(classifier)), weights_of(classifier))


def to_keras_hub(model: ViT, dtype: str | None = None) -> ViTImageClassifier:
    """Build KerasHub's ViT, without a preprocessor, with the weights of ours."""
    arguments, weights = arguments_of(model), weights_of(model)
    backbone = keras_hub_backbone(arguments, dtype)
    return assign(ViTImageClassifier(backbone, arguments["num_classes"]), weights)


def read_checkpoint(folder: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Read the arguments for our ViT, and the weights in float32, from a folder.

    Only those of the encoder and of a head, with the names of a model that has both.
    """
    arguments = refusals.our_arguments(read_config(folder), folder)
    path = Path(folder) / "model.safetensors"
    weights = _read(path, lambda: load_file(path))
    return arguments, {
        on_disk(name): weight.astype(np.float32, copy=False)
        for name, weight in weights.items()
        if name.startswith("classifier.") or not refusals.BESIDE.match(name)
    }


def read_config(folder: str | Path) -> dict:
    """Read ``config.json`` of a ViT; refuse a folder of anything else."""
    path, usual = Path(folder) / "config.json", {"initializer_range": 0.02}
    config = _read(path, lambda: usual | json.loads(path.read_text(encoding="utf-8")))
    refusals.refuse_family(folder, config.get("model_type"))
    return config


def _read(path, reading):
    """Return what ``reading()`` returns, or say what is wrong with the file at path."""
    try:
        return reading()
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise ValueError(
            f"{path} cannot be read ({str(error)[:90]}); give the folder of a ViT that "
            "transformers has saved, and if its weights lie in several files, save it "
            "in one file: save_pretrained(folder, max_shard_size='50GB')"
        ) from None


def keras_hub_backbone(arguments: Mapping, dtype: str | None = None) -> ViTBackbone:
    """Build KerasHub's ViT without a head, with random weights."""
    side, channels = arguments["image_size"], arguments["in_channels"]
    sizes = {hub: arguments[ours] for ours, (_, _, hub) in SETTINGS.items() if hub}
    sizes |= {"image_shape": (side, side, channels), "dtype": dtype}
    del sizes["num_classes"]  # of the head
    return ViTBackbone(**sizes)


# What our ViT cannot have otherwise, as KerasHub calls it.
_FIXED = {
    "pooling": ("token", "our head reads the class token"),
    "intermediate_dim": (None, "our head is one linear layer"),
    "activation": (None, "our head gives logits"),
    "attention_dropout": (0, "our attention weights have no dropout"),
    "use_class_token": (True, "our head reads the class token"),
    "use_mha_bias": (True, "our attention has biases"),
    "use_mlp_bias": (True, "our MLP has biases"),
    "use_patch_bias": (True, "our patch embedding has a bias"),
}


def arguments_of(model: keras.Model) -> dict:
    """Return the arguments of our ViT, or for one like KerasHub's; refuse others."""
    if isinstance(model, ViT):
        return dict(model.arguments)
    backbone = getattr(model, "backbone", None)
    if not isinstance(backbone, ViTBackbone):
        raise TypeError(
            "a course_utils.vit.keras.ViT or a keras_hub.models.ViTImageClassifier with"
            f" a ViTBackbone is needed, not {refusals.kind_of(model)}"
        )
    found = {**vars(model), **backbone.get_config()}
    found |= {name: found[hub] for name, _, hub in SETTINGS.values() if hub}
    *found["image_size"], found["num_channels"] = found["image_shape"]
    return refusals.our_arguments(found, "the classifier", _FIXED)


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Return the weights of our ViT or KerasHub's, in float32, as transformers' files.

    Refuses a model to which layers were added.
    """
    places, weights = _places(model), {}
    known = {id(variable) for _, variable in places}
    added = dict.fromkeys(v.path for v in model.weights if id(v) not in known)
    refusals.refuse_unfit("the model", added, {}, "convert it before you add layers")
    for names, variable in places:
        value = keras.ops.convert_to_numpy(variable).astype(np.float32)
        weights |= _pieces(names, value, variable.name)
    return {name: np.ascontiguousarray(value) for name, value in weights.items()}


def assign(model: keras.Model, weights: Mapping, source="the checkpoint"):
    """Put the weights of a file into a Keras ViT, or refuse them; return the model."""
    places, wanted = _places(model), {}
    for names, variable in places:
        wanted |= _pieces(names, np.empty(variable.shape), variable.name)
    shapes = ({n: value.shape for n, value in w.items()} for w in (weights, wanted))
    refusals.refuse_unfit(source, *shapes)
    for names, variable in places:
        value = np.concatenate([weights[name] for name in names])
        if value.ndim == 4:
            value = value.transpose(2, 3, 1, 0)  # (D, C, P, P) -> (P, P, C, D)
        elif value.ndim == 2:
            value = value.T  # (out, in) -> (in, out)
        variable.assign(value.reshape(variable.shape))
    return model


def _places(model):
    """List (names in the file, Keras variable) for every weight."""
    alone = isinstance(model, ViTBackbone)
    depth = model.num_layers if alone else arguments_of(model)["depth"]
    naming = "our Keras" if isinstance(model, ViT) else "KerasHub"
    return [
        (names, variable_at(model, path))
        for path, names in renaming(naming, "disk", depth).items()
        if not (alone and path.startswith("output_dense"))
    ]


def variable_at(model: keras.Model, path: str) -> keras.Variable:
    """Return the variable at a path of the table, ``blocks.0.mlp.expand.kernel``."""
    found = model
    for part in path.split("."):
        if part.isdigit():
            found = found[int(part)]
        elif hasattr(found, part):
            found = getattr(found, part)
        else:  # a layer of KerasHub's backbone
            found = getattr(found, "backbone", found).get_layer(part)
    return found


def _pieces(names, value, kind):
    """Map names in the file to the parts of a Keras weight, in PyTorch's layout."""
    if value.ndim == 4:
        value = value.transpose(3, 2, 0, 1)  # (P, P, C, D) -> (D, C, P, P)
    elif kind == "kernel":
        if value.ndim == 3:  # (D, h, d) or (h, d, D) -> (D, D)
            value = value.reshape(math.isqrt(value.size), -1)
        value = value.T  # (in, out) -> (out, in)
    elif kind == "bias":
        value = value.reshape(-1)  # (h, d) -> (D,)
    elif value.ndim == 2:
        value = value[None]  # positions: (T, D) -> (1, T, D)
    return dict(zip(names, np.split(value, len(names)), strict=True))
