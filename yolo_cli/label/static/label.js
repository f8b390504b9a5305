// The page: what is shown of which image, the keys, the panels.

import { bitmap, get, Refused } from "./api.js";
import { between, color, drawBox, hit, moved, overlap, resized } from "./boxes.js";
import { Findings } from "./findings.js";
import { List } from "./list.js";
import { Pointer } from "./pointer.js";
import { Sheet } from "./sheet.js";
import { View } from "./view.js";

const $ = id => document.getElementById(id);
const POLL = 1500; // milliseconds
const SAME = 0.5; // overlap with a box that is there, from which a proposal says nothing new
const PICTURES = 4; // kept

const desk = {
  session: null, entries: [], classes: [], counts: {}, revision: 0,
  order: [], at: -1, size: [1, 1], ready: false,
  selected: -1, picked: -1, grabbed: false, hidden: false, space: false, klass: 0,
  proposals: [], refused: new Map(), nameless: null,
};
const pictures = new Map();
let frame = 0;

desk.draw = () => { frame ||= requestAnimationFrame(paint); };
desk.view = new View($("canvas"), desk.draw);
desk.sheet = new Sheet(told);
const pointer = new Pointer($("canvas"), desk);
const list = new List($("list"), $("rows"), index => go(index));
const findings = new Findings($("findings"), desk, async finding => {
  await go(finding.index);
  if (!finding.box || desk.at !== finding.index) return;
  desk.view.reveal(finding.box);
  desk.select(desk.sheet.marks.findIndex(mark => overlap(mark.box, finding.box) > 0.95));
});

// ---------------------------------------------------------------- drawing

function paint() {
  frame = 0;
  const { view, sheet } = desk;
  view.draw();
  if (!desk.ready) return;
  if (!desk.hidden) {
    desk.proposals.forEach((one, i) => drawBox(
      view, one.box, `${one.name} ${Math.round(one.score * 100)}?`, shade(one.name), { proposed: true, selected: i === desk.picked }));
    const dragged = pointer.drag && pointer.drag.kind !== "draw" ? desk.selected : -1;
    sheet.marks.forEach((mark, i) => {
      if (i === dragged && pointer.preview) return;
      drawBox(view, mark.box, caption(mark), shade(mark.name), { selected: i === desk.selected });
    });
    findings.here(desk.at).forEach(one => { if (one.box) outline(one); });
  }
  if (desk.nameless) drawBox(view, desk.nameless, "?", shade(""), { selected: true });
  if (pointer.preview) {
    const held = pointer.drag.kind === "draw" ? null : sheet.marks[desk.selected];
    const name = held ? held.name : desk.classes[desk.klass] ?? "";
    const [x1, y1, x2, y2] = pointer.preview;
    drawBox(view, pointer.preview, `${name} ${Math.round(x2 - x1)}×${Math.round(y2 - y1)}`, shade(name), { selected: true });
  } else if (pointer.place && !desk.space) crosshair(pointer.place);
}

const shade = name => color(desk.classes.indexOf(name));
const caption = mark => mark.difficult ? `${mark.name} (difficult)` : mark.name;

function crosshair([x, y]) {
  const { context, canvas } = desk.view;
  context.fillStyle = "#ffffff50";
  context.fillRect(x, 0, 1, canvas.clientHeight);
  context.fillRect(0, y, canvas.clientWidth, 1);
}

function outline(finding) {
  const { context } = desk.view;
  const [x1, y1, x2, y2] = desk.view.toScreen(finding.box);
  context.save();
  context.strokeStyle = finding.severity === "error" ? "#ff7a70" : "#d9b45b";
  context.lineWidth = 2;
  context.setLineDash([2, 4]);
  context.strokeRect(x1 - 5, y1 - 5, x2 - x1 + 10, y2 - y1 + 10);
  context.restore();
}

// ---------------------------------------------------------------- going from image to image

async function picture(index) {
  if (!pictures.has(index)) {
    const loading = bitmap(`picture/${index}`);
    loading.catch(() => pictures.delete(index));
    pictures.set(index, loading);
    for (const old of pictures.keys()) if (pictures.size > PICTURES && old !== desk.at) pictures.delete(old);
  }
  return pictures.get(index);
}

