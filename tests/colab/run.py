"""Run the notebooks where it looks like Colab, and write down what came of it.

    python tests/colab/run.py [--only 09 ...] [--jobs 2] [--python PYTHON]

A virtual environment of Colab's Python gets the versions of Colab's own list
(freeze.txt), with PyTorch's three packages, pip and setuptools as in the list; wheels
for a GPU serve, since they run on a CPU. A folder stands for GitHub, with the working
tree in it as it is, given an address and tagged. Each notebook then runs alone in an
empty folder with a Python of its own over that environment, as in a fresh runtime
(session.py), and must leave every installed version as it was. A whole run in which all
pass is written to last_verified.json and to the README, unless Python or torch differ
from the list in the minor version. Needs git, an index of packages, and nothing but the
standard library.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "colab"
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


# --- what Colab has ---------------------------------------------------------------


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Read lines of name==version; the rest of a line, and comments, are left out."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, flags=re.M)
    return {canonical(name): version for name, version in found}


def frozen() -> dict[str, str]:
    """Return name -> version of Colab's image."""
    return pins((HERE / "freeze.txt").read_text(encoding="utf-8"))


def image() -> tuple[str, str]:
    """Return the date of Colab's list, and its Python."""
    head = (HERE / "freeze.txt").read_text(encoding="utf-8").partition("\n")[0]
    return re.search(r"as of (\S+): Python (\S+),", head).groups()


def minor(version: str) -> list[str]:
    """Return the first two numbers of a version."""
    return version.split(".")[:2]


def colab_python() -> str:
    """Return a Python of Colab's minor version from the PATH."""
    name = "python" + ".".join(minor(image()[1]))
    found = shutil.which(name)
    if not found or subprocess.run([found, "-c", ""], capture_output=True).returncode:
        sys.exit(f"colab: Colab has {name}; say where it is, with --python")
    return found


# --- the environment --------------------------------------------------------------


def requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return project["dependencies"] + extras["torch"] + extras["tensorflow"]


def environment(python: str) -> Path:
    """Return the Python of the virtual environment, which is made if need be."""
    lock = pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    version = output([python, "--version"])
    parts = [version, *requirements(), str(sorted(frozen().items()))]
    stamp = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    folder, made = BUILD / "env", BUILD / "env" / "stamp"
    if made.exists() and made.read_text() == stamp:
        return folder / "bin" / "python"
    say(f"making an environment of {version} with Colab's versions (some minutes)")
    subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    inside = folder / "bin" / "python"
    pip = [inside, "-m", "pip", "install", "--disable-pip-version-check"]
    output([*pip, f"pip=={frozen()['pip']}", f"setuptools=={frozen()['setuptools']}"])
    install(pip, frozen(), lock)
    made.write_text(stamp)
    return inside


def install(pip: list, versions: dict[str, str], lock: dict[str, str]) -> None:
    """Install the requirements in Colab's versions, and as few others as possible.

    A version that cannot be had gives way to the lock's, and if that does not go
    either, to whatever fits; but PyTorch's do not.
    """
    # The part behind "+" names a build. A wheel of PyPI has none, and brings the
    # libraries for a GPU in the versions that it was built with.
    versions = {
        name: version.partition("+")[0]
        for name, version in versions.items()
        if not name.startswith(("nvidia-", "cuda-", "triton"))
    }
    pytorch = [f"{n}=={versions[n]}" for n in ("torch", "torchvision", "torchaudio")]
    given_up = set()
    while True:
        constraints = BUILD / "constraints.txt"
        lines = [f"{name}=={version}\n" for name, version in versions.items()]
        constraints.write_text("".join(lines))
        command = [*pip, "-c", constraints, *requirements(), *pytorch]
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == 0:
            return
        words = run.stdout + run.stderr
        named = re.findall(r"\(constraint\) ([\w.-]+)==", words)
        blamed = {canonical(name) for name in named} & versions.keys()
        blamed -= {"torch", "torchvision", "torchaudio"}
        if not blamed:
            sys.exit(f"colab: pip cannot install Colab's versions:\n{words[-2000:]}")
        say(f"not to be had in Colab's version: {', '.join(sorted(blamed))}")
        for name in blamed:
            del versions[name]
            if name in lock and name not in given_up:
                versions[name] = lock[name]
        given_up |= blamed


