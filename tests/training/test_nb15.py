"""The benchmark of notebook 15 runs the lesson's own functions and chooses fairly."""

import functools
import json

import pytest
import torch
from bench_cells import asked_for, defined

from benchmarks import nb13, nb15
from benchmarks import nb15_parts as parts
from course_utils.training import predict

RATES = (0.001, 0.003, 0.01)


@functools.cache
def lesson():
    return nb13.lesson(nb15.LESSON)


# The program


def test_cells_tagged_bench_define_all_that_the_benchmark_asks_for():
    wanted = asked_for(nb15, parts)
    assert len(wanted) > 15
    assert wanted - defined(nb13.definitions(nb15.LESSON)) == set()


def runs_of(group, validation, test=(0, 0, 0)):
    """Return runs: one validation count for each rate, test counts of the seeds."""
    found = {}
    for rate, right in zip(RATES, validation, strict=True):
        for seed, number in enumerate(test):
            key = nb15.key_of(group, rate, seed)
            found[key] = {"validation": right, "test": number + int(rate * 1000)}
    return found


def test_validation_pictures_choose_and_test_pictures_are_reported():
    runs = runs_of("CNN, 300 digits", (5, 9, 7), test=(100, 200, 300))
    table = nb15.table_of(runs, {"CNN, 300 digits": RATES})
    assert table["CNN, 300 digits"] == {
        "rate": 0.003,
        "at the edge": False,
        "validation": [9, 9, 9],
        "test": [103, 203, 303],
    }


def test_best_rate_at_an_end_of_those_tried_is_told():
    runs = runs_of("ViT", (5, 6, 7))
    assert nb15.table_of(runs, {"ViT": RATES})["ViT"]["at the edge"]
    assert not nb15.table_of(runs, {"ViT": RATES[:1]})["ViT"]["at the edge"]


def test_group_with_a_missing_run_is_not_in_the_table():
    runs = runs_of("ViT", (5, 6, 7))
    for missing in (nb15.key_of("ViT", 0.01, 2), nb15.key_of("ViT", 0.001, 0)):
        fewer = {key: run for key, run in runs.items() if key != missing}
        assert nb15.table_of(fewer, {"ViT": RATES}) == {}


def test_mean_and_its_error_are_over_seeds():
    mean, error = nb15.mean_and_error([1, 2, 6])
    assert mean == 3 and error == pytest.approx((7 / 3) ** 0.5)


def test_stored_runs_are_not_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(nb15, "FILE", tmp_path / "found.json")
    nb15.FILE.write_text('{"runs": {"a": 2}}', encoding="utf-8")
    bench = nb15.Bench({})
    assert bench.once("a", pytest.fail) == 2
    assert bench.once("b", lambda number: {"test": number + 1}, 2) == {"test": 3}
    found = json.loads(nb15.FILE.read_text(encoding="utf-8"))
    assert found["runs"] == {"a": 2, "b": {"test": 3}}
    assert found["command"] == "python -m benchmarks.nb15"


def test_all_rates_get_seed_0_and_the_best_the_other_seeds(tmp_path, monkeypatch):
    monkeypatch.setattr(nb15, "FILE", tmp_path / "found.json")
    bench, asked = nb15.Bench({"SEEDS": (0, 1, 2)}), []

    def work(rate, seed):
        asked.append((rate, seed))
        return {"validation": -abs(rate - 0.003), "test": 1}

    assert bench.group("ViT", RATES, work) == 0.003
    others = [(0.003, 1), (0.003, 2)]
    assert asked == [(rate, 0) for rate in RATES] + others
    bench.group("ViT", RATES, pytest.fail)  # all is stored


# The lesson's cells


def test_families_have_equally_many_parameters_within_5_percent():
    names = lesson()
    images = names["test"][0]
    sizes = [
        names["size_and_work"](names["build"](family, 0), images)[0]
        for family in names["FAMILIES"]
    ]
    assert max(sizes) / min(sizes) < 1.05
    drawn = torch.zeros(1, 3, parts.SIDE, parts.SIDE)
    found = [
        names["size_and_work"](parts.build(names, family, 8, 0), drawn)
        for family in parts.FAMILIES
    ]
    for numbers in zip(*found, strict=True):  # here the work is equal, too
        assert max(numbers) / min(numbers) < 1.05


def test_work_is_counted_in_multiply_adds():
    layer = torch.nn.Conv2d(2, 3, 5, padding=2)
    parameters, work = lesson()["size_and_work"](layer, torch.zeros(7, 2, 10, 10))
    assert parameters == 2 * 25 * 3 + 3
    assert work * 1e6 == 100 * 2 * 25 * 3


def noisy(x):
    return x + torch.rand_like(x)


