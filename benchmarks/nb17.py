"""The tables of notebook 17: ways to learn your own pictures, leaks, wrong labels.

    python -m benchmarks.nb17 [--ways "fine-tune, plain" ...]

The practice folder, with three seeds, each with its own split. The functions are those
of the lesson (see own_pictures.py). Each way tries three rates (the probes three
strengths) with seed 0; the one with the best macro F1 on validation pictures is taken
and repeated with the other seeds, and only its test pictures are reported. Training
stops early on validation pictures, and the best epoch is kept.

One thread. Each run is written to nb17.json at once, and a second call goes on where
the first one stopped; delete a run to have it anew. Takes 7 minutes of a processor
core.
"""

import contextlib
from pathlib import Path

from benchmarks import own_pictures, own_runs
from course_utils.session import ROOT

FILE = Path(__file__).with_name("nb17.json")
SCRIPT = ROOT / "examples" / "your_pictures_pytorch.py"
RANK, TARGETS = 8, ["q_proj", "v_proj"]


@contextlib.contextmanager
def adapted(names):
    """Let `fine_tuned` train LoRA by PEFT: what it loads has an adapter."""
    from peft import LoraConfig, PeftModel, get_peft_model

    fresh = names["fresh"]
    settings = LoraConfig(
        r=RANK,
        lora_alpha=2 * RANK,
        target_modules=TARGETS,
        modules_to_save=["classifier"],
    )

    def with_adapter(source=None, seed=0):
        if source and Path(source, "adapter_config.json").exists():
            return PeftModel.from_pretrained(fresh(seed=seed), source)
        return get_peft_model(fresh(seed=seed), settings)

    names["fresh"] = with_adapter
    try:
        yield
    finally:
        names["fresh"] = fresh


def main():
    import torch

    torch.set_num_threads(1)
    own_runs.main(
        __doc__,
        file=FILE,
        script=SCRIPT,
        command="python -m benchmarks.nb17",
        version=f"torch {torch.__version__}",
        adapted=adapted,
        settings=own_pictures.SETTINGS,
    )


if __name__ == "__main__":
    main()
