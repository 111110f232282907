// SPDX-License-Identifier: Apache-2.0
//
// trail: the points a session has come by, as far as this tab has seen them, for its plots. The best
// objective of iterations before comes from the session's own history. Knows no page.

const POINTS_MAX = 2000; // above it every second one goes: what is left still shows the way

const isNumber = (n) => typeof n === "number" && Number.isFinite(n);

// History holds the best of each iteration, or of every second, fourth, ... of a long run, and the last one.
function historyPoints(history, last) {
  const n = history.length;
  return history
    .map((y, i) => ({ x: n < 2 ? Math.max(last, 1) : Math.round(1 + (i * (last - 1)) / (n - 1)), y }))
    .filter((p) => isNumber(p.y));
}

export function makeTrail() {
  let points = []; // {x, objective, violation, best, mvs, cvs}
  let history = [];
  const seen = { mvs: new Set(), cvs: new Set() };

  function take(s) {
    // The first iteration has checked what is wanted and tried nothing.
    const x = s.iteration - 1;
    if (s.history) history = historyPoints(s.history, x);
    if (x < 1 || !(s.best || s.mvs)) return;
    for (const kind of ["mvs", "cvs"]) for (const name of Object.keys(s.best?.[kind] || s[kind] || {})) seen[kind].add(name);
    const point = { x, objective: s.objective, violation: s.violation, best: s.best, mvs: s.mvs, cvs: s.cvs };
    const last = points[points.length - 1];
    if (last && x < last.x) return;
    if (last && x === last.x) points[points.length - 1] = point;
    else points.push(point);
    if (points.length > POINTS_MAX) points = points.filter((p, i) => i % 2 || i === points.length - 1);
  }

  const line = (of) => points.map((p) => ({ x: p.x, y: of(p) })).filter((p) => isNumber(p.y));

  return {
    take,
    reach: () => Math.max(history.length ? history[history.length - 1].x : 0, points.length ? points[points.length - 1].x : 0),
    names: (kind) => [...seen[kind]],
    of: (kind, name) => ({ best: line((p) => p.best?.[kind]?.[name]), last: line((p) => p[kind]?.[name]) }),
    objective: () => ({
      best: history,
      last: line((p) => p.objective),
      broken: line((p) => p.best?.violation),
      brokenLast: line((p) => p.violation),
    }),
  };
}
