"""The figure of lesson 12 that its twin does not have."""

import matplotlib.pyplot as plt


def times(measured, *, title, base="softmax, kernel"):
    """Draw times relative to ``base``, eager and compiled, over the number of tokens.

    ``measured`` maps ``"37 tokens, milliseconds"`` to ``{"linear, eager": 1.2, ...}``.
    """
    tokens = [int(name.split()[0]) for name in measured]
    rows = list(measured.values())
    kinds = list(dict.fromkeys(name.rpartition(", ")[0] for name in rows[0]))
    figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True)
    for ax, how in zip(axes, ("eager", "compiled"), strict=True):
        for kind, marker in zip(kinds, "os^Dv", strict=False):
            ratio = [row[f"{kind}, {how}"] / row[f"{base}, {how}"] for row in rows]
            ax.plot(tokens, ratio, marker=marker, markersize=5, label=kind)
        ax.set(xscale="log", yscale="log", xlabel="tokens")
        ax.set_title(how, fontsize=11)
        ax.set_xticks(tokens, tokens)
        ax.set_yticks([0.1, 0.3, 1, 3, 10], ["0.1", "0.3", "1", "3", "10"])
        ax.minorticks_off()
    axes[0].set_ylabel("time, kernel = 1")
    figure.legend(handles=axes[0].lines, loc="outside lower center", ncols=3)
    figure.suptitle(title, x=0.01, ha="left")
