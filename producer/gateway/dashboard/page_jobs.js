// SPDX-License-Identifier: Apache-2.0
//
// page_jobs: jobs, newest first, a page of them at a time however many there are. That there are new
// ones is seen by the counts of queues.
import { get, query } from "./api.js";
import { button, empty, h, put, setText } from "./dom.js";
import { compact, count } from "./format.js";
import { every } from "./frame.js";
import { STATES, isEnded, isId, jobTable, patch } from "./joblist.js";
import { ROWS, liveRows } from "./rows.js";
import { submitDialog } from "./submit.js";

function makeTools(farm, filters, apply, openJob) {
  const names = h("datalist", { id: "queue-names" });
  const what = h("input", {
    type: "search",
    list: "queue-names",
    placeholder: "Queue or job id",
    "aria-label": "Queue or job id",
    "data-filter": true,
    value: filters.queue,
    onfocus: () =>
      names.replaceChildren(
        ...[...farm.queues.keys()]
          .sort()
          .slice(0, 200)
          .map((name) => h("option", { value: name }))
      ),
    onchange: () => changed(),
  });
  const state = h(
    "select",
    { "aria-label": "State", onchange: () => changed() },
    h("option", { value: "" }, "All states"),
    STATES.map((name) => h("option", { value: name, selected: name === filters.state }, name))
  );
  function changed() {
    const text = what.value.trim();
    if (isId(text.toLowerCase())) openJob(text.toLowerCase());
    else apply({ queue: text, state: state.value });
  }
  return h("div", { class: "row tools" }, what, names, state);
}

export function jobs({ farm, query: asked, refresh, watch, go }) {
  const filters = { state: asked.get("state") || "", queue: asked.get("queue") || "" };
  const cursor = asked.get("cursor") || "";
  const list = liveRows({
    fetch: async () => {
      const { jobs: rows, next } = await get("/v1/jobs" + query({ ...filters, cursor, limit: ROWS }));
      return { rows, next };
    },
    topicOf: (job) => "job/" + job.id,
    isLive: (job) => !isEnded(job),
    patch,
    watch,
    changed: refresh,
  });
  const open = (fields) => go("jobs" + query(fields));
  const table = jobTable(["queue", "state", "reason", "attempts", "submitted", "ran", "worker"]);
  const none = empty();
  const totals = h("span", { class: "hint grow" });
  const older = button("Older", () => open({ ...filters, cursor: list.next }));
  const newest = button("Newest", () => open(filters));
  const tick = every(1000, refresh);

  function event(update) {
    const row = list.event(update);
    if (row && filters.state && row.state !== filters.state) list.reload();
    if (row || !update.topic.startsWith("queue/") || cursor || (filters.queue && update.topic !== "queue/" + filters.queue))
      return;
    list.reload(); // whatever has changed there is among the newest jobs, as a rule
  }

  list.reload();
  return {
    actions: button("New job", () => submitDialog(farm, (id) => go("jobs/" + id)), {
      class: "primary",
      "data-new": true,
      title: "Key n",
    }),
    node: h(
      "div",
      { class: "stack" },
      put(
        makeTools(farm, filters, open, (id) => go("jobs/" + id)),
        totals
      ),
      table.node,
      none,
      h("div", { class: "row end" }, newest, older)
    ),
    event,
    opened: list.reload,
    render() {
      table.draw(list.rows);
      none.hidden = list.rows.length > 0 || !list.loaded;
      setText(
        none,
        filters.state || filters.queue
          ? "No job is like that."
          : "No job yet. Press n for the first one, or: reeve call calculator.calculate 2 + 2"
      );
      older.hidden = !list.next;
      newest.hidden = !cursor;
      const t = farm.status?.totals;
      setText(
        totals,
        t ? `${count(farm.sum("ready"))} ready · ${count(farm.sum("running"))} running · ${compact(t.kept)} ended ones kept` : ""
      );
    },
    close() {
      tick();
      list.close();
    },
  };
}
