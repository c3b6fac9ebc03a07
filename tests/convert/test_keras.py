"""Weights between our ViTs, KerasHub's, and Hugging Face's, and what the Hub sends."""

import json
import shutil
import subprocess
import sys
import textwrap
import time

import keras
import keras_hub
import numpy as np
import pytest
import torch
from hub_stand_in import NOBODY, isolate, serve_impatient
from safetensors.numpy import load_file, save_file
from transformers import ViTForImageClassification, ViTImageProcessorPil, ViTModel
from vit_checkpoints import (
    BASE,
    ENCODERS,
    FAMILIES,
    SMALL,
    hugging_face_vit,
    store,
    timm_name,
    vit,
    without,
)

from course_utils import session
from course_utils.convert import keras as convert_keras
from course_utils.convert.keras import to_keras, to_keras_hub, write_checkpoint
from course_utils.convert.torch import keras_to_torch, parity, torch_to_keras
from course_utils.data import checkpoints, hub
from course_utils.finetune import torch as finetune
from course_utils.finetune.keras import load_backbone, pretrained
from course_utils.vit.keras import ViT
from course_utils.vit.torch import ViT as TorchViT

TINY = session.ROOT / "data" / "tiny-vit"
GOOGLE = "google/vit-base-patch16-224"
RGB = {**SMALL, "num_channels": 3, "initializer_range": 0.2}


