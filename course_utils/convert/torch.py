"""Weights between our ViT and Hugging Face's: the same numbers under other names.

``torch_to_keras`` and ``keras_to_torch`` lead to our Keras ViT and back; what needs no
torch is in ``convert_keras``. ``parity`` compares all of them. Derived in notebook 07.
Names are those of a model in memory (transformers 5.9 and newer); files on disk keep
older ones, so load them with ``from_pretrained`` first.
"""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from transformers import ViTConfig, ViTForImageClassification

from course_utils.convert.names import more, on_disk
from course_utils.vit.torch import ViT


def hf_names(name: str) -> list[str]:
    """Return what Hugging Face calls one of our weights; three names for ``qkv``.

    Raises
    ------
    KeyError
        If our ViT has no weight of this name.
    """
    part, _, kind = name.rpartition(".")  # kind: "weight" or "bias"
    outside = {
        "class_token": "vit.embeddings.cls_token",
        "positions": "vit.embeddings.position_embeddings",
        "embed.project": "vit.embeddings.patch_embeddings.projection",
        "norm": "vit.layernorm",
        "head": "classifier",
    }
    inside = {
        "norm_1": ["layernorm_before"],
        "attention.qkv": [f"attention.{letter}_proj" for letter in "qkv"],
        "attention.out": ["attention.o_proj"],
        "norm_2": ["layernorm_after"],
        "mlp.expand": ["mlp.fc1"],
        "mlp.shrink": ["mlp.fc2"],
    }
    if name in outside:  # a parameter of the model itself
        return [outside[name]]
    if not part.startswith("blocks."):
        return [f"{outside[part]}.{kind}"]
    _, number, part = part.split(".", 2)
    return [f"vit.layers.{number}.{theirs}.{kind}" for theirs in inside[part]]


def our_weights(theirs: Mapping[str, Tensor], names: Iterable[str]) -> dict:
    """Collect our weights of these ``names`` from Hugging Face's state dict."""
    return {
        name: torch.cat([theirs[other] for other in hf_names(name)]) for name in names
    }


