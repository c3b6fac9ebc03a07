"""The benchmark of notebook 14 runs the lesson's own functions and chooses fairly."""

import json

import numpy as np
import pytest
from bench_cells import asked_for, defined

from benchmarks import nb13, nb14


def test_cells_tagged_bench_define_all_that_the_benchmark_asks_for():
    assert len(asked_for(nb14)) > 8
    assert asked_for(nb14) - defined(nb13.definitions(nb14.LESSON)) == set()


def test_what_is_given_stands_before_the_cells_of_the_lesson(tmp_path):
    path = tmp_path / "lesson.ipynb"
    cells = [
        {"cell_type": "code", "metadata": {"tags": [tag]}, "source": [source]}
        for tag, source in (("bench", "names = sorted(data)"), ("other", "names = 0"))
    ]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert nb14.lesson(path, data=[3, 1, 2])["names"] == [1, 2, 3]


def run(validation, test):
    bins = [[10, 2.0, 1]] * 3
    return {"validation": validation, "test": {"AP": test}, "bins": bins}


@pytest.fixture
def runs():
    """Return runs in which the second setting is the best on validation pictures."""
    found = {}
    for i, (rate, strength) in enumerate(zip(nb14.RATES, nb14.STRENGTHS, strict=True)):
        score = 0.5 - 0.1 * abs(i - 1)
        found[f"ASL, lr {rate:g}, seed 0"] = run(score, i)
        found[f"probe, C {strength:g}, seed 0"] = run(score, 10 + i)
    rate = nb14.RATES[1]
    found |= {f"ASL, lr {rate:g}, seed {seed}": run(0.1, seed) for seed in (1, 2)}
    return found


def test_validation_pictures_choose_and_test_pictures_are_reported(runs):
    table = nb14.table_of(runs)
    assert list(table) == ["ASL", "probe"]  # no other way has its runs
    assert table["ASL"]["rate"] == nb14.RATES[1] and not table["ASL"]["at the edge"]
    assert table["ASL"]["AP"] == [1, 1, 2]  # of the three seeds
    assert table["probe"]["AP"] == [11]
    np.testing.assert_allclose(table["ASL"]["bins"], 3 * np.array([[10, 2.0, 1]] * 3))


def test_a_way_that_lacks_a_rate_is_not_in_the_table(runs):
    del runs[f"ASL, lr {nb14.RATES[2]:g}, seed 0"]
    assert list(nb14.table_of(runs)) == ["probe"]


def test_runs_are_kept_and_rounded(tmp_path, monkeypatch):
    monkeypatch.setattr(nb14, "FILE", tmp_path / "found.json")
    bench = nb14.Bench({})
    made = {"validation": 0.123456789, "test": {"AP": 0.5}, "bins": np.ones((2, 3))}
    bench.once("a", lambda: made)
    kept = nb14.Bench({}).once("a", pytest.fail)
    assert kept["validation"] == 0.12346 and kept["bins"] == [[1.0] * 3] * 2
    found = json.loads(nb14.FILE.read_text(encoding="utf-8"))
    assert found["command"] == "python -m benchmarks.nb14"
