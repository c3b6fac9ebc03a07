"""TensorFlow starts quietly, and cells for PyTorch are skipped where it is missing.

Each start of TensorFlow takes seconds, so one fresh Python answers most questions.
"""

import json
import os
import subprocess
import sys

import pytest

BLOCK = """
import sys

class Block:
    names = set()

    def find_spec(self, name, path=None, target=None):
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
"""

SESSION = """
import json, types
from contextlib import redirect_stdout
from io import StringIO
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell.instance(colors="nocolor")
from course_utils.session import use_tensorflow
use_tensorflow()
use_tensorflow()
import keras
import tensorflow as tf

for _ in range(6):  # new functions, as new models make them
    tf.function(lambda x: x + 1)(tf.constant(1))
tf.get_logger().warning("another warning")

def run(cell):
    with redirect_stdout(StringIO()) as out:
        result = shell.run_cell("%%parity\\n" + cell)
    return {"error": type(result.error_in_exec).__name__, "out": out.getvalue()}

found = {"backend": keras.backend.backend()}
Block.names = {"torch"}
found["no torch"] = run("skipped = 1")
sys.modules["torch"] = types.ModuleType("torch")
Block.names = {"transformers"}
found["no transformers"] = run("skipped = 1")
sys.modules["transformers"] = types.ModuleType("transformers")
found["first"] = run("answer = 41\\nclass Kept: pass")
found["second"] = run("answer += 1\\nprint(answer, Kept().__class__.__name__)")
found["error"] = run("nothing = 0\\nfraction = 1 / nothing")
found["skipped"] = "skipped" in shell.user_ns
del sys.modules["torch"]
Block.names = {"sympy"}
sys.meta_path.insert(0, types.SimpleNamespace(find_spec=lambda name, *rest:
    Block().find_spec("sympy") if name == "torch" else None))
found["broken torch"] = run("skipped = 1")
print(json.dumps(found))
"""


def fresh_python(code, **variables):
    """Run code in a Python that has loaded nothing and knows no backend."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("KERAS", "TF_"))}
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code],
        env=kept | {"OMP_NUM_THREADS": "1"} | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def session():
    return fresh_python(SESSION, KERAS_BACKEND="torch")


@pytest.fixture(scope="module")
def found(session):
    assert session.returncode == 0, session.stderr
    return json.loads(session.stdout.splitlines()[-1])


def test_tensorflow_becomes_the_backend_whatever_the_environment_asks(found):
    assert found["backend"] == "tensorflow"


def test_start_prints_nothing_and_only_the_advice_on_retracing_is_hidden(session):
    assert session.stderr == ""
    assert session.stdout.splitlines()[:-1] == ["WARNING:tensorflow:another warning"]


@pytest.mark.parametrize("missing", ["torch", "transformers"])
def test_parity_cell_is_skipped_with_a_line_where_a_package_is_missing(found, missing):
    line = f"Skipped: this cell needs {missing}, which is not installed.\n"
    assert found[f"no {missing}"] == {"error": "NoneType", "out": line}
    assert not found["skipped"]


def test_names_of_a_parity_cell_are_there_for_the_next(found):
    assert found["second"] == {"error": "NoneType", "out": "42 Kept\n"}


def test_error_in_a_parity_cell_shows_the_line_that_failed(found):
    assert found["error"]["error"] == "ZeroDivisionError"
    assert "----> 2 fraction = 1 / nothing" in found["error"]["out"]


def test_damaged_torch_is_an_error_and_not_skipped(found):
    assert found["broken torch"]["error"] == "ModuleNotFoundError"
    assert "No module named 'sympy'" in found["broken torch"]["out"]


CALL = """
from course_utils.session import use_tensorflow
try:
    use_tensorflow()
except RuntimeError as error:
    print(error)
"""


def test_another_backend_in_use_is_refused_with_the_way_out():
    done = fresh_python("import keras" + CALL, KERAS_BACKEND="torch")
    assert done.stdout == (
        "Keras already runs on the backend 'torch' in this kernel, and cannot change "
        "it. Restart the kernel and run this cell first.\n"
    )


def test_missing_tensorflow_is_a_clear_error():
    done = fresh_python("Block.names = {'tensorflow'}" + CALL)
    assert done.stdout.startswith(
        "TensorFlow or Keras cannot be imported (No module named 'tensorflow')."
    )
    assert "`make setup`" in done.stdout