@pytest.fixture(scope="module", autouse=True)
def no_progress_bars():
    from transformers.utils import logging

    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return the folder of a small checkpoint whose weights are all random."""
    return save(tmp_path_factory.mktemp("small") / "vit", **RGB)


@pytest.fixture
def copy(small, tmp_path):
    """Return a copy of the small checkpoint, to spoil."""
    return shutil.copytree(small, tmp_path / "copy")


@pytest.fixture
def ours(small):
    return to_keras(small)


@pytest.fixture
def theirs(small):
    return to_keras_hub(small)


def save(folder, **sizes):
    hugging_face_vit(**sizes).save_pretrained(folder)
    return folder


def change(folder, **values):
    path = folder / "config.json"
    config = {**json.loads(path.read_text(encoding="utf-8")), **values}
    path.write_text(json.dumps(config), encoding="utf-8")


def images(side=12, channels=3, count=4):
    random = np.random.default_rng(0)
    return random.uniform(-1, 1, (count, side, side, channels)).astype(np.float32)


def logits(model, pictures):
    if isinstance(model, torch.nn.Module):
        with torch.no_grad():
            found = model.eval()(torch.from_numpy(pictures.transpose(0, 3, 1, 2)))
        return getattr(found, "logits", found).numpy()
    return np.asarray(model(pictures, training=False))


def largest_difference(first, second, pictures):
    return np.abs(logits(first, pictures) - logits(second, pictures)).max()


def from_disk(folder, kind=ViTForImageClassification):
    """Load with transformers; no weight may be missing or left over."""
    model, report = kind.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values()), report
    return model


# --- parity -----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tiny-vit", "base, 2 blocks"])
def test_logits_are_equal_in_every_direction(name, tmp_path):
    folder = TINY if name == "tiny-vit" else save(tmp_path / "base", **BASE)
    table = parity(folder)
    for (source, target), difference in table.items():
        print(f"{name}: {source} -> {target}: {difference:.1e}")
    assert len(table) == 12
    assert max(table.values()) <= 1e-4


def test_epsilon_of_the_norms_goes_along_in_every_direction(tmp_path):
    sizes = {**SMALL, "num_hidden_layers": 1, "layer_norm_eps": 0.1}
    folder = save(tmp_path / "vit", **sizes)
    assert max(parity(folder).values()) <= 1e-5
    model = to_keras(folder)
    config, weights = convert_keras.settings(model), convert_keras.weights_of(model)
    other = convert_keras.build({**config, "layer_norm_eps": 1e-6}, weights)
    assert largest_difference(model, other, images(channels=1)) > 0.01


def test_gelu_is_the_exact_one(ours, theirs, copy):
    exact = from_disk(copy)
    change(copy, hidden_act="gelu_pytorch_tanh")
    approximate = from_disk(copy)
    for model in (ours, theirs):
        assert largest_difference(model, exact, images()) < 1e-5
        assert largest_difference(model, approximate, images()) > 1e-4


def test_backbone_gives_the_tokens_of_transformers(small):
    pixels = images()
    with torch.no_grad():
        wanted = ViTModel.from_pretrained(small, add_pooling_layer=False)(
            torch.from_numpy(pixels.transpose(0, 3, 1, 2))
        ).last_hidden_state
    np.testing.assert_allclose(load_backbone(small)(pixels), wanted, rtol=0, atol=1e-5)


def test_backbone_saved_alone_is_read_too(small, tmp_path):
    model = ViTModel.from_pretrained(small).eval()  # with a pooler, as in21k
    model.save_pretrained(tmp_path)
    names = load_file(tmp_path / "model.safetensors")
    assert "cls_token" in "".join(names) and not any(n[:4] == "vit." for n in names)
    first, second = load_backbone(small), load_backbone(tmp_path)
    np.testing.assert_array_equal(first(images()), second(images()))
    with pytest.raises(ValueError, match="has no classification head.*pretrained puts"):
        to_keras(tmp_path)


def test_half_precision_is_read_as_float32(small, tmp_path):
    from_disk(small).bfloat16().save_pretrained(tmp_path)
    _, weights = convert_keras.read_checkpoint(tmp_path)
    assert {weight.dtype for weight in weights.values()} == {np.dtype("float32")}
    model = to_keras(tmp_path)
    half = ViTForImageClassification.from_pretrained(tmp_path, dtype=torch.float32)
    assert largest_difference(model, half, images()) < 1e-5


def test_squares_given_as_pairs_are_accepted(copy, ours):
    change(copy, image_size=[12, 12], patch_size=[4, 4])
    assert largest_difference(to_keras_hub(copy), ours, images()) < 1e-5


def test_dropout_goes_along(copy):
    change(copy, hidden_dropout_prob=0.2)
    model = to_keras(copy)
    assert model.dropout.rate == 0.2
    assert to_keras_hub(model).backbone.dropout_rate == 0.2
    assert keras_to_torch(model).dropout.p == 0.2
    assert torch_to_keras(keras_to_torch(model)).dropout.rate == 0.2


# --- to Hugging Face's format -----------------------------------------------------


def test_model_trained_in_keras_hub_loads_in_transformers_and_keras_hub(
    small, tmp_path
):
    names = ["cat", "dog", "owl"]
    keras.utils.set_random_seed(0)
    model = pretrained(small, names)
    pictures, labels = images(count=12), np.arange(12) % 3
    before = logits(model, pictures)
    model.compile(
        keras.optimizers.AdamW(1e-3),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        run_eagerly=True,  # quicker for three steps
    )
    model.fit(pictures, labels, batch_size=4, verbose=0, shuffle=False)
    trained = logits(model, pictures)
    assert np.abs(trained - before).max() > 0.05
    write_checkpoint(tmp_path / "vit", model, dict(enumerate(names)))
    loaded = from_disk(tmp_path / "vit")
    np.testing.assert_allclose(logits(loaded, pictures), trained, rtol=0, atol=1e-4)
    assert loaded.config.id2label == dict(enumerate(names))
    assert loaded.config.label2id == {name: i for i, name in enumerate(names)}
    pixels = torch.from_numpy(pictures.transpose(0, 3, 1, 2))
    loss = loaded(pixels, labels=torch.tensor(labels)).loss  # finds its own type
    wanted = torch.nn.functional.cross_entropy(
        torch.from_numpy(trained), torch.tensor(labels)
    )
    torch.testing.assert_close(loss, wanted, rtol=0, atol=1e-4)
    again = keras_hub.models.ViTImageClassifier.from_preset(
        str(tmp_path / "vit"), preprocessor=None
    )
    np.testing.assert_allclose(logits(again, pictures), trained, rtol=0, atol=1e-3)


def test_our_model_is_written_with_the_processor_of_its_own_size(ours, tmp_path):
    write_checkpoint(tmp_path / "vit", ours, processor=TINY)
    assert largest_difference(ours, from_disk(tmp_path / "vit"), images()) <= 1e-5
    processor = ViTImageProcessorPil.from_pretrained(tmp_path / "vit")
    assert dict(processor.size) == {"height": 12, "width": 12}
    assert tuple(processor.image_mean) == (0.5, 0.5, 0.5)


def test_what_cannot_be_written_leaves_nothing_behind(ours, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(convert_keras, "save_file", fail)
    with pytest.raises(OSError, match="No space left"):
        write_checkpoint(tmp_path / "vit", ours)
    assert not list(tmp_path.iterdir())


def test_existing_folder_is_left_alone(ours, tmp_path):
    with pytest.raises(FileExistsError, match="exists already; choose another"):
        write_checkpoint(tmp_path, ours)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("id2label", "message"),
    [
        ({0: "a"}, "keys 0 to 4, one for each logit, but has 0"),
        ({str(i): "x" for i in range(5)}, "but has '0', '1', '2', '3', '4'"),
        (dict(enumerate("abcdef")), "but has 0, 1, 2, 3, 4, ..."),
    ],
)
def test_labels_that_do_not_fit_the_head_are_refused(ours, tmp_path, id2label, message):
    with pytest.raises(ValueError, match=message):
        write_checkpoint(tmp_path / "vit", ours, id2label)


def relu_in_a_block(model):
    model.backbone.get_layer("vit_encoder").encoder_layers[
        1
    ].mlp.dense_1.activation = keras.activations.relu


def attention_to_itself(model):
    mha = model.backbone.get_layer("vit_encoder").encoder_layers[0].mha
    mha._compute_attention = lambda query, key, value, *_, **__: (value, None)


@pytest.mark.parametrize("spoil", [relu_in_a_block, attention_to_itself])
def test_changed_computation_is_not_written_as_a_plain_vit(theirs, tmp_path, spoil):
    spoil(theirs)
    with pytest.raises(ValueError, match="logits differ by .* would be lost"):
        write_checkpoint(tmp_path / "vit", theirs)
    assert not list(tmp_path.iterdir())


def test_head_of_zeros_can_be_written(theirs, tmp_path):
    theirs.output_dense.kernel.assign(0 * theirs.output_dense.kernel)
    theirs.output_dense.bias.assign(0 * theirs.output_dense.bias)
    write_checkpoint(tmp_path / "vit", theirs)
    assert (tmp_path / "vit" / "model.safetensors").exists()


# --- refusals ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"model_type": "bert"},
            "model of type 'bert', not 'vit', and its weights .* choose a",
        ),
        ({"hidden_act": "gelu_new"}, "hidden_act='gelu_new', and our ViT 'gelu'"),
        ({"qkv_bias": False}, "qkv_bias=False, and our ViT True"),
        ({"attention_probs_dropout_prob": 0.1}, "attention_probs_dropout_prob=0.1"),
        ({"image_size": [12, 16]}, r"image_size=\[12, 16\], but our ViT takes squares"),
        ({"patch_size": [4, 2]}, r"patch_size=\[4, 2\], but our ViT takes squares"),
        ({"image_size": 14}, "image_size 14, no multiple of its patch_size 4"),
        (
            {"num_attention_heads": 5},
            "hidden_size 24, no multiple of its num_att",
        ),
        (
            {"id2label": {"0": "a", "1": "b", "2": "c"}},
            r"classifier.bias has shape \(5,\) .* \(3,\); name 5 classes in config",
        ),
        ({"image_size": 16}, r"position_embeddings has shape \(1, 10, 24\) .*e\": 12"),
        (
            {"num_hidden_layers": 1},
            "holds vit.encoder.layer.1.* and 15 more, .* has no pl",
        ),
        ({"num_hidden_layers": 3}, "lacks vit.encoder.layer.2.* and 15 more"),
    ],
)
def test_settings_that_do_not_fit_are_refused(copy, values, message):
    change(copy, **values)
    with pytest.raises(ValueError, match=message) as caught:
        to_keras(copy)
    assert len(str(caught.value).splitlines()) == 1


def test_a_name_that_stands_for_two_classes_goes_in_and_out(ours, tmp_path):
    names = dict(enumerate(["hen", "crane", "goose", "crane", "owl"]))  # as ImageNet
    write_checkpoint(tmp_path / "vit", ours, names)
    config = from_disk(tmp_path / "vit").config
    assert config.id2label == names and config.label2id["crane"] == 3
    found = convert_keras.read_config(tmp_path / "vit")["id2label"]
    write_checkpoint(tmp_path / "2", ours, {int(i): name for i, name in found.items()})
    assert from_disk(tmp_path / "2").config.id2label == names


@pytest.mark.parametrize(
    "values",
    [
        {"num_labels": 5, "id2label": None, "label2id": None},
        {"num_labels": 5, "id2label": {"0": "a", "1": "b"}},
        {"num_labels": None},
        {"model_type": None},
        {"image_size": [12, 12], "patch_size": [4, 4]},
    ],
    ids=lambda values: "-".join(values),
)
def test_settings_that_transformers_takes_are_taken(copy, values):
    config = json.loads((copy / "config.json").read_text()) | values
    config = {name: value for name, value in config.items() if value is not None}
    (copy / "config.json").write_text(json.dumps(config))
    theirs = from_disk(copy)
    found = convert_keras.read_config(copy)["id2label"]
    assert {int(i): name for i, name in found.items()} == theirs.config.id2label
    assert largest_difference(to_keras(copy), theirs, images()) < 1e-5
    assert max(parity(copy).values()) <= 1e-4


def test_weights_under_the_names_of_the_model_in_memory_are_read(copy, ours):
    weights = {k: v.numpy() for k, v in from_disk(copy).state_dict().items()}
    assert "vit.layers.0.attention.q_proj.weight" in weights
    save_file(weights, copy / "model.safetensors", {"format": "pt"})
    assert largest_difference(to_keras(copy), ours, images()) == 0.0


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_trained_without_labels_are_read_whole(name, tmp_path):
    theirs = ENCODERS[name]()
    store(theirs, tmp_path)
    model = pretrained(tmp_path, ["cat", "dog"]).backbone
    body = finetune.pretrained(str(tmp_path), ["cat", "dog"]).eval()
    pictures = images(16)
    with torch.no_grad():
        pixels = torch.from_numpy(pictures.transpose(0, 3, 1, 2))
        wanted = body.vit(pixels).last_hidden_state
    np.testing.assert_allclose(model(pictures), wanted, rtol=0, atol=1e-4)


SPOILED = {
    "_orig_mod.": (lambda name: f"_orig_mod.{name}", {}),
    "module.": (lambda name: f"module.{name}", {}),
    "timm": (timm_name, {}),
    "a block is gone": (without(".layer.1."), {}),
    "the first block is gone": (without(".layer.0."), {}),
    "the last norm is gone": (without("vit.layernorm.bias"), {}),
    "too few blocks": (None, {"num_hidden_layers": 1}),
    "too many blocks": (None, {"num_hidden_layers": 4}),
    "larger pictures": (None, {"image_size": 32}),
    "smaller patches": (None, {"patch_size": 4, "image_size": 8}),
    "narrower": (None, {"intermediate_size": 12}),
    "another layer": (lambda name: name.replace("layernorm.", "norm."), {}),
}


@pytest.mark.parametrize("fault", SPOILED)
@pytest.mark.parametrize("head", [True, False], ids=["with head", "body alone"])
def test_the_twins_refuse_in_the_same_words(fault, head, tmp_path):
    rename, settings = SPOILED[fault]
    if fault == "the last norm is gone" and not head:
        rename = without("layernorm.bias")
    model = vit() if head else vit().vit
    folder = store(model, tmp_path, rename, **settings)
    said = []
    for load in (finetune.pretrained, pretrained):
        with pytest.raises(ValueError) as caught:
            load(folder, ["cat", "dog"])
        said.append(str(caught.value))
    assert said[0] == said[1] and said[0].startswith(folder)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_twins_refuse_other_families_in_the_same_words(family, tmp_path):
    folder = store(FAMILIES[family](), tmp_path)
    said = []
    for load in (finetune.pretrained, pretrained, finetune.scratch, load_backbone):
        with pytest.raises(ValueError) as caught:
            load(folder, *[["cat", "dog"]] * (load is not load_backbone))
        said.append(str(caught.value).partition(", or ask for its own class")[0])
    assert len(set(said)) == 1 and "not 'vit'" in said[0]


@pytest.mark.parametrize("names", [["cat"], ["cat", "dog", "cat"]])
def test_the_twins_ask_for_names_in_the_same_words(small, names):
    said = []
    for load in (finetune.pretrained, pretrained):
        with pytest.raises(ValueError) as caught:
            load(str(small), names)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_settings_left_out_are_those_of_transformers(tmp_path):
    from transformers import ViTConfig

    (tmp_path / "config.json").write_text('{"model_type": "vit"}', encoding="utf-8")
    config = convert_keras.read_config(tmp_path)
    wanted = ViTConfig().to_dict()
    assert len(config) > 10
    assert {i: name for i, name in enumerate(config.pop("id2label").values())} == (
        wanted["id2label"]
    )
    assert config == {key: wanted[key] for key in config}


@pytest.mark.parametrize("text", [None, "", "{", "[1]"])
def test_unreadable_settings_are_refused(copy, text):
    path = copy / "config.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ValueError, match="config.json cannot be read .*; give"):
        load_backbone(copy)


@pytest.mark.parametrize("spoil", ["missing", "sharded", "cut"])
def test_unreadable_weights_are_refused(copy, spoil):
    path = copy / "model.safetensors"
    if spoil == "sharded":
        from_disk(copy).save_pretrained(copy, max_shard_size="5KB")
        assert (copy / "model.safetensors.index.json").is_file()
    if spoil == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    else:
        path.unlink(missing_ok=True)
    with pytest.raises(ValueError, match="cannot be read .* save it in one file"):
        load_backbone(copy)


def test_weights_of_another_model_are_refused(copy):
    save_file({"embeddings.word": np.ones((2, 2))}, copy / "model.safetensors")
    with pytest.raises(ValueError, match="lacks vit.embeddings.cls_token and 37 more"):
        load_backbone(copy)


def test_refused_weights_change_nothing(ours):
    before = [variable.numpy() for variable in ours.weights]
    weights = {k: v + 1 for k, v in convert_keras.weights_of(ours).items()}
    weights["classifier.bias"] = np.zeros(4, np.float32)
    with pytest.raises(ValueError, match="classifier.bias has shape"):
        convert_keras.load(ours, weights)
    for old, variable in zip(before, ours.weights, strict=True):
        np.testing.assert_array_equal(old, variable.numpy())


@pytest.mark.parametrize(
    ("options", "head", "message"),
    [
        ({"attention_dropout": 0.1}, {}, "attention_dropout=0.1, which our ViT"),
        ({"use_mha_bias": False}, {}, "use_mha_bias=False"),
        ({"use_class_token": False}, {}, "use_class_token=False"),
        (
            {"image_shape": (8, 12, 3)},
            {},
            r"image_shape=\(8, 12, 3\), but our ViT takes",
        ),
        ({"patch_size": (4, 2)}, {}, r"patch_size=\(4, 2\), but our ViT takes"),
        (
            {},
            {"pooling": "gap"},
            "pooling='gap', which .* build it with pooling='token'",
        ),
        ({}, {"activation": "softmax"}, "activation='softmax'"),
        ({}, {"intermediate_dim": 8}, "intermediate_dim=8"),
    ],
)
def test_keras_hub_models_of_another_design_are_refused(options, head, message):
    sizes = {"image_shape": (8, 8, 3), "patch_size": 4} | options
    backbone = keras_hub.models.ViTBackbone(
        num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8, **sizes
    )
    with pytest.raises(ValueError, match=message):
        to_keras(keras_hub.models.ViTImageClassifier(backbone, 2, **head))


def test_added_layers_are_refused_instead_of_dropped():
    model = ViT(8, 4, 3, 2, dim=8, depth=1, heads=2, mlp_dim=8)
    model.gate = keras.layers.Dense(2, name="gate")
    model.gate.build((None, 2))
    with pytest.raises(ValueError, match="no place for: gate/kernel and 1 more"):
        to_keras_hub(model)


@pytest.mark.parametrize("convert", [to_keras_hub, to_keras, keras_to_torch])
def test_other_models_are_refused(convert):
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    with pytest.raises(TypeError, match="is needed, not keras.Sequential"):
        convert(other)


def test_keras_model_is_not_taken_for_the_one_in_pytorch(ours):
    with pytest.raises(TypeError, match="takes a course_utils.vit.torch.ViT, not cour"):
        torch_to_keras(ours)
    torch_vit = TorchViT(8, 4, 3, 2, dim=8, depth=1, heads=2, mlp_dim=8)
    with pytest.raises(TypeError, match="is needed, not course_utils.ViT"):
        to_keras(torch_vit)


# --- the Hub ----------------------------------------------------------------------


@pytest.fixture
def server(monkeypatch, tmp_path, small):
    """Serve the small checkpoint under Google's id."""
    isolate(monkeypatch, tmp_path / "hf")
    folder = tmp_path / "served"
    shutil.copytree(small, folder / GOOGLE)
    shutil.copy(TINY / "preprocessor_config.json", folder / GOOGLE)
    with serve_impatient(monkeypatch, folder) as hub_server:
        yield hub_server


