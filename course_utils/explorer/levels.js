"use strict";
/* The panel below the picture: the model, one block, one weight, two pictures. Each level
   has `mount`, which makes its parts, and `update`, which fills in numbers. Both read
   what page.js holds: `state`, what somebody chose, and `now`, what the model made of it. */

const LEVELS = {
  model: { title: "All blocks", mount: mountModel, update: updateModel },
  block: { title: "One block", mount: mountBlock, update: updateBlock },
  product: { title: "One weight", mount: mountProduct, update: updateProduct },
  pair: { title: "Two pictures", mount: mountPair, update: updatePair },
};

const SMALL = 100; // width that small maps are drawn at

/* All blocks: where a token looks in each, and what the head would answer after each. */

function mountModel(panel) {
  const { depth } = now.model.sizes;
  const columns = `minmax(var(--name), 100px) repeat(${depth + 1}, minmax(var(--cell), 108px))`;
  const grid = make("div", {
    class: "depth",
    id: "depth",
    style: `grid-template-columns: ${columns}`,
  });
  const choose = (block) => change({ block, kind: "attention" });
  grid.append(
    make("span", { class: "rowname", id: "looks" }),
    make("div", { class: "tokens" }, make("canvas", { id: "tokens", role: "img" }), "tokens"),
    ...range(depth).map((b) =>
      make(
        "button",
        { type: "button", onclick: () => choose(b), "data-block": b },
        make("canvas"),
        `block ${b}`,
      ),
    ),
  );
  const norm = make("input", {
    type: "checkbox",
    id: "with-norm",
    onchange: (e) => change({ withNorm: e.target.checked }),
  });
  panel.append(
    make(
      "p",
      {},
      "From left to right, tokens pass through the blocks. Above, where one token looks in each block. Below, the ",
      make("b", {}, "logit lens"),
      ": what the head would answer if it read the class token at this depth already.",
    ),
    make("div", { class: "scroll" }, grid),
    make(
      "p",
      { class: "fine" },
      make("label", {}, norm, " read through the last norm, as the model does at its end"),
    ),
  );
}

function updateModel(panel) {
  const { model, trace, names } = now,
    grid = panel.querySelector("#depth");
  const layout = new Layout(SMALL, now.grid, true);
  panel.querySelector("#with-norm").checked = state.withNorm;
  panel.querySelector("#looks").textContent = `where ${placeName(query())} looks`;
  const tokens = panel.querySelector("#tokens");
  drawNumbers(tokens, trace.tokens[0], model.sizes.dim, 2 * spread(trace.tokens[0]));
  tokens.setAttribute(
    "aria-label",
    `The ${trace.places.length} tokens before the first block, a row of ${model.sizes.dim} numbers each.`,
  );
  for (const button of grid.querySelectorAll("button")) {
    const block = +button.dataset.block;
    drawMap(button.firstChild, layout, lookOf(block, state.head), now.look);
    button.setAttribute("aria-pressed", block === state.block);
    button.setAttribute(
      "aria-label",
      `Block ${block}, the head would answer ${names[best(now.lens[block + 1])]} after it. Show its attention.`,
    );
  }
  grid.querySelectorAll(".lens").forEach((cell) => cell.remove());
  const shown = lensClasses();
  grid.append(make("span", { class: "rowname lens" }, "the head would answer"));
  for (const p of now.lens)
    grid.append(make("span", { class: "top lens" }, make("b", {}, names[best(p)])));
  for (const k of shown) {
    grid.append(make("span", { class: "rowname lens" }, names[k]));
    for (const p of now.lens) {
      const color = colorOf(p[k]);
      grid.append(
        make(
          "span",
          { class: "cell lens", style: `background:${css(color)};color:${inkOn(color)}` },
          share(p[k]).replace("0.", "."),
        ),
      );
    }
  }
}

/** The classes worth a row: the model's first three, and what it took it for on the way. */
function lensClasses() {
  const final = now.lens.at(-1),
    order = [...final.keys()].sort((a, b) => final[b] - final[a]);
  const onTheWay = now.lens.slice(1, -1).reverse().map(best);
  return [...new Set([...order.slice(0, 3), ...onTheWay])].slice(0, 5);
}

