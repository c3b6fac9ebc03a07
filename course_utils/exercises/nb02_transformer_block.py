"""Exercises of notebook 02: norms, heads, masks, cross-attention and blocks."""

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
    id="02.1",
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


# --- 02.2 -------------------------------------------------------------------------


def split_heads(x, heads):
    B, T, D = x.shape
    x = x.reshape(B, T, heads, D // heads)  # (B, T, D) -> (B, T, h, d)
    return x.transpose(1, 2)  # (B, T, h, d) -> (B, h, T, d)


def _split_by_view(x, heads):
    B, T, D = x.shape
    return x.reshape(B, heads, T, D // heads)


def _split_not_transposed(x, heads):
    B, T, D = x.shape
    return x.reshape(B, T, heads, D // heads)


def _split_interleaved(x, heads):
    B, T, D = x.shape
    return x.reshape(B, T, D // heads, heads).permute(0, 3, 1, 2)


def _split_wrong_axes(x, heads):
    B, T, D = x.shape
    return x.reshape(B, T, heads, D // heads).permute(0, 2, 3, 1)


def _split_by_width(x, heads):
    return torch.stack(x.split(heads, dim=-1), dim=1)


def _split_transposed_tokens(x, heads):
    B, T, D = x.shape
    return x.transpose(1, 2).reshape(B, heads, T, D // heads)


def _split_heads_first(x, heads):
    return split_heads(x, heads).transpose(0, 1)


def _split_tokens(x, heads):
    return torch.stack(x.chunk(heads, dim=1), dim=1)


def _split_one_image(x, heads):
    return x.reshape(1, x.shape[1], heads, -1).transpose(1, 2)


def _split_in_two(x, heads):
    return split_heads(x, 2)


SPLIT_HEADS = Exercise(
    id="02.2",
    title="Spot the bug: heads that mix tokens",
    solution=split_heads,
    cases=(
        (torch.arange(48.0).reshape(2, 3, 8), 4),
        (torch.arange(32.0).reshape(1, 4, 8), 2),
        (torch.arange(48.0).reshape(2, 4, 6), 3),
    ),
    mistakes=(
        Mistake(
            _split_by_view,
            "This is the bug itself: `reshape` alone cuts the numbers in the order "
            "in which they lie in memory, and that order is token by token. Cut the "
            "last axis only, then swap two axes.",
        ),
        Mistake(
            _split_not_transposed,
            "The cut is right, but heads still come after tokens: the shape is "
            "(B, T, h, d), and attention would be computed between heads.",
        ),
        Mistake(
            _split_interleaved,
            "Head 0 should get the first d numbers of each token. Yours gets every "
            "h-th number, which works in training but does not fit copied weights.",
        ),
        Mistake(
            _split_wrong_axes,
            "The heads are right, but inside each head the two axes are swapped: "
            "(B, h, d, T) instead of (B, h, T, d).",
        ),
        Mistake(
            _split_by_width,
            "You cut each token into pieces of `heads` numbers. `heads` says how many "
            "pieces there are.",
        ),
        Mistake(
            _split_transposed_tokens,
            "Numbers and tokens have changed places, and then `reshape` cuts across "
            "both. Cut the last axis only, then swap two axes.",
        ),
        Mistake(
            _split_heads_first,
            "The heads are right, but they come before the batch: (h, B, T, d) "
            "instead of (B, h, T, d).",
        ),
        Mistake(
            _split_tokens,
            "You cut the *tokens* into groups. Each head gets some numbers of every "
            "token.",
        ),
        Mistake(
            _split_one_image,
            "That is right for a batch of one. With more images, yours land inside "
            "the heads: keep `B`.",
        ),
        Mistake(
            _split_in_two,
            "You always make two heads. How many there are, `heads` says.",
        ),
    ),
    hints=(
        "Token 0 is the first row. In the buggy output, which rows of head 0 come "
        "from token 0?",
        "Cut only the last axis, `D` into `h` and `d`. Which shape is that?",
        "From `(B, T, h, d)` to `(B, h, T, d)` two axes change places.",
    ),
    because="`reshape` may only cut or join neighboring axes; to reorder, transpose.",
    alternatives=(
        lambda x, heads: torch.stack(x.chunk(heads, dim=-1), dim=1),
        lambda x, heads: x.unflatten(-1, (heads, -1)).permute(0, 2, 1, 3),
        lambda x, heads: x.numpy().reshape(*x.shape[:2], heads, -1).swapaxes(1, 2),
    ),
)


# --- 02.3 -------------------------------------------------------------------------


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
    id="02.3",
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


# --- 02.4 -------------------------------------------------------------------------


def cross_attention(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv  # (T, d), (S, d), (S, d)
    scores = q @ k.T / q.shape[-1] ** 0.5  # (T, d) @ (d, S) -> (T, S)
    return scores.softmax(dim=-1) @ v  # (T, S) @ (S, d) -> (T, d)


def _cross_swapped(x, memory, wq, wk, wv):
    return cross_attention(memory, x, wq, wk, wv)


def _cross_self(x, memory, wq, wk, wv):
    return cross_attention(x, x, wq, wk, wv)


def _cross_unscaled(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    return (q @ k.T).softmax(-1) @ v


def _cross_scaled_by_d(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    return (q @ k.T / q.shape[-1]).softmax(-1) @ v


def _cross_scaled_by_width(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    return (q @ k.T / x.shape[-1] ** 0.5).softmax(-1) @ v


def _cross_scaled_by_number(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    return (q @ k.T / len(memory) ** 0.5).softmax(-1) @ v


def _cross_over_queries(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    return (q @ k.T / q.shape[-1] ** 0.5).softmax(dim=0) @ v


def _cross_keys_as_values(x, memory, wq, wk, wv):
    return cross_attention(x, memory, wq, wk, wk)


def _sdpa(q, k, v, **options):
    return nn.functional.scaled_dot_product_attention(q, k, v, **options)


def _matmul(q, k, v):
    return (q @ k.T / q.shape[-1] ** 0.5).softmax(dim=-1) @ v


def _cross_raw_values(x, memory, wq, wk, wv):
    return _matmul(x @ wq, memory @ wk, memory)


def _cross_exchanged(x, memory, wq, wk, wv):
    return cross_attention(x, memory, wq, wv, wk)


def _cross_without_softmax(x, memory, wq, wk, wv):
    q, k, v = x @ wq, memory @ wk, memory @ wv
    return q @ k.T / q.shape[-1] ** 0.5 @ v


def _cross_weights(x, memory, wq, wk, wv):
    q, k = x @ wq, memory @ wk
    return (q @ k.T / q.shape[-1] ** 0.5).softmax(dim=-1)


def _cross_and_weights(x, memory, wq, wk, wv):
    found = cross_attention(x, memory, wq, wk, wv)
    return found, _cross_weights(x, memory, wq, wk, wv)


def _cross_by_torch(x, memory, wq, wk, wv):
    parts = (part[None] for part in (x @ wq, memory @ wk, memory @ wv))
    return nn.functional.scaled_dot_product_attention(*parts)[0]


def _cross_by_loop(x, memory, wq, wk, wv):
    k, v = memory @ wk, memory @ wv
    found = []
    for token in x:
        weights = torch.exp(k @ (token @ wq) / k.shape[-1] ** 0.5)
        found.append((weights / weights.sum()) @ v)
    return torch.stack(found)


CROSS_ATTENTION = Exercise(
    id="02.4",
    title="Cross-attention with one head",
    solution=cross_attention,
    cases=(
        (
            torch.tensor([[1.0, 0, 0, 1], [0, 2, 0, 0], [0, 0, 1, 0]]),
            torch.tensor(
                [[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 1], [0, 0, 2, 1]]
            ),
            torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, -1.0]]),
            torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0], [0.0, 1.0]]),
            torch.tensor([[10.0, 0.0], [20.0, 0.0], [30.0, 1.0], [0.0, 5.0]]),
        ),
        (
            _numbers(5, 3),
            _numbers(6, 3),
            _numbers(3, 2),
            _numbers(2, 3).T,
            _numbers(3, 2) + 1,
        ),
    ),
    mistakes=(
        Mistake(
            _cross_swapped,
            "Queries come from the memory here. The one who asks is `x`: its tokens "
            "give the queries, the memory gives keys and values.",
        ),
        Mistake(
            _cross_self,
            "`memory` is never used: this is self-attention of `x`.",
        ),
        Mistake(
            _cross_unscaled,
            "The scores are not divided by the root of `d`, so the softmax is too "
            "sharp.",
        ),
        Mistake(
            _cross_scaled_by_d,
            "You divide the scores by `d`. It is the root of `d`.",
        ),
        Mistake(
            _cross_scaled_by_width,
            "You divide by the root of `D`, the width of the tokens. What counts is "
            "`d`, the width of queries and keys.",
        ),
        Mistake(
            _cross_scaled_by_number,
            "You divide by the root of `S`, the number of keys. What counts is `d`, "
            "the width of queries and keys.",
        ),
        Mistake(
            _cross_over_queries,
            "Your softmax runs over the queries. Each *query* spreads weight 1 over "
            "the keys: the last axis.",
        ),
        Mistake(
            _cross_keys_as_values,
            "You return means of the keys. Weights come from keys, contents from "
            "values: use `wv`.",
        ),
        *(
            Mistake(
                lambda x, memory, wq, wk, wv, attend=attend: attend(
                    x @ wq, x @ wk, memory @ wv
                ),
                "Your keys come from `x`, your values from the memory. Keys and "
                "values belong together: each key says where its value is found.",
            )
            for attend in (_matmul, _sdpa)
        ),
        *(
            Mistake(
                lambda x, memory, wq, wk, wv, attend=attend: attend(
                    x @ wq, memory @ wk, x @ wv
                ),
                "Your values come from `x`, your keys from the memory. What a token "
                "finds is a mean of what the *memory* holds.",
            )
            for attend in (_matmul, _sdpa)
        ),
        Mistake(
            lambda x, memory, wq, wk, wv: cross_attention(memory, memory, wq, wk, wv),
            "`x` is never used: this is self-attention of the memory.",
        ),
        Mistake(
            lambda x, memory, wq, wk, wv: (
                x @ wq + cross_attention(x, memory, wq, wk, wv)
            ),
            "You add the queries to what they find. The residual is the block's "
            "business; here only what attention finds is wanted.",
        ),
        Mistake(
            _cross_raw_values,
            "You mix the tokens of the memory as they are. The values are a linear "
            "view of them, as queries and keys are: `wv` is left over.",
        ),
        Mistake(
            _cross_exchanged,
            "`wk` and `wv` are exchanged: your keys are made with `wv` and your values "
            "with `wk`.",
        ),
        Mistake(
            _cross_without_softmax,
            "You mix the values with the scores themselves. Scores become weights by "
            "softmax.",
        ),
        Mistake(
            _cross_weights,
            "These are the weights. Wanted are the new tokens that they make of the "
            "values.",
        ),
        Mistake(
            _cross_and_weights,
            "You return two things, tokens and weights. Here the new tokens alone are "
            "wanted.",
        ),
        Mistake(
            lambda x, memory, wq, wk, wv: _sdpa(
                x @ wq, memory @ wk, memory @ wv, is_causal=True
            ),
            "You mask the future. The memory was there before the first token was "
            "written: each token of `x` may look at all of it.",
        ),
    ),
    hints=(
        "Which of the two sequences asks, and which answers?",
        "The scores have shape `(T, S)`: a row for each token of `x`, a column for "
        "each token of the memory.",
        "Queries are `x @ wq`; keys and values are `memory @ wk` and `memory @ wv`. "
        "Then it is the formula of notebook 01.",
    ),
    because="Each row of weights says where in the memory one token of `x` has looked.",
    alternatives=(_cross_by_torch, _cross_by_loop),
)


# --- 02.5 -------------------------------------------------------------------------


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
    id="02.5",
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
    PIXEL_NORM,
    SPLIT_HEADS,
    DECODER_MASK,
    CROSS_ATTENTION,
    PARALLEL_BLOCK,
    TRAINING_PAIRS,
)
