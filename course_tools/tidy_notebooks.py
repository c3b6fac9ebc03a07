"""Bring notebooks into the form in which they are stored.

    python -m course_tools.tidy_notebooks [--check] NOTEBOOK ...

What editors leave behind is removed: metadata of widgets, times of execution, cells
that somebody scrolled or collapsed. Only a cell tagged `predict` has its output folded,
so that nobody reads the answer before the prediction; running the cell unfolds it.
Sources, outputs, tags and cell ids are kept.
Execution counts run from 1, the pieces of a stream are joined, and of a progress bar
only the last state stays. Where the explorer was shown, its still picture stays. A cell
whose id is missing or repeated gets one that depends on the cell alone. With --check
nothing is written, and the exit code is 1 if a file is not in stored form. This module
uses the standard library only, since pre-commit runs it in an environment of its own.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNELSPEC, "language_info": {"name": "python"}}
CELL_METADATA = {"cellView", "jupyter", "tags"}  # the rest belongs to some editor
VALID_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def tidy(notebook: dict) -> dict:
    """Return the notebook (parsed JSON) in stored form; the argument is unchanged."""
    cells, seen, count = [], set(), 0
    for cell in notebook["cells"]:
        cell = json.loads(json.dumps(cell))
        cell["source"] = lines("".join(cell["source"]))
        cell["metadata"] = cell_metadata(cell.get("metadata", {}))
        cell["id"] = stable_id(cell, seen)
        seen.add(cell["id"])
        if cell["cell_type"] == "code":
            run = cell.get("execution_count") is not None or bool(cell["outputs"])
            run = run and bool("".join(cell["source"]).strip())
            count += run
            cell["execution_count"] = count if run else None
            cell["outputs"] = tidy_outputs(cell["outputs"], cell["execution_count"])
        cells.append(cell)
    return {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}


def cell_metadata(metadata: dict) -> dict:
    """Keep the tags and what folds a cell, drop the rest.

    The output of a cell tagged ``predict`` is folded in both spellings that interfaces
    know, ``jupyter.outputs_hidden`` and the older ``collapsed``.
    """
    kept = {key: metadata[key] for key in CELL_METADATA & metadata.keys()}
    hidden = {k: v for k, v in kept.pop("jupyter", {}).items() if k == "source_hidden"}
    tags = list(dict.fromkeys(kept.pop("tags", [])))
    if "predict" in tags:
        hidden["outputs_hidden"] = True
        kept["collapsed"] = True
    return (
        kept
        | ({"jupyter": hidden} if hidden else {})
        | ({"tags": tags} if tags else {})
    )


def stable_id(cell: dict, seen: set[str]) -> str:
    """Return the cell's id, or one made of its content if it has none of its own."""
    if VALID_ID.fullmatch(cell.get("id", "")) and cell["id"] not in seen:
        return cell["id"]
    text, number = cell["cell_type"] + "".join(cell["source"]), 0
    while True:
        digest = hashlib.sha256(f"{number}{text}".encode()).hexdigest()[:8]
        if f"cell-{digest}" not in seen:
            return f"cell-{digest}"
        number += 1


def tidy_outputs(outputs: list[dict], count: int | None) -> list[dict]:
    """Join neighboring streams, play carriage returns, drop metadata of display."""
    result: list[dict] = []
    for output in outputs:
        before = result[-1] if result else {}
        if output["output_type"] == "stream":
            text = "".join(output["text"])
            if (
                before.get("output_type") == "stream"
                and before["name"] == output["name"]
            ):
                before["text"] = "".join(before["text"]) + text
                continue
            output["text"] = text
        if output["output_type"] == "execute_result":
            output["execution_count"] = count
        if "data" in output:
            output["metadata"] = display_size(output.get("metadata", {}))
            output["data"] = {
                kind: stored(kind, value)
                for kind, value in output["data"].items()
                if kind != "application/vnd.jupyter.widget-view+json"
                and not whole_page(kind, value, output["data"])
            }
        result.append(output)
    for output in result:
        if output["output_type"] == "stream":
            output["text"] = lines(as_seen("".join(output["text"])))
    return [o for o in result if o.get("text") or o.get("data") or "ename" in o]


def whole_page(kind: str, value, data: dict) -> bool:
    """Tell whether this is a page of megabytes beside which a still picture stands."""
    framed = kind == "text/html" and "<iframe" in "".join(value)
    return framed and "image/png" in data


def display_size(metadata: dict) -> dict:
    """Keep the width and height at which a high-resolution picture is shown."""
    sizes = {}
    for kind, values in metadata.items():
        if isinstance(values, dict) and values.keys() & {"width", "height"}:
            sizes[kind] = {k: values[k] for k in ("height", "width") if k in values}
    return sizes


def stored(kind: str, value):
    """Store text as a list of lines, a picture as one string, JSON as it is."""
    if kind.startswith("text/") or kind == "image/svg+xml":
        return lines("".join(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = "".join(value)
    return value.rstrip("\n") if isinstance(value, str) else value


def as_seen(text: str) -> str:
    """Return what a terminal shows in the end: a carriage return starts a line anew.

    >>> as_seen("10%\\r100%\\ndone\\n")
    '100%\\ndone\\n'
    """
    return "\n".join(
        last_state(line) for line in text.replace("\r\n", "\n").split("\n")
    )


def last_state(line: str) -> str:
    """Overwrite from the left at each carriage return, as a terminal does."""
    if "\r" not in line:
        return line
    shown = ""
    for part in line.split("\r"):
        shown = part + shown[len(part) :]
    return shown.rstrip()


def lines(text: str) -> list[str]:
    """Cut text as notebooks store it: one string a line, each with its newline."""
    return text.splitlines(keepends=True)


def to_json(notebook: dict) -> str:
    """Write a notebook as Jupyter does: sorted keys, indent 1, a newline at the end."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    parser.add_argument("notebooks", nargs="*", type=Path, metavar="NOTEBOOK")
    options = parser.parse_args(arguments)
    changed = 0
    for path in options.notebooks:
        before = path.read_bytes()
        after = to_json(tidy(json.loads(before))).encode()
        if before != after:
            changed += 1
            print(f"{path}: {'not in stored form' if options.check else 'tidied'}")
            if not options.check:
                path.write_bytes(after)
    if changed and options.check:
        print("mend with: python -m course_tools.tidy_notebooks notebooks/*.ipynb")
    # A hook that changed files fails, too, so that somebody looks at the commit again.
    return int(bool(changed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
