"""Exercises of notebook 02: heads, norms, blocks and what a decoder may see."""

import torch
from torch import nn

from course_utils.exercises.compare import plain, same
from course_utils.exercises.judge import Exercise, Mistake, NotAnAnswer
from course_utils.vit.torch import MLP, EncoderBlock, MultiHeadAttention


def _numbers(*shape):
    """Fixed numbers that look like activations."""
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(*shape, generator=generator).round(decimals=1)


# --- 02.1 -------------------------------------------------------------------------


class MyAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)  # queries, keys, values at once
        self.out = nn.Linear(dim, dim)

    def forward(self, x, mask=None):
        """Return attended tokens (B, T, D) and weights (B, h, T, T)."""
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, h, T, d)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf)
        weights = scores.softmax(dim=-1)  # (B, h, T, T)
        context = (weights @ v).transpose(1, 2)  # (B, T, h, d)
        return self.out(context.reshape(B, T, D)), weights


def _roots(q):
    return q.shape[-1] ** 0.5


def _masked(scores, mask):
    return scores if mask is None else scores.masked_fill(~mask, -torch.inf)


def _joined(context):
    return context.transpose(1, 2).flatten(2)


def _joined_by_view(context):
    return context.reshape(len(context), context.shape[2], -1)


def _cut(qkv, heads):
    return qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)


def _slip(cut=_cut, divisor=_roots, mask=_masked, axis=-1, join=_joined, **late):
    """Return the class with one step of ``forward`` done in another way."""
    weigh = late.get("weigh", lambda scores: scores.softmax(axis))
    finish = late.get("finish", lambda self, context, x: self.out(context))

    class Slipped(MyAttention):
        def forward(self, x, allowed=None):
            q, k, v = cut(self.qkv(x), self.heads)
            scores = q @ k.transpose(-2, -1) / divisor(q)
            weights = weigh(mask(scores, allowed))
            if "after" in late and allowed is not None:
                weights = late["after"](weights, allowed)
            return finish(self, join(weights @ v), x), weights

    return Slipped


def _cut_by_view(qkv, heads):
    B, T, _ = qkv.shape
    return [part.reshape(B, heads, T, -1) for part in qkv.chunk(3, dim=-1)]


def _cut_whole_by_view(qkv, heads):
    B, T, _ = qkv.shape
    return qkv.reshape(B, 3, heads, T, -1).unbind(1)


def _cut_interleaved(qkv, heads):
    return qkv.unflatten(-1, (3, -1, heads)).permute(2, 0, 4, 1, 3)


def _cut_head_by_head(qkv, heads):
    return qkv.unflatten(-1, (heads, 3, -1)).permute(3, 0, 2, 1, 4)


def _not_transposed(qkv, heads):
    return qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 1, 3, 4)


def _in_roles(first, second, third):
    return lambda qkv, heads: [_cut(qkv, heads)[i] for i in (first, second, third)]


class _ByLoop(MyAttention):
    def forward(self, x, mask=None):
        parts = [part.chunk(self.heads, -1) for part in self.qkv(x).chunk(3, -1)]
        found = []
        for q, k, v in zip(*parts, strict=True):
            scores = torch.einsum("btd,bsd->bts", q, k) / q.shape[-1] ** 0.5
            found.append((_masked(scores, mask).softmax(-1), v))
        tokens = self.out(torch.cat([weights @ v for weights, v in found], -1))
        return tokens, torch.stack([weights for weights, _ in found], 1)


class _ByTorch(MyAttention):
    def forward(self, x, mask=None):
        q, k, v = _cut(self.qkv(x), self.heads)
        attend = nn.functional.scaled_dot_product_attention
        context = attend(q, k, v, attn_mask=mask)
        weights = _masked(q @ k.mT / _roots(q), mask).softmax(-1)
        return self.out(_joined(context)), weights


def _run_attention(answer, x, heads, mask):
    """Give the answer the weights of PyTorch's own layer, and compare what both give.

    What comes back are the tokens alone, so that the example shown stays small.
    """
    if not (isinstance(answer, type) and issubclass(answer, nn.Module)):
        raise NotAnAnswer("The check wants the class `MyAttention`, an `nn.Module`.")
    theirs = nn.MultiheadAttention(x.shape[-1], heads, batch_first=True).eval()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.7)
    ours = answer(x.shape[-1], heads).eval()
    last = theirs.out_proj
    for name, weight, bias in (
        ("qkv", theirs.in_proj_weight, theirs.in_proj_bias),
        ("out", last.weight, last.bias),
    ):
        layer = getattr(ours, name, None)
        if not isinstance(layer, nn.Linear) or layer.weight.shape != weight.shape:
            raise NotAnAnswer(
                f"The check copies weights into your layer, but finds no `{name}` of "
                "the right size in it. Keep the constructor of the stub as it is."
            )
        layer.weight, layer.bias = weight, bias
    found = ours(x) if mask is None else ours(x, mask)
    if found is ... or found is None:
        return found
    if not (isinstance(found, tuple | list) and len(found) == 2):
        raise NotAnAnswer("Return two things: the attended tokens, and the weights.")
    hidden = None if mask is None else ~mask
    options = {"average_attn_weights": False, "attn_mask": hidden}
    tokens, weights = theirs(x, x, x, **options)
    if same(found[0], weights, 1e-4):
        raise NotAnAnswer("You return the weights first. The tokens come first.")
    if same(found[0], tokens, 1e-4):
        _judge_weights(found, weights)
    return found[0]


