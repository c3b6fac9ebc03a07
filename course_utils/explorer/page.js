"use strict";
/* The page itself: what somebody chose (`state`), what the model makes of it (`now`), and
   how both are shown. Every choice goes through `change`, which computes what has to be
   computed again and shows everything anew. */

const $ = (selector) => document.querySelector(selector);
const range = (n) => [...Array(n).keys()];
const best = (values) => values.indexOf(Math.max(...values));
const spread = (x) => Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length);
const signed = (x) => (x <= -0.005 ? "−" : "") + Math.abs(x).toFixed(2);
const headName = (head) => (head < 0 ? "mean" : `head ${head}`);
const track = (part) =>
  make("span", { class: "track" }, make("i", { style: `width:${(100 * part).toFixed(2)}%` }));

// Where a mouse can look by pointing, a click is free for taking out.
const USUAL_CLICK = matchMedia("(hover: hover)").matches ? "take" : "look";
const packed = JSON.parse($("#models-data").textContent);
const state = {
  model: 0, // which of the packed models
  picture: 0, // which of its pictures; -1 is one of the reader's own
  own: null, // that picture: { pixels, height, width, channels }
  drawing: false,
  strokes: [],
  query: 0,
  key: 1, // places: 0 is the class token, n is patch n - 1
  hover: null, // the place under the mouse, which looks for as long as it is there
  block: 0,
  head: -1,
  kind: "attention", // head -1 is the mean of all heads
  click: USUAL_CLICK,
  removed: new Set(), // patches whose tokens were taken out
  level: "model",
  withNorm: true,
  other: 1,
  before: 0,
};
let now = {};

const query = () => (now.trace.places.includes(state.hover) ? state.hover : state.query);

/* Computing */

/** Take over choices, compute what depends on them, and show everything. */
function change(choices, { fresh = false } = {}) {
  const before = { ...state };
  Object.assign(state, choices);
  if (typeof state.model === "string") state.model = modelFor(state.model, before.model);
  const newModel = state.model !== before.model || !now.model;
  if (newModel) enterModel("block" in choices ? choices.block : null);
  if (!now.isGray) state.drawing = false;
  if (state.level === "product") {
    // a mean of heads has no query and no key
    state.head = Math.max(state.head, 0);
    state.kind = "attention";
  }
  const newPicture = ["picture", "own", "strokes"].some((name) => name in choices);
  if (newModel || newPicture) readPicture();
  if (fresh) state.removed = new Set();
  if (newModel || newPicture || fresh || "removed" in choices) think();
  if (newModel || "withNorm" in choices) readLens();
  if (newModel || state.level !== before.level) mountLevel();
  show();
  if (newModel && $("#tour h2")) showTour(); // it names numbers of the model
}

/** The number of a model for gray or for colored pictures; the present one, if it fits. */
function modelFor(kind, present) {
  const fits = ({ sizes }) => (sizes.in_channels === 1) === (kind === "gray");
  if (fits(packed[present])) return present;
  return Math.max(packed.findIndex(fits), 0);
}

function modelOf(number) {
  return (packed[number].model ??= unpack(packed[number]));
}

function enterModel(block) {
  const model = modelOf(state.model),
    { image_size: side, patch_size: P, depth, in_channels: C } = model.sizes;
  now = { model, pictures: model.pictures, names: model.classes, grid: side / P, isGray: C === 1 };
  const fresh = {
    picture: 0,
    own: null,
    strokes: [],
    removed: new Set(),
    query: 0,
    hover: null,
    before: 0,
  };
  const other = Math.min(1, model.pictures.length - 1),
    middle = Math.floor(now.grid / 2),
    key = 1 + middle * now.grid + middle;
  const head = Math.min(state.head, model.sizes.heads - 1);
  Object.assign(state, fresh, { other, key, head, block: block ?? depth - 1 });
  const { heads } = model.sizes;
  const name = packed.length < 2 ? `${model.name}: ` : "";
  $("#facts").textContent =
    `${name}${model.parameters.toLocaleString("en")} parameters, ${depth} blocks of ${heads} heads, ${now.grid ** 2} patches of ${P} × ${P} pixels`;
  mountInput();
  mountDials();
}

/** A bundled picture, or any other, as pixels of the model's size. */
function pixelsOf(picture) {
  const pixels = typeof picture.pixels === "string" ? bytes(picture.pixels) : picture.pixels;
  return fitted({ ...picture, pixels }, now.model);
}

