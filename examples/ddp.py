"""What several processes do when they train one model, tried for real on CPUs.

    python ddp.py --processes 2
    torchrun --standalone --nproc_per_node 2 ddp.py

Both start two processes that talk over gloo, PyTorch's backend for CPUs. The first one
prints what was found, a line of JSON for each question: the sum of all by hand, DDP
beside one process, batches of different sizes, items that are evaluated twice, seeds.
Every process ends after ``--seconds``, whatever happens. Needs torch, nothing else.
"""

import argparse
import faulthandler
import json
import os
import signal
import sys
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DistributedSampler

# --- Starting ---------------------------------------------------------------------


def main():
    """Be one of torchrun's processes, or start all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=2, help="without torchrun")
    parser.add_argument("--seconds", type=int, default=120, help="limit of the run")
    options = parser.parse_args()
    if options.processes < 2:
        parser.error("one process has nobody to talk to; give --processes 2 or more")
    if "RANK" in os.environ:  # torchrun has told us who we are
        run(int(os.environ["RANK"]), None, None, options.seconds)
    else:
        start(run, options.processes, options.seconds)


def start(work, processes, seconds):
    """Start processes by spawn, wait for them, and leave none behind."""
    end = time.monotonic() + seconds
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped from outside"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = os.path.join(folder, "store")  # where they find each other
        context = mp.get_context("spawn")  # as macOS and Windows do, and GPUs need it
        ranks = [
            context.Process(
                target=work, args=(rank, processes, place, seconds), daemon=True
            )
            for rank in range(processes)
        ]
        try:
            for rank in ranks:
                rank.start()
            # If one fails, the others would wait for it until the limit.
            while any(rank.is_alive() for rank in ranks) and time.monotonic() < end:
                if any(rank.exitcode for rank in ranks):
                    break
                time.sleep(0.05)
            codes = [rank.exitcode for rank in ranks]
        finally:
            for rank in ranks:
                if rank.is_alive():
                    rank.kill()
                if rank.pid:
                    rank.join()
    if any(codes) or None in codes:
        sys.exit(f"the processes ended with {codes} (None: stopped); see above for why")


def run(rank, world_size, place, seconds):
    """Answer all questions as one of the processes."""
    faulthandler.dump_traceback_later(seconds, exit=True)  # the limit of this process
    torch.set_num_threads(1)
    if place is None:
        dist.init_process_group("gloo")
    else:
        store = dist.FileStore(place, world_size)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=world_size)
    found = {
        "about": "processes",
        "world_size": dist.get_world_size(),
        "backend": dist.get_backend(),
        "started_by": "itself" if place else "torchrun",
        "pids": from_all(os.getpid()),
    }
    tell(found)
    for question in (ring, ddp, unequal, sampler, seeds):
        tell({"about": question.__name__} | question())
    dist.barrier()
    # A moment after an exchange has returned, a thread of gloo lets go of what it sent,
    # and needs Python for that. A process that ends before may hang or be aborted.
    time.sleep(0.5)
    dist.destroy_process_group()
    faulthandler.cancel_dump_traceback_later()


def tell(found):
    """Print a finding once, not once in each process."""
    if dist.get_rank() == 0:
        print(json.dumps(found), flush=True)


def from_all(value):
    """Return a list with the value of each rank."""
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


# --- The sum of all, by hand ------------------------------------------------------


def all_reduce(numbers):
    """Sum a tensor over all ranks, in place, by a ring; return how many were sent.

    Each rank sends to its right neighbor only. In the first p - 1 rounds the pieces
    collect their sums, in the other p - 1 rounds the finished pieces go around.

    Parameters
    ----------
    numbers : tensor, shape (n,), contiguous; p divides n

    Returns
    -------
    int, 2 (p - 1) / p n
    """
    rank, p = dist.get_rank(), dist.get_world_size()
    if len(numbers) % p:
        raise ValueError(f"{len(numbers)} numbers cannot be cut into {p} equal pieces")
    pieces, sent = numbers.chunk(p), 0
    arrived = torch.empty_like(pieces[0])
    for turn in range(2 * (p - 1)):
        out, into = pieces[(rank - turn) % p], pieces[(rank - turn - 1) % p]
        sending = dist.isend(out, (rank + 1) % p)
        dist.recv(arrived, (rank - 1) % p)
        sending.wait()
        sent += len(out)
        if turn < p - 1:
            into += arrived
        else:
            into.copy_(arrived)
    return sent


def ring():
    """Compare the ring with the sum of the library."""
    rank, p = dist.get_rank(), dist.get_world_size()
    small = torch.arange(1.0, 2 * p + 1) * 10**rank
    before = small.tolist()
    all_reduce(small)
    large = torch.randn(1200 * p, generator=torch.Generator().manual_seed(rank))
    theirs = large.clone()
    dist.all_reduce(theirs)
    sent = all_reduce(large)
    return {
        "before": from_all(before),
        "after": from_all(small.tolist()),
        "numbers": len(large),
        "sent": from_all(sent),
        "formula": 2 * (p - 1) / p * len(large),
        "difference": max(from_all((large - theirs).abs().max().item())),
    }


# --- One model on all ranks -------------------------------------------------------


def small_model(seed):
    """Return a model of two layers; a model of any size would do."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 16), nn.GELU(), nn.Linear(16, 5))


