"""Measure notebooks 08 and 09 beside each other: the same run in both frameworks.

Usage: python benchmarks/twins.py

The same checkpoint, rows, steps, batch size, schedule and learning rate, much as in
*What is pre-training worth?* of both notebooks, but all pictures are augmented here,
by Pillow or by layers of Keras. Random numbers differ, too. Prints a table in Markdown:
test accuracy, mean and range of three seeds. Each framework runs in a process of its
own.
"""

import json
import math
import subprocess
import sys
import tempfile

import numpy as np

from course_utils.data import load
from course_utils.data.checkpoints import locate
from course_utils.session import current_profile

SEEDS, BATCH, DECAY = (0, 1, 2), 16, 0.01
STARTS = ("pretrained", "scratch")


def rows():
    """Return what both notebooks learn from and report on, and the recipe's numbers."""
    full = current_profile() == "full"
    data = load("cifar10")

    def few(split, count):
        return split.shuffle(seed=0).select(range(min(count, len(split))))

    train = few(data["train"], 2_000 if full else 800)
    test = few(data["test"], len(train) // 2 if full else 500)
    epochs, rate = (3, 5e-5) if full else (2, 1e-3)
    return train, test, epochs, rate


def pytorch():
    """Return the test accuracies of ``Trainer``, a list for each start."""
    import torch
    from transformers import PrinterCallback, Trainer, TrainingArguments, set_seed

    from course_utils.finetune import torch as finetune

    train, test, epochs, rate = rows()
    folder, names = locate("finetune"), train.features["label"].names
    processor = finetune.load_processor(folder)
    prepare = finetune.pixels(processor, finetune.augment)
    found = {}
    for start in STARTS:
        for seed in SEEDS:
            set_seed(seed)
            model = getattr(finetune, start)(folder, names)
            with tempfile.TemporaryDirectory() as output:
                settings = TrainingArguments(
                    output,
                    seed=seed,
                    num_train_epochs=epochs,
                    learning_rate=rate,
                    warmup_steps=0.1,
                    lr_scheduler_type="cosine",
                    weight_decay=DECAY,
                    per_device_train_batch_size=BATCH,
                    per_device_eval_batch_size=50,
                    save_strategy="no",
                    logging_strategy="no",
                    remove_unused_columns=False,
                    report_to="none",
                    disable_tqdm=True,
                    dataloader_pin_memory=torch.cuda.is_available(),
                )
                trainer = Trainer(
                    model,
                    settings,
                    train_dataset=train.with_transform(prepare),
                    data_collator=finetune.collate,
                )
                trainer.remove_callback(PrinterCallback)
                trainer.train()
                pictures = test.with_transform(finetune.pixels(processor))
                answers = trainer.predict(pictures).predictions.argmax(axis=-1)
            accuracy = np.mean(answers == np.array(test["label"]))
            found.setdefault(start, []).append(float(accuracy))
    return found


def tensorflow():
    """Return the test accuracies of Keras's ``fit``, a list for each start."""
    from course_utils.session import use_tensorflow

    use_tensorflow()
    import keras

    from course_utils.finetune import keras as finetune
    from course_utils.training.keras import SeededEpochs

    train, test, epochs, rate = rows()
    folder, names = locate("finetune"), train.features["label"].names
    processor = finetune.load_processor(folder)
    steps = epochs * math.ceil(len(train) / BATCH)
    warmup = math.ceil(0.1 * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps - warmup, warmup_target=rate, warmup_steps=warmup
    )
    classifier = finetune.pretrained(folder, names)
    front = [keras.Input(classifier.backbone.image_shape), finetune.augmentation()]
    model = keras.Sequential([*front, classifier])
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=DECAY, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(
        optimizer,
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=False,
    )
    optimizer.build(model.trainable_variables)
    found = {}
    for start in STARTS:
        for seed in SEEDS:
            keras.utils.set_random_seed(seed)
            fresh = getattr(finetune, start)(folder, names)
            classifier.set_weights(fresh.get_weights())
            for state in optimizer.variables:
                state.assign(keras.ops.zeros_like(state))
            order = SeededEpochs(seed)
            pictures = finetune.batches(
                train, processor, BATCH, shuffle=True, seed=order
            )
            model.fit(
                pictures, epochs=epochs, callbacks=[order], verbose=0, shuffle=False
            )
            scores = model.evaluate(
                finetune.batches(test, processor, 50), verbose=0, return_dict=True
            )
            found.setdefault(start, []).append(scores["accuracy"])
    return found


def show(values):
    """Return mean and range in percent."""
    low, high = 100 * min(values), 100 * max(values)
    return f"{100 * np.mean(values):.1f} ({low:.1f}–{high:.1f})"


def main():
    """Run each framework in a fresh process and print the table."""
    if len(sys.argv) > 1:
        print(json.dumps({"pytorch": pytorch, "tensorflow": tensorflow}[sys.argv[1]]()))
        return
    print(f"profile {current_profile()}; test accuracy in %, mean (range) of 3 seeds")
    print("| Framework | Pre-trained | Scratch |\n|---|---|---|")
    for name in ("pytorch", "tensorflow"):
        command = [sys.executable, __file__, name]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(done.stdout.splitlines()[-1])
        print("|", " | ".join([name, *(show(found[s]) for s in STARTS)]), "|")


if __name__ == "__main__":
    main()
