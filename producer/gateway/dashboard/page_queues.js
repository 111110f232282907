// SPDX-License-Identifier: Apache-2.0
//
// page_queues: every queue with what waits, runs and has ended; hold and release.
import { path, post } from "./api.js";
import { busy, button, empty, h, keyed, nameOf, setText } from "./dom.js";
import { compact, count, span } from "./format.js";
import { every } from "./frame.js";

const ROWS_MAX = 500; // a filter finds the others

const columns = [
  ["Ready", (q) => count(q.ready)],
  ["Running", (q) => count(q.running)],
  ["Delayed", (q) => count(q.delayed)],
  ["Oldest", (q) => (q.ready ? span((q.oldest_ms || 0) + Date.now() - q.at_ms) : "–")],
  ["Workers", (q) => count(q.workers)],
  ["Mean run", (q) => (q.run_us ? span(q.run_us / 1000) : "–")],
  ["Submitted", (q) => compact(q.submitted)],
  ["Ok", (q) => compact(q.ok)],
  ["Failed", (q) => compact(q.failed)],
  ["Dead", (q) => compact(q.dead)],
];

function makeRow(q) {
  const cells = columns.map(([name]) => h("td", { class: "num", "data-label": name }));
  const state = h("span", { class: "pill is-held" }, "held");
  const toggle = button("", () => busy(toggle, () => post(path`/v1/queues/${q.name}/${q.held ? "release" : "hold"}`)));
  const node = h(
    "tr",
    {},
    h(
      "td",
      { class: "title" },
      h("a", { href: "#/jobs?queue=" + encodeURIComponent(q.name), "data-row": true }, nameOf(q.name)),
      " ",
      state
    ),
    cells,
    h("td", { class: "act" }, toggle)
  );
  return { node, cells, state, toggle };
}

function updateRow(row, q) {
  columns.forEach(([, say], i) => setText(row.cells[i], say(q)));
  row.state.hidden = !q.held;
  row.node.classList.toggle("rest", q.ready + q.running + q.delayed === 0);
  setText(row.toggle, q.held ? "Release" : "Hold");
  row.toggle.title = q.held ? "Hand its jobs out again" : "Hand nothing out until released";
}

export function queues({ farm, refresh }) {
  const filter = h("input", {
    type: "search",
    placeholder: "Filter by name",
    "aria-label": "Filter by name",
    "data-filter": true,
    oninput: refresh,
  });
  const body = h("tbody", {});
  const none = empty("No queue yet: one appears with the first worker that offers it, or the first job.");
  const more = h("p", { class: "hint" });
  const table = h(
    "table",
    { class: "cards" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, "Queue"),
        columns.map(([name]) => h("th", { scope: "col", class: "num" }, name)),
        h("th", {}, h("span", { class: "unseen" }, "Actions"))
      )
    ),
    body
  );
  const stop = every(1000, refresh); // what waits grows older by itself
  return {
    node: h(
      "div",
      { class: "stack" },
      h("div", { class: "row tools" }, filter),
      h("div", { class: "panel flush scroll" }, table),
      none,
      more
    ),
    render() {
      const wanted = filter.value.trim().toLowerCase();
      const all = [...farm.queues.values()]
        .filter((q) => q.name.toLowerCase().includes(wanted))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      keyed(body, all.slice(0, ROWS_MAX), (q) => q.name, makeRow, updateRow);
      table.parentNode.hidden = !all.length;
      none.hidden = all.length > 0 || !farm.loaded;
      setText(more, all.length > ROWS_MAX ? `${ROWS_MAX} of ${count(all.length)} shown: the filter finds the others.` : "");
    },
    close: stop,
  };
}
