"""From pixels or strokes to what the model takes: as Pillow does it, and MNIST."""

import numpy as np
import PIL
import pytest
from explorer_engine import PAGE, evaluate, models_of, text
from packaging.version import Version
from PIL import Image

RESIZE = """(rows) => rows.map(({ pixels, size, to, channels, way }) =>
  [...resize(bytes(pixels), size, to, channels, way)])"""


def random_picture(rng, number):
    """Return a picture with channels and of sizes that take turns, often hard-edged."""
    low, high = ((1, 40), (20, 400))[number // 2 % 2]
    size = *rng.integers(low, high, 2), (1, 3)[number % 2]
    pixels = rng.integers(0, 256, size, dtype=np.uint8)
    if number % 5 == 0:
        pixels = np.where(pixels < 128, 0, 255).astype(np.uint8)
    return Image.fromarray(pixels.squeeze(2) if size[2] == 1 else pixels)


def resized(image, height, width, way):
    """Resize by Pillow, with Pillow 13's order of rows and columns."""
    much_taller = image.height - height > max(0, 2 * (image.width - width))
    if much_taller and Version(PIL.__version__) < Version("13"):
        image = image.resize((image.width, height), way)
    return image.resize((width, height), way)


def test_pictures_are_resized_as_by_pillow_pixel_by_pixel():
    rng, rows, wanted = np.random.default_rng(0), [], []
    for number in range(120):
        image = random_picture(rng, number)
        to = [48, 48] if number % 3 == 0 else rng.integers(1, 60, 2).tolist()
        way = Image.Resampling.BICUBIC if number % 4 == 3 else Image.Resampling.BILINEAR
        wanted.append(np.ravel(resized(image, *to, way)).tolist())
        size, channels = [image.height, image.width], len(image.getbands())
        row = {"pixels": text(np.array(image)), "size": size, "to": to}
        rows.append({**row, "channels": channels, "way": int(way)})
    found = evaluate(RESIZE, rows)
    assert [n for n in range(120) if found[n] != wanted[n]] == []


def test_gray_levels_are_those_of_pillow():
    pixels = np.random.default_rng(1).integers(0, 256, (70, 60, 3), dtype=np.uint8)
    levels = np.array(Image.fromarray(pixels).convert("L"))
    found = evaluate("(pixels) => [...gray(bytes(pixels))]", text(pixels))
    assert found == levels.ravel().tolist()


def arc(x, y, wide, high, start, end):
    turn = np.radians(np.linspace(start, end, 21))
    return np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], 1).tolist()


DRAWN = {
    0: [arc(0.5, 0.5, 0.2, 0.3, -90, 270)],
    1: [[[0.5, 0.2], [0.5, 0.8]]],
    2: [[*arc(0.5, 0.33, 0.18, 0.16, -160, 40), [0.3, 0.78], [0.72, 0.78]]],
    3: [[*arc(0.45, 0.3, 0.2, 0.16, -150, 90), *arc(0.45, 0.66, 0.24, 0.2, -90, 150)]],
    4: [[[0.35, 0.2], [0.3, 0.5], [0.7, 0.5]], [[0.62, 0.25], [0.62, 0.85]]],
    7: [[[0.3, 0.2], [0.7, 0.2], [0.45, 0.8]]],
}


@pytest.mark.parametrize(
    ("zoom", "x", "y"), [(1, 0, 0), (0.5, 0.4, 0.1), (1.2, -0.1, -0.1)]
)
def test_drawn_digits_are_read_whatever_their_size_and_place(zoom, x, y):
    packed = models_of(PAGE.read_text(encoding="utf-8"))[0]
    moved = [
        [(np.array(stroke) * zoom + [x, y]).tolist() for stroke in strokes]
        for strokes in DRAWN.values()
    ]
    function = """({ packed, drawn }) => {
      const model = unpack(packed);
      return drawn.map((strokes) => {
        const { logits } = forward(model, normalized(digit(strokes, 28), model));
        return logits.indexOf(Math.max(...logits));
      });
    }"""
    assert evaluate(function, {"packed": packed, "drawn": moved}) == list(DRAWN)


def test_drawn_digit_lies_where_those_of_mnist_lie():
    found = evaluate("(strokes) => [...digit(strokes, 28)]", DRAWN[7])
    image = np.reshape(found, (28, 28))
    rows = np.flatnonzero((image > 127).any(axis=1))
    assert 19 <= rows[-1] - rows[0] + 1 <= 21  # a box of 20 pixels
    for axis in (0, 1):  # the center of mass lies in the middle
        assert abs(image.sum(axis=axis) @ np.arange(28) / image.sum() - 13.5) < 0.3
    assert ((image > 0) & (image < 255)).sum() > 40  # soft edges
