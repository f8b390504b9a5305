// The picture on the canvas: where it is, how large, and from which pixels it is drawn.

import { bitmap } from "./api.js";

const MOST_TILES = 40;
const AT_ONCE = 4;

export class View {
  constructor(canvas, redraw) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.redraw = redraw;
    this.scale = 1; // CSS pixels for each of the picture's
    this.x = 0; // of the picture's left edge, in CSS pixels
    this.y = 0;
    this.fitted = true;
    this.picture = null; // { index, size, screen: ImageBitmap }
    this.tiles = new Map();
    this.loading = new Set();
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  resize() {
    const ratio = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    if (this.fitted) this.fit();
    this.redraw();
  }

  show(picture, tile) {
    this.tiles.clear();
    this.tile = tile;
    this.picture = picture;
    if (picture) this.fit();
    this.redraw();
  }

  get least() {
    const [width, height] = this.picture.size;
    const { clientWidth, clientHeight } = this.canvas;
    return Math.min((clientWidth - 24) / width, (clientHeight - 24) / height, 16);
  }

  fit() {
    if (!this.picture) return;
    const [width, height] = this.picture.size;
    this.scale = this.least;
    this.x = (this.canvas.clientWidth - width * this.scale) / 2;
    this.y = (this.canvas.clientHeight - height * this.scale) / 2;
    this.fitted = true;
    this.redraw();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    if (!this.picture) return;
    const scale = Math.min(Math.max(this.scale * factor, this.least / 2), 40);
    this.x = x - (x - this.x) * (scale / this.scale);
    this.y = y - (y - this.y) * (scale / this.scale);
    this.scale = scale;
    this.fitted = false;
    this.keep();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.keep();
  }

  // Some of the picture stays in sight.
  keep() {
    if (!this.picture) return;
    const [width, height] = this.picture.size;
    const { clientWidth, clientHeight } = this.canvas;
    this.x = Math.min(Math.max(this.x, 60 - width * this.scale), clientWidth - 60);
    this.y = Math.min(Math.max(this.y, 60 - height * this.scale), clientHeight - 60);
    this.redraw();
  }

  // Show a box of the picture, large enough to see it.
  reveal([x1, y1, x2, y2]) {
    const { clientWidth, clientHeight } = this.canvas;
    const wanted = Math.min(clientWidth / (x2 - x1), clientHeight / (y2 - y1)) / 4;
    this.scale = Math.min(Math.max(this.least, wanted), Math.max(8, this.least));
    if (this.scale === this.least) return this.fit();
    this.x = clientWidth / 2 - ((x1 + x2) / 2) * this.scale;
    this.y = clientHeight / 2 - ((y1 + y2) / 2) * this.scale;
    this.fitted = false;
    this.keep();
  }

  toImage(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  toScreen([x1, y1, x2, y2]) {
    const { x, y, scale } = this;
    return [x1 * scale + x, y1 * scale + y, x2 * scale + x, y2 * scale + y];
  }

  draw() {
    const { context, canvas, picture, scale, x, y } = this;
    const ratio = devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#0e1013";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    if (!picture) return;
    context.imageSmoothingEnabled = scale * ratio < 4;
    this.part(picture.screen, 0, 0, ...picture.size);
    const detail = picture.screen.width / picture.size[0];
    if (detail < 0.99 && scale * ratio > detail * 1.05) this.drawTiles(scale * ratio);
  }

  // Draw what is in sight of a bitmap that shows a rectangle of the picture.
  part(source, left, top, right, bottom) {
    const [x1, y1] = this.toImage(0, 0);
    const [x2, y2] = this.toImage(this.canvas.clientWidth, this.canvas.clientHeight);
    const from = [Math.max(left, x1), Math.max(top, y1), Math.min(right, x2), Math.min(bottom, y2)];
    if (from[2] <= from[0] || from[3] <= from[1]) return;
    const wide = source.width / (right - left), high = source.height / (bottom - top);
    const to = this.toScreen(from);
    this.context.drawImage(
      source, (from[0] - left) * wide, (from[1] - top) * high, (from[2] - from[0]) * wide, (from[3] - from[1]) * high,
      to[0], to[1], to[2] - to[0], to[3] - to[1]);
  }

  drawTiles(scale) {
    const { picture, canvas } = this;
    const level = Math.max(0, Math.floor(Math.log2(1 / scale) + 0.1));
    const side = this.tile * 2 ** level;
    const [width, height] = picture.size;
    const [x1, y1] = this.toImage(0, 0);
    const [x2, y2] = this.toImage(canvas.clientWidth, canvas.clientHeight);
    const last = [Math.min(x2, width - 1), Math.min(y2, height - 1)].map(edge => Math.floor(edge / side));
    for (let row = Math.max(0, Math.floor(y1 / side)); row <= last[1]; row++) {
      for (let column = Math.max(0, Math.floor(x1 / side)); column <= last[0]; column++) {
        const path = `tile/${picture.index}/${level}/${column}/${row}`;
        const known = this.tiles.get(path);
        if (!known) { this.load(path); continue; }
        this.tiles.delete(path); // the last used are kept
        this.tiles.set(path, known);
        const left = column * side, top = row * side;
        this.part(known, left, top, Math.min(left + side, width), Math.min(top + side, height));
      }
    }
  }

  async load(path) {
    if (this.loading.has(path) || this.loading.size >= AT_ONCE) return;
    this.loading.add(path);
    const { picture } = this;
    try {
      const loaded = await bitmap(path);
      if (this.picture === picture) {
        this.tiles.set(path, loaded);
        while (this.tiles.size > MOST_TILES) this.tiles.delete(this.tiles.keys().next().value);
      }
    } catch { /* the picture at hand stays */ } finally {
      this.loading.delete(path);
      this.redraw();
    }
  }
}
