"""What every run of pytest needs here, and what `pytest --nbval-lax notebooks` needs.

nbval runs the cells of a notebook as tests in one kernel. By itself it waits for a dead
kernel until the cell's time is up, and goes on after a cell that failed, so that one
error shows as fifty. Here a dead kernel is noticed within a second, the cells after a
failed one are skipped, and each notebook starts with an empty progress file.
"""

import os
import tempfile
import time
from pathlib import Path
from queue import Empty

import pytest

# One thread each: the tests share the machine with each other, and idle OpenMP threads
# spin. Set before anything imports NumPy or torch; kernels inherit it.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# The caller's own data are for the caller's own runs. Kernels inherit this too.
for _name in ("COURSE_HUB", "COURSE_ROWS"):
    os.environ.pop(_name, None)

try:
    from nbval.kernel import RunningKernel
    from nbval.plugin import IPyNbCell, IPyNbFile
except ImportError:  # the unit tests run without nbval
    IPyNbCell = None
else:
    _await_reply, _start = RunningKernel.await_reply, IPyNbFile.setup

    def _await_reply_of_a_living_kernel(self, msg_id, timeout=None):
        deadline = time.monotonic() + timeout
        while True:
            left = deadline - time.monotonic()
            try:
                return _await_reply(self, msg_id, timeout=max(0.0, min(1.0, left)))
            except Empty:
                if not self.is_alive():
                    raise RuntimeError(
                        "the kernel died while running this cell (out of memory?)"
                    ) from None
                if left <= 0:
                    raise

    def _start_with_empty_progress(self):
        # The folder lives as long as the collector of this notebook.
        self.progress_folder = tempfile.TemporaryDirectory(prefix="vit-course-")
        progress = Path(self.progress_folder.name) / "progress.json"
        os.environ["COURSE_PROGRESS"] = str(progress)
        _start(self)

    RunningKernel.await_reply = _await_reply_of_a_living_kernel
    IPyNbFile.setup = _start_with_empty_progress


def pytest_runtest_setup(item):
    if IPyNbCell and isinstance(item, IPyNbCell):
        failed = getattr(item.parent, "failed_cell", None)
        if failed is not None:
            pytest.skip(f"{failed} of this notebook failed")


def pytest_runtest_makereport(item, call):
    if not (IPyNbCell and isinstance(item, IPyNbCell)) or call.excinfo is None:
        return
    error = call.excinfo.value
    # A cell that ran but printed something else leaves the later cells what they need.
    harmless = isinstance(error, pytest.skip.Exception) or "outputs differ" in str(
        error
    )
    if not harmless and not hasattr(item.parent, "failed_cell"):
        item.parent.failed_cell = item.name
