// The list of images: only the rows in sight are there, so that 20,000 are as quick as 20.

const ROW = 24;

export class List {
  constructor(box, rows, choose) {
    this.box = box;
    this.rows = rows;
    this.order = [];
    this.entries = [];
    this.at = -1;
    box.addEventListener("scroll", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(box);
    rows.addEventListener("click", event => {
      const row = event.target.closest(".row");
      if (row) choose(Number(row.dataset.index));
    });
  }

  set(entries, order, at) {
    this.entries = entries;
    this.order = order;
    this.at = at;
    this.rows.style.height = `${order.length * ROW}px`;
    this.draw();
  }

  reveal() {
    const place = this.order.indexOf(this.at) * ROW;
    if (place < 0) return;
    const { scrollTop, clientHeight } = this.box;
    if (place < scrollTop || place + ROW > scrollTop + clientHeight) this.box.scrollTop = place - clientHeight / 2;
  }

  draw() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / ROW) - 3);
    const last = Math.min(this.order.length, first + Math.ceil(this.box.clientHeight / ROW) + 7);
    const fresh = document.createDocumentFragment();
    for (let place = first; place < last; place++) {
      const index = this.order[place], entry = this.entries[index];
      const row = document.createElement("div");
      row.className = `row ${entry.state}${index === this.at ? " now" : ""}`;
      row.style.top = `${place * ROW}px`;
      row.dataset.index = index;
      row.title = entry.error ? `${entry.name}: ${entry.error}` : entry.name;
      for (const [kind, text] of [["dot", ""], ["title", entry.name], ["number", entry.objects || ""]]) {
        const part = document.createElement("span");
        part.className = kind;
        part.textContent = text;
        row.append(part);
      }
      fresh.append(row);
    }
    this.rows.replaceChildren(fresh);
  }
}
