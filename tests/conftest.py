"""Every test runs without network and with its own progress file.

The conftest.py above this folder sees to it that NumPy and torch use one thread.
"""

import socket

import psutil
import pytest

LOCAL = {"localhost", "127.0.0.1", "::1", "0.0.0.0", "", None}
COURSE_SETTINGS = ("COURSE_PROFILE", "COURSE_HUB", "COURSE_ROWS")


class NetworkUsed(RuntimeError):
    """A test tried to reach another machine."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Let sockets reach this machine only, and say who was asked for otherwise."""
    real = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex")}
    real_getaddrinfo = socket.getaddrinfo

    def refuse(host):
        if isinstance(host, bytes):
            host = host.decode()
        if host not in LOCAL:
            raise NetworkUsed(
                f"a test asked for {host}; tests may reach 127.0.0.1 and localhost only"
            )

    def guarded(name):
        def method(self, address, *arguments):
            if self.family in (socket.AF_INET, socket.AF_INET6):
                refuse(address[0])
            return real[name](self, address, *arguments)

        return method

    def getaddrinfo(host, *arguments, **options):
        refuse(host)
        return real_getaddrinfo(host, *arguments, **options)

    for name in real:
        monkeypatch.setattr(socket.socket, name, guarded(name))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path):
    """Hide the caller's settings of the course, and the learner's progress."""
    for name in COURSE_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / "progress.json"))


@pytest.fixture(autouse=True, scope="module")
def no_kernel_left():
    """Refuse kernels that the tests of a file leave: others would find them."""
    yield
    left = [p for p in psutil.Process().children(recursive=True) if is_kernel(p)]
    for process in left:
        process.kill()
    assert not left, "a test has left a kernel running; start it with cleanup_kc=True"


def is_kernel(process):
    try:
        return "ipykernel_launcher" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False
