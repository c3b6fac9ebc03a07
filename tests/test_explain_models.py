"""What a model is asked for: the same weights and gradients from each kind of ViT."""

import copy
import itertools

import numpy as np
import pytest
import torch
from vit_checkpoints import SMALL, hugging_face_vit

from course_utils import explain
from course_utils.convert.torch import from_hf, torch_to_keras
from course_utils.session import use_tensorflow


@pytest.fixture(scope="module")
def models():
    theirs = hugging_face_vit(**SMALL, initializer_range=0.2)
    theirs.set_attn_implementation("eager")
    return theirs, from_hf(theirs)


@pytest.fixture(scope="module")
def images():
    return torch.from_numpy(
        np.random.default_rng(23).normal(size=(2, 1, 12, 12)).astype(np.float32)
    )


def logits_with(model, images, block, weights):
    """Return the logits of our ViT if one block had these attention weights."""

    def put(attention, inputs, output):
        (x,) = inputs
        B, T, D = x.shape
        values = attention.qkv(x)[..., 2 * D :].view(B, T, attention.heads, -1)
        context = torch.einsum("bhij,bjhd->bihd", weights, values)
        return attention.out(context.reshape(B, T, D)), weights

    hook = model.blocks[block].attention.register_forward_hook(put)
    with torch.no_grad():
        found = model(images)
    hook.remove()
    return found


@pytest.mark.parametrize("classes", [None, [3, 1]])
def test_gradients_are_how_one_logit_follows_a_weight(models, images, classes):
    model, images = copy.deepcopy(models[1]).double(), images.double()
    found = explain.gather_torch(model, images, classes)
    named = found.logits.argmax(axis=1) if classes is None else classes
    for block, image, head in itertools.product(range(2), range(2), (0, 2)):
        for row, column in ((0, 0), (0, 4), (3, 7)):
            place = image, head, row, column
            with torch.no_grad():
                change = model(images, return_attention=True)[1][block].clone()
            logit = []
            for step in (1e-5, -2e-5):
                change[place] += step
                logit.append(logits_with(model, images, block, change))
            slope = (logit[0] - logit[1])[image, named[image]] / 2e-5
            np.testing.assert_allclose(
                found.gradients[block, *place], slope, rtol=1e-4, atol=1e-8
            )


def test_hugging_face_and_ours_give_the_same(models, images):
    theirs, ours = models
    found = explain.gather_hf(theirs, images)
    expected = explain.gather_torch(ours, images)
    assert found.weights.shape == found.gradients.shape == (2, 2, 3, 10, 10)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_keras_and_pytorch_give_the_same(models, images):
    pytest.importorskip("tensorflow")
    use_tensorflow()
    ours, twin = models[1], torch_to_keras(models[1])
    for classes in (None, [3, 1]):
        for trainable in (True, False):
            twin.trainable = trainable
            pictures = images.numpy().transpose(0, 2, 3, 1)
            found = explain.gather_keras(twin, pictures, classes)
            expected = explain.gather_torch(ours, images, classes)
            for one, other in zip(found, expected, strict=True):
                np.testing.assert_allclose(one, other, atol=1e-5)


def test_gradients_do_not_vanish_where_the_model_is_sure(models, images):
    model = copy.deepcopy(models[1])
    usual = explain.gather_torch(model, images)
    with torch.no_grad():
        model.head.weight *= 1000
        model.head.bias *= 1000
    sure = explain.gather_torch(model, images)
    np.testing.assert_allclose(sure.gradients, 1000 * usual.gradients, rtol=1e-3)


def test_a_frozen_model_is_asked_and_left_as_it_was(models, images):
    model = copy.deepcopy(models[1]).requires_grad_(False)
    with torch.no_grad():
        found = explain.gather_torch(model, images)
    np.testing.assert_array_equal(
        found.gradients, explain.gather_torch(models[1], images).gradients
    )
    assert not images.requires_grad
    assert all(weight.grad is None for weight in models[1].parameters())


def test_models_that_cannot_tell_are_refused(models, images):
    theirs, ours = map(copy.deepcopy, models)
    with pytest.raises(ValueError, match=r"call model.eval\(\) first"):
        explain.gather_torch(ours.train(), images)
    theirs.set_attn_implementation("sdpa")
    with pytest.raises(ValueError, match="set_attn_implementation"):
        explain.gather_hf(theirs, images)