/* One block: all its heads, the whole matrix of weights, and the residual stream. */

function mountBlock(panel) {
  const { heads } = now.model.sizes;
  const matrix = make("canvas", { id: "matrix", role: "img", onclick: pickPair });
  const choose = (head) => change({ head, kind: "attention" });
  panel.append(
    make(
      "p",
      {},
      "Each head has weights of its own. The square on the left holds all of them for one head: a row is a token that looks, a column a token that is looked at. Click a cell to see its weight made from numbers.",
    ),
    make(
      "div",
      { class: "two" },
      make("div", {}, matrix, make("p", { class: "fine", id: "matrix-title" })),
      make(
        "div",
        {},
        make(
          "div",
          { class: "heads", id: "heads" },
          ...[...range(heads), -1].map((head) =>
            make(
              "button",
              { type: "button", "data-head": head, onclick: () => choose(head) },
              make("canvas"),
              headName(head),
            ),
          ),
        ),
        make("div", { class: "stream", id: "stream" }),
        make(
          "p",
          { class: "fine" },
          "The bars show how long each vector is at this token. Attention and MLP only add to ",
          make("code", {}, "x"),
          ".",
        ),
      ),
    ),
  );
}

function pickPair(event) {
  const box = event.target.getBoundingClientRect(),
    { places } = now.trace;
  const at = (share) => places[Math.min(Math.floor(share * places.length), places.length - 1)];
  change({
    query: at((event.clientY - box.top) / box.height),
    key: at((event.clientX - box.left) / box.width),
    head: Math.max(state.head, 0),
    level: "product",
  });
}

function updateBlock(panel) {
  const { places, blocks, tokens } = now.trace,
    T = places.length,
    { dim: D } = now.model.sizes;
  const canvas = panel.querySelector("#matrix"),
    data = new ImageData(T, T),
    row = places.indexOf(query());
  places.forEach((place, i) =>
    lookOf(state.block, state.head, place).forEach((weight, other) => {
      const j = places.indexOf(other);
      if (j >= 0) data.data.set([...colorOf(weight), 255], 4 * (i * T + j));
    }),
  );
  Object.assign(canvas, { width: T, height: T });
  canvas.getContext("2d").putImageData(data, 0, 0);
  canvas.setAttribute(
    "aria-label",
    `Attention weights of block ${state.block}, ${headName(state.head)}, ${T} by ${T}.`,
  );
  panel.querySelector("#matrix-title").textContent =
    `Block ${state.block}, ${headName(state.head)}: ${T} × ${T} weights, the class token first. Each row sums to 1.`;
  const layout = new Layout(SMALL, now.grid, true);
  for (const button of panel.querySelectorAll("#heads button")) {
    const head = +button.dataset.head;
    drawMap(button.firstChild, layout, lookOf(state.block, head), now.look);
    button.setAttribute("aria-pressed", head === state.head);
  }
  const { attended, between, added, x } = blocks[state.block];
  const length = (matrix) => Math.hypot(...matrix.subarray(row * D, (row + 1) * D));
  const rows = [
    ["x", tokens[state.block]],
    ["attended = attention(norm_1(x))", attended],
    ["x = x + attended", between],
    ["added = mlp(norm_2(x))", added],
    ["x = x + added", x],
  ].map(([code, matrix]) => [code, length(matrix)]);
  const longest = Math.max(...rows.map(([, value]) => value));
  panel
    .querySelector("#stream")
    .replaceChildren(
      ...rows.flatMap(([code, value]) => [
        make("code", {}, code),
        track(value / longest),
        make("span", {}, value.toFixed(1)),
      ]),
    );
}

/* One weight: the products of a query and a key, their sum, and the softmax. */

function mountProduct(panel) {
  panel.append(
    make("p", { id: "product-title" }),
    make("div", { class: "products", id: "products" }),
    make("dl", { class: "sums", id: "sums" }),
  );
}

