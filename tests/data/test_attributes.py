"""What a breed looks like, as several labels of a picture."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from course_utils.data import load
from course_utils.data.attributes import BREEDS, NAMES, with_attributes


def test_every_breed_has_known_attributes_of_which_some_exclude_each_other():
    assert set().union(*BREEDS.values()) == set(NAMES)
    for breed, words in BREEDS.items():
        assert len(words) == len(set(words)), breed
        for pair in (("cat", "dog"), ("pointed ears", "hanging ears")):
            assert len(set(pair) & set(words)) <= 1, breed
        assert {"cat", "dog"} & set(words), breed


def test_pictures_get_the_attributes_of_their_breed():
    pets = load("pets")
    data = with_attributes(pets)
    feature = data["test"].features["labels"].feature
    assert feature.names == list(NAMES)
    breeds = pets["test"].features["label"].names
    for row in (0, 7, 100):
        words = {NAMES[k] for k in data["test"][row]["labels"]}
        assert words == set(BREEDS[breeds[pets["test"][row]["label"]]])
        assert data["test"][row]["image"] == pets["test"][row]["image"]
    assert "label" not in data["test"].column_names


def test_an_unknown_breed_is_refused():
    features = Features(label=ClassLabel(names=["unicorn"]), row=Value("int64"))
    rows = Dataset.from_dict({"label": [0], "row": np.arange(1)}, features=features)
    with pytest.raises(ValueError, match=r"known of unicorn; add them to BREEDS"):
        with_attributes(DatasetDict(train=rows))
