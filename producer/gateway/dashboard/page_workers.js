// SPDX-License-Identifier: Apache-2.0
//
// page_workers: who works, on which host, at what; draining one.
import { path, post } from "./api.js";
import { busy, button, confirmed, empty, h, keyed, nameOf, pill, setClass, setName, setPill, setText } from "./dom.js";
import { ago, count } from "./format.js";
import { every } from "./frame.js";

const POLL_MS = 1000; // slots have no events of their own
const SLOTS_SHOWN = 128;

async function drain(w, node) {
  const agreed = await confirmed(
    "Drain " + w.id + "?",
    "It gives back what it has not started, finishes what it runs, and leaves. It does not come back by itself.",
    "Drain"
  );
  if (agreed) await busy(node, () => post(path`/v1/workers/${w.id}/drain`));
}

function makeSlot() {
  const index = h("span", { class: "hint num" });
  const state = h("span", { class: "muted" });
  const job = h("a", { class: "mono" });
  const queue = nameOf("");
  return { node: h("li", {}, index, h("span", { class: "what" }, state, queue, job)), index, state, job, queue };
}

function updateSlot(row, s) {
  setText(row.index, String(s.index));
  setText(row.state, s.state);
  row.state.hidden = !!s.job;
  setClass(row.node, s.job ? "busy" : "");
  setName(row.queue, s.job ? s.queue || "" : "");
  setText(row.job, s.job || "");
  row.job.hidden = !s.job;
  if (s.job) row.job.setAttribute("href", "#/jobs/" + s.job);
}

function makeWorker(first) {
  const row = { w: first };
  row.state = pill(first.state);
  row.host = h("span", { class: "hint" });
  row.load = h("span", { class: "num" });
  row.bar = h("span", { class: "bar" });
  row.since = h("span", { class: "hint" });
  row.slots = h("ol", { class: "plain slot-list" });
  row.more = h("p", { class: "hint" });
  row.drain = button("Drain", () => drain(row.w, row.drain));
  row.node = h(
    "article",
    { class: "panel worker" },
    h("div", { class: "row between" }, h("h2", {}, nameOf(first.id)), row.state),
    h("div", { class: "row between" }, row.host, row.since),
    h("div", { class: "row between" }, row.load, row.drain),
    row.bar,
    row.slots,
    row.more
  );
  return row;
}

function updateWorker(row, w) {
  const running = w.slots.filter((s) => s.job).length;
  row.w = w;
  setPill(row.state, w.state);
  setName(row.host, `${w.host || "host unknown"}, pid ${w.pid}`);
  setText(row.since, w.since_ms ? "joined " + ago(w.since_ms) : "");
  setText(
    row.load,
    `${running} of ${w.slots.length} busy` + (w.leased > running ? `, ${count(w.leased - running)} lent ahead` : "")
  );
  row.bar.style.setProperty("--part", String(w.slots.length ? running / w.slots.length : 0));
  row.drain.hidden = w.state !== "up" && w.state !== "silent";
  keyed(row.slots, w.slots.slice(0, SLOTS_SHOWN), (s) => s.index, makeSlot, updateSlot);
  setText(row.more, w.slots.length > SLOTS_SHOWN ? `and ${w.slots.length - SLOTS_SHOWN} more slots` : "");
}

export function workers({ farm, refresh }) {
  const filter = h("input", {
    type: "search",
    placeholder: "Filter by name, host or queue",
    "aria-label": "Filter by name, host or queue",
    "data-filter": true,
    oninput: refresh,
  });
  const list = h("div", { class: "grid three" });
  const none = empty("No worker is there. ", h("code", {}, "reeve worker --broker tcp://HOST:PORT"), " starts one on any host.");
  const stop = every(POLL_MS, () => farm.loadWorkers());
  const holds = (w, text) =>
    [w.id, w.host || "", ...w.slots.map((s) => s.queue || "")].some((t) => t.toLowerCase().includes(text));
  return {
    node: h("div", { class: "stack" }, h("div", { class: "row tools" }, filter), list, none),
    render() {
      const text = filter.value.trim().toLowerCase();
      const shown = farm.workers.filter((w) => holds(w, text));
      keyed(list, shown, (w) => w.id, makeWorker, updateWorker);
      none.hidden = farm.workers.length > 0 || !farm.loaded;
    },
    close: stop,
  };
}
