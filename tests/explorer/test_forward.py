"""The page's forward pass, run in a JavaScript engine, against PyTorch."""

import math

import numpy as np
import pytest
import torch
from explorer_engine import evaluate

from course_utils.explain import rollout

LOOK_INSIDE = """({ packed, images, without, block }) => {
  const model = unpack(packed), { heads } = model.sizes;
  const [one, two] = images.map((image) => forward(model, Float32Array.from(image)));
  const less = forward(model, Float32Array.from(images[0]), new Set(without));
  return {
    logits: [[...one.logits], [...two.logits]],
    weights: one.blocks.map(({ weights }) => [...weights]),
    tokens: [...one.tokens.at(-1)],
    rollout: [...rollout(one.blocks, heads)],
    exchanged: [0, block, packed.sizes.depth].map((b) => [
      ...exchange(model, one, two, b),
    ]),
    lens: [...readOut(model, one.tokens[block])],
    raw: [...readOut(model, one.tokens[block], false)],
    less: [...less.logits],
    places: less.places,
  };
}"""
BLOCK, WITHOUT = 3, [0, 7, 8]


@pytest.fixture(scope="module")
def inside(bundled):
    images = bundled.inputs["pixel_values"][:2].flatten(1).tolist()
    data = {"packed": bundled.packed, "images": images}
    return evaluate(LOOK_INSIDE, {**data, "without": WITHOUT, "block": BLOCK})


@pytest.fixture(scope="module")
def steps(bundled):
    """PyTorch's tokens (2, T, D) before each block and after the last one."""
    model, seen = bundled.model, []
    hooks = [
        b.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
        for b in model.blocks
    ]
    hooks.append(model.norm.register_forward_pre_hook(lambda _, x: seen.append(x[0])))
    with torch.inference_mode():
        model(bundled.inputs["pixel_values"][:2])
    for hook in hooks:
        hook.remove()
    return seen


def read(model, x, first):
    """Send tokens through the blocks from ``first`` on and read the class token."""
    with torch.inference_mode():
        for block in model.blocks[first:]:
            x, _ = block(x)
        return model.head(model.norm(x)[:, 0])[0].numpy()


def close(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4)


def test_logits_are_those_of_pytorch_with_the_same_weights(bundled):
    close(bundled.logits[:20], bundled.rounded[:20])  # measured: 8e-6


def test_answers_are_those_of_the_float32_model(bundled):
    same = bundled.logits.argmax(1) == bundled.exact.argmax(1)
    assert same.sum() == len(same) == 240


def test_weights_of_all_blocks_are_those_of_pytorch(bundled, inside):
    with torch.inference_mode():
        _, weights = bundled.model(bundled.inputs["pixel_values"][:1], True)
    for ours, theirs in zip(inside["weights"], weights, strict=True):
        close(ours, theirs.flatten())


def test_rollout_is_that_of_the_course(bundled, inside):
    with torch.inference_mode():
        _, weights = bundled.model(bundled.inputs["pixel_values"][:1], True)
    close(inside["rollout"], rollout(weights)[0].ravel())


def test_lens_reads_the_class_token_on_its_way(bundled, inside, steps):
    model, x = bundled.model, steps[BLOCK][:1]
    close(inside["lens"], read(model, x, first=len(model.blocks)))
    with torch.inference_mode():
        close(inside["raw"], model.head(x[:, 0])[0])
    close(inside["tokens"], steps[-1][0].flatten())


def test_exchanged_class_token_goes_on_with_the_other_patches(bundled, inside, steps):
    x = steps[BLOCK][:1].clone()
    x[0, 0] = steps[BLOCK][1, 0]
    before, between, after = inside["exchanged"]
    close(between, read(bundled.model, x, first=BLOCK))
    assert before == inside["logits"][0]  # to the last digit
    assert after == inside["logits"][1]


def test_without_some_patches_the_others_keep_their_positions(bundled, inside, steps):
    kept = [t for t in range(steps[0].shape[1]) if t - 1 not in WITHOUT]
    assert inside["places"] == kept
    close(inside["less"], read(bundled.model, steps[0][:1, kept], first=0))


def test_gelu_is_the_exact_one():
    places = np.linspace(-6, 6, 241).tolist()
    exact = [x * (1 + math.erf(x / math.sqrt(2))) / 2 for x in places]
    found = evaluate("(places) => places.map(gelu)", places)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-6)
