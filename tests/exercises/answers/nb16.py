"""Answers to the exercises of notebook 16 as learners give them, written blind."""

import itertools
import math

import numpy as np
import torch
from tests_answers import right, wrong
from torch.nn import functional as F
from torch.utils.data import DistributedSampler

# --- 16.1: a ring all-reduce ---


@right("16.1")
def as_in_the_textbook(parts, send):
    p = len(parts)
    chunks = [list(part.clone().chunk(p)) for part in parts]
    for step in range(p - 1):
        for rank in range(p):
            i = (rank - step) % p
            right_neighbor = (rank + 1) % p
            got = send(rank, right_neighbor, chunks[rank][i])
            chunks[right_neighbor][i] = chunks[right_neighbor][i] + got
    for step in range(p - 1):
        for rank in range(p):
            i = (rank + 1 - step) % p
            right_neighbor = (rank + 1) % p
            chunks[right_neighbor][i] = send(rank, right_neighbor, chunks[rank][i])
    return [torch.cat(c) for c in chunks]


@right("16.1")
def one_piece_after_the_other(parts, send):
    """Each piece goes twice around the ring, less the last step."""
    p, n = len(parts), len(parts[0])
    out = [part.clone() for part in parts]
    size = n // p
    for k in range(p):
        piece = slice(k * size, (k + 1) * size)
        for step in range(2 * p - 2):
            sender = (k + step) % p
            receiver = (sender + 1) % p
            arrived = send(sender, receiver, out[sender][piece])
            if step < p - 1:
                out[receiver][piece] += arrived
            else:
                out[receiver][piece] = arrived
    return out


@right("16.1")
def all_send_then_all_receive(parts, send):
    p = len(parts)
    table = torch.stack(parts).reshape(p, p, -1).clone()
    for step in range(2 * (p - 1)):
        mail = []
        for rank in range(p):
            k = (rank - step) % p
            mail.append((k, send(rank, (rank + 1) % p, table[rank, k])))
        for rank, (k, chunk) in enumerate(mail):
            to = (rank + 1) % p
            table[to, k] = table[to, k] + chunk if step < p - 1 else chunk
    return list(table.reshape(p, -1))


@right("16.1")
def only_the_running_sum_travels(parts, send):
    p = len(parts)
    pieces = [part.chunk(p) for part in parts]
    result = [[None] * p for _ in parts]
    for k in range(p):
        running = pieces[k][k]
        for i in range(1, p):
            sender, receiver = (k + i - 1) % p, (k + i) % p
            running = pieces[receiver][k] + send(sender, receiver, running)
        owner = (k + p - 1) % p
        result[owner][k] = running
        for i in range(p - 1):
            sender, receiver = (owner + i) % p, (owner + i + 1) % p
            result[receiver][k] = send(sender, receiver, result[sender][k])
    return [torch.cat(row) for row in result]


@right("16.1")
def views_in_a_dict(parts, send):
    p = len(parts)
    own = {r: parts[r].clone().view(p, -1) for r in range(p)}
    for phase, step in itertools.product(("reduce", "gather"), range(p - 1)):
        for r in range(p):
            k = (r - step + (phase == "gather")) % p
            arrived = send(r, (r + 1) % p, own[r][k])
            if phase == "reduce":
                own[(r + 1) % p][k].add_(arrived)
            else:
                own[(r + 1) % p][k].copy_(arrived)
    return [own[r].flatten() for r in range(p)]


@right("16.1")
def a_stacked_tensor(parts, send):
    return torch.stack(as_in_the_textbook(parts, send))


@wrong(
    "16.1",
    "adds up without sending anything",
    says="You add up what the ranks hold without sending",
)
def nothing_is_sent(parts, send):
    total = sum(parts)
    return [total.clone() for _ in parts]


@wrong(
    "16.1",
    "everything to rank 0, which sends it to all",
    says="Rank 0 gets everything and gives the sum to all. It",
)
def by_rank_zero(parts, send):
    total = parts[0].clone()
    for r in range(1, len(parts)):
        total += send(r, 0, parts[r])
    return [total] + [send(0, r, total) for r in range(1, len(parts))]


@wrong(
    "16.1",
    "whole tensors around the ring",
    says="The sums are right, but too many numbers are sent.",
)
def whole_tensors(parts, send):
    p = len(parts)
    out = [part.clone() for part in parts]
    passing = list(parts)
    for _ in range(p - 1):
        arrived = [send(r, (r + 1) % p, passing[r]) for r in range(p)]
        passing = [arrived[r - 1] for r in range(p)]
        for r in range(p):
            out[r] += passing[r]
    return out


