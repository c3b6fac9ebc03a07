"""Work through lessons in JupyterLab with a real browser, as a learner does.

    make browser                  # 00, then 01, 04 and 08
    make browser ARGS="09 11"     # 00, then others

JupyterLab starts by the command of `make lab`, on a copy of the notebooks, in a home
where kernels that do not work call themselves python3. 00 is opened by the address
that `make lab` opens. Each lesson is run with *Restart the kernel and run all cells*,
then an exercise is answered, first wrongly. Everything is judged by what stands on the
page. Pictures of it go to build/browser/. Before that, a notebook with faults must be
found out. Needs a Chromium or Chrome (CHROMIUM=/path/to/it where it is not found).
"""

import os
import re
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from lab import ROOT, SHOTS, faulty, furnish, jupyterlab
from page import (
    LOOK,
    PANEL,
    judge,
    letters,
    open_notebook,
    run_all,
    run_cell,
    write_cell,
)

from course_tools import selection
from course_utils.exercises import catalog, progress

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# An exercise of a lesson, and the slip that turns its solution into a wrong answer.
SLIPS = {
    "01": ("01.4", "< lengths", "<= lengths"),
    "04": ("04.3", "model(images)", "model(images).softmax(1)"),
    "08": ("08.1", "transpose(2, 0, 1)", "transpose(2, 1, 0)"),
    "09": ("09.5", "reshape(width, -1).T", "reshape(width, -1)"),
    "11": ("11.6", "rate <= limit", "rate < limit"),
}


def find_browser():
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        sys.exit(
            "browser: no Chromium or Chrome here. Install one (on Debian: sudo apt "
            "install chromium), or name it: make browser CHROMIUM=/path/to/it"
        )
    return found


def answer(page, notebook, name):
    """Answer an exercise wrongly, then rightly; return what is wrong with that."""
    exercise_id, right, wrong = SLIPS[name]
    exercise = catalog.find(exercise_id)
    checks = [c.source.startswith(f'check("{exercise_id}"') for c in notebook.cells]
    stub = checks.index(True) - 1
    slip = exercise.source.replace(right, wrong)
    assert slip != exercise.source, (
        f"SLIPS: no {right!r} in the solution to {exercise_id}"
    )
    problems = []
    for kind, source, wanted in (
        ("wrong", slip, [mistake.message for mistake in exercise.mistakes]),
        ("right", exercise.source, [f"{exercise_id} is right."]),
    ):
        write_cell(page, stub, source)
        said = run_cell(page, stub + 1)
        page.locator(f"{PANEL} .jp-Cell").nth(stub).scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        page.screenshot(path=SHOTS / f"{name}-{kind}.png")
        if not any(letters(message) in letters(said) for message in wanted):
            problems.append(f"{kind} answer to {exercise_id}: the check says {said!r}")
    if not any(exercise_id in done for done in progress().done.values()):
        problems.append(f"{exercise_id} is not noted as done")
    return problems


def start_here(page, address, path, folder):
    """Open 00 by the address of `make lab`; ask the kernel which Python it is."""
    notebook = nbformat.read(path, as_version=4)
    open_notebook(page, address, len(notebook.cells))
    page.screenshot(path=SHOTS / "00-top.png")
    look, _ = run_all(page, "00", minutes=2)
    problems = judge(notebook, notebook, look, set())
    page.screenshot(path=SHOTS / "00-end.png")
    (number,) = [
        i for i, c in enumerate(notebook.cells) if c.source.startswith("number_of_")
    ]
    write_cell(page, number, "import os, sys; print(os.path.realpath(sys.prefix))")
    said = page.evaluate(LOOK, PANEL)["cells"][number]["text"].strip()
    if Path(said) != (ROOT / ".venv").resolve():
        problems.append(f"the kernel is of {said}, not of .venv")
    return problems


def lesson(page, address, path, name, folder):
    """Open a lesson, run it, look at it and answer an exercise."""
    stored = nbformat.read(path, as_version=4)
    notebook = nbformat.read(folder / "notebooks" / path.name, as_version=4)
    open_notebook(page, address.replace("00_start_here", path.stem), len(stored.cells))
    page.screenshot(path=SHOTS / f"{name}-top.png")
    look, growing = run_all(page, name, minutes=15)
    problems = judge(notebook, stored, look, growing)
    pictures = page.locator(f"{PANEL} .jp-RenderedImage img")
    for which in {0, pictures.count() - 1} if pictures.count() else ():
        pictures.nth(which).scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        page.screenshot(path=SHOTS / f"{name}-figure-{which + 1}.png")
    if not problems and name in SLIPS:
        problems = answer(page, notebook, name)
    return problems


def finds_faults(page, address, folder):
    """Return a problem if the notebook with faults is not judged as it deserves."""
    problems = lesson(page, address, faulty(folder), "faulty", folder)
    wanted = ("careful", "ZeroDivision", "picture is not shown", "not [5]:")
    missed = [words for words in wanted if not any(words in p for p in problems)]
    return [f"not found out: {words}" for words in missed]


def shut_kernels_down(page, address):
    """End all kernels, so that memory holds one lesson at a time."""
    base, token = re.match(r"(http://[^/]+/).*token=(\w+)", address).groups()
    sessions, headers = f"{base}api/sessions", {"Authorization": f"token {token}"}
    page.goto("about:blank")
    for session in page.request.get(sessions, headers=headers).json():
        page.request.delete(f"{sessions}/{session['id']}", headers=headers)


def main(names):
    from playwright.sync_api import Error, sync_playwright

    names = names or ("01", "04", "08")
    try:
        start, *paths = selection.select(["00", *names], ROOT / "notebooks")
    except ValueError as error:
        sys.exit(f"browser: {error}")
    program = find_browser()
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    SHOTS.mkdir(parents=True, exist_ok=True)
    for old in SHOTS.glob("*.png"):
        old.unlink()
    failed = []

    def report(name, trial, *arguments):
        begun = time.monotonic()
        try:
            problems = trial(page, address, *arguments, folder)
        except Error as error:  # something that was to be on the page did not come
            problems = [str(error)]
            page.screenshot(path=SHOTS / "stuck.png")
        seconds = time.monotonic() - begun
        print(f"{'FAILED' if problems else 'passed'}  {name}  {seconds:.0f} s")
        for problem in problems:
            print(f"        {problem}")
        failed.extend(problems)
        shut_kernels_down(page, address)

    with (
        tempfile.TemporaryDirectory(prefix="vit-course-") as scratch,
        sync_playwright() as playwright,
    ):
        folder = Path(scratch)
        os.environ["COURSE_PROGRESS"] = str(folder / "progress.json")
        furnish(folder, [start, *paths])
        with jupyterlab(folder) as address:
            browser = playwright.chromium.launch(executable_path=program, args=sandbox)
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            report("a notebook with faults", finds_faults)
            report(start.stem, start_here, start)
            for path in paths:
                report(path.stem, lesson, path, path.stem[:2])
            browser.close()
    print(f"browser: pictures are in {SHOTS.relative_to(ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.append(str(ROOT / "build" / "playwright"))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # JupyterLab ends as well
    sys.exit(main(sys.argv[1:]))
