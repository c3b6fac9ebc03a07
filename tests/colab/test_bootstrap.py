"""The bootstrap cell, on a machine that looks like Colab, and what it calls.

A repository in a folder stands for GitHub (git's insteadOf). The cell runs in a Python
of its own, a fresh runtime; nothing is installed, since all is there.
"""

import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
from checks.form import SETUP_CELL
from packaging.requirements import Requirement

from course_tools import colab
from course_utils.session import PROFILES

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = json.loads((ROOT / "notebooks/00_start_here.ipynb").read_text("utf-8"))
CELL = "".join(NOTEBOOK["cells"][2]["source"])
UNSET = CELL.replace(
    CELL.split('REPO, TAG = "')[1].split('"')[0], "your_org/vit-course"
)
TAG = CELL.split('"v')[1].split('"')[0]
# What the cell needs of the repository.
PARTS = ("pyproject.toml", "course_utils/__init__.py", "course_utils/session.py")
RUNTIME = """
import sys, types

sys.modules["google.colab"] = types.ModuleType("google.colab")
cell = sys.stdin.read()
for turn in range(int(sys.argv[1])):
    try:
        exec(cell, {})
    except SystemExit as problem:
        print("ERROR", problem)
import course_utils, os
print("FROM", os.path.relpath(course_utils.__file__))
"""

# Colab is Linux; Windows lets nobody remove the read-only files of a clone.
pytestmark = pytest.mark.skipif(os.name == "nt", reason="Colab is Linux")


def git(*words, cwd):
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", *author, *words], cwd=cwd, check=True, capture_output=True)


@pytest.fixture(scope="module")
def github(tmp_path_factory):
    """Return a folder that stands for https://github.com, with ada/course in it."""
    folder = tmp_path_factory.mktemp("github")
    source = folder / "ada" / "course"
    for part in (*PARTS, "course_tools/colab.py"):
        (source / part).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / part, source / part)
    git("init", "-q", cwd=source)
    git("add", "-A", cwd=source)
    git("commit", "-qm", "the course", cwd=source)
    git("tag", f"v{TAG}", cwd=source)
    git("tag", "same-commit", cwd=source)
    return folder


class Runtime:
    """A runtime on Colab: a folder, and an address for https://github.com."""

    def __init__(self, folder, github):
        self.folder, self.github = folder, github

    def run(self, cell, turns=1, **environment):
        """Run the cell in a new Python; return its lines."""
        settings = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.github}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
            "TMPDIR": str(self.folder.parent / "tmp"),
        }
        (self.folder.parent / "tmp").mkdir(exist_ok=True)
        process = subprocess.run(
            [sys.executable, "-c", RUNTIME, str(turns)],
            cwd=self.folder,
            env={**os.environ, **settings, **environment},
            input=cell,
            capture_output=True,
            text=True,
            start_new_session=True,  # without a terminal, as on Colab
        )
        assert (process.returncode, process.stderr) == (0, "")
        return process.stdout.splitlines()


@pytest.fixture
def runtime(tmp_path, github):
    (tmp_path / "content").mkdir()
    return Runtime(tmp_path / "content", github.as_uri())


def cell(address="ada/course", tag=f"v{TAG}"):
    return UNSET.replace("your_org/vit-course", address).replace(f"v{TAG}", tag)


CLONE = f"vit-course-v{TAG}"
READY = f"vit-course v{TAG} is ready, nothing had to be added"
FROM = f"FROM {CLONE}/course_utils/__init__.py"


def test_first_time_second_time_and_after_a_restart(runtime):
    assert runtime.run(cell(), turns=2) == [READY, READY, FROM]
    assert runtime.run(cell()) == [READY, FROM]
    assert [p.name for p in runtime.folder.iterdir()] == [CLONE]