function readPicture() {
  const { image_size: side, in_channels: C } = now.model.sizes;
  const picture = state.own ?? now.pictures[state.picture];
  const pixels = state.strokes.length ? digit(state.strokes, side) : pixelsOf(picture);
  now.image = normalized(pixels, now.model);
  now.canvas = asCanvas(pixels, side, C);
  now.label = state.strokes.length || state.own ? null : picture.label;
  state.removed = new Set();
}

/** Run the model on the picture, with the tokens that are left. */
function think() {
  const started = performance.now();
  now.trace = forward(now.model, now.image, state.removed);
  now.milliseconds = performance.now() - started;
  if (!state.removed.size) now.whole = now.trace;
  if (!now.trace.places.includes(state.query)) state.query = 0;
  now.rolled = rollout(now.trace.blocks, now.model.sizes.heads);
  now.answer = softmax(now.trace.logits.slice());
  readLens();
}

function readLens() {
  now.lens = now.trace.tokens.map((x) => softmax(readOut(now.model, x, state.withNorm)));
}

/** What a token looks at: a weight for each place, NaN where no token is left. */
function lookOf(block, head, place = query()) {
  const { places, blocks } = now.trace,
    T = places.length,
    { heads } = now.model.sizes;
  const row = places.indexOf(place),
    look = new Float32Array(now.grid ** 2 + 1).fill(NaN);
  const used = head < 0 ? range(heads) : [head];
  places.forEach((other, j) => {
    look[other] =
      used.reduce((sum, a) => sum + blocks[block].weights[(a * T + row) * T + j], 0) / used.length;
  });
  return look;
}

/** The same for what the map shows, which may be rollout. */
function shownLook() {
  if (state.kind === "attention") return lookOf(state.block, state.head);
  const { places } = now.trace,
    T = places.length,
    row = places.indexOf(query());
  const look = new Float32Array(now.grid ** 2 + 1).fill(NaN);
  places.forEach((other, j) => (look[other] = now.rolled[row * T + j]));
  return look;
}

/** The second picture of the exchange, as the model sees it. */
function otherTrace() {
  const picture = now.pictures[state.other];
  if (picture.trace) return picture.trace;
  const pixels = pixelsOf(picture),
    { image_size: side, in_channels: C } = now.model.sizes;
  const whole = forward(now.model, normalized(pixels, now.model));
  return (picture.trace = { ...whole, canvas: asCanvas(pixels, side, C) });
}

/* Showing */

function placeName(place, capital = false) {
  const text = place
    ? `patch (${Math.floor((place - 1) / now.grid)}, ${(place - 1) % now.grid})`
    : "the class token";
  return capital ? text[0].toUpperCase() + text.slice(1) : text;
}

function pictureName({ title, label }, number, names = now.names) {
  return title || (label == null ? `picture ${number + 1}` : names[label]);
}

function show() {
  const style = getComputedStyle(document.documentElement);
  now.look = Object.fromEntries(
    ["ink", "soft", "panel", "query", "accent"].map((name) => [
      name,
      style.getPropertyValue(`--${name}`).trim(),
    ]),
  );
  document.querySelectorAll("#models button").forEach((b, i) => check(b, i === state.model));
  document
    .querySelectorAll("#thumbs button")
    .forEach((b, i) =>
      b.setAttribute("aria-pressed", !state.strokes.length && !state.own && i === state.picture),
    );
  showFrom();
  showTo();
  showAnswer();
  document.querySelectorAll("#tabs button").forEach((tab) => {
    tab.setAttribute("aria-selected", tab.dataset.level === state.level);
    tab.tabIndex = tab.dataset.level === state.level ? 0 : -1;
  });
  LEVELS[state.level].update($("#panel"));
  if ($("#tables").open) showTables();
}

/** Mark one of several radio buttons; Tab stops only at the chosen one. */
function check(button, chosen) {
  button.setAttribute("aria-checked", chosen);
  button.tabIndex = chosen ? 0 : -1;
}

