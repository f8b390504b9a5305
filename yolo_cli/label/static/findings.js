// What `yolo check` finds, beside the image that it is about; a click leads there.

import { get, send } from "./api.js";

const SHOWN = 200;

export class Findings {
  constructor(box, desk, lead) {
    this.list = box.querySelector("ul");
    this.button = box.querySelector("button");
    this.desk = desk;
    this.lead = lead;
    this.found = null;
    this.version = 0;
    this.error = "";
  }

  here(index) {
    return this.found?.filter(one => one.index === index) ?? [];
  }

  async check() {
    this.button.disabled = true;
    try { await send("POST", "api/check", {}); } catch (error) { this.error = error.message; this.button.disabled = false; }
    this.draw(true);
  }

  async poll(news) {
    if (news.checked === undefined || news.checked === this.version) return;
    this.version = news.checked;
    const { findings, error } = await get("api/findings");
    this.found = findings;
    this.error = error;
    this.button.disabled = false;
    this.draw(true);
    this.desk.draw();
  }

  draw(always = false) {
    if (!always && this.drawn === this.desk.at) return;
    this.drawn = this.desk.at;
    const own = this.here(this.desk.at);
    const items = own.map(one => this.item(one, true));
    if (this.error) items.push(this.plain(this.error));
    if (this.found) {
      const rest = this.found.filter(one => one.index !== this.desk.at);
      items.push(this.plain(rest.length ? (own.length ? "elsewhere:" : "") : own.length ? "" : "nothing is wrong"));
      items.push(...rest.slice(0, SHOWN).map(one => this.item(one, false)));
      if (rest.length > SHOWN) items.push(this.plain(`and ${rest.length - SHOWN} more: yolo check`));
    }
    this.list.replaceChildren(...items.filter(item => item.textContent));
  }

  plain(text) {
    const item = document.createElement("li");
    item.className = "plain";
    item.textContent = text;
    return item;
  }

  item(one, here) {
    const item = document.createElement("li");
    const known = one.index !== null;
    item.className = known ? one.severity : `${one.severity} plain`;
    const where = known && !here ? `${this.desk.entries[one.index].name}: ` : "";
    item.textContent = `${where}${one.message}`;
    item.title = `${one.code}: ${one.remedy}`;
    if (known) item.addEventListener("click", () => this.lead(one));
    return item;
  }
}