def _judge_weights(found, wanted):
    """Say what is wrong beside right tokens, if anything is."""
    tokens, weights = found
    if same(weights, wanted.mean(1), 1e-4):
        raise NotAnAnswer(
            "Your tokens are right, but you average the weights over the heads. Return "
            "those of each head, (B, h, T, T)."
        )
    if not same(weights, wanted, 1e-4):
        raise NotAnAnswer(
            "Your tokens are right, but the second thing you return is not the "
            "weights: numbers after the softmax, (B, h, T, T), a row for each query."
        )
    if not getattr(tokens, "requires_grad", False):
        raise NotAnAnswer(
            "Right numbers, but no gradient can flow back through them, so the layer "
            "would never learn. Stay in torch, without `detach`, `.data` or `no_grad`."
        )


_LOOK_BACK = torch.ones(5, 5, dtype=torch.bool).tril()
_ANY = torch.tensor([[1, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1]]).bool()
_SPLIT_BY_VIEW = (
    "Your heads mix tokens: a single `view` or `reshape` to (B, h, T, d) cuts the "
    "numbers in the order in which they lie in memory, and that order is token by "
    "token. Cut the last axis only, then swap two axes."
)
_ROLES = (
    "The parts of `qkv` have changed roles: first come the queries, then the keys, "
    "then the values. In your answer "
)

MULTI_HEAD = Exercise(
    id="02.1",
    title="Write multi-head attention",
    solution=MyAttention,
    cases=(
        (_numbers(2, 5, 12), 3, None),
        (_numbers(3, 4, 6), 2, None),
        (_numbers(2, 4, 8), 1, None),
        (_numbers(2, 5, 12), 4, _LOOK_BACK),
        (_numbers(3, 4, 6), 2, _ANY),
    ),
    probe=_run_attention,
    tolerance=1e-4,
    mistakes=(
        *(
            Mistake(_slip(cut, join=join), _SPLIT_BY_VIEW)
            for cut in (_cut_by_view, _cut_whole_by_view)
            for join in (_joined, _joined_by_view)
        ),
        Mistake(
            _slip(_not_transposed, join=lambda context: context.flatten(2)),
            "Your heads still come after the tokens, (B, T, h, d), so that in each "
            "token one head attends to the others. Swap these two axes before the "
            "scores.",
        ),
        Mistake(
            _slip(_cut_interleaved),
            "Head 0 should get the first d numbers of each token. Yours gets every "
            "h-th number. Trained from scratch that would do, but it does not fit "
            "weights that come from elsewhere.",
        ),
        Mistake(
            _slip(_cut_head_by_head),
            "You cut the 3·D numbers into heads first and each head into q, k, v. The "
            "first D numbers are all queries, the next D all keys, the last D all "
            "values.",
        ),
        Mistake(
            _slip(join=_joined_by_view),
            "The heads are right, but they are joined wrongly: before the `reshape` to "
            "(B, T, D) the axes of heads and tokens must change places again.",
        ),
        Mistake(
            _slip(join=lambda context: context.permute(0, 2, 3, 1).flatten(2)),
            "You join the heads number by number. They stand side by side: first all d "
            "numbers of head 0, then those of head 1.",
        ),
        Mistake(
            _slip(join=lambda context: context.flip(1).transpose(1, 2).flatten(2)),
            "You join the heads in reverse order: head 0 comes first.",
        ),
        Mistake(
            _slip(join=lambda context: context.mean(1).repeat(1, 1, context.shape[1])),
            "You average the heads. They are joined side by side, and `out` mixes "
            "them.",
        ),
        Mistake(
            _slip(divisor=lambda q: (q.shape[1] * q.shape[-1]) ** 0.5),
            "You divide the scores by √D, the root of the model's width. What counts "
            "is the width of one head, √d.",
        ),
        Mistake(
            _slip(divisor=lambda q: 1),
            "The scores are not divided by √d, so the softmax is too sharp.",
        ),
        Mistake(
            _slip(divisor=lambda q: q.shape[-1]),
            "You divide the scores by d. It is the root of d.",
        ),
        Mistake(
            _slip(divisor=lambda q: 8),
            "You divide by 8, which is √d only for heads of width 64. Take the width "
            "that these heads have.",
        ),
        Mistake(
            _slip(divisor=lambda q: q.shape[1] ** 0.5),
            "You divide by the root of the number of heads. It is the root of d, the "
            "width of one head.",
        ),
        Mistake(
            _slip(divisor=lambda q: q.shape[-2] ** 0.5),
            "You divide by the root of T, the number of tokens. It is the root of d.",
        ),
        Mistake(
            _slip(axis=-2),
            "Your softmax runs over the queries. Each *query* spreads a weight of 1 "
            "over the keys: the last axis.",
        ),
        Mistake(
            _slip(axis=1),
            "Your softmax runs over the heads. Each head has weights of its own, which "
            "sum to 1 over the keys: the last axis.",
        ),
        Mistake(
            _slip(
                weigh=lambda scores: scores, mask=lambda s, m: s if m is None else s * m
            ),
            "You mix the values with the scores themselves. Scores become weights by "
            "softmax.",
        ),
        Mistake(
            _slip(finish=lambda self, context, x: context),
            "The last layer is missing: the heads stand side by side, but `self.out` "
            "has not mixed them.",
        ),
        Mistake(
            _slip(finish=lambda self, context, x: x + self.out(context)),
            "You add the incoming tokens. The residual is the block's business; here "
            "only what attention finds is wanted.",
        ),
        Mistake(
            _slip(_in_roles(1, 0, 2)),
            _ROLES + "queries and keys are exchanged.",
        ),
        Mistake(
            _slip(_in_roles(0, 2, 1)),
            _ROLES + "keys and values are exchanged.",
        ),
        Mistake(
            _slip(_in_roles(2, 1, 0)),
            _ROLES + "queries and values are exchanged.",
        ),
        Mistake(
            _slip(_in_roles(0, 1, 1)),
            "You mix the keys. Weights come from keys, contents from values.",
        ),
        Mistake(
            _slip(mask=lambda scores, mask: scores),
            "Right without a mask, but a mask that is given is not used.",
        ),
        Mistake(
            _slip(mask=lambda s, m: s if m is None else s.masked_fill(m, -torch.inf)),
            "Your mask works the other way round: in this course True means *may "
            "look*. (In `nn.MultiheadAttention` it means *hidden*.)",
        ),
        Mistake(
            _slip(mask=lambda s, m: s if m is None else s.masked_fill(~m, 0)),
            "You set hidden scores to 0, and e⁰ is 1: a hidden key still gets weight. "
            "Fill in minus infinity.",
        ),
        Mistake(
            _slip(mask=lambda s, m: s, after=lambda weights, m: weights * m),
            "You hide keys after the softmax, so that the weights of a row no longer "
            "sum to 1. Hide the *scores*, before it.",
        ),
        Mistake(
            _slip(mask=lambda s, m: _masked(s, None if m is None else m.T)),
            "Your mask is transposed: its rows are queries, its columns keys.",
        ),
    ),
    hints=(
        "Follow the drawing: project, split, attend in each head, join, mix. Write the "
        "shape behind each line; with five lines of shapes the code writes itself.",
        "`self.qkv(x)` is (B, T, 3·D), and `.chunk(3, dim=-1)` cuts it into queries, "
        "keys and values. Each is split as in the cell above: `view` to (B, T, h, d), "
        "then `transpose(1, 2)`. After that, `attend(q, k, v, mask)` does all heads "
        "at once.",
        "`attend` returns context (B, h, T, d) and weights (B, h, T, T). Swap axes 1 "
        "and 2 of the context, `reshape` it to (B, T, D), and hand it to `self.out`.",
    ),
    because="It gives PyTorch's numbers: heads are a way to cut and join columns.",
    alternatives=(_ByLoop, _ByTorch),
)