// Nothing is left behind unsaved: the next image waits for the disk.
async function go(index) {
  if (index < 0 || index === undefined || index === desk.at) return;
  if (desk.at >= 0 && !await desk.sheet.save()) return;
  desk.at = index;
  desk.ready = false;
  desk.selected = desk.picked = -1;
  desk.nameless = null;
  desk.proposals = [];
  history.replaceState(null, "", `#${index + 1}`);
  refresh();
  list.reveal();
  try {
    const [label, screen] = await Promise.all([get(`api/label/${index}`), picture(index)]);
    if (desk.at !== index) return;
    desk.size = label.size;
    desk.sheet.open(index, label);
    desk.view.show({ index, size: label.size, screen }, desk.session.tile);
    desk.ready = true;
    note(index, label.state, label.marks.length);
    say("", label.problem ? `${label.problem}: what you draw takes the place of this label` : "");
    ahead(index);
    await propose(index);
  } catch (error) {
    if (desk.at !== index) return;
    desk.view.show(null);
    if (error instanceof Refused && error.status) {
      note(index, "broken", 0, error.message);
      say(error.message);
    } else say("", error.message, () => { desk.at = -1; go(index); });
  }
  refresh();
}

function ahead(index) {
  const next = following(index, 1);
  if (next >= 0 && desk.entries[next].state !== "broken") picture(next).catch(() => {});
}

function following(index, step, wanted = () => true) {
  const from = desk.order.indexOf(index);
  for (let place = from + step; place >= 0 && place < desk.order.length; place += step) {
    if (wanted(desk.entries[desk.order[place]])) return desk.order[place];
  }
  return -1;
}

const open = entry => entry.state === "open" || entry.state === "given";

async function done({ shiftKey }) {
  if (shiftKey) desk.accept(desk.proposals);
  if (desk.ready) {
    desk.sheet.set(desk.sheet.marks, true);
    if (!await desk.sheet.save()) return;
  }
  const here = desk.at;
  let next = following(here, 1, open);
  if (next < 0) next = desk.order.find(index => index !== here && open(desk.entries[index])) ?? -1;
  if (next >= 0) await go(next);
  else if (desk.entries.every(entry => !open(entry))) flash("all images are labelled");
  else await go(following(here, 1));
}

// ---------------------------------------------------------------- boxes

desk.select = index => {
  desk.selected = index;
  desk.picked = -1;
  desk.grabbed = index >= 0;
  refresh();
};

desk.drawn = (box, index) => {
  const marks = [...desk.sheet.marks];
  if (index >= 0) marks[index] = { ...marks[index], box };
  else if (desk.classes.length) marks.push({ name: desk.classes[desk.klass], box, difficult: false });
  else { // it waits for the name of the first class
    desk.nameless = box;
    $("new").placeholder = "what is it?";
    $("new").focus();
    return;
  }
  change(marks, index >= 0 ? index : marks.length - 1);
  if (index < 0) desk.grabbed = false; // the next box may begin inside of this one
};

desk.accept = proposals => {
  if (!proposals.length) return;
  const fresh = proposals.map(({ name, box }) => ({ name, box, difficult: false }));
  for (const { name } of fresh) learn(name);
  desk.proposals = desk.proposals.filter(one => !proposals.includes(one));
  change([...desk.sheet.marks, ...fresh], -1);
};

function change(marks, selected = desk.selected) {
  if (!desk.ready) return;
  desk.sheet.set(marks);
  desk.selected = Math.min(selected, marks.length - 1);
  desk.picked = -1;
  screen();
  refresh();
}

function step(direction) {
  if (!desk.ready) return;
  desk.sheet[direction]();
  desk.selected = -1;
  propose(desk.at);
  refresh();
}

function remove() {
  if (desk.picked >= 0) {
    const gone = desk.proposals.splice(desk.picked, 1);
    desk.refused.set(desk.at, [...desk.refused.get(desk.at) ?? [], ...gone]);
    desk.picked = Math.min(desk.picked, desk.proposals.length - 1);
  } else if (desk.selected >= 0) change(desk.sheet.marks.filter((_, i) => i !== desk.selected), -1);
  refresh();
}

desk.drop = point => {
  desk.selected = hit(desk.sheet.marks.map(mark => mark.box), ...point);
  desk.picked = desk.selected >= 0 ? -1 : hit(desk.proposals.map(one => one.box), ...point);
  remove();
};