@wrong(
    "16.1",
    "the first half of the work only",
    says="That is the first half: each rank now has the sum",
)
def reduce_scatter_only(parts, send):
    p = len(parts)
    chunks = [list(part.clone().chunk(p)) for part in parts]
    for step in range(p - 1):
        for rank in range(p):
            i, to = (rank - step) % p, (rank + 1) % p
            chunks[to][i] = chunks[to][i] + send(rank, to, chunks[rank][i])
    return [torch.cat(c) for c in chunks]


@wrong(
    "16.1",
    "adds in the second half, too",
    says="In the second half finished sums arrive, and you",
)
def adds_always(parts, send):
    p = len(parts)
    chunks = [list(part.clone().chunk(p)) for part in parts]
    for step in range(2 * (p - 1)):
        for rank in range(p):
            i, to = (rank - step) % p, (rank + 1) % p
            chunks[to][i] = chunks[to][i] + send(rank, to, chunks[rank][i])
    return [torch.cat(c) for c in chunks]


@wrong(
    "16.1", "sends to the left", says="You send to the *left* neighbor, rank - 1. The"
)
def to_the_left(parts, send):
    p = len(parts)
    chunks = [list(part.clone().chunk(p)) for part in parts]
    for step in range(2 * (p - 1)):
        for rank in range(p):
            i, to = (rank + step) % p, (rank - 1) % p
            arrived = send(rank, to, chunks[rank][i])
            chunks[to][i] = chunks[to][i] + arrived if step < p - 1 else arrived
    return [torch.cat(c) for c in chunks]


@wrong(
    "16.1",
    "one round too many in each half",
    says="The sums are right, but too many numbers are sent.",
)
def one_round_too_many(parts, send):
    p = len(parts)
    chunks = [list(part.clone().chunk(p)) for part in parts]
    for step in range(p):
        for rank in range(p):
            i, to = (rank - step) % p, (rank + 1) % p
            arrived = send(rank, to, chunks[rank][i])
            if step < p - 1:
                chunks[to][i] = chunks[to][i] + arrived
            else:
                chunks[to][i] = arrived
    for step in range(p):
        for rank in range(p):
            i, to = (rank - step) % p, (rank + 1) % p
            chunks[to][i] = send(rank, to, chunks[rank][i])
    return [torch.cat(c) for c in chunks]


@wrong(
    "16.1",
    "the mean, as DDP wants it",
    says="That is the mean. An all-reduce gives the sum; DDP",
)
def mean_not_sum(parts, send):
    return [x / len(parts) for x in as_in_the_textbook(parts, send)]


@wrong("16.1", "writes into the parts", says="Your function changes what it is given")
def writes_into_parts(parts, send):
    p = len(parts)
    size = len(parts[0]) // p
    for step in range(2 * (p - 1)):
        for rank in range(p):
            k, to = (rank - step) % p, (rank + 1) % p
            piece = slice(k * size, (k + 1) * size)
            arrived = send(rank, to, parts[rank][piece])
            if step < p - 1:
                parts[to][piece] += arrived
            else:
                parts[to][piece] = arrived
    return parts


@wrong(
    "16.1",
    "always passes its own piece on",
    says="Each rank sends the same piece in every round. It",
)
def own_piece_each_step(parts, send):
    p = len(parts)
    chunks = [list(part.clone().chunk(p)) for part in parts]
    for step in range(2 * (p - 1)):
        for rank in range(p):
            to = (rank + 1) % p
            arrived = send(rank, to, chunks[rank][rank])
            if step < p - 1:
                chunks[to][rank] = chunks[to][rank] + arrived
            else:
                chunks[to][rank] = arrived
    return [torch.cat(c) for c in chunks]


@wrong(
    "16.1", "returns the sum once", says="You return the sum once. Return a list of p"
)
def one_tensor(parts, send):
    return as_in_the_textbook(parts, send)[0]


@wrong(
    "16.1",
    "around the ring as a chain, and the sum back as a chain",
    says="The sums are right, but one rank works while all",
)
def chain_of_whole_tensors(parts, send):
    p = len(parts)
    running = parts[0]
    for r in range(p - 1):
        running = send(r, r + 1, running) + parts[r + 1]
    out = [None] * p
    out[p - 1] = running
    for r in range(p - 1):
        out[r] = send((r - 1) % p, r, out[r - 1])
    return out


