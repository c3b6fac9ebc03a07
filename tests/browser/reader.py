"""Somebody who reads the explorer's page in a browser, and what goes wrong there."""

from course_utils.session import ROOT

SHOTS = ROOT / "build" / "explorer"
# A 3 in shares of the drawing pad.
THREE = ((0.3, 0.25), (0.5, 0.15), (0.68, 0.3), (0.45, 0.47), (0.7, 0.62), (0.5, 0.85))
THREE += ((0.28, 0.75),)
WHEN_SHOWN = """new MutationObserver((_, observer) => {
  if (!document.querySelector("#says b")) return;
  window.shownAt = performance.now();
  observer.disconnect();
}).observe(document, { childList: true, subtree: true });"""
# Texts whose contrast with what lies behind them is below 4.5 (WCAG 2.2, AA).
PALE = """() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) =>
    0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const behind = (element) => {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(e).backgroundColor);
      if (a) layers.push([r, g, b, a]);
      if (a === 1) break;
    }
    return layers.reverse().reduce((under, [r, g, b, a]) =>
      [r, g, b].map((v, i) => a * v + (1 - a) * under[i]), [255, 255, 255]);
  };
  return [...document.querySelectorAll("body *")].filter((element) => {
    const words = [...element.childNodes].some(
      (node) => node.nodeType === 3 && node.data.trim());
    const unseen = !element.checkVisibility() || element.closest(":disabled");
    if (!words || unseen || /SCRIPT|STYLE|OPTION/.test(element.tagName)) return false;
    const ink = parse(getComputedStyle(element).color);
    const both = [behind(element), ink].map(luminance);
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05) < 4.5;
  }).map((element) => element.textContent.trim().slice(0, 40));
}"""


class Reader:
    """Somebody with a browser of some kind, and what went wrong for them."""

    def __init__(self, browser, address, **options):
        options = {"viewport": {"width": 1280, "height": 900}} | options
        self.context = browser.new_context(**options)
        self.context.set_offline(True)
        self.page, self.problems, self.address = self.context.new_page(), [], address
        self.context.on("request", self.asked)
        self.page.on(
            "console", lambda message: self.problem(f"console: {message.text}")
        )
        self.page.on("pageerror", lambda error: self.problem(f"error: {error}"))
        self.page.add_init_script(WHEN_SHOWN)

    def __enter__(self):
        self.page.goto(self.address)
        self.page.wait_for_function("() => document.querySelector('#says b, iframe')")
        return self

    def __exit__(self, *_):
        self.context.close()

    def asked(self, request):
        if request.url != self.address and not request.url.startswith(
            ("data:", "blob:")
        ):
            self.problem(f"asks for {request.url}")

    def problem(self, words):
        self.problems.append(words)

    def expect(self, what, found, wanted=True):
        if found != wanted:
            self.problem(f"{what}: {found!r}, not {wanted!r}")

    def says(self):
        return self.page.locator("#says b").inner_text()

    def shot(self, name):
        self.page.screenshot(path=SHOTS / f"{name}.png", full_page=True)

    def tab_to(self, selector, key="Tab"):
        """Press Tab until something has the focus; say if it cannot be reached."""
        for _ in range(150):
            self.page.keyboard.press(key)
            if self.page.evaluate("s => document.activeElement.matches(s)", selector):
                return
        self.problem(f"Tab never comes to {selector}")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def pad_points(self):
        box = self.page.locator("#pad canvas").bounding_box()
        strip = box["height"] - box["width"]  # the row above the pad itself
        side, left, top = box["width"], box["x"], box["y"] + strip
        return [(left + side * x, top + side * y) for x, y in THREE]
