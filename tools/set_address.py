"""Write the address of the repository into every file that names it.

    python tools/set_address.py owner/name

The place that counts is [project.urls] in pyproject.toml; the notebooks' badges and
bootstrap cells and a few texts repeat it. `make badges REPO=owner/name` calls this.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TEXTS = (
    "pyproject.toml",
    "CITATION.cff",
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)


def files(root: Path) -> list[Path]:
    """Return the files that may name the address."""
    texts = [root / name for name in TEXTS if (root / name).exists()]
    return texts + sorted((root / "notebooks").glob("*.ipynb"))


def current(root: Path) -> str:
    """Return the owner/name that pyproject.toml gives."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["urls"]["Repository"].removeprefix("https://github.com/")


def main(arguments: list[str], root: Path = ROOT) -> int:
    address = arguments[0] if arguments else ""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+", address):
        print(
            f"{address!r} is not an address on GitHub; "
            "give owner/name, as in: make badges REPO=ada/vit-course"
        )
        return 1
    old = current(root)
    for path in files(root):
        before = path.read_bytes()
        after = before.replace(old.encode(), address.encode())
        if before != after:
            path.write_bytes(after)
            print(f"badges: {path.relative_to(root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