# --- 02.2 -------------------------------------------------------------------------


def pixel_norm(images, gain, bias, eps=1e-5):
    mean = images.mean(dim=1, keepdim=True)  # (B, C, H, W) -> (B, 1, H, W)
    variance = images.var(dim=1, keepdim=True, correction=0)
    normed = (images - mean) / (variance + eps).sqrt()
    return normed * gain[:, None, None] + bias[:, None, None]  # (C, 1, 1)


def _normed(images, axes, eps, correction=0):
    mean = images.mean(dim=axes, keepdim=True)
    variance = images.var(dim=axes, keepdim=True, correction=correction)
    return (images - mean) / (variance + eps).sqrt()


def _scaled(normed, gain, bias):
    return normed * gain[:, None, None] + bias[:, None, None]


def _norm_along_rows(images, gain, bias, eps=1e-5):
    return _scaled(_normed(images, -1, eps), gain, bias)


def _norm_of_whole_image(images, gain, bias, eps=1e-5):
    return _scaled(_normed(images, (1, 2, 3), eps), gain, bias)


def _norm_of_channel(images, gain, bias, eps=1e-5):
    return _scaled(_normed(images, (2, 3), eps), gain, bias)


def _norm_over_batch(images, gain, bias, eps=1e-5):
    return _scaled(_normed(images, (0, 2, 3), eps), gain, bias)


def _norm_unbiased(images, gain, bias, eps=1e-5):
    return _scaled(_normed(images, 1, eps, correction=1), gain, bias)


def _norm_without_root(images, gain, bias, eps=1e-5):
    mean = images.mean(dim=1, keepdim=True)
    variance = images.var(dim=1, keepdim=True, correction=0)
    return _scaled((images - mean) / (variance + eps), gain, bias)


def _norm_eps_outside(images, gain, bias, eps=1e-5):
    mean = images.mean(dim=1, keepdim=True)
    deviation = images.std(dim=1, keepdim=True, correction=0)
    return _scaled((images - mean) / (deviation + eps), gain, bias)


def _norm_without_gain(images, gain, bias, eps=1e-5):
    return _normed(images, 1, eps)


def _gain_along_rows(images, gain, bias, eps=1e-5):
    return _normed(images, 1, eps) * gain + bias


def _norm_root_mean_square(images, gain, bias, eps=1e-5):
    mean_square = images.square().mean(dim=1, keepdim=True)
    return _scaled(images / (mean_square + eps).sqrt(), gain, bias)


def _norm_keepdim_forgotten(images, gain, bias, eps=1e-5):
    centered = images - images.mean(1)
    return _scaled(centered / (images.var(1, correction=0) + eps).sqrt(), gain, bias)


def _norm_without_eps(images, gain, bias, eps=1e-5):
    return _scaled(_normed(images, 1, 0.0), gain, bias)


def _norm_with_own_eps(images, gain, bias, eps=1e-5):
    return _scaled(_normed(images, 1, 1e-5), gain, bias)


def _norm_not_permuted_back(images, gain, bias, eps=1e-5):
    return pixel_norm(images, gain, bias, eps).permute(0, 2, 3, 1)


def _norm_reshaped(images, gain, bias, eps=1e-5):
    pixels = images.reshape(-1, len(gain))
    normed = nn.functional.layer_norm(pixels, gain.shape, gain, bias, eps)
    return normed.reshape(images.shape)


def _norm_of_last_axis(images, gain, bias, eps=1e-5):
    return nn.functional.layer_norm(images, gain.shape, gain, bias, eps)


def _norm_in_numpy(images, gain, bias, eps=1e-5):
    images, gain, bias = (a.numpy() for a in (images, gain, bias))
    centered = images - images.mean(1, keepdims=True)
    normed = centered / (images.var(1, keepdims=True) + eps) ** 0.5
    return normed * gain.reshape(-1, 1, 1) + bias.reshape(-1, 1, 1)


