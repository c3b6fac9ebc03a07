"""A tiny ViT of KerasHub for the checks of freezing: which parts of it learn."""

import functools
import re


@functools.cache  # to build one takes a second
def _built(depth: int) -> tuple:
    import keras_hub

    backbone = keras_hub.models.ViTBackbone((4, 4, 3), 2, depth, 1, 2, 2)
    classifier = keras_hub.models.ViTImageClassifier(backbone, num_classes=2)
    return classifier, _layers(classifier)


def _layers(classifier) -> list:
    return list(classifier._flatten_layers())


def small_classifier(depth: int, frozen_before: str):
    """Return a classifier in which everything learns, but for the parts that are named.

    The same one serves every call, since building takes long; so all flags are set
    anew, and a classifier that an answer has rebuilt is given up.
    """
    classifier, layers = _built(depth)
    if _layers(classifier) != layers:
        _built.cache_clear()
        return small_classifier(depth, frozen_before)
    for layer in layers:
        layer.trainable = True
    for weight in classifier.weights:
        weight.trainable = True
    backbone, encoder = classifier.backbone, layers_of_encoder(classifier)
    parts = {
        "everything": classifier,
        "backbone": backbone,
        "embeddings": backbone.get_layer("vit_patching_and_embedding"),
        **{f"block {i + 1}": block for i, block in enumerate(encoder.encoder_layers)},
        "norm": encoder.layer_norm,
        "head": classifier.output_dense,
    }
    for name in filter(None, frozen_before.split(", ")):
        parts[name].trainable = False
    return classifier


def layers_of_encoder(classifier):
    """Return the layer that holds all blocks and the last norm."""
    return classifier.backbone.get_layer("vit_encoder")


def what_learns(classifier) -> dict[str, str]:
    """Return for each part whether it learns, is frozen, or learns in part."""
    learning = {weight.path for weight in classifier.trainable_variables}
    found: dict[str, set] = {}
    for weight in classifier.weights:
        # KerasHub 0.26 spells it tranformer_block.
        block = re.search(r"_block_(\d+)", weight.path)
        part = f"block {block[1]}" if block else weight.path.split("/")[-2]
        part = {"predictions": "head", "ln": "norm"}.get(part, part)
        if "embedding" in weight.path:
            part = "embeddings"
        found.setdefault(part, set()).add(weight.path in learning)
    words = {(True,): "learns", (False,): "frozen", (False, True): "in part"}
    return {part: words[tuple(sorted(states))] for part, states in found.items()}
