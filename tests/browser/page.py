"""A notebook on JupyterLab's page: open it, run it, judge what a reader would see."""

import re
import time

from lab import SHOTS

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


def letters(text):
    """Return the letters and digits alone: Markdown and page agree in them."""
    return re.sub(r"[\W_]", "", text)
