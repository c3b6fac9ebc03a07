"""Where data sets and checkpoints lie: COURSE_HUB, the Hub's cache, or the Hub."""

import contextlib
import fnmatch
import os
import re
import shutil
import sys
import textwrap
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path

from huggingface_hub import constants

_PATIENCE = 15  # seconds that the Hub has for listing the files of a repository
_REMEDY = "Choose another folder (HF_HOME or --to), or free some space on the disk."


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


class DataError(RuntimeError):
    """Data or weights cannot be used; the message says what, why and what to do."""

    def __init__(self, problem: str, remedy: str = ""):
        super().__init__(f"{problem} {remedy}".strip())
        self.problem, self.remedy = problem, remedy


class Unreachable(DataError):
    """The Hub did not answer, or not completely; the remedy is that of a notebook."""

    def __init__(self, repository, why: str):
        later = "Try again later (whole files are kept)"
        first = f"Unset {offline()}" if offline() else later
        super().__init__(
            f"{repository.id} cannot be fetched from {client().endpoint}: {why}.",
            f"{first}, set COURSE_HUB to a folder that holds it, or use the reduced "
            "profile (COURSE_PROFILE=reduced).",
        )


def obtain(repository: Repository) -> tuple[dict[str, list[Path]], str]:
    """Return a repository's files, and what to do if one of them is damaged.

    They are looked for under ``COURSE_HUB`` and in the Hub's own cache, which is shared
    with transformers. What is missing is downloaded into that cache.
    """
    if found := in_course_hub(repository):
        return found, "Copy it again, or unset COURSE_HUB to use the Hub."
    if find(_in_cache(repository), repository)[1]:
        if value := os.environ.get("COURSE_HUB", "").strip():
            print(f"COURSE_HUB={value} has no folder {repository.id}.")
        files, cache = plan(repository), Path(constants.HF_HUB_CACHE)
        size = sum(file.file_size for file in files if file.will_download)
        check_room(cache, size)
        what = f"{repository.id} ({size / 1e6:.1f} MB)"
        print(f"Downloading {what} from {client().endpoint} to {cache}", flush=True)
        fetch(repository, files)
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
        _check_level(hub.absolute(), repository)
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
    folders = [hub, hub / repository.id.partition("/")[2]]
    for place in (hub, *hub.glob("*"), *hub.parents[:3]):
        folders += [place / repository.id, *place.glob(in_cache)]
    for folder in folders:
        if any(find(folder, repository)[0].values()):
            remedy = f"Copy them to {hub / repository.id}"
            if folder.as_posix().endswith(f"/{repository.id}"):
                remedy = f"Set COURSE_HUB={folder.parents[1]}"
            remedy += (
                ", or unset COURSE_HUB to use the Hub and its cache (HF_HUB_CACHE)."
            )
            why = f"has no folder {repository.id}, but such files lie in {folder}."
            raise DataError(f"COURSE_HUB={hub} {why}", remedy)


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
            # on the Hub, some names end in a hash of 16 digits
            shard = rf"-{number:05d}-of-{len(names):05d}(-[0-9a-f]{{16}})?\.parquet$"
            if not re.search(shard, name) and (len(names) > 1 or "-of-" in name):
                why = f"{paths[0].parent} holds {', '.join(names)}, but each part is "
                why += "needed once, named like train-00000-of-00002.parquet"
                return found, why
    return found, ""


