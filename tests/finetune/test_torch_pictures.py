"""Pictures for a ViT in PyTorch: what is prepared, augmented and stacked, and how."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from vit_checkpoints import write_checkpoint

from course_utils.data.pictures import upright
from course_utils.finetune.torch import (
    augment,
    batches,
    collate,
    load_processor,
    pixels,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def processor(folder):
    return load_processor(folder)


def test_pixels_are_what_the_processor_makes(processor, some):
    rows = some.with_transform(pixels(processor))[:3]
    assert rows["labels"] == [0, 1, 2]
    assert rows["pixel_values"].shape == (3, 3, 16, 16)
    resized = some[1]["image"].resize((16, 16), Image.Resampling.BILINEAR)
    by_hand = (np.asarray(resized).transpose(2, 0, 1) / 255 - 0.5) / 0.5
    np.testing.assert_allclose(rows["pixel_values"][1], by_hand, atol=1e-6)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pixels_take_pictures_of_any_mode(processor, mode):
    picture = Image.new("RGB", (9, 30), (255, 0, 0)).convert(mode)
    wanted = picture.convert("RGB").resize((16, 16))
    rows = {"image": [picture], "label": [0]}
    found = pixels(processor)(rows)["pixel_values"][0].permute(1, 2, 0)
    np.testing.assert_allclose(found, np.asarray(wanted) / 127.5 - 1, atol=1e-5)


@pytest.mark.parametrize(("mean", "channels"), [([0.1], 1), (0.1, 3), ([0.1] * 3, 3)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_only_a_list_of_one_mean_makes_pictures_gray(tmp_path, mode, mean, channels):
    settings = {"image_mean": mean, "image_std": mean, "size": 16, "resample": 2}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(settings))
    noise = np.random.default_rng(0).integers(0, 256, (30, 20, 3), "uint8")
    picture = Image.fromarray(noise).convert(mode)
    rows = {"image": [picture], "label": [0]}
    found = pixels(load_processor(tmp_path))(rows)["pixel_values"][0]
    seen = picture.convert("L" if channels == 1 else "RGB").resize((16, 16), 2)
    wanted = (np.atleast_3d(seen).transpose(2, 0, 1) / 255 - 0.1) / 0.1
    assert found.shape == (channels, 16, 16)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_pixels_read_pictures_as_upright_does(processor):
    scan = Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20) * 160)
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    rows = {"image": [scan, clear], "label": [0, 1]}
    found = pixels(processor)(rows)["pixel_values"]
    wanted = processor([upright(scan), upright(clear)], return_tensors="pt")
    assert torch.equal(found, wanted["pixel_values"])
    assert found[0].std() > 0.3 and found[1].min() > 0.9  # grays, and white


@pytest.mark.parametrize("kind", ["ConvNextImageProcessor", "ConvNextFeatureExtractor"])
def test_other_families_keep_their_own_processor(kind, tmp_path):
    settings = {"size": {"shortest_edge": 16}, "crop_pct": 0.5, "resample": "nearest"}
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(settings | {"image_processor_type": kind}))
    found = load_processor(str(tmp_path))
    assert type(found).__name__ == "ConvNextImageProcessorPil"  # it obeys crop_pct
    assert found.crop_pct == 0.5 and found.resample == 0


def test_augmentation_keeps_size_and_mode_and_follows_the_seed(some):
    picture = some[0]["image"].resize((40, 25))
    torch.manual_seed(3)
    first, second = augment(picture), augment(picture)
    torch.manual_seed(3)
    again = augment(picture)
    assert first.size == (40, 25) and first.mode == "RGB"
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_augmentation_mirrors_half_and_crops_little():
    picture = np.zeros((40, 40, 3), dtype=np.uint8)
    picture[:, :20] = 255  # the left half is white
    torch.manual_seed(0)
    made = [np.asarray(augment(Image.fromarray(picture)))[20, :, 0] for _ in range(200)]
    assert 0.4 < np.mean([row[0] < row[-1] for row in made]) < 0.6
    for row in made:
        white = (row > row.max() / 2).mean()
        assert 0.37 <= white <= 0.63  # of 0.5, with 80 % of the side or more


@pytest.mark.parametrize(("draw", "factor"), [(0.0, 0.7), (1.0, 1.3), (0.5, 1.0)])
@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation"])
def test_augmentation_tints_by_thirty_percent(monkeypatch, kind, draw, factor):
    colors = np.random.default_rng(0).integers(60, 190, (8, 8, 3)).astype("uint8")
    picture = Image.fromarray(colors)
    gray = np.asarray(picture.convert("L"), dtype=float)
    middle = {
        "brightness": 0,
        "contrast": round(gray.mean()),
        "saturation": gray[..., None],
    }[kind]
    wanted = np.clip(middle + factor * (colors.astype(float) - middle), 0, 255)
    place = ["brightness", "contrast", "saturation"].index(kind)
    draws = [1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.5]  # not mirrored, not cropped, no tint
    draws[4 + place] = draw
    monkeypatch.setattr(torch, "rand", lambda *_: torch.tensor(draws))
    found = np.asarray(augment(picture), dtype=float)
    assert np.abs(found - wanted).max() <= 2  # Pillow rounds after each of the three


@pytest.mark.parametrize(("left", "top"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0)])
def test_augmentation_crops_where_it_was_drawn(monkeypatch, left, top):
    ramp = np.repeat(np.arange(40, 200, 4, dtype="uint8")[:, None], 40, axis=1)
    draws = [1.0, 0.0, left, top, 0.5, 0.5, 0.5]  # 80 % of the sides, no tint
    monkeypatch.setattr(torch, "rand", lambda *_: torch.tensor(draws))
    for gray, place in ((ramp, top), (ramp.T, left)):
        picture = Image.fromarray(gray).convert("RGB")
        found = np.asarray(augment(picture))[18:22, 18:22].mean()
        middle = 16 + 8 * place  # of the crop, in pixels from the border
        assert found == pytest.approx(40 + 4 * middle - 2, abs=1)


def test_pixels_use_the_augmentation_each_time(processor, some):
    rows = some.with_transform(pixels(processor, augment))
    assert not torch.equal(rows[0]["pixel_values"], rows[0]["pixel_values"])


def test_collate_stacks_rows(processor, some):
    rows = some.with_transform(pixels(processor))
    batch = collate([rows[i] for i in (4, 0)])
    assert batch["pixel_values"].shape == (2, 3, 16, 16)
    assert batch["pixel_values"].dtype == torch.float32
    assert batch["labels"].tolist() == [1, 0] and batch["labels"].dtype == torch.int64


@pytest.mark.parametrize("wrong", [None, "cat", -1, -100, 1.0])
def test_labels_that_are_no_classes_are_told_when_rows_are_stacked(wrong):
    rows = [{"pixel_values": torch.zeros(3, 2, 2), "labels": x} for x in (0, wrong)]
    with pytest.raises(ValueError, match="the label of row 1 is "):
        collate(rows)


def test_batches_are_what_pixels_and_collate_make(processor, some):
    found = list(batches(some, processor, 8))
    assert [len(batch["labels"]) for batch in found] == [8, 8, 8, 6]
    rows = some.with_transform(pixels(processor))
    wanted = collate([rows[i] for i in range(8, 16)])
    assert torch.equal(found[1]["pixel_values"], wanted["pixel_values"])
    assert torch.equal(found[1]["labels"], wanted["labels"])


def order(loader):
    return [round(x, 6) for batch in loader for x in means(batch["pixel_values"])]


def means(images):
    return images.mean(dim=(1, 2, 3)).tolist()  # each names its picture


def test_a_seed_shuffles_anew_in_every_epoch(processor, some):
    rows = order(batches(some, processor, 8))
    state = torch.get_rng_state()
    loader = batches(some, processor, 8, shuffle=True, seed=3)
    first, second = order(loader), order(loader)
    assert torch.equal(torch.get_rng_state(), state)
    assert sorted(first) == sorted(second) == sorted(rows)
    assert len({tuple(x) for x in (rows, first, second)}) == 3
    assert order(batches(some, processor, 8, shuffle=True, seed=3)) == first
    assert order(batches(some, processor, 8, shuffle=True, seed=4)) != first