PIXEL_NORM = Exercise(
    id="02.2",
    title="Layer norm for images",
    solution=pixel_norm,
    cases=(
        (
            _numbers(2, 3, 2, 4),
            torch.tensor([1.0, 2.0, 0.5]),
            torch.tensor([0.0, 1.0, -1.0]),
        ),
        (_numbers(2, 3, 2, 4) / 200, torch.ones(3), torch.zeros(3)),
        (_numbers(2, 3, 4, 5), torch.tensor([1.0, 3.0, 2.0]), torch.zeros(3), 0.1),
    ),
    mistakes=(
        Mistake(
            _norm_along_rows,
            "You normalize along the last axis, which here is a row of pixels. The "
            "numbers of one pixel lie along the channel axis.",
        ),
        Mistake(
            _norm_of_whole_image,
            "You take one mean of the whole image. Each pixel needs its own, over its "
            "channels alone.",
        ),
        Mistake(
            _norm_of_channel,
            "You normalize each channel over its pixels: that is instance norm. Here "
            "each pixel is normalized over its channels.",
        ),
        Mistake(
            _norm_over_batch,
            "You normalize each channel over all pixels and images: that is batch "
            "norm. Layer norm never mixes images, nor pixels.",
        ),
        Mistake(
            _norm_unbiased,
            "Your variance is divided by C - 1, which is what `var` does by default in "
            "torch. Layer norm divides by C.",
        ),
        Mistake(
            _norm_without_root,
            "You divide by the variance. The standard deviation is its square root.",
        ),
        Mistake(
            _norm_eps_outside,
            "You add `eps` to the standard deviation. Layer norm adds it to the "
            "variance, under the root: where there is little spread, that matters.",
        ),
        Mistake(
            _norm_without_gain,
            "The normalizing is right, but `gain` and `bias` are not used.",
        ),
        Mistake(
            lambda images, gain, bias, eps=1e-5: _scaled(
                _normed(images, 1, eps), gain, 0 * bias
            ),
            "`bias` is not used. It is added at the end, to every pixel.",
        ),
        Mistake(
            _gain_along_rows,
            "`gain` of shape (C,) is lined up with the last axis, the rows of pixels. "
            "It runs only if W happens to equal C, and then it is wrong.",
        ),
        Mistake(
            _norm_of_last_axis,
            "`layer_norm` of PyTorch works along the last axis, which here is a row "
            "of pixels. The channels come second.",
        ),
        Mistake(
            _norm_without_eps,
            "You do not use `eps`. Where a pixel's channels hardly differ, that shows.",
        ),
        Mistake(
            _norm_with_own_eps,
            "Right for the usual `eps`, but the caller may hand over another one, and "
            "you do not use it.",
        ),
        Mistake(
            _norm_not_permuted_back,
            "The numbers are right, but the channels still come last. The images "
            "should come back as (B, C, H, W).",
        ),
        Mistake(
            _norm_reshaped,
            "`reshape` does not move the channels: it cuts the numbers as they lie in "
            "memory, so your groups of C mix several pixels. To move an axis, permute.",
        ),
        Mistake(
            _norm_root_mean_square,
            "You do not subtract the mean. Without it, this is RMSNorm, a later "
            "relative of layer norm.",
        ),
        Mistake(
            _norm_keepdim_forgotten,
            "Without `keepdim=True` the channel axis is gone, and broadcasting lines "
            "the means up with the wrong axis, if it can at all.",
        ),
    ),
    hints=(
        "A pixel is a token, and its C channels are the token's numbers. Which axis "
        "holds them?",
        "`keepdim=True` keeps an axis of length 1, so that `images - mean` broadcasts.",
        "Broadcasting lines up shapes from the right: `gain` needs the shape "
        "`(C, 1, 1)` to meet the channel axis.",
    ),
    because="It is layer norm with pixels as tokens, and only the axis has moved.",
    alternatives=(
        _norm_in_numpy,
        lambda images, gain, bias, eps=1e-5: nn.functional.layer_norm(
            images.permute(0, 2, 3, 1), gain.shape, gain, bias, eps
        ).permute(0, 3, 1, 2),
    ),
)


# --- 02.3 -------------------------------------------------------------------------


def added_by_heads(context, weight):
    B, h, T, d = context.shape
    columns = weight.view(-1, h, d)  # (D, D) -> (D, h, d): d columns a head
    return torch.einsum("bhtd,ohd->bhto", context, columns)  # (B, h, T, D)


def _add_by_rows(context, weight):
    return context @ weight.reshape(*context.shape[1::2], -1)


def _add_whole(context, weight):
    whole = _joined(context) @ weight.T
    return whole[:, None].expand(-1, context.shape[1], -1, -1)


def _add_summed(context, weight):
    return _joined(context) @ weight.T


def _add_averaged(context, weight):
    return added_by_heads(context, weight) / context.shape[1]


def _add_interleaved(context, weight):
    B, h, T, d = context.shape
    return torch.einsum("bhtd,odh->bhto", context, weight.reshape(-1, d, h))


def _in_place_of_one(context):
    """Put each head where it stands in the row of all, and zeros elsewhere."""
    h = context.shape[1]
    alone = torch.eye(h)[:, None, :, None] * context[:, :, :, None]
    return alone.flatten(-2)  # (B, h, T, D)


def _add_unmixed(context, weight):
    return _in_place_of_one(context)


def _add_same_columns(context, weight):
    return context @ weight[:, : context.shape[-1]].T


def _add_turned_columns(context, weight):
    return added_by_heads(context.flip(1), weight).flip(1)


def _add_tokens_first(context, weight):
    return added_by_heads(context, weight).transpose(1, 2)


def _add_by_zeros(context, weight):
    return nn.functional.linear(_in_place_of_one(context), weight)