function showFrom() {
  const { removed, drawing, click } = state,
    layout = (now.layout = new Layout(Math.max($("#from").clientWidth, 120), now.grid));
  $("#trio").classList.toggle("drawing", drawing);
  $("#pad").hidden = !drawing;
  $("#picture").hidden = drawing;
  $("#from-title").textContent = drawing
    ? "Draw here"
    : `The picture in ${now.grid} × ${now.grid} patches`;
  $("#from-help").textContent = drawing
    ? "Mouse, finger or keys. The small picture is what the model gets."
    : click === "take"
      ? "Point at a patch to look from it. A click takes its token out, or puts it back."
      : "Choose the patch, or the class token, that looks.";
  if (drawing) showPad();
  else {
    const pen = drawPicture($("#picture canvas"), layout, now.canvas, removed, now.look);
    frame(pen, layout, query(), now.look.query);
  }
  const name = pictureName(now.pictures[state.picture], state.picture);
  $("#picture").setAttribute(
    "aria-label",
    `${state.own ? "Your picture" : state.strokes.length ? "Your drawing" : `Picture of ${name}`} in ${now.grid} by ${now.grid} patches. Arrow keys choose the token that looks, Home the class token, Enter takes a token out or puts it back.`,
  );
  $("#clicks")?.toggleAttribute("hidden", drawing);
  document.querySelectorAll("#clicks button").forEach((b) => check(b, b.dataset.value === click));
  const back = $("#put-back");
  back.hidden = drawing || !removed.size;
  back.textContent = `Put ${removed.size === 1 ? "it" : `all ${removed.size}`} back`;
  $("#clear").hidden = !drawing;
  const draw = $("#draw");
  if (draw) draw.textContent = drawing ? "See it in patches" : "Draw a digit";
}

function showPad() {
  const { width, height, strip } = now.layout,
    pen = penOn($("#pad canvas"), width, height);
  const side = width * 0.995;
  pen.fillStyle = now.look.soft;
  pen.font = "14px system-ui, sans-serif";
  pen.textBaseline = "middle";
  if (state.strokes.length) {
    pen.imageSmoothingEnabled = false;
    pen.drawImage(now.canvas, 0, 0, strip - 4, strip - 4);
    const top = best(now.answer);
    pen.fillText(`${now.names[top]}, ${share(now.answer[top])}`, strip + 6, strip / 2);
  }
  pen.translate(0, strip);
  pen.fillStyle = "#000";
  pen.fillRect(0, 0, width, width);
  pen.strokeStyle = pen.fillStyle = "#fff";
  if (!state.strokes.length) {
    pen.fillStyle = "#bbb";
    pen.textAlign = "center";
    pen.fillText("a digit, as large as you like", width / 2, width / 2);
  }
  Object.assign(pen, { lineWidth: side * 0.08, lineCap: "round", lineJoin: "round" });
  for (const stroke of state.strokes) {
    pen.beginPath();
    stroke.forEach(([x, y], i) =>
      i ? pen.lineTo(x * side, y * side) : pen.moveTo(x * side, y * side),
    );
    if (stroke.length === 1) pen.lineTo(stroke[0][0] * side + 0.01, stroke[0][1] * side);
    pen.stroke();
  }
  if ($("#pad").matches(":focus-visible")) {
    // where the pen of the keyboard is
    pen.lineWidth = 2;
    pen.strokeStyle = now.look.query;
    pen.beginPath();
    pen.arc(hand.x * side, hand.y * side, hand.down ? 5 : 10, 0, 7);
    pen.stroke();
  }
}

function showTo() {
  const { kind, block, head, key } = state,
    { model } = now,
    look = shownLook();
  const pen = drawMap($("#map canvas"), now.layout, look, now.look);
  frame(pen, now.layout, query(), now.look.query);
  if (state.level === "product")
    frame(
      pen,
      now.layout,
      now.trace.places.includes(key) ? key : now.trace.places.at(-1),
      now.look.accent,
      true,
    );
  const who = placeName(query());
  const token = make("b", { class: "query" }, who);
  $("#to-title").replaceChildren(
    ...(kind === "rollout" ? ["What ", token, " holds in the end"] : ["Where ", token, " looks"]),
  );
  const heads = head < 0 ? `mean of ${model.sizes.heads} heads` : headName(head);
  const where = kind === "rollout" ? "Rollout through all blocks" : `Block ${block}, ${heads}`;
  const at = state.pointed;
  $("#to-help").textContent =
    at != null && look[at] >= 0
      ? `${where}. ${placeName(at, true)}: ${look[at].toPrecision(3)}`
      : `${where}. The weights sum to 1.`;
  $("#map").setAttribute(
    "aria-label",
    `Map of weights: where ${who} looks. ${where}. Arrow keys choose the token that is looked at, Enter shows its weight made from numbers.`,
  );
  document.querySelectorAll("#kinds button").forEach((b) => check(b, b.dataset.value === kind));
  $("#block").value = block;
  $("#block-value").textContent = block;
  $("#head").min = state.level === "product" ? 0 : -1;
  $("#head").value = head;
  $("#head-value").textContent = head < 0 ? "mean" : head;
  $("#head").setAttribute("aria-valuetext", headName(head));
  $("#block").disabled = $("#head").disabled = kind === "rollout";
  const even = 1 / now.trace.places.length,
    left = 100 * Math.sqrt(even);
  $("#legend em").style.left = `${left}%`;
  $("#legend small").style.left = `calc(${Math.min(left, 45)}% - 4px)`;
  $("#legend small").textContent = `an even look, 1/${now.trace.places.length} = ${share(even)}`;
}

