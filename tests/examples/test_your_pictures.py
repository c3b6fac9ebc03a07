"""The scripts of lessons 17 and 18: on any folder, killed, offline, without extras.

What reads the files that they leave is ``delivered.py``, in another process.
"""

import json
import re
import signal
from pathlib import Path

import folders
import numpy as np
import pytest
from launching import launch
from plain_scripts import EXAMPLES
from safetensors.numpy import load_file

from course_utils.data import load, practice_folder
from course_utils.session import ROOT

TINY = ROOT / "data/tiny-vit"
KINDS = "pytorch", "tensorflow"
BOTH = pytest.mark.parametrize("kind", KINDS)
BURSTS = r"(.+)-shot\d+"
SHORT = {  # one rate, tried for an epoch, and three epochs
    "pytorch": ["--epochs", "3", "--rates", "0.001", "--trial", "1"],
    "tensorflow": ["--epochs", "3", "--rates", "0.001", "--trial", "1"],
}
EXTRA = "gradio", "imagehash", "onnx", "onnxruntime", "onnxscript"
HIDDEN = f"import sys; sys.modules.update(dict.fromkeys({EXTRA}))\n"
# Notes whoever is asked for, since libraries swallow errors of the network.
GUARD = """
import os, socket
def guarded(name, real=None):
    real = getattr(socket.socket, name)
    def method(self, address, *more):
        inet = self.family in (socket.AF_INET, socket.AF_INET6)
        if inet and address[0] not in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
            note(address[0])
        return real(self, address, *more)
    setattr(socket.socket, name, method)
def note(host):
    with open(os.environ["ASKED"], "a") as file:
        print(host, file=file)
    raise OSError(f"{host} is out of reach")
def lookup(host, *more, real=socket.getaddrinfo, **options):
    host = host.decode() if isinstance(host, bytes) else host
    if host not in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", None):
        note(host)
    return real(host, *more, **options)
guarded("connect"), guarded("connect_ex")
socket.getaddrinfo = lookup
"""


def run(kind, place, pictures, groups="", *more, before=""):
    """Run a script offline, in ``place``; its results go to ``place/out``."""
    script = EXAMPLES / f"your_pictures_{kind}.py"
    start = f"{GUARD}{before}\nimport runpy"
    start += f"\nrunpy.run_path({str(script)!r}, run_name='__main__')"
    options = ["--pictures", pictures, "--groups", groups, "--model", TINY]
    options += ["--output", "out", *SHORT[kind], *more]
    home = {"HF_HOME": str(place / "home"), "ASKED": str(place / "asked")}
    home |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_NUM_INTRAOP_THREADS": "1"}
    home |= {"GRADIO_TEMP_DIR": str(place / "uploads")}
    done = launch("-c", start, *options, seconds=500, cwd=place, **home)
    assert not (place / "asked").exists(), (place / "asked").read_text()
    return done


# --- Folders that are refused, or end early ---------------------------------------

SEVERAL = """
import contextlib, io, json, sys
script, jobs, words = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
source = open(script, encoding="utf-8").read()
early, found = source.partition("\\n# %% Shrink once")[0], {}
for name, pictures, out in jobs:
    sys.argv = [script, "--pictures", pictures, "--output", out, *words]
    said, sentence, known = io.StringIO(), None, {"__name__": "__main__"}
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(early, script, "exec"), known)
        except SystemExit as refused:
            sentence = refused.code
    found[name] = [said.getvalue(), sentence, known.get("names")]
print(json.dumps(found))
"""
EARLY = {
    **{name: make for name, make in folders.WORK.items()},
    **{name: make for name, (make, _) in folders.REFUSED.items()},
    **folders.EITHER,
}


