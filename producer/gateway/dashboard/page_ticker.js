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
const INTERVAL = { least: 0.01, most: 3600, usual: 2 }; // seconds
const INTERVALS = [0.1, 0.5, 1, 2, 5, 10, 60]; // proposed

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
  const interval = h("input", {
    class: "brief",
    placeholder: `${INTERVAL.usual} s`,
    title: `A price every so many seconds, ${INTERVAL.least} to ${INTERVAL.most}`,
    "aria-label": "Interval in seconds",
    inputmode: "decimal",
    list: "interval-list",
    maxlength: 10,
  });
  const cards = h("div", { class: "grid quotes" });
  const none = empty("No symbol is watched. Type one, or several, and press Enter; -AAPL takes it off again.");
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

  function drop(topic) {
    items.delete(topic);
    charts.delete(topic);
  }

  function unsubscribe(topic) {
    drop(topic);
    changed();
    input.focus();
  }

  // What stands behind a symbol in its topic: "" for the usual interval; undefined: none that can be, which
  // is told.
  function intervalText() {
    const text = interval.value.trim();
    const s = Number(text);
    if (!text) return "";
    if (s >= INTERVAL.least && s <= INTERVAL.most) return "/" + Math.round(s * 1000) / 1000;
    toast(`An interval is from ${INTERVAL.least} to ${INTERVAL.most} seconds`, "bad");
    return undefined;
  }

  function follow(symbol, every) {
    const topic = "ticker/" + symbol + every;
    if (!SYMBOL.test(symbol)) toast(`"${visibleLine(symbol)}" is no symbol: up to 12 letters, digits and . ^ = -`, "bad");
    else if (items.size >= SYMBOLS_MAX) toast(`At most ${SYMBOLS_MAX} at once.`, "bad");
    else if (!items.has(topic)) add(topic);
  }

  // At whatever interval it is followed.
  function leave(symbol) {
    const topics = [...items.keys()].filter((topic) => topic.split("/")[1] === symbol);
    if (!topics.length) toast(`"${visibleLine(symbol)}" is not followed`, "bad");
    topics.forEach(drop);
  }

  // As with `reeve ticker`: words, each with a - before it to be taken off.
  function obey() {
    const every = intervalText();
    if (every === undefined) return;
    const words = input.value
      .trim()
      .toUpperCase()
      .split(/[\s,]+/)
      .filter(Boolean);
    for (const word of words) {
      if (word.startsWith("-")) leave(word.slice(1));
      else follow(word, every);
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
            obey();
          },
        },
        input,
        interval,
        h(
          "datalist",
          { id: "interval-list" },
          INTERVALS.map((s) => h("option", { value: String(s) }, `every ${s} s`))
        ),
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