def hf_weights(ours: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename our state dict to Hugging Face's, ``qkv`` cut in three."""
    theirs = {}
    for name, weight in ours.items():
        names = hf_names(name)
        pieces = [piece.clone() for piece in weight.chunk(len(names))]
        theirs.update(zip(names, pieces, strict=True))
    return theirs


def from_hf(hf_model: ViTForImageClassification) -> ViT:
    """Build our ViT with the weights of a Hugging Face ViT.

    Parameters
    ----------
    hf_model : ViTForImageClassification
        Square images and patches, exact GELU, biases everywhere: as the ViT paper has
        it and as Google's checkpoints are.

    Returns
    -------
    ViT
        New tensors on the same device and in the same dtype, in the same mode (training
        or evaluation). Largest difference of logits in float32: 1e-5.

    Raises
    ------
    TypeError
        If ``hf_model`` is another class, ``ViTModel`` without a head included.
    ValueError
        If it has something that our ViT has not; the message says what.
    """
    if not isinstance(hf_model, ViTForImageClassification):
        raise TypeError(
            "from_hf takes a transformers.ViTForImageClassification, not "
            f"{_kind(hf_model)}; load the checkpoint of a ViT with "
            "course_utils.finetune.torch.pretrained(folder, names), which gives it a "
            "head and leaves nothing else random"
        )
    config, state = hf_model.config, hf_model.state_dict()
    _refuse_other_designs(config)
    with torch.device("meta"):  # shapes only: the numbers come from the other model
        model = ViT(
            _side(config, "image_size"),
            _side(config, "patch_size"),
            config.num_channels,
            config.num_labels,
            dim=config.hidden_size,
            depth=config.num_hidden_layers,
            heads=config.num_attention_heads,
            mlp_dim=config.intermediate_size,
            dropout=config.hidden_dropout_prob,
        )
    for norm in _norms(model):
        norm.eps = config.layer_norm_eps
    names = model.state_dict().keys()
    _refuse_other_weights(state, {other for name in names for other in hf_names(name)})
    model.load_state_dict(our_weights(state, names), assign=True)
    return model.train(hf_model.training)


def to_hf(
    model: ViT, id2label: Mapping[int, str] | None = None
) -> ViTForImageClassification:
    """Build a Hugging Face ViT with the weights of ours.

    Parameters
    ----------
    model : ViT
    id2label : mapping of int to str, optional
        A name for each logit; without it they are called ``LABEL_0`` and so on.

    Returns
    -------
    ViTForImageClassification
        New tensors on the same device and in the same dtype, in the same mode; good for
        ``save_pretrained``.

    Raises
    ------
    TypeError
        If ``model`` is not the course's ViT.
    ValueError
        If ``id2label`` does not name each logit, or if the layer norms differ in
        ``eps``, for which Hugging Face's configuration has one place.
    """
    if not isinstance(model, ViT):
        raise TypeError(
            f"to_hf takes a course_utils.vit.torch.ViT, not {_kind(model)}; copy your "
            "weights into one with load_state_dict"
        )
    eps = {norm.eps for norm in _norms(model)}
    if len(eps) > 1:
        raise ValueError(
            f"the layer norms have different eps, {sorted(eps)}, and Hugging Face's "
            "configuration holds one; give all the same"
        )
    block, classes = model.blocks[0], model.head.out_features
    config = ViTConfig(
        image_size=model.embed.image_size,
        patch_size=model.embed.project.kernel_size[0],
        num_channels=model.embed.project.in_channels,
        hidden_size=model.head.in_features,
        num_hidden_layers=len(model.blocks),
        num_attention_heads=block.attention.heads,
        intermediate_size=block.mlp.expand.out_features,
        hidden_dropout_prob=model.dropout.p,
        layer_norm_eps=eps.pop(),
        **_labels(id2label, classes),
    )
    with torch.device("meta"):
        hf_model = ViTForImageClassification(config)
    hf_model.load_state_dict(hf_weights(model.state_dict()), assign=True)
    return hf_model.train(model.training)


def torch_to_keras(model: ViT):
    """Build our Keras ViT with the weights of our PyTorch one.

    Returns
    -------
    course_utils.vit.keras.ViT
        Largest difference of logits in float32: 1e-4.

    Raises
    ------
    TypeError
        If ``model`` is not the course's ViT in PyTorch.
    ValueError
        If the layer norms differ in ``eps``.
    """
    from course_utils.convert import keras as convert_keras

    hf_model = to_hf(model)
    config = {**hf_model.config.to_dict(), "num_classes": hf_model.config.num_labels}
    weights = {
        on_disk(name): weight.float().cpu().numpy()
        for name, weight in hf_model.state_dict().items()
    }
    return convert_keras.build(config, weights)


def keras_to_torch(model) -> ViT:
    """Build our PyTorch ViT with the weights of a Keras one.

    Parameters
    ----------
    model : course_utils.vit.keras.ViT or keras_hub.models.ViTImageClassifier

    Returns
    -------
    ViT
        In evaluation mode. Largest difference of logits in float32: 1e-4.

    Raises
    ------
    TypeError
        If ``model`` is of neither class.
    ValueError
        If it has something that our ViT has not; the message says what.
    """
    from course_utils.convert import keras as convert_keras

    config, weights = convert_keras.settings(model), convert_keras.weights_of(model)
    config["num_labels"] = config.pop("num_classes")
    with torch.device("meta"):
        hf_model = ViTForImageClassification(ViTConfig(**config)).eval()
    names = hf_model.state_dict().keys()
    theirs = {name: torch.from_numpy(weights[on_disk(name)]) for name in names}
    hf_model.load_state_dict(theirs, assign=True)
    return from_hf(hf_model)


def parity(folder: str | Path) -> dict[tuple[str, str], float]:
    """Convert a checkpoint in every direction, and compare the logits.

    Parameters
    ----------
    folder : str or Path
        A checkpoint in Hugging Face's format, with a head.

    Returns
    -------
    dict from (converted from, converted to) to float
        The largest difference of logits, in float32, for two images of noise.
    """
    from course_utils.convert import keras as convert_keras
    from course_utils.convert.keras import to_keras, to_keras_hub

    def hugging_face(folder):
        return ViTForImageClassification.from_pretrained(
            folder, dtype=torch.float32
        ).eval()

    def written(model):
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            convert_keras.write_checkpoint(Path(place, "model"), model)
            return hugging_face(Path(place, "model"))

    theirs = hugging_face(folder)
    config = theirs.config
    side = _side(config, "image_size")
    shape = (2, side, side, config.num_channels)
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)

    def logits(model):
        if not isinstance(model, nn.Module):
            return np.asarray(model(images, training=False))
        with torch.no_grad():
            found = model(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()))
        return getattr(found, "logits", found).numpy()

    hf, ours, keras, hub = "Hugging Face", "ours, PyTorch", "ours, Keras", "KerasHub"
    models = {
        hf: theirs,
        ours: from_hf(theirs),
        keras: to_keras(folder),
        hub: to_keras_hub(folder, dtype="float32"),
    }
    twin = torch_to_keras(models[ours])
    conversions = {
        (hf, ours): lambda _: models[ours],
        (hf, keras): lambda _: models[keras],
        (hf, hub): lambda _: models[hub],
        (ours, hf): to_hf,
        (ours, keras): lambda _: twin,
        (ours, hub): lambda _: to_keras_hub(twin, dtype="float32"),
        (keras, hf): written,
        (keras, ours): keras_to_torch,
        (keras, hub): lambda model: to_keras_hub(model, dtype="float32"),
        (hub, hf): written,
        (hub, ours): keras_to_torch,
        (hub, keras): to_keras,
    }
    wanted = {name: logits(model) for name, model in models.items()}
    return {
        (source, target): float(
            np.abs(logits(convert(models[source])) - wanted[source]).max()
        )
        for (source, target), convert in conversions.items()
    }


