"""The benchmark of notebook 13 runs the lesson's own functions and chooses fairly."""

import json

import pytest
from bench_cells import asked_for, defined

from benchmarks import nb13


class Names(dict):
    """Stands for the lesson: no pictures, and of Keras only a version."""

    def __init__(self):
        class Keras:
            __version__ = "3"

        super().__init__(
            keras=Keras,
            arrays=lambda rows: rows,
            batches_of=lambda seed: (),
            held_out=(),
            images=(),
            truth=(),
        )


def test_cells_tagged_bench_define_all_that_the_benchmark_asks_for():
    assert len(asked_for(nb13)) > 8
    assert asked_for(nb13) - defined(nb13.definitions()) == set()


def test_only_definitions_of_tagged_cells_are_run(tmp_path):
    def cell(source, *tags):
        return {"cell_type": "code", "metadata": {"tags": tags}, "source": [source]}

    path = tmp_path / "lesson.ipynb"
    cells = [
        cell("two = 2\n\n\ndef twice(x):\n    return two * x\n\n\n1 / 0", "bench"),
        cell("two = 3"),
    ]
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert nb13.lesson(path)["twice"](4) == 8


@pytest.fixture
def runs():
    """Return runs in which the third setting is the best on held-out pictures."""
    found = {"LoRA, cost": {"learn": 5, "file": 0.1}}
    for way, word, settings in [
        ("probe", "C", nb13.STRENGTHS),
        ("LoRA", "lr", nb13.rates_of("LoRA")),
    ]:
        for i, setting in enumerate(settings):
            for seed in nb13.SEEDS:
                found[f"{way}, {word} {setting:g}, seed {seed}"] = {
                    "before": 100 + seed,
                    "held_out": 90 + seed - 3 * abs(i - 2),
                    "test": 10 * i + seed,
                }
    return found


def test_held_out_pictures_choose_and_test_pictures_are_reported(runs):
    table = nb13.table_of(runs)
    assert list(table) == ["probe", "LoRA"]  # no other way has its runs
    assert table["probe"] == {"C": nb13.STRENGTHS[2], "after": [20, 21, 22]}
    assert table["LoRA"] == {
        "learn": 5,
        "file": 0.1,
        "rate": 3e-3,
        "at the edge": False,
        "before": [100, 101, 102],
        "after": [20, 21, 22],
    }


def test_part_of_the_other_framework_and_runs_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(nb13, "FILE", tmp_path / "found.json")
    nb13.FILE.write_text('{"torch": {"runs": 1}, "keras": {"runs": {"a": 2}}}')
    bench = nb13.Bench(Names())
    assert bench.once("a", pytest.fail) == 2
    assert bench.once("b", lambda number: number + 1, 2) == 3
    found = json.loads(nb13.FILE.read_text(encoding="utf-8"))
    assert found["torch"] == {"runs": 1}
    assert found["keras"]["runs"] == {"a": 2, "b": 3}
    assert "nb13" in found["keras"]["command"]
