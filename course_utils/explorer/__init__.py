"""The explorer: one page in which a trained ViT runs, without network and server."""

import base64
import io
import os
from html import escape
from pathlib import Path

import numpy as np

from course_utils.data.pictures import upright


def write(model, path: str | Path, *, mean=None, std=None) -> Path:
    """Write the page of a model as one file, which any browser opens by double click.

    Parameters
    ----------
    model : path, our PyTorch ViT, ViTForImageClassification, or a list of these
        A path is a folder that ``save_pretrained`` of model and processor wrote, or the
        file of notebook 04. A list gives one page with a choice of models. Each has at
        most 5 million parameters.
    path : path
        The file to write. It appears whole or not at all.
    mean, std : float, optional
        How the pictures were scaled, as in ``to_tensors``: of a model in memory (0.5
        and 0.5, if not given) or of the file of notebook 04, which does not say it.

    Returns
    -------
    ``path``. ValueError if a model cannot be shown, in one sentence.
    """
    from course_utils.explorer.packing import pack, page
    from course_utils.explorer.reading import read

    models = model if isinstance(model, list | tuple) else [model]
    text = page([pack(*read(one, mean, std)) for one in models])
    path = Path(path).expanduser()
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        os.replace(part, path)
    except OSError as error:
        why = error.strerror or error
        raise ValueError(
            f"{path} cannot be written ({why}); name another place"
        ) from None
    finally:
        part.unlink(missing_ok=True)
    return path


def show(model, picture=None, *, mean=None, std=None):
    """Show the page in a notebook, beginning with ``picture`` if there is one.

    ``model``, ``mean`` and ``std`` are those of ``write``; ``picture`` is whatever
    ``course_utils.data.upright`` reads. Where a notebook runs no scripts, a table of
    the likeliest answers, or a still picture, stands in place of the page.
    """
    from course_utils.explorer.packing import pack, page
    from course_utils.explorer.reading import read

    picture = None if picture is None else upright(picture)
    packed = pack(*read(model, mean, std), picture)
    return _Shown(page([packed]), packed)


class _Shown:
    """What ``show`` returns: the same in three forms, of which a notebook takes one."""

    def __init__(self, text, packed):
        self.page, first = text, packed["pictures"][0]
        likely = np.exp(first["logits"] - np.max(first["logits"]))
        best = np.argsort(-likely)[:5]
        self.rows = [(packed["classes"][k], likely[k] / likely.sum()) for k in best]
        size = first["height"], first["width"], first["channels"]
        pixels = np.frombuffer(base64.b64decode(first["pixels"]), np.uint8)
        self.pixels = pixels.reshape(size)

    def _repr_mimebundle_(self, **_):
        cells = "".join(
            f"<tr><td>{escape(n)}</td><td>{p:.3f}</td></tr>" for n, p in self.rows
        )
        return {
            "text/html": '<iframe sandbox="allow-scripts" style="width: 100%; height: '
            f'850px; border: 0" title="The explorer" srcdoc="{escape(self.page)}">'
            "</iframe><details><summary>No page above? Run this cell, "
            "or read the likeliest answers in a table.</summary>"
            f"<table><tr><th>class</th><th>probability</th></tr>{cells}</table></details>",
            "image/png": base64.b64encode(self.still()).decode("ascii"),
            "text/plain": "\n".join(f"{n:20} {p:.3f}" for n, p in self.rows),
        }

    def still(self) -> bytes:
        """Draw the picture and its likeliest answers, for a notebook that is stored."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.5, 2.4), dpi=110, layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(1, 2))
        left.imshow(self.pixels, cmap="gray", vmin=0, vmax=255)
        left.axis("off")
        names, likely = zip(*self.rows[::-1], strict=True)
        right.barh(names, likely, color="#56B4E9", edgecolor="#0072B2")
        for y, value in enumerate(likely):
            right.text(value + 0.01, y, f"{value:.2f}", va="center")
        right.set(xlim=(0, 1.1), xlabel="probability")
        right.set_title("Run this cell to explore it", loc="left")
        right.spines[["top", "right"]].set_visible(False)
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return file.getvalue()
