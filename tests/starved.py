"""Run a script on one of several ranks, with gloo's threads as slow as can be.

    torchrun ... starved.py SCRIPT ARGUMENTS

On a busy machine, a thread of gloo may not get on for a while after an exchange has
returned to the script. Here that is the rule, where the system lets us: the threads
share a core with the script, and run when nothing else does. A script that ends before
they have let go of what was exchanged, for which they need Python, may hang or abort.
"""

import os
import runpy
import sys
from pathlib import Path

import torch.distributed as dist

form = dist.init_process_group


def form_and_starve(*arguments, **options):
    form(*arguments, **options)
    if not hasattr(os, "SCHED_IDLE"):
        return
    cores = sorted(os.sched_getaffinity(0))
    core = {cores[dist.get_rank() % len(cores)]}
    os.sched_setaffinity(0, core)
    for thread in Path("/proc/self/task").iterdir():
        if (thread / "comm").read_text().startswith("pt_gloo"):
            os.sched_setaffinity(int(thread.name), core)
            idle = os.sched_param(0)
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, idle)


dist.init_process_group = form_and_starve
sys.setswitchinterval(100)  # seconds for which Python may be held
del sys.argv[0]
sys.path.insert(0, str(Path(sys.argv[0]).parent))
runpy.run_path(sys.argv[0], run_name="__main__")
