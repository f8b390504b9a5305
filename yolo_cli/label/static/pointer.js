// The mouse on the picture: draws, selects, moves and resizes boxes, pans and zooms.

import { between, cursor, edges, hit, moved, resized } from "./boxes.js";

const STILL = 4; // CSS pixels within which a press is a click

export class Pointer {
  // `desk` has: view, sheet, selected, grabbed, hidden, space, proposals, select(), draw(),
  // accept(), drop().
  constructor(canvas, desk) {
    this.canvas = canvas;
    this.desk = desk;
    this.drag = null;
    this.place = null;
    canvas.addEventListener("pointerdown", event => this.down(event));
    canvas.addEventListener("pointermove", event => this.move(event));
    canvas.addEventListener("pointerup", event => this.up(event));
    canvas.addEventListener("pointercancel", () => this.stop());
    canvas.addEventListener("pointerleave", () => { this.place = null; desk.draw(); });
    canvas.addEventListener("contextmenu", event => event.preventDefault());
    canvas.addEventListener("wheel", event => this.wheel(event), { passive: false });
  }

  get preview() { return this.drag?.box ?? null; }

  stop() {
    this.drag = null;
    this.desk.draw();
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    this.desk.view.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), event.offsetX, event.offsetY);
  }

  down(event) {
    const { desk } = this;
    if (!desk.ready) return;
    this.canvas.focus();
    this.canvas.setPointerCapture(event.pointerId);
    const start = [event.offsetX, event.offsetY];
    if (event.button !== 0 || desk.space) {
      this.drag = { kind: "pan", at: start, start, moved: false };
      return;
    }
    const point = desk.view.toImage(...start);
    this.drag = { kind: "draw", start, point, box: null, moved: false };
    if (desk.hidden || event.ctrlKey) return;
    const held = desk.selected >= 0 ? desk.sheet.marks[desk.selected] : null;
    const near = held && edges(held.box, ...start, desk.view);
    if (near) Object.assign(this.drag, { kind: "resize", near, from: held.box });
    else if (held && desk.grabbed && hit([held.box], ...point) === 0) Object.assign(this.drag, { kind: "move", from: held.box });
  }

  move(event) {
    const { desk, drag } = this;
    const here = [event.offsetX, event.offsetY];
    this.place = here;
    if (!desk.ready) return;
    if (drag?.kind === "pan") {
      if (!(drag.moved ||= this.far(drag, here))) return;
      desk.view.pan(here[0] - drag.at[0], here[1] - drag.at[1]);
      drag.at = here;
      return;
    }
    if (drag) this.pull(drag, here);
    else this.canvas.style.cursor = this.shape(here);
    desk.draw();
  }

  far({ start }, here) { return Math.hypot(here[0] - start[0], here[1] - start[1]) > STILL; }

  pull(drag, here) {
    const { view, size } = this.desk;
    drag.moved ||= this.far(drag, here);
    if (!drag.moved) return;
    const point = view.toImage(...here);
    const dx = point[0] - drag.point[0], dy = point[1] - drag.point[1];
    if (drag.kind === "draw") drag.box = between(drag.point, point, size);
    else if (drag.kind === "move") drag.box = moved(drag.from, dx, dy, size);
    else drag.box = resized(drag.from, drag.near, dx, dy, size);
  }

  shape(here) {
    const { desk } = this;
    if (desk.space) return "grab";
    const held = desk.selected >= 0 ? desk.sheet.marks[desk.selected] : null;
    const near = held && !desk.hidden && edges(held.box, ...here, desk.view);
    if (near) return cursor(near);
    return held && desk.grabbed && hit([held.box], ...desk.view.toImage(...here)) === 0 ? "move" : "crosshair";
  }

  up(event) {
    const { desk, drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.kind === "pan") {
      if (event.button === 2 && !drag.moved && !desk.hidden) desk.drop(desk.view.toImage(event.offsetX, event.offsetY));
      return;
    }
    if (drag.box) desk.drawn(drag.box, drag.kind === "draw" ? -1 : desk.selected);
    else if (!drag.moved && !desk.hidden) this.click(desk.view.toImage(event.offsetX, event.offsetY));
    desk.draw();
  }

  click(point) {
    const { desk } = this;
    const marks = desk.sheet.marks.map(mark => mark.box);
    const own = hit(marks, ...point);
    const other = hit(desk.proposals.map(one => one.box), ...point);
    if (other >= 0 && own < 0) desk.accept([desk.proposals[other]]);
    else desk.select(own);
  }
}
