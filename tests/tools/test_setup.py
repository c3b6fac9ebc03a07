"""course_tools/setup.sh: what it makes, what it leaves alone, what it says."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
needs_unix = pytest.mark.skipif(
    os.name == "nt", reason="needs symbolic links and a Unix PATH"
)


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
    assert "HTTPS_PROXY and PIP_INDEX_URL are obeyed" in run.stderr
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


@needs_unix
@pytest.mark.parametrize(
    ("settings", "fails", "used"),
    [
        ({}, "none", ["pip", "uv", "uv"]),
        ({}, "uv", ["pip", "uv", "uv", "pip", "pip"]),
        ({}, "pip", ["pip", "pip"]),
        ({"TORCH_INDEX": ""}, "none", ["pip", "uv"]),
        ({"PIP_INDEX_URL": "http://127.0.0.1/simple"}, "none", ["pip"]),
        ({"PIP_FIND_LINKS": "wheels"}, "none", ["pip", "pip"]),
        (
            {"PYTHONDONTWRITEBYTECODE": "1", "TORCH_INDEX": ""},
            "none",
            ["pip", "uv-compiles"],
        ),
    ],
    ids=[
        "uv",
        "uv fails",
        "no network",
        "no torch index",
        "own index",
        "own wheels",
        "Python keeps nothing",
    ],
)
def test_uv_installs_where_pip_has_no_settings_of_its_own(
    settings, fails, used, tmp_path
):
    python = f"""case "$*" in
    *" install "*)
        echo "$2${{UV_COMPILE_BYTECODE:+-compiles}}" >> log
        [ "$2" != {fails} ] ;;
    *) {REAL} ;;
    esac"""
    make_venv(tmp_path, python, f"{tmp_path} of old")
    run = set_up(tmp_path, REAL, **{"PIP_CONFIG_FILE": os.devnull, **settings})
    assert (tmp_path / "log").read_text().split() == used
    assert (run.returncode == 0) == (fails != "pip")
