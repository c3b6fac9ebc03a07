"""What Colab's image has, and an environment like it.

freeze.txt is Colab's own list. The environment gets the versions of that list, those of
PyTorch's three packages, pip and setuptools included. Wheels for a GPU serve, since
they run on a CPU, too.
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "colab"


def say(words: str) -> None:
    print(f"colab: {words}", flush=True)


def output(command: list, **options) -> str:
    run = subprocess.run(command, capture_output=True, text=True, **options)
    if run.returncode:
        sys.exit(f"colab: {' '.join(map(str, command))} failed:\n{run.stderr}")
    return run.stdout.strip()


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Read lines of name==version; the rest of a line, and comments, are left out."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", text, flags=re.M)
    return {canonical(name): version for name, version in found}


def frozen() -> dict[str, str]:
    """Return name -> version of Colab's image."""
    return pins((HERE / "freeze.txt").read_text(encoding="utf-8"))


def date_and_python() -> tuple[str, str]:
    """Return the date of Colab's list, and its Python."""
    head = (HERE / "freeze.txt").read_text(encoding="utf-8").partition("\n")[0]
    return re.search(r"as of (\S+): Python (\S+),", head).groups()


def minor(version: str) -> list[str]:
    """Return the first two numbers of a version."""
    return version.split(".")[:2]


def colab_python() -> str:
    """Return a Python of Colab's minor version from the PATH."""
    name = "python" + ".".join(minor(date_and_python()[1]))
    found = shutil.which(name)
    if not found or subprocess.run([found, "-c", ""], capture_output=True).returncode:
        sys.exit(f"colab: Colab has {name}; say where it is, with --python")
    return found


# An environment like it


def requirements() -> list[str]:
    """Return what the course needs, and of the extra ``deploy`` what Colab has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    there = [r for r in extras["deploy"] if re.match(r"[\w-]+", r)[0] in frozen()]
    return project["dependencies"] + extras["torch"] + extras["tensorflow"] + there


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
    if python != date_and_python()[1]:
        found.append(f"Python {python} (there {date_and_python()[1]})")
    for name, version in sorted(installed.items()):
        if version != there.get(name, version):
            found.append(f"{name} {version} (there {there[name]})")
    return found


def unlike(installed: dict[str, str], python: str) -> list[str]:
    """Say what differs so much that no run may be called verified."""
    wanted = {"Python": date_and_python()[1], "torch": frozen()["torch"]}
    found = {"Python": python, "torch": installed.get("torch", "none")}
    return [
        f"{name} {found[name]} (there {version})"
        for name, version in wanted.items()
        if minor(found[name]) != minor(version)
    ]
