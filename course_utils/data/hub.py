"""The Hugging Face Hub and folders in its layout: what the course takes, and how."""

import contextlib
import errno
import hashlib
import http
import os
import re
import shutil
import sys
import textwrap
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE = 8  # seconds without a sign of life before the Hub counts as unreachable
_TRIAL = 12  # seconds after which the speed is judged, and again after as many more
_LONGEST = 3600  # seconds that the rest of a download may take at that speed


class DataError(RuntimeError):
    """Data or weights are out of reach; the message says what, why and what to do."""


class Unreachable(DataError):
    """The Hub gives no (whole) answer; the message says only what and why."""


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
    files = {
        "configuration": "config.json",
        "weights": "model.safetensors",
        "processor": "preprocessor_config.json",
    }
    return Repository(name, "model", files, revision)


# What comes from the Hub. This is the one place to pin revisions: give a repository
# revision="<the 40 digits of a commit>", and every way to it asks for that one.
REPOSITORIES = {
    "mnist": _dataset("ylecun/mnist", "mnist"),
    "cifar10": _dataset("uoft-cs/cifar10", "plain_text"),
    "cats_vs_dogs": _dataset("microsoft/cats_vs_dogs", "data", ["train"]),
    "pets": _dataset("timm/oxford-iiit-pet", "data"),
    "finetune": _model("google/vit-base-patch16-224-in21k"),
    "anatomy": _model("google/vit-base-patch16-224"),
}
_CARD = "README.md"  # comes along where there is one: it states the license


def obtain(repository: Repository) -> tuple[dict[str, list[Path]], str]:
    """Return a repository's files on this machine; download them if need be.

    They are looked for under ``COURSE_HUB``, in the Hub's own cache, and in
    ``HF_HOME/vit-course``, where a download goes.

    Returns
    -------
    files : dict[str, list[Path]]
        The files of each kind, in order.
    remedy : str
        What to do if one of them turns out to be damaged.

    Raises
    ------
    DataError
        If ``COURSE_HUB`` is wrong, the Hub out of reach, or the disk full.
    """
    found = in_course_hub(repository)
    if found:
        return found, "Copy it again, or unset COURSE_HUB to use the Hub."
    value, searched = os.environ.get("COURSE_HUB", "").strip(), ""
    if value:
        searched = f" (COURSE_HUB={value} has no folder {repository.id})"
    remedy = "Delete that file and run this again to download a new copy."
    folder = home() / repository.id
    if repository.revision != "main":
        folder = folder.with_name(f"{folder.name}@{repository.revision}")
    for place in (_snapshot(repository), folder):
        found, missing = find(place, repository)
        if not missing:
            return found, remedy
    try:
        job = survey(repository, folder)
        print(
            f"Downloading {repository.id} ({job.left / 1e6:.1f} MB) from {endpoint()} "
            f"to {folder}{searched}",
            flush=True,
        )
        fetch(job)
    except Unreachable as error:
        later = "Try again later (what has arrived is kept)"
        raise DataError(
            f"{error}{searched}\n{'Unset HF_HUB_OFFLINE' if offline() else later}, set "
            "COURSE_HUB to a folder that holds it, or use the reduced profile "
            "(COURSE_PROFILE=reduced)."
        ) from None
    return find(folder, repository)[0], remedy


def home() -> Path:
    """Return the folder for what the course downloads and prepares."""
    from huggingface_hub import constants

    return Path(constants.HF_HOME) / "vit-course"


# Folders in the Hub's layout


def in_course_hub(repository: Repository) -> dict[str, list[Path]] | None:
    """Find a repository's files under ``COURSE_HUB``, or None if it is not there.

    Raises
    ------
    DataError
        If ``COURSE_HUB`` is no folder or one level off, or has only a part of the
        repository, or a file too many.
    """
    value = os.environ.get("COURSE_HUB", "").strip()
    if not value:
        return None
    hub = Path(value).expanduser()
    if not hub.is_dir():
        tried = "" if hub.is_absolute() else f" (tried {hub.absolute()})"
        raise DataError(
            f"COURSE_HUB={hub} is not a folder{tried}. Point it at a folder that "
            f"holds {repository.id}/ (a relative path counts from the notebook's "
            "folder or, for a command, from the current one), or unset it to use "
            "the Hub."
        )
    folder = hub / repository.id
    if not folder.is_dir():
        _check_level(hub, repository)
        return None
    found, missing = find(folder, repository)
    if missing:
        incomplete = missing.endswith("is missing")
        fault = "is incomplete" if incomplete else "has a file too many"
        remedy = "Copy all of it there" if incomplete else "Keep one version of each"
        raise DataError(
            f"{repository.id} in COURSE_HUB {fault}: {missing}. {remedy}, or remove "
            "its folder to use the Hub."
        )
    return found


