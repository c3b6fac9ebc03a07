"""Use the explorer's page in a real browser, by file:// and with the network cut.

    make explorer

It is read, drawn into, walked through and used by keys alone, wide and narrow, light
and dark. Everything is judged by what stands on the page, and by PyTorch. Pictures of
it go to build/explorer/. Needs a Chromium or Chrome, as `make browser` does.
"""

import io
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch
from drive import find_browser
from explorer_engine import PAGE, models_of, unpacked
from PIL import Image
from reader import PALE, SHOTS, THREE, Reader

from course_utils.explorer import reading, show
from course_utils.session import ROOT

LEVELS = ("model", "block", "product", "pair")


def first_look(reader):
    page = reader.page
    reader.expect("says at once", reader.says(), "7")
    page.wait_for_function("() => /^[✓✗]/.test($('#check').textContent)")
    check = page.locator("#check").inner_text()
    reader.expect("check of itself", check.startswith("✓ Checked just now: on 22 "))
    page.click("#checked summary")
    reader.expect("rows of the check", page.locator("#checked tbody tr").count(), 22)
    reader.shot("first-look")
    print(f"        {PAGE.stat().st_size:,} bytes, first picture after ", end="")
    print(f"{page.evaluate('shownAt'):.0f} ms")
    for number, name in enumerate(("digit-vit", "tiny-vit")):
        times = page.evaluate(
            """(model) => {
              change({ model });
              return range(33).map((i) => {
                const begun = performance.now();
                change({ picture: i % now.pictures.length });
                return [now.milliseconds, performance.now() - begun];
              });
            }""",
            number,
        )
        answer, shown = (statistics.median(row) for row in zip(*times, strict=True))
        print(f"        {name}: an answer takes {answer:.0f} ms, ", end="")
        print(f"with everything shown {shown:.0f} ms (medians of 33)")
        # 100 ms are wanted on a laptop; here, others may use the machine, too.
        reader.expect(f"{name} answers soon", min(row[0] for row in times) < 300)


def levels(reader):
    page = reader.page
    for number in (0, 1):
        page.locator("#models button").nth(number).click()
        reader.expect("pale texts", page.evaluate(PALE), [])  # of what is pointed at
        for level in LEVELS:
            page.click(f"#tabs [data-level={level}]")
            page.wait_for_function("() => !/…$/m.test($('#panel').innerText)")
            wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            reader.expect(f"{level} fits into the window", wide)
            reader.expect(f"pale texts of {level}", page.evaluate(PALE), [])
            theme = page.evaluate("document.documentElement.dataset.theme")
            width = page.viewport_size["width"]
            reader.shot(f"{theme}-{width}-{number + 1}-{level}")


def dark(reader):
    color = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    reader.expect("background", color, "rgb(23, 25, 28)")
    moves = reader.page.evaluate(
        "getComputedStyle($('#bars .track i')).transitionDuration"
    )
    reader.expect("bars move for", moves, "0s")
    levels(reader)
    reader.page.click("#theme")
    color = reader.page.evaluate("getComputedStyle(document.body).backgroundColor")
    reader.expect("background after the switch", color, "rgb(255, 255, 255)")


def draw_with_mouse(reader):
    page = reader.page
    page.click("#draw")
    first, *others = reader.pad_points()
    page.mouse.move(*first)
    page.mouse.down()
    for point in others:
        page.mouse.move(*point, steps=5)
    page.mouse.up()
    page.wait_for_function("() => !$('#pad').waiting")
    reader.expect("a 3 drawn by mouse", reader.says(), "3")
    reader.shot("drawn")
    page.click("#draw")
    reader.shot("drawn-in-patches")
    page.click("#draw")
    page.click("#clear")
    reader.expect(
        "after Clear", "Nothing is drawn" in page.locator("#says").inner_text()
    )


