// SPDX-License-Identifier: Apache-2.0
//
// harness: what the tests of the page stand on: a farm of real processes on free ports, its command line
// and its API as anybody else would use them, and Debian's Chromium. Nothing here waits for a time: it
// waits for a line, a state, something on the page; DEADLINE_MS is only there so that a test that would
// hang fails. Everything started is ended by its own process id.
import { spawn } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const BUILD = process.env.REEVE_BUILD;
const CHROMIUM = process.env.REEVE_CHROMIUM || "/usr/bin/chromium";
const HANDLERS = path.join(BUILD, "tests/handlers");
const SHOTS = path.join(BUILD, "web-screenshots");
const DEADLINE_MS = 30000;
const POLL_MS = 20;

const { chromium } = createRequire(path.join(BUILD, "tests/web/"))("playwright-core");

/* --- waiting --------------------------------------------------------------------------------- */

// The first true answer of ask(), which is asked again and again; a failure names `what`.
export async function until(what, ask) {
  const end = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

// What the page takes away is not gone in the same moment as the key that takes it away.
export const gone = (locator) => until("it is gone", async () => (await locator.count()) === 0);

/* --- the farm -------------------------------------------------------------------------------- */

const PORTS = 9;

function isFree(port) {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

async function freePorts() {
  for (let base = 31010 + (process.pid % 300) * 10; base < 40000; base += 10) {
    const free = await Promise.all(Array.from({ length: PORTS }, (_, i) => isFree(base + i)));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no free block of ports");
}

function run(words, { env, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(words[0], words.slice(1), { env, stdio: ["pipe", "pipe", "pipe"] });
    const said = { out: "", err: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (said.out += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (said.err += text));
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, ...said }));
    child.stdin.on("error", () => {}); // it may not read all
    child.stdin.end(input || "");
  });
}