def _add_by_loop(context, weight):
    d = context.shape[-1]
    slices = [weight[:, i * d : (i + 1) * d] for i in range(context.shape[1])]
    return [[head @ w.T for head, w in zip(c, slices, strict=True)] for c in context]


ADDED_BY_HEADS = Exercise(
    id="02.3",
    title="What each head adds",
    solution=added_by_heads,
    cases=(
        (_numbers(2, 3, 5, 4), _numbers(12, 12)),
        (_numbers(1, 2, 3, 2), _numbers(4, 4)),
        (_numbers(3, 4, 2, 3), _numbers(12, 12) / 2),
    ),
    mistakes=(
        Mistake(
            _add_by_rows,
            "You take the head's *rows* of `weight`. `nn.Linear` computes "
            "`x @ weight.T`, so a number of `x` meets a *column* of `weight`.",
        ),
        Mistake(
            _add_whole,
            "Each head gets the output of all heads together. Wanted is what it adds "
            "alone: its own d columns of `weight`.",
        ),
        Mistake(
            _add_summed,
            "This is the sum over the heads, the output of the layer. Wanted are its "
            "parts, before the sum: (B, h, T, D).",
        ),
        Mistake(
            _add_averaged,
            "Your parts are too small by the number of heads: the layer *adds* what "
            "its heads say, and does not average it.",
        ),
        Mistake(
            _add_interleaved,
            "You give each head every h-th column. Heads stand side by side: the first "
            "d columns belong to head 0, the next d to head 1.",
        ),
        Mistake(
            _add_unmixed,
            "Each head stands in its own place, and `weight` has not been used: it "
            "spreads the d numbers of a head over all D.",
        ),
        Mistake(
            _add_same_columns,
            "All your heads use the columns of head 0. Head 1 owns the next d columns.",
        ),
        Mistake(
            _add_turned_columns,
            "Your columns are in reverse order: the first d belong to head 0.",
        ),
        Mistake(
            _add_tokens_first,
            "The numbers are right, but tokens come before heads: (B, T, h, D) instead "
            "of (B, h, T, D).",
        ),
    ),
    hints=(
        "Put zeros in the place of all heads but one, and send the row through the "
        "last layer: what comes out is what this head adds. Which columns of `weight` "
        "then play a part?",
        "Head 0 owns `weight[:, :d]`, head 1 `weight[:, d:2*d]`. The output of a "
        "linear layer is `x @ weight.T`.",
        "`weight.view(D, h, d)` sorts the columns by head; `torch.einsum` with "
        "`bhtd,ohd->bhto` multiplies each head with its own.",
    ),
    because="The layer's output is the sum of these parts and the bias: heads add up.",
    alternatives=(_add_by_zeros, _add_by_loop),
)


# --- 02.4 -------------------------------------------------------------------------


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


class _OneAfterTheOther(ParallelBlock):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        x = x + attended
        return x + self.mlp(self.norm_1(x)), weights


class _NoResidual(ParallelBlock):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return attended + self.mlp(y), weights


class _ResidualTwice(ParallelBlock):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return (x + attended) + (x + self.mlp(y)), weights


class _ResidualOfNormed(ParallelBlock):
    def forward(self, x):
        x = self.norm_1(x)
        attended, weights = self.attention(x)
        return x + attended + self.mlp(x), weights


class _MLPWithoutNorm(ParallelBlock):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(x), weights


class _MLPOfAttended(ParallelBlock):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(attended), weights


class _NormAtTheEnd(ParallelBlock):
    def forward(self, x):
        attended, weights = self.attention(x)
        return self.norm_1(x + attended + self.mlp(x)), weights


class _TwoNorms(ParallelBlock):
    def __init__(self, dim, heads, mlp_dim):
        super().__init__(dim, heads, mlp_dim)
        self.norm_2 = nn.LayerNorm(dim)

    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended + self.mlp(self.norm_2(x)), weights


class _AttentionWithoutNorm(ParallelBlock):
    def forward(self, x):
        attended, weights = self.attention(x)
        return x + attended + self.mlp(self.norm_1(x)), weights


class _WithoutNorm(ParallelBlock):
    def forward(self, x):
        attended, weights = self.attention(x)
        return x + attended + self.mlp(x), weights


class _WithoutMLP(ParallelBlock):
    def forward(self, x):
        attended, weights = self.attention(self.norm_1(x))
        return x + attended, weights


class _WithoutAttention(ParallelBlock):
    def forward(self, x):
        y = self.norm_1(x)
        return x + self.mlp(y), self.attention(y)[1]


class _NormTwice(ParallelBlock):
    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return x + attended + self.mlp(self.norm_1(y)), weights


class _WeightsFirst(ParallelBlock):
    def forward(self, x):
        return super().forward(x)[::-1]


class _InPlaceStyle(ParallelBlock):
    def forward(self, x):
        normed = self.norm_1(x)
        result, weights = self.attention(normed)
        result += self.mlp(normed)
        result += x
        return result, weights


class _OnTopOfEncoderBlock(EncoderBlock):
    """Leaves norm_2 unused."""

    def forward(self, x):
        y = self.norm_1(x)
        attended, weights = self.attention(y)
        return sum((x, self.mlp(y), attended)), weights


_STOPS = {  # what an error says, and what it means here
    "norm_2": "This block has no `norm_2`: both branches share one norm.",
    "tuple": "`self.attention(...)` returns two things, tokens and weights, and you "
    "use them as if they were one.",
}


def _first_run(block, x):
    """Run the block, and say in the words of the task what stops it."""
    try:
        return block(x)
    except (AttributeError, TypeError) as error:
        for word, message in _STOPS.items():
            if word in str(error):
                raise NotAnAnswer(message) from error
        raise


