/* Draws the figures that #figures-data holds, in the colours of the page's theme, each when it
   comes into view. */
"use strict";
(() => {
  const CONFIG = { displayModeBar: false, responsive: true };
  const waiting = new Map(); // element -> figure that it does not show yet
  const shown = new Map(); // element -> figure that it shows

  function themed(layout) {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const copy = structuredClone(layout);
    copy.font = { family: "system-ui, sans-serif", size: 12, color: colour("--text") };
    copy.hoverlabel = { bgcolor: colour("--card"), font: { color: colour("--text") } };
    for (const [name, axis] of Object.entries(copy)) {
      if (/^[xy]axis\d*$/.test(name)) {
        Object.assign(axis, { gridcolor: colour("--grid"), zerolinecolor: colour("--line"), linecolor: colour("--line") });
      }
    }
    return copy;
  }

  function draw(element, figure) {
    shown.set(element, figure);
    element.setAttribute("aria-label", figure.layout.meta.summary);
    element.style.minHeight = `${figure.layout.height}px`;
    Plotly.react(element, structuredClone(figure.data), themed(figure.layout), CONFIG);
  }

  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      const figure = waiting.get(target);
      if (!isIntersecting || !figure) continue;
      waiting.delete(target);
      observer.unobserve(target);
      draw(target, figure);
    }
  }, { rootMargin: "300px" });

  function show(element, figure) {
    const before = shown.get(element);
    if (before && JSON.stringify(before) === JSON.stringify(figure)) return;
    if (before) return draw(element, figure);
    waiting.set(element, figure);
    observer.observe(element);
  }

  function read(id) {
    const element = document.getElementById(id);
    return element ? JSON.parse(element.textContent) : null;
  }

  function say(element, figure) {
    const summary = element.parentElement.querySelector(".summary");
    if (summary) summary.textContent = figure.layout.meta.summary;
  }

  function showLayers(layers) {
    const select = document.querySelector("[data-layers]");
    const element = document.querySelector("[data-layers-of]");
    const figure = select && layers[select.value];
    if (!figure) return;
    show(element, figure);
    say(element, figure);
    document.querySelectorAll("[data-trial]").forEach((part) => {
      part.hidden = part.dataset.trial !== select.value;
    });
  }

  window.showFigures = () => {
    const { figures, layers } = read("figures-data");
    document.querySelectorAll("[data-figure]").forEach((element) => {
      const figure = figures[element.dataset.figure];
      element.parentElement.hidden = !figure;
      if (!figure) return;
      show(element, figure);
      say(element, figure);
    });
    showLayers(layers);
  };

  window.showTrialFigures = () => {
    const figures = read("trial-figures") ?? {};
    document.querySelectorAll("[data-trial-figure]").forEach((element) => {
      draw(element, figures[element.dataset.trialFigure]);
    });
  };

  function redraw() {
    for (const [element, figure] of shown) {
      if (element.isConnected) draw(element, figure);
      else shown.delete(element);
    }
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("beforeprint", () => {
    for (const [element, figure] of waiting) draw(element, figure);
    waiting.clear();
  });
  document.querySelector("[data-layers]")?.addEventListener("change", () => showLayers(read("figures-data").layers));
  window.showFigures();
})();
