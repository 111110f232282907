// SPDX-License-Identifier: Apache-2.0
//
// dom: elements, made of data and never of markup: whatever a farm's users call their things arrives
// here as text and stays text.
import { bytes, cut, visible, visibleLine } from "./format.js";

const NAME_SHOWN = 120;
const VALUE_SHOWN = 4000;

// h("a", {href, class, onclick, "aria-label"}, children...): null, undefined and false are no child.
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props || {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  put(node, ...children);
  return node;
}

export function put(node, ...children) {
  for (const child of children.flat(Infinity)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}

export function fill(node, ...children) {
  node.replaceChildren();
  return put(node, ...children);
}

// Text that is there already is left alone: a reader's selection and the browser's layout stay.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name) {
  if (node.className !== name) node.className = name;
}

const rowsOf = new WeakMap(); // parent -> its rows by key

// Children of `parent` become those of `items`, in order: rows {node, drop?}; what is there for a key is
// kept and updated, what is no longer wanted is dropped. Dropped first, so that no row has to be moved for
// it: one that is moved loses the focus.
export function keyed(parent, items, keyOf, create, update) {
  const had = rowsOf.get(parent) || new Map();
  const rows = new Map();
  const wanted = new Set(items.map((item) => keyOf(item)));
  for (const [key, row] of had) {
    if (wanted.has(key)) continue;
    row.node.remove();
    if (row.drop) row.drop();
  }
  let at = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    const row = had.get(key) || create(item);
    rows.set(key, row);
    update(row, item);
    const node = row.node;
    if (node === at) at = at.nextSibling;
    else parent.insertBefore(node, at);
  }
  rowsOf.set(parent, rows);
}

/* --- foreign text --------------------------------------------------------------------------- */

// A name somebody else chose: cut, on one line, and unable to turn its surroundings around.
export function nameOf(text) {
  const node = h("bdi", { class: "name" });
  setName(node, text);
  return node;
}

export function setName(node, text) {
  const whole = String(text ?? "");
  if (node.whole === whole) return;
  node.whole = whole;
  const short = visibleLine(cut(whole, NAME_SHOWN));
  node.textContent = short;
  if (whole.length > NAME_SHOWN) node.title = visible(cut(whole, VALUE_SHOWN));
  else node.removeAttribute("title");
}

// A value or a message of any size: the beginning, and all of it on request.
export function textBlock(text, label) {
  const whole = String(text);
  const body = h("pre", { class: "value", tabindex: "0", "aria-label": label, dir: "auto" }, visible(cut(whole, VALUE_SHOWN)));
  if (whole.length <= VALUE_SHOWN) return body;
  const more = h(
    "button",
    {
      type: "button",
      class: "quiet",
      onclick: () => {
        body.textContent = visible(whole);
        more.remove();
        body.focus();
      },
    },
    `Show all ${bytes(new Blob([whole]).size)}`
  );
  return h("div", { class: "long" }, body, more);
}

/* --- parts ---------------------------------------------------------------------------------- */

export function button(text, onclick, props = {}) {
  return h("button", { type: "button", onclick, ...props }, text);
}

export function pill(state) {
  return h("span", { class: "pill " + stateClass(state) }, state);
}

export function setPill(node, state) {
  setText(node, state);
  setClass(node, "pill " + stateClass(state));
}

// Only what we know ourselves becomes a class.
function stateClass(state) {
  return /^[a-z]{1,12}$/.test(state) ? "is-" + state : "";
}

export function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", { class: "label" }, label), input, hint && h("span", { class: "hint" }, hint));
}

export function facts(...pairs) {
  return h(
    "dl",
    { class: "facts" },
    pairs.filter(Boolean).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))
  );
}

export function panel(title, ...children) {
  return h("section", { class: "panel", "aria-label": title }, h("h2", {}, title), children);
}

export function empty(...text) {
  return h("p", { class: "empty" }, text);
}

/* --- telling -------------------------------------------------------------------------------- */

const TOAST_MS = 6000;

export function toast(text, kind = "info") {
  const node = h("div", { class: "toast " + kind }, visible(cut(String(text), 400)));
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), TOAST_MS);
}

export function tell(error) {
  if (error && error.status === 401) return; // the token is being asked for
  const hint = error && error.hint ? " " + error.hint : "";
  toast((error && error.message ? error.message : String(error)) + hint, "bad");
}

// Runs work with the button out of use, so that a second press does nothing; failures are told.
export async function busy(node, work) {
  if (node.disabled) return undefined;
  node.disabled = true;
  try {
    return await work();
  } catch (error) {
    tell(error);
    return undefined;
  } finally {
    node.disabled = false;
  }
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    toast("This browser does not let a page copy; mark the text and copy it by hand.", "bad");
  }
}

/* --- dialogs -------------------------------------------------------------------------------- */

// A dialog that closes by Esc, by its button, or when close() is called. onclose is called once.
export function openDialog(title, body, { wide, onclose } = {}) {
  const heading = h("h2", { id: "dialog-title" }, title);
  const node = h(
    "dialog",
    { class: wide ? "wide" : "", "aria-labelledby": "dialog-title" },
    h(
      "div",
      { class: "dialog-head" },
      heading,
      button("Close", () => node.close(), { class: "quiet" })
    ),
    body
  );
  node.addEventListener("close", () => {
    node.remove();
    if (onclose) onclose();
  });
  document.body.append(node);
  node.showModal();
  return node;
}

// True when the reader agrees.
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    let answer = false;
    const yes = button(
      action,
      () => {
        answer = true;
        node.close();
      },
      { class: "danger" }
    );
    const no = button("Cancel", () => node.close());
    const node = openDialog(title, h("div", { class: "stack" }, h("p", {}, text), h("div", { class: "row end" }, no, yes)), {
      onclose: () => resolve(answer),
    });
    no.focus();
  });
}

// A form that is handled here and goes nowhere by itself.
export function form(onsubmit, ...children) {
  return h(
    "form",
    {
      class: "stack",
      autocomplete: "off",
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        onsubmit(event);
      },
    },
    children
  );
}

// One line of a command; a press copies it.
export function commandLine(text) {
  return h(
    "button",
    { type: "button", class: "command", title: "Copy", onclick: () => copyText(text) },
    h("code", {}, visibleLine(cut(text, VALUE_SHOWN))),
    h("span", { class: "muted" }, "Copy")
  );
}