def test_clone_of_another_tag_stays_and_is_not_used(runtime):
    old = runtime.folder / "vit-course-v0.0.9"
    (old / "course_utils").mkdir(parents=True)
    (old / "mine.txt").write_text("an answer")
    assert runtime.run(cell()) == [READY, FROM]
    assert (old / "mine.txt").read_text() == "an answer"


def test_clone_that_was_killed_is_never_used(runtime):
    slow = runtime.folder.parent / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text('#!/bin/sh\nfor last; do :; done\nmkdir -p "$last"; kill -9 $$\n')
    slow.chmod(0o755)
    path = f"{slow.parent}{os.pathsep}{os.environ['PATH']}"
    assert runtime.run(cell(), PATH=path)[0].startswith("ERROR")
    assert list(runtime.folder.iterdir()) == []
    assert runtime.run(cell()) == [READY, FROM]


def test_programs_that_a_notebook_starts_find_the_course(runtime):
    code = (
        "\nimport subprocess; run = [sys.executable, '-P', '-c', "
        "'import course_utils; print(course_utils.__file__)']"
        "\nprint(subprocess.check_output(run, cwd='/', text=True).strip())"
    )
    lines = runtime.run(cell() + code, PYTHONPATH="")
    assert lines[1] == str(runtime.folder / CLONE / "course_utils/__init__.py")


@pytest.fixture
def server():
    """Return the address of a server that answers 401 or 404, as the path says."""

    class Refuse(http.server.BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            self.send_response(int(self.path.split("/")[1]))
            self.send_header("WWW-Authenticate", 'Basic realm="GitHub"')
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Refuse) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def failed(lines):
    """Return what the cell said before its advice; the course came from nowhere."""
    *why, advice, course = lines
    assert why[0].startswith("ERROR ") and CLONE not in course
    assert advice == "Check the connection, then run again"
    return " ".join(why)


def test_tag_that_is_not_there_is_told(runtime):
    assert "v9.9.9" in failed(runtime.run(cell(tag="v9.9.9")))
    assert list(runtime.folder.iterdir()) == []


@pytest.mark.parametrize(("answer", "why"), [("401", "Username"), ("404", "not found")])
def test_private_or_missing_repository_is_told_without_asking(
    answer, why, runtime, server
):
    runtime.github = server
    said = failed(runtime.run(cell(f"{answer}/course")))
    assert why in said and server in said


def test_github_out_of_reach_is_told(runtime):
    runtime.github = closed_port()
    assert "127.0.0.1" in failed(runtime.run(cell()))


def test_cell_is_short_since_some_pages_show_it_unfolded():
    assert len(CELL.splitlines()) <= 15


def test_cell_is_folded_under_its_title():
    folded = {"cellView": "form", "jupyter": {"source_hidden": True}}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        notebook = json.loads(path.read_text("utf-8"))
        bootstrap = notebook["cells"][2]
        assert bootstrap["metadata"] == {**folded, "tags": ["bootstrap"]}, path.name
    assert CELL.startswith("# @title Fetch the course")


def test_form_of_the_setup_cell_offers_the_profiles_and_holds_one():
    (line,) = re.findall("^PROFILE = .*", SETUP_CELL, flags=re.M)
    value, offered = re.fullmatch(r"PROFILE = (\S+)  # @param (\[.*\])", line).groups()
    assert json.loads(offered) == list(PROFILES)
    assert json.loads(value) in PROFILES


def test_nothing_happens_elsewhere(tmp_path, capfd):
    names = {"__builtins__": {"__import__": __import__}}
    exec(compile(CELL, "bootstrap", "exec"), names)
    assert set(names) == {"__builtins__", "sys"}
    assert capfd.readouterr() == ("", "")


