// SPDX-License-Identifier: Apache-2.0
//
// app: the frame around the pages: which one the address names, the list of pages, the keyboard, the
// colours, the token, the state of the connection. What a page shows is the page's business.
import { ApiError, get, hooks, token } from "./api.js";
import { button, fill, form, h, openDialog, put, setClass, setText } from "./dom.js";
import { Farm, TOPICS } from "./farm.js";
import { compact, count, span } from "./format.js";
import { every, schedule } from "./frame.js";
import { recolour } from "./plot.js";
import { Stream } from "./stream.js";
import { dead } from "./page_dead.js";
import { job } from "./page_job.js";
import { jobs } from "./page_jobs.js";
import { overview } from "./page_overview.js";
import { queues } from "./page_queues.js";
import { session } from "./page_session.js";
import { sessions } from "./page_sessions.js";
import { ticker } from "./page_ticker.js";
import { todo } from "./page_todo.js";
import { workers } from "./page_workers.js";

const STATUS_MS = 5000;
const main = document.getElementById("main");
const nav = document.getElementById("nav");
const menu = document.getElementById("menu");
const foot = document.getElementById("foot");

// The order is that of the keys 1, 2, 3. badge: what its entry says of the farm, and whether that is bad.
const pages = [
  { path: "", name: "Overview", open: overview },
  { path: "jobs", name: "Jobs", open: jobs, one: job, badge: () => ({ text: waiting() }) },
  { path: "workers", name: "Workers", open: workers, badge: () => ({ text: silent(), bad: true }) },
  { path: "queues", name: "Queues", open: queues, badge: () => ({ text: held() }) },
  { path: "dead", name: "Dead letters", open: dead, badge: () => ({ text: buried(), bad: true }) },
  { path: "sessions", name: "Sessions", open: sessions, one: session },
  { path: "todo", name: "To-do", open: todo },
  { path: "ticker", name: "Ticker", open: ticker },
];

const farm = new Farm(refresh);
const stream = new Stream({ take, opened, changed: () => schedule(drawFoot) });
let view = null;
let here = null; // entry of pages
let asking = null; // the form that asks for the token

/* --- what the list of pages says ------------------------------------------------------------- */

const some = (n) => (n ? compact(n) : "");
const waiting = () => some(farm.sum("ready") + farm.sum("running"));
const silent = () => some(farm.workers.filter((w) => w.state === "silent" || w.state === "lost").length);
const held = () => {
  const n = [...farm.queues.values()].filter((q) => q.held).length;
  return n ? `${n} held` : "";
};
const buried = () => (farm.dead.count ? farm.dead.count + (farm.dead.more ? "+" : "") : "");

function buildNav() {
  pages.forEach((page, i) => {
    page.badgeNode = h("span", { class: "badge" });
    page.link = h("a", { href: "#/" + page.path, title: `Key ${i + 1}` }, h("span", {}, page.name), page.badgeNode);
    nav.append(page.link);
  });
}

function drawNav() {
  for (const page of pages) {
    const badge = page.badge ? page.badge() : { text: "" };
    setText(page.badgeNode, String(badge.text));
    setClass(page.badgeNode, badge.bad && badge.text ? "badge bad" : "badge");
    if (page === here) page.link.setAttribute("aria-current", "page");
    else page.link.removeAttribute("aria-current");
  }
}

/* --- connection ------------------------------------------------------------------------------ */

const link = {
  dot: h("span", { class: "dot", "aria-hidden": "true" }),
  text: h("span", { role: "status" }),
};
const themes = { auto: "Auto", light: "Light", dark: "Dark" };
const themeButton = button("", nextTheme, { class: "quiet", title: "Colours (t)" });

function buildFoot() {
  put(
    foot,
    h("button", { type: "button", class: "quiet link-state", onclick: showLink }, link.dot, link.text),
    h("div", { class: "row" }, themeButton, button("Keys", showHelp, { class: "quiet", title: "Keys (?)" }))
  );
  drawTheme();
}

