"""The benchmarks of notebooks 17 and 18 run the scripts' code and choose fairly."""

import ast
import json

import numpy as np
import pandas as pd
import pytest
from bench_cells import asked_for, defined
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import nb17, nb18, own_runs
from benchmarks import own_pictures as own

BOTH = pytest.mark.parametrize("lesson", [nb17, nb18])
WAY = own.PLAIN


# The scripts


@BOTH
def test_script_defines_all_that_the_benchmark_asks_for(lesson):
    wanted = asked_for(own_runs, lesson) - {"with LoRA"}
    assert len(wanted) > 6
    assert wanted - defined(ast.parse(own.cells_of(lesson.SCRIPT))) == set()


@BOTH
def test_script_is_run_no_further_than_fine_tuned(lesson):
    tree = ast.parse(own.cells_of(lesson.SCRIPT))
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert "fine_tuned" not in {ast.unparse(call) for call in calls}
    assert "trials" not in defined(tree)


def test_script_gets_its_settings_and_keeps_its_output(tmp_path, capsys):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nasked = sys.argv[1:]\n# %% A\nprint('loud')\n"
        "# %% B\ndef fine_tuned():\n    return asked\n\n\n# %% C\n1 / 0\n"
    )
    names = own.lesson(script, tmp_path / "in", tmp_path / "out", 3, model="m")
    assert set(names["fine_tuned"]()) == {
        f"--pictures={tmp_path / 'in'}",
        f"--output={tmp_path / 'out'}",
        "--seed=3",
        "--model=m",
        f"--groups={own.GROUPS}",
    }
    assert capsys.readouterr().out == ""


def test_random_twin_has_the_shapes_and_none_of_the_weights(tmp_path):
    from safetensors.numpy import load_file

    real, twin = (
        load_file(f"{folder}/model.safetensors")
        for folder in (own.locate("finetune"), own.random_twin(tmp_path))
    )
    assert {k: v.shape for k, v in real.items()} == {
        k: v.shape for k, v in twin.items()
    }
    name = "vit.embeddings.patch_embeddings.projection.weight"
    a, b = real[name].ravel(), twin[name].ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.05
    norms = [v for k, v in twin.items() if "layernorm" in k and k.endswith("weight")]
    assert all((norm == 1).all() for norm in norms)


# Measures


def test_macro_f1_is_over_the_classes_that_are_there():
    truth, answers = np.array([0, 0, 1, 1, 3]), np.array([0, 1, 1, 1, 2])
    found = own.measured(truth, answers, counts=np.array([9, 8, 7, 6]))
    assert found["macro F1"] == pytest.approx((2 / 3 + 0.8 + 0) / 3)
    assert found["macro F1"] == pytest.approx(
        f1_score(truth, answers, labels=[0, 1, 3], average="macro", zero_division=0)
    )
    assert found["accuracy"] == 0.6 and found["pictures"] == 5
    assert found["rare"] == [2, 3]  # of classes 1, 2 and 3


def test_threshold_keeps_the_errors_within_the_budget():
    top = np.array([0.9, 0.8, 0.7, 0.6, 0.55])
    shares = np.stack([top, 1 - top], 1)
    truth = np.array([0, 0, 1, 0, 1])
    assert own.threshold_of(truth, shares, 0.0) == 0.8
    assert own.threshold_of(truth, shares, 0.25) == 0.6  # one of four
    assert own.threshold_of(truth, shares, 0.4) == 0.55
    assert own.threshold_of(1 - truth, shares, 0.1) == np.inf


def test_confidence_is_chosen_on_validation_and_told_of_test():
    random = np.random.default_rng(0)
    logits = random.normal(size=(600, 4))
    truth = np.array([random.choice(4, p=softmax(row)) for row in logits])
    shares = softmax(3 * logits, axis=1)  # three times too sure
    half = slice(None, 300), slice(300, None)
    found = own.confidence(*((truth[part], shares[part]) for part in half))
    assert 2 < found["temperature"] < 4.5
    before, after = found["test loss"]
    assert after < before
    answered, wrong, of = found["budget 0.1"]["answered, wrong, of"]
    assert of == 300 and wrong <= answered <= of


# Choosing


def run(validation, test):
    found = {"accuracy": 0.5, "rare": [1, 4], "pictures": 9}
    sure = {"temperature": 1.0, "test loss": [2.0, 1.0]}
    sure |= {f"budget {b:g}": {"answered, wrong, of": [4, 1, 9]} for b in own.BUDGETS}
    return {
        "validation": {"macro F1": validation},
        "test": {**found, "macro F1": test},
        "confidence": sure,
    }


@pytest.fixture
def runs():
    """Return runs in which the second setting is the best on validation pictures."""
    found = {}
    for way in (WAY, "probe, balanced"):
        for i, setting in enumerate(own.SETTINGS[way]):
            for seed in own.SEEDS if i == 1 else own.SEEDS[:1]:
                score = 0.5 - 0.1 * abs(i - 1)
                found[own.key_of(way, setting, seed)] = run(
                    score, 0.1 * i + 0.01 * seed
                )
    return found


