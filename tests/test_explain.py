"""Maps and measures of a trained ViT, each against a slow, literal version.

A test named after a mistake fails on a function that makes it.
"""

import itertools
import math

import numpy as np
import pytest

from course_utils import explain
from course_utils.explain import rollout


def weights(seed, blocks=3, images=2, heads=4, tokens=5):
    scores = np.random.default_rng(seed).normal(
        size=(blocks, images, heads, tokens, tokens)
    )
    return np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)


def noise(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


# --- Rollout ----------------------------------------------------------------------


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


def test_rollout_is_the_sum_over_all_paths():
    blocks = weights(3, blocks=3, images=1, tokens=4)
    expected = np.zeros((4, 4))
    for path in itertools.product(range(4), repeat=4):  # input token first
        share = 1
        for block, (source, target) in enumerate(itertools.pairwise(path)):
            stays = source == target
            share *= (blocks[block, 0, :, target, source].mean() + stays) / 2
        expected[path[-1], path[0]] += share
    np.testing.assert_allclose(rollout(blocks)[0], expected, rtol=1e-12)


def test_one_head_can_be_chosen():
    blocks = weights(4)
    found = rollout([block[:, [2]] for block in blocks])
    alone = np.repeat(blocks[:, :, 2:3], 4, axis=2)  # the same head four times
    np.testing.assert_allclose(found, rollout(alone), rtol=1e-12)


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


# --- Gradient relevance -----------------------------------------------------------


def test_relevance_is_the_update_rule_entry_by_entry():
    blocks, slopes = weights(5, tokens=4), noise(6, 3, 2, 4, 4, 4)
    for image in range(2):
        found = np.eye(4)
        for block in range(3):
            new = found.copy()
            for i, j, k in itertools.product(range(4), repeat=3):
                products = blocks[block, image, :, i, k] * slopes[block, image, :, i, k]
                positive = sum(max(product, 0) for product in products) / 4
                new[i, j] += positive * found[k, j]
            found = new
        np.testing.assert_allclose(
            explain.relevance(blocks, slopes)[image], found, rtol=1e-12
        )


def test_a_head_against_the_class_does_not_cancel_one_for_it():
    block = np.full((1, 2, 3, 3), 1 / 3)
    slopes = np.zeros((1, 2, 3, 3))
    slopes[0, 0, 0, 1], slopes[0, 1, 0, 1] = 6, -12
    found = explain.relevance([block], [slopes])[0]
    np.testing.assert_allclose(found[0], [1, 1, 0])  # 6 / 3, over two heads


def test_later_blocks_pass_on_the_relevance_of_earlier_ones():
    even = np.full((1, 1, 3, 3), 1 / 3)
    first, second = np.zeros((2, 1, 1, 3, 3))
    first[0, 0, 1, 2] = second[0, 0, 0, 1] = 3  # token 1 reads 2, then 0 reads 1
    found = explain.relevance([even, even], [first, second])[0]
    np.testing.assert_allclose(found[0], [1, 1, 1])


@pytest.mark.parametrize(
    ("blocks", "slopes"),
    [(weights(0), noise(0, 2, 2, 4, 5, 5)), (weights(0), noise(0, 3, 2, 1, 5, 5))],
    ids=["too few", "one head"],
)
def test_gradients_must_fit_the_weights(blocks, slopes):
    with pytest.raises(ValueError):
        explain.relevance(blocks, slopes)


# --- Attention distance -----------------------------------------------------------


def test_attention_distance_is_the_mean_over_pairs_of_patches():
    (block,) = weights(7, blocks=1, tokens=10)
    found = explain.attention_distance(block, patch_size=8)
    assert found.shape == (2, 4)
    for image, head in itertools.product(range(2), range(4)):
        distances = []
        for looking in range(9):
            total = share = 0
            for seen in range(9):
                here, there = divmod(looking, 3), divmod(seen, 3)
                weight = block[image, head, 1 + looking, 1 + seen]
                total += weight * 8 * math.dist(here, there)
                share += weight
            distances.append(total / share)
        np.testing.assert_allclose(found[image, head], np.mean(distances), rtol=1e-12)


@pytest.mark.parametrize("to_class", [0.0, 0.5, 0.99])
def test_what_the_class_token_gets_does_not_shorten_the_look(to_class):
    block = np.full((1, 1, 5, 5), (1 - to_class) / 4)
    block[..., 0] = to_class
    sides = 2 + math.sqrt(2)  # of four patches: two beside, one across, one the same
    found = explain.attention_distance(block, patch_size=10)
    np.testing.assert_allclose(found, 10 * sides / 4, rtol=1e-12)


def test_patches_that_make_no_square_are_refused():
    with pytest.raises(ValueError, match="6 patches make no square"):
        explain.attention_distance(weights(0, tokens=7)[0], patch_size=8)


# --- Positions and filters --------------------------------------------------------


def test_position_similarity_is_the_cosine_of_each_pair():
    positions = noise(8, 1, 10, 6)
    found = explain.position_similarity(positions)
    np.testing.assert_array_equal(found, explain.position_similarity(positions[0]))
    assert found.shape == (3, 3, 3, 3)
    for i, j, k, m in itertools.product(range(3), repeat=4):
        first, second = positions[0, 1 + 3 * i + j], positions[0, 1 + 3 * k + m]
        expected = first @ second / math.sqrt(first @ first * (second @ second))
        np.testing.assert_allclose(found[i, j, k, m], expected, rtol=1e-9)


def test_long_positions_are_no_more_alike_than_short_ones():
    positions = noise(9, 5, 6)
    longer = positions * [[3], [1], [20], [1], [5]]
    first, second = map(explain.position_similarity, (positions, longer))
    np.testing.assert_allclose(first, second, rtol=1e-9)


def test_patch_filters_are_the_directions_of_the_largest_variance():
    kernel = noise(10, 40, 3, 2, 2) + 5
    components, shares = explain.patch_filters(kernel)
    assert components.shape == (12, 3, 2, 2) and shares.shape == (12,)
    spread = np.cov(kernel.reshape(40, 12).T)
    values, vectors = np.linalg.eigh(spread)
    np.testing.assert_allclose(shares, values[::-1] / values.sum(), rtol=1e-9)
    angles = np.sum(components.reshape(12, 12) * vectors.T[::-1], axis=1)
    np.testing.assert_allclose(np.abs(angles), 1, rtol=1e-9)


def test_shares_are_of_the_variance():
    kernel = np.zeros((4, 1, 1, 2))  # variances of 9 and 1, mean not 0
    kernel[:, 0, 0] = [[8, 1], [2, 1], [5, 2], [5, 0]]
    components, shares = explain.patch_filters(kernel)
    np.testing.assert_allclose(shares, [0.9, 0.1])
    np.testing.assert_allclose(components[:, 0, 0], np.eye(2), atol=1e-12)


def test_components_have_one_sign_on_every_machine():
    components, _ = explain.patch_filters(noise(11, 30, 1, 3, 3))
    flat = components.reshape(len(components), -1)
    assert (flat.max(axis=1) == np.abs(flat).max(axis=1)).all()


# --- CKA --------------------------------------------------------------------------


def hsic(first, second):
    """Average over all ordered fours of different pictures (Song et al. 2012)."""
    K, L = first @ first.T, second @ second.T
    terms = [
        K[i, j] * L[i, j] + K[i, j] * L[q, r] - 2 * K[i, j] * L[i, q]
        for i, j, q, r in itertools.permutations(range(len(K)), 4)
    ]
    return np.mean(terms)


def test_debiased_cka_is_the_average_over_all_fours_of_pictures():
    first = noise(12, 7, 3) + 2
    second = first @ noise(13, 3, 5) + noise(14, 7, 5)
    expected = hsic(first, second) / math.sqrt(
        hsic(first, first) * hsic(second, second)
    )
    np.testing.assert_allclose(explain.cka(first, second), expected, rtol=1e-9)


def test_biased_cka_is_the_norm_of_the_covariance():
    first = noise(15, 9, 3)
    second = first @ noise(16, 3, 5) + noise(17, 9, 5)

    def covariance(one, other):
        centered = [part - part.mean(axis=0) for part in (one, other)]
        return np.square(centered[0].T @ centered[1]).sum()

    expected = covariance(first, second) / math.sqrt(
        covariance(first, first) * covariance(second, second)
    )
    np.testing.assert_allclose(explain.cka_biased(first, second), expected, rtol=1e-9)


def test_independent_noise_is_alike_only_for_the_biased_one():
    pairs = [noise(seed, 2, 32, 2000) for seed in range(5)]
    debiased = [explain.cka(*pair) for pair in pairs]
    assert abs(np.mean(debiased)) < 0.05  # measured 0.00, each within 0.04
    assert min(explain.cka_biased(*pair) for pair in pairs) > 0.95  # 0.98


@pytest.mark.parametrize("measure", [explain.cka, explain.cka_biased])
def test_rotation_scale_and_shift_change_nothing(measure):
    features = noise(18, 12, 2, 3)  # pictures, tokens, width
    turn = np.linalg.qr(noise(19, 6, 6))[0]
    turned = 3 * features.reshape(12, 6) @ turn + 50
    np.testing.assert_allclose(measure(features, turned), 1, rtol=1e-9)


@pytest.mark.parametrize("measure", [explain.cka, explain.cka_biased])
@pytest.mark.parametrize(
    ("first", "second", "says"),
    [(3, 3, "at least 4 pictures, not 3"), (8, 9, "8 pictures against 9")],
)
def test_pictures_that_do_not_fit_are_refused(measure, first, second, says):
    with pytest.raises(ValueError, match=says):
        measure(noise(0, first, 2), noise(0, second, 2))


# --- Maps against masks -----------------------------------------------------------


def test_cover_is_the_mean_of_each_patch():
    masks = np.random.default_rng(20).uniform(size=(2, 6, 6))
    found = explain.cover(masks, 2)
    assert found.shape == (2, 9)
    for image, patch in itertools.product(range(2), range(9)):
        top, left = 2 * (patch // 3), 2 * (patch % 3)
        expected = masks[image, top : top + 2, left : left + 2].mean()
        np.testing.assert_allclose(found[image, patch], expected)


def test_masks_of_whole_numbers_are_refused():
    with pytest.raises(ValueError, match="divide them by 255"):
        explain.cover(np.full((1, 4, 4), 255, np.uint8), 2)


def test_auc_counts_pairs_of_pixels():
    generator = np.random.default_rng(21)
    masks = generator.integers(0, 2, size=(3, 6, 6))
    maps = generator.integers(0, 4, size=(3, 9)).astype(float)  # with equal values
    found = explain.auc(maps, explain.cover(masks, 2))
    for image in range(3):
        large = maps[image].reshape(3, 3).repeat(2, axis=0).repeat(2, axis=1)
        on, beside = large[masks[image] == 1], large[masks[image] == 0]
        wins = sum((a > b) + 0.5 * (a == b) for a, b in itertools.product(on, beside))
        np.testing.assert_allclose(found[image], wins / (len(on) * len(beside)))


def test_a_map_of_one_color_knows_nothing():
    found = explain.auc(np.ones((1, 4)), [[1, 0, 0.5, 0]])
    np.testing.assert_allclose(found, 0.5)


def test_each_picture_has_its_own_curve():
    # The second map is on another scale, which must not matter.
    found = explain.auc([[3, 1, 2, 0], [30, 10, 20, 5]], [[1, 0, 1, 0]] * 2)
    np.testing.assert_allclose(found, [1, 1])


@pytest.mark.parametrize("covered", [0.0, 1.0])
def test_a_picture_without_object_or_background_is_refused(covered):
    with pytest.raises(ValueError, match="picture 1 is all object, or has none"):
        explain.auc(np.ones((2, 4)), [[1, 0, 0, 0], [covered] * 4])


# --- Deletion and insertion -------------------------------------------------------

MAPS = np.array([[0.1, 0.9, 0.5, 0.7], [0.3, 0.2, 0.8, 0.8]])
ORDERS = [[1, 3, 2, 0], [2, 3, 0, 1]]  # best first; equal values in reading order


@pytest.mark.parametrize("way", ["deletion", "insertion"])
def test_patches_go_and_come_one_by_one_best_first(way):
    counts = [0, 1, 2, 3, 4]
    found = getattr(explain, way)(lambda stay: stay, MAPS, counts)
    assert found.shape == (5, 2, 4)
    for count, image in itertools.product(counts, range(2)):
        for patch in range(4):
            among_first = patch in ORDERS[image][:count]
            assert found[count, image, patch] == (among_first != (way == "deletion"))


def test_an_order_is_no_rank():
    # argsort(-map) is [1, 2, 0]; the ranks are [2, 0, 1]. An answer of patch 0 alone.
    maps = np.array([[0.1, 0.9, 0.5]])
    found = explain.deletion(lambda stay: stay[:, 0], maps, [0, 1, 2, 3])
    np.testing.assert_array_equal(found[:, 0], [True, True, True, False])


def test_answers_of_any_shape_are_stacked():
    def answer(stay):
        return np.stack([stay.sum(axis=1), stay.any(axis=1)], axis=1)

    assert explain.deletion(answer, MAPS, [0, 3]).tolist() == [
        [[4, 1], [4, 1]],
        [[1, 1], [1, 1]],
    ]


def test_gray_covers_just_the_patches_that_go():
    images = noise(22, 2, 3, 4, 4).astype(np.float32)
    stay = np.array([[True, False, True, True], [False, True, True, False]])
    found = explain.gray(images, stay, fill=0.25)
    assert found.dtype == np.float32
    for image, row, column in itertools.product(range(2), range(4), range(4)):
        kept = stay[image, 2 * (row // 2) + column // 2]
        expected = images[image, :, row, column] if kept else [0.25] * 3
        np.testing.assert_array_equal(found[image, :, row, column], expected)
