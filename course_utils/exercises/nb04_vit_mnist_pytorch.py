"""Exercises of notebook 04: the forward pass, training steps, accuracy, layers."""

import math
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.vit import torch as package

# --- 04.1 The forward pass --------------------------------------------------------


class MyViT(package.ViT):
    def forward(self, images, return_attention=False):
        x = self.embed(images)  # (B, C, H, W) -> (B, N, D)
        first = self.class_token.expand(len(x), -1, -1)  # (B, 1, D)
        x = torch.cat([first, x], dim=1)  # (B, N, D) -> (B, T, D)
        x = self.dropout(x + self.positions)
        attention = []
        for block in self.blocks:
            x, weights = block(x)  # (B, T, D) and (B, h, T, T)
            attention.append(weights)
        logits = self.head(self.norm(x)[:, 0])  # (B, D) -> (B, K)
        return (logits, attention) if return_attention else logits


def _tokens(vit, patches):
    first = vit.class_token.expand(len(patches), -1, -1)
    return torch.cat([first, patches], dim=1) + vit.positions


def _tokens_without_class(vit, patches):
    return patches + vit.positions[:, 1:]


def _tokens_without_class_and_wrong_positions(vit, patches):
    return patches + vit.positions[:, :-1]


def _tokens_one_position_too_many(vit, patches):
    return patches + vit.positions  # N tokens and N + 1 positions


def _tokens_class_last(vit, patches):
    first = vit.class_token.expand(len(patches), -1, -1)
    return torch.cat([patches, first], dim=1) + vit.positions


def _tokens_class_not_repeated(vit, patches):
    return torch.cat([vit.class_token, patches], dim=1) + vit.positions


def _tokens_class_of_zeros(vit, patches):
    first = torch.zeros(len(patches), 1, patches.shape[2])
    return torch.cat([first, patches], dim=1) + vit.positions


def _tokens_class_added(vit, patches):
    return patches + vit.class_token + vit.positions[:, 1:]


def _tokens_without_positions(vit, patches):
    return _tokens(vit, patches) - vit.positions


def _tokens_class_without_position(vit, patches):
    first = vit.class_token.expand(len(patches), -1, -1)
    return torch.cat([first, patches + vit.positions[:, 1:]], dim=1)


def _tokens_class_with_wrong_positions(vit, patches):
    first = vit.class_token.expand(len(patches), -1, -1)
    return torch.cat([first, patches + vit.positions[:, :-1]], dim=1)


def _tokens_times_positions(vit, patches):
    first = vit.class_token.expand(len(patches), -1, -1)
    return torch.cat([first, patches], dim=1) * vit.positions


def _through(vit, x):
    """Pass the blocks; return the tokens and the weights of each block."""
    attention = []
    for block in vit.blocks:
        x, weights = block(x)
        attention.append(weights)
    return x, attention


def _through_none(vit, x):
    return x, _through(vit, x)[1]


def _through_the_first(vit, x):
    x, weights = vit.blocks[0](x)
    return x, [weights]


def _through_each_alone(vit, x):
    results = [block(x) for block in vit.blocks]
    return results[-1][0], [weights for _, weights in results]


def _through_with_the_pair(vit, x):
    for block in vit.blocks:
        x = block(x)
    return x, []


def _through_with_a_second_sum(vit, x):
    attention = []
    for block in vit.blocks:
        change, weights = block(x)
        x = x + change
        attention.append(weights)
    return x, attention


def _through_with_a_norm_each(vit, x):
    attention = []
    for block in vit.blocks:
        x, weights = block(vit.norm(x))
        attention.append(weights)
    return x, attention


def _through_backward(vit, x):
    attention = []
    for block in reversed(vit.blocks):
        x, weights = block(x)
        attention.append(weights)
    return x, attention


def _read_first(vit, x):
    return vit.head(vit.norm(x)[:, 0])


def _pair(logits, attention, wanted):
    return (logits, attention) if wanted else logits


def _vit(
    tokens=_tokens,
    through=_through,
    read=_read_first,
    result=_pair,
    drop=lambda vit, x: vit.dropout(x),
):
    """Return a class whose forward pass has some of its five parts changed."""

    class Changed(package.ViT):
        def forward(self, images, return_attention=False):
            x = drop(self, tokens(self, self.embed(images)))
            x, attention = through(self, x)
            return result(read(self, x), attention, return_attention)

    return Changed


class _DropoutBeforePositions(package.ViT):
    def forward(self, images, return_attention=False):
        x = self.embed(images)
        first = self.class_token.expand(len(x), -1, -1)
        x = self.dropout(torch.cat([first, x], dim=1)) + self.positions
        x, attention = _through(self, x)
        return _pair(_read_first(self, x), attention, return_attention)


class _NoGradient(package.ViT):
    @torch.no_grad()
    def forward(self, images, return_attention=False):
        return MyViT.forward(self, images, return_attention)


class _Hstack(package.ViT):
    def forward(self, images, return_attention=False):
        x = self.embed(images)
        x = torch.hstack([self.class_token.repeat(len(images), 1, 1), x])
        x += self.positions
        x, weights = self.dropout(x), []
        for number in range(len(self.blocks)):
            x, found = self.blocks[number](x)
            weights += [found]
        logits = self.head(self.norm(x[:, 0]))
        if return_attention:
            return logits, weights
        return logits


