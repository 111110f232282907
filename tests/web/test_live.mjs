// SPDX-License-Identifier: Apache-2.0
//
// test_live: what the page does while things move: nothing is missed over a gateway that was killed, a
// change is to be seen soon after its event, a thousand updates a second do not hold up the tab, and
// nothing that users call their things can do more than be read. Figures are reported, not asserted.
import assert from "node:assert/strict";
import test from "node:test";
import { Farm, go, launch, openPage, shot, until } from "./harness.mjs";

let farm, browser;
test.before(async () => {
  farm = await Farm.start("--workers", 1, "--slots", 4);
  browser = await launch();
});
test.after(async () => {
  await browser?.close();
  await farm?.stop();
});

function paged(name, where, work, options) {
  test(name, async (t) => {
    const page = await openPage(browser, farm, where, options);
    try {
      await work(page, t);
      assert.deepEqual(page.complaints, []);
    } finally {
      await page.context().close();
    }
  });
}

const quantile = (numbers, q) => [...numbers].sort((a, b) => a - b)[Math.min(numbers.length - 1, Math.floor(q * numbers.length))];
const numbersIn = (page, selector, name) =>
  page.locator(selector).evaluateAll((nodes, key) => nodes.map((n) => Number(n.dataset[key])), name);

/* --- a gateway that is killed ----------------------------------------------------------------------- */

// The broker keeps what there was to tell of a topic for a while after its last watcher has left.
paged("over a gateway that was killed no update is missed", "todo", async (page) => {
  const seqs = async () => (await numbersIn(page, ".news li", "seq")).reverse();
  await farm.reeve("todo", "add", "before");
  await page.locator(".news li").first().waitFor();
  const had = (await seqs()).length;
  farm.kill("reeve-gateway");
  for (const title of ["one", "two", "three"]) await farm.reeve("todo", "add", title); // whether or not it is back
  await farm.reeve("todo", "complete", 1);
  await until("the last", async () => (await seqs()).length >= had + 4);
  await farm.reeve("todo", "add", "after");
  await until("what comes then", async () => (await seqs()).length >= had + 5);
  const seen = await seqs();
  seen.forEach((seq, i) => assert.equal(seq, seen[0] + i, `${seen}`));
  await until("the list is whole", async () => (await page.getByLabel("Completed tasks").locator("li").count()) === 1);
  await page.locator(".link-state").click();
  await until("no gap", async () => (await page.locator("dialog").textContent()).includes("Gaps0"));
});

paged("a page that lists jobs is right again after the gateway was killed", "jobs", async (page) => {
  const id = await farm.reeve("submit", "misfit.patient");
  const pill = page.locator(`tr[data-id="${id}"] .pill`);
  await pill.filter({ hasText: "running" }).waitFor();
  farm.kill("reeve-gateway");
  await farm.reeve("cancel", id);
  await pill.filter({ hasText: "cancelled" }).waitFor();
  await page.waitForSelector("body[data-stream=live]");
});

paged("a broker that was killed is another one to the page, and nothing durable is gone", "todo", async (page) => {
  const open = (title) => page.getByLabel("Open tasks").locator("li", { hasText: title }).waitFor();
  await farm.reeve("todo", "add", "before the broker went");
  await open("before the broker went");
  const life = async () => (await farm.api("GET", "/v1/status")).body?.broker?.incarnation;
  const old = await life();
  farm.kill("reeve-broker");
  await until("another broker", async () => (await life()) > old);
  await farm.reeve("todo", "add", "since it is back");
  await open("since it is back");
  await open("before the broker went");
});

/* --- how soon ----------------------------------------------------------------------------------------- */

paged("how soon a job's change is to be seen", "jobs?queue=misfit.patient", async (page, t) => {
  const late = [],
    newcomers = [];
  await page.evaluate(() => {
    window.seen = [];
    window.born = new Map(); // id -> when its row came
    new MutationObserver((all) => {
      for (const { addedNodes } of all)
        for (const node of addedNodes)
          if (node.dataset?.id && !window.born.has(node.dataset.id)) window.born.set(node.dataset.id, Date.now());
      for (const { target } of all)
        window.seen.push([target.parentElement?.closest("tr")?.dataset.id, target.textContent, Date.now()]);
    }).observe(document.querySelector("main"), { subtree: true, childList: true, characterData: true });
  });
  for (let i = 0; i < 10; i++) {
    const id = await farm.reeve("submit", "misfit.patient");
    const stream = await farm.updates("job/" + id);
    const pill = page.locator(`tr[data-id="${id}"] .pill`);
    await pill.filter({ hasText: "running" }).waitFor();
    const { submitted_ms: submitted } = (await farm.api("GET", "/v1/jobs/" + id)).body;
    newcomers.push((await page.evaluate((job) => window.born.get(job), id)) - submitted);
    await farm.reeve("cancel", id);
    await pill.filter({ hasText: "cancelled" }).waitFor();
    const told = await until("its end", () => stream.seen.find((u) => u.event === "state" && u.state === "cancelled"));
    await stream.close();
    const shown = await page.evaluate((job) => window.seen.find((s) => s[0] === job && s[1] === "cancelled")[2], id);
    late.push(shown - told.time);
  }
  t.diagnostic(
    `a job's change on the page after its event: median ${quantile(late, 0.5)} ms, worst ${Math.max(...late)} ms of ${late.length}; ` +
      `a new job's row after its submission: median ${quantile(newcomers, 0.5)} ms, worst ${Math.max(...newcomers)} ms`
  );
});

