"""Exercises of notebook 04: parameters, training steps, schedules, accuracy."""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises.engine import Exercise, Mistake, NotAnAnswer

# --- 04.1 Count the parameters ----------------------------------------------------


def count_parameters(
    image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim
):
    tokens = (image_size // patch_size) ** 2 + 1
    projection = in_channels * patch_size**2 * dim + dim
    norm = 2 * dim
    attention = dim * 3 * dim + 3 * dim + dim * dim + dim
    mlp = dim * mlp_dim + mlp_dim + mlp_dim * dim + dim
    block = 2 * norm + attention + mlp
    head = dim * num_classes + num_classes
    return projection + dim + tokens * dim + depth * block + norm + head


def _counted(biases=1, positions=1, class_token=1, norms=1, last_norm=1, out=1, qkv=3):
    def count(image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim):
        patches = (image_size // patch_size) ** 2
        total = in_channels * patch_size**2 * dim + biases * dim
        total += class_token * dim + (patches + positions) * dim
        block = qkv * (dim * dim + biases * dim) + out * (dim * dim + biases * dim)
        block += 2 * dim * mlp_dim + biases * (mlp_dim + dim) + norms * 4 * dim
        total += depth * block + last_norm * 2 * dim
        return total + dim * num_classes + biases * num_classes

    return count


COUNT = Exercise(
    id="04.1",
    solution=count_parameters,
    cases=(
        (6, 2, 3, 5, 8, 3, 11),
        (28, 14, 1, 10, 64, 6, 128),
        (224, 16, 3, 1000, 768, 12, 3072),
    ),
    mistakes=(
        Mistake(
            _counted(biases=0),
            "Every linear layer has a bias as well, one number for each output.",
        ),
        Mistake(
            _counted(positions=0),
            "You are `dim` numbers short. Usual causes: the class token is a learned "
            "vector *and* has a position of its own; and the patch projection has a "
            "bias.",
        ),
        Mistake(
            _counted(norms=0, last_norm=0),
            "Layer norms learn too: a scale and a shift for each number of a token.",
        ),
        Mistake(
            _counted(last_norm=0),
            "You are 2 * `dim` numbers short. Usual causes: the layer norm after the "
            "last block; or the class token together with its position.",
        ),
        Mistake(
            _counted(out=0),
            "Attention has a fourth layer, which mixes the heads' results.",
        ),
        Mistake(
            _counted(qkv=1),
            "Queries, keys and values have a layer each; you counted one of the three.",
        ),
    ),
    hints=(
        "A linear layer from $a$ to $b$ numbers has $ab$ weights and $b$ biases.",
        "Outside the blocks: projection, class token, one position per token, a last "
        "norm, the head.",
        "In a block: two norms of $2D$ each, four layers from $D$ to $D$ in the "
        "attention, one from $D$ to the MLP's width and one back.",
    ),
    because="For the sizes of ViT-B/16 it gives 86,567,656, the number torchvision "
    "gives for its `vit_b_16`. Heads do not appear: they share out the width and add "
    "nothing.",
    alternatives=(
        _counted(),
        lambda *sizes: torch.tensor(count_parameters(*sizes)),
    ),
    tolerance=0.0,
)


# --- 04.2 A projection that never learns ------------------------------------------


class FixedPatches(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, patch_size)

    def forward(self, images):
        patches = self.project(images)  # (B, C, H, W) -> (B, D, H/P, W/P)
        return patches.flatten(2).transpose(1, 2)  # -> (B, N, D)


class _Forgetful(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.sizes = in_channels, dim, patch_size, patch_size

    def forward(self, images):
        return nn.Conv2d(*self.sizes)(images).flatten(2).transpose(1, 2)


class _Seeded(_Forgetful):
    def forward(self, images):
        torch.manual_seed(0)
        return super().forward(images)


class _InAList(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.layers = [nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)]

    def forward(self, images):
        return self.layers[0](images).flatten(2).transpose(1, 2)


class _Detached(FixedPatches):
    def forward(self, images):
        return super().forward(images).detach()


class _NoStride(FixedPatches):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__(patch_size, in_channels, dim)
        self.project = nn.Conv2d(in_channels, dim, patch_size)


class _NotTransposed(FixedPatches):
    def forward(self, images):
        return self.project(images).flatten(2)


class _Reshaped(FixedPatches):
    def forward(self, images):
        patches = self.project(images)
        return patches.reshape(len(images), -1, patches.shape[1])


class _ColumnByColumn(FixedPatches):
    def forward(self, images):
        return self.project(images).permute(0, 3, 2, 1).flatten(1, 2)


class _Lazy(FixedPatches):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__(patch_size, in_channels, dim)
        self.project = nn.LazyConv2d(dim, patch_size, stride=patch_size)


class _Linear(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.side = patch_size
        self.layer = nn.Linear(in_channels * patch_size**2, dim)

    def forward(self, images):
        patches = F.unfold(images, self.side, stride=self.side)  # (B, C*P*P, N)
        return self.layer(patches.transpose(1, 2))


def _probe_patches(answer, patch_size, in_channels, dim):
    """Try a patch layer: what it gives, what it learns."""
    if not (isinstance(answer, type) and issubclass(answer, nn.Module)):
        raise NotAnAnswer(
            "Give the class itself, derived from `nn.Module`, without calling it."
        )
    torch.manual_seed(0)
    layer = answer(patch_size, in_channels, dim)
    images = torch.randn(2, in_channels, 2 * patch_size, 3 * patch_size)
    if any(map(nn.parameter.is_lazy, layer.parameters())):
        layer(images)  # such weights are made, at random, by the first call
    state = torch.get_rng_state()
    first, second = layer(images), layer(images)
    quiet = torch.equal(torch.get_rng_state(), state)
    parameters = list(layer.parameters())
    learns = bool(parameters) and first.requires_grad
    left, right = images.clone(), images.clone()
    left[..., :patch_size, patch_size : 2 * patch_size] = 0  # only the second patch
    with torch.no_grad():
        changed = (layer(left) - layer(right)).abs() > 1e-6
    if changed.ndim == 3 and changed.shape[1] == 6:
        changed = np.flatnonzero(changed[0].any(dim=-1).numpy())
    else:
        changed = np.array([])
    return {
        "shape for 6 patches": np.array(first.shape),
        "parameters": sum(p.numel() for p in parameters),
        "same answer twice": float(torch.equal(first, second)),
        "forward draws nothing at random": float(quiet),
        "a gradient arrives": float(learns),
        "tokens changed by patch 1": changed,
    }


FORGETFUL = Exercise(
    id="04.2",
    solution=FixedPatches,
    probe=_probe_patches,
    cases=((2, 1, 4), (7, 3, 16)),
    mistakes=(
        Mistake(
            _Forgetful,
            "The layer is still made inside `forward`: new random weights in each "
            "call, and none that an optimizer could see.",
        ),
        Mistake(
            _Seeded,
            "A fixed seed gives the same answer twice, but the weights are still "
            "thrown away after each call: nothing is learned.",
        ),
        Mistake(
            _InAList,
            "A plain Python list hides its layers from the module, so `parameters()` "
            "does not find them. Assign the layer itself, or use `nn.ModuleList`.",
        ),
        Mistake(
            _Detached,
            "`detach` (or `no_grad`) cuts the gradient off: the weights exist, but "
            "never change.",
        ),
        Mistake(
            _NoStride,
            "Without a stride the window moves pixel by pixel, and patches overlap.",
        ),
        Mistake(
            _NotTransposed,
            "Tokens should be the second axis: `(B, N, D)`, not `(B, D, N)`.",
        ),
        Mistake(
            _Reshaped,
            "Right shape, mixed contents: `reshape` cuts across channels. Flatten the "
            "two sides of the grid, then exchange axes.",
        ),
        Mistake(
            _ColumnByColumn,
            "Your tokens come column by column. Number the patches row by row.",
        ),
    ),
    hints=(
        "When does `__init__` run, and when does `forward`?",
        "A layer that is to learn must exist before the optimizer asks for "
        "`parameters()`.",
        "Assign the `nn.Conv2d` to an attribute in `__init__`, and call it in "
        "`forward`.",
    ),
    because="A layer assigned in `__init__` is registered: `parameters()` finds it, "
    "the optimizer moves it, and two calls agree.",
    alternatives=(_Linear, _Lazy),
)


# --- 04.3 A loss that cannot fall -------------------------------------------------


def training_step(model, optimizer, images, labels):
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def _step(loss_of=F.cross_entropy, clear=True, order="backward step"):
    def step(model, optimizer, images, labels):
        loss = loss_of(model(images), labels)
        if clear:
            optimizer.zero_grad()
        for action in order.split():
            loss.backward() if action == "backward" else None
            optimizer.step() if action == "step" else None
            optimizer.zero_grad() if action == "clear" else None
        return loss.item()

    return step


def _of_softmax(logits, labels):
    return F.cross_entropy(logits.softmax(dim=1), labels)


def _log_of_softmax(logits, labels):
    return F.nll_loss(logits.log_softmax(dim=1), labels)


def _nll_of_logits(logits, labels):
    return F.nll_loss(logits, labels)


def _summed(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum")


def _probe_step(answer, images, labels):
    """Losses of four steps of a tiny model, and its weights after them."""
    torch.manual_seed(0)
    model = nn.Linear(images.shape[1], 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    images, labels = torch.as_tensor(images), torch.as_tensor(labels)
    losses = [answer(model, optimizer, images, labels) for _ in range(4)]
    if any(loss is ... for loss in losses):
        return ...
    if any(loss is None for loss in losses):
        raise NotAnAnswer(
            "Your function returns nothing; end it with `return loss.item()`."
        )
    if any(isinstance(loss, torch.Tensor) for loss in losses):
        raise NotAnAnswer(
            "Return a float, `loss.item()`: a tensor, unless detached, keeps the whole "
            "graph in memory."
        )
    return {
        "losses of four steps": np.array([float(loss) for loss in losses]),
        "weights after them": model.weight.detach().numpy(),
    }


_FEATURES = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]], dtype=np.float32)

STEP = Exercise(
    id="04.3",
    solution=training_step,
    probe=_probe_step,
    cases=(
        (_FEATURES, np.array([0, 1, 2])),
        (np.tile(_FEATURES, (4, 1)) * 2, np.tile([2, 0, 1], 4)),
    ),
    mistakes=(
        Mistake(
            _step(_of_softmax, clear=False),
            "Both bugs are still there: one in what `cross_entropy` is given, one in "
            "what happens to old gradients.",
        ),
        Mistake(
            _step(_of_softmax),
            "`cross_entropy` takes logits and does the softmax itself. Yours is done "
            "twice, so even a perfect answer costs more than nothing.",
        ),
        Mistake(
            _step(clear=False),
            "The loss is right, but gradients pile up: `backward` adds to what earlier "
            "steps left behind.",
        ),
        Mistake(
            _step(order="step backward"),
            "The weights do not move: when `step` runs, there are no gradients. Clear "
            "the old ones, then `backward`, then `step`.",
        ),
        Mistake(
            _step(_nll_of_logits),
            "`nll_loss` wants log-probabilities. With logits its value can fall "
            "without end.",
        ),
        Mistake(
            _step(_summed),
            "You sum over the batch: the step then grows with the batch's size. Take "
            "the mean.",
        ),
    ),
    hints=(
        "What does `cross_entropy` expect: logits, probabilities, or their logarithm?",
        "With ten classes, $-\\ln(e^1 / (e^1 + 9)) = 1.46$. Where could numbers from 0 "
        "to 1 stand in the place of logits?",
        "The second bug: what does `backward` do to a gradient that is already there?",
    ),
    because="`cross_entropy` does log-softmax itself, on logits; and gradients add up "
    "until they are cleared.",
    alternatives=(
        _step(_log_of_softmax),
        _step(clear=False, order="clear backward step"),
        _step(clear=False, order="backward step clear"),
    ),
)


# --- 04.4 Warm-up counted in steps ------------------------------------------------


def learning_rate(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    falling = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * falling))


def _rate(step, total, warmup, peak, *, start=None, length=None, turn=math.pi, up=True):
    if up and step < warmup:
        return peak * step / warmup
    start = warmup if start is None else start
    length = total - warmup if length is None else length
    return peak * 0.5 * (1 + math.cos(turn * (step - start) / length))


def _no_warmup(step, total, warmup, peak):
    return _rate(step, total, 0, peak, up=False)


def _cosine_over_all(step, total, warmup, peak):
    return _rate(step, total, warmup, peak, start=0, length=total)


def _late(step, total, warmup, peak):
    return _rate(step, total, warmup, peak, length=total)


def _degrees(step, total, warmup, peak):
    return _rate(step, total, warmup, peak, turn=180)


def _whole_turn(step, total, warmup, peak):
    return _rate(step, total, warmup, peak, turn=2 * math.pi)


def _quarter_turn(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup))


def _straight_down(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / (total - warmup)


def _unscaled(step, total, warmup, peak):
    return learning_rate(step, total, warmup, 1.0)


def _not_halved(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def _in_numpy(step, total, warmup, peak):
    return np.interp(step, [0, warmup], [0, peak]) * (
        1.0
        if step < warmup
        else np.cos(np.pi / 2 * (step - warmup) / (total - warmup)) ** 2
    )


SCHEDULE = Exercise(
    id="04.4",
    solution=learning_rate,
    cases=(
        *((step, 100, 20, 0.3) for step in (40, 10, 0, 20, 60, 21, 99, 100)),
        (30, 50, 10, 0.003),
    ),
    mistakes=(
        Mistake(_no_warmup, "There is no warm-up: the rate starts at its peak."),
        Mistake(
            _cosine_over_all,
            "Your cosine begins at step 0, not where the warm-up ends, so the rate "
            "jumps at step `warmup`.",
        ),
        Mistake(
            _late,
            "Your cosine is stretched over `total` steps, but only `total - warmup` "
            "are left: the rate does not reach 0.",
        ),
        Mistake(_degrees, "`math.cos` takes radians: half a turn is pi, not 180."),
        Mistake(
            _whole_turn,
            "A whole turn brings the rate back up. Half a turn leads from 1 to -1.",
        ),
        Mistake(
            _quarter_turn,
            "That is a quarter of a cosine: it ends steeply. Take half a turn, shifted "
            "up and halved.",
        ),
        Mistake(_straight_down, "Your rate falls in a straight line, not a cosine."),
        Mistake(_unscaled, "The shape is right; multiply it by `peak`."),
        Mistake(_not_halved, "1 + cos runs from 2 to 0: halve it."),
    ),
    hints=(
        "Two branches: before `warmup`, a straight line; after it, a cosine.",
        "After the warm-up, let a share run from 0 to 1 over the steps that are left.",
        "The cosine of pi times that share runs from 1 to -1. Which sum and factor "
        "make it run from 1 to 0?",
    ),
    because="It has no jump: both branches give `peak` at step `warmup`.",
    alternatives=(
        lambda step, total, warmup, peak: min(
            peak * step / warmup, _rate(max(step, warmup), total, warmup, peak)
        ),
        _in_numpy,
    ),
)


# --- 04.5 Accuracy from batches ---------------------------------------------------


def accuracy(batches):
    right = sum((logits.argmax(1) == y).sum() for logits, y in batches)
    return right / sum(len(y) for _, y in batches)


def _mean_of_means(batches):
    shares = [float((x.argmax(1) == y).sum()) / len(y) for x, y in batches]
    return sum(shares) / len(shares)


def _by_first_size(batches):
    right = sum(int((x.argmax(1) == y).sum()) for x, y in batches)
    return right / (len(batches) * len(batches[0][1]))


def _counted_right(batches):
    return sum(int((x.argmax(1) == y).sum()) for x, y in batches)


def _over_images(batches):
    right = sum(int((x.argmax(0) == y).sum()) for x, y in batches)
    return right / sum(len(y) for _, y in batches)


def _error_rate(batches):
    return 1 - accuracy(batches)


def _per_batch(batches):
    return sum(int((x.argmax(1) == y).sum()) for x, y in batches) / len(batches)


def _last_batch(batches):
    return _mean_of_means(batches[-1:])


def _concatenated(batches):
    logits = np.concatenate([np.asarray(x) for x, _ in batches])
    labels = np.concatenate([np.asarray(y) for _, y in batches])
    return np.mean(logits.argmax(-1) == labels)


def _logits_that_say(answers, classes=3):
    scores = 0.1 * np.arange(len(answers) * classes).reshape(-1, classes) % 0.7
    scores[np.arange(len(answers)), answers] = 2.0
    return scores


def _batches(*pairs):
    return [(_logits_that_say(answers), np.array(labels)) for answers, labels in pairs]


def _in_numpy_only(batches):
    right = sum(np.sum(x.argmax(axis=1) == y) for x, y in batches)
    return right / sum(y.size for _, y in batches)


ACCURACY = Exercise(
    id="04.5",
    solution=accuracy,
    cases=(
        (_batches(([0, 1, 2, 1, 0], [0, 1, 2, 0, 1]), ([1, 2], [1, 0])),),
        (_batches(([0, 1, 2], [0, 1, 2]), ([1], [0])),),
        (
            _batches(
                ([0, 0, 1, 1], [2, 0, 1, 1]),
                ([2, 2, 0, 1], [2, 0, 1, 1]),
                ([1, 0], [1, 0]),
            ),
        ),
    ),
    mistakes=(
        Mistake(
            _mean_of_means,
            "You average the accuracies of batches: an image in a small batch then "
            "counts more than one in a large batch.",
        ),
        Mistake(
            _by_first_size,
            "You divide as if all batches were as large as the first.",
        ),
        Mistake(_counted_right, "That is how many are right; divide by all images."),
        Mistake(
            _over_images,
            "You take the largest logit over the *images*. Each row is one image: "
            "compare along the last axis.",
        ),
        Mistake(_error_rate, "That is the share of wrong answers."),
        Mistake(
            _per_batch,
            "You divide by the number of batches, so the result can exceed 1.",
        ),
        Mistake(_last_batch, "Only the last batch counts in your result."),
    ),
    hints=(
        "Two sums run through the batches. Which?",
        "Count right answers and images; divide once, at the end.",
        "`(logits.argmax(1) == labels).sum()` counts the right answers of one batch.",
    ),
    because="Sums first, one division at the end: each image counts the same.",
    alternatives=(
        _concatenated,
        _in_numpy_only,
        lambda batches: float(accuracy(batches)),
        lambda batches: (
            (
                torch.cat([x for x, _ in batches]).argmax(dim=1)
                == torch.cat([y for _, y in batches])
            )
            .float()
            .mean()
            .item()
        ),
    ),
)


# --- 04.6 The surest mistakes -----------------------------------------------------


def surest_mistakes(probabilities, labels, k):
    answers = probabilities.argmax(1)
    sure = probabilities.max(1)
    rows = [i for i in range(len(labels)) if answers[i] != labels[i]]
    return sorted(rows, key=lambda i: -sure[i])[:k]


def _chosen(score, only_wrong=True, descending=True, positions=False):
    def choose(probabilities, labels, k):
        p, labels = np.asarray(probabilities), np.asarray(labels)
        rows = np.arange(len(p))
        if only_wrong:
            rows = rows[p.argmax(1) != labels]
        values = score(p, labels)[rows]
        order = np.argsort(-values if descending else values, kind="stable")[:k]
        return order if positions else rows[order]

    return choose


def _sure(p, labels):
    return p.max(1)


def _true_class(p, labels):
    return p[np.arange(len(p)), labels]


SURE = Exercise(
    id="04.6",
    solution=surest_mistakes,
    cases=(
        (
            np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3], [0.95, 0.05]]),
            np.array([0, 0, 0, 1, 0]),
            2,
        ),
        (
            np.array(
                [[0.5, 0.45, 0.05], [0.4, 0.3, 0.3], [0.1, 0.2, 0.7], [0.6, 0.0, 0.4]]
            ),
            np.array([1, 1, 0, 2]),
            3,
        ),
        (np.array([[0.9, 0.1], [0.3, 0.7]]), np.array([0, 0]), 5),
    ),
    mistakes=(
        Mistake(
            _chosen(_sure, only_wrong=False),
            "Right answers are among yours. Leave them out before you sort.",
        ),
        Mistake(
            _chosen(_sure, descending=False),
            "You give the *least* sure mistakes: sort from large to small.",
        ),
        Mistake(
            _chosen(_true_class, descending=False),
            "You sort by the probability of the true class. Asked is the probability "
            "of the answer given; the order can differ.",
        ),
        Mistake(
            _chosen(_sure, positions=True),
            "Your numbers count within the list of mistakes. Translate them back to "
            "rows of the input.",
        ),
        Mistake(
            lambda p, labels, k: np.flatnonzero(p.argmax(1) != labels)[:k],
            "These are the first mistakes, not the surest: they are not sorted.",
        ),
    ),
    hints=(
        "First find the rows in which the answer differs from the label.",
        "For each of them you need the largest probability of its row.",
        "Sort those rows by it, largest first, and keep the first `k`.",
    ),
    because="A slice past the end is no error in Python, so fewer mistakes than $k$ "
    "need no special case.",
    alternatives=(
        _chosen(_sure),
        lambda p, labels, k: torch.as_tensor(
            _chosen(_sure)(np.asarray(p), np.asarray(labels), k)
        ),
    ),
)

EXERCISES = (COUNT, FORGETFUL, STEP, SCHEDULE, ACCURACY, SURE)