class _PositionsInTwoParts(package.ViT):
    def forward(self, images, return_attention=False):
        patches = self.embed(images) + self.positions[:, 1:]
        first = self.class_token + self.positions[:, :1]
        first = first.expand(images.size(0), 1, -1)
        x = self.dropout(torch.cat((first, patches), 1))
        pairs = []
        for block in self.blocks:
            pairs.append(block(x))
            x = pairs[-1][0]
        logits = nn.functional.linear(
            self.norm(x).select(1, 0), self.head.weight, self.head.bias
        )
        return (logits, [w for _, w in pairs]) if return_attention else logits


def _given_forward(self, *arguments, **named):
    raise NotAnAnswer(
        "Your class uses the `forward` that the package gives. Write your own, under "
        "that name, from the parts that `__init__` made."
    )


def _probe_forward(
    answer, B, image_size, patch_size, blocks, return_attention=False, dropout=0.0
):
    """Logits of a small model with random weights; with dropout, while training."""
    if not (isinstance(answer, type) and issubclass(answer, nn.Module)):
        raise NotAnAnswer(
            "Give the class itself, derived from `package.ViT`, without calling it."
        )
    sizes = (image_size, patch_size, 2, 7, 6, blocks, 3, 10)
    original = package.ViT(*sizes)
    with torch.no_grad():
        for number, weight in enumerate(original.parameters()):
            weight.normal_(0.1 * (number % 3), 0.6)
    with mock.patch.object(package.ViT, "forward", _given_forward):
        model = answer(*sizes, dropout)
        try:
            model.load_state_dict(original.state_dict())
        except RuntimeError:
            raise NotAnAnswer(
                "Your class does not have the parts of `package.ViT` under their "
                "names. Derive it from `package.ViT` and write `forward` only."
            ) from None
        model.train(dropout > 0)
        images = torch.randn(B, 2, image_size, image_size)
        asked = {"return_attention": True} if return_attention else {}
        result = model(images, **asked)
    if result is ... or result is None:
        return result if result is ... else _nothing()
    pair = isinstance(result, tuple)
    logits, weights = (*result, None)[:2] if pair else (result, None)
    if not isinstance(logits, torch.Tensor):
        raise NotAnAnswer("The logits come first, as a tensor.")
    found = {"logits": logits, "a gradient arrives": float(logits.requires_grad)}
    if dropout:  # which numbers fall is chance; here all do
        found = {"logits": logits}
    if pair:
        found["attention weights"] = list(weights) if weights is not None else []
    return found


def _nothing():
    raise NotAnAnswer("Your `forward` returns nothing; end it with `return`.")


_CLASS_TOKEN_MISSING = (
    "The class token is missing: it stands before the patches, so that there are N + 1 "
    "tokens, as many as positions."
)
_POSITIONS_BEFORE = (
    "You add the positions before the class token has joined. There is one for *every* "
    "token, the class token's first: concatenate, then add them all."
)
_NOT_UNPACKED = (
    "A block returns two things, the new tokens and the attention weights. Take them "
    "apart: `x, weights = block(x)`."
)

