"""course_tools/check_links.py: what is gone, what is only shy, and no site in a hurry."""

import http.server
import json
import socket
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from course_tools import check_links

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"waits": (0, 0), "timeout": 10}  # an answer takes 0.01 s, with a free core


class Site(http.server.BaseHTTPRequestHandler):
    """Answers /404 with 404, and so on; /503-first with 503 only to the first two."""

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        site, name = self.server, self.path.strip("/")
        site.now += 1
        site.most = max(site.most, site.now)
        site.asked[self.command, name] += 1
        site.closing.wait(60 if name == "slow" else 0.01)
        site.now -= 1
        code = int(name) if name.isdigit() else 200
        if name == "no-head" and self.command == "HEAD":
            code = 405
        if name == "503-first" and site.asked.total() < 3:
            code = 503
        if name == "moved":
            code = 302
        self.send_response(code)
        self.send_header("Location", "/fine" if name == "moved" else "/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *details):
        pass


@pytest.fixture
def site(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.handle_error = lambda request, address: None  # a client that gave up
    server.now, server.most, server.asked = 0, 0, Counter()
    server.closing = threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "state", "tries"),
    [
        ("fine", "ok", 0),
        ("moved", "ok", 0),
        ("no-head", "ok", 1),
        ("503-first", "ok", 1),
        ("404", "broken", 1),
        ("410", "broken", 1),
        ("403", "doubtful", 1),
        ("429", "doubtful", 0),
        ("500", "doubtful", 2),
        ("slow", "doubtful", 2),
    ],
)
def test_what_is_gone_is_told_from_what_may_be_there(name, state, tries, site):
    # For the page that never comes, a short wait is as good as a long one.
    limits = QUICK | ({"timeout": 0.2} if name == "slow" else {})
    assert check_links.ask(f"{site.url}/{name}", **limits).state == state
    deadline = time.monotonic() + 60
    while site.asked["GET", name] < tries and time.monotonic() < deadline:
        time.sleep(0.01)  # the last request may still be on its way
    assert site.asked["GET", name] == tries


@pytest.fixture
def no_addresses(monkeypatch):
    def fail(*where, **how):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


def test_closed_port_is_doubtful():
    assert check_links.ask("http://127.0.0.1:9/", **QUICK).state == "doubtful"


def test_host_without_an_address_is_broken(no_addresses):
    assert check_links.ask("http://no-such-host.invalid/", **QUICK).state == "broken"


def test_one_host_is_asked_one_link_at_a_time_with_a_pause(site):
    links = [f"{site.url}/{name}" for name in "abcd"]
    start = time.monotonic()
    answers = dict(check_links.ask_all(links, pause=0.05, **QUICK))
    assert {answer.state for answer in answers.values()} == {"ok"}
    assert site.most == 1 and time.monotonic() - start > 3 * 0.05


@pytest.mark.parametrize(
    ("names", "code"), [(["fine", "403"], 0), (["fine", "404"], 1)]
)
def test_only_broken_links_fail(names, code, site, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(check_links, "NOT_ASKED", check_links.re.compile("your_org"))
    text = " ".join(f"[x]({site.url}/{name})." for name in names)
    (tmp_path / "README.md").write_text(text)
    assert check_links.main([], tmp_path, pause=0, **QUICK) == code
    said = capsys.readouterr().out
    assert f"{names[1]}: {site.url}/{names[1]} (README.md)" in said


def test_no_network_is_no_broken_link(no_addresses, tmp_path, capsys):
    (tmp_path / "README.md").write_text("<http://no-such-host.invalid/>")
    assert check_links.main([], tmp_path, pause=0, **QUICK) == 2
    assert "is this machine online?" in capsys.readouterr().err


def test_links_are_read_from_texts_notebooks_and_sources(tmp_path):
    (tmp_path / "README.md").write_text(
        "[a](https://a.org/x_(y)), https://a.org/b. <https://a.org/c#part>"
        " [ours](https://github.com/your_org/vit-course)"
    )
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "01.ipynb").write_text(
        json.dumps(
            {
                "cells": [
                    {"source": ["**https://a.org/d**\n", "https://a.org/b"]},
                    {"source": "1", "outputs": [{"text": "https://a.org/no"}]},
                ]
            }
        )
    )
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "a.py").write_text('"""See `https://a.org/e`."""')
    found = check_links.collect(tmp_path)
    assert [url.removeprefix("https://a.org/") for url in found] == [
        *("b", "c", "d", "e", "x_(y)")
    ]
    assert found["https://a.org/b"] == ["README.md", "notebooks/01.ipynb"]
