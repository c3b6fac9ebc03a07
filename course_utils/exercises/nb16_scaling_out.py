"""Exercises of notebook 16: a ring, unequal batches, items, bytes, files, a price."""

import math
from collections import Counter

import numpy as np
import torch
from torch.nn import functional as F

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer

# --- 16.1 A ring all-reduce -------------------------------------------------------


def ring_all_reduce(parts, send):
    p = len(parts)
    pieces = [list(part.chunk(p)) for part in parts]
    for turn in range(2 * (p - 1)):
        for rank in range(p):
            to, k = (rank + 1) % p, (rank - turn) % p
            arrived = send(rank, to, pieces[rank][k])
            if turn < p - 1:
                arrived = pieces[to][k] + arrived
            pieces[to][k] = arrived
    return [torch.cat(own) for own in pieces]


def _around_the_ring(answer, parts):
    """Let an answer send, and note who sent how many numbers, and to whom."""
    p, sent, others = len(parts), [0] * len(parts), set()

    def send(sender, receiver, chunk):
        if not {sender, receiver} <= set(range(p)):
            raise NotAnAnswer(
                f"You call `send` with the ranks {sender} and {receiver}, but here the "
                f"ranks are 0 to {p - 1}. The last rank's right neighbor is rank 0."
            )
        if not isinstance(chunk, torch.Tensor) or chunk.ndim != 1:
            raise NotAnAnswer(
                "`send` takes a one-dimensional tensor as its third argument."
            )
        sent[sender] += len(chunk)
        if receiver != (sender + 1) % p:
            others.add(f"{sender} to {receiver}")
        return chunk.detach().clone()

    return {
        "sums": answer(parts, send),
        "sent to another than the right neighbor": ", ".join(sorted(others))
        or "nothing",
        "numbers sent by each rank": np.array(sent),
    }


def _ring(first, second, to=1, last=lambda total, p: total):
    """Go around the ring in two halves, each with its rounds and its way to keep."""

    def ring_all_reduce(parts, send):
        p = len(parts)
        pieces = [list(part.chunk(p)) for part in parts]
        for half, rounds in (first, second):
            for turn in range(rounds(p)):
                for rank in range(p):
                    near = (rank + to) % p
                    k, keep = half(rank, turn, p)
                    arrived = send(rank, near, pieces[rank][k % p])
                    own = pieces[near][k % p]
                    pieces[near][k % p] = own + arrived if keep else arrived
        return [last(torch.cat(own), p) for own in pieces]

    return ring_all_reduce


def _adding(rank, turn, p):
    return rank - turn, True


def _handing_on(rank, turn, p):
    return rank - turn + 1, False


_REDUCE = _adding, lambda p: p - 1
_GATHER = _handing_on, lambda p: p - 1


def _nothing_sent(parts, send):
    return [sum(parts)] * len(parts)


def _by_rank_zero(parts, send):
    total, p = parts[0].clone(), len(parts)
    for rank in range(1, p):
        total += send(rank, 0, parts[rank])
    return [total, *(send(0, rank, total) for rank in range(1, p))]


def _all_to_all(parts, send):
    ranks = range(len(parts))
    return [
        sum(parts[s] if s == r else send(s, r, parts[s]) for s in ranks) for r in ranks
    ]


def _whole_around(parts, send):
    p, totals, moving = len(parts), [part.clone() for part in parts], list(parts)
    for _ in range(p - 1):
        arrived = [send(rank, (rank + 1) % p, moving[rank]) for rank in range(p)]
        moving = [arrived[rank - 1] for rank in range(p)]
        totals = [total + part for total, part in zip(totals, moving, strict=True)]
    return totals


def _sums_around(parts, send):
    """Add up whole tensors from rank to rank, and hand the sum around."""
    p, running = len(parts), parts[0].clone()
    for rank in range(p - 1):
        running = parts[rank + 1] + send(rank, rank + 1, running)
    totals = [running] * p
    for rank in range(p - 1):
        totals[rank] = send((rank - 1) % p, rank, totals[rank - 1])
    return totals


def _one_sum(parts, send):
    return ring_all_reduce(parts, send)[0]


def _all_rounds_for_each_half(parts, send):
    """Go around once more with each piece that has arrived already."""
    sums = ring_all_reduce(parts, send)
    for turn in range(2):
        for rank, total in enumerate(sums):
            k = (rank - turn) % len(parts)
            send(rank, (rank + 1) % len(parts), total.chunk(len(parts))[k])
    return sums


def _parts(*numbers_of_ranks):
    return [np.array(numbers, dtype=float) for numbers in numbers_of_ranks]


_TOO_MUCH = (
    "The sums are right, but too many numbers are sent. Cut each tensor into p pieces: "
    "in each of 2 (p - 1) rounds a rank sends *one* piece."
)

