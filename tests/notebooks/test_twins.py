"""Twins are trained on the same pictures, with the same budgets and seeds."""

import json
import re

import numpy as np
import pytest
from checks import twins
from checks.notebook import PATHS, read
from checks.small import code, markdown, sound_notebook

from course_utils.session import ROOT

BY_NUMBER = {path.stem[:2]: path for path in PATHS}
PAIRS = (("08", "09"), ("10", "11"), ("12", "13"), ("17", "18"))
# What stands outside the twin cells all the same, and why the lessons still compare.
PROOF = "part of a proof that two ways of one framework end in the same weights"
STATED = {
    "08": {
        "per_device_train_batch_size=4": PROOF,
        "num_train_epochs=2": PROOF,
        "makes rows anew": "the rows of an exercise; no run follows that reads them",
    },
    "09": {
        "steps=4": PROOF,
        "epochs=2": PROOF,
        "run.pick(reduced=0.01, full=0.001)": "the rate of the opening's first stage, "
        "the head alone, which 08 has not; see the test of the openings",
    },
}
FOUND = {
    name: json.loads((ROOT / "benchmarks" / f"{name}.json").read_text("utf-8"))
    for name in ("nb10", "nb12")
}


@pytest.mark.parametrize(("torch", "keras"), PAIRS)
def test_twins_share_pictures_budgets_and_seeds(torch, keras):
    first, second = read(BY_NUMBER[torch]), read(BY_NUMBER[keras])
    assert twins.twin_cells(first), "there is none"
    assert twins.same_cells(first, second) == []
    assert twins.same_rows(first, second) == []


@pytest.mark.parametrize("number", [number for pair in PAIRS for number in pair])
def test_no_other_cell_of_a_twin_makes_or_changes_a_budget(number):
    notebook = read(BY_NUMBER[number])
    found = twins.used_as_they_are(notebook) + twins.numbers_elsewhere(notebook)
    found = {problem.partition(": ")[2] or problem for problem in found}
    assert found == set(STATED.get(number, ()))


def test_openings_of_08_and_09_take_as_many_steps_and_say_how():
    """Differently on purpose: transformers trains all at once, Keras in two stages."""
    first, second = (read(BY_NUMBER[number]) for number in ("08", "09"))
    epochs = [re.search(r"EPOCHS, GPU = (\d)", code_of(n))[1] for n in (first, second)]
    assert epochs == ["4", "3"]
    assert "history = model.fit(**to_fit)\n" in code_of(second)  # one more epoch
    assert (
        "One epoch of the head and three of everything are as many steps as 08's four"
        in "\n".join(cell.source for cell in second.cells)
    )


def code_of(notebook):
    return "".join(cell.source + "\n" for cell in notebook.code)


def test_comparisons_of_08_and_09_have_three_seeds_and_equal_budgets():
    for number in ("08", "09"):
        notebook = read(BY_NUMBER[number])
        values = [
            twins.value(notebook, name)
            for name in ("seeds", "epochs", "most", "BATCH", "RATE", "trial_share")
        ]
        assert values == [[0, 1, 2], 2, 20, 16, 1e-3, 0.5]


@pytest.mark.parametrize("number", ["10", "11", "12", "13"])
def test_lessons_have_the_recipe_that_their_table_was_measured_with(number):
    notebook = read(BY_NUMBER[number])
    found = FOUND["nb10" if number < "12" else "nb12"]
    for name, key in [("steps", "steps"), ("batch_size", "batch")]:
        assert twins.value(notebook, name) == found["recipe"][key]
    seeds = found.get("seeds") or found["recipe"]["seeds"]
    assert twins.value(notebook, "seeds") == seeds
    if number >= "12":  # these stand in the cells of the twins, too
        recipe = found["recipe"]
        assert twins.value(notebook, "weight_decay") == recipe["weight decay"]
        assert twins.value(notebook, "rank") == recipe["LoRA"]["rank"]


@pytest.mark.parametrize("key", FOUND["nb10"]["table"])
def test_table_of_nb10_is_what_its_runs_found(key):
    row = FOUND["nb10"]["table"][key]
    held, test = by_setting(FOUND["nb10"]["runs"], key)
    assert max(map(np.sum, held.values())) == np.sum(held[row["chosen"]])
    assert test[row["chosen"]] == row["right"]


