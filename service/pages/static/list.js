/* The list of studies: refreshed while one of them runs, and two to four may be compared. */
"use strict";
(() => {
  const PAUSE_MS = 5000;
  const compare = document.getElementById("compare");
  let ticked = new Set();

  const boxes = () => [...compare.querySelectorAll("input[name=study]")];

  function update() {
    const button = compare.querySelector("button[type=submit]");
    if (button) button.disabled = ticked.size < 2 || ticked.size > 4;
  }

  compare.addEventListener("change", () => {
    ticked = new Set(boxes().filter((box) => box.checked).map((box) => box.value));
    update();
  });

  document.body.addEventListener("htmx:afterSettle", () => {
    window.prepareTables();
    for (const box of boxes()) box.checked = ticked.has(box.value);
    update();
  });

  setInterval(() => {
    const isMoving = document.querySelector(".state-queued, .state-running");
    const isUsed = compare.contains(document.activeElement);
    if (isMoving && !isUsed && !document.hidden) {
      const search = location.search;
      const refresher = document.getElementById("list-refresh");
      refresher.setAttribute("hx-get", `/${search}`);
      htmx.process(refresher);
      htmx.trigger(refresher, "refresh-list");
    }
  }, PAUSE_MS);
  update();
})();
