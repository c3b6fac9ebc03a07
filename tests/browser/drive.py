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

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from course_tools import runner
from course_utils.exercises import catalog, progress

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "build" / "browser"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# An exercise of a lesson, and the slip that turns its solution into a wrong answer.
SLIPS = {
    "01": ("01.4", "< lengths", "<= lengths"),
    "04": ("04.3", "model(images)", "model(images).softmax(1)"),
    "08": ("08.1", "transpose(2, 0, 1)", "transpose(2, 1, 0)"),
    "09": ("09.5", "reshape(width, -1).T", "reshape(width, -1)"),
    "11": ("11.6", "rate <= limit", "rate < limit"),
}
BAR = re.compile(r"(\d+)%\|")
# A bar, or a line per epoch.
GROWING = re.compile(r"\d+%\||^epoch +[\d.]+(?:, | +step| +loss)", flags=re.M)
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"
# What a reader of the page sees, cell by cell.
LOOK = """(selector) => {
    const panel = document.querySelector(selector);
    const bad = [  // a traceback comes as either
        '[data-mime-type="application/vnd.jupyter.error"]',
        '[data-mime-type="application/vnd.jupyter.stderr"]',
    ].join();
    const shown = (image) => image.complete && image.naturalWidth > 0;
    const pictures = [...panel.querySelectorAll('.jp-RenderedImage img')];
    return {
        kernel: panel.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status,
        cells: [...panel.querySelectorAll('.jp-Cell')].map((cell) => ({
            prompt: cell.querySelector('.jp-InputPrompt')?.textContent.trim(),
            text: [...cell.querySelectorAll('.jp-OutputArea-output')]
                .map((output) => output.textContent).join('\\n'),
            complains: cell.querySelector(bad) !== null,
        })),
        pictures: pictures.filter(shown).length,
        missing: [...panel.querySelectorAll('img')].filter((i) => !shown(i))
            .map((image) => image.getAttribute('alt') || image.src.slice(0, 80)),
        formulas: panel.querySelectorAll('mjx-container').length,
        bad_formulas: panel.querySelectorAll('mjx-merror').length,
    };
}"""


def find_browser():
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        sys.exit(
            "browser: no Chromium or Chrome here. Install one (on Debian: sudo apt "
            "install chromium), or name it: make browser CHROMIUM=/path/to/it"
        )
    return found


# --- the folder and the server ------------------------------------------------------


def furnish(folder, paths):
    """Copy what a learner opens, without stored outputs, and set traps."""
    shutil.copytree(ROOT / "docs", folder / "docs")  # a link would not be served
    (folder / ".venv").symlink_to(ROOT / ".venv")
    (folder / "notebooks").mkdir()
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        nbformat.write(notebook, folder / "notebooks" / path.name)
    trap = {"argv": ["/bin/false"], "display_name": "Another", "language": "python"}
    for place in ("home/.local/share/jupyter", "elsewhere"):
        kernel = folder / place / "kernels" / "python3" / "kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text(json.dumps(trap), encoding="utf-8")
    # All cells on the page, not only those in view.
    settings = folder / "home/.jupyter/lab/user-settings/@jupyterlab"
    tracker = settings / "notebook-extension/tracker.jupyterlab-settings"
    tracker.parent.mkdir(parents=True)
    tracker.write_text('{"windowingMode": "none"}', encoding="utf-8")


def faulty(folder):
    """Write a notebook whose run must be found wanting, and return its path."""
    sources = (
        "print('all is well')",
        "import sys; print('careful', file=sys.stderr)",
        "from IPython.display import Image; Image(data=b'no picture', format='png')",
        "1 / 0",
        "print('never reached')",
    )
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    path = folder / "notebooks" / "faulty.ipynb"
    nbformat.write(notebook, path)
    return path


