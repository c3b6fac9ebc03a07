"""The tools beside the course: stored form of notebooks, address, set-up."""

import copy
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
import pytest

from course_tools import normalize as normalizer
from course_tools import set_address

ROOT = Path(__file__).resolve().parents[2]


# --- stored form of notebooks -----------------------------------------------------


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def code(source="1", outputs=(), count=None, metadata=None, **more):
    return {
        "cell_type": "code",
        "source": source,
        "outputs": list(outputs),
        "execution_count": count,
        "metadata": metadata or {},
        **more,
    }


def normalized(*cells, metadata=None):
    notebook = {"cells": list(cells), "metadata": metadata or {}}
    return normalizer.normalize(notebook)


def untidy():
    """Return cells with everything an editor, Colab or a long run leaves behind."""
    picture = {
        "output_type": "display_data",
        "metadata": {"image/png": {"width": 300, "height": 100}, "needs": "light"},
        "data": {"image/png": ["iVBORw0\n"], "text/plain": "<Figure size 3x1>"},
    }
    return [
        {"cell_type": "markdown", "source": ["# A\n", "b"], "metadata": {}, "id": "a"},
        code("", count=7, id="empty"),
        code("fit()", [stream("1/2\r"), stream("2/2\ndone\n"), picture], 9, id="fit"),
        code("fit()", [stream("x"), stream("y", "stderr"), stream("z")], 12, id="fit"),
        code(
            "1",
            [{"output_type": "execute_result", "execution_count": 9, "metadata": {}}],
            14,
            {"tags": ["a", "a"], "execution": {"iopub.busy": "2026"}, "scrolled": True},
        ),
    ]


def test_normalizing_twice_changes_nothing():
    once = normalized(*untidy())
    assert normalizer.normalize(once) == once


def test_normalized_notebook_is_valid_and_what_jupyter_would_write(tmp_path):
    text = normalizer.to_json(normalized(*untidy()))
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert nbformat.writes(notebook).rstrip("\n") + "\n" == text


def test_argument_is_left_alone():
    cells = untidy()
    before = copy.deepcopy(cells)
    normalized(*cells)
    assert cells == before


def test_metadata_of_widgets_editors_and_runs_is_dropped():
    metadata = {
        "widgets": {"state": {}},
        "colab": {"provenance": []},
        "kernelspec": {"name": "my-env", "display_name": "Mine"},
        "language_info": {"name": "python", "version": "3.11.7"},
    }
    result = normalized(*untidy(), metadata=metadata)
    assert result["metadata"] == {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
    }
    assert result["cells"][-1]["metadata"] == {"tags": ["a"]}


def test_folding_is_kept():
    kept = {"cellView": "form", "jupyter": {"source_hidden": True}}
    cell = code(metadata=copy.deepcopy(kept) | {"collapsed": True})
    cell["metadata"]["jupyter"]["outputs_hidden"] = True
    assert normalized(cell)["cells"][0]["metadata"] == kept


def test_widget_views_are_dropped_from_outputs():
    view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "bar"}
    only = {"application/vnd.jupyter.widget-view+json": {}}
    outputs = [
        {"output_type": "display_data", "data": data, "metadata": {}}
        for data in (view, only)
    ]
    (output,) = normalized(code(outputs=outputs, count=1))["cells"][0]["outputs"]
    assert output["data"] == {"text/plain": ["bar"]}


def test_execution_counts_run_from_one_over_the_cells_that_ran():
    cells = normalized(*untidy(), code("not run"))["cells"]
    counts = [c["execution_count"] for c in cells if c["cell_type"] == "code"]
    assert counts == [None, 1, 2, 3, None]


def test_result_has_the_count_of_its_cell():
    data = {"text/plain": ["1"]}
    result = {"output_type": "execute_result", "execution_count": 9, "data": data}
    cell = normalized(code(outputs=[result], count=9))["cells"][0]
    assert cell["outputs"][0]["execution_count"] == cell["execution_count"] == 1


def test_neighboring_streams_are_joined_and_others_are_not():
    outputs = normalized(*untidy())["cells"][3]["outputs"]
    assert [o["name"] for o in outputs] == ["stdout", "stderr", "stdout"]
    joined = normalized(code(outputs=[stream("a"), stream("b\n")], count=1))
    assert joined["cells"][0]["outputs"][0]["text"] == ["ab\n"]


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("10%\r100%\n", "100%\n"),
        ("10%\r 50%\r100%\ndone\n", "100%\ndone\n"),
        ("longer\rshort\n", "shortr\n"),
        ("bar\r   \rnext\n", "next\n"),
        ("windows\r\n", "windows\n"),
        ("plain \n", "plain \n"),
    ],
)
def test_carriage_return_leaves_what_a_terminal_shows(written, seen):
    assert normalizer.as_seen(written) == seen