def _check_level(hub, repository):
    """Say where a repository lies if ``COURSE_HUB`` is a level too high or too deep."""
    lacks = f"COURSE_HUB={hub} has no folder {repository.id}"
    name = repository.id.rpartition("/")[2]
    cached = f"{repository.kind}s--{repository.id.replace('/', '--')}"
    below = [place for place in hub.glob("*") if place.is_dir()]
    places = [*below, *hub.absolute().parents[:3]]
    for place in places:
        if any(find(place / repository.id, repository)[0].values()):
            raise DataError(
                f"{lacks}, but {place} has one. Set COURSE_HUB={place}, or unset it to "
                "use the Hub."
            )
    for place in (hub, hub / name):
        if any(find(place, repository)[0].values()):
            raise DataError(
                f"{lacks}, but such files lie in {place}. Copy what is in there to "
                f"{hub / repository.id}, or unset COURSE_HUB to use the Hub."
            )
    for place in (hub, *places):
        if (place / cached).is_dir():
            raise DataError(
                f"{lacks}, but {place} is a cache of the Hub, whose folders have other "
                f"names ({cached}). Unset COURSE_HUB, and set HF_HUB_CACHE={place} "
                "before Python starts."
            )


def find(folder: Path, repository: Repository) -> tuple[dict[str, list[Path]], str]:
    """Return (the files of each kind in a folder, what is wrong with them or "")."""
    found = {
        part: sorted(path for path in folder.glob(pattern) if path.is_file())
        for part, pattern in repository.patterns.items()
    }
    for part, paths in found.items():
        absent = f"{folder / repository.patterns[part]} is missing"
        missing = _gap(paths) if paths else absent
        if missing:
            return found, missing
    return found, ""


# train-00001-of-00002.parquet, on the Hub sometimes with 16 digits of a hash behind it
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})(-[0-9a-f]{16})?(?=\.parquet$)")


def _gap(paths):
    """Say which shard is missing, or which file is one too many, or return ""."""
    shards = [_SHARD.search(path.name) for path in paths]
    for path, shard in zip(paths, shards, strict=True):
        if not shard and (len(paths) > 1 or "-of-" in path.name):
            return (
                f"{path} seems to be a second copy, since it is not named like "
                "train-00000-of-00001.parquet"
            )
    found = {(shard[1], shard[2]) for shard in shards if shard}
    totals = {total for _, total in found}
    for total in sorted(totals):
        for i in range(int(total)):
            if (f"{i:05d}", total) not in found:
                name = _SHARD.sub(f"-{i:05d}-of-{total}", paths[0].name)
                return f"{paths[0].with_name(name)} is missing"
    twice = len(totals) > 1 or len(found) < sum(map(bool, shards))
    return f"{paths[0].parent} holds two versions" if twice else ""


def _snapshot(repository):
    """Return where the Hub's own cache has (or would have) a repository."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=repository.id, repo_type=repository.kind)
    folder = Path(constants.HF_HUB_CACHE) / name
    ref = folder / "refs" / repository.revision
    commit = ref.read_text().strip() if ref.is_file() else repository.revision
    return folder / "snapshots" / commit


# What the Hub has


@dataclass(frozen=True)
class RemoteFile:
    """One file of a repository, as the Hub lists it."""

    path: str
    size: int  # bytes
    digest: str  # sha256 (64 digits) of a large file, git's blob id (40) of a small one

    def is_at(self, path: Path) -> bool:
        """Tell whether a file on the disk is this one, to the last bit."""
        if not path.is_file() or path.stat().st_size != self.size:
            return False
        digest = hashlib.sha256()
        if len(self.digest) == 40:
            digest = hashlib.sha1(b"blob %d\0" % self.size)
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
        return digest.hexdigest() == self.digest


@dataclass(frozen=True)
class Job:
    """A repository to download into a folder, and what is still missing there."""

    repository: Repository
    folder: Path
    files: list[RemoteFile]
    missing: list[RemoteFile]

    @property
    def size(self) -> int:
        """Bytes of the whole."""
        return sum(file.size for file in self.files)

    @property
    def left(self) -> int:
        """Bytes that a download would fetch."""
        arrived = sum(
            _size(_part(self.folder / file.path, file)) for file in self.missing
        )
        return sum(file.size for file in self.missing) - arrived


def survey(repository: Repository, folder: Path) -> Job:
    """Ask the Hub what a repository has, and compare a folder with it, bit by bit.

    Raises
    ------
    Unreachable
        If the Hub does not say so within 8 seconds.
    """
    files = _listing(repository, _PATIENCE)
    missing = [file for file in files if not file.is_at(folder / file.path)]
    return Job(repository, folder, files, missing)


def problem(repository: Repository, patience: float) -> str | None:
    """Say why the Hub cannot be used, or None if it can, within some seconds."""
    try:
        _listing(repository, patience)
    except Unreachable as error:
        return str(error)
    return None


def _listing(repository, patience):
    """Return the repository's files that the course uses, as RemoteFile."""
    files = _answer(repository, lambda: _tree(repository, patience), patience)
    chosen = {file for file in files if file.path == _CARD}
    for pattern in repository.patterns.values():
        # A star stands for a part of a name only: no path leaves the folder.
        path = re.escape(pattern).replace(r"\*", r"[\w.-]*")
        matching = {file for file in files if re.fullmatch(path, file.path)}
        if not matching:
            only = " (the course loads weights from no other format)"
            hint = only if pattern.endswith(".safetensors") else ""
            raise _unreachable(repository, f"it has no {pattern}{hint}")
        chosen |= matching
    return sorted(chosen, key=lambda file: file.path)