def overlay(base: Path, folder: Path) -> Path:
    """Return a Python that sees ``base``'s packages, and has room for its own."""
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    inside = folder / "bin" / "python"
    link = f"import site; site.addsitedir({output([base, '-c', where])!r})\n"
    (Path(output([inside, "-c", where])) / "image.pth").write_text(link)
    return inside


def state(python: Path) -> tuple[dict[str, str], str]:
    """Return what is installed, without the course, and what `pip check` says."""
    listed = json.loads(output([python, "-m", "pip", "list", "--format", "json"]))
    versions = {canonical(p["name"]): p["version"] for p in listed}
    versions.pop("vit-course", None)
    check = [python, "-m", "pip", "check"]
    return versions, subprocess.run(check, capture_output=True, text=True).stdout


def differences(installed: dict[str, str], python: str) -> list[str]:
    """Say what Colab has otherwise, among what the course needs."""
    there, found = frozen(), []
    if python != image()[1]:
        found.append(f"Python {python} (there {image()[1]})")
    for name, version in sorted(installed.items()):
        if version != there.get(name, version):
            found.append(f"{name} {version} (there {there[name]})")
    return found


def unlike(installed: dict[str, str], python: str) -> list[str]:
    """Say what differs so much that no run may be called verified."""
    wanted = {"Python": image()[1], "torch": frozen()["torch"]}
    found = {"Python": python, "torch": installed.get("torch", "none")}
    return [
        f"{name} {found[name]} (there {version})"
        for name, version in wanted.items()
        if minor(found[name]) != minor(version)
    ]


# --- GitHub -----------------------------------------------------------------------


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


# --- one notebook -----------------------------------------------------------------


def session(notebook: Path, base: Path, github: Path, before: tuple) -> dict:
    """Run one notebook as a learner on Colab does; return its outcome."""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vit-course-colab-") as scratch:
        scratch = Path(scratch)
        content, home = scratch / "content", scratch / "home"
        content.mkdir()
        home.mkdir()
        (content / notebook.name).write_bytes(notebook.read_bytes())
        python = overlay(base, scratch / "python")
        settings = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("COURSE_") and name != "MPLBACKEND"
        }
        settings |= {
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
            [base, HERE / "session.py", content / notebook.name, python],
            env=settings,
            capture_output=True,
            text=True,
        )
        after = state(python)
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


# --- the outcome ------------------------------------------------------------------


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


# --- all together -----------------------------------------------------------------


def say(words: str) -> None:
    print(f"colab: {words}", flush=True)


def output(command: list, **options) -> str:
    run = subprocess.run(command, capture_output=True, text=True, **options)
    if run.returncode:
        sys.exit(f"colab: {' '.join(map(str, command))} failed:\n{run.stderr}")
    return run.stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="+", default=[""], metavar="NOTEBOOK")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks side by side")
    parser.add_argument("--python", help="where Colab's minor version of Python is")
    options = parser.parse_args()

    commit = output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT)
    if output(["git", "status", "--porcelain"], cwd=ROOT):
        commit += " with changes"
    BUILD.mkdir(parents=True, exist_ok=True)
    base = environment(options.python or colab_python())
    with tempfile.TemporaryDirectory(prefix="vit-course-github-") as folder:
        github = Path(folder)
        source, tag = publish(github)
        before = state(overlay(base, github / "python"))
        say(f"{commit}, published as {tag}; {before[1].strip()}")
        chosen = [
            path
            for path in sorted((source / "notebooks").glob("*.ipynb"))
            if path.name.startswith(tuple(options.only))
        ]
        with ThreadPoolExecutor(options.jobs) as pool:
            done = pool.map(lambda p: session(p, base, github, before), chosen)
            results = {path.stem: r for path, r in zip(chosen, done, strict=True)}

    installed = before[0]
    python = output([base, "-c", "import platform; print(platform.python_version())"])
    outcome = {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit,
        "tag": tag,
        "image": image()[0],
        "python": python,
        "versions": installed,
        "differs": differences(installed, python),
        "notebooks": results,
    }
    passed = sum(result["result"] == "passed" for result in results.values())
    say(f"{passed} of {len(results)} notebooks passed")
    say(f"other than on Colab: {', '.join(outcome['differs']) or 'nothing'}")
    if not results or passed < len(results):
        return 1
    far = unlike(installed, python)
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