function cycle(by) {
  const marks = desk.sheet.marks.length, all = marks + desk.proposals.length;
  if (!all) return;
  const now = desk.picked >= 0 ? marks + desk.picked : desk.selected;
  const next = now < 0 && by < 0 ? all - 1 : (now + by + all) % all;
  desk.select(next < marks ? next : -1);
  desk.picked = next < marks ? -1 : next - marks;
  refresh();
}

function nudge(dx, dy, corner) {
  const mark = desk.sheet.marks[desk.selected];
  const box = corner ? resized(mark.box, { right: true, bottom: true }, dx, dy, desk.size) : moved(mark.box, dx, dy, desk.size);
  change(desk.sheet.marks.map((one, i) => i === desk.selected ? { ...one, box } : one));
}

function middle() {
  const { clientWidth, clientHeight } = desk.view.canvas;
  const [x, y] = [0.4, 0.6].map(part => desk.view.toImage(clientWidth * part, clientHeight * part));
  desk.drawn(between(x, y, desk.size), -1);
  desk.grabbed = true;
}

// ---------------------------------------------------------------- proposals

async function propose(index) {
  if (!desk.session.weights || desk.entries[index].state === "done" || desk.sheet.kept && !desk.sheet.canUndo) return;
  try {
    const found = await get(`api/proposals/${index}`);
    if (desk.at !== index) return;
    desk.found = { index, proposals: found };
    screen();
    refresh();
    const next = following(index, 1);
    if (next >= 0 && open(desk.entries[next])) get(`api/proposals/${next}`).catch(() => {});
  } catch (error) {
    if (desk.at === index) say("", `no proposals: ${error.message}`);
  }
}

// Those that say something new.
function screen() {
  if (desk.found?.index !== desk.at) return;
  const refused = desk.refused.get(desk.at) ?? [];
  desk.proposals = desk.found.proposals.filter(one =>
    !desk.sheet.marks.some(mark => overlap(mark.box, one.box) > SAME) &&
    !refused.some(other => overlap(other.box, one.box) > 0.99));
}

// ---------------------------------------------------------------- classes

function learn(name) {
  if (!desk.classes.includes(name)) desk.classes.push(name);
  return desk.classes.indexOf(name);
}

function choose(number) {
  if (number >= desk.classes.length) return;
  desk.klass = number;
  const box = desk.nameless;
  desk.nameless = null;
  if (box) { desk.drawn(box, -1); return; }
  const name = desk.classes[number];
  if (desk.picked >= 0) {
    const one = { ...desk.proposals[desk.picked], name };
    desk.proposals.splice(desk.picked, 1);
    desk.accept([one]);
  } else if (desk.selected >= 0) {
    change(desk.sheet.marks.map((mark, i) => i === desk.selected ? { ...mark, name } : mark));
  }
  refresh();
}

function matching() {
  const text = $("new").value.trim().toLowerCase();
  const starts = desk.classes.findIndex(name => name.toLowerCase().startsWith(text));
  return text ? (starts >= 0 ? starts : desk.classes.findIndex(name => name.toLowerCase().includes(text))) : -1;
}

$("naming").addEventListener("submit", event => {
  event.preventDefault();
  const text = $("new").value.trim().replace(/\s+/g, " ");
  if (!text) return;
  const exact = desk.classes.indexOf(text);
  const found = exact >= 0 || event.submitter ? exact : matching();
  choose(found >= 0 && !event.shiftKey ? found : learn(text));
  $("new").value = "";
  $("new").placeholder = "class …  C";
  $("canvas").focus();
  refresh();
});

// ---------------------------------------------------------------- panels

function note(index, state, objects, error = "") {
  Object.assign(desk.entries[index], { state, objects, error });
}

function arrange() {
  const text = $("filter").value.trim().toLowerCase(), state = $("show").value;
  desk.order = [];
  desk.entries.forEach((entry, index) => {
    if ((!state || entry.state === state || index === desk.at) && (!text || entry.name.toLowerCase().includes(text))) desk.order.push(index);
  });
  if ($("order").value === "uncertain") {
    const score = index => desk.entries[index].score ?? -1;
    desk.order.sort((a, b) => score(b) - score(a) || a - b);
  }
}

