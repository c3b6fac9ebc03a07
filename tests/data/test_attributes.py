"""The attributes of breeds: those of the Hub's set and those of drawn-pets."""

import collections

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features

from course_utils import session
from course_utils.data import load, sets, with_attributes
from course_utils.data.attributes import ATTRIBUTES, BREEDS
from drawing.pets.breeds import BREEDS as DRAWN

REAL = session.ROOT.parent / "shared" / "datasets" / "timm" / "oxford-iiit-pet"
OXFORD = [breed for breed in BREEDS if breed not in DRAWN]


def attributes(breed):
    return BREEDS[breed].split(", ")


@pytest.mark.parametrize("breed", BREEDS)
def test_a_breed_is_one_species_with_one_coat_at_most_and_one_kind_of_ears(breed):
    told = attributes(breed)
    assert len(set(told)) == len(told) and set(told) <= set(ATTRIBUTES)
    kinds = collections.Counter(word.split()[-1] for word in told)
    assert kinds["cat"] + (told[0] == "dog") == 1 == kinds["ears"]
    assert kinds["coat"] == (breed != "sphynx")
    assert kinds["dog"] <= 2 if told[0] == "dog" else not kinds["dog"]


def test_oxford_s_37_breeds_have_every_attribute_twice_at_least():
    told = collections.Counter(name for x in OXFORD for name in attributes(x))
    assert len(OXFORD) == 37 and told["cat"] == 12 and told["dog"] == 25
    assert set(told) == set(ATTRIBUTES) and min(told.values()) >= 2


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/datasets")
def test_breeds_are_named_as_the_hub_names_them():
    (file, *_) = sorted(REAL.glob("data/test-*.parquet"))
    assert sorted(sets.names_in(file, "label")) == sorted(OXFORD)


@pytest.mark.parametrize("breed", DRAWN)
def test_drawn_breeds_are_what_the_program_draws(breed):
    told, drawn = attributes(breed), DRAWN[breed]
    assert told[0] == drawn.species
    assert ("upright ears" in told) == (drawn.ears in ("prick", "tufted"))
    assert ("dark mask" in told) == (drawn.pattern == "points")
    assert ("spots or patches" in told) == (drawn.pattern in ("spots", "patches"))
    assert ("short coat" in told) == (drawn.fur < 0.04)


def test_each_picture_gets_the_attributes_of_its_breed():
    before = load("pets")
    after = with_attributes(before)
    assert list(after) == list(before)
    for split, rows in after.items():
        assert rows.column_names == ["image", "breed", "labels"]
        assert tuple(rows.features["labels"].feature.names) == ATTRIBUTES
        assert rows["breed"][:] == before[split]["label"][:]
        names = rows.features["breed"].names
        for breed, labels in zip(rows["breed"], rows["labels"], strict=True):
            assert [ATTRIBUTES[k] for k in labels] == attributes(names[breed])
    one, other = after["test"][7]["image"], before["test"][7]["image"]
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_an_unknown_breed_is_refused():
    features = Features(label=ClassLabel(names=["poodle"]))
    rows = Dataset.from_dict({"label": [0]}, features=features)
    with pytest.raises(ValueError, match="'poodle'; add it to BREEDS"):
        with_attributes(DatasetDict(train=rows))