FORWARD = Exercise(
    id="04.1",
    title="The forward pass",
    solution=MyViT,
    probe=_probe_forward,
    kinds=("torch",),
    cases=(
        (3, 8, 4, 2),
        (2, 9, 3, 3),
        (1, 4, 2, 1),
        (3, 8, 4, 2, True),
        (2, 8, 4, 3, False, 1.0),
    ),
    mistakes=(
        *(
            Mistake(_vit(tokens), _CLASS_TOKEN_MISSING)
            for tokens in (
                _tokens_without_class,
                _tokens_without_class_and_wrong_positions,
                _tokens_one_position_too_many,
            )
        ),
        *(
            Mistake(
                _vit(_tokens_class_last, read=read),
                "Your class token comes after the patches. It is token 0, before them.",
            )
            for read in (_read_first, lambda vit, x: vit.head(vit.norm(x)[:, -1]))
        ),
        Mistake(
            _vit(_tokens_class_not_repeated),
            "There is one class token, `(1, 1, D)`, and every image needs it: "
            "`expand(B, -1, -1)` repeats it along the batch without a copy.",
        ),
        Mistake(
            _vit(_tokens_class_of_zeros),
            "Your class token is a new tensor. The model has a learned one, "
            "`self.class_token`.",
        ),
        Mistake(
            _vit(_tokens_class_added),
            "You add the class token to the patches. It is a token of its own: "
            "`torch.cat` along the axis of the tokens.",
        ),
        Mistake(
            _vit(_tokens_without_positions),
            "The positions are missing, so the model cannot tell where a patch was.",
        ),
        *(
            Mistake(_vit(tokens), _POSITIONS_BEFORE)
            for tokens in (
                _tokens_class_without_position,
                _tokens_class_with_wrong_positions,
            )
        ),
        Mistake(
            _vit(_tokens_times_positions),
            "You multiply by the positions. They are added.",
        ),
        *(
            Mistake(
                _vit(through=through),
                "The blocks are skipped: what they return never reaches the head.",
            )
            for through in (
                _through_none,
                lambda vit, x: (x, [block(x)[1] for block in vit.blocks]),
                lambda vit, x: (x, []),
            )
        ),
        Mistake(
            _vit(through=_through_the_first),
            "Only the first block works. The tokens pass through all of them.",
        ),
        Mistake(
            _vit(through=_through_each_alone),
            "Every block gets the same tokens, and the last result wins. Each block "
            "takes what the one before it returned.",
        ),
        Mistake(_vit(through=_through_with_the_pair), _NOT_UNPACKED),
        Mistake(
            _vit(through=_through_with_a_second_sum),
            "You add what a block returns to what went in. The block has done that "
            "already: its result replaces the tokens.",
        ),
        Mistake(
            _vit(through=_through_with_a_norm_each),
            "The last norm stands before every block. Blocks have norms of their own; "
            "this one comes once, after all of them.",
        ),
        Mistake(
            _vit(through=_through_backward),
            "The tokens pass the blocks from the last to the first.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(x[:, 0])),
            "The last norm is missing between the blocks and the head.",
        ),
        *(
            Mistake(
                _vit(read=read),
                "You average tokens before the head. That is a ViT as well, but not "
                "this one: its head reads the class token, token 0, alone.",
            )
            for read in (
                lambda vit, x: vit.head(vit.norm(x).mean(dim=1)),
                lambda vit, x: vit.head(vit.norm(x)[:, 1:].mean(dim=1)),
                lambda vit, x: vit.head(vit.norm(x.mean(dim=1))),
                lambda vit, x: vit.head(vit.norm(x[:, 1:].mean(dim=1))),
            )
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[:, -1])),
            "Your head reads the last patch. The class token is the first token.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[:, 1])),
            "Your head reads the first patch. The class token is token 0.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[0])),
            "You take the first *image*. The first token of every image is `[:, 0]`.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x))),
            "Your head answers for every token. Give it token 0 alone: one row of "
            "logits for each image.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.head(vit.norm(x)[:, :1])),
            "The slice `[:, :1]` keeps an axis of one token. `[:, 0]` takes it away.",
        ),
        Mistake(
            _vit(read=lambda vit, x: vit.norm(x)[:, 0]),
            "You return the class token. The head makes logits of it.",
        ),
        *(
            Mistake(
                _vit(read=lambda vit, x, last=last: last(_read_first(vit, x))),
                "You return probabilities. The model gives logits; the loss does the "
                "softmax itself.",
            )
            for last in (
                lambda logits: logits.softmax(dim=-1),
                lambda logits: logits.log_softmax(dim=-1),
                lambda logits: logits.sigmoid(),
            )
        ),
        Mistake(
            _vit(read=lambda vit, x: _read_first(vit, x).argmax(dim=-1)),
            "You return the answer of each image. The loss needs the logits.",
        ),
        Mistake(
            _vit(result=lambda logits, attention, wanted: (logits, attention)),
            "The attention weights come only if they are asked for. Without "
            "`return_attention`, return the logits alone.",
        ),
        Mistake(
            _vit(result=lambda logits, attention, wanted: logits),
            "`return_attention=True` asks for a pair: the logits, and a list with the "
            "weights of every block.",
        ),
        Mistake(
            _vit(
                result=lambda logits, attention, wanted: (
                    (logits, attention[-1]) if wanted else logits
                )
            ),
            "You return the weights of the last block. Asked is a list with those of "
            "every block.",
        ),
        Mistake(
            _vit(
                result=lambda logits, attention, wanted: (
                    (logits, attention[::-1]) if wanted else logits
                )
            ),
            "The weights of the first block come first in the list.",
        ),
        Mistake(
            _vit(
                result=lambda logits, attention, wanted: (
                    (logits, [w.mean(dim=1) for w in attention]) if wanted else logits
                )
            ),
            "Leave the heads apart: the weights of a block have the shape (B, h, T, "
            "T).",
        ),
        Mistake(
            _vit(drop=lambda vit, x: x),
            "The dropout on the tokens is missing. It does nothing in this lesson, "
            "whose models have none, but a model with dropout needs it.",
        ),
        Mistake(
            _DropoutBeforePositions,
            "Your dropout acts before the positions are added. It belongs on the sum.",
        ),
        Mistake(
            _NoGradient,
            "The logits have no gradient: with `no_grad` or `detach` inside, nothing "
            "will be learned.",
        ),
    ),
    hints=(
        "Six lines do it, in the order of the picture: embed, put the class token in "
        "front, add the positions, pass the blocks, norm, head.",
        "`self.class_token.expand(len(x), -1, -1)` gives each image its class token, "
        "and `torch.cat([..., x], dim=1)` puts it before the patches.",
        "Each block returns the new tokens and its weights: `x, weights = block(x)`. "
        "After the last one, `self.norm(x)[:, 0]` is what the head reads.",
    ),
    because="That is the whole Vision Transformer. For the same weights your class "
    "gives the same logits as the one below.",
    alternatives=(_Hstack, _PositionsInTwoParts, _vit()),
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