def weights(model):
    """Return all weights as one tensor."""
    return torch.cat([w.detach().flatten() for w in model.parameters()])


def pictures(count):
    """Return pictures (count, 12) and labels (count,), the same on all ranks."""
    chance = torch.Generator().manual_seed(7)
    x = torch.randn(count, 12, generator=chance)
    return x, torch.randint(5, (count,), generator=chance)


def train(model, batches):
    """Train on batches in their order, and return the model."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for x, y in batches:
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model


def spread(tensor):
    """Return the largest difference between the ranks."""
    every = torch.stack(from_all(tensor))
    return (every - every[0]).abs().max().item()


def ddp():
    """Train by DDP on shares of the batches, and on whole batches in one process."""
    rank, p, steps = dist.get_rank(), dist.get_world_size(), 20
    x, y = pictures(8 * p)
    whole = [(x, y)] * steps
    share = [(x[rank::p], y[rank::p])] * steps
    start = small_model(seed=rank)  # each rank draws others; rank 0 is copied
    before = spread(weights(start))
    shared = DistributedDataParallel(start)
    after = spread(weights(start))
    train(shared, share)
    one = train(small_model(seed=0), whole)
    alone = train(small_model(seed=0), share)
    return {
        "steps": steps,
        "batch": len(x),
        "difference": max(
            from_all((weights(shared) - weights(one)).abs().max().item())
        ),
        "between_ranks": spread(weights(shared)),
        "alone": spread(weights(alone)),
        "moved": (weights(one) - weights(small_model(seed=0))).abs().max().item(),
        "start_differs_before": before,
        "start_differs_after": after,
    }


def gradient(model, loss):
    """Return all gradients of a loss as one tensor."""
    model.zero_grad()
    loss.backward()
    return torch.cat([w.grad.flatten() for w in model.parameters()])


def unequal():
    """Give rank 0 four pictures, and one to each other; compare the gradients."""
    rank, p = dist.get_rank(), dist.get_world_size()
    items = [4] + [1] * (p - 1)
    n, first = sum(items), sum(items[:rank])
    x, y = pictures(n)
    own = slice(first, first + items[rank])
    one, shared = small_model(0), DistributedDataParallel(small_model(0))
    truth = gradient(one, F.cross_entropy(one(x), y))
    usual = gradient(shared, F.cross_entropy(shared(x[own]), y[own]))
    total = F.cross_entropy(shared(x[own]), y[own], reduction="sum")
    right = gradient(shared, total * p / n)
    return {
        "items": items,
        "largest": truth.abs().max().item(),
        "mean_of_means": (usual - truth).abs().max().item(),
        "right_factor": (right - truth).abs().max().item(),
    }


# --- Who gets which item, and which numbers ---------------------------------------


def sampler():
    """Deal nine items, and count those that are evaluated twice."""
    items, p = 9, dist.get_world_size()
    right = [False, True, True, False, True, True, True, False, True]
    own = list(DistributedSampler(range(items), shuffle=False))
    dealt = from_all(own)
    every = [item for share in dealt for item in share]
    cards = DistributedSampler(range(items), seed=0)
    forgotten, orders = [], []
    for _ in range(3):
        forgotten.append(list(cards))
    for epoch in range(3):
        cards.set_epoch(epoch)
        orders.append(list(cards))
    return {
        "items": items,
        "ranks": p,
        "dealt": dealt,
        "twice": sorted({item for item in every if every.count(item) > 1}),
        "right": right,
        "doubled": sum(right[item] for item in every) / len(every),
        "once": sum(right) / items,
        "without_set_epoch": forgotten,
        "with_set_epoch": orders,
    }


def seeds():
    """Draw numbers, as an augmentation does, after one seed and after own seeds."""
    draws = {}
    for name, seed in (("same_seed", 0), ("own_seed", dist.get_rank())):
        torch.manual_seed(seed)
        draws[name] = from_all([round(x, 4) for x in torch.rand(3).tolist()])
    return draws


if __name__ == "__main__":
    main()
