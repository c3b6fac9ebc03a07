"""`vit-course doctor`: what it finds good, and how it says to mend the rest."""

import shutil
import sys
from types import ModuleType, SimpleNamespace

import pytest
from command_line import flat, vit_course

from course_tools import doctor
from course_utils import session
from course_utils.data import checkpoints, hub, sets

TINY = session.ROOT / "data" / "tiny-vit"


@pytest.fixture
def healthy(monkeypatch):
    """Leave out what takes seconds (torch) or differs between machines."""
    monkeypatch.setattr(doctor, "_device", lambda: doctor.Check("device", "ok", "CPU"))
    monkeypatch.setattr(doctor, "_memory", lambda: doctor.Check("memory", "ok", "9 GB"))
    monkeypatch.setattr(doctor, "_disk", lambda: doctor.Check("disk", "ok", "9 GB"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def row(result, name):
    return next(
        line.split("│")[1:-1]
        for line in result.output.splitlines()
        if f"│ {name} " in line
    )


def test_doctor_finds_a_good_set_up_good(healthy):
    result = vit_course("doctor")
    assert result.exit_code == 0, result.output
    assert "Everything the course needs is there." in result.output
    for name in ("Python", "numpy", "torch", "pytest", "bundled data"):
        assert row(result, name)[-1].strip() == "ok"


def test_unreachable_hub_is_told_and_is_no_failure(healthy):
    result = vit_course("doctor")
    assert row(result, "Hugging Face Hub")[-1].strip() == "info"
    assert "no connection" in flat(result.output)


@pytest.mark.parametrize(
    ("package", "version", "code", "status"),
    [
        ("numpy", "1.26.4", 1, "fail"),
        ("torch", None, 0, "info"),  # its notebooks cannot run, the others can
        ("transformers", None, 1, "fail"),
        ("tensorflow", None, 0, "info"),
        ("keras", "2.15.0", 1, "fail"),
        ("ruff", "0.1.0", 0, "info"),
        ("transformers", "5.99.0.dev0", 0, "ok"),
    ],
)
def test_doctor_judges_versions(monkeypatch, healthy, package, version, code, status):
    real = doctor.importlib.metadata.version

    def report(name):
        if name != package:
            return real(name)
        if version is None:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(doctor.importlib.metadata, "version", report)
    result = vit_course("doctor")
    assert result.exit_code == code
    cells = row(result, package)
    assert cells[-1].strip() == status
    assert (version or "not installed") in cells[2]
    remedy = (
        f"To mend it: run `make setup` in the course's folder, or `{sys.executable}"
    )
    assert (remedy in flat(result.output)) == (status == "fail")


@pytest.mark.parametrize(
    ("package", "version", "status", "words"),
    [
        ("keras-hub", "99.0", "info", "99.0: not tested with this version"),
        ("keras-hub", None, "fail", "run the notebook's first cell"),
    ],
)
def test_doctor_changes_nothing_that_colab_ships(
    monkeypatch, package, version, status, words
):
    monkeypatch.setitem(sys.modules, "google.colab", ModuleType("google.colab"))
    (wanted,) = [r for r in doctor._declared()[1] if r.name == package]

    def report(name):
        if name == package and version is None:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return version if name == package else "1.0"

    monkeypatch.setattr(doctor.importlib.metadata, "version", report)
    check = doctor._package(wanted, "tensorflow")
    assert check.status == status
    assert words in check.found + check.remedy
    assert "make" not in check.remedy and "pip" not in check.remedy


def test_doctor_fails_without_any_framework(monkeypatch, healthy):
    real = doctor.importlib.metadata.version

    def report(name):
        if name in doctor.FRAMEWORKS:
            raise doctor.importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor.importlib.metadata, "version", report)
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert row(result, "torch")[-1].strip() == "fail"
    assert row(result, "tensorflow")[-1].strip() == "fail"


def test_doctor_judges_python(monkeypatch, healthy):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 10, 1))
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert "Python: 3.10.1 To mend it: install Python >=3.11" in flat(result.output)


def test_doctor_names_damaged_data_and_the_remedy(monkeypatch, healthy, tmp_path):
    monkeypatch.setattr(sets, "ROOT", tmp_path)
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert "SHA256SUMS is missing" in flat(result.output)
    assert "is missing To mend it: Restore it with `git checkout" in flat(result.output)


def test_doctor_names_a_damaged_checkpoint(monkeypatch, healthy, tmp_path):
    shutil.copytree(TINY, tmp_path / "tiny-vit")
    weights = tmp_path / "tiny-vit" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    monkeypatch.setattr(checkpoints, "_DATA", tmp_path)
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert row(result, "tiny-vit")[-1].strip() == "fail"
    assert "model.safetensors cannot be read" in flat(result.output)


def test_doctor_looks_into_course_hub(monkeypatch, healthy, tmp_path):
    monkeypatch.setenv("COURSE_HUB", str(tmp_path))
    assert row(vit_course("doctor"), "COURSE_HUB")[-1].strip() == "info"
    shutil.copytree(TINY, tmp_path / hub.REPOSITORIES["anatomy"].id)
    result = vit_course("doctor")
    assert row(result, "COURSE_HUB")[-1].strip() == "ok"
    assert "holds anatomy; the rest: from the Hub" in flat(result.output)
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "nowhere"))
    result = vit_course("doctor")
    assert result.exit_code == 1
    assert "is not a folder" in flat(result.output)


@pytest.mark.parametrize(("name", "free"), [("_memory", 1e9), ("_disk", 1e8)])
def test_doctor_asks_for_room(monkeypatch, name, free):
    room = SimpleNamespace(available=free, free=free)
    monkeypatch.setattr(doctor.psutil, "virtual_memory", lambda: room)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: room)
    check = getattr(doctor, name)()
    assert check.status == "fail" and check.remedy


def test_ranges_are_read_the_same_with_and_without_installation(monkeypatch):
    def wanted():
        python, requirements = doctor._declared()
        return python, {
            extra: sorted(
                (r.name, str(r.specifier))
                for r in requirements
                if doctor._belongs_to(r, extra)
            )
            for extra in doctor.GROUPS
        }

    try:
        installed = wanted()
    except FileNotFoundError:
        pytest.fail("neither installed nor in a clone")

    def missing(name):
        raise doctor.importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.importlib.metadata, "metadata", missing)
    assert wanted() == installed
    assert all(installed[1].values())
    text = [r for r in doctor._declared()[1] if r.name == "tensorflow-text"]
    windows = {"extra": "tensorflow", "sys_platform": "win32"}
    assert text and not any(r.marker.evaluate(windows) for r in text)