def test_size_of_a_picture_is_kept():
    output = normalized(*untidy())["cells"][2]["outputs"][1]
    assert output["metadata"] == {"image/png": {"width": 300, "height": 100}}
    assert output["data"]["image/png"] == "iVBORw0"


def test_ids_are_kept_and_made_where_they_are_missing_or_repeated():
    first, second = (normalized(*untidy())["cells"] for _ in range(2))
    ids = [cell["id"] for cell in first]
    assert ids == [cell["id"] for cell in second]
    assert ids[:3] == ["a", "empty", "fit"]
    assert len(set(ids)) == len(ids)


def test_check_says_what_is_wrong_and_writes_nothing(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": untidy(), "metadata": {}}))
    before = path.read_bytes()
    assert normalizer.main(["--check", str(path)]) == 1
    assert "not in stored form" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert normalizer.main([str(path)]) == 1
    assert normalizer.main(["--check", str(path)]) == 0


# --- address ----------------------------------------------------------------------


@pytest.fixture
def course(tmp_path):
    """Return a copy of every file that `make badges` looks at."""
    for path in set_address.files(ROOT):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    return tmp_path


def strange_addresses(root):
    """Find what names this course, anywhere, otherwise than pyproject.toml does."""
    address = set_address.current(root)
    owner_and_name = r"([\w.-]+/[\w.-]+)"
    patterns = (
        rf"colab\.research\.google\.com/github/{owner_and_name}",
        rf'REPO, TAG = \\?"{owner_and_name}',
        rf"github(?:usercontent)?\.com[/:]([\w.-]+/{address.split('/')[1]})(?![\w-])",
        "(your_org/vit-course)",
    )
    elsewhere = {".git", ".venv", "build", "tests"}
    found = []
    for top in root.iterdir():
        for path in [] if top.name in elsewhere else [top, *top.rglob("*")]:
            if path.suffix in set_address.KINDS and path.is_file():
                text = path.read_text(encoding="utf-8")
                named = {name for p in patterns for name in re.findall(p, text)}
                found += [(path.name, name) for name in named - {address}]
    return found


def test_every_place_names_the_same_address():
    assert strange_addresses(ROOT) == []


@pytest.mark.parametrize("address", ["ada/vit-course", "b-0/Vit.2_x", "a/v"])
def test_address_is_written_everywhere(address, course, capsys):
    old = f"/{set_address.current(course)}".encode()
    before = {path: path.read_bytes() for path in set_address.files(course)}
    assert set_address.main([address], course) == 0
    assert set_address.current(course) == address
    assert strange_addresses(course) == []
    for path, content in before.items():
        now = path.read_bytes().count(f"/{address}".encode())
        assert now >= content.count(old), path
    capsys.readouterr()
    assert set_address.main([address], course) == 0
    assert capsys.readouterr().out == f"badges: every file says {address} already\n"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("README.md", "See https://github.com/eve/vit-course/issues."),
        ("docs/new.md", "https://colab.research.google.com/github/eve/x/blob/main/a"),
        ("course_utils/hub.py", 'URL = "https://github.com/your_org/vit-course"'),
    ],
)
def test_place_that_names_another_address_is_found(name, line, course):
    assert set_address.main(["ada/vit-course"], course) == 0
    path = course / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
    ((where, _),) = strange_addresses(course)
    assert where == path.name


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("https://github.com/a/b.", "https://github.com/x/y."),
        ("git@github.com:a/b.git", "git@github.com:x/y.git"),
        ("https://colab.research.google.com/github/a/b/blob", None),
        ('REPO, TAG = \\"a/b\\"', 'REPO, TAG = \\"x/y\\"'),
        ("https://github.com/a/b-old", "https://github.com/a/b-old"),
        ("https://github.com/a/b.c", "https://github.com/a/b.c"),
        ("data/a/b and a/b", "data/a/b and a/b"),
    ],
)
def test_only_this_address_changes(text, wanted):
    wanted = wanted or text.replace("a/b/", "x/y/")
    assert set_address.written(text, "a/b", "x/y") == wanted