class _AtFirstCall(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.sizes, self.project = (in_channels, dim, patch_size, patch_size), None

    def forward(self, images):
        self.project = self.project or nn.Conv2d(*self.sizes)
        return self.project(images).flatten(2).transpose(1, 2)


class _OneForShow(_Forgetful):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__(patch_size, in_channels, dim)
        self.project = nn.Conv2d(*self.sizes)


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


class _NotFlattened(FixedPatches):
    def forward(self, images):
        return self.project(images)


class _GridKept(FixedPatches):
    def forward(self, images):
        return self.project(images).permute(0, 2, 3, 1)


class _WithoutBias(FixedPatches):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__(patch_size, in_channels, dim)
        self.project.register_parameter("bias", None)


class _ModuleNotStarted(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        self.project = nn.Conv2d(in_channels, dim, patch_size, patch_size)


class _ImagesMerged(FixedPatches):
    def forward(self, images):
        return super().forward(images).flatten(0, 1)


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


def _gradient_arrives(result, parameters):
    learned = result.requires_grad and all(p.requires_grad for p in parameters)
    if not learned:
        return False
    gradients = torch.autograd.grad(result.sum(), parameters, allow_unused=True)
    return all(gradient is not None for gradient in gradients)


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
    learns = bool(parameters) and _gradient_arrives(first, parameters)
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
    title="Spot the bug: a projection that never learns",
    solution=FixedPatches,
    probe=_probe_patches,
    cases=((2, 3, 4), (7, 1, 16)),
    mistakes=(
        Mistake(
            _Forgetful,
            "The layer is still made inside `forward`: new random weights in each "
            "call, and none that an optimizer could find.",
        ),
        Mistake(
            _Seeded,
            "A fixed seed gives the same answer twice, but the weights are still "
            "thrown away after each call: nothing is learned.",
        ),
        Mistake(
            _InAList,
            "The weights exist, but `parameters()` does not find them: a layer in a "
            "plain Python list, or a plain tensor, is not registered. Assign the layer "
            "itself (`nn.ModuleList` and `nn.Parameter` register, too).",
        ),
        Mistake(
            _Detached,
            "The weights exist, but never change: `detach`, `no_grad` or "
            "`requires_grad_(False)` keeps the gradient from them.",
        ),
        Mistake(
            _AtFirstCall,
            "The layer is made in the first call. An optimizer built before that "
            "finds no parameters.",
        ),
        Mistake(
            _OneForShow,
            "There is a layer for `parameters()` to find, but each call of `forward` "
            "uses a new one: what is learned is never used.",
        ),
        Mistake(
            _ImagesMerged,
            "The tokens of all images are in one long list. Keep the axis of the "
            "images.",
        ),
        *(
            Mistake(
                answer,
                "Your patches still stand in a grid. Merge its two sides into one axis "
                "of tokens, `(B, N, D)`.",
            )
            for answer in (_NotFlattened, _GridKept)
        ),
        Mistake(
            _WithoutBias,
            "The projection has lost its bias, which `nn.Conv2d` has by default.",
        ),
        Mistake(
            _ModuleNotStarted,
            "`super().__init__()` is missing: it must come first in `__init__`, before "
            "a layer can be registered.",
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


def _nll_of_softmax(logits, labels):
    return F.nll_loss(logits.softmax(dim=1), labels)


def _of_sigmoid(logits, labels):
    return F.cross_entropy(logits.sigmoid(), labels)


def _summed(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum")


def _smoothed(logits, labels):
    return F.cross_entropy(logits, labels, label_smoothing=0.1)


def _over_the_batch(logits, labels):
    return F.nll_loss(logits.log_softmax(dim=0), labels)


def _of_answers(logits, labels):
    return F.cross_entropy(logits.argmax(dim=1), labels)


def _labels_first(logits, labels):
    return F.cross_entropy(labels, logits)


def _without_graph(logits, labels):
    return F.cross_entropy(logits.detach(), labels)


def _loss_after_step(model, optimizer, images, labels):
    training_step(model, optimizer, images, labels)
    return F.cross_entropy(model(images), labels).item()


def _probe_step(answer, images, labels):
    """Losses of four steps of a tiny model, and its weights after them."""
    torch.manual_seed(0)
    model = nn.Linear(images.shape[1], 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
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
    title="Spot the bug: a loss that cannot fall",
    solution=training_step,
    probe=_probe_step,
    kinds=("torch",),
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
            "The weights do not move: either `step` never runs, or there are no "
            "gradients when it does. Clear the old ones, then `backward`, then `step`.",
        ),
        Mistake(
            _step(_nll_of_softmax),
            "`nll_loss` wants *logarithms* of probabilities, `log_softmax`. Without "
            "the logarithm it is no cross-entropy.",
        ),
        Mistake(
            _step(_of_sigmoid),
            "`cross_entropy` takes logits. Numbers squeezed by a sigmoid lie between 0 "
            "and 1, so even a perfect answer costs more than nothing.",
        ),
        Mistake(
            _step(order="backward step step"),
            "The optimizer takes two steps in each call. One batch is one step.",
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
        Mistake(
            _step(_smoothed),
            "Your loss has label smoothing, as the lesson's recipe does. The "
            "colleague's has none.",
        ),
        Mistake(
            _step(_over_the_batch),
            "Your softmax runs over the images of the batch (`dim=0`). The classes of "
            "one image compete, in `dim=1`.",
        ),
        Mistake(
            _step(_of_answers),
            "`argmax` gives whole numbers, which have no gradient. `cross_entropy` "
            "wants the logits.",
        ),
        Mistake(
            _step(_labels_first),
            "`cross_entropy` takes the logits first, then the labels.",
        ),
        Mistake(
            _step(_without_graph),
            "`no_grad` or `detach` cuts the loss off from the weights, so `backward` "
            "has nowhere to go.",
        ),
        Mistake(
            _loss_after_step,
            "The weights are right, but you return the loss *after* the step, for "
            "which the model has to run once more.",
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


def _peak_too_early(step, total, warmup, peak):
    if step < warmup:
        return peak * step / max(warmup - 1, 1)
    return learning_rate(step, total, warmup, peak)


def _cosine_unscaled(step, total, warmup, peak):
    return learning_rate(step, total, warmup, peak if step < warmup else 1.0)


def _cosine_upward(step, total, warmup, peak):
    falling = learning_rate(step, total, warmup, peak)
    return falling if step < warmup else peak - falling


def _one_step_ahead(step, total, warmup, peak):
    if step < warmup:
        return peak * (step + 1) / warmup
    return learning_rate(step, total, warmup, peak)


def _zero_by_zero(step, total, warmup, peak):
    if step <= warmup:
        return peak * step / warmup
    return learning_rate(step, total, warmup, peak)


def _share_zero_by_zero(step, total, warmup, peak):
    if step <= warmup:
        return peak * (step / warmup)
    return learning_rate(step, total, warmup, peak)


def _at_zero_without_warmup(step, total, warmup, peak):
    rising = step / max(warmup, 1)
    return min(peak * rising, learning_rate(max(step, warmup), total, warmup, peak))


def _step_not_shifted(step, total, warmup, peak):
    return _rate(step, total, warmup, peak, start=0)


def _whole_division(step, total, warmup, peak):
    return 0 if step < warmup else learning_rate(step, total, warmup, peak)


def _peak_at_once(step, total, warmup, peak):
    return learning_rate(max(step, warmup), total, warmup, peak)


def _not_lifted(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return learning_rate(step, total, warmup, peak) - peak / 2


def _warmup_as_share(step, total, warmup, peak):
    return learning_rate(step, total, warmup * total, peak)


def _warmup_unscaled(step, total, warmup, peak):
    return learning_rate(step, total, warmup, 1 if step < warmup else peak)


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
    if step < warmup:
        return np.interp(step, [0, warmup], [0, peak])
    return peak * np.cos(np.pi / 2 * (step - warmup) / (total - warmup)) ** 2


SCHEDULE = Exercise(
    id="04.4",
    title="Warm-up counted in steps",
    solution=learning_rate,
    cases=(
        *((step, 100, 20, 0.3) for step in (40, 10, 0, 20, 60, 21, 99, 100)),
        (30, 50, 10, 0.003),
        (0, 50, 0, 0.003),
        (30, 50, 0, 0.003),
    ),
    mistakes=(
        Mistake(_no_warmup, "There is no warm-up: the rate starts at its peak."),
        Mistake(
            _peak_at_once,
            "Your rate is at its peak during the whole warm-up. It should rise from 0.",
        ),
        Mistake(
            _one_step_ahead,
            "Your warm-up is one step ahead: step 0 should have the rate 0.",
        ),
        *(
            Mistake(
                answer,
                "Right with a warm-up. Without one (`warmup` is 0), step 0 divides 0 "
                "by 0: it belongs to the cosine.",
            )
            for answer in (_zero_by_zero, _share_zero_by_zero)
        ),
        Mistake(
            _at_zero_without_warmup,
            "Right with a warm-up. Without one (`warmup` is 0), the rate starts at "
            "`peak`, and yours at 0.",
        ),
        Mistake(
            _whole_division,
            "Your rate stays at 0 during the warm-up. `//` gives whole numbers; `/` "
            "gives shares.",
        ),
        Mistake(
            _warmup_as_share,
            "In the lesson, `warmup` was a share of the run. Here it is a number of "
            "steps.",
        ),
        Mistake(
            _warmup_unscaled,
            "Your cosine is right, but the warm-up rises to 1 instead of `peak`.",
        ),
        Mistake(
            _cosine_unscaled,
            "Your warm-up is right, but the cosine begins at 1 instead of `peak`.",
        ),
        Mistake(
            _cosine_upward,
            "Your cosine rises from 0 to `peak`. The minus is one too many: 1 + cos "
            "runs from 2 to 0.",
        ),
        Mistake(
            _peak_too_early,
            "Your warm-up reaches `peak` one step too early. It gets there at step "
            "`warmup`, so divide by `warmup`.",
        ),
        Mistake(
            _step_not_shifted,
            "Your cosine runs from step 0 on, though its length is right: count its "
            "steps from the end of the warm-up.",
        ),
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
        Mistake(
            _not_lifted,
            "Half a cosine runs from 1 to -1, so your rate becomes negative. Lift it "
            "before you halve it.",
        ),
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
            peak * step / warmup if warmup else peak,
            _rate(max(step, warmup), total, warmup, peak),
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
    right = sum((logits.argmax(0) == y).sum() for logits, y in batches)
    return right / sum(len(y) for _, y in batches)


def _over_everything(batches):
    right = sum((logits.argmax() == y).sum() for logits, y in batches)
    return right / sum(len(y) for _, y in batches)


def _largest_logit(batches):
    right = sum((logits.amax(1) == y).sum() for logits, y in batches)
    return right / sum(len(y) for _, y in batches)


def _smallest_logit(batches):
    return accuracy([(-logits, y) for logits, y in batches])


def _percent(batches):
    return 100 * accuracy(batches)


def _first_batch(batches):
    return accuracy(batches[:1])


def _all_but_the_last(batches):
    return _counted_right(batches[:-1]) / sum(len(y) for _, y in batches[:-1])


def _sum_of_shares(batches):
    return len(batches) * _mean_of_means(batches)


def _whole_division(batches):
    return accuracy(batches) // 1


def _by_logits(batches):
    return _counted_right(batches) / sum(x.numel() for x, _ in batches)


def _shares(batches):
    return [accuracy([batch]) for batch in batches]


def _error_rate(batches):
    return 1 - accuracy(batches)


def _per_batch(batches):
    return sum(int((x.argmax(1) == y).sum()) for x, y in batches) / len(batches)


def _last_batch(batches):
    return _mean_of_means(batches[-1:])


def _concatenated(batches):
    logits, labels = (torch.cat(parts) for parts in zip(*batches, strict=True))
    return (logits.argmax(dim=1) == labels).float().mean().item()


def _in_numpy_only(batches):
    right = sum(np.sum(x.numpy().argmax(axis=1) == y.numpy()) for x, y in batches)
    return right / sum(y.numel() for _, y in batches)


def _by_max(batches):
    right = total = 0
    for logits, labels in batches:
        _, answers = logits.max(1)
        assert answers.eq(logits.max(1)[1]).all()
        right += (answers == labels).sum().item()
        total += labels.size(0)
    return right / total


def _logits_that_say(answers, classes=3):
    scores = 0.1 * np.arange(len(answers) * classes).reshape(-1, classes) % 0.7 - 1
    scores[np.arange(len(answers)), answers] = [3, 2, 1, 2, 1][: len(answers)]
    return scores


def _batches(*pairs):
    return [(_logits_that_say(answers), np.array(labels)) for answers, labels in pairs]


ACCURACY = Exercise(
    id="04.5",
    title="Accuracy from batches",
    solution=accuracy,
    kinds=("torch",),
    cases=(
        (  # in which no two of the mistakes below give the same share
            _batches(
                ([1, 1, 0, 1, 2], [0, 2, 0, 1, 0]),
                ([1, 1, 1, 1], [0, 2, 1, 2]),
                ([1, 2], [2, 2]),
            ),
        ),
        (_batches(([0, 1, 2], [0, 1, 2]), ([1], [0])),),
        (_batches(([0, 2], [0, 2])),),
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
        Mistake(
            _first_batch,
            "Only the first batch counts in your result. Does a `return` stand inside "
            "the loop?",
        ),
        Mistake(_all_but_the_last, "The last batch is missing in your result."),
        Mistake(_percent, "That is in percent. Asked is the share, from 0 to 1."),
        Mistake(
            _over_everything,
            "You look for the largest logit of the whole batch. Each row is one image "
            "with an answer of its own.",
        ),
        Mistake(
            _largest_logit,
            "You compare the labels with the largest *logit*. The answer is the place "
            "where it stands.",
        ),
        Mistake(
            _smallest_logit,
            "Your answers are the least likely classes. The largest logit wins.",
        ),
        Mistake(
            _sum_of_shares,
            "You add up the accuracies of the batches, so the result can exceed 1.",
        ),
        Mistake(_by_logits, "You divide by the number of logits, not of images."),
        Mistake(
            _whole_division,
            "Your share is cut to a whole number: `//` does that. Divide with `/`.",
        ),
        Mistake(
            _shares,
            "These are the accuracies of the batches. Asked is one number for all "
            "images.",
        ),
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
        _by_max,
        lambda batches: float(accuracy(batches)),
    ),
)


# --- 04.6 Two linear layers are one -----------------------------------------------


def merge(first, second):
    one = nn.Linear(first.in_features, second.out_features)
    with torch.no_grad():
        one.weight.copy_(second.weight @ first.weight)  # (K, D)
        one.bias.copy_(second.weight @ first.bias + second.bias)
    return one


def _merged(weight=None, bias=None):
    """Return an answer with another weight or another bias than the solution's."""

    def answer(first, second):
        with torch.no_grad():
            W = (weight or (lambda a, b: b.weight @ a.weight))(first, second)
            c = (bias or (lambda a, b: b.weight @ a.bias + b.bias))(first, second)
        one = nn.Linear(W.shape[1], W.shape[0], bias=c is not None)
        one.weight = nn.Parameter(W)
        if c is not None:
            one.bias = nn.Parameter(c)
        return one

    return answer


def _stacked(first, second):
    return nn.Sequential(first, second)


def _untouched(first, second):
    return nn.Linear(first.in_features, second.out_features)


def _with_tanh(first, second):
    return nn.Sequential(first, nn.Tanh(), second)


def _by_probing(first, second):
    with torch.no_grad():
        corner = second(first(torch.zeros(1, first.in_features)))[0]
        rows = second(first(torch.eye(first.in_features))) - corner
    one = nn.Linear(*rows.shape)
    one.load_state_dict({"weight": rows.T, "bias": corner})
    return one


def _by_data(first, second):
    one = nn.Linear(first.weight.shape[1], second.weight.shape[0])
    one.weight.data = torch.einsum("km,md->kd", second.weight, first.weight).data
    one.bias.data = second(first.bias).data
    return one


def _probe_merge(answer, into, between, out):
    """Compare the merged layer with the two on new inputs."""
    first, second = nn.Linear(into, between), nn.Linear(between, out)
    with torch.no_grad():
        for weight in (*first.parameters(), *second.parameters()):
            weight.normal_()
    inputs = torch.randn(3, into)
    before = second(first(inputs)).detach().clone()
    one = answer(first, second)
    if one is ... or one is None:
        return one
    if isinstance(one, nn.Sequential):
        raise NotAnAnswer(
            "That is still a chain of layers. Asked is a single `nn.Linear`."
        )
    if not isinstance(one, nn.Linear):
        raise NotAnAnswer(
            f"Return an `nn.Linear`, not {type(one).__name__}: make one, and put your "
            "weight and bias into it."
        )
    after, fits = second(first(inputs)).detach(), one.weight.shape == (out, into)
    return {
        "shape of the weight": np.array(one.weight.shape),
        "has a bias": float(one.bias is not None),
        "outputs": one(inputs) if fits else np.array([]),
        "the two layers still give the same": float(torch.equal(before, after)),
    }


MERGE = Exercise(
    id="04.6",
    title="Two linear layers are one",
    solution=merge,
    probe=_probe_merge,
    kinds=("torch",),
    cases=((2, 4, 3), (3, 3, 3), (5, 2, 4)),
    mistakes=(
        *(
            Mistake(
                _merged(weight),
                "The order of the product: the first layer acts first, so its weight "
                "stands on the right, next to the input: `second.weight @ "
                "first.weight`.",
            )
            for weight in (
                lambda a, b: a.weight @ b.weight,
                lambda a, b: b.weight.T @ a.weight.T,
            )
        ),
        *(
            Mistake(
                _merged(weight),
                "Your weight is transposed. `nn.Linear` stores its weight as (outputs, "
                "inputs).",
            )
            for weight in (
                lambda a, b: (b.weight @ a.weight).T,
                lambda a, b: a.weight.T @ b.weight.T,
            )
        ),
        *(
            Mistake(
                _merged(weight),
                "The two weights are neither added nor multiplied number by number. "
                "One layer after the other is a matrix product.",
            )
            for weight in (
                lambda a, b: a.weight * b.weight,
                lambda a, b: a.weight + b.weight,
            )
        ),
        Mistake(
            _merged(bias=lambda a, b: a.bias + b.bias),
            "The first bias passes the second layer as well: multiply it by the second "
            "weight before you add.",
        ),
        Mistake(
            _merged(bias=lambda a, b: b.bias.clone()),
            "The first bias is lost. It passes the second layer: `second.weight @ "
            "first.bias`.",
        ),
        Mistake(
            _merged(bias=lambda a, b: b.weight @ a.bias),
            "The second bias is missing.",
        ),
        Mistake(
            _merged(bias=lambda a, b: b.weight @ a.bias - b.bias),
            "The second bias has the wrong sign.",
        ),
        Mistake(
            _merged(bias=lambda a, b: None),
            "Your layer has no bias, but the two layers together shift their input.",
        ),
        Mistake(
            _merged(bias=lambda a, b: torch.zeros(len(b.bias))),
            "The bias is missing: at an input of zeros, the two layers give "
            "`second.weight @ first.bias + second.bias`.",
        ),
        Mistake(
            lambda first, second: second,
            "You return the second of the two layers. The first one counts, too.",
        ),
        Mistake(
            lambda first, second: first,
            "You return the first of the two layers. The second one counts, too.",
        ),
        Mistake(
            _untouched,
            "Your layer keeps the random weights with which it was made.",
        ),
    ),
    hints=(
        "Write both layers as formulas: $y = W_1 x + b_1$, then $z = W_2 y + b_2$. Put "
        "the first into the second.",
        "$z = (W_2 W_1) x + (W_2 b_1 + b_2)$: the bracket on the left is the new "
        "weight, that on the right the new bias.",
        "Make an `nn.Linear(first.in_features, second.out_features)` and, under "
        "`torch.no_grad()`, copy both into it with `copy_`.",
    ),
    because="So two linear layers in a row can do no more than one. It is the tanh "
    "between them that makes the paper's head an MLP.",
    alternatives=(_by_probing, _by_data, _merged()),
)


# --- 04.7 Count the parameters ----------------------------------------------------


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


def _short(missing):
    """Return a count that lacks ``missing(sizes)``, with N the number of patches."""

    def count(image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim):
        sizes = (image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim)
        lacks = SimpleNamespace(
            **{"N": (image_size // patch_size) ** 2, "P": patch_size, "C": in_channels},
            **{"K": num_classes, "D": dim, "L": depth, "M": mlp_dim, "S": image_size},
        )
        return count_parameters(*sizes) - missing(lacks)

    return count


def _attention(s):
    return 4 * s.D * (s.D + 1)


def _mlp(s):
    return 2 * s.D * s.M + s.M + s.D


def _block(s):
    return _attention(s) + _mlp(s) + 4 * s.D


_COUNTS = (
    (
        lambda s: s.D + s.L * (5 * s.D + s.M) + s.K,
        "Every linear layer has a bias as well, one number for each output.",
    ),
    (
        lambda s: s.D,
        "You are `dim` numbers short. Usual causes: the class token is a learned "
        "vector *and* has a position of its own; and the patch projection has a bias.",
    ),
    (
        lambda s: 2 * s.D,
        "You are 2 * `dim` numbers short. Usual causes: the layer norm after the last "
        "block; or the class token together with its position.",
    ),
    (
        lambda s: (s.N + 1) * s.D,
        "The positions are missing: one learned vector for each token.",
    ),
    (
        lambda s: (s.N - s.S // s.P) * s.D,
        "You counted the patches of one side. Positions are needed for the whole grid.",
    ),
    (
        lambda s: 2 * (2 * s.L + 1) * s.D,
        "Layer norms learn too: a scale and a shift for each number of a token.",
    ),
    (
        lambda s: (2 * s.L + 1) * s.D,
        "You are `dim` numbers short for each layer norm: a norm has a scale *and* a "
        "shift.",
    ),
    (
        lambda s: 4 * s.L * s.D,
        "You are 4 * `dim` numbers short in each block. Usual causes: its two layer "
        "norms; or the biases of its attention.",
    ),
    (
        lambda s: 3 * s.L * s.D,
        "You are 3 * `dim` numbers short in each block. The usual cause: queries, keys "
        "and values have a bias each.",
    ),
    (
        lambda s: 2 * s.L * s.D,
        "You are 2 * `dim` numbers short in each block. The usual cause: a block has "
        "two layer norms, each with a scale and a shift.",
    ),
    (
        lambda s: s.L * s.D,
        "You are `dim` numbers short in each block. Usual causes: the bias of "
        "attention's last layer; or that of the MLP's.",
    ),
    (
        lambda s: s.L * s.M,
        "You are `mlp_dim` numbers short in each block: the bias of the MLP's first "
        "layer is missing.",
    ),
    (
        lambda s: s.L * (s.M + s.D),
        "You are `mlp_dim + dim` numbers short in each block: the biases of the MLP "
        "are missing.",
    ),
    (
        lambda s: s.L * (s.D * s.M + s.D),
        "The MLP has a second layer, from its own width back to `dim`.",
    ),
    (
        lambda s: _mlp(s) * s.L,
        "The MLPs are missing: every block has one behind its attention.",
    ),
    (
        lambda s: s.L * (_mlp(s) - 8 * s.D**2 - 5 * s.D),
        "Your MLP is four times as wide as the model. Its width is `mlp_dim` here.",
    ),
    (
        lambda s: s.L * s.D * (s.D + 1),
        "Attention has a fourth layer, which mixes the heads' results.",
    ),
    (
        lambda s: 2 * s.L * s.D * (s.D + 1),
        "Queries, keys and values have a layer each; you counted one of the three.",
    ),
    (
        lambda s: s.L * _attention(s),
        "The attention is missing: four linear layers in each block.",
    ),
    (
        lambda s: (s.L - 1) * _block(s),
        "You counted one block. There are `depth` of them.",
    ),
    (
        lambda s: (s.C - 1) * s.P**2 * s.D,
        "A patch has `in_channels` numbers for each pixel, not one.",
    ),
    (
        lambda s: s.C * s.D * (s.P**2 - s.P),
        "A patch is `patch_size` wide *and* high: its side enters twice.",
    ),
    (
        lambda s: s.D * s.K + s.K,
        "The head is missing, a linear layer from `dim` to the classes.",
    ),
    (
        lambda s: s.K,
        "You are `num_classes` numbers short: the head has a bias, too.",
    ),
    (
        lambda s: -s.N * s.D * s.K,
        "The head reads token 0 alone, so it takes `dim` numbers, not those of all "
        "tokens.",
    ),
)


COUNT = Exercise(
    id="04.7",
    title="Count the parameters",
    solution=count_parameters,
    cases=(
        (20, 4, 3, 6, 9, 7, 11),
        (28, 14, 1, 10, 64, 6, 128),
        (224, 16, 3, 1000, 768, 12, 3072),
    ),
    mistakes=tuple(Mistake(_short(missing), message) for missing, message in _COUNTS),
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
    alternatives=(lambda *sizes: torch.tensor(count_parameters(*sizes)),),
    tolerance=0.0,
)

EXERCISES = (FORWARD, FORGETFUL, STEP, SCHEDULE, ACCURACY, MERGE, COUNT)
