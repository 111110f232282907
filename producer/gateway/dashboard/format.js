// SPDX-License-Identifier: Apache-2.0
//
// format: numbers, times and foreign text as people read them. Knows no page.

const KIB = 1024;

export function count(n) {
  return typeof n === "number" ? n.toLocaleString("en-US").replaceAll(",", "\u202f") : "–";
}

// 12 345 678 as 12.3M: for a place that is narrow.
export function compact(n) {
  if (typeof n !== "number" || !Number.isFinite(n)) return "–";
  const size = Math.abs(n);
  for (const [limit, unit] of [
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ])
    if (size >= limit) return trimmed(n / (unit === "k" ? 1e3 : limit), 1) + unit;
  return count(Math.round(n));
}

function trimmed(n, digits) {
  return n.toFixed(digits).replace(/\.0+$/, "");
}

// At most `digits` significant digits, without a tail of zeros.
export function number(n, digits = 6) {
  if (typeof n !== "number" || !Number.isFinite(n)) return "–";
  if (n === 0) return "0";
  const size = Math.abs(n);
  if (size >= 1e7 || size < 1e-4) return n.toExponential(Math.min(3, digits - 1)).replace("e+", "e");
  return String(Number(n.toPrecision(digits)));
}

// What the ticks of a scale read: as `say` has it, with more digits where two would read the same.
export function apart(values, say) {
  let texts = values.map((n) => say(n));
  for (let digits = 7; digits <= 15 && new Set(texts).size < texts.length; digits++)
    texts = values.map((n) => number(n, digits));
  return texts;
}

export function rate(n) {
  if (!Number.isFinite(n)) return "–";
  return n >= 100 || n === 0 ? compact(Math.round(n)) : n.toFixed(n >= 10 ? 1 : 2).replace(/\.?0+$/, "");
}

export function bytes(n) {
  if (n < KIB) return `${n} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let i = -1;
  for (; n >= KIB && i < units.length - 1; i++) n /= KIB;
  return `${trimmed(n, n < 10 ? 1 : 0)} ${units[i]}`;
}

// 73 µs, 4.2 ms, 1.8 s, 3 min 20 s, 5 h 12 min, 3 d 4 h.
export function span(ms) {
  if (typeof ms !== "number" || !Number.isFinite(ms)) return "–";
  if (ms === 0) return "0";
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  if (ms < 1000) return `${trimmed(ms, ms < 10 ? 1 : 0)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${trimmed(s, s < 10 ? 1 : 0)} s`;
  for (const [big, unit, small, part] of [
    [3600, "min", 60, "s"],
    [86400, "h", 3600, "min"],
    [Infinity, "d", 86400, "h"],
  ]) {
    if (s >= big) continue;
    const rest = Math.floor((s % small) / (part === "h" ? 3600 : part === "min" ? 60 : 1));
    return `${Math.floor(s / small)} ${unit}` + (rest ? ` ${rest} ${part}` : "");
  }
  return "–";
}

const two = (n) => String(n).padStart(2, "0");

export function clock(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

export function moment(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clock(ms)}.${String(d.getMilliseconds()).padStart(3, "0")}`;
}

export function ago(ms, now = Date.now()) {
  if (!ms) return "–";
  const past = Math.max(0, now - ms);
  if (past < 1000) return "now";
  return span(past < 60000 ? Math.floor(past / 1000) * 1000 : past).replace(/ \d+ (s|min|h)$/, "") + " ago";
}

/* --- foreign text --------------------------------------------------------------------------- */

const LAYOUT = /[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g; // unseen, or turns the text around
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const BREAKS = /[\t\n]/g;

const shown = (c) => `‹${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}›`;

// What would not be seen, or would disturb what stands beside it, becomes visible. Tabs and line ends stay.
export function visible(text) {
  return String(text).replace(CONTROL, shown).replace(LAYOUT, shown);
}

// The same on one line.
export function visibleLine(text) {
  return visible(text).replace(BREAKS, shown);
}

// At most `most` characters, never half of one.
export function cut(text, most) {
  if (text.length <= most) return text;
  const end = text.charCodeAt(most - 1) >= 0xd800 && text.charCodeAt(most - 1) < 0xdc00 ? most - 1 : most;
  return text.slice(0, end) + "…";
}

// A value as text: text raw, anything else as JSON.
export function valueText(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

// A word as a shell reads it back.
export function shellWord(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'";
}
