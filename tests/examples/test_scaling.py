"""The scripts of lesson 16: what they find is true, and they leave no process behind.

They start their processes by spawn, as macOS and Windows do, or by torchrun.
"""

import ast
import json
import sys

import pytest
from launching import TORCHRUN, launch

from course_utils.session import ROOT

EXAMPLES = ROOT / "examples"
LIBRARIES = {
    "ddp.py": {"torch"},
    "fsdp.py": {"torch"},
    "mirrored_keras.py": {"tensorflow", "keras", "numpy"},
}
PATIENCE = "--seconds", "280"  # on a busy machine they take a minute


def findings(done):
    """Return what a script has printed: nothing but lines of JSON."""
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line.pop("about"): line for line in lines}


@pytest.mark.parametrize("name", LIBRARIES)
def test_script_needs_only_its_libraries(name):
    nodes = list(ast.walk(ast.parse((EXAMPLES / name).read_text("utf-8"))))
    found = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    found |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    found = {name.partition(".")[0] for name in found} - sys.stdlib_module_names
    assert found == LIBRARIES[name]


# --- DDP --------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["itself", "torchrun"])
def ddp(request):
    """Return the number of ranks and what they found."""
    script = EXAMPLES / "ddp.py"
    if request.param == "itself":
        found = findings(launch(script, "--processes", "3", *PATIENCE))
    else:
        found = findings(launch(*TORCHRUN, script, *PATIENCE))
    assert found["processes"]["started_by"] == request.param
    return found["processes"]["world_size"], found


def test_ranks_are_processes_of_their_own(ddp):
    ranks, found = ddp
    assert ranks in (2, 3) and found["processes"]["backend"] == "gloo"
    assert len(set(found["processes"]["pids"])) == ranks


def test_ring_gives_the_sum_and_sends_as_much_as_the_formula_says(ddp):
    ranks, found = ddp
    ring = found["ring"]
    total = [sum(numbers) for numbers in zip(*ring["before"], strict=True)]
    assert ring["after"] == [total] * ranks
    assert ring["sent"] == [ring["formula"]] * ranks
    assert ring["difference"] < 1e-5


def test_ddp_trains_as_one_process_does(ddp):
    _, found = ddp
    ddp = found["ddp"]
    assert ddp["difference"] < 1e-6 and ddp["between_ranks"] == 0.0
    assert ddp["moved"] > 0.1 and ddp["alone"] > 0.1
    assert ddp["start_differs_before"] > 0.1 and ddp["start_differs_after"] == 0.0


def test_mean_of_means_is_wrong_for_unequal_batches_and_the_right_factor_is_not(ddp):
    _, found = ddp
    unequal = found["unequal"]
    assert unequal["right_factor"] < 1e-6
    assert unequal["mean_of_means"] > 0.2 * unequal["largest"]


def test_sampler_deals_some_items_twice_and_needs_set_epoch(ddp):
    ranks, found = ddp
    cards = found["sampler"]
    assert cards["twice"] == ([0] if ranks == 2 else [])  # 9 items
    first = cards["with_set_epoch"][0]
    assert cards["without_set_epoch"] == [first] * 3
    assert len({tuple(order) for order in cards["with_set_epoch"]}) == 3


def test_one_seed_for_all_gives_all_ranks_the_same_numbers(ddp):
    ranks, found = ddp
    same, own = ({tuple(x) for x in draws} for draws in found["seeds"].values())
    assert len(same) == 1 and len(own) == ranks


@pytest.mark.parametrize("script", ["ddp.py", "fsdp.py"])
def test_run_past_its_limit_ends_and_leaves_nothing(script):
    done = launch(EXAMPLES / script, "--seconds", "1", seconds=60)
    assert done.returncode == 1


def test_a_rank_that_fails_ends_all_of_them(tmp_path):
    """The others would wait for it, because they need its numbers."""
    (tmp_path / "failing.py").write_text(
        "import sys, time\n"
        f"sys.path.insert(0, {str(EXAMPLES)!r})\n"
        "import ddp\n"
        "def work(rank, *rest):\n"
        "    sys.exit(3) if rank == 1 else time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    ddp.start(work, 2, 60)\n"
    )
    done = launch(tmp_path / "failing.py", seconds=45)
    assert done.returncode == 1 and "ended with" in done.stderr


