// SPDX-License-Identifier: Apache-2.0
//
// page_job: one job: what became of it, attempt by attempt and why, what holds it up now, its result.
import { get, path, post, remove } from "./api.js";
import {
  busy,
  button,
  commandLine,
  confirmed,
  empty,
  facts,
  fill,
  h,
  nameOf,
  openDialog,
  panel,
  pill,
  setPill,
  tell,
  textBlock,
} from "./dom.js";
import { ago, bytes, moment, number, span, valueText } from "./format.js";
import { throttled } from "./frame.js";
import { isEnded, patch, reasonOf } from "./joblist.js";

const RELOAD_MS = 250;
const at = (ms) => (ms ? h("time", { title: moment(ms), datetime: new Date(ms).toISOString() }, moment(ms)) : "–");
const linkTo = (id) => h("a", { class: "mono", href: "#/jobs/" + id }, id);

/* --- parts --------------------------------------------------------------------------------------- */

function jobFacts(job) {
  const first = job.history[0];
  return facts(
    ["Queue", h("a", { href: "#/jobs?queue=" + encodeURIComponent(job.queue) }, nameOf(job.queue))],
    ["Submitted", at(job.submitted_ms)],
    job.ended_ms ? ["Ended", at(job.ended_ms)] : null,
    job.ended_ms
      ? ["From submission to end", span(job.ended_ms - job.submitted_ms)]
      : ["Age", ago(job.submitted_ms).replace(" ago", "")],
    ["Attempts", String(job.attempts)],
    job.run_us ? ["Ran", span(job.run_us / 1000)] : null,
    job.worker ? ["Worker", nameOf(job.worker)] : null,
    ["Priority", String(job.priority)],
    ["Durability", job.durability],
    job.key ? ["Key", nameOf(job.key)] : null,
    job.retry_of ? ["Retry of", linkTo(job.retry_of)] : null,
    job.peak_kib ? ["Peak memory", bytes(job.peak_kib * 1024)] : null,
    job.value_bytes ? ["Value", bytes(job.value_bytes)] : null,
    first && first.attempt > 1 ? ["Forgotten", `attempts 1 to ${first.attempt - 1}`] : null
  );
}

// So many of so many is a bar, whatever else the job tells stands below it.
function progressOf({ done, of, ...more }) {
  const counted = Number.isFinite(done) && Number.isFinite(of) && of > 0;
  const bar = h("span", {
    class: "bar",
    role: "progressbar",
    "aria-label": "Progress",
    "aria-valuemin": 0,
    "aria-valuemax": of,
    "aria-valuenow": done,
  });
  if (counted) bar.style.setProperty("--part", String(Math.min(Math.max(done / of, 0), 1)));
  const rest = Object.entries(counted ? more : { done, of, ...more }).filter(([, value]) => value !== undefined);
  return h(
    "div",
    { class: "stack" },
    counted && h("div", {}, h("span", { class: "num" }, `${number(done)} of ${number(of)}`), bar),
    rest.length > 0 && facts(...rest.map(([name, value]) => [nameOf(name), nameOf(valueText(value))]))
  );
}

// What an entry of the timeline is made of: when, what, on whom, how long.
function entry(kind, ms, title, ...more) {
  return h(
    "li",
    { class: kind },
    h("div", { class: "row between" }, h("strong", {}, title), h("span", { class: "hint num" }, ms ? moment(ms) : "")),
    more
  );
}

function attemptEntry(a) {
  const parts = [
    a.worker && ["on ", nameOf(a.worker)],
    a.run_us && `ran ${span(a.run_us / 1000)}`,
    a.peak_kib && `peak memory ${bytes(a.peak_kib * 1024)}`,
  ].filter(Boolean);
  return entry(
    a.reason ? "bad" : "good",
    a.ended_ms,
    `Attempt ${a.attempt}: ${a.reason || "ok"}`,
    h(
      "div",
      { class: "muted" },
      parts.map((part, i) => [i ? ", " : "", part])
    ),
    a.error && textBlock(a.error, "What the handler said"),
    a.last_lines && textBlock(a.last_lines, "Last lines of standard error")
  );
}

function timeline(job) {
  const why = reasonOf(job);
  return h(
    "ol",
    { class: "timeline" },
    entry(
      "",
      job.submitted_ms,
      "Submitted",
      job.retry_of && h("div", { class: "muted" }, "as a retry of ", linkTo(job.retry_of))
    ),
    job.history.map(attemptEntry),
    isEnded(job)
      ? entry(job.state === "ok" ? "good" : "bad", job.ended_ms, `Ended ${job.state}` + (why ? `: ${why}` : ""))
      : entry(
          "now",
          0,
          `Now ${job.state}`,
          job.worker && job.state === "running" && h("div", { class: "muted" }, "on ", nameOf(job.worker))
        )
  );
}

