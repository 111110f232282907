// SPDX-License-Identifier: Apache-2.0
//
// page_session: one session while it converges: objective, best and violation, every MV and CV as a
// plot, the verbs that steer it, a calculator of CVs, and the part of the plant for who plays it.
import { get, path, post } from "./api.js";
import {
  busy,
  button,
  commandLine,
  confirmed,
  empty,
  facts,
  field,
  fill,
  form,
  h,
  nameOf,
  openDialog,
  panel,
  pill,
  setPill,
  setText,
  tell,
  textBlock,
  toast,
} from "./dom.js";
import { number, valueText } from "./format.js";
import { throttled } from "./frame.js";
import { isOver, patchSession, serviceStatus } from "./page_sessions.js";
import { start } from "./page_start.js";
import { bestTable, makePlots, plotted, sessionFacts } from "./session_parts.js";
import { makeTrail } from "./trail.js";

const RELOAD_MS = 250;

// What the service says by these words, for people.
const sayings = {
  msg_optimization_started: "Optimisation started.",
  msg_optimization_resumed: "Optimisation resumed.",
  msg_optimization_finished: "The optimisation has finished already.",
  msg_paused: "Paused after the iteration under way.",
  msg_already_paused: "Paused already.",
  msg_session_stopped: "Session stopped.",
};
const say = (answer) => toast(sayings[answer?.message] || answer?.message || "Done.");

/* --- forms of numbers by name ------------------------------------------------------------------------ */

// Fields of those that are known by name; others are added by whoever knows theirs ("another": what for).
function numberInputs(names, values, another) {
  const known = names.map((name) => ({
    name: () => name,
    input: h("input", { inputmode: "decimal", value: String(values[name] ?? "") }),
  }));
  const own = [];
  const fields = h(
    "div",
    { class: "grid fields" },
    known.map((row) => field(nameOf(row.name()), row.input))
  );
  const add = button(
    another,
    () => {
      const name = h("input", { spellcheck: "false", "aria-label": "Name", placeholder: "name" });
      const input = h("input", { inputmode: "decimal", "aria-label": "Value", placeholder: "value" });
      own.push({ name: () => name.value.trim(), input });
      fields.append(h("div", { class: "row pair" }, name, input));
      name.focus();
    },
    { class: "quiet" }
  );
  return {
    node: h("div", { class: "stack" }, fields, h("div", { class: "row" }, add)),
    read() {
      const out = {};
      for (const { name, input } of [...known, ...own]) {
        const text = input.value.trim();
        if (!text) continue;
        if (!name()) throw new Error(`${text} is of no name`);
        if (!Number.isFinite(Number(text))) throw new Error(`${name()}: "${text}" is no number`);
        out[name()] = Number(text);
      }
      return out;
    },
  };
}

/* --- the page ------------------------------------------------------------------------------------------- */

class SessionPage {
  constructor({ id, farm, stream, refresh }) {
    Object.assign(this, { id, farm, stream, refresh });
    this.session = null;
    this.model = null;
    this.trail = makeTrail();
    this.missing = "";
    this.dirty = true;
    this.proposed = -1; // iteration of the proposal that is shown
    this.reload = throttled(() => this.load().catch((error) => this.fail(error)), RELOAD_MS);
    this.propose = throttled(() => this.loadProposal().catch(() => {}), RELOAD_MS);
    this.build();
    this.reload();
  }

  url(verb) {
    return path`/v1/sessions/${this.id}/` + verb;
  }

