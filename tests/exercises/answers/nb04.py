"""Answers to the exercises of notebook 04 as learners give them.

They were written from the statements alone.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from tests_answers import right, wrong
from torch import nn

from course_utils.vit import torch as package

# 04.1: the forward pass


@right("04.1")
class LikeThePicture(package.ViT):
    def forward(self, images, return_attention=False):
        tokens = self.embed(images)
        B = images.shape[0]
        cls = self.class_token.expand(B, -1, -1)
        tokens = torch.cat((cls, tokens), dim=1)
        tokens = self.dropout(tokens + self.positions)
        all_weights = []
        for block in self.blocks:
            tokens, w = block(tokens)
            all_weights.append(w)
        tokens = self.norm(tokens)
        logits = self.head(tokens[:, 0])
        if return_attention:
            return logits, all_weights
        return logits


@right("04.1")
class RepeatsAndSlices(package.ViT):
    def forward(self, images, return_attention=False):
        z = self.embed(images)
        z = torch.cat([self.class_token.repeat(z.shape[0], 1, 1), z], 1)
        z = z + self.positions
        z = self.dropout(z)
        attn = ()
        for layer in self.blocks:
            out = layer(z)
            z = out[0]
            attn = (*attn, out[1])
        y = self.head(self.norm(z[:, 0, :]))
        return (y, list(attn)) if return_attention else y


@right("04.1")
class OnesTimesTheClassToken(package.ViT):
    def forward(self, x, return_attention=False):
        x = self.embed(x)
        ones = torch.ones(len(x), 1, 1)
        x = self.dropout(
            torch.cat([ones * self.class_token, x], dim=-2).add(self.positions)
        )
        kept = []
        for block in self.blocks.children():
            x, a = block(x)
            kept += [a]
        logits = self.head(self.norm(x))[:, 0]
        return (logits, kept) if return_attention else logits


@right("04.1")
class EmptyThenFilled(package.ViT):
    def forward(self, images, return_attention=False):
        patches = self.embed(images)
        B, N, D = patches.shape
        x = patches.new_empty(B, N + 1, D)
        x[:, 0] = self.class_token[0, 0]
        x[:, 1:] = patches
        x = self.dropout(x + self.positions)
        weights = [None] * len(self.blocks)
        for i, block in enumerate(self.blocks):
            x, weights[i] = block(x)
        out = self.head(self.norm(x[:, :1]).squeeze(1))
        if not return_attention:
            return out
        return out, weights


@right("04.1")
class StackedWeights(package.ViT):
    def forward(self, images, return_attention=False):
        x = self.embed(images)
        x = torch.cat([self.class_token.expand_as(x[:, :1]), x], dim=1)
        x = self.dropout(self.positions + x)
        found = []
        for block in self.blocks:
            x, w = block(x)
            found.append(w)
        logits = self.head(self.norm(x)[:, 0])
        return (logits, torch.stack(found)) if return_attention else logits


def _forward(slip, says=""):
    """Collect a wrong forward pass, given as a function, as a class."""

    def collect(function):
        answer = type(function.__name__, (package.ViT,), {"forward": function})
        wrong("04.1", slip, answer, says=says)
        return function

    return collect


def _end(vit, x, return_attention, attention):
    logits = vit.head(vit.norm(x)[:, 0])
    return (logits, attention) if return_attention else logits


def _run(vit, x):
    attention = []
    for block in vit.blocks:
        x, w = block(x)
        attention.append(w)
    return x, attention


def _start(vit, images):
    x = vit.embed(images)
    x = torch.cat([vit.class_token.expand(len(x), -1, -1), x], dim=1)
    return vit.dropout(x + vit.positions)


@_forward("no class token", says="The class token is missing")
def no_class_token(self, images, return_attention=False):
    x = self.dropout(self.embed(images) + self.positions[:, 1:])
    x, attention = _run(self, x)
    return _end(self, x, return_attention, attention)


@_forward("class token at the end", says="comes after the patches")
def class_token_at_the_end(self, images, return_attention=False):
    x = self.embed(images)
    x = torch.cat([x, self.class_token.expand(len(x), -1, -1)], dim=1)
    x, attention = _run(self, self.dropout(x + self.positions))
    logits = self.head(self.norm(x)[:, -1])
    return (logits, attention) if return_attention else logits


@_forward("class token not expanded", says="There is one class token")
def class_token_not_expanded(self, images, return_attention=False):
    x = torch.cat([self.class_token, self.embed(images)], dim=1)
    x, attention = _run(self, self.dropout(x + self.positions))
    return _end(self, x, return_attention, attention)


@_forward("no positions", says="The positions are missing")
def no_positions(self, images, return_attention=False):
    x = self.embed(images)
    x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
    x, attention = _run(self, self.dropout(x))
    return _end(self, x, return_attention, attention)


@_forward("positions before the class token", says="You add the positions before")
def positions_first(self, images, return_attention=False):
    x = self.embed(images)
    x = x + self.positions[:, : x.shape[1]]
    x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
    x, attention = _run(self, self.dropout(x))
    return _end(self, x, return_attention, attention)


@_forward("mean of the patches", says="You average tokens")
def mean_of_the_patches(self, images, return_attention=False):
    x, attention = _run(self, _start(self, images))
    logits = self.head(self.norm(x[:, 1:].mean(1)))
    return (logits, attention) if return_attention else logits


@_forward("head on all tokens", says="Your head answers for every token")
def head_on_all_tokens(self, images, return_attention=False):
    x, attention = _run(self, _start(self, images))
    logits = self.head(self.norm(x))
    return (logits, attention) if return_attention else logits


@_forward("no last norm", says="The last norm is missing")
def no_last_norm(self, images, return_attention=False):
    x, attention = _run(self, _start(self, images))
    logits = self.head(x[:, 0])
    return (logits, attention) if return_attention else logits


@_forward("result of the blocks thrown away", says="The blocks are skipped")
def blocks_thrown_away(self, images, return_attention=False):
    x = _start(self, images)
    attention = [block(x)[1] for block in self.blocks]
    return _end(self, x, return_attention, attention)


@_forward("block's pair not taken apart", says="A block returns two things")
def pair_not_taken_apart(self, images, return_attention=False):
    x = _start(self, images)
    for block in self.blocks:
        x = block(x)
    return self.head(self.norm(x)[:, 0])


@_forward("softmax at the end", says="You return probabilities")
def softmax_at_the_end(self, images, return_attention=False):
    x, attention = _run(self, _start(self, images))
    y = self.head(self.norm(x)[:, 0]).softmax(-1)
    return (y, attention) if return_attention else y


@_forward("always a pair", says="only if they are asked for")
def always_a_pair(self, images, return_attention=False):
    x, attention = _run(self, _start(self, images))
    return self.head(self.norm(x)[:, 0]), attention


@_forward("never a pair", says="`return_attention=True` asks for a pair")
def never_a_pair(self, images, return_attention=False):
    x, _ = _run(self, _start(self, images))
    return self.head(self.norm(x)[:, 0])


@_forward("no dropout", says="The dropout on the tokens is missing")
def no_dropout(self, images, return_attention=False):
    x = self.embed(images)
    x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
    x, attention = _run(self, x + self.positions)
    return _end(self, x, return_attention, attention)


@_forward("first image instead of first token", says="You take the first *image*")
def first_image(self, images, return_attention=False):
    x, attention = _run(self, _start(self, images))
    logits = self.head(self.norm(x)[0])
    return (logits, attention) if return_attention else logits


@_forward("calls the forward it inherits", says="the `forward` that the package gives")
def inherited_forward(self, images, return_attention=False):
    return package.ViT.forward(self, images, return_attention)


@_forward("one set of positions for all blocks", says="")
def positions_in_every_block(self, images, return_attention=False):
    x = self.embed(images)
    x = torch.cat([self.class_token.expand(len(x), -1, -1), x], dim=1)
    attention = []
    for block in self.blocks:
        x, w = block(self.dropout(x + self.positions))
        attention.append(w)
    return _end(self, x, return_attention, attention)


# 04.2: a projection that learns


@right("04.2")
class ConvolutionInInit(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@right("04.2")
class UnfoldAndLinear(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.P = patch_size
        self.linear = nn.Linear(in_channels * patch_size**2, dim)

    def forward(self, x):
        patches = F.unfold(x, self.P, stride=self.P)  # (B, C*P*P, N)
        return self.linear(patches.transpose(1, 2))


@right("04.2")
class ParametersByHand(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super(ParametersByHand, self).__init__()  # noqa: UP008
        self.patch_size = patch_size
        shape = (dim, in_channels, patch_size, patch_size)
        self.weight = nn.Parameter(torch.randn(shape) * 0.02)
        self.bias = nn.Parameter(torch.zeros(dim))

    def forward(self, images):
        x = F.conv2d(images, self.weight, self.bias, stride=self.patch_size)
        B, D, H, W = x.shape
        return x.view(B, D, H * W).permute(0, 2, 1)


@right("04.2")
class SequentialProjection(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, dim, (patch_size, patch_size), patch_size),
            nn.Flatten(2),
        )

    def forward(self, images):
        return self.layers(images).mT


@right("04.2")
class ReshapeAndLinear(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.patch_size, self.dim = patch_size, dim
        self.in_channels = in_channels
        self.projection = nn.Linear(in_channels * patch_size * patch_size, dim)

    def forward(self, images):
        B, C, H, W = images.shape
        P = self.patch_size
        x = images.reshape(B, C, H // P, P, W // P, P)
        x = x.permute(0, 2, 4, 3, 5, 1).reshape(B, -1, P * P * C)
        return self.projection(x)


@right("04.2")
class PermuteAtTheEnd(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.dim = dim
        self.conv = nn.Conv2d(
            in_channels=in_channels,
            out_channels=dim,
            kernel_size=patch_size,
            stride=patch_size,
        )

    def forward(self, images):
        tokens = self.conv(images).permute(0, 2, 3, 1)
        return tokens.reshape(images.shape[0], -1, self.dim)


@wrong("04.2", "the class with the bug", says="The layer is still")
class StillForgetful(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.patch_size, self.dim = patch_size, dim
        self.in_channels = in_channels

    def forward(self, images):
        project = nn.Conv2d(
            self.in_channels, self.dim, self.patch_size, stride=self.patch_size
        )
        return project(images).flatten(2).transpose(1, 2)


@wrong(
    "04.2",
    "keeps the layer in a plain list",
    says="The weights exist, but `parameters()`",
)
class InAPlainList(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.layers = [nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)]

    def forward(self, images):
        return self.layers[0](images).flatten(2).transpose(1, 2)


@wrong("04.2", "makes the layer in the first call", says="The layer is made in")
class MadeInTheFirstCall(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.sizes = in_channels, dim, patch_size, patch_size
        self.project = None

    def forward(self, images):
        if self.project is None:
            self.project = nn.Conv2d(*self.sizes)
        return self.project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "replaces the layer in every call", says="There is a layer for")
class ReplacedInEveryCall(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.sizes = in_channels, dim, patch_size, patch_size
        self.project = nn.Conv2d(*self.sizes)

    def forward(self, images):
        self.project = nn.Conv2d(*self.sizes)
        return self.project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "a fixed seed in forward hides the new layer", says="A fixed seed gives")
class SeedInForward(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.sizes = in_channels, dim, patch_size, patch_size

    def forward(self, images):
        torch.manual_seed(0)
        return nn.Conv2d(*self.sizes)(images).flatten(2).transpose(1, 2)


@wrong("04.2", "forgets the stride", says="Without a stride the")
class NoStride(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "forgets the transpose", says="Tokens should be the")
class NoTranspose(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images).flatten(2)


@wrong("04.2", "reshapes instead of transposing", says="Right shape, mixed contents")
class ReshapeForTranspose(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.dim = dim
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images).reshape(len(images), -1, self.dim)


@wrong("04.2", "no gradient in forward", says="The weights exist, but never")
class NoGradient(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    @torch.no_grad()
    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "freezes the layer", says="The weights exist, but never")
class Frozen(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)
        self.project.requires_grad_(False)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@wrong(
    "04.2",
    "tensors that are no parameters",
    says="The weights exist, but `parameters()`",
)
class PlainTensors(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.P = patch_size
        self.weight = torch.randn(dim, in_channels, patch_size, patch_size)

    def forward(self, images):
        x = F.conv2d(images, self.weight, stride=self.P)
        return x.flatten(2).transpose(1, 2)


@wrong("04.2", "one channel whatever was asked")
class OneChannel(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(1, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "arguments in the order of Conv2d")
class OrderOfConv2d(nn.Module):
    def __init__(self, in_channels, dim, patch_size):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "the lesson's sizes, whatever was asked")
class SizesOfTheLesson(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(1, 64, 14, stride=14)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "no call of super", says="`super().__init__()` is missing")
class NoSuper(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


@wrong(
    "04.2", "layer in __init__ and another one in forward", says="There is a layer for"
)
class OneForShow(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.sizes = in_channels, dim, patch_size, patch_size
        self.project = nn.Conv2d(*self.sizes)

    def forward(self, images):
        project = nn.Conv2d(*self.sizes)
        return project(images).flatten(2).transpose(1, 2)


@wrong("04.2", "flattens the batch too", says="The tokens of all images")
class FlattensTheBatch(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.dim = dim
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images).permute(0, 2, 3, 1).reshape(-1, self.dim)


@wrong("04.2", "grid not flattened", says="Your patches still stand in a grid")
class GridAsItComes(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images):
        return self.project(images)


@wrong("04.2", "without bias", says="The projection has lost its bias")
class NoBias(nn.Module):
    def __init__(self, patch_size, in_channels, dim):
        super().__init__()
        self.project = nn.Conv2d(in_channels, dim, patch_size, patch_size, bias=False)

    def forward(self, images):
        return self.project(images).flatten(2).transpose(1, 2)


# 04.3: a training step


@right("04.3")
def clear_backward_step(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@right("04.3")
def criterion_of_nn(model, optimizer, images, labels):
    criterion = nn.CrossEntropyLoss()
    logits = model(images)
    loss = criterion(logits, labels)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
    return float(loss.detach().cpu())


@right("04.3")
def log_softmax_and_nll(model, optimizer, images, labels):
    model.train()
    model.zero_grad()
    loss = F.nll_loss(model(images).log_softmax(dim=1), labels)
    loss.backward()
    optimizer.step()
    return loss.detach().numpy().item()


@right("04.3")
def picks_log_probabilities(model, optimizer, images, labels):
    optimizer.zero_grad()
    log_probabilities = F.log_softmax(model(images), dim=-1)
    rows = torch.arange(len(labels))
    loss = -log_probabilities[rows, labels].mean()
    loss.backward()
    optimizer.step()
    return loss.tolist()


@right("04.3")
def gradients_to_none(model, optimizer, images, labels):
    for p in model.parameters():
        p.grad = None
    output = model(images)
    target = F.one_hot(labels, output.shape[1]).float()
    loss = F.cross_entropy(output, target)
    loss.backward()
    optimizer.step()
    return loss.detach().item()


@right("04.3")
def log_sum_exp(model, optimizer, images, labels):
    logits = model(images)
    chosen = logits.gather(1, labels[:, None])[:, 0]
    loss = (logits.logsumexp(1) - chosen).mean()
    optimizer.zero_grad(True)
    loss.backward()
    optimizer.step()
    return loss.data.item()


@right("04.3")
def closure_for_step(model, optimizer, images, labels):
    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


@wrong("04.3", "the step with both bugs", says="Both bugs are still")
def both_bugs(model, optimizer, images, labels):
    probabilities = model(images).softmax(dim=1)
    loss = F.cross_entropy(probabilities, labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "still no zero_grad", says="The loss is right")
def no_zero_grad(model, optimizer, images, labels):
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "still a softmax", says="`cross_entropy` takes logits and")
def still_a_softmax(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images).softmax(dim=1), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "clears between backward and step", says="The weights do not")
def clears_before_step(model, optimizer, images, labels):
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss.item()


@wrong("04.3", "zero_grad without its parentheses", says="The loss is right")
def zero_grad_not_called(model, optimizer, images, labels):
    optimizer.zero_grad  # noqa: B018
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "returns the tensor", says="Return a float")
def returns_the_tensor(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss


@wrong("04.3", "nll_loss of logits", says="`nll_loss` wants log-probabilities. With")
def nll_of_logits(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.nll_loss(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "the sum of the losses", says="You sum over the batch")
def sum_of_losses(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels, reduction="sum")
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "no backward", says="The weights do not")
def no_backward(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    optimizer.step()
    return loss.item()


@wrong("04.3", "no step", says="The weights do not")
def no_step(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    return loss.item()


@wrong("04.3", "label smoothing, as in the lesson's loop", says="Your loss has label")
def label_smoothing(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels, label_smoothing=0.1)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "an optimizer of its own")
def own_optimizer(model, optimizer, images, labels):
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "step before backward", says="The weights do not")
def step_before_backward(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    optimizer.step()
    loss.backward()
    return loss.item()


@wrong("04.3", "the loss after the step", says="The weights are right")
def loss_after_the_step(model, optimizer, images, labels):
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
    return F.cross_entropy(model(images), labels).item()


@wrong("04.3", "labels and logits exchanged", says="`cross_entropy` takes the logits")
def labels_first(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(labels, model(images))
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "argmax of the logits", says="`argmax` gives whole numbers")
def argmax_of_logits(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images).argmax(dim=1), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "softmax over the images", says="Your softmax runs over")
def softmax_over_images(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.nll_loss(model(images).log_softmax(dim=0), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "switches gradients off", says="`no_grad` or `detach` cuts")
def gradients_off(model, optimizer, images, labels):
    optimizer.zero_grad()
    with torch.no_grad():
        logits = model(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "rounds the loss")
def rounds_the_loss(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    return round(loss.item(), 2)


@wrong("04.3", "nll_loss of softmax", says="`nll_loss` wants *logarithms*")
def step_nll_of_softmax(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.nll_loss(model(images).softmax(dim=1), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "sigmoid first", says="Numbers squeezed by a sigmoid")
def step_with_sigmoid(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images).sigmoid(), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


@wrong("04.3", "two steps", says="The optimizer takes two steps")
def step_twice(model, optimizer, images, labels):
    optimizer.zero_grad()
    loss = F.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    optimizer.step()
    return loss.item()


# 04.4: warm-up in steps


@right("04.4")
def if_and_cosine(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@right("04.4")
def guarded_division(step, total, warmup, peak):
    if step < warmup:
        return peak * (step / max(1, warmup))
    done = (step - warmup) / max(1, total - warmup)
    return float(peak / 2 * (1 + np.cos(np.pi * done)))


@right("04.4")
def cosine_squared(step, total, warmup, peak):
    if warmup and step <= warmup:
        return step * (peak / warmup)
    return peak * math.cos(math.pi / 2 * (step - warmup) / (total - warmup)) ** 2


@right("04.4")
def cosine_of_torch(step, total, warmup, peak):
    if step >= warmup:
        angle = torch.tensor(torch.pi * (step - warmup) / (total - warmup))
        return (peak * (1 + torch.cos(angle)) / 2).item()
    return torch.linspace(0, peak, warmup + 1)[step].item()


@right("04.4")
def interpolates(step, total, warmup, peak):
    if warmup > 0 and step < warmup:
        return np.interp(step, [0, warmup], [0.0, peak])
    fraction = (step - warmup) / (total - warmup)
    return peak * (1 - np.sin(np.pi * fraction / 2) ** 2)


@right("04.4")
def list_of_all_rates(step, total, warmup, peak):
    rates = [peak * i / warmup for i in range(warmup)]
    for i in range(warmup, total + 1):
        t = (i - warmup) / (total - warmup)
        rates.append(peak * (math.cos(math.pi * t) + 1) / 2)
    return rates[step]


@wrong(
    "04.4",
    "step <= warmup: 0/0 without a warm-up",
    says="Right with a warm-up. Without one (`warmup` is 0), step",
)
def zero_by_zero(step, total, warmup, peak):
    if step <= warmup:
        return peak * step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong("04.4", "(step + 1) / warmup", says="Your warm-up is one")
def one_step_ahead(step, total, warmup, peak):
    if step < warmup:
        return peak * (step + 1) / warmup
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong("04.4", "the cosine starts at step 0", says="Your cosine begins at")
def cosine_from_step_0(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * step / total))


@wrong("04.4", "divides by all steps", says="Your cosine is stretched")
def divides_by_total(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / total
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong(
    "04.4", "does not subtract the warm-up from the step", says="Your cosine runs from"
)
def step_not_shifted(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = step / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong("04.4", "a whole cosine", says="A whole turn brings")
def whole_cosine(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(2 * math.pi * done))


@wrong("04.4", "a quarter of a cosine", says="That is a quarter of")
def quarter_cosine(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * math.cos(math.pi / 2 * done)


@wrong("04.4", "down in a straight line", says="Your rate falls in")
def straight_down(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / (total - warmup)


@wrong("04.4", "forgets the half", says="1 + cos runs from 2")
def half_forgotten(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * (1 + math.cos(math.pi * done))


@wrong("04.4", "forgets the 1 + before the cosine", says="Half a cosine runs")
def negative_cosine(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * math.cos(math.pi * done)


@wrong("04.4", "a share of the peak", says="The shape is right")
def share_of_the_peak(step, total, warmup, peak):
    if step < warmup:
        return step / warmup
    done = (step - warmup) / (total - warmup)
    return 0.5 * (1 + math.cos(math.pi * done))


@wrong(
    "04.4", "the lesson's warm-up, a share of the run", says="In the lesson, `warmup`"
)
def warmup_as_a_share(step, total, warmup, peak):
    if step < warmup * total:
        return peak * step / (warmup * total)
    done = (step - warmup * total) / (total - warmup * total)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong("04.4", "whole division", says="Your rate stays at")
def whole_division(step, total, warmup, peak):
    if step < warmup:
        return peak * (step // warmup)
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong("04.4", "cosine of degrees", says="`math.cos` takes radians: half")
def cosine_of_degrees(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(180 * done))


@wrong("04.4", "peak already during the warm-up", says="Your rate is at its")
def peak_at_once(step, total, warmup, peak):
    if step < warmup:
        return peak
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong(
    "04.4", "the peak multiplies the cosine's half only", says="Your cosine is right"
)
def peak_missing_in_warmup(step, total, warmup, peak):
    if step < warmup:
        return step / warmup
    done = (step - warmup) / (total - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * done))


@wrong("04.4", "peak one step early", says="reaches `peak` one step too early")
def rate_peak_early(step, total, warmup, peak):
    if step < warmup:
        return peak * step / max(warmup - 1, 1)
    return peak / 2 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


@wrong("04.4", "cosine from 1", says="the cosine begins at 1 instead of `peak`")
def rate_cosine_from_one(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / (total - warmup))) / 2


@wrong("04.4", "1 - cos", says="Your cosine rises from 0 to `peak`")
def rate_one_minus_cosine(step, total, warmup, peak):
    if step < warmup:
        return peak * step / warmup
    return peak / 2 * (1 - math.cos(math.pi * (step - warmup) / (total - warmup)))


# 04.5: accuracy from batches


@right("04.5")
def argmax_and_sums(batches):
    correct = total = 0
    for logits, labels in batches:
        correct += (logits.argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return correct / total


@right("04.5")
def max_second(batches):
    right_answers, count = 0, 0
    for logits, labels in batches:
        predicted = logits.max(1)[1]
        right_answers += predicted.eq(labels).sum()
        count += labels.size(0)
    return right_answers / count


@right("04.5")
def max_unpacked(batches):
    hits, n = 0.0, 0
    for x, y in batches:
        _, p = x.max(1)
        hits += (p == y).float().sum().item()
        n += y.shape[0]
    return hits / n


@right("04.5")
def max_second_compared(batches):
    correct = total = 0
    for logits, labels in batches:
        correct += (logits.max(1)[1] == labels).sum()
        total += len(labels)
    return correct / total


@right("04.5")
def max_of_torch(batches):
    correct, total = 0, 0
    for outputs, labels in batches:
        _, predicted = torch.max(outputs.data, 1)
        total += labels.size(0)
        correct += (predicted == labels).sum().item()
    return correct / total


@right("04.5")
def cat_of_all(batches):
    logits, labels = zip(*batches, strict=True)
    return (torch.cat(logits).argmax(-1) == torch.cat(labels)).float().mean()


@right("04.5")
def list_of_hits(batches):
    hits = [
        int(row.argmax()) == int(label)
        for logits, labels in batches
        for row, label in zip(logits, labels, strict=True)
    ]
    return sum(hits) / len(hits)


@right("04.5")
def weighted_mean(batches):
    sizes = torch.tensor([float(len(labels)) for _, labels in batches])
    shares = torch.stack([(x.argmax(1) == y).double().mean() for x, y in batches])
    return ((shares * sizes).sum() / sizes.sum()).item()


@right("04.5")
def topk_and_squeeze(batches):
    answers = [x.topk(1, dim=1).indices.squeeze(1) for x, _ in batches]
    labels = [y for _, y in batches]
    return torch.eq(torch.cat(answers), torch.cat(labels)).double().mean().item()


@right("04.5")
def by_way_of_numpy(batches):
    answers = np.concatenate([x.detach().cpu().numpy().argmax(1) for x, _ in batches])
    labels = np.concatenate([y.cpu().numpy() for _, y in batches])
    return np.mean(answers == labels)


@right("04.5")
def softmax_and_sort(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        order = F.softmax(logits, dim=-1).argsort(dim=-1, descending=True)
        correct += int((order[:, 0] == labels).sum())
        total += labels.numel()
    return torch.tensor(correct / total)


@wrong("04.5", "the mean of the batches' accuracies", says="You average the accuracies")
def mean_of_batches(batches):
    shares = [(x.argmax(1) == y).float().mean().item() for x, y in batches]
    return sum(shares) / len(shares)


@wrong("04.5", "percent", says="That is in percent.")
def percent(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        correct += (logits.argmax(1) == labels).sum().item()
        total += len(labels)
    return 100 * correct / total


@wrong("04.5", "the loop returns after its first batch", says="Only the first batch")
def returns_early(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        correct += (logits.argmax(1) == labels).sum().item()
        total += len(labels)
        return correct / total


@wrong("04.5", "argmax over the images")
def argmax_over_images(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        answers = logits.argmax(0)
        n = min(len(answers), len(labels))
        correct += (answers[:n] == labels[:n]).sum().item()
        total += len(labels)
    return correct / total


@wrong("04.5", "argmax over the images, which stops", says="You take the largest")
def argmax_0_stops(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        correct += (logits.argmax(dim=0) == labels).sum().item()
        total += len(labels)
    return correct / total


@wrong("04.5", "one argmax for the whole batch", says="You look for the largest")
def argmax_without_dim(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        correct += (logits.argmax() == labels).sum().item()
        total += len(labels)
    return correct / total


@wrong("04.5", "last batch only", says="Only the last batch")
def last_batch_only(batches):
    for logits, labels in batches:
        correct = (logits.argmax(1) == labels).sum().item()
        total = len(labels)
    return correct / total


@wrong("04.5", "the number of right answers", says="That is how many are")
def number_of_right(batches):
    return sum((x.argmax(1) == y).sum().item() for x, y in batches)


@wrong("04.5", "the share of errors", says="That is the share of")
def share_of_errors(batches):
    errors, total = 0, 0
    for logits, labels in batches:
        errors += (logits.argmax(1) != labels).sum().item()
        total += len(labels)
    return errors / total


@wrong("04.5", "the largest logit instead of its place", says="You compare the labels")
def largest_logit(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        predicted = logits.max(1)[0]
        correct += (predicted == labels).sum().item()
        total += len(labels)
    return correct / total


@wrong("04.5", "all batches counted as large as the first", says="You divide as if all")
def size_of_the_first(batches):
    correct = sum((x.argmax(1) == y).sum().item() for x, y in batches)
    return correct / (len(batches) * len(batches[0][1]))


@wrong(
    "04.5",
    "divides by the number of batches",
    says="You divide by the number of batches",
)
def divided_by_batches(batches):
    correct = sum((x.argmax(1) == y).sum().item() for x, y in batches)
    return correct / len(batches)


@wrong(
    "04.5", "divides by the number of logits", says="You divide by the number of logits"
)
def divided_by_logits(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        correct += (logits.argmax(1) == labels).sum().item()
        total += logits.numel()
    return correct / total


@wrong("04.5", "whole division", says="Your share is cut to")
def divided_to_a_whole(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        correct += (logits.argmax(1) == labels).sum().item()
        total += len(labels)
    return correct // total


@wrong("04.5", "drops the smaller last batch", says="The last batch is missing")
def drops_the_last(batches):
    correct, total = 0, 0
    for logits, labels in batches[:-1]:
        correct += (logits.argmax(1) == labels).sum().item()
        total += len(labels)
    return correct / total


@wrong(
    "04.5",
    "counters reset in the loop, shares summed",
    says="You add up the accuracies",
)
def sum_of_shares(batches):
    accuracy = 0
    for logits, labels in batches:
        accuracy += (logits.argmax(1) == labels).float().mean().item()
    return accuracy


@wrong("04.5", "argmin", says="Your answers are the")
def argmin(batches):
    correct, total = 0, 0
    for logits, labels in batches:
        correct += (logits.argmin(1) == labels).sum().item()
        total += len(labels)
    return correct / total


@wrong("04.5", "a list of one accuracy for each batch", says="These are the accuracies")
def one_for_each_batch(batches):
    return [(x.argmax(1) == y).float().mean().item() for x, y in batches]


# 04.6: two linear layers are one


@right("04.6")
def copies_under_no_grad(first, second):
    layer = nn.Linear(first.in_features, second.out_features)
    with torch.no_grad():
        layer.weight.copy_(second.weight @ first.weight)
        layer.bias.copy_(second.weight @ first.bias + second.bias)
    return layer


@right("04.6")
def new_parameters(first, second):
    W = torch.matmul(second.weight, first.weight).detach()
    b = torch.mv(second.weight, first.bias).add(second.bias).detach()
    layer = nn.Linear(W.size(1), W.size(0))
    layer.weight, layer.bias = nn.Parameter(W), nn.Parameter(b)
    return layer


@right("04.6")
def bias_through_the_layer(first, second):
    layer = nn.Linear(first.weight.shape[1], second.weight.shape[0])
    layer.weight.data = (first.weight.T @ second.weight.T).T
    layer.bias.data = second(first.bias)
    return layer


@right("04.6")
def asks_the_layers(first, second):
    with torch.no_grad():
        b = second(first(torch.zeros(first.in_features)))
        W = second(first(torch.eye(first.in_features))) - b
        layer = nn.Linear(first.in_features, second.out_features)
        layer.weight[:] = W.T
        layer.bias[:] = b
    return layer


@right("04.6")
def by_a_state_dict(first, second):
    weight = torch.einsum("ij,jk->ik", second.weight, first.weight)
    bias = F.linear(first.bias[None], second.weight, second.bias)[0]
    layer = nn.Linear(weight.shape[1], weight.shape[0])
    layer.load_state_dict({"weight": weight, "bias": bias})
    return layer


def _linear(weight, bias):
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight.detach().clone()
    if bias is not None:
        layer.bias.data = bias.detach().clone()
    return layer


@wrong("04.6", "weights in the order of the layers", says="The order of the product")
def order_of_the_layers(first, second):
    bias = second.weight @ first.bias + second.bias
    return _linear(first.weight @ second.weight, bias)


@wrong("04.6", "adds the biases", says="The first bias passes")
def adds_the_biases(first, second):
    return _linear(second.weight @ first.weight, first.bias + second.bias)


@wrong("04.6", "second bias only", says="The first bias is lost")
def second_bias_only(first, second):
    return _linear(second.weight @ first.weight, second.bias)


@wrong("04.6", "first bias only", says="The second bias is missing")
def first_bias_only(first, second):
    return _linear(second.weight @ first.weight, second.weight @ first.bias)


@wrong("04.6", "no bias", says="Your layer has no bias")
def no_bias(first, second):
    return _linear(second.weight @ first.weight, None)


@wrong("04.6", "a chain", says="still a chain of layers")
def a_chain(first, second):
    return nn.Sequential(first, second)


@wrong("04.6", "a function", says="Return an `nn.Linear`")
def a_function(first, second):
    return lambda x: second(first(x))


@wrong("04.6", "the weight alone", says="Return an `nn.Linear`")
def the_weight_alone(first, second):
    return second.weight @ first.weight


@wrong("04.6", "a new layer with random weights", says="keeps the random weights")
def random_weights(first, second):
    return nn.Linear(first.in_features, second.out_features)


@wrong("04.6", "transposed weight", says="Your weight is transposed")
def transposed_weight(first, second):
    weight = (second.weight @ first.weight).T
    return _linear(weight, second.weight @ first.bias + second.bias)


@wrong("04.6", "number by number")
def number_by_number(first, second):
    bias = second.weight @ first.bias + second.bias
    return _linear(second.weight * first.weight, bias)


@wrong("04.6", "keeps the tanh")
def keeps_the_tanh(first, second):
    bias = second.weight @ torch.tanh(first.bias) + second.bias
    return _linear(second.weight @ first.weight, bias)


# 04.7: parameters


@right("04.7")
def part_by_part(image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim):
    N = (image_size // patch_size) ** 2
    embed = in_channels * patch_size**2 * dim + dim
    tokens = dim + (N + 1) * dim
    norm = 2 * dim
    attention = 3 * dim * dim + 3 * dim + dim * dim + dim
    mlp = dim * mlp_dim + mlp_dim + mlp_dim * dim + dim
    block = norm + attention + norm + mlp
    head = dim * num_classes + num_classes
    return embed + tokens + depth * block + norm + head


@right("04.7")
def linear_helper(
    image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim
):
    def linear(a, b):
        return (a + 1) * b

    total = linear(in_channels * patch_size * patch_size, dim)
    total += dim  # class token
    total += ((image_size // patch_size) ** 2 + 1) * dim
    for _ in range(depth):
        total += 2 * 2 * dim
        total += 4 * linear(dim, dim)
        total += linear(dim, mlp_dim) + linear(mlp_dim, dim)
    return total + 2 * dim + linear(dim, num_classes)


@right("04.7")
def shapes_and_products(
    image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim
):
    N = int((image_size / patch_size) ** 2)
    shapes = [(dim, in_channels, patch_size, patch_size), (dim,)]
    shapes += [(1, 1, dim), (1, N + 1, dim)]
    shapes += depth * [
        *4 * [(dim,)],
        *[(3 * dim, dim), (3 * dim,), (dim, dim), (dim,)],
        *[(mlp_dim, dim), (mlp_dim,), (dim, mlp_dim), (dim,)],
    ]
    shapes += [(dim,), (dim,), (num_classes, dim), (num_classes,)]
    return sum(math.prod(shape) for shape in shapes)


@right("04.7")
def one_formula(image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim):
    N, D, M = (image_size // patch_size) ** 2, dim, mlp_dim
    return (
        D * (in_channels * patch_size**2 + N + 5)
        + depth * (4 * D * D + 2 * D * M + 9 * D + M)
        + num_classes * (D + 1)
    )


@right("04.7")
def table_of_parts(
    image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim
):
    patches = np.square(image_size // patch_size)
    parts = {
        "patches": dim * (in_channels * patch_size * patch_size + 1),
        "class token and positions": dim * (patches + 2),
        "attention": depth * 4 * (dim * dim + dim),
        "mlp": depth * (2 * dim * mlp_dim + mlp_dim + dim),
        "norms": (2 * depth + 1) * 2 * dim,
        "head": (dim + 1) * num_classes,
    }
    return sum(parts.values())


def _count(**changes):
    """A count of parameters with parts of it changed; ``changes`` get its names."""

    def count_parameters(
        image_size, patch_size, in_channels, num_classes, dim, depth, mlp_dim
    ):
        D, M, N = dim, mlp_dim, (image_size // patch_size) ** 2
        names = {
            **{"D": D, "M": M, "N": N, "C": in_channels, "P": patch_size},
            **{"K": num_classes, "depth": depth, "S": image_size},
        }
        part = {
            "patches": in_channels * patch_size**2 * D + D,
            "class_token": D,
            "positions": (N + 1) * D,
            "attention": 4 * (D * D + D),
            "mlp": 2 * D * M + M + D,
            "norms": 4 * D,
            "blocks": depth,
            "last_norm": 2 * D,
            "head": D * num_classes + num_classes,
        }
        part |= {name: change(**names) for name, change in changes.items()}
        block = part["attention"] + part["mlp"] + part["norms"]
        outside = ("patches", "class_token", "positions", "last_norm", "head")
        return part["blocks"] * block + sum(part[name] for name in outside)

    return count_parameters


def _nothing(**names):
    return 0


wrong(
    "04.7",
    "no class token",
    _count(class_token=_nothing),
    says="You are `dim` numbers short.",
)
wrong(
    "04.7",
    "a position for each patch only",
    _count(positions=lambda N, D, **_: N * D),
    says="You are `dim` numbers short.",
)
wrong(
    "04.7",
    "neither the class token nor its position",
    _count(class_token=_nothing, positions=lambda N, D, **_: N * D),
    says="You are 2 * `dim` numbers short.",
)
wrong(
    "04.7", "no positions", _count(positions=_nothing), says="The positions are missing"
)
wrong(
    "04.7",
    "no last norm",
    _count(last_norm=_nothing),
    says="You are 2 * `dim` numbers short.",
)
wrong(
    "04.7",
    "no norms in the blocks",
    _count(norms=_nothing),
    says="You are 4 * `dim` numbers",
)
wrong(
    "04.7",
    "one norm in a block",
    _count(norms=lambda D, **_: 2 * D),
    says="You are 2 * `dim` numbers short in",
)
wrong(
    "04.7",
    "norms have a scale only",
    _count(norms=lambda D, **_: 2 * D, last_norm=lambda D, **_: D),
    says="You are `dim` numbers short for",
)
wrong(
    "04.7",
    "no norms",
    _count(norms=_nothing, last_norm=_nothing),
    says="Layer norms learn too",
)
wrong(
    "04.7",
    "no bias of the patch projection",
    _count(patches=lambda C, P, D, **_: C * P * P * D),
    says="You are `dim` numbers short.",
)
wrong(
    "04.7",
    "no bias of the head",
    _count(head=lambda D, K, **_: D * K),
    says="You are `num_classes` numbers",
)
wrong("04.7", "no head", _count(head=_nothing), says="The head is missing")
wrong(
    "04.7",
    "no output projection",
    _count(attention=lambda D, **_: 3 * (D * D + D)),
    says="Attention has a fourth",
)
wrong(
    "04.7",
    "no bias of queries, keys and values",
    _count(attention=lambda D, **_: 4 * D * D + D),
    says="You are 3 * `dim` numbers",
)
wrong(
    "04.7",
    "no bias in attention",
    _count(attention=lambda D, **_: 4 * D * D),
    says="You are 4 * `dim` numbers",
)
wrong(
    "04.7",
    "no bias of the output projection",
    _count(attention=lambda D, **_: 4 * D * D + 3 * D),
    says="You are `dim` numbers short in",
)
wrong(
    "04.7",
    "no bias in the MLP",
    _count(mlp=lambda D, M, **_: 2 * D * M),
    says="You are `mlp_dim +",
)
wrong(
    "04.7",
    "the MLP's first bias forgotten",
    _count(mlp=lambda D, M, **_: 2 * D * M + D),
    says="You are `mlp_dim` numbers",
)
wrong(
    "04.7",
    "the MLP's second bias forgotten",
    _count(mlp=lambda D, M, **_: 2 * D * M + M),
    says="You are `dim` numbers short in",
)
wrong(
    "04.7",
    "one linear layer in the MLP",
    _count(mlp=lambda D, M, **_: D * M + M),
    says="The MLP has a second",
)
wrong(
    "04.7",
    "an MLP of four times the width",
    _count(mlp=lambda D, **_: 8 * D * D + 5 * D),
    says="Your MLP is four times",
)
wrong("04.7", "one block", _count(blocks=lambda **_: 1), says="You counted one block.")
wrong(
    "04.7",
    "patches of one channel",
    _count(patches=lambda P, D, **_: P * P * D + D),
    says="A patch has `in_channels`",
)
wrong(
    "04.7",
    "the side of a patch not squared",
    _count(patches=lambda C, P, D, **_: C * P * D + D),
    says="A patch is `patch_size`",
)
wrong(
    "04.7",
    "patches counted along one side",
    _count(positions=lambda S, P, D, **_: (S // P + 1) * D),
    says="You counted the patches",
)
wrong(
    "04.7",
    "the head reads all tokens",
    _count(head=lambda N, D, K, **_: (N + 1) * D * K + K),
    says="The head reads token",
)
wrong(
    "04.7",
    "no bias anywhere",
    _count(
        patches=lambda C, P, D, **_: C * P * P * D,
        attention=lambda D, **_: 4 * D * D,
        mlp=lambda D, M, **_: 2 * D * M,
        head=lambda D, K, **_: D * K,
    ),
    says="Every linear layer has",
)
wrong("04.7", "the ViT-B/16 of the lesson", lambda *sizes, **named: 86_567_656)