function drawFoot() {
  const states = { live: "Live", connecting: "Connecting", idle: "Not connected", waiting: "Reconnecting" };
  setText(link.text, states[stream.state]);
  setClass(link.dot, "dot " + stream.state);
  document.body.dataset.stream = stream.state;
}

// What the connection has been like: numbers for whoever wants to know whether anything was missed.
function showLink() {
  const list = h("dl", { class: "facts" });
  const draw = () => {
    const b = farm.status?.broker || {};
    const rows = [
      ["Stream", stream.state],
      ["Updates seen", count(stream.counts.updates)],
      ["Gaps", count(stream.counts.gaps)],
      ["Connections made", count(stream.counts.connects)],
      ["Topics watched", count(stream.topics.length)],
      ["Broker", b.state],
      ["Release", b.release],
      ["Up for", b.uptime_ms ? span(b.uptime_ms) : null],
      ["Durability", b.durability],
    ];
    fill(
      list,
      rows.filter((row) => row[1]).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))
    );
  };
  draw();
  const stop = every(500, draw);
  const forget = button("Forget the token", () => {
    dialog.close();
    token.forget();
    askToken("");
  });
  const dialog = openDialog("Connection", h("div", { class: "stack" }, list, h("div", { class: "row end" }, forget)), {
    onclose: stop,
  });
}

/* --- colours ---------------------------------------------------------------------------------- */

function drawTheme() {
  setText(themeButton, themes[document.documentElement.dataset.theme] || themes.auto);
  themeButton.setAttribute("aria-label", "Colours: " + themeButton.textContent);
}

function nextTheme() {
  const names = Object.keys(themes);
  const next = names[(names.indexOf(document.documentElement.dataset.theme) + 1) % names.length];
  document.documentElement.dataset.theme = next;
  localStorage.setItem("reeve.theme", next);
  drawTheme();
  recolour();
}

/* --- pages ------------------------------------------------------------------------------------ */