# --- 16.2: the mean of means ---


@right("16.2")
def sum_by_reduction(logits, labels, n_global, world_size):
    total = F.cross_entropy(logits, labels, reduction="sum")
    return total * world_size / n_global


@right("16.2")
def per_picture_then_sum(logits, labels, n_global, world_size):
    each = F.cross_entropy(logits, labels, reduction="none")
    return each.sum() / (n_global / world_size)


@right("16.2")
def by_log_softmax(logits, labels, n_global, world_size):
    log_p = logits.log_softmax(dim=1)
    picked = log_p[torch.arange(len(labels)), labels]
    return -picked.sum() / n_global * world_size


@right("16.2")
def weight_of_the_mean(logits, labels, n_global, world_size):
    if len(labels) == 0:
        return logits.sum() * 0
    return F.cross_entropy(logits, labels) * len(labels) * world_size / n_global


@right("16.2")
def with_the_class(logits, labels, n_global, world_size):
    criterion = torch.nn.CrossEntropyLoss(reduction="sum")
    return criterion(logits, labels).mul(world_size).div(n_global)


@right("16.2")
def with_nll(logits, labels, n_global, world_size):
    loss = F.nll_loss(F.log_softmax(logits, -1), labels, reduction="sum")
    return loss / n_global * world_size


@wrong(
    "16.2", "the usual mean", says="That is the loss of the colleague: a mean on each"
)
def as_before(logits, labels, n_global, world_size):
    return F.cross_entropy(logits, labels)


@wrong(
    "16.2",
    "the sum over the number of all pictures, without the ranks",
    says="DDP divides the sum of the ranks' gradients by",
)
def without_world_size(logits, labels, n_global, world_size):
    return F.cross_entropy(logits, labels, reduction="sum") / n_global


@wrong(
    "16.2",
    "the mean, scaled by the number of ranks",
    says="`F.cross_entropy` has taken the mean over the",
)
def mean_times_ranks(logits, labels, n_global, world_size):
    return F.cross_entropy(logits, labels) * world_size / n_global


@wrong(
    "16.2",
    "divides by the number of ranks",
    says="You divide by the number of ranks, and DDP does it",
)
def divides_by_ranks(logits, labels, n_global, world_size):
    return F.cross_entropy(logits, labels, reduction="sum") / (n_global * world_size)


@wrong("16.2", "the sum alone", says="That is the sum. The mean over all pictures is")
def sum_alone(logits, labels, n_global, world_size):
    return F.cross_entropy(logits, labels, reduction="sum")


@wrong(
    "16.2",
    "the weighted mean, which is nan without pictures",
    says="The mean over no pictures is nan, and nan times",
)
def nan_without_pictures(logits, labels, n_global, world_size):
    loss = F.cross_entropy(logits, labels)
    return loss * len(labels) * world_size / n_global


@wrong("16.2", "a number instead of a tensor", says="which has no gradient")
def a_number(logits, labels, n_global, world_size):
    total = F.cross_entropy(logits, labels, reduction="sum").item()
    return total * world_size / n_global


@wrong(
    "16.2",
    "zero that knows nothing of the logits",
    says="does not depend on the logits",
)
def zero_without_graph(logits, labels, n_global, world_size):
    if len(labels) == 0:
        return torch.tensor(0.0)
    return F.cross_entropy(logits, labels) * len(labels) * world_size / n_global


@wrong(
    "16.2",
    "the share of the pictures, without the ranks",
    says="DDP divides the sum of the ranks' gradients by",
)
def share_alone(logits, labels, n_global, world_size):
    if len(labels) == 0:
        return logits.sum() * 0
    return F.cross_entropy(logits, labels) * len(labels) / n_global


@wrong(
    "16.2",
    "upside down: the mean times all over own",
    says="The factor is upside down: a rank with many",
)
def upside_down(logits, labels, n_global, world_size):
    if len(labels) == 0:
        return logits.sum() * 0
    share = n_global / (len(labels) * world_size)
    return F.cross_entropy(logits, labels) * share


@wrong(
    "16.2",
    "the probabilities as logits",
    says="`F.cross_entropy` takes logits and does the softmax",
)
def of_probabilities(logits, labels, n_global, world_size):
    probs = logits.softmax(dim=1)
    return F.cross_entropy(probs, labels, reduction="sum") * world_size / n_global


