// SPDX-License-Identifier: Apache-2.0
//
// page_todo: tasks that people complete; every open page sees at once what happens on any other.
import { get, path, post, query, remove } from "./api.js";
import { busy, button, confirmed, empty, h, keyed, nameOf, setText, tell, textBlock } from "./dom.js";
import { ago, clock, count, moment } from "./format.js";
import { every, throttled } from "./frame.js";

const ROWS = 200; // a fetch
const NEWS_SHOWN = 20;
const RELOAD_MS = 500;
const TITLE_LONG = 120; // what nameOf() cuts

const verbs = { added: "added", completed: "completed", removed: "removed" };

function makeTask(complete, drop) {
  return (task) => {
    const row = { task };
    row.check = h("button", { type: "button", class: "tick", role: "checkbox", onclick: () => complete(row) });
    row.when = h("span", { class: "hint num" });
    row.off = button("Remove", () => drop(row), { class: "quiet", "aria-label": `Remove task ${task.task}` });
    row.title = nameOf(task.title);
    row.all = task.title.length > TITLE_LONG && h("details", {}, h("summary", {}, "All of it"), textBlock(task.title, "Title"));
    row.node = h(
      "li",
      { "data-task": task.task },
      row.check,
      h("span", { class: "hint num" }, String(task.task)),
      h("div", { class: "grow" }, row.title, row.all),
      row.when,
      row.off
    );
    return row;
  };
}

function updateTask(row, task) {
  row.task = task;
  row.node.classList.toggle("done", task.completed);
  row.check.setAttribute("aria-checked", String(task.completed));
  row.check.setAttribute("aria-label", `Complete task ${task.task}`);
  row.check.disabled = task.completed;
  row.off.hidden = task.completed; // which stays on the list
  setText(row.when, ago(task.completed ? task.completed_ms : task.added_ms));
  row.when.title = moment(task.completed ? task.completed_ms : task.added_ms);
}

// What nobody has kept is named too: the list is fetched again, but who did what is not known.
function makeNews(update) {
  const gone = update.event === "lost";
  const number = gone && update.first < update.last ? `#${update.first}–${update.last}` : "#" + update.seq;
  return {
    node: h(
      "li",
      { "data-first": gone ? update.first : update.seq, "data-seq": update.seq },
      h("span", { class: "hint num" }, update.time ? clock(update.time) : ""),
      h("span", { class: "grow" }, gone ? "Changes while nobody watched" : `Task ${update.task} ${verbs[update.event]}`),
      h("span", { class: "hint num" }, number)
    ),
  };
}

