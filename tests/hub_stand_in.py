"""A small stand-in for the Hugging Face Hub on 127.0.0.1, for tests.

Serves the data repository ``ylecun/mnist`` from a folder to unmodified clients, and
can misbehave: set ``fault`` to one of ``FAULTS``.
"""

import hashlib
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

REPO = "ylecun/mnist"
COMMIT = "0" * 40
# 404, 401, 500: the status of every answer; slow: no answer; truncated: the body
# breaks off; crawl: the body comes byte by byte; corrupt: one byte is wrong; stall:
# the body stops half-way with the connection open.
FAULTS = (404, 401, 500, "slow", "truncated", "crawl", "corrupt", "stall")


class _Hub(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder = folder
        self.fault = None
        self.requests = []  # ("HEAD", path) in the order of arrival
        self.closing = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """Say nothing about clients that gave up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self._answer(with_body=False)

    def do_GET(self):
        self._answer(with_body=True)

    def log_message(self, *details):
        pass

    def _answer(self, with_body):
        hub = self.server
        hub.requests.append((self.command, self.path))
        if hub.fault == "slow":
            hub.closing.wait(60)
            return
        if isinstance(hub.fault, int):
            return self._refuse(hub.fault, "RepoNotFound" if hub.fault == 404 else None)
        prefix = f"/datasets/{REPO}/resolve/main/"
        path = hub.folder / self.path.removeprefix(prefix)
        if not self.path.startswith(prefix) or not path.is_file():
            return self._refuse(404, "EntryNotFound")
        body = path.read_bytes()
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self._send(body)

    def _refuse(self, status, code):
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, body):
        hub = self.server
        half = len(body) // 2
        if hub.fault == "truncated":
            self.wfile.write(body[:half])
            self.close_connection = True
        elif hub.fault == "stall":
            self.wfile.write(body[:half])
            hub.closing.wait(60)
        elif hub.fault == "crawl":
            for start in range(len(body)):
                self.wfile.write(body[start : start + 1])
                if hub.closing.wait(0.05):
                    return
        elif hub.fault == "corrupt":
            wrong = bytes([body[half] ^ 1])
            self.wfile.write(body[:half] + wrong + body[half + 1 :])
        else:
            self.wfile.write(body)


@contextmanager
def serve(folder):
    """Serve ``folder`` (``mnist/train-00000-of-00001.parquet`` ...) as ylecun/mnist."""
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
