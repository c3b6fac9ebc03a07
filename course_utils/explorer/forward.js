"use strict";
/* The Vision Transformer of notebook 04, by hand: pixels in, logits out.

   The letters are those of the course: C channels, P patch side, N patches, T tokens,
   D model width, h heads, d = D / h width of one head. There is one picture at a time,
   and so no B. A matrix is a Float32Array, row after row. The weights have their names
   from PyTorch: blocks.0.attention.qkv.weight is model.blocks[0].attention.qkv.weight. */

/** Add up n products: of a from place i on with b from place j on. */
function dot(a, i, b, j, n) {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0; // four sums, so that none waits for another
  const end = i + n;
  for (; i + 4 <= end; i += 4, j += 4) {
    s0 += a[i] * b[j];
    s1 += a[i + 1] * b[j + 1];
    s2 += a[i + 2] * b[j + 2];
    s3 += a[i + 3] * b[j + 3];
  }
  for (; i < end; i++, j++) s0 += a[i] * b[j];
  return s0 + s1 + s2 + s3;
}

/** A linear layer: x (T, in), weight (out, in), bias (out) -> (T, out). */
function linear(x, { weight, bias }) {
  const outs = bias.length, ins = weight.length / outs, T = x.length / ins;
  const y = new Float32Array(T * outs);
  for (let t = 0; t < T; t++)
    for (let o = 0; o < outs; o++)
      y[t * outs + o] = bias[o] + dot(x, t * ins, weight, o * ins, ins);
  return y;
}

/** Layer norm: each token alone gets mean 0 and variance 1, then scale and shift. */
function layerNorm(x, { weight, bias }, epsilon) {
  const D = bias.length, y = new Float32Array(x.length);
  for (let t = 0; t < x.length; t += D) {
    const token = x.subarray(t, t + D);
    const mean = token.reduce((sum, value) => sum + value, 0) / D;
    const variance = token.reduce((sum, value) => sum + (value - mean) ** 2, 0) / D;
    const spread = Math.sqrt(variance + epsilon);
    for (let i = 0; i < D; i++)
      y[t + i] = ((token[i] - mean) / spread) * weight[i] + bias[i];
  }
  return y;
}

/** Softmax, which puts weights in the place of the scores. */
function softmax(scores) {
  const highest = scores.reduce((a, b) => Math.max(a, b));
  let total = 0;
  for (let i = 0; i < scores.length; i++)
    total += scores[i] = Math.exp(scores[i] - highest);
  for (let i = 0; i < scores.length; i++) scores[i] /= total;
  return scores;
}

/** The exact GELU, x Φ(x). Its error function is Abramowitz and Stegun's 7.1.26. */
function gelu(x) {
  const z = Math.abs(x) / Math.SQRT2, t = 1 / (1 + 0.3275911 * z);
  const [a, b, c, d, e] = ERF;
  const series = t * (a + t * (b + t * (c + t * (d + t * e))));
  const erf = 1 - series * Math.exp(-z * z); // off by 1.5e-7 at most
  return (x / 2) * (1 + Math.sign(x) * erf);
}
const ERF = [0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429];

/** Multi-head attention: x (T, D) -> attended (T, D), weights (h, T, T), qkv (T, 3D). */
function attention(x, { qkv: project, out }, heads) {
  const D = out.bias.length, d = D / heads, T = x.length / D;
  const qkv = linear(x, project); // (T, D) -> (T, 3D): query, key, value of each token
  const weights = new Float32Array(heads * T * T), context = new Float32Array(T * D);
  for (let head = 0; head < heads; head++)
    for (let i = 0; i < T; i++) {
      const row = weights.subarray((head * T + i) * T, (head * T + i + 1) * T);
      const q = 3 * i * D + head * d; // where this head's query of token i begins
      for (let j = 0; j < T; j++)
        row[j] = dot(qkv, q, qkv, (3 * j + 1) * D + head * d, d) / Math.sqrt(d);
      softmax(row); // the scores are weights now, which sum to 1
      for (let j = 0; j < T; j++)
        for (let c = head * d; c < (head + 1) * d; c++)
          context[i * D + c] += row[j] * qkv[(3 * j + 2) * D + c];
    }
  return { attended: linear(context, out), weights, qkv };
}

const mlp = (x, { expand, shrink }) => linear(linear(x, expand).map(gelu), shrink);
const add = (x, y) => x.map((value, i) => value + y[i]);

/** Pre-norm encoder block: x (T, D) -> new tokens, and what happened on the way. */
function encoderBlock(x, block, { heads, epsilon }) {
  const normed = layerNorm(x, block.norm_1, epsilon);
  const { attended, weights, qkv } = attention(normed, block.attention, heads);
  const between = add(x, attended);
  const added = mlp(layerNorm(between, block.norm_2, epsilon), block.mlp);
  return { x: add(between, added), weights, qkv, attended, between, added };
}

