// SPDX-License-Identifier: Apache-2.0
//
// page_overview: the farm at a glance: how much comes and goes, what waits, who works, what is wrong.
import { request } from "./api.js";
import { h, keyed, nameOf, panel, setClass, setName, setText } from "./dom.js";
import { clock, compact, count, rate, span } from "./format.js";
import { every } from "./frame.js";
import { linePlot } from "./plot.js";
import { histograms, quantile, since } from "./prom.js";

const SPAN_S = 300;
const SPAN_LEAST_S = 60;
const FIGURES_MS = 5000;
const WORKERS_MS = 2000;
const QUEUES_SHOWN = 8;
const SLOTS_SHOWN = 256;
const RATE_S = 5; // what "per second" is the mean of

/* --- latency: two readings of the broker's histograms make a point ----------------------------- */

const latency = { before: new Map(), run: [[], []], wait: [[], []] }; // kept while other pages are open

async function readFigures() {
  const all = histograms(await (await request("GET", "/metrics")).text());
  const x = Math.floor(Date.now() / 1000);
  for (const name of ["run", "wait"]) {
    const buckets = all.get(`reeve_job_${name}_seconds`) || [];
    const fresh = since(buckets, latency.before.get(name));
    if (latency.before.has(name))
      [0.5, 0.99].forEach((q, i) => {
        const s = quantile(fresh, q);
        latency[name][i] = latency[name][i].slice(-SPAN_S / 5).concat({ x, y: s === null ? NaN : s * 1000 });
      });
    latency.before.set(name, buckets);
  }
}

const lastOf = (points) => {
  const p = points[points.length - 1];
  return p && Number.isFinite(p.y) ? p.y : null;
};

/* --- alerts ------------------------------------------------------------------------------------ */

const link = (to, text) => h("a", { href: "#/" + to }, text);

// [kind, what]: worst first. Each names where to look.
function alerts(farm) {
  const found = [];
  const broker = farm.status?.broker;
  if (farm.trouble) found.push(["bad", `The broker cannot be asked: ${farm.trouble}`]);
  else if (broker && broker.state !== "serving")
    found.push([
      "bad",
      `The broker is ${broker.state}` + (broker.awaited ? `; ${broker.awaited} workers have not come back` : ""),
    ]);
  if (farm.dead.count)
    found.push([
      "bad",
      [link("dead", `${farm.dead.count}${farm.dead.more ? "+" : ""} dead letters`), " have used up their attempts"],
    ]);
  for (const w of farm.workers)
    if (w.state === "silent" || w.state === "lost") found.push(["bad", ["Worker ", nameOf(w.id), " is ", w.state]]);
    else if (w.state === "draining") found.push(["warn", ["Worker ", nameOf(w.id), " is draining"]]);
  if (farm.loaded && !farm.workers.length) found.push(["warn", "No worker is there: nothing can run"]);
  for (const q of farm.queues.values()) {
    if (q.held) found.push(["warn", [link("queues", nameOf(q.name)), ` is held, ${count(q.ready)} ready`]]);
    else if (q.ready && !q.workers)
      found.push(["warn", [link("queues", nameOf(q.name)), ` has ${count(q.ready)} ready jobs and no worker`]]);
  }
  return found;
}

const keyOf = (alert) =>
  alert[0] +
  [alert[1]]
    .flat()
    .map((part) => part.whole ?? part.textContent ?? part)
    .join("");

/* --- parts -------------------------------------------------------------------------------------- */

function figure(label, hint) {
  const value = h("span", { class: "big" });
  const more = h("span", { class: "hint" }, hint);
  return { node: h("div", { class: "figure" }, h("span", { class: "label" }, label), value, more), value, more };
}

function slotSquares(parent, workers) {
  keyed(
    parent,
    workers,
    (w) => w.id,
    (w) => {
      const name = nameOf(w.id);
      const squares = h("span", { class: "squares" });
      const text = h("span", { class: "hint" });
      return { node: h("li", {}, h("div", { class: "row between" }, name, text), squares), squares, text };
    },
    (row, w) => {
      const busy = w.slots.filter((s) => s.job).length;
      setText(row.text, w.state === "up" ? `${busy} of ${w.slots.length} busy` : w.state);
      keyed(
        row.squares,
        w.slots.slice(0, SLOTS_SHOWN),
        (s) => s.index,
        () => ({ node: h("i", {}) }),
        (square, s) => {
          setClass(square.node, w.state !== "up" ? "off" : s.job ? "busy" : "idle");
          square.node.title = s.job ? `${s.index}: ${s.queue}` : `${s.index}: ${s.state}`;
        }
      );
    }
  );
}

function depthBars(parent, farm) {
  const rows = [...farm.queues.values()]
    .filter((q) => q.ready + q.running + q.delayed > 0)
    .sort((a, b) => b.ready - a.ready || b.running - a.running)
    .slice(0, QUEUES_SHOWN);
  const most = Math.max(1, ...rows.map((q) => q.ready));
  keyed(
    parent,
    rows,
    (q) => q.name,
    (q) => {
      const text = h("span", { class: "num" });
      const bar = h("span", { class: "bar" });
      return { node: h("li", {}, h("div", { class: "row between" }, nameOf(q.name), text), bar), text, bar };
    },
    (row, q) => {
      setText(row.text, `${count(q.ready)} ready · ${count(q.running)} running`);
      row.bar.style.setProperty("--part", String(q.ready / most));
    }
  );
  return rows.length;
}