@wrong("16.2", "calls backward itself", says="You call `backward` yourself")
def calls_backward(logits, labels, n_global, world_size):
    loss = F.cross_entropy(logits, labels, reduction="sum") * world_size / n_global
    loss.backward()
    return loss


# --- 16.3: who gets which item? ---


@right("16.3")
def as_the_sampler(n, world_size, rank, epoch, seed):
    g = torch.Generator()
    g.manual_seed(seed + epoch)
    order = torch.randperm(n, generator=g).tolist()
    total = math.ceil(n / world_size) * world_size
    padding = total - n
    order += (order * math.ceil(padding / n))[:padding]
    return order[rank:total:world_size]


@right("16.3")
def with_the_sampler_itself(n, world_size, rank, epoch, seed):
    sampler = DistributedSampler(range(n), world_size, rank, seed=seed)
    sampler.set_epoch(epoch)
    return list(sampler)


@right("16.3")
def by_remainder(n, world_size, rank, epoch, seed):
    g = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(n, generator=g)
    rounds = -(-n // world_size)
    return [order[(i * world_size + rank) % n].item() for i in range(rounds)]


@right("16.3")
def in_a_while_loop(n, world_size, rank, epoch, seed):
    generator = torch.Generator()
    generator.manual_seed(seed + epoch)
    items = torch.randperm(n, generator=generator).tolist()
    i = 0
    while len(items) % world_size != 0:
        items.append(items[i])
        i += 1
    return items[rank::world_size]


@right("16.3")
def as_a_table(n, world_size, rank, epoch, seed):
    g = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(n, generator=g)
    rounds = (n + world_size - 1) // world_size
    whole = order.repeat(world_size)[: rounds * world_size]
    return whole.view(rounds, world_size)[:, rank].tolist()


@right("16.3")
def with_cycle(n, world_size, rank, epoch, seed):
    g = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(n, generator=g).numpy()
    total = int(np.ceil(n / world_size)) * world_size
    endless = itertools.islice(itertools.cycle(order), total)
    return [int(x) for i, x in enumerate(endless) if i % world_size == rank]


@right("16.3")
def with_a_forked_generator(n, world_size, rank, epoch, seed):
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed + epoch)
        order = torch.randperm(n).tolist()
    while len(order) % world_size:
        order = order + order[: world_size - len(order) % world_size]
    return order[rank::world_size]


def _deals(order, rest, share):
    """Deal in another way: the order, what is done with the rest, and who gets what."""

    def dealt(n, world_size, rank, epoch, seed):
        items = order(n, epoch, seed)
        return share(rest(items, world_size), world_size, rank)

    return dealt


def _shuffled(n, epoch, seed):
    g = torch.Generator().manual_seed(seed + epoch)
    return torch.randperm(n, generator=g).tolist()


def _seeded_by(number):
    def order(n, epoch, seed):
        g = torch.Generator().manual_seed(number(epoch, seed))
        return torch.randperm(n, generator=g).tolist()

    return order


def _wrapped(items, world_size):
    total = math.ceil(len(items) / world_size) * world_size
    return (items * world_size)[:total]


def _in_turn(items, world_size, rank):
    return items[rank::world_size]


