"""What all commands do alike: print whole lines, and end cleanly when interrupted."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


def say(console: Console, line: str, style: str = "") -> None:
    """Print plain text whole: no markup, no line break in the middle of a path."""
    console.print(Text(line, style), soft_wrap=True)


@contextmanager
def terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end a command as Ctrl-C does: cleanly."""

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
            number = getattr(signal, name, None)
            # A signal that is ignored, as under nohup, stays ignored.
            if number and signal.getsignal(number) != signal.SIG_IGN:
                before[number] = signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