def assert_equal_weights(first, second):
    assert len(first.weights) == len(second.weights) > 0
    for one, other in zip(first.weights, second.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_keras_hub_reads_the_same_from_there_and_nothing_needs_pytorch(server):
    code = f"""
        import sys
        import keras_hub
        from course_utils.finetune.keras import load_backbone

        mine = load_backbone("hf://{GOOGLE}")
        theirs = keras_hub.models.ViTBackbone.from_preset("hf://{GOOGLE}")
        assert len(mine.weights) == len(theirs.weights) > 30
        for one, other in zip(mine.weights, theirs.weights):
            assert (one.numpy() == other.numpy()).all(), one.path
        print("torch" in sys.modules, "transformers" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=session.ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False"
    client = [path for command, path in server.requests if command == "HEAD"]
    assert f"/{GOOGLE}/resolve/main/model.safetensors" in client


def test_hub_s_checkpoint_is_fetched_once_and_then_found_without_network(
    server, monkeypatch
):
    first = pretrained(f"hf://{GOOGLE}", ["cat", "dog"])
    monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    assert_equal_weights(first.backbone, load_backbone(f"hf://{GOOGLE}"))
    files = {"config.json", "model.safetensors", "preprocessor_config.json"}
    assert {
        path.name for path in checkpoints.local(f"hf://{GOOGLE}").iterdir()
    } == files


def test_checkpoint_under_course_hub_is_preferred(server, monkeypatch):
    monkeypatch.setenv("COURSE_HUB", str(server.folder))
    assert checkpoints.local(f"hf://{GOOGLE}") == server.folder / GOOGLE
    assert not server.requests


REASONS = {
    404: "404 Not Found",
    500: "500 Internal Server Error",
    "truncated": "the connection broke off",
    "no network": "no connection",
    "offline": "HF_HUB_OFFLINE is set",
}


@pytest.mark.parametrize("fault", REASONS)
def test_hub_out_of_reach_gives_one_clear_error_in_time(server, monkeypatch, fault):
    server.fault = fault
    if fault == "no network":
        monkeypatch.setenv("HF_ENDPOINT", NOBODY)
    if fault == "offline":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    start = time.monotonic()
    with pytest.raises(hub.DataError, match=REASONS[fault]) as caught:
        load_backbone(f"hf://{GOOGLE}")
    assert time.monotonic() - start < 20  # KerasHub's own retries take 27 s
    assert f"{GOOGLE} cannot be fetched from" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2
    assert not list((server.folder.parent / "hf").rglob("model.safetensors"))


@pytest.mark.parametrize(
    "source", ["hf://google", "hf://../../etc", "hf://a/b/c", "kaggle://google/vit"]
)
def test_source_that_is_no_id_is_refused(server, source):
    with pytest.raises(ValueError, match="write it as 'hf://owner/name'"):
        load_backbone(source)
    assert not server.requests
