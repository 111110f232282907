// SPDX-License-Identifier: Apache-2.0
//
// test_look: every page in light and dark, wide and narrow: nothing hangs over the edge, what is to be
// pressed has a name, keys do what the help says. The pictures stay in web-screenshots/ of the build
// folder, for a person to look at.
import assert from "node:assert/strict";
import test from "node:test";
import { Farm, SIZES, go, gone, launch, openPage, shot, until } from "./harness.mjs";

let farm, browser, pages;
test.before(async () => {
  farm = await Farm.start("--workers", 2, "--slots", 4);
  browser = await launch();
  pages = await furnish();
});
test.after(async () => {
  await browser?.close();
  await farm?.stop();
});

// Something to be seen on each page; [name, address].
async function furnish() {
  await farm.feed(Array.from({ length: 400 }, (_, i) => `${i} ^ 2`).join("\n"), "map", "calculator.calculate");
  const failed = await farm.reeve("submit", "bench.fail", "the tank is empty");
  for (let i = 0; i < 2; i++) await farm.reeve("submit", "misfit.patient");
  await farm.feed(
    Array.from({ length: 30 }, (_, i) => i).join("\n"),
    "submit",
    "--delay",
    3600,
    "--lines",
    "fibonacci_generator.calculate"
  );
  await farm.reeve("hold", "bench.echo");
  for (const title of ["Check the pump of line 3", "Order catalyst", "Ask for the new bounds of TR"])
    await farm.reeve("todo", "add", title);
  await farm.reeve("todo", "complete", 2);
  const session = await farm.reeve(
    "session",
    "start",
    "--model",
    "williams_otto",
    "--method",
    "Evolutionary",
    "--max-iterations",
    60,
    "--seed",
    5,
    "--quiet"
  );
  await farm.reeve("session", "optimise", session, "--wait", 60);
  await farm.reeve("session", "start", "--model", "quadruple_tank", "--quiet");
  return [
    ["overview", ""],
    ["jobs", "jobs"],
    ["job", "jobs/" + failed],
    ["workers", "workers"],
    ["queues", "queues"],
    ["dead", "dead?state=failed"],
    ["sessions", "sessions"],
    ["session", "sessions/" + session],
    ["start", "sessions/new"],
    ["todo", "todo"],
    ["ticker", "ticker"],
  ];
}

const storage = { "reeve.ticker": JSON.stringify(["ticker/AAPL/0.1", "ticker/GOOGL/0.1", "ticker/TSLA"]) };

// What shows that a page has what it is to show.
const sign = {
  overview: ".figure",
  jobs: "tbody tr",
  job: ".timeline li",
  workers: ".worker",
  queues: "tbody tr",
  dead: "tbody tr",
  sessions: "tbody tr",
  session: ".facts",
  start: "form tbody tr",
  todo: ".tasks li",
  ticker: ".quote[data-price]:not([data-price=''])",
};

// Nodes that a reader who cannot see, or has no mouse, would not find.
const hidden = () =>
  [...document.querySelectorAll("button, a[href], input, select, textarea, [role=img]")]
    .filter((n) => {
      const name =
        n.getAttribute("aria-label") || n.textContent.trim() || n.labels?.[0]?.textContent || n.getAttribute("placeholder");
      return n.checkVisibility() && (!name || (n.tabIndex < 0 && n.getAttribute("role") !== "img"));
    })
    .map((n) => n.outerHTML.slice(0, 200));

const drawn = (page) =>
  page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
const brightness = (page) => page.evaluate(() => Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]));

for (const size of ["desktop", "phone"])
  test(`every page, ${size}, light and dark: nothing hangs over the edge, all has a name and is reached by Tab`, async () => {
    const page = await openPage(browser, farm, "", { size: SIZES[size], storage });
    for (const [name, where] of pages) {
      await go(page, where);
      await page
        .locator("main " + sign[name])
        .first()
        .waitFor();
      const over = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert.ok(over <= 0, `${name}: ${over} px`);
      assert.deepEqual(await page.evaluate(hidden), [], name);
      for (const scheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme: scheme });
        await drawn(page);
        assert.equal((await brightness(page)) < 60, scheme === "dark");
        await shot(page, `${name}-${size}-${scheme}`);
      }
    }
    await page.keyboard.press("Tab");
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
    assert.deepEqual(page.complaints, []);
    await page.context().close();
  });

