// SPDX-License-Identifier: Apache-2.0
//
// page_dead: jobs that did not make it and why; run again or forgotten, one by one or all that are shown.
import { get, path, post, query, remove } from "./api.js";
import { busy, button, confirmed, empty, h, nameOf, setName, setText, tell, toast } from "./dom.js";
import { throttled } from "./frame.js";
import { jobTable } from "./joblist.js";

const ROWS = 50;
const RELOAD_MS = 1000;
const AT_ONCE = 3; // requests, of the six a browser makes to one host
const kinds = [
  ["dead", "Dead", "used up their attempts"],
  ["failed", "Failed", "the handler said error"],
];

// Runs work on each item, few at once; the count of those that went well, and the first failure.
async function forEach(items, work) {
  const left = [...items];
  const sum = { done: 0, error: null };
  const turn = async () => {
    for (let item; (item = left.shift()) !== undefined;)
      try {
        await work(item);
        sum.done++;
      } catch (error) {
        sum.error ||= error;
      }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, turn));
  return sum;
}

export function dead({ farm, query: asked, refresh, go }) {
  const kind = asked.get("state") === "failed" ? "failed" : "dead";
  const cursor = asked.get("cursor") || "";
  const errors = new Map(); // id -> what it said last
  let rows = [],
    next = null,
    loaded = false,
    reads = 0,
    seen = -1;
  const total = () => farm.sum(kind);
  const table = jobTable(["queue", "reason", ["What it said last", "muted said", said], "attempts", "ended"], buttons);
  const none = empty();
  const older = button("Older", () => go("dead" + query({ state: kind, cursor: next })));
  const newest = button("Newest", () => go("dead" + query({ state: kind })));
  const retryAll = button("Retry all shown", () => all(retryAll, "Retry", "again", retryOne));
  const dropAll = button("Drop all shown", () => all(dropAll, "Drop", "forgotten", dropOne), { class: "danger" });
  const reload = throttled(() => load().catch(tell), RELOAD_MS);

  async function load() {
    const mine = ++reads;
    const answer = await get("/v1/jobs" + query({ state: kind, limit: ROWS, cursor }));
    if (mine !== reads) return;
    rows = answer.jobs;
    next = answer.next;
    loaded = true;
    refresh();
    await forEach(
      rows.filter((job) => !errors.has(job.id)),
      async (job) => {
        if (mine !== reads) return;
        errors.set(job.id, (await get(path`/v1/jobs/${job.id}/result`)).error || "");
        refresh();
      }
    );
  }

  // A job that is run again is a new one; the old one goes, or it would be run again with the next press.
  async function retryOne(job) {
    await post(path`/v1/jobs/${job.id}/retry`);
    await remove(path`/v1/jobs/${job.id}`);
  }

  const dropOne = (job) => remove(path`/v1/jobs/${job.id}`);

  function said() {
    const node = nameOf("");
    return { node, update: (job) => setName(node, (errors.get(job.id) || "").replace(/\s*\n\s*/g, " ")) };
  }

  function buttons(row) {
    const act = (work) => async (event) => {
      await busy(event.currentTarget, () => work(row.job));
      load().catch(tell);
    };
    return [button("Retry", act(retryOne)), button("Drop", act(dropOne))];
  }

  async function all(node, verb, done, work) {
    const count = rows.length;
    if (!(await confirmed(`${verb} ${count} jobs?`, `All ${count} shown here, not those on other pages.`, verb))) return;
    await busy(node, async () => {
      const sum = await forEach(rows, work);
      toast(
        `${sum.done} ${done}` + (sum.error ? `, ${count - sum.done} not: ${sum.error.message}` : "."),
        sum.error ? "bad" : "info"
      );
    });
    await load().catch(tell);
  }

  reload();
  return {
    node: h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "row tools" },
        h(
          "div",
          { class: "tabs", role: "group", "aria-label": "Kind" },
          kinds.map(([name, text, why]) =>
            h("a", { href: "#/dead?state=" + name, title: why, "aria-current": name === kind ? "true" : null }, text)
          )
        ),
        h("span", { class: "hint grow" }, kinds.find((k) => k[0] === kind)[2]),
        retryAll,
        dropAll
      ),
      table.node,
      none,
      h("div", { class: "row end" }, newest, older)
    ),
    event() {
      if (total() === seen) return;
      seen = total();
      if (loaded) reload();
    },
    opened: reload,
    render() {
      table.draw(rows);
      none.hidden = rows.length > 0 || !loaded;
      setText(none, kind === "dead" ? "No dead letter: every job got through." : "No failed job.");
      retryAll.hidden = dropAll.hidden = !rows.length;
      older.hidden = !next;
      newest.hidden = !cursor;
    },
    close() {
      reload.stop();
      reads++;
    },
  };
}