def _run_block(answer, x, heads, mlp_dim):
    """Build the block, give it the reference's weights, run it, compare both results.

    What comes back are the tokens alone, so that the example shown stays small.
    """
    if not (isinstance(answer, type) and issubclass(answer, nn.Module)):
        raise NotAnAnswer("The check wants the class `ParallelBlock`, an `nn.Module`.")
    reference = ParallelBlock(x.shape[-1], heads, mlp_dim)
    for parameter in reference.parameters():
        nn.init.normal_(parameter)  # norms too, or some mistakes would not show
    block = answer(x.shape[-1], heads, mlp_dim)
    with torch.no_grad():
        first = _first_run(block, x)
        if first is ... or first is None:
            return first
        missing = block.load_state_dict(reference.state_dict(), strict=False)
        if missing.unexpected_keys:
            name = missing.unexpected_keys[0].rsplit(".", 1)[0]
            raise NotAnAnswer(
                f"The check copies weights into your block, but finds no `{name}` in "
                "it. Keep the names of the stub: `norm_1`, `attention`, `mlp`."
            )
        result = block.eval()(x)
        wanted = reference.eval()(x)
    if not (isinstance(result, tuple | list) and len(result) == 2):
        raise NotAnAnswer(
            "Return two things, as `EncoderBlock` does: the new tokens and the weights."
        )
    right = [same(*pair, tolerance=1e-4) for pair in zip(result, wanted, strict=True)]
    if right == [True, False]:
        raise NotAnAnswer(
            "Your tokens are right, but the second thing you return is not the "
            "weights. They are the second thing that `self.attention(...)` returns."
        )
    return result[0]


PARALLEL_BLOCK = Exercise(
    id="02.4",
    title="A parallel block",
    solution=ParallelBlock,
    cases=(
        (_numbers(2, 3, 4), 2, 5),
        (_numbers(1, 5, 6), 3, 4),
    ),
    probe=_run_block,
    tolerance=1e-4,
    mistakes=(
        Mistake(
            _OneAfterTheOther,
            "Your MLP reads the stream *after* attention has written to it: that is "
            "the usual block. In the parallel one both read the same tokens.",
        ),
        Mistake(
            _NoResidual,
            "The residual is missing: the block returns what the branches say and "
            "forgets the tokens that came in.",
        ),
        Mistake(
            _ResidualTwice,
            "The incoming tokens are added twice. One stream, one `x`.",
        ),
        Mistake(
            _ResidualOfNormed,
            "You add the branches to the *normalized* tokens. The stream itself goes "
            "around the norm: keep `x` and give the normed tokens another name.",
        ),
        Mistake(
            _MLPWithoutNorm,
            "Attention reads normalized tokens, but your MLP reads the raw ones.",
        ),
        Mistake(
            _MLPOfAttended,
            "Your MLP reads the output of attention. Side by side means that both "
            "read the normalized tokens.",
        ),
        Mistake(
            _NormAtTheEnd,
            "You normalize the sum: that is post-norm. Here the norm stands at the "
            "entrance of the branches.",
        ),
        Mistake(
            _TwoNorms,
            "Your MLP has a norm of its own. In this block both branches share one.",
        ),
        Mistake(
            _AttentionWithoutNorm,
            "Your MLP reads normalized tokens, but attention reads the raw ones.",
        ),
        Mistake(
            _WithoutNorm,
            "Nothing is normalized: both branches read the raw tokens.",
        ),
        Mistake(
            _WithoutMLP,
            "The MLP's output is missing in the sum.",
        ),
        Mistake(
            _WithoutAttention,
            "What attention returns is missing in the sum.",
        ),
        Mistake(
            _NormTwice,
            "Your MLP reads tokens that have been normalized twice. Both branches "
            "read the *same* normalized tokens.",
        ),
        Mistake(
            _WeightsFirst,
            "You return the weights before the tokens. `EncoderBlock` returns the "
            "tokens first.",
        ),
    ),
    hints=(
        "Draw it: one stream, one norm, two branches that leave from the same place.",
        "Compute the normalized tokens once and keep them under their own name.",
        "`self.attention(...)` returns two things, tokens and weights. The sum has "
        "three parts: `x`, the attended tokens, the MLP's output.",
    ),
    because="With both inputs known at once, their products can run as one.",
    alternatives=(_InPlaceStyle, _OnTopOfEncoderBlock),
)


# --- 02.5 -------------------------------------------------------------------------


def decoder_mask(lengths, T):
    places = torch.arange(T)
    real = places < lengths[:, None]  # (B, T): which keys are no padding
    causal = places <= places[:, None]  # (T, T): row t allows keys up to t
    return real[:, None, :] & causal  # (B, 1, T) & (T, T) -> (B, T, T)


def _mask_causal_only(lengths, T):
    return torch.ones(len(lengths), T, T, dtype=torch.bool).tril()


def _mask_padding_only(lengths, T):
    real = torch.arange(T) < lengths[:, None]
    return real[:, None, :].expand(-1, T, -1)


def _mask_inverted(lengths, T):
    return ~decoder_mask(lengths, T)


def _mask_not_itself(lengths, T):
    return decoder_mask(lengths, T).tril(-1)


def _mask_transposed(lengths, T):
    real = torch.arange(T) < lengths[:, None]
    return real[:, None, :] & torch.ones(T, T, dtype=torch.bool).triu()


def _mask_on_queries(lengths, T):
    real = torch.arange(T) < lengths[:, None]
    return real[:, :, None] & torch.ones(T, T, dtype=torch.bool).tril()


def _mask_off_by_one(lengths, T):
    real = torch.arange(T) <= lengths[:, None]
    return real[:, None, :] & torch.ones(T, T, dtype=torch.bool).tril()