def lab_command():
    """Return the line with which `make lab` starts JupyterLab."""
    lines = subprocess.run(
        ["make", "--no-print-directory", "-n", "lab", "ARGS="],  # ours name lessons
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return lines[-1].removeprefix("@")


@contextlib.contextmanager
def jupyterlab(folder):
    """Start JupyterLab in ``folder``; give the address that it would open."""
    home = folder / "home"
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("COURSE_", "JUPYTER", "IPYTHON"))
    }
    environment |= {
        "HOME": str(home),
        "JUPYTER_PATH": str(folder / "elsewhere"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "COURSE_PROGRESS": os.environ["COURSE_PROGRESS"],
        "COURSE_PROFILE": "reduced",
    }
    more = " --no-browser --port=0" + " --allow-root" * (os.geteuid() == 0)
    log = (SHOTS / "jupyterlab.log").open("w", encoding="utf-8")
    server = subprocess.Popen(
        lab_command() + more,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield _address(server, folder / "runtime")
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may not have started
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()
        log.close()


def _address(server, runtime):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        for page in runtime.glob("jpserver-*-open.html"):
            if found := re.search(r'href="(http[^"]+)"', page.read_text("utf-8")):
                return found[1]
        time.sleep(0.2)
    sys.exit(f"browser: JupyterLab did not start; see {SHOTS / 'jupyterlab.log'}")


# --- the page -----------------------------------------------------------------------


def open_notebook(page, address, cells):
    """Open an address, wait for the notebook with so many cells, and for its kernel."""
    page.goto(f"{address}&reset")  # without the tabs of before
    page.wait_for_function(
        "([panel, cells]) => document.querySelectorAll(`${panel} .jp-Cell`).length"
        " === cells && /[|] Idle/.test("
        "document.querySelector('#jp-main-statusbar')?.textContent)",
        arg=[PANEL, cells],
        timeout=90_000,
    )


def run_all(page, name, minutes):
    """Restart the kernel and run all cells; return the last look, and growing texts."""
    page.click(f'{PANEL} [data-command="notebook:restart-run-all"]')
    page.click('.jp-Dialog button:has-text("Restart")')
    growing, deadline = set(), time.monotonic() + 60 * minutes
    while time.monotonic() < deadline:
        page.wait_for_timeout(300)
        look = page.evaluate(LOOK, PANEL)
        for number, cell in enumerate(look["cells"]):
            text = cell["text"]
            if (
                cell["prompt"] == "[*]:"
                and GROWING.search(text)
                and text not in growing
            ):
                growing.add(text)
                shown = page.locator(f"{PANEL} .jp-Cell").nth(number)
                shown.screenshot(path=SHOTS / f"{name}-progress.png")
        prompts = {cell["prompt"] for cell in look["cells"]} - {None, ""}
        if look["kernel"] == "idle" and "[*]:" not in prompts and prompts != {"[ ]:"}:
            break
    page.wait_for_timeout(1000)  # the last picture may still be decoded
    return page.evaluate(LOOK, PANEL), growing


def judge(notebook, stored, look, growing):
    """Return what is wrong with a finished run, in sentences."""
    problems = []
    pairs = list(zip(notebook.cells, look["cells"], strict=True))
    count = 0
    for number, (cell, seen) in enumerate(pairs):
        if cell.cell_type == "code":
            count += 1
            folded = cell.metadata.get("jupyter", {}).get("source_hidden")
            if seen["prompt"] != f"[{count}]:" and not folded:
                problems.append(f"cell {number} shows {seen['prompt']} not [{count}]:")
        if seen["complains"]:
            words = seen["text"].strip()[-200:]
            problems.append(f"cell {number} has an error or writes to stderr: {words}")
    for what in look["missing"]:
        problems.append(f"a picture is not shown: {what}")
    outputs = [o for c in stored.cells for o in c.get("outputs", ())]
    wanted = sum("image/png" in o.get("data", {}) for o in outputs)
    if look["pictures"] != wanted:
        problems.append(f"{look['pictures']} figures instead of {wanted}")
    if look["bad_formulas"]:
        problems.append(f"{look['bad_formulas']} formulas are not readable")
    if any("$" in c.source for c in stored.cells if c.cell_type == "markdown"):
        if not look["formulas"]:
            problems.append("no formula is typeset")
    ends = {n for _, seen in pairs for n in BAR.findall(seen["text"])}
    if ends - {"100"}:
        problems.append(f"progress bars end at {sorted(ends)} %")
    if any(GROWING.search(o.get("text", "")) for o in outputs) and not growing:
        problems.append("no progress of a training was seen")
    return problems


def write_cell(page, number, source):
    """Replace what stands in a code cell and run it."""
    page.locator(f"{PANEL} .jp-Cell").nth(number).locator(".cm-content").click()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(source)
    run_cell(page, number)


def run_cell(page, number):
    """Run a cell, and return the text of its output."""
    cell = page.locator(f"{PANEL} .jp-Cell").nth(number)
    cell.locator(".cm-content").click()
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.text_content()
    page.keyboard.press("Shift+Enter")
    page.wait_for_function(
        "([element, before]) => element.textContent !== before"
        " && /\\d/.test(element.textContent)",
        arg=[prompt.element_handle(), before],
        timeout=60_000,
    )
    page.wait_for_timeout(500)
    return page.evaluate(LOOK, PANEL)["cells"][number]["text"]


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


def letters(text):
    """Return the letters and digits alone: Markdown and page agree in them."""
    return re.sub(r"[\W_]", "", text)


# --- the lessons --------------------------------------------------------------------


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
        start, *paths = runner.find(["00", *names], ROOT / "notebooks")
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
