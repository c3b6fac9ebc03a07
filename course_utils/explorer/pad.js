"use strict";
/* From strokes of a pen to a digit as MNIST has them: white on black, fitted into a box
   of 20 of the 28 pixels, its center of mass in the middle. Strokes are lists of points
   [x, y] from 0 to 1, so the size at which somebody draws does not matter. */

const FINE = 4; // the digit is painted four times as large, then resized as by Pillow
const PEN = 2.4 / 28; // width of the pen, as a share of the side

/** Paint strokes, moved and scaled, white on black: -> gray levels (side, side). */
function paint(strokes, side, place) {
  const pixels = new Uint8ClampedArray(side * side),
    reach = (PEN / 2) * side;
  for (const points of strokes) {
    const stroke = points.map((point) => place(point).map((value) => value * side));
    stroke.forEach(([x1, y1], n) => {
      const [x0, y0] = stroke[Math.max(n - 1, 0)],
        dx = x1 - x0,
        dy = y1 - y0;
      const [left, right] = [Math.min(x0, x1) - reach, Math.max(x0, x1) + reach];
      const [top, bottom] = [Math.min(y0, y1) - reach, Math.max(y0, y1) + reach];
      for (let y = Math.max(Math.floor(top), 0); y < Math.min(bottom, side); y++)
        for (let x = Math.max(Math.floor(left), 0); x < Math.min(right, side); x++) {
          const [px, py] = [x + 0.5 - x0, y + 0.5 - y0]; // the middle of the pixel
          const along = (px * dx + py * dy) / (dx * dx + dy * dy || 1);
          const t = Math.min(Math.max(along, 0), 1); // the nearest point of the line
          if (Math.hypot(px - t * dx, py - t * dy) <= reach) pixels[y * side + x] = 255;
        }
    });
  }
  return pixels;
}

/** Turn strokes into a digit (side, side), fitted and centered as those of MNIST. */
function digit(strokes, side) {
  const points = strokes.flat(),
    fine = side * FINE;
  const low = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])));
  const high = [0, 1].map((axis) => Math.max(...points.map((point) => point[axis])));
  const size = Math.max(high[0] - low[0], high[1] - low[1], 0.25); // a dot stays small
  const zoom = (20 / 28 - PEN) / size,
    middle = low.map((value, axis) => (value + high[axis]) / 2);
  const put = (shift) => (point) =>
    point.map((value, axis) => (value - middle[axis]) * zoom + 0.5 + shift[axis]);
  let mass = 0,
    sums = [0, 0];
  paint(strokes, fine, put([0, 0])).forEach((level, i) => {
    mass += level;
    sums = [sums[0] + level * (i % fine), sums[1] + level * Math.floor(i / fine)];
  });
  const shift = sums.map((sum) => 0.5 - (sum / mass + 0.5) / fine);
  return resize(paint(strokes, fine, put(shift)), [fine, fine], [side, side], 1);
}
