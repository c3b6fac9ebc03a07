"""Outlines filled with textures: the two cues are independent, and drawn alike."""

import numpy as np
import pytest
from PIL import Image

from drawing import conflict, scene
from drawing.pen import Pen

SOME = (("fish", "house"), ("house", "turtle"), ("tree", "shirt"))  # outline, texture


def pixels(image):
    return np.asarray(image, int)


def test_same_arguments_give_the_same_picture_and_others_another():
    first = pixels(conflict.picture("fish", "house", 3))
    np.testing.assert_array_equal(first, pixels(conflict.picture("fish", "house", 3)))
    for changed in (("fish", "tree", 3), ("shirt", "house", 3), ("fish", "house", 4)):
        assert (pixels(conflict.picture(*changed)) != first).any()
    assert (pixels(conflict.picture("fish", "house", 3, "train")) != first).any()


@pytest.mark.parametrize(("outline", "texture"), SOME)
def test_outline_does_not_depend_on_what_fills_it(outline, texture):
    mask = pixels(conflict.mask(outline, 1))
    for filling in (texture, outline, None):
        subject = conflict._subject(outline, filling, 1, "test")
        found = scene.mask(*subject, conflict.SIDE, **conflict.SCENE)
        np.testing.assert_array_equal(pixels(found), mask)
    assert 0.08 < mask.mean() / 255 < 0.8


@pytest.mark.parametrize(("outline", "texture"), SOME)
def test_texture_is_seen_inside_the_outline_alone(outline, texture, monkeypatch):
    monkeypatch.setattr(scene, "MIN_DIFFERENCE", -1)  # so that all have one background
    monkeypatch.setattr(scene, "_expose", lambda picture, rng: picture)
    filled, plain = (pixels(conflict.picture(outline, t, 1)) for t in (texture, None))
    mask = pixels(conflict.mask(outline, 1))
    differ = (filled != plain).any(axis=-1)
    blur = np.asarray(Image.fromarray((mask > 0).astype("uint8")).resize((48, 48)))
    near = np.pad(blur, 2)  # a blurred picture reaches a pixel or two further
    near = sum(near[i : i + 48, j : j + 48] for i in range(5) for j in range(5)) > 0
    assert not differ[~near].any()
    assert differ[mask == 255].mean() > 0.6


@pytest.mark.parametrize("name", conflict.NAMES)
def test_texture_shows_both_colors_everywhere(name):
    canvas = Image.new("L", (96, 96))
    pen = Pen(canvas.convert("RGB"), ((48, 0, 48), (0, 48, 48)))
    conflict.CLASSES[name](pen, np.random.RandomState(0), (255,) * 3, (0,) * 3)
    share = pixels(pen.layer)[..., 0].reshape(2, 48, 2, 48).mean(axis=(1, 3)) / 255
    assert 0.1 < share.min() and share.max() < 0.95, share


def test_two_colors_are_one_light_and_one_dark_in_either_order():
    drawn = [conflict.two_colors(np.random.RandomState(i)) for i in range(40)]
    lights = np.array([[max(color) for color in pair] for pair in drawn])
    assert (abs(lights[:, 0] - lights[:, 1]) > 100).all()
    assert 5 < (lights[:, 0] > lights[:, 1]).sum() < 35


def test_without_a_texture_the_outline_has_one_color():
    canvas = Image.new("RGB", (48, 48))
    pen = Pen(canvas, ((24, 0, 24), (0, 24, 24)))
    conflict.fill(pen, None, np.random.RandomState(0))
    assert len(canvas.getcolors()) == 1


def test_without_an_outline_the_texture_fills_the_picture():
    image = conflict.picture(None, "shirt", 0)
    assert image.mode == "RGB" and image.size == (48, 48)
    parts = pixels(image).reshape(4, 12, 4, 12, 3)
    assert parts.std(axis=(1, 3)).max(axis=-1).min() > 10  # each part has its checks


def test_pairs_leave_no_class_out_and_no_conflict_agrees():
    both, against = conflict.pairs("both"), conflict.pairs("conflict")
    n = len(conflict.NAMES)
    assert len(both) == n and all(a == b for a, b in both)
    assert len(set(against)) == n * (n - 1) and all(a != b for a, b in against)
    for kind in ("outline", "texture"):
        assert all(pair.count(None) == 1 for pair in conflict.pairs(kind))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: conflict.picture("dog", "fish", 0), "no class 'dog'"),
        (lambda: conflict.picture("fish", "fur", 0), "no class 'fur'"),
        (lambda: conflict.picture(None, None, 0), "nothing to draw"),
        (lambda: conflict.picture("fish", None, 0, "exam"), "no split 'exam'"),
        (lambda: conflict.mask(None, 0), "nothing to draw"),
        (lambda: conflict.pairs("neither"), "no kind 'neither'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, says):
    with pytest.raises(ValueError, match=says):
        call()
