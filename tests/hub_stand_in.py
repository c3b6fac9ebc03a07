"""A small stand-in for the Hugging Face Hub on 127.0.0.1, for tests.

Serves the repositories in a folder of COURSE_HUB's layout (``ylecun/mnist/...``) to
unmodified clients (transformers, datasets, huggingface_hub), and can misbehave: set
``fault`` to one of ``FAULTS``, or ``faults`` for the paths that end in some word.

A client that sends ``TOKEN`` may also create repositories and commit to their branch
main. Small files come inside the commit, large ones as LFS objects before it; the Hub's
newer way (Xet) is not spoken, so start the client with ``PUSHING`` in its environment.
"""

import base64
import binascii
import hashlib
import json
import re
import threading
from collections import Counter
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

REPO = "ylecun/mnist"
COMMIT = "0" * 40  # of a repository to which nobody has committed
USER, TOKEN = "learner", "hf_of_the_stand_in"
PUSHING = {"HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}
NOBODY = "http://127.0.0.1:9"  # nobody listens there
# 404, 401, 500: the status of every answer; slow: no answer; truncated: the body
# breaks off half-way, each time; corrupt: one byte is wrong; stall: the body stops
# half-way with the connection open.
FAULTS = (404, 401, 500, "slow", "truncated", "corrupt", "stall")
_HOME = r"/(?:datasets/|spaces/)?([^/]+/[^/]+)"
_API = r"/api/(?:models|datasets|spaces)/([^/]+/[^/]+)"
_FILE = re.compile(_HOME + "/resolve/([^/]+)/(.+)")
_INFO = re.compile(_API + "(?:/revision/([^/]+))?")
_TREE = re.compile(_API + "/tree/([^/]+)(?:/(.+))?")
_SIZES = re.compile(_API + "/preupload/([^/]+)")
_COMMIT = re.compile(_API + "/commit/([^/]+)")
_BATCH = re.compile(_HOME + r"\.git/info/lfs/objects/(batch)")
_OBJECT = re.compile("/lfs/([0-9a-f]{64})")


class _Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.fault = None
        self.faults = {}  # the end of a path -> its fault
        self.requests = []  # ("HEAD", path) in the order of arrival
        self.sent = Counter()  # path in the folder -> bytes of its body
        self.commits = {}  # repository -> the ids of its commits, the newest last
        self.objects = {}  # sha256 -> a large file
        self.writing = threading.Lock()
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

    def do_POST(self):
        self._take()

    def do_PUT(self):
        self._take()

    def log_message(self, *details):
        pass

    def _is_at_fault(self):
        """Note a request, and do what a fault says instead of answering."""
        hub, path = self.server, urlsplit(self.path).path
        hub.requests.append((self.command, self.path))
        ends = [end for end in hub.faults if path.endswith(end)]
        self.fault = hub.faults[ends[0]] if ends else hub.fault
        if self.fault == "slow":
            hub.closing.wait(60)
        elif isinstance(self.fault, int):
            self._refuse(self.fault, "RepoNotFound")
        return self.fault == "slow" or isinstance(self.fault, int)

    def _answer(self):
        if self._is_at_fault():
            return
        path = unquote(urlsplit(self.path).path)
        if path == "/api/whoami-v2" and self._is_known():
            return self._json({"type": "user", "name": USER, "orgs": []})
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
        if revision not in (None, "main", COMMIT, *self.server.commits.get(repo, ())):
            return self._refuse(404, "RevisionNotFound")
        self.commit = self.server.commits.get(repo, [COMMIT])[-1]
        answer(self.server.folder / repo, *rest)

    def _refuse(self, status, code):
        self.send_response(status)
        if code and status == 404:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _json(self, content, status=200):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _info(self, folder):
        files = [{"rfilename": entry["path"]} for entry in entries(folder, folder)]
        name = folder.relative_to(self.server.folder).as_posix()
        self._json({"id": name, "sha": self.commit, "siblings": files, "tags": []})

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
        self.send_header("X-Repo-Commit", self.commit)
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

    # --- What a client sends ------------------------------------------------------

    def _take(self):
        body, path = self._body(), unquote(urlsplit(self.path).path)
        if self._is_at_fault():
            return
        if match := _OBJECT.fullmatch(path):  # its address is the right to write there
            return self._keep(match[1], body)
        if path != "/api/validate-yaml" and not self._is_known():
            return self._json({"error": "Invalid username or password."}, 401)
        if path == "/api/validate-yaml":
            return self._look_at_card(**json.loads(body))
        if path == "/api/repos/create":
            return self._create(**json.loads(body))
        for pattern, answer in [
            (_SIZES, self._preupload),
            (_COMMIT, self._commit),
            (_BATCH, self._batch),
        ]:
            if match := pattern.fullmatch(path):
                repo, revision = match.groups()
                if not (self.server.folder / repo).is_dir():
                    return self._refuse(404, "RepoNotFound")
                if revision not in ("main", "batch"):
                    return self._refuse(404, "RevisionNotFound")
                return answer(repo, body)
        self._refuse(404, None)

    def _is_known(self):
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _body(self):
        """Read what a client sends, of a size it tells or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _create(self, name, organization=None, type="model", **others):
        repo = f"{organization or USER}/{name}"
        home = {"dataset": "datasets/", "space": "spaces/"}.get(type, "")
        found = (self.server.folder / repo).exists()
        (self.server.folder / repo).mkdir(parents=True, exist_ok=True)
        error = {"error": "You already created this repo"} if found else {}
        answer = {"url": f"{self.server.url}/{home}{repo}", "name": repo, **error}
        self._json(answer, 409 if found else 200)

    def _look_at_card(self, content, **others):
        """Refuse a card whose first lines are no YAML, and warn where it has none."""
        head = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|\Z)", content, re.S)
        try:
            data = yaml.safe_load(head[1]) if head else {}
        except yaml.YAMLError as error:
            return self._json({"errors": [{"message": str(error)}]}, 400)
        if not isinstance(data or {}, dict):
            return self._json({"errors": [{"message": "no mapping"}]}, 400)
        empty = [{"message": "empty or missing yaml metadata in repo card"}]
        self._json({"errors": [], "warnings": [] if data else empty})

    def _preupload(self, repo, body):
        """Say of each file in which way it comes, and what there is already."""
        files = []
        for name in [file["path"] for file in json.loads(body)["files"]]:
            path = self.server.folder / repo / name
            mode = "lfs" if is_large(path) else "regular"
            known = {"oid": digest(path)} if path.is_file() else {}
            files.append({"path": name, "uploadMode": mode, "shouldIgnore": False})
            files[-1] |= known
        self._json({"files": files})

    def _batch(self, repo, body):
        objects = json.loads(body)["objects"]
        for entry in objects:
            if entry["oid"] not in self.server.objects:
                address = f"{self.server.url}/lfs/{entry['oid']}"
                entry["actions"] = {"upload": {"href": address, "header": {}}}
        self._json({"transfer": "basic", "objects": objects})

    def _keep(self, oid, body):
        if hashlib.sha256(body).hexdigest() != oid:
            return self._refuse(400, None)
        self.server.objects[oid] = body
        self._json({})

    def _commit(self, repo, body):
        """Write all files of a commit, or none."""
        folder, files = (self.server.folder / repo).resolve(), {}
        try:
            header, *steps = map(json.loads, body.splitlines())
            for step in steps:
                value = step["value"]
                path = (folder / value["path"]).resolve()
                if not path.is_relative_to(folder):
                    raise ValueError(f"{value['path']} is outside of the repository")
                if step["key"] == "lfsFile":
                    files[path] = self.server.objects[value["oid"]]
                elif step["key"] == "file":
                    files[path] = base64.b64decode(value["content"], validate=True)
                else:
                    raise ValueError(f"the stand-in does not know {step['key']}")
        except (ValueError, KeyError, binascii.Error) as error:
            return self._json({"error": f"{type(error).__name__}: {error}"}, 400)
        with self.server.writing:
            for path, content in files.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            made = self.server.commits.setdefault(repo, [COMMIT])
            made.append(hashlib.sha1(made[-1].encode() + body).hexdigest())
        url = f"{self.server.url}/{repo}/commit/{made[-1]}"
        self._json({"success": True, "commitUrl": url, "commitOid": made[-1]})


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
