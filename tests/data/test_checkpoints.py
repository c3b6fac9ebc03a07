"""Where checkpoints come from; the Hub's faults are in test_hub.py."""

import json
import shutil

import pytest
from hub_stand_in import isolate, serve_impatient

from course_utils import session
from course_utils.data import checkpoints, hub

DATA = session.ROOT / "data"
TINY, DIGITS = DATA / "tiny-vit", DATA / "digit-vit"
IDS = {role: hub.REPOSITORIES[role].id for role in ("finetune", "anatomy")}


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    isolate(monkeypatch, tmp_path / "hf")
    monkeypatch.setattr(session, "_chosen", None)


@pytest.fixture
def course_hub(monkeypatch, tmp_path):
    """Return a COURSE_HUB with a checkpoint under each of Google's ids."""
    for name in IDS.values():
        shutil.copytree(TINY, tmp_path / "hub" / name)
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(tmp_path / "hub"))
    return tmp_path / "hub"


def error_of(role):
    with pytest.raises(hub.DataError) as caught:
        checkpoints.locate(role)
    message = str(caught.value)
    assert 1 <= len(message.splitlines()) <= 2
    return message


@pytest.mark.parametrize("role", IDS)
def test_reduced_profile_takes_the_bundled_checkpoint(role):
    assert checkpoints.locate(role) == str(TINY)


@pytest.mark.parametrize("profile", ["reduced", "full"])
def test_digits_have_the_bundled_checkpoint_in_both_profiles(
    monkeypatch, course_hub, profile
):
    monkeypatch.setenv("COURSE_PROFILE", profile)
    assert checkpoints.locate("digits") == str(DIGITS)


@pytest.mark.parametrize("role", IDS)
def test_full_profile_takes_google_s_from_course_hub(course_hub, role):
    assert checkpoints.locate(role) == str(course_hub / IDS[role])
    assert "in21k" in IDS["finetune"] and "in21k" not in IDS["anatomy"]


def test_unknown_role_is_refused():
    with pytest.raises(ValueError, match="'backbone'.*finetune, anatomy, digits"):
        checkpoints.locate("backbone")


def test_bundled_checkpoints_are_intact():
    assert checkpoints.bundled() == TINY
    assert checkpoints.bundled("digit-vit") == DIGITS


@pytest.mark.parametrize("name", hub.REPOSITORIES["anatomy"].patterns.values())
def test_checkpoint_without_a_file_is_refused(course_hub, name):
    (course_hub / IDS["anatomy"] / name).unlink()
    message = error_of("anatomy")
    assert "in COURSE_HUB cannot be used" in message and f"{name} is missing" in message


@pytest.mark.parametrize("name", hub.REPOSITORIES["anatomy"].patterns.values())
def test_checkpoint_with_a_cut_file_is_refused(course_hub, name):
    path = course_hub / IDS["anatomy"] / name
    path.write_bytes(path.read_bytes()[:-5])
    message = error_of("anatomy")
    assert f"{path} cannot be read" in message and "Copy it again" in message


def test_weights_in_another_format_are_named_and_not_loaded(monkeypatch, tmp_path):
    folder = tmp_path / "served" / IDS["anatomy"]
    shutil.copytree(TINY, folder)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with serve_impatient(monkeypatch, tmp_path / "served") as server:
        message = error_of("anatomy")
        assert "model.safetensors is missing" in message
        assert "Weights are read from model.safetensors" in message
        assert not any("pytorch_model.bin" in name for name in server.sent)


def test_files_in_the_hub_s_own_cache_are_used(monkeypatch, tmp_path):
    cache = tmp_path / "hf" / "hub" / "models--google--vit-base-patch16-224"
    shutil.copytree(TINY, cache / "snapshots" / "abc")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    monkeypatch.setenv("COURSE_PROFILE", "full")
    assert checkpoints.locate("anatomy") == str(cache / "snapshots" / "abc")


def test_google_s_old_processor_file_loads_with_the_model_beside_it(course_hub):
    import transformers

    path = course_hub / IDS["anatomy"] / "preprocessor_config.json"
    old = {"do_normalize": True, "do_resize": True, "size": 224}
    mean = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    path.write_text(json.dumps({**old, **mean}))
    folder = checkpoints.locate("anatomy")
    processor = transformers.ViTImageProcessorPil.from_pretrained(folder)
    assert dict(processor.size) == {"height": 224, "width": 224}


def test_names_of_classes_are_texts_in_their_order():
    assert checkpoints.class_names([7, "cat"]) == ["7", "cat"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["cat"], "two or more different class names, but there is 1; give"),
        ([*map(str, range(998)), "crane", "crane"], "'crane' is given twice; give"),
    ],
    ids=["a single one", "ImageNet's crane"],
)
def test_names_that_do_not_tell_classes_apart_are_refused_briefly(names, message):
    with pytest.raises(ValueError, match=message) as caught:
        checkpoints.class_names(names)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "value", [3, 3.0, "bicubic", "BICUBIC", "PILImageResampling.BICUBIC"]
)
def test_ways_of_resizing_are_pillow_s_numbers(value):
    assert checkpoints.resampling(value) == 3


@pytest.mark.parametrize("value", ["sinc", 9, None])
def test_unknown_ways_of_resizing_are_refused(value):
    with pytest.raises(ValueError, match="no way of resizing in Pillow; write one of"):
        checkpoints.resampling(value)
