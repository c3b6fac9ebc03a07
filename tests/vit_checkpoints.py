"""Checkpoints of small Vision Transformers, and of other families, for the tests."""

import json
import re

import torch
import transformers as T
from safetensors.torch import load_file, save_file
from transformers import ViTConfig, ViTForImageClassification, ViTImageProcessorPil

from course_utils.finetune.torch import quiet

# --- Vision Transformers ----------------------------------------------------------

SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "image_size": 16,
    "patch_size": 8,
}
BASE = {"num_hidden_layers": 2, "num_labels": 1000}  # the rest: ViTConfig's defaults
SMALL = {
    "image_size": 12,
    "patch_size": 4,
    "num_channels": 1,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 40,
    "num_labels": 5,
}


def vit(**more):
    """Return a small ViT with transformers' random weights."""
    torch.manual_seed(3)
    return ViTForImageClassification(ViTConfig(**(SIZES | more)))


def hugging_face_vit(**sizes):
    """Return a ViT whose parameters are all at random places, biases and norms too."""
    torch.manual_seed(0)
    model = ViTForImageClassification(ViTConfig(**sizes)).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread = 0.3 if parameter.ndim < 2 or "embeddings" in name else 0.02
            parameter.add_(spread * torch.randn_like(parameter))
    return model


def write_checkpoint(folder, classes=5, dtype=torch.float32):
    """Store a random ViT of two blocks for pictures of 16 pixels, with dropout."""
    model = vit(hidden_dropout_prob=0.1, initializer_range=0.1, num_labels=classes)
    with quiet():
        model.to(dtype).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


def largest_difference(first, second):
    """Return how far two models of one kind are apart, over all their weights."""
    first, second = first.state_dict(), second.state_dict()
    assert first.keys() == second.keys()
    return max((first[k] - second[k]).abs().max().item() for k in first)


# --- Other families, and encoders that were trained without labels ----------------

TEXT = SIZES | {"num_hidden_layers": 1, "vocab_size": 9}
DINO = {name: size for name, size in SIZES.items() if name != "intermediate_size"}

FAMILIES = {
    "deit": lambda: T.DeiTForImageClassification(T.DeiTConfig(**SIZES)),
    "deit, distilled": lambda: T.DeiTForImageClassificationWithTeacher(
        T.DeiTConfig(**SIZES)
    ),
    "beit": lambda: T.BeitForImageClassification(T.BeitConfig(**SIZES)),
    "clip": lambda: T.CLIPModel(T.CLIPConfig(text_config=TEXT, vision_config=SIZES)),
    "siglip": lambda: T.SiglipModel(
        T.SiglipConfig(text_config=TEXT, vision_config=SIZES)
    ),
    "dinov2": lambda: T.Dinov2Model(T.Dinov2Config(**DINO)),
    "resnet": lambda: T.ResNetForImageClassification(
        T.ResNetConfig(embedding_size=8, hidden_sizes=[8] * 2, depths=[1] * 2)
    ),
    "swin": lambda: T.SwinForImageClassification(
        T.SwinConfig(
            image_size=16,
            patch_size=4,
            embed_dim=8,
            depths=[1, 1],
            num_heads=[1, 2],
            window_size=2,
        )
    ),
    "clip_vision_model": lambda: T.CLIPVisionModel(T.CLIPVisionConfig(**SIZES)),
    "siglip_vision_model": lambda: T.SiglipVisionModel(T.SiglipVisionConfig(**SIZES)),
    "dinov3_vit": lambda: T.DINOv3ViTModel(T.DINOv3ViTConfig(**SIZES)),
}
ENCODERS = {
    "mae": lambda: T.ViTMAEForPreTraining(
        T.ViTMAEConfig(
            **SIZES,
            decoder_hidden_size=8,
            decoder_num_attention_heads=2,
            decoder_num_hidden_layers=1,
            decoder_intermediate_size=8,
        )
    ),
    "mae, encoder alone": lambda: T.ViTMAEModel(T.ViTMAEConfig(**SIZES)),
    "msn": lambda: T.ViTMSNModel(T.ViTMSNConfig(**SIZES)),
    "msn, with head": lambda: T.ViTMSNForImageClassification(T.ViTMSNConfig(**SIZES)),
    "simmim": lambda: T.ViTForMaskedImageModeling(ViTConfig(**SIZES, encoder_stride=8)),
}


# --- Spoiled files ----------------------------------------------------------------


def store(model, folder, rename=None, **settings):
    """Save a model; change the names in its file or the settings beside it."""
    with quiet():
        model.save_pretrained(folder)
    file, config = folder / "model.safetensors", folder / "config.json"
    if rename:
        weights = {rename(name): weight for name, weight in load_file(file).items()}
        weights.pop(None, None)
        save_file(weights, file, {"format": "pt"})
    entries = json.loads(config.read_text()) | settings
    config.write_text(json.dumps({k: v for k, v in entries.items() if v is not None}))
    return str(folder)


def without(part):
    """Return a ``rename`` for ``store`` that drops weights with ``part`` in a name."""
    return lambda name: None if part in name else name


def timm_name(name):
    """Return the name that timm gives a weight."""
    block = re.search(r"layer\.(\d+)\.(.*)", name)
    if block and "query" in name:
        return f"blocks.{block[1]}.attn.qkv.{name.rpartition('.')[2]}"
    return f"blocks.{block[1]}.{block[2]}" if block else name.rpartition("vit.")[2]