test("how soon the page is there after `reeve up`", async (t) => {
  const other = await Farm.start("--workers", 1, "--slots", 1, "--store", "memory");
  const page = await openPage(browser, other);
  await page.locator(".figure", { hasText: "Slots busy" }).filter({ hasText: "/ 1" }).waitFor();
  t.diagnostic(`from \`reeve up\` to a live overview: ${Date.now() - other.startedAt} ms`);
  await page.context().close();
  await other.stop();
});

/* --- a thousand updates a second ------------------------------------------------------------------------ */

const SYMBOLS = Array.from({ length: 16 }, (_, i) => "S" + i);
const UPDATES = 4000;

paged(
  "a thousand updates a second do not hold up the tab",
  "ticker",
  async (page, t) => {
    const topics = SYMBOLS.map((symbol) => `ticker/${symbol}/0.01`);
    const total = async () => (await numbersIn(page, ".quote", "seq")).reduce((sum, seq) => sum + seq, 0);
    await until("all of them", async () => (await page.locator('.quote[data-seq]:not([data-seq=""])').count()) === topics.length);
    const before = await total();
    await page.evaluate(() => {
      window.tasks = [];
      window.frames = [];
      new PerformanceObserver((list) => list.getEntries().forEach((e) => window.tasks.push(e.duration))).observe({
        entryTypes: ["longtask"],
      });
      let last = performance.now();
      const frame = (now) => {
        window.frames.push(now - last);
        last = now;
        requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
    const from = Date.now();
    await until("thousands of updates", async () => (await total()) - before >= UPDATES);
    const seconds = (Date.now() - from) / 1000;
    const { tasks, frames } = await page.evaluate(() => ({ tasks: window.tasks, frames: window.frames }));
    t.diagnostic(
      `${Math.round(((await total()) - before) / seconds)} updates/s on one page for ${seconds.toFixed(1)} s: frame median ${quantile(frames, 0.5).toFixed(0)} ms, ` +
        `99 % ${quantile(frames, 0.99).toFixed(0)} ms; ${tasks.length} tasks above 50 ms, the longest ${Math.round(Math.max(0, ...tasks))} ms`
    );
    // When nothing more comes, each card shows the very last of its feed.
    const mine = await farm.updates(...topics);
    await farm.reeve("hold", "stock_ticker.stream");
    const feeds = async () => new Map((await farm.api("GET", "/v1/feeds")).body.feeds.map((f) => [f.topic, f.view]));
    await until(
      "nothing runs",
      async () => (await farm.api("GET", "/v1/queues")).body.queues.find((q) => q.name === "stock_ticker.stream").running === 0
    );
    const views = await feeds();
    for (const topic of topics)
      await until(
        "the last of " + topic,
        async () =>
          Number(await page.locator(`.quote[data-topic="${topic}"]`).getAttribute("data-price")) === views.get(topic).price
      );
    await mine.close();
    await page.locator(".link-state").click();
    await until("no gap", async () => (await page.locator("dialog").textContent()).includes("Gaps0"));
    await farm.reeve("release", "stock_ticker.stream");
  },
  { storage: { "reeve.ticker": JSON.stringify(SYMBOLS.map((symbol) => `ticker/${symbol}/0.01`)) } }
);

/* --- hostile words ---------------------------------------------------------------------------------------- */

const LONG = 1000000;
const HOSTILE = `<img src=x onerror="alert(1)"><script>alert(2)</script> \u202eevil\u202c \u001b[31mred\u001b[0m </td>&amp; ${"é".repeat(10)}`;

paged("whatever users call their things is only ever read", "todo", async (page) => {
  const long = HOSTILE + "x".repeat(LONG);
  await page.getByLabel("What is to be done?").fill(HOSTILE);
  await page.keyboard.press("Enter");
  const task = page.getByLabel("Open tasks").locator("li", { hasText: "onerror" });
  await task.waitFor();
  assert.match(await task.locator(".name").textContent(), /‹202E›evil.*‹1B›\[31mred/);
  const job = async (method, ...args) => (await farm.api("POST", "/v1/jobs", { method, args })).body.id;
  const shown = [await job("misfit.echo", long), await job("bench.fail", HOSTILE), await job("bench.fail", long)];
  await farm.api("POST", "/v1/sessions", { model: HOSTILE, objective: HOSTILE, mvs: [{ name: HOSTILE, lower: 0, upper: 1 }] });
  await farm.feed("", "submit", "--key", "<b onclick=alert(3)>", "bench.noop");
  for (const id of shown) {
    await go(page, "jobs/" + id);
    await page.locator("main .value").first().waitFor();
    await shot(page, "hostile-" + shown.indexOf(id));
  }
  await go(page, "jobs/" + shown[0]);
  const result = page.getByLabel("Result", { exact: true });
  await result.getByRole("button", { name: /^Show all/ }).click();
  await until("all of it", async () => (await result.locator(".value").textContent()).length > LONG);
  for (const where of [
    "",
    "jobs",
    "dead?state=failed",
    "sessions",
    "queues",
    "ticker",
    "jobs?queue=" + encodeURIComponent(HOSTILE),
    "jobs/" + encodeURIComponent(HOSTILE),
    "sessions/<img src=x onerror=alert(4)>",
  ]) {
    await go(page, where);
    await page.locator("main h1").waitFor();
    assert.equal(await page.locator("main img, main script").count(), 0);
  }
  await go(page, "dead?state=failed");
  await page.locator("tbody tr", { hasText: "onerror" }).first().waitFor();
  await shot(page, "hostile-dead");
});

test("the policy of the page is what it is meant to be", async () => {
  const response = await fetch(farm.page);
  assert.equal(
    response.headers.get("content-security-policy"),
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
      "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
  );
});
