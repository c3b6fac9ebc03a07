"""Weights between our ViT in Keras, KerasHub's, and a checkpoint of Hugging Face.

Needs neither torch nor transformers: a checkpoint is a folder with ``config.json`` and
``model.safetensors``, as ``save_pretrained`` writes it. All conversions meet in one
form: the arguments of our ViT, and arrays under the names of the file.
"""

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import keras
import keras_hub
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from course_utils.convert.names import SETTINGS, on_disk, renaming
from course_utils.convert.refusals import (
    BESIDE,
    FIXED,
    kind_of,
    label_settings,
    more,
    our_arguments,
    refuse_family,
    refuse_unfit,
)
from course_utils.vit.keras import ViT


def from_hf(folder: str | Path) -> ViT:
    """Build our Keras ViT with the weights of a Hugging Face ViT.

    The folder needs ``config.json`` and ``model.safetensors``. Logits in float32 differ
    by 1e-4 at most. Refuses a ViT without a head, or of another design than ours.
    """
    arguments, weights = read_checkpoint(folder)
    if "classifier.weight" not in weights:
        raise ValueError(
            f"{folder} has no classification head, and this model needs one; "
            "course_utils.finetune.keras.pretrained puts a new one on it"
        )
    return build(arguments, weights, folder)


def to_hf(
    model: keras.Model,
    folder: str | Path,
    id2label: Mapping[int, str] | None = None,
    processor: str | Path | None = None,
) -> None:
    """Write a Keras ViT as a checkpoint that transformers and KerasHub load.

    Parameters
    ----------
    model : course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier
    folder : str or Path
        Appears when it is complete; must not exist.
    id2label : mapping of int to str, optional
        A name for each logit; without it they are called ``LABEL_0`` and so on.
    processor : str or Path, optional
        The folder whose ``preprocessor_config.json`` goes along, with the size of the
        model's images.

    Raises
    ------
    FileExistsError, TypeError, ValueError
        If the folder exists, if the model is of neither class, or if it is no plain
        ViT: another activation, attention or pooling, added weights.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; choose another folder")
    arguments, weights = arguments_of(model), weights_of(model)
    _refuse_other_logits(model, build(arguments, weights))
    config = {name: arguments[ours] for ours, (name, *_) in SETTINGS.items()}
    config |= label_settings(id2label, config.pop("num_labels"))
    config |= {"model_type": "vit", "architectures": ["ViTForImageClassification"]}
    config |= {name: value for name, (value, _) in FIXED.items()}
    files = {"config.json": config}
    if processor is not None:
        path, side = Path(processor) / "preprocessor_config.json", config["image_size"]
        files[path.name] = json.loads(path.read_text(encoding="utf-8"))
        files[path.name]["size"] = {"height": side, "width": side}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        whole = Path(part) / folder.name
        whole.mkdir()
        for name, content in files.items():
            text = json.dumps(content, indent=2) + "\n"
            (whole / name).write_text(text, encoding="utf-8")
        save_file(weights, whole / "model.safetensors", metadata={"format": "pt"})
        os.replace(whole, folder)


def _refuse_other_logits(model, plain):
    """Refuse a model whose code does something else with its weights than a ViT."""
    shape = (2, *plain.embed.image_shape)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    wanted, found = (
        keras.ops.convert_to_numpy(net(images, training=False)).astype(np.float32)
        for net in (plain, model)
    )
    scale = np.abs(wanted).max() or 1.0  # a head of zeros gives logits of zero
    difference = np.abs(found - wanted).max() / scale
    kinds = {getattr(net, "backbone", net).compute_dtype for net in (plain, model)}
    if not difference < (1e-3 if kinds == {"float32"} else 0.1):
        raise ValueError(
            f"the model's logits differ by {difference:.1%} from those of a plain ViT "
            "with its weights, so what was changed in it (activation, attention, ...) "
            "would be lost; save it with model.save instead"
        )


def from_keras_hub(classifier: keras_hub.models.ViTImageClassifier) -> ViT:
    """Build our Keras ViT with the weights of KerasHub's (logits equal to 1e-4)."""
    return build(arguments_of(classifier), weights_of(classifier))


def to_keras_hub(
    model: ViT, dtype: str | None = None
) -> keras_hub.models.ViTImageClassifier:
    """Build KerasHub's ViT, without a preprocessor, with the weights of ours."""
    arguments, weights = arguments_of(model), weights_of(model)
    backbone = keras_hub_backbone(arguments, dtype)
    found = keras_hub.models.ViTImageClassifier(backbone, arguments["num_classes"])
    assign(found, weights)
    return found


def read_checkpoint(folder: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Read the arguments for our ViT, and the weights in float32, from a folder.

    A backbone saved alone (``ViTModel``) gets the names of one with a head. A pooler,
    and what MAE or SimMIM have beside the encoder, is left out.
    """
    arguments = our_arguments(read_config(folder), folder)
    path, weights = Path(folder) / "model.safetensors", {}
    try:
        with safe_open(path, "np") as file:
            for name in file.keys():  # noqa: SIM118
                if name.startswith("classifier.") or not BESIDE.match(name):
                    weights[on_disk(name)] = file.get_tensor(name)
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"{path} cannot be read ({str(error)[:90]}); load the model with "
            "transformers and save it in one file: save_pretrained(folder, "
            "max_shard_size='50GB')"
        ) from None
    return arguments, {n: w.astype(np.float32, copy=False) for n, w in weights.items()}


def read_config(folder: str | Path) -> dict:
    """Read ``config.json`` of a ViT; refuse a folder of anything else."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read ({str(error)[:90]}); give the folder of a "
            "checkpoint in Hugging Face's format, with config.json and "
            "model.safetensors"
        ) from None
    refuse_family(folder, kind)
    return {"initializer_range": 0.02, **config}  # transformers' value


