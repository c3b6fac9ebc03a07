"""The folder to practice on holds what a real folder holds, at the places it tells."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from data_files import class_names
from PIL import Image, ImageOps

from course_utils import session
from course_utils.data import load, practice_folder, upright

REAL = session.ROOT.parent / "shared" / "datasets"
READABLE = ("copy", "near copy", "cmyk", "gray", "turned", "huge", "wrong class")


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """Return a folder of drawn pets, and what was planted in it."""
    folder = tmp_path_factory.mktemp("practice") / "pets"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_chosen", None)
        patch.delenv("COURSE_PROFILE", raising=False)
        patch.delenv("COURSE_ROWS", raising=False)
        return folder, practice_folder(folder, load("pets"), largest=70, smallest=8)


@pytest.fixture(scope="module")
def drawn():
    """Return the drawings of each breed, (75, 96, 96, 3)."""
    found = {}
    for rows in load("pets").values():
        for image, label in zip(rows["image"], rows["label"][:], strict=True):
            name = rows.features["label"].int2str(label)
            found.setdefault(name, []).append(np.asarray(image, float))
    return {name: np.stack(images) for name, images in found.items()}


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).digest()
        for path in files_in(folder)
    }


def test_numbers_fall_evenly_and_troubles_come_on_top(practice):
    folder, planted = practice
    counts = Counter(path.parent.name for path in files_in(folder))
    for kind in ("copy", "near copy", "heic"):
        counts[planted[kind][-1].split("/")[0]] -= 1
    names = [name for name, _ in counts.most_common()]
    counts[planted["wrong class"][0].split("/")[0]] -= 1
    counts[names[0]] += 1  # from where that picture was taken
    wanted = np.linspace(70, 8, 8).round().astype(int).tolist()
    assert [counts[name] for name in names] == wanted
    assert sorted(names) == sorted(class_names(load("pets")))


def test_names_tell_which_pictures_are_of_one_animal(practice):
    folder, _ = practice
    shots = Counter()
    for path in files_in(folder):
        if path.suffix == ".jpg":
            animal, _, shot = path.stem.rpartition("-shot")
            assert animal.startswith("animal") and shot in ("1", "2", "3")
            shots[path.parent / animal] += 1
    bursts = sum(count > 1 for count in shots.values())
    assert set(shots.values()) == {1, 2, 3}
    assert 0.28 < bursts / len(shots) < 0.36
    of_class = Counter(animal.parent.name for animal in shots)
    assert min(of_class.values()) == 6  # enough for three splits


def test_planted_files_are_there_and_readable_as_told(practice):
    folder, planted = practice
    assert set(planted) == {*READABLE, "broken", "heic"}
    files = [name for names in planted.values() for name in names]
    assert len(set(files)) == len(files) == 11
    for kind in READABLE:
        for name in planted[kind]:
            assert upright(folder / name).mode == "RGB", name
    with pytest.raises(ValueError, match="cut off or damaged"):
        upright(folder / planted["broken"][0])
    with pytest.raises(ValueError, match="HEIC"):
        upright(folder / planted["heic"][0])
    assert planted["heic"][0].endswith("/IMG_0417.HEIC")
    unreadable = 0
    for path in files_in(folder):
        try:
            upright(path)
        except ValueError:
            unreadable += 1
    assert unreadable == 2


def test_each_trouble_is_what_its_name_says(practice):
    folder, planted = practice
    one, two = (folder / name for name in planted["copy"])
    assert one.parent == two.parent and one.read_bytes() == two.read_bytes()
    one, two = (folder / name for name in planted["near copy"])
    assert one.parent == two.parent and one.read_bytes() != two.read_bytes()
    small = Image.open(two)
    assert small.size == (48, 48)
    values = (np.asarray(x, float) for x in (Image.open(one).reduce(2), small))
    assert np.abs(np.subtract(*values)).mean() < 10
    with Image.open(folder / planted["cmyk"][0]) as image:
        assert image.mode == "CMYK"
    with Image.open(folder / planted["gray"][0]) as image:
        assert image.mode == "L"
    with Image.open(folder / planted["huge"][0]) as image:
        assert image.size == (4000, 3000)


def nearest(path, drawn):
    """Return the breed of the drawn pet that a picture is nearest to, and how near."""
    with Image.open(path) as image:
        seen = np.asarray(ImageOps.exif_transpose(image).convert("RGB"), float)
    far = {name: np.abs(x - seen).mean((1, 2, 3)).min() for name, x in drawn.items()}
    name = min(far, key=far.get)
    return name, far[name]


def test_each_picture_is_upright_and_lies_where_the_table_says(practice, drawn):
    folder, planted = practice
    class_name = planted["wrong class"][0].split("/")[0]
    files = Counter(path.parent.name for path in files_in(folder))
    largest = files.most_common(1)[0][0]
    assert largest != class_name
    for kind in ("copy", "cmyk", "gray", "turned", "wrong class"):
        path = folder / planted[kind][-1]
        name, far = nearest(path, drawn)
        assert name == (largest if kind == "wrong class" else path.parent.name), kind
        assert far < (5 if kind != "gray" else 60)
    with Image.open(folder / planted["turned"][0]) as image:
        assert image.getexif()[0x0112] == 6


def test_same_arguments_write_the_same_bytes(practice, tmp_path):
    folder, planted = practice
    pets = load("pets")
    again = practice_folder(tmp_path / "again", pets, largest=70, smallest=8)
    assert again == planted and contents(tmp_path / "again") == contents(folder)
    practice_folder(tmp_path / "other", pets, largest=70, smallest=8, seed=0)
    assert contents(tmp_path / "other") != contents(folder)


def test_folder_is_small(practice):
    folder, _ = practice
    assert sum(path.stat().st_size for path in files_in(folder)) < 3e6


def test_shots_of_one_animal_are_seldom_found_by_their_looks(practice):
    """phash finds copies and near copies within 6 bits, but few bursts: names do."""
    imagehash = pytest.importorskip("imagehash")
    folder, planted = practice

    def bits(one, two):
        one, two = (imagehash.phash(upright(folder / name)) for name in (one, two))
        return one - two

    assert bits(*planted["copy"]) == 0 and bits(*planted["near copy"]) <= 6
    names = [path for path in files_in(folder) if path.stem.endswith("-shot2")]
    pairs = [(name.with_stem(name.stem[:-1] + "1"), name) for name in names]
    assert sum(bits(*pair) <= 6 for pair in pairs) < 0.2 * len(pairs)


def test_the_course_reads_the_folder(practice, capsys):
    folder, planted = practice
    splits = load(folder)
    assert class_names(splits) == sorted(class_names(load("pets")))
    told = capsys.readouterr().err
    assert planted["broken"][0] in told and planted["heic"][0] in told
    assert "copies of other pictures (1)" in told


def test_all_breeds_of_the_hub_are_taken_and_those_with_few_pictures_give_all(
    hub_sets, tmp_path
):
    pets = load("pets")  # 37 breeds of 12 pictures
    planted = practice_folder(tmp_path / "all", pets, largest=12, smallest=6)
    counts = Counter(path.parent.name for path in files_in(tmp_path / "all"))
    assert len(counts) == 37 and min(counts.values()) == 6
    assert len(planted) == 9
    more = practice_folder(tmp_path / "more", pets, largest=200, smallest=12)
    counts = Counter(path.parent.name for path in files_in(tmp_path / "more"))
    assert len(more) == 9 and len(counts) == 37


@pytest.mark.skipif(not REAL.exists(), reason="no real pictures beside the repository")
def test_photographs_are_written(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setenv("COURSE_HUB", str(REAL))
    monkeypatch.setenv("COURSE_ROWS", "120")
    folder = tmp_path / "pets"
    planted = practice_folder(folder, load("pets"), largest=30, smallest=12)
    counts = Counter(path.parent.name for path in files_in(folder))
    assert set(counts) == {"abyssinian", "american_bulldog", "bengal"}
    assert all(upright(folder / planted[kind][-1]) for kind in READABLE)


# Misuse


def refused(folder, pets, words, **numbers):
    with pytest.raises(ValueError, match=words) as caught:
        practice_folder(folder, pets, **{"largest": 12, "smallest": 6, **numbers})
    assert len(str(caught.value).splitlines()) == 1


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "1.jpg").write_bytes(b"mine")
    for path in (tmp_path / "mine", tmp_path / "mine" / "1.jpg"):
        refused(path, load("pets"), "holds something.*give a new folder")
    assert (tmp_path / "mine" / "1.jpg").read_bytes() == b"mine"
    assert len(files_in(tmp_path)) == 1
    (tmp_path / "empty").mkdir()
    practice_folder(tmp_path / "empty", load("pets"), largest=12, smallest=6)


@pytest.mark.parametrize(("largest", "smallest"), [(8, 70), (70, 5), (2000, 8)])
def test_numbers_that_cannot_fall_are_refused(tmp_path, largest, smallest):
    pets = load("pets")
    words = f"cannot fall from {largest} to {smallest}; give 6 <= smallest"
    refused(tmp_path / "new", pets, words, largest=largest, smallest=smallest)
    assert not (tmp_path / "new").exists()


def test_too_few_pictures_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_ROWS", "8")
    refused(tmp_path / "new", load("pets"), "breeds have 6 pictures.*COURSE_ROWS")
    assert not (tmp_path / "new").exists()


def test_splits_without_labels_are_refused(tmp_path):
    refused(tmp_path / "new", load("scenes"), "no column 'label'")