RING = Exercise(
    id="16.1",
    title="A ring all-reduce",
    solution=ring_all_reduce,
    cases=(
        (_parts([1, 2, 3, 4, 5, 6], [10, 20, 30, 40, 50, 60], [100] * 6),),
        (_parts([1, 2, 3, 4], [50, 60, 70, 80]),),
        (_parts(*np.arange(32.0).reshape(4, 8) ** 2),),
        (_parts([5, 7, 9]),),
    ),
    probe=_around_the_ring,
    kinds=("torch",),
    mistakes=(
        Mistake(
            _nothing_sent,
            "You add up what the ranks hold without sending anything. On real machines "
            "no rank can see the tensor of another: use `send`.",
        ),
        Mistake(
            _by_rank_zero,
            "Rank 0 gets everything and gives the sum to all. It sends and receives "
            "p - 1 times as much as the others, which wait for it; and these are not "
            "its neighbors.",
        ),
        Mistake(
            _all_to_all,
            "Every rank sends its tensor to every other rank. A rank sends only to its "
            "right neighbor.",
        ),
        Mistake(_whole_around, _TOO_MUCH),
        Mistake(
            _sums_around,
            "The sums are right, but one rank works while all others wait, and they "
            "send different amounts. Cut each tensor into p pieces, and let each piece "
            "begin at another rank.",
        ),
        Mistake(_all_rounds_for_each_half, _TOO_MUCH),
        Mistake(
            _ring((_adding, lambda p: p), _GATHER),
            "The first half has one round too many: after p - 1 rounds a piece has "
            "been at every rank, and the next one adds a part twice.",
        ),
        Mistake(
            _ring(_REDUCE, (_handing_on, lambda p: p)),
            _TOO_MUCH,
        ),
        Mistake(
            _ring(_REDUCE, (_handing_on, lambda p: 0)),
            "That is the first half: each rank now has the sum of *one* piece. The "
            "finished pieces have to go around, too.",
        ),
        Mistake(
            _ring(_REDUCE, (lambda r, t, p: (r - t + 1, True), lambda p: p - 1)),
            "In the second half finished sums arrive, and you add them to what is "
            "there. Put them in its place.",
        ),
        Mistake(
            _ring(_REDUCE, (lambda r, t, p: (r - t, False), lambda p: p - 1)),
            "The second half begins with the wrong piece. After p - 1 rounds rank r "
            "holds the whole sum of piece r + 1.",
        ),
        Mistake(
            _ring(
                (lambda r, t, p: (r + t, True), lambda p: p - 1),
                (lambda r, t, p: (r + t - 1, False), lambda p: p - 1),
                to=-1,
            ),
            "You send to the *left* neighbor, rank - 1. The right one is rank + 1.",
        ),
        Mistake(
            _ring(
                (lambda r, t, p: (r, True), lambda p: p - 1),
                (lambda r, t, p: (r, False), lambda p: p - 1),
            ),
            "Each rank sends the same piece in every round. It has to pass on the "
            "piece that has just arrived.",
        ),
        Mistake(
            _ring(_REDUCE, _GATHER, last=lambda total, p: total / p),
            "That is the mean. An all-reduce gives the sum; DDP divides by p.",
        ),
        Mistake(
            _one_sum,
            "You return the sum once. Return a list of p tensors, one for each rank.",
        ),
    ),
    hints=(
        "Cut each tensor into p pieces by `chunk(p)`. In round 0, rank r sends its "
        "piece r to rank r + 1, which adds it to its own piece r.",
        "In the next round rank r passes on the piece that has just arrived: piece "
        "r - 1, then r - 2, always counted modulo p. After p - 1 rounds one piece on "
        "each rank is a whole sum.",
        "Go on for another p - 1 rounds in the same way, but put what arrives in the "
        "place of the own piece instead of adding it.",
    ),
    because="Every rank sends 2 (p - 1) / p n numbers, nearly the same for 2 and for "
    "1,000 ranks: that is why training can grow.",
    alternatives=(_ring(_REDUCE, _GATHER),),
)

# --- 16.2 The mean of means -------------------------------------------------------


def scaled_loss(logits, labels, n_global, world_size):
    total = F.cross_entropy(logits, labels, reduction="sum")
    return total * world_size / n_global


