"""Answers to the exercises of notebook 03 as learners give them.

They were written from the statements alone.
"""

import math

import numpy as np
import torch
import torch.nn.functional as F
from tests_answers import right, wrong
from torch import nn

# 03.1: tokens and weights


@right("03.1")
def floor_division(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return tokens, heads * tokens**2


@right("03.1")
def area(height, width, patch_size, heads):
    tokens = int(height * width / patch_size**2) + 1
    return tokens, int(heads * tokens * tokens)


@right("03.1")
def walk_over_the_grid(height, width, patch_size, heads):
    tokens = 1
    for _ in range(0, height, patch_size):
        for _ in range(0, width, patch_size):
            tokens += 1
    weights = 0
    for _ in range(heads):
        weights += tokens * tokens
    return tokens, weights


@right("03.1")
def grid_of_numpy(height, width, patch_size, heads):
    grid = np.zeros((height // patch_size, width // patch_size))
    tokens = grid.size + 1
    return tokens, np.prod([heads, tokens, tokens])


@right("03.1")
def two_in_a_list(height, width, patch_size, heads):
    rows, columns = (side // patch_size for side in (height, width))
    tokens = 1 + rows * columns
    return [tokens, math.prod([heads, tokens, tokens])]


@right("03.1")
def size_of_a_tensor(height, width, patch_size, heads):
    image = torch.empty(1, 1, height, width, device="meta")
    tokens = F.unfold(image, patch_size, stride=patch_size).shape[-1] + 1
    weights = torch.empty(heads, tokens, tokens, device="meta").numel()
    return tokens, weights


@wrong("03.1", "no class token at all", says="You counted the patches.")
def no_class_token(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size)
    return tokens, heads * tokens**2


@wrong(
    "03.1",
    "class token in the tokens, not in the weights",
    says="The tokens are right. Your weights",
)
def class_token_in_tokens_only(height, width, patch_size, heads):
    patches = (height // patch_size) * (width // patch_size)
    return patches + 1, heads * patches**2


@wrong(
    "03.1",
    "class token in the weights, not in the tokens",
    says="Your weights count the",
)
def class_token_in_weights_only(height, width, patch_size, heads):
    patches = (height // patch_size) * (width // patch_size)
    return patches, heads * (patches + 1) ** 2


@wrong("03.1", "forgets the heads", says="Your weights are those of")
def no_heads(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return tokens, tokens**2


@wrong(
    "03.1", "takes every image for square by its height", says="Right for square images"
)
def square_by_height(height, width, patch_size, heads):
    tokens = (height // patch_size) ** 2 + 1
    return tokens, heads * tokens**2


@wrong(
    "03.1", "takes every image for square by its width", says="Right for square images"
)
def square_by_width(height, width, patch_size, heads):
    tokens = (width // patch_size) ** 2 + 1
    return tokens, heads * tokens**2


@wrong(
    "03.1",
    "bytes of the weights, as in the lesson's block_cost",
    says="The tokens are right. Your second",
)
def bytes_of_the_weights(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return tokens, 4 * heads * tokens**2


@wrong("03.1", "exchanges the two numbers", says="Both numbers are right")
def exchanged_numbers(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return heads * tokens**2, tokens


@wrong(
    "03.1", "heads times tokens, not squared", says="The tokens are right. But *every*"
)
def tokens_not_squared(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return tokens, heads * tokens


@wrong(
    "03.1", "squares the heads with the tokens", says="The tokens are right. But you"
)
def heads_squared(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return tokens, (heads * tokens) ** 2


@wrong("03.1", "divides the area by the side of a patch", says="You divided the pixels")
def area_by_side(height, width, patch_size, heads):
    tokens = height * width // patch_size + 1
    return tokens, heads * tokens**2


@wrong("03.1", "twelve heads, whatever was asked")
def always_twelve_heads(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return tokens, 12 * tokens**2


@wrong("03.1", "prints and returns nothing", says="returns nothing")
def prints_tokens(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    print(tokens, heads * tokens**2)


@wrong("03.1", "weights of all twelve blocks")
def all_blocks(height, width, patch_size, heads):
    tokens = (height // patch_size) * (width // patch_size) + 1
    return tokens, 12 * heads * tokens**2


@wrong("03.1", "N by N + 1 weights", says="your class token is in one side")
def class_token_on_one_side(height, width, patch_size, heads):
    patches = (height // patch_size) * (width // patch_size)
    return patches + 1, heads * patches * (patches + 1)


@wrong("03.1", "tokens alone", says="That is the first number")
def tokens_alone(height, width, patch_size, heads):
    return (height // patch_size) * (width // patch_size) + 1


# 03.2: patchify


@right("03.2")
def cut_with_loops(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    patches = []
    for i in range(H // P):
        for j in range(W // P):
            patch = images[:, i * P : (i + 1) * P, j * P : (j + 1) * P, :]
            patches.append(patch.reshape(B, P * P * C))
    return np.stack(patches, axis=1)


@right("03.2")
def split_swap_merge(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C).swapaxes(2, 3)
    return grid.reshape(B, (H // P) * (W // P), P * P * C)


@right("03.2")
def transpose_of_numpy(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    return grid.transpose(0, 1, 3, 2, 4, 5).reshape(B, -1, P * P * C)


@right("03.2")
def transpose_of_torch(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    return grid.transpose(2, 3).reshape(B, -1, P * P * C)


@right("03.2")
def view_and_permute(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    x = images.view(B, H // P, P, W // P, P, C)
    x = x.permute(0, 1, 3, 2, 4, 5).contiguous()
    return x.view(B, -1, P * P * C)


@right("03.2")
def einsum_renames(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    return np.einsum("brpsqc->brspqc", grid).reshape(B, -1, P * P * C)


@right("03.2")
def tensor_unfold_twice(images, patch_size):
    P = patch_size
    windows = images.unfold(1, P, P).unfold(2, P, P)  # (B, R, S, C, P, P)
    windows = windows.permute(0, 1, 2, 4, 5, 3)
    return windows.flatten(3).flatten(1, 2)


@right("03.2")
def split_of_numpy(images, patch_size):
    rows = np.split(images, images.shape[1] // patch_size, axis=1)
    patches = [
        patch.reshape(len(images), -1)
        for row in rows
        for patch in np.split(row, images.shape[2] // patch_size, axis=2)
    ]
    return np.array(patches).swapaxes(0, 1)


@right("03.2")
def functional_unfold(images, patch_size):
    x = torch.as_tensor(images).permute(0, 3, 1, 2)  # (B, C, H, W)
    B, C, H, W = x.shape
    columns = F.unfold(x, kernel_size=patch_size, stride=patch_size)
    columns = columns.reshape(B, C, patch_size**2, -1)  # (B, C, P*P, N)
    return columns.permute(0, 3, 2, 1).reshape(B, -1, patch_size**2 * C)


@wrong("03.2", "the colleague's line", says="This is the colleague's")
def still_quick(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    return images.reshape(B, (H // P) * (W // P), P * P * C)


@wrong("03.2", "splits, but does not swap", says="This is the colleague's")
def no_swap(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    return grid.reshape(B, -1, P * P * C)


@wrong("03.2", "patches column by column", says="Each patch is right")
def column_by_column(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    patches = []
    for left in range(0, W, P):
        for top in range(0, H, P):
            patch = images[:, top : top + P, left : left + P]
            patches.append(patch.reshape(B, -1))
    return np.stack(patches, axis=1)


@wrong("03.2", "channels first inside a patch", says="Right for one channel.")
def channels_first_inside(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    return np.transpose(grid, (0, 1, 3, 5, 2, 4)).reshape(B, -1, P * P * C)


@wrong("03.2", "pixels of a patch column by column", says="Your patches are in")
def pixels_transposed(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C)
    return np.transpose(grid, (0, 1, 3, 4, 2, 5)).reshape(B, -1, P * P * C)


@wrong("03.2", "as many columns as rows", says="You expect as many")
def square_grid(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    n = H // P
    grid = images.reshape(B, n, P, n, P, C)
    return grid.swapaxes(2, 3).reshape(B, n * n, P * P * C)


@wrong("03.2", "numbers of rows and columns exchanged", says="You exchanged H/P and")
def rows_for_columns(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, W // P, P, H // P, P, C)
    return grid.swapaxes(2, 3).reshape(B, -1, P * P * C)


@wrong("03.2", "first image only", says="You cut the first image")
def first_image_only(images, patch_size):
    image, P = images[0], patch_size
    H, W, C = image.shape
    grid = image.reshape(H // P, P, W // P, P, C).swapaxes(1, 2)
    return grid.reshape(1, -1, P * P * C)


@wrong(
    "03.2",
    "leaves the grid of patches unmerged",
    says="The patches are right, but they",
)
def grid_unmerged(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C).swapaxes(2, 3)
    return grid.reshape(B, H // P, W // P, P * P * C)


@wrong(
    "03.2", "leaves the pixels of a patch unmerged", says="The patches are right but"
)
def pixels_unmerged(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C).swapaxes(2, 3)
    return grid.reshape(B, -1, P, P, C)


@wrong("03.2", "swaps another pair of axes", says="You split rightly, but")
def swaps_1_and_2(images, patch_size):
    B, H, W, C = images.shape
    P = patch_size
    grid = images.reshape(B, H // P, P, W // P, P, C).swapaxes(1, 2)
    return grid.reshape(B, -1, P * P * C)


@wrong("03.2", "patches of 7 whatever was asked")
def always_sevens(images, patch_size):
    B, H, W, C = images.shape
    grid = images.reshape(B, H // 7, 7, W // 7, 7, C).swapaxes(2, 3)
    return grid.reshape(B, -1, 49 * C)


@wrong("03.2", "the loops stop one patch early", says="The last row and the")
def loops_stop_early(images, patch_size):
    B, H, W, C = images.shape
    patches = []
    for i in range(0, H - patch_size, patch_size):
        for j in range(0, W - patch_size, patch_size):
            patch = images[:, i : i + patch_size, j : j + patch_size]
            patches.append(patch.reshape(B, -1))
    return np.stack(patches, axis=1)


@wrong(
    "03.2",
    "images and patches exchanged, np.stack without axis",
    says="The patches are right, but the axis",
)
def stack_without_axis(images, patch_size):
    B, H, W, C = images.shape
    patches = []
    for i in range(0, H, patch_size):
        for j in range(0, W, patch_size):
            patch = images[:, i : i + patch_size, j : j + patch_size]
            patches.append(patch.reshape(B, -1))
    return np.stack(patches)


@wrong("03.2", "first channel only")
def first_channel_only(images, patch_size):
    B, H, W, _ = images.shape
    P = patch_size
    grid = images[..., 0].reshape(B, H // P, P, W // P, P).swapaxes(2, 3)
    return grid.reshape(B, -1, P * P)


@wrong("03.2", "first of the images", says="the patches of the first image")
def patches_of_the_first(images, patch_size):
    B, H, W, C = images.shape
    grid = images.reshape(B, H // patch_size, patch_size, W // patch_size, -1, C)
    return grid.swapaxes(2, 3).reshape(B, -1, patch_size * patch_size * C)[0]


@wrong("03.2", "channels apart", says="the channels still have an axis")
def patches_with_channel_axis(images, patch_size):
    B, H, W, C = images.shape
    grid = images.reshape(B, H // patch_size, patch_size, W // patch_size, -1, C)
    return grid.swapaxes(2, 3).reshape(B, -1, patch_size * patch_size, C)


# 03.3: the repaired camera


@right("03.3")
def inverse_by_argsort(positions, order):
    inverse = torch.argsort(order)
    return torch.cat([positions[:, :1], positions[:, 1:][:, inverse]], dim=1)


@right("03.3")
def assign_by_index(positions, order):
    new = torch.empty_like(positions)
    new[:, 0] = positions[:, 0]
    new[:, order + 1] = positions[:, 1:]
    return new


@right("03.3")
def loop_over_places(positions, order):
    new = positions.clone()
    for place in range(len(order)):
        new[0, order[place] + 1] = positions[0, place + 1]
    return new


@right("03.3")
def look_up_each_patch(positions, order):
    order = order.tolist()
    rows = [0] + [order.index(patch) + 1 for patch in range(len(order))]
    return positions[:, rows]


@right("03.3")
def dictionary(positions, order):
    place_of = {int(patch): place for place, patch in enumerate(order)}
    rows = [positions[0, 0]]
    for patch in sorted(place_of):
        rows.append(positions[0, place_of[patch] + 1])
    return torch.stack(rows).unsqueeze(0)


@right("03.3")
def inverse_by_scatter(positions, order):
    inverse = torch.zeros_like(order)
    inverse[order] = torch.arange(len(order))
    return torch.hstack([positions[:, [0]], positions[:, 1 + inverse]])


@right("03.3")
def parameter_of_a_model(positions, order):
    with torch.no_grad():
        new = nn.Parameter(positions.clone())
        new[:, 1:] = new[:, 1:][:, np.argsort(order.numpy())]
    return new


@right("03.3")
def transposed_permutation_matrix(positions, order):
    matrix = F.one_hot(order, len(order)).to(positions.dtype)
    patches = torch.einsum("ip,bid->bpd", matrix, positions[:, 1:])
    return torch.cat([positions[:, 0:1], patches], 1)


@wrong("03.3", "shuffles by order once more", says="You shuffled the rows by `order`")
def the_line_of_the_lesson(positions, order):
    new = positions.clone()
    new[:, 1:] = positions[:, 1:][:, order]
    return new


@wrong("03.3", "permutation matrix not transposed", says="You shuffled the rows by")
def permutation_matrix(positions, order):
    matrix = torch.eye(len(order))[order]
    return torch.cat([positions[:, :1], matrix @ positions[:, 1:]], dim=1)


@wrong("03.3", "changes nothing", says="as they came in")
def positions_belong_to_the_model(positions, order):
    return positions.clone()


@wrong("03.3", "forgets the class token", says="class token's row is lost")
def patches_only(positions, order):
    return positions[:, 1:][:, order.argsort()]


@wrong("03.3", "inverse with a row too few", says="You counted the rows from")
def no_plus_one(positions, order):
    return torch.cat([positions[:, :1], positions[:, order.argsort()]], dim=1)


@wrong("03.3", "assigns a row too early", says="You counted the rows from")
def assign_without_plus_one(positions, order):
    new = positions.clone()
    new[:, order] = positions[:, 1:]
    return new


@wrong("03.3", "reverses the order", says="You read `order` from its end")
def reversed_order(positions, order):
    patches = positions[:, 1:][:, order.flip(0)]
    return torch.cat([positions[:, :1], patches], dim=1)


@wrong("03.3", "overwrites while reading", says="already overwritten")
def in_place_loop(positions, order):
    new = positions.clone()
    for i, p in enumerate(order.tolist()):
        new[0, p + 1] = new[0, i + 1]
    return new


@wrong("03.3", "class token at the end", says="moved to the end")
def class_row_in_the_end(positions, order):
    patches = positions[:, 1:][:, order.argsort()]
    return torch.cat([patches, positions[:, :1]], dim=1)


@wrong("03.3", "leaves the class token's row at zero", says="a position of its own")
def zeros(positions, order):
    new = torch.zeros(positions.shape)
    new[:, order + 1] = positions[:, 1:]
    return new


@wrong("03.3", "no axis in front", says="the first axis is gone")
def two_axes(positions, order):
    rows = torch.cat([torch.tensor([0]), order.argsort() + 1])
    return positions[0][rows]


@wrong("03.3", "sorts the numbers instead of the rows")
def sorted_numbers(positions, order):
    return torch.cat([positions[:, :1], positions[:, 1:].sort(dim=1).values], dim=1)


# 03.4: class token and positions


@right("03.4")
def cat_then_add(patches, class_token, positions):
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1) + positions


@right("03.4")
def add_each_then_cat(patches, class_token, positions):
    first = class_token + positions[:, :1]
    first = first.repeat(patches.shape[0], 1, 1)
    return torch.cat((first, patches + positions[:, 1:]), 1)


@right("03.4")
def fills_an_empty_tensor(patches, class_token, positions):
    B, N, D = patches.shape
    out = torch.empty(B, N + 1, D, dtype=patches.dtype)
    out[:, 0] = class_token[0, 0]
    out[:, 1:] = patches
    return out + positions


@right("03.4")
def image_by_image(patches, class_token, positions):
    rows = []
    for image in patches:
        rows.append(torch.cat([class_token[0], image]) + positions[0])
    return torch.stack(rows)


@right("03.4")
def hstack_and_broadcast(patches, class_token, positions):
    tokens = torch.hstack([class_token.expand_as(patches[:, :1]), patches])
    return tokens.add(positions)


@right("03.4")
def pads_in_front(patches, class_token, positions):
    x = F.pad(patches, (0, 0, 1, 0)) + positions
    x[:, 0] = x[:, 0] + class_token[:, 0]
    return x


@right("03.4")
def fixes_the_bug(patches, class_token, positions):
    patches = patches + positions[:, 1:]
    class_token = class_token + positions[:, 0]
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1)


@wrong("03.4", "the function with the bug", says="That is still the bug")
def with_the_bug(patches, class_token, positions):
    patches = patches + positions[:, :-1]
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1)


@wrong(
    "03.4",
    "right rows for the patches, none for the class token",
    says="The patches have their",
)
def class_token_without_place(patches, class_token, positions):
    patches = patches + positions[:, 1:]
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1)


@wrong("03.4", "the class token comes last", says="The class token goes")
def class_token_last(patches, class_token, positions):
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([patches, class_tokens], dim=1) + positions


@wrong(
    "03.4", "the class token gets the last position", says="Every token has a position"
)
def class_token_gets_last_row(patches, class_token, positions):
    patches = patches + positions[:, :-1]
    class_tokens = (class_token + positions[:, -1:]).expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1)


@wrong("03.4", "positions twice on the patches", says="Each patch gets its")
def positions_twice(patches, class_token, positions):
    patches = patches + positions[:, 1:]
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1) + positions


@wrong("03.4", "multiplies by the positions", says="You multiply by the")
def multiplies_positions(patches, class_token, positions):
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1) * positions


@wrong("03.4", "no positions at all", says="The class token is")
def no_positions(patches, class_token, positions):
    class_tokens = class_token.expand(len(patches), -1, -1)
    return torch.cat([class_tokens, patches], dim=1)


@wrong("03.4", "class token not expanded", says="Right for one image.")
def not_expanded(patches, class_token, positions):
    return torch.cat([class_token, patches], dim=1) + positions


@wrong(
    "03.4", "the position stands in for the class token", says="Token 0 is the position"
)
def class_token_forgotten(patches, class_token, positions):
    patches = patches + positions[:, 1:]
    first = positions[:, :1].expand(len(patches), -1, -1)
    return torch.cat([first, patches], dim=1)


@wrong(
    "03.4",
    "adds the positions to the caller's patches in place",
    says="changes what it is given",
)
def changes_the_patches(patches, class_token, positions):
    patches += positions[:, 1:]
    first = (class_token + positions[:, :1]).expand(len(patches), -1, -1)
    return torch.cat([first, patches], dim=1)


@wrong("03.4", "adds the class token to every patch", says="You added the class")
def class_token_added(patches, class_token, positions):
    return patches + class_token + positions[:, 1:]


@wrong(
    "03.4", "forgets the class token's row of the result", says="The patches are placed"
)
def no_row_for_class(patches, class_token, positions):
    return patches + positions[:, 1:]


@wrong("03.4", "rows of positions backward")
def positions_backward(patches, class_token, positions):
    tokens = torch.cat([class_token.expand(len(patches), -1, -1), patches], dim=1)
    return tokens + positions.flip(1)


# 03.5: rows and columns


@right("03.5")
def repeat_and_tile(row_table, column_table):
    R, S = len(row_table), len(column_table)
    rows = np.repeat(np.asarray(row_table), S, axis=0)
    columns = np.tile(np.asarray(column_table), (R, 1))
    return np.concatenate([rows, columns], axis=1)


@right("03.5")
def repeat_interleave(row_table, column_table):
    R, S = row_table.shape[0], column_table.shape[0]
    rows = row_table.repeat_interleave(S, dim=0)
    columns = column_table.repeat(R, 1)
    return torch.cat([rows, columns], dim=-1)


@right("03.5")
def two_loops(row_table, column_table):
    result = []
    for row in row_table:
        for column in column_table:
            result.append(np.concatenate([row, column]))
    return np.stack(result)


@right("03.5")
def comprehension_of_torch(row_table, column_table):
    return torch.stack([torch.cat([r, c]) for r in row_table for c in column_table])


@right("03.5")
def expand_and_cat(row_table, column_table):
    (R, K), (S, _) = row_table.shape, column_table.shape
    rows = row_table[:, None, :].expand(R, S, K)
    columns = column_table[None, :, :].expand(R, S, K)
    return torch.cat([rows, columns], dim=2).reshape(R * S, 2 * K)


@right("03.5")
def index_by_divmod(row_table, column_table):
    R, S = len(row_table), len(column_table)
    row, column = np.divmod(np.arange(R * S), S)
    return np.hstack([row_table[row], column_table[column]])


@right("03.5")
def fills_zeros(row_table, column_table):
    (R, K), S = row_table.shape, len(column_table)
    out = np.zeros((R * S, 2 * K))
    for n in range(R * S):
        out[n, :K] = row_table[n // S]
        out[n, K:] = column_table[n % S]
    return out


@right("03.5")
def broadcast_of_numpy(row_table, column_table):
    (R, K), (S, _) = row_table.shape, column_table.shape
    rows = np.broadcast_to(row_table[:, None], (R, S, K))
    columns = np.broadcast_to(column_table, (R, S, K))
    return np.concatenate((rows, columns), -1).reshape(-1, 2 * K)


@wrong("03.5", "halves exchanged", says="Row and column are")
def halves_exchanged(row_table, column_table):
    R, S = len(row_table), len(column_table)
    rows = np.repeat(np.asarray(row_table), S, axis=0)
    columns = np.tile(np.asarray(column_table), (R, 1))
    return np.concatenate([columns, rows], axis=1)


@wrong("03.5", "tile and repeat exchanged", says="Each vector is right")
def tile_and_repeat(row_table, column_table):
    R, S = len(row_table), len(column_table)
    rows = np.tile(np.asarray(row_table), (S, 1))
    columns = np.repeat(np.asarray(column_table), R, axis=0)
    return np.concatenate([rows, columns], axis=1)


@wrong("03.5", "loops over the columns outside", says="Each vector is right")
def columns_outside(row_table, column_table):
    pairs = [(r, c) for c in column_table for r in row_table]
    return np.stack([np.concatenate([r, c]) for r, c in pairs])


@wrong("03.5", "torch's repeat taken for NumPy's", says="Both tables are repeated")
def repeat_of_torch(row_table, column_table):
    row_table, column_table = map(torch.as_tensor, (row_table, column_table))
    R, S = len(row_table), len(column_table)
    return torch.cat([row_table.repeat(S, 1), column_table.repeat(R, 1)], dim=1)


@wrong("03.5", "both interleaved", says="In yours both change")
def both_interleaved(row_table, column_table):
    R, S = len(row_table), len(column_table)
    rows = np.repeat(np.asarray(row_table), S, axis=0)
    columns = np.repeat(np.asarray(column_table), R, axis=0)
    return np.concatenate([rows, columns], axis=1)


@wrong("03.5", "adds instead of joining", says="You added the two vectors.")
def adds_the_two(row_table, column_table):
    grid = row_table[:, None] + column_table[None]
    return grid.reshape(-1, row_table.shape[1])


@wrong("03.5", "leaves the grid (R, S, 2K)", says="The numbers are right")
def leaves_the_grid(row_table, column_table):
    (R, K), (S, _) = row_table.shape, column_table.shape
    rows = np.broadcast_to(np.asarray(row_table)[:, None], (R, S, K))
    columns = np.broadcast_to(np.asarray(column_table), (R, S, K))
    return np.concatenate((rows, columns), -1)


@wrong("03.5", "divides by the number of rows")
def divides_by_rows(row_table, column_table):
    row_table, column_table = np.asarray(row_table), np.asarray(column_table)
    R, S = len(row_table), len(column_table)
    n = np.arange(R * S)
    return np.hstack([row_table[n // R % R], column_table[n % R % S]])


@wrong("03.5", "divmod by the number of rows", says="You divided the number")
def divmod_by_rows(row_table, column_table):
    R, S = len(row_table), len(column_table)
    row, column = np.divmod(np.arange(R * S), R)
    return np.concatenate([row_table[row], column_table[column]], axis=1)


@wrong("03.5", "interleaves the numbers of the two", says="Your numbers of row")
def interleaves_numbers(row_table, column_table):
    (R, K), (S, _) = row_table.shape, column_table.shape
    out = np.zeros((R * S, 2 * K))
    for n in range(R * S):
        out[n, 0::2] = row_table[n // S]
        out[n, 1::2] = column_table[n % S]
    return out


@wrong("03.5", "pairs the n-th row with the n-th column", says="You paired the first")
def zipped(row_table, column_table):
    pairs = zip(row_table, column_table, strict=False)
    return np.stack([np.concatenate([r, c]) for r, c in pairs])


@wrong("03.5", "joins below each other", says="You joined the two")
def joins_below(row_table, column_table):
    R, S = len(row_table), len(column_table)
    rows = np.repeat(np.asarray(row_table), S, axis=0)
    columns = np.tile(np.asarray(column_table), (R, 1))
    return np.concatenate([rows, columns])


@wrong("03.5", "takes the grid for square")
def takes_it_for_square(row_table, column_table):
    R = len(row_table)
    rows = np.repeat(np.asarray(row_table), R, axis=0)
    columns = np.tile(np.asarray(column_table)[:R], (R, 1))
    return np.concatenate([rows, columns[: len(rows)]], axis=1)


# 03.6: larger images


@right("03.6")
def reshape_and_permute(positions, old, new):
    class_row, grid = positions[:, :1], positions[:, 1:]
    D = positions.shape[-1]
    grid = grid.reshape(1, old, old, D).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    grid = grid.permute(0, 2, 3, 1).reshape(1, new * new, D)
    return torch.cat([class_row, grid], dim=1)


@right("03.6")
def transpose_then_view(positions, old, new):
    grid = positions[:, 1:].transpose(1, 2).reshape(1, -1, old, old)
    grid = F.interpolate(grid, new, mode="bilinear", align_corners=False)
    grid = grid.flatten(2).transpose(1, 2)
    return torch.cat((positions[:, 0:1], grid), 1)


@right("03.6")
def einsum_there_and_back(positions, old, new):
    grid = positions[0, 1:].view(old, old, -1)
    grid = torch.einsum("rsd->drs", grid)[None]
    grid = F.interpolate(grid, size=new, mode="bilinear")
    grid = torch.einsum("bdrs->brsd", grid).reshape(1, new**2, -1)
    return torch.cat([positions[:, [0]], grid], dim=1)


@right("03.6")
def upsample_module(positions, old, new):
    first, rest = positions.split([1, old * old], dim=1)
    rest = rest.mT.unflatten(2, (old, old))
    larger = nn.Upsample(size=(new, new), mode="bilinear", align_corners=False)
    return torch.cat([first, larger(rest).flatten(2).mT], dim=1)


@right("03.6")
def dimension_by_dimension(positions, old, new):
    out = torch.empty(1, new * new + 1, positions.shape[2])
    out[0, 0] = positions[0, 0]
    for d in range(positions.shape[2]):
        plane = positions[0, 1:, d].reshape(1, 1, old, old)
        plane = F.interpolate(plane, (new, new), mode="bilinear", align_corners=False)
        out[0, 1:, d] = plane.flatten()
    return out


@right("03.6")
def returns_early_when_equal(positions, old, new):
    if old == new:
        return positions
    grid = positions[:, 1:].reshape(1, old, old, -1).movedim(-1, 1)
    grid = F.interpolate(grid, (new, new), mode="bilinear", align_corners=False)
    grid = grid.movedim(1, -1).flatten(1, 2)
    return torch.concat([positions[:, :1], grid], dim=1)


def _resized(mode="bilinear", align_corners=False):
    options = {"mode": mode}
    if mode in ("bilinear", "bicubic"):
        options["align_corners"] = align_corners

    def resize_positions(positions, old, new):
        class_row, grid = positions[:, :1], positions[:, 1:]
        grid = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(new, new), **options)
        return torch.cat([class_row, grid.flatten(2).transpose(1, 2)], dim=1)

    return resize_positions


wrong(
    "03.6",
    "align_corners=True",
    _resized(align_corners=True),
    says="With `align_corners=True` the outermost",
)
wrong(
    "03.6",
    "interpolate's default mode, nearest",
    _resized("nearest"),
    says="Your interpolation copies the",
)
wrong(
    "03.6",
    "bicubic, as many checkpoints are resized",
    _resized("bicubic"),
    says="Your interpolation is bicubic",
)


@wrong(
    "03.6",
    "reshape to (1, D, rows, columns) without moving the axis",
    says="You reshape there and",
)
def reshape_without_permute(positions, old, new):
    class_row, grid = positions[:, :1], positions[:, 1:]
    D = positions.shape[-1]
    grid = grid.reshape(1, D, old, old)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return torch.cat([class_row, grid.reshape(1, new * new, D)], dim=1)


@wrong("03.6", "moves the axis there, but reshapes back", says="Right until after the")
def reshape_on_the_way_back(positions, old, new):
    class_row, grid = positions[:, :1], positions[:, 1:]
    D = positions.shape[-1]
    grid = grid.reshape(1, old, old, D).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return torch.cat([class_row, grid.reshape(1, new * new, D)], dim=1)


@wrong("03.6", "forgets the class token's row", says="The patches are right")
def class_row_lost(positions, old, new):
    grid = positions[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return grid.flatten(2).transpose(1, 2)


@wrong("03.6", "puts the class token's row at the end", says="The class token's row")
def class_row_at_the_end(positions, old, new):
    class_row, grid = positions[:, :1], positions[:, 1:]
    grid = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return torch.cat([grid.flatten(2).transpose(1, 2), class_row], dim=1)


@wrong(
    "03.6", "takes the last row for the class token's", says="You kept the last row."
)
def class_row_from_the_end(positions, old, new):
    class_row, grid = positions[:, -1:], positions[:, :-1]
    grid = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return torch.cat([class_row, grid.flatten(2).transpose(1, 2)], dim=1)


@wrong(
    "03.6",
    "interpolates along the sequence, in one dimension",
    says="You stretched the patches",
)
def one_dimension(positions, old, new):
    class_row, line = positions[:, :1], positions[:, 1:]
    line = F.interpolate(
        line.transpose(1, 2), size=new * new, mode="linear", align_corners=False
    )
    return torch.cat([class_row, line.transpose(1, 2)], dim=1)


@wrong("03.6", "rows and columns of the grid exchanged", says="Your grid is mirrored")
def grid_transposed(positions, old, new):
    class_row, grid = positions[:, :1], positions[:, 1:]
    grid = grid.reshape(1, old, old, -1).permute(0, 3, 2, 1)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return torch.cat([class_row, grid.flatten(2).transpose(1, 2)], dim=1)


@wrong("03.6", "always twice as large", says="Your grid is always")
def twice_as_large(positions, old, new):
    class_row, grid = positions[:, :1], positions[:, 1:]
    grid = grid.reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, scale_factor=2, mode="bilinear", align_corners=False)
    return torch.cat([class_row, grid.flatten(2).transpose(1, 2)], dim=1)


@wrong("03.6", "hands the grid over with the dimensions last", says="You hand over `(1")
def dimensions_last(positions, old, new):
    class_row, grid = positions[:, :1], positions[:, 1:]
    grid = grid.reshape(1, old, old, -1)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    return torch.cat([class_row, grid.reshape(1, new * new, -1)], dim=1)


@wrong("03.6", "a new row for the class token")
def class_row_made_anew(positions, old, new):
    grid = positions[:, 1:].reshape(1, old, old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(new, new), mode="bilinear", align_corners=False)
    grid = grid.flatten(2).transpose(1, 2)
    return torch.cat([torch.zeros_like(grid[:, :1]), grid], dim=1)


@wrong("03.6", "class token taken from the end", says="You take the *last* row")
def class_token_at_the_end(positions, old, new):
    grid = positions[:, :-1].transpose(1, 2).unflatten(2, (old, old))
    grid = F.interpolate(grid, (new, new), mode="bilinear", align_corners=False)
    return torch.cat([grid.flatten(2).transpose(1, 2), positions[:, -1:]], dim=1)
