// SPDX-License-Identifier: Apache-2.0
//
// page_start: the form that starts a session: a model brings its variables and bounds, whatever is
// changed stands over it; without a model all is the reader's own. A SPEC.json fills it in. Only what
// differs is sent.
import { get, post } from "./api.js";
import { busy, button, commandLine, field, fill, form, h, nameOf, setText } from "./dom.js";
import { readSpec, startCommand } from "./spec.js";

const METHODS = [
  "auto",
  "GradientDescent",
  "Evolutionary",
  "EvolutionaryOpt",
  "Genetic_Algo",
  "SimulatedAnnealingOpt",
  "GaussOpt",
  "TestStepOpt",
];
const NO_MODEL = { id: "none", title: "", mvs: [], cvs: [], objective: "", maximize: false, constraints: [] };

const textOf = (n) => (n === null || n === undefined ? "" : String(n));

function numeric(label, value, props = {}) {
  return h("input", { inputmode: "decimal", "aria-label": label, placeholder: "none", value: textOf(value), ...props });
}

// The number in an input, undefined when it is empty; throws what is wrong with it.
function read(input) {
  const text = input.value.trim().replace("−", "-");
  if (!text) return undefined;
  const n = Number(text);
  if (!Number.isFinite(n)) throw new Error(`${input.getAttribute("aria-label")}: "${text}" is no number`);
  return n;
}

// The same of one that is whole; what the page could not say exactly it does not say.
function readWhole(input) {
  const n = read(input);
  if (n !== undefined && !Number.isSafeInteger(n))
    throw new Error(`${input.getAttribute("aria-label")}: "${input.value.trim()}" is no whole number, or beyond 2^53`);
  return n;
}

/* --- variables ------------------------------------------------------------------------------------ */

// kind: "mv" or "cv"; model: what it brings for this one, null: the reader's own.
function variableRow(kind, model, remove, changed) {
  const label = model ? model.name : "own variable";
  const row = { kind, model };
  row.name = model ? null : h("input", { "aria-label": "Name", spellcheck: "false", oninput: changed });
  row.expression =
    model || kind === "mv"
      ? null
      : h("input", { "aria-label": "Expression", placeholder: "[x1] + [x2]", spellcheck: "false", oninput: changed });
  row.lower = numeric(`${label} lower`, model?.lower, { oninput: changed });
  row.start =
    kind === "mv" ? numeric(`${label} start`, null, { placeholder: textOf(model?.nominal) || "none", oninput: changed }) : null;
  row.upper = numeric(`${label} upper`, model?.upper, { oninput: changed });
  const cells =
    kind === "mv"
      ? [row.lower, row.start, row.upper]
      : [row.expression || h("span", { class: "hint" }, "of the model"), row.lower, row.upper];
  row.node = h(
    "tr",
    {},
    h("td", { class: "title" }, row.name || nameOf(model.name), model?.unit && h("span", { class: "hint" }, " ", model.unit)),
    cells.map((cell) => h("td", {}, cell)),
    h("td", { class: "act" }, !model && button("Remove", () => remove(row), { class: "quiet" }))
  );
  return row;
}

// What is sent of a variable; null: nothing differs from what the model brings.
function readVariable(row) {
  const out = { name: row.model ? row.model.name : row.name.value.trim() };
  if (!out.name) throw new Error("A variable has no name");
  for (const side of ["lower", "upper"]) {
    const n = read(row[side]);
    if (n !== undefined && !(row.model && n === row.model[side])) out[side] = n;
    if (n === undefined && row.model && row.model[side] !== null)
      throw new Error(`${out.name}: a bound of the model can be moved, not removed`);
  }
  const start = row.start ? read(row.start) : undefined;
  if (start !== undefined) out.start = start;
  if (row.expression?.value.trim()) out.expression = row.expression.value.trim(); // without one it is the plant's to tell
  return row.model && Object.keys(out).length === 1 ? null : out;
}

/* --- the form ------------------------------------------------------------------------------------------ */