def draw_with_finger(reader):
    page = reader.page
    page.tap("#draw")
    page.locator("#pad").scroll_into_view_if_needed()
    finger = reader.context.new_cdp_session(page)
    kinds = ["touchStart"] + ["touchMove"] * (len(THREE) - 1)
    for kind, (x, y) in zip(kinds, reader.pad_points(), strict=True):
        touch = {"type": kind, "touchPoints": [{"x": x, "y": y}]}
        finger.send("Input.dispatchTouchEvent", touch)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_function("() => state.strokes.length && !$('#pad').waiting")
    reader.expect("a 3 drawn by finger", reader.says(), "3")
    reader.shot("drawn-by-finger")
    page.tap("#draw")
    levels(reader)


def tour(reader):
    page, titles = reader.page, []
    for step in range(1, 9):
        count = page.locator("#tour .count").inner_text()
        reader.expect("count", count, f"Guided tour, step {step} of 8")
        titles.append(page.locator("#tour h2").inner_text())
        page.click("#tour summary")
        page.wait_for_function("() => $('#tour-answer').textContent.length > 30")
        texts = page.locator("#tour .try, #tour .ask").all_inner_texts()
        reader.expect("try and question", [text[:3] for text in texts], ["Try", "Que"])
        reader.shot(f"tour-{step}")
        if step == 5:
            page.click("#tour .quiet")
            page.click("#models button >> nth=0")
            page.click("text=Return to the tour (step 5 of 8)")
        page.click("#tour .primary")
    reader.expect("titles", len({*titles}), 8)
    reader.expect("the tour is left", page.locator("#tour h2").count(), 0)


def tokens(reader):
    page = reader.page
    page.click("#models button >> nth=1")
    box = page.locator("#picture canvas").bounding_box()
    whole = page.evaluate("[...now.answer]")
    at = [box["x"] + box["width"] * 0.42, box["y"] + box["height"] * 0.5]
    page.mouse.move(*at)
    reader.expect("who looks", "patch (2, 2)" in page.locator("#to-title").inner_text())
    page.mouse.click(*at)
    page.wait_for_selector("#put-back")
    reader.expect("the answer moves", page.evaluate("[...now.answer]") != whole)
    reader.shot("token-out")
    page.click("#put-back")
    reader.expect("all put back", page.evaluate("[...now.answer]"), whole)
    page.click("#tables summary")
    page.wait_for_selector("#tables table")  # a toggle event comes in a later task
    cells = page.locator("#tables table >> nth=0 >> tbody td").all_inner_texts()
    shown = page.evaluate("[...shownLook()]")
    reader.expect("table of weights", cells, [f"{value:.4f}" for value in shown[1:]])
    reader.shot("tables")


