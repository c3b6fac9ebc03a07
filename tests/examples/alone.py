"""Somebody has a folder of pictures and one script of ours, and nothing else.

    PYTHONPATH=tests python tests/examples/alone.py [pytorch] [tensorflow]

For each framework a new virtual environment gets what the script's docstring names, in
the versions of requirements.lock. Script, checkpoint and pictures are copied to a place
elsewhere, where the script makes of them a model that is saved, exported, demonstrated
and described. Then ``delivered.py``, which shares nothing with the script, asks what it
left about its test pictures. Photographs are those of ``../shared/datasets``; without
them, drawn pets, with all troubles planted.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import folders
import psutil
from launching import MARK, marked_by

from course_utils.data import load, practice_folder
from course_utils.session import ROOT

INSTALL, RUN, READ = 480, 420, 180  # seconds at most, on a machine that is busy
SHORT = ["--epochs", "3", "--rates", "0.001", "--trial", "1"]
KINDS = "pytorch", "tensorflow"


def main(kinds):
    with tempfile.TemporaryDirectory(prefix="alone ü ") as place:
        pictures, groups = some_pictures(Path(place))
        for kind in kinds:
            script, home = ROOT / f"examples/your_pictures_{kind}.py", Path(place, kind)
            begin = time.monotonic()
            python = new_environment(home / "venv", named_packages(script))
            ready = time.monotonic()
            found = try_out(kind, python, script, home, pictures, groups)
            spent = time.monotonic() - ready
            shutil.rmtree(home)
            print(
                f"alone: {kind}, {ready - begin:.0f} s to install, {spent:.0f} to run:"
            )
            macro, count = found["macro F1"], found["pictures"]
            print(f"       macro F1 {macro:.3f} on {count} test pictures")
            for name, (gap, same) in found["exports"].items():
                print(f"       {name}: {same} answers the same, off by {gap:.0e}")
            sys.stdout.flush()


def some_pictures(place):
    """Write the pictures; return their folder and what files of a group share."""
    if folders.REAL.exists():
        return folders.photographs(place, counts=(50, 30, 16)), ""
    practice_folder(place / "pets", load("pets"), largest=40, smallest=8)
    return place / "pets", r"(.+)-shot\d+"


def named_packages(script):
    """Return what the docstring says has to be installed."""
    text = script.read_text("utf-8").replace("\\\n", " ")
    (line,) = re.findall(r"^ +pip install (.+)$", text, re.M)
    return line.split()


def new_environment(folder, packages):
    """Make a virtual environment with these packages; return its Python.

    Nothing is compiled ahead, since most of it is never imported. Where Linux has no
    NVIDIA GPU, torch comes from PyTorch's index of builds for the CPU, if it can.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python"]
    pip += [python, "install", "-qqq", "--no-compile", "-c", ROOT / "requirements.lock"]
    index = os.environ.get("TORCH_INDEX", "https://download.pytorch.org/whl/cpu")
    if "torch" in packages and index and sys.platform == "linux":
        if not shutil.which("nvidia-smi"):
            more = ["--no-deps", "--retries", "1", "--extra-index-url", index, "torch"]
            subprocess.run([*pip, *more], timeout=INSTALL)
    subprocess.run([*pip, *packages], check=True, timeout=INSTALL)
    return python


def try_out(kind, python, script, home, pictures, groups):
    """Run a script alone, show that it kept its promises, and judge what it left."""
    shutil.copyfile(script, home / script.name)
    shutil.copytree(ROOT / "data/tiny-vit", home / "checkpoint")
    elsewhere, out = home / "elsewhere", home / "results of today"
    elsewhere.mkdir()
    look = "from importlib.util import find_spec as f; print(f('course_utils'))"
    assert run([python, "-c", look], elsewhere, READ)[0] == "None\n"
    command = [python, home / script.name, "--pictures", pictures, "--groups", groups]
    command += ["--model", home / "checkpoint", "--output", out, *SHORT]
    said, heard = run(command, elsewhere, RUN)
    assert {host for host, port in heard} == {"127.0.0.1"}, f"it listened at {heard}"
    assert re.search(r"demo .*127\.0\.0\.1.* stopped", said), said
    assert "not installed" not in said, said
    assert list(elsewhere.iterdir()) == [], "it wrote to the working directory"
    shutil.copyfile(Path(__file__).with_name("delivered.py"), home / "delivered.py")
    answer, _ = run([python, home / "delivered.py", kind, out], elsewhere, READ)
    found = json.loads(answer.splitlines()[-1])
    checklist = (out / "CHECKLIST.md").read_text("utf-8")
    assert f"{found['macro F1']:.3f}" in checklist, f"{found}\n{checklist}"
    assert len(found["exports"]) >= 3, found
    for name, (difference, same) in found["exports"].items():
        limit, least = (0.5, 0.8) if "int8" in name else (1e-4, 1.0)
        assert difference < limit and same >= least * found["pictures"], found
    return found


def run(command, place, seconds):
    """Run a program; return what it prints, and the addresses at which it listened.

    It gets nothing of the course's environment, has a limit, and must end with all that
    it has started, and with it every port.
    """
    mark, heard = uuid.uuid4().hex, set()
    hidden = ("COURSE_", "HF_", "PYTHON", "VIRTUAL_ENV", "GRADIO_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
    kept |= {MARK: mark, "HF_HOME": str(place.parent / "home"), "HF_HUB_OFFLINE": "1"}
    kept |= {"PYTHONUTF8": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "NO_PROXY": "127.0.0.1"}
    over = threading.Event()
    ear = threading.Thread(target=listen, args=(mark, heard, over))
    ear.start()
    try:
        done = subprocess.run(
            [*map(str, command)],
            cwd=place,
            env=kept,
            timeout=seconds,
            capture_output=True,
            encoding="utf-8",
        )
    finally:
        over.set()
        ear.join()
        left = marked_by(mark)
        for process in left:
            process.kill()
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr[-3000:]}"
    assert not left, f"{command} left {left}"
    return done.stdout, heard


def listen(mark, heard, over):
    """Note every now and then at which addresses marked processes listen."""
    while not over.wait(0.3):
        for process in marked_by(mark):
            try:
                sockets = process.net_connections("inet")
            except psutil.Error:
                continue  # it has just ended
            heard |= {tuple(x.laddr) for x in sockets if x.status == "LISTEN"}


if __name__ == "__main__":
    main(sys.argv[1:] or KINDS)