def test_interrupted_change_is_finished_by_the_next_run(course, monkeypatch):
    replace, calls = os.replace, []

    def fail_late(*names):
        calls.append(names)
        if len(calls) == 3:
            raise KeyboardInterrupt
        replace(*names)

    monkeypatch.setattr(set_address.os, "replace", fail_late)
    with pytest.raises(KeyboardInterrupt):
        set_address.main(["ada/vit-course"], course)
    monkeypatch.undo()
    assert set_address.main(["ada/vit-course"], course) == 0
    assert strange_addresses(course) == []


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "ada",
        "your_org/x",
        "https://github.com/a/b",
        "-a/b",
        "a-/b",
        "a--b/c",
        "a" * 40 + "/b",
        "a/" + "b" * 101,
        "a/.",
        "a/..",
        "a/b.git",
        "a/b c",
        "a/b/c",
        "a/b\n",
    ],
)
def test_impossible_address_is_refused(bad, tmp_path, capsys):
    assert set_address.main([bad] if bad else [], tmp_path) == 1
    assert "owner/name" in capsys.readouterr().out


# --- set-up -----------------------------------------------------------------------


def set_up(folder, python, *arguments, user=None, **environment):
    """Run course_tools/setup.sh where `python` is all the Python there is."""
    (folder / "course_tools").mkdir()
    for name in ("course_tools/setup.sh", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder / name)
    commands = folder / "bin"
    commands.mkdir()
    for command in ("sh", "cat", "cksum", "dirname", "grep", "ls", "rm", "mkdir"):
        (commands / command).symlink_to(shutil.which(command))
    for name, script in (("python3", python), ("uname", "echo Linux")):
        (commands / name).write_text(f"#!/bin/sh\n{script}\n")
        (commands / name).chmod(0o755)
    return subprocess.run(
        ["sh", "course_tools/setup.sh", *arguments],
        cwd=folder,
        env={"PATH": str(commands), **environment},
        user=user,
        capture_output=True,
        text=True,
    )


needs_unix = pytest.mark.skipif(
    os.name == "nt", reason="needs symbolic links and a Unix PATH"
)
REAL = f'exec "{sys.executable}" "$@"'


@needs_unix
@pytest.mark.parametrize(
    ("python", "remedy"),
    [
        ('[ "$1" = -c ] && exit 1; echo Python 3.8.18', "there is Python 3.8.18"),
        ("exit 127", "there is no python3"),
        (
            f'case "$2" in *ensurepip*) exit 1 ;; esac; exec "{sys.executable}" "$@"',
            f"sudo apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv",
        ),
        (
            f'[ "$2" = venv ] && mkdir .venv && exit 1; exec "{sys.executable}" "$@"',
            "creating .venv",
        ),
    ],
    ids=["too old", "none", "no venv", "venv fails"],
)
def test_setup_says_in_one_line_what_is_missing_and_leaves_nothing(
    python, remedy, tmp_path
):
    run = set_up(tmp_path, python)
    assert run.returncode != 0
    (line,) = [w for w in (run.stderr + run.stdout).splitlines() if "setup:" in w]
    assert remedy in line
    assert not (tmp_path / ".venv").exists()


def make_venv(folder, python, stamp):
    """Make a .venv that has nothing but a Python and a stamp."""
    fake = folder / ".venv" / "bin" / "python"
    fake.parent.mkdir(parents=True)
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    (folder / ".venv" / ".ready").write_text(f"{stamp}\n")


def ready_stamp(folder):
    """Return the stamp of a .venv that is up to date."""
    texts = [(ROOT / n).read_bytes() for n in ("pyproject.toml", "requirements.lock")]
    lines = b"".join(texts).splitlines(keepends=True)
    kept = b"".join(line for line in lines if not line.startswith(b"Repository = "))
    checksum = subprocess.run(["cksum"], input=kept, capture_output=True)
    return f"{folder} {checksum.stdout.decode().strip()}"


