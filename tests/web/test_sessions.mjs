// SPDX-License-Identifier: Apache-2.0
//
// test_sessions: every verb of `reeve session` on the page: start with a model, with formulas of one's own,
// as the plant; optimise, pause, resume, stop; objective, CVs, the plots, the list, the status.
import assert from "node:assert/strict";
import test from "node:test";
import { Farm, go, launch, openPage, until } from "./harness.mjs";

let farm, browser;
test.before(async () => {
  farm = await Farm.start("--workers", 1, "--slots", 2);
  browser = await launch();
});
test.after(async () => {
  await browser?.close();
  await farm?.stop();
});

function paged(name, where, work) {
  test(name, async () => {
    const page = await openPage(browser, farm, where);
    try {
      await work(page);
      assert.deepEqual(page.complaints, []);
    } finally {
      await page.context().close();
    }
  });
}

const press = (page, name) => page.getByRole("button", { name, exact: true }).click();
const state = (page, name) => page.locator("main .tools .pill", { hasText: name }).waitFor();
const has = (locator, text) => locator.filter({ hasText: text }).first().waitFor();
const plot = (page, name) => page.getByRole("img", { name: new RegExp(`^${name}: `) });
const idOf = (page) => page.url().split("/").pop();
const started = (page) => page.waitForURL(/sessions\/[0-9a-z]{13}$/);

paged("a model is started, watched, paused, resumed and stopped", "sessions", async (page) => {
  await has(page.locator("main"), "Service running");
  await page.keyboard.press("n");
  await page.locator("select#model").selectOption("williams_otto");
  await page.getByLabel("FB lower").fill("3.5");
  await page.getByLabel("TR start").fill("80");
  await page.getByLabel("Constraints").fill("[XA] <= 0.12");
  await page.getByLabel("Method").fill("Evolutionary");
  await page.getByLabel("Iterations").fill("100000");
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("Delay").fill("0.001");
  await has(
    page.locator(".command"),
    "reeve session start --model williams_otto --method Evolutionary --mv FB:3.5.. --mv TR=80 --constraint '[XA] <= 0.12' --max-iterations 100000 --seed 7 --delay 0.001"
  );
  await press(page, "Start");
  await started(page);
  const id = idOf(page);
  await state(page, "created");
  const other = await openPage(browser, farm, "sessions/" + id);
  await press(page, "Optimise");
  await page.locator("dialog").getByLabel("FB").fill("4");
  await page.locator("dialog").getByRole("button", { name: "Optimise" }).click();
  for (const p of [page, other]) {
    await state(p, "running");
    for (const name of ["Convergence", "Violation", "FB", "TR", "J"]) await plot(p, name).first().waitFor();
  }
  const shown = async (p) =>
    (await farm.api("GET", `/v1/sessions/${id}`)).body.iteration > 3 && p.locator(".facts").textContent();
  await until("iterations", async () => /Best\d/.test((await shown(page)) || ""));
  await press(other, "Pause");
  for (const p of [page, other]) await state(p, "paused");
  await press(page, "Resume");
  for (const p of [page, other]) await state(p, "running");
  await press(page, "Pause");
  await state(page, "paused");
  await press(page, "Optimise"); // which also resumes
  await state(page, "running");
  await press(page, "Objective");
  await has(page.locator("dialog pre"), "[J]");
  await page.keyboard.press("Escape");
  await press(page, "Calculate CVs");
  await page.locator("dialog").getByLabel("FB").fill("4");
  await page.locator("dialog").getByLabel("TR").fill("80");
  await page.locator("dialog").getByRole("button", { name: "Calculate" }).click();
  await has(page.locator("dialog .facts"), "175.58855");
  await page.keyboard.press("Escape");
  await press(page, "Stop");
  await press(page, "Stop the session");
  for (const p of [page, other]) await state(p, "stopped");
  await until("it is forgotten", async () => (await farm.api("GET", `/v1/sessions/${id}`)).status === 404);
  await state(page, "stopped"); // and what it came to is still to be seen
  await other.context().close();
  await go(page, "sessions");
  await has(page.locator("main"), "No session yet.");
  await go(page, "sessions/" + id);
  await has(page.locator("main"), "No such session is known");
});

paged("formulas of one's own need no model", "sessions/new", async (page) => {
  await page.locator("select#model").selectOption("none");
  await page.getByRole("textbox", { name: /^Objective/ }).fill("([x] - 1)^2 + ([y] + 2)^2");
  for (const name of ["x", "y"]) {
    await press(page, "Add a variable");
    await page.getByLabel("Name").last().fill(name);
    await page.getByLabel("own variable lower").last().fill("-5");
    await page.getByLabel("own variable upper").last().fill("5");
  }
  await press(page, "Add a formula");
  await page.getByLabel("Name").last().fill("sum");
  await page.getByLabel("Expression").last().fill("[x] + [y]");
  await page.getByLabel("Islands").fill("2");
  await press(page, "Start");
  await started(page);
  await press(page, "Optimise");
  await state(page, "finished");
  await has(page.getByLabel("Best and last point").locator("tr", { hasText: "sum" }), "-1");
  const { best } = (await farm.api("GET", `/v1/sessions/${idOf(page)}`)).body;
  assert.ok(Math.abs(best.mvs.x - 1) < 1e-3 && Math.abs(best.mvs.y + 2) < 1e-3, JSON.stringify(best));
});

paged("what is wrong with a session is said in its form", "sessions/new", async (page) => {
  await page.locator("select#model").selectOption("williams_otto");
  await page.getByLabel("FB lower").fill("three");
  await has(page.getByRole("alert"), '"three" is no number');
  await page.getByLabel("FB lower").fill("3");
  await page.getByRole("textbox", { name: /^Objective/ }).fill("[nobody] +");
  await press(page, "Start");
  await until("why not", async () => (await page.getByRole("alert").textContent()) !== "");
});

paged("the reader is the plant: proposals come, answers are told", "sessions/new", async (page) => {
  await page.locator("select#model").selectOption("none");
  await press(page, "Add a variable");
  await page.getByLabel("Name").last().fill("u");
  await page.getByLabel("own variable lower").last().fill("0");
  await page.getByLabel("own variable upper").last().fill("4");
  await page.getByLabel("I am the plant").check();
  await page.getByLabel("Iterations").fill("6");
  await press(page, "Start");
  await started(page);
  const id = idOf(page);
  await press(page, "Optimise");
  const plant = page.getByLabel("You are the plant");
  for (let told = 0; told < 5; told++) {
    const dd = plant.locator("dd").first();
    await dd.waitFor();
    const u = Number((await farm.api("GET", `/v1/sessions/${id}/proposal?wait=20`)).body.mvs?.u);
    const before = (await farm.api("GET", `/v1/sessions/${id}`)).body.iteration;
    await until("the proposal is shown", async () => Math.abs(Number(await dd.textContent()) - u) < 1e-6);
    await plant.getByLabel("Objective").fill(String((u - 1) ** 2));
    await plant.getByRole("button", { name: "Tell" }).click();
    const now = await until("it goes on", async () => {
      const s = (await farm.api("GET", `/v1/sessions/${id}`)).body;
      return s.iteration > before && s;
    });
    if (now.state === "finished") break;
  }
  await has(page.locator(".facts"), "Best");
  assert.ok((await farm.api("GET", `/v1/sessions/${id}`)).body.best.objective >= 0);
});
