"""The changed models and the training of nb12.py; to run it, see there."""

import math
import tempfile
import time

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AttentionInterface, PrinterCallback, Trainer, TrainingArguments
from transformers.models.vit.modeling_vit import ViTAttention, ViTLayer

from course_utils.finetune import torch as finetune

STEPS, BATCH, WARMUP, DECAY = 60, 16, 6, 0.01
RANK, ALPHA, WINDOW = 8, 16, 3


# The parts, as notebook 12 writes them


class LoRA(nn.Module):
    """A frozen linear layer, and beside it a change of low rank that begins at zero."""

    def __init__(self, linear, rank=RANK, alpha=ALPHA):
        super().__init__()
        self.linear, self.scale = linear.requires_grad_(False), alpha / rank
        self.down = nn.Parameter(torch.empty(rank, linear.in_features))
        self.up = nn.Parameter(torch.zeros(linear.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x):
        change = x @ self.down.T @ self.up.T  # (..., D) -> (..., r) -> (..., D)
        return self.linear(x) + self.scale * change


class RelativeAttention(ViTAttention):
    """ViT's attention, and a learned bias for each head and offset of two patches."""

    def __init__(self, config):
        super().__init__(config)
        self.grid = config.image_size // config.patch_size
        offsets = (2 * self.grid - 1) ** 2
        self.bias = nn.Parameter(torch.zeros(self.num_attention_heads, offsets))

    def forward(self, hidden_states, attention_mask=None, **kwargs):
        bias = F.pad(self.bias[:, offsets_of(self.grid)], (1, 0, 1, 0))  # (h, T, T)
        return super().forward(hidden_states, bias[None], **kwargs)


def offsets_of(g):
    """Return the number of the offset between any two of g x g patches: (N, N)."""
    place = torch.arange(g * g)
    row, column = place // g, place % g
    down, right = row[:, None] - row, column[:, None] - column
    return (down + g - 1) * (2 * g - 1) + right + g - 1


def window_attention(module, query, key, value, attention_mask, **unused):
    """Attention within windows of w x w patches; the class token sees all."""
    g, w = int(query.shape[2] ** 0.5), WINDOW  # T = g * g + 1 tokens
    own = torch.arange(1, g * g + 1).view(g // w, w, g // w, w).transpose(1, 2)
    own = own.reshape(-1, w * w)  # (windows, w * w), numbers of tokens
    near = F.pad(own, (1, 0))  # and token 0, the class token
    mix = F.scaled_dot_product_attention
    out = torch.empty_like(value)  # (B, h, T, d)
    out[:, :, own] = mix(query[:, :, own], key[:, :, near], value[:, :, near])
    out[:, :, :1] = mix(query[:, :, :1], key, value)
    return out.transpose(1, 2), None


def linear_attention(module, query, key, value, attention_mask, **unused):
    """Linear attention (Katharopoulos et al. 2020): no T x T matrix."""
    q, k = F.elu(query) + 1, F.elu(key) + 1  # positive, (B, h, T, d)
    table = k.mT @ value  # (B, h, d, d)
    total = q @ k.sum(dim=2)[..., None]  # (B, h, T, 1)
    return (q @ table / total).transpose(1, 2), None


AttentionInterface.register("window", window_attention)
AttentionInterface.register("linear", linear_attention)


# The ways; each gets a model whose weights all learn, and returns one


def probe(model):
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    return model


def last_two(model):
    finetune.freeze(model, len(model.vit.layers) - 2)
    return model


def all_blocks(model):
    return model


def lora(model):
    probe(model)
    for block in model.vit.layers:
        block.attention.q_proj = LoRA(block.attention.q_proj)
        block.attention.v_proj = LoRA(block.attention.v_proj)
    return model


def new_block(model):
    block = ViTLayer(model.config)
    for last in (block.attention.o_proj, block.mlp.fc2):
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
    model.vit.layers.insert(len(model.vit.layers) // 2, block)
    return model


def relative(model):
    for block in model.vit.layers:
        new = RelativeAttention(model.config)
        new.load_state_dict(block.attention.state_dict(), strict=False)
        block.attention = new
    return model


def named(attention):
    def change(model):
        model.set_attn_implementation(attention)
        return model

    return change


def fewer_blocks(model):
    del model.vit.layers[-(len(model.vit.layers) // 3) :]
    return model


WAYS = {
    "last two blocks": last_two,
    "all blocks": all_blocks,
    "LoRA": lora,
    "one more block": new_block,
    "relative bias": relative,
    "window attention": named("window"),
    "linear attention": named("linear"),
    "a third fewer blocks": fewer_blocks,
}


# Training, counting, timing


def tune(model, rows, lr, seed):
    """Fine-tune with Trainer: AdamW, warm-up and cosine, gradients clipped to 1."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=STEPS,
            per_device_train_batch_size=BATCH,
            learning_rate=lr,
            lr_scheduler_type="cosine",
            warmup_steps=WARMUP,
            weight_decay=DECAY,
            seed=seed,
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        trainer = Trainer(model, arguments, train_dataset=rows)
        trainer.remove_callback(PrinterCallback)
        trainer.train()


def kept_by_a_step(model, images):
    """Return numbers that learn, and bytes a step keeps beside the weights.

    ``activations`` are the tensors that the forward pass keeps for the backward pass,
    the pictures among them; gradients take 4 bytes a number and AdamW's moments 8.
    """
    own = {w.untyped_storage().data_ptr() for w in model.parameters()}
    kept = {}

    def pack(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    labels = torch.zeros(len(images), dtype=torch.long)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        loss = model.train()(images, labels=labels).loss
    learn = sum(w.numel() for w in model.parameters() if w.requires_grad)
    found = {"learn": learn, "all": sum(w.numel() for w in model.parameters())}
    found |= {"activations": sum(kept.values()), "gradients and moments": 12 * learn}
    del loss
    return found


def in_turns(works, rounds):
    """Return the smallest time of each work in milliseconds; they take turns."""
    found = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            began = time.perf_counter()
            work()
            found[name].append(1000 * (time.perf_counter() - began))
    return {name: round(min(times), 3) for name, times in found.items()}
