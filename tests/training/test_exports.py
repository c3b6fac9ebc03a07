"""The table of exports: sizes, agreement and times of what the scripts leave."""

import json

import numpy as np
import pytest

from benchmarks import exports


@pytest.fixture
def forms(tmp_path):
    """Return a model of the mean brightness, and one that is off for bright ones."""
    (tmp_path / "folder" / "deep").mkdir(parents=True)
    for name, size in (
        ("file", 2_000_000),
        ("folder/deep/a", 500_000),
        ("folder/b", 1),
    ):
        (tmp_path / name).write_bytes(bytes(size))

    def exact(pictures):
        bright = pictures.reshape(len(pictures), -1).mean(1) / 255
        return np.stack([bright, 1 - bright], 1)

    def off(pictures):
        shares = exact(pictures)
        return np.where(shares[:, :1] > 0.9, shares[:, ::-1], shares)

    return {"model": (exact, tmp_path / "file"), "int8": (off, tmp_path / "folder")}


def pictures_of(values):
    return np.array(values, "uint8")[:, None, None, None].repeat(3, 3)


def test_forms_are_compared_with_the_first(forms):
    pictures = pictures_of([0, 51, 204, 255])
    truth, test = np.array([1, 1, 0, 0]), np.array([False, True, True, True])
    rows = exports.agreement(forms, pictures, truth, test)
    assert rows["model"] == {
        **{"MB": 2.0, "largest difference": 0.0},
        **{"same answers": 4, "right": 3},
    }
    assert rows["int8"] == {
        **{"MB": 0.5, "largest difference": 1.0},
        **{"same answers": 3, "right": 2},
    }


def test_pictures_are_asked_in_parts_and_none_is_lost(forms):
    values = np.arange(120)
    rows = exports.agreement(forms, pictures_of(values), values * 0 + 1, values > 9)
    assert rows["model"]["same answers"] == 120 and rows["model"]["right"] == 110


def test_all_forms_get_their_turn_in_every_round(monkeypatch, tmp_path):
    asked = []
    forms = {k: (lambda x, k=k: asked.append(k), tmp_path) for k in "abc"}
    least = exports.times(forms, [0, 0], calls=2)
    assert asked == list("abc") + exports.ROUNDS * list("aabbcc")
    assert set(least) == set("abc") and all(value >= 0 for value in least.values())


# What is stored


@pytest.fixture(scope="module")
def stored():
    return json.loads(exports.FILE.read_text(encoding="utf-8"))


def test_each_framework_has_all_its_forms(stored):
    forms = {"pytorch": 4, "tensorflow": 5}
    assert {f: len(stored[f]["rows"]) for f in exports.FRAMEWORKS} == forms
    for part in (stored[framework] for framework in forms):
        first = next(iter(part["rows"].values()))
        assert first["largest difference"] == 0
        assert first["same answers"] == part["pictures"]
        assert first["time, 1"] == first["time, 16"] == 1


def test_only_int8_changes_answers(stored):
    for part in (stored[framework] for framework in exports.FRAMEWORKS):
        for name, row in part["rows"].items():
            if "int8" not in name:
                assert row["same answers"] == part["pictures"]
                assert row["largest difference"] < 1e-4
            else:
                assert row["same answers"] > 0.95 * part["pictures"]


def test_both_frameworks_answer_the_same_pictures(stored):
    sizes = {
        (stored[framework]["pictures"], stored[framework]["test pictures"])
        for framework in exports.FRAMEWORKS
    }
    assert len(sizes) == 1


def test_printed_table_has_a_line_for_each_form(stored):
    lines = exports.markdown(stored).splitlines()
    assert len(lines) == 2 + 9
    assert len({line.count("|") for line in lines}) == 1