def build(arguments: Mapping, weights: Mapping, source="the checkpoint") -> ViT:
    """Build our Keras ViT from its arguments and the weights of a file."""
    model = ViT(**arguments)
    assign(model, weights, source)
    return model


# What KerasHub's ViT may do otherwise, and what ours does.
_OPTIONS = {
    "pooling": "token",
    "intermediate_dim": None,
    "activation": None,
    "attention_dropout": 0,
    "use_mha_bias": True,
    "use_mlp_bias": True,
    "use_class_token": True,
    "use_patch_bias": True,
}


def keras_hub_backbone(
    arguments: Mapping, dtype: str | None = None
) -> keras_hub.models.ViTBackbone:
    """Build KerasHub's ViT without a head, with random weights.

    Its ``from_preset`` would leave the epsilon of the norms at 1e-6, for instance.
    """
    side, channels = arguments["image_size"], arguments["in_channels"]
    sizes = {hub: arguments[ours] for ours, (_, _, hub) in SETTINGS.items() if hub}
    sizes |= {"image_shape": (side, side, channels), "dtype": dtype}
    del sizes["num_classes"]  # of the head
    return keras_hub.models.ViTBackbone(**sizes)


def arguments_of(model: keras.Model) -> dict:
    """Return the arguments with which our ViT would be like this Keras ViT.

    Refuses everything but our ViT and a KerasHub ``ViTImageClassifier`` of its design.
    """
    if isinstance(model, ViT):
        return dict(model.arguments)
    backbone = getattr(model, "backbone", None)
    if not isinstance(backbone, keras_hub.models.ViTBackbone):
        raise TypeError(
            "a course_utils.vit.keras.ViT or a keras_hub.models.ViTImageClassifier with"
            f" a ViTBackbone is needed, not {kind_of(model)}"
        )
    found = {**vars(model), **backbone.get_config()}
    for name, value in _OPTIONS.items():
        if found.get(name, value) != value:
            raise ValueError(
                f"the classifier has {name}={found[name]!r}, which our ViT and the "
                f"format cannot express; build it with {name}={value!r}"
            )
    config = {name: found[hub] for name, _, hub in SETTINGS.values() if hub}
    *config["image_size"], config["num_channels"] = found["image_shape"]
    return our_arguments(config, "the classifier")


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Return the weights of a Keras ViT in float32, as in a file of transformers.

    Takes our ViT, KerasHub's ``ViTImageClassifier``, or a ``ViTBackbone``, which has no
    ``classifier`` among its weights. Refuses a model to which layers were added.
    """
    places = _places(model)
    known = {id(variable) for _, variable in places}
    if added := [other.path for other in model.weights if id(other) not in known]:
        raise ValueError(
            f"the model has weights that a plain ViT has no place for: {added[0]}"
            f"{more(added)}; convert it before you add layers"
        )
    weights = {}
    for names, variable in places:
        value = keras.ops.convert_to_numpy(variable).astype(np.float32)
        pieces = np.split(_to_disk(value, variable.name), len(names))
        weights.update(zip(names, map(np.ascontiguousarray, pieces), strict=True))
    return weights


def assign(model: keras.Model, weights: Mapping, source="the checkpoint") -> None:
    """Put the weights of a file into a Keras ViT, or refuse them and change nothing."""
    places, wanted = _places(model), {}
    for names, variable in places:
        pieces = np.split(_to_disk(np.empty(variable.shape), variable.name), len(names))
        wanted |= {name: part.shape for name, part in zip(names, pieces, strict=True)}
    refuse_unfit(source, {name: w.shape for name, w in weights.items()}, wanted)
    for names, variable in places:
        value = np.concatenate([weights[name] for name in names])
        variable.assign(_from_disk(value, variable.shape))


def _places(model):
    """List (names in the file, Keras variable) for every weight."""
    alone = isinstance(model, keras_hub.models.ViTBackbone)
    depth = model.num_layers if alone else arguments_of(model)["depth"]
    naming = "our Keras" if isinstance(model, ViT) else "KerasHub"
    return [
        (names, variable_at(model, path))
        for path, names in renaming(naming, "disk", depth).items()
        if not (alone and path.startswith("output_dense"))
    ]


def variable_at(model: keras.Model, path: str) -> keras.Variable:
    """Return the variable at a path of the table, ``blocks.0.mlp.expand.kernel``."""
    first, *path = path.split(".")
    if hasattr(model, first):
        found = getattr(model, first)
    else:  # a layer of KerasHub's backbone
        found = getattr(model, "backbone", model).get_layer(first)
    for part in path:
        found = found[int(part)] if part.isdigit() else getattr(found, part)
    return found


def _to_disk(value, kind):
    """Turn a Keras weight into PyTorch's layout."""
    if value.ndim == 4:
        return value.transpose(3, 2, 0, 1)  # (P, P, C, D) -> (D, C, P, P)
    if kind == "kernel":
        if value.ndim == 3:  # (D, h, d) or (h, d, D) -> (D, D)
            value = value.reshape(math.isqrt(value.size), -1)
        return value.T  # (in, out) -> (out, in)
    if kind == "bias":
        return value.reshape(-1)  # (h, d) -> (D,)
    return value[None] if value.ndim == 2 else value  # (T, D) -> (1, T, D)


def _from_disk(value, shape):
    """Turn a weight in PyTorch's layout into Keras's; the inverse of ``_to_disk``."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)  # (D, C, P, P) -> (P, P, C, D)
    return (value.T if value.ndim == 2 else value).reshape(shape)