def _mean_of_gradients(answer, logits, labels):
    """Do as DDP does: take the mean of the ranks' gradients of a shared parameter."""
    p, n = len(logits), sum(map(len, labels))
    shared = torch.zeros(logits[0].shape[1], requires_grad=True)
    shared.grad, losses = torch.zeros_like(shared), []
    for own_logits, own_labels in zip(logits, labels, strict=True):
        before = shared.grad.clone()
        loss = answer(own_logits + shared, own_labels, n, p)
        if not torch.equal(shared.grad, before):
            raise NotAnAnswer(
                "You call `backward` yourself. Return the loss, and leave that to the "
                "training step."
            )
        if isinstance(loss, float | int):
            raise NotAnAnswer(
                "Your loss is a plain number, which has no gradient. Return the "
                "tensor itself, without `.item()` or `float`."
            )
        if isinstance(loss, torch.Tensor):
            if loss.ndim:
                raise NotAnAnswer(
                    f"Your loss has the shape {tuple(loss.shape)}. Return one number, "
                    "a tensor without axes."
                )
            if not loss.requires_grad and not len(own_labels):
                raise NotAnAnswer(
                    "A rank without pictures gets a loss that does not depend on the "
                    "logits, so it has no backward pass, and the other ranks would "
                    "wait for its gradients for ever. A sum over no pictures is zero, "
                    "too."
                )
            if not loss.requires_grad:
                raise NotAnAnswer(
                    "Your loss is cut off from the logits: it has no gradient."
                )
        loss.backward()
        losses.append(loss.detach())
    return {
        "loss of each rank": losses,
        "mean of the ranks' gradients": shared.grad / p,
    }


def _scaling(factor, of="sum"):
    def scaled_loss(logits, labels, n_global, world_size):
        loss = F.cross_entropy(logits, labels, reduction=of)
        return loss * factor(len(labels), n_global, world_size)

    return scaled_loss


def _weighted_mean(factor):
    """Scale the mean, and give a rank without pictures a loss of zero."""

    def scaled_loss(logits, labels, n_global, world_size):
        if not len(labels):
            return logits.sum() * 0
        return F.cross_entropy(logits, labels) * factor(
            len(labels), n_global, world_size
        )

    return scaled_loss


def _of_probabilities(logits, labels, n_global, world_size):
    return scaled_loss(logits.softmax(dim=1), labels, n_global, world_size)


def _batches(*counts, classes):
    """Return logits and labels of each rank."""
    random = np.random.default_rng(sum(counts))
    logits = [random.normal(size=(n, classes)).round(1) for n in counts]
    return logits, [random.integers(classes, size=n) for n in counts]


_NO_RANKS = (
    "DDP divides the sum of the ranks' gradients by their number, so that your result "
    "is too small by that factor. Undo it."
)

UNEQUAL = Exercise(
    id="16.2",
    title="Spot the bug: the mean of means",
    solution=scaled_loss,
    cases=(
        _batches(4, 2, classes=3),
        _batches(4, 1, classes=3),
        _batches(5, 2, 1, classes=4),
        _batches(3, 0, classes=3),
    ),
    probe=_mean_of_gradients,
    kinds=("torch",),
    mistakes=(
        Mistake(
            _scaling(lambda n, N, p: 1, of="mean"),
            "That is the loss of the colleague: a mean on each rank, and each rank "
            "counts the same, whether it has many pictures or few.",
        ),
        Mistake(_scaling(lambda n, N, p: 1 / N), _NO_RANKS),
        Mistake(_weighted_mean(lambda n, N, p: n / N), _NO_RANKS),
        Mistake(
            _scaling(lambda n, N, p: n / N, of="mean"),
            _NO_RANKS,
        ),
        Mistake(
            _scaling(lambda n, N, p: p / N, of="mean"),
            "`F.cross_entropy` has taken the mean over the pictures of this rank "
            "already, and you divide by the number of all once more. Take the sum.",
        ),
        Mistake(
            _scaling(lambda n, N, p: 1 / (N * p)),
            "You divide by the number of ranks, and DDP does it once more.",
        ),
        Mistake(
            _scaling(lambda n, N, p: 1),
            "That is the sum. The mean over all pictures is asked for.",
        ),
        Mistake(
            _scaling(lambda n, N, p: p),
            "That is the sum, for all pictures together. Divide by their number.",
        ),
        Mistake(
            _scaling(lambda n, N, p: n * p / N, of="mean"),
            "The mean over no pictures is nan, and nan times zero is nan. Take the sum "
            "over the pictures, which is zero then.",
        ),
        Mistake(
            _weighted_mean(lambda n, N, p: N / (n * p)),
            "The factor is upside down: a rank with many pictures counts more, not "
            "less.",
        ),
        Mistake(
            _scaling(lambda n, N, p: N / (n * p) if n else 0, of="mean"),
            "The factor is upside down: a rank with many pictures counts more, not "
            "less.",
        ),
        Mistake(
            _of_probabilities,
            "`F.cross_entropy` takes logits and does the softmax itself. You do it "
            "once more.",
        ),
    ),
    hints=(
        "DDP sums the gradients of all ranks and divides by `world_size`. What should "
        "each rank give so that the result is the sum over all pictures divided by "
        "`n_global`?",
        'With `reduction="sum"`, `F.cross_entropy` gives the sum over the pictures of '
        "this rank, which is zero without pictures.",
        "Divide the sum by `n_global`, and multiply it by `world_size`, because DDP "
        "divides by that.",
    ),
    because="Now each picture counts the same, on whichever rank it lies. `Trainer` "
    "and Accelerate do the same by counting the items of all ranks first.",
    alternatives=(_weighted_mean(lambda n, N, p: n * p / N),),
)

