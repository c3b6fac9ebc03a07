"""Copies of the course for a class: what is in them, and what is refused."""

import ast
import json
import shutil
import subprocess

import pytest
from checks.texts import broken_links
from typer.testing import CliRunner

from course_tools import cli, export
from course_utils.exercises import catalog
from course_utils.session import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXERCISES = sum(map(len, catalog.LESSONS.values()))
# What the course keeps for itself: its tests, and what runs them.
LEFT_OUT = (
    ".ci/",
    ".github/",
    ".pre-commit-config.yaml",
    "conftest.py",
    "tests/",
)


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "student"
    export.export(folder, solved=False)
    return folder


@pytest.fixture(scope="module")
def solved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class") / "solved"
    export.export(folder, solved=True)
    return folder


@pytest.fixture
def small(tmp_path):
    """Return a course of notebook 00 alone, to be changed."""
    root = tmp_path / "course"
    (root / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "00_start_here.ipynb", root / "notebooks")
    return root


def files(folder):
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    }


def cells(path):
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def sources(path, kind="code"):
    return ["".join(c["source"]) for c in cells(path) if c["cell_type"] == kind]


def answer(root, text, *below):
    """Write something in the place of 00's stub and cells below it, as a learner."""
    path = root / "notebooks" / "00_start_here.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    (at,) = (i for i, c in enumerate(notebook["cells"]) if c["source"] == [STUB])
    notebook["cells"][at : at + 1] = [
        {**notebook["cells"][at], "source": source.splitlines(keepends=True)}
        for source in (text, *below)
    ]
    path.write_text(json.dumps(notebook), encoding="utf-8")


STUB = "number_of_patches = ..."


# --- what is in a copy ------------------------------------------------------------


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git knows the files")
def test_copy_has_every_file_of_the_course_but_its_tests(student):
    tracked, new = (
        subprocess.run(
            ["git", "ls-files", "-z", *which],
            cwd=ROOT,
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout.split("\0")
        for which in ((), ("--others", "--exclude-standard"))
    )
    wanted = {name for name in tracked if not name.startswith(LEFT_OUT)} - {""}
    assert wanted <= files(student)
    assert files(student) - wanted <= set(new)


def test_links_of_the_texts_lead_somewhere_in_a_copy(student):
    texts = sorted(student.rglob("*.md"))
    assert len(texts) > 5
    for path in texts:
        assert broken_links(path, path.read_text(encoding="utf-8")) == [], path.name


def test_both_copies_differ_in_their_stubs_only(student, solved):
    assert files(student) == files(solved)
    changed = 0
    for path in NOTEBOOKS:
        ours, theirs = (cells(d / "notebooks" / path.name) for d in (student, solved))
        differ = [a for a, b in zip(ours, theirs, strict=True) if a != b]
        changed += len(differ)
        assert all("..." in "".join(cell["source"]) for cell in differ)
    assert changed == EXERCISES
    others = [name for name in files(student) if not name.endswith(".ipynb")]
    assert all((student / n).read_bytes() == (solved / n).read_bytes() for n in others)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_notebooks_of_a_copy_are_the_course_s_without_results(path, student):
    def bare(cell):
        return {
            k: v for k, v in cell.items() if k not in ("outputs", "execution_count")
        }

    copies = cells(student / "notebooks" / path.name)
    assert list(map(bare, copies)) == list(map(bare, cells(path)))
    for cell in copies:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_solved_notebook_is_python_with_a_solution_in_each_stub(path, solved):
    copy = solved / "notebooks" / path.name
    code = sources(copy)
    for source in code:
        ast.parse(source.removeprefix("%%parity\n"))
        assert max(map(len, source.splitlines()), default=0) <= 76
    stubs = export.find_stubs(cells(copy))
    assert list(stubs) == list(catalog.LESSONS[path.stem])
    for exercise_id, ((cell, node),) in stubs.items():
        assert not export.is_open(node), exercise_id
        assert catalog.find(exercise_id).source in "".join(cell["source"])
    assert [s for s in code if s.startswith("check(")] == [
        s for s in sources(path) if s.startswith("check(")
    ]


def test_solution_whose_framework_is_missing_is_told(small, tmp_path, monkeypatch):
    def find(exercise_id):
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setattr(export.catalog, "find", find)
    with pytest.raises(export.ExportError, match="00.1 needs torch.*make setup"):
        export.export(tmp_path / "copy", solved=True, root=small)


def test_rest_of_a_stub_s_cell_stays(solved):
    stubs = export.find_stubs(cells(solved / "notebooks/01_attention_math.ipynb"))
    ((cell, _),) = stubs["01.4"]
    source = "".join(cell["source"])
    assert source.startswith("def padded_weights_bug(") and "print(" in source
    assert source.count("def padded_weights(") == 1


def test_learner_s_and_temporary_files_stay_where_they_are(small, tmp_path):
    left = [
        ".venv/x",
        "build/reduced/x",
        "notebooks/Untitled.ipynb",
        "notebooks/00_start_here-Copy1.ipynb",
        "data/hub/big.bin",
    ]
    left += ["course_utils/__pycache__/x.pyc", "progress.json", ".git/config"]
    for name in left:
        (small / name).parent.mkdir(parents=True, exist_ok=True)
        (small / name).write_text("mine")
    export.export(tmp_path / "copy", solved=False, root=small)
    assert files(tmp_path / "copy") == {"notebooks/00_start_here.ipynb"}


def test_traces_of_an_editor_do_not_travel(small, tmp_path):
    path = small / "notebooks" / "00_start_here.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"]["widgets"] = {"state": {}}
    notebook["cells"][2]["metadata"]["execution"] = {"iopub.status.busy": "today"}
    path.write_text(json.dumps(notebook), encoding="utf-8")
    export.export(tmp_path / "copy", solved=False, root=small)
    copy = tmp_path / "copy" / "notebooks" / path.name
    text = copy.read_text(encoding="utf-8")
    assert "widgets" not in text and "iopub" not in text


