// SPDX-License-Identifier: Apache-2.0
//
// test_pages: every page and every action on it, in a real browser against a real farm. What a press
// does is seen on the page, and where it matters asked of the farm as well. At the end the verbs of `reeve
// todo` and `reeve ticker` are counted: see verbs.mjs.
import assert from "node:assert/strict";
import test from "node:test";
import { Farm, go, gone, launch, openPage, until } from "./harness.mjs";
import { proveVerbs } from "./verbs.mjs";

let farm, browser;
test.before(async () => {
  farm = await Farm.start("--workers", 1, "--slots", 4, "--allow-shell");
  browser = await launch();
});
test.after(async () => {
  await browser?.close();
  await farm?.stop();
});

// A test has a page of its own, which must not have complained of anything.
function paged(name, where, work, options) {
  test(name, async () => {
    const page = await openPage(browser, farm, where, options);
    try {
      await work(page);
      assert.deepEqual(page.complaints, []);
    } finally {
      await page.context().close();
    }
  });
}

const row = (page, id) => page.locator(`tr[data-id="${id}"]`);
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const state = (page) => page.locator("main .tools .pill");
const has = (locator, text) => locator.filter({ hasText: text }).first().waitFor();
const jobOf = (id) => farm.api("GET", `/v1/jobs/${id}`).then((r) => r.body);

/* --- the token ----------------------------------------------------------------------------------- */

paged(
  "the token is asked for once, and again when it is refused",
  "",
  async (page) => {
    await page.fill("#token", "not it");
    await page.keyboard.press("Enter");
    await has(page.getByRole("alert"), "not the token");
    await page.fill("#token", farm.token);
    await press(page, "Open");
    await page.waitForSelector("body[data-stream=live]");
    assert.ok(!page.url().includes(farm.token));
    await page.reload();
    await page.waitForSelector("body[data-stream=live]");
    await page.evaluate(() => localStorage.setItem("reeve.token", "old"));
    await page.reload();
    await has(page.getByRole("alert"), "is not that of this farm");
  },
  { token: "" }
);

/* --- overview -------------------------------------------------------------------------------------- */

paged("the overview shows what comes and goes, and what needs attention", "", async (page) => {
  const figure = (name) => page.locator(".figure", { hasText: name }).locator(".big");
  await has(page.locator("main"), "Nothing needs attention.");
  await until("slots", async () => (await figure("Slots busy").textContent()) === "0 / 4");
  await farm.feed(Array.from({ length: 200 }, (_, i) => `${i} + 1`).join("\n"), "map", "calculator.calculate");
  await until("a rate", async () => !["0", "–"].includes(await figure("Finished").textContent()));
  await until("run times", async () => /(µs|ms)$/.test(await figure("Run time").textContent()));
  assert.equal(await page.locator("main canvas").count(), 4);
  await farm.reeve("hold", "calculator.calculate");
  await has(page.getByLabel("Alerts"), "calculator.calculate is held");
  const id = await farm.reeve("submit", "calculator.calculate", 1, "+", 1);
  await has(page.locator(".bars"), "1 ready");
  await until("its age", async () => /s$/.test(await figure("Oldest waiting").textContent()));
  await farm.reeve("release", "calculator.calculate");
  await farm.reeve("wait", id);
  await has(page.locator("main"), "Nothing needs attention.");
});

/* --- jobs ------------------------------------------------------------------------------------------- */

paged("a job is submitted, read, and submitted again as a command", "jobs", async (page) => {
  await page.keyboard.press("n");
  await page.fill("dialog input[placeholder='handler.method']", "calculator.calculate");
  await page.fill("dialog textarea", "9007199254740993\n+\n2");
  await page.getByText("More", { exact: true }).click();
  await page.getByLabel("Priority").fill("7");
  await has(page.locator("dialog .command"), "reeve submit --priority 7 calculator.calculate 9007199254740993 + 2");
  await press(page, "Submit");
  await has(state(page), "ok");
  await has(page.getByLabel("Result", { exact: true }).locator("pre"), "9007199254740995"); // beyond what a double holds
  await has(page.locator(".timeline"), "Attempt 1: ok");
  await has(page.locator(".reasons"), "ended");
  await has(page.locator(".facts"), "Priority");
  await press(page, "Copy as command");
  await has(page.locator("dialog"), `reeve explain ${page.url().split("/").pop()}`);
  await page.keyboard.press("Escape");
  await gone(page.locator("dialog"));
});