def _mask_with_or(lengths, T):
    real = torch.arange(T) < lengths[:, None]
    return real[:, None, :] | torch.ones(T, T, dtype=torch.bool).tril()


def _mask_to_add(lengths, T):
    return torch.zeros(len(lengths), T, T).masked_fill(
        ~decoder_mask(lengths, T), -torch.inf
    )


def _mask_without_query_axis(lengths, T):
    return torch.ones(T, T, dtype=torch.bool).tril() & (
        torch.arange(T) < lengths[:, None]
    )


def _mask_without_query_axis_turned(lengths, T):
    return (torch.arange(T) < lengths[:, None]) & torch.ones(
        T, T, dtype=torch.bool
    ).tril()


def _mask_of_first_length(lengths, T):
    return decoder_mask(lengths[:1].expand(len(lengths)), T)


def _mask_for_heads(lengths, T):
    return decoder_mask(lengths, T)[:, None]


def _mask_of_longest(lengths, T):
    return decoder_mask(lengths, int(lengths.max()))


def _mask_by_loops(lengths, T):
    return [
        [[s <= t and s < length for s in range(T)] for t in range(T)]
        for length in lengths.tolist()
    ]


def _boolean_mask(answer, lengths, T):
    mask = plain(answer(lengths, T))
    if same(mask, decoder_mask(lengths, T), 0.0) and mask.dtype != bool:
        raise NotAnAnswer(
            "Right places, but these are numbers. `~mask` and `masked_fill` want a "
            "boolean mask: compare, or use `.bool()`."
        )
    return mask


DECODER_MASK = Exercise(
    id="02.5",
    title="A mask for words of different length",
    solution=decoder_mask,
    probe=_boolean_mask,
    cases=(
        (torch.tensor([2, 4]), 5),
        (torch.tensor([2, 3]), 3),
        (torch.tensor([1]), 3),
        (torch.tensor([4, 2, 3, 1]), 4),
    ),
    mistakes=(
        Mistake(
            _mask_causal_only,
            "Nobody looks ahead, but words shorter than T still look at their padding.",
        ),
        Mistake(
            _mask_padding_only,
            "Padding is hidden, but a query can look at keys after its own place.",
        ),
        Mistake(
            _mask_inverted,
            "Every value is the opposite of what is wanted: in this course True means "
            "*may look*. (In `nn.MultiheadAttention` it means *hidden*.)",
        ),
        Mistake(
            _mask_not_itself,
            "A token may look at itself: its place counts as *not ahead*. As it is, "
            "row 0 has no key at all, and its softmax is nan.",
        ),
        Mistake(
            _mask_transposed,
            "Your queries look ahead and not back. Rows are queries, columns keys.",
        ),
        Mistake(
            _mask_on_queries,
            "You hide the *rows* of padding, which are queries. The rule is about "
            "keys, the columns; and a row without any True gives nan.",
        ),
        Mistake(
            _mask_off_by_one,
            "One place of padding is still visible: places count from 0, so a word of "
            "length 2 has places 0 and 1.",
        ),
        Mistake(
            _mask_with_or,
            "You allow a key if it is *either* not ahead *or* no padding. Both must "
            "hold.",
        ),
        Mistake(
            _mask_to_add,
            "These are numbers to be added to the scores, 0 and -inf, and they are "
            "right. But wanted is the boolean mask: True where a query may look.",
        ),
        *(
            Mistake(
                answer,
                "The padding mask is (B, T), and joined to (T, T) its words are taken "
                "for queries, if it fits at all. Where does it need another axis?",
            )
            for answer in (_mask_without_query_axis, _mask_without_query_axis_turned)
        ),
        Mistake(
            _mask_of_first_length,
            "You use the length of the first word for all of them.",
        ),
        Mistake(
            _mask_for_heads,
            "The places are right, but you add an axis for heads. Wanted is (B, T, T).",
        ),
        Mistake(
            _mask_of_longest,
            "Your mask is as large as the longest word. The padded size is `T`, which "
            "may be larger.",
        ),
    ),
    hints=(
        "Two masks, one for each rule. What is the shape of each?",
        "`torch.arange(T) < lengths[:, None]` tells which places are real, `(B, T)`. "
        "Do they belong to queries or to keys?",
        "Give the padding mask a query axis, `[:, None, :]`, and join it by `&` with a "
        "lower triangle.",
    ),
    because="Masks combine by `&`, and each query keeps at least the first key.",
    alternatives=(
        _mask_by_loops,
        lambda lengths, T: (
            (torch.arange(T) < lengths[:, None])[:, None, :]
            * torch.ones(T, T, dtype=torch.bool).tril()
        ),
    ),
)


# --- 02.6 -------------------------------------------------------------------------

START, END = 26, 27


def training_pairs(words):
    start = torch.full((len(words), 1), START)
    end = torch.full((len(words), 1), END)
    inputs = torch.cat([start, words], dim=1)
    targets = torch.cat([words, end], dim=1)
    return inputs, targets


def _pairs_unshifted(words):
    end = torch.full((len(words), 1), END)
    targets = torch.cat([words, end], dim=1)
    return targets, targets


def _pairs_swapped(words):
    inputs, targets = training_pairs(words)
    return targets, inputs


def _pairs_both_start(words):
    inputs, _ = training_pairs(words)
    return inputs, inputs


def _pairs_without_marks(words):
    return words[:, :-1], words[:, 1:]


def _pairs_without_end(words):
    inputs, _ = training_pairs(words)
    return inputs[:, :-1], words


def _pairs_too_long(words):
    inputs, targets = training_pairs(words)
    end = torch.full((len(words), 1), END)
    return torch.cat([inputs, end], dim=1), torch.cat([targets, end], dim=1)


