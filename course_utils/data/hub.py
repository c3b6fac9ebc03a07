"""Where data sets and checkpoints lie: COURSE_HUB, the Hub's cache, or the Hub."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from course_utils.data import download
from course_utils.data.download import DataError


@dataclass(frozen=True)
class Repository:
    """A repository on the Hub, and the files of it that the course uses."""

    id: str
    kind: str  # "dataset" or "model", the words of the Hub's clients
    patterns: dict[str, str]  # what a file is for -> what its path looks like
    revision: str


def _dataset(name, folder, splits=("train", "test"), revision="main"):
    patterns = {split: f"{folder}/{split}-*.parquet" for split in splits}
    return Repository(name, "dataset", patterns, revision)


def _model(name, revision="main"):
    files = ("config.json", "model.safetensors", "preprocessor_config.json")
    return Repository(name, "model", {file: file for file in files}, revision)


# Everything that comes from the Hub. This table is the one place to pin a revision:
# give a repository revision="<the 40 digits of a commit>".
REPOSITORIES = {
    "mnist": _dataset("ylecun/mnist", "mnist"),
    "cifar10": _dataset("uoft-cs/cifar10", "plain_text"),
    "cats_vs_dogs": _dataset("microsoft/cats_vs_dogs", "data", ["train"]),
    "pets": _dataset("timm/oxford-iiit-pet", "data"),
    "finetune": _model("google/vit-base-patch16-224-in21k"),
    "anatomy": _model("google/vit-base-patch16-224"),
}


def obtain(repository: Repository) -> tuple[dict[str, list[Path]], str]:
    """Return a repository's files, and what to do if one of them is damaged.

    They are looked for under ``COURSE_HUB`` and in the Hub's own cache, which is shared
    with transformers. What is missing is downloaded into that cache.
    """
    if found := in_course_hub(repository):
        return found, "Copy it again, or unset COURSE_HUB to use the Hub."
    if find(_in_cache(repository), repository)[1]:
        _download(repository)
    found, wrong = find(_in_cache(repository), repository)
    if wrong:
        raise DataError(
            f"{repository.id} on the Hub lacks what the course needs: {wrong}.",
            "Weights are read from model.safetensors, data from parquet files only.",
        )
    return found, "Delete that file and run this again to download a new copy."


def _in_cache(repository):
    """Return the folder that the Hub's own cache has, or would have."""
    name = f"{repository.kind}s--{repository.id.replace('/', '--')}"
    folder, commit = Path(constants.HF_HUB_CACHE, name), repository.revision
    if (reference := folder / "refs" / commit).is_file():
        commit = reference.read_text()
    return folder / "snapshots" / commit


def _download(repository):
    """Say what is downloaded, how big it is, from where and to where, and do it."""
    if value := os.environ.get("COURSE_HUB", "").strip():
        print(f"COURSE_HUB={value} has no folder {repository.id}.")
    files, cache = download.plan(repository), Path(constants.HF_HUB_CACHE)
    size = sum(file.file_size for file in files if file.will_download)
    download.check_room(cache, size)
    route = f"from {download.client().endpoint} to {cache}"
    print(f"Downloading {repository.id} ({size / 1e6:.1f} MB) {route}", flush=True)
    download.fetch(repository, files)


def in_course_hub(repository: Repository) -> dict[str, list[Path]] | None:
    """Find a repository's files under ``COURSE_HUB``, or None if it is not there."""
    value = os.environ.get("COURSE_HUB", "").strip()
    if not value:
        return None
    hub = Path(value).expanduser()
    if not hub.is_dir():
        raise DataError(
            f"COURSE_HUB={hub} is not a folder; {hub.absolute()} was looked for.",
            f"Point it at a folder that holds {repository.id}/ (a relative path counts "
            "from the notebook's folder), or unset it to use the Hub.",
        )
    if not (hub / repository.id).is_dir():
        _check_level(hub, repository)
        return None
    found, wrong = find(hub / repository.id, repository)
    if wrong:
        raise DataError(
            f"{repository.id} in COURSE_HUB cannot be used: {wrong}.",
            "Keep all of its files there, in one version, or remove its folder to use "
            "the Hub.",
        )
    return found


def _check_level(hub, repository):
    """Say where a repository lies if ``COURSE_HUB`` is a level too high or too deep."""
    in_cache = f"{repository.kind}s--{repository.id.replace('/', '--')}/snapshots/*"
    for place in (hub, *hub.glob("*"), *hub.absolute().parents[:3]):
        for folder in (place / repository.id, place, *place.glob(in_cache)):
            if any(find(folder, repository)[0].values()):
                remedy = f"Copy them to {hub / repository.id}"
                if folder.as_posix().endswith(f"/{repository.id}"):
                    remedy = f"Set COURSE_HUB={folder.parents[1]}"
                raise DataError(
                    f"COURSE_HUB={hub} has no folder {repository.id}, but such files "
                    f"lie in {folder}.",
                    f"{remedy}, or unset COURSE_HUB to use the Hub and its cache, "
                    "wherever HF_HUB_CACHE says it is.",
                )


def find(folder: Path, repository: Repository) -> tuple[dict[str, list[Path]], str]:
    """Return the files of each kind in a folder, and what is wrong with them, or ""."""
    found = {
        part: sorted(filter(Path.is_file, folder.glob(pattern)))
        for part, pattern in repository.patterns.items()
    }
    for part, paths in found.items():
        if not paths:
            return found, f"{folder / repository.patterns[part]} is missing"
        names = [path.name for path in paths]
        for number, name in enumerate(names):
            shard = f"-{number:05d}-of-{len(names):05d}"
            right = re.search(
                shard + r"(-[0-9a-f]{16})?\.parquet$", name
            )  # with a hash
            if not right and (len(names) > 1 or "-of-" in name):
                why = f"{paths[0].parent} holds {', '.join(names)}, but each part is "
                why += "needed once, named like train-00000-of-00002.parquet"
                return found, why
    return found, ""