function makeInputs(changed) {
  const text = (props) => h("input", { spellcheck: "false", oninput: changed, ...props });
  return {
    objective: text({ placeholder: "[x1]^2 + [x2]^2" }),
    constraints: h("textarea", { rows: 2, spellcheck: "false", placeholder: "[XA] <= 0.12", oninput: changed }),
    direction: h(
      "select",
      { onchange: changed },
      h("option", { value: "min" }, "least (minimize)"),
      h("option", { value: "max" }, "most (maximize)")
    ),
    method: text({ list: "method-list", placeholder: "auto" }),
    iterations: numeric("Iterations", null, { placeholder: "30", oninput: changed }),
    seed: numeric("Seed", null, { placeholder: "1", oninput: changed }),
    islands: numeric("Islands", null, { placeholder: "1", oninput: changed }),
    delay: numeric("Delay", null, { placeholder: "0", oninput: changed }),
    external: h("input", { type: "checkbox", onchange: changed }),
  };
}

function variableTable(heads, body, add) {
  return h(
    "div",
    { class: "panel flush" },
    h(
      "div",
      { class: "scroll" },
      h(
        "table",
        { class: "form-table" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads.map((name) => h("th", { scope: "col" }, name))
          )
        ),
        body
      )
    ),
    h("div", { class: "pad" }, add)
  );
}

