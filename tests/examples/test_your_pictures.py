"""The scripts of lessons 17 and 18: on any folder, killed, offline, without extras.

What they deliver is read and asked by ``alone.py``, which ``.ci/run`` calls.
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
SHORT = ["--epochs", "3", "--rates", "0.001", "--trial", "1"]
EXPORTS = {"pytorch": "torch.export", "tensorflow": "SavedModel and LiteRT"}
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


def run(kind, place, pictures, *more, before="", without_exports=False):
    """Run a script offline, in ``place``; its results go to ``place/out``.

    ``before`` is code that spoils its world.
    """
    source = (EXAMPLES / f"your_pictures_{kind}.py").read_text("utf-8")
    if without_exports:
        before_them, title, rest = source.partition(f"# %% {EXPORTS[kind]}\n")
        _, demo, rest = rest.partition("# %% A demo\n")
        assert title and demo, "the cells have other titles"
        source = f"{before_them}report = []\n{demo}{rest}"
    (place / "script.py").write_text(source, "utf-8")
    start = f"{GUARD}{before}\nimport runpy"
    start += "\nrunpy.run_path('script.py', run_name='__main__')"
    options = ["--pictures", pictures, "--model", TINY, "--output", "out", *SHORT]
    home = {"HF_HOME": str(place / "home"), "ASKED": str(place / "asked")}
    home |= {"HF_HUB_OFFLINE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = launch("-c", start, *options, *more, seconds=500, cwd=place, **home)
    assert not (place / "asked").exists(), (place / "asked").read_text()
    return done


# --- Folders that are refused, or end early ---------------------------------------

SEVERAL = """
import contextlib, io, json, sys
script, jobs, hidden = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
words = sys.argv[4:]
source = open(script, encoding="utf-8").read()
early, title, rest = source.partition("\\n# %% Shrink once")
assert title, "the cells have other titles"
found = {}
for name, pictures, out, *more in jobs:
    if name == "without the extra":
        exec(hidden)
    sys.argv = [script, "--pictures", pictures, "--output", out, *words, *more]
    said, sentence, known = io.StringIO(), None, {"__name__": "__main__"}
    with contextlib.redirect_stdout(said):
        try:
            exec(compile(early, script, "exec"), known)
        except SystemExit as refused:
            sentence = refused.code
    split = [known.get("names"), None]
    if "split" in known.get("table", ()):
        files = map(str, known["table"]["file"])
        split[1] = dict(zip(files, known["table"]["split"]))
    found[name] = [said.getvalue(), sentence, *split]