/* --- the page ----------------------------------------------------------------------------------- */

const second = (x) => clock(x * 1000);
// A whole minute is said as one; between them stands a tick only while there is room.
const tick = (x) => (x % 60 ? second(x) : second(x).slice(0, 5));

function makePlots() {
  const time = { x: tick, tip: second, step: 60, zero: true };
  const ms = { ...time, y: span };
  const spread = [
    { label: "median", ink: "accent" },
    { label: "99 %", ink: "faint", dash: "second" },
  ];
  return {
    rates: linePlot("Jobs per second", {
      ...time,
      y: rate,
      whole: true,
      series: [
        { label: "submitted", ink: "faint", dash: "second" },
        { label: "finished", ink: "accent", fill: true },
      ],
    }),
    depth: linePlot("Jobs ready", {
      ...time,
      y: compact,
      whole: true,
      series: [{ label: "ready", ink: "accent", fill: true, step: "before" }],
    }),
    run: linePlot("Run time", { ...ms, series: spread }),
    wait: linePlot("Waiting time", { ...ms, series: spread }),
  };
}

export function overview({ farm, refresh }) {
  const figures = {
    submitted: figure("Submitted", "per second"),
    finished: figure("Finished", "per second"),
    ready: figure("Ready", ""),
    oldest: figure("Oldest waiting", ""),
    run: figure("Run time", ""),
    wait: figure("Waiting time", ""),
    slots: figure("Slots busy", ""),
  };
  const plots = makePlots();
  const quiet = h("p", { class: "quiet-line" }, "Nothing needs attention.");
  const list = h("ul", { class: "alerts", "aria-live": "polite", "aria-label": "Alerts" });
  const slots = h("ul", { class: "plain slots" });
  const bars = h("ul", { class: "plain bars" });
  const idle = h("p", { class: "empty" }, "No job waits or runs.");
  const plotPanel = (title, plot) =>
    h(
      "section",
      { class: "panel", "aria-label": title },
      h("div", { class: "row between" }, h("h2", {}, title), plot.legend),
      plot.node
    );
  const node = h(
    "div",
    { class: "stack" },
    list,
    quiet,
    h(
      "div",
      { class: "figures" },
      Object.values(figures).map((f) => f.node)
    ),
    h(
      "div",
      { class: "grid two" },
      plotPanel("Jobs per second", plots.rates),
      plotPanel("Jobs ready", plots.depth),
      plotPanel("Run time", plots.run),
      plotPanel("Waiting time", plots.wait)
    ),
    h("div", { class: "grid two" }, panel("Workers and slots", slots), panel("Queues at work", bars, idle))
  );
  const stops = [
    every(1000, () => {
      farm.sample();
      refresh();
    }),
    every(FIGURES_MS, readFigures),
    every(WORKERS_MS, () => farm.loadWorkers()),
  ];
  let drawn = 0;

  function drawFigures(recent) {
    const mean = (points) => points.reduce((sum, p) => sum + p.y, 0) / Math.max(1, points.length);
    const { busy, all } = farm.slots();
    const oldest = farm.oldest();
    setText(figures.submitted.value, rate(mean(recent.submitted)));
    setText(figures.finished.value, rate(mean(recent.ended)));
    setText(figures.ready.value, compact(farm.sum("ready")));
    setText(figures.ready.more, `${compact(farm.sum("running"))} running`);
    setText(figures.oldest.value, oldest.name ? span(oldest.ms) : "–");
    setName(figures.oldest.more, oldest.name || "nothing waits");
    setText(figures.slots.value, `${busy} / ${all}`);
    setText(figures.slots.more, `${farm.workers.length} ${farm.workers.length === 1 ? "worker" : "workers"}`);
    for (const name of ["run", "wait"]) {
      const [median, most] = latency[name].map(lastOf);
      setText(figures[name].value, median === null ? "–" : span(median));
      setText(figures[name].more, most === null ? "no job just now" : `99 %: ${span(most)}`);
    }
  }

  function drawPlots() {
    const now = Math.floor(Date.now() / 1000);
    if (now === drawn) return; // a point a second is what there is
    drawn = now;
    // What a young page has seen fills the width; later the last minutes do.
    const width = Math.min(SPAN_S, Math.max(SPAN_LEAST_S, now - farm.first));
    const from = now - width;
    const range = { range: { min: from, max: now }, step: width > 120 ? 60 : 15 };
    const { submitted, ended } = farm.rates(SPAN_S);
    plots.rates.set([submitted, ended], { ...range, summary: `${figures.finished.value.textContent} finished per second` });
    plots.depth.set([farm.depths.filter((p) => p.x >= from)], { ...range, summary: `${figures.ready.value.textContent} ready` });
    for (const name of ["run", "wait"])
      plots[name].set(latency[name], { ...range, summary: `median ${figures[name].value.textContent}` });
  }

  return {
    node,
    render() {
      const found = alerts(farm);
      keyed(
        list,
        found,
        keyOf,
        ([kind, what]) => ({ node: h("li", { class: kind }, what) }),
        () => {}
      );
      list.hidden = !found.length;
      quiet.hidden = !!found.length || !farm.loaded;
      drawFigures(farm.rates(RATE_S));
      drawPlots();
      slotSquares(slots, farm.workers);
      idle.hidden = depthBars(bars, farm) > 0;
    },
    close() {
      stops.forEach((stop) => stop());
      Object.values(plots).forEach((plot) => plot.destroy());
    },
  };
}
