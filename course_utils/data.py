"""The course's data sets, with the same columns and splits from every source."""

import contextlib
import hashlib
import http
import os
import sys
import tempfile
import textwrap
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from course_utils.profiles import ROOT, current_profile

VALIDATION_SHARE = 0.1
_SPLIT_SEED = 0
_PATIENCE = 8  # seconds without a sign of life before the Hub counts as unreachable
_TRIAL = 20  # seconds, from the first question on, until the speed is judged
_LONGEST = 1800  # seconds that the rest of a download may take at that speed


class DataError(RuntimeError):
    """The data cannot be loaded; the message says what, why, and what to do next."""


@dataclass(frozen=True)
class _DataSet:
    """Where one data set comes from, and what its rows must look like."""

    bundled: str  # folder under data/
    repo: str  # dataset repository on the Hub, and folder under COURSE_HUB
    files: dict[str, str]  # split -> path inside the repository
    labels: tuple[str, ...]


DATA_SETS = {
    "mnist": _DataSet(
        bundled="digits",
        repo="ylecun/mnist",
        files={
            "train": "mnist/train-00000-of-00001.parquet",
            "test": "mnist/test-00000-of-00001.parquet",
        },
        labels=tuple("0123456789"),
    )
}


def load(name: str):
    """Load a data set in the current profile.

    ``reduced`` reads the files bundled under ``data/``. ``full`` reads the folder
    named by ``COURSE_HUB`` if the data set is there, and the Hugging Face Hub if not.
    ``COURSE_ROWS=N`` caps the training rows at N, validation and test rows at N // 2.

    Parameters
    ----------
    name : str
        ``"mnist"``.

    Returns
    -------
    datasets.DatasetDict
        Splits ``train``, ``validation`` (a tenth of the source's training rows, the
        same ones each time, each class in proportion) and ``test``; columns
        ``image`` (PIL, mode L) and ``label`` (ClassLabel).

    Raises
    ------
    DataError
        If the data is missing, damaged, incomplete or out of reach.
    ValueError
        If ``name``, the profile or ``COURSE_ROWS`` is not understood.
    """
    if name not in DATA_SETS:
        raise ValueError(f"unknown data set {name!r}; there is {', '.join(DATA_SETS)}")
    data_set, limit = DATA_SETS[name], _row_limit()
    if current_profile() == "reduced":
        paths, remedy = _bundled_files(data_set)
    else:
        paths, remedy = _full_files(data_set)
    tables = {split: _read(path, data_set, remedy) for split, path in paths.items()}
    train, validation = _split_off_validation(tables["train"])
    half = limit and max(1, limit // 2)
    return _dataset_dict(
        {
            "train": _cap(train, limit),
            "validation": _cap(validation, half),
            "test": _cap(tables["test"], half),
        },
        data_set,
    )


def bundled_problem(name: str) -> str | None:
    """Say what is wrong with a bundled data set, or None if it is intact (sha256)."""
    try:
        _bundled_files(DATA_SETS[name])
    except DataError as error:
        return str(error)
    return None


def course_hub_holds(name: str) -> bool:
    """Tell whether the folder ``COURSE_HUB`` has a data set.

    Raises
    ------
    DataError
        If ``COURSE_HUB`` is no folder, or has only a part of the data set.
    """
    return _course_hub_files(DATA_SETS[name]) is not None


# Where the files are


def _bundled_files(data_set):
    folder = ROOT / "data" / data_set.bundled
    remedy = "Restore it with `git checkout data`, or fetch the course again."
    sums = folder / "SHA256SUMS"
    if not sums.is_file():
        raise DataError(f"bundled data: {sums} is missing. {remedy}")
    paths = {}
    for line in sums.read_text(encoding="ascii").splitlines():
        digest, name = line.split()
        path = folder / name
        if not path.is_file():
            raise DataError(f"bundled data: {path} is missing. {remedy}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise DataError(
                f"bundled data: {path} is damaged (its sha256 differs). {remedy}"
            )
        paths[path.stem] = path
    return paths, remedy


def _full_files(data_set):
    found = _course_hub_files(data_set)
    if found:
        return found, "Copy it again, or unset COURSE_HUB to use the Hub."
    return _hub_files(data_set)


def _course_hub_files(data_set):
    """Return the files under COURSE_HUB, or None if the data set is not there."""
    value = os.environ.get("COURSE_HUB", "").strip()
    if not value:
        return None
    hub = Path(value).expanduser()
    if not hub.is_dir():
        tried = "" if hub.is_absolute() else f" (tried {hub.absolute()})"
        raise DataError(
            f"COURSE_HUB={hub} is not a folder{tried}. Point it at a folder that "
            f"holds {data_set.repo}/ (a relative path counts from the notebook's "
            "folder or, for a command, from the current one), or unset it to use "
            "the Hub."
        )
    paths = {s: hub / data_set.repo / name for s, name in data_set.files.items()}
    missing = [path for path in paths.values() if not path.is_file()]
    if len(missing) == len(paths):
        return None
    if missing:
        raise DataError(
            f"{data_set.repo} in COURSE_HUB is incomplete: {missing[0]} is missing. "
            "Copy the whole data set there, or remove its folder to use the Hub."
        )
    return paths


# The Hugging Face Hub


def hub_problem(name: str, patience: float = _PATIENCE) -> str | None:
    """Say why a data set cannot be fetched from the Hub, or None if it can.

    Takes at most ``patience`` seconds; downloads nothing.
    """
    data_set = DATA_SETS[name]
    try:
        _ask_for_size(data_set, data_set.files["test"], patience)
    except DataError as error:
        return str(error)
    return None


def _hub_files(data_set):
    """Return the files from a cache, after downloading those that are not in it."""
    from huggingface_hub import constants, try_to_load_from_cache

    found = {
        split: try_to_load_from_cache(data_set.repo, name, repo_type="dataset")
        for split, name in data_set.files.items()
    }
    if not all(isinstance(path, str) for path in found.values()):
        folder = Path(constants.HF_HOME) / "vit-course" / data_set.repo
        found = {split: folder / name for split, name in data_set.files.items()}
        _download_missing(data_set, folder)
    return found, "Delete that file and run this again to download a new copy."


def _download_missing(data_set, folder):
    missing = [name for name in data_set.files.values() if not (folder / name).exists()]
    if not missing:
        return
    # One deadline for the sizes, the connection and the trial, so that a user without
    # a usable network hears of it within _TRIAL + _PATIENCE seconds.
    deadline = time.monotonic() + _TRIAL
    infos = [_ask_for_size(data_set, name, _left(deadline)) for name in missing]
    size = sum(info.size or 0 for info in infos) / 1e6
    print(
        f"Downloading {data_set.repo} ({size:.1f} MB) from {_endpoint()} to {folder}",
        flush=True,
    )
    for name, info in zip(missing, infos, strict=True):
        try:
            _download(data_set, name, info, folder / name, deadline)
        except OSError as error:  # a network error is no OSError in httpx
            raise DataError(
                f"{folder / name} cannot be written ({error.strerror or error}). "
                "Free some space, or set HF_HOME to a folder with room."
            ) from None
        deadline = time.monotonic() + _TRIAL  # of the next file


def _left(deadline):
    """Return for how many seconds to wait for an answer."""
    return min(_PATIENCE, max(0.0, deadline - time.monotonic()))


def _ask_for_size(data_set, name, patience):
    """Return the Hub's metadata (size, etag) of a file, or raise DataError in time."""
    import huggingface_hub

    if os.environ.get("HF_HUB_OFFLINE", "0").upper() in {"1", "ON", "YES", "TRUE"}:
        raise _unreachable(data_set, "HF_HUB_OFFLINE is set")
    url = huggingface_hub.hf_hub_url(
        data_set.repo, name, repo_type="dataset", endpoint=_endpoint()
    )
    return _answer(
        data_set,
        lambda: huggingface_hub.get_hf_file_metadata(url, timeout=patience),
        patience,
    )


def _answer(data_set, ask, patience):
    """Return what ``ask()`` returns, or raise DataError in time."""
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
        raise _unreachable(data_set, f"no answer within {patience:.2g} s")
    if isinstance(answer[0], Exception):
        raise _unreachable(data_set, _reason(answer[0]))
    return answer[0]


def _download(data_set, name, info, path, deadline):
    """Fetch one file under a temporary name, check it, then give it its own name."""
    import huggingface_hub
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = huggingface_hub.hf_hub_url(
        data_set.repo, name, repo_type="dataset", endpoint=_endpoint()
    )
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as scratch:
        part = Path(scratch) / path.name
        session = get_session()
        request = session.build_request("GET", url, headers=headers, timeout=_PATIENCE)
        response = _answer(
            data_set,
            lambda: session.send(request, stream=True, follow_redirects=True),
            _left(deadline),
        )
        try:
            with contextlib.closing(response), part.open("wb") as file:
                hf_raise_for_status(response)
                digest = _receive(response, file, info.size, data_set, name, deadline)
        except (DataError, OSError):
            raise
        except Exception as error:
            raise _unreachable(data_set, _reason(error)) from None
        if len(info.etag or "") == 64 and digest != info.etag:  # large files: sha256
            raise _unreachable(data_set, f"{name} arrived damaged (sha256 differs)")
        os.replace(part, path)


def _receive(response, file, size, data_set, name, deadline):
    """Write the body to ``file`` and return its sha256; give up if it crawls."""
    from tqdm import tqdm

    digest, start, judged = hashlib.sha256(), time.monotonic(), False
    with tqdm(
        desc=Path(name).name,
        total=size,
        unit="B",
        unit_scale=True,
        mininterval=0.5,
        file=sys.stdout,
    ) as bar:
        for chunk in response.iter_bytes():
            file.write(chunk)
            digest.update(chunk)
            bar.update(len(chunk))
            now = time.monotonic()
            if not judged and size and now > deadline:
                judged, seconds = True, now - start
                if (size - bar.n) * seconds / bar.n > _LONGEST:
                    raise _unreachable(
                        data_set, f"{bar.n / 1e3:.0f} kB in {seconds:.0f} s is too slow"
                    )
        if size is not None and bar.n != size:
            raise _unreachable(
                data_set, f"{name} was cut off after {bar.n} of {size} bytes"
            )
    return digest.hexdigest()


def _endpoint():
    from huggingface_hub import constants

    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


_PLAIN_WORDS = {
    "ConnectError": "no connection",
    "ReadError": "the connection broke off",
    "RemoteProtocolError": "the connection broke off",
}


def _reason(error):
    """Say in a few words why a request failed."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is None:
        kind = type(error).__name__
        if "Timeout" in kind:
            return "no answer in time"
        kind = _PLAIN_WORDS.get(kind, kind)
        text = _first_line(error)
        return f"{kind} ({text})" if text else kind
    phrase = http.HTTPStatus(status).phrase if status in set(http.HTTPStatus) else ""
    hint = "; check your access token" if status in (401, 403) else ""
    return f"the server answered {status} {phrase}".rstrip() + hint


def _unreachable(data_set, why):
    return DataError(
        f"{data_set.repo} cannot be fetched from {_endpoint()}: {why}.\n"
        "Try again later, set COURSE_HUB to a folder that holds it, or use the "
        "reduced profile (COURSE_PROFILE=reduced)."
    )


# From file to rows


def _read(path, data_set, remedy):
    """Read one parquet file into memory and check that its rows are as promised."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            table = file.read()
    except (pa.ArrowException, OSError) as error:
        why = _first_line(error) or type(error).__name__
        raise DataError(f"{path} cannot be read ({why}). {remedy}") from None
    schema = _features(data_set).arrow_schema
    missing = [column for column in schema.names if column not in table.column_names]
    if missing:
        raise DataError(
            f"{path} has no column {missing[0]!r} (it has "
            f"{', '.join(table.column_names)}). {remedy}"
        )
    try:
        table = table.select(schema.names).cast(schema)
    except (pa.ArrowException, ValueError) as error:
        raise DataError(
            f"{path} has columns of another type ({_first_line(error)}). {remedy}"
        ) from None
    labels = table["label"].to_numpy()
    good = len(labels) and labels.min() >= 0 and labels.max() < len(data_set.labels)
    if not good or table["label"].null_count:  # NaN from a null also fails `good`
        raise DataError(
            f"{path} has no rows, or labels outside 0 to {len(data_set.labels) - 1}. "
            f"{remedy}"
        )
    return table


def _first_line(error):
    return textwrap.shorten((str(error).splitlines() or [""])[0], 90, placeholder="...")


def _features(data_set):
    from datasets import ClassLabel, Features, Image

    return Features(
        {"image": Image(), "label": ClassLabel(names=list(data_set.labels))}
    )


def _split_off_validation(table):
    """Return (train, validation): a tenth of each class, drawn with a fixed seed."""
    labels = table["label"].to_numpy()
    # RandomState, because NumPy promises the same stream in every version.
    order = np.random.RandomState(_SPLIT_SEED).permutation(len(labels))
    chosen = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        chosen[rows[: round(VALIDATION_SHARE * len(rows))]] = True
    return table.filter(~chosen), table.filter(chosen)


def _cap(table, limit):
    """Keep at most ``limit`` rows, drawn with a fixed seed, in their old order."""
    if limit is None or limit >= len(table):
        return table
    order = np.random.RandomState(_SPLIT_SEED).permutation(len(table))
    return table.take(np.sort(order[:limit]))


def _dataset_dict(tables, data_set):
    from datasets import Dataset, DatasetDict, DatasetInfo
    from datasets.table import InMemoryTable

    info = DatasetInfo(features=_features(data_set))
    return DatasetDict(
        {
            split: Dataset(InMemoryTable(table), info=info.copy(), split=split)
            for split, table in tables.items()
        }
    )


def _row_limit():
    text = os.environ.get("COURSE_ROWS", "").strip()
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f"COURSE_ROWS={text!r} is not a number of rows; use a whole number from 1, "
            "or unset it for all rows"
        )
    return int(text)