function updateProduct(panel) {
  const { places, blocks } = now.trace,
    T = places.length,
    { dim: D, heads } = now.model.sizes,
    d = D / heads;
  const head = Math.max(state.head, 0),
    { qkv, weights } = blocks[state.block];
  const i = places.indexOf(query()),
    key = places.includes(state.key) ? state.key : places.at(-1);
  const vector = (t, part) => qkv.subarray(t * 3 * D + part * D + head * d).subarray(0, d);
  const q = vector(i, 0),
    keys = places.map((_, t) => vector(t, 1)),
    k = keys[places.indexOf(key)];
  const score = (other) => dot(q, 0, other, 0, d) / Math.sqrt(d);
  const highest = Math.max(...keys.map(score)),
    weight = weights[(head * T + i) * T + places.indexOf(key)];
  const sum = keys.reduce((total, other) => total + Math.exp(score(other) - highest), 0);
  const strong = (text, kind) => make("b", { class: kind }, text);
  panel
    .querySelector("#product-title")
    .replaceChildren(
      `Block ${state.block}, head ${head}. `,
      strong(placeName(query(), true), "query"),
      " looks, with its query q; ",
      strong(placeName(key), "key"),
      " is looked at, with its key k. Choose another pair in the two squares above. Each box holds a number of q, one of k, and their product, on purple if it adds to the sum and on orange if it takes away.",
    );
  const most = Math.max(...k.map((value, c) => Math.abs(value * q[c])));
  panel.querySelector("#products").replaceChildren(
    ...range(d).map((c) => {
      const product = q[c] * k[c],
        tint = `background:rgb(${endOf(product).join(" ")} / ${0.06 + (0.3 * Math.abs(product)) / most})`;
      return make(
        "div",
        { style: tint },
        `${signed(q[c])}\n× ${signed(k[c])}`,
        make("b", {}, signed(product)),
      );
    }),
  );
  const difference = score(k) - highest;
  panel.querySelector("#sums").replaceChildren(
    ...[
      [`q · k = ${signed(dot(q, 0, k, 0, d))}`, `the sum of the ${d} products`],
      [
        `score = q · k / √${d} = ${signed(score(k))}`,
        `the highest score of the row is ${signed(highest)}`,
      ],
      [
        `exp(${signed(score(k))} − ${signed(highest)}) = ${Math.exp(difference).toPrecision(3)}`,
        "softmax takes the exponential; subtracting the highest score first keeps it from overflowing",
      ],
      [
        `weight = ${Math.exp(difference).toPrecision(3)} / ${sum.toPrecision(4)} = ${weight.toPrecision(3)}`,
        `divided by the sum of these exponentials over all ${T} keys`,
      ],
    ].flatMap(([formula, words]) => [make("dt", {}, formula), make("dd", {}, words)]),
  );
}

/* Two pictures: their class tokens change places before a block. */

function mountPair(panel) {
  const { model, pictures } = now,
    { depth } = model.sizes;
  const other = make(
    "select",
    { id: "other", onchange: (e) => change({ other: +e.target.value }) },
    ...pictures.map((picture, i) => make("option", { value: i }, pictureName(picture, i))),
  );
  const before = make("input", {
    type: "range",
    min: 0,
    max: depth,
    step: 1,
    id: "before",
    oninput: (e) => change({ before: +e.target.value }),
  });
  panel.append(
    make(
      "p",
      {},
      "The patches stay where they are, and only the class tokens of two pictures change places, once, before a block. Then each picture goes on with the other's class token.",
    ),
    make(
      "div",
      { class: "choice" },
      make("label", {}, make("span", {}, "Second picture"), make("br"), other),
      make(
        "label",
        {},
        make("span", {}, "Exchange ", make("output", { id: "before-value" })),
        before,
      ),
    ),
    make("div", { class: "pair" }, pairSide("mine"), pairSide("theirs")),
    make("p", { id: "where" }),
    make(
      "div",
      { class: "scroll" },
      make("div", {
        class: "depth",
        id: "everywhere",
        style: `grid-template-columns: minmax(var(--name), 100px) repeat(${depth + 1}, minmax(var(--cell), 108px))`,
      }),
    ),
    make(
      "p",
      { class: "fine" },
      "Every place for the exchange at once. Filled: the answer of the other picture has won. Framed: the place that the slider is at.",
    ),
  );
}