# --- 16.3 Who gets which item? ----------------------------------------------------


def dealt(n, world_size, rank, epoch, seed):
    generator = torch.Generator().manual_seed(seed + epoch)
    order = torch.randperm(n, generator=generator).tolist()
    rounds = -(-n // world_size)  # rounded up
    places = range(rank, rounds * world_size, world_size)
    return [order[place % n] for place in places]


def _dealt_and_seeds(answer, n, world_size, rank, epoch, seed):
    """Deal, and see whether the program's own random numbers are as before."""
    before = torch.get_rng_state()
    items = answer(n, world_size, rank, epoch, seed)
    if items is not None and not np.iterable(items):
        raise NotAnAnswer(
            f"Return the list of the items. You returned {type(items).__name__}."
        )
    touched = not torch.equal(before, torch.get_rng_state())
    return {
        "items": items if items is None else [int(item) for item in items],
        "random numbers of the program": "changed" if touched else "left alone",
    }


def _deal(
    order=lambda n, seed: _shuffled(n, seed),
    number=lambda epoch, seed, rank: seed + epoch,
    fill=lambda order, p: order * p,
    length=lambda n, p: -(-n // p) * p,
    share=lambda cards, p, rank: cards[rank::p],
):
    """Deal with one step done in another way."""

    def dealt(n, world_size, rank, epoch, seed):
        cards = order(n, number(epoch, seed, rank))
        cards = fill(cards, world_size)[: length(n, world_size)]
        return share(cards, world_size, rank)

    return dealt


def _shuffled(n, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(n, generator=generator).tolist()


def _shuffled_by_all(n, seed):
    torch.manual_seed(seed)
    return torch.randperm(n).tolist()


def _pads_first(n, world_size, rank, epoch, seed):
    items = (list(range(n)) * world_size)[: -(-n // world_size) * world_size]
    order = _shuffled(len(items), seed + epoch)
    return [items[i] for i in order][rank::world_size]


def _by_sampler(n, world_size, rank, epoch, seed):
    sampler = torch.utils.data.DistributedSampler(
        range(n), world_size, rank, shuffle=True, seed=seed
    )
    sampler.set_epoch(epoch)
    return list(sampler)


def _blocks(cards, p, rank):
    size = -(-len(cards) // p)
    return cards[rank * size : (rank + 1) * size]


def _floor_blocks(cards, p, rank):
    return cards[rank * len(cards) // p : (rank + 1) * len(cards) // p]


DEALT = Exercise(
    id="16.3",
    title="Who gets which item?",
    solution=dealt,
    cases=(
        (7, 3, 2, 1, 5),
        (7, 3, 1, 2, 5),
        (6, 3, 0, 3, 1),
        (2, 5, 4, 1, 3),
        (9, 4, 3, 0, 2),
        (9, 2, 0, 4, 0),
    ),
    probe=_dealt_and_seeds,
    kinds=("torch",),
    mistakes=(
        Mistake(
            _deal(number=lambda epoch, seed, rank: seed),
            "The order is the same in every epoch: this is what happens when "
            "`set_epoch` is forgotten. Add the epoch to the seed.",
        ),
        Mistake(
            _deal(number=lambda epoch, seed, rank: epoch),
            "Your order does not depend on `seed`. Add it to the epoch.",
        ),
        Mistake(
            _deal(number=lambda epoch, seed, rank: seed * epoch),
            "You multiply the seed and the epoch. The sampler adds them.",
        ),
        Mistake(
            _deal(number=lambda epoch, seed, rank: seed + epoch + rank),
            "Each rank shuffles in its own way, so some items are dealt to several "
            "ranks, and others to none. All ranks must shuffle alike.",
        ),
        Mistake(
            _deal(order=lambda n, seed: list(range(n))),
            "You do not shuffle.",
        ),
        Mistake(
            _deal(order=_shuffled_by_all),
            "The items are right, but `torch.manual_seed` seeds the whole program: "
            "dropout and augmentation start anew in each epoch, too. Use a "
            "`torch.Generator` of your own.",
        ),
        Mistake(
            _deal(length=lambda n, p: n),
            "Nothing is appended, so the ranks have different numbers of batches, and "
            "some wait for ever.",
        ),
        Mistake(
            _deal(length=lambda n, p: n // p * p),
            "You leave the rest out. That is what `drop_last=True` does; here items "
            "from the start are appended.",
        ),
        Mistake(
            _deal(length=lambda n, p: (n // p + 1) * p),
            "If `world_size` divides n, nothing is missing, but you append a whole "
            "round.",
        ),
        Mistake(
            _deal(share=_blocks),
            "You give each rank a block of neighbors. The sampler deals like cards: "
            "one to each rank in turn.",
        ),
        Mistake(
            _deal(share=_floor_blocks),
            "You give each rank a block of neighbors. The sampler deals like cards: "
            "one to each rank in turn.",
        ),
        Mistake(
            _deal(fill=lambda order, p: order + order[-1:] * p),
            "You append the last item. The sampler begins again at the start of the "
            "shuffled list.",
        ),
        Mistake(
            _deal(fill=lambda order, p: order + (order * p)[-(-len(order) % p) :]),
            "You append items from the end of the list. The sampler begins again at "
            "its start.",
        ),
        Mistake(
            _deal(fill=lambda order, p: order + order[::-1] * p),
            "You append items from the end of the list. The sampler begins again at "
            "its start.",
        ),
        Mistake(
            _deal(fill=lambda order, p: order + order),
            "With few items and many ranks, one time around is not enough: go around "
            "until the number is a multiple of `world_size`.",
        ),
        Mistake(
            _deal(
                fill=lambda order, p: order + [i % len(order) for i in range(p)],
            ),
            "You append the items 0, 1, 2. The sampler takes the first ones of the "
            "*shuffled* list.",
        ),
        Mistake(
            _pads_first,
            "You append before you shuffle. Then other items come twice, and another "
            "number of items is shuffled, which gives another order.",
        ),
        Mistake(
            _deal(share=lambda cards, p, rank: cards),
            "You return the items of all ranks.",
        ),
    ),
    hints=(
        "`torch.Generator().manual_seed(...)` is a source of random numbers of your "
        "own; `torch.randperm(n, generator=...)` takes it.",
        "Think of the shuffled list as going on for ever: place i holds "
        "`order[i % n]`. How many places does each rank get?",
        "Rank r gets the places r, r + p, r + 2p, ... below the next multiple of p.",
    ),
    because="Each rank works this out alone, without a message. That needs the same "
    "seed and the same epoch everywhere, and is why `set_epoch` exists.",
    alternatives=(_by_sampler,),
)

# --- 16.4 How much does each rank hold? -------------------------------------------


def held_bytes(shapes, world_size, rank):
    numbers = 0
    for first, *rest in shapes:
        rows = -(-first // world_size)  # of each piece, rounded up
        mine = min(max(first - rank * rows, 0), rows)
        numbers += mine * torch.Size(rest).numel()
    return 4 * 4 * numbers


def _holding(rows, bytes_of_a_number=16):
    """Hold other rows, or other bytes of each number."""

    def held_bytes(shapes, world_size, rank):
        return bytes_of_a_number * sum(
            rows(shape[0], world_size, rank) * math.prod(shape[1:]) for shape in shapes
        )

    return held_bytes


def _rows(first, p, rank):
    size = -(-first // p)
    return min(max(first - rank * size, 0), size)


def _last_axis(shapes, world_size, rank):
    return 16 * sum(
        _rows(shape[-1], world_size, rank) * math.prod(shape[:-1]) for shape in shapes
    )


def _cut_flat(shapes, world_size, rank):
    return 16 * sum(_rows(math.prod(shape), world_size, rank) for shape in shapes)


def _cut_as_one(shapes, world_size, rank):
    return 16 * _rows(sum(map(math.prod, shapes)), world_size, rank)


def _even_share(shapes, world_size, rank):
    return 16 * sum(map(math.prod, shapes)) / world_size


def _even_share_up(shapes, world_size, rank):
    return 16 * -(-sum(map(math.prod, shapes)) // world_size)


def _whole_weights(shapes, world_size, rank):
    return 4 * sum(map(math.prod, shapes)) + _holding(_rows, 12)(
        shapes, world_size, rank
    )


def _rows_alone(shapes, world_size, rank):
    return 16 * sum(_rows(shape[0], world_size, rank) for shape in shapes)


def _pieces_of_chunk(shapes, world_size, rank):
    pieces = [torch.zeros(shape).chunk(world_size) for shape in shapes]
    return 16 * sum(own[rank].numel() for own in pieces if rank < len(own))


_SHARE = (
    "You share all numbers evenly. FSDP2 cuts each parameter along its first axis into "
    "pieces of whole rows, and what cannot be shared evenly is not."
)
_FOUR = (
    "Four things are held for each number: the parameter, its gradient and two "
    "moments; and each takes 4 bytes in float32."
)
_LAST = (
    "Only the pieces before the end have as many rows as the first. The last one may "
    "be smaller, and the ranks after it hold nothing."
)

HELD = Exercise(
    id="16.4",
    title="How much does each rank hold?",
    solution=held_bytes,
    cases=(
        ([(10, 6), (7,)], 4, 3),
        ([(10, 6), (7,)], 4, 1),
        ([(10, 6), (7,)], 4, 2),
        ([(5, 3), (12, 2, 2)], 4, 3),
        ([(5, 3), (9, 2)], 4, 2),
        ([(1, 17, 8), (6, 5)], 2, 1),
        ([(1, 17, 8), (6, 5)], 2, 0),
        ([(9, 4)], 1, 0),
        ([(3, 2), (2,)], 6, 5),
    ),
    mistakes=(
        Mistake(
            _holding(_rows, 4),
            "You count four bytes for each number. " + _FOUR,
        ),
        Mistake(
            _holding(_rows, 8),
            "You count eight bytes for each number. " + _FOUR,
        ),
        Mistake(
            _holding(_rows, 12),
            "You count twelve bytes for each number. " + _FOUR,
        ),
        Mistake(
            _holding(_rows, 20),
            "You count twenty bytes for each number. " + _FOUR,
        ),
        Mistake(
            _holding(_rows, 32),
            "You count 32 bytes for each number. " + _FOUR,
        ),
        Mistake(
            _holding(_rows, 1),
            "That is how many parameters the rank holds. Count the bytes. " + _FOUR,
        ),
        Mistake(
            _whole_weights,
            "You count the parameters whole on each rank. FSDP cuts them like their "
            "gradients and moments, and gathers a block only while it computes.",
        ),
        Mistake(
            _holding(lambda first, p, rank: first),
            "That is everything, on every rank: so it is with DDP. FSDP cuts it.",
        ),
        Mistake(
            _holding(lambda first, p, rank: first // p + (rank < first % p)),
            "You deal the rows as evenly as possible, as `array_split` does. `chunk` "
            "takes pieces of equal size, rounded up, until nothing is left.",
        ),
        Mistake(_holding(lambda first, p, rank: -(-first // p)), _LAST),
        Mistake(
            _holding(lambda first, p, rank: min(-(-first // p), first)),
            _LAST,
        ),
        Mistake(
            _holding(lambda first, p, rank: first // p),
            "You round the rows of a piece down, so that some rows lie nowhere. They "
            "are rounded up.",
        ),
        Mistake(
            _holding(
                lambda first, p, rank: first // p + first % p * (rank == p - 1),
            ),
            "You round the rows of a piece down and give the rest to the last rank. "
            "They are rounded up, and the last rank has less.",
        ),
        Mistake(
            _holding(
                lambda first, p, rank: min(
                    -(-first // p), first - rank * -(-first // p)
                )
            ),
            "Some ranks hold a negative number of rows: those for which nothing is "
            "left. They hold none.",
        ),
        Mistake(
            _holding(
                lambda first, p, rank: (
                    first - rank * -(-first // p) if rank == p - 1 else -(-first // p)
                )
            ),
            "You give the last rank what is left, which can be a negative number of "
            "rows. The pieces can be used up before, and then it holds none.",
        ),
        Mistake(
            _holding(
                lambda first, p, rank: (
                    max(first - rank * -(-first // p), 0)
                    if rank == p - 1
                    else -(-first // p)
                )
            ),
            "The pieces can be used up before the last rank: a rank in between may "
            "hold less than the first, too, or nothing.",
        ),
        Mistake(_even_share, _SHARE),
        Mistake(_even_share_up, _SHARE),
        Mistake(_cut_as_one, _SHARE),
        Mistake(
            _cut_flat,
            "You cut each parameter as if it were one long list. Only whole rows of "
            "the first axis are shared.",
        ),
        Mistake(
            _last_axis,
            "You cut the last axis. FSDP2 cuts the first one.",
        ),
        Mistake(
            _rows_alone,
            "You count rows. A row holds as many numbers as the product of the other "
            "axes.",
        ),
    ),
    hints=(
        "How many rows has the first piece? `chunk` rounds up.",
        "Before rank r come r pieces of that size. What is left of the first axis, at "
        "least 0 and at most one piece?",
        "Multiply the rows by the product of the other axes, sum over all parameters, "
        "and multiply by four things of 4 bytes.",
    ),
    because="The parameters of ViTs, class token and positions, have a first axis of "
    "one row, so they lie on rank 0 alone. Large matrices are cut well, and these are "
    "what counts.",
    alternatives=(_pieces_of_chunk,),
)

# --- 16.5 Each row once -----------------------------------------------------------


def shards_of(n_shards, rank, world_size, worker, workers):
    of_rank = range(rank, n_shards, world_size)
    return list(of_rank[worker::workers])


def _who_reads_what(answer, n_shards, world_size, workers):
    """Ask for each worker of each rank, and see how often each file is read."""
    counts, read = [], Counter()
    for rank in range(world_size):
        counts.append([])
        for worker in range(workers):
            files = answer(n_shards, rank, world_size, worker, workers)
            if files is not ... and not np.iterable(files):
                raise NotAnAnswer(
                    "Return the list of the files that this worker reads, not "
                    f"{type(files).__name__}."
                )
            files = [int(file) for file in files]
            counts[-1].append(len(files))
            read.update(files)
    of_ranks = [sum(own) for own in counts]
    names = {
        "files that nobody reads": set(range(n_shards)) - set(read),
        "files read more than once": {f for f, often in read.items() if often > 1},
        "files that do not exist": set(read) - set(range(n_shards)),
    }
    return {
        **{what: ", ".join(map(str, sorted(x))) or "none" for what, x in names.items()},
        "largest difference of two ranks": max(of_ranks) - min(of_ranks),
        "of two workers of a rank": max(max(own) - min(own) for own in counts),
    }


def _reading(files):
    def shards_of(n_shards, rank, world_size, worker, workers):
        return files(list(range(n_shards)), rank, world_size, worker, workers)

    return shards_of


def _equal_blocks(files, size, place, count, last=False):
    end = None if last and place == count - 1 else (place + 1) * size
    return files[place * size : end]


def _padded(files, rank, p, worker, workers):
    total = -(-len(files) // (p * workers)) * p * workers
    return [i % len(files) for i in range(total)][rank::p][worker::workers]


_ONE_PLACE = (
    "You number all workers of all ranks in one row, and the rest goes to the workers "
    "of the first ranks. One rank then reads longer than the others, which wait for "
    "it. Share between the ranks first, then between the workers of a rank."
)

EACH_ONCE = Exercise(
    id="16.5",
    title="Each row once",
    solution=shards_of,
    cases=((10, 2, 3), (8, 2, 2), (7, 3, 2), (5, 4, 2), (9, 2, 1), (4, 1, 3)),
    probe=_who_reads_what,
    mistakes=(
        Mistake(
            _reading(lambda files, r, p, w, k: files[r::p]),
            "All workers of a rank read the same files, so each row comes as often as "
            "a rank has workers. Share between the workers, too.",
        ),
        Mistake(
            _reading(lambda files, r, p, w, k: files[w::k]),
            "All ranks read the same files. Share between the ranks, too.",
        ),
        Mistake(
            _reading(lambda files, r, p, w, k: files),
            "Every worker of every rank reads all files.",
        ),
        Mistake(
            _reading(lambda files, r, p, w, k: files[r * k + w :: p * k]),
            _ONE_PLACE,
        ),
        Mistake(
            _reading(lambda files, r, p, w, k: files[r + w :: p * k]),
            "Rank 0 with worker 1 and rank 1 with worker 0 begin at the same file: "
            "`rank + worker` does not tell them apart.",
        ),
        Mistake(
            _reading(
                lambda files, r, p, w, k: _equal_blocks(
                    files, len(files) // (p * k), r * k + w, p * k
                )
            ),
            "You give all workers equally many files, and nobody reads the rest.",
        ),
        Mistake(
            _reading(
                lambda files, r, p, w, k: _equal_blocks(
                    files, len(files) // (p * k), r * k + w, p * k, last=True
                )
            ),
            "The last worker of the last rank reads the whole rest, and all others "
            "wait for it.",
        ),
        Mistake(
            _reading(
                lambda files, r, p, w, k: _equal_blocks(
                    files, -(-len(files) // (p * k)), r * k + w, p * k
                )
            ),
            "Blocks that are rounded up are used up before the end: the last workers "
            "read little or nothing.",
        ),
        Mistake(
            _reading(
                lambda files, r, p, w, k: [
                    i for i in files if i % p == r and i % k == w
                ]
            ),
            "You take both remainders of the same number. If ranks and workers have a "
            "common factor, as 2 and 2 have, some workers get nothing and some files "
            "nobody. Divide by the number of ranks before you take the second "
            "remainder.",
        ),
        Mistake(
            _reading(lambda files, r, p, w, k: [i + 1 for i in files[r::p][w::k]]),
            "Your files are numbered from 1. The first one is file 0.",
        ),
        Mistake(
            _reading(lambda files, r, p, w, k: files[r::p][w::p]),
            "The workers of a rank stride by the number of ranks. They are `workers` "
            "many.",
        ),
        Mistake(
            _reading(lambda files, r, p, w, k: files[r::k][w::p]),
            "Ranks and workers have changed places: the ranks stride by "
            "`world_size`, the workers by `workers`.",
        ),
        Mistake(
            _reading(_padded),
            "You pad until all workers have equally many files. Then some files are "
            "read twice.",
        ),
    ),
    hints=(
        "First say which files a rank reads, then share those between its workers.",
        "`files[rank::world_size]` is every `world_size`-th file, beginning with file "
        "`rank`.",
        "What a slice with a step does for the ranks, another one does for the "
        "workers: `[worker::workers]`.",
    ),
    because="`split_dataset_by_node` deals the files to the ranks, and the loader of "
    "each rank deals its own to its workers. With fewer files than ranks it has to "
    "read all and throw most of it away.",
    alternatives=(
        _reading(
            lambda files, r, p, w, k: np.array_split(np.array_split(files, p)[r], k)[w]
        ),
    ),
)

# --- 16.6 What would it cost? -----------------------------------------------------


# fmt: off
def training_cost(macs, pictures, epochs, peak, utilization, devices,
                  price):
    forward = 2 * macs  # a multiply-add is two operations
    operations = 3 * forward * pictures * epochs  # and the backward pass
    hours = operations / (peak * utilization) / devices / 3600
    return hours, hours * devices * price
# fmt: on


def _costing(work=6, hours=lambda flops, peak, share, n: flops / peak / share / n,
             bill=lambda hours, n, price: hours * n * price,
             clock=3600, epochs_too=True):  # fmt: skip
    """Compute with one factor in another way."""

    def training_cost(macs, pictures, epochs, peak, utilization, devices, price):
        flops = work * macs * pictures * (epochs if epochs_too else 1)
        time = hours(flops, peak, utilization, devices) / clock
        return time, bill(time, devices, price)

    return training_cost


def _hours_alone(*arguments):
    return training_cost(*arguments)[0]


def _price_alone(*arguments):
    return training_cost(*arguments)[1]


def _turned(*arguments):
    return training_cost(*arguments)[::-1]


COST = Exercise(
    id="16.6",
    title="What would it cost?",
    solution=training_cost,
    cases=(
        (2e9, 5_000, 3, 1e12, 0.25, 4, 1.5),
        (17.6e9, 1_281_167, 300, 312e12, 0.4, 8, 2.0),
        (4e9, 50_000, 1, 15e12, 0.5, 1, 0.6),
    ),
    mistakes=(
        Mistake(
            _costing(work=2),
            "You count the forward pass only. The backward pass takes twice its work.",
        ),
        Mistake(
            _costing(work=3),
            "A multiply-add is two operations, a product and a sum; you count one.",
        ),
        Mistake(
            _costing(work=4),
            "You count four operations for each multiply-add. The forward pass takes "
            "two, and the backward pass twice as many *more*.",
        ),
        Mistake(
            _costing(work=1),
            "You count one operation for each multiply-add, and no backward pass.",
        ),
        Mistake(
            _costing(work=12),
            "The factor of two is in it twice.",
        ),
        Mistake(
            _costing(hours=lambda flops, peak, share, n: flops / peak / n),
            "No device reaches its peak: only the share `utilization` of it is used.",
        ),
        Mistake(
            _costing(hours=lambda flops, peak, share, n: flops / peak * share / n),
            "With a lower utilization your training would be *faster*. Divide by it.",
        ),
        Mistake(
            _costing(clock=1),
            "Those are seconds. Return hours.",
        ),
        Mistake(
            _costing(clock=60),
            "Those are minutes. Return hours.",
        ),
        Mistake(
            _costing(epochs_too=False),
            "That is one epoch. Each picture is seen once in every epoch.",
        ),
        Mistake(
            _costing(bill=lambda hours, n, price: hours * price),
            "You pay for one device. `price` is that of one, and all of them cost.",
        ),
        Mistake(
            _costing(
                hours=lambda flops, peak, share, n: flops / peak / share,
                bill=lambda hours, n, price: hours * price,
            ),
            "The price is right, but these are hours of one device. The devices work "
            "at the same time, so fewer hours pass on the clock.",
        ),
        Mistake(
            _costing(hours=lambda flops, peak, share, n: flops / peak / share),
            "These are hours of one device. The devices work at the same time, so "
            "fewer hours pass on the clock.",
        ),
        Mistake(
            _costing(hours=lambda flops, peak, share, n: flops / peak / share * n),
            "More devices make your training *longer*.",
        ),
        Mistake(_turned, "The order is turned: first the hours, then the price."),
        Mistake(_hours_alone, "You return the hours alone. The price is wanted, too."),
        Mistake(_price_alone, "You return the price alone. The hours are wanted, too."),
    ),
    hints=(
        "How many operations does one picture take, forward and backward? Three times "
        "the forward pass, and a multiply-add is two operations.",
        "One device does `peak * utilization` operations a second, and an hour has "
        "3,600 seconds.",
        "More devices make the hours fewer, but not the price: all of them are paid "
        "for.",
    ),
    because="The price does not depend on the number of devices, as long as the "
    "utilization stays the same. In practice it falls when devices wait for each "
    "other.",
    tolerance=1e-4,
)

EXERCISES = (RING, UNEQUAL, DEALT, HELD, EACH_ONCE, COST)
