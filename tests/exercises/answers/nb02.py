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


# 02.1: layer norm for images


@right("02.1")
def pixel_norm_by_hand(images, gain, bias, eps=1e-5):
    mean = images.mean(dim=1, keepdim=True)
    variance = (images - mean).square().mean(dim=1, keepdim=True)
    normed = (images - mean) / (variance + eps).sqrt()
    return normed * gain[:, None, None] + bias[:, None, None]


@right("02.1")
def pixel_norm_permuted(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    x = F.layer_norm(x, (x.shape[-1],), gain, bias, eps)
    return x.permute(0, 3, 1, 2)


@right("02.1")
def pixel_norm_var(images, gain, bias, eps=1e-5):
    u = images.mean(1, True)
    s = images.var(1, unbiased=False, keepdim=True)
    x = (images - u) * torch.rsqrt(s + eps)
    return gain.view(1, -1, 1, 1) * x + bias.view(1, -1, 1, 1)


@right("02.1")
def pixel_norm_var_mean(images, gain, bias, eps=1e-5):
    var, mean = torch.var_mean(images, dim=-3, correction=0, keepdim=True)
    x = (images - mean) / torch.sqrt(var + eps)
    return torch.einsum("bchw,c->bchw", x, gain) + bias.reshape(-1, 1, 1)


@right("02.1")
def pixel_norm_movedim(images, gain, bias, eps=1e-5):
    norm = nn.LayerNorm(images.shape[1], eps=eps)
    norm.weight.data, norm.bias.data = gain, bias
    with torch.no_grad():
        return norm(images.movedim(1, -1)).movedim(-1, 1)


@right("02.1")
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
    "02.1",
    "takes mean and variance of whole images",
    says="You take one mean of the whole image",
)
def norm_of_image(images, gain, bias, eps=1e-5):
    x = _normed(images, (1, 2, 3), eps, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.1",
    "norms each channel over its pixels",
    says="You normalize each channel over its pixels",
)
def instance_norm(images, gain, bias, eps=1e-5):
    x = _normed(images, (2, 3), eps, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.1",
    "norms each channel over the batch",
    says="You normalize each channel over all pixels",
)
def batch_norm(images, gain, bias, eps=1e-5):
    return F.batch_norm(images, None, None, gain, bias, training=True, eps=eps)


@wrong(
    "02.1", "norms over the last axis", says="You normalize along the last axis, which"
)
def last_axis(images, gain, bias, eps=1e-5):
    x = _normed(images, -1, eps, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.1",
    "takes the variance with C − 1",
    says="Your variance is divided by C - 1, which is",
)
def unbiased(images, gain, bias, eps=1e-5):
    x = _normed(images, 1, eps)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.1", "adds eps outside the root", says="You add `eps` to the standard deviation"
)
def eps_outside(images, gain, bias, eps=1e-5):
    mean = images.mean(1, keepdim=True)
    spread = images.std(1, keepdim=True, correction=0)
    x = (images - mean) / (spread + eps)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong("02.1", "forgets eps", says="You do not use `eps`")
def no_eps(images, gain, bias, eps=1e-5):
    x = _normed(images, 1, 0, correction=0)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.1",
    "multiplies gain along the last axis",
    says="`gain` of shape (C,) is lined up with the",
)
def gain_along_width(images, gain, bias, eps=1e-5):
    return _normed(images, 1, eps, correction=0) * gain + bias


@wrong("02.1", "forgets gain and bias", says="The normalizing is right, but `gain` and")
def no_gain(images, gain, bias, eps=1e-5):
    return _normed(images, 1, eps, correction=0)


