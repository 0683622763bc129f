/* Keeps the page of a study up to date: by Server-Sent Events, or by polling where they fail. And
   does what its buttons say, by the API. */
"use strict";
(() => {
  const live = document.getElementById("live");
  const message = document.getElementById("message");
  const study = live.dataset.study;
  const FINISHED = ["completed", "failed", "cancelled"];
  const PAUSE_MS = 2000; // between two refreshes
  let timer = null, source = null, failures = 0, polling = null;

  function say(text) {
    message.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => { message.textContent = ""; }, 12000);
  }

  const state = () => document.getElementById("status").dataset.state;

  function refresh() {
    timer = null;
    if (document.hidden) return; // the page asks again when it is looked at
    htmx.trigger(live, "study-changed");
  }

  function changed() {
    timer ??= setTimeout(refresh, PAUSE_MS);
  }

  function stop() {
    source?.close();
    source = null;
    clearInterval(polling);
    polling = null;
  }

  function poll() {
    polling ??= setInterval(refresh, 2 * PAUSE_MS);
  }

  function follow() {
    if (source || polling || FINISHED.includes(state())) return;
    if (!window.EventSource) return poll();
    source = new EventSource(`/v1/studies/${study}/events`);
    for (const kind of ["trial", "progress", "verdict"]) source.addEventListener(kind, changed);
    source.addEventListener("state", (event) => {
      changed();
      if (FINISHED.includes(JSON.parse(event.data).state)) stop();
    });
    source.addEventListener("open", () => { failures = 0; });
    source.addEventListener("error", () => {
      failures += 1;
      if (failures < 3 && source?.readyState !== EventSource.CLOSED) return;
      stop();
      poll();
    });
  }

  async function ask(method, path, body) {
    const request = { method, headers: { Accept: "application/json" } };
    if (body !== undefined) {
      request.body = JSON.stringify(body);
      request.headers["Content-Type"] = "application/json";
    }
    try {
      const answer = await fetch(path, request);
      const known = answer.status === 204 ? {} : await answer.json();
      return { ok: answer.ok, ...known };
    } catch (error) {
      return { ok: false, detail: `The server does not answer (${error.message}).` };
    }
  }

  async function act(method, path, body, done) {
    const answer = await ask(method, path, body);
    say(answer.ok ? done : answer.detail);
    if (answer.ok) { refresh(); }
    return answer;
  }

  const tryIt = (params) =>
    act("POST", `/v1/studies/${study}/trials`, { params }, "It will be tried next.");

  function edit(params) {
    const dialog = document.getElementById("edit");
    const fields = dialog.querySelector(".fields");
    fields.replaceChildren(...Object.entries(params).map(([name, value]) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      const wrong = document.createElement("span");
      wrong.className = "wrong";
      wrong.id = `wrong-${name}`;
      input.name = name;
      input.value = value === null ? "null" : String(value);
      input.setAttribute("aria-describedby", wrong.id);
      label.append(name.replaceAll("_", " "), input, wrong);
      return label;
    }));
    dialog.showModal();
  }

  function valueOf(text) {
    try { return JSON.parse(text); } catch { return text; }
  }

  async function submitTrial(form) {
    const inputs = [...form.querySelectorAll(".fields input")];
    const params = {};
    for (const input of inputs) {
      document.getElementById(`wrong-${input.name}`).textContent = "";
      if (input.value.trim() !== "") params[input.name] = valueOf(input.value.trim());
    }
    const answer = await tryIt(params);
    if (answer.ok) return form.closest("dialog").close();
    for (const { pointer, detail } of answer.errors ?? []) {
      const place = document.getElementById(`wrong-${pointer.split("/").pop()}`);
      if (place) place.textContent = detail;
    }
  }

  function download(blob, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  }

  // Sent as it is: the service knows what kind of table it is.
  async function predict(form) {
    const place = document.getElementById("predicted");
    const wrong = document.getElementById("wrong-rows");
    wrong.textContent = "";
    place.textContent = "Predicting …";
    const request = { method: "POST", body: form.elements.rows.files[0], headers: { "Content-Type": "text/csv", Accept: "text/csv" } };
    try {
      const answer = await fetch(form.dataset.predict, request);
      if (answer.ok) {
        download(await answer.blob(), form.dataset.name);
        const warnings = JSON.parse(answer.headers.get("Prediction-Warnings") ?? "[]");
        place.textContent = ["Done.", ...warnings].join(" ");
        return;
      }
      wrong.textContent = (await answer.json()).detail;
    } catch (error) {
      wrong.textContent = `The server does not answer (${error.message}).`;
    }
    place.textContent = "";
  }

  // `?trial=7` opens a trial, as notes in the dashboard ask for.
  function openTrial() {
    const number = new URLSearchParams(location.search).get("trial");
    if (/^\d+$/.test(number ?? "")) htmx.ajax("GET", `/studies/${study}/trials/${number}`, "#trial");
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { sure } = button.dataset;
    if (button.dataset.post) {
      if (!sure || confirm(sure)) await act("POST", button.dataset.post, undefined, `${button.textContent}: asked for.`);
    } else if (button.dataset.delete) {
      if (!confirm(sure)) return;
      const answer = await ask("DELETE", button.dataset.delete);
      if (answer.ok) location.assign("/");
      else say(answer.detail);
    } else if (button.dataset.try) {
      await tryIt(JSON.parse(button.dataset.try));
    } else if (button.dataset.edit) {
      edit(JSON.parse(button.dataset.edit));
    } else if ("close" in button.dataset) {
      button.closest("dialog").close();
    }
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.dataset.trialForm) {
      event.preventDefault();
      await submitTrial(form);
    } else if (form.dataset.predict) {
      event.preventDefault();
      await predict(form);
    } else if (form.dataset.json) {
      event.preventDefault();
      const body = Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, Number(value)]));
      await act("POST", form.dataset.json, body, "Queued again.");
    }
  });

  document.body.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id === "trial") {
      window.showTrialFigures();
      document.getElementById("title-trial")?.focus();
    }
  });
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== live || !event.detail.successful) return;
    window.prepareTables();
    window.showFigures();
    document.getElementById("takehome").hidden = state() !== "completed";
    follow();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  follow();
  openTrial();
})();