function refresh() {
  const entry = desk.entries[desk.at];
  $("name").textContent = $("name").title = entry?.name ?? "";
  const place = desk.order.indexOf(desk.at) + 1;
  const number = desk.ready ? desk.sheet.marks.length : 0;
  $("facts").textContent = !entry ? "" : desk.ready
    ? `${place || "–"} of ${desk.order.length} · ${desk.size[0]}×${desk.size[1]} · ${number} ${number === 1 ? "box" : "boxes"}`
    : `${place || "–"} of ${desk.order.length}`;
  $("undo").disabled = !desk.ready || !desk.sheet.canUndo;
  $("redo").disabled = !desk.ready || !desk.sheet.canRedo;
  $("accept").hidden = !desk.proposals.length;
  $("done").disabled = !entry;
  document.body.dataset.image = desk.ready ? desk.at + 1 : "";
  list.set(desk.entries, desk.order, desk.at);
  const labelled = desk.entries.reduce((sum, one) => sum + (one.state === "done"), 0);
  $("summary").textContent = `${labelled} of ${desk.entries.length} labelled`;
  drawClasses();
  findings.draw();
  desk.draw();
}

function drawClasses() {
  const found = matching();
  const current = desk.sheet.marks[desk.ready ? desk.selected : -1]?.name ?? desk.classes[desk.klass];
  $("classes").replaceChildren(...desk.classes.map((name, number) => {
    const item = document.createElement("li");
    const typed = $("new").value.trim() !== "";
    item.className = (typed ? number === found : name === current) ? "now" : "";
    item.title = name;
    const swatch = document.createElement("span");
    swatch.className = "swatch";
    swatch.style.background = color(number);
    const title = document.createElement("span");
    title.className = "title";
    title.textContent = name;
    const count = document.createElement("span");
    count.className = "number";
    count.textContent = desk.counts[name] ?? 0;
    item.append(swatch, title, count);
    if (number < 10) {
      const key = document.createElement("kbd");
      key.textContent = (number + 1) % 10;
      item.append(key);
    }
    item.addEventListener("click", () => choose(number));
    return item;
  }));
}

// In the middle of the stage, or in a line above it with a way out.
function say(message, banner = "", again = null) {
  $("message").hidden = !message;
  $("message").textContent = message;
  $("banner").hidden = !banner;
  $("banner").classList.toggle("mild", !again);
  $("banner").firstElementChild.textContent = banner;
  $("banner").lastElementChild.hidden = !again;
  $("banner").lastElementChild.onclick = again;
}

function flash(text) {
  if ($("saved").textContent !== text) $("saved").textContent = text;
}

function told(what, error) {
  if (what === "saving") flash("saving …");
  if (what === "saved") {
    flash("saved");
    if (!$("banner").hidden && $("banner").lastElementChild.onclick) say("");
    const state = desk.sheet.version ? "done" : desk.entries[desk.sheet.index].given ? "given" : "open";
    note(desk.sheet.index, state, desk.sheet.marks.length);
    refresh();
  }
  if (what === "failed") {
    flash("not saved");
    say("", `not saved: ${error.message}`, () => desk.sheet.save());
  }
  if (what === "conflict") {
    desk.selected = -1;
    say("", "another program has changed this label: its boxes are shown; undo brings yours back");
    refresh();
  }
}

// ---------------------------------------------------------------- what happens elsewhere

async function poll() {
  try {
    const news = await get(`api/changes/${desk.revision}`);
    desk.revision = news.revision;
    desk.counts = news.counts;
    news.classes.forEach(learn);
    let here = false;
    for (const [index, state, objects, score, error] of news.images) {
      const entry = desk.entries[index];
      Object.assign(entry, { objects, score, error, state, given: entry.given || state === "given" });
      here ||= index === desk.at;
    }
    if (news.images.length && desk.at >= 0) arrange();
    const { what, done: number, total } = news.progress;
    $("progress").textContent = what ? `${what} ${number}${total ? ` of ${total}` : ""}` : "";
    if (news.problem) $("progress").textContent = news.problem;
    if (here) await follow();
    findings.poll(news);
    if (desk.at >= 0) refresh();
  } catch (error) {
    flash(error.status === 0 ? "the server does not answer" : error.message);
  }
  setTimeout(poll, document.hidden ? 4 * POLL : POLL);
}

// Another window has changed the label at hand.
async function follow() {
  const { sheet, at } = desk;
  if (!desk.ready || sheet.dirty || sheet.running || pointer.drag) return;
  const label = await get(`api/label/${at}`);
  if (desk.at !== at || sheet.dirty || sheet.running || label.version === sheet.version) return;
  sheet.take(label);
  desk.selected = -1;
}

