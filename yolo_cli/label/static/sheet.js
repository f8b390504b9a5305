// The labels of the image that is shown: their history, and their way to the disk.
// A state is { marks, kept }: its boxes, and whether there is a label with them, or none at all.

import { send } from "./api.js";

const same = (a, b) => a.kept === b.kept && JSON.stringify(a.marks) === JSON.stringify(b.marks);

export class Sheet {
  // `tell(what, error)` is called with "saving", "saved", "failed" or "conflict".
  constructor(tell) {
    this.tell = tell;
    this.histories = new Map(); // undo goes on where one comes back to an image
    this.index = -1;
    this.running = null;
  }

  open(index, label) {
    const state = { marks: label.marks, kept: label.version !== "" };
    this.index = index;
    this.version = label.version;
    this.history = this.histories.get(index) ?? { past: [], future: [] };
    this.histories.set(index, this.history);
    if (this.history.now && !same(this.history.now, state)) this.history.past.push(this.history.now);
    this.history.now = state;
    this.written = state;
  }

  get marks() { return this.history?.now.marks ?? []; }
  get kept() { return this.history?.now.kept ?? false; }
  get dirty() { return this.index >= 0 && this.history.now !== this.written; }
  get canUndo() { return (this.history?.past.length ?? 0) > 0; }
  get canRedo() { return (this.history?.future.length ?? 0) > 0; }

  // Boxes alone make a label; that there are none has to be said (`kept`), or was said before.
  set(marks, kept = this.version !== "" || marks.length > 0) {
    const state = { marks, kept };
    if (same(state, this.history.now)) return;
    this.history.past.push(this.history.now);
    this.history.future = [];
    this.history.now = state;
    this.save();
  }

  undo() { this.step(this.history.past, this.history.future); }
  redo() { this.step(this.history.future, this.history.past); }

  step(from, to) {
    if (!from.length) return;
    to.push(this.history.now);
    this.history.now = from.pop();
    this.save();
  }

  // Theirs are shown; one step back are those of this page.
  take(label) {
    this.open(this.index, label);
  }

  // Resolves once all is on disk (true), or cannot be (false).
  save() {
    this.running ??= this.write().finally(() => { this.running = null; });
    return this.running;
  }

  async write() {
    while (this.dirty) {
      const state = this.history.now;
      this.tell("saving");
      try {
        const path = `api/label/${this.index}`;
        const done = state.kept || this.version === ""
          ? await send("PUT", path, { marks: state.marks, version: this.version })
          : await send("DELETE", path, { version: this.version });
        this.version = done.version;
        this.written = state;
      } catch (error) {
        if (error.status === 409) {
          this.take(error.said);
          this.tell("conflict");
          return true;
        }
        this.tell("failed", error);
        return false;
      }
    }
    this.tell("saved");
    return true;
  }
}
