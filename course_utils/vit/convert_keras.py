"""Weights between our Keras ViT, KerasHub's, and a checkpoint of Hugging Face on disk.

Needs neither torch nor transformers: a checkpoint is a folder with ``config.json`` and
``model.safetensors``, as ``save_pretrained`` writes it. All conversions meet in one
form, a dict from the names in that file to NumPy arrays.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import keras
import keras_hub
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from course_utils.vit.keras import ViT

# --- A checkpoint on disk ---------------------------------------------------------


def read_checkpoint(folder: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Read the settings and weights of a Hugging Face ViT.

    Parameters
    ----------
    folder : str or Path
        With ``config.json`` and ``model.safetensors``.

    Returns
    -------
    config : dict
    weights : dict of str to array, float32
        Under the names of ``ViTForImageClassification``: a backbone saved alone
        (``ViTModel``) gets the prefix ``vit.``, and its pooler is left out.

    Raises
    ------
    ValueError
        If the folder holds no ViT, or one of another design than ours.
    """
    folder, config = Path(folder), read_config(folder)
    try:
        with safe_open(folder / "model.safetensors", "np") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"{folder / 'model.safetensors'} cannot be read ({error}); load the model "
            "with transformers and save it with save_pretrained"
        ) from None
    if not any(name.startswith("vit.") for name in weights):
        weights = {f"vit.{name}": weight for name, weight in weights.items()}
    weights = {
        name: weight.astype(np.float32, copy=False)
        for name, weight in weights.items()
        if not name.startswith("vit.pooler.")
    }
    return config, weights


def read_config(folder: str | Path) -> dict:
    """Read ``config.json`` of a ViT, with transformers' values for what it leaves out.

    Raises
    ------
    ValueError
        If the folder holds no ViT, or one of another design than ours.
    """
    folder = Path(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{folder} holds no readable config.json ({error}); give the folder of a "
            "checkpoint in Hugging Face's format"
        ) from None
    kind = config.get("model_type")
    if kind != "vit":
        raise ValueError(
            f"{folder} holds a model of type {kind!r}, not 'vit'; choose a checkpoint "
            "of a Vision Transformer, such as google/vit-base-patch16-224"
        )
    wanted = {"hidden_act": "gelu", "qkv_bias": True}
    for key, value in wanted.items():
        if config.get(key, value) != value:
            raise ValueError(
                f"{folder} has {key}={config[key]!r}, and our ViT {value!r}; it cannot "
                "be converted with equal results"
            )
    return {**_DEFAULTS, **config}


# What transformers takes for a value that config.json leaves out.
_DEFAULTS = {
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "num_channels": 3,
}