function pairSide(id) {
  return make("section", { id }, make("h3"), make("canvas", { role: "img" }), make("dl"));
}

function updatePair(panel) {
  const { model, whole, names } = now,
    { depth } = model.sizes,
    other = otherTrace();
  panel.querySelector("#other").value = state.other;
  panel.querySelector("#before").value = state.before;
  const when = state.before < depth ? `before block ${state.before}` : "after the last block";
  panel.querySelector("#before-value").textContent = when;
  panel.querySelector("#before").setAttribute("aria-valuetext", when);
  const sides = [
    ["mine", "First picture", now.canvas, whole, other],
    ["theirs", "Second picture", other.canvas, other, whole],
  ];
  for (const [id, title, canvas, own, from] of sides) {
    const side = panel.querySelector(`#${id}`),
      copy = side.querySelector("canvas");
    side.querySelector("h3").textContent = title;
    Object.assign(copy, { width: canvas.width, height: canvas.height });
    copy.getContext("2d").drawImage(canvas, 0, 0);
    copy.setAttribute("aria-label", title);
    side
      .querySelector("dl")
      .replaceChildren(
        make("dt", {}, "with its own class token"),
        make("dd", {}, answerOf(own.logits)),
        make("dt", {}, "with the other’s class token"),
        make("dd", {}, make("b", {}, answerOf(exchange(model, own, from, state.before)))),
      );
  }
  showEverywhere(sides, depth);
  panel.querySelector("#where").textContent =
    {
      0: "Before block 0 the class token is the same for every picture, so the exchange changes nothing, to the last digit.",
      [depth]:
        "After the last block the head reads the class token and nothing else, so the answers have changed places, to the last digit.",
    }[state.before] ??
    "What the class token has gathered in the blocks before travels with it; what it has not, it gathers from the other picture's patches.";
}

/** A class and its probability, such as "tiger (0.93)". */
function answerOf(logits) {
  const p = softmax(Float32Array.from(logits));
  return `${now.names[best(p)]} (${share(p[best(p)])})`;
}

let asked = 0; // counts pairs, so that a late answer for an old pair is dropped

/** Fill in the answers for every block, one after another, while the page stays awake. */
async function showEverywhere(sides, depth) {
  const root = $("#everywhere"),
    pair = `${sides.map(([, , , own]) => traceNumber(own))}`;
  root.querySelectorAll(".at").forEach((cell) => cell.classList.remove("at"));
  if (root.dataset.pair === pair)
    return root
      .querySelectorAll(`[data-before="${state.before}"]`)
      .forEach((cell) => cell.classList.add("at"));
  root.dataset.pair = pair;
  const mine = ++asked,
    cells = sides.map(() =>
      range(depth + 1).map((k) =>
        make("span", { class: k === state.before ? "cell at" : "cell", "data-before": k }, "…"),
      ),
    );
  root.replaceChildren(
    make("span", { class: "rowname" }),
    ...range(depth + 1).map((k) =>
      make("span", { class: "top" }, k < depth ? `before block ${k}` : "after all"),
    ),
    ...sides.flatMap(([, title], i) => [
      make("span", { class: "rowname" }, `${title.toLowerCase()} says`),
      ...cells[i],
    ]),
  );
  for (const k of range(depth + 1))
    for (const [i, [, , , own, from]] of sides.entries()) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (mine !== asked || !root.isConnected) return;
      const answer = best(exchange(now.model, own, from, k));
      cells[i][k].textContent = now.names[answer];
      cells[i][k].classList.toggle(
        "won",
        answer === best(from.logits) && answer !== best(own.logits),
      );
    }
}

const numbers = new WeakMap();
let traces = 0;

/** A number for each trace, to know it again. */
function traceNumber(trace) {
  if (!numbers.has(trace)) numbers.set(trace, ++traces);
  return numbers.get(trace);
}