print(json.dumps(found))
"""
EARLY = {
    **{name: make for name, make in folders.WORK.items()},
    **{name: make for name, (make, _) in folders.REFUSED.items()},
    **folders.EIGHT,
}


@pytest.fixture(scope="module")
def pets(tmp_path_factory):
    """Return the folder to practice on, and its troubles."""
    folder = tmp_path_factory.mktemp("practice") / "pets"
    return folder, practice_folder(folder, load("pets"), largest=40, smallest=8)


@pytest.fixture(scope="module", params=KINDS)
def ends(request, pets, tmp_path_factory):
    """Return what a script says of each folder up to the split, and its refusal."""
    place, jobs = tmp_path_factory.mktemp("early"), []
    for number, (name, make) in enumerate(EARLY.items()):
        (place / f"{number}").mkdir()
        folder = make(place / f"{number}")
        jobs.append([name, str(folder), str(place / f"out {number}")])
    (place / "there").mkdir()
    jobs.append(["results", str(place), str(place / "there")])
    for number, name in enumerate(("pets", "without the extra")):
        out = str(place / f"pets {number}")
        jobs.append([name, str(pets[0]), out, "--groups", BURSTS])
    script = EXAMPLES / f"your_pictures_{request.param}.py"
    words = [HIDDEN, "--model", TINY]
    home = {"HF_HOME": str(place / "home"), "HF_HUB_OFFLINE": "1"}
    done = launch("-c", SEVERAL, script, json.dumps(jobs), *words, **home)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: (*found[name], Path(out)) for name, _, out, *_ in jobs}


def assert_plain(sentence, words):
    """One sentence, as a person would say it."""
    assert isinstance(sentence, str), sentence
    assert len(sentence.splitlines()) == 1 and 5 < len(sentence.split()) < 60, sentence
    assert re.search(words, sentence), sentence


@pytest.mark.parametrize("name", folders.REFUSED)
def test_folder_is_refused_in_one_sentence(ends, name):
    _, sentence, *_, out = ends[name]
    assert_plain(sentence, folders.REFUSED[name][1])
    assert not out.exists()  # else the next try would be refused for this


@pytest.mark.parametrize("name", folders.WORK)
def test_folder_is_taken(ends, name):
    said, sentence, names, *_ = ends[name]
    assert sentence is None
    if name == "photographs":
        assert names == sorted(folders.NAMES)
    else:
        assert names == ["first", "second"]
        assert ("nothing yet" if name == "an empty class" else "third") in said


def test_eight_pictures_are_taken(ends):
    _, sentence, names, *_ = ends["eight pictures"]
    assert sentence is None and names == ["first", "second"]


def test_results_are_not_written_over(ends):
    assert "add --resume, or choose" in ends["results"][1]


# --- The folder to practice on ----------------------------------------------------


@pytest.mark.parametrize("name", ["pets", "without the extra"])
def test_bursts_and_copies_lie_on_one_side(ends, pets, name):
    """Pictures that are nearly equal do, too, where imagehash can find them."""
    said, sentence, _, split, _ = ends[name]
    assert sentence is None and len(split) > 150
    sides = {}
    for file, side in split.items():
        animal = re.fullmatch(BURSTS, Path(file).stem)[1]
        sides.setdefault((Path(file).parent.name, animal), set()).add(side)
    assert {len(found) for found in sides.values()} == {1}
    troubles = ["copy", "near copy"] if name == "pets" else ["copy"]
    for trouble in troubles:
        one, two = (split[str(pets[0] / file)] for file in pets[1][trouble])
        assert one == two, trouble
    for trouble in ("broken", "heic"):
        (file,) = pets[1][trouble]
        assert Path(file).name in said and str(pets[0] / file) not in split
    missing = [line for line in said.splitlines() if "not installed" in line]
    assert len(missing) == (name != "pets")
    assert all("pip install imagehash" in line for line in missing)


# --- Photographs whose names are special, to the end; killed, and gone on ---------


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    return folders.photographs(tmp_path_factory.mktemp("mine"), counts=(24, 16, 12))


@pytest.fixture(scope="module")
def whole(photographs, tmp_path_factory):
    """Return the place and the words of undisturbed runs."""
    made = {}

    def result(kind):
        if kind not in made:
            place = tmp_path_factory.mktemp(kind)
            done = run(kind, place, photographs)
            assert done.returncode == 0, done.stderr[-3000:]
            made[kind] = place, done.stdout
        return made[kind]

    return result


@BOTH
def test_photographs_become_a_model_with_a_demo(kind, whole, photographs):
    place, said = whole(kind)
    checklist = (place / "out/CHECKLIST.md").read_text("utf-8")
    for name in folders.NAMES:
        assert name in checklist
    found = re.findall(r"^- (model\S+|saved_model): .*?(\d+) of (\d+)", checklist, re.M)
    wanted = {
        "pytorch": {"model.pt2", "model.onnx", "model-int8.onnx"},
        "tensorflow": {"saved_model", "model.tflite", "model-int8.tflite"},
    }[kind]
    assert wanted <= {name for name, _, _ in found}, checklist
    for name, same, count in found:
        assert int(same) >= int(count) * (0.8 if "int8" in name else 1), name
    assert re.search(r"demo .*127\.0\.0\.1.* stopped", said), said
    assert sum(1 for x in photographs.rglob("*") if x.is_file()) == 52  # none is added
    left = {x.name for x in place.iterdir()}
    assert left <= {"out", "home", "script.py"}, left  # and nothing flagged


DIES = {  # in its n-th step, those of the trial counted
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
SAVED = {"pytorch": "model", "tensorflow": "model.keras"}


@BOTH
def test_killed_run_goes_on_and_equals_an_undisturbed_one(
    kind, whole, photographs, tmp_path
):
    """It dies in the last epoch, and goes on without Gradio.

    The exports take half of a run, and whole runs have shown them.
    """
    dies = DIES[kind].replace("STEPS", "7")  # an epoch has two steps
    done = run(kind, tmp_path, photographs, before=dies)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr[-3000:]
    assert not (tmp_path / "out" / SAVED[kind]).exists()
    hidden = "import sys; sys.modules['gradio'] = None"
    done = run(
        *(kind, tmp_path, photographs, "--resume"), before=hidden, without_exports=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "gradio is not installed" in done.stdout
    assert largest_difference(kind, tmp_path / "out", whole(kind)[0] / "out") == 0.0
    left = {x.name for x in (whole(kind)[0] / "out").iterdir()}
    assert {x.name for x in (tmp_path / "out").iterdir()} <= left


def largest_difference(kind, one, two):
    if kind == "pytorch":
        one, two = (load_file(x / "model/model.safetensors") for x in (one, two))
    else:
        import keras

        models = [keras.models.load_model(x / "model.keras") for x in (one, two)]
        one, two = (dict(enumerate(model.get_weights())) for model in models)
    assert one.keys() == two.keys() and one
    return max(float(np.abs(one[name] - two[name]).max(initial=0)) for name in one)
