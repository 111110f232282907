// SPDX-License-Identifier: Apache-2.0
//
// page_sessions: sessions, newest first, and how far each has come.
import { get, query } from "./api.js";
import { button, empty, h, keyed, nameOf, pill, setName, setPill, setText } from "./dom.js";
import { ago, count, moment, number } from "./format.js";
import { every } from "./frame.js";
import { ROWS, liveRows } from "./rows.js";

const SESSION_QUEUE = "optimisation.session";
export const isOver = (s) => s.state === "finished" || s.state === "stopped" || s.state === "failed";

const own = new Set(["topic", "seq", "incarnation", "time", "event"]);

// What an update of topic session/ID says of the session.
export function patchSession(session, update) {
  for (const [key, value] of Object.entries(update)) if (!own.has(key)) session[key] = value;
}

// The service is there when a worker offers it: what its other clients are told as its status.
export function serviceStatus(farm) {
  if (!farm.loaded) return "";
  return farm.queues.get(SESSION_QUEUE)?.workers ? "Service running" : "Service stopped: no worker offers " + SESSION_QUEUE;
}

const heads = [
  ["Session"],
  ["State"],
  ["Iteration", "num"],
  ["Best", "num"],
  ["Violation", "num"],
  ["Model"],
  ["Method"],
  ["Started", "num"],
];

function makeRow(s) {
  const cell = (label, name, ...content) => h("td", { "data-label": label, class: name }, content);
  const row = { pill: pill(s.state), model: nameOf(""), method: nameOf("") };
  row.iteration = cell("Iteration", "num");
  row.best = cell("Best", "num");
  row.violation = cell("Violation", "num");
  row.started = cell("Started", "num");
  row.node = h(
    "tr",
    { "data-id": s.id },
    h("td", { class: "title" }, h("a", { href: "#/sessions/" + s.id, class: "mono", "data-row": true }, s.id)),
    cell("State", "state", row.pill),
    row.iteration,
    row.best,
    row.violation,
    cell("Model", "queue", row.model),
    cell("Method", "muted", row.method),
    row.started
  );
  return row;
}

function updateRow(row, s) {
  setPill(row.pill, s.state);
  setText(row.iteration, count(s.iteration) + (s.max_iterations ? ` / ${count(s.max_iterations)}` : ""));
  setText(row.best, number(s.best?.objective));
  setText(row.violation, s.best?.violation ? number(s.best.violation, 3) : s.best ? "none" : "–");
  setName(row.model, s.model || s.queue);
  setName(row.method, s.method || "");
  setText(row.started, ago(s.submitted_ms));
  row.started.title = moment(s.submitted_ms);
}

export function sessions({ farm, query: asked, refresh, watch, go }) {
  const cursor = asked.get("cursor") || "";
  const list = liveRows({
    fetch: async () => {
      const { sessions: rows, next } = await get("/v1/sessions" + query({ cursor, limit: ROWS }));
      return { rows, next };
    },
    topicOf: (s) => "session/" + s.id,
    isLive: (s) => !isOver(s),
    patch: patchSession,
    watch,
    changed: refresh,
  });
  const body = h("tbody", {});
  const none = empty("No session yet. Press n to start one.");
  const service = h("p", { class: "hint" });
  const older = button("Older", () => go("sessions" + query({ cursor: list.next })));
  const newest = button("Newest", () => go("sessions"));
  const table = h(
    "div",
    { class: "panel flush scroll" },
    h(
      "table",
      { class: "cards" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          heads.map(([name, kind]) => h("th", { scope: "col", class: kind || "" }, name))
        )
      ),
      body
    )
  );
  const tick = every(1000, refresh);
  let submitted = -1;
  list.reload();
  return {
    actions: h("a", { href: "#/sessions/new", class: "button primary", "data-new": true, title: "Key n" }, "New session"),
    node: h("div", { class: "stack" }, service, table, none, h("div", { class: "row end" }, newest, older)),
    event(update) {
      if (list.event(update) || update.topic !== "queue/" + SESSION_QUEUE || cursor) return;
      if (update.submitted !== submitted) list.reload();
      submitted = update.submitted;
    },
    opened: list.reload,
    render() {
      keyed(body, list.rows, (s) => s.id, makeRow, updateRow);
      table.hidden = !list.rows.length;
      none.hidden = list.rows.length > 0 || !list.loaded;
      setText(service, serviceStatus(farm));
      older.hidden = !list.next;
      newest.hidden = !cursor;
    },
    close() {
      tick();
      list.close();
    },
  };
}