@pytest.fixture(scope="module", params=KINDS)
def ends(request, tmp_path_factory):
    """Return what a script says of each folder up to the split, and its refusal."""
    place, jobs = tmp_path_factory.mktemp("early"), []
    for number, (name, make) in enumerate(EARLY.items()):
        (place / f"{number}").mkdir()
        folder = make(place / f"{number}")
        jobs.append([name, str(folder), str(place / f"out {number}")])
    (place / "there").mkdir()
    jobs.append(["results", str(place), str(place / "there")])
    script = EXAMPLES / f"your_pictures_{request.param}.py"
    words = ["--model", TINY, "--groups", ""]
    home = {"HF_HOME": str(place / "home"), "HF_HUB_OFFLINE": "1"}
    done = launch("-c", SEVERAL, script, json.dumps(jobs), *words, **home)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: (*found[name], Path(out)) for name, _, out in jobs}


def assert_plain(sentence, words):
    """One sentence, as a person would say it."""
    assert isinstance(sentence, str), sentence
    assert len(sentence.splitlines()) == 1 and 5 < len(sentence.split()) < 60, sentence
    assert re.search(words, sentence), sentence


@pytest.mark.parametrize("name", folders.REFUSED)
def test_folder_is_refused_in_one_sentence(ends, name):
    _, sentence, _, out = ends[name]
    assert_plain(sentence, folders.REFUSED[name][1])
    assert not out.exists()  # else the next try would be refused for this


@pytest.mark.parametrize("name", folders.WORK)
def test_folder_is_taken(ends, name):
    said, sentence, names, _ = ends[name]
    assert sentence is None
    if name == "photographs":
        assert names == sorted(folders.NAMES)
    else:
        assert names == ["first", "second"]
        assert ("nothing yet" if name == "an empty class" else "third") in said


def test_eight_pictures_are_taken_or_refused(ends):
    _, sentence, names, _ = ends["eight pictures"]
    if sentence is None:
        assert names == ["first", "second"]
    else:
        assert_plain(sentence, "picture")


def test_results_are_not_written_over(ends):
    assert "add --resume, or choose" in ends["results"][1]


# --- Without the extra libraries, and killed --------------------------------------


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Return the folder to practice on, and its troubles."""
    folder = tmp_path_factory.mktemp("practice") / "pets"
    return folder, practice_folder(folder, load("pets"), largest=40, smallest=8)


@pytest.fixture(scope="module")
def bare(pets, tmp_path_factory):
    """Return the place and the words of undisturbed runs without extra libraries."""
    made = {}

    def result(kind):
        if kind not in made:
            place = tmp_path_factory.mktemp(kind)
            done = run(kind, place, pets[0], BURSTS, before=HIDDEN)
            assert done.returncode == 0, done.stderr[-3000:]
            made[kind] = place, done.stdout
        return made[kind]

    return result


@BOTH
def test_without_the_extra_libraries_a_line_each_and_the_rest(kind, bare, pets):
    place, said = bare(kind)
    lines = said.splitlines()
    missing = [line for line in lines if re.search(r"(is|are) not installed", line)]
    wanted = {"pytorch": ("imagehash", "onnx", "gradio")}
    for name in wanted.get(kind, ("imagehash", "gradio")):
        assert sum(line.startswith(name) for line in missing) == 1, missing
    assert all("pip install" in line for line in missing)
    for trouble in ("broken", "heic"):
        (file,) = pets[1][trouble]
        assert any(Path(file).name in line for line in lines), trouble
    assert "macro F1" in (place / "out/CHECKLIST.md").read_text("utf-8")
    assert [file.name for file in (place / "out").glob("*.onnx")] == []


@BOTH
def test_bursts_and_copies_lie_on_one_side(kind, bare, pets):
    """Those with the same bytes; nearly equal ones need imagehash."""
    place, _ = bare(kind)
    split = split_of(place / "out")
    assert len(split) > 150
    sides = {}
    for file, side in split.items():
        animal = re.fullmatch(BURSTS, Path(file).stem)[1]
        sides.setdefault((Path(file).parent.name, animal), set()).add(side)
    assert {len(found) for found in sides.values()} == {1}
    one, two = (split[str(pets[0] / file)] for file in pets[1]["copy"])
    assert one == two


def split_of(out):
    """Return in which split each file lies."""
    import pandas

    table = pandas.read_csv(out / "split.csv")
    return dict(zip(table["file"], table["split"], strict=True))


DIES = {  # in its n-th step, in whatever run of training
    "pytorch": """
