// Pictures that are dropped, pasted, chosen or seen by the camera, with the boxes found in them.

import { get, Refused } from "./api.js";
import { color, drawBox } from "./boxes.js";
import { View } from "./view.js";

const $ = id => document.getElementById(id);
const CAMERA_SIDE = 960; // pixels that are sent of a frame: more than a network sees

const show = { facts: null, boxes: [], size: [1, 1], live: false, turn: 0 };
let frame = 0;
const draw = () => { frame ||= requestAnimationFrame(paint); };
const view = new View($("canvas"), draw);

const shown = () => show.boxes.filter(one => one.score >= Number($("conf").value));
const shade = name => color(show.facts.classes.indexOf(name));

function paint() {
  frame = 0;
  view.draw();
  if (!view.picture || !show.facts) return;
  if ($("grid").checked) drawGrid();
  for (const one of [...shown()].reverse()) {
    drawBox(view, one.box, `${one.name} ${Math.round(100 * one.score)} %`, shade(one.name));
  }
}

// The network's own grid lies over the whole picture; the cell with the centre of a box is the
// one that is responsible for it.
function drawGrid() {
  const { context } = view, { grid } = show.facts, [width, height] = show.size;
  const cell = (column, row) => view.toScreen(
    [column * width / grid, row * height / grid, (column + 1) * width / grid, (row + 1) * height / grid]);
  context.save();
  context.strokeStyle = "#ffffff90";
  context.lineWidth = 1;
  for (let row = 0; row < grid; row++) for (let column = 0; column < grid; column++) {
    const [x1, y1, x2, y2] = cell(column, row);
    context.strokeRect(x1, y1, x2 - x1, y2 - y1);
  }
  for (const { name, box: [x1, y1, x2, y2] } of shown()) {
    const x = (x1 + x2) / 2, y = (y1 + y2) / 2, last = grid - 1;
    const [left, top, right, bottom] = cell(Math.min(last, Math.floor(x / width * grid)), Math.min(last, Math.floor(y / height * grid)));
    context.globalAlpha = 0.4;
    context.fillStyle = shade(name);
    context.fillRect(left, top, right - left, bottom - top);
    context.globalAlpha = 1;
    const [cx, cy] = view.toScreen([x, y, x, y]);
    context.beginPath();
    context.arc(cx, cy, 4, 0, 7);
    context.fill();
  }
  context.restore();
}

function list() {
  $("value").textContent = Number($("conf").value).toFixed(2);
  $("found").replaceChildren(...shown().map(one => {
    const item = document.createElement("li");
    for (const [kind, text] of [["swatch", ""], ["title", one.name], ["number", `${Math.round(100 * one.score)} %`]]) {
      const part = document.createElement("span");
      part.className = kind;
      part.textContent = text;
      if (kind === "swatch") part.style.background = shade(one.name);
      item.append(part);
    }
    return item;
  }));
  draw();
}

function say(text, problem = "") {
  $("message").hidden = !text;
  $("message").textContent = text;
  $("banner").hidden = !problem;
  $("banner").firstElementChild.textContent = problem;
}

function place(screen, size) {
  const same = view.picture && show.size[0] === size[0] && show.size[1] === size[1];
  show.size = size;
  if (same) { view.picture.screen = screen; draw(); } else view.show({ index: -1, size, screen }, 0);
}

