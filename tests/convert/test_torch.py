"""Weights between our ViT and Hugging Face's: equal logits, and no silent loss."""

import pytest
import torch
import transformers
from torch import nn
from transformers import ViTConfig, ViTForImageClassification, ViTModel
from vit_checkpoints import BASE, SMALL, hugging_face_vit

from course_utils.convert.names import renaming
from course_utils.convert.torch import from_hf, to_hf, torch_to_keras
from course_utils.finetune import torch as finetune
from course_utils.session import ROOT
from course_utils.vit.torch import ViT

TINY = {
    "image_size": 48,
    "patch_size": 8,
    "hidden_size": 128,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "num_labels": 48,
}


def our_vit(**changes):
    torch.manual_seed(1)
    sizes = {"dim": 24, "depth": 2, "heads": 3, "mlp_dim": 40}
    return ViT(12, 4, 1, 5, **(sizes | changes)).eval()


def images(model, count=2):
    config = model.config
    side = config.image_size
    return torch.randn(count, config.num_channels, side, side)


def assert_equal_states(first, second):
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


# --- parity -----------------------------------------------------------------------


@pytest.fixture(
    scope="module",
    params=[SMALL, TINY, BASE, BASE | {"num_hidden_layers": 12}],
    ids=["small", "tiny-vit", "base, 2 blocks", "base"],
)
def theirs_of_any_size(request):
    return hugging_face_vit(**request.param)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
def test_converted_model_gives_equal_logits(theirs_of_any_size, attention):
    theirs = theirs_of_any_size
    theirs.set_attn_implementation(attention)
    assert theirs.config._attn_implementation == attention
    pixels = images(theirs)
    with torch.no_grad():
        wanted = theirs(pixels).logits
        got = from_hf(theirs)(pixels)
    assert wanted.std() > 0.1  # the pictures are told apart
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["tiny-vit", "digit-vit"])
def test_bundled_checkpoint_gives_equal_logits(name):
    folder = ROOT / "data" / name
    theirs = ViTForImageClassification.from_pretrained(folder, dtype=torch.float32)
    pixels = images(theirs, count=4)
    with torch.no_grad():
        wanted = theirs(pixels).logits
        torch.testing.assert_close(from_hf(theirs)(pixels), wanted, rtol=0, atol=1e-5)


def test_attention_weights_are_equal():
    theirs = hugging_face_vit(**SMALL, attn_implementation="eager")
    pixels = images(theirs)
    with torch.no_grad():
        wanted = theirs(pixels, output_attentions=True).attentions
        _, got = from_hf(theirs)(pixels, return_attention=True)
    for mine, other in zip(got, wanted, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=1e-6)


def test_our_model_gives_equal_logits_as_hugging_faces():
    ours = our_vit()
    theirs = to_hf(ours)
    pixels = images(theirs)
    with torch.no_grad():
        torch.testing.assert_close(
            theirs(pixels).logits, ours(pixels), rtol=0, atol=1e-5
        )


def test_gradients_are_equal():
    theirs = hugging_face_vit(**SMALL)
    ours = from_hf(theirs)
    pixels = images(theirs)
    theirs(pixels).logits.square().sum().backward()
    ours(pixels).square().sum().backward()
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    names = renaming("our PyTorch", "memory", len(ours.blocks))
    for name, parameter in ours.named_parameters():
        wanted = torch.cat([gradients[other] for other in names[name]])
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-4)


# --- round trips ------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [SMALL, TINY, BASE], ids=["small", "tiny", "base"])
def test_hugging_faces_weights_come_back_bit_for_bit(sizes):
    theirs = hugging_face_vit(**sizes)
    again = to_hf(from_hf(theirs))
    assert_equal_states(theirs.state_dict(), again.state_dict())


def test_our_weights_come_back_bit_for_bit():
    ours = our_vit(dropout=0.2)
    again = from_hf(to_hf(ours))
    assert_equal_states(ours.state_dict(), again.state_dict())
    assert again.dropout.p == again.blocks[1].dropout.p == 0.2