# --- answers of whoever makes the copy --------------------------------------------


@pytest.mark.parametrize("text", ["number_of_patches = 16", "number_of_patches = 1 +"])
def test_answered_exercise_is_refused_by_name_for_students(small, tmp_path, text):
    answer(small, text)
    with pytest.raises(export.ExportError) as error:
        export.export(tmp_path / "copy", solved=False, root=small)
    assert "00_start_here.ipynb" in str(error.value) and "00.1" in str(error.value)
    assert "git restore notebooks" in str(error.value)
    assert [path.name for path in tmp_path.iterdir()] == ["course"]


@pytest.mark.parametrize(
    "own",
    [STUB, 'mine = ...\ncheck("00.1", mine)', "def number_of_patches(): return ..."],
)
def test_answer_is_seen_although_a_cell_below_it_looks_open(small, tmp_path, own):
    answer(small, "number_of_patches = 16", own)
    with pytest.raises(export.ExportError, match="has answers to 00.1"):
        export.export(tmp_path / "copy", solved=False, root=small)


def test_check_of_a_learner_s_own_is_let_be(small, tmp_path):
    answer(small, STUB, "i = '00.1'\ncheck(i, number_of_patches)\ncheck('00.1')")
    export.export(tmp_path / "copy", solved=False, root=small)
    assert "00_start_here.ipynb" in str(files(tmp_path / "copy"))


def test_answer_gives_way_to_the_solution(small, tmp_path):
    answer(small, "side = 28 // 7\nnumber_of_patches = (\n    side\n)\nprint(side)")
    export.export(tmp_path / "copy", solved=True, root=small)
    stubs = export.find_stubs(cells(tmp_path / "copy/notebooks/00_start_here.ipynb"))
    ((cell, _),) = stubs["00.1"]
    assert "".join(cell["source"]) == (
        "side = 28 // 7\nnumber_of_patches = 16\nprint(side)"
    )


@pytest.mark.parametrize(
    ("code", "still_open"),
    [
        ("f = ...", True),
        ("f = 3", False),
        ("def f(x):\n    return ...", True),
        ("def f(x):\n    '''What f does.'''\n    return ...", True),
        ("def f(x):\n    return x[..., None]", False),
        ("def f(x):\n    y = 2 * x\n    return ...", False),
        ("class F:\n    def __init__(self): pass\n    def g(self): return ...", True),
        ("class F:\n    def g(self): return 1", False),
    ],
)
def test_stub_is_open_while_it_has_its_three_dots_and_nothing_else(code, still_open):
    assert export.is_open(ast.parse(code).body[0]) == still_open


def test_stub_is_what_binds_the_name_above_the_check():
    def code(source):
        return {"cell_type": "code", "source": [source]}

    first, last = code("def f(): return 1"), code("@cache\ndef f(): return ...")
    found = export.find_stubs([first, last, code('check("1", f)'), code("f = 4")])
    assert [cell for cell, _ in found["1"]] == [first, last]


# --- places that are refused ------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("full", "not an empty folder"),
        ("file", "not an empty folder"),
        ("file/below", "Not a directory"),
        ("course", "inside the course"),
        ("course/notebooks/copy", "inside the course"),
    ],
)
def test_place_that_cannot_be_used_is_refused(small, tmp_path, place, why):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    before = files(tmp_path)
    with pytest.raises(export.ExportError, match=why):
        export.export(tmp_path / place, solved=False, root=small)
    assert files(tmp_path) == before


@pytest.mark.parametrize("place", ["empty", "course/build/copy", "new/below"])
def test_other_places_are_filled(small, tmp_path, place):
    (tmp_path / "empty").mkdir()
    export.export(tmp_path / place, solved=False, root=small)
    assert files(tmp_path / place) == {"notebooks/00_start_here.ipynb"}


def test_copy_that_fails_leaves_nothing_behind(small, tmp_path, monkeypatch):
    (small / "README.md").write_text("read me")

    def no_room(*names):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export.shutil, "copyfile", no_room)
    with pytest.raises(export.ExportError, match="No space left"):
        export.export(tmp_path / "copy", solved=False, root=small)
    assert [path.name for path in tmp_path.iterdir()] == ["course"]


def test_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(export.ExportError, match="no notebooks"):
        export.export(tmp_path / "copy", solved=False, root=tmp_path / "empty")


# --- the commands ------------------------------------------------------------------


@pytest.mark.parametrize("command", ["test", "browser"])
def test_command_that_needs_the_tests_ends_before_setup(tmp_path, command):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "course_tools").mkdir()
    (tmp_path / "course_tools" / "setup.sh").write_text("touch set-up")

    def make(command):
        return subprocess.run(
            ["make", command], cwd=tmp_path, capture_output=True, text=True
        )

    done = make(command)
    assert done.returncode != 0 and "without tests/" in done.stderr
    assert files(tmp_path) == {"Makefile", "course_tools/setup.sh"}
    assert make("setup").returncode == 0 and "set-up" in files(tmp_path)


def test_command_says_what_it_wrote_or_why_not(tmp_path):
    run = CliRunner().invoke
    assert run(cli.app, ["export"]).exit_code == 2
    done = run(cli.app, ["export", "--student", str(tmp_path / "copy")])
    assert done.exit_code == 0 and "every exercise open" in done.output
    again = run(cli.app, ["export", "--student", str(tmp_path / "copy")])
    assert again.exit_code == 1 and "not an empty folder" in again.output