def test_ipython_shows_the_reason_and_stops(tmp_path):
    code = (
        "import sys, types; from IPython.core.interactiveshell import InteractiveShell;"
        "sys.modules['google.colab'] = types.ModuleType('google.colab');"
        "shell = InteractiveShell(); shell.colors = 'NoColor';"
        "print(shell.run_cell(sys.stdin.read()).success)"
    )
    environment = {"GIT_CONFIG_COUNT": "1", "IPYTHONDIR": str(tmp_path)}
    environment["GIT_CONFIG_KEY_0"] = f"url.{closed_port()}/.insteadOf"
    environment["GIT_CONFIG_VALUE_0"] = "https://github.com/"
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=CELL,
        env=os.environ | environment | {"HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "SystemExit: " in run.stdout and "Check the connection" in run.stdout
    assert "Traceback" not in run.stdout and run.stdout.endswith("False\n")


# --- what Colab lacks -------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    """Return what is installed, to be changed, what pip was asked, what it says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    installed = {r.name: min_version(r) for r in colab._requirements(project)}
    asked, said = [], []

    def pip(*arguments):
        limits = [Path(a).read_text() for a in arguments if a.endswith(".txt")]
        asked.append((arguments, *limits))
        return said[0] if said else None

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(colab, "_version", installed.get)
    monkeypatch.setattr(colab, "_pip", pip)
    monkeypatch.setattr(colab.importlib.util, "find_spec", lambda name: None)
    return installed, asked, said


def told(capsys):
    """Complete the machine; return what was said after name and version."""
    colab.complete()
    return capsys.readouterr().out.strip().partition(f"vit-course v{TAG} ")[2]


def min_version(requirement):
    (lowest,) = [s.version for s in requirement.specifier if s.operator == ">="]
    return lowest


def test_only_what_is_missing_is_added_and_nothing_else_may_change(machine, capsys):
    installed, asked, _ = machine
    del installed["tqdm"], installed["keras-hub"]
    assert told(capsys) == "is ready, added tqdm, keras-hub"
    ((arguments, constraints),) = asked
    assert arguments[0] == "--constraint"
    names = [Requirement(argument).name for argument in arguments[2:]]
    assert names == ["tqdm", "keras-hub"]
    pins = [Requirement(line) for line in constraints.splitlines()]
    assert len(pins) == len({pin.name for pin in pins}) > 50
    assert {s.operator for pin in pins for s in pin.specifier} == {"=="}


def test_second_installation_under_another_spelling_is_no_second_constraint(
    tmp_path, monkeypatch
):
    for place, name, version in (("a", "Foo_Bar", "2"), ("b", "foo-bar", "1")):
        metadata = tmp_path / place / f"{name}-{version}.dist-info" / "METADATA"
        metadata.parent.mkdir(parents=True)
        metadata.write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
    monkeypatch.setattr(sys, "path", [str(tmp_path / "a"), str(tmp_path / "b")])
    assert list(colab._installed()) == ["foo-bar==2"]


def test_module_under_another_name_is_not_missing(machine, monkeypatch, capsys):
    installed, asked, _ = machine
    del installed["tensorflow"]
    find = {"tensorflow": "tensorflow-cpu"}.get
    monkeypatch.setattr(colab.importlib.util, "find_spec", find)
    assert told(capsys) == "is ready, nothing had to be added"
    assert asked == []


def test_version_out_of_range_is_left_alone_and_told(machine, capsys):
    installed, asked, _ = machine
    installed["datasets"] = "99.0"
    assert told(capsys) == (
        "is ready, nothing had to be added (not tested with datasets 99.0)"
    )
    assert asked == []


def test_what_cannot_be_added_is_told(machine):
    installed, _, said = machine
    del installed["tqdm"]
    said.append("ResolutionImpossible")
    with pytest.raises(SystemExit) as caught:
        colab.complete()
    assert "Colab lacks tqdm" in str(caught.value)
    assert "(ResolutionImpossible). Run this cell again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tools_of_contributors_are_not_wanted():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {requirement.name for requirement in colab._requirements(project)}
    assert names >= {"numpy", "torch", "tensorflow"}
    assert not names & {"pytest", "jupyterlab"}
