"""Attention rollout: a probability over the input's tokens, in the right order."""

import numpy as np
import pytest

from course_utils.explain import rollout


def weights(seed, blocks=3, images=2, heads=4, tokens=5):
    scores = np.random.default_rng(seed).normal(
        size=(blocks, images, heads, tokens, tokens)
    )
    return np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)


def test_each_row_is_a_share_of_the_input_tokens():
    found = rollout(weights(0))
    assert found.shape == (2, 5, 5) and found.min() > 0
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-12)


def test_one_block_is_half_its_mean_attention_and_half_the_token_itself():
    block = weights(1, blocks=1)
    expected = 0.5 * block[0].mean(axis=1) + 0.5 * np.eye(5)
    np.testing.assert_allclose(rollout(block), expected, rtol=1e-12)


def test_later_blocks_read_what_earlier_ones_wrote():
    # Block 0 lets token 1 read token 2, block 1 lets token 0 read token 1.
    first, second = np.eye(3), np.eye(3)
    first[1] = second[0] = 0
    first[1, 2] = second[0, 1] = 1
    found = rollout([first[None, None], second[None, None]])[0]
    np.testing.assert_allclose(found[0], [0.5, 0.25, 0.25])


def test_attention_that_only_looks_at_itself_changes_nothing():
    np.testing.assert_array_equal(rollout([np.eye(4)[None, None]] * 6)[0], np.eye(4))


def test_tensors_of_torch_are_taken():
    torch = pytest.importorskip("torch")
    blocks = weights(2)
    found = rollout([torch.tensor(block) for block in blocks])
    np.testing.assert_allclose(found, rollout(blocks), rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (np.log(weights(0)), "after the softmax"),
        (weights(0).swapaxes(-1, -2), "keys on the last axis"),
        (weights(0)[0], "(images, heads, tokens, tokens)"),
        ([], "no attention weights"),
    ],
    ids=["scores", "transposed", "one block", "none"],
)
def test_what_is_no_attention_is_refused_in_a_sentence(given, says):
    with pytest.raises(ValueError) as error:
        rollout(given)
    assert says in str(error.value)
