"""A figure of notebook 10."""

import matplotlib.pyplot as plt
import numpy as np

from course_utils.plots import COLORS

GRAY = COLORS["gray"]


def forgetting(rates, new, old, distance, *, before, new_before, floor, title):
    """Draw what each of ``rates`` buys on the new task and costs on the old one."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 4), width_ratios=[1.6, 1])
    left.plot(rates, 100 * np.array(new), marker="o", label="new task")
    left.plot(rates, 100 * np.array(old), marker="s", label="old task (probe)")
    for level, color, label in (
        (new_before, "C0", "new task, probe before"),
        (before, "C1", "old task, probe before"),
        (floor, GRAY, "old task, random weights"),
    ):
        left.axhline(100 * level, color=color, lw=1.5, ls=":", label=label)
    left.set(ylabel="accuracy (%)", ylim=(0, 101), title=title)
    figure.legend(loc="outside lower left", ncols=3, columnspacing=1)
    right.plot(rates, 100 * np.array(distance), marker="D", color="black", ls="-")
    right.set(ylabel="change of the weights (%)", yscale="log")
    right.set_title("How far they moved")
    for ax in (left, right):
        ax.set(xscale="log", xlabel="learning rate")
        ax.minorticks_off()
        ax.set_xticks(rates, [f"{rate:.0e}".replace("e-0", "e-") for rate in rates])