@needs_unix
def test_failed_update_keeps_the_environment_and_is_tried_again(tmp_path):
    no_pip = f'[ "$2" = pip ] && exit 1; {REAL}'
    make_venv(tmp_path, no_pip, f"{tmp_path} of old")
    run = set_up(tmp_path, REAL, TORCH_INDEX="")
    assert run.returncode != 0
    assert "bringing .venv up to date" in run.stdout
    assert "needs a network, and obeys HTTPS_PROXY and PIP_INDEX_URL" in run.stderr
    assert "until then .venv is as it was" in run.stderr
    assert (tmp_path / ".venv" / "bin" / "python").exists()
    again = ["sh", "course_tools/setup.sh"]
    environment = {"PATH": str(tmp_path / "bin"), "TORCH_INDEX": ""}
    run = subprocess.run(
        again, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert run.returncode != 0
    assert "bringing .venv up to date" in run.stdout


@needs_unix
@pytest.mark.parametrize("python", ["", sys.executable])
def test_ready_environment_is_left_alone(python, tmp_path):
    make_venv(tmp_path, REAL, ready_stamp(tmp_path))
    run = set_up(tmp_path, REAL, "--say", PYTHON=python)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout == "setup: .venv is up to date\n"


@needs_unix
@pytest.mark.parametrize(
    ("old", "new", "ready"),
    [("^Repository = .*", "Repository = 1", True), ('"torch>=', '"torch>=9', False)],
    ids=["address", "range"],
)
def test_another_address_needs_no_packages_and_another_range_does(
    old, new, ready, tmp_path
):
    make_venv(tmp_path, f'[ "$2" = pip ] && exit 1; {REAL}', ready_stamp(tmp_path))
    set_up(tmp_path, REAL)
    project = tmp_path / "pyproject.toml"
    text, changes = re.subn(old, new, project.read_text("utf-8"), flags=re.M)
    assert changes == 1
    project.write_text(text, encoding="utf-8")
    run = subprocess.run(
        ["sh", "course_tools/setup.sh"],
        cwd=tmp_path,
        env={"PATH": str(tmp_path / "bin"), "TORCH_INDEX": ""},
        capture_output=True,
        text=True,
    )
    assert (run.returncode == 0) == ready
    assert ("bringing .venv up to date" in run.stdout) != ready


@needs_unix
def test_environment_of_another_user_is_left_alone():
    somebody = 65534 if os.geteuid() == 0 else None  # root may change everything
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        make_venv(folder, "exit 126", "another folder")
        (folder / ".venv").chmod(0o555)
        run = set_up(folder, "exit 127", user=somebody)
        assert (folder / ".venv" / "bin" / "python").exists()
        owner = folder.owner()
        (folder / ".venv").chmod(0o755)
    (line,) = (run.stderr + run.stdout).splitlines()
    assert run.returncode == 1
    assert line.startswith(f"setup: .venv belongs to {owner}, does not fit")


@needs_unix
@pytest.mark.parametrize("ready", [True, False])
def test_named_python_that_is_missing_is_no_reason_to_take_another(ready, tmp_path):
    if ready:
        make_venv(tmp_path, REAL, ready_stamp(tmp_path))
    run = set_up(tmp_path, REAL, PYTHON="/nonexistent")
    assert run.returncode != 0
    assert "there is no /nonexistent" in run.stderr
    assert (tmp_path / ".venv").exists() == ready


@needs_unix
def test_environment_of_another_python_than_the_named_one_is_made_anew(tmp_path):
    other = f'case "$2" in *base_prefix*) echo other 3 11 ;; *) {REAL} ;; esac'
    make_venv(tmp_path, other, ready_stamp(tmp_path))
    no_venv = f'[ "$2" = venv ] && exit 1; {REAL}'
    run = set_up(tmp_path, no_venv, PYTHON="python3")
    assert run.returncode != 0
    assert "creating .venv with" in run.stdout
    assert not (tmp_path / ".venv").exists()


@needs_unix
@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({}, True),
        ({"PIP_INDEX_URL": "http://127.0.0.1/simple"}, False),
        ({"PIP_CONFIG_FILE": "pip.conf"}, False),
        ({"PIP_EXTRA_INDEX_URL": "http://127.0.0.1/simple"}, True),
        ({"TORCH_INDEX": ""}, False),
    ],
    ids=["plain", "own index", "own index in pip.conf", "one more", "no torch index"],
)
def test_pytorch_s_index_is_not_asked_beside_an_index_of_one_s_own(
    settings, asked, tmp_path
):
    (tmp_path / "pip.conf").write_text(
        "[global]\nindex-url = http://127.0.0.1/simple\n"
    )
    no_install = f'[ "$4" = install ] && exit 1; {REAL}'
    make_venv(tmp_path, no_install, f"{tmp_path} of old")
    run = set_up(tmp_path, REAL, **{"PIP_CONFIG_FILE": os.devnull, **settings})
    assert run.returncode != 0
    assert ("torch from https://download.pytorch.org" in run.stdout) == asked


