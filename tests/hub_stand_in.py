"""A small stand-in for the Hugging Face Hub on 127.0.0.1, for tests.

Serves the repositories in a folder of COURSE_HUB's layout (``ylecun/mnist/...``) to
unmodified clients (transformers, datasets, huggingface_hub), and can misbehave: set
``fault`` to one of ``FAULTS``, or ``faults`` for the paths that end in some word.
"""

import hashlib
import json
import re
import threading
from collections import Counter
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

REPO = "ylecun/mnist"
COMMIT = "0" * 40
NOBODY = "http://127.0.0.1:9"  # nobody listens there
# 404, 401, 500: the status of every answer; slow: no answer; truncated: the body
# breaks off half-way, each time; corrupt: one byte is wrong; stall: the body stops
# half-way with the connection open.
FAULTS = (404, 401, 500, "slow", "truncated", "corrupt", "stall")
_FILE = re.compile(r"/(?:datasets/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_INFO = re.compile(r"/api/(?:models|datasets)/([^/]+/[^/]+)(?:/revision/([^/]+))?")
_TREE = re.compile(r"/api/(?:models|datasets)/([^/]+/[^/]+)/tree/([^/]+)(?:/(.+))?")


class _Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.fault = None
        self.faults = {}  # the end of a path -> its fault
        self.requests = []  # ("HEAD", path) in the order of arrival
        self.sent = Counter()  # path in the folder -> bytes of its body
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Say nothing about clients that gave up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer()

    def do_GET(self):
        self._answer()

    def log_message(self, *details):
        pass

    def _answer(self):
        hub, path = self.server, urlsplit(self.path).path
        hub.requests.append((self.command, self.path))
        ends = [end for end in hub.faults if path.endswith(end)]
        self.fault = hub.faults[ends[0]] if ends else hub.fault
        if self.fault == "slow":
            hub.closing.wait(60)
            return
        if isinstance(self.fault, int):
            return self._refuse(self.fault, "RepoNotFound")
        for pattern, answer in [
            (_TREE, self._tree),
            (_INFO, self._info),
            (_FILE, self._file),
        ]:
            match = pattern.fullmatch(path)
            if match:
                return self._answer_for(answer, *match.groups())
        self._refuse(404, None)

    def _answer_for(self, answer, repo, revision, *rest):
        if not (self.server.folder / repo).is_dir():
            return self._refuse(404, "RepoNotFound")
        if revision not in (None, "main", COMMIT):
            return self._refuse(404, "RevisionNotFound")
        answer(self.server.folder / repo, *rest)

    def _refuse(self, status, code):
        self.send_response(status)
        if code and status == 404:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, content):
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _info(self, folder):
        files = [{"rfilename": entry["path"]} for entry in entries(folder, folder)]
        name = folder.relative_to(self.server.folder).as_posix()
        self._json({"id": name, "sha": COMMIT, "siblings": files, "tags": []})

    def _tree(self, folder, below):
        recursive = parse_qs(urlsplit(self.path).query).get("recursive", ["false"])
        start = folder / (below or "")
        if not start.is_dir():
            return self._refuse(404, "EntryNotFound")
        self._json(entries(folder, start, recursive[0].lower() in ("true", "1")))

    def _file(self, folder, name):
        path = folder / name
        if not path.is_file():
            return self._refuse(404, "EntryNotFound")
        body = path.read_bytes()
        start, end = self._range(len(body))
        self.send_response(200 if (start, end) == (0, len(body)) else 206)
        if (start, end) != (0, len(body)):
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{digest(path)}"')
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if self.command == "GET":
            self._send(body[start:end], path.relative_to(self.server.folder))

    def _range(self, size):
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not match:
            return 0, size
        return int(match[1]), min(size, int(match[2]) + 1) if match[2] else size

    def _send(self, body, name):
        hub, half = self.server, len(body) // 2
        if self.fault in ("truncated", "stall"):
            hub.sent[name.as_posix()] += half
            self.wfile.write(body[:half])
            self.wfile.flush()
            self.close_connection = True
            if self.fault == "stall":
                hub.closing.wait(60)
        else:
            if self.fault == "corrupt":
                body = body[:half] + bytes([body[half] ^ 1]) + body[half + 1 :]
            hub.sent[name.as_posix()] += len(body)
            self.wfile.write(body)


def entries(folder, start, recursive=True):
    """List files and folders as the Hub does, with the hashes of their contents."""
    found = []
    for path in sorted(start.rglob("*") if recursive else start.iterdir()):
        entry = {"path": path.relative_to(folder).as_posix(), "size": 0}
        if path.is_dir():
            found.append({**entry, "type": "directory", "oid": "0" * 40})
            continue
        entry["size"], entry["type"] = path.stat().st_size, "file"
        entry["oid"] = blob_id(path, path.stat().st_mtime_ns)
        if is_large(path):
            pointer = {"oid": digest(path), "size": entry["size"], "pointerSize": 134}
            entry["lfs"] = pointer
        found.append(entry)
    return found


def is_large(path):
    """Tell whether the Hub would keep a file in LFS."""
    return path.suffix in (".parquet", ".safetensors")


def digest(path):
    """Return what the Hub puts into an ETag: sha256 of a large file, else git's id."""
    return (sha256 if is_large(path) else blob_id)(path, path.stat().st_mtime_ns)


@cache
def sha256(path, changed):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def blob_id(path, changed):
    body = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


def isolate(monkeypatch, home):
    """Give a test its own HF_HOME, none of the caller's settings, and no Hub."""
    from datasets import config
    from huggingface_hub import constants

    for name in ("COURSE_PROFILE", "COURSE_HUB", "COURSE_ROWS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    monkeypatch.setenv("HF_HOME", str(home))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HOME", str(home))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", home / "datasets")


@contextmanager
def serve_impatient(monkeypatch, folder):
    """Serve a folder to the course in profile full, with shorter time limits.

    A machine that is busy with other things must have time for a good answer.
    """
    from huggingface_hub import constants

    from course_utils.data import hub

    monkeypatch.setenv("COURSE_PROFILE", "full")
    monkeypatch.setattr(hub, "_PATIENCE", 5.0)
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 2)
    with serve(folder) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@contextmanager
def serve(folder):
    """Serve the repositories in ``folder`` until the block ends."""
    hub = _Hub(folder)
    thread = threading.Thread(target=hub.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.closing.set()
        hub.shutdown()
        hub.server_close()
        thread.join()
