"""Figures of lesson 07."""

import matplotlib.pyplot as plt

from course_utils.plots import COLORS, arrow, box, branch, canvas, words


def draw_hf_vit(*, side, channels, patches, dim, depth, mlp_dim, classes):
    """Draw the modules of Hugging Face's ViT and the shapes between them."""
    ax = canvas(7, 6.4, title="The modules, in the order in which data pass them")
    tokens, x = f"({patches + 1}, {dim})", 1.3
    steps = (
        (f"({channels}, {side}, {side})", "patch_embeddings", "orange"),
        (f"({patches}, {dim})", "+ cls_token in front", "orange"),
        (tokens, "+ position_embeddings", "orange"),
        (tokens, f"layers: {depth} of them", "vermilion"),
        (tokens, "layernorm", "green"),
        (f"token 0: ({dim},)", "classifier", "purple"),
    )
    for row, (shape, name, color) in enumerate(steps):
        y = 0.85 + 0.95 * row
        arrow(ax, (x, y - 0.43), (x, y - 0.25))
        words(ax, x, y - 0.57, shape)
        box(ax, x, y, name, color=color, width=2.4)
    arrow(ax, (x, 5.86), (x, 6.05))
    words(ax, x, 6.22, f"({classes},) logits")
    for y, corner in ((3.44, 0.1), (3.96, 6.35)):
        ax.plot([2.5, 3.1], [y, corner], color=COLORS["gray"], lw=1, ls="--")
    _draw_layer(ax, mlp_dim)


def _draw_layer(ax, mlp_dim):
    """Draw one block beside the modules: a straight stream with two branches."""
    frame = {"fill": False, "ec": COLORS["gray"], "lw": 1}
    ax.add_patch(plt.Rectangle((3.1, 0.1), 3.85, 6.25, **frame))
    arrow(ax, (3.65, 0.2), (3.65, 6.25), color=COLORS["gray"], width=4)
    words(ax, 3.33, 3.2, "residual stream", rotation=90, fontsize=11)
    attention = "q_proj, k_proj, v_proj", "softmax(QKᵀ/√d) V", "o_proj"
    mlp = "mlp.fc1", f"GELU, {mlp_dim:,} wide", "mlp.fc2"
    for top, norm, color, names in (
        (0.5, "layernorm_before", "blue", attention),
        (3.6, "layernorm_after", "vermilion", mlp),
    ):
        boxes = [(top, norm, "green", 0.5)]
        boxes += [(top + 0.75 * i, n, color, 0.5) for i, n in enumerate(names, 1)]
        branch(ax, 3.65, 5.4, boxes, width=2.2)