// ---------------------------------------------------------------- keys and buttons

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KEYS = {
  enter: done,
  d: () => go(following(desk.at, 1)), a: () => go(following(desk.at, -1)),
  pagedown: () => go(following(desk.at, 1)), pageup: () => go(following(desk.at, -1)),
  u: () => step("undo"), r: () => step("redo"),
  x: remove, delete: remove, backspace: remove,
  y: () => desk.accept(desk.picked >= 0 ? [desk.proposals[desk.picked]] : desk.proposals),
  n: () => desk.ready && middle(),
  c: () => $("new").focus(), "/": () => $("filter").focus(), "?": () => $("keys").showModal(),
  "+": () => desk.view.zoom(1.25), "=": () => desk.view.zoom(1.25), "-": () => desk.view.zoom(0.8),
  f: () => desk.view.fit(), z: () => desk.view.zoom(1 / desk.view.scale / devicePixelRatio),
  w: () => desk.view.pan(0, 80), s: () => desk.view.pan(0, -80), q: () => desk.view.pan(80, 0), e: () => desk.view.pan(-80, 0),
  h: () => { desk.hidden = !desk.hidden; refresh(); },
  g: () => change(desk.sheet.marks.map((mark, i) => i === desk.selected ? { ...mark, difficult: !mark.difficult } : mark)),
  k: () => findings.check(),
  escape: () => { pointer.stop(); desk.nameless = null; desk.select(-1); },
};

addEventListener("keydown", event => {
  if ($("keys").open) return;
  const typing = event.target.closest?.("input, select");
  if (typing) {
    if (event.key === "Escape" || (event.key === "Enter" && event.target.id === "filter")) $("canvas").focus();
    return;
  }
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" || key === "y") {
      event.preventDefault();
      step(key === "y" || event.shiftKey ? "redo" : "undo");
    }
    return;
  }
  const arrow = ARROWS[event.key];
  if (arrow) {
    event.preventDefault();
    const by = event.shiftKey ? 10 : 1;
    if (desk.selected >= 0) nudge(arrow[0] * by, arrow[1] * by, event.altKey);
    else if (arrow[0]) go(following(desk.at, arrow[0]));
    return;
  }
  if (event.altKey) return;
  if (key === "tab" && desk.ready) { event.preventDefault(); cycle(event.shiftKey ? -1 : 1); return; }
  if (event.key === " ") { event.preventDefault(); desk.space = true; desk.view.canvas.style.cursor = "grab"; return; }
  if (/^\d$/.test(key)) { choose((Number(key) + 9) % 10); return; }
  const action = KEYS[key];
  if (!action || (event.key === "Enter" && event.target.closest?.("button"))) return;
  event.preventDefault();
  action(event);
});
addEventListener("keyup", event => {
  if (event.key === " ") { desk.space = false; desk.view.canvas.style.cursor = "crosshair"; desk.draw(); }
});
addEventListener("beforeunload", event => { if (desk.sheet.dirty) event.preventDefault(); });

for (const [id, key] of [["previous", "a"], ["next", "d"], ["undo", "u"], ["redo", "r"], ["accept", "y"], ["done", "enter"], ["help", "?"], ["check", "k"]]) {
  $(id).addEventListener("click", event => { KEYS[key](event); if (id !== "help") $("canvas").focus(); });
}
for (const id of ["filter", "show", "order"]) $(id).addEventListener("input", () => { arrange(); refresh(); list.reveal(); });
for (const id of ["show", "order"]) $(id).addEventListener("change", () => $("canvas").focus());
$("new").addEventListener("input", drawClasses);

async function start() {
  desk.session = await get("api/session");
  desk.entries = desk.session.names.map(name => ({ name, state: "open", objects: 0, score: null, error: "", given: false }));
  $("order").hidden = !desk.session.uncertain;
  if (desk.session.uncertain) $("order").value = "uncertain";
  document.title = `${desk.session.folder.split(/[\\/]/).pop()} – yolo label`;
  await poll();
  arrange();
  const asked = Number(location.hash.slice(1)) - 1;
  const first = asked >= 0 && asked < desk.entries.length ? asked : desk.order.find(index => open(desk.entries[index])) ?? desk.order[0];
  $("canvas").focus();
  await go(first);
}

start().catch(error => say(error.message));
window.yolo = { desk }; // for the console, and for tests
