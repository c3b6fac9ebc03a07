"""Write the address of the repository into every file that names it.

    python -m course_tools.set_address owner/name

The address is defined by [project.urls] in pyproject.toml; badges, bootstrap cells,
links and the citation repeat it. `make badges REPO=owner/name` calls this program.
"""

import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Where the address may stand. Tests are left out, since they invent addresses.
PLACES = (
    ".",
    ".github",
    "course_tools",
    "course_utils",
    "data",
    "docs",
    "drawing",
    "examples",
    "notebooks",
)
KINDS = {".cff", ".ipynb", ".md", ".py", ".svg", ".toml", ".yaml", ".yml"}
# GitHub's rules for an owner (39 characters at most, hyphens single and inside) and a
# name (100 characters).
OWNER = r"(?=[A-Za-z0-9-]{1,39}/)[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
NAME = r"(?!\.{1,2}$)(?!.*\.git$)[A-Za-z0-9._-]{1,100}"
# What comes before an address: a link, a link to Colab, or REPO in a bootstrap cell.
BEFORE = r'(github\.com[/:]|githubusercontent\.com/|/github/|REPO, TAG = \\?")'


def files(root: Path) -> list[Path]:
    """Return the files that may name the address; pyproject.toml is the last."""
    found = []
    for place in PLACES:
        inside = (root / place).glob("*" if place == "." else "**/*")
        found += sorted(p for p in inside if p.suffix in KINDS and p.is_file())
    last = root / "pyproject.toml"
    return [path for path in found if path != last] + [last]


def current(root: Path) -> str:
    """Return the owner/name that pyproject.toml gives."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    return project["project"]["urls"]["Repository"].removeprefix("https://github.com/")


def written(text: str, old: str, new: str) -> str:
    """Return the text with the new address wherever it names the old one."""
    longer = r"(?![A-Za-z0-9_-]|\.(?!git\b)[A-Za-z0-9_-])"  # the name goes on
    return re.sub(BEFORE + re.escape(old) + longer, rf"\g<1>{new}", text)


def main(arguments: list[str], root: Path = ROOT) -> int:
    address = arguments[0] if arguments else ""
    if not re.fullmatch(f"{OWNER}/{NAME}", address):
        print(
            f"{address!r} is not an address on GitHub; "
            "give owner/name, as in: make badges REPO=ada/vit-course"
        )
        return 1
    old, changed = current(root), 0
    # Interrupted, the next run still finds the old address in pyproject.toml.
    for path in files(root):
        before = path.read_bytes()
        after = written(before.decode("utf-8"), old, address).encode()
        if before != after:
            replace(path, after)
            changed += 1
            print(f"badges: {path.relative_to(root)}")
    if not changed:
        print(f"badges: every file says {address} already")
    return 0


def replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.chmod(path.stat().st_mode)
    os.replace(part, path)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
