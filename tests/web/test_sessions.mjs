// SPDX-License-Identifier: Apache-2.0
//
// test_sessions: every verb of `reeve session` on the page: start with a model, with formulas of one's own,
// from a file, as the plant; optimise, pause, resume, stop; objective, CVs, the plots, the list, the status.
// At the end the verbs of the command line are counted: see verbs.mjs.
import assert from "node:assert/strict";
import test from "node:test";
import { Farm, go, launch, openPage, until } from "./harness.mjs";
import { proveVerbs } from "./verbs.mjs";

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
  await page.getByLabel("Constraints").fill("[XA] <= 0.12\n[XG] <= 0.2");
  await page.getByLabel("Method").fill("Evolutionary");
  await page.getByLabel("Iterations").fill("100000");
  await page.getByLabel("Seed").fill("7");
  await page.getByLabel("Delay").fill("0.001");
  await has(
    page.locator(".command"),
    "reeve session start --model williams_otto --method Evolutionary --mv FB:3.5.. --mv TR=80 --constraint '[XA] <= 0.12' --constraint '[XG] <= 0.2' --max-iterations 100000 --seed 7 --delay 0.001"
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
  await page.getByRole("textbox", { name: /^Objective/ }).fill("9 - ([x] - 1)^2 - ([y] + 2)^2 + [load]");
  await page.getByLabel("Look for the").selectOption("max");
  for (const name of ["x", "y"]) {
    await press(page, "Add a variable");
    await page.getByLabel("Name").last().fill(name);
    await page.getByLabel("own variable lower").last().fill("-5");
    await page.getByLabel("own variable start").last().fill("3");
    await page.getByLabel("own variable upper").last().fill("5");
  }
  const formula = async (name, text, lower, upper) => {
    await press(page, "Add a formula");
    await page.getByLabel("Name").last().fill(name);
    await page.getByLabel("Expression").last().fill(text);
    await page.getByLabel("own variable lower").last().fill(lower);
    await page.getByLabel("own variable upper").last().fill(upper);
  };
  await formula("sum", "[x] + [y]", "-8", "8");
  await formula("load", "2", "", "");
  await page.getByLabel("Islands").fill("2");
  await press(page, "Start");
  await started(page);
  await state(page, "created");
  await press(page, "Optimise"); // where x begins, and what the load is just now
  const dialog = page.locator("dialog");
  for (const [add, name, value] of [
    ["Another MV", "x", "2.5"],
    ["A constant CV", "load", "20"],
  ]) {
    await dialog.getByRole("button", { name: add }).click();
    await dialog.getByLabel("Name").last().fill(name);
    await dialog.getByLabel("Value").last().fill(value);
  }
  await dialog.getByRole("button", { name: "Optimise" }).click();
  await state(page, "finished");
  await has(page.getByLabel("Best and last point").locator("tr", { hasText: "sum" }), "-1");
  const { best } = (await farm.api("GET", `/v1/sessions/${idOf(page)}`)).body;
  assert.ok(Math.abs(best.mvs.x - 1) < 1e-3 && Math.abs(best.mvs.y + 2) < 1e-3, JSON.stringify(best));
  assert.ok(Math.abs(best.objective - 29) < 1e-3 && best.cvs.load === 20, JSON.stringify(best));
});

const open = async (page, text) => {
  const chooser = page.waitForEvent("filechooser");
  await press(page, "From a file");
  await (await chooser).setFiles({ name: "spec.json", mimeType: "application/json", buffer: Buffer.from(text) });
};

paged("a file fills in the form, and what stands there then goes over it", "sessions/new", async (page) => {
  const spec = {
    model: "williams_otto",
    mvs: [{ name: "FB", lower: 3.5, start: 4 }],
    cvs: [{ name: "XA", upper: 0.5 }],
    constraints: ["[XA] <= 0.12"],
    maximize: true,
    method: "Evolutionary",
    max_iterations: 12,
    seed: 1234567,
    islands: 2,
  };
  await page.locator("select#model").locator("option[value=williams_otto]").waitFor({ state: "attached" });
  await open(page, '{"model": "williams_otto", "objective": "[XG]"}');
  await has(page.locator(".command"), "--objective '[XG]' --minimize"); // whatever the model's own is
  await open(page, JSON.stringify(spec));
  await has(page.locator(".command"), "--seed 1234567 --islands 2");
  assert.equal(await page.getByLabel("FB start").inputValue(), "4");
  await page.getByLabel("Iterations").fill("9");
  await page.getByLabel("Look for the").selectOption("min");
  await press(page, "Start");
  await started(page);
  const { body } = await farm.api("GET", `/v1/sessions/${idOf(page)}`);
  assert.deepEqual([body.model, body.method, body.max_iterations, body.maximize], ["williams_otto", "Evolutionary", 9, false]);
  await press(page, "Stop");
  await press(page, "Stop the session");
  await state(page, "stopped");
});