async function detect(blob) {
  let response;
  try {
    response = await fetch("api/detect", { method: "POST", body: blob });
  } catch {
    throw new Refused(0, { message: "the server does not answer", hint: "start yolo demo again in its terminal" });
  }
  const answer = await response.json().catch(() => ({ message: "this picture is too large" }));
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

function take(answer) {
  const [width, height] = show.size; // what the browser shows may be smaller than the file
  const wide = width / answer.width, high = height / answer.height;
  show.boxes = answer.boxes.map(one => ({ ...one, box: one.box.map((edge, i) => edge * (i % 2 ? high : wide)) }));
  $("facts").textContent = `${show.facts.weights} · ${answer.milliseconds} ms`;
  document.body.dataset.boxes = show.boxes.length;
  list();
}

async function look(blob) {
  stop();
  const turn = ++show.turn;
  show.boxes = [];
  delete document.body.dataset.boxes;
  try {
    const screen = await createImageBitmap(blob).catch(() => null);
    if (turn !== show.turn) return;
    if (screen) place(screen, [screen.width, screen.height]);
    say(screen ? "" : "looking …");
    list();
    const answer = await detect(blob);
    if (turn !== show.turn) return;
    if (!screen) throw new Error("this browser cannot show such a picture; yolo detect writes an annotated copy of it");
    take(answer);
  } catch (error) {
    if (turn === show.turn) say("", error.message);
  }
}

function thumbnail(blob, chosen = false) {
  const button = document.createElement("button"), image = document.createElement("img");
  image.src = URL.createObjectURL(blob);
  image.alt = "";
  button.append(image);
  button.addEventListener("click", () => {
    for (const other of $("strip").children) other.classList.toggle("now", other === button);
    look(blob);
  });
  $("strip")[chosen ? "prepend" : "append"](button);
  return button;
}

function dropped(files) {
  const pictures = [...files].filter(file => file.type.startsWith("image/") || !file.type);
  if (!pictures.length) say("", "no picture among what was dropped");
  else pictures.map(file => thumbnail(file, true)).at(-1).click();
}

// ---------------------------------------------------------------- the camera

function stop() {
  show.live = false;
  $("camera").setAttribute("aria-pressed", "false");
  for (const track of $("video").srcObject?.getTracks() ?? []) track.stop();
  $("video").srcObject = null;
}

async function camera() {
  if (show.live) { stop(); return; }
  try {
    $("video").srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 } } });
    await $("video").play();
  } catch (error) {
    say("", `no camera: ${error.message}`);
    return;
  }
  show.live = true;
  show.boxes = [];
  const turn = ++show.turn;
  $("camera").setAttribute("aria-pressed", "true");
  say("");
  while (show.live && turn === show.turn) await once(turn);
}

// A frame and the boxes in it are shown together: a network on a CPU is slower than a film.
async function once(turn) {
  const { videoWidth, videoHeight } = $("video");
  const scale = Math.min(1, CAMERA_SIDE / Math.max(videoWidth, videoHeight));
  const canvas = new OffscreenCanvas(Math.round(videoWidth * scale), Math.round(videoHeight * scale));
  canvas.getContext("2d").drawImage($("video"), 0, 0, canvas.width, canvas.height);
  try {
    const answer = await detect(await canvas.convertToBlob({ type: "image/jpeg", quality: 0.85 }));
    if (turn !== show.turn || !show.live) return;
    place(canvas.transferToImageBitmap(), [canvas.width, canvas.height]);
    take(answer);
  } catch (error) {
    say("", error.message);
    stop();
  }
}

// ---------------------------------------------------------------- events

addEventListener("dragover", event => { event.preventDefault(); $("stage").classList.add("over"); });
addEventListener("dragleave", () => $("stage").classList.remove("over"));
addEventListener("drop", event => {
  event.preventDefault();
  $("stage").classList.remove("over");
  dropped(event.dataTransfer.files);
});
addEventListener("paste", event => { if (event.clipboardData.files.length) dropped(event.clipboardData.files); });
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "g") $("grid").click();
  if (event.key === "c") camera();
});
$("file").addEventListener("change", () => { dropped($("file").files); $("file").value = ""; });
$("camera").addEventListener("click", camera);
$("grid").addEventListener("change", draw);
$("conf").addEventListener("input", list);

async function start() {
  show.facts = await get("api/demo");
  $("conf").value = show.facts.conf;
  $("facts").textContent = show.facts.weights;
  list();
  for (let i = 0; i < show.facts.samples.length; i++) {
    thumbnail(await (await fetch(`sample/${i}`)).blob());
  }
}

start().catch(error => say("", error.message));
