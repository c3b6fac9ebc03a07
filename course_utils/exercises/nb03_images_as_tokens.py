"""Exercises of notebook 03: patches, projection, class token and positions."""

from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from course_utils.exercises.judge import Exercise, Mistake


def _random(*shape):
    """Return a tensor with fixed, different numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def _numbered(*shape):
    return np.arange(np.prod(shape), dtype=float).reshape(shape)


# --- 03.1 -------------------------------------------------------------------------


def count_tokens(height, width, patch_size, heads):
    patches = (height // patch_size) * (width // patch_size)
    tokens = patches + 1  # the class token
    return tokens, heads * tokens**2


def _no_class_token(height, width, patch_size, heads):
    patches = (height // patch_size) * (width // patch_size)
    return patches, heads * patches**2


def _tokens(height, width, patch_size):
    return height * width // patch_size**2 + 1


def _class_token_not_in_weights(height, width, patch_size, heads):
    tokens = _tokens(height, width, patch_size)
    return tokens, heads * (tokens - 1) ** 2


def _class_token_asks_only(height, width, patch_size, heads):
    tokens = _tokens(height, width, patch_size)
    return tokens, heads * tokens * (tokens - 1)


def _class_token_in_weights_only(height, width, patch_size, heads):
    tokens = _tokens(height, width, patch_size)
    return tokens - 1, heads * tokens**2


def _one_head(height, width, patch_size, heads):
    tokens = _tokens(height, width, patch_size)
    return tokens, tokens**2


def _square_by_height(height, width, patch_size, heads):
    return count_tokens(height, height, patch_size, heads)


def _square_by_width(height, width, patch_size, heads):
    return count_tokens(width, width, patch_size, heads)


def _divided_once(height, width, patch_size, heads):
    tokens = height * width // patch_size + 1
    return tokens, heads * tokens**2


def _linear(height, width, patch_size, heads):
    tokens = _tokens(height, width, patch_size)
    return tokens, heads * tokens


def _heads_squared(height, width, patch_size, heads):
    tokens = _tokens(height, width, patch_size)
    return tokens, (heads * tokens) ** 2


def _bytes_of_weights(height, width, patch_size, heads):
    tokens, weights = count_tokens(height, width, patch_size, heads)
    return tokens, 4 * weights


def _weights_first(height, width, patch_size, heads):
    return count_tokens(height, width, patch_size, heads)[::-1]


# --- 03.2 -------------------------------------------------------------------------


def fixed_patchify(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    grid = grid.swapaxes(2, 3)  # -> (B, H/P, W/P, P, P, C)
    return grid.reshape(B, -1, P * P * C)


def _split(images, P):
    B, H, W, C = images.shape
    return images.reshape(B, H // P, P, W // P, P, C)


def _merge(grid, axes):
    grid = np.asarray(grid).transpose(axes)
    return grid.reshape(len(grid), grid.shape[1] * grid.shape[2], -1)


def _reshaped_only(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    return images.reshape(B, (H // P) * (W // P), P * P * C)


def _column_by_column(images, patch_size):
    return _merge(_split(images, patch_size), (0, 3, 1, 2, 4, 5))


def _patch_axis_first(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, P, H // P, P, W // P, C)
    return grid.swapaxes(2, 3).reshape(B, -1, P * P * C)


def _every_nth_pixel(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, P, H // P, P, W // P, C)
    return _merge(grid, (0, 2, 4, 1, 3, 5))


def _sides_exchanged(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, W // P, P, H // P, P, C)
    return _merge(grid, (0, 1, 3, 2, 4, 5))


def _pixels_transposed(images, patch_size):
    return _merge(_split(images, patch_size), (0, 1, 3, 4, 2, 5))


def _channels_apart(images, patch_size):
    return _merge(_split(images, patch_size), (0, 1, 3, 5, 2, 4))


def _not_flattened(images, patch_size):
    patches = fixed_patchify(images, patch_size)
    shape = (patch_size, patch_size, images.shape[-1])
    return patches.reshape(*patches.shape[:2], *shape)


def _channels_not_flattened(images, patch_size):
    patches = fixed_patchify(images, patch_size)
    return patches.reshape(*patches.shape[:2], patch_size**2, images.shape[-1])


def _square_grid(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, H // P, P, C)
    return _merge(grid, (0, 1, 3, 2, 4, 5))


def _first_image_only(images, patch_size):
    return fixed_patchify(images[:1], patch_size)


def _grid_of_patches(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    return fixed_patchify(images, P).reshape(B, H // P, W // P, P * P * C)


def _other_axes_swapped(images, patch_size):
    grid = _split(images, patch_size).swapaxes(1, 2)
    return grid.reshape(fixed_patchify(images, patch_size).shape)


def _edge_left_out(images, patch_size):
    return fixed_patchify(images[:, :-patch_size, :-patch_size], patch_size)


def _patches_before_images(images, patch_size):
    return fixed_patchify(images, patch_size).swapaxes(0, 1)


def _images_in_one_row(images, patch_size):
    patches = fixed_patchify(images, patch_size)
    return patches.reshape(-1, patches.shape[-1])


def _cut_in_loops(images, patch_size):
    P = patch_size
    return [
        [
            image[top : top + P, left : left + P].ravel()
            for top in range(0, image.shape[0], P)
            for left in range(0, image.shape[1], P)
        ]
        for image in np.asarray(images)
    ]


def _by_unfold(images, patch_size):
    C, P = images.shape[-1], patch_size
    columns = F.unfold(images.permute(0, 3, 1, 2).float(), P, stride=P)
    patches = columns.unflatten(1, (C, P * P))  # (B, C, P*P, N)
    return patches.permute(0, 3, 2, 1).flatten(2)


def _swapped_in_torch(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    return grid.transpose(2, 3).reshape(B, -1, P * P * C)


# --- 03.3 -------------------------------------------------------------------------


def repair_positions(positions, order):
    repaired = positions.clone()
    repaired[:, 1 + order] = positions[:, 1:]  # row 0 is the class token's
    return repaired


def _with_class_row(positions, patches):
    return torch.cat([positions[:, :1], patches], dim=1)


def _scrambled_again(positions, order):
    return _with_class_row(positions, positions[:, 1:][:, order])


def _order_reversed(positions, order):
    return _with_class_row(positions, positions[:, 1:][:, order.flip(0)])


def _rows_reversed(positions, order):
    return _with_class_row(positions, positions[:, 1:].flip(1))


def _class_row_lost(positions, order):
    return repair_positions(positions, order)[:, 1:]


def _class_row_last(positions, order):
    repaired = repair_positions(positions, order)
    return torch.cat([repaired[:, 1:], repaired[:, :1]], dim=1)


def _read_one_row_too_early(positions, order):
    return _with_class_row(positions, positions[:, order.argsort()])


def _written_one_row_too_early(positions, order):
    repaired = positions.clone()
    repaired[:, order] = positions[:, 1:]
    return repaired


def _class_row_taken_for_a_patch(positions, order):
    repaired = positions.clone()
    repaired[:, order] = positions[:, :-1]
    return repaired


def _class_row_set_to_zero(positions, order):
    repaired = torch.zeros_like(positions)
    repaired[:, 1 + order] = positions[:, 1:]
    return repaired


def _overwritten_on_the_way(positions, order):
    repaired = positions.clone()
    for place, patch in enumerate(order):
        repaired[:, 1 + patch] = repaired[:, 1 + place].clone()
    return repaired


def _by_argsort(positions, order):
    return _with_class_row(positions, positions[:, 1:][:, order.argsort()])


def _by_permutation_matrix(positions, order):
    matrix = torch.eye(len(order), dtype=positions.dtype)[order]  # (N, N)
    return _with_class_row(positions, matrix.T @ positions[:, 1:])


def _by_index_with_class_token(positions, order):
    rows = torch.cat([torch.zeros_like(order[:1]), 1 + order])
    return positions[:, torch.argsort(rows)]


# --- 03.4 -------------------------------------------------------------------------


def add_positions(patches, class_token, positions):
    class_tokens = class_token.expand(len(patches), -1, -1)  # (B, 1, D)
    tokens = torch.cat([class_tokens, patches], dim=1)  # (B, N+1, D)
    return tokens + positions


def _positions_too_early(patches, class_token, positions):
    placed = patches + positions[:, :-1]
    return torch.cat([class_token.expand(len(patches), -1, -1), placed], dim=1)


def _class_token_without_place(patches, class_token, positions):
    placed = patches + positions[:, 1:]
    return torch.cat([class_token.expand(len(patches), -1, -1), placed], dim=1)


def _class_token_last(patches, class_token, positions):
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([patches, class_tokens], dim=1) + positions


def _class_token_added(patches, class_token, positions):
    return patches + class_token + positions[:, 1:]


def _class_token_takes_last_row(patches, class_token, positions):
    positions = torch.cat([positions[:, -1:], positions[:, :-1]], dim=1)
    return add_positions(patches, class_token, positions)


def _patches_added_twice(patches, class_token, positions):
    return add_positions(patches + positions[:, 1:], class_token, positions)


def _positions_multiplied(patches, class_token, positions):
    return add_positions(patches, class_token, 0 * positions) * positions


def _class_token_replaced(patches, class_token, positions):
    return add_positions(patches, 0 * class_token, positions)


def _class_token_left_out(patches, class_token, positions):
    return patches + positions[:, 1:]


def _all_added_twice(patches, class_token, positions):
    return _positions_too_early(patches, class_token, positions) + positions


def _positions_not_added(patches, class_token, positions):
    return torch.cat([class_token.expand(len(patches), -1, -1), patches], dim=1)


def _class_token_not_expanded(patches, class_token, positions):
    return torch.cat([class_token, patches], dim=1) + positions


def _add_then_join(patches, class_token, positions):
    first = (class_token + positions[:, :1]).repeat(len(patches), 1, 1)
    return torch.hstack([first, patches + positions[:, 1:]])


def _add_positions_in_numpy(patches, class_token, positions):
    B, _, D = patches.shape
    first = np.broadcast_to(np.asarray(class_token), (B, 1, D))
    return np.concatenate([first, np.asarray(patches)], 1) + np.asarray(positions)


# --- 03.5 -------------------------------------------------------------------------


def grid_positions(row_table, column_table):
    R, S = len(row_table), len(column_table)
    row, column = np.divmod(np.arange(R * S), S)  # place of each patch
    return np.concatenate([row_table[row], column_table[column]], axis=1)


def _grid_column_by_column(row_table, column_table):
    R, S = len(row_table), len(column_table)
    column, row = np.divmod(np.arange(R * S), R)
    return np.concatenate([row_table[row], column_table[column]], axis=1)


def _halves_exchanged(row_table, column_table):
    R, S = len(row_table), len(column_table)
    row, column = np.divmod(np.arange(R * S), S)
    return np.concatenate([column_table[column], row_table[row]], axis=1)


def _divided_by_rows(row_table, column_table):
    R, S = len(row_table), len(column_table)
    row, column = np.divmod(np.arange(R * S), R)
    return np.concatenate([row_table[row], column_table[column]], axis=1)


def _tables_repeated_whole(row_table, column_table):
    n = np.arange(len(row_table) * len(column_table))
    row, column = n % len(row_table), n % len(column_table)
    return np.concatenate([row_table[row], column_table[column]], axis=1)


def _both_held(row_table, column_table):
    n = np.arange(len(row_table) * len(column_table))
    row, column = n // len(column_table), n // len(row_table)
    return np.concatenate([row_table[row], column_table[column]], axis=1)


def _halves_interleaved(row_table, column_table):
    flat = grid_positions(row_table, column_table)
    halves = flat.reshape(len(flat), 2, -1)
    return halves.swapaxes(1, 2).reshape(len(flat), -1)


def _joined_below(row_table, column_table):
    flat = grid_positions(row_table, column_table)
    K = flat.shape[1] // 2
    return np.concatenate([flat[:, :K], flat[:, K:]])


def _paired(row_table, column_table):
    n = min(len(row_table), len(column_table))
    return np.concatenate([row_table[:n], column_table[:n]], axis=1)


def _halves_added(row_table, column_table):
    sums = np.asarray(row_table)[:, None] + np.asarray(column_table)[None]
    return sums.reshape(-1, sums.shape[-1])


def _grid_not_flattened(row_table, column_table):
    flat = grid_positions(row_table, column_table)
    return flat.reshape(len(row_table), len(column_table), -1)


def _repeat_and_tile(row_table, column_table):
    rows = np.repeat(row_table, len(column_table), axis=0)
    columns = np.tile(column_table, (len(row_table), 1))
    return np.hstack([rows, columns])


def _expand_in_torch(row_table, column_table):
    R, S = len(row_table), len(column_table)
    rows = row_table[:, None].expand(-1, S, -1)
    columns = column_table[None].expand(R, -1, -1)
    return torch.cat([rows, columns], dim=-1).flatten(0, 1)


def _interleaved_in_torch(row_table, column_table):
    rows = row_table.repeat_interleave(len(column_table), dim=0)
    return torch.cat([rows, column_table.repeat(len(row_table), 1)], dim=1)


def _grid_in_lists(row_table, column_table):
    return [[*row, *column] for row in row_table for column in column_table]


# --- 03.6 -------------------------------------------------------------------------


def resize_positions(positions, old, new):
    class_position, patches = positions[:, :1], positions[:, 1:]
    grid = patches.transpose(1, 2).unflatten(2, (old, old))  # (1, D, R, R)
    grid = F.interpolate(grid, (new, new), mode="bilinear")  # (1, D, S, S)
    patches = grid.flatten(2).transpose(1, 2)  # (1, D, S, S) -> (1, S*S, D)
    return torch.cat([class_position, patches], dim=1)


def _resize_line(positions, old, new):
    line = positions.transpose(1, 2)
    line = F.interpolate(line, new * new + 1, mode="linear", align_corners=False)
    return line.transpose(1, 2)


def _resize_line_of_patches(positions, old, new):
    line = positions[:, 1:].transpose(1, 2)
    line = F.interpolate(line, new * new, mode="linear", align_corners=False)
    return torch.cat([positions[:, :1], line.transpose(1, 2)], dim=1)


def _resize_without_transpose(positions, old, new):
    D = positions.shape[-1]
    grid = positions[:, 1:].reshape(1, D, old, old)
    grid = F.interpolate(grid, (new, new), mode="bilinear", align_corners=False)
    patches = grid.flatten(2).transpose(1, 2)
    return torch.cat([positions[:, :1], patches], dim=1)


def _resize_without_transposing_back(positions, old, new):
    D = positions.shape[-1]
    grid = positions[:, 1:].transpose(1, 2).reshape(1, D, old, old)
    grid = F.interpolate(grid, (new, new), mode="bilinear", align_corners=False)
    return torch.cat([positions[:, :1], grid.reshape(1, new * new, D)], dim=1)


def _resize_reshaped_only(positions, old, new):
    D = positions.shape[-1]
    grid = positions[:, 1:].reshape(1, D, old, old)
    grid = F.interpolate(grid, (new, new), mode="bilinear", align_corners=False)
    return torch.cat([positions[:, :1], grid.reshape(1, new * new, D)], dim=1)


def _resize_dimensions_last(positions, old, new):
    grid = positions[:, 1:].reshape(1, old, old, -1)
    grid = F.interpolate(grid, (new, new), mode="bilinear", align_corners=False)
    return torch.cat([positions[:, :1], grid.reshape(1, new * new, -1)], dim=1)


def _resize_twofold(positions, old, new):
    return resize_positions(positions, old, 2 * old)


def _resize_last_row_kept(positions, old, new):
    positions = torch.cat([positions[:, -1:], positions[:, :-1]], dim=1)
    return resize_positions(positions, old, new)


def _resize_with_class_token_last(positions, old, new):
    resized = resize_positions(positions, old, new)
    return torch.cat([resized[:, 1:], resized[:, :1]], dim=1)


def _resize_all_rows_but_the_last(positions, old, new):
    positions = positions.roll(1, dims=1)
    resized = resize_positions(positions, old, new)
    return torch.cat([resized[:, 1:], resized[:, :1]], dim=1)


def _resize_turned(positions, old, new):
    D = positions.shape[-1]
    grid = positions[:, 1:].reshape(1, old, old, D).permute(0, 3, 2, 1)
    grid = F.interpolate(grid, (new, new), mode="bilinear", align_corners=False)
    patches = grid.flatten(2).transpose(1, 2)
    return torch.cat([positions[:, :1], patches], dim=1)


def _resize_otherwise(positions, old, new, **options):
    D = positions.shape[-1]
    grid = positions[:, 1:].transpose(1, 2).reshape(1, D, old, old)
    grid = F.interpolate(grid, (new, new), **options)
    patches = grid.flatten(2).transpose(1, 2)
    return torch.cat([positions[:, :1], patches], dim=1)


def _resize_without_class_token(positions, old, new):
    return resize_positions(positions, old, new)[:, 1:]


def _resize_by_permute(positions, old, new):
    D = positions.shape[-1]
    grid = positions[:, 1:].reshape(1, old, old, D).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=new, mode="bilinear")
    grid = grid.permute(0, 2, 3, 1).reshape(1, new * new, D)
    return torch.cat((positions[:, 0:1], grid), 1)


def _resize_by_scale(positions, old, new):
    class_position, patches = positions.split([1, old * old], dim=1)
    grid = torch.einsum("bnd->bdn", patches).reshape(1, -1, old, old)
    grid = torch.nn.Upsample(size=(new, new), mode="bilinear")(grid)
    return torch.hstack([class_position, grid.flatten(2).mT])


EXERCISES = (
    Exercise(
        id="03.1",
        title="Count tokens and weights",
        solution=count_tokens,
        cases=((32, 48, 16, 5), (48, 32, 8, 2), (28, 28, 7, 1), (224, 224, 16, 12)),
        mistakes=(
            Mistake(
                _no_class_token,
                "You counted the patches. The encoder sees one token more, and that "
                "token attends and is attended to like all others.",
            ),
            Mistake(
                _class_token_not_in_weights,
                "The tokens are right. Your weights are those among the patches: the "
                "class token attends and is attended to as well.",
            ),
            Mistake(
                _class_token_asks_only,
                "The tokens are right. But your class token is in one side of the "
                "matrix only: it attends *and* is attended to, so T comes in twice.",
            ),
            Mistake(
                lambda height, width, patch_size, heads: _tokens(
                    height, width, patch_size
                ),
                "That is the first number, and it is right. The weights of one block "
                "are asked, too.",
            ),
            Mistake(
                _class_token_in_weights_only,
                "Your weights count the class token, your tokens do not. The encoder "
                "sees it like all others.",
            ),
            Mistake(
                _one_head,
                "Your weights are those of one head. Every head has its own matrix.",
            ),
            *(
                Mistake(
                    square,
                    "Right for square images only: you squared the patches of one "
                    "side. The other side has its own number of them.",
                )
                for square in (_square_by_height, _square_by_width)
            ),
            Mistake(
                _divided_once,
                "You divided the pixels by P once. A patch is P wide *and* P high.",
            ),
            Mistake(
                _linear,
                "The tokens are right. But *every* token gives a weight to *every* "
                "token, so their number enters twice.",
            ),
            Mistake(
                _heads_squared,
                "The tokens are right. But you squared the heads as well: every head "
                "has a single matrix.",
            ),
            Mistake(
                _bytes_of_weights,
                "The tokens are right. Your second number counts bytes, 4 for each "
                "weight; the task asks for the weights.",
            ),
            Mistake(
                _weights_first,
                "Both numbers are right, but they have changed places: the tokens come "
                "first.",
            ),
        ),
        hints=(
            "Count the patches along the height and along the width first.",
            "Which token of the encoder is no patch?",
            "One head has a square matrix of weights: a row and a column per token.",
        ),
        because="Patches along both sides, one class token, and a T x T matrix per "
        "head.",
        alternatives=(
            lambda height, width, patch_size, heads: [
                height * width // patch_size**2 + 1,
                heads * (height * width // patch_size**2 + 1) ** 2,
            ],
            lambda height, width, patch_size, heads: (
                np.array([1, heads * (height / patch_size * width / patch_size + 1)])
                * (height / patch_size * width / patch_size + 1)
            ),
        ),
    ),
    Exercise(
        id="03.2",
        title="Spot the bug: a round trip that proves nothing",
        solution=fixed_patchify,
        cases=(
            (_numbered(1, 4, 6, 1), 2),
            (_numbered(1, 4, 6, 2), 2),
            (_numbered(2, 6, 9, 3), 3),
            (_numbered(2, 4, 12, 1), 2),
            (_numbered(7, 6, 8, 5), 2),
        ),
        kinds=("numpy", "torch"),
        mistakes=(
            Mistake(
                _reshaped_only,
                "This is the colleague's bug: a reshape keeps the reading order of the "
                "pixels, so each of your patches is a piece of whole image rows, and "
                "no square. Any reshape can be undone by a reshape, which is why the "
                "round trip did not notice.",
            ),
            Mistake(
                _column_by_column,
                "Each patch is right, but they come column by column. Number them row "
                "by row.",
            ),
            Mistake(
                _patch_axis_first,
                "You split each side as (P, H/P). A row's index is patch_row * P + "
                "row_inside, so the patch comes first: (H/P, P).",
            ),
            Mistake(
                _every_nth_pixel,
                "The pixels of your patches lie apart, spread over the whole image. "
                "Split each side as (H/P, P), and put both P before the channels.",
            ),
            Mistake(
                _sides_exchanged,
                "You exchanged H/P and W/P in the split, which only a square image "
                "forgives. The rows come first: (H/P, P), then (W/P, P).",
            ),
            Mistake(
                _pixels_transposed,
                "Your patches are in the right places, but each is mirrored along its "
                "diagonal: rows and columns *inside* the patch are exchanged.",
            ),
            Mistake(
                _channels_apart,
                "Right for one channel. With more, yours puts all numbers of channel 0 "
                "first; here the channels of one pixel stay together.",
            ),
            Mistake(
                _not_flattened,
                "The patches are right but still P x P x C; flatten each to one row.",
            ),
            Mistake(
                _grid_of_patches,
                "The patches are right, but they still stand in a grid. Merge the rows "
                "and the columns of patches into one axis, N.",
            ),
            Mistake(
                _square_grid,
                "You expect as many columns of patches as rows. The width has its own "
                "number of them, unless the image is square.",
            ),
            Mistake(
                _first_image_only,
                "You cut the first image only. Keep the axis of the images: B of them "
                "come in.",
            ),
            Mistake(
                _other_axes_swapped,
                "You split rightly, but exchanged the row of patches with the row "
                "inside a patch. Both `P` axes have to stand side by side.",
            ),
            Mistake(
                _edge_left_out,
                "The last row and the last column of patches are missing: your loops "
                "end one patch too early.",
            ),
            Mistake(
                _patches_before_images,
                "The patches are right, but the axis of the patches comes before that "
                "of the images. `np.stack` and `torch.stack` can put it elsewhere.",
            ),
            Mistake(
                _images_in_one_row,
                "The patches of all images are in one long list. Keep the axis of the "
                "images.",
            ),
            Mistake(
                lambda images, patch_size: fixed_patchify(images, patch_size)[0],
                "You return the patches of the first image, without the axis of the "
                "images. B of them come in.",
            ),
            Mistake(
                _channels_not_flattened,
                "The patches are right, but the channels still have an axis of their "
                "own. The pixels of a patch and their channels become one axis.",
            ),
        ),
        hints=(
            "Look at tile 7 of the picture. From which rows and columns of the "
            "digit do its pixels come?",
            "Split the height into (H/P, P) and the width into (W/P, P) in one "
            "reshape. That gives six axes.",
            "Which two of the six must change places, so that both `P` axes stand "
            "side by side before you merge?",
        ),
        because="Splitting and merging keep the reading order; only the swap between "
        "them changes it. A round trip cannot test that, a picture or a loop can.",
        alternatives=(
            _cut_in_loops,
            _by_unfold,
            _swapped_in_torch,
            lambda images, P: np.einsum("brpsqc->brspqc", _split(images, P)).reshape(
                len(images), -1, P * P * images.shape[-1]
            ),
        ),
    ),
    Exercise(
        id="03.3",
        title="The repaired camera",
        solution=repair_positions,
        cases=(
            (
                10.0 * torch.arange(15).reshape(1, 5, 3),
                torch.tensor([2, 0, 3, 1]),
            ),
            (_random(1, 8, 4), torch.tensor([3, 0, 5, 1, 4, 6, 2])),
            (_random(1, 10, 2), torch.tensor([8, 2, 0, 1, 7, 3, 5, 4, 6])),
        ),
        kinds=("torch",),
        mistakes=(
            Mistake(
                _scrambled_again,
                "You shuffled the rows by `order`. In the lesson this made a model for "
                "intact images read scrambled ones; now it is the other way round, so "
                "you need the permutation that undoes `order`.",
            ),
            Mistake(
                lambda positions, order: positions,
                "These are the positions as they came in. They belong to places, and "
                "in the intact images these places hold other patches.",
            ),
            Mistake(
                _order_reversed,
                "You read `order` from its end. That is another shuffle, but not the "
                "one that undoes it.",
            ),
            Mistake(
                _rows_reversed,
                "You turned the sequence of the patches around. `order` is not that "
                "regular: look up in it which patch each place held.",
            ),
            Mistake(
                _class_row_lost,
                "The rows of the patches are right, but the class token's row is lost.",
            ),
            Mistake(
                _class_row_last,
                "The class token's row has moved to the end. It belongs in front.",
            ),
            Mistake(
                lambda positions, order: repair_positions(positions, order)[0],
                "The rows are right, but the first axis is gone: `(1, N+1, D)` goes "
                "out.",
            ),
            *(
                Mistake(
                    slip,
                    "You counted the rows from the class token. Row 0 is its own, and "
                    "patch `p` has row `p + 1`.",
                )
                for slip in (
                    _read_one_row_too_early,
                    _written_one_row_too_early,
                    _class_row_taken_for_a_patch,
                )
            ),
            Mistake(
                _class_row_set_to_zero,
                "The rows of the patches are right, but the class token had a position "
                "of its own, which has to stay.",
            ),
            Mistake(
                _overwritten_on_the_way,
                "You read rows that you had already overwritten. Read from the old "
                "positions, and write into a copy.",
            ),
        ),
        hints=(
            "Row `i + 1` of `positions` was added to whatever stood in place `i`. "
            "Which patch of the scene was that?",
            "A patch keeps its vector. In an intact image, patch `order[i]` stands in "
            "place `order[i]`. So where does row `i + 1` go?",
            "Either assign to `repaired[:, 1 + order]`, or index with "
            "`order.argsort()`, which undoes `order`. Row 0 stays where it is.",
        ),
        because="Each patch takes its vector along to the place where it stands now. "
        "The model sees the same set of tokens, and its logits do not change.",
        alternatives=(
            _by_argsort,
            _by_permutation_matrix,
            _by_index_with_class_token,
        ),
    ),
    Exercise(
        id="03.4",
        title="Spot the bug: a token without a place",
        solution=add_positions,
        cases=(
            (
                10.0 * torch.arange(1, 25).reshape(2, 3, 4),
                torch.tensor([[[300.0, 310.0, 320.0, 330.0]]]),
                0.1 * torch.arange(1, 17).reshape(1, 4, 4),
            ),
            (_random(3, 4, 6), _random(1, 1, 6) + 1, _random(1, 5, 6) - 1),
        ),
        kinds=("torch",),
        mistakes=(
            Mistake(
                _positions_too_early,
                "That is still the bug: positions are added before the class token is "
                "there. So patch 0 gets the row meant for the class token, each other "
                "patch that of its neighbor, and the class token none.",
            ),
            Mistake(
                _class_token_without_place,
                "The patches have their own rows now, but the class token has no "
                "position: row 0 is never used.",
            ),
            Mistake(
                _class_token_last,
                "The class token goes in front. At the end, the head, which reads "
                "token 0, gets a patch instead.",
            ),
            Mistake(
                _class_token_added,
                "You added the class token to every patch. It is a token of its own: "
                "the sequence becomes one longer.",
            ),
            Mistake(
                _class_token_takes_last_row,
                "Every token has a position now, but not its own: the class token has "
                "the last row, and each patch that of its neighbor.",
            ),
            Mistake(
                _patches_added_twice,
                "Each patch gets its position twice: once before the class token is "
                "there, once after.",
            ),
            Mistake(
                _positions_multiplied,
                "You multiply by the positions. Equation 1 adds them.",
            ),
            Mistake(
                _class_token_replaced,
                "Token 0 is the position alone: the learned class token is missing "
                "from the sum.",
            ),
            Mistake(
                _class_token_left_out,
                "The patches are placed rightly, but the class token is not in the "
                "result: N + 1 tokens go out.",
            ),
            Mistake(
                _all_added_twice,
                "The patches get two positions now, the shifted one and their own. "
                "Remove the first addition.",
            ),
            Mistake(
                _positions_not_added,
                "The class token is in front, but no positions have been added.",
            ),
            Mistake(
                _class_token_not_expanded,
                "Right for one image. A batch of B images needs the class token B "
                "times before the two can be joined.",
            ),
        ),
        hints=(
            "For which token is row 0 of `positions`? Which token gets it here?",
            "Positions have N+1 rows. At which moment does the sequence have N+1 "
            "tokens?",
            "First concatenate, then add: no slicing is needed.",
        ),
        because="With the class token in front first, sequence and positions have the "
        "same N+1 rows.",
        alternatives=(_add_then_join, _add_positions_in_numpy),
    ),
    Exercise(
        id="03.5",
        title="Learned rows and columns",
        solution=grid_positions,
        cases=(
            (1 + _numbered(3, 2), 10 * (1 + _numbered(4, 2))),
            (_numbered(3, 5), 100 + _numbered(2, 5)),
            (_numbered(2, 4), 100 + _numbered(2, 4)),
        ),
        kinds=("numpy", "torch"),
        mistakes=(
            Mistake(
                _grid_column_by_column,
                "Each vector is right, but the patches come column by column. In "
                "`patchify`'s order the *column* changes from one patch to the next.",
            ),
            Mistake(
                _halves_exchanged,
                "Row and column are exchanged: the row's half comes first.",
            ),
            Mistake(
                _divided_by_rows,
                "You divided the number of the patch by the number of *rows*. A row is "
                "full after as many patches as there are *columns*. On a square grid "
                "nobody would notice.",
            ),
            Mistake(
                _tables_repeated_whole,
                "Both tables are repeated as a whole (torch's `repeat` does what "
                "NumPy's `tile` does). A row holds for S patches in a sequence before "
                "the next one begins.",
            ),
            Mistake(
                _both_held,
                "In yours both change slowly: each vector of a column, too, holds for "
                "several patches. Within one row, every patch has another column.",
            ),
            Mistake(
                _halves_interleaved,
                "Your numbers of row and column alternate. All K of the row come "
                "first, then all K of the column.",
            ),
            Mistake(
                _joined_below,
                "You joined the two below each other. Put them side by side: the "
                "result has one row per patch.",
            ),
            Mistake(
                _paired,
                "You paired the first row with the first column, and so on. Every row "
                "meets every column: R times S patches.",
            ),
            Mistake(
                _halves_added,
                "You added the two vectors. Put them side by side: the result is twice "
                "as wide.",
            ),
            Mistake(
                _grid_not_flattened,
                "The numbers are right, but the result is a grid. Flatten it to one "
                "row per patch.",
            ),
        ),
        hints=(
            "With 3 columns, in which row and column is patch 4?",
            "`np.divmod(np.arange(R * S), S)` gives row and column of all patches.",
            "Index each table with these numbers, and concatenate along the last axis.",
        ),
        because="The row's number changes every S patches, the column's at each. This "
        "needs R + S vectors instead of R times S.",
        alternatives=(
            _repeat_and_tile,
            _expand_in_torch,
            _interleaved_in_torch,
            _grid_in_lists,
        ),
    ),
    Exercise(
        id="03.6",
        title="Positions for a larger image",
        solution=resize_positions,
        cases=(
            (
                torch.tensor(
                    [[[9.0, 9, 9], [0, 5, 1], [1, 6, 3], [2, 7, 5], [3, 8, 2]]]
                ),
                2,
                4,
            ),
            (_random(1, 5, 3), 2, 3),
            (_random(1, 10, 4), 3, 5),
        ),
        kinds=("torch",),
        mistakes=(
            Mistake(
                _resize_line,
                "You stretched the sequence as one line, class token included. The "
                "class token has no place in the image, and the patches form a grid.",
            ),
            Mistake(
                _resize_line_of_patches,
                "You stretched the patches as one line. So the end of one row is mixed "
                "with the start of the next, and nothing between two rows.",
            ),
            Mistake(
                _resize_without_transpose,
                "The shape fits, but `(1, N, D)` cannot simply be reshaped into "
                "`(1, D, rows, columns)`: numbers of one vector end up in different "
                "places. Transpose first.",
            ),
            Mistake(
                _resize_reshaped_only,
                "You reshape there and back. The shapes fit, but `(1, N, D)` is no "
                "`(1, D, rows, columns)`: what you interpolate mixes the numbers of "
                "one vector. Transpose, both times.",
            ),
            Mistake(
                _resize_dimensions_last,
                "You hand over `(1, rows, columns, D)`. `F.interpolate` resizes the "
                "last *two* axes, so D has to move to the front of them.",
            ),
            Mistake(
                _resize_twofold,
                "Your grid is always twice as large as the old one. Its side should be "
                "`new`.",
            ),
            Mistake(
                _resize_last_row_kept,
                "You kept the last row. The class token's is row 0.",
            ),
            Mistake(
                _resize_without_transposing_back,
                "Right until after the interpolation. Then `(1, D, rows, columns)` "
                "was reshaped instead of transposed back.",
            ),
            Mistake(
                _resize_with_class_token_last,
                "The class token's row has moved to the end. It belongs in front.",
            ),
            Mistake(
                _resize_turned,
                "Your grid is mirrored along its diagonal: rows and columns are "
                "exchanged.",
            ),
            Mistake(
                _resize_otherwise,
                "Your interpolation copies the nearest patch, as `F.interpolate` does "
                "by default. The task asks for bilinear interpolation, a mean of the "
                "patches around.",
            ),
            Mistake(
                partial(_resize_otherwise, mode="bicubic"),
                "Your interpolation is bicubic, as in many libraries. It is smoother, "
                "but the task asks for bilinear.",
            ),
            Mistake(
                partial(_resize_otherwise, mode="bilinear", align_corners=True),
                "With `align_corners=True` the outermost patches keep their exact "
                "values. The task asks for `False`, which treats patches as areas.",
            ),
            Mistake(
                _resize_all_rows_but_the_last,
                "You take the *last* row for the class token's, which is row 0, so "
                "all patches move by one place.",
            ),
            Mistake(
                _resize_without_class_token,
                "The patches are right, but the class token's row is lost.",
            ),
        ),
        hints=(
            "Take row 0 away first, and put it back at the end.",
            "`transpose(1, 2)` makes `(1, D, N)`; then the last axis can be split into "
            "rows and columns.",
            "After `F.interpolate(grid, (new, new), ...)`, go back the same way: "
            "flatten the last two axes, then transpose.",
        ),
        because="Each of the D numbers is a small picture over the grid of patches, "
        "and is enlarged like one.",
        alternatives=(_resize_by_permute, _resize_by_scale),
    ),
)
