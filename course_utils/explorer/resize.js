"use strict";
/* From pixels to what the model takes, exactly as Pillow and the processor do it.

   Pillow resizes in two passes, first along the rows, then along the columns. Where a
   picture shrinks, each new pixel is a weighted mean of all old ones below it; a
   browser's own canvas does something else, and a ViT gives other answers for it. */

const PRECISION = 22; // Pillow's weights are whole numbers, in units of 2 ** -22

const FILTERS = {
  // by their numbers in Pillow: how far they reach, and their shape
  2: { name: "bilinear", reach: 1, shape: (x) => Math.max(1 - Math.abs(x), 0) },
  3: { name: "bicubic", reach: 2, shape: cubic },
};

/** Keys's cubic with a = -0.5. */
function cubic(x) {
  const a = -0.5;
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** For each new pixel: the first old pixel that counts, and the weights from there on. */
function resizeWeights(from, to, { reach, shape }) {
  const scale = from / to,
    stretch = Math.max(scale, 1),
    support = reach * stretch;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const first = Math.max(Math.trunc(center - support + 0.5), 0);
    const end = Math.min(Math.trunc(center + support + 0.5), from);
    const weights = [];
    for (let x = first; x < end; x++) weights.push(shape((x - center + 0.5) * (1 / stretch)));
    const sum = weights.reduce((a, b) => a + b, 0);
    const whole = weights.map((w) => Math.trunc((w / sum) * 2 ** PRECISION + Math.sign(w) / 2));
    return { first, weights: whole };
  });
}

/** One pass, along the middle axis: pixels (outer, from, inner) -> (outer, to, inner). */
function pass(pixels, outer, from, to, inner, filter) {
  if (from === to) return pixels;
  const result = new Uint8ClampedArray(outer * to * inner); // clamps to 0 ... 255
  resizeWeights(from, to, filter).forEach(({ first, weights }, i) => {
    for (let o = 0; o < outer; o++)
      for (let c = 0; c < inner; c++) {
        let sum = 2 ** (PRECISION - 1); // half a unit, so that the cut below rounds
        let at = (o * from + first) * inner + c;
        for (let k = 0; k < weights.length; k++, at += inner) sum += pixels[at] * weights[k];
        result[(o * to + i) * inner + c] = sum >> PRECISION;
      }
  });
  return result;
}

/** Resize pixels (height, width, channels), 8 bits each, as Pillow's Image.resize does. */
function resize(pixels, [height, width], [newHeight, newWidth], channels, resample = 2) {
  const filter = FILTERS[resample],
    less = [height - newHeight, width - newWidth];
  const across = (rows) => pass(pixels, rows, width, newWidth, channels, filter);
  const down = (columns) => pass(pixels, 1, height, newHeight, columns * channels, filter);
  if (less[0] > 0 && less[0] > 2 * less[1]) {
    // much too tall: Pillow 13 goes down first (12.2 did not)
    pixels = down(width);
    return across(newHeight);
  }
  pixels = across(height);
  return down(newWidth);
}

/** Gray levels of RGB pixels, as Pillow's convert("L") does: 0.299 R + 0.587 G + 0.114 B. */
function gray(rgb) {
  const levels = new Uint8ClampedArray(rgb.length / 3);
  for (let i = 0; i < levels.length; i++)
    levels[i] = (rgb[3 * i] * 19595 + rgb[3 * i + 1] * 38470 + rgb[3 * i + 2] * 7471 + 32768) >> 16;
  return levels;
}

/** Gray levels as RGB: each three times. */
function threefold(levels) {
  const rgb = new Uint8ClampedArray(3 * levels.length);
  return rgb.map((_, i) => levels[Math.floor(i / 3)]);
}

/** The processor: a picture of any size -> pixels (H, W, C) of the model's size. */
function fitted({ pixels, height, width, channels }, { sizes, resample }) {
  const { image_size: side, in_channels: C } = sizes;
  if (channels === 3 && C === 1) [pixels, channels] = [gray(pixels), 1];
  if (channels === 1 && C === 3) pixels = threefold(pixels);
  return resize(pixels, [height, width], [side, side], C, resample);
}

/** Pixels (H, W, C) from 0 to 255 -> image (C, H, W), each channel with its mean and std. */
function normalized(pixels, { sizes, mean, std }) {
  const C = sizes.in_channels,
    area = pixels.length / C;
  return Float32Array.from(pixels, (_, i) => {
    const c = Math.floor(i / area);
    return (pixels[(i % area) * C + c] / 255 - mean[c]) / std[c];
  });
}