export function todo({ refresh }) {
  const tasks = new Map(); // number -> task
  let news = [],
    next = null,
    loaded = false,
    open = null,
    reading = null;
  const input = h("input", {
    id: "title",
    placeholder: "What is to be done?",
    "aria-label": "What is to be done?",
    "data-filter": true,
    "data-new": true,
  });
  const add = h("button", { class: "primary" }, "Add");
  const lists = {
    open: h("ul", { class: "plain tasks", "aria-label": "Open tasks" }),
    done: h("ul", { class: "plain tasks", "aria-label": "Completed tasks" }),
    news: h("ol", { class: "plain news", "aria-live": "polite" }),
  };
  const none = empty("Nothing is to be done.");
  const calm = empty("What anybody adds, completes or removes from now on shows here.");
  const counted = h("span", { class: "hint" });
  const doneHead = h("summary", {}, "Completed");
  const doneBox = h("details", { class: "panel", open: true }, doneHead, lists.done);
  const more = button("Show more", () => busy(more, () => load(next)));
  const reload = throttled(() => load("").catch(tell), RELOAD_MS);
  const tick = every(10000, refresh);

  function put(task, row) {
    const had = tasks.get(task) || { task, added_ms: 0, completed_ms: 0, completed: false, title: "" };
    tasks.set(task, { ...had, ...row });
  }

  function apply(update) {
    if (update.event === "added") put(update.task, { title: update.title, completed: !!update.completed, added_ms: update.time });
    else if (update.event === "completed") put(update.task, { title: update.title, completed: true, completed_ms: update.time });
    else if (update.event === "removed") tasks.delete(update.task);
  }

  // What is told while a list is on its way may be newer than that list: it is said again on top of it.
  async function load(cursor) {
    const mine = (reading = { told: [] });
    const answer = await get("/v1/todo" + query({ limit: ROWS, cursor }));
    if (mine !== reading) return;
    reading = null;
    if (!cursor) tasks.clear();
    for (const task of answer.tasks) tasks.set(task.task, task);
    mine.told.forEach(apply);
    next = answer.next;
    loaded = true;
    refresh();
  }

  function event(update) {
    if (update.topic !== "todo") return;
    if (update.event === "error") {
      tell(new Error(update.text));
    } else if (update.event === "lost") {
      news = [update, ...news].slice(0, NEWS_SHOWN);
      reload();
    } else if (update.event === "snapshot") {
      if (!loaded || update.open !== open) reload();
    } else if (verbs[update.event]) {
      apply(update);
      if (reading) reading.told.push(update);
      news = [update, ...news].slice(0, NEWS_SHOWN);
    }
    if ("open" in update) open = update.open;
  }

  const complete = (row) => busy(row.check, () => post(path`/v1/todo/${row.task.task}/complete`)).then(refresh);

  // The button that was pressed goes with its task: the next one is at hand.
  async function drop(row) {
    const { task } = row.task;
    const beside = row.node.nextElementSibling || row.node.previousElementSibling;
    const sure = await confirmed(
      `Remove task ${task}?`,
      "Nobody is to do it any more, and it does not come back.",
      "Remove the task"
    );
    if (!sure) return;
    await busy(row.off, () => remove(path`/v1/todo/${task}`));
    (beside?.querySelector(":scope > button.quiet") || input).focus();
  }

  const create = makeTask(complete, drop);

  async function submit() {
    const title = input.value.trim();
    if (!title || add.disabled) return;
    await busy(add, async () => {
      await post("/v1/todo", { title }, { "Idempotency-Key": crypto.randomUUID() });
      input.value = "";
    });
    input.focus();
  }

  reload();
  return {
    topics: ["todo"],
    node: h(
      "div",
      { class: "grid wide-narrow top" },
      h(
        "div",
        { class: "stack" },
        h(
          "form",
          {
            class: "row",
            autocomplete: "off",
            onsubmit: (e) => {
              e.preventDefault();
              submit();
            },
          },
          h("span", { class: "grow" }, input),
          add
        ),
        h(
          "section",
          { class: "panel", "aria-label": "Open" },
          h("div", { class: "row between" }, h("h2", {}, "Open"), counted),
          lists.open,
          none
        ),
        doneBox,
        more
      ),
      h("section", { class: "panel", "aria-label": "Lately" }, h("h2", {}, "Lately"), lists.news, calm)
    ),
    event,
    opened: reload,
    render() {
      const all = [...tasks.values()].sort((a, b) => a.task - b.task);
      const left = all.filter((task) => !task.completed);
      const done = all.filter((task) => task.completed).reverse();
      keyed(lists.open, left, (task) => task.task, create, updateTask);
      keyed(lists.done, done, (task) => task.task, create, updateTask);
      keyed(
        lists.news,
        news,
        (update) => `${update.incarnation}.${update.seq}`,
        makeNews,
        () => {}
      );
      calm.hidden = news.length > 0;
      none.hidden = left.length > 0 || !loaded;
      doneBox.hidden = !done.length;
      setText(doneHead, `Completed (${count(done.length)})`);
      setText(counted, open === null ? "" : `${count(open)} open`);
      more.hidden = !next;
    },
    close() {
      tick();
      reload.stop();
      reading = null;
    },
  };
}