function children(pid) {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

function programOf(pid) {
  try {
    return path.basename(fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0")[0]);
  } catch {
    return ""; // gone already
  }
}

export class Farm {
  static async start(...options) {
    const farm = new Farm();
    farm.port = await freePorts();
    farm.folder = fs.mkdtempSync(path.join(os.tmpdir(), "reeve-web-"));
    farm.env = { ...process.env, XDG_STATE_HOME: farm.folder, REEVE_BROKER: `tcp://127.0.0.1:${farm.port}` };
    farm.started = [];
    farm.startedAt = Date.now();
    farm.up = farm.spawn("reeve", "up", "--port-base", farm.port, "--handler", path.join(HANDLERS, "misfit"), ...options);
    await until("ready", () => {
      if (farm.up.child.exitCode !== null) throw new Error(`reeve up ended: ${farm.up.said}`);
      return farm.up.lines.includes("ready");
    });
    farm.page = farm.up.lines.find((line) => line.startsWith("page ")).slice(5);
    farm.token = fs.readFileSync(path.join(farm.folder, "reeve/token"), "utf8").trim();
    return farm;
  }

  spawn(...words) {
    const child = spawn(path.join(BUILD, "bin", words[0]), words.slice(1).map(String), {
      env: this.env,
      cwd: this.folder,
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const started = { child, lines: [], said: "" };
    this.started.push(started);
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      const parts = (rest + text).split("\n");
      rest = parts.pop();
      started.lines.push(...parts);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => (started.said += text));
    return started;
  }

  // A worker beside those of `reeve up`.
  worker(...options) {
    return this.spawn("reeve-worker", "--broker", `tcp://127.0.0.1:${this.port + 1}`, ...options);
  }

  // What the command line prints; it must go well.
  async reeve(...words) {
    const { status, out, err } = await run([path.join(BUILD, "bin/reeve"), ...words.map(String)], { env: this.env });
    if (status !== 0) throw new Error(`reeve ${words.join(" ")}: exit ${status}: ${err}`);
    return out.trimEnd();
  }

  // Lines to a command that reads them.
  async feed(input, ...words) {
    const { out } = await run([path.join(BUILD, "bin/reeve"), ...words.map(String)], { env: this.env, input });
    return out.trimEnd();
  }

  async api(method, address, body) {
    const response = await fetch(this.page.replace(/\/$/, "") + address, {
      method,
      headers: { Authorization: `Bearer ${this.token}`, ...(method === "GET" ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? (method === "POST" ? "{}" : undefined) : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  }

  // An end of a stream of updates of our own: what came so far, and what ends it.
  async updates(...topics) {
    const abort = new AbortController();
    const response = await fetch(`${this.page}v1/updates?` + topics.map((t) => "topic=" + encodeURIComponent(t)).join("&"), {
      headers: { Authorization: `Bearer ${this.token}` },
      signal: abort.signal,
    });
    const seen = [];
    const reading = (async () => {
      let rest = "";
      const decoder = new TextDecoder();
      for await (const piece of response.body) {
        const parts = (rest + decoder.decode(piece, { stream: true })).split("\n");
        rest = parts.pop();
        for (const line of parts) if (line.startsWith("data: ")) seen.push(JSON.parse(line.slice(6)));
      }
    })().catch(() => {});
    return {
      seen,
      close: () => {
        abort.abort();
        return reading;
      },
    };
  }

  // The process of this program below `reeve up`.
  processOf(program) {
    return children(this.up.child.pid).find((pid) => programOf(pid) === program);
  }

  // kill -9; `reeve up` starts another one.
  kill(program) {
    process.kill(this.processOf(program), "SIGKILL");
  }

  // Each was made the head of a process group, so nothing else is met; a job that never ends holds up nothing.
  async stop() {
    for (const { child } of this.started) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const over = new Promise((resolve) => child.once("exit", resolve));
      process.kill(-child.pid, "SIGKILL");
      await over;
    }
    fs.rmSync(this.folder, { recursive: true, force: true });
  }
}

/* --- the browser ------------------------------------------------------------------------------ */

export function launch() {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

// What all pages asked the farm for and were answered well, in order: {page, method, path, query, topics, body};
// method "file": a file was asked for.
export const asked = [];
let opened = 0;

function record(page) {
  const number = ++opened;
  page.on("filechooser", () => asked.push({ page: number, method: "file", path: "", topics: [] }));
  page.on("response", (response) => {
    const request = response.request();
    const { pathname, searchParams } = new URL(request.url());
    if (!response.ok() || !pathname.startsWith("/v1/")) return;
    asked.push({
      page: number,
      method: request.method(),
      path: pathname,
      query: searchParams,
      topics: searchParams.getAll("topic"),
      body: request.postDataJSON(),
    });
  });
}

export const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };

// A page of its own (another reader, as far as the farm knows) that has the token. Whatever the browser
// complains about, the policy first of all, is in .complaints.
export async function openPage(
  browser,
  farm,
  where = "",
  { size = SIZES.desktop, colorScheme = "light", token = farm.token, storage = {} } = {}
) {
  const context = await browser.newContext({ viewport: size, colorScheme, reducedMotion: "reduce" });
  const kept = { ...(token ? { "reeve.token": token } : {}), ...storage };
  await context.addInitScript((all) => {
    for (const [key, value] of Object.entries(all)) if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
  }, kept);
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE_MS);
  page.complaints = [];
  record(page);
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) page.complaints.push(message.text());
  });
  page.on("dialog", (dialog) => {
    page.complaints.push("a dialog of the browser: " + dialog.message());
    dialog.dismiss();
  });
  await page.goto(farm.page + "#/" + where);
  if (token) await page.waitForSelector("body[data-stream=live]");
  return page;
}

export const go = (page, where) =>
  page.evaluate((hash) => {
    location.hash = hash;
  }, "#/" + where);

export async function shot(page, name) {
  fs.mkdirSync(SHOTS, { recursive: true });
  await page.screenshot({ path: path.join(SHOTS, name + ".png") });
}
