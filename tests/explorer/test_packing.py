"""The page: rounded weights, bundled pictures, one file that asks nobody."""

import re

import numpy as np
import pytest
import torch
from explorer_engine import FOLDER, PAGE, array, models_of, unpacked
from PIL import Image

from course_utils.explorer import packing, reading
from course_utils.session import ROOT
from course_utils.vit.torch import ViT

BUNDLED = ("digit-vit", "tiny-vit")


def small_vit(classes=2, image_size=8, channels=1):
    torch.manual_seed(0)
    return ViT(image_size, 4, channels, classes, dim=6, depth=2, heads=2, mlp_dim=10)


@pytest.fixture(scope="module")
def stored():
    return PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def anew():
    """Both bundled models, packed now."""
    return [packing.pack(*reading.read(ROOT / "data" / name)) for name in BUNDLED]


@pytest.fixture(scope="module")
def packed():
    return packing.pack(*reading.read(small_vit()))


# --- the stored page --------------------------------------------------------------


def test_stored_page_is_small_enough():
    assert PAGE.stat().st_size <= 1_800_000


def test_stored_page_has_the_scripts_and_the_style_as_they_are(stored):
    assert packing.page([]).partition("[]")[2] in stored
    assert packing.page([]).partition("[]")[0] in stored


def test_stored_page_has_the_models_as_they_are(stored, anew):
    # Rounding by feedback depends on sums, whose last digit depends on the machine.
    for old, new in zip(models_of(stored), anew, strict=True):
        for key in old.keys() - {"pictures", "weights", "rounding"}:
            assert old[key] == new[key]
        for one, two in zip(old["pictures"], new["pictures"], strict=True):
            np.testing.assert_allclose(one.pop("logits"), two["logits"], atol=0.1)
            assert one.items() <= two.items()
        for name, held in old["weights"].items():
            assert held.keys() == new["weights"][name].keys()
            if "int8" not in held:
                assert held == new["weights"][name]
                continue
            assert held["scale"] == new["weights"][name]["scale"]
            off = array(held["int8"], "i1") - array(
                new["weights"][name]["int8"], "i1"
            ).astype(int)
            assert np.abs(off).max() <= 2 and (off != 0).mean() < 0.1


def test_stored_page_asks_nobody(stored):
    text = re.sub(r"[A-Za-z0-9+/=]{200,}", "", stored)  # weights and pixels
    assert "default-src 'none'" in text
    for word in (
        "http:",
        "https:",
        "//www",
        "fetch(",
        "XMLHttp",
        "import(",
        "WebSocket",
    ):
        assert word not in text
    assert not re.search(r"<(link|script|img)[^>]*\b(src|href)=\"(?!data:)", text)
    for word in ("localStorage", "sessionStorage", "indexedDB", "cookie", "sendBeacon"):
        assert word not in text


def test_pictures_of_the_stored_page_are_named_rightly_save_two(stored):
    for model in models_of(stored):
        right = [p for p in model["pictures"] if np.argmax(p["logits"]) == p["label"]]
        assert len(right) == 9 and len(model["pictures"]) == 11
        assert len({picture["label"] for picture in right}) == 9


# --- rounding ---------------------------------------------------------------------


def test_row_is_rounded_to_at_most_half_a_step():
    matrix = torch.randn(7, 11, generator=torch.Generator().manual_seed(0))
    matrix[3] = 0
    for bits, most in ((8, 127), (16, 32767)):
        whole, scale = packing._whole(matrix, bits)
        assert ((whole * scale - matrix).abs() <= scale * 0.5001).all()
        assert (
            whole.abs().amax(1) == torch.tensor([most] * 3 + [0] + [most] * 3)
        ).all()


def test_feedback_moves_the_outputs_less_than_plain_rounding():
    draw = torch.Generator().manual_seed(0)
    inputs = torch.randn(500, 4, generator=draw) @ torch.randn(4, 32, generator=draw)
    inputs += 0.1 * torch.randn(500, 32, generator=draw)  # alike, as tokens are
    matrix = torch.randn(16, 32, generator=draw)

    def moved(whole, scale):
        return (inputs @ (whole * scale - matrix).T.float()).pow(2).mean()

    whole, scale = packing._whole_by_feedback(matrix, inputs)
    assert whole.abs().max() <= 127 and (whole == whole.round()).all()
    assert moved(whole, scale) < 0.3 * moved(*packing._whole(matrix))


def test_page_holds_the_weights_to_which_the_logits_belong(packed):
    model, picture = unpacked(packed), packed["pictures"][4]
    pixels = array(picture["pixels"]).reshape(28, 28)
    with torch.inference_mode():
        logits = model(reading.inputs([Image.fromarray(pixels)], model, packed))[0]
    np.testing.assert_allclose(logits, picture["logits"], atol=1e-5)


def test_model_with_two_epsilons_is_refused():
    model = small_vit()
    model.blocks[1].norm_1.eps = 1e-3  # the page knows one for all norms
    with pytest.raises(ValueError, match="different eps"):
        packing.pack(*reading.read(model))


def test_model_is_left_as_it_was():
    model = small_vit().train()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    packing.pack(*reading.read(model))
    assert model.training
    for name, weight in model.state_dict().items():
        assert torch.equal(weight, before[name])


# --- pictures ---------------------------------------------------------------------


def shown(names, channels):
    model, look = reading.read(small_vit(len(names), channels=channels))
    look["classes"] = list(names)
    return reading.gallery(model, look)


def test_pictures_are_of_the_data_set_with_the_models_classes():
    names = ("truck", "ship", "horse", "frog", "dog", "deer", "cat", "bird")
    pictures, training = shown(names, 3)
    assert {names[label] for _, _, label in pictures if label is not None} <= {*names}
    assert {title for title, _, label in pictures if label is None} <= {
        "airplane",
        "automobile",
    }
    assert len(training) == 256 and training[0].size == (32, 32)


def test_pictures_with_several_labels_are_not_shown(monkeypatch):
    few = {name: reading.sets.DATA_SETS[name] for name in ("scenes", "cifar10")}
    monkeypatch.setattr(reading.sets, "DATA_SETS", few)
    _, training = shown(("apple", "banana", "bus"), 3)
    assert training[0].size == (32, 32)  # those of drawn-cifar10


def test_page_says_where_its_pictures_come_from(stored, packed):
    # MNIST's license asks for it.
    assert packed["pictures_from"] == "mnist"
    assert "MNIST by Yann LeCun and Corinna Cortes (CC BY-SA 3.0)" in stored


def test_digits_are_shown_to_a_model_of_gray_pictures():
    pictures, training = shown(("even", "odd"), 1)
    assert [title for title, *_ in pictures[:3]] == ["7", "2", "1"]
    assert all(label is None for *_, label in pictures)


# --- the page ---------------------------------------------------------------------


def test_page_can_be_read_back_whatever_the_classes_are_called(packed):
    names = ["</script><b>", 'quote " and \\ and é']
    text = packing.page([packed | {"classes": names}])
    assert models_of(text)[0]["classes"] == names
    assert "/*{" not in text


def test_every_script_and_style_is_in_the_template():
    template = (FOLDER / "template.html").read_text(encoding="utf-8")
    files = {path.name for path in FOLDER.glob("*.*") if path.suffix in (".js", ".css")}
    assert {*re.findall(r"/\*\{(.+?)\}\*/", template)} == files | {"models"}
    for name in files:
        assert "</script" not in (FOLDER / name).read_text(encoding="utf-8")