test("keys: pages by number, filter, help, rows, back, colours", async () => {
  const page = await openPage(browser, farm, "");
  const heading = (text) => page.locator("h1", { hasText: text }).waitFor();
  for (const [i, name] of ["Overview", "Jobs", "Workers", "Queues", "Dead letters", "Sessions", "To-do", "Ticker"].entries()) {
    await page.keyboard.press(String(i + 1));
    await heading(name);
    await page.locator("#nav a[aria-current]", { hasText: name }).waitFor();
    await page.evaluate(() => document.activeElement.blur());
  }
  await page.keyboard.press("2");
  await page.locator("tbody tr").first().waitFor();
  await page.keyboard.press("/");
  assert.ok(await page.evaluate(() => document.activeElement.matches("[data-filter]")));
  await page.keyboard.type("3"); // is typed, and turns no page
  await until("Esc leaves it", async () => {
    // the first one may close what the browser proposes
    await page.keyboard.press("Escape");
    return page.evaluate(() => document.activeElement === document.body);
  });
  assert.equal(await page.locator("[data-filter]").inputValue(), "");
  await heading("Jobs");
  await page.keyboard.press("?");
  await page.locator("dialog", { hasText: "this help" }).waitFor();
  await page.keyboard.press("Escape");
  await gone(page.locator("dialog"));
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  await page.keyboard.press("Enter");
  await page.locator(".timeline").waitFor();
  await page.keyboard.press("Escape");
  await heading("Jobs");
  await page.keyboard.press("n");
  await page.locator("dialog", { hasText: "New job" }).waitFor();
  await page.keyboard.press("Escape");
  await page.keyboard.press("t");
  await page.keyboard.press("t");
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.reload();
  await until("it is remembered", () =>
    page.evaluate(() => getComputedStyle(document.body).backgroundColor === "rgb(18, 20, 18)")
  );
  await page.context().close();
});

test("on a phone the list of pages folds away", async () => {
  const page = await openPage(browser, farm, "", { size: SIZES.phone });
  assert.equal(await page.locator("#nav").isVisible(), false);
  await page.getByRole("button", { name: "Menu" }).click();
  await shot(page, "menu-phone-light");
  await page.getByRole("link", { name: "Workers" }).click();
  await page.locator(".worker").first().waitFor();
  assert.equal(await page.locator("#nav").isVisible(), false);
  await page.context().close();
});

test("a picture of each dialog", async () => {
  const page = await openPage(browser, farm, "jobs");
  await page.keyboard.press("n");
  await page.getByText("More", { exact: true }).click();
  await shot(page, "submit-desktop-light");
  await page.keyboard.press("Escape");
  await page.keyboard.press("?");
  await shot(page, "keys-desktop-light");
  await page.keyboard.press("Escape");
  await page.locator(".link-state").click();
  await shot(page, "connection-desktop-light");
  await page.keyboard.press("Escape");
  await go(page, "todo");
  await page.getByRole("button", { name: "Remove task 1" }).click();
  await shot(page, "remove-desktop-light");
  await page.keyboard.press("Escape");
  await go(page, "sessions");
  await page.locator("tr", { hasText: "quadruple_tank" }).getByRole("link").click();
  await page.getByRole("button", { name: "Optimise" }).click();
  await page.locator("dialog").getByRole("button", { name: "A constant CV" }).click();
  await shot(page, "optimise-desktop-light");
  await page.context().close();
  const stranger = await openPage(browser, farm, "", { token: "" });
  await stranger.locator("#token").waitFor();
  await shot(stranger, "token-desktop-light");
  await stranger.context().close();
});