def test_one_process_alone_is_refused():
    done = launch(EXAMPLES / "ddp.py", "--processes", "1")
    assert done.returncode == 2 and "--processes 2 or more" in done.stderr


# --- FSDP2 ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fsdp():
    """Return what three ranks found: 64 rows are cut into 22, 22 and 20."""
    return findings(launch(EXAMPLES / "fsdp.py", "--processes", "3", *PATIENCE))


def test_parameters_are_cut_along_their_first_axis(fsdp):
    rows = fsdp["rows"]["by_rank"]
    assert rows["positions"] == [1, 0, 0] and rows["head.weight"] == [4, 4, 2]
    assert rows["blocks.0.linear2.weight"] == [22, 22, 20]
    for name, (first, *_) in fsdp["rows"]["shapes"].items():
        assert sum(rows[name]) == first


def test_ranks_hold_as_many_bytes_as_the_formula_says(fsdp):
    memory = fsdp["memory"]
    assert memory["held"] == memory["formula"]
    assert sum(memory["held"]) == memory["whole"]
    assert fsdp["during"]["before"] == memory["parameters"]


def test_only_the_block_that_computes_is_whole(fsdp):
    assert fsdp["during"]["whole_blocks"] == [[0], [1], [2], [3]]


def test_a_cut_model_trains_as_a_whole_one_does(fsdp):
    assert fsdp["equal"]["difference"] < 2e-6 < 1e-3 < fsdp["equal"]["moved"]


def test_torchrun_gives_each_of_two_ranks_a_half():
    found = findings(launch(*TORCHRUN, EXAMPLES / "fsdp.py", *PATIENCE))
    assert found["rows"]["by_rank"]["blocks.0.linear2.weight"] == [32, 32]


# --- TensorFlow -------------------------------------------------------------------


@pytest.fixture(scope="module")
def mirrored():
    """Return what was found on two logical CPUs."""
    return findings(launch(EXAMPLES / "mirrored_keras.py", *PATIENCE))


def test_mirrored_copies_train_as_one_device_does(mirrored):
    assert mirrored["devices"]["replicas"] == 2
    found = mirrored["mirrored"]
    assert found["copies"] == [0, 1] and found["per_replica"] == [8, 8]
    assert found["difference"] < 1e-6 < 1e-3 < found["moved"]


def test_keras_takes_the_mean_of_means_too(mirrored):
    found = mirrored["unequal"]
    assert len(set(found["items"])) == 2
    assert found["difference"] > 0.1 * found["largest"]


def test_data_parallel_on_tensorflow_says_nothing_and_uses_one_copy(mirrored):
    found = mirrored["distribution"]
    assert len(found["devices"]) == 2 and found["backend"] == "tensorflow"
    assert found["says"] == "no error" and found["copies"] == [0]
    assert found["backends"]["jax"]


# --- accelerate launch ------------------------------------------------------------

RIGHT = ["--multi_gpu", "--num_machines", "1", "--mixed_precision", "no"]
RIGHT += ["--dynamo_backend", "no"]


@pytest.mark.parametrize(
    ("flags", "wanted"), [(["--cpu"], ["0 of 1"]), (RIGHT, ["0 of 2", "1 of 2"])]
)
def test_flags_of_accelerate_that_start_one_process_or_two(flags, wanted, tmp_path):
    """With ``--cpu``, ``--num_processes 2`` is taken and means nothing."""
    script = tmp_path / "who.py"
    script.write_text(
        "import time\n"
        "from pathlib import Path\n"
        "from accelerate import PartialState\n"
        "state = PartialState(cpu=True)\n"
        "who = f'{state.process_index} of {state.num_processes}'\n"
        "Path(who).touch()  # lines of two processes in one pipe could mix\n"
        "state.wait_for_everyone()\n"
        "time.sleep(0.5)  # for gloo, as in the examples\n"
        "state.destroy_process_group()\n"
    )
    command = ["-m", "accelerate.commands.launch", "--num_processes", "2"]
    command += ["--main_process_port", "0"]  # a free one
    done = launch(*command, *flags, script, cwd=tmp_path, HF_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in tmp_path.glob("* of *")) == wanted
