"""A tiny ViT of KerasHub for the checks of freezing: which parts of it learn."""

import functools


@functools.cache  # to build one takes a second
def _built() -> tuple:
    import keras_hub

    backbone = keras_hub.models.ViTBackbone((4, 4, 3), 2, 3, 1, 2, 2)
    classifier = keras_hub.models.ViTImageClassifier(backbone, num_classes=2)
    return classifier, list(classifier._flatten_layers())


def small_classifier(frozen_before: str):
    """Return a classifier of three blocks in which all but the named parts learn.

    Every call gets the same classifier with all flags set anew, since building takes
    long; only if an answer has added or removed layers is another one built.
    """
    classifier, layers = _built()
    if list(classifier._flatten_layers()) != layers:
        _built.cache_clear()
        return small_classifier(frozen_before)
    for part in [*layers, *classifier.weights]:
        part.trainable = True
    parts = {"everything": classifier, "backbone": classifier.backbone}
    for name in filter(None, frozen_before.split(", ")):
        (parts | _parts(classifier))[name].trainable = False
    return classifier


def layers_of_encoder(classifier):
    """Return the layer that holds all blocks and the last norm."""
    return classifier.backbone.get_layer("vit_encoder")


def _parts(classifier) -> dict:
    encoder = layers_of_encoder(classifier)
    return {
        "embeddings": classifier.backbone.get_layer("vit_patching_and_embedding"),
        **{f"block {i + 1}": block for i, block in enumerate(encoder.encoder_layers)},
        "norm": encoder.layer_norm,
        "head": classifier.output_dense,
    }


def what_learns(classifier) -> dict[str, str]:
    """Return for each part whether it learns, is frozen, or learns in part."""
    learning = {weight.path for weight in classifier.trainable_variables}
    found = {}
    for name, part in _parts(classifier).items():
        learns = [weight.path in learning for weight in part.weights]
        not_whole = "in part" if any(learns) else "frozen"
        found[name] = "learns" if all(learns) else not_whole
    return found