def write_checkpoint(
    folder: str | Path,
    model: keras.Model,
    id2label: Mapping[int, str] | None = None,
    processor: str | Path | None = None,
) -> None:
    """Write a Keras ViT as a checkpoint that transformers loads.

    Parameters
    ----------
    folder : str or Path
        Appears when it is complete; must not exist.
    model : course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier
    id2label : mapping of int to str, optional
        A name for each logit; without it they are called ``LABEL_0`` and so on.
    processor : str or Path, optional
        The folder whose ``preprocessor_config.json`` goes along.

    Raises
    ------
    FileExistsError
        If the folder exists.
    ValueError
        If ``id2label`` does not name each logit.
    TypeError
        If the model is of neither class.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; choose another folder")
    config = settings(model)
    classes = config.pop("num_classes")
    names = dict(id2label or {i: f"LABEL_{i}" for i in range(classes)})
    if sorted(names) != list(range(classes)):
        raise ValueError(
            f"id2label must have the keys 0 to {classes - 1}, one for each logit, but "
            f"has {sorted(names)}"
        )
    config |= {
        "architectures": ["ViTForImageClassification"],
        "id2label": {str(i): names[i] for i in range(classes)},
        "label2id": {names[i]: i for i in range(classes)},
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        text = json.dumps(config, indent=2) + "\n"
        (Path(part) / "config.json").write_text(text, encoding="utf-8")
        path = Path(part) / "model.safetensors"
        save_file(weights_of(model), path, metadata={"format": "pt"})
        if processor is not None:
            shutil.copy(Path(processor) / "preprocessor_config.json", part)
        Path(part).chmod(0o755)
        shutil.copytree(part, f"{part}/whole")
        os.replace(f"{part}/whole", folder)


# --- Models -----------------------------------------------------------------------


def to_keras(source: str | Path | keras_hub.models.ViTImageClassifier) -> ViT:
    """Build our Keras ViT with the weights of another one.

    Parameters
    ----------
    source : folder of a checkpoint with a head, or a ViTImageClassifier of KerasHub

    Raises
    ------
    ValueError
        If the folder holds no ViT, one without a head, or one of another design.
    """
    if isinstance(source, str | os.PathLike):
        config, weights = read_checkpoint(source)
        if "classifier.weight" not in weights:
            raise ValueError(
                f"{source} has no classification head, and our ViT needs one; "
                "course_utils.finetune_keras.pretrained puts a new one on it"
            )
        config["num_classes"] = len(weights["classifier.weight"])
    else:
        config, weights = settings(source), weights_of(source)
    model = ViT(
        config["image_size"],
        config["patch_size"],
        config["num_channels"],
        config["num_classes"],
        dim=config["hidden_size"],
        depth=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        mlp_dim=config["intermediate_size"],
        dropout=config["hidden_dropout_prob"],
        epsilon=config["layer_norm_eps"],
    )
    load(model, weights)
    return model


def to_keras_hub(model: ViT) -> keras_hub.models.ViTImageClassifier:
    """Build KerasHub's ViT with the weights of ours."""
    config = settings(model)
    backbone = keras_hub.models.ViTBackbone(
        (config["image_size"], config["image_size"], config["num_channels"]),
        config["patch_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        mlp_dim=config["intermediate_size"],
        dropout_rate=config["hidden_dropout_prob"],
        layer_norm_epsilon=config["layer_norm_eps"],
    )
    classifier = keras_hub.models.ViTImageClassifier(backbone, config["num_classes"])
    load(classifier, weights_of(model))
    return classifier


def settings(model: keras.Model) -> dict:
    """Describe a Keras ViT as ``config.json`` does, with ``num_classes``.

    Raises
    ------
    TypeError
        If the model is neither our ViT nor KerasHub's ``ViTImageClassifier``.
    ValueError
        If its attention has dropout, other biases or another pooling than ours.
    """
    if isinstance(model, ViT):
        return _our_settings(model)
    if isinstance(model, keras_hub.models.ViTImageClassifier):
        return _keras_hub_settings(model)
    raise TypeError(
        "a course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier is needed,"
        f" not {type(model).__module__.split('.')[0]}.{type(model).__name__}"
    )


def _our_settings(model):
    block, kernel = model.blocks[0], model.embed.project.kernel
    return {
        "model_type": "vit",
        "image_size": model.embed.image_shape[0],
        "patch_size": kernel.shape[0],
        "num_channels": kernel.shape[2],
        "hidden_size": kernel.shape[3],
        "num_hidden_layers": len(model.blocks),
        "num_attention_heads": block.attention.heads,
        "intermediate_size": block.mlp.expand.units,
        "hidden_act": "gelu",
        "hidden_dropout_prob": model.dropout.rate,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": model.norm.epsilon,
        "qkv_bias": True,
        "num_classes": model.head.units,
    }


def _keras_hub_settings(model):
    backbone = model.backbone
    height, width, channels = backbone.image_shape
    odd = {
        "pooling": model.pooling != "token",
        "intermediate_dim": model.intermediate_dim is not None,
        "activation": model.activation is not None,
        "image_shape": height != width,
        "attention_dropout": backbone.attention_dropout != 0,
        "use_mha_bias": not backbone.use_mha_bias,
        "use_mlp_bias": not backbone.use_mlp_bias,
    }
    for name, is_odd in odd.items():
        if is_odd:
            value = getattr(model, name, getattr(backbone, name, None))
            raise ValueError(
                f"the classifier has {name}={value!r}, which our ViT and the format "
                "cannot express; build it without"
            )
    return {
        "model_type": "vit",
        "image_size": height,
        "patch_size": backbone.patch_size[0],
        "num_channels": channels,
        "hidden_size": backbone.hidden_dim,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_heads,
        "intermediate_size": backbone.mlp_dim,
        "hidden_act": "gelu",
        "hidden_dropout_prob": backbone.dropout_rate,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": backbone.layer_norm_epsilon,
        "qkv_bias": True,
        "num_classes": model.num_classes,
    }


# --- Weights ----------------------------------------------------------------------


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Collect the weights of a Keras ViT under the names of a checkpoint on disk.

    Parameters
    ----------
    model : course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier
    """
    weights = {}
    for names, variable in _places(model):
        value = _to_disk(keras.ops.convert_to_numpy(variable), names[0])
        pieces = np.split(value, len(names))
        weights.update(zip(names, map(np.ascontiguousarray, pieces), strict=True))
    return weights


def load(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Put weights, named as in a checkpoint on disk, into a Keras ViT.

    Raises
    ------
    ValueError
        If a weight is missing, left over, or of another shape; nothing is changed then.
    """
    places = _places(model)
    known = {name for names, _ in places for name in names}
    if missing := sorted(known - weights.keys()):
        raise ValueError(f"the checkpoint lacks {missing[0]}{_more(missing)}")
    if strange := sorted(weights.keys() - known):
        raise ValueError(
            f"the model has no place for {strange[0]}{_more(strange)}; was it saved "
            "with other layers?"
        )
    ready = []
    for names, variable in places:
        value = np.concatenate([weights[name] for name in names])
        wanted = _to_disk(np.empty(variable.shape, np.float32), names[0]).shape
        if value.shape != wanted:
            raise ValueError(
                f"{names[0]} has shape {value.shape} in the checkpoint and {wanted} in "
                "the model; are class count, image size and width the same?"
            )
        ready.append((variable, _from_disk(value, variable.shape)))
    for variable, value in ready:
        variable.assign(value)


def _more(names):
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _to_disk(value, name):
    """Turn a Keras weight into PyTorch's layout."""
    if "projection.weight" in name:
        return value.transpose(3, 2, 0, 1)  # (P, P, C, D) -> (D, C, P, P)
    if "position_embeddings" in name:
        return value.reshape(1, *value.shape[-2:])  # (T, D) -> (1, T, D)
    if "cls_token" in name:
        return value
    if "bias" in name or value.ndim == 1:
        return value.reshape(-1)  # (h, d) -> (D,)
    if "attention.output" in name:
        return value.reshape(-1, value.shape[-1]).T  # (h, d, D) or (D, D) -> (D, D)
    return value.reshape(len(value), -1).T  # (in, h, d) or (in, out) -> (out, in)


def _from_disk(value, shape):
    """Turn a weight in PyTorch's layout into Keras's; the inverse of ``_to_disk``."""
    if value.ndim == 4:
        return value.transpose(2, 3, 1, 0)  # (D, C, P, P) -> (P, P, C, D)
    if value.ndim == 2:
        value = value.T  # (out, in) -> (in, out)
    return value.reshape(shape)


def _places(model):
    """List (names in the checkpoint, Keras variable) for every weight."""
    settings(model)  # refuses other models
    if isinstance(model, ViT):
        return _our_places(model)
    return _keras_hub_places(model)


def _our_places(model):
    stem = "vit.embeddings"
    places = [
        ([f"{stem}.cls_token"], model.class_token),
        ([f"{stem}.position_embeddings"], model.positions),
        *_dense(f"{stem}.patch_embeddings.projection", model.embed.project),
    ]
    for i, block in enumerate(model.blocks):
        stem, qkv = f"vit.encoder.layer.{i}", block.attention.qkv
        names = [f"{stem}.attention.attention.{x}" for x in ("query", "key", "value")]
        places += [
            *_norm(f"{stem}.layernorm_before", block.norm_1),
            ([f"{name}.weight" for name in names], qkv.kernel),
            ([f"{name}.bias" for name in names], qkv.bias),
            *_dense(f"{stem}.attention.output.dense", block.attention.out),
            *_norm(f"{stem}.layernorm_after", block.norm_2),
            *_dense(f"{stem}.intermediate.dense", block.mlp.expand),
            *_dense(f"{stem}.output.dense", block.mlp.shrink),
        ]
    return (
        places + _norm("vit.layernorm", model.norm) + _dense("classifier", model.head)
    )


def _keras_hub_places(model):
    embed = model.backbone.get_layer("vit_patching_and_embedding")
    encoder = model.backbone.get_layer("vit_encoder")
    stem = "vit.embeddings"
    places = [
        ([f"{stem}.cls_token"], embed.class_token),
        ([f"{stem}.position_embeddings"], embed.position_embedding.embeddings),
        *_dense(f"{stem}.patch_embeddings.projection", embed.patch_embedding),
    ]
    for i, block in enumerate(encoder.encoder_layers):
        stem = f"vit.encoder.layer.{i}"
        places += _norm(f"{stem}.layernorm_before", block.layer_norm_1)
        for name in ("query", "key", "value"):
            part = getattr(block.mha, f"{name}_dense")
            places += _dense(f"{stem}.attention.attention.{name}", part)
        places += [
            *_dense(f"{stem}.attention.output.dense", block.mha.output_dense),
            *_norm(f"{stem}.layernorm_after", block.layer_norm_2),
            *_dense(f"{stem}.intermediate.dense", block.mlp.dense_1),
            *_dense(f"{stem}.output.dense", block.mlp.dense_2),
        ]
    places += _norm("vit.layernorm", encoder.layer_norm)
    return places + _dense("classifier", model.output_dense)


def _dense(name, layer):
    return [([f"{name}.weight"], layer.kernel), ([f"{name}.bias"], layer.bias)]


def _norm(name, layer):
    return [([f"{name}.weight"], layer.gamma), ([f"{name}.bias"], layer.beta)]
