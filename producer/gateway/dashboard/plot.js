// SPDX-License-Identifier: Apache-2.0
//
// plot: line plots; the only module that knows the plotting library (Chart.js, a script of its own).
// Everything is drawn on a canvas, so no text of a series can ever become markup. Plots that changed
// are drawn in turns, within a part of each frame, and only when they are to be seen.
import { h } from "./dom.js";
import { apart } from "./format.js";
import { schedule } from "./frame.js";

const FRAME_MS = 8; // of a frame, for all plots together
const plots = new Set();
const waiting = new Set();
const inks = { accent: "--accent", ink: "--ink-2", faint: "--ink-3", bad: "--bad", warn: "--warn" };
const dashes = { limit: [3, 4], second: [5, 3] };
let palette = null;

// Custom properties hold light-dark(): what they come to is asked of an element that uses them.
function colours() {
  if (palette) return palette;
  const probe = h("span", { hidden: true });
  document.body.append(probe);
  const of = (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  palette = { grid: of("--line"), text: of("--ink-3"), panel: of("--panel"), tip: of("--ink"), ink: {} };
  for (const [ink, name] of Object.entries(inks)) palette.ink[ink] = of(name);
  probe.remove();
  return palette;
}

function soft(colour, part) {
  const found = /^rgba?\(([^)]+)\)/.exec(colour);
  return found
    ? `rgba(${found[1]
        .split(/[ ,/]+/)
        .slice(0, 3)
        .join(",")},${part})`
    : colour;
}

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    entry.target.plot.seen = entry.isIntersecting;
    if (entry.isIntersecting) entry.target.plot.redraw();
  }
});

function drawSome() {
  const end = performance.now() + FRAME_MS;
  for (const plot of waiting) {
    if (performance.now() > end) break;
    waiting.delete(plot);
    if (plot.seen) plot.draw();
  }
  if (waiting.size) schedule(drawSome);
}

export function recolour() {
  palette = null;
  for (const plot of plots) plot.colour();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);

class Plot {
  // series: [{label, ink, fill, dash, step, points}]; x and y: what a tick or a tip says of a number.
  // tip: what a tip says of x, where that is more than a tick has room for. step: between ticks of x.
  // zero: y begins there. whole: y counts things.
  constructor(label, { series, x, y, tip, step, small, zero, whole }) {
    this.label = label;
    this.series = series;
    this.say = { x, y, tip: tip || x };
    this.seen = false;
    this.canvas = h("canvas", { role: "img", "aria-label": label });
    this.node = h("div", { class: "plot" + (small ? " small" : "") }, this.canvas);
    this.node.plot = this;
    this.legend = h(
      "span",
      { class: "legend", "aria-hidden": "true" },
      series.map((s) => h("span", { class: `of-${s.ink} ${s.dash ? "dashed" : s.points ? "dots" : ""}` }, s.label))
    );
    this.chart = new globalThis.Chart(this.canvas, this.config({ step, small, zero, whole }));
    this.colour();
    plots.add(this);
    seen.observe(this.node);
  }

  config({ step, small, zero, whole }) {
    const font = { family: getComputedStyle(document.body).fontFamily, size: 11 };
    const axis = (say, more) => ({
      type: "linear",
      border: { display: false },
      grid: { drawTicks: false, drawBorder: false },
      ticks: {
        font,
        maxRotation: 0,
        autoSkipPadding: 24,
        padding: 6,
        includeBounds: !step,
        stepSize: step,
        callback: (n) => say(n),
      },
      ...more,
    });
    return {
      type: "line",
      data: {
        datasets: this.series.map((s) => ({
          label: s.label,
          data: [],
          borderWidth: s.dash ? 1 : 1.5,
          pointRadius: s.points ? 1.75 : 0,
          pointBorderWidth: 0,
          pointHoverRadius: 3,
          showLine: !s.points,
          stepped: s.step || false,
          borderDash: dashes[s.dash] || [],
          fill: s.fill ? "start" : false,
          yAxisID: "y",
        })),
      },
      options: {
        animation: false,
        parsing: false,
        normalized: true,
        maintainAspectRatio: false,
        responsive: true,
        events: ["mousemove", "mouseout", "touchstart"],
        interaction: { mode: "index", intersect: false, axis: "x" },
        layout: { padding: { top: 4, right: 8 } },
        scales: {
          x: axis(this.say.x, { grid: { display: false, drawBorder: false } }),
          y: axis(this.say.y, {
            beginAtZero: !!zero,
            grace: zero ? 0 : "6%",
            suggestedMax: whole ? 4 : zero ? 1 : undefined,
            ticks: {
              font,
              padding: 6,
              maxTicksLimit: small ? 4 : 6,
              precision: whole ? 0 : undefined,
              callback: (n, i, all) => apart(all.map((tick) => tick.value), this.say.y)[i],
            },
          }),
        },
        plugins: {
          legend: { display: false },
          tooltip: {
            displayColors: false,
            padding: 8,
            cornerRadius: 5,
            titleFont: { ...font, weight: "normal" },
            bodyFont: font,
            callbacks: {
              title: (items) => (items.length ? this.say.tip(items[0].parsed.x) : ""),
              label: (item) => `${item.dataset.label}  ${this.say.y(item.parsed.y)}`,
            },
          },
        },
      },
    };
  }

  colour() {
    const c = colours();
    this.chart.data.datasets.forEach((set, i) => {
      const ink = c.ink[this.series[i].ink || "accent"];
      set.borderColor = ink;
      set.pointBackgroundColor = soft(ink, 0.75);
      set.backgroundColor = soft(ink, 0.1);
    });
    const { x, y } = this.chart.options.scales;
    x.ticks.color = y.ticks.color = c.text;
    y.grid.color = c.grid;
    const { tooltip } = this.chart.options.plugins;
    tooltip.backgroundColor = c.tip;
    tooltip.titleColor = tooltip.bodyColor = c.panel;
    this.redraw();
  }

  // data: for each series its points [{x, y}], x rising; they are taken as they are. summary: the same in words.
  set(data, { summary, range, step } = {}) {
    data.forEach((points, i) => {
      const dataset = this.chart.data.datasets[i];
      dataset.data = points;
      if (!this.series[i].points) dataset.pointRadius = points.length === 1 ? 2 : 0; // one makes no line
    });
    if (range) Object.assign(this.chart.options.scales.x, range);
    if (step) this.chart.options.scales.x.ticks.stepSize = step;
    if (summary && summary !== this.summary) this.canvas.setAttribute("aria-label", `${this.label}: ${summary}`);
    this.summary = summary;
    this.redraw();
  }

  redraw() {
    waiting.add(this);
    schedule(drawSome);
  }

  draw() {
    this.chart.update("none");
  }

  destroy() {
    seen.unobserve(this.node);
    plots.delete(this);
    waiting.delete(this);
    this.chart.destroy();
  }
}

export function linePlot(label, options) {
  return new Plot(label, options);
}
