"""Weights between our ViT in PyTorch, Hugging Face's, and our ViT in Keras.

They are the same numbers under other names, as notebook 07 shows.
"""

import itertools
from collections.abc import Mapping

import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from course_utils.convert.names import SETTINGS, renaming
from course_utils.convert.refusals import (
    kind_of,
    label_settings,
    our_arguments,
    refuse_unfit,
)
from course_utils.vit.torch import ViT


def from_hf(hf_model: ViTForImageClassification) -> ViT:
    """Build our ViT with the weights of a Hugging Face ViT.

    Parameters
    ----------
    hf_model : ViTForImageClassification
        Square images and patches, exact GELU, biases everywhere, as Google's are; what
        our ViT has no place for is refused.

    Returns
    -------
    ViT
        New tensors on the same device, in the same dtype and mode. Largest difference
        of logits in float32: 1e-5.
    """
    if not isinstance(hf_model, ViTForImageClassification) or not hf_model.num_labels:
        raise TypeError(
            "from_hf takes a transformers.ViTForImageClassification with a head, not "
            f"{kind_of(hf_model)}; load the checkpoint of a ViT with course_utils."
            "finetune.torch.pretrained(folder, names), which gives it a head and "
            "leaves nothing else random"
        )
    arguments = our_arguments(hf_model.config.to_dict())
    model = _build(arguments, hf_model.state_dict(), "memory")
    return model.train(hf_model.training)


def to_hf(
    model: ViT, id2label: Mapping[int, str] | None = None
) -> ViTForImageClassification:
    """Build a Hugging Face ViT with the weights of ours, good for ``save_pretrained``.

    Parameters
    ----------
    model : ViT
    id2label : mapping of int to str, optional
        A name for each logit; without it they are called ``LABEL_0`` and so on.

    Returns
    -------
    ViTForImageClassification
        New tensors on the same device, in the same dtype and mode.
    """
    arguments = _arguments_of(model)
    config = {name: arguments[ours] for ours, (name, *_) in SETTINGS.items()}
    config |= label_settings(id2label, config.pop("num_labels"))
    with torch.device("meta"):  # shapes only: the numbers come from the other model
        hf_model = ViTForImageClassification(ViTConfig(**config))
    hf_model.load_state_dict(_weights_of(model, "memory"), assign=True)
    return hf_model.train(model.training)


def torch_to_keras(model: ViT):
    """Build our Keras ViT with the weights of our PyTorch one.

    Takes nothing else. The largest difference of logits in float32 is 1e-4.
    """
    from course_utils.convert import keras as convert_keras

    arguments, weights = _arguments_of(model), _weights_of(model, "disk")
    weights = {name: value.float().cpu().numpy() for name, value in weights.items()}
    return convert_keras.build(arguments, weights)


def keras_to_torch(model) -> ViT:
    """Build our PyTorch ViT, in evaluation mode, with the weights of a Keras one.

    Takes our Keras ViT or KerasHub's ``ViTImageClassifier`` and refuses anything else.
    The largest difference of logits in float32 is 1e-4.
    """
    from course_utils.convert import keras as convert_keras

    weights = convert_keras.weights_of(model)
    weights = {name: torch.from_numpy(value) for name, value in weights.items()}
    return _build(convert_keras.arguments_of(model), weights, "disk").eval()


def _build(arguments, weights, naming):
    """Build our ViT from its arguments and from weights that have other names."""
    sizes = dict(arguments)
    epsilon = sizes.pop("epsilon")
    with torch.device("meta"):
        model = ViT(**sizes)
    for norm in _norms(model):
        norm.eps = epsilon
    names = renaming("our PyTorch", naming, len(model.blocks))
    wanted = dict.fromkeys(itertools.chain(*names.values()))
    remedy = "convert it before you add or remove layers"
    refuse_unfit("the model", dict.fromkeys(weights), wanted, remedy)
    state = {ours: torch.cat([weights[n] for n in names[ours]]) for ours in names}
    model.load_state_dict(state, assign=True)
    return model


def _weights_of(model, naming):
    """Return new tensors with our weights under other names, ``qkv`` cut in three."""
    names, weights = renaming("our PyTorch", naming, len(model.blocks)), {}
    for ours, weight in model.state_dict().items():
        pieces = [piece.clone() for piece in weight.chunk(len(names[ours]))]
        weights.update(zip(names[ours], pieces, strict=True))
    return weights


def _arguments_of(model):
    """Return the arguments with which our ViT was made, and its ``epsilon``."""
    if not isinstance(model, ViT):
        raise TypeError(
            f"a course_utils.vit.torch.ViT is needed, not {kind_of(model)}; copy your "
            "weights into one with load_state_dict"
        )
    epsilon = {norm.eps for norm in _norms(model)}
    if len(epsilon) > 1:
        raise ValueError(
            f"the layer norms have different eps, {sorted(epsilon)}, but Hugging Face's"
            " configuration has room for one; give all norms the same"
        )
    project, block = model.embed.project, model.blocks[0]
    return {
        "image_size": model.embed.image_size,
        "patch_size": project.kernel_size[0],
        "in_channels": project.in_channels,
        "num_classes": model.head.out_features,
        "dim": model.head.in_features,
        "depth": len(model.blocks),
        "heads": block.attention.heads,
        "mlp_dim": block.mlp.expand.out_features,
        "dropout": model.dropout.p,
        "epsilon": epsilon.pop(),
    }


def _norms(model):
    return [part for part in model.modules() if isinstance(part, nn.LayerNorm)]
