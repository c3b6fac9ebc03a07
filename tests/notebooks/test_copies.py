"""Code stands in one place; what lessons derive and the package ships is the same."""

import pytest
from checks.copies import (
    copied_code,
    definitions,
    own_code,
    pieces,
    shipped_code,
    shipped_names,
)
from checks.notebook import PATHS, TWINS, read
from checks.small import add, code, sound_notebook, stored

from course_utils.session import ROOT

# Where code that a notebook derives may be shipped.
SHIPPED = ("vit", "convert", "training", "finetune")


PACKAGE = {
    path.relative_to(ROOT / "course_utils").as_posix(): definitions(
        path.read_text("utf-8")
    )
    for folder in SHIPPED
    for path in (ROOT / "course_utils" / folder).rglob("*.py")
}


SCRIPTS = [path.read_text("utf-8") for path in (ROOT / "examples").glob("*.py")]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_shipped_code_is_the_same_in_notebook_and_package(path):
    assert shipped_code(read(path), list(PACKAGE.values()), SCRIPTS) == []


def test_code_stands_in_one_place_unless_tagged_shipped():
    package = ROOT / "course_utils"
    places = {
        path.relative_to(package).as_posix(): pieces(path.read_text("utf-8"))
        for path in package.rglob("*.py")
    }
    notebooks = {path.stem: read(path) for path in PATHS}
    for name, notebook in notebooks.items():
        code = [pieces(cell.source) for cell in own_code(notebook)]
        places[name] = set().union(*code)
    found = {}
    for name, notebook in notebooks.items():
        pair = next((pair for pair in TWINS if name[:2] in pair), (name[:2],))
        # Exercises repeat a cell by design: the solution mends the bug shown there.
        own = (*(f"{number}_" for number in pair), f"exercises/nb{name[:2]}_")
        others = {k: v for k, v in places.items() if not k.startswith(own)}
        found[name] = copied_code(notebook, others)
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_every_public_name_of_the_torch_model_is_derived_in_a_notebook():
    derived = set().union(*(shipped_names(read(path)) for path in PATHS))
    public = {name for name in PACKAGE["vit/torch.py"] if not name.startswith("_")}
    assert public - derived == set()


SHIPS = [
    definitions(
        'class A:\n    """Doc."""\n    def f(self, x: int) -> int:\n        return x'
    )
]


@pytest.mark.parametrize(
    ("source", "problems"),
    [
        ("class A:\n    def f(self, x):  # comment\n        return x", 0),
        ("class A:\n    def f(self, x):\n        return x + 1", 1),
        ("class B:\n    pass", 1),
        ("x = 1", 1),
    ],
)
def test_shipped_code_is_compared_without_docstrings_and_annotations(
    source, problems, folder
):
    notebook = sound_notebook()
    add(code(source, tags=["shipped"]))(notebook)
    assert len(shipped_code(stored(folder, notebook), SHIPS)) == problems


@pytest.mark.parametrize(("line", "problems"), [("print( x )", 0), ("print(y)", 1)])
def test_shipped_code_may_be_a_block_of_a_script(line, problems, folder):
    script = "import sys\n# %% One\nx = 1  # first\nprint(x)\n\n# %% Two\nprint(2)\n"
    notebook = sound_notebook()
    add(code(f"x = 1\n{line}", tags=["shipped"]))(notebook)
    assert len(shipped_code(stored(folder, notebook), SHIPS, [script])) == problems


COPIED = """
import math

def area(radius: float):
    \"\"\"Of a circle.\"\"\"
    square = radius**2
    return math.pi * square

for x in range(3):
    print(x)
    for y in range(3):
        print(y)
x, y = 3, 4
print(x + y)
"""


@pytest.mark.parametrize(
    ("source", "copies"),
    [
        ("def area(radius):\n    square = radius**2\n    return math.pi * square", 1),
        ("def area(radius):\n    return math.pi * radius**2", 0),
        (COPIED[COPIED.index("for") :], 1),
        (COPIED[COPIED.index("for") : COPIED.index("print(x + y)")], 0),
    ],
)
def test_copied_code_is_found(source, copies, folder):
    notebook = sound_notebook()
    add(code(source))(notebook)
    found = copied_code(stored(folder, notebook), {"area": pieces(COPIED)})
    assert len(found) == copies


def test_shipped_code_is_no_copy(folder):
    notebook = sound_notebook()
    add(code(COPIED, tags=["shipped"]))(notebook)
    assert copied_code(stored(folder, notebook), {"area": pieces(COPIED)}) == []
