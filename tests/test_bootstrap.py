"""The bootstrap cell, on a machine that looks like Colab, and what it calls.

A repository in a folder stands for GitHub (git's insteadOf), and pip is not run: what
it is asked is written down. The cell runs in a Python of its own, a fresh runtime.
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
from notebook_checks import SETUP_CELL
from packaging.requirements import Requirement

from course_utils import colab
from course_utils.profiles import PROFILES

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = json.loads((ROOT / "notebooks/00_start_here.ipynb").read_text("utf-8"))
CELL = "".join(NOTEBOOK["cells"][2]["source"])
UNSET = CELL.replace(
    CELL.split('REPO, TAG = "')[1].split('"')[0], "your_org/vit-course"
)
TAG = CELL.split('"v')[1].split('"')[0]
# What the clone needs of the repository to be installed.
PARTS = ("pyproject.toml", "course_utils/__init__.py", "course_utils/profiles.py")
# pip's stand-in writes down what it is asked, and `install --editable` puts the folder
# on the path of the Pythons to come. PIP_FAILS makes it fail.
RUNTIME = """
import os, subprocess, sys, types

asked, real = [], subprocess.run

def run(command, **options):
    if command[1:3] != ["-m", "pip"]:
        return real(command, **options)
    asked.append(command[5:])
    if "PIP_FAILS" in os.environ:
        return subprocess.CompletedProcess(command, 1, "", os.environ["PIP_FAILS"])
    os.environ["PYTHONPATH"] = command[-1]
    open("installed", "w").write(command[-1])
    return subprocess.CompletedProcess(command, 0, "", "")

subprocess.run = run
sys.modules["google.colab"] = types.ModuleType("google.colab")
if os.path.exists("installed"):  # by an earlier run of this runtime
    os.environ["PYTHONPATH"] = open("installed").read()
cell = sys.stdin.read()
for turn in range(int(sys.argv[1])):
    try:
        exec(cell, {})
    except Exception as error:
        for line in error._render_traceback_():
            print("ERROR", line)
for command in asked:
    print("PIP", *command)
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
    for part in (*PARTS, "course_utils/colab.py"):
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
        }
        process = subprocess.run(
            [sys.executable, "-c", RUNTIME, str(turns)],
            cwd=self.folder,
            env={**os.environ, **settings, **environment},
            input=cell,
            capture_output=True,
            text=True,
        )
        assert (process.returncode, process.stderr) == (0, "")
        return process.stdout.splitlines()


@pytest.fixture
def runtime(tmp_path, github):
    return Runtime(tmp_path, github.as_uri())


def cell(address="ada/course", tag=f"v{TAG}"):
    return UNSET.replace("your_org/vit-course", address).replace(f"v{TAG}", tag)


INSTALLED = f"vit-course v{TAG}: cloned, installed, added nothing"
READY = f"vit-course v{TAG}: already here"


def pip(runtime):
    return f"PIP --no-deps --editable {runtime.folder / 'vit-course'}"


def test_first_time_second_time_and_after_a_restart(runtime):
    assert runtime.run(cell(), turns=2) == [INSTALLED, READY, pip(runtime)]
    assert runtime.run(cell()) == [READY]
    assert {p.name for p in runtime.folder.iterdir()} == {"installed", "vit-course"}


def fetched(runtime):
    """Put a clone where the cell puts it; return its folder."""
    source = runtime.github.removeprefix("file://") + "/ada/course"
    git("clone", "-q", source, "vit-course", cwd=runtime.folder)
    return runtime.folder / "vit-course"


def test_clone_without_an_installation_is_installed(runtime):
    fetched(runtime)
    told = f"vit-course v{TAG}: installed, added nothing"
    assert runtime.run(cell()) == [told, pip(runtime)]


def test_interrupted_clone_is_made_anew(runtime):
    for name in ("vit-course", "vit-course.part"):
        (runtime.folder / name).mkdir()
        git("init", "-q", cwd=runtime.folder / name)
    assert runtime.run(cell()) == [INSTALLED, pip(runtime)]
    assert not (runtime.folder / "vit-course.part").exists()


def test_clone_of_another_tag_is_set_aside(runtime):
    clone = fetched(runtime)
    (runtime.folder / "installed").write_text(str(clone))
    (clone / "mine.txt").write_text("an answer")
    git("tag", "-d", f"v{TAG}", cwd=clone)
    git("tag", "v0.0.9", cwd=clone)
    assert runtime.run(cell()) == [INSTALLED, pip(runtime)]
    assert not (clone / "mine.txt").exists()
    assert [p.read_text() for p in runtime.folder.glob("vit-course-old-*/mine.txt")]


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