def keys_only(reader):
    page, says = reader.page, reader.page.locator("#says")
    reader.tab_to("#models button")
    reader.press("ArrowRight")
    reader.expect("model by arrows", "835,411" in page.locator("#facts").inner_text())
    reader.press("ArrowLeft")
    reader.tab_to("#theme")
    reader.press("Enter", "Enter")
    reader.tab_to("#tour .primary")
    reader.press("Enter")  # step 2: draw
    reader.expect("tour by Enter", page.evaluate("tour.step"), 1)
    reader.tab_to("#thumbs button:nth-child(4)")
    reader.press("Enter")
    reader.expect("picture by Enter", reader.says(), "4")
    reader.tab_to("#draw")
    reader.press("Enter")
    reader.tab_to("#pad")
    reader.press(*["ArrowUp"] * 2, "Space", *["ArrowDown"] * 12, "Space")
    page.wait_for_function("() => !$('#pad').waiting")
    reader.expect("a 1 drawn by keys", reader.says(), "1")
    reader.tab_to("#clear")
    reader.press("Enter")
    reader.expect("cleared", "Nothing is drawn" in says.inner_text())
    reader.tab_to("#draw", key="Shift+Tab")
    reader.press("Enter")
    reader.tab_to("#picture")
    reader.press("ArrowDown", "ArrowDown", "ArrowRight", "Enter")
    reader.expect("token out by keys", "With 1 of 49" in says.inner_text())
    spoken = page.locator("#spoken").inner_text()
    reader.expect("what is spoken", spoken.startswith("Patch (1, 1) is out. With 1 of"))
    reader.tab_to("#clicks button")
    reader.press("ArrowLeft", "ArrowRight")
    reader.tab_to("#put-back")
    reader.press("Enter")
    reader.tab_to("#map")
    reader.press("Home", "ArrowDown", "ArrowRight")
    spoken = page.locator("#spoken").inner_text()
    reader.expect("weight spoken", spoken.startswith("Patch (0, 1): 0.0"))
    reader.press("Enter")
    reader.expect("weight by Enter", page.locator("#products").count(), 1)
    reader.tab_to("#kinds button")
    reader.press("ArrowLeft", "ArrowRight")
    reader.tab_to("#block")
    reader.press("ArrowLeft", "ArrowLeft")
    reader.expect("block by arrows", page.locator("#block-value").inner_text(), "3")
    reader.tab_to("#head")
    reader.press("ArrowRight")
    reader.expect("head by arrows", page.locator("#head-value").inner_text(), "1")
    reader.tab_to("#tabs button")
    reader.press("ArrowLeft")
    reader.expect("tab by arrow", page.locator("#heads").count(), 1)
    reader.tab_to("#heads button")
    reader.press("Enter", "Shift+Tab")
    reader.press("ArrowLeft")
    reader.tab_to("#depth button")
    reader.press("Enter")
    reader.tab_to("#with-norm")
    reader.press("Space")
    reader.expect("norm by Space", page.evaluate("state.withNorm"), False)
    reader.tab_to("#tables summary")
    reader.press("Enter")
    page.wait_for_selector("#tables table")
    reader.tab_to("#tabs button")
    reader.press("ArrowLeft")
    reader.tab_to("#other")
    reader.press("ArrowDown")
    reader.tab_to("#before")
    reader.press("End")
    where = page.locator("#where").inner_text()
    reader.expect("exchange by End", where.startswith("After the last block"))
    page.wait_for_function("() => /^[✓✗]/.test($('#check').textContent)")
    reader.tab_to("#checked summary")
    reader.press("Enter")
    reader.expect("check by Enter", page.locator("#checked[open]").count(), 1)


def own_pictures(reader):
    page, packed = reader.page, models_of(PAGE.read_text(encoding="utf-8"))[1]
    page.click("#models button >> nth=1")
    table = pq.read_table(
        ROOT / "data" / "drawn-pets" / "test.parquet", columns=["image"]
    )
    png = table["image"][0].as_py()["bytes"]
    turned = Image.new("RGB", (80, 60), "red")
    turned.paste("blue", (40, 0, 80, 60))  # red left, blue right; stands on its side
    exif, jpeg = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6  # as a phone held upright writes it: turn by 90 degrees
    turned.save(jpeg, "JPEG", exif=exif, quality=95)
    files = "#sources input"

    def hand_in(name, kind, content):
        page.set_input_files(files, {"name": name, "mimeType": kind, "buffer": content})
        page.wait_for_function(
            "() => /^(Your|The browser)/.test($('#note').textContent)"
        )
        return page.locator("#note").inner_text()

    reader.expect(
        "note", hand_in("cat.png", "image/png", png)[:21], "Your picture has 96 ×"
    )
    model = unpacked(packed)
    with torch.inference_mode():
        images = reading.inputs([Image.open(io.BytesIO(png))], model, packed)
        wanted = model(images)[0].numpy()
    off = np.abs(page.evaluate("[...now.trace.logits]") - wanted).max()
    reader.expect("logits of an opened picture are PyTorch's", off < 1e-4)
    page.evaluate("$('#note').textContent = ''")
    hand_in("phone.jpg", "image/jpeg", jpeg.getvalue())
    column = page.evaluate(
        "[...now.canvas.getContext('2d').getImageData(24, 0, 1, 48).data]"
    )
    top, bottom = column[4 * 4 : 4 * 4 + 3], column[44 * 4 : 44 * 4 + 3]
    reader.expect("top is red", top[0] > 200 and top[2] < 60)
    reader.expect("bottom is blue", bottom[2] > 200 and bottom[0] < 60)
    reader.shot("own-picture")
    ways = (
        ("paste", "ClipboardEvent", "clipboardData"),
        ("drop", "DragEvent", "dataTransfer"),
    )
    for way, event, field in ways:
        page.click("#thumbs button >> nth=0")
        page.evaluate(
            """async ([way, event, field, content]) => {
              const held = new DataTransfer(), bytes = Uint8Array.from(content);
              held.items.add(new File([bytes], "a.png", { type: "image/png" }));
              document.dispatchEvent(new window[event](way, { [field]: held }));
            }""",
            [way, event, field, list(png)],
        )
        page.wait_for_function("() => state.own")
        off = np.abs(page.evaluate("[...now.trace.logits]") - wanted).max()
        reader.expect(f"logits after {way}", off < 1e-4)
    page.evaluate("$('#note').textContent = ''")
    words = hand_in("notes.txt", "text/plain", b"no picture")
    reader.expect(
        "wrong file", words.startswith("The browser cannot read notes.txt as")
    )
    reader.shot("wrong-file")