def _labels(id2label, classes):
    """Return the part of the configuration that names the logits."""
    if id2label is None:
        return {"num_labels": classes}
    if set(id2label) != set(range(classes)):
        raise ValueError(
            f"id2label must have the keys 0 to {classes - 1}, one for each logit, but "
            f"has {len(id2label)} entries: {', '.join(map(repr, list(id2label)[:5]))}"
            + (", ..." if len(id2label) > 5 else "")
        )
    id2label = {number: id2label[number] for number in range(classes)}
    label2id = {label: number for number, label in id2label.items()}
    return {"id2label": id2label, "label2id": label2id}


def _refuse_other_designs(config):
    wanted = {
        "hidden_act": ("gelu", "our MLP has the exact GELU"),
        "qkv_bias": (True, "our queries, keys and values have a bias"),
        "attention_probs_dropout_prob": (0.0, "our attention weights have no dropout"),
    }
    for key, (value, why) in wanted.items():
        found = getattr(config, key)
        if found != value:
            raise ValueError(
                f"the model has {key}={found!r}, but {why} ({key}={value!r}); "
                "it cannot be converted with equal results"
            )
    if config.num_labels == 0:
        raise ValueError(
            "the model has no classification head (num_labels=0), and ours needs one; "
            "load it with course_utils.finetune.torch.pretrained(folder, names)"
        )


def _refuse_other_weights(state, known):
    if strange := sorted(state.keys() - known):
        raise ValueError(
            f"the model has weights that our ViT has no place for: {strange[0]}"
            f"{more(strange)}; convert it before you add layers"
        )
    if missing := sorted(known - state.keys()):
        raise ValueError(
            f"the model lacks {missing[0]}; are its modules those of transformers 5.9 "
            "or newer, and unchanged?"
        )


def _side(config, key):
    """Return the side of the square images or patches, in pixels."""
    value = getattr(config, key)
    sides = {value} if isinstance(value, int) else set(value)
    if len(sides) != 1:
        raise ValueError(
            f"the model has {key}={tuple(value)}, but our ViT takes squares only; "
            "it cannot be converted"
        )
    return sides.pop()


def _norms(model):
    return [part for part in model.modules() if isinstance(part, nn.LayerNorm)]


def _kind(value):
    return f"{type(value).__module__.split('.')[0]}.{type(value).__name__}"
