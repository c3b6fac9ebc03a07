"""Who holds what when a model is cut over several processes by FSDP2, on CPUs.

    python fsdp.py --processes 2
    torchrun --standalone --nproc_per_node 2 fsdp.py

Both start two processes that talk over gloo, and each holds a part of a small ViT. The
first process prints what was found, a line of JSON for each question: rows of each
parameter, bytes beside a formula, blocks that are whole while they compute, and the
weights beside those of one process. Every process ends after ``--seconds``, whatever
happens. Needs torch, nothing else.
"""

import argparse
import faulthandler
import json
import math
import os
import signal
import sys
import tempfile
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn import functional as F

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
    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    model = sharded(mesh)
    optimizer = adamw(model)
    tell({"about": "rows"} | rows(model))
    tell({"about": "during"} | during(model))
    train(model, optimizer, own_share=True)
    tell({"about": "memory"} | memory(model, optimizer))
    tell({"about": "equal"} | equal(model))
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


# --- The model --------------------------------------------------------------------


class SmallViT(nn.Module):
    """A ViT for pictures of 28 x 28 in patches of 7 x 7, with ten classes."""

    def __init__(self, D=64, blocks=4):
        super().__init__()
        self.patches = nn.Conv2d(1, D, kernel_size=7, stride=7)
        self.class_token = nn.Parameter(torch.zeros(1, 1, D))
        self.positions = nn.Parameter(torch.randn(1, 17, D))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                D, 4, 4 * D, dropout=0.0, activation="gelu", batch_first=True
            )
            for _ in range(blocks)
        )
        self.head = nn.Linear(D, 10)

    def forward(self, images):
        """Turn images (B, 1, 28, 28) into logits (B, 10)."""
        x = self.patches(images).flatten(2).mT  # (B, N, D)
        x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
        x = x + self.positions  # (B, N + 1, D)
        for block in self.blocks:
            x = block(x)
        return self.head(x[:, 0])


def new_model():
    """Return the model, with the same weights in each process."""
    torch.manual_seed(0)
    return SmallViT()


def sharded(mesh):
    """Return the model with its parameters cut over the ranks."""
    model = new_model()
    for block in model.blocks:
        fully_shard(block, mesh=mesh)  # gathered, used and let go as one
    fully_shard(model, mesh=mesh)  # all that is in no block
    return model


def adamw(model):
    """Return the optimizer.

    The biases of the keys have a gradient of zero, since the softmax takes no notice of
    them. With the usual eps of 1e-8, AdamW would make whole steps of the rounding error
    that is left in its place, and no two runs could be compared.
    """
    return torch.optim.AdamW(model.parameters(), lr=1e-3, eps=1e-5)


STEPS = 3


def train(model, optimizer, own_share):
    """Train on a few batches, or on this rank's share of each."""
    p, chance = dist.get_world_size(), torch.Generator().manual_seed(1)
    for _ in range(STEPS):
        images = torch.randn(4 * p, 1, 28, 28, generator=chance)
        labels = torch.randint(10, (4 * p,), generator=chance)
        if own_share:
            images, labels = (x[dist.get_rank() :: p] for x in (images, labels))
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()


# --- Who holds what ---------------------------------------------------------------


def held(tensor):
    """Return how many bytes of a tensor this process holds."""
    local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
    return local.numel() * local.element_size()


def rows(model):
    """Say how many rows of each parameter each rank holds; all blocks are alike."""
    later = tuple(f"blocks.{i}." for i in range(1, len(model.blocks)))
    named = model.named_parameters()
    parameters = {name: w for name, w in named if not name.startswith(later)}
    own = {name: len(w.to_local()) for name, w in parameters.items()}
    every = from_all(own)
    return {
        "shapes": {name: list(w.shape) for name, w in parameters.items()},
        "by_rank": {name: [rows[name] for rows in every] for name in parameters},
    }


def during(model):
    """Say which blocks are whole while each of them computes."""
    seen, before = [], from_all(sum(map(held, model.parameters())))

    def look(block, inputs, output):
        whole = [  # a parameter that is gathered is a plain tensor
            not any(isinstance(w, DTensor) for w in other.parameters())
            for other in model.blocks
        ]
        seen.append([i for i, is_whole in enumerate(whole) if is_whole])

    # The last layer inside a block runs before the block lets its parameters go.
    hooks = [b.norm2.register_forward_hook(look) for b in model.blocks]
    with torch.no_grad():
        model(torch.zeros(1, 1, 28, 28))
    for hook in hooks:
        hook.remove()
    block = sum(w.numel() * w.element_size() for w in model.blocks[0].parameters())
    return {
        "whole_blocks": seen,
        "bytes_of_a_block": block,
        "before": before,
    }


def formula(shapes, p, rank):
    """Return the bytes that a rank holds: weights, gradients and two moments.

    Each parameter is cut along its first axis in pieces of equally many rows; the last
    piece may be smaller, and ranks may be left without one. A number takes 4 bytes.
    """
    total = 0
    for first, *rest in shapes:
        size = math.ceil(first / p)
        mine = min(max(first - rank * size, 0), size)
        total += mine * math.prod(rest)
    return 4 * 4 * total


def memory(model, optimizer):
    """Count the bytes after a step, and compare them with the formula."""
    parameters = list(model.parameters())
    moments = [
        state[name]
        for state in optimizer.state.values()
        for name in ("exp_avg", "exp_avg_sq")
    ]
    own = {
        "parameters": sum(map(held, parameters)),
        "gradients": sum(held(w.grad) for w in parameters),
        "moments": sum(map(held, moments)),
    }
    every = from_all(own)
    shapes, p = [w.shape for w in parameters], dist.get_world_size()
    return {
        **{part: [rank[part] for rank in every] for part in own},
        "held": [sum(rank.values()) for rank in every],
        "formula": [formula(shapes, p, rank) for rank in range(p)],
        "whole": formula(shapes, 1, 0),
    }


def equal(model):
    """Compare the trained weights with those that one process trains."""
    alone, before = new_model(), new_model()
    train(alone, adamw(alone), own_share=False)
    difference = moved = 0.0
    for one, start, cut in zip(
        alone.parameters(), before.parameters(), model.parameters(), strict=True
    ):
        whole = cut.full_tensor()  # all ranks take part
        difference = max(difference, (whole - one).abs().max().item())
        moved = max(moved, (one - start).abs().max().item())
    return {"steps": STEPS, "difference": max(from_all(difference)), "moved": moved}


if __name__ == "__main__":
    main()