@pytest.mark.parametrize(
    ("address", "tag", "words"),
    [
        ("your_org/vit-course", f"v{TAG}", "has no address on GitHub; open a publish"),
        ("ada/course", "v9.9.9", "has no tag v9.9.9; open the notebook again"),
    ],
    ids=["address unset", "no such tag"],
)
def test_problem_is_told_in_one_line(address, tag, words, runtime):
    (line,) = runtime.run(cell(address, tag))
    assert line.startswith("ERROR vit-course: ") and words in line
    assert list(runtime.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "why"), [("401", "terminal prompts disabled"), ("404", "not found")]
)
def test_private_or_missing_repository_is_told_without_asking(
    answer, why, runtime, server
):
    runtime.github = server
    (line,) = runtime.run(cell(f"{answer}/course"))
    assert f"https://github.com/{answer}/course is not a public repository" in line
    assert why in line


def test_github_out_of_reach_is_told(runtime):
    runtime.github = closed_port()
    (line,) = runtime.run(cell())
    assert "Failed to connect to 127.0.0.1" in line
    assert line.endswith("; check the connection, then run this cell again")


def test_git_that_dies_without_the_word_fatal_is_quoted_with_its_last_line(runtime):
    fake = runtime.folder / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(
        "#!/bin/sh\necho 'Cloning' >&2\necho 'error: disk quota' >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    (line,) = runtime.run(cell(), PATH=f"{fake.parent}:{os.environ['PATH']}")
    assert "cannot be fetched (error: disk quota); check the connection" in line


def test_problem_of_pip_is_told_in_one_line_and_the_next_run_tries_again(runtime):
    fails = "noise\n  ERROR: Ignored the following\n  ERROR: No matching distribution\n"
    line, _ = runtime.run(cell(), PIP_FAILS=fails)
    assert line.startswith("ERROR vit-course: pip could not install the course (No mat")
    assert runtime.run(cell())[1:] == [pip(runtime)]


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


def test_ipython_shows_one_line_and_stops(tmp_path):
    code = (
        "import sys, types; from IPython.core.interactiveshell import InteractiveShell;"
        "sys.modules['google.colab'] = types.ModuleType('google.colab');"
        "shell = InteractiveShell(); shell.colors = 'NoColor';"
        "print(shell.run_cell(sys.stdin.read()).success)"
    )
    environment = os.environ | {"IPYTHONDIR": str(tmp_path), "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", code],
        input=UNSET,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    line, success = run.stdout.splitlines()
    assert line.startswith("vit-course: this copy has no address on GitHub")
    assert success == "False"


# --- what Colab lacks -------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    """Return what is installed, as a dict to be changed, and what pip was asked."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    installed = {r.name: min_version(r) for r in colab._requirements(project)}
    asked, said = [], []

    def pip(*arguments):
        limits = [Path(a).read_text() for a in arguments if a.endswith(".txt")]
        asked.append((arguments, *limits))
        return said[0] if said else None

    monkeypatch.setattr(colab, "_version", installed.get)
    monkeypatch.setattr(colab, "_pip", pip)
    monkeypatch.setattr(colab, "_is_installed", lambda: True)
    monkeypatch.setattr(colab.importlib.util, "find_spec", lambda name: None)
    return installed, asked, said


def min_version(requirement):
    (lowest,) = [s.version for s in requirement.specifier if s.operator == ">="]
    return lowest


def test_only_what_is_missing_is_added_and_nothing_else_may_change(machine):
    installed, asked, _ = machine
    del installed["tqdm"], installed["keras-hub"]
    assert colab.install(cloned=False).endswith(": added tqdm, keras-hub")
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


def test_module_under_another_name_is_not_missing(machine, monkeypatch):
    installed, asked, _ = machine
    del installed["tensorflow"]
    find = {"tensorflow": "tensorflow-cpu"}.get
    monkeypatch.setattr(colab.importlib.util, "find_spec", find)
    assert colab.install(cloned=False).endswith(": already here")
    assert asked == []


def test_version_out_of_range_is_left_alone_and_told(machine):
    installed, asked, _ = machine
    installed["datasets"] = "99.0"
    told = colab.install(cloned=False)
    assert told.endswith("already here (not tested with datasets 99.0)")
    assert asked == []


def test_what_cannot_be_added_is_told(machine):
    installed, _, said = machine
    del installed["tqdm"]
    said.append("ResolutionImpossible")
    with pytest.raises(RuntimeError) as caught:
        colab.install(cloned=False)
    assert "Colab lacks tqdm" in str(caught.value)
    assert "(ResolutionImpossible); run this cell again" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tools_of_contributors_are_not_wanted():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {requirement.name for requirement in colab._requirements(project)}
    assert names >= {"numpy", "torch", "tensorflow"}
    assert not names & {"pytest", "jupyterlab"}
