"""Run all notebooks in profile reduced and store their outputs in notebooks/.

Nothing is stored unless every notebook passes. `make notebooks` calls this.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from normalize_notebooks import normalize, to_json

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    run = [sys.executable, "-m", "course_utils", "run", "--profile", "reduced"]
    environment = os.environ | {"COURSE_PROFILE": "reduced"}
    if subprocess.run(run, cwd=ROOT, env=environment).returncode:
        print("notebooks: not all passed, so nothing was stored")
        return 1
    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    results = {path: read(ROOT / "build" / "reduced" / path.name) for path in paths}
    for path, result in results.items():
        if sources(read(path)) != sources(result):
            print(f"notebooks: {path.name} was edited meanwhile, so nothing was stored")
            return 1
    for path, result in results.items():
        path.write_text(to_json(result), encoding="utf-8", newline="\n")
        print(f"notebooks: stored the outputs of {path.relative_to(ROOT)}")
    return 0


def read(path: Path) -> dict:
    return normalize(json.loads(path.read_text(encoding="utf-8")))


def sources(notebook: dict) -> list[list[str]]:
    return [cell["source"] for cell in notebook["cells"]]


if __name__ == "__main__":
    sys.exit(main())