paged("a file that is none is refused in the form", "sessions/new", async (page) => {
  await page.locator("select#model").locator("option[value=williams_otto]").waitFor({ state: "attached" });
  for (const [text, why] of [
    ["{", "no JSON"],
    ["[]", "not one JSON object"],
    ['{"colour": 1}', '"colour" is nothing'],
    ['{"seed": 1.5}', '"seed" is not as it must be'],
    ['{"mvs": [{"lower": 1}]}', '"mvs" is not as it must be'],
    ['{"model": "nobody"}', "No such model: nobody"],
    ['{"model": "williams_otto", "cvs": [{"name": "XA", "expression": "1"}]}', 'XA: "expression" is nothing'],
  ]) {
    await open(page, text);
    await has(page.getByRole("alert"), why);
  }
});

paged("what is wrong with a session is said in its form", "sessions/new", async (page) => {
  await page.locator("select#model").selectOption("williams_otto");
  await page.getByLabel("FB lower").fill("three");
  await has(page.getByRole("alert"), '"three" is no number');
  await page.getByLabel("FB lower").fill("3");
  await page.getByLabel("Seed").fill("1.5");
  await has(page.getByRole("alert"), '"1.5" is no whole number');
  await page.getByLabel("Seed").fill("");
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
  await press(page, "Add a formula");
  await page.getByLabel("Name").last().fill("level"); // what it comes to only the plant knows
  await page.getByLabel("own variable upper").last().fill("3");
  await page.getByLabel("I am the plant").check();
  await page.getByLabel("Iterations").fill("6");
  await press(page, "Start");
  await started(page);
  const id = idOf(page);
  await press(page, "Optimise");
  await page.keyboard.press("Enter"); // where it begins is its own business
  const plant = page.getByLabel("You are the plant");
  for (let told = 0; told < 5; told++) {
    const dd = plant.locator("dd").first();
    await dd.waitFor();
    const u = Number((await farm.api("GET", `/v1/sessions/${id}/proposal?wait=20`)).body.mvs?.u);
    const before = (await farm.api("GET", `/v1/sessions/${id}`)).body.iteration;
    await until("the proposal is shown", async () => Math.abs(Number(await dd.textContent()) - u) < 1e-6);
    await plant.getByLabel("Objective").fill(String((u - 1) ** 2));
    if (!(await plant.getByLabel("level").count())) {
      await plant.getByRole("button", { name: "Another CV" }).click(); // nobody has told of it yet
      await plant.getByLabel("Name").fill("level");
      await plant.getByLabel("Value").fill(String(u));
    } else await plant.getByLabel("level").fill(String(u));
    await plant.getByRole("button", { name: "Tell" }).click();
    const now = await until("it goes on", async () => {
      const s = (await farm.api("GET", `/v1/sessions/${id}`)).body;
      return s.iteration > before && s;
    });
    if (now.state === "finished") break;
  }
  await has(page.locator(".facts"), "Best");
  const { best } = (await farm.api("GET", `/v1/sessions/${id}`)).body;
  assert.ok(best.objective >= 0 && best.cvs.level === best.mvs.u, JSON.stringify(best));
});

paged("a list of many sessions is a page of them and the way to older ones", "sessions", async (page) => {
  const rows = page.locator("tbody tr");
  for (let i = 0; i < 51; i++) assert.equal((await farm.api("POST", "/v1/sessions", { model: "wood_berry" })).status, 201);
  const { sessions } = (await farm.api("GET", "/v1/sessions?limit=51")).body;
  await until("the newest", async () => (await rows.first().getAttribute("data-id")) === sessions[0].id);
  assert.equal(await rows.count(), 50);
  await press(page, "Older");
  await until("the next page", async () => (await rows.first().getAttribute("data-id")) === sessions[50].id);
  await press(page, "Newest");
  await until("the newest again", async () => (await rows.first().getAttribute("data-id")) === sessions[0].id);
});

test("all that `reeve session` does was done on a page", () => proveVerbs(farm, "session"));
