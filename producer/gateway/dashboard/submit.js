// SPDX-License-Identifier: Apache-2.0
//
// submit: the form that hands in a job. Words mean here what they mean on the command line: what reads
// as a JSON number, truth, array or object is one, all else is text; the command is shown as one types.
import { ApiError, request } from "./api.js";
import { commandLine, field, fill, form, h, openDialog, setText, tell } from "./dom.js";
import { shellWord } from "./format.js";

const JSON_WORD = /^(-?\d+(\.\d+)?([eE][+-]?\d+)?|true|false|\[[^]*\]|\{[^]*\})$/;

// The JSON text of one argument. A number stays as it was typed, however long it is.
function argumentJson(word) {
  if (JSON_WORD.test(word)) {
    try {
      JSON.parse(word);
      return word;
    } catch {
      // text after all
    }
  }
  return JSON.stringify(word);
}

const argumentsOf = (text) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

// [name, label, hint, option of the command line, of the request, times]
const numbers = [
  ["priority", "Priority", "−100 … 100, higher first", "--priority", "priority", 1],
  ["delay", "Delay", "seconds", "--delay", "delay_ms", 1000],
  ["deadline", "Deadline", "seconds from now", "--deadline", "deadline_ms", 1000],
  ["limit", "Time limit", "seconds, of one attempt", "--time-limit", "timeout_ms", 1000],
  ["retries", "Retries", "when the handler says error", "--retries", "retries", 1],
];

function makeFields(farm, input) {
  const fields = {
    method: h("input", {
      list: "method-names",
      required: true,
      placeholder: "handler.method",
      spellcheck: "false",
      oninput: input,
    }),
    args: h("textarea", { rows: 4, spellcheck: "false", placeholder: "2\n+\n2", oninput: input }),
    durability: h(
      "select",
      { onchange: input },
      ["default", "received", "durable"].map((name) => h("option", { value: name }, name))
    ),
    key: h("input", { maxlength: 200, spellcheck: "false", oninput: input }),
  };
  for (const [name] of numbers) fields[name] = h("input", { inputmode: "decimal", oninput: input });
  const names = h(
    "datalist",
    { id: "method-names" },
    [...farm.queues.keys()]
      .sort()
      .slice(0, 200)
      .map((name) => h("option", { value: name }))
  );
  return { fields, names };
}

// {body, command}; throws Error with what is wrong.
function read(fields) {
  const method = fields.method.value.trim();
  const words = argumentsOf(fields.args.value);
  const parts = [`"method":${JSON.stringify(method)}`, `"args":[${words.map(argumentJson).join(",")}]`];
  const options = [];
  for (const [name, label, , option, key, times] of numbers) {
    const text = fields[name].value.trim().replace("−", "-");
    if (!text) continue;
    if (!Number.isFinite(Number(text))) throw new Error(`${label}: "${text}" is no number`);
    parts.push(`"${key}":${Math.round(Number(text) * times)}`);
    options.push(option, text);
  }
  if (fields.durability.value !== "default") {
    parts.push(`"durability":"${fields.durability.value}"`);
    options.push("--durability", fields.durability.value);
  }
  const key = fields.key.value.trim();
  if (key) options.push("--key", key);
  return {
    method,
    key,
    body: `{${parts.join(",")}}`,
    command: ["reeve", "submit", ...options, method || "HANDLER.METHOD", ...words].map(shellWord).join(" "),
  };
}

// done(id): where the new job is. One open form makes one job, however often its button is pressed.
export function submitDialog(farm, done) {
  const own = crypto.randomUUID();
  const said = h("p", { class: "bad", role: "alert" });
  const command = h("div", {});
  const send = h("button", { class: "primary" }, "Submit");
  const { fields, names } = makeFields(farm, preview);

  function preview() {
    setText(said, "");
    try {
      fill(command, commandLine(read(fields).command));
    } catch (error) {
      setText(said, error.message);
    }
  }

  async function submit() {
    if (send.disabled) return;
    send.disabled = true;
    try {
      const job = read(fields);
      if (!job.method) throw new Error("Which method? Such as calculator.calculate");
      const answer = await request("POST", "/v1/jobs", { body: job.body, headers: { "Idempotency-Key": job.key || own } });
      const { id } = await answer.json();
      dialog.close();
      done(id);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) tell(error);
      else setText(said, error.message + (error.hint ? " " + error.hint : ""));
    }
    send.disabled = false;
  }

  const body = form(
    submit,
    names,
    field("Method", fields.method),
    field("Arguments", fields.args, "one a line; text needs no quotes"),
    h(
      "details",
      {},
      h("summary", {}, "More"),
      h(
        "div",
        { class: "grid fields" },
        numbers.map(([name, label, hint]) => field(label, fields[name], hint)),
        field("Durability", fields.durability),
        field("Key", fields.key, "same key, same job")
      )
    ),
    command,
    said,
    h("div", { class: "row end" }, send)
  );
  const dialog = openDialog("New job", body, { wide: true });
  fields.method.focus();
  preview();
}