wrong(
    "16.3",
    "forgets the epoch",
    _deals(_seeded_by(lambda epoch, seed: seed), _wrapped, _in_turn),
    says="The order is the same in every epoch: this is what",
)
wrong(
    "16.3",
    "forgets the seed",
    _deals(_seeded_by(lambda epoch, seed: epoch), _wrapped, _in_turn),
    says="Your order does not depend on `seed`. Add it to the",
)
wrong(
    "16.3",
    "does not shuffle",
    _deals(lambda n, epoch, seed: list(range(n)), _wrapped, _in_turn),
    says="You do not shuffle.",
)
wrong(
    "16.3",
    "no items are appended",
    _deals(_shuffled, lambda items, world_size: items, _in_turn),
    says="Nothing is appended, so the ranks have different",
)
wrong(
    "16.3",
    "drops the rest instead",
    _deals(_shuffled, lambda x, p: x[: len(x) // p * p], _in_turn),
    says="You leave the rest out. That is what",
)
wrong(
    "16.3",
    "blocks instead of cards",
    _deals(
        _shuffled,
        _wrapped,
        lambda x, p, rank: x[rank * len(x) // p : (rank + 1) * len(x) // p],
    ),
    says="You give each rank a block of neighbors. The",
)
wrong(
    "16.3",
    "a whole round more where nothing is missing",
    _deals(_shuffled, lambda x, p: x + (x * p)[: p - len(x) % p], _in_turn),
    says="If `world_size` divides n, nothing is missing, but",
)
wrong(
    "16.3",
    "appends the last item again and again",
    _deals(_shuffled, lambda x, p: x + [x[-1]] * (-len(x) % p), _in_turn),
    says="You append the last item. The sampler begins again",
)
wrong(
    "16.3",
    "appends from the end of the list",
    _deals(
        _shuffled,
        lambda x, p: x + (x * p)[len(x) * p - (-len(x) % p) :],
        _in_turn,
    ),
    says="You append items from the end of the list. The",
)
wrong(
    "16.3",
    "appends only once around",
    _deals(_shuffled, lambda x, p: x + x[: -len(x) % p], _in_turn),
    says="With few items and many ranks, one time around is",
)
wrong(
    "16.3",
    "numbers 0, 1, 2 are appended, not the shuffled ones",
    _deals(
        _shuffled, lambda x, p: x + [i % len(x) for i in range(-len(x) % p)], _in_turn
    ),
    says="You append the items 0, 1, 2. The sampler takes the",
)
wrong(
    "16.3",
    "each rank shuffles by itself",
    lambda n, world_size, rank, epoch, seed: _in_turn(
        _wrapped(_shuffled(n, epoch + rank, seed), world_size), world_size, rank
    ),
    says="Each rank shuffles in its own way, so some items",
)
wrong(
    "16.3",
    "the seeds are multiplied",
    _deals(_seeded_by(lambda epoch, seed: seed * epoch), _wrapped, _in_turn),
    says="You multiply the seed and the epoch. The sampler",
)


@wrong(
    "16.3",
    "seeds the whole program",
    says="The items are right, but `torch.manual_seed` seeds",
)
def seeds_the_program(n, world_size, rank, epoch, seed):
    torch.manual_seed(seed + epoch)
    return _in_turn(_wrapped(torch.randperm(n).tolist(), world_size), world_size, rank)


@wrong(
    "16.3",
    "pads before it shuffles",
    says="You append before you shuffle. Then other items",
)
def pads_first(n, world_size, rank, epoch, seed):
    items = _wrapped(list(range(n)), world_size)
    g = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(len(items), generator=g).tolist()
    return [items[i] for i in order][rank::world_size]


# --- 16.4: how much does each rank hold? ---


@right("16.4")
def by_ceil(shapes, world_size, rank):
    total = 0
    for shape in shapes:
        rows = math.ceil(shape[0] / world_size)
        mine = max(0, min(rows, shape[0] - rank * rows))
        total += mine * math.prod(shape[1:])
    return total * 4 * 4


@right("16.4")
def by_chunk_itself(shapes, world_size, rank):
    numbers = 0
    for shape in shapes:
        pieces = torch.empty(shape, device="meta").chunk(world_size, dim=0)
        if rank < len(pieces):
            numbers += pieces[rank].numel()
    return 16 * numbers


@right("16.4")
def by_range(shapes, world_size, rank):
    numbers = 0
    for first, *rest in shapes:
        size = (first + world_size - 1) // world_size
        mine = range(first)[rank * size : (rank + 1) * size]
        numbers += len(mine) * int(np.prod(rest))
    return numbers * 4 + numbers * 4 + 2 * numbers * 4


@right("16.4")
def by_counting_rows(shapes, world_size, rank):
    bytes_held = 0
    for shape in shapes:
        per_row = 1
        for side in shape[1:]:
            per_row *= side
        per_rank = -(-shape[0] // world_size)
        bytes_held += (
            16 * per_row * sum(row // per_rank == rank for row in range(shape[0]))
        )
    return bytes_held


@right("16.4")
def by_numpy(shapes, world_size, rank):
    first = np.array([shape[0] for shape in shapes])
    width = np.array([np.prod(shape[1:], dtype=int) for shape in shapes])
    size = np.ceil(first / world_size).astype(int)
    mine = np.clip(first - rank * size, 0, size)
    return int((mine * width).sum() * 16)


@right("16.4")
def by_clipped_ends(shapes, world_size, rank):
    def numbers(shape):
        size = math.ceil(shape[0] / world_size)
        start = min(rank * size, shape[0])
        end = min(start + size, shape[0])
        return (end - start) * math.prod(shape[1:])

    return sum(map(numbers, shapes)) * (1 + 1 + 2) * 4


def _holds(rows, factor=16):
    """Count with other rows of a rank, or other bytes of a number."""

    def held_bytes(shapes, world_size, rank):
        return factor * sum(
            rows(shape[0], world_size, rank) * math.prod(shape[1:]) for shape in shapes
        )

    return held_bytes


def _rows(first, p, rank):
    size = math.ceil(first / p)
    return min(max(first - rank * size, 0), size)


wrong(
    "16.4",
    "the weights alone, or four copies without their bytes",
    _holds(_rows, 4),
    says="You count four bytes for each number. Four things",
)
wrong(
    "16.4",
    "weights and gradients, or half precision",
    _holds(_rows, 8),
    says="You count eight bytes for each number. Four things",
)
wrong(
    "16.4",
    "one moment only",
    _holds(_rows, 12),
    says="You count twelve bytes for each number. Four things",
)
wrong(
    "16.4",
    "float64",
    _holds(_rows, 32),
    says="You count 32 bytes for each number. Four things are",
)
wrong(
    "16.4",
    "counts numbers, not bytes",
    _holds(_rows, 1),
    says="That is how many parameters the rank holds. Count",
)
wrong(
    "16.4",
    "the moments cut, weights whole",
    lambda s, p, r: _whole_weights(s, p, r),
    says="You count the parameters whole on each rank. FSDP",
)
wrong(
    "16.4",
    "everything whole, as under DDP",
    _holds(lambda first, p, rank: first),
    says="That is everything, on every rank: so it is with",
)
wrong(
    "16.4",
    "rows as numpy.array_split deals them",
    _holds(lambda first, p, rank: len(np.array_split(range(first), p)[rank])),
    says="You deal the rows as evenly as possible, as",
)
wrong(
    "16.4",
    "all ranks hold as many rows as the first",
    _holds(lambda first, p, rank: math.ceil(first / p)),
    says="Only the pieces before the end have as many rows as",
)
wrong(
    "16.4",
    "rounds the rows down",
    _holds(lambda first, p, rank: max(first // p, 0)),
    says="You round the rows of a piece down, so that some",
)
wrong(
    "16.4",
    "rounds down, and gives the last rank the rest",
    _holds(
        lambda first, p, rank: (
            first - (p - 1) * (first // p) if rank == p - 1 else first // p
        )
    ),
    says="You round the rows of a piece down and give the",
)
wrong(
    "16.4",
    "may be negative",
    _holds(
        lambda first, p, rank: min(
            math.ceil(first / p), first - rank * math.ceil(first / p)
        )
    ),
    says="Some ranks hold a negative number of rows: those",
)
wrong(
    "16.4",
    "the last rank gets the rest, others a whole piece",
    _holds(
        lambda first, p, rank: (
            first - rank * math.ceil(first / p)
            if rank == p - 1
            else math.ceil(first / p)
        )
    ),
    says="You give the last rank what is left, which can be a",
)


def _whole_weights(shapes, world_size, rank):
    whole = 4 * sum(math.prod(shape) for shape in shapes)
    return whole + _holds(_rows, 12)(shapes, world_size, rank)


@wrong(
    "16.4",
    "an even share of all numbers",
    says="You share all numbers evenly. FSDP2 cuts each",
)
def even_share(shapes, world_size, rank):
    return 16 * sum(math.prod(s) for s in shapes) / world_size


@wrong(
    "16.4",
    "an even share, rounded up",
    says="You share all numbers evenly. FSDP2 cuts each",
)
def even_share_rounded(shapes, world_size, rank):
    return 16 * math.ceil(sum(math.prod(s) for s in shapes) / world_size)


@wrong(
    "16.4",
    "cuts the numbers of each parameter, not its rows",
    says="You cut each parameter as if it were one long list.",
)
def cuts_flat(shapes, world_size, rank):
    return 16 * sum(_rows(math.prod(s), world_size, rank) for s in shapes)


@wrong(
    "16.4",
    "cuts the last axis",
    says="You cut the last axis. FSDP2 cuts the first one.",
)
def last_axis(shapes, world_size, rank):
    return 16 * sum(_rows(s[-1], world_size, rank) * math.prod(s[:-1]) for s in shapes)


# --- 16.5: each row once ---


@right("16.5")
def strides_twice(n_shards, rank, world_size, worker, workers):
    return list(range(n_shards))[rank::world_size][worker::workers]


@right("16.5")
def one_stride(n_shards, rank, world_size, worker, workers):
    start = rank + worker * world_size
    return list(range(start, n_shards, world_size * workers))


@right("16.5")
def by_remainders(n_shards, rank, world_size, worker, workers):
    mine = []
    for shard in range(n_shards):
        if shard % world_size == rank and (shard // world_size) % workers == worker:
            mine.append(shard)
    return mine


@right("16.5")
def blocks_by_array_split(n_shards, rank, world_size, worker, workers):
    own = np.array_split(np.arange(n_shards), world_size)[rank]
    return np.array_split(own, workers)[worker].tolist()


@right("16.5")
def blocks_by_hand(n_shards, rank, world_size, worker, workers):
    start, end = rank * n_shards // world_size, (rank + 1) * n_shards // world_size
    own = range(start, end)
    return [shard for i, shard in enumerate(own) if i % workers == worker]


@right("16.5")
def as_a_tensor(n_shards, rank, world_size, worker, workers):
    return torch.arange(n_shards)[rank::world_size][worker::workers]


@right("16.5")
def blocks_then_strides_as_range(n_shards, rank, world_size, worker, workers):
    own = np.array_split(range(n_shards), world_size)[rank]
    return own[worker::workers]


wrong(
    "16.5",
    "only the ranks share",
    lambda n, rank, p, worker, workers: list(range(rank, n, p)),
    says="All workers of a rank read the same files, so each",
)
wrong(
    "16.5",
    "only the workers share",
    lambda n, rank, p, worker, workers: list(range(worker, n, workers)),
    says="All ranks read the same files. Share between the",
)
wrong(
    "16.5",
    "all read everything",
    lambda n, rank, p, worker, workers: list(range(n)),
    says="Every worker of every rank reads all files.",
)
wrong(
    "16.5",
    "one counter over all workers, rank by rank",
    lambda n, rank, p, worker, workers: list(
        range(rank * workers + worker, n, p * workers)
    ),
    says="You number all workers of all ranks in one row, and",
)
wrong(
    "16.5",
    "the rest is lost",
    lambda n, rank, p, worker, workers: (
        list(range(n // (p * workers)))
        and list(range(n))[
            (rank * workers + worker) * (n // (p * workers)) : (
                rank * workers + worker + 1
            )
            * (n // (p * workers))
        ]
    ),
    says="You give all workers equally many files, and nobody",
)
wrong(
    "16.5",
    "the last worker gets the rest",
    lambda n, rank, p, worker, workers: list(range(n))[
        (rank * workers + worker) * (n // (p * workers)) : (
            None
            if rank == p - 1 and worker == workers - 1
            else (rank * workers + worker + 1) * (n // (p * workers))
        )
    ],
    says="The last worker of the last rank reads the whole",
)
wrong(
    "16.5",
    "pieces rounded up: the last ones get none",
    lambda n, rank, p, worker, workers: list(range(n))[
        (rank * workers + worker) * math.ceil(n / (p * workers)) : (
            rank * workers + worker + 1
        )
        * math.ceil(n / (p * workers))
    ],
    says="Blocks that are rounded up are used up before the",
)
wrong(
    "16.5",
    "adds rank and worker",
    lambda n, rank, p, worker, workers: list(range(rank + worker, n, p * workers)),
    says="Rank 0 with worker 1 and rank 1 with worker 0 begin",
)
wrong(
    "16.5",
    "adds both remainders as one condition",
    lambda n, rank, p, worker, workers: [
        i for i in range(n) if i % p == rank and i % workers == worker
    ],
    says="You take both remainders of the same number. If",
)
wrong(
    "16.5",
    "counts from 1",
    lambda n, rank, p, worker, workers: list(range(1, n + 1))[rank::p][worker::workers],
    says="Your files are numbered from 1. The first one is",
)
wrong(
    "16.5",
    "how many, not which",
    lambda n, rank, p, worker, workers: len(range(n)[rank::p][worker::workers]),
    says="Return the list of the files",
)
wrong(
    "16.5",
    "each rank reads all, shared by its workers in another order",
    lambda n, rank, p, worker, workers: list(range(n))[worker::workers][rank:],
)
wrong(
    "16.5",
    "the workers stride by the ranks",
    lambda n, rank, p, worker, workers: list(range(n))[rank::p][worker::p],
    says="The workers of a rank stride by the number of",
)


@wrong(
    "16.5",
    "pads until all have equally many",
    says="You pad until all workers have equally many files.",
)
def pads_shards(n_shards, rank, world_size, worker, workers):
    total = math.ceil(n_shards / (world_size * workers)) * world_size * workers
    shards = [i % n_shards for i in range(total)]
    return shards[rank::world_size][worker::workers]


# --- 16.6: what would it cost? ---


@right("16.6")
def step_by_step(macs, pictures, epochs, peak, utilization, devices, price):
    forward = 2 * macs
    training = 3 * forward * pictures * epochs
    seconds = training / (peak * utilization * devices)
    hours = seconds / 3600
    return hours, hours * devices * price


@right("16.6")
def in_one_line(macs, pictures, epochs, peak, utilization, devices, price):
    device_hours = 6 * macs * pictures * epochs / (peak * utilization) / 3600
    return device_hours / devices, device_hours * price


@right("16.6")
def as_a_list(macs, pictures, epochs, peak, utilization, devices, price):
    flops = macs * 2 + 2 * (macs * 2)
    per_second = devices * peak * utilization
    hours = flops * pictures * epochs / per_second / 60 / 60
    return [hours, price * hours * devices]


@right("16.6")
def as_an_array(macs, pictures, epochs, peak, utilization, devices, price):
    hours = np.float64(6 * macs) * pictures * epochs
    hours /= peak * utilization * devices * 3600
    return np.array([hours, hours * devices * price])


@right("16.6")
def as_a_tensor_of_two(macs, pictures, epochs, peak, utilization, devices, price):
    throughput = peak * utilization / (6 * macs)  # pictures a second, one device
    hours = pictures * epochs / (throughput * devices) / 3600
    return torch.tensor([hours, hours * devices * price])


def _costs(work=6, split=True, clock=3600, share=True, bill=None, passes=True):
    """Compute with one thing left out or in another way."""

    def training_cost(macs, pictures, epochs, peak, utilization, devices, price):
        flops = work * macs * pictures * (epochs if passes else 1)
        speed = peak * (utilization if share else 1) * (devices if split else 1)
        hours = flops / speed / clock
        if bill is not None:
            return hours, bill(hours, devices, price)
        return hours, hours * devices * price

    return training_cost


wrong(
    "16.6",
    "the forward pass alone",
    _costs(work=2),
    says="You count the forward pass only. The backward pass",
)
wrong(
    "16.6",
    "multiply-adds counted as one",
    _costs(work=3),
    says="A multiply-add is two operations, a product and a",
)
wrong(
    "16.6",
    "the backward pass as costly as the forward pass",
    _costs(work=4),
    says="You count four operations for each multiply-add.",
)
wrong(
    "16.6",
    "forgets both factors",
    _costs(work=1),
    says="You count one operation for each multiply-add, and",
)
wrong(
    "16.6",
    "ignores the utilization",
    _costs(share=False),
    says="No device reaches its peak: only the share",
)
wrong(
    "16.6",
    "seconds, not hours",
    _costs(clock=1),
    says="Those are seconds. Return hours.",
)
wrong("16.6", "minutes", _costs(clock=60), says="Those are minutes. Return hours.")
wrong(
    "16.6",
    "one epoch",
    _costs(passes=False),
    says="That is one epoch. Each picture is seen once in",
)
wrong(
    "16.6",
    "pays for one device only",
    _costs(bill=lambda hours, devices, price: hours * price),
    says="You pay for one device. `price` is that of one, and",
)
wrong(
    "16.6",
    "hours of devices, not of the clock",
    _costs(split=False, bill=lambda hours, devices, price: hours * price),
    says="The price is right, but these are hours of one",
)
wrong(
    "16.6",
    "hours of devices, and paid for each once more",
    _costs(split=False),
    says="These are hours of one device. The devices work at",
)
wrong(
    "16.6",
    "price before hours",
    lambda *a: _costs()(*a)[::-1],
    says="The order is turned: first the hours, then the",
)


@wrong(
    "16.6",
    "multiplies by the utilization instead of dividing",
    says="With a lower utilization your training would be",
)
def utilization_wrong_way(macs, pictures, epochs, peak, utilization, devices, price):
    hours = 6 * macs * pictures * epochs * utilization / (peak * devices) / 3600
    return hours, hours * devices * price


@wrong(
    "16.6", "the hours alone", says="You return the hours alone. The price is wanted,"
)
def hours_alone(macs, pictures, epochs, peak, utilization, devices, price):
    return 6 * macs * pictures * epochs / (peak * utilization * devices) / 3600
