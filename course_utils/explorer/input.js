"use strict";
/* What somebody can do: choose, open, point, press keys, draw. Each of these ends in
   `change` (page.js), which computes and shows. */

/* Choosing: the parts that stay while a model stays */

/** A row of buttons of which one is chosen, as radio buttons are: arrows move the choice. */
function makeSwitch(root, options, choose) {
  const buttons = options.map(([value, text]) =>
    make(
      "button",
      { type: "button", role: "radio", "data-value": value, onclick: () => choose(value) },
      text,
    ),
  );
  root.replaceChildren(...buttons);
  onArrows(root, buttons);
}

/** Let the arrow keys go from button to button and press it. */
function onArrows(root, buttons) {
  root.onkeydown = (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const next =
      buttons[(buttons.indexOf(document.activeElement) + step + buttons.length) % buttons.length];
    next.click();
    next.focus();
  };
}

function mountInput() {
  const { pictures, isGray, model } = now,
    { image_size: side, in_channels: C } = model.sizes;
  $("#thumbs").replaceChildren(
    ...pictures.map((picture, i) =>
      make(
        "button",
        {
          type: "button",
          "aria-label": pictureName(picture, i),
          title: pictureName(picture, i),
          onclick: () => change({ picture: i, own: null, strokes: [], drawing: false }),
        },
        asCanvas(pixelsOf(picture), side, C),
      ),
    ),
  );
  const file = make("input", {
    type: "file",
    accept: "image/*",
    "aria-label": "Open a picture",
    onchange: (e) => openFile(e.target.files[0]),
  });
  const draw = make(
    "button",
    { type: "button", id: "draw", onclick: () => change({ drawing: !state.drawing }) },
    "Draw a digit",
  );
  $("#sources").replaceChildren(
    ...(isGray ? [draw] : []),
    make("span", { class: "file" }, "Open a picture …", file),
  );
  note(
    isGray
      ? ""
      : `Or paste one, or drop it here. The model knows ${now.names.length} classes and names one of them, whatever it sees.`,
  );
}

function mountDials() {
  const { depth, heads } = now.model.sizes;
  $("#block").max = depth - 1;
  $("#head").max = heads - 1;
}

function mountLevel() {
  $("#panel").replaceChildren();
  $("#panel").setAttribute("aria-label", LEVELS[state.level].title);
  LEVELS[state.level].mount($("#panel"));
}

/** Say something below the pictures to choose from. */
function note(text, kind = "") {
  Object.assign($("#note"), { textContent: text, className: kind });
}

/** Read a file as a picture on white, upright, at its full size, and show it. */
async function openFile(file) {
  if (!file) return;
  try {
    const bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
    }); // upright, and its own colors, as Pillow reads it
    const shrink = Math.min(1, Math.sqrt(12e6 / (bitmap.width * bitmap.height))); // what phones can hold
    const [width, height] = [bitmap.width, bitmap.height].map((n) =>
      Math.max(1, Math.round(n * shrink)),
    );
    const canvas = make("canvas", { width, height }),
      pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, width, height);
    pen.drawImage(bitmap, 0, 0, width, height);
    const { data } = pen.getImageData(0, 0, width, height),
      pixels = new Uint8ClampedArray(width * height * 3);
    for (let i = 0, j = 0; j < data.length; i += 3, j += 4) pixels.set(data.subarray(j, j + 3), i);
    const { image_size: side } = now.model.sizes;
    note(
      `Your picture has ${bitmap.width} × ${bitmap.height} pixels; the model gets ${side} × ${side}. It stays on this device.`,
    );
    change({ own: { pixels, width, height, channels: 3 }, strokes: [], drawing: false });
  } catch {
    note(
      `The browser cannot read ${file.name || "this"} as a picture; save it as PNG or JPEG and open that.`,
      "alarm",
    );
  }
}

/* Pointing, clicking and keys on the two squares */

function placeUnder(event, square) {
  const box = square.firstElementChild.getBoundingClientRect(),
    { layout } = now;
  return layout.at(
    ((event.clientX - box.left) / box.width) * layout.width,
    ((event.clientY - box.top) / box.height) * layout.height,
  );
}

/** Take a patch's token out, or put it back. */
function toggle(place) {
  if (!place) return speak("The class token cannot be taken out, because the head reads it.");
  const removed = new Set(state.removed),
    n = place - 1;
  if (!removed.delete(n)) removed.add(n);
  change({ removed });
  speak(
    `${placeName(place, true)} is ${removed.has(n) ? "out" : "back"}. ${$("#says").textContent}`,
  );
}

/** The place one step from another in the direction of an arrow key. */
function neighbor(place, key) {
  const { grid } = now,
    n = place - 1;
  if (key === "Home") return 0;
  if (!place) return key === "ArrowDown" || key === "ArrowRight" ? 1 : 0;
  if (key === "ArrowUp") return n < grid ? 0 : place - grid;
  if (key === "ArrowDown") return n + grid < grid * grid ? place + grid : place;
  if (key === "ArrowLeft") return n % grid ? place - 1 : place;
  return n % grid < grid - 1 ? place + 1 : place;
}