export function start({ go, refresh }) {
  const inputs = makeInputs(preview);
  const rows = { mv: [], cv: [] };
  const bodies = { mv: h("tbody", {}), cv: h("tbody", {}) };
  const choose = h("select", { id: "model", onchange: () => take(models.find((m) => m.id === choose.value) || NO_MODEL) });
  const given = h("div", { class: "hint" });
  const command = h("div", {});
  const said = h("p", { class: "bad", role: "alert" });
  const send = h("button", { class: "primary" }, "Start");
  const chooser = h("input", { type: "file", accept: ".json,application/json", hidden: true, onchange: open });
  const actions = [button("From a file", () => chooser.click(), { title: "SPEC.json, as of reeve session start --file" }), chooser];
  let models = [NO_MODEL],
    model = NO_MODEL;

  function add(kind, from) {
    const row = variableRow(
      kind,
      from,
      (gone) => {
        rows[kind] = rows[kind].filter((r) => r !== gone);
        gone.node.remove();
        preview();
      },
      preview
    );
    rows[kind].push(row);
    bodies[kind].append(row.node);
    return row;
  }
  const addOwn = (kind) => add(kind, null).name.focus();

  // A plant is a set of named variables of its own: one can be added to it as a formula only.
  function take(m) {
    model = m;
    for (const kind of ["mv", "cv"]) {
      rows[kind] = [];
      bodies[kind].replaceChildren();
      for (const v of m[kind + "s"]) add(kind, v);
    }
    inputs.objective.value = m.objective;
    inputs.direction.value = m.maximize ? "max" : "min";
    addMv.hidden = m.id !== "none";
    fill(
      given,
      m.constraints.length
        ? ["The model demands ", m.constraints.map((text, i) => [i ? ", " : "", h("code", {}, nameOf(text))])]
        : ""
    );
    preview();
  }

  // A variable as a file says it: over the model's, or one more.
  function fillVariable(kind, v) {
    const row = rows[kind].find((r) => r.model?.name === v.name) || add(kind, null);
    for (const [key, value] of Object.entries(v)) {
      if (row[key]) row[key].value = textOf(value);
      if (row[key] || key === "name") continue;
      take(model); // rather nothing of the file than half of it
      throw new Error(`${v.name}: "${key}" is nothing this form can say of it`);
    }
  }

  // All of the form as a file says it. An objective of its own is minimized unless it says otherwise.
  function fillIn(from) {
    const id = from.model ?? "none";
    const chosen = models.find((m) => m.id === id);
    if (!chosen) throw new Error(`No such model: ${id}`);
    choose.value = id;
    take(chosen);
    for (const kind of ["mv", "cv"]) for (const v of from[kind + "s"] || []) fillVariable(kind, v);
    if (from.objective) inputs.objective.value = from.objective;
    if (from.objective || "maximize" in from) inputs.direction.value = from.maximize ? "max" : "min";
    inputs.constraints.value = (from.constraints || []).join("\n");
    inputs.method.value = from.method || "";
    inputs.iterations.value = textOf(from.max_iterations);
    inputs.seed.value = textOf(from.seed);
    inputs.islands.value = textOf(from.islands);
    inputs.delay.value = textOf(from.delay);
    inputs.external.checked = from.external === true;
    preview();
  }

  async function open() {
    const file = chooser.files[0];
    chooser.value = ""; // so that the same one, changed, may be opened again
    try {
      if (file) fillIn(readSpec(await file.text()));
    } catch (error) {
      setText(said, error.message);
    }
  }

  function spec() {
    const out = {};
    const put = (name, n) => {
      if (n !== undefined) out[name] = n;
    };
    out.model = model.id;
    const objective = inputs.objective.value.trim();
    if (objective !== model.objective) out.objective = objective;
    const maximize = inputs.direction.value === "max";
    if (maximize !== model.maximize || out.objective !== undefined) out.maximize = maximize;
    for (const kind of ["mv", "cv"]) {
      const all = rows[kind].map(readVariable).filter(Boolean);
      if (all.length) out[kind + "s"] = all;
    }
    const constraints = inputs.constraints.value
      .split("\n")
      .map((text) => text.trim())
      .filter(Boolean);
    if (constraints.length) out.constraints = constraints;
    if (inputs.method.value.trim()) out.method = inputs.method.value.trim();
    put("max_iterations", readWhole(inputs.iterations));
    put("seed", readWhole(inputs.seed));
    put("islands", readWhole(inputs.islands));
    put("delay", read(inputs.delay));
    if (inputs.external.checked) out.external = true;
    return out;
  }

  function preview() {
    try {
      fill(command, commandLine(startCommand(spec())));
      setText(said, "");
    } catch (error) {
      setText(said, error.message);
    }
  }

  // The same form sent twice is one session; changed in between it is another.
  const keys = new Map();
  const keyOf = (body) => keys.get(body) || keys.set(body, crypto.randomUUID()).get(body);
  const submit = () =>
    busy(send, async () => {
      try {
        const body = JSON.stringify(spec());
        const { id } = await post("/v1/sessions", body, { "Idempotency-Key": keyOf(body) });
        go("sessions/" + id);
      } catch (error) {
        setText(said, error.message + (error.hint ? " " + error.hint : ""));
      }
    });

  const addMv = button("Add a variable", () => addOwn("mv"), { class: "quiet" });
  const addCv = button("Add a formula", () => addOwn("cv"), { class: "quiet" });
  const node = form(
    submit,
    h(
      "div",
      { class: "panel stack" },
      field("Model", choose),
      given,
      h(
        "div",
        { class: "grid fields wide" },
        field("Objective", inputs.objective, "over [names]"),
        field("Look for the", inputs.direction)
      ),
      field("Constraints", inputs.constraints, "one a line; bounds of CVs count too")
    ),
    h("h2", {}, "Manipulated variables"),
    variableTable(["Name", "Lower", "Start", "Upper", ""], bodies.mv, addMv),
    h("h2", {}, "Controlled variables"),
    variableTable(["Name", "Expression", "Lower", "Upper", ""], bodies.cv, addCv),
    h(
      "datalist",
      { id: "method-list" },
      METHODS.map((name) => h("option", { value: name }))
    ),
    h(
      "div",
      { class: "panel" },
      h(
        "div",
        { class: "grid fields" },
        field("Method", inputs.method),
        field("Iterations", inputs.iterations, "at most; it ends when it converges"),
        field("Seed", inputs.seed, "same seed, same run"),
        field("Islands", inputs.islands, "searches side by side"),
        field("Delay", inputs.delay, "seconds, of each evaluation"),
        h("label", { class: "check" }, inputs.external, "I am the plant: proposals come to me, I tell what they give")
      )
    ),
    command,
    said,
    h("div", { class: "row end" }, send)
  );

  async function load() {
    try {
      models = (await get("/v1/models")).models;
    } catch (error) {
      setText(said, error.message);
    }
    fill(
      choose,
      models.map((m) => h("option", { value: m.id }, m.title ? `${m.id}: ${m.title}` : m.id))
    );
    take(models[0]);
    refresh();
  }

  load();
  return { title: "New session", heading: "New session", up: "sessions", actions, node };
}
