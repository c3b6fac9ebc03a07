"""The Vision Transformer of notebook 05, in Keras 3: the twin of ``vit/torch.py``.

Shapes use the letters explained there. Images come as Keras has them, channels last:
``(B, H, W, C)``.
"""

import keras
from keras import layers, ops
from keras.initializers import RandomNormal, RandomUniform


def dense(fan_in: int, units: int) -> layers.Dense:
    """Make a linear layer that starts as PyTorch's ``nn.Linear`` does.

    Weights and biases are uniform, up to ``1 / sqrt(fan_in)``; Keras's are Glorot's.
    """
    limit = fan_in**-0.5
    return layers.Dense(
        units,
        kernel_initializer=RandomUniform(-limit, limit),
        bias_initializer=RandomUniform(-limit, limit),
    )


@keras.saving.register_keras_serializable("vit_course")
class MultiHeadAttention(layers.Layer):
    """Self-attention with ``heads`` heads (ViT paper, equations 5 to 8).

    The model width ``dim`` must be a multiple of ``heads``.
    """

    def __init__(self, dim: int, heads: int, **options):
        super().__init__(**options)
        if dim % heads:
            raise ValueError(
                f"dim {dim} is not a multiple of heads {heads}; "
                f"each head gets dim / heads numbers"
            )
        self.heads = heads
        self.qkv = dense(dim, 3 * dim)  # queries, keys and values at once
        self.out = dense(dim, dim)

    def build(self, shape):
        self.qkv.build(shape)
        self.out.build(shape)

    def call(self, x):
        """Return the attended tokens ``(B, T, D)`` and the weights ``(B, h, T, T)``."""
        B, T, D = ops.shape(x)
        qkv = ops.reshape(self.qkv(x), (B, T, 3, self.heads, D // self.heads))
        q, k, v = ops.unstack(ops.transpose(qkv, (2, 0, 3, 1, 4)))  # each (B, h, T, d)
        scores = q @ ops.swapaxes(k, -2, -1)  # -> (B, h, T, T)
        weights = ops.softmax(scores / q.shape[-1] ** 0.5, axis=-1)
        context = weights @ v  # (B, h, T, T) @ (B, h, T, d) -> (B, h, T, d)
        context = ops.transpose(context, (0, 2, 1, 3))  # (B, h, T, d) -> (B, T, h, d)
        context = ops.reshape(context, (B, T, D))  # heads side by side again
        return self.out(context), weights


@keras.saving.register_keras_serializable("vit_course")
class MLP(layers.Layer):
    """Two linear layers with a GELU between, applied to every token alone."""

    def __init__(self, dim: int, mlp_dim: int, **options):
        super().__init__(**options)
        self.expand = dense(dim, mlp_dim)
        self.shrink = dense(mlp_dim, dim)

    def build(self, shape):
        self.expand.build(shape)
        self.shrink.build((*shape[:-1], self.expand.units))

    def call(self, x):
        hidden = self.expand(x)  # (B, T, D) -> (B, T, mlp_dim)
        hidden = ops.gelu(hidden, approximate=False)
        return self.shrink(hidden)  # (B, T, mlp_dim) -> (B, T, D)


@keras.saving.register_keras_serializable("vit_course")
class EncoderBlock(layers.Layer):
    """Pre-norm encoder block (ViT paper, equations 2 and 3).

    ``dropout`` is the share of what attention and MLP add that training leaves out.
    """

    def __init__(
        self,
        dim: int,
        heads: int,
        mlp_dim: int,
        dropout: float = 0.0,
        epsilon: float = 1e-5,
        **options,
    ):
        super().__init__(**options)
        self.norm_1 = layers.LayerNormalization(epsilon=epsilon)
        self.attention = MultiHeadAttention(dim, heads)
        self.norm_2 = layers.LayerNormalization(epsilon=epsilon)
        self.mlp = MLP(dim, mlp_dim)
        self.dropout = layers.Dropout(dropout)

    def build(self, shape):
        for part in (self.norm_1, self.attention, self.norm_2, self.mlp):
            part.build(shape)

    def call(self, x, training=None):
        """Return the new tokens ``(B, T, D)`` and the weights ``(B, h, T, T)``."""
        attended, weights = self.attention(self.norm_1(x))
        x = x + self.dropout(attended, training=training)
        x = x + self.dropout(self.mlp(self.norm_2(x)), training=training)
        return x, weights


@keras.saving.register_keras_serializable("vit_course")
class PatchEmbedding(layers.Layer):
    """Cut images into patches and project each to ``dim`` numbers (ViT, equation 1).

    A convolution with kernel and stride ``patch_size`` does both at once.
    """

    def __init__(
        self, image_size: int, patch_size: int, in_channels: int, dim: int, **options
    ):
        super().__init__(**options)
        if image_size % patch_size:
            below = max(image_size // patch_size, 1) * patch_size
            raise ValueError(
                f"image size {image_size} is not a multiple of patch size {patch_size};"
                f" use {below} or {below + patch_size}"
            )
        self.image_shape = (image_size, image_size, in_channels)
        self.num_patches = (image_size // patch_size) ** 2
        limit = (in_channels * patch_size**2) ** -0.5
        self.project = layers.Conv2D(
            dim,
            patch_size,
            strides=patch_size,
            kernel_initializer=RandomUniform(-limit, limit),
            bias_initializer=RandomUniform(-limit, limit),
        )

    def build(self, shape):
        self.project.build(shape)

    def call(self, images):
        if tuple(images.shape[1:]) != self.image_shape:
            wanted = ", ".join(map(str, self.image_shape))
            raise ValueError(
                f"images have shape {tuple(images.shape)}, but this model was built for"
                f" (B, {wanted}); resize the images or build the model for their size"
            )
        patches = self.project(images)  # (B, H, W, C) -> (B, H/P, W/P, D)
        B, _, _, D = ops.shape(patches)
        return ops.reshape(patches, (B, self.num_patches, D))  # -> (B, N, D)


@keras.saving.register_keras_serializable("vit_course")
class ViT(keras.Model):
    """Vision Transformer (Dosovitskiy et al. 2021, https://arxiv.org/abs/2010.11929).

    Built at once, so that weights are there before the first image.

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
    epsilon : float
        Added to the variance in the layer norms: 1e-5 is PyTorch's value, and Keras's
        own default is 1e-3.

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
        epsilon: float = 1e-5,
        **options,
    ):
        super().__init__(**options)
        self.arguments = {
            "image_size": image_size,
            "patch_size": patch_size,
            "in_channels": in_channels,
            "num_classes": num_classes,
            "dim": dim,
            "depth": depth,
            "heads": heads,
            "mlp_dim": mlp_dim,
            "dropout": dropout,
            "epsilon": epsilon,
        }
        self.embed = PatchEmbedding(image_size, patch_size, in_channels, dim)
        shape = (1, self.embed.num_patches + 1, dim)  # of the tokens
        self.class_token = self.add_weight((1, 1, dim), "zeros")
        self.positions = self.add_weight(shape, RandomNormal(stddev=1.0))
        self.dropout = layers.Dropout(dropout)
        self.blocks = [
            EncoderBlock(dim, heads, mlp_dim, dropout, epsilon) for _ in range(depth)
        ]
        self.norm = layers.LayerNormalization(epsilon=epsilon)
        self.head = dense(dim, num_classes)
        self.embed.build((None, image_size, image_size, in_channels))
        for part in (*self.blocks, self.norm, self.head):
            part.build(shape)
        self.built = True

    def get_config(self):
        return {**super().get_config(), **self.arguments}

    def call(self, images, training=None, return_attention=False):
        """Return the logits, shape (B, num_classes), of images of shape (B, H, W, C).

        With ``return_attention`` also a list with the attention weights of every block,
        each of shape (B, h, N+1, N+1).
        """
        x = self.embed(images)  # (B, H, W, C) -> (B, N, D)
        class_token = ops.zeros_like(x[:, :1]) + self.class_token  # (B, 1, D)
        x = ops.concatenate([class_token, x], axis=1)  # (B, N, D) -> (B, N+1, D)
        x = self.dropout(x + self.positions, training=training)
        attention = []
        for block in self.blocks:
            x, weights = block(x, training=training)
            attention.append(weights)
        logits = self.head(self.norm(x)[:, 0])  # (B, D) -> (B, num_classes)
        return (logits, attention) if return_attention else logits
