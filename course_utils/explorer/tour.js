"use strict";
/* A guided tour over the free tool. A step sets the tool up with `go`, gives one thing to
   try and one question, and hides an answer, which may hold numbers of this moment. */

const TOUR = [
  {
    title: "A picture becomes tokens",
    text: () =>
      `A ViT does not read pixel by pixel. It cuts the picture into patches of ${now.model.sizes.patch_size} × ${now.model.sizes.patch_size} pixels and turns each patch into one token, a list of ${now.model.sizes.dim} numbers. One more token stands before them, the class token. It belongs to no patch, and in the end it alone is read.`,
    try: "Move over the picture on the left, patch by patch, or tap it. The square on the right shows where that token looks.",
    ask: "How many tokens go into the first block?",
    answer: () =>
      `The ${now.grid} × ${now.grid} patches and the class token: ${now.grid ** 2 + 1}.`,
    go: () => ({ model: "gray", level: "model", query: 0, click: USUAL_CLICK, kind: "attention" }),
  },
  {
    title: "It answers while you draw",
    draws: true,
    text: () =>
      "Nothing here is a film. The model computes anew for each stroke, in your browser. Your drawing is fitted and centered as the digits were from which the model learned.",
    try: "Draw a 3, slowly, and watch the answer. (Keys: the arrows move the pen, the space bar lowers and lifts it.)",
    ask: "What does it say of a single dot, and why does it not say that there is no digit?",
    answer: () =>
      `Softmax makes probabilities that sum to 1 over the ${now.names.length} classes, whatever it sees. A class for “nothing” would have to be learned like any other.`,
    go: () => ({ model: "gray", level: "model", query: 0, drawing: true }),
  },
  {
    title: "Where a token looks",
    text: () =>
      "In each block every token looks at all tokens, and mixes what it finds by weights that sum to 1. Each head does this with queries and keys of its own. Colors mean the same number in every map, from 0 to 1, so that a pale map is not made to look decided.",
    try: "Choose another block and another head by the sliders. Then look from a patch in place of the class token.",
    ask: "The mark below the color scale is an even look. Can you find a head that is near it, and one that is not?",
    answer: () => {
      const [even, sharp] = headExtremes();
      return `For this picture and this token, ${even} is nearest to an even look, and ${sharp} puts the largest weight on a single token.`;
    },
    go: () => ({
      model: "gray",
      level: "block",
      query: 0,
      block: 0,
      head: 0,
      click: USUAL_CLICK,
      kind: "attention",
    }),
  },
  {
    title: "One weight, with its numbers",
    text: () =>
      "A weight begins as a dot product. The token that looks has a query, the token that is looked at has a key, and where both are large with the same sign, the sum grows. You wrote this in notebook 01.",
    try: "Click patches in the right square to choose keys, one with a bright color and one with a dark one, and compare the products.",
    ask: "Why is the sum divided by the square root of d?",
    answer: () =>
      "A sum of d independent products has a spread that grows with √d. Without the division the softmax of a wide head would put nearly all weight on one token, and its gradient would vanish.",
    go: () => ({
      model: "gray",
      level: "product",
      query: 0,
      key: 1 + Math.floor(now.grid ** 2 / 2),
      block: now.model.sizes.depth - 1,
      head: 0,
      click: "look",
      kind: "attention",
    }),
  },
  {
    title: "All blocks at once",
    text: () =>
      "What a token gathers in one block, it gathers from tokens that have gathered before. Rollout multiplies the weights of all blocks, and counts half of each token as its own, because of the residual connection.",
    try: "Switch between the attention of the last block and rollout, on a few pictures.",
    ask: "Does rollout show what the answer depends on?",
    answer: () =>
      "Not by itself. It knows nothing of the values, of the MLPs or of the classes, and it would draw the same map for every class. A better test is to take tokens away, which is the next step.",
    go: () => ({
      model: "color",
      level: "model",
      query: 0,
      kind: "rollout",
      head: -1,
      click: USUAL_CLICK,
    }),
  },
  {
    title: "Take tokens out",
    text: () =>
      "A transformer does not mind a missing token: the others keep their positions and go on. So you can ask what the answer needs by taking patches out.",
    try: "Click patches of the background until the answer changes. Put all back, and begin with the subject.",
    ask: "Why not simply paint the patches gray?",
    answer: () =>
      "A gray patch is still a token, and says that there is something gray. A token that was taken out says nothing. Notebook 06 measures how much that matters.",
    go: () => ({
      model: "color",
      level: "model",
      query: 0,
      click: "take",
      kind: "attention",
      head: -1,
    }),
  },
  {
    title: "When is the answer made?",
    text: () =>
      "The head reads the class token after the last block. The logit lens reads it earlier, with the same norm and the same head, and shows an answer that is still being made.",
    try: "Read the strip from left to right, on several pictures. Then switch off the last norm.",
    ask: "From which block on does the final answer stay in front?",
    answer: () =>
      `For this picture, ${settled()}. The blocks before are not idle: they prepare patches from which the class token gathers.`,
    go: () => ({
      model: "color",
      level: "model",
      query: 0,
      click: USUAL_CLICK,
      withNorm: true,
      kind: "attention",
      head: -1,
    }),
  },
  {
    title: "Two pictures exchange their class tokens",
    text: () =>
      "If the class token carries the answer, it should carry it into another picture, too. Here two pictures exchange their class tokens before a block of your choice, and keep their patches.",
    try: "Move the slider from the first block to the end, and watch at which block the answers change places.",
    ask: "Why does the exchange change nothing before block 0?",
    answer: () =>
      "Because there the class token is one learned vector, the same for every picture, and has not looked at any patch yet.",
    go: () => ({ model: "color", level: "pair", query: 0, before: 0, click: USUAL_CLICK }),
  },
];