# --- JupyterLab -------------------------------------------------------------------


@needs_unix
def test_lab_takes_the_kernel_of_the_environment_though_others_have_its_name(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for place in ("home/.local/share/jupyter", "elsewhere"):
        foreign = tmp_path / place / "kernels" / "python3" / "kernel.json"
        foreign.parent.mkdir(parents=True)
        foreign.write_text('{"argv": ["false"], "display_name": "Another Python"}')
    dry = ["make", "--no-print-directory", "-n", "lab"]
    printed = subprocess.check_output(dry, cwd=tmp_path, text=True).splitlines()
    command, _, options = printed[-1].partition(" -m jupyterlab ")
    ask = "from jupyter_client.kernelspec import get_kernel_spec as f"
    run = subprocess.run(
        f"{command} -c '{ask}; print(f(\"python3\").resource_dir)'",
        shell=True,
        cwd=tmp_path,
        env=os.environ
        | {
            "HOME": str(tmp_path / "home"),
            "JUPYTER_PATH": str(tmp_path / "elsewhere"),
            "JUPYTER_PREFER_ENV_PATH": "0",
        },
        capture_output=True,
        text=True,
    )
    assert run.stdout.strip() == str(tmp_path / ".venv/share/jupyter/kernels/python3")
    start = options.partition("default_url=/lab/tree/")[2].strip()
    assert (ROOT / start).is_file() and "root_dir=." in options


@needs_unix
def test_lab_says_in_one_line_that_it_needs_a_home(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    command = ["make", "--no-print-directory", "-o", "setup", "lab", "PY=false"]
    run = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    assert run.returncode != 0
    line, by_make = run.stderr.splitlines()
    assert line.startswith("lab: ") and "HOME=/path/to/it make lab" in line
    assert by_make.startswith("make")


# --- stored outputs ---------------------------------------------------------------


@pytest.fixture
def store_outputs(monkeypatch, tmp_path):
    """Return the tool, with a course of its own that has just been run."""
    tool = importlib.reload(importlib.import_module("course_tools.store_outputs"))
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    for folder in ("notebooks", "build/reduced", "docs"):
        (tmp_path / folder).mkdir(parents=True)
    tool.environment = {}

    def run(command, cwd, env):
        tool.environment.update(env)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(tool.subprocess, "run", run)
    return tool


def store(tool, *tags, pictures=1):
    """Store a notebook with a cell for each of the tags; return (exit code, path)."""
    path = tool.ROOT / "notebooks" / "00_a.ipynb"
    data = {"image/png": "AAAA"}
    output = {"output_type": "display_data", "metadata": {}, "data": data}
    for target, shown in (
        (path, []),
        (tool.ROOT / "build" / "reduced" / path.name, [output] * pictures),
    ):
        cells = [
            code(outputs=shown, count=1 if shown else None, metadata={"tags": [tag]})
            for tag in tags
        ]
        target.write_text(normalizer.to_json(normalized(*cells)), encoding="utf-8")
    return tool.main(), path


def test_outputs_and_picture_are_stored(store_outputs, monkeypatch):
    monkeypatch.setenv("COURSE_ROWS", "7")
    monkeypatch.setenv("COURSE_HUB", "nowhere")
    status, path = store(store_outputs, "other", "readme")
    assert status == 0
    assert "AAAA" in path.read_text(encoding="utf-8")
    assert (store_outputs.ROOT / "docs" / "readme.png").read_bytes() == bytes(3)
    assert store_outputs.environment["COURSE_PROFILE"] == "reduced"
    assert not {"COURSE_ROWS", "COURSE_HUB"} & store_outputs.environment.keys()


@pytest.mark.parametrize(
    ("tags", "pictures", "words"),
    [
        (["other"], 1, "one cell must be tagged readme, and 0 are"),
        (["readme", "readme"], 1, "one cell must be tagged readme, and 2 are"),
        (["readme"], 2, "must show one picture, and shows 2"),
    ],
)
def test_nothing_is_stored_without_one_picture_for_the_readme(
    tags, pictures, words, store_outputs, capsys
):
    status, path = store(store_outputs, *tags, pictures=pictures)
    assert status == 1
    assert words in capsys.readouterr().out
    assert "AAAA" not in path.read_text(encoding="utf-8")
    assert not (store_outputs.ROOT / "docs" / "readme.png").exists()
