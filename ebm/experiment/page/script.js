"use strict";
// Tables are sorted by a click on the head of a column; what has no value stays at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.addEventListener("click", (event) => {
    const head = event.target.closest("th");
    if (!head) return;
    const down = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (row) => row.cells[head.cellIndex].dataset.value;
    const rows = Array.from(table.tBodies[0].rows).sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
      const numbers = x !== "" && y !== "" && !isNaN(x) && !isNaN(y);
      return (numbers ? x - y : x.localeCompare(y, undefined, { numeric: true })) * (down ? -1 : 1);
    });
    table.tBodies[0].append(...rows);
  });
}
// The curves of one setting light up with its row, its name or themselves; a click on the name keeps them lit.
let pinned = null;
const light = (series) => {
  document.body.classList.toggle("lit", series !== null);
  for (const part of document.querySelectorAll("[data-series]")) part.classList.toggle("on", part.dataset.series === series);
};
const over = (event) => event.target.closest ? event.target.closest("[data-series]") : null;
document.addEventListener("mouseover", (event) => light(over(event) ? over(event).dataset.series : pinned));
document.addEventListener("focusin", (event) => light(over(event) ? over(event).dataset.series : pinned));
document.addEventListener("click", (event) => {
  const button = event.target.closest(".legend button");
  if (!button) return;
  const series = button.closest("[data-series]").dataset.series;
  pinned = pinned === series ? null : series;
  for (const one of document.querySelectorAll(".legend button")) {
    one.setAttribute("aria-pressed", String(one.closest("[data-series]").dataset.series === pinned));
  }
  light(pinned);
});
