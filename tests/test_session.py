import os
import random
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from course_utils import session


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    monkeypatch.setattr(session, "_chosen", None)


@pytest.fixture
def torch(monkeypatch):
    """Stand where torch would be, and remember the seed."""
    fake = SimpleNamespace(
        __version__="2.0",
        cuda=SimpleNamespace(is_available=lambda: False),
        backends=SimpleNamespace(mps=SimpleNamespace(is_available=lambda: False)),
        seeds=[],
    )
    fake.manual_seed = fake.seeds.append
    monkeypatch.setitem(sys.modules, "torch", fake)
    return fake


def test_reduced_is_the_default():
    assert session.current_profile() == "reduced"
    assert session.setup().profile == "reduced"


def test_setup_s_argument_holds_for_the_rest_of_the_process():
    assert session.setup(profile="full").profile == "full"
    assert session.current_profile() == "full"


def test_environment_wins_over_the_argument(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert session.setup(profile="reduced").profile == "full"
    assert session.current_profile() == "full"


def test_empty_environment_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("COURSE_PROFILE", "")
    assert session.setup(profile="full").profile == "full"


def test_unknown_profile_names_both_choices_and_where_it_came_from(monkeypatch):
    with pytest.raises(ValueError, match=r"'big'.*setup.*\"reduced\".*\"full\""):
        session.setup(profile="big")
    monkeypatch.setenv("COURSE_PROFILE", "Full")
    with pytest.raises(ValueError, match=r"'Full'.*COURSE_PROFILE.*reduced.*full"):
        session.current_profile()


def test_pick_takes_the_value_of_the_profile():
    assert session.Run("reduced", "cpu", 0).pick(reduced=5, full=3) == 5
    assert session.Run("full", "cpu", 0).pick(reduced=5, full=3) == 3


def test_run_cannot_be_changed():
    with pytest.raises(AttributeError):
        session.setup().profile = "full"


def test_same_seed_gives_the_same_draws():
    def draws(seed):
        session.setup(seed=seed)
        return random.random(), np.random.rand()

    first = draws(3)
    assert draws(3) == first
    assert all(a != b for a, b in zip(draws(4), first, strict=True))


def test_torch_is_seeded_when_it_has_been_imported(torch):
    session.setup(seed=7)
    assert torch.seeds == [7]


@pytest.mark.parametrize("kind", ["cpu", "cuda", "mps"])
def test_device_is_the_best_that_torch_offers(torch, kind):
    torch.cuda.is_available = lambda: kind == "cuda"
    torch.backends.mps.is_available = lambda: kind == "mps"
    assert session.setup().device == kind


def test_device_is_cpu_without_torch(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert session.setup().device == "cpu"


def test_setup_prints_one_line_with_what_matters(capsys, torch):
    session.setup()
    printed = capsys.readouterr().out
    assert printed.count("\n") == 1
    version = ".".join(map(str, sys.version_info[:3]))
    for part in ("profile reduced", "device cpu", f"Python {version}", "torch 2.0"):
        assert part in printed


def test_device_is_not_told_while_nothing_can_look_for_one(capsys, monkeypatch):
    for name in ("torch", "tensorflow"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    session.setup()
    assert "device" not in capsys.readouterr().out


def test_importing_the_package_loads_no_framework():
    code = (
        "import sys, course_utils; print(sorted({'torch', 'tensorflow', 'keras', "
        "'transformers', 'datasets', 'numpy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=session.ROOT,
    )
    assert done.stdout == "[]\n"


def test_what_an_import_writes_to_stderr_is_shown_only_if_it_fails(capfd):
    with session._quiet_stderr():
        os.write(2, b"a warning")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError), session._quiet_stderr():
        os.write(2, b"the reason")
        raise ImportError
    assert capfd.readouterr().err == "the reason"


@pytest.mark.parametrize(("gpus", "device"), [([], "cpu"), (["GPU:0"], "cuda")])
def test_without_torch_the_device_is_tensorflow_s(monkeypatch, gpus, device):
    fake = SimpleNamespace(
        __version__="2.0",
        config=SimpleNamespace(list_physical_devices=lambda kind: gpus),
        random=SimpleNamespace(set_seed=lambda seed: None),
    )
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    monkeypatch.setitem(sys.modules, "tensorflow", fake)
    assert session.setup().device == device
