"""Run all notebooks in profile reduced and store their outputs in notebooks/.

The picture of the cell tagged `readme` becomes the picture of the README. Nothing is
stored unless every notebook passes. `make notebooks` calls this program.
"""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from course_tools.tidy_notebooks import tidy, to_json

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    run = [sys.executable, "-m", "course_tools", "run", "--profile", "reduced"]
    environment = os.environ | {"COURSE_PROFILE": "reduced"}
    for name in ("COURSE_HUB", "COURSE_ROWS"):  # the course runs on its own data
        environment.pop(name, None)
    if subprocess.run(run, cwd=ROOT, env=environment).returncode:
        print("notebooks: not all passed, so nothing was stored")
        return 1
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    results = {path: read(ROOT / "build" / "reduced" / path.name) for path in paths}
    stored = {path: read(path) for path in paths}
    for path in paths:
        if code(stored[path]) != code(results[path]):
            print(f"notebooks: {path.name} was edited meanwhile, so nothing was stored")
            return 1
        take_outputs(stored[path], results[path])
    try:
        picture = readme_picture(stored.values())
    except ValueError as error:
        print(f"notebooks: {error}, so nothing was stored")
        return 1
    for path in paths:
        path.write_text(to_json(stored[path]), encoding="utf-8", newline="\n")
        print(f"notebooks: stored the outputs of {path.relative_to(ROOT)}")
    (ROOT / "docs" / "readme.png").write_bytes(picture)
    return 0


def read(path: Path) -> dict:
    return tidy(json.loads(path.read_text(encoding="utf-8")))


def readme_picture(notebooks) -> bytes:
    """Return the one picture that a cell tagged `readme` shows."""
    tagged = [
        cell
        for notebook in notebooks
        for cell in notebook["cells"]
        if "readme" in cell["metadata"].get("tags", ())
    ]
    if len(tagged) != 1:
        raise ValueError(f"one cell must be tagged readme, and {len(tagged)} are")
    pictures = [
        output["data"]["image/png"]
        for output in tagged[0].get("outputs", ())
        if "image/png" in output.get("data", {})
    ]
    if len(pictures) != 1:
        raise ValueError(
            f"the cell tagged readme must show one picture, and shows {len(pictures)}"
        )
    return base64.b64decode("".join(pictures[0]))


def code(notebook: dict) -> list[tuple[str, list[str]]]:
    """Return kind of all cells, and source of the code cells."""
    return [
        (cell["cell_type"], cell["source"] if cell["cell_type"] == "code" else [])
        for cell in notebook["cells"]
    ]


def take_outputs(notebook: dict, executed: dict) -> None:
    """Put the outputs of the executed copy into the notebook; leave its text alone."""
    for cell, result in zip(notebook["cells"], executed["cells"], strict=True):
        if cell["cell_type"] == "code":
            cell["outputs"] = [x for x in result["outputs"] if not is_note(x)]
            cell["execution_count"] = result["execution_count"]


def is_note(output: dict) -> bool:
    """Tell whether an output is what TensorFlow Lite says at its start, unasked.

    It ignores TF_CPP_MIN_LOG_LEVEL, and turning its delegate off would cost speed.
    """
    said = "".join(output.get("text", "")).splitlines()
    return output.get("name") == "stderr" and all(x.startswith("INFO: ") for x in said)


if __name__ == "__main__":
    sys.exit(main())