def in_a_notebook(reader):
    frame = reader.page.frame_locator("iframe")
    frame.locator("#says b").wait_for()
    reader.expect("pictures in the frame", frame.locator("#thumbs button").count(), 12)
    name = frame.locator("#thumbs button").first.get_attribute("aria-label")
    reader.expect("first picture", name, "your picture")
    reader.shot("notebook")


def without_scripts(reader):
    reader.page.click("summary >> nth=-1")
    frame = reader.page.frame_locator("iframe")
    reader.expect("needs JavaScript", frame.locator("#asleep").is_visible())
    reader.expect("dead tool", frame.locator("main").is_visible(), False)
    rows = reader.page.locator("body > details tr").count()
    reader.expect("rows of the table without scripts", rows, 6)
    expected = "console: Blocked script execution"
    reader.problems = [p for p in reader.problems if not p.startswith(expected)]
    reader.shot("notebook-without-scripts")


def main():
    from playwright.sync_api import Error, sync_playwright

    phone = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2}
    phone |= {"is_mobile": True, "has_touch": True}
    by_night = {"color_scheme": "dark", "reduced_motion": "reduce"}
    program, failed = find_browser(), 0
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        notebook = Path(folder) / "notebook.html"
        picture = np.zeros((40, 30), np.uint8)
        shown = show(ROOT / "data" / "digit-vit", picture)._repr_mimebundle_()
        notebook.write_text(f"<!doctype html>{shown['text/html']}", encoding="utf-8")
        asleep = Path(folder) / "asleep.html"
        text = notebook.read_text(encoding="utf-8")
        asleep.write_text(text.replace("allow-scripts", ""), encoding="utf-8")
        trials = (
            (first_look, {}),
            (levels, {}),
            (dark, by_night),
            (draw_with_mouse, {}),
            (draw_with_finger, phone),
            (tour, {}),
            (tokens, {}),
            (keys_only, {}),
            (own_pictures, {}),
            (in_a_notebook, {"address": notebook.as_uri()}),
            (without_scripts, {"address": asleep.as_uri()}),
        )
        cut = [
            "--host-resolver-rules=MAP * ~NOTFOUND",
            "--disable-background-networking",
        ]
        cut += ["--no-sandbox"] * (os.geteuid() == 0)
        browser = playwright.chromium.launch(executable_path=program, args=cut)
        for trial, options in trials:
            begun = time.monotonic()
            with Reader(browser, **{"address": PAGE.as_uri()} | options) as reader:
                try:
                    reader.page.set_default_timeout(20_000)
                    trial(reader)
                except (
                    Error
                ) as error:  # something that was to be on the page did not come
                    reader.problem(str(error))
                    reader.shot("stuck")
            seconds = time.monotonic() - begun
            verdict = "FAILED" if reader.problems else "passed"
            name = trial.__name__.replace("_", " ")
            print(f"{verdict}  {name}  {seconds:.0f} s", flush=True)
            for problem in reader.problems:
                print(f"        {problem}")
            failed += bool(reader.problems)
        browser.close()
    print(f"explorer: pictures are in {SHOTS.relative_to(ROOT)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.path.append(str(ROOT / "build" / "playwright"))
    sys.exit(main())
