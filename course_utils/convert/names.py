"""Names of a ViT's weights and settings: ours, transformers', KerasHub's.

All conversions read these two tables, so a new name is a change in this file alone.
"""

import functools
import re

# Each row is a layer, or a single array, of our ViT in PyTorch and in Keras. A row
# "within" says in which part of the model the rows below it lie: "." is the model
# itself, {} the number of a block. Our layer qkv is three layers elsewhere. The names
# in transformers' files are older than those in its memory, which came with 5.9.
_TABLE = """
kind    ours           transformers in memory       transformers on disk         KerasHub

within  .              vit.embeddings.              vit.embeddings.              vit_patching_and_embedding.
array   class_token    cls_token                    cls_token                    class_token
array   positions      position_embeddings          position_embeddings          position_embedding.embeddings
linear  embed.project  patch_embeddings.projection  patch_embeddings.projection  patch_embedding

within  blocks.{}.     vit.layers.{}.               vit.encoder.layer.{}.        vit_encoder.encoder_layers.{}.
norm    norm_1         layernorm_before             layernorm_before             layer_norm_1
linear  attention.qkv  attention.q_proj             attention.attention.query    mha.query_dense
linear  attention.qkv  attention.k_proj             attention.attention.key      mha.key_dense
linear  attention.qkv  attention.v_proj             attention.attention.value    mha.value_dense
linear  attention.out  attention.o_proj             attention.output.dense       mha.output_dense
norm    norm_2         layernorm_after              layernorm_after              layer_norm_2
linear  mlp.expand     mlp.fc1                      intermediate.dense           mlp.dense_1
linear  mlp.shrink     mlp.fc2                      output.dense                 mlp.dense_2

within  .              .                            .                            .
norm    norm           vit.layernorm                vit.layernorm                vit_encoder.layer_norm
linear  head           classifier                   classifier                   output_dense
"""  # noqa: E501

# How the arrays in a row of each kind are called: by PyTorch, and by Keras.
_KINDS = {
    "array": [("", "")],
    "linear": [(".weight", ".kernel"), (".bias", ".bias")],
    "norm": [(".weight", ".gamma"), (".bias", ".beta")],
}
# The column of each naming in the table. Those with Keras in the name have its arrays.
_COLUMNS = {"our PyTorch": 0, "our Keras": 0, "memory": 1, "disk": 2, "KerasHub": 3}
# For each argument of our ViT: its name in config.json, what transformers takes for it
# where the file leaves it out, and its name in KerasHub (whose image_shape holds two).
SETTINGS = {
    "image_size": ("image_size", 224, None),
    "patch_size": ("patch_size", 16, "patch_size"),
    "in_channels": ("num_channels", 3, None),
    "num_classes": ("num_labels", 2, "num_classes"),
    "dim": ("hidden_size", 768, "hidden_dim"),
    "depth": ("num_hidden_layers", 12, "num_layers"),
    "heads": ("num_attention_heads", 12, "num_heads"),
    "mlp_dim": ("intermediate_size", 3072, "mlp_dim"),
    "dropout": ("hidden_dropout_prob", 0.0, "dropout_rate"),
    "epsilon": ("layer_norm_eps", 1e-12, "layer_norm_epsilon"),
}


@functools.cache
def renaming(old: str, new: str, depth: int) -> dict[str, list[str]]:
    """Map the names of all weights of a ViT with ``depth`` blocks to those elsewhere.

    ``old`` and ``new`` are "our PyTorch", "our Keras", "KerasHub", or transformers'
    "memory" and "disk". A name leads to three where our ``qkv`` is cut into queries,
    keys and values, and to one otherwise.
    """
    names, columns = {}, (_COLUMNS[old], _COLUMNS[new])
    for number in range(depth):
        for kind, *cells in filter(None, map(str.split, _TABLE.splitlines()[2:])):
            if kind == "within":
                within = [cell.removeprefix(".") for cell in cells]
                continue
            here, there = ((within[i] + cells[i]).format(number) for i in columns)
            for array in _KINDS[kind]:
                found = names.setdefault(here + array["Keras" in old], [])
                if (name := there + array["Keras" in new]) not in found:
                    found.append(name)
    return names


def on_disk(name: str) -> str:
    """Return the name that a weight of transformers has in the file of a whole model.

    A backbone saved alone lacks the prefix ``vit.``; unknown names come back with it.
    """
    if not name.startswith("classifier."):
        name = f"vit.{name.removeprefix('vit.')}"
    depth = max(map(int, re.findall(r"\.(\d+)\.", name)), default=0) + 1
    return renaming("memory", "disk", depth).get(name, [name])[0]