def test_families_learn_from_the_same_batches_in_the_same_order():
    names, seen = lesson(), []

    class Spy(torch.nn.Linear):
        def forward(self, x):
            seen[-1].append(x.detach())
            return super().forward(x)

    x, y = torch.randn(5, 4), torch.tensor([0, 1, 0, 1, 0])
    for start in (1, 2):  # whatever random numbers the first weights have used
        torch.manual_seed(start)
        seen.append([])
        model = Spy(4, 2)
        names["learn"](model, x, y, 0.1, 3, steps=4, batch=2, augment=noisy)
    assert len(seen[0]) == 4
    for first, second in zip(*seen, strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_vit_with_positions_moved_along_does_not_notice_an_order_of_patches():
    names = lesson()
    images, order = names["test"][0][:5], names["FIXED"]
    model = names["build"]("ViT", 0)
    moved = names["build"]("ViT", 0)
    with torch.no_grad():
        moved.positions[:, 1:] = model.positions[:, 1 + order]
    other = names["rearranged"](images, names["P"], order)
    assert (other != images).any()
    torch.testing.assert_close(
        predict(moved, other), predict(model, images), rtol=0, atol=1e-5
    )


def test_dilation_in_place_of_strides_keeps_what_the_strides_computed():
    names = lesson()
    cnn = names["CNN"](1, 10, (4, 4, 8), (2, 1, 2)).eval()
    for norm in (m for m in cnn.modules() if isinstance(m, torch.nn.GroupNorm)):
        norm.forward = torch.nn.Identity().forward  # its means are of other places
    dense, images = names["without_stride"](cnn), torch.randn(2, 1, 12, 12)
    x, y = cnn.stem(images), dense.stem(images)
    for block, other in zip(cnn.blocks, dense.blocks, strict=True):
        x, y = block(x), other(y)
    assert x.shape[2:] == (3, 3) and y.shape[2:] == (12, 12)
    torch.testing.assert_close(y[..., ::4, ::4], x, rtol=0, atol=1e-5)


def test_shifted_pictures_move_in_four_directions():
    names = lesson()
    images = torch.full((4, 1, 28, 28), -1.0)
    images[:, :, 10, 12] = 1
    found = (names["shifted"](images, 3)[:, 0] == 1).nonzero().tolist()
    assert found == [[0, 10, 15], [1, 13, 12], [2, 10, 9], [3, 7, 12]]
    assert torch.equal(names["shifted"](images, 0), images)


def test_cut_up_pictures_keep_their_pieces():
    names = lesson()
    images = torch.arange(2.0 * 3 * 12 * 12).view(2, 3, 12, 12)
    mixed = names["cut_up"](images, 2)
    assert (mixed != images).any()
    for picture, other in zip(images, mixed, strict=True):
        assert torch.equal(picture.flatten().sort()[0], other.flatten().sort()[0])
        corners = other[0, ::6, ::6] % 144  # where the pieces came from
        assert sorted(corners.flatten().tolist()) == [0, 6, 72, 78]


# Drawn pictures


@pytest.fixture
def small_vit():
    torch.manual_seed(0)
    return parts.ViT(16, 8, 3, 2, dim=8, depth=1, heads=2, mlp_dim=8).eval()


def test_vit_without_removed_tokens_is_the_vit(small_vit):
    images = torch.randn(3, 3, 16, 16)
    every = torch.tensor([2, 0, 3, 1]).expand(3, -1)  # in any order
    found = parts.removed_tokens(small_vit, images, every)
    torch.testing.assert_close(found, predict(small_vit, images), rtol=0, atol=1e-5)


def test_what_a_removed_patch_held_does_not_matter(small_vit):
    images = torch.randn(1, 3, 16, 16)
    other = images.clone()
    other[..., :8, 8:] = 5  # patch 1
    keep = torch.tensor([[0, 2, 3]])
    for change in (parts.removed_tokens, lambda m, x, k: parts.grayed(x, k, 8)):
        first, second = (change(small_vit, x, keep) for x in (images, other))
        torch.testing.assert_close(first, second, rtol=0, atol=0)
    assert (parts.grayed(other, keep, 8)[..., 8:, :] == images[..., 8:, :]).all()


def test_decisions_are_counted_for_outline_and_texture():
    class Answers(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.unused = torch.nn.Linear(1, 1)

        def forward(self, images):
            return images[:, 0, :, 0]  # (B, K)

    def kind(answers, outline, texture):
        logits = torch.nn.functional.one_hot(torch.tensor(answers), 4).float()
        return logits[:, None, :, None], torch.tensor(outline), torch.tensor(texture)

    kinds = {
        "train": kind([0], [1], [1]),
        "validation": kind([1, 1], [1, 2], [1, 2]),
        "both": kind([1, 2, 3], [1, 2, 0], [1, 2, 0]),
        "outline": kind([1, 3], [1, 2], [-1, -1]),
        "texture": kind([1, 2], [-1, -1], [1, 2]),
        "conflict": kind([1, 2, 3, 1], [1, 1, 1, 1], [2, 2, 2, 3]),
    }
    assert parts.decisions(Answers(), kinds) == {
        "validation": 1,
        "both right": 2,
        "outline right": 1,
        "texture right": 2,
        "outline wins": 2,
        "texture wins": 1,
        "conflicts": 4,
        "test": 2,
    }


# What is stored


@pytest.fixture(scope="module")
def stored():
    return json.loads(nb15.FILE.read_text(encoding="utf-8"))


def test_stored_table_is_that_of_the_stored_runs(stored):
    assert stored["table"] == nb15.table_of(stored["runs"], stored["groups"])
    assert set(stored["table"]) == set(stored["groups"])
    assert all(len(row["test"]) == 3 for row in stored["table"].values())


def test_both_families_tried_the_same_rates_in_the_same_groups(stored):
    groups = stored["groups"]
    mine = {name[5:]: rates for name, rates in groups.items() if name[:4] == "ViT,"}
    for name, rates in groups.items():
        if name.startswith("CNN, ") and "digits" in name and "stride" not in name:
            ours, alone = mine[name[5:]], len(rates) == 1
            assert len(ours) == len(rates) if alone else ours == rates


def test_stored_runs_are_of_the_recipe_and_the_rates_of_the_lesson(stored):
    names = lesson()
    assert stored["recipe"] == json.loads(
        json.dumps({k: names[k] for k in nb15.RECIPE})
    )
    for family in nb15.PAIR:
        for n in nb15.TRIED:
            assert stored["groups"][f"{family}, {n} digits"] == list(names["RATES"])
        for n in names["SIZES"]:
            assert f"{family}, {n} digits" in stored["table"]