def _tree(repository, patience):
    # Not HfApi.list_repo_tree: it answers a server's error with half a minute of
    # retries.
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = (
        f"{endpoint()}/api/{repository.kind}s/{repository.id}/tree/"
        f"{repository.revision}?recursive=true&expand=false"
    )
    entries = []
    while url:
        answer = get_session().get(url, headers=build_hf_headers(), timeout=patience)
        hf_raise_for_status(answer)
        entries += answer.json()
        url = answer.links.get("next", {}).get("url")
    return [
        RemoteFile(entry["path"], entry["size"], (entry.get("lfs") or entry)["oid"])
        for entry in entries
        if entry["type"] == "file"
    ]


def endpoint() -> str:
    """Return the address of the Hub, or of the stand-in that ``HF_ENDPOINT`` names."""
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def offline() -> bool:
    """Tell whether the user forbids downloads, with ``HF_HUB_OFFLINE``."""
    value = os.environ.get("HF_HUB_OFFLINE", "0")
    return value.upper() in {"1", "ON", "YES", "TRUE"}


# Download


def fetch(job: Job) -> None:
    """Download what a folder lacks; a file gets its name when it is whole and checked.

    What was interrupted before goes on where it stopped.

    Raises
    ------
    Unreachable
        If the Hub fails or crawls, or a file arrives damaged.
    DataError
        If the disk is full or cannot be written to.
    """
    left = job.left
    check_room(job.folder, left)
    for file in job.missing:
        path = job.folder / file.path
        pace = _Pace(job.repository, left)
        try:
            with _claimed(path, file) as part:
                left -= file.size - _size(part)
                _download(file, part, pace)
                os.replace(part, path)
        except OSError as error:
            raise unwritable(path, error) from None
    wrong = find(job.folder, job.repository)[1]
    if wrong:  # shards of an older version lie beside the new ones
        raise DataError(f"{wrong}. Delete {job.folder} and run this again.")


def check_room(folder: Path, needed: int) -> None:
    """Raise DataError if a folder's disk has less than ``needed`` bytes free."""
    free = free_space(folder)
    if needed > free:
        raise DataError(
            f"{folder}: {needed / 1e6:.0f} MB are to be written there and "
            f"{free / 1e6:.0f} MB are free. {_MORE_ROOM}"
        )


def free_space(folder: Path) -> int:
    """Return the free bytes of the disk that a folder is on, or will be on."""
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    return shutil.disk_usage(there).free


def _part(path, file):
    """Name an unfinished file after its content: another version starts anew."""
    return path.with_name(f".{path.name}.{file.digest[:16]}.part")


def _size(path):
    return path.stat().st_size if path.is_file() else 0


@contextlib.contextmanager
def _claimed(path, file):
    """Name the unfinished file; keep two processes from writing it."""
    from huggingface_hub.utils import WeakFileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    lock, part = path.with_name(f".{path.name}.lock"), _part(path, file)
    try:
        with WeakFileLock(lock, timeout=0.1):
            for other in path.parent.glob(f".{path.name}.*.part"):
                if other != part:
                    other.unlink()  # of another version
            yield part
    except TimeoutError:
        raise DataError(
            f"{path} is being downloaded by another process. "
            "Wait until that is done, then run this again."
        ) from None
    with contextlib.suppress(OSError):
        lock.unlink()