def _pairs_rolled(words):
    _, targets = training_pairs(words)
    return targets.roll(1, dims=1), targets


def _pairs(before, words_in, words_out, after):
    """Inputs with a column before them and targets with a column behind."""
    columns = [torch.full((len(words_in), 1), mark) for mark in (before, after)]
    inputs = torch.cat([columns[0], words_in], dim=1)
    return inputs, torch.cat([words_out, columns[1]], dim=1)


def _pairs_with_both_marks(words):
    inputs, _ = training_pairs(words)
    end = torch.full((len(words), 1), END)
    return (torch.cat([inputs, end], dim=1),) * 2


def _pairs_two_ahead(words):
    inputs, targets = training_pairs(words)
    end = torch.full((len(words), 1), END)
    return inputs, torch.cat([targets[:, 1:], end], dim=1)


def _pairs_end_first(words):
    inputs, targets = training_pairs(words)
    return inputs, targets.roll(1, dims=1)


def _pairs_in_new_rows(words):
    row = torch.full((1, words.shape[1]), START)
    return torch.cat([row, words]), torch.cat([words, row + 1])


def _pairs_by_roll(words):
    _, targets = training_pairs(words)
    inputs = targets.roll(1, dims=1)
    inputs[:, 0] = START
    return inputs, targets


def _pairs_by_lists(words):
    rows = words.tolist()
    return [[START, *row] for row in rows], [[*row, END] for row in rows]


def _whole_numbers(answer, words):
    pairs = answer(words)
    right = same(pairs, training_pairs(words), 0.0)
    if right and plain(pairs).dtype.kind == "f":
        raise NotAnAnswer(
            "Right letters, but as floats. `nn.Embedding` looks rows up by whole "
            "numbers: keep the dtype of `words`."
        )
    return pairs


TRAINING_PAIRS = Exercise(
    id="02.6",
    title="Spot the bug: a loss too good to be true",
    solution=training_pairs,
    probe=_whole_numbers,
    cases=(
        (torch.tensor([[3, 14, 6], [25, 0, 9]]),),
        (torch.tensor([[0, 1], [2, 3], [25, 24]]),),
    ),
    mistakes=(
        Mistake(
            _pairs_unshifted,
            "This is the bug itself: at each place the decoder is given the very "
            "letter it should name, since the mask allows a place to look at itself. "
            "Copying it is all it learns.",
        ),
        Mistake(
            _pairs_swapped,
            "Inputs and targets are exchanged: like this the model learns to name the "
            "letter *before* the one it sees.",
        ),
        Mistake(
            _pairs_both_start,
            "The inputs are right, but the targets are the same: each place should "
            "name the letter that comes *after* it.",
        ),
        Mistake(
            _pairs_without_marks,
            "Shifted the right way, but without marks: nobody learns to write the "
            "first letter or to stop.",
        ),
        Mistake(
            _pairs_without_end,
            "Shifted the right way, but the end mark is never a target, so greedy "
            "decoding would not know when to stop.",
        ),
        Mistake(
            lambda words: (words, training_pairs(words)[1][:, 1:]),
            "Your inputs have no start mark, so nobody learns to write the first "
            "letter. With both marks there are L + 1 places.",
        ),
        Mistake(
            _pairs_too_long,
            "One place too many: the decoder need not go on after the end mark.",
        ),
        Mistake(
            _pairs_rolled,
            "Shifted, but the first input is the end mark. Greedy decoding begins "
            "with the start mark, so training must too.",
        ),
        Mistake(
            lambda words: _pairs(END, words, words, START),
            "The two marks are exchanged: your inputs begin with `END`, and your "
            "targets end with `START`.",
        ),
        Mistake(
            lambda words: _pairs(START, words, words, START),
            "The targets end with the *start* mark, so the model would never learn to "
            "write the end mark and stop.",
        ),
        Mistake(
            lambda words: _pairs(27, words, words, 28),
            "Letters count from 0: `a` is 0 and `z` is 25, so your two marks are one "
            "too large.",
        ),
        Mistake(
            lambda words: training_pairs(words.flip(1)),
            "You reverse the words once more. They come reversed already.",
        ),
        Mistake(
            lambda words: _pairs(START, words, words.flip(1), END),
            "Your targets are reversed, and the inputs are not: both hold the same "
            "letters in the same order, one place apart.",
        ),
        Mistake(
            lambda words: _pairs(START, words.flip(1), words, END),
            "Your inputs are reversed, and the targets are not: both hold the same "
            "letters in the same order, one place apart.",
        ),
        Mistake(
            _pairs_with_both_marks,
            "You put both marks on both, which makes them the same and one place too "
            "long. The two should be one place apart.",
        ),
        Mistake(
            _pairs_two_ahead,
            "Your targets run two places ahead of the inputs: the first letter is "
            "never named.",
        ),
        Mistake(
            _pairs_end_first,
            "Your targets begin with the end mark, so the model would stop before it "
            "has written anything.",
        ),
        Mistake(
            _pairs_in_new_rows,
            "You add the marks as words of their own, in a new row. Each word needs "
            "its mark in a new *column*.",
        ),
    ),
    hints=(
        "Write inputs and targets of one word in two rows. What stands above the "
        "letter that must be guessed?",
        "At place t the decoder sees inputs 0 to t and must name target t, so input t "
        "must be the letter *before* target t.",
        "Inputs: start mark, then the word. Targets: the word, then the end mark.",
    ),
    because="Now the mask never lets through the letter that must be named.",
    alternatives=(_pairs_by_roll, _pairs_by_lists),
)


EXERCISES = (
    MULTI_HEAD,
    PIXEL_NORM,
    ADDED_BY_HEADS,
    PARALLEL_BLOCK,
    DECODER_MASK,
    TRAINING_PAIRS,
)
