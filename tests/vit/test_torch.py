"""The ViT of the course against PyTorch's and Hugging Face's own layers."""

import pytest
import torch
from torch import nn
from transformers import ViTConfig, ViTForImageClassification

from course_utils.vit.torch import (
    MLP,
    EncoderBlock,
    MultiHeadAttention,
    PatchEmbedding,
    ViT,
)

SIZES = {"dim": 24, "depth": 3, "heads": 4, "mlp_dim": 40}


def small_vit(image_size=28, patch_size=7, in_channels=1, num_classes=10, **changes):
    torch.manual_seed(0)
    return ViT(image_size, patch_size, in_channels, num_classes, **(SIZES | changes))


def copy_linear(ours, theirs):
    with torch.no_grad():
        ours.weight.copy_(theirs.weight)
        ours.bias.copy_(theirs.bias)


def copy_attention(ours, theirs):
    with torch.no_grad():
        ours.qkv.weight.copy_(theirs.in_proj_weight)
        ours.qkv.bias.copy_(theirs.in_proj_bias)
    copy_linear(ours.out, theirs.out_proj)


def randomized(module):
    """Move every parameter off its special starting value (zero bias, unit scale)."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return module


# --- Parity -----------------------------------------------------------------------


def test_attention_equals_torchs():
    torch.manual_seed(0)
    theirs = randomized(nn.MultiheadAttention(24, 4, batch_first=True))
    ours = MultiHeadAttention(24, 4)
    copy_attention(ours, theirs)
    x = torch.randn(2, 5, 24)
    got, weights = ours(x)
    wanted, wanted_weights = theirs(x, x, x, average_attn_weights=False)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)
    torch.testing.assert_close(weights, wanted_weights, rtol=0, atol=1e-6)


def test_block_equals_torchs_pre_norm_layer():
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(
        24, 4, 40, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    randomized(theirs)
    ours = EncoderBlock(24, 4, 40)
    copy_attention(ours.attention, theirs.self_attn)
    copy_linear(ours.norm_1, theirs.norm1)
    copy_linear(ours.norm_2, theirs.norm2)
    copy_linear(ours.mlp.expand, theirs.linear1)
    copy_linear(ours.mlp.shrink, theirs.linear2)
    x = torch.randn(2, 5, 24, requires_grad=True)
    got, _ = ours(x)
    wanted = theirs(x)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)
    target = torch.randn_like(got)
    gradients = [
        torch.autograd.grad((y * target).sum(), x, retain_graph=True)[0]
        for y in (got, wanted)
    ]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-4)


def hugging_face_vit(**changes):
    config = ViTConfig(
        image_size=32,
        patch_size=8,
        num_channels=3,
        num_labels=7,
        hidden_size=SIZES["dim"],
        num_hidden_layers=SIZES["depth"],
        num_attention_heads=SIZES["heads"],
        intermediate_size=SIZES["mlp_dim"],
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
        **changes,
    )
    torch.manual_seed(1)
    return randomized(ViTForImageClassification(config)).eval()


def copy_from_hugging_face(ours, state):
    """Copy a state dict, in the names Hugging Face uses now or those before 5.9."""
    renamed = {
        ".encoder.layer.": ".layers.",
        ".attention.attention.": ".attention.",
        ".attention.output.dense.": ".attention.o_proj.",
        ".query.": ".q_proj.",
        ".key.": ".k_proj.",
        ".value.": ".v_proj.",
        ".intermediate.dense.": ".mlp.fc1.",
        ".output.dense.": ".mlp.fc2.",
    }
    theirs = {}
    for name, tensor in state.items():
        for old, new in renamed.items():
            name = name.replace(old, new)
        theirs[name.removeprefix("vit.")] = tensor
    take = theirs.pop
    weights = {
        "class_token": take("embeddings.cls_token"),
        "positions": take("embeddings.position_embeddings"),
        "embed.project.weight": take("embeddings.patch_embeddings.projection.weight"),
        "embed.project.bias": take("embeddings.patch_embeddings.projection.bias"),
    }
    for kind in ("weight", "bias"):
        weights[f"norm.{kind}"] = take(f"layernorm.{kind}")
        weights[f"head.{kind}"] = take(f"classifier.{kind}")
        for i in range(len(ours.blocks)):
            at, block = f"layers.{i}", f"blocks.{i}"
            parts = [take(f"{at}.attention.{n}_proj.{kind}") for n in "qkv"]
            weights[f"{block}.attention.qkv.{kind}"] = torch.cat(parts)
            for mine, other in {
                "attention.out": "attention.o_proj",
                "norm_1": "layernorm_before",
                "norm_2": "layernorm_after",
                "mlp.expand": "mlp.fc1",
                "mlp.shrink": "mlp.fc2",
            }.items():
                weights[f"{block}.{mine}.{kind}"] = take(f"{at}.{other}.{kind}")
    assert not theirs, f"not used: {sorted(theirs)}"
    ours.load_state_dict(weights)


def test_vit_equals_hugging_faces():
    theirs = hugging_face_vit(layer_norm_eps=1e-5)
    ours = ViT(32, 8, 3, 7, **SIZES)
    copy_from_hugging_face(ours, theirs.state_dict())
    images = torch.randn(4, 3, 32, 32)
    got, attention = ours(images, return_attention=True)
    wanted = theirs(images, output_attentions=True)
    torch.testing.assert_close(got, wanted.logits, rtol=0, atol=1e-5)
    for mine, other in zip(attention, wanted.attentions, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-5)


def test_gradients_equal_hugging_faces():
    theirs = hugging_face_vit(layer_norm_eps=1e-5)
    ours = ViT(32, 8, 3, 7, **SIZES)
    copy_from_hugging_face(ours, theirs.state_dict())
    images, labels = torch.randn(4, 3, 32, 32), torch.tensor([0, 1, 2, 6])
    nn.functional.cross_entropy(ours(images), labels).backward()
    theirs(images, labels=labels).loss.backward()
    mine, other = ours.class_token.grad, theirs.vit.embeddings.cls_token.grad
    torch.testing.assert_close(mine, other, rtol=1e-3, atol=1e-6)
    torch.testing.assert_close(
        ours.head.weight.grad, theirs.classifier.weight.grad, rtol=1e-3, atol=1e-6
    )


def test_base_model_has_the_papers_parameter_count():
    with torch.device("meta"):
        model = ViT(224, 16, 3, 1000, dim=768, depth=12, heads=12, mlp_dim=3072)
    assert sum(p.numel() for p in model.parameters()) == 86_567_656


def test_patches_are_linear_projections():
    torch.manual_seed(0)
    embed = PatchEmbedding(8, 4, 3, 5)
    images = torch.randn(2, 3, 8, 8)
    second = images[:, :, :4, 4:].reshape(2, -1)  # top right: after the top left
    flat = embed.project.weight.reshape(5, -1)
    wanted = second @ flat.T + embed.project.bias
    torch.testing.assert_close(embed(images)[:, 1], wanted, rtol=0, atol=1e-5)


def test_weights_start_as_the_keras_twin_starts_them():
    model = small_vit(dim=240, heads=4, mlp_dim=400)
    assert model.positions.std().item() == pytest.approx(1, abs=0.1)
    assert not model.class_token.any()
    parts = [m for m in model.modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert len(parts) == 3 * 4 + 2
    for part in parts:
        limit = part.weight[0].numel() ** -0.5  # uniform on both sides of zero
        for numbers in (part.weight, part.bias):
            assert 0 < numbers.abs().max() <= limit
        assert part.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.1)


# --- Invariances ------------------------------------------------------------------


def shuffled_patches(images, patch, order):
    B, C, H, W = images.shape
    rows, columns = H // patch, W // patch
    tiles = images.view(B, C, rows, patch, columns, patch).permute(0, 2, 4, 1, 3, 5)
    tiles = tiles.reshape(B, rows * columns, C, patch, patch)[:, order]
    tiles = tiles.view(B, rows, columns, C, patch, patch).permute(0, 3, 1, 4, 2, 5)
    return tiles.reshape(B, C, H, W)


def test_without_positions_shuffled_patches_give_the_same_logits():
    model, images = small_vit(), torch.randn(3, 1, 28, 28)
    shuffled = shuffled_patches(images, 7, torch.randperm(16))
    assert not torch.equal(shuffled, images)
    with torch.no_grad():
        with_positions = (model(images) - model(shuffled)).abs().max()
        model.positions.zero_()
        torch.testing.assert_close(model(images), model(shuffled), rtol=0, atol=1e-5)
    assert with_positions > 0.01


def test_attention_rows_sum_to_one():
    model = small_vit()
    logits, attention = model(torch.randn(3, 1, 28, 28), return_attention=True)
    assert logits.shape == (3, 10)
    assert [tuple(weights.shape) for weights in attention] == [(3, 4, 17, 17)] * 3
    for weights in attention:
        torch.testing.assert_close(weights.sum(-1), torch.ones(3, 4, 17))
        assert weights.min() > 0


def test_logits_do_not_depend_on_the_rest_of_the_batch():
    model, images = small_vit(), torch.randn(6, 1, 28, 28)
    torch.testing.assert_close(model(images)[2:3], model(images[2:3]))


def test_large_scores_stay_finite():
    attention = MultiHeadAttention(24, 4)
    out, weights = attention(1e4 * torch.randn(2, 5, 24))
    assert torch.isfinite(out).all() and torch.isfinite(weights).all()


def test_dropout_acts_in_training_only():
    model, images = small_vit(dropout=0.3), torch.randn(2, 1, 28, 28)
    assert not torch.equal(model(images), model(images))
    model.eval()
    torch.testing.assert_close(model(images), model(images), rtol=0, atol=0)


def test_dropout_acts_on_the_tokens_and_on_what_each_part_adds(monkeypatch):
    """Stretching instead of dropping shows where, how often and how strongly."""

    def stretch(x, p, training, inplace):
        return (1 + p) * x if training else x

    monkeypatch.setattr(nn.functional, "dropout", stretch)
    model, images = small_vit(dropout=0.3), torch.randn(2, 1, 28, 28)
    found = model.train()(images)
    model.eval()  # so that nothing is stretched but what is written here
    class_token = model.class_token.expand(2, -1, -1)
    tokens = torch.cat([class_token, model.embed(images)], dim=1)
    x = 1.3 * (tokens + model.positions)
    for block in model.blocks:
        x = x + 1.3 * block.attention(block.norm_1(x))[0]
        x = x + 1.3 * block.mlp(block.norm_2(x))
    wanted = model.head(model.norm(x)[:, 0])
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-5)


def test_every_parameter_gets_a_gradient():
    model = small_vit()
    model(torch.randn(2, 1, 28, 28)).square().sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


# --- Other sizes and types --------------------------------------------------------


@pytest.mark.parametrize(
    ("image_size", "patch_size", "in_channels", "num_classes"),
    [(32, 4, 3, 2), (224, 32, 3, 1000), (8, 8, 1, 3)],
)
def test_other_sizes_work(image_size, patch_size, in_channels, num_classes):
    model = small_vit(image_size, patch_size, in_channels, num_classes)
    images = torch.randn(2, in_channels, image_size, image_size)
    assert model(images).shape == (2, num_classes)
    assert model.positions.shape[1] == (image_size // patch_size) ** 2 + 1


def test_bfloat16_stays_near_float32():
    model, images = small_vit().eval(), torch.randn(4, 1, 28, 28)
    wanted = model(images)
    got = model.bfloat16()(images.bfloat16())
    assert got.dtype == torch.bfloat16
    torch.testing.assert_close(got.float(), wanted, rtol=0, atol=0.05)


def test_state_dict_loads_into_a_model_of_another_seed():
    first, images = small_vit(), torch.randn(2, 1, 28, 28)
    torch.manual_seed(1)
    second = ViT(28, 7, 1, 10, **SIZES)
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(first(images), second(images), rtol=0, atol=0)


def test_mlp_treats_tokens_alone():
    mlp, x = MLP(24, 40), torch.randn(2, 5, 24)
    torch.testing.assert_close(mlp(x)[:, 3], mlp(x[:, 3]))


# --- Refusals ---------------------------------------------------------------------


def test_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValueError, match="dim 24 is not a multiple of heads 5"):
        small_vit(heads=5)


@pytest.mark.parametrize(
    ("image_size", "patch_size", "advice"),
    [(30, 7, "use 28 or 35"), (5, 7, "use 7 or 14")],
)
def test_image_that_patches_do_not_divide_is_refused(image_size, patch_size, advice):
    message = f"image size {image_size} is not a multiple of patch size {patch_size}"
    with pytest.raises(ValueError, match=message) as refusal:
        small_vit(image_size, patch_size)
    assert advice in str(refusal.value)


@pytest.mark.parametrize("shape", [(2, 3, 28, 28), (2, 1, 32, 32), (2, 28, 28)])
def test_images_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match="this model was built for"):
        small_vit()(torch.randn(*shape))