paged("an error in the form is said in the form", "jobs", async (page) => {
  await press(page, "New job");
  await page.fill("dialog input[placeholder='handler.method']", "nobody.knows");
  await press(page, "Submit");
  await has(page.locator("dialog").getByRole("alert"), "no worker has ever offered this handler");
});

paged("jobs are filtered by state, by queue and by id", "jobs", async (page) => {
  const good = await farm.reeve("submit", "bench.echo", "x");
  const bad = await farm.reeve("submit", "bench.fail", "x");
  await row(page, good).waitFor();
  await has(row(page, bad), "failed");
  await page.getByLabel("State").selectOption("failed");
  await row(page, bad).waitFor();
  await gone(row(page, good));
  await page.getByLabel("State").selectOption("");
  await page.getByLabel("Queue or job id").fill("bench.echo");
  await page.keyboard.press("Enter");
  await row(page, good).waitFor();
  await gone(row(page, bad));
  await page.getByLabel("Queue or job id").fill(bad);
  await page.keyboard.press("Enter");
  await has(state(page), "failed");
  await has(page.locator(".timeline"), "Attempt 1: error");
});

paged("a list of many jobs is a page of them and the way to older ones", "jobs?queue=bench.noop", async (page) => {
  await farm.reeve("bench", "--jobs", 3000);
  const { jobs } = (await farm.api("GET", "/v1/jobs?queue=bench.noop&limit=51")).body;
  await until("the newest", async () => (await page.locator("tbody tr a").first().textContent()) === jobs[0].id);
  assert.equal(await page.locator("tbody tr").count(), 50);
  await press(page, "Older");
  await until("the next page", async () => (await page.locator("tbody tr a").first().textContent()) === jobs[50].id);
  assert.equal(await page.locator("tbody tr").count(), 50);
  await press(page, "Newest");
  await until("the newest again", async () => (await page.locator("tbody tr a").first().textContent()) === jobs[0].id);
});

