// SPDX-License-Identifier: Apache-2.0
//
// joblist: what the pages that list jobs share: a table of chosen columns whose rows are kept and
// updated, and how states and reasons are read.
import { h, keyed, nameOf, pill, setName, setPill, setText } from "./dom.js";
import { ago, moment, span } from "./format.js";

export const STATES = [
  "waiting",
  "delayed",
  "held",
  "running",
  "backoff",
  "paused",
  "asking",
  "forked",
  "ok",
  "failed",
  "dead",
  "cancelled",
  "expired",
];
const ENDED = new Set(["ok", "failed", "dead", "cancelled", "expired"]);

export const isEnded = (job) => ENDED.has(job.state);
export const isId = (text) => /^[0-9a-hjkmnp-tv-z]{13}$/.test(text);

// Why it is so, where the state does not say it already.
export function reasonOf(job) {
  const said = (job.state === "cancelled" && job.reason === "cancelled") || (job.state === "failed" && job.reason === "error");
  return said ? "" : job.reason || "";
}

// What an update of topic job/ID says of the job, into what the list said of it.
export function patch(job, update) {
  for (const key of ["state", "worker", "run_us", "attempts"]) if (key in update) job[key] = update[key];
  job.reason = update.reason || null;
  job.progress = update.progress || null;
  if (isEnded(job) && !job.ended_ms) job.ended_ms = update.time;
  job.heard_ms = update.time;
}

const text = (node, say) => ({ node, update: (job) => setName(node, say(job)) });
const plain = (say, title) => () => {
  const node = h("span", {});
  return {
    node,
    update: (job) => {
      setText(node, say(job));
      if (title) node.title = title(job);
    },
  };
};

// name -> head, class of the cell, and what makes its content: {node, update(job)}.
const columns = {
  queue: ["Queue", "queue", (job) => text(nameOf(job.queue), (j) => j.queue)],
  state: [
    "State",
    "state",
    (job) => {
      const node = pill(job.state);
      return { node, update: (j) => setPill(node, j.state) };
    },
  ],
  reason: ["Reason", "muted", () => text(nameOf(""), reasonOf)],
  attempts: ["Attempts", "num", plain((job) => (job.attempts ? String(job.attempts) : "–"))],
  submitted: [
    "Submitted",
    "num",
    plain(
      (job) => ago(job.submitted_ms),
      (job) => moment(job.submitted_ms)
    ),
  ],
  ended: [
    "Ended",
    "num",
    plain(
      (job) => ago(job.ended_ms),
      (job) => moment(job.ended_ms)
    ),
  ],
  ran: ["Ran", "num", plain((job) => (job.run_us ? span(job.run_us / 1000) : "–"))],
  worker: ["Worker", "muted", () => text(nameOf(""), (j) => j.worker || "")],
};

function makeRow(job, chosen, actions) {
  const row = { job };
  row.cells = chosen.map((column) => column[2](job));
  row.node = h(
    "tr",
    { "data-id": job.id },
    h("td", { class: "title" }, h("a", { href: "#/jobs/" + job.id, class: "mono", "data-row": true }, job.id)),
    chosen.map(([head, kind], i) => h("td", { "data-label": head, class: kind }, row.cells[i].node)),
    actions && h("td", { class: "act" }, actions(row))
  );
  return row;
}

// names: of the columns, or [head, class, make] of the page's own. actions(row): the buttons of a row;
// row.job is what it shows now.
export function jobTable(names, actions) {
  const chosen = names.map((name) => (typeof name === "string" ? columns[name] : name));
  const body = h("tbody", {});
  const node = h(
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
          h("th", { scope: "col" }, "Job"),
          chosen.map(([head, kind]) => h("th", { scope: "col", class: kind === "num" ? kind : "" }, head)),
          actions && h("th", {}, h("span", { class: "unseen" }, "Actions"))
        )
      ),
      body
    )
  );
  return {
    node,
    draw(jobs) {
      keyed(
        body,
        jobs,
        (job) => job.id,
        (job) => makeRow(job, chosen, actions),
        (row, job) => {
          row.job = job;
          row.cells.forEach((cell) => cell.update(job));
        }
      );
      node.hidden = !jobs.length;
    },
  };
}