/** The heads with the most even and with the sharpest look of the query, in words. */
function headExtremes() {
  const found = [];
  for (const block of range(now.model.sizes.depth))
    for (const head of range(now.model.sizes.heads))
      found.push([
        `head ${head} of block ${block}`,
        Math.max(...lookOf(block, head).filter((w) => w >= 0)),
      ]);
  found.sort((a, b) => a[1] - b[1]);
  return [found[0][0], found.at(-1)[0]];
}

/** From which depth on the final answer is in front, in words. */
function settled() {
  const final = best(now.lens.at(-1)),
    last = now.lens.findLastIndex((p) => best(p) !== final);
  if (last < 0) return "the answer is in front from the beginning";
  return `“${now.names[final]}” stays in front after block ${last}`;
}

const tour = { open: true, step: 0 };

/** The steps; where no model reads gray pictures, there is nothing to draw for. */
function steps() {
  return TOUR.filter(({ draws }) => !draws || packed.some(({ sizes }) => sizes.in_channels === 1));
}

/** Go to a step: set the tool up for it, and show its text. */
function goTo(step) {
  tour.step = step;
  change({ drawing: false, ...steps()[step].go() }, { fresh: true });
  showTour();
  document.querySelector("#tour h2").focus();
}

/** Leave the tour or come back to it; the place is kept. */
function toggleTour(open) {
  tour.open = open;
  showTour();
  document.querySelector(open ? "#tour h2" : "#tour button").focus();
}

function showTour() {
  const root = document.querySelector("#tour"),
    { step } = tour,
    last = steps().length - 1;
  document.querySelector("main").classList.toggle("touring", tour.open);
  if (!tour.open) {
    const back = make(
      "button",
      { type: "button", onclick: () => toggleTour(true) },
      `Return to the tour (step ${step + 1} of ${last + 1})`,
    );
    return root.replaceChildren(back);
  }
  const { title, text, try: task, ask, answer } = steps()[step],
    hidden = make("p", { id: "tour-answer" });
  const reveal = make(
    "details",
    { ontoggle: () => (hidden.textContent = answer()) },
    make("summary", {}, "An answer"),
    hidden,
  );
  root.replaceChildren(
    make("p", { class: "count" }, `Guided tour, step ${step + 1} of ${last + 1}`),
    make(
      "ol",
      { class: "steps" },
      ...steps().map((one, i) =>
        make(
          "li",
          {},
          make(
            "button",
            {
              type: "button",
              "aria-current": i === step ? "step" : null,
              "aria-label": `Step ${i + 1}: ${one.title}`,
              onclick: () => goTo(i),
            },
            i + 1,
          ),
        ),
      ),
    ),
    make("h2", { tabindex: -1 }, title),
    make("p", {}, text()),
    make("p", { class: "try" }, make("b", { class: "tag" }, "Try "), task),
    make("p", { class: "ask" }, make("b", { class: "tag" }, "Question "), ask),
    reveal,
    make(
      "div",
      { class: "actions" },
      make("button", { type: "button", disabled: !step, onclick: () => goTo(step - 1) }, "Back"),
      make(
        "button",
        {
          type: "button",
          class: "primary",
          onclick: () => (step < last ? goTo(step + 1) : toggleTour(false)),
        },
        step < last ? "Next" : "Finish",
      ),
      make(
        "button",
        { type: "button", class: "quiet", onclick: () => toggleTour(false) },
        "Leave the tour",
      ),
    ),
  );
}
