"""The Trainer with which several tests fine-tune a small ViT."""

import transformers
from tinted import NAMES, tinted
from transformers import TrainingArguments

from course_utils.finetune.torch import collate, load_processor, pixels, pretrained
from course_utils.training.trainer import ExactTrainer


def accuracy(prediction):
    answers = prediction.predictions.argmax(axis=-1)
    return {"accuracy": float((answers == prediction.label_ids).mean())}


def make_trainer(folder, output, model=None, change=None, callbacks=(), **more):
    """Return one that trains on 48 pictures, with the settings ``more``."""
    transformers.set_seed(0)
    model = model or pretrained(folder, NAMES)
    transformers.set_seed(0)
    processor, train, test = load_processor(folder), tinted(48, 0), tinted(24, 1)
    settings = {
        "num_train_epochs": 3,
        "per_device_train_batch_size": 8,
        "learning_rate": 3e-3,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "logging_strategy": "epoch",
        "remove_unused_columns": False,
        "report_to": "none",
        "dataloader_pin_memory": False,
        "disable_tqdm": True,
        "use_cpu": True,
    }
    return ExactTrainer(
        model,
        TrainingArguments(str(output), **(settings | more)),
        train_dataset=train.with_transform(pixels(processor, change)),
        eval_dataset=test.with_transform(pixels(processor)),
        data_collator=collate,
        compute_metrics=accuracy,
        processing_class=processor,
        callbacks=list(callbacks),
    )