def test_validation_pictures_choose_and_test_pictures_are_reported(runs):
    table = own.table_of(runs, own.SETTINGS)
    assert list(table) == ["probe, balanced", WAY]  # no other way has its runs
    assert table[WAY]["setting"] == own.RATES[1]
    assert table[WAY]["macro F1 of the seeds"] == [0.1, 0.11, 0.12]
    assert table[WAY]["rare"] == [3, 12]
    mean, error = table[WAY]["macro F1"]
    assert mean == 0.11 and error == pytest.approx(0.01 / 3**0.5, abs=1e-4)


def test_way_that_lacks_a_run_is_not_in_the_table(runs):
    for missing in (own.key_of(WAY, own.RATES[2], 0), own.key_of(WAY, own.RATES[1], 2)):
        fewer = {key: found for key, found in runs.items() if key != missing}
        assert list(own.table_of(fewer, own.SETTINGS)) == ["probe, balanced"]


def test_difference_to_plain_is_paired_by_seed(runs):
    found = own.summary(runs, own.SETTINGS)["minus plain"]
    assert found == {"probe, balanced": [0.0, 0.0]}


def test_all_ways_try_equally_many_settings():
    assert {len(own.SETTINGS[way]) for way in own.WAYS[1:]} == {3}


# Runs


class Names(dict):
    """Stands for a lesson: 60 pictures, in pairs that are nearly equal."""

    def __init__(self):
        random = np.random.default_rng(0)
        label = np.repeat([0, 1, 2], (30, 20, 10))
        table = pd.DataFrame({"label": label, "group": np.arange(60) // 2})
        table["file"] = [f"class/{number}.jpg" for number in range(60)]
        table["split"] = "train"
        animals = random.normal(size=(30, 60))[table["group"]]
        x = animals + 0.05 * random.normal(size=(60, 60)) + 0.2 * label[:, None]

        def probe(x, y):
            return make_pipeline(StandardScaler(), LogisticRegression()).fit(x, y)

        super().__init__(
            table=table, features=lambda rows: x[rows.index], probe=probe, names="abc"
        )


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "folder_of", lambda place: (place, {}))
    lesson = Names()
    monkeypatch.setattr(own_runs.Bench, "names", lambda self, seed, model="": lesson)
    found = own_runs.Bench(
        file=tmp_path / "found.json",
        script=nb17.SCRIPT,
        command="python -m benchmarks.nb17",
        version="torch",
        adapted=None,
        place=tmp_path,
        settings=own.SETTINGS,
    )
    for strength in own.STRENGTHS:
        key = own.key_of("probe, balanced", strength, 0)
        found.runs[key] = {"validation": {"macro F1": -strength}}
    return found


def test_runs_are_kept_and_rounded(bench):
    made = bench.once("a", lambda number: {"place": number, "x": [1 / 3]}, 7)
    assert made["x"] == [0.33333] and bench.once("a", pytest.fail) == made
    found = json.loads(bench.file.read_text(encoding="utf-8"))
    assert found["command"] == "python -m benchmarks.nb17"
    assert found["runs"]["a"] == made


def test_split_by_file_has_the_sizes_of_a_fifth_and_tears_groups_apart(bench):
    names = bench.names(0)
    bench.split_by_file(names, 0)
    assert [len(names[x]) for x in ("test", "validation", "train")] == [12, 12, 36]
    torn = names["table"].groupby("group")["split"].nunique() > 1
    assert torn.sum() > 10
    assert names["counts"].tolist() == [18, 12, 6]


def test_probe_that_has_seen_the_twin_looks_better(bench):
    found = [bench.leak_of_probe(seed) for seed in range(3)]
    assert all(one["file"] > one["group"] + 0.05 for one in found)


def test_wrong_label_of_a_clear_picture_comes_first(bench):
    names = bench.names(0)
    names["features"] = lambda rows: 9.0 * np.eye(3)[np.repeat([0, 1, 2], (30, 20, 10))]
    names["table"].loc[4, "label"] = 2
    bench.planted = {"wrong class": ("class/4.jpg",)}
    assert bench.wrong_label(0) == {"place": 1, "of": 60}
    assert bench.wrong_label(0, anywhere=True)["place"] <= 2  # two are wrong now


# What is stored


@pytest.fixture(scope="module", params=[nb17, nb18])
def stored(request):
    return json.loads(request.param.FILE.read_text(encoding="utf-8"))


def test_stored_tables_are_those_of_the_stored_runs(stored):
    tables = own.summary(stored["runs"], stored["settings"])
    assert {name: stored[name] for name in tables} == json.loads(json.dumps(tables))
    assert set(stored["table"]) == set(own.WAYS)
    assert {row["rare"][1] for row in stored["table"].values()} == {
        stored["table"][WAY]["rare"][1]  # all ways were asked for the same pictures
    }