function commands(id) {
  openDialog(
    "Copy as command",
    h(
      "div",
      { class: "stack" },
      ["job", "explain", "result", "wait", "retry", "cancel"].map((verb) => commandLine(`reeve ${verb} ${id}`)),
      commandLine(`reeve watch job/${id}`)
    )
  );
}

/* --- the page ------------------------------------------------------------------------------------ */

export function job({ id, refresh, go }) {
  let shown = null,
    result = null,
    reasons = [],
    missing = "",
    dirty = true,
    closed = false;
  const state = pill("");
  const retry = button("Retry", () => busy(retry, async () => go("jobs/" + (await post(path`/v1/jobs/${id}/retry`)).id)));
  const cancel = button(
    "Cancel",
    () =>
      busy(cancel, async () => {
        if (await confirmed("Cancel this job?", "A running one is told first, then ended.", "Cancel the job"))
          await post(path`/v1/jobs/${id}/cancel`);
      }),
    { class: "danger" }
  );
  const forget = button("Forget", () =>
    busy(forget, async () => {
      if (!(await confirmed("Forget this job?", "Its record and its value are removed.", "Forget"))) return;
      await remove(path`/v1/jobs/${id}`);
      go("jobs");
    })
  );
  const parts = { facts: h("div", {}), progress: h("div", {}), time: h("div", {}), why: h("div", {}), result: h("div", {}) };
  const reload = throttled(() => load().catch(fail), RELOAD_MS);

  function fail(error) {
    if (error.status === 404 || error.status === 400) missing = "No such job is known: " + id;
    else tell(error);
    dirty = true;
    refresh();
  }

  async function load() {
    const now = await get(path`/v1/jobs/${id}`);
    shown = now;
    missing = "";
    dirty = true;
    refresh();
    reasons = (await get(path`/v1/jobs/${id}/explain`)).reasons;
    if (isEnded(now)) result = await get(path`/v1/jobs/${id}/result`);
    dirty = !closed;
    refresh();
  }

  function drawResult() {
    if (!result) return empty("There is one when the job has ended.");
    if (result.state === "ok") return textBlock(valueText(result.value), "Result");
    return result.error ? textBlock(result.error, "Error") : empty("It has left nothing.");
  }

  // What has not changed is left alone: somebody may have unfolded it, or be reading in it.
  const drawn = {};
  const once = (name, of, draw) => {
    const now = JSON.stringify(of);
    if (drawn[name] === now) return;
    drawn[name] = now;
    fill(parts[name], draw());
  };

  function draw() {
    fill(parts.facts, jobFacts(shown));
    progress.hidden = !shown.progress;
    once("progress", shown.progress, () => shown.progress && progressOf(shown.progress));
    once("time", [shown.history, shown.state, shown.reason, shown.worker, shown.ended_ms], () => timeline(shown));
    once("result", result, drawResult);
    fill(
      parts.why,
      reasons.length
        ? h(
            "ul",
            { class: "reasons" },
            reasons.map((r) => h("li", {}, h("code", {}, r.code), " ", nameOf(r.text)))
          )
        : empty("–")
    );
  }

  reload();
  const none = empty();
  const progress = panel("Progress", parts.progress);
  const body = h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "row tools" },
      state,
      retry,
      cancel,
      forget,
      button("Copy as command", () => commands(id))
    ),
    h("section", { class: "panel", "aria-label": "Facts" }, parts.facts),
    progress,
    h(
      "div",
      { class: "grid two top" },
      panel("Timeline", parts.time),
      h("div", { class: "stack" }, panel("Result", parts.result), panel("Why it is where it is", parts.why))
    )
  );
  return {
    title: id,
    heading: h("span", { class: "mono" }, id),
    up: "jobs",
    topics: ["job/" + id, "session/" + id],
    node: h("div", {}, none, body),
    event(update) {
      if (!update.topic.endsWith("/" + id) || update.event === "error") return;
      const told = update.event === "progress";
      if (shown && update.topic.startsWith("job/") && (told || update.event === "state")) {
        patch(shown, update);
        dirty = true;
      }
      if (told) return; // it has told everything
      if (update.event !== "snapshot" || !shown || update.state !== shown.state) reload();
    },
    opened: reload,
    render() {
      body.hidden = !shown || !!missing;
      none.hidden = !missing;
      none.textContent = missing;
      if (!shown || missing || !dirty) return;
      dirty = false;
      setPill(state, shown.state);
      retry.hidden = forget.hidden = !isEnded(shown);
      cancel.hidden = isEnded(shown);
      draw();
    },
    close() {
      closed = true;
      reload.stop();
    },
  };
}
