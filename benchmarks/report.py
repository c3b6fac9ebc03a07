"""The table that `make bench` shows: every ratio beside what it was made of."""

import statistics

from rich.table import Table


def table(results: dict) -> Table:
    """Lay the ratios out, each with what it was made of."""
    versions = ", ".join(f"{name} {v}" for name, v in results["versions"].items())
    shown = Table(title=f"Ratios on one thread: {versions}")
    shown.add_column("what")
    shown.add_column("ratio", justify="right", style="bold")
    shown.add_column("from")
    for name, found in results["training step"].items():
        milliseconds = {k: 1000 * s for k, s in found["seconds"].items()}
        ours = f"ours {milliseconds['ours']:.1f} ms"
        for kind in ("eager", "sdpa"):
            other = f"theirs {milliseconds[f'Hugging Face, {kind}']:.1f} ms"
            shown.add_row(
                f"training step, {name}: speed against Hugging Face's, {kind}",
                f"{found[f'speed against {kind}']:.2f}",
                f"{ours}, {other} (batch {results['batch']})",
            )
        shown.add_row(
            f"training step, {name}: the best attention of each",
            f"{found['speed against the best']:.2f}",
            "ours has one; theirs is the faster of the two above",
        )
        shown.add_row(
            f"training step, {name}: FLOP/s against this machine's matrix product",
            f"{found['share of the matrix product']:.2f}",
            f"{found['GFLOP/s']:.0f} of {found['GFLOP/s of the matrix product']:.0f}"
            " GFLOP/s",
        )
    add_frameworks(shown, results["frameworks"])
    recipes = results["recipes"]
    shown.add_row(
        "test errors at equal seconds: 2021 tutorial against ours",
        f"{recipes['ratio of errors']:.2f}",
        f"{recipes['2021 tutorial']['errors']} against {recipes['ours']['errors']}; "
        + recipes["data"],
    )
    shown.add_row(
        "  seconds of training: ours against 2021 tutorial",
        f"{recipes['ratio of seconds']:.2f}",
        " against ".join(
            f"{statistics.mean(recipes[name]['seconds']):.1f} s"
            for name in ("ours", "2021 tutorial")
        ),
    )
    imports = results["import"]
    shown.add_row(
        "import course_utils against import numpy",
        f"{imports['ratio']:.2f}",
        " against ".join(
            f"{imports['seconds'][name]:.2f} s" for name in ("course_utils", "numpy")
        ),
    )
    storage = results["storage"]
    for what, unit in (
        ("megabytes on disk", "MB"),
        ("megabytes of memory", "MB"),
        ("seconds to the first batch", "s"),
    ):
        old, new = storage[what]
        shown.add_row(
            f"map to Array3D against with_transform: {what}",
            f"{old / new:.1f}",
            f"{old:.2f} against {new:.2f} {unit}; {storage['rows']} pictures, 224 px",
        )
    return shown


def add_frameworks(shown: Table, frameworks: dict) -> None:
    """Add our Keras ViT's speed against KerasHub's and against our PyTorch one's."""
    cases = [(*case, way) for case in frameworks.items() for way in ("graph", "XLA")]
    for name, kinds, way in cases:
        for kind, seconds in kinds.items():
            ours = seconds[f"Keras, {way}"]
            for other in (f"KerasHub, {way}", "PyTorch"):
                theirs = seconds[other]
                shown.add_row(
                    f"{kind}, {name}: our Keras ViT ({way}) against {other}",
                    f"{theirs / ours:.2f}",
                    f"ours {1000 * ours:.1f} ms, other {1000 * theirs:.1f} ms",
                )
