"""Weights between our Keras ViT, KerasHub's, and a checkpoint of Hugging Face on disk.

Needs neither torch nor transformers: a checkpoint is a folder with ``config.json`` and
``model.safetensors``, as ``save_pretrained`` writes it. All conversions meet in one
form, the settings of ``config.json`` and a dict from the names in
``model.safetensors`` to NumPy arrays.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import keras
import keras_hub
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from course_utils.convert.names import (
    BESIDE,
    more,
    on_disk,
    refuse_family,
    refuse_unfit,
)
from course_utils.vit.keras import ViT

# --- A checkpoint on disk ---------------------------------------------------------

# What transformers takes for a value that config.json leaves out.
_DEFAULTS = {
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "image_size": 224,
    "patch_size": 16,
    "num_channels": 3,
    "qkv_bias": True,
    "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
}
# What our ViT, and KerasHub's as the course uses it, cannot have otherwise.
_FIXED = {"hidden_act": "gelu", "qkv_bias": True, "attention_probs_dropout_prob": 0.0}


def read_checkpoint(folder: str | Path) -> tuple[dict, dict[str, np.ndarray]]:
    """Read the settings and weights of a Hugging Face ViT.

    Parameters
    ----------
    folder : str or Path
        With ``config.json`` and ``model.safetensors``.

    Returns
    -------
    config : dict
        As ``read_config`` returns it.
    weights : dict of str to array, float32
        Under the names of ``ViTForImageClassification``: a backbone saved alone
        (``ViTModel``) gets the prefix ``vit.``. A pooler, and what MAE or SimMIM have
        beside the encoder, is left out.

    Raises
    ------
    ValueError
        If the folder holds no ViT, or one of another design than ours.
    """
    folder, config = Path(folder), read_config(folder)
    path = folder / "model.safetensors"
    try:
        with safe_open(path, "np") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise ValueError(
            f"{path} cannot be read ({_brief(error)}); load the model with transformers"
            " and save it in one file: save_pretrained(folder, max_shard_size='50GB')"
        ) from None
    return config, {
        _full_name(name): weight.astype(np.float32, copy=False)
        for name, weight in weights.items()
        if name.startswith("classifier.") or not BESIDE.match(name)
    }


def _full_name(name):
    """Return the name that a weight has on disk in a model with a head."""
    if name.startswith("classifier."):
        return name
    return on_disk(f"vit.{name.removeprefix('vit.')}")


def read_config(folder: str | Path) -> dict:
    """Read ``config.json`` of a ViT, with transformers' values for what it leaves out.

    Returns
    -------
    dict
        ``image_size`` and ``patch_size`` as single numbers.

    Raises
    ------
    ValueError
        If the folder holds no ViT, or one of another design than ours.
    """
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        kind = config.get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(
            f"{path} cannot be read ({_brief(error)}); give the folder of a checkpoint "
            "in Hugging Face's format, with config.json and model.safetensors"
        ) from None
    refuse_family(folder, kind)
    config = {**_DEFAULTS, "model_type": "vit", **config}
    config["id2label"] = _class_names(config)
    for key, value in _FIXED.items():
        if config[key] != value:
            raise ValueError(
                f"{folder} has {key}={config[key]!r}, and our ViT {value!r}; it cannot "
                "be converted with equal results"
            )
    for key in ("image_size", "patch_size"):
        config[key] = _side(folder, key, config[key])
    for key, unit in [
        ("image_size", "patch_size"),
        ("hidden_size", "num_attention_heads"),
    ]:
        if config[key] % config[unit]:
            raise ValueError(
                f"{folder} has {key} {config[key]}, no multiple of its {unit} "
                f"{config[unit]}; choose another checkpoint"
            )
    return config


def _class_names(config):
    """Return ``id2label``, or numbered names if it has not ``num_labels`` entries."""
    names = config["id2label"] or _DEFAULTS["id2label"]
    classes = config.get("num_labels")
    if classes is None or classes == len(names):
        return names
    return {str(i): f"LABEL_{i}" for i in range(classes)}


def _side(folder, key, value):
    """Return the side of the square images or patches, in pixels."""
    sides = set(value) if isinstance(value, list | tuple) else {value}
    if len(sides) != 1 or not all(isinstance(s, int) and s > 0 for s in sides):
        raise ValueError(
            f"{folder} has {key}={value}, but our ViT takes squares only; choose "
            "another checkpoint"
        )
    return sides.pop()


def _brief(error):
    return (str(error).splitlines() or [""])[0][:90] or type(error).__name__


def write_checkpoint(
    folder: str | Path,
    model: keras.Model,
    id2label: Mapping[int, str] | None = None,
    processor: str | Path | None = None,
) -> None:
    """Write a Keras ViT as a checkpoint that transformers and KerasHub load.

    Parameters
    ----------
    folder : str or Path
        Appears when it is complete; must not exist.
    model : course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier
    id2label : mapping of int to str, optional
        A name for each logit; without it they are called ``LABEL_0`` and so on.
    processor : str or Path, optional
        The folder whose ``preprocessor_config.json`` goes along, with the size of the
        model's images.

    Raises
    ------
    FileExistsError
        If the folder exists.
    ValueError
        If ``id2label`` does not name each logit, or if the model is not a plain ViT:
        another activation, attention or pooling, added weights.
    TypeError
        If the model is of neither class.
    """
    folder = Path(folder)
    if folder.exists():
        raise FileExistsError(f"{folder} exists already; choose another folder")
    config, weights = settings(model), weights_of(model)
    _refuse_other_logits(model, config, weights)
    classes = config.pop("num_classes")
    if id2label is None:
        id2label = {i: f"LABEL_{i}" for i in range(classes)}
    if sorted(id2label) != list(range(classes)):
        raise ValueError(
            f"id2label must have the keys 0 to {classes - 1}, one for each logit, but "
            f"has {', '.join(map(repr, list(id2label)[:5]))}"
            + (", ..." if len(id2label) > 5 else "")
        )
    config |= {
        "architectures": ["ViTForImageClassification"],
        "id2label": {str(i): id2label[i] for i in range(classes)},
        # As in transformers, a name of two classes leads to the later one.
        "label2id": {id2label[i]: i for i in range(classes)},
    }
    files = {"config.json": config}
    if processor is not None:
        path = Path(processor) / "preprocessor_config.json"
        side = config["image_size"]
        files[path.name] = {
            **json.loads(path.read_text(encoding="utf-8")),
            "size": {"height": side, "width": side},
        }
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as part:
        whole = Path(part) / folder.name
        whole.mkdir()
        for name, content in files.items():
            text = json.dumps(content, indent=2) + "\n"
            (whole / name).write_text(text, encoding="utf-8")
        save_file(weights, whole / "model.safetensors", metadata={"format": "pt"})
        os.replace(whole, folder)


def _refuse_other_logits(model, config, weights):
    """Refuse a model whose code does something else with its weights than a ViT."""
    twin = build(config, weights)
    side, channels = config["image_size"], config["num_channels"]
    random = np.random.default_rng(0)
    images = random.uniform(-1, 1, (2, side, side, channels)).astype(np.float32)
    wanted, got = (
        keras.ops.convert_to_numpy(net(images, training=False)).astype(np.float32)
        for net in (twin, model)
    )
    scale = np.abs(wanted).max() or 1.0  # a head of zeros gives logits of zero
    difference = np.abs(got - wanted).max() / scale
    half = {getattr(net, "backbone", net).compute_dtype for net in (twin, model)} != {
        "float32"
    }
    if not difference < (0.1 if half else 1e-3):
        raise ValueError(
            f"the model's logits differ by {difference:.1%} from those of a plain ViT "
            "with its weights, so what was changed in it (activation, attention, ...) "
            "would be lost; save it with model.save instead"
        )


# --- Models -----------------------------------------------------------------------


def build(
    config: Mapping, weights: Mapping[str, np.ndarray], source="the checkpoint"
) -> ViT:
    """Build our Keras ViT from settings with ``num_classes``, and weights."""
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
    load(model, weights, source)
    return model


def to_keras(source: str | Path | keras_hub.models.ViTImageClassifier) -> ViT:
    """Build our Keras ViT with the weights of another one.

    Parameters
    ----------
    source : folder of a checkpoint with a head, or a ViTImageClassifier of KerasHub

    Returns
    -------
    ViT
        Largest difference of logits in float32: 1e-4.

    Raises
    ------
    ValueError
        If the folder holds no ViT, one without a head, or one of another design.
    TypeError
        If the source is neither a folder nor a ViT in Keras.
    """
    return build(*_described(source), source)


def to_keras_hub(
    source: str | Path | ViT, dtype: str | None = None
) -> keras_hub.models.ViTImageClassifier:
    """Build KerasHub's ViT with the weights of another one.

    KerasHub's own ``from_preset`` leaves the epsilon of the layer norms at 1e-6,
    whatever the checkpoint says; this sets it.

    Parameters
    ----------
    source : folder of a checkpoint with a head, or our ViT in Keras
    dtype : str, optional
        In what the model computes; without it Keras's policy decides.

    Returns
    -------
    keras_hub.models.ViTImageClassifier
        Without a preprocessor. Largest difference of logits in float32: 1e-4.

    Raises
    ------
    ValueError
        If the folder holds no ViT, one without a head, or one of another design.
    TypeError
        If the source is neither a folder nor a ViT in Keras.
    """
    config, weights = _described(source)
    backbone = keras_hub_backbone(config, dtype)
    classifier = keras_hub.models.ViTImageClassifier(backbone, config["num_classes"])
    load(classifier, weights, source)
    return classifier


def keras_hub_backbone(
    config: Mapping, dtype: str | None = None
) -> keras_hub.models.ViTBackbone:
    """Build KerasHub's ViT without a head, with random weights."""
    side = config["image_size"]
    return keras_hub.models.ViTBackbone(
        (side, side, config["num_channels"]),
        config["patch_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        hidden_dim=config["hidden_size"],
        mlp_dim=config["intermediate_size"],
        dropout_rate=config["hidden_dropout_prob"],
        layer_norm_epsilon=config["layer_norm_eps"],
        dtype=dtype,  # None: Keras's policy
    )


def _described(source):
    """Return settings with ``num_classes``, and weights, of a folder or a model."""
    if not isinstance(source, str | os.PathLike):
        return settings(source), weights_of(source)
    config, weights = read_checkpoint(source)
    if "classifier.weight" not in weights:
        raise ValueError(
            f"{source} has no classification head, and this model needs one; "
            "course_utils.finetune.keras.pretrained puts a new one on it"
        )
    return {**config, "num_classes": len(config["id2label"])}, weights


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
        given = model.arguments
        return {
            "model_type": "vit",
            "image_size": given["image_size"],
            "patch_size": given["patch_size"],
            "num_channels": given["in_channels"],
            "hidden_size": given["dim"],
            "num_hidden_layers": len(model.blocks),
            "num_attention_heads": given["heads"],
            "intermediate_size": given["mlp_dim"],
            "hidden_dropout_prob": given["dropout"],
            "layer_norm_eps": given["epsilon"],
            **_FIXED,
            "num_classes": given["num_classes"],
        }
    backbone = getattr(model, "backbone", None)
    if not isinstance(backbone, keras_hub.models.ViTBackbone):
        raise TypeError(
            "a folder, a course_utils.vit.keras.ViT or a "
            "keras_hub.models.ViTImageClassifier with a ViTBackbone is needed, not "
            f"{type(model).__module__.split('.')[0]}.{type(model).__name__}"
        )
    _refuse_other_options(model, backbone)
    return {
        "model_type": "vit",
        "image_size": backbone.image_shape[0],
        "patch_size": backbone.patch_size[0],
        "num_channels": backbone.image_shape[2],
        "hidden_size": backbone.hidden_dim,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_heads,
        "intermediate_size": backbone.mlp_dim,
        "hidden_dropout_prob": backbone.dropout_rate,
        "layer_norm_eps": backbone.layer_norm_epsilon,
        **_FIXED,
        "num_classes": model.num_classes,
    }


def _refuse_other_options(model, backbone):
    found = {
        **backbone.get_config(),
        "pooling": model.pooling,
        "intermediate_dim": model.intermediate_dim,
        "activation": model.activation,
    }
    wanted = {
        "pooling": "token",
        "intermediate_dim": None,
        "activation": None,
        "attention_dropout": 0,
        "use_mha_bias": True,
        "use_mlp_bias": True,
        "use_class_token": True,
        "use_patch_bias": True,
    }
    for name, value in wanted.items():
        if found.get(name, value) != value:
            raise ValueError(
                f"the classifier has {name}={found[name]!r}, which our ViT and the "
                f"format cannot express; build it with {name}={value!r}"
            )
    for name in ("image_shape", "patch_size"):
        if found[name][0] != found[name][1]:
            raise ValueError(
                f"the classifier has {name}={found[name]}, but our ViT takes squares "
                "only; it cannot be converted"
            )


# --- Weights ----------------------------------------------------------------------


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    """Collect the weights of a Keras ViT under the names of a checkpoint on disk.

    Parameters
    ----------
    model : course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier
        Or a ``ViTBackbone``, which has no ``classifier`` among its weights.

    Returns
    -------
    dict of str to array, float32

    Raises
    ------
    TypeError
        If the model is none of these.
    ValueError
        If layers with weights were added to it.
    """
    places = _places(model)
    known = {id(variable) for _, variable in places}
    added = [other.path for other in model.weights if id(other) not in known]
    if added:
        raise ValueError(
            f"the model has weights that a plain ViT has no place for: {added[0]}"
            f"{more(added)}; convert it before you add layers"
        )
    weights = {}
    for names, variable in places:
        value = keras.ops.convert_to_numpy(variable).astype(np.float32)
        pieces = np.split(_to_disk(value, names[0]), len(names))
        weights.update(zip(names, map(np.ascontiguousarray, pieces), strict=True))
    return weights


def load(
    model: keras.Model, weights: Mapping[str, np.ndarray], source="the checkpoint"
) -> None:
    """Put weights, named as in a checkpoint on disk, into a Keras ViT.

    Parameters
    ----------
    model : course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier
        Or a ``ViTBackbone``, for weights without ``classifier``.
    weights : mapping of str to array
    source : str or Path
        What an error message calls them.

    Raises
    ------
    ValueError
        If a weight is missing, left over, or of another shape; nothing is changed then.
    """
    places = _places(model)
    wanted = {}
    for names, variable in places:
        empty = _to_disk(np.empty(variable.shape, np.float32), names[0])
        part = empty[: len(empty) // len(names)]  # of queries, keys and values
        wanted |= dict.fromkeys(names, part.shape)
    refuse_unfit(source, {name: w.shape for name, w in weights.items()}, wanted)
    for names, variable in places:
        value = np.concatenate([weights[name] for name in names])
        variable.assign(_from_disk(value, variable.shape))


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
    if isinstance(model, keras_hub.models.ViTBackbone):
        return _keras_hub_places(model)
    settings(model)  # refuses other models
    if isinstance(model, ViT):
        return _our_places(model)
    head = _dense("classifier", model.output_dense)
    return _keras_hub_places(model.backbone) + head


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


def _keras_hub_places(backbone):
    embed = backbone.get_layer("vit_patching_and_embedding")
    encoder = backbone.get_layer("vit_encoder")
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
    return places + _norm("vit.layernorm", encoder.layer_norm)


def _dense(name, layer):
    return [([f"{name}.weight"], layer.kernel), ([f"{name}.bias"], layer.bias)]


def _norm(name, layer):
    return [([f"{name}.weight"], layer.gamma), ([f"{name}.bias"], layer.beta)]
