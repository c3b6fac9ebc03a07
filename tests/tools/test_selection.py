"""Which notebooks a run is about, and the names of their copies."""

import pytest
from command_line import write_notebook

from course_tools import selection


@pytest.fixture
def folder(tmp_path):
    for name in ("00_start", "01_math", "04_vit_mnist", "04_vit_other"):
        write_notebook(tmp_path / "notebooks", name, "1")
    return tmp_path / "notebooks"


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], ["00_start", "01_math", "04_vit_mnist", "04_vit_other"]),
        (["01"], ["01_math"]),
        (["04_vit_m"], ["04_vit_mnist"]),
        (["04_vit_mnist.ipynb", "00_start"], ["04_vit_mnist", "00_start"]),
        (["01", "01_math"], ["01_math"]),
    ],
)
def test_names_of_notebooks(folder, names, found):
    assert selection.select(names, folder) == [
        folder / f"{name}.ipynb" for name in found
    ]


def test_a_path_names_a_notebook_anywhere(folder, tmp_path):
    other = write_notebook(tmp_path / "mine", "try", "1")
    assert selection.select([str(other)], folder) == [other]


@pytest.mark.parametrize(("name", "kind"), [("7", "is no"), ("04", "fits several")])
def test_names_that_do_not_decide_are_refused(folder, name, kind):
    with pytest.raises(ValueError, match=f"'{name}' {kind}.*04_vit_mnist, 04_vit_oth"):
        selection.select([name], folder)


def test_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no notebooks in"):
        selection.select([], tmp_path)


# Names of copies


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["notebooks/01", "notebooks/01-Copy1"], ["01", "01-Copy1"]),
        (["ada/01", "ben/01", "notebooks/01"], ["ada-01", "ben-01", "01"]),
        (
            ["a/x", "b/a/x", "notebooks/a-x-2", "c/A/X"],
            ["a-x", "a-x-2", "a-x-2-2", "A-X-3"],
        ),
    ],
    ids=["the course's own", "elsewhere", "met by chance"],
)
def test_copies_of_different_notebooks_never_meet(paths, names, tmp_path):
    found = selection.name_copies(
        [tmp_path / f"{path}.ipynb" for path in paths], tmp_path / "notebooks"
    )
    assert list(found) == names
    assert [path.relative_to(tmp_path).as_posix() for path in found.values()] == [
        f"{path}.ipynb" for path in paths
    ]


def test_separate_runs_of_one_name_keep_a_copy_each(tmp_path):
    course = tmp_path / "notebooks"
    names = [
        name
        for learner in ("ada", "ben")
        for name in selection.name_copies([tmp_path / learner / "01.ipynb"], course)
    ]
    assert names == ["ada-01", "ben-01"]
