"""The Vision Transformer of notebooks 02 to 04, in PyTorch, one class per idea.

Shapes use the letters of the course: ``B`` images, ``C`` channels, ``H, W`` height and
width, ``P`` patch side, ``N`` patches, ``T = N + 1`` tokens, ``D`` model width,
``h`` heads, ``d = D / h`` width of one head.
"""

import torch
from torch import Tensor, nn


class MultiHeadAttention(nn.Module):
    """Self-attention with ``heads`` heads (ViT paper, equations 5 to 8).

    The model width ``dim`` must be a multiple of ``heads``.
    """

    def __init__(self, dim: int, heads: int):
        super().__init__()
        if dim % heads:
            raise ValueError(
                f"dim {dim} is not a multiple of heads {heads}; "
                f"each head gets dim / heads numbers"
            )
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)  # queries, keys and values at once
        self.out = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the attended tokens ``(B, T, D)`` and the weights ``(B, h, T, T)``."""
        B, T, D = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.heads, D // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, h, T, d)
        scores = q @ k.transpose(-2, -1)  # (B, h, T, d) @ (B, h, d, T) -> (B, h, T, T)
        weights = (scores / q.shape[-1] ** 0.5).softmax(dim=-1)
        context = weights @ v  # (B, h, T, T) @ (B, h, T, d) -> (B, h, T, d)
        context = context.transpose(1, 2).reshape(B, T, D)  # heads side by side again
        return self.out(context), weights


class MLP(nn.Module):
    """Two linear layers with a GELU between, applied to every token alone."""

    def __init__(self, dim: int, mlp_dim: int):
        super().__init__()
        self.expand = nn.Linear(dim, mlp_dim)
        self.shrink = nn.Linear(mlp_dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        hidden = nn.functional.gelu(self.expand(x))  # (B, T, D) -> (B, T, mlp_dim)
        return self.shrink(hidden)  # (B, T, mlp_dim) -> (B, T, D)


class EncoderBlock(nn.Module):
    """Pre-norm encoder block (ViT paper, equations 2 and 3).

    ``dropout`` is the share of what attention and MLP add that training leaves out.
    """

    def __init__(self, dim: int, heads: int, mlp_dim: int, dropout: float = 0.0):
        super().__init__()
        self.norm_1 = nn.LayerNorm(dim)
        self.attention = MultiHeadAttention(dim, heads)
        self.norm_2 = nn.LayerNorm(dim)
        self.mlp = MLP(dim, mlp_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new tokens ``(B, T, D)`` and the weights ``(B, h, T, T)``."""
        attended, weights = self.attention(self.norm_1(x))
        x = x + self.dropout(attended)
        x = x + self.dropout(self.mlp(self.norm_2(x)))
        return x, weights


class PatchEmbedding(nn.Module):
    """Cut images into patches and project each to ``dim`` numbers (ViT, equation 1).

    A convolution with kernel and stride ``patch_size`` does both at once.
    """

    def __init__(self, image_size: int, patch_size: int, in_channels: int, dim: int):
        super().__init__()
        if image_size % patch_size:
            below = max(image_size // patch_size, 1) * patch_size
            raise ValueError(
                f"image size {image_size} is not a multiple of patch size {patch_size};"
                f" use {below} or {below + patch_size}"
            )
        self.image_size = image_size
        self.num_patches = (image_size // patch_size) ** 2
        self.project = nn.Conv2d(in_channels, dim, patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        wanted = (self.project.in_channels, self.image_size, self.image_size)
        if tuple(images.shape[1:]) != wanted:
            raise ValueError(
                f"images have shape {tuple(images.shape)}, but this model was built for"
                f" (B, {wanted[0]}, {wanted[1]}, {wanted[2]}); resize the images or"
                " build the model for their size"
            )
        patches = self.project(images)  # (B, C, H, W) -> (B, D, H/P, W/P)
        return patches.flatten(2).transpose(1, 2)  # (B, D, H/P, W/P) -> (B, N, D)


class ViT(nn.Module):
    """Vision Transformer (Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929).

    Parameters
    ----------
    image_size, patch_size : int
        Side of the square images and of the square patches, in pixels.
    in_channels : int
        1 for gray images, 3 for RGB.
    num_classes : int
        Number of logits.
    dim, depth, heads, mlp_dim : int
        Model width, number of blocks, heads per block, hidden width of each MLP.
    dropout : float
        Dropout on the embedded tokens and in every block.

    Raises a ValueError if ``image_size`` is not a multiple of ``patch_size``, or
    ``dim`` of ``heads``, and if images of another shape come in.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        in_channels: int,
        num_classes: int,
        dim: int,
        depth: int,
        heads: int,
        mlp_dim: int,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.embed = PatchEmbedding(image_size, patch_size, in_channels, dim)
        self.class_token = nn.Parameter(torch.zeros(1, 1, dim))
        tokens = self.embed.num_patches + 1
        self.positions = nn.Parameter(torch.randn(1, tokens, dim))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            EncoderBlock(dim, heads, mlp_dim, dropout) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)

    def forward(self, images: Tensor, return_attention: bool = False):
        """Return the logits, shape (B, num_classes), of images of shape (B, C, H, W).

        With ``return_attention`` also a list with the attention weights of every block,
        each of shape (B, h, N+1, N+1).
        """
        x = self.embed(images)  # (B, C, H, W) -> (B, N, D)
        class_token = self.class_token.expand(len(x), -1, -1)  # (1, 1, D) -> (B, 1, D)
        x = torch.cat([class_token, x], dim=1)  # (B, N, D) -> (B, N+1, D)
        x = self.dropout(x + self.positions)
        attention = []
        for block in self.blocks:
            x, weights = block(x)
            attention.append(weights)
        logits = self.head(self.norm(x)[:, 0])  # (B, D) -> (B, num_classes)
        return (logits, attention) if return_attention else logits
