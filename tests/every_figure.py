"""How to draw each figure of the course once; the tests of figures try them all."""

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from course_utils import plots
from course_utils.plots import (
    nb00,
    nb01,
    nb02,
    nb03,
    nb04_05,
    nb06,
    nb07,
    nb08_09,
    nb10,
    nb10_11,
    nb12,
    nb12_13,
    nb14,
    nb15,
    nb16,
    nb17_18,
)

RNG = np.random.default_rng(0)
NAMES = ["a", "$a_b$ \u732b", *(f"class {'x' * k}" for k in range(38))]


def on_axes(function, *arguments, **options):
    _, ax = plt.subplots()
    function(ax, *arguments, **options)


FIGURES = {
    "heatmap": lambda: on_axes(plots.heatmap, RNG.random((3, 4)), title="t"),
    "draw_look": lambda: nb00.draw_look(
        [Image.new("RGB", (48, 48))] * 3,
        RNG.random((3, 36)),
        RNG.random((3, 60)),
        [f"name {i}" for i in range(60)],
        title="t",
    ),
    "draw_map": lambda: nb00.draw_map(Image.new("RGB", (48, 48), "teal")),
    "compass": lambda: nb01.compass(
        np.eye(2), ["a", "b"], np.array([0.4, 0.6]), np.ones(2), title="t"
    ),
    "weight_matrices": lambda: nb01.weight_matrices(
        [RNG.random((2, 2))] * 2, ["one", "two"], finding="f", labels=[("ab", "ab")] * 2
    ),
    "attention_on_photo": lambda: nb01.attention_on_photo(
        RNG.random((12, 12, 3)),
        RNG.random((2, 3, 3)),
        [1, 5],
        ["photo", "one", "two"],
        title="t",
    ),
    "three_readings": lambda: nb01.three_readings(
        np.ones((2, 3)),
        [np.eye(3)] * 3,
        [np.ones((2, 3))] * 3,
        np.eye(2),
        ["north", "east"],
        "xyz",
        title="t",
    ),
    "attention_flow": lambda: nb01.attention_flow(title="t"),
    "draw_heads": nb02.draw_heads,
    "draw_norms": nb02.draw_norms,
    "draw_blocks": lambda: nb02.draw_blocks("pre-norm", "post-norm", title="t"),
    "draw_encoder_decoder": nb02.draw_encoder_decoder,
    "gradients_by_depth": lambda: nb02.gradients_by_depth(
        {
            (n, d): RNG.random((2, d)) + 1
            for n in ("pre-norm", "post-norm")
            for d in (1, 2)
        }
    ),
    "draw_patches": lambda: on_axes(
        nb03.draw_patches, RNG.random((28, 28)), 7, title="t"
    ),
    "draw_patch_sequence": lambda: nb03.draw_patch_sequence(
        RNG.random((16, 7, 7)), title="t"
    ),
    "draw_split_swap_merge": lambda: nb03.draw_split_swap_merge(
        np.arange(16).reshape(2, 2, 2, 2),
        np.arange(16).reshape(2, 2, 2, 2).swapaxes(1, 2),
        np.arange(16).reshape(4, 4),
        title="t",
    ),
    "draw_view": lambda: on_axes(
        nb03.draw_view,
        RNG.integers(0, 255, (28, 28, 3)),
        7,
        (1, 2),
        np.eye(4, dtype=bool),
        title="t",
    ),
    "draw_similarity": lambda: on_axes(
        plots.draw_similarity, RNG.random((4, 4)), (1, 2), title="t"
    ),
    "draw_vit": lambda: nb04_05.draw_vit(
        RNG.random((28, 28)), 14, dim=64, depth=6, classes=10
    ),
    "draw_looks": lambda: nb04_05.draw_looks(
        RNG.random((3, 28, 28)), RNG.random((3, 7, 7)), list("abc"), title="t"
    ),
    "draw_confusion": lambda: on_axes(
        plots.draw_confusion, RNG.integers(0, 50, (10, 10)), range(10), title="t"
    ),
    "draw_pictures": lambda: plots.draw_pictures(
        [*RNG.random((7, 28, 28)), Image.new("L", (48, 48))], [*"abcdefgh"], title="t"
    ),
    "draw_hf_vit": lambda: nb07.draw_hf_vit(
        side=224,
        channels=3,
        patches=196,
        dim=768,
        depth=12,
        mlp_dim=3072,
        classes=1000,
    ),
    "mean_and_spread": lambda: on_axes(
        nb08_09.mean_and_spread,
        {n: ([10, 20], RNG.random((3, 2))) for n in "ab"},
        title="t",
        guessing=0.1,
    ),
    "dots_by_name": lambda: on_axes(
        nb08_09.dots_by_name,
        {"a": 90.0, "b": 70.0},
        error=[3, 5],
        title="t",
        xlabel="%",
    ),
    "draw_maps": lambda: nb06.draw_maps(
        [np.zeros((48, 48, 3), np.uint8)] * 2,
        np.eye(2).repeat(24, 0).repeat(24, 1)[None].repeat(2, 0),
        {"A": RNG.random((2, 36)), "B": RNG.random((2, 36))},
        title="t",
    ),
    "draw_tiles": lambda: on_axes(nb06.draw_tiles, RNG.random((9, 9, 9, 9)), title="t"),
    "draw_distances": lambda: on_axes(
        nb06.draw_distances, RNG.random((6, 4)), 0.9, title="t"
    ),
    "draw_scores": lambda: nb06.draw_scores(
        {
            "a": {
                "maps": {
                    "blob": {"auc": {"mean": 0.8, "error": 0.1}},
                    "rollout": {"auc": {"mean": 0.9, "error": 0.1}},
                },
                "best possible auc": {"mean": 0.95, "error": 0},
            },
            "b": {
                "maps": {"blob": {"auc": {"mean": 0.8, "error": 0.1}}},
                "best possible auc": {"mean": 0.95, "error": 0},
            },
        },
        title="t",
    ),
    "draw_curves": lambda: nb06.draw_curves(
        {n: {"one": {"mean": [1, 0.5], "error": [0, 0.1]}} for n in "ab"},
        [0, 30],
        title="t",
        xlabel="x",
        ylabel="y",
    ),
    "draw_knockout": lambda: nb06.draw_knockout(
        {n: {"mean": RNG.random((6, 4)), "error": np.zeros((6, 4))} for n in "ab"},
        title="t",
    ),
    "learning_curves": lambda: nb10_11.learning_curves(
        [20, 200], {n: RNG.random((2, 3)) for n in "abc"}, title="t", guessing=0.5
    ),
    "forgetting": lambda: nb10.forgetting(
        [1e-4, 1e-3],
        [0.6, 0.7],
        [0.5, 0.3],
        [0.01, 0.1],
        before=0.5,
        new_before=0.6,
        floor=0.1,
        title="t",
    ),
    "reliability": lambda: nb10_11.reliability(
        {"a": ([0.6, 0.9], [0, 1]), "b": ([0.5, 1.0], [1, 1])}, bins=5, title="t"
    ),
    "attention_rows": lambda: nb10_11.attention_rows(
        [np.zeros((48, 48, 3), np.uint8)] * 2,
        {"last": [RNG.random((6, 6))] * 2},
        ["a", "b"],
        title="t",
    ),
    "attention_tables": lambda: nb12_13.attention_tables(
        {"softmax": RNG.random((5, 5)), "window": RNG.random((5, 5))}, title="t"
    ),
    "times": lambda: nb12.times(
        {
            f"{tokens} tokens, milliseconds": {
                "softmax, kernel, eager": 1.0,
                "softmax, kernel, compiled": 0.8,
                "linear, eager": 1.2,
                "linear, compiled": 0.6,
            }
            for tokens in (37, 145)
        },
        title="t",
    ),
    "swin_windows": lambda: nb12_13.swin_windows(title="t"),
    "label_precision": lambda: nb14.label_precision(
        [f"name {i}" for i in range(12)], RNG.random(12), np.full(12, 0.2), title="t"
    ),
    "threshold_curves": lambda: nb14.threshold_curves(
        {n: [(RNG.random(50), RNG.integers(0, 2, 50))] * 2 for n in "abc"}, title="t"
    ),
    "calibration": lambda: nb14.calibration(
        {n: np.array([[40, 4, 3], [0, 0, 0], [10, 8, 10]]) for n in "abc"}, title="t"
    ),
    "answers": lambda: nb14.answers(
        [np.zeros((64, 64, 3), np.uint8)] * 8,
        ["apple", "butterfly", "umbrella"],
        np.array([[1, 1, 0]] * 8),
        np.array([[1, 0, 1]] * 8),
        title="t",
    ),
    "draw_reach": lambda: nb15.draw_reach(
        {n: {k: RNG.random((28, 28)) for k in ("first", "block 1")} for n in "ab"},
        title="t",
    ),
    "draw_panels": lambda: nb15.draw_panels(
        {n: {k: 1 + RNG.random((3, 2)) for k in "abc"} for n in ("one", "two")},
        [100, 1000],
        mark=(300, "here"),
        **{"log": "xy", "title": "t", "xlabel": "x", "ylabel": "y"},
    ),
    "draw_decisions": lambda: nb15.draw_decisions(
        {"ViT": (0.5, 0.3, 0.2), "CNN": (0.1, 0.85, 0.05)}, title="t"
    ),
    "draw_grids": lambda: nb15.draw_grids(
        {n: (RNG.random((2, 3)), ["r", "s"], ["x", "y", "z"]) for n in "ab"},
        title="t",
        xlabel="x",
    ),
    "dealt_digits": lambda: nb16.dealt_digits(
        RNG.random((3, 28, 28)), [[0, 2], [1, 0]], title="t"
    ),
    "traffic": lambda: nb16.traffic(
        [2, 4], {"one chief": [1, 3], "ring": [1, 1.5]}, title="t"
    ),
    "held_by_rank": lambda: nb16.held_by_rank(
        {n: {"parameters": 1.0, "gradients": 1.0, "moments": 2.0} for n in "ab"},
        title="t",
    ),
    "streams": lambda: nb16.streams(
        {"as stored": [0] * 30 + [1] * 20, "mixed": [0, 1] * 25}, most=40, title="t"
    ),
    "amounts": lambda: nb16.amounts({"a": 3.0, "b": 1.0}, title="t", label="x"),
    "step_times": lambda: nb16.step_times(
        {"a": (1.0, 3.0), "b": (1.0, 0.2)}, title="t"
    ),
    "draw_counts": lambda: nb17_18.draw_counts(
        NAMES, np.arange(40, 0, -1), RNG.integers(0, 9, 40), RNG.integers(0, 9, 40)
    ),
    "draw_sheet": lambda: nb17_18.draw_sheet(
        [Image.new("CMYK", (60, 40)), None] * 20, NAMES[:5], title="t"
    ),
    "draw_pairs": lambda: nb17_18.draw_pairs(
        [(np.zeros((48, 48, 3), np.uint8), Image.new("L", (9, 9)), 2, "a\nb")] * 4
    ),
    "draw_recalls": lambda: nb17_18.draw_recalls(
        NAMES[:8], [9, 3, 1, 2, 0, 0, 1, 0], [9, 9, 9, 5, 4, 2, 1, 0], "a"
    ),
    "draw_confusions": lambda: nb17_18.draw_confusions(
        NAMES[:14], RNG.integers(0, 30, (14, 14))
    ),
    "draw_mistakes": lambda: nb17_18.draw_mistakes(
        [Image.new("RGB", (60, 40))] * 7, RNG.random((7, 36)), *[NAMES] * 2, [0.9] * 7
    ),
    "draw_confidence": lambda: nb17_18.draw_confidence(
        RNG.random(50), RNG.random(50) < 0.5, [0.3, 0.9], 0.8
    ),
    "draw_exports": lambda: nb17_18.draw_exports(
        [("PyTorch", 3.8, 2.0, ""), ("int8", 0.9, 0.5, "9 of 9"), ("other", 1.0, None)]
    ),
}
