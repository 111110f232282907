// SPDX-License-Identifier: Apache-2.0
//
// page_ticker: prices by symbol, each with a chart that grows while it is watched. A feed runs as long
// as somebody watches it; a page that is left watches nothing.
import { button, empty, h, keyed, nameOf, setClass, setText, toast } from "./dom.js";
import { clock, compact, count, number, visibleLine } from "./format.js";
import { linePlot } from "./plot.js";

const KEPT = 600; // points of a chart
const SYMBOLS_MAX = 60; // topics of one stream, less those of every page
const SYMBOL = /^[A-Z0-9.^=-]{1,12}$/;
const STORE = "reeve.ticker";
const intervals = [
  ["0.1", "0.1 s"],
  ["0.5", "0.5 s"],
  ["1", "1 s"],
  ["", "2 s"],
  ["5", "5 s"],
  ["10", "10 s"],
  ["60", "60 s"],
];

// topic -> points {x, y}; kept while other pages are open.
const charts = new Map();

function restore() {
  try {
    const topics = JSON.parse(localStorage.getItem(STORE) || "[]");
    return Array.isArray(topics)
      ? topics.filter((t) => typeof t === "string" && t.startsWith("ticker/")).slice(0, SYMBOLS_MAX)
      : [];
  } catch {
    return [];
  }
}

function price(n) {
  return typeof n === "number" ? n.toFixed(2) : "–";
}

function signed(n, digits = 2) {
  return typeof n === "number" ? (n > 0 ? "+" : n < 0 ? "−" : "") + Math.abs(n).toFixed(digits) : "–";
}

function makeCard(unsubscribe) {
  return (item) => {
    const [, symbol, interval] = item.topic.split("/");
    const row = {
      price: h("span", { class: "big" }),
      change: h("span", { class: "num" }),
      note: h("span", { class: "hint num" }),
      volume: h("span", { class: "hint num" }),
      item: null,
    };
    row.drop = () => row.plot.destroy();
    row.plot = linePlot(`Price of ${symbol}`, {
      x: (ms) => clock(ms),
      y: (n) => number(n, 6),
      small: true,
      series: [{ label: symbol, ink: "accent", fill: true }],
    });
    row.node = h(
      "article",
      { class: "panel quote", "data-topic": item.topic },
      h(
        "div",
        { class: "row between" },
        h("h2", {}, nameOf(symbol), interval && h("span", { class: "hint" }, ` ${interval} s`)),
        button("Unsubscribe", () => unsubscribe(item.topic), { class: "quiet", "aria-label": `Unsubscribe ${symbol}` })
      ),
      h("div", { class: "row between base" }, row.price, row.change),
      row.plot.node,
      h("div", { class: "row between" }, row.volume, row.note)
    );
    return row;
  };
}

function updateCard(row, item) {
  const q = item.quote;
  if (row.drawn === item.version) return;
  row.drawn = item.version;
  setText(row.price, q ? price(q.price) : item.trouble ? "–" : "…");
  setText(row.change, q ? `${signed(q.change)} (${signed(q.change_percent)} %)` : "");
  setClass(row.change, "num " + (q && q.change > 0 ? "up" : q && q.change < 0 ? "down" : ""));
  setText(row.volume, q ? `volume ${compact(q.volume)}` : item.trouble ? visibleLine(item.trouble) : "waits for the first price");
  setText(row.note, item.seq ? `#${count(item.seq)}` : "");
  row.node.dataset.seq = item.seq || "";
  row.node.dataset.price = q ? q.price : "";
  row.plot.set([charts.get(item.topic)], { summary: q ? price(q.price) : "no price yet" });
}

export function ticker({ refresh, watch }) {
  const items = new Map(); // topic -> {topic, quote, seq, trouble, version}
  const input = h("input", {
    placeholder: "Symbol, such as AAPL",
    "aria-label": "Symbol",
    "data-filter": true,
    "data-new": true,
    autocapitalize: "characters",
    spellcheck: "false",
    maxlength: 64,
  });
  const interval = h(
    "select",
    { "aria-label": "Interval" },
    intervals.map(([value, text]) => h("option", { value, selected: !value }, "every " + text))
  );
  const cards = h("div", { class: "grid quotes" });
  const none = empty("No symbol is watched. Type one and press Enter.");
  const submit = h("button", { class: "primary" }, "Subscribe");

  function changed() {
    localStorage.setItem(STORE, JSON.stringify([...items.keys()]));
    watch([...items.keys()]);
    refresh();
  }

  function add(topic) {
    if (!charts.has(topic)) charts.set(topic, []);
    items.set(topic, { topic, quote: null, seq: 0, trouble: "", version: 1 });
  }

  function unsubscribe(topic) {
    items.delete(topic);
    charts.delete(topic);
    changed();
    input.focus();
  }

  function subscribe() {
    const symbols = input.value
      .trim()
      .toUpperCase()
      .split(/[\s,]+/)
      .filter(Boolean);
    for (const symbol of symbols) {
      const topic = "ticker/" + symbol + (interval.value ? "/" + interval.value : "");
      if (!SYMBOL.test(symbol)) toast(`"${visibleLine(symbol)}" is no symbol: up to 12 letters, digits and . ^ = -`, "bad");
      else if (items.size >= SYMBOLS_MAX) toast(`At most ${SYMBOLS_MAX} at once.`, "bad");
      else if (!items.has(topic)) add(topic);
    }
    input.value = "";
    changed();
  }

  function event(update) {
    const item = items.get(update.topic);
    if (!item) return;
    item.version++;
    if (update.event === "error") item.trouble = update.text;
    else if (update.state === "failed" || update.state === "dead")
      item.trouble = `the feed ended ${update.state}: ${update.reason}`;
    if (typeof update.price !== "number") return; // a feed that has not said anything yet
    item.trouble = "";
    item.quote = update;
    item.seq = update.seq;
    const points = charts.get(update.topic);
    const last = points[points.length - 1];
    if (last && last.seq === update.seq && last.incarnation === update.incarnation) return; // a snapshot says the last one again
    points.push({ x: update.time, y: update.price, seq: update.seq, incarnation: update.incarnation });
    if (points.length > KEPT) points.splice(0, points.length - KEPT);
  }

  restore().forEach(add);
  const create = makeCard(unsubscribe);
  return {
    topics: [...items.keys()],
    node: h(
      "div",
      { class: "stack" },
      h(
        "form",
        {
          class: "row tools",
          autocomplete: "off",
          onsubmit: (e) => {
            e.preventDefault();
            subscribe();
          },
        },
        input,
        interval,
        submit
      ),
      cards,
      none
    ),
    event,
    render() {
      keyed(cards, [...items.values()], (item) => item.topic, create, updateCard);
      none.hidden = items.size > 0;
    },
    close() {
      keyed(cards, [], null, null, null);
    },
  };
}
