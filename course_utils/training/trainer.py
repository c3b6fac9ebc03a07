"""Exact resume and one printed line an epoch, for the ``Trainer`` of transformers."""

import contextlib
import copy
import json
from pathlib import Path

import transformers
from datasets import Dataset
from transformers import PreTrainedModel, Trainer, TrainerCallback

from course_utils.data.pictures import class_numbers, labels_of


@contextlib.contextmanager
def quiet():
    """Keep transformers' loading reports and progress bars off the screen."""
    logging = transformers.utils.logging
    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


class ExactTrainer(Trainer):
    """A Trainer that gets every weight back, on resume and for the best model.

    ``Trainer`` of transformers 5.15 to 5.23 reads a checkpoint of a ViT by names that
    its modules no longer have, and leaves the encoder as it is, without an error
    (issues 43701 and 48805 of huggingface/transformers). This class reads checkpoints
    with ``from_pretrained``, which knows the old names.

    A run that is resumed from a checkpoint at the end of an epoch equals an
    uninterrupted one, bit for bit on the same machine. So does a run that is resumed
    inside an epoch, unless the transform of the pictures is random: batches are
    prepared ahead of their step. With ``disable_tqdm=True`` nothing is printed.
    """

    save_model = quiet()(Trainer.save_model)
    _save_checkpoint = quiet()(Trainer._save_checkpoint)  # it warns of quick saves

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.remove_callback(transformers.PrinterCallback)

    def train(self, resume_from_checkpoint=None, **options):
        """Train; ``resume_from_checkpoint=True`` takes the last *complete* one.

        Raises a ValueError if there is none, or if a label is no class of the model.
        """
        classes = getattr(getattr(self.model, "config", None), "num_labels", None)
        for split in (self.train_dataset, self.eval_dataset):
            columns = split.features if isinstance(split, Dataset) else {}
            if getattr(columns.get("label"), "dtype", None) == "int64":
                class_numbers(labels_of(split), classes)
        if resume_from_checkpoint is True:
            resume_from_checkpoint = last_checkpoint(self.args.output_dir)
            if resume_from_checkpoint is None:
                raise ValueError(
                    f"there is no complete checkpoint in {self.args.output_dir}; call "
                    "train() without resume_from_checkpoint"
                )
        return super().train(resume_from_checkpoint, **options)

    def _load_from_checkpoint(self, resume_from_checkpoint, model=None):
        model = self.model if model is None else model
        if not isinstance(model, PreTrainedModel):  # stored under its own names
            return super()._load_from_checkpoint(resume_from_checkpoint, model)
        with quiet():
            stored, report = type(model).from_pretrained(
                resume_from_checkpoint,
                config=copy.deepcopy(model.config),
                ignore_mismatched_sizes=True,  # refused below
                dtype=model.dtype,
                output_loading_info=True,
            )
        unfit = {*report["missing_keys"], *report["unexpected_keys"]}
        unfit |= {name for name, *_ in report["mismatched_keys"]}
        if unfit:
            raise ValueError(
                f"{resume_from_checkpoint} does not hold the weights of this model: "
                f"{len(unfit)} are missing, left over or of another shape, such as "
                f"{min(unfit)}; delete it to resume from an older checkpoint, or start "
                "the run anew"
            )
        model.load_state_dict(stored.state_dict())

    def _load_best_model(self):
        if not isinstance(self.model, PreTrainedModel):
            return super()._load_best_model()
        self._load_from_checkpoint(self.state.best_model_checkpoint)


def last_checkpoint(folder: str | Path) -> str | None:
    """Return the newest complete checkpoint of a Trainer, or None.

    ``Trainer`` writes ``trainer_state.json`` last. A folder without that file, or with
    half of it, was being written when the run was killed.
    """
    found = {path.name[11:]: path for path in Path(folder).glob("checkpoint-*")}
    for step in sorted(filter(str.isdecimal, found), key=int, reverse=True):
        with contextlib.suppress(OSError, ValueError):
            json.loads((found[step] / "trainer_state.json").read_text("utf-8"))
            return str(found[step])
    return None


class EpochLines(TrainerCallback):
    """Print one line for each evaluation on the validation set."""

    def on_evaluate(self, args, state, control, metrics=None, **kwargs):
        if not state.is_world_process_zero or "eval_loss" not in metrics:
            return  # another process, or the test set
        losses = [entry["loss"] for entry in state.log_history if "loss" in entry]
        parts = [f"epoch {state.epoch or 0:5.2f}", f"step {state.global_step:5}"]
        parts += [f"loss {loss:.3f}" for loss in losses[-1:]] + ["validation:"]
        for name in ("loss", "accuracy", "f1"):
            if f"eval_{name}" in metrics:
                parts.append(f"{name} {metrics[f'eval_{name}']:.3f}")
        print("  ".join(parts), flush=True)