// "#/jobs/ID?state=dead": the page, what of it, and its query.
function parse() {
  const [path, text] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const page = pages.find((p) => p.path === name) || pages[0];
  const one = rest.length && page.one ? decode(rest.join("/")) : "";
  return { page, one, query: new URLSearchParams(text || "") };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function show() {
  const { page, one, query } = parse();
  if (asking) return;
  if (view && view.close) view.close();
  const moved = here !== null;
  here = page;
  view = null;
  closeMenu();
  const context = {
    farm,
    stream,
    query,
    id: one,
    refresh,
    watch,
    go: (to) => {
      location.hash = "#/" + to;
    },
  };
  const open = one ? page.one : page.open;
  view = open(context);
  document.title = (view.title || page.name) + " · Reeve";
  fill(
    main,
    h(
      "div",
      { class: "head" },
      view.up && h("a", { class: "up", href: "#/" + view.up }, page.name),
      h("h1", {}, view.heading || page.name),
      view.actions
    ),
    view.node
  );
  watch(view.topics || []);
  if (moved) {
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  refresh();
}

function watch(topics) {
  stream.setTopics([...TOPICS, ...topics]);
}

function take(update) {
  if (update.event !== "error" && TOPICS.some((topic) => update.topic.startsWith(topic))) {
    if (update.event === "lost") farm.load().catch(() => {});
    else farm.event(update);
  }
  if (view && view.event) view.event(update);
  refresh();
}

// There is no replay of what came by a prefix: after a break all of it is fetched again, after a moment
// between two streams only what changes all the time.
function opened(broken) {
  (broken ? farm.load() : farm.loadQueues()).catch(() => {});
  if (view && view.opened) view.opened();
}

function refresh() {
  schedule(draw);
}

function draw() {
  drawNav();
  drawFoot();
  if (view && view.render && !asking) view.render();
}

/* --- the token -------------------------------------------------------------------------------- */

function askToken(wrong) {
  stream.stop();
  if (asking) return;
  if (view && view.close) view.close();
  view = null;
  const input = h("input", {
    type: "password",
    id: "token",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "token-hint",
    required: true,
  });
  const said = h("p", { class: "bad", role: "alert" }, wrong);
  const open = h("button", { class: "primary" }, "Open");
  asking = form(
    () => enter(input, said),
    h("h1", {}, "Token"),
    h("label", { class: "field" }, h("span", { class: "label" }, "Whoever starts the farm has it"), input),
    h(
      "p",
      { id: "token-hint", class: "hint" },
      "It stands in the file ",
      h("code", {}, "token"),
      " of the state folder, which is ",
      h("code", {}, "~/.local/state/reeve"),
      " unless another one was chosen. This browser remembers it."
    ),
    said,
    h("div", { class: "row" }, open)
  );
  document.body.classList.add("gate");
  fill(main, h("div", { class: "ask panel" }, asking));
  document.querySelectorAll("dialog").forEach((d) => d.close());
  input.focus();
}

async function enter(input, said) {
  const text = input.value.trim();
  if (!text || input.disabled) return;
  input.disabled = true;
  token.set(text);
  try {
    await get("/v1/queues");
    asking = null;
    document.body.classList.remove("gate");
    start();
  } catch (error) {
    const refused = error instanceof ApiError && error.status === 401;
    if (refused) token.forget();
    setText(said, refused ? "That is not the token of this farm." : error.message);
  }
  input.disabled = false;
  input.select();
}

/* --- keys ------------------------------------------------------------------------------------- */

const keys = [
  ["1 … 8", "pages, in the order of the list"],
  ["/", "the filter, or the field to type in"],
  ["n", "something new: a job, a session"],
  ["j k", "next and previous row"],
  ["t", "colours: auto, light, dark"],
  ["Esc", "closes; empties the filter; from one thing back to its list"],
  ["?", "this help"],
];

function showHelp() {
  openDialog(
    "Keys",
    h(
      "dl",
      { class: "keys" },
      keys.map(([key, what]) =>
        h(
          "div",
          {},
          h(
            "dt",
            {},
            key.split(" ").map((k) => (k === "…" ? " … " : h("kbd", {}, k)))
          ),
          h("dd", {}, what)
        )
      )
    )
  );
}

function step(by) {
  const rows = [...main.querySelectorAll("[data-row]")];
  const next = rows[rows.indexOf(document.activeElement) + by] || rows[by > 0 ? 0 : rows.length - 1];
  if (next) next.focus();
}

function first(selector) {
  const node = main.querySelector(selector);
  if (node) node.focus();
  return node;
}

const typed = {
  "/": () => first("[data-filter]"),
  "?": showHelp,
  n: () => first("[data-new]")?.click(),
  t: nextTheme,
  j: () => step(1),
  k: () => step(-1),
};

// Who leaves a filter by Esc wants to see everything again.
function leave(input) {
  if (input.type === "search" && input.value) {
    input.value = "";
    input.dispatchEvent(new Event("input"));
  }
  input.blur();
}

function escape() {
  if (nav.classList.contains("open")) closeMenu();
  else if (main.contains(document.activeElement) && document.activeElement.matches("input, textarea, select"))
    leave(document.activeElement);
  else if (view && view.up !== undefined) location.hash = "#/" + view.up;
}

function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") {
    escape();
    return;
  }
  if (asking || event.target.matches("input, textarea, select")) return;
  const page = pages[Number(event.key) - 1];
  if (page) location.hash = "#/" + page.path;
  else if (typed[event.key]) typed[event.key]();
  else return;
  event.preventDefault();
}

function closeMenu() {
  nav.classList.remove("open");
  menu.setAttribute("aria-expanded", "false");
}

menu.addEventListener("click", () => menu.setAttribute("aria-expanded", String(nav.classList.toggle("open"))));

/* --- start ------------------------------------------------------------------------------------ */

function start() {
  stream.retryMs = 0;
  farm.load().catch(() => {});
  show();
  stream.start();
}

hooks.onUnauthorized = () => askToken(token.get() ? "The token this browser remembers is not that of this farm." : "");
window.addEventListener("hashchange", show);
window.addEventListener("keydown", onKey);
buildNav();
buildFoot();
every(STATUS_MS, () => (asking ? null : farm.loadStatus()));
if (token.get()) start();
else askToken("");
