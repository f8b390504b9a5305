"use strict";
// Sortable tables: a press on a column's name sorts by it, a second one turns the order round.
// Numbers begin with the highest, names with the first; what has no number stays at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const names = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const sort = (column) => {
    const numeric = heads[column].classList.contains("num");
    const now = heads[column].getAttribute("aria-sort");
    const ascending = now === "none" ? !numeric : now === "descending";
    const sign = ascending ? 1 : -1;
    const value = (row) => Number.parseFloat(row.cells[column].dataset.v);
    const rows = [...body.rows];
    rows.sort((one, other) => {
      if (!numeric) {
        return sign * names.compare(one.cells[column].textContent, other.cells[column].textContent);
      }
      const a = value(one);
      const b = value(other);
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
      return sign * (a - b);
    });
    body.append(...rows);
    for (const head of heads) head.setAttribute("aria-sort", "none");
    heads[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
  };
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => sort(column));
  });
}
