// SPDX-License-Identifier: Apache-2.0
//
// session_parts: how a session is shown: its plots, its facts, its best and last point. Which session, and
// what can be done with it, is page_session's business.
import { empty, facts, h, nameOf, setText } from "./dom.js";
import { ago, count, number } from "./format.js";
import { linePlot } from "./plot.js";

const VARIABLES_SHOWN = 24; // plots of each kind

/* --- plots ------------------------------------------------------------------------------------------- */

export const plotted = (title, plot) =>
  h(
    "section",
    { class: "panel", "aria-label": title },
    h("div", { class: "row between" }, h("h2", {}, title), plot.legend),
    plot.node
  );
const iteration = (x) => (Number.isInteger(x) ? count(x) : "");

function variablePlots(kind, parent) {
  const shown = new Map(); // name -> plot
  return {
    draw(trail) {
      for (const name of trail.names(kind).slice(0, VARIABLES_SHOWN)) {
        let entry = shown.get(name);
        if (!entry) {
          const plot = linePlot(name, {
            x: iteration,
            y: (n) => number(n, 4),
            small: true,
            series: [
              { label: "best", ink: "accent", step: "before" },
              { label: "tried", ink: "faint", dash: "second" },
            ],
          });
          const value = h("span", { class: "num" });
          entry = { plot, value };
          parent.append(
            h(
              "section",
              { class: "panel tight", "aria-label": name },
              h("div", { class: "row between" }, h("h3", {}, nameOf(name)), value),
              plot.node
            )
          );
          shown.set(name, entry);
        }
        const { best, last } = trail.of(kind, name);
        const now = best.length ? best[best.length - 1].y : null;
        setText(entry.value, number(now));
        entry.plot.set([best, last], { range: { min: 1, max: Math.max(2, trail.reach()) }, summary: number(now) });
      }
    },
    destroy() {
      for (const { plot } of shown.values()) plot.destroy();
    },
  };
}

export function makePlots(parents) {
  const progress = linePlot("Convergence", {
    x: iteration,
    y: number,
    series: [
      { label: "best", ink: "accent", step: "before" },
      { label: "tried", ink: "faint", points: true },
    ],
  });
  const violation = linePlot("Violation", {
    x: iteration,
    y: (n) => number(n, 3),
    zero: true,
    small: true,
    series: [
      { label: "of the best", ink: "bad", step: "before" },
      { label: "tried", ink: "faint", points: true },
    ],
  });
  const kinds = { mvs: variablePlots("mvs", parents.mvs), cvs: variablePlots("cvs", parents.cvs) };
  return {
    progress,
    violation,
    draw(trail) {
      const { best, last, broken, brokenLast } = trail.objective();
      const range = { min: 1, max: Math.max(2, trail.reach()) };
      progress.set([best, last], { range, summary: best.length ? `best ${number(best[best.length - 1].y)}` : "nothing yet" });
      violation.set([broken, brokenLast], {
        range,
        summary: broken.length ? number(broken[broken.length - 1].y, 3) : "nothing yet",
      });
      kinds.mvs.draw(trail);
      kinds.cvs.draw(trail);
    },
    destroy() {
      [progress, violation, kinds.mvs, kinds.cvs].forEach((plot) => plot.destroy());
    },
  };
}

/* --- what it says of itself --------------------------------------------------------------------------- */

export function sessionFacts(s) {
  return facts(
    ["Iteration", count(s.iteration) + (s.max_iterations ? ` of ${count(s.max_iterations)}` : "")],
    ["Best", number(s.best?.objective, 8)],
    ["Violation", s.best ? (s.best.violation ? number(s.best.violation, 3) : "none") : "–"],
    s.evaluations ? ["Evaluations", count(s.evaluations)] : null,
    s.objective_text
      ? ["Objective", h("span", {}, s.maximize ? "maximize " : "minimize ", h("code", {}, nameOf(s.objective_text)))]
      : null,
    s.model ? ["Model", nameOf(s.model)] : ["Queue", nameOf(s.queue)],
    s.method ? ["Method", nameOf(s.method)] : null,
    ["Started", ago(s.submitted_ms)],
    s.ended_ms ? ["Ended", ago(s.ended_ms)] : null,
    s.message ? ["Says", nameOf(s.message)] : null,
    s.reason && s.state !== "finished" ? ["Reason", nameOf(s.reason)] : null,
    s.seq ? ["Update", "#" + count(s.seq)] : null
  );
}

export function bestTable(s) {
  const rows = ["mvs", "cvs"].flatMap((kind) =>
    Object.entries(s.best?.[kind] || {}).map(([name, value]) =>
      h(
        "tr",
        {},
        h("td", { class: "hint" }, kind === "mvs" ? "MV" : "CV"),
        h("td", {}, nameOf(name)),
        h("td", { class: "num" }, number(value, 6)),
        h("td", { class: "num muted" }, number(s[kind]?.[name], 6))
      )
    )
  );
  if (!rows.length) return empty("Nothing has been tried yet.");
  return h(
    "div",
    { class: "scroll" },
    h(
      "table",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", {}, ""),
          h("th", {}, "Variable"),
          h("th", { class: "num" }, "Best"),
          h("th", { class: "num" }, "Last")
        )
      ),
      h("tbody", {}, rows)
    )
  );
}
