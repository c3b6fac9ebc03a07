"""Labels are whole numbers of classes, or one sentence says which is not."""

import numpy as np
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from course_utils.data.pictures import class_numbers, labels_of


@pytest.mark.parametrize(
    "labels", [[0, 1, 1], (0, 1, 1), np.array([0, 1, 1], np.int32), [False, True, True]]
)
def test_labels_become_whole_numbers(labels):
    numbers = class_numbers(labels, 2)
    assert numbers.dtype == np.int64 and numbers.tolist() == [0, 1, 1]


def test_labels_in_tensors_become_whole_numbers():
    torch = pytest.importorskip("torch")
    for labels in (torch.tensor([0, 1]), [torch.tensor(0), torch.tensor(1)]):
        assert class_numbers(labels).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([0, 1, -1], "label of row 2 is -1, but classes are whole numbers, 0 to 1"),
        ([0, 2], "label of row 1 is 2, but classes are whole numbers, 0 to 1"),
        ([-100], "label of row 0 is -100, but"),
        (["cat", "dog"], "is 'cat', but classes are whole numbers.*class_encode"),
        ([0, None], "label of row 1 is None, but"),
        ([0.0, float("nan")], "is 0.0, but classes are whole numbers"),
        ([float("nan")], "label of row 0 is nan, but"),
        ([[0, 1], [1, 0]], "is .0, 1., but classes are whole numbers"),
    ],
)
def test_labels_that_are_no_classes_are_told(labels, said):
    for given in (labels, np.array(labels)):
        with pytest.raises(ValueError, match=said):
            class_numbers(given, 2)


def test_labels_of_a_data_set_are_compared_with_its_names():
    rows = Dataset.from_dict({"label": [0, 1]}, Features({"label": Value("int64")}))
    assert labels_of(rows).tolist() == [0, 1]
    named = rows.cast_column("label", ClassLabel(names=["cat", "dog"]))
    hidden = named.with_transform(lambda rows: {"other": rows["label"]})
    assert labels_of(hidden).tolist() == [0, 1]
    few = Dataset(rows.data, info=rows.info.copy())
    few.info.features = Features({"label": ClassLabel(names=["cat"])})
    with pytest.raises(ValueError, match="row 1 is 1, but classes .* 0 to 0;"):
        labels_of(few)
    with pytest.raises(ValueError, match="no column 'label' .it has kind"):
        labels_of(rows.rename_column("label", "kind"))