function showAnswer() {
  const { names, answer, whole, label } = now,
    top = best(answer),
    first = softmax(whole.logits.slice());
  const few = names.length <= 10,
    order = few
      ? range(names.length)
      : [...answer.keys()].sort((a, b) => answer[b] - answer[a]).slice(0, 7);
  const changed = state.removed.size > 0,
    says = $("#says");
  const empty = state.drawing && !state.strokes.length;
  const out = empty
    ? "Nothing is drawn yet. Of the picture chosen above it"
    : changed ? `With ${state.removed.size} of ${now.grid ** 2} patches out, it` : "It";
  const truth =
    label == null ? "" : label === top ? " That is right." : ` The label says ${names[label]}.`;
  says.replaceChildren(
    `${out} says `,
    make("b", {}, names[top]),
    ` with probability ${share(answer[top])}.`,
    truth,
  );
  const bars = $("#bars");
  bars.className = names.every((name) => name.length < 3) ? "digits" : "";
  bars.replaceChildren(
    ...order.map((k) => {
      const bar = track(answer[k]);
      if (changed)
        bar.append(
          make("u", {
            style: `left:${100 * first[k]}%`,
            title: `${share(first[k])} with all tokens`,
          }),
        );
      return make(
        "div",
        { class: k === top ? "row best" : "row" },
        make("span", {}, names[k]),
        bar,
        make("span", {}, share(answer[k])),
      );
    }),
  );
  const scope = few ? "" : `The ${order.length} most likely of ${names.length} classes. `;
  $("#remark").textContent =
    scope + (changed ? "The upright lines show the probabilities with all tokens." : "");
}

/** A table whose first column names the rows. */
function table(caption, head, rows) {
  const th = (scope, text) => make("th", { scope }, text);
  const body = rows.map(([first, ...rest]) =>
    make("tr", {}, th("row", first), ...rest.map((text) => make("td", {}, text))),
  );
  return make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...head.map((text) => th("col", text)))),
    make("tbody", {}, ...body),
  );
}

/** Tables for those who do not see the pictures, or want the digits. */
function showTables() {
  const look = shownLook(),
    { names, answer } = now;
  const number = (weight) => (Number.isNaN(weight) ? "out" : weight.toFixed(4));
  const order = [...answer.keys()].sort((a, b) => answer[b] - answer[a]).slice(0, 10);
  $("#tables > div").replaceChildren(
    table(
      `${$("#to-title").textContent}: ${$("#to-help").textContent} The class token gets ${number(look[0])}.`,
      ["row of patches", ...range(now.grid).map((c) => `column ${c}`)],
      range(now.grid).map((r) => [
        `row ${r}`,
        ...range(now.grid).map((c) => number(look[1 + r * now.grid + c])),
      ]),
    ),
    table(
      "Answer",
      ["class", "probability"],
      order.map((k) => [names[k], answer[k].toFixed(4)]),
    ),
    table(
      "Logit lens: what the head would answer",
      ["depth", "class", "probability"],
      now.lens.map((p, i) => [
        i ? `after block ${i - 1}` : "before block 0",
        names[best(p)],
        p[best(p)].toFixed(4),
      ]),
    ),
  );
}

/** Say something to a screen reader. */
const speak = (text) => ($("#spoken").textContent = text);

/* Checking itself */