@wrong(
    "02.1", "forgets to permute back", says="The numbers are right, but the channels"
)
def not_permuted_back(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    return F.layer_norm(x, x.shape[-1:], gain, bias, eps)


@wrong("02.1", "permutes back in the wrong order", says="last two axes")
def permuted_wrongly(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    return F.layer_norm(x, x.shape[-1:], gain, bias, eps).permute(0, 3, 2, 1)


@wrong(
    "02.1",
    "reshapes where it should permute",
    says="`reshape` does not move the channels",
)
def reshaped(images, gain, bias, eps=1e-5):
    B, C, H, W = images.shape
    x = images.reshape(B, H, W, C)
    return F.layer_norm(x, (C,), gain, bias, eps).reshape(B, C, H, W)


@wrong("02.1", "does not hand eps on", says="Right for the usual `eps`, but the caller")
def eps_of_default(images, gain, bias, eps=1e-5):
    x = images.permute(0, 2, 3, 1)
    return F.layer_norm(x, x.shape[-1:], gain, bias).permute(0, 3, 1, 2)


@wrong("02.1", "divides by the variance", says="You divide by the variance")
def divides_by_variance(images, gain, bias, eps=1e-5):
    mean = images.mean(1, keepdim=True)
    variance = images.var(1, keepdim=True, correction=0)
    x = (images - mean) / (variance + eps)
    return x * gain[:, None, None] + bias[:, None, None]


@wrong("02.1", "norms the caller's images in place", says="changes what it is given")
def norm_in_place(images, gain, bias, eps=1e-5):
    variance = images.var(1, keepdim=True, correction=0)
    images -= images.mean(1, keepdim=True)
    images /= (variance + eps).sqrt()
    return images * gain[:, None, None] + bias[:, None, None]


@wrong(
    "02.1",
    "lets layer_norm work on the last axis",
    says="`layer_norm` of PyTorch works along the",
)
def layer_norm_of_images(images, gain, bias, eps=1e-5):
    return F.layer_norm(images, gain.shape, gain, bias, eps)


@wrong("02.1", "bias forgotten", says="`bias` is not used")
def norm_without_bias(images, gain, bias, eps=1e-5):
    mean = images.mean(1, keepdim=True)
    variance = images.var(1, keepdim=True, correction=0)
    return (images - mean) / (variance + eps).sqrt() * gain.view(1, -1, 1, 1)


# 02.2: heads that mix tokens


@right("02.2")
def split_view(x, heads):
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).transpose(1, 2)


@right("02.2")
def split_permute(x, heads):
    B, T, D = x.shape
    return x.reshape(B, T, heads, -1).permute(0, 2, 1, 3).contiguous()


@right("02.2")
def split_chunks(x, heads):
    return torch.stack(x.chunk(heads, dim=-1), dim=1)


@right("02.2")
def split_unflatten(x, heads):
    return x.unflatten(-1, (heads, x.size(-1) // heads)).swapaxes(1, 2)


@right("02.2")
def split_slices(x, heads):
    B, T, D = x.shape
    d = D // heads
    out = torch.zeros(B, heads, T, d, dtype=x.dtype)
    for h in range(heads):
        out[:, h] = x[:, :, h * d : (h + 1) * d]
    return out


@right("02.2")
def split_einsum(x, heads):
    B, T, D = x.shape
    return torch.einsum("bthd->bhtd", x.reshape(B, T, heads, D // heads))


@right("02.2")
def split_transposed_first(x, heads):
    B, T, D = x.shape
    return x.transpose(1, 2).reshape(B, heads, D // heads, T).transpose(2, 3)


@wrong("02.2", "is the bug itself", says="This is the bug itself")
def split_bug(x, heads):
    B, T, D = x.shape
    return x.reshape(B, heads, T, D // heads)


@wrong("02.2", "forgets the transpose", says="The cut is right, but heads still come")
def no_transpose(x, heads):
    B, T, D = x.shape
    return x.reshape(B, T, heads, D // heads)


@wrong(
    "02.2",
    "gives each head every h-th number",
    says="Head 0 should get the first d numbers of",
)
def strided_heads(x, heads):
    B, T, D = x.shape
    return x.reshape(B, T, D // heads, heads).permute(0, 3, 1, 2)


@wrong(
    "02.2",
    "leaves numbers before tokens",
    says="The heads are right, but inside each head",
)
def numbers_before_tokens(x, heads):
    B, T, D = x.shape
    return x.transpose(1, 2).reshape(B, heads, D // heads, T)


@wrong(
    "02.2",
    "reshapes after a transpose of tokens and numbers",
    says="Numbers and tokens have changed places, and",
)
def transposed_and_reshaped(x, heads):
    B, T, D = x.shape
    return x.transpose(1, 2).reshape(B, heads, T, D // heads)


@wrong(
    "02.2",
    "takes heads for the width of a head",
    says="You cut each token into pieces of `heads`",
)
def chunks_of_heads(x, heads):
    return torch.stack(x.split(heads, dim=-1), dim=1)


@wrong(
    "02.2",
    "permutes the last two axes too",
    says="The heads are right, but inside each head",
)
def permutes_last(x, heads):
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).permute(0, 2, 3, 1)


@wrong(
    "02.2",
    "puts the heads before the batch",
    says="The heads are right, but they come before",
)
def heads_first(x, heads):
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).permute(2, 0, 1, 3)


@wrong("02.2", "stacks the heads behind the batch and lets reshape sort them")
def stacked_and_reshaped(x, heads):
    B, T, D = x.shape
    parts = torch.cat(x.chunk(heads, dim=-1), dim=1)
    return parts.reshape(B, T, heads, D // heads).transpose(1, 2)


@wrong("02.2", "cuts the tokens into heads", says="You cut the *tokens* into groups")
def cuts_tokens(x, heads):
    return torch.stack(x.chunk(heads, dim=1), dim=1)


@wrong(
    "02.2",
    "uses the batch size of the example",
    says="That is right for a batch of one",
)
def batch_of_one(x, heads):
    _, T, D = x.shape
    return x.reshape(1, T, heads, -1).transpose(1, 2)


@wrong("02.2", "uses two heads as in the example", says="You always make two heads")
def always_two_heads(x, heads):
    B, T, D = x.shape
    return x.reshape(B, T, 2, D // 2).transpose(1, 2)


@wrong("02.2", "puts the heads in reverse order")
def reversed_heads(x, heads):
    d = x.shape[-1] // heads
    parts = [x[..., -(h + 1) * d : x.shape[-1] - h * d] for h in range(heads)]
    return torch.stack(parts, dim=1)


# 02.3: a mask for words of different length


@right("02.3")
def mask_broadcast(lengths, T):
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    real = torch.arange(T) < lengths[:, None]
    return causal & real[:, None, :]


@right("02.3")
def mask_positions(lengths, T):
    t = torch.arange(T)
    return (t[None, None, :] <= t[None, :, None]) & (t < lengths[:, None, None])


@right("02.3")
def mask_loops(lengths, T):
    mask = torch.zeros(len(lengths), T, T, dtype=torch.bool)
    for b, length in enumerate(lengths):
        for t in range(T):
            for s in range(T):
                mask[b, t, s] = s <= t and s < length
    return mask


@right("02.3")
def mask_repeat(lengths, T):
    mask = torch.tril(torch.ones(T, T)).repeat(len(lengths), 1, 1)
    for b in range(len(lengths)):
        mask[b, :, lengths[b] :] = 0
    return mask.bool()


@right("02.3")
def mask_minimum(lengths, T):
    last = torch.minimum(torch.arange(1, T + 1), lengths[:, None])  # (B, T)
    return torch.arange(T) < last[..., None]


@right("02.3")
def mask_numpy(lengths, T):
    causal = np.tril(np.ones((T, T), dtype=bool))
    real = np.arange(T)[None, :] < lengths.numpy()[:, None]
    return torch.from_numpy(causal[None] & real[:, None])


@right("02.3")
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
    "02.3", "hides the future only", says="Nobody looks ahead, but words shorter than"
)
def only_causal(lengths, T):
    causal, real = _parts(lengths, T)
    return causal.expand(len(lengths), T, T)


@wrong(
    "02.3", "hides the padding only", says="Padding is hidden, but a query can look at"
)
def only_padding(lengths, T):
    _, real = _parts(lengths, T)
    return real[:, None, :].expand(-1, T, -1)


@wrong(
    "02.3",
    "hides the rows of padding instead of its columns",
    says="You hide the *rows* of padding, which are",
)
def padding_by_query(lengths, T):
    causal, real = _parts(lengths, T)
    return causal & real[:, :, None]


@wrong(
    "02.3",
    "hides the rows of padding too",
    says="You hide the *rows* of padding, which are",
)
def padding_both_ways(lengths, T):
    causal, real = _parts(lengths, T)
    return causal & real[:, None, :] & real[:, :, None]


@wrong(
    "02.3",
    "lets tokens look ahead instead of back",
    says="Your queries look ahead and not back",
)
def looks_ahead(lengths, T):
    causal, real = _parts(lengths, T)
    return causal.T & real[:, None, :]


@wrong("02.3", "hides a token from itself", says="A token may look at itself")
def strictly_before(lengths, T):
    causal = torch.ones(T, T, dtype=torch.bool).tril(-1)
    return causal & _parts(lengths, T)[1][:, None, :]


@wrong(
    "02.3",
    "lets the first padding through",
    says="One place of padding is still visible",
)
def padding_one_late(lengths, T):
    causal, _ = _parts(lengths, T)
    return causal & (torch.arange(T) <= lengths[:, None])[:, None, :]


@wrong(
    "02.3",
    "True means hidden, as in nn.MultiheadAttention",
    says="Every value is the opposite of what is",
)
def true_means_hidden(lengths, T):
    causal, real = _parts(lengths, T)
    return ~(causal & real[:, None, :])


@wrong(
    "02.3",
    "joins the two masks by or",
    says="You allow a key if it is *either* not ahead",
)
def joined_by_or(lengths, T):
    causal, real = _parts(lengths, T)
    return causal | real[:, None, :]


@wrong(
    "02.3",
    "forgets the axis of the queries",
    says="The padding mask is (B, T), and joined to",
)
def mask_without_axis(lengths, T):
    causal, real = _parts(lengths, T)
    return causal & real


@wrong("02.3", "returns numbers instead of booleans", says="these are numbers")
def mask_of_numbers(lengths, T):
    causal, real = _parts(lengths, T)
    return causal.float() * real[:, None, :].float()


@wrong(
    "02.3",
    "returns what is added to the scores",
    says="These are numbers to be added to the",
)
def additive_mask(lengths, T):
    causal, real = _parts(lengths, T)
    mask = torch.zeros(len(lengths), T, T)
    return mask.masked_fill(~(causal & real[:, None, :]), -math.inf)


@wrong(
    "02.3",
    "adds an axis for the heads",
    says="The places are right, but you add an axis",
)
def mask_with_heads(lengths, T):
    causal, real = _parts(lengths, T)
    return (causal & real[:, None, :])[:, None]


@wrong(
    "02.3",
    "takes the first length for all",
    says="You use the length of the first word for",
)
def mask_of_first(lengths, T):
    causal, _ = _parts(lengths, T)
    return (causal & (torch.arange(T) < lengths[0])).repeat(len(lengths), 1, 1)


@wrong(
    "02.3",
    "counts the padded size from the lengths",
    says="Your mask is as large as the longest word",
)
def size_of_longest(lengths, T):
    T = int(lengths.max())
    causal, real = _parts(lengths, T)
    return causal & real[:, None, :]


# 02.4: cross-attention with one head


@right("02.4")
def cross_by_hand(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    scores = q @ k.T / math.sqrt(q.shape[-1])
    return scores.softmax(dim=-1) @ v


@right("02.4")
def cross_attend(x, memory, wq, wk, wv):
    return _attend(x @ wq, memory @ wk, memory @ wv)[0]


@right("02.4")
def cross_sdpa(x, memory, wq, wk, wv):
    return F.scaled_dot_product_attention(x @ wq, memory @ wk, memory @ wv)


@right("02.4")
def cross_einsum(x, memory, wq, wk, wv):
    q = torch.einsum("td,de->te", x, wq)
    k = torch.einsum("sd,de->se", memory, wk)
    v = torch.einsum("sd,de->se", memory, wv)
    w = torch.softmax(torch.einsum("te,se->ts", q, k) * wq.size(1) ** -0.5, 1)
    return torch.einsum("ts,se->te", w, v)


@right("02.4")
def cross_loops(x, memory, wq, wk, wv):
    rows = []
    for token in x:
        q = token @ wq
        scores = torch.stack([q @ (m @ wk) for m in memory]) / len(q) ** 0.5
        e = torch.exp(scores - scores.max())
        rows.append((e[:, None] * (memory @ wv)).sum(0) / e.sum())
    return torch.stack(rows)


@right("02.4")
def cross_folded(x, memory, wq, wk, wv):
    scores = x @ wq @ wk.t() @ memory.t() / wk.shape[1] ** 0.5
    return F.softmax(scores, dim=1) @ memory @ wv


@right("02.4")
def cross_batched(x, memory, wq, wk, wv):
    q, k, v = (x @ wq)[None], (memory @ wk)[None], (memory @ wv)[None]
    w = torch.bmm(q, k.transpose(1, 2)) / np.sqrt(k.size(-1))
    return torch.bmm(F.softmax(w, -1), v).squeeze(0)


def _crossed(queries, keys, values, wq, wk, wv):
    return _attend(queries @ wq, keys @ wk, values @ wv)[0]


@wrong(
    "02.4", "takes the keys from x", says="Your keys come from `x`, your values from"
)
def keys_from_x(x, memory, wq, wk, wv):
    return _crossed(x, x, memory, wq, wk, wv)


@wrong(
    "02.4", "takes the values from x", says="Your values come from `x`, your keys from"
)
def values_from_x(x, memory, wq, wk, wv):
    return _crossed(x, memory, x, wq, wk, wv)


@wrong("02.4", "attends to x itself", says="`memory` is never used")
def self_attention(x, memory, wq, wk, wv):
    return _crossed(x, x, x, wq, wk, wv)


@wrong(
    "02.4",
    "takes the queries from the memory",
    says="Queries come from the memory here",
)
def queries_from_memory(x, memory, wq, wk, wv):
    return _crossed(memory, x, x, wq, wk, wv)


@wrong("02.4", "leaves x out", says="`x` is never used")
def memory_only(x, memory, wq, wk, wv):
    return _crossed(memory, memory, memory, wq, wk, wv)


@wrong(
    "02.4", "forgets to divide by √d", says="The scores are not divided by the root of"
)
def cross_unscaled(x, memory, wq, wk, wv):
    return torch.softmax(x @ wq @ (memory @ wk).T, -1) @ (memory @ wv)


@wrong(
    "02.4",
    "divides by √D instead of √d",
    says="You divide by the root of `D`, the width of",
)
def scaled_by_model(x, memory, wq, wk, wv):
    scores = x @ wq @ (memory @ wk).T / x.shape[-1] ** 0.5
    return scores.softmax(-1) @ (memory @ wv)


@wrong("02.4", "divides by d", says="You divide the scores by `d`")
def scaled_by_width(x, memory, wq, wk, wv):
    scores = x @ wq @ (memory @ wk).T / wq.shape[-1]
    return scores.softmax(-1) @ (memory @ wv)


@wrong(
    "02.4", "takes softmax over the queries", says="Your softmax runs over the queries"
)
def softmax_over_queries(x, memory, wq, wk, wv):
    scores = x @ wq @ (memory @ wk).T / wq.shape[-1] ** 0.5
    return scores.softmax(0) @ (memory @ wv)


@wrong(
    "02.4",
    "returns the weights as well",
    says="You return two things, tokens and weights",
)
def cross_with_weights(x, memory, wq, wk, wv):
    return _attend(x @ wq, memory @ wk, memory @ wv)


@wrong("02.4", "returns the weights", says="These are the weights")
def cross_weights(x, memory, wq, wk, wv):
    return _attend(x @ wq, memory @ wk, memory @ wv)[1]


@wrong("02.4", "forgets the softmax", says="You mix the values with the scores")
def no_softmax(x, memory, wq, wk, wv):
    return x @ wq @ (memory @ wk).T / wq.shape[-1] ** 0.5 @ (memory @ wv)


@wrong("02.4", "exchanges keys and values", says="`wk` and `wv` are exchanged")
def exchanged(x, memory, wq, wk, wv):
    return _attend(x @ wq, memory @ wv, memory @ wk)[0]


@wrong("02.4", "adds x, as a block does", says="You add the queries to what")
def with_residual(x, memory, wq, wk, wv):
    return x @ wq + _crossed(x, memory, memory, wq, wk, wv)


@wrong(
    "02.4", "hides the future, as a decoder does for itself", says="You mask the future"
)
def with_causal_mask(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@wrong(
    "02.4",
    "forgets to project the values",
    says="You mix the tokens of the memory as they",
)
def raw_values(x, memory, wq, wk, wv):
    return _attend(x @ wq, memory @ wk, memory)[0]


@wrong(
    "02.4",
    "takes the keys from x for PyTorch's own function",
    says="Your keys come from `x`, your values from",
)
def keys_from_x_sdpa(x, memory, wq, wk, wv):
    return F.scaled_dot_product_attention(x @ wq, x @ wk, memory @ wv)


@wrong(
    "02.4",
    "takes the values from x for PyTorch's own function",
    says="Your values come from `x`, your keys from",
)
def values_from_x_sdpa(x, memory, wq, wk, wv):
    return F.scaled_dot_product_attention(x @ wq, memory @ wk, x @ wv)


# 02.5: a parallel block


class _Parts(nn.Module):
    """The constructor of the notebook's stub."""

    def __init__(self, dim, heads, mlp_dim):
        super().__init__()
        self.norm_1 = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.mlp = MLP(dim, mlp_dim)


@right("02.5")
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


@right("02.5")
class NormTwice(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        out = x + attended
        out = out + self.mlp(self.norm_1(x))
        return out, weights


@right("02.5")
class OutputOfAttention(_Parts):
    def forward(self, x):
        normed = self.norm_1(x)
        out = self.attention(normed)
        return (x + out[0] + self.mlp(normed), out[1])


@right("02.5")
class Summed(_Parts):
    def forward(self, x):
        h = self.norm_1(x)
        a, w = self.attention(h)
        m = self.mlp(h)
        return torch.stack([x, a, m]).sum(dim=0), w


@right("02.5")
class CloneAndAdd(_Parts):
    def forward(self, x):
        res = x.clone()
        x = self.norm_1(x)
        att, weights = self.attention(x)
        res += att
        res += self.mlp(x)
        return res, weights


@right("02.5")
class AsList(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        z, weights = self.attention.forward(y)
        return [torch.add(x, z).add(self.mlp.forward(y)), weights]


@wrong(
    "02.5",
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
    "02.5",
    "the MLP reads the tokens without norm",
    says="Attention reads normalized tokens, but your",
)
class MlpWithoutNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(x), weights


@wrong(
    "02.5",
    "the attention reads the tokens without norm",
    says="Your MLP reads normalized tokens, but",
)
class AttentionWithoutNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(x)
        return x + attended + self.mlp(self.norm_1(x)), weights


@wrong("02.5", "no norm at all", says="Nothing is normalized")
class NoNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(x)
        return x + attended + self.mlp(x), weights


@wrong("02.5", "forgets the residual stream", says="The residual is missing")
class NoResidual(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return attended + self.mlp(y), weights


@wrong(
    "02.5",
    "adds to the normalized tokens",
    says="You add the branches to the *normalized*",
)
class NormalizedStream(_Parts):
    def forward(self, x):
        x = self.norm_1(x)
        attended, weights = self.attention(x)
        return x + attended + self.mlp(x), weights


@wrong("02.5", "adds the stream twice", says="The incoming tokens are added twice")
class StreamTwice(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return (x + attended) + (x + self.mlp(y)), weights


@wrong("02.5", "returns the tokens only", says="Return two things")
class TokensOnly(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        return x + self.attention(y)[0] + self.mlp(y)


@wrong(
    "02.5",
    "the MLP reads what attention gives",
    says="Your MLP reads the output of attention",
)
class MlpAfterAttention(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(attended), weights


@wrong(
    "02.5",
    "forgets that attention gives two things",
    says="use them as if they were one",
)
class NotUnpacked(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        return x + self.attention(y) + self.mlp(y)


@wrong(
    "02.5",
    "gives weights before tokens",
    says="You return the weights before the tokens",
)
class WeightsFirst(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return weights, x + attended + self.mlp(y)


@wrong("02.5", "norms after the sum", says="You normalize the sum")
class PostNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(x)
        return self.norm_1(x + attended + self.mlp(x)), weights


@wrong("02.5", "forgets the MLP", says="The MLP's output is missing in the sum")
class NoMlp(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended, weights


@wrong(
    "02.5",
    "forgets the result of attention",
    says="What attention returns is missing in the",
)
class NoAttention(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        _, weights = self.attention(y)
        return x + self.mlp(y), weights


@wrong("02.5", "adds into the caller's tokens", says="changes what it is given")
class AddsInPlace(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        x += attended
        x += self.mlp(y)
        return x, weights


@wrong("02.5", "averages the weights over the heads", says="second thing you return")
class MeanWeights(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return x + attended + self.mlp(y), weights.mean(dim=1)


@wrong(
    "02.5", "uses a second norm, as EncoderBlock has", says="This block has no `norm_2`"
)
class SecondNorm(_Parts):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(self.norm_2(x)), weights


@wrong(
    "02.5",
    "norms the tokens a second time for the MLP",
    says="Your MLP reads tokens that have been",
)
class NormOfNorm(_Parts):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return x + attended + self.mlp(self.norm_1(y)), weights


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
