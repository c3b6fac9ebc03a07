"""The pre-trained models of the course: where their files are."""

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from course_utils.data import hub
from course_utils.session import ROOT, current_profile

# The role of each checkpoint, which is also its name in hub.REPOSITORIES if it has one
# there, and the folder under data/ of the one that comes with the course.
ROLES = {"finetune": "tiny-vit", "anatomy": "tiny-vit", "digits": "digit-vit"}
_DATA = ROOT / "data"


def locate(role: str) -> str:
    """Return a local folder with a checkpoint, for ``from_pretrained``.

    Parameters
    ----------
    role : str
        ``"finetune"`` (a backbone to fine-tune) or ``"anatomy"`` (with its head). In
        profile reduced, both are ``data/tiny-vit``. In full they are Google's ViT-B/16,
        the one without and the one with the head for ImageNet: under ``COURSE_HUB``,
        or in the Hub's cache, into which they are downloaded once. ``"digits"`` is
        ``data/digit-vit`` in both profiles: it was trained on MNIST itself.
        Raises DataError if it is missing, damaged, incomplete or out of reach.
    """
    if role not in ROLES:
        raise ValueError(f"unknown role {role!r}; there is {', '.join(ROLES)}")
    if role in hub.REPOSITORIES and current_profile() == "full":
        return str(local(f"hf://{hub.REPOSITORIES[role].id}"))
    return str(bundled(ROLES[role]))


def local(source: str | Path) -> Path:
    """Return the folder of a checkpoint: ``source`` is one, or ``"hf://owner/name"``."""
    kind, separator, name = str(source).partition("://")
    if not separator:
        return Path(source)
    if kind != "hf" or not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        raise ValueError(
            f"{str(source)!r} is neither a folder nor an id on the Hub; write it as "
            "'hf://owner/name', for instance 'hf://google/vit-base-patch16-224'"
        )
    known = {repository.id: repository for repository in hub.REPOSITORIES.values()}
    other = replace(hub.REPOSITORIES["anatomy"], id=name, revision="main")
    files, remedy = hub.obtain(known.get(name, other))
    return _readable(files["config.json"][0].parent, remedy)


def bundled(name: str = "tiny-vit") -> Path:
    """Return the folder of a checkpoint that comes with the course."""
    return _readable(_DATA / name, "Restore it with `git checkout data`.")


def _readable(folder, remedy):
    """Read the settings and the header of the weights; a cut-off file shows there."""
    from safetensors import SafetensorError, safe_open

    for name in hub.REPOSITORIES["anatomy"].patterns.values():
        path = folder / name
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            else:
                with safe_open(path, "np") as weights:
                    weights.keys()
        except (OSError, ValueError, SafetensorError) as error:
            why = f"{path} cannot be read ({hub.first_line(error)})."
            raise hub.DataError(why, remedy) from None
    return folder


def class_names(names: Iterable) -> list[str]:
    """Return the names of a new head's classes as texts; refuse a name given twice."""
    names = [str(name) for name in names]
    twice = [name for name in names if names.count(name) > 1]
    if twice or len(names) < 2:
        given = f"{twice[0]!r} is given twice" if twice else f"there is {len(names)}"
        raise ValueError(
            f"a head needs two or more different class names, but {given}; give each "
            "class a name of its own, in the order of the labels"
        )
    return names


def resampling(value: int | str) -> int:
    """Return Pillow's number for a way of resizing: 3 for 3, "bicubic" or "BICUBIC"."""
    ways = {way.name.lower(): int(way) for way in Image.Resampling}
    value = ways.get(str(value).rpartition(".")[2].lower(), value)
    if value not in ways.values():
        raise ValueError(
            f'"resample" is {value!r}, which is no way of resizing in Pillow; write '
            f"one of {', '.join(ways)} into preprocessor_config.json"
        )
    return int(value)
