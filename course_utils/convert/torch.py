"""Weights between our ViT in PyTorch, Hugging Face's, and our ViT in Keras."""

from collections.abc import Mapping

import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from course_utils.convert import refusals
from course_utils.convert.names import SETTINGS, renaming
from course_utils.vit.torch import ViT


def from_hf(hf_model: ViTForImageClassification) -> ViT:
    """Build our ViT with the weights of a Hugging Face ViT; logits equal to 1e-5.

    The tensors are new, on the same device and of the same dtype. Takes square images
    and patches, exact GELU and biases everywhere, and refuses what our ViT cannot have.
    """
    if not isinstance(hf_model, ViTForImageClassification) or not hf_model.num_labels:
        raise TypeError(
            "from_hf takes a transformers.ViTForImageClassification with a head, not "
            f"{refusals.kind_of(hf_model)}; load the checkpoint of a ViT with "
            "course_utils.finetune.torch.pretrained(folder, names), which adds a head"
        )
    arguments = refusals.our_arguments(hf_model.config.to_dict())
    model = _build(arguments, hf_model.state_dict(), "memory")
    return model.train(hf_model.training)


def to_hf(
    model: ViT, id2label: Mapping[int, str] | None = None
) -> ViTForImageClassification:
    """Build a Hugging Face ViT with the weights of ours, good for ``save_pretrained``.

    ``id2label`` holds a name for each logit; without it they are called ``LABEL_0`` and
    so on. The tensors are new, on the same device and of the same dtype.
    """
    arguments = arguments_of(model)
    config = {name: arguments[ours] for ours, (name, *_) in SETTINGS.items()}
    config |= refusals.label_settings(id2label, config.pop("num_labels"))
    with torch.device("meta"):  # shapes only: the numbers come from the other model
        hf_model = ViTForImageClassification(ViTConfig(**config))
    weights = _renamed(model.state_dict(), "our PyTorch", "memory", arguments["depth"])
    hf_model.load_state_dict(weights, assign=True)
    return hf_model.train(model.training)


def torch_to_keras(model: ViT):
    """Build our Keras ViT with the weights of ours in PyTorch; logits equal to 1e-4."""
    from course_utils.convert import keras as convert_keras

    arguments = arguments_of(model)
    weights = _renamed(model.state_dict(), "our PyTorch", "disk", arguments["depth"])
    weights = {name: value.float().cpu().numpy() for name, value in weights.items()}
    return convert_keras.assign(convert_keras.ViT(**arguments), weights)


def keras_to_torch(model) -> ViT:
    """Build our PyTorch ViT, in evaluation mode, with the weights of a Keras one.

    Takes our Keras ViT or KerasHub's ``ViTImageClassifier``; logits equal to 1e-4.
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
    for part in model.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = epsilon
    weights = _renamed(weights, naming, "our PyTorch", sizes["depth"])
    model.load_state_dict(weights, assign=True)
    return model


def _renamed(weights, old, new, depth):
    """Copy weights under other names, which may cut ``qkv`` in three or join it.

    Refuses those of a model to which layers were added, or which lost some.
    """
    names, pieces = renaming(old, new, depth), {}
    found, wanted = dict.fromkeys(weights), dict.fromkeys(names)
    remedy = "convert it before you add or remove layers"
    refusals.refuse_unfit("the model", found, wanted, remedy)
    for name, others in names.items():
        for other, piece in zip(others, weights[name].chunk(len(others)), strict=True):
            pieces.setdefault(other, []).append(piece)
    return {name: torch.cat(parts) for name, parts in pieces.items()}


def arguments_of(model):
    """Return the arguments with which our ViT was made, and its ``epsilon``.

    TypeError for another model, ValueError if its layer norms have different ``eps``.
    """
    if not isinstance(model, ViT):
        raise TypeError(
            f"a course_utils.vit.torch.ViT is needed, not {refusals.kind_of(model)}; "
            "copy your weights into one with load_state_dict"
        )
    epsilon = {part.eps for part in model.modules() if isinstance(part, nn.LayerNorm)}
    if len(epsilon) > 1:
        raise ValueError(
            f"the layer norms have different eps, {sorted(epsilon)}, but a checkpoint "
            "holds one; give all norms the same"
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