/** Cut an image (C, H, W) into patches and lay out those in `kept`: -> (N, C P P). */
function cut(image, kept, { image_size: side, patch_size: P, in_channels: C }) {
  const patches = [];
  for (const n of kept) {
    const top = Math.floor(n / (side / P)) * P, left = (n % (side / P)) * P;
    for (let c = 0; c < C; c++)
      for (let y = top; y < top + P; y++)
        patches.push(...image.subarray((c * side + y) * side + left).subarray(0, P));
  }
  return Float32Array.from(patches);
}

/** Project each patch, put the class token first, add positions: -> tokens x (T, D).
    Patches whose numbers are in `without` are left out, and the others keep their own
    positions: places[t] says where token t stands, 0 for the class token. */
function embed(model, image, without = new Set()) {
  const { image_size: side, patch_size: P, dim: D } = model.sizes;
  const kept = [...Array((side / P) ** 2).keys()].filter((n) => !without.has(n));
  const places = [0, ...kept.map((n) => n + 1)];
  const x = new Float32Array(places.length * D);
  x.set(model.class_token);
  x.set(linear(cut(image, kept, model.sizes), model.embed.project), D); // -> (N, D)
  const positions = places.flatMap((n) => [...model.positions.subarray(n * D, n * D + D)]);
  return { x: add(x, positions), places };
}

/** Read the class token, the first of tokens (T, D): last norm, then head -> logits. */
function readOut(model, x, withNorm = true) {
  const token = x.subarray(0, model.sizes.dim);
  const read = withNorm ? layerNorm(token, model.norm, model.sizes.epsilon) : token;
  return linear(read, model.head); // (D) -> (num_classes)
}

/** Send tokens through the blocks from number `first` on; the head reads the result.
    tokens[b] are those before block b, and the last ones those after all blocks. */
function runBlocks(model, x, first = 0) {
  const tokens = [x], blocks = [];
  for (const block of model.blocks.slice(first)) {
    blocks.push(encoderBlock(x, block, model.sizes));
    tokens.push((x = blocks.at(-1).x));
  }
  return { logits: readOut(model, x), tokens, blocks };
}

/** The whole model: an image (C, H, W) -> logits, tokens and attention of all blocks. */
function forward(model, image, without) {
  const { x, places } = embed(model, image, without);
  return { ...runBlocks(model, x), places };
}

/* What one can do with a model beside running it. */

/** Give the tokens of `mine` the class token of `other` before a block, and go on. */
function exchange(model, mine, other, block) {
  const x = mine.tokens[block].slice();
  x.set(other.tokens[block].subarray(0, model.sizes.dim));
  return runBlocks(model, x, block).logits;
}

/** Follow attention through all blocks (Abnar and Zuidema 2020, section 3) -> (T, T).
    Row t: how much of each input token t holds, if blocks only mixed. Rows sum to 1. */
function rollout(blocks, heads) {
  const T = Math.sqrt(blocks[0].weights.length / heads);
  let total = new Float32Array(T * T);
  for (let t = 0; t < T; t++) total[t * T + t] = 1;
  for (const { weights } of blocks) {
    const mixed = new Float32Array(T * T); // half the mean of the heads, half the token
    weights.forEach((weight, i) => (mixed[i % (T * T)] += weight / heads / 2));
    for (let t = 0; t < T; t++) mixed[t * T + t] += 0.5;
    const before = total;
    total = new Float32Array(T * T);
    for (let i = 0; i < T; i++)
      for (let j = 0; j < T; j++)
        for (let k = 0; k < T; k++) total[i * T + k] += mixed[i * T + j] * before[j * T + k];
  }
  return total;
}

/* Weights as the page holds them: whole numbers, and one scale for each row. */

/** The bytes behind a text in base64. */
function bytes(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** Turn what pack.py wrote into a model whose weights are Float32Arrays. */
function unpack(packed) {
  const model = { ...packed, parameters: 0 };
  for (const [name, { float32, int8, int16, scale }] of Object.entries(packed.weights)) {
    let values = new Float32Array(bytes(float32 ?? scale).buffer);
    if (!float32) {
      const whole = int8 ? new Int8Array(bytes(int8).buffer) : new Int16Array(bytes(int16).buffer);
      const width = whole.length / values.length;
      values = Float32Array.from(whole, (n, i) => n * values[Math.floor(i / width)]);
    }
    model.parameters += values.length;
    const path = name.split("."), last = path.pop();
    path.reduce((part, key) => (part[key] ??= {}), model)[last] = values;
  }
  return { ...model, weights: null, blocks: Object.values(model.blocks) };
}
