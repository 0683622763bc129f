/* Tables of class "sortable": a click on a heading sorts by its column, another one the other way.
   Cells sort by data-value where they have one, as numbers where both are. Empty ones come last. */
"use strict";
(() => {
  const chosen = new Map(); // id of a table -> [column, direction], so that a new one is sorted alike

  function key(row, column) {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent.trim();
  }

  function compare(a, b) {
    const x = Number(a), y = Number(b);
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  }

  function sort(table, column, direction) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [key(row, column), row]);
    const isEmpty = (value) => value === "" || value === "–";
    rows.sort(([a], [b]) => {
      if (isEmpty(a) || isEmpty(b)) return isEmpty(a) - isEmpty(b);
      return direction * compare(a, b);
    });
    body.append(...rows.map(([, row]) => row));
    [...table.tHead.rows[0].cells].forEach((cell, place) => {
      if (cell.firstElementChild?.tagName !== "BUTTON") return;
      const order = direction > 0 ? "ascending" : "descending";
      cell.setAttribute("aria-sort", place === column ? order : "none");
    });
    if (table.id) chosen.set(table.id, [column, direction]);
  }

  function prepare(table) {
    if (table.dataset.prepared) return;
    table.dataset.prepared = "yes";
    [...table.tHead.rows[0].cells].forEach((cell, column) => {
      if (cell.classList.contains("plain")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = cell.textContent;
      button.addEventListener("click", () => {
        sort(table, column, cell.getAttribute("aria-sort") === "ascending" ? -1 : 1);
      });
      cell.replaceChildren(button);
      cell.setAttribute("aria-sort", "none");
    });
    const before = chosen.get(table.id);
    if (before) sort(table, ...before);
  }

  window.prepareTables = () => document.querySelectorAll("table.sortable").forEach(prepare);
  window.prepareTables();
})();
