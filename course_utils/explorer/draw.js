"use strict";
/* What the page draws with: colors, numbers, a picture in patches, a map of weights. */

// Matplotlib's cividis, from 0 to 1 in equal steps.
const CIVIDIS =
  "#00224e,#123570,#3b496c,#575d6d,#707173,#8a8678,#a59c74,#c3b369,#e1cc55,#fee838".split(",");
const STOPS = CIVIDIS.map((color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)));

/** The color of a weight from 0 to 1. One scale for every head, block and picture: its
    steps follow the square root, because most weights are small. */
function colorOf(weight) {
  const at = Math.sqrt(Math.min(Math.max(weight, 0), 1)) * (STOPS.length - 1);
  const n = Math.min(Math.floor(at), STOPS.length - 2);
  return STOPS[n].map((value, i) => Math.round(value + (STOPS[n + 1][i] - value) * (at - n)));
}

const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;

/** Black or white, whichever has the larger contrast on a color (WCAG 2.2). */
function inkOn(color) {
  const light = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const [r, g, b] = color.map((value) => light(value / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}

/** A weight or a probability as text: 0.31, 0.087, 0.004. */
function share(value) {
  return value >= 0.0995 ? value.toFixed(2) : value.toFixed(3);
}

/** An element with attributes, listeners (onclick) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null)
      element.setAttribute(name, value === true ? "" : value);
  element.append(...children);
  return element;
}

/** Make a canvas as sharp as the screen, and return a pen that counts in CSS pixels. */
function penOn(canvas, width, height) {
  const sharp = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * sharp);
  canvas.height = Math.round(height * sharp);
  canvas.style.aspectRatio = `${width} / ${height}`;
  const pen = canvas.getContext("2d");
  pen.scale(canvas.width / width, canvas.height / height);
  return pen;
}

/** Where things lie in a square of grid × grid patches with the class token above. */
class Layout {
  constructor(width, grid, small = false) {
    this.width = width;
    this.grid = grid;
    this.gap = small ? 1 : Math.max(2, Math.min(4, width / grid / 14));
    this.strip = small ? Math.max(8, width / 8) : 34; // height of the row with the class token
    this.side = (width - this.gap * (grid - 1)) / grid;
    this.height = width + this.strip;
  }

  /** The box [x, y, width, height] of a place: 0 is the class token, n is patch n - 1. */
  box(place) {
    if (!place) return [0, 0, Math.max(this.side, this.strip * 1.6), this.strip - 2 * this.gap];
    const step = this.side + this.gap,
      row = Math.floor((place - 1) / this.grid);
    return [((place - 1) % this.grid) * step, this.strip + row * step, this.side, this.side];
  }

  /** The place at a point, or null. */
  at(x, y) {
    if (y < this.strip) return x <= this.box(0)[2] ? 0 : null;
    const step = this.side + this.gap,
      inside = (n) => n >= 0 && n < this.grid;
    const column = Math.floor(x / step),
      row = Math.floor((y - this.strip) / step);
    return inside(column) && inside(row) ? 1 + row * this.grid + column : null;
  }
}

/** A frame around a place: solid for the query, dashed for the key. */
function frame(pen, layout, place, color, dashed = false) {
  const [x, y, w, h] = layout.box(place),
    in_ = layout.strip < 30 ? 0.5 : 1.5;
  const around = [x + in_, y + in_, w - 2 * in_, h - 2 * in_];
  pen.setLineDash([]);
  pen.lineWidth = layout.strip < 30 ? 2 : 5;
  pen.strokeStyle = "#fff";
  pen.strokeRect(...around);
  pen.lineWidth = layout.strip < 30 ? 1.5 : 3;
  pen.strokeStyle = color;
  if (dashed) pen.setLineDash([4, 3]);
  pen.strokeRect(...around);
  pen.setLineDash([]);
}

/** Stripes where a token was taken out. */
function stripes(pen, [x, y, w, h], color) {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, w, h);
  pen.clip();
  pen.strokeStyle = color;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let i = -h; i < w; i += Math.max(5, w / 5)) {
    pen.moveTo(x + i, y + h);
    pen.lineTo(x + i + h, y);
  }
  pen.stroke();
  pen.restore();
}

/** Pixels (side, side, C) as a small canvas. */
function asCanvas(pixels, side, channels) {
  const canvas = make("canvas", { width: side, height: side });
  const data = new ImageData(side, side);
  for (let i = 0; i < side * side; i++)
    for (let c = 0; c < 4; c++)
      data.data[4 * i + c] = c === 3 ? 255 : pixels[i * channels + (channels === 3 ? c : 0)];
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

/** The picture in its patches; those in `without` are striped. */
function drawPicture(canvas, layout, image, without, look) {
  const pen = penOn(canvas, layout.width, layout.height),
    part = image.width / layout.grid;
  pen.imageSmoothingEnabled = false;
  pen.fillStyle = look.panel;
  pen.fillRect(...layout.box(0));
  pen.fillStyle = look.ink;
  pen.font = "600 12px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  const [x, y, w, h] = layout.box(0);
  pen.fillText("class", x + w / 2, y + h / 2 + 1);
  for (let n = 0; n < layout.grid ** 2; n++) {
    const box = layout.box(n + 1);
    const left = (n % layout.grid) * part,
      top = Math.floor(n / layout.grid) * part;
    if (without.has(n)) stripes(pen, box, look.soft);
    else pen.drawImage(image, left, top, part, part, ...box);
  }
  return pen;
}

/** A map: one weight for each place, NaN where there is no token. */
function drawMap(canvas, layout, weights, look) {
  const pen = penOn(canvas, layout.width, layout.height);
  weights.forEach((weight, place) => {
    const box = layout.box(place);
    if (Number.isNaN(weight)) return stripes(pen, box, look.soft);
    const color = colorOf(weight);
    pen.fillStyle = css(color);
    pen.fillRect(...box);
    if (layout.strip < 30 || (place && layout.side < 34)) return;
    pen.fillStyle = inkOn(color);
    pen.font = `${place ? 11 : 12}px system-ui, sans-serif`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const [x, y, w, h] = box;
    pen.fillText(share(weight).replace("0.", "."), x + w / 2, y + h / 2 + 1);
  });
  return pen;
}

/** The two ends of Matplotlib's PuOr, for numbers below and above zero. */
const endOf = (value) => (value < 0 ? [179, 88, 6] : [84, 39, 136]);

/** Numbers around zero, row after row, from orange over nearly white to purple. */
function drawNumbers(canvas, values, columns, largest) {
  const rows = values.length / columns,
    data = new ImageData(columns, rows);
  values.forEach((value, i) => {
    const strength = Math.min(Math.abs(value / largest), 1);
    endOf(value).forEach((v, c) => (data.data[4 * i + c] = 247 + (v - 247) * strength));
    data.data[4 * i + 3] = 255;
  });
  Object.assign(canvas, { width: columns, height: rows });
  canvas.getContext("2d").putImageData(data, 0, 0);
}