@pytest.mark.parametrize("eps", [1e-12, 1e-5, 0.1])
def test_eps_of_the_layer_norms_is_kept_both_ways(eps):
    theirs = hugging_face_vit(**SMALL, layer_norm_eps=eps)
    ours = from_hf(theirs)
    norms = [part for part in ours.modules() if isinstance(part, nn.LayerNorm)]
    assert [norm.eps for norm in norms] == [eps] * 5
    assert to_hf(ours).config.layer_norm_eps == eps
    assert to_hf(our_vit()).config.layer_norm_eps == nn.LayerNorm(1).eps


def test_configuration_comes_back():
    theirs = hugging_face_vit(**SMALL, hidden_dropout_prob=0.1, layer_norm_eps=1e-6)
    before, after = theirs.config.to_dict(), to_hf(from_hf(theirs)).config.to_dict()
    differing = {key for key in before if before[key] != after.get(key)}
    assert differing <= {"dtype", "architectures", "transformers_version"}


def test_result_can_be_saved_and_loaded_by_transformers(tmp_path):
    ours = our_vit()
    names = dict(enumerate(["ant", "bee", "cat", "dog", "elk"]))
    theirs = to_hf(ours, id2label=names)
    theirs.save_pretrained(tmp_path)
    again, report = ViTForImageClassification.from_pretrained(
        tmp_path, output_loading_info=True
    )
    assert not any(report.values()), report
    assert_equal_states(theirs.state_dict(), again.state_dict())
    assert again.config.id2label == names
    assert again.config.label2id["elk"] == 4
    pixels = images(again)
    with torch.no_grad():
        torch.testing.assert_close(
            again(pixels).logits, ours(pixels), rtol=0, atol=1e-5
        )


# --- a model of its own -----------------------------------------------------------


def test_no_memory_is_shared():
    theirs = hugging_face_vit(**SMALL)
    ours = from_hf(theirs)
    back = to_hf(ours)
    models = theirs, ours, back
    places = [p.untyped_storage().data_ptr() for m in models for p in m.parameters()]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("training", [True, False])
def test_mode_follows_and_all_parameters_can_learn(training):
    theirs = hugging_face_vit(**SMALL).train(training)
    theirs.requires_grad_(False)
    ours = from_hf(theirs)
    back = to_hf(ours)
    for model in (ours, back):
        assert all(part.training is training for part in model.modules())
        assert all(p.requires_grad and p.is_leaf for p in model.parameters())


def test_dtype_follows():
    ours = from_hf(hugging_face_vit(**SMALL).bfloat16())
    assert {p.dtype for p in ours.parameters()} == {torch.bfloat16}
    assert {p.dtype for p in to_hf(ours).parameters()} == {torch.bfloat16}


def test_random_numbers_of_the_caller_are_left_alone():
    theirs = hugging_face_vit(**SMALL)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    to_hf(from_hf(theirs))
    assert torch.equal(torch.get_rng_state(), before)


# --- refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"hidden_act": "gelu_new"},
            "hidden_act='gelu_new', but our MLP has the exact",
        ),
        ({"hidden_act": "relu"}, "hidden_act='relu'"),
        ({"qkv_bias": False}, "qkv_bias=False, but our queries"),
        (
            {"attention_probs_dropout_prob": 0.1},
            "attention_probs_dropout_prob=0.1, but our attention weights have no",
        ),
        ({"image_size": (12, 16)}, r"image_size=.12, 16., but our ViT takes squares"),
        ({"patch_size": (4, 2)}, r"patch_size=.4, 2., but our ViT takes squares"),
        ({"image_size": 14}, "image_size 14, which is not a multiple of its patch_"),
    ],
)
def test_what_our_vit_is_not_is_refused(change, message):
    theirs = ViTForImageClassification(ViTConfig(**(SMALL | change)))
    with pytest.raises(ValueError, match=message):
        from_hf(theirs)


