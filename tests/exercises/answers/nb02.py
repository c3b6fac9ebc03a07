"""Answers to the exercises of notebook 02 as learners give them, from the statements.

The lesson's own classes and ``attend`` are there for them, so they are here.
"""

import math

import numpy as np
import torch
from tests_answers import right, wrong
from torch import nn
from torch.nn import functional as F

from course_utils.vit.torch import MLP, MultiHeadAttention


def _attend(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    weights = scores.softmax(dim=-1)
    return weights @ v, weights


# 02.1: multi-head attention


class _Heads(nn.Module):
    """The constructor of the notebook's stub."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)


@right("02.1")
class HeadsByAttend(_Heads):
    def forward(self, x, mask=None):
        B, T, D = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q = q.view(B, T, self.heads, D // self.heads).transpose(1, 2)
        k = k.view(B, T, self.heads, D // self.heads).transpose(1, 2)
        v = v.view(B, T, self.heads, D // self.heads).transpose(1, 2)
        context, weights = _attend(q, k, v, mask)
        return self.out(context.transpose(1, 2).reshape(B, T, D)), weights


@right("02.1")
class HeadsByEinsum(_Heads):
    def forward(self, x, mask=None):
        b, t, d = x.shape
        h = self.heads
        q, k, v = self.qkv(x).reshape(b, t, 3, h, d // h).unbind(2)  # (b, t, h, d)
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * (d // h) ** -0.5
        if mask is not None:
            scores = scores + torch.where(mask, 0.0, -math.inf)
        attn = F.softmax(scores, dim=-1)
        out = torch.einsum("bhqk,bkhd->bqhd", attn, v).reshape(b, t, d)
        return self.out(out), attn


@right("02.1")
class HeadsByChunks(_Heads):
    def forward(self, x, mask=None):
        outputs, maps = [], []
        queries, keys, values = self.qkv(x).split(x.size(-1), dim=-1)
        for q, k, v in zip(
            queries.chunk(self.heads, -1),
            keys.chunk(self.heads, -1),
            values.chunk(self.heads, -1),
            strict=True,
        ):
            context, w = _attend(q, k, v, mask)
            outputs.append(context)
            maps.append(w)
        return self.out(torch.cat(outputs, dim=-1)), torch.stack(maps, dim=1)


@right("02.1")
class HeadsByTorch(_Heads):
    def forward(self, x, mask=None):
        B, T, D = x.shape
        q, k, v = (
            p.unflatten(-1, (self.heads, D // self.heads)).transpose(1, 2)
            for p in self.qkv(x).chunk(3, -1)
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        eye = torch.eye(T, device=x.device).expand(B, self.heads, T, T)
        weights = F.scaled_dot_product_attention(q, k, eye, attn_mask=mask)
        return self.out(y.transpose(1, 2).flatten(2)), weights


@right("02.1")
class HeadsInTheBatch(_Heads):
    """As in older code: heads folded into the batch, bmm, a large negative number."""

    def forward(self, x, mask=None):
        B, T, D = x.shape
        h, d = self.heads, D // self.heads

        def fold(t):
            return t.reshape(B, T, h, d).permute(0, 2, 1, 3).reshape(B * h, T, d)

        q, k, v = map(fold, torch.split(self.qkv(x), D, dim=2))
        s = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(d)
        if mask is not None:
            s = s.masked_fill(mask == 0, -1e9)
        w = torch.softmax(s, 2)
        y = torch.bmm(w, v).view(B, h, T, d).transpose(1, 2).contiguous().view(B, T, D)
        return self.out(y), w.view(B, h, T, T)


@right("02.1")
class HeadsAsList(_Heads):
    """Scales the queries, and normalizes by hand."""

    def forward(self, x, mask=None):
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        scores = (q * k.shape[-1] ** -0.5).matmul(k.permute(0, 1, 3, 2))
        if mask is not None:
            scores = torch.where(mask, scores, torch.tensor(float("-inf")))
        e = (scores - scores.amax(-1, keepdim=True)).exp()
        w = e / e.sum(-1, keepdim=True)
        y = w.matmul(v).movedim(1, 2).reshape(B, T, D)
        return [self.out(y), w]


def _heads(x, layer):
    B, T, D = x.shape
    parts = layer.qkv(x).chunk(3, dim=-1)
    shape = B, T, layer.heads, D // layer.heads
    return [part.view(shape).transpose(1, 2) for part in parts]


def _together(layer, context):
    return layer.out(context.transpose(1, 2).flatten(2))


def _weighted(scores, mask):
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1)


@wrong("02.1", "splits by one view", says="Your heads mix tokens")
class SplitByView(_Heads):
    def forward(self, x, mask=None):
        B, T, D = x.shape
        q, k, v = (
            p.reshape(B, self.heads, T, D // self.heads)
            for p in self.qkv(x).chunk(3, dim=-1)
        )
        context, weights = _attend(q, k, v, mask)
        return self.out(context.transpose(1, 2).reshape(B, T, D)), weights


@wrong("02.1", "splits and joins by one view", says="Your heads mix tokens")
class SplitAndJoinedByView(_Heads):
    def forward(self, x, mask=None):
        B, T, D = x.shape
        q, k, v = (
            p.reshape(B, self.heads, T, D // self.heads)
            for p in self.qkv(x).chunk(3, dim=-1)
        )
        context, weights = _attend(q, k, v, mask)
        return self.out(context.reshape(B, T, D)), weights


@wrong("02.1", "divides by √D", says="You divide the scores by √D")
class DividesByRootOfModel(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        weights = _weighted(q @ k.transpose(-2, -1) / x.shape[-1] ** 0.5, mask)
        return _together(self, weights @ v), weights


@wrong("02.1", "does not divide", says="The scores are not divided by √d")
class DoesNotDivide(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        weights = _weighted(q @ k.transpose(-2, -1), mask)
        return _together(self, weights @ v), weights


@wrong("02.1", "divides by d", says="You divide the scores by d.")
class DividesByWidth(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        weights = _weighted(q @ k.transpose(-2, -1) / q.shape[-1], mask)
        return _together(self, weights @ v), weights


@wrong(
    "02.1", "divides by √64 as in the paper", says="You divide by 8, which is √d only"
)
class DividesByEight(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        weights = _weighted(q @ k.transpose(-2, -1) / math.sqrt(64), mask)
        return _together(self, weights @ v), weights


@wrong("02.1", "softmax over the queries", says="Your softmax runs over the queries")
class SoftmaxOverQueries(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        weights = scores.softmax(dim=2)
        return _together(self, weights @ v), weights


@wrong("02.1", "softmax over the heads", says="Your softmax runs over the heads")
class SoftmaxOverHeads(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -math.inf)
        weights = scores.softmax(dim=1)
        return _together(self, weights @ v), weights


@wrong("02.1", "forgets the last layer", says="The last layer is missing")
class NoLastLayer(_Heads):
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self), mask)
        return context.transpose(1, 2).flatten(2), weights


@wrong("02.1", "joins without swapping axes back", says="they are joined wrongly")
class JoinedWithoutSwap(_Heads):
    def forward(self, x, mask=None):
        B, T, D = x.shape
        context, weights = _attend(*_heads(x, self), mask)
        return self.out(context.reshape(B, T, D)), weights


@wrong("02.1", "joins number by number", says="You join the heads number by number")
class JoinedByNumber(_Heads):
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self), mask)
        return self.out(context.permute(0, 2, 3, 1).flatten(2)), weights


@wrong("02.1", "joins heads in reverse", says="You join the heads in reverse order")
class JoinedInReverse(_Heads):
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self), mask)
        heads = [context[:, i] for i in range(self.heads)][::-1]
        return self.out(torch.cat(heads, dim=-1)), weights


@wrong("02.1", "exchanges queries and keys", says="queries and keys are exchanged")
class QueriesAreKeys(_Heads):
    def forward(self, x, mask=None):
        k, q, v = _heads(x, self)
        context, weights = _attend(q, k, v, mask)
        return _together(self, context), weights


@wrong("02.1", "exchanges keys and values", says="keys and values are exchanged")
class KeysAreValues(_Heads):
    def forward(self, x, mask=None):
        q, v, k = _heads(x, self)
        context, weights = _attend(q, k, v, mask)
        return _together(self, context), weights


@wrong("02.1", "forgets to swap heads and tokens", says="Your heads still come after")
class AttendsBetweenHeads(_Heads):
    def forward(self, x, mask=None):
        B, T, D = x.shape
        q, k, v = self.qkv(x).view(B, T, 3, self.heads, -1).unbind(2)
        context, weights = _attend(q, k, v, mask)
        return self.out(context.reshape(B, T, D)), weights


@wrong("02.1", "cuts into heads first", says="cut the 3·D numbers into heads first")
class HeadsFirst(_Heads):
    def forward(self, x, mask=None):
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, self.heads, 3 * D // self.heads).transpose(1, 2)
        q, k, v = qkv.chunk(3, dim=-1)
        context, weights = _attend(q, k, v, mask)
        return _together(self, context), weights


@wrong("02.1", "does not use the mask", says="a mask that is given is not used")
class MaskUnused(_Heads):
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self))
        return _together(self, context), weights


@wrong("02.1", "True means hidden", says="Your mask works the other way round")
class MaskInverted(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(mask, -math.inf)
        weights = scores.softmax(-1)
        return _together(self, weights @ v), weights


@wrong("02.1", "multiplies scores with the mask", says="You set hidden scores to 0")
class MaskOfZeros(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores * mask
        weights = scores.softmax(-1)
        return _together(self, weights @ v), weights


@wrong("02.1", "hides keys after the softmax", says="You hide keys after the softmax")
class MaskAfterSoftmax(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        weights = _weighted(q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5, None)
        if mask is not None:
            weights = weights.masked_fill(~mask, 0)
        return _together(self, weights @ v), weights


@wrong("02.1", "returns the tokens only", says="Return two things")
class TokensAlone(_Heads):
    def forward(self, x, mask=None):
        return _together(self, _attend(*_heads(x, self), mask)[0])


@wrong("02.1", "returns the weights first", says="You return the weights first")
class WeightsBefore(_Heads):
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self), mask)
        return weights, _together(self, context)


@wrong("02.1", "averages the weights over heads", says="you average the weights")
class WeightsAveraged(_Heads):
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self), mask)
        return _together(self, context), weights.mean(dim=1)


@wrong("02.1", "returns scores as weights", says="not the weights: numbers after")
class ScoresReturned(_Heads):
    def forward(self, x, mask=None):
        q, k, v = _heads(x, self)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        return _together(self, _weighted(scores, mask) @ v), scores


@wrong("02.1", "adds the residual", says="You add the incoming tokens")
class WithResidual(_Heads):
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self), mask)
        return x + _together(self, context), weights


@wrong("02.1", "leaves the graph", says="no gradient can flow back")
class LeavesTheGraph(_Heads):
    @torch.no_grad()
    def forward(self, x, mask=None):
        context, weights = _attend(*_heads(x, self), mask)
        return _together(self, context), weights


@wrong("02.1", "renames the layers", says="finds no `qkv`")
class OtherNames(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.in_proj = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x, mask=None):
        return self.out(self.in_proj(x)[..., : x.shape[-1]]), None


wrong("02.1", "hands in an object", _Heads(4, 2), says="wants the class `MyAttention`")


# 02.2: layer norm for images


@right("02.2")
def pixel_norm_by_hand(images, gain, bias, eps=1e-5):
    mean = images.mean(dim=1, keepdim=True)
    variance = (images - mean).square().mean(dim=1, keepdim=True)
    normed = (images - mean) / (variance + eps).sqrt()
    return normed * gain[:, None, None] + bias[:, None, None]


@right("02.2")
def pixel_norm_permuted(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    x = F.layer_norm(x, (x.shape[-1],), gain, bias, eps)
    return x.permute(0, 3, 1, 2)


@right("02.2")
def pixel_norm_var(images, gain, bias, eps=1e-5):
    u = images.mean(1, True)
    s = images.var(1, unbiased=False, keepdim=True)
    x = (images - u) * torch.rsqrt(s + eps)
    return gain.view(1, -1, 1, 1) * x + bias.view(1, -1, 1, 1)


@right("02.2")
def pixel_norm_var_mean(images, gain, bias, eps=1e-5):
    var, mean = torch.var_mean(images, dim=-3, correction=0, keepdim=True)
    x = (images - mean) / torch.sqrt(var + eps)
    return torch.einsum("bchw,c->bchw", x, gain) + bias.reshape(-1, 1, 1)


@right("02.2")
def pixel_norm_movedim(images, gain, bias, eps=1e-5):
    norm = nn.LayerNorm(images.shape[1], eps=eps)
    norm.weight.data, norm.bias.data = gain, bias
    with torch.no_grad():
        return norm(images.movedim(1, -1)).movedim(-1, 1)


@right("02.2")
def pixel_norm_loops(images, gain, bias, eps=1e-5):
    result = torch.empty_like(images)
    B, C, H, W = images.shape
    for b in range(B):
        for i in range(H):
            for j in range(W):
                x = images[b, :, i, j]
                spread = torch.sqrt(((x - x.mean()) ** 2).mean() + eps)
                result[b, :, i, j] = (x - x.mean()) / spread * gain + bias
    return result


def _normed(images, dim, eps, **options):
    mean = images.mean(dim=dim, keepdim=True)
    return (images - mean) / (images.var(dim, keepdim=True, **options) + eps).sqrt()


@wrong(
    "02.2",
    "takes mean and variance of whole images",
    says="You take one mean of the whole image",
)
def norm_of_image(images, gain, bias, eps=1e-5):
    x = _normed(images, (1, 2, 3), eps, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.2",
    "norms each channel over its pixels",
    says="You normalize each channel over its pixels",
)
def instance_norm(images, gain, bias, eps=1e-5):
    x = _normed(images, (2, 3), eps, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.2",
    "norms each channel over the batch",
    says="You normalize each channel over all pixels",
)
def batch_norm(images, gain, bias, eps=1e-5):
    return F.batch_norm(images, None, None, gain, bias, training=True, eps=eps)


@wrong(
    "02.2", "norms over the last axis", says="You normalize along the last axis, which"
)
def last_axis(images, gain, bias, eps=1e-5):
    x = _normed(images, -1, eps, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.2",
    "takes the variance with C − 1",
    says="Your variance is divided by C - 1, which is",
)
def unbiased(images, gain, bias, eps=1e-5):
    x = _normed(images, 1, eps)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.2", "adds eps outside the root", says="You add `eps` to the standard deviation"
)
def eps_outside(images, gain, bias, eps=1e-5):
    mean = images.mean(1, keepdim=True)
    spread = images.std(1, keepdim=True, correction=0)
    x = (images - mean) / (spread + eps)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong("02.2", "forgets eps", says="You do not use `eps`")
def no_eps(images, gain, bias, eps=1e-5):
    x = _normed(images, 1, 0, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.2",
    "multiplies gain along the last axis",
    says="`gain` of shape (C,) is lined up with the",
)
def gain_along_width(images, gain, bias, eps=1e-5):
    return _normed(images, 1, eps, correction=0) * gain + bias


@wrong("02.2", "forgets gain and bias", says="The normalizing is right, but `gain` and")
def no_gain(images, gain, bias, eps=1e-5):
    return _normed(images, 1, eps, correction=0)


@wrong(
    "02.2", "forgets to permute back", says="The numbers are right, but the channels"
)
def not_permuted_back(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    return F.layer_norm(x, x.shape[-1:], gain, bias, eps)


@wrong("02.2", "permutes back in the wrong order", says="last two axes")
def permuted_wrongly(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    return F.layer_norm(x, x.shape[-1:], gain, bias, eps).permute(0, 3, 2, 1)


@wrong(
    "02.2",
    "reshapes where it should permute",
    says="`reshape` does not move the channels",
)
def reshaped(images, gain, bias, eps=1e-5):
    B, C, H, W = images.shape
    x = images.reshape(B, H, W, C)
    return F.layer_norm(x, (C,), gain, bias, eps).reshape(B, C, H, W)


@wrong("02.2", "does not hand eps on", says="Right for the usual `eps`, but the caller")
def eps_of_default(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    return F.layer_norm(x, x.shape[-1:], gain, bias).permute(0, 3, 1, 2)


@wrong("02.2", "divides by the variance", says="You divide by the variance")
def divides_by_variance(images, gain, bias, eps=1e-5):
    mean = images.mean(1, keepdim=True)
    variance = images.var(1, keepdim=True, correction=0)
    x = (images - mean) / (variance + eps)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong("02.2", "norms the caller's images in place", says="changes what it is given")
def norm_in_place(images, gain, bias, eps=1e-5):
    variance = images.var(1, keepdim=True, correction=0)
    images -= images.mean(1, keepdim=True)
    images /= (variance + eps).sqrt()
    return images * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.2",
    "lets layer_norm work on the last axis",
    says="`layer_norm` of PyTorch works along the",
)
def layer_norm_of_images(images, gain, bias, eps=1e-5):
    return F.layer_norm(images, gain.shape, gain, bias, eps)


@wrong("02.2", "bias forgotten", says="`bias` is not used")
def norm_without_bias(images, gain, bias, eps=1e-5):
    mean = images.mean(1, keepdim=True)
    variance = images.var(1, keepdim=True, correction=0)
    return (images - mean) / (variance + eps).sqrt() * gain.view(1, -1, 1, 1)


# 02.3: what each head adds


@right("02.3")
def added_by_view(context, weight):
    B, h, T, d = context.shape
    return torch.einsum("bhtd,ohd->bhto", context, weight.view(h * d, h, d))


@right("02.3")
def added_in_a_loop(context, weight):
    d = context.size(-1)
    parts = []
    for i in range(context.size(1)):
        parts.append(context[:, i] @ weight[:, i * d : (i + 1) * d].T)
    return torch.stack(parts, dim=1)


@right("02.3")
def added_with_zeros(context, weight):
    B, h, T, d = context.shape
    out = []
    for i in range(h):
        only = torch.zeros_like(context)
        only[:, i] = context[:, i]
        out.append(F.linear(only.transpose(1, 2).reshape(B, T, h * d), weight))
    return torch.stack(out, 1)


@right("02.3")
def added_by_chunks(context, weight):
    pairs = zip(context.unbind(1), weight.chunk(context.shape[1], 1), strict=True)
    return torch.stack([head @ w.t() for head, w in pairs], 1)


@right("02.3")
def added_by_matmul(context, weight):
    B, h, T, d = context.shape
    return context @ weight.T.reshape(h, d, -1)


@wrong("02.3", "takes rows", says="You take the head's *rows*")
def rows_of_weight(context, weight):
    B, h, T, d = context.shape
    return torch.einsum("bhtd,hdo->bhto", context, weight.view(h, d, -1))


@wrong("02.3", "forgets to turn the weight", says="You take the head's *rows*")
def weight_not_turned(context, weight):
    d = context.shape[-1]
    parts = [c @ weight[i * d : i * d + d] for i, c in enumerate(context.unbind(1))]
    return torch.stack(parts, dim=1)


@wrong("02.3", "sums over the heads", says="This is the sum over the heads")
def summed_over_heads(context, weight):
    return F.linear(context.transpose(1, 2).flatten(2), weight)


@wrong(
    "02.3", "repeats the whole output", says="Each head gets the output of all heads"
)
def whole_output(context, weight):
    whole = F.linear(context.transpose(1, 2).flatten(2), weight)
    return torch.stack([whole] * context.shape[1], dim=1)


@wrong(
    "02.3", "averages, as an ensemble", says="Your parts are too small by the number"
)
def averaged(context, weight):
    return added_by_view(context, weight) / context.shape[1]


@wrong("02.3", "takes every h-th column", says="You give each head every h-th column")
def every_hth_column(context, weight):
    h = context.shape[1]
    parts = [context[:, i] @ weight[:, i::h].T for i in range(h)]
    return torch.stack(parts, dim=1)


@wrong("02.3", "does not use the weight", says="`weight` has not been used")
def weight_unused(context, weight):
    B, h, T, d = context.shape
    out = torch.zeros(B, h, T, h * d)
    for i in range(h):
        out[:, i, :, i * d : (i + 1) * d] = context[:, i]
    return out


@wrong(
    "02.3", "always takes head 0's columns", says="All your heads use the columns of"
)
def first_columns(context, weight):
    return context @ weight[:, : context.shape[-1]].T


@wrong("02.3", "leaves tokens before heads", says="tokens come before heads")
def tokens_before_heads(context, weight):
    B, h, T, d = context.shape
    return torch.einsum("bhtd,ohd->btho", context, weight.view(h * d, h, d))


@wrong("02.3", "counts columns from the end", says="Your columns are in reverse order")
def columns_from_the_end(context, weight):
    pieces = weight.chunk(context.shape[1], 1)[::-1]
    parts = [c @ w.T for c, w in zip(context.unbind(1), pieces, strict=True)]
    return torch.stack(parts, 1)


@wrong("02.3", "takes the width of a head for the number of heads")
def heads_for_width(context, weight):
    h = context.shape[1]
    parts = [context[:, i] @ weight[:, i * h : i * h + h].T for i in range(h)]
    return torch.stack(parts, 1)


# 02.4: a parallel block


class _Parts(nn.Module):
    """The constructor of the notebook's stub."""

    def __init__(self, dim, heads, mlp_dim):
        super().__init__()
        self.norm_1 = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.mlp = MLP(dim, mlp_dim)


@right("02.4")
class ParallelBlock(nn.Module):
    def __init__(self, dim, heads, mlp_dim):
        super().__init__()
        self.norm_1 = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.mlp = MLP(dim, mlp_dim)

    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return x + attended + self.mlp(y), weights


@right("02.4")
class NormTwice(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        out = x + attended
        out = out + self.mlp(self.norm_1(x))
        return out, weights


@right("02.4")
class OutputOfAttention(_Parts):
    def forward(self, x):
        normed = self.norm_1(x)
        out = self.attention(normed)
        return (x + out[0] + self.mlp(normed), out[1])


@right("02.4")
class Summed(_Parts):
    def forward(self, x):
        h = self.norm_1(x)
        a, w = self.attention(h)
        m = self.mlp(h)
        return torch.stack([x, a, m]).sum(dim=0), w


@right("02.4")
class CloneAndAdd(_Parts):
    def forward(self, x):
        res = x.clone()
        x = self.norm_1(x)
        att, weights = self.attention(x)
        res += att
        res += self.mlp(x)
        return res, weights


@right("02.4")
class AsList(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        z, weights = self.attention.forward(y)
        return [torch.add(x, z).add(self.mlp.forward(y)), weights]


@wrong(
    "02.4",
    "one after the other, as in EncoderBlock",
    says="Your MLP reads the stream *after* attention",
)
class Sequential(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        x = x + attended
        x = x + self.mlp(self.norm_1(x))
        return x, weights


@wrong(
    "02.4",
    "the MLP reads the tokens without norm",
    says="Attention reads normalized tokens, but your",
)
class MlpWithoutNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(x), weights


@wrong(
    "02.4",
    "the attention reads the tokens without norm",
    says="Your MLP reads normalized tokens, but",
)
class AttentionWithoutNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(x)
        return x + attended + self.mlp(self.norm_1(x)), weights


@wrong("02.4", "no norm at all", says="Nothing is normalized")
class NoNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(x)
        return x + attended + self.mlp(x), weights


@wrong("02.4", "forgets the residual stream", says="The residual is missing")
class NoResidual(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return attended + self.mlp(y), weights


@wrong(
    "02.4",
    "adds to the normalized tokens",
    says="You add the branches to the *normalized*",
)
class NormalizedStream(_Parts):
    def forward(self, x):
        x = self.norm_1(x)
        attended, weights = self.attention(x)
        return x + attended + self.mlp(x), weights


@wrong("02.4", "adds the stream twice", says="The incoming tokens are added twice")
class StreamTwice(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return (x + attended) + (x + self.mlp(y)), weights


@wrong("02.4", "returns the tokens only", says="Return two things")
class TokensOnly(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        return x + self.attention(y)[0] + self.mlp(y)


@wrong(
    "02.4",
    "the MLP reads what attention gives",
    says="Your MLP reads the output of attention",
)
class MlpAfterAttention(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(attended), weights


@wrong(
    "02.4",
    "forgets that attention gives two things",
    says="use them as if they were one",
)
class NotUnpacked(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        return x + self.attention(y) + self.mlp(y)


@wrong(
    "02.4",
    "gives weights before tokens",
    says="You return the weights before the tokens",
)
class WeightsFirst(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return weights, x + attended + self.mlp(y)


@wrong("02.4", "norms after the sum", says="You normalize the sum")
class PostNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(x)
        return self.norm_1(x + attended + self.mlp(x)), weights


@wrong("02.4", "forgets the MLP", says="The MLP's output is missing in the sum")
class NoMlp(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended, weights


@wrong(
    "02.4",
    "forgets the result of attention",
    says="What attention returns is missing in the",
)
class NoAttention(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        _, weights = self.attention(y)
        return x + self.mlp(y), weights


@wrong("02.4", "adds into the caller's tokens", says="changes what it is given")
class AddsInPlace(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        x += attended
        x += self.mlp(y)
        return x, weights


@wrong("02.4", "averages the weights over the heads", says="second thing you return")
class MeanWeights(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return x + attended + self.mlp(y), weights.mean(dim=1)


@wrong(
    "02.4", "uses a second norm, as EncoderBlock has", says="This block has no `norm_2`"
)
class SecondNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(self.norm_2(x)), weights


@wrong(
    "02.4",
    "norms the tokens a second time for the MLP",
    says="Your MLP reads tokens that have been",
)
class NormOfNorm(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return x + attended + self.mlp(self.norm_1(y)), weights


# 02.5: a mask for words of different length


@right("02.5")
def mask_broadcast(lengths, T):
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    real = torch.arange(T) < lengths[:, None]
    return causal & real[:, None, :]


@right("02.5")
def mask_positions(lengths, T):
    t = torch.arange(T)
    return (t[None, None, :] <= t[None, :, None]) & (t < lengths[:, None, None])


@right("02.5")
def mask_loops(lengths, T):
    mask = torch.zeros(len(lengths), T, T, dtype=torch.bool)
    for b, length in enumerate(lengths):
        for t in range(T):
            for s in range(T):
                mask[b, t, s] = s <= t and s < length
    return mask


@right("02.5")
def mask_repeat(lengths, T):
    mask = torch.tril(torch.ones(T, T)).repeat(len(lengths), 1, 1)
    for b in range(len(lengths)):
        mask[b, :, lengths[b] :] = 0
    return mask.bool()


@right("02.5")
def mask_minimum(lengths, T):
    last = torch.minimum(torch.arange(1, T + 1), lengths[:, None])  # (B, T)
    return torch.arange(T) < last[..., None]


@right("02.5")
def mask_numpy(lengths, T):
    causal = np.tril(np.ones((T, T), dtype=bool))
    real = np.arange(T)[None, :] < lengths.numpy()[:, None]
    return torch.from_numpy(causal[None] & real[:, None])


@right("02.5")
def mask_list(lengths, T):
    return torch.tensor(
        [
            [[s <= t and s < n for s in range(T)] for t in range(T)]
            for n in lengths.tolist()
        ]
    )


def _parts(lengths, T):
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    return causal, torch.arange(T) < lengths[:, None]


@wrong(
    "02.5", "hides the future only", says="Nobody looks ahead, but words shorter than"
)
def only_causal(lengths, T):
    causal, real = _parts(lengths, T)
    return causal.expand(len(lengths), T, T)


@wrong(
    "02.5", "hides the padding only", says="Padding is hidden, but a query can look at"
)
def only_padding(lengths, T):
    _, real = _parts(lengths, T)
    return real[:, None, :].expand(-1, T, -1)


@wrong(
    "02.5",
    "hides the rows of padding instead of its columns",
    says="You hide the *rows* of padding, which are",
)
def padding_by_query(lengths, T):
    causal, real = _parts(lengths, T)
    return causal & real[:, :, None]


@wrong(
    "02.5",
    "hides the rows of padding too",
    says="You hide the *rows* of padding, which are",
)
def padding_both_ways(lengths, T):
    causal, real = _parts(lengths, T)
    return causal & real[:, None, :] & real[:, :, None]


@wrong(
    "02.5",
    "lets tokens look ahead instead of back",
    says="Your queries look ahead and not back",
)
def looks_ahead(lengths, T):
    causal, real = _parts(lengths, T)
    return causal.T & real[:, None, :]


@wrong("02.5", "hides a token from itself", says="A token may look at itself")
def strictly_before(lengths, T):
    causal = torch.ones(T, T, dtype=torch.bool).tril(-1)
    return causal & _parts(lengths, T)[1][:, None, :]


@wrong(
    "02.5",
    "lets the first padding through",
    says="One place of padding is still visible",
)
def padding_one_late(lengths, T):
    causal, _ = _parts(lengths, T)
    return causal & (torch.arange(T) <= lengths[:, None])[:, None, :]


@wrong(
    "02.5",
    "True means hidden, as in nn.MultiheadAttention",
    says="Every value is the opposite of what is",
)
def true_means_hidden(lengths, T):
    causal, real = _parts(lengths, T)
    return ~(causal & real[:, None, :])


@wrong(
    "02.5",
    "joins the two masks by or",
    says="You allow a key if it is *either* not ahead",
)
def joined_by_or(lengths, T):
    causal, real = _parts(lengths, T)
    return causal | real[:, None, :]


@wrong(
    "02.5",
    "forgets the axis of the queries",
    says="The padding mask is (B, T), and joined to",
)
def mask_without_axis(lengths, T):
    causal, real = _parts(lengths, T)
    return causal & real


@wrong("02.5", "returns numbers instead of booleans", says="these are numbers")
def mask_of_numbers(lengths, T):
    causal, real = _parts(lengths, T)
    return causal.float() * real[:, None, :].float()


@wrong(
    "02.5",
    "returns what is added to the scores",
    says="These are numbers to be added to the",
)
def additive_mask(lengths, T):
    causal, real = _parts(lengths, T)
    mask = torch.zeros(len(lengths), T, T)
    return mask.masked_fill(~(causal & real[:, None, :]), -math.inf)


@wrong(
    "02.5",
    "adds an axis for the heads",
    says="The places are right, but you add an axis",
)
def mask_with_heads(lengths, T):
    causal, real = _parts(lengths, T)
    return (causal & real[:, None, :])[:, None]


@wrong(
    "02.5",
    "takes the first length for all",
    says="You use the length of the first word for",
)
def mask_of_first(lengths, T):
    causal, _ = _parts(lengths, T)
    return (causal & (torch.arange(T) < lengths[0])).repeat(len(lengths), 1, 1)


@wrong(
    "02.5",
    "counts the padded size from the lengths",
    says="Your mask is as large as the longest word",
)
def size_of_longest(lengths, T):
    T = int(lengths.max())
    causal, real = _parts(lengths, T)
    return causal & real[:, None, :]


# 02.6: a loss too good to be true

START, END = 26, 27


@right("02.6")
def pairs_cat(words):
    B = len(words)
    start, end = torch.full((B, 1), START), torch.full((B, 1), END)
    return torch.cat([start, words], dim=1), torch.cat([words, end], dim=1)


@right("02.6")
def pairs_pad(words):
    inputs = F.pad(words, (1, 0), value=26)
    targets = F.pad(words, (0, 1), value=27)
    return inputs, targets


@right("02.6")
def pairs_whole(words):
    B, L = words.shape
    whole = words.new_empty(B, L + 2)
    whole[:, 0], whole[:, 1:-1], whole[:, -1] = START, words, END
    return whole[:, :-1], whole[:, 1:]


@right("02.6")
def pairs_hstack(words):
    one = torch.ones_like(words[:, :1])
    return torch.hstack((26 * one, words)), torch.hstack((words, 27 * one))


@right("02.6")
def pairs_lists(words):
    inputs = [[26, *row] for row in words.tolist()]
    targets = [[*row, 27] for row in words.tolist()]
    return torch.tensor(inputs), torch.tensor(targets)


@right("02.6")
def pairs_comprehension(words):
    B = words.shape[0]
    start = torch.tensor([[START]]).expand(B, 1)
    end = torch.tensor([END]).repeat(B, 1)
    return [torch.cat(pair, 1) for pair in ((start, words), (words, end))]


def _joined(*parts):
    """Columns of words and of single signs, side by side."""
    B = next(len(p) for p in parts if torch.is_tensor(p))
    parts = [p if torch.is_tensor(p) else torch.full((B, 1), p) for p in parts]
    return torch.cat(parts, dim=1)


@wrong("02.6", "START and END are confused", says="The two marks are exchanged")
def marks_confused(words):
    return _joined(END, words), _joined(words, START)


@wrong(
    "02.6",
    "gives the targets as inputs, as the bug does",
    says="This is the bug itself",
)
def targets_as_inputs(words):
    return _joined(words, END), _joined(words, END)


@wrong(
    "02.6",
    "inputs and targets both begin with START",
    says="The inputs are right, but the targets are",
)
def start_on_both(words):
    return _joined(START, words), _joined(START, words)


@wrong("02.6", "gives targets before inputs", says="Inputs and targets are exchanged")
def targets_first(words):
    return _joined(words, END), _joined(START, words)


@wrong(
    "02.6", "turns the words round once more", says="You reverse the words once more"
)
def turned_again(words):
    back = words.flip(1)
    return _joined(START, back), _joined(back, END)


@wrong(
    "02.6", "turns the targets round", says="Your targets are reversed, and the inputs"
)
def turned_targets(words):
    return _joined(START, words), _joined(words.flip(1), END)


@wrong(
    "02.6", "puts both marks on both", says="You put both marks on both, which makes"
)
def both_marks(words):
    return _joined(START, words, END), _joined(START, words, END)


@wrong(
    "02.6",
    "cuts the last letter off the inputs, keeps END in neither",
    says="Shifted the right way, but the end mark is",
)
def shifted_within(words):
    return _joined(START, words[:, :-1]), words


@wrong(
    "02.6",
    "START in the targets instead of END at the end",
    says="The targets end with the *start* mark, so",
)
def start_ends_targets(words):
    return _joined(START, words), _joined(words, START)


@wrong("02.6", "END begins the inputs", says="Shifted, but the first input is the end")
def end_begins_inputs(words):
    return _joined(END, words), _joined(words, END)


@wrong("02.6", "the letters become floats", says="but as floats")
def floats(words):
    start, end = torch.ones(len(words), 1) * 26, torch.ones(len(words), 1) * 27
    return torch.cat([start, words], 1), torch.cat([words, end], 1)


@wrong("02.6", "takes 27 and 28 for the marks", says="Letters count from 0")
def marks_off_by_one(words):
    return _joined(27, words), _joined(words, 28)


@wrong(
    "02.6",
    "shifts by roll and lets END come round",
    says="Shifted, but the first input is the end",
)
def rolled(words):
    targets = _joined(words, END)
    return targets.roll(1, dims=1), targets


@wrong(
    "02.6", "the targets run two ahead", says="Your targets run two places ahead of the"
)
def two_ahead(words):
    return _joined(START, words), _joined(words[:, 1:], END, END)


@wrong(
    "02.6", "joins along the batch", says="You add the marks as words of their own, in"
)
def joined_along_batch(words):
    row = torch.full((1, words.shape[1]), START)
    return torch.cat([row, words]), torch.cat([words, row + 1])


@wrong(
    "02.6",
    "END comes first in the targets",
    says="Your targets begin with the end mark, so",
)
def end_first(words):
    return _joined(START, words), _joined(END, words)


@wrong("02.6", "no start mark", says="Your inputs have no start mark")
def pairs_without_start(words):
    end = torch.full((len(words), 1), 27)
    return words, torch.cat([words[:, 1:], end], dim=1)
