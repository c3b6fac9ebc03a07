"""The process behind a notebook: its memory, its children, how it ended."""

import re
import signal
from pathlib import Path

import psutil


class Family:
    """A kernel with every process that it has started, for as long as it is watched.

    The thread that runs the notebook and the thread that watches it both use one.
    """

    def __init__(self, manager):
        self._manager = manager  # the AsyncKernelManager of the kernel
        self._members: dict[int, psutil.Process] = {}
        self.peak_bytes = 0  # the most memory seen so far

    def _kernel_id(self):
        return getattr(self._manager.provisioner, "pid", None)

    def _look(self):
        """Return the kernel and all its descendants, and remember them."""
        pid = self._kernel_id()
        try:
            kernel = self._members.get(pid) or psutil.Process(pid) if pid else None
            members = [kernel, *kernel.children(recursive=True)] if kernel else []
        except psutil.Error:
            members = []
        self._members.update({process.pid: process for process in members})
        return members

    def note_memory(self) -> None:
        """Keep the most that all of them together have held, in resident bytes.

        Libraries, of which Linux keeps one copy for all processes, count once.
        """
        own, common = 0, [0]
        for process in self._look():
            try:
                memory = process.memory_info()
            except psutil.Error:
                continue
            shared = getattr(memory, "shared", 0)
            own += memory.rss - shared
            common.append(shared)
        seen = max(own + max(common), _high_water_mark(self._kernel_id()))
        self.peak_bytes = max(self.peak_bytes, seen)

    def kill(self) -> None:
        """End the kernel and everything that it started, wherever that is now."""
        self._look()
        for process in list(self._members.values()):
            try:
                process.kill()  # psutil checks that the number is still this process's
            except psutil.Error:
                continue

    def exit_status(self) -> str:
        """Return how the kernel ended, as words in parentheses; empty if unknown."""
        process = getattr(self._manager.provisioner, "process", None)
        return in_words(getattr(process, "returncode", None))


def _high_water_mark(pid):
    """Return the most that one process has held so far; 0 where Linux is not there."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except (OSError, ValueError):
        return 0
    peak = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(peak[1]) * 1024 if peak else 0


def in_words(code: int | None) -> str:
    """Say what the exit code of a process means."""
    if code is None:
        return ""
    if code >= 0:
        return f" (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    out_of_memory = "; often the machine ran out of memory" if name == "SIGKILL" else ""
    return f" ({name}{out_of_memory})"
