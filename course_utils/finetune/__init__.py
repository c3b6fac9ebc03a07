"""Fine-tune a pre-trained ViT: ``torch`` (transformers) and ``keras`` (KerasHub)."""