def client():
    """Return the Hub's client, for the address that ``HF_ENDPOINT`` names now."""
    from huggingface_hub import HfApi  # takes half a second

    return HfApi((os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/"))


def offline() -> str | None:
    """Return the name of the variable that forbids downloads, or None."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if os.environ.get(name, "").upper() in constants.ENV_VARS_TRUE_VALUES:
            return name
    return "HF_HUB_OFFLINE" if constants.HF_HUB_OFFLINE else None


def plan(repository, folder: Path | None = None) -> list:
    """List the files for a folder, or for the cache, as the Hub's ``DryRunFileInfo``.

    The Hub's client would wait for a silent server for minutes. A thread asks it, since
    not even looking up the name of a host can be given a time limit.
    """
    if variable := offline():
        raise Unreachable(repository, f"{variable} is set")
    with _in_our_words(repository, folder), ThreadPool(1) as thread:
        listing = thread.apply_async(_listing, (client(), repository, folder))
        listing.wait(_PATIENCE)
        if not listing.ready():
            raise TimeoutError(f"within {_PATIENCE:.2g} s")
        return listing.get()


def _listing(hub, repository, folder):
    # snapshot_download lists files, too, but in threads that hold up the end of Python.
    place = {"repo_type": repository.kind, "revision": repository.revision}
    info = hub.repo_info(repository.id, **place)
    place |= {"local_dir": folder, "dry_run": True}
    patterns = [*repository.patterns.values(), "README.md"]
    return [
        hub.hf_hub_download(repository.id, name, **place)
        for name in sorted(file.rfilename for file in info.siblings)
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)
    ]


def fetch(repository, files: list, folder: Path | None = None) -> None:
    """Download what is missing of a plan, twice if its checksum is not the Hub's."""
    hub, place = client(), {"repo_type": repository.kind, "local_dir": folder}
    place["revision"] = repository.revision
    for _ in range(2):
        with _in_our_words(repository, folder):
            for file in files:
                hub.hf_hub_download(repository.id, file.filename, **place)
            compared = hub.verify_repo_checksums(repository.id, **place)
        wrong = {mismatch["path"] for mismatch in compared.mismatches}
        wrong &= {file.filename for file in files}  # others are not ours to delete
        if not wrong:
            return
        for path in (Path(compared.verified_path, name) for name in sorted(wrong)):
            print(f"{path.name} is deleted, since its checksum differs from the Hub's.")
            path.resolve().unlink()  # in the cache, the path is a link to the content
            path.unlink(missing_ok=True)
    raise Unreachable(repository, f"{path.name} arrived damaged twice")


_PLAIN_WORDS = {  # for the errors whose names hold these words
    "Timeout": "no answer",
    "ConnectError": "no connection",
    "ReadError": "the connection broke off",
    "ProtocolError": "the connection broke off",
    "JSONDecodeError": "the answer is no list of files; is that address right?",
}


@contextlib.contextmanager
def _in_our_words(repository, folder):
    """Say in a few words why the Hub's client failed, which wraps the cause."""
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None):  # of the disk; errors of the Hub have none
            where = error.filename or folder or constants.HF_HUB_CACHE
            raise unwritable(where, error) from None
        cause, why = error, f"{type(error).__name__} ({first_line(error)})"
        while cause is not None:
            if (response := getattr(cause, "response", None)) is not None:
                status = response.status_code
                hint = "; check your access token" if status in (401, 403) else ""
                why = f"the server answered {status} {response.reason_phrase}{hint}"
            for name, words in _PLAIN_WORDS.items():
                if name in type(cause).__name__:
                    why = f"{words} ({first_line(cause)})"
            cause = cause.__cause__
        raise Unreachable(repository, why) from None


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, shortened, or the error's kind."""
    line = (str(error).splitlines() or [""])[0] or type(error).__name__
    return textwrap.shorten(line, 90, placeholder="...")


def warn(text: str) -> None:
    """Say on stderr what a learner should know."""
    print(f"Warning: {text}", file=sys.stderr)


def check_room(folder: Path, needed: int) -> str:
    """Return how much of a folder's disk is free, or raise DataError if too little."""
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    size = shutil.disk_usage(there).free
    free = f"{size / 1e6:,.1f} MB"
    if needed > size:
        why = f"{needed / 1e6:,.1f} MB are to be written there and {free} are free."
        raise DataError(f"{folder}: {why}", _REMEDY)
    return free


def unwritable(path: str | Path, error: OSError) -> DataError:
    """Say that a file cannot be written, and what to do."""
    return DataError(f"{path} cannot be written ({os.strerror(error.errno)}).", _REMEDY)
