"""Downloads from the Hugging Face Hub: announced, checked, and refused in time."""

import contextlib
import errno
import fnmatch
import os
import shutil
import textwrap
import threading
from functools import partial
from pathlib import Path

from tqdm import tqdm

_PATIENCE = 8  # seconds that the Hub has for its first answer
_MORE_ROOM = "Free some space, or choose a folder with room (HF_HOME or --to)."


class DataError(RuntimeError):
    """Data or weights cannot be used; the message says what, why and what to do."""

    def __init__(self, problem: str, remedy: str = ""):
        super().__init__(f"{problem} {remedy}".strip())
        self.problem, self.remedy = problem, remedy


class Unreachable(DataError):
    """The Hub did not answer, or not completely. The caller adds what to do."""


def endpoint() -> str:
    """Return the address of the Hub, or of the stand-in that ``HF_ENDPOINT`` names."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def offline() -> str | None:
    """Return the name of the variable that forbids downloads, or None."""
    from huggingface_hub import constants, is_offline_mode

    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if value := os.environ.get(name):
            return name if value.upper() in constants.ENV_VARS_TRUE_VALUES else None
    return "HF_HUB_OFFLINE" if is_offline_mode() else None


def _snapshot(repository, **options):
    """Call the Hub's client for the files that the course uses, and their card."""
    from huggingface_hub import snapshot_download

    return snapshot_download(
        repository.id,
        repo_type=repository.kind,
        revision=repository.revision,
        allow_patterns=[*repository.patterns.values(), "README.md"],
        endpoint=endpoint(),
        **options,
    )


def cached(repository) -> Path | None:
    """Return the folder that the Hub's own cache has for a repository, whole or not."""
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = _snapshot(repository, local_files_only=True)
    except LocalEntryNotFoundError as error:
        folder = getattr(error, "snapshot_path", None)
    return folder and Path(folder)


def into_cache(repository, note: str) -> None:
    """Say what is downloaded, how big it is, from where and to where, and do it."""
    from huggingface_hub import constants

    files, cache = plan(repository), Path(constants.HF_HUB_CACHE)
    size = sum(file.file_size for file in files if file.will_download)
    check_room(cache, size)
    told = f"{repository.id} ({size / 1e6:.1f} MB) from {endpoint()} to {cache}"
    print(f"Downloading {told}{note}", flush=True)
    fetch(repository, files)


def plan(repository, folder: Path | None = None) -> list:
    """List the files for a folder, or for the cache, as the Hub's ``DryRunFileInfo``.

    Raises Unreachable if the Hub does not answer, or lacks one of the files.
    """
    first_answer(repository, _PATIENCE)
    no_bar = partial(tqdm, disable=True)
    with _in_our_words(repository, folder):
        files = _snapshot(repository, local_dir=folder, dry_run=True, tqdm_class=no_bar)
    files.sort(key=lambda file: file.filename)
    for pattern in repository.patterns.values():
        if not fnmatch.filter([file.filename for file in files], pattern):
            only = " (the course loads weights from no other format)"
            hint = only if pattern.endswith(".safetensors") else ""
            raise _unreachable(repository, f"it has no {pattern}{hint}")
    return files


def fetch(repository, files: list, folder: Path | None = None) -> None:
    """Download what is missing of a plan; compare all with the checksums of the Hub.

    A file that differs is deleted and downloaded once more. Raises DataError if the
    disk is full, and Unreachable if the Hub fails or a file arrives damaged twice.
    """
    from huggingface_hub import HfApi, hf_hub_download

    place = {"repo_type": repository.kind, "local_dir": folder}
    for _ in range(2):
        with _in_our_words(repository, folder):
            for file in files:  # one by one: Ctrl-C would not stop snapshot_download
                there = {"filename": file.filename, "revision": file.commit_hash}
                hf_hub_download(repository.id, endpoint=endpoint(), **there, **place)
            compared = HfApi(endpoint=endpoint()).verify_repo_checksums(
                repository.id, revision=repository.revision, **place
            )
        wrong = {mismatch["path"] for mismatch in compared.mismatches}
        wrong &= {file.filename for file in files}  # others are not ours to delete
        if not wrong:
            return
        for path in (Path(compared.verified_path, name) for name in sorted(wrong)):
            print(f"{path.name} is deleted, since its checksum differs from the Hub's.")
            if not folder:  # in the cache, the path is a link to the content
                path.resolve().unlink()
            path.unlink(missing_ok=True)
    raise _unreachable(repository, f"{path.name} arrived damaged twice")