  build() {
    this.state = pill("");
    this.service = h("span", { class: "hint grow" });
    const verb = (text, work, props) => {
      const node = button(
        text,
        () =>
          busy(node, async () => {
            await work();
            this.reload();
          }),
        props
      );
      return node;
    };
    this.buttons = {
      optimise: verb("Optimise", () => this.optimise(), { class: "primary" }),
      pause: verb("Pause", async () => say(await post(this.url("pause")))),
      resume: verb("Resume", async () => say(await post(this.url("resume"))), { class: "primary" }),
      stop: verb("Stop", () => this.stop(), { class: "danger" }),
    };
    const parts = {
      facts: h("div", {}),
      best: h("div", {}),
      error: h("div", {}),
      mvs: h("div", { class: "grid three" }),
      cvs: h("div", { class: "grid three" }),
      plant: h("div", {}),
    };
    this.parts = parts;
    this.plots = makePlots(parts);
    this.plantPanel = panel("You are the plant", parts.plant);
    this.heads = {
      mvs: h("h2", {}, "Manipulated variables", h("span", { class: "hint" }, " as far as somebody has watched")),
      cvs: h("h2", {}, "Controlled variables"),
    };
    this.none = empty();
    this.body = h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "row tools" },
        this.state,
        Object.values(this.buttons),
        button("Calculate CVs", () => this.calculate()),
        button("Objective", () => this.showObjective()),
        button("Copy as command", () => this.commands()),
        this.service
      ),
      h("section", { class: "panel", "aria-label": "Facts" }, parts.facts),
      parts.error,
      this.plantPanel,
      h(
        "div",
        { class: "grid wide-narrow" },
        h("div", { class: "stack" }, plotted("Convergence", this.plots.progress), plotted("Violation", this.plots.violation)),
        panel("Best and last point", parts.best)
      ),
      this.heads.mvs,
      parts.mvs,
      this.heads.cvs,
      parts.cvs
    );
    this.node = h("div", {}, this.none, this.body);
  }

  fail(error) {
    if (error.status === 404 && this.session)
      this.session.state = "stopped"; // which leaves nothing but what is shown here
    else if (error.status === 404 || error.status === 400) this.missing = "No such session is known: " + this.id;
    else tell(error);
    this.dirty = true;
    this.refresh();
  }

  async load() {
    const now = await get(path`/v1/sessions/${this.id}`);
    if (this.session && now.iteration < this.session.iteration) return; // updates are ahead of it
    this.session = { ...this.session, ...now };
    this.missing = "";
    this.trail.take(this.session);
    this.dirty = true;
    this.refresh();
    if (this.session.external && !isOver(this.session)) this.propose();
    if (!this.model && now.model)
      this.model = (await get("/v1/models")).models.find((m) => m.id === now.model) || { mvs: [], cvs: [] };
  }

  event(update) {
    if (update.topic !== "session/" + this.id || update.event === "error") return;
    if (update.event === "lost" || !this.session) {
      this.reload();
      return;
    }
    patchSession(this.session, update);
    this.session.seq = update.seq;
    this.trail.take(this.session);
    this.dirty = true;
    // An update says less than the whole: how it ended, and whether it asks for something.
    if (update.event !== "iteration" || this.session.external) this.reload();
  }

  /* --- verbs --- */

  names() {
    const known = Object.keys(this.session.best?.mvs || this.session.mvs || {});
    return known.length ? known : (this.model?.mvs || []).map((v) => v.name);
  }

  // Of a session that has not begun it may be said where to begin. CVs that have a value of their own are
  // those whose formula is a constant: what disturbs the plant.
  async optimise() {
    if (this.session.state !== "created") {
      say(await post(this.url("optimise")));
      return;
    }
    const mvs = numberInputs(this.names(), {}, "Another MV");
    const cvs = numberInputs([], {}, "A constant CV");
    const send = h("button", { class: "primary" }, "Optimise");
    const dialog = openDialog(
      "Optimise",
      form(
        () =>
          busy(send, async () => {
            const given = { mvs: mvs.read(), cvs: cvs.read() };
            for (const kind of ["mvs", "cvs"]) if (!Object.keys(given[kind]).length) delete given[kind];
            const answer = await post(this.url("optimise"), given);
            dialog.close();
            say(answer);
            this.reload();
          }),
        h("p", { class: "muted" }, "Where to begin; empty: where the model or the start form says."),
        mvs.node,
        cvs.node,
        h("div", { class: "row end" }, send)
      )
    );
    send.focus(); // most begin where they are told to
  }

  async stop() {
    if (
      await confirmed(
        "Stop this session?",
        "It cannot be taken up again, and the farm forgets it; what is shown here stays until the page is left.",
        "Stop the session"
      )
    )
      say(await post(this.url("stop")));
  }

  calculate() {
    const inputs = numberInputs(
      this.names(),
      this.session.best?.mvs || Object.fromEntries((this.model?.mvs || []).map((v) => [v.name, v.nominal])),
      "Another MV"
    );
    const answer = h("div", { "aria-live": "polite" });
    const send = h("button", { class: "primary" }, "Calculate");
    openDialog(
      "Calculate CVs",
      form(
        () =>
          busy(send, async () => {
            const said = await post(this.url("cv"), { mvs: inputs.read() });
            fill(
              answer,
              facts(...Object.entries(said.cvs || {}).map(([name, value]) => [nameOf(name), number(value, 8)])),
              said.message ? textBlock(said.message, "Message") : ""
            );
          }),
        inputs.node,
        h("div", { class: "row end" }, send),
        answer
      )
    );
  }

  async showObjective() {
    try {
      const { objective } = await get(this.url("objective"));
      openDialog(
        "Objective",
        h("div", { class: "stack" }, textBlock(objective, "Objective"), commandLine(`reeve session objective ${this.id}`))
      );
    } catch (error) {
      tell(error);
    }
  }

  commands() {
    openDialog(
      "Copy as command",
      h(
        "div",
        { class: "stack" },
        ["show", "optimise", "pause", "stop", "objective", "propose"].map((verb) =>
          commandLine(`reeve session ${verb} ${this.id}`)
        ),
        commandLine(`reeve watch session/${this.id}`)
      )
    );
  }

  /* --- the plant --- */

  async loadProposal() {
    const p = await get(this.url("proposal"));
    if (p.iteration === this.proposed) return;
    this.proposed = p.iteration;
    const objective = h("input", { inputmode: "decimal", required: true });
    const cvNames = Object.keys(this.session.best?.cvs || {}).concat((this.model?.cvs || []).map((v) => v.name));
    const cvs = numberInputs([...new Set(cvNames)], {}, "Another CV");
    const send = h("button", { class: "primary" }, "Tell");
    fill(
      this.parts.plant,
      h("p", { class: "muted" }, "Try these, then tell what they give:"),
      facts(...Object.entries(p.mvs || {}).map(([name, value]) => [nameOf(name), number(value, 10)])),
      form(
        () =>
          busy(send, async () => {
            if (!objective.value.trim() || !Number.isFinite(Number(objective.value)))
              throw new Error("The objective is a number");
            say(await post(this.url("tell"), { objective: Number(objective.value), cvs: cvs.read(), iteration: p.iteration }));
            fill(this.parts.plant, empty("The next proposal is being made."));
            this.reload();
          }),
        h("div", { class: "grid fields" }, field("Objective", objective)),
        cvs.node,
        h("div", { class: "row" }, send)
      )
    );
    objective.focus({ preventScroll: true });
  }

  /* --- drawing --- */

  render() {
    const s = this.session;
    setText(this.service, serviceStatus(this.farm));
    this.body.hidden = !s || !!this.missing;
    this.none.hidden = !this.missing;
    setText(this.none, this.missing);
    if (!s || this.missing || !this.dirty) return;
    this.dirty = false;
    const over = isOver(s);
    setPill(this.state, s.state);
    this.buttons.optimise.hidden = over || s.state === "running";
    this.buttons.pause.hidden = s.state !== "running";
    this.buttons.resume.hidden = s.state !== "paused";
    this.buttons.stop.hidden = over;
    this.plantPanel.hidden = !s.external || over || s.state === "created";
    fill(this.parts.facts, sessionFacts(s));
    fill(this.parts.best, bestTable(s));
    fill(this.parts.error, s.error ? panel("Error", textBlock(valueText(s.error), "Error")) : "");
    this.plots.draw(this.trail);
    for (const kind of ["mvs", "cvs"]) this.heads[kind].hidden = !this.trail.names(kind).length;
  }

  close() {
    this.reload.stop();
    this.propose.stop();
    this.plots.destroy();
  }
}

export function session(context) {
  if (context.id === "new") return start(context);
  const page = new SessionPage(context);
  const { farm, stream, id } = context;
  const topic = "session/" + id;
  // What others have watched lately is still there: the plots begin with it.
  if (farm.status) stream.since(topic, farm.status.broker.incarnation, 0);
  return {
    title: id,
    heading: h("span", { class: "mono" }, id),
    up: "sessions",
    node: page.node,
    topics: [topic],
    event: (update) => page.event(update),
    opened: page.reload,
    render: () => page.render(),
    close: () => page.close(),
  };
}
