"""A small model and small pictures for the tests of training."""

import itertools

import numpy as np
import torch

from course_utils.training import fit
from course_utils.vit.torch import ViT

SETTINGS = {"epochs": 3, "lr": 3e-3, "batch_size": 16, "progress": False}


def small_model(seed=0, **changes):
    torch.manual_seed(seed)
    sizes = {"dim": 16, "depth": 2, "heads": 2, "mlp_dim": 32, "dropout": 0.1}
    return ViT(8, 4, 1, 3, **(sizes | changes))


def striped_images(count=96, seed=0):
    """Images 8 x 8 of three classes: a bright band at the top, middle or bottom."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    images = 0.3 * torch.randn(count, 1, 8, 8, generator=generator)
    for image, label in zip(images, labels, strict=True):
        image[0, 3 * label : 3 * label + 2] += 1.5
    return images, labels


def noisy(images):
    """An augmentation that draws from NumPy, Python and torch alike."""
    return images + 0.1 * torch.randn_like(images) + 0.01 * np.random.randn()


def weights_of(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same_weights(first, second):
    assert first.keys() == second.keys()
    for name in first:
        assert torch.equal(first[name], second[name]), f"{name} differs"


def uninterrupted(train, validation, **changes):
    model = small_model()
    settings = SETTINGS | {"augment": noisy} | changes
    return fit(model, train, validation, **settings), weights_of(model)


def stopping(model, at):
    """Give the model back, with a stop at its batch number ``at``."""
    batches = itertools.count(1)

    def stop(module, inputs):
        if module.training and next(batches) == at:
            raise KeyboardInterrupt

    model.register_forward_pre_hook(stop)
    return model
