/* The form of a new study: looks at a table before it is uploaded, shows the request as it grows,
   and puts what the server refuses beside its field. */
"use strict";
(() => {
  const { defaults, before, roles: ROLES } = JSON.parse(document.getElementById("start-data").textContent);
  const form = document.getElementById("start");
  const field = (id) => document.getElementById(id);
  const roles = new Map(); // column -> role that the person gave
  let looked = 0; // number of the last look at the table; answers to older ones are dropped
  let key = crypto.randomUUID(); // the same request twice starts one study

  // What is asked for ----------------------------------------------------------------------------

  function more() {
    const text = field("more").value.trim();
    if (!text) return {};
    try {
      const value = JSON.parse(text);
      if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
    } catch { /* told below */ }
    return null;
  }

  function numberOf(id, section, name) {
    const text = field(id).value.trim();
    const value = text === "" ? null : Number(text);
    return value === defaults[section][name] ? undefined : value;
  }

  function studyBody(dataset) {
    const extra = more() ?? {};
    const body = { dataset };
    if (field("name").value.trim()) body.name = field("name").value.trim();
    if (field("question") && field("question").value !== defaults.question) body.question = field("question").value;
    const boxes = [...form.querySelectorAll("input[name=activation]")];
    if (boxes.some((box) => box.checked !== ("default" in box.dataset))) {
      body.space = { activation: boxes.filter((box) => box.checked).map((box) => box.value) };
    }
    for (const [id, section, name] of [
      ["trials", "budget", "trials"], ["epochs", "budget", "epochs"], ["seconds", "budget", "seconds"],
      ["searches", "evaluation", "searches"], ["folds", "evaluation", "folds"], ["repeats", "evaluation", "confirm_repeats"], ["seed", "sampler", "seed"],
    ]) {
      const value = numberOf(id, section, name);
      if (value !== undefined) body[section] = { ...body[section], [name]: value };
    }
    for (const [name, value] of Object.entries(extra)) {
      const isPart = value !== null && typeof value === "object" && !Array.isArray(value);
      body[name] = isPart ? { ...body[name], ...value } : value;
    }
    return body;
  }

  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

  function uploadCurl() {
    const name = field("file").files[0]?.name ?? "TABLE.csv";
    const given = roles.size ? ` \\\n  -F ${quoted(`columns=${JSON.stringify(Object.fromEntries(roles))}`)}` : "";
    return `curl -s ${location.origin}/v1/datasets -F ${quoted(`file=@${name}`)} -F ${quoted(`target=${field("target").value}`)}${given}\n`;
  }

  function showRequest() {
    const own = field("dataset").value === "";
    const body = studyBody(own ? "ID_OF_THE_DATASET" : field("dataset").value);
    field("json").textContent = JSON.stringify(body, null, 2);
    field("curl").textContent = `${own ? uploadCurl() : ""}curl -s ${location.origin}/v1/studies -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body))}`;
    field("wrong-more").textContent = more() === null ? "This is no JSON object." : "";
  }

  // What is refused ------------------------------------------------------------------------------

  function clearWrong() {
    form.querySelectorAll(".wrong").forEach((place) => { place.textContent = ""; });
    form.querySelectorAll("[aria-invalid]").forEach((place) => place.removeAttribute("aria-invalid"));
  }

  function placeOf(pointer) {
    const fields = [...form.querySelectorAll("[data-pointer]")];
    const found = fields
      .filter((each) => pointer === each.dataset.pointer || pointer.startsWith(`${each.dataset.pointer}/`))
      .sort((a, b) => b.dataset.pointer.length - a.dataset.pointer.length)[0];
    if (!found && pointer.startsWith("/columns")) return field("target");
    return found ?? (pointer.startsWith("/") && field("more").value.trim() ? field("more") : null);
  }

  function tell(problem) {
    const parts = problem.errors?.length ? problem.errors : [{ pointer: "", detail: problem.detail }];
    let first = null;
    for (const { pointer, detail } of parts) {
      const place = placeOf(pointer);
      const wrong = place ? field(place.getAttribute("aria-describedby").split(" ").pop()) : field("wrong-all");
      wrong.textContent = `${wrong.textContent} ${detail}`.trim();
      place?.setAttribute("aria-invalid", "true");
      first ??= place;
    }
    first?.focus();
  }

  async function ask(method, path, body, headers = {}) {
    try {
      const answer = await fetch(path, { method, body, headers });
      return { ok: answer.ok, body: await answer.json() };
    } catch (error) {
      return { ok: false, body: { detail: `The server does not answer (${error.message}).` } };
    }
  }

  // The table ------------------------------------------------------------------------------------

  function tableForm() {
    const data = new FormData();
    data.append("file", field("file").files[0]);
    data.append("target", field("target").value);
    if (roles.size) data.append("columns", JSON.stringify(Object.fromEntries(roles)));
    return data;
  }

  function cell(text, isNumber = false) {
    const made = document.createElement("td");
    made.textContent = text;
    if (isNumber) made.className = "number";
    return made;
  }

  function roleCell(column, target, isOwn) {
    if (column.name === target || !isOwn) return cell(column.name === target ? "target" : column.role ?? "feature");
    const select = document.createElement("select");
    select.setAttribute("aria-label", `Role of ${column.name}`);
    select.append(new Option("as judged", ""), ...ROLES.map((role) => new Option(role, role)));
    select.value = roles.get(column.name) ?? "";
    select.addEventListener("change", () => {
      if (select.value) roles.set(column.name, select.value);
      else roles.delete(column.name);
      look();
    });
    const made = document.createElement("td");
    made.append(select);
    return made;
  }

  function showColumns(shown, isOwn) {
    field("columns").hidden = shown.columns.length === 0;
    field("columns").querySelector("tbody").replaceChildren(...shown.columns.map((column) => {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = column.name;
      const kind = column.kind ? `${column.kind.replaceAll("_", " ")}${column.used ? "" : ", left out"}` : "";
      row.append(head, roleCell(column, shown.target, isOwn), cell(kind), cell(column.reason ?? ""),
        cell(column.missing ?? "", true), cell((column.examples ?? []).join(", ")));
      return row;
    }));
    field("notes").replaceChildren(...(shown.notes ?? []).map((note) => {
      const item = document.createElement("li");
      item.textContent = note;
      return item;
    }));
    const classes = shown.classes?.length ? `, ${shown.classes.length} classes` : "";
    field("taken").textContent = shown.task
      ? `${shown.rows} rows, ${shown.features} features, ${shown.task}${classes}, target ${shown.target}. ${shown.description ?? ""}`
      : `${shown.rows} rows, ${shown.columns.length} columns. Choose the one to predict.`;
  }

  async function look() {
    clearWrong();
    showRequest();
    if (!field("file").files.length) return;
    looked += 1;
    const mine = looked;
    field("taken").textContent = "Reading the table …";
    const answer = await ask("POST", "/new/table", tableForm());
    if (mine !== looked) return;
    if (!answer.ok) {
      field("taken").textContent = "";
      return tell(answer.body);
    }
    showColumns(answer.body, true);
  }

  async function chooseFile() {
    roles.clear();
    field("target").replaceChildren();
    field("target").closest(".field").hidden = true;
    await look();
    const names = [...field("columns").querySelectorAll("tbody th")].map((head) => head.textContent);
    if (!names.length) return;
    field("target").replaceChildren(new Option("choose one", ""), ...names.map((name) => new Option(name, name)));
    field("target").closest(".field").hidden = false;
    field("target").focus();
    showRequest();
  }

  async function chooseDataset() {
    const chosen = field("dataset").value;
    field("own").hidden = chosen !== "";
    field("columns").hidden = true;
    field("notes").replaceChildren();
    field("taken").textContent = "";
    clearWrong();
    showRequest();
    if (chosen === "") return look();
    looked += 1;
    const mine = looked;
    const answer = await ask("GET", `/v1/datasets/${encodeURIComponent(chosen)}`);
    if (mine !== looked) return;
    if (answer.ok) showColumns(answer.body, false);
    else tell(answer.body);
  }

  // The start ------------------------------------------------------------------------------------

  async function datasetId() {
    if (field("dataset").value) return field("dataset").value;
    if (!field("file").files.length) return tell({ errors: [{ pointer: "/file", detail: "Choose a table, or one of the datasets above." }] });
    if (!field("target").value) return tell({ errors: [{ pointer: "/target", detail: "Choose the column to predict." }] });
    const answer = await ask("POST", "/v1/datasets", tableForm());
    if (!answer.ok) return tell(answer.body);
    const { id, name } = answer.body;
    field("dataset").add(new Option(`${name} (uploaded)`, id, true, true)); // a second try need not upload it again
    field("own").hidden = true;
    return id;
  }

  async function start() {
    clearWrong();
    if (more() === null) return showRequest();
    const button = form.querySelector("button[type=submit]");
    button.disabled = true;
    const id = await datasetId();
    if (id) {
      const headers = { "Content-Type": "application/json", "Idempotency-Key": key };
      const answer = await ask("POST", "/v1/studies", JSON.stringify(studyBody(id)), headers);
      if (answer.ok) return location.assign(`/studies/${answer.body.id}`);
      key = crypto.randomUUID();
      tell(answer.body);
    }
    button.disabled = false;
  }

  // As a study before was asked for: its own fields where there are some, the rest as JSON.
  function fill(study) {
    field("dataset").value = study.dataset;
    field("name").value = study.name;
    for (const [id, section, name] of [["trials", "budget", "trials"], ["epochs", "budget", "epochs"],
      ["seconds", "budget", "seconds"], ["searches", "evaluation", "searches"], ["folds", "evaluation", "folds"],
      ["repeats", "evaluation", "confirm_repeats"], ["seed", "sampler", "seed"]]) {
      field(id).value = study[section][name] ?? "";
    }
    if (field("question")) field("question").value = study.question;
    const { activation, ...space } = study.space;
    if (Array.isArray(activation) && activation.every((name) => typeof name === "string")) {
      form.querySelectorAll("input[name=activation]").forEach((box) => { box.checked = activation.includes(box.value); });
    } else if (activation !== undefined) {
      space.activation = activation;
    }
    if (Object.keys(space).length) field("more").value = JSON.stringify({ space }, null, 1);
  }

  form.addEventListener("input", showRequest);
  form.addEventListener("submit", (event) => { event.preventDefault(); start(); });
  field("file").addEventListener("change", chooseFile);
  field("target").addEventListener("change", () => { roles.delete(field("target").value); look(); });
  field("dataset").addEventListener("change", chooseDataset);
  if (before) fill(before);
  chooseDataset();
})();
