"""Downloads from the Hugging Face Hub: announced, checked, and refused in time."""

import contextlib
import os
import shutil
import textwrap
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path

from huggingface_hub import constants
from tqdm import tqdm

_PATIENCE = 15  # seconds that the Hub has for listing the files of a repository
_REMEDY = "Choose another folder (HF_HOME or --to), or free some space on the disk."


class DataError(RuntimeError):
    """Data or weights cannot be used; the message says what, why and what to do."""

    def __init__(self, problem: str, remedy: str = ""):
        super().__init__(f"{problem} {remedy}".strip())
        self.problem, self.remedy = problem, remedy


class Unreachable(DataError):
    """The Hub did not answer, or not completely; the remedy is that of a notebook."""

    def __init__(self, repository, why: str):
        variable = offline()
        first = f"Unset {variable}" if variable else "Try again (whole files are kept)"
        super().__init__(
            f"{repository.id} cannot be fetched from {client().endpoint}: {why}.",
            f"{first}, set COURSE_HUB to a folder that holds it, or use the reduced "
            "profile (COURSE_PROFILE=reduced).",
        )


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
    settings = {
        "repo_type": repository.kind,
        "revision": repository.revision,
        "allow_patterns": [*repository.patterns.values(), "README.md"],
        "local_dir": folder,
        "dry_run": True,
        "tqdm_class": partial(tqdm, disable=True),
    }
    ask = client().snapshot_download
    with _in_our_words(repository, folder), ThreadPool(1) as thread:
        files = thread.apply_async(ask, [repository.id], settings).get(_PATIENCE)
    return sorted(files, key=lambda file: file.filename)


def fetch(repository, files: list, folder: Path | None = None) -> None:
    """Download what is missing of a plan; compare all with the checksums of the Hub.

    A file that differs is deleted and downloaded once more. Raises DataError if the
    disk is full, and Unreachable if the Hub fails or a file arrives damaged twice.
    """
    hub, place = client(), {"repo_type": repository.kind, "local_dir": folder}
    for _ in range(2):
        with _in_our_words(repository, folder):
            for file in files:  # one by one: Ctrl-C would not stop snapshot_download
                there = {"filename": file.filename, "revision": file.commit_hash}
                hub.hf_hub_download(repository.id, **there, **place)
            compared = hub.verify_repo_checksums(
                repository.id, revision=repository.revision, **place
            )
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
    why = os.strerror(error.errno)
    return DataError(f"{path} cannot be written ({why}).", _REMEDY)