@pytest.mark.parametrize("framework", ["torch", "keras"])
@pytest.mark.parametrize("way", FOUND["nb12"]["torch"]["table"])
def test_table_of_nb12_is_what_its_runs_found(way, framework):
    found = FOUND["nb12"][framework]
    row = found["table"][way]
    held, test = by_setting(found["runs"], way)
    chosen = row.get("rate") or FOUND["nb12"]["torch"]["table"]["probe"]["C"]
    assert max(map(np.sum, held.values())) == np.sum(held[chosen])
    assert test[chosen] == row["after"]


def test_both_frameworks_tried_the_same_ways_and_settings():
    tried = [
        {way: sorted(by_setting(found["runs"], way)[0]) for way in found["table"]}
        for found in (FOUND["nb12"]["torch"], FOUND["nb12"]["keras"])
    ]
    assert tried[0] == tried[1]


def by_setting(runs, key):
    """Return the right answers of each setting that a way tried, seed by seed."""
    held, test = {}, {}
    for name, run in runs.items():
        words, _, _ = name.rpartition(", seed ")
        if words.startswith(f"{key}, ") and words != f"{key}, before":
            setting = float(words.rpartition(" ")[2])
            held.setdefault(setting, []).append(run["held_out"])
            test.setdefault(setting, []).append(run["test"])
    assert len(held) == 4 and all(len(right) == 3 for right in held.values())
    return held, test


# --- the checks themselves


def small(folder, *cells):
    notebook = sound_notebook()
    notebook["cells"][5:5] = cells  # behind the opening
    path = folder / f"01_small_{len(list(folder.iterdir()))}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return read(path)


SHARED = code("steps, seeds = run.pick(reduced=60, full=500), [0, 1]", tags=["twin"])
USE = code("for seed in seeds:\n    train(steps=steps, seed=seed)")


def test_equal_twin_cells_are_no_problem(tmp_path):
    pair = small(tmp_path, SHARED, USE), small(tmp_path, SHARED, USE)
    assert twins.same_cells(*pair) == []
    for notebook in pair:
        assert twins.used_as_they_are(notebook) == []
        assert twins.numbers_elsewhere(notebook) == []
        assert twins.value(notebook, "steps") == 60
        assert twins.value(notebook, "seeds") == [0, 1]


def test_names_of_a_comprehension_and_a_choice_by_rows_are_understood(tmp_path):
    source = "few = [x for x in (1, 2)]\nsteps, most = (60, 20) if few else (1, 2)"
    cells = code(source, tags=["twin"]), code("x = few\nprint(steps, most)")
    notebook = small(tmp_path, *cells)
    assert twins.used_as_they_are(notebook) == []
    assert twins.value(notebook, "most") == 20


def test_a_twin_cell_that_differs_or_is_missing_is_found(tmp_path):
    ours = small(tmp_path, SHARED, USE)
    other = code(SHARED["source"].replace("60", "40"), tags=["twin"])
    (problem,) = twins.same_cells(ours, small(tmp_path, other, USE))
    assert "reduced=60" in problem
    (problem,) = twins.same_cells(ours, small(tmp_path, USE))
    assert problem.startswith("1 twin cells")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("seeds = seeds[:1]", "makes seeds anew"),
        ("print(seeds)", "never uses steps"),
    ],
)
def test_a_shared_name_that_is_not_used_as_it_is_is_found(source, words, tmp_path):
    notebook = small(tmp_path, SHARED, code(source))
    assert any(words in problem for problem in twins.used_as_they_are(notebook))


@pytest.mark.parametrize(
    "source",
    [
        "train(steps=40)",
        "train(lr=1e-3)",
        "lr = 5e-4",
        "few = at_most(test, run.pick(reduced=60, full=100))",
        "TrainingArguments(out, num_train_epochs=4)",
        "seeds = [0, 1]",
    ],
)
def test_a_budget_outside_the_twin_cells_is_found(source, tmp_path):
    assert twins.numbers_elsewhere(small(tmp_path, code(source)))


@pytest.mark.parametrize(
    "source",
    [
        "train(steps=steps, seed=seed)",
        "loop(seed=0, epochs=1)",
        "lr = run.pick(reduced=small_rate, full=large_rate)",
        "plt.subplots(figsize=(4, 3))",
    ],
)
def test_names_and_none_or_once_are_no_budget(source, tmp_path):
    assert twins.numbers_elsewhere(small(tmp_path, code(source))) == []


def test_exercises_may_choose_their_numbers_and_optional_sections_may_not(tmp_path):
    cells = [markdown("## Exercises"), code("train(steps=40)")]
    assert twins.numbers_elsewhere(small(tmp_path, *cells)) == []
    cells[1:1] = [markdown("## Optional · More")]
    assert twins.numbers_elsewhere(small(tmp_path, *cells))
