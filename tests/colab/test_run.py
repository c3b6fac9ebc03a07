"""What `tests/colab/run.py` wrote down last, and how it comes to that."""

import copy
import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from colab import image, run

NOTEBOOKS = sorted(path.stem for path in (image.ROOT / "notebooks").glob("*.ipynb"))
OUTCOME = json.loads(run.OUTCOME.read_text(encoding="utf-8"))


def problems(outcome):
    """Say what an outcome lacks to be that of a whole run in which all passed."""
    results = outcome["notebooks"]
    failed = [name for name in results if results[name]["result"] != "passed"]
    rules = {
        "other notebooks than the course's": sorted(results) == NOTEBOOKS,
        f"not passed: {failed}": not failed,
        "no commit": re.match(r"[0-9a-f]{7,}( with changes)?$", outcome["commit"]),
        "a day to come": outcome["date"] <= datetime.now(UTC).date().isoformat(),
        "another list than freeze.txt": outcome["image"] == image.date_and_python()[0],
        "another Python or torch than Colab's": not image.unlike(
            outcome["versions"], outcome["python"]
        ),
        "versions that differ are not named": set(outcome["differs"])
        == set(image.differences(outcome["versions"], outcome["python"])),
    }
    return [problem for problem, kept in rules.items() if not kept]


def test_last_outcome_is_that_of_a_whole_run_in_which_all_passed():
    assert problems(OUTCOME) == []


def far(outcome, python=None, **versions):
    """Make an outcome one of other versions, which it names."""
    outcome["python"] = python or outcome["python"]
    outcome["versions"].update(versions)
    outcome["differs"] = image.differences(outcome["versions"], outcome["python"])


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda o: o["notebooks"].popitem(), "other notebooks than the course's"),
        (
            lambda o: o["notebooks"][NOTEBOOKS[3]].update(result="failed"),
            f"not passed: ['{NOTEBOOKS[3]}']",
        ),
        (lambda o: o.update(commit="main"), "no commit"),
        (lambda o: o.update(date="2999-01-01"), "a day to come"),
        (lambda o: o.update(image="2025-01-01"), "another list than freeze.txt"),
        (
            lambda o: o["versions"].update(keras="4.0"),
            "versions that differ are not named",
        ),
    ],
    ids=["a notebook less", "one failed", "commit", "date", "image", "versions"],
)
def test_outcome_that_claims_less_is_refused(change, problem):
    outcome = copy.deepcopy(OUTCOME)
    change(outcome)
    assert problems(outcome) == [problem]


def test_readme_says_what_the_outcome_says():
    readme = (image.ROOT / "README.md").read_text(encoding="utf-8")
    assert run.with_outcome(readme, OUTCOME) == readme
    assert run.with_outcome(readme, OUTCOME | {"date": "2026-01-01"}) != readme


def test_readme_without_the_comments_is_refused():
    with pytest.raises(ValueError, match="lacks the comments"):
        run.with_outcome("# A course\n", OUTCOME)


def test_what_differs_from_colab_is_named():
    frozen = image.frozen()
    same = {name: frozen[name] for name in ("numpy", "torch", "torchvision")}
    assert image.differences(same, image.date_and_python()[1]) == []
    other = {"numpy": frozen["numpy"], "torch": "2.13.0", "jedi": "0.20"}
    assert image.differences(other, "3.11.7") == [
        f"Python 3.11.7 (there {image.date_and_python()[1]})",
        f"torch 2.13.0 (there {frozen['torch']})",
    ]


def test_other_patch_or_build_is_named_and_verified_all_the_same():
    frozen, (_, python) = image.frozen(), image.date_and_python()
    build = {"torch": frozen["torch"].replace("+cpu", "+cu130")}
    patch = python.rpartition(".")[0] + ".0"
    assert len(image.differences(build, patch)) == 2
    assert image.unlike(build, patch) == []
    assert image.unlike({"torch": "2.13.0"}, "3.11.7") == [
        f"Python 3.11.7 (there {python})",
        f"torch 2.13.0 (there {frozen['torch']})",
    ]
    assert image.unlike({}, python) == [f"torch none (there {frozen['torch']})"]


def test_python_of_another_minor_version_is_not_taken(monkeypatch):
    monkeypatch.setattr(image.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="say where it is, with --python"):
        image.colab_python()


def test_version_that_cannot_be_had_gives_way_to_the_lock_and_then_to_any(
    monkeypatch, tmp_path
):
    """pip knows no keras 3.13 here, nor the lock's 3.15, and no 1.0 of foo."""
    tried = []

    def pip(command, **options):
        constraints = image.pins(Path(command[command.index("-c") + 1]).read_text())
        tried.append((constraints, command[-3:]))
        wrong = {"keras", "foo"} & constraints.keys()
        words = [f"The user requested (constraint) {name}==1" for name in wrong]
        return subprocess.CompletedProcess(command, int(bool(wrong)), "", str(words))

    monkeypatch.setattr(image, "BUILD", tmp_path)
    monkeypatch.setattr(image.subprocess, "run", pip)
    pytorch = {"torch": "2+cpu", "torchvision": "0+cpu", "torchaudio": "2+cpu"}
    others = {"keras": "3.13", "foo": "1", "nvidia-nccl-cu13": "2"}
    image.install(["pip"], pytorch | others, {"torch": "2.13.0", "keras": "3.15"})
    assert [constraints.get("keras") for constraints, _ in tried] == [
        "3.13",
        "3.15",
        None,
    ]
    last, asked = tried[-1]
    assert asked == ["torch==2", "torchvision==0", "torchaudio==2"]
    assert last["torch"] == "2" and not {"foo", "nvidia-nccl-cu13"} & last.keys()


def test_pytorch_does_not_give_way(monkeypatch, tmp_path):
    def pip(command, **options):
        words = "The user requested (constraint) torch==2"
        return subprocess.CompletedProcess(command, 1, "", words)

    monkeypatch.setattr(image, "BUILD", tmp_path)
    monkeypatch.setattr(image.subprocess, "run", pip)
    versions = {"torch": "2", "torchvision": "0", "torchaudio": "2"}
    with pytest.raises(SystemExit, match="cannot install Colab's versions"):
        image.install(["pip"], versions, {"torch": "2.13.0"})