const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight", "Home"];
let cursor = 0; // the place that the keys have reached in the picture

function listen() {
  const picture = $("#picture"),
    map = $("#map");
  picture.addEventListener("pointermove", (event) => {
    if (event.pointerType === "touch") return;
    const hover = placeUnder(event, picture);
    if (hover !== state.hover) change({ hover });
  });
  picture.addEventListener("pointerleave", () => state.hover != null && change({ hover: null }));
  picture.addEventListener("click", (event) => {
    const place = placeUnder(event, picture);
    if (place == null) return;
    cursor = place;
    if (state.click === "take" && place) toggle(place);
    else if (now.trace.places.includes(place)) change({ query: place });
  });
  picture.addEventListener("keydown", (event) => {
    if (ARROWS.includes(event.key)) {
      cursor = neighbor(cursor, event.key);
      if (now.trace.places.includes(cursor)) change({ query: cursor, hover: null });
      speak(
        now.trace.places.includes(cursor)
          ? `${placeName(cursor, true)} looks.`
          : `${placeName(cursor, true)} is out.`,
      );
    } else if (event.key === "Enter" || event.key === " " || event.key === "Delete") toggle(cursor);
    else return;
    event.preventDefault();
  });
  map.addEventListener("pointermove", (event) => {
    const pointed = placeUnder(event, map);
    if (pointed !== state.pointed) change({ pointed });
  });
  map.addEventListener("pointerleave", () => change({ pointed: null }));
  map.addEventListener("click", (event) => {
    const key = placeUnder(event, map);
    if (now.trace.places.includes(key))
      change({ key, level: "product", head: Math.max(state.head, 0), kind: "attention" });
  });
  map.addEventListener("keydown", (event) => {
    if (ARROWS.includes(event.key)) {
      const key = neighbor(state.pointed ?? state.key, event.key);
      change({ key, pointed: key });
      speak(`${placeName(key, true)}: ${shownLook()[key].toPrecision(3)}`);
    } else if (event.key === "Enter" || event.key === " ")
      change({ level: "product", head: Math.max(state.head, 0), kind: "attention" });
    else return;
    event.preventDefault();
  });
  map.addEventListener("blur", () => change({ pointed: null }));
  $("#block").addEventListener("input", (event) => change({ block: +event.target.value }));
  $("#head").addEventListener("input", (event) => change({ head: +event.target.value }));
  $("#tables").addEventListener("toggle", () => $("#tables").open && showTables());
  document.addEventListener("paste", (event) =>
    openFile([...event.clipboardData.files].find((file) => file.type.startsWith("image/"))),
  );
  document.addEventListener(
    "dragover",
    (event) => (event.preventDefault(), document.body.classList.add("dropping")),
  );
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    openFile(event.dataTransfer.files[0]);
  });
  new ResizeObserver(() =>
    requestAnimationFrame(() => $("#from").clientWidth !== now.layout.width && show()),
  ).observe($("#trio"));
  listenToPen();
}

/* Drawing */

const hand = { x: 0.5, y: 0.3, down: false }; // the pen that the keys move

function listenToPen() {
  const pad = $("#pad");
  let stroke = null;
  const point = (event) => {
    const box = pad.firstElementChild.getBoundingClientRect(),
      { width, height, strip } = now.layout;
    return [
      (event.clientX - box.left) / box.width,
      (((event.clientY - box.top) / box.height) * height - strip) / width,
    ];
  };
  const draw = () => change({ strokes: [...state.strokes], own: null });
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    stroke = [point(event)];
    state.strokes.push(stroke);
    draw();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!stroke) return;
    const between = event.getCoalescedEvents?.() ?? []; // what came since the last picture
    stroke.push(...(between.length ? between : [event]).map(point));
    if (!pad.waiting) pad.waiting = requestAnimationFrame(() => ((pad.waiting = 0), draw()));
  });
  for (const end of ["pointerup", "pointercancel"])
    pad.addEventListener(end, () => (stroke = null));
  pad.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[
      event.key
    ];
    if (step) {
      [hand.x, hand.y] = [hand.x + step[0] * 0.05, hand.y + step[1] * 0.05].map((v) =>
        Math.min(Math.max(v, 0.04), 0.96),
      );
      if (hand.down) state.strokes.at(-1).push([hand.x, hand.y]);
    } else if (event.key === " ") {
      hand.down = !hand.down;
      if (hand.down) state.strokes.push([[hand.x, hand.y]]);
      speak(hand.down ? "Pen down." : `Pen up. ${$("#says").textContent}`);
    } else if (event.key === "Delete" || event.key === "Backspace") clearPad();
    else return;
    event.preventDefault();
    if (state.strokes.length) draw();
    else show();
  });
  for (const turn of ["focus", "blur"]) pad.addEventListener(turn, show);
}

function clearPad() {
  hand.down = false;
  change({ strokes: [] });
}