paged("a running job is cancelled, an ended one run again and forgotten", "jobs", async (page) => {
  const id = await farm.reeve("submit", "misfit.patient");
  await row(page, id).getByRole("link").click();
  await has(state(page), "running");
  await has(page.locator(".timeline"), "Now running");
  await press(page, "Cancel");
  await press(page, "Cancel the job");
  await has(state(page), "cancelled");
  assert.equal((await jobOf(id)).state, "cancelled");
  await press(page, "Retry");
  await has(page.locator(".facts"), "Retry of");
  await has(state(page), "running");
  await press(page, "Cancel");
  await press(page, "Cancel the job");
  await has(state(page), "cancelled");
  const again = page.url().split("/").pop();
  await press(page, "Forget");
  await page.locator("dialog").getByRole("button", { name: "Forget" }).click();
  await page.waitForURL(/#\/jobs$/);
  assert.equal((await farm.api("GET", `/v1/jobs/${again}`)).status, 404);
  await go(page, "jobs/" + again);
  await has(page.locator("main"), "No such job is known");
});

paged("a running job shows how far it is, until it is over", "jobs", async (page) => {
  const id = await farm.reeve("submit", "misfit.progress", 40);
  await go(page, "jobs/" + id);
  const bar = page.getByRole("progressbar", { name: "Progress" });
  await until("the last step", async () => (await bar.getAttribute("aria-valuenow")) === "40");
  assert.equal(await bar.getAttribute("aria-valuemax"), "40");
  await has(page.locator("main"), "40 of 40");
  await page.reload();
  await has(page.locator("main"), "40 of 40");
  await press(page, "Cancel");
  await press(page, "Cancel the job");
  await has(state(page), "cancelled");
  await bar.waitFor({ state: "hidden" });
});

/* --- dead letters -------------------------------------------------------------------------------------- */

paged("dead letters say why, and are run again or dropped, one or all", "dead", async (page) => {
  const ids = [];
  for (let i = 0; i < 3; i++) ids.push(await farm.reeve("submit", "misfit.crash", i));
  for (const id of ids) await has(row(page, id), "signal"); // each comes when its attempts are used up
  for (const id of ids) assert.equal((await jobOf(id)).state, "dead");
  await go(page, "");
  await has(page.getByLabel("Alerts"), "3 dead letters");
  await page.getByLabel("Alerts").getByRole("link", { name: "3 dead letters" }).click();
  await row(page, ids[0]).getByRole("button", { name: "Drop" }).click();
  await row(page, ids[0]).waitFor({ state: "detached" });
  assert.equal((await farm.api("GET", `/v1/jobs/${ids[0]}`)).status, 404);
  await row(page, ids[1]).getByRole("button", { name: "Retry" }).click();
  await row(page, ids[1]).waitFor({ state: "detached" });
  const failed = await farm.reeve("submit", "bench.fail", "no such luck");
  await go(page, "dead?state=failed");
  await has(row(page, failed), "no such luck");
  await press(page, "Drop all shown");
  await page.locator("dialog").getByRole("button", { name: "Drop" }).click();
  await has(page.locator("main"), "No failed job.");
  await page.getByRole("link", { name: "Dead", exact: true }).click();
  await row(page, ids[2]).waitFor();
  await press(page, "Retry all shown");
  await page.locator("dialog").getByRole("button", { name: "Retry" }).click();
  await row(page, ids[2]).waitFor({ state: "detached" });
});

/* --- queues and workers ----------------------------------------------------------------------------------- */

paged("what is held on one page is held on every page", "queues", async (page) => {
  const other = await openPage(browser, farm, "queues");
  const line = (p) => p.locator("tr", { hasText: "bench.echo" });
  await page.getByLabel("Filter by name").fill("bench.");
  await line(page).getByRole("button", { name: "Hold" }).click();
  await line(other).getByText("held", { exact: true }).waitFor();
  await line(other).getByRole("button", { name: "Release" }).click();
  await line(page).getByText("held", { exact: true }).waitFor({ state: "hidden" });
  await line(page).getByRole("button", { name: "Hold" }).waitFor();
  assert.equal(await page.locator("tr", { hasText: "calculator.calculate" }).count(), 0); // filtered away
  await other.context().close();
});

paged("workers show what each slot does; one is drained", "workers", async (page) => {
  const running = await farm.reeve("submit", "misfit.patient");
  await has(page.locator(".slot-list li.busy"), running);
  await page.getByRole("link", { name: running }).click();
  await has(state(page), "running");
  await farm.reeve("cancel", running);
  await go(page, "workers");
  farm.worker("--slots", 1, "--name", "short-lived", "--handler", process.env.REEVE_BUILD + "/libexec/reeve/calculator");
  const card = page.locator(".worker").nth(1);
  await has(card, "up");
  await card.getByRole("button", { name: "Drain" }).click();
  await page.locator("dialog").getByRole("button", { name: "Drain" }).click();
  await until("it left", async () => (await page.locator(".worker", { hasText: "up" }).count()) === 1);
});

/* --- to-do ---------------------------------------------------------------------------------------------------- */

paged("two pages and the command line see one list of tasks", "todo", async (page) => {
  const other = await openPage(browser, farm, "todo");
  const open = (p) => p.getByLabel("Open tasks");
  await page.getByLabel("What is to be done?").fill("Check the pump");
  await page.keyboard.press("Enter");
  await has(open(other).locator("li"), "Check the pump");
  await farm.reeve("todo", "add", "Order catalyst");
  for (const p of [page, other]) await has(open(p).locator("li"), "Order catalyst");
  await open(other).locator("li", { hasText: "Check the pump" }).getByRole("checkbox").click();
  for (const p of [page, other]) await has(p.getByLabel("Completed tasks").locator("li"), "Check the pump");
  assert.match(await farm.reeve("todo", "list"), /✓ 1: Check the pump\n {2}2: Order catalyst/);
  await farm.reeve("todo", "complete", 2);
  await has(page.locator("main"), "Nothing is to be done.");
  await other.context().close();
});

paged("a task is removed on one page, with keys alone, and gone from all of them", "todo", async (page) => {
  const other = await openPage(browser, farm, "todo");
  const task = (p, title) => p.getByLabel("Open tasks").locator("li", { hasText: title });
  const removed = (p, number) => p.locator(".news li", { hasText: `Task ${number} removed` }).waitFor();
  const numbers = [];
  for (const title of ["Paint the tank", "Paint the pump"]) numbers.push(Number(await farm.reeve("todo", "add", title)));
  const [tank, pump] = numbers;
  for (const p of [page, other]) await task(p, "Paint the pump").waitFor();
  const remove = page.getByRole("button", { name: `Remove task ${tank}` });
  await remove.focus();
  await page.keyboard.press("Enter");
  await has(page.locator("dialog"), `Remove task ${tank}?`);
  await page.keyboard.press("Escape"); // not sure after all
  await page.locator("dialog").waitFor({ state: "detached" });
  await remove.focus();
  await page.keyboard.press("Enter");
  await page.locator("dialog").getByRole("button", { name: "Remove the task" }).focus();
  await page.keyboard.press("Enter");
  for (const p of [page, other]) {
    await removed(p, tank);
    await task(p, "Paint the tank").waitFor({ state: "detached" });
  }
  assert.doesNotMatch(await farm.reeve("todo", "list"), /Paint the tank/);
  const focused = page.getByRole("button", { name: `Remove task ${pump}` });
  await until("the next one is at hand", () => focused.evaluate((node) => node === document.activeElement));
  await farm.reeve("todo", "remove", pump);
  for (const p of [page, other]) {
    await removed(p, pump);
    await task(p, "Paint the pump").waitFor({ state: "detached" });
  }
  await farm.reeve("todo", "add", "Look at the seals");
  const last = task(other, "Look at the seals");
  await last.waitFor();
  await last.getByRole("checkbox").click();
  const done = page.getByLabel("Completed tasks").locator("li", { hasText: "Look at the seals" });
  await done.waitFor();
  assert.equal(await done.getByRole("button", { name: /^Remove/ }).count(), 0); // it stays on the list
  await other.context().close();
});

/* --- ticker ---------------------------------------------------------------------------------------------------- */

paged("symbols are watched side by side, grow, and stop when nobody watches", "ticker", async (page) => {
  const card = (topic) => page.locator(`.quote[data-topic="${topic}"]`);
  const seq = async (topic) => Number(await card(topic).getAttribute("data-seq"));
  const subscribe = async (text, interval) => {
    await page.getByLabel("Interval").fill(interval);
    await page.getByLabel("Symbol", { exact: true }).fill(text);
    await page.keyboard.press("Enter");
  };
  await subscribe("aapl, googl", "0.1");
  await subscribe("TSLA", "");
  for (const topic of ["ticker/AAPL/0.1", "ticker/GOOGL/0.1", "ticker/TSLA"])
    await until(topic, async () => (await seq(topic)) > 0);
  const from = await seq("ticker/AAPL/0.1");
  await until("it grows", async () => (await seq("ticker/AAPL/0.1")) >= from + 5);
  await page.reload(); // what was watched is watched again
  await until("again", async () => (await seq("ticker/AAPL/0.1")) > from);
  await subscribe("a/b", "");
  await has(page.locator("#toasts"), "is no symbol");
  await subscribe("MSFT", "0.25");
  await until("an interval of one's own", async () => (await seq("ticker/MSFT/0.25")) > 0);
  for (const interval of ["0.001", "4000", "often"]) {
    await subscribe("IBM", interval);
    await has(page.locator("#toasts"), "from 0.01 to 3600 seconds");
  }
  await subscribe("-msft -none", "");
  await card("ticker/MSFT/0.25").waitFor({ state: "detached" });
  await has(page.locator("#toasts"), '"NONE" is not followed');
  await page.getByRole("button", { name: "Unsubscribe AAPL" }).click();
  await card("ticker/AAPL/0.1").waitFor({ state: "detached" });
  const running = async () =>
    (await farm.api("GET", "/v1/feeds")).body.feeds
      .filter((f) => f.running)
      .map((f) => f.topic)
      .sort();
  await until("it stopped", async () => !(await running()).includes("ticker/AAPL/0.1"));
  await go(page, "todo");
  await until("all of them stopped", async () => (await running()).length === 0);
});

for (const verb of ["todo", "ticker"])
  test(`all that \`reeve ${verb}\` does was done on a page`, () => proveVerbs(farm, verb));