def test_squares_given_as_pairs_are_accepted():
    theirs = hugging_face_vit(
        **(SMALL | {"image_size": (12, 12), "patch_size": [4, 4]})
    )
    pixels = torch.randn(2, 1, 12, 12)
    with torch.no_grad():
        torch.testing.assert_close(from_hf(theirs)(pixels), theirs(pixels).logits)


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (lambda: ViTModel(ViTConfig(**SMALL)), "transformers.ViTModel"),
        (
            lambda: ViTForImageClassification(ViTConfig(**SMALL | {"num_labels": 0})),
            "transformers.ViTForImageClassification",
        ),
        (our_vit, "course_utils.ViT"),
        (lambda: "data/tiny-vit", "builtins.str"),
    ],
)
def test_other_models_are_refused_with_a_way_out(model, kind):
    way_out = (
        r"load the checkpoint of a ViT with course_utils\.finetune\.torch\.pretrained\("
    )
    with pytest.raises(TypeError, match=f"not {kind}; {way_out}"):
        from_hf(model())


@pytest.mark.parametrize("kind", ["ViTModel", "DeiTModel"])
def test_the_way_out_of_a_refusal_ends_in_no_random_backbone(kind, tmp_path):
    config = getattr(transformers, kind.replace("Model", "Config"))
    stored = getattr(transformers, kind)(config(**SMALL))
    stored.save_pretrained(tmp_path)
    with pytest.raises(TypeError, match="finetune.torch.pretrained"):
        from_hf(stored)
    if kind == "DeiTModel":
        with pytest.raises(ValueError, match="type 'deit', not 'vit'"):
            finetune.pretrained(str(tmp_path), ["cat", "dog"])
        return
    again = from_hf(finetune.pretrained(str(tmp_path), ["cat", "dog"]))
    assert torch.equal(again.positions, stored.embeddings.position_embeddings)
    query = stored.layers[1].attention.q_proj.weight
    assert torch.equal(again.blocks[1].attention.qkv.weight[: len(query)], query)


def test_added_layers_are_refused_instead_of_dropped():
    theirs = hugging_face_vit(**SMALL)
    theirs.vit.layers[1].attention.gate = nn.Linear(2, 2)
    message = "holds vit.layers.1.attention.gate.bias and 1 more, .* before you add"
    with pytest.raises(ValueError, match=message):
        from_hf(theirs)


def test_layers_added_to_ours_are_refused_instead_of_dropped():
    ours = our_vit()
    ours.blocks[1].gate = nn.Linear(2, 2)
    for convert in (to_hf, torch_to_keras):
        message = "holds blocks.1.gate.bias and 1 more, .* before you add"
        with pytest.raises(ValueError, match=message):
            convert(ours)


def test_removed_layers_are_refused():
    theirs = hugging_face_vit(**SMALL)
    del theirs.vit.layers[1]
    with pytest.raises(ValueError, match="lacks vit.layers.1.attention.k_proj.bias"):
        from_hf(theirs)


def test_other_models_are_not_taken_for_ours():
    message = "vit.torch.ViT is needed, not transformers.ViTForImageClassification"
    with pytest.raises(TypeError, match=message):
        to_hf(hugging_face_vit(**SMALL))


@pytest.mark.parametrize(
    "id2label", [{0: "a"}, dict(enumerate("abcdef")), {str(i): "x" for i in range(5)}]
)
def test_labels_that_do_not_fit_the_head_are_refused(id2label):
    message = f"keys 0 to 4, one for each logit, but has {len(id2label)} keys"
    with pytest.raises(ValueError, match=message):
        to_hf(our_vit(), id2label=id2label)


def test_norms_of_different_eps_are_refused():
    ours = our_vit()
    ours.norm.eps = 0.5
    with pytest.raises(ValueError, match=r"different eps, \[1e-05, 0.5\]"):
        to_hf(ours)
