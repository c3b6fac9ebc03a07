"""Start programs that start processes, with a limit, and show that none is left."""

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

MARK = "COURSE_TEST_LAUNCH"
STARVED = Path(__file__).with_name("starved.py")
TORCHRUN = "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"
TORCHRUN = *TORCHRUN, STARVED  # what it starts must end well on a busy machine, too


def launch(*arguments, seconds=300, cwd=None, **environment):
    """Run Python with arguments; return what is done, as ``subprocess.run`` does.

    Whatever is still running at the end is killed, and the test fails. All processes
    are found by a variable of their environment: torchrun gives each a session of its
    own, so that they belong to no common group.
    """
    mark = uuid.uuid4().hex
    command = [sys.executable, *map(str, arguments)]
    marked = os.environ | {"OMP_NUM_THREADS": "1", MARK: mark} | environment
    try:
        done = subprocess.run(
            command,
            env=marked,
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=seconds,
        )
    finally:
        end_of_patience = time.monotonic() + 5
        while (left := marked_by(mark)) and time.monotonic() < end_of_patience:
            time.sleep(0.1)
        for process in left:
            process.kill()
    assert not left, f"{command} left processes behind"
    return done


def marked_by(mark):
    """Return all processes that were started under a mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.is_running():
                found.append(process)
        except (psutil.Error, OSError):
            continue  # it has just ended, or belongs to somebody else
    return found
