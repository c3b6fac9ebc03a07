"""Run the notebooks where it looks like Colab, and write down what came of it.

    python tests/colab/run.py [--only 09 ...] [--jobs 2] [--python PYTHON]

A virtual environment has the versions of Colab's image (image.py). A folder stands for
GitHub: the working tree lies in it as it is, given an address and tagged. Each notebook
then runs alone in an empty folder, with a Python of its own over that environment, as
in a fresh runtime (runtime.py), and must leave every installed version as it was. A
whole run in which all notebooks pass is written to last_verified.json and to the
README, unless Python or torch differ from the image in the minor version. Needs git, an
index of packages, and nothing but the standard library.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # `colab` is this folder, for pytest as well

from colab import image  # noqa: E402
from colab.image import ROOT, output, say  # noqa: E402

OUTCOME = HERE / "last_verified.json"
ADDRESS = "colab-stand-in/vit-course"
SHOWN = (  # the versions that the README names
    "torch",
    "torchvision",
    "ipython",
    "numpy",
    "transformers",
    "datasets",
    "tensorflow",
    "keras",
    "keras-hub",
)
BEGIN = "<!-- last verified: written by tests/colab/run.py -->\n"
END = "\n<!-- last verified: end -->"


# GitHub


def publish(folder: Path) -> tuple[Path, str]:
    """Put the working tree, with an address and a tag, where ``folder`` is GitHub.

    Returns
    -------
    The published repository and the tag.
    """
    source = folder / ADDRESS
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in output(listing, cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():
            copy = source / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    output([sys.executable, "course_tools/set_address.py", ADDRESS], cwd=source)
    version = re.search(
        r'__version__ = "(.+)"', (source / "course_utils/__init__.py").read_text()
    )[1]
    author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for words in (
        ["init", "--quiet"],
        ["add", "--all"],
        [*author, "commit", "--quiet", "--message", "as it is"],
        ["tag", f"v{version}"],
    ):
        output(["git", *words], cwd=source)
    return source, f"v{version}"


# One notebook


def in_runtime(notebook: Path, base: Path, github: Path, before: tuple) -> dict:
    """Run one notebook as a learner on Colab does; return its outcome."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vit-course-colab-") as scratch:
        scratch = Path(scratch)
        content, home = scratch / "content", scratch / "home"
        content.mkdir()
        home.mkdir()
        (content / notebook.name).write_bytes(notebook.read_bytes())
        python = image.overlay(base, scratch / "python")
        environment = {k: v for k, v in os.environ.items() if k[:7] != "COURSE_"}
        environment |= {
            "HOME": str(home),
            "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{github.as_uri()}/.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/",
        }
        # nbclient comes from the base, so that the kernel's Python stays clean.
        run = subprocess.run(
            [base, HERE / "runtime.py", content / notebook.name, python],
            env=environment,
            capture_output=True,
            text=True,
        )
        after = image.state(python)
    problem = run.stderr.strip()[-3000:] if run.returncode else ""
    if not problem and after != before:
        changed = set(after[0].items()) ^ set(before[0].items())
        problem = f"bootstrap changed what is installed: {sorted(changed)}\n{after[1]}"
    seconds = round(time.monotonic() - start)
    result = "failed" if problem else "passed"
    say(f"{result} {notebook.stem}: {seconds} s")
    if problem:
        say(problem)
    return {"result": result, "seconds": seconds}


# The outcome


def readme_text(outcome: dict) -> str:
    """Return the line of the README that an outcome amounts to."""
    versions = ", ".join(f"{n} {outcome['versions'][n]}" for n in SHOWN)
    differs = outcome["differs"]
    rest = f" Other than on Colab: {', '.join(differs)}." if differs else ""
    return (
        f"*Last verified {outcome['date']} (UTC), commit {outcome['commit']}:* all "
        f"{len(outcome['notebooks'])} notebooks pass in profile reduced, with the "
        "bootstrap cell and no package changed by it, on a stand-in for Colab with "
        f"the versions of its image of {outcome['image']} ({versions}).{rest} "
        "Each notebook: `tests/colab/last_verified.json`."
    )


def with_outcome(readme: str, outcome: dict) -> str:
    """Return the README with what stands between the two comments made anew."""
    before, _, rest = readme.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise ValueError(f"README.md lacks the comments {BEGIN!r} and {END!r}")
    return before + BEGIN + readme_text(outcome) + END + after


def write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    os.replace(part, path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[""], metavar="NOTEBOOK")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks side by side")
    parser.add_argument("--python", help="where Colab's minor version of Python is")
    options = parser.parse_args()

    commit = output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT)
    if output(["git", "status", "--porcelain"], cwd=ROOT):
        commit += " with changes"
    image.BUILD.mkdir(parents=True, exist_ok=True)
    base = image.environment(options.python or image.colab_python())
    with tempfile.TemporaryDirectory(prefix="vit-course-github-") as folder:
        github = Path(folder)
        source, tag = publish(github)
        before = image.state(image.overlay(base, github / "python"))
        say(f"{commit}, published as {tag}; {before[1].strip()}")
        chosen = [
            path
            for path in sorted((source / "notebooks").glob("*.ipynb"))
            if path.name.startswith(tuple(options.only))
        ]
        with ThreadPoolExecutor(options.jobs) as pool:
            done = pool.map(lambda p: in_runtime(p, base, github, before), chosen)
            results = {path.stem: r for path, r in zip(chosen, done, strict=True)}

    installed = before[0]
    python = output([base, "-c", "import platform; print(platform.python_version())"])
    outcome = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "tag": tag,
        "image": image.date_and_python()[0],
        "python": python,
        "versions": installed,
        "differs": image.differences(installed, python),
        "notebooks": results,
    }
    passed = sum(result["result"] == "passed" for result in results.values())
    say(f"{passed} of {len(results)} notebooks passed")
    say(f"other than on Colab: {', '.join(outcome['differs']) or 'nothing'}")
    if not results or passed < len(results):
        return 1
    far = image.unlike(installed, python)
    if far:
        say(f"not verified, since this is not what Colab has: {', '.join(far)}")
        return 1
    if options.only == [""]:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        write(ROOT / "README.md", with_outcome(readme, outcome))
        write(OUTCOME, json.dumps(outcome, indent=1) + "\n")
        say("written to README.md and tests/colab/last_verified.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