import os, signal, transformers
step, left = transformers.Trainer.training_step, iter(range(STEPS))
def step_or_die(self, *arguments, **options):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *arguments, **options)
transformers.Trainer.training_step = step_or_die
""",
    "tensorflow": """
import os, signal
os.environ["KERAS_BACKEND"] = "tensorflow"
import keras
begin, left = keras.callbacks.CallbackList.on_train_batch_begin, iter(range(STEPS))
def begin_or_die(self, *arguments, **options):
    if next(left, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return begin(self, *arguments, **options)
keras.callbacks.CallbackList.on_train_batch_begin = begin_or_die
""",
}


@BOTH
def test_killed_run_goes_on_and_equals_an_undisturbed_one(kind, bare, pets, tmp_path):
    """Killed while it tries a rate, and again in the last epoch."""
    whole, _ = bare(kind)
    for steps, more in ((4, []), (28, ["--resume"])):
        dies = HIDDEN + DIES[kind].replace("STEPS", str(steps))
        done = run(kind, tmp_path, pets[0], BURSTS, *more, before=dies)
        assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr[-3000:]
        assert not (tmp_path / "out/CHECKLIST.md").exists()
        assert not (tmp_path / "out" / SAVED[kind]).exists()
    done = run(kind, tmp_path, pets[0], BURSTS, "--resume", before=HIDDEN)
    assert done.returncode == 0, done.stderr[-3000:]
    assert largest_difference(kind, tmp_path / "out", whole / "out") == 0.0
    one, two = (x / "out/CHECKLIST.md" for x in (tmp_path, whole))
    assert one.read_text("utf-8") == two.read_text("utf-8")
    names = [{x.name for x in (place / "out").iterdir()} for place in (tmp_path, whole)]
    assert names[0] == names[1]


SAVED = {"pytorch": "model", "tensorflow": "model.keras"}


def largest_difference(kind, one, two):
    if kind == "pytorch":
        one, two = (load_file(x / "model/model.safetensors") for x in (one, two))
    else:
        import keras

        models = [keras.models.load_model(x / "model.keras") for x in (one, two)]
        one, two = ({w.path: w.numpy() for w in x.weights} for x in models)
    assert one.keys() == two.keys() and one
    return max(float(np.abs(one[name] - two[name]).max(initial=0)) for name in one)


# --- To the end, on photographs whose names are special ---------------------------


@BOTH
def test_photographs_become_a_delivered_model(kind, tmp_path):
    folder = folders.photographs(tmp_path, counts=(24, 16, 12))
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    done = run(kind, tmp_path, folder, "")
    assert done.returncode == 0, done.stderr[-3000:]
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    out = tmp_path / "out"
    assert not list((tmp_path / "uploads").rglob("*.*"))
    found = launch(Path(__file__).with_name("delivered.py"), kind, out)
    assert found.returncode == 0, found.stderr[-3000:]
    found = json.loads(found.stdout.splitlines()[-1])
    checklist = (out / "CHECKLIST.md").read_text("utf-8")
    assert f"{found['macro F1']:.3f}" in checklist, (found, checklist)
    assert len(found["exports"]) >= 3
    for name, (difference, same) in found["exports"].items():
        exact = "int8" not in name
        assert difference < (1e-4 if exact else 0.5), name
        assert same >= found["pictures"] * (1.0 if exact else 0.8), name
    assert re.search(r"demo .*127\.0\.0\.1.* stopped", done.stdout), done.stdout