def first_answer(repository, patience: float) -> None:
    """Ask the Hub for a repository; raise Unreachable if no good answer comes in time.

    The Hub's own clients wait for a silent server for minutes.
    """
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    if variable := offline():
        raise _unreachable(repository, f"{variable} is set")
    path = f"{repository.kind}s/{repository.id}/revision/{repository.revision}"
    outcome = [TimeoutError(f"within {patience:.2g} s")]

    def ask():
        try:
            answer = get_session().get(
                f"{endpoint()}/api/{path}", headers=build_hf_headers(), timeout=patience
            )
            hf_raise_for_status(answer)
            outcome.append(answer.json())
        except Exception as error:  # reported below, in the thread that waits
            outcome.append(error)

    # A thread, because looking up a host name cannot be given a time limit.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    if isinstance(outcome[-1], Exception):
        raise _unreachable(repository, _reason(outcome[-1]))


# What to say when it fails


def _unreachable(repository, why):
    return Unreachable(f"{repository.id} cannot be fetched from {endpoint()}: {why}.")


@contextlib.contextmanager
def _in_our_words(repository, folder):
    """Say in the course's words why the Hub's client failed."""
    from huggingface_hub import constants

    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None):  # of the disk; errors of the Hub have none
            where = error.filename or folder or constants.HF_HUB_CACHE
            raise unwritable(where, error) from None
        raise _unreachable(repository, _reason(error)) from None


_PLAIN_WORDS = {
    "ConnectError": "no connection",
    "ReadError": "the connection broke off",
    "RemoteProtocolError": "the connection broke off",
    "TimeoutError": "no answer",
    "ConnectTimeout": "no answer",
    "ReadTimeout": "no answer",
    "JSONDecodeError": "the answer is no list of files; is that address right?",
}


def _reason(error):
    """Say in a few words why a request failed; the Hub's client wraps the cause."""
    cause = error
    while cause is not None:
        response, words = getattr(cause, "response", None), type(cause).__name__
        if response is not None:
            status = response.status_code
            hint = "; check your access token" if status in (401, 403) else ""
            return f"the server answered {status} {response.reason_phrase}{hint}"
        if words in _PLAIN_WORDS:
            return f"{_PLAIN_WORDS[words]} ({first_line(cause)})"
        cause = cause.__cause__
    return f"{type(error).__name__} ({first_line(error)})"


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, shortened."""
    return textwrap.shorten((str(error).splitlines() or [""])[0], 90, placeholder="...")


def check_room(folder: Path, needed: int) -> None:
    """Raise DataError if a folder's disk has less than ``needed`` bytes free."""
    free = free_space(folder)
    if needed > free:
        needed, free = f"{needed / 1e6:.0f} MB", f"{free / 1e6:.0f} MB"
        why = f"{needed} are to be written there and {free} are free."
        raise DataError(f"{folder}: {why}", _MORE_ROOM)


def free_space(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is on, or will be on."""
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    return shutil.disk_usage(there).free


def unwritable(path: str | Path, error: OSError) -> DataError:
    """Say that a file cannot be written, and what to do."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = _MORE_ROOM if full else "Choose another folder (HF_HOME or --to)."
    return DataError(f"{path} cannot be written ({os.strerror(error.errno)}).", remedy)