@dataclass
class _Pace:
    """Judges every 12 s, by what arrived in them, if a download ends within reason."""

    repository: Repository
    left: int  # bytes of all files still to come
    arrived: int = 0  # bytes since the last judgment
    start: float = field(default_factory=time.monotonic)

    def count(self, size: int) -> None:
        self.left -= size
        self.arrived += size
        seconds = time.monotonic() - self.start
        if seconds < _TRIAL:
            return
        if self.left * seconds > _LONGEST * self.arrived:
            why = f"{self.arrived / 1e3:.1f} kB in {seconds:.0f} s is too slow"
            raise _unreachable(self.repository, why)
        self.arrived, self.start = 0, time.monotonic()


def _download(file, part, pace):
    """Complete an unfinished file and check it."""
    if _size(part) > file.size:
        part.unlink()
    if _size(part) < file.size or not file.size:
        response = _request(file, _size(part), pace)
        try:
            with contextlib.closing(response):
                _receive(response, file, part, pace)
        except (DataError, OSError):  # of the disk: httpx's errors are no OSError
            raise
        except Exception as error:
            raise _unreachable(pace.repository, _reason(error)) from None
    if not file.is_at(part):
        part.unlink()
        why = f"{file.path} arrived damaged (its hash differs)"
        raise _unreachable(pace.repository, why)


def _request(file, start, pace):
    """Ask for a file from byte ``start`` on; return the response, its body unread."""
    import huggingface_hub
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = huggingface_hub.hf_hub_url(
        pace.repository.id,
        file.path,
        repo_type=pace.repository.kind,
        revision=pace.repository.revision,
        endpoint=endpoint(),
    )
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    session = get_session()
    request = session.build_request("GET", url, headers=headers, timeout=_PATIENCE)

    def ask():
        response = session.send(request, stream=True, follow_redirects=True)
        hf_raise_for_status(response)
        return response

    return _answer(pace.repository, ask, _PATIENCE)


def _receive(response, file, part, pace):
    """Write the body behind what is there already; give up if it crawls."""
    from tqdm import tqdm

    before = _size(part) if response.status_code == 206 else 0
    bar = tqdm(
        desc=Path(file.path).name,
        initial=before,
        total=file.size,
        unit="B",
        unit_scale=True,
        mininterval=0.5,
        file=sys.stdout,
    )
    with bar, part.open("ab" if before else "wb") as output:
        for chunk in response.iter_bytes():
            output.write(chunk)
            bar.update(len(chunk))
            pace.count(len(chunk))
    if bar.n != file.size:
        why = f"{file.path} was cut off after {bar.n} of {file.size} bytes"
        raise _unreachable(pace.repository, why)


# Waiting, and what to say when it was in vain


def _answer(repository, ask, patience):
    """Return what ``ask()`` returns, or raise Unreachable in time."""
    if offline():
        raise _unreachable(repository, "HF_HUB_OFFLINE is set")
    answer = []

    def work():
        try:
            answer.append(ask())
        except Exception as error:  # reported below, in the thread that waits
            answer.append(error)

    # In a thread, because looking up a host name cannot be given a time limit, and
    # because each redirection and each step of a connection would get its own.
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(patience)
    if not answer:
        raise _unreachable(repository, f"no answer within {patience:.2g} s")
    if isinstance(answer[0], Exception):
        raise _unreachable(repository, _reason(answer[0]))
    return answer[0]


_PLAIN_WORDS = {
    "ConnectError": "no connection",
    "ReadError": "the connection broke off",
    "RemoteProtocolError": "the connection broke off",
    "JSONDecodeError": "the answer is no list of files; is that address right?",
}


def _reason(error):
    """Say in a few words why a request failed."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        kind = type(error).__name__
        if "Timeout" in kind:
            return "no answer in time"
        kind, text = _PLAIN_WORDS.get(kind, kind), first_line(error)
        return f"{kind} ({text})" if text else kind
    phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ""
    hint = "; check your access token" if status in (401, 403) else ""
    return f"the server answered {status} {phrase}".rstrip() + hint


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, shortened."""
    return textwrap.shorten((str(error).splitlines() or [""])[0], 90, placeholder="...")


def _unreachable(repository, why):
    return Unreachable(f"{repository.id} cannot be fetched from {endpoint()}: {why}.")


_MORE_ROOM = "Free some space, or choose a folder with room (HF_HOME or --to)."


def unwritable(path: Path, error: OSError) -> DataError:
    """Say that a file cannot be written, and what to do."""
    why = os.strerror(error.errno) if error.errno else first_line(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    remedy = _MORE_ROOM if full else "Choose another folder (HF_HOME or --to)."
    return DataError(f"{path} cannot be written ({why}). {remedy}")
