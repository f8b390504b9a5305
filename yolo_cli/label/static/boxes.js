// Boxes: where they are hit, how they change, how they are drawn. xyxy in pixels of the picture.

const HUES = [210, 20, 130, 290, 50, 180, 340, 90, 250, 0, 155, 315];
export const color = number => number < 0 ? "#ccc" : `hsl(${HUES[number % HUES.length]} 85% ${number < 12 ? 66 : 78}%)`;

const REACH = 7; // CSS pixels around an edge

// The edges of a box that are near a point: {left, top, right, bottom}; null if none is.
export function edges(box, x, y, view) {
  const [x1, y1, x2, y2] = view.toScreen(box);
  const reach = Math.min(REACH, Math.max(3, Math.min(x2 - x1, y2 - y1) / 3));
  if (x < x1 - reach || x > x2 + reach || y < y1 - reach || y > y2 + reach) return null;
  const near = {
    left: Math.abs(x - x1) <= reach, right: Math.abs(x - x2) <= reach,
    top: Math.abs(y - y1) <= reach, bottom: Math.abs(y - y2) <= reach,
  };
  return near.left || near.right || near.top || near.bottom ? near : null;
}

export function cursor(near) {
  if ((near.left && near.top) || (near.right && near.bottom)) return "nwse-resize";
  if ((near.right && near.top) || (near.left && near.bottom)) return "nesw-resize";
  return near.left || near.right ? "ew-resize" : "ns-resize";
}

// The smallest box around a point, as its place in a list; -1 if there is none.
export function hit(boxes, x, y) {
  let best = -1, area = Infinity;
  boxes.forEach(([x1, y1, x2, y2], index) => {
    const own = (x2 - x1) * (y2 - y1);
    if (x >= x1 && x <= x2 && y >= y1 && y <= y2 && own < area) [best, area] = [index, own];
  });
  return best;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

// The box between two points, in whole pixels: every pixel that the drag has touched at an edge
// is rounded to the nearest border between pixels.
export function between([xa, ya], [xb, yb], [width, height]) {
  const x1 = clamp(Math.round(Math.min(xa, xb)), 0, width - 1);
  const y1 = clamp(Math.round(Math.min(ya, yb)), 0, height - 1);
  return [x1, y1, clamp(Math.round(Math.max(xa, xb)), x1 + 1, width), clamp(Math.round(Math.max(ya, yb)), y1 + 1, height)];
}

export function moved([x1, y1, x2, y2], dx, dy, [width, height]) {
  const x = clamp(Math.round(dx), -x1, width - x2), y = clamp(Math.round(dy), -y1, height - y2);
  return [x1 + x, y1 + y, x2 + x, y2 + y];
}

export function resized([x1, y1, x2, y2], near, dx, dy, size) {
  const from = [near.left ? x1 + dx : x1, near.top ? y1 + dy : y1];
  const to = [near.right ? x2 + dx : x2, near.bottom ? y2 + dy : y2];
  const box = between(from, to, size);
  // Edges that were not touched keep their fractions of a pixel.
  if (!near.left && !near.right) [box[0], box[2]] = [x1, x2];
  if (!near.top && !near.bottom) [box[1], box[3]] = [y1, y2];
  return box;
}

export function overlap(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]), height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = box => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}

export function drawBox(view, box, text, shade, { selected = false, proposed = false, faint = false } = {}) {
  const { context } = view;
  const [x1, y1, x2, y2] = view.toScreen(box);
  context.save();
  context.globalAlpha = faint ? 0.35 : 1;
  context.lineWidth = selected ? 3 : 2;
  context.strokeStyle = shade;
  if (proposed) context.setLineDash([7, 5]);
  if (selected) {
    context.fillStyle = "#ffffff1c";
    context.fillRect(x1, y1, x2 - x1, y2 - y1);
  }
  context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  if (selected && !proposed) {
    context.fillStyle = "#fff";
    for (const x of [x1, x2]) for (const y of [y1, y2]) context.fillRect(x - 4, y - 4, 8, 8);
  }
  if (text && (selected || x2 - x1 > 26)) {
    context.font = "12px system-ui, sans-serif";
    const width = context.measureText(text).width + 8;
    const top = y1 >= 17 ? y1 - 17 : y1;
    context.fillStyle = proposed ? "#15181dcc" : shade;
    context.fillRect(x1 - context.lineWidth / 2, top, width, 17);
    context.fillStyle = proposed ? shade : "#10131a";
    context.fillText(text, x1 + 3, top + 12.5);
  }
  context.restore();
}