/** Compare the logits of all bundled pictures with PyTorch's, a picture at a time. */
async function checkItself() {
  const rows = [];
  for (const number of packed.keys()) {
    const model = modelOf(number);
    for (const [i, picture] of model.pictures.entries()) {
      await new Promise((resolve) => setTimeout(resolve, 15)); // let the reader go first
      const pixels = fitted({ ...picture, pixels: bytes(picture.pixels) }, model);
      const { logits } = forward(model, normalized(pixels, model));
      const off = Math.max(...logits.map((x, k) => Math.abs(x - picture.logits[k])));
      const top = best(logits),
        name = pictureName(picture, i, model.classes);
      rows.push([model.name, name, model.classes[top], logits[top].toFixed(4), off]);
    }
  }
  const largest = Math.max(...rows.map((row) => row.at(-1)));
  const rounding = Math.max(...packed.map((one) => one.rounding));
  const power = (x) => x.toExponential(1).replace("-", "−");
  $("#check").textContent = [
    largest < 1e-4 ? "✓ Checked just now:" : "✗ This page computes something else than PyTorch:",
    `on ${rows.length} bundled pictures, its logits differ from PyTorch's by at most`,
    `${power(largest)}, with the same weights. Rounding the weights`,
    `has moved the logits by at most ${Number(rounding.toPrecision(1))}.`,
    `The last answer took ${now.milliseconds.toFixed(0)} ms.`,
  ].join(" ");
  $("#checked").hidden = false;
  $("#checked > div").replaceChildren(
    table(
      "The largest logit of each picture, and how far its logits are from PyTorch's at most",
      ["model", "picture", "says", "logit", "off by"],
      rows.map(([model, name, says, logit, off]) => [model, name, says, logit, power(off)]),
    ),
  );
}

/* Beginning */

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  $("#theme").textContent = theme === "dark" ? "Light page" : "Dark page";
  if (now.model) show();
}

// Who made the pictures of a data set that is not the course's own.
const MAKERS = {
  mnist: "The digits are a part of MNIST by Yann LeCun and Corinna Cortes (CC BY-SA 3.0).",
};

function begin() {
  document.documentElement.classList.remove("asleep");
  // in a notebook, the title stands above already
  document.documentElement.classList.toggle("framed", window.parent !== window);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  $("#theme").addEventListener("click", () =>
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  );
  makeSwitch(
    $("#models"),
    packed.map((one, i) => [i, one.name]),
    (i) => change({ model: +i }),
  );
  $("#models").hidden = packed.length < 2;
  makeSwitch(
    $("#kinds"),
    [
      ["attention", "Attention"],
      ["rollout", "Rollout"],
    ],
    (kind) => change({ kind }),
  );
  const clicks = make("div", {
    class: "switch",
    role: "radiogroup",
    id: "clicks",
    "aria-label": "What a click on a patch does",
  });
  makeSwitch(
    clicks,
    [
      ["look", "Look from it"],
      ["take", "Take it out"],
    ],
    (click) => change({ click }),
  );
  $("#from-actions").append(
    clicks,
    make("button", {
      type: "button",
      id: "put-back",
      onclick: () => change({ removed: new Set() }),
    }),
    make("button", { type: "button", id: "clear", onclick: clearPad }, "Clear"),
  );
  const tabs = Object.entries(LEVELS).map(([level, { title }]) =>
    make(
      "button",
      {
        type: "button",
        role: "tab",
        "aria-controls": "panel",
        "data-level": level,
        onclick: () => change({ level }),
      },
      title,
    ),
  );
  $("#tabs").append(...tabs);
  onArrows($("#tabs"), tabs);
  const marks = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 1];
  $("#legend").append(
    make("i", { style: `background:linear-gradient(90deg,${CIVIDIS})` }),
    make("em"),
    make("small"),
    ...marks.map((mark) =>
      make(
        "span",
        {
          class: mark === 1 ? "end" : mark === 0.01 || mark === 0.1 ? "minor" : "",
          style: `left:${100 * Math.sqrt(mark)}%`,
        },
        String(mark).replace("0.", "."),
      ),
    ),
  );
  const makers = new Set(packed.map((one) => MAKERS[one.pictures_from] ?? ""));
  $("#makers").textContent = [...makers].join(" ");
  listen();
  change({});
  showTour();
  setTimeout(checkItself, 400);
}

begin();
